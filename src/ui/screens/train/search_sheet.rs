//! Sets a search up: which values of which options to try, and how long to look at each.

use egui::{Context, Ui};

use super::form::{self, SEED};
use super::plan::{Checked, FIELD, first_method, method_ui, number_row, plan_ui, rest_of_form, series_sheet};
use crate::app::series::deciding_metrics;
use crate::app::{Command, SearchSpec};
use crate::core::{Split, TaskKind};
use crate::jobs::DEFAULT_FOLDS;
use crate::train::{Method, OptionSpec, PRESETS, Preset, Range};
use crate::ui::{
    desk::{Act, Desk},
    icons,
    theme::{self, Weight, font, size},
    widgets::{Button, Dropdown, TextField, icon_button, say, wrapped},
};

/// Options with nothing to try: they say how texts are scored and what is saved.
const NOT_TRIED: [&str; 3] = ["folds", "fold_by", "checkpoint_every"];

/// The sheet.
#[derive(Default)]
pub struct SearchSheet {
    chosen: Option<Chosen>,
    checked: Checked<SearchSpec>,
}

/// What was chosen so far.
struct Chosen {
    method: &'static Method,
    /// Options to try, with their values as they are typed.
    tries: Vec<(&'static OptionSpec, String)>,
    /// 0: all combinations.
    n_trials: f64,
    metric: &'static str,
    eta: f64,
    seed: f64,
    folds: f64,
    /// The field that gets the keyboard in this frame.
    focus: Option<usize>,
}

impl Chosen {
    fn new(desk: &mut Desk) -> Self {
        let mut chosen = Chosen {
            method: first_method(desk),
            tries: Vec::new(),
            n_trials: 0.0,
            metric: "macro_f1",
            eta: 2.0,
            seed: desk.memory.train.seed.unwrap_or(SEED),
            folds: DEFAULT_FOLDS as f64,
            focus: None,
        };
        chosen.take(chosen.method);
        chosen
    }

    /// Another method, with its quick values.
    fn take(&mut self, method: &'static Method) {
        self.method = method;
        self.tries = presets(method)
            .next()
            .map_or_else(Vec::new, |preset| tries(method, preset));
        self.focus = Some(0);
    }

