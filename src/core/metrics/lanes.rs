//! Figures that rest on scores, for many resamples at once: scores are sorted once, and one pass over them serves
//! [`LANES`] resamples side by side.

use super::Evaluation;
use super::calibration::{Bin, Calibration, N_BINS, error_of};
use super::matrix::truth_column;
use super::ranking::{cells, clipped};
use super::scored::ScoreFigures;
use crate::core::TaskKind;

/// Resamples of one pass.
pub(super) const LANES: usize = 64;

/// An entry of a ranking is the text, and two marks in the highest bits.
const POSITIVE: u32 = 1 << 31;
/// The last of those with the same score.
const LAST: u32 = 1 << 30;

/// Texts by descending score.
struct Ranking {
    entries: Vec<u32>,
    has_both: bool,
    has_positives: bool,
}

impl Ranking {
    /// `n_labels`: scores a text.
    fn new(scores: &[f32], positives: &[bool], n_labels: usize) -> Self {
        let mut order: Vec<(f32, u32)> = scores.iter().copied().zip(0..).collect();
        order.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        let n_positives = positives.iter().filter(|positive| **positive).count();
        let entries = order.iter().enumerate().map(|(at, &(score, cell))| {
            let yes = positives.get(cell as usize) == Some(&true);
            let last = order.get(at + 1).is_none_or(|next| next.0 != score);
            let marks = if yes { POSITIVE } else { 0 } | if last { LAST } else { 0 };
            (cell / n_labels.max(1) as u32) | marks
        });
        Ranking {
            entries: entries.collect(),
            has_both: 0 < n_positives && n_positives < scores.len(),
            has_positives: n_positives > 0,
        }
    }

    /// Average precision, ROC-AUC and positives of each resample. `weights`: by text, how often each resample has it.
    fn areas(&self, weights: &[[u8; LANES]]) -> Areas {
        let mut sweep = Sweep::default();
        let (mut starts, mut has_positives) = (true, false);
        for entry in &self.entries {
            let Some(times) = weights.get((entry & !(POSITIVE | LAST)) as usize) else {
                continue;
            };
            let (positive, last) = (entry & POSITIVE != 0, entry & LAST != 0);
            if starts && last && !positive {
                // A negative with a score of its own only pushes down what follows.
                add(&mut sweep.negatives, times);
                continue;
            }
            if positive {
                has_positives = true;
                add(&mut sweep.tied_positives, times);
            } else {
                add(&mut sweep.tied_negatives, times);
            }
            starts = last;
            if last {
                sweep.close(has_positives);
                has_positives = false;
            }
        }
        sweep.areas()
    }
}

fn add(sums: &mut [u32; LANES], times: &[u8; LANES]) {
    for (sum, n) in sums.iter_mut().zip(times) {
        *sum += u32::from(*n);
    }
}

/// What a pass over a ranking has gathered so far, by resample.
struct Sweep {
    positives: [u32; LANES],
    negatives: [u32; LANES],
    tied_positives: [u32; LANES],
    tied_negatives: [u32; LANES],
    /// Σ precision at each positive.
    precision: [f64; LANES],
    /// Pairs in which the negative is above, ties counting half.
    lost: [f64; LANES],
}

impl Default for Sweep {
    fn default() -> Self {
        Sweep {
            positives: [0; LANES],
            negatives: [0; LANES],
            tied_positives: [0; LANES],
            tied_negatives: [0; LANES],
            precision: [0.0; LANES],
            lost: [0.0; LANES],
        }
    }
}

impl Sweep {
    /// Ends a group of equal scores.
    fn close(&mut self, has_positives: bool) {
        for lane in 0..LANES {
            let (up, down) = (self.tied_positives[lane], self.tied_negatives[lane]);
            if has_positives {
                let (up, above) = (f64::from(up), f64::from(self.negatives[lane]));
                self.lost[lane] += up * (above + f64::from(down) / 2.0);
                let found = f64::from(self.positives[lane]) + up;
                let decided = found + above + f64::from(down);
                self.precision[lane] += up * (found / decided.max(1.0));
            }
            self.positives[lane] += up;
            self.negatives[lane] += down;
        }
        self.tied_positives = [0; LANES];
        self.tied_negatives = [0; LANES];
    }

