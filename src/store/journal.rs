//! The journal: every edit in order, applied or undone. Undo applies the inverse of the last applied one; a new edit drops what was
//! undone.

use rusqlite::{Connection, OptionalExtension};

use super::StoreError;
use super::changes::{Origin, apply_changes};
use crate::core::label_edits::MERGE;
use crate::core::{Edit, EditId, LabelId, TaskKind, stale};

/// What undo and redo would do next.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    /// Title of the edit that undo would take back.
    pub undo: Option<String>,
    /// Title of the edit that redo would apply again.
    pub redo: Option<String>,
}

const NEXT_UNDO: &str = "FROM journal WHERE state = 'applied' ORDER BY seq DESC LIMIT 1";
const NEXT_REDO: &str = "FROM journal WHERE state = 'undone' ORDER BY seq ASC LIMIT 1";

pub(super) fn apply(
    connection: &Connection,
    task: TaskKind,
    edit: &Edit,
    at_millis: i64,
) -> Result<EditId, StoreError> {
    if edit.is_empty() {
        return Err(StoreError::Invalid("the edit holds no change".to_owned()));
    }
    apply_changes(connection, task, &edit.changes, Origin::New)?;
    record(connection, edit, at_millis)
}

/// Writes down an edit whose changes have been made.
pub(super) fn record(connection: &Connection, edit: &Edit, at_millis: i64) -> Result<EditId, StoreError> {
    drop_redo_tail(connection)?;
    let json = serde_json::to_string(edit).map_err(|error| StoreError::Invalid(error.to_string()))?;
    connection
        .prepare_cached("INSERT INTO journal (title, edit, at_millis, state) VALUES (?1, ?2, ?3, 'applied')")?
        .execute((&edit.title, json, at_millis))?;
    Ok(EditId(connection.last_insert_rowid()))
}

pub(super) fn drop_redo_tail(connection: &Connection) -> Result<(), StoreError> {
    connection
        .prepare_cached("DELETE FROM journal WHERE state = 'undone'")?
        .execute([])?;
    Ok(())
}

pub(super) fn undo(connection: &Connection, task: TaskKind) -> Result<Option<Edit>, StoreError> {
    let Some((seq, edit)) = next(connection, NEXT_UNDO)? else {
        return Ok(None);
    };
    let inverse = edit.inverse();
    apply_changes(connection, task, &inverse.changes, Origin::Journal)?;
    set_state(connection, seq, "undone")?;
    Ok(Some(inverse))
}

pub(super) fn redo(connection: &Connection, task: TaskKind) -> Result<Option<Edit>, StoreError> {
    let Some((seq, edit)) = next(connection, NEXT_REDO)? else {
        return Ok(None);
    };
    apply_changes(connection, task, &edit.changes, Origin::Journal)?;
    set_state(connection, seq, "applied")?;
    Ok(Some(edit))
}

/// Which labels were merged into which by edits that are applied, oldest first.
pub(super) fn merges(connection: &Connection) -> Result<Vec<(LabelId, LabelId)>, StoreError> {
    let mut statement =
        connection.prepare("SELECT seq, edit FROM journal WHERE state = 'applied' AND title LIKE ?1 ORDER BY seq")?;
    let mut rows = statement.query([format!("{MERGE} %")])?;
    let mut merges = Vec::new();
    while let Some(row) = rows.next()? {
        let (seq, json): (i64, String) = (row.get(0)?, row.get(1)?);
        let edit: Edit = serde_json::from_str(&json)
            .map_err(|error| StoreError::Corrupt(format!("journal entry {seq} cannot be read: {error}")))?;
        merges.extend(stale::merges_of(&edit));
    }
    Ok(merges)
}

pub(super) fn history(connection: &Connection) -> Result<History, StoreError> {
    let transaction = connection.unchecked_transaction()?;
    let title = |what: &str| {
        transaction
            .query_row(&format!("SELECT title {what}"), [], |row| row.get(0))
            .optional()
    };
    Ok(History {
        undo: title(NEXT_UNDO)?,
        redo: title(NEXT_REDO)?,
    })
}

fn next(connection: &Connection, which: &str) -> Result<Option<(i64, Edit)>, StoreError> {
    let mut statement = connection.prepare_cached(&format!("SELECT seq, edit {which}"))?;
    let row = statement
        .query_row([], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))
        .optional()?;
    let Some((seq, json)) = row else { return Ok(None) };
    let edit = serde_json::from_str(&json)
        .map_err(|error| StoreError::Corrupt(format!("journal entry {seq} cannot be read: {error}")))?;
    Ok(Some((seq, edit)))
}

fn set_state(connection: &Connection, seq: i64, state: &str) -> Result<(), StoreError> {
    connection
        .prepare_cached("UPDATE journal SET state = ?2 WHERE seq = ?1")?
        .execute((seq, state))?;
    Ok(())
}
