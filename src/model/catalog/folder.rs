//! A model's folder: whether it holds one this program can use, and copying it.

use std::fs::File;
use std::io::{Read, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::error::io_error;
use super::manifest::{MANIFEST, is_inside};
use super::{CatalogError, OnProgress, Progress};
use crate::model::weights::{self, WeightFiles};

/// Bounds on what is copied: a model beyond them is a mistake or an attack.
const MAX_FILES: usize = 200;
const MAX_SMALL_BYTES: u64 = 200 << 20;
const MAX_WEIGHTS_BYTES: u64 = 20 << 30;
const MAX_DEPTH: usize = 2;

/// What is copied, besides the weights in use: weights in other formats, code and archives are left out.
const ENDINGS: [&str; 6] = ["safetensors", "json", "txt", "model", "md", "jinja"];
const REQUIRED: [&str; 2] = ["config.json", "tokenizer.json"];

/// A file to copy: its path within the folder, with forward slashes, and its size.
pub type Listed = (String, u64);

/// Checks a folder and lists what of it is worth keeping, sorted by path.
///
/// # Errors
/// [`CatalogError::NotAModel`] when something is missing, larger than allowed, a link, or not what its name says.
pub fn inspect(folder: &Path) -> Result<Vec<Listed>, CatalogError> {
    let refuse = |reason: String| CatalogError::NotAModel {
        reason,
        path: folder.to_owned(),
    };
    let found = std::fs::metadata(folder).map_err(|_| refuse("there is no such folder".to_owned()))?;
    if !found.is_dir() {
        return Err(refuse("it is not a folder".to_owned()));
    }
    let mut files = Vec::new();
    list(folder, "", MAX_DEPTH, &mut files).map_err(refuse)?;
    files.sort();
    for required in REQUIRED {
        if !files.iter().any(|(path, _)| path == required) {
            return Err(refuse(format!("{required} is missing")));
        }
    }
    check_config(&folder.join("config.json")).map_err(refuse)?;
    check_modules(&folder.join("modules.json")).map_err(refuse)?;
    WeightFiles::open(folder).map_err(|error| refuse(error.to_string()))?;
    let checked = weights::file_names(folder).unwrap_or_default();
    for (path, _) in files
        .iter()
        .filter(|(path, _)| is_weights(path) && !checked.contains(path))
    {
        weights::check_file(&folder.join(path)).map_err(|error| refuse(error.to_string()))?;
    }
    Ok(files)
}

fn is_weights(path: &str) -> bool {
    path.ends_with(".safetensors") || path.ends_with(".bin")
}

fn list(root: &Path, below: &str, depth: usize, files: &mut Vec<Listed>) -> Result<(), String> {
    let folder = root.join(below);
    let in_use = weights::file_names(&folder).unwrap_or_default();
    let entries =
        std::fs::read_dir(&folder).map_err(|error| format!("{} cannot be listed ({error})", folder.display()))?;
    for entry in entries {
        let entry = entry.map_err(|error| error.to_string())?;
        let name = entry
            .file_name()
            .into_string()
            .map_err(|name| format!("{} is no name in UTF-8", name.display()))?;
        let path = if below.is_empty() {
            name.clone()
        } else {
            format!("{below}/{name}")
        };
        let found = entry.metadata().map_err(|error| format!("{path}: {error}"))?;
        let kept = is_kept(&name) || in_use.contains(&name);
        if name.starts_with('.') || path == MANIFEST {
            continue;
        }
        if found.is_dir() && depth > 0 {
            list(root, &path, depth - 1, files)?;
        }
        if found.is_symlink() && (kept || root.join(&path).is_dir()) {
            return Err(format!(
                "{path} is a link; copy the folder with its links resolved (cp -rL) and add the copy"
            ));
        }
        if !found.is_file() || !kept {
            continue;
        }
        let limit = if is_weights(&path) {
            MAX_WEIGHTS_BYTES
        } else {
            MAX_SMALL_BYTES
        };
        if found.len() > limit {
            return Err(format!(
                "{path} has {} MB, more than the {} allowed",
                found.len() >> 20,
                limit >> 20
            ));
        }
        files.push((path, found.len()));
        if files.len() > MAX_FILES {
            return Err(format!("it holds more than {MAX_FILES} files"));
        }
    }
    Ok(())
}

fn is_kept(name: &str) -> bool {
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    ENDINGS.contains(&ending.to_lowercase().as_str()) || name.to_uppercase().starts_with("LICENSE")
}

fn read_json(path: &Path) -> Result<Value, String> {
    let name = path.file_name().unwrap_or_default().display().to_string();
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(16 << 20).read_to_end(&mut bytes))
        .map_err(|error| format!("{name} cannot be read ({error})"))?;
    serde_json::from_slice(&bytes).map_err(|error| format!("{name} is not valid JSON ({error})"))
}

