//! Texts to token ids, with the tokenizer that belongs to the model.

use super::batch::Tokens;
use super::error::{ModelError, Result};
use super::sentence_transformer::{read_bounded, read_json};
use rayon::prelude::*;
use serde_json::Value;
use std::borrow::Cow;
use std::path::{Path, PathBuf};
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::processors::bert::BertProcessing;
use tokenizers::utils::truncation::TruncationParams;
use tokenizers::{AddedToken, PostProcessor, Tokenizer};

const MAX_TOKENIZER_BYTES: u64 = 256 << 20;

/// The first look at a text takes this many characters for each token that fits; words are rarely so long.
const CHARS_PER_TOKEN: usize = 24;

/// A text is never read beyond this many characters, whatever it holds.
const MAX_CHARS: usize = 1 << 20;

/// A model's tokenizer, with truncation to the model's longest input and no padding.
pub struct TextTokenizer {
    tokenizer: Tokenizer,
    path: PathBuf,
    max_tokens: usize,
    lower_case: bool,
}

impl TextTokenizer {
    /// Reads `tokenizer.json`, or builds a BERT tokenizer from `vocab.txt`. Truncation and padding set in the file are overridden.
    pub fn load(dir: &Path, max_tokens: usize, lower_case: bool) -> Result<TextTokenizer> {
        let path = dir.join("tokenizer.json");
        let (mut tokenizer, path) = match read_bounded(&path, MAX_TOKENIZER_BYTES)? {
            Some(bytes) => (
                Tokenizer::from_bytes(&bytes).map_err(|error| complaint(&path, &error))?,
                path,
            ),
            None => (from_vocab(dir)?, dir.join("vocab.txt")),
        };
        let n_special = tokenizer
            .get_post_processor()
            .map_or(0, |processor| processor.added_tokens(false));
        if n_special >= max_tokens {
            return Err(complaint(
                &path,
                &format!("it adds {n_special} special tokens, but a text can have only {max_tokens}"),
            ));
        }
        let truncation = TruncationParams {
            max_length: max_tokens,
            ..Default::default()
        };
        tokenizer
            .with_truncation(Some(truncation))
            .map_err(|error| complaint(&path, &error))?;
        tokenizer.with_padding(None);
        Ok(TextTokenizer {
            tokenizer,
            path,
            max_tokens,
            lower_case,
        })
    }

    /// The most tokens a text can have.
    pub fn max_tokens(&self) -> usize {
        self.max_tokens
    }

    /// The tokenizer as the contents of a `tokenizer.json`.
    pub fn to_json(&self) -> Result<String> {
        self.tokenizer
            .to_string(false)
            .map_err(|error| complaint(&self.path, &error))
    }

    /// Every text's tokens, in order; runs on the current rayon pool.
    pub fn tokenize(&self, texts: &[&str]) -> Result<Vec<Tokens>> {
        texts.par_iter().map(|text| self.tokenize_one(text)).collect()
    }

    /// Long texts are read in growing pieces until there are enough tokens: a text of 10 MB costs no more than its beginning.
    fn tokenize_one(&self, text: &str) -> Result<Tokens> {
        let text = text.trim();
        let mut n_chars = self.max_tokens.saturating_mul(CHARS_PER_TOKEN).clamp(4096, MAX_CHARS);
        loop {
            let (piece, is_cut) = beginning(text, n_chars);
            let piece = if self.lower_case {
                Cow::Owned(piece.to_lowercase())
            } else {
                Cow::Borrowed(piece)
            };
            let encoding = self
                .tokenizer
                .encode_fast(piece.as_ref(), true)
                .map_err(|error| complaint(&self.path, &error))?;
            // The last word may be cut in two, so a piece that only just fills the model is not enough.
            if !is_cut || !encoding.get_overflowing().is_empty() || n_chars >= MAX_CHARS {
                return Ok(Tokens {
                    ids: encoding.get_ids().to_vec(),
                });
            }
            n_chars = n_chars.saturating_mul(4).min(MAX_CHARS);
        }
    }
}

/// The first `n_chars` characters, and whether that left anything out. Cuts after white space where there is some near.
fn beginning(text: &str, n_chars: usize) -> (&str, bool) {
    if text.len() <= n_chars {
        return (text, false);
    }
    let Some((end, _)) = text.char_indices().nth(n_chars) else {
        return (text, false);
    };
    let piece = &text[..end];
    let cut = piece
        .rfind(char::is_whitespace)
        .filter(|&at| end - at < 1024)
        .unwrap_or(end);
    (&text[..cut], true)
}

/// The tokenizer of an original BERT folder: `vocab.txt`, and the settings in `tokenizer_config.json`.
fn from_vocab(dir: &Path) -> Result<Tokenizer> {
    let path = dir.join("vocab.txt");
    let Some(bytes) = read_bounded(&path, MAX_TOKENIZER_BYTES)? else {
        return Err(ModelError::Missing {
            file: "tokenizer.json (or vocab.txt)",
            path: dir.to_path_buf(),
        });
    };
    let text = String::from_utf8(bytes).map_err(|error| complaint(&path, &error))?;
    let vocab: Vec<(String, u32)> = text
        .lines()
        .enumerate()
        .map(|(id, token)| (token.trim_end().to_string(), id as u32))
        .collect();
    let id_of = |token: &str| {
        vocab
            .iter()
            .find(|(known, _)| known == token)
            .map(|(_, id)| *id)
            .ok_or_else(|| complaint(&path, &format!("{token} is not in the vocabulary")))
    };
    let (cls, sep, unknown) = (
        id_of("[CLS]")?,
        id_of("[SEP]")?,
        id_of("[UNK]").map(|_| "[UNK]".to_string())?,
    );
    let specials: Vec<AddedToken> = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
        .into_iter()
        .filter(|token| id_of(token).is_ok())
        .map(|token| AddedToken::from(token, true))
        .collect();

    let config = read_json(&dir.join("tokenizer_config.json"))?.unwrap_or(Value::Null);
    let flag = |key: &str| config.get(key).and_then(Value::as_bool);
    let normalizer = BertNormalizer::new(
        true,
        flag("tokenize_chinese_chars").unwrap_or(true),
        flag("strip_accents"),
        flag("do_lower_case").unwrap_or(true),
    );

    let model = WordPiece::from_file(&path.to_string_lossy())
        .unk_token(unknown)
        .build()
        .map_err(|error| complaint(&path, &error))?;
    let mut tokenizer = Tokenizer::new(model);
    tokenizer
        .with_normalizer(Some(normalizer))
        .map_err(|error| complaint(&path, &error))?;
    tokenizer.with_pre_tokenizer(Some(BertPreTokenizer));
    tokenizer.with_post_processor(Some(BertProcessing::new(("[SEP]".into(), sep), ("[CLS]".into(), cls))));
    tokenizer
        .add_special_tokens(specials)
        .map_err(|error| complaint(&path, &error))?;
    Ok(tokenizer)
}

fn complaint(path: &Path, error: &impl ToString) -> ModelError {
    ModelError::Tokenizer {
        reason: error.to_string(),
        path: path.to_path_buf(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginnings_end_at_white_space_and_character_boundaries() {
        assert_eq!(beginning("short", 10), ("short", false));
        assert_eq!(beginning("ééééé", 5), ("ééééé", false));
        assert_eq!(beginning("one two three", 9), ("one two", true));
        assert_eq!(beginning(&"é".repeat(9000), 3), ("ééé", true));
    }
}
