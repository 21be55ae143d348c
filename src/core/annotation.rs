//! What a person (or a file) said about a text.

use serde::{Deserialize, Serialize};

use super::LabelId;

/// How an annotation came to be; training and metrics may leave machine-made ones out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// Chosen by a person for this text.
    Hand,
    /// Read from a file.
    Imported,
    /// A person accepted what a model suggested.
    Accepted,
    /// Set for many texts at once.
    Bulk,
}

impl How {
    /// The stable name: in files and on screen.
    pub fn name(self) -> &'static str {
        match self {
            How::Hand => "hand",
            How::Imported => "imported",
            How::Accepted => "accepted",
            How::Bulk => "bulk",
        }
    }

    /// The inverse of [`How::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        [How::Hand, How::Imported, How::Accepted, How::Bulk]
            .into_iter()
            .find(|how| how.name() == name)
    }
}

/// The labels of one text, with who set them, when and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Annotation {
    /// Sorted, no duplicates; empty means "none of the labels".
    pub labels: Vec<LabelId>,
    /// The annotator's name.
    pub who: String,
    /// Milliseconds since the Unix epoch.
    pub at_millis: i64,
    /// How it came to be.
    pub how: How,
}

impl Annotation {
    /// Sorts the labels and removes duplicates.
    pub fn new(mut labels: Vec<LabelId>, who: impl Into<String>, at_millis: i64, how: How) -> Self {
        labels.sort_unstable();
        labels.dedup();
        Annotation {
            labels,
            who: who.into(),
            at_millis,
            how,
        }
    }
}
