//! The file of a trained SentencePiece model: its pieces with their scores, and its table of character replacements. Of the format, which is
//! `sentencepiece_model.proto` of google/sentencepiece, only what a tokenizer needs is read. Not here: which id a piece has in which model.

use super::super::error::{ModelError, Result};
use super::super::sentence_transformer::read_bounded;
use super::charsmap;
use super::{complaint, shown};
use prost::Message;
use std::path::Path;
use tokenizers::AddedToken;
use tokenizers::normalizers::Precompiled;

/// The largest known model, XLM-V's with 900,000 pieces, has 18 MB.
const MAX_BYTES: u64 = 48 << 20;

/// The library that searches the pieces does so by recursion over a piece's bytes; trained pieces are shorter than 100 bytes.
const MAX_PIECE_BYTES: usize = 1024;

#[derive(Clone, PartialEq, Message)]
pub(super) struct ModelProto {
    #[prost(message, repeated, tag = "1")]
    pub pieces: Vec<PieceProto>,
    #[prost(message, optional, tag = "2")]
    pub trainer: Option<TrainerProto>,
    #[prost(message, optional, tag = "3")]
    pub normalizer: Option<NormalizerProto>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PieceProto {
    #[prost(string, optional, tag = "1")]
    pub piece: Option<String>,
    #[prost(float, optional, tag = "2")]
    pub score: Option<f32>,
    #[prost(int32, optional, tag = "3", default = "1")]
    pub kind: Option<i32>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct TrainerProto {
    #[prost(int32, optional, tag = "3", default = "1")]
    pub model_type: Option<i32>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct NormalizerProto {
    #[prost(bytes = "vec", optional, tag = "2")]
    pub precompiled_charsmap: Option<Vec<u8>>,
}

const UNIGRAM: i32 = 1;

/// What a piece is for; byte pieces and unused ones count as normal, as transformers counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PieceKind {
    /// Text.
    Normal,
    /// What stands for anything unknown.
    Unknown,
    /// A mark around texts, such as `<s>`.
    Control,
    /// A text that is never split.
    UserDefined,
}

/// One entry of the vocabulary.
#[derive(Debug)]
pub(super) struct Piece {
    /// Never empty, at most 1024 bytes; spaces are `▁`.
    pub text: String,
    /// Its log-probability, finite.
    pub score: f64,
    pub kind: PieceKind,
}

/// A SentencePiece model of the unigram kind.
#[derive(Debug)]
pub(super) struct SentencePiece {
    pub pieces: Vec<Piece>,
    /// The replacement of characters, unless there is none.
    pub normalizer: Option<Precompiled>,
}

impl SentencePiece {
    /// Reads and checks the file; `None` where there is none. A model of another kind than unigram is [`ModelError::Unsupported`].
    pub(super) fn read(path: &Path) -> Result<Option<SentencePiece>> {
        let Some(bytes) = read_bounded(path, MAX_BYTES)? else {
            return Ok(None);
        };
        let broken = |what: &str| {
            complaint(
                path,
                &format!("this is not a whole SentencePiece model ({what}); fetch it again"),
            )
        };
        let model = ModelProto::decode(bytes.as_slice()).map_err(|error| broken(&error.to_string()))?;
        drop(bytes);
        // Both come after the pieces: a file that lacks them was cut off between two pieces.
        let (Some(trainer), Some(normalizer)) = (model.trainer, model.normalizer) else {
            return Err(broken("its end is missing"));
        };
        let model_type = trainer.model_type();
        if model_type != UNIGRAM {
            let kind = match model_type {
                2 => "BPE",
                3 => "word",
                4 => "character",
                _ => "unknown",
            };
            return Err(ModelError::Unsupported {
                what: format!("a SentencePiece model of the {kind} kind"),
                supported: "the unigram kind is, and any kind with a tokenizer.json".into(),
                path: path.to_path_buf(),
            });
        }
        let pieces = model.pieces.into_iter().enumerate();
        let pieces: Vec<Piece> = pieces
            .map(|(id, proto)| piece(id, proto, path))
            .collect::<Result<_>>()?;
        let charsmap = normalizer.precompiled_charsmap.unwrap_or_default();
        let normalizer = match charsmap.is_empty() {
            true => None,
            false => Some(charsmap::normalizer(&charsmap).map_err(|reason| complaint(path, &reason))?),
        };
        Ok(Some(SentencePiece { pieces, normalizer }))
    }

    /// Marks and texts that are never split, as tokens that are looked for before anything else.
    pub(super) fn unsplit(&self) -> Vec<AddedToken> {
        let kinds = [PieceKind::Control, PieceKind::UserDefined];
        let unsplit = self.pieces.iter().filter(|piece| kinds.contains(&piece.kind));
        unsplit
            .map(|piece| AddedToken::from(&piece.text, piece.kind == PieceKind::Control).normalized(false))
            .collect()
    }
}

fn piece(id: usize, proto: PieceProto, path: &Path) -> Result<Piece> {
    let (score, kind) = (proto.score() as f64, proto.kind());
    let text = proto.piece.unwrap_or_default();
    if text.is_empty() {
        return Err(complaint(path, &format!("piece {id} is empty")));
    }
    if text.len() > MAX_PIECE_BYTES {
        let reason = format!("piece {id} has {} bytes; {MAX_PIECE_BYTES} are the most", text.len());
        return Err(complaint(path, &reason));
    }
    if !score.is_finite() {
        return Err(complaint(
            path,
            &format!("the score of piece {id}, {}, is {score}", shown(&text)),
        ));
    }
    let kind = match kind {
        2 => PieceKind::Unknown,
        3 => PieceKind::Control,
        4 => PieceKind::UserDefined,
        _ => PieceKind::Normal,
    };
    Ok(Piece { text, score, kind })
}
