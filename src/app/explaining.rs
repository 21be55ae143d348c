//! Explanations of scores: what is known, what was asked for, and the thread that works them out. It is started when somebody first asks.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::App;
use crate::core::{RunId, Words};
use crate::jobs::{ExplainEvent, ExplainKey, ExplainRequest, Explainer};
use crate::model::{Compute, Explanation};

/// Explanations kept; all are forgotten when there are more.
const MOST_KEPT: usize = 5_000;

/// Explanations of a project, none of which is stored.
#[derive(Default)]
pub struct Explaining {
    known: HashMap<ExplainKey, Arc<Explanation>>,
    failed: HashMap<RunId, String>,
    asked: Vec<ExplainKey>,
    explainer: Option<(Compute, Explainer)>,
}

impl Explaining {
    /// The words of a text, as far as they are known.
    pub fn get(&self, key: &ExplainKey) -> Option<&Arc<Explanation>> {
        self.known.get(key)
    }

    /// Why the scores of a run cannot be explained.
    pub fn failure(&self, run: RunId) -> Option<&str> {
        self.failed.get(&run).map(String::as_str)
    }

    /// Whether asking for these would change nothing: each is known, or they are the ones asked for last, or the run cannot be explained.
    pub fn is_asked(&self, run: RunId, keys: &[ExplainKey]) -> bool {
        let unknown = || keys.iter().filter(|key| !self.known.contains_key(key));
        self.failed.contains_key(&run) || unknown().next().is_none() || unknown().all(|key| self.asked.contains(key))
    }

    /// Whether something that was asked for is still to come.
    pub fn is_busy(&self) -> bool {
        let waits = |key: &ExplainKey| !self.known.contains_key(key) && !self.failed.contains_key(&key.run);
        self.asked.iter().any(waits)
    }

    /// Takes over what the thread has said. Whether there was anything.
    pub(super) fn poll(&mut self) -> bool {
        let mut changed = false;
        while let Some(event) = self
            .explainer
            .as_ref()
            .and_then(|(_, explainer)| explainer.next(Duration::ZERO))
        {
            changed = true;
            match event {
                ExplainEvent::Explained(key, explanation) => {
                    if self.known.len() >= MOST_KEPT {
                        self.known.clear();
                        self.asked.clear();
                    }
                    self.known.insert(key, explanation);
                }
                ExplainEvent::Failed(run, reason) => {
                    self.failed.insert(run, reason);
                }
            }
        }
        changed
    }
}

impl App {
    /// Asks for explanations of a run's scores, the most urgent first, in place of those asked for before; known ones are left out.
    pub fn explain(&mut self, run: RunId, dir: PathBuf, texts: Vec<(ExplainKey, Words)>) {
        let compute = self.compute();
        // One core stays free for the frame, and where there are two the training may have the other.
        let (n_threads, wake) = ((self.n_threads / 2).max(1), self.jobs.wake());
        let Some(project) = &mut self.project else { return };
        let explaining = &mut project.explaining;
        let texts: Vec<_> = texts
            .into_iter()
            .filter(|(key, _)| !explaining.known.contains_key(key))
            .collect();
        explaining.asked = texts.iter().map(|(key, _)| *key).collect();
        if explaining.explainer.as_ref().is_none_or(|(known, _)| *known != compute) {
            explaining.explainer = Some((compute, Explainer::start(compute, n_threads, wake)));
        }
        let request = ExplainRequest { run, dir, texts };
        let listens = explaining
            .explainer
            .as_ref()
            .is_some_and(|(_, explainer)| explainer.ask(request));
        if !listens {
            explaining.explainer = None;
            explaining.asked.clear();
        }
    }
}
