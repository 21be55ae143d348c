//! Which column is which, judged by names and by what the sampled rows hold.

use std::collections::HashSet;

use serde_json::Value;

use super::row::Row;
use super::{ImportError, Mapping, Pick, ReadOptions};
use crate::core::{Split, TaskKind};

/// What one column holds in the sampled rows.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct ColumnStats {
    /// As in the file; "column 3" where it has none.
    pub name: String,
    /// Cells that are neither missing nor blank.
    pub n_filled: usize,
    /// Sampled rows.
    pub n_rows: usize,
    /// Different values among the filled cells.
    pub n_distinct: usize,
    /// Mean length of the filled cells in characters; 0 when there are none.
    pub mean_chars: f64,
}

/// What a column is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Text,
    Labels,
    Path,
    Split,
    Id,
}

/// Names people give to columns, best first.
const NAMES: &[(Role, &[&str])] = &[
    (
        Role::Text,
        &[
            "text",
            "body",
            "content",
            "message",
            "sentence",
            "review",
            "comment",
            "utterance",
            "tweet",
            "post",
            "question",
            "query",
            "document",
            "description",
            "abstract",
            "headline",
            "title",
            "summary",
            "subject",
        ],
    ),
    (
        Role::Labels,
        &[
            "label",
            "labels",
            "category",
            "categories",
            "class",
            "classes",
            "target",
            "tag",
            "tags",
            "topic",
            "topics",
            "intent",
            "sentiment",
            "annotation",
            "label_text",
            "label_name",
        ],
    ),
    (
        Role::Path,
        &[
            "path",
            "paths",
            "label_path",
            "label_paths",
            "category_path",
            "taxonomy",
            "hierarchy",
        ],
    ),
    (Role::Split, &["split", "subset", "partition"]),
    (
        Role::Id,
        &[
            "id",
            "uid",
            "uuid",
            "guid",
            "external_id",
            "text_id",
            "doc_id",
            "row_id",
            "key",
            "identifier",
        ],
    ),
];

/// Names that go together, the first text's and the second's, best first: those of natural language inference, of Hugging Face's
/// tokenizers, and of the sentence-pair tasks of GLUE and SuperGLUE.
const PAIRS: &[(&str, &str)] = &[
    ("premise", "hypothesis"),
    ("sentence1", "sentence2"),
    ("sentence_1", "sentence_2"),
    ("sentence_a", "sentence_b"),
    ("text", "text_pair"),
    ("text1", "text2"),
    ("text_1", "text_2"),
    ("text_a", "text_b"),
    ("question1", "question2"),
    ("question", "passage"),
    ("question", "sentence"),
    ("query", "passage"),
];

/// What the columns of a path's levels are called before their number, best first.
const LEVELS: &[&str] = &["level", "lvl", "category", "cat", "l"];

impl Role {
    /// What a column of this name is for.
    pub fn of(name: &str) -> Option<Role> {
        let name = normal(name);
        NAMES
            .iter()
            .find(|(_, names)| names.contains(&name.as_str()))
            .map(|(role, _)| *role)
    }
}

fn normal(name: &str) -> String {
    name.trim().to_lowercase().replace([' ', '-', '.'], "_")
}

/// Figures for every column.
pub fn stats(columns: &[String], rows: &[Row]) -> Vec<ColumnStats> {
    let of = |(at, name): (usize, &String)| {
        let (mut n_filled, mut n_chars) = (0, 0);
        let mut distinct = HashSet::new();
        for cell in rows
            .iter()
            .filter_map(|row| row.cells.get(at))
            .filter(|cell| is_filled(cell))
        {
            n_filled += 1;
            let written = written(cell);
            n_chars += written.chars().count();
            distinct.insert(written);
        }
        let mean_chars = if n_filled == 0 {
            0.0
        } else {
            n_chars as f64 / n_filled as f64
        };
        ColumnStats {
            name: name.clone(),
            n_filled,
            n_rows: rows.len(),
            n_distinct: distinct.len(),
            mean_chars,
        }
    };
    columns.iter().enumerate().map(of).collect()
}

/// Whether a cell holds anything.
pub fn is_filled(cell: &Value) -> bool {
    match cell {
        Value::Null => false,
        Value::String(text) => !text.trim().is_empty(),
        _ => true,
    }
}

