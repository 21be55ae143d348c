//! What was taken for what: the table at the left, the texts of the chosen cell at the right.

use egui::{Context, Rect, ScrollArea, Ui, vec2};

use super::{
    cell::Cell, cell_texts, figures::Figures, heat_table::View, label_picker, matrix, outcomes, overview, table_head,
    table_keys,
};
use crate::app::Project;
use crate::core::metrics::{METRICS, Outcome};
use crate::ui::{
    desk::Desk,
    keymap,
    theme::{self, color_at, space},
    widgets::{BarRow, Card, bar_row, card_head, columns, in_rect, split_top, thousands},
};

/// How many mix-ups are listed.
const N_CONFUSED: usize = 8;

pub(super) fn confusion_ui(ui: &mut Ui, rect: Rect, desk: &mut Desk, project: &Project, figures: &Figures) {
    let view = desk.memory.evaluate.table.shown(figures);
    cell_texts::settle(&mut desk.memory.evaluate.cells, figures, view);
    let (left, right) = match rect.width() < 700.0 {
        true => split_top(rect, (rect.height() * 0.55).round(), space::L),
        false => {
            let width = (rect.width() * 0.52).round();
            let (left, rest) = rect.split_left_right_at_x(rect.left() + width);
            (left, Rect::from_min_max(rest.min + vec2(space::L, 0.0), rest.max))
        }
    };
    Card::new().show_in(ui, left, |ui| {
        let area = ui.available_rect_before_wrap();
        let feet = match area.height() {
            h if h < 420.0 => 0.0,
            h => {
                // Many labels need the room themselves.
                let most = if figures.n_labels() > 20 && h < 700.0 { 2 } else { 4 };
                (60.0 + 26.0 + 26.0 * mistakes(figures, view).len().min(most) as f32).min(h * 0.32)
            }
        };
        let (table, below) = split_top(area, area.height() - feet, 0.0);
        let (head, table) = split_top(table, table_head::height(view), 0.0);
        table_head::head_ui(ui, head, desk, figures, view);
        match view {
            View::Outcomes => outcomes::outcomes_ui(ui, table, desk, figures),
            View::Taken | View::Together | View::Branch(_) => matrix::matrix_ui(ui, table, desk, figures, view),
        }
        if feet > 0.0 {
            in_rect(ui, "below", below, |ui| below_ui(ui, desk, figures, view));
        }
    });
    cell_texts::texts_ui(ui, right, desk, project, figures);
    label_picker::picker_ui(ui.ctx(), desk, project);
}

/// Keys of the tab: first the table's, whose arrows come with Shift, then those of the texts.
pub(super) fn on_keys(ctx: &Context, desk: &mut Desk, project: &Project, figures: &Figures) {
    if keymap::letters_are_free(ctx) {
        table_keys::on_keys(ctx, desk, figures);
        cell_texts::on_keys(ctx, desk, project, figures);
    }
}

/// Headline figures, and what goes wrong most.
fn below_ui(ui: &mut Ui, desk: &mut Desk, figures: &Figures, view: View) {
    ui.spacing_mut().item_spacing.y = 0.0;
    ui.add_space(6.0);
    let report = &figures.evaluation.report;
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 28.0;
        let wanted = [
            "accuracy",
            "subset_accuracy",
            "path_accuracy",
            "macro_f1",
            "constant_guess_accuracy",
        ];
        let known = METRICS
            .iter()
            .filter(|metric| metric.is_in(report) && !metric.is_repeated_in(report));
        for metric in known.filter(|metric| wanted.contains(&metric.id)) {
            overview::metric_ui(ui, report, metric);
        }
    });
    ui.add_space(10.0);
    let mistakes = mistakes(figures, view);
    let Some(most) = mistakes.first().map(|(_, n)| *n) else {
        return;
    };
    let (title, color) = match view {
        View::Together => ("Most often together", color_at(0)),
        View::Outcomes | View::Taken | View::Branch(_) => ("Most confused", theme::of(ui).wrong),
    };
    card_head(ui, title, "");
    ui.add_space(2.0);
    ScrollArea::vertical()
        .id_salt("most confused")
        .auto_shrink(false)
        .show(ui, |ui| {
            for (cell, n) in &mistakes {
                let name = cell.title(desk, figures);
                let row = BarRow {
                    name: &name,
                    name_width: (ui.available_width() * 0.42).round(),
                    share: *n as f32 / most.max(1) as f32,
                    color,
                    figure: &thousands(*n),
                    figure_width: 34.0,
                    height: 26.0,
                };
                if bar_row(ui, &row).clicked() {
                    desk.memory.evaluate.cells.choose(*cell);
                    desk.memory.evaluate.table.reveal = true;
                }
            }
        });
}

/// The cells that say most: the most wrong decisions, or the labels most often together; and how many texts each has.
pub(super) fn mistakes(figures: &Figures, view: View) -> Vec<(Cell, usize)> {
    let report = &figures.evaluation.report;
    if let Some(confusion) = &report.confusion {
        let pairs = confusion.most_confused(N_CONFUSED).into_iter();
        return pairs
            .map(|pair| {
                let cell = Cell::Pair {
                    truth: pair.truth,
                    decided: Some(pair.decided),
                };
                (cell, pair.n_texts)
            })
            .collect();
    }
    match view {
        View::Branch(under) => {
            let pairs = figures.branch(under).most_confused(N_CONFUSED).into_iter();
            let cell = |(truth, decided, n)| (Cell::Placed { under, truth, decided }, n);
            pairs.map(cell).collect()
        }
        View::Outcomes => wrong_outcomes(figures),
        View::Taken => {
            let pairs = figures.cooccurrence().most_given(N_CONFUSED).into_iter();
            let cell = |truth, decided| Cell::Given {
                truth,
                decided: Some(decided),
            };
            pairs
                .map(|pair| (cell(pair.truth, pair.decided), pair.n_texts))
                .collect()
        }
        View::Together => {
            let n = figures.n_labels();
            let counts = figures.cooccurrence();
            let pairs = (0..n).flat_map(|label| (label + 1..n).map(move |other| Cell::Together { label, other }));
            let texts = |cell: &Cell| match *cell {
                Cell::Together { label, other } => counts.together(label, other),
                _ => 0,
            };
            most(pairs.map(|cell| (cell, texts(&cell))).collect())
        }
    }
}

fn most(mut cells: Vec<(Cell, usize)>) -> Vec<(Cell, usize)> {
    cells.retain(|(_, n)| *n > 0);
    cells.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    cells.truncate(N_CONFUSED);
    cells
}

fn wrong_outcomes(figures: &Figures) -> Vec<(Cell, usize)> {
    let report = &figures.evaluation.report;
    let of = |(label, counts): (usize, crate::core::metrics::Counts)| {
        [
            (Outcome::FalsePositive, counts.fp),
            (Outcome::FalseNegative, counts.fn_),
        ]
        .map(|(outcome, n)| (Cell::Outcome { label, outcome }, n))
    };
    let counts = report.labels.iter().map(|label| label.counts).enumerate();
    most(counts.flat_map(of).collect())
}

/// Equal columns right of the names of labels.
pub(super) fn cell_columns(row: Rect, names: f32, n: usize) -> Vec<Rect> {
    columns(
        Rect::from_min_max(row.min + vec2(names, 2.0), row.max - vec2(0.0, 2.0)),
        n,
        4.0,
    )
}
