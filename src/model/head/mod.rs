//! The classification head: logistic regression on embeddings, as scikit-learn's `LogisticRegression` fits it.
//!
//! Not here: encoders, tensors, thresholds. Everything is plain f64 data on the CPU.

mod folds;
mod lbfgs;
mod objective;
mod targets;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

pub use folds::{deal, out_of_fold};
pub use targets::Targets;

use super::Embeddings;
use objective::Objective;

/// scikit-learn's default inverse strength of the penalty.
pub const DEFAULT_C: f64 = 1.0;

/// The optimum is found to about this precision in the weights: the penalised sum of losses is 1-strongly convex in them.
const WEIGHT_PRECISION: f64 = 1e-6;
const MAX_ITERATIONS: usize = 1000;

/// Why a head could not be fitted or used.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum HeadError {
    /// Nothing to fit on.
    #[error("there are no labelled texts to train on; label some first")]
    NoTexts,
    /// Only one answer occurs, so there is nothing to tell apart.
    #[error("training needs at least two labels with examples; label texts of another kind too")]
    OneLabel,
    /// Multi-label: every label is on all texts or on none.
    #[error("every label is set on all texts or on none, so there is nothing to learn; label texts that differ")]
    EveryLabelConstant,
    /// A target outside the label columns.
    #[error("label {label} is out of range: there are {n_labels} labels")]
    UnknownLabel {
        /// The column asked for.
        label: usize,
        /// Columns there are.
        n_labels: usize,
    },
    /// Rows and targets do not match, or the embeddings have another width than the head.
    #[error("{what}: expected {expected}, found {found}")]
    Shape {
        /// What was counted.
        what: &'static str,
        /// The right number.
        expected: usize,
        /// The number found.
        found: usize,
    },
    /// An embedding holds NaN or infinity.
    #[error("the embedding of text {row} is not finite; the encoder is damaged, fetch or train it again")]
    NotFinite {
        /// Row of the first such embedding.
        row: usize,
    },
    /// The penalty makes no sense.
    #[error("the inverse regularisation strength C must be a positive number, not {0}")]
    BadC(f64),
    /// A stored head whose parts do not fit together.
    #[error("the classification head is damaged: {0}; export the model again")]
    Damaged(&'static str),
}

/// How logits become probabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Link {
    /// Exactly two labels have examples: one logit, for the second of them.
    Sigmoid,
    /// Three or more labels: one logit each, normalised together.
    Softmax,
    /// Multi-label: one logit and one sigmoid per label.
    OneVsRest,
}

/// A fitted logistic regression.
///
/// Labels without weights get a constant: 0 where the label had no example, 1 where (multi-label) every text had it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
pub struct LogisticHead {
    dim: usize,
    link: Link,
    /// The columns that have logits, ascending.
    fitted: Vec<usize>,
    /// `(logits, dim)`, row-major.
    weights: Vec<f64>,
    intercepts: Vec<f64>,
    /// One per label: its probability where it is not in `fitted`.
    constants: Vec<f64>,
}

impl LogisticHead {
    /// Fits on `x` `(n_texts, dim)` with an L2 penalty of inverse strength `c`; the intercept is not penalised.
    ///
    /// Multinomial for three or more labels with examples, one sigmoid for two, one-vs-rest for multi-label targets.
    /// The optimum is unique and found to working precision, so the result does not depend on a seed or on threads.
    /// Cost: some tens of passes over `x`, times labels.
    ///
    /// # Errors
    /// No texts, fewer than two labels with examples, shapes that do not match, embeddings that are not finite.
    pub fn fit(x: &Embeddings, targets: &Targets, n_labels: usize, c: f64) -> Result<Self, HeadError> {
        Self::refit(x, targets, n_labels, c, None)
    }

    /// Like [`LogisticHead::fit`], starting at `previous` where that has the same shape: the same optimum, sooner.
    pub fn refit(
        x: &Embeddings,
        targets: &Targets,
        n_labels: usize,
        c: f64,
        previous: Option<&LogisticHead>,
    ) -> Result<Self, HeadError> {
        let counts = check(x, targets, n_labels, c)?;
        let n_seen = counts.iter().filter(|n| **n > 0).count();
        match targets {
            Targets::Single(_) if n_seen < 2 => return Err(HeadError::OneLabel),
            Targets::Multi(_) if counts.iter().all(|n| *n == 0 || *n == targets.len()) => {
                return Err(HeadError::EveryLabelConstant);
            }
            _ => {}
        }
        let x64: Vec<f64> = x.data.iter().map(|v| f64::from(*v)).collect();
        Ok(match targets {
            Targets::Single(labels) => Self::fit_single(&x64, x.dim, labels, &counts, c, previous),
            Targets::Multi(labels) => Self::fit_multi(&x64, x.dim, labels, &counts, c, previous),
        })
    }

