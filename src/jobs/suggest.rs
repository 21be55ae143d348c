//! The quick model behind the suggestions: embeds the pile in the background, refits its head after every annotation,
//! and scores label names for the zero-shot preview from the same embeddings. Newest request wins.
//!
//! Pseudo-labels never leave this thread: what it says is shown, and nothing of it is stored.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, unbounded};

use super::worker::panic_text;
use super::zero_shot_scores::{ZeroShotRequest, ZeroShotScores};
use crate::core::{LabelId, TaskKind, TextId, Words, queue};
use crate::model::Compute;
use crate::model::catalog::Catalog;

mod bench;
mod quick;
mod similar;

/// The labelled texts of the project, for a refit.
#[derive(Debug, Clone)]
pub struct Labelled {
    /// The task.
    pub task: TaskKind,
    /// Labels in the order of score columns.
    pub labels: Vec<LabelId>,
    /// The labels' names, in the same order; empty where names say nothing about texts, as about pairs.
    pub names: Vec<String>,
    /// Texts that train, with sorted indices into `labels`.
    pub texts: Vec<(TextId, Vec<usize>)>,
    /// Texts for validation and test: nothing is learnt from them.
    pub held_out: HashSet<TextId>,
}

/// What a head took from the unlabelled texts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FromPile {
    /// How many counted.
    pub n_texts: usize,
    /// Mean probability of what was guessed about them, in 0..=1.
    pub confidence: f64,
}

/// Scores of the quick model for every embedded text.
#[derive(Debug)]
pub struct Suggestions {
    /// Texts the head was fitted on.
    pub n_train: usize,
    /// What it took from unlabelled texts; `None` where the labelled texts say that they do not help.
    pub from_pile: Option<FromPile>,
    /// Seconds the refit took, scoring included.
    pub took_secs: f64,
    /// When it was made.
    pub at: Instant,
    /// The scores by text.
    pub rows: queue::Suggestions,
}

impl Suggestions {
    /// Probability per label of one text; `None` while it has no embedding.
    pub fn scores(&self, id: TextId) -> Option<&[f32]> {
        self.rows.scores.get(&id).map(Vec::as_slice)
    }

    /// The labels of one text with their probability, most probable first.
    pub fn ranked(&self, id: TextId) -> Vec<(LabelId, f32)> {
        self.rows.ranked(id)
    }
}

/// What the thread says.
#[derive(Debug)]
pub enum SuggesterEvent {
    /// Texts with an embedding, of how many.
    Embedded {
        /// Done.
        done: usize,
        /// In all.
        total: usize,
    },
    /// A refit.
    Suggested(Arc<Suggestions>),
    /// There is not enough to fit on, and why.
    NothingToFit(String),
    /// Zero-shot scores, of all texts or of those embedded so far.
    ZeroShot(Arc<ZeroShotScores>),
    /// The request cannot be answered, and why.
    ZeroShotRefused(String),
    /// The thread cannot work, and why; it tries again with the next request.
    Failed(String),
}

enum Request {
    Texts(Vec<(TextId, Words)>),
    Labelled(Labelled),
    ZeroShot(ZeroShotRequest),
}

/// A handle on the thread; dropping it ends the thread.
pub struct Suggester {
    requests: Sender<Request>,
    events: Receiver<SuggesterEvent>,
}

impl Suggester {
    /// Starts the thread. `encoder`: a name in the catalog or a folder.
    pub fn start(
        catalog: Arc<Catalog>,
        encoder: String,
        compute: Compute,
        files_dir: PathBuf,
        n_threads: usize,
        wake: Arc<dyn Fn() + Send + Sync>,
    ) -> Self {
        let (requests, inbox) = unbounded();
        let (outbox, events) = unbounded();
        let report = move |event| {
            let _ = outbox.send(event);
            wake();
        };
        std::thread::spawn(move || {
            let mut bench = bench::Bench::new(catalog, encoder, compute, files_dir, inbox, Box::new(report));
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads.max(1)).build();
            let served = catch_unwind(AssertUnwindSafe(|| match pool {
                Ok(pool) => pool.install(|| bench.serve()),
                Err(_) => bench.serve(),
            }));
            if let Err(panic) = served {
                bench.fail(format!("suggestions stopped on a defect: {}", panic_text(&*panic)));
            }
        });
        Suggester { requests, events }
    }

    /// Replaces the texts to embed.
    pub fn set_texts(&self, texts: Vec<(TextId, Words)>) {
        let _ = self.requests.send(Request::Texts(texts));
    }

    /// Asks for a refit; an older request that has not been answered is dropped.
    pub fn refit(&self, labelled: Labelled) {
        let _ = self.requests.send(Request::Labelled(labelled));
    }

    /// Asks for zero-shot scores; an older request that has not been answered is dropped.
    pub fn zero_shot(&self, request: ZeroShotRequest) {
        let _ = self.requests.send(Request::ZeroShot(request));
    }

    /// The next event, waiting at most `patience`.
    pub fn next(&self, patience: Duration) -> Option<SuggesterEvent> {
        if patience.is_zero() {
            self.events.try_recv().ok()
        } else {
            self.events.recv_timeout(patience).ok()
        }
    }
}
