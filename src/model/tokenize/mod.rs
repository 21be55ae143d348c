//! Texts to token ids, with the tokenizer that belongs to the model: that of `tokenizer.json`, or one built from the vocabulary files of the
//! model's family (`kinds`). Not here: files of any kind but a tokenizer's, and what becomes of the ids.

mod byte_level;
mod charsmap;
mod kinds;
#[cfg(test)]
mod malformed_tests;
mod pieces;
mod sentence_piece;
mod settings;
#[cfg(test)]
mod tests;
mod unigram;
mod word_piece;

use super::batch::Tokens;
use super::error::{ModelError, Result};
use super::sentence_transformer::read_bounded;
use rayon::prelude::*;
use settings::Specials;
use std::borrow::Cow;
use std::path::{Path, PathBuf};
use tokenizers::utils::truncation::{TruncationDirection, TruncationParams};
use tokenizers::{Encoding, PostProcessor, Tokenizer};

pub use pieces::Piece;

/// Everything about a tokenizer in one file; where it is there, no other is read.
const TOKENIZER_FILE: &str = "tokenizer.json";

const MAX_TOKENIZER_BYTES: u64 = 256 << 20;

/// A vocabulary of a million tokens has some 15 MB.
const MAX_VOCAB_BYTES: u64 = 64 << 20;

/// The first look at a text takes this many characters for each token that fits; words are rarely so long.
const CHARS_PER_TOKEN: usize = 24;

/// A text is never read beyond this many characters, whatever it holds.
const MAX_CHARS: usize = 1 << 20;

/// Whether a folder has the files of a tokenizer that [`TextTokenizer::load`] reads. Cheap: no vocabulary is opened, so that they may still
/// be malformed.
///
/// # Errors
/// Missing files, and a `tokenizer_class` that is not built from a vocabulary.
pub fn check_files(dir: &Path, model_type: &str) -> Result<()> {
    if dir.join(TOKENIZER_FILE).is_file() {
        return Ok(());
    }
    kinds::check_files(dir, model_type)
}

/// What a pair that is too long for the model loses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PairCut {
    /// The end of the longer text until both are equally long, then of both, as transformers' `truncation=True`.
    LongestFirst,
    /// The end of the first text only, as transformers' zero-shot pipeline: the second is a question about the first.
    OnlyFirst,
}

/// A model's tokenizer, with truncation to the model's longest input and no padding.
#[derive(Clone)]
pub struct TextTokenizer {
    tokenizer: Tokenizer,
    path: PathBuf,
    max_tokens: usize,
    /// Special tokens around one text, and around a pair.
    n_special: (usize, usize),
    lower_case: bool,
}

impl TextTokenizer {
    /// Reads `tokenizer.json`; in a folder without one, builds the tokenizer of a `model_type` (that of `config.json`) from its vocabulary
    /// files. Truncation and padding set in the file are overridden.
    ///
    /// Built are: BERT, DistilBERT and MPNet from `vocab.txt`, RoBERTa from `vocab.json` and `merges.txt`, XLM-RoBERTa and CamemBERT from
    /// `sentencepiece.bpe.model`, DeBERTa-v2, v3 and mDeBERTa from `spm.model`; each with the same ids as in transformers 5.23. A
    /// `tokenizer_class` in `tokenizer_config.json` goes before the `model_type`. Files that are missing, too large or malformed are errors.
    pub fn load(dir: &Path, model_type: &str, max_tokens: usize, lower_case: bool) -> Result<TextTokenizer> {
        let path = dir.join(TOKENIZER_FILE);
        let (mut tokenizer, path) = match read_bounded(&path, MAX_TOKENIZER_BYTES)? {
            Some(bytes) => (
                Tokenizer::from_bytes(&bytes).map_err(|error| complaint(&path, &error))?,
                path,
            ),
            None => kinds::build(dir, model_type)?,
        };
        let n_special = tokenizer.get_post_processor().map_or((0, 0), |processor| {
            (processor.added_tokens(false), processor.added_tokens(true))
        });
        if n_special.0 >= max_tokens {
            return Err(complaint(
                &path,
                &format!(
                    "it adds {} special tokens, but a text can have only {max_tokens}",
                    n_special.0
                ),
            ));
        }
        tokenizer.with_padding(None);
        let mut tokenizer = TextTokenizer {
            tokenizer,
            path,
            max_tokens,
            n_special,
            lower_case,
        };
        tokenizer.cut_to(max_tokens)?;
        Ok(tokenizer)
    }

