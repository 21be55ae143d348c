//! A model's folder: whether it holds one this program can use, and copying it.

use std::fs::File;
use std::io::{Read, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use super::error::io_error;
use super::manifest::MANIFEST;
use super::{CatalogError, OnProgress, Progress};
use crate::model::encoder::model_type;
use crate::model::error::{ModelError, Result as ModelResult};
use crate::model::sentence_transformer::{Layout, read_json};
use crate::model::weights::{self, WeightFiles};
use crate::model::{architecture, language_model, tokenize};

/// Bounds on what is copied: a model beyond them is a mistake or an attack.
const MAX_FILES: usize = 200;
const MAX_SMALL_BYTES: u64 = 200 << 20;
const MAX_WEIGHTS_BYTES: u64 = 20 << 30;
const MAX_DEPTH: usize = 2;

/// What is copied, besides the weights in use: weights in other formats, code and archives are left out.
const ENDINGS: [&str; 7] = [
    "safetensors",
    "json",
    "txt",
    "model",
    "md",
    "jinja",
    language_model::ENDING,
];

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
    if is_of_language_model(folder) {
        language_model::find_file(folder)
            .and_then(|file| language_model::check_file(&file))
            .map_err(|error| refuse(error.to_string()))?;
        return Ok(files);
    }
    files.retain(|(path, _)| !is_gguf(Path::new(path)));
    check_transformer(folder).map_err(|error| refuse(reason(error, folder)))?;
    // Other modules' weights too: what is copied holds tensors and nothing else.
    for (path, _) in files.iter().filter(|(path, _)| is_weights(path)) {
        weights::check_file(&folder.join(path)).map_err(|error| refuse(error.to_string()))?;
    }
    Ok(files)
}

/// What is added to the catalog, checked.
pub struct Contents {
    /// Where the files lie.
    pub folder: PathBuf,
    /// What of it is copied.
    pub files: Vec<Listed>,
    /// What it is called.
    pub name: String,
    /// Whether it is a language model.
    pub is_language_model: bool,
}

/// What a folder, or the GGUF file of a language model, brings along. Of a file only the file itself.
///
/// # Errors
/// As [`inspect`].
pub fn contents(path: &Path) -> Result<Contents, CatalogError> {
    let full = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let text = |name: Option<&std::ffi::OsStr>| name.and_then(std::ffi::OsStr::to_str).unwrap_or_default().to_owned();
    if !(is_gguf(&full) && full.is_file()) {
        return Ok(Contents {
            files: inspect(path)?,
            name: text(full.file_name()),
            is_language_model: is_of_language_model(path),
            folder: path.to_owned(),
        });
    }
    check_language_model(&full)?;
    let bytes = std::fs::metadata(&full).map_err(io_error("reading", &full))?.len();
    Ok(Contents {
        folder: full.parent().unwrap_or(Path::new(".")).to_owned(),
        files: vec![(text(full.file_name()), bytes)],
        name: text(full.file_stem()),
        is_language_model: true,
    })
}

/// Whether a name ends as those of GGUF files do.
pub fn is_gguf(path: &Path) -> bool {
    let ending = path.extension().and_then(std::ffi::OsStr::to_str);
    ending.is_some_and(|ending| ending.eq_ignore_ascii_case(language_model::ENDING))
}

/// Whether a path is that of a language model: a GGUF file, or a folder with one and without an encoder's weights. Whether it can be used is
/// another question.
pub fn is_language_model(path: &Path) -> bool {
    is_gguf(path) && path.is_file() || is_of_language_model(path)
}

/// Whether a GGUF file holds a language model that can be used.
pub fn check_language_model(file: &Path) -> Result<(), CatalogError> {
    language_model::check_file(file).map_err(|error| CatalogError::NotAModel {
        reason: error.to_string(),
        path: file.to_owned(),
    })
}

/// A folder with GGUF files and without an encoder's weights.
fn is_of_language_model(folder: &Path) -> bool {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let has_gguf = entries.take(MAX_FILES).any(|entry| is_gguf(&entry.path()));
    has_gguf && weights::file_names(folder).unwrap_or_default().is_empty() && !folder.join("modules.json").is_file()
}

/// Whether the folder has what an encoder is loaded from: a layout and a kind of model that are known, a tokenizer's files, weights.
fn check_transformer(folder: &Path) -> ModelResult<()> {
    let transformer = Layout::read(folder)?.transformer;
    let path = transformer.join("config.json");
    let config = read_json(&path)?.ok_or_else(|| ModelError::Missing {
        file: "config.json",
        path: transformer.clone(),
    })?;
    architecture::check_kind(&config, &path)?;
    tokenize::check_files(&transformer, model_type(&config))?;
    WeightFiles::open(&transformer)?;
    Ok(())
}

/// What is wrong, in a sentence that goes on to name `folder`.
fn reason(error: ModelError, folder: &Path) -> String {
    match error {
        ModelError::Missing { file, path } if path == folder => format!("{file} is missing"),
        ModelError::Missing { file, path } => {
            let below = path.strip_prefix(folder).unwrap_or(&path);
            format!("{file} is missing in {}", below.display())
        }
        error => error.to_string(),
    }
}

fn is_weights(path: &str) -> bool {
    path.ends_with(".safetensors") || path.ends_with(".bin") || is_gguf(Path::new(path))
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

/// Length of the embeddings as the folder's files say it.
pub fn embedding_dim(folder: &Path) -> Option<usize> {
    let transformer = Layout::read(folder).ok()?.transformer;
    let config = read_json(&transformer.join("config.json")).ok()??;
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
