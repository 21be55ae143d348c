//! The prompt of a model in the catalog: shown, and set in the model's own `config_sentence_transformers.json`, so that whatever is made
//! from the model carries it.

use std::path::Path;

use serde_json::{Map, Value};

use super::error::io_error;
use super::manifest::{self, Manifest, ManifestFile};
use super::{Catalog, CatalogError, OnProgress, folder};
use crate::model::prompts::{MAX_PROMPT_CHARS, PROMPTS_FILE, Prompts};
use crate::model::sentence_transformer::{Layout, read_json};

impl Catalog {
    /// What a model puts before every text; empty for nothing.
    ///
    /// # Errors
    /// As [`Catalog::path`]; [`CatalogError::Model`] for a folder whose configuration cannot be read.
    pub fn prompt(&self, name_or_folder: &str) -> Result<String, CatalogError> {
        Ok(read(&self.path(name_or_folder)?)?.text().to_owned())
    }

    /// Sets what a model of the catalog puts before every text; empty for nothing. Models made from it before keep what they had.
    ///
    /// # Errors
    /// [`CatalogError::Pinned`] for a known model, [`CatalogError::Prompt`] for a text that cannot be one, and as [`Catalog::path`].
    pub fn set_prompt(&self, name: &str, text: &str, on_progress: OnProgress<'_>) -> Result<(), CatalogError> {
        check(text)?;
        // A folder elsewhere is somebody's own, and is left as it is.
        let name = self.plain_name(name).ok_or_else(|| self.unknown(name))?;
        self.refuse_pinned(name)?;
        let path = self.folder.join(name);
        if !path.is_dir() {
            return Err(self.unknown(name));
        }
        folder::inspect(&path)?;
        let _lock = self.lock(name, on_progress)?;
        write(&path, text)?;
        // Should the program end here, `verify` tells that the file has changed, and setting the prompt again puts it right.
        let Some(mut manifest) = Manifest::read(&path) else {
            return Ok(());
        };
        let (sha256, bytes) = manifest::hash(&path.join(PROMPTS_FILE), &mut 0, 0, on_progress)?;
        manifest.files.retain(|file| file.path != PROMPTS_FILE);
        manifest.files.push(ManifestFile {
            path: PROMPTS_FILE.to_owned(),
            bytes,
            sha256,
        });
        manifest.files.sort_by(|a, b| a.path.cmp(&b.path));
        manifest.write(&path)
    }

    /// Files of known models are what their table says, byte for byte.
    pub(super) fn refuse_pinned(&self, name: &str) -> Result<(), CatalogError> {
        match self.known.iter().find(|known| known.name == name) {
            Some(known) => Err(CatalogError::Pinned {
                name: known.name.to_owned(),
            }),
            None => Ok(()),
        }
    }
}

/// The prompts of a model's folder.
pub(super) fn read(folder: &Path) -> Result<Prompts, CatalogError> {
    Ok(Layout::read(folder)?.prompts)
}

/// Whether a text can be a prompt.
pub(super) fn check(text: &str) -> Result<(), CatalogError> {
    match text.chars().count() {
        n if n > MAX_PROMPT_CHARS => Err(CatalogError::Prompt {
            reason: format!("it has {n} characters, and {MAX_PROMPT_CHARS} are possible"),
        }),
        _ if text.contains('\0') => Err(CatalogError::Prompt {
            reason: "it holds a zero character".to_owned(),
        }),
        _ => Ok(()),
    }
}

/// Makes `text` the prompt of a model's folder; what else its file says stays.
pub(super) fn write(model: &Path, text: &str) -> Result<(), CatalogError> {
    let path = model.join(PROMPTS_FILE);
    let mut config = match read_json(&path)? {
        Some(Value::Object(config)) => config,
        _ => Map::new(),
    };
    let mut prompts = read(model)?;
    prompts.choose(text);
    prompts.write_into(&mut config);
    let contents = format!("{:#}\n", Value::Object(config));
    folder::replace(&path, contents.as_bytes()).map_err(io_error("writing", &path))
}
