//! Every labelled text of a project scored by a zero-shot engine, as a run: what Evaluate, thresholds and comparisons show like any other.
//!
//! Scores are saved in portions. The same request is the same run: after a stop or a crash, and when texts have been labelled since, it
//! scores what is missing.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use super::embeddings::EmbeddingCache;
use super::evaluate::headline_metrics;
use super::models::{encoder_dir, load_encoder};
use super::snapshot::{LabelledTexts, Snapshot};
use super::worker::{JobContext, JobEvent, Outcome};
use super::zero_shot_engine::{Beside, EngineKind, EngineSpec};
use crate::core::metrics::default_threshold;
use crate::core::run::{Deciding, ZERO_SHOT};
use crate::core::{LabelId, ProjectState, Run, RunId, RunStatus, ScoreKind, TaskKind, TextId, Words};
use crate::model::catalog::Catalog;
use crate::model::zero_shot::{LabelText, Pile, Progress, Question, Similarity, ZeroShotError};
use crate::model::{Compute, Embeddings, Input, ModelError};
use crate::store::Store;

/// Texts of the first portion; the next ones follow the engine's speed.
const FIRST_PORTION: usize = 16;

/// A portion takes about this long, in seconds: what a crash loses at most.
const PORTION_SECS: f64 = 5.0;

/// More texts than this are never one portion.
const MOST_IN_PORTION: usize = 4096;

/// Texts embedded between two looks at whether to save.
const EMBEDDED_AT_A_TIME: usize = 256;

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
}

/// The labels a text can be given: those without labels below them, and those that some text carries. In display order, with what is
/// asked about them.
pub fn labels_asked(state: &ProjectState, descriptions: bool) -> Vec<(LabelId, LabelText)> {
    let annotations = state.texts().filter_map(|text| text.annotation.as_ref());
    let used: HashSet<LabelId> = annotations
        .flat_map(|annotation| annotation.labels.iter().copied())
        .collect();
    let in_order = state.labels.in_order();
    let parents: HashSet<LabelId> = in_order.iter().filter_map(|(_, label)| label.parent).collect();
    let asked = in_order.into_iter().map(|(_, label)| label);
    asked
        .filter(|label| used.contains(&label.id) || !parents.contains(&label.id))
        .map(|label| {
            let described = Some(label.description.trim()).filter(|words| descriptions && !words.is_empty());
            let text = LabelText {
                description: described.map(str::to_owned),
                ..LabelText::named(&label.name)
            };
            (label.id, text)
        })
        .collect()
}

/// What is scored, taken at one moment.
#[derive(Debug, Clone)]
pub struct Scoring {
    task: TaskKind,
    labels: Vec<LabelId>,
    label_paths: Vec<Vec<String>>,
    question: Question,
    engine: EngineSpec,
    /// With every option, defaults included.
    options: BTreeMap<String, Value>,
    texts: Vec<(ScoreKind, LabelledTexts)>,
    /// What similarity embeds, in project order: the labelled texts, and others that it reads.
    read: Vec<(TextId, Words)>,
    pile: Vec<Arc<str>>,
    /// The run of the same request.
    known: Option<Run>,
}

