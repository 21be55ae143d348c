//! How far accuracy and macro-F1 would move had other texts of the same kind been drawn.
//!
//! The percentile bootstrap (Efron & Tibshirani, *An Introduction to the Bootstrap*, 1993, ch. 13): draw as many texts as there
//! are, with replacement, and look at the spread of the figures. It covers the choice of evaluation texts, not of training texts.

use std::collections::BTreeMap;

use rand::Rng;
use serde::Serialize;

use super::averages::in_macro;
use super::{Counts, count_per_label};
use crate::core::TaskKind;
use crate::core::rng::{Stream, stream};

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
    /// Resamples; more make the ends of the interval steadier.
    pub n_resamples: usize,
    /// Share of them inside the interval, in 0..=1.
    pub level: f64,
    /// The same seed gives the same interval.
    pub seed: u64,
}

impl Default for Resampling {
    fn default() -> Self {
        Resampling {
            n_resamples: 1000,
            level: 0.95,
            seed: 0,
        }
    }
}

/// The intervals of the two headline figures.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Intervals {
    /// Of accuracy (multi-label: subset accuracy).
    pub accuracy: Interval,
    /// Of macro-F1.
    pub macro_f1: Interval,
}

/// Bootstrap intervals of accuracy and macro-F1; `None` for fewer than two texts, without labels or without resamples.
///
/// Single-label texts are drawn within their true label, so every resample has the same supports; multi-label texts are drawn
/// from all. The labels that take part in macro-F1 are those of the whole sample. O(resamples · texts).
pub fn intervals(
    task: TaskKind,
    truth: &[Vec<usize>],
    decided: &[Vec<usize>],
    n_labels: usize,
    resampling: &Resampling,
) -> Option<Intervals> {
    let whole = count_per_label(truth, decided, n_labels);
    let n_texts = truth.len().min(decided.len());
    if n_texts < 2 || n_labels == 0 || resampling.n_resamples == 0 {
        return None;
    }
    let taking_part: Vec<bool> = whole.iter().map(|count| in_macro(task, *count)).collect();
    let (answers, strata) = answers_and_strata(task, truth, decided, n_labels);
    let mut rng = stream(resampling.seed, "intervals");
    let mut figures: (Vec<f64>, Vec<f64>) = Default::default();
    for _ in 0..resampling.n_resamples {
        let mut tally = Tally {
            counts: vec![Counts::default(); n_labels],
            n_right: 0,
        };
        for (answer, times) in answers.iter().zip(resample(&strata, answers.len(), &mut rng)) {
            tally.add(answer, times);
        }
        let counts = tally.counts.iter().zip(&taking_part).filter(|(_, takes)| **takes);
        // Labels that take part stay in even when a resample has none of them: their F1 is then 0, as scikit-learn has it.
        let f1s: Vec<f64> = counts.map(|(count, _)| count.f1().unwrap_or(0.0)).collect();
        figures.0.push(tally.n_right as f64 / n_texts as f64);
        figures.1.push(f1s.iter().sum::<f64>() / f1s.len().max(1) as f64);
    }
    let middle = |mut figures: Vec<f64>| {
        figures.sort_unstable_by(f64::total_cmp);
        let tail = (1.0 - resampling.level.clamp(0.0, 1.0)) / 2.0;
        Some(Interval {
            low: quantile(&figures, tail)?,
            high: quantile(&figures, 1.0 - tail)?,
        })
    };
    Some(Intervals {
        accuracy: middle(figures.0)?,
        macro_f1: middle(figures.1)?,
    })
}

/// What a text adds to the tables of its labels; true negatives are not needed.
struct Answer {
    right: bool,
    hits: Vec<usize>,
    false_alarms: Vec<usize>,
    misses: Vec<usize>,
}

impl Answer {
    fn new(truth: &[usize], decided: &[usize], n_labels: usize) -> Self {
        let known = |labels: &[usize], other: &[usize], shared: bool| {
            let wanted = labels
                .iter()
                .filter(|label| **label < n_labels && other.contains(label) == shared);
            wanted.copied().collect()
        };
        Answer {
            right: truth == decided,
            hits: known(truth, decided, true),
            false_alarms: known(decided, truth, false),
            misses: known(truth, decided, false),
        }
    }
}

