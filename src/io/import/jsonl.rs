//! JSON lines: one object a line.

use serde_json::Value;

use super::label_studio;
use super::row::{Columns, Fields};
use super::{ImportError, Importer, Input, Problems, ReadOptions, Row, RowReader, Sample};

/// Registered in [`super::IMPORTERS`].
pub const IMPORTER: Importer = Importer {
    id: "jsonl",
    title: "JSON lines",
    extensions: &["jsonl", "ndjson"],
    sniff,
    open,
};

/// The longest line that is parsed, in bytes.
pub const MAX_LINE_BYTES: usize = 64 << 20;

fn sniff(sample: &Sample) -> u8 {
    let lines: Vec<&str> = sample.whole_lines().take(20).collect();
    let n_objects = lines
        .iter()
        .filter(|line| serde_json::from_str::<Fields>(line).is_ok())
        .count();
    let by_name = if matches!(sample.extension.as_str(), "jsonl" | "ndjson") {
        60
    } else {
        0
    };
    let by_content = match n_objects {
        0 => 0,
        1 if lines.len() == 1 => 40,
        n => 40 + 40 * n / lines.len(),
    };
    (by_name + by_content).min(100) as u8
}

fn open(input: Input, _: &Sample, _: &ReadOptions) -> Result<Box<dyn RowReader>, ImportError> {
    Ok(Box::new(JsonLines {
        input,
        columns: Columns::default(),
        n_skipped: 0,
    }))
}

struct JsonLines {
    input: Input,
    columns: Columns,
    n_skipped: u64,
}

impl RowReader for JsonLines {
    fn next_row(&mut self, problems: &mut Problems) -> Result<Option<Row>, ImportError> {
        loop {
            let line = self.input.next_line(MAX_LINE_BYTES)?;
            self.input.report_bad_bytes(problems);
            let Some(line) = line else { return Ok(None) };
            let at = Some(line.line);
            let Some(text) = line.text else {
                self.n_skipped += 1;
                problems.add(at, "the line is longer than 64 MB; it was skipped");
                continue;
            };
            if text.trim().is_empty() {
                continue;
            }
            match fields_of(&text) {
                Ok(fields) => return Ok(Some(self.columns.row(at, fields, problems))),
                Err(reason) => {
                    self.n_skipped += 1;
                    problems.add(at, format!("{reason}; the line was skipped"));
                }
            }
        }
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

/// The fields of one record; a bare string counts as `{"text": …}`.
pub fn fields_of(json: &str) -> Result<Vec<(String, Value)>, String> {
    if json.trim_start().starts_with('"') {
        let text = serde_json::from_str::<String>(json).map_err(|error| json_error(&error))?;
        return Ok(vec![("text".to_owned(), Value::String(text))]);
    }
    serde_json::from_str::<Fields>(json)
        .map(|fields| label_studio::flattened(fields.0))
        .map_err(|error| json_error(&error))
}

/// The parser's reason without the line, which it counts within the record.
fn json_error(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let reason = message.split(" at line ").next().unwrap_or_default();
    match error.classify() {
        serde_json::error::Category::Data => format!("not a record ({reason})"),
        _ => format!("not valid JSON ({reason} at character {})", error.column()),
    }
}
