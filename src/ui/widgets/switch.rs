//! On or off.

use egui::{Color32, Rect, Response, Role, Sense, Stroke, StrokeKind, Ui, Vec2, WidgetInfo, pos2};

use crate::ui::theme;

/// A switch without a text of its own; `name` is its accessible name. `changed` of the response tells that it was flipped.
pub fn switch(ui: &mut Ui, name: &str, on: &mut bool) -> Response {
    let tokens = theme::of(ui);
    let (rect, mut response) = ui.allocate_exact_size(Vec2::new(34.0, 20.0), Sense::click());
    if response.clicked() {
        *on = !*on;
        response.mark_changed();
    }
    let (enabled, checked) = (ui.is_enabled(), *on);
    response.widget_info(|| WidgetInfo::selected(Role::Switch, enabled, checked, name));
    let how_on = ui.ctx().animate_bool_responsive(response.id, *on);
    let off = if response.hovered() {
        tokens.track
    } else {
        tokens.raised
    };
    let fill = theme::mix(off, tokens.accent_fill, how_on);
    let line = theme::mix(tokens.text3, tokens.accent_fill, how_on);
    let radius = rect.height() / 2.0;
    ui.painter()
        .rect(rect, radius, fill, Stroke::new(1.0, line), StrokeKind::Inside);
    let x = egui::lerp((rect.left() + radius)..=(rect.right() - radius), how_on);
    let knob = theme::mix(tokens.text3, Color32::WHITE, how_on);
    ui.painter().circle_filled(pos2(x, rect.center().y), radius - 4.5, knob);
    super::button::focus_ring(ui, Rect::from_center_size(rect.center(), rect.size()), &response);
    response
}
