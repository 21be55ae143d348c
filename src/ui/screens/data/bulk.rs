//! What can be done with many texts at once; every one of them can be undone.

use egui::{Context, Key, Modifiers, Popup, Ui};

use crate::app::{Project, now_millis};
use crate::core::{How, LabelId, Split, TextId, text_edits};
use crate::ui::{
    desk::Desk,
    icons, keymap,
    theme::{self, Weight, font, size},
    widgets::{Button, menu_item, say, thousands},
};

pub(super) fn on_keys(ctx: &Context, desk: &mut Desk) {
    let Some(project) = desk.project() else { return };
    if !keymap::letters_are_free(ctx) {
        return;
    }
    let memory = &mut desk.memory.data;
    if ctx.input_mut(|input| input.consume_key(Modifiers::COMMAND, Key::A)) {
        memory.selected = memory.rows.iter().copied().collect();
    }
    if keymap::pressed(ctx, Key::Escape) {
        memory.selected.clear();
        memory.cursor = None;
    }
    for (key, step) in [
        (Key::ArrowDown, 1),
        (Key::ArrowUp, -1),
        (Key::PageDown, 20),
        (Key::PageUp, -20),
    ] {
        let shift = ctx.input_mut(|input| input.consume_key(Modifiers::SHIFT, key));
        if shift || keymap::pressed(ctx, key) {
            super::table::move_cursor(memory, step, shift);
        }
    }
    if keymap::pressed(ctx, Key::Delete) {
        let texts = selection(desk);
        if !texts.is_empty() {
            desk.edit(text_edits::delete_texts(&project.state, &texts));
            desk.memory.data.selected.clear();
        }
    }
    for c in keymap::typed(ctx) {
        match (c, desk.looks.by_key(None, c).filter(|_| c.is_ascii_digit())) {
            ('/', _) => desk.memory.data.focus_search = true,
            ('f', _) => flag(desk, project),
            (_, Some(label)) => add_label(desk, project, label),
            _ => {}
        }
    }
}

fn selection(desk: &Desk) -> Vec<TextId> {
    desk.memory.data.selected.iter().copied().collect()
}

fn flag(desk: &mut Desk, project: &Project) {
    let texts = selection(desk);
    let all = texts
        .iter()
        .all(|id| project.state.text(*id).is_some_and(|text| text.flagged));
    if !texts.is_empty() {
        desk.edit(text_edits::set_flag(&project.state, &texts, !all));
    }
}

fn add_label(desk: &mut Desk, project: &Project, label: LabelId) {
    let texts = selection(desk);
    if !texts.is_empty() {
        let who = &desk.app.settings.who;
        let how = if texts.len() == 1 { How::Hand } else { How::Bulk };
        desk.edit(text_edits::add_label(
            &project.state,
            &texts,
            label,
            who,
            now_millis(),
            how,
        ));
    }
}

/// The buttons while something is selected, right to left.
pub(super) fn buttons_ui(ui: &mut Ui, desk: &mut Desk, project: &Project) {
    let texts = selection(desk);
    let n = thousands(texts.len());
    label_menu(ui, desk, project, &texts, &n);
    split_menu(ui, desk, project, &texts);
    if ui
        .add(Button::secondary("").icon(icons::FLAG).name("Flag selection"))
        .on_hover_text("Flag  F")
        .clicked()
    {
        flag(desk, project);
    }
    if ui
        .add(Button::danger("").icon(icons::DELETE).name("Delete selection"))
        .on_hover_text("Delete  Del")
        .clicked()
    {
        desk.edit(text_edits::delete_texts(&project.state, &texts));
        desk.memory.data.selected.clear();
    }
    if ui
        .add(Button::quiet("").icon(icons::CLOSE).name("Select nothing"))
        .on_hover_text("Select nothing  Esc")
        .clicked()
    {
        desk.memory.data.selected.clear();
    }
}

fn label_menu(ui: &mut Ui, desk: &mut Desk, project: &Project, texts: &[TextId], n: &str) {
    let title = format!("Label {n}");
    let response = ui.add(Button::primary(&title).name("Label selection"));
    Popup::menu(&response).accessible_name("Label selection").show(|ui| {
        ui.spacing_mut().item_spacing.y = 2.0;
        ui.set_min_width(200.0);
        let mut chosen = None;
        egui::ScrollArea::vertical().max_height(320.0).show(ui, |ui| {
            for (id, look) in desk.looks.iter() {
                if menu_item(ui, &look.path, false).clicked() {
                    chosen = Some(id);
                }
            }
        });
        if desk.looks.is_empty() {
            say(
                ui,
                "There are no labels yet.",
                font(size::BASE, Weight::Regular),
                theme::of(ui).text2,
            );
        }
        if let Some(label) = chosen {
            add_label(desk, project, label);
        }
        if menu_item(ui, "Take the labels away", false).clicked() {
            let who = &desk.app.settings.who;
            desk.edit(text_edits::annotate(
                &project.state,
                texts,
                None,
                who,
                now_millis(),
                How::Bulk,
            ));
        }
    });
}

fn split_menu(ui: &mut Ui, desk: &mut Desk, project: &Project, texts: &[TextId]) {
    let response = ui.add(Button::secondary("Split").dropdown().name("Move selection to a split"));
    Popup::menu(&response).accessible_name("Split").show(|ui| {
        ui.spacing_mut().item_spacing.y = 2.0;
        for split in Split::ALL.map(Some).into_iter().chain([None]) {
            if menu_item(ui, split.map_or("none", Split::name), false).clicked() {
                desk.edit(text_edits::set_split(&project.state, texts, split));
            }
        }
    });
}
