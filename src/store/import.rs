//! Importing: batches of rows become texts, duplicates are recognised, labels created; the whole is one undoable edit.
//!
//! What a batch does besides adding texts is written down with it, so that an import can be ended, and undone, after a crash too.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension};
use sha2::{Digest, Sha256};

use super::writer::Request;
use super::{Store, StoreError, journal, labels, received, texts};
use crate::core::label_edits::check_path;
use crate::core::{Annotation, Change, Edit, How, ImportId, Label, LabelId, NewText, Problem, TaskKind, Text, TextId};

/// An import under way. Dropping it ends it where it stands, as [`ImportSession::finish`] does; nothing confirmed is lost.
#[derive(Debug)]
pub struct ImportSession {
    store: Store,
    import: ImportId,
    n_added: usize,
    n_duplicates: usize,
    n_annotated: usize,
    is_over: bool,
}

/// What became of one batch.
#[derive(Debug, Default)]
pub struct Pushed {
    /// The texts that were added, in the order of the rows.
    pub texts: Vec<Text>,
    /// Rows whose text was here already.
    pub n_duplicates: usize,
    /// Of these, rows whose labels went to a text that had none.
    pub n_annotated: usize,
    /// What was not imported, or not as it stood.
    pub problems: Vec<Problem>,
    /// Labels created and texts annotated, for [`crate::core::ProjectState::apply`] after adding `texts`.
    pub changes: Vec<Change>,
}

/// What became of an import.
#[derive(Debug)]
pub struct ImportSummary {
    /// Its id.
    pub import: ImportId,
    /// Texts added.
    pub n_added: usize,
    /// Rows whose text was here already.
    pub n_duplicates: usize,
    /// Of these, rows whose labels went to a text that had none.
    pub n_annotated: usize,
    /// Labels created, parents first.
    pub new_labels: Vec<Label>,
    /// The edit that was journalled, for [`crate::core::ProjectState::apply`]; `None` when nothing came of the import.
    pub edit: Option<Edit>,
}

impl ImportSession {
    pub(super) fn begin(store: Store, source: &str, who: &str, at_millis: i64) -> Result<Self, StoreError> {
        let (source, who) = (source.to_owned(), who.to_owned());
        let ask = |reply| Request::BeginImport {
            source,
            who,
            at_millis,
            reply,
        };
        let import = received(&store.inner.writer.ask(ask))?;
        Ok(ImportSession {
            store,
            import,
            n_added: 0,
            n_duplicates: 0,
            n_annotated: 0,
            is_over: false,
        })
    }

    /// The import's id.
    pub fn id(&self) -> ImportId {
        self.import
    }

    /// Imports a batch in one transaction; about 1,000 rows are a good size. After an error nothing of the batch is stored, all
    /// earlier ones are.
    pub fn push(&mut self, rows: Vec<NewText>) -> Result<Pushed, StoreError> {
        let pushed = received(
            &self
                .store
                .inner
                .writer
                .ask(|reply| Request::Push(self.import, rows, reply)),
        )?;
        self.n_added += pushed.texts.len();
        self.n_duplicates += pushed.n_duplicates;
        self.n_annotated += pushed.n_annotated;
        Ok(pushed)
    }

    /// Ends the import and journals it as one edit.
    pub fn finish(mut self) -> Result<ImportSummary, StoreError> {
        let edit = received(
            &self
                .store
                .inner
                .writer
                .ask(|reply| Request::FinishImport(self.import, reply)),
        )?;
        self.is_over = true;
        let created = edit
            .iter()
            .flat_map(|edit| &edit.changes)
            .filter_map(|change| match change {
                Change::Label { after: Some(label), .. } => Some(label.clone()),
                _ => None,
            });
        Ok(ImportSummary {
            import: self.import,
            n_added: self.n_added,
            n_duplicates: self.n_duplicates,
            n_annotated: self.n_annotated,
            new_labels: created.collect(),
            edit,
        })
    }
}

impl Drop for ImportSession {
    fn drop(&mut self) {
        if !self.is_over {
            // Nobody waits for the answer; should it fail, the next open ends the import.
            drop(
                self.store
                    .inner
                    .writer
                    .ask(|reply| Request::FinishImport(self.import, reply)),
            );
        }
    }
}

/// The import under way, if there is one.
pub(super) fn open(connection: &Connection) -> Result<Option<ImportId>, StoreError> {
    let import = connection
        .prepare_cached("SELECT id FROM imports WHERE finished = 0")?
        .query_row([], |row| row.get(0).map(ImportId))
        .optional()?;
    Ok(import)
}

