//! What a model reads as one input: a text, or a pair of texts that it reads together. Not here: tokens.

use crate::core::{NewText, Words};

/// A text, with a second one beside it where the two are read together (premise and hypothesis, question and passage).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Input<'a> {
    /// The text, or the first of a pair.
    pub text: &'a str,
    /// The second of a pair.
    pub second: Option<&'a str>,
}

impl Input<'_> {
    /// Whether there are two texts.
    pub fn is_pair(&self) -> bool {
        self.second.is_some()
    }
}

impl<'a> From<&'a str> for Input<'a> {
    fn from(text: &'a str) -> Self {
        Input { text, second: None }
    }
}

impl<'a> From<&'a String> for Input<'a> {
    fn from(text: &'a String) -> Self {
        Input::from(text.as_str())
    }
}

impl<'a> From<(&'a str, &'a str)> for Input<'a> {
    fn from((text, second): (&'a str, &'a str)) -> Self {
        Input {
            text,
            second: Some(second),
        }
    }
}

impl<'a> From<&'a NewText> for Input<'a> {
    fn from(row: &'a NewText) -> Self {
        Input {
            text: &row.body,
            second: row.second.as_deref(),
        }
    }
}

impl<'a> From<&'a Words> for Input<'a> {
    fn from(words: &'a Words) -> Self {
        Input {
            text: &words.body,
            second: words.second.as_deref(),
        }
    }
}
