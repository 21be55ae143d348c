//! Zero-shot scores of the open project: what was asked, what has come, and whether it is used as suggestions. Nothing of it is stored; a label
//! comes of it only where a person accepts one.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use super::{App, Project};
use crate::core::{LabelId, Split, TextId, queue};
use crate::jobs::models::{entailment_models, language_models};
use crate::jobs::zero_shot_labels::tree_of;
use crate::jobs::zero_shot_scores::Known;
use crate::jobs::{
    EngineSpec, PreviewEvent, PreviewProgress, PreviewRequest, Previewer, ZeroShotRequest, ZeroShotScores,
};
use crate::model::Compute;
use crate::model::zero_shot::{Descent, InTree, LabelText, Question};

/// One way of asking.
#[derive(Debug, Clone, PartialEq)]
pub struct PreviewAsk {
    /// What answers.
    pub engine: EngineSpec,
    /// What each label is called and described as, with the project's label where it is one of those.
    pub labels: Vec<(Option<LabelId>, LabelText)>,
    /// The sentences a label is put into, each with one `{}` or `{path}`.
    pub templates: Vec<String>,
    /// How labels that form a tree are asked about.
    pub descent: Descent,
    /// Whether a text may have several labels.
    pub multi: bool,
}

impl PreviewAsk {
    /// As a question.
    ///
    /// # Errors
    /// Those of [`Question::new`].
    pub fn question(&self) -> Result<Question, String> {
        let labels = self.labels.iter().map(|(_, label)| label.clone()).collect();
        Question::new(labels, self.templates.iter().cloned(), self.multi).map_err(|reason| reason.to_string())
    }
}

/// Zero-shot scores of a project, and what is under way.
#[derive(Default)]
pub struct Previewing {
    /// The newest scores; they stay until others come, even where something else is asked by now.
    pub scores: Option<Arc<ZeroShotScores>>,
    /// Scores of another question, for the texts the newest have not come to yet.
    pub earlier: Option<Arc<ZeroShotScores>>,
    /// Why what was asked last cannot be answered.
    pub failure: Option<String>,
    /// How far a slow engine is; `None` while none works.
    pub progress: Option<PreviewProgress>,
    /// Models of this machine that tell entailment, once [`App::find_zero_shot_models`] has looked.
    pub entailment_models: Vec<String>,
    /// Language models of this machine, likewise.
    pub language_models: Vec<String>,
    /// Whether scores in use order the queue, rather than the quick model.
    pub orders_queue: bool,
    in_use: Option<(Arc<ZeroShotScores>, queue::Suggestions)>,
    rates: BTreeMap<(&'static str, String, bool), f64>,
    asked: Option<ZeroShotRequest>,
    generation: u64,
    previewer: Option<(Compute, Previewer)>,
}

impl Previewing {
    /// Whether scores answer what was asked last.
    pub fn is_current(&self, scores: &ZeroShotScores) -> bool {
        let asked = self.asked.as_ref();
        asked.is_some_and(|asked| asked.asks_the_same(&scores.request))
    }

    /// Texts a second that an engine has been seen to score here.
    pub fn rate(&self, engine: &'static str, model: &str, reads_texts: bool) -> Option<f64> {
        self.rates.get(&(engine, model.to_owned(), reads_texts)).copied()
    }

    /// The scores that are used as suggestions.
    pub fn in_use(&self) -> Option<&Arc<ZeroShotScores>> {
        self.in_use.as_ref().map(|(scores, _)| scores)
    }

    /// The same for the labels of the project.
    pub fn suggestions(&self) -> Option<&queue::Suggestions> {
        self.in_use.as_ref().map(|(_, suggestions)| suggestions)
    }

    /// Scores these texts before others.
    pub fn look(&self, texts: Vec<TextId>) {
        if let (Some((_, previewer)), Some(_)) = (&self.previewer, &self.progress) {
            previewer.look(texts);
        }
    }

    /// Stops a slow engine; what is scored stays.
    pub fn stop(&mut self) {
        if let Some((_, previewer)) = &self.previewer {
            previewer.stop();
        }
        self.progress = None;
    }

