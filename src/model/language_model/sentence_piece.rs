//! Tokenizers of the model "llama": SentencePiece's pair encoding, whose merges follow from the tokens and their scores, with characters that
//! have no token as bytes.

use tokenizers::Tokenizer;
use tokenizers::decoders::byte_fallback::ByteFallback;
use tokenizers::decoders::fuse::Fuse;
use tokenizers::decoders::sequence::Sequence;
use tokenizers::models::bpe::{BPE, Merges, Vocab};
use tokenizers::normalizers::Replace;

use super::metadata::Metadata;
use super::vocabulary::{Kind, Vocabulary};
use crate::model::error::{ModelError, Result};

/// What stands for a space.
const SPACE: &str = "▁";

/// The tokenizer, without special tokens and without the space before a text.
pub fn build(metadata: &Metadata, vocabulary: &Vocabulary) -> Result<Tokenizer> {
    let wrong = |reason: String| ModelError::Tokenizer {
        reason,
        path: metadata.path().to_path_buf(),
    };
    let tokens = spelled(vocabulary);
    let ranks = ranks(metadata, tokens.len())?;
    let mut vocab = Vocab::default();
    for (token, id) in tokens.iter().zip(0..) {
        vocab.entry(token.clone()).or_insert(id);
    }
    let merges = merges(&tokens, vocabulary, &vocab, &ranks);
    let mut model = BPE::builder()
        .vocab_and_merges(vocab, merges)
        .fuse_unk(true)
        .byte_fallback(true);
    if let Some(unknown) = vocabulary.unknown.and_then(|id| tokens.get(id as usize)) {
        model = model.unk_token(unknown.clone());
    }
    let mut tokenizer = Tokenizer::new(model.build().map_err(|error| wrong(error.to_string()))?);
    let space = |from: &str, to: &str| Replace::new(from, to).map_err(|error| wrong(error.to_string()));
    tokenizer
        .with_normalizer(Some(space(" ", SPACE)?))
        .map_err(|error| wrong(error.to_string()))?;
    let decoders = vec![
        space(SPACE, " ")?.into(),
        ByteFallback::new().into(),
        Fuse::new().into(),
    ];
    tokenizer.with_decoder(Some(Sequence::new(decoders)));
    Ok(tokenizer)
}

/// Tokens as they are looked up: runs of spaces come as spaces in some files.
fn spelled(vocabulary: &Vocabulary) -> Vec<String> {
    let is_run = |token: &str| !token.is_empty() && token.bytes().all(|byte| byte == b' ');
    let spell = |token: &String| match is_run(token) {
        true => SPACE.repeat(token.len()),
        false => token.clone(),
    };
    vocabulary.tokens.iter().map(spell).collect()
}

/// What is merged first: tokens of a high score. Gemma's scores do not follow its merges, but the order of its tokens does.
fn ranks(metadata: &Metadata, n_tokens: usize) -> Result<Vec<f32>> {
    if metadata.text("general.architecture")?.starts_with("gemma") {
        return Ok((0..n_tokens).map(|at| -(at as f32)).collect());
    }
    let scores = metadata.find_numbers("tokenizer.ggml.scores")?.unwrap_or_default();
    if scores.len() != n_tokens || scores.iter().any(|score| score.is_nan()) {
        let reason = format!("tokenizer.ggml.scores has no number for each of {n_tokens} tokens");
        return Err(ModelError::config(metadata.path(), reason));
    }
    Ok(scores.to_vec())
}

/// Every way to put a token together from two others, in the order in which they are applied: as transformers derives it from the same
/// vocabulary.
fn merges(tokens: &[String], vocabulary: &Vocabulary, vocab: &Vocab, ranks: &[f32]) -> Merges {
    struct Merge<'a> {
        pair: (&'a str, &'a str),
        rank: f32,
        lengths: (usize, usize),
    }
    let mut all = Vec::new();
    for ((token, kind), rank) in tokens.iter().zip(&vocabulary.kinds).zip(ranks) {
        if !matches!(kind, Kind::Normal | Kind::UserDefined) {
            continue;
        }
        let mut ways: Vec<(u32, u32, Merge<'_>)> = Vec::new();
        for (at, _) in token.char_indices().skip(1) {
            let (left, right) = token.split_at(at);
            let (Some(&left_id), Some(&right_id)) = (vocab.get(left), vocab.get(right)) else {
                continue;
            };
            let merge = Merge {
                pair: (left, right),
                rank: *rank,
                lengths: (left.chars().count(), right.chars().count()),
            };
            ways.push((left_id, right_id, merge));
        }
        ways.sort_by_key(|(left, right, _)| (*left, *right));
        all.extend(ways.into_iter().map(|(_, _, merge)| merge));
    }
    all.sort_by(|a, b| b.rank.total_cmp(&a.rank).then(b.lengths.cmp(&a.lengths)));
    all.into_iter()
        .map(|merge| (merge.pair.0.to_owned(), merge.pair.1.to_owned()))
        .collect()
}
