//! What `handful zero-shot` asks about: texts and labels of the command line or of a project, and what is known of them.

use std::path::Path;
use std::sync::Arc;

use super::Output;
use crate::app::App;
use crate::core::{LabelId, Split, Text, Words};
use crate::jobs::snapshot::Snapshot;
use crate::jobs::{EngineKind, LabelsAsked};
use crate::model::zero_shot::{Descent, InTree, LabelText};

/// Where texts and labels come from.
pub struct AskedFrom<'a> {
    pub project: Option<&'a Path>,
    pub text: &'a [String],
    pub labels: &'a [String],
    pub multi: bool,
    pub descriptions: bool,
    pub engine: &'a EngineKind,
    pub descent: Descent,
}

/// A text with the id it is shown by.
pub type Named = (String, Words);

/// What is asked about, and what is known of it.
#[derive(Default)]
pub struct Asked {
    pub texts: Vec<Named>,
    pub labels: Vec<LabelText>,
    /// The tree that the labels form, and how it is asked about.
    pub in_tree: Option<InTree>,
    pub multi: bool,
    /// Rows of texts that train or validate, with the columns of their labels.
    pub known: Vec<(usize, Vec<usize>)>,
    /// Of these, the texts that train and have one label.
    pub truth: Vec<(usize, usize)>,
    /// Unlabelled texts.
    pub pile: Vec<Arc<str>>,
}

impl Asked {
    /// What stands for each label in answers: its name, in a tree with what stands above it.
    pub fn label_names(&self) -> Vec<String> {
        let name = |label: &LabelText| match self.in_tree {
            Some(_) => [label.above.as_slice(), std::slice::from_ref(&label.name)]
                .concat()
                .join(" > "),
            None => label.name.clone(),
        };
        self.labels.iter().map(name).collect()
    }

    /// Texts with an id and labels, and what the project knows of them.
    pub fn read(app: &mut App, output: &Output, from: &AskedFrom<'_>) -> anyhow::Result<Asked> {
        let Some(path) = from.project else {
            let text = |(at, text): (usize, &String)| {
                let (body, second) = (text.as_str().into(), None);
                ((at + 1).to_string(), Words { body, second })
            };
            return Ok(Asked {
                texts: from.text.iter().enumerate().map(text).collect(),
                labels: from.labels.iter().map(LabelText::named).collect(),
                multi: from.multi,
                ..Asked::default()
            });
        };
        super::project::open(app, output, path)?;
        let project = app.project()?;
        let of_project = LabelsAsked::of(&project.state, from.descriptions, from.engine);
        let in_tree = of_project.in_tree(from.descent).filter(|_| from.labels.is_empty());
        let (ids, labels): (Vec<Option<LabelId>>, Vec<LabelText>) = match from.labels.is_empty() {
            true => (of_project.ids.into_iter().map(Some).collect(), of_project.labels),
            false => from.labels.iter().map(|name| given(name, &of_project)).unzip(),
        };
        let columns = |text: &Text| -> Option<Vec<usize>> {
            let annotation = text.annotation.as_ref()?;
            let column = |id: &LabelId| ids.iter().position(|known| *known == Some(*id));
            Some(annotation.labels.iter().filter_map(column).collect())
        };
        let (mut known, mut truth) = (Vec::new(), Vec::new());
        for (row, text) in project.state.texts().enumerate() {
            let Some(columns) = columns(text).filter(|_| text.split != Some(Split::Test)) else {
                continue;
            };
            if let (true, [label]) = (text.trains(), columns.as_slice()) {
                truth.push((row, *label));
            }
            if project.is_multi() || !columns.is_empty() {
                known.push((row, columns));
            }
        }
        let named = |text: &Text| {
            (
                text.external_id.clone().unwrap_or_else(|| format!("#{}", text.id)),
                text.words(),
            )
        };
        Ok(Asked {
            texts: project.state.texts().map(named).collect(),
            labels,
            in_tree,
            multi: from.multi || project.is_multi(),
            known,
            truth,
            pile: Snapshot::take(&project.state).pile,
        })
    }
}

/// A label named on the command line, as the project's where it has one of that name.
fn given(name: &str, of_project: &LabelsAsked) -> (Option<LabelId>, LabelText) {
    let mut known = of_project.ids.iter().zip(&of_project.labels);
    match known.find(|(_, label)| label.name.trim() == name.trim()) {
        Some((id, label)) => (Some(*id), label.clone()),
        None => (None, LabelText::named(name)),
    }
}
