//! Language models on this machine: decoder-only transformers in GGUF files, on candle's quantised products. A model reads tokens and says
//! which comes next. Not here: prompts, and what answers mean (`zero_shot`).

mod byte_level;
mod cache;
mod chat;
mod decoder;
mod gguf;
mod layer;
#[cfg(test)]
mod malformed_tests;
mod metadata;
mod reader;
mod rotary;
mod sentence_piece;
mod shape;
mod tensors;
#[cfg(test)]
pub mod testing;
mod tokens;
mod vocabulary;

use std::path::{Path, PathBuf};

pub use cache::Cache;
pub use chat::Frame;
pub use shape::ARCHITECTURES;
pub use tokens::{TOKENIZER_FILE, TokenReader};

use self::decoder::Decoder;
use self::gguf::Gguf;
use self::shape::Shape;
use super::compute::Compute;
use super::error::{ModelError, Result};

/// What the names of such files end with.
pub const ENDING: &str = "gguf";

/// A folder is looked through up to this many entries.
const MAX_FILES: usize = 10_000;

/// A decoder with its tokenizer and the template of its conversations.
pub struct LanguageModel {
    decoder: Decoder,
    tokens: TokenReader,
    frame: std::result::Result<Frame, String>,
}

impl LanguageModel {
    /// Loads a GGUF file, or the one in a folder. The device is opened for it: call it on the thread that will compute.
    ///
    /// # Errors
    /// No such file, an architecture that is not known (the message names those that are), a file that is cut off, incomplete or of several
    /// parts, a tokenizer that cannot be built.
    pub fn load(path: &Path, compute: Compute) -> Result<LanguageModel> {
        let file = find_file(path)?;
        let gguf = Gguf::open(&file)?;
        let metadata = gguf.metadata();
        // Before the tokenizer, which takes longer: an encoder's file says so here.
        Shape::read(metadata)?;
        let tokens = TokenReader::load(metadata)?;
        let decoder = Decoder::load(&gguf, &compute.device.open()?)?;
        let n_tokens = tokens.vocabulary().tokens.len();
        if n_tokens > decoder.n_tokens() {
            let reason = format!("it names {n_tokens} tokens, but has weights for {}", decoder.n_tokens());
            return Err(ModelError::config(&file, reason));
        }
        let vocabulary = tokens.vocabulary();
        let frame = match metadata.find_text("tokenizer.chat_template")? {
            None => Err("the file has none".to_owned()),
            Some(template) => chat::frame(
                template,
                vocabulary.text(vocabulary.bos),
                vocabulary.text(vocabulary.eos),
            ),
        };
        Ok(LanguageModel { decoder, tokens, frame })
    }

    /// The most tokens it reads.
    pub fn context(&self) -> usize {
        self.decoder.context()
    }

    /// What stands around a person's words in a conversation; why not, where the file has no template or one that cannot be rendered.
    pub fn frame(&self) -> std::result::Result<&Frame, &str> {
        self.frame.as_ref().map_err(String::as_str)
    }

    /// Its tokenizer.
    pub fn tokens(&mut self) -> &mut TokenReader {
        &mut self.tokens
    }

    /// Whether an answer ends with this token.
    pub fn is_end(&self, token: u32) -> bool {
        self.tokens.vocabulary().ends.contains(&token)
    }

    /// The logits of the token that follows `tokens`.
    ///
    /// # Errors
    /// No tokens, too many, or one that does not exist; what candle reports.
    pub fn next_logits(&self, tokens: &[u32], cache: &mut Cache) -> Result<Vec<f32>> {
        self.decoder.next_logits(tokens, cache)
    }
}

/// The GGUF file that a path means: itself, or the only one in the folder.
///
/// # Errors
/// No such file, or several.
pub fn find_file(path: &Path) -> Result<PathBuf> {
    if !path.is_dir() {
        return match is_named(path) && path.is_file() {
            true => Ok(path.to_path_buf()),
            false => Err(ModelError::Input(format!(
                "this is no GGUF file, and no folder with one: {}",
                path.display()
            ))),
        };
    }
    let entries = std::fs::read_dir(path).map_err(ModelError::io("list the folder", path))?;
    let mut found: Vec<PathBuf> = entries
        .take(MAX_FILES)
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| is_named(path) && path.is_file())
        .collect();
    found.sort();
    match found.as_slice() {
        [file] => Ok(file.clone()),
        [] => Err(ModelError::Input(format!(
            "there is no GGUF file in this folder: {}",
            path.display()
        ))),
        several => Err(ModelError::Input(format!(
            "this folder holds {} GGUF files; name one of them: {}",
            several.len(),
            path.display()
        ))),
    }
}

/// Checks the header of a GGUF file and that the whole of it is there, without reading weights.
///
/// # Errors
/// As [`LanguageModel::load`], as far as the header tells.
pub fn check_file(path: &Path) -> Result<()> {
    Shape::read(Gguf::open(path)?.metadata()).map(drop)
}

fn is_named(path: &Path) -> bool {
    path.extension()
        .is_some_and(|ending| ending.eq_ignore_ascii_case(ENDING))
}
