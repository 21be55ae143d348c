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
    /// Labels by what they stand below, in display order.
    below: BTreeMap<Option<LabelId>, Vec<LabelId>>,
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
        let mut below: BTreeMap<Option<LabelId>, Vec<LabelId>> = BTreeMap::new();
        for label in labels.values() {
            below.entry(label.parent).or_default().push(label.id);
        }
        for siblings in below.values_mut() {
            siblings.sort_by_key(|id| labels.get(id).map(place));
        }
        LabelTree {
            labels,
            below,
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
        let next = |id: &LabelId| {
            (!self.labels.contains_key(id))
                .then(|| self.merged.get(id).copied())
                .flatten()
        };
        // A label is merged at most once before it is gone; the bound is for files that say otherwise.
        let last = std::iter::successors(Some(id), next)
            .take(self.merged.len() + 1)
            .last()?;
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
        if let Some(old) = self.labels.get(&id) {
            let at = self.place_of(old);
            if let Some(siblings) = self.below.get_mut(&old.parent) {
                siblings.remove(at);
            }
            self.labels.remove(&id);
        }
        if let Some(label) = label {
            let at = self.place_of(&label);
            self.below.entry(label.parent).or_default().insert(at, id);
            self.labels.insert(id, label);
        }
    }

    /// Where a label stands, or would stand, among its siblings.
    fn place_of(&self, label: &Label) -> usize {
        let siblings = self.below.get(&label.parent).map(Vec::as_slice).unwrap_or_default();
        siblings.partition_point(|id| self.labels.get(id).is_some_and(|other| place(other) < place(label)))
    }

    /// Ids of the children of `parent` (roots for `None`), in display order. O(log labels).
    pub fn child_ids(&self, parent: Option<LabelId>) -> &[LabelId] {
        self.below.get(&parent).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether anything stands below a label.
    pub fn has_children(&self, id: LabelId) -> bool {
        !self.child_ids(Some(id)).is_empty()
    }

    /// Children of `parent` (roots for `None`), in display order. O(children · log labels).
    pub fn children(&self, parent: Option<LabelId>) -> Vec<&Label> {
        self.child_ids(parent).iter().filter_map(|id| self.get(*id)).collect()
    }

    /// Every label, parents before children, siblings in display order, with its depth (0 for roots).
    pub fn in_order(&self) -> Vec<(usize, &Label)> {
        let mut stack: Vec<(usize, LabelId)> = self.child_ids(None).iter().rev().map(|id| (0, *id)).collect();
        let mut out = Vec::with_capacity(self.labels.len());
        while let Some((depth, id)) = stack.pop() {
            out.extend(self.get(id).map(|label| (depth, label)));
            stack.extend(self.child_ids(Some(id)).iter().rev().map(|child| (depth + 1, *child)));
        }
        out
    }

    /// Whether a label is `branch` or stands below it.
    pub fn is_within(&self, id: LabelId, branch: LabelId) -> bool {
        self.ancestry(id).iter().any(|label| label.id == branch)
    }

    /// `labels` with the path to `added` in place of every path on the same line: of those that end above it the path got longer, of those
    /// that end below it shorter. What one person says of one text: the newest word counts.
    pub fn with_path(&self, labels: &[LabelId], added: LabelId) -> Vec<LabelId> {
        let apart = |id: &LabelId| !self.is_within(added, *id) && !self.is_within(*id, added);
        labels.iter().copied().filter(apart).chain([added]).collect()
    }

    /// Labels without those that have another of them below: the ends of the paths, in the order given.
    pub fn ends(&self, labels: &[LabelId]) -> Vec<LabelId> {
        let goes_on = |id: LabelId| labels.iter().any(|other| *other != id && self.is_within(*other, id));
        labels.iter().copied().filter(|id| !goes_on(*id)).collect()
    }

    /// Whether any label has a parent.
    pub fn is_hierarchical(&self) -> bool {
        self.below
            .iter()
            .any(|(parent, children)| parent.is_some() && !children.is_empty())
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

    /// The child of `parent` with a name. O(children · log labels).
    pub fn child(&self, parent: Option<LabelId>, name: &str) -> Option<LabelId> {
        let is_it = |id: &LabelId| self.get(*id).is_some_and(|label| label.name == name);
        self.child_ids(parent).iter().copied().find(is_it)
    }

    /// The label at a path of names.
    pub fn by_path<S: AsRef<str>>(&self, path: &[S]) -> Option<LabelId> {
        let mut at = None;
        for name in path {
            at = Some(self.child(at, name.as_ref())?);
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

/// What siblings are ordered by.
fn place(label: &Label) -> (i64, LabelId) {
    (label.position, label.id)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn label(id: i64, parent: Option<i64>, position: i64) -> Label {
        Label {
            id: LabelId(id),
            name: format!("n{id}"),
            parent: parent.map(LabelId),
            position,
            color: None,
            key: None,
            description: String::new(),
        }
    }

    /// 1 > 2 > 3, 1 > 4, 5.
    fn tree() -> LabelTree {
        LabelTree::new([
            label(1, None, 0),
            label(2, Some(1), 0),
            label(3, Some(2), 0),
            label(4, Some(1), 1),
            label(5, None, 1),
        ])
    }

    fn ids(ids: &[i64]) -> Vec<LabelId> {
        ids.iter().copied().map(LabelId).collect()
    }

    #[test]
    fn a_path_takes_the_place_of_those_on_its_line() {
        let tree = tree();
        assert_eq!(tree.with_path(&ids(&[1]), LabelId(3)), ids(&[3]), "longer");
        assert_eq!(tree.with_path(&ids(&[3, 4]), LabelId(1)), ids(&[1]), "shorter");
        assert_eq!(tree.with_path(&ids(&[3, 5]), LabelId(4)), ids(&[3, 5, 4]), "beside");
        assert_eq!(tree.with_path(&ids(&[3]), LabelId(3)), ids(&[3]), "the same");
    }

    #[test]
    fn ends_are_what_nothing_else_goes_on_from() {
        assert_eq!(tree().ends(&ids(&[1, 2, 3, 5])), ids(&[3, 5]));
        assert_eq!(tree().ends(&ids(&[1, 4])), ids(&[4]));
    }

    #[test]
    fn the_same_name_under_different_parents_is_told_apart() {
        let mut twin = label(6, Some(5), 0);
        twin.name = "n4".into();
        let tree = LabelTree::new(tree().iter().cloned().chain([twin]));
        assert_eq!(tree.by_path(&["n1", "n4"]), Some(LabelId(4)));
        assert_eq!(tree.by_path(&["n5", "n4"]), Some(LabelId(6)));
        assert_eq!(tree.find("n4"), None, "the name alone is ambiguous");
        assert_eq!(tree.find("n5 > n4"), Some(LabelId(6)));
    }

    proptest! {
        #[test]
        fn children_stay_in_order_whatever_is_set(steps in prop::collection::vec((1_i64..12, 0_i64..12, -3_i64..3, any::<bool>()), 0..60)) {
            let mut tree = LabelTree::default();
            for (id, parent, position, stays) in steps {
                let parent = (parent > 0 && parent != id).then_some(parent);
                tree.set(LabelId(id), stays.then(|| label(id, parent, position)));
                let again = LabelTree::new(tree.iter().cloned());
                for parent in std::iter::once(None).chain((1..12).map(|id| Some(LabelId(id)))) {
                    prop_assert_eq!(tree.child_ids(parent), again.child_ids(parent));
                    let mut plain: Vec<_> = tree.iter().filter(|label| label.parent == parent).collect();
                    plain.sort_by_key(|label| (label.position, label.id));
                    prop_assert_eq!(tree.children(parent), plain);
                }
            }
        }
    }
}
