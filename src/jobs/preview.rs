//! Zero-shot scores of engines that take long, worked out on a thread of its own: the texts in view first, then onward in portions. The newest
//! request wins and stops what is under way within one batch; a request that asks the same keeps what is scored. Nothing of it is stored.

use std::collections::{HashMap, VecDeque};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;

use super::line::{self, Line};
use super::models::DEFAULT_ENCODER;
use super::zero_shot_engine::{Beside, EngineKind, EngineSpec};
use super::zero_shot_scores::{Source, ZeroShotRequest, ZeroShotScores};
use crate::core::{TextId, Words};
use crate::model::catalog::Catalog;
use crate::model::zero_shot::{Answer, Descent, Engine, InTree, Rows, ZeroShotError};
use crate::model::{Compute, Input};

/// Texts of the first portion, so that something is seen soon.
const FIRST: usize = 4;

/// A portion takes about this long.
const PORTION: Duration = Duration::from_millis(800);

/// More texts than this are never one portion.
const MOST_IN_PORTION: usize = 512;

/// How often progress is told, and growing scores are shown.
const REFRESH: Duration = Duration::from_millis(250);

/// What to score, with which engine; replaces what was asked before.
#[derive(Debug, Clone)]
pub struct PreviewRequest {
    /// What is asked.
    pub request: ZeroShotRequest,
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
pub struct Previewer(Line<Ask, PreviewEvent>);

impl Previewer {
    /// Starts a thread that computes with `n_threads`. `wake` is called when there is something to read.
    pub fn start(
        catalog: Arc<Catalog>,
        compute: Compute,
        n_threads: usize,
        wake: Arc<dyn Fn() + Send + Sync>,
    ) -> Previewer {
        let open = move |engine: &EngineSpec, in_tree: Option<&InTree>| {
            let beside = Beside {
                in_tree,
                ..Beside::default()
            };
            engine.open(&catalog, compute, beside)
        };
        Previewer::with(Box::new(open), n_threads, wake)
    }

    fn with(open: Opener, n_threads: usize, wake: Arc<dyn Fn() + Send + Sync>) -> Previewer {
        let (line, inbox, report) = Line::new(wake);
        std::thread::spawn(move || {
            let mut desk = Desk {
                open,
                inbox,
                report,
                engine: None,
                work: None,
                told: Instant::now(),
            };
            if let Err(defect) = line::work(n_threads, || desk.serve()) {
                desk.fail(format!("scoring stopped on a defect: {defect}"));
            }
        });
        Previewer(line)
    }

    /// Asks for scores in place of those asked for before. Whether the thread still listens.
    pub fn score(&self, request: PreviewRequest) -> bool {
        self.0.ask(Ask::Score(Box::new(request)))
    }

    /// Scores these before the others.
    pub fn look(&self, texts: Vec<TextId>) {
        self.0.ask(Ask::Look(texts));
    }

    /// Stops within one batch; what is scored stays.
    pub fn stop(&self) {
        self.0.ask(Ask::Stop);
    }

    /// The next event, waiting at most `patience`.
    pub fn next(&self, patience: Duration) -> Option<PreviewEvent> {
        self.0.next(patience)
    }
}

type Opener = Box<dyn Fn(&EngineSpec, Option<&InTree>) -> anyhow::Result<Box<dyn Engine + Send>> + Send>;

/// An engine, and what it was opened for.
struct Opened {
    spec: EngineSpec,
    in_tree: Option<Arc<InTree>>,
    engine: Box<dyn Engine + Send>,
}

/// The inside of the thread.
struct Desk {
    open: Opener,
    inbox: Receiver<Ask>,
    report: line::Report<PreviewEvent>,
    engine: Option<Opened>,
    work: Option<Work>,
    told: Instant,
}

/// A request and how far it is.
struct Work {
    asked: PreviewRequest,
    /// Places among the texts that are still to be scored, in their order.
    waiting: VecDeque<usize>,
    done: Done,
    /// Seconds spent, and texts scored in them, the first portion aside once there are others: an engine may learn in it.
    spent: (f64, usize),
    /// Texts a second in the last portion.
    last_rate: Option<f64>,
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
        while let Some(asks) = line::take(&self.inbox, self.is_idle()) {
            for ask in asks {
                self.accept(ask);
            }
            let Some(work) = self.work.as_ref().filter(|work| !work.waiting.is_empty()) else {
                continue;
            };
            let (spec, in_tree) = (&work.asked.request.engine, &work.asked.request.in_tree);
            let fits = |known: &Opened| known.spec == *spec && known.in_tree == *in_tree;
            if !self.engine.as_ref().is_some_and(fits) {
                let (spec, in_tree) = (spec.clone(), in_tree.clone());
                (self.report)(PreviewEvent::Progress(work.progress(0.0)));
                self.engine = None;
                match (self.open)(&spec, in_tree.as_deref()) {
                    Ok(engine) => self.engine = Some(Opened { spec, in_tree, engine }),
                    Err(reason) => self.fail(format!("{reason:#}")),
                }
                // Somebody may have thought better of it meanwhile.
                continue;
            }
            self.portion();
        }
    }

    fn is_idle(&self) -> bool {
        self.work.as_ref().is_none_or(|work| work.waiting.is_empty())
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
        let (Some(work), Some(Opened { engine, .. })) = (&mut self.work, &mut self.engine) else {
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
        let mut scores = work.scores();
        if let Some(Opened { engine, .. }) = &self.engine {
            scores.source.remarks = engine.remarks();
        }
        let scores = Arc::new(scores);
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
        let (done, spent, last_rate) =
            before.map_or_else(Default::default, |work| (work.done, work.spent, work.last_rate));
        let waiting = (asked.texts.iter().enumerate())
            .filter(|(_, (id, _))| !done.places.contains_key(id))
            .map(|(at, _)| at)
            .collect();
        Work {
            asked,
            waiting,
            done,
            spent,
            last_rate,
        }
    }

    /// Whether scores made for this also answer `other`.
    fn answers(&self, other: &PreviewRequest) -> bool {
        self.asked.request.asks_the_same(&other.request)
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

    /// Whether it is an engine that learns at every node of a tree, and would do so for every portion.
    fn learns_at_nodes(&self) -> bool {
        let request = &self.asked.request;
        let top_down = |in_tree: &Arc<InTree>| matches!(in_tree.descent, Descent::TopDown { .. });
        matches!(request.engine.kind, EngineKind::TemplatedSetFit { .. })
            && request.in_tree.as_ref().is_some_and(top_down)
    }

    fn portion_size(&self) -> usize {
        if self.learns_at_nodes() {
            return self.waiting.len();
        }
        let fits = self.last_rate.map(|rate| (rate * PORTION.as_secs_f64()) as usize);
        fits.unwrap_or(FIRST).clamp(1, MOST_IN_PORTION)
    }

    fn take(&mut self, places: Vec<usize>, answer: Answer, took: Duration) {
        let secs = took.as_secs_f64().max(1e-6);
        self.last_rate = Some(places.len() as f64 / secs);
        let is_second = self.done.ids.len() == self.spent.1 && self.spent.1 == FIRST.min(self.asked.texts.len());
        self.spent = match is_second {
            true => (secs, places.len()),
            false => (self.spent.0 + secs, self.spent.1 + places.len()),
        };
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
        let engine = &self.asked.request.engine;
        let source = Source {
            engine: engine.kind.name(),
            model: short_name(engine.model.as_deref().unwrap_or(DEFAULT_ENCODER)),
            reads_texts: false,
            remarks: Vec::new(),
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
