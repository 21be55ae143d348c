//! The labels being tried: those of the project, with others beside them, or with some left out.

use egui::{Key, ScrollArea, Ui};

use super::asking::{Asked, Tried};
use crate::core::LabelId;
use crate::jobs::zero_shot_labels::tree_of;
use crate::model::zero_shot::{Descent, LabelText};
use crate::ui::{
    desk::Desk,
    theme::{self, Weight, font, size},
    widgets::{Button, Card, Chip, TextField, checkbox, say, segmented, wrapped},
};

/// With more labels than this their chips scroll.
const MANY: usize = 16;

pub(super) fn labels_ui(ui: &mut Ui, desk: &mut Desk, asked: &Asked) {
    let own = desk.memory.preview.labels.is_some();
    let aside = if own { "only here" } else { "from the project" };
    Card::titled("Labels").aside(aside).show(ui, |ui| {
        ui.spacing_mut().item_spacing = egui::vec2(6.0, 6.0);
        if asked.ask.labels.len() > MANY {
            let scroll = ScrollArea::vertical().id_salt("label chips").max_height(130.0);
            scroll.show(ui, |ui| chips_ui(ui, desk, asked));
        } else {
            chips_ui(ui, desk, asked);
        }
        adding_ui(ui, desk, asked);
        let project = desk.project();
        let described =
            project.is_some_and(|project| project.state.labels.iter().any(|label| !label.description.is_empty()));
        if own {
            let back = Button::secondary("Back to the project's labels").small();
            if ui.add(back).clicked() {
                desk.memory.preview.labels = None;
                desk.memory.preview.opened = None;
            }
        } else if described {
            checkbox(
                ui,
                "Descriptions in place of names",
                &mut desk.memory.preview.descriptions,
            );
        }
        if tree_of(&labels_of(asked)).is_some() {
            tree_ui(ui, desk, asked);
        }
        let hint = "Press a label to see which texts it is taken to mean.";
        wrapped(ui, hint, font(size::SMALL, Weight::Regular), theme::of(ui).text3);
    });
}

fn labels_of(asked: &Asked) -> Vec<LabelText> {
    asked.ask.labels.iter().map(|(_, label)| label.clone()).collect()
}

/// How the tree is asked about.
fn tree_ui(ui: &mut Ui, desk: &mut Desk, asked: &Asked) {
    let memory = &mut desk.memory.preview;
    let flat = asked.ask.descent == Descent::Flat;
    let ways = ["Top-down", "Flat"];
    ui.horizontal(|ui| {
        say(ui, "The tree", font(size::SMALL, Weight::Regular), theme::of(ui).text2);
        if let Some(chosen) = segmented(ui, &ways, usize::from(flat)) {
            memory.descent = Some(match chosen {
                0 => Descent::default(),
                _ => Descent::Flat,
            });
        }
    });
    let about = match flat {
        false => {
            "A question at each node about what stands below it, for the three likeliest nodes of a level. {path} is a label with all above it."
        }
        true => "One question about all labels that can be a whole answer. {path} is a label with all above it.",
    };
    wrapped(ui, about, font(size::SMALL, Weight::Regular), theme::of(ui).text3);
}

fn chips_ui(ui: &mut Ui, desk: &mut Desk, asked: &Asked) {
    ui.spacing_mut().interact_size.y = 20.0;
    ui.horizontal_wrapped(|ui| {
        for (at, (id, label)) in asked.ask.labels.iter().enumerate() {
            let opened = desk.memory.preview.opened == Some(at);
            let chip = Chip::new(&label.name, color(desk, *id, at)).small().selected(opened);
            if ui.add(chip.max_width(220.0)).on_hover_text(label.words()).clicked() {
                desk.memory.preview.opened = (!opened).then_some(at);
            }
        }
    });
}

fn adding_ui(ui: &mut Ui, desk: &mut Desk, asked: &Asked) {
    let memory = &mut desk.memory.preview;
    let field = TextField::new("Try another label")
        .placeholder("try another label")
        .small();
    let response = field.show(ui, &mut memory.adding);
    if std::mem::take(&mut memory.focus_adding) {
        response.request_focus();
    }
    let name = memory.adding.trim().to_owned();
    if response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter)) && !name.is_empty() {
        let mut labels = tried(asked);
        if labels.iter().all(|label| label.name != name) {
            labels.push(Tried {
                id: None,
                name,
                above: Vec::new(),
                words: String::new(),
            });
        }
        memory.labels = Some(labels);
        memory.adding.clear();
        response.request_focus();
    }
}

/// The labels of this frame as ones that can be changed.
pub(super) fn tried(asked: &Asked) -> Vec<Tried> {
    let of = |(id, label): &(Option<LabelId>, LabelText)| Tried {
        id: *id,
        name: label.name.clone(),
        above: label.above.clone(),
        words: label.description.clone().unwrap_or_default(),
    };
    asked.ask.labels.iter().map(of).collect()
}

/// The colour of a label: that of the project's label, else from the palette by its place.
pub(super) fn color(desk: &Desk, id: Option<LabelId>, at: usize) -> egui::Color32 {
    let look = id.and_then(|id| desk.looks.get(id));
    look.map_or_else(|| theme::color_at(at), |look| look.color)
}
