//! Scores for labels nobody has trained, from the similarity between a text and each label's name in a sentence.
//!
//! Not here: trained heads, thresholds. The scores rank labels well and are rough as probabilities.

use std::ops::ControlFlow;

use super::{Embeddings, Encoder, ModelError};

/// The sentence a label's name is put into when nothing else is said.
pub const DEFAULT_TEMPLATE: &str = "This text is about {}.";

/// Differences of cosines are divided by this before they become probabilities. Chosen for the spread of cosines that
/// `all-MiniLM-L6-v2` gives; it changes how sure scores look, not which label is first.
pub const TEMPERATURE: f64 = 0.05;

/// What stands in the template for "no label in particular": several labels at once are each compared with it.
const NEUTRAL: &str = "something";

/// Why there are no scores.
#[derive(Debug, thiserror::Error)]
pub enum ZeroShotError {
    /// The template has no place for the label, or several.
    #[error("the template must contain {{}} exactly once, where the label's name goes: {0:?}")]
    Template(String),
    /// Nothing to choose from.
    #[error("there are no labels to compare with; add at least one")]
    NoLabels,
    /// A label without a name.
    #[error("label {0} has an empty name, which cannot be compared with a text; name it")]
    EmptyLabel(usize),
    /// The texts were embedded by an encoder of another width.
    #[error("the embeddings have {found} values per text, but this encoder makes {expected}; embed the texts again")]
    Dim {
        /// Of this encoder.
        expected: usize,
        /// Of the embeddings.
        found: usize,
    },
    /// The encoder could not be used.
    #[error(transparent)]
    Model(#[from] ModelError),
}

/// The sentences that stand for the labels.
///
/// # Errors
/// When the template does not contain `{}` exactly once, there are no labels, or one has no name.
pub fn sentences<S: AsRef<str>>(labels: &[S], template: &str) -> Result<Vec<String>, ZeroShotError> {
    if template.matches("{}").count() != 1 {
        return Err(ZeroShotError::Template(template.into()));
    }
    if labels.is_empty() {
        return Err(ZeroShotError::NoLabels);
    }
    if let Some(at) = labels.iter().position(|label| label.as_ref().trim().is_empty()) {
        return Err(ZeroShotError::EmptyLabel(at + 1));
    }
    Ok(labels
        .iter()
        .map(|label| template.replace("{}", label.as_ref().trim()))
        .collect())
}

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
    let most = labels.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> = labels
        .iter()
        .map(|cosine| ((cosine - most) / TEMPERATURE).exp())
        .collect();
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|weight| (weight / sum) as f32).collect()
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
    fn templates_and_labels_are_checked() {
        assert_eq!(
            sentences(&["sport", " Home & Garden "], "On {}!").unwrap(),
            ["On sport!", "On Home & Garden!"]
        );
        for template in ["no place", "{} and {}", ""] {
            assert!(
                matches!(sentences(&["a"], template), Err(ZeroShotError::Template(_))),
                "{template}"
            );
        }
        assert!(matches!(
            sentences::<&str>(&[], DEFAULT_TEMPLATE),
            Err(ZeroShotError::NoLabels)
        ));
        assert!(matches!(
            sentences(&["a", " "], DEFAULT_TEMPLATE),
            Err(ZeroShotError::EmptyLabel(2))
        ));
        // A label may itself contain the placeholder.
        assert_eq!(sentences(&["{}"], "On {}.").unwrap(), ["On {}."]);
    }

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
}
