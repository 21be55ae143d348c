//! How one file will be read: everything found out from its first part, before the first row is handed on.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use encoding_rs::Encoding;
use serde_json::Value;

use super::columns::{self, ColumnStats, is_filled, written};
use super::{
    IMPORTERS, ImportError, Importer, Input, MAX_CELL_BYTES, Mapping, N_PREVIEW_ROWS, Pick, Preview, PreviewRow,
    Problems, ReadOptions, Row, RowReader, Sample, encoding, labels,
};
use crate::core::{NewText, Split, TaskKind};

/// Rows and bytes a preview looks at.
const N_SAMPLED_ROWS: usize = 1_000;
const SAMPLED_BYTES: u64 = 4 << 20;
/// Characters the format is told by.
const SAMPLE_TEXT_BYTES: usize = 256 * 1024;
const PREVIEW_CELL_CHARS: usize = 500;
const MAX_ID_CHARS: usize = 500;

/// Beginnings of files that are not text.
const BINARY: &[(&[u8], &str)] = &[
    (b"PK\x03\x04", "a zip archive or a spreadsheet"),
    (b"\xD0\xCF\x11\xE0", "an old Office document"),
    (b"%PDF", "a PDF"),
    (b"\x1F\x8B", "compressed with gzip"),
    (b"\x28\xB5\x2F\xFD", "compressed with zstd"),
    (b"BZh", "compressed with bzip2"),
    (b"\xFD7zXZ", "compressed with xz"),
    (b"PAR1", "a Parquet file"),
    (b"ARROW1", "an Arrow file"),
    (b"SQLite format 3\0", "a database"),
    (b"\x89PNG", "a picture"),
    (b"\xFF\xD8\xFF", "a picture"),
];

/// A file looked at, and every choice about it made.
pub struct Plan {
    path: PathBuf,
    options: ReadOptions,
    encoding: &'static Encoding,
    newline: u8,
    sample: Sample,
    pub importer: &'static Importer,
    pub mapping: Mapping,
    pub bytes_total: u64,
    columns: Vec<ColumnStats>,
    places: Places,
    rows: Vec<Row>,
    problems: Problems,
    dialect: Option<(char, bool)>,
    complete: bool,
    bytes_sampled: u64,
}

/// Where the mapped columns are in a row.
#[derive(Default)]
struct Places {
    text: Option<usize>,
    second: Option<usize>,
    labels: Vec<(usize, String)>,
    path: Option<usize>,
    levels: Vec<usize>,
    split: Option<usize>,
    id: Option<usize>,
}

impl Plan {
    pub fn new(path: &Path, options: &ReadOptions) -> Result<Plan, ImportError> {
        let bytes_total = check_file(path)?;
        let encoding = find_encoding(path, options)?;
        let (sample, newline) = sample(path, encoding)?;
        if sample.complete && sample.text.trim().is_empty() {
            return Err(ImportError::Empty { path: path.to_owned() });
        }
        let n_control = sample
            .text
            .chars()
            .filter(|c| c.is_control() && !c.is_whitespace())
            .count();
        if n_control * 10 > sample.text.chars().count() {
            return Err(ImportError::NotText {
                what: "binary data",
                path: path.to_owned(),
            });
        }
        let importer = find_importer(&sample, options)?;
        let mut reader = (importer.open)(Input::open(path, encoding, newline)?, &sample, options)?;
        let mut problems = Problems::default();
        let (mut rows, mut complete) = (Vec::new(), false);
        while rows.len() < N_SAMPLED_ROWS && (rows.is_empty() || reader.bytes_read() < SAMPLED_BYTES) {
            match reader.next_row(&mut problems)? {
                Some(row) => rows.push(row),
                None => {
                    complete = true;
                    break;
                }
            }
        }
        if rows.is_empty() && complete && problems.count() == 0 {
            return Err(ImportError::Empty { path: path.to_owned() });
        }
        let columns = columns::stats(reader.columns(), &rows);
        // With no row that can be read there is nothing to map: the problems say why.
        let mapping = if rows.is_empty() {
            Mapping::default()
        } else {
            columns::map(&columns, &rows, options)?
        };
        let places = Places::new(&mapping, &columns);
        let (dialect, bytes_sampled) = (reader.dialect(), reader.bytes_read());
        let (path, options) = (path.to_owned(), options.clone());
        Ok(Plan {
            path,
            options,
            encoding,
            newline,
            sample,
            importer,
            mapping,
            bytes_total,
            columns,
            places,
            rows,
            problems,
            dialect,
            complete,
            bytes_sampled,
        })
    }

