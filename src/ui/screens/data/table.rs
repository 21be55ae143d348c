//! The table of texts: which rows are found, in which order, and how one is drawn.

use egui::{Rect, Ui, pos2};

use super::{Memory, RowsKey, search};
use crate::app::Project;
use crate::core::{Split, Text, TextId};
use crate::ui::{
    desk::Desk,
    filter, icons,
    theme::{self, LabelLooks, Weight, font, size},
    widgets::{Card, Chip, Column, SortArrow, Table, TableRow, Width, icon_at, prob},
};

const COLUMN_NUMBER: usize = 0;
const COLUMN_TEXT: usize = 1;
const COLUMN_LABELS: usize = 2;
const COLUMN_SPLIT: usize = 3;
const COLUMN_HOW: usize = 4;
const COLUMN_SCORE: usize = 5;

/// Finds and sorts the rows anew where anything they depend on has changed.
pub(super) fn refresh(desk: &mut Desk, project: &Project) {
    let memory = &mut desk.memory.data;
    let by_score = memory.sort.is_some_and(|sort| sort.column == COLUMN_SCORE) || memory.query.contains("score");
    let key = RowsKey {
        project: project.store.path().to_path_buf(),
        revision: project.revision,
        query: memory.query.clone(),
        sort: memory.sort,
        suggested_at: project
            .suggestions
            .as_ref()
            .filter(|_| by_score)
            .map(|suggestions| suggestions.at),
    };
    if memory.rows_of.as_ref() == Some(&key) {
        return;
    }
    if memory.rows_of.as_ref().is_some_and(|old| old.project != key.project) {
        *memory = Memory {
            overview: std::mem::take(&mut memory.overview),
            ..Memory::default()
        };
    }
    let terms = filter::parse(&memory.query, project);
    let mut found: Vec<&Text> = project
        .state
        .texts()
        .filter(|text| filter::matches(&terms, project, text))
        .collect();
    if let Some(sort) = memory.sort {
        sort_texts(&mut found, sort, project, desk.looks);
    }
    memory.rows = found.into_iter().map(|text| text.id).collect();
    let present: std::collections::BTreeSet<TextId> = memory.rows.iter().copied().collect();
    memory.selected.retain(|id| present.contains(id));
    memory.cursor = memory.cursor.filter(|at| *at < memory.rows.len());
    memory.rows_of = Some(key);
}

fn sort_texts(texts: &mut [&Text], sort: SortArrow, project: &Project, looks: &LabelLooks) {
    let labels = |text: &Text| -> Vec<String> {
        let annotation = text.annotation.as_ref();
        annotation
            .into_iter()
            .flat_map(|a| &a.labels)
            .filter_map(|id| Some(looks.get(*id)?.path.clone()))
            .collect()
    };
    match sort.column {
        COLUMN_TEXT => texts.sort_by_cached_key(|text| text.body.chars().take(80).collect::<String>().to_lowercase()),
        COLUMN_LABELS => texts.sort_by_cached_key(|text| (text.annotation.is_none(), labels(text))),
        COLUMN_SPLIT => texts.sort_by_key(|text| (text.split.is_none(), text.split)),
        COLUMN_HOW => {
            texts.sort_by_key(|text| text.annotation.as_ref().map_or("~", |annotation| annotation.how.name()))
        }
        COLUMN_SCORE => texts.sort_by(|a, b| {
            let score = |text: &Text| project.best_suggestion(text.id).map_or(f32::INFINITY, |(_, prob)| prob);
            score(a).total_cmp(&score(b))
        }),
        _ => {}
    }
    if !sort.ascending {
        texts.reverse();
    }
}

/// Moves the keyboard's place by `step` rows; with Shift the selection grows with it.
pub(super) fn move_cursor(memory: &mut Memory, step: isize, shift: bool) {
    let Some(last) = memory.rows.len().checked_sub(1) else {
        return;
    };
    let at = match memory.cursor {
        Some(at) => at.saturating_add_signed(step).min(last),
        None if step > 0 => 0,
        None => last,
    };
    select(memory, at, shift, false);
    memory.reveal = true;
}

fn select(memory: &mut Memory, at: usize, shift: bool, toggle: bool) {
    let Some(id) = memory.rows.get(at).copied() else { return };
    if shift && memory.cursor.is_some() {
        let (from, to) = (memory.anchor.min(at), memory.anchor.max(at));
        memory.selected = memory.rows.iter().skip(from).take(to - from + 1).copied().collect();
    } else if toggle {
        if !memory.selected.remove(&id) {
            memory.selected.insert(id);
        }
        memory.anchor = at;
    } else {
        memory.selected = [id].into();
        memory.anchor = at;
    }
    memory.cursor = Some(at);
}

