//! The labels of a project as a zero-shot engine is asked about them, and the tree they form.

use std::collections::{HashMap, HashSet};

use super::zero_shot_engine::EngineKind;
use crate::core::{ColumnTree, LabelId, ProjectState};
use crate::model::zero_shot::{Descent, InTree, LabelText};

/// Labels in display order, with what is asked about them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LabelsAsked {
    /// The project's labels.
    pub ids: Vec<LabelId>,
    /// What is asked about each.
    pub labels: Vec<LabelText>,
    /// Whether each can be a whole answer: leaves, and labels that some text carries.
    pub answers: Vec<bool>,
    /// The tree they form; `None` where they stand side by side.
    pub tree: Option<ColumnTree>,
}

impl LabelsAsked {
    /// All labels of a project. `descriptions`: what the project says about a label takes its name's place. Language models are always told
    /// what is said, beside the name, and the labelled texts where they show examples.
    pub fn of(state: &ProjectState, descriptions: bool, engine: &EngineKind) -> LabelsAsked {
        let annotations = state.texts().filter_map(|text| text.annotation.as_ref());
        let used: HashSet<LabelId> = annotations
            .flat_map(|annotation| annotation.labels.iter().copied())
            .collect();
        let in_order = state.labels.in_order();
        let parents: HashSet<LabelId> = in_order.iter().filter_map(|(_, label)| label.parent).collect();
        let describes = descriptions || matches!(engine, EngineKind::LanguageModel(_));
        let mut asked = LabelsAsked::default();
        for (_, label) in in_order {
            let mut path = state.labels.path(label.id);
            path.pop();
            let described = Some(label.description.trim()).filter(|words| describes && !words.is_empty());
            asked.ids.push(label.id);
            asked
                .answers
                .push(used.contains(&label.id) || !parents.contains(&label.id));
            asked.labels.push(LabelText {
                description: described.map(str::to_owned),
                above: path,
                ..LabelText::named(&label.name)
            });
        }
        asked.tree = tree_of(&asked.labels);
        if matches!(engine, EngineKind::LanguageModel(settings) if settings.shots > 0 || settings.nearest > 0) {
            asked.add_examples(state);
        }
        asked
    }

    /// How the tree is asked about; `None` where there is none.
    pub fn in_tree(&self, descent: Descent) -> Option<InTree> {
        self.tree.as_ref().map(|tree| InTree {
            tree: tree.clone(),
            answers: self.answers.clone(),
            descent,
        })
    }

    /// The texts that train, as examples of their labels and of all above these.
    fn add_examples(&mut self, state: &ProjectState) {
        let columns: HashMap<LabelId, usize> = self.ids.iter().copied().zip(0..).collect();
        for text in state.texts().filter(|text| text.trains()) {
            let labels = text.annotation.iter().flat_map(|annotation| &annotation.labels);
            let own: Vec<usize> = labels.filter_map(|id| columns.get(id).copied()).collect();
            let all = match &self.tree {
                Some(tree) => tree.closed(&own),
                None => own,
            };
            for column in all {
                if let Some(label) = self.labels.get_mut(column) {
                    label.examples.push(text.body.to_string());
                }
            }
        }
    }
}

/// The tree that labels form by what stands above each; `None` where they stand side by side, or a label above one is not among them.
pub fn tree_of(labels: &[LabelText]) -> Option<ColumnTree> {
    let path = |label: &LabelText| [label.above.as_slice(), std::slice::from_ref(&label.name)].concat();
    let paths: Vec<Vec<String>> = labels.iter().map(path).collect();
    ColumnTree::from_paths(&paths)
}
