//! The texts of one cell of the confusion table, most certain first, to read and to correct.

use std::collections::BTreeSet;
use std::sync::Arc;

use egui::{Context, Key, Rect, Role, ScrollArea, Sense, Stroke, Ui, WidgetInfo, pos2, vec2};

use super::{confusion::mistakes, figures::Figures, matrix::Shares};
use crate::app::{Project, now_millis};
use crate::core::metrics::{Outcome, rows_decided, rows_with_outcome};
use crate::core::{EditError, How, LabelId, Text, TextId, text_edits};
use crate::jobs::Evaluation;
use crate::ui::{
    desk::Desk,
    icons, keymap,
    theme::{self, Weight, font, size, space},
    widgets::{
        Button, Card, galley, galley_wrapped, icon_at, in_rect, paint_left, paint_right, prob, text_cut, thousands,
        wrapped,
    },
};

/// Points for a text that is not the selected one.
const ROW: f32 = 39.0;
/// Points for the keys below the selected text.
const ACTIONS: f32 = 36.0;
/// Of a longer text only the beginning is laid out.
const MAX_CHARS: usize = 1_200;

/// A cell of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cell {
    /// Single-label: true label and decided one; `None`: no label reached its threshold.
    Pair { truth: usize, decided: Option<usize> },
    /// Multi-label: one of the four outcomes of a label.
    Outcome { label: usize, outcome: Outcome },
}

impl Cell {
    /// As it is called above its texts.
    pub fn title(self, desk: &Desk, figures: &Figures) -> String {
        let name = |label| figures.look(desk, label).name;
        match self {
            Cell::Pair { truth, decided: None } => format!("{} without a label", name(truth)),
            Cell::Pair {
                truth,
                decided: Some(decided),
            } if truth == decided => format!("{} rightly found", name(truth)),
            Cell::Pair {
                truth,
                decided: Some(decided),
            } => format!("{} taken for {}", name(truth), name(decided)),
            Cell::Outcome { label, outcome } => match outcome {
                Outcome::TruePositive => format!("{} rightly found", name(label)),
                Outcome::FalsePositive => format!("taken for {}", name(label)),
                Outcome::FalseNegative => format!("{} missed", name(label)),
                Outcome::TrueNegative => format!("rightly not {}", name(label)),
            },
        }
    }

    fn rows(self, figures: &Figures) -> Vec<usize> {
        let (truth, decided) = (&figures.evaluation.truth, &figures.decided);
        match self {
            Cell::Pair {
                truth: row,
                decided: Some(column),
            } => rows_decided(truth, decided, row, column),
            Cell::Pair {
                truth: row,
                decided: None,
            } => (0..truth.len())
                .filter(|at| {
                    truth.get(*at).is_some_and(|labels| *labels == [row]) && decided.get(*at).is_some_and(Vec::is_empty)
                })
                .collect(),
            Cell::Outcome { label, outcome } => rows_with_outcome(truth, decided, label, outcome),
        }
    }

    /// The score the decision rests on.
    fn score(self, evaluation: &Evaluation, row: usize) -> f32 {
        let scores = evaluation.scores(row);
        let of = |label: usize| scores.get(label).copied().unwrap_or(f32::NAN);
        match self {
            Cell::Pair {
                decided: Some(decided), ..
            } => of(decided),
            Cell::Pair { decided: None, .. } => scores.iter().copied().fold(f32::NAN, f32::max),
            Cell::Outcome { label, .. } => of(label),
        }
    }

    /// Whether a low score is a sure one: the model said no.
    fn says_no(self) -> bool {
        matches!(
            self,
            Cell::Outcome {
                outcome: Outcome::FalseNegative | Outcome::TrueNegative,
                ..
            }
        )
    }

    /// The labels a text would have if the model were right; `None` where it is right, or gives no label to take over.
    fn corrected(self, evaluation: &Evaluation, text: &Text) -> Option<Vec<LabelId>> {
        let id = |label: usize| evaluation.labels.get(label).copied();
        let now = || {
            text.annotation
                .as_ref()
                .map(|annotation| annotation.labels.clone())
                .unwrap_or_default()
        };
        match self {
            Cell::Pair {
                truth,
                decided: Some(decided),
            } if truth != decided => Some(vec![id(decided)?]),
            Cell::Pair { .. } => None,
            Cell::Outcome {
                label,
                outcome: Outcome::FalsePositive,
            } => {
                let (label, mut labels) = (id(label)?, now());
                if !labels.contains(&label) {
                    labels.push(label);
                    labels.sort_unstable();
                }
                Some(labels)
            }
            Cell::Outcome {
                label,
                outcome: Outcome::FalseNegative,
            } => {
                let label = id(label)?;
                Some(now().into_iter().filter(|known| *known != label).collect())
            }
            Cell::Outcome { .. } => None,
        }
    }

