//! `handful advise`: which method and options fit the labels there are, and why.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::{Output, project};
use crate::app::App;
use crate::app::advice::{Advice, Lead, Note, Setting};

#[derive(Debug, Args)]
pub struct Advise {
    /// The project
    project: PathBuf,
}

impl Advise {
    pub fn run(self, app: &mut App, output: &Output) -> anyhow::Result<()> {
        project::open(app, output, &self.project)?;
        let advice = Advice::of(app.project()?);
        let command = command(&advice, &self.project);
        let note = |note: &Note| {
            let hint = note.leads.map(|lead| hint(lead, &advice, &self.project));
            json!({ "says": note.says, "try": hint })
        };
        let setting = |setting: &Setting| (setting.spec.id, setting.spec.range.written(setting.value));
        let value = json!({
            "method": advice.method,
            "why": advice.why,
            "settings": advice.settings.iter().map(setting).collect::<BTreeMap<_, _>>(),
            "notes": advice.notes.iter().map(note).collect::<Vec<_>>(),
            "missing": advice.missing(advice.method),
            "n_train": advice.n_train,
            "n_unlabelled": advice.n_unlabelled,
            "command": command,
        });
        output.result(&value, &text(&advice, &command, &self.project))
    }
}

fn text(advice: &Advice, command: &str, project: &Path) -> String {
    let mut text = format!("{}: {}\n", advice.method, advice.why);
    for note in &advice.notes {
        text += &format!("\n- {}", note.says);
        if let Some(lead) = note.leads {
            text += &format!("\n  {}", hint(lead, advice, project));
        }
    }
    if !advice.notes.is_empty() {
        text.push('\n');
    }
    text + &match advice.missing(advice.method) {
        Some(missing) => format!("\n{missing}"),
        None => format!("\n{command}"),
    }
}

/// What to type for what is advised.
fn command(advice: &Advice, project: &Path) -> String {
    let settings = advice
        .settings
        .iter()
        .map(|setting| format!(" --set {}", setting.written()));
    let settings: String = settings.collect();
    format!(
        "handful train {} --method {}{settings}",
        project.display(),
        advice.method
    )
}

/// The verb that does what a note speaks of.
fn hint(lead: Lead, advice: &Advice, project: &Path) -> String {
    let project = project.display();
    match lead {
        Lead::Preview => format!("handful zero-shot {project}"),
        Lead::Thresholds => format!("handful tune {project}"),
        Lead::Treatments => format!("handful compare {project} --method {} --imbalance", advice.method),
        Lead::Tree => format!("handful compare {project} --method {} --tree", advice.method),
        Lead::Data => format!("handful import {project} FILE"),
    }
}
