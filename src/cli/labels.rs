//! `handful labels`: the label tree, printed, and labels added from a file.

use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use serde_json::json;

use super::{Output, project::open};
use crate::app::App;
use crate::core::{LabelId, ProjectState, outline};
use crate::io::label_tree;

#[derive(Debug, Args)]
pub struct Labels {
    /// The project
    project: PathBuf,
    /// Add the labels in this file; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    add: Option<PathBuf>,
    /// One path a line instead of indented names
    #[arg(long)]
    paths: bool,
}

impl Labels {
    pub fn run(self, app: &mut App, output: &Output) -> anyhow::Result<()> {
        open(app, output, &self.project)?;
        let mut n_added = 0;
        if let Some(file) = &self.add {
            n_added = app.add_labels(&read(file)?)?;
            app.wait_saved()?;
            let s = if n_added == 1 { "" } else { "s" };
            output.remark(&format!(
                "{n_added} label{s} added; those that were there already stay as they are."
            ));
        }
        let state = &app.project()?.state;
        let in_order = state.labels.in_order();
        let text = match self.paths {
            true => in_order
                .iter()
                .map(|(_, label)| state.labels.path_string(label.id) + "\n")
                .collect(),
            false => outline::lines(in_order.iter().map(|(depth, label)| (*depth, label.name.as_str()))),
        };
        output.result(&json!({ "n_added": n_added, "labels": json(state) }), &text)
    }
}

fn read(file: &Path) -> anyhow::Result<Vec<Vec<String>>> {
    if file != Path::new("-") {
        return Ok(label_tree::read(file)?);
    }
    let mut text = String::new();
    std::io::stdin()
        .read_to_string(&mut text)
        .context("standard input cannot be read")?;
    Ok(label_tree::of_text(&text)?)
}

/// Every label with its path, what it says of itself, and how many texts carry it and carry it or a label below it.
fn json(state: &ProjectState) -> Vec<serde_json::Value> {
    let (mut own, mut all): (HashMap<LabelId, usize>, HashMap<LabelId, usize>) = Default::default();
    for annotation in state.texts().filter_map(|text| text.annotation.as_ref()) {
        let mut above: Vec<LabelId> = Vec::new();
        for label in &annotation.labels {
            *own.entry(*label).or_default() += 1;
            above.extend(state.labels.ancestry(*label).iter().map(|label| label.id));
        }
        above.sort_unstable();
        above.dedup();
        above.into_iter().for_each(|label| *all.entry(label).or_default() += 1);
    }
    let of = |counts: &HashMap<LabelId, usize>, id: LabelId| counts.get(&id).copied().unwrap_or(0);
    let labels = state.labels.in_order().into_iter().map(|(depth, label)| {
        json!({
            "id": label.id,
            "path": state.labels.path(label.id),
            "depth": depth,
            "key": label.key,
            "description": label.description,
            "n_texts": of(&own, label.id),
            "n_texts_with_below": of(&all, label.id),
        })
    });
    labels.collect()
}
