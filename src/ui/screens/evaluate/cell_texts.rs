//! The texts of one cell of the confusion table, most certain first, to read and to correct.

use std::collections::BTreeSet;
use std::sync::Arc;

use egui::{Context, Key, Rect, Role, ScrollArea, Sense, Stroke, Ui, WidgetInfo, pos2, vec2};

use super::{
    cell::Cell,
    cell_words::{ask_for_words, marks, words_ui},
    confusion::mistakes,
    figures::Figures,
    heat_table::View,
    label_picker::Picker,
    word_marks::{self, Marks},
};
use crate::app::{Project, now_millis};
use crate::core::metrics::{Outcome, Place};
use crate::core::{EditError, How, LabelId, Text, TextId, text_edits};
use crate::jobs::Evaluation;
use crate::ui::{
    desk::Desk,
    icons, keymap,
    theme::{self, Weight, font, size, space},
    widgets::{
        Button, Card, galley, galley_wrapped, icon_at, icon_button, in_rect, paint_left, paint_right, prob, thousands,
        wrapped,
    },
};

/// Points for a text that is not the selected one.
const ROW: f32 = 39.0;
/// Points for the buttons below the selected text until they were drawn once.
const ACTIONS: f32 = 36.0;
/// Points between a text and its words with their figures, and from one line of these to the next.
const EFFECTS: (f32, f32) = (6.0, 17.0);

/// What is remembered of the table and its texts.
#[derive(Default)]
pub(super) struct Memory {
    cell: Option<Cell>,
    /// The text that is read.
    pub selected: Option<TextId>,
    reveal: bool,
    /// Texts a person has looked at and kept, since the project was opened.
    kept: BTreeSet<TextId>,
    list: Option<List>,
    /// No words are marked.
    pub plain: bool,
    /// Points for the buttons below the selected text in the last frame.
    actions: f32,
    /// Another label is being looked for.
    pub picker: Option<Picker>,
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

    /// The chosen cell.
    pub fn cell(&self) -> Option<Cell> {
        self.cell
    }

    fn select(&mut self, id: Option<TextId>) {
        self.selected = id;
        self.reveal = true;
    }
}

