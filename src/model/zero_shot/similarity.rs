//! The similarity between a text and each label's name in a sentence. The scores rank labels well and are rough as probabilities.

use std::ops::ControlFlow;

use super::{Answer, Engine, Meter, OnProgress, Question, ZeroShotError, sentences, softmax};
use crate::model::{Embeddings, Encoder, Input};

/// The sentence a label's name is put into when nothing else is said.
pub const DEFAULT_TEMPLATE: &str = "This text is about {}.";

/// Differences of cosines are divided by this before they become probabilities. Chosen for the spread of cosines that
/// `all-MiniLM-L6-v2` gives; it changes how sure scores look, not which label is first.
pub const TEMPERATURE: f64 = 0.05;

/// What stands in the template for "no label in particular": several labels at once are each compared with it.
const NEUTRAL: &str = "something";

/// One score in 0..=1 per text and label, `(n_texts, n_labels)`, from embeddings of the texts that are there already.
///
/// With one answer per text the scores are a softmax over the cosines divided by [`TEMPERATURE`], and rows sum to 1. With
/// `multi`, each label is scored by itself: the same softmax over two sentences, the label's and a neutral one ("This text is
/// about something."), so 0.5 means "no closer to this label than to nothing in particular". Comparing with the encoder's own
/// idea of "nothing" is what makes the scores mean the same on encoders whose cosines all lie between 0.7 and 1.
///
/// # Errors
/// Those of [`sentences`]; embeddings of another width; whatever the encoder reports.
pub fn similarity<S: AsRef<str>>(
    encoder: &Encoder,
    texts: &Embeddings,
    labels: &[S],
    template: &str,
    multi: bool,
) -> Result<Vec<Vec<f32>>, ZeroShotError> {
    let mut sentences = sentences(labels, template)?;
    if texts.dim != encoder.dim() {
        return Err(ZeroShotError::Dim {
            expected: encoder.dim(),
            found: texts.dim,
        });
    }
    sentences.push(template.replace("{}", NEUTRAL));
    let sentences: Vec<&str> = sentences.iter().map(String::as_str).collect();
    let prototypes = encoder.embed(&sentences, &mut |_| ControlFlow::Continue(()))?;
    Ok(rows(texts)
        .map(|text| scores(&cosines(text, &prototypes), multi))
        .collect())
}

/// Similarity as an engine: embeds the texts it is given. Reads pairs of texts too.
pub struct Similarity {
    encoder: Encoder,
}

impl Similarity {
    /// With this encoder.
    pub fn new(encoder: Encoder) -> Similarity {
        Similarity { encoder }
    }
}

impl Engine for Similarity {
    fn name(&self) -> &'static str {
        "similarity"
    }

    fn model(&self) -> &str {
        self.encoder.name()
    }

    fn score(
        &mut self,
        texts: &[Input<'_>],
        question: &Question,
        on_progress: OnProgress<'_>,
    ) -> Result<Answer, ZeroShotError> {
        let mut meter = Meter::new(texts.len(), texts.len(), on_progress);
        let mut n_done = 0;
        let embedded = self.encoder.embed(texts, &mut |done| {
            let more = done - n_done;
            n_done = done;
            match meter.advance(more) {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            }
        })?;
        let asked: Vec<&str> = question.asked().map(|label| label.words()).collect();
        let of_template =
            |template: &String| similarity(&self.encoder, &embedded, &asked, template, question.each_by_itself());
        let of_templates = question.templates().iter().map(of_template);
        Ok(Answer::new(question, of_templates.collect::<Result<_, _>>()?))
    }
}

fn rows(embeddings: &Embeddings) -> impl Iterator<Item = &[f32]> {
    embeddings.data.chunks_exact(embeddings.dim.max(1))
}

/// Scores from the cosines to each label and, last, to the neutral sentence.
fn scores(cosines: &[f64], multi: bool) -> Vec<f32> {
    let Some((neutral, labels)) = cosines.split_last() else {
        return Vec::new();
    };
    if multi {
        return labels
            .iter()
            .map(|cosine| (1.0 / (1.0 + ((neutral - cosine) / TEMPERATURE).exp())) as f32)
            .collect();
    }
    let logits: Vec<f64> = labels.iter().map(|cosine| cosine / TEMPERATURE).collect();
    softmax(&logits).into_iter().map(|score| score as f32).collect()
}

fn cosines(text: &[f32], prototypes: &Embeddings) -> Vec<f64> {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    let of = |prototype| {
        let lengths = (dot(text, text) * dot(prototype, prototype)).sqrt();
        dot(text, prototype) / lengths.max(1e-8)
    };
    rows(prototypes).map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::tiny_encoder;

    #[test]
    fn scores_follow_the_cosines() {
        let single = scores(&[0.5, 0.45, 0.1, 0.9], false);
        assert_eq!(single.len(), 3);
        assert!((single.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        // e⁰ : e⁻¹ : e⁻⁸
        assert!((single[0] / single[1] - std::f32::consts::E).abs() < 1e-4 && single[2] < 1e-3);

        let multi = scores(&[0.5, 0.2, 0.1, 0.2], true);
        assert!(
            multi[0] > 0.99 && multi[1] == 0.5 && (0.1..0.2).contains(&multi[2]),
            "{multi:?}"
        );
    }

    #[test]
    fn a_text_equal_to_a_labels_sentence_gets_that_label() {
        let encoder = tiny_encoder(1);
        let labels = ["cat", "market", "team"];
        let texts: Vec<String> = sentences(&labels, "the {} runs").unwrap();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let embedded = encoder.embed(&texts, &mut |_| ControlFlow::Continue(())).unwrap();
        for multi in [false, true] {
            let rows = similarity(&encoder, &embedded, &labels, "the {} runs", multi).unwrap();
            for (i, row) in rows.iter().enumerate() {
                let best = (0..3).max_by(|a, b| row[*a].total_cmp(&row[*b])).unwrap();
                assert!(best == i && row.iter().all(|p| (0.0..=1.0).contains(p)), "{i}: {row:?}");
            }
        }
        let narrow = Embeddings {
            dim: 2,
            data: vec![0.0; 4],
        };
        assert!(matches!(
            similarity(&encoder, &narrow, &labels, "{}", false),
            Err(ZeroShotError::Dim { .. })
        ));
    }

    #[test]
    fn as_an_engine_it_gives_the_same_scores() {
        let mut engine = Similarity::new(tiny_encoder(1));
        let texts = ["the cat sleeps", "a red market", "team"];
        let inputs = texts.map(Input::from);
        let question = Question::about(&["cat", "market", "cat"], ["the {} runs", "a {}"], false).unwrap();
        let mut last = None;
        let answer = engine
            .score(&inputs, &question, &mut |progress| {
                last = Some((progress.done, progress.total));
                ControlFlow::Continue(())
            })
            .unwrap();
        assert_eq!(last, Some((3, 3)));
        let encoder = tiny_encoder(1);
        let embedded = encoder.embed(&texts, &mut |_| ControlFlow::Continue(())).unwrap();
        let rows = similarity(&encoder, &embedded, &["cat", "market"], "a {}", false).unwrap();
        for (ours, row) in answer.by_template[1].iter().zip(&rows) {
            assert_eq!(*ours, [row[0], row[1], row[0]]);
        }
        let stopped = engine.score(&inputs, &question, &mut |_| ControlFlow::Break(()));
        assert!(matches!(stopped, Err(ZeroShotError::Stopped)));
    }
}
