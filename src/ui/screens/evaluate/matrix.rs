//! The heat map of a square table. Names stay in view while the cells scroll; cells out of view cost nothing. Cells too small for figures are
//! coloured squares, and a line below says what the pointer is on.

use std::ops::Range;
use std::rc::Rc;

use egui::{
    EventFilter, Id, Mesh, Rect, Response, Role, ScrollArea, Sense, Stroke, StrokeKind, Ui, UiBuilder, Vec2,
    WidgetInfo, pos2, vec2,
};

use super::{
    branches,
    figures::Figures,
    heat_table::{Cached, HeatTable, View},
    table_names::{names_ui, readout_ui, sentence},
};
use crate::core::RunId;
use crate::core::metrics::LabelOrder;
use crate::ui::{
    desk::Desk,
    theme::{self, Weight, color_at, font},
    widgets::{HeatCell, galley, heat_cell, heat_fill, thousands},
};

/// The largest cell, in points.
const LARGEST: Vec2 = vec2(116.0, 84.0);
/// The smallest cell a zoom leads to.
const SMALLEST: f32 = 1.0;
/// With more labels a cell without texts shows no figure, and cells become as small as they must be to be seen all at once.
const FEW: usize = 12;
/// Smaller cells have no figures and are painted all at once.
const READABLE: f32 = 20.0;
/// Cells that are zoomed are so much wider than high, once they have figures.
const ASPECT: f32 = 1.38;
/// Narrower columns have their names upright.
const LEVEL_NAMES: f32 = 76.0;
/// Points for names of columns that are level.
pub(super) const LEVEL: f32 = 26.0;
/// Points for names that stand upright.
pub(super) const UPRIGHT: f32 = 84.0;
/// Rows nearer to each other have names only where something is chosen or under the pointer.
pub(super) const NAMED: f32 = 11.0;
/// Points for the line that says what is under the pointer.
pub(super) const READOUT: f32 = 22.0;
/// What one press of a zoom key multiplies the size of cells by.
pub(super) const ZOOM_STEP: f32 = 1.3;

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

/// What is remembered of the tables.
#[derive(Default)]
pub(super) struct Memory {
    /// What the large figures of the heat map are.
    pub shares: Shares,
    /// Which table was chosen, where there are several.
    pub view: Option<View>,
    /// Of a tree: the run, and its label whose children are on show.
    pub under: Option<(RunId, usize)>,
    /// How its labels are ordered.
    pub order: LabelOrder,
    /// Points from one row to the next; `None`: as the whole table fits.
    pub zoom: Option<f32>,
    /// The chosen cell is to be scrolled to.
    pub reveal: bool,
    /// It is to stand in the middle then.
    center: bool,
    pub cached: Cached,
    /// Points from one row to the next in the last frame, where it fits, and how far it was scrolled.
    drawn: Drawn,
    /// Where to scroll to, so that what is under the pointer stays there while it grows.
    offset: Option<Vec2>,
    /// The table as one thing that can have the keyboard.
    pub focus: Option<Id>,
}

impl Memory {
    /// The table on show.
    pub fn shown(&self, figures: &Figures) -> View {
        let under = self.under.filter(|(run, _)| *run == figures.evaluation.run);
        View::of(self.view, under.map(|(_, label)| label), &figures.evaluation)
    }
}

#[derive(Debug, Clone, Copy)]
struct Drawn {
    pitch: Vec2,
    fits: f32,
}

impl Default for Drawn {
    fn default() -> Self {
        Drawn {
            pitch: Vec2::splat(READABLE),
            fits: READABLE,
        }
    }
}

/// Multiplies the size of cells; back at the size where all of them fit they go on fitting.
pub(super) fn zoom_by(memory: &mut Memory, factor: f32) {
    let most = LARGEST.y.max(memory.drawn.fits);
    let wanted = (memory.drawn.pitch.y * factor).clamp(SMALLEST, most);
    memory.zoom = (wanted > memory.drawn.fits + 0.01).then_some(wanted);
    memory.reveal = true;
    memory.center = true;
}

/// The size and the place of cells.
pub(super) struct Grid {
    pub pitch: Vec2,
    /// Between cells.
    pub gap: f32,
    pub table: Rc<HeatTable>,
    pub body: Rect,
}

impl Grid {
    /// Rows and columns.
    pub fn n(&self) -> (usize, usize) {
        (self.table.n_labels(), self.table.n_columns())
    }

    fn has_figures(&self) -> bool {
        self.pitch.y >= READABLE
    }

