//! The model hub, through `hf-hub`: pinned revision, byte progress, downloads that go on where they stopped.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use hf_hub::api::sync::{Api, ApiBuilder, ApiError};
use hf_hub::{Cache, Repo, RepoType};

use super::{Delivered, HubModel, KnownFile, KnownModel, OnProgress, Progress, Source, SourceError, choose};

/// A download without a byte for this many times the answer limit has stalled.
const STALL_FACTOR: u32 = 5;
const RETRIES: usize = 2;

/// Fetches from the hub. Half a download stays in `downloads` and is continued the next time.
#[derive(Debug)]
pub struct Hub {
    /// Holds half downloads.
    pub downloads: PathBuf,
    /// Instead of the hub's usual address.
    pub endpoint: Option<String>,
    /// Not asked at all.
    pub offline: bool,
    /// Without a first answer after this long, there is no network.
    pub answer_limit: Duration,
}

impl Hub {
    /// As the environment says: `HF_ENDPOINT` and `HF_HUB_OFFLINE`.
    pub fn from_env(downloads: PathBuf) -> Self {
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let offline = set("HF_HUB_OFFLINE")
            .is_some_and(|value| !matches!(value.to_lowercase().as_str(), "0" | "false" | "no" | "off"));
        Hub {
            downloads,
            endpoint: set("HF_ENDPOINT"),
            offline,
            answer_limit: Duration::from_secs(8),
        }
    }
}

enum Event {
    /// There is an answer.
    Answered,
    /// A file of so many bytes begins; they count from 0.
    Begins(u64),
    Bytes(u64),
    FileDone,
    End(Result<Delivered, String>),
}

impl Source for Hub {
    fn title(&self, model: &KnownModel) -> String {
        format!(
            "the hub ({} at {})",
            model.repo,
            model.revision.get(..7).unwrap_or(model.revision)
        )
    }

    /// `hf-hub` blocks without a time limit, so it works on a thread that is given up when it stays silent.
    fn fetch(&self, model: &KnownModel, into: &Path, on_progress: OnProgress<'_>) -> Result<(), SourceError> {
        let repo = Repo::with_revision(model.repo.to_owned(), RepoType::Model, model.revision.to_owned());
        self.download(
            repo,
            Wanted::Pinned(model.files),
            Some(model.bytes()),
            into,
            on_progress,
        )?;
        Ok(())
    }

    fn fetch_repository(
        &self,
        model: &HubModel,
        into: &Path,
        on_progress: OnProgress<'_>,
    ) -> Option<Result<Delivered, SourceError>> {
        let repo = Repo::new(model.repo.to_owned(), RepoType::Model);
        Some(self.download(repo, Wanted::Chosen, None, into, on_progress))
    }
}

impl Hub {
    fn download(
        &self,
        repo: Repo,
        wanted: Wanted,
        total: Option<u64>,
        into: &Path,
        on_progress: OnProgress<'_>,
    ) -> Result<Delivered, SourceError> {
        if self.offline {
            return Err(SourceError::Failed(
                "not asked, because HF_HUB_OFFLINE is set".to_owned(),
            ));
        }
        let stop = Arc::new(AtomicBool::new(false));
        let (sender, events) = crossbeam_channel::bounded(64);
        let job = Download {
            downloads: self.downloads.clone(),
            endpoint: self.endpoint.clone(),
            repo,
            wanted,
            into: into.to_owned(),
            stop: Arc::clone(&stop),
            events: sender,
        };
        std::thread::Builder::new()
            .name("model-download".to_owned())
            .spawn(move || job.run())?;
        let result = follow(&events, self.answer_limit, total, on_progress);
        stop.store(true, Ordering::Relaxed);
        result
    }
}

/// Passes progress on. Where the sum of all files is not known, it grows with every file that begins.
fn follow(
    events: &Receiver<Event>,
    answer_limit: Duration,
    total: Option<u64>,
    on_progress: OnProgress<'_>,
) -> Result<Delivered, SourceError> {
    let (mut done_before, mut done_now, mut answered, mut begun) = (0, 0, false, 0);
    let mut last = Instant::now();
    loop {
        let event = events.recv_timeout(Duration::from_millis(200));
        if event.is_ok() {
            last = Instant::now();
        }
        match event {
            Ok(Event::Answered) => answered = true,
            Ok(Event::Begins(bytes)) => (done_now, answered, begun) = (0, true, done_before + bytes),
            Ok(Event::Bytes(n)) => done_now += n,
            Ok(Event::FileDone) => (done_before, done_now) = (done_before + done_now, 0),
            Ok(Event::End(result)) => return result.map_err(SourceError::Failed),
            Err(RecvTimeoutError::Disconnected) => {
                return Err(SourceError::Failed("the download ended without a result".to_owned()));
            }
            Err(RecvTimeoutError::Timeout) => {
                let limit = if answered {
                    answer_limit * STALL_FACTOR
                } else {
                    answer_limit
                };
                if last.elapsed() >= limit {
                    return Err(SourceError::Failed(format!("no answer for {} s", limit.as_secs())));
                }
            }
        }
        if on_progress(Progress::Bytes {
            done: done_before + done_now,
            total: total.unwrap_or(begun),
        }) == ControlFlow::Break(())
        {
            return Err(SourceError::Cancelled);
        }
    }
}

