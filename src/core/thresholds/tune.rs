//! A threshold for every label of a run.

use std::fmt;

use serde::Serialize;

use super::{Band, Objective, ThresholdCurve, band, sweep};
use crate::core::metrics::{Counts, DEFAULT_THRESHOLD, MetricsError, ScoreMatrix, truth_column};

/// How to tune.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TuneOptions {
    /// The threshold of a label nobody has tuned ([`crate::core::metrics::default_threshold`]): it stays where there are no texts
    /// to choose on, and breaks ties.
    pub untuned: f64,
    /// Labels with fewer positives are drawn towards the threshold of all labels together.
    pub few_positives: usize,
    /// Resamples behind each band; 0: no bands.
    pub n_resamples: usize,
    /// The same seed gives the same bands; thresholds do not depend on it.
    pub seed: u64,
}

impl Default for TuneOptions {
    fn default() -> Self {
        TuneOptions {
            untuned: DEFAULT_THRESHOLD,
            few_positives: 10,
            n_resamples: 200,
            seed: 0,
        }
    }
}

/// What a person should know about a chosen threshold.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Remark {
    /// No text carries the label: it gets the threshold of all labels together.
    NoPositives,
    /// Every text carries the label: there is nothing to tell apart.
    NoNegatives,
    /// Few texts carry the label: its own best threshold was drawn towards that of all labels together.
    FewPositives {
        /// What this label alone would have chosen.
        own: f64,
    },
    /// No threshold reaches the objective's condition, or the chosen one does not.
    ConditionMissed,
}

/// The threshold of one label.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TunedLabel {
    /// In 0..=1.
    pub threshold: f64,
    /// Texts that carry the label.
    pub n_positives: usize,
    /// The 2×2 table at the untuned threshold.
    pub before: Counts,
    /// The 2×2 table at the chosen threshold, on the texts it was chosen on: an optimistic figure.
    pub after: Counts,
    /// How far the label's own best threshold moves between resamples.
    pub band: Option<Band>,
    /// What to know about it.
    pub remarks: Vec<Remark>,
}

/// Thresholds of all labels.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tuned {
    /// What they were chosen for.
    pub objective: Objective,
    /// The best single threshold for all labels together.
    pub pooled: f64,
    /// In column order.
    pub labels: Vec<TunedLabel>,
}

impl Tuned {
    /// One threshold a label, in column order.
    pub fn thresholds(&self) -> Vec<f64> {
        self.labels.iter().map(|label| label.threshold).collect()
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Remark::NoPositives => f.write_str("no examples: the threshold of all labels together"),
            Remark::NoNegatives => f.write_str("every text carries it: nothing to tell apart"),
            Remark::FewPositives { own } => {
                write!(
                    f,
                    "few examples: drawn from {own:.2} towards the threshold of all labels together"
                )
            }
            Remark::ConditionMissed => f.write_str("the condition is not reached"),
        }
    }
}

/// Chooses a threshold for every label; `truth` holds the ascending columns of each row.
///
/// A label with `n` positives, fewer than `few_positives`, gets `w · own + (1 − w) · pooled` with `w = n / few_positives`: its own
/// optimum rests on too few texts to be believed alone. O(labels · (texts · log texts + resamples · texts)).
pub fn tune(
    scores: &ScoreMatrix,
    truth: &[Vec<usize>],
    objective: Objective,
    options: &TuneOptions,
) -> Result<Tuned, MetricsError> {
    if truth.len() != scores.n_rows() {
        let (found, expected) = (truth.len(), scores.n_rows());
        return Err(MetricsError::Size {
            what: "texts with labels",
            found,
            expected,
        });
    }
    let columns: Vec<Vec<bool>> = (0..scores.n_labels()).map(|label| truth_column(truth, label)).collect();
    let pooled = pooled(scores, &columns, objective, options.untuned);
    let label = |(at, positives): (usize, &Vec<bool>)| {
        let curve = ThresholdCurve::new(&scores.column(at), positives);
        let seed = options.seed.wrapping_add(at as u64);
        tune_label(&curve, objective, pooled, seed, options)
    };
    Ok(Tuned {
        objective,
        pooled,
        labels: columns.iter().enumerate().map(label).collect(),
    })
}

fn pooled(scores: &ScoreMatrix, columns: &[Vec<bool>], objective: Objective, untuned: f64) -> f64 {
    let all_scores: Vec<f32> = (0..scores.n_labels()).flat_map(|label| scores.column(label)).collect();
    let all = ThresholdCurve::new(&all_scores, &columns.concat());
    if all.n_positives() == 0 {
        return untuned;
    }
    sweep::best(&all.groups(), objective, untuned).map_or(untuned, |best| best.threshold)
}

