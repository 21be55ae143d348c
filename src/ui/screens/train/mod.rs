//! Training: what to train at the left; the curve and the runs at the right.

mod charts;
pub mod compare;
mod curve;
mod facts;
mod form;
mod methods;
mod outcome;
mod plan;
mod runs;
pub mod search_sheet;
mod series;
pub mod series_sheet;
mod setup;
pub mod variants_sheet;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use egui::{Context, Key, Ui};

use self::series_sheet::SeriesSheet;
use super::{Screen, ScreenId, evaluate::Tab};
use crate::app::advice::Advice;
use crate::app::{Command, Project};
use crate::core::{Run, RunId, RunStatus};
use crate::jobs::{JobId, JobKind};
use crate::ui::{
    desk::{Act, Desk},
    icons,
    keymap::{self, KeyHint, hint},
    sheets::SheetState,
    theme::space,
    widgets::{empty_state, screen_rect, split_left, split_top},
};

/// Its id.
pub const ID: ScreenId = ScreenId("train");

const KEYS: &[KeyHint] = &[
    hint("T", "train"),
    hint("O", "search options"),
    hint("I", "compare settings, such as treatments of imbalance"),
    hint("S", "stop, and keep what there is"),
    hint("P", "pause the training, or go on"),
    hint("R", "resume the run that was cut off"),
    hint("↑ ↓", "another run"),
    hint("← →", "fold or open a series of runs"),
    hint("Enter  E", "evaluate the run"),
    hint("M", "mark the run for comparing"),
    hint("C", "compare two runs"),
    hint("V", "all trials of the run's series"),
    hint("U", "use the run's options"),
];

pub(super) const SCREEN: Screen = Screen {
    id: ID,
    title: "Train",
    icon: icons::TRAIN,
    in_rail: true,
    keys: KEYS,
    on_keys,
    ui,
};

/// What the screen remembers.
#[derive(Default)]
pub struct Memory {
    /// The chosen method; `None`: the recommended one.
    method: Option<&'static str>,
    /// Changed options, by method and option.
    values: BTreeMap<(&'static str, &'static str), f64>,
    /// The chosen encoder; `None`: the usual one.
    encoder: Option<String>,
    /// The chosen seed; `None`: the usual one.
    seed: Option<f64>,
    /// The chosen run to learn from; `None`: the newest.
    teacher: Option<RunId>,
    /// The run whose curve is shown; `None`: the newest.
    run: Option<RunId>,
    /// Groups of options that are unfolded.
    open_groups: BTreeSet<&'static str>,
    /// Series of runs that are unfolded.
    open_series: BTreeSet<String>,
    /// The series that was unfolded because it is being trained.
    running_series: Option<String>,
    /// Runs marked for comparing, at most two, the one marked first in front.
    marked: Vec<RunId>,
    /// The chosen run is to be scrolled to.
    reveal: bool,
    /// The training that was asked to stop.
    stopping: Option<JobId>,
    /// The training that was asked to pause.
    pausing: Option<JobId>,
    /// What the labels allow, of which project at which revision.
    advice: Option<(PathBuf, u64, Advice)>,
}

fn ui(ui: &mut Ui, desk: &mut Desk) {
    let Some(project) = desk.project() else { return };
    if project.state.n_texts() == 0 {
        let text = "Import a file with texts first; labels can come with it.";
        if empty_state(ui, icons::TRAIN, "Nothing to train on yet", text, "Go to Data") {
            desk.act(Act::Go(super::data::ID));
        }
        return;
    }
    let app = desk.app;
    desk.memory.models.list.refresh(ui.ctx(), app, ID);
    unfold_running(desk, project);
    let advice = advice(desk, project);
    let (left, rest) = split_left(screen_rect(ui), 280.0, space::L);
    setup::setup_ui(ui, left, desk, project, &advice);
    let (top, bottom) = split_top(rest, (rest.height() * 0.48).round(), space::L);
    curve::curve_ui(ui, top, desk, project);
    runs::runs_ui(ui, bottom, desk, project);
}

/// A series is unfolded once, when its first trial begins, so that its trials can be watched.
fn unfold_running(desk: &mut Desk, project: &Project) {
    let training = project
        .training
        .as_ref()
        .and_then(|training| project.state.run(training.run));
    let Some(run) = training.filter(|run| !run.series.is_empty()) else {
        return;
    };
    let memory = &mut desk.memory.train;
    if memory.running_series.as_ref() != Some(&run.series) {
        memory.running_series = Some(run.series.clone());
        memory.open_series.insert(run.series.clone());
    }
}

/// What the labels allow; computed again only when the project has changed.
fn advice(desk: &mut Desk, project: &Project) -> Advice {
    let memory = &mut desk.memory.train;
    let path = project.store.path();
    if let Some((_, _, advice)) = memory
        .advice
        .as_ref()
        .filter(|(known, revision, _)| known == path && *revision == project.revision)
    {
        return advice.clone();
    }
    let advice = Advice::of(project);
    memory.advice = Some((path.to_path_buf(), project.revision, advice.clone()));
    advice
}

