//! Asks what a new project is to be: where, one label a text or several, which labels, and the file it starts from.

use std::path::PathBuf;

use egui::{Context, Id};

use super::{Dialogs, dialogs::Ask, documents, path::expand_home};
use crate::app::Command;
use crate::core::TaskKind;
use crate::ui::{
    desk::Desk,
    icons,
    theme::{self, Weight, font, size, space},
    widgets::{Button, Sheet, TextField, say, segmented, text_area, wrapped},
};

/// The sheet.
pub struct NewProject {
    /// Where the project file will be.
    pub path: String,
    file: Option<PathBuf>,
    task: TaskKind,
    labels: String,
    focused: bool,
    problem: String,
}

impl NewProject {
    /// A project that starts from `file`, or an empty one.
    pub fn new(file: Option<PathBuf>) -> Self {
        let path = match &file {
            Some(file) => free_name(file.with_extension("handful")),
            None => free_name(documents().join("project.handful")),
        };
        NewProject {
            path: path.display().to_string(),
            file,
            task: TaskKind::SingleLabel,
            labels: String::new(),
            focused: false,
            problem: String::new(),
        }
    }

    /// Shows the sheet; true when it should close.
    pub fn show(&mut self, ctx: &Context, desk: &mut Desk, dialogs: &mut Dialogs) -> bool {
        let mut done = false;
        let closed = Sheet {
            title: "New project",
            width: 560.0,
        }
        .show(ctx, |ui| {
            let tokens = theme::of(ui);
            let small = font(size::SMALL, Weight::Regular);
            if let Some(file) = &self.file {
                let name = file
                    .file_name()
                    .map(|name| name.to_string_lossy().into_owned())
                    .unwrap_or_default();
                wrapped(
                    ui,
                    format!("Starts from {name}. You see how it will be read before anything is imported."),
                    small.clone(),
                    tokens.text2,
                );
            }
            say(ui, "How many labels can a text have?", small.clone(), tokens.text2);
            let chosen = usize::from(self.task == TaskKind::MultiLabel);
            if let Some(at) = segmented(ui, &["exactly one", "any number"], chosen) {
                self.task = if at == 0 {
                    TaskKind::SingleLabel
                } else {
                    TaskKind::MultiLabel
                };
            }
            ui.add_space(space::XS);
            say(
                ui,
                "Labels, one a line; parents and children as Parent > Child",
                small.clone(),
                tokens.text2,
            );
            let placeholder = if self.file.is_some() {
                "those of the file are added by themselves"
            } else {
                "billing\nshipping\naccount"
            };
            let area = text_area(ui, "Labels", placeholder, &mut self.labels, 4);
            if !self.focused && self.file.is_none() {
                area.request_focus();
            }
            self.focused = true;
            say(ui, "Project file", small.clone(), tokens.text2);
            ui.horizontal(|ui| {
                let width = ui.available_width() - 112.0;
                let field = TextField::new("Project file")
                    .mono()
                    .width(width)
                    .id(Id::unique("new project path"));
                if field.show(ui, &mut self.path).changed() {
                    self.problem.clear();
                }
                if ui
                    .add_enabled(!dialogs.is_open(), Button::secondary("Browse…").icon(icons::OPEN))
                    .clicked()
                {
                    dialogs.open(Ask::NewFile("project.handful".into()), documents());
                }
            });
            if !self.problem.is_empty() {
                wrapped(ui, self.problem.as_str(), small, tokens.error);
            }
            ui.add_space(space::XS);
            if ui
                .add_enabled(!self.path.trim().is_empty(), Button::primary("Create"))
                .clicked()
            {
                done = self.confirm(desk);
            }
        });
        closed || done
    }

    fn confirm(&mut self, desk: &mut Desk) -> bool {
        let mut path = expand_home(self.path.trim());
        if path.extension().is_none() {
            path.set_extension("handful");
        }
        if path.exists() {
            self.problem = "There is a file already. Choose another name, or open it with Ctrl O.".to_owned();
            return false;
        }
        let labels = label_paths(&self.labels);
        desk.run(Command::NewProject {
            path,
            task: self.task,
            labels,
        });
        desk.memory.import_next = self.file.take();
        true
    }
}

/// Label paths from lines of `a > b > c`; empty lines and doubles are left out.
pub fn label_paths(text: &str) -> Vec<Vec<String>> {
    let mut paths: Vec<Vec<String>> = Vec::new();
    for line in text.lines() {
        let path: Vec<String> = line
            .split('>')
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect();
        if !path.is_empty() && !paths.contains(&path) {
            paths.push(path);
        }
    }
    paths
}

/// The path, or the first of `name-2`, `name-3`, … that is free.
fn free_name(path: PathBuf) -> PathBuf {
    let stem = path
        .file_stem()
        .map(|stem| stem.to_string_lossy().into_owned())
        .unwrap_or_default();
    let numbered = (2..1000).map(|n| path.with_file_name(format!("{stem}-{n}.handful")));
    std::iter::once(path.clone())
        .chain(numbered)
        .find(|candidate| !candidate.exists())
        .unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_lines_and_paths() {
        let expected: Vec<Vec<String>> = vec![vec!["a".into()], vec!["b".into(), "c d".into()]];
        assert_eq!(label_paths(" a \n\nb > c d\na\n > "), expected);
        assert!(label_paths("\n").is_empty());
    }
}
