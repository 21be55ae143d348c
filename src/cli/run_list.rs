//! `handful runs`: the table of runs.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::runs::run_figures;
use super::search::written;
use super::table::table;
use super::{Output, project};
use crate::app::App;
use crate::core::report::figure;
use crate::core::stale::staleness;
use crate::core::{LabelTree, ProjectState, Run, RunStatus, ScoreKind, TaskKind};
use crate::train::{self, Options};

#[derive(Debug, Args)]
pub struct Runs {
    /// The project
    project: PathBuf,
    /// Only the runs of one series, such as search-1
    #[arg(long)]
    series: Option<String>,
}

impl Runs {
    pub fn run(self, app: &mut App, output: &Output) -> anyhow::Result<()> {
        project::open(app, output, &self.project)?;
        let state = &app.project()?.state;
        let wanted = |run: &&Run| self.series.as_ref().is_none_or(|series| *series == run.series);
        let runs: Vec<&Run> = state.runs.iter().filter(wanted).collect();
        let values: Vec<Value> = runs.iter().map(|run| as_json(run, &state.labels)).collect();
        let text = match runs.is_empty() {
            true => "there are no runs yet; `handful train` makes one".to_owned(),
            false => text(&runs, state),
        };
        output.result(&values, &text)
    }
}

fn as_json(run: &Run, labels: &LabelTree) -> Value {
    let mut value = run_figures(run);
    if let Some(fields) = value.as_object_mut() {
        fields.insert("series".to_owned(), json!(run.series));
        fields.insert("changed_options".to_owned(), json!(changed(run)));
        fields.insert("has_model".to_owned(), json!(run.has_model()));
        fields.insert("findings".to_owned(), json!(run.findings));
        fields.insert("message".to_owned(), json!(run.message));
        let stale = staleness(run, labels);
        fields.insert("stale".to_owned(), json!(stale));
        fields.insert("stale_reason".to_owned(), json!(stale.map(|stale| stale.to_string())));
        fields.insert("started_at_millis".to_owned(), json!(run.started_at_millis));
    }
    value
}

fn text(runs: &[&Run], state: &ProjectState) -> String {
    let accuracy = match state.task {
        TaskKind::SingleLabel => "accuracy",
        TaskKind::MultiLabel => "subset_accuracy",
    };
    let header = [
        "id",
        "name",
        "method",
        "series",
        "status",
        accuracy,
        "macro_f1",
        "scored on",
        "seconds",
        "options",
    ];
    let row = |run: &&Run| {
        let metric = |id: &str| figure(run.metrics.get(id).copied());
        let options: Vec<String> = changed(run)
            .iter()
            .map(|(id, value)| format!("{id}={}", written(value)))
            .collect();
        vec![
            run.id.to_string(),
            run.name.clone(),
            run.method.clone(),
            run.series.clone(),
            status(run.status).to_owned(),
            metric(accuracy),
            metric("macro_f1"),
            run.scored_on.map(ScoreKind::name).unwrap_or("–").to_owned(),
            format!("{:.1}", run.train_secs),
            options.join(" "),
        ]
    };
    let mut text = table(&header, &runs.iter().map(row).collect::<Vec<_>>());
    for (at, (run, stale)) in (runs.iter())
        .filter_map(|run| Some((run, staleness(run, &state.labels)?)))
        .enumerate()
    {
        if at == 0 {
            text += "\n\nStale, for labels have changed:";
        }
        text += &format!("\n  {}: {stale}", run.name);
    }
    text
}

/// The options that differ from the method's defaults; all of them where the method is not known here.
fn changed(run: &Run) -> BTreeMap<String, Value> {
    let defaults = train::method(&run.method).map(|method| Options::defaults(method).to_json());
    let defaults = defaults.unwrap_or_default();
    let differs = |(id, value): &(&String, &Value)| defaults.get(*id) != Some(*value);
    let changed = run.options.iter().filter(differs);
    changed.map(|(id, value)| (id.clone(), value.clone())).collect()
}

fn status(status: RunStatus) -> &'static str {
    match status {
        RunStatus::Training => "training",
        RunStatus::Done => "done",
        RunStatus::Stopped => "stopped",
        RunStatus::Failed => "failed",
        RunStatus::Interrupted => "interrupted",
    }
}
