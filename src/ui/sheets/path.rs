//! Asks for a path: a field to type it into, and the system's dialog where there is one.

use std::path::{Path, PathBuf};

use egui::{Context, Id, Key};

use super::{Dialogs, SheetState, dialogs::Ask, documents};
use crate::app::Command;
use crate::core::RunId;
use crate::io::import::IMPORTERS;
use crate::ui::{
    desk::{Act, Desk},
    icons,
    theme::{self, Weight, font, size},
    widgets::{Button, Sheet, TextField, menu_item, say, wrapped},
};

/// What the path is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathPurpose {
    /// A project, or a file to start one from.
    Open,
    /// A file to import into the open project.
    Import,
    /// A file with a label tree, for the open project.
    Labels,
    /// A folder to be made for a model.
    ExportModel {
        /// The run.
        run: RunId,
        /// The folder's suggested name.
        name: String,
    },
    /// A file to be made for texts and annotations.
    ExportAnnotations {
        /// The exporter.
        format: String,
        /// The file's suggested name.
        name: String,
    },
    /// A model folder to be copied into the catalog.
    AddModel,
}

/// The sheet.
pub struct PathSheet {
    /// What the path is for.
    pub purpose: PathPurpose,
    /// The path as typed or chosen.
    pub text: String,
    focused: bool,
    problem: String,
}

impl PathSheet {
    /// With what can be suggested filled in.
    pub fn new(purpose: PathPurpose) -> Self {
        let text = match &purpose {
            PathPurpose::ExportModel { name, .. } | PathPurpose::ExportAnnotations { name, .. } => {
                documents().join(name).display().to_string()
            }
            _ => String::new(),
        };
        PathSheet {
            purpose,
            text,
            focused: false,
            problem: String::new(),
        }
    }

