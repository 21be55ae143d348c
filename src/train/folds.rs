//! Scores of training texts by models that did not see them: a method's whole training, repeated without one fold after the other.
//!
//! Not here: holding out the head alone (`model::head::out_of_fold`), where a tuned encoder has seen every text.

use std::fmt;
use std::ops::ControlFlow;
use std::time::Instant;

use super::checkpoint::{Array, Numbers};
use super::{Checkpoint, Checkpoints, Events, Options, Phase, TrainError, TrainEvent, Trained, TrainingSet};
use crate::model::head::deal;
use crate::model::{Encoder, HeadError, ModelError};

/// The values of the option `fold_by`, in this order.
pub(super) const FOLD_BY: [&str; 2] = ["head", "whole"];

/// One of the trainings that leave a fold out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fold {
    /// From 1.
    pub number: usize,
    /// How many there are.
    pub n_folds: usize,
}

impl fmt::Display for Fold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "fold {} of {}", self.number, self.n_folds)
    }
}

/// What the trainings without a fold gave.
pub enum Folded {
    /// `(n_texts, n_labels)` probabilities, each row by a model whose training did not see the text.
    Scored(Vec<Vec<f32>>),
    /// Some fold left too little to learn from; says what.
    TooFew(String),
    /// The callback asked to stop.
    Stopped(Option<Box<Partial>>),
}

/// The model that had come furthest when the folds were stopped.
pub struct Partial {
    /// It has not learnt from the texts of one fold.
    pub trained: Trained,
    /// Which.
    pub left_out: Fold,
    /// The texts it has learnt from.
    pub n_texts: usize,
}

/// How many folds the whole training is to be repeated for; below 2 for none.
pub(super) fn n_whole(options: &Options) -> usize {
    let by_head = options.word("fold_by") == FOLD_BY[0];
    if by_head { 0 } else { options.whole("folds") }
}

/// Trains without each fold, then on all the texts.
///
/// A stop during the folds ends everything: what is kept is the model of the last fold that was finished, else the one at hand. It has
/// not learnt from one fold, which `findings` tell; there are no out-of-fold scores then.
///
/// States are only kept of the training on all the texts, with the scores of the folds in them: what was cut off among the folds begins
/// again, what was cut off later goes on without repeating them.
pub(super) fn train(
    set: &TrainingSet,
    options: &Options,
    seed: u64,
    encoder: Encoder,
    events: Events<'_>,
    checkpoints: &mut Checkpoints<'_>,
) -> Result<Trained, TrainError> {
    let folds = Folds::deal(set, n_whole(options), seed)?;
    let options = without_folds(options);
    let run = options.method().run;
    if let Some(from) = checkpoints.carried() {
        let scored = OutOfFold::take(from, set)?;
        checkpoints.carry(scored.state()?);
        return Ok(scored.given_to(run(set, &options, seed, encoder, events, checkpoints)?));
    }
    let mut course = Course::new(events, folds.sizes(Some(set.texts.len())));
    let mut aside = checkpoints.without_states();
    let scored = match folds.train(set, &options, seed, &encoder, &mut course, &mut aside)? {
        Folded::Scored(scores) => OutOfFold(Ok(scores)),
        Folded::TooFew(reason) => OutOfFold(Err(reason)),
        Folded::Stopped(None) => return Err(TrainError::Stopped),
        Folded::Stopped(Some(partial)) => return Ok(partial.kept()),
    };
    checkpoints.carry(scored.state()?);
    course.begin(None);
    let mut hear = |event| course.hear(event);
    Ok(scored.given_to(run(set, &options, seed, encoder, &mut hear, checkpoints)?))
}

/// Scores of the training texts, or why there are none.
struct OutOfFold(Result<Vec<Vec<f32>>, String>);

impl OutOfFold {
    fn given_to(self, mut trained: Trained) -> Trained {
        match self.0 {
            Ok(scores) => trained.out_of_fold = Some(scores),
            Err(reason) => {
                trained.out_of_fold = None;
                trained.findings.insert("no_out_of_fold_scores".into(), reason.into());
            }
        }
        trained
    }

    /// What states of the training that follows hold of them.
    fn state(&self) -> Result<Checkpoint, TrainError> {
        let mut state = Checkpoint::default();
        state.put("no_out_of_fold", &self.0.as_ref().err())?;
        if let Ok(scores) = &self.0 {
            let shape = vec![scores.len(), scores.first().map_or(0, Vec::len)];
            let numbers = Numbers::F32(scores.concat());
            state.arrays.insert("out_of_fold".into(), Array { shape, numbers });
        }
        Ok(state)
    }