/// The run the screen talks about: the chosen one, else the one that trains, else the newest.
fn chosen_run<'a>(desk: &Desk, project: &'a Project) -> Option<&'a Run> {
    let training = project.training.as_ref().map(|training| training.run);
    let wanted = desk.memory.train.run.or(training);
    wanted
        .and_then(|id| project.state.run(id))
        .or(project.state.runs.last())
}

/// Whether a run has a model that can be looked at.
fn is_usable(run: &Run) -> bool {
    run.status.is_finished()
}

fn evaluate(desk: &mut Desk, run: &Run) {
    if is_usable(run) {
        desk.memory.evaluate.show(run.id, Tab::Overview);
        desk.act(Act::Go(super::evaluate::ID));
    }
}

/// Whether a run may go on from a state that was saved of it: trials and trainings that leave a fold out have none.
fn is_resumable(run: &Run) -> bool {
    if run.is_trial() || run.findings.contains_key("left_out") {
        return false;
    }
    let saved = run.options.get("checkpoint_every").and_then(|minutes| minutes.as_f64());
    matches!(run.status, RunStatus::Interrupted | RunStatus::Stopped) && saved.is_some_and(|minutes| minutes > 0.0)
}

/// Goes on with a run; its curve is then the one to look at.
fn resume(desk: &mut Desk, run: &Run) {
    if is_resumable(run) && desk.app.running(JobKind::Train).is_none() {
        desk.memory.train.run = None;
        desk.run(Command::ResumeRun(run.id));
    }
}

/// Pauses a training, or lets a paused one go on.
fn pause(desk: &mut Desk, job: JobId, is_paused: bool) {
    desk.memory.train.pausing = (!is_paused).then_some(job);
    desk.run(match is_paused {
        true => Command::Resume(job),
        false => Command::Pause(job),
    });
}

fn stop(desk: &mut Desk, job: JobId) {
    desk.memory.train.stopping = Some(job);
    desk.run(Command::Stop(job));
}

/// Opens a sheet that sets several trainings up, where one could be started.
fn open_several(desk: &mut Desk, project: &Project, sheet: fn() -> SheetState) {
    let idle = desk.app.running(JobKind::Train).is_none();
    if idle && project.state.n_texts() > 0 {
        desk.act(Act::Show(sheet()));
    }
}

fn on_keys(ctx: &Context, desk: &mut Desk) {
    let Some(project) = desk.project() else { return };
    if !keymap::letters_are_free(ctx) {
        return;
    }
    for c in keymap::typed(ctx) {
        match c {
            't' => {
                let advice = advice(desk, project);
                setup::train(desk, &advice);
            }
            's' => {
                if let Some(job) = desk.app.running(JobKind::Train) {
                    let training = project.training.as_ref();
                    let again = training.is_some_and(|training| curve::is_scoring(desk, training, job));
                    if again || desk.memory.train.stopping != Some(job) {
                        stop(desk, job);
                    }
                }
            }
            'o' => open_several(desk, project, SheetState::search),
            'i' => open_several(desk, project, SheetState::treatments),
            'v' => {
                if let Some(run) = chosen_run(desk, project).filter(|run| !run.series.is_empty()) {
                    desk.act(Act::Show(SheetState::Series(SeriesSheet::new(&run.series))));
                }
            }
            'u' => {
                if let Some(run) = chosen_run(desk, project) {
                    form::take_over(desk, run);
                }
            }
            'p' => {
                let training = project.training.as_ref();
                if let (Some(job), Some(training)) = (desk.app.running(JobKind::Train), training) {
                    pause(desk, job, training.paused);
                }
            }
            'r' => {
                if let Some(run) = chosen_run(desk, project) {
                    resume(desk, run);
                }
            }
            'e' => {
                if let Some(run) = chosen_run(desk, project) {
                    evaluate(desk, run);
                }
            }
            'm' => {
                if let Some(run) = chosen_run(desk, project) {
                    runs::mark(&mut desk.memory.train, run.id);
                }
            }
            'c' => compare::open(desk),
            _ => {}
        }
    }
    if keymap::space_is_free(ctx) {
        table_keys(ctx, desk, project);
    }
}

/// The keys that belong to the table while no button has the keyboard.
fn table_keys(ctx: &Context, desk: &mut Desk, project: &Project) {
    let Some(run) = chosen_run(desk, project) else { return };
    if keymap::pressed(ctx, Key::Enter) {
        return evaluate(desk, run);
    }
    let memory = &mut desk.memory.train;
    let open = !run.series.is_empty() && memory.open_series.contains(&run.series);
    let (left, right) = (
        keymap::pressed(ctx, Key::ArrowLeft),
        keymap::pressed(ctx, Key::ArrowRight),
    );
    if !run.series.is_empty() && ((left && open) || (right && !open)) {
        runs::toggle_series(memory, &run.series);
        memory.reveal = true;
    }
    let step = i64::from(keymap::pressed(ctx, Key::ArrowDown)) - i64::from(keymap::pressed(ctx, Key::ArrowUp));
    if step != 0 {
        let rows = runs::rows(&project.state.runs, &memory.open_series);
        let Some(at) = runs::row_of(&rows, run) else { return };
        let next = at.saturating_add_signed(step as isize).min(rows.len() - 1);
        memory.run = Some(rows[next].run.id);
        memory.reveal = true;
    }
}
