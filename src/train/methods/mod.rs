//! The table of training methods: adding one is a file with a `run` function, a file with its options here, and a line in [`METHODS`].

mod distill;
mod finetune;
pub mod form;
mod presets;
mod probe;
mod setfit;
mod shared;
mod variants;

use super::{Checkpoints, Events, OptionSpec, Options, TrainError, Trained, TrainingSet};
use crate::model::Encoder;

pub use presets::{PRESETS, Preset, preset, presets_help};
pub use variants::{Variant, imbalance_variants, parse_variant, tree_variants};

/// A way of training a classifier.
pub struct Method {
    /// On the command line and in stored runs; never changes.
    pub id: &'static str,
    /// On screen.
    pub title: &'static str,
    /// One sentence for choosing between methods: what it does, a colon, what it costs and when it is best.
    pub summary: &'static str,
    /// Whether it learns from a finished run: see [`TrainingSet::teacher`].
    pub needs_teacher: bool,
    /// Everything that can be set, the most important first.
    pub options: &'static [OptionSpec],
    pub(super) run: Run,
}

/// A whole training: what to learn from, the options, the seed, the encoder to start from, who is told, and where it goes on from.
type Run = fn(&TrainingSet, &Options, u64, Encoder, Events<'_>, &mut Checkpoints<'_>) -> Result<Trained, TrainError>;

impl Method {
    /// What it costs and when it is best: the summary after its colon, a capital first.
    pub fn in_short(&self) -> String {
        let short = self.summary.rsplit(": ").next().unwrap_or(self.summary);
        let mut letters = short.chars();
        letters
            .next()
            .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
    }

    /// The defaults, changed by `(option, value)` pairs as a person wrote them.
    ///
    /// # Errors
    /// An option the method lacks (the message lists those it has); a value that is no number or out of range.
    pub fn parse<S: AsRef<str>>(&'static self, settings: &[(S, S)]) -> Result<Options, TrainError> {
        let mut options = Options::defaults(self);
        for (id, value) in settings {
            options.set_written(id.as_ref(), value.as_ref())?;
        }
        Ok(options)
    }

    /// The option with this id.
    ///
    /// # Errors
    /// When there is none; the message lists those there are.
    pub fn option(&self, id: &str) -> Result<&'static OptionSpec, TrainError> {
        self.options
            .iter()
            .find(|spec| spec.id == id)
            .ok_or_else(|| TrainError::UnknownOption {
                method: self.id,
                option: id.into(),
                known: self.options.iter().map(|spec| spec.id).collect::<Vec<_>>().join(", "),
            })
    }
}

/// The method with this id.
///
/// # Errors
/// When there is none; the message lists those there are.
pub fn method(id: &str) -> Result<&'static Method, TrainError> {
    METHODS.iter().find(|method| method.id == id).ok_or_else(|| {
        TrainError::UnknownMethod(
            id.into(),
            METHODS.iter().map(|method| method.id).collect::<Vec<_>>().join(", "),
        )
    })
}

/// Every method with its options, ranges and defaults, as text for a terminal.
pub fn options_help() -> String {
    let mut help = String::from("Methods and their options:\n");
    for method in METHODS {
        help += &format!("\n  {}: {}\n", method.id, method.summary);
        for OptionSpec {
            id,
            default,
            unit,
            range,
            help: text,
            ..
        } in method.options
        {
            let unit = if unit.is_empty() {
                String::new()
            } else {
                format!(" {unit}")
            };
            let default = range.written(*default);
            help += &format!("    {id}={default}{unit}, {range}\n        {text}\n");
        }
    }
    help
}

impl std::fmt::Debug for Method {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Method({})", self.id)
    }
}

impl PartialEq for Method {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

/// Every method, quickest first.
pub static METHODS: &[Method] = &[probe::PROBE, setfit::SETFIT, finetune::FINETUNE, distill::DISTILL];
