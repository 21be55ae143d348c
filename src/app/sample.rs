//! The sample projects: support tickets and products, written for Handful, carried inside the program.

use std::fs;
use std::path::Path;

use anyhow::Context;

use crate::core::TaskKind;
use crate::io::import::{self, ReadOptions, SinkError};
use crate::store::Store;

/// A sample project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sample {
    /// Support tickets: several labels a text.
    #[default]
    Tickets,
    /// Products: one path a text in a tree of three levels.
    Products,
}

impl Sample {
    /// All of them, the default first.
    pub const ALL: [Sample; 2] = [Sample::Tickets, Sample::Products];

    /// The stable name: on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Sample::Tickets => "tickets",
            Sample::Products => "products",
        }
    }

    /// The inverse of [`Sample::name`].
    pub fn from_name(name: &str) -> Option<Sample> {
        Sample::ALL.into_iter().find(|sample| sample.name() == name)
    }

    /// The file in `sample_data/` the project is made from.
    pub fn source(self) -> &'static str {
        match self {
            Sample::Tickets => "tickets.jsonl",
            Sample::Products => "products.jsonl",
        }
    }

    /// The project's file name.
    pub fn file(self) -> &'static str {
        match self {
            Sample::Tickets => "support-tickets.handful",
            Sample::Products => "products.handful",
        }
    }

    fn task(self) -> TaskKind {
        match self {
            Sample::Tickets => TaskKind::MultiLabel,
            Sample::Products => TaskKind::SingleLabel,
        }
    }

    fn content(self) -> &'static str {
        match self {
            Sample::Tickets => TICKETS,
            Sample::Products => PRODUCTS,
        }
    }
}

const TICKETS: &str = include_str!("../../sample_data/tickets.jsonl");
const PRODUCTS: &str = include_str!("../../sample_data/products.jsonl");

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

/// Opens a sample project in `folder`, making it first where it is missing.
pub fn open(sample: Sample, folder: &Path, who: &str) -> anyhow::Result<Store> {
    let path = folder.join(sample.file());
    if path.exists() {
        return Ok(Store::open(&path)?);
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let source = tempfile::tempdir()?;
    let file = source.path().join(sample.source());
    fs::write(&file, sample.content())?;
    let store = Store::create(&path, sample.task())?;
    let mut session = store.begin_import(sample.source(), who, super::now_millis())?;
    let options = ReadOptions {
        task: Some(sample.task()),
        ..ReadOptions::default()
    };
    import::read(&file, &options, &mut |batch| {
        session
            .push(batch.rows)
            .map(drop)
            .map_err(|error| SinkError::Failed(error.into()))
    })?;
    session.finish()?;
    Ok(store)
}
