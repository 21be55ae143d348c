//! What is asked: label names, the sentence around them, one answer or several.

use egui::{Key, Rect, ScrollArea, Ui, UiBuilder};

use super::Wording;
use crate::ui::{
    desk::{Act, Desk},
    screens,
    theme::{self, Weight, font, size, space},
    widgets::{Button, Card, Chip, TextField, say, segmented, wrapped},
};

pub(super) fn wording_ui(ui: &mut Ui, rect: Rect, desk: &mut Desk, wording: &Wording, problem: Option<&str>) {
    let mut child = ui.new_child(UiBuilder::new().id_salt("wording").max_rect(rect));
    child.shrink_clip_rect(rect);
    ScrollArea::vertical()
        .id_salt("wording scroll")
        .auto_shrink(false)
        .show(&mut child, |ui| {
            ui.spacing_mut().item_spacing.y = space::M;
            labels_ui(ui, desk, wording);
            template_ui(ui, desk, wording, problem);
            engine_ui(ui, desk);
        });
}

fn labels_ui(ui: &mut Ui, desk: &mut Desk, wording: &Wording) {
    let own = desk.memory.preview.labels.is_some();
    let aside = if own { "only here" } else { "from the project" };
    Card::titled("Labels").aside(aside).show(ui, |ui| {
        ui.spacing_mut().item_spacing = egui::vec2(6.0, 6.0);
        let mut removed = None;
        ui.horizontal_wrapped(|ui| {
            for (at, name) in wording.labels.iter().enumerate() {
                let chip = Chip::new(name, color(desk, name, at))
                    .closable()
                    .small()
                    .max_width(220.0);
                if ui.add(chip).on_hover_text("Leave out of this try").clicked() {
                    removed = Some(at);
                }
            }
        });
        if let Some(at) = removed {
            let mut labels = wording.labels.clone();
            labels.remove(at);
            desk.memory.preview.labels = Some(labels);
        }
        let response = TextField::new("Try another label")
            .placeholder("try another label")
            .small()
            .show(ui, &mut desk.memory.preview.adding);
        let name = desk.memory.preview.adding.trim().to_owned();
        if response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter)) && !name.is_empty() {
            let mut labels = wording.labels.clone();
            if !labels.contains(&name) {
                labels.push(name);
            }
            desk.memory.preview.labels = Some(labels);
            desk.memory.preview.adding.clear();
            response.request_focus();
        }
        if own
            && ui
                .add(Button::secondary("Back to the project's labels").small())
                .clicked()
        {
            desk.memory.preview.labels = None;
        }
    });
}

/// The colour of a name: that of the project's label, else from the palette by its place.
pub(super) fn color(desk: &Desk, name: &str, at: usize) -> egui::Color32 {
    desk.looks
        .iter()
        .find(|(_, look)| look.name == name)
        .map_or_else(|| theme::color_at(at), |(_, look)| look.color)
}

fn template_ui(ui: &mut Ui, desk: &mut Desk, wording: &Wording, problem: Option<&str>) {
    Card::titled("Sentence").aside("{} is the label").show(ui, |ui| {
        let tokens = theme::of(ui);
        TextField::new("Sentence around the label")
            .placeholder("This text is about {}.")
            .show(ui, &mut desk.memory.preview.template);
        if let Some(problem) = problem {
            wrapped(ui, problem, font(size::SMALL, Weight::Regular), tokens.error);
        }
        if let Some(chosen) = segmented(ui, &["one label", "several"], usize::from(wording.multi)) {
            desk.memory.preview.multi = Some(chosen == 1);
        }
    });
}

fn engine_ui(ui: &mut Ui, desk: &mut Desk) {
    Card::titled("Engine").show(ui, |ui| {
        let tokens = theme::of(ui);
        let encoder = desk.app.settings.encoder.as_str();
        say(ui, "Similarity", font(size::BASE, Weight::Medium), tokens.text);
        say(ui, encoder, font(size::SMALL, Weight::Regular), tokens.text3);
        let about = "How close each text is to the sentence with the label's name in it. Nothing is trained and nothing is stored.";
        wrapped(ui, about, font(size::SMALL, Weight::Regular), tokens.text2);
        if desk.app.catalog.path(encoder).is_err() {
            wrapped(ui, "The encoder is not on this machine yet.", font(size::SMALL, Weight::Regular), tokens.warning);
            if ui.add(Button::secondary("Get the model").small()).clicked() {
                desk.act(Act::Go(screens::models::ID));
            }
        }
    });
}