    fn areas(&self) -> Areas {
        let mut out = Areas {
            precision: [f64::NAN; LANES],
            roc: [f64::NAN; LANES],
            positives: [0.0; LANES],
        };
        for lane in 0..LANES {
            let (positives, negatives) = (f64::from(self.positives[lane]), f64::from(self.negatives[lane]));
            // 0/0 is NaN: undefined.
            out.precision[lane] = self.precision[lane] / positives;
            out.roc[lane] = 1.0 - self.lost[lane] / (positives * negatives);
            out.positives[lane] = positives;
        }
        out
    }
}

/// By resample; NaN is undefined.
struct Areas {
    precision: [f64; LANES],
    roc: [f64; LANES],
    positives: [f64; LANES],
}

/// All that is sorted and looked up once for a sample.
pub(super) struct Scored {
    by_label: Vec<Ranking>,
    all: Ranking,
    texts: Vec<(f64, Calibration)>,
}

impl Scored {
    /// `None` where a score is no number, or there is nothing to rank. At most 2³⁰ scores. O(labels · texts · log texts).
    pub fn new(evaluation: &Evaluation) -> Option<Self> {
        let Evaluation { truth, scores, .. } = *evaluation;
        let task = evaluation.judged_task();
        let rows = scores.rows().zip(truth);
        let texts = rows
            .map(|(row, labels)| Some((surprise(task, row, labels)?, Calibration::new(task, row, labels)?)))
            .collect::<Option<Vec<_>>>()?;
        let (cell_scores, cell_truth) = cells(scores, truth);
        let n_labels = scores.n_labels();
        let by_label = (0..n_labels).map(|label| Ranking::new(&scores.column(label), &truth_column(truth, label), 1));
        (n_labels > 0 && !texts.is_empty()).then(|| Scored {
            by_label: by_label.collect(),
            all: Ranking::new(&cell_scores, &cell_truth, n_labels),
            texts,
        })
    }

    /// The figures of each resample. `weights`: by text, how often each resample has it.
    ///
    /// A label that has positives in the whole sample and none in a resample (or no negatives) is left out of that resample's
    /// means: its absence is an accident of drawing, not a failure.
    pub fn figures(&self, weights: &[[u8; LANES]]) -> Vec<ScoreFigures> {
        let all = self.all.areas(weights);
        let mut precision = [[Mean::default(); 2]; LANES];
        let mut roc = [[Mean::default(); 2]; LANES];
        for ranking in &self.by_label {
            let areas = ranking.areas(weights);
            for lane in 0..LANES {
                let found = if ranking.has_positives {
                    areas.precision[lane]
                } else {
                    0.0
                };
                for (mean, weight) in [1.0, areas.positives[lane]].into_iter().enumerate() {
                    precision[lane][mean].add(found, weight);
                    roc[lane][mean].add(areas.roc[lane], weight);
                }
            }
        }
        let whole = self.by_label.iter().all(|ranking| ranking.has_both);
        let sums = self.sums(weights);
        let figures = |lane: usize| ScoreFigures {
            macro_average_precision: precision[lane][0].value(),
            micro_average_precision: defined(all.precision[lane]),
            weighted_average_precision: precision[lane][1].value(),
            macro_roc_auc: roc[lane][0].value().filter(|_| whole),
            micro_roc_auc: defined(all.roc[lane]),
            weighted_roc_auc: roc[lane][1].value().filter(|_| whole),
            ..sums.figures(lane)
        };
        (0..LANES).map(figures).collect()
    }

    fn sums(&self, weights: &[[u8; LANES]]) -> Sums {
        let mut sums = Sums::default();
        for ((surprise, text), times) in self.texts.iter().zip(weights) {
            let parts = [1.0, *surprise, text.brier, text.confidence];
            add_parts(&mut sums.parts, parts, times);
            for bin in &text.bins {
                add_parts(&mut sums.bins[bin.at], [bin.n, bin.scores, bin.n_true], times);
            }
        }
        sums
    }
}

fn add_parts<const N: usize>(sums: &mut [[f64; LANES]; N], parts: [f64; N], times: &[u8; LANES]) {
    for (sums, part) in sums.iter_mut().zip(parts) {
        sums.iter_mut()
            .zip(times)
            .for_each(|(sum, n)| *sum += part * f64::from(*n));
    }
}

/// Sums over texts, by resample.
struct Sums {
    /// Texts, log loss, Brier score, confidence.
    parts: [[f64; LANES]; 4],
    /// By bin: questions, scores, true ones.
    bins: Vec<[[f64; LANES]; 3]>,
}

impl Default for Sums {
    fn default() -> Self {
        Sums {
            parts: [[0.0; LANES]; 4],
            bins: vec![[[0.0; LANES]; 3]; N_BINS],
        }
    }
}

