//! Bars: a share of something, alone or in a row with its name and figure.

use egui::{Color32, Rect, Response, Role, Sense, Ui, Vec2, WidgetInfo, pos2};

use super::{galley, galley_cut, paint_left, paint_right};
use crate::ui::theme::{self, Weight, font, size as points};

/// Paints a bar that fills `rect`: its track, and `share` (0..=1) of it in `color`.
pub fn paint_bar(ui: &Ui, rect: Rect, share: f32, color: Color32) {
    let radius = rect.height() / 2.0;
    ui.painter().rect_filled(rect, radius, theme::of(ui).track);
    let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
    if share > 0.0 {
        let width = (rect.width() * share).max(rect.height().min(rect.width()));
        ui.painter().rect_filled(
            Rect::from_min_size(rect.min, Vec2::new(width, rect.height())),
            radius,
            color,
        );
    }
}

/// A thin bar of `width` points; `name` says what it measures.
pub fn progress_bar(ui: &mut Ui, name: &str, share: f32, width: f32, height: f32) -> Response {
    let tokens = theme::of(ui);
    let (rect, response) = ui.allocate_exact_size(Vec2::new(width, height.max(8.0)), Sense::hover());
    paint_bar(
        ui,
        Rect::from_center_size(rect.center(), Vec2::new(width, height)),
        share,
        tokens.accent,
    );
    response.widget_info(|| {
        let mut info = WidgetInfo::labeled(Role::ProgressIndicator, true, name);
        info.value = Some(f64::from(share));
        info
    });
    response
}

/// A row: name, bar, figure.
#[derive(Debug, Clone)]
pub struct BarRow<'a> {
    /// What is measured.
    pub name: &'a str,
    /// Points for the name.
    pub name_width: f32,
    /// How much of the bar is filled, 0..=1.
    pub share: f32,
    /// The bar's colour.
    pub color: Color32,
    /// The figure as it is shown.
    pub figure: &'a str,
    /// Points for the figure.
    pub figure_width: f32,
    /// Points for the row.
    pub height: f32,
}

/// Shows a [`BarRow`] over the available width; it can be clicked.
pub fn bar_row(ui: &mut Ui, row: &BarRow) -> Response {
    let tokens = theme::of(ui);
    let size = Vec2::new(ui.available_width(), row.height);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, format!("{}: {}", row.name, row.figure)));
    if !ui.is_rect_visible(rect) {
        return response;
    }
    if response.hovered() || response.has_focus() {
        ui.painter()
            .rect_filled(rect.expand2(Vec2::new(6.0, 0.0)), 4, tokens.raised);
    }
    let text = font(points::BASE, Weight::Regular);
    let name_width = row.name_width.min(rect.width() * 0.5);
    paint_left(
        ui.painter(),
        rect.left_center(),
        galley_cut(ui, row.name, text.clone(), tokens.text, name_width),
    );
    paint_right(
        ui.painter(),
        rect.right_center(),
        galley(ui, row.figure, text, tokens.text2),
    );
    let (left, right) = (rect.left() + name_width + 8.0, rect.right() - row.figure_width - 8.0);
    if right > left {
        let y = rect.center().y;
        paint_bar(
            ui,
            Rect::from_min_max(pos2(left, y - 3.0), pos2(right, y + 3.0)),
            row.share,
            row.color,
        );
    }
    response
}
