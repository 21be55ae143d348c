//! The tokens of a GGUF file with their kinds, and which of them begin and end a text.

use super::metadata::Metadata;
use crate::model::error::{ModelError, Result};

/// The largest known vocabularies have some 260,000 tokens of at most some 200 bytes.
const MAX_TOKENS: usize = 1 << 20;
const MAX_TOKEN_BYTES: usize = 1024;

/// Tokens at which an answer ends, besides those the metadata name; models with several write one of them after every turn.
const ENDS: [&str; 8] = [
    "</s>",
    "<eos>",
    "<|endoftext|>",
    "<|im_end|>",
    "<|eot_id|>",
    "<|end_of_text|>",
    "<|end|>",
    "<end_of_turn>",
];

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Normal,
    /// What stands for anything unknown.
    Unknown,
    /// A mark, such as the beginning of a turn.
    Control,
    /// A text that is never split.
    UserDefined,
    /// Nothing.
    Unused,
    /// One byte of a character that has no token.
    Byte,
}

/// All tokens, by id.
#[derive(Debug, Clone)]
pub struct Vocabulary {
    /// Their texts, none longer than 1024 bytes.
    pub tokens: Vec<String>,
    /// As many.
    pub kinds: Vec<Kind>,
    /// Put before a text.
    pub bos: Option<u32>,
    /// Named as the end.
    pub eos: Option<u32>,
    /// All at which an answer ends.
    pub ends: Vec<u32>,
    /// What stands for anything unknown.
    pub unknown: Option<u32>,
}

impl Vocabulary {
    /// Reads and checks it.
    ///
    /// # Errors
    /// Lists that are missing or of different lengths, tokens that are too long, ids that do not exist.
    pub fn read(metadata: &Metadata) -> Result<Vocabulary> {
        let wrong = |reason: String| ModelError::config(metadata.path(), reason);
        let Some(tokens) = metadata.find_texts("tokenizer.ggml.tokens")? else {
            return Err(wrong("the metadata lacks tokenizer.ggml.tokens".into()));
        };
        if tokens.is_empty() || tokens.len() > MAX_TOKENS {
            return Err(wrong(format!(
                "{} tokens are not between 1 and {MAX_TOKENS}",
                tokens.len()
            )));
        }
        if let Some(at) = tokens.iter().position(|token| token.len() > MAX_TOKEN_BYTES) {
            return Err(wrong(format!("token {at} is longer than {MAX_TOKEN_BYTES} bytes")));
        }
        let kinds = match metadata.find_numbers("tokenizer.ggml.token_type")? {
            None => vec![Kind::Normal; tokens.len()],
            Some(kinds) if kinds.len() == tokens.len() => kinds.iter().map(|kind| kind_of(*kind)).collect(),
            Some(kinds) => {
                return Err(wrong(format!(
                    "there are {} kinds for {} tokens",
                    kinds.len(),
                    tokens.len()
                )));
            }
        };
        let id = |name: &str| -> Result<Option<u32>> {
            let key = format!("tokenizer.ggml.{name}_token_id");
            match metadata.find_number(&key)? {
                None => Ok(None),
                Some(id) if id < tokens.len() as u64 => Ok(Some(id as u32)),
                Some(id) => Err(wrong(format!("{key} is {id}, but there are {} tokens", tokens.len()))),
            }
        };
        let (bos, eos) = (id("bos")?, id("eos")?);
        let mut ends: Vec<u32> = [eos, id("eot")?, id("eom")?].into_iter().flatten().collect();
        let named = |at: &usize| kinds[*at] == Kind::Control && ENDS.contains(&tokens[*at].as_str());
        ends.extend((0..tokens.len()).filter(named).map(|at| at as u32));
        Ok(Vocabulary {
            bos,
            eos,
            ends,
            unknown: id("unknown")?,
            kinds,
            tokens: tokens.to_vec(),
        })
    }

    /// A token's text; empty for none.
    pub fn text(&self, id: Option<u32>) -> &str {
        id.and_then(|id| self.tokens.get(id as usize))
            .map_or("", String::as_str)
    }

    /// Tokens of a kind, with their ids.
    pub fn of_kind(&self, kind: Kind) -> impl Iterator<Item = (u32, &str)> {
        let all = self.tokens.iter().zip(&self.kinds).zip(0..);
        all.filter(move |((_, found), _)| **found == kind)
            .map(|((token, _), id)| (id, token.as_str()))
    }
}

fn kind_of(number: f32) -> Kind {
    match number as i32 {
        2 => Kind::Unknown,
        3 => Kind::Control,
        4 => Kind::UserDefined,
        5 => Kind::Unused,
        6 => Kind::Byte,
        _ => Kind::Normal,
    }
}
