//! Histograms: of anything, and of scores with a threshold to drag.

use egui::{
    Color32, CursorIcon, EventFilter, Key, Rect, Response, Role, Sense, Stroke, Ui, Vec2, WidgetInfo, accesskit, pos2,
};

use super::{galley, paint_left, paint_middle, paint_right};
use crate::ui::theme::{self, Weight, font, size};

/// Scores of a label's negatives and positives with the line between yes and no.
#[must_use = "call `show`"]
pub struct ThresholdHistogram<'a> {
    /// Read aloud: "billing threshold".
    pub name: &'a str,
    /// Counts per bin over 0..=1 of texts without the label.
    pub negatives: &'a [usize],
    /// Counts per bin over 0..=1 of texts with the label.
    pub positives: &'a [usize],
    /// The label's colour.
    pub color: Color32,
    /// Where the best threshold falls in resamples, where known.
    pub band: Option<(f64, f64)>,
    /// The line cannot be moved.
    pub read_only: bool,
    /// Points in all, the line's handle and figure included.
    pub size: Vec2,
}

impl ThresholdHistogram<'_> {
    /// Shows it. `changed` while the line moves; `drag_stopped` or a key when a move is complete.
    pub fn show(self, ui: &mut Ui, threshold: &mut f64) -> Response {
        let sense = if self.read_only {
            Sense::hover()
        } else {
            Sense::click_and_drag()
        };
        let (rect, mut response) = ui.allocate_exact_size(self.size, sense);
        let bars = Rect::from_min_max(
            rect.min + egui::vec2(7.0, 0.0),
            pos2(rect.right() - 7.0, rect.bottom() - 22.0),
        );
        let before = *threshold;
        if !self.read_only {
            *threshold = moved(ui, &response, bars, before);
        }
        if *threshold != before {
            response.mark_changed();
        }
        let (value, enabled) = (*threshold, !self.read_only);
        response.widget_info(|| WidgetInfo::slider(enabled, value, self.name));
        ui.ctx().accesskit_node_builder(response.id, |node| {
            node.set_min_numeric_value(0.0);
            node.set_max_numeric_value(1.0);
            node.set_numeric_value_step(0.01);
            node.add_action(accesskit::Action::Increment);
            node.add_action(accesskit::Action::Decrement);
        });
        if ui.is_rect_visible(rect) {
            self.paint(ui, bars, value, &response);
        }
        match self.read_only {
            true => response,
            false => response.on_hover_cursor(CursorIcon::ResizeHorizontal),
        }
    }

    fn paint(&self, ui: &Ui, bars: Rect, threshold: f64, response: &Response) {
        let tokens = theme::of(ui);
        // Square roots: one tall bin of easy negatives must not flatten everything that matters.
        let most = self
            .negatives
            .iter()
            .chain(self.positives)
            .copied()
            .max()
            .unwrap_or(0)
            .max(1) as f32;
        let scale = |count: usize| (count as f32 / most).sqrt();
        paint_bins(
            ui,
            bars,
            self.negatives,
            theme::mix(tokens.panel, tokens.text3, 0.5),
            scale,
        );
        paint_bins(ui, bars, self.positives, self.color.gamma_multiply(0.88), scale);
        ui.painter()
            .hline(bars.x_range(), bars.bottom(), Stroke::new(1.0, tokens.line));
        let at = |value: f64| bars.left() + bars.width() * value.clamp(0.0, 1.0) as f32;
        if let Some((low, high)) = self.band {
            let band = Rect::from_x_y_ranges(at(low)..=at(high).max(at(low) + 1.0), bars.y_range());
            ui.painter().rect_filled(band, 0, tokens.accent.gamma_multiply(0.16));
        }
        let x = at(threshold);
        let active = response.has_focus() || response.dragged() || response.hovered();
        ui.painter()
            .vline(x, bars.top()..=bars.bottom() + 6.0, Stroke::new(2.0, tokens.accent));
        ui.painter().circle_filled(
            pos2(x, bars.bottom() + 9.0),
            if active { 7.0 } else { 6.0 },
            tokens.accent,
        );
        if response.has_focus() {
            ui.painter()
                .circle_stroke(pos2(x, bars.bottom() + 9.0), 9.0, Stroke::new(1.5, tokens.accent));
        }
        let figure = galley(
            ui,
            format!("{threshold:.2}"),
            font(size::TINY, Weight::Regular),
            tokens.text,
        );
        match x > bars.right() - 44.0 {
            true => paint_right(ui.painter(), pos2(x - 11.0, bars.bottom() + 14.0), figure),
            false => paint_left(ui.painter(), pos2(x + 11.0, bars.bottom() + 14.0), figure),
        }
    }
}

