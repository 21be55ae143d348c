//! A text on its way in: what an importer reads and the store writes.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::Split;
use super::text::in_line;

/// One row of a file, read and checked, not yet stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NewText {
    /// Not empty.
    pub body: String,
    /// The second of a pair; `None` for a text that stands alone.
    #[serde(default)]
    pub second: Option<String>,
    /// The row's own id.
    pub external_id: Option<String>,
    /// The split the row names.
    pub split: Option<Split>,
    /// Label paths from the root, each with at least one name. `None`: unlabelled. Empty: labelled "none of them".
    pub labels: Option<Vec<Vec<String>>>,
}

impl NewText {
    /// A text alone: no id, no split, no labels.
    pub fn new(body: impl Into<String>) -> Self {
        NewText {
            body: body.into(),
            second: None,
            external_id: None,
            split: None,
            labels: None,
        }
    }

    /// Both parts on one line, as lists show them; the body where there is no second.
    pub fn line(&self) -> Cow<'_, str> {
        in_line(&self.body, self.second.as_deref())
    }
}

/// Something in a file that was not imported, or not as it stood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Line in the file, from 1; `None` when it concerns the whole file.
    pub line: Option<u64>,
    /// What is wrong and what was done about it.
    pub message: String,
}
