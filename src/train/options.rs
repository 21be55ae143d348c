//! A method's options: what there is, what is allowed, and the values of one run.
//!
//! Forms, command-line flags, validation and docs all derive from the [`OptionSpec`] tables of the methods.

use std::collections::BTreeMap;
use std::fmt;

use super::{Method, TrainError};

/// What an option may be, both ends included.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Range {
    /// Whole numbers.
    Whole {
        /// Smallest.
        min: u32,
        /// Largest.
        max: u32,
    },
    /// Any number.
    Real {
        /// Smallest.
        min: f64,
        /// Largest.
        max: f64,
    },
    /// One of a few words; its value is the place of the word, from 0.
    Choice(&'static [&'static str]),
}

impl Range {
    /// Whether `value` is allowed.
    pub fn contains(self, value: f64) -> bool {
        match self {
            Range::Whole { min, max } => value.fract() == 0.0 && (f64::from(min)..=f64::from(max)).contains(&value),
            Range::Real { min, max } => (min..=max).contains(&value),
            Range::Choice(words) => value.fract() == 0.0 && (0.0..words.len() as f64).contains(&value),
        }
    }

    /// The value that a person wrote.
    fn parse(self, written: &str) -> Option<f64> {
        match self {
            Range::Choice(words) => words.iter().position(|word| *word == written).map(|at| at as f64),
            _ => written.parse().ok(),
        }
    }

    /// A value as a person writes it.
    pub fn written(self, value: f64) -> String {
        match self {
            Range::Choice(words) => words.get(value as usize).copied().unwrap_or_default().to_owned(),
            _ => value.to_string(),
        }
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Range::Whole { min, max } => write!(f, "a whole number from {min} to {max}"),
            Range::Real { min, max } => write!(f, "a number from {min} to {max}"),
            Range::Choice(words) => write!(f, "one of {}", words.join(", ")),
        }
    }
}

/// One option of a method.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OptionSpec {
    /// On the command line and in stored runs; never changes.
    pub id: &'static str,
    /// On screen.
    pub title: &'static str,
    /// What the number counts; empty for a bare number.
    pub unit: &'static str,
    /// What is allowed.
    pub range: Range,
    /// The value when none is given.
    pub default: f64,
    /// One or two sentences: what it does, and when to change it.
    pub help: &'static str,
    /// Shown only on request.
    pub advanced: bool,
}

/// A value for every option of one method.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    method: &'static Method,
    values: BTreeMap<&'static str, f64>,
}

impl Options {
    /// Every option at its default.
    pub fn defaults(method: &'static Method) -> Self {
        Options {
            method,
            values: method.options.iter().map(|spec| (spec.id, spec.default)).collect(),
        }
    }

    /// Sets one option from what a person wrote.
    ///
    /// # Errors
    /// An option the method lacks; a value that is no number or out of range.
    pub fn set_written(&mut self, id: &str, value: &str) -> Result<(), TrainError> {
        let spec = self.method.option(id)?;
        let number = spec.range.parse(value.trim());
        let number = number.ok_or_else(|| out_of_range(spec, value.trim()))?;
        self.set(spec.id, number)
    }

    /// Sets one option.
    ///
    /// # Errors
    /// As [`Options::set_written`].
    pub fn set(&mut self, id: &str, value: f64) -> Result<(), TrainError> {
        let spec = self.method.option(id)?;
        if !spec.range.contains(value) {
            return Err(out_of_range(spec, &spec.range.written(value)));
        }
        self.values.insert(spec.id, value);
        Ok(())
    }

    /// The value of an option; 0 for one the method does not have.
    pub fn get(&self, id: &str) -> f64 {
        self.values.get(id).copied().unwrap_or_default()
    }

    /// [`Options::get`] for whole numbers.
    pub fn whole(&self, id: &str) -> usize {
        self.get(id) as usize
    }

    /// The value of an option as a person writes it; `None` for one the method does not have.
    pub fn written(&self, id: &str) -> Option<String> {
        let spec = self.method.option(id).ok()?;
        Some(spec.range.written(self.get(id)))
    }

