//! Examples in prompts: labelled texts shown before the one that is asked about.

use super::super::{Question, ZeroShotError};
use crate::model::{Embeddings, Input};

/// A text with its labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// The text.
    pub text: String,
    /// Places among [`Question::asked`].
    pub labels: Vec<usize>,
}

/// Labelled texts, and for each text that is asked about which of them are shown, the nearest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Nearest {
    /// The labelled texts.
    pub pool: Vec<Example>,
    /// For each text, places in `pool`.
    pub ranks: Vec<Vec<usize>>,
}

/// Texts to one row each.
pub type EmbedTexts = Box<dyn FnMut(&[Input<'_>]) -> Result<Embeddings, ZeroShotError> + Send>;

/// Finds the examples of a question that are nearest to the texts.
pub struct Ranker {
    k: usize,
    embed: EmbedTexts,
    /// The examples that were embedded last, by their texts.
    known: Option<(Vec<Example>, Embeddings)>,
}

impl Ranker {
    /// `k` examples a text, by what `embed` says.
    pub fn new(k: usize, embed: EmbedTexts) -> Ranker {
        Ranker { k, embed, known: None }
    }

    /// The examples of all labels that are asked about, ranked for each text; a text's own copy is never among its nearest.
    ///
    /// # Errors
    /// Those of the embedding.
    pub fn rank(&mut self, question: &Question, texts: &[Input<'_>]) -> Result<Nearest, ZeroShotError> {
        let most = question.asked().map(|label| label.examples.len()).max().unwrap_or(0);
        let pool = per_label(question, most);
        if pool.is_empty() {
            return Ok(Nearest::default());
        }
        let (known, embedded) = match self.known.take().filter(|(known, _)| *known == pool) {
            Some(known) => known,
            None => {
                let shown: Vec<Input<'_>> = pool.iter().map(|example| Input::from(&example.text)).collect();
                let embedded = (self.embed)(&shown)?;
                (pool, embedded)
            }
        };
        let mut ranks = nearest(&(self.embed)(texts)?, &embedded, self.k + 1)?;
        for (ranks, text) in ranks.iter_mut().zip(texts) {
            ranks.retain(|at| known.get(*at).is_some_and(|of| of.text.trim() != text.text.trim()));
            ranks.truncate(self.k);
        }
        let pool = known.clone();
        self.known = Some((known, embedded));
        Ok(Nearest { pool, ranks })
    }
}

/// For each text the `k` of a pool whose embeddings are nearest by cosine, the nearest first; of equals the earlier one.
///
/// # Errors
/// [`ZeroShotError::Dim`] for embeddings of different widths.
pub fn nearest(texts: &Embeddings, pool: &Embeddings, k: usize) -> Result<Vec<Vec<usize>>, ZeroShotError> {
    if texts.dim != pool.dim {
        return Err(ZeroShotError::Dim {
            expected: texts.dim,
            found: pool.dim,
        });
    }
    let dot = |a: &[f32], b: &[f32]| -> f64 { a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum() };
    let rows =
        |of: &Embeddings| -> Vec<Vec<f32>> { of.data.chunks_exact(of.dim.max(1)).map(<[f32]>::to_vec).collect() };
    let pool: Vec<(Vec<f32>, f64)> = rows(pool)
        .into_iter()
        .map(|row| (row.clone(), dot(&row, &row).sqrt().max(1e-8)))
        .collect();
    let of_text = |text: Vec<f32>| {
        let cosines: Vec<f64> = pool.iter().map(|(row, length)| dot(&text, row) / length).collect();
        let mut order: Vec<usize> = (0..pool.len()).collect();
        order.sort_by(|a, b| cosines[*b].total_cmp(&cosines[*a]));
        order.truncate(k);
        order
    };
    Ok(rows(texts).into_iter().map(of_text).collect())
}

/// The first `k` examples of each label that is asked about: the first of every label, then the second of every label, so that leaving out
/// the last ones leaves the labels even. A text that several labels have is shown once, with all of them. Labels are places among
/// [`Question::asked`].
pub fn per_label(question: &Question, k: usize) -> Vec<Example> {
    let labels: Vec<_> = question.asked().collect();
    let mut shots: Vec<Example> = Vec::new();
    for round in 0..k {
        for label in &labels {
            let Some(text) = label.examples.get(round) else {
                continue;
            };
            if shots.iter().any(|shot| shot.text == *text) {
                continue;
            }
            let has = |at: &usize| labels[*at].examples.contains(text);
            shots.push(Example {
                text: text.clone(),
                labels: (0..labels.len()).filter(has).collect(),
            });
        }
    }
    shots
}

#[cfg(test)]
mod tests {
    use super::super::super::LabelText;
    use super::*;

    #[test]
    fn the_nearest_come_first() {
        let embeddings = |data: &[f32]| Embeddings {
            dim: 2,
            data: data.to_vec(),
        };
        let pool = embeddings(&[1.0, 0.0, 0.0, 5.0, 1.0, 1.0, -1.0, 0.0]);
        let ranks = nearest(&embeddings(&[2.0, 0.1, 0.0, 1.0]), &pool, 3).unwrap();
        assert_eq!(ranks, [vec![0, 2, 1], vec![1, 2, 0]]);
        let other = Embeddings {
            dim: 1,
            data: vec![1.0],
        };
        assert!(matches!(nearest(&other, &pool, 1), Err(ZeroShotError::Dim { .. })));
    }

    #[test]
    fn labels_take_turns() {
        let label = |name: &str, examples: &[&str]| LabelText {
            examples: examples.iter().map(|text| (*text).to_owned()).collect(),
            ..LabelText::named(name)
        };
        let labels = vec![label("a", &["1", "2"]), label("b", &["3", "1", "4"]), label("c", &[])];
        let question = Question::new(labels, ["{}"], true).unwrap();
        let shots = per_label(&question, 2);
        let shown: Vec<(&str, &[usize])> = shots
            .iter()
            .map(|shot| (shot.text.as_str(), shot.labels.as_slice()))
            .collect();
        assert_eq!(shown, [("1", &[0, 1][..]), ("3", &[1]), ("2", &[0])]);
    }
}
