//! A search: trials of some settings by successive halving, then a full training with the best.
//!
//! Trials are scored on the validation split, else out of fold on the training texts; never on the test split. Not here: what to try
//! (`train::grid`) and who goes on (`train::halving`).

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use anyhow::bail;
use serde::Serialize;

use super::snapshot::Snapshot;
use super::training::{TrainRequest, carry_out, new_run};
use super::trial::{Ended, Series, Trial, Workplace, tell};
use super::worker::{JobContext, JobEvent, Outcome};
use crate::core::metrics::Metric;
use crate::core::run::{GOES_BY, TRIED, WINNER_OF};
use crate::core::{Run, RunId, ScoreKind};
use crate::model::catalog::Catalog;
use crate::store::Store;
use crate::train::halving::{self, Rung};
use crate::train::{Options, grid};

/// What to search.
#[derive(Debug, Clone)]
pub struct SearchRequest {
    /// Everything that is not tried.
    pub base: TrainRequest,
    /// The options that are tried.
    pub tried: Vec<&'static str>,
    /// The settings of each trial: at least two.
    pub settings: Vec<Options>,
    /// What is compared.
    pub metric: &'static Metric,
    /// Each rung keeps the best `1/eta` and trains `eta` times as long; 1 trains everything in full at once.
    pub eta: usize,
    /// The name of the series.
    pub series: String,
}

/// What a search found.
#[derive(Debug, Clone, Serialize)]
pub struct SearchReport {
    /// The name its runs share.
    pub series: String,
    /// The method's id.
    pub method: String,
    /// The metric's id.
    pub metric: &'static str,
    /// What trials were scored on.
    pub scored_on: ScoreKind,
    /// The options that were tried.
    pub tried: Vec<&'static str>,
    /// Every trial, in the order they ran.
    pub trials: Vec<TrialRow>,
    /// The run that was trained in full with the best settings; `None` when the search was stopped before.
    pub winner: Option<RunId>,
    /// The number of the best trial; of a stopped search, the best so far.
    pub best: Option<usize>,
    /// Whether the search was stopped.
    pub stopped: bool,
}

/// One trial on one rung.
#[derive(Debug, Clone, Serialize)]
pub struct TrialRow {
    /// The number of its settings, from 1.
    pub trial: usize,
    /// From 1.
    pub rung: usize,
    /// Share of a full training.
    pub share: f64,
    /// The options that are tried, with the values of a full training.
    pub options: BTreeMap<String, serde_json::Value>,
    /// The figure that is compared.
    pub figure: Option<f64>,
    /// Its run and how it ended.
    #[serde(flatten)]
    pub ended: Ended,
}

/// Runs the trials and trains the winner. Stopping keeps the trials that are finished; a trial that fails does not end the search.
pub fn run(
    job: &mut JobContext,
    store: &Store,
    catalog: &Catalog,
    snapshot: Snapshot,
    request: SearchRequest,
    now_millis: fn() -> i64,
) -> anyhow::Result<Outcome> {
    let mut report = SearchReport {
        series: request.series.clone(),
        method: request.base.method.id.to_owned(),
        metric: request.metric.id,
        scored_on: scored_on(&snapshot),
        tried: request.tried.clone(),
        trials: Vec::new(),
        winner: None,
        best: None,
        stopped: false,
    };
    let rungs = rungs(&request.base.options, request.settings.len(), request.eta);
    let at = Workplace {
        store,
        catalog,
        snapshot: &snapshot,
        now_millis,
    };
    let (base, scored_on) = (&request.base, report.scored_on);
    let best = Series::on_threads(&at, base, &request.series, scored_on, |series| {
        try_all(job, series, &request, &rungs, &mut report)
    })?;
    report.best = best.map(|at| at + 1).or_else(|| best_so_far(&report, request.metric));
    report.stopped = job.cancelled();
    match best {
        Some(best) if !report.stopped => {
            let n_trials = n_trials(&rungs);
            tell(
                job,
                n_trials,
                n_trials + 1,
                format!("{} · training the winner", report.series),
            );
            let winner = train_winner(job, &at, &request, best);
            report.stopped = job.cancelled();
            match winner {
                Ok(winner) => report.winner = Some(winner.id),
                // Stopped before there was a model: the trials are still worth telling.
                Err(_) if report.stopped => {}
                Err(error) => return Err(error),
            }
        }
        None if !report.stopped => bail!("{}", nothing_won(&report)),
        _ => {}
    }
    Ok(Outcome::Searched(Box::new(report)))
}

