//! Models whose files are not pinned: which files of a repository on the hub are fetched, and how they are checked.
//!
//! They are checked by the hub's own hashes, and by what [`folder::inspect`] asks of any folder that is added.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use super::error::io_error;
use super::known::{ENTAILMENT_MODELS, HubModel, LANGUAGE_MODELS};
use super::manifest::Manifest;
use super::{Catalog, CatalogError, Failure, OnProgress, Progress, SourceError, folder, record, settle};
use crate::model::weights;

/// Files besides the weights, where a repository has them.
const WANTED: [&str; 6] = [
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "README.md",
];

/// Vocabularies, for repositories without a `tokenizer.json`.
const VOCABULARIES: [&str; 5] = [
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "sentencepiece.bpe.model",
    "spm.model",
];

/// What a source says about the files it has put down.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delivered {
    /// The commit of the repository.
    pub commit: String,
    /// SHA-256 of files, in lower-case hexadecimal, as far as the source knows it.
    pub sha256: Vec<(String, String)>,
}

/// Types of weights by the names in GGUF files, the one to take first: with 8 bits nothing is lost that shows, and small models need all they have.
const TYPES: [&str; 8] = ["q8_0", "q6_k", "q5_k_m", "q4_k_m", "q4_0", "f16", "bf16", "f32"];

/// Of several files of one language model the one that is fetched; `None` where there is none, or none that is whole and of a known type.
fn choose_gguf(files: &[String]) -> Option<String> {
    let is_whole = |name: &&String| {
        let plain = name.to_lowercase();
        folder::is_gguf(Path::new(name))
            && !name.contains('/')
            && !plain.starts_with("mmproj")
            && !plain.contains("-of-0")
    };
    let whole: Vec<&String> = files.iter().filter(is_whole).collect();
    if let [only] = whole.as_slice() {
        return Some((*only).clone());
    }
    let of_type = |kind: &&str| {
        let ends = |name: &&&String| {
            let stem = name.to_lowercase();
            let stem = stem.strip_suffix(".gguf").unwrap_or_default().strip_suffix(*kind);
            stem.is_some_and(|rest| rest.ends_with(['-', '.', '_']))
        };
        whole.iter().find(ends).map(|name| (*name).clone())
    };
    TYPES.iter().find_map(of_type)
}

/// Which of a repository's files are fetched, the weights first: `model.safetensors`, else its shards, else `pytorch_model.bin`, else its
/// shards; the configuration; the tokenizer in one file, else its vocabulary. Of a language model one GGUF file, which has all of that in it.
/// Files in folders, other formats and code are left alone.
///
/// # Errors
/// A repository without a configuration, without weights in a format that is read, or without a tokenizer; the message says which.
pub fn choose(files: &[String]) -> Result<Vec<String>, String> {
    let has = |name: &str| files.iter().any(|file| file == name);
    let Some(mut chosen) = weights::choose_names(files) else {
        let file = choose_gguf(files).ok_or_else(|| {
            "it holds no weights in a format that is read (model.safetensors, pytorch_model.bin, or one GGUF file)"
                .to_owned()
        })?;
        let readme = has("README.md").then(|| "README.md".to_owned());
        return Ok([file].into_iter().chain(readme).collect());
    };
    if !has("config.json") {
        return Err("it holds no config.json".to_owned());
    }
    chosen.extend(WANTED.into_iter().filter(|name| has(name)).map(str::to_owned));
    if !has("tokenizer.json") {
        let vocabulary: Vec<String> = VOCABULARIES
            .into_iter()
            .filter(|name| has(name))
            .map(str::to_owned)
            .collect();
        if vocabulary.is_empty() {
            return Err("it holds no tokenizer.json and no vocabulary".to_owned());
        }
        chosen.extend(vocabulary);
    }
    Ok(chosen)
}

