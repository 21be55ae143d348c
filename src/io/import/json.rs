//! JSON documents: an array of objects, read piece by piece, or one object with a column per key.

use std::collections::VecDeque;

use serde_json::Value;

use super::jsonl::{MAX_LINE_BYTES, fields_of};
use super::row::{Columns, Fields};
use super::{ImportError, Importer, Input, Problems, ReadOptions, Row, RowReader, Sample};

/// Registered in [`super::IMPORTERS`].
pub const IMPORTER: Importer = Importer {
    id: "json",
    title: "JSON",
    extensions: &["json"],
    sniff,
    open,
};

/// The longest document that is one object, in bytes: it is held in memory.
const MAX_OBJECT_BYTES: usize = 128 << 20;

fn sniff(sample: &Sample) -> u8 {
    let by_name = if sample.extension == "json" { 40 } else { 0 };
    match sample.text.trim_start().bytes().next() {
        Some(b'{' | b'[') => by_name + 35,
        _ => by_name,
    }
}

fn open(input: Input, _: &Sample, _: &ReadOptions) -> Result<Box<dyn RowReader>, ImportError> {
    let mut reader = JsonReader {
        input,
        columns: Columns::default(),
        n_skipped: 0,
        mode: Mode::Objects,
        held: VecDeque::new(),
        unreported: None,
    };
    reader.begin()?;
    Ok(Box::new(reader))
}

enum Mode {
    /// Inside the top array.
    Array,
    /// Objects one after the other.
    Objects,
    /// Nothing more to read from the file.
    Ended,
}

struct JsonReader {
    input: Input,
    columns: Columns,
    n_skipped: u64,
    mode: Mode,
    /// Rows of a document that is one object, or the first of several objects.
    held: VecDeque<Record>,
    /// What was wrong with the first of several objects.
    unreported: Option<(u64, String)>,
}

/// Where a record begins, and its fields.
type Record = (Option<u64>, Vec<(String, Value)>);

#[derive(PartialEq)]
enum Kind {
    Nested,
    Text,
    /// A number, `true`, `null` or nonsense.
    Bare,
}

/// Follows one value byte by byte to its end.
struct Scan {
    kind: Kind,
    depth: usize,
    in_string: bool,
    escaped: bool,
}

enum Step {
    Inside,
    EndsBefore,
    EndsAfter,
    Broken,
}

impl Scan {
    fn new(first: Option<u8>) -> Self {
        let kind = match first {
            Some(b'{' | b'[') => Kind::Nested,
            Some(b'"') => Kind::Text,
            _ => Kind::Bare,
        };
        Scan {
            kind,
            depth: 0,
            in_string: false,
            escaped: false,
        }
    }

    fn step(&mut self, byte: u8) -> Step {
        if self.in_string {
            return self.step_in_string(byte);
        }
        match (byte, &self.kind) {
            (b'"', Kind::Nested | Kind::Text) => self.in_string = true,
            (b'{' | b'[', Kind::Nested) => self.depth += 1,
            (b'}' | b']', Kind::Nested) => {
                self.depth -= 1;
                if self.depth == 0 {
                    return Step::EndsAfter;
                }
            }
            (b',' | b']' | b'}', Kind::Bare) => return Step::EndsBefore,
            (byte, Kind::Bare) if byte.is_ascii_whitespace() => return Step::EndsBefore,
            _ => {}
        }
        Step::Inside
    }

    fn step_in_string(&mut self, byte: u8) -> Step {
        match byte {
            b'\n' => return Step::Broken,
            _ if self.escaped => self.escaped = false,
            b'\\' => self.escaped = true,
            b'"' => {
                self.in_string = false;
                if self.kind == Kind::Text {
                    return Step::EndsAfter;
                }
            }
            _ => {}
        }
        Step::Inside
    }
}

/// How an element ended.
enum Element {
    /// Its bytes are the first so many of the window.
    Whole(usize),
    /// Longer than allowed; it has been consumed.
    TooLong,
    /// A string runs over the end of its line; consumed up to what looks like the next element.
    Broken,
    /// The file ends inside it; consumed.
    CutOff,
}

impl JsonReader {
    fn begin(&mut self) -> Result<(), ImportError> {
        match self.peek(b"")? {
            Some(b'[') => {
                self.input.consume(1);
                self.mode = Mode::Array;
                Ok(())
            }
            Some(b'{') => self.begin_object(),
            Some(_) => Err(shape("it begins with neither [ nor {")),
            None => {
                self.mode = Mode::Ended;
                Ok(())
            }
        }
    }

