//! Two runs side by side: what differs in how they were trained, and in what came out.

use egui::{Color32, Context, Rect, Role, ScrollArea, Sense, Ui, Vec2, WidgetInfo, pos2};

use super::charts::Curves;
use super::facts;
use super::outcome::method_title;
use super::{chosen_run, runs};
use crate::core::metrics::METRICS;
use crate::core::{Run, RunId};
use crate::ui::{
    desk::{Act, Desk},
    sheets::SheetState,
    theme::{self, Tokens, Weight, font, size},
    widgets::{LineChart, Series, Sheet, figure3, galley_cut, paint_left, paint_right, seconds, thousands, wrapped},
};

/// The figures that are compared, by their ids, in this order; Evaluate has the others.
const RESULTS: [&str; 10] = [
    "macro_f1",
    "micro_f1",
    "accuracy",
    "subset_accuracy",
    "balanced_accuracy",
    "hamming_loss",
    "macro_precision",
    "macro_recall",
    "macro_average_precision",
    "log_loss",
];

/// Points for a line of the table.
const LINE: f32 = 24.0;

/// The two runs to compare: both marked ones, else the marked one and the chosen one, else the chosen one and the one before it.
pub(super) fn pair(desk: &Desk) -> Option<(RunId, RunId)> {
    let project = desk.project()?;
    let marked: Vec<RunId> = desk
        .memory
        .train
        .marked
        .iter()
        .copied()
        .filter(|id| project.state.run(*id).is_some())
        .collect();
    let chosen = chosen_run(desk, project)?.id;
    let (a, b) = match *marked.as_slice() {
        [a, b] => (a, b),
        [a] if a != chosen => (a, chosen),
        _ => {
            let runs = &project.state.runs;
            let at = runs.iter().position(|run| run.id == chosen)?;
            let other = at.checked_sub(1).or((runs.len() > 1).then_some(1))?;
            (runs.get(other)?.id, chosen)
        }
    };
    // The older one first, so that differences read as what the newer one has gained.
    Some((a.min(b), a.max(b)))
}

/// Shows the comparison, where there are two runs.
pub(super) fn open(desk: &mut Desk) {
    if let Some((a, b)) = pair(desk) {
        desk.act(Act::Show(SheetState::Compare(a, b)));
    }
}

/// Shows the sheet; true when it should close.
pub fn show(ctx: &Context, desk: &mut Desk, a: RunId, b: RunId) -> bool {
    let Some(project) = desk.project() else { return true };
    let (Some(a), Some(b)) = (project.state.run(a), project.state.run(b)) else {
        return true;
    };
    let sheet = Sheet {
        title: "Two runs compared",
        width: 860.0,
    };
    sheet.show(ctx, |ui| {
        let height = (ui.ctx().content_rect().height() - 160.0).max(200.0);
        ScrollArea::vertical()
            .max_height(height)
            .auto_shrink([false, true])
            .show(ui, |ui| {
                ui.spacing_mut().item_spacing.y = 0.0;
                remarks_ui(ui, a, b);
                losses_ui(ui, a, b);
                let table = Lines::new(ui);
                table.head_ui(ui, a, b);
                table.section_ui(ui, "Results");
                for line in results(a, b) {
                    table.line_ui(ui, &line);
                }
                table.section_ui(ui, "What was done differently");
                let lines = differences(a, b);
                if lines.is_empty() {
                    let tokens = theme::of(ui);
                    wrapped(
                        ui,
                        "Nothing: both were trained alike.",
                        font(size::BASE, Weight::Regular),
                        tokens.text2,
                    );
                }
                for line in lines {
                    table.line_ui(ui, &line);
                }
            });
    })
}

/// The colours of the two runs' curves and names.
fn colors(tokens: &Tokens) -> [Color32; 2] {
    [tokens.accent, tokens.wrong]
}

/// What keeps the figures from being compared.
fn remarks_ui(ui: &mut Ui, a: &Run, b: &Run) {
    let tokens = theme::of(ui);
    let texts = |run: &Run| (run.scored_on, run.n_validation, run.n_test);
    if a.scored_on.is_some() && b.scored_on.is_some() && texts(a) != texts(b) {
        let text = "The two were measured on different texts: read the differences with care.";
        wrapped(ui, text, font(size::SMALL, Weight::Regular), tokens.warning);
        ui.add_space(6.0);
    }
}

