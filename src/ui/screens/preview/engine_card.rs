//! What scores the texts: the engines there are, each with its model and how fast it has been seen to be.

use egui::{Key, Ui};

use super::endpoint_ui::endpoint_ui;
use super::engine_choice::{Listed, Model};
use crate::app::Project;
use crate::ui::{
    desk::{Act, Desk},
    screens,
    theme::{self, Weight, font, size},
    widgets::{Button, Card, Dropdown, TextField, menu_item, radio_row, segmented, thousands, wrapped},
};

pub(super) fn engine_ui(ui: &mut Ui, desk: &mut Desk, project: &Project) {
    if !desk.memory.preview.models_known {
        desk.memory.preview.models_known = true;
        desk.change(|app| app.find_zero_shot_models());
    }
    let encoder = desk.app.settings.encoder.as_str();
    let listed = desk.memory.preview.engines.listed(project.state.n_texts());
    Card::titled("Engine").aside("nothing is stored").show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 4.0;
        for of in Listed::ALL {
            let (below, figure) = facts(desk, project, of);
            let response = radio_row(ui, of.title(), &below, &figure, listed == of);
            if response.on_hover_text(of.about()).clicked() {
                desk.memory.preview.engines.listed = Some(of);
            }
        }
        match listed {
            Listed::Entailment => entailment_ui(ui, desk, project),
            Listed::LanguageModel => language_model_ui(ui, desk, project),
            Listed::Endpoint => endpoint_ui(ui, desk, project),
            _ if desk.app.catalog.path(encoder).is_err() => {
                missing_ui(ui, desk, "The encoder is not on this machine yet.")
            }
            _ => {}
        }
    });
}

/// What stands below an engine's name, and its rate.
fn facts(desk: &Desk, project: &Project, of: Listed) -> (String, String) {
    let engines = &desk.memory.preview.engines;
    let encoder = desk.app.settings.encoder.as_str();
    let named = |model: &str| match model {
        "" => "no model chosen".to_owned(),
        model => short(model).to_owned(),
    };
    let (engine, below) = match of {
        Listed::Reading | Listed::Names => ("similarity", encoder.to_owned()),
        Listed::SetFit => ("templated-setfit", encoder.to_owned()),
        Listed::Entailment => ("entailment", named(&engines.entailment.chosen)),
        Listed::LanguageModel => ("language-model", named(&engines.language_model.chosen)),
        Listed::Endpoint => (
            "endpoint",
            match &engines.endpoint.asked {
                Some(spec) => spec.model.clone().unwrap_or_default(),
                None => "off: nothing is sent".to_owned(),
            },
        ),
    };
    let rate = project.previewing.rate(engine, &below, of == Listed::Reading);
    (below, figure(rate))
}

fn entailment_ui(ui: &mut Ui, desk: &mut Desk, project: &Project) {
    let known = &project.previewing.entailment_models;
    let names = ["Entailment model", "Name or folder of an entailment model"];
    model_ui(ui, &mut desk.memory.preview.engines.entailment, known, names);
    if known.is_empty() && desk.memory.preview.engines.entailment.chosen.is_empty() {
        missing_ui(
            ui,
            desk,
            "No model on this machine tells entailment. Name the folder of one, or get one: `handful models get nli-deberta-v3-small`.",
        );
        return;
    }
    portions_ui(ui);
}

fn language_model_ui(ui: &mut Ui, desk: &mut Desk, project: &Project) {
    let known = &project.previewing.language_models;
    let names = ["Language model", "Name, folder or GGUF file of a language model"];
    let engines = &mut desk.memory.preview.engines;
    model_ui(ui, &mut engines.language_model, known, names);
    if let Some(chosen) = segmented(ui, &["by letters", "writes the name"], usize::from(engines.writes)) {
        engines.writes = chosen == 1;
    }
    let about = match engines.writes {
        false => "Each label gets a letter; the scores are the letters' probabilities.",
        true => "The model writes a label's name, which scores 1. An answer that is no label scores 0 everywhere.",
    };
    wrapped(ui, about, font(size::SMALL, Weight::Regular), theme::of(ui).text3);
    if known.is_empty() && engines.language_model.chosen.is_empty() {
        let first = desk
            .app
            .catalog
            .language_models()
            .first()
            .map_or("", |model| model.name);
        let text = format!(
            "No language model is on this machine. Name a GGUF file, or get one: `handful models get {first}`."
        );
        missing_ui(ui, desk, &text);
        return;
    }
    portions_ui(ui);
    remarks_ui(ui, project, "language-model");
}

/// The models of this machine, and a field for another.
fn model_ui(ui: &mut Ui, model: &mut Model, known: &[String], [name, field]: [&str; 2]) {
    if !known.is_empty() {
        let shown = match model.chosen.as_str() {
            "" => "Choose a model".to_owned(),
            chosen => short(chosen).to_owned(),
        };
        let width = ui.available_width();
        let mut picked = None;
        Dropdown::new(name, &shown).small().width(width).show(ui, |ui| {
            for of in known {
                if menu_item(ui, of, model.chosen == *of).clicked() {
                    picked = Some(of);
                }
            }
        });
        if let Some(picked) = picked {
            model.choose(picked);
        }
    }
    let field = TextField::new(field).placeholder("name or path, Enter").small();
    let response = field.show(ui, &mut model.typed);
    if response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter)) {
        let typed = model.typed.trim().to_owned();
        model.choose(&typed);
    }
}

fn portions_ui(ui: &mut Ui) {
    let hint = "Scores come in portions, the texts in view first.";
    wrapped(ui, hint, font(size::SMALL, Weight::Regular), theme::of(ui).text3);
}

/// What an engine has to say besides its scores.
pub(super) fn remarks_ui(ui: &mut Ui, project: &Project, engine: &str) {
    let scores = project.previewing.scores.as_ref();
    let Some(scores) = scores.filter(|scores| scores.source.engine == engine) else {
        return;
    };
    for remark in &scores.source.remarks {
        wrapped(ui, remark, font(size::SMALL, Weight::Regular), theme::of(ui).text2);
    }
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
