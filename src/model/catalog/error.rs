//! Why a model is not there.

use std::path::PathBuf;

use crate::model::ModelError;

/// What went wrong in the catalog of models.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// The system names no folder for caches.
    #[error("this system has no folder for caches; set HANDFUL_CACHE to a folder where models may be kept")]
    NoCacheFolder,
    /// Neither in the cache nor known.
    #[error(
        "there is no model “{name}”; those that can be fetched are {known}. Another one is added with `handful models add DIR`"
    )]
    Unknown {
        /// What was asked for.
        name: String,
        /// What can be fetched.
        known: String,
    },
    /// Known, but not fetched yet.
    #[error("the model “{name}” is not on this machine yet; fetch it with `handful models get {name}`")]
    NotFetched {
        /// What was asked for.
        name: String,
    },
    /// A name that would not make a folder's name.
    #[error("“{name}” cannot name a model; use letters, digits, dots, dashes and underscores")]
    BadName {
        /// What was asked for.
        name: String,
    },
    /// Adding under a name that is in use.
    #[error("there is already a model “{name}”; nothing was changed. Choose another name, or remove that one first: {}", path.display())]
    NameTaken {
        /// The name.
        name: String,
        /// Its folder.
        path: PathBuf,
    },
    /// Someone put another model where a known one belongs.
    #[error("this folder is not the model “{name}” ({reason}); it was left as it is. Move it away and try again: {}", path.display())]
    NotTheModel {
        /// The model's name.
        name: String,
        /// What differs.
        reason: String,
        /// The folder.
        path: PathBuf,
    },
    /// Every source failed.
    #[error("the model “{name}” could not be fetched; nothing was kept.{}\nWithout a network: copy the model's folder to this machine and run `handful models add DIR`, or copy it to {}", listed(tried), path.display())]
    AllSourcesFailed {
        /// The model's name.
        name: String,
        /// What was tried, with the reason each failed.
        tried: Vec<(String, String)>,
        /// Where its folder belongs.
        path: PathBuf,
    },
    /// A folder that holds no model this program can use.
    #[error("this folder holds no usable model: {reason}; nothing was changed: {}", path.display())]
    NotAModel {
        /// What is missing or refused.
        reason: String,
        /// The folder.
        path: PathBuf,
    },
    /// A prompt for a known model.
    #[error(
        "the files of “{name}” are pinned to the byte, so its prompt cannot be set; nothing was changed. Add a copy of it: \
         `handful models add DIR --name NAME --prompt TEXT`, with the folder that `handful models path {name}` prints"
    )]
    Pinned {
        /// The model.
        name: String,
    },
    /// A text that cannot be a prompt.
    #[error("this cannot be put before every text: {reason}; nothing was changed")]
    Prompt {
        /// Why not.
        reason: String,
    },
    /// A model's configuration cannot be read or used.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The person stopped it.
    #[error("stopped; nothing was kept but what a later download can go on from")]
    Cancelled,
    /// The file system refused.
    #[error("{what} failed ({source}): {}", path.display())]
    Io {
        /// What was being done.
        what: &'static str,
        /// The system's reason.
        source: std::io::Error,
        /// Where.
        path: PathBuf,
    },
}

fn listed(tried: &[(String, String)]) -> String {
    tried
        .iter()
        .map(|(source, reason)| format!("\n  {source}: {reason}"))
        .collect()
}

/// Turns an IO error into a [`CatalogError`] that says what was done where.
pub fn io_error(what: &'static str, path: &std::path::Path) -> impl FnOnce(std::io::Error) -> CatalogError {
    let path = path.to_owned();
    move |source| CatalogError::Io { what, source, path }
}
