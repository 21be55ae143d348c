//! What lies over the window for a moment: choosing a file, making a project, looking at an import before it is written, the keys.

mod dialogs;
mod import;
mod keys;
mod new_project;
mod path;

use std::path::PathBuf;

use egui::{Align2, Color32, Context, Id, LayerId, Order};

pub use dialogs::Dialogs;
pub use import::ImportSheet;
pub use new_project::{NewProject, label_paths};
pub use path::{PathPurpose, PathSheet};

use super::{
    desk::{Act, Desk},
    screens::{
        Screen, train,
        train::{search_sheet::SearchSheet, series_sheet::SeriesSheet, variants_sheet::VariantsSheet},
    },
    theme::{self, Weight, font, size},
};
use crate::app::{App, Command};
use crate::core::RunId;
use crate::jobs::JobKind;

/// The sheet over the window.
pub enum SheetState {
    /// Asks for a path.
    Path(PathSheet),
    /// Asks what a new project is to be.
    NewProject(NewProject),
    /// Shows how a file will be read.
    Import(Box<ImportSheet>),
    /// The keys of a screen.
    Keys,
    /// Two runs side by side.
    Compare(RunId, RunId),
    /// Sets a search up.
    Search(Box<SearchSheet>),
    /// Sets a comparison of settings up.
    Variants(Box<VariantsSheet>),
    /// The trials of a series.
    Series(SeriesSheet),
}

impl SheetState {
    /// A sheet that asks for a path.
    pub fn path(purpose: PathPurpose) -> Self {
        SheetState::Path(PathSheet::new(purpose))
    }

    /// A sheet that makes a project, and then imports `file` into it.
    pub fn new_project(file: Option<PathBuf>) -> Self {
        SheetState::NewProject(NewProject::new(file))
    }

    /// A sheet that sets a search up.
    pub fn search() -> Self {
        SheetState::Search(Box::default())
    }

    /// A sheet that sets a comparison up, at first of treatments of imbalance.
    pub fn treatments() -> Self {
        SheetState::Variants(Box::default())
    }

    /// A sheet that shows how a file will be read.
    pub fn import(file: PathBuf) -> Self {
        SheetState::Import(Box::new(ImportSheet::new(file)))
    }
}

/// Shows the sheet, if there is one, and closes it when it is done.
pub fn show(ctx: &Context, desk: &mut Desk, screen: &Screen, sheet: &mut Option<SheetState>, dialogs: &mut Dialogs) {
    let close = match sheet {
        None => false,
        Some(SheetState::Path(path)) => path.show(ctx, desk, dialogs),
        Some(SheetState::NewProject(new)) => new.show(ctx, desk, dialogs),
        Some(SheetState::Import(import)) => import.show(ctx, desk),
        Some(SheetState::Keys) => keys::show(ctx, screen),
        Some(SheetState::Compare(a, b)) => train::compare::show(ctx, desk, *a, *b),
        Some(SheetState::Search(search)) => search.show(ctx, desk),
        Some(SheetState::Variants(variants)) => variants.show(ctx, desk),
        Some(SheetState::Series(series)) => series.show(ctx, desk),
    };
    if close {
        *sheet = None;
    }
}

/// What a path asks for, wherever it came from: a project is opened; any other file becomes an import, into the open project or a new one.
pub fn open_path(app: &App, path: PathBuf) -> Act {
    let is_project = path
        .extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("handful"));
    match (is_project, &app.project) {
        (true, _) => Act::Run(Command::Open(path)),
        (false, Some(_)) => Act::Show(SheetState::import(path)),
        (false, None) => Act::Show(SheetState::new_project(Some(path))),
    }
}

/// Files dropped on the window. Only the first: an import is looked at before it is written.
pub fn dropped_files(ctx: &Context, app: &App) -> Vec<Act> {
    let dropped = ctx.input(|input| input.raw.dropped_files.first().map(|file| file.path().to_path_buf()));
    dropped.map(|path| open_path(app, path)).into_iter().collect()
}

/// Says that a file over the window can be dropped.
pub fn drop_hint(ctx: &Context) {
    if ctx.input(|input| input.raw.hovered_files.is_empty()) {
        return;
    }
    let tokens = theme::tokens(ctx.theme());
    let painter = ctx.layer_painter(LayerId::new(Order::Foreground, Id::unique("drop hint")));
    let rect = ctx.content_rect();
    painter.rect_filled(rect, 0, Color32::from_black_alpha(140));
    painter.rect_stroke(
        rect.shrink(12.0),
        10,
        egui::Stroke::new(2.0, tokens.accent),
        egui::StrokeKind::Inside,
    );
    let text = font(size::TITLE, Weight::SemiBold);
    painter.text(
        rect.center(),
        Align2::CENTER_CENTER,
        "Drop a file to import it",
        text,
        Color32::WHITE,
    );
}

/// Where the sample project lives: the person's documents, or the current folder.
pub fn sample_folder() -> PathBuf {
    documents().join("Handful")
}

/// The person's documents folder, else home, else here.
pub fn documents() -> PathBuf {
    let dirs = directories::UserDirs::new();
    let folder = dirs
        .as_ref()
        .map(|dirs| dirs.document_dir().unwrap_or(dirs.home_dir()).to_path_buf());
    folder.unwrap_or_else(|| PathBuf::from("."))
}

/// What a job is called where it is shown.
pub fn job_title(kind: JobKind) -> &'static str {
    match kind {
        JobKind::Open => "opening",
        JobKind::PreviewImport => "looking at the file",
        JobKind::Import => "import",
        JobKind::Train => "training",
        JobKind::Evaluate => "evaluation",
        JobKind::ExportModel => "model export",
        JobKind::ExportAnnotations => "annotation export",
        JobKind::GetModel => "fetching the model",
        JobKind::History => "undo",
    }
}