pub(super) fn begin(connection: &Connection, source: &str, who: &str, at_millis: i64) -> Result<ImportId, StoreError> {
    if let Some(import) = open(connection)? {
        return Err(StoreError::ImportUnderWay(import));
    }
    connection.execute(
        "INSERT INTO imports (source, who, at_millis) VALUES (?1, ?2, ?3)",
        (source, who, at_millis),
    )?;
    Ok(ImportId(connection.last_insert_rowid()))
}

/// Refuses changes that would no longer be undoable in order once the import is journalled after them: to labels it has created,
/// to annotations it has set, to the presence of its texts.
pub(super) fn check_clear_of(connection: &Connection, import: ImportId, changes: &[Change]) -> Result<(), StoreError> {
    let mut query =
        connection.prepare_cached("SELECT EXISTS (SELECT 1 FROM import_changes WHERE kind = ?1 AND target = ?2)")?;
    let mut is_its = |kind: &str, id: i64| query.query_row((kind, id), |row| row.get::<_, bool>(0));
    for change in changes {
        let gets_in_the_way = match change {
            Change::Label { id, after, .. } => {
                let parent = after.as_ref().and_then(|label| label.parent);
                is_its("label", id.0)? || parent.is_some_and(|parent| is_its("label", parent.0).unwrap_or(true))
            }
            Change::Annotation { text, after, .. } => {
                let labels = after.iter().flat_map(|annotation| &annotation.labels);
                is_its("annotation", text.0)? || labels.into_iter().any(|id| is_its("label", id.0).unwrap_or(true))
            }
            Change::Deleted { text, .. } => texts::get::<i64>(connection, *text, "import")? == import.0,
            Change::Import { import: changed, .. } => *changed == import,
            Change::Split { .. }
            | Change::Note { .. }
            | Change::Flag { .. }
            | Change::Thresholds { .. }
            | Change::Deciding { .. } => false,
        };
        if gets_in_the_way {
            return Err(StoreError::ImportUnderWay(import));
        }
    }
    Ok(())
}

/// Ends an import and journals what it did; `None` when that is nothing.
pub(super) fn finish(connection: &Connection, import: ImportId, now_millis: i64) -> Result<Option<Edit>, StoreError> {
    if open(connection)? != Some(import) {
        return Err(StoreError::Invalid(format!("import {import} is not under way")));
    }
    let mut changes = Vec::new();
    let mut statement = connection.prepare("SELECT change FROM import_changes WHERE import = ?1 ORDER BY seq")?;
    for json in statement.query_map([import.0], |row| row.get::<_, String>(0))? {
        let change = serde_json::from_str(&json?)
            .map_err(|error| StoreError::Corrupt(format!("import {import} cannot be read: {error}")))?;
        changes.push(change);
    }
    let (source, n_added): (String, i64) = connection.query_row(
        "SELECT source, (SELECT count(*) FROM texts WHERE import = imports.id) FROM imports WHERE id = ?1",
        [import.0],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    if n_added > 0 {
        changes.push(Change::Import {
            import,
            before: false,
            after: true,
        });
    }
    connection.execute("DELETE FROM import_changes WHERE import = ?1", [import.0])?;
    connection.execute("UPDATE imports SET finished = 1 WHERE id = ?1", [import.0])?;
    if changes.is_empty() {
        return Ok(None);
    }
    let edit = Edit {
        title: format!("Import {n_added} texts from {source}"),
        changes,
    };
    journal::record(connection, &edit, now_millis)?;
    Ok(Some(edit))
}

/// Imports one batch.
pub(super) fn push(
    connection: &Connection,
    task: TaskKind,
    import: ImportId,
    rows: Vec<NewText>,
) -> Result<Pushed, StoreError> {
    if open(connection)? != Some(import) {
        return Err(StoreError::Invalid(format!("import {import} is not under way")));
    }
    let (source, who, at_millis) = connection.query_row(
        "SELECT source, who, at_millis FROM imports WHERE id = ?1",
        [import.0],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
    )?;
    let mut batch = Batch {
        connection,
        task,
        pairs: holds_pairs(connection)?,
        import,
        source,
        who,
        at_millis,
        pushed: Pushed::default(),
    };
    for row in rows {
        batch.row(row)?;
    }
    Ok(batch.pushed)
}

struct Batch<'a> {
    connection: &'a Connection,
    task: TaskKind,
    /// Whether the project's texts are pairs; `None` while there are none.
    pairs: Option<bool>,
    import: ImportId,
    source: Arc<str>,
    who: String,
    at_millis: i64,
    pushed: Pushed,
}

