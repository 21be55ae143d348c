//! Tokenizers of the model "gpt2": pair encoding of bytes, with merges in the file. How a text falls into words before that is only named
//! there, and has to be known.

use tokenizers::models::bpe::{BPE, Merges, Vocab};
use tokenizers::normalizers::NFC;
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{SplitDelimiterBehavior, Tokenizer};

use super::metadata::Metadata;
use super::vocabulary::Vocabulary;
use crate::model::error::{ModelError, Result};

/// Words, numbers of up to three digits, punctuation, white space.
const LLAMA_3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// The same with digits one by one.
const QWEN_2: &str =
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// Words end where capitals begin.
const TEKKEN: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// The same with contractions and numbers of up to three digits.
const GPT_4O: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// How a text falls into words.
enum Words {
    /// By GPT-2's rule.
    Gpt2,
    /// Digits one by one, then by GPT-2's rule.
    DigitsThenGpt2,
    /// By another rule.
    Rule(&'static str),
}

/// Rules by the names that llama.cpp writes into files.
const RULES: &[(&str, Words)] = &[
    ("gpt-2", Words::Gpt2),
    ("gpt2", Words::Gpt2),
    ("default", Words::Gpt2),
    ("smollm", Words::DigitsThenGpt2),
    ("llama-bpe", Words::Rule(LLAMA_3)),
    ("llama3", Words::Rule(LLAMA_3)),
    ("llama-v3", Words::Rule(LLAMA_3)),
    ("smaug-bpe", Words::Rule(LLAMA_3)),
    ("dbrx", Words::Rule(LLAMA_3)),
    ("falcon3", Words::Rule(LLAMA_3)),
    ("qwen2", Words::Rule(QWEN_2)),
    ("deepseek-r1-qwen", Words::Rule(QWEN_2)),
    ("tekken", Words::Rule(TEKKEN)),
    ("gpt-4o", Words::Rule(GPT_4O)),
];

/// Whether a text begins with the token for that unless the file says otherwise.
pub fn begins_with_mark(metadata: &Metadata) -> Result<bool> {
    let pre = metadata.find_text("tokenizer.ggml.pre")?;
    Ok(matches!(pre, Some("llama-bpe" | "llama3" | "llama-v3" | "tekken")))
}

/// The tokenizer, without special tokens.
pub fn build(metadata: &Metadata, vocabulary: &Vocabulary) -> Result<Tokenizer> {
    let wrong = |reason: String| ModelError::Tokenizer {
        reason,
        path: metadata.path().to_path_buf(),
    };
    let pre = metadata.find_text("tokenizer.ggml.pre")?.unwrap_or("default");
    let Some((_, words)) = RULES.iter().find(|(name, _)| *name == pre) else {
        let known: Vec<&str> = RULES.iter().map(|(name, _)| *name).collect();
        return Err(ModelError::Unsupported {
            what: format!("a tokenizer that splits texts as {}", pre.escape_debug()),
            supported: format!(
                "{} are, and any with the model's tokenizer.json beside the file",
                known.join(", ")
            ),
            path: metadata.path().to_path_buf(),
        });
    };
    let Some(lines) = metadata.find_texts("tokenizer.ggml.merges")? else {
        return Err(ModelError::config(
            metadata.path(),
            "the metadata lacks tokenizer.ggml.merges",
        ));
    };
    let mut merges = Merges::with_capacity(lines.len());
    for (at, line) in lines.iter().enumerate() {
        let Some((left, right)) = line.split_once(' ') else {
            return Err(wrong(format!("merge {at} is not two tokens with a space between them")));
        };
        merges.push((left.to_owned(), right.to_owned()));
    }
    let mut vocab = Vocab::default();
    for (token, id) in vocabulary.tokens.iter().zip(0..) {
        vocab.entry(token.clone()).or_insert(id);
    }
    let model = BPE::builder()
        .vocab_and_merges(vocab, merges)
        .ignore_merges(matches!(pre, "llama-bpe" | "llama3" | "llama-v3" | "tekken"))
        .build()
        .map_err(|error| wrong(error.to_string()))?;
    let mut tokenizer = Tokenizer::new(model);
    if matches!(pre, "qwen2" | "deepseek-r1-qwen") {
        tokenizer
            .with_normalizer(Some(NFC))
            .map_err(|error| wrong(error.to_string()))?;
    }
    let parts = parts(words).map_err(|error| wrong(error.to_string()))?;
    tokenizer.with_pre_tokenizer(Some(Sequence::new(parts)));
    tokenizer.with_decoder(Some(ByteLevel::default()));
    Ok(tokenizer)
}

fn parts(words: &Words) -> tokenizers::Result<Vec<PreTokenizerWrapper>> {
    let by_gpt2 = || ByteLevel::new(false, true, true).into();
    Ok(match words {
        Words::Gpt2 => vec![by_gpt2()],
        Words::DigitsThenGpt2 => vec![Digits::new(true).into(), by_gpt2()],
        Words::Rule(rule) => {
            let pattern = SplitPattern::Regex((*rule).to_owned());
            let split = Split::new(pattern, SplitDelimiterBehavior::Isolated, false)?;
            vec![split.into(), ByteLevel::new(false, true, false).into()]
        }
    })
}
