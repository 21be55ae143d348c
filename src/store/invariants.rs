//! What must hold once an edit is complete, checked where it touched something.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension};

use super::changes::shown;
use super::{StoreError, labels};
use crate::core::label::MAX_DEPTH;
use crate::core::label_edits::check_name;
use crate::core::{ImportId, Label, LabelId, TaskKind, TextId};

/// What an edit has touched.
#[derive(Debug, Default)]
pub(super) struct Touched {
    pub(super) labels: BTreeSet<LabelId>,
    pub(super) texts: BTreeSet<TextId>,
    /// Imports whose texts were brought back.
    pub(super) imports: BTreeSet<ImportId>,
}

impl Touched {
    /// Hidden texts may keep what is no longer valid; it is checked when they come back.
    pub(super) fn check(&self, connection: &Connection, task: TaskKind) -> Result<(), StoreError> {
        for &id in &self.labels {
            match labels::get(connection, id)? {
                Some(label) => check_live(connection, &label)?,
                None => check_gone(connection, id)?,
            }
        }
        for text in &self.texts {
            check_texts(connection, task, "texts.id", text.0)?;
        }
        for import in &self.imports {
            check_texts(connection, task, "texts.import", import.0)?;
        }
        Ok(())
    }
}

fn check_live(connection: &Connection, label: &Label) -> Result<(), StoreError> {
    check_name(&label.name)?;
    let mut path = vec![label.name.clone()];
    let mut next = label.parent;
    while let Some(id) = next {
        let Some(parent) = labels::get(connection, id)? else {
            return Err(StoreError::Invalid(format!(
                "label {} would lie inside a label that is deleted",
                shown(&path)
            )));
        };
        if parent.id == label.id {
            return Err(StoreError::Invalid(format!(
                "label {:?} cannot lie inside itself",
                label.name
            )));
        }
        path.insert(0, parent.name);
        next = parent.parent;
        if path.len() > MAX_DEPTH {
            break;
        }
    }
    if path.len() - 1 + height(connection, label.id)? > MAX_DEPTH {
        return Err(StoreError::Invalid(format!(
            "labels can be {MAX_DEPTH} levels deep at most"
        )));
    }
    let has_namesake: bool = connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM labels WHERE parent IS ?1 AND name = ?2 AND deleted = 0 AND id <> ?3)",
        )?
        .query_row((label.parent.map(|parent| parent.0), &label.name, label.id.0), |row| {
            row.get(0)
        })?;
    if has_namesake {
        return Err(StoreError::Invalid(format!(
            "there already is a label {}",
            shown(&path)
        )));
    }
    Ok(())
}

/// Levels a label and what is below it take, counted one too far at most.
fn height(connection: &Connection, id: LabelId) -> Result<usize, StoreError> {
    let height = connection
        .prepare_cached(
            "WITH RECURSIVE below (id, depth) AS (SELECT ?1, 1 UNION ALL \
             SELECT labels.id, depth + 1 FROM labels JOIN below ON parent = below.id WHERE deleted = 0 AND depth <= ?2) \
             SELECT max(depth) FROM below",
        )?
        .query_row((id.0, MAX_DEPTH as i64), |row| row.get::<_, i64>(0))?;
    Ok(usize::try_from(height).unwrap_or(MAX_DEPTH + 1))
}

fn check_gone(connection: &Connection, id: LabelId) -> Result<(), StoreError> {
    let child: Option<String> = connection
        .prepare_cached("SELECT name FROM labels WHERE parent = ?1 AND deleted = 0 LIMIT 1")?
        .query_row([id.0], |row| row.get(0))
        .optional()?;
    if let Some(child) = child {
        return Err(StoreError::Invalid(format!(
            "label {id} cannot be deleted while {child:?} lies inside it"
        )));
    }
    let n_texts: i64 = connection
        .prepare_cached(
            "SELECT count(*) FROM annotation_labels JOIN texts ON texts.id = text WHERE label = ?1 AND deleted = 0",
        )?
        .query_row([id.0], |row| row.get(0))?;
    if n_texts > 0 {
        return Err(StoreError::Invalid(format!(
            "label {id} cannot be deleted while {n_texts} texts have it"
        )));
    }
    Ok(())
}

/// `column` is a name of ours, never input.
fn check_texts(connection: &Connection, task: TaskKind, column: &'static str, id: i64) -> Result<(), StoreError> {
    let dead: Option<(i64, String)> = connection
        .prepare_cached(&format!(
            "SELECT texts.id, labels.name FROM texts JOIN annotation_labels ON text = texts.id \
             JOIN labels ON labels.id = label WHERE {column} = ?1 AND texts.deleted = 0 AND labels.deleted = 1 LIMIT 1"
        ))?
        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    if let Some((text, label)) = dead {
        return Err(StoreError::Invalid(format!(
            "text {text} cannot have label {label:?}: it is deleted"
        )));
    }
    if task == TaskKind::MultiLabel {
        return Ok(());
    }
    let not_one: Option<(i64, i64)> = connection
        .prepare_cached(&format!(
            "SELECT texts.id, (SELECT count(*) FROM annotation_labels WHERE text = texts.id) AS n_labels \
             FROM texts JOIN annotations ON text = texts.id WHERE {column} = ?1 AND texts.deleted = 0 AND n_labels <> 1 LIMIT 1"
        ))?
        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    match not_one {
        Some((text, n)) => Err(StoreError::Invalid(format!(
            "a single-label project takes exactly one label a text, not {n} for text {text}"
        ))),
        None => Ok(()),
    }
}
