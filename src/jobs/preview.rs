//! Zero-shot scores of engines that take long, worked out on a thread of its own: the texts in view first, then onward in portions. The newest
//! request wins and stops what is under way within one batch; a request that asks the same keeps what is scored. Nothing of it is stored.

mod work;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;

use self::work::Work;
use super::line::{self, Line};
use super::zero_shot_engine::{Beside, EngineSpec};
use super::zero_shot_scores::{ZeroShotRequest, ZeroShotScores};
use crate::core::{TextId, Words};
use crate::model::catalog::Catalog;
use crate::model::zero_shot::{Engine, InTree, ZeroShotError};
use crate::model::{Compute, Input};

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

#[cfg(test)]
#[path = "preview_tests.rs"]
mod tests;
