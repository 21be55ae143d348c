//! Preview: scores for label names in sentences, before anything is trained.
//!
//! What is tried here changes nothing: labels and templates belong to the screen, scores are suggestions and never stored.

mod asking;
mod endpoint_ui;
mod engine_card;
mod engine_choice;
mod keys;
mod labels_card;
mod meaning;
mod result_row;
mod results;
mod shown;
mod templates_card;

use egui::{Rect, ScrollArea, Ui, UiBuilder};

use super::{Screen, ScreenId};
use crate::ui::{
    desk::{Act, Desk},
    icons,
    sheets::{PathPurpose, SheetState},
    theme::space,
    widgets::{empty_state, screen_rect, split_left, split_right, split_top},
};

pub use asking::Memory;

/// Its id.
pub const ID: ScreenId = ScreenId("preview");

pub(super) const SCREEN: Screen = Screen {
    id: ID,
    title: "Preview",
    icon: icons::PREVIEW,
    in_rail: true,
    keys: keys::KEYS,
    on_keys: keys::on_keys,
    ui,
};

/// Wider than this the texts of a label stand beside the results, else above them.
const BESIDE: f32 = 1050.0;

fn ui(ui: &mut Ui, desk: &mut Desk) {
    let Some(project) = desk.project() else { return };
    if project.state.n_texts() == 0 {
        let text = "Import a file, or drop one on the window.";
        if empty_state(ui, icons::DATA, "No texts yet", text, "Import a file") {
            desk.act(Act::Show(SheetState::path(PathPurpose::Import)));
        }
        return;
    }
    let frame = ui.ctx().cumulative_frame_nr();
    desk.memory.preview.enter(project, frame);
    let asked = asking::ask(ui.ctx(), desk, project);
    let (left, right) = split_left(screen_rect(ui), 324.0, space::L);
    cards_ui(ui, left, desk, &asked);
    let opened = desk.memory.preview.opened.filter(|at| *at < asked.ask.labels.len());
    let results = match opened {
        None => right,
        Some(label) => {
            let (rest, panel) = if right.width() > BESIDE {
                split_right(right, 440.0, space::L)
            } else {
                let (panel, rest) = split_top(right, 330.0_f32.min(right.height() * 0.55), space::M);
                (rest, panel)
            };
            meaning::meaning_ui(ui, panel, desk, project, &asked, label);
            rest
        }
    };
    results::results_ui(ui, results, desk, project, &asked);
}

fn cards_ui(ui: &mut Ui, rect: Rect, desk: &mut Desk, asked: &asking::Asked) {
    let Some(project) = desk.project() else { return };
    let mut child = ui.new_child(UiBuilder::new().id_salt("wording").max_rect(rect));
    child.shrink_clip_rect(rect);
    ScrollArea::vertical()
        .id_salt("wording scroll")
        .auto_shrink(false)
        .show(&mut child, |ui| {
            ui.spacing_mut().item_spacing.y = space::M;
            labels_card::labels_ui(ui, desk, asked);
            templates_card::templates_ui(ui, desk, project, asked);
            engine_card::engine_ui(ui, desk, project);
        });
}
