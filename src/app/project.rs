//! An open project: its state in memory, the edits on their way to disk, the quick model's suggestions.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, TryRecvError};

use super::{Annotating, Explaining, Notice, NoticeKind, Previewing};
use crate::core::metrics::{headline, highest};
use crate::core::queue::{self, QueueOrder};
use crate::core::run::{LossPoint, WatchedPoint};
use crate::core::score_tree::Doubt;
use crate::core::{
    Change, Edit, EditError, EditId, How, LabelId, ProjectState, Run, RunId, ScoreKind, ScoreTree, Split, TaskKind,
    TextId, text_edits,
};
use crate::jobs::snapshot::Snapshot;
use crate::jobs::suggest::Labelled;
use crate::jobs::{Comparison, Evaluation, JobEvent, SearchReport, Suggester, SuggesterEvent, Suggestions, Tuning};
use crate::store::{History, Store, StoreError};
use crate::train::{Fold, Phase, TrainEvent};

/// How long a closing program waits for the disk before it gives up on a write that hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// A run while it is being trained.
#[derive(Debug, Clone)]
pub struct TrainingProgress {
    /// The run.
    pub run: RunId,
    /// What is being done: `contrastive training`, `fitting the head`.
    pub phase: String,
    /// The fold that is left out, where whole trainings are repeated and this is not the one on all the texts.
    pub fold: Option<Fold>,
    /// Steps done, over all folds.
    pub step: usize,
    /// Steps in all; 0 until known.
    pub n_steps: usize,
    /// Loss of the last step.
    pub loss: Option<f64>,
    /// Texts encoded per second.
    pub texts_per_sec: f64,
    /// Estimated seconds left.
    pub secs_left: Option<f64>,
    /// The curve of the training at hand so far.
    pub history: Vec<LossPoint>,
    /// Learning rates so far, as `[step, rate]`.
    pub learning_rates: Vec<[f64; 2]>,
    /// Norms of the gradients before clipping so far, as `[step, norm]`.
    pub grad_norms: Vec<[f64; 2]>,
    /// What was measured on held-out texts so far.
    pub watched: Vec<WatchedPoint>,
    /// Whether it waits because a person has paused it.
    pub paused: bool,
    /// When it began.
    pub started: Instant,
    /// Steps of the trainings without a fold that are over.
    n_before: usize,
}

/// Counts the projects opened by this process.
static OPENINGS: AtomicU64 = AtomicU64::new(1);

/// The open project.
pub struct Project {
    /// Tells one opening of a project from the next.
    pub opening: u64,
    /// The file.
    pub store: Store,
    /// What it holds, with every edit already in it.
    pub state: ProjectState,
    /// The annotating session.
    pub annotating: Annotating,
    /// The newest scores of the quick model.
    pub suggestions: Option<Arc<Suggestions>>,
    /// Why there are no suggestions.
    pub suggestions_missing: Option<String>,
    /// Texts embedded by the quick model, of how many.
    pub embedded: (usize, usize),
    /// Zero-shot scores, and whether they are used as suggestions.
    pub previewing: Previewing,
    /// The run being trained.
    pub training: Option<TrainingProgress>,
    /// Scores and figures gathered so far, by run and kind of texts.
    pub evaluations: HashMap<(RunId, ScoreKind), Arc<Evaluation>>,
    /// The words behind scores, for the texts that were looked at.
    pub explaining: Explaining,
    /// What tuning did last.
    pub tuning: Option<Box<Tuning>>,
    /// What the last search found.
    pub search: Option<Box<SearchReport>>,
    /// The last comparison.
    pub comparison: Option<Box<Comparison>>,
    /// What undo and redo would do.
    pub history: History,
    /// Counts up with every change of `state`.
    pub revision: u64,
    /// The trees of score columns seen last, and the revision of the labels they are of.
    score_trees: RefCell<Vec<(u64, Vec<LabelId>, Arc<ScoreTree>)>>,
    pending: VecDeque<(Edit, Receiver<Result<EditId, StoreError>>)>,
    pub(super) suggester: Option<Suggester>,
}

