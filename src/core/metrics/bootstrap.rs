//! How far the headline figures would move had other texts of the same kind been drawn.
//!
//! The percentile bootstrap (Efron & Tibshirani, *An Introduction to the Bootstrap*, 1993, ch. 13): draw as many texts as there
//! are, with replacement, and look at the spread of the figures. It covers the choice of evaluation texts, not of training texts.

use std::collections::BTreeMap;

use rand::Rng;
use serde::Serialize;

use super::lanes::{LANES, Scored};
use super::tally::Answers;
use super::{Evaluation, METRICS, Metric, Report};
use crate::core::rng::{Stream, stream};

/// Fewer resamples than this say nothing about the ends of an interval.
const FEWEST: usize = 2 * LANES;
/// Sets of labels with at least so many texts are drawn for themselves.
const COMMON_SET: usize = 5;
/// With more scores than this, figures that rest on scores get no interval: sorting them again would take too long.
const MOST_SCORES: usize = 20_000_000;

/// The middle part of the resampled figures.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// How to resample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Resampling {
    /// Resamples at most; more make the ends of the interval steadier.
    pub n_resamples: usize,
    /// Share of them inside the interval, in 0..=1.
    pub level: f64,
    /// The same seed gives the same interval.
    pub seed: u64,
    /// Also of figures that rest on scores alone: average precision, ROC-AUC, log loss, Brier score, calibration.
    pub of_scores: bool,
    /// Texts × labels looked at, over all resamples: many texts are drawn less often, at least 128 times.
    pub work: usize,
}

impl Default for Resampling {
    fn default() -> Self {
        Resampling {
            n_resamples: 1000,
            level: 0.95,
            seed: 0,
            of_scores: true,
            work: 1_000_000_000,
        }
    }
}

impl Resampling {
    /// Only of figures that rest on decisions, with fewer resamples: for each of many slices.
    pub fn of_decisions() -> Self {
        Resampling {
            n_resamples: 400,
            of_scores: false,
            work: 200_000_000,
            ..Resampling::default()
        }
    }

    /// Drawing a text costs about as much as looking at a few dozen scores.
    fn n_resamples(&self, n_texts: usize, n_labels: usize) -> usize {
        let of_one = n_texts.saturating_mul(24 + if self.of_scores { n_labels } else { 0 });
        let affordable = self.work / of_one.max(1);
        let whole_passes = affordable - affordable % LANES;
        whole_passes.max(FEWEST).min(self.n_resamples)
    }
}

/// The intervals of all headline figures.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Intervals {
    /// Resamples behind them.
    pub n_resamples: usize,
    /// Share of the resampled figures inside, in 0..=1.
    pub level: f64,
    /// By [`Metric::id`]. Undefined figures have none, nor has the constant guess.
    pub figures: BTreeMap<&'static str, Interval>,
}

impl Intervals {
    /// Of one headline figure.
    pub fn of(&self, metric: &Metric) -> Option<Interval> {
        self.figures.get(metric.id).copied()
    }

    /// Of accuracy; for multi-label tasks of subset accuracy.
    pub fn accuracy(&self) -> Option<Interval> {
        let known = ["accuracy", "subset_accuracy"].into_iter();
        known.filter_map(|id| self.figures.get(id)).next().copied()
    }

    /// Of macro-F1.
    pub fn macro_f1(&self) -> Option<Interval> {
        self.figures.get("macro_f1").copied()
    }
}

