//! What a run is trained and scored on: an immutable copy of ids, texts and labels.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::core::{ColumnTree, LabelId, ProjectState, ScoreKind, Split, TaskKind, Text, TextId};
use crate::model::Input;
use crate::model::head::Targets;
use crate::train::{self, Held, TrainingSet};

/// Texts with their labels as indices into the label order of the run.
#[derive(Debug, Clone, Default)]
pub struct LabelledTexts {
    /// Ids in project order.
    pub ids: Vec<TextId>,
    /// The texts, shared with the project; where they are pairs, the first of each.
    pub bodies: Vec<Arc<str>>,
    /// The second of each pair; empty where texts stand alone.
    pub seconds: Vec<Arc<str>>,
    /// Sorted label indices of each text.
    pub labels: Vec<Vec<usize>>,
}

impl LabelledTexts {
    /// Annotated texts that `wanted` accepts. Labels outside `order` are left out; a single-label text without one is skipped.
    pub fn collect(state: &ProjectState, order: &[LabelId], wanted: impl Fn(&Text) -> bool) -> Self {
        let mut out = LabelledTexts::default();
        let columns: HashMap<LabelId, usize> = order.iter().copied().zip(0..).collect();
        for text in state.texts().filter(|text| wanted(text)) {
            let Some(annotation) = &text.annotation else { continue };
            let labels: Vec<usize> = annotation
                .labels
                .iter()
                .filter_map(|id| columns.get(id).copied())
                .collect();
            if state.task == TaskKind::SingleLabel && labels.len() != 1 {
                continue;
            }
            out.ids.push(text.id);
            out.bodies.push(text.body.clone());
            out.seconds.extend(text.second.clone());
            out.labels.push(labels);
        }
        out
    }

    /// The texts whose scores are of this kind.
    pub fn of_kind(state: &ProjectState, order: &[LabelId], kind: ScoreKind) -> Self {
        match kind {
            ScoreKind::OutOfFold => Self::collect(state, order, Text::trains),
            ScoreKind::Validation => Self::collect(state, order, |text| text.split == Some(Split::Validation)),
            ScoreKind::Test => Self::collect(state, order, |text| text.split == Some(Split::Test)),
        }
    }

    /// What a model reads of each text: both parts of a pair.
    pub fn inputs(&self) -> Vec<Input<'_>> {
        train::inputs(&self.bodies, &self.seconds)
    }

    /// How many texts.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The labels in the form heads are fitted on.
    pub fn targets(&self, task: TaskKind) -> Targets {
        match task {
            TaskKind::SingleLabel => {
                Targets::Single(self.labels.iter().map(|l| l.first().copied().unwrap_or(0)).collect())
            }
            TaskKind::MultiLabel => Targets::Multi(self.labels.clone()),
        }
    }
}

/// Everything a run needs to know about the project, taken at one moment.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The task.
    pub task: TaskKind,
    /// Labels in the order of score columns: those with at least one training text, in display order, and all labels above these.
    pub labels: Vec<LabelId>,
    /// Their paths.
    pub label_paths: Vec<Vec<String>>,
    /// Texts to fit on.
    pub train: LabelledTexts,
    /// Texts to choose thresholds on.
    pub validation: LabelledTexts,
    /// Texts to report on.
    pub test: LabelledTexts,
    /// Texts nobody has labelled, but for those kept for validation and test; none where texts are pairs, which no method learns from
    /// without labels.
    pub pile: Vec<Arc<str>>,
}

impl Snapshot {
    /// From the project as it is now.
    pub fn take(state: &ProjectState) -> Self {
        let mut used: BTreeSet<LabelId> = state
            .texts()
            .filter(|text| text.trains())
            .filter_map(|text| text.annotation.as_ref())
            .flat_map(|annotation| annotation.labels.iter().copied())
            .collect();
        let above = |id: &LabelId| state.labels.ancestry(*id).into_iter().map(|label| label.id);
        let above: Vec<LabelId> = used.iter().flat_map(above).collect();
        used.extend(above);
        let labels: Vec<LabelId> = state
            .labels
            .in_order()
            .into_iter()
            .map(|(_, label)| label.id)
            .filter(|id| used.contains(id))
            .collect();
        Snapshot {
            task: state.task,
            label_paths: labels.iter().map(|id| state.labels.path(*id)).collect(),
            train: LabelledTexts::of_kind(state, &labels, ScoreKind::OutOfFold),
            validation: LabelledTexts::of_kind(state, &labels, ScoreKind::Validation),
            test: LabelledTexts::of_kind(state, &labels, ScoreKind::Test),
            pile: pile(state),
            labels,
        }
    }

    /// The labelled texts that scores of a kind are of.
    pub fn scored(&self, kind: ScoreKind) -> &LabelledTexts {
        match kind {
            ScoreKind::OutOfFold => &self.train,
            ScoreKind::Validation => &self.validation,
            ScoreKind::Test => &self.test,
        }
    }

    /// The labels' own names, without those above them.
    pub fn label_names(&self) -> Vec<String> {
        self.label_paths
            .iter()
            .filter_map(|path| path.last().cloned())
            .collect()
    }

    /// What a method learns from.
    pub fn training_set(&self) -> TrainingSet {
        TrainingSet {
            texts: self.train.bodies.clone(),
            seconds: self.train.seconds.clone(),
            targets: self.train.targets(self.task),
            n_labels: self.labels.len(),
            task: self.task,
            tree: ColumnTree::from_paths(&self.label_paths),
            label_names: self.label_names(),
            pile: self.pile.clone(),
            teacher: None,
            validation: (!self.validation.is_empty()).then(|| Held {
                texts: self.validation.bodies.clone(),
                seconds: self.validation.seconds.clone(),
                targets: self.validation.targets(self.task),
            }),
        }
    }
}

fn pile(state: &ProjectState) -> Vec<Arc<str>> {
    let unlabelled = |text: &&Text| !text.deleted && text.annotation.is_none() && text.second.is_none();
    let free = |text: &&Text| matches!(text.split, None | Some(Split::Train));
    let texts = state.texts().filter(unlabelled).filter(free);
    texts.map(|text| text.body.clone()).collect()
}
