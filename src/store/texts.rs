//! Single values of texts: what edits compare and set.

use rusqlite::types::FromSql;
use rusqlite::{Connection, OptionalExtension, ToSql};

use super::StoreError;
use super::changes::unknown_text;
use crate::core::{Annotation, How, LabelId, Split, TextId};

/// One column of a text; `column` is a name of ours, never input.
pub(super) fn get<T: FromSql>(connection: &Connection, text: TextId, column: &'static str) -> Result<T, StoreError> {
    connection
        .prepare_cached(&format!("SELECT {column} FROM texts WHERE id = ?1"))?
        .query_row([text.0], |row| row.get(0))
        .optional()?
        .ok_or_else(|| unknown_text(text))
}

/// Sets one column of a text that exists; `column` is a name of ours, never input.
pub(super) fn set(
    connection: &Connection,
    text: TextId,
    column: &'static str,
    value: impl ToSql,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(&format!("UPDATE texts SET {column} = ?2 WHERE id = ?1"))?
        .execute((text.0, value))?;
    Ok(())
}

pub(super) fn split(connection: &Connection, text: TextId) -> Result<Option<Split>, StoreError> {
    let name: Option<String> = get(connection, text, "split")?;
    name.map(|name| split_named(&name)).transpose()
}

/// The annotation of a text that exists; `None` when it has none.
pub(super) fn annotation(connection: &Connection, text: TextId) -> Result<Option<Annotation>, StoreError> {
    let row = connection
        .prepare_cached(
            "SELECT who, at_millis, how FROM texts LEFT JOIN annotations ON text = texts.id WHERE texts.id = ?1",
        )?
        .query_row([text.0], |row| {
            Ok((
                row.get::<_, Option<String>>(0)?,
                row.get::<_, Option<i64>>(1)?,
                row.get::<_, Option<String>>(2)?,
            ))
        })
        .optional()?
        .ok_or_else(|| unknown_text(text))?;
    let (Some(who), Some(at_millis), Some(how)) = row else {
        return Ok(None);
    };
    let mut statement =
        connection.prepare_cached("SELECT label FROM annotation_labels WHERE text = ?1 ORDER BY label")?;
    let labels = statement
        .query_map([text.0], |row| row.get(0).map(LabelId))?
        .collect::<Result<_, _>>()?;
    Ok(Some(Annotation {
        labels,
        who,
        at_millis,
        how: how_named(&how)?,
    }))
}

/// Replaces the annotation of a text.
pub(super) fn set_annotation(
    connection: &Connection,
    text: TextId,
    annotation: Option<&Annotation>,
) -> Result<(), StoreError> {
    connection
        .prepare_cached("DELETE FROM annotations WHERE text = ?1")?
        .execute([text.0])?;
    annotation.map_or(Ok(()), |annotation| insert_annotation(connection, text, annotation))
}

/// Annotates a text that has no annotation. The labels must be ascending, without duplicates.
pub(super) fn insert_annotation(
    connection: &Connection,
    text: TextId,
    annotation: &Annotation,
) -> Result<(), StoreError> {
    if !annotation.labels.is_sorted_by(|a, b| a < b) {
        return Err(StoreError::Invalid(format!(
            "the labels of text {text} are not in ascending order"
        )));
    }
    connection
        .prepare_cached("INSERT INTO annotations (text, who, at_millis, how) VALUES (?1, ?2, ?3, ?4)")?
        .execute((text.0, &annotation.who, annotation.at_millis, annotation.how.name()))?;
    let mut insert = connection
        .prepare_cached("INSERT INTO annotation_labels (text, label) SELECT ?1, id FROM labels WHERE id = ?2")?;
    for label in &annotation.labels {
        if insert.execute((text.0, label.0))? == 0 {
            return Err(StoreError::Conflict(format!(
                "there is no label {label} to give to text {text}"
            )));
        }
    }
    Ok(())
}

pub(super) fn split_named(name: &str) -> Result<Split, StoreError> {
    let split = Split::ALL.into_iter().find(|split| split.name() == name);
    split.ok_or_else(|| StoreError::Corrupt(format!("unknown split {name:?}")))
}

pub(super) fn how_named(name: &str) -> Result<How, StoreError> {
    How::from_name(name).ok_or_else(|| StoreError::Corrupt(format!("unknown kind of annotation {name:?}")))
}
