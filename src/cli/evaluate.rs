//! `handful evaluate`: every figure of a run, of all texts, of slices, or of one slice.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use serde_json::{Value, json};

use super::confusion_table::ConfusionArgs;
use super::runs::{judged, kind};
use super::{Output, classify::write_lines, progress, project};
use crate::app::{App, Command};
use crate::core::metrics::FBeta;
use crate::core::report::{figure, render_slices};
use crate::core::slices::{SliceBy, SliceName};
use crate::core::stale::staleness;
use crate::core::{RunId, ScoreKind, TaskKind};
use crate::jobs::Evaluation;

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
    /// Also show texts by length, source, annotator, labelled (how) or confidence; may be given several times
    #[arg(long, value_name = "WHAT", value_parser = by)]
    by: Vec<SliceBy>,
    /// Judge only some of the texts, as in length=short or source=mails.csv
    #[arg(long, value_name = "WHAT=NAME")]
    only: Option<SliceName>,
    /// Also show Fβ for this β: above 1 recall weighs more than precision
    #[arg(long, value_parser = beta)]
    beta: Option<f64>,
    /// Write one JSON line per text: id, true labels, score per label
    #[arg(long)]
    scores: Option<PathBuf>,
    #[command(flatten)]
    confusion: ConfusionArgs,
}

fn by(name: &str) -> Result<SliceBy, String> {
    SliceBy::from_name(name).ok_or_else(|| format!("one of: {}", SliceBy::ALL.map(SliceBy::name).join(", ")))
}

fn beta(written: &str) -> Result<f64, String> {
    let beta = written
        .parse()
        .ok()
        .filter(|beta: &f64| beta.is_finite() && *beta > 0.0);
    beta.ok_or_else(|| "a number above 0, such as 2".to_owned())
}

impl Evaluate {
    pub fn run(self, app: &mut App, output: &Output) -> anyhow::Result<()> {
        project::open(app, output, &self.project)?;
        let run = judged(app, self.run)?;
        let kind = self.split.or(run.scored_on).unwrap_or(ScoreKind::Test);
        let mut evaluation = evaluate(app, output, run.id, kind)?;
        if let Some(only) = &self.only {
            evaluation = Arc::new(evaluation.only(only)?);
        }
        if let Some(file) = &self.scores {
            write_scores(app, &evaluation, file)?;
        }
        let f_beta = self.beta.map(|beta| evaluation.measured().f_beta(beta)).transpose()?;
        let mut value = to_json(&evaluation)?;
        let stale = staleness(&run, &app.project()?.state.labels);
        value["stale"] = json!(stale);
        value["stale_reason"] = json!(stale.map(|stale| stale.to_string()));
        self.confusion.add_to(&mut value, &evaluation)?;
        let mut text = evaluation.text() + &self.confusion.text(&evaluation)?;
        if let Some(only) = &self.only {
            value["only"] = json!(only.to_string());
            text = format!("Only texts with {only}.\n{text}");
        }
        if let Some((averages, by_label)) = &f_beta {
            let labels: BTreeMap<&str, Option<f64>> = names(&evaluation).zip(by_label.iter().copied()).collect();
            value["f_beta_asked"] = json!({ "averages": averages, "labels": labels });
            text += &beta_text(&evaluation, averages, by_label);
        }
        for by in self.by {
            let slices: Vec<_> = evaluation
                .slices
                .iter()
                .filter(|slice| slice.by == by)
                .cloned()
                .collect();
            text += &format!("\n{}", render_slices(by, &slices, &evaluation.report));
        }
        output.result(&value, &text)
    }
}

fn names(evaluation: &Evaluation) -> impl Iterator<Item = &str> {
    evaluation.label_names.iter().map(String::as_str)
}

/// The whole report with the slices, and what it is of.
fn to_json(evaluation: &Evaluation) -> anyhow::Result<Value> {
    let mut value = serde_json::to_value(&evaluation.report)?;
    value["run"] = json!(evaluation.run);
    value["run_name"] = json!(evaluation.run_name);
    value["scored_on"] = json!(evaluation.kind);
    value["slices"] = json!(evaluation.slices);
    value["remark"] = json!(evaluation.remark);
    value["at_least_one"] = json!(evaluation.at_least_one);
    Ok(value)
}

fn beta_text(evaluation: &Evaluation, averages: &FBeta, by_label: &[Option<f64>]) -> String {
    let mut text = format!("\nF{}\n", averages.beta);
    let samples = (evaluation.report.task == TaskKind::MultiLabel).then_some(("samples avg", averages.samples));
    let averages = [
        ("micro avg", averages.micro),
        ("macro avg", averages.macro_),
        ("weighted avg", averages.weighted),
    ];
    let rows = names(evaluation)
        .zip(by_label.iter().copied())
        .chain(averages)
        .chain(samples);
    for (name, value) in rows {
        text += &format!("  {name:<40}  {:>6}\n", figure(value));
    }
    text
}

/// Gathers the metrics of a run.
pub fn evaluate(app: &mut App, output: &Output, run: RunId, kind: ScoreKind) -> anyhow::Result<Arc<Evaluation>> {
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
        let scores: BTreeMap<&str, f32> = names(evaluation).zip(evaluation.scores(row).iter().copied()).collect();
        let truth = evaluation.truth_names(row);
        json!({ "id": external.unwrap_or_else(|| format!("#{id}")), "labels": truth, "scores": scores })
    });
    write_lines(file, lines)
}