/// A cell as a person would write it; lists and objects as JSON.
pub fn written(cell: &Value) -> String {
    match cell {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Settles which column is which.
pub fn map(columns: &[ColumnStats], rows: &[Row], options: &ReadOptions) -> Result<Mapping, ImportError> {
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    let named = |wanted: &str| find(&names, wanted);
    let label_columns = options
        .label_columns
        .as_ref()
        .map(|wanted| wanted.iter().map(|name| named(name)).collect::<Result<Vec<_>, _>>());
    let label_columns = label_columns.transpose()?;
    let level_columns = options
        .level_columns
        .as_ref()
        .map(|wanted| wanted.iter().map(|name| named(name)).collect::<Result<Vec<_>, _>>());
    let level_columns = level_columns.transpose()?;
    let mut taken: Vec<String> = label_columns.iter().chain(&level_columns).flatten().cloned().collect();
    if options.level_columns.is_none() {
        taken.extend(levels(&names));
    }
    for pick in [&options.path_column, &options.split_column, &options.id_column] {
        if let Pick::Column(wanted) = pick {
            taken.push(named(wanted)?);
        }
    }
    let (text_column, second_column) = texts(columns, rows, &names, &taken, options)?;
    taken.push(text_column.clone());
    taken.extend(second_column.clone());
    let guessed = |role: Role, empty: bool| guess(columns, rows, &taken, role, empty);
    let picked = |pick: &Pick, role: Role, empty: bool| match pick {
        Pick::Nothing => Ok(None),
        Pick::Column(wanted) => named(wanted).map(Some),
        Pick::Guess => Ok(guessed(role, false).or_else(|| empty.then(|| guessed(role, true)).flatten())),
    };
    let split_column = picked(&options.split_column, Role::Split, true)?;
    let id_column = picked(&options.id_column, Role::Id, true)?;
    // Files often begin with the unlabelled rows: a column that is empty so far counts when no other says anything.
    let nothing_says = label_columns.is_none()
        && guessed(Role::Labels, false)
            .or_else(|| guessed(Role::Labels, true))
            .is_none();
    let path_column = picked(&options.path_column, Role::Path, nothing_says)?;
    let level_columns = match level_columns {
        Some(columns) => columns,
        None if path_column.is_some() || label_columns.is_some() => Vec::new(),
        None => levels(&names),
    };
    let label_columns = match label_columns {
        Some(columns) => columns,
        // A label beside a path is usually the path's last name.
        None if path_column.is_some() || !level_columns.is_empty() => Vec::new(),
        None => guessed(Role::Labels, false)
            .or_else(|| guessed(Role::Labels, true))
            .into_iter()
            .collect(),
    };
    let cells = |names: &[String]| {
        let places: Vec<usize> = columns
            .iter()
            .enumerate()
            .filter(|(_, column)| names.contains(&column.name))
            .map(|(at, _)| at)
            .collect();
        rows.iter()
            .flat_map(move |row| places.iter().filter_map(|at| row.cells.get(*at)).collect::<Vec<_>>())
            .filter(|cell| is_filled(cell))
    };
    let one_label_per_column =
        label_columns.len() > 1 && cells(&label_columns).all(|cell| super::labels::flag(cell).is_some());
    let several = options.task == Some(TaskKind::MultiLabel);
    let label_cells: Vec<&str> = cells(&label_columns).filter_map(Value::as_str).collect();
    let path_cells: Vec<&str> = cells(path_column.as_slice()).filter_map(Value::as_str).collect();
    let label_separator = options
        .label_separator
        .clone()
        .filter(|separator| !separator.is_empty())
        .or_else(|| {
            let in_labels = (several && !one_label_per_column)
                .then(|| guess_separator(&label_cells, &["|", ";", "#", ","]))
                .flatten();
            in_labels.or_else(|| several.then(|| guess_separator(&path_cells, &["|", ";"])).flatten())
        });
    let path_separator = options
        .path_separator
        .clone()
        .filter(|separator| !separator.is_empty())
        .or_else(|| guess_path_separator(&path_cells));
    Ok(Mapping {
        text_column,
        second_column,
        label_columns,
        path_column,
        level_columns,
        split_column,
        id_column,
        label_separator,
        path_separator,
        one_label_per_column,
    })
}

/// Columns whose names are one word and a number that counts up from 0 or 1, from the top down: two or more of them.
fn levels(names: &[&str]) -> Vec<String> {
    let number = |name: &str, word: &str| -> Option<usize> {
        let rest = normal(name).strip_prefix(word)?.trim_start_matches('_').to_owned();
        rest.parse().ok()
    };
    for word in LEVELS {
        let numbered = |wanted: usize| names.iter().find(|name| number(name, word) == Some(wanted));
        let first = if numbered(0).is_some() { 0 } else { 1 };
        let found: Vec<String> = (first..).map_while(numbered).map(|name| (*name).to_owned()).collect();
        if found.len() > 1 {
            return found;
        }
    }
    Vec::new()
}

/// The column of the text, and that of its second part where texts are pairs.
fn texts(
    columns: &[ColumnStats],
    rows: &[Row],
    names: &[&str],
    taken: &[String],
    options: &ReadOptions,
) -> Result<(String, Option<String>), ImportError> {
    let pairs = pairs(columns, rows, taken);
    let named = |wanted: &str| find(names, wanted);
    let guess = |second: Option<&str>| {
        // The first of the pair that the second belongs to, before the usual names of a text.
        let first = pairs.iter().find(|(_, other)| Some(*other) == second);
        let mut taken = taken.to_vec();
        taken.extend(second.map(str::to_owned));
        first
            .map(|(first, _)| (*first).to_owned())
            .or_else(|| guess_text(columns, rows, &taken))
            .ok_or_else(|| ImportError::NoTextColumn { have: listed(names) })
    };
    let text = options.text_column.as_deref().map(named).transpose()?;
    match (&options.second_column, text) {
        (Pick::Column(wanted), text) => {
            let second = named(wanted)?;
            let text = text.map_or_else(|| guess(Some(&second)), Ok)?;
            if text == second {
                return Err(ImportError::SameColumn { column: text });
            }
            Ok((text, Some(second)))
        }
        (Pick::Nothing, text) => Ok((text.map_or_else(|| guess(None), Ok)?, None)),
        (Pick::Guess, Some(text)) => {
            let second = pairs.iter().find(|(first, _)| *first == text);
            let second = second.map(|(_, second)| (*second).to_owned());
            Ok((text, second))
        }
        (Pick::Guess, None) => match pairs.first() {
            Some((first, second)) => Ok(((*first).to_owned(), Some((*second).to_owned()))),
            None => Ok((guess(None)?, None)),
        },
    }
}

/// Columns of texts whose names go together.
fn pairs<'a>(columns: &'a [ColumnStats], rows: &[Row], taken: &[String]) -> Vec<(&'a str, &'a str)> {
    let column = |wanted: &str| {
        let is_it = |(_, column): &(usize, &ColumnStats)| normal(&column.name) == wanted;
        let (at, column) = columns.iter().enumerate().find(is_it)?;
        holds_text(rows, at).then_some(column.name.as_str())
    };
    let both = |(first, second): &(&str, &str)| Some((column(first)?, column(second)?));
    let free = |(first, second): &(&str, &str)| ![first, second].iter().any(|name| taken.iter().any(|t| t == **name));
    PAIRS.iter().filter_map(both).filter(free).collect()
}

/// Whether a name is one that people give to columns.
pub fn is_usual(name: &str) -> bool {
    let of_pair = |(first, second): &(&str, &str)| [*first, *second].contains(&normal(name).as_str());
    Role::of(name).is_some() || PAIRS.iter().any(of_pair)
}

/// Whether a column of this name would be the second of a pair whose first is called `text`.
pub fn goes_with(text: &str, name: &str) -> bool {
    PAIRS.contains(&(normal(text).as_str(), normal(name).as_str()))
}

fn find(names: &[&str], wanted: &str) -> Result<String, ImportError> {
    let by_name = names
        .iter()
        .find(|name| **name == wanted)
        .or_else(|| names.iter().find(|name| normal(name) == normal(wanted)));
    let by_number = || {
        wanted
            .trim()
            .parse::<usize>()
            .ok()
            .and_then(|n| names.get(n.checked_sub(1)?))
    };
    let found = by_name.or_else(by_number).ok_or_else(|| ImportError::NoSuchColumn {
        wanted: wanted.to_owned(),
        have: listed(names),
    });
    found.map(|name| (*name).to_owned())
}

fn listed(names: &[&str]) -> String {
    let mut shown: Vec<&str> = names.iter().take(20).copied().collect();
    if names.len() > shown.len() {
        shown.push("…");
    }
    shown.join(", ")
}

/// By name, then by a name that contains one ("review_text"), then the longest.
fn guess_text(columns: &[ColumnStats], rows: &[Row], taken: &[String]) -> Option<String> {
    let free = |at: &usize| {
        columns
            .get(*at)
            .is_some_and(|column| column.n_filled > 0 && !taken.contains(&column.name))
    };
    let free: Vec<usize> = (0..columns.len())
        .filter(free)
        .filter(|at| holds_text(rows, *at))
        .collect();
    let name = |at: usize| columns.get(at).map(|column| normal(&column.name)).unwrap_or_default();
    let known = NAMES
        .iter()
        .find(|(role, _)| *role == Role::Text)
        .map_or(&[][..], |(_, names)| names);
    let by_name = known
        .iter()
        .find_map(|known| free.iter().copied().find(|at| name(*at) == *known));
    let usual = |at: &usize| {
        !matches!(
            Role::of(&name(*at)),
            Some(Role::Labels | Role::Path | Role::Split | Role::Id)
        )
    };
    let by_part = || {
        known.iter().find_map(|known| {
            free.iter()
                .copied()
                .filter(usual)
                .find(|at| name(*at).split('_').any(|part| part == *known))
        })
    };
    let longest = |only: &dyn Fn(&usize) -> bool| {
        let length = |at: &usize| columns.get(*at).map_or(0.0, |column| column.mean_chars);
        // The first of equals.
        free.iter()
            .copied()
            .rev()
            .filter(only)
            .max_by(|a, b| length(a).total_cmp(&length(b)))
    };
    let at = by_name
        .or_else(by_part)
        .or_else(|| longest(&usual))
        .or_else(|| longest(&|_| true))?;
    columns.get(at).map(|column| column.name.clone())
}

fn holds_text(rows: &[Row], at: usize) -> bool {
    let mut cells = rows
        .iter()
        .filter_map(|row| row.cells.get(at))
        .filter(|cell| is_filled(cell))
        .peekable();
    cells.peek().is_some() && cells.any(|cell| !matches!(cell, Value::Array(_) | Value::Object(_) | Value::Bool(_)))
}

/// By name, among columns that hold something in the sample, or (`empty`) among those that hold nothing there and may later.
fn guess(columns: &[ColumnStats], rows: &[Row], taken: &[String], role: Role, empty: bool) -> Option<String> {
    let known = NAMES
        .iter()
        .find(|(named, _)| *named == role)
        .map_or(&[][..], |(_, names)| names);
    let free = |(_, column): &(usize, &ColumnStats)| (column.n_filled == 0) == empty && !taken.contains(&column.name);
    let found = known.iter().find_map(|known| {
        columns
            .iter()
            .enumerate()
            .filter(free)
            .find(|(_, column)| normal(&column.name) == *known)
    })?;
    if role == Role::Split && !empty {
        let mut cells = rows
            .iter()
            .filter_map(|row| row.cells.get(found.0))
            .filter(|cell| is_filled(cell));
        if !cells.any(|cell| Split::from_name(&written(cell)).is_some()) {
            return None;
        }
    }
    Some(found.1.name.clone())
}

/// The first separator that divides cells into parts met elsewhere; for `,`, common in names, one part must be met elsewhere.
fn guess_separator(cells: &[&str], separators: &[&str]) -> Option<String> {
    let plain = |cell: &&&str| !cell.trim_start().starts_with('[');
    let divides = |separator: &&&str| {
        let divided: Vec<&&str> = cells
            .iter()
            .filter(plain)
            .filter(|cell| cell.contains(**separator))
            .collect();
        if divided.is_empty() || **separator != "," {
            return !divided.is_empty();
        }
        let mut counts = std::collections::HashMap::new();
        for part in cells
            .iter()
            .collect::<HashSet<_>>()
            .into_iter()
            .flat_map(|cell| cell.split(','))
        {
            *counts.entry(part.trim()).or_insert(0) += 1;
        }
        divided.iter().any(|cell| {
            cell.split(',')
                .any(|part| counts.get(part.trim()).is_some_and(|count| *count > 1))
        })
    };
    separators.iter().find(divides).map(|separator| (*separator).to_owned())
}

fn guess_path_separator(cells: &[&str]) -> Option<String> {
    let plain = || cells.iter().filter(|cell| !cell.trim_start().starts_with('['));
    [">", "/"]
        .into_iter()
        .find(|separator| plain().any(|cell| cell.contains(separator)))
        .map(str::to_owned)
}
