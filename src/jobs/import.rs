//! Importing a file: rows from `io` into the store, batch by batch.

use std::path::PathBuf;

use anyhow::Context;
use serde::Serialize;

use super::worker::{JobContext, Outcome};
use crate::core::{ImportId, Label, Problem};
use crate::io::import::{self, ImportError, ReadOptions, SinkError};
use crate::store::Store;

/// Problems kept to be listed; the rest is only counted.
const MAX_LISTED_PROBLEMS: usize = 1_000;

/// What an import did.
#[derive(Debug, Clone, Serialize)]
pub struct ImportReport {
    /// The file.
    pub file: PathBuf,
    /// The import, for undo.
    pub import: ImportId,
    /// Texts that are new.
    pub n_added: usize,
    /// Rows the project already had.
    pub n_duplicates: usize,
    /// Known texts that had no label and got one from this file.
    pub n_annotated: usize,
    /// Labels the file brought.
    pub new_labels: Vec<Label>,
    /// How many things were wrong.
    pub n_problems: u64,
    /// The first of them, by line.
    pub problems: Vec<Problem>,
    /// Whether it was stopped before the end of the file.
    pub cancelled: bool,
}

/// Reads the file into the store. Every batch is committed on its own: a stop or a crash keeps what was committed,
/// and importing the file again adds the rest.
pub fn run(
    job: &mut JobContext,
    store: &Store,
    file: PathBuf,
    options: &ReadOptions,
    who: &str,
    now_millis: i64,
) -> anyhow::Result<Outcome> {
    let source = file.file_name().map_or_else(
        || file.display().to_string(),
        |name| name.to_string_lossy().into_owned(),
    );
    let note = format!("reading {source}");
    let mut session = store.begin_import(&source, who, now_millis)?;
    let mut problems = Vec::new();
    let mut n_problems = 0;
    let read = import::read(&file, options, &mut |batch| {
        let pushed = session
            .push(batch.rows)
            .map_err(|error| SinkError::Failed(error.into()))?;
        n_problems += pushed.problems.len() as u64;
        problems.extend(pushed.problems);
        problems.truncate(MAX_LISTED_PROBLEMS);
        job.progress(batch.bytes_read, batch.bytes_total, &note);
        if job.cancelled() {
            Err(SinkError::Cancelled)
        } else {
            Ok(())
        }
    });
    let summary = session.finish()?;
    let cancelled = matches!(read, Err(ImportError::Cancelled { .. }));
    match read {
        Ok(read) => {
            n_problems += read.n_problems;
            problems.extend(read.problems);
        }
        Err(ImportError::Cancelled { .. }) => {}
        Err(error) if summary.n_added == 0 => return Err(error.into()),
        Err(error) => {
            return Err(error).with_context(|| format!("{} texts read before the error are kept", summary.n_added));
        }
    }
    problems.sort_by_key(|problem| problem.line);
    problems.truncate(MAX_LISTED_PROBLEMS);
    let report = ImportReport {
        file,
        import: summary.import,
        n_added: summary.n_added,
        n_duplicates: summary.n_duplicates,
        n_annotated: summary.n_annotated,
        new_labels: summary.new_labels,
        n_problems,
        problems,
        cancelled,
    };
    Ok(Outcome::Imported(Box::new(report), Box::new(store.load()?)))
}
