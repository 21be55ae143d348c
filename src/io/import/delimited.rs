//! Tables with a delimiter between cells: CSV, TSV and their relatives.
//!
//! The reader is our own rather than the `csv` crate's because one forgotten quote must cost one line, not the rest of the file,
//! memory must stay bounded when it happens, and problems need the line a row begins at.

use serde_json::Value;

use super::columns::is_usual;
use super::{ImportError, Importer, Input, Problems, ReadOptions, Row, RowReader, Sample};

/// Registered in [`super::IMPORTERS`].
pub const IMPORTER: Importer = Importer {
    id: "csv",
    title: "CSV, TSV and other tables",
    extensions: &["csv", "tsv", "tab", "psv"],
    sniff,
    open,
};

/// Tried in this order; the order decides between equals.
const DELIMITERS: [u8; 4] = *b",;\t|";

/// A row that is not complete after this many bytes has an unclosed quote, or no end.
const MAX_ROW_BYTES: usize = 64 << 20;

/// Rows that delimiter and header are judged by.
const N_JUDGED_ROWS: usize = 200;

fn sniff(sample: &Sample) -> u8 {
    if matches!(sample.extension.as_str(), "csv" | "tsv" | "tab" | "psv") {
        return 90;
    }
    match best_delimiter(sample) {
        Some((_, fit)) if fit > 0.9 && sample.extension != "txt" => 50,
        _ => 0,
    }
}

fn open(input: Input, sample: &Sample, options: &ReadOptions) -> Result<Box<dyn RowReader>, ImportError> {
    let delimiter = match options.delimiter {
        Some(delimiter) if delimiter.is_ascii() && !matches!(delimiter, '"' | '\n' | '\r' | '\0') => delimiter as u8,
        Some(delimiter) => return Err(ImportError::BadDelimiter { delimiter }),
        None => match best_delimiter(sample) {
            Some((delimiter, _)) => delimiter,
            None => absent_delimiter(sample),
        },
    };
    let first_rows = sample_rows(sample, delimiter);
    let has_header = options.has_header.unwrap_or_else(|| looks_like_header(&first_rows));
    let n_columns = if has_header {
        first_rows.first().map_or(0, Vec::len)
    } else {
        usual_width(&first_rows)
    };
    let names = match first_rows.into_iter().next() {
        Some(header) if has_header => header,
        _ => vec![String::new(); n_columns],
    };
    let mut reader = Delimited {
        input,
        delimiter,
        has_header,
        columns: Vec::new(),
        renamed: Vec::new(),
        n_skipped: 0,
        begun: false,
    };
    reader.name_columns(names);
    Ok(Box::new(reader))
}

fn default_delimiter(sample: &Sample) -> u8 {
    match sample.extension.as_str() {
        "tsv" | "tab" => b'\t',
        "psv" => b'|',
        _ => b',',
    }
}

/// For a file of one column: the usual delimiter, or one that does not occur, so that a comma inside a text divides nothing.
fn absent_delimiter(sample: &Sample) -> u8 {
    let usual = default_delimiter(sample);
    let one_column = |delimiter: &u8| sample_rows(sample, *delimiter).iter().all(|row| row.len() == 1);
    let has_one_name = sample_rows(sample, usual)
        .first()
        .is_some_and(|header| header.len() == 1);
    if !has_one_name {
        return usual;
    }
    std::iter::once(usual)
        .chain(DELIMITERS)
        .find(one_column)
        .unwrap_or(usual)
}

/// The delimiter under which most rows have as many cells as the first, at least two, with the share that do.
fn best_delimiter(sample: &Sample) -> Option<(u8, f64)> {
    let mut best: Option<(u8, f64)> = None;
    for delimiter in DELIMITERS {
        let rows = sample_rows(sample, delimiter);
        let width = rows.first().map_or(0, Vec::len);
        if width < 2 {
            continue;
        }
        let share = rows.iter().filter(|row| row.len() == width).count() as f64 / rows.len() as f64;
        let named = rows
            .first()
            .is_some_and(|header| header.iter().any(|name| is_usual(name)));
        let usual = delimiter == default_delimiter(sample) && sample.extension != "csv";
        let fit = share + if named { 0.3 } else { 0.0 } + if usual { 0.2 } else { 0.0 };
        if share >= 0.6 && best.is_none_or(|(_, known)| fit > known + 1e-9) {
            best = Some((delimiter, fit));
        }
    }
    best
}

