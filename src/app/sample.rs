//! The sample project: support tickets written for Handful, carried inside the program.

use std::fs;
use std::path::Path;

use anyhow::Context;

use crate::core::TaskKind;
use crate::io::import::{self, ReadOptions, SinkError};
use crate::store::Store;

/// The file in `sample_data/` the project is made from.
pub const SOURCE: &str = "tickets.jsonl";

/// The project's file name.
pub const FILE: &str = "support-tickets.handful";

const TICKETS: &str = include_str!("../../sample_data/tickets.jsonl");

/// The bodies of the sample tickets.
///
/// # Errors
/// When the compiled-in file cannot be read, which a test rules out.
pub fn texts() -> anyhow::Result<Vec<String>> {
    #[derive(serde::Deserialize)]
    struct Ticket {
        text: String,
    }
    let body = |line: &str| Ok(serde_json::from_str::<Ticket>(line)?.text);
    TICKETS.lines().map(body).collect()
}

/// Opens the sample project in `folder`, making it first where it is missing.
pub fn open(folder: &Path, who: &str) -> anyhow::Result<Store> {
    let path = folder.join(FILE);
    if path.exists() {
        return Ok(Store::open(&path)?);
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let source = tempfile::tempdir()?;
    let file = source.path().join(SOURCE);
    fs::write(&file, TICKETS)?;
    let store = Store::create(&path, TaskKind::MultiLabel)?;
    let mut session = store.begin_import(SOURCE, who, super::now_millis())?;
    import::read(&file, &ReadOptions::default(), &mut |batch| {
        session
            .push(batch.rows)
            .map(drop)
            .map_err(|error| SinkError::Failed(error.into()))
    })?;
    session.finish()?;
    Ok(store)
}
