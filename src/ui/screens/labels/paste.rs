//! A whole taxonomy at once: an indented list, or paths, pasted as text.

use egui::{Rect, Ui};

use crate::app::Project;
use crate::core::label_edits;
use crate::ui::{
    desk::Desk,
    theme::{self, Weight, font, size},
    widgets::{Button, Card, text_area, thousands, wrapped},
};

/// Shows the paste field while it is open; true when it takes the screen.
pub(super) fn paste_ui(ui: &mut Ui, rect: Rect, desk: &mut Desk, project: &Project) -> bool {
    let Some(text) = &mut desk.memory.labels.paste else {
        return false;
    };
    let tokens = theme::of(ui);
    let mut done = None;
    Card::titled("Paste a list").show_in(ui, rect, |ui| {
        ui.spacing_mut().item_spacing.y = 10.0;
        let explanation = "One label a line. Indent with spaces or tabs, or write Parent > Child, to make a tree. Labels that exist are left as they are.";
        wrapped(ui, explanation, font(size::BASE, Weight::Regular), tokens.text2);
        let rows = ((ui.available_height() - 70.0) / 16.0).clamp(4.0, 24.0) as usize;
        text_area(ui, "Labels", "Electronics\n  Phones\n    Smartphones\nHome and garden > Kitchen", text, rows);
        let paths = indented(text);
        let new = paths.iter().filter(|path| project.state.labels.by_path(path).is_none()).count();
        ui.horizontal(|ui| {
            let title = format!("Make {} labels", thousands(new));
            if ui.add_enabled(new > 0, Button::primary(&title)).clicked() {
                done = Some(Some(paths));
            }
            if ui.add(Button::secondary("Cancel")).clicked() {
                done = Some(None);
            }
        });
    });
    if let Some(paths) = done {
        desk.memory.labels.paste = None;
        if let Some(paths) = paths {
            desk.edit(label_edits::create_labels(&project.state, &paths));
        }
    }
    true
}

/// Paths from an indented list; a deeper line is a child of the last shallower one. `a > b` works in any line.
fn indented(text: &str) -> Vec<Vec<String>> {
    let mut open: Vec<(usize, Vec<String>)> = Vec::new();
    let mut paths: Vec<Vec<String>> = Vec::new();
    for line in text.lines() {
        let width = line
            .chars()
            .take_while(|c| c.is_whitespace())
            .map(|c| if c == '\t' { 4 } else { 1 })
            .sum();
        let line = line.trim().trim_start_matches(['-', '*', '•']).trim();
        let names: Vec<String> = line
            .split('>')
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect();
        if names.is_empty() {
            continue;
        }
        open.retain(|(indent, _)| *indent < width);
        let mut path = open.last().map(|(_, path)| path.clone()).unwrap_or_default();
        path.extend(names);
        open.push((width, path.clone()));
        if !paths.contains(&path) {
            paths.push(path);
        }
    }
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indentation_makes_a_tree() {
        let text = "Electronics\n  Phones\n    Smartphones\n  TV\n\n- Home > Kitchen\n\tKnives\nElectronics\n";
        let paths: Vec<String> = indented(text).into_iter().map(|path| path.join("/")).collect();
        assert_eq!(
            paths,
            [
                "Electronics",
                "Electronics/Phones",
                "Electronics/Phones/Smartphones",
                "Electronics/TV",
                "Home/Kitchen",
                "Home/Kitchen/Knives"
            ]
        );
    }
}
