//! The words behind scores, worked out on a thread of its own for the texts in view. The newest request wins; what it no longer asks for is
//! dropped. Nothing of it is stored.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::Receiver;

use super::line::{self, Line};
use crate::core::{RunId, TextId, Words};
use crate::model::{Classifier, Compute, Explanation, ModelError, Target, explain};

/// Which score of which text is explained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ExplainKey {
    /// The run whose model it is.
    pub run: RunId,
    /// The text.
    pub text: TextId,
    /// The label, and the one it is compared with.
    pub target: Target,
}

/// Texts to explain, the most urgent first; replaces what was asked before.
#[derive(Debug, Clone)]
pub struct ExplainRequest {
    /// The run whose model is asked.
    pub run: RunId,
    /// The model's folder.
    pub dir: PathBuf,
    /// Each with the words of its text.
    pub texts: Vec<(ExplainKey, Words)>,
}

/// What the thread says.
#[derive(Debug)]
pub enum ExplainEvent {
    /// The words of a text.
    Explained(ExplainKey, Arc<Explanation>),
    /// A text that cannot be explained, or all of a run, and why.
    Failed(RunId, String),
}

/// A handle on the thread; dropping it ends the thread.
pub struct Explainer(Line<ExplainRequest, ExplainEvent>);

impl Explainer {
    /// Starts a thread that computes with `n_threads`. `wake` is called when there is something to read.
    pub fn start(compute: Compute, n_threads: usize, wake: Arc<dyn Fn() + Send + Sync>) -> Self {
        let (line, inbox, report) = Line::new(wake);
        std::thread::spawn(move || {
            let mut desk = Desk {
                compute,
                inbox,
                report,
                waiting: VecDeque::new(),
                from: None,
                model: None,
            };
            if let Err(defect) = line::work(n_threads, || desk.serve()) {
                desk.fail(format!("it stopped on a defect: {defect}"));
            }
        });
        Explainer(line)
    }

    /// Asks for explanations in place of those asked for before. Whether the thread still listens.
    pub fn ask(&self, request: ExplainRequest) -> bool {
        self.0.ask(request)
    }

    /// The next event, waiting at most `patience`.
    pub fn next(&self, patience: Duration) -> Option<ExplainEvent> {
        self.0.next(patience)
    }
}

/// The inside of the thread.
struct Desk {
    compute: Compute,
    inbox: Receiver<ExplainRequest>,
    report: line::Report<ExplainEvent>,
    waiting: VecDeque<(ExplainKey, Words)>,
    /// The run that is asked about and its folder.
    from: Option<(RunId, PathBuf)>,
    /// The model that is open.
    model: Option<(RunId, Classifier)>,
}

impl Desk {
    fn serve(&mut self) {
        while let Some(requests) = line::take(&self.inbox, self.waiting.is_empty()) {
            if let Some(newest) = requests.into_iter().last() {
                self.accept(newest);
            }
            let Some((key, words)) = self.waiting.pop_front() else {
                continue;
            };
            if let Err(reason) = self.open(key.run) {
                self.waiting.clear();
                self.fail(reason);
                continue;
            }
            self.explain(key, &words);
        }
    }

    fn accept(&mut self, request: ExplainRequest) {
        self.waiting = request.texts.into();
        self.from = Some((request.run, request.dir));
    }

    fn open(&mut self, run: RunId) -> Result<(), String> {
        if self.model.as_ref().is_some_and(|(known, _)| *known == run) {
            return Ok(());
        }
        self.model = None;
        let Some((_, dir)) = self.from.as_ref().filter(|(known, _)| *known == run) else {
            return Err("its model was not named".to_owned());
        };
        let classifier = Classifier::load(dir, self.compute).map_err(|error| error.to_string())?;
        self.model = Some((run, classifier));
        Ok(())
    }

