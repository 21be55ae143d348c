//! The words behind the scores of a cell's texts: whether they are marked, and asking for those of the texts in view.

use egui::{Ui, vec2};

use super::{cell::Cell, figures::Figures, word_marks::Marks};
use crate::app::Project;
use crate::core::TextId;
use crate::jobs::{ExplainKey, training::run_dir};
use crate::ui::{
    desk::Desk,
    theme::{self, Weight, font, size},
    widgets::{Button, wrapped},
};

/// Whether words are marked, and what that means.
pub(super) fn words_ui(ui: &mut Ui, desk: &mut Desk, project: &Project, figures: &Figures, cell: Cell) {
    let plain = desk.memory.evaluate.cells.plain;
    let target = cell.target();
    let name = |label| figures.look(desk, label).name;
    let said = match (plain, project.explaining.failure(figures.evaluation.run)) {
        (true, _) => "No words are marked.".to_owned(),
        (false, Some(reason)) => format!("No words are marked: {reason}"),
        (false, None) => {
            let other = match target.against {
                Some(label) => format!("for {}", name(label)),
                None => format!("against {}", name(target.label)),
            };
            format!(
                "Marked words speak for {}, underlined ones {other}: an estimate, by leaving out one word at a time.",
                name(target.label)
            )
        }
    };
    egui::Frame::new()
        .inner_margin(egui::Margin {
            left: 15,
            right: 8,
            top: 0,
            bottom: 8,
        })
        .show(ui, |ui| {
            ui.horizontal(|ui| {
                let width = (ui.available_width() - 100.0).max(80.0);
                ui.allocate_ui_with_layout(vec2(width, 0.0), egui::Layout::top_down(egui::Align::Min), |ui| {
                    ui.set_width(width);
                    wrapped(ui, said, font(size::SMALL, Weight::Regular), theme::of(ui).text3);
                });
                let button = Button::quiet("words")
                    .key("W")
                    .small()
                    .selected(!plain)
                    .name("Mark words");
                if ui.add(button).clicked() {
                    desk.memory.evaluate.cells.plain = !plain;
                }
            });
        });
}

/// What of a text is explained, and asked for while it is in view.
fn key(figures: &Figures, cell: Cell, text: TextId) -> ExplainKey {
    ExplainKey {
        run: figures.evaluation.run,
        text,
        target: cell.target(),
    }
}

/// The marks of a text, as far as they are known and wanted.
pub(super) fn marks<'a>(desk: &Desk, project: &'a Project, figures: &Figures, cell: Cell, text: TextId) -> Marks<'a> {
    match desk.memory.evaluate.cells.plain {
        true => Marks::default(),
        false => Marks::of(project.explaining.get(&key(figures, cell, text)).map(|known| &**known)),
    }
}

/// Asks for the words of the texts in view, the selected one first.
pub(super) fn ask_for_words(desk: &mut Desk, project: &Project, figures: &Figures, cell: Cell, mut shown: Vec<TextId>) {
    if desk.memory.evaluate.cells.plain {
        return;
    }
    let selected = desk.memory.evaluate.cells.selected;
    shown.sort_by_key(|id| Some(*id) != selected);
    let run = figures.evaluation.run;
    let keys: Vec<ExplainKey> = shown.iter().map(|id| key(figures, cell, *id)).collect();
    if project.explaining.is_asked(run, &keys) {
        return;
    }
    let texts: Vec<_> = keys
        .into_iter()
        .filter_map(|key| Some((key, project.state.text(key.text)?.words())))
        .collect();
    let dir = run_dir(&project.store, run);
    desk.change(move |app| app.explain(run, dir, texts));
}
