//! A virtual table: only the rows on screen are drawn, so a million cost what thirty do.

use egui::{Color32, FontId, Rect, Response, Role, ScrollArea, Sense, Stroke, Ui, UiBuilder, Vec2, WidgetInfo, pos2};

use super::{galley_cut, icon_at, paint_left, paint_right};
use crate::ui::{
    icons,
    theme::{self, Weight, font, size, space},
};

/// Where a cell's text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// At the left: words.
    Left,
    /// At the right: numbers.
    Right,
}

/// How wide a column is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Width {
    /// So many points.
    Points(f32),
    /// This share of what the others leave, but at least so many points.
    Rest(f32, f32),
}

/// A column.
#[derive(Debug, Clone, Copy)]
pub struct Column<'a> {
    /// Its head; may be empty.
    pub title: &'a str,
    /// Its width.
    pub width: Width,
    /// Where its text stands.
    pub align: Align,
    /// Whether a click on the head sorts by it.
    pub sortable: bool,
}

impl<'a> Column<'a> {
    /// A column of words.
    pub fn left(title: &'a str, width: Width) -> Self {
        Column {
            title,
            width,
            align: Align::Left,
            sortable: false,
        }
    }

    /// A column of numbers.
    pub fn right(title: &'a str, width: Width) -> Self {
        Column {
            title,
            width,
            align: Align::Right,
            sortable: false,
        }
    }

    /// A click on its head sorts.
    pub fn sortable(mut self) -> Self {
        self.sortable = true;
        self
    }
}

/// What a table is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SortArrow {
    /// Index of the column.
    pub column: usize,
    /// Smallest first.
    pub ascending: bool,
}

/// A table that fills the space it is given.
#[must_use = "call `show`"]
pub struct Table<'a> {
    /// Distinguishes its scroll position from others'.
    pub salt: &'a str,
    /// The columns, left to right.
    pub columns: &'a [Column<'a>],
    /// How many rows there are.
    pub n_rows: usize,
    /// Points for a row.
    pub row_height: f32,
    /// What it is sorted by.
    pub sorted: Option<SortArrow>,
    /// A row to bring into view.
    pub reveal: Option<usize>,
}

