//! What a classifier should answer for each text.

use super::HeadError;
use crate::core::ColumnTree;

/// The labels of each text, as column indices in `0..n_labels`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Targets {
    /// Exactly one label per text.
    Single(Vec<usize>),
    /// Any number of labels per text, each listed once; empty means "none of them".
    Multi(Vec<Vec<usize>>),
}

impl Targets {
    /// How many texts there are.
    pub fn len(&self) -> usize {
        match self {
            Targets::Single(labels) => labels.len(),
            Targets::Multi(labels) => labels.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The labels of text `i`; empty beyond the end.
    pub fn of(&self, i: usize) -> &[usize] {
        match self {
            Targets::Single(labels) => labels.get(i).map(std::slice::from_ref).unwrap_or_default(),
            Targets::Multi(labels) => labels.get(i).map(Vec::as_slice).unwrap_or_default(),
        }
    }

    /// How many texts carry each label.
    pub fn counts(&self, n_labels: usize) -> Result<Vec<usize>, HeadError> {
        let mut counts = vec![0; n_labels];
        for label in (0..self.len()).flat_map(|i| self.of(i)) {
            *counts.get_mut(*label).ok_or(HeadError::UnknownLabel {
                label: *label,
                n_labels,
            })? += 1;
        }
        Ok(counts)
    }

    /// With all labels above, where texts may have several.
    pub fn closed(&self, tree: &ColumnTree) -> Targets {
        match self {
            Targets::Single(labels) => Targets::Single(labels.clone()),
            Targets::Multi(labels) => Targets::Multi(labels.iter().map(|labels| tree.closed(labels)).collect()),
        }
    }

    /// The targets of the given texts, in that order; indices beyond the end are left out.
    pub fn select(&self, texts: &[usize]) -> Targets {
        match self {
            Targets::Single(labels) => Targets::Single(texts.iter().filter_map(|i| labels.get(*i).copied()).collect()),
            Targets::Multi(labels) => Targets::Multi(texts.iter().filter_map(|i| labels.get(*i).cloned()).collect()),
        }
    }
}
