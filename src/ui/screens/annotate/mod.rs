//! Labelling: the queue at the left, the text in the middle, what the quick model thinks at the right.
//!
//! Keys are read before anything is drawn, so the next text is on screen in the frame of the key.

mod chips;
mod keys;
mod paths;
mod queue;
mod side;
mod text;
mod zero_shot;

pub(in crate::ui) use side::label_counts;

use std::collections::HashMap;
use std::path::PathBuf;
use std::rc::Rc;

use egui::Ui;

use super::{Screen, ScreenId};
use crate::core::{LabelId, TextId};
use crate::ui::{
    desk::{Act, Desk},
    icons,
    keymap::{KeyHint, hint},
    sheets::{PathPurpose, SheetState},
    theme::space,
    widgets::{empty_state, screen_rect, split_left, split_right},
};

/// Its id.
pub const ID: ScreenId = ScreenId("annotate");

const KEYS: &[KeyHint] = &[
    hint("1 … 9", "the label with that key; in a tree, what is below it"),
    hint("Enter", "save and go on; in a tree, choose the path so far"),
    hint("Backspace  ←", "up the tree"),
    hint("Space", "skip"),
    hint("A", "accept the suggestion"),
    hint("Z X C V M", "accept one of the suggested paths"),
    hint("B", "back"),
    hint("F", "flag"),
    hint("N", "note"),
    hint("R", "hide or show suggestions"),
    hint("G", "what belongs to each label"),
    hint("/", "find a label"),
];

pub(super) const SCREEN: Screen = Screen {
    id: ID,
    title: "Annotate",
    icon: icons::ANNOTATE,
    in_rail: true,
    keys: KEYS,
    on_keys: keys::on_keys,
    ui,
};

/// What the screen remembers.
#[derive(Default)]
pub struct Memory {
    /// Suggestions are hidden.
    blind: bool,
    /// What belongs to each label is shown.
    guide: bool,
    /// The find-a-label field, while it is open.
    finding: Option<String>,
    /// Which of the labels found Enter chooses.
    found_at: usize,
    /// What was found, for which words and which revision of the labels.
    found: Option<(String, u64, Rc<Vec<LabelId>>)>,
    /// The note being written, and for which text.
    note: Option<(TextId, String)>,
    /// The text whose row was last brought into view.
    revealed: Option<TextId>,
    /// Texts per label, and the revision they were counted at.
    counts: Rc<HashMap<LabelId, usize>>,
    counts_of: Option<(PathBuf, u64)>,
}

fn ui(ui: &mut Ui, desk: &mut Desk) {
    let Some(project) = desk.project() else { return };
    if project.state.n_texts() == 0 {
        if empty_state(
            ui,
            icons::DATA,
            "No texts yet",
            "Import a file, or drop one on the window.",
            "Import a file",
        ) {
            desk.act(Act::Show(SheetState::path(PathPurpose::Import)));
        }
        return;
    }
    if desk.looks.is_empty() {
        if empty_state(
            ui,
            icons::LABELS,
            "No labels yet",
            "Labels are what you sort texts into. Two are enough to begin.",
            "Make labels",
        ) {
            desk.act(Act::Go(super::labels::ID));
        }
        return;
    }
    let rect = screen_rect(ui);
    let mut middle = rect;
    if rect.width() > 600.0 {
        let (left, rest) = split_left(middle, 250.0, space::L);
        queue::queue_ui(ui, left, desk, project);
        middle = rest;
    }
    if rect.width() > 860.0 {
        let (rest, right) = split_right(middle, 270.0, space::L);
        side::side_ui(ui, right, desk, project);
        middle = rest;
    }
    text::text_ui(ui, middle, desk, project);
}