    fn fit_single(
        x: &[f64],
        dim: usize,
        labels: &[usize],
        counts: &[usize],
        c: f64,
        previous: Option<&LogisticHead>,
    ) -> Self {
        let fitted: Vec<usize> = (0..counts.len()).filter(|label| counts[*label] > 0).collect();
        let mut place = vec![0; counts.len()];
        fitted.iter().enumerate().for_each(|(at, label)| place[*label] = at);
        let y: Vec<usize> = labels.iter().map(|label| place[*label]).collect();
        let (link, n_outputs) = if fitted.len() == 2 {
            (Link::Sigmoid, 1)
        } else {
            (Link::Softmax, fitted.len())
        };
        let mut head = LogisticHead {
            dim,
            link,
            fitted,
            weights: vec![],
            intercepts: vec![],
            constants: vec![0.0; counts.len()],
        };
        let start = previous.filter(|p| p.dim == dim && p.link == link && p.fitted == head.fitted);
        let start = start.map(|p| [p.weights.as_slice(), &p.intercepts].concat());
        let parameters = optimum(
            &Objective {
                x,
                dim,
                y: &y,
                n_outputs,
                c,
            },
            start,
        );
        (head.weights, head.intercepts) = split(parameters, n_outputs * dim);
        head
    }

    fn fit_multi(
        x: &[f64],
        dim: usize,
        labels: &[Vec<usize>],
        counts: &[usize],
        c: f64,
        previous: Option<&LogisticHead>,
    ) -> Self {
        let n = labels.len();
        let fitted: Vec<usize> = (0..counts.len())
            .filter(|label| (1..n).contains(&counts[*label]))
            .collect();
        let constants = counts.iter().map(|count| if *count == n { 1.0 } else { 0.0 }).collect();
        let rows: Vec<Vec<f64>> = fitted
            .par_iter()
            .map(|label| {
                let y: Vec<usize> = labels
                    .iter()
                    .map(|of_text| usize::from(of_text.contains(label)))
                    .collect();
                let start = previous
                    .filter(|p| p.dim == dim && p.link == Link::OneVsRest)
                    .and_then(|p| p.row(*label));
                optimum(
                    &Objective {
                        x,
                        dim,
                        y: &y,
                        n_outputs: 1,
                        c,
                    },
                    start,
                )
            })
            .collect();
        let (weights, intercepts): (Vec<_>, Vec<_>) = rows.into_iter().map(|row| split(row, dim)).unzip();
        LogisticHead {
            dim,
            link: Link::OneVsRest,
            fitted,
            weights: weights.concat(),
            intercepts: intercepts.concat(),
            constants,
        }
    }

    /// A head whose logits were learnt elsewhere: one for each label of `fitted`, ascending, with `weights` `(logits, dim)` row-major. The
    /// other labels of `n_labels` are never predicted.
    ///
    /// # Errors
    /// Parts that do not fit together, or numbers that are not finite.
    pub fn from_logits(
        link: Link,
        dim: usize,
        fitted: Vec<usize>,
        (weights, intercepts): (Vec<f64>, Vec<f64>),
        n_labels: usize,
    ) -> Result<Self, HeadError> {
        LogisticHead::try_from(Stored {
            dim,
            link,
            fitted,
            weights,
            intercepts,
            constants: vec![0.0; n_labels],
        })
    }

    /// Weights and intercept of a label that has its own logit.
    fn row(&self, label: usize) -> Option<Vec<f64>> {
        let at = self.fitted.binary_search(&label).ok()?;
        let mut row = self.weights.get(at * self.dim..(at + 1) * self.dim)?.to_vec();
        row.push(*self.intercepts.get(at)?);
        Some(row)
    }

    /// One probability per text and label, `(n_texts, n_labels)`; rows sum to 1 unless the head is one-vs-rest.
    ///
    /// # Errors
    /// When the embeddings have another width than those the head was fitted on.
    pub fn predict_proba(&self, x: &Embeddings) -> Result<Vec<Vec<f32>>, HeadError> {
        shape("values per embedding", self.dim, x.dim)?;
        shape("values in the embeddings", 0, x.data.len() % self.dim)?;
        let x64: Vec<f64> = x.data.iter().map(|v| f64::from(*v)).collect();
        let mut logits = objective::logits(&x64, self.dim, &self.weights, &self.intercepts);
        let n_logits = self.intercepts.len();
        if n_logits == 0 {
            return Ok(vec![self.constants.iter().map(|p| *p as f32).collect(); x.len()]);
        }
        Ok(logits
            .chunks_mut(n_logits)
            .map(|row| self.to_probabilities(row))
            .collect())
    }

