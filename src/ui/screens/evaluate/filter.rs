//! Only some of the texts: which slice was chosen, and the evaluation narrowed to it.

use std::sync::Arc;

use egui::Ui;

use crate::core::slices::{SliceBy, SliceName};
use crate::jobs::{Evaluation, Narrowing};
use crate::ui::{desk::Desk, widgets::Dropdown};

/// Of many sources or annotators the largest are offered; the table of slices has all.
const MOST_OF_A_KIND: usize = 12;

const ALL_TEXTS: &str = "all texts";

/// What is remembered.
#[derive(Default)]
pub(super) struct Memory {
    only: Option<SliceName>,
    known: Option<Narrowed>,
}

struct Narrowed {
    of: Arc<Evaluation>,
    name: SliceName,
    working: Option<Narrowing>,
    /// Perhaps of the evaluation before, while the new one is worked out.
    done: Option<Arc<Evaluation>>,
}

impl Memory {
    /// Shows a slice; `None`: all texts.
    pub fn choose(&mut self, only: Option<SliceName>) {
        self.only = only;
    }

    /// The slice on show.
    pub fn only(&self) -> Option<&SliceName> {
        self.only.as_ref()
    }

    /// `evaluation` narrowed to the chosen slice: itself where none is chosen, `None` while it is worked out. `failed` hears why
    /// the slice cannot be shown; all texts are shown then.
    pub fn narrow(&mut self, evaluation: &Arc<Evaluation>, failed: impl FnOnce(String)) -> Option<Arc<Evaluation>> {
        let Some(name) = self.only.clone() else {
            self.known = None;
            return Some(evaluation.clone());
        };
        let same = self
            .known
            .as_ref()
            .is_some_and(|known| known.name == name && Arc::ptr_eq(&known.of, evaluation));
        if !same {
            let before = self.known.take().filter(|known| {
                known.name == name && known.of.run == evaluation.run && known.of.kind == evaluation.kind
            });
            self.known = Some(Narrowed {
                of: evaluation.clone(),
                working: Some(Narrowing::start(evaluation.clone(), name.clone())),
                name,
                done: before.and_then(|known| known.done),
            });
        }
        let known = self.known.as_mut()?;
        if known.working.as_ref().is_some_and(Narrowing::is_done) {
            match known.working.take()?.take() {
                Ok(narrowed) => known.done = Some(Arc::new(narrowed)),
                Err(error) => {
                    (self.only, self.known) = (None, None);
                    failed(format!("{error:#}"));
                    return Some(evaluation.clone());
                }
            }
        }
        known.done.clone()
    }

    /// Whether a slice is being worked out.
    pub fn is_busy(&self) -> bool {
        self.known.as_ref().is_some_and(|known| known.working.is_some())
    }
}

/// The choice of texts, from the slices of all of them.
pub(super) fn choice_ui(ui: &mut Ui, desk: &mut Desk, evaluation: &Evaluation) {
    let mut names = vec![ALL_TEXTS.to_owned()];
    let mut slices = vec![None];
    for by in SliceBy::ALL {
        let of_kind: Vec<_> = evaluation.slices.iter().filter(|slice| slice.by == by).collect();
        if of_kind.len() < 2 {
            continue;
        }
        for slice in of_kind.into_iter().take(MOST_OF_A_KIND) {
            names.push(title(&slice.slice()));
            slices.push(Some(slice.slice()));
        }
    }
    let memory = &mut desk.memory.evaluate.filter;
    let shown = memory.only().map_or_else(|| ALL_TEXTS.to_owned(), title);
    let chosen = Dropdown::new("Texts", &shown).choose(ui, &names);
    if let Some(only) = chosen.and_then(|at| slices.into_iter().nth(at)) {
        memory.choose(only);
    }
}

/// As the choice shows it.
pub(super) fn title(name: &SliceName) -> String {
    format!("{}: {}", name.by.name(), name.name)
}
