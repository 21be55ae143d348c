//! Where the line between yes and no is drawn for each label: dragged, typed, tuned; every figure moves along in the same frame.
//!
//! Not here: judging texts anew while the line moves. [`crate::core::thresholds::Live`] follows the texts that cross it.

use std::sync::Arc;

use egui::{Context, Key, Rect, Ui, vec2};

use super::{
    figures::Figures, threshold_head as head, threshold_notes as notes, threshold_rows as rows, threshold_side,
};
use crate::app::{Command, Project};
use crate::core::metrics::{Counts, default_threshold};
use crate::core::run::Deciding;
use crate::core::thresholds::{Live, Objective};
use crate::core::{Run, RunId, ScoreKind, text_edits};
use crate::jobs::{Evaluation, TuneRequest};
use crate::ui::{
    desk::Desk,
    keymap,
    theme::space,
    widgets::{Card, in_rect, split_right, split_top},
};

/// What is remembered.
#[derive(Default)]
pub(super) struct Memory {
    /// The line that keys move; `None`: that of all answers of a single-label task, which is all thresholds at once.
    label: Option<usize>,
    /// Whether a label was chosen at all.
    chosen: bool,
    pub reveal: bool,
    pub objective: Option<Objective>,
    pub search: String,
    pub order: rows::Order,
    pub roc: bool,
    draft: Option<Draft>,
    /// The figures as the lines are moved, and the evaluation they started from.
    live: Option<(Arc<Evaluation>, Live)>,
}

/// A decision rule while it is being changed; it becomes one edit when the hand is lifted.
struct Draft {
    run: RunId,
    thresholds: Vec<f64>,
    at_least_one: bool,
}

impl Memory {
    /// Selects a label.
    pub fn choose(&mut self, label: usize) {
        self.select(Some(label));
        self.reveal = true;
    }

    /// Selects a label, or the answers of all.
    pub fn select(&mut self, label: Option<usize>) {
        (self.label, self.chosen) = (label, true);
    }

    /// The selected line: a label's, or that of all answers; these first where there are any.
    pub fn selected(&self, figures: &Figures) -> Option<usize> {
        let last = figures.n_labels().saturating_sub(1);
        match (self.chosen, figures.evaluation.answers.is_some()) {
            (false, true) => None,
            (false, false) => Some(0),
            (true, answers) => match self.label {
                None if answers => None,
                label => Some(label.unwrap_or(0).min(last)),
            },
        }
    }

    /// What thresholds would be tuned for.
    pub fn objective(&self, run: &Run) -> Objective {
        self.objective.or(run.deciding.tuned_for).unwrap_or_default()
    }

    fn drafted(&self, run: &Run) -> Option<&Draft> {
        self.draft
            .as_ref()
            .filter(|draft| draft.run == run.id && draft.thresholds.len() == run.thresholds.len())
    }

    /// The thresholds as they stand, moved ones included.
    pub fn current<'a>(&'a self, run: &'a Run) -> &'a [f64] {
        self.drafted(run).map_or(&run.thresholds, |draft| &draft.thresholds)
    }

    /// Whether a text without a label gets its best one, as it stands.
    pub fn at_least_one(&self, run: &Run) -> bool {
        self.drafted(run)
            .map_or(run.deciding.at_least_one, |draft| draft.at_least_one)
    }

    /// The threshold of a label, or the one of all answers: the lowest of all where they differ.
    pub fn threshold(&self, run: &Run, label: Option<usize>) -> f64 {
        let thresholds = self.current(run);
        let found = match label {
            Some(label) => thresholds.get(label).copied(),
            None => thresholds.iter().copied().reduce(f64::min),
        };
        found.unwrap_or(default_threshold(run.task))
    }

    /// Moves the line of a label, or all lines.
    pub fn set(&mut self, run: &Run, label: Option<usize>, threshold: f64) {
        let threshold = threshold.clamp(0.0, 1.0);
        self.change(run, |draft| match label {
            Some(label) => {
                if let Some(known) = draft.thresholds.get_mut(label) {
                    *known = threshold;
                }
            }
            None => draft.thresholds.fill(threshold),
        });
    }

    /// Says whether a text without a label gets its best one.
    pub fn set_at_least_one(&mut self, run: &Run, at_least_one: bool) {
        self.change(run, |draft| draft.at_least_one = at_least_one);
    }

    fn change(&mut self, run: &Run, change: impl FnOnce(&mut Draft)) {
        let mut draft = Draft {
            run: run.id,
            thresholds: self.current(run).to_vec(),
            at_least_one: self.at_least_one(run),
        };
        change(&mut draft);
        self.draft = Some(draft);
    }

    /// Lets the figures follow the lines. O(texts that cross one).
    pub fn follow(&mut self, evaluation: &Arc<Evaluation>, run: &Run) {
        let (thresholds, at_least_one) = (self.current(run).to_vec(), self.at_least_one(run));
        let known = self.live.take().filter(|(of, _)| Arc::ptr_eq(of, evaluation));
        let (of, mut live) = known.unwrap_or_else(|| (evaluation.clone(), evaluation.live.clone()));
        live.set_all(&thresholds);
        live.set_at_least_one(at_least_one);
        self.live = Some((of, live));
    }