    /// What keeping and changing would do, as the buttons say it.
    fn verbs(self, desk: &Desk, figures: &Figures) -> (String, String) {
        let name = |label| figures.look(desk, label).name;
        match self {
            Cell::Pair { truth, decided } => {
                let change = decided.map_or_else(String::new, |decided| format!("change to {}", name(decided)));
                (format!("keep {}", name(truth)), change)
            }
            Cell::Outcome { label, outcome } => match outcome {
                Outcome::FalsePositive => (format!("keep without {}", name(label)), format!("add {}", name(label))),
                Outcome::FalseNegative => (format!("keep {}", name(label)), format!("remove {}", name(label))),
                Outcome::TruePositive | Outcome::TrueNegative => ("keep".to_owned(), String::new()),
            },
        }
    }
}

/// What is remembered of the table and its texts.
#[derive(Default)]
pub(super) struct Memory {
    /// What the large figures of the heat map are.
    pub shares: Shares,
    cell: Option<Cell>,
    selected: Option<TextId>,
    reveal: bool,
    /// Texts a person has looked at and kept, since the project was opened.
    kept: BTreeSet<TextId>,
    list: Option<List>,
}

struct List {
    of: Arc<Evaluation>,
    cell: Cell,
    /// Rows of the evaluation, most certain first.
    rows: Arc<[usize]>,
}

impl Memory {
    /// Shows the texts of a cell.
    pub fn choose(&mut self, cell: Cell) {
        self.cell = Some(cell);
        self.selected = None;
    }

    /// Whether the texts of this cell are on show.
    pub fn is_chosen(&self, cell: Cell) -> bool {
        self.cell == Some(cell)
    }

    fn select(&mut self, id: Option<TextId>) {
        self.selected = id;
        self.reveal = true;
    }
}

/// Chooses a cell where none is, and lists its texts where they are not listed yet.
pub(super) fn settle(memory: &mut Memory, figures: &Figures) {
    let fits = |cell: &Cell| match *cell {
        Cell::Pair { truth, decided } => {
            figures.evaluation.report.confusion.is_some() && truth.max(decided.unwrap_or(0)) < figures.n_labels()
        }
        Cell::Outcome { label, .. } => figures.evaluation.report.confusion.is_none() && label < figures.n_labels(),
    };
    let cell = memory
        .cell
        .filter(fits)
        .or_else(|| mistakes(figures).first().map(|(cell, _)| *cell));
    let cell = cell.unwrap_or(match figures.evaluation.report.confusion {
        Some(_) => Cell::Pair {
            truth: 0,
            decided: Some(0),
        },
        None => Cell::Outcome {
            label: 0,
            outcome: Outcome::TruePositive,
        },
    });
    memory.cell = Some(cell);
    let evaluation = &figures.evaluation;
    if memory
        .list
        .as_ref()
        .is_some_and(|list| list.cell == cell && Arc::ptr_eq(&list.of, evaluation))
    {
        return;
    }
    let mut rows = cell.rows(figures);
    rows.sort_by(|a, b| {
        let (a, b) = (cell.score(evaluation, *a), cell.score(evaluation, *b));
        if cell.says_no() {
            a.total_cmp(&b)
        } else {
            b.total_cmp(&a)
        }
    });
    let ids = || rows.iter().filter_map(|row| evaluation.ids.get(*row));
    if memory.selected.is_none_or(|id| !ids().any(|known| *known == id)) {
        memory.selected = ids().next().copied();
    }
    memory.list = Some(List {
        of: evaluation.clone(),
        cell,
        rows: rows.into(),
    });
}

fn listed(desk: &Desk) -> Option<(Cell, Arc<[usize]>)> {
    let list = desk.memory.evaluate.cells.list.as_ref()?;
    Some((list.cell, list.rows.clone()))
}

pub(super) fn on_keys(ctx: &Context, desk: &mut Desk, project: &Project, figures: &Figures) {
    if !keymap::letters_are_free(ctx) {
        return;
    }
    if keymap::space_is_free(ctx) {
        let step = i64::from(keymap::pressed(ctx, Key::ArrowDown)) - i64::from(keymap::pressed(ctx, Key::ArrowUp));
        if step != 0 {
            walk(desk, figures, step);
        }
    }
    for c in keymap::typed(ctx) {
        match c {
            'k' => keep(desk, figures),
            'x' => change(desk, project, figures),
            'f' => flag(desk, project),
            _ => {}
        }
    }
}

