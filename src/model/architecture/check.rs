//! Checks that the architectures share: `config.json` comes from strangers.

use super::super::error::{ModelError, Result};
use super::super::ops::Activation;
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
