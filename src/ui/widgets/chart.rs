//! Curves: over steps, and one share against another.

use std::borrow::Cow;

use egui::{Color32, Pos2, Rect, Response, Role, Sense, Shape, Stroke, Ui, Vec2, WidgetInfo, pos2};

use super::{galley, paint_left, paint_middle, paint_right};
use crate::ui::theme::{self, Tokens, Weight, font, size};

/// A named curve.
#[derive(Debug, Clone)]
pub struct Series<'a> {
    /// In the legend, with its last value.
    pub name: &'a str,
    /// Of line and legend.
    pub color: Color32,
    /// x ascending.
    pub points: &'a [[f64; 2]],
    /// Drawn with a dot at every point: few of them, each measured.
    pub dots: bool,
}

/// Curves over a shared x axis that starts at zero.
#[must_use = "call `show`"]
pub struct LineChart<'a> {
    /// Read aloud.
    pub name: &'a str,
    /// What to draw.
    pub series: &'a [Series<'a>],
    /// Where the x axis ends, if that is known before the curve gets there.
    pub x_end: Option<f64>,
    /// The unit under the pointer: "step".
    pub x_unit: &'a str,
    /// A place on the x axis worth a line, and what it is: the best step.
    pub mark: Option<(f64, &'a str)>,
    /// Points for the chart.
    pub height: f32,
}

impl LineChart<'_> {
    /// Shows it over the available width; values follow the pointer.
    pub fn show(&self, ui: &mut Ui) -> Response {
        let tokens = theme::of(ui);
        let (rect, response) = ui.allocate_exact_size(Vec2::new(ui.available_width(), self.height), Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(Role::Image, true, self.summary()));
        if !ui.is_rect_visible(rect) {
            return response;
        }
        let finite = || {
            self.series
                .iter()
                .flat_map(|s| s.points)
                .filter(|[x, y]| x.is_finite() && y.is_finite())
        };
        let x_max = self
            .x_end
            .unwrap_or(0.0)
            .max(finite().map(|p| p[0]).fold(0.0, f64::max))
            .max(1.0);
        let y_max = finite().map(|p| p[1]).fold(0.0, f64::max).max(1e-6) * 1.08;
        let plot = Rect::from_min_max(rect.min + egui::vec2(40.0, 8.0), rect.max - egui::vec2(8.0, 24.0));
        let at = |x: f64, y: f64| {
            pos2(
                plot.left() + plot.width() * (x / x_max) as f32,
                plot.bottom() - plot.height() * (y / y_max).clamp(0.0, 1.0) as f32,
            )
        };
        for y in nice_ticks(y_max, (plot.height() / 40.0) as usize) {
            axis_line(ui, tokens, plot, at(0.0, y).y, &tick_text(y, y_max));
        }
        for x in nice_ticks(x_max, (plot.width() / 90.0) as usize) {
            let text = galley(ui, tick_text(x, x_max), font(size::TINY, Weight::Regular), tokens.text3);
            paint_middle(ui.painter(), pos2(at(x, 0.0).x, plot.bottom() + 14.0), text);
        }
        if let Some((x, name)) = self.mark {
            mark_line(ui, tokens, plot, at(x, 0.0).x, name);
        }
        for series in self.series {
            line_ui(ui, series, plot, &at);
        }
        self.legend(ui, plot, tokens);
        if let Some(pointer) = response.hover_pos().filter(|p| plot.contains(*p)) {
            self.readout(ui, plot, x_max, pointer, &at);
        }
        response
    }

    fn summary(&self) -> String {
        let parts: Vec<String> = self
            .series
            .iter()
            .map(|s| match s.points.last() {
                Some([x, y]) => format!("{} {y:.3} at {} {x:.0}", s.name, self.x_unit),
                None => format!("{} empty", s.name),
            })
            .collect();
        format!("{}: {}", self.name, parts.join(", "))
    }

    fn legend(&self, ui: &Ui, plot: Rect, tokens: &Tokens) {
        for (i, series) in self.series.iter().enumerate() {
            let y = plot.top() + 6.0 + 17.0 * i as f32;
            let value = series
                .points
                .last()
                .map_or(String::new(), |p| format!(" {}", short(p[1])));
            let text = galley(
                ui,
                format!("{}{value}", series.name),
                font(size::TINY, Weight::Regular),
                tokens.text2,
            );
            let left = plot.right() - 6.0 - text.size().x;
            paint_left(ui.painter(), pos2(left, y), text);
            let mark = Rect::from_center_size(pos2(left - 12.0, y), Vec2::new(10.0, 3.0));
            ui.painter().rect_filled(mark, 1, series.color);
        }
    }

    fn readout(&self, ui: &Ui, plot: Rect, x_max: f64, pointer: Pos2, at: &dyn Fn(f64, f64) -> Pos2) {
        let tokens = theme::of(ui);
        let x = f64::from((pointer.x - plot.left()) / plot.width()) * x_max;
        for (i, series) in self.series.iter().enumerate() {
            let Some(point) = series
                .points
                .iter()
                .min_by(|a, b| (a[0] - x).abs().total_cmp(&(b[0] - x).abs()))
            else {
                continue;
            };
            let on = at(point[0], point[1]);
            if i == 0 {
                ui.painter().vline(on.x, plot.y_range(), Stroke::new(1.0, tokens.line));
            }
            ui.painter()
                .circle(on, 4.0, series.color, Stroke::new(2.0, tokens.panel));
            let text = format!("{} {:.0}: {}", self.x_unit, point[0], short(point[1]));
            let text = galley(ui, text, font(size::TINY, Weight::Medium), tokens.text);
            match on.x > plot.center().x {
                true => paint_right(ui.painter(), on + egui::vec2(-9.0, -10.0), text),
                false => paint_left(ui.painter(), on + egui::vec2(9.0, -10.0), text),
            }
        }
    }
}

