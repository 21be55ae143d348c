//! Labels as a tree; a flat list is a tree of depth one.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::LabelId;

/// Joins the names of a path where it is shown or written as one string.
pub const PATH_SEPARATOR: &str = " > ";

/// The most names a path may have; deeper input is refused.
pub const MAX_DEPTH: usize = 16;

/// One label.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Label {
    /// Never changes and is never reused.
    pub id: LabelId,
    /// Unique among its siblings; not empty.
    pub name: String,
    /// `None` for a root.
    pub parent: Option<LabelId>,
    /// Place among its siblings, ascending; ties by id.
    pub position: i64,
    /// `None`: from the palette, by place.
    pub color: Option<[u8; 3]>,
    /// The key that sets it; `None`: by place (1 to 9, then 0).
    pub key: Option<char>,
    /// What belongs here and what does not; empty when unwritten.
    pub description: String,
}

/// All labels of a project, by id. Two trees are equal when their labels are, whatever was deleted before.
#[derive(Debug, Clone, Default)]
pub struct LabelTree {
    labels: BTreeMap<LabelId, Label>,
    /// The largest id ever used, deleted labels included.
    last_id: i64,
    /// What deleted labels were merged into, where that is known.
    merged: BTreeMap<LabelId, LabelId>,
}

impl PartialEq for LabelTree {
    fn eq(&self, other: &Self) -> bool {
        self.labels == other.labels
    }
}

impl LabelTree {
    /// From labels in any order.
    pub fn new(labels: impl IntoIterator<Item = Label>) -> Self {
        let labels: BTreeMap<_, _> = labels.into_iter().map(|label| (label.id, label)).collect();
        let last_id = labels.keys().next_back().map_or(0, |id| id.0);
        LabelTree {
            labels,
            last_id,
            merged: BTreeMap::new(),
        }
    }

    /// The same tree, knowing which deleted labels were merged into which.
    pub fn with_merges(mut self, merges: impl IntoIterator<Item = (LabelId, LabelId)>) -> Self {
        merges.into_iter().for_each(|(from, into)| self.note_merge(from, into));
        self
    }

    /// Remembers what a deleted label was merged into.
    pub(super) fn note_merge(&mut self, from: LabelId, into: LabelId) {
        self.merged.insert(from, into);
    }

    /// The label itself, or what it has become by merging, through as many merges as there were; `None` where it is gone.
    pub fn survivor(&self, id: LabelId) -> Option<LabelId> {
        let next = |id: &LabelId| (!self.labels.contains_key(id)).then(|| self.merged.get(id).copied()).flatten();
        // A label is merged at most once before it is gone; the bound is for files that say otherwise.
        let last = std::iter::successors(Some(id), next).take(self.merged.len() + 1).last()?;
        self.labels.contains_key(&last).then_some(last)
    }

    /// The same tree, knowing that ids up to `last_id` were used by labels that have since been deleted.
    pub fn with_last_id(mut self, last_id: i64) -> Self {
        self.last_id = self.last_id.max(last_id);
        self
    }

    /// How many labels there are.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// One label.
    pub fn get(&self, id: LabelId) -> Option<&Label> {
        self.labels.get(&id)
    }

    /// All labels by ascending id.
    pub fn iter(&self) -> impl Iterator<Item = &Label> {
        self.labels.values()
    }

    /// Sets or removes one label; the caller keeps parents consistent (see [`super::Edit`]).
    pub(super) fn set(&mut self, id: LabelId, label: Option<Label>) {
        self.last_id = self.last_id.max(id.0);
        match label {
            Some(label) => self.labels.insert(id, label),
            None => self.labels.remove(&id),
        };
    }

    /// Children of `parent` (roots for `None`), in display order. O(labels).
    pub fn children(&self, parent: Option<LabelId>) -> Vec<&Label> {
        let mut children: Vec<_> = self.labels.values().filter(|label| label.parent == parent).collect();
        children.sort_by_key(|label| (label.position, label.id));
        children
    }

    /// Every label, parents before children, siblings in display order, with its depth (0 for roots).
    pub fn in_order(&self) -> Vec<(usize, &Label)> {
        let mut by_parent: BTreeMap<Option<LabelId>, Vec<&Label>> = BTreeMap::new();
        for label in self.labels.values() {
            by_parent.entry(label.parent).or_default().push(label);
        }
        for siblings in by_parent.values_mut() {
            siblings.sort_by_key(|label| (std::cmp::Reverse(label.position), std::cmp::Reverse(label.id)));
        }
        let mut stack: Vec<(usize, &Label)> = by_parent
            .get(&None)
            .into_iter()
            .flatten()
            .map(|root| (0, *root))
            .collect();
        let mut out = Vec::with_capacity(self.labels.len());
        while let Some((depth, label)) = stack.pop() {
            out.push((depth, label));
            stack.extend(
                by_parent
                    .get(&Some(label.id))
                    .into_iter()
                    .flatten()
                    .map(|child| (depth + 1, *child)),
            );
        }
        out
    }

    /// Whether any label has a parent.
    pub fn is_hierarchical(&self) -> bool {
        self.labels.values().any(|label| label.parent.is_some())
    }

    /// Names from the root to `id`; empty when the id is unknown.
    pub fn path(&self, id: LabelId) -> Vec<String> {
        let mut path: Vec<String> = self.ancestry(id).into_iter().map(|label| label.name.clone()).collect();
        path.reverse();
        path
    }

    /// The path as one string, `Home > Kitchen > Knives`.
    pub fn path_string(&self, id: LabelId) -> String {
        self.path(id).join(PATH_SEPARATOR)
    }

    /// The label and its ancestors, nearest first.
    pub fn ancestry(&self, id: LabelId) -> Vec<&Label> {
        let mut out = Vec::new();
        let mut next = self.get(id);
        while let Some(label) = next {
            out.push(label);
            next = if out.len() > MAX_DEPTH {
                None
            } else {
                label.parent.and_then(|parent| self.get(parent))
            };
        }
        out
    }

    /// The label at a path of names.
    pub fn by_path<S: AsRef<str>>(&self, path: &[S]) -> Option<LabelId> {
        let mut at = None;
        for name in path {
            at = Some(
                self.labels
                    .values()
                    .find(|l| l.parent == at && l.name == name.as_ref())?
                    .id,
            );
        }
        at
    }

    /// A label as people type it: its full path string, or its name where only one label has it.
    pub fn find(&self, written: &str) -> Option<LabelId> {
        let path: Vec<&str> = written.split('>').map(str::trim).collect();
        if let Some(id) = self.by_path(&path) {
            return Some(id);
        }
        let mut named = self.labels.values().filter(|label| label.name == written.trim());
        match (named.next(), named.next()) {
            (Some(label), None) => Some(label.id),
            _ => None,
        }
    }

    /// The id after the largest one ever used, so that ids of deleted labels never come back as another label.
    pub fn next_id(&self) -> LabelId {
        LabelId(self.last_id + 1)
    }
}
