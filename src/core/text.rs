//! A text to classify, the split it belongs to, and the kind of task.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Annotation, ImportId, TextId};

/// How many labels a text can carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaskKind {
    /// Exactly one label a text.
    SingleLabel,
    /// Any number of labels a text, none included.
    MultiLabel,
}

impl TaskKind {
    /// The stable name: in files, on the command line and on screen.
    pub fn name(self) -> &'static str {
        match self {
            TaskKind::SingleLabel => "single-label",
            TaskKind::MultiLabel => "multi-label",
        }
    }

    /// The inverse of [`TaskKind::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        [TaskKind::SingleLabel, TaskKind::MultiLabel]
            .into_iter()
            .find(|kind| kind.name() == name)
    }
}

/// What a text may be used for. A text without a split and with an annotation trains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// Weights are fitted on it.
    Train,
    /// Thresholds and stopping are chosen on it.
    Validation,
    /// Scores are reported on it; nothing is ever chosen on it.
    Test,
}

impl Split {
    /// All splits, in the order they are shown.
    pub const ALL: [Split; 3] = [Split::Train, Split::Validation, Split::Test];

    /// The stable name: in files, on the command line and on screen.
    pub fn name(self) -> &'static str {
        match self {
            Split::Train => "train",
            Split::Validation => "validation",
            Split::Test => "test",
        }
    }

    /// Reads the names people write into files (`dev`, `val`, `eval` and `training` among them), case-insensitively.
    pub fn from_name(name: &str) -> Option<Self> {
        match name.trim().to_lowercase().as_str() {
            "train" | "training" => Some(Split::Train),
            "validation" | "valid" | "val" | "dev" | "eval" => Some(Split::Validation),
            "test" | "testing" => Some(Split::Test),
            _ => None,
        }
    }
}

/// One text with everything a person or a file has said about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Text {
    /// Stable within the project.
    pub id: TextId,
    /// The id it had in the imported file.
    pub external_id: Option<String>,
    /// The text itself; shared, so a training snapshot costs a pointer.
    pub body: Arc<str>,
    /// `None`: not assigned.
    pub split: Option<Split>,
    /// The file it came from.
    pub source: Arc<str>,
    /// The import that brought it, where there was one.
    pub import: Option<ImportId>,
    /// A person's remark; empty when there is none.
    pub note: String,
    /// Marked for a second look.
    pub flagged: bool,
    /// Hidden everywhere; undo brings it back.
    pub deleted: bool,
    /// `None`: nobody has labelled it yet. An annotation with no labels is a decision: "none of them".
    pub annotation: Option<Annotation>,
}

impl Text {
    /// Whether weights may be fitted on it: annotated, not deleted, and in `train` or in no split.
    pub fn trains(&self) -> bool {
        !self.deleted && self.annotation.is_some() && matches!(self.split, None | Some(Split::Train))
    }

    /// The split it counts as when annotated: unassigned texts train.
    pub fn effective_split(&self) -> Split {
        self.split.unwrap_or(Split::Train)
    }
}
