//! How a file will be read, before anything is written: every guess can be changed, problems are listed by line.

use std::path::PathBuf;

use egui::{Context, Rect, Ui, UiBuilder, vec2};

use crate::app::{Command, Project};
use crate::core::{LabelTree, Split, TaskKind};
use crate::io::import::{IMPORTERS, Pick, Preview, PreviewRow, ReadOptions};
use crate::jobs::JobKind;
use crate::ui::{
    desk::Desk,
    icons,
    theme::{self, Weight, color_at, font, size, space},
    widgets::{
        Button, Chip, Column, Dropdown, Sheet, Table, TableRow, Width, checkbox, icon_at, say, thousands, wrapped,
    },
};

/// Encodings offered next to the guessed one.
const ENCODINGS: [&str; 6] = ["utf-8", "windows-1252", "utf-16le", "utf-16be", "shift_jis", "gb18030"];

/// Delimiters offered, with their names.
const DELIMITERS: [(char, &str); 4] = [(',', "comma"), (';', "semicolon"), ('\t', "tab"), ('|', "bar")];

/// Label separators offered.
const SEPARATORS: [&str; 4] = [",", ";", "|", "/"];

/// The sheet.
pub struct ImportSheet {
    file: PathBuf,
    options: ReadOptions,
    asked: bool,
    waited: usize,
}

impl ImportSheet {
    /// For a file that was not looked at yet.
    pub fn new(file: PathBuf) -> Self {
        ImportSheet {
            file,
            options: ReadOptions::default(),
            asked: false,
            waited: 0,
        }
    }

    /// Shows the sheet; true when it should close.
    pub fn show(&mut self, ctx: &Context, desk: &mut Desk) -> bool {
        let Some(project) = desk.project() else { return true };
        if !self.asked {
            self.options.task = Some(project.state.task);
            desk.change(|app| app.preview = None);
            self.look_again(desk);
        }
        let mut done = false;
        let name = self
            .file
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        let title = format!("Import {name}");
        let closed = Sheet {
            title: &title,
            width: 980.0,
        }
        .show(ctx, |ui| match &desk.app.preview {
            Some(preview) => {
                let before = self.options.clone();
                self.waited = 0;
                done = self.preview_ui(ui, desk, project, preview);
                if self.options != before {
                    self.look_again(desk);
                }
            }
            None => done = self.waiting_ui(ui, desk),
        });
        closed || done
    }

    fn look_again(&mut self, desk: &mut Desk) {
        self.asked = true;
        desk.run(Command::PreviewImport {
            file: self.file.clone(),
            options: self.options.clone(),
        });
    }

    fn waiting_ui(&mut self, ui: &mut Ui, desk: &mut Desk) -> bool {
        let tokens = theme::of(ui);
        // The request goes out after this frame, so the first frames say nothing about failure.
        self.waited += 1;
        if desk.app.running(JobKind::PreviewImport).is_some() || self.waited < 4 {
            wrapped(
                ui,
                "Looking at the file…",
                font(size::BASE, Weight::Regular),
                tokens.text2,
            );
            ui.ctx().request_repaint_after(std::time::Duration::from_millis(50));
            return false;
        }
        let reason = desk
            .app
            .notices
            .last()
            .map_or("The file cannot be read.", |notice| notice.text.as_str());
        wrapped(ui, reason, font(size::BASE, Weight::Regular), tokens.error);
        ui.horizontal(|ui| {
            if ui.add(Button::secondary("Try with guesses only")).clicked() {
                let task = self.options.task;
                self.options = ReadOptions {
                    task,
                    ..ReadOptions::default()
                };
                self.waited = 0;
                self.look_again(desk);
            }
            ui.add(Button::secondary("Close")).clicked()
        })
        .inner
    }

