//! What a search or a comparison that is being set up would train, or why it cannot: asked again only when something has changed.

use std::ops::RangeInclusive;

use egui::{Context, ScrollArea, Ui};

use super::form;
use crate::app::advice::sentence;
use crate::app::series::Plan;
use crate::jobs::JobKind;
use crate::train::{METHODS, Method};
use crate::ui::{
    desk::Desk,
    theme::{self, Weight, font, size},
    widgets::{Button, Dropdown, NumberField, Sheet, wrapped},
};

/// Points for a field of such a sheet.
pub(super) const FIELD: f32 = 180.0;

/// The answer to what was asked last.
pub(super) struct Checked<S> {
    asked: Option<(S, (u64, bool))>,
    answer: Result<Plan, String>,
}

impl<S> Default for Checked<S> {
    fn default() -> Self {
        Checked {
            asked: None,
            answer: Err(String::new()),
        }
    }
}

impl<S: PartialEq + Clone> Checked<S> {
    /// The plan for `spec`, or what it would be refused for; `ask` is only called when that may have changed.
    pub(super) fn of(
        &mut self,
        desk: &Desk,
        spec: &S,
        ask: impl FnOnce(&S) -> anyhow::Result<Plan>,
    ) -> &Result<Plan, String> {
        let revision = desk.project().map_or(0, |project| project.revision);
        let now = (revision, desk.app.running(JobKind::Train).is_some());
        if self
            .asked
            .as_ref()
            .is_none_or(|(known, then)| known != spec || *then != now)
        {
            self.answer = ask(spec).map_err(|reason| format!("{reason:#}"));
            self.asked = Some((spec.clone(), now));
        }
        &self.answer
    }
}

/// The sentences of a plan or of what keeps it from being carried out, and the button; true when it was pressed.
pub(super) fn plan_ui(ui: &mut Ui, plan: &Result<Plan, String>, button: &str) -> bool {
    let tokens = theme::of(ui);
    let small = font(size::SMALL, Weight::Regular);
    match plan {
        Ok(plan) => wrapped(ui, plan.text(), small, tokens.text2),
        Err(reason) => wrapped(ui, sentence(reason), small, tokens.error),
    };
    ui.add_space(6.0);
    ui.add_enabled(plan.is_ok(), Button::primary(button)).clicked()
}

/// The methods that can be trained several times over: those that need no teacher.
fn methods() -> impl Iterator<Item = &'static Method> {
    METHODS.iter().filter(|method| !method.needs_teacher)
}

/// The method to begin with: the one of the form, where it can be trained several times over.
pub(super) fn first_method(desk: &mut Desk) -> &'static Method {
    let chosen = desk.project().map(|project| {
        let advice = super::advice(desk, project);
        super::methods::chosen(desk, &advice)
    });
    let usable = chosen.filter(|method| !method.needs_teacher);
    usable.or_else(|| methods().next()).unwrap_or(&METHODS[0])
}

/// A row to choose the method in; the new one where another was chosen.
pub(super) fn method_ui(ui: &mut Ui, method: &'static Method) -> Option<&'static Method> {
    let mut chosen = None;
    form::row(ui, "Method", method.summary, false, |ui| {
        let titles: Vec<&str> = methods().map(|method| method.title).collect();
        let dropdown = Dropdown::new("Method", method.title).small().width(FIELD);
        chosen = dropdown.choose(ui, &titles).and_then(|at| methods().nth(at));
    });
    chosen.filter(|chosen| *chosen != method)
}

/// What of the form goes into every training, as a sentence.
pub(super) fn rest_of_form(desk: &Desk, method: &'static Method, besides: &[&str]) -> String {
    let changed = form::changed(desk, method).filter(|id| !besides.contains(id));
    let titles: Vec<&str> = changed.filter_map(|id| Some(method.option(id).ok()?.title)).collect();
    let encoder = form::encoder(desk).unwrap_or_default();
    match titles.is_empty() {
        true => format!("Everything else is as usual, with the encoder {encoder}."),
        false => format!(
            "Everything else is as the form says ({}), with the encoder {encoder}.",
            titles.join(", ")
        ),
    }
}

/// A sheet that sets several trainings up. `add` draws it and says whether they were started; true when it should close.
pub(super) fn series_sheet(ctx: &Context, title: &'static str, add: impl FnOnce(&mut Ui) -> bool) -> bool {
    let mut started = false;
    let closed = Sheet { title, width: 620.0 }.show(ctx, |ui| {
        let height = (ui.ctx().content_rect().height() - 150.0).max(200.0);
        let scroll = ScrollArea::vertical().max_height(height).auto_shrink([false, true]);
        scroll.show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 2.0;
            started = add(ui);
        });
    });
    closed || started
}

/// A whole number of such a sheet.
pub(super) fn number_row(ui: &mut Ui, name: &str, help: &str, value: &mut f64, range: RangeInclusive<f64>) {
    form::row(ui, name, help, false, |ui| {
        ui.add(NumberField::new(name, value, range).integer().width(FIELD));
    });
}
