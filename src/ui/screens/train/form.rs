//! The options of the chosen method: those that matter, then the rest folded into groups.

use egui::{Align, Layout, RichText, Role, Sense, Ui, UiBuilder, Vec2, WidgetInfo};

use crate::app::{Command, TrainSpec};
use crate::core::run::TRIED;
use crate::core::{Run, RunId};
use crate::jobs::JobKind;
use crate::train::{METHODS, Method, OptionSpec, Range, methods::form};
use crate::ui::{
    desk::{Act, Desk},
    icons, screens,
    theme::{self, Weight, font, size},
    widgets::{Button, Card, Dropdown, NumberField, galley_cut, icon_at, paint_left, paint_right, switch, wrapped},
};

/// The seed that the command line starts with too.
pub(super) const SEED: f64 = 42.0;

/// Points for a field of the options.
const FIELD: f32 = 112.0;

/// The two words of a choice that is a switch.
const SWITCH: [&str; 2] = ["off", "on"];

/// Units that fit behind a number; longer ones are told under the pointer.
const LONGEST_UNIT: usize = 6;

/// A method and one of its options.
type Key = (&'static str, &'static str);

pub(super) fn form_ui(ui: &mut Ui, desk: &mut Desk, method: &'static Method) {
    let n_changed = changed(desk, method).count();
    let project = desk.app.project();
    let in_tree = project.is_ok_and(|project| project.state.labels.is_hierarchical());
    let offered = |spec: &&OptionSpec| in_tree || !form::is_for_trees(spec.id);
    Card::new().show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        head_ui(ui, desk, method, n_changed);
        encoder_ui(ui, desk);
        if method.needs_teacher {
            teacher_ui(ui, desk);
        }
        for spec in method.options.iter().filter(offered).filter(|spec| !spec.advanced) {
            option_ui(ui, desk, method, spec);
        }
        seed_ui(ui, desk);
        twice_ui(ui, desk, method);
        for group in form::groups() {
            let advanced = |spec: &&OptionSpec| spec.advanced && form::group(spec.id) == group;
            let specs: Vec<&'static OptionSpec> = method.options.iter().filter(offered).filter(advanced).collect();
            group_ui(ui, desk, method, group, &specs);
        }
    });
}

/// Says so where rare labels are favoured twice.
fn twice_ui(ui: &mut Ui, desk: &Desk, method: &'static Method) {
    if let Some(says) = form::counts_twice(method, &|id| written(desk, method, id)) {
        let tokens = theme::of(ui);
        wrapped(ui, says, font(size::SMALL, Weight::Regular), tokens.warning);
        ui.add_space(6.0);
    }
}

/// What the form asks for, with a method's options as they stand in it.
pub(super) fn spec(desk: &Desk, method: &'static Method) -> TrainSpec {
    let memory = &desk.memory.train;
    let options = method.options.iter().filter_map(|spec| {
        let value = memory.values.get(&(method.id, spec.id))?;
        Some((spec.id.to_owned(), spec.range.written(*value)))
    });
    TrainSpec {
        method: method.id.to_owned(),
        encoder: encoder(desk),
        seed: memory.seed.unwrap_or(SEED) as u64,
        options: options.collect(),
    }
}

/// Fills the form with what a run was trained with; a trial with what its settings would be in full.
pub(super) fn take_over(desk: &mut Desk, run: &Run) {
    let Some(method) = METHODS.iter().find(|method| method.id == run.method) else {
        return;
    };
    let tried = run.findings.get(TRIED).and_then(|tried| tried.as_object());
    let memory = &mut desk.memory.train;
    memory.method = Some(method.id);
    memory.encoder = Some(run.encoder.clone());
    memory.seed = Some(run.seed as f64);
    memory.values.retain(|(id, _), _| *id != method.id);
    for spec in method.options {
        let value = tried.and_then(|tried| tried.get(spec.id)).or(run.options.get(spec.id));
        let value = match value {
            Some(serde_json::Value::String(word)) => method.parse(&[(spec.id, word.as_str())]).ok(),
            Some(number) => method.parse(&[(spec.id, number.to_string().as_str())]).ok(),
            None => None,
        };
        if let Some(value) = value.map(|options| options.get(spec.id)) {
            keep(desk, (method.id, spec.id), value, spec.default);
        }
    }
}