impl Project {
    /// Around a store that was just opened.
    pub fn new(store: Store, state: ProjectState, history: History, suggester: Option<Suggester>) -> Self {
        let mut project = Project {
            opening: OPENINGS.fetch_add(1, Ordering::Relaxed),
            store,
            state,
            annotating: Annotating::default(),
            suggestions: None,
            suggestions_missing: None,
            embedded: (0, 0),
            previewing: Previewing::default(),
            training: None,
            evaluations: HashMap::new(),
            explaining: Explaining::default(),
            tuning: None,
            search: None,
            comparison: None,
            history,
            revision: 0,
            score_trees: RefCell::default(),
            pending: VecDeque::new(),
            suggester,
        };
        project.texts_changed();
        project
    }

    /// The file's name without its folder.
    pub fn name(&self) -> String {
        self.store
            .path()
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default()
    }

    /// Applies an edit in memory at once and sends it to disk. An edit without changes does nothing.
    pub fn apply(&mut self, edit: Edit) {
        if edit.changes.is_empty() {
            return;
        }
        self.state.apply(&edit);
        self.edited(&edit);
        self.history = History {
            undo: Some(edit.title.clone()),
            redo: None,
        };
        self.pending.push_back((edit.clone(), self.store.submit(edit)));
    }

    /// Whether everything that was applied is on disk.
    pub fn is_saved(&self) -> bool {
        self.pending.is_empty()
    }

    /// Labels texts, whatever they had before. Texts that have these labels already stay as they are.
    ///
    /// # Errors
    /// Labels that do not exist, or two of them in a single-label project; nothing is changed then.
    pub fn annotate(&mut self, texts: &[TextId], labels: &[LabelId], who: &str, how: How) -> Result<(), EditError> {
        match text_edits::annotate(&self.state, texts, Some(labels), who, super::now_millis(), how) {
            Ok(edit) => self.apply(edit),
            Err(EditError::NothingToDo) => {}
            Err(reason) => return Err(reason),
        }
        Ok(())
    }

    /// The answer for the text on screen: saves it and shows the next one.
    ///
    /// # Errors
    /// As [`Project::annotate`].
    pub fn submit(&mut self, labels: &[LabelId], who: &str) -> Result<(), EditError> {
        let Some(text) = self.annotating.current else {
            return Ok(());
        };
        self.annotate(&[text], labels, who, self.annotating.how())?;
        self.annotating.advance(&self.state);
        Ok(())
    }

    /// A label's key on the annotate screen.
    ///
    /// # Errors
    /// As [`Project::annotate`].
    pub fn press_label(&mut self, label: LabelId, who: &str) -> Result<(), EditError> {
        let answer = self.annotating.press(self.state.task, &self.state.labels, label);
        self.answer(answer, who)
    }

    /// The path that was descended so far is meant as it stands.
    ///
    /// # Errors
    /// As [`Project::annotate`].
    pub fn choose_label(&mut self, label: LabelId, who: &str) -> Result<(), EditError> {
        let answer = self.annotating.choose(self.state.task, &self.state.labels, label);
        self.answer(answer, who)
    }

    /// Takes over one of the suggested paths.
    ///
    /// # Errors
    /// As [`Project::annotate`].
    pub fn accept_path(&mut self, label: LabelId, who: &str) -> Result<(), EditError> {
        let answer = self.annotating.accept_one(self.state.task, &self.state.labels, label);
        self.answer(answer, who)
    }

    /// Takes over the suggestion for the text on screen.
    ///
    /// # Errors
    /// As [`Project::annotate`].
    pub fn accept_suggestion(&mut self, who: &str) -> Result<(), EditError> {
        let answers = self.annotating.current.map(|id| self.suggested(id)).unwrap_or_default();
        let answer = self.annotating.accept(self.state.task, &self.state.labels, answers);
        self.answer(answer, who)
    }

    fn answer(&mut self, answer: Option<Vec<LabelId>>, who: &str) -> Result<(), EditError> {
        match answer {
            Some(labels) => self.submit(&labels, who),
            None => Ok(()),
        }
    }

    /// What scores suggest for a text, the likeliest first: labels, in a tree whole paths ([`ScoreTree::answers`]).
    pub fn answers(&self, suggestions: &queue::Suggestions, id: TextId) -> Vec<(LabelId, f32)> {
        if !self.state.labels.is_hierarchical() {
            return suggestions.ranked(id);
        }
        let scores = suggestions.scores.get(&id);
        scores
            .map(|scores| self.score_tree(&suggestions.labels).answers(scores))
            .unwrap_or_default()
    }

