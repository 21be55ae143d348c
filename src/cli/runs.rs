//! Verbs about runs: train, evaluate, tune, export.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use clap::Args;
use serde_json::json;

use super::confusion_table::ConfusionArgs;
use super::{Output, classify::write_lines, interrupt, models::megabytes, progress, project};
use crate::app::{App, Command};
use crate::core::metrics::METRICS;
use crate::core::report::figure;
use crate::core::thresholds::Objective;
use crate::core::{Run, RunId, ScoreKind};
use crate::jobs::Evaluation;
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
        interrupt::stop_on_first(app)?;
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
const HEADLINES: [&str; 4] = ["accuracy", "macro_f1", "micro_f1", "constant_guess_accuracy"];

/// A run in a line or two.
pub fn run_text(run: &Run) -> String {
    let mut text = format!("{}: {} texts, {:.1} s", run.name, run.n_train, run.train_secs);
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
    text
}

/// The run asked for, or the newest usable one.
pub fn chosen(app: &App, run: Option<i64>) -> anyhow::Result<Run> {
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
            .find(|run| run.has_model())
            .cloned()
            .context("no run has a model yet; `handful train` makes one, `handful runs` lists them all"),
    }
}

/// Reads a kind of scores.
pub fn kind(name: &str) -> Result<ScoreKind, String> {
    ScoreKind::from_name(name).ok_or_else(|| "one of: test, validation, out-of-fold".to_owned())
}

#[derive(Debug, Args)]
pub struct Evaluate {
    /// The project
    project: PathBuf,
    /// Number of the run; the newest otherwise
    #[arg(long)]
    run: Option<i64>,
    /// test, validation, or out-of-fold (the training texts, scored by models that did not see them)
    #[arg(long, value_parser = kind)]
    split: Option<ScoreKind>,
    /// Write one JSON line per text: id, true labels, score per label
    #[arg(long)]
    scores: Option<PathBuf>,
    #[command(flatten)]
    confusion: ConfusionArgs,
}

impl Evaluate {
    pub fn run(self, app: &mut App, output: &Output) -> anyhow::Result<()> {
        project::open(app, output, &self.project)?;
        let run = chosen(app, self.run)?;
        let kind = self.split.or(run.scored_on).unwrap_or(ScoreKind::Test);
        let evaluation = evaluate(app, output, run.id, kind)?;
        if let Some(file) = &self.scores {
            write_scores(app, &evaluation, file)?;
        }
        let text = evaluation.text() + &self.confusion.text(&evaluation);
        output.result(&self.confusion.json(&evaluation)?, &text)
    }
}

/// Gathers the metrics of a run.
pub fn evaluate(
    app: &mut App,
    output: &Output,
    run: RunId,
    kind: ScoreKind,
) -> anyhow::Result<std::sync::Arc<Evaluation>> {
    progress::execute(app, output, Command::Evaluate { run, kind })?;
    app.project()?
        .evaluations
        .get(&(run, kind))
        .cloned()
        .context("the evaluation has ended without a report")
}

fn write_scores(app: &App, evaluation: &Evaluation, file: &Path) -> anyhow::Result<()> {
    let state = &app.project()?.state;
    let lines = evaluation.ids.iter().enumerate().map(|(row, id)| {
        let external = state.text(*id).and_then(|text| text.external_id.clone());
        let names = evaluation.label_names.iter().map(String::as_str);
        let scores: BTreeMap<&str, f32> = names.zip(evaluation.scores(row).iter().copied()).collect();
        let truth = evaluation.truth_names(row);
        json!({ "id": external.unwrap_or_else(|| format!("#{id}")), "labels": truth, "scores": scores })
    });
    write_lines(file, lines)
}

#[derive(Debug, Args)]
pub struct Tune {
    /// The project
    project: PathBuf,
    /// Number of the run; the newest otherwise
    #[arg(long)]
    run: Option<i64>,
    /// f1, f2, f0.5, precision>=0.9 (most recall with it) or recall>=0.9 (most precision with it)
    #[arg(long, default_value = "f1")]
    objective: Objective,
}

impl Tune {
    pub fn run(self, app: &mut App, output: &Output) -> anyhow::Result<()> {
        project::open(app, output, &self.project)?;
        let run = chosen(app, self.run)?;
        let tuned = tune(app, output, run.id, self.objective)?;
        if let Some(kind) = run.scored_on {
            evaluate(app, output, run.id, kind)?;
        }
        output.result(&tuned.json, &tuned.text)
    }
}

/// What tuning did, for people and machines.
pub struct Tuned {
    pub json: serde_json::Value,
    pub text: String,
}

/// Chooses and stores the thresholds of a run.
pub fn tune(app: &mut App, output: &Output, run: RunId, objective: Objective) -> anyhow::Result<Tuned> {
    progress::execute(app, output, Command::Tune { run, objective })?;
    let project = app.project()?;
    let tuning = project
        .tuning
        .as_ref()
        .context("the tuning has ended without a result")?;
    let mut text = format!(
        "Thresholds for {} chosen on the {} scores, by {}.\n",
        tuning.run_name,
        tuning.kind.name(),
        tuning.objective
    );
    for row in &tuning.labels {
        let remarks = row
            .remarks
            .iter()
            .map(|remark| format!("   {remark}"))
            .collect::<String>();
        text += &format!(
            "  {:<28} {:.3}   F1 {} -> {}{remarks}\n",
            row.label,
            row.threshold,
            figure(row.f1_before),
            figure(row.f1_after)
        );
    }
    text += &format!(
        "macro-F1 on these scores {} -> {}",
        figure(tuning.macro_f1_before),
        figure(tuning.macro_f1_after)
    );
    Ok(Tuned {
        json: serde_json::to_value(&**tuning)?,
        text,
    })
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
