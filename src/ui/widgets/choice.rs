//! A card that is one of several choices.

use egui::{Response, Role, Sense, Stroke, StrokeKind, Ui, Vec2, WidgetInfo, vec2};

use super::{galley, galley_cut, galley_wrapped, paint_left, paint_right};
use crate::ui::theme::{self, CARD_RADIUS, Weight, font, size};

/// A choice with a title, a word at its right ("recommended") and a sentence, over the available width.
pub fn choice_card(ui: &mut Ui, title: &str, badge: &str, text: &str, chosen: bool) -> Response {
    let tokens = theme::of(ui);
    let width = ui.available_width();
    let padding = vec2(14.0, 10.0);
    let small = font(size::SMALL, Weight::Regular);
    let body = galley_wrapped(ui, text, small, tokens.text2, width - padding.x * 2.0, 17.0);
    let height = padding.y * 2.0 + 20.0 + body.size().y;
    let (rect, response) = ui.allocate_exact_size(Vec2::new(width, height), Sense::click());
    let name = if badge.is_empty() {
        title.to_owned()
    } else {
        format!("{title}, {badge}")
    };
    response.widget_info(|| WidgetInfo::selected(Role::RadioButton, true, chosen, &name));
    if !ui.is_rect_visible(rect) {
        return response;
    }
    let (fill, line) = match chosen {
        true => (theme::mix(tokens.panel, tokens.accent, 0.10), tokens.accent),
        false if response.hovered() => (tokens.raised, tokens.line),
        false => (tokens.panel, tokens.line),
    };
    ui.painter()
        .rect(rect, CARD_RADIUS, fill, Stroke::new(1.0, line), StrokeKind::Inside);
    super::button::focus_ring(ui, rect, &response);
    let inner = rect.shrink2(padding);
    let middle = inner.top() + 9.0;
    let badge = galley(ui, badge, font(11.5, Weight::Medium), tokens.accent);
    let room = inner.width() - badge.size().x - 8.0;
    let title = galley_cut(ui, title, font(size::BASE, Weight::SemiBold), tokens.text, room);
    paint_left(ui.painter(), egui::pos2(inner.left(), middle), title);
    paint_right(ui.painter(), egui::pos2(inner.right(), middle), badge);
    ui.painter()
        .galley(inner.left_top() + vec2(0.0, 20.0), body, tokens.text2);
    response
}
