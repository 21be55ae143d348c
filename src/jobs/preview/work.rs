//! A request of a preview and how far it is: which texts wait, which are scored, and how fast.

use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::{PreviewProgress, PreviewRequest};
use crate::core::TextId;
use crate::jobs::EngineKind;
use crate::jobs::models::DEFAULT_ENCODER;
use crate::jobs::zero_shot_scores::{Source, ZeroShotScores};
use crate::model::zero_shot::{Answer, Descent, InTree, Rows};

/// Texts of the first portion, so that something is seen soon.
const FIRST: usize = 4;

/// A portion takes about this long.
const PORTION: Duration = Duration::from_millis(800);

/// More texts than this are never one portion.
const MOST_IN_PORTION: usize = 512;

/// A request and how far it is.
pub(super) struct Work {
    pub asked: PreviewRequest,
    /// Places among the texts that are still to be scored, in their order.
    pub waiting: VecDeque<usize>,
    pub done: Done,
    /// Seconds spent, and texts scored in them, the first portion aside once there are others: an engine may learn in it.
    spent: (f64, usize),
    /// Texts a second in the last portion.
    last_rate: Option<f64>,
}

/// What is scored, in the order in which it was.
#[derive(Default)]
pub(super) struct Done {
    pub ids: Vec<TextId>,
    places: HashMap<TextId, usize>,
    scores: Rows,
    by_template: Vec<Rows>,
}

impl Work {
    /// Goes on from what was scored before, where the same was asked.
    pub(super) fn new(asked: PreviewRequest, before: Option<Work>) -> Work {
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
    pub(super) fn answers(&self, other: &PreviewRequest) -> bool {
        self.asked.request.asks_the_same(&other.request)
    }

    pub(super) fn look(&mut self, texts: &[TextId]) {
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

    pub(super) fn portion_size(&self) -> usize {
        if self.learns_at_nodes() {
            return self.waiting.len();
        }
        let fits = self.last_rate.map(|rate| (rate * PORTION.as_secs_f64()) as usize);
        fits.unwrap_or(FIRST).clamp(1, MOST_IN_PORTION)
    }

    pub(super) fn take(&mut self, places: Vec<usize>, answer: Answer, took: Duration) {
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

    pub(super) fn progress(&self, under_way: f64) -> PreviewProgress {
        PreviewProgress {
            n_scored: self.done.ids.len() + under_way as usize,
            n_texts: self.asked.texts.len(),
            texts_per_sec: self.rate(),
        }
    }

    pub(super) fn scores(&self) -> ZeroShotScores {
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
