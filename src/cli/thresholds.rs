//! Verbs about decision thresholds: choosing them, looking at them, setting them by hand.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use clap::Args;
use serde_json::{Value, json};

use super::table::table;
use super::{Output, evaluate, progress, project, runs};
use crate::app::{App, Command, Project};
use crate::core::label::PATH_SEPARATOR;
use crate::core::metrics::default_threshold;
use crate::core::report::figure;
use crate::core::run::Deciding;
use crate::core::thresholds::{Headline, Objective};
use crate::core::{EditError, Run, RunId, TaskKind, text_edits};
use crate::jobs::{Evaluation, TuneRequest, Tuning};

const OBJECTIVES: &str = "\
Objectives, each tried at every score there is:
  f1, f2, f0.5       the highest F1 or F-beta
  precision>=0.9     the most recall with at least this precision
  recall>=0.9        the most precision with at least this recall
  cost:1:5           the least cost: a false positive costs 1, a false negative 5
  prior              as many decisions as texts that carry the label
  accuracy>=0.95     single-label: the most texts answered with at least this accuracy, abstaining from the rest
  common-macro:f1    one threshold for all labels, the best mean over labels; common-micro: for all decisions together

Labels with fewer than 10 positives are drawn towards the threshold of all labels together, and say so.";

#[derive(Debug, Args)]
#[command(after_help = OBJECTIVES)]
pub struct Tune {
    /// The project
    project: PathBuf,
    /// Number of the run; the newest otherwise
    #[arg(long)]
    run: Option<i64>,
    /// What to choose them for; see below
    #[arg(long, default_value = "f1")]
    objective: Objective,
    /// Only this label, the others stay
    #[arg(long, value_name = "LABEL")]
    label: Option<String>,
    /// Multi-label: give a text that reaches no threshold its best label, or no longer
    #[arg(long, value_name = "on|off", value_parser = on_or_off, num_args = 0..=1, default_missing_value = "on")]
    at_least_one: Option<bool>,
}

/// Reads `on` or `off`.
fn on_or_off(written: &str) -> Result<bool, String> {
    match written {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("on or off".to_owned()),
    }
}

impl Tune {
    pub fn run(self, app: &mut App, output: &Output) -> anyhow::Result<()> {
        project::open(app, output, &self.project)?;
        let run = runs::judged(app, self.run)?;
        let only = self.label.map(|label| place(&run, &label)).transpose()?;
        let request = TuneRequest {
            objective: self.objective,
            only,
            at_least_one: self.at_least_one,
        };
        let tuned = tune(app, output, run.id, request)?;
        if let Some(kind) = run.scored_on {
            evaluate::evaluate(app, output, run.id, kind)?;
        }
        output.result(&tuned.json, &tuned.text)
    }
}

/// What tuning did, for people and machines.
pub struct Tuned {
    pub json: Value,
    pub text: String,
}

/// Chooses and stores the thresholds of a run.
pub fn tune(app: &mut App, output: &Output, run: RunId, request: TuneRequest) -> anyhow::Result<Tuned> {
    progress::execute(app, output, Command::Tune { run, request })?;
    let tuning = app.project()?.tuning.as_ref();
    let tuning = tuning.context("the tuning has ended without a result")?;
    Ok(Tuned {
        json: serde_json::to_value(&**tuning)?,
        text: tuning_text(tuning),
    })
}

fn tuning_text(tuning: &Tuning) -> String {
    let mut text = format!(
        "Thresholds for {} chosen on the {} scores, for {}.\n",
        tuning.run_name,
        tuning.kind.name(),
        tuning.objective
    );
    for row in &tuning.labels {
        let remarks: String = row.remarks.iter().map(|remark| format!("   {remark}")).collect();
        let band = row
            .band
            .map_or(String::new(), |band| format!(" ({:.2} to {:.2})", band.low, band.high));
        let above = match row.effective > row.threshold {
            true => format!(", {:.3} from above", row.effective),
            false => String::new(),
        };
        text += &format!(
            "  {:<28} {:.3}{above}{band}   F1 {} -> {}{remarks}\n",
            row.label,
            row.threshold,
            figure(row.f1_before),
            figure(row.f1_after)
        );
    }
    if tuning.missed {
        text += "No common threshold reaches the condition; this one comes nearest.\n";
    }
    let (before, after) = (&tuning.before, &tuning.after);
    for (name, of) in figures(tuning.aurc.is_some(), tuning.in_tree) {
        text += &format!(
            "{name} on these scores {} -> {}\n",
            figure(of(before)),
            figure(of(after))
        );
    }
    text += &without_text(after.n_without, tuning.at_least_one, tuning.aurc);
    text
}

type Figure = fn(&Headline) -> Option<f64>;

