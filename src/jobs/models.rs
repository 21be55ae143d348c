//! Fetching a model, and the one place where an encoder is loaded by name.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::ensure;

use super::worker::{JobContext, Outcome};
use crate::model::catalog::{Catalog, Progress, is_language_model};
use crate::model::{Compute, Encoder};

/// The encoder used where none is named.
pub const DEFAULT_ENCODER: &str = "all-MiniLM-L6-v2";

/// The folder of an encoder or a classifier: a name in the catalog, or a folder.
pub fn encoder_dir(catalog: &Catalog, name_or_dir: &str) -> anyhow::Result<PathBuf> {
    let path = catalog.path(name_or_dir)?;
    ensure!(
        !is_language_model(&path),
        "{name_or_dir} is a language model, which answers questions and neither embeds texts nor classifies pairs; it is asked with \
         `handful zero-shot --engine language-model`"
    );
    Ok(path)
}

/// Loads an encoder; the device is opened for it: call it on the thread that will compute.
pub fn load_encoder(catalog: &Catalog, name_or_dir: &str, compute: Compute) -> anyhow::Result<Encoder> {
    Ok(compute.load(&encoder_dir(catalog, name_or_dir)?)?)
}

/// Fetches a known model into the catalog.
pub fn get(job: &mut JobContext, catalog: &Catalog, name: &str) -> anyhow::Result<Outcome> {
    catalog.get(name, &mut reporter(job, name))?;
    Ok(Outcome::ModelReady(name.to_owned()))
}

/// Copies a model folder into the catalog.
pub fn add(
    job: &mut JobContext,
    catalog: &Catalog,
    dir: &Path,
    name: Option<&str>,
    prompt: Option<&str>,
) -> anyhow::Result<Outcome> {
    let entry = catalog.add(dir, name, prompt, &mut reporter(job, &dir.display().to_string()))?;
    Ok(Outcome::ModelReady(entry.name))
}

/// Tells the catalog's progress as the job's.
pub fn reporter(job: &mut JobContext, what: &str) -> impl FnMut(Progress<'_>) -> ControlFlow<()> {
    let mut note = what.to_owned();
    move |progress| {
        match progress {
            Progress::Source(from) => note = format!("{what} from {from}"),
            Progress::Bytes { done, total } => job.progress(done, total, &note),
            Progress::Verifying => job.progress(0, 0, "checking every file"),
        }
        job.flow()
    }
}

/// The models on this machine whose classes are those of natural language inference, by name.
pub fn entailment_models(catalog: &Catalog) -> Vec<String> {
    let entries = catalog.list().unwrap_or_default();
    let suited = entries.into_iter().filter(|entry| tells_entailment(&entry.path));
    suited.map(|entry| entry.name).collect()
}

/// The language models on this machine, by name.
pub fn language_models(catalog: &Catalog) -> Vec<String> {
    let entries = catalog.list().unwrap_or_default();
    let suited = entries.into_iter().filter(|entry| is_language_model(&entry.path));
    suited.map(|entry| entry.name).collect()
}

fn tells_entailment(folder: &Path) -> bool {
    let read = std::fs::read_to_string(folder.join("config.json")).unwrap_or_default();
    let config: serde_json::Value = serde_json::from_str(&read).unwrap_or_default();
    let classes = config.get("id2label").and_then(serde_json::Value::as_object);
    classes.into_iter().flatten().any(|(_, name)| {
        let name = name.as_str().unwrap_or_default().to_lowercase();
        name.starts_with("entail")
    })
}