/// Selects the text so many places further.
fn walk(desk: &mut Desk, figures: &Figures, step: i64) {
    let Some((_, rows)) = listed(desk) else { return };
    let ids: Vec<TextId> = rows
        .iter()
        .filter_map(|row| figures.evaluation.ids.get(*row).copied())
        .collect();
    let cells = &mut desk.memory.evaluate.cells;
    let at = ids.iter().position(|id| Some(*id) == cells.selected).unwrap_or(0);
    let next = (at as i64 + step).clamp(0, ids.len().saturating_sub(1) as i64) as usize;
    cells.select(ids.get(next).copied());
}

fn keep(desk: &mut Desk, figures: &Figures) {
    if let Some(id) = desk.memory.evaluate.cells.selected {
        desk.memory.evaluate.cells.kept.insert(id);
        walk(desk, figures, 1);
    }
}

/// Takes the model's answer over as the label of the selected text.
fn change(desk: &mut Desk, project: &Project, figures: &Figures) {
    let Some((cell, _)) = listed(desk) else { return };
    let Some(text) = desk
        .memory
        .evaluate
        .cells
        .selected
        .and_then(|id| project.state.text(id))
    else {
        return;
    };
    let Some(labels) = cell.corrected(&figures.evaluation, text) else {
        return;
    };
    let id = text.id;
    if text
        .annotation
        .as_ref()
        .is_some_and(|annotation| annotation.labels == labels)
    {
        walk(desk, figures, 1);
        return;
    }
    desk.memory.evaluate.cells.kept.remove(&id);
    desk.try_project(move |project, who| -> Result<(), EditError> {
        let edit = text_edits::annotate(&project.state, &[id], Some(&labels), who, now_millis(), How::Accepted)?;
        project.apply(edit);
        Ok(())
    });
    walk(desk, figures, 1);
}

fn flag(desk: &mut Desk, project: &Project) {
    if let Some(text) = desk
        .memory
        .evaluate
        .cells
        .selected
        .and_then(|id| project.state.text(id))
    {
        desk.edit(text_edits::set_flag(&project.state, &[text.id], !text.flagged));
    }
}

pub(super) fn texts_ui(ui: &mut Ui, rect: Rect, desk: &mut Desk, project: &Project, figures: &Figures) {
    let Some((cell, rows)) = listed(desk) else { return };
    let title = cell.title(desk, figures);
    let aside = match rows.len() {
        1 => "1 text".to_owned(),
        n => format!("{} texts, most certain first", thousands(n)),
    };
    Card::titled(&title).aside(aside).flush().show_in(ui, rect, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        ui.add_space(6.0);
        if rows.is_empty() {
            egui::Frame::new().inner_margin(14).show(ui, |ui| {
                wrapped(
                    ui,
                    "No text is here.",
                    font(size::BASE, Weight::Regular),
                    theme::of(ui).text2,
                );
            });
            return;
        }
        list_ui(ui, desk, project, figures, cell, &rows);
    });
}

fn list_ui(ui: &mut Ui, desk: &mut Desk, project: &Project, figures: &Figures, cell: Cell, rows: &[usize]) {
    let evaluation = &figures.evaluation;
    let width = ui.available_width();
    let selected = desk.memory.evaluate.cells.selected;
    let at = rows
        .iter()
        .position(|row| evaluation.ids.get(*row).copied() == selected);
    let body = at
        .and_then(|at| evaluation.ids.get(*rows.get(at)?))
        .and_then(|id| project.state.text(*id))
        .map(|text| {
            let whole = text.paragraphs();
            let shown: String = whole.chars().take(MAX_CHARS).collect();
            let cut = if shown.len() < whole.len() { "…" } else { "" };
            let face = font(size::BASE, Weight::Regular);
            galley_wrapped(ui, shown + cut, face, theme::of(ui).text, width - 92.0, 19.0)
        });
    let tall = body.as_ref().map_or(ROW, |body| body.size().y + 20.0 + ACTIONS);
    let extra = tall - ROW;
    let top_of = |index: usize| index as f32 * ROW + if at.is_some_and(|at| index > at) { extra } else { 0.0 };
    let reveal = std::mem::take(&mut desk.memory.evaluate.cells.reveal);
    ScrollArea::vertical()
        .id_salt("texts")
        .auto_shrink(false)
        .show_viewport(ui, |ui, view| {
            let origin = ui.max_rect().min;
            ui.set_min_size(vec2(width, top_of(rows.len())));
            let first = ((view.min.y - extra) / ROW).floor().max(0.0) as usize;
            for (index, &row) in rows.iter().enumerate().skip(first) {
                if top_of(index) > view.max.y {
                    break;
                }
                let height = if Some(index) == at { tall } else { ROW };
                let rect = Rect::from_min_size(origin + vec2(0.0, top_of(index)), vec2(width, height));
                let Some(text) = evaluation.ids.get(row).and_then(|id| project.state.text(*id)) else {
                    continue;
                };
                let score = cell.score(evaluation, row);
                if row_ui(
                    ui,
                    rect,
                    desk,
                    text,
                    score,
                    changed(evaluation, row, text),
                    Some(index) == at,
                )
                .clicked()
                {
                    desk.memory.evaluate.cells.select(Some(text.id));
                }
                if let Some(body) = body.as_ref().filter(|_| Some(index) == at) {
                    ui.painter()
                        .galley(rect.min + vec2(16.0, 10.0), body.clone(), theme::of(ui).text);
                    actions_ui(ui, rect, desk, project, figures, cell, text);
                }
            }
            if let Some(at) = at.filter(|_| reveal) {
                let rect = Rect::from_min_size(origin + vec2(0.0, top_of(at)), vec2(width, tall));
                ui.scroll_to_rect(rect, None);
            }
        });
}

