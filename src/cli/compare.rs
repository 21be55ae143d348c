//! `handful compare`: the same training with different settings, side by side.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;

use super::runs::{kind, option};
use super::table::table;
use super::{Output, progress, project};
use crate::app::{App, Command, CompareSpec, TrainSpec};
use crate::core::metrics::Interval;
use crate::core::{RunStatus, ScoreKind};
use crate::jobs::Comparison;
use crate::jobs::compare::{Spread, VariantRow};

#[derive(Debug, Args)]
pub struct Compare {
    /// The project
    project: PathBuf,
    /// setfit, finetune or probe
    #[arg(long, default_value = "setfit")]
    method: String,
    /// A model's name or a folder
    #[arg(long)]
    encoder: Option<String>,
    /// An option that all variants share, as `option=value`; may be given several times
    #[arg(long = "set", value_name = "OPTION=VALUE", value_parser = option)]
    options: Vec<(String, String)>,
    /// Settings to compare, as `name: option=value, option=value`; may be given several times
    #[arg(
        long = "variant",
        value_name = "NAME: OPTION=VALUE,…",
        required_unless_present_any = ["imbalance", "tree"]
    )]
    variants: Vec<String>,
    /// Compare what the method can do about labels of very different size, with doing nothing
    #[arg(long)]
    imbalance: bool,
    /// Compare the ways of learning labels that form a tree: flat, top-down and shared
    #[arg(long)]
    tree: bool,
    /// The first seed
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// Train every variant with so many seeds, and give mean and standard deviation
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    seeds: u32,
    /// Score on validation, out-of-fold or test; validation where there is any, else out-of-fold. Figures on the test split are for
    /// reporting: who chooses by them can no longer report them
    #[arg(long = "on", value_name = "SPLIT", value_parser = kind)]
    on: Option<ScoreKind>,
    /// Train nothing: only say how many trainings it would be
    #[arg(long)]
    plan: bool,
}

impl Compare {
    pub fn run(self, app: &mut App, output: &Output) -> anyhow::Result<()> {
        project::open(app, output, &self.project)?;
        let spec = CompareSpec {
            base: TrainSpec {
                method: self.method,
                encoder: self.encoder,
                seed: self.seed,
                options: self.options,
            },
            variants: self.variants,
            imbalance: self.imbalance,
            tree: self.tree,
            n_seeds: self.seeds as usize,
            on: self.on,
        };
        let plan = app.plan_comparison(&spec)?;
        if self.plan {
            return output.result(&plan, &plan.text());
        }
        output.remark(&plan.text());
        progress::execute_series(app, output, Command::Compare(spec))?;
        let project = app.project()?;
        let comparison = project
            .comparison
            .as_ref()
            .context("the comparison has ended without a report")?;
        output.result(comparison, &text(comparison))
    }
}

fn text(comparison: &Comparison) -> String {
    let mut header = vec!["variant".to_owned(), "accuracy".to_owned(), "macro F1".to_owned()];
    let rare = comparison.rarest.iter();
    header.extend(rare.map(|rare| format!("F1 of {} ({} texts)", rare.label, rare.n_train)));
    header.extend(["seconds".to_owned(), String::new()]);
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    let rows: Vec<Vec<String>> = comparison.variants.iter().map(row).collect();
    let n_seeds = comparison
        .variants
        .iter()
        .map(|row| row.runs.len())
        .max()
        .unwrap_or_default();
    let note = match n_seeds {
        0 | 1 => "in brackets what 95 % of bootstrap resamples of the texts span".to_owned(),
        n => format!("mean ± standard deviation over {n} seeds"),
    };
    let stopped = if comparison.stopped {
        "\nStopped before every run was done."
    } else {
        ""
    };
    format!(
        "{}: {} on {} {} texts; {note}\n\n{}{stopped}",
        comparison.series,
        comparison.method,
        comparison.n_texts,
        comparison.scored_on.name(),
        table(&header, &rows)
    )
}

fn row(row: &VariantRow) -> Vec<String> {
    let intervals = match row.runs.as_slice() {
        [run] => run.intervals.as_ref(),
        _ => None,
    };
    let mut cells = vec![
        row.name.clone(),
        spread(row.accuracy, intervals.and_then(|known| known.accuracy())),
        spread(row.macro_f1, intervals.and_then(|known| known.macro_f1())),
    ];
    cells.extend(row.rarest_f1.iter().map(|f1| spread(*f1, None)));
    cells.push(
        row.secs
            .map_or_else(|| "–".to_owned(), |secs| format!("{:.1}", secs.mean)),
    );
    let failed = row.runs.iter().find(|run| run.ended.status == RunStatus::Failed);
    cells.push(
        failed
            .map(|run| format!("failed: {}", run.ended.message))
            .unwrap_or_default(),
    );
    cells
}

fn spread(spread: Option<Spread>, interval: Option<Interval>) -> String {
    let Some(Spread { mean, deviation }) = spread else {
        return "–".to_owned();
    };
    match (deviation, interval) {
        (Some(deviation), _) => format!("{mean:.3} ± {deviation:.3}"),
        (None, Some(Interval { low, high })) => format!("{mean:.3} [{low:.3}, {high:.3}]"),
        (None, None) => format!("{mean:.3}"),
    }
}
