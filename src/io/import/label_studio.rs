//! What Label Studio exports: tasks with annotations (JSON), and columns named by the control (JSON_MIN).
//!
//! A taxonomy's answer is a list of paths, a choice's a list of names (of paths, where choices are nested). Of several annotations of a
//! task the ground truth counts, else the first that was not cancelled.

use serde_json::{Map, Value};

use super::labels;

/// The fields of a record: of a task of Label Studio its data with `id` and `path`, of anything else what is there.
pub fn flattened(fields: Vec<(String, Value)>) -> Vec<(String, Value)> {
    let is_task = |name: &str, value: &Value| (name == "annotations" || name == "completions") && value.is_array();
    let is_of_it = fields.iter().any(|(name, value)| name == "data" && value.is_object())
        && fields.iter().any(|(name, value)| is_task(name, value));
    if !is_of_it {
        return fields;
    }
    let (mut out, mut id, mut path) = (Vec::new(), None, Value::Null);
    for (name, value) in fields {
        match (name.as_str(), value) {
            ("id", value) => id = Some(value),
            ("data", Value::Object(data)) => out.extend(data),
            ("annotations" | "completions", Value::Array(annotations)) => path = answer(&annotations),
            _ => {}
        }
    }
    if let Some(id) = id.filter(|_| !out.iter().any(|(name, _)| name == "id")) {
        out.push(("id".to_owned(), id));
    }
    out.retain(|(name, _)| name != "path");
    out.push(("path".to_owned(), path));
    out
}

/// The paths of the annotation that counts; `Null` where nobody has answered.
fn answer(annotations: &[Value]) -> Value {
    let is = |annotation: &&Value, what: &str| annotation.get(what).and_then(Value::as_bool) == Some(true);
    let mut counting = annotations.iter().filter(|annotation| !is(annotation, "was_cancelled"));
    let truth = annotations.iter().find(|annotation| is(annotation, "ground_truth"));
    let Some(annotation) = truth.or_else(|| counting.next()) else {
        return Value::Null;
    };
    let results = annotation.get("result").and_then(Value::as_array);
    let values = results.into_iter().flatten().filter_map(|result| result.get("value"));
    let lists = values.filter_map(Value::as_object).filter_map(list_of);
    let paths: Vec<Value> = lists.flatten().map(as_path).collect();
    if paths.is_empty() {
        Value::Null
    } else {
        Value::Array(paths)
    }
}

fn list_of(value: &Map<String, Value>) -> Option<&Vec<Value>> {
    ["taxonomy", "choices"]
        .iter()
        .find_map(|kind| value.get(*kind)?.as_array())
}

fn as_path(item: &Value) -> Value {
    match item {
        Value::Array(_) => item.clone(),
        name => Value::Array(vec![name.clone()]),
    }
}

/// The paths of a cell as JSON_MIN writes it, `[{"taxonomy": [["a", "b"]]}]` or `{"choices": ["a", "b"]}`, also where it is written out in a
/// string; `None`: it is another cell.
pub fn paths_in(cell: &Value) -> Option<Result<Vec<Vec<String>>, String>> {
    let parsed;
    let cell = match cell {
        Value::String(text) if text.contains("\"taxonomy\"") || text.contains("\"choices\"") => {
            parsed = serde_json::from_str(text).ok()?;
            &parsed
        }
        other => other,
    };
    let objects: Vec<&Value> = match cell {
        Value::Object(_) => vec![cell],
        Value::Array(items) => items.iter().collect(),
        _ => return None,
    };
    let lists: Option<Vec<&Vec<Value>>> = objects
        .iter()
        .map(|object| object.as_object().and_then(list_of))
        .collect();
    let items: Vec<Value> = lists
        .filter(|lists| !lists.is_empty())?
        .into_iter()
        .flatten()
        .map(as_path)
        .collect();
    Some(labels::of_list(&items))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::io::import::jsonl::fields_of;

    #[test]
    fn a_task_becomes_its_data_with_the_paths_that_count() {
        let task = json!({
            "id": 7,
            "data": {"text": "a pan"},
            "annotations": [
                {"was_cancelled": true, "result": [{"type": "taxonomy", "value": {"taxonomy": [["x"]]}}]},
                {"result": [
                    {"type": "taxonomy", "value": {"taxonomy": [["Home", "Kitchen"], ["Gifts"]]}},
                    {"type": "choices", "value": {"choices": ["new"]}},
                ]},
            ],
            "predictions": [],
        });
        let fields = fields_of(&task.to_string()).unwrap();
        let of = |name: &str| {
            fields
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, value)| value.clone())
        };
        assert_eq!(of("text"), Some(json!("a pan")));
        assert_eq!(of("id"), Some(json!(7)));
        assert_eq!(of("path"), Some(json!([["Home", "Kitchen"], ["Gifts"], ["new"]])));
        assert_eq!(of("annotations"), None);
    }

    #[test]
    fn a_task_nobody_answered_has_no_labels() {
        let fields = fields_of(r#"{"data": {"text": "a"}, "annotations": []}"#).unwrap();
        assert!(fields.contains(&("path".to_owned(), Value::Null)));
        let plain = fields_of(r#"{"data": "a", "annotations": 3}"#).unwrap();
        assert_eq!(plain.len(), 2, "what only looks like it stays");
    }

    #[test]
    fn cells_of_json_min_hold_paths() {
        let taxonomy = json!([{"taxonomy": [["A", "B"], ["C"]]}]);
        assert_eq!(paths_in(&taxonomy).unwrap().unwrap(), [vec!["A", "B"], vec!["C"]]);
        let written = Value::String(taxonomy.to_string());
        assert_eq!(paths_in(&written).unwrap().unwrap().len(), 2);
        assert_eq!(
            paths_in(&json!({"choices": ["a", "b"]})).unwrap().unwrap(),
            [["a"], ["b"]]
        );
        assert!(paths_in(&json!([["A", "B"]])).is_none());
        assert!(paths_in(&json!([])).is_none());
        assert!(paths_in(&json!("A > B")).is_none());
    }
}