    fn title(&self) -> &'static str {
        match self.purpose {
            PathPurpose::Open => "Open a project or a file",
            PathPurpose::Import => "Import a file",
            PathPurpose::Labels => "Labels from a file",
            PathPurpose::ExportModel { .. } => "Export the model",
            PathPurpose::ExportAnnotations { .. } => "Export the annotations",
            PathPurpose::AddModel => "Add a model folder",
        }
    }

    fn explanation(&self) -> &'static str {
        match self.purpose {
            PathPurpose::Open => "A .handful project, or a CSV, TSV, JSONL, JSON or TXT file to start one from.",
            PathPurpose::Import => {
                "CSV, TSV, JSONL, JSON or TXT. You see how it will be read before anything is written."
            }
            PathPurpose::Labels => {
                "Indented lines, paths, a table with the columns id, name and parent, JSON, or a labelling configuration of Label Studio."
            }
            PathPurpose::ExportModel { .. } => "A new folder for the model, its head, labels, thresholds and card.",
            PathPurpose::ExportAnnotations { .. } => "A new file with every text and its labels.",
            PathPurpose::AddModel => {
                "A sentence-transformers or Hugging Face folder with weights, config.json and tokenizer."
            }
        }
    }

    fn button(&self) -> &'static str {
        match self.purpose {
            PathPurpose::Open => "Open",
            PathPurpose::Import => "Look at it",
            PathPurpose::Labels => "Add labels",
            PathPurpose::ExportModel { .. } | PathPurpose::ExportAnnotations { .. } => "Export",
            PathPurpose::AddModel => "Add",
        }
    }

    fn ask(&self) -> Ask {
        let mut endings: Vec<String> = IMPORTERS
            .iter()
            .flat_map(|importer| importer.extensions)
            .map(|ending| (*ending).to_owned())
            .collect();
        match &self.purpose {
            PathPurpose::Open => {
                endings.insert(0, "handful".to_owned());
                Ask::File(endings)
            }
            PathPurpose::Import => Ask::File(endings),
            PathPurpose::Labels => {
                endings.extend(["xml".to_owned(), "md".to_owned()]);
                Ask::File(endings)
            }
            PathPurpose::ExportModel { name, .. } | PathPurpose::ExportAnnotations { name, .. } => {
                Ask::NewFile(name.clone())
            }
            PathPurpose::AddModel => Ask::Folder,
        }
    }

    /// Shows the sheet; true when it should close.
    pub fn show(&mut self, ctx: &Context, desk: &mut Desk, dialogs: &mut Dialogs) -> bool {
        let mut done = false;
        let sheet = Sheet {
            title: self.title(),
            width: 560.0,
        };
        let closed = sheet.show(ctx, |ui| {
            let tokens = theme::of(ui);
            wrapped(ui, self.explanation(), font(size::BASE, Weight::Regular), tokens.text2);
            let id = Id::unique("path field");
            let response = TextField::new("Path")
                .placeholder("/path/to/file")
                .mono()
                .id(id)
                .show(ui, &mut self.text);
            if !self.focused {
                response.request_focus();
                self.focused = true;
            }
            if response.changed() {
                self.problem.clear();
            }
            let entered = response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
            if !self.problem.is_empty() {
                wrapped(
                    ui,
                    self.problem.as_str(),
                    font(size::SMALL, Weight::Regular),
                    tokens.error,
                );
            }
            ui.add_space(4.0);
            ui.horizontal(|ui| {
                let ready = !self.text.trim().is_empty();
                if ui.add_enabled(ready, Button::primary(self.button())).clicked() || (entered && ready) {
                    done = self.confirm(desk);
                }
                if ui
                    .add_enabled(!dialogs.is_open(), Button::secondary("Browse…").icon(icons::OPEN))
                    .clicked()
                {
                    dialogs.open(self.ask(), self.start_folder());
                }
            });
            if self.purpose == PathPurpose::Open && !desk.app.settings.recent.is_empty() {
                ui.add_space(8.0);
                say(ui, "Recent", font(size::SMALL, Weight::SemiBold), tokens.text2);
                ui.spacing_mut().item_spacing.y = 0.0;
                for path in desk.app.settings.recent.iter().take(6) {
                    if menu_item(ui, &path.display().to_string(), false).clicked() {
                        desk.run(Command::Open(path.clone()));
                        done = true;
                    }
                }
            }
        });
        closed || done
    }

    fn start_folder(&self) -> PathBuf {
        let typed = PathBuf::from(self.text.trim());
        match typed.parent() {
            Some(parent) if parent.is_dir() && parent.is_absolute() => parent.to_path_buf(),
            _ => documents(),
        }
    }

    /// Asks for what the path is for; false, with the problem shown, where that cannot be.
    fn confirm(&mut self, desk: &mut Desk) -> bool {
        let path = expand_home(self.text.trim());
        let exists = path.exists();
        let problem = match &self.purpose {
            PathPurpose::Open | PathPurpose::Import | PathPurpose::Labels if !exists => {
                Some("There is no file at this path.")
            }
            PathPurpose::Open | PathPurpose::Import | PathPurpose::Labels if path.is_dir() => {
                Some("This is a folder; a file is needed.")
            }
            PathPurpose::AddModel if !path.is_dir() => Some("There is no folder at this path."),
            PathPurpose::ExportAnnotations { .. } if exists => Some("There is a file already. Choose another name."),
            _ => None,
        };
        if let Some(problem) = problem {
            self.problem = problem.to_owned();
            return false;
        }
        let act = match &self.purpose {
            PathPurpose::Open => super::open_path(desk.app, path),
            PathPurpose::Import => Act::Show(SheetState::import(path)),
            PathPurpose::Labels => Act::Run(Command::ImportLabels { file: path }),
            PathPurpose::ExportModel { run, .. } => Act::Run(Command::ExportModel { run: *run, out: path }),
            PathPurpose::ExportAnnotations { format, .. } => Act::Run(Command::ExportAnnotations {
                format: format.clone(),
                out: path,
            }),
            PathPurpose::AddModel => Act::Run(Command::AddModel {
                dir: path,
                name: None,
                prompt: None,
            }),
        };
        desk.act(act);
        true
    }
}

/// `~/x` as the person means it.
pub fn expand_home(text: &str) -> PathBuf {
    match (text.strip_prefix("~/"), directories::UserDirs::new()) {
        (Some(rest), Some(dirs)) => dirs.home_dir().join(rest),
        _ => Path::new(text).to_path_buf(),
    }
}
