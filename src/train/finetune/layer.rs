//! The linear layer on an encoder's embeddings: its weights, its logits, and the head it becomes.

use candle_core::{DType, Tensor, Var};

use crate::core::rng::{self, Stream};
use crate::model::head::Link;
use crate::model::{Dropout, Encoder, Head, LogisticHead};
use crate::train::{TrainError, TrainingSet};

/// The standard deviation that BERT's layers start with.
const INITIAL_DEVIATION: f64 = 0.02;

/// Which labels have logits, and how logits become probabilities.
#[derive(Debug, Clone)]
pub(crate) struct Columns {
    /// How logits become probabilities.
    pub(crate) link: Link,
    /// The labels that have examples, ascending. With [`Link::Sigmoid`] there are two, and one logit for the second.
    pub(crate) fitted: Vec<usize>,
    /// Where a label stands in `fitted`.
    place: Vec<Option<usize>>,
}

impl Columns {
    /// The columns of `fitted`, out of `n_labels`.
    pub(crate) fn new(link: Link, fitted: Vec<usize>, n_labels: usize) -> Self {
        let place = (0..n_labels).map(|label| fitted.binary_search(&label).ok()).collect();
        Columns { link, fitted, place }
    }

    /// Where a label stands in `fitted`; `None` for one without examples.
    pub(crate) fn place(&self, label: usize) -> Option<usize> {
        self.place.get(label).copied().flatten()
    }

    /// Logits of a text.
    pub(crate) fn n_logits(&self) -> usize {
        match self.link {
            Link::Sigmoid => 1,
            _ => self.fitted.len(),
        }
    }
}

/// The linear layer, with dropout before it while it trains.
pub(crate) struct Layer {
    pub(crate) columns: Columns,
    /// `(logits, dim)`.
    pub(crate) weight: Var,
    /// `(logits)`.
    pub(crate) bias: Var,
    /// The probability with which a number of an embedding is left out.
    dropout: f64,
}

impl Layer {
    /// A layer of small random weights on the device of `encoder`.
    pub(crate) fn new(encoder: &Encoder, columns: Columns, dropout: f64, rng: &mut Stream) -> Result<Self, TrainError> {
        let shape = (columns.n_logits(), encoder.dim());
        let weights: Vec<f32> = (0..shape.0 * shape.1)
            .map(|_| (rng::normal(rng) * INITIAL_DEVIATION) as f32)
            .collect();
        let device = encoder.device();
        Ok(Layer {
            columns,
            weight: Var::from_vec(weights, shape, device)?,
            bias: Var::zeros(shape.0, DType::F32, device)?,
            dropout,
        })
    }

    /// The variables to tune.
    pub(crate) fn vars(&self) -> [Var; 2] {
        [self.weight.clone(), self.bias.clone()]
    }

    /// `(n, dim)` embeddings to `(n, logits)`; without `masks` as in use.
    pub(crate) fn logits(&self, embeddings: &Tensor, masks: Option<&mut Dropout>) -> candle_core::Result<Tensor> {
        let mask = masks.and_then(|masks| masks.next_pass().next_place(self.dropout));
        let embeddings = match mask {
            Some(mask) => {
                let factors = mask.factors(embeddings.elem_count());
                (embeddings * Tensor::from_vec(factors, embeddings.shape(), embeddings.device())?)?
            }
            None => embeddings.clone(),
        };
        embeddings
            .matmul(&self.weight.t()?)?
            .broadcast_add(self.bias.as_tensor())
    }

    /// The classifier's head with these weights, on the tree of the labels where they have one.
    ///
    /// # Errors
    /// Where a weight is not finite.
    pub(crate) fn to_head(&self, set: &TrainingSet) -> Result<Head, TrainError> {
        let numbers = |var: &Var| var.flatten_all()?.to_dtype(DType::F64)?.to_vec1::<f64>();
        let logits = (numbers(&self.weight)?, numbers(&self.bias)?);
        let (dim, Columns { link, fitted, .. }) = (self.weight.dim(1)?, &self.columns);
        let answers = LogisticHead::from_logits(*link, dim, fitted.clone(), logits, set.n_labels)?;
        Ok(Head::of_answers(answers, set.tree.as_ref())?)
    }
}
