//! All figures of a run: the headline, where it misleads, and a table of labels.

use std::cmp::Ordering;

use egui::{Color32, Rect, Ui, pos2, vec2};

use super::{Tab, figures::Figures};
use crate::core::metrics::{Averages, Interval, LabelReport, METRICS, Metric, Report};
use crate::core::{Run, ScoreKind, TaskKind, report::cautions};
use crate::ui::{
    desk::Desk,
    theme::{self, Weight, font, size, space},
    widgets::{
        Card, Chip, Column, SortArrow, Table, TableRow, Width, figure3, in_rect, paint_bar, paint_right, prob,
        split_top, stat, thousands, wrapped,
    },
};

/// The method that leaves the encoder as it is, so that its out-of-fold scores are honest.
const FROZEN: &str = "probe";

const SINGLE: &[&str] = &[
    "accuracy",
    "macro_f1",
    "balanced_accuracy",
    "macro_average_precision",
    "log_loss",
    "constant_guess_accuracy",
];
const MULTI: &[&str] = &[
    "subset_accuracy",
    "macro_f1",
    "micro_f1",
    "hamming_loss",
    "macro_average_precision",
    "constant_guess_accuracy",
];

pub(super) fn overview_ui(ui: &mut Ui, rect: Rect, desk: &mut Desk, run: &Run, figures: &Figures) {
    let report = &figures.evaluation.report;
    let remarks = cautions(report);
    let head = 84.0 + sentences_height(ui, rect.width() - 32.0, run, figures.evaluation.kind, report, &remarks);
    let (top, rest) = split_top(rect, head.min(rect.height() * 0.6), space::L);
    Card::new().show_in(ui, top, |ui| {
        headline_ui(ui, report);
        ui.add_space(8.0);
        ui.spacing_mut().item_spacing.y = 4.0;
        let tokens = theme::of(ui);
        let small = font(size::SMALL, Weight::Regular);
        wrapped(
            ui,
            measured(run, figures.evaluation.kind, report.n_texts),
            small.clone(),
            tokens.text2,
        );
        for remark in &remarks {
            wrapped(ui, sentence(remark), small.clone(), tokens.warning);
        }
    });
    Card::new().flush().show_in(ui, rest, |ui| labels_ui(ui, desk, figures));
}

/// The headline figures side by side, over as many lines as they need.
pub(super) fn headline_ui(ui: &mut Ui, report: &Report) {
    let wanted = match report.task {
        TaskKind::SingleLabel => SINGLE,
        TaskKind::MultiLabel => MULTI,
    };
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = vec2(28.0, 6.0);
        for metric in wanted
            .iter()
            .filter_map(|id| METRICS.iter().find(|metric| metric.id == *id))
        {
            metric_ui(ui, report, metric);
        }
    });
}

/// One named figure, with its interval where there is one.
pub(super) fn metric_ui(ui: &mut Ui, report: &Report, metric: &Metric) {
    let interval = report.intervals.and_then(|intervals| match metric.id {
        "accuracy" | "subset_accuracy" => Some(intervals.accuracy),
        "macro_f1" => Some(intervals.macro_f1),
        _ => None,
    });
    let figure = (metric.value)(report).map_or_else(|| "–".to_owned(), figure3);
    let remark = interval.map_or_else(String::new, |interval| format!("± {}", figure3(half(interval))));
    let help = match interval {
        Some(Interval { low, high }) => format!(
            "{} With other texts of the same kind it would fall between {} and {} in 95 of 100 cases.",
            metric.help,
            figure3(low),
            figure3(high)
        ),
        None => metric.help.to_owned(),
    };
    stat(ui, metric.title, &figure, &remark).on_hover_text(help);
}

fn half(interval: Interval) -> f64 {
    (interval.high - interval.low) / 2.0
}

fn sentences_height(ui: &Ui, width: f32, run: &Run, kind: ScoreKind, report: &Report, remarks: &[String]) -> f32 {
    let small = font(size::SMALL, Weight::Regular);
    let measured = measured(run, kind, report.n_texts);
    let sentences = std::iter::once(measured.as_str()).chain(remarks.iter().map(String::as_str));
    let high = |text: &str| {
        let galley = ui
            .painter()
            .layout(text.to_owned(), small.clone(), Color32::WHITE, width);
        galley.size().y + 5.0
    };
    let stats = if width < 700.0 { 52.0 } else { 0.0 };
    sentences.map(high).sum::<f32>() + stats
}