impl Batch<'_> {
    fn row(&mut self, row: NewText) -> Result<(), StoreError> {
        if row.body.trim().is_empty() {
            self.problem(&row, "has no text: left out");
            return Ok(());
        }
        if row.second.as_ref().is_some_and(|second| second.trim().is_empty()) {
            self.problem(&row, "has no second text: left out");
            return Ok(());
        }
        if *self.pairs.get_or_insert(row.second.is_some()) != row.second.is_some() {
            let remark = match row.second {
                None => "stands alone, and this project holds pairs of texts: left out",
                Some(_) => "is one of a pair, and this project holds single texts: left out",
            };
            self.problem(&row, remark);
            return Ok(());
        }
        let paths = self.label_paths(&row);
        let hash = words_hash(&row.body, row.second.as_deref());
        let twin = self.twin(&row, hash)?;
        match twin {
            Twin::Same(text) => {
                self.pushed.n_duplicates += 1;
                return match paths {
                    Some(paths) => self.label_duplicate(&row, text, &paths),
                    None => Ok(()),
                };
            }
            Twin::SameId => self.problem(&row, "has the id of another text: imported next to it"),
            Twin::None => {}
        }
        let labels = paths.map(|paths| self.labels_at(&paths)).transpose()?;
        let text = self.insert(row, hash, labels)?;
        self.pushed.texts.push(text);
        Ok(())
    }

    fn insert(&self, row: NewText, hash: i64, labels: Option<Vec<LabelId>>) -> Result<Text, StoreError> {
        self.connection
            .prepare_cached(
                "INSERT INTO texts (import, external_id, body, second, body_hash, split) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute((
                self.import.0,
                &row.external_id,
                &row.body,
                &row.second,
                hash,
                row.split.map(|split| split.name()),
            ))?;
        let id = TextId(self.connection.last_insert_rowid());
        let annotation = labels.map(|labels| self.annotation(labels));
        if let Some(annotation) = &annotation {
            texts::insert_annotation(self.connection, id, annotation)?;
        }
        Ok(Text {
            id,
            external_id: row.external_id,
            body: row.body.into(),
            second: row.second.map(Into::into),
            split: row.split,
            source: self.source.clone(),
            import: Some(self.import),
            note: String::new(),
            flagged: false,
            deleted: false,
            annotation,
        })
    }

    /// The text is here already: it takes the labels if it has none, and keeps its own if it has.
    fn label_duplicate(&mut self, row: &NewText, text: TextId, paths: &[Vec<String>]) -> Result<(), StoreError> {
        if let Some(known) = texts::annotation(self.connection, text)? {
            let labels = paths
                .iter()
                .map(|path| self.label_at(path))
                .collect::<Result<Option<Vec<_>>, _>>()?;
            let is_same = labels.is_some_and(|labels| self.annotation(labels).labels == known.labels);
            if !is_same {
                self.problem(row, "is here already with other labels, which were kept");
            }
            return Ok(());
        }
        let labels = self.labels_at(paths)?;
        let annotation = self.annotation(labels);
        texts::insert_annotation(self.connection, text, &annotation)?;
        self.pushed.n_annotated += 1;
        if let Ok(at) = self.pushed.texts.binary_search_by_key(&text, |text| text.id)
            && let Some(added) = self.pushed.texts.get_mut(at)
        {
            added.annotation = Some(annotation.clone());
        }
        self.note(Change::Annotation {
            text,
            before: None,
            after: Some(annotation),
        })
    }

    /// The row's label paths with clean names and no duplicates; `None`, with a problem, when the project cannot take them.
    fn label_paths(&mut self, row: &NewText) -> Option<Vec<Vec<String>>> {
        let mut paths: Vec<Vec<String>> = Vec::new();
        for path in row.labels.as_ref()? {
            let path: Vec<String> = path.iter().map(|name| name.trim().to_owned()).collect();
            if let Err(error) = check_path(&path) {
                self.problem(row, &format!("has a label that cannot be: {error}; left unlabelled"));
                return None;
            }
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
        if self.task == TaskKind::SingleLabel && paths.len() != 1 {
            let remark = format!("has {} labels in a single-label project: left unlabelled", paths.len());
            self.problem(row, &remark);
            return None;
        }
        Some(paths)
    }

    fn twin(&self, row: &NewText, hash: i64) -> Result<Twin, StoreError> {
        let (condition, key): (_, &dyn rusqlite::ToSql) = match &row.external_id {
            Some(external_id) => ("external_id = ?1", external_id),
            None => ("body_hash = ?1", &hash),
        };
        let sql = format!("SELECT id, body, second FROM texts WHERE {condition} AND deleted = 0 ORDER BY id");
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut known = statement.query([key])?;
        let mut twin = Twin::None;
        while let Some(text) = known.next()? {
            let same_body = text
                .get_ref(1)?
                .as_bytes()
                .is_ok_and(|body| body == row.body.as_bytes());
            let second = row.second.as_deref().map(str::as_bytes);
            let same_second = text.get_ref(2)?.as_bytes_or_null().is_ok_and(|known| known == second);
            if same_body && same_second {
                return Ok(Twin::Same(TextId(text.get(0)?)));
            }
            if row.external_id.is_some() {
                twin = Twin::SameId;
            }
        }
        Ok(twin)
    }

    fn label_at(&self, path: &[String]) -> Result<Option<LabelId>, StoreError> {
        let mut at = None;
        for name in path {
            at = labels::child(self.connection, at, name)?;
            if at.is_none() {
                return Ok(None);
            }
        }
        Ok(at)
    }

    /// The labels at `paths`, created where they are missing.
    fn labels_at(&mut self, paths: &[Vec<String>]) -> Result<Vec<LabelId>, StoreError> {
        let mut out = Vec::with_capacity(paths.len());
        for path in paths {
            let mut at = None;
            for name in path {
                at = Some(match labels::child(self.connection, at, name)? {
                    Some(id) => id,
                    None => self.create_label(name, at)?,
                });
            }
            out.extend(at);
        }
        Ok(out)
    }

    fn create_label(&mut self, name: &str, parent: Option<LabelId>) -> Result<LabelId, StoreError> {
        let id = LabelId(labels::last_id(self.connection)? + 1);
        let position = labels::next_position(self.connection, parent)?;
        let (name, description) = (name.to_owned(), String::new());
        let label = Label {
            id,
            name,
            parent,
            position,
            color: None,
            key: None,
            description,
        };
        labels::create(self.connection, &label)?;
        self.note(Change::Label {
            id,
            before: None,
            after: Some(label),
        })?;
        Ok(id)
    }

    fn annotation(&self, labels: Vec<LabelId>) -> Annotation {
        Annotation::new(labels, &*self.who, self.at_millis, How::Imported)
    }

    /// Writes a change down for the edit that the import becomes.
    fn note(&mut self, change: Change) -> Result<(), StoreError> {
        let (kind, target) = match &change {
            Change::Label { id, .. } => ("label", id.0),
            Change::Annotation { text, .. } => ("annotation", text.0),
            other => {
                return Err(StoreError::Invalid(format!(
                    "an import does not make the change {other:?}"
                )));
            }
        };
        let json = serde_json::to_string(&change).map_err(|error| StoreError::Invalid(error.to_string()))?;
        self.connection
            .prepare_cached("INSERT INTO import_changes (import, kind, target, change) VALUES (?1, ?2, ?3, ?4)")?
            .execute((self.import.0, kind, target, json))?;
        self.pushed.changes.push(change);
        Ok(())
    }

    fn problem(&mut self, row: &NewText, remark: &str) {
        const MAX_SHOWN: usize = 40;
        let name = match &row.external_id {
            Some(external_id) => format!("the text with id {:?}", start_of(external_id, MAX_SHOWN)),
            None => format!("the text {:?}", start_of(row.body.trim(), MAX_SHOWN)),
        };
        self.pushed.problems.push(Problem {
            line: None,
            message: format!("{name} {remark}"),
        });
    }
}

/// Whether a row is here already.
enum Twin {
    None,
    /// Another text has its id.
    SameId,
    Same(TextId),
}

fn start_of(text: &str, max_chars: usize) -> String {
    match text.char_indices().nth(max_chars) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// Whether the texts are pairs, which the first one says for all; `None` where there is none.
fn holds_pairs(connection: &Connection) -> Result<Option<bool>, StoreError> {
    let pairs = connection
        .prepare_cached("SELECT second IS NOT NULL FROM texts WHERE deleted = 0 ORDER BY id LIMIT 1")?
        .query_row([], |row| row.get(0))
        .optional()?;
    Ok(pairs)
}

/// Finds candidates; equality is decided on the words themselves.
fn words_hash(body: &str, second: Option<&str>) -> i64 {
    let mut digest = Sha256::new_with_prefix(body.as_bytes());
    if let Some(second) = second {
        digest.update([0]);
        digest.update(second.as_bytes());
    }
    let digest = digest.finalize();
    digest
        .iter()
        .take(8)
        .fold(0, |hash, &byte| (hash << 8) | i64::from(byte))
}
