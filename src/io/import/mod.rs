//! Reading texts and labels from files: what a file is, how its columns map, and its rows in batches.
//!
//! A file is never changed and never held in memory as a whole. What cannot be read is a [`Problem`] with its line; the rest is imported.

mod columns;
mod delimited;
mod encoding;
mod error;
mod input;
mod json;
mod jsonl;
mod label_studio;
mod labels;
mod lines;
mod options;
mod plan;
mod problems;
mod row;

use std::path::Path;

pub use self::columns::ColumnStats;
pub use self::error::{ImportError, SinkError};
pub use self::options::{Mapping, Pick, ReadOptions};
use crate::core::NewText;
pub use crate::core::Problem;

use self::encoding::ENCODING_EXAMPLES;
use self::input::Input;
use self::plan::Plan;
use self::problems::Problems;
pub use self::row::Fields;
use self::row::{Row, RowReader};

/// The longest cell that is imported, in bytes of UTF-8; rows with a longer one are skipped.
pub const MAX_CELL_BYTES: usize = 10_000_000;

/// The most rows in one [`Batch`].
pub const MAX_BATCH_ROWS: usize = 1_000;

/// How many problems are listed; all are counted.
pub const MAX_LISTED_PROBLEMS: usize = 1_000;

/// Rows shown in a preview.
const N_PREVIEW_ROWS: usize = 20;
/// A batch is also handed on when its texts reach this many bytes.
const MAX_BATCH_BYTES: usize = 8 << 20;
/// Progress is reported at least this often, in bytes of the file.
const PROGRESS_BYTES: u64 = 4 << 20;

type Open = fn(Input, &Sample, &ReadOptions) -> Result<Box<dyn RowReader>, ImportError>;

/// A kind of file. The table of them is [`IMPORTERS`].
pub struct Importer {
    /// Stable name: on the command line and in [`ReadOptions::format`].
    pub id: &'static str,
    /// As a file dialog shows it.
    pub title: &'static str,
    /// Usual endings, lower case, without the dot.
    pub extensions: &'static [&'static str],
    /// How much a file looks like this, 0 to 100, from the first decoded part of it.
    pub sniff: fn(&Sample) -> u8,
    /// Begins reading rows. `options` are resolved as far as this format needs them.
    open: Open,
}

/// Every kind of file that can be imported.
pub static IMPORTERS: &[Importer] = &[delimited::IMPORTER, jsonl::IMPORTER, json::IMPORTER, lines::IMPORTER];

/// The first part of a file, decoded, and its ending: what formats are told apart by.
pub struct Sample {
    /// At most 256 KiB, ends at an arbitrary character.
    pub text: String,
    /// Whether this is the whole file.
    pub complete: bool,
    /// Lower case, without the dot; empty when there is none.
    pub extension: String,
}

impl Sample {
    /// Lines that are not blank and that are complete within the sample.
    pub fn whole_lines(&self) -> impl Iterator<Item = &str> {
        let end = if self.complete {
            self.text.len()
        } else {
            self.text.rfind(['\n', '\r']).unwrap_or(self.text.len())
        };
        self.text
            .get(..end)
            .unwrap_or_default()
            .split(['\n', '\r'])
            .filter(|line| !line.trim().is_empty())
    }
}

/// What a file holds and how it will be read, before anything is written.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Preview {
    /// Id of the importer.
    pub format: String,
    /// Name of the character encoding.
    pub encoding: String,
    /// For delimited files.
    pub delimiter: Option<char>,
    /// For delimited files: whether the first row holds the names of the columns.
    pub has_header: Option<bool>,
    /// Columns in the file's order with what the sampled rows hold.
    pub columns: Vec<ColumnStats>,
    /// How columns are used.
    pub mapping: Mapping,
    /// The first rows as they will be read.
    pub rows: Vec<PreviewRow>,
    /// Rows looked at, up to about 1,000.
    pub n_sampled: usize,
    /// Of those, how many carry a label or the decision that none fits.
    pub n_labelled: usize,
    /// Of those, how many repeat an earlier text.
    pub n_repeated: usize,
    /// Label paths met in the sampled rows with how often, most frequent first.
    pub labels: Vec<(Vec<String>, usize)>,
    /// All problems met in the sampled rows.
    pub n_problems: u64,
    /// The first of them.
    pub problems: Vec<Problem>,
    /// Rows in the whole file: exact when the sample reached the end.
    pub n_rows_estimated: u64,
    /// Whether the sample reached the end of the file.
    pub complete: bool,
    /// Size of the file.
    pub bytes_total: u64,
}

