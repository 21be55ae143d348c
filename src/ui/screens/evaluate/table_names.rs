//! Beside a heat map: the names of its rows and columns, and what one of its cells says.

use std::ops::Range;

use egui::{Rect, Ui, Vec2, epaint::TextShape, pos2};

use super::{
    figures::Figures,
    heat_table::HeatTable,
    matrix::{Grid, LEVEL, NAMED, READOUT, Shares, UPRIGHT, in_view, is_level, part},
};
use crate::ui::{
    desk::Desk,
    theme::{self, Weight, font, size},
    widgets::{galley_cut, paint_left, paint_middle, paint_right, thousands},
};

/// The names of rows and columns, moved along with the cells. Where there is no room for all, those of one cell.
pub(super) fn names_ui(
    ui: &Ui,
    rect: Rect,
    grid: &Grid,
    offset: Vec2,
    desk: &Desk,
    figures: &Figures,
    only: Option<(usize, usize)>,
) {
    let tokens = theme::of(ui);
    let origin = grid.body.min + Vec2::splat(2.0) - offset;
    let face = font(if grid.pitch.y < 24.0 { size::TINY } else { 12.5 }, Weight::Regular);
    let view = |from: f32, room: f32| egui::Rangef::new(from, from + room);
    let crowded = grid.pitch.min_elem() < NAMED;
    let shown = |range: Range<usize>, only: Option<usize>| -> Vec<usize> {
        match crowded {
            true => only.into_iter().collect(),
            false => range.collect(),
        }
    };
    let strong = |at: usize, only: Option<usize>| {
        if only == Some(at) || !crowded {
            tokens.text
        } else {
            tokens.text2
        }
    };
    let left = Rect::from_min_max(pos2(rect.left(), grid.body.top()), grid.body.left_bottom());
    let rows = ui.painter().with_clip_rect(left.intersect(ui.clip_rect()));
    let in_rows = in_view(view(offset.y, grid.body.height()), grid.pitch.y, grid.n().0);
    let only_row = only.map(|place| place.0);
    for at in shown(in_rows, only_row) {
        let Some(label) = grid.table.row_label(at) else {
            continue;
        };
        let name = figures.look(desk, label).name;
        let name = galley_cut(ui, name, face.clone(), strong(at, only_row), left.width() - 10.0);
        let y = origin.y + (at as f32 + 0.5) * grid.pitch.y - grid.gap / 2.0;
        paint_right(
            &rows,
            pos2(left.right() - 8.0, y.max(left.top() + 7.0).min(left.bottom() - 7.0)),
            name,
        );
    }
    let above = Rect::from_min_max(pos2(grid.body.left(), rect.top()), grid.body.right_top());
    let heads = ui.painter().with_clip_rect(above.intersect(ui.clip_rect()));
    let in_columns = in_view(view(offset.x, grid.body.width()), grid.pitch.x, grid.n().1);
    let only_column = only.map(|place| place.1);
    for at in shown(in_columns, only_column) {
        let x = origin.x + (at as f32 + 0.5) * grid.pitch.x - grid.gap / 2.0;
        let (name, color) = match grid.table.column_label(at) {
            Some(Some(label)) => (figures.look(desk, label).name, strong(at, only_column)),
            Some(None) => ("no label", tokens.text2),
            None => continue,
        };
        if is_level(grid.pitch) {
            let width = if crowded {
                above.width()
            } else {
                grid.pitch.x - grid.gap
            };
            let name = galley_cut(ui, name, face.clone(), color, width);
            let half = name.size().x / 2.0;
            let x = x.min(above.right() - half).max(above.left() + half);
            paint_middle(&heads, pos2(x, grid.body.top() - LEVEL / 2.0), name);
        } else {
            let name = galley_cut(ui, name, face.clone(), color, UPRIGHT - 10.0);
            let at = pos2(x - name.size().y / 2.0, grid.body.top() - 4.0);
            heads.add(TextShape::new(at, name, color).with_angle(-std::f32::consts::FRAC_PI_2));
        }
    }
}

/// What one cell says, in a sentence: "World taken for Business: 38 texts, 7.6 % of the row, 8.0 % of the column".
pub(super) fn sentence(desk: &Desk, figures: &Figures, table: &HeatTable, (row, column): (usize, usize)) -> String {
    let (Some(truth), Some(decided), Some(cell)) = (
        table.row_label(row),
        table.column_label(column),
        table.cell(row, column),
    ) else {
        return String::new();
    };
    let n = table.count(truth, decided);
    let share = |shares| 100.0 * part(table, shares, truth, decided);
    format!(
        "{}: {} {}, {:.1} % of the row, {:.1} % of the column",
        cell.title(desk, figures),
        thousands(n),
        if n == 1 { "text" } else { "texts" },
        share(Shares::Rows),
        share(Shares::Columns)
    )
}

pub(super) fn readout_ui(
    ui: &Ui,
    rect: Rect,
    grid: &Grid,
    desk: &Desk,
    figures: &Figures,
    place: Option<(usize, usize)>,
) {
    let Some(place) = place else { return };
    let line = Rect::from_min_max(pos2(rect.left(), rect.bottom() - READOUT), rect.max);
    let said = sentence(desk, figures, &grid.table, place);
    let text = galley_cut(
        ui,
        &said,
        font(size::SMALL, Weight::Regular),
        theme::of(ui).text2,
        line.width(),
    );
    paint_left(ui.painter(), line.left_center(), text);
}