/// The runs that another encoder can learn from, newest first.
fn teachers<'a>(desk: &'a Desk<'_>) -> impl Iterator<Item = &'a Run> {
    let runs = desk.app.project().map_or(&[][..], |project| &project.state.runs);
    runs.iter().rev().filter(|run| run.has_model())
}

/// The run to learn from: the chosen one, else the newest.
pub(super) fn teacher(desk: &Desk) -> Option<RunId> {
    let wanted = desk.memory.train.teacher;
    let chosen = teachers(desk).find(|run| Some(run.id) == wanted);
    chosen.or_else(|| teachers(desk).next()).map(|run| run.id)
}

fn teacher_ui(ui: &mut Ui, desk: &mut Desk) {
    let chosen = teacher(desk);
    let (ids, names): (Vec<RunId>, Vec<String>) = teachers(desk).map(|run| (run.id, run.name.clone())).unzip();
    let shown = ids
        .iter()
        .position(|id| Some(*id) == chosen)
        .map_or("none yet", |at| &*names[at]);
    let help = "The finished run that the encoder learns from. The newest, unless another is chosen.";
    row(ui, "Teacher", help, false, |ui| {
        let dropdown = Dropdown::new("Teacher", shown).small().width(FIELD + 48.0);
        if let Some(at) = dropdown.choose(ui, &names) {
            desk.memory.train.teacher = ids.get(at).copied();
        }
    });
}

/// Options of the method that are not as usual.
pub(super) fn changed<'a>(desk: &'a Desk, method: &'static Method) -> impl Iterator<Item = &'static str> + 'a {
    let of_method = desk.memory.train.values.keys().filter(|(id, _)| *id == method.id);
    of_method.map(|(_, option)| *option)
}

fn head_ui(ui: &mut Ui, desk: &mut Desk, method: &'static Method, n_changed: usize) {
    let tokens = theme::of(ui);
    let (rect, response) = ui.allocate_exact_size(Vec2::new(ui.available_width(), 28.0), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Heading, true, "Options"));
    let title = galley_cut(ui, "Options", font(size::SMALL, Weight::SemiBold), tokens.text2, 120.0);
    paint_left(ui.painter(), rect.left_center(), title);
    if n_changed == 0 {
        return;
    }
    let layout = Layout::right_to_left(Align::Center);
    let right = rect.with_max_x(rect.right() + 8.0);
    let mut right = ui.new_child(UiBuilder::new().id_salt("reset").max_rect(right).layout(layout));
    let text = format!("Reset {n_changed}");
    let help = "Puts every option of this method back to what is usual.";
    if right
        .add(Button::quiet(&text).icon(icons::RESET).small())
        .on_hover_text(help)
        .clicked()
    {
        desk.memory.train.values.retain(|(id, _), _| *id != method.id);
    }
}

