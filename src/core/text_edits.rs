//! Edits over texts and runs: annotating one or many, splits, flags, notes, deleting, thresholds.
//!
//! Pure functions from the state to an [`Edit`]; nothing changes until the edit is applied. Texts that already are as asked are
//! left out, and [`EditError::NothingToDo`] says when none remain.

use std::collections::BTreeSet;

use super::edit_error::EditError;
use super::label_edits::clipped;
use super::run::Deciding;
use super::{Annotation, Change, Edit, How, LabelId, ProjectState, RunId, Split, TaskKind, Text, TextId};

/// Sets the labels of texts. `None` takes the annotation away; no labels at all is a decision, "none of them", which only
/// multi-label projects know.
pub fn annotate(
    state: &ProjectState,
    texts: &[TextId],
    labels: Option<&[LabelId]>,
    who: &str,
    at_millis: i64,
    how: How,
) -> Result<Edit, EditError> {
    let after = labels.map(|labels| Annotation::new(labels.to_vec(), who, at_millis, how));
    if let Some(annotation) = &after {
        check_labels(state, &annotation.labels)?;
    }
    let title = match &after {
        None => format!("Remove the labels of {}", n_texts(texts.len())),
        Some(annotation) => format!(
            "Label {} {}",
            n_texts(texts.len()),
            label_names(state, &annotation.labels)
        ),
    };
    over_texts(state, texts, title, |text| {
        (text.annotation != after).then(|| annotation_change(text, after.clone()))
    })
}

/// Adds one label to texts, next to those they have. In a single-label project it replaces the one they have. In a tree a label above the
/// added one goes, since its path got longer; a text that carries one below the added one is left as it is: it is in that branch already,
/// and many texts at once must not lose what is known more exactly.
pub fn add_label(
    state: &ProjectState,
    texts: &[TextId],
    label: LabelId,
    who: &str,
    at_millis: i64,
    how: How,
) -> Result<Edit, EditError> {
    if state.task == TaskKind::SingleLabel {
        return annotate(state, texts, Some(&[label]), who, at_millis, how);
    }
    check_labels(state, &[label])?;
    let title = format!("Add {} to {}", label_names(state, &[label]), n_texts(texts.len()));
    over_texts(state, texts, title, |text| {
        let known = text.annotation.as_ref().map(|annotation| annotation.labels.as_slice());
        let known = known.unwrap_or_default();
        let is_new = !known.iter().any(|known| state.labels.is_within(*known, label));
        let labels = state.labels.with_path(known, label);
        is_new.then(|| annotation_change(text, Some(Annotation::new(labels, who, at_millis, how))))
    })
}

/// Takes one label off texts. What remains stays annotated, except in a single-label project, where nothing remains.
pub fn remove_label(
    state: &ProjectState,
    texts: &[TextId],
    label: LabelId,
    who: &str,
    at_millis: i64,
    how: How,
) -> Result<Edit, EditError> {
    let name = state
        .labels
        .get(label)
        .ok_or(EditError::UnknownLabel(label))?
        .name
        .as_str();
    let title = format!("Remove {} from {}", clipped(name), n_texts(texts.len()));
    over_texts(state, texts, title, |text| {
        let annotation = text
            .annotation
            .as_ref()
            .filter(|annotation| annotation.labels.contains(&label))?;
        let rest = annotation
            .labels
            .iter()
            .copied()
            .filter(|&known| known != label)
            .collect();
        let after = (state.task == TaskKind::MultiLabel).then(|| Annotation::new(rest, who, at_millis, how));
        Some(annotation_change(text, after))
    })
}

/// Puts texts into a split; `None` takes them out of theirs.
pub fn set_split(state: &ProjectState, texts: &[TextId], split: Option<Split>) -> Result<Edit, EditError> {
    let title = match split {
        Some(split) => format!("Move {} to {}", n_texts(texts.len()), split.name()),
        None => format!("Take {} out of their split", n_texts(texts.len())),
    };
    over_texts(state, texts, title, |text| {
        (text.split != split).then_some(Change::Split {
            text: text.id,
            before: text.split,
            after: split,
        })
    })
}

/// Marks texts for a second look, or takes the mark away.
pub fn set_flag(state: &ProjectState, texts: &[TextId], flagged: bool) -> Result<Edit, EditError> {
    let verb = if flagged { "Flag" } else { "Unflag" };
    over_texts(state, texts, format!("{verb} {}", n_texts(texts.len())), |text| {
        (text.flagged != flagged).then_some(Change::Flag {
            text: text.id,
            before: text.flagged,
            after: flagged,
        })
    })
}

/// Writes a remark on a text; an empty one removes it.
pub fn set_note(state: &ProjectState, text: TextId, note: &str) -> Result<Edit, EditError> {
    over_texts(state, &[text], "Change a note".to_owned(), |text| {
        (text.note != note).then(|| Change::Note {
            text: text.id,
            before: text.note.clone(),
            after: note.to_owned(),
        })
    })
}