/// What the figures were measured on, and how far to believe them.
fn measured(run: &Run, kind: ScoreKind, n_texts: usize) -> String {
    let texts = match n_texts {
        1 => "1 text".to_owned(),
        n => format!("{} texts", thousands(n)),
    };
    match kind {
        ScoreKind::Test => format!("Measured on {texts} of the test split, which nothing was chosen on."),
        ScoreKind::Validation => format!(
            "Measured on {texts} of the validation split. Thresholds are chosen on it, so figures at tuned thresholds flatter a little."
        ),
        ScoreKind::OutOfFold if run.method == FROZEN => {
            format!("Measured on {texts} that train, each scored by a head that had not seen it.")
        }
        ScoreKind::OutOfFold => format!(
            "Measured on {texts} that train, each scored by a head that had not seen it. The encoder had seen all of them, so these \
             figures flatter: only a test split shows how the model does on new texts."
        ),
    }
}

fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map(|first| first.to_uppercase().collect::<String>() + chars.as_str())
        .unwrap_or_default()
}

#[derive(Clone, Copy, PartialEq)]
enum Field {
    Label,
    Texts,
    Precision,
    Recall,
    F1,
    AveragePrecision,
    Threshold,
}

fn fields(width: f32) -> (Vec<Field>, Vec<Column<'static>>) {
    let figure = if width < 820.0 { 76.0 } else { 148.0 };
    let mut all = vec![
        (Field::Label, Column::left("Label", Width::Rest(1.0, 90.0))),
        (Field::Texts, Column::right("Texts", Width::Points(76.0))),
        (Field::Precision, Column::right("Precision", Width::Points(figure))),
        (Field::Recall, Column::right("Recall", Width::Points(figure))),
        (Field::F1, Column::right("F1", Width::Points(figure))),
    ];
    if width >= 640.0 {
        all.push((
            Field::AveragePrecision,
            Column::right("Average precision", Width::Points(140.0)),
        ));
        all.push((Field::Threshold, Column::right("Threshold", Width::Points(96.0))));
    }
    all.into_iter()
        .map(|(field, column)| (field, column.sortable()))
        .unzip()
}

fn labels_ui(ui: &mut Ui, desk: &mut Desk, figures: &Figures) {
    let report = &figures.evaluation.report;
    let area = ui.available_rect_before_wrap();
    let (fields, columns) = fields(area.width());
    let order = order(report, desk.memory.evaluate.sorted, &fields);
    let averages = [
        ("Micro", report.micro),
        ("Macro", report.macro_),
        ("Weighted", report.weighted),
    ];
    let feet = averages.len() as f32 * space::ROW + 1.0;
    let rows = space::ROW * (1.0 + order.len() as f32);
    let height = rows.min((area.height() - feet).max(space::ROW * 2.0));
    let (table_rect, rest) = split_top(area, height, 0.0);
    in_rect(ui, "labels", table_rect, |ui| {
        let mut table = Table::new("labels", &columns, order.len());
        table.sorted = desk.memory.evaluate.sorted;
        let clicked = table.show(ui, |ui, row| {
            if let Some(&at) = order.get(row.index) {
                label_ui(ui, row, desk, figures, at, &fields);
            }
        });
        if let Some(column) = clicked {
            sort_by(desk, column);
        }
    });
    in_rect(ui, "averages", rest, |ui| {
        let plain: Vec<Column> = columns.iter().map(|column| Column { title: "", ..*column }).collect();
        let n_true: usize = report.labels.iter().map(|label| label.support).sum();
        Table::new("averages", &plain, averages.len()).show(ui, |ui, row| {
            if let Some((name, figures)) = averages.get(row.index) {
                average_ui(ui, row, name, *figures, n_true, &fields);
            }
        });
    });
}

fn sort_by(desk: &mut Desk, column: usize) {
    let sorted = &mut desk.memory.evaluate.sorted;
    *sorted = match *sorted {
        Some(arrow) if arrow.column == column && arrow.ascending => Some(SortArrow {
            column,
            ascending: false,
        }),
        Some(arrow) if arrow.column == column => None,
        _ => Some(SortArrow {
            column,
            ascending: true,
        }),
    };
}