    /// What A and the keys of paths accept for a text: by the quick model, or by zero-shot scores in use while there is none.
    pub fn suggested(&self, id: TextId) -> Vec<(LabelId, f32)> {
        let suggestions = primary(&self.suggestions, &self.previewing);
        suggestions
            .map(|suggestions| self.answers(suggestions, id))
            .unwrap_or_default()
    }

    /// The tree that score columns form; made once as long as labels stay.
    fn score_tree(&self, columns: &[LabelId]) -> Arc<ScoreTree> {
        /// The quick model's and those of zero-shot, with one to spare.
        const KEPT: usize = 3;
        let mut trees = self.score_trees.borrow_mut();
        trees.retain(|(revision, ..)| *revision == self.revision);
        if let Some((_, _, tree)) = trees.iter().find(|(_, known, _)| known == columns) {
            return tree.clone();
        }
        let tree = Arc::new(ScoreTree::new(self.state.task, &self.state.labels, columns));
        trees.truncate(KEPT - 1);
        trees.push((self.revision, columns.to_vec(), tree.clone()));
        tree
    }

    /// After scores were gathered: the run's headline metrics follow those on the texts it is judged by.
    pub(super) fn evaluated(&mut self, evaluation: Arc<Evaluation>) {
        let run = self.state.runs.iter_mut().find(|run| run.id == evaluation.run);
        if let Some(run) = run.filter(|run| run.scored_on == Some(evaluation.kind)) {
            run.metrics = headline(&evaluation.report);
        }
        self.evaluations.insert((evaluation.run, evaluation.kind), evaluation);
    }

    /// Orders the queue anew.
    pub fn refresh_queue(&mut self) {
        self.annotating
            .refresh(&self.state, ordering(&self.suggestions, &self.previewing));
    }

    /// Changes the order of the queue and starts at its first text.
    pub fn set_order(&mut self, order: QueueOrder) {
        let suggestions = ordering(&self.suggestions, &self.previewing);
        self.annotating.set_order(order, &self.state, suggestions);
    }

    /// Restricts the queue to a branch of the tree, or to none, and starts at its first text.
    pub fn set_within(&mut self, within: Option<LabelId>) {
        let suggestions = ordering(&self.suggestions, &self.previewing);
        self.annotating.set_within(within, &self.state, suggestions);
    }

    /// Where the scores that order the queue are least sure about a text on the way down the tree.
    pub fn doubt(&self, id: TextId) -> Option<Doubt> {
        let suggestions = ordering(&self.suggestions, &self.previewing)?;
        self.score_tree(&suggestions.labels).doubt(suggestions.scores.get(&id)?)
    }

    /// Offers the newest zero-shot scores beside the texts to be labelled, and orders the queue by them, the least sure first.
    pub fn use_zero_shot(&mut self) {
        self.previewing.use_as_suggestions();
        self.set_order(QueueOrder::MostUncertain);
    }

    /// Offers them no longer.
    pub fn leave_zero_shot(&mut self) {
        self.previewing.leave();
        self.refresh_queue();
    }

    /// Orders the queue by zero-shot scores, or by the quick model.
    pub fn order_by_zero_shot(&mut self, on: bool) {
        self.previewing.orders_queue = on;
        self.set_order(self.annotating.order);
    }

    /// Scores to choose thresholds on: validation where there are any, else out-of-fold; never test.
    pub fn tuning_kind(run: &Run) -> ScoreKind {
        if run.n_validation > 0 {
            ScoreKind::Validation
        } else {
            ScoreKind::OutOfFold
        }
    }