    /// Cuts texts to `max_tokens` from now on, if that is fewer than before; at least one token of a text remains.
    pub fn cut_to(&mut self, max_tokens: usize) -> Result<()> {
        self.max_tokens = self.max_tokens.min(max_tokens).max(self.n_special.0 + 1);
        // Cut here and not in the library, whose encodings do not say how long a text was.
        self.tokenizer
            .with_truncation(None)
            .map_err(|error| complaint(&self.path, &error))?;
        Ok(())
    }

    /// The most tokens a text can have.
    pub fn max_tokens(&self) -> usize {
        self.max_tokens
    }

    /// The tokenizer as the contents of a `tokenizer.json`.
    pub fn to_json(&self) -> Result<String> {
        let truncation = TruncationParams {
            max_length: self.max_tokens,
            ..Default::default()
        };
        let mut tokenizer = self.tokenizer.clone();
        let cutting = tokenizer.with_truncation(Some(truncation));
        cutting
            .and_then(|tokenizer| tokenizer.to_string(false))
            .map_err(|error| complaint(&self.path, &error))
    }

    /// Every text's tokens, in order; runs on the current rayon pool. White space around a text does not count; a text that is too long
    /// loses its end.
    pub fn tokenize(&self, texts: &[&str]) -> Result<Vec<Tokens>> {
        texts.par_iter().map(|text| self.of_text(text)).collect()
    }

    /// The tokens of one text; see [`TextTokenizer::tokenize`].
    pub fn of_text(&self, text: &str) -> Result<Tokens> {
        let room = self.max_tokens - self.n_special.0;
        self.finish(self.beginning(text, room)?, None)
    }

    /// Every pair's tokens, in order, as one input with the model's own separators and token types: for a question about both texts, such as
    /// whether the second follows from the first. Runs on the current rayon pool.
    ///
    /// `cut` says what a pair that is too long loses. Where only the first may lose tokens and the second alone leaves it no room at all, the
    /// second is cut to half of what there is. With fewer tokens than the separators need, every pair is an error.
    pub fn tokenize_pairs(&self, pairs: &[(&str, &str)], cut: PairCut) -> Result<Vec<Tokens>> {
        let of_pair = |(first, second): &(&str, &str)| self.of_pair(first, second, cut);
        pairs.par_iter().map(of_pair).collect()
    }

    /// The tokens of one pair; see [`TextTokenizer::tokenize_pairs`].
    pub fn of_pair(&self, first: &str, second: &str, cut: PairCut) -> Result<Tokens> {
        let room = self.room_of_pair()?;
        let (first, second) = match cut {
            PairCut::OnlyFirst => self.cut_first(first, second, room)?,
            PairCut::LongestFirst => self.cut_longest(first, second, room)?,
        };
        self.finish(first, Some(second))
    }

    fn cut_first(&self, first: &str, second: &str, room: usize) -> Result<(Encoding, Encoding)> {
        let mut second = self.beginning(second, room)?;
        let n_second = pieces::shown(second.len(), room);
        cut(&mut second, n_second);
        let first = self.beginning(first, room - second.len())?;
        Ok((first, second))
    }

    fn cut_longest(&self, first: &str, second: &str, room: usize) -> Result<(Encoding, Encoding)> {
        let (mut first, mut second) = (self.enough(first, room)?, self.enough(second, room)?);
        let (n_first, n_second) = longest_first(first.len(), second.len(), room);
        cut(&mut first, n_first);
        cut(&mut second, n_second);
        Ok((first, second))
    }

