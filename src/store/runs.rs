//! Runs, their thresholds and their scores.

use rusqlite::{Connection, OptionalExtension, Row, ToSql, named_params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::StoreError;
use super::load::task_named;
use crate::core::run::{Deciding, LossPoint, ZERO_SHOT};
use crate::core::{Run, RunId, RunStatus, ScoreKind, TextId};

const INTERRUPTED: &str =
    "Handful ended before training did; labels are safe. Resume it where its state was saved, or train again";

const SCORING_INTERRUPTED: &str = "Handful ended before every text was scored; the scores so far are kept, and the same engine with the same options goes on from there";

/// Stores a new run under the next id; one without a name is called by its method and id.
pub(super) fn create(connection: &Connection, mut run: Run) -> Result<Run, StoreError> {
    run.id = RunId(connection.query_row(
        "SELECT ifnull(max(seq), 0) + 1 FROM sqlite_sequence WHERE name = 'runs'",
        [],
        |row| row.get(0),
    )?);
    if run.name.is_empty() {
        run.name = format!("{}-{}", run.method, run.id);
    }
    write(connection, &run, INSERT)?;
    Ok(run)
}

/// Overwrites a run that exists.
pub(super) fn save(connection: &Connection, run: &Run) -> Result<(), StoreError> {
    let edited: Option<bool> = connection
        .prepare_cached("SELECT thresholds_edited FROM runs WHERE id = ?1")?
        .query_row([run.id.0], |row| row.get(0))
        .optional()?;
    match edited {
        None => return Err(unknown_run(run.id)),
        Some(true)
            if thresholds(connection, run.id)? != run.thresholds || deciding(connection, run.id)? != run.deciding =>
        {
            return Err(StoreError::Conflict(format!(
                "the thresholds of run {} were set by hand",
                run.id
            )));
        }
        Some(_) => {}
    }
    write(connection, run, UPDATE)
}

/// Runs that were training when the program ended were interrupted.
pub(super) fn interrupt_unfinished(connection: &Connection) -> Result<(), StoreError> {
    connection.execute(
        "UPDATE runs SET status = 'failed', interrupted = 1, message = CASE method WHEN ?2 THEN ?3 ELSE ?1 END \
         WHERE status = 'training'",
        [INTERRUPTED, ZERO_SHOT, SCORING_INTERRUPTED],
    )?;
    Ok(())
}

/// The thresholds of a run that exists.
pub(super) fn thresholds(connection: &Connection, run: RunId) -> Result<Vec<f64>, StoreError> {
    n_labels(connection, run)?;
    let mut statement = connection.prepare_cached("SELECT value FROM thresholds WHERE run = ?1 ORDER BY position")?;
    let values = statement
        .query_map([run.0], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    Ok(values)
}

/// What decides beside the thresholds of a run that exists.
pub(super) fn deciding(connection: &Connection, run: RunId) -> Result<Deciding, StoreError> {
    connection
        .prepare_cached("SELECT at_least_one, tuned_for FROM runs WHERE id = ?1")?
        .query_row([run.0], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))
        .optional()?
        .map(|(at_least_one, tuned_for)| Deciding {
            at_least_one,
            // What a later version tunes for is no reason to refuse the file.
            tuned_for: tuned_for.parse().ok(),
        })
        .ok_or_else(|| unknown_run(run))
}

/// Sets what decides beside the thresholds as an edit does: from now on only edits may.
pub(super) fn edit_deciding(connection: &Connection, run: RunId, deciding: Deciding) -> Result<(), StoreError> {
    let tuned_for = deciding
        .tuned_for
        .map_or(String::new(), |objective| objective.to_string());
    connection
        .prepare_cached("UPDATE runs SET thresholds_edited = 1, at_least_one = ?2, tuned_for = ?3 WHERE id = ?1")?
        .execute((run.0, deciding.at_least_one, tuned_for))?;
    Ok(())
}

/// Sets the thresholds of a run as an edit does: from now on only edits may.
pub(super) fn edit_thresholds(connection: &Connection, run: RunId, values: &[f64]) -> Result<(), StoreError> {
    connection
        .prepare_cached("UPDATE runs SET thresholds_edited = 1 WHERE id = ?1")?
        .execute([run.0])?;
    set_thresholds(connection, run, n_labels(connection, run)?, values)
}

/// None at all, for a run that has not got that far, or one per label.
fn set_thresholds(connection: &Connection, run: RunId, n_labels: usize, values: &[f64]) -> Result<(), StoreError> {
    if !values.is_empty() && values.len() != n_labels {
        let n = values.len();
        return Err(StoreError::Invalid(format!(
            "run {run} has {n_labels} labels, so it cannot take {n} thresholds"
        )));
    }
    if let Some(outside) = values.iter().find(|value| !(0.0..=1.0).contains(*value)) {
        return Err(StoreError::Invalid(format!(
            "a threshold lies between 0 and 1, {outside} does not"
        )));
    }
    connection
        .prepare_cached("DELETE FROM thresholds WHERE run = ?1")?
        .execute([run.0])?;
    let mut insert = connection.prepare_cached("INSERT INTO thresholds (run, position, value) VALUES (?1, ?2, ?3)")?;
    for (position, value) in (0_i64..).zip(values) {
        insert.execute((run.0, position, value))?;
    }
    Ok(())
}

/// Replaces the scores of one kind.
pub(super) fn save_scores(
    connection: &Connection,
    run: RunId,
    kind: ScoreKind,
    scores: &[(TextId, Vec<f32>)],
) -> Result<(), StoreError> {
    let n_labels = n_labels(connection, run)?;
    connection
        .prepare_cached("DELETE FROM scores WHERE run = ?1 AND kind = ?2")?
        .execute((run.0, kind.name()))?;
    let mut insert = connection.prepare_cached(
        "INSERT INTO scores (run, kind, text, scores) SELECT ?1, ?2, id, ?4 FROM texts WHERE id = ?3",
    )?;
    for (text, row) in scores {
        if row.len() != n_labels || row.iter().any(|score| !score.is_finite()) {
            return Err(StoreError::Invalid(format!(
                "text {text} needs {n_labels} finite scores, one per label of run {run}"
            )));
        }
        let blob: Vec<u8> = row.iter().flat_map(|score| score.to_le_bytes()).collect();
        if insert.execute((run.0, kind.name(), text.0, blob))? == 0 {
            return Err(StoreError::Conflict(format!("there is no text {text} to score")));
        }
    }
    Ok(())
}

/// The scores of one kind by ascending text id.
pub(super) fn scores(
    connection: &Connection,
    run: RunId,
    kind: ScoreKind,
) -> Result<Vec<(TextId, Vec<f32>)>, StoreError> {
    let mut statement =
        connection.prepare("SELECT text, scores FROM scores WHERE run = ?1 AND kind = ?2 ORDER BY text")?;
    let rows = statement.query_map((run.0, kind.name()), |row| {
        let (floats, rest) = row.get_ref(1)?.as_blob()?.as_chunks::<4>();
        let scores = rest
            .is_empty()
            .then(|| floats.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect());
        Ok((TextId(row.get(0)?), scores))
    })?;
    let mut out = Vec::new();
    for row in rows {
        let (text, scores) = row?;
        out.push((
            text,
            scores.ok_or_else(|| StoreError::Corrupt(format!("the scores of text {text} are cut off")))?,
        ));
    }
    Ok(out)
}

/// All runs by ascending id.
pub(super) fn all(connection: &Connection) -> Result<Vec<Run>, StoreError> {
    let mut statement = connection.prepare("SELECT * FROM runs ORDER BY id")?;
    let mut rows = statement.query([])?;
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        out.push(from_row(connection, row)?);
    }
    Ok(out)
}

