//! Export: a model to run elsewhere, the annotations, and what was checked after writing.

use egui::{Rect, ScrollArea, Ui, UiBuilder, pos2, vec2};

use super::{Screen, ScreenId, no_keys};
use crate::app::Project;
use crate::core::{Run, RunId};
use crate::io::export::EXPORTERS;
use crate::jobs::{ExportReport, JobKind};
use crate::ui::{
    desk::{Act, Desk},
    icons,
    sheets::{PathPurpose, SheetState},
    theme::{self, Weight, font, mono, size, space},
    widgets::{
        Button, Card, Dropdown, icon_at, icon_button, progress_bar, say, screen_rect, split_right, thousands, wrapped,
    },
};

/// Its id.
pub const ID: ScreenId = ScreenId("export");

pub(super) const SCREEN: Screen = Screen {
    id: ID,
    title: "Export",
    icon: icons::EXPORT,
    in_rail: true,
    keys: &[],
    on_keys: no_keys,
    ui,
};

/// Files of an export that are listed by name.
const N_FILES: usize = 16;

/// What the screen remembers.
#[derive(Default)]
pub struct Memory {
    run: Option<RunId>,
    format: usize,
}

fn ui(ui: &mut Ui, desk: &mut Desk) {
    let Some(project) = desk.project() else { return };
    let (left, right) = split_right(screen_rect(ui), 420.0, space::L);
    column(ui, "what", left, |ui| {
        model_ui(ui, desk, project);
        annotations_ui(ui, desk, project);
    });
    column(ui, "done", right, |ui| match desk.app.last_export.as_ref() {
        Some(report) => {
            report_ui(ui, report);
            use_ui(ui, report);
        }
        None => {
            Card::titled("Last export").show(ui, |ui| {
                let tokens = theme::of(ui);
                let text = "Nothing was exported since the app was started. A model is opened again after it was written, \
                            and its answers are compared with the trained one's before it gets its name.";
                wrapped(ui, text, font(size::BASE, Weight::Regular), tokens.text2);
            });
        }
    });
}

fn column(ui: &mut Ui, salt: &str, rect: Rect, add: impl FnOnce(&mut Ui)) {
    let mut child = ui.new_child(UiBuilder::new().id_salt(salt).max_rect(rect));
    child.shrink_clip_rect(rect);
    ScrollArea::vertical()
        .id_salt((salt, "scroll"))
        .auto_shrink(false)
        .show(&mut child, |ui| {
            ui.spacing_mut().item_spacing.y = space::M;
            add(ui);
        });
}

fn model_ui(ui: &mut Ui, desk: &mut Desk, project: &Project) {
    let runs: Vec<&Run> = project.state.runs.iter().rev().filter(|run| run.has_model()).collect();
    Card::new().chosen(!runs.is_empty()).show(ui, |ui| {
        describe(
            ui,
            "Model bundle",
            "safetensors, tokenizer, head, label tree, thresholds, model card",
            "opens in Handful; the encoder also in sentence-transformers",
        );
        let Some(newest) = runs.first() else {
            let tokens = theme::of(ui);
            wrapped(
                ui,
                "No run has finished yet.",
                font(size::BASE, Weight::Regular),
                tokens.text2,
            );
            if ui.add(Button::primary("Train a model")).clicked() {
                desk.act(Act::Go(super::train::ID));
            }
            return;
        };
        let run = runs
            .iter()
            .find(|run| Some(run.id) == desk.memory.export.run)
            .unwrap_or(newest);
        ui.horizontal(|ui| {
            let names: Vec<&str> = runs.iter().map(|run| run.name.as_str()).collect();
            if let Some(at) = Dropdown::new("Run", &run.name).choose(ui, &names) {
                desk.memory.export.run = runs.get(at).map(|run| run.id);
            }
            let busy = desk.app.running(JobKind::ExportModel).is_some();
            if ui
                .add_enabled(!busy, Button::primary("Export…").name("Export model"))
                .clicked()
            {
                let stem = project.name().trim_end_matches(".handful").to_owned();
                let purpose = PathPurpose::ExportModel {
                    run: run.id,
                    name: format!("{stem}-{}", run.name),
                };
                desk.act(Act::Show(SheetState::path(purpose)));
            }
        });
        progress_ui(ui, desk, JobKind::ExportModel);
    });
}

fn annotations_ui(ui: &mut Ui, desk: &mut Desk, project: &Project) {
    Card::new().show(ui, |ui| {
        let about = format!(
            "{} texts, {} labelled: with split, who, when, how, note",
            thousands(project.state.n_texts()),
            thousands(project.state.n_annotated())
        );
        describe(
            ui,
            "Annotations",
            &about,
            "read back by Handful as they were; open in any spreadsheet or notebook",
        );
        let Some(exporter) = EXPORTERS.get(desk.memory.export.format).or(EXPORTERS.first()) else {
            return;
        };
        ui.horizontal(|ui| {
            let titles: Vec<&str> = EXPORTERS.iter().map(|exporter| exporter.title).collect();
            if let Some(at) = Dropdown::new("Format", exporter.title).choose(ui, &titles) {
                desk.memory.export.format = at;
            }
            let busy = desk.app.running(JobKind::ExportAnnotations).is_some();
            if ui
                .add_enabled(!busy, Button::secondary("Export…").name("Export annotations"))
                .clicked()
            {
                let stem = project.name().trim_end_matches(".handful").to_owned();
                let name = format!("{stem}.{}", exporter.extension);
                let purpose = PathPurpose::ExportAnnotations {
                    format: exporter.id.to_owned(),
                    name,
                };
                desk.act(Act::Show(SheetState::path(purpose)));
            }
        });
        progress_ui(ui, desk, JobKind::ExportAnnotations);
    });
}