impl Sums {
    fn figures(&self, lane: usize) -> ScoreFigures {
        let [n, surprise, brier, confidence] = [0, 1, 2, 3].map(|part: usize| self.parts[part][lane]);
        let bin = |(at, sums): (usize, &[[f64; LANES]; 3])| Bin {
            at,
            n: sums[0][lane],
            scores: sums[1][lane],
            n_true: sums[2][lane],
        };
        let bins: Vec<Bin> = self.bins.iter().enumerate().map(bin).collect();
        ScoreFigures {
            log_loss: defined(surprise / n),
            brier: defined(brier / n),
            average_confidence: defined(confidence / n),
            calibration_error: error_of(&bins),
            ..ScoreFigures::default()
        }
    }
}

#[derive(Clone, Copy, Default)]
struct Mean {
    sum: f64,
    weight: f64,
}

impl Mean {
    fn add(&mut self, value: f64, weight: f64) {
        if value.is_finite() {
            self.sum += weight * value;
            self.weight += weight;
        }
    }

    fn value(self) -> Option<f64> {
        defined(self.sum / self.weight)
    }
}

fn defined(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

/// The log loss of one text.
fn surprise(task: TaskKind, row: &[f32], labels: &[usize]) -> Option<f64> {
    match task {
        TaskKind::SingleLabel => Some(-clipped(*row.get(*labels.first()?)?).ln()),
        TaskKind::MultiLabel => {
            let of = |(label, score): (usize, &f32)| {
                let score = clipped(*score);
                if labels.contains(&label) {
                    -score.ln()
                } else {
                    -(1.0 - score).ln()
                }
            };
            Some(row.iter().enumerate().map(of).sum::<f64>() / row.len().max(1) as f64)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::metrics::ScoreMatrix;
    use crate::core::rng::{Stream, stream};
    use rand::RngExt;

    fn row(task: TaskKind, n_labels: usize, rng: &mut Stream) -> (Vec<f32>, Vec<usize>) {
        // Few distinct scores, so that ties happen.
        let scores = (0..n_labels)
            .map(|_| (rng.random::<f32>() * 8.0).floor() / 8.0)
            .collect();
        let truth = match task {
            TaskKind::SingleLabel => vec![(rng.random::<f64>() * n_labels as f64) as usize],
            TaskKind::MultiLabel => (0..n_labels).filter(|_| rng.random::<f64>() < 0.4).collect(),
        };
        (scores, truth)
    }

    fn evaluation<'a>(
        task: TaskKind,
        labels: &'a [String],
        truth: &'a [Vec<usize>],
        scores: &'a ScoreMatrix,
    ) -> Evaluation<'a> {
        Evaluation {
            task,
            labels,
            truth,
            scores,
            thresholds: &[],
            at_least_one: false,
            tree: None,
            resampling: None,
        }
    }

    #[test]
    fn a_lane_says_what_its_resample_written_out_says() {
        let mut rng = stream(5, "lanes");
        let labels = ["a", "b", "c"].map(String::from);
        for task in [TaskKind::SingleLabel, TaskKind::MultiLabel] {
            let (rows, truth): (Vec<_>, Vec<_>) = (0..40).map(|_| row(task, 3, &mut rng)).unzip();
            let scores = ScoreMatrix::from_rows(3, &rows).unwrap();
            let weights: Vec<[u8; LANES]> = (0..40)
                .map(|_| std::array::from_fn(|_| rng.random::<u8>() % 3))
                .collect();
            let scored = Scored::new(&evaluation(task, &labels, &truth, &scores)).unwrap();
            for (lane, found) in scored.figures(&weights).into_iter().enumerate() {
                let drawn = (weights.iter().enumerate()).flat_map(|(row, times)| vec![row; usize::from(times[lane])]);
                let (rows, truth): (Vec<_>, Vec<_>) = drawn.map(|at| (rows[at].clone(), truth[at].clone())).unzip();
                let scores = ScoreMatrix::from_rows(3, &rows).unwrap();
                let drawn = evaluation(task, &labels, &truth, &scores);
                let expected = ScoreFigures::of(&drawn, &drawn.report().unwrap().labels);
                for (found, expected) in found.all().into_iter().zip(expected.all()) {
                    let (found, expected) = (found.unwrap(), expected.unwrap());
                    assert!((found - expected).abs() < 1e-9, "{found} for {expected} in lane {lane}");
                }
            }
        }
    }
}
