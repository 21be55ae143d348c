//! How likely each of several answers is, read off a language model token by token, without generating anything: at every place only the
//! tokens that go on with one of the answers count, and share 1 among them.

use std::collections::BTreeMap;

use super::super::{ZeroShotError, softmax};
use crate::model::language_model::{Cache, LanguageModel};

/// Beginnings of answers that are less likely than this are not read on: what they have is shared evenly among the answers they begin.
const NEGLIGIBLE: f64 = 1e-4;

/// Answers as token sequences, sharing their beginnings. An answer may be spelled in several ways, which are added up.
#[derive(Debug, Default)]
pub struct Answers {
    next: BTreeMap<u32, Answers>,
    /// The answers that end here.
    ends: Vec<usize>,
}

impl Answers {
    /// Adds a spelling of an answer.
    pub fn add(&mut self, answer: usize, spelling: &[u32]) {
        match spelling {
            [] if !self.ends.contains(&answer) => self.ends.push(answer),
            [] => {}
            [token, rest @ ..] => self.next.entry(*token).or_default().add(answer, rest),
        }
    }

    /// The most tokens an answer has.
    pub fn depth(&self) -> usize {
        self.next.values().map(|next| 1 + next.depth()).max().unwrap_or(0)
    }

    /// The probability of each of `n` answers after `prompt`; they sum to 1.
    pub fn probabilities(
        &self,
        n: usize,
        prompt: &[u32],
        model: &LanguageModel,
        cache: &mut Cache,
    ) -> Result<Vec<f64>, ZeroShotError> {
        let mut shares = vec![0.0; n];
        let mut path = prompt.to_vec();
        self.share(1.0, &mut path, model, cache, &mut shares)?;
        Ok(shares)
    }

    fn share(
        &self,
        mass: f64,
        path: &mut Vec<u32>,
        model: &LanguageModel,
        cache: &mut Cache,
        shares: &mut [f64],
    ) -> Result<(), ZeroShotError> {
        if !self.ends.is_empty() || mass < NEGLIGIBLE {
            let mut below = Vec::new();
            self.collect(&mut below);
            for answer in &below {
                if let Some(share) = shares.get_mut(*answer) {
                    *share += mass / below.len() as f64;
                }
            }
            return Ok(());
        }
        let weights = if self.next.len() == 1 {
            vec![1.0]
        } else {
            let logits = model.next_logits(path, cache)?;
            let of = |token: &u32| logits.get(*token as usize).map_or(f64::NAN, |logit| f64::from(*logit));
            let logits: Vec<f64> = self.next.keys().map(of).collect();
            if logits.iter().any(|logit| !logit.is_finite()) {
                return Err(ZeroShotError::NotFinite);
            }
            softmax(&logits)
        };
        for ((token, next), weight) in self.next.iter().zip(weights) {
            path.push(*token);
            next.share(mass * weight, path, model, cache, shares)?;
            path.pop();
        }
        Ok(())
    }

    fn collect(&self, answers: &mut Vec<usize>) {
        answers.extend(&self.ends);
        self.next.values().for_each(|next| next.collect(answers));
    }
}
