//! The text being labelled, its labels, and the keys below it.

use std::sync::Arc;

use egui::{Galley, Key, Rect, ScrollArea, Sense, Stroke, Ui, UiBuilder, pos2, vec2};

use super::chips;
use crate::app::Project;
use crate::core::{TaskKind, Text, text_edits};
use crate::ui::{
    desk::{Act, Desk},
    icons, screens,
    theme::{self, Weight, font, size},
    widgets::{
        Card, TextField, empty_state, galley, galley_wrapped, icon_at, key_cap, key_hint, paint_left, say, thousands,
    },
};

/// Of a longer text only the beginning is laid out; a book in one cell must not cost the frame.
const MAX_CHARS: usize = 20_000;

/// Of a pair: what stands above each part, its height, and the room between the parts with a line in its middle.
const PART_NAMES: [&str; 2] = ["First text", "Second text"];
const PART_NAME_HEIGHT: f32 = 24.0;
const BETWEEN_PARTS: f32 = 37.0;

pub(super) fn text_ui(ui: &mut Ui, rect: Rect, desk: &mut Desk, project: &Project) {
    Card::new().flush().show_in(ui, rect, |ui| {
        let Some(text) = project.annotating.current.and_then(|id| project.state.text(id)) else {
            if empty_state(
                ui,
                icons::DONE,
                "Nothing left to label",
                "Train a model on what you have, or import more texts.",
                "Train",
            ) {
                desk.act(Act::Go(screens::train::ID));
            }
            return;
        };
        let area = ui.max_rect();
        let hints = Rect::from_min_max(pos2(area.left(), area.bottom() - 39.0), area.max);
        hints_ui(ui, hints, desk, project);
        let chips = chips::chips_ui(
            ui,
            Rect::from_min_max(area.min, pos2(area.right(), hints.top())),
            desk,
            project,
        );
        let body = Rect::from_min_max(area.min, pos2(area.right(), chips));
        body_ui(ui, body, desk, project, text);
    });
}

fn body_ui(ui: &mut Ui, area: Rect, desk: &mut Desk, project: &Project, text: &Text) {
    let least = if area.width() > 480.0 { 64.0 } else { 20.0 };
    let width = (area.width() - 2.0 * least).min(620.0);
    let margin = ((area.width() - width) / 2.0).round();
    let parts: Vec<Part> = text.parts().map(|words| Part::new(ui, words, width)).collect();
    let is_pair = text.second.is_some();
    let beside = if is_pair {
        2.0 * PART_NAME_HEIGHT + BETWEEN_PARTS
    } else {
        0.0
    };
    let height = 34.0 + beside + parts.iter().map(Part::height).sum::<f32>();
    let mut child = ui.new_child(UiBuilder::new().id_salt(("body", text.id.0)).max_rect(area));
    child.shrink_clip_rect(area);
    ScrollArea::vertical()
        .id_salt("body scroll")
        .auto_shrink(false)
        .show(&mut child, |ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            ui.add_space(((area.height() - height) / 2.0).max(20.0));
            let left = area.left() + margin;
            meta_ui(ui, left, width, desk, project, text);
            for (at, (part, name)) in parts.into_iter().zip(PART_NAMES).enumerate() {
                if at > 0 {
                    between_ui(ui, left, width);
                }
                if is_pair {
                    name_ui(ui, left, name);
                }
                part.show(ui, left);
            }
            ui.add_space(20.0);
        });
}

/// A line between the two parts of a pair.
fn between_ui(ui: &mut Ui, left: f32, width: f32) {
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), BETWEEN_PARTS), Sense::hover());
    let y = rect.center().y.round() + 0.5;
    ui.painter()
        .hline(left..=left + width, y, Stroke::new(1.0, theme::of(ui).line));
}

/// What stands above one part of a pair.
fn name_ui(ui: &mut Ui, left: f32, name: &str) {
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), PART_NAME_HEIGHT), Sense::hover());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Label, true, name));
    let name = galley(ui, name, font(size::SMALL, Weight::SemiBold), theme::of(ui).text3);
    paint_left(ui.painter(), pos2(left, rect.top() + 8.0), name);
}

/// A text, or one part of a pair, laid out.
struct Part<'a> {
    words: &'a str,
    galley: Arc<Galley>,
    n_left_out: usize,
}

impl<'a> Part<'a> {
    fn new(ui: &Ui, words: &'a str, width: f32) -> Self {
        let shown: String = words.chars().take(MAX_CHARS).collect();
        let n_left_out = match shown.len() < words.len() {
            true => words.chars().count() - MAX_CHARS,
            false => 0,
        };
        let face = font(size::READING, Weight::Regular);
        let line = (size::READING * size::READING_LINE).round();
        Part {
            words,
            galley: galley_wrapped(ui, shown, face, theme::of(ui).text, width, line),
            n_left_out,
        }
    }