fn line_ui(ui: &Ui, series: &Series, plot: Rect, at: &dyn Fn(f64, f64) -> Pos2) {
    let finite: Vec<[f64; 2]> = series
        .points
        .iter()
        .copied()
        .filter(|p| p[0].is_finite() && p[1].is_finite())
        .collect();
    let points: Vec<Pos2> = thinned(&finite, plot.width() as usize * 2)
        .iter()
        .map(|p| at(p[0], p[1]))
        .collect();
    if series.dots || points.len() == 1 {
        for point in &points {
            ui.painter().circle_filled(*point, 2.5, series.color);
        }
    }
    if points.len() > 1 {
        ui.painter().add(Shape::line(points, Stroke::new(1.8, series.color)));
    }
}

/// An upright dashed line with its name at the foot.
fn mark_line(ui: &Ui, tokens: &Tokens, plot: Rect, x: f32, name: &str) {
    let ends = [pos2(x, plot.top()), pos2(x, plot.bottom())];
    ui.painter()
        .extend(Shape::dashed_line(&ends, Stroke::new(1.0, tokens.good), 4.0, 4.0));
    let text = galley(ui, name, font(size::TINY, Weight::Regular), tokens.good);
    let y = plot.bottom() - 9.0;
    match x > plot.center().x {
        true => paint_right(ui.painter(), pos2(x - 6.0, y), text),
        false => paint_left(ui.painter(), pos2(x + 6.0, y), text),
    }
}

/// At most about `most` points: of each stretch the lowest and the highest, so that a spike stays. x ascending, all finite.
pub(super) fn thinned(points: &[[f64; 2]], most: usize) -> Cow<'_, [[f64; 2]]> {
    if points.len() <= most.max(2) {
        return Cow::Borrowed(points);
    }
    let stretch = (points.len() * 2).div_ceil(most.max(2));
    let ends = points.chunks(stretch).flat_map(|part| {
        let by_height = |a: &&[f64; 2], b: &&[f64; 2]| a[1].total_cmp(&b[1]);
        let ends = part.iter().min_by(by_height).zip(part.iter().max_by(by_height));
        let (low, high) = ends.map_or((part[0], part[0]), |(low, high)| (*low, *high));
        match low[0] <= high[0] {
            true => [low, high],
            false => [high, low],
        }
    });
    Cow::Owned(ends.collect())
}

fn short(value: f64) -> String {
    super::stat::figure3(value)
}

fn axis_line(ui: &Ui, tokens: &Tokens, plot: Rect, y: f32, text: &str) {
    ui.painter()
        .hline(plot.x_range(), y.round() + 0.5, Stroke::new(1.0, tokens.line));
    let text = galley(ui, text, font(size::TINY, Weight::Regular), tokens.text3);
    paint_right(ui.painter(), pos2(plot.left() - 10.0, y), text);
}

fn tick_text(value: f64, max: f64) -> String {
    match max {
        m if m >= 1000.0 => super::thousands(value as usize),
        m if m >= 5.0 => format!("{value:.0}"),
        m if m >= 0.3 => format!("{value:.1}"),
        m if m >= 0.03 => format!("{value:.2}"),
        _ => format!("{value:.0e}"),
    }
}

