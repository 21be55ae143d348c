//! Plain text: one text a line.

use serde_json::Value;

use super::{ImportError, Importer, Input, MAX_CELL_BYTES, Problems, ReadOptions, Row, RowReader, Sample};

/// Registered in [`super::IMPORTERS`].
pub const IMPORTER: Importer = Importer {
    id: "txt",
    title: "Plain text, one text a line",
    extensions: &["txt", "text"],
    sniff,
    open,
};

fn sniff(sample: &Sample) -> u8 {
    if matches!(sample.extension.as_str(), "txt" | "text") {
        70
    } else {
        10
    }
}

fn open(input: Input, _: &Sample, options: &ReadOptions) -> Result<Box<dyn RowReader>, ImportError> {
    Ok(Box::new(LineReader {
        input,
        columns: ["text".to_owned()],
        keep_empty: options.keep_empty,
        n_skipped: 0,
    }))
}

struct LineReader {
    input: Input,
    columns: [String; 1],
    keep_empty: bool,
    n_skipped: u64,
}

impl RowReader for LineReader {
    fn next_row(&mut self, problems: &mut Problems) -> Result<Option<Row>, ImportError> {
        loop {
            let line = self.input.next_line(MAX_CELL_BYTES)?;
            self.input.report_bad_bytes(problems);
            let Some(line) = line else { return Ok(None) };
            match line.text {
                Some(text) if text.trim().is_empty() && !self.keep_empty => {}
                Some(text) => {
                    return Ok(Some(Row {
                        line: Some(line.line),
                        cells: vec![Value::String(text)],
                    }));
                }
                None => {
                    self.n_skipped += 1;
                    problems.add(Some(line.line), "the line is longer than 10 MB; it was skipped");
                }
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
}
