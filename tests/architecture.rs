//! The rooms of `src/` and who may enter: reads every source file and fails on an edge that is not drawn here.
#![allow(clippy::unwrap_used)] // a test that cannot be set up has failed

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A room and the rooms it may name, itself aside.
const EDGES: &[(&str, &[&str])] = &[
    ("core", &[]),
    ("store", &["core"]),
    ("io", &["core"]),
    ("model", &["core"]),
    ("train", &["model", "core"]),
    ("jobs", &["train", "model", "io", "store", "core"]),
    ("app", &["jobs", "train", "model", "io", "store", "core"]),
    ("cli", &["ui", "app", "jobs", "train", "model", "io", "store", "core"]),
    ("ui", &["app", "jobs", "train", "model", "io", "store", "core"]),
];

/// A name at the start of a path, and the only rooms that may say it outside their tests.
const KEPT_IN: &[(&str, &[&str])] = &[
    ("rusqlite", &["store"]),
    ("rusqlite_migration", &["store"]),
    ("eframe", &["ui"]),
    ("egui", &["ui"]),
    ("egui_extras", &["ui"]),
    ("egui_plot", &["ui"]),
    ("egui_table", &["ui"]),
    ("lucide_icons", &["ui"]),
    ("rfd", &["ui"]),
    ("clap", &["cli"]),
    ("indicatif", &["cli"]),
    ("hf_hub", &["model"]),
    ("ureq", &["model"]),
    ("tokenizers", &["model"]),
    ("minijinja", &["model"]),
    ("minijinja_contrib", &["model"]),
    ("prost", &["model"]),
];

/// What a room does without, outside its tests: the absences its first lines promise.
const ABSENT: &[(&str, &[&str])] = &[
    (
        "core",
        &[
            "std::fs",
            "std::net",
            "std::process",
            "std::thread",
            "std::time",
            "candle_core",
            "crossbeam_channel",
            "rayon",
            "jiff",
        ],
    ),
    ("train", &["std::fs", "std::net", "std::process"]),
];

