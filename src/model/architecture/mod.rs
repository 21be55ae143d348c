//! The kinds of transformer Handful can read: one line each in [`ARCHITECTURES`].
//!
//! Not here: where the files of a model are, and how its states become one vector.

mod bart;
mod bart_decoder;
mod bert;
mod check;
mod deberta;
mod distilbert;
mod head;
mod layers;
mod modernbert;
mod mpnet;

pub use head::Head;

use super::batch::Packed;
use super::error::{ModelError, Result};
use super::ops::Ops;
use super::ops::plain::Plain;
use super::ops::tape::{Rows, Tape};
use super::parameters::{Loader, Param, Parameters};
use bart::Bart;
use bert::Bert;
use candle_core::Tensor;
use deberta::Deberta;
use distilbert::DistilBert;
use modernbert::ModernBert;
use mpnet::MpNet;
use serde_json::Value;
use std::ops::Range;
use std::path::Path;

/// What a constructor gets to read a model from.
pub struct Source<'a> {
    /// `config.json`, parsed.
    pub config: &'a Value,
    /// Where it came from, for messages.
    pub config_path: &'a Path,
    /// The weights.
    pub loader: Loader<'a>,
    /// Whether the classification head is wanted too; without one in the file that is an error.
    pub head: bool,
}

/// What a constructor makes of it.
pub struct Loaded<E> {
    /// The transformer.
    pub model: E,
    /// Its classification head, where it was asked for.
    pub head: Option<Head>,
    /// The weights of both.
    pub parameters: Parameters,
}

/// The sizes a caller needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Columns of a token's state.
    pub dim: usize,
    /// Token ids are below this.
    pub vocab_size: usize,
    /// Layers above the embeddings.
    pub n_layers: usize,
    /// The longest text, in tokens.
    pub max_tokens: usize,
}

/// What a linear layer inside a transformer's layers is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Makes queries.
    Query,
    /// Makes keys.
    Key,
    /// Makes values.
    Value,
    /// Makes queries, keys and values, one matrix for all three.
    QueryKeyValue,
    /// Projects what attention gathered, or distances for it.
    Attention,
    /// Belongs to the feed-forward block.
    FeedForward,
}

/// A transformer, written once over any [`Ops`].
pub trait Encode: Send + Sync {
    /// The sizes.
    fn sizes(&self) -> Sizes;

    /// The weight of every linear layer inside the layers, each once, from below.
    fn linear_weights(&self) -> Vec<(Role, Param)>;

    /// The state of every token before the first layer: `(rows, dim)`.
    fn embed<O: Ops>(&self, ops: &mut O, batch: &Packed) -> Result<O::Value>;

    /// Runs some of the layers over the states `x`; with the last one comes what follows it.
    fn layers<O: Ops>(&self, ops: &mut O, batch: &Packed, x: O::Value, layers: Range<usize>) -> Result<O::Value>;
}

/// [`Encode`] for the two things that implement [`Ops`], so that an encoder can hold any architecture.
pub trait Architecture: Send + Sync {
    /// The sizes.
    fn sizes(&self) -> Sizes;

    /// See [`Encode::linear_weights`].
    fn linear_weights(&self) -> Vec<(Role, Param)>;

    /// The states after `to` layers on the CPU's fused operations, from the states after `from.0` of them, or from the tokens.
    fn encode_fused(&self, ops: &mut Tape, batch: &Packed, from: Option<(usize, Rows)>, to: usize) -> Result<Rows>;

    /// The same on candle's operations.
    fn encode_plain(&self, ops: &mut Plain, batch: &Packed, from: Option<(usize, Tensor)>, to: usize)
    -> Result<Tensor>;
}

impl<E: Encode> Architecture for E {
    fn sizes(&self) -> Sizes {
        Encode::sizes(self)
    }

    fn linear_weights(&self) -> Vec<(Role, Param)> {
        Encode::linear_weights(self)
    }

    fn encode_fused(&self, ops: &mut Tape, batch: &Packed, from: Option<(usize, Rows)>, to: usize) -> Result<Rows> {
        encode(self, ops, batch, from, to)
    }

    fn encode_plain(
        &self,
        ops: &mut Plain,
        batch: &Packed,
        from: Option<(usize, Tensor)>,
        to: usize,
    ) -> Result<Tensor> {
        encode(self, ops, batch, from, to)
    }
}

fn encode<E: Encode, O: Ops>(
    model: &E,
    ops: &mut O,
    batch: &Packed,
    from: Option<(usize, O::Value)>,
    to: usize,
) -> Result<O::Value> {
    let (first, x) = match from {
        Some(from) => from,
        None => (0, model.embed(ops, batch)?),
    };
    model.layers(ops, batch, x, first..to)
}

type Constructor = fn(Source<'_>) -> Result<Loaded<Box<dyn Architecture>>>;

/// `model_type` in `config.json` → constructor.
pub static ARCHITECTURES: &[(&str, Constructor)] = &[
    ("bert", |source| Bert::load(source).map(boxed)),
    ("roberta", |source| Bert::load_roberta(source).map(boxed)),
    ("xlm-roberta", |source| Bert::load_roberta(source).map(boxed)),
    ("camembert", |source| Bert::load_roberta(source).map(boxed)),
    ("distilbert", |source| DistilBert::load(source).map(boxed)),
    ("mpnet", |source| MpNet::load(source).map(boxed)),
    ("deberta-v2", |source| Deberta::load(source).map(boxed)),
    ("modernbert", |source| ModernBert::load(source).map(boxed)),
    ("bart", |source| Bart::load(source).map(boxed)),
];

/// Those of [`ARCHITECTURES`] that are read with their head only and embed no texts.
const CLASSIFIERS_ONLY: [&str; 1] = ["bart"];

/// The `model_type`s of [`ARCHITECTURES`] that embed texts.
pub fn encoders() -> impl Iterator<Item = &'static str> {
    let all = ARCHITECTURES.iter().map(|(name, _)| *name);
    all.filter(|name| !CLASSIFIERS_ONLY.contains(name))
}

fn boxed<E: Encode + 'static>(loaded: Loaded<E>) -> Loaded<Box<dyn Architecture>> {
    Loaded {
        model: Box::new(loaded.model),
        head: loaded.head,
        parameters: loaded.parameters,
    }
}

/// Builds the model that `source` describes.
pub fn load(source: Source<'_>) -> Result<Loaded<Box<dyn Architecture>>> {
    find(source.config, source.config_path)?(source)
}

/// Whether a configuration, read from `path`, is of a kind of model that [`load`] knows. Sizes and weights are not looked at.
///
/// # Errors
/// A `model_type` that is missing or unknown; the message lists those that are known.
pub fn check_kind(config: &Value, path: &Path) -> Result<()> {
    find(config, path).map(|_| ())
}

fn find(config: &Value, path: &Path) -> Result<Constructor> {
    let model_type = config
        .get("model_type")
        .and_then(Value::as_str)
        .ok_or_else(|| ModelError::config(path, "model_type is missing, so the kind of model is unknown"))?;
    let known = ARCHITECTURES.iter().find(|(known, _)| *known == model_type);
    known.map(|(_, constructor)| *constructor).ok_or_else(|| {
        let known: Vec<&str> = ARCHITECTURES.iter().map(|(known, _)| *known).collect();
        let shown: String = model_type.chars().take(60).collect();
        ModelError::Unsupported {
            what: format!("model_type \"{shown}\""),
            supported: format!("known are {}", known.join(", ")),
            path: path.to_path_buf(),
        }
    })
}
