//! A text to classify, the split it belongs to, and the kind of task.

use std::borrow::Cow;
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

/// What stands between the two parts of a pair on one line.
pub const PAIR_SEPARATOR: &str = " ‖ ";

/// The words of a text, shared with the project: what a model reads of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Words {
    /// The text, or the first of a pair.
    pub body: Arc<str>,
    /// The second of a pair.
    pub second: Option<Arc<str>>,
}

/// One text with everything a person or a file has said about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Text {
    /// Stable within the project.
    pub id: TextId,
    /// The id it had in the imported file.
    pub external_id: Option<String>,
    /// The text itself, or the first of a pair (the premise); shared, so a training snapshot costs a pointer.
    pub body: Arc<str>,
    /// The second of a pair (the hypothesis); `None` for a text that stands alone. All texts of a project are pairs, or none is.
    pub second: Option<Arc<str>>,
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

    /// What a model reads of it; costs two pointers.
    pub fn words(&self) -> Words {
        Words {
            body: self.body.clone(),
            second: self.second.clone(),
        }
    }

    /// The text, or both parts of a pair in order.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        [Some(&*self.body), self.second.as_deref()].into_iter().flatten()
    }

    /// Words between white space, of both parts.
    pub fn n_words(&self) -> usize {
        self.parts().map(|part| part.split_whitespace().count()).sum()
    }

    /// Both parts on one line, as lists show them; the body where there is no second.
    pub fn line(&self) -> Cow<'_, str> {
        in_line(&self.body, self.second.as_deref())
    }

    /// Both parts, one below the other with an empty line between; the body where there is no second.
    pub fn paragraphs(&self) -> Cow<'_, str> {
        match &self.second {
            None => Cow::Borrowed(&self.body),
            Some(second) => Cow::Owned([&self.body, "\n\n", second].concat()),
        }
    }

    /// The split it counts as when annotated: unassigned texts train.
    pub fn effective_split(&self) -> Split {
        self.split.unwrap_or(Split::Train)
    }
}

/// The two parts of a pair on one line; the first where it stands alone.
pub fn in_line<'a>(first: &'a str, second: Option<&str>) -> Cow<'a, str> {
    match second {
        None => Cow::Borrowed(first),
        Some(second) => Cow::Owned([first, PAIR_SEPARATOR, second].concat()),
    }
}
