//! The training texts as an encoder takes them: tokens, and where the lowest layers stay as they are, the states these give once and for
//! all.

use candle_core::Tensor;

use super::{Options, TrainError, TrainingSet};
use crate::model::{Dropout, Encoder, Tokens};

/// States of lower layers are kept up to this many numbers (1 GiB); beyond, they are computed for each batch.
const MAX_KEPT: usize = 1 << 28;

/// Texts ready to be encoded.
pub(super) struct Inputs<'a> {
    encoder: &'a Encoder,
    tokens: Vec<Tokens>,
    n_frozen: usize,
    /// Of each text; empty where nothing is frozen, or there would be too much.
    states: Vec<Vec<f32>>,
}

impl<'a> Inputs<'a> {
    /// Cuts the texts of `set` into tokens, and runs the layers that the option `freeze_layers` leaves alone.
    ///
    /// # Errors
    /// As many frozen layers as there are, or more; whatever the encoder reports.
    pub(super) fn new(encoder: &'a Encoder, set: &TrainingSet, options: &Options) -> Result<Self, TrainError> {
        let n_frozen = options.whole("freeze_layers");
        if n_frozen >= encoder.n_layers() {
            return Err(TrainError::BadOption {
                option: "freeze_layers".into(),
                value: n_frozen.to_string(),
                range: format!("below the {} layers of this encoder", encoder.n_layers()),
            });
        }
        let tokens = encoder.tokenize(&set.texts())?;
        let n_numbers = tokens.iter().map(Tokens::len).sum::<usize>() * encoder.dim();
        let states = match n_frozen > 0 && n_numbers <= MAX_KEPT {
            true => encoder.lower_states(&tokens, n_frozen)?,
            false => Vec::new(),
        };
        Ok(Inputs {
            encoder,
            tokens,
            n_frozen,
            states,
        })
    }

    /// One row per text of the batch; see [`Encoder::forward`].
    pub(super) fn forward(&self, batch: &[usize], dropout: &mut Dropout) -> Result<Tensor, TrainError> {
        let tokens: Vec<&Tokens> = batch.iter().map(|text| &self.tokens[*text]).collect();
        if self.n_frozen == 0 {
            return Ok(self.encoder.forward(&tokens, Some(dropout))?);
        }
        let computed = match self.states.is_empty() {
            true => {
                let tokens: Vec<Tokens> = tokens.iter().map(|tokens| (*tokens).clone()).collect();
                self.encoder.lower_states(&tokens, self.n_frozen)?
            }
            false => Vec::new(),
        };
        let states: Vec<&[f32]> = match self.states.is_empty() {
            true => computed.iter().map(Vec::as_slice).collect(),
            false => batch.iter().map(|text| self.states[*text].as_slice()).collect(),
        };
        Ok(self
            .encoder
            .forward_from(&tokens, &states, self.n_frozen, Some(dropout))?)
    }
}
