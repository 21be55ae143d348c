//! Runs whose labels have changed since: what changed, and what each of their columns means now.

use std::collections::HashMap;
use std::fmt;

use serde::Serialize;

use super::{Change, Edit, LabelId, LabelTree, Run};

/// How many labels of a run have changed since it was made. A label that was moved and renamed counts in both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize)]
pub struct Stale {
    /// Stand under another label now.
    pub moved: usize,
    /// Have another name now.
    pub renamed: usize,
    /// Were turned into another label, which their scores count for.
    pub merged: usize,
    /// Are gone, and decided for no text any more.
    pub deleted: usize,
}

impl fmt::Display for Stale {
    /// `2 labels were moved, 1 deleted since`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = [
            (self.moved, "moved"),
            (self.renamed, "renamed"),
            (self.merged, "merged into others"),
            (self.deleted, "deleted"),
        ];
        for (at, (n, what)) in all.into_iter().filter(|(n, _)| *n > 0).enumerate() {
            match (at, n) {
                (0, 1) => write!(f, "1 label was {what}")?,
                (0, n) => write!(f, "{n} labels were {what}")?,
                (_, n) => write!(f, ", {n} {what}")?,
            }
        }
        f.write_str(" since")
    }
}

/// What has changed of the labels of a run; `None` where they are as they were. Labels are known by their ids. A label whose parent was
/// merged into another has not been moved by that.
pub fn staleness(run: &Run, labels: &LabelTree) -> Option<Stale> {
    let mut stale = Stale::default();
    let columns = || run.labels.iter().zip(&run.label_paths);
    let columns_of: HashMap<&[String], LabelId> = columns().map(|(id, path)| (path.as_slice(), *id)).collect();
    for (id, path) in columns() {
        let Some(label) = labels.get(*id) else {
            match labels.survivor(*id) {
                Some(_) => stale.merged += 1,
                None => stale.deleted += 1,
            }
            continue;
        };
        let Some((name, above)) = path.split_last() else {
            continue;
        };
        stale.renamed += usize::from(label.name != *name);
        let is_moved = match (above.is_empty(), columns_of.get(above)) {
            (true, _) => label.parent.is_some(),
            (false, Some(parent)) => label.parent.is_none() || label.parent != labels.survivor(*parent),
            (false, None) => label.parent.is_none_or(|parent| labels.path(parent) != above),
        };
        stale.moved += usize::from(is_moved);
    }
    (stale != Stale::default()).then_some(stale)
}

/// What the columns of a run mean now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnsNow {
    /// The label of each column: itself, or what it was merged into; its old id where it is gone, and where what it was merged into has a
    /// column already.
    pub labels: Vec<LabelId>,
    /// Columns whose scores count for another one, which stands for the label they were merged into.
    pub merged: Vec<(usize, usize)>,
    /// Columns that are decided for no text any more: their labels are gone, and so are those of all columns below them.
    pub gone: Vec<usize>,
}

/// Follows the labels of a run to those of the project: moved and renamed ones by their ids, merged ones to what they were merged into where
/// nothing stands below them in the run, so that it is plain where their scores belong.
pub fn columns_now(run: &Run, labels: &LabelTree) -> ColumnsNow {
    let tree = run.tree();
    let is_leaf = |column: usize| tree.as_ref().is_none_or(|tree| tree.is_leaf(column));
    let mut column_of: HashMap<LabelId, usize> = HashMap::new();
    for (column, id) in run.labels.iter().enumerate() {
        column_of.entry(*id).or_insert(column);
    }
    let mut now = ColumnsNow {
        labels: run.labels.clone(),
        merged: Vec::new(),
        gone: Vec::new(),
    };
    let mut is_gone = vec![false; run.labels.len()];
    for (column, id) in run.labels.iter().enumerate() {
        match labels.survivor(*id) {
            Some(survivor) if survivor == *id => {}
            None => is_gone[column] = true,
            Some(survivor) => match column_of.get(&survivor) {
                Some(other) if is_leaf(column) => now.merged.push((column, *other)),
                Some(_) => {}
                None => {
                    column_of.insert(survivor, column);
                    now.labels[column] = survivor;
                }
            },
        }
    }
    let order: Vec<usize> = match &tree {
        Some(tree) => tree.order().iter().rev().copied().collect(),
        None => (0..run.labels.len()).collect(),
    };
    for column in order {
        let below = tree
            .as_ref()
            .map(|tree| tree.children(Some(column)))
            .unwrap_or_default();
        is_gone[column] &= below.iter().all(|child| is_gone[*child]);
    }
    now.gone = (0..is_gone.len()).filter(|column| is_gone[*column]).collect();
    now
}