    /// The figures at the lines as they stand.
    pub fn live<'a>(&'a self, figures: &'a Figures) -> &'a Live {
        match &self.live {
            Some((of, live)) if Arc::ptr_eq(of, &figures.evaluation) => live,
            _ => &figures.evaluation.live,
        }
    }

    /// What the score of a label has to reach: its threshold, or in a tree a higher one of a label above it.
    pub fn effective(&self, figures: &Figures, run: &Run, label: Option<usize>) -> f64 {
        let own = self.threshold(run, label);
        let tree = figures.evaluation.tree.as_ref();
        let path = label.and_then(|label| Some(tree?.ancestry(label).map(|label| self.threshold(run, Some(label)))));
        path.map_or(own, |path| path.fold(own, f64::max))
    }

    /// The 2×2 table of a label at the lines as they stand.
    pub fn counts(&self, figures: &Figures, label: usize) -> Counts {
        self.live(figures).counts(label)
    }
}

/// Makes one edit of what was moved.
pub(super) fn commit(desk: &mut Desk, project: &Project) {
    let Some(draft) = desk.memory.evaluate.thresholds.draft.take() else {
        return;
    };
    let Some(run) = project.state.run(draft.run) else {
        return;
    };
    if run.thresholds != draft.thresholds || run.deciding.at_least_one != draft.at_least_one {
        let deciding = Deciding {
            at_least_one: draft.at_least_one,
            tuned_for: None,
        };
        desk.edit(text_edits::set_rule(
            &project.state,
            draft.run,
            &draft.thresholds,
            deciding,
        ));
    }
}

pub(super) fn on_keys(ctx: &Context, desk: &mut Desk, project: &Project, figures: &Figures) {
    if !keymap::letters_are_free(ctx) || figures.evaluation.kind == ScoreKind::Test {
        return;
    }
    let Some(run) = project.state.run(figures.evaluation.run) else {
        return;
    };
    if keymap::typed(ctx).contains(&'t') {
        tune(desk, run, None);
    }
    if !keymap::space_is_free(ctx) {
        return;
    }
    let steps = i32::from(keymap::pressed(ctx, Key::ArrowDown)) - i32::from(keymap::pressed(ctx, Key::ArrowUp));
    if steps != 0 {
        rows::step(desk, figures, steps);
    }
    let (left, right, large) = ctx.input(|input| {
        let presses = |key| input.num_presses(key) as f64;
        (presses(Key::ArrowLeft), presses(Key::ArrowRight), input.modifiers.shift)
    });
    if left != right {
        let memory = &mut desk.memory.evaluate.thresholds;
        let label = memory.selected(figures);
        let moved = memory.threshold(run, label) + (right - left) * if large { 0.05 } else { 0.01 };
        memory.set(run, label, (moved * 100.0).round() / 100.0);
    }
}

/// Asks for the thresholds of all labels, or of one.
pub(super) fn tune(desk: &mut Desk, run: &Run, only: Option<usize>) {
    let request = TuneRequest {
        objective: desk.memory.evaluate.thresholds.objective(run),
        only,
        at_least_one: None,
    };
    desk.run(Command::Tune { run: run.id, request });
}

pub(super) fn thresholds_ui(ui: &mut Ui, rect: Rect, desk: &mut Desk, project: &Project, run: &Run, figures: &Figures) {
    let read_only = figures.evaluation.kind == ScoreKind::Test;
    let wide = rect.width() > 860.0;
    let (left, right) = if wide {
        split_right(rect, 330.0, space::L)
    } else {
        (rect, Rect::NOTHING)
    };
    let mut typing = false;
    Card::new().flush().show_in(ui, left, |ui| {
        let area = ui.available_rect_before_wrap();
        let (head, rest) = split_top(area, head::height(figures, read_only), 0.0);
        let notes = notes::notes(desk, project, run, figures);
        let height = notes::height(ui, &notes, rest.width() - 32.0).min(rest.height() * 0.4);
        let n_rows = rows::shown(desk, figures).len();
        let rows_height = (n_rows as f32 * rows::ROW).min(rest.height() - height).max(rows::ROW);
        let (rows_rect, below) = split_top(rest, rows_height, 0.0);
        in_rect(ui, "rows", rows_rect, |ui| {
            typing = rows::rows_ui(ui, desk, run, figures, read_only)
        });
        in_rect(ui, "notes", below.shrink2(vec2(16.0, 10.0)), |ui| {
            notes::notes_ui(ui, &notes)
        });
        // After the rows, so that its figures are those of the line as it stands now.
        desk.memory.evaluate.thresholds.follow(&figures.evaluation, run);
        in_rect(ui, "head", head, |ui| {
            head::head_ui(ui, head, desk, project, run, figures, read_only)
        });
    });
    if wide {
        threshold_side::side_ui(ui, right, desk, project, run, figures);
    }
    let held =
        ui.input(|input| input.pointer.any_down() || input.key_down(Key::ArrowLeft) || input.key_down(Key::ArrowRight));
    if !held && !typing {
        commit(desk, project);
    }
}