fn tune_label(
    curve: &ThresholdCurve,
    objective: Objective,
    pooled: f64,
    seed: u64,
    options: &TuneOptions,
) -> TunedLabel {
    let n_positives = curve.n_positives();
    let mut remarks = Vec::new();
    let own = sweep::best(&curve.groups(), objective, options.untuned).map(|best| best.threshold);
    let threshold = match own {
        None => pooled,
        Some(_) if n_positives == 0 => {
            remarks.push(Remark::NoPositives);
            pooled
        }
        Some(own) if n_positives < options.few_positives => {
            remarks.push(Remark::FewPositives { own });
            let weight = n_positives as f64 / options.few_positives as f64;
            weight * own + (1.0 - weight) * pooled
        }
        Some(own) => own,
    };
    if n_positives > 0 && n_positives == curve.n() {
        remarks.push(Remark::NoNegatives);
    }
    let after = curve.at(threshold);
    if n_positives > 0 && !objective.is_met(after) {
        remarks.push(Remark::ConditionMissed);
    }
    TunedLabel {
        threshold,
        n_positives,
        before: curve.at(options.untuned),
        after,
        band: (options.n_resamples > 0)
            .then(|| band(curve, objective, options.untuned, options.n_resamples, seed))
            .flatten(),
        remarks,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 40 texts; label 0 on 20 of them above 0.3, label 1 on 3 of them above 0.8, label 2 on none.
    fn example() -> (ScoreMatrix, Vec<Vec<usize>>) {
        let truth: Vec<Vec<usize>> = (0..40)
            .map(|i| {
                (if i < 20 { vec![0] } else { vec![] })
                    .into_iter()
                    .chain((i < 3).then_some(1))
                    .collect()
            })
            .collect();
        let rows = (0..40).map(|i| {
            let frequent = if i < 20 {
                0.31 + i as f32 / 100.0
            } else {
                0.29 - (i - 20) as f32 / 100.0
            };
            let rare = if i < 3 { 0.9 } else { 0.7 };
            [frequent, rare, 0.2]
        });
        (ScoreMatrix::from_rows(3, rows).unwrap(), truth)
    }

    #[test]
    fn thresholds_follow_the_scores_and_few_examples_are_shrunk() {
        let (scores, truth) = example();
        let tuned = tune(&scores, &truth, Objective::F1, &TuneOptions::default()).unwrap();
        let [frequent, rare, never] = tuned.labels.as_slice() else {
            panic!("three labels")
        };
        assert!((frequent.threshold - 0.3).abs() < 1e-6);
        assert_eq!((frequent.after.f1(), frequent.remarks.as_slice()), (Some(1.0), &[][..]));
        assert!(frequent.before.f1() < frequent.after.f1());
        let Some(&Remark::FewPositives { own }) = rare.remarks.first() else {
            panic!("{:?}", rare.remarks)
        };
        assert!((own - 0.8).abs() < 1e-6);
        assert!((rare.threshold - (0.3 * own + 0.7 * tuned.pooled)).abs() < 1e-9);
        assert_eq!(
            (never.threshold, never.remarks.as_slice()),
            (tuned.pooled, &[Remark::NoPositives][..])
        );
        assert_eq!(tuned.thresholds().len(), 3);
    }

    #[test]
    fn without_shrinking_every_label_keeps_its_own() {
        let (scores, truth) = example();
        let options = TuneOptions {
            few_positives: 0,
            ..TuneOptions::default()
        };
        let tuned = tune(&scores, &truth, Objective::F1, &options).unwrap();
        assert!((tuned.labels[1].threshold - 0.8).abs() < 1e-6);
        assert!(tuned.labels[1].band.is_some());
    }

    #[test]
    fn a_condition_out_of_reach_is_said() {
        let scores = ScoreMatrix::from_rows(1, [[0.9], [0.8], [0.1]]).unwrap();
        let options = TuneOptions {
            few_positives: 0,
            ..TuneOptions::default()
        };
        let tuned = tune(
            &scores,
            &[vec![], vec![0], vec![]],
            Objective::PrecisionAtLeast(0.9),
            &options,
        )
        .unwrap();
        assert_eq!(tuned.labels[0].remarks, [Remark::ConditionMissed]);
        assert_eq!(
            tuned.labels[0].after,
            Counts {
                tp: 1,
                fp: 1,
                fn_: 0,
                tn: 1
            }
        );
    }

    #[test]
    fn a_single_label_keeps_its_answers_unless_abstaining_helps() {
        // Three texts whose best label is the only one, all right, and one that is wrong and unsure.
        let rows = [[0.9], [0.8], [0.7], [0.4], [-1.0]];
        let scores = ScoreMatrix::from_rows(1, rows).unwrap();
        let options = TuneOptions {
            untuned: 0.0,
            few_positives: 0,
            n_resamples: 0,
            ..TuneOptions::default()
        };
        let tuned = |truth: &[Vec<usize>]| {
            let tuned = tune(&scores, truth, Objective::F1, &options).unwrap();
            (tuned.labels[0].threshold, tuned.labels[0].after)
        };
        let (threshold, counts) = tuned(&[vec![0], vec![0], vec![0], vec![], vec![0]]);
        assert!((threshold - 0.55).abs() < 1e-6);
        assert_eq!(
            counts,
            Counts {
                tp: 3,
                fp: 0,
                fn_: 1,
                tn: 1
            }
        );
        let (threshold, counts) = tuned(&[vec![0], vec![0], vec![0], vec![0], vec![0]]);
        assert!((0.0..0.4).contains(&threshold));
        assert_eq!(
            counts,
            Counts {
                tp: 4,
                fp: 0,
                fn_: 1,
                tn: 0
            }
        );
    }

    #[test]
    fn no_texts_keep_the_default() {
        let scores = ScoreMatrix::from_rows(2, Vec::<[f32; 2]>::new()).unwrap();
        let tuned = tune(&scores, &[], Objective::F1, &TuneOptions::default()).unwrap();
        assert_eq!(tuned.thresholds(), [DEFAULT_THRESHOLD; 2]);
        assert!(tune(&scores, &[vec![]], Objective::F1, &TuneOptions::default()).is_err());
    }
}