    fn explain(&mut self, key: ExplainKey, words: &Words) {
        let Some((_, classifier)) = &self.model else { return };
        let mut newest = None;
        let (inbox, mut unwanted) = (&self.inbox, false);
        let mut flow = || {
            if let Some(request) = inbox.try_iter().last() {
                unwanted = request.texts.iter().all(|(wanted, _)| *wanted != key);
                newest = Some(request);
            }
            match unwanted {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        };
        let found = explain(classifier, words.into(), key.target, &mut flow);
        if let Some(request) = newest {
            self.accept(request);
            self.waiting.retain(|(waiting, _)| *waiting != key);
        }
        match found {
            Ok(explanation) => (self.report)(ExplainEvent::Explained(key, Arc::new(explanation))),
            Err(ModelError::Stopped) => {}
            Err(error) => self.fail(error.to_string()),
        }
    }

    fn fail(&self, reason: String) {
        if let Some((run, _)) = &self.from {
            (self.report)(ExplainEvent::Failed(*run, reason));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::TaskKind;
    use crate::model::testing::tiny_encoder;
    use crate::model::{DeviceChoice, Precision};
    use crate::model::{LogisticHead, Targets, head::Examples, head::FitSettings};

    const PATIENCE: Duration = Duration::from_secs(60);

    fn saved(dir: &std::path::Path) {
        let encoder = tiny_encoder(3);
        let texts = ["the cat sleeps", "dog cat", "the price", "market price"];
        let embeddings = encoder.embed(&texts, &mut |_| ControlFlow::Continue(())).unwrap();
        let targets = Targets::Single(vec![0, 0, 1, 1]);
        let head = LogisticHead::fit(Examples::new(&embeddings, &targets, 2), &FitSettings::with_c(10.0)).unwrap();
        let classifier = Classifier {
            encoder,
            head: head.into(),
            pairs: false,
            task: TaskKind::SingleLabel,
            label_paths: vec![vec!["animals".into()], vec!["money".into()]],
            thresholds: vec![0.0; 2],
            at_least_one: false,
            tree: None,
            walk: crate::core::Walk::default(),
            encoder_name: "tiny".into(),
        };
        classifier.save(dir).unwrap();
    }

    fn request(run: i64, dir: &std::path::Path, texts: &[(i64, &str)]) -> ExplainRequest {
        let run = RunId(run);
        let target = Target {
            label: 0,
            against: None,
        };
        let key = |text: i64| ExplainKey {
            run,
            text: TextId(text),
            target,
        };
        let words = |text: &str| Words {
            body: text.into(),
            second: None,
        };
        ExplainRequest {
            run,
            dir: dir.to_path_buf(),
            texts: texts.iter().map(|(id, text)| (key(*id), words(text))).collect(),
        }
    }

    fn explainer() -> Explainer {
        let compute = Compute {
            device: DeviceChoice::Cpu,
            precision: Precision::F32,
        };
        Explainer::start(compute, 1, Arc::new(|| {}))
    }

    #[test]
    fn the_newest_request_is_answered_in_its_order_and_what_was_dropped_is_not() {
        let folder = tempfile::tempdir().unwrap();
        saved(folder.path());
        let explainer = explainer();
        let long = "the cat sleeps ".repeat(400);
        let texts: Vec<(i64, &str)> = (0..200).map(|at| (at, long.as_str())).collect();
        assert!(explainer.ask(request(1, folder.path(), &texts)));
        assert!(explainer.ask(request(1, folder.path(), &[(900, "the cat"), (901, "price")])));
        let mut answered = Vec::new();
        while answered.last() != Some(&901) {
            match explainer.next(PATIENCE).unwrap() {
                ExplainEvent::Explained(key, explanation) => {
                    assert!(!explanation.words.is_empty());
                    answered.push(key.text.0);
                }
                ExplainEvent::Failed(_, reason) => panic!("{reason}"),
            }
        }
        assert!(answered.ends_with(&[900, 901]) && answered.len() < 100, "{answered:?}");
        assert!(explainer.next(Duration::ZERO).is_none());
    }

    #[test]
    fn a_missing_model_is_said_and_the_thread_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let explainer = explainer();
        assert!(explainer.ask(request(7, &folder.path().join("gone"), &[(1, "cat")])));
        let Some(ExplainEvent::Failed(run, reason)) = explainer.next(PATIENCE) else {
            panic!("nothing was said")
        };
        assert!(run == RunId(7) && reason.contains("no model"), "{reason}");
        saved(folder.path());
        assert!(explainer.ask(request(8, folder.path(), &[(1, "cat")])));
        assert!(matches!(explainer.next(PATIENCE), Some(ExplainEvent::Explained(..))));
    }
}
