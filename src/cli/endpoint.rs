//! What `handful zero-shot --engine endpoint` takes besides: where to ask, whether texts may leave this machine, and how much at once.

use std::time::Duration;

use anyhow::{Context, ensure};
use clap::{Args, ValueEnum};

use crate::jobs::{EndpointSpec, Sending};
use crate::model::zero_shot::endpoint::{KEY_VARIABLE, Key, Prices, Reading};

/// Options of this engine; none of them may be given for another.
#[derive(Debug, Args)]
pub struct EndpointOptions {
    /// Endpoint: the address of an OpenAI-compatible interface, such as http://localhost:11434/v1
    #[arg(long, value_name = "URL")]
    address: Option<String>,
    /// Endpoint: let texts be sent to another machine
    #[arg(long)]
    allow_remote: bool,
    /// Endpoint: the environment variable that holds the key, where one is needed; HANDFUL_ENDPOINT_KEY where none is named
    #[arg(long, value_name = "VARIABLE")]
    key_env: Option<String>,
    /// Endpoint: a command that prints the key, to read it from a keyring: "secret-tool lookup service handful" on Linux, "security
    /// find-generic-password -s handful -w" on macOS
    #[arg(long, value_name = "COMMAND", conflicts_with = "key_env")]
    key_command: Option<String>,
    /// Endpoint: requests at once, 1 to 8; 4 where nothing is said
    #[arg(long, value_name = "N")]
    at_once: Option<usize>,
    /// Endpoint: requests a minute at most
    #[arg(long, value_name = "N")]
    per_minute: Option<u32>,
    /// Endpoint: seconds within which a request must be answered; 120 where nothing is said
    #[arg(long, value_name = "SECS")]
    timeout: Option<f64>,
    /// Endpoint: tokens an answer may have where the server gives no probabilities, 64 where nothing is said; models that think first need more
    #[arg(long, value_name = "TOKENS")]
    answer_tokens: Option<u32>,
    /// Endpoint: how answers become scores; probabilities where nothing is said
    #[arg(long, value_enum)]
    reading: Option<ReadingName>,
    /// Endpoint: what a million tokens of prompts and a million of answers cost, such as 0.5,1.5
    #[arg(long, value_name = "PROMPT,ANSWER", value_parser = prices)]
    prices: Option<Prices>,
}

/// How answers become scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ReadingName {
    /// By the probabilities of the options' letters where the server gives them, else by the answer
    Probabilities,
    /// By the answer alone: 1 for what it names
    Answers,
}

impl EndpointOptions {
    /// Whether any is given.
    pub fn is_any_given(&self) -> bool {
        self.allow_remote
            || self.address.is_some()
            || self.key_env.is_some()
            || self.key_command.is_some()
            || self.at_once.is_some()
            || self.per_minute.is_some()
            || self.timeout.is_some()
            || self.answer_tokens.is_some()
            || self.reading.is_some()
            || self.prices.is_some()
    }

    /// As the engine is opened with, the key aside.
    pub fn spec(&self) -> anyhow::Result<EndpointSpec> {
        let address = self.address.as_deref();
        let address = address.context("the endpoint needs --address, such as http://localhost:11434/v1")?;
        let mut spec = EndpointSpec::at(address);
        spec.answer_tokens = self.answer_tokens.unwrap_or(spec.answer_tokens);
        if self.reading == Some(ReadingName::Answers) {
            spec.reading = Reading::Answers;
        }
        let timeout = self.timeout.map(Duration::try_from_secs_f64).transpose();
        spec.sending = Sending {
            allow_remote: self.allow_remote,
            at_once: self.at_once,
            per_minute: self.per_minute,
            timeout: timeout.context("--timeout takes a number of seconds")?,
            prices: self.prices,
        };
        Ok(spec)
    }

    /// The key, where one is given; that of [`KEY_VARIABLE`] where no other is named.
    pub fn key(&self) -> anyhow::Result<Option<Key>> {
        if let Some(command) = &self.key_command {
            return Ok(Some(Key::from_command(command)?));
        }
        let key = Key::from_env(self.key_env.as_deref().unwrap_or(KEY_VARIABLE))?;
        if let Some(variable) = &self.key_env {
            ensure!(
                key.is_some(),
                "there is no key in the environment variable {variable}; set it, or leave --key-env out"
            );
        }
        Ok(key)
    }
}

fn prices(written: &str) -> Result<Prices, String> {
    let parsed = written.split_once(',').and_then(|(prompt, completion)| {
        Some(Prices {
            prompt: prompt.trim().parse().ok()?,
            completion: completion.trim().parse().ok()?,
        })
    });
    parsed.ok_or_else(|| "two numbers are needed, such as 0.5,1.5".to_owned())
}
