//! CSV in UTF-8, with a header, commas, and quotes where needed.

use std::io::Write;

use serde_json::Value;

use super::{Columns, Exporter, Record};

/// Registered in [`super::EXPORTERS`].
pub const EXPORTER: Exporter = Exporter {
    id: "csv",
    title: "CSV",
    extension: "csv",
    write,
};

fn write(records: &mut dyn Iterator<Item = Record>, columns: Columns, out: &mut dyn Write) -> std::io::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    let names = ["id", "text"]
        .into_iter()
        .chain(columns.pairs.then_some(Columns::SECOND));
    let others = [columns.labels.name(), "split", "who", "when", "how", "note"];
    writer.write_record(names.chain(others))?;
    for record in records {
        let labels = match columns.labels.value(record.labels) {
            Value::Null => String::new(),
            Value::String(name) => name,
            list => list.to_string(),
        };
        let words = [record.id.as_deref().unwrap_or_default(), &record.text];
        let second = columns.pairs.then(|| record.second.as_deref().unwrap_or_default());
        let words = words.into_iter().chain(second);
        writer.write_record(words.chain([
            labels.as_str(),
            record.split.unwrap_or_default(),
            record.who.as_deref().unwrap_or_default(),
            record.when.as_deref().unwrap_or_default(),
            record.how.unwrap_or_default(),
            &record.note,
        ]))?;
    }
    writer.flush()
}
