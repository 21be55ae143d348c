//! Zero-shot by a model behind an OpenAI-compatible interface: Ollama, the server of llama.cpp, vLLM, or a service elsewhere.
//!
//! With one answer per text the options get letters and the model is asked for one; where the server gives log-probabilities, the scores
//! are those of the letters, divided by their sum. With several, each label is asked about by itself, yes or no, one request each. Where
//! there are no probabilities, or more options than letters, the answer itself is checked: it names an option, which gets 1, or is asked for
//! once more, or the text scores 0 everywhere and is counted ([`Usage::refused`]).
//!
//! Texts are sent to another machine only where that is allowed ([`Settings::allow_remote`]). Not here: where keys and settings are kept.

mod address;
mod answers;
mod asker;
mod client;
mod error;
mod in_order;
mod key;
mod pace;
mod prompt;
mod reply;
mod settings;
#[cfg(test)]
pub(crate) mod test_server;
#[cfg(test)]
mod tests;
mod usage;

use std::fmt;

pub use address::Address;
pub use error::EndpointError;
pub use key::{KEY_VARIABLE, Key};
pub use settings::{Reading, Settings};
pub use usage::{Prices, Usage};

use super::{Answer, Engine, Meter, OnProgress, Question, Rows, ZeroShotError, refuse_pairs};
use crate::model::Input;
use asker::Asker;
use client::Client;
use in_order::in_order;
use pace::Stop;
use prompt::Prompt;

/// How an option is written when nothing else is said: the label's own words.
pub const DEFAULT_TEMPLATE: &str = "{}";

/// An endpoint as an engine. Reads single texts. A text whose answers were refused has a row of zeros.
pub struct Endpoint {
    asker: Asker,
    model: String,
}

impl Endpoint {
    /// Nothing is sent yet.
    ///
    /// # Errors
    /// [`EndpointError::NotAllowed`] for another machine without permission, [`EndpointError::Setting`].
    pub fn new(settings: Settings) -> Result<Endpoint, EndpointError> {
        settings.check()?;
        Ok(Endpoint {
            model: format!("{} at {}", settings.model, settings.address.host()),
            asker: Asker::new(Client::new(settings)),
        })
    }

    /// What asking has taken since the engine was made, also where it failed.
    fn spent(&self) -> Usage {
        let client = &self.asker.client;
        client.tally.so_far().priced(client.settings().prices)
    }

    /// The texts as they are sent.
    fn shortened<'a>(&self, texts: &[Input<'a>]) -> Vec<&'a str> {
        let most = self.asker.client.settings().most_chars;
        let cut = |input: &Input<'a>| match input.text.char_indices().nth(most) {
            Some((end, _)) => {
                self.asker.client.tally.add(|usage| usage.cut += 1);
                &input.text[..end]
            }
            None => input.text,
        };
        texts.iter().map(cut).collect()
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("settings", self.asker.client.settings())
            .field("usage", &self.spent())
            .finish()
    }
}

impl Engine for Endpoint {
    fn name(&self) -> &'static str {
        "endpoint"
    }

    /// Its name at the host, so that scores say where they come from.
    fn model(&self) -> &str {
        &self.model
    }

    /// Answers every text; requests that have begun are waited for when it is stopped.
    fn score(
        &mut self,
        texts: &[Input<'_>],
        question: &Question,
        on_progress: OnProgress<'_>,
    ) -> Result<Answer, ZeroShotError> {
        refuse_pairs(self.name(), texts)?;
        let words = self.shortened(texts);
        let of_templates = question
            .templates()
            .iter()
            .map(|template| Prompt::all(question, template));
        let prompts: Vec<Vec<Prompt>> = of_templates.collect();
        let n_per_text: usize = prompts.iter().map(Vec::len).sum();
        // All prompts of one text are neighbours, so that a server can read the text once.
        let flat: Vec<&Prompt> = prompts.iter().flatten().collect();
        let stop = Stop::default();
        let ask = |at: usize| self.asker.shares(flat[at % n_per_text], words[at / n_per_text], &stop);
        let n = texts.len() * n_per_text;
        let mut meter = Meter::new(n, texts.len(), on_progress);
        let at_once = self.asker.client.settings().at_once;
        let shares = in_order((n, at_once), &stop, &ask, &mut |n_done| meter.advance(n_done))?;
        let mut shares = shares.into_iter();
        let mut of_templates: Vec<Rows> = vec![Vec::with_capacity(texts.len()); prompts.len()];
        for _ in texts {
            for (rows, of_template) in of_templates.iter_mut().zip(&prompts) {
                rows.push(row(shares.by_ref().take(of_template.len()), question.each_by_itself()));
            }
        }
        Ok(Answer::new(question, of_templates))
    }

    fn remarks(&self) -> Vec<String> {
        self.spent().remarks()
    }

    fn usage(&self) -> Option<Usage> {
        Some(self.spent())
    }
}

/// One row of scores: the shares of all options, or that of "yes" for each.
fn row(shares: impl Iterator<Item = Vec<f64>>, each_by_itself: bool) -> Vec<f32> {
    let all = shares.flat_map(|shares| {
        let n = if each_by_itself { 1 } else { shares.len() };
        shares.into_iter().take(n)
    });
    all.map(|share| share as f32).collect()
}