    /// A reader at the beginning of the file.
    pub fn open(&self) -> Result<Box<dyn RowReader>, ImportError> {
        (self.importer.open)(
            Input::open(&self.path, self.encoding, self.newline)?,
            &self.sample,
            &self.options,
        )
    }

    /// The encoding's name, lower case.
    pub fn encoding_name(&self) -> String {
        self.encoding.name().to_lowercase()
    }

    pub fn preview(mut self) -> Result<Preview, ImportError> {
        let mut problems = std::mem::take(&mut self.problems);
        let mut rows = Vec::new();
        let (mut n_labelled, mut n_repeated) = (0, 0);
        let mut seen = HashSet::new();
        let mut counts: BTreeMap<Vec<String>, usize> = BTreeMap::new();
        for row in &self.rows {
            let text = self.text_of(row, &mut problems);
            if let Some(text) = &text {
                n_labelled += usize::from(text.labels.is_some());
                n_repeated += usize::from(!seen.insert((text.body.clone(), text.second.clone())));
                for path in text.labels.iter().flatten() {
                    *counts.entry(path.clone()).or_insert(0) += 1;
                }
            }
            if rows.len() < N_PREVIEW_ROWS {
                let cell = |at| {
                    row.cells
                        .get(at)
                        .map(written)
                        .unwrap_or_default()
                        .chars()
                        .take(PREVIEW_CELL_CHARS)
                        .collect()
                };
                rows.push(PreviewRow {
                    line: row.line,
                    cells: (0..self.columns.len()).map(cell).collect(),
                    text,
                });
            }
        }
        let mut labels: Vec<_> = counts.into_iter().collect();
        labels.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let n_sampled = self.rows.len();
        let n_rows_estimated = if self.complete || self.bytes_sampled == 0 {
            n_sampled as u64
        } else {
            (n_sampled as f64 * self.bytes_total as f64 / self.bytes_sampled as f64).round() as u64
        };
        let (n_problems, problems) = problems.finish();
        Ok(Preview {
            format: self.importer.id.to_owned(),
            encoding: self.encoding_name(),
            delimiter: self.dialect.map(|(delimiter, _)| delimiter),
            has_header: self.dialect.map(|(_, header)| header),
            columns: self.columns,
            mapping: self.mapping,
            rows,
            n_sampled,
            n_labelled,
            n_repeated,
            labels,
            n_problems,
            problems,
            n_rows_estimated,
            complete: self.complete,
            bytes_total: self.bytes_total,
        })
    }

    /// The text a row holds; `None` when there is nothing to import, which `problems` then says.
    pub fn text_of(&self, row: &Row, problems: &mut Problems) -> Option<NewText> {
        let body = self.words_of(row, self.places.text, "text", problems)?;
        let second = match self.places.second {
            Some(_) => Some(self.words_of(row, self.places.second, "second text", problems)?),
            None => None,
        };
        let external_id = self.id_of(row, problems);
        let split = self.options.split.or_else(|| self.split_of(row, problems));
        let labels = self.labels_of(row).unwrap_or_else(|reason| {
            problems.add(row.line, format!("{reason}; the text was imported without labels"));
            None
        });
        Some(NewText {
            body,
            second,
            external_id,
            split,
            labels,
        })
    }

    /// Labels that first appear after the sample would otherwise be lost in silence.
    pub fn report_late_columns(&self, columns: &[String], problems: &mut Problems) {
        let mapping = &self.mapping;
        for name in columns.iter().skip(self.columns.len()) {
            let missed = match columns::Role::of(name) {
                Some(columns::Role::Labels) => self.options.label_columns.is_none() && mapping.label_columns.is_empty(),
                Some(columns::Role::Path) => self.options.path_column == Pick::Guess && mapping.path_column.is_none(),
                Some(columns::Role::Split) => {
                    self.options.split_column == Pick::Guess
                        && self.options.split.is_none()
                        && mapping.split_column.is_none()
                }
                _ => {
                    self.options.second_column == Pick::Guess
                        && mapping.second_column.is_none()
                        && columns::goes_with(&mapping.text_column, name)
                }
            };
            if missed {
                let message = format!(
                    "“{name}” first appears after {} rows and was not read; put a row that has it first",
                    self.rows.len()
                );
                problems.add(None, message);
            }
        }
    }

