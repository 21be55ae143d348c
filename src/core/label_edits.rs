//! Edits over the label tree: creating, renaming, moving, merging, deleting, and what a label looks like.
//!
//! Pure functions from the state to an [`Edit`]; nothing changes until the edit is applied. An edit is consistent as a
//! whole: texts let go of a label in the edit that deletes it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::edit_error::EditError;
use super::label::{MAX_DEPTH, PATH_SEPARATOR};
use super::text_edits::{annotation_change, n_texts};
use super::{Annotation, Change, Edit, Label, LabelId, LabelTree, ProjectState, TaskKind};

/// How titles of merges begin.
pub const MERGE: &str = "Merge label";

/// The most characters a label name may have.
pub const MAX_NAME_CHARS: usize = 200;

/// Whether a name can be a label's: not blank, printable, not longer than [`MAX_NAME_CHARS`].
pub fn check_name(name: &str) -> Result<(), EditError> {
    if name.trim().is_empty() {
        return Err(EditError::EmptyName);
    }
    let n_chars = name.chars().count();
    if n_chars > MAX_NAME_CHARS {
        return Err(EditError::NameTooLong {
            n_chars,
            max: MAX_NAME_CHARS,
        });
    }
    if name.chars().any(char::is_control) {
        return Err(EditError::NameNotPrintable);
    }
    Ok(())
}

/// Whether a path from the root can be a label's: 1 to [`MAX_DEPTH`] names, each fit to be one.
pub fn check_path<S: AsRef<str>>(path: &[S]) -> Result<(), EditError> {
    if path.is_empty() {
        return Err(EditError::EmptyName);
    }
    if path.len() > MAX_DEPTH {
        return Err(EditError::TooDeep {
            depth: path.len(),
            max: MAX_DEPTH,
        });
    }
    path.iter().try_for_each(|name| check_name(name.as_ref()))
}

/// Creates the labels at `paths` with the parents they need; those that exist are left as they are. Spaces around names go.
pub fn create_labels(state: &ProjectState, paths: &[Vec<String>]) -> Result<Edit, EditError> {
    let tree = &state.labels;
    let mut known: HashMap<(Option<LabelId>, String), LabelId> = tree
        .iter()
        .map(|label| ((label.parent, label.name.clone()), label.id))
        .collect();
    let mut places: HashMap<Option<LabelId>, i64> = HashMap::new();
    let mut next_id = tree.next_id().0;
    let mut changes = Vec::new();
    for path in paths {
        check_path(path)?;
        let mut parent = None;
        for name in path.iter().map(|name| name.trim()) {
            let at = (parent, name.to_owned());
            parent = Some(match known.get(&at) {
                Some(id) => *id,
                None => {
                    let id = LabelId(next_id);
                    next_id += 1;
                    let position = places.entry(parent).or_insert_with(|| next_position(tree, parent));
                    let label = new_label(id, name, parent, *position);
                    *position += 1;
                    known.insert(at, id);
                    changes.push(Change::Label {
                        id,
                        before: None,
                        after: Some(label),
                    });
                    id
                }
            });
        }
    }
    let title = match changes.as_slice() {
        [Change::Label { after: Some(label), .. }] => format!("Create label {}", clipped(&label.name)),
        changes => format!("Create {} labels", changes.len()),
    };
    edit(title, changes)
}

/// Gives a label another name.
pub fn rename_label(state: &ProjectState, id: LabelId, name: &str) -> Result<Edit, EditError> {
    let name = name.trim();
    check_name(name)?;
    let label = label(state, id)?;
    check_free(&state.labels, label.parent, name, id)?;
    let title = format!("Rename label {} to {}", clipped(&label.name), clipped(name));
    change_label(label, title, |label| label.name = name.to_owned())
}

/// Puts a label and all below it under `parent` (`None`: makes it a root), as child number `index` from 0; siblings make room.
pub fn move_label(state: &ProjectState, id: LabelId, parent: Option<LabelId>, index: usize) -> Result<Edit, EditError> {
    let tree = &state.labels;
    let moved = label(state, id)?;
    if let Some(parent) = parent {
        check_outside(state, id, parent)?;
    }
    check_free(tree, parent, &moved.name, id)?;
    check_depth(depth_of(tree, parent) + height(tree, id))?;
    let mut siblings: Vec<&Label> = tree
        .children(parent)
        .into_iter()
        .filter(|sibling| sibling.id != id)
        .collect();
    siblings.insert(index.min(siblings.len()), moved);
    let changes = siblings.iter().zip(0..).filter_map(|(sibling, position)| {
        let after = Label {
            parent,
            position,
            ..(*sibling).clone()
        };
        (after != **sibling).then(|| Change::Label {
            id: sibling.id,
            before: Some((*sibling).clone()),
            after: Some(after),
        })
    });
    edit(format!("Move label {}", clipped(&moved.name)), changes.collect())
}

