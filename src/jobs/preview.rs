//! Zero-shot scores of engines that take long, worked out on a thread of its own: the texts in view first, then onward in portions. The newest
//! request wins and stops what is under way within one batch; a request that asks the same keeps what is scored. Nothing of it is stored.

use std::collections::{HashMap, VecDeque};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvError, Sender, unbounded};

use super::worker::panic_text;
use super::zero_shot_scores::{Source, ZeroShotRequest, ZeroShotScores};
use crate::core::{TextId, Words};
use crate::model::catalog::Catalog;
use crate::model::zero_shot::{Answer, Engine, Entailment, Rows, ZeroShotError};
use crate::model::{Compute, Input};

/// Texts of the first portion, so that something is seen soon.
const FIRST: usize = 4;

/// A portion takes about this long.
const PORTION: Duration = Duration::from_millis(800);

/// More texts than this are never one portion.
const MOST_IN_PORTION: usize = 512;

/// How often progress is told, and growing scores are shown.
const REFRESH: Duration = Duration::from_millis(250);

/// An engine that takes long, and its model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EngineChoice {
    /// How far sentences about labels follow from the text.
    Entailment {
        /// A name in the catalog or a folder.
        model: String,
    },
}

impl EngineChoice {
    /// The engine: "entailment".
    pub fn engine(&self) -> &'static str {
        match self {
            EngineChoice::Entailment { .. } => "entailment",
        }
    }

    /// Its model: a name or a folder.
    pub fn model(&self) -> &str {
        match self {
            EngineChoice::Entailment { model } => model,
        }
    }

    fn open(&self, catalog: &Catalog, compute: Compute) -> anyhow::Result<Box<dyn Engine + Send>> {
        match self {
            EngineChoice::Entailment { model } => {
                let dir = catalog.path(model)?;
                Ok(Box::new(Entailment::load(&dir, model, compute)?))
            }
        }
    }
}

/// The models on this machine whose classes are those of natural language inference, by name.
pub fn entailment_models(catalog: &Catalog) -> Vec<String> {
    let entries = catalog.list().unwrap_or_default();
    let suited = entries.into_iter().filter(|entry| tells_entailment(&entry.path));
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

/// What to score, with which engine; replaces what was asked before.
#[derive(Debug, Clone)]
pub struct PreviewRequest {
    /// What is asked.
    pub request: ZeroShotRequest,
    /// The engine.
    pub choice: EngineChoice,
    /// The texts, in the order of the project.
    pub texts: Arc<Vec<(TextId, Words)>>,
}

/// How far the scoring is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PreviewProgress {
    /// Texts with scores.
    pub n_scored: usize,
    /// Texts in all.
    pub n_texts: usize,
    /// Texts a second so far; `None` while the model is being loaded.
    pub texts_per_sec: Option<f64>,
}

impl PreviewProgress {
    /// Estimated seconds left.
    pub fn secs_left(&self) -> Option<f64> {
        let left = self.n_texts.saturating_sub(self.n_scored) as f64;
        self.texts_per_sec.filter(|rate| *rate > 0.0).map(|rate| left / rate)
    }
}

/// What the thread says.
#[derive(Debug)]
pub enum PreviewEvent {
    /// It works; told before a model is loaded and several times a second.
    Progress(PreviewProgress),
    /// The scores so far.
    Scored(Arc<ZeroShotScores>),
    /// Nothing is left to do, or a person has stopped it.
    Rests,
    /// The request cannot be answered, and why.
    Failed(String),
}

enum Ask {
    Score(Box<PreviewRequest>),
    /// Texts to score before others.
    Look(Vec<TextId>),
    Stop,
}

/// A handle on the thread; dropping it ends the thread.
pub struct Previewer {
    asks: Sender<Ask>,
    events: Receiver<PreviewEvent>,
}

impl Previewer {
    /// Starts a thread that computes with `n_threads`. `wake` is called when there is something to read.
    pub fn start(
        catalog: Arc<Catalog>,
        compute: Compute,
        n_threads: usize,
        wake: Arc<dyn Fn() + Send + Sync>,
    ) -> Previewer {
        let open = move |choice: &EngineChoice| choice.open(&catalog, compute);
        Previewer::with(Box::new(open), n_threads, wake)
    }

