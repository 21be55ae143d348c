//! A small curve with its name and its figure: several of them, one under the other, share an x axis nobody needs to read twice.

use egui::{Color32, Pos2, Rect, Response, Role, Sense, Shape, Stroke, Ui, Vec2, WidgetInfo, pos2};

use super::chart::thinned;
use super::{figure3, galley, galley_cut, paint_left, paint_right};
use crate::ui::theme::{self, Weight, font, size};

/// Points for the name and figure above the plot.
const HEAD: f32 = 18.0;

/// Points for the figures at the left of the plot.
const AXIS: f32 = 40.0;

/// A small curve.
#[must_use = "call `show`"]
pub struct SmallChart<'a> {
    /// Above it at the left, and its accessible name.
    pub name: &'a str,
    /// What is drawn, x ascending.
    pub points: &'a [[f64; 2]],
    /// Of the line.
    pub color: Color32,
    /// A point to mark: the best one.
    pub mark: Option<[f64; 2]>,
    /// Where the x axis ends at least.
    pub x_end: f64,
    /// The y axis begins at zero, rather than at the smallest value.
    pub from_zero: bool,
    /// Points for all of it.
    pub height: f32,
}

impl SmallChart<'_> {
    /// Shows it over the available width; the figure is the last value, or the one under the pointer.
    pub fn show(&self, ui: &mut Ui) -> Response {
        let tokens = theme::of(ui);
        let (rect, response) = ui.allocate_exact_size(Vec2::new(ui.available_width(), self.height), Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(Role::Image, true, self.summary()));
        let finite: Vec<[f64; 2]> = self.points.iter().copied().filter(is_finite).collect();
        let Some(last) = finite.last().copied().filter(|_| ui.is_rect_visible(rect)) else {
            return response;
        };
        let (low, high) = self.span(&finite);
        let x_max = self.x_end.max(last[0]).max(1.0);
        let plot = Rect::from_min_max(rect.min + egui::vec2(AXIS, HEAD + 9.0), rect.max - egui::vec2(6.0, 6.0));
        let at = |[x, y]: [f64; 2]| {
            let (x, y) = (x / x_max, ((y - low) / (high - low)).clamp(0.0, 1.0));
            pos2(
                plot.left() + plot.width() * x as f32,
                plot.bottom() - plot.height() * y as f32,
            )
        };
        for value in [low, high] {
            let y = at([0.0, value]).y;
            ui.painter()
                .hline(plot.x_range(), y.round() + 0.5, Stroke::new(1.0, tokens.line));
            let text = galley(ui, written(value), font(size::TINY, Weight::Regular), tokens.text3);
            paint_right(ui.painter(), pos2(plot.left() - 8.0, y), text);
        }
        let line: Vec<Pos2> = thinned(&finite, plot.width() as usize * 2)
            .iter()
            .map(|point| at(*point))
            .collect();
        match line.as_slice() {
            [one] => {
                ui.painter().circle_filled(*one, 2.5, self.color);
            }
            _ => {
                ui.painter().add(Shape::line(line, Stroke::new(1.5, self.color)));
            }
        }
        if let Some(mark) = self.mark {
            ui.painter()
                .circle(at(mark), 4.0, tokens.good, Stroke::new(2.0, tokens.panel));
        }
        let pointed = response.hover_pos().and_then(|pointer| {
            let x = f64::from((pointer.x - plot.left()) / plot.width()) * x_max;
            finite
                .iter()
                .copied()
                .min_by(|a, b| (a[0] - x).abs().total_cmp(&(b[0] - x).abs()))
        });
        if let Some(point) = pointed {
            ui.painter()
                .circle(at(point), 3.5, self.color, Stroke::new(2.0, tokens.panel));
        }
        self.head_ui(ui, rect, last, pointed);
        response
    }

    fn head_ui(&self, ui: &Ui, rect: Rect, last: [f64; 2], pointed: Option<[f64; 2]>) {
        let tokens = theme::of(ui);
        let figure = match pointed {
            Some([x, y]) => format!("step {x:.0}: {}", written(y)),
            None => written(last[1]),
        };
        let figure = galley(ui, figure, font(size::SMALL, Weight::Medium), tokens.text);
        let room = rect.width() - figure.size().x - 14.0;
        let name = galley_cut(ui, self.name, font(size::SMALL, Weight::Regular), tokens.text2, room);
        let y = rect.top() + HEAD / 2.0;
        paint_left(ui.painter(), pos2(rect.left(), y), name);
        paint_right(ui.painter(), pos2(rect.right() - 6.0, y), figure);
    }

    /// The ends of the y axis, never the same.
    fn span(&self, finite: &[[f64; 2]]) -> (f64, f64) {
        let low = finite.iter().map(|p| p[1]).fold(f64::INFINITY, f64::min);
        let high = finite.iter().map(|p| p[1]).fold(f64::NEG_INFINITY, f64::max);
        let low = if self.from_zero { low.min(0.0) } else { low };
        match high - low > 1e-12 {
            true => (low, high),
            false => (low - (low.abs() * 0.1).max(1e-9), low + (low.abs() * 0.1).max(1e-9)),
        }
    }

    fn summary(&self) -> String {
        match (self.points.last(), self.mark) {
            (None, _) => format!("{}: empty", self.name),
            (Some([x, y]), None) => format!("{}: {y:.3e} at step {x:.0}", self.name),
            (Some([x, y]), Some([best_x, best])) => {
                format!(
                    "{}: {y:.3} at step {x:.0}, best {best:.3} at step {best_x:.0}",
                    self.name
                )
            }
        }
    }
}

/// `0`, else as a loss is written.
fn written(value: f64) -> String {
    if value == 0.0 { "0".to_owned() } else { figure3(value) }
}

fn is_finite(point: &[f64; 2]) -> bool {
    point.iter().all(|value| value.is_finite())
}
