//! Tokenizers of `vocab.txt`, one token per line: BERT and DistilBERT (`[CLS] A [SEP]`), and MPNet (`<s> A </s>`).

use super::super::error::Result;
use super::super::sentence_transformer::read_bounded;
use super::kinds::Built;
use super::settings::{Names, Settings, Specials};
use super::{MAX_VOCAB_BYTES, complaint, ends, required};
use std::path::Path;
use tokenizers::Tokenizer;
use tokenizers::decoders::wordpiece::WordPiece as Decoder;
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::processors::bert::BertProcessing;
use tokenizers::processors::roberta::RobertaProcessing;

const BERT: Names = Names {
    begin: ("cls_token", "[CLS]"),
    end: ("sep_token", "[SEP]"),
    pad: "[PAD]",
    unknown: "[UNK]",
    mask: "[MASK]",
    mask_takes_space: false,
    mask_comes_after: false,
};

const MPNET: Names = Names {
    begin: ("cls_token", "<s>"),
    end: ("sep_token", "</s>"),
    pad: "<pad>",
    unknown: "[UNK]",
    mask: "<mask>",
    mask_takes_space: true,
    mask_comes_after: false,
};

/// `[CLS] A [SEP]`, and for pairs `[CLS] A [SEP] B [SEP]` with token type 1 from B on.
pub(super) fn bert(dir: &Path, settings: &Settings) -> Result<Option<Built>> {
    let path = dir.join("vocab.txt");
    let Some(bytes) = read_bounded(&path, MAX_VOCAB_BYTES)? else {
        return Ok(None);
    };
    let specials = settings.specials(&BERT);
    let mut tokenizer = tokenizer(&bytes, &specials, settings, &path)?;
    let [end, begin] = ends(&tokenizer, &specials, &path)?;
    tokenizer.with_post_processor(Some(BertProcessing::new(end, begin)));
    Ok(Some((tokenizer, path)))
}

/// `<s> A </s>`, and for pairs `<s> A </s></s> B </s>`. The unknown token is `[UNK]`, or `<unk>` in a vocabulary without it.
pub(super) fn mpnet(dir: &Path, settings: &Settings) -> Result<Option<Built>> {
    let path = dir.join("vocab.txt");
    let Some(bytes) = read_bounded(&path, MAX_VOCAB_BYTES)? else {
        return Ok(None);
    };
    let mut specials = settings.specials(&MPNET);
    if !has_line(&bytes, &specials.unknown.content) && has_line(&bytes, "<unk>") {
        specials.unknown.content = "<unk>".into();
    }
    let mut tokenizer = tokenizer(&bytes, &specials, settings, &path)?;
    let [end, begin] = ends(&tokenizer, &specials, &path)?;
    tokenizer.with_post_processor(Some(RobertaProcessing::new(end, begin).add_prefix_space(false)));
    Ok(Some((tokenizer, path)))
}

fn has_line(bytes: &[u8], token: &str) -> bool {
    bytes
        .split(|&byte| byte == b'\n')
        .any(|line| line.trim_ascii_end() == token.as_bytes())
}

/// Everything but the tokens around a text. A token on two lines has the id of the last, as in the libraries this format comes from.
fn tokenizer(bytes: &[u8], specials: &Specials, settings: &Settings, path: &Path) -> Result<Tokenizer> {
    let vocab = WordPiece::read_bytes(bytes).map_err(|error| complaint(path, &error))?;
    let model = WordPiece::builder()
        .vocab(vocab)
        .unk_token(specials.unknown.content.clone())
        .build()
        .map_err(|error| complaint(path, &error))?;
    let mut tokenizer = Tokenizer::new(model);
    required(&tokenizer, &specials.unknown.content, path)?;
    let normalizer = BertNormalizer::new(
        true,
        settings.flag("tokenize_chinese_chars")?.unwrap_or(true),
        settings.flag("strip_accents")?,
        settings.flag("do_lower_case")?.unwrap_or(true),
    );
    tokenizer
        .with_normalizer(Some(normalizer))
        .map_err(|error| complaint(path, &error))?;
    tokenizer.with_pre_tokenizer(Some(BertPreTokenizer));
    tokenizer.with_decoder(Some(Decoder::default()));
    settings.register(&mut tokenizer, specials, Vec::new(), path)?;
    Ok(tokenizer)
}
