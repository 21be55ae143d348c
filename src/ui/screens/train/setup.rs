//! What to train: the method, its options, the button.

use egui::{Align, Layout, Rect, RichText, ScrollArea, Ui, UiBuilder, Vec2};

use super::advice::Advice;
use crate::app::{Command, Project};
use crate::core::{Run, RunStatus};
use crate::jobs::JobKind;
use crate::train::{METHODS, Method, OptionSpec, Range};
use crate::ui::{
    desk::{Act, Desk},
    icons, screens,
    theme::{self, Weight, font, size, space},
    widgets::{Button, Card, Dropdown, NumberField, choice_card, galley_cut, in_rect, paint_left, thousands, wrapped},
};

/// The seed that the command line starts with too.
const SEED: f64 = 42.0;

/// Points for a field of the options.
const FIELD: f32 = 128.0;

pub(super) fn setup_ui(ui: &mut Ui, rect: Rect, desk: &mut Desk, project: &Project, advice: &Advice) {
    let method = chosen(desk, advice);
    in_rect(ui, "setup", rect.expand2(Vec2::new(2.0, 0.0)), |ui| {
        ui.spacing_mut().item_spacing.y = 10.0;
        ScrollArea::vertical()
            .id_salt("setup scroll")
            .auto_shrink([false, true])
            .max_height((rect.height() - foot_height(advice, method)).max(80.0))
            .show(ui, |ui| {
                inset(ui, |ui| {
                    methods_ui(ui, desk, advice, method);
                    options_ui(ui, desk, method);
                });
            });
        inset(ui, |ui| train_ui(ui, desk, project, advice, method));
    });
}

/// Keeps the frames of cards clear of the column's edge, where they would be cut.
fn inset(ui: &mut Ui, add: impl FnOnce(&mut Ui)) {
    egui::Frame::new()
        .inner_margin(egui::Margin::symmetric(2, 1))
        .show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 10.0;
            add(ui);
        });
}

/// The chosen method, else the recommended one.
fn chosen(desk: &Desk, advice: &Advice) -> &'static Method {
    let id = desk.memory.train.method.unwrap_or(advice.method);
    METHODS.iter().find(|method| method.id == id).unwrap_or(&METHODS[0])
}

fn foot_height(advice: &Advice, method: &Method) -> f32 {
    space::CONTROL + 12.0 + if advice.missing(method.id).is_some() { 92.0 } else { 0.0 }
}

fn methods_ui(ui: &mut Ui, desk: &mut Desk, advice: &Advice, chosen: &Method) {
    for method in METHODS {
        let badge = if method.id == advice.method { "recommended" } else { "" };
        if choice_card(ui, method.title, badge, method.summary, method == chosen).clicked() {
            desk.memory.train.method = Some(method.id);
        }
    }
    let tokens = theme::of(ui);
    ui.horizontal(|ui| {
        ui.add_space(2.0);
        wrapped(
            ui,
            advice.why.as_str(),
            font(size::SMALL, Weight::Regular),
            tokens.text2,
        );
    });
}

fn options_ui(ui: &mut Ui, desk: &mut Desk, method: &'static Method) {
    Card::titled("Options").show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        encoder_ui(ui, desk);
        for spec in method.options.iter().filter(|spec| !spec.advanced) {
            option_ui(ui, desk, method, spec);
        }
        let help = "Every random choice follows from it: the same seed gives the same weights.";
        let mut seed = desk.memory.train.seed.unwrap_or(SEED);
        row(ui, "Seed", help, |ui| {
            let field = NumberField::new("Seed", &mut seed, 0.0..=f64::from(u32::MAX)).integer();
            if ui.add(field.width(FIELD)).changed() {
                desk.memory.train.seed = Some(seed);
            }
        });
        advanced_ui(ui, desk, method);
    });
}

