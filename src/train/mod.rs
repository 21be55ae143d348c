//! Training methods: from labelled texts and an encoder to a fitted classifier, told as a stream of events.
//!
//! Not here: files, SQL, threads of its own, widgets. A method gets everything it needs as arguments, calls back with what
//! happens, and returns the result; whoever calls it decides where it runs and what is kept.

pub mod adamw;
pub mod checkpoint;
pub mod class_losses;
pub mod clip;
pub mod device_check;
pub mod distill;
pub mod finetune;
pub mod folds;
pub mod grid;
pub mod halving;
mod inputs;
mod lora;
pub mod losses;
pub mod methods;
pub mod options;
mod pile;
pub mod probe;
mod remarks;
pub mod schedule;
pub mod setfit;
pub mod speed;
pub mod templated;
mod touched_rows;
mod trees;
pub mod tuner;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

use crate::core::run::WatchedPoint;
use crate::core::{ColumnTree, TaskKind};
use crate::model::head::OnTree;
use crate::model::{Encoder, Head, HeadError, Input, ModelError, Targets};

pub use checkpoint::{Checkpoint, Checkpoints, Keeper};
pub use folds::Fold;
pub use grid::Grid;
pub use methods::{
    METHODS, Method, PRESETS, Preset, Variant, imbalance_variants, method, options_help, parse_variant, preset,
    presets_help, tree_variants,
};
pub use options::{OptionSpec, Options, Range};

/// What a method learns from.
#[derive(Debug, Clone)]
pub struct TrainingSet {
    /// The texts, in any order; where they are pairs, the first of each.
    pub texts: Vec<Arc<str>>,
    /// The second of each pair; empty where texts stand alone. Every method reads both together, as one input of the encoder.
    pub seconds: Vec<Arc<str>>,
    /// Their labels, one entry per text.
    pub targets: Targets,
    /// Labels of the project, including those without examples.
    pub n_labels: usize,
    /// Whether a text has exactly one label or any number.
    pub task: TaskKind,
    /// The tree that the columns form; `None` where labels stand side by side. A text's labels are the ends of its paths.
    pub tree: Option<ColumnTree>,
    /// The labels' names, one per column, as a person reads them; empty where they are not known.
    pub label_names: Vec<String>,
    /// Texts of the project that nobody has labelled: methods may learn from them, and never call what they make of them labels.
    pub pile: Vec<Arc<str>>,
    /// Labelled texts to watch the training on: never fitted on, and where the method says so they choose when to stop.
    pub validation: Option<Held>,
    /// What a finished run says of `texts` and `pile`, for methods that learn from one.
    pub teacher: Option<Arc<distill::Teacher>>,
}

/// Labelled texts that are held out.
#[derive(Debug, Clone)]
pub struct Held {
    /// The texts, in any order; where they are pairs, the first of each.
    pub texts: Vec<Arc<str>>,
    /// The second of each pair; empty where texts stand alone.
    pub seconds: Vec<Arc<str>>,
    /// Their labels, one entry per text.
    pub targets: Targets,
}

/// What a method found out that a person may want to know, by name: the strength it chose, how many unlabelled texts it used.
pub type Findings = BTreeMap<String, serde_json::Value>;

/// What a method made.
pub struct Trained {
    /// The encoder, tuned where the method tunes it.
    pub encoder: Encoder,
    /// The head on its embeddings.
    pub head: Head,
    /// `(n_texts, n_labels)` probabilities by models that did not see the text; `None` where there are too few examples, or none were
    /// asked for.
    ///
    /// With `fold_by=head` only the head is held out: a tuned encoder has seen every training text, so these flatter a little.
    pub out_of_fold: Option<Vec<Vec<f32>>>,
    /// Whether the callback ended the tuning early.
    pub stopped: bool,
    /// Optimiser steps taken on the encoder.
    pub n_steps: usize,
    /// What was chosen on the way.
    pub findings: Findings,
}