pub(super) fn table_ui(ui: &mut Ui, rect: Rect, desk: &mut Desk, project: &Project) {
    Card::new().flush().show_in(ui, rect, |ui| {
        search::chips_ui(ui, desk, project);
        let width = rect.width();
        let labels = (width * 0.27).clamp(120.0, 340.0);
        let mut columns = vec![
            Column::right("", Width::Points(44.0)),
            Column::left("Text", Width::Rest(1.0, 120.0)).sortable(),
            Column::left("Labels", Width::Points(labels)).sortable(),
        ];
        if width > 640.0 {
            columns.push(Column::left("Split", Width::Points(84.0)).sortable());
            columns.push(Column::left("How", Width::Points(80.0)).sortable());
            columns.push(Column::right("Score", Width::Points(66.0)).sortable());
        }
        let memory = &mut desk.memory.data;
        let rows = std::mem::take(&mut memory.rows);
        let mut table = Table::new("texts", &columns, rows.len());
        table.sorted = memory.sort;
        table.reveal = memory.cursor.filter(|_| std::mem::take(&mut memory.reveal));
        let mut clicked = None;
        let sort = table.show(ui, |ui, row| {
            let Some(text) = rows.get(row.index).and_then(|id| project.state.text(*id)) else {
                return;
            };
            let selected = desk.memory.data.selected.contains(&text.id);
            if row_ui(ui, row, text, project, desk.looks, selected) {
                clicked = Some(row.index);
            }
        });
        let memory = &mut desk.memory.data;
        memory.rows = rows;
        if memory.rows.is_empty() {
            nothing_found(ui);
        }
        if let Some(at) = clicked {
            let modifiers = ui.input(|input| input.modifiers);
            select(memory, at, modifiers.shift, modifiers.command);
        }
        if let Some(column) = sort {
            let ascending = !memory.sort.is_some_and(|sort| sort.column == column && sort.ascending);
            memory.sort = Some(SortArrow { column, ascending });
        }
    });
}

fn nothing_found(ui: &mut Ui) {
    let tokens = theme::of(ui);
    let at = ui.max_rect().center_top() + egui::vec2(0.0, 80.0);
    let text = crate::ui::widgets::galley(ui, "No text matches.", font(size::BASE, Weight::Regular), tokens.text2);
    crate::ui::widgets::paint_middle(ui.painter(), at, text);
}

fn row_ui(ui: &mut Ui, row: &mut TableRow, text: &Text, project: &Project, looks: &LabelLooks, selected: bool) -> bool {
    let tokens = theme::of(ui);
    let base = font(size::BASE, Weight::Regular);
    let response = row.begin(ui, &text.line(), selected);
    row.text(
        ui,
        COLUMN_NUMBER,
        &(row.index + 1).to_string(),
        font(11.5, Weight::Regular),
        tokens.text3,
    );
    let cell = row.cell(COLUMN_TEXT);
    let room = cell.width() - marks(ui, row, text);
    let body = crate::ui::widgets::text_cut(ui, text, base.clone(), tokens.text, room);
    crate::ui::widgets::paint_left(ui.painter(), cell.left_center(), body);
    labels_ui(ui, row, text, looks);
    row.text(
        ui,
        COLUMN_SPLIT,
        text.split.map_or("–", Split::name),
        base.clone(),
        tokens.text2,
    );
    let how = text.annotation.as_ref().map_or("–", |annotation| annotation.how.name());
    row.text(ui, COLUMN_HOW, how, base.clone(), tokens.text3);
    let score = project.best_suggestion(text.id).map(|(_, prob)| f64::from(prob));
    row.text(ui, COLUMN_SCORE, &prob(score), base, tokens.text);
    response.clicked()
}

/// Flag and note, at the right end of the text; returns the points they take.
fn marks(ui: &Ui, row: &TableRow, text: &Text) -> f32 {
    let tokens = theme::of(ui);
    let cell = row.cell(COLUMN_TEXT);
    let mut taken = 0.0;
    for (on, icon, color) in [
        (text.flagged, icons::FLAG, tokens.warning),
        (!text.note.is_empty(), icons::NOTE, tokens.text2),
    ] {
        if on {
            icon_at(
                ui.painter(),
                pos2(cell.right() - 6.0 - taken, cell.center().y),
                icon,
                12.0,
                color,
            );
            taken += 18.0;
        }
    }
    taken
}

fn labels_ui(ui: &Ui, row: &TableRow, text: &Text, looks: &LabelLooks) {
    let tokens = theme::of(ui);
    let base = font(size::BASE, Weight::Regular);
    let Some(annotation) = &text.annotation else {
        return row.text(ui, COLUMN_LABELS, "–", base, tokens.text3);
    };
    if annotation.labels.is_empty() {
        return row.text(ui, COLUMN_LABELS, "none of them", base, tokens.text3);
    }
    let cell = row.cell(COLUMN_LABELS);
    let mut at = cell.left_center();
    for (i, look) in annotation.labels.iter().filter_map(|id| looks.get(*id)).enumerate() {
        let more = annotation.labels.len() - i;
        let room = cell.right() - at.x - if more > 1 { 26.0 } else { 0.0 };
        let chip = Chip::new(&look.name, look.color)
            .small()
            .shown()
            .max_width(room.max(0.0));
        if room < 44.0 {
            let text = crate::ui::widgets::galley(ui, format!("+{more}"), font(11.5, Weight::Regular), tokens.text3);
            crate::ui::widgets::paint_left(ui.painter(), at, text);
            return;
        }
        at.x += chip.paint(ui, at) + 4.0;
    }
}