fn advanced_ui(ui: &mut Ui, desk: &mut Desk, method: &'static Method) {
    let advanced: Vec<&'static OptionSpec> = method.options.iter().filter(|spec| spec.advanced).collect();
    if advanced.is_empty() {
        return;
    }
    let open = desk.memory.train.advanced;
    let icon = if open { icons::DOWN } else { icons::RIGHT };
    let text = format!("Advanced ({})", advanced.len());
    ui.add_space(4.0);
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 0.0;
        if ui.add(Button::quiet(&text).icon(icon).small()).clicked() {
            desk.memory.train.advanced = !open;
        }
        let changed = desk.memory.train.values.keys().any(|(id, _)| *id == method.id);
        if changed && ui.add(Button::quiet("Reset").icon(icons::RESET).small()).clicked() {
            desk.memory.train.values.retain(|(id, _), _| *id != method.id);
        }
    });
    if open {
        advanced.into_iter().for_each(|spec| option_ui(ui, desk, method, spec));
    }
}

fn encoder_ui(ui: &mut Ui, desk: &mut Desk) {
    let help = "Turns texts into numbers; the method works on top of it. Models has more of them.";
    let chosen = encoder(desk);
    let Some(chosen) = chosen else {
        missing_encoder_ui(ui, desk);
        return;
    };
    row(ui, "Encoder", help, |ui| {
        let names: Vec<String> = desk
            .memory
            .models
            .list
            .entries
            .iter()
            .map(|entry| entry.name.clone())
            .collect();
        let dropdown = Dropdown::new("Encoder", &chosen).small().width(FIELD + 20.0);
        if let Some(at) = dropdown.choose(ui, &names) {
            desk.memory.train.encoder = Some(names[at].clone());
        }
    });
}

/// The encoder to train with, if any is here.
fn encoder(desk: &Desk) -> Option<String> {
    let wanted = desk.memory.train.encoder.as_deref();
    let list = &desk.memory.models.list;
    list.choose(wanted, &desk.app.settings.encoder).map(str::to_owned)
}

/// No encoder is here: offers the one that can be fetched.
fn missing_encoder_ui(ui: &mut Ui, desk: &mut Desk) {
    let tokens = theme::of(ui);
    let name = desk.app.settings.encoder.clone();
    let text = format!("Training needs an encoder, and {name} is not on this machine yet.");
    wrapped(ui, text, font(size::SMALL, Weight::Regular), tokens.text2);
    ui.add_space(6.0);
    let fetching = desk.app.running(JobKind::GetModel).is_some();
    let known = desk.app.catalog.known().iter().find(|known| known.name == name);
    match known {
        Some(known) => {
            let text = match fetching {
                true => "Fetching it…".to_owned(),
                false => format!("Get it ({} MB)", known.bytes() / 1_000_000),
            };
            if ui.add_enabled(!fetching, Button::secondary(&text).small()).clicked() {
                desk.run(Command::GetModel(name));
            }
        }
        None => {
            if ui.add(Button::secondary("Go to Models").small()).clicked() {
                desk.act(Act::Go(screens::models::ID));
            }
        }
    }
    ui.add_space(6.0);
}

fn option_ui(ui: &mut Ui, desk: &mut Desk, method: &'static Method, spec: &'static OptionSpec) {
    let key = (method.id, spec.id);
    let mut value = desk.memory.train.values.get(&key).copied().unwrap_or(spec.default);
    row(ui, spec.title, &explained(spec), |ui| {
        let field = match spec.range {
            Range::Choice(words) => {
                let shown = spec.range.written(value);
                let dropdown = Dropdown::new(spec.title, &shown).small().width(FIELD + 20.0);
                if let Some(at) = dropdown.choose(ui, words) {
                    keep(desk, key, at as f64, spec.default);
                }
                return;
            }
            Range::Whole { min, max } => {
                NumberField::new(spec.title, &mut value, f64::from(min)..=f64::from(max)).integer()
            }
            Range::Real { min, max } => {
                let speed = (value.abs() / 50.0).max(min / 10.0).max(1e-9);
                NumberField::new(spec.title, &mut value, min..=max).speed(speed)
            }
        };
        if ui.add(field.width(FIELD)).changed() {
            keep(desk, key, value, spec.default);
        }
    });
}

