//! Which run and which scores are on show, and asking for them: once per change of what they rest on.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;
use std::sync::Arc;

use super::{Memory, Tab, figures::Figures};
use crate::app::{Command, NoticeKind, Project};
use crate::core::stale::staleness;
use crate::core::{ProjectState, Run, RunId, ScoreKind, Split, Text};
use crate::jobs::{Evaluation, JobKind};
use crate::ui::desk::Desk;

/// What was asked for, and what the project looked like then.
#[derive(Default)]
pub(super) struct Requests {
    /// What each evaluation rested on when it was asked for.
    asked: HashMap<(RunId, ScoreKind), u64>,
    /// What the evaluation on show would rest on now, and at which revision that was worked out.
    now: Option<(u64, RunId, ScoreKind, u64)>,
    /// Whether annotated validation and test texts exist, at a revision.
    splits: Option<(u64, bool, bool)>,
}

/// The scores of a run, as far as they are known.
pub(super) enum Scores {
    /// Here they are; perhaps those before the last change, while new ones are gathered.
    Ready(Rc<Figures>),
    /// A job gathers them.
    Waiting,
    /// The job has said that there are none.
    Refused,
}

/// Runs with a model, newest first.
pub(super) fn finished(project: &Project) -> impl Iterator<Item = &Run> {
    let done = |run: &&Run| run.status.is_finished();
    project.state.runs.iter().rev().filter(done)
}

/// The run on show: the chosen one, else the newest.
pub(super) fn run<'a>(memory: &Memory, project: &'a Project) -> Option<&'a Run> {
    let chosen = memory.run.and_then(|id| finished(project).find(|run| run.id == id));
    chosen.or_else(|| finished(project).next())
}

/// The scores there are to choose from, on this tab.
pub(super) fn kinds(memory: &mut Memory, project: &Project, run: &Run) -> Vec<ScoreKind> {
    let (validation, test) = match memory.requests.splits {
        Some((revision, validation, test)) if revision == project.revision => (validation, test),
        _ => {
            let any = |split| project.state.annotated(split).next().is_some();
            let found = (any(Split::Validation), any(Split::Test));
            memory.requests.splits = Some((project.revision, found.0, found.1));
            found
        }
    };
    let tuning = Project::tuning_kind(run);
    let exists = |kind: ScoreKind| match kind {
        ScoreKind::Test => run.n_test > 0 || test,
        ScoreKind::Validation => run.n_validation > 0 || validation,
        ScoreKind::OutOfFold => true,
    };
    let wanted = |kind: &ScoreKind| match memory.tab {
        Tab::Thresholds => *kind == tuning || *kind == ScoreKind::Test,
        Tab::Overview | Tab::Confusion => true,
    };
    let order = [ScoreKind::Test, ScoreKind::Validation, ScoreKind::OutOfFold];
    order.into_iter().filter(|kind| exists(*kind)).filter(wanted).collect()
}

/// The scores on show: those asked for; else what thresholds are chosen on, or the most honest there are.
pub(super) fn kind(memory: &Memory, run: &Run, kinds: &[ScoreKind]) -> ScoreKind {
    let tuning = Project::tuning_kind(run);
    if memory.tab == Tab::Thresholds {
        return if memory.tested && kinds.contains(&ScoreKind::Test) {
            ScoreKind::Test
        } else {
            tuning
        };
    }
    memory
        .reported
        .filter(|kind| kinds.contains(kind))
        .or_else(|| kinds.first().copied())
        .unwrap_or(tuning)
}

pub(super) fn choose_kind(memory: &mut Memory, kind: ScoreKind) {
    match memory.tab {
        Tab::Thresholds => memory.tested = kind == ScoreKind::Test,
        Tab::Overview | Tab::Confusion => memory.reported = Some(kind),
    }
}

/// As the list of scores calls them.
pub(super) fn title(kind: ScoreKind) -> &'static str {
    match kind {
        ScoreKind::Test => "test split",
        ScoreKind::Validation => "validation split",
        ScoreKind::OutOfFold => "out-of-fold",
    }
}

/// The scores of a run; asks for them where they are missing or older than the labels and thresholds they rest on.
pub(super) fn scores(desk: &mut Desk, project: &Project, run: &Run, kind: ScoreKind) -> Scores {
    let key = (run.id, kind);
    let requests = &mut desk.memory.evaluate.requests;
    let now = match requests.now {
        Some((revision, of, on, print)) if (revision, of, on) == (project.revision, run.id, kind) => print,
        _ => {
            let print = fingerprint(&project.state, run, kind);
            requests.now = Some((project.revision, run.id, kind, print));
            print
        }
    };
    let busy = desk.app.running(JobKind::Evaluate).is_some();
    let stale = requests.asked.get(&key) != Some(&now);
    if stale && !busy {
        requests.asked.insert(key, now);
        desk.run(Command::Evaluate { run: run.id, kind });
    }
    match project.evaluations.get(&key) {
        Some(evaluation) => {
            let Some(evaluation) = &narrowed(desk, evaluation) else {
                return Scores::Waiting;
            };
            let memory = &mut desk.memory.evaluate;
            let known = memory
                .figures
                .as_ref()
                .filter(|known| Arc::ptr_eq(&known.evaluation, evaluation));
            let figures = match known {
                Some(known) => known.clone(),
                None => Rc::new(Figures::new(evaluation.clone(), memory.figures.as_deref())),
            };
            memory.figures = Some(figures.clone());
            Scores::Ready(figures)
        }
        None => {
            desk.memory.evaluate.figures = None;
            if stale || busy {
                Scores::Waiting
            } else {
                Scores::Refused
            }
        }
    }
}

/// Only the chosen slice, but for where thresholds are chosen; `None` while it is worked out.
fn narrowed(desk: &mut Desk, evaluation: &Arc<Evaluation>) -> Option<Arc<Evaluation>> {
    if desk.memory.evaluate.tab == Tab::Thresholds {
        return Some(evaluation.clone());
    }
    let mut refused = None;
    let narrowed = desk
        .memory
        .evaluate
        .filter
        .narrow(evaluation, |why| refused = Some(why));
    if let Some(why) = refused {
        desk.change(move |app| app.notify(NoticeKind::Warning, why));
    }
    narrowed
}

/// Changes when the labels of the texts, which texts there are, or the thresholds of the run change. O(texts).
fn fingerprint(state: &ProjectState, run: &Run, kind: ScoreKind) -> u64 {
    let wanted = |text: &&Text| match kind {
        ScoreKind::OutOfFold => text.trains(),
        ScoreKind::Validation => text.split == Some(Split::Validation),
        ScoreKind::Test => text.split == Some(Split::Test),
    };
    let mut hasher = DefaultHasher::new();
    run.thresholds
        .iter()
        .for_each(|threshold| threshold.to_bits().hash(&mut hasher));
    run.deciding.at_least_one.hash(&mut hasher);
    staleness(run, &state.labels).hash(&mut hasher);
    for text in state.texts().filter(wanted) {
        if let Some(annotation) = &text.annotation {
            (text.id, &annotation.labels, &annotation.who).hash(&mut hasher);
        }
    }
    hasher.finish()
}