    fn preview_ui(&mut self, ui: &mut Ui, desk: &mut Desk, project: &Project, preview: &Preview) -> bool {
        ui.spacing_mut().item_spacing = vec2(space::S, 6.0);
        ui.horizontal_wrapped(|ui| self.file_options(ui, preview));
        ui.horizontal_wrapped(|ui| self.column_options(ui, preview));
        ui.add_space(2.0);
        let height = (ui.ctx().content_rect().height() - 330.0).clamp(110.0, 330.0);
        let area = Rect::from_min_size(ui.cursor().min, vec2(ui.available_width(), height));
        ui.advance_cursor_after_rect(area);
        let side = if area.width() > 640.0 { 250.0 } else { 0.0 };
        let (left, right) = super::super::widgets::split_right(area, side, if side > 0.0 { 12.0 } else { 0.0 });
        rows_ui(ui, left, preview);
        if side > 0.0 {
            summary_ui(ui, right, project, preview);
        }
        ui.add_space(4.0);
        let mut done = false;
        ui.horizontal(|ui| {
            let about = if preview.complete { "" } else { "about " };
            let rows = if preview.n_rows_estimated == 1 { "row" } else { "rows" };
            let text = format!("Import {about}{} {rows}", thousands(preview.n_rows_estimated as usize));
            if ui.add(Button::primary(&text)).clicked() {
                desk.run(Command::Import {
                    file: self.file.clone(),
                    options: self.options.clone(),
                });
                done = true;
            }
            done |= ui.add(Button::secondary("Cancel")).clicked();
            let tokens = theme::of(ui);
            say(
                ui,
                "The file is not changed. Rows the project has already are left out.",
                font(size::SMALL, Weight::Regular),
                tokens.text3,
            );
        });
        done
    }

    fn file_options(&mut self, ui: &mut Ui, preview: &Preview) {
        let format = |id: &str| {
            IMPORTERS
                .iter()
                .find(|importer| importer.id == id)
                .map_or("?", |importer| importer.title)
        };
        let titles: Vec<&str> = IMPORTERS.iter().map(|importer| importer.title).collect();
        if let Some(at) = named(ui, "Format", format(&preview.format), &titles) {
            let task = self.options.task;
            self.options = ReadOptions {
                format: Some(IMPORTERS[at].id.to_owned()),
                task,
                ..ReadOptions::default()
            };
        }
        let mut encodings = ENCODINGS.to_vec();
        if !encodings
            .iter()
            .any(|known| known.eq_ignore_ascii_case(&preview.encoding))
        {
            encodings.insert(0, &preview.encoding);
        }
        if let Some(at) = named(ui, "Encoding", &preview.encoding, &encodings) {
            self.options.encoding = Some(encodings[at].to_owned());
        }
        if let Some(delimiter) = preview.delimiter {
            let shown = DELIMITERS
                .iter()
                .find(|(c, _)| *c == delimiter)
                .map_or("other", |(_, name)| name);
            if let Some(at) = named(ui, "Delimiter", shown, &DELIMITERS.map(|(_, name)| name)) {
                self.options.delimiter = Some(DELIMITERS[at].0);
            }
        }
        if let Some(mut header) = preview.has_header
            && checkbox(ui, "First row names the columns", &mut header).changed()
        {
            self.options.has_header = Some(header);
        }
    }

    fn column_options(&mut self, ui: &mut Ui, preview: &Preview) {
        let mapping = &preview.mapping;
        let names: Vec<&str> = preview.columns.iter().map(|column| column.name.as_str()).collect();
        let mut with_none = vec!["none"];
        with_none.extend(&names);
        if let Some(at) = named(ui, "Text", &mapping.text_column, &names) {
            self.options.text_column = Some(names[at].to_owned());
        }
        let second = mapping.second_column.as_deref().unwrap_or("none");
        if let Some(at) = named(ui, "Second text", second, &with_none) {
            self.options.second_column = pick(&with_none, at);
        }
        self.labels_column(ui, preview, &names);
        let levels = mapping.level_columns.join(" › ");
        let path = mapping.path_column.as_deref().unwrap_or(match levels.is_empty() {
            true => "none",
            false => &levels,
        });
        if let Some(at) = named(ui, "Path", path, &with_none) {
            self.options.path_column = pick(&with_none, at);
            self.options.level_columns = Some(Vec::new());
        }
        if let Some(at) = named(
            ui,
            "Split",
            mapping.split_column.as_deref().unwrap_or("none"),
            &with_none,
        ) {
            self.options.split_column = pick(&with_none, at);
        }
        if let Some(at) = named(ui, "Id", mapping.id_column.as_deref().unwrap_or("none"), &with_none) {
            self.options.id_column = pick(&with_none, at);
        }
        let separator = mapping.label_separator.as_deref();
        if self.options.task == Some(TaskKind::MultiLabel)
            && !mapping.label_columns.is_empty()
            && let Some(at) = named(ui, "Between labels", separator.unwrap_or("none"), &SEPARATORS)
        {
            self.options.label_separator = Some(SEPARATORS[at].to_owned());
        }
        let splits = ["as written", "train", "validation", "test"];
        if let Some(at) = named(
            ui,
            "Put into",
            self.options.split.map_or(splits[0], Split::name),
            &splits,
        ) {
            self.options.split = at.checked_sub(1).and_then(|at| Split::ALL.get(at).copied());
        }
    }