/// What trials are scored on: validation where there is any, else out of fold.
pub fn scored_on(snapshot: &Snapshot) -> ScoreKind {
    if snapshot.validation.is_empty() {
        ScoreKind::OutOfFold
    } else {
        ScoreKind::Validation
    }
}

/// How `n` settings are looked at; methods whose trainings cannot be shortened are tried in full.
pub fn rungs(options: &Options, n: usize, eta: usize) -> Vec<Rung> {
    let eta = match grid::can_be_shortened(options.method()) {
        true => eta,
        false => 1,
    };
    halving::rungs(n, eta)
}

fn n_trials(rungs: &[Rung]) -> usize {
    rungs.iter().map(|rung| rung.n_candidates).sum()
}

fn try_all(
    job: &mut JobContext,
    series: &Series<'_>,
    request: &SearchRequest,
    rungs: &[Rung],
    report: &mut SearchReport,
) -> anyhow::Result<Option<usize>> {
    let mut failure = None;
    let higher_is_better = request.metric.higher_is_better;
    let best = halving::climb(rungs, higher_is_better, &mut |rung, candidate| {
        if job.cancelled() {
            return ControlFlow::Break(());
        }
        let note = format!(
            "{} · rung {} of {} · trial {}",
            request.series,
            rung.number,
            rungs.len(),
            candidate + 1
        );
        tell(job, report.trials.len(), n_trials(rungs) + 1, note);
        match try_one(job, series, request, rung, candidate) {
            Ok(row) => {
                let figure = row.figure;
                report.trials.push(row);
                ControlFlow::Continue(figure)
            }
            Err(error) => {
                failure = Some(error);
                ControlFlow::Break(())
            }
        }
    });
    match failure {
        Some(error) => Err(error),
        None => Ok(best),
    }
}

fn try_one(
    job: &mut JobContext,
    series: &Series<'_>,
    request: &SearchRequest,
    rung: &Rung,
    candidate: usize,
) -> anyhow::Result<TrialRow> {
    let full = &request.settings[candidate];
    let (trial, number) = (candidate + 1, rung.number);
    let mut options = full.to_json();
    options.retain(|id, _| request.tried.iter().any(|tried| tried == id));
    let marks = [
        ("trial", trial.into()),
        ("rung", number.into()),
        ("share_of_steps", rung.share.into()),
        (TRIED, serde_json::to_value(&options)?),
        (GOES_BY, request.metric.id.into()),
    ];
    let tried = series.run(
        job,
        Trial {
            name: format!("trial {trial}, rung {number}"),
            options: grid::shortened(full, rung.share),
            seed: request.base.seed,
            marks: marks.map(|(name, value)| (name.to_owned(), value)).into(),
        },
    )?;
    Ok(TrialRow {
        trial,
        rung: number,
        share: rung.share,
        options,
        figure: tried.run.metrics.get(request.metric.id).copied(),
        ended: tried.run.into(),
    })
}

/// An ordinary training with the best settings, folds and test scores included.
fn train_winner(job: &mut JobContext, at: &Workplace<'_>, request: &SearchRequest, best: usize) -> anyhow::Result<Run> {
    let training = TrainRequest {
        options: request.settings[best].clone(),
        ..request.base.clone()
    };
    let mut run = new_run(at.snapshot, &training, (at.now_millis)());
    run.series = request.series.clone();
    run.name = format!("{} · winner", request.series);
    run.findings.insert(WINNER_OF.into(), request.series.as_str().into());
    run.findings.insert("winning_trial".into(), (best + 1).into());
    let run = carry_out(job, at.store, at.catalog, at.snapshot, &training, run)?;
    job.emit(JobEvent::RunStarted(Box::new(run.clone())));
    Ok(run)
}

/// The best trial of the highest rung that anything was measured on.
fn best_so_far(report: &SearchReport, metric: &Metric) -> Option<usize> {
    let measured = || report.trials.iter().filter_map(|row| Some((row, row.figure?)));
    let highest = measured().map(|(row, _)| row.rung).max()?;
    let sign = if metric.higher_is_better { 1.0 } else { -1.0 };
    let on_highest = measured().filter(|(row, _)| row.rung == highest);
    // `max_by` takes the last of equals, the search the first.
    let best = on_highest.rev().max_by(|a, b| (sign * a.1).total_cmp(&(sign * b.1)));
    best.map(|(row, _)| row.trial)
}

fn nothing_won(report: &SearchReport) -> String {
    let reason = report
        .trials
        .iter()
        .map(|row| row.ended.message.as_str())
        .find(|message| !message.is_empty());
    format!(
        "no trial of {} came to a figure of {}; the trials stay among the runs. The first said: {}",
        report.series,
        report.metric,
        reason.unwrap_or("nothing")
    )
}