struct Tally {
    counts: Vec<Counts>,
    n_right: usize,
}

impl Tally {
    fn add(&mut self, answer: &Answer, times: usize) {
        self.n_right += if answer.right { times } else { 0 };
        answer.hits.iter().for_each(|&label| self.counts[label].tp += times);
        answer
            .false_alarms
            .iter()
            .for_each(|&label| self.counts[label].fp += times);
        answer.misses.iter().for_each(|&label| self.counts[label].fn_ += times);
    }
}

/// The distinct answers, and for each stratum the answer of each of its texts: texts with the same truth and decision are the
/// same draw, so a resample only counts how often each answer comes up.
fn answers_and_strata(
    task: TaskKind,
    truth: &[Vec<usize>],
    decided: &[Vec<usize>],
    n_labels: usize,
) -> (Vec<Answer>, Vec<Vec<usize>>) {
    let mut numbers: BTreeMap<(&[usize], &[usize]), usize> = BTreeMap::new();
    let mut answers = Vec::new();
    let mut strata: BTreeMap<&[usize], Vec<usize>> = BTreeMap::new();
    for (truth, decided) in truth.iter().zip(decided) {
        let number = *numbers.entry((truth, decided)).or_insert_with(|| {
            answers.push(Answer::new(truth, decided, n_labels));
            answers.len() - 1
        });
        let stratum: &[usize] = match task {
            TaskKind::SingleLabel => truth,
            TaskKind::MultiLabel => &[],
        };
        strata.entry(stratum).or_default().push(number);
    }
    (answers, strata.into_values().collect())
}

/// How often each answer comes up when every stratum is drawn again.
fn resample(strata: &[Vec<usize>], n_answers: usize, rng: &mut Stream) -> Vec<usize> {
    let mut times = vec![0; n_answers];
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
    use crate::core::metrics::{accuracy, macro_average};

    /// `n_right` of `n` texts right, labels taking turns.
    fn sample(n: usize, n_right: usize) -> (Vec<Vec<usize>>, Vec<Vec<usize>>) {
        let truth: Vec<_> = (0..n).map(|i| vec![i % 2]).collect();
        let decided = (0..n)
            .map(|i| vec![if i < n_right { i % 2 } else { 1 - i % 2 }])
            .collect();
        (truth, decided)
    }

    #[test]
    fn the_interval_of_accuracy_is_about_the_binomial_one() {
        let (truth, decided) = sample(200, 160);
        let found = intervals(TaskKind::SingleLabel, &truth, &decided, 2, &Resampling::default()).unwrap();
        // 0.8 ± 1.96 · sqrt(0.8 · 0.2 / 200) = 0.745..0.855
        assert!((found.accuracy.low - 0.745).abs() < 0.015, "{found:?}");
        assert!((found.accuracy.high - 0.855).abs() < 0.015, "{found:?}");
        let macro_f1 = macro_average(TaskKind::SingleLabel, &count_per_label(&truth, &decided, 2))
            .f1
            .unwrap();
        assert!(found.macro_f1.low < macro_f1 && macro_f1 < found.macro_f1.high);
    }

    #[test]
    fn the_seed_decides() {
        let (truth, decided) = sample(60, 40);
        let with = |seed| {
            let resampling = Resampling {
                seed,
                n_resamples: 50,
                ..Resampling::default()
            };
            intervals(TaskKind::MultiLabel, &truth, &decided, 2, &resampling).unwrap()
        };
        assert_eq!(with(3), with(3));
        assert_ne!(with(3), with(4));
    }

    #[test]
    fn certain_or_too_small_samples() {
        let (truth, decided) = sample(20, 20);
        let all_right = intervals(TaskKind::SingleLabel, &truth, &decided, 2, &Resampling::default()).unwrap();
        assert_eq!(accuracy(&truth, &decided), Some(1.0));
        assert_eq!((all_right.accuracy.low, all_right.macro_f1.low), (1.0, 1.0));
        assert_eq!(
            intervals(
                TaskKind::SingleLabel,
                &truth[..1],
                &decided[..1],
                2,
                &Resampling::default()
            ),
            None
        );
        assert_eq!(
            intervals(TaskKind::SingleLabel, &truth, &decided, 0, &Resampling::default()),
            None
        );
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
