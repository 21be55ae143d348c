//! Cells into label paths.

use serde_json::Value;

use super::label_studio;
use crate::core::label::MAX_DEPTH;

/// A cell that claims a longer name than this is no label.
const MAX_NAME_CHARS: usize = 300;
/// A text with more labels than this is a mistake in the file.
const MAX_LABELS: usize = 1_000;

/// Label paths; `None` where the cell says nothing. An error is a reason, and leaves the text unlabelled.
pub type Labels = Result<Option<Vec<Vec<String>>>, String>;

/// The labels of a label cell, each a path of one name. A list is several labels; so is a string with a separator.
pub fn of_label_cell(cell: &Value, separator: Option<&str>) -> Labels {
    if let Some(paths) = label_studio::paths_in(cell) {
        return checked(paths?);
    }
    let names = match cell {
        Value::Null => return Ok(None),
        Value::String(text) if text.trim().is_empty() => return Ok(None),
        Value::String(text) => match (list_in(text), separator) {
            (Some(items), _) => items.iter().map(scalar).collect::<Result<Vec<_>, _>>()?,
            (None, Some(separator)) => divide(text, separator),
            (None, None) => vec![text.clone()],
        },
        Value::Array(items) => items.iter().map(scalar).collect::<Result<Vec<_>, _>>()?,
        other => vec![scalar(other)?],
    };
    checked(names.into_iter().map(|name| vec![name]).collect())
}

/// The labels of a path cell: a list of names is one path, a list of lists several; a string is divided.
pub fn of_path_cell(cell: &Value, path_separator: Option<&str>, label_separator: Option<&str>) -> Labels {
    if let Some(paths) = label_studio::paths_in(cell) {
        return checked(paths?);
    }
    let one = |text: &str| match path_separator {
        Some(separator) => text.split(separator).map(str::to_owned).collect(),
        None => vec![text.to_owned()],
    };
    let paths = match cell {
        Value::Null => return Ok(None),
        Value::String(text) if text.trim().is_empty() => return Ok(None),
        Value::String(text) => match (list_in(text), label_separator) {
            (Some(items), _) => of_list(&items)?,
            (None, Some(separator)) => divide(text, separator).iter().map(|path| one(path)).collect(),
            (None, None) => vec![one(text)],
        },
        Value::Array(items) => of_list(items)?,
        other => vec![vec![scalar(other)?]],
    };
    checked(paths)
}

/// The path of cells that hold one name each, from the top down; those left blank at the end end it early.
pub fn of_level_cells(cells: &[&Value]) -> Labels {
    let blank = |cell: &&Value| match cell {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        _ => false,
    };
    let n_names = cells.iter().take_while(|cell| !blank(cell)).count();
    let (names, rest) = cells.split_at(n_names);
    if !rest.iter().all(blank) {
        return Err(format!("level {} is blank and a level below it is not", n_names + 1));
    }
    if names.is_empty() {
        return Ok(None);
    }
    let names = names.iter().map(|name| scalar(name)).collect::<Result<Vec<_>, _>>()?;
    checked(vec![names])
}

pub(super) fn of_list(items: &[Value]) -> Result<Vec<Vec<String>>, String> {
    if items.iter().any(Value::is_array) {
        let path = |item: &Value| match item {
            Value::Array(names) => names.iter().map(scalar).collect(),
            other => Ok(vec![scalar(other)?]),
        };
        return items.iter().map(path).collect();
    }
    let names = items.iter().map(scalar).collect::<Result<Vec<_>, _>>()?;
    let written_out = names.iter().any(|name| name.contains(" > "));
    if written_out {
        return Ok(names
            .iter()
            .map(|path| path.split(" > ").map(str::to_owned).collect())
            .collect());
    }
    Ok(if names.is_empty() { Vec::new() } else { vec![names] })
}

/// Whether a cell of a one-label column marks its label; `None` when it is no mark at all.
pub fn flag(cell: &Value) -> Option<bool> {
    match cell {
        Value::Bool(marked) => Some(*marked),
        Value::Number(number) if number.as_f64() == Some(0.0) => Some(false),
        Value::Number(number) if number.as_f64() == Some(1.0) => Some(true),
        Value::String(text) => match text.trim().to_lowercase().as_str() {
            "1" | "1.0" | "true" | "yes" => Some(true),
            "" | "0" | "0.0" | "false" | "no" => Some(false),
            _ => None,
        },
        Value::Null => Some(false),
        _ => None,
    }
}

fn divide(text: &str, separator: &str) -> Vec<String> {
    text.split(separator)
        .map(|part| part.trim().to_owned())
        .filter(|part| !part.is_empty())
        .collect()
}

/// A list written in a cell as JSON, or the way Python prints one.
fn list_in(text: &str) -> Option<Vec<Value>> {
    let text = text.trim();
    if !text.starts_with('[') || !text.ends_with(']') {
        return None;
    }
    serde_json::from_str(text).ok().or_else(|| python_list(text))
}

/// `['a', "b"]`: strings in either quote, with backslash escapes.
fn python_list(text: &str) -> Option<Vec<Value>> {
    let mut rest = text.strip_prefix('[')?.strip_suffix(']')?.trim();
    let mut items = Vec::new();
    while !rest.is_empty() {
        let quote = rest.chars().next().filter(|quote| matches!(quote, '\'' | '"'))?;
        let (mut item, mut end, mut escaped) = (String::new(), None, false);
        for (at, c) in rest.char_indices().skip(1) {
            match c {
                c if escaped => {
                    item.push(c);
                    escaped = false;
                }
                '\\' => escaped = true,
                c if c == quote => {
                    end = Some(at + 1);
                    break;
                }
                c => item.push(c),
            }
        }
        items.push(Value::String(item));
        rest = rest.get(end?..)?.trim_start();
        rest = match rest.strip_prefix(',') {
            Some(after) => after.trim_start(),
            None if rest.is_empty() => rest,
            None => return None,
        };
    }
    Some(items)
}

pub(super) fn scalar(value: &Value) -> Result<String, String> {
    match value {
        Value::String(name) => Ok(name.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(marked) => Ok(marked.to_string()),
        Value::Null => Err("a label is null inside a list".to_owned()),
        Value::Array(_) => Err("a label is a list".to_owned()),
        Value::Object(_) => Err("a label is an object".to_owned()),
    }
}

/// Trims names, removes repeats, and refuses what the label tree refuses.
fn checked(paths: Vec<Vec<String>>) -> Labels {
    if paths.len() > MAX_LABELS {
        return Err(format!(
            "{} labels are more than the {MAX_LABELS} a text can have",
            paths.len()
        ));
    }
    let mut out: Vec<Vec<String>> = Vec::with_capacity(paths.len());
    for path in paths {
        let path: Vec<String> = path
            .iter()
            .map(|name| name.replace('\0', "").trim().to_owned())
            .collect();
        if path.is_empty() || path.iter().any(String::is_empty) {
            return Err("a label has an empty name".to_owned());
        }
        if path.len() > MAX_DEPTH {
            return Err(format!(
                "a label path has {} names, more than the {MAX_DEPTH} allowed",
                path.len()
            ));
        }
        if let Some(name) = path.iter().find(|name| name.chars().count() > MAX_NAME_CHARS) {
            return Err(format!(
                "a label name has {} characters, more than the {MAX_NAME_CHARS} allowed",
                name.chars().count()
            ));
        }
        if !out.contains(&path) {
            out.push(path);
        }
    }
    Ok(Some(out))
}