    /// Newest scores. Whether what is used as suggestions has changed with them.
    pub(super) fn scored(&mut self, scores: Arc<ZeroShotScores>) -> bool {
        if let Some(known) = self.scores.take() {
            if known.request.generation > scores.request.generation {
                self.scores = Some(known);
                return false;
            }
            if !known.request.asks_the_same(&scores.request) {
                self.earlier = Some(known);
            }
        }
        if self
            .earlier
            .as_ref()
            .is_some_and(|earlier| earlier.n_scored() <= scores.n_scored())
        {
            self.earlier = None;
        }
        if let Some(rate) = scores.source.texts_per_sec {
            let source = &scores.source;
            let key = (source.engine, source.model.clone(), source.reads_texts);
            self.rates.insert(key, rate);
        }
        self.failure = None;
        let in_use = self.in_use.as_ref();
        let used = in_use.is_some_and(|(used, _)| used.request.asks_the_same(&scores.request));
        if used {
            self.in_use = Some((scores.clone(), scores.suggestions()));
        }
        self.scores = Some(scores);
        used
    }

    pub(super) fn use_as_suggestions(&mut self) {
        self.in_use = self.scores.clone().map(|scores| {
            let suggestions = scores.suggestions();
            (scores, suggestions)
        });
        self.orders_queue = self.in_use.is_some();
    }

    pub(super) fn leave(&mut self) {
        self.in_use = None;
        self.orders_queue = false;
    }
}

impl Project {
    /// Takes over what the thread of slow engines has said. Whether there was anything.
    pub(super) fn poll_previewer(&mut self) -> bool {
        let (mut changed, mut used) = (false, false);
        let next = |previewing: &Previewing| {
            previewing
                .previewer
                .as_ref()
                .and_then(|(_, thread)| thread.next(Duration::ZERO))
        };
        while let Some(event) = next(&self.previewing) {
            changed = true;
            match event {
                PreviewEvent::Progress(progress) => self.previewing.progress = Some(progress),
                PreviewEvent::Scored(scores) => used |= self.previewing.scored(scores),
                PreviewEvent::Rests => self.previewing.progress = None,
                PreviewEvent::Failed(reason) => {
                    self.previewing.progress = None;
                    self.previewing.failure = Some(reason);
                }
            }
        }
        if used {
            self.refresh_queue();
        }
        changed
    }

    /// The tree that the labels of a preview form.
    fn in_tree(&self, ask: &PreviewAsk) -> Option<InTree> {
        let labels: Vec<LabelText> = ask.labels.iter().map(|(_, label)| label.clone()).collect();
        let tree = tree_of(&labels)?;
        let annotations = self.state.texts().filter_map(|text| text.annotation.as_ref());
        let used: HashSet<LabelId> = annotations.flat_map(|of| of.labels.iter().copied()).collect();
        let can_answer = |(column, (id, _)): (usize, &(Option<LabelId>, LabelText))| {
            tree.is_leaf(column) || id.is_some_and(|id| used.contains(&id))
        };
        Some(InTree {
            answers: ask.labels.iter().enumerate().map(can_answer).collect(),
            descent: ask.descent,
            tree,
        })
    }

    /// The labelled texts outside test, as columns of these labels.
    fn known(&self, ids: &[Option<LabelId>], in_tree: Option<&InTree>) -> Vec<Known> {
        let columns: BTreeMap<LabelId, usize> = (ids.iter().enumerate())
            .filter_map(|(at, id)| Some(((*id)?, at)))
            .collect();
        let texts = self.state.texts().filter(|text| text.effective_split() != Split::Test);
        let of = |text: &crate::core::Text| {
            let annotation = text.annotation.as_ref()?;
            let mut own: Vec<usize> = annotation
                .labels
                .iter()
                .filter_map(|id| columns.get(id).copied())
                .collect();
            own.sort_unstable();
            if let Some(in_tree) = in_tree {
                own = in_tree.tree.closed(&own);
            }
            Some(Known {
                text: text.id,
                columns: own,
                trains: text.trains(),
            })
        };
        texts.filter_map(of).collect()
    }
}

impl App {
    /// Asks for zero-shot scores in place of what was asked before; they arrive in [`Project::previewing`].
    pub fn preview(&mut self, ask: &PreviewAsk) {
        let compute = self.compute();
        let n_threads = self.n_threads;
        let (catalog, wake) = (self.catalog.clone(), self.jobs.wake());
        let Some(project) = &mut self.project else { return };
        let question = match ask.question() {
            Ok(question) => question,
            Err(reason) => {
                project.previewing.failure = Some(reason);
                return;
            }
        };
        let ids: Vec<Option<LabelId>> = ask.labels.iter().map(|(id, _)| *id).collect();
        let in_tree = project.in_tree(ask).map(Arc::new);
        let known = Arc::new(project.known(&ids, in_tree.as_deref()));
        let previewing = &mut project.previewing;
        previewing.generation += 1;
        previewing.failure = None;
        let request = ZeroShotRequest {
            engine: ask.engine.clone(),
            question,
            in_tree,
            ids,
            known,
            generation: previewing.generation,
        };
        previewing.asked = Some(request.clone());
        match ask.engine.is_instant() {
            true => {
                previewing.stop();
                if let Some(suggester) = &project.suggester {
                    suggester.zero_shot(request);
                }
            }
            false => {
                if previewing.previewer.as_ref().is_none_or(|(known, _)| *known != compute) {
                    previewing.previewer = Some((compute, Previewer::start(catalog, compute, n_threads, wake)));
                }
                let texts = project.state.texts().map(|text| (text.id, text.words())).collect();
                let request = PreviewRequest {
                    request,
                    texts: Arc::new(texts),
                };
                let listens = previewing
                    .previewer
                    .as_ref()
                    .is_some_and(|(_, thread)| thread.score(request));
                if !listens {
                    previewing.previewer = None;
                    previewing.failure = Some("the engine has stopped; ask again to start it anew".to_owned());
                }
            }
        }
    }

