//! What decisions add up to: the tables of all labels and sums over texts, from which every figure without scores follows.
//!
//! The same sums serve the whole sample and each resample of [`super::bootstrap`], so a figure and its interval cannot differ in
//! what they mean.

use std::collections::BTreeMap;

use super::averages::{f_beta, macro_weights, weighted_mean};
use super::hierarchy::{Pathed, Paths};
use super::samples::{self, Met};
use super::{
    Averages, Counts, DecisionRule, Report, balanced_accuracy, kappa, matthews, micro_average, weighted_average,
};
use crate::core::{ColumnTree, TaskKind};

/// The β of the Fβ in every report: precision twice as important as recall, and the other way round.
pub const BETAS: [f64; 2] = [0.5, 2.0];

/// Texts with the same truth and the same decision.
struct Answer {
    right: bool,
    hits: Vec<usize>,
    false_alarms: Vec<usize>,
    misses: Vec<usize>,
    n_wrong: usize,
    /// Of each text, averaged over texts.
    figures: ([f64; 4], [f64; 2]),
    /// Where labels form a tree.
    pathed: Option<Pathed>,
}

/// The distinct answers of a sample.
pub(super) struct Answers<'a> {
    /// The task that decisions are judged by.
    task: TaskKind,
    n_labels: usize,
    /// Where labels form a tree, and whether a text has one path in it.
    tree: Option<(&'a ColumnTree, TaskKind)>,
    answers: Vec<Answer>,
    /// By text: its answer.
    pub of_text: Vec<usize>,
    /// By label: 1 where it takes part in macro averages.
    macro_weights: Vec<f64>,
}

impl<'a> Answers<'a> {
    /// Of a whole sample; in a tree both sides are closed upwards. O(texts · labels a text · log texts).
    pub fn new(rule: DecisionRule<'a>, truth: &[Vec<usize>], decided: &[Vec<usize>], n_labels: usize) -> Self {
        let (task, tree) = (rule.judged_task(), rule.tree.map(|tree| tree.tree));
        let mut numbers: BTreeMap<(&[usize], &[usize]), usize> = BTreeMap::new();
        let mut out = Answers {
            task,
            n_labels,
            tree: tree.map(|tree| (tree, rule.task)),
            answers: Vec::new(),
            of_text: Vec::new(),
            macro_weights: Vec::new(),
        };
        for (truth, decided) in truth.iter().zip(decided) {
            let number = *numbers.entry((truth, decided)).or_insert_with(|| {
                out.answers.push(Answer::new(truth, decided, n_labels, tree));
                out.answers.len() - 1
            });
            out.of_text.push(number);
        }
        let whole = out.tally(&out.times(|_| 1));
        out.macro_weights = macro_weights(task, &whole.counts);
        out
    }

    /// How often each answer comes up when a text comes up `n(text)` times.
    pub fn times(&self, n: impl Fn(usize) -> usize) -> Vec<usize> {
        let mut times = vec![0; self.answers.len()];
        for (text, answer) in self.of_text.iter().enumerate() {
            times[*answer] += n(text);
        }
        times
    }

    /// The sums when each answer comes up as often as `times` says.
    pub fn tally(&self, times: &[usize]) -> Tally {
        let mut tally = Tally {
            counts: vec![Counts::default(); self.n_labels],
            ..Tally::default()
        };
        for (answer, &times) in self.answers.iter().zip(times).filter(|(_, times)| **times > 0) {
            tally.add(answer, times);
        }
        for count in &mut tally.counts {
            count.tn = tally.n_texts - (count.tp + count.fp + count.fn_);
        }
        tally
    }

