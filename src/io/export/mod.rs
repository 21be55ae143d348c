//! Writing texts with their annotations to files. What is written here is read back the same by [`super::import`].

mod csv;
mod jsonl;
mod record;

use std::io::Write;

use crate::core::ProjectState;

use self::record::{Columns, Record};

/// A way to write annotations. The table of them is [`EXPORTERS`].
pub struct Exporter {
    /// Stable name: on the command line.
    pub id: &'static str,
    /// As a file dialog shows it.
    pub title: &'static str,
    /// The ending to use, without the dot.
    pub extension: &'static str,
    write: fn(&mut dyn Iterator<Item = Record>, Columns, &mut dyn Write) -> std::io::Result<()>,
}

/// Every way to write annotations.
pub static EXPORTERS: &[Exporter] = &[csv::EXPORTER, jsonl::EXPORTER];

/// Why annotations could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// No exporter has this id.
    #[error("there is no format “{name}” to write annotations in; the formats are {known}")]
    UnknownFormat {
        /// What was asked for.
        name: String,
        /// Those there are.
        known: String,
    },
    /// Writing failed.
    #[error("the annotations could not be written ({0}); the project is unchanged, the file may be incomplete")]
    Io(#[from] std::io::Error),
}

/// Writes every text that is not deleted, annotated or not, in import order. Returns how many. Memory does not grow with the project.
///
/// The label column is `label` where every annotation is one plain name, `labels` (a list) where it is not, and `path` (a list of paths) for a
/// hierarchy. The second of a pair is in `text_pair`, beside `text`. A text nobody has labelled has no label there; one labelled "none of them" has an empty list.
///
/// # Errors
/// [`ExportError`]: an unknown format, or `out` could not be written.
pub fn annotations(format: &str, state: &ProjectState, out: &mut dyn Write) -> Result<usize, ExportError> {
    let Some(exporter) = EXPORTERS.iter().find(|exporter| exporter.id == format) else {
        let known = EXPORTERS
            .iter()
            .map(|exporter| exporter.id)
            .collect::<Vec<_>>()
            .join(", ");
        return Err(ExportError::UnknownFormat {
            name: format.to_owned(),
            known,
        });
    };
    let mut n = 0;
    let mut records = state
        .texts()
        .map(|text| Record::of(text, &state.labels))
        .inspect(|_| n += 1);
    (exporter.write)(&mut records, Columns::of(state), out)?;
    drop(records);
    out.flush()?;
    Ok(n)
}
