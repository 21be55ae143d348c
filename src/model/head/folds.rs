//! Probabilities of training texts by heads that did not see them.

use rand::seq::SliceRandom;
use rayon::prelude::*;

use super::{HeadError, LogisticHead, Targets};
use crate::core::rng;
use crate::model::Embeddings;

/// Texts of one fold with their scores.
type Scored = Vec<(usize, Vec<f32>)>;

/// Scores every text by a head fitted without its fold: `(n_texts, n_labels)`, for thresholds and honest estimates.
///
/// Folds are stratified by label (multi-label: by a text's rarest label) and drawn from `seed`; there are `k` of them,
/// or one per text where there are fewer texts. The only example of a label is scored by a head that never saw the
/// label, so it gets 0 there. `None` when too few examples are left to fit on for some fold, as when one of two
/// labels has a single example.
///
/// # Errors
/// Those of [`LogisticHead::fit`] on all the texts.
pub fn out_of_fold(
    x: &Embeddings,
    targets: &Targets,
    n_labels: usize,
    k: usize,
    seed: u64,
    c: f64,
) -> Result<Option<Vec<Vec<f32>>>, HeadError> {
    let counts = super::check(x, targets, n_labels, c)?;
    let n = targets.len();
    let k = k.min(n);
    if k < 2 {
        return Ok(None);
    }
    let fold_of = deal(targets, &counts, k, seed);
    let by_fold: Vec<Option<Scored>> = (0..k)
        .into_par_iter()
        .map(|fold| {
            let (held_out, kept): (Vec<usize>, Vec<usize>) = (0..n).partition(|i| fold_of[*i] == fold);
            match LogisticHead::fit(&select(x, &kept), &targets.select(&kept), n_labels, c) {
                Ok(head) => {
                    let scores = head.predict_proba(&select(x, &held_out))?;
                    Ok(Some(held_out.into_iter().zip(scores).collect()))
                }
                Err(HeadError::OneLabel | HeadError::EveryLabelConstant | HeadError::NoTexts) => Ok(None),
                Err(error) => Err(error),
            }
        })
        .collect::<Result<_, HeadError>>()?;
    let Some(by_fold) = by_fold.into_iter().collect::<Option<Vec<_>>>() else {
        return Ok(None);
    };
    let mut scored: Scored = by_fold.into_iter().flatten().collect();
    scored.sort_unstable_by_key(|(text, _)| *text);
    Ok(Some(scored.into_iter().map(|(_, scores)| scores).collect()))
}

/// The fold, below `k`, of each text: texts of one stratum go to folds in turn, and the next stratum goes on where that one ended.
pub fn deal(targets: &Targets, counts: &[usize], k: usize, seed: u64) -> Vec<usize> {
    let mut strata: Vec<Vec<usize>> = vec![Vec::new(); counts.len() + 1];
    for i in 0..targets.len() {
        let rarest = targets.of(i).iter().min_by_key(|label| (counts[**label], **label));
        strata[rarest.copied().unwrap_or(counts.len())].push(i);
    }
    let mut rng = rng::stream(seed, "folds");
    let mut fold_of = vec![0; targets.len()];
    let mut next = 0;
    for mut stratum in strata {
        stratum.shuffle(&mut rng);
        for text in stratum {
            fold_of[text] = next % k;
            next += 1;
        }
    }
    fold_of
}

fn select(x: &Embeddings, rows: &[usize]) -> Embeddings {
    let data = rows
        .iter()
        .flat_map(|row| &x.data[row * x.dim..(row + 1) * x.dim])
        .copied()
        .collect();
    Embeddings { dim: x.dim, data }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_clouds(n_each: usize) -> (Embeddings, Targets) {
        let labels: Vec<usize> = (0..2 * n_each).map(|i| i % 2).collect();
        let data = labels
            .iter()
            .enumerate()
            .flat_map(|(i, label)| [*label as f32 * 2.0 - 1.0, (i as f32).sin() * 0.1]);
        (
            Embeddings {
                dim: 2,
                data: data.collect(),
            },
            Targets::Single(labels),
        )
    }

    #[test]
    fn every_text_is_scored_once_by_a_head_that_did_not_see_it() {
        let (mut x, targets) = two_clouds(10);
        // Text 0 sits in the other cloud: a head that saw it would bend towards it, one that did not calls it label 1.
        x.data[0] = 1.0;
        let scores = out_of_fold(&x, &targets, 2, 5, 3, 100.0).unwrap().unwrap();
        assert_eq!(scores.len(), 20);
        assert!(scores[0][1] > 0.9, "{:?}", scores[0]);
        for (i, row) in scores.iter().enumerate().skip(1) {
            assert!(row[i % 2] > 0.5, "{i}: {row:?}");
        }
        assert_eq!(scores, out_of_fold(&x, &targets, 2, 5, 3, 100.0).unwrap().unwrap());
        assert_ne!(scores, out_of_fold(&x, &targets, 2, 5, 4, 100.0).unwrap().unwrap());
    }

    #[test]
    fn folds_are_stratified() {
        let targets = Targets::Single((0..60).map(|i| usize::from(i % 6 == 0)).collect());
        let fold_of = deal(&targets, &[50, 10], 5, 0);
        for fold in 0..5 {
            let rare = (0..60).filter(|i| fold_of[*i] == fold && i % 6 == 0).count();
            let all = fold_of.iter().filter(|f| **f == fold).count();
            assert_eq!((rare, all), (2, 12));
        }
    }

    #[test]
    fn a_single_example_is_scored_without_its_label_and_two_labels_need_more() {
        let (mut x, _) = two_clouds(4);
        x.data.extend([0.0, 5.0]);
        let mut labels: Vec<usize> = (0..8).map(|i| i % 2).collect();
        labels.push(2);
        let scores = out_of_fold(&x, &Targets::Single(labels), 3, 4, 0, 1.0)
            .unwrap()
            .unwrap();
        assert_eq!(scores[8][2], 0.0);

        let x = Embeddings {
            dim: 1,
            data: vec![0.0, 0.1, 0.2, 1.0],
        };
        assert_eq!(
            out_of_fold(&x, &Targets::Single(vec![0, 0, 0, 1]), 2, 2, 0, 1.0),
            Ok(None)
        );
    }

    #[test]
    fn multi_label_folds_follow_the_rarest_label() {
        let labels: Vec<Vec<usize>> = (0..20)
            .map(|i| {
                if i < 4 {
                    vec![0, 1]
                } else if i < 14 {
                    vec![0]
                } else {
                    vec![]
                }
            })
            .collect();
        let x = Embeddings {
            dim: 1,
            data: (0..20).map(|i| i as f32 / 10.0).collect(),
        };
        let scores = out_of_fold(&x, &Targets::Multi(labels), 3, 4, 0, 1.0).unwrap().unwrap();
        assert_eq!(scores.len(), 20);
        assert!(scores.iter().all(|row| row.len() == 3 && row[2] == 0.0));
    }
}
