//! One text as exporters write it.

use crate::core::{LabelTree, ProjectState, TaskKind, Text};

/// A text with everything said about it, in words.
pub struct Record {
    /// The id it had in the imported file.
    pub id: Option<String>,
    pub text: String,
    /// The second of a pair.
    pub second: Option<String>,
    /// Label paths; `None`: nobody has labelled it.
    pub labels: Option<Vec<Vec<String>>>,
    pub split: Option<&'static str>,
    pub who: Option<String>,
    /// ISO 8601, UTC, to the millisecond.
    pub when: Option<String>,
    pub how: Option<&'static str>,
    pub note: String,
}

impl Record {
    pub fn of(text: &Text, labels: &LabelTree) -> Record {
        let annotation = text.annotation.as_ref();
        Record {
            id: text.external_id.clone(),
            text: text.body.to_string(),
            second: text.second.as_deref().map(str::to_owned),
            labels: annotation.map(|annotation| annotation.labels.iter().map(|id| labels.path(*id)).collect()),
            split: text.split.map(|split| split.name()),
            who: annotation.map(|annotation| annotation.who.clone()),
            when: annotation
                .and_then(|annotation| jiff::Timestamp::from_millisecond(annotation.at_millis).ok())
                .map(|at| at.to_string()),
            how: annotation.map(|annotation| annotation.how.name()),
            note: text.note.clone(),
        }
    }
}

/// What is written, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Columns {
    /// Whether there is a column for the second of a pair.
    pub pairs: bool,
    /// The column of labels.
    pub labels: LabelColumn,
}

impl Columns {
    /// The name of the column for the second of a pair: that of Hugging Face's tokenizers, which goes with `text`.
    pub const SECOND: &str = "text_pair";

    /// The simplest that lose nothing.
    pub fn of(state: &ProjectState) -> Columns {
        Columns {
            pairs: state.has_pairs(),
            labels: LabelColumn::of(state),
        }
    }
}

/// The column labels are written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LabelColumn {
    /// `label`: one name a text.
    One,
    /// `labels`: a list of names.
    Several,
    /// `path`: a list of paths.
    Paths,
}

impl LabelColumn {
    /// The simplest that loses nothing.
    pub fn of(state: &ProjectState) -> LabelColumn {
        if state.labels.is_hierarchical() {
            return LabelColumn::Paths;
        }
        let is_one = |text: &Text| {
            text.annotation
                .as_ref()
                .is_none_or(|annotation| annotation.labels.len() == 1)
        };
        // A name in brackets would be read as a list.
        let is_plain = state
            .labels
            .iter()
            .all(|label| !label.name.trim_start().starts_with('['));
        let one = state.task == TaskKind::SingleLabel && is_plain && state.texts().all(is_one);
        if one { LabelColumn::One } else { LabelColumn::Several }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            LabelColumn::One => "label",
            LabelColumn::Several => "labels",
            LabelColumn::Paths => "path",
        }
    }

    /// What is written for these label paths.
    pub fn value(self, paths: Option<Vec<Vec<String>>>) -> serde_json::Value {
        let Some(paths) = paths else {
            return serde_json::Value::Null;
        };
        match self {
            LabelColumn::One => paths.into_iter().flatten().next().into(),
            LabelColumn::Several => paths.into_iter().flatten().collect::<Vec<_>>().into(),
            LabelColumn::Paths => paths.into(),
        }
    }
}
