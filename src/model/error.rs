//! What can go wrong with a model, told by what the person can do about it.

use std::path::{Path, PathBuf};

/// A model that cannot be loaded, used or saved. Messages say what happened and what to do; the path comes last.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// A file could not be read or written.
    #[error("could not {action}: {source}: {path}")]
    Io {
        /// What was being done, as an infinitive: "read the weights".
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's own words.
        source: std::io::Error,
    },
    /// The folder lacks a file that every encoder needs.
    #[error(
        "this is not an encoder folder: {file} is missing; expected a sentence-transformers or Hugging Face folder: {path}"
    )]
    Missing {
        /// The missing file's name.
        file: &'static str,
        /// The folder.
        path: PathBuf,
    },
    /// The folder holds weights only in a format that is not read.
    #[error(
        "the weights are only there as {file}, a format that is not read; model.safetensors or pytorch_model.bin is, as transformers' save_pretrained writes them: {path}"
    )]
    OtherFormat {
        /// The file's name.
        file: String,
        /// The folder.
        path: PathBuf,
    },
    /// A configuration file holds something unusable.
    #[error("{reason}: {path}")]
    Config {
        /// What is wrong with which key.
        reason: String,
        /// The file.
        path: PathBuf,
    },
    /// The weights file as a whole is broken.
    #[error(
        "the weights cannot be read ({reason}); the file is probably incomplete or damaged, fetch it again: {path}"
    )]
    Weights {
        /// What the reader said.
        reason: String,
        /// The file.
        path: PathBuf,
    },
    /// The weights file asks for something that is not done.
    #[error(
        "the weights were not read: {reason}; only tensors by name are read from such a file, convert it to model.safetensors where you trust it: {path}"
    )]
    WeightsRefused {
        /// What it asks for.
        reason: String,
        /// The file.
        path: PathBuf,
    },
    /// One tensor is missing or has the wrong shape or type.
    #[error("tensor {tensor}: {reason}: {path}")]
    Tensor {
        /// The tensor's name.
        tensor: String,
        /// What is wrong with it.
        reason: String,
        /// The file.
        path: PathBuf,
    },
    /// An encoder where a classifier is wanted.
    #[error(
        "this model has no classification head (tensor {tensor} is missing): it is an encoder; choose a model that was trained to classify, \
         for entailment one trained on natural language inference: {path}"
    )]
    NoHead {
        /// The missing tensor's name.
        tensor: String,
        /// The weights file.
        path: PathBuf,
    },
    /// A kind of model this version does not know.
    #[error("{what} is not supported; {supported}: {path}")]
    Unsupported {
        /// The thing asked for.
        what: String,
        /// What would have worked.
        supported: String,
        /// The file that asks for it.
        path: PathBuf,
    },
    /// The tokenizer cannot be read or refused a text.
    #[error("the tokenizer failed: {reason}: {path}")]
    Tokenizer {
        /// What the tokenizer said.
        reason: String,
        /// The tokenizer's file.
        path: PathBuf,
    },
    /// The caller handed over something that does not fit the model.
    #[error("{0}")]
    Input(String),
    /// The caller asked to stop; nothing was kept.
    #[error("stopped before the embeddings were complete; none were kept")]
    Stopped,
    /// The device cannot be used.
    #[error(transparent)]
    Device(#[from] super::device::DeviceError),
    /// The tensor library failed.
    #[error("computing failed: {0}")]
    Compute(#[from] candle_core::Error),
}

impl ModelError {
    /// An [`ModelError::Io`], for use with `map_err`.
    pub fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> ModelError {
        let path = path.to_path_buf();
        move |source| ModelError::Io { action, path, source }
    }

    /// A [`ModelError::Config`] about `path`.
    pub fn config(path: &Path, reason: impl Into<String>) -> ModelError {
        ModelError::Config {
            reason: reason.into(),
            path: path.to_path_buf(),
        }
    }
}

/// What the functions of this room return.
pub type Result<T> = std::result::Result<T, ModelError>;
