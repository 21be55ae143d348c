//! The methods to choose from, and what is recommended for the labels there are.

use egui::Ui;

use crate::app::Project;
use crate::app::advice::{Advice, Lead, Note};
use crate::train::{METHODS, Method};
use crate::ui::{
    desk::{Act, Desk},
    icons, screens,
    screens::evaluate::Tab,
    sheets::SheetState,
    theme::{self, Weight, font, size},
    widgets::{Button, Card, choice_card, say, wrapped},
};

/// The chosen method, else the recommended one.
pub(super) fn chosen(desk: &Desk, advice: &Advice) -> &'static Method {
    let id = desk.memory.train.method.unwrap_or(advice.method);
    METHODS.iter().find(|method| method.id == id).unwrap_or(&METHODS[0])
}

/// A card for each method.
pub(super) fn methods_ui(ui: &mut Ui, desk: &mut Desk, advice: &Advice) {
    let chosen = chosen(desk, advice);
    ui.scope(|ui| {
        ui.spacing_mut().item_spacing.y = 6.0;
        for method in METHODS {
            let badge = if method.id == advice.method { "recommended" } else { "" };
            let card = choice_card(ui, method.title, badge, &method.in_short(), method == chosen);
            if card.on_hover_text(method.summary).clicked() {
                desk.memory.train.method = Some(method.id);
            }
        }
    });
}

/// What fits this data, why, and a button that sets it up.
pub(super) fn advice_ui(ui: &mut Ui, desk: &mut Desk, project: &Project, advice: &Advice) {
    let tokens = theme::of(ui);
    let small = |weight| font(size::SMALL, weight);
    Card::new().show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 6.0;
        let title = METHODS
            .iter()
            .find(|method| method.id == advice.method)
            .map_or("", |method| method.title);
        let head = format!("For this data: {title}");
        say(ui, head, small(Weight::SemiBold), tokens.text2);
        wrapped(ui, advice.why.as_str(), small(Weight::Regular), tokens.text2);
        for note in &advice.notes {
            note_ui(ui, desk, project, note);
        }
        if advice.settings.is_empty() && chosen(desk, advice).id == advice.method {
            return;
        }
        let settings: Vec<String> = advice.settings.iter().map(|setting| setting.text()).collect();
        match is_applied(desk, advice) {
            true => {
                let text = match settings.is_empty() {
                    true => "Chosen.".to_owned(),
                    false => format!("Set: {}.", settings.join(", ")),
                };
                wrapped(ui, text, small(Weight::Regular), tokens.good);
            }
            false => {
                let text = match settings.is_empty() {
                    true => format!("Use {title}"),
                    false => format!("Apply: {}", settings.join(", ")),
                };
                if ui.add(Button::secondary(&text).icon(icons::SPARK).small()).clicked() {
                    apply(desk, advice);
                }
            }
        }
    });
}

fn note_ui(ui: &mut Ui, desk: &mut Desk, project: &Project, note: &Note) {
    let tokens = theme::of(ui);
    wrapped(ui, note.says.as_str(), font(size::SMALL, Weight::Regular), tokens.text2);
    let (text, icon) = match note.leads {
        None => return,
        Some(Lead::Preview) => ("Preview without labels", icons::PREVIEW),
        Some(Lead::Thresholds) => ("Tune thresholds", icons::EVALUATE),
        Some(Lead::Treatments) => ("Compare treatments…", icons::MERGE),
        Some(Lead::Tree) => ("Compare ways…", icons::MERGE),
        Some(Lead::Data) => ("Go to Data", icons::DATA),
    };
    if !ui.add(Button::secondary(text).icon(icon).small()).clicked() {
        return;
    }
    let usable = project.state.runs.iter().rev().find(|run| run.has_model());
    match (note.leads, usable) {
        (Some(Lead::Thresholds), Some(run)) => {
            desk.memory.evaluate.show(run.id, Tab::Thresholds);
            desk.act(Act::Go(screens::evaluate::ID));
        }
        (Some(Lead::Treatments | Lead::Tree), _) => desk.act(Act::Show(SheetState::treatments())),
        (Some(Lead::Data), _) => desk.act(Act::Go(screens::data::ID)),
        _ => desk.act(Act::Go(screens::preview::ID)),
    }
}

/// Whether the form says what is recommended.
fn is_applied(desk: &Desk, advice: &Advice) -> bool {
    let values = &desk.memory.train.values;
    let set = |id, value| values.get(&(advice.method, id)) == Some(&value);
    chosen(desk, advice).id == advice.method
        && advice
            .settings
            .iter()
            .all(|setting| set(setting.spec.id, setting.value))
}

fn apply(desk: &mut Desk, advice: &Advice) {
    let memory = &mut desk.memory.train;
    memory.method = Some(advice.method);
    let settings = advice.settings.iter();
    memory
        .values
        .extend(settings.map(|setting| ((advice.method, setting.spec.id), setting.value)));
}
