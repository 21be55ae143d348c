//! Verbs about runs: train, export.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, ensure};
use clap::Args;
use serde_json::json;

use super::{Output, interrupt, models::megabytes, progress, project};
use crate::app::{App, Command};
use crate::core::metrics::METRICS;
use crate::core::{Run, RunId, ScoreKind};
use crate::train;

#[derive(Debug, Args)]
#[command(after_help = train::options_help())]
pub struct Train {
    /// The project
    project: PathBuf,
    /// setfit, finetune, probe or distill
    #[arg(long, default_value = "setfit")]
    method: String,
    /// A model's name or a folder
    #[arg(long)]
    encoder: Option<String>,
    /// Number of the run to learn from, with distill
    #[arg(long, value_name = "RUN")]
    teacher: Option<i64>,
    /// Seed of every random choice: the same seed gives the same weights
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// An option of the method, as `option=value`; may be given several times
    #[arg(long = "set", value_name = "OPTION=VALUE", value_parser = option)]
    options: Vec<(String, String)>,
    /// Number of a run that was cut off or stopped: goes on from its saved state, with its own method, options, seed and encoder
    #[arg(long, value_name = "RUN", conflicts_with_all = ["method", "encoder", "seed", "options"])]
    resume: Option<i64>,
}

/// Reads `option=value`.
pub fn option(written: &str) -> Result<(String, String), String> {
    let (id, value) = written.split_once('=').ok_or("write it as option=value")?;
    Ok((id.trim().to_owned(), value.trim().to_owned()))
}

impl Train {
    pub fn run(self, app: &mut App, output: &Output) -> anyhow::Result<()> {
        project::open(app, output, &self.project)?;
        interrupt::stop_on_first(app, "what was learnt so far is kept")?;
        let teacher = self.teacher.map(RunId);
        let run = match self.resume {
            Some(run) => resume(app, output, RunId(run))?,
            None => train(app, output, self.method, self.encoder, self.seed, self.options, teacher)?,
        };
        output.result(&run_json(app, &run)?, &run_text(&run))
    }
}

/// Trains and returns the finished run.
pub fn train(
    app: &mut App,
    output: &Output,
    method: String,
    encoder: Option<String>,
    seed: u64,
    options: Vec<(String, String)>,
    teacher: Option<RunId>,
) -> anyhow::Result<Run> {
    progress::execute(
        app,
        output,
        Command::Train {
            method,
            encoder,
            seed,
            options,
            teacher,
        },
    )?;
    app.project()?
        .state
        .runs
        .last()
        .cloned()
        .context("the training has ended without a run")
}

fn resume(app: &mut App, output: &Output, run: RunId) -> anyhow::Result<Run> {
    progress::execute(app, output, Command::ResumeRun(run))?;
    let run = app.project()?.state.run(run).cloned();
    run.context("the training has ended without a run")
}

fn run_json(app: &App, run: &Run) -> anyhow::Result<serde_json::Value> {
    let mut value = run_figures(run);
    if let Some(fields) = value.as_object_mut() {
        fields.insert("device".to_owned(), json!(app.device.resolve()?.id));
        fields.insert("precision".to_owned(), json!(app.precision));
        fields.insert("peak_mb".to_owned(), json!(super::doctor::peak_memory_mb()));
    }
    Ok(value)
}

/// What was asked of a run and what came out.
pub fn run_figures(run: &Run) -> serde_json::Value {
    json!({
        "run": run.id,
        "name": run.name,
        "method": run.method,
        "encoder": run.encoder,
        "seed": run.seed,
        "options": run.options,
        "findings": run.findings,
        "status": run.status,
        "train_secs": run.train_secs,
        "n_train": run.n_train,
        "n_validation": run.n_validation,
        "n_test": run.n_test,
        "scored_on": run.scored_on,
        "metrics": run.metrics,
    })
}

/// Metrics a terminal shows after training; `handful evaluate` has all of them.
const HEADLINES: [&str; 6] = [
    "accuracy",
    "macro_f1",
    "micro_f1",
    "leaf_macro_f1",
    "coarse_accuracy",
    "constant_guess_accuracy",
];

