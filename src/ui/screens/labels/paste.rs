//! A whole taxonomy at once: an indented list, or paths, pasted as text.

use egui::{Rect, Ui};

use crate::app::Project;
use crate::core::{LabelTree, label_edits};
use crate::io::label_tree;
use crate::ui::{
    desk::{Act, Desk},
    sheets::{PathPurpose, SheetState},
    theme::{self, Weight, font, size},
    widgets::{Button, Card, text_area, thousands, wrapped},
};

/// Shows the paste field while it is open; true when it takes the screen.
pub(super) fn paste_ui(ui: &mut Ui, rect: Rect, desk: &mut Desk, project: &Project) -> bool {
    let Some(text) = &mut desk.memory.labels.paste else {
        return false;
    };
    let tokens = theme::of(ui);
    let (mut done, mut from_file) = (None, false);
    Card::titled("Paste a list").show_in(ui, rect, |ui| {
        ui.spacing_mut().item_spacing.y = 10.0;
        let explanation = "One label a line. Indent with spaces or tabs, or write Parent > Child, to make a tree. A table with the columns id, name and parent, nested JSON and a labelling configuration of Label Studio are understood too. Labels that exist are left as they are.";
        wrapped(ui, explanation, font(size::BASE, Weight::Regular), tokens.text2);
        let rows = ((ui.available_height() - 70.0) / 16.0).clamp(4.0, 24.0) as usize;
        text_area(ui, "Labels", "Electronics\n  Phones\n    Smartphones\nHome and garden > Kitchen", text, rows);
        let read = match text.trim().is_empty() {
            true => Ok(Vec::new()),
            false => label_tree::of_text(text),
        };
        let paths = read.unwrap_or_else(|reason| {
            wrapped(ui, reason.to_string(), font(size::BASE, Weight::Regular), tokens.error);
            Vec::new()
        });
        let new = n_new(&project.state.labels, &paths);
        ui.horizontal(|ui| {
            let title = format!("Make {} labels", thousands(new));
            if ui.add_enabled(new > 0, Button::primary(&title)).clicked() {
                done = Some(Some(paths));
            }
            if ui.add(Button::secondary("From a file…")).clicked() {
                from_file = true;
            }
            if ui.add(Button::secondary("Cancel")).clicked() {
                done = Some(None);
            }
        });
    });
    if from_file {
        desk.memory.labels.paste = None;
        desk.act(Act::Show(SheetState::path(PathPurpose::Labels)));
    }
    if let Some(paths) = done {
        desk.memory.labels.paste = None;
        if let Some(paths) = paths {
            desk.edit(label_edits::create_labels(&project.state, &paths));
        }
    }
    true
}

/// How many of the paths, and of those above them, are not in the tree.
fn n_new(tree: &LabelTree, paths: &[Vec<String>]) -> usize {
    let wanted: std::collections::HashSet<&[String]> = paths
        .iter()
        .flat_map(|path| (1..=path.len()).filter_map(|n| path.get(..n)))
        .collect();
    wanted.into_iter().filter(|path| tree.by_path(path).is_none()).count()
}