/// Where the pointer, the arrow keys (0.01, with Shift 0.05) or a screen reader moved the line.
fn moved(ui: &Ui, response: &Response, bars: Rect, before: f64) -> f64 {
    let mut value = before;
    if response.clicked() || response.dragged() {
        response.request_focus();
        if let Some(at) = response.interact_pointer_pos() {
            value = (f64::from((at.x - bars.left()) / bars.width().max(1.0)) * 100.0).round() / 100.0;
        }
    }
    if response.has_focus() {
        let filter = EventFilter {
            horizontal_arrows: true,
            ..EventFilter::default()
        };
        ui.memory_mut(|memory| memory.set_focus_lock_filter(response.id, filter));
        ui.input(|input| {
            let step = if input.modifiers.shift { 0.05 } else { 0.01 };
            value += step * (input.num_presses(Key::ArrowRight) as f64 - input.num_presses(Key::ArrowLeft) as f64);
        });
    }
    ui.input(|input| {
        let more = input.num_accesskit_action_requests(response.id, accesskit::Action::Increment);
        let fewer = input.num_accesskit_action_requests(response.id, accesskit::Action::Decrement);
        value += 0.01 * (more as f64 - fewer as f64);
    });
    if value == before {
        return before;
    }
    ((value * 100.0).round() / 100.0).clamp(0.0, 1.0)
}

fn paint_bins(ui: &Ui, bars: Rect, counts: &[usize], color: Color32, scale: impl Fn(usize) -> f32) {
    let step = bars.width() / counts.len().max(1) as f32;
    let gap = if step >= 6.0 { 2.0 } else { (step * 0.2).min(1.0) };
    for (i, &count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        let height = (bars.height() * scale(count)).max(2.0);
        let left = bars.left() + step * i as f32;
        let bar = Rect::from_min_max(
            pos2(left, bars.bottom() - height),
            pos2(left + step - gap, bars.bottom()),
        );
        ui.painter().rect_filled(bar, 1, color);
    }
}

/// A histogram to look at.
#[derive(Debug, Clone)]
pub struct SimpleHistogram<'a> {
    /// Read aloud.
    pub name: &'a str,
    /// Counts per bin.
    pub counts: &'a [usize],
    /// Under the left edge.
    pub first: &'a str,
    /// Under the middle.
    pub middle: &'a str,
    /// Under the right edge.
    pub last: &'a str,
    /// Points for the bars, without the labels below.
    pub height: f32,
}

/// Shows a [`SimpleHistogram`] over the available width.
pub fn simple_histogram(ui: &mut Ui, histogram: &SimpleHistogram) -> Response {
    let tokens = theme::of(ui);
    let (rect, response) =
        ui.allocate_exact_size(Vec2::new(ui.available_width(), histogram.height + 18.0), Sense::hover());
    let total: usize = histogram.counts.iter().sum();
    response.widget_info(|| {
        let said = format!(
            "{}: {total}, from {} to {}",
            histogram.name, histogram.first, histogram.last
        );
        WidgetInfo::labeled(Role::Image, true, said)
    });
    let bars = Rect::from_min_size(rect.min, Vec2::new(rect.width(), histogram.height));
    let most = histogram.counts.iter().copied().max().unwrap_or(0).max(1) as f32;
    paint_bins(ui, bars, histogram.counts, tokens.accent.gamma_multiply(0.8), |count| {
        count as f32 / most
    });
    ui.painter()
        .hline(bars.x_range(), bars.bottom(), Stroke::new(1.0, tokens.line));
    let y = rect.bottom() - 7.0;
    let text = |text: &str| galley(ui, text, font(size::TINY, Weight::Regular), tokens.text3);
    paint_left(ui.painter(), pos2(rect.left(), y), text(histogram.first));
    paint_middle(ui.painter(), pos2(rect.center().x, y), text(histogram.middle));
    paint_right(ui.painter(), pos2(rect.right(), y), text(histogram.last));
    response
}
