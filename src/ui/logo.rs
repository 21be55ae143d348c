//! The logo: two squares, one above the other's shoulder.

use egui::{Color32, IconData, Pos2, Rect, Ui, vec2};

/// Paints the logo with its middle at `at`, `height` points high.
pub fn paint(ui: &Ui, at: Pos2, height: f32, color: Color32) {
    let side = vec2(height / 3.0, height / 2.0);
    ui.painter().rect_filled(Rect::from_min_size(at - side, side), 0, color);
    ui.painter().rect_filled(Rect::from_min_size(at, side), 0, color);
}

/// The logo for title bars and task switchers: the accent on nothing.
pub fn window_icon() -> IconData {
    const SIDE: usize = 64;
    let [r, g, b, _] = super::theme::DARK.accent.to_array();
    let mut rgba = vec![0; SIDE * SIDE * 4];
    for (i, pixel) in rgba.as_chunks_mut::<4>().0.iter_mut().enumerate() {
        let (x, y) = (i % SIDE, i / SIDE);
        let first = (12..32).contains(&x) && (2..32).contains(&y);
        let second = (32..52).contains(&x) && (32..62).contains(&y);
        if first || second {
            *pixel = [r, g, b, 255];
        }
    }
    IconData {
        rgba,
        width: SIDE as u32,
        height: SIDE as u32,
    }
}
