//! The classification head: logistic regression on embeddings, as scikit-learn's `LogisticRegression` fits it.
//!
//! Not here: encoders, tensors, thresholds. Everything is plain f64 data on the CPU.

mod examples;
mod fit;
mod folds;
mod lbfgs;
mod objective;
pub mod pile;
mod settings;
mod stored;
mod strength;
mod targets;
pub mod tree;

use serde::{Deserialize, Serialize};

pub use examples::Examples;
pub use folds::{deal, out_of_fold};
pub use settings::{ClassWeight, DEFAULT_C, FitSettings, Strategy};
pub use strength::choose_c;
pub use targets::Targets;
pub use tree::{Head, OnTree, TreeMethod};

use super::Embeddings;
use stored::Stored;

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
    /// Nothing to tell labels apart by.
    #[error(
        "every text has the same embedding, so there is nothing to tell labels apart by; label texts that differ, or if they do, take another encoder or train it with a lower learning rate"
    )]
    AllAlike,
    /// A chain asked for where a text has one label.
    #[error(
        "a classifier chain is for texts with any number of labels; with one label a text, the strategy is multinomial or one-vs-rest"
    )]
    ChainOfOne,
    /// A softmax asked for where a text may have several labels.
    #[error(
        "a multinomial head is for texts with one label; with any number of labels a text, the strategy is one-vs-rest or chain"
    )]
    MultinomialOfMany,
    /// One-vs-rest asked for where a softmax learns whole paths.
    #[error(
        "tree=shared learns whole paths by one softmax; with one label a text, the strategy is auto or multinomial, or take tree=flat or top-down"
    )]
    SharedOneVsRest,
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
    /// A text counts nothing, or less.
    #[error("the weight of text {row} must be a positive number, not {weight}; leave out texts that are not to count")]
    BadWeight {
        /// Row of the first such text.
        row: usize,
        /// Its weight.
        weight: f64,
    },
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
    /// Three or more labels: one logit and one sigmoid each, divided by their sum.
    NormalizedOneVsRest,
    /// Multi-label: one logit and one sigmoid per label.
    OneVsRest,
    /// Multi-label: as one-vs-rest, and each logit also sees which labels before it have a positive one.
    Chain,
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
    /// Chains only: what a logit gains for each label before it that is set; 0, 1, 2, … numbers for the first, second, third, … logit.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    chain: Vec<f64>,
}

impl LogisticHead {
    /// Whether a head could be fitted on these examples.
    ///
    /// # Errors
    /// Those of [`LogisticHead::fit`].
    pub fn check(examples: Examples<'_>) -> Result<(), HeadError> {
        let counts = examples.check(&FitSettings::default())?;
        examples.check_learnable(&counts)
    }

    /// One probability per text and label, `(n_texts, n_labels)`; rows sum to 1 where a text has one label.
    ///
    /// # Errors
    /// When the embeddings have another width than those the head was fitted on.
    pub fn predict_proba(&self, x: &Embeddings) -> Result<Vec<Vec<f32>>, HeadError> {
        shape("values per embedding", self.dim, x.dim)?;
        shape("values in the embeddings", 0, x.data.len() % self.dim)?;
        let x64: Vec<f64> = x.data.iter().map(|v| f64::from(*v)).collect();
        Ok(self.probabilities(&x64))
    }

    /// [`LogisticHead::predict_proba`] of rows of the right width.
    fn probabilities(&self, x: &[f64]) -> Vec<Vec<f32>> {
        let n_logits = self.intercepts.len();
        if n_logits == 0 {
            return vec![self.constants.iter().map(|p| *p as f32).collect(); x.len() / self.dim];
        }
        let mut logits = objective::logits(x, self.dim, &self.weights, &self.intercepts);
        let rows = logits.chunks_mut(n_logits);
        rows.map(|row| self.to_probabilities(row)).collect()
    }

    /// One logit per text and label, `(n_texts, n_labels)`, whose softmax over a row is [`LogisticHead::predict_proba`]; −∞ for labels without
    /// examples. `None` for heads of several labels a text.
    ///
    /// # Errors
    /// When the embeddings have another width than those the head was fitted on.
    pub fn logits(&self, x: &Embeddings) -> Result<Option<Vec<Vec<f64>>>, HeadError> {
        shape("values per embedding", self.dim, x.dim)?;
        let x64: Vec<f64> = x.data.iter().map(|v| f64::from(*v)).collect();
        let logits = objective::logits(&x64, self.dim, &self.weights, &self.intercepts);
        let of_row = |row: &[f64]| -> Option<Vec<f64>> {
            let fitted = match (self.link, row) {
                // Symmetric, as a softmax over two logits would be.
                (Link::Sigmoid, [z]) => vec![-z / 2.0, z / 2.0],
                (Link::Softmax, _) => row.to_vec(),
                (Link::NormalizedOneVsRest, _) => row.iter().map(|z| objective::log_sigmoid(*z)).collect(),
                _ => return None,
            };
            let mut all = vec![f64::NEG_INFINITY; self.n_labels()];
            for (label, z) in self.fitted.iter().zip(fitted) {
                all[*label] = z;
            }
            Some(all)
        };
        Ok(logits.chunks(self.intercepts.len().max(1)).map(of_row).collect())
    }

    fn to_probabilities(&self, logits: &mut [f64]) -> Vec<f32> {
        let mut probabilities: Vec<f32> = self.constants.iter().map(|p| *p as f32).collect();
        match (self.link, &self.fitted[..], &*logits) {
            (Link::Sigmoid, [first, second], [z]) => {
                probabilities[*first] = objective::sigmoid(-z) as f32;
                probabilities[*second] = objective::sigmoid(*z) as f32;
                return probabilities;
            }
            (Link::Chain, ..) => {
                for at in 1..logits.len() {
                    let (before, rest) = logits.split_at_mut(at);
                    let set = self.chained(at).iter().zip(before).filter(|(_, z)| **z > 0.0);
                    rest[0] += set.map(|(gain, _)| gain).sum::<f64>();
                }
                logits.iter_mut().for_each(|z| *z = objective::sigmoid(*z));
            }
            (Link::OneVsRest, ..) => logits.iter_mut().for_each(|z| *z = objective::sigmoid(*z)),
            (Link::NormalizedOneVsRest, ..) => {
                // The softmax of their logarithms is each sigmoid over the sum, and takes sums that are 0 in f64.
                logits.iter_mut().for_each(|z| *z = objective::log_sigmoid(*z));
                objective::softmax(logits);
            }
            _ => {
                objective::softmax(logits);
            }
        }
        for (label, p) in self.fitted.iter().zip(logits) {
            probabilities[*label] = *p as f32;
        }
        probabilities
    }

    /// What the labels before it add to the logit at `at` of a chain.
    fn chained(&self, at: usize) -> &[f64] {
        let from = at * at.saturating_sub(1) / 2;
        self.chain.get(from..from + at).unwrap_or_default()
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

fn shape(what: &'static str, expected: usize, found: usize) -> Result<(), HeadError> {
    if expected == found {
        Ok(())
    } else {
        Err(HeadError::Shape { what, expected, found })
    }
}

#[cfg(test)]
mod tests;
