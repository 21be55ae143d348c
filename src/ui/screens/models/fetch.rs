//! Models that can be fetched by name, by what they are for, and the one that is on its way.

use egui::{Align, Layout, Rect, ScrollArea, Ui, UiBuilder, Vec2};

use super::megabytes;
use crate::app::{App, Command};
use crate::jobs::{JobId, JobKind, Progress};
use crate::model::catalog::HubModel;
use crate::ui::{
    desk::Desk,
    icons,
    theme::{self, Weight, font, size},
    widgets::{Button, Card, cut, progress_bar, say, thousands},
};

/// A model that can be fetched.
struct Offer {
    name: &'static str,
    facts: String,
}

/// Models of one purpose that are not here, with what they are for.
fn offers(app: &App, list: &super::ModelList) -> Vec<(&'static str, Vec<Offer>)> {
    let encoders = list.missing(app).into_iter().map(|model| Offer {
        name: model.name,
        facts: format!(
            "{} · {} dimensions · {} · {}",
            megabytes(model.bytes()),
            thousands(model.dim),
            model.licence,
            model.repo
        ),
    });
    let hub = |models: &'static [HubModel]| -> Vec<Offer> {
        let missing = models.iter().filter(|model| !list.has(model.name));
        let offer = |model: &HubModel| Offer {
            name: model.name,
            facts: format!("{} · {} · {}", model.about, model.licence, model.repo),
        };
        missing.map(offer).collect()
    };
    let groups = [
        ("Encoders", encoders.collect()),
        ("Entailment, for zero-shot scores", hub(app.catalog.unpinned())),
        (
            "Language models, for zero-shot scores",
            hub(app.catalog.language_models()),
        ),
    ];
    groups.into_iter().filter(|(_, offers)| !offers.is_empty()).collect()
}

pub(super) fn fetch_ui(ui: &mut Ui, rect: Rect, desk: &mut Desk) {
    let running = desk.app.running(JobKind::GetModel);
    let groups = offers(desk.app, &desk.memory.models.list);
    if groups.is_empty() && running.is_none() {
        return;
    }
    Card::titled("To get").show_in(ui, rect, |ui| {
        if let Some(job) = running {
            let progress = desk.app.progress.iter().find(|(id, ..)| *id == job);
            let progress = progress.map(|(.., progress)| progress);
            progress_ui(ui, desk, job, progress);
        }
        ScrollArea::vertical()
            .id_salt("models to get")
            .auto_shrink(false)
            .show(ui, |ui| {
                ui.spacing_mut().item_spacing.y = 6.0;
                for (title, offers) in &groups {
                    ui.add_space(4.0);
                    let color = theme::of(ui).text2;
                    say(ui, *title, font(size::SMALL, Weight::SemiBold), color);
                    for offer in offers {
                        offer_ui(ui, desk, offer, running.is_some());
                    }
                }
            });
    });
}

fn offer_ui(ui: &mut Ui, desk: &mut Desk, offer: &Offer, busy: bool) {
    let tokens = theme::of(ui);
    let size = Vec2::new(ui.available_width(), 40.0);
    let (rect, _) = ui.allocate_exact_size(size, egui::Sense::hover());
    let layout = Layout::right_to_left(Align::Center);
    let mut row = ui.new_child(UiBuilder::new().id_salt(offer.name).max_rect(rect).layout(layout));
    let name = format!("Get {}", offer.name);
    let button = Button::secondary("Get").icon(icons::DOWNLOAD).name(&name);
    if row.add_enabled(!busy, button).clicked() {
        desk.run(Command::GetModel(offer.name.to_owned()));
    }
    row.with_layout(Layout::top_down(Align::Min), |ui| {
        ui.spacing_mut().item_spacing.y = 1.0;
        let title = font(theme::size::BASE, Weight::SemiBold);
        say(ui, offer.name, title, tokens.text);
        let small = font(theme::size::SMALL, Weight::Regular);
        cut(ui, offer.facts.as_str(), small, tokens.text3);
    });
}

fn progress_ui(ui: &mut Ui, desk: &mut Desk, job: JobId, progress: Option<&Progress>) {
    let tokens = theme::of(ui);
    let (share, words) = match progress {
        None => (0.0, "starting".to_owned()),
        Some(progress) if progress.total == 0 => (0.0, progress.note.clone()),
        Some(progress) => (
            progress.done as f32 / progress.total as f32,
            format!(
                "{} · {} of {}",
                progress.note,
                megabytes(progress.done),
                megabytes(progress.total)
            ),
        ),
    };
    ui.horizontal(|ui| {
        let width = ui.available_width() - 90.0;
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing.y = 2.0;
            progress_bar(ui, "Progress of the model", share, width, 4.0);
            cut(ui, words, font(size::SMALL, Weight::Regular), tokens.text2);
        });
        if ui.add(Button::secondary("Stop").icon(icons::STOP).small()).clicked() {
            desk.run(Command::Stop(job));
        }
    });
}