/// Deletes a label and all below it. Texts lose these labels; in a single-label project they become unlabelled.
pub fn delete_label(state: &ProjectState, id: LabelId) -> Result<Edit, EditError> {
    let deleted = label(state, id)?;
    let subtree = subtree(&state.labels, id);
    let gone: BTreeSet<LabelId> = subtree.iter().map(|label| label.id).collect();
    let mut changes = reannotate(state, |label| (!gone.contains(&label)).then_some(label));
    let title = match (changes.len(), subtree.len()) {
        (0, 1) => format!("Delete label {}", clipped(&deleted.name)),
        (n, 1) => format!("Delete label {}, used by {}", clipped(&deleted.name), n_texts(n)),
        (n, many) => format!(
            "Delete label {} and {} below it, used by {}",
            clipped(&deleted.name),
            many - 1,
            n_texts(n)
        ),
    };
    changes.extend(subtree.into_iter().rev().map(delete_change));
    edit(title, changes)
}

/// Turns one label into another: its texts and the labels below it go to `into`, then it is deleted. Labels below it that have a
/// namesake below `into` merge with that one.
pub fn merge_labels(state: &ProjectState, from: LabelId, into: LabelId) -> Result<Edit, EditError> {
    let (source, target) = (label(state, from)?, label(state, into)?);
    if from == into {
        return Err(EditError::NothingToDo);
    }
    check_outside(state, from, into)?;
    let mut merge = Merge {
        tree: &state.labels,
        becomes: BTreeMap::new(),
        moved: Vec::new(),
    };
    merge.pair(source, target);
    for (child, parent, _) in &merge.moved {
        check_depth(depth_of(&state.labels, Some(*parent)) + height(&state.labels, child.id))?;
    }
    let mut changes = reannotate(state, |label| Some(merge.becomes.get(&label).copied().unwrap_or(label)));
    let title = format!(
        "{MERGE} {} into {}, {}",
        clipped(&source.name),
        clipped(&target.name),
        n_texts(changes.len())
    );
    changes.extend(merge.moved.iter().map(|&(child, parent, position)| {
        let after = Label {
            parent: Some(parent),
            position,
            ..child.clone()
        };
        Change::Label {
            id: child.id,
            before: Some(child.clone()),
            after: Some(after),
        }
    }));
    let merged = subtree(&state.labels, from)
        .into_iter()
        .filter(|label| merge.becomes.contains_key(&label.id));
    changes.extend(merged.rev().map(delete_change));
    edit(title, changes)
}

/// Sets the colour of a label; `None` takes it from the palette.
pub fn set_label_color(state: &ProjectState, id: LabelId, color: Option<[u8; 3]>) -> Result<Edit, EditError> {
    let label = label(state, id)?;
    change_label(label, format!("Recolor label {}", clipped(&label.name)), |label| {
        label.color = color
    })
}

/// Sets the key of a label; another label that had it loses it. `None`: by place.
pub fn set_label_key(state: &ProjectState, id: LabelId, key: Option<char>) -> Result<Edit, EditError> {
    let label = label(state, id)?;
    if label.key == key {
        return Err(EditError::NothingToDo);
    }
    let robbed = state
        .labels
        .iter()
        .filter(|other| other.id != id && key.is_some() && other.key == key);
    let mut changes: Vec<Change> = robbed.map(|other| with_key(other, None)).collect();
    changes.push(with_key(label, key));
    edit(format!("Set the key of label {}", clipped(&label.name)), changes)
}

/// Writes what belongs to a label and what does not.
pub fn set_label_description(state: &ProjectState, id: LabelId, description: &str) -> Result<Edit, EditError> {
    let label = label(state, id)?;
    let title = format!("Describe label {}", clipped(&label.name));
    change_label(label, title, |label| label.description = description.to_owned())
}

/// A name cut to what fits a menu entry.
pub(super) fn clipped(name: &str) -> String {
    const MAX_SHOWN: usize = 40;
    if name.chars().count() <= MAX_SHOWN {
        return name.to_owned();
    }
    name.chars().take(MAX_SHOWN - 1).chain(['…']).collect()
}

fn edit(title: String, changes: Vec<Change>) -> Result<Edit, EditError> {
    if changes.is_empty() {
        Err(EditError::NothingToDo)
    } else {
        Ok(Edit { title, changes })
    }
}

fn label(state: &ProjectState, id: LabelId) -> Result<&Label, EditError> {
    state.labels.get(id).ok_or(EditError::UnknownLabel(id))
}

