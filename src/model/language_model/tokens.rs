//! Texts to token ids and back, as the file says or a `tokenizer.json` beside it.

use std::path::{Path, PathBuf};

use tokenizers::{AddedToken, Tokenizer};

use super::metadata::Metadata;
use super::vocabulary::{Kind, Vocabulary};
use super::{byte_level, sentence_piece};
use crate::model::error::{ModelError, Result};
use crate::model::sentence_transformer::read_bounded;

/// Read instead of the file's own tokenizer where it lies beside it.
pub const TOKENIZER_FILE: &str = "tokenizer.json";

const MAX_TOKENIZER_BYTES: u64 = 256 << 20;

/// A text is never read beyond this many characters.
const MAX_CHARS: usize = 1 << 20;

/// A language model's tokenizer.
pub struct TokenReader {
    tokenizer: Tokenizer,
    vocabulary: Vocabulary,
    path: PathBuf,
    /// Put before a whole prompt.
    bos: Option<u32>,
    /// A space is put before a whole prompt.
    adds_space: bool,
}

impl TokenReader {
    /// Of a GGUF file.
    ///
    /// # Errors
    /// A kind of tokenizer that is not built, and vocabularies that are incomplete.
    pub fn load(metadata: &Metadata) -> Result<TokenReader> {
        let vocabulary = Vocabulary::read(metadata)?;
        let beside = metadata.path().with_file_name(TOKENIZER_FILE);
        let model = metadata.text("tokenizer.ggml.model")?;
        let adds_bos = metadata.find_flag("tokenizer.ggml.add_bos_token")?;
        let is_pieces = model == "llama";
        let adds_bos = match adds_bos {
            Some(adds) => adds,
            None => is_pieces || byte_level::begins_with_mark(metadata)?,
        };
        let adds_space = metadata.find_flag("tokenizer.ggml.add_space_prefix")?.unwrap_or(true);
        let (tokenizer, path) = match read_bounded(&beside, MAX_TOKENIZER_BYTES)? {
            Some(bytes) => (given(&bytes, &beside)?, beside),
            None => (own(metadata, model, &vocabulary)?, metadata.path().to_path_buf()),
        };
        let is_own = path == metadata.path();
        Ok(TokenReader {
            tokenizer,
            bos: vocabulary.bos.filter(|_| adds_bos),
            adds_space: is_own && is_pieces && adds_space,
            vocabulary,
            path,
        })
    }

    /// All tokens.
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// The tokens of the beginning of a prompt, marks in it read as marks: with the token for the beginning, and a space where the model
    /// wants one.
    pub fn beginning(&mut self, text: &str) -> Result<Vec<u32>> {
        let begins_with_mark = || {
            let marks = self.vocabulary.of_kind(Kind::Control);
            marks
                .into_iter()
                .any(|(_, mark)| !mark.is_empty() && text.starts_with(mark))
        };
        let ids = if self.adds_space && !text.is_empty() && !begins_with_mark() {
            self.encode(&[" ", text].concat(), true)?
        } else {
            self.encode(text, true)?
        };
        let bos = self.bos.filter(|bos| ids.first() != Some(bos));
        Ok(bos.into_iter().chain(ids).collect())
    }

    /// The tokens of a part of a prompt, in which marks are read as marks.
    pub fn part(&mut self, text: &str) -> Result<Vec<u32>> {
        self.encode(text, true)
    }

    /// The tokens of somebody's text, in which marks mean nothing: a text cannot end its turn.
    pub fn text(&mut self, text: &str) -> Result<Vec<u32>> {
        let end = text.char_indices().nth(MAX_CHARS).map_or(text.len(), |(at, _)| at);
        self.encode(&text[..end], false)
    }

    /// Whether a part of a prompt holds a mark.
    pub fn has_mark(&self, text: &str) -> bool {
        self.vocabulary
            .of_kind(Kind::Control)
            .any(|(_, mark)| !mark.is_empty() && text.contains(mark))
    }

    /// The text of tokens, without marks.
    pub fn decode(&self, ids: &[u32]) -> Result<String> {
        self.tokenizer.decode(ids, true).map_err(|error| self.complaint(&error))
    }

    fn encode(&mut self, text: &str, with_marks: bool) -> Result<Vec<u32>> {
        self.tokenizer.set_encode_special_tokens(!with_marks);
        let encoding = self.tokenizer.encode_fast(text, false);
        let encoding = encoding.map_err(|error| self.complaint(&error))?;
        Ok(encoding.get_ids().to_vec())
    }

    fn complaint(&self, error: &impl ToString) -> ModelError {
        ModelError::Tokenizer {
            reason: error.to_string(),
            path: self.path.clone(),
        }
    }
}

fn given(bytes: &[u8], path: &Path) -> Result<Tokenizer> {
    let complaint = |error: tokenizers::Error| ModelError::Tokenizer {
        reason: error.to_string(),
        path: path.to_path_buf(),
    };
    let mut tokenizer = Tokenizer::from_bytes(bytes).map_err(complaint)?;
    tokenizer.with_truncation(None).map_err(complaint)?;
    tokenizer.with_padding(None);
    Ok(tokenizer)
}

fn own(metadata: &Metadata, model: &str, vocabulary: &Vocabulary) -> Result<Tokenizer> {
    let mut tokenizer = match model {
        "gpt2" => byte_level::build(metadata, vocabulary)?,
        "llama" => sentence_piece::build(metadata, vocabulary)?,
        other => {
            return Err(ModelError::Unsupported {
                what: format!("a tokenizer of the kind {}", other.escape_debug()),
                supported: "gpt2 and llama are, and any with the model's tokenizer.json beside the file".into(),
                path: metadata.path().to_path_buf(),
            });
        }
    };
    let complaint = |error: tokenizers::Error| ModelError::Tokenizer {
        reason: error.to_string(),
        path: metadata.path().to_path_buf(),
    };
    // Only what can be looked up as it is written: anything else would become a token that the weights do not have.
    let unsplit = |tokenizer: &Tokenizer, kind: Kind| -> Vec<AddedToken> {
        let known = |text: &&str| !text.is_empty() && tokenizer.token_to_id(text).is_some();
        let texts = vocabulary.of_kind(kind).map(|(_, text)| text).filter(known);
        texts
            .map(|text| AddedToken::from(text, kind == Kind::Control).normalized(false))
            .collect()
    };
    let (marks, whole) = (
        unsplit(&tokenizer, Kind::Control),
        unsplit(&tokenizer, Kind::UserDefined),
    );
    tokenizer.add_special_tokens(marks).map_err(complaint)?;
    tokenizer.add_tokens(whole).map_err(complaint)?;
    Ok(tokenizer)
}