/// The figures over all labels that a terminal shows. `single`: each text has one label; `in_tree`: a text has paths of labels.
fn figures(single: bool, in_tree: bool) -> Vec<(&'static str, Figure)> {
    let mut figures: Vec<(&str, Figure)> = vec![
        ("macro-F1", |h| h.macro_f1),
        ("micro-F1", |h| h.micro_f1),
        ("weighted F1", |h| h.weighted_f1),
    ];
    match single {
        true => figures.extend([
            ("accuracy", (|h| h.exact) as Figure),
            ("coverage", |h| h.coverage),
            ("accuracy of the answers", |h| h.answered_accuracy),
        ]),
        false => figures.extend([
            ("Hamming loss", (|h| h.hamming_loss) as Figure),
            (if in_tree { "path accuracy" } else { "subset accuracy" }, |h| h.exact),
        ]),
    }
    figures
}

fn without_text(n_without: usize, at_least_one: bool, aurc: Option<f64>) -> String {
    match (aurc, at_least_one) {
        (Some(aurc), _) => format!("{n_without} texts are not answered. Area under the risk-coverage curve {aurc:.4}."),
        (None, true) => "A text that reaches no threshold gets its best label.".to_owned(),
        (None, false) => format!("{n_without} texts get no label."),
    }
}

/// Where a label stands in a run: by its path, or by its name where only one has it.
fn place(run: &Run, written: &str) -> anyhow::Result<usize> {
    let path = |path: &Vec<String>| path.join(PATH_SEPARATOR) == written;
    if let Some(at) = run.label_paths.iter().position(path) {
        return Ok(at);
    }
    let named = |(_, path): &(usize, &Vec<String>)| path.last().is_some_and(|name| name == written);
    let found: Vec<usize> = run
        .label_paths
        .iter()
        .enumerate()
        .filter(named)
        .map(|(at, _)| at)
        .collect();
    match found.as_slice() {
        [at] => Ok(*at),
        [] => {
            let known: Vec<String> = run.label_paths.iter().map(|path| path.join(PATH_SEPARATOR)).collect();
            bail!(
                "no threshold was changed: {} has no label {written:?}; it has: {}",
                run.name,
                known.join(", ")
            )
        }
        _ => bail!(
            "no threshold was changed: several labels are called {written:?}; write the whole path, as `Home > Kitchen`"
        ),
    }
}

#[derive(Debug, Args)]
pub struct Thresholds {
    /// The project
    project: PathBuf,
    /// Number of the run; the newest otherwise
    #[arg(long)]
    run: Option<i64>,
    /// Set the threshold of a label, as `label=0.4`; may be given several times
    #[arg(long, value_name = "LABEL=THRESHOLD", value_parser = label_threshold)]
    set: Vec<(String, f64)>,
    /// Set the threshold of every label; --set comes after it. Single-label: abstain from answers below it
    #[arg(long, value_name = "THRESHOLD", value_parser = threshold, conflicts_with = "reset")]
    all: Option<f64>,
    /// Multi-label: give a text that reaches no threshold its best label, or no longer
    #[arg(long, value_name = "on|off", value_parser = on_or_off)]
    at_least_one: Option<bool>,
    /// Set every threshold as if nobody had tuned it: 0.5, and 0 where labels exclude each other; --set comes after it
    #[arg(long)]
    reset: bool,
}

fn threshold(written: &str) -> Result<f64, String> {
    let value = written.trim().parse().ok().filter(|value| (0.0..=1.0).contains(value));
    value.ok_or_else(|| "a threshold lies between 0 and 1".to_owned())
}

/// Reads `label=0.4`; a label may have an `=` in its name.
fn label_threshold(written: &str) -> Result<(String, f64), String> {
    let (label, value) = written.rsplit_once('=').ok_or("write it as label=0.4")?;
    Ok((label.trim().to_owned(), threshold(value)?))
}

impl Thresholds {
    pub fn run(self, app: &mut App, output: &Output) -> anyhow::Result<()> {
        project::open(app, output, &self.project)?;
        let run = runs::judged(app, self.run)?;
        ensure!(
            !run.thresholds.is_empty(),
            "{} has no thresholds: it did not get that far",
            run.name
        );
        if self.reset || self.all.is_some() || !self.set.is_empty() || self.at_least_one.is_some() {
            self.change(app, output, &run)?;
        }
        let run = runs::judged(app, Some(run.id.0))?;
        let kind = Project::tuning_kind(&run);
        // A run without such scores still has thresholds to show.
        let evaluation = evaluate::evaluate(app, output, run.id, kind);
        if let Err(reason) = &evaluation {
            output.remark(&format!("No figures: {reason:#}"));
        }
        let evaluation = evaluation.ok();
        output.result(&as_json(&run, evaluation.as_ref()), &as_text(&run, evaluation.as_ref()))
    }