    /// The inverse of [`OutOfFold::state`].
    fn take(state: &mut Checkpoint, set: &TrainingSet) -> Result<Self, TrainError> {
        let reason: Option<String> = state.take("no_out_of_fold")?;
        Ok(OutOfFold(match reason {
            Some(reason) => Err(reason),
            None => {
                let scores = state.take_f32("out_of_fold", &[set.texts.len(), set.n_labels])?;
                Ok(scores.chunks(set.n_labels).map(<[f32]>::to_vec).collect())
            }
        }))
    }
}

/// Trains without each of `k` stratified folds, from a fresh copy of `encoder` each time, and scores the texts of the fold.
///
/// The same seed for every training, and the same folds for the same set, `k` and seed. The cost is that of `k` trainings on a share of
/// `1 − 1/k` of the texts.
///
/// # Errors
/// Fewer than two folds or texts, and those of [`super::train`], but for too few examples once a fold is left out.
pub fn cross_validate(
    set: &TrainingSet,
    options: &Options,
    k: usize,
    seed: u64,
    encoder: &Encoder,
    events: Events<'_>,
) -> Result<Folded, TrainError> {
    set.check()?;
    let folds = Folds::deal(set, k, seed)?;
    let mut course = Course::new(events, folds.sizes(None));
    let mut aside = Checkpoints::none();
    folds.train(set, &without_folds(options), seed, encoder, &mut course, &mut aside)
}

fn without_folds(options: &Options) -> Options {
    let mut options = options.clone();
    // Methods without the option have no folds of their own.
    let _ = options.set("folds", 0.0);
    options
}

impl Partial {
    fn kept(self) -> Trained {
        let mut trained = self.trained;
        trained.stopped = true;
        trained
            .findings
            .insert("left_out".into(), self.left_out.to_string().into());
        trained.findings.insert("n_texts_learnt".into(), self.n_texts.into());
        trained
    }
}

/// Where each text is held out.
struct Folds {
    of_text: Vec<usize>,
    n_folds: usize,
}

impl Folds {
    fn deal(set: &TrainingSet, k: usize, seed: u64) -> Result<Folds, TrainError> {
        let n_folds = k.min(set.texts.len());
        if n_folds < 2 {
            let n_texts = set.texts.len();
            return Err(TrainError::BadSet(format!(
                "out-of-fold scores need at least 2 folds and 2 texts, not {k} folds of {n_texts} texts"
            )));
        }
        let counts = set.targets.counts(set.n_labels)?;
        Ok(Folds {
            of_text: deal(&set.targets, &counts, n_folds, seed),
            n_folds,
        })
    }

    /// The texts kept, and those held out.
    fn split(&self, fold: usize) -> (Vec<usize>, Vec<usize>) {
        (0..self.of_text.len()).partition(|text| self.of_text[*text] != fold)
    }

    /// Texts of each training; `last` is one that follows.
    fn sizes(&self, last: Option<usize>) -> Vec<usize> {
        let sizes = (0..self.n_folds).map(|fold| self.split(fold).0.len());
        sizes.chain(last).collect()
    }

    fn train(
        &self,
        set: &TrainingSet,
        options: &Options,
        seed: u64,
        encoder: &Encoder,
        course: &mut Course<'_>,
        aside: &mut Checkpoints<'_>,
    ) -> Result<Folded, TrainError> {
        for fold in 0..self.n_folds {
            if let Err(error) = set.select(&self.split(fold).0).check() {
                return too_few(error);
            }
        }
        let mut scores = vec![Vec::new(); set.texts.len()];
        let mut finished: Option<Partial> = None;
        for fold in 0..self.n_folds {
            let (kept, held_out) = self.split(fold);
            let left_out = Fold {
                number: fold + 1,
                n_folds: self.n_folds,
            };
            course.begin(Some(left_out));
            let set_of_fold = set.select(&kept);
            let copy = encoder.duplicate()?;
            let mut hear = |event| course.hear(event);
            let trained = (options.method().run)(&set_of_fold, options, seed, copy, &mut hear, aside);
            course.stop |= aside.asks_to_stop();
            let trained = match trained {
                Ok(trained) => trained,
                Err(TrainError::Stopped) => return Ok(Folded::Stopped(finished.map(Box::new))),
                Err(error) => return too_few(error),
            };
            let partial = Partial {
                left_out,
                n_texts: kept.len(),
                trained,
            };
            // A method may end early by itself; that is no stop.
            if course.stop && partial.trained.stopped {
                return Ok(Folded::Stopped(Some(Box::new(finished.unwrap_or(partial)))));
            }
            let rows = course.score(&partial.trained, &set.select(&held_out))?;
            finished = Some(partial);
            let Some(rows) = rows.filter(|_| !course.stop) else {
                return Ok(Folded::Stopped(finished.map(Box::new)));
            };
            for (text, row) in held_out.into_iter().zip(rows) {
                scores[text] = row;
            }
        }
        Ok(Folded::Scored(scores))
    }
}