    fn rect(&self, origin: egui::Pos2, row: usize, column: usize) -> Rect {
        let at = origin + vec2(column as f32 * self.pitch.x, row as f32 * self.pitch.y);
        Rect::from_min_size(at, self.pitch - Vec2::splat(self.gap))
    }

    /// Row and column of a point, counted from the first cell.
    fn at(&self, point: Vec2) -> Option<(usize, usize)> {
        let (row, column) = (point.y / self.pitch.y, point.x / self.pitch.x);
        let inside = row >= 0.0 && column >= 0.0;
        let place = (row as usize, column as usize);
        (inside && place.0 < self.n().0 && place.1 < self.n().1).then_some(place)
    }
}

/// Whether the names of columns are level: where columns are wide, and where only one of them is named.
pub(super) fn is_level(pitch: Vec2) -> bool {
    pitch.x >= LEVEL_NAMES || pitch.min_elem() < NAMED
}

fn gap(pitch: f32) -> f32 {
    match pitch {
        p if p >= 44.0 => 4.0,
        p if p >= READABLE => 2.0,
        p if p >= 8.0 => 1.0,
        _ => 0.0,
    }
}

pub(super) fn matrix_ui(ui: &mut Ui, rect: Rect, desk: &mut Desk, figures: &Figures, view: View) {
    let memory = &mut desk.memory.evaluate.table;
    let table = memory.cached.get(figures, view, memory.order);
    let grid = grid(ui, rect, desk, figures, table);
    let (offset, hovered) = cells_ui(ui, &grid, desk, figures);
    let chosen = chosen(desk, &grid.table);
    let clicked = names_ui(ui, rect, &grid, offset, desk, figures, hovered.or(chosen));
    if !grid.has_figures() {
        readout_ui(ui, rect, &grid, desk, figures, hovered.or(chosen));
    }
    if let Some(label) = clicked {
        branches::descend(desk, figures, Some(label));
    }
}

pub(super) fn chosen(desk: &Desk, table: &HeatTable) -> Option<(usize, usize)> {
    desk.memory.evaluate.cells.cell().and_then(|cell| table.place(cell))
}

/// Cells as large as fit, or as large as they were zoomed to.
fn grid(ui: &Ui, rect: Rect, desk: &mut Desk, figures: &Figures, table: Rc<HeatTable>) -> Grid {
    let (n_rows, n_columns) = (table.n_labels(), table.n_columns());
    let face = font(12.5, Weight::Regular);
    let widest = (0..n_rows.min(200)).map(|at| {
        let name = table.name(desk, figures, at);
        galley(ui, name, face.clone(), egui::Color32::WHITE).size().x
    });
    let names = widest
        .fold(40.0_f32, f32::max)
        .min((rect.width() * 0.28).min(130.0))
        .ceil()
        + 10.0;
    let room = vec2(rect.width() - names, rect.height());
    let fit = |heads: f32, foot: f32| {
        let wide = (room.x - 4.0) / n_columns.max(1) as f32;
        let high = (room.y - heads - foot - 4.0) / n_rows.max(1) as f32;
        vec2(wide, high).max(Vec2::splat(SMALLEST)).min(LARGEST)
    };
    let mut pitch = fit(LEVEL, 0.0);
    if pitch.x < LEVEL_NAMES {
        pitch = fit(UPRIGHT, 0.0);
    }
    if n_rows <= FEW {
        // Few labels are worth scrolling for in a small window.
        pitch = pitch.max(Vec2::splat(READABLE));
    } else if pitch.min_elem() < READABLE {
        pitch = Vec2::splat(fit(UPRIGHT, READOUT).min_elem());
    }
    if pitch.min_elem() < NAMED {
        pitch = Vec2::splat(fit(LEVEL, READOUT).min_elem().min(NAMED - 0.5));
    }
    if pitch.min_elem() >= NAMED {
        pitch = pitch.floor();
    }
    let memory = &mut desk.memory.evaluate.table;
    let fits = pitch.y;
    if let Some(high) = memory.zoom {
        pitch = match high >= READABLE {
            true => vec2((high * ASPECT).max(pitch.x).min(LARGEST.x.max(pitch.x)), high),
            false => Vec2::splat(high),
        };
    }
    memory.drawn = Drawn { pitch, fits };
    let heads = if is_level(pitch) { LEVEL } else { UPRIGHT };
    let foot = if pitch.y < READABLE { READOUT } else { 0.0 };
    Grid {
        gap: gap(pitch.min_elem()),
        pitch,
        table,
        body: Rect::from_min_max(
            pos2(rect.left() + names, rect.top() + heads),
            rect.max - vec2(0.0, foot),
        ),
    }
}

