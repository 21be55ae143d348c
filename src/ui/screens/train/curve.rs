//! The running training, or what came out of a run.

use egui::{Align, Layout, Rect, Sense, Ui, UiBuilder, Vec2, pos2};

use super::advice::sentence;
use super::{chosen_run, evaluate, is_usable, stop};
use crate::app::{Project, TrainingProgress};
use crate::core::metrics::METRICS;
use crate::core::run::LossPoint;
use crate::core::{Run, RunStatus};
use crate::jobs::{JobId, JobKind, Progress};
use crate::train::METHODS;
use crate::ui::{
    desk::Desk,
    icons, shell,
    theme::{self, Weight, font, size, space},
    widgets::{
        Button, Card, LineChart, Series, galley_cut, paint_left, prob, progress_bar, seconds, stat, thousands, wrapped,
    },
};

/// The figures under a run's name, by their ids.
const SHOWN: [&str; 5] = ["macro_f1", "micro_f1", "accuracy", "subset_accuracy", "hamming_loss"];

/// Weight of the newest step in the smoothed curve.
const SMOOTHING: f64 = 0.1;

pub(super) fn curve_ui(ui: &mut Ui, rect: Rect, desk: &mut Desk, project: &Project) {
    Card::new().show_in(ui, rect, |ui| {
        ui.spacing_mut().item_spacing.y = 8.0;
        let run = chosen_run(desk, project);
        match (desk.app.running(JobKind::Train), &project.training, run) {
            (Some(job), Some(training), _) => running_ui(ui, desk, project, job, training),
            (Some(job), None, _) => starting_ui(ui, desk, job),
            (None, _, Some(run)) => run_ui(ui, desk, run),
            (None, _, None) => {
                let text = "The loss curve appears here as soon as a training runs.";
                middle_ui(ui, text);
            }
        }
    });
}

fn starting_ui(ui: &mut Ui, desk: &mut Desk, job: JobId) {
    head_ui(ui, "Training", "starting", |ui| stop_ui(ui, desk, job));
}

fn running_ui(ui: &mut Ui, desk: &mut Desk, project: &Project, job: JobId, training: &TrainingProgress) {
    let name = project.state.run(training.run).map_or("", |run| run.name.as_str());
    let scoring = desk.app.progress.iter().find(|(id, ..)| *id == job).map(|(.., p)| p);
    let (words, share) = progress_words(training, scoring);
    head_ui(ui, name, &words, |ui| stop_ui(ui, desk, job));
    if let Some(share) = share {
        let width = ui.available_width();
        progress_bar(ui, &format!("Progress of {name}"), share, width, 4.0);
    }
    let tunes = training.n_steps > 0;
    match training.history.is_empty() {
        false => chart_ui(ui, name, &training.history, Some(training.n_steps as f64)),
        true if tunes => middle_ui(ui, "The curve begins with the first step."),
        true => middle_ui(ui, "This method fits its head in one go: there is no curve to watch."),
    }
}

/// What is going on in words, and how far it is where that is known.
fn progress_words(training: &TrainingProgress, scoring: Option<&Progress>) -> (String, Option<f32>) {
    if let Some(scoring) = scoring.filter(|scoring| scoring.total > 0) {
        let words = format!(
            "{} · {} of {}",
            scoring.note,
            thousands(scoring.done as usize),
            thousands(scoring.total as usize)
        );
        return (words, Some(scoring.done as f32 / scoring.total as f32));
    }
    let (step, n_steps) = (training.step, training.n_steps);
    if step == 0 || step >= n_steps {
        return (
            training.phase.clone(),
            (n_steps > 0).then_some(step as f32 / n_steps.max(1) as f32),
        );
    }
    let mut words = format!("step {} of {}", thousands(step), thousands(n_steps));
    words += &format!(" · {:.0} texts/s", training.texts_per_sec);
    if let Some(left) = training.secs_left.filter(|left| left.is_finite()) {
        words += &format!(" · {} left", shell::time_left(left));
    }
    (words, Some(step as f32 / n_steps as f32))
}

fn stop_ui(ui: &mut Ui, desk: &mut Desk, job: JobId) {
    let stopping = desk.memory.train.stopping == Some(job);
    let text = if stopping { "Stopping…" } else { "Stop, keep it" };
    let button = Button::secondary(text).icon(icons::STOP).small();
    let help = "The encoder stays as it is now, and the head is fitted on it: a usable run.";
    if ui.add_enabled(!stopping, button).on_hover_text(help).clicked() {
        stop(desk, job);
    }
}

fn run_ui(ui: &mut Ui, desk: &mut Desk, run: &Run) {
    let method = METHODS.iter().find(|method| method.id == run.method);
    let mut words = format!(
        "{} on {} labels",
        method.map_or(&*run.method, |m| m.title),
        thousands(run.n_train)
    );
    words += &format!(" · seed {}", run.seed);
    if is_usable(run) {
        words += &format!(" · {}", seconds(run.train_secs));
    }
    head_ui(ui, &run.name, &words, |ui| {
        if is_usable(run) {
            let button = Button::secondary("Evaluate").icon(icons::EVALUATE).small().key("E");
            if ui.add(button).clicked() {
                evaluate(desk, run);
            }
        }
    });
    match (run.status, run.history.is_empty()) {
        (RunStatus::Failed | RunStatus::Interrupted, _) => failed_ui(ui, run),
        (_, true) => {
            figures_ui(ui, run);
            middle_ui(
                ui,
                "No curve: the encoder stayed as it was, and the head was fitted in one go.",
            );
        }
        (_, false) => {
            figures_ui(ui, run);
            chart_ui(ui, &run.name, &run.history, None);
        }
    }
}

