//! Checks that the architectures share: `config.json` comes from strangers.

use super::super::error::{ModelError, Result};
use super::super::ops::Activation;
use super::layers::Shape;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::ops::RangeInclusive;
use std::path::Path;

/// Vocabularies have at most this many entries.
pub(super) const VOCAB: RangeInclusive<usize> = 1..=4_000_000;
/// Columns of a token's state.
pub(super) const HIDDEN: RangeInclusive<usize> = 1..=16_384;
/// Layers.
pub(super) const LAYERS: RangeInclusive<usize> = 1..=256;
/// Attention heads.
pub(super) const HEADS: RangeInclusive<usize> = 1..=512;
/// Columns between the two layers of a feed-forward block.
pub(super) const INNER: RangeInclusive<usize> = 1..=131_072;
/// Tokens of a text.
pub(super) const POSITIONS: RangeInclusive<usize> = 2..=131_072;

/// What BERT and its relatives say alike of their shape; missing keys have the values `transformers` gives BERT.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub(super) struct Common {
    pub(super) vocab_size: usize,
    pub(super) hidden_size: usize,
    pub(super) num_hidden_layers: usize,
    pub(super) num_attention_heads: usize,
    pub(super) intermediate_size: usize,
    pub(super) max_position_embeddings: usize,
    pub(super) layer_norm_eps: f64,
    pub(super) hidden_dropout_prob: f64,
    pub(super) attention_probs_dropout_prob: f64,
    pub(super) hidden_act: String,
}

impl Default for Common {
    fn default() -> Common {
        Common {
            vocab_size: 30_522,
            hidden_size: 768,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            intermediate_size: 3072,
            max_position_embeddings: 512,
            layer_norm_eps: 1e-12,
            hidden_dropout_prob: 0.1,
            attention_probs_dropout_prob: 0.1,
            hidden_act: "gelu".into(),
        }
    }
}

impl Common {
    /// Every value is possible; the function between the two layers of a feed-forward block.
    pub(super) fn check(&self, check: Check<'_>) -> Result<Activation> {
        check.sizes(&[
            ("vocab_size", self.vocab_size, VOCAB),
            ("hidden_size", self.hidden_size, HIDDEN),
            ("num_hidden_layers", self.num_hidden_layers, LAYERS),
            ("num_attention_heads", self.num_attention_heads, HEADS),
            ("intermediate_size", self.intermediate_size, INNER),
            ("max_position_embeddings", self.max_position_embeddings, POSITIONS),
        ])?;
        check.heads(
            ("hidden_size", self.hidden_size),
            ("num_attention_heads", self.num_attention_heads),
        )?;
        check.probs(&[
            ("hidden_dropout_prob", self.hidden_dropout_prob),
            ("attention_probs_dropout_prob", self.attention_probs_dropout_prob),
        ])?;
        check.eps("layer_norm_eps", self.layer_norm_eps)?;
        check.activation("hidden_act", &self.hidden_act)
    }

    /// What every layer is like. `n_terms`: how many products an attention score is the sum of.
    pub(super) fn shape(&self, activation: Activation, n_terms: usize) -> Shape {
        Shape {
            hidden: self.hidden_size,
            inner: self.intermediate_size,
            n_heads: self.num_attention_heads,
            n_layers: self.num_hidden_layers,
            eps: self.layer_norm_eps,
            activation,
            attention_prob: self.attention_probs_dropout_prob,
            attention_out_prob: self.hidden_dropout_prob,
            inner_prob: 0.0,
            output_prob: self.hidden_dropout_prob,
            scale: 1.0 / ((self.hidden_size / self.num_attention_heads * n_terms) as f64).sqrt(),
        }
    }
}

/// A configuration file that is being checked.
#[derive(Clone, Copy)]
pub(super) struct Check<'a> {
    /// The file, for messages.
    pub(super) path: &'a Path,
}

impl Check<'_> {
    /// The configuration as the struct an architecture reads.
    pub(super) fn parse<T: DeserializeOwned>(self, config: &Value) -> Result<T> {
        serde_json::from_value(config.clone()).map_err(|error| ModelError::config(self.path, error.to_string()))
    }

    /// [`Check::parse`], where keys that are missing have other values than the struct's own.
    pub(super) fn parse_over<T: DeserializeOwned>(self, usual: Value, config: &Value) -> Result<T> {
        let mut config = config.clone();
        if let (Value::Object(usual), Some(config)) = (usual, config.as_object_mut()) {
            for (key, value) in usual {
                config.entry(key).or_insert(value);
            }
        }
        self.parse(&config)
    }

    /// Every value lies in its range.
    pub(super) fn sizes(self, sizes: &[(&str, usize, RangeInclusive<usize>)]) -> Result<()> {
        for (key, value, range) in sizes {
            if !range.contains(value) {
                return Err(ModelError::config(
                    self.path,
                    format!("{key} is {value}, but {} to {} is possible", range.start(), range.end()),
                ));
            }
        }
        Ok(())
    }

    /// The heads share the columns evenly.
    pub(super) fn heads(self, (hidden_key, hidden): (&str, usize), (heads_key, heads): (&str, usize)) -> Result<()> {
        if hidden.is_multiple_of(heads) {
            return Ok(());
        }
        Err(ModelError::config(
            self.path,
            format!("{hidden_key} {hidden} does not divide into {heads_key} {heads}"),
        ))
    }

    /// Every value is a probability of dropout.
    pub(super) fn probs(self, probs: &[(&str, f64)]) -> Result<()> {
        for (key, value) in probs {
            if !(0.0..1.0).contains(value) {
                return Err(ModelError::config(
                    self.path,
                    format!("{key} is {value}, but a probability below 1 is possible"),
                ));
            }
        }
        Ok(())
    }

    /// The value is a small positive number, as it is added to a variance.
    pub(super) fn eps(self, key: &str, value: f64) -> Result<()> {
        if value > 0.0 && value < 1.0 {
            return Ok(());
        }
        Err(ModelError::config(
            self.path,
            format!("{key} is {value}, but a small positive number is possible"),
        ))
    }

    /// The function that `name` stands for.
    pub(super) fn activation(self, key: &str, name: &str) -> Result<Activation> {
        Activation::named(name).ok_or_else(|| {
            let shown: String = name.chars().take(60).collect();
            self.unsupported(
                format!("{key} \"{shown}\""),
                format!("known are {}", Activation::names()),
            )
        })
    }

    /// Positions are learnt, one for each place, where the configuration has a word about it.
    pub(super) fn absolute_positions(self, kind: Option<&str>) -> Result<()> {
        match kind {
            None | Some("absolute") => Ok(()),
            Some(other) => Err(self.unsupported(
                format!(
                    "position_embedding_type \"{}\"",
                    other.chars().take(60).collect::<String>()
                ),
                "\"absolute\" is",
            )),
        }
    }

    /// A [`ModelError::Unsupported`] about this file.
    pub(super) fn unsupported(self, what: impl Into<String>, supported: impl Into<String>) -> ModelError {
        ModelError::Unsupported {
            what: what.into(),
            supported: supported.into(),
            path: self.path.to_path_buf(),
        }
    }
}