    /// Reports what the writer has answered, waiting at most `patience` in all. Whether anything was settled.
    pub(super) fn settle_pending(&mut self, patience: Duration, notices: &mut Vec<Notice>) -> bool {
        let mut settled = false;
        while let Some((_, answer)) = self.pending.front() {
            let answer = if patience.is_zero() {
                match answer.try_recv() {
                    Ok(answer) => answer.map_err(|error| error.to_string()),
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => Err("the writer has stopped".to_owned()),
                }
            } else {
                match answer.recv_timeout(patience.min(PATIENCE)) {
                    Ok(answer) => answer.map_err(|error| error.to_string()),
                    Err(RecvTimeoutError::Timeout) => Err("the disk does not answer".to_owned()),
                    Err(RecvTimeoutError::Disconnected) => Err("the writer has stopped".to_owned()),
                }
            };
            settled = true;
            if let (Some((edit, _)), Err(reason)) = (self.pending.pop_front(), answer) {
                let inverse = edit.inverse();
                self.state.apply(&inverse);
                self.edited(&inverse);
                self.history = self.store.history().unwrap_or_default();
                notices.push(Notice::new(
                    NoticeKind::Error,
                    format!("{} was not saved and is taken back: {reason}", edit.title),
                ));
            }
        }
        settled
    }

    /// Takes over what the quick model has said. Whether there was anything.
    pub(super) fn poll_suggester(&mut self, notices: &mut Vec<Notice>) -> bool {
        let mut changed = false;
        while let Some(event) = self
            .suggester
            .as_ref()
            .and_then(|suggester| suggester.next(Duration::ZERO))
        {
            changed = true;
            match event {
                SuggesterEvent::Embedded { done, total } => self.embedded = (done, total),
                SuggesterEvent::Suggested(suggestions) => {
                    self.suggestions = Some(suggestions);
                    self.suggestions_missing = None;
                    self.refresh_queue();
                }
                SuggesterEvent::NothingToFit(reason) => {
                    self.suggestions = None;
                    self.suggestions_missing = Some(reason);
                }
                SuggesterEvent::ZeroShot(scores) => {
                    if self.previewing.scored(scores) {
                        self.refresh_queue();
                    }
                }
                SuggesterEvent::ZeroShotRefused(reason) => self.previewing.failure = Some(reason),
                SuggesterEvent::Failed(reason) => {
                    if self.suggestions_missing.as_ref() != Some(&reason) {
                        notices.push(Notice::new(NoticeKind::Warning, format!("No suggestions: {reason}")));
                    }
                    self.suggestions_missing = Some(reason);
                }
            }
        }
        changed
    }

    /// Takes over an event of a running job.
    pub(super) fn receive(&mut self, event: JobEvent) {
        match event {
            JobEvent::RunStarted(run) => {
                if run.status == crate::core::RunStatus::Training {
                    self.training = Some(TrainingProgress::new(&run));
                }
                self.state.put_run(*run);
                self.revision += 1;
            }
            JobEvent::Train(event) => {
                if let Some(training) = &mut self.training {
                    training.receive(event);
                }
            }
            JobEvent::Paused | JobEvent::Resumed | JobEvent::Progress(_) | JobEvent::Done(_) => {}
        }
    }

    /// After the last run of a search or a comparison.
    pub(super) fn series_ended(&mut self) {
        self.training = None;
        self.revision += 1;
    }

    /// After an import: the state as it was read back, with the edits still on their way to disk.
    pub(super) fn imported(&mut self, state: ProjectState) {
        self.state = state;
        for (edit, _) in &self.pending {
            self.state.apply(edit);
        }
        self.history = self.store.history().unwrap_or_default();
        self.texts_changed();
    }

    /// Hands everything to another thread of the quick model.
    pub(super) fn restart_suggester(&mut self, suggester: Option<Suggester>) {
        self.suggester = suggester;
        self.texts_changed();
    }

    /// After texts or labels came from elsewhere than an edit.
    pub(super) fn texts_changed(&mut self) {
        self.revision += 1;
        self.embedded = (0, self.state.n_texts());
        if let Some(suggester) = &self.suggester {
            suggester.set_texts(self.state.texts().map(|text| (text.id, text.words())).collect());
        }
        self.refresh_queue();
        self.refit();
    }

    /// After `edit` was applied to the state.
    pub(super) fn edited(&mut self, edit: &Edit) {
        self.revision += 1;
        let any = |wanted: fn(&Change) -> bool| edit.changes.iter().any(wanted);
        if any(|change| matches!(change, Change::Deleted { .. } | Change::Import { .. })) {
            self.texts_changed();
        } else if any(|change| {
            matches!(
                change,
                Change::Annotation { .. } | Change::Label { .. } | Change::Split { .. }
            )
        }) {
            self.refit();
        }
    }

