//! The whole project in memory: what screens and verbs read, and what an edit changes.

use std::collections::HashMap;

use super::{Change, Edit, ImportId, LabelTree, Run, RunId, Split, TaskKind, Text, TextId, stale};

/// Everything known about an open project. Reading is free; changing goes through [`ProjectState::apply`].
#[derive(Debug, Clone, PartialEq)]
pub struct ProjectState {
    /// How many labels a text can carry.
    pub task: TaskKind,
    /// The label tree.
    pub labels: LabelTree,
    /// All runs by ascending id.
    pub runs: Vec<Run>,
    texts: Vec<Text>,
    index: HashMap<TextId, usize>,
}

impl ProjectState {
    /// `texts` in the order they were imported.
    pub fn new(task: TaskKind, labels: LabelTree, texts: Vec<Text>, runs: Vec<Run>) -> Self {
        let index = texts.iter().enumerate().map(|(at, text)| (text.id, at)).collect();
        ProjectState {
            task,
            labels,
            runs,
            texts,
            index,
        }
    }

    /// All texts, deleted ones included, in import order.
    pub fn all_texts(&self) -> &[Text] {
        &self.texts
    }

    /// Texts that are not deleted, in import order.
    pub fn texts(&self) -> impl Iterator<Item = &Text> {
        self.texts.iter().filter(|text| !text.deleted)
    }

    /// One text.
    pub fn text(&self, id: TextId) -> Option<&Text> {
        self.index.get(&id).map(|&at| &self.texts[at])
    }

    /// Annotated texts of a split, unassigned ones counting as train.
    pub fn annotated(&self, split: Split) -> impl Iterator<Item = &Text> {
        self.texts()
            .filter(move |text| text.annotation.is_some() && text.effective_split() == split)
    }

    /// Whether its texts are pairs: as the first one is, so are all.
    pub fn has_pairs(&self) -> bool {
        self.texts().next().is_some_and(|text| text.second.is_some())
    }

    /// Texts that are not deleted.
    pub fn n_texts(&self) -> usize {
        self.texts().count()
    }

    /// Texts that are not deleted and have an annotation.
    pub fn n_annotated(&self) -> usize {
        self.texts().filter(|text| text.annotation.is_some()).count()
    }

    /// One run.
    pub fn run(&self, id: RunId) -> Option<&Run> {
        self.runs.iter().find(|run| run.id == id)
    }

    /// Appends freshly imported texts.
    pub fn extend(&mut self, texts: impl IntoIterator<Item = Text>) {
        for text in texts {
            self.index.insert(text.id, self.texts.len());
            self.texts.push(text);
        }
    }

    /// Adds a run or replaces the one with its id.
    pub fn put_run(&mut self, run: Run) {
        match self.runs.iter_mut().find(|known| known.id == run.id) {
            Some(known) => *known = run,
            None => self.runs.push(run),
        }
    }

    /// Applies every change in order. Changes to unknown ids do nothing: the store has refused them already.
    pub fn apply(&mut self, edit: &Edit) {
        for change in &edit.changes {
            self.apply_change(change);
        }
        for (from, into) in stale::merges_of(edit) {
            self.labels.note_merge(from, into);
        }
    }

    fn apply_change(&mut self, change: &Change) {
        match change {
            Change::Annotation { text, after, .. } => self.with_text(*text, |t| t.annotation = after.clone()),
            Change::Split { text, after, .. } => self.with_text(*text, |t| t.split = *after),
            Change::Note { text, after, .. } => self.with_text(*text, |t| t.note.clone_from(after)),
            Change::Flag { text, after, .. } => self.with_text(*text, |t| t.flagged = *after),
            Change::Deleted { text, after, .. } => self.with_text(*text, |t| t.deleted = *after),
            Change::Label { id, after, .. } => self.labels.set(*id, after.clone()),
            Change::Thresholds { run, after, .. } => {
                if let Some(run) = self.runs.iter_mut().find(|known| known.id == *run) {
                    run.thresholds.clone_from(after);
                }
            }
            Change::Deciding { run, after, .. } => {
                if let Some(run) = self.runs.iter_mut().find(|known| known.id == *run) {
                    run.deciding = *after;
                }
            }
            Change::Import { import, after, .. } => self.show_import(*import, *after),
        }
    }

    fn with_text(&mut self, id: TextId, change: impl FnOnce(&mut Text)) {
        if let Some(&at) = self.index.get(&id) {
            change(&mut self.texts[at]);
        }
    }

    fn show_import(&mut self, import: ImportId, present: bool) {
        for text in self.texts.iter_mut().filter(|text| text.import == Some(import)) {
            text.deleted = !present;
        }
    }
}
