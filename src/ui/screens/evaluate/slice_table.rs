//! Figures of texts that have something in common.

use egui::{Rect, Ui, pos2};

use super::{figure_list::whisker_ui, figures::Figures};
use crate::core::metrics::{Interval, Report};
use crate::core::report::accuracy_title;
use crate::core::slices::{SliceBy, SliceReport};
use crate::ui::{
    desk::Desk,
    icons,
    theme::{self, Weight, font, size},
    widgets::{Column, Table, TableRow, Width, figure3, galley, icon_at, paint_left, paint_right, thousands},
};

/// A line of the table.
enum Line<'a> {
    Head(SliceBy),
    Slice(&'a SliceReport),
}

/// All slices by what texts are told apart by; a click shows only the texts of one, another click all again.
pub(super) fn slices_ui(ui: &mut Ui, desk: &mut Desk, figures: &Figures) {
    // Of all texts, so that one can go from slice to slice.
    let key = (figures.evaluation.run, figures.evaluation.kind);
    let whole = desk.project().and_then(|project| project.evaluations.get(&key));
    let evaluation = whole.unwrap_or(&figures.evaluation);
    let only = desk.memory.evaluate.filter.only().cloned();
    let mut lines = Vec::new();
    for by in SliceBy::ALL {
        lines.push(Line::Head(by));
        lines.extend(evaluation.slices.iter().filter(|slice| slice.by == by).map(Line::Slice));
    }
    let width = ui.available_width();
    let figure = match width {
        w if w < 560.0 => 118.0,
        w if w < 760.0 => 156.0,
        _ => 200.0,
    };
    let accuracy = match evaluation.report.hierarchy {
        Some(_) => "Path accuracy",
        None if accuracy_title(&evaluation.report) == "accuracy" => "Accuracy",
        None => "Subset accuracy",
    };
    let columns = [
        Column::left("Slice", Width::Rest(1.0, 120.0)),
        Column::right("Texts", Width::Points(70.0)),
        Column::right(accuracy, Width::Points(figure)),
        Column::right("Macro F1", Width::Points(figure)),
    ];
    let mut chosen = None;
    Table::new("slices", &columns, lines.len()).show(ui, |ui, row| match lines.get(row.index) {
        Some(Line::Head(by)) => head_ui(ui, row, *by),
        Some(Line::Slice(slice)) => {
            let shown = only.as_ref() == Some(&slice.slice());
            if slice_ui(ui, row, slice, &evaluation.report, shown) {
                chosen = Some((!shown).then(|| slice.slice()));
            }
        }
        None => {}
    });
    if let Some(only) = chosen {
        desk.memory.evaluate.filter.choose(only);
    }
}

fn head_ui(ui: &mut Ui, row: &mut TableRow, by: SliceBy) {
    let tokens = theme::of(ui);
    row.begin(ui, by.title(), false);
    row.text(ui, 0, by.title(), font(size::SMALL, Weight::SemiBold), tokens.text3);
}

/// Returns whether it was clicked.
fn slice_ui(ui: &mut Ui, row: &mut TableRow, slice: &SliceReport, whole: &Report, shown: bool) -> bool {
    let tokens = theme::of(ui);
    let accuracy = accuracy_title(whole);
    let below = |is_below: bool| if is_below { ", notably below the whole" } else { "" };
    let said = format!(
        "{}, {} texts: {accuracy} {}{}, macro F1 {}{}",
        slice.title(),
        slice.n_texts,
        written(slice.accuracy, slice.accuracy_interval),
        below(slice.accuracy_is_below),
        written(slice.macro_f1, slice.macro_f1_interval),
        below(slice.macro_f1_is_below)
    );
    let more = format!(
        "If each label did as well here as in the whole, macro F1 would be {}. A click shows only these texts, or all again.",
        slice.macro_f1_expected.map_or_else(|| "–".to_owned(), figure3)
    );
    let clicked = row
        .begin(ui, &said, shown)
        .on_hover_text(format!("{}\n{more}", slice.title()))
        .clicked();
    let regular = font(size::BASE, Weight::Regular);
    let cell = row.cell(0);
    let name = galley(ui, &slice.name, regular.clone(), tokens.text);
    let about_left = cell.left() + 10.0 + name.size().x + 8.0;
    row_text(
        ui,
        Rect::from_min_max(pos2(cell.left() + 10.0, cell.top()), cell.max),
        &slice.name,
        tokens.text,
    );
    if about_left < cell.right() {
        row_text(
            ui,
            Rect::from_min_max(pos2(about_left, cell.top()), cell.max),
            &slice.about,
            tokens.text3,
        );
    }
    row.text(ui, 1, &thousands(slice.n_texts), regular, tokens.text2);
    value_ui(
        ui,
        row.cell(2),
        slice.accuracy,
        slice.accuracy_interval,
        slice.accuracy_is_below,
    );
    value_ui(
        ui,
        row.cell(3),
        slice.macro_f1,
        slice.macro_f1_interval,
        slice.macro_f1_is_below,
    );
    clicked
}

fn row_text(ui: &Ui, cell: Rect, text: &str, color: egui::Color32) {
    let regular = font(size::BASE, Weight::Regular);
    let text = crate::ui::widgets::galley_cut(ui, text, regular, color, cell.width());
    paint_left(ui.painter(), cell.left_center(), text);
}

fn written(value: Option<f64>, interval: Option<Interval>) -> String {
    let figure = value.map_or_else(|| "–".to_owned(), figure3);
    interval.map_or_else(
        || figure.clone(),
        |Interval { low, high }| format!("{figure} ({} to {})", figure3(low), figure3(high)),
    )
}

/// A figure at the right, its interval left of it, and a mark where it is notably below the whole.
fn value_ui(ui: &Ui, cell: Rect, value: Option<f64>, interval: Option<Interval>, is_below: bool) {
    let tokens = theme::of(ui);
    let ink = match (value, is_below) {
        (None, _) => tokens.text3,
        (_, true) => tokens.warning,
        _ => tokens.text,
    };
    let figure = value.map_or_else(|| "–".to_owned(), figure3);
    let weight = if is_below { Weight::SemiBold } else { Weight::Regular };
    paint_right(
        ui.painter(),
        cell.right_center(),
        galley(ui, figure, font(size::BASE, weight), ink),
    );
    let mark = pos2(cell.right() - 44.0, cell.center().y);
    if is_below {
        icon_at(ui.painter(), mark, icons::SORT_DOWN, 12.0, tokens.warning);
    }
    if let (Some(value), Some(interval)) = (value, interval) {
        let bar = Rect::from_min_max(
            pos2(cell.left() + 8.0, cell.top()),
            pos2(cell.right() - 58.0, cell.bottom()),
        );
        whisker_ui(ui, bar, value, interval);
    }
}