/// Both loss curves in one chart, smoothed.
fn losses_ui(ui: &mut Ui, a: &Run, b: &Run) {
    let tokens = theme::of(ui);
    let curves = [a, b].map(|run| Curves::new(Some(run), &run.history, &run.watched));
    let names = [a, b].map(|run| format!("{}, held out", run.name));
    let mut series = Vec::new();
    for ((curves, color), name) in curves.iter().zip(colors(tokens)).zip(&names) {
        let all = [
            (curves.name, color, &curves.smoothed, false),
            (
                name.as_str(),
                theme::mix(tokens.panel, color, 0.6),
                &curves.held_out,
                true,
            ),
        ];
        let drawn = all.into_iter().filter(|(.., points, _)| !points.is_empty());
        series.extend(drawn.map(|(name, color, points, dots)| Series {
            name,
            color,
            points,
            dots,
        }));
    }
    if series.is_empty() {
        return;
    }
    let chart = LineChart {
        name: "Losses of both runs",
        series: &series,
        x_end: None,
        x_unit: "step",
        mark: None,
        height: 170.0,
    };
    chart.show(ui);
    // What `auto` stood for is among the findings.
    let loss = |run: &Run| run.findings.get("loss").or(run.options.get("loss")).cloned();
    if (&a.method, loss(a)) != (&b.method, loss(b)) {
        let text = "The two made different losses small: their shapes can be compared, not their heights.";
        wrapped(ui, text, font(size::SMALL, Weight::Regular), tokens.text3);
    }
    ui.add_space(4.0);
}

/// A line of the table: a name, what each run has, and the difference where there is one.
#[derive(Debug, Clone, PartialEq)]
struct Line {
    name: String,
    values: [String; 2],
    difference: Option<f64>,
    higher_is_better: bool,
}

/// The figures that either run has, with the second minus the first.
fn results(a: &Run, b: &Run) -> Vec<Line> {
    let mut lines = Vec::new();
    for metric in RESULTS
        .iter()
        .filter_map(|id| METRICS.iter().find(|metric| metric.id == *id))
    {
        let both = [a, b].map(|run| run.metrics.get(metric.id).copied());
        if both == [None, None] {
            continue;
        }
        let written = |run: &Run, value: Option<f64>| {
            let interval = runs::interval(run).filter(|_| metric.id == "macro_f1");
            match (value, interval) {
                (None, _) => "–".to_owned(),
                (Some(value), None) => format!("{value:.3}"),
                (Some(value), Some((low, high))) => format!("{value:.3}  ({}–{})", figure3(low), figure3(high)),
            }
        };
        lines.push(Line {
            name: metric.title.to_owned(),
            values: [written(a, both[0]), written(b, both[1])],
            difference: both[0].zip(both[1]).map(|(a, b)| b - a),
            higher_is_better: metric.higher_is_better,
        });
    }
    lines
}