/// Chooses a cell where none is, and lists its texts where they are not listed yet.
pub(super) fn settle(memory: &mut Memory, figures: &Figures, view: View) {
    let cell = memory
        .cell
        .filter(|cell| cell.fits(figures, view))
        .or_else(|| mistakes(figures, view).first().map(|(cell, _)| *cell));
    let first = |under: Option<usize>| {
        let place = figures.branch(under).places.first().copied().unwrap_or(Place::Here);
        Cell::Placed {
            under,
            truth: place,
            decided: place,
        }
    };
    let cell = cell.unwrap_or(match (&figures.evaluation.report.confusion, view) {
        (_, View::Branch(under)) => first(under),
        (Some(_), _) => Cell::Pair {
            truth: 0,
            decided: Some(0),
        },
        (None, View::Outcomes) => Cell::Outcome {
            label: 0,
            outcome: Outcome::TruePositive,
        },
        (None, View::Taken) => Cell::Given {
            truth: 0,
            decided: Some(0),
        },
        (None, View::Together) => Cell::Together { label: 0, other: 0 },
    });
    memory.cell = Some(cell);
    let evaluation = &figures.evaluation;
    let known = memory.list.as_ref();
    if let Some(list) = known.filter(|list| list.cell == cell && Arc::ptr_eq(&list.of, evaluation)) {
        if memory.selected.is_none() {
            memory.selected = list.rows.first().and_then(|row| evaluation.ids.get(*row)).copied();
        }
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
    let ids: Vec<TextId> = rows
        .iter()
        .filter_map(|row| evaluation.ids.get(*row))
        .copied()
        .collect();
    if memory.selected.is_none_or(|id| !ids.contains(&id)) {
        memory.selected = ids.first().copied();
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

/// Keys of the list; letters must be free.
pub(super) fn on_keys(ctx: &Context, desk: &mut Desk, project: &Project, figures: &Figures) {
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
            'l' => pick(desk),
            'f' => flag(desk, project),
            'c' => copy(ctx, desk, project),
            'w' => desk.memory.evaluate.cells.plain ^= true,
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

/// The text that is selected.
fn selected<'a>(desk: &Desk, project: &'a Project) -> Option<&'a Text> {
    desk.memory
        .evaluate
        .cells
        .selected
        .and_then(|id| project.state.text(id))
}

fn flag(desk: &mut Desk, project: &Project) {
    if let Some(text) = selected(desk, project) {
        desk.edit(text_edits::set_flag(&project.state, &[text.id], !text.flagged));
    }
}

/// Opens the list of labels for the selected text.
fn pick(desk: &mut Desk) {
    let cells = &mut desk.memory.evaluate.cells;
    cells.picker = cells.selected.map(Picker::new);
}

fn copy(ctx: &Context, desk: &Desk, project: &Project) {
    if let Some(text) = selected(desk, project) {
        ctx.copy_text(text.paragraphs().into_owned());
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
        if rows.is_empty() {
            egui::Frame::new().inner_margin(14).show(ui, |ui| {
                let face = font(size::BASE, Weight::Regular);
                wrapped(ui, "No text is here.", face, theme::of(ui).text2);
            });
            return;
        }
        words_ui(ui, desk, project, figures, cell);
        list_ui(ui, desk, project, figures, cell, &rows);
    });
}

/// The selected text as it is laid out.
struct Body {
    galley: std::sync::Arc<egui::Galley>,
    /// Its words with their figures, where any are marked.
    effects: Option<std::sync::Arc<egui::Galley>>,
    height: f32,
}

fn body(ui: &Ui, desk: &Desk, project: &Project, figures: &Figures, cell: Cell, width: f32) -> Option<Body> {
    let text = selected(desk, project)?;
    let marks = marks(desk, project, figures, cell, text.id);
    let galley = word_marks::whole(ui, text, &marks, width - 92.0);
    let (for_it, against) = (cell.target().label, cell.target().against);
    let name = |label| figures.look(desk, label).name;
    let other = against.map_or_else(
        || format!("Against {}", name(for_it)),
        |label| format!("For {}", name(label)),
    );
    let effects = marks.said(text, &format!("For {}", name(for_it)), &other);
    let effects = (!effects.is_empty()).then(|| {
        let face = font(size::SMALL, Weight::Regular);
        galley_wrapped(ui, effects, face, theme::of(ui).text2, width - 32.0, EFFECTS.1)
    });
    let line = effects.as_ref().map_or(0.0, |effects| EFFECTS.0 + effects.size().y);
    let actions = desk.memory.evaluate.cells.actions.max(ACTIONS);
    Some(Body {
        height: galley.size().y + 20.0 + line + actions,
        galley,
        effects,
    })
}

fn list_ui(ui: &mut Ui, desk: &mut Desk, project: &Project, figures: &Figures, cell: Cell, rows: &[usize]) {
    let evaluation = &figures.evaluation;
    let width = ui.available_width();
    let selected = desk.memory.evaluate.cells.selected;
    let at = rows
        .iter()
        .position(|row| evaluation.ids.get(*row).copied() == selected);
    let body = at.and_then(|_| body(ui, desk, project, figures, cell, width));
    let tall = body.as_ref().map_or(ROW, |body| body.height);
    let extra = tall - ROW;
    let top_of = |index: usize| index as f32 * ROW + if at.is_some_and(|at| index > at) { extra } else { 0.0 };
    let reveal = std::mem::take(&mut desk.memory.evaluate.cells.reveal);
    let mut shown = Vec::new();
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
                if top_of(index) + height < view.min.y {
                    continue;
                }
                let rect = Rect::from_min_size(origin + vec2(0.0, top_of(index)), vec2(width, height));
                let Some(text) = evaluation.ids.get(row).and_then(|id| project.state.text(*id)) else {
                    continue;
                };
                shown.push(text.id);
                let one = Row {
                    text,
                    score: cell.score(evaluation, row),
                    changed: changed(evaluation, row, text),
                    marks: marks(desk, project, figures, cell, text.id),
                };
                let body = body.as_ref().filter(|_| Some(index) == at);
                if row_ui(ui, rect, desk, &one, body).clicked() {
                    desk.memory.evaluate.cells.select(Some(text.id));
                }
                if body.is_some() {
                    actions_ui(ui, rect, desk, project, figures, cell, text);
                }
            }
            if let Some(at) = at.filter(|_| reveal) {
                let rect = Rect::from_min_size(origin + vec2(0.0, top_of(at)), vec2(width, tall));
                ui.scroll_to_rect(rect, None);
            }
        });
    ask_for_words(desk, project, figures, cell, shown);
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

