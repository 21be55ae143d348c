//! What a head is fitted on, and whether it can be.

use super::tree::OnTree;
use super::{FitSettings, HeadError, Targets, shape};
use crate::model::Embeddings;

/// Embeddings with the labels and the weights of their texts.
#[derive(Debug, Clone, Copy)]
pub struct Examples<'a> {
    /// `(n_texts, dim)`.
    pub x: &'a Embeddings,
    /// One entry per text.
    pub targets: &'a Targets,
    /// Label columns, those without examples included.
    pub n_labels: usize,
    /// What each text counts, above 0; every text 1 where there are none. As in scikit-learn, a weight of 2 is the text given twice.
    pub weights: Option<&'a [f64]>,
    /// The tree that labels form, for [`super::Head`]: a logistic head takes columns as they stand.
    pub tree: Option<OnTree<'a>>,
}

impl<'a> Examples<'a> {
    /// Examples that all count the same.
    pub fn new(x: &'a Embeddings, targets: &'a Targets, n_labels: usize) -> Self {
        Examples {
            x,
            targets,
            n_labels,
            weights: None,
            tree: None,
        }
    }

    /// The same examples, of labels that form a tree where there is one.
    pub fn on(self, tree: Option<OnTree<'a>>) -> Self {
        Examples { tree, ..self }
    }

    /// The same examples, each with its weight.
    pub fn weighted(self, weights: &'a [f64]) -> Self {
        Examples {
            weights: Some(weights),
            ..self
        }
    }

    /// Everything that must hold whatever labels occur; returns the texts per label.
    pub(super) fn check(&self, settings: &FitSettings) -> Result<Vec<usize>, HeadError> {
        let (x, n) = (self.x, self.targets.len());
        if n == 0 {
            return Err(HeadError::NoTexts);
        }
        if x.dim == 0 {
            return Err(HeadError::Shape {
                what: "values per embedding",
                expected: 1,
                found: 0,
            });
        }
        if !(settings.c.is_finite() && settings.c > 0.0) {
            return Err(HeadError::BadC(settings.c));
        }
        settings.strategy.link(self.targets)?;
        shape("values in the embeddings", n * x.dim, x.data.len())?;
        if let Some(at) = x.data.iter().position(|v| !v.is_finite()) {
            return Err(HeadError::NotFinite { row: at / x.dim });
        }
        if let Some(weights) = self.weights {
            shape("weights of texts", n, weights.len())?;
            if let Some(row) = weights.iter().position(|w| !(w.is_finite() && *w > 0.0)) {
                return Err(HeadError::BadWeight {
                    row,
                    weight: weights[row],
                });
            }
        }
        self.targets.counts(self.n_labels)
    }

    /// Whether there is something to tell apart, and something to tell it by.
    pub(super) fn check_learnable(&self, counts: &[usize]) -> Result<(), HeadError> {
        let n = self.targets.len();
        match self.targets {
            Targets::Single(_) if counts.iter().filter(|n| **n > 0).count() < 2 => return Err(HeadError::OneLabel),
            Targets::Multi(_) if counts.iter().all(|count| *count == 0 || *count == n) => {
                return Err(HeadError::EveryLabelConstant);
            }
            _ => {}
        }
        let mut rows = self.x.data.chunks_exact(self.x.dim);
        let first = rows.next();
        if rows.all(|row| Some(row) == first) {
            return Err(HeadError::AllAlike);
        }
        Ok(())
    }

    /// Whether a name may stand for a column: not for a label above others that no text stops at, where a text has one label.
    pub(super) fn may_be_answer(&self, column: usize, counts: &[usize]) -> bool {
        let inner = self.tree.is_some_and(|on| !on.tree.is_leaf(column));
        !inner || matches!(self.targets, Targets::Multi(_)) || counts.get(column).is_some_and(|n| *n > 0)
    }

    /// The weights as they are multiplied into the losses.
    pub(super) fn row_weights(&self) -> Vec<f64> {
        self.weights
            .map_or_else(|| vec![1.0; self.targets.len()], <[f64]>::to_vec)
    }
}
