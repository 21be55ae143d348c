//! What stops an import as a whole. What only concerns a row is a [`crate::core::Problem`].

use std::path::PathBuf;

/// Why a file could not be imported at all.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// No such file.
    #[error("there is no file to import here; nothing was changed. Check the name: {}", path.display())]
    Missing {
        /// What was asked for.
        path: PathBuf,
    },
    /// A folder, a pipe or a device.
    #[error("this is {what}, not a file; nothing was changed. Choose one file: {}", path.display())]
    NotAFile {
        /// "a folder", "a pipe or a device".
        what: &'static str,
        /// What was asked for.
        path: PathBuf,
    },
    /// No bytes, or no rows.
    #[error("nothing to import: the file holds no texts; nothing was changed: {}", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// Not text.
    #[error("the file is {what}, not text; nothing was changed. Save it as CSV, JSON lines or plain text and import that: {}", path.display())]
    NotText {
        /// What it looks like.
        what: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// [`super::ReadOptions::format`] names no importer.
    #[error("there is no file format “{name}”; the formats are {known}")]
    UnknownFormat {
        /// What was asked for.
        name: String,
        /// Those there are.
        known: String,
    },
    /// [`super::ReadOptions::encoding`] names no encoding.
    #[error("there is no encoding “{name}”; for example {examples}")]
    UnknownEncoding {
        /// What was asked for.
        name: String,
        /// Some there are.
        examples: String,
    },
    /// [`super::ReadOptions::delimiter`] cannot separate cells.
    #[error(
        "cells cannot be separated by {delimiter:?}; choose one character that is not a quote or a line end, such as a comma, a semicolon or a tab"
    )]
    BadDelimiter {
        /// What was asked for.
        delimiter: char,
    },
    /// A column that the sampled rows do not have.
    #[error("there is no column “{wanted}”; nothing was imported. The columns are {have}")]
    NoSuchColumn {
        /// What was asked for.
        wanted: String,
        /// Those there are.
        have: String,
    },
    /// No column looks like text.
    #[error("no column holds text; nothing was imported. Choose the text column yourself; the columns are {have}")]
    NoTextColumn {
        /// Those there are.
        have: String,
    },
    /// One column was to be both texts of a pair.
    #[error("“{column}” cannot be both texts of a pair; nothing was imported. Choose another column for one of them")]
    SameColumn {
        /// Its name.
        column: String,
    },
    /// A JSON document of one object, which cannot be read piece by piece.
    #[error("the JSON is one object of {} MB, which has to be held in memory and may be {} MB at most; nothing was imported. Save it as JSON lines, one object a line", bytes / 1_000_000, limit / 1_000_000)]
    JsonTooLarge {
        /// Size of the file.
        bytes: u64,
        /// The most that is read.
        limit: u64,
    },
    /// A JSON document that is no table of texts.
    #[error(
        "the JSON holds no table of texts ({reason}); nothing was imported. Expected is an array of objects, or an object with one array per column"
    )]
    JsonShape {
        /// What it is instead.
        reason: String,
    },
    /// The person stopped it.
    #[error("the import was stopped after {n_texts} texts")]
    Cancelled {
        /// Texts handed over before.
        n_texts: u64,
    },
    /// Whoever takes the rows could not.
    #[error("the rows that were read could not be stored: {0}")]
    Sink(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Reading failed.
    #[error("the file could not be read ({source}); what was imported before stays: {}", path.display())]
    Io {
        /// The system's reason.
        source: std::io::Error,
        /// The file.
        path: PathBuf,
    },
}

/// What a sink answers when it does not want the next batch.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// The person stopped it.
    #[error("stopped")]
    Cancelled,
    /// The rows could not be taken.
    #[error(transparent)]
    Failed(Box<dyn std::error::Error + Send + Sync>),
}
