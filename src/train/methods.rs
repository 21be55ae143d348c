//! The table of training methods: adding one is a file with a `run` function and an entry here.

use super::{Events, OptionSpec, Options, Range, TrainError, Trained, TrainingSet, finetune, probe, setfit};
use crate::model::Encoder;

/// A way of training a classifier.
pub struct Method {
    /// On the command line and in stored runs; never changes.
    pub id: &'static str,
    /// On screen.
    pub title: &'static str,
    /// One sentence for choosing between methods.
    pub summary: &'static str,
    /// Everything that can be set, the most important first.
    pub options: &'static [OptionSpec],
    pub(super) run: fn(&TrainingSet, &Options, u64, Encoder, Events<'_>) -> Result<Trained, TrainError>,
}

impl Method {
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
pub static METHODS: &[Method] = &[
    Method {
        id: "probe",
        title: "Quick probe",
        summary: "Logistic regression on the encoder's embeddings as they are: seconds, good for a first look.",
        options: &[HEAD_C, FOLDS],
        run: probe::run,
    },
    Method {
        id: "setfit",
        title: "SetFit",
        summary: "Tunes the encoder on pairs of texts that do or do not share a label, then fits the head: minutes, best with few examples.",
        options: &[
            OptionSpec {
                id: "num_iterations",
                title: "Iterations",
                unit: "times a text",
                range: Range::Whole { min: 1, max: 200 },
                default: 20.0,
                help: "How often each text comes up: in a batch with the sampler fast, in a pair with a text of its label and one of another with the sampler iterations. Time grows with it; fewer are enough when there are many texts.",
                advanced: false,
            },
            OptionSpec {
                id: "sampler",
                title: "Sampler",
                unit: "",
                range: Range::Choice(&setfit::SAMPLERS),
                default: 0.0,
                help: "Where pairs come from. fast: batches of distinct texts, all of whose pairs are compared. iterations: pairs drawn one by one, as setfit's num_iterations does; its usual learning rate is 2e-5, and it takes longer.",
                advanced: true,
            },
            OptionSpec {
                id: "learning_rate",
                title: "Learning rate",
                unit: "",
                range: Range::Real { min: 1e-7, max: 1e-2 },
                default: 5e-5,
                help: "How far each step moves the encoder. Lower it when the loss jumps about; 2e-5 is usual with the sampler iterations.",
                advanced: false,
            },
            OptionSpec {
                id: "batch_size",
                title: "Batch size",
                unit: "pairs",
                range: Range::Whole { min: 2, max: 256 },
                default: 16.0,
                help: "Pairs per step; with the sampler fast, half the texts. Larger batches take more memory and make fewer, steadier steps.",
                advanced: false,
            },
            OptionSpec {
                id: "num_epochs",
                title: "Epochs",
                unit: "",
                range: Range::Whole { min: 1, max: 20 },
                default: 1.0,
                help: "How often the iterations are gone through, each time with new pairs.",
                advanced: true,
            },
            FREEZE_LAYERS,
            WARMUP,
            WEIGHT_DECAY,
            MAX_GRAD_NORM,
            HEAD_C,
            FOLDS,
        ],
        run: setfit::run,
    },
    Method {
        id: "finetune",
        title: "Fine-tuning",
        summary: "The encoder and a linear layer learn the labels directly: minutes to hours, best with hundreds of examples per label.",
        options: &[
            OptionSpec {
                id: "num_epochs",
                title: "Epochs",
                unit: "",
                range: Range::Whole { min: 1, max: 100 },
                default: 3.0,
                help: "How often every text is gone through. Fewer are enough when there are many texts.",
                advanced: false,
            },
            OptionSpec {
                id: "learning_rate",
                title: "Learning rate",
                unit: "",
                range: Range::Real { min: 1e-7, max: 1e-2 },
                default: 5e-5,
                help: "How far each step moves the weights. Lower it when the loss jumps about.",
                advanced: false,
            },
            OptionSpec {
                id: "batch_size",
                title: "Batch size",
                unit: "texts",
                range: Range::Whole { min: 1, max: 1024 },
                default: 32.0,
                help: "Texts per step. Larger batches take more memory and make fewer, steadier steps.",
                advanced: false,
            },
            OptionSpec {
                id: "max_length",
                title: "Longest text",
                unit: "tokens",
                range: Range::Whole { min: 8, max: 8192 },
                default: 128.0,
                help: "Longer texts lose their end, in training and in use. Time and memory grow with it; never more than the encoder takes.",
                advanced: false,
            },
            FREEZE_LAYERS,
            WARMUP,
            WEIGHT_DECAY,
            MAX_GRAD_NORM,
        ],
        run: finetune::run,
    },
];

const FREEZE_LAYERS: OptionSpec = OptionSpec {
    id: "freeze_layers",
    title: "Frozen layers",
    unit: "layers from below",
    range: Range::Whole { min: 0, max: 255 },
    default: 0.0,
    help: "The lowest layers and the word embeddings stay as they are, and what they make of each text is computed once: faster, and less to learn with.",
    advanced: true,
};

const WARMUP: OptionSpec = OptionSpec {
    id: "warmup",
    title: "Warm-up",
    unit: "share of the steps",
    range: Range::Real { min: 0.0, max: 1.0 },
    default: 0.1,
    help: "The learning rate rises to its full value over this share of the steps, then falls to zero.",
    advanced: true,
};

const WEIGHT_DECAY: OptionSpec = OptionSpec {
    id: "weight_decay",
    title: "Weight decay",
    unit: "",
    range: Range::Real { min: 0.0, max: 1.0 },
    default: 0.01,
    help: "Pulls weights towards zero at every step; biases and normalisation weights are left out.",
    advanced: true,
};

const MAX_GRAD_NORM: OptionSpec = OptionSpec {
    id: "max_grad_norm",
    title: "Gradient clipping",
    unit: "",
    range: Range::Real { min: 1e-3, max: 1e6 },
    default: 1.0,
    help: "Gradients longer than this are shortened to it, so that one odd batch cannot do harm.",
    advanced: true,
};

const HEAD_C: OptionSpec = OptionSpec {
    id: "c",
    title: "Head strength C",
    unit: "",
    range: Range::Real { min: 1e-6, max: 1e6 },
    default: crate::model::head::DEFAULT_C,
    help: "Inverse regularisation of the logistic head. Raise it to fit the examples more closely, lower it when labels are noisy.",
    advanced: true,
};

const FOLDS: OptionSpec = OptionSpec {
    id: "folds",
    title: "Folds",
    unit: "",
    range: Range::Whole { min: 0, max: 50 },
    default: 5.0,
    help: "The training texts are scored by this many heads, each fitted without the texts it scores. 0 or 1 leaves that out.",
    advanced: true,
};