fn sample_rows(sample: &Sample, delimiter: u8) -> Vec<Vec<String>> {
    let cr_only = !sample.text.contains('\n');
    let mut rest = sample.text.as_bytes();
    let mut rows = Vec::new();
    while !rest.is_empty() && rows.len() < N_JUDGED_ROWS {
        let row = parse_row(rest, sample.complete, delimiter, cr_only, true);
        let row = match row {
            Parsed::Row(row) if !row.is_suspicious() => row,
            Parsed::Row(_) | Parsed::Unclosed => match parse_row(rest, sample.complete, delimiter, cr_only, false) {
                Parsed::Row(row) => row,
                Parsed::More | Parsed::Unclosed => break,
            },
            Parsed::More => break,
        };
        rest = rest.get(row.n_bytes..).unwrap_or_default();
        if !row.is_blank() {
            rows.push(row.cells);
        }
    }
    rows
}

fn usual_width(rows: &[Vec<String>]) -> usize {
    let mut counts = std::collections::BTreeMap::new();
    for row in rows {
        *counts.entry(row.len()).or_insert(0) += 1;
    }
    counts
        .into_iter()
        .max_by_key(|(_, count)| *count)
        .map_or(0, |(width, _)| width)
}

/// Whether the first row names the columns rather than being one of them.
fn looks_like_header(rows: &[Vec<String>]) -> bool {
    let Some((header, rest)) = rows.split_first() else {
        return false;
    };
    let is_number = |cell: &str| cell.trim().parse::<f64>().is_ok();
    let is_name = |cell: &String| cell.chars().count() <= 80 && !cell.contains('\n') && !is_number(cell);
    if !header.iter().all(is_name) || header.iter().all(|cell| cell.trim().is_empty()) {
        return false;
    }
    if header.iter().any(|name| is_usual(name)) {
        return true;
    }
    let column = |at: usize| {
        rest.iter()
            .filter_map(move |row| row.get(at))
            .filter(|cell| !cell.is_empty())
    };
    let repeats = header
        .iter()
        .enumerate()
        .any(|(at, name)| column(at).any(|cell| cell == name));
    if rest.is_empty() || repeats {
        return false;
    }
    header.iter().enumerate().any(|(at, name)| {
        let n = column(at).count();
        let all_numbers = n > 0 && column(at).all(|cell| is_number(cell));
        let mean_chars = column(at).map(|cell| cell.chars().count()).sum::<usize>() as f64 / n.max(1) as f64;
        let short = name.split_whitespace().count() <= 3 && (name.chars().count() as f64) < mean_chars / 3.0;
        all_numbers || (header.len() > 1 && mean_chars >= 30.0 && short)
    })
}

struct Delimited {
    input: Input,
    delimiter: u8,
    has_header: bool,
    columns: Vec<String>,
    /// Names that occur twice in the header.
    renamed: Vec<String>,
    n_skipped: u64,
    begun: bool,
}

impl Delimited {
    /// Empty names become "column 3"; repeated ones "name (2)".
    fn name_columns(&mut self, names: Vec<String>) {
        for (at, name) in names.into_iter().enumerate() {
            let name = if name.trim().is_empty() {
                format!("column {}", at + 1)
            } else {
                name.trim().to_owned()
            };
            let mut unique = name.clone();
            let mut n = 1;
            while self.columns.contains(&unique) {
                n += 1;
                unique = format!("{name} ({n})");
            }
            if n > 1 {
                self.renamed.push(name);
            }
            self.columns.push(unique);
        }
    }

    fn next_cells(&mut self, problems: &mut Problems) -> Result<Option<(u64, Vec<String>)>, ImportError> {
        let mut quoting = true;
        loop {
            let line = self.input.line();
            let window = self.input.window();
            if window.is_empty() && !self.input.more()? {
                return Ok(None);
            }
            let window = self.input.window();
            if window.is_empty() {
                continue;
            }
            let cr_only = self.input.newline() == b'\r';
            match parse_row(window, self.input.at_end(), self.delimiter, cr_only, quoting) {
                Parsed::Row(row) if row.is_suspicious() => quoting = false,
                Parsed::Row(row) => {
                    self.input.consume(row.n_bytes);
                    if !quoting {
                        problems.add(
                            Some(line),
                            "a quote is opened and not closed; the line was read with the quote as it stands",
                        );
                    }
                    return Ok(Some((line, row.cells)));
                }
                Parsed::Unclosed => quoting = false,
                Parsed::More if window.len() <= MAX_ROW_BYTES => {
                    self.input.more()?;
                }
                Parsed::More if quoting => quoting = false,
                Parsed::More => {
                    self.n_skipped += 1;
                    problems.add(Some(line), "the line is longer than 64 MB; it was skipped");
                    self.input.next_line(0)?;
                    quoting = true;
                }
            }
        }
    }

