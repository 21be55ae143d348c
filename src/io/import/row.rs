//! Rows as a format yields them, before anyone knows which column is the text.

use serde_json::Value;

use super::{ImportError, problems::Problems};

/// One row: a cell for each column known so far, in the order of [`RowReader::columns`]; later cells may be missing.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Line where it begins, from 1.
    pub line: Option<u64>,
    /// `Null` where the row has nothing.
    pub cells: Vec<Value>,
}

/// Yields the rows of one file in order.
pub trait RowReader {
    /// The next row, `None` at the end. What cannot be read is added to `problems` and passed over.
    fn next_row(&mut self, problems: &mut Problems) -> Result<Option<Row>, ImportError>;
    /// Names of the columns met so far; only ever grows.
    fn columns(&self) -> &[String];
    /// How far the file has been read.
    fn bytes_read(&self) -> u64;
    /// Rows passed over so far because they could not be read.
    fn n_skipped(&self) -> u64;
    /// For delimited files: the delimiter and whether there is a header.
    fn dialect(&self) -> Option<(char, bool)> {
        None
    }
}

/// Columns by name, found while reading objects.
#[derive(Debug, Default)]
pub struct Columns {
    names: Vec<String>,
    index: std::collections::HashMap<String, usize>,
}

/// Objects with more different keys than this lose the rest.
const MAX_COLUMNS: usize = 2_000;

impl Columns {
    /// All names in order of first appearance.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The place of a column, added when new; `None` when there are too many.
    fn place(&mut self, name: &str) -> Option<usize> {
        if let Some(&at) = self.index.get(name) {
            return Some(at);
        }
        if self.names.len() >= MAX_COLUMNS {
            return None;
        }
        self.index.insert(name.to_owned(), self.names.len());
        self.names.push(name.to_owned());
        Some(self.names.len() - 1)
    }

    /// Lays the fields of an object out as cells.
    pub fn row(&mut self, line: Option<u64>, fields: Vec<(String, Value)>, problems: &mut Problems) -> Row {
        let mut cells = vec![Value::Null; self.names.len()];
        let mut n_lost = 0;
        for (name, value) in fields {
            match self.place(&name) {
                Some(at) if at < cells.len() => cells[at] = value,
                Some(_) => cells.push(value),
                None => n_lost += 1,
            }
        }
        if n_lost > 0 {
            problems.add(
                line,
                format!("{n_lost} fields beyond the first {MAX_COLUMNS} different names were left out"),
            );
        }
        Row { line, cells }
    }
}

/// The fields of a JSON object in the order written.
#[derive(Debug)]
pub struct Fields(pub Vec<(String, Value)>);

impl<'de> serde::Deserialize<'de> for Fields {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Fields;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object such as {\"text\": …}")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}
