//! Similarity whose scores are as sure as labelled texts say they may be.

use super::prototypes::fitted_temperature;
use super::{Pile, Question, Similar, TEMPERATURE, ZeroShotError, similarity, softmax};
use crate::model::{Embeddings, Encoder};

/// [`similarity()`] at the temperature that fits `truth` best, and that temperature; at [`TEMPERATURE`] and `None` where fewer than eight
/// texts are known or labels are scored by themselves, each of which has no temperature.
///
/// `truth`: rows of `texts` and the columns of their labels. Give texts that train only: a temperature fitted on test texts would flatter.
/// The order of the labels of a text stays as it is.
///
/// # Errors
/// Those of [`similarity()`].
pub fn fitted_similarity(
    encoder: &Encoder,
    texts: &Embeddings,
    (question, template): (&Question, &str),
    pile: Pile,
    truth: &[(usize, usize)],
) -> Result<(Similar, Option<f64>), ZeroShotError> {
    let mut similar = similarity(encoder, texts, (question, template), pile, TEMPERATURE)?;
    if question.each_by_itself() {
        return Ok((similar, None));
    }
    let n_asked = question.asked().len();
    let asked: Vec<(usize, usize)> = truth
        .iter()
        .filter_map(|(row, label)| Some((*row, question.asked_at(*label)?)))
        .collect();
    let fitted = fitted_temperature(&similar.cosines, n_asked, &asked);
    if let Some(temperature) = fitted {
        let row = |cosines: &[f32]| {
            let logits: Vec<f64> = cosines.iter().map(|cosine| f64::from(*cosine) / temperature).collect();
            softmax(&logits).into_iter().map(|score| score as f32).collect()
        };
        similar.scores = similar.cosines.chunks_exact(n_asked.max(1)).map(row).collect();
    }
    Ok((similar, fitted))
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::*;
    use crate::model::testing::tiny_encoder;

    #[test]
    fn known_labels_set_the_sureness_and_not_the_order() {
        let encoder = tiny_encoder(1);
        let texts: Vec<String> = (0..12)
            .map(|at| format!("the cat {} runs", ["team", "market"][at % 2]))
            .collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let embedded = encoder.embed(&texts, &mut |_| ControlFlow::Continue(())).unwrap();
        // A label that is there twice is asked about once.
        let question = Question::about(&["cat", "cat", "market"], ["a {}"], false).unwrap();
        let of = |truth: &[(usize, usize)]| {
            fitted_similarity(&encoder, &embedded, (&question, "a {}"), Pile::Off, truth).unwrap()
        };
        let (plain, none) = of(&[(0, 0)]);
        assert_eq!(none, None);
        let best = |row: &Vec<f32>| usize::from(row[1] > row[0]);
        let right: Vec<(usize, usize)> = plain.scores.iter().map(|row| [1, 2][best(row)]).enumerate().collect();
        let (sure, low) = of(&right);
        let wrong: Vec<(usize, usize)> = plain.scores.iter().map(|row| [2, 1][best(row)]).enumerate().collect();
        let (unsure, high) = of(&wrong);
        assert!(low.unwrap() < high.unwrap());
        for ((plain, sure), unsure) in plain.scores.iter().zip(&sure.scores).zip(&unsure.scores) {
            assert_eq!((best(plain), best(plain)), (best(sure), best(unsure)));
            assert!((sure.iter().sum::<f32>() - 1.0).abs() < 1e-5);
            assert!(sure[best(sure)] > unsure[best(unsure)]);
        }
        let multi = Question::about(&["cat", "market"], ["a {}"], true).unwrap();
        let (_, none) = fitted_similarity(&encoder, &embedded, (&multi, "a {}"), Pile::Off, &right).unwrap();
        assert_eq!(none, None);
    }
}