/// Whether the text has other labels than when it was evaluated.
fn changed(evaluation: &Evaluation, row: usize, text: &Text) -> bool {
    let before = evaluation.truth.get(row).into_iter().flatten();
    let mut before: Vec<LabelId> = before.filter_map(|at| evaluation.labels.get(*at).copied()).collect();
    before.sort_unstable();
    let known = |label: &&LabelId| evaluation.labels.contains(label);
    let now = text
        .annotation
        .iter()
        .flat_map(|annotation| &annotation.labels)
        .filter(known);
    !now.eq(before.iter())
}

fn row_ui(
    ui: &mut Ui,
    rect: Rect,
    desk: &Desk,
    text: &Text,
    score: f32,
    changed: bool,
    selected: bool,
) -> egui::Response {
    let tokens = theme::of(ui);
    let response = ui.interact(rect, ui.scope_id().with(("text", text.id.0)), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::ListBoxOption, true, selected, &*text.line()));
    if selected {
        let fill = theme::mix(tokens.panel, tokens.accent, 0.13);
        ui.painter().rect_filled(rect, 0, fill);
    } else if response.hovered() || response.has_focus() {
        ui.painter().rect_filled(rect, 0, tokens.raised);
    }
    ui.painter()
        .hline(rect.x_range(), rect.top() + 0.5, Stroke::new(1.0, tokens.line));
    let y = rect.top() + ROW / 2.0;
    let regular = font(size::BASE, Weight::Regular);
    let figure = galley(ui, prob(Some(f64::from(score))), regular.clone(), tokens.text2);
    let mut right = rect.right() - 16.0 - figure.size().x;
    paint_right(ui.painter(), pos2(rect.right() - 16.0, y), figure);
    let kept = desk.memory.evaluate.cells.kept.contains(&text.id);
    for (on, icon, color) in [
        (text.flagged, icons::FLAG, tokens.warning),
        (changed, icons::ANNOTATE, tokens.accent),
        (kept, icons::CHECK, tokens.good),
    ] {
        if on {
            right -= 18.0;
            icon_at(ui.painter(), pos2(right + 5.0, y), icon, 13.0, color);
        }
    }
    if !selected {
        let body = text_cut(ui, text, regular, tokens.text, right - rect.left() - 28.0);
        paint_left(ui.painter(), pos2(rect.left() + 16.0, y), body);
    }
    response
}

fn actions_ui(ui: &mut Ui, row: Rect, desk: &mut Desk, project: &Project, figures: &Figures, cell: Cell, text: &Text) {
    let (keep_it, change_it) = cell.verbs(desk, figures);
    let line = Rect::from_min_max(
        pos2(row.left() + 16.0, row.bottom() - ACTIONS),
        row.max - vec2(12.0, 8.0),
    );
    in_rect(ui, "actions", line.expand(2.0), |ui| {
        ui.add_space(2.0);
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = space::S;
            ui.add_space(2.0);
            if ui.add(Button::secondary(&keep_it).key("K").small()).clicked() {
                keep(desk, figures);
            }
            if !change_it.is_empty() && ui.add(Button::secondary(&change_it).key("X").small()).clicked() {
                change(desk, project, figures);
            }
            let mark = if text.flagged { "unflag" } else { "flag" };
            if ui.add(Button::secondary(mark).key("F").small()).clicked() {
                flag(desk, project);
            }
        });
    });
}