    /// Labels may stand in several columns: each choice toggles one.
    fn labels_column(&mut self, ui: &mut Ui, preview: &Preview, names: &[&str]) {
        let chosen = &preview.mapping.label_columns;
        let shown = match chosen.as_slice() {
            [] => "none".to_owned(),
            [one] => one.clone(),
            several => format!("{} columns", several.len()),
        };
        caption(ui, "Labels");
        let mut toggled = None;
        Dropdown::new("Labels", &shown).small().show(ui, |ui| {
            for (i, name) in names.iter().enumerate() {
                if crate::ui::widgets::menu_item(ui, name, chosen.iter().any(|column| column == name)).clicked() {
                    toggled = Some(i);
                }
            }
        });
        if let Some(name) = toggled.and_then(|at| names.get(at)) {
            let mut columns = chosen.clone();
            match columns.iter().position(|column| column == name) {
                Some(at) => {
                    columns.remove(at);
                }
                None => columns.push((*name).to_owned()),
            }
            self.options.label_columns = Some(columns);
        }
    }
}

fn pick(names: &[&str], at: usize) -> Pick {
    if at == 0 {
        Pick::Nothing
    } else {
        Pick::Column(names[at].to_owned())
    }
}

fn caption(ui: &mut Ui, text: &str) {
    let tokens = theme::of(ui);
    say(ui, text, font(size::SMALL, Weight::Regular), tokens.text2);
}

fn named<S: AsRef<str>>(ui: &mut Ui, name: &str, shown: &str, choices: &[S]) -> Option<usize> {
    caption(ui, name);
    let chosen = Dropdown::new(name, shown).small().choose(ui, choices);
    ui.add_space(4.0);
    chosen
}

fn rows_ui(ui: &mut Ui, rect: Rect, preview: &Preview) {
    let tokens = theme::of(ui);
    ui.painter()
        .rect_stroke(rect, 6, egui::Stroke::new(1.0, tokens.line), egui::StrokeKind::Inside);
    let mut child = ui.new_child(UiBuilder::new().id_salt("rows").max_rect(rect.shrink(1.0)));
    child.shrink_clip_rect(rect.shrink(1.0));
    let columns = [
        Column::right("Line", Width::Points(52.0)),
        Column::left("Text", Width::Rest(1.0, 120.0)),
        Column::left("Labels", Width::Points((rect.width() * 0.26).min(190.0))),
        Column::left("Split", Width::Points(76.0)),
        Column::left("Id", Width::Points(104.0)),
    ];
    Table::new("preview rows", &columns, preview.rows.len()).show(&mut child, |ui, row| {
        if let Some(read) = preview.rows.get(row.index) {
            row_ui(ui, row, read, preview);
        }
    });
}

