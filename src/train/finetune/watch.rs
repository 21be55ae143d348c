//! Held-out texts that are scored on the way: which weights were the best, and when it is time to stop.

use candle_core::{Tensor, Var};

use super::layer::Layer;
use super::objective::Objective;
use crate::core::TaskKind;
use crate::core::metrics::{self, Evaluation, METRICS, MetricsError, ScoreMatrix};
use crate::core::run::WatchedPoint;
use crate::model::{Embeddings, Encoder, ModelError};
use crate::train::{Checkpoint, Events, Held, Options, Phase, TrainError, TrainEvent, TrainingSet};

/// The values of the option `watch_metric`: the loss, or a figure of [`METRICS`] by its id.
pub(crate) const WATCHED: [&str; 6] = [
    "loss",
    "macro_f1",
    "micro_f1",
    "weighted_f1",
    "accuracy",
    "macro_average_precision",
];

/// What is told of where the loss decides.
const BESIDE_THE_LOSS: &str = "macro_f1";

/// Logits are compared with labels for so many texts at a time.
const TEXTS_PER_LOSS: usize = 4096;

/// The held-out texts, and what has been seen of them.
pub(super) struct Watch<'a> {
    set: &'a TrainingSet,
    held: &'a Held,
    /// One of [`WATCHED`].
    by: &'static str,
    /// How many looks in a row may bring nothing; 0 for any number.
    patience: usize,
    keep_best: bool,
    n_in_vain: usize,
    best: Option<Best>,
}

/// The best weights so far.
struct Best {
    point: WatchedPoint,
    /// Copies of the variables, in the order in which they were given; none where they need not be kept.
    weights: Vec<Tensor>,
}

impl<'a> Watch<'a> {
    /// A watch that has seen nothing; `None` without held-out texts.
    ///
    /// # Errors
    /// Held-out texts that do not match their labels or the project's.
    pub(super) fn new(set: &'a TrainingSet, options: &Options) -> Result<Option<Self>, TrainError> {
        let Some(held) = set.validation.as_ref().filter(|held| !held.texts.is_empty()) else {
            return Ok(None);
        };
        held.targets.counts(set.n_labels)?;
        if held.targets.len() != held.texts.len() {
            let (n_texts, n_targets) = (held.texts.len(), held.targets.len());
            return Err(TrainError::BadSet(format!(
                "{n_texts} validation texts come with the labels of {n_targets}"
            )));
        }
        Ok(Some(Watch {
            set,
            held,
            by: options.word("watch_metric"),
            patience: options.whole("patience"),
            keep_best: options.word("keep_best") == "on",
            n_in_vain: 0,
            best: None,
        }))
    }

    /// Scores the held-out texts after `step` steps, and copies `vars` where they are the best so far. `None` where `events` broke off: then
    /// nothing is known of these weights.
    pub(super) fn look(
        &mut self,
        step: usize,
        encoder: &Encoder,
        layer: &Layer,
        objective: &Objective,
        vars: &[Var],
        events: Events<'_>,
    ) -> Result<Option<WatchedPoint>, TrainError> {
        let n_texts = self.held.texts.len();
        let mut tell = |n_done| events(TrainEvent::Phase(Phase::Watching { n_done, n_texts }));
        if tell(0).is_break() {
            return Ok(None);
        }
        let embeddings = match encoder.embed(&self.held.texts(), &mut tell) {
            Err(ModelError::Stopped) => return Ok(None),
            other => other?,
        };
        let loss = self.loss(&embeddings, layer, objective)?;
        let metric = self.metric(&embeddings, layer)?;
        let mut point = WatchedPoint {
            step,
            loss,
            metric,
            best: false,
        };
        point.best = self.best.as_ref().is_none_or(|best| self.improves(&point, &best.point));
        if !point.best {
            self.n_in_vain += 1;
            return Ok(Some(point));
        }
        self.n_in_vain = 0;
        let copies = vars.iter().map(|var| var.as_tensor().copy());
        let weights = match self.keep_best {
            true => copies.collect::<candle_core::Result<_>>()?,
            false => Vec::new(),
        };
        self.best = Some(Best { point, weights });
        Ok(Some(point))
    }

    /// Whether there has been no better look for as long as patience lasts.
    pub(super) fn is_over(&self) -> bool {
        self.patience > 0 && self.n_in_vain >= self.patience
    }

    /// The step of the best look.
    pub(super) fn best_step(&self) -> Option<usize> {
        self.best.as_ref().map(|best| best.point.step)
    }