/// Errors that only say that a fold left too little are none of the training on all the texts.
fn too_few(error: TrainError) -> Result<Folded, TrainError> {
    match error {
        TrainError::Head(HeadError::OneLabel | HeadError::EveryLabelConstant | HeadError::NoTexts)
        | TrainError::NoPositivePairs
        | TrainError::NoNegativePairs => Ok(Folded::TooFew(format!("without one of the folds, {error}"))),
        error => Err(error),
    }
}

/// Several trainings told as one: steps are counted over all of them.
struct Course<'a> {
    events: Events<'a>,
    /// Texts of each training.
    sizes: Vec<usize>,
    /// The training at hand, from 0.
    at: usize,
    /// What it leaves out.
    fold: Option<Fold>,
    /// Whether `Started` was told.
    started: bool,
    /// Steps of the trainings before.
    n_before: usize,
    /// Steps of this one, all of them.
    n_now: usize,
    /// Whether the callback has asked to stop.
    stop: bool,
    clock: Instant,
}

impl<'a> Course<'a> {
    fn new(events: Events<'a>, sizes: Vec<usize>) -> Self {
        Course {
            events,
            sizes,
            at: 0,
            fold: None,
            started: false,
            n_before: 0,
            n_now: 0,
            stop: false,
            clock: Instant::now(),
        }
    }

    /// The next training is that without `fold`, or the one on all the texts.
    fn begin(&mut self, fold: Option<Fold>) {
        self.at = fold.map_or(self.sizes.len(), |fold| fold.number) - 1;
        self.n_before += self.n_now;
        (self.fold, self.n_now) = (fold, 0);
    }

    /// Passes on what a training tells.
    fn hear(&mut self, event: TrainEvent) -> ControlFlow<()> {
        match event {
            TrainEvent::Started { n_steps } => {
                self.n_now = n_steps;
                if !self.started {
                    self.started = true;
                    let n_steps = self.n_steps();
                    self.tell(TrainEvent::Started { n_steps });
                }
                self.tell(TrainEvent::Fold(self.fold));
            }
            TrainEvent::Step {
                step,
                loss,
                learning_rate,
                grad_norm,
                texts_per_sec,
                ..
            } => {
                let (step, n_steps) = (self.n_before + step, self.n_steps());
                let secs_a_step = self.clock.elapsed().as_secs_f64() / step.max(1) as f64;
                self.tell(TrainEvent::Step {
                    step,
                    n_steps,
                    loss,
                    learning_rate,
                    grad_norm,
                    texts_per_sec,
                    secs_left: secs_a_step * n_steps.saturating_sub(step) as f64,
                });
            }
            event => self.tell(event),
        }
        if self.stop {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    fn tell(&mut self, event: TrainEvent) {
        self.stop |= (self.events)(event).is_break();
    }

    /// Steps of all trainings; those to come are taken to have as many a text as the one at hand.
    fn n_steps(&self) -> usize {
        let texts_now = self.sizes.get(self.at).copied().unwrap_or(1).max(1);
        let to_come = self.sizes.iter().skip(self.at + 1);
        self.n_before + self.n_now + to_come.map(|n| (self.n_now * n).div_ceil(texts_now)).sum::<usize>()
    }

    /// One row per text; `None` when the callback asked to stop.
    fn score(&mut self, trained: &Trained, held_out: &TrainingSet) -> Result<Option<Vec<Vec<f32>>>, TrainError> {
        let n_texts = held_out.texts.len();
        let embedded = trained.encoder.embed(&held_out.texts(), &mut |n_done| {
            self.hear(TrainEvent::Phase(Phase::Embedding { n_done, n_texts }))
        });
        match embedded {
            Err(ModelError::Stopped) => Ok(None),
            embedded => Ok(Some(trained.head.predict_proba(&embedded?)?)),
        }
    }
}

#[cfg(test)]
#[path = "folds_tests.rs"]
mod tests;
