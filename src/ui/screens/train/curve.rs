//! The card over the runs: the running training, or what came out of a run.

use egui::{Align, Layout, Rect, Sense, Ui, UiBuilder, Vec2, pos2};

use super::charts::Curves;
use super::series_sheet::SeriesSheet;
use super::{chosen_run, outcome, pause, stop};
use crate::app::{Project, TrainingProgress};
use crate::core::Run;
use crate::jobs::{JobId, JobKind, Progress};
use crate::ui::{
    desk::{Act, Desk},
    icons,
    sheets::SheetState,
    shell,
    theme::{self, Weight, font, size, space},
    widgets::{Button, Card, galley_cut, paint_left, progress_bar, seconds, thousands, wrapped},
};

/// How the notes of jobs begin that score texts.
const SCORING: &str = "scoring";

pub(super) fn curve_ui(ui: &mut Ui, rect: Rect, desk: &mut Desk, project: &Project) {
    Card::new().show_in(ui, rect, |ui| {
        ui.spacing_mut().item_spacing.y = 8.0;
        let chosen = desk.memory.train.run.and_then(|id| project.state.run(id));
        let looked_at = chosen.filter(|run| project.training.as_ref().is_none_or(|t| t.run != run.id));
        match (desk.app.running(JobKind::Train), &project.training, looked_at) {
            (_, _, Some(run)) => outcome::run_ui(ui, desk, run),
            (Some(job), Some(training), None) => running_ui(ui, desk, project, job, training),
            (Some(job), None, None) => head_ui(ui, "Training", "starting", |ui| {
                stop_ui(ui, desk, job, StopWhat::Training)
            }),
            (None, _, None) => match chosen_run(desk, project) {
                Some(run) => outcome::run_ui(ui, desk, run),
                None => middle_ui(ui, "The loss curve appears here as soon as a training runs."),
            },
        }
    });
}

fn running_ui(ui: &mut Ui, desk: &mut Desk, project: &Project, job: JobId, training: &TrainingProgress) {
    let run = project.state.run(training.run);
    let name = run.map_or("", |run| run.name.as_str());
    let progress = desk.app.progress.iter().find(|(id, ..)| *id == job).map(|(.., p)| p);
    let of_series = progress.filter(|progress| run.is_some_and(|run| is_of_series(run, progress)));
    let aside = progress.filter(|progress| of_series.is_none() && is_under_way(progress));
    let is_stopping = desk.memory.train.stopping == Some(job);
    let (mut words, share) = match of_series {
        Some(progress) => series_words(training, progress),
        None => progress_words(training, aside),
    };
    let scoring = is_scoring(desk, training, job);
    if is_stopping && !scoring {
        words = format!("stopping · {}", training.phase);
    }
    head_ui(ui, name, &words, |ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        stop_ui(
            ui,
            desk,
            job,
            if scoring {
                StopWhat::Scoring
            } else {
                StopWhat::of(of_series)
            },
        );
        pause_ui(ui, desk, job, training);
        if let Some(run) = run.filter(|run| !run.series.is_empty()) {
            let button = Button::secondary("All trials").small().key("V");
            if ui.add(button).clicked() {
                desk.act(Act::Show(SheetState::Series(SeriesSheet::new(&run.series))));
            }
        }
    });
    if let Some(share) = share {
        let width = ui.available_width();
        progress_bar(ui, &format!("Progress of {name}"), share, width, 4.0);
    }
    let mut curves = Curves::new(run, &training.history, &training.watched);
    curves.learning_rate.clone_from(&training.learning_rates);
    curves.grad_norm.clone_from(&training.grad_norms);
    curves.n_steps = training.n_steps;
    match (curves.is_empty(), training.n_steps > 0) {
        (false, _) => curves.show(ui),
        (true, true) => middle_ui(ui, "The curve begins with the first step."),
        (true, false) => middle_ui(ui, "This method fits its head in one go: there is no curve to watch."),
    }
}

/// Whether texts are being scored, which a stop leaves out.
pub(super) fn is_scoring(desk: &Desk, training: &TrainingProgress, job: JobId) -> bool {
    let mut progress = desk.app.progress.iter().filter(|(id, ..)| *id == job);
    training.is_scoring() || progress.any(|(.., progress)| progress.note.starts_with(SCORING))
}

/// Whether it speaks of now: what was done before the steps stays as it was.
fn is_under_way(progress: &Progress) -> bool {
    progress.done < progress.total || (progress.total > 0 && progress.note.starts_with(SCORING))
}

/// Whether progress is that of the whole series that a run belongs to.
fn is_of_series(run: &Run, progress: &Progress) -> bool {
    !run.series.is_empty() && progress.total > 0 && progress.note.starts_with(&run.series)
}

