//! Where a person is in the queue: the text in front of them, what they have chosen for it, the way back.

use std::collections::BTreeSet;

use crate::core::queue::{QueueOrder, Suggestions, queue};
use crate::core::{How, LabelId, LabelTree, ProjectState, TaskKind, TextId};

/// The annotating session.
#[derive(Debug, Default)]
pub struct Annotating {
    /// How the queue is ordered.
    pub order: QueueOrder,
    /// The branch it is restricted to.
    pub within: Option<LabelId>,
    /// Texts still to label, in order, without those skipped; behind them, in a branch, texts annotated there.
    pub queue: Vec<TextId>,
    /// The text on screen.
    pub current: Option<TextId>,
    /// Labels chosen for it and not yet submitted; multi-label only.
    pub chosen: BTreeSet<LabelId>,
    /// How far down the tree the path for the text on screen has come: its children are offered next. `None`: the roots.
    pub at: Option<LabelId>,
    /// Texts annotated since the project was opened.
    pub n_session: usize,
    skipped: BTreeSet<TextId>,
    trail: Vec<TextId>,
    accepted: bool,
}

impl Annotating {
    /// Orders the queue anew. The text on screen stays where it is.
    pub fn refresh(&mut self, state: &ProjectState, suggestions: Option<&Suggestions>) {
        let nothing = Default::default();
        self.within = self.within.filter(|branch| state.labels.get(*branch).is_some());
        self.at = self.at.filter(|at| state.labels.has_children(*at));
        self.queue = queue(state, suggestions.unwrap_or(&nothing), self.order, self.within);
        self.queue.retain(|id| !self.skipped.contains(id));
        if self
            .current
            .is_none_or(|id| state.text(id).is_none_or(|text| text.deleted))
        {
            self.show(state, self.queue.first().copied().filter(|id| is_open(state, *id)));
        }
    }

    /// Restricts the queue to a branch, or to none, and starts at its first text.
    pub fn set_within(&mut self, within: Option<LabelId>, state: &ProjectState, suggestions: Option<&Suggestions>) {
        self.within = within;
        self.set_order(self.order, state, suggestions);
    }

    /// How many texts of the queue have no label yet.
    pub fn n_open(&self, state: &ProjectState) -> usize {
        match self.within {
            None => self.queue.len(),
            Some(_) => self.queue.iter().filter(|id| is_open(state, **id)).count(),
        }
    }

    /// Changes the order and starts at its first text.
    pub fn set_order(&mut self, order: QueueOrder, state: &ProjectState, suggestions: Option<&Suggestions>) {
        self.order = order;
        self.skipped.clear();
        self.current = None;
        self.refresh(state, suggestions);
    }

    /// Puts a text on screen, with the labels it has.
    pub fn show(&mut self, state: &ProjectState, id: Option<TextId>) {
        self.current = id;
        self.accepted = false;
        self.at = None;
        let annotation = id
            .and_then(|id| state.text(id))
            .and_then(|text| text.annotation.as_ref());
        self.chosen = annotation
            .map(|a| a.labels.iter().copied().collect())
            .unwrap_or_default();
    }

    /// A label's key was pressed. Where labels stand below it, these are offered next. `Some`: these labels are the answer, to be saved
    /// now; `None`: there is more to say.
    pub fn press(&mut self, task: TaskKind, tree: &LabelTree, label: LabelId) -> Option<Vec<LabelId>> {
        self.accepted = false;
        if tree.has_children(label) {
            self.at = Some(label);
            return None;
        }
        self.choose(task, tree, label)
    }

    /// This label is meant and none below it: a leaf, or a path as far as it goes. Where a text takes several, it is taken away if it is
    /// there, and else takes the place of paths on the same line ([`LabelTree::with_path`]). `Some` as in [`Annotating::press`].
    pub fn choose(&mut self, task: TaskKind, tree: &LabelTree, label: LabelId) -> Option<Vec<LabelId>> {
        self.at = None;
        self.accepted = false;
        match task {
            TaskKind::SingleLabel => Some(vec![label]),
            TaskKind::MultiLabel => {
                if !self.chosen.remove(&label) {
                    let chosen: Vec<LabelId> = self.chosen.iter().copied().collect();
                    self.chosen = tree.with_path(&chosen, label).into_iter().collect();
                }
                None
            }
        }
    }

    /// One step up the tree.
    pub fn up(&mut self, tree: &LabelTree) {
        self.at = self.at.and_then(|at| tree.get(at)).and_then(|label| label.parent);
    }

    /// Takes over what the model suggests, the likeliest first: the best label, or all above one half, of a path only its end. `Some` as in [`Annotating::press`].
    pub fn accept(&mut self, task: TaskKind, tree: &LabelTree, answers: Vec<(LabelId, f32)>) -> Option<Vec<LabelId>> {
        let best = answers.first()?.0;
        self.accepted = true;
        self.at = None;
        match task {
            TaskKind::SingleLabel => Some(vec![best]),
            TaskKind::MultiLabel => {
                let likely: Vec<LabelId> = answers
                    .into_iter()
                    .filter(|(_, prob)| *prob >= 0.5)
                    .map(|(id, _)| id)
                    .collect();
                self.chosen = tree.ends(&likely).into_iter().collect();
                None
            }
        }
    }

    /// Takes over one suggested path. `Some` as in [`Annotating::press`].
    pub fn accept_one(&mut self, task: TaskKind, tree: &LabelTree, label: LabelId) -> Option<Vec<LabelId>> {
        let answer = self.choose(task, tree, label);
        self.accepted = true;
        answer
    }

    /// How the labels on screen came to be.
    pub fn how(&self) -> How {
        if self.accepted { How::Accepted } else { How::Hand }
    }

    /// Goes on after the text on screen was annotated (the state already says so).
    pub fn advance(&mut self, state: &ProjectState) {
        self.n_session += 1;
        self.leave(state);
    }

    /// Goes on without an answer; the text comes back when the order is chosen again.
    pub fn skip(&mut self, state: &ProjectState) {
        if let Some(id) = self.current {
            self.skipped.insert(id);
        }
        self.leave(state);
    }

    /// The text before, as it was left.
    pub fn back(&mut self, state: &ProjectState) {
        while let Some(id) = self.trail.pop() {
            if state.text(id).is_some_and(|text| !text.deleted) {
                self.skipped.remove(&id);
                self.show(state, Some(id));
                return;
            }
        }
    }

    fn leave(&mut self, state: &ProjectState) {
        let Some(left) = self.current else { return };
        self.trail.push(left);
        let place = self.queue.iter().position(|id| *id == left);
        let open = |id: &TextId| *id != left && is_open(state, *id);
        let after = place.map_or(0, |at| at + 1);
        let next = self
            .queue
            .iter()
            .skip(after)
            .find(|id| open(id))
            .or_else(|| self.queue.iter().find(|id| open(id)))
            .copied();
        if let Some(at) = place {
            self.queue.remove(at);
        }
        self.show(state, next);
    }
}

fn is_open(state: &ProjectState, id: TextId) -> bool {
    state
        .text(id)
        .is_some_and(|text| text.annotation.is_none() && !text.deleted)
}