/// A line that folds a group of options, and the options where it is open.
fn group_ui(ui: &mut Ui, desk: &mut Desk, method: &'static Method, group: &'static str, specs: &[&'static OptionSpec]) {
    if specs.is_empty() {
        return;
    }
    let open = desk.memory.train.open_groups.contains(group);
    let n_changed = changed(desk, method)
        .filter(|id| specs.iter().any(|spec| spec.id == *id))
        .count();
    if fold_ui(ui, group, specs, open, n_changed).clicked() {
        let groups = &mut desk.memory.train.open_groups;
        match open {
            true => groups.remove(group),
            false => groups.insert(group),
        };
    }
    if open {
        specs.iter().for_each(|spec| option_ui(ui, desk, method, spec));
        ui.add_space(4.0);
    }
}

fn fold_ui(ui: &mut Ui, group: &str, specs: &[&OptionSpec], open: bool, n_changed: usize) -> egui::Response {
    let tokens = theme::of(ui);
    let (rect, response) = ui.allocate_exact_size(Vec2::new(ui.available_width(), 30.0), Sense::click());
    let said = match n_changed {
        0 => format!("{group}, {} options", specs.len()),
        n => format!("{group}, {} options, {n} changed", specs.len()),
    };
    response.widget_info(|| WidgetInfo::selected(Role::DisclosureTriangle, true, open, &said));
    ui.painter()
        .hline(rect.x_range(), rect.top() + 0.5, egui::Stroke::new(1.0, tokens.line));
    if response.hovered() || response.has_focus() {
        ui.painter()
            .rect_filled(rect.expand2(Vec2::new(8.0, -1.0)), theme::RADIUS, tokens.raised);
    }
    let icon = if open { icons::DOWN } else { icons::RIGHT };
    icon_at(
        ui.painter(),
        rect.left_center() + egui::vec2(6.0, 0.0),
        icon,
        13.0,
        tokens.text2,
    );
    let name = galley_cut(
        ui,
        group,
        font(size::SMALL, Weight::Medium),
        tokens.text2,
        rect.width() * 0.5,
    );
    let x = rect.left() + 20.0 + name.size().x;
    paint_left(ui.painter(), rect.left_center() + egui::vec2(20.0, 0.0), name);
    let (aside, color) = match n_changed {
        0 if open => (String::new(), tokens.text3),
        0 => (titles(specs), tokens.text3),
        n => (format!("{n} changed"), tokens.accent),
    };
    let aside = galley_cut(
        ui,
        &aside,
        font(size::TINY, Weight::Regular),
        color,
        rect.right() - x - 12.0,
    );
    paint_right(ui.painter(), rect.right_center(), aside);
    response
}

/// `Warm-up, Weight decay`.
fn titles(specs: &[&OptionSpec]) -> String {
    let titles: Vec<&str> = specs.iter().map(|spec| spec.title).collect();
    titles.join(", ")
}

fn seed_ui(ui: &mut Ui, desk: &mut Desk) {
    let help = "Every random choice follows from it: the same seed gives the same weights.";
    let mut seed = desk.memory.train.seed.unwrap_or(SEED);
    row(ui, "Seed", help, seed != SEED, |ui| {
        let field = NumberField::new("Seed", &mut seed, 0.0..=f64::from(u32::MAX)).integer();
        if ui.add(field.width(FIELD)).changed() {
            desk.memory.train.seed = Some(seed);
        }
    });
}

fn encoder_ui(ui: &mut Ui, desk: &mut Desk) {
    let help = "Turns texts into numbers; the method works on top of it. Models has more of them.";
    let Some(chosen) = encoder(desk) else {
        missing_encoder_ui(ui, desk);
        return;
    };
    row(ui, "Encoder", help, false, |ui| {
        let entries = &desk.memory.models.list.entries;
        let names: Vec<String> = entries.iter().map(|entry| entry.name.clone()).collect();
        let dropdown = Dropdown::new("Encoder", &chosen).small().width(FIELD + 48.0);
        if let Some(at) = dropdown.choose(ui, &names) {
            desk.memory.train.encoder = Some(names[at].clone());
        }
    });
}

/// The encoder to train with, if any is here.
pub(super) fn encoder(desk: &Desk) -> Option<String> {
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

/// The value the form has for an option.
fn value(desk: &Desk, method: &'static Method, spec: &'static OptionSpec) -> f64 {
    let set = desk.memory.train.values.get(&(method.id, spec.id));
    set.copied().unwrap_or(spec.default)
}

/// The value the form has for an option, as it is written; `None` for one the method lacks.
fn written(desk: &Desk, method: &'static Method, id: &str) -> Option<String> {
    let spec = method.options.iter().find(|spec| spec.id == id)?;
    Some(spec.range.written(value(desk, method, spec)))
}

fn option_ui(ui: &mut Ui, desk: &mut Desk, method: &'static Method, spec: &'static OptionSpec) {
    let help = explained(spec);
    if let Some(reason) = form::idle(method, spec.id, &|id| written(desk, method, id)) {
        return idle_ui(ui, spec.title, &reason, &help);
    }
    let value = value(desk, method, spec);
    row(ui, spec.title, &help, value != spec.default, |ui| {
        if let Some(new) = field_ui(ui, spec, value) {
            keep(desk, (method.id, spec.id), new, spec.default);
        }
    });
}

/// The field of an option; the new value where it was changed.
fn field_ui(ui: &mut Ui, spec: &'static OptionSpec, mut value: f64) -> Option<f64> {
    let field = match spec.range {
        Range::Choice(words) if words == SWITCH => {
            let mut on = value > 0.5;
            let changed = switch(ui, spec.title, &mut on).changed();
            return changed.then_some(f64::from(u8::from(on)));
        }
        Range::Choice(words) => {
            let shown = spec.range.written(value);
            let dropdown = Dropdown::new(spec.title, &shown).small().width(FIELD);
            return dropdown.choose(ui, words).map(|at| at as f64);
        }
        Range::Whole { min, max } => {
            NumberField::new(spec.title, &mut value, f64::from(min)..=f64::from(max)).integer()
        }
        Range::Real { min, max } => {
            let speed = (value.abs() / 50.0).max(min / 10.0).max(1e-9);
            NumberField::new(spec.title, &mut value, min..=max).speed(speed)
        }
    };
    let suffix = match spec.unit {
        "" => String::new(),
        unit if unit.chars().count() <= LONGEST_UNIT => format!(" {unit}"),
        _ => String::new(),
    };
    let changed = ui.add(field.suffix(&suffix).width(FIELD)).changed();
    changed.then_some(value)
}

/// Remembers a value; the usual one is forgotten, so that it follows a change of what is usual.
fn keep(desk: &mut Desk, key: Key, value: f64, default: f64) {
    if value == default {
        desk.memory.train.values.remove(&key);
    } else {
        desk.memory.train.values.insert(key, value);
    }
}

/// What an option does, what is allowed, what is usual.
pub(super) fn explained(spec: &OptionSpec) -> String {
    let unit = match spec.unit {
        "" => String::new(),
        unit => format!(", in {unit}"),
    };
    let (help, range, default) = (spec.help, spec.range, spec.range.written(spec.default));
    format!("{help}\n\nAllowed: {range}{unit}. Usual: {default}.")
}

/// A name at the left, a field at the right; a dot before the name of what is not as usual.
pub(super) fn row(ui: &mut Ui, name: &str, help: &str, changed: bool, add: impl FnOnce(&mut Ui)) {
    let tokens = theme::of(ui);
    let size = Vec2::new(ui.available_width(), 32.0);
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    let layout = Layout::right_to_left(Align::Center);
    let mut right = ui.new_child(UiBuilder::new().id_salt(name).max_rect(rect).layout(layout));
    add(&mut right);
    let room = right.min_rect().left() - rect.left() - 6.0;
    let color = if changed { tokens.text } else { tokens.text2 };
    let text = galley_cut(ui, name, font(size::BASE, Weight::Regular), color, room);
    paint_left(ui.painter(), rect.left_center(), text);
    if changed {
        ui.painter()
            .circle_filled(rect.left_center() - egui::vec2(7.0, 0.0), 2.5, tokens.accent);
    }
    response.on_hover_text(RichText::new(help).font(font(size::SMALL, Weight::Regular)));
}

/// A row of an option that does nothing as the others stand.
fn idle_ui(ui: &mut Ui, name: &str, reason: &str, help: &str) {
    let tokens = theme::of(ui);
    let size = Vec2::new(ui.available_width(), 32.0);
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    let said = format!("{name}: {reason}");
    response.widget_info(|| WidgetInfo::labeled(Role::Label, false, &said));
    let reason = galley_cut(
        ui,
        reason,
        font(size::SMALL, Weight::Regular),
        tokens.text3,
        rect.width() * 0.6,
    );
    let room = rect.width() - reason.size().x - 8.0;
    let name = galley_cut(ui, name, font(size::BASE, Weight::Regular), tokens.text3, room);
    paint_left(ui.painter(), rect.left_center(), name);
    paint_right(ui.painter(), rect.right_center(), reason);
    response.on_hover_text(RichText::new(help).font(font(size::SMALL, Weight::Regular)));
}