    /// The text in one column; `what` is what it is called where something is wrong with it.
    fn words_of(&self, row: &Row, at: Option<usize>, what: &str, problems: &mut Problems) -> Option<String> {
        let mut body = match cell(row, at) {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            Value::Array(_) | Value::Object(_) => {
                problems.add(
                    row.line,
                    format!("the {what} is a list or an object; the row was skipped"),
                );
                return None;
            }
            other => other.to_string(),
        };
        if body.len() > MAX_CELL_BYTES {
            let size = body.len() as f64 / 1e6;
            problems.add(
                row.line,
                format!("the {what} has {size:.1} MB, more than the 10 MB allowed; the row was skipped"),
            );
            return None;
        }
        if body.contains('\0') {
            body.retain(|c| c != '\0');
            problems.add(row.line, format!("the {what} has NUL characters; they were left out"));
        }
        if body.trim().is_empty() && !self.options.keep_empty {
            problems.add(row.line, format!("the {what} is empty; the row was skipped"));
            return None;
        }
        Some(body)
    }

    fn id_of(&self, row: &Row, problems: &mut Problems) -> Option<String> {
        let id = written(cell(row, self.places.id)).replace('\0', "").trim().to_owned();
        if id.chars().count() > MAX_ID_CHARS {
            problems.add(
                row.line,
                format!("the id is longer than {MAX_ID_CHARS} characters; it was left out"),
            );
            return None;
        }
        (!id.is_empty()).then_some(id)
    }

    fn split_of(&self, row: &Row, problems: &mut Problems) -> Option<Split> {
        let value = cell(row, self.places.split);
        if !is_filled(value) {
            return None;
        }
        let name = written(value);
        let split = Split::from_name(&name);
        if split.is_none() {
            let name: String = name.chars().take(40).collect();
            problems.add(
                row.line,
                format!("“{name}” is no split (train, validation, test); the text was imported without one"),
            );
        }
        split
    }

    fn labels_of(&self, row: &Row) -> labels::Labels {
        let mut all: Option<Vec<Vec<String>>> = None;
        let mut add = |labels: Option<Vec<Vec<String>>>| {
            let Some(labels) = labels else { return };
            let all = all.get_or_insert_default();
            for label in labels {
                if !all.contains(&label) {
                    all.push(label);
                }
            }
        };
        let separator = self.mapping.label_separator.as_deref();
        for (at, name) in &self.places.labels {
            let value = cell(row, Some(*at));
            if !self.mapping.one_label_per_column {
                add(labels::of_label_cell(value, separator)?);
            } else if is_filled(value) {
                let marked =
                    labels::flag(value).ok_or_else(|| format!("“{name}” is marked by something other than 0 and 1"))?;
                add(Some(if marked { vec![vec![name.clone()]] } else { Vec::new() }));
            }
        }
        if self.places.path.is_some() {
            add(labels::of_path_cell(
                cell(row, self.places.path),
                self.mapping.path_separator.as_deref(),
                separator,
            )?);
        }
        if !self.places.levels.is_empty() {
            let cells: Vec<&Value> = self.places.levels.iter().map(|at| cell(row, Some(*at))).collect();
            add(labels::of_level_cells(&cells)?);
        }
        match (self.options.task, all) {
            (Some(TaskKind::SingleLabel), Some(labels)) if labels.is_empty() => Ok(None),
            (Some(TaskKind::SingleLabel), Some(labels)) if labels.len() > 1 => {
                // A path beside its own beginnings is one answer.
                let goes_on = |path: &Vec<String>| labels.iter().any(|other| other != path && other.starts_with(path));
                let ends: Vec<_> = labels.iter().filter(|path| !goes_on(path)).cloned().collect();
                if ends.len() == 1 {
                    return Ok(Some(ends));
                }
                Err(format!("{} labels where the project takes one", labels.len()))
            }
            (_, all) => Ok(all),
        }
    }
}