/// A text of the list.
struct Row<'a> {
    text: &'a Text,
    score: f32,
    changed: bool,
    marks: Marks<'a>,
}

/// One text: a line, or all of it where it is the selected one.
fn row_ui(ui: &mut Ui, rect: Rect, desk: &Desk, row: &Row, body: Option<&Body>) -> egui::Response {
    let (tokens, text, selected) = (theme::of(ui), row.text, body.is_some());
    let response = ui.interact(rect, ui.scope_id().with(("text", text.id.0)), Sense::click());
    let kept = desk.memory.evaluate.cells.kept.contains(&text.id);
    let states = [
        (text.flagged, icons::FLAG, tokens.warning, "flagged"),
        (row.changed, icons::ANNOTATE, tokens.accent, "label changed"),
        (kept, icons::CHECK, tokens.good, "kept"),
    ];
    response.widget_info(|| {
        let mut name = text.line().into_owned();
        for (_, _, _, state) in states.iter().filter(|(on, ..)| *on) {
            name += &format!(", {state}");
        }
        name += &row.marks.named(text);
        WidgetInfo::selected(Role::ListBoxOption, true, selected, name)
    });
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
    let figure = galley(ui, prob(Some(f64::from(row.score))), regular, tokens.text2);
    let mut right = rect.right() - 16.0 - figure.size().x;
    paint_right(ui.painter(), pos2(rect.right() - 16.0, y), figure);
    for (_, icon, color, _) in states.into_iter().filter(|(on, ..)| *on) {
        right -= 18.0;
        icon_at(ui.painter(), pos2(right + 5.0, y), icon, 13.0, color);
    }
    let at = rect.min + vec2(16.0, 10.0);
    match body {
        None => {
            let line = word_marks::line(ui, text, &row.marks, right - rect.left() - 28.0);
            paint_left(ui.painter(), pos2(at.x, y), line);
        }
        Some(body) => {
            ui.painter().galley(at, body.galley.clone(), tokens.text);
            if let Some(effects) = &body.effects {
                let below = at + vec2(0.0, body.galley.size().y + EFFECTS.0);
                ui.painter().galley(below, effects.clone(), tokens.text2);
            }
        }
    }
    response
}

fn actions_ui(ui: &mut Ui, row: Rect, desk: &mut Desk, project: &Project, figures: &Figures, cell: Cell, text: &Text) {
    let (keep_it, change_it) = cell.verbs(desk, figures);
    let high = desk.memory.evaluate.cells.actions.max(ACTIONS);
    let line = Rect::from_min_max(pos2(row.left() + 16.0, row.bottom() - high), row.max - vec2(12.0, 8.0));
    let used = in_rect(ui, "actions", line.expand(2.0), |ui| {
        ui.add_space(2.0);
        let shown = ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing = vec2(space::S, 6.0);
            if ui.add(Button::secondary(&keep_it).key("K").small()).clicked() {
                keep(desk, figures);
            }
            if let Some(change_it) = &change_it
                && ui.add(Button::secondary(change_it).key("X").small()).clicked()
            {
                change(desk, project, figures);
            }
            if ui.add(Button::secondary("other label").key("L").small()).clicked() {
                pick(desk);
            }
            let mark = if text.flagged { "unflag" } else { "flag" };
            if ui.add(Button::secondary(mark).key("F").small()).clicked() {
                flag(desk, project);
            }
            if icon_button(ui, icons::COPY, "Copy the text (C)").clicked() {
                copy(ui.ctx(), desk, project);
            }
        });
        shown.response.rect.height()
    });
    desk.memory.evaluate.cells.actions = used + 10.0;
}
