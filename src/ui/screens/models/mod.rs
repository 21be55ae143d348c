//! The models on this machine, those that can be fetched, and folders of one's own.

mod fetch;
mod list;

use egui::{Align, Layout, Rect, Ui, UiBuilder};

pub use list::ModelList;

use super::{Screen, ScreenId, no_keys};
use crate::jobs::JobKind;
use crate::model::catalog::ModelEntry;
use crate::ui::{
    desk::{Act, Desk},
    icons,
    sheets::{PathPurpose, SheetState},
    theme::{self, Weight, font, size, space},
    widgets::{
        Button, Card, Column, Table, TableRow, Width, cut, galley_cut, icon_at, paint_left, screen_rect, split_top,
        thousands, wrapped,
    },
};

/// Its id.
pub const ID: ScreenId = ScreenId("models");

pub(super) const SCREEN: Screen = Screen {
    id: ID,
    title: "Models",
    icon: icons::MODELS,
    in_rail: true,
    keys: &[],
    on_keys: no_keys,
    ui,
};

/// What the screen remembers.
#[derive(Default)]
pub struct Memory {
    /// The models on this machine, for every screen that offers them.
    pub list: ModelList,
}

const COLUMNS: [Column; 5] = [
    Column {
        title: "Model",
        width: Width::Rest(1.0, 130.0),
        align: crate::ui::widgets::Align::Left,
        sortable: false,
    },
    Column {
        title: "Size",
        width: Width::Points(84.0),
        align: crate::ui::widgets::Align::Right,
        sortable: false,
    },
    Column {
        title: "Dimensions",
        width: Width::Points(96.0),
        align: crate::ui::widgets::Align::Right,
        sortable: false,
    },
    Column {
        title: "Checked",
        width: Width::Points(110.0),
        align: crate::ui::widgets::Align::Left,
        sortable: false,
    },
    Column {
        title: "Folder",
        width: Width::Rest(2.2, 120.0),
        align: crate::ui::widgets::Align::Left,
        sortable: false,
    },
];

fn ui(ui: &mut Ui, desk: &mut Desk) {
    let app = desk.app;
    desk.memory.models.list.refresh(ui.ctx(), app, ID);
    let rect = screen_rect(ui);
    let n_models = desk.memory.models.list.entries.len();
    let list_height = (46.0 + space::ROW * (n_models.max(1) + 1) as f32 + 6.0).min(rect.height() * 0.5);
    let (head, rest) = split_top(rect, space::CONTROL, space::M);
    head_ui(ui, head, desk);
    let (table, rest) = split_top(rest, list_height, space::L);
    table_ui(ui, table, desk);
    fetch::fetch_ui(ui, rest, desk);
}

fn head_ui(ui: &mut Ui, rect: Rect, desk: &mut Desk) {
    let tokens = theme::of(ui);
    let layout = Layout::right_to_left(Align::Center);
    let mut row = ui.new_child(UiBuilder::new().id_salt("models head").max_rect(rect).layout(layout));
    let adding = desk.app.running(JobKind::GetModel).is_some();
    let button = Button::secondary("Add folder…").icon(icons::ADD);
    if row.add_enabled(!adding, button).clicked() {
        desk.act(Act::Show(SheetState::path(PathPurpose::AddModel)));
    }
    row.with_layout(Layout::left_to_right(Align::Center), |ui| {
        let text = "Encoders turn texts into numbers: suggestions, training and the preview start from one. Other models only score label names in the preview.";
        cut(ui, text, font(size::BASE, Weight::Regular), tokens.text2);
    });
}