/// Bootstrap intervals of the headline figures of `report`; `None` for fewer than two texts, without labels or without resamples.
///
/// Texts are drawn within those of the same true labels, so that every resample has the same supports; where there are more
/// sets of labels than labels, those with fewer than five texts are drawn together. The labels that take part in macro averages are those of the whole sample.
/// O(resamples · (texts + labels)), with scores O(resamples · texts · labels).
///
/// `scores`: what the figures of scores are made from; `None` leaves them out.
pub(super) fn intervals(
    truth: &[Vec<usize>],
    n_labels: usize,
    scores: Option<&Evaluation>,
    answers: &Answers<'_>,
    report: &Report,
    how: &Resampling,
) -> Option<Intervals> {
    let n_texts = truth.len();
    let n_resamples = how.n_resamples(n_texts, n_labels);
    if n_texts < 2 || n_labels == 0 || n_resamples == 0 {
        return None;
    }
    let scores = scores.filter(|_| how.of_scores && n_texts * n_labels <= MOST_SCORES);
    let scored = scores.and_then(Scored::new);
    let strata = strata(n_labels, truth);
    let mut rng = stream(how.seed, "intervals");
    let mut figures: Vec<(&Metric, Vec<f64>)> = (METRICS.iter())
        .filter(|metric| metric.of_model && metric.is_in(report) && (metric.value)(report).is_some())
        .map(|metric| (metric, Vec::with_capacity(n_resamples)))
        .collect();
    let mut weights = vec![[0u8; LANES]; if scored.is_some() { n_texts } else { 0 }];
    let mut n_done = 0;
    while n_done < n_resamples {
        let n_now = LANES.min(n_resamples - n_done);
        let mut reports: Vec<Report> = (0..n_now)
            .map(|lane| {
                let times = resample(&strata, n_texts, &mut rng);
                for (weights, times) in weights.iter_mut().zip(&times) {
                    weights[lane] = (*times).min(255) as u8;
                }
                let mut resampled = Report::empty(report.task);
                let tally = answers.tally(&answers.times(|text| times[text] as usize));
                answers.fill(&tally, &mut resampled);
                resampled
            })
            .collect();
        if let Some(scored) = &scored {
            let of_scores = scored.figures(&weights);
            reports
                .iter_mut()
                .zip(of_scores)
                .for_each(|(report, figures)| figures.fill(report));
        }
        for (metric, values) in &mut figures {
            values.extend(reports.iter().filter_map(|report| (metric.value)(report)));
        }
        n_done += n_now;
    }
    let middle = |(metric, mut values): (&Metric, Vec<f64>)| {
        // A figure that is mostly undefined has no middle.
        let known = 2 * values.len() > n_resamples;
        values.sort_unstable_by(f64::total_cmp);
        let tail = (1.0 - how.level.clamp(0.0, 1.0)) / 2.0;
        let (low, high) = (quantile(&values, tail)?, quantile(&values, 1.0 - tail)?);
        known.then_some((metric.id, Interval { low, high }))
    };
    Some(Intervals {
        n_resamples,
        level: how.level,
        figures: figures.into_iter().filter_map(middle).collect(),
    })
}

/// Texts with the same true labels. Where labels are combined at will, sets that few texts have are drawn together, lest the only text of its
/// kind is in every resample; labels that exclude each other and paths in a tree make no more sets than there are labels.
fn strata(n_labels: usize, truth: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut by_truth: BTreeMap<&[usize], Vec<usize>> = BTreeMap::new();
    for (text, truth) in truth.iter().enumerate() {
        by_truth.entry(truth).or_default().push(text);
    }
    // One more: none of the labels.
    let combined = by_truth.len() > n_labels + 1;
    let is_common = |texts: &Vec<usize>| !combined || texts.len() >= COMMON_SET;
    let (mut strata, rare): (Vec<_>, Vec<_>) = by_truth.into_values().partition(is_common);
    strata.push(rare.concat());
    strata
}

/// How often each text comes up when every stratum is drawn again.
fn resample(strata: &[Vec<usize>], n_texts: usize, rng: &mut Stream) -> Vec<u32> {
    let mut times = vec![0; n_texts];
    for stratum in strata {
        for _ in 0..stratum.len() {
            times[stratum[draw(rng, stratum.len())]] += 1;
        }
    }
    times
}

/// Uniform in 0..n; the bias of the multiplication is below n / 2³².
pub(crate) fn draw(rng: &mut Stream, n: usize) -> usize {
    ((u64::from(rng.next_u32()) * n as u64) >> 32) as usize
}