    /// How many tokens of a text that begins with `prompt` are the prompt's, as sentence-transformers counts them: the tokens of the prompt
    /// by itself, special ones before it included and a special one after it not.
    pub fn prompt_length(&self, prompt: &str) -> Result<usize> {
        let prompt = if self.lower_case {
            Cow::Owned(prompt.to_lowercase())
        } else {
            Cow::Borrowed(prompt)
        };
        let encoding = self
            .tokenizer
            .encode_fast(prompt.as_ref(), true)
            .map_err(|error| complaint(&self.path, &error))?;
        let ends_special = encoding.get_special_tokens_mask().last() == Some(&1);
        Ok(encoding.len() - usize::from(ends_special))
    }

    /// The first `room` tokens of a text, special ones not counted.
    fn beginning(&self, text: &str, room: usize) -> Result<Encoding> {
        let mut encoding = self.enough(text, room)?;
        cut(&mut encoding, room);
        Ok(encoding)
    }

    /// More than `room` tokens of a text, or all it has. Long texts are read in growing pieces until there are enough tokens: a text of 10 MB
    /// costs no more than its beginning.
    fn enough(&self, text: &str, room: usize) -> Result<Encoding> {
        let text = text.trim();
        let mut n_chars = self.max_tokens.saturating_mul(CHARS_PER_TOKEN).clamp(4096, MAX_CHARS);
        loop {
            let (piece, is_cut) = beginning(text, n_chars);
            let encoding = self.whole(piece)?;
            // The last word may be cut in two, so a piece that only just fills the model is not enough.
            if !is_cut || encoding.len() > room || n_chars >= MAX_CHARS {
                return Ok(encoding);
            }
            n_chars = n_chars.saturating_mul(4).min(MAX_CHARS);
        }
    }

    /// Puts the special tokens around texts that are short enough.
    fn finish(&self, first: Encoding, second: Option<Encoding>) -> Result<Tokens> {
        let encoding = self
            .tokenizer
            .post_process(first, second, true)
            .map_err(|error| complaint(&self.path, &error))?;
        Ok(Tokens {
            ids: encoding.get_ids().to_vec(),
            type_ids: encoding.get_type_ids().to_vec(),
        })
    }
}

/// How many tokens of two texts remain in `room`. Where both are cut and the room is odd, the longer one has the odd token, the second of
/// equals: as in the tokenizers library, unlike in transformers' Python tokenizers. Of two texts of which only the beginnings were read, the
/// longer one is the one with more tokens there.
fn longest_first(first: usize, second: usize, room: usize) -> (usize, usize) {
    let half = room / 2;
    if first + second <= room {
        (first, second)
    } else if second <= half {
        (room - second, second)
    } else if first <= half {
        (first, room - first)
    } else if first > second {
        (room - half, half)
    } else {
        (half, room - half)
    }
}

/// Drops all but the first `n_tokens`.
fn cut(encoding: &mut Encoding, n_tokens: usize) {
    encoding.truncate(n_tokens, 0, TruncationDirection::Right);
    encoding.take_overflowing();
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

/// A token the tokenizer cannot do without, and its id.
fn required(tokenizer: &Tokenizer, token: &str, path: &Path) -> Result<(String, u32)> {
    match tokenizer.token_to_id(token) {
        Some(id) => Ok((token.to_string(), id)),
        None => Err(complaint(path, &format!("{} is not in the vocabulary", shown(token)))),
    }
}

/// The tokens around a text, as the library's processors take them: the end, then the begin.
fn ends(tokenizer: &Tokenizer, specials: &Specials, path: &Path) -> Result<[(String, u32); 2]> {
    let id = |token: &str| required(tokenizer, token, path);
    let begin = id(&specials.begin.content)?;
    Ok([id(&specials.end.content)?, begin])
}

/// A token in a message: not endless, and without line ends.
fn shown(token: &str) -> String {
    let beginning: String = token.chars().take(60).collect();
    beginning.escape_debug().to_string()
}

fn complaint(path: &Path, error: &impl ToString) -> ModelError {
    ModelError::Tokenizer {
        reason: error.to_string(),
        path: path.to_path_buf(),
    }
}
