//! What a server says, read from its JSON.

use serde::Deserialize;
use serde_json::Value;

/// Of messages and answers that are shown, at most so many characters are.
const SHOWN: usize = 300;

/// An answer.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Reply {
    /// What was generated.
    pub text: String,
    /// The likeliest first tokens with the logarithms of their probabilities; empty where the server told none.
    pub first: Vec<(String, f64)>,
    /// Tokens of the prompt and of the answer.
    pub tokens: Option<(u64, u64)>,
}

#[derive(Deserialize)]
struct Completion {
    choices: Vec<Choice>,
    usage: Option<Tokens>,
}

#[derive(Deserialize)]
struct Choice {
    message: Message,
    logprobs: Option<LogProbs>,
}

#[derive(Deserialize)]
struct Message {
    content: Option<String>,
}

#[derive(Deserialize)]
struct LogProbs {
    content: Option<Vec<Token>>,
}

#[derive(Deserialize)]
struct Token {
    token: String,
    logprob: Option<f64>,
    #[serde(default)]
    top_logprobs: Vec<Top>,
}

#[derive(Deserialize)]
struct Top {
    token: String,
    logprob: Option<f64>,
}

#[derive(Deserialize)]
struct Tokens {
    #[serde(default)]
    prompt_tokens: u64,
    #[serde(default)]
    completion_tokens: u64,
}

impl Reply {
    /// Reads the body of an answer.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn read(body: &[u8]) -> Result<Reply, String> {
        let value: Value = serde_json::from_slice(body).map_err(|error| format!("it is not JSON ({error})"))?;
        if value.get("error").is_some_and(|error| !error.is_null()) {
            return Err(format!("it is an error: {}", message(body)));
        }
        let completion: Completion = serde_json::from_value(value).map_err(|error| error.to_string())?;
        let choice = completion.choices.into_iter().next().ok_or("it has no choices")?;
        let first = choice.logprobs.and_then(|probs| probs.content?.into_iter().next());
        Ok(Reply {
            text: choice.message.content.unwrap_or_default(),
            first: first.map(Token::alternatives).unwrap_or_default(),
            tokens: completion
                .usage
                .map(|usage| (usage.prompt_tokens, usage.completion_tokens)),
        })
    }
}

impl Token {
    /// The token itself is usually among the likeliest, but need not be.
    fn alternatives(self) -> Vec<(String, f64)> {
        let mut all: Vec<(String, f64)> = self
            .top_logprobs
            .into_iter()
            .filter_map(|top| Some((top.token, top.logprob?)))
            .collect();
        if !all.iter().any(|(token, _)| *token == self.token) {
            all.extend(self.logprob.map(|logprob| (self.token, logprob)));
        }
        all
    }
}

/// What the body of an error says: `error.message`, `error`, `message` or `detail` where it is JSON, else the body; in one line, shortened.
pub(super) fn message(body: &[u8]) -> String {
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    let places = ["/error/message", "/error", "/message", "/detail"];
    let said = places
        .iter()
        .find_map(|place| value.pointer(place)?.as_str().map(str::to_owned));
    let said = said.unwrap_or_else(|| String::from_utf8_lossy(body).into_owned());
    let said = shortened(&said);
    if said.is_empty() { "no message".to_owned() } else { said }
}

/// In one line, no longer than what is shown.
pub(super) fn shortened(text: &str) -> String {
    let begins: String = text.chars().take(4 * SHOWN).collect();
    let words: String = begins.split_whitespace().collect::<Vec<_>>().join(" ");
    let visible: String = words.chars().filter(|sign| !sign.is_control()).collect();
    if visible.chars().count() <= SHOWN {
        return visible;
    }
    visible.chars().take(SHOWN).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read() {
        let body = br#"{"choices":[{"message":{"role":"assistant","content":"B"},"logprobs":{"content":[{"token":"B","logprob":-0.1,
            "top_logprobs":[{"token":"B","logprob":-0.1},{"token":" A","logprob":-2.5},{"token":"x","logprob":null}]}]}}],
            "usage":{"prompt_tokens":40,"completion_tokens":1,"total_tokens":41}}"#;
        let reply = Reply::read(body).unwrap();
        assert_eq!((reply.text.as_str(), reply.tokens), ("B", Some((40, 1))));
        assert_eq!(reply.first, [("B".to_owned(), -0.1), (" A".to_owned(), -2.5)]);
        let chosen_only =
            br#"{"choices":[{"message":{"content":null},"logprobs":{"content":[{"token":"A","logprob":-0.5}]}}]}"#;
        assert_eq!(Reply::read(chosen_only).unwrap().first, [("A".to_owned(), -0.5)]);
        let none = br#"{"choices":[{"message":{"content":"A"},"logprobs":null}]}"#;
        assert_eq!(Reply::read(none).unwrap().first, []);
    }

    #[test]
    fn other_answers_are_refused_with_a_reason() {
        for (body, why) in [
            (&b"<html>"[..], "not JSON"),
            (b"{}", "choices"),
            (br#"{"choices":[]}"#, "no choices"),
            (br#"{"error":{"message":"out of memory"}}"#, "out of memory"),
            (br#"{"choices":[{"message":{"content":7}}]}"#, "string"),
        ] {
            let error = Reply::read(body).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn messages_are_found_and_shortened() {
        for (body, said) in [
            (&br#"{"error":{"message":"no such\n model"}}"#[..], "no such model"),
            (br#"{"error":"busy"}"#, "busy"),
            (br#"{"detail":"Not Found"}"#, "Not Found"),
            (b"plain", "plain"),
            (b"", "no message"),
        ] {
            assert_eq!(message(body), said);
        }
        assert_eq!(message("ä".repeat(5000).as_bytes()).chars().count(), SHOWN + 1);
    }
}
