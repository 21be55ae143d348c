//! Reading the whole project into memory.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Connection, Row};

use super::{StoreError, journal, labels, runs, texts};
use crate::core::{Annotation, ImportId, LabelId, LabelTree, ProjectState, TaskKind, Text, TextId};

/// Everything, as it is at one moment.
pub(super) fn load(connection: &mut Connection) -> Result<ProjectState, StoreError> {
    let transaction = connection.transaction()?;
    let task = task(&transaction)?;
    let tree = LabelTree::new(labels::all(&transaction)?)
        .with_last_id(labels::last_id(&transaction)?)
        .with_merges(journal::merges(&transaction)?);
    let texts = all_texts(&transaction)?;
    let runs = runs::all(&transaction)?;
    Ok(ProjectState::new(task, tree, texts, runs))
}

/// The project's kind of task; never changes.
pub(super) fn task(connection: &Connection) -> Result<TaskKind, StoreError> {
    let name: String = connection.query_row("SELECT task FROM project", [], |row| row.get(0))?;
    task_named(&name)
}

pub(super) fn task_named(name: &str) -> Result<TaskKind, StoreError> {
    TaskKind::from_name(name).ok_or_else(|| StoreError::Corrupt(format!("unknown kind of task {name:?}")))
}

/// Texts in import order, which is that of their ids, hidden ones included.
fn all_texts(connection: &Connection) -> Result<Vec<Text>, StoreError> {
    let sources = sources(connection)?;
    let mut labels = labels_by_text(connection)?;
    let mut statement = connection.prepare(
        "SELECT id, external_id, body, split, import, note, flagged, deleted, who, at_millis, how, second \
         FROM texts LEFT JOIN annotations ON text = texts.id ORDER BY texts.id",
    )?;
    let mut rows = statement.query([])?;
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        let id = TextId(row.get(0)?);
        let split: Option<String> = row.get(3)?;
        let import = row.get(4)?;
        out.push(Text {
            id,
            external_id: row.get(1)?,
            body: row.get(2)?,
            second: row.get(11)?,
            split: split.map(|split| texts::split_named(&split)).transpose()?,
            source: sources.get(&import).cloned().unwrap_or_default(),
            import: Some(ImportId(import)),
            note: row.get(5)?,
            flagged: row.get(6)?,
            deleted: row.get(7)?,
            annotation: annotation(row, labels.remove(&id).unwrap_or_default())?,
        });
    }
    Ok(out)
}

fn annotation(row: &Row<'_>, labels: Vec<LabelId>) -> Result<Option<Annotation>, StoreError> {
    let Some(how) = row.get::<_, Option<String>>(10)? else {
        return Ok(None);
    };
    Ok(Some(Annotation {
        labels,
        who: row.get(8)?,
        at_millis: row.get(9)?,
        how: texts::how_named(&how)?,
    }))
}

fn sources(connection: &Connection) -> Result<HashMap<i64, Arc<str>>, StoreError> {
    let mut statement = connection.prepare("SELECT id, source FROM imports")?;
    let sources = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    Ok(sources)
}

fn labels_by_text(connection: &Connection) -> Result<HashMap<TextId, Vec<LabelId>>, StoreError> {
    let mut statement = connection.prepare("SELECT text, label FROM annotation_labels ORDER BY text, label")?;
    let mut out: HashMap<TextId, Vec<LabelId>> = HashMap::new();
    for pair in statement.query_map([], |row| Ok((TextId(row.get(0)?), LabelId(row.get(1)?))))? {
        let (text, label) = pair?;
        out.entry(text).or_default().push(label);
    }
    Ok(out)
}
