//! The kinds of transformer Handful can read: one line each in [`ARCHITECTURES`].

use super::batch::Packed;
use super::bert::Bert;
use super::error::{ModelError, Result};
use super::ops::Ops;
use super::ops::plain::Plain;
use super::ops::tape::{Rows, Tape};
use super::parameters::{Loader, Parameters};
use candle_core::{Device, Tensor};
use serde_json::Value;
use std::path::Path;

/// What a constructor gets to read a model from.
pub struct Source<'a> {
    /// `config.json`, parsed.
    pub config: &'a Value,
    /// Where it came from, for messages.
    pub config_path: &'a Path,
    /// The weights.
    pub loader: Loader<'a>,
}

/// The sizes a caller needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Columns of a token's state.
    pub dim: usize,
    /// Token ids are below this.
    pub vocab_size: usize,
    /// The longest text, in tokens.
    pub max_tokens: usize,
}

/// A transformer, written once over any [`Ops`].
pub trait Encode: Send + Sync {
    /// The sizes.
    fn sizes(&self) -> Sizes;

    /// The last layer's state of every token: `(rows, dim)`.
    fn encode<O: Ops>(&self, ops: &mut O, batch: &Packed) -> Result<O::Value>;
}

/// [`Encode`] for the two things that implement [`Ops`], so that an encoder can hold any architecture.
pub trait Architecture: Send + Sync {
    /// The sizes.
    fn sizes(&self) -> Sizes;

    /// [`Encode::encode`] on the CPU's fused operations.
    fn encode_fused(&self, ops: &mut Tape, batch: &Packed) -> Result<Rows>;

    /// [`Encode::encode`] on candle's operations.
    fn encode_plain(&self, ops: &mut Plain, batch: &Packed) -> Result<Tensor>;
}

impl<E: Encode> Architecture for E {
    fn sizes(&self) -> Sizes {
        Encode::sizes(self)
    }

    fn encode_fused(&self, ops: &mut Tape, batch: &Packed) -> Result<Rows> {
        self.encode(ops, batch)
    }

    fn encode_plain(&self, ops: &mut Plain, batch: &Packed) -> Result<Tensor> {
        self.encode(ops, batch)
    }
}

type Constructor = fn(Source<'_>) -> Result<(Box<dyn Architecture>, Parameters)>;

/// `model_type` in `config.json` → constructor.
pub static ARCHITECTURES: &[(&str, Constructor)] = &[("bert", |source| Bert::load(source).map(boxed))];

fn boxed<E: Encode + 'static>((model, parameters): (E, Parameters)) -> (Box<dyn Architecture>, Parameters) {
    (Box::new(model), parameters)
}

/// Builds the model that `config` describes from the bytes of its weights file.
pub fn load(
    config: &Value,
    config_path: &Path,
    weights: &[u8],
    weights_path: &Path,
    device: &Device,
) -> Result<(Box<dyn Architecture>, Parameters)> {
    let model_type = config
        .get("model_type")
        .and_then(Value::as_str)
        .ok_or_else(|| ModelError::config(config_path, "model_type is missing, so the kind of model is unknown"))?;
    let Some((_, constructor)) = ARCHITECTURES.iter().find(|(known, _)| *known == model_type) else {
        let known: Vec<&str> = ARCHITECTURES.iter().map(|(known, _)| *known).collect();
        let shown: String = model_type.chars().take(60).collect();
        return Err(ModelError::Unsupported {
            what: format!("model_type \"{shown}\""),
            supported: format!("known are {}", known.join(", ")),
            path: config_path.to_path_buf(),
        });
    };
    constructor(Source {
        config,
        config_path,
        loader: Loader::new(weights, weights_path, device)?,
    })
}