    fn with(open: Opener, n_threads: usize, wake: Arc<dyn Fn() + Send + Sync>) -> Previewer {
        let (asks, inbox) = unbounded();
        let (outbox, events) = unbounded();
        std::thread::spawn(move || {
            let report = move |event| {
                let _ = outbox.send(event);
                wake();
            };
            let mut desk = Desk {
                open,
                inbox,
                report: Box::new(report),
                engine: None,
                work: None,
                told: Instant::now(),
            };
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads.max(1)).build();
            let served = catch_unwind(AssertUnwindSafe(|| match pool {
                Ok(pool) => pool.install(|| desk.serve()),
                Err(_) => desk.serve(),
            }));
            if let Err(panic) = served {
                let reason = format!("scoring stopped on a defect: {}", panic_text(&*panic));
                (desk.report)(PreviewEvent::Failed(reason));
            }
        });
        Previewer { asks, events }
    }

    /// Asks for scores in place of those asked for before. Whether the thread still listens.
    pub fn score(&self, request: PreviewRequest) -> bool {
        self.asks.send(Ask::Score(Box::new(request))).is_ok()
    }

    /// Scores these before the others.
    pub fn look(&self, texts: Vec<TextId>) {
        let _ = self.asks.send(Ask::Look(texts));
    }

    /// Stops within one batch; what is scored stays.
    pub fn stop(&self) {
        let _ = self.asks.send(Ask::Stop);
    }

    /// The next event, waiting at most `patience`.
    pub fn next(&self, patience: Duration) -> Option<PreviewEvent> {
        match patience.is_zero() {
            true => self.events.try_recv().ok(),
            false => self.events.recv_timeout(patience).ok(),
        }
    }
}

type Opener = Box<dyn Fn(&EngineChoice) -> anyhow::Result<Box<dyn Engine + Send>> + Send>;

/// The inside of the thread.
struct Desk {
    open: Opener,
    inbox: Receiver<Ask>,
    report: Box<dyn Fn(PreviewEvent) + Send>,
    engine: Option<(EngineChoice, Box<dyn Engine + Send>)>,
    work: Option<Work>,
    told: Instant,
}

/// A request and how far it is.
struct Work {
    asked: PreviewRequest,
    /// Places among the texts that are still to be scored, in their order.
    waiting: VecDeque<usize>,
    done: Done,
    /// Seconds spent, and texts scored in them.
    spent: (f64, usize),
}

/// What is scored, in the order in which it was.
#[derive(Default)]
struct Done {
    ids: Vec<TextId>,
    places: HashMap<TextId, usize>,
    scores: Rows,
    by_template: Vec<Rows>,
}

impl Desk {
    fn serve(&mut self) {
        while self.take_asks().is_continue() {
            let Some(work) = self.work.as_ref().filter(|work| !work.waiting.is_empty()) else {
                continue;
            };
            let choice = work.asked.choice.clone();
            if self.engine.as_ref().is_none_or(|(known, _)| *known != choice) {
                (self.report)(PreviewEvent::Progress(work.progress(0.0)));
                self.engine = None;
                match (self.open)(&choice) {
                    Ok(engine) => self.engine = Some((choice, engine)),
                    Err(reason) => self.fail(format!("{reason:#}")),
                }
                // Somebody may have thought better of it meanwhile.
                continue;
            }
            self.portion();
        }
    }

    /// Takes what was asked; waits where there is nothing to do. `Break` when nobody asks any more.
    fn take_asks(&mut self) -> ControlFlow<()> {
        if self.work.as_ref().is_none_or(|work| work.waiting.is_empty()) {
            match self.inbox.recv() {
                Ok(ask) => self.accept(ask),
                Err(RecvError) => return ControlFlow::Break(()),
            }
        }
        while let Ok(ask) = self.inbox.try_recv() {
            self.accept(ask);
        }
        ControlFlow::Continue(())
    }

    fn accept(&mut self, ask: Ask) {
        match ask {
            Ask::Score(asked) => {
                let before = self.work.take().filter(|work| work.answers(&asked));
                let work = Work::new(*asked, before);
                let finished = work.waiting.is_empty();
                if !work.done.ids.is_empty() || finished {
                    self.show(&work, finished);
                }
                if finished {
                    (self.report)(PreviewEvent::Rests);
                }
                self.work = Some(work);
            }
            Ask::Look(texts) => {
                if let Some(work) = &mut self.work {
                    work.look(&texts);
                }
            }
            Ask::Stop => {
                if let Some(work) = &mut self.work {
                    work.waiting.clear();
                }
                (self.report)(PreviewEvent::Rests);
            }
        }
    }

