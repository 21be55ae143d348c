//! What a tree of labels adds to the figures: where paths go wrong, and how each level does.

use egui::{Color32, Rect, Role, Sense, Ui, WidgetInfo, pos2, vec2};

use crate::core::metrics::{Hierarchy, Level, PathOutcome};
use crate::ui::{
    theme::{self, Weight, color_at, font, size, space},
    widgets::{
        Card, Column, Table, TableRow, Width, figure3, galley, in_rect, paint_left, paint_right, split_top, thousands,
    },
};

/// Points for the bar and the words below it.
const BAR: f32 = 26.0;
/// Points for one outcome in words.
const WORDS: f32 = 21.0;
/// Points for the title of the card.
const TITLE: f32 = 40.0;

/// Points that the card takes.
pub(super) fn height(hierarchy: &Hierarchy) -> f32 {
    TITLE + split_height(hierarchy) + space::ROW * (hierarchy.levels.len() + 1) as f32 + 14.0
}

fn split_height(hierarchy: &Hierarchy) -> f32 {
    BAR + WORDS * outcomes(hierarchy).count() as f32 + 12.0
}

/// The outcomes to tell of: nothing decided only where that happened.
fn outcomes(hierarchy: &Hierarchy) -> impl Iterator<Item = PathOutcome> {
    let errors = hierarchy.errors;
    let told = move |outcome: &PathOutcome| *outcome != PathOutcome::Undecided || errors.undecided > 0;
    PathOutcome::ALL.into_iter().filter(told)
}

/// The card beside the tables.
pub(super) fn card_ui(ui: &mut Ui, rect: Rect, hierarchy: &Hierarchy) {
    let distance = hierarchy.mean_distance.map_or_else(|| "–".to_owned(), figure3);
    Card::titled("Tree")
        .aside(format!("mean distance {distance}"))
        .flush()
        .show_in(ui, rect, |ui| tree_ui(ui, Some(hierarchy)));
}

/// The error split as a bar with words, and the levels below it.
pub(super) fn tree_ui(ui: &mut Ui, hierarchy: Option<&Hierarchy>) {
    let Some(hierarchy) = hierarchy else { return };
    let area = ui.available_rect_before_wrap();
    let (split, levels) = split_top(area, split_height(hierarchy), 0.0);
    split_ui(ui, split.shrink2(vec2(16.0, 4.0)), hierarchy);
    in_rect(ui, "levels", levels, |ui| levels_ui(ui, &hierarchy.levels));
}

fn color(ui: &Ui, outcome: PathOutcome) -> Color32 {
    let tokens = theme::of(ui);
    match outcome {
        PathOutcome::Right => tokens.good,
        PathOutcome::Part => color_at(0),
        PathOutcome::WrongLeaf => tokens.warning,
        PathOutcome::WrongBranch => tokens.error,
        PathOutcome::Undecided => tokens.text3,
    }
}

/// How many texts end where, as parts of one bar and in words.
fn split_ui(ui: &mut Ui, rect: Rect, hierarchy: &Hierarchy) {
    let tokens = theme::of(ui);
    let errors = &hierarchy.errors;
    let bar = Rect::from_min_size(rect.min + vec2(0.0, 4.0), vec2(rect.width(), 12.0));
    ui.painter().rect_filled(bar, 3, tokens.track);
    let mut left = bar.left();
    for outcome in outcomes(hierarchy) {
        let width = bar.width() * errors.share(outcome).unwrap_or(0.0) as f32;
        let part = Rect::from_min_size(pos2(left, bar.top()), vec2(width, bar.height()));
        if width > 0.0 {
            ui.painter()
                .rect_filled(part.shrink2(vec2(0.5, 0.0)), 2, color(ui, outcome));
        }
        left += width;
    }
    let regular = font(size::SMALL, Weight::Regular);
    for (at, outcome) in outcomes(hierarchy).enumerate() {
        let top = rect.top() + BAR + at as f32 * WORDS;
        let line = Rect::from_min_size(pos2(rect.left(), top), vec2(rect.width(), WORDS));
        let share = errors
            .share(outcome)
            .map_or_else(|| "–".to_owned(), |share| format!("{:.1} %", 100.0 * share));
        let count = thousands(errors.of(outcome));
        let response = ui.interact(line, ui.scope_id().with(("outcome", at)), Sense::hover());
        let texts = if errors.of(outcome) == 1 { "text" } else { "texts" };
        let said = format!("{}: {count} {texts}, {share}", outcome.title());
        response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &said));
        response.on_hover_text(outcome.help());
        let mark = Rect::from_center_size(pos2(line.left() + 5.0, line.center().y), vec2(9.0, 9.0));
        ui.painter().rect_filled(mark, 2, color(ui, outcome));
        let title = galley(ui, outcome.title(), regular.clone(), tokens.text);
        paint_left(ui.painter(), pos2(line.left() + 18.0, line.center().y), title);
        let share = galley(ui, share, font(size::SMALL, Weight::Medium), tokens.text);
        paint_right(ui.painter(), line.right_center(), share);
        let count = galley(ui, count, regular.clone(), tokens.text3);
        paint_right(ui.painter(), line.right_center() - vec2(62.0, 0.0), count);
    }
}

/// The levels of a tree of labels, from the top down.
fn levels_ui(ui: &mut Ui, levels: &[Level]) {
    let all = ui.available_width() >= 620.0;
    let mut columns = vec![
        Column::left("Level", Width::Rest(1.0, 56.0)),
        Column::right("Labels", Width::Points(60.0)),
        Column::right("Texts", Width::Points(60.0)),
        Column::right("Accuracy", Width::Points(74.0)),
        Column::right("Macro F1", Width::Points(78.0)),
    ];
    if all {
        columns.extend([
            Column::right("Precision", Width::Points(78.0)),
            Column::right("Recall", Width::Points(78.0)),
            Column::right("Micro F1", Width::Points(84.0)),
        ]);
    }
    Table::new("levels", &columns, levels.len()).show(ui, |ui, row| {
        if let Some(level) = levels.get(row.index) {
            level_ui(ui, row, level, columns.len());
        }
    });
}

fn level_ui(ui: &mut Ui, row: &mut TableRow, level: &Level, n_columns: usize) {
    let tokens = theme::of(ui);
    let figure = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), figure3);
    let name = match level.level {
        1 => "1, top".to_owned(),
        n => n.to_string(),
    };
    let figures = [
        level.accuracy,
        level.macro_.f1,
        level.macro_.precision,
        level.macro_.recall,
        level.micro.f1,
    ]
    .map(figure);
    let [accuracy, macro_f1, precision, recall, micro_f1] = &figures;
    let said = format!(
        "Level {name}: {} labels, {} texts, accuracy {accuracy}, macro F1 {macro_f1}, macro precision {precision}, macro recall {recall}, \
         micro F1 {micro_f1}",
        level.n_labels, level.n_texts
    );
    let help = "Labels are cut at this level; of texts that have a label here or were given one. Precision, recall and macro F1 are means over its labels.";
    row.begin(ui, &said, false).on_hover_text(help);
    let regular = font(size::BASE, Weight::Regular);
    row.text(ui, 0, &name, regular.clone(), tokens.text);
    row.text(ui, 1, &thousands(level.n_labels), regular.clone(), tokens.text2);
    row.text(ui, 2, &thousands(level.n_texts), regular.clone(), tokens.text2);
    for (at, figure) in figures.iter().take(n_columns - 3).enumerate() {
        row.text(ui, at + 3, figure, regular.clone(), tokens.text);
    }
}