/// A run in a line or two.
pub fn run_text(run: &Run) -> String {
    let mut text = match run.findings.get("n_scored") {
        Some(n_scored) if run.is_zero_shot() => {
            format!(
                "{}: {n_scored} texts scored with {}, {:.1} s",
                run.name, run.encoder, run.train_secs
            )
        }
        _ => format!("{}: {} texts, {:.1} s", run.name, run.n_train, run.train_secs),
    };
    if let Some(kind) = run.scored_on {
        let shown = METRICS.iter().filter(|metric| HEADLINES.contains(&metric.id));
        let metrics: Vec<String> = shown
            .filter_map(|metric| {
                Some(format!(
                    "{} {:.3}",
                    metric.title.to_lowercase(),
                    run.metrics.get(metric.id)?
                ))
            })
            .collect();
        text += &format!("\non the {} scores: {}", kind.name(), metrics.join(", "));
    }
    let remarks = run.findings.get("remarks").and_then(serde_json::Value::as_array);
    for remark in remarks.into_iter().flatten().filter_map(serde_json::Value::as_str) {
        text += &format!("\nNote: {remark}");
    }
    text
}

/// The run asked for, or the newest that has a model.
pub fn chosen(app: &App, run: Option<i64>) -> anyhow::Result<Run> {
    newest(app, run, Run::has_model)
}

/// The run asked for, or the newest whose scores can be judged: one that has a model, or a zero-shot run.
pub fn judged(app: &App, run: Option<i64>) -> anyhow::Result<Run> {
    newest(app, run, |run| {
        run.has_model() || run.is_zero_shot() && run.status.is_finished()
    })
}

fn newest(app: &App, run: Option<i64>, usable: impl Fn(&Run) -> bool) -> anyhow::Result<Run> {
    let state = &app.project()?.state;
    match run {
        Some(id) => state.run(RunId(id)).cloned().with_context(|| {
            let known: Vec<String> = state
                .runs
                .iter()
                .map(|run| format!("{} ({})", run.id, run.name))
                .collect();
            format!("there is no run {id}; there are: {}", known.join(", "))
        }),
        None => state
            .runs
            .iter()
            .rev()
            .find(|run| usable(run))
            .cloned()
            .context("no run has a model yet; `handful train` makes one, `handful runs` lists them all"),
    }
}

/// Reads a kind of scores.
pub fn kind(name: &str) -> Result<ScoreKind, String> {
    ScoreKind::from_name(name).ok_or_else(|| "one of: test, validation, out-of-fold".to_owned())
}

#[derive(Debug, Args)]
pub struct Export {
    /// The project
    project: PathBuf,
    /// Number of the run; the newest otherwise
    #[arg(long)]
    run: Option<i64>,
    /// The folder to make; with --annotations, the file to write
    #[arg(long)]
    out: PathBuf,
    /// Write texts and annotations instead of a model: csv or jsonl
    #[arg(long, value_name = "FORMAT")]
    annotations: Option<String>,
}

impl Export {
    pub fn run(self, app: &mut App, output: &Output) -> anyhow::Result<()> {
        project::open(app, output, &self.project)?;
        if let Some(format) = self.annotations {
            progress::execute(
                app,
                output,
                Command::ExportAnnotations {
                    format,
                    out: self.out.clone(),
                },
            )?;
            let n_texts = app.project()?.state.n_texts();
            let text = format!("{n_texts} texts written to {}", self.out.display());
            return output.result(&json!({ "out": self.out, "n_texts": n_texts }), &text);
        }
        let run = chosen(app, self.run)?;
        let (report, text) = export(app, output, run.id, self.out)?;
        output.result(&report, &text)
    }
}

/// Writes and checks a model; the report for machines and for people.
pub fn export(
    app: &mut App,
    output: &Output,
    run: RunId,
    out: PathBuf,
) -> anyhow::Result<(crate::jobs::ExportReport, String)> {
    progress::execute(app, output, Command::ExportModel { run, out })?;
    let report = app
        .last_export
        .take()
        .context("the export has ended without a report")?;
    ensure!(
        fs::metadata(&report.dir).is_ok(),
        "the exported folder is gone: {}",
        report.dir.display()
    );
    let bytes = report.files.iter().map(|(_, bytes)| bytes).sum();
    let text = format!(
        "{}: {} files, {}. Opened again: {} of {} texts get the same labels, {}.",
        report.dir.display(),
        report.files.len(),
        megabytes(bytes),
        report.n_same,
        report.n_checked,
        report.difference()
    );
    Ok((report, text))
}
