//! What scores the texts: the engines there are, each with its model and how fast it has been seen to be.

use egui::{Key, Ui};

use super::asking::EngineKind;
use crate::app::Project;
use crate::ui::{
    desk::{Act, Desk},
    screens,
    theme::{self, Weight, font, size},
    widgets::{Button, Card, Dropdown, TextField, menu_item, radio_row, thousands, wrapped},
};

pub(super) fn engine_ui(ui: &mut Ui, desk: &mut Desk, project: &Project) {
    if !desk.memory.preview.models_known {
        desk.memory.preview.models_known = true;
        desk.change(|app| app.find_entailment_models());
    }
    let n_texts = project.state.n_texts();
    let encoder = desk.app.settings.encoder.as_str();
    let kind = desk.memory.preview.engine_kind(n_texts);
    Card::titled("Engine")
        .aside("nothing is trained or stored")
        .show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 4.0;
            let rate = |engine, model: &str, reads| figure(project.previewing.rate(engine, model, reads));
            let entailment = desk.memory.preview.entailment.clone();
            let named = if entailment.is_empty() {
                "no model chosen"
            } else {
                short(&entailment)
            };
            let rows = [
                (
                    EngineKind::Reading,
                    "Similarity reading texts",
                    encoder,
                    rate("similarity", encoder, true),
                ),
                (
                    EngineKind::Names,
                    "Similarity by names only",
                    encoder,
                    rate("similarity", encoder, false),
                ),
                (
                    EngineKind::Entailment,
                    "Entailment",
                    named,
                    rate("entailment", short(&entailment), false),
                ),
            ];
            for (of, title, below, figure) in rows {
                let response = radio_row(ui, title, below, &figure, kind == of);
                if response.on_hover_text(about(of)).clicked() {
                    desk.memory.preview.engine = Some(of);
                }
            }
            match kind {
                EngineKind::Entailment => entailment_ui(ui, desk, project),
                _ if desk.app.catalog.path(encoder).is_err() => {
                    missing_ui(ui, desk, "The encoder is not on this machine yet.")
                }
                _ => {}
            }
        });
}

fn about(kind: EngineKind) -> &'static str {
    match kind {
        EngineKind::Reading => {
            "What stands for a label starts at its sentence and moves towards the texts nearest to it. The default from 200 texts on."
        }
        EngineKind::Names => "How close each text lies to the sentence about the label, whatever the other texts are.",
        EngineKind::Entailment => {
            "How far the sentence about the label follows from the text, as a model trained on natural language inference says. One pass for \
             every text and label: slow."
        }
    }
}

fn entailment_ui(ui: &mut Ui, desk: &mut Desk, project: &Project) {
    let tokens = theme::of(ui);
    let known = &project.previewing.entailment_models;
    if !known.is_empty() {
        let shown = match desk.memory.preview.entailment.as_str() {
            "" => "Choose a model".to_owned(),
            model => short(model).to_owned(),
        };
        let width = ui.available_width();
        Dropdown::new("Entailment model", &shown)
            .small()
            .width(width)
            .show(ui, |ui| {
                for model in known {
                    if menu_item(ui, model, desk.memory.preview.entailment == *model).clicked() {
                        choose(desk, model.clone());
                    }
                }
            });
    }
    let field = TextField::new("Name or folder of an entailment model")
        .placeholder("name or folder, Enter")
        .small();
    let response = field.show(ui, &mut desk.memory.preview.typed_model);
    if response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter)) {
        let typed = desk.memory.preview.typed_model.trim().to_owned();
        choose(desk, typed);
    }
    if known.is_empty() && desk.memory.preview.entailment.is_empty() {
        missing_ui(
            ui,
            desk,
            "No model on this machine tells entailment. Name the folder of one, or get one.",
        );
    } else if !project.previewing.entailment_models.is_empty() || project.previewing.failure.is_some() {
        let hint = "Scores come in portions, the texts in view first.";
        wrapped(ui, hint, font(size::SMALL, Weight::Regular), tokens.text3);
    }
}

fn choose(desk: &mut Desk, model: String) {
    desk.memory.preview.typed_model.clone_from(&model);
    desk.memory.preview.entailment = model;
    desk.memory.preview.engine = Some(EngineKind::Entailment);
}

fn missing_ui(ui: &mut Ui, desk: &mut Desk, text: &str) {
    wrapped(ui, text, font(size::SMALL, Weight::Regular), theme::of(ui).warning);
    if ui.add(Button::secondary("Get a model").small()).clicked() {
        desk.memory.preview.models_known = false;
        desk.act(Act::Go(screens::models::ID));
    }
}

/// The last part of a folder; names stay as they are.
fn short(model: &str) -> &str {
    let trimmed = model.trim_end_matches(['/', '\\']);
    trimmed.rsplit(['/', '\\']).next().unwrap_or(trimmed)
}

fn figure(rate: Option<f64>) -> String {
    match rate {
        None => String::new(),
        Some(rate) if rate < 10.0 => format!("{rate:.1} texts/s"),
        Some(rate) if rate < 1_000.0 => format!("{rate:.0} texts/s"),
        Some(rate) => format!("{} texts/s", thousands((rate / 1_000.0).round() as usize * 1_000)),
    }
}