    /// Writes every figure that follows from the sums into `report`.
    pub fn fill(&self, tally: &Tally, report: &mut Report) {
        let Tally { n_texts, counts, .. } = tally;
        let of_texts = |part: usize| (*n_texts > 0).then(|| part as f64 / *n_texts as f64);
        report.n_texts = *n_texts;
        report.accuracy = of_texts(tally.n_right);
        report.micro = micro_average(counts);
        report.macro_ = Averages::of(|figure| weighted_mean(counts, &self.macro_weights, figure));
        report.weighted = weighted_average(counts);
        report.f_beta = BETAS.map(|beta| f_beta(counts, &self.macro_weights, beta));
        report.hierarchy = self.tree.map(|(tree, task)| tally.paths.hierarchy(task, tree, counts));
        match self.task {
            TaskKind::SingleLabel => {
                report.hamming_loss = report.accuracy.map(|accuracy| 1.0 - accuracy);
                report.balanced_accuracy = balanced_accuracy(counts);
                report.mcc = matthews(counts);
                report.kappa = kappa(counts);
            }
            TaskKind::MultiLabel => {
                let n_cells = n_texts * self.n_labels;
                report.hamming_loss = (n_cells > 0).then(|| tally.n_wrong as f64 / n_cells as f64);
                report.balanced_accuracy = whole_mean(counts, Counts::balanced_accuracy);
                report.mcc = known_mean(counts, Counts::matthews);
                report.kappa = whole_mean(counts, Counts::kappa);
                report.samples = samples::averages(tally.figures, *n_texts);
                for (beta, sum) in report.f_beta.iter_mut().zip(tally.betas) {
                    beta.samples = (*n_texts > 0).then(|| sum / *n_texts as f64);
                }
            }
        }
    }
}

impl Answer {
    fn new(truth: &[usize], decided: &[usize], n_labels: usize, tree: Option<&ColumnTree>) -> Self {
        let known = |labels: &[usize], other: &[usize], shared: bool| {
            let wanted = labels
                .iter()
                .filter(|label| **label < n_labels && other.contains(label) == shared);
            wanted.copied().collect()
        };
        let met = Met::new(truth, decided);
        Answer {
            right: truth == decided,
            hits: known(truth, decided, true),
            false_alarms: known(decided, truth, false),
            misses: known(truth, decided, false),
            n_wrong: met.n_wrong(),
            figures: met.figures(BETAS),
            pathed: tree.map(|tree| Pathed::new(tree, truth, decided)),
        }
    }
}

/// Sums over texts.
#[derive(Default)]
pub(super) struct Tally {
    n_texts: usize,
    n_right: usize,
    n_wrong: usize,
    /// The 2×2 table of every label.
    pub counts: Vec<Counts>,
    figures: [f64; 4],
    betas: [f64; 2],
    paths: Paths,
}

impl Tally {
    fn add(&mut self, answer: &Answer, times: usize) {
        self.n_texts += times;
        self.n_right += if answer.right { times } else { 0 };
        self.n_wrong += times * answer.n_wrong;
        answer.hits.iter().for_each(|&label| self.counts[label].tp += times);
        answer
            .false_alarms
            .iter()
            .for_each(|&label| self.counts[label].fp += times);
        answer.misses.iter().for_each(|&label| self.counts[label].fn_ += times);
        let times_f = times as f64;
        let (figures, betas) = &answer.figures;
        self.figures
            .iter_mut()
            .zip(figures)
            .for_each(|(sum, x)| *sum += times_f * x);
        self.betas
            .iter_mut()
            .zip(betas)
            .for_each(|(sum, x)| *sum += times_f * x);
        if let Some(pathed) = answer.pathed {
            self.paths.add(pathed, times);
        }
    }
}

/// The mean over labels; `None` as soon as one label's is, or without labels.
fn whole_mean(counts: &[Counts], figure: fn(Counts) -> Option<f64>) -> Option<f64> {
    let figures: Vec<f64> = counts.iter().map(|count| figure(*count)).collect::<Option<_>>()?;
    (!figures.is_empty()).then(|| figures.iter().sum::<f64>() / figures.len() as f64)
}

/// The mean over labels, undefined ones as 0; `None` where all are.
fn known_mean(counts: &[Counts], figure: fn(Counts) -> Option<f64>) -> Option<f64> {
    let figures: Vec<f64> = counts.iter().filter_map(|count| figure(*count)).collect();
    (!figures.is_empty()).then(|| figures.iter().sum::<f64>() / counts.len() as f64)
}
