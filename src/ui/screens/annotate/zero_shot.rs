//! Zero-shot scores beside the text, where the Preview screen was told to use them, with where they come from.

use egui::Ui;

use super::side::ranked_ui;
use crate::app::Project;
use crate::ui::{
    desk::Desk,
    theme::{self, Weight, font, size},
    widgets::{Button, Card, wrapped},
};

pub(super) fn zero_shot_ui(ui: &mut Ui, desk: &mut Desk, project: &Project) {
    let previewing = &project.previewing;
    let (Some(scores), Some(suggestions)) = (previewing.in_use(), previewing.suggestions()) else {
        return;
    };
    if desk.memory.annotate.blind {
        return;
    }
    let tokens = theme::of(ui);
    Card::titled("Zero-shot")
        .aside(scores.source.to_string())
        .show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            let small = font(size::SMALL, Weight::Regular);
            let ranked = project
                .annotating
                .current
                .map(|id| project.answers(suggestions, id))
                .unwrap_or_default();
            if ranked.is_empty() {
                wrapped(ui, "This text has no scores yet.", small.clone(), tokens.text2);
            }
            ranked_ui(ui, desk, project, ranked, project.suggestions.is_none());
            ui.add_space(6.0);
            let accepts = match project.suggestions {
                Some(_) => "A accepts what is suggested above.",
                None => "A accepts the first of these.",
            };
            let accepts = if project.is_multi() && project.suggestions.is_none() {
                "A takes those above one half."
            } else {
                accepts
            };
            wrapped(ui, accepts, small, tokens.text3);
            ui.add_space(6.0);
            if ui.add(Button::secondary("Use no longer").small()).clicked() {
                desk.change_project(|project, _| project.leave_zero_shot());
            }
        });
}
