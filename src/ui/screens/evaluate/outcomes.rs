//! The 2×2 table of every label of a multi-label run: one row a label, four cells to click.

use egui::{Rect, ScrollArea, Ui, UiBuilder, pos2, vec2};

use super::{cell_texts::Cell, confusion::cell_columns, figures::Figures};
use crate::core::metrics::{Counts, Outcome};
use crate::ui::{
    desk::Desk,
    theme::{self, Weight, color_at, font, size},
    widgets::{Chip, HeatCell, card_head, galley, heat_cell, paint_middle, split_top, thousands},
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
    card_head(ui, "By label", "share of the texts that have it, or not");
    let area = ui.available_rect_before_wrap();
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
    ScrollArea::vertical().id_salt("labels").auto_shrink(false).show_rows(
        &mut inner,
        ROW,
        figures.n_labels(),
        |ui, visible| {
            let (left, mut top) = (ui.max_rect().left(), ui.max_rect().top());
            for label in visible {
                let row = Rect::from_min_size(pos2(left, top), vec2(area.width(), ROW));
                label_ui(ui, row, names, desk, figures, label);
                top += ROW;
            }
        },
    );
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