const INSERT: &str = "INSERT INTO runs (id, name, method, encoder, seed, task, options, labels, label_paths, n_train, \
    n_validation, n_test, started_at_millis, train_secs, status, message, scored_on, history, \
    watched, findings, device, precision, series, interrupted, at_least_one, tuned_for) \
    VALUES (:id, :name, :method, :encoder, :seed, :task, :options, :labels, :label_paths, :n_train, \
    :n_validation, :n_test, :started_at_millis, :train_secs, :status, :message, :scored_on, :history, :watched, \
    :findings, :device, :precision, :series, :interrupted, :at_least_one, :tuned_for)";

const UPDATE: &str = "UPDATE runs SET name = :name, method = :method, encoder = :encoder, seed = :seed, task = :task, \
    options = :options, labels = :labels, label_paths = :label_paths, n_train = :n_train, n_validation = :n_validation, \
    n_test = :n_test, started_at_millis = :started_at_millis, train_secs = :train_secs, status = :status, \
    message = :message, scored_on = :scored_on, history = :history, watched = :watched, \
    findings = :findings, device = :device, precision = :precision, series = :series, \
    interrupted = :interrupted, at_least_one = :at_least_one, tuned_for = :tuned_for WHERE id = :id";

fn write(connection: &Connection, run: &Run, sql: &str) -> Result<(), StoreError> {
    if !run.train_secs.is_finite() {
        return Err(StoreError::Invalid(format!(
            "run {} cannot have trained for {} seconds",
            run.id, run.train_secs
        )));
    }
    let history: Vec<u8> = run
        .history
        .iter()
        .flat_map(|point| [(point.step as u64).to_le_bytes(), point.loss.to_le_bytes()].concat())
        .collect();
    connection.prepare_cached(sql)?.execute(named_params! {
        ":id": run.id.0, ":name": run.name, ":method": run.method, ":encoder": run.encoder,
        ":seed": run.seed.cast_signed(), ":task": run.task.name(), ":options": json(&run.options)?,
        ":labels": json(&run.labels)?, ":label_paths": json(&run.label_paths)?, ":n_train": run.n_train as i64,
        ":n_validation": run.n_validation as i64, ":n_test": run.n_test as i64, ":started_at_millis": run.started_at_millis,
        ":train_secs": run.train_secs, ":status": status_name(run.status), ":message": run.message,
        ":scored_on": run.scored_on.map(ScoreKind::name), ":history": history,
        ":watched": json(&run.watched)?, ":findings": json(&run.findings)?, ":device": run.device,
        ":precision": run.precision, ":series": run.series,
        ":interrupted": run.status == RunStatus::Interrupted,
        ":at_least_one": run.deciding.at_least_one,
        ":tuned_for": run.deciding.tuned_for.map_or(String::new(), |objective| objective.to_string()),
    })?;
    set_metrics(connection, run)?;
    set_thresholds(connection, run.id, run.labels.len(), &run.thresholds)
}

