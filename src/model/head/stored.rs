//! A head as it lies in a file, and the check that its parts fit together.

use serde::Deserialize;

use super::{HeadError, Link, LogisticHead};

/// A head as read from a file, before its parts are known to fit together.
#[derive(Deserialize)]
pub(super) struct Stored {
    pub dim: usize,
    pub link: Link,
    pub fitted: Vec<usize>,
    pub weights: Vec<f64>,
    pub intercepts: Vec<f64>,
    pub constants: Vec<f64>,
    /// Only chains have it.
    #[serde(default)]
    pub chain: Vec<f64>,
}

impl TryFrom<Stored> for LogisticHead {
    type Error = HeadError;

    fn try_from(s: Stored) -> Result<Self, HeadError> {
        let n_logits = match s.link {
            Link::Sigmoid if s.fitted.len() == 2 => 1,
            Link::Sigmoid => return Err(HeadError::Damaged("a two-label head must name two labels")),
            Link::Softmax | Link::NormalizedOneVsRest | Link::OneVsRest | Link::Chain => s.fitted.len(),
        };
        if !s.fitted.is_sorted_by(|a, b| a < b) || s.fitted.last().is_some_and(|last| *last >= s.constants.len()) {
            return Err(HeadError::Damaged("its label columns are out of order or out of range"));
        }
        if s.dim == 0 || s.intercepts.len() != n_logits || n_logits.checked_mul(s.dim) != Some(s.weights.len()) {
            return Err(HeadError::Damaged(
                "the numbers of weights, intercepts and labels do not match",
            ));
        }
        let n_chained = match s.link {
            Link::Chain => (0..n_logits).sum(),
            _ => 0,
        };
        if s.chain.len() != n_chained {
            return Err(HeadError::Damaged(
                "the numbers of labels and of weights between them do not match",
            ));
        }
        let mut numbers = s
            .weights
            .iter()
            .chain(&s.intercepts)
            .chain(&s.constants)
            .chain(&s.chain);
        if !numbers.all(|v| v.is_finite()) {
            return Err(HeadError::Damaged("a weight is not a number"));
        }
        Ok(LogisticHead {
            dim: s.dim,
            link: s.link,
            fitted: s.fitted,
            weights: s.weights,
            intercepts: s.intercepts,
            constants: s.constants,
            chain: s.chain,
        })
    }
}
