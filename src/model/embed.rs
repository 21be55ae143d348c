//! Embedding many texts: for use, not for training.

use super::batch::Tokens;
use super::embeddings::Embeddings;
use super::encoder::Encoder;
use super::error::{ModelError, Result};
use super::input::Input;
use std::ops::ControlFlow;

/// Tokens of one batch: enough for every core, few enough for the caches.
pub(super) const TOKENS_PER_BATCH: usize = 2048;

/// Texts tokenised and sorted by length at a time.
const TEXTS_PER_ROUND: usize = 4096;

impl Encoder {
    /// One row per text or pair, in the order given; `on_progress` hears how many texts are done, and stops the work by breaking
    /// ([`ModelError::Stopped`]). Memory does not grow with the number of texts, apart from the result.
    pub fn embed<'a, T: Into<Input<'a>> + Copy + Sync>(
        &self,
        texts: &[T],
        on_progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Result<Embeddings> {
        let dim = self.dim();
        let mut data = vec![0f32; texts.len() * dim];
        let mut n_done = 0;
        for (texts, rows) in texts
            .chunks(TEXTS_PER_ROUND)
            .zip(data.chunks_mut(TEXTS_PER_ROUND * dim))
        {
            let tokens = self.tokenize(texts)?;
            for batch in batches(&tokens, TOKENS_PER_BATCH) {
                let members: Vec<&Tokens> = batch.iter().map(|&i| &tokens[i]).collect();
                let vectors = self.infer(&members)?;
                for (&i, vector) in batch.iter().zip(vectors.chunks_exact(dim)) {
                    rows[i * dim..(i + 1) * dim].copy_from_slice(vector);
                }
                n_done += batch.len();
                if on_progress(n_done).is_break() {
                    return Err(ModelError::Stopped);
                }
            }
        }
        Ok(Embeddings { dim, data })
    }
}

/// Indices of texts of similar length, the longest first, at most `max_tokens` tokens together, or one longer text alone.
pub(super) fn batches(tokens: &[Tokens], max_tokens: usize) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..tokens.len()).collect();
    order.sort_by_key(|&i| std::cmp::Reverse(tokens[i].len()));
    let mut batches: Vec<Vec<usize>> = Vec::new();
    let mut room = 0;
    for i in order {
        match batches.last_mut() {
            Some(batch) if room >= tokens[i].len() => {
                batch.push(i);
                room -= tokens[i].len();
            }
            _ => {
                batches.push(vec![i]);
                room = max_tokens.saturating_sub(tokens[i].len());
            }
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_hold_every_text_once_and_stay_within_their_tokens() {
        let tokens: Vec<Tokens> = [3, 900, 5, 5, 40, 1, 64, 7]
            .iter()
            .map(|&n| Tokens::single(vec![0; n]))
            .collect();
        let batches = batches(&tokens, 64);
        let mut all: Vec<usize> = batches.concat();
        all.sort_unstable();
        assert_eq!(all, (0..tokens.len()).collect::<Vec<_>>());
        for batch in &batches {
            assert!(
                batch.len() == 1 || batch.iter().map(|&i| tokens[i].len()).sum::<usize>() <= 64,
                "{batch:?}"
            );
        }
        assert_eq!(batches.len(), 3);
    }
}
