//! Suggestions in a tree: whole paths with their probability, one key each.

use egui::{Role, Sense, Ui, WidgetInfo, pos2, vec2};

use super::keys;
use crate::core::LabelId;
use crate::ui::{
    desk::Desk,
    theme::{self, PATH_KEYS, Weight, font, size},
    widgets::{galley, paint_bar, paint_key_cap, paint_left, paint_right, path_cut, prob_short},
};

const ROW: f32 = 44.0;
/// Points for a key cap and the room behind it.
const KEY_WIDTH: f32 = 27.0;

/// The likeliest of ranked paths; pressing one accepts it. `with_keys`: these are what the keys of paths accept.
pub(super) fn paths_ui(ui: &mut Ui, desk: &mut Desk, ranked: Vec<(LabelId, f32)>, with_keys: bool) {
    let tokens = theme::of(ui);
    let text = font(size::BASE, Weight::Regular);
    for ((label, probability), key) in ranked.into_iter().zip(PATH_KEYS.chars()) {
        let Some(look) = desk.looks.get(label) else { continue };
        let figure = prob_short(Some(f64::from(probability)));
        let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::click());
        response.widget_info(|| WidgetInfo::labeled(Role::Button, true, format!("Accept {}: {figure}", look.path)));
        if response.hovered() || response.has_focus() {
            ui.painter().rect_filled(rect.expand2(vec2(6.0, 0.0)), 4, tokens.raised);
        }
        let y = rect.top() + 15.0;
        let mut left = rect.left();
        if with_keys {
            let cap = key.to_uppercase().to_string();
            paint_key_cap(ui, pos2(left, y), &cap, false);
            left += KEY_WIDTH;
        }
        let figure = galley(ui, figure, text.clone(), tokens.text2);
        let room = rect.right() - left - figure.size().x - 10.0;
        paint_left(
            ui.painter(),
            pos2(left, y),
            path_cut(ui, &look.path, text.clone(), tokens.text, room),
        );
        paint_right(ui.painter(), pos2(rect.right(), y), figure);
        let bar = egui::Rect::from_min_max(pos2(left, rect.top() + 30.0), pos2(rect.right(), rect.top() + 36.0));
        paint_bar(ui, bar, probability, look.color);
        if response.on_hover_text(&look.path).clicked() {
            keys::accept_path(desk, label);
        }
    }
}