fn set_metrics(connection: &Connection, run: &Run) -> Result<(), StoreError> {
    connection
        .prepare_cached("DELETE FROM run_metrics WHERE run = ?1")?
        .execute([run.id.0])?;
    let mut insert = connection.prepare_cached("INSERT INTO run_metrics (run, name, value) VALUES (?1, ?2, ?3)")?;
    for (name, value) in &run.metrics {
        if !value.is_finite() {
            return Err(StoreError::Invalid(format!(
                "metric {name} of run {} is {value}: leave it out",
                run.id
            )));
        }
        insert.execute([&run.id.0 as &dyn ToSql, name, value])?;
    }
    Ok(())
}

fn from_row(connection: &Connection, row: &Row<'_>) -> Result<Run, StoreError> {
    let id = RunId(row.get("id")?);
    let mut metrics = connection.prepare_cached("SELECT name, value FROM run_metrics WHERE run = ?1")?;
    let status: String = row.get("status")?;
    let scored_on: Option<String> = row.get("scored_on")?;
    Ok(Run {
        id,
        name: row.get("name")?,
        method: row.get("method")?,
        encoder: row.get("encoder")?,
        seed: row.get::<_, i64>("seed")?.cast_unsigned(),
        task: task_named(&row.get::<_, String>("task")?)?,
        options: from_json(row, "options")?,
        labels: from_json(row, "labels")?,
        label_paths: from_json(row, "label_paths")?,
        n_train: count(row.get("n_train")?)?,
        n_validation: count(row.get("n_validation")?)?,
        n_test: count(row.get("n_test")?)?,
        started_at_millis: row.get("started_at_millis")?,
        train_secs: row.get("train_secs")?,
        status: status_stored(&status, row.get("interrupted")?)?,
        message: row.get("message")?,
        metrics: metrics
            .query_map([id.0], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?,
        scored_on: scored_on.as_deref().and_then(ScoreKind::from_name),
        thresholds: thresholds(connection, id)?,
        deciding: deciding(connection, id)?,
        watched: from_json(row, "watched")?,
        findings: from_json(row, "findings")?,
        device: row.get("device")?,
        precision: row.get("precision")?,
        series: row.get("series")?,
        history: history(row.get_ref("history")?.as_blob().map_err(rusqlite::Error::from)?),
    })
}

fn history(blob: &[u8]) -> Vec<LossPoint> {
    let (numbers, _) = blob.as_chunks::<8>();
    let (points, _) = numbers.as_chunks::<2>();
    points
        .iter()
        .map(|[step, loss]| LossPoint {
            step: u64::from_le_bytes(*step) as usize,
            loss: f64::from_le_bytes(*loss),
        })
        .collect()
}

fn n_labels(connection: &Connection, run: RunId) -> Result<usize, StoreError> {
    let n_labels = connection
        .prepare_cached("SELECT json_array_length(labels) FROM runs WHERE id = ?1")?
        .query_row([run.0], |row| row.get(0))
        .optional()?;
    count(n_labels.ok_or_else(|| unknown_run(run))?)
}

fn count(stored: i64) -> Result<usize, StoreError> {
    usize::try_from(stored).map_err(|_| StoreError::Corrupt(format!("a count of a run is {stored}")))
}

fn unknown_run(run: RunId) -> StoreError {
    StoreError::Conflict(format!("there is no run {run}"))
}

fn json(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Invalid(error.to_string()))
}

fn from_json<T: DeserializeOwned>(row: &Row<'_>, column: &str) -> Result<T, StoreError> {
    let json: String = row.get(column)?;
    serde_json::from_str(&json).map_err(|error| StoreError::Corrupt(format!("{column} of a run: {error}")))
}

const STATUSES: [RunStatus; 4] = [
    RunStatus::Training,
    RunStatus::Done,
    RunStatus::Stopped,
    RunStatus::Failed,
];

/// An interrupted run has failed, and a column of its own says how: the first version of the table knows no other word.
fn status_name(status: RunStatus) -> &'static str {
    match status {
        RunStatus::Training => "training",
        RunStatus::Done => "done",
        RunStatus::Stopped => "stopped",
        RunStatus::Failed | RunStatus::Interrupted => "failed",
    }
}

fn status_stored(name: &str, interrupted: bool) -> Result<RunStatus, StoreError> {
    match STATUSES.into_iter().find(|&status| status_name(status) == name) {
        Some(RunStatus::Failed) if interrupted => Ok(RunStatus::Interrupted),
        Some(status) => Ok(status),
        None => Err(StoreError::Corrupt(format!("unknown run status {name:?}"))),
    }
}
