//! What came out of a run: its figures, what it found, its curves.

use egui::{Role, Sense, Ui, Vec2, WidgetInfo};

use super::charts::Curves;
use super::curve::{head_ui, middle_ui};
use super::facts::{Fact, facts};
use super::series_sheet::SeriesSheet;
use super::{compare, evaluate, form, is_resumable, is_usable, resume, runs};
use crate::app::advice::sentence;
use crate::core::metrics::METRICS;
use crate::core::{Run, RunStatus, ScoreKind};
use crate::jobs::JobKind;
use crate::train::METHODS;
use crate::ui::{
    desk::{Act, Desk},
    icons,
    sheets::SheetState,
    theme::{self, Weight, font, size},
    widgets::{Button, figure3, galley, galley_cut, paint_left, prob, seconds, stat, thousands, wrapped},
};

/// The figures under a run's name, by their ids, in this order.
const SHOWN: [&str; 5] = ["macro_f1", "micro_f1", "accuracy", "subset_accuracy", "hamming_loss"];

pub(super) fn run_ui(ui: &mut Ui, desk: &mut Desk, run: &Run) {
    head_ui(ui, &run.name, &words(run), |ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        resume_ui(ui, desk, run);
        if !is_usable(run) {
            return;
        }
        let button = Button::secondary("Evaluate").icon(icons::EVALUATE).small().key("⏎");
        if ui.add(button).clicked() {
            evaluate(desk, run);
        }
        if compare::pair(desk).is_some() && ui.add(Button::secondary("Compare").small().key("C")).clicked() {
            compare::open(desk);
        }
    });
    series_ui(ui, desk, run);
    if matches!(run.status, RunStatus::Failed | RunStatus::Interrupted) {
        return failed_ui(ui, run);
    }
    figures_ui(ui, run);
    facts_ui(ui, &facts(run));
    let curves = Curves::new(Some(run), &run.history, &run.watched);
    match curves.is_empty() {
        true => middle_ui(
            ui,
            "No curve: the encoder stayed as it was, and the head was fitted in one go.",
        ),
        false => curves.show(ui),
    }
}

/// What there is to do with a run of a series, and a remark of any run.
fn series_ui(ui: &mut Ui, desk: &mut Desk, run: &Run) {
    if run.series.is_empty() {
        return;
    }
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        let text = format!("All of {}", run.series);
        let help = "Every trial with its settings and figures.";
        if ui
            .add(Button::secondary(&text).small().key("V"))
            .on_hover_text(help)
            .clicked()
        {
            desk.act(Act::Show(SheetState::Series(SeriesSheet::new(&run.series))));
        }
        let help = "Fills the form with what this run was trained with; a short trial with its settings in full.";
        let button = Button::secondary("Use these options").small().key("U");
        if ui.add(button).on_hover_text(help).clicked() {
            form::take_over(desk, run);
        }
    });
}

/// Offers to go on with a training that did not come to its end.
fn resume_ui(ui: &mut Ui, desk: &mut Desk, run: &Run) {
    if !is_resumable(run) {
        return;
    }
    let idle = desk.app.running(JobKind::Train).is_none();
    let button = Button::secondary("Resume").icon(icons::PLAY).small().key("R");
    let help = "Goes on from the state saved last, as if it had never stopped.";
    if ui.add_enabled(idle, button).on_hover_text(help).clicked() {
        resume(desk, run);
    }
}

/// `SetFit on 312 labels · seed 42 · 0:19`.
fn words(run: &Run) -> String {
    let mut words = format!("{} on {} labels", method_title(run), thousands(run.n_train));
    words += &format!(" · seed {}", run.seed);
    if is_usable(run) {
        words += &format!(" · {}", seconds(run.train_secs));
    }
    if let Some(last) = run.history.last() {
        words += &format!(" · {} steps", thousands(last.step));
    }
    words
}

/// The title of the run's method, or its id where this version has no such method.
pub(super) fn method_title(run: &Run) -> &str {
    let method = METHODS.iter().find(|method| method.id == run.method);
    method.map_or(run.method.as_str(), |method| method.title)
}

fn failed_ui(ui: &mut Ui, run: &Run) {
    let tokens = theme::of(ui);
    ui.add_space(4.0);
    let text = match run.message.as_str() {
        "" => "This training did not finish.".to_owned(),
        message => sentence(message),
    };
    let color = match run.status {
        RunStatus::Interrupted => tokens.warning,
        _ => tokens.error,
    };
    wrapped(ui, text, font(size::BASE, Weight::Regular), color);
    facts_ui(ui, &facts(run));
    let curves = Curves::new(Some(run), &run.history, &run.watched);
    if !curves.is_empty() {
        curves.show(ui);
    }
}

fn figures_ui(ui: &mut Ui, run: &Run) {
    let Some(scored_on) = run.scored_on else {
        let tokens = theme::of(ui);
        let text = match run.message.as_str() {
            "" => "Not measured: there were too few labels to keep some aside.".to_owned(),
            message => sentence(message),
        };
        wrapped(ui, text, font(size::SMALL, Weight::Regular), tokens.text2);
        return;
    };
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 28.0;
        let shown = SHOWN
            .iter()
            .filter_map(|id| METRICS.iter().find(|metric| metric.id == *id));
        for metric in shown {
            let Some(value) = run.metrics.get(metric.id) else {
                continue;
            };
            let interval = runs::interval(run).filter(|_| metric.id == "macro_f1");
            let remark = interval.map_or_else(String::new, |(low, high)| format!("{}–{}", figure3(low), figure3(high)));
            let help = match interval {
                Some(_) => format!(
                    "{} With other texts of the same kind it would fall between these in 95 of 100 cases.",
                    metric.help
                ),
                None => metric.help.to_owned(),
            };
            stat(ui, metric.title, &prob(Some(*value)), &remark).on_hover_text(help);
        }
        let n_texts = match scored_on {
            ScoreKind::OutOfFold => run.n_train,
            ScoreKind::Validation => run.n_validation,
            ScoreKind::Test => run.n_test,
        };
        let n_texts = format!("{} texts", thousands(n_texts));
        stat(ui, "Measured on", scored_on.name(), &n_texts);
    });
}

/// Facts in lines, each a name and its value.
fn facts_ui(ui: &mut Ui, facts: &[Fact]) {
    let tokens = theme::of(ui);
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = Vec2::new(18.0, 2.0);
        for fact in facts {
            let name = galley(ui, &fact.name, font(size::SMALL, Weight::Regular), tokens.text3);
            let room = (ui.max_rect().width() - name.size().x - 6.0).max(40.0);
            let value = galley_cut(ui, &fact.value, font(size::SMALL, Weight::Medium), tokens.text2, room);
            let width = name.size().x + 6.0 + value.size().x;
            let (rect, response) = ui.allocate_exact_size(Vec2::new(width, 18.0), Sense::hover());
            let said = format!("{}: {}", fact.name, fact.value);
            response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &said));
            let at = rect.left_center() + egui::vec2(name.size().x + 6.0, 0.0);
            paint_left(ui.painter(), rect.left_center(), name);
            paint_left(ui.painter(), at, value);
        }
    });
}
