//! Tiny language models for tests, written by `scripts/parity/language_models.py`.

use std::fs;
use std::path::{Path, PathBuf};

/// A file of this repository.
pub fn tiny(case: &str) -> PathBuf {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/language_models");
    data.join(case).join("model.gguf")
}

/// A copy of it with its bytes changed.
pub fn changed(case: &str, change: impl FnOnce(&mut Vec<u8>)) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    let mut bytes = fs::read(tiny(case)).unwrap();
    change(&mut bytes);
    fs::write(&path, bytes).unwrap();
    (folder, path)
}

/// Where the value of a key begins, after its type.
pub fn value_of(bytes: &[u8], key: &str) -> usize {
    let key = key.as_bytes();
    let at = bytes.windows(key.len()).position(|window| window == key).unwrap();
    at + key.len() + 4
}

/// Writes over what is at `at`.
pub fn put(bytes: &mut [u8], at: usize, new: &[u8]) {
    bytes[at..at + new.len()].copy_from_slice(new);
}
