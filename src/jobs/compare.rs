//! A comparison: the same training with different settings, each over the same seeds, side by side.
//!
//! Not here: which settings to compare (`train::methods`), and any choice between them.

use std::collections::BTreeMap;

use serde::Serialize;

use super::snapshot::Snapshot;
use super::training::TrainRequest;
use super::trial::{Ended, Series, Trial, Tried, Workplace, tell};
use super::worker::{JobContext, Outcome};
use crate::core::ScoreKind;
use crate::core::label::PATH_SEPARATOR;
use crate::core::metrics::{Intervals, Report};
use crate::model::catalog::Catalog;
use crate::store::Store;
use crate::train::Variant;

/// The rarest labels that get a column of their own, where several are equally rare.
const N_RAREST: usize = 3;

/// What to compare.
#[derive(Debug, Clone)]
pub struct CompareRequest {
    /// Everything that is the same.
    pub base: TrainRequest,
    /// What differs.
    pub variants: Vec<Variant>,
    /// Every variant is trained once with each.
    pub seeds: Vec<u64>,
    /// What to score on.
    pub scored_on: ScoreKind,
    /// The name of the series.
    pub series: String,
}

/// The variants side by side.
#[derive(Debug, Clone, Serialize)]
pub struct Comparison {
    /// The name its runs share.
    pub series: String,
    /// The method's id.
    pub method: String,
    /// What the runs were scored on.
    pub scored_on: ScoreKind,
    /// Texts scored.
    pub n_texts: usize,
    /// The labels with the fewest training texts.
    pub rarest: Vec<RareLabel>,
    /// In the order asked for.
    pub variants: Vec<VariantRow>,
    /// Whether it was stopped before every run was done.
    pub stopped: bool,
}

/// A label with few examples.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RareLabel {
    /// Its path as one string.
    pub label: String,
    /// Training texts that carry it.
    pub n_train: usize,
    #[serde(skip)]
    column: usize,
}

/// One variant over all seeds.
#[derive(Debug, Clone, Serialize)]
pub struct VariantRow {
    /// Its name.
    pub name: String,
    /// Its options, all of them.
    pub options: BTreeMap<String, serde_json::Value>,
    /// Accuracy (multi-label: subset accuracy).
    pub accuracy: Option<Spread>,
    /// Macro-F1.
    pub macro_f1: Option<Spread>,
    /// F1 of each of the rarest labels; `None` where no scored text carries it.
    pub rarest_f1: Vec<Option<Spread>>,
    /// Seconds of training and scoring a run.
    pub secs: Option<Spread>,
    /// One a seed.
    pub runs: Vec<RunRow>,
}

/// Figures over seeds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// Their mean.
    pub mean: f64,
    /// The sample standard deviation (n − 1); `None` for one figure.
    pub deviation: Option<f64>,
}

impl Spread {
    /// Of the figures there are; `None` for none.
    pub fn of(figures: &[f64]) -> Option<Spread> {
        let n = figures.len() as f64;
        if figures.is_empty() {
            return None;
        }
        let mean = figures.iter().sum::<f64>() / n;
        let squares: f64 = figures.iter().map(|figure| (figure - mean).powi(2)).sum();
        let deviation = (figures.len() > 1).then(|| (squares / (n - 1.0)).sqrt());
        Some(Spread { mean, deviation })
    }
}

/// One run of a variant.
#[derive(Debug, Clone, Serialize)]
pub struct RunRow {
    /// Its seed.
    pub seed: u64,
    /// Accuracy (multi-label: subset accuracy).
    pub accuracy: Option<f64>,
    /// Macro-F1.
    pub macro_f1: Option<f64>,
    /// Bootstrap intervals of these and all other headline figures.
    pub intervals: Option<Intervals>,
    /// F1 by label.
    pub label_f1: BTreeMap<String, Option<f64>>,
    /// Its run and how it ended.
    #[serde(flatten)]
    pub ended: Ended,
}

/// Runs every variant with every seed. Stopping keeps what is finished; a run that fails does not end the comparison.
pub fn run(
    job: &mut JobContext,
    store: &Store,
    catalog: &Catalog,
    snapshot: Snapshot,
    request: CompareRequest,
    now_millis: fn() -> i64,
) -> anyhow::Result<Outcome> {
    let rarest = rarest(&snapshot);
    let at = Workplace {
        store,
        catalog,
        snapshot: &snapshot,
        now_millis,
    };
    let (base, scored_on) = (&request.base, request.scored_on);
    let (rows, n_texts) = Series::on_threads(&at, base, &request.series, scored_on, |series| {
        Ok((run_all(job, series, &request)?, series.texts().len()))
    })?;
    let variants = request.variants.iter().zip(rows);
    Ok(Outcome::Compared(Box::new(Comparison {
        series: request.series.clone(),
        method: request.base.method.id.to_owned(),
        scored_on: request.scored_on,
        n_texts,
        variants: variants.map(|(variant, tried)| row(variant, tried, &rarest)).collect(),
        rarest,
        stopped: job.cancelled(),
    })))
}