/// Hides texts everywhere; undo brings them back.
pub fn delete_texts(state: &ProjectState, texts: &[TextId]) -> Result<Edit, EditError> {
    over_texts(state, texts, format!("Delete {}", n_texts(texts.len())), |text| {
        (!text.deleted).then_some(Change::Deleted {
            text: text.id,
            before: false,
            after: true,
        })
    })
}

/// Sets the decision thresholds of a run by hand, one per label in the run's order, each in 0..=1.
pub fn set_thresholds(state: &ProjectState, run: RunId, thresholds: &[f64]) -> Result<Edit, EditError> {
    let known = state.run(run).ok_or(EditError::UnknownRun(run))?;
    let deciding = Deciding {
        tuned_for: None,
        ..known.deciding
    };
    set_rule(state, run, thresholds, deciding)
}

/// Sets all that decides for a run: thresholds as in [`set_thresholds`], and what comes beside them. Where the thresholds stay as they
/// are, what they were tuned for does too unless `deciding` names an objective.
pub fn set_rule(
    state: &ProjectState,
    run: RunId,
    thresholds: &[f64],
    mut deciding: Deciding,
) -> Result<Edit, EditError> {
    let known = state.run(run).ok_or(EditError::UnknownRun(run))?;
    if thresholds.len() != known.labels.len() {
        return Err(EditError::ThresholdCount {
            expected: known.labels.len(),
            found: thresholds.len(),
        });
    }
    if let Some(&outside) = thresholds.iter().find(|value| !(0.0..=1.0).contains(*value)) {
        return Err(EditError::ThresholdRange(outside));
    }
    if deciding.at_least_one && known.task == TaskKind::SingleLabel {
        return Err(EditError::OneLabelAlready);
    }
    let moved = known.thresholds != thresholds;
    if !moved {
        deciding.tuned_for = deciding.tuned_for.or(known.deciding.tuned_for);
    }
    let thresholds_change = moved.then(|| Change::Thresholds {
        run,
        before: known.thresholds.clone(),
        after: thresholds.to_vec(),
    });
    let deciding_change = (known.deciding != deciding).then_some(Change::Deciding {
        run,
        before: known.deciding,
        after: deciding,
    });
    let title = match (moved, deciding.tuned_for) {
        (true, Some(objective)) => format!("Tune the thresholds of {} for {objective}", known.name),
        (true, None) => format!("Set the thresholds of {}", known.name),
        (false, _) if known.deciding.at_least_one == deciding.at_least_one => {
            format!("Tune the thresholds of {}", known.name)
        }
        (false, _) if deciding.at_least_one => format!("Give every text a label in {}", known.name),
        (false, _) => format!("Leave texts without a label in {}", known.name),
    };
    let changes: Vec<Change> = thresholds_change.into_iter().chain(deciding_change).collect();
    match changes.is_empty() {
        true => Err(EditError::NothingToDo),
        false => Ok(Edit { title, changes }),
    }
}

pub(super) fn annotation_change(text: &Text, after: Option<Annotation>) -> Change {
    Change::Annotation {
        text: text.id,
        before: text.annotation.clone(),
        after,
    }
}

pub(super) fn n_texts(count: usize) -> String {
    if count == 1 {
        "1 text".to_owned()
    } else {
        format!("{count} texts")
    }
}

fn over_texts(
    state: &ProjectState,
    texts: &[TextId],
    title: String,
    change: impl Fn(&Text) -> Option<Change>,
) -> Result<Edit, EditError> {
    let mut changes = Vec::with_capacity(texts.len());
    for id in texts.iter().copied().collect::<BTreeSet<_>>() {
        let text = state.text(id).ok_or(EditError::UnknownText(id))?;
        changes.extend(change(text));
    }
    if changes.is_empty() {
        Err(EditError::NothingToDo)
    } else {
        Ok(Edit { title, changes })
    }
}

fn check_labels(state: &ProjectState, labels: &[LabelId]) -> Result<(), EditError> {
    if let Some(&unknown) = labels.iter().find(|label| state.labels.get(**label).is_none()) {
        return Err(EditError::UnknownLabel(unknown));
    }
    if state.task == TaskKind::SingleLabel && labels.len() != 1 {
        return Err(EditError::NotOneLabel(labels.len()));
    }
    Ok(())
}

fn label_names(state: &ProjectState, labels: &[LabelId]) -> String {
    let names: Vec<_> = labels
        .iter()
        .filter_map(|&id| state.labels.get(id))
        .map(|label| &*label.name)
        .collect();
    match names.as_slice() {
        [] => "none of them".to_owned(),
        names => clipped(&names.join(", ")),
    }
}
