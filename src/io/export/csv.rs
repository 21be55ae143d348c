//! CSV in UTF-8, with a header, commas, and quotes where needed.

use std::io::Write;

use serde_json::Value;

use super::{Exporter, LabelColumn, Record};

/// Registered in [`super::EXPORTERS`].
pub const EXPORTER: Exporter = Exporter {
    id: "csv",
    title: "CSV",
    extension: "csv",
    write,
};

fn write(records: &mut dyn Iterator<Item = Record>, column: LabelColumn, out: &mut dyn Write) -> std::io::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(["id", "text", column.name(), "split", "who", "when", "how", "note"])?;
    for record in records {
        let labels = match column.value(record.labels) {
            Value::Null => String::new(),
            Value::String(name) => name,
            list => list.to_string(),
        };
        writer.write_record([
            record.id.as_deref().unwrap_or_default(),
            &record.text,
            &labels,
            record.split.unwrap_or_default(),
            record.who.as_deref().unwrap_or_default(),
            record.when.as_deref().unwrap_or_default(),
            record.how.unwrap_or_default(),
            &record.note,
        ])?;
    }
    writer.flush()
}