/// Remembers a value; the usual one is forgotten, so that it follows a change of what is usual.
fn keep(desk: &mut Desk, key: (&'static str, &'static str), value: f64, default: f64) {
    if value == default {
        desk.memory.train.values.remove(&key);
    } else {
        desk.memory.train.values.insert(key, value);
    }
}

/// What an option does, what is allowed, what is usual.
fn explained(spec: &OptionSpec) -> String {
    let unit = match spec.unit {
        "" => String::new(),
        unit => format!(", in {unit}"),
    };
    let (help, range, default) = (spec.help, spec.range, spec.range.written(spec.default));
    format!("{help}\n\nAllowed: {range}{unit}. Usual: {default}.")
}

/// A name at the left, a field at the right.
fn row(ui: &mut Ui, name: &str, help: &str, add: impl FnOnce(&mut Ui)) {
    let tokens = theme::of(ui);
    let size = Vec2::new(ui.available_width(), 32.0);
    let (rect, response) = ui.allocate_exact_size(size, egui::Sense::hover());
    let layout = Layout::right_to_left(Align::Center);
    let mut right = ui.new_child(UiBuilder::new().id_salt(name).max_rect(rect).layout(layout));
    add(&mut right);
    let room = right.min_rect().left() - rect.left() - 6.0;
    let text = galley_cut(ui, name, font(size::BASE, Weight::Regular), tokens.text2, room);
    paint_left(ui.painter(), rect.left_center(), text);
    response.on_hover_text(RichText::new(help).font(font(size::SMALL, Weight::Regular)));
}

fn train_ui(ui: &mut Ui, desk: &mut Desk, project: &Project, advice: &Advice, method: &Method) {
    let tokens = theme::of(ui);
    let running = desk.app.running(JobKind::Train).is_some();
    let missing = advice.missing(method.id);
    let name = project
        .training
        .as_ref()
        .and_then(|training| project.state.run(training.run));
    let text = match (running, name, advice.n_train) {
        (true, Some(run), _) => format!("{} is training", run.name),
        (true, None, _) => "Training".to_owned(),
        (_, _, 1) => "Train on 1 label".to_owned(),
        (_, _, n) => format!("Train on {} labels", thousands(n)),
    };
    let ready = !running && missing.is_none() && encoder(desk).is_some();
    let width = ui.available_width();
    let pressed = ui.horizontal(|ui| {
        let button = Button::primary(&text).key("T").width(width);
        ui.add_enabled(ready, button).clicked()
    });
    if pressed.inner {
        train(desk, advice);
    }
    if let Some(missing) = missing {
        wrapped(ui, missing, font(size::SMALL, Weight::Regular), tokens.text2);
        if ui
            .add(Button::secondary("Go to Annotate").icon(icons::ANNOTATE).small())
            .clicked()
        {
            desk.act(Act::Go(screens::annotate::ID));
        }
    }
}

/// Asks for a training as it is set up; nothing where something is missing.
pub(super) fn train(desk: &mut Desk, advice: &Advice) {
    let method = chosen(desk, advice);
    let running = desk.app.running(JobKind::Train).is_some();
    let (Some(encoder), None, false) = (encoder(desk), advice.missing(method.id), running) else {
        return;
    };
    let memory = &mut desk.memory.train;
    let options = method.options.iter().filter_map(|spec| {
        let value = memory.values.get(&(method.id, spec.id))?;
        Some((spec.id.to_owned(), spec.range.written(*value)))
    });
    let finished = |run: &&Run| matches!(run.status, RunStatus::Done | RunStatus::Stopped);
    let runs = desk.app.project().map_or(&[][..], |project| &project.state.runs);
    let newest = runs.iter().rev().find(finished);
    let teacher = newest.filter(|_| method.needs_teacher).map(|run| run.id);
    let command = Command::Train {
        method: method.id.to_owned(),
        encoder: Some(encoder),
        seed: memory.seed.unwrap_or(SEED) as u64,
        options: options.collect(),
        teacher,
    };
    // The new run is the one to look at.
    desk.memory.train.run = None;
    desk.run(command);
}