/// Linear interpolation between order statistics, numpy's default; `None` for an empty slice. `sorted` ascending.
pub(crate) fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let at = share.clamp(0.0, 1.0) * sorted.len().checked_sub(1)? as f64;
    let below = *sorted.get(at.floor() as usize)?;
    let above = *sorted.get(at.ceil() as usize)?;
    Some(below + (above - below) * at.fract())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::TaskKind;
    use crate::core::metrics::ScoreMatrix;

    fn report(task: TaskKind, truth: &[Vec<usize>], right: impl Fn(usize) -> bool, how: Resampling) -> Report {
        let rows = truth.iter().enumerate().map(|(at, labels)| {
            let yes = if right(at) { 0.9 - at as f32 * 1e-4 } else { 0.2 };
            if labels.contains(&0) {
                [yes, 1.0 - yes]
            } else {
                [1.0 - yes, yes]
            }
        });
        let scores = ScoreMatrix::from_rows(2, rows).unwrap();
        Evaluation {
            task,
            labels: &["a", "b"].map(String::from),
            truth,
            scores: &scores,
            thresholds: &[crate::core::metrics::default_threshold(task); 2],
            at_least_one: false,
            tree: None,
            resampling: Some(how),
        }
        .report()
        .unwrap()
    }

    /// Labels taking turns.
    fn turns(n: usize) -> Vec<Vec<usize>> {
        (0..n).map(|at| vec![at % 2]).collect()
    }

    #[test]
    fn the_interval_of_accuracy_is_about_the_binomial_one() {
        let found = report(TaskKind::SingleLabel, &turns(200), |at| at < 160, Resampling::default());
        let intervals = found.intervals.clone().unwrap();
        // 0.8 ± 1.96 · sqrt(0.8 · 0.2 / 200) = 0.745..0.855
        let accuracy = intervals.accuracy().unwrap();
        assert!((accuracy.low - 0.745).abs() < 0.015, "{accuracy:?}");
        assert!((accuracy.high - 0.855).abs() < 0.015, "{accuracy:?}");
        assert_eq!(intervals.n_resamples, 1000);
    }

    #[test]
    fn every_headline_figure_has_an_interval_around_it() {
        for task in [TaskKind::SingleLabel, TaskKind::MultiLabel] {
            let found = report(task, &turns(200), |at| at % 5 > 0, Resampling::default());
            let intervals = found.intervals.clone().unwrap();
            for metric in METRICS.iter().filter(|metric| metric.of_model && metric.is_in(&found)) {
                let value = (metric.value)(&found).unwrap_or_else(|| panic!("{} is undefined", metric.id));
                let Interval { low, high } = intervals
                    .of(metric)
                    .unwrap_or_else(|| panic!("no interval of {}", metric.id));
                // Of squares and of distances from 0, resampling finds a little more than the sample.
                let slack = if metric.id == "calibration_error" { 0.02 } else { 1e-9 };
                assert!(
                    low - slack <= value && value <= high + slack,
                    "{}: {low} {value} {high}",
                    metric.id
                );
            }
        }
    }

    #[test]
    fn the_seed_decides() {
        let with = |seed| {
            let how = Resampling {
                seed,
                n_resamples: 50,
                ..Resampling::default()
            };
            report(TaskKind::MultiLabel, &turns(60), |at| at % 3 > 0, how).intervals
        };
        assert_eq!(with(3), with(3));
        assert_ne!(with(3), with(4));
    }

    #[test]
    fn certain_or_too_small_samples() {
        let all_right = report(TaskKind::SingleLabel, &turns(20), |_| true, Resampling::default());
        let intervals = all_right.intervals.unwrap();
        assert_eq!(intervals.accuracy().unwrap().low, 1.0);
        assert_eq!(intervals.macro_f1().unwrap().low, 1.0);
        let one = report(TaskKind::SingleLabel, &turns(1), |_| true, Resampling::default());
        assert_eq!(one.intervals, None);
    }

    #[test]
    fn many_texts_are_drawn_less_often() {
        let how = Resampling::default();
        assert_eq!(how.n_resamples(5_000, 28), 1000);
        assert_eq!(how.n_resamples(50_000, 50), 256);
        assert_eq!(how.n_resamples(10_000_000, 50), FEWEST);
        assert_eq!(Resampling { n_resamples: 7, ..how }.n_resamples(10, 2), 7);
    }

    #[test]
    fn quantiles_interpolate_as_numpy_does() {
        // np.quantile([1, 2, 4, 8], [.0, .1, .5, 1.]) == [1, 1.3, 3, 8]
        let sorted = [1.0, 2.0, 4.0, 8.0];
        for (share, expected) in [(0.0, 1.0), (0.1, 1.3), (0.5, 3.0), (1.0, 8.0)] {
            assert!((quantile(&sorted, share).unwrap() - expected).abs() < 1e-12);
        }
        assert_eq!(quantile(&[], 0.5), None);
    }
}