    fn refit(&self) {
        let Some(suggester) = &self.suggester else { return };
        let snapshot = Snapshot::take(&self.state);
        let names = match snapshot.train.seconds.is_empty() {
            true => snapshot.label_names(),
            false => Vec::new(),
        };
        let texts = snapshot.train.ids.into_iter().zip(snapshot.train.labels).collect();
        suggester.refit(Labelled {
            task: self.state.task,
            names,
            labels: snapshot.labels,
            texts,
            held_out: self
                .state
                .texts()
                .filter(|text| !matches!(text.split, None | Some(Split::Train)))
                .map(|text| text.id)
                .collect(),
        });
    }

    /// The best label for a text with its probability, of the quick model, or of zero-shot scores in use while there is none.
    pub fn best_suggestion(&self, id: TextId) -> Option<(LabelId, f32)> {
        let suggestions = primary(&self.suggestions, &self.previewing)?;
        if self.state.labels.is_hierarchical() {
            let scores = suggestions.scores.get(&id)?;
            return self.score_tree(&suggestions.labels).best(scores);
        }
        let (at, score) = highest(suggestions.scores.get(&id)?)?;
        Some((*suggestions.labels.get(at)?, score))
    }

    /// Whether a text takes several labels.
    pub fn is_multi(&self) -> bool {
        self.state.task == TaskKind::MultiLabel
    }
}

/// What is suggested: by the quick model, or by zero-shot scores in use while there is none.
fn primary<'a>(quick: &'a Option<Arc<Suggestions>>, previewing: &'a Previewing) -> Option<&'a queue::Suggestions> {
    quick.as_ref().map(|quick| &quick.rows).or(previewing.suggestions())
}

/// What orders the queue.
fn ordering<'a>(quick: &'a Option<Arc<Suggestions>>, previewing: &'a Previewing) -> Option<&'a queue::Suggestions> {
    let zero_shot = previewing.suggestions().filter(|_| previewing.orders_queue);
    zero_shot.or_else(|| primary(quick, previewing))
}

impl TrainingProgress {
    /// Of a run that begins, or goes on from what it has.
    fn new(run: &Run) -> Self {
        TrainingProgress {
            run: run.id,
            phase: "loading the encoder".to_owned(),
            fold: None,
            n_before: 0,
            step: 0,
            n_steps: 0,
            loss: None,
            texts_per_sec: 0.0,
            secs_left: None,
            history: run.history.clone(),
            learning_rates: Vec::new(),
            grad_norms: Vec::new(),
            watched: run.watched.clone(),
            paused: false,
            started: Instant::now(),
        }
    }

    /// Whether held-out texts are being scored: a stop leaves that out.
    pub fn is_scoring(&self) -> bool {
        self.phase.starts_with("scoring")
    }

    fn receive(&mut self, event: TrainEvent) {
        match event {
            TrainEvent::Started { n_steps } => self.n_steps = n_steps,
            TrainEvent::Step {
                step,
                n_steps,
                loss,
                learning_rate,
                grad_norm,
                texts_per_sec,
                secs_left,
            } => {
                self.step = step;
                self.n_steps = n_steps;
                self.loss = Some(loss);
                self.texts_per_sec = texts_per_sec;
                self.secs_left = Some(secs_left);
                let point = step - self.n_before;
                self.history.push(LossPoint { step: point, loss });
                self.learning_rates.push([point as f64, learning_rate]);
                self.grad_norms.push([point as f64, grad_norm]);
            }
            TrainEvent::Watched(point) => {
                self.watched.push(point);
                self.phase = Phase::Tuning.to_string();
            }
            TrainEvent::Fold(fold) => {
                self.n_before = self.step;
                self.fold = fold;
                self.history.clear();
                self.learning_rates.clear();
                self.grad_norms.clear();
                self.watched.clear();
            }
            TrainEvent::Phase(phase) => {
                self.phase = match self.fold {
                    Some(fold) => format!("{fold} · {phase}"),
                    None => phase.to_string(),
                }
            }
        }
    }
}