    /// Gives `vars` the weights of the best look; returns its step. `None` where none are kept.
    pub(super) fn restore(&self, vars: &[Var]) -> candle_core::Result<Option<usize>> {
        let Some(best) = self.best.as_ref().filter(|best| !best.weights.is_empty()) else {
            return Ok(None);
        };
        for (var, weights) in vars.iter().zip(&best.weights) {
            var.set(weights)?;
        }
        Ok(Some(best.point.step))
    }

    /// Puts what has been seen into a state.
    pub(super) fn save(&self, into: &mut Checkpoint) -> Result<(), TrainError> {
        let best = self.best.as_ref();
        into.put("watch", &(self.n_in_vain, best.map(|best| best.point)))?;
        into.put_tensors("best", best.iter().flat_map(|best| &best.weights))
    }

    /// Goes on from a state of the same variables.
    ///
    /// # Errors
    /// A state of other variables.
    pub(super) fn load(&mut self, from: &mut Checkpoint, vars: &[Var]) -> Result<(), TrainError> {
        let (n_in_vain, point): (usize, Option<WatchedPoint>) = from.take("watch")?;
        self.n_in_vain = n_in_vain;
        self.best = match point {
            None => None,
            Some(point) if self.keep_best => Some(Best {
                point,
                weights: from.take_tensors("best", vars)?,
            }),
            Some(point) => Some(Best {
                point,
                weights: Vec::new(),
            }),
        };
        Ok(())
    }

    /// Where the figures are equal, as they often are with few texts, the loss decides.
    fn improves(&self, point: &WatchedPoint, on: &WatchedPoint) -> bool {
        let loss = |point: &WatchedPoint| point.loss.filter(|loss| loss.is_finite()).unwrap_or(f64::INFINITY);
        match self.by {
            "loss" => loss(point) < loss(on),
            _ => point.metric > on.metric || (point.metric == on.metric && loss(point) < loss(on)),
        }
    }

    /// The mean loss of the texts whose labels have logits; `None` where there is no such text.
    fn loss(&self, embeddings: &Embeddings, layer: &Layer, objective: &Objective) -> Result<Option<f64>, TrainError> {
        let targets = &self.held.targets;
        let known: Vec<usize> = (0..targets.len())
            .filter(|text| objective.knows(targets.of(*text)))
            .collect();
        let weight = objective.weight_of(targets, &known);
        let mut sum = 0.0;
        for texts in known.chunks(TEXTS_PER_LOSS) {
            let rows: Vec<f32> = texts
                .iter()
                .filter_map(|text| embeddings.row(*text))
                .flatten()
                .copied()
                .collect();
            let rows = Tensor::from_vec(rows, (texts.len(), embeddings.dim), layer.weight.device())?;
            let logits = layer.logits(&rows, None)?.detach();
            sum += f64::from(objective.loss(&logits, targets, texts, weight)?.to_scalar::<f32>()?);
        }
        Ok((!known.is_empty()).then_some(sum))
    }

    fn metric(&self, embeddings: &Embeddings, layer: &Layer) -> Result<f64, TrainError> {
        let (task, n_labels) = (self.set.task, self.set.n_labels);
        // Weights that are no numbers any more have no head, and no figure.
        let Ok(head) = layer.to_head(self.set) else {
            return Ok(0.0);
        };
        let labels: Vec<String> = (0..n_labels).map(|label| label.to_string()).collect();
        let truth: Vec<Vec<usize>> = (0..self.held.texts.len())
            .map(|text| sorted(self.held.targets.of(text)))
            .collect();
        let of_embeddings = || -> Result<Option<f64>, MetricsError> {
            let mut rows = head.predict_proba(embeddings).unwrap_or_default();
            if let Some(tree) = head.tree().filter(|_| task == TaskKind::SingleLabel) {
                // Of answers, which exclude each other, as the texts' labels do.
                rows.iter_mut().for_each(|row| *row = tree.own(row));
            }
            let report = Evaluation {
                task,
                labels: &labels,
                truth: &truth,
                scores: &ScoreMatrix::from_rows(n_labels, rows)?,
                thresholds: &vec![metrics::default_threshold(task); n_labels],
                at_least_one: false,
                tree: None,
                resampling: None,
            }
            .report()?;
            let id = if self.by == "loss" { BESIDE_THE_LOSS } else { self.by };
            // What a single-label task calls accuracy has another id for several labels a text.
            let figure = METRICS.iter().find(|metric| metric.id == id);
            Ok(figure.and_then(|metric| (metric.value)(&report)))
        };
        let figure = of_embeddings().map_err(|error| TrainError::BadSet(error.to_string()))?;
        Ok(figure.unwrap_or(0.0))
    }
}

fn sorted(labels: &[usize]) -> Vec<usize> {
    let mut labels = labels.to_vec();
    labels.sort_unstable();
    labels
}
