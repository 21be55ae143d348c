//! Texts that are tokenised once and put into many pairs: each text of a project with each sentence about a label.

use super::super::batch::Tokens;
use super::super::error::{ModelError, Result};
use super::{TextTokenizer, complaint, cut};
use std::borrow::Cow;
use tokenizers::Encoding;
use tokenizers::utils::truncation::TruncationDirection;

/// The tokens of a text without special ones, as many as an input can hold and perhaps one more.
#[derive(Clone)]
pub struct Piece(Encoding);

impl Piece {
    /// The number of tokens.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True for a text without any token.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl TextTokenizer {
    /// Tokenises a text for use in pairs.
    pub fn piece(&self, text: &str) -> Result<Piece> {
        let mut tokens = self.enough(text, self.max_tokens)?;
        cut(&mut tokens, self.max_tokens + 1);
        Ok(Piece(tokens))
    }

    /// Puts two texts together: the same tokens as of [`TextTokenizer::of_pair`] with [`PairCut::OnlyFirst`](super::PairCut::OnlyFirst).
    pub fn pair(&self, first: &Piece, second: &Piece) -> Result<Tokens> {
        let room = self.room_of_pair()?;
        let n_second = shown(second.len(), room);
        self.finish(beginning(first, room - n_second), Some(beginning(second, n_second)))
    }

    /// How many tokens of a first text fit beside each of `seconds`.
    pub fn room_beside(&self, seconds: &[Piece]) -> Result<usize> {
        let room = self.room_of_pair()?;
        let longest = seconds
            .iter()
            .map(|second| shown(second.len(), room))
            .max()
            .unwrap_or(0);
        Ok(room - longest)
    }

    /// Tokenises a text that comes in sentences, which follow each other with the white space between them, as few pieces of at most `room`
    /// tokens: whole sentences as long as they fit, and one that is longer by itself in several pieces. At least one piece, and no token is
    /// lost.
    pub fn pieces(&self, sentences: &[&str], room: usize) -> Result<Vec<Piece>> {
        let room = room.max(1);
        let mut pieces: Vec<Encoding> = Vec::new();
        for sentence in sentences {
            let mut tokens = self.whole(sentence)?;
            if tokens.len() <= room {
                match pieces.last_mut() {
                    Some(piece) if piece.len() + tokens.len() <= room => piece.merge_with(tokens, false),
                    _ => pieces.push(tokens),
                }
                continue;
            }
            tokens.truncate(room, 0, TruncationDirection::Right);
            let rest = tokens.take_overflowing();
            pieces.push(tokens);
            pieces.extend(rest);
        }
        if pieces.is_empty() {
            pieces.push(Encoding::default());
        }
        Ok(pieces.into_iter().map(Piece).collect())
    }

    /// Every token of a text, without special ones.
    pub(super) fn whole(&self, text: &str) -> Result<Encoding> {
        let text = if self.lower_case {
            Cow::Owned(text.to_lowercase())
        } else {
            Cow::Borrowed(text)
        };
        self.tokenizer
            .encode_fast(text.as_ref(), false)
            .map_err(|error| complaint(&self.path, &error))
    }

    /// Tokens of a pair that are not special.
    pub(super) fn room_of_pair(&self) -> Result<usize> {
        self.max_tokens.checked_sub(self.n_special.1).ok_or_else(|| {
            ModelError::Input(format!(
                "a pair of texts needs {} special tokens, but this encoder takes {} tokens at most",
                self.n_special.1, self.max_tokens
            ))
        })
    }
}

/// How many tokens of a second text are kept where only the first is cut: all of them, or half of the room where they would fill it.
pub(super) fn shown(n_second: usize, room: usize) -> usize {
    if n_second < room { n_second } else { room / 2 }
}

fn beginning(piece: &Piece, n_tokens: usize) -> Encoding {
    let mut tokens = piece.0.clone();
    cut(&mut tokens, n_tokens);
    tokens
}