/// Round values from 0 to at most `max`, about `wanted` of them (at least two steps).
pub fn nice_ticks(max: f64, wanted: usize) -> Vec<f64> {
    if !max.is_finite() || max <= 0.0 {
        return vec![0.0];
    }
    let raw = max / wanted.max(2) as f64;
    let power = 10f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|m| m * power)
        .find(|step| *step >= raw * 0.999)
        .unwrap_or(raw);
    (0..=(max / step + 1e-9).floor() as usize)
        .map(|i| i as f64 * step)
        .collect()
}

/// One share against another, both in 0..=1, with the point a threshold picks: precision and recall, ROC, accuracy by coverage.
#[must_use = "call `show`"]
pub struct ShareCurve<'a> {
    /// Read aloud.
    pub name: &'a str,
    /// What the axes are called.
    pub axes: [&'a str; 2],
    /// (x, y), x descending or ascending.
    pub points: &'a [[f64; 2]],
    /// (x, y) at the threshold; either may be undefined.
    pub chosen: (Option<f64>, Option<f64>),
    /// With the line that chance would give.
    pub diagonal: bool,
    /// The label's colour.
    pub color: Color32,
    /// Points for the chart.
    pub height: f32,
}

impl ShareCurve<'_> {
    /// Shows it over the available width.
    pub fn show(&self, ui: &mut Ui) -> Response {
        let tokens = theme::of(ui);
        let (rect, response) = ui.allocate_exact_size(Vec2::new(ui.available_width(), self.height), Sense::hover());
        let [x_name, y_name] = self.axes;
        let (x, y) = self.chosen;
        response.widget_info(|| {
            let said = format!(
                "{}: {y_name} {}, {x_name} {}",
                self.name,
                super::prob(y),
                super::prob(x)
            );
            WidgetInfo::labeled(Role::Image, true, said)
        });
        let plot = Rect::from_min_max(rect.min + egui::vec2(32.0, 8.0), rect.max - egui::vec2(10.0, 38.0));
        let at = |x: f64, y: f64| {
            pos2(
                plot.left() + plot.width() * x as f32,
                plot.bottom() - plot.height() * y as f32,
            )
        };
        for value in [0.0, 0.5, 1.0] {
            axis_line(ui, tokens, plot, at(0.0, value).y, &format!("{value:.1}"));
            let text = galley(
                ui,
                format!("{value:.1}"),
                font(size::TINY, Weight::Regular),
                tokens.text3,
            );
            paint_middle(ui.painter(), pos2(at(value, 0.0).x, plot.bottom() + 13.0), text);
        }
        let caption = galley(
            ui,
            format!("{x_name} → {y_name} ↑"),
            font(size::TINY, Weight::Regular),
            tokens.text3,
        );
        paint_middle(ui.painter(), pos2(plot.center().x, plot.bottom() + 30.0), caption);
        if self.diagonal {
            let ends = [at(0.0, 0.0), at(1.0, 1.0)];
            ui.painter()
                .extend(Shape::dashed_line(&ends, Stroke::new(1.0, tokens.line), 4.0, 4.0));
        }
        let points: Vec<Pos2> = self.points.iter().map(|p| at(p[0], p[1])).collect();
        if points.len() > 1 {
            ui.painter().add(Shape::line(points, Stroke::new(2.0, self.color)));
        }
        if let (Some(x), Some(y)) = self.chosen {
            ui.painter()
                .circle(at(x, y), 6.0, tokens.accent, Stroke::new(2.0, tokens.panel));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thinned_curve_keeps_its_order_and_its_spikes() {
        let mut points: Vec<[f64; 2]> = (0..10_000).map(|i| [f64::from(i), 1.0]).collect();
        points[5_003][1] = 9.0;
        points[7_001][1] = -2.0;
        let thin = thinned(&points, 400);
        assert!(thin.len() <= 402, "{}", thin.len());
        assert!(thin.contains(&[5_003.0, 9.0]) && thin.contains(&[7_001.0, -2.0]));
        assert!(thin.windows(2).all(|pair| pair[0][0] <= pair[1][0]));
        assert_eq!(thinned(&points[..10], 400).len(), 10);
    }

    #[test]
    fn ticks_are_round_and_stay_inside() {
        for (max, wanted, expected) in [
            (0.33, 3, vec![0.0, 0.2]),
            (60.0, 6, vec![0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0]),
            (1.0, 2, vec![0.0, 0.5, 1.0]),
            (f64::NAN, 3, vec![0.0]),
        ] {
            let ticks = nice_ticks(max, wanted);
            assert_eq!(ticks.len(), expected.len(), "{max}: {ticks:?}");
            for (tick, expected) in ticks.iter().zip(&expected) {
                assert!((tick - expected).abs() < 1e-9, "{max}: {ticks:?}");
            }
        }
    }
}