/// Draws the cells in view; returns how far they are scrolled, and the row and column under the pointer.
fn cells_ui(ui: &mut Ui, grid: &Grid, desk: &mut Desk, figures: &Figures) -> (Vec2, Option<(usize, usize)>) {
    let memory = &mut desk.memory.evaluate.table;
    let mut scroll = ScrollArea::both().id_salt("matrix").auto_shrink(false);
    if let Some(offset) = memory.offset.take() {
        scroll = scroll.scroll_offset(offset);
    }
    let reveal = std::mem::take(&mut memory.reveal);
    let align = std::mem::take(&mut memory.center).then_some(egui::Align::Center);
    let mut hovered = None;
    let mut child = ui.new_child(UiBuilder::new().id_salt("cells").max_rect(grid.body));
    let output = scroll.show_viewport(&mut child, |ui, view| {
        let (n_rows, n_columns) = grid.n();
        let size = vec2(n_columns as f32 * grid.pitch.x, n_rows as f32 * grid.pitch.y);
        ui.set_min_size(size + Vec2::splat(4.0));
        let origin = ui.max_rect().min + Vec2::splat(2.0);
        let whole = whole_ui(ui, Rect::from_min_size(origin, size), grid, desk, figures);
        let pointer = whole.hover_pos().or(ui.input(|input| input.pointer.hover_pos()));
        let inside = pointer.filter(|at| ui.clip_rect().contains(*at) && whole.contains_pointer());
        hovered = inside.and_then(|at| grid.at(at - origin));
        let rows = in_view(view.y_range(), grid.pitch.y, n_rows);
        let columns = in_view(view.x_range(), grid.pitch.x, n_columns);
        match grid.has_figures() {
            true => {
                for (row, column) in rows.flat_map(|row| columns.clone().map(move |column| (row, column))) {
                    cell_ui(ui, grid.rect(origin, row, column), grid, desk, figures, (row, column));
                }
            }
            false => {
                squares_ui(ui, origin, grid, desk, (rows, columns), hovered);
                let clicked = whole.clicked().then(|| whole.interact_pointer_pos()).flatten();
                if let Some((row, column)) = clicked.and_then(|at| grid.at(at - origin))
                    && let Some(cell) = grid.table.cell(row, column)
                {
                    desk.memory.evaluate.cells.choose(cell);
                }
            }
        }
        if let Some((row, column)) = chosen(desk, &grid.table).filter(|_| reveal) {
            let margin = grid.pitch.y.min(40.0);
            ui.scroll_to_rect(grid.rect(origin, row, column).expand(margin), align);
        }
    });
    let offset = output.state.clamped_offset();
    wheel(ui, grid, offset, desk);
    (offset, hovered)
}

/// The table as one thing that can have the keyboard: arrows then move the chosen cell. It says which that is.
fn whole_ui(ui: &mut Ui, rect: Rect, grid: &Grid, desk: &mut Desk, figures: &Figures) -> Response {
    let whole = ui.interact(rect, ui.scope_id().with("table"), Sense::click());
    let said = match chosen(desk, &grid.table) {
        Some(place) => sentence(desk, figures, &grid.table, place),
        None => "no cell is chosen".to_owned(),
    };
    let (n_rows, n_columns) = grid.n();
    whole.widget_info(|| {
        let text = format!("Table of {n_rows} by {n_columns} cells. {said}");
        WidgetInfo::labeled(Role::Grid, true, text)
    });
    desk.memory.evaluate.table.focus = Some(whole.id);
    if whole.has_focus() {
        let arrows = EventFilter {
            horizontal_arrows: true,
            vertical_arrows: true,
            ..EventFilter::default()
        };
        ui.memory_mut(|memory| memory.set_focus_lock_filter(whole.id, arrows));
        let ring = rect.intersect(ui.clip_rect()).expand(2.0);
        let stroke = Stroke::new(2.0, theme::of(ui).accent);
        ui.painter().rect_stroke(ring, 4, stroke, StrokeKind::Inside);
    }
    whole
}

/// Ctrl and the wheel: what is under the pointer stays there.
fn wheel(ui: &Ui, grid: &Grid, offset: Vec2, desk: &mut Desk) {
    let (factor, pointer) = ui.input(|input| (input.zoom_delta(), input.pointer.hover_pos()));
    let Some(at) = pointer.filter(|at| factor != 1.0 && grid.body.contains(*at)) else {
        return;
    };
    let memory = &mut desk.memory.evaluate.table;
    let before = grid.pitch;
    zoom_by(memory, factor);
    (memory.reveal, memory.center) = (false, false);
    let high = memory.zoom.unwrap_or(memory.drawn.fits);
    let ratio = high / before.y;
    let from = at - grid.body.min;
    memory.offset = Some(((offset + from) * ratio - from).max(Vec2::ZERO));
    ui.ctx().request_repaint();
}