fn table_ui(ui: &mut Ui, rect: Rect, desk: &mut Desk) {
    let tokens = theme::of(ui);
    let list = &desk.memory.models.list;
    let usual = desk.app.settings.encoder.as_str();
    Card::titled("On this machine").flush().show_in(ui, rect, |ui| {
        let (text, color) = match (list.problem.as_str(), list.entries.is_empty()) {
            ("", false) => {
                Table::new("models", &COLUMNS, list.entries.len()).show(ui, |ui, row| {
                    if let Some(entry) = list.entries.get(row.index) {
                        row_ui(ui, row, entry, usual);
                    }
                });
                return;
            }
            ("", true) => ("None yet. Get one below, or add a folder.", tokens.text2),
            (problem, _) => (problem, tokens.error),
        };
        egui::Frame::new().inner_margin(15).show(ui, |ui| {
            wrapped(ui, text, font(size::BASE, Weight::Regular), color);
        });
    });
}

fn row_ui(ui: &mut Ui, row: &TableRow, entry: &ModelEntry, usual: &str) {
    let tokens = theme::of(ui);
    let base = |weight| font(size::BASE, weight);
    let path = entry.path.display().to_string();
    let checked = if entry.verified { "checked" } else { "not checked" };
    let mut spoken = format!("{}, {}, {checked}", entry.name, megabytes(entry.bytes));
    if let Some(prompt) = &entry.prompt {
        spoken = format!("{spoken}, reads “{prompt}” before every text");
    }
    let help = match entry.verified {
        true => format!(
            "From {}. Every file was hashed when it came and has its size.\n{path}",
            entry.source
        ),
        false => format!(
            "Its files differ from what came, or were never recorded. `handful models verify` says more.\n{path}"
        ),
    };
    row.begin(ui, &spoken, false).on_hover_text(help);
    let name = match entry.name == usual {
        true => format!("{}  (default)", entry.name),
        false => entry.name.clone(),
    };
    let dim = entry.dim.map_or_else(|| "–".to_owned(), thousands);
    row.text(ui, 0, &name, base(Weight::SemiBold), tokens.text);
    row.text(ui, 1, &megabytes(entry.bytes), base(Weight::Regular), tokens.text2);
    row.text(ui, 2, &dim, base(Weight::Regular), tokens.text2);
    let (icon, color) = match entry.verified {
        true => (icons::CHECK, tokens.good),
        false => (icons::WARNING, tokens.warning),
    };
    let cell = row.cell(3);
    icon_at(
        ui.painter(),
        cell.left_center() + egui::vec2(7.0, 0.0),
        icon,
        13.0,
        color,
    );
    let text = crate::ui::widgets::galley(ui, checked, base(Weight::Regular), tokens.text2);
    paint_left(ui.painter(), cell.left_center() + egui::vec2(20.0, 0.0), text);
    let cell = row.cell(4);
    let prompt = entry
        .prompt
        .as_deref()
        .map_or(0.0, |prompt| prompt_ui(ui, cell, prompt));
    let folder = galley_cut(ui, &path, theme::mono(size::SMALL), tokens.text3, cell.width() - prompt);
    paint_left(ui.painter(), cell.left_center() + egui::vec2(prompt, 0.0), folder);
}

/// What a model puts before every text, at the beginning of a cell; says how much of the cell that takes.
fn prompt_ui(ui: &Ui, cell: Rect, prompt: &str) -> f32 {
    let tokens = theme::of(ui);
    let text = format!("reads “{prompt}” first");
    let small = font(size::SMALL, Weight::Regular);
    let text = galley_cut(ui, &text, small, tokens.text2, cell.width() * 0.6);
    let width = text.size().x + space::M;
    paint_left(ui.painter(), cell.left_center(), text);
    width
}

/// `90.9 MB`, `612 bytes`.
pub(super) fn megabytes(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{} bytes", thousands(bytes as usize)),
        10_000..1_000_000 => format!("{:.0} kB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::megabytes;

    #[test]
    fn sizes_are_written_in_the_unit_that_suits_them() {
        let written = [612, 466_247, 90_868_376].map(megabytes);
        assert_eq!(written, ["612 bytes", "466 kB", "90.9 MB"].map(String::from));
    }
}
