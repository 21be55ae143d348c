//! Tokenizers of a SentencePiece model: XLM-RoBERTa and CamemBERT (`sentencepiece.bpe.model`, `<s> A </s>`), DeBERTa-v2, v3 and mDeBERTa
//! (`spm.model`, `[CLS] A [SEP]`). Each numbers the pieces in its own way. Not here: reading the model.

use super::super::error::Result;
use super::kinds::Built;
use super::sentence_piece::{Piece, PieceKind, SentencePiece};
use super::settings::{Names, Settings, Specials};
use super::{complaint, ends, shown};
use std::path::Path;
use tokenizers::models::unigram::Unigram;
use tokenizers::normalizers::replace::{Replace, ReplacePattern};
use tokenizers::normalizers::{Lowercase, NFC, NormalizerWrapper, Sequence, Strip};
use tokenizers::pre_tokenizers::metaspace::{Metaspace, PrependScheme};
use tokenizers::pre_tokenizers::punctuation::Punctuation;
use tokenizers::pre_tokenizers::sequence::Sequence as PreTokenizers;
use tokenizers::pre_tokenizers::whitespace::WhitespaceSplit;
use tokenizers::processors::bert::BertProcessing;
use tokenizers::processors::roberta::RobertaProcessing;
use tokenizers::{SplitDelimiterBehavior, Tokenizer};

/// transformers 4 let the mask swallow the white space before it; 5 does so only where the folder writes the token out that way.
const XLM_ROBERTA: Names = Names {
    begin: ("bos_token", "<s>"),
    end: ("eos_token", "</s>"),
    pad: "<pad>",
    unknown: "<unk>",
    mask: "<mask>",
    mask_takes_space: false,
    mask_comes_after: false,
};

const CAMEMBERT: Names = Names {
    mask_takes_space: true,
    ..XLM_ROBERTA
};

const DEBERTA_V2: Names = Names {
    begin: ("cls_token", "[CLS]"),
    end: ("sep_token", "[SEP]"),
    pad: "[PAD]",
    unknown: "[UNK]",
    mask: "[MASK]",
    mask_takes_space: false,
    mask_comes_after: true,
};

/// Pieces with their scores, in the order of their ids.
type Vocab = Vec<(String, f64)>;

/// `<s> <pad> </s> <unk>`, then the pieces from the fourth on, then `<mask>`.
pub(super) fn xlm_roberta(dir: &Path, settings: &Settings) -> Result<Option<Built>> {
    let path = dir.join("sentencepiece.bpe.model");
    let Some(model) = SentencePiece::read(&path)? else {
        return Ok(None);
    };
    let specials = settings.specials(&XLM_ROBERTA);
    let mut vocab: Vocab = [&specials.begin, &specials.pad, &specials.end, &specials.unknown]
        .map(|token| (token.content.clone(), 0.0))
        .into();
    vocab.extend(pieces_after(3, &model.pieces, &path)?);
    vocab.push((specials.mask.content.clone(), 0.0));
    in_angle_brackets(model, vocab, &specials, settings, &path)
}

/// `<s>NOTUSED <pad> </s>NOTUSED <unk> <unk>NOTUSED`, then the pieces from the second on, `<s>` and `</s>` among them, then `<mask>`.
pub(super) fn camembert(dir: &Path, settings: &Settings) -> Result<Option<Built>> {
    let path = dir.join("sentencepiece.bpe.model");
    let Some(model) = SentencePiece::read(&path)? else {
        return Ok(None);
    };
    let specials = settings.specials(&CAMEMBERT);
    let mut vocab: Vocab = vec![
        ("<s>NOTUSED".into(), 0.0),
        (specials.pad.content.clone(), 0.0),
        ("</s>NOTUSED".into(), 0.0),
        (specials.unknown.content.clone(), 0.0),
        ("<unk>NOTUSED".into(), -100.0),
    ];
    vocab.extend(pieces_after(1, &model.pieces, &path)?);
    vocab.push((specials.mask.content.clone(), 0.0));
    in_angle_brackets(model, vocab, &specials, settings, &path)
}

