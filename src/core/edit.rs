//! Everything that changes a project after import, as values with an inverse.
//!
//! An [`Edit`] is a list of [`Change`]s, each holding the value before and after. Undo swaps them: there is no second way back.

use serde::{Deserialize, Serialize};

use super::run::Deciding;
use super::{Annotation, ImportId, Label, LabelId, RunId, Split, TextId};

/// One thing a person did, undone and redone as a whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Edit {
    /// What was done, as the undo menu says it: "Label 12 texts billing".
    pub title: String,
    /// Applied in order.
    pub changes: Vec<Change>,
}

/// One value, before and after.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[allow(missing_docs)] // every variant is an id, the value before and the value after
pub enum Change {
    Annotation {
        text: TextId,
        before: Option<Annotation>,
        after: Option<Annotation>,
    },
    Split {
        text: TextId,
        before: Option<Split>,
        after: Option<Split>,
    },
    Note {
        text: TextId,
        before: String,
        after: String,
    },
    Flag {
        text: TextId,
        before: bool,
        after: bool,
    },
    /// `true`: deleted (hidden).
    Deleted {
        text: TextId,
        before: bool,
        after: bool,
    },
    /// `None` before: created; `None` after: deleted.
    Label {
        id: LabelId,
        before: Option<Label>,
        after: Option<Label>,
    },
    /// One per label of the run, each in 0..=1, in the run's label order.
    Thresholds {
        run: RunId,
        #[serde(with = "exact")]
        before: Vec<f64>,
        #[serde(with = "exact")]
        after: Vec<f64>,
    },
    /// What decides beside the thresholds.
    Deciding {
        run: RunId,
        before: Deciding,
        after: Deciding,
    },
    /// Whether the texts of an import are present. Undoing an import hides them, redoing shows them.
    Import {
        import: ImportId,
        before: bool,
        after: bool,
    },
}

impl Edit {
    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// The edit that takes this one back.
    pub fn inverse(&self) -> Edit {
        Edit {
            title: self.title.clone(),
            changes: self.changes.iter().rev().map(Change::inverse).collect(),
        }
    }
}

impl Change {
    /// The same change with before and after exchanged.
    pub fn inverse(&self) -> Change {
        let mut inverse = self.clone();
        match &mut inverse {
            Change::Annotation { before, after, .. } => std::mem::swap(before, after),
            Change::Split { before, after, .. } => std::mem::swap(before, after),
            Change::Note { before, after, .. } => std::mem::swap(before, after),
            Change::Flag { before, after, .. }
            | Change::Deleted { before, after, .. }
            | Change::Import { before, after, .. } => std::mem::swap(before, after),
            Change::Label { before, after, .. } => std::mem::swap(before, after),
            Change::Thresholds { before, after, .. } => std::mem::swap(before, after),
            Change::Deciding { before, after, .. } => std::mem::swap(before, after),
        }
        inverse
    }
}

/// Numbers as decimal strings: a journalled value must come back bit for bit, which JSON numbers do not promise.
mod exact {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(values: &[f64], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(values.iter().map(f64::to_string))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f64>, D::Error> {
        let written = Vec::<String>::deserialize(deserializer)?;
        written
            .iter()
            .map(|value| value.parse().map_err(D::Error::custom))
            .collect()
    }
}