impl<'a> Table<'a> {
    /// A table with rows of ordinary height.
    pub fn new(salt: &'a str, columns: &'a [Column<'a>], n_rows: usize) -> Self {
        Table {
            salt,
            columns,
            n_rows,
            row_height: space::ROW,
            sorted: None,
            reveal: None,
        }
    }

    /// Shows it; `row` draws one row. Returns the index of the column whose head was clicked.
    pub fn show(self, ui: &mut Ui, mut row: impl FnMut(&mut Ui, &mut TableRow)) -> Option<usize> {
        ui.spacing_mut().item_spacing = Vec2::ZERO;
        let area = ui.available_rect_before_wrap();
        let cells = self.cells(area.width());
        let clicked = self.head(ui, &cells);
        let height = self.row_height;
        let n_rows = self.n_rows;
        let mut scroll = ScrollArea::vertical().id_salt(self.salt).auto_shrink(false);
        if let Some(target) = self.reveal {
            scroll = scroll.vertical_scroll_offset(self.offset_for(ui, target));
        }
        let output = scroll.show_rows(ui, height, n_rows, |ui, visible| {
            let left = ui.max_rect().left();
            let mut top = ui.max_rect().top();
            for index in visible {
                let rect = Rect::from_min_size(pos2(left, top), Vec2::new(area.width(), height));
                let salt = (self.salt, index);
                ui.scope_builder(UiBuilder::new().id_salt(salt).max_rect(rect), |ui| {
                    row(
                        ui,
                        &mut TableRow {
                            index,
                            rect,
                            cells: &cells,
                            columns: self.columns,
                        },
                    );
                });
                top += height;
            }
        });
        let id = ui.scope_id().with((self.salt, "scrolled"));
        ui.data_mut(|data| data.insert_temp(id, (output.state.clamped_offset().y, output.inner_rect.height())));
        clicked
    }

    /// The scroll offset that shows `target` with as little movement as possible.
    fn offset_for(&self, ui: &Ui, target: usize) -> f32 {
        let id = ui.scope_id().with((self.salt, "scrolled"));
        let (offset, page): (f32, f32) = ui.data(|data| data.get_temp(id)).unwrap_or((0.0, 400.0));
        let top = target as f32 * self.row_height;
        offset.clamp(
            (top + self.row_height - page).max(0.0),
            top.max((top + self.row_height - page).max(0.0)),
        )
    }

    fn cells(&self, width: f32) -> Vec<(f32, f32)> {
        let padding = 8.0;
        let fixed: f32 = self
            .columns
            .iter()
            .map(|c| if let Width::Points(p) = c.width { p } else { 0.0 })
            .sum();
        let shares: f32 = self
            .columns
            .iter()
            .map(|c| if let Width::Rest(s, _) = c.width { s } else { 0.0 })
            .sum();
        let rest = (width - fixed - padding * 2.0).max(0.0);
        let mut x = padding;
        self.columns
            .iter()
            .map(|column| {
                let width = match column.width {
                    Width::Points(points) => points,
                    Width::Rest(share, least) => (rest * share / shares.max(1e-6)).max(least),
                };
                let cell = (x, width);
                x += width;
                cell
            })
            .collect()
    }

    fn head(&self, ui: &mut Ui, cells: &[(f32, f32)]) -> Option<usize> {
        if self.columns.iter().all(|column| column.title.is_empty()) {
            return None;
        }
        let tokens = theme::of(ui);
        let size = Vec2::new(ui.available_width(), space::ROW);
        let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
        let mut clicked = None;
        for (i, (column, (x, width))) in self.columns.iter().zip(cells).enumerate() {
            let cell = Rect::from_min_size(pos2(rect.left() + x, rect.top()), Vec2::new(*width, rect.height()));
            let sense = if column.sortable {
                Sense::click()
            } else {
                Sense::hover()
            };
            let response = ui.interact(cell, ui.scope_id().with((self.salt, "head", i)), sense);
            if !column.title.is_empty() {
                let role = if column.sortable {
                    Role::Button
                } else {
                    Role::ColumnHeader
                };
                let name = if column.sortable {
                    format!("Sort by {}", column.title)
                } else {
                    column.title.to_owned()
                };
                response.widget_info(|| WidgetInfo::labeled(role, true, &name));
            }
            if response.clicked() {
                clicked = Some(i);
            }
            let color = if response.hovered() && column.sortable {
                tokens.text
            } else {
                tokens.text3
            };
            let text = galley_cut(ui, column.title, font(size::SMALL, Weight::Medium), color, width - 16.0);
            let arrow = self.sorted.filter(|sorted| sorted.column == i);
            let y = cell.center().y;
            let arrow_x = match column.align {
                Align::Left => {
                    let x = cell.left() + 8.0 + text.size().x + 9.0;
                    paint_left(ui.painter(), pos2(cell.left() + 8.0, y), text);
                    x
                }
                Align::Right => {
                    let x = cell.right() - 8.0 - text.size().x - 9.0;
                    paint_right(ui.painter(), pos2(cell.right() - 8.0, y), text);
                    x
                }
            };
            if let Some(arrow) = arrow {
                let icon = if arrow.ascending {
                    icons::SORT_UP
                } else {
                    icons::SORT_DOWN
                };
                icon_at(ui.painter(), pos2(arrow_x, y), icon, 11.0, tokens.accent);
            }
        }
        ui.painter()
            .hline(rect.x_range(), rect.bottom() - 0.5, Stroke::new(1.0, tokens.line));
        clicked
    }
}

/// One row while it is drawn.
pub struct TableRow<'a> {
    /// From 0.
    pub index: usize,
    /// The whole row.
    pub rect: Rect,
    cells: &'a [(f32, f32)],
    columns: &'a [Column<'a>],
}

impl TableRow<'_> {
    /// Senses clicks on the row and paints what is behind its cells. Call it first.
    pub fn begin(&self, ui: &mut Ui, name: &str, selected: bool) -> Response {
        let tokens = theme::of(ui);
        let response = ui.interact(self.rect, ui.scope_id().with("row"), Sense::click());
        response.widget_info(|| WidgetInfo::selected(Role::ListBoxOption, true, selected, name));
        if selected {
            ui.painter()
                .rect_filled(self.rect, 0, theme::mix(tokens.panel, tokens.accent, 0.13));
        } else if response.hovered() || response.has_focus() {
            ui.painter().rect_filled(self.rect, 0, tokens.raised);
        }
        ui.painter().hline(
            self.rect.x_range(),
            self.rect.bottom() - 0.5,
            Stroke::new(1.0, tokens.line),
        );
        response
    }

    /// The rectangle of a cell, without its padding.
    pub fn cell(&self, column: usize) -> Rect {
        let (x, width) = self.cells.get(column).copied().unwrap_or_default();
        let left = self.rect.left() + x;
        Rect::from_min_max(
            pos2(left + 8.0, self.rect.top()),
            pos2((left + width - 8.0).max(left + 8.0), self.rect.bottom()),
        )
    }

    /// Writes a cell, cut where it is too long.
    pub fn text(&self, ui: &Ui, column: usize, text: &str, font: FontId, color: Color32) {
        let cell = self.cell(column);
        let text = galley_cut(ui, text, font, color, cell.width());
        match self.columns.get(column).map(|column| column.align) {
            Some(Align::Right) => paint_right(ui.painter(), cell.right_center(), text),
            _ => paint_left(ui.painter(), cell.left_center(), text),
        }
    }
}
