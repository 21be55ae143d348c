//! The keys of labelling.

use egui::{Context, Key};

use crate::app::Project;
use crate::core::{LabelId, TaskKind, text_edits};
use crate::ui::{desk::Desk, keymap};

pub(super) fn on_keys(ctx: &Context, desk: &mut Desk) {
    let Some(project) = desk.project() else { return };
    if !keymap::letters_are_free(ctx) || project.annotating.current.is_none() {
        return;
    }
    if keymap::space_is_free(ctx) && keymap::pressed(ctx, Key::Enter) {
        submit(desk, project);
        return;
    }
    for c in keymap::typed(ctx) {
        if let Some(label) = desk.looks.by_key(c) {
            press(desk, label);
        } else {
            letter(ctx, desk, project, c);
        }
    }
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