impl Catalog {
    /// Classifiers for entailment by name, whose files are chosen from what their repository holds when they are fetched.
    pub fn unpinned(&self) -> &'static [HubModel] {
        ENTAILMENT_MODELS
    }

    /// Language models by name, of whose repositories one file is fetched.
    pub fn language_models(&self) -> &'static [HubModel] {
        LANGUAGE_MODELS
    }

    /// The model of this name, or the one whose repository it is.
    pub(super) fn find_unpinned(&self, name: &str) -> Option<&'static HubModel> {
        ENTAILMENT_MODELS
            .iter()
            .chain(LANGUAGE_MODELS)
            .find(|model| model.name == name || model.repo == name)
    }

    /// Fetches a model that is not pinned, unless a whole one is here.
    pub(super) fn get_unpinned(
        &self,
        model: &'static HubModel,
        on_progress: OnProgress<'_>,
    ) -> Result<PathBuf, CatalogError> {
        let path = self.folder.join(model.name);
        let is_here =
            || folder::inspect(&path).is_ok() && Manifest::read(&path).is_none_or(|read| read.sizes_match(&path));
        if is_here() {
            return Ok(path);
        }
        let _lock = self.lock(model.name, on_progress)?;
        if is_here() {
            return Ok(path);
        }
        self.remove_leftovers(model.name);
        if path.exists() {
            if Manifest::read(&path).is_none() {
                return Err(CatalogError::NotTheModel {
                    name: model.name.to_owned(),
                    reason: "it is incomplete and was not fetched by this program".to_owned(),
                    path,
                });
            }
            std::fs::remove_dir_all(&path).map_err(io_error("removing a damaged model", &path))?;
        }
        let title = format!("the hub ({})", model.repo);
        let mut tried = Vec::new();
        for source in &self.sources {
            let staging = self.staging(model.name)?;
            let fetched = staging.path().join("fetched");
            std::fs::create_dir(&fetched).map_err(io_error("making a folder", &fetched))?;
            if on_progress(Progress::Source(&title)) == ControlFlow::Break(()) {
                return Err(CatalogError::Cancelled);
            }
            let Some(result) = source.fetch_repository(model, &fetched, on_progress) else {
                continue;
            };
            match self.take_in(model, result, &fetched, &path, on_progress) {
                Ok(()) => return Ok(path),
                Err(Failure::Stop(error)) => return Err(error),
                Err(Failure::Next(reason)) => tried.push((title.clone(), reason)),
            }
        }
        Err(CatalogError::AllSourcesFailed {
            name: model.name.to_owned(),
            tried,
            path,
        })
    }

    /// Checks what a source has put into `fetched` and makes it the model.
    fn take_in(
        &self,
        model: &HubModel,
        delivered: Result<Delivered, SourceError>,
        fetched: &Path,
        path: &Path,
        on_progress: OnProgress<'_>,
    ) -> Result<(), Failure> {
        let delivered = delivered.map_err(|error| match error {
            SourceError::Cancelled => Failure::Stop(CatalogError::Cancelled),
            SourceError::Failed(reason) => Failure::Next(reason),
        })?;
        let files = folder::inspect(fetched).map_err(|error| match error {
            CatalogError::NotAModel { reason, .. } => {
                Failure::Next(format!("what it delivered is no usable model: {reason}"))
            }
            error => Failure::Stop(error),
        })?;
        let commit: String = delivered.commit.chars().take(7).collect();
        let source = format!("the hub ({} at {commit})", model.repo);
        let mut manifest = record(model.name, None, source, fetched, &files, on_progress)?;
        manifest.licence = Some(model.licence.to_owned());
        for (file, sha256) in &delivered.sha256 {
            if manifest.sha256_of(file).is_some_and(|found| found != sha256) {
                return Err(Failure::Next(format!(
                    "{file} came damaged: its SHA-256 is not {sha256}"
                )));
            }
        }
        Ok(settle(fetched, &manifest, path)?)
    }
}