/// What came of each variant, seed by seed, so that a comparison that is stopped has something of each.
fn run_all(job: &mut JobContext, series: &Series<'_>, request: &CompareRequest) -> anyhow::Result<Vec<Vec<Tried>>> {
    let n_runs = request.variants.len() * request.seeds.len();
    let mut rows: Vec<Vec<Tried>> = request.variants.iter().map(|_| Vec::new()).collect();
    let mut n_done = 0;
    for seed in &request.seeds {
        for (variant, row) in request.variants.iter().zip(&mut rows) {
            if job.cancelled() {
                return Ok(rows);
            }
            tell(
                job,
                n_done,
                n_runs,
                format!("{} · {} · seed {seed}", request.series, variant.name),
            );
            let trial = Trial {
                name: match request.seeds.len() {
                    1 => variant.name.clone(),
                    _ => format!("{}, seed {seed}", variant.name),
                },
                options: variant.options.clone(),
                seed: *seed,
                marks: [("variant".to_owned(), variant.name.as_str().into())].into(),
            };
            row.push(series.run(job, trial)?);
            n_done += 1;
        }
    }
    tell(job, n_runs, n_runs, format!("{} · done", request.series));
    Ok(rows)
}

/// The labels with the fewest training texts, in display order.
fn rarest(snapshot: &Snapshot) -> Vec<RareLabel> {
    let counts: Vec<usize> = (0..snapshot.labels.len())
        .map(|label| {
            snapshot
                .train
                .labels
                .iter()
                .filter(|of_text| of_text.contains(&label))
                .count()
        })
        .collect();
    // Labels without texts of their own stand above those that have some.
    let fewest = counts.iter().filter(|n| **n > 0).min().copied().unwrap_or_default();
    let rare = counts.iter().enumerate().filter(|(_, n)| **n == fewest);
    rare.take(N_RAREST)
        .map(|(column, n)| RareLabel {
            label: snapshot.label_paths[column].join(PATH_SEPARATOR),
            n_train: *n,
            column,
        })
        .collect()
}

fn row(variant: &Variant, tried: Vec<Tried>, rarest: &[RareLabel]) -> VariantRow {
    let reports: Vec<&Report> = tried.iter().filter_map(|tried| tried.report.as_ref()).collect();
    let spread = |figure: &dyn Fn(&Report) -> Option<f64>| {
        let figures: Vec<f64> = reports.iter().filter_map(|report| figure(report)).collect();
        Spread::of(&figures)
    };
    let done = tried.iter().filter(|tried| tried.report.is_some());
    let secs: Vec<f64> = done.map(|tried| tried.run.train_secs).collect();
    let f1 = |rare: &RareLabel| {
        spread(&|report| {
            let label = report.labels.get(rare.column).filter(|label| label.support > 0);
            label.map(|label| label.f1.unwrap_or(0.0))
        })
    };
    VariantRow {
        name: variant.name.clone(),
        options: variant.options.to_json(),
        accuracy: spread(&|report| report.accuracy),
        macro_f1: spread(&|report| report.macro_.f1),
        rarest_f1: rarest.iter().map(f1).collect(),
        secs: Spread::of(&secs),
        runs: tried.into_iter().map(run_row).collect(),
    }
}

fn run_row(Tried { run, report }: Tried) -> RunRow {
    let labels = report.iter().flat_map(|report| &report.labels);
    RunRow {
        seed: run.seed,
        accuracy: report.as_ref().and_then(|report| report.accuracy),
        macro_f1: report.as_ref().and_then(|report| report.macro_.f1),
        intervals: report.as_ref().and_then(|report| report.intervals.clone()),
        label_f1: labels.map(|label| (label.label.clone(), label.f1)).collect(),
        ended: run.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spreads_are_those_of_a_sample() {
        assert_eq!(Spread::of(&[]), None);
        assert_eq!(
            Spread::of(&[0.5]),
            Some(Spread {
                mean: 0.5,
                deviation: None
            })
        );
        // statistics.stdev([1, 2, 4]) == 1.5275252316519468
        let spread = Spread::of(&[1.0, 2.0, 4.0]).unwrap();
        assert!((spread.mean - 7.0 / 3.0).abs() < 1e-12);
        assert!((spread.deviation.unwrap() - 1.527_525_231_651_946_8).abs() < 1e-12);
    }
}
