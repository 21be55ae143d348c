//! What a model's folder held when it was fetched or added, and hashing it again.

use std::fs::File;
use std::io::Read;
use std::ops::ControlFlow;
use std::path::{Component, Path};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::error::io_error;
use super::{CatalogError, OnProgress, Progress, folder};

/// The manifest's name within a model's folder.
pub const MANIFEST: &str = "manifest.json";

const BLOCK_BYTES: usize = 1 << 20;

/// Written last into a model's folder: with it, the folder is whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Of this file.
    pub format: u32,
    /// The model's name.
    pub name: String,
    /// Where it came from, for people.
    pub source: String,
    /// SPDX name, where it is known.
    pub licence: Option<String>,
    /// Every file, by path.
    pub files: Vec<ManifestFile>,
}

/// One file as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestFile {
    /// Relative, with forward slashes.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// Lower-case hexadecimal.
    pub sha256: String,
}

impl Manifest {
    /// The manifest of a folder; `None` when there is none that can be read.
    pub fn read(folder: &Path) -> Option<Manifest> {
        let mut text = String::new();
        File::open(folder.join(MANIFEST))
            .ok()?
            .take(4 << 20)
            .read_to_string(&mut text)
            .ok()?;
        let manifest: Manifest = serde_json::from_str(&text).ok()?;
        manifest
            .files
            .iter()
            .all(|file| is_inside(&file.path))
            .then_some(manifest)
    }

    /// Writes it durably, in place of one that may be there.
    pub fn write(&self, folder: &Path) -> Result<(), CatalogError> {
        let path = folder.join(MANIFEST);
        let contents = serde_json::to_vec_pretty(self).map_err(std::io::Error::from);
        contents
            .and_then(|contents| folder::replace(&path, &[contents.as_slice(), b"\n"].concat()))
            .map_err(io_error("writing", &path))
    }

    /// Whether every file is there with its size. Cheap: nothing is hashed.
    pub fn sizes_match(&self, folder: &Path) -> bool {
        let is_right = |file: &ManifestFile| {
            std::fs::symlink_metadata(folder.join(&file.path))
                .is_ok_and(|found| found.is_file() && found.len() == file.bytes)
        };
        !self.files.is_empty() && self.files.iter().all(is_right)
    }

    /// The recorded hash of a file.
    pub fn sha256_of(&self, path: &str) -> Option<&str> {
        self.files
            .iter()
            .find(|file| file.path == path)
            .map(|file| file.sha256.as_str())
    }

    /// Size of all files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

/// Whether a relative path stays in its folder.
pub fn is_inside(path: &str) -> bool {
    let path = Path::new(path);
    path.components().next().is_some() && path.components().all(|part| matches!(part, Component::Normal(_)))
}

/// The SHA-256 of a file and its size, in lower-case hexadecimal. `done` counts across files and is reported against `total`.
pub fn hash(
    path: &Path,
    done: &mut u64,
    total: u64,
    on_progress: OnProgress<'_>,
) -> Result<(String, u64), CatalogError> {
    let mut file = File::open(path).map_err(io_error("opening", path))?;
    let mut hasher = Sha256::new();
    let mut block = vec![0; BLOCK_BYTES];
    let mut bytes = 0;
    loop {
        let n = file.read(&mut block).map_err(io_error("reading", path))?;
        if n == 0 {
            break;
        }
        hasher.update(block.get(..n).unwrap_or_default());
        bytes += n as u64;
        *done += n as u64;
        if on_progress(Progress::Bytes { done: *done, total }) == ControlFlow::Break(()) {
            return Err(CatalogError::Cancelled);
        }
    }
    let hex = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok((hex, bytes))
}
