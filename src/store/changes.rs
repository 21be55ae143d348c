//! One change in SQL: is the value what the change takes it to be, then write the new one.

use std::fmt::Debug;

use rusqlite::{Connection, OptionalExtension};

use super::invariants::Touched;
use super::{StoreError, import, labels, runs, texts};
use crate::core::label::PATH_SEPARATOR;
use crate::core::{Change, ImportId, Label, LabelId, TaskKind, TextId};

/// Where changes come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// A new edit: a label it creates needs an id that was never used.
    New,
    /// Undo or redo: labels come back under their own ids.
    Journal,
}

/// Makes all changes in order, then checks that the project is consistent. The caller's transaction undoes a half-made edit.
pub(super) fn apply_changes(
    connection: &Connection,
    task: TaskKind,
    changes: &[Change],
    origin: Origin,
) -> Result<(), StoreError> {
    if let Some(open) = import::open(connection)? {
        import::check_clear_of(connection, open, changes)?;
    }
    let mut touched = Touched::default();
    for change in changes {
        apply_change(connection, change, origin, &mut touched)?;
    }
    touched.check(connection, task)
}

fn apply_change(
    connection: &Connection,
    change: &Change,
    origin: Origin,
    touched: &mut Touched,
) -> Result<(), StoreError> {
    match change {
        Change::Annotation { text, before, after } => {
            expect(
                || format!("the labels of text {text}"),
                &texts::annotation(connection, *text)?,
                before,
            )?;
            touched.texts.insert(*text);
            texts::set_annotation(connection, *text, after.as_ref())
        }
        Change::Split { text, before, after } => {
            expect(
                || format!("the split of text {text}"),
                &texts::split(connection, *text)?,
                before,
            )?;
            texts::set(connection, *text, "split", after.map(|split| split.name()))
        }
        Change::Note { text, before, after } => {
            expect(
                || format!("the note of text {text}"),
                &texts::get(connection, *text, "note")?,
                before,
            )?;
            texts::set(connection, *text, "note", after)
        }
        Change::Flag { text, before, after } => {
            expect(
                || format!("the flag of text {text}"),
                &texts::get(connection, *text, "flagged")?,
                before,
            )?;
            texts::set(connection, *text, "flagged", after)
        }
        Change::Deleted { text, before, after } => {
            let what = || format!("whether text {text} is deleted");
            expect(what, &texts::get(connection, *text, "deleted")?, before)?;
            touched.texts.insert(*text);
            texts::set(connection, *text, "deleted", after)
        }
        Change::Label { id, before, after } => {
            apply_label(connection, *id, before.as_ref(), after.as_ref(), origin, touched)
        }
        Change::Thresholds { run, before, after } => {
            expect(
                || format!("the thresholds of run {run}"),
                &runs::thresholds(connection, *run)?,
                before,
            )?;
            runs::edit_thresholds(connection, *run, after)
        }
        Change::Deciding { run, before, after } => {
            expect(
                || format!("what decides for run {run}"),
                &runs::deciding(connection, *run)?,
                before,
            )?;
            runs::edit_deciding(connection, *run, *after)
        }
        Change::Import { import, before, after } => show_import(connection, *import, *before, *after, touched),
    }
}

fn apply_label(
    connection: &Connection,
    id: LabelId,
    before: Option<&Label>,
    after: Option<&Label>,
    origin: Origin,
    touched: &mut Touched,
) -> Result<(), StoreError> {
    if [before, after].into_iter().flatten().any(|label| label.id != id) {
        return Err(StoreError::Invalid(format!(
            "a change of label {id} holds another label"
        )));
    }
    expect(
        || format!("label {id}"),
        &labels::get(connection, id)?.as_ref(),
        &before,
    )?;
    touched.labels.insert(id);
    match (before, after) {
        (None, None) => Ok(()),
        (None, Some(label)) if origin == Origin::Journal => labels::restore(connection, label),
        (None, Some(label)) => labels::create(connection, label),
        (Some(_), Some(label)) => labels::update(connection, label),
        (Some(_), None) => labels::delete(connection, id),
    }
}

/// All texts of the import must be as `before` says: a text that was deleted by itself would otherwise come back with the others.
fn show_import(
    connection: &Connection,
    import: ImportId,
    before: bool,
    after: bool,
    touched: &mut Touched,
) -> Result<(), StoreError> {
    let present: Option<bool> = connection
        .prepare_cached("SELECT present FROM imports WHERE id = ?1")?
        .query_row([import.0], |row| row.get(0))
        .optional()?;
    expect(
        || format!("whether import {import} is present"),
        &present,
        &Some(before),
    )?;
    let n_otherwise: i64 = connection
        .prepare_cached("SELECT count(*) FROM texts WHERE import = ?1 AND deleted <> ?2")?
        .query_row((import.0, !before), |row| row.get(0))?;
    if n_otherwise > 0 {
        return Err(StoreError::Conflict(format!(
            "{n_otherwise} texts of import {import} were deleted or restored one by one"
        )));
    }
    connection
        .prepare_cached("UPDATE texts SET deleted = ?2 WHERE import = ?1")?
        .execute((import.0, !after))?;
    connection
        .prepare_cached("UPDATE imports SET present = ?2 WHERE id = ?1")?
        .execute((import.0, after))?;
    if after {
        touched.imports.insert(import);
    }
    Ok(())
}

fn expect<T: PartialEq + Debug>(what: impl FnOnce() -> String, found: &T, before: &T) -> Result<(), StoreError> {
    if found == before {
        return Ok(());
    }
    Err(StoreError::Conflict(format!("{} is {found:?}, not {before:?}", what())))
}

/// A text that an edit names and nobody imported.
pub(super) fn unknown_text(text: TextId) -> StoreError {
    StoreError::Conflict(format!("there is no text {text}"))
}

/// How a label is called in messages.
pub(super) fn shown(path: &[String]) -> String {
    format!("{:?}", path.join(PATH_SEPARATOR))
}