    fn height(&self) -> f32 {
        self.galley.size().y + if self.n_left_out > 0 { 30.0 } else { 0.0 }
    }

    fn show(self, ui: &mut Ui, left: f32) {
        let tokens = theme::of(ui);
        let size = vec2(ui.available_width(), self.galley.size().y);
        let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
        response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Paragraph, true, self.words));
        ui.painter().galley(pos2(left, rect.top()), self.galley, tokens.text);
        if self.n_left_out > 0 {
            ui.horizontal(|ui| {
                ui.add_space(left - ui.max_rect().left());
                say(
                    ui,
                    format!("… and {} more characters", thousands(self.n_left_out)),
                    font(size::SMALL, Weight::Regular),
                    tokens.text3,
                );
            });
        }
    }
}

/// What is known about the text, and its note.
fn meta_ui(ui: &mut Ui, left: f32, width: f32, desk: &mut Desk, project: &Project, text: &Text) {
    let tokens = theme::of(ui);
    let small = font(size::SMALL, Weight::Regular);
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 8.0;
        ui.add_space(left - ui.max_rect().left());
        let id = text.external_id.clone().unwrap_or_else(|| format!("text {}", text.id));
        let mut parts = vec![
            id,
            text.source.to_string(),
            format!("{} words", thousands(text.n_words())),
        ];
        if let Some(split) = text.split {
            parts.push(format!("{} split", split.name()));
        }
        if let Some(annotation) = &text.annotation {
            parts.push(format!("labelled by {} ({})", annotation.who, annotation.how.name()));
        }
        crate::ui::widgets::cut(ui, parts.join(" · "), small.clone(), tokens.text3);
        if text.flagged {
            let (rect, response) = ui.allocate_exact_size(vec2(14.0, 16.0), Sense::hover());
            response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Label, true, "flagged"));
            icon_at(ui.painter(), rect.center(), icons::FLAG, 13.0, tokens.warning);
        }
    });
    ui.add_space(10.0);
    note_ui(ui, left, width, desk, project, text);
}

fn note_ui(ui: &mut Ui, left: f32, width: f32, desk: &mut Desk, project: &Project, text: &Text) {
    let tokens = theme::of(ui);
    let editing = desk.memory.annotate.note.as_mut().filter(|(id, _)| *id == text.id);
    let Some((_, note)) = editing else {
        if !text.note.is_empty() {
            ui.horizontal(|ui| {
                ui.add_space(left - ui.max_rect().left());
                crate::ui::widgets::cut(
                    ui,
                    format!("Note: {}", text.note),
                    font(size::SMALL, Weight::Regular),
                    tokens.warning,
                );
            });
            ui.add_space(8.0);
        }
        return;
    };
    let mut done = None;
    ui.horizontal(|ui| {
        ui.add_space(left - ui.max_rect().left());
        let field = TextField::new("Note")
            .placeholder("What to remember about this text; Enter saves")
            .icon(icons::NOTE)
            .width(width);
        let response = field.show(ui, note);
        if response.lost_focus() {
            let keep = !ui.input(|input| input.key_pressed(Key::Escape));
            done = Some(keep.then(|| note.clone()));
        } else if !response.has_focus() {
            response.request_focus();
        }
    });
    ui.add_space(8.0);
    if let Some(keep) = done {
        desk.memory.annotate.note = None;
        if let Some(note) = keep {
            desk.edit(text_edits::set_note(&project.state, text.id, note.trim()));
        }
    }
}

fn hints_ui(ui: &mut Ui, rect: Rect, desk: &mut Desk, project: &Project) {
    let tokens = theme::of(ui);
    ui.painter()
        .hline(rect.x_range(), rect.top() + 0.5, Stroke::new(1.0, tokens.line));
    let mut child = ui.new_child(
        UiBuilder::new()
            .id_salt("hints")
            .max_rect(rect.shrink2(vec2(24.0, 0.0))),
    );
    child.shrink_clip_rect(rect);
    let room = rect.width() - 48.0;
    child.horizontal_centered(|ui| {
        let at = project.annotating.at.and_then(|at| desk.looks.get(at));
        match at {
            Some(look) => {
                key_hint(ui, "Enter", &format!("choose {}", chips::short(&look.name)));
                key_hint(ui, "Backspace", "up");
            }
            None if project.state.task == TaskKind::MultiLabel => key_hint(ui, "Enter", "save, next"),
            None => {}
        }
        let mut hints = vec![
            ("Space", "skip"),
            ("A", "accept"),
            ("F", "flag"),
            ("N", "note"),
            ("B", "back"),
        ];
        if room < 460.0 || (at.is_some() && room < 700.0) {
            hints.truncate(2);
        }
        for (key, does) in hints {
            key_hint(ui, key, does);
        }
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            if key_cap(ui, "?").interact(Sense::click()).clicked() {
                desk.act(Act::Help);
            }
        });
    });
}
