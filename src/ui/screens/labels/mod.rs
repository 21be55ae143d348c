//! The label tree: made, renamed, moved, described; merged and deleted with the consequences said before.

mod detail;
mod paste;
mod tree;

use std::collections::{BTreeSet, HashMap};

use egui::{Context, Key, Modifiers, Ui, UiBuilder};

use super::{Screen, ScreenId, annotate::label_counts};
use crate::app::Project;
use crate::core::{LabelId, label_edits};
use crate::ui::{
    desk::Desk,
    icons, keymap,
    keymap::{KeyHint, hint},
    theme::space,
    widgets::{Button, TextField, empty_state, in_rect, screen_rect, split_right, split_top},
};

/// Its id.
pub const ID: ScreenId = ScreenId("labels");

/// Larger trees begin with every branch closed.
const MAX_OPEN: usize = 300;

const KEYS: &[KeyHint] = &[
    hint("N", "new label"),
    hint("↑  ↓", "the label above or below"),
    hint("F2", "rename"),
    hint("←  →", "close or open what is below it"),
    hint("Alt ↑  Alt ↓", "move among its siblings"),
    hint("Alt →", "move below the label above it"),
    hint("Alt ←", "move out, behind its parent"),
    hint("Del", "delete"),
];

pub(super) const SCREEN: Screen = Screen {
    id: ID,
    title: "Labels",
    icon: icons::LABELS,
    in_rail: true,
    keys: KEYS,
    on_keys,
    ui,
};

/// What the screen remembers.
#[derive(Default)]
pub struct Memory {
    query: String,
    chosen: Option<LabelId>,
    closed: BTreeSet<LabelId>,
    /// The chosen label is to be brought into view.
    reveal: bool,
    renaming: Option<(LabelId, String)>,
    asking: Option<Asking>,
    new_label: Option<String>,
    paste: Option<String>,
    counts: HashMap<LabelId, usize>,
    counts_of: Option<(std::path::PathBuf, u64)>,
    detail: detail::Draft,
}

/// A change that is explained before it happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asking {
    Delete(LabelId),
    Merge(LabelId, LabelId),
}

fn on_keys(ctx: &Context, desk: &mut Desk) {
    let Some(project) = desk.project() else { return };
    if !keymap::letters_are_free(ctx) {
        return;
    }
    let visible = tree::visible(desk, project);
    let at = desk
        .memory
        .labels
        .chosen
        .and_then(|chosen| visible.iter().position(|(_, id)| *id == chosen));
    for (key, step) in [(Key::ArrowDown, 1_isize), (Key::ArrowUp, -1)] {
        if ctx.input_mut(|input| input.consume_key(Modifiers::ALT, key)) {
            move_among_siblings(desk, project, step);
        } else if keymap::pressed(ctx, key) {
            let next = at
                .map_or(0, |at| at.saturating_add_signed(step))
                .min(visible.len().saturating_sub(1));
            desk.memory.labels.chosen = visible.get(next).map(|(_, id)| *id);
            desk.memory.labels.reveal = true;
        }
    }
    for (key, opens) in [(Key::ArrowRight, true), (Key::ArrowLeft, false)] {
        if ctx.input_mut(|input| input.consume_key(Modifiers::ALT, key)) {
            match opens {
                true => move_in(desk, project),
                false => move_out(desk, project),
            }
        } else if keymap::pressed(ctx, key) {
            open_or_close(desk, project, opens);
        }
    }
    if let Some(chosen) = desk.memory.labels.chosen {
        if keymap::pressed(ctx, Key::F2) {
            let name = project
                .state
                .labels
                .get(chosen)
                .map(|label| label.name.clone())
                .unwrap_or_default();
            desk.memory.labels.renaming = Some((chosen, name));
        }
        if keymap::pressed(ctx, Key::Delete) {
            desk.memory.labels.asking = Some(Asking::Delete(chosen));
        }
    }
    if keymap::typed(ctx).contains(&'n') {
        desk.memory.labels.new_label = Some(String::new());
    }
}

fn move_among_siblings(desk: &mut Desk, project: &Project, step: isize) {
    let tree = &project.state.labels;
    let Some(label) = desk.memory.labels.chosen.and_then(|id| tree.get(id)) else {
        return;
    };
    let siblings = tree.children(label.parent);
    let Some(at) = siblings.iter().position(|other| other.id == label.id) else {
        return;
    };
    let to = at.saturating_add_signed(step).min(siblings.len() - 1);
    if to != at {
        desk.edit(label_edits::move_label(&project.state, label.id, label.parent, to));
    }
}

