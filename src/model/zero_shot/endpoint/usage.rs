//! What asking an endpoint took.

use std::sync::Mutex;

use serde::{Deserialize, Serialize};

/// Money per million tokens, in any currency.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Prices {
    /// Of prompts.
    pub prompt: f64,
    /// Of what is generated.
    pub completion: f64,
}

/// What asking took, refusals and repetitions included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// Requests sent, repetitions included.
    pub requests: u64,
    /// Requests sent again, because the server was busy, slow or failed.
    pub repeated: u64,
    /// Tokens of prompts, as the server counts them.
    pub prompt_tokens: u64,
    /// Tokens generated, as the server counts them.
    pub completion_tokens: u64,
    /// Answers without a count of tokens: the tokens above are then too few.
    pub uncounted: u64,
    /// Questions whose answers were none of the labels; they score 0.
    pub refused: u64,
    /// Texts that were too long and lost their end.
    pub cut: u64,
    /// Questions scored by the probability of a letter, not by an answer alone.
    pub by_probability: u64,
    /// What the tokens cost, where prices are given.
    pub cost: Option<f64>,
}

impl Usage {
    /// Adds the price of the tokens.
    pub(super) fn priced(self, prices: Option<Prices>) -> Usage {
        let of = |tokens: u64, price: f64| tokens as f64 / 1e6 * price;
        Usage {
            cost: prices
                .map(|prices| of(self.prompt_tokens, prices.prompt) + of(self.completion_tokens, prices.completion)),
            ..self
        }
    }

    /// This and what was asked before.
    pub fn and(self, before: Usage) -> Usage {
        Usage {
            requests: self.requests + before.requests,
            repeated: self.repeated + before.repeated,
            prompt_tokens: self.prompt_tokens + before.prompt_tokens,
            completion_tokens: self.completion_tokens + before.completion_tokens,
            uncounted: self.uncounted + before.uncounted,
            refused: self.refused + before.refused,
            cut: self.cut + before.cut,
            by_probability: self.by_probability + before.by_probability,
            cost: match (self.cost, before.cost) {
                (None, None) => None,
                (a, b) => Some(a.unwrap_or(0.0) + b.unwrap_or(0.0)),
            },
        }
    }

    /// The same in sentences, without an end.
    pub fn remarks(&self) -> Vec<String> {
        let mut remarks = vec![format!(
            "{} requests, {} tokens of prompts and {} of answers{}",
            self.requests,
            self.prompt_tokens,
            self.completion_tokens,
            self.cost.map(|cost| format!(", cost {cost:.4}")).unwrap_or_default()
        )];
        let mut count = |what: &str, n: u64| {
            if n > 0 {
                remarks.push(format!("{what}: {n}"));
            }
        };
        count(
            "requests sent again because the server was busy, slow or failed",
            self.repeated,
        );
        count("answers whose tokens the server did not count", self.uncounted);
        count(
            "questions answered with none of the labels, also when asked again, which score 0",
            self.refused,
        );
        count("texts that were too long and lost their end", self.cut);
        remarks
    }
}

/// A usage that several threads add to.
#[derive(Debug, Default)]
pub(super) struct Tally(Mutex<Usage>);

impl Tally {
    pub fn add(&self, change: impl FnOnce(&mut Usage)) {
        change(&mut self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    }

    pub fn so_far(&self) -> Usage {
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_priced_by_the_million() {
        let usage = Usage {
            requests: 3,
            prompt_tokens: 2_000_000,
            completion_tokens: 500_000,
            refused: 1,
            ..Usage::default()
        };
        assert_eq!(usage.priced(None).cost, None);
        let prices = Prices {
            prompt: 0.5,
            completion: 2.0,
        };
        let priced = usage.priced(Some(prices));
        assert_eq!(priced.cost, Some(2.0));
        let remarks = priced.remarks();
        assert!(remarks[0].ends_with("cost 2.0000") && remarks[1].ends_with("score 0: 1"));
    }
}