    fn begin_object(&mut self) -> Result<(), ImportError> {
        let line = self.input.line();
        let n = match self.element(MAX_OBJECT_BYTES)? {
            Element::Whole(n) => n,
            Element::TooLong => {
                return Err(ImportError::JsonTooLarge {
                    bytes: self.input.bytes_total()?,
                    limit: MAX_OBJECT_BYTES as u64,
                });
            }
            Element::Broken => return Err(shape("a string is not closed on its line")),
            Element::CutOff => return Err(shape("the file ends inside the object")),
        };
        let text = self.take(n);
        let parsed = serde_json::from_str::<Fields>(&text);
        let several = self.peek(b",")? == Some(b'{');
        match parsed {
            Ok(Fields(fields)) if several => self.held.push_back((Some(line), fields)),
            Ok(Fields(fields)) => {
                self.mode = Mode::Ended;
                self.held = rows_of_object(line, fields)?;
            }
            Err(error) if several => {
                self.n_skipped += 1;
                self.unreported = Some((line, format!("not valid JSON ({error}); the record was skipped")));
            }
            Err(error) => return Err(shape(format!("not valid JSON: {error}"))),
        }
        Ok(())
    }

    /// The next byte that is neither white space nor one of `skip`, left in place.
    fn peek(&mut self, skip: &[u8]) -> Result<Option<u8>, ImportError> {
        loop {
            let window = self.input.window();
            let blank = window
                .iter()
                .take_while(|byte| byte.is_ascii_whitespace() || skip.contains(byte))
                .count();
            let next = window.get(blank).copied();
            self.input.consume(blank);
            if next.is_some() || !self.input.more()? {
                return Ok(next);
            }
        }
    }

    fn take(&mut self, n: usize) -> String {
        let text = String::from_utf8_lossy(self.input.window().get(..n).unwrap_or_default()).into_owned();
        self.input.consume(n);
        text
    }

    /// Finds the end of the value that the window begins with.
    fn element(&mut self, limit: usize) -> Result<Element, ImportError> {
        let mut scan = Scan::new(self.input.window().first().copied());
        let (mut at, mut too_long) = (0, false);
        loop {
            loop {
                if scan.in_string && !scan.escaped {
                    // Long texts are most of a file: go to the next byte that matters.
                    let rest = self.input.window().get(at..).unwrap_or_default();
                    at += memchr::memchr3(b'"', b'\\', b'\n', rest).unwrap_or(rest.len());
                }
                let Some(&byte) = self.input.window().get(at) else {
                    break;
                };
                let end = match scan.step(byte) {
                    Step::Inside => None,
                    Step::EndsBefore => Some(at),
                    Step::EndsAfter => Some(at + 1),
                    Step::Broken => return self.skip_broken(at),
                };
                match end {
                    Some(n) if too_long || n > limit => {
                        self.input.consume(n);
                        return Ok(Element::TooLong);
                    }
                    Some(n) => return Ok(Element::Whole(n)),
                    None => at += 1,
                }
            }
            if at > limit {
                too_long = true;
                self.input.consume(at);
                at = 0;
            }
            if !self.input.more()? {
                if scan.kind == Kind::Bare && !too_long {
                    return Ok(Element::Whole(at));
                }
                self.input.consume(at);
                return Ok(if too_long { Element::TooLong } else { Element::CutOff });
            }
        }
    }

    /// Continues at the next line that begins an object.
    fn skip_broken(&mut self, at: usize) -> Result<Element, ImportError> {
        self.input.consume(at + 1);
        while let Some(byte) = self.peek(b",")? {
            if byte == b'{' {
                break;
            }
            self.input.next_line(0)?;
        }
        Ok(Element::Broken)
    }