/// One row of a preview.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct PreviewRow {
    /// Line in the file, from 1, where the row begins; `None` when rows have no lines of their own.
    pub line: Option<u64>,
    /// One per column, as written; lists and objects as JSON. Cut after 500 characters.
    pub cells: Vec<String>,
    /// What would be imported; `None` when the row is skipped.
    pub text: Option<NewText>,
}

/// Some rows on their way to the project.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// At most [`MAX_BATCH_ROWS`]; may be empty when only progress is reported.
    pub rows: Vec<NewText>,
    /// How far the file has been read.
    pub bytes_read: u64,
    /// Size of the file.
    pub bytes_total: u64,
}

/// How reading a file went.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct ReadReport {
    /// Id of the importer.
    pub format: String,
    /// Name of the character encoding.
    pub encoding: String,
    /// How columns were used.
    pub mapping: Mapping,
    /// Texts handed to the sink.
    pub n_texts: u64,
    /// Of those, how many came with labels or the decision that none fits.
    pub n_labelled: u64,
    /// Rows that were not imported.
    pub n_skipped: u64,
    /// All problems; a row can have several, and not every problem skips its row.
    pub n_problems: u64,
    /// The first [`MAX_LISTED_PROBLEMS`] by line.
    pub problems: Vec<Problem>,
}

/// Looks at the first part of a file (about 1,000 rows) and says how it would be read.
///
/// # Errors
/// [`ImportError`] when there is nothing to read, when an option names something that does not exist, or when the file is not text.
pub fn preview(path: &Path, options: &ReadOptions) -> Result<Preview, ImportError> {
    let plan = Plan::new(path, options)?;
    plan.preview()
}

/// Reads the whole file in batches. Memory does not grow with the file, except for JSON that is one object, which is refused above 256 MB.
///
/// # Errors
/// As [`preview`], and [`ImportError::Cancelled`] or [`ImportError::Sink`] when the sink says so; batches already handed over stay handed over.
pub fn read(
    path: &Path,
    options: &ReadOptions,
    sink: &mut dyn FnMut(Batch) -> Result<(), SinkError>,
) -> Result<ReadReport, ImportError> {
    let plan = Plan::new(path, options)?;
    let mut reader = plan.open()?;
    let mut problems = Problems::default();
    let (mut n_texts, mut n_labelled, mut n_skipped) = (0, 0, 0);
    let mut batch: Vec<NewText> = Vec::new();
    let (mut batch_bytes, mut reported) = (0, 0);
    while let Some(row) = reader.next_row(&mut problems)? {
        match plan.text_of(&row, &mut problems) {
            Some(text) => {
                n_texts += 1;
                n_labelled += u64::from(text.labels.is_some());
                batch_bytes += text.body.len() + text.second.as_ref().map_or(0, String::len);
                batch.push(text);
            }
            None => n_skipped += 1,
        }
        let bytes_read = reader.bytes_read();
        if batch.len() >= MAX_BATCH_ROWS || batch_bytes >= MAX_BATCH_BYTES || bytes_read - reported >= PROGRESS_BYTES {
            hand_over(sink, std::mem::take(&mut batch), bytes_read, plan.bytes_total, n_texts)?;
            (batch_bytes, reported) = (0, bytes_read);
        }
    }
    n_skipped += reader.n_skipped();
    plan.report_late_columns(reader.columns(), &mut problems);
    if n_texts == 0 && n_skipped == 0 && problems.count() == 0 {
        return Err(ImportError::Empty { path: path.to_owned() });
    }
    hand_over(sink, batch, plan.bytes_total, plan.bytes_total, n_texts)?;
    let (n_problems, problems) = problems.finish();
    Ok(ReadReport {
        format: plan.importer.id.to_owned(),
        encoding: plan.encoding_name(),
        mapping: plan.mapping,
        n_texts,
        n_labelled,
        n_skipped,
        n_problems,
        problems,
    })
}

fn hand_over(
    sink: &mut dyn FnMut(Batch) -> Result<(), SinkError>,
    rows: Vec<NewText>,
    bytes_read: u64,
    bytes_total: u64,
    n_texts: u64,
) -> Result<(), ImportError> {
    sink(Batch {
        rows,
        bytes_read,
        bytes_total,
    })
    .map_err(|error| match error {
        SinkError::Cancelled => ImportError::Cancelled { n_texts },
        SinkError::Failed(error) => ImportError::Sink(error),
    })
}

/// Names of encodings worth offering in a menu; every name of the WHATWG Encoding Standard is understood.
pub fn encoding_names() -> &'static [&'static str] {
    ENCODING_EXAMPLES
}
