//! One of a few: tabs over a screen, and the segmented control in a card.

use egui::{Role, Sense, Stroke, StrokeKind, Ui, Vec2, WidgetInfo};

use super::{Button, galley_cut, paint_middle};
use crate::ui::theme::{self, RADIUS, Weight, font, size, space};

/// Tabs in a row; returns the index of the one just chosen.
pub fn tabs(ui: &mut Ui, names: &[&str], chosen: usize) -> Option<usize> {
    ui.spacing_mut().item_spacing.x = 4.0;
    let mut clicked = None;
    for (i, name) in names.iter().enumerate() {
        if ui.add(Button::quiet(name).selected(i == chosen)).clicked() {
            clicked = Some(i);
        }
    }
    clicked.filter(|i| *i != chosen)
}

/// Choices side by side over the available width; returns the index of the one just chosen.
pub fn segmented(ui: &mut Ui, names: &[&str], chosen: usize) -> Option<usize> {
    let tokens = theme::of(ui);
    let n = names.len().max(1) as f32;
    let gap = space::S;
    let width = ((ui.available_width() - gap * (n - 1.0)) / n).max(20.0);
    let mut clicked = None;
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = gap;
        for (i, name) in names.iter().enumerate() {
            let (rect, response) = ui.allocate_exact_size(Vec2::new(width, space::CONTROL), Sense::click());
            let on = i == chosen;
            response.widget_info(|| WidgetInfo::selected(Role::RadioButton, true, on, name));
            let (fill, line) = match on {
                true => (theme::mix(tokens.panel, tokens.accent, 0.13), tokens.accent),
                false if response.hovered() => (tokens.track, tokens.line),
                false => (tokens.raised, tokens.line),
            };
            ui.painter()
                .rect(rect, RADIUS, fill, Stroke::new(1.0, line), StrokeKind::Inside);
            super::button::focus_ring(ui, rect, &response);
            let weight = if on { Weight::Medium } else { Weight::Regular };
            let text = galley_cut(ui, name, font(size::BASE, weight), tokens.text, rect.width() - 8.0);
            paint_middle(ui.painter(), rect.center(), text);
            if response.clicked() {
                clicked = Some(i);
            }
        }
    });
    clicked.filter(|i| *i != chosen)
}