fn order(report: &Report, sorted: Option<SortArrow>, fields: &[Field]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..report.labels.len()).collect();
    let Some((arrow, field)) = sorted.and_then(|arrow| Some((arrow, *fields.get(arrow.column)?))) else {
        return order;
    };
    let compare = |a: &usize, b: &usize| match (report.labels.get(*a), report.labels.get(*b)) {
        (Some(a), Some(b)) if field == Field::Label => a.label.cmp(&b.label),
        (Some(a), Some(b)) => value(a, field)
            .unwrap_or(-1.0)
            .total_cmp(&value(b, field).unwrap_or(-1.0)),
        _ => Ordering::Equal,
    };
    order.sort_by(compare);
    if !arrow.ascending {
        order.reverse();
    }
    order
}

fn value(label: &LabelReport, field: Field) -> Option<f64> {
    match field {
        Field::Label => None,
        Field::Texts => Some(label.support as f64),
        Field::Precision => label.precision,
        Field::Recall => label.recall,
        Field::F1 => label.f1,
        Field::AveragePrecision => label.average_precision,
        Field::Threshold => label.threshold,
    }
}

fn label_ui(ui: &mut Ui, row: &mut TableRow, desk: &mut Desk, figures: &Figures, at: usize, fields: &[Field]) {
    let Some(label) = figures.evaluation.report.labels.get(at) else {
        return;
    };
    let look = figures.look(desk, at);
    let (name, color) = look.owned();
    let said = format!(
        "{name}: precision {}, recall {}, F1 {}, {} texts",
        prob(label.precision),
        prob(label.recall),
        prob(label.f1),
        label.support
    );
    let path = look.path.to_owned();
    let response = row.begin(ui, &said, false);
    if response
        .on_hover_text(format!("{path}. A click shows its threshold."))
        .clicked()
    {
        desk.memory.evaluate.tab = Tab::Thresholds;
        desk.memory.evaluate.thresholds.choose(at);
    }
    let regular = font(size::BASE, Weight::Regular);
    for (column, field) in fields.iter().enumerate() {
        let cell = row.cell(column);
        match field {
            Field::Label => {
                Chip::new(&name, color)
                    .small()
                    .max_width(cell.width())
                    .paint(ui, cell.left_center());
            }
            Field::Texts => row.text(
                ui,
                column,
                &thousands(label.support),
                regular.clone(),
                theme::of(ui).text2,
            ),
            field => figure_ui(ui, cell, value(label, *field), has_bar(*field, cell), color),
        }
    }
}

fn average_ui(ui: &mut Ui, row: &mut TableRow, name: &str, figures: Averages, n_true: usize, fields: &[Field]) {
    let tokens = theme::of(ui);
    let said = format!(
        "{name} average: precision {}, recall {}, F1 {}",
        prob(figures.precision),
        prob(figures.recall),
        prob(figures.f1)
    );
    row.begin(ui, &said, false);
    for (column, field) in fields.iter().enumerate() {
        let cell = row.cell(column);
        let regular = font(size::BASE, Weight::Regular);
        let value = match field {
            Field::Label => {
                row.text(ui, column, &format!("{name} average"), regular, tokens.text2);
                continue;
            }
            Field::Texts => {
                row.text(ui, column, &thousands(n_true), regular, tokens.text3);
                continue;
            }
            Field::Precision => figures.precision,
            Field::Recall => figures.recall,
            Field::F1 => figures.f1,
            Field::AveragePrecision | Field::Threshold => continue,
        };
        figure_ui(ui, cell, value, has_bar(*field, cell), tokens.text3);
    }
}

fn has_bar(field: Field, cell: Rect) -> bool {
    matches!(field, Field::Precision | Field::Recall | Field::F1) && cell.width() > 90.0
}

fn figure_ui(ui: &Ui, cell: Rect, value: Option<f64>, bar: bool, color: Color32) {
    let tokens = theme::of(ui);
    let ink = if value.is_some() { tokens.text } else { tokens.text3 };
    let text = crate::ui::widgets::galley(ui, prob(value), font(size::BASE, Weight::Regular), ink);
    paint_right(ui.painter(), cell.right_center(), text);
    if bar {
        let y = cell.center().y;
        let rect = Rect::from_min_max(pos2(cell.left() + 6.0, y - 2.5), pos2(cell.right() - 40.0, y + 2.5));
        paint_bar(ui, rect, value.unwrap_or(0.0) as f32, color);
    }
}
