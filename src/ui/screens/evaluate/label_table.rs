//! The labels of a run in a table: precision, recall, F1, what scores alone say, and the averages over labels and texts.

use std::cmp::Ordering;

use egui::{Color32, Rect, Ui, pos2};

use super::{Tab, figures::Figures};
use crate::core::TaskKind;
use crate::core::metrics::{Averages, LabelReport, Report};
use crate::ui::{
    desk::Desk,
    theme::{self, Weight, font, size, space},
    widgets::{
        Chip, Column, SortArrow, Table, TableRow, Width, in_rect, paint_bar, paint_right, prob, split_top, thousands,
    },
};

/// Points that a level of a tree is further right.
const INDENT: f32 = 16.0;

#[derive(Clone, Copy, PartialEq)]
enum Field {
    Label,
    Texts,
    Precision,
    Recall,
    F1,
    AveragePrecision,
    RocAuc,
    Calibration,
    Threshold,
}

/// From this width on, names of a tree, which begin further right by level, leave room for bars and areas.
const ROOMY: f32 = 800.0;

/// The columns there is room for; bars in those that are wide. `tuned`: some label has a threshold; `calibrated`: scores are judged label by
/// label; `in_tree`: names need more room.
fn fields(width: f32, tuned: bool, calibrated: bool, in_tree: bool) -> (Vec<Field>, Vec<Column<'static>>) {
    let barred = |least: f32, plain: f32| match width {
        w if w >= 930.0 => 136.0,
        w if w >= least => 112.0,
        _ => plain,
    };
    let mut all = vec![
        (Field::Label, Column::left("Label", Width::Rest(1.0, 90.0))),
        (Field::Texts, Column::right("Texts", Width::Points(60.0))),
        (
            Field::Precision,
            Column::right("Precision", Width::Points(barred(930.0, 78.0))),
        ),
        (
            Field::Recall,
            Column::right("Recall", Width::Points(barred(930.0, 64.0))),
        ),
        (
            Field::F1,
            Column::right("F1", Width::Points(barred(if in_tree { ROOMY } else { 600.0 }, 58.0))),
        ),
    ];
    if width >= 500.0 {
        all.push((Field::AveragePrecision, Column::right("AP", Width::Points(56.0))));
    }
    if width >= if in_tree { ROOMY } else { 500.0 } {
        all.push((Field::RocAuc, Column::right("ROC-AUC", Width::Points(80.0))));
    }
    if calibrated && width >= 680.0 {
        all.push((Field::Calibration, Column::right("ECE", Width::Points(56.0))));
    }
    if tuned && width >= 600.0 {
        all.push((Field::Threshold, Column::right("Threshold", Width::Points(86.0))));
    }
    all.into_iter()
        .map(|(field, column)| (field, column.sortable()))
        .unzip()
}

/// Points that all rows take together, head and averages among them.
pub(super) fn height(report: &Report) -> f32 {
    space::ROW * (1 + report.labels.len() + averages(report).len()) as f32 + 5.0
}

/// The labels with their figures, and the averages below.
pub(super) fn labels_ui(ui: &mut Ui, desk: &mut Desk, figures: &Figures) {
    let report = &figures.evaluation.report;
    let area = ui.available_rect_before_wrap();
    let tuned = report.labels.iter().any(|label| label.threshold.is_some());
    let calibrated = report.labels.iter().any(|label| label.calibration_error.is_some());
    let (fields, columns) = fields(area.width(), tuned, calibrated, report.hierarchy.is_some());
    let order = order(report, desk.memory.evaluate.sorted, &fields);
    let averages = averages(report);
    let feet = averages.len() as f32 * space::ROW + 1.0;
    let rows = space::ROW * (1.0 + order.len() as f32);
    // Whole rows only, so that none is cut where the averages begin.
    let room = ((area.height() - feet) / space::ROW).floor() * space::ROW;
    let height = rows.min(room.max(space::ROW * 2.0));
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
                average_ui(ui, row, name, figures, n_true, &fields);
            }
        });
    });
}