/// What was asked for and with what, where it differs.
fn differences(a: &Run, b: &Run) -> Vec<Line> {
    let both: [Vec<(String, String)>; 2] = [a, b].map(settings);
    let mut names: Vec<&String> = Vec::new();
    for (name, _) in both.iter().flatten() {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let of = |side: usize, name: &str| {
        let found = both[side].iter().find(|(known, _)| known == name);
        found.map_or_else(|| "–".to_owned(), |(_, value)| value.clone())
    };
    let lines = names.into_iter().map(|name| Line {
        name: name.clone(),
        values: [of(0, name), of(1, name)],
        difference: None,
        higher_is_better: true,
    });
    lines.filter(|line| line.values[0] != line.values[1]).collect()
}

/// Everything that was chosen for a run, by the name a person knows it under.
fn settings(run: &Run) -> Vec<(String, String)> {
    let mut settings = vec![
        ("Method".to_owned(), method_title(run).to_owned()),
        ("Encoder".to_owned(), run.encoder.clone()),
        ("Seed".to_owned(), run.seed.to_string()),
        ("Labelled texts".to_owned(), thousands(run.n_train)),
        ("Labels".to_owned(), thousands(run.labels.len())),
        ("Device".to_owned(), run.device.clone()),
        ("Precision".to_owned(), run.precision.clone()),
        ("Time".to_owned(), seconds(run.train_secs)),
    ];
    settings.extend(facts::options(run));
    let findings = run
        .findings
        .iter()
        .map(|(id, value)| (facts::title(id), facts::text(value)));
    settings.extend(findings);
    settings
}

/// The columns of the table.
struct Lines {
    name: f32,
    value: f32,
}

impl Lines {
    fn new(ui: &Ui) -> Self {
        let width = ui.available_width();
        Lines {
            name: (width * 0.3).round(),
            value: (width * 0.27).round(),
        }
    }

    /// The left edge of a run's column.
    fn left(&self, rect: Rect, side: usize) -> f32 {
        rect.left() + self.name + self.value * side as f32
    }

    fn head_ui(&self, ui: &mut Ui, a: &Run, b: &Run) {
        let tokens = theme::of(ui);
        let (rect, _) = ui.allocate_exact_size(Vec2::new(ui.available_width(), 26.0), Sense::hover());
        for ((side, run), color) in [a, b].into_iter().enumerate().zip(colors(tokens)) {
            let left = self.left(rect, side);
            ui.painter()
                .circle_filled(pos2(left + 4.0, rect.center().y), 4.0, color);
            let name = galley_cut(
                ui,
                &run.name,
                font(size::BASE, Weight::SemiBold),
                tokens.text,
                self.value - 24.0,
            );
            paint_left(ui.painter(), pos2(left + 14.0, rect.center().y), name);
        }
        let text = galley_cut(ui, "difference", font(size::SMALL, Weight::Regular), tokens.text3, 90.0);
        paint_right(ui.painter(), rect.right_center() - egui::vec2(10.0, 0.0), text);
    }

    fn section_ui(&self, ui: &mut Ui, name: &str) {
        let tokens = theme::of(ui);
        let (rect, response) = ui.allocate_exact_size(Vec2::new(ui.available_width(), 30.0), Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(Role::Heading, true, name));
        ui.painter()
            .hline(rect.x_range(), rect.top() + 4.5, egui::Stroke::new(1.0, tokens.line));
        let text = galley_cut(
            ui,
            name,
            font(size::SMALL, Weight::SemiBold),
            tokens.text2,
            rect.width(),
        );
        paint_left(ui.painter(), rect.left_center() + egui::vec2(0.0, 4.0), text);
    }

    fn line_ui(&self, ui: &mut Ui, line: &Line) {
        let tokens = theme::of(ui);
        let (rect, response) = ui.allocate_exact_size(Vec2::new(ui.available_width(), LINE), Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(Role::Label, true, line.spoken()));
        if !ui.is_rect_visible(rect) {
            return;
        }
        if response.hovered() {
            ui.painter().rect_filled(rect, 4, tokens.raised);
        }
        let base = font(size::BASE, Weight::Regular);
        let name = galley_cut(ui, &line.name, base.clone(), tokens.text2, self.name - 12.0);
        paint_left(ui.painter(), rect.left_center(), name);
        for (side, value) in line.values.iter().enumerate() {
            let value = galley_cut(ui, value, base.clone(), tokens.text, self.value - 12.0);
            paint_left(ui.painter(), pos2(self.left(rect, side), rect.center().y), value);
        }
        if let Some(difference) = line.difference {
            let color = match line.better(difference) {
                None => tokens.text3,
                Some(true) => tokens.good,
                Some(false) => tokens.error,
            };
            let text = galley_cut(ui, &signed(difference), font(size::BASE, Weight::Medium), color, 90.0);
            paint_right(ui.painter(), rect.right_center() - egui::vec2(10.0, 0.0), text);
        }
    }
}

impl Line {
    /// Whether the second run is better; `None` where the difference is too small to write.
    fn better(&self, difference: f64) -> Option<bool> {
        (difference.abs() >= 0.0005).then_some((difference > 0.0) == self.higher_is_better)
    }

    fn spoken(&self) -> String {
        let [a, b] = &self.values;
        match self.difference {
            Some(difference) => format!("{}: {a} and {b}, difference {}", self.name, signed(difference)),
            None => format!("{}: {a} and {b}", self.name),
        }
    }
}

/// `+0.038`, `−0.002`, `0`.
fn signed(difference: f64) -> String {
    match difference {
        d if d.abs() < 0.0005 => "0".to_owned(),
        d if d < 0.0 => format!("−{:.3}", -d),
        d => format!("+{d:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_good_where_it_goes_the_metric_s_way() {
        let line = |higher_is_better| Line {
            name: "F1".to_owned(),
            values: ["0.7".to_owned(), "0.8".to_owned()],
            difference: Some(0.1),
            higher_is_better,
        };
        assert_eq!(line(true).better(0.1), Some(true));
        assert_eq!(line(false).better(0.1), Some(false));
        assert_eq!(line(true).better(0.0001), None);
        assert_eq!(
            [signed(0.0381), signed(-0.002), signed(0.0001)],
            ["+0.038", "−0.002", "0"]
        );
    }
}
