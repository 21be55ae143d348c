//! Cutting a screen into rectangles. Screens have fixed side columns and one that takes the rest.

use egui::{Rect, Ui, UiBuilder, Vec2, emath::GuiRounding as _};

use crate::ui::theme::space;

/// The screen's area with its margin, all of it taken from `ui`.
pub fn screen_rect(ui: &mut Ui) -> Rect {
    let margin = if ui.available_width() < 700.0 {
        space::S
    } else {
        space::L
    };
    let rect = ui.available_rect_before_wrap();
    ui.advance_cursor_after_rect(rect);
    rect.shrink(margin).round_ui()
}

/// `height` from the top, and what is below a gap.
pub fn split_top(rect: Rect, height: f32, gap: f32) -> (Rect, Rect) {
    let height = height.min(rect.height());
    let (top, rest) = rect.split_top_bottom_at_y(rect.top() + height);
    (top, cut_min(rest, Vec2::new(0.0, gap)))
}

/// `width` from the left (at most 45 % of the whole), and what is beyond a gap.
pub fn split_left(rect: Rect, width: f32, gap: f32) -> (Rect, Rect) {
    let width = width.min(rect.width() * 0.45).round();
    let (left, rest) = rect.split_left_right_at_x(rect.left() + width);
    (left, cut_min(rest, Vec2::new(gap, 0.0)))
}

/// What is left of a gap, and `width` from the right (at most 45 % of the whole).
pub fn split_right(rect: Rect, width: f32, gap: f32) -> (Rect, Rect) {
    let width = width.min(rect.width() * 0.45).round();
    let (rest, right) = rect.split_left_right_at_x(rect.right() - width);
    (
        Rect::from_min_max(
            rest.min,
            egui::pos2((rest.right() - gap).max(rest.left()), rest.bottom()),
        ),
        right,
    )
}

fn cut_min(rect: Rect, by: Vec2) -> Rect {
    let min = rect.min + by;
    Rect::from_min_max(min.min(rect.max), rect.max)
}

/// `n` columns of equal width.
pub fn columns(rect: Rect, n: usize, gap: f32) -> Vec<Rect> {
    let width = ((rect.width() - gap * (n.max(1) - 1) as f32) / n.max(1) as f32).max(0.0);
    (0..n)
        .map(|i| {
            let left = rect.left() + (width + gap) * i as f32;
            Rect::from_min_size(egui::pos2(left, rect.top()), Vec2::new(width, rect.height())).round_ui()
        })
        .collect()
}

/// Rows of fixed `height` from the top down, as many as asked for.
pub fn rows(rect: Rect, n: usize, height: f32) -> impl Iterator<Item = Rect> {
    (0..n).map(move |i| {
        let top = rect.top() + height * i as f32;
        Rect::from_min_size(egui::pos2(rect.left(), top), Vec2::new(rect.width(), height))
    })
}

/// Runs `add` in a child that fills `rect` and is clipped to it.
pub fn in_rect<R>(ui: &mut Ui, salt: &str, rect: Rect, add: impl FnOnce(&mut Ui) -> R) -> R {
    let mut child = ui.new_child(UiBuilder::new().id_salt(salt).max_rect(rect));
    child.shrink_clip_rect(rect);
    add(&mut child)
}
