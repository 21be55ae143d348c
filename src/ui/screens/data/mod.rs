//! All texts in a table: found, sorted, selected, changed in bulk; and at the right what they look like as a whole.

mod bulk;
mod overview;
mod search;
mod table;

use std::collections::BTreeSet;

use egui::Ui;

use super::{Screen, ScreenId};
use crate::core::TextId;
use crate::ui::{
    desk::{Act, Desk},
    icons,
    keymap::{KeyHint, hint},
    sheets::{PathPurpose, SheetState},
    theme::space,
    widgets::{SortArrow, empty_state, in_rect, screen_rect, split_right, split_top},
};

/// Its id.
pub const ID: ScreenId = ScreenId("data");

const KEYS: &[KeyHint] = &[
    hint("/", "search"),
    hint("↑  ↓", "the text above or below"),
    hint("Shift ↑  Shift ↓", "select more"),
    hint("Ctrl A", "select all that are found"),
    hint("1 … 9", "label the selection"),
    hint("F", "flag the selection"),
    hint("Del", "delete the selection"),
    hint("Esc", "select nothing"),
];

pub(super) const SCREEN: Screen = Screen {
    id: ID,
    title: "Data",
    icon: icons::DATA,
    in_rail: true,
    keys: KEYS,
    on_keys: bulk::on_keys,
    ui,
};

/// What the screen remembers.
#[derive(Default)]
pub struct Memory {
    query: String,
    sort: Option<SortArrow>,
    rows: Vec<TextId>,
    rows_of: Option<RowsKey>,
    selected: BTreeSet<TextId>,
    /// Where Shift selects from, and where the keyboard is, as places in `rows`.
    anchor: usize,
    cursor: Option<usize>,
    reveal: bool,
    focus_search: bool,
    overview: overview::Cache,
}

/// What the found rows depend on.
#[derive(Debug, Clone, PartialEq)]
struct RowsKey {
    project: std::path::PathBuf,
    revision: u64,
    query: String,
    sort: Option<SortArrow>,
    suggested_at: Option<std::time::Instant>,
}

fn ui(ui: &mut Ui, desk: &mut Desk) {
    let Some(project) = desk.project() else { return };
    if project.state.n_texts() == 0 {
        if empty_state(
            ui,
            icons::DATA,
            "No texts yet",
            "Import a file, or drop one on the window. You see how it will be read before anything is written.",
            "Import a file",
        ) {
            desk.act(Act::Show(SheetState::path(PathPurpose::Import)));
        }
        return;
    }
    table::refresh(desk, project);
    let rect = screen_rect(ui);
    let (top, rest) = split_top(rect, space::CONTROL, space::L);
    in_rect(ui, "data top", top.expand(3.0), |ui| {
        search::search_ui(ui, top, desk, project)
    });
    let (left, right) = match rest.width() > 700.0 {
        true => split_right(rest, 330.0, space::L),
        false => (rest, egui::Rect::NOTHING),
    };
    table::table_ui(ui, left, desk, project);
    if right.is_positive() {
        overview::overview_ui(ui, right, desk, project);
    }
}