/// A stage of training; shown as it reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Cutting the texts into tokens.
    Tokenizing,
    /// Moving the encoder's weights.
    Tuning,
    /// Scoring the held-out texts amid the steps; told before the first and again as it proceeds. A `Break` ends this look at them without
    /// a figure, and the tuning with it.
    Watching {
        /// How many are done.
        n_done: usize,
        /// How many there are.
        n_texts: usize,
    },
    /// Computing the embeddings of the training texts; told again as it proceeds.
    Embedding {
        /// How many are done.
        n_done: usize,
        /// How many there are.
        n_texts: usize,
    },
    /// Fitting the head, and the heads that score its training texts.
    Head,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Phase::Tokenizing => write!(f, "reading the texts"),
            Phase::Tuning => write!(f, "tuning the encoder"),
            Phase::Watching { n_done, n_texts } => write!(f, "scoring validation texts, {n_done} of {n_texts}"),
            Phase::Embedding { n_done, n_texts } => write!(f, "embedding {n_done} of {n_texts} texts"),
            Phase::Head => write!(f, "fitting the head"),
        }
    }
}

/// What happens while training, in order.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum TrainEvent {
    /// Sent once, before the first step; a method that asks the encoder something first tells the phases of that before.
    Started {
        /// Optimiser steps to come; 0 for methods that do not tune the encoder.
        n_steps: usize,
    },
    /// A training without this fold begins, or with `None` that on all the texts. Only where whole trainings are repeated, before the first
    /// phase of each; the steps of all are counted in one.
    Fold(Option<Fold>),
    /// A stage begins.
    Phase(Phase),
    /// One optimiser step was taken.
    Step {
        /// From 1.
        step: usize,
        /// Steps in all.
        n_steps: usize,
        /// Loss of this step's batch.
        loss: f64,
        /// Learning rate of this step.
        learning_rate: f64,
        /// Norm of all gradients before clipping.
        grad_norm: f64,
        /// Texts compared per second since tuning began, each pair counting two.
        texts_per_sec: f64,
        /// Estimated seconds until tuning ends.
        secs_left: f64,
    },
    /// The weights at this step were measured on held-out texts.
    Watched(WatchedPoint),
}

/// The receiver of events; `Break` asks the method to stop and make the best of what it has.
pub type Events<'a> = &'a mut dyn FnMut(TrainEvent) -> ControlFlow<()>;

