//! The encoders on this machine, those that can be fetched, and folders of one's own.

mod list;

use egui::{Align, Layout, Rect, Ui, UiBuilder, Vec2};

pub use list::ModelList;

use super::{Screen, ScreenId, no_keys};
use crate::app::Command;
use crate::jobs::{JobId, JobKind, Progress};
use crate::model::catalog::{KnownModel, ModelEntry};
use crate::ui::{
    desk::{Act, Desk},
    icons,
    sheets::{PathPurpose, SheetState},
    theme::{self, Weight, font, size, space},
    widgets::{
        Button, Card, Column, Table, TableRow, Width, cut, galley_cut, icon_at, paint_left, progress_bar, say,
        screen_rect, split_top, thousands, wrapped,
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
    let missing = desk.memory.models.list.missing(app);
    let n_models = desk.memory.models.list.entries.len();
    let list_height = (46.0 + space::ROW * (n_models.max(1) + 1) as f32 + 6.0).min(rect.height() * 0.7);
    let (head, rest) = split_top(rect, space::CONTROL, space::M);
    head_ui(ui, head, desk);
    let (table, rest) = split_top(rest, list_height, space::L);
    table_ui(ui, table, desk);
    fetch_ui(ui, rest, desk, &missing);
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
        let text = "Encoders turn texts into numbers. Suggestions, training and the preview all start from one.";
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

fn fetch_ui(ui: &mut Ui, rect: Rect, desk: &mut Desk, missing: &[&KnownModel]) {
    let running = desk.app.running(JobKind::GetModel);
    if missing.is_empty() && running.is_none() {
        return;
    }
    crate::ui::widgets::in_rect(ui, "fetch", rect, |ui| {
        Card::titled("To get").show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 10.0;
            for model in missing {
                known_ui(ui, desk, model, running.is_some());
            }
            if let Some(job) = running {
                let progress = desk.app.progress.iter().find(|(id, ..)| *id == job);
                let progress = progress.map(|(.., progress)| progress);
                progress_ui(ui, desk, job, progress);
            }
        });
    });
}

fn known_ui(ui: &mut Ui, desk: &mut Desk, model: &KnownModel, busy: bool) {
    let tokens = theme::of(ui);
    let size = Vec2::new(ui.available_width(), 40.0);
    let (rect, _) = ui.allocate_exact_size(size, egui::Sense::hover());
    let layout = Layout::right_to_left(Align::Center);
    let mut row = ui.new_child(UiBuilder::new().id_salt(model.name).max_rect(rect).layout(layout));
    let name = format!("Get {}", model.name);
    let button = Button::primary("Get").icon(icons::DOWNLOAD).name(&name);
    if row.add_enabled(!busy, button).clicked() {
        desk.run(Command::GetModel(model.name.to_owned()));
    }
    row.with_layout(Layout::top_down(Align::Min), |ui| {
        ui.spacing_mut().item_spacing.y = 1.0;
        say(
            ui,
            model.name,
            font(crate::ui::theme::size::BASE, Weight::SemiBold),
            tokens.text,
        );
        let facts = format!(
            "{} · {} dimensions · {} · {}",
            megabytes(model.bytes()),
            thousands(model.dim),
            model.licence,
            model.repo
        );
        cut(
            ui,
            facts,
            font(crate::ui::theme::size::SMALL, Weight::Regular),
            tokens.text3,
        );
    });
}

fn progress_ui(ui: &mut Ui, desk: &mut Desk, job: JobId, progress: Option<&Progress>) {
    let tokens = theme::of(ui);
    let (share, words) = match progress {
        None => (0.0, "starting".to_owned()),
        Some(progress) if progress.total == 0 => (0.0, progress.note.clone()),
        Some(progress) => (
            progress.done as f32 / progress.total as f32,
            format!(
                "{} · {} of {}",
                progress.note,
                megabytes(progress.done),
                megabytes(progress.total)
            ),
        ),
    };
    ui.horizontal(|ui| {
        let width = ui.available_width() - 90.0;
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing.y = 2.0;
            progress_bar(ui, "Progress of the model", share, width, 4.0);
            cut(ui, words, font(size::SMALL, Weight::Regular), tokens.text2);
        });
        if ui.add(Button::secondary("Stop").icon(icons::STOP).small()).clicked() {
            desk.run(Command::Stop(job));
        }
    });
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