    /// Scores the next few texts, unless something else is asked meanwhile.
    fn portion(&mut self) {
        let (Some(work), Some((_, engine))) = (&mut self.work, &mut self.engine) else {
            return;
        };
        let places: Vec<usize> = work.waiting.iter().take(work.portion_size()).copied().collect();
        let texts = work.asked.texts.clone();
        let inputs: Vec<Input<'_>> = places
            .iter()
            .filter_map(|at| texts.get(*at))
            .map(|(_, words)| words.into())
            .collect();
        let began = Instant::now();
        let (mut asks, inbox, report, told) = (Vec::new(), &self.inbox, &self.report, &mut self.told);
        let answer = engine.score(&inputs, &work.asked.request.question, &mut |progress| {
            asks.extend(inbox.try_iter());
            if told.elapsed() >= REFRESH {
                *told = Instant::now();
                report(PreviewEvent::Progress(
                    work.progress(progress.fraction() * inputs.len() as f64),
                ));
            }
            let unwanted = asks.iter().any(|ask| match ask {
                Ask::Score(asked) => !work.answers(asked),
                Ask::Stop => true,
                Ask::Look(_) => false,
            });
            match unwanted {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        });
        match answer {
            Ok(answer) => {
                let first = work.done.ids.is_empty();
                work.take(places, answer, began.elapsed());
                let finished = work.waiting.is_empty();
                (self.report)(PreviewEvent::Progress(work.progress(0.0)));
                let due = first || finished || began.elapsed() >= REFRESH || self.told.elapsed() >= REFRESH;
                if let Some(work) = self.work.take_if(|_| due) {
                    self.show(&work, finished);
                    self.work = Some(work);
                }
                if finished {
                    (self.report)(PreviewEvent::Rests);
                }
            }
            Err(ZeroShotError::Stopped) => {}
            Err(reason) => self.fail(reason.to_string()),
        }
        for ask in asks {
            self.accept(ask);
        }
    }

    fn show(&self, work: &Work, finished: bool) {
        let scores = Arc::new(work.scores());
        (self.report)(PreviewEvent::Scored(scores.clone()));
        if finished && scores.overall.macro_f1.is_some() {
            scores.find_interval();
            (self.report)(PreviewEvent::Scored(scores));
        }
    }

    fn fail(&mut self, reason: String) {
        self.work = None;
        (self.report)(PreviewEvent::Failed(reason));
    }
}

impl Work {
    /// Goes on from what was scored before, where the same was asked.
    fn new(asked: PreviewRequest, before: Option<Work>) -> Work {
        let (done, spent) = before.map_or_else(Default::default, |work| (work.done, work.spent));
        let waiting = (asked.texts.iter().enumerate())
            .filter(|(_, (id, _))| !done.places.contains_key(id))
            .map(|(at, _)| at)
            .collect();
        Work {
            asked,
            waiting,
            done,
            spent,
        }
    }

    /// Whether scores made for this also answer `other`.
    fn answers(&self, other: &PreviewRequest) -> bool {
        self.asked.choice == other.choice && self.asked.request.question == other.request.question
    }

    fn look(&mut self, texts: &[TextId]) {
        let (first, rest): (VecDeque<usize>, VecDeque<usize>) = self.waiting.drain(..).partition(|at| {
            let id = self.asked.texts.get(*at).map(|(id, _)| id);
            id.is_some_and(|id| texts.contains(id))
        });
        self.waiting = first;
        self.waiting.extend(rest);
    }

    fn rate(&self) -> Option<f64> {
        (self.spent.0 > 0.0).then(|| self.spent.1 as f64 / self.spent.0)
    }

    fn portion_size(&self) -> usize {
        let fits = self.rate().map(|rate| (rate * PORTION.as_secs_f64()) as usize);
        fits.unwrap_or(FIRST).clamp(1, MOST_IN_PORTION)
    }

    fn take(&mut self, places: Vec<usize>, answer: Answer, took: Duration) {
        self.spent.0 += took.as_secs_f64();
        self.spent.1 += places.len();
        self.waiting.drain(..places.len());
        for id in places
            .iter()
            .filter_map(|at| self.asked.texts.get(*at))
            .map(|(id, _)| *id)
        {
            self.done.places.insert(id, self.done.ids.len());
            self.done.ids.push(id);
        }
        self.done.scores.extend(answer.scores);
        self.done.by_template.resize(answer.by_template.len(), Rows::new());
        for (rows, more) in self.done.by_template.iter_mut().zip(answer.by_template) {
            rows.extend(more);
        }
    }

    fn progress(&self, under_way: f64) -> PreviewProgress {
        PreviewProgress {
            n_scored: self.done.ids.len() + under_way as usize,
            n_texts: self.asked.texts.len(),
            texts_per_sec: self.rate(),
        }
    }

    fn scores(&self) -> ZeroShotScores {
        let source = Source {
            engine: self.asked.choice.engine(),
            model: short_name(self.asked.choice.model()),
            reads_texts: false,
            texts_per_sec: self.rate(),
        };
        let rows = (Arc::new(self.done.ids.clone()), Arc::new(self.done.places.clone()));
        let answer = Answer {
            scores: self.done.scores.clone(),
            by_template: self.done.by_template.clone(),
        };
        ZeroShotScores::new(self.asked.request.clone(), source, rows, answer, Vec::new())
    }
}

/// The last part of a path; names stay as they are.
fn short_name(model: &str) -> String {
    let last = Path::new(model)
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    last.filter(|_| model.contains(['/', '\\']))
        .unwrap_or_else(|| model.to_owned())
}

#[cfg(test)]
#[path = "preview_tests.rs"]
mod tests;
