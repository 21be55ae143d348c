//! What a zero-shot run scores, taken at one moment: labels, wordings, the texts, and the run of the same request.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use anyhow::ensure;
use serde_json::{Value, json};

use super::snapshot::{LabelledTexts, Snapshot};
use super::zero_shot_engine::{Beside, EngineSpec};
use super::zero_shot_labels::LabelsAsked;
use crate::core::metrics::default_threshold;
use crate::core::run::{Deciding, ZERO_SHOT};
use crate::core::{LabelId, ProjectState, Run, RunId, RunStatus, ScoreKind, TaskKind, TextId, Words};
use crate::model::Compute;
use crate::model::catalog::Catalog;
use crate::model::zero_shot::endpoint::Key;
use crate::model::zero_shot::{Descent, InTree, LabelText, Question};

/// Unlabelled texts that similarity reads at most: as many as move its prototypes.
const MOST_READ: usize = 4000;

/// What to score the project with.
#[derive(Debug, Clone)]
pub struct ZeroShotRunRequest {
    /// The engine.
    pub engine: EngineSpec,
    /// The wordings, each with `{}` once.
    pub templates: Vec<String>,
    /// Whether what the project says about a label takes its name's place.
    pub descriptions: bool,
    /// How the labels are asked about where they form a tree.
    pub descent: Descent,
    /// The key of an endpoint, kept nowhere; `None` for that in the environment.
    pub key: Option<Key>,
}

/// What is scored, taken at one moment.
#[derive(Debug, Clone)]
pub struct Scoring {
    task: TaskKind,
    labels: Vec<LabelId>,
    label_paths: Vec<Vec<String>>,
    pub(super) question: Question,
    pub(super) engine: EngineSpec,
    pub(super) in_tree: Option<InTree>,
    key: Option<Key>,
    /// With every option, defaults included.
    options: BTreeMap<String, Value>,
    pub(super) texts: Vec<(ScoreKind, LabelledTexts)>,
    /// What similarity embeds, in project order: the labelled texts, and others that it reads.
    pub(super) read: Vec<(TextId, Words)>,
    pile: Vec<Arc<str>>,
    /// The run of the same request.
    pub(super) known: Option<Run>,
}

impl Scoring {
    /// From the project as it is now.
    ///
    /// # Errors
    /// No labels, no labelled text, a template without its place, an engine without a model.
    pub fn new(state: &ProjectState, catalog: &Catalog, request: &ZeroShotRunRequest) -> anyhow::Result<Scoring> {
        let asked = LabelsAsked::of(state, request.descriptions, &request.engine.kind);
        let (in_tree, labels) = (asked.in_tree(request.descent), asked.ids);
        let question = Question::new(
            asked.labels,
            request.templates.clone(),
            state.task == TaskKind::MultiLabel,
        )?;
        let of_kind = |kind| (kind, LabelledTexts::of_kind(state, &labels, kind));
        let texts = [ScoreKind::OutOfFold, ScoreKind::Validation, ScoreKind::Test]
            .map(of_kind)
            .to_vec();
        ensure!(
            texts.iter().any(|(_, texts)| !texts.is_empty()),
            "no text has a label yet, so there is nothing to compare scores with: label some texts, or run it without --save"
        );
        let mut options = request.engine.to_json(catalog)?;
        let words: Vec<&str> = question.labels().iter().map(LabelText::words).collect();
        options.insert("labels".into(), json!(words));
        options.insert("templates".into(), json!(question.templates()));
        options.insert("multi".into(), json!(question.multi()));
        if in_tree.is_some() {
            let descent = serde_json::to_value(request.descent)?;
            options.extend(descent.as_object().cloned().into_iter().flatten());
        }
        let same =
            |run: &&Run| run.is_zero_shot() && run.options == options && run.labels == labels && run.task == state.task;
        Ok(Scoring {
            task: state.task,
            label_paths: labels.iter().map(|id| state.labels.path(*id)).collect(),
            known: state.runs.iter().rev().find(same).cloned(),
            read: read(state, &texts),
            pile: Snapshot::take(state).pile,
            engine: request.engine.clone(),
            key: request.key.clone(),
            in_tree,
            labels,
            question,
            options,
            texts,
        })
    }

    /// The run of the same request, where there is one.
    pub fn known(&self) -> Option<&Run> {
        self.known.as_ref()
    }

    /// What the engine may make use of when texts are scored in portions.
    pub(super) fn beside(&self) -> Beside<'_> {
        Beside {
            pile: &self.pile,
            truth: &[],
            in_tree: self.in_tree.as_ref(),
            key: self.key.as_ref(),
        }
    }

    fn n_of(&self, kind: ScoreKind) -> usize {
        self.texts
            .iter()
            .filter(|(known, _)| *known == kind)
            .map(|(_, texts)| texts.len())
            .sum()
    }

    pub(super) fn n_texts(&self) -> usize {
        self.texts.iter().map(|(_, texts)| texts.len()).sum()
    }

    /// The run as it begins: a new one, or the one there is.
    pub(super) fn run(&self, compute: Compute, now_millis: i64) -> Run {
        let begun = Run {
            id: RunId(0),
            name: String::new(),
            method: ZERO_SHOT.to_owned(),
            encoder: self
                .options
                .get("model")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned(),
            seed: 0,
            task: self.task,
            options: self.options.clone(),
            labels: self.labels.clone(),
            label_paths: self.label_paths.clone(),
            n_train: 0,
            n_validation: 0,
            n_test: 0,
            started_at_millis: now_millis,
            train_secs: 0.0,
            status: RunStatus::Training,
            message: String::new(),
            metrics: BTreeMap::new(),
            scored_on: None,
            thresholds: vec![default_threshold(self.task); self.labels.len()],
            deciding: Deciding::default(),
            history: Vec::new(),
            watched: Vec::new(),
            findings: BTreeMap::new(),
            device: String::new(),
            precision: compute.precision.to_string(),
            series: String::new(),
        };
        Run {
            status: RunStatus::Training,
            message: String::new(),
            n_validation: self.n_of(ScoreKind::Validation),
            n_test: self.n_of(ScoreKind::Test),
            ..self.known.clone().unwrap_or(begun)
        }
    }
}

fn read(state: &ProjectState, texts: &[(ScoreKind, LabelledTexts)]) -> Vec<(TextId, Words)> {
    let labelled: HashSet<TextId> = texts.iter().flat_map(|(_, texts)| texts.ids.iter().copied()).collect();
    let n_others = state.n_texts().saturating_sub(labelled.len());
    let n_taken = n_others.min(MOST_READ);
    let mut at = 0;
    let mut wanted = |id: TextId| {
        if labelled.contains(&id) {
            return true;
        }
        at += 1;
        // Evenly spread: as often as the product passes a multiple of their number.
        at * n_taken / n_others.max(1) > (at - 1) * n_taken / n_others.max(1)
    };
    state
        .texts()
        .filter(|text| wanted(text.id))
        .map(|text| (text.id, text.words()))
        .collect()
}