    /// The word of an option that is one of a few; empty for any other.
    pub fn word(&self, id: &str) -> &'static str {
        match self
            .method
            .options
            .iter()
            .find(|spec| spec.id == id)
            .map(|spec| spec.range)
        {
            Some(Range::Choice(words)) => words.get(self.whole(id)).copied().unwrap_or_default(),
            _ => "",
        }
    }

    /// The method these belong to.
    pub fn method(&self) -> &'static Method {
        self.method
    }

    /// Every option with its value, whole numbers as such: for storing with a run.
    pub fn to_json(&self) -> BTreeMap<String, serde_json::Value> {
        let value = |spec: &OptionSpec| match spec.range {
            Range::Whole { .. } => self.whole(spec.id).into(),
            Range::Real { .. } => self.get(spec.id).into(),
            Range::Choice(_) => spec.range.written(self.get(spec.id)).into(),
        };
        self.method
            .options
            .iter()
            .map(|spec| (spec.id.to_owned(), value(spec)))
            .collect()
    }

    /// The inverse of [`Options::to_json`]; options not named keep their defaults.
    ///
    /// # Errors
    /// As [`Options::set_written`].
    pub fn from_json(
        method: &'static Method,
        values: &BTreeMap<String, serde_json::Value>,
    ) -> Result<Self, TrainError> {
        let mut options = Self::defaults(method);
        for (id, value) in values {
            match value.as_str() {
                Some(word) => options.set_written(id, word)?,
                None => options.set_written(id, &value.to_string())?,
            }
        }
        Ok(options)
    }

    pub(super) fn check_for(&self, method: &Method) -> Result<(), TrainError> {
        if self.method.id == method.id {
            return Ok(());
        }
        Err(TrainError::BadSet(format!(
            "these are the options of {}, not of {}",
            self.method.id, method.id
        )))
    }
}

fn out_of_range(spec: &OptionSpec, value: &str) -> TrainError {
    TrainError::BadOption {
        option: spec.id.into(),
        value: value.into(),
        range: spec.range.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::{METHODS, method};

    #[test]
    fn every_default_is_allowed_and_every_option_explained() {
        for method in METHODS {
            let options = Options::defaults(method);
            for spec in method.options {
                assert!(spec.range.contains(spec.default), "{}: {}", method.id, spec.id);
                assert!(spec.help.ends_with('.') && !spec.title.is_empty(), "{}", spec.id);
                assert_eq!(options.get(spec.id), spec.default);
                assert_eq!(method.options.iter().filter(|other| other.id == spec.id).count(), 1);
            }
            assert_eq!(Options::from_json(method, &options.to_json()).unwrap(), options);
        }
    }

    #[test]
    fn settings_are_parsed_and_stored_as_they_read() {
        let setfit = method("setfit").unwrap();
        let options = setfit
            .parse(&[("num_iterations", "5"), ("learning_rate", " 1e-4")])
            .unwrap();
        assert_eq!(
            (options.whole("num_iterations"), options.get("learning_rate")),
            (5, 1e-4)
        );
        assert_eq!(options.get("batch_size"), 16.0);
        assert_eq!(options.to_json()["num_iterations"], serde_json::json!(5));
        assert_eq!(Options::from_json(setfit, &options.to_json()).unwrap(), options);
    }

    #[test]
    fn what_is_wrong_is_said() {
        let setfit = method("setfit").unwrap();
        let cases = [
            ("epoch", "2", "setfit has no option \"epoch\"; it has num_iterations, "),
            (
                "batch_size",
                "0",
                "batch_size must be a whole number from 2 to 256, not \"0\"",
            ),
            ("batch_size", "2.5", "not \"2.5\""),
            ("learning_rate", "fast", "learning_rate must be a number from "),
            ("learning_rate", "NaN", "not \"NaN\""),
            ("num_iterations", "", "not \"\""),
        ];
        for (id, value, message) in cases {
            let error = setfit.parse(&[(id, value)]).unwrap_err().to_string();
            assert!(error.contains(message), "{id}={value}: {error}");
        }
        let error = method("sefit").unwrap_err().to_string();
        assert!(error.contains("probe, setfit"), "{error}");
    }

    #[test]
    fn the_help_names_every_option() {
        let help = crate::train::options_help();
        for spec in METHODS.iter().flat_map(|method| method.options) {
            assert!(
                help.contains(&format!("{}={}", spec.id, spec.range.written(spec.default))),
                "{}: {help}",
                spec.id
            );
        }
    }
}