/// How far a series is: its trainings, and the steps of the one at hand.
fn series_words(training: &TrainingProgress, series: &Progress) -> (String, Option<f32>) {
    let done = series.done.min(series.total);
    let within = match training.n_steps {
        0 => 0.0,
        n => training.step.min(n) as f32 / n as f32,
    };
    let share = (done as f32 + within) / series.total as f32;
    let mut words = format!("training {} of {}", (done + 1).min(series.total), series.total);
    words += &match (training.paused, training.n_steps) {
        (true, _) => " · paused".to_owned(),
        (false, 0) => format!(" · {}", training.phase),
        (false, n) => format!(" · step {} of {}", thousands(training.step), thousands(n)),
    };
    (words, Some(share.min(1.0)))
}

/// What is going on in words, and how far it is where that is known.
fn progress_words(training: &TrainingProgress, aside: Option<&Progress>) -> (String, Option<f32>) {
    if let Some(scoring) = aside {
        let words = format!(
            "{} · {} of {}",
            scoring.note,
            thousands(scoring.done as usize),
            thousands(scoring.total as usize)
        );
        return (words, Some(scoring.done as f32 / scoring.total as f32));
    }
    let (step, n_steps) = (training.step, training.n_steps);
    let share = (n_steps > 0).then_some(step as f32 / n_steps.max(1) as f32);
    if step == 0 || step >= n_steps || training.is_scoring() {
        return (training.phase.clone(), share);
    }
    let mut words = format!("step {} of {}", thousands(step), thousands(n_steps));
    if training.paused {
        return (format!("paused at {words}"), share);
    }
    words += &format!(" · {:.0} texts/s", training.texts_per_sec);
    if let Some(left) = training.secs_left.filter(|left| left.is_finite()) {
        words += &format!(" · {} left", shell::time_left(left));
    }
    words += &format!(" · {} so far", seconds(training.started.elapsed().as_secs_f64()));
    (words, share)
}

/// What a press of the stop button ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum StopWhat {
    Training,
    Scoring,
    Series,
}

impl StopWhat {
    fn of(series: Option<&Progress>) -> Self {
        series.map_or(StopWhat::Training, |_| StopWhat::Series)
    }
}

fn stop_ui(ui: &mut Ui, desk: &mut Desk, job: JobId, what: StopWhat) {
    // A stop that has been asked for ends the steps; what follows can be left out too.
    let stopping = desk.memory.train.stopping == Some(job) && what != StopWhat::Scoring;
    let (text, help) = match what {
        StopWhat::Training => (
            "Stop, keep it",
            "Training ends after this step. Where held-out texts were watched the best weights so far are kept, else those of this step; the head is fitted on them: a usable run.",
        ),
        StopWhat::Scoring => (
            "Skip scoring",
            "Leaves these figures out; the model is kept, and evaluating the run later scores its texts.",
        ),
        StopWhat::Series => (
            "Stop the series",
            "No further trial begins. Those that are finished stay with their figures; the one at hand is given up.",
        ),
    };
    let text = if stopping { "Stopping…" } else { text };
    let button = Button::secondary(text).icon(icons::STOP).small().key("S");
    if ui.add_enabled(!stopping, button).on_hover_text(help).clicked() {
        stop(desk, job);
    }
}

fn pause_ui(ui: &mut Ui, desk: &mut Desk, job: JobId, training: &TrainingProgress) {
    if desk.memory.train.stopping == Some(job) {
        return;
    }
    let asked = desk.memory.train.pausing == Some(job);
    let (text, icon) = match (training.paused, asked) {
        (true, _) => ("Go on", icons::PLAY),
        (false, true) => ("Pausing…", icons::PAUSE),
        (false, false) => ("Pause", icons::PAUSE),
    };
    let button = Button::secondary(text).icon(icon).small().key("P");
    let help = "Training waits where it is; the processor is free meanwhile.";
    if ui
        .add_enabled(training.paused || !asked, button)
        .on_hover_text(help)
        .clicked()
    {
        pause(desk, job, training.paused);
    }
}

/// A name, what there is to say about it, and buttons at the right.
pub(super) fn head_ui(ui: &mut Ui, name: &str, words: &str, buttons: impl FnOnce(&mut Ui)) {
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
pub(super) fn middle_ui(ui: &mut Ui, text: &str) {
    let tokens = theme::of(ui);
    let height = ui.available_height();
    ui.allocate_ui_with_layout(
        Vec2::new(ui.available_width(), height),
        Layout::centered_and_justified(egui::Direction::TopDown),
        |ui| wrapped(ui, text, font(size::BASE, Weight::Regular), tokens.text3),
    );
}
