//! Beside a heat map: the names of its rows and columns, and what one of its cells says.

use std::ops::Range;

use egui::{CursorIcon, Rect, Role, Sense, Ui, Vec2, WidgetInfo, epaint::TextShape, pos2};

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

/// The names of rows and columns, moved along with the cells. Where there is no room for all, those of one cell. Of a tree those with labels
/// below them can be clicked: returns which was.
pub(super) fn names_ui(
    ui: &Ui,
    rect: Rect,
    grid: &Grid,
    offset: Vec2,
    desk: &Desk,
    figures: &Figures,
    only: Option<(usize, usize)>,
) -> Option<usize> {
    let mut clicked = None;
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
        let opens = opens(figures, grid, label);
        let name = said(desk, figures, grid, label, opens);
        let name = galley_cut(ui, &name, face.clone(), strong(at, only_row), left.width() - 10.0);
        let y = origin.y + (at as f32 + 0.5) * grid.pitch.y - grid.gap / 2.0;
        paint_right(
            &rows,
            pos2(left.right() - 8.0, y.max(left.top() + 7.0).min(left.bottom() - 7.0)),
            name,
        );
        let place = egui::Rect::from_min_max(
            pos2(left.left(), y - grid.pitch.y / 2.0),
            pos2(left.right(), y + grid.pitch.y / 2.0),
        );
        let own = grid.table.name(desk, figures, label);
        clicked = name_clicked(ui, place.intersect(left), ("row", at), opens, own).or(clicked);
    }
    let above = Rect::from_min_max(pos2(grid.body.left(), rect.top()), grid.body.right_top());
    let heads = ui.painter().with_clip_rect(above.intersect(ui.clip_rect()));
    let in_columns = in_view(view(offset.x, grid.body.width()), grid.pitch.x, grid.n().1);
    let only_column = only.map(|place| place.1);
    for at in shown(in_columns, only_column) {
        let x = origin.x + (at as f32 + 0.5) * grid.pitch.x - grid.gap / 2.0;
        let (name, color) = match grid.table.column_label(at) {
            Some(Some(label)) => {
                let opens = opens(figures, grid, label);
                let place = egui::Rect::from_min_max(
                    pos2(x - grid.pitch.x / 2.0, above.top()),
                    pos2(x + grid.pitch.x / 2.0, above.bottom()),
                );
                clicked = name_clicked(
                    ui,
                    place.intersect(above),
                    ("column", at),
                    opens,
                    grid.table.name(desk, figures, label),
                )
                .or(clicked);
                (said(desk, figures, grid, label, opens), strong(at, only_column))
            }
            Some(None) => ("no label".to_owned(), tokens.text2),
            None => continue,
        };
        if is_level(grid.pitch) {
            let width = if crowded {
                above.width()
            } else {
                grid.pitch.x - grid.gap
            };
            let name = galley_cut(ui, &name, face.clone(), color, width);
            let half = name.size().x / 2.0;
            let x = x.min(above.right() - half).max(above.left() + half);
            paint_middle(&heads, pos2(x, grid.body.top() - LEVEL / 2.0), name);
        } else {
            let name = galley_cut(ui, &name, face.clone(), color, UPRIGHT - 10.0);
            let at = pos2(x - name.size().y / 2.0, grid.body.top() - 4.0);
            heads.add(TextShape::new(at, name, color).with_angle(-std::f32::consts::FRAC_PI_2));
        }
    }
    clicked
}

/// The label of a row or a column where it has labels below it to look at.
fn opens(figures: &Figures, grid: &Grid, index: usize) -> Option<usize> {
    let tree = figures.evaluation.tree.as_ref()?;
    grid.table.place_of(index)?;
    grid.table.label_of(index).filter(|label| !tree.is_leaf(*label))
}

/// A name, marked where it opens.
fn said(desk: &Desk, figures: &Figures, grid: &Grid, index: usize, opens: Option<usize>) -> String {
    let mark = if opens.is_some() { " ›" } else { "" };
    format!("{}{mark}", grid.table.name(desk, figures, index))
}

/// Returns the label that a click on its name opens.
fn name_clicked(ui: &Ui, place: Rect, salt: (&str, usize), opens: Option<usize>, name: &str) -> Option<usize> {
    let label = opens.filter(|_| place.is_positive())?;
    let response = ui.interact(place, ui.scope_id().with(salt), Sense::CLICK);
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, format!("Go down into {name}")));
    let response = response.on_hover_text(format!("Go down into {name}"));
    if response.hovered() {
        ui.ctx().set_cursor_icon(CursorIcon::PointingHand);
    }
    response.clicked().then_some(label)
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