fn row_ui(ui: &mut Ui, row: &mut TableRow, read: &PreviewRow, preview: &Preview) {
    let tokens = theme::of(ui);
    let base = font(size::BASE, Weight::Regular);
    let small = font(11.5, Weight::Regular);
    let line = read
        .line
        .map_or_else(|| (row.index + 1).to_string(), |line| line.to_string());
    let Some(text) = &read.text else {
        row.begin(ui, &format!("line {line}, skipped"), false);
        row.text(ui, 0, &line, small, tokens.text3);
        row.text(
            ui,
            1,
            &format!("skipped: {}", read.cells.join(" · ")),
            base,
            tokens.text3,
        );
        return;
    };
    row.begin(ui, &format!("line {line}: {}", text.line()), false);
    row.text(ui, 0, &line, small, tokens.text3);
    row.text(ui, 1, &text.line(), base.clone(), tokens.text);
    match &text.labels {
        None => row.text(ui, 2, "–", base.clone(), tokens.text3),
        Some(labels) if labels.is_empty() => row.text(ui, 2, "none of them", base.clone(), tokens.text2),
        Some(labels) => {
            let cell = row.cell(2);
            let mut at = cell.left_center();
            for path in labels {
                let name = path.join(" › ");
                let place = preview.labels.iter().position(|(known, _)| known == path);
                let color = color_at(place.unwrap_or(0));
                let chip = Chip::new(&name, color)
                    .small()
                    .shown()
                    .max_width((cell.right() - at.x).max(30.0));
                if at.x > cell.right() - 30.0 {
                    break;
                }
                at.x += chip.paint(ui, at) + 4.0;
            }
        }
    }
    row.text(ui, 3, text.split.map_or("–", Split::name), base.clone(), tokens.text2);
    row.text(ui, 4, text.external_id.as_deref().unwrap_or("–"), base, tokens.text3);
}

fn summary_ui(ui: &mut Ui, rect: Rect, project: &Project, preview: &Preview) {
    let tokens = theme::of(ui);
    let mut child = ui.new_child(UiBuilder::new().id_salt("summary").max_rect(rect));
    child.shrink_clip_rect(rect);
    egui::ScrollArea::vertical()
        .id_salt("summary scroll")
        .auto_shrink(false)
        .show(&mut child, |ui| {
            ui.spacing_mut().item_spacing.y = 4.0;
            let text = font(size::BASE, Weight::Regular);
            let of = |n: usize| match preview.complete {
                true => thousands(n),
                false => format!("{} of the first {}", thousands(n), thousands(preview.n_sampled)),
            };
            say(ui, "In this file", font(size::SMALL, Weight::SemiBold), tokens.text2);
            say(
                ui,
                format!("{} labelled", of(preview.n_labelled)),
                text.clone(),
                tokens.text,
            );
            if preview.n_repeated > 0 {
                say(
                    ui,
                    format!("{} repeat an earlier text", of(preview.n_repeated)),
                    text.clone(),
                    tokens.text,
                );
            }
            let (known, new) = known_labels(&project.state.labels, preview);
            say(
                ui,
                format!("{} labels, {new} of them new", known + new),
                text.clone(),
                tokens.text,
            );
            for (path, n) in preview.labels.iter().take(8) {
                say(
                    ui,
                    format!("   {}  {}", path.join(" › "), thousands(*n)),
                    font(size::SMALL, Weight::Regular),
                    tokens.text2,
                );
            }
            ui.add_space(6.0);
            problems_ui(ui, preview);
        });
}

fn known_labels(tree: &LabelTree, preview: &Preview) -> (usize, usize) {
    let known = preview
        .labels
        .iter()
        .filter(|(path, _)| tree.by_path(path).is_some())
        .count();
    (known, preview.labels.len() - known)
}

fn problems_ui(ui: &mut Ui, preview: &Preview) {
    let tokens = theme::of(ui);
    if preview.n_problems == 0 {
        say(ui, "No problems found", font(size::SMALL, Weight::Regular), tokens.good);
        return;
    }
    ui.horizontal(|ui| {
        let (rect, _) = ui.allocate_exact_size(vec2(16.0, 18.0), egui::Sense::hover());
        icon_at(ui.painter(), rect.center(), icons::WARNING, 13.0, tokens.warning);
        let text = format!("{} problems", thousands(preview.n_problems as usize));
        say(ui, text, font(size::SMALL, Weight::SemiBold), tokens.warning);
    });
    for problem in preview.problems.iter().take(50) {
        let line = problem.line.map_or(String::new(), |line| format!("Line {line}: "));
        wrapped(
            ui,
            format!("{line}{}", problem.message),
            font(size::SMALL, Weight::Regular),
            tokens.text2,
        );
    }
}