fn failed_ui(ui: &mut Ui, run: &Run) {
    let tokens = theme::of(ui);
    ui.add_space(4.0);
    let text = match run.message.as_str() {
        "" => "This training did not finish.".to_owned(),
        message => sentence(message),
    };
    wrapped(ui, text, font(size::BASE, Weight::Regular), tokens.error);
}

fn figures_ui(ui: &mut Ui, run: &Run) {
    let Some(scored_on) = run.scored_on else {
        let tokens = theme::of(ui);
        let text = "Not measured: there were too few labels to keep some aside.";
        wrapped(ui, text, font(size::SMALL, Weight::Regular), tokens.text2);
        return;
    };
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 28.0;
        let shown = METRICS.iter().filter(|metric| SHOWN.contains(&metric.id));
        for metric in shown {
            if let Some(value) = run.metrics.get(metric.id) {
                stat(ui, metric.title, &prob(Some(*value)), "").on_hover_text(metric.help);
            }
        }
        let n_texts = match scored_on {
            crate::core::ScoreKind::OutOfFold => run.n_train,
            crate::core::ScoreKind::Validation => run.n_validation,
            crate::core::ScoreKind::Test => run.n_test,
        };
        stat(
            ui,
            "Measured on",
            scored_on.name(),
            &format!("{} texts", thousands(n_texts)),
        );
    });
}

fn chart_ui(ui: &mut Ui, name: &str, history: &[LossPoint], x_end: Option<f64>) {
    let tokens = theme::of(ui);
    let raw: Vec<[f64; 2]> = history.iter().map(|point| [point.step as f64, point.loss]).collect();
    let smooth = smoothed(&raw);
    let series = [
        Series {
            name: "loss of a batch",
            color: theme::mix(tokens.panel, tokens.accent, 0.35),
            points: &raw,
        },
        Series {
            name: "smoothed",
            color: tokens.accent,
            points: &smooth,
        },
    ];
    let chart = LineChart {
        name: &format!("Loss of {name}"),
        series: &series,
        x_end,
        x_unit: "step",
        height: ui.available_height().max(60.0),
    };
    chart.show(ui);
}

/// The exponential moving average, without the pull of its start towards zero.
fn smoothed(points: &[[f64; 2]]) -> Vec<[f64; 2]> {
    let (mut sum, mut weight) = (0.0, 0.0);
    let mut mean = |&[x, y]: &[f64; 2]| {
        sum = sum * (1.0 - SMOOTHING) + y * SMOOTHING;
        weight = weight * (1.0 - SMOOTHING) + SMOOTHING;
        [x, sum / weight]
    };
    points
        .iter()
        .filter(|point| point[1].is_finite())
        .map(&mut mean)
        .collect()
}

/// A name, what there is to say about it, and buttons at the right.
fn head_ui(ui: &mut Ui, name: &str, words: &str, buttons: impl FnOnce(&mut Ui)) {
    let tokens = theme::of(ui);
    let size = Vec2::new(ui.available_width(), space::CONTROL_SMALL);
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    let layout = Layout::right_to_left(Align::Center);
    let mut right = ui.new_child(UiBuilder::new().id_salt("head").max_rect(rect).layout(layout));
    buttons(&mut right);
    let room = right.min_rect().left() - rect.left() - 12.0;
    let base = |weight| font(crate::ui::theme::size::BASE, weight);
    let name_galley = galley_cut(ui, name, base(Weight::SemiBold), tokens.text, room);
    let x = rect.left() + name_galley.size().x + 10.0;
    let words_galley = galley_cut(ui, words, base(Weight::Regular), tokens.text2, room - (x - rect.left()));
    paint_left(ui.painter(), rect.left_center(), name_galley);
    paint_left(ui.painter(), pos2(x, rect.center().y), words_galley);
    let said = format!("{name}: {words}");
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Status, true, &said));
}

/// A remark in the middle of what is left.
fn middle_ui(ui: &mut Ui, text: &str) {
    let tokens = theme::of(ui);
    let height = ui.available_height();
    ui.allocate_ui_with_layout(
        Vec2::new(ui.available_width(), height),
        Layout::centered_and_justified(egui::Direction::TopDown),
        |ui| wrapped(ui, text, font(size::BASE, Weight::Regular), tokens.text3),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoothing_starts_at_the_first_value_and_follows_slowly() {
        let smooth = smoothed(&[[1.0, 0.5], [2.0, f64::NAN], [3.0, 0.5], [4.0, 0.0]]);
        assert_eq!(smooth.len(), 3);
        assert!((smooth[0][1] - 0.5).abs() < 1e-12 && (smooth[1][1] - 0.5).abs() < 1e-12);
        assert!(smooth[2][1] > 0.25 && smooth[2][1] < 0.5, "{smooth:?}");
    }
}