/// Below the sibling before it, as the last.
fn move_in(desk: &mut Desk, project: &Project) {
    let tree = &project.state.labels;
    let Some(label) = desk.memory.labels.chosen.and_then(|id| tree.get(id)) else {
        return;
    };
    let siblings = tree.child_ids(label.parent);
    let before = siblings
        .iter()
        .position(|id| *id == label.id)
        .and_then(|at| at.checked_sub(1));
    if let Some(parent) = before.and_then(|at| siblings.get(at)) {
        desk.memory.labels.closed.remove(parent);
        let last = tree.child_ids(Some(*parent)).len();
        desk.edit(label_edits::move_label(&project.state, label.id, Some(*parent), last));
        desk.memory.labels.reveal = true;
    }
}

/// Out of its parent, behind it.
fn move_out(desk: &mut Desk, project: &Project) {
    let tree = &project.state.labels;
    let label = desk.memory.labels.chosen.and_then(|id| tree.get(id));
    let Some((label, parent)) = label.and_then(|label| Some((label, tree.get(label.parent?)?))) else {
        return;
    };
    let at = tree
        .child_ids(parent.parent)
        .iter()
        .position(|id| *id == parent.id)
        .unwrap_or(0);
    desk.edit(label_edits::move_label(&project.state, label.id, parent.parent, at + 1));
    desk.memory.labels.reveal = true;
}

/// Opens what is below the chosen label, or closes it; where it is closed or a leaf, its parent is chosen.
fn open_or_close(desk: &mut Desk, project: &Project, opens: bool) {
    let tree = &project.state.labels;
    let memory = &mut desk.memory.labels;
    let Some(label) = memory.chosen.and_then(|id| tree.get(id)) else {
        return;
    };
    if opens {
        memory.closed.remove(&label.id);
    } else if tree.has_children(label.id) && !memory.closed.contains(&label.id) {
        memory.closed.insert(label.id);
    } else {
        memory.chosen = label.parent.or(memory.chosen);
    }
    memory.reveal = true;
}

fn ui(ui: &mut Ui, desk: &mut Desk) {
    let Some(project) = desk.project() else { return };
    refresh(&mut desk.memory.labels, project);
    let rect = screen_rect(ui);
    let (top, rest) = split_top(rect, space::CONTROL, space::L);
    in_rect(ui, "labels top", top.expand(3.0), |ui| top_ui(ui, top, desk));
    if paste::paste_ui(ui, rest, desk, project) {
        return;
    }
    if project.state.labels.is_empty() && desk.memory.labels.new_label.is_none() {
        let pressed = in_rect(ui, "no labels", rest, |ui| {
            empty_state(
                ui,
                icons::LABELS,
                "No labels yet",
                "Labels are what you sort texts into. They can form a tree.",
                "New label",
            )
        });
        if pressed {
            desk.memory.labels.new_label = Some(String::new());
        }
        return;
    }
    let (left, right) = match rest.width() > 620.0 {
        true => split_right(rest, 360.0, space::L),
        false => (rest, egui::Rect::NOTHING),
    };
    tree::tree_ui(ui, left, desk, project);
    if right.is_positive() {
        detail::detail_ui(ui, right, desk, project);
    }
}

fn refresh(memory: &mut Memory, project: &Project) {
    let now = (project.store.path().to_path_buf(), project.revision);
    if memory.counts_of.as_ref() == Some(&now) {
        return;
    }
    if memory.counts_of.as_ref().is_some_and(|(path, _)| *path != now.0) {
        *memory = Memory::default();
    }
    if memory.counts_of.is_none() && project.state.labels.len() > MAX_OPEN {
        let tree = &project.state.labels;
        let branches = tree.iter().map(|label| label.id).filter(|id| tree.has_children(*id));
        memory.closed = branches.collect();
    }
    memory.counts = label_counts(project);
    let known = |id: &LabelId| project.state.labels.get(*id).is_some();
    memory.chosen = memory.chosen.filter(known);
    memory.asking = memory.asking.filter(|asking| match asking {
        Asking::Delete(id) => known(id),
        Asking::Merge(from, into) => known(from) && known(into),
    });
    memory.counts_of = Some(now);
}

fn top_ui(ui: &mut Ui, rect: egui::Rect, desk: &mut Desk) {
    let mut child = ui.new_child(UiBuilder::new().id_salt("bar").max_rect(rect));
    child.spacing_mut().item_spacing.x = 8.0;
    child.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
        if ui.add(Button::primary("New label").key("N")).clicked() {
            desk.memory.labels.new_label = Some(String::new());
        }
        if ui.add(Button::secondary("Paste a list…")).clicked() {
            desk.memory.labels.paste = Some(String::new());
        }
        let room = ui.available_rect_before_wrap();
        let mut field = ui.new_child(
            UiBuilder::new()
                .id_salt("find")
                .max_rect(room)
                .layout(egui::Layout::left_to_right(egui::Align::Center)),
        );
        TextField::new("Find a label")
            .placeholder("Find a label")
            .icon(icons::SEARCH)
            .on_window()
            .show(&mut field, &mut desk.memory.labels.query);
        ui.advance_cursor_after_rect(room);
    });
}