/// `<s> A </s>`, and for pairs `<s> A </s></s> B </s>`; the unknown token is the fourth.
fn in_angle_brackets(
    model: SentencePiece,
    vocab: Vocab,
    specials: &Specials,
    settings: &Settings,
    path: &Path,
) -> Result<Option<Built>> {
    let unsplit = model.unsplit();
    let mut tokenizer = tokenizer(vocab, 3, path)?;
    if let Some(normalizer) = model.normalizer {
        tokenizer
            .with_normalizer(Some(normalizer))
            .map_err(|error| complaint(path, &error))?;
    }
    let prepend = match settings.flag("add_prefix_space")?.unwrap_or(true) {
        true => PrependScheme::Always,
        false => PrependScheme::Never,
    };
    let metaspace = Metaspace::new('▁', prepend, true);
    // As in transformers 5; 4 made one ▁ of a run of spaces and did not split at other white space.
    let steps = vec![WhitespaceSplit.into(), metaspace.clone().into()];
    tokenizer.with_pre_tokenizer(Some(PreTokenizers::new(steps)));
    tokenizer.with_decoder(Some(metaspace));
    settings.register(&mut tokenizer, specials, unsplit, path)?;
    let [end, begin] = ends(&tokenizer, specials, path)?;
    let processor = RobertaProcessing::new(end, begin);
    tokenizer.with_post_processor(Some(processor.trim_offsets(false)));
    Ok(Some((tokenizer, path.to_path_buf())))
}

/// `[CLS] A [SEP]`, and for pairs `[CLS] A [SEP] B [SEP]` with token type 1 from B on. Ids are those of the pieces; `[MASK]` comes after them
/// where it is none of them.
///
/// The model's own replacement of characters is not used, as in transformers 5.23; up to version 4 it was, in place of the NFC here.
pub(super) fn deberta_v2(dir: &Path, settings: &Settings) -> Result<Option<Built>> {
    let path = dir.join("spm.model");
    let Some(model) = SentencePiece::read(&path)? else {
        return Ok(None);
    };
    let specials = settings.specials(&DEBERTA_V2);
    let unsplit = model.unsplit();
    let unknown = &specials.unknown.content;
    let by_name = model.pieces.iter().position(|piece| piece.text == *unknown);
    let by_kind = || model.pieces.iter().position(|piece| piece.kind == PieceKind::Unknown);
    let unknown_id = by_name.or_else(by_kind);
    let unknown_id =
        unknown_id.ok_or_else(|| complaint(&path, &format!("{} is not among the pieces", shown(unknown))))?;
    let vocab = model
        .pieces
        .into_iter()
        .map(|piece| (piece.text, piece.score))
        .collect();
    let mut tokenizer = tokenizer(vocab, unknown_id, &path)?;
    tokenizer
        .with_normalizer(Some(deberta_normalizer(settings, &path)?))
        .map_err(|error| complaint(&path, &error))?;
    let prepend = match settings.flag("add_prefix_space")?.unwrap_or(true) {
        true => PrependScheme::Always,
        false => PrependScheme::First,
    };
    let metaspace = Metaspace::new('▁', prepend, true);
    let mut steps = Vec::new();
    if settings.flag("split_by_punct")?.unwrap_or(false) {
        steps.push(Punctuation::new(SplitDelimiterBehavior::Isolated).into());
    }
    steps.push(metaspace.clone().into());
    tokenizer.with_pre_tokenizer(Some(PreTokenizers::new(steps)));
    tokenizer.with_decoder(Some(metaspace));
    settings.register(&mut tokenizer, &specials, unsplit, &path)?;
    let [end, begin] = ends(&tokenizer, &specials, &path)?;
    let processor = BertProcessing::new(end, begin);
    tokenizer.with_post_processor(Some(processor));
    Ok(Some((tokenizer, path)))
}

fn deberta_normalizer(settings: &Settings, path: &Path) -> Result<Sequence> {
    let space = ReplacePattern::Regex(r"\s{2,}|[\n\r\t]".into());
    let space = Replace::new(space, " ").map_err(|error| complaint(path, &error))?;
    let mut steps: Vec<NormalizerWrapper> = Vec::new();
    if settings.flag("do_lower_case")?.unwrap_or(false) {
        steps.push(Lowercase.into());
    }
    steps.extend([space.into(), NFC.into(), Strip::new(false, true).into()]);
    Ok(Sequence::new(steps))
}

fn tokenizer(vocab: Vocab, unknown_id: usize, path: &Path) -> Result<Tokenizer> {
    let model = Unigram::from(vocab, Some(unknown_id), false).map_err(|error| complaint(path, &error))?;
    Ok(Tokenizer::new(model))
}

/// The pieces without the first `n`, which have to be special ones: what a family puts in their place stands for them.
fn pieces_after(n: usize, pieces: &[Piece], path: &Path) -> Result<impl Iterator<Item = (String, f64)>> {
    let Some((special, rest)) = pieces.split_at_checked(n) else {
        return Err(complaint(path, &format!("it has only {} pieces", pieces.len())));
    };
    if let Some(piece) = special.iter().find(|piece| piece.kind == PieceKind::Normal) {
        let reason = format!(
            "{} is one of the first {n} pieces, which should be special ones",
            shown(&piece.text)
        );
        return Err(complaint(path, &reason));
    }
    Ok(rest.iter().map(|piece| (piece.text.clone(), piece.score)))
}