    fn to_probabilities(&self, logits: &mut [f64]) -> Vec<f32> {
        let mut probabilities: Vec<f32> = self.constants.iter().map(|p| *p as f32).collect();
        match (self.link, &self.fitted[..], &*logits) {
            (Link::Sigmoid, [first, second], [z]) => {
                probabilities[*first] = objective::sigmoid(-z) as f32;
                probabilities[*second] = objective::sigmoid(*z) as f32;
                return probabilities;
            }
            (Link::OneVsRest, ..) => logits.iter_mut().for_each(|z| *z = objective::sigmoid(*z)),
            _ => {
                objective::softmax(logits);
            }
        }
        for (label, p) in self.fitted.iter().zip(logits) {
            probabilities[*label] = *p as f32;
        }
        probabilities
    }

    /// Values per embedding.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Labels scored, including those without examples.
    pub fn n_labels(&self) -> usize {
        self.constants.len()
    }

    /// How logits become probabilities.
    pub fn link(&self) -> Link {
        self.link
    }
}

/// Minimises from `start`, or from zero.
fn optimum(objective: &Objective<'_>, start: Option<Vec<f64>>) -> Vec<f64> {
    let mut parameters = start.unwrap_or_else(|| vec![0.0; objective.n_parameters()]);
    // The objective is the mean loss, so the bound on the gradient of the sum shrinks by n·C.
    let gradient = (WEIGHT_PRECISION / (objective.c * objective.y.len() as f64)).max(1e-12);
    let stop = lbfgs::Stop {
        gradient,
        iterations: MAX_ITERATIONS,
    };
    lbfgs::minimise(&mut parameters, stop, |at, gradient| objective.evaluate(at, gradient));
    parameters
}

fn split(mut parameters: Vec<f64>, at: usize) -> (Vec<f64>, Vec<f64>) {
    let tail = parameters.split_off(at);
    (parameters, tail)
}

/// Everything about the input that does not depend on how many labels occur; returns the texts per label.
fn check(x: &Embeddings, targets: &Targets, n_labels: usize, c: f64) -> Result<Vec<usize>, HeadError> {
    if targets.is_empty() {
        return Err(HeadError::NoTexts);
    }
    if x.dim == 0 {
        return Err(HeadError::Shape {
            what: "values per embedding",
            expected: 1,
            found: 0,
        });
    }
    if !(c.is_finite() && c > 0.0) {
        return Err(HeadError::BadC(c));
    }
    shape("values in the embeddings", targets.len() * x.dim, x.data.len())?;
    if let Some(at) = x.data.iter().position(|v| !v.is_finite()) {
        return Err(HeadError::NotFinite { row: at / x.dim });
    }
    targets.counts(n_labels)
}

fn shape(what: &'static str, expected: usize, found: usize) -> Result<(), HeadError> {
    if expected == found {
        Ok(())
    } else {
        Err(HeadError::Shape { what, expected, found })
    }
}

/// A head as read from a file, before its parts are known to fit together.
#[derive(Deserialize)]
struct Stored {
    dim: usize,
    link: Link,
    fitted: Vec<usize>,
    weights: Vec<f64>,
    intercepts: Vec<f64>,
    constants: Vec<f64>,
}

impl TryFrom<Stored> for LogisticHead {
    type Error = HeadError;

    fn try_from(s: Stored) -> Result<Self, HeadError> {
        let n_logits = match s.link {
            Link::Sigmoid if s.fitted.len() == 2 => 1,
            Link::Sigmoid => return Err(HeadError::Damaged("a two-label head must name two labels")),
            Link::Softmax | Link::OneVsRest => s.fitted.len(),
        };
        if !s.fitted.is_sorted_by(|a, b| a < b) || s.fitted.last().is_some_and(|last| *last >= s.constants.len()) {
            return Err(HeadError::Damaged("its label columns are out of order or out of range"));
        }
        if s.dim == 0 || s.intercepts.len() != n_logits || n_logits.checked_mul(s.dim) != Some(s.weights.len()) {
            return Err(HeadError::Damaged(
                "the numbers of weights, intercepts and labels do not match",
            ));
        }
        if !s
            .weights
            .iter()
            .chain(&s.intercepts)
            .chain(&s.constants)
            .all(|v| v.is_finite())
        {
            return Err(HeadError::Damaged("a weight is not a number"));
        }
        Ok(LogisticHead {
            dim: s.dim,
            link: s.link,
            fitted: s.fitted,
            weights: s.weights,
            intercepts: s.intercepts,
            constants: s.constants,
        })
    }
}

#[cfg(test)]
mod tests;
