//! Label rows. A deleted label keeps its row and its id.

use rusqlite::{Connection, OptionalExtension, Row};

use super::StoreError;
use crate::core::{Label, LabelId};

const COLUMNS: &str = "id, name, parent, position, color, key, description";

/// A live label.
pub(super) fn get(connection: &Connection, id: LabelId) -> Result<Option<Label>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM labels WHERE id = ?1 AND deleted = 0");
    Ok(connection
        .prepare_cached(&sql)?
        .query_row([id.0], from_row)
        .optional()?)
}

/// All live labels by ascending id.
pub(super) fn all(connection: &Connection) -> Result<Vec<Label>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM labels WHERE deleted = 0 ORDER BY id");
    let mut statement = connection.prepare_cached(&sql)?;
    let labels = statement.query_map([], from_row)?.collect::<Result<_, _>>()?;
    Ok(labels)
}

/// The live label with this name under `parent`.
pub(super) fn child(
    connection: &Connection,
    parent: Option<LabelId>,
    name: &str,
) -> Result<Option<LabelId>, StoreError> {
    let id = connection
        .prepare_cached("SELECT id FROM labels WHERE parent IS ?1 AND name = ?2 AND deleted = 0")?
        .query_row((parent.map(|parent| parent.0), name), |row| row.get(0).map(LabelId))
        .optional()?;
    Ok(id)
}

/// The largest id ever used, 0 when none was.
pub(super) fn last_id(connection: &Connection) -> Result<i64, StoreError> {
    Ok(connection.query_row("SELECT ifnull(max(id), 0) FROM labels", [], |row| row.get(0))?)
}

/// The place after the last child of `parent`.
pub(super) fn next_position(connection: &Connection, parent: Option<LabelId>) -> Result<i64, StoreError> {
    let last: Option<i64> = connection
        .prepare_cached("SELECT max(position) FROM labels WHERE parent IS ?1 AND deleted = 0")?
        .query_row([parent.map(|parent| parent.0)], |row| row.get(0))?;
    Ok(last.map_or(0, |last| last.saturating_add(1)))
}

/// A label under an id that was never used.
pub(super) fn create(connection: &Connection, label: &Label) -> Result<(), StoreError> {
    let used: bool = connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM labels WHERE id = ?1)")?
        .query_row([label.id.0], |row| row.get(0))?;
    if used {
        return Err(StoreError::Conflict(format!("label id {} was used before", label.id)));
    }
    check_parent(connection, label)?;
    connection
        .prepare_cached(
            "INSERT INTO labels (id, name, parent, position, color, key, description) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute((
            label.id.0,
            &label.name,
            label.parent.map(|parent| parent.0),
            label.position,
            label.color.map(to_number),
            label.key.map(String::from),
            &label.description,
        ))?;
    Ok(())
}

/// Overwrites the row of a label that exists or existed, and makes it live.
pub(super) fn update(connection: &Connection, label: &Label) -> Result<(), StoreError> {
    check_parent(connection, label)?;
    let n_rows = connection
        .prepare_cached(
            "UPDATE labels SET name = ?2, parent = ?3, position = ?4, color = ?5, key = ?6, description = ?7, \
             deleted = 0 WHERE id = ?1",
        )?
        .execute((
            label.id.0,
            &label.name,
            label.parent.map(|parent| parent.0),
            label.position,
            label.color.map(to_number),
            label.key.map(String::from),
            &label.description,
        ))?;
    if n_rows == 1 {
        Ok(())
    } else {
        Err(StoreError::Conflict(format!("there never was a label {}", label.id)))
    }
}

/// Brings a deleted label back under its id.
pub(super) fn restore(connection: &Connection, label: &Label) -> Result<(), StoreError> {
    update(connection, label)
}

pub(super) fn delete(connection: &Connection, id: LabelId) -> Result<(), StoreError> {
    connection
        .prepare_cached("UPDATE labels SET deleted = 1 WHERE id = ?1")?
        .execute([id.0])?;
    Ok(())
}

/// Before SQLite refuses in words nobody understands. Whether the parent is live is checked when the edit is complete.
fn check_parent(connection: &Connection, label: &Label) -> Result<(), StoreError> {
    let Some(parent) = label.parent else { return Ok(()) };
    if parent == label.id {
        return Err(StoreError::Invalid(format!(
            "label {:?} cannot lie inside itself",
            label.name
        )));
    }
    let known: bool = connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM labels WHERE id = ?1)")?
        .query_row([parent.0], |row| row.get(0))?;
    if known {
        Ok(())
    } else {
        Err(StoreError::Conflict(format!(
            "there is no label {parent} to put {:?} into",
            label.name
        )))
    }
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<Label> {
    Ok(Label {
        id: LabelId(row.get(0)?),
        name: row.get(1)?,
        parent: row.get::<_, Option<i64>>(2)?.map(LabelId),
        position: row.get(3)?,
        color: row.get::<_, Option<u32>>(4)?.map(from_number),
        key: row.get::<_, Option<String>>(5)?.and_then(|key| key.chars().next()),
        description: row.get(6)?,
    })
}

fn to_number([red, green, blue]: [u8; 3]) -> u32 {
    u32::from_be_bytes([0, red, green, blue])
}

fn from_number(color: u32) -> [u8; 3] {
    let [_, red, green, blue] = color.to_be_bytes();
    [red, green, blue]
}