    /// Looks which models of this machine tell entailment, and which are language models. Reads a few small files.
    pub fn find_zero_shot_models(&mut self) {
        let (entailment, language) = (entailment_models(&self.catalog), language_models(&self.catalog));
        if let Some(project) = &mut self.project {
            project.previewing.entailment_models = entailment;
            project.previewing.language_models = language;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::EngineKind;
    use crate::jobs::zero_shot_scores::Source;
    use crate::model::zero_shot::Answer;
    use crate::model::zero_shot::Pile;

    fn scored(generation: u64, label: &str, n_texts: usize) -> Arc<ZeroShotScores> {
        let question = Question::about(&[label, "b"], ["{}"], false).unwrap();
        let ids: Vec<TextId> = (1..=n_texts as i64).map(TextId).collect();
        let places = ids.iter().enumerate().map(|(at, id)| (*id, at)).collect();
        let request = ZeroShotRequest {
            engine: EngineSpec::new(EngineKind::Similarity { pile: Pile::Off }),
            in_tree: None,
            question,
            ids: vec![Some(LabelId(1)), None],
            known: Arc::default(),
            generation,
        };
        let source = Source {
            engine: "similarity",
            model: "tiny".into(),
            reads_texts: false,
            texts_per_sec: Some(100.0 * generation as f64),
            remarks: Vec::new(),
        };
        let answer = Answer {
            scores: vec![vec![0.75, 0.25]; n_texts],
            by_template: Vec::new(),
        };
        Arc::new(ZeroShotScores::new(
            request,
            source,
            (Arc::new(ids), Arc::new(places)),
            answer,
            Vec::new(),
        ))
    }

    #[test]
    fn the_newest_wins_and_earlier_scores_stay_where_it_has_not_come_to() {
        let mut previewing = Previewing::default();
        previewing.scored(scored(1, "a", 100));
        previewing.scored(scored(3, "c", 4));
        assert!(
            previewing
                .earlier
                .as_ref()
                .is_some_and(|earlier| earlier.name(0) == "a")
        );
        previewing.scored(scored(2, "late", 100));
        assert_eq!(previewing.scores.as_ref().map(|scores| scores.name(0)), Some("c"));
        previewing.scored(scored(3, "c", 100));
        assert!(previewing.earlier.is_none());
        assert_eq!(previewing.rate("similarity", "tiny", false), Some(300.0));
    }

    #[test]
    fn scores_in_use_follow_their_question_and_no_other() {
        let mut previewing = Previewing::default();
        previewing.scored(scored(1, "a", 2));
        assert!(previewing.suggestions().is_none());
        previewing.use_as_suggestions();
        assert_eq!(previewing.suggestions().map(|rows| rows.scores.len()), Some(2));
        assert!(!previewing.scored(scored(2, "c", 5)));
        assert_eq!(previewing.suggestions().map(|rows| rows.scores.len()), Some(2));
        assert!(previewing.scored(scored(3, "a", 5)));
        assert_eq!(
            previewing.suggestions().map(|rows| rows.ranked(TextId(5))),
            Some(vec![(LabelId(1), 0.75)])
        );
        previewing.leave();
        assert!(previewing.in_use().is_none() && !previewing.orders_queue);
    }
}
