//! The 2×2 table of every label of a multi-label run: one row a label, four cells to click.

use egui::{Rect, ScrollArea, Ui, UiBuilder, pos2, vec2};

use super::{cell::Cell, confusion::cell_columns, figures::Figures, heat_table::View};
use crate::core::metrics::{Counts, Outcome};
use crate::ui::{
    desk::Desk,
    theme::{self, Weight, color_at, font, size},
    widgets::{Chip, HeatCell, galley, heat_cell, paint_middle, split_top, thousands},
};

/// Points for one label.
const ROW: f32 = 44.0;
/// Points for the heads of the columns.
const HEAD: f32 = 40.0;

const OUTCOMES: [(Outcome, &str, &str); 4] = [
    (Outcome::TruePositive, "found", "tp"),
    (Outcome::FalsePositive, "false alarm", "fp"),
    (Outcome::FalseNegative, "missed", "fn"),
    (Outcome::TrueNegative, "rightly not", "tn"),
];

pub(super) fn outcomes_ui(ui: &mut Ui, rect: Rect, desk: &mut Desk, figures: &Figures) {
    let mut child = ui.new_child(UiBuilder::new().id_salt("outcomes").max_rect(rect));
    child.shrink_clip_rect(rect.expand2(vec2(4.0, 0.0)));
    let ui = &mut child;
    let area = ui.available_rect_before_wrap();
    let order = order(desk, figures);
    let names = (area.width() * 0.3).clamp(70.0, 150.0).round();
    let (head, body) = split_top(area, HEAD, 0.0);
    let tokens = theme::of(ui);
    for (cell, (_, title, short)) in cell_columns(head, names, OUTCOMES.len()).into_iter().zip(OUTCOMES) {
        let (large, small) = (font(size::SMALL, Weight::Medium), font(size::TINY, Weight::Regular));
        paint_middle(
            ui.painter(),
            cell.center() - vec2(0.0, 8.0),
            galley(ui, title, large, tokens.text),
        );
        paint_middle(
            ui.painter(),
            cell.center() + vec2(0.0, 8.0),
            galley(ui, short, small, tokens.text3),
        );
    }
    let mut inner = ui.new_child(UiBuilder::new().id_salt("rows").max_rect(body));
    inner.spacing_mut().item_spacing = egui::Vec2::ZERO;
    let mut scroll = ScrollArea::vertical().id_salt("labels").auto_shrink(false);
    if let Some(at) = place(desk, &order).filter(|_| std::mem::take(&mut desk.memory.evaluate.table.reveal)) {
        let above = (at.0 as f32 + 0.5) * ROW - body.height() / 2.0;
        scroll = scroll.vertical_scroll_offset(above.max(0.0));
    }
    scroll.show_rows(&mut inner, ROW, figures.n_labels(), |ui, visible| {
        let (left, mut top) = (ui.max_rect().left(), ui.max_rect().top());
        for label in visible.filter_map(|at| order.get(at).copied()) {
            let row = Rect::from_min_size(pos2(left, top), vec2(area.width(), ROW));
            label_ui(ui, row, names, desk, figures, label);
            top += ROW;
        }
    });
}

/// The labels as they stand from top to bottom.
fn order(desk: &mut Desk, figures: &Figures) -> Vec<usize> {
    let memory = &mut desk.memory.evaluate.table;
    memory.cached.get(figures, View::Outcomes, memory.order).order.clone()
}

/// Row and column of the chosen cell.
fn place(desk: &Desk, order: &[usize]) -> Option<(usize, usize)> {
    let Some(Cell::Outcome { label, outcome }) = desk.memory.evaluate.cells.cell() else {
        return None;
    };
    let column = OUTCOMES.iter().position(|(known, ..)| *known == outcome)?;
    Some((order.iter().position(|known| *known == label)?, column))
}

/// The cell so many columns and rows from the chosen one.
pub(super) fn beside(desk: &mut Desk, figures: &Figures, right: i64, down: i64) -> Option<Cell> {
    let order = order(desk, figures);
    let (row, column) = place(desk, &order).unwrap_or((0, 0));
    let step = |at: usize, by: i64, n: usize| (at as i64 + by).clamp(0, n.saturating_sub(1) as i64) as usize;
    let (outcome, ..) = OUTCOMES.get(step(column, right, OUTCOMES.len()))?;
    Some(Cell::Outcome {
        label: *order.get(step(row, down, order.len()))?,
        outcome: *outcome,
    })
}

fn label_ui(ui: &mut Ui, row: Rect, names: f32, desk: &mut Desk, figures: &Figures, label: usize) {
    let Some(report) = figures.evaluation.report.labels.get(label) else {
        return;
    };
    let (name, color) = figures.look(desk, label).owned();
    let chip = Chip::new(&name, color).small().shown().max_width(names - 10.0);
    let at = Rect::from_min_size(pos2(row.left(), row.center().y - 10.0), chip.size(ui));
    ui.put(at, chip).on_hover_text(&report.label);
    let tokens = theme::of(ui);
    for (rect, (outcome, title, _)) in cell_columns(row, names, OUTCOMES.len()).into_iter().zip(OUTCOMES) {
        let (n, of) = share(report.counts, outcome);
        let wrong = matches!(outcome, Outcome::FalsePositive | Outcome::FalseNegative);
        let part = if of == 0 { 0.0 } else { n as f32 / of as f32 };
        let cell = Cell::Outcome { label, outcome };
        let shown = HeatCell {
            name: &format!("{name} {title}: {n}"),
            figure: &thousands(n),
            remark: &if of == 0 {
                String::new()
            } else {
                format!("{:.1} %", 100.0 * part)
            },
            heat: match (wrong, outcome) {
                (true, _) => (part * 2.5).min(1.0),
                (false, Outcome::TrueNegative) => 0.04,
                (false, _) => part * part,
            },
            color: if wrong { tokens.wrong } else { color_at(0) },
            chosen: desk.memory.evaluate.cells.is_chosen(cell),
            focusable: true,
        };
        if heat_cell(ui, rect, &shown).clicked() {
            desk.memory.evaluate.cells.choose(cell);
        }
    }
}

/// How many texts, of those that have the label (found, missed) or have it not.
fn share(counts: Counts, outcome: Outcome) -> (usize, usize) {
    let without = counts.fp + counts.tn;
    match outcome {
        Outcome::TruePositive => (counts.tp, counts.support()),
        Outcome::FalseNegative => (counts.fn_, counts.support()),
        Outcome::FalsePositive => (counts.fp, without),
        Outcome::TrueNegative => (counts.tn, without),
    }
}