    /// Brings a row to the width of the table; `None` when it cannot be told which cell is which.
    fn fit(&mut self, line: u64, mut cells: Vec<String>, problems: &mut Problems) -> Option<Vec<String>> {
        let width = self.columns.len();
        if cells.len() > width && cells.iter().skip(width).all(|cell| cell.trim().is_empty()) {
            cells.truncate(width);
        }
        let n = cells.len();
        if n > width {
            self.n_skipped += 1;
            problems.add(
                Some(line),
                format!("the row has {n} cells where {width} are expected; it was skipped. Is the delimiter inside a text without quotes?"),
            );
            return None;
        }
        if n < width {
            problems.add(
                Some(line),
                format!("the row has {n} cells where {width} are expected; the missing ones were read as empty"),
            );
        }
        Some(cells)
    }
}

impl RowReader for Delimited {
    fn next_row(&mut self, problems: &mut Problems) -> Result<Option<Row>, ImportError> {
        loop {
            let next = self.next_cells(problems)?;
            self.input.report_bad_bytes(problems);
            let Some((line, cells)) = next else { return Ok(None) };
            if cells.iter().all(|cell| cell.trim().is_empty()) && cells.len() <= 1 {
                continue;
            }
            if !std::mem::replace(&mut self.begun, true) && self.has_header {
                for name in std::mem::take(&mut self.renamed) {
                    problems.add(
                        Some(line),
                        format!("two columns are named “{name}”; the later one is called “{name} (2)” here"),
                    );
                }
                continue;
            }
            if let Some(cells) = self.fit(line, cells, problems) {
                return Ok(Some(Row {
                    line: Some(line),
                    cells: cells.into_iter().map(Value::String).collect(),
                }));
            }
        }
    }

    fn columns(&self) -> &[String] {
        &self.columns
    }

    fn bytes_read(&self) -> u64 {
        self.input.bytes_read()
    }

    fn n_skipped(&self) -> u64 {
        self.n_skipped
    }

    fn dialect(&self) -> Option<(char, bool)> {
        Some((self.delimiter as char, self.has_header))
    }
}

enum Parsed {
    Row(ParsedRow),
    /// The window ends within the row and the file does not.
    More,
    /// The file ends within quotes.
    Unclosed,
}

struct ParsedRow {
    cells: Vec<String>,
    n_bytes: usize,
    /// A quoted cell runs over more than one line.
    many_lines: bool,
    /// Something follows a closing quote.
    junk: bool,
}

impl ParsedRow {
    /// A quoted cell over several lines that ends in the middle of a cell: its first quote was a lone one.
    fn is_suspicious(&self) -> bool {
        self.many_lines && self.junk
    }

    fn is_blank(&self) -> bool {
        self.cells.len() <= 1 && self.cells.iter().all(|cell| cell.trim().is_empty())
    }
}

/// Parses one row from the start of `window`. Quotes count only where a cell begins (RFC 4180), and not at all without `quoting`.
fn parse_row(window: &[u8], at_end: bool, delimiter: u8, cr_only: bool, quoting: bool) -> Parsed {
    let end = if cr_only { b'\r' } else { b'\n' };
    let is_end = |byte: u8| byte == b'\n' || byte == end;
    let mut row = ParsedRow {
        cells: Vec::new(),
        n_bytes: 0,
        many_lines: false,
        junk: false,
    };
    let mut at = 0;
    loop {
        let mut cell = Vec::new();
        let quoted = quoting && window.get(at) == Some(&b'"');
        if quoted {
            at += 1;
            loop {
                let rest = window.get(at..).unwrap_or_default();
                let Some(n) = memchr::memchr(b'"', rest) else {
                    return if at_end { Parsed::Unclosed } else { Parsed::More };
                };
                let (inside, after) = rest.split_at(n);
                row.many_lines |= memchr::memchr2(b'\n', end, inside).is_some();
                cell.extend_from_slice(inside);
                at += n + 1;
                match after.get(1) {
                    Some(b'"') => {
                        cell.push(b'"');
                        at += 1;
                    }
                    None if !at_end => return Parsed::More,
                    _ => break,
                }
            }
        }
        let rest = window.get(at..).unwrap_or_default();
        let n = memchr::memchr3(delimiter, b'\n', end, rest);
        if n.is_none() && !at_end {
            return Parsed::More;
        }
        let mut plain = rest.get(..n.unwrap_or(rest.len())).unwrap_or_default();
        let ends_row = n.and_then(|n| rest.get(n)).is_none_or(|byte| is_end(*byte));
        if ends_row && !cr_only {
            plain = plain.strip_suffix(b"\r").unwrap_or(plain);
        }
        row.junk |= quoted && !plain.iter().all(u8::is_ascii_whitespace);
        if !quoted || row.junk {
            cell.extend_from_slice(plain);
        }
        row.cells.push(
            String::from_utf8(cell).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()),
        );
        at += n.map_or(rest.len(), |n| n + 1);
        if ends_row {
            row.n_bytes = at;
            return Parsed::Row(row);
        }
    }
}
