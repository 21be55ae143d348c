//! The classification heads that transformers saves with an encoder: one pooled row per text, a hidden layer, a linear layer.

use super::super::error::{ModelError, Result};
use super::super::ops::{Activation, LayerNorm, Linear, Ops};
use super::super::parameters::Loader;
use super::super::pooling::Pooling;

/// The most classes of a head.
const MAX_CLASSES: usize = 100_000;

/// Where the tensors of the hidden layer are.
#[derive(Clone, Copy)]
pub(super) enum Dense {
    /// Among the encoder's, under its prefix.
    Body(&'static str),
    /// Beside the encoder.
    Top(&'static str),
}

/// What an architecture's head is made of.
pub(super) struct HeadNames {
    pub(super) pooling: Pooling,
    /// Dropout before the hidden layer.
    pub(super) prob_before: f64,
    pub(super) dense: Dense,
    pub(super) dense_bias: bool,
    pub(super) activation: Activation,
    /// A LayerNorm after the hidden layer: name, epsilon, whether it has a bias.
    pub(super) norm: Option<(&'static str, f64, bool)>,
    /// Dropout before the last layer.
    pub(super) prob: f64,
    /// The last layer.
    pub(super) out: &'static str,
}

impl HeadNames {
    /// The first token, a hidden layer with `activation` that has yet to be named, dropout with `prob`, and `classifier`.
    pub(super) fn new(activation: Activation, prob: f64) -> HeadNames {
        HeadNames {
            pooling: Pooling::Cls,
            prob_before: 0.0,
            dense: Dense::Top("dense"),
            dense_bias: true,
            activation,
            norm: None,
            prob,
            out: "classifier",
        }
    }
}

/// A head: from the states of a text's tokens to one logit per class.
pub struct Head {
    pooling: Pooling,
    prob_before: f64,
    dense: Linear,
    activation: Activation,
    norm: Option<LayerNorm>,
    prob: f64,
    out: Linear,
    n_classes: usize,
}

impl Head {
    pub(super) fn load(loader: &mut Loader<'_>, names: &HeadNames, hidden: usize) -> Result<Head> {
        let weight = format!("{}.weight", names.out);
        let n_classes = loader.top_shape(&weight)?.first().copied().unwrap_or(0);
        if !(1..=MAX_CLASSES).contains(&n_classes) {
            return Err(ModelError::Input(format!(
                "the classification head has {n_classes} classes; 1 to {MAX_CLASSES} are possible"
            )));
        }
        let (dense_weight, dense_bias) = match names.dense {
            Dense::Body(name) => (
                loader.take(&format!("{name}.weight"), &[hidden, hidden])?,
                Some(loader.take(&format!("{name}.bias"), &[hidden])?),
            ),
            Dense::Top(name) => (
                loader.take_top(&format!("{name}.weight"), &[hidden, hidden])?,
                names
                    .dense_bias
                    .then(|| loader.take_top(&format!("{name}.bias"), &[hidden]))
                    .transpose()?,
            ),
        };
        let norm = match names.norm {
            Some((name, eps, bias)) => Some(LayerNorm {
                weight: loader.take_top(&format!("{name}.weight"), &[hidden])?,
                bias: bias
                    .then(|| loader.take_top(&format!("{name}.bias"), &[hidden]))
                    .transpose()?,
                eps,
            }),
            None => None,
        };
        let out = Linear {
            weight: loader.take_top(&weight, &[n_classes, hidden])?,
            bias: Some(loader.take_top(&format!("{}.bias", names.out), &[n_classes])?),
        };
        Ok(Head {
            pooling: names.pooling,
            prob_before: names.prob_before,
            dense: Linear {
                weight: dense_weight,
                bias: dense_bias,
            },
            activation: names.activation,
            norm,
            prob: names.prob,
            out,
            n_classes,
        })
    }

    /// Logits per text.
    pub(crate) fn n_classes(&self) -> usize {
        self.n_classes
    }

    /// Logits, `(n_texts, n_classes)`, from the states of texts that start at `starts`.
    pub(crate) fn logits<O: Ops>(&self, ops: &mut O, states: &O::Value, starts: &[usize]) -> Result<O::Value> {
        let pooled = ops.pool(states, &self.pooling.weights(starts, 0))?;
        let pooled = ops.dropout(&pooled, self.prob_before)?;
        let hidden = ops.linear(&pooled, &[self.dense])?;
        let mut hidden = ops.activation(&hidden, self.activation)?;
        if let Some(norm) = self.norm {
            hidden = ops.add_norm(&hidden, None, 0.0, norm)?;
        }
        let hidden = ops.dropout(&hidden, self.prob)?;
        ops.linear(&hidden, &[self.out])
    }
}