pub(super) fn in_view(view: egui::Rangef, pitch: f32, n: usize) -> Range<usize> {
    let first = (view.min / pitch).floor().max(0.0) as usize;
    let end = (view.max / pitch).ceil().max(0.0) as usize;
    first.min(n)..end.min(n)
}

/// How a cell is coloured: 0..=1, and towards which colour.
fn heat(ui: &Ui, table: &HeatTable, shares: Shares, (row, column): (usize, usize)) -> (f32, egui::Color32) {
    let tokens = theme::of(ui);
    let (Some(truth), Some(decided)) = (table.row_label(row), table.column_label(column)) else {
        return (0.0, tokens.panel);
    };
    let part = part(table, shares, truth, decided);
    let right = decided == Some(truth);
    match (table.view, right, decided) {
        (View::Together, true, _) => (part * 0.02, tokens.text3),
        (View::Together, false, _) => (part, color_at(0)),
        (_, true, _) => (part * part, color_at(0)),
        (_, false, Some(_)) => ((part * 2.5).min(1.0), tokens.wrong),
        (_, false, None) => ((part * 2.5).min(1.0), tokens.text3),
    }
}

/// The share a cell is of its row, or of its column where these are shown.
pub(super) fn part(table: &HeatTable, shares: Shares, truth: usize, decided: Option<usize>) -> f32 {
    let of = match shares {
        Shares::Counts | Shares::Rows => table.of_row(truth),
        Shares::Columns => table.of_column(decided),
    };
    match of {
        0 => 0.0,
        of => table.count(truth, decided) as f32 / of as f32,
    }
}

fn cell_ui(ui: &mut Ui, rect: Rect, grid: &Grid, desk: &mut Desk, figures: &Figures, place: (usize, usize)) {
    let table = &grid.table;
    let (Some(truth), Some(decided), Some(cell)) = (
        table.row_label(place.0),
        table.column_label(place.1),
        table.cell(place.0, place.1),
    ) else {
        return;
    };
    let shares = desk.memory.evaluate.table.shares;
    let n = table.count(truth, decided);
    let count = thousands(n);
    let percent = format!("{:.1} %", 100.0 * part(table, shares, truth, decided));
    let (figure, remark) = match shares {
        Shares::Counts => (&count, &percent),
        Shares::Rows | Shares::Columns => (&percent, &count),
    };
    let (heat, color) = heat(ui, table, shares, place);
    // Among many labels most cells are empty: they stand back.
    let empty = n == 0 && table.n_labels() > FEW;
    let shown = HeatCell {
        name: &format!("{}: {count}", cell.title(desk, figures)),
        figure: if empty { "" } else { figure },
        remark: if empty { "" } else { remark },
        heat,
        color: if empty { theme::of(ui).text3 } else { color },
        chosen: desk.memory.evaluate.cells.is_chosen(cell),
        focusable: false,
    };
    let response = heat_cell(ui, rect, &shown);
    if response.clicked() {
        desk.memory.evaluate.cells.choose(cell);
    }
    if response.double_clicked()
        && let Some(label) = branches::below_chosen(desk, figures)
    {
        branches::descend(desk, figures, Some(label));
    }
}

/// Cells without figures, as one mesh; the chosen one and the one under the pointer have a frame.
fn squares_ui(
    ui: &Ui,
    origin: egui::Pos2,
    grid: &Grid,
    desk: &Desk,
    (rows, columns): (Range<usize>, Range<usize>),
    hovered: Option<(usize, usize)>,
) {
    let tokens = theme::of(ui);
    let shares = desk.memory.evaluate.table.shares;
    let mut mesh = Mesh::default();
    for (row, column) in rows.flat_map(|row| columns.clone().map(move |column| (row, column))) {
        let (heat, color) = heat(ui, &grid.table, shares, (row, column));
        let fill = match heat > 0.0 {
            true => heat_fill(tokens.panel, color, heat),
            false => theme::mix(tokens.panel, tokens.text3, 0.07),
        };
        mesh.add_colored_rect(grid.rect(origin, row, column), fill);
    }
    ui.painter().add(mesh);
    for (place, color, width) in [
        (hovered, tokens.text2, 1.0),
        (chosen(desk, &grid.table), tokens.text, 2.0),
    ] {
        if let Some((row, column)) = place {
            let around = grid.rect(origin, row, column).expand(width + 0.5);
            ui.painter()
                .rect_stroke(around, 1, Stroke::new(width, color), StrokeKind::Inside);
        }
    }
}