/// Which files of a repository are downloaded.
enum Wanted {
    Pinned(&'static [KnownFile]),
    /// Those that [`choose`] names.
    Chosen,
}

/// One download on its own thread.
struct Download {
    downloads: PathBuf,
    endpoint: Option<String>,
    repo: Repo,
    wanted: Wanted,
    into: PathBuf,
    stop: Arc<AtomicBool>,
    events: Sender<Event>,
}

impl Download {
    fn run(self) {
        let fetched = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.fetch_all()));
        let result = fetched.unwrap_or_else(|_| Err("the download broke off".to_owned()));
        // Nobody listens any more after a stop.
        let _ = self.events.send(Event::End(result));
    }

    fn fetch_all(&self) -> Result<Delivered, String> {
        let api = self.api().map_err(|error| error.to_string())?;
        let (repo, files) = match self.wanted {
            Wanted::Pinned(files) => (
                self.repo.clone(),
                files.iter().map(|file| file.path.to_owned()).collect(),
            ),
            Wanted::Chosen => {
                let info = api.repo(self.repo.clone()).info().map_err(|error| error.to_string())?;
                let _ = self.events.send(Event::Answered);
                let names: Vec<String> = info.siblings.into_iter().map(|file| file.rfilename).collect();
                let repo = Repo::with_revision(self.repo.url(), RepoType::Model, info.sha);
                (repo, choose(&names)?)
            }
        };
        let delivered = match self.fetch_files(&api, &repo, &files) {
            // A download that was complete but not yet moved cannot be continued: begin it again.
            Err(error) if is_stale(&error) => {
                std::fs::remove_dir_all(&self.downloads).map_err(|error| error.to_string())?;
                self.fetch_files(&api, &repo, &files)
            }
            result => result,
        }
        .map_err(|error| error.to_string())?;
        let _ = std::fs::remove_dir_all(&self.downloads);
        Ok(delivered)
    }

    fn api(&self) -> Result<Api, ApiError> {
        // No token: everything in the table is public, and nobody's credentials are needed for it.
        let mut builder = ApiBuilder::from_cache(Cache::new(self.downloads.clone()))
            .with_token(None)
            .with_progress(false)
            .with_retries(RETRIES);
        if let Some(endpoint) = &self.endpoint {
            builder = builder.with_endpoint(endpoint.trim_end_matches('/').to_owned());
        }
        builder.build()
    }

    fn fetch_files(&self, api: &Api, repo: &Repo, files: &[String]) -> Result<Delivered, ApiError> {
        let api = api.repo(repo.clone());
        let mut delivered = Delivered {
            commit: repo.revision().to_owned(),
            sha256: Vec::new(),
        };
        let mut fetched = Vec::new();
        for file in files {
            let meter = Meter {
                stop: Arc::clone(&self.stop),
                events: self.events.clone(),
            };
            let blob = api.download_with_progress(file, meter)?.canonicalize()?;
            let _ = self.events.send(Event::FileDone);
            // The hub calls large files by their hash.
            if let Some(name) = blob
                .file_name()
                .and_then(|name| name.to_str())
                .filter(|name| is_sha256(name))
            {
                delivered.sha256.push((file.clone(), name.to_owned()));
            }
            fetched.push((blob, self.into.join(file)));
        }
        for (from, to) in fetched {
            if let Some(folder) = to.parent() {
                std::fs::create_dir_all(folder)?;
            }
            // Two paths of the model may be one and the same blob.
            std::fs::copy(from, to)?;
        }
        Ok(delivered)
    }
}

fn is_sha256(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_stale(error: &ApiError) -> bool {
    matches!(error, ApiError::InvalidResume) || error.to_string().contains("416")
}

/// Passes progress on, and leaves the download by unwinding when it was stopped: `hf-hub` offers no other way out.
struct Meter {
    stop: Arc<AtomicBool>,
    events: Sender<Event>,
}

impl Meter {
    fn tell(&self, event: Event) {
        let gone = self.events.send(event).is_err();
        if gone || self.stop.load(Ordering::Relaxed) {
            std::panic::resume_unwind(Box::new("stopped"));
        }
    }
}

impl hf_hub::api::Progress for Meter {
    fn init(&mut self, size: usize, _filename: &str) {
        self.tell(Event::Begins(size as u64));
    }

    fn update(&mut self, size: usize) {
        self.tell(Event::Bytes(size as u64));
    }

    fn finish(&mut self) {}
}
