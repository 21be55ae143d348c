//! JSON lines: one object a text; what is unknown is null.

use std::io::Write;

use serde::Serialize;

use super::{Columns, Exporter, Record};

/// Registered in [`super::EXPORTERS`].
pub const EXPORTER: Exporter = Exporter {
    id: "jsonl",
    title: "JSON lines",
    extension: "jsonl",
    write,
};

fn write(records: &mut dyn Iterator<Item = Record>, columns: Columns, out: &mut dyn Write) -> std::io::Result<()> {
    for record in records {
        serde_json::to_writer(
            &mut *out,
            &Line {
                columns,
                record: &record,
            },
        )?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

struct Line<'a> {
    columns: Columns,
    record: &'a Record,
}

impl Serialize for Line<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        let record = self.record;
        let mut map = serializer.serialize_map(Some(8 + usize::from(self.columns.pairs)))?;
        map.serialize_entry("id", &record.id)?;
        map.serialize_entry("text", &record.text)?;
        if self.columns.pairs {
            map.serialize_entry(Columns::SECOND, &record.second)?;
        }
        let column = self.columns.labels;
        map.serialize_entry(column.name(), &column.value(record.labels.clone()))?;
        map.serialize_entry("split", &record.split)?;
        map.serialize_entry("who", &record.who)?;
        map.serialize_entry("when", &record.when)?;
        map.serialize_entry("how", &record.how)?;
        map.serialize_entry("note", &record.note)?;
        map.end()
    }
}
