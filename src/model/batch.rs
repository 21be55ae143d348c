//! Texts as token ids, and a batch of them laid end to end without padding.

use super::error::{ModelError, Result};

/// One text as the encoder reads it: token ids, special tokens included, cut to the encoder's longest input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tokens {
    /// Token ids, never empty for a tokenizer that adds special tokens.
    pub ids: Vec<u32>,
    /// Token types, one per token: for most models 0 in a text and in the first text of a pair, 1 in the second.
    pub type_ids: Vec<u32>,
}

impl Tokens {
    /// One text, all of whose tokens have type 0.
    pub fn single(ids: Vec<u32>) -> Tokens {
        let type_ids = vec![0; ids.len()];
        Tokens { ids, type_ids }
    }

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
    /// Token types, one per row.
    pub type_ids: Vec<u32>,
    /// Each row's place within its text, from 0.
    pub positions: Vec<u32>,
    /// Where each text starts, and one past the last row; `n_texts + 1` ascending numbers.
    pub starts: Vec<usize>,
}

impl Packed {
    /// Lays the texts end to end. No text at all, an id of `vocab_size` or more, an empty text, one longer than `max_tokens` or one without
    /// a type for every token is an error.
    pub fn new(batch: &[&Tokens], vocab_size: usize, max_tokens: usize) -> Result<Packed> {
        if batch.is_empty() {
            return Err(ModelError::Input("there is no text to encode".into()));
        }
        let n_rows = batch.iter().map(|tokens| tokens.len()).sum();
        let mut packed = Packed {
            ids: Vec::with_capacity(n_rows),
            type_ids: Vec::with_capacity(n_rows),
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
            if tokens.type_ids.len() != tokens.len() {
                return Err(ModelError::Input(format!(
                    "a text of {} tokens has {} token types",
                    tokens.len(),
                    tokens.type_ids.len()
                )));
            }
            packed.ids.extend_from_slice(&tokens.ids);
            packed.type_ids.extend_from_slice(&tokens.type_ids);
            packed.positions.extend(0..tokens.len() as u32);
            packed.starts.push(packed.ids.len());
        }
        Ok(packed)
    }

    /// Fails where a token type is `type_vocab_size` or more, the number of types the encoder has rows for.
    pub fn check_types(&self, type_vocab_size: usize) -> Result<()> {
        match self.type_ids.iter().find(|&&id| id as usize >= type_vocab_size) {
            None => Ok(()),
            Some(id) => Err(ModelError::Input(format!(
                "token type {id} is outside this encoder's {type_vocab_size}; it cannot read pairs of texts as its tokenizer writes them"
            ))),
        }
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