    fn change(&self, app: &mut App, output: &Output, run: &Run) -> anyhow::Result<()> {
        let mut thresholds = run.thresholds.clone();
        let all = self.all.or(self.reset.then(|| default_threshold(run.task)));
        if let Some(all) = all {
            thresholds.fill(all);
        }
        for (label, value) in &self.set {
            thresholds[place(run, label)?] = *value;
        }
        let deciding = Deciding {
            at_least_one: self.at_least_one.unwrap_or(run.deciding.at_least_one),
            tuned_for: None,
        };
        match text_edits::set_rule(&app.project()?.state, run.id, &thresholds, deciding) {
            Ok(edit) => {
                app.execute(Command::Edit(edit))?;
                app.wait_saved()?;
                if let Some(kind) = run.scored_on {
                    evaluate::evaluate(app, output, run.id, kind)?;
                }
            }
            Err(EditError::NothingToDo) => output.remark("Nothing to change: it already is as asked."),
            Err(reason) => return Err(reason.into()),
        }
        Ok(())
    }
}

fn as_json(run: &Run, evaluation: Option<&Arc<Evaluation>>) -> Value {
    let tree = run.tree();
    let effective = run.rule(tree.as_ref()).effective_thresholds(run.labels.len());
    let label = |(at, path): (usize, &Vec<String>)| {
        let counts = evaluation.map(|evaluation| evaluation.live.counts(at));
        json!({
            "label": path.join(PATH_SEPARATOR),
            "level": path.len(),
            "threshold": run.thresholds.get(at),
            "effective": effective.get(at),
            "precision": counts.and_then(|counts| counts.precision()),
            "recall": counts.and_then(|counts| counts.recall()),
            "f1": counts.and_then(|counts| counts.f1()),
            "counts": counts,
        })
    };
    json!({
        "run": run.id,
        "name": run.name,
        "at_least_one": run.deciding.at_least_one,
        "tuned_for": run.deciding.tuned_for,
        "thresholds": run.thresholds,
        "scored_on": evaluation.map(|evaluation| evaluation.kind),
        "figures": evaluation.map(|evaluation| evaluation.live.headline()),
        "untuned": evaluation.map(|evaluation| evaluation.untuned),
        "aurc": evaluation.and_then(|evaluation| evaluation.answers.as_ref()?.aurc()),
        "labels": run.label_paths.iter().enumerate().map(label).collect::<Vec<_>>(),
    })
}

fn as_text(run: &Run, evaluation: Option<&Arc<Evaluation>>) -> String {
    let how = match run.deciding.tuned_for {
        Some(objective) => format!("tuned for {objective}"),
        None => "set by hand or untuned".to_owned(),
    };
    let tree = run.tree();
    let effective = run.rule(tree.as_ref()).effective_thresholds(run.labels.len());
    let on = evaluation.map_or(String::new(), |e| format!("; figures on the {} scores", e.kind.name()));
    let row = |(at, path): (usize, &Vec<String>)| {
        let written = |of: &[f64]| of.get(at).map_or("–".to_owned(), |value| format!("{value:.3}"));
        let mut cells = vec![path.join(PATH_SEPARATOR), written(&run.thresholds)];
        if tree.is_some() {
            cells.extend([written(&effective), path.len().to_string()]);
        }
        if let Some(evaluation) = evaluation {
            let counts = evaluation.live.counts(at);
            cells.extend([counts.precision(), counts.recall(), counts.f1()].map(figure));
            cells.extend([counts.tp, counts.fp, counts.fn_].map(|count| count.to_string()));
        }
        cells
    };
    let mut header = vec!["label", "threshold"];
    header.extend(tree.iter().flat_map(|_| ["of its path", "level"]));
    header.extend(
        evaluation
            .iter()
            .flat_map(|_| ["precision", "recall", "f1", "tp", "fp", "fn"]),
    );
    let rows: Vec<Vec<String>> = run.label_paths.iter().enumerate().map(row).collect();
    let mut text = format!("Thresholds of {}, {how}{on}.\n{}\n", run.name, table(&header, &rows));
    if let Some(evaluation) = evaluation {
        let headline = evaluation.live.headline();
        for (name, of) in figures(run.task == TaskKind::SingleLabel && tree.is_none(), tree.is_some()) {
            text += &format!(
                "{name} {}, untuned {}\n",
                figure(of(&headline)),
                figure(of(&evaluation.untuned))
            );
        }
        let aurc = evaluation.answers.as_ref().and_then(|answers| answers.aurc());
        text += &without_text(headline.n_without, run.deciding.at_least_one, aurc);
    }
    text
}