    fn spec(&self, desk: &Desk) -> SearchSpec {
        let mut base = form::spec(desk, self.method);
        base.seed = self.seed as u64;
        if is_out_of_fold(desk) {
            base.options.retain(|(id, _)| id != "folds");
            base.options.push(("folds".to_owned(), self.folds.to_string()));
        }
        let written = |(spec, values): &(&OptionSpec, String)| (spec.id.to_owned(), values.clone());
        SearchSpec {
            base,
            tries: self.tries.iter().map(written).collect(),
            preset: None,
            n_trials: (self.n_trials >= 1.0).then_some(self.n_trials as usize),
            metric: self.metric.to_owned(),
            eta: self.eta as usize,
        }
    }
}

fn presets(method: &'static Method) -> impl DoubleEndedIterator<Item = &'static Preset> {
    PRESETS.iter().filter(move |preset| preset.method == method.id)
}

fn tries(method: &'static Method, preset: &Preset) -> Vec<(&'static OptionSpec, String)> {
    let known = preset
        .tries
        .iter()
        .filter_map(|(id, values)| Some((method.option(id).ok()?, values.replace(',', ", "))));
    known.collect()
}

/// Whether no text is in the validation split, so that trials are compared out of fold.
fn is_out_of_fold(desk: &Desk) -> bool {
    let Some(project) = desk.project() else { return false };
    let mut texts = project.state.texts();
    !texts.any(|text| text.split == Some(Split::Validation) && text.annotation.is_some())
}

impl SearchSheet {
    /// Shows the sheet; true when it should close.
    pub fn show(&mut self, ctx: &Context, desk: &mut Desk) -> bool {
        let Some(project) = desk.project() else { return true };
        let task = project.state.task;
        let chosen = self.chosen.get_or_insert_with(|| Chosen::new(desk));
        series_sheet(ctx, "Search options", |ui| {
            chosen_ui(ui, desk, chosen, task);
            ui.add_space(8.0);
            let spec = chosen.spec(desk);
            let plan = self.checked.of(desk, &spec, |spec| desk.app.plan_search(spec));
            let started = plan_ui(ui, plan, "Start the search");
            if started {
                desk.memory.train.run = None;
                desk.run(Command::Search(spec));
                desk.act(Act::Go(super::ID));
            }
            started
        })
    }
}

fn chosen_ui(ui: &mut Ui, desk: &mut Desk, chosen: &mut Chosen, task: TaskKind) {
    let tokens = theme::of(ui);
    let small = || font(size::SMALL, Weight::Regular);
    let says = "Looks at each combination of values for a short time, goes on with the better ones, and trains the best in full.";
    wrapped(ui, says, small(), tokens.text2);
    ui.add_space(4.0);
    if let Some(method) = method_ui(ui, chosen.method) {
        chosen.take(method);
    }
    presets_ui(ui, chosen);
    tries_ui(ui, chosen);
    add_ui(ui, chosen);
    ui.add_space(4.0);
    metric_ui(ui, chosen, task);
    let help = "So many combinations are drawn at random where there are more. 0 tries all of them.";
    number_row(ui, "Trials at most", help, &mut chosen.n_trials, 0.0..=10_000.0);
    let help = "Each round goes on with the best one of so many and trains these so many times longer. 1 trains every trial in full.";
    number_row(ui, "Goes on with one of", help, &mut chosen.eta, 1.0..=10.0);
    if is_out_of_fold(desk) {
        let help = "Parts of the training texts that are left out in turn to be scored. Texts in the validation split would make that unnecessary.";
        number_row(ui, "Folds", help, &mut chosen.folds, 2.0..=50.0);
    }
    let help = "Of every trial, and of drawing combinations.";
    number_row(ui, "Seed", help, &mut chosen.seed, 0.0..=f64::from(u32::MAX));
    ui.add_space(4.0);
    let besides: Vec<&str> = chosen.tries.iter().map(|(spec, _)| spec.id).collect();
    let rest = rest_of_form(desk, chosen.method, &besides);
    wrapped(ui, rest, small(), tokens.text2);
}

fn metric_ui(ui: &mut Ui, chosen: &mut Chosen, task: TaskKind) {
    let metric = deciding_metrics(task).find(|metric| metric.id == chosen.metric);
    let (title, help) = metric.map_or((chosen.metric, ""), |metric| (metric.title, metric.help));
    form::row(ui, "Decided by", help, false, |ui| {
        let titles: Vec<&str> = deciding_metrics(task).map(|metric| metric.title).collect();
        let dropdown = Dropdown::new("Decided by", title).small().width(FIELD);
        let taken = dropdown.choose(ui, &titles);
        if let Some(metric) = taken.and_then(|at| deciding_metrics(task).nth(at)) {
            chosen.metric = metric.id;
        }
    });
}

/// The values a method comes with.
fn presets_ui(ui: &mut Ui, chosen: &mut Chosen) {
    let help = "Values that are worth a look without thinking.";
    form::row(ui, "Values to try", help, false, |ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        // The row fills up from the right.
        for preset in presets(chosen.method).rev() {
            let values = tries(chosen.method, preset);
            let name = format!("The {} values", preset.id);
            let button = Button::secondary(preset.id).name(&name).small();
            if ui.add(button.selected(values == chosen.tries)).clicked() {
                chosen.tries = values;
            }
        }
    });
}

fn tries_ui(ui: &mut Ui, chosen: &mut Chosen) {
    let mut left_out = None;
    for (at, (spec, values)) in chosen.tries.iter_mut().enumerate() {
        form::row(ui, spec.title, &form::explained(spec), false, |ui| {
            ui.spacing_mut().item_spacing.x = 4.0;
            if icon_button(ui, icons::CLOSE, &format!("Leave {} out", spec.title)).clicked() {
                left_out = Some(at);
            }
            let name = format!("Values of {}", spec.title);
            let field = TextField::new(&name).placeholder("values, separated by commas");
            let response = field.small().mono().width(300.0).show(ui, values);
            if chosen.focus == Some(at) {
                response.request_focus();
                chosen.focus = None;
            }
        });
    }
    if let Some(at) = left_out {
        chosen.tries.remove(at);
    }
    if chosen.tries.is_empty() {
        let tokens = theme::of(ui);
        let text = "Nothing is tried yet: take a set of values, or add an option.";
        say(ui, text, font(size::SMALL, Weight::Regular), tokens.text3);
    }
}

/// Another option to try.
fn add_ui(ui: &mut Ui, chosen: &mut Chosen) {
    let is_free = |spec: &&OptionSpec| {
        !NOT_TRIED.contains(&spec.id) && !chosen.tries.iter().any(|(known, _)| known.id == spec.id)
    };
    let free: Vec<&'static OptionSpec> = chosen.method.options.iter().filter(is_free).collect();
    let titles: Vec<&str> = free.iter().map(|spec| spec.title).collect();
    form::row(ui, "", "Another option of the method, to try values of.", false, |ui| {
        let dropdown = Dropdown::new("Option to try", "Add an option").small().width(FIELD);
        if let Some(spec) = dropdown.choose(ui, &titles).and_then(|at| free.get(at)) {
            chosen.tries.push((spec, first_values(spec)));
            chosen.focus = Some(chosen.tries.len() - 1);
        }
    });
}

/// Values to begin with: every word of a choice, else the usual value, to be added to.
fn first_values(spec: &OptionSpec) -> String {
    match spec.range {
        Range::Choice(words) => words.join(", "),
        _ => spec.range.written(spec.default),
    }
}
