//! The heat map of a single-label run. Names stay in view while the cells scroll; cells out of view cost nothing.

use std::ops::Range;

use egui::{Rect, ScrollArea, Ui, UiBuilder, Vec2, epaint::TextShape, pos2, vec2};

use super::{cell_texts::Cell, figures::Figures};
use crate::core::metrics::Confusion;
use crate::ui::{
    desk::Desk,
    theme::{self, Weight, color_at, font, size, space},
    widgets::{Button, HeatCell, galley, galley_cut, heat_cell, paint_left, paint_middle, paint_right, thousands},
};

/// Smallest and largest cell, in points.
const CELL: (Vec2, Vec2) = (vec2(18.0, 18.0), vec2(116.0, 84.0));
/// Narrower columns have their names upright.
const LEVEL_NAMES: f32 = 52.0;
/// Points for names that stand upright.
const UPRIGHT: f32 = 84.0;
/// Between cells.
const GAP: f32 = 4.0;

/// What the large figure of a cell is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Shares {
    /// Texts.
    #[default]
    Counts,
    /// Their share of the texts with that true label.
    Rows,
    /// Their share of the texts given that label.
    Columns,
}

const SHARES: [(Shares, &str); 3] = [
    (Shares::Counts, "counts"),
    (Shares::Rows, "rows"),
    (Shares::Columns, "columns"),
];

struct Grid {
    cell: Vec2,
    n_rows: usize,
    n_columns: usize,
    body: Rect,
}

pub(super) fn matrix_ui(ui: &mut Ui, rect: Rect, desk: &mut Desk, figures: &Figures) {
    let Some(confusion) = &figures.evaluation.report.confusion else {
        return;
    };
    head_ui(ui, rect, desk);
    let n_labels = confusion.n_labels();
    let abstained = confusion.undecided().iter().any(|n| *n > 0);
    let n_columns = n_labels + usize::from(abstained);
    let widest = (0..n_labels.min(200)).map(|at| {
        let name = galley(
            ui,
            figures.look(desk, at).name,
            font(12.5, Weight::Regular),
            egui::Color32::WHITE,
        );
        name.size().x
    });
    let names = widest
        .fold(40.0_f32, f32::max)
        .min((rect.width() * 0.28).min(130.0))
        .ceil()
        + 10.0;
    let room = vec2(rect.width() - names, rect.height() - space::CONTROL_SMALL - 4.0);
    let width = fit(room.x, n_columns, CELL.0.x, CELL.1.x);
    let heads = if width < LEVEL_NAMES { UPRIGHT } else { 26.0 };
    let height = fit(room.y - heads, n_labels, CELL.0.y, CELL.1.y);
    let top = rect.top() + space::CONTROL_SMALL + 4.0 + heads;
    let grid = Grid {
        cell: vec2(width, height),
        n_rows: n_labels,
        n_columns,
        body: Rect::from_min_max(pos2(rect.left() + names, top), rect.max),
    };
    let offset = cells_ui(ui, &grid, desk, figures, confusion);
    names_ui(ui, rect, &grid, offset, desk, figures);
}

fn fit(room: f32, n: usize, least: f32, most: f32) -> f32 {
    ((room - 4.0) / n.max(1) as f32 - GAP).floor().clamp(least, most)
}

fn head_ui(ui: &mut Ui, rect: Rect, desk: &mut Desk) {
    let tokens = theme::of(ui);
    let line = Rect::from_min_size(rect.min, vec2(rect.width(), space::CONTROL_SMALL));
    let text = galley(
        ui,
        "True label by row, predicted by column",
        font(size::SMALL, Weight::SemiBold),
        tokens.text2,
    );
    let choices = 232.0;
    if text.size().x + choices < rect.width() {
        paint_left(ui.painter(), line.left_center(), text);
    }
    let mut child = ui.new_child(UiBuilder::new().id_salt("shares").max_rect(line));
    child.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
        ui.spacing_mut().item_spacing.x = 2.0;
        for (shares, name) in SHARES.into_iter().rev() {
            let on = desk.memory.evaluate.cells.shares == shares;
            if ui.add(Button::quiet(name).small().selected(on)).clicked() {
                desk.memory.evaluate.cells.shares = shares;
            }
        }
    });
}

/// Draws the cells in view; returns how far they are scrolled.
fn cells_ui(ui: &mut Ui, grid: &Grid, desk: &mut Desk, figures: &Figures, confusion: &Confusion) -> Vec2 {
    let pitch = grid.cell + Vec2::splat(GAP);
    let mut child = ui.new_child(UiBuilder::new().id_salt("cells").max_rect(grid.body));
    let scroll = ScrollArea::both().id_salt("matrix").auto_shrink(false);
    let output = scroll.show_viewport(&mut child, |ui, view| {
        let size = vec2(grid.n_columns as f32 * pitch.x, grid.n_rows as f32 * pitch.y);
        ui.set_min_size(size);
        let origin = ui.max_rect().min + Vec2::splat(2.0);
        for truth in in_view(view.y_range(), pitch.y, grid.n_rows) {
            for column in in_view(view.x_range(), pitch.x, grid.n_columns) {
                let at = origin + vec2(column as f32 * pitch.x, truth as f32 * pitch.y);
                let rect = Rect::from_min_size(at, grid.cell);
                cell_ui(ui, rect, desk, figures, confusion, truth, column);
            }
        }
    });
    output.state.clamped_offset()
}

