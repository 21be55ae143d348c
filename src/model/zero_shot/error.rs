//! Why there are no scores.

use crate::model::ModelError;

/// Why there are no scores. Nothing was changed and nothing kept.
#[derive(Debug, thiserror::Error)]
pub enum ZeroShotError {
    /// The template has no place for the label, or several.
    #[error(
        "the template must contain {{}} exactly once, where the label's name goes, or {{path}} for its path in the tree: {0:?}"
    )]
    Template(String),
    /// No template at all.
    #[error("there is no template; give a sentence with {{}} where the label's name goes")]
    NoTemplates,
    /// Nothing to choose from.
    #[error("there are no labels to compare with; add at least one")]
    NoLabels,
    /// A label without a name.
    #[error("label {0} has an empty name, which cannot be compared with a text; name it")]
    EmptyLabel(usize),
    /// Pairs of texts for an engine that reads single ones.
    #[error(
        "{engine} reads one text at a time, and these are pairs; choose another engine, or train a model on labelled pairs"
    )]
    Pairs {
        /// The engine.
        engine: &'static str,
    },
    /// The texts were embedded by an encoder of another width.
    #[error("the embeddings have {found} values per text, but this encoder makes {expected}; embed the texts again")]
    Dim {
        /// Of this encoder.
        expected: usize,
        /// Of the embeddings.
        found: usize,
    },
    /// A classifier of something else.
    #[error(
        "{model} tells apart {names}; none of these classes begins with \"entail\", so it was not trained on natural language inference. \
         Choose a model that was, or another engine"
    )]
    NotInference {
        /// What the model is called.
        model: String,
        /// Its classes.
        names: String,
    },
    /// A classifier whose classes are numbers.
    #[error(
        "which class of {model} means entailment is not known: its config.json has no id2label. If it was trained on natural language \
         inference, write the names there in the order of its classes: \"id2label\": {{\"0\": \"contradiction\", …}}"
    )]
    NoClassNames {
        /// What the model is called.
        model: String,
    },
    /// Entailment is known, but not what it is compared with.
    #[error(
        "which class of {model} means contradiction is not known, and scores of each label by itself need it; ask about several labels \
         that exclude each other, or name the class \"contradiction\" in id2label of its config.json"
    )]
    NoContradiction {
        /// What the model is called.
        model: String,
    },
    /// A model trained here on something else than pairs with one label each.
    #[error(
        "{model} was not trained on pairs of texts with one label each, and entailment needs a premise and a hypothesis; train a project of pairs \
         labelled entailment, neutral and contradiction, or choose another model"
    )]
    NotPairs {
        /// What the model is called.
        model: String,
    },
    /// A prompt without any text is too long already.
    #[error(
        "the labels and what is said about them take {needed} tokens with one token of a text, but the model reads {context}; ask about fewer \
         labels, or shorten their descriptions"
    )]
    PromptTooLong {
        /// Tokens.
        needed: usize,
        /// The most a prompt may have.
        context: usize,
    },
    /// More options than have codes.
    #[error(
        "a language model is asked about at most {most} labels at a time; ask about fewer, or let it write their names"
    )]
    TooManyOptions {
        /// The most.
        most: usize,
    },
    /// Logits that are no numbers.
    #[error(
        "the model answers with numbers that are not finite; its weights are damaged, or a class has never been trained"
    )]
    NotFinite,
    /// Whoever listened to the progress asked to stop.
    #[error("stopped before every text had its scores; none were kept")]
    Stopped,
    /// An endpoint could not be used.
    #[error(transparent)]
    Endpoint(#[from] super::EndpointError),
    /// The engine learns from label names first, and could not.
    #[error("nothing could be learnt from the labels' names: {0}")]
    Training(String),
    /// The model could not be used.
    #[error(transparent)]
    Model(ModelError),
}

impl From<ModelError> for ZeroShotError {
    fn from(error: ModelError) -> Self {
        match error {
            ModelError::Stopped => ZeroShotError::Stopped,
            error => ZeroShotError::Model(error),
        }
    }
}
