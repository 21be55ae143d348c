//! Where a person is in the queue: the text in front of them, what they have chosen for it, the way back.

use std::collections::BTreeSet;

use crate::core::queue::{QueueOrder, Suggestions, queue};
use crate::core::{How, LabelId, ProjectState, TaskKind, TextId};

/// The annotating session.
#[derive(Debug, Default)]
pub struct Annotating {
    /// How the queue is ordered.
    pub order: QueueOrder,
    /// Texts still to label, in order, without those skipped.
    pub queue: Vec<TextId>,
    /// The text on screen.
    pub current: Option<TextId>,
    /// Labels chosen for it and not yet submitted; multi-label only.
    pub chosen: BTreeSet<LabelId>,
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
        self.queue = queue(state, suggestions.unwrap_or(&nothing), self.order);
        self.queue.retain(|id| !self.skipped.contains(id));
        if self
            .current
            .is_none_or(|id| state.text(id).is_none_or(|text| text.deleted))
        {
            self.show(state, self.queue.first().copied());
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
        let annotation = id
            .and_then(|id| state.text(id))
            .and_then(|text| text.annotation.as_ref());
        self.chosen = annotation
            .map(|a| a.labels.iter().copied().collect())
            .unwrap_or_default();
    }

    /// A label's key was pressed. `Some`: these labels are the answer, to be saved now; `None`: toggled, waiting for more.
    pub fn press(&mut self, task: TaskKind, label: LabelId) -> Option<Vec<LabelId>> {
        self.accepted = false;
        match task {
            TaskKind::SingleLabel => Some(vec![label]),
            TaskKind::MultiLabel => {
                if !self.chosen.remove(&label) {
                    self.chosen.insert(label);
                }
                None
            }
        }
    }

    /// Takes over what the model suggests: the best label, or all above one half. `Some` as in [`Annotating::press`].
    pub fn accept(&mut self, task: TaskKind, suggestions: &Suggestions) -> Option<Vec<LabelId>> {
        let ranked = suggestions.ranked(self.current?);
        let best = ranked.first()?.0;
        self.accepted = true;
        match task {
            TaskKind::SingleLabel => Some(vec![best]),
            TaskKind::MultiLabel => {
                self.chosen = ranked
                    .into_iter()
                    .filter(|(_, prob)| *prob >= 0.5)
                    .map(|(id, _)| id)
                    .collect();
                None
            }
        }
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
        let open = |id: &TextId| *id != left && state.text(*id).is_some_and(|t| t.annotation.is_none() && !t.deleted);
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
