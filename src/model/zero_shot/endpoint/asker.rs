//! One question about one text: by the probabilities of its codes, else by a checked answer.

use std::sync::OnceLock;

use serde_json::{Value, json};

use super::client::{Client, Failure};
use super::pace::Stop;
use super::prompt::Prompt;
use super::reply::Reply;
use super::{EndpointError, Reading};

/// How many of the likeliest tokens are asked for: what servers give at most.
const TOP_LOGPROBS: u32 = 20;

/// Asks a client, and remembers whether it gives probabilities: the first answer that shows it decides.
pub(super) struct Asker {
    pub client: Client,
    gives_probabilities: OnceLock<bool>,
}

impl Asker {
    pub fn new(client: Client) -> Asker {
        Asker {
            client,
            gives_probabilities: OnceLock::new(),
        }
    }

    /// The share of each option, summing to 1; all 0 where two answers were none of them.
    pub fn shares(&self, prompt: &Prompt, text: &str, stop: &Stop) -> Result<Vec<f64>, Failure> {
        if self.client.settings().reading == Reading::Probabilities
            && prompt.answers.have_codes()
            && *self.gives_probabilities.get().unwrap_or(&true)
            && let Some(shares) = self.by_probability(prompt, text, stop)?
        {
            return Ok(shares);
        }
        self.by_answer(prompt, text, stop)
    }

    /// `None` where the server gives no probabilities, or none of the likeliest tokens is a code.
    fn by_probability(&self, prompt: &Prompt, text: &str, stop: &Stop) -> Result<Option<Vec<f64>>, Failure> {
        let mut request = self.request(&prompt.with(text), 1);
        request["logprobs"] = json!(true);
        request["top_logprobs"] = json!(TOP_LOGPROBS);
        match self.client.ask(&request, stop) {
            Ok(Reply { first, .. }) if !first.is_empty() => {
                let _ = self.gives_probabilities.set(true);
                let shares = prompt.answers.shares(&first);
                self.client
                    .tally
                    .add(|usage| usage.by_probability += u64::from(shares.is_some()));
                Ok(shares)
            }
            // Some servers leave them out, others refuse. If something else is wrong with the request, the next one says so.
            Ok(_)
            | Err(Failure::Endpoint(EndpointError::Status {
                status: 400 | 422 | 501,
                ..
            })) => {
                let _ = self.gives_probabilities.set(false);
                Ok(None)
            }
            Err(failure) => Err(failure),
        }
    }

    fn by_answer(&self, prompt: &Prompt, text: &str, stop: &Stop) -> Result<Vec<f64>, Failure> {
        let mut shares = vec![0.0; prompt.answers.len()];
        for written in [prompt.with(text), prompt.sterner(text)] {
            let request = self.request(&written, self.client.settings().answer_tokens);
            let reply = self.client.ask(&request, stop)?;
            let option = prompt.answers.named(&reply.text);
            if let Some(share) = option.and_then(|at| shares.get_mut(at)) {
                *share = 1.0;
                return Ok(shares);
            }
        }
        self.client.tally.add(|usage| usage.refused += 1);
        Ok(shares)
    }

    fn request(&self, prompt: &str, max_tokens: u32) -> Value {
        json!({
            "model": self.client.settings().model,
            "messages": [{ "role": "user", "content": prompt }],
            "max_tokens": max_tokens,
            "temperature": 0,
            "stream": false,
        })
    }
}