/// Why training gave no classifier.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// An option the method does not have.
    #[error("{method} has no option {option:?}; it has {known}")]
    UnknownOption {
        /// The method's id.
        method: &'static str,
        /// What was asked for.
        option: String,
        /// The options it has, joined.
        known: String,
    },
    /// A value that is no number, or outside the option's range.
    #[error("{option} must be {range}, not {value:?}")]
    BadOption {
        /// The option's id.
        option: String,
        /// What was given.
        value: String,
        /// What is possible.
        range: String,
    },
    /// A search or a comparison that makes no sense.
    #[error("{0}")]
    BadSearch(String),
    /// A method id that is not in [`METHODS`].
    #[error("there is no training method {0:?}; there are {1}")]
    UnknownMethod(String, String),
    /// Texts and targets do not match each other or the task.
    #[error("{0}")]
    BadSet(String),
    /// No label has two examples, so no pair of texts belongs together.
    #[error(
        "no two texts share a label, so there is nothing to draw together; label at least two texts of one label, train with templates=on where the labels' names say what the texts are about, or train the quick probe"
    )]
    NoPositivePairs,
    /// No two texts have different labels.
    #[error("every text shares a label with every other, so there is nothing to tell apart; label texts that differ")]
    NoNegativePairs,
    /// The loss or the gradient stopped being a number.
    #[error(
        "training diverged at step {step}: the {what} is not a finite number; nothing was changed. Try a lower learning_rate (now {learning_rate}) or another encoder"
    )]
    Diverged {
        /// The step, from 1.
        step: usize,
        /// What went wrong.
        what: &'static str,
        /// The rate asked for.
        learning_rate: f64,
    },
    /// A saved state that this training could not have come to.
    #[error("the saved state of the training does not fit it ({0}), so it cannot go on from there; train again")]
    UnfitCheckpoint(String),
    /// Stopped before there was anything to keep.
    #[error("stopped before there was a model; nothing was changed")]
    Stopped,
    /// The head could not be fitted.
    #[error(transparent)]
    Head(#[from] HeadError),
    /// The encoder could not be used.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// An operation on tensors failed.
    #[error("a tensor operation failed: {0}")]
    Tensor(#[from] candle_core::Error),
}

/// Trains `method` on `set`, starting from `encoder`.
///
/// The same set, options and seed give the same weights, whatever the number of threads. `events` is called on this thread;
/// when it returns `Break`, tuning ends after the step at hand, the head is still fitted, and `Trained::stopped` is set. While whole
/// trainings are repeated for out-of-fold scores, a stop ends everything and keeps the model that has come furthest (see [`folds`]).
///
/// # Errors
/// Sets that cannot be learnt from, options of another method, a diverging loss, and whatever the encoder reports.
pub fn train(
    method: &Method,
    set: &TrainingSet,
    options: &Options,
    seed: u64,
    encoder: Encoder,
    events: Events<'_>,
) -> Result<Trained, TrainError> {
    train_resumably(method, set, options, seed, encoder, events, &mut Checkpoints::none())
}

/// [`train`], going on from a saved state where `checkpoints` has one, and handing over states on the way. A resumed training gives
/// the same weights, to the bit, as one that was never interrupted: on the same device, from the same set, options, seed and encoder.
///
/// # Errors
/// Those of [`train`]; a state that does not fit. Methods that do not tune have no states.
pub fn train_resumably(
    method: &Method,
    set: &TrainingSet,
    options: &Options,
    seed: u64,
    encoder: Encoder,
    events: Events<'_>,
    checkpoints: &mut Checkpoints<'_>,
) -> Result<Trained, TrainError> {
    set.check()?;
    options.check_for(method)?;
    // Said now rather than after the encoder has been tuned.
    probe::strategy(options).link(&set.targets)?;
    let mut trained = match folds::n_whole(options) < 2 {
        true => (method.run)(set, options, seed, encoder, events, checkpoints)?,
        false => folds::train(set, options, seed, encoder, events, checkpoints)?,
    };
    let on_options = methods::form::counts_twice(options.method(), &|id| options.written(id));
    for remark in on_options.into_iter().chain(remarks::on_examples(set)?) {
        remarks::add(&mut trained.findings, remark);
    }
    Ok(trained)
}

impl TrainingSet {
    /// Labelled texts alone: no names, no pile, nothing held out.
    pub fn new(texts: Vec<Arc<str>>, targets: Targets, n_labels: usize, task: TaskKind) -> Self {
        TrainingSet {
            texts,
            seconds: Vec::new(),
            targets,
            n_labels,
            task,
            tree: None,
            label_names: Vec::new(),
            pile: Vec::new(),
            validation: None,
            teacher: None,
        }
    }

    /// The given labelled texts, in that order, with everything else as it is; indices beyond the end are left out.
    pub(super) fn select(&self, texts: &[usize]) -> Self {
        TrainingSet {
            texts: texts.iter().filter_map(|i| self.texts.get(*i).cloned()).collect(),
            seconds: texts.iter().filter_map(|i| self.seconds.get(*i).cloned()).collect(),
            targets: self.targets.select(texts),
            teacher: self
                .teacher
                .as_ref()
                .map(|teacher| Arc::new(teacher.select(texts, self.texts.len()))),
            ..self.clone()
        }
    }

    fn check(&self) -> Result<(), TrainError> {
        if self.texts.len() != self.targets.len() {
            let (n_texts, n_targets) = (self.texts.len(), self.targets.len());
            return Err(TrainError::BadSet(format!(
                "{n_texts} texts come with the labels of {n_targets}"
            )));
        }
        let pairs = !self.seconds.is_empty();
        let held = self.validation.as_ref();
        if pairs && self.seconds.len() != self.texts.len() {
            let (n_pairs, n_texts) = (self.seconds.len(), self.texts.len());
            return Err(TrainError::BadSet(format!(
                "{n_pairs} of {n_texts} texts are pairs; a model learns from pairs or from single texts, not from both"
            )));
        }
        if held.is_some_and(|held| held.seconds.len() != if pairs { held.texts.len() } else { 0 }) {
            return Err(TrainError::BadSet(
                "the validation texts are not pairs where the training texts are, or the reverse".into(),
            ));
        }
        if self.texts.is_empty() {
            return Err(HeadError::NoTexts.into());
        }
        if matches!(self.targets, Targets::Single(_)) != (self.task == TaskKind::SingleLabel) {
            return Err(TrainError::BadSet(format!(
                "the labels do not fit a {} task",
                self.task.name()
            )));
        }
        if let Some(tree) = self.tree.as_ref().filter(|tree| tree.len() != self.n_labels) {
            let (n_nodes, n_labels) = (tree.len(), self.n_labels);
            return Err(TrainError::BadSet(format!(
                "a tree of {n_nodes} labels does not fit {n_labels} columns"
            )));
        }
        let counts = self.targets.counts(self.n_labels)?;
        match self.targets {
            Targets::Single(_) if counts.iter().filter(|n| **n > 0).count() < 2 => Err(HeadError::OneLabel.into()),
            Targets::Multi(_) if counts.iter().all(|n| *n == 0 || *n == self.texts.len()) => {
                Err(HeadError::EveryLabelConstant.into())
            }
            _ => Ok(()),
        }
    }

    /// With all labels above those of each text, where labels form a tree and a text may have several: what heads are fitted on.
    pub(super) fn closed(&self) -> Cow<'_, TrainingSet> {
        let Some(tree) = self.tree.as_ref().filter(|_| self.task == TaskKind::MultiLabel) else {
            return Cow::Borrowed(self);
        };
        let mut closed = self.clone();
        closed.targets = closed.targets.closed(tree);
        if let Some(held) = &mut closed.validation {
            held.targets = held.targets.closed(tree);
        }
        Cow::Owned(closed)
    }

    /// The tree with how `options` ask for heads on it.
    pub(super) fn on_tree(&self, options: &Options) -> Option<OnTree<'_>> {
        self.tree.as_ref().map(|tree| trees::on(tree, options))
    }

    /// A label as a person reads it.
    fn name_of(&self, label: usize) -> String {
        let name = self.label_names.get(label).cloned();
        name.unwrap_or_else(|| format!("label {label}"))
    }

    /// What the encoder reads of each text: both parts of a pair.
    fn texts(&self) -> Vec<Input<'_>> {
        inputs(&self.texts, &self.seconds)
    }
}

impl Held {
    /// What the encoder reads of each text: both parts of a pair.
    pub fn texts(&self) -> Vec<Input<'_>> {
        inputs(&self.texts, &self.seconds)
    }
}

/// Texts with the second of each pair; `seconds` is empty where there are none.
pub fn inputs<'a>(texts: &'a [Arc<str>], seconds: &'a [Arc<str>]) -> Vec<Input<'a>> {
    let seconds = seconds
        .iter()
        .map(|second| Some(&**second))
        .chain(std::iter::repeat(None));
    let input = |(text, second): (&'a Arc<str>, _)| Input { text, second };
    texts.iter().zip(seconds).map(input).collect()
}

#[cfg(test)]
mod checkpoint_tests;
#[cfg(test)]
mod distill_tests;
#[cfg(test)]
mod pair_input_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tree_tests;
