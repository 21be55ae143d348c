//! Texts that are embedded already beside what labels say in the words of a template: the steps of similarity, so that a change of one
//! wording, or of the temperature, computes nothing again that stays as it was.

use super::prototypes::{Prototypes, cosines, unit};
use super::{LabelText, Pile, Question, Rows, ZeroShotError, softmax};
use crate::model::{Embeddings, label_names};

/// What stands in the template for "no label in particular": several labels at once are each compared with it.
const NEUTRAL: &str = "something";

/// Sentences to one row each, which may be known already.
pub type Embed<'a> = &'a mut dyn FnMut(&[String]) -> Result<Embeddings, ZeroShotError>;

/// What the labels of a question say in the words of one template.
#[derive(Debug, Clone, PartialEq)]
pub struct Wording {
    /// A row for each of [`Question::asked`]: its sentence, and the middle between that and its examples where it has some.
    labels: Embeddings,
    /// The one row of the sentence about nothing in particular.
    neutral: Embeddings,
}

impl Wording {
    /// Embeds the sentences of `question` in the words of `template`.
    ///
    /// # Errors
    /// Those of `embed`.
    pub fn new(question: &Question, template: &str, embed: Embed<'_>) -> Result<Wording, ZeroShotError> {
        let sentence = |label: &LabelText| label.in_words(template, label_names::as_words);
        let sentences: Vec<String> = question.asked().map(sentence).collect();
        let mut labels = embed(&sentences)?;
        let dim = labels.dim;
        for (label, row) in question.asked().zip(labels.data.chunks_exact_mut(dim.max(1))) {
            if label.examples.is_empty() {
                continue;
            }
            let of_unit = |row: &[f32]| 1.0 / row.iter().map(|x| x * x).sum::<f32>().sqrt().max(1e-9);
            let scale = of_unit(row);
            row.iter_mut().for_each(|x| *x *= scale);
            let examples = embed(&label.examples)?;
            for example in examples.data.chunks_exact(dim.max(1)) {
                let scale = of_unit(example);
                row.iter_mut().zip(example).for_each(|(x, y)| *x += scale * y);
            }
        }
        let neutral = embed(&[LabelText::named(NEUTRAL).in_words(template, str::to_owned)])?;
        Ok(Wording { labels, neutral })
    }
}

/// Cosines between texts and labels, and what follows from them.
#[derive(Debug, Clone)]
pub struct Compared {
    n_labels: usize,
    multi: bool,
    how: How,
}

#[derive(Debug, Clone)]
enum How {
    /// The texts were read.
    Read(Prototypes),
    /// `(n_texts, n_labels)` cosines, and of each text the one to the neutral sentence.
    Plain(Vec<f32>, Vec<f32>),
}

impl Compared {
    /// Compares `texts`, `(n_texts, dim)` with rows of length 1 (`unit`), with a wording of the same width. `multi`: each label is scored by itself.
    pub fn new(wording: &Wording, texts: &Embeddings, multi: bool, pile: Pile) -> Compared {
        let how = match pile.reads(texts.len()) {
            true => How::Read(Prototypes::from_unit_texts(&wording.labels, texts, multi)),
            false => How::Plain(
                cosines(texts, &unit(&wording.labels)),
                cosines(texts, &unit(&wording.neutral)),
            ),
        };
        Compared {
            n_labels: wording.labels.len(),
            multi,
            how,
        }
    }

    /// Whether the texts moved what labels mean.
    pub fn read_texts(&self) -> bool {
        matches!(self.how, How::Read(_))
    }

    /// `(n_texts, n_labels)` cosines, row-major: what the scores are made of.
    pub fn cosines(&self) -> &[f32] {
        match &self.how {
            How::Read(read) => read.cosines(),
            How::Plain(cosines, _) => cosines,
        }
    }

    /// For each label the rows of the texts most like it, most typical first; empty where the texts were not read.
    pub fn typical(&self) -> &[Vec<usize>] {
        match &self.how {
            How::Read(read) => &read.typical,
            How::Plain(..) => &[],
        }
    }

    /// One score in 0..=1 per text and label, as [`super::similarity()`] has it.
    pub fn scores(&self, temperature: f64) -> Rows {
        match &self.how {
            How::Read(read) if self.multi => read.each_by_itself(),
            How::Read(read) => read.shares(temperature),
            How::Plain(cosines, neutral) => cosines
                .chunks_exact(self.n_labels.max(1))
                .zip(neutral)
                .map(|(labels, neutral)| scores(labels, *neutral, self.multi, temperature))
                .collect(),
        }
    }
}

/// Scores from the cosines to each label and to the neutral sentence.
fn scores(labels: &[f32], neutral: f32, multi: bool, temperature: f64) -> Vec<f32> {
    if multi {
        let score = |cosine: &f32| (1.0 / (1.0 + (f64::from(neutral - cosine) / temperature).exp())) as f32;
        return labels.iter().map(score).collect();
    }
    let logits: Vec<f64> = labels.iter().map(|cosine| f64::from(*cosine) / temperature).collect();
    softmax(&logits).into_iter().map(|score| score as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::super::TEMPERATURE;
    use super::*;

    #[test]
    fn scores_follow_the_cosines() {
        let single = scores(&[0.5, 0.45, 0.1], 0.9, false, TEMPERATURE);
        assert_eq!(single.len(), 3);
        assert!((single.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        // e⁰ : e⁻¹ : e⁻⁸
        assert!((single[0] / single[1] - std::f32::consts::E).abs() < 1e-4 && single[2] < 1e-3);

        let multi = scores(&[0.5, 0.2, 0.1], 0.2, true, TEMPERATURE);
        assert!(
            multi[0] > 0.99 && multi[1] == 0.5 && (0.1..0.2).contains(&multi[2]),
            "{multi:?}"
        );
    }
}
