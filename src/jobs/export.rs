//! Exporting a model: written beside its destination, opened again, compared, then renamed into place.

use std::fs;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use serde::Serialize;

use super::predict::{Prediction, predict};
use super::training::{ensure_model, run_dir};
use super::worker::{JobContext, Outcome};
use crate::core::{ProjectState, Run, Words};
use crate::model::{Classifier, Compute, Input};
use crate::store::Store;

mod card;

/// Texts on which the written model is compared with the one in memory.
pub const N_CHECKED: usize = 200;

/// The largest difference between two runs of the same weights that counts as the same model.
const TOLERANCE: f32 = 1e-5;

/// What was written and how it was checked.
#[derive(Debug, Clone, Serialize)]
pub struct ExportReport {
    /// The folder.
    pub dir: PathBuf,
    /// Files with their sizes in bytes, by name.
    pub files: Vec<(String, u64)>,
    /// Texts the reopened model was compared on.
    pub n_checked: usize,
    /// Of these, how many got the same labels.
    pub n_same: usize,
    /// Largest difference of a probability.
    pub max_difference: f32,
}

impl ExportReport {
    /// How far the reopened model is from the trained one, in words.
    pub fn difference(&self) -> String {
        match self.max_difference {
            0.0 => "no difference in any score".to_owned(),
            difference => format!("largest difference {difference:.1e}"),
        }
    }
}

/// Writes the run's model to `out`, which must not exist or be empty. `texts`: what to compare the reopened model on, as far as it can read
/// them.
pub fn run(job: &mut JobContext, store: &Store, run: &Run, out: &Path, texts: &[Words]) -> anyhow::Result<Outcome> {
    ensure!(
        !out.exists() || fs::read_dir(out).is_ok_and(|mut entries| entries.next().is_none()),
        "nothing was written: there is something already; choose another folder: {}",
        out.display()
    );
    ensure_model(run).context("nothing was written")?;
    job.progress(0, 4, "loading the run's model");
    let mut classifier = Classifier::load(&run_dir(store, run.id), Compute::EXACT)
        .with_context(|| format!("the model of {} cannot be opened; train it again", run.name))?;
    classifier.thresholds = run.thresholds.clone();
    classifier.at_least_one = run.deciding.at_least_one;
    classifier.label_paths = run.label_paths.clone();
    classifier.walk = run.walk();

    let parent = out
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    fs::create_dir_all(parent)?;
    let temporary = tempfile::Builder::new().prefix(".handful-export-").tempdir_in(parent)?;
    job.progress(1, 4, "writing");
    classifier.save(temporary.path())?;
    fs::write(
        temporary.path().join("README.md"),
        card::model_card(run, classifier.pairs),
    )?;
    job.progress(2, 4, "opening it again");
    let reopened = Classifier::load(temporary.path(), Compute::EXACT)?;
    let readable = |input: &Input<'_>| input.is_pair() == classifier.pairs;
    let texts: Vec<Input<'_>> = texts.iter().map(Input::from).filter(readable).take(N_CHECKED).collect();
    job.progress(3, 4, "comparing predictions");
    let ours = predict(&classifier, &texts, &mut |_| job.flow())?;
    let theirs = predict(&reopened, &texts, &mut |_| job.flow())?;
    if job.cancelled() {
        return Ok(Outcome::Cancelled);
    }
    let report = compare(out, &ours, &theirs, files(temporary.path())?);
    if report.n_same != report.n_checked || report.max_difference > TOLERANCE {
        bail!(
            "nothing was exported: the written model differs from the trained one on {} of {} texts (largest difference {:e})",
            report.n_checked - report.n_same,
            report.n_checked,
            report.max_difference
        );
    }
    put_in_place(temporary, out)?;
    job.progress(4, 4, "done");
    Ok(Outcome::Exported(Box::new(report)))
}

fn compare(out: &Path, ours: &[Prediction], theirs: &[Prediction], files: Vec<(String, u64)>) -> ExportReport {
    let pairs = || ours.iter().zip(theirs);
    let difference = |(a, b): (&Prediction, &Prediction)| {
        a.scores
            .iter()
            .zip(&b.scores)
            .map(|(x, y)| (x - y).abs())
            .fold(0.0, f32::max)
    };
    ExportReport {
        dir: out.to_path_buf(),
        files,
        n_checked: ours.len(),
        n_same: pairs().filter(|(a, b)| a.labels == b.labels).count(),
        max_difference: pairs().map(difference).fold(0.0, f32::max),
    }
}

fn put_in_place(temporary: tempfile::TempDir, out: &Path) -> anyhow::Result<()> {
    for (name, _) in files(temporary.path())? {
        fs::File::open(temporary.path().join(name))?.sync_all()?;
    }
    if out.exists() {
        fs::remove_dir(out)?;
    }
    let path = temporary.keep();
    if let Err(error) = fs::rename(&path, out) {
        let _ = fs::remove_dir_all(&path);
        return Err(error).with_context(|| format!("nothing was exported: cannot create {}", out.display()));
    }
    set_mode(out, 0o755)?;
    if let Some(parent) = out.parent().filter(|p| !p.as_os_str().is_empty()) {
        let _ = fs::File::open(parent).and_then(|dir| dir.sync_all());
    }
    Ok(())
}

/// Temporary files are private to their owner; what was exported is not.
fn set_mode(path: &Path, mode: u32) -> anyhow::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    }
    let _ = (path, mode);
    Ok(())
}

/// Writes texts and annotations to a file, through a temporary one that is renamed. How many texts.
pub fn annotations(state: &ProjectState, format: &str, out: &Path) -> anyhow::Result<usize> {
    let folder = out
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let mut temporary = tempfile::NamedTempFile::new_in(folder)
        .with_context(|| format!("nothing was written: {}", folder.display()))?;
    let n_texts = {
        let mut writer = BufWriter::new(&mut temporary);
        let n_texts = crate::io::export::annotations(format, state, &mut writer)?;
        writer.flush()?;
        n_texts
    };
    temporary.as_file().sync_all()?;
    persist(temporary, out)?;
    Ok(n_texts)
}

/// Puts a finished temporary file in its place, readable like any other file.
pub fn persist(temporary: tempfile::NamedTempFile, file: &Path) -> anyhow::Result<()> {
    set_mode(temporary.path(), 0o644)?;
    temporary
        .persist(file)
        .with_context(|| format!("cannot write {}", file.display()))?;
    Ok(())
}

/// Every file below `dir` with its size, by relative name.
fn files(dir: &Path) -> anyhow::Result<Vec<(String, u64)>> {
    let mut out = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(dir.join(&folder))? {
            let entry = entry?;
            let relative = folder.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                folders.push(relative);
            } else {
                out.push((relative.display().to_string(), entry.metadata()?.len()));
            }
        }
    }
    out.sort();
    Ok(out)
}