impl Places {
    fn new(mapping: &Mapping, columns: &[ColumnStats]) -> Places {
        let place = |name: &String| columns.iter().position(|column| column.name == *name);
        Places {
            text: place(&mapping.text_column),
            second: mapping.second_column.as_ref().and_then(place),
            labels: mapping
                .label_columns
                .iter()
                .filter_map(|name| Some((place(name)?, name.clone())))
                .collect(),
            path: mapping.path_column.as_ref().and_then(place),
            levels: mapping.level_columns.iter().filter_map(place).collect(),
            split: mapping.split_column.as_ref().and_then(place),
            id: mapping.id_column.as_ref().and_then(place),
        }
    }
}

fn cell(row: &Row, at: Option<usize>) -> &Value {
    at.and_then(|at| row.cells.get(at)).unwrap_or(&Value::Null)
}

/// The file's size, when it is a file that can hold text.
fn check_file(path: &Path) -> Result<u64, ImportError> {
    let io_error = |source: std::io::Error| match source.kind() {
        std::io::ErrorKind::NotFound => ImportError::Missing { path: path.to_owned() },
        _ => ImportError::Io {
            source,
            path: path.to_owned(),
        },
    };
    let metadata = std::fs::metadata(path).map_err(io_error)?;
    if !metadata.is_file() {
        let what = if metadata.is_dir() {
            "a folder"
        } else {
            "a pipe or a device"
        };
        return Err(ImportError::NotAFile {
            what,
            path: path.to_owned(),
        });
    }
    if metadata.len() == 0 {
        return Err(ImportError::Empty { path: path.to_owned() });
    }
    let mut head = Vec::new();
    File::open(path)
        .and_then(|file| file.take(16).read_to_end(&mut head))
        .map_err(io_error)?;
    match BINARY.iter().find(|(magic, _)| head.starts_with(magic)) {
        Some((_, what)) => Err(ImportError::NotText {
            what,
            path: path.to_owned(),
        }),
        None => Ok(metadata.len()),
    }
}

fn find_encoding(path: &Path, options: &ReadOptions) -> Result<&'static Encoding, ImportError> {
    if let Some(name) = &options.encoding {
        return encoding::by_name(name);
    }
    let io_error = |source| ImportError::Io {
        source,
        path: path.to_owned(),
    };
    encoding::detect(&mut File::open(path).map_err(io_error)?).map_err(io_error)
}

/// The first characters, and what ends a line: `\r` only where there is no `\n`.
fn sample(path: &Path, encoding: &'static Encoding) -> Result<(Sample, u8), ImportError> {
    let mut input = Input::open(path, encoding, b'\n')?;
    while input.window().len() < SAMPLE_TEXT_BYTES && input.more()? {}
    let text = String::from_utf8_lossy(input.window()).into_owned();
    let newline = if text.contains('\r') && !text.contains('\n') {
        b'\r'
    } else {
        b'\n'
    };
    let extension = path
        .extension()
        .map(|extension| extension.to_string_lossy().to_lowercase())
        .unwrap_or_default();
    Ok((
        Sample {
            text,
            complete: input.at_end(),
            extension,
        },
        newline,
    ))
}

fn find_importer(sample: &Sample, options: &ReadOptions) -> Result<&'static Importer, ImportError> {
    if let Some(name) = &options.format {
        let wanted = name.to_lowercase();
        let found = IMPORTERS
            .iter()
            .find(|importer| importer.id == wanted || importer.extensions.contains(&wanted.as_str()));
        let known = || {
            IMPORTERS
                .iter()
                .map(|importer| importer.id)
                .collect::<Vec<_>>()
                .join(", ")
        };
        return found.ok_or_else(|| ImportError::UnknownFormat {
            name: name.clone(),
            known: known(),
        });
    }
    let best = IMPORTERS.iter().rev().max_by_key(|importer| (importer.sniff)(sample));
    best.ok_or_else(|| ImportError::UnknownFormat {
        name: String::new(),
        known: String::new(),
    })
}