/// One of the averages.
struct Average {
    figures: Averages,
    average_precision: Option<f64>,
    roc_auc: Option<f64>,
}

fn averages(report: &Report) -> Vec<(&'static str, Average)> {
    let average = |figures, average_precision, roc_auc| Average {
        figures,
        average_precision,
        roc_auc,
    };
    let mut averages = vec![
        (
            "Micro",
            average(report.micro, report.micro_average_precision, report.micro_roc_auc),
        ),
        (
            "Macro",
            average(report.macro_, report.macro_average_precision, report.macro_roc_auc),
        ),
        (
            "Weighted",
            average(
                report.weighted,
                report.weighted_average_precision,
                report.weighted_roc_auc,
            ),
        ),
    ];
    if report.task == TaskKind::MultiLabel {
        averages.push(("Samples", average(report.samples, None, None)));
    }
    averages
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
        Field::RocAuc => label.roc_auc,
        Field::Calibration => label.calibration_error,
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
        "{name}: precision {}, recall {}, F1 {}, average precision {}, ROC-AUC {}, {} texts{}",
        prob(label.precision),
        prob(label.recall),
        prob(label.f1),
        prob(label.average_precision),
        prob(label.roc_auc),
        label.support,
        label
            .threshold
            .map_or_else(String::new, |threshold| format!(", threshold {threshold:.2}"))
    );
    let more = format!(
        "Calibration error {}, Brier score {}, Jaccard {}, Matthews correlation {}, Cohen's κ {}. {} found, {} missed, {} false alarms.",
        prob(label.calibration_error),
        prob(label.brier),
        prob(label.jaccard),
        prob(label.mcc),
        prob(label.kappa),
        label.counts.tp,
        label.counts.fn_,
        label.counts.fp
    );
    let path = look.path.to_owned();
    let response = row.begin(ui, &said, false);
    if response
        .on_hover_text(format!("{}\n{more}\nA click shows its threshold.", path.as_str()))
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
                // In the order of the tree labels stand below each other, in any other order they have their whole paths.
                let level = figures.evaluation.tree.as_ref().map_or(0, |tree| tree.level(at));
                let (shown, indent) = match desk.memory.evaluate.sorted {
                    Some(_) if level > 0 => (path.as_str(), 0.0),
                    _ => (name.as_str(), INDENT * level as f32),
                };
                let indent = indent.min(cell.width() * 0.4);
                Chip::new(shown, color)
                    .small()
                    .max_width(cell.width() - indent)
                    .paint(ui, cell.left_center() + egui::vec2(indent, 0.0));
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

fn average_ui(ui: &mut Ui, row: &mut TableRow, name: &str, average: &Average, n_true: usize, fields: &[Field]) {
    let tokens = theme::of(ui);
    let figures = average.figures;
    let said = format!(
        "{name} average: precision {}, recall {}, F1 {}, average precision {}, ROC-AUC {}",
        prob(figures.precision),
        prob(figures.recall),
        prob(figures.f1),
        prob(average.average_precision),
        prob(average.roc_auc)
    );
    row.begin(ui, &said, false);
    for (column, field) in fields.iter().enumerate() {
        let cell = row.cell(column);
        let regular = font(size::BASE, Weight::Regular);
        let value = match field {
            Field::Label => {
                row.text(ui, column, &format!("{name} avg"), regular, tokens.text2);
                continue;
            }
            Field::Texts => {
                row.text(ui, column, &thousands(n_true), regular, tokens.text3);
                continue;
            }
            Field::Precision => figures.precision,
            Field::Recall => figures.recall,
            Field::F1 => figures.f1,
            Field::AveragePrecision if name != "Samples" => average.average_precision,
            Field::RocAuc if name != "Samples" => average.roc_auc,
            Field::AveragePrecision | Field::RocAuc | Field::Calibration | Field::Threshold => continue,
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
