//! Tokenizers of `vocab.json` and `merges.txt`: the byte-level pair encoding of RoBERTa (`<s> A </s>`).

use super::super::error::{ModelError, Result};
use super::super::sentence_transformer::read_bounded;
use super::kinds::Built;
use super::settings::{Names, Settings};
use super::{MAX_VOCAB_BYTES, complaint, ends, required, shown};
use std::collections::HashMap;
use std::path::Path;
use tokenizers::Tokenizer;
use tokenizers::models::bpe::{BPE, Merges, Vocab};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::processors::roberta::RobertaProcessing;

/// transformers 4 let the mask swallow the white space before it; 5 does so only where the folder writes the token out that way.
const ROBERTA: Names = Names {
    begin: ("cls_token", "<s>"),
    end: ("sep_token", "</s>"),
    pad: "<pad>",
    unknown: "<unk>",
    mask: "<mask>",
    mask_takes_space: false,
    mask_comes_after: false,
};

/// `<s> A </s>`, and for pairs `<s> A </s></s> B </s>`.
pub(super) fn roberta(dir: &Path, settings: &Settings) -> Result<Option<Built>> {
    let path = dir.join("vocab.json");
    let merges_path = dir.join("merges.txt");
    let missing = |file| ModelError::Missing {
        file,
        path: dir.to_path_buf(),
    };
    let (vocab, merges) = match (
        read_bounded(&path, MAX_VOCAB_BYTES)?,
        read_bounded(&merges_path, MAX_VOCAB_BYTES)?,
    ) {
        (Some(vocab), Some(merges)) => (vocab, merges),
        (Some(_), None) => return Err(missing("merges.txt, which belongs to vocab.json,")),
        (None, Some(_)) => return Err(missing("vocab.json, which belongs to merges.txt,")),
        (None, None) => return Ok(None),
    };
    let vocab = read_vocab(&vocab, &path)?;
    let merges = read_merges(&merges, &vocab, &merges_path)?;
    let model = BPE::builder()
        .vocab_and_merges(vocab, merges)
        .build()
        .map_err(|error| complaint(&merges_path, &error))?;
    let mut tokenizer = Tokenizer::new(model);

    let prefix = settings.flag("add_prefix_space")?.unwrap_or(false);
    let trim = settings.flag("trim_offsets")?.unwrap_or(true);
    let byte_level = ByteLevel::default().add_prefix_space(prefix);
    tokenizer.with_pre_tokenizer(Some(byte_level));
    tokenizer.with_decoder(Some(ByteLevel::default()));
    let specials = settings.specials(&ROBERTA);
    settings.register(&mut tokenizer, &specials, Vec::new(), &path)?;
    required(&tokenizer, &specials.unknown.content, &path)?;
    let [end, begin] = ends(&tokenizer, &specials, &path)?;
    let processor = RobertaProcessing::new(end, begin);
    tokenizer.with_post_processor(Some(processor.trim_offsets(trim).add_prefix_space(prefix)));
    Ok(Some((tokenizer, path)))
}

/// Tokens by id; the ids are 0 up to the number of tokens, each once.
fn read_vocab(bytes: &[u8], path: &Path) -> Result<Vocab> {
    let vocab: HashMap<String, u32> = serde_json::from_slice(bytes)
        .map_err(|error| complaint(path, &format!("this is not a JSON object of token ids ({error})")))?;
    let mut is_taken = vec![false; vocab.len()];
    for (token, &id) in &vocab {
        let reason = match is_taken.get_mut(id as usize) {
            None => format!(
                "{} has id {id}, but {} tokens have the ids below {}; some are missing",
                shown(token),
                vocab.len(),
                vocab.len()
            ),
            Some(true) => format!("{} has the id of another token, {id}", shown(token)),
            Some(taken) => {
                *taken = true;
                continue;
            }
        };
        return Err(complaint(path, &reason));
    }
    Ok(vocab.into_iter().collect())
}

/// Pairs of tokens, the most frequent first. Both tokens and what they make together have to be in the vocabulary.
fn read_merges(bytes: &[u8], vocab: &Vocab, path: &Path) -> Result<Merges> {
    let text = std::str::from_utf8(bytes).map_err(|error| complaint(path, &error))?;
    let mut merges = Merges::new();
    for (at, line) in text.lines().enumerate() {
        if line.starts_with("#version") || line.is_empty() {
            continue;
        }
        let at = at + 1;
        let Some((left, right)) = line.split_once(' ').filter(|(_, right)| !right.contains(' ')) else {
            return Err(complaint(
                path,
                &format!("line {at} is not two tokens with a space between them"),
            ));
        };
        for token in [left, right, &format!("{left}{right}")] {
            if !vocab.contains_key(token) {
                let reason = format!("line {at} needs {}, which is not in vocab.json", shown(token));
                return Err(complaint(path, &reason));
            }
        }
        merges.push((left.to_string(), right.to_string()));
    }
    Ok(merges)
}