fn check_config(path: &Path) -> Result<(), String> {
    let config = read_json(path)?;
    if config.is_object() {
        Ok(())
    } else {
        Err("config.json holds no object".to_owned())
    }
}

/// Paths in `modules.json` are joined to the folder when the model is loaded: they must stay inside.
fn check_modules(path: &Path) -> Result<(), String> {
    if !path.exists() {
        return Ok(());
    }
    let modules = read_json(path)?;
    let paths = modules
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|module| module.get("path")?.as_str());
    match paths.filter(|path| !path.is_empty()).find(|path| !is_inside(path)) {
        Some(path) => Err(format!("modules.json points outside the folder, to {path:?}")),
        None => Ok(()),
    }
}

/// Length of the embeddings as the folder's files say it.
pub fn embedding_dim(folder: &Path) -> Option<usize> {
    let config = read_json(&folder.join("config.json")).ok()?;
    let dim = ["hidden_size", "d_model", "dim"]
        .iter()
        .find_map(|key| config.get(key)?.as_u64())?;
    usize::try_from(dim).ok()
}

/// Copies listed files durably. `done` goes up to the sum of their sizes.
pub fn copy(from: &Path, files: &[Listed], to: &Path, on_progress: OnProgress<'_>) -> Result<(), CatalogError> {
    let total = files.iter().map(|(_, bytes)| bytes).sum();
    let mut done = 0;
    let mut block = vec![0; 1 << 20];
    for (path, bytes) in files {
        let (from, to) = (from.join(path), to.join(path));
        if let Some(folder) = to.parent() {
            std::fs::create_dir_all(folder).map_err(io_error("making a folder", folder))?;
        }
        let mut source = File::open(&from).map_err(io_error("opening", &from))?.take(*bytes);
        let mut target = File::create(&to).map_err(io_error("writing", &to))?;
        loop {
            let n = source.read(&mut block).map_err(io_error("reading", &from))?;
            if n == 0 {
                break;
            }
            target
                .write_all(block.get(..n).unwrap_or_default())
                .map_err(io_error("writing", &to))?;
            done += n as u64;
            if on_progress(Progress::Bytes { done, total }) == ControlFlow::Break(()) {
                return Err(CatalogError::Cancelled);
            }
        }
    }
    Ok(())
}

/// Writes a file durably: it holds what it held or all of `contents`, never a part.
pub fn replace(path: &Path, contents: &[u8]) -> std::io::Result<()> {
    let name = path.file_name().unwrap_or_default().display();
    let beside = path.with_file_name(format!(".{name}.new"));
    let mut file = File::create(&beside)?;
    file.write_all(contents)?;
    file.sync_all()?;
    std::fs::rename(&beside, path)?;
    if let Some(folder) = path.parent() {
        sync_folder(folder);
    }
    Ok(())
}

/// Makes files and the folders that hold them durable.
pub fn sync(folder: &Path, files: &[PathBuf]) -> Result<(), CatalogError> {
    for file in files {
        File::open(file)
            .and_then(|file| file.sync_all())
            .map_err(io_error("saving", file))?;
    }
    sync_folder(folder);
    Ok(())
}

/// A folder's own entries. Not every system can; where it cannot, the rename is as durable as it gets.
pub fn sync_folder(folder: &Path) {
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
}