#[test]
fn rooms_name_only_rooms_they_may_enter() {
    let mut wrong = Vec::new();
    for file in source_files() {
        let allowed = EDGES
            .iter()
            .find(|(room, _)| *room == file.room)
            .map(|(_, allowed)| *allowed);
        let Some(allowed) = allowed else {
            wrong.push(format!(
                "{}: the room `{}` is not in the table of edges",
                file.path.display(),
                file.room
            ));
            continue;
        };
        for named in rooms_named(&code_of(&file.text), file.depth) {
            if named != file.room && !allowed.contains(&named.as_str()) {
                wrong.push(format!(
                    "{}: `{}` must not know `{named}`",
                    file.path.display(),
                    file.room
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn libraries_stay_in_their_rooms() {
    let mut wrong = Vec::new();
    for file in source_files() {
        let code = if file.path.ends_with("tests.rs") {
            String::new()
        } else {
            without_tests(&code_of(&file.text))
        };
        for (library, rooms) in KEPT_IN {
            if !rooms.contains(&file.room.as_str()) && starts_a_path(&code, library) {
                wrong.push(format!(
                    "{}: `{library}` belongs to {}",
                    file.path.display(),
                    rooms.join(", ")
                ));
            }
        }
        let absent = ABSENT
            .iter()
            .filter(|(room, _)| *room == file.room)
            .flat_map(|(_, absent)| *absent);
        for path in absent.filter(|path| names_path(&code, path)) {
            wrong.push(format!(
                "{}: `{}` does without `{path}`",
                file.path.display(),
                file.room
            ));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// The only folders with files that ask the network, and the paths by which they would.
const ASK_THE_NETWORK: &[&str] = &["model/catalog", "model/zero_shot/endpoint"];
const NETWORK: &[&str] = &["std::net", "hf_hub", "ureq"];

#[test]
fn two_folders_ask_the_network() {
    let mut wrong = Vec::new();
    for file in source_files() {
        let may = ASK_THE_NETWORK.iter().any(|folder| file.path.starts_with(folder));
        let code = without_tests(&code_of(&file.text));
        for path in NETWORK.iter().filter(|path| !may && names_path(&code, path)) {
            wrong.push(format!(
                "{}: `{path}` is for {}",
                file.path.display(),
                ASK_THE_NETWORK.join(", ")
            ));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_file_says_what_lives_in_it() {
    let silent: Vec<_> = source_files()
        .into_iter()
        .filter(|file| !file.text.starts_with("//!"))
        .map(|file| file.path)
        .collect();
    assert!(silent.is_empty(), "no `//!` on the first line of {silent:?}");
}

#[test]
fn the_table_of_edges_has_no_way_back() {
    for (at, (room, allowed)) in EDGES.iter().enumerate() {
        for other in *allowed {
            let (_, back) = EDGES
                .iter()
                .find(|(name, _)| name == other)
                .expect("every room is in the table");
            assert!(!back.contains(room), "{room} and {other} know each other");
            assert!(
                *other == "ui" || EDGES[..at].iter().any(|(name, _)| name == other),
                "{room} enters {other}, which stands above it"
            );
        }
    }
}

struct SourceFile {
    path: PathBuf,
    room: String,
    /// How many `super::` lead from the file to the crate: 1 for `src/core/mod.rs`, 2 for `src/core/ids.rs`.
    depth: usize,
    text: String,
}

/// Every file below a room, in the order of their paths.
fn source_files() -> Vec<SourceFile> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![src.clone()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the source tree") {
            let path = entry.expect("an entry of the source tree").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") && folder != src {
                let inside = path.strip_prefix(&src).expect("below src");
                let names: Vec<String> = inside.iter().map(|name| name.to_string_lossy().into_owned()).collect();
                let is_folder_file = names.last().is_some_and(|name| name == "mod.rs");
                files.push(SourceFile {
                    room: names[0].clone(),
                    depth: names.len() - usize::from(is_folder_file),
                    text: fs::read_to_string(&path).expect("a readable source file"),
                    path: inside.to_path_buf(),
                });
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(files.len() > 20, "the source tree was not found");
    files
}

/// The file without comments, so that prose may name any room. Strings stay: none of ours contains `crate::`.
fn code_of(text: &str) -> String {
    text.lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n")
}

/// The part before the unit tests, which stand at the end of a file.
fn without_tests(code: &str) -> String {
    code.split("#[cfg(test)]\nmod tests")
        .next()
        .unwrap_or_default()
        .to_string()
}

/// Rooms named by `crate::room`, `crate::{room::…, room}`, `handful::room`, or enough `super::` to leave the room.
fn rooms_named(code: &str, depth: usize) -> BTreeSet<String> {
    let is_room = |name: &str| EDGES.iter().any(|(room, _)| *room == name);
    let mut rooms = BTreeSet::new();
    for root in ["crate::", "handful::"] {
        for after in occurrences(code, root) {
            rooms.extend(first_names(after).into_iter().filter(|name| is_room(name)));
        }
    }
    for after in occurrences(code, &"super::".repeat(depth)) {
        rooms.extend(first_names(after).into_iter().filter(|name| is_room(name)));
    }
    rooms
}

/// What follows each place where `path` begins, not in the middle of a longer path or name.
fn occurrences<'a>(code: &'a str, path: &str) -> Vec<&'a str> {
    code.match_indices(path)
        .filter(|(at, _)| {
            !code[..*at].ends_with(|before: char| before.is_alphanumeric() || before == '_' || before == ':')
        })
        .map(|(at, found)| &code[at + found.len()..])
        .collect()
}

/// The next name of a path, or of each path of a `{…}` group.
fn first_names(after: &str) -> Vec<String> {
    let name = |path: &str| {
        path.trim_start()
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect::<String>()
    };
    let Some(group) = after.strip_prefix('{') else {
        return vec![name(after)];
    };
    let (mut names, mut depth, mut start) = (Vec::new(), 0_i32, 0);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                names.push(name(&group[start..at]));
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                names.push(name(&group[start..at]));
                start = at + 1;
            }
            _ => {}
        }
    }
    names
}

fn starts_a_path(code: &str, library: &str) -> bool {
    !occurrences(code, &format!("{library}::")).is_empty() || code.contains(&format!("use {library};"))
}

/// Whether `std::fs` is named in full or in a group, `use std::{fs, io}`.
fn names_path(code: &str, path: &str) -> bool {
    let Some((root, rest)) = path.split_once("::") else {
        return starts_a_path(code, path);
    };
    occurrences(code, &format!("{root}::"))
        .into_iter()
        .flat_map(first_names)
        .any(|name| name == rest)
}

#[test]
fn edges_are_found_however_they_are_written() {
    let named = |code: &str, depth| rooms_named(&code_of(code), depth).into_iter().collect::<Vec<_>>();
    assert_eq!(named("use crate::store::Store;", 2), ["store"]);
    assert_eq!(
        named("use crate::{core::{TextId, Label}, io, jobs::x};", 2),
        ["core", "io", "jobs"]
    );
    assert_eq!(named("fn f() -> crate::ui::Theme {}", 2), ["ui"]);
    assert_eq!(named("use super::super::store::Store;", 2), ["store"]);
    assert_eq!(named("use super::{store, ids};", 1), ["store"]);
    assert!(named("use super::model::Model; // crate::store", 2).is_empty());
    assert!(named("use mycrate::store::Store; let x = other::crate::ui;", 2).is_empty());
    assert!(names_path("use std::{io, fs::File};", "std::fs") && names_path("std::fs::read(x)", "std::fs"));
    assert!(!names_path("use std::fmt;", "std::fs") && !starts_a_path("my_egui::x", "egui"));
}
