//! Fetching a model, and the one place where an encoder is loaded by name.

use std::path::PathBuf;

use candle_core::Device;

use super::worker::{JobContext, Outcome};
use crate::model::Encoder;
use crate::model::catalog::{Catalog, FetchProgress};

/// The encoder used where none is named.
pub const DEFAULT_ENCODER: &str = "all-MiniLM-L6-v2";

/// The folder of an encoder: a name in the catalog, or a folder.
pub fn encoder_dir(catalog: &Catalog, name_or_dir: &str) -> anyhow::Result<PathBuf> {
    Ok(catalog.path(name_or_dir)?)
}

/// Loads an encoder for the CPU.
pub fn load_encoder(catalog: &Catalog, name_or_dir: &str) -> anyhow::Result<Encoder> {
    Ok(Encoder::load(&encoder_dir(catalog, name_or_dir)?, &Device::Cpu)?)
}

/// Fetches a known model into the catalog.
pub fn get(job: &mut JobContext, catalog: &Catalog, name: &str) -> anyhow::Result<Outcome> {
    let mut source = String::new();
    catalog.get(name, &mut |progress| {
        match progress {
            FetchProgress::Source(from) => source = format!("{name} from {from}"),
            FetchProgress::Bytes { done, total } => job.progress(done, total, &source),
            FetchProgress::Verifying => job.progress(0, 0, "checking the file's sha256"),
        }
        job.flow()
    })?;
    Ok(Outcome::ModelReady(name.to_owned()))
}
