//! Figures and how they are written.

use egui::{Role, Sense, Ui, Vec2, WidgetInfo, pos2};

use super::{galley, paint_left};
use crate::ui::theme::{self, Weight, font, size};

/// A figure under its name, with a remark in small print behind it.
pub fn stat(ui: &mut Ui, name: &str, figure: &str, remark: &str) -> egui::Response {
    let tokens = theme::of(ui);
    let head = galley(ui, name, font(size::SMALL, Weight::Regular), tokens.text3);
    let value = galley(ui, figure, font(size::TITLE, Weight::SemiBold), tokens.text);
    let small = galley(ui, remark, font(size::SMALL, Weight::Regular), tokens.text3);
    let gap = if remark.is_empty() { 0.0 } else { 6.0 };
    let width = head.size().x.max(value.size().x + gap + small.size().x);
    let (rect, response) = ui.allocate_exact_size(Vec2::new(width, 46.0), Sense::hover());
    let said = if remark.is_empty() {
        format!("{name}: {figure}")
    } else {
        format!("{name}: {figure} {remark}")
    };
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &said));
    paint_left(ui.painter(), pos2(rect.left(), rect.top() + 8.0), head);
    let x = rect.left() + value.size().x + gap;
    paint_left(ui.painter(), pos2(rect.left(), rect.top() + 32.0), value);
    paint_left(ui.painter(), pos2(x, rect.top() + 35.0), small);
    response
}

/// `0.83`; `–` when undefined.
pub fn prob(value: Option<f64>) -> String {
    value
        .filter(|v| v.is_finite())
        .map_or_else(|| "–".into(), |v| format!("{v:.2}"))
}

/// `.83`, `1.0`, `.00`; `–` when undefined.
pub fn prob_short(value: Option<f64>) -> String {
    match value.filter(|v| v.is_finite()) {
        None => "–".into(),
        Some(v) if v >= 0.995 => "1.0".into(),
        Some(v) => format!("{v:.2}").trim_start_matches('0').into(),
    }
}

/// Three decimals without the leading zero, as losses are written: `.081`, `1.24`, `2e-5`.
pub fn figure3(value: f64) -> String {
    match value {
        v if !v.is_finite() => "–".into(),
        v if v != 0.0 && v.abs() < 0.0005 => format!("{v:.0e}"),
        v if (0.0..0.9995).contains(&v) => format!("{v:.3}").trim_start_matches('0').into(),
        v => format!("{v:.2}"),
    }
}

/// `0:09`, `2:41`, `1:02:10`.
pub fn seconds(secs: f64) -> String {
    let secs = if secs.is_finite() && secs > 0.0 {
        secs.round() as u64
    } else {
        0
    };
    let (hours, minutes, secs) = (secs / 3600, secs / 60 % 60, secs % 60);
    match hours {
        0 => format!("{minutes}:{secs:02}"),
        _ => format!("{hours}:{minutes:02}:{secs:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_written_the_way_people_read_them() {
        for (p, short, long) in [
            (Some(0.834), ".83", "0.83"),
            (Some(0.0), ".00", "0.00"),
            (Some(1.0), "1.0", "1.00"),
            (None, "–", "–"),
            (Some(f64::NAN), "–", "–"),
        ] {
            assert_eq!((prob_short(p).as_str(), prob(p).as_str()), (short, long));
        }
        for (s, expected) in [
            (0.4, "0:00"),
            (9.0, "0:09"),
            (161.0, "2:41"),
            (3730.0, "1:02:10"),
            (f64::NAN, "0:00"),
        ] {
            assert_eq!(seconds(s), expected);
        }
    }
}
