//! Where an endpoint is and how it is asked. Off until somebody presses Ask; where texts leave this machine is said in words beside a sign.

use egui::{Ui, vec2};

use super::engine_card::remarks_ui;
use crate::app::Project;
use crate::model::zero_shot::endpoint::KEY_VARIABLE;
use crate::ui::{
    desk::Desk,
    icons,
    theme::{self, Weight, font, size},
    widgets::{Button, TextField, checkbox, icon_at, segmented, wrapped},
};

pub(super) fn endpoint_ui(ui: &mut Ui, desk: &mut Desk, project: &Project) {
    let (app, form) = (desk.app, &mut desk.memory.preview.engines.endpoint);
    let small = || font(size::SMALL, Weight::Regular);
    let tokens = theme::of(ui);
    let address = TextField::new("Address of the endpoint").placeholder("http://localhost:11434/v1");
    address.small().show(ui, &mut form.address);
    let model = TextField::new("Name of the endpoint's model").placeholder("model, as its server calls it");
    model.small().show(ui, &mut form.model);
    if let Some(chosen) = segmented(ui, &["probabilities", "answers only"], usize::from(form.answers_only)) {
        form.answers_only = chosen == 1;
    }
    let about = match form.answers_only {
        false => {
            "Scores are the probabilities of the options' letters where the server gives them, else its answer counts."
        }
        true => "What the answer names scores 1.",
    };
    wrapped(ui, about, small(), tokens.text3);
    checkbox(ui, "Texts may leave this machine", &mut form.allow_remote);
    let spec = form.spec();
    if let Some(remark) = spec.as_ref().and_then(|spec| spec.leaves_machine()) {
        ui.horizontal_top(|ui| {
            let (rect, _) = ui.allocate_exact_size(vec2(18.0, 18.0), egui::Sense::hover());
            icon_at(ui.painter(), rect.center(), icons::WARNING, 13.0, tokens.warning);
            let mut letters = remark.chars();
            let first = letters.next().map(|letter| letter.to_uppercase().to_string());
            let sentence = format!("{}{}", first.unwrap_or_default(), letters.as_str());
            wrapped(ui, sentence, small(), tokens.warning);
        });
    }
    let problem = spec.as_ref().and_then(|spec| spec.check(&app.catalog).err());
    if let Some(problem) = &problem {
        wrapped(ui, problem.to_string(), small(), tokens.error);
    }
    let is_on = spec.is_some() && form.asked == spec;
    let mut switched_off = false;
    ui.horizontal(|ui| {
        let ask = Button::primary("Ask").small().name("Ask this endpoint");
        if !is_on && ui.add_enabled(spec.is_some() && problem.is_none(), ask).clicked() {
            form.asked = spec;
        }
        let off = Button::secondary("Switch off")
            .small()
            .name("Send nothing more to this endpoint");
        if is_on && ui.add(off).clicked() {
            form.asked = None;
            switched_off = true;
        }
    });
    if switched_off {
        desk.change_project(|project, _| project.previewing.stop());
    }
    let key = format!(
        "A key is read from the environment variable {KEY_VARIABLE} and kept nowhere; `handful zero-shot` also takes --key-env and --key-command."
    );
    wrapped(ui, key, small(), tokens.text3);
    remarks_ui(ui, project, "endpoint");
}
