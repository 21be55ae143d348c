//! Texts scored by heads that did not see them.

use rand::seq::SliceRandom;
use rayon::prelude::*;

use super::{Examples, FitSettings, Head, HeadError, Targets};
use crate::core::rng;
use crate::model::Embeddings;

/// Scores every text by a head fitted without its fold: `(n_texts, n_labels)`, for thresholds and honest estimates.
///
/// Folds are stratified by label (multi-label: by a text's rarest label) and drawn from `seed`; there are `k` of them,
/// or one per text where there are fewer texts. The only example of a label is scored by a head that never saw the
/// label, so it gets 0 there. `None` when too few examples are left to fit on for some fold, as when one of two
/// labels has a single example.
///
/// # Errors
/// Those of [`Head::fit`] that another choice of folds would not change.
pub fn out_of_fold(
    examples: Examples<'_>,
    settings: &FitSettings,
    k: usize,
    seed: u64,
) -> Result<Option<Vec<Vec<f32>>>, HeadError> {
    let path = std::slice::from_ref(settings);
    over_folds(examples, path, k, seed, |_, _, row| row.to_vec())
}

/// What `read(step, text, probabilities)` makes of every text's probabilities by a head fitted without its fold, for each of several settings
/// in turn: text by text, and of each text step by step. Each step starts where the one before it ended. See [`out_of_fold`].
pub(super) fn over_folds<T: Send>(
    examples: Examples<'_>,
    path: &[FitSettings],
    k: usize,
    seed: u64,
    read: impl Fn(usize, usize, &[f32]) -> T + Sync,
) -> Result<Option<Vec<T>>, HeadError> {
    let mut counts = Vec::new();
    for settings in path {
        counts = examples.check(settings)?;
    }
    let n = examples.targets.len();
    let k = k.min(n);
    if k < 2 {
        return Ok(None);
    }
    let fold_of = deal(examples.targets, &counts, k, seed);
    let by_fold: Vec<Option<Vec<(usize, usize, T)>>> = (0..k)
        .into_par_iter()
        .map(|fold| {
            let (held_out, kept): (Vec<usize>, Vec<usize>) = (0..n).partition(|i| fold_of[*i] == fold);
            let kept = Kept::new(examples, &kept);
            let (mut read_here, mut head) = (Vec::with_capacity(held_out.len() * path.len()), None);
            for (step, settings) in path.iter().enumerate() {
                let fitted = match Head::refit(kept.examples(examples), settings, head.as_ref()) {
                    Err(
                        HeadError::OneLabel | HeadError::EveryLabelConstant | HeadError::AllAlike | HeadError::NoTexts,
                    ) => {
                        return Ok(None);
                    }
                    other => other?,
                };
                let scores = fitted.predict_proba(&select(examples.x, &held_out))?;
                let scored = held_out.iter().zip(scores);
                read_here.extend(scored.map(|(text, row)| (*text, step, read(step, *text, &row))));
                head = Some(fitted);
            }
            Ok(Some(read_here))
        })
        .collect::<Result<_, HeadError>>()?;
    let Some(by_fold) = by_fold.into_iter().collect::<Option<Vec<_>>>() else {
        return Ok(None);
    };
    let mut all: Vec<(usize, usize, T)> = by_fold.into_iter().flatten().collect();
    all.sort_unstable_by_key(|(text, step, _)| (*text, *step));
    Ok(Some(all.into_iter().map(|(_, _, value)| value).collect()))
}

/// The examples outside a fold.
pub(super) struct Kept {
    x: Embeddings,
    targets: Targets,
    weights: Option<Vec<f64>>,
}

impl Kept {
    pub(super) fn new(examples: Examples<'_>, rows: &[usize]) -> Self {
        Kept {
            x: select(examples.x, rows),
            targets: examples.targets.select(rows),
            weights: examples
                .weights
                .map(|weights| rows.iter().map(|row| weights[*row]).collect()),
        }
    }

    /// These rows of `all`.
    pub(super) fn examples<'a>(&'a self, all: Examples<'a>) -> Examples<'a> {
        Examples {
            x: &self.x,
            targets: &self.targets,
            weights: self.weights.as_deref(),
            ..all
        }
    }
}

/// The fold of each text, below `k`: texts of one stratum go to folds in turn, and the next stratum goes on where that one ended. Strata
/// are labels (multi-label: a text's rarest label); `counts` says how many texts carry each.
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

pub(super) fn select(x: &Embeddings, rows: &[usize]) -> Embeddings {
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

    fn scores(
        x: &Embeddings,
        targets: &Targets,
        n_labels: usize,
        k: usize,
        seed: u64,
        c: f64,
    ) -> Result<Option<Vec<Vec<f32>>>, HeadError> {
        out_of_fold(Examples::new(x, targets, n_labels), &FitSettings::with_c(c), k, seed)
    }

    #[test]
    fn every_text_is_scored_once_by_a_head_that_did_not_see_it() {
        let (mut x, targets) = two_clouds(10);
        // Text 0 sits in the other cloud: a head that saw it would bend towards it, one that did not calls it label 1.
        x.data[0] = 1.0;
        let rows = scores(&x, &targets, 2, 5, 3, 100.0).unwrap().unwrap();
        assert_eq!(rows.len(), 20);
        assert!(rows[0][1] > 0.9, "{:?}", rows[0]);
        for (i, row) in rows.iter().enumerate().skip(1) {
            assert!(row[i % 2] > 0.5, "{i}: {row:?}");
        }
        assert_eq!(rows, scores(&x, &targets, 2, 5, 3, 100.0).unwrap().unwrap());
        assert_ne!(rows, scores(&x, &targets, 2, 5, 4, 100.0).unwrap().unwrap());
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
        let rows = scores(&x, &Targets::Single(labels), 3, 4, 0, 1.0).unwrap().unwrap();
        assert_eq!(rows[8][2], 0.0);

        let x = Embeddings {
            dim: 1,
            data: vec![0.0, 0.1, 0.2, 1.0],
        };
        assert_eq!(scores(&x, &Targets::Single(vec![0, 0, 0, 1]), 2, 2, 0, 1.0), Ok(None));
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
        let rows = scores(&x, &Targets::Multi(labels), 3, 4, 0, 1.0).unwrap().unwrap();
        assert_eq!(rows.len(), 20);
        assert!(rows.iter().all(|row| row.len() == 3 && row[2] == 0.0));
    }
}
