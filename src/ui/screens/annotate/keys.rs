//! The keys of labelling.

use egui::{Context, Key};

use crate::app::Project;
use crate::core::{LabelId, TaskKind, text_edits};
use crate::ui::{desk::Desk, keymap, theme::PATH_KEYS};

pub(super) fn on_keys(ctx: &Context, desk: &mut Desk) {
    let Some(project) = desk.project() else { return };
    if !keymap::letters_are_free(ctx) || project.annotating.current.is_none() {
        return;
    }
    if keymap::space_is_free(ctx) && keymap::pressed(ctx, Key::Enter) {
        match project.annotating.at {
            Some(at) => choose(desk, at),
            None => submit(desk, project),
        }
        return;
    }
    let up = [Key::Backspace, Key::ArrowLeft];
    if project.annotating.at.is_some() && up.into_iter().any(|key| keymap::pressed(ctx, key)) {
        go_up(desk);
        return;
    }
    // Several keys in one frame: each means what it would mean if it came alone.
    let mut at = project.annotating.at;
    for c in keymap::typed(ctx) {
        if let Some(label) = desk.looks.by_key(at, c) {
            at = project.state.labels.has_children(label).then_some(label);
            press(desk, label);
        } else if let Some(path) = suggested_path(desk, project, c) {
            accept_path(desk, path);
        } else {
            letter(ctx, desk, project, c);
        }
    }
}

/// In a tree: the suggested path that a key accepts.
fn suggested_path(desk: &Desk, project: &Project, key: char) -> Option<LabelId> {
    let place = PATH_KEYS.chars().position(|path_key| path_key == key)?;
    if !project.state.labels.is_hierarchical() || desk.memory.annotate.blind {
        return None;
    }
    let suggested = project.suggested(project.annotating.current?);
    suggested.get(place).map(|(label, _)| *label)
}

fn letter(ctx: &Context, desk: &mut Desk, project: &Project, c: char) {
    match c {
        ' ' if keymap::space_is_free(ctx) => skip(desk),
        'a' => desk.try_project(|project, who| project.accept_suggestion(who)),
        'b' => desk.change_project(|project, _| project.annotating.back(&project.state)),
        'f' => flag(desk, project),
        'n' => note(desk, project),
        'r' => desk.memory.annotate.blind ^= true,
        'g' => desk.memory.annotate.guide ^= true,
        '/' => desk.memory.annotate.finding = Some(String::new()),
        _ => {}
    }
}

/// The path ends here, though labels stand below it.
pub(super) fn choose(desk: &mut Desk, label: LabelId) {
    desk.try_project(move |project, who| project.choose_label(label, who));
}

/// One of the suggested paths is right.
pub(super) fn accept_path(desk: &mut Desk, label: LabelId) {
    desk.try_project(move |project, who| project.accept_path(label, who));
}

/// Offers what is below a label, or the roots.
pub(super) fn go_to(desk: &mut Desk, at: Option<LabelId>) {
    desk.change_project(move |project, _| project.annotating.at = at);
}

fn go_up(desk: &mut Desk) {
    desk.change_project(|project, _| project.annotating.up(&project.state.labels));
}

/// A label was chosen, by key or by pointer.
pub(super) fn press(desk: &mut Desk, label: LabelId) {
    desk.try_project(move |project, who| project.press_label(label, who));
}

/// Saves what is chosen. A text that can have one label needs one; a text that can have several may have none.
pub(super) fn submit(desk: &mut Desk, project: &Project) {
    let chosen: Vec<LabelId> = project.annotating.chosen.iter().copied().collect();
    if project.state.task == TaskKind::MultiLabel || !chosen.is_empty() {
        desk.try_project(move |project, who| project.submit(&chosen, who));
    }
}

pub(super) fn skip(desk: &mut Desk) {
    desk.change_project(|project, _| project.annotating.skip(&project.state));
}

pub(super) fn flag(desk: &mut Desk, project: &Project) {
    if let Some(text) = project.annotating.current.and_then(|id| project.state.text(id)) {
        desk.edit(text_edits::set_flag(&project.state, &[text.id], !text.flagged));
    }
}

pub(super) fn note(desk: &mut Desk, project: &Project) {
    if let Some(text) = project.annotating.current.and_then(|id| project.state.text(id)) {
        desk.memory.annotate.note = Some((text.id, text.note.clone()));
    }
}
