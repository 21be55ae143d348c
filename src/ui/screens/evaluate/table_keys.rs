//! Keys of the tables of the Confusion tab.

use egui::{Context, Id, Key, Modifiers};

use super::{
    cell::Cell,
    figures::Figures,
    heat_table::View,
    matrix::{ZOOM_STEP, chosen, zoom_by},
};
use crate::ui::desk::Desk;

/// Keys of the table: + − 0 for the size of its cells; arrows with Shift, or alone while it has the keyboard, for the chosen one.
pub(super) fn on_keys(ctx: &Context, desk: &mut Desk, figures: &Figures) {
    let view = desk.memory.evaluate.table.shown(figures);
    for c in crate::ui::keymap::typed(ctx) {
        let memory = &mut desk.memory.evaluate.table;
        match c {
            '+' | '=' => zoom_by(memory, ZOOM_STEP),
            '-' | '−' => zoom_by(memory, 1.0 / ZOOM_STEP),
            '0' => memory.zoom = None,
            _ => {}
        }
    }
    if let View::Branch(under) = view {
        let free = ctx
            .memory(|memory| memory.focused())
            .is_none_or(|id| Some(id) == desk.memory.evaluate.table.focus);
        let taken = |key| free && ctx.input_mut(|input| input.consume_key(Modifiers::NONE, key));
        if taken(Key::Backspace) {
            return super::branches::go_up(desk, figures, under);
        }
        if taken(Key::Enter)
            && let Some(label) = super::branches::below_chosen(desk, figures)
        {
            return super::branches::descend(desk, figures, Some(label));
        }
    }
    let (right, down) = arrows(ctx, desk.memory.evaluate.table.focus);
    if (right, down) == (0, 0) {
        return;
    }
    let next = match view {
        View::Outcomes => super::outcomes::beside(desk, figures, right, down),
        View::Taken | View::Together | View::Branch(_) => beside(desk, figures, view, right, down),
    };
    if let Some(cell) = next {
        desk.memory.evaluate.cells.choose(cell);
        desk.memory.evaluate.table.reveal = true;
    }
}

/// How many cells to the right and down the arrows ask for.
fn arrows(ctx: &Context, focus: Option<Id>) -> (i64, i64) {
    let focused = focus.is_some() && ctx.memory(|memory| memory.focused()) == focus;
    let pressed = |key| {
        let taken = ctx.input_mut(|input| {
            input.consume_key(Modifiers::SHIFT, key) || (focused && input.consume_key(Modifiers::NONE, key))
        });
        i64::from(taken)
    };
    (
        pressed(Key::ArrowRight) - pressed(Key::ArrowLeft),
        pressed(Key::ArrowDown) - pressed(Key::ArrowUp),
    )
}

fn beside(desk: &mut Desk, figures: &Figures, view: View, right: i64, down: i64) -> Option<Cell> {
    let memory = &mut desk.memory.evaluate.table;
    let table = memory.cached.get(figures, view, memory.order);
    let (row, column) = chosen(desk, &table).unwrap_or((0, 0));
    let step = |at: usize, by: i64, n: usize| (at as i64 + by).clamp(0, n.saturating_sub(1) as i64) as usize;
    table.cell(
        step(row, down, table.n_labels()),
        step(column, right, table.n_columns()),
    )
}