    fn next_element(&mut self, problems: &mut Problems) -> Result<Option<Record>, ImportError> {
        loop {
            match (self.peek(b",")?, &self.mode) {
                (_, Mode::Ended) => return Ok(None),
                (None, Mode::Array) => {
                    self.mode = Mode::Ended;
                    problems.add(
                        Some(self.input.line()),
                        "the array is not closed, the file may be cut off; what it holds was read",
                    );
                    return Ok(None);
                }
                (None, Mode::Objects) => return Ok(None),
                (Some(b']'), Mode::Array) => {
                    self.input.consume(1);
                    self.mode = Mode::Ended;
                    if self.peek(b"")?.is_some() {
                        problems.add(
                            Some(self.input.line()),
                            "what follows the end of the array was not read",
                        );
                    }
                    return Ok(None);
                }
                (Some(_), _) => {}
            }
            let line = Some(self.input.line());
            let reason = match self.element(MAX_LINE_BYTES)? {
                Element::Whole(0) => {
                    // A stray bracket: nothing begins with it.
                    self.input.consume(1);
                    "not valid JSON (a bracket that closes nothing)".to_owned()
                }
                Element::Whole(n) => match fields_of(&self.take(n)) {
                    Ok(fields) => return Ok(Some((line, fields))),
                    Err(reason) => reason,
                },
                Element::TooLong => "the record is longer than 64 MB".to_owned(),
                Element::Broken => "not valid JSON (a string is not closed on its line)".to_owned(),
                Element::CutOff => "the file ends inside this record".to_owned(),
            };
            self.n_skipped += 1;
            problems.add(line, format!("{reason}; the record was skipped"));
        }
    }
}

impl RowReader for JsonReader {
    fn next_row(&mut self, problems: &mut Problems) -> Result<Option<Row>, ImportError> {
        if let Some((line, message)) = self.unreported.take() {
            problems.add(Some(line), message);
        }
        let next = match self.held.pop_front() {
            Some(held) => Some(held),
            None => self.next_element(problems)?,
        };
        self.input.report_bad_bytes(problems);
        Ok(next.map(|(line, fields)| self.columns.row(line, fields, problems)))
    }

    fn columns(&self) -> &[String] {
        self.columns.names()
    }

    fn bytes_read(&self) -> u64 {
        self.input.bytes_read()
    }

    fn n_skipped(&self) -> u64 {
        self.n_skipped
    }
}

/// One object as rows: arrays are columns (as are objects keyed by row), a single array of objects is the rows, anything else is one row.
fn rows_of_object(line: u64, fields: Vec<(String, Value)>) -> Result<VecDeque<Record>, ImportError> {
    let is_record = |value: &Value| matches!(value, Value::Object(_));
    let n_tables = fields
        .iter()
        .filter(|(_, value)| matches!(value, Value::Array(items) if items.iter().any(is_record)))
        .count();
    if n_tables == 1 {
        let table = fields.into_iter().find_map(|(_, value)| match value {
            Value::Array(items) if items.iter().any(is_record) => Some(items),
            _ => None,
        });
        let rows = table.into_iter().flatten().map(|item| match item {
            Value::Object(fields) => (None, fields.into_iter().collect()),
            other => (None, vec![("text".to_owned(), other)]),
        });
        return Ok(rows.collect());
    }
    let all_columns = fields.len() > 1 && fields.iter().all(|(_, value)| value.is_array() || value.is_object());
    let one_column = fields.len() == 1 && fields.iter().all(|(_, value)| value.is_array() || value.is_object());
    if !(all_columns || one_column) {
        if fields.iter().any(|(_, value)| value.is_string()) {
            return Ok(VecDeque::from([(Some(line), fields)]));
        }
        return Err(shape("one object whose values are neither columns nor a text"));
    }
    let n_rows = fields.iter().map(|(_, value)| column_len(value)).max().unwrap_or(0);
    if fields.iter().any(|(_, value)| column_len(value) != n_rows) {
        return Err(shape("its columns have different lengths"));
    }
    let mut rows: VecDeque<_> = (0..n_rows).map(|_| (None, Vec::with_capacity(fields.len()))).collect();
    for (name, column) in fields {
        let cells: Vec<Value> = match column {
            Value::Array(cells) => cells,
            Value::Object(keyed) => in_row_order(keyed),
            _ => Vec::new(),
        };
        for (row, cell) in rows.iter_mut().zip(cells) {
            row.1.push((name.clone(), cell));
        }
    }
    Ok(rows)
}

fn column_len(column: &Value) -> usize {
    match column {
        Value::Array(cells) => cells.len(),
        Value::Object(keyed) => keyed.len(),
        _ => 0,
    }
}

/// Cells keyed "0", "1", … in the order of their numbers, others after them in their own order.
fn in_row_order(keyed: serde_json::Map<String, Value>) -> Vec<Value> {
    let mut cells: Vec<(String, Value)> = keyed.into_iter().collect();
    cells.sort_by(|(a, _), (b, _)| {
        let number = |key: &str| key.parse::<u64>().unwrap_or(u64::MAX);
        number(a).cmp(&number(b)).then_with(|| a.cmp(b))
    });
    cells.into_iter().map(|(_, cell)| cell).collect()
}

fn shape(reason: impl Into<String>) -> ImportError {
    ImportError::JsonShape { reason: reason.into() }
}
