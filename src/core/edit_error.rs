//! Why an edit could not be built: what a person asked for that the project cannot do.

use super::{LabelId, RunId, TextId};

/// What stands in the way of an edit; nothing has been changed when one is returned.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EditError {
    /// Everything already is as asked.
    #[error("nothing to change: it already is as asked")]
    NothingToDo,
    /// No live label has this id.
    #[error("there is no label with id {0}")]
    UnknownLabel(LabelId),
    /// No text has this id.
    #[error("there is no text with id {0}")]
    UnknownText(TextId),
    /// No run has this id.
    #[error("there is no run with id {0}")]
    UnknownRun(RunId),
    /// A name of nothing but spaces, or a path without names.
    #[error("a label needs a name")]
    EmptyName,
    /// Longer than [`super::label_edits::MAX_NAME_CHARS`].
    #[error("a label name of {n_chars} characters is too long: {max} at most")]
    NameTooLong {
        /// How long it is.
        n_chars: usize,
        /// How long it may be.
        max: usize,
    },
    /// Control characters, line breaks among them.
    #[error("a label name cannot hold line breaks or control characters")]
    NameNotPrintable,
    /// A sibling has the name.
    #[error("there already is a label {path:?}: choose another name, or merge the two")]
    NameTaken {
        /// The path both would have.
        path: String,
    },
    /// Deeper than [`super::label::MAX_DEPTH`].
    #[error("labels can be {max} levels deep at most, this would make {depth}")]
    TooDeep {
        /// Levels it would take.
        depth: usize,
        /// Levels there may be.
        max: usize,
    },
    /// A label would end up inside itself.
    #[error("{label:?} cannot move into {into:?}: that lies inside it")]
    IntoItself {
        /// The label to move or merge.
        label: String,
        /// Where it was to go.
        into: String,
    },
    /// A single-label project takes exactly one.
    #[error("a single-label project takes exactly one label a text, not {0}")]
    NotOneLabel(usize),
    /// One threshold per label of the run is needed.
    #[error("the run has {expected} labels, so it takes as many thresholds, not {found}")]
    ThresholdCount {
        /// Labels of the run.
        expected: usize,
        /// Thresholds given.
        found: usize,
    },
    /// Only where a text can have no label is there something to fill.
    #[error(
        "nothing was changed: where labels exclude each other a text has at least one already; lower the thresholds to abstain from fewer"
    )]
    OneLabelAlready,
    /// Not within 0..=1.
    #[error("a threshold lies between 0 and 1, {0} does not")]
    ThresholdRange(f64),
}
