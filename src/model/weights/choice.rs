//! Which files of a folder hold its weights, and the index of weights in several files.

use super::super::error::{ModelError, Result};
use super::super::sentence_transformer::read_bounded;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// One file, and the index that stands for several; looked for in this order.
const KINDS: [(&str, &str); 2] = [
    ("model.safetensors", "model.safetensors.index.json"),
    ("pytorch_model.bin", "pytorch_model.bin.index.json"),
];

/// Endings of files that hold weights in a format that is not read.
const OTHER_FORMATS: [&str; 7] = ["pt", "pth", "ckpt", "msgpack", "h5", "onnx", "gguf"];

/// An index has about 100 bytes for each tensor.
const MAX_INDEX_BYTES: u64 = 16 << 20;
const MAX_SHARDS: usize = 128;

/// The weight files of a folder.
pub(super) struct Choice {
    /// Names of the files that hold tensors.
    pub files: Vec<String>,
    /// Set where an index names them.
    pub index: Option<Index>,
}

/// What an index says.
pub(super) struct Index {
    /// Its own name.
    pub name: &'static str,
    /// For each tensor the place of its file in [`Choice::files`].
    pub places: BTreeMap<String, usize>,
}

#[derive(Deserialize)]
struct Written {
    weight_map: BTreeMap<String, String>,
}

impl Choice {
    pub(super) fn of(folder: &Path) -> Result<Choice> {
        for (single, index) in KINDS {
            if folder.join(single).exists() {
                return Ok(Choice {
                    files: vec![single.to_owned()],
                    index: None,
                });
            }
            if let Some(bytes) = read_bounded(&folder.join(index), MAX_INDEX_BYTES)? {
                let ending = single.rsplit('.').next().unwrap_or_default();
                return read_index(&bytes, index, ending)
                    .map_err(|reason| ModelError::config(&folder.join(index), reason));
            }
        }
        Err(nothing_usable(folder))
    }

    /// The name of the file that lists the tensors.
    pub(super) fn listing(&self) -> &str {
        match &self.index {
            Some(index) => index.name,
            None => self.files.first().map_or(KINDS[0].0, String::as_str),
        }
    }
}

/// The names of the files that hold the weights of a folder, an index among them. Cheap: none but the index is opened.
///
/// # Errors
/// No weights, weights in a format that is not read, an index that is damaged or points elsewhere.
pub fn file_names(folder: &Path) -> Result<Vec<String>> {
    let choice = Choice::of(folder)?;
    let index = choice.index.map(|index| index.name.to_owned());
    Ok(choice.files.into_iter().chain(index).collect())
}

/// The names among `files` that hold the weights, or the index and all its possible shards; `None` where none does. Which shards an index
/// names is known only to who opens it.
pub fn choose_names(files: &[String]) -> Option<Vec<String>> {
    let has = |name: &str| files.iter().any(|file| file == name);
    KINDS.iter().find_map(|(single, index)| {
        if has(single) {
            return Some(vec![(*single).to_owned()]);
        }
        let (stem, ending) = single.rsplit_once('.')?;
        let is_shard = |file: &&String| {
            let middle = file.strip_prefix(stem).and_then(|rest| rest.strip_suffix(ending));
            middle.is_some_and(|middle| middle.starts_with('-') && middle.contains("-of-")) && is_plain(file, ending)
        };
        let shards: Vec<String> = files.iter().filter(is_shard).cloned().collect();
        (has(index) && !shards.is_empty()).then(|| shards.into_iter().chain([(*index).to_owned()]).collect())
    })
}

fn read_index(bytes: &[u8], name: &'static str, ending: &str) -> std::result::Result<Choice, String> {
    let written: Written =
        serde_json::from_slice(bytes).map_err(|error| format!("this is no index of weight files ({error})"))?;
    let mut files: Vec<String> = written.weight_map.values().cloned().collect();
    files.sort();
    files.dedup();
    if files.is_empty() {
        return Err("the index names no tensor".to_owned());
    }
    if files.len() > MAX_SHARDS {
        return Err(format!(
            "the index names {} files, more than the {MAX_SHARDS} that make sense",
            files.len()
        ));
    }
    if let Some(file) = files.iter().find(|file| !is_plain(file, ending)) {
        let shown: String = file.chars().take(100).collect();
        return Err(format!(
            "the index points to {shown:?}, which is no .{ending} file of this folder"
        ));
    }
    let places = written
        .weight_map
        .into_iter()
        .filter_map(|(tensor, file)| Some((tensor, files.binary_search(&file).ok()?)))
        .collect();
    Ok(Choice {
        files,
        index: Some(Index { name, places }),
    })
}

/// A file's name and nothing else, on every system.
fn is_plain(file: &str, ending: &str) -> bool {
    let stem = file.strip_suffix(ending).and_then(|stem| stem.strip_suffix('.'));
    stem.is_some_and(|stem| !stem.is_empty())
        && file.len() <= 200
        && !file.starts_with('.')
        && file.chars().all(|c| c.is_ascii_alphanumeric() || "._- +".contains(c))
}

fn nothing_usable(folder: &Path) -> ModelError {
    let has_other_format = |name: &String| {
        let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
        OTHER_FORMATS.contains(&ending.to_lowercase().as_str())
    };
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let others = entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(has_other_format);
    match others.min() {
        Some(file) => ModelError::OtherFormat {
            file,
            path: folder.to_path_buf(),
        },
        None => ModelError::Missing {
            file: "model.safetensors (or its shards with their index, or pytorch_model.bin)",
            path: folder.to_path_buf(),
        },
    }
}
