//! One of several in a list: a circle, alone or with a title, what stands below it and a figure.

use egui::{Rect, Response, Role, Sense, Stroke, Ui, Vec2, WidgetInfo, pos2};

use super::{galley, galley_cut, paint_left, paint_right};
use crate::ui::theme::{self, Weight, font, size, space};

/// Only the circle; `name` is its accessible name.
pub fn radio(ui: &mut Ui, name: &str, chosen: bool) -> Response {
    let (rect, response) = ui.allocate_exact_size(Vec2::new(18.0, space::CONTROL), Sense::click());
    let enabled = ui.is_enabled();
    response.widget_info(|| WidgetInfo::selected(Role::RadioButton, enabled, chosen, name));
    circle(ui, rect, &response, chosen);
    response
}

/// A choice over the available width: title, what stands below it, a figure at the right.
pub fn radio_row(ui: &mut Ui, title: &str, below: &str, figure: &str, chosen: bool) -> Response {
    let tokens = theme::of(ui);
    let (rect, response) = ui.allocate_exact_size(Vec2::new(ui.available_width(), 42.0), Sense::click());
    let enabled = ui.is_enabled();
    let name = [title, below, figure].into_iter().filter(|part| !part.is_empty());
    let name = name.collect::<Vec<_>>().join(", ");
    response.widget_info(|| WidgetInfo::selected(Role::RadioButton, enabled, chosen, &name));
    if !ui.is_rect_visible(rect) {
        return response;
    }
    if response.hovered() {
        ui.painter()
            .rect_filled(rect.expand2(Vec2::new(6.0, 0.0)), 6, tokens.raised);
    }
    let dot = Rect::from_min_size(rect.min, Vec2::new(18.0, rect.height()));
    circle(ui, dot, &response, chosen);
    let small = font(size::SMALL, Weight::Regular);
    let figure = galley(ui, figure, small.clone(), tokens.text3);
    let left = rect.left() + 24.0;
    let room = rect.right() - left;
    let weight = if chosen { Weight::Medium } else { Weight::Regular };
    let title_room = room - figure.size().x - 8.0;
    let title = galley_cut(ui, title, font(size::BASE, weight), tokens.text, title_room);
    let below = galley_cut(ui, below, small, tokens.text3, title_room);
    paint_left(ui.painter(), pos2(left, rect.top() + 13.0), title);
    paint_left(ui.painter(), pos2(left, rect.top() + 30.0), below);
    paint_right(ui.painter(), rect.right_center(), figure);
    response
}

fn circle(ui: &Ui, rect: Rect, response: &Response, chosen: bool) {
    let tokens = theme::of(ui);
    let at = pos2(rect.left() + 7.0, rect.center().y);
    let (width, color) = if chosen {
        (4.0, tokens.accent)
    } else {
        (1.5, tokens.text3)
    };
    ui.painter()
        .circle_stroke(at, 7.0 - width / 2.0, Stroke::new(width, color));
    super::button::focus_ring(ui, Rect::from_center_size(at, Vec2::splat(18.0)), response);
}