fn in_view(view: egui::Rangef, pitch: f32, n: usize) -> Range<usize> {
    let first = (view.min / pitch).floor().max(0.0) as usize;
    let end = (view.max / pitch).ceil().max(0.0) as usize;
    first.min(n)..end.min(n)
}

fn cell_ui(
    ui: &mut Ui,
    rect: Rect,
    desk: &mut Desk,
    figures: &Figures,
    confusion: &Confusion,
    truth: usize,
    column: usize,
) {
    let decided = (column < confusion.n_labels()).then_some(column);
    let cell = Cell::Pair { truth, decided };
    let n = match decided {
        Some(decided) => confusion.count(truth, decided),
        None => confusion.undecided().get(truth).copied().unwrap_or(0),
    };
    let n_decided = match decided {
        Some(decided) => confusion.n_decided(decided),
        None => confusion.undecided().iter().sum(),
    };
    let share = |of: usize| if of == 0 { 0.0 } else { n as f32 / of as f32 };
    let shares = desk.memory.evaluate.cells.shares;
    let part = match shares {
        Shares::Counts | Shares::Rows => share(confusion.n_true(truth)),
        Shares::Columns => share(n_decided),
    };
    let (count, percent) = (thousands(n), format!("{:.1} %", 100.0 * part));
    let (figure, remark) = match shares {
        Shares::Counts => (&count, &percent),
        Shares::Rows | Shares::Columns => (&percent, &count),
    };
    let right = decided == Some(truth);
    let tokens = theme::of(ui);
    let shown = HeatCell {
        name: &format!("{}: {count}", cell.title(desk, figures)),
        figure,
        remark,
        heat: if right { part * part } else { (part * 2.5).min(1.0) },
        color: match (right, decided) {
            (true, _) => color_at(0),
            (false, Some(_)) => tokens.wrong,
            (false, None) => tokens.text3,
        },
        chosen: desk.memory.evaluate.cells.is_chosen(cell),
    };
    if heat_cell(ui, rect, &shown).clicked() {
        desk.memory.evaluate.cells.choose(cell);
    }
}

/// The names of rows and columns, moved along with the cells.
fn names_ui(ui: &Ui, rect: Rect, grid: &Grid, offset: Vec2, desk: &Desk, figures: &Figures) {
    let tokens = theme::of(ui);
    let pitch = grid.cell + Vec2::splat(GAP);
    let origin = grid.body.min + Vec2::splat(2.0) - offset;
    let face = font(if grid.cell.y < 20.0 { size::TINY } else { 12.5 }, Weight::Regular);
    let view = |from: f32, room: f32| egui::Rangef::new(from, from + room);
    let left = Rect::from_min_max(pos2(rect.left(), grid.body.top()), grid.body.left_bottom());
    let rows = ui.painter().with_clip_rect(left.intersect(ui.clip_rect()));
    for at in in_view(view(offset.y, grid.body.height()), pitch.y, grid.n_rows) {
        let name = galley_cut(
            ui,
            figures.look(desk, at).name,
            face.clone(),
            tokens.text,
            left.width() - 10.0,
        );
        let y = origin.y + at as f32 * pitch.y + grid.cell.y / 2.0;
        paint_right(&rows, pos2(left.right() - 8.0, y), name);
    }
    let above = Rect::from_min_max(
        pos2(grid.body.left(), rect.top() + space::CONTROL_SMALL),
        grid.body.right_top(),
    );
    let heads = ui.painter().with_clip_rect(above.intersect(ui.clip_rect()));
    for at in in_view(view(offset.x, grid.body.width()), pitch.x, grid.n_columns) {
        let x = origin.x + at as f32 * pitch.x + grid.cell.x / 2.0;
        let (name, color) = match at < grid.n_rows {
            true => (figures.look(desk, at).name, tokens.text),
            false => ("no label", tokens.text2),
        };
        if grid.cell.x >= LEVEL_NAMES {
            let name = galley_cut(ui, name, face.clone(), color, grid.cell.x);
            paint_middle(&heads, pos2(x, grid.body.top() - 13.0), name);
        } else {
            let name = galley_cut(ui, name, face.clone(), color, UPRIGHT - 10.0);
            let at = pos2(x - name.size().y / 2.0, grid.body.top() - 4.0);
            heads.add(TextShape::new(at, name, color).with_angle(-std::f32::consts::FRAC_PI_2));
        }
    }
}
