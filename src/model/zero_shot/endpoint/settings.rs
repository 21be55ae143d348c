//! How an endpoint is asked.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Address, EndpointError, Key, Prices};

/// How answers become scores.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reading {
    /// By the probabilities of the options' letters, where the server gives them; else by the answer itself.
    #[default]
    Probabilities,
    /// By the answer itself: 1 for what it names.
    Answers,
}

/// How an endpoint is asked. [`Settings::new`] has defaults for all but the address and the model; its `Debug` shows no key.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where it is.
    pub address: Address,
    /// What the server calls the model.
    pub model: String,
    /// Sent as a bearer token, where there is one.
    pub key: Option<Key>,
    /// Whether texts may be sent to another machine.
    pub allow_remote: bool,
    /// Requests at once, 1..=8.
    pub at_once: usize,
    /// Requests a minute, at least 1; `None` for as many as the server answers.
    pub per_minute: Option<u32>,
    /// How many times a request is sent again when the server is busy, slow or failing, 0..=10.
    pub retries: u32,
    /// The wait before the first of them; it doubles every time.
    pub first_wait: Duration,
    /// The longest of these waits, also where the server asks for more.
    pub longest_wait: Duration,
    /// Within this a connection must stand.
    pub connect_timeout: Duration,
    /// Within this a request must be answered in full.
    pub timeout: Duration,
    /// Longer texts lose their end, in characters; at least 1.
    pub most_chars: usize,
    /// Tokens an answer may have where no probabilities come back; models that think first need more. At least 1.
    pub answer_tokens: u32,
    /// How answers become scores.
    pub reading: Reading,
    /// What tokens cost.
    pub prices: Option<Prices>,
}

impl Settings {
    /// Requests at once at most.
    pub const MOST_AT_ONCE: usize = 8;

    /// Tokens an answer may have where nothing else is said.
    pub const ANSWER_TOKENS: u32 = 64;

    /// Four requests at once, four retries, two minutes for an answer.
    pub fn new(address: Address, model: impl Into<String>) -> Settings {
        Settings {
            address,
            model: model.into(),
            key: None,
            allow_remote: false,
            at_once: 4,
            per_minute: None,
            retries: 4,
            first_wait: Duration::from_millis(500),
            longest_wait: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(10),
            timeout: Duration::from_secs(120),
            most_chars: 8000,
            answer_tokens: Settings::ANSWER_TOKENS,
            reading: Reading::default(),
            prices: None,
        }
    }

    /// # Errors
    /// [`EndpointError::NotAllowed`], [`EndpointError::Setting`].
    pub(super) fn check(&self) -> Result<(), EndpointError> {
        if !self.address.is_loopback() && !self.allow_remote {
            return Err(EndpointError::NotAllowed {
                address: self.address.to_string(),
            });
        }
        let is_price = |price: f64| price.is_finite() && price >= 0.0;
        let prices_fit = self
            .prices
            .is_none_or(|of| is_price(of.prompt) && is_price(of.completion));
        let checks = [
            ("the name of the model", "given", !self.model.trim().is_empty()),
            (
                "requests at once",
                "from 1 to 8",
                (1..=Settings::MOST_AT_ONCE).contains(&self.at_once),
            ),
            ("requests a minute", "1 or more", self.per_minute != Some(0)),
            ("retries", "from 0 to 10", self.retries <= 10),
            (
                "the time for an answer",
                "more than 0",
                !self.timeout.is_zero() && !self.connect_timeout.is_zero(),
            ),
            ("the characters of a text", "1 or more", self.most_chars > 0),
            ("the tokens of an answer", "1 or more", self.answer_tokens > 0),
            ("prices", "0 or more", prices_fit),
        ];
        match checks.into_iter().find(|(_, _, is_met)| !is_met) {
            Some((what, range, _)) => Err(EndpointError::Setting { what, range }),
            None => Ok(()),
        }
    }
}
