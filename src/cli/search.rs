//! `handful search`: trials of settings by successive halving, then a full training with the best.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;

use super::runs::option;
use super::table::table;
use super::{Output, progress, project};
use crate::app::{App, Command, SearchSpec, TrainSpec};
use crate::core::report::figure;
use crate::core::{Run, RunStatus};
use crate::jobs::SearchReport;
use crate::train;

#[derive(Debug, Args)]
#[command(after_help = train::presets_help())]
pub struct Search {
    /// The project
    project: PathBuf,
    /// setfit, finetune or probe
    #[arg(long, default_value = "setfit")]
    method: String,
    /// A model's name or a folder
    #[arg(long)]
    encoder: Option<String>,
    /// Seed of every trial, and of drawing them
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// An option that stays as it is, as `option=value`; may be given several times
    #[arg(long = "set", value_name = "OPTION=VALUE", value_parser = option)]
    options: Vec<(String, String)>,
    /// Values of an option to try, as `option=value,value`; may be given several times
    #[arg(long = "try", value_name = "OPTION=VALUE,VALUE", value_parser = option, required_unless_present = "preset")]
    tries: Vec<(String, String)>,
    /// The method's values to try for a quick or a wide look, as listed below; values of --try come beside them, or in their place where
    /// the option is the same
    #[arg(long)]
    preset: Option<String>,
    /// Trials at most: so many combinations are drawn at random; all otherwise
    #[arg(long, value_parser = clap::value_parser!(u32).range(2..))]
    trials: Option<u32>,
    /// The figure to go by: accuracy, macro_f1, log_loss or another that `evaluate` gives
    #[arg(long, default_value = "macro_f1")]
    metric: String,
    /// Each rung keeps the best 1 of this many trials and trains so many times longer; 1 trains every trial in full
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=10))]
    eta: u32,
    /// Train nothing: only say how many trainings it would be
    #[arg(long)]
    plan: bool,
}

impl Search {
    pub fn run(self, app: &mut App, output: &Output) -> anyhow::Result<()> {
        project::open(app, output, &self.project)?;
        let spec = SearchSpec {
            base: TrainSpec {
                method: self.method,
                encoder: self.encoder,
                seed: self.seed,
                options: self.options,
            },
            tries: self.tries,
            preset: self.preset,
            n_trials: self.trials.map(|n| n as usize),
            metric: self.metric,
            eta: self.eta as usize,
        };
        let plan = app.plan_search(&spec)?;
        if self.plan {
            return output.result(&plan, &plan.text());
        }
        output.remark(&plan.text());
        progress::execute_series(app, output, Command::Search(spec))?;
        let project = app.project()?;
        let report = project
            .search
            .as_ref()
            .context("the search has ended without a report")?;
        let winner = report.winner.and_then(|id| project.state.run(id));
        let value = serde_json::json!({ "search": report, "winner": winner.map(super::runs::run_figures) });
        output.result(&value, &text(report, winner))
    }
}

fn text(report: &SearchReport, winner: Option<&Run>) -> String {
    let mut header = vec!["run", "trial", "rung", "steps"];
    header.extend(report.tried.iter().copied());
    header.extend([report.metric, "seconds", ""]);
    let row = |row: &crate::jobs::search::TrialRow| {
        let mut cells = vec![
            row.ended.run.to_string(),
            row.trial.to_string(),
            row.rung.to_string(),
            format!("{:.1} %", row.share * 100.0),
        ];
        cells.extend(
            report
                .tried
                .iter()
                .map(|id| row.options.get(*id).map(written).unwrap_or_default()),
        );
        let remark = match row.ended.status {
            RunStatus::Failed => format!("failed: {}", row.ended.message),
            RunStatus::Stopped => "stopped".to_owned(),
            _ if report.best == Some(row.trial) && is_last(report, row.rung) => "best".to_owned(),
            _ => String::new(),
        };
        cells.extend([figure(row.figure), format!("{:.1}", row.ended.secs), remark]);
        cells
    };
    let rows: Vec<Vec<String>> = report.trials.iter().map(row).collect();
    let mut text = format!(
        "{}: {} trainings, scored on the {} scores\n\n{}\n",
        report.series,
        report.trials.len(),
        report.scored_on.name(),
        table(&header, &rows)
    );
    match winner {
        Some(run) => {
            text += &format!(
                "\nTrained in full with the settings of trial {}:\n{}",
                report.best.unwrap_or_default(),
                super::runs::run_text(run)
            )
        }
        None => text += "\nThe search was stopped before a winner was trained; what is finished stays among the runs.",
    }
    text
}

fn is_last(report: &SearchReport, rung: usize) -> bool {
    report
        .trials
        .iter()
        .filter(|row| row.figure.is_some())
        .map(|row| row.rung)
        .max()
        == Some(rung)
}

/// An option's value as a person writes it.
pub fn written(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