fn change_label(label: &Label, title: String, change: impl FnOnce(&mut Label)) -> Result<Edit, EditError> {
    let mut after = label.clone();
    change(&mut after);
    if after == *label {
        return Err(EditError::NothingToDo);
    }
    edit(
        title,
        vec![Change::Label {
            id: label.id,
            before: Some(label.clone()),
            after: Some(after),
        }],
    )
}

fn with_key(label: &Label, key: Option<char>) -> Change {
    let after = Label { key, ..label.clone() };
    Change::Label {
        id: label.id,
        before: Some(label.clone()),
        after: Some(after),
    }
}

fn delete_change(label: &Label) -> Change {
    Change::Label {
        id: label.id,
        before: Some(label.clone()),
        after: None,
    }
}

/// The place after the last child of `parent`.
fn next_position(tree: &LabelTree, parent: Option<LabelId>) -> i64 {
    let last = tree.child_ids(parent).last().and_then(|id| tree.get(*id));
    last.map_or(0, |last| last.position + 1)
}

fn new_label(id: LabelId, name: &str, parent: Option<LabelId>, position: i64) -> Label {
    Label {
        id,
        name: name.to_owned(),
        parent,
        position,
        color: None,
        key: None,
        description: String::new(),
    }
}

/// Hidden texts are rewritten too: undo may bring them back.
fn reannotate(state: &ProjectState, becomes: impl Fn(LabelId) -> Option<LabelId>) -> Vec<Change> {
    let changed = state.all_texts().iter().filter_map(|text| {
        let annotation = text.annotation.as_ref()?;
        let labels: Vec<LabelId> = annotation.labels.iter().filter_map(|&label| becomes(label)).collect();
        if labels == annotation.labels {
            return None;
        }
        let is_left = state.task == TaskKind::MultiLabel || !labels.is_empty();
        let after = is_left.then(|| Annotation::new(labels, &annotation.who, annotation.at_millis, annotation.how));
        Some(annotation_change(text, after))
    });
    changed.collect()
}

fn check_free(tree: &LabelTree, parent: Option<LabelId>, name: &str, id: LabelId) -> Result<(), EditError> {
    if tree
        .children(parent)
        .iter()
        .any(|sibling| sibling.name == name && sibling.id != id)
    {
        let mut path = parent.map(|parent| tree.path(parent)).unwrap_or_default();
        path.push(name.to_owned());
        return Err(EditError::NameTaken {
            path: path.join(PATH_SEPARATOR),
        });
    }
    Ok(())
}

fn check_outside(state: &ProjectState, id: LabelId, into: LabelId) -> Result<(), EditError> {
    label(state, into)?;
    if state.labels.ancestry(into).iter().any(|label| label.id == id) {
        let (label, into) = (state.labels.path_string(id), state.labels.path_string(into));
        return Err(EditError::IntoItself { label, into });
    }
    Ok(())
}

fn check_depth(depth: usize) -> Result<(), EditError> {
    if depth > MAX_DEPTH {
        Err(EditError::TooDeep { depth, max: MAX_DEPTH })
    } else {
        Ok(())
    }
}

fn depth_of(tree: &LabelTree, id: Option<LabelId>) -> usize {
    id.map_or(0, |id| tree.ancestry(id).len())
}

/// Levels a label and what is below it take: 1 for a leaf.
fn height(tree: &LabelTree, id: LabelId) -> usize {
    let here = depth_of(tree, Some(id));
    subtree(tree, id)
        .iter()
        .map(|label| depth_of(tree, Some(label.id)) + 1 - here)
        .max()
        .unwrap_or(0)
}

/// The label and all below it, parents before children.
fn subtree(tree: &LabelTree, id: LabelId) -> Vec<&Label> {
    let mut out: Vec<&Label> = tree.get(id).into_iter().collect();
    let mut at = 0;
    while let Some(label) = out.get(at) {
        out.extend(tree.children(Some(label.id)));
        at += 1;
    }
    out
}

/// What a merge does to the labels below the two.
struct Merge<'a> {
    tree: &'a LabelTree,
    becomes: BTreeMap<LabelId, LabelId>,
    /// The label, its new parent, its new place.
    moved: Vec<(&'a Label, LabelId, i64)>,
}

impl<'a> Merge<'a> {
    fn pair(&mut self, from: &'a Label, into: &'a Label) {
        self.becomes.insert(from.id, into.id);
        let residents = self.tree.children(Some(into.id));
        let mut position = next_position(self.tree, Some(into.id));
        for child in self.tree.children(Some(from.id)) {
            let stays = |resident: &&&Label| !self.becomes.contains_key(&resident.id);
            match residents
                .iter()
                .filter(stays)
                .find(|resident| resident.name == child.name)
            {
                Some(namesake) => self.pair(child, namesake),
                None => {
                    self.moved.push((child, into.id, position));
                    position += 1;
                }
            }
        }
    }
}