fn describe(ui: &mut Ui, title: &str, what: &str, who: &str) {
    let tokens = theme::of(ui);
    ui.spacing_mut().item_spacing.y = space::XS;
    say(ui, title, font(size::HEADING, Weight::SemiBold), tokens.text);
    wrapped(ui, what, font(size::BASE, Weight::Regular), tokens.text2);
    wrapped(ui, who, font(size::SMALL, Weight::Regular), tokens.text3);
    ui.add_space(space::XS);
}

fn progress_ui(ui: &mut Ui, desk: &Desk, kind: JobKind) {
    let Some((_, _, progress)) = desk.app.progress.iter().find(|(_, running, _)| *running == kind) else {
        return;
    };
    let tokens = theme::of(ui);
    let share = if progress.total == 0 {
        0.0
    } else {
        progress.done as f32 / progress.total as f32
    };
    ui.add_space(space::XS);
    progress_bar(ui, "Export", share, ui.available_width(), 4.0);
    say(
        ui,
        progress.note.as_str(),
        font(size::SMALL, Weight::Regular),
        tokens.text3,
    );
}

fn report_ui(ui: &mut Ui, report: &ExportReport) {
    Card::titled("Last export").show(ui, |ui| {
        let tokens = theme::of(ui);
        ui.spacing_mut().item_spacing.y = space::XS;
        let name = report
            .dir
            .file_name()
            .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        say(ui, format!("{name}/"), font(size::BASE, Weight::SemiBold), tokens.text);
        wrapped(
            ui,
            report.dir.display().to_string(),
            font(size::SMALL, Weight::Regular),
            tokens.text3,
        );
        ui.add_space(space::S);
        check(ui, "Written, synced, renamed");
        check(ui, "Opened again from disk");
        let same = if report.n_same == report.n_checked {
            "same labels".to_owned()
        } else {
            format!("{} with the same labels", thousands(report.n_same))
        };
        let n_checked = thousands(report.n_checked);
        check(ui, &format!("{n_checked} texts: {same}, {}", report.difference()));
        ui.add_space(space::S);
        for (name, bytes) in report.files.iter().take(N_FILES) {
            file_row(ui, name, *bytes);
        }
    });
}

fn check(ui: &mut Ui, text: &str) {
    let tokens = theme::of(ui);
    ui.horizontal(|ui| {
        let (rect, _) = ui.allocate_exact_size(vec2(16.0, 22.0), egui::Sense::hover());
        icon_at(ui.painter(), rect.center(), icons::CHECK, 14.0, tokens.good);
        say(ui, text, font(size::BASE, Weight::Regular), tokens.text);
    });
}

fn file_row(ui: &mut Ui, name: &str, bytes: u64) {
    let tokens = theme::of(ui);
    let small = font(size::SMALL, Weight::Regular);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 19.0), egui::Sense::hover());
    let shown = bytes_text(bytes);
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Label, true, format!("{name}: {shown}")));
    let figure = crate::ui::widgets::galley(ui, shown, small.clone(), tokens.text3);
    let room = rect.width() - figure.size().x - 12.0;
    let name = crate::ui::widgets::galley_cut(ui, name, small, tokens.text2, room);
    crate::ui::widgets::paint_left(ui.painter(), rect.left_center(), name);
    crate::ui::widgets::paint_right(ui.painter(), pos2(rect.right(), rect.center().y), figure);
}

fn bytes_text(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

fn use_ui(ui: &mut Ui, report: &ExportReport) {
    Card::titled("Use it").show(ui, |ui| {
        let tokens = theme::of(ui);
        let dir = report.dir.display().to_string();
        let dir = if dir.contains(' ') { format!("\"{dir}\"") } else { dir };
        for (name, command) in [
            ("classify a file", format!("handful predict {dir} new.csv")),
            ("classify what is typed", format!("handful predict {dir} -")),
        ] {
            say(ui, name, font(size::SMALL, Weight::Regular), tokens.text3);
            egui::Frame::new()
                .fill(tokens.raised)
                .corner_radius(theme::RADIUS)
                .inner_margin(10)
                .show(ui, |ui| {
                    ui.set_min_width(ui.available_width());
                    ui.horizontal(|ui| {
                        let room = ui.available_width() - 34.0;
                        ui.scope(|ui| {
                            ui.set_max_width(room);
                            wrapped(ui, command.as_str(), mono(size::SMALL), tokens.text);
                        });
                        if icon_button(ui, icons::COPY, &format!("Copy: {name}")).clicked() {
                            ui.ctx().copy_text(command.clone());
                        }
                    });
                });
        }
    });
}