/// Which labels an edit has merged into which, read from what it did: texts let go of a deleted label and got one other, or what stood below
/// it stands below another now. Where both are missing nothing is known.
pub fn merges_of(edit: &Edit) -> Vec<(LabelId, LabelId)> {
    let deleted = edit.changes.iter().filter_map(|change| match change {
        Change::Label {
            id,
            before: Some(_),
            after: None,
        } => Some(*id),
        _ => None,
    });
    let deleted: Vec<LabelId> = deleted.collect();
    let heir = |gone: &LabelId| {
        let mut found = edit.changes.iter().filter_map(|change| inherited(change, *gone));
        let first = found.next()?;
        found.all(|other| other == first).then_some((*gone, first))
    };
    deleted.iter().filter_map(heir).collect()
}

/// The one label that stands where a deleted one stood.
fn inherited(change: &Change, gone: LabelId) -> Option<LabelId> {
    match change {
        Change::Annotation {
            before: Some(before),
            after: Some(after),
            ..
        } if before.labels.contains(&gone) => {
            let mut new = after.labels.iter().filter(|label| !before.labels.contains(label));
            let lost = before
                .labels
                .iter()
                .filter(|label| !after.labels.contains(label))
                .count();
            match (new.next(), new.next(), lost) {
                (Some(label), None, 1) => Some(*label),
                _ => None,
            }
        }
        Change::Label {
            before: Some(before),
            after: Some(after),
            ..
        } if before.parent == Some(gone) => after.parent,
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{Annotation, How, Label, ProjectState, Split, TaskKind, Text, TextId, label_edits};

    const HOME: LabelId = LabelId(1);
    const KITCHEN: LabelId = LabelId(2);
    const GARDEN: LabelId = LabelId(3);
    const MUSIC: LabelId = LabelId(4);

    fn text(id: i64, label: LabelId) -> Text {
        let body = format!("text {id}");
        Text {
            id: TextId(id),
            external_id: None,
            body: body.as_str().into(),
            second: None,
            split: Some(Split::Test),
            source: "".into(),
            import: None,
            note: String::new(),
            flagged: false,
            deleted: false,
            annotation: Some(Annotation::new(vec![label], "ada", 1, How::Hand)),
        }
    }

    /// Home > Kitchen, Home > Garden, Music, and a run on all of them.
    fn project() -> (ProjectState, Run) {
        let label = |id: LabelId, name: &str, parent| Label {
            id,
            name: name.to_owned(),
            parent,
            position: id.0,
            color: None,
            key: None,
            description: String::new(),
        };
        let labels = LabelTree::new([
            label(HOME, "Home", None),
            label(KITCHEN, "Kitchen", Some(HOME)),
            label(GARDEN, "Garden", Some(HOME)),
            label(MUSIC, "Music", None),
        ]);
        let texts = [KITCHEN, GARDEN, MUSIC]
            .into_iter()
            .zip(1..)
            .map(|(label, id)| text(id, label));
        let order: Vec<LabelId> = labels.in_order().iter().map(|(_, label)| label.id).collect();
        let paths: Vec<Vec<String>> = order.iter().map(|id| labels.path(*id)).collect();
        let run = serde_json::from_value(serde_json::json!({
            "id": 1, "name": "probe-1", "method": "probe", "encoder": "", "seed": 0, "task": TaskKind::SingleLabel, "options": {},
            "labels": order, "label_paths": paths, "n_train": 0, "n_validation": 0, "n_test": 0, "started_at_millis": 0,
            "train_secs": 0.0, "status": "done", "message": "", "metrics": {}, "scored_on": null, "thresholds": [0.0, 0.0, 0.0, 0.0],
            "history": [], "watched": [], "findings": {}, "device": "", "precision": "", "series": ""
        }))
        .unwrap();
        let texts = texts.collect();
        (ProjectState::new(TaskKind::SingleLabel, labels, texts, vec![]), run)
    }

    fn stale(state: &ProjectState, run: &Run) -> String {
        staleness(run, &state.labels).map_or_else(String::new, |stale| stale.to_string())
    }

    #[test]
    fn a_run_knows_its_labels_until_they_change() {
        let (state, run) = project();
        assert_eq!(stale(&state, &run), "");
        let now = columns_now(&run, &state.labels);
        assert_eq!((now.labels, now.merged, now.gone), (run.labels.clone(), vec![], vec![]));
    }

    #[test]
    fn renamed_and_moved_labels_are_followed_by_their_ids() {
        let (mut state, run) = project();
        state.apply(&label_edits::rename_label(&state, HOME, "House").unwrap());
        assert_eq!(
            stale(&state, &run),
            "1 label was renamed since",
            "those below it were not"
        );
        state.apply(&label_edits::move_label(&state, GARDEN, None, 0).unwrap());
        assert_eq!(stale(&state, &run), "1 label was moved, 1 renamed since");
        let now = columns_now(&run, &state.labels);
        assert_eq!((now.labels, now.merged, now.gone), (run.labels.clone(), vec![], vec![]));
        state.apply(&label_edits::move_label(&state, GARDEN, Some(HOME), 0).unwrap());
        state.apply(&label_edits::rename_label(&state, HOME, "Home").unwrap());
        assert_eq!(stale(&state, &run), "", "as it was");
    }

    #[test]
    fn merged_labels_are_followed_to_what_they_became() {
        let (mut state, run) = project();
        let merge = label_edits::merge_labels(&state, GARDEN, KITCHEN).unwrap();
        assert_eq!(merges_of(&merge), [(GARDEN, KITCHEN)]);
        state.apply(&merge);
        assert_eq!(stale(&state, &run), "1 label was merged into others since");
        let column = |id| run.labels.iter().position(|known| *known == id).unwrap();
        let now = columns_now(&run, &state.labels);
        assert_eq!(
            (now.merged, now.gone),
            (vec![(column(GARDEN), column(KITCHEN))], vec![])
        );
        state.apply(&merge.inverse());
        assert_eq!(stale(&state, &run), "", "taken back");
        // Through two merges.
        state.apply(&merge);
        state.apply(&label_edits::merge_labels(&state, KITCHEN, MUSIC).unwrap());
        assert_eq!(stale(&state, &run), "2 labels were merged into others since");
        let merged = columns_now(&run, &state.labels).merged;
        assert_eq!(
            merged,
            [(column(KITCHEN), column(MUSIC)), (column(GARDEN), column(MUSIC))]
        );
    }

    #[test]
    fn a_label_with_others_below_it_keeps_them_when_it_is_merged() {
        let (mut state, run) = project();
        state.apply(&label_edits::merge_labels(&state, HOME, MUSIC).unwrap());
        assert_eq!(
            stale(&state, &run),
            "1 label was merged into others since",
            "Kitchen has not been moved by it"
        );
        let now = columns_now(&run, &state.labels);
        assert_eq!(
            (now.merged, now.gone),
            (vec![], vec![]),
            "where its scores belong is not plain"
        );
    }

    #[test]
    fn deleted_labels_are_left_out_and_counted() {
        let (mut state, run) = project();
        state.apply(&label_edits::delete_label(&state, HOME).unwrap());
        assert_eq!(stale(&state, &run), "3 labels were deleted since");
        assert_eq!(columns_now(&run, &state.labels).gone, [0, 1, 2]);
        let (mut state, run) = project();
        state.apply(&label_edits::move_label(&state, GARDEN, None, 0).unwrap());
        state.apply(&label_edits::delete_label(&state, HOME).unwrap());
        assert_eq!(stale(&state, &run), "1 label was moved, 2 deleted since");
        let kitchen = run.labels.iter().position(|id| *id == KITCHEN).unwrap();
        assert_eq!(
            columns_now(&run, &state.labels).gone,
            [kitchen],
            "Garden still stands below Home in the run"
        );
    }
}
