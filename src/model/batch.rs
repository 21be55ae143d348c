//! Texts as token ids, and a batch of them laid end to end without padding.

use super::error::{ModelError, Result};

/// One text as the encoder reads it: token ids, special tokens included, cut to the encoder's longest input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tokens {
    /// Token ids, never empty for a tokenizer that adds special tokens.
    pub ids: Vec<u32>,
}

impl Tokens {
    /// The number of tokens.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// True for a text without any token.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }
}

/// A batch of texts as one run of rows: text `t` owns rows `starts[t]..starts[t + 1]`. There is no padding: a third and more of a
/// padded batch is work for nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// Token ids, one per row.
    pub ids: Vec<u32>,
    /// Each row's place within its text, from 0.
    pub positions: Vec<u32>,
    /// Where each text starts, and one past the last row; `n_texts + 1` ascending numbers.
    pub starts: Vec<usize>,
}

impl Packed {
    /// Lays the texts end to end. No text at all, an id of `vocab_size` or more, an empty text or one longer than `max_tokens` is an error.
    pub fn new(batch: &[&Tokens], vocab_size: usize, max_tokens: usize) -> Result<Packed> {
        if batch.is_empty() {
            return Err(ModelError::Input("there is no text to encode".into()));
        }
        let n_rows = batch.iter().map(|tokens| tokens.len()).sum();
        let mut packed = Packed {
            ids: Vec::with_capacity(n_rows),
            positions: Vec::with_capacity(n_rows),
            starts: vec![0],
        };
        for tokens in batch {
            if tokens.is_empty() || tokens.len() > max_tokens {
                return Err(ModelError::Input(format!(
                    "a text of {} tokens does not fit this encoder: 1 to {max_tokens} are possible",
                    tokens.len()
                )));
            }
            if let Some(id) = tokens.ids.iter().find(|&&id| id as usize >= vocab_size) {
                return Err(ModelError::Input(format!(
                    "token id {id} is outside this encoder's vocabulary of {vocab_size}; the tokenizer belongs to another model"
                )));
            }
            packed.ids.extend_from_slice(&tokens.ids);
            packed.positions.extend(0..tokens.len() as u32);
            packed.starts.push(packed.ids.len());
        }
        Ok(packed)
    }

    /// The number of texts.
    pub fn n_texts(&self) -> usize {
        self.starts.len() - 1
    }

    /// The number of rows, which is the number of tokens.
    pub fn n_rows(&self) -> usize {
        self.ids.len()
    }

    /// The number of tokens of each text.
    pub fn lengths(&self) -> impl Iterator<Item = usize> + '_ {
        self.starts.windows(2).map(|pair| pair[1] - pair[0])
    }

    /// The number of tokens of the longest text.
    pub fn longest(&self) -> usize {
        self.lengths().max().unwrap_or(0)
    }
}