impl Scoring {
    /// From the project as it is now.
    ///
    /// # Errors
    /// No labels, no labelled text, a template without its place, an engine without a model.
    pub fn new(state: &ProjectState, catalog: &Catalog, request: &ZeroShotRunRequest) -> anyhow::Result<Scoring> {
        let (labels, asked): (Vec<LabelId>, Vec<LabelText>) =
            labels_asked(state, request.descriptions).into_iter().unzip();
        let question = Question::new(asked, request.templates.clone(), state.task == TaskKind::MultiLabel)?;
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
        let same =
            |run: &&Run| run.is_zero_shot() && run.options == options && run.labels == labels && run.task == state.task;
        Ok(Scoring {
            task: state.task,
            label_paths: labels.iter().map(|id| state.labels.path(*id)).collect(),
            known: state.runs.iter().rev().find(same).cloned(),
            read: read(state, &texts),
            pile: Snapshot::take(state).pile,
            engine: request.engine.clone(),
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

    fn n_of(&self, kind: ScoreKind) -> usize {
        self.texts
            .iter()
            .filter(|(known, _)| *known == kind)
            .map(|(_, texts)| texts.len())
            .sum()
    }

    fn n_texts(&self) -> usize {
        self.texts.iter().map(|(_, texts)| texts.len()).sum()
    }

    /// The run as it begins: a new one, or the one there is.
    fn run(&self, compute: Compute, now_millis: i64) -> Run {
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

/// Scores, and stores a run without a model. A stop keeps the portions that are finished; a failure says why in the run.
pub fn run(
    job: &mut JobContext,
    store: &Store,
    catalog: &Catalog,
    scoring: &Scoring,
    compute: Compute,
    n_threads: usize,
    now_millis: i64,
) -> anyhow::Result<Outcome> {
    let mut run = scoring.run(compute, now_millis);
    run.device = compute.device.resolve()?.id.to_string();
    match scoring.known {
        Some(_) => store.save_run(&run)?,
        None => run = store.create_run(run)?,
    }
    job.emit(JobEvent::RunStarted(Box::new(run.clone())));
    let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads.max(1)).build()?;
    let mut work = Work {
        store,
        catalog,
        scoring,
        compute,
        run,
        began: Instant::now(),
    };
    let scored = pool.install(|| work.carry_out(job));
    if let Err(error) = &scored {
        work.run.status = RunStatus::Failed;
        work.run.message = format!("{error:#}");
        store.save_run(&work.run)?;
        job.emit(JobEvent::RunStarted(Box::new(work.run.clone())));
    }
    scored?;
    Ok(Outcome::Trained(Box::new(work.run)))
}

/// Scores of texts by id.
type Scores = HashMap<TextId, Vec<f32>>;

struct Work<'a> {
    store: &'a Store,
    catalog: &'a Catalog,
    scoring: &'a Scoring,
    compute: Compute,
    run: Run,
    began: Instant,
}

impl Work<'_> {
    fn carry_out(&mut self, job: &mut JobContext) -> anyhow::Result<()> {
        let secs_before = self.run.train_secs;
        let finished = match self.scoring.engine.kind {
            EngineKind::Similarity { pile } => self.all_at_once(job, pile)?,
            EngineKind::TemplatedSetFit { .. } | EngineKind::Entailment { .. } => self.in_portions(job)?,
        };
        self.run.train_secs = secs_before + self.began.elapsed().saturating_sub(job.paused()).as_secs_f64();
        let mut n_scored = 0;
        for (kind, texts) in &self.scoring.texts {
            let scores = self.store.scores(self.run.id, *kind)?;
            n_scored += texts
                .ids
                .iter()
                .filter(|id| scores.binary_search_by_key(*id, |(id, _)| *id).is_ok())
                .count();
            if !scores.is_empty() && !texts.is_empty() {
                self.run.metrics = headline_metrics(&self.run, *kind, texts, &scores);
                self.run.scored_on = Some(*kind);
            }
        }
        self.run.findings.insert("n_scored".into(), n_scored.into());
        self.run.status = if finished { RunStatus::Done } else { RunStatus::Stopped };
        if !finished {
            let n_texts = self.scoring.n_texts();
            self.run.message = format!(
                "stopped with {n_scored} of {n_texts} texts scored; these are kept, and the same engine with the same options goes on from there"
            );
        }
        Ok(self.store.save_run(&self.run)?)
    }

    /// Similarity: what one text's score is depends on the others. Embeddings are what takes time, and they are kept.
    fn all_at_once(&mut self, job: &mut JobContext, pile: Pile) -> anyhow::Result<bool> {
        let Some((mut engine, embedded)) = self.embedded(job, pile)? else {
            return Ok(false);
        };
        let answer = engine.answer(&embedded, &self.scoring.question)?;
        self.run.findings.remove("temperature");
        if !engine.temperatures().is_empty() {
            self.run
                .findings
                .insert("temperature".into(), json!(engine.temperatures()));
        }
        let rows = self.scoring.read.iter().map(|(id, _)| *id).zip(answer.scores);
        let scores: Scores = rows.collect();
        for (kind, texts) in &self.scoring.texts {
            let scored = |id: &TextId| Some((*id, scores.get(id)?.clone()));
            let of_kind: Vec<_> = texts.ids.iter().filter_map(scored).collect();
            self.store.save_scores(self.run.id, *kind, &of_kind)?;
        }
        Ok(true)
    }

    /// The engine and the embeddings of what it reads; `None` when the job was asked to stop.
    fn embedded(&self, job: &mut JobContext, pile: Pile) -> anyhow::Result<Option<(Similarity, Embeddings)>> {
        let model = self.scoring.engine.model_name(self.catalog)?;
        let encoder = load_encoder(self.catalog, &model, self.compute)?;
        let dir = encoder_dir(self.catalog, &model)?;
        let mut cache = EmbeddingCache::open(&self.store.files_dir(), &dir, encoder.dim(), self.compute.precision);
        let read = &self.scoring.read;
        let missing: Vec<&(TextId, Words)> = read.iter().filter(|(id, _)| cache.row(*id).is_none()).collect();
        let (total, mut saved) = (missing.len() as u64, Instant::now());
        let began = Instant::now();
        let mut n_done = 0;
        for some in missing.chunks(EMBEDDED_AT_A_TIME) {
            let inputs: Vec<Input<'_>> = some.iter().map(|(_, words)| words.into()).collect();
            let embedded = encoder.embed(&inputs, &mut |done| {
                let done = n_done + done;
                job.progress(done as u64, total, &pace("embedding", done, missing.len(), began));
                job.flow()
            });
            let embedded = match embedded {
                Err(ModelError::Stopped) => {
                    cache.save()?;
                    return Ok(None);
                }
                other => other?,
            };
            n_done += some.len();
            let ids: Vec<TextId> = some.iter().map(|(id, _)| *id).collect();
            cache.extend(&ids, &embedded.data);
            if saved.elapsed().as_secs_f64() > PORTION_SECS {
                cache.save()?;
                saved = Instant::now();
            }
        }
        cache.save()?;
        let rows = read.iter().filter_map(|(id, _)| cache.row(*id));
        let embedded = Embeddings {
            dim: encoder.dim(),
            data: rows.flatten().copied().collect(),
        };
        let engine = Similarity::new(encoder).with_pile(pile).with_truth(self.truth());
        Ok(Some((engine, embedded)))
    }

    /// Rows of the texts that train among those that are read, with the column of their label.
    fn truth(&self) -> Vec<(usize, usize)> {
        let row_of: HashMap<TextId, usize> = self
            .scoring
            .read
            .iter()
            .enumerate()
            .map(|(row, (id, _))| (*id, row))
            .collect();
        let train = self
            .scoring
            .texts
            .iter()
            .filter(|(kind, _)| *kind == ScoreKind::OutOfFold);
        let known = train.flat_map(|(_, texts)| texts.ids.iter().zip(&texts.labels));
        known
            .filter_map(|(id, labels)| Some((*row_of.get(id)?, *labels.first()?)))
            .collect()
    }

    /// Whether every text is scored: engines whose scores of a text rest on that text alone.
    fn in_portions(&self, job: &mut JobContext) -> anyhow::Result<bool> {
        let mut known: Vec<Scores> = Vec::new();
        for (kind, _) in &self.scoring.texts {
            known.push(self.store.scores(self.run.id, *kind)?.into_iter().collect());
        }
        let missing: usize = (self.scoring.texts.iter().zip(&known))
            .map(|((_, texts), known)| texts.ids.iter().filter(|id| !known.contains_key(id)).count())
            .sum();
        if missing == 0 {
            return Ok(true);
        }
        job.progress(0, missing as u64, "opening the model");
        let beside = Beside {
            pile: &self.scoring.pile,
            truth: &[],
        };
        let mut engine = self.scoring.engine.open(self.catalog, self.compute, beside)?;
        let (mut n_done, mut size, began) = (0, FIRST_PORTION, Instant::now());
        for ((kind, texts), known) in self.scoring.texts.iter().zip(&mut known) {
            let inputs = texts.inputs();
            let rows: Vec<usize> = (0..texts.len())
                .filter(|row| !known.contains_key(&texts.ids[*row]))
                .collect();
            let mut rows = rows.as_slice();
            while !rows.is_empty() {
                let (portion, rest) = rows.split_at(size.min(rows.len()));
                let started = Instant::now();
                let asked: Vec<Input<'_>> = portion.iter().map(|row| inputs[*row]).collect();
                let mut tell = |progress: Progress| -> ControlFlow<()> {
                    let done = n_done + (progress.fraction() * portion.len() as f64) as usize;
                    job.progress(done as u64, missing as u64, &pace("scoring", done, missing, began));
                    job.flow()
                };
                let answer = match engine.score(&asked, &self.scoring.question, &mut tell) {
                    Err(ZeroShotError::Stopped) => return Ok(false),
                    answer => answer?,
                };
                known.extend(portion.iter().map(|row| texts.ids[*row]).zip(answer.scores));
                let of_kind: Vec<_> = known.iter().map(|(id, row)| (*id, row.clone())).collect();
                self.store
                    .save_scores(self.run.id, *kind, &of_kind)
                    .context("the scores could not be saved")?;
                n_done += portion.len();
                rows = rest;
                let rate = portion.len() as f64 / started.elapsed().as_secs_f64().max(1e-3);
                size = ((rate * PORTION_SECS) as usize).clamp(FIRST_PORTION, MOST_IN_PORTION);
            }
        }
        Ok(true)
    }
}

/// "scoring · 12.5 texts/s · 40 s left", as soon as there is something to tell.
fn pace(doing: &str, done: usize, total: usize, began: Instant) -> String {
    let secs = began.elapsed().as_secs_f64();
    if done == 0 || secs <= 0.0 {
        return doing.to_owned();
    }
    let rate = done as f64 / secs;
    let left = total.saturating_sub(done) as f64 / rate;
    format!("{doing} · {rate:.1} texts/s · {left:.0} s left")
}
