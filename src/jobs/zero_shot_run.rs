//! Every labelled text of a project scored by a zero-shot engine, as a run: what Evaluate, thresholds and comparisons show like any other.
//!
//! Scores are saved in portions. The same request is the same run: after a stop or a crash, and when texts have been labelled since, it
//! scores what is missing.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::time::Instant;

use anyhow::Context;
use serde_json::json;

use super::embeddings::EmbeddingCache;
use super::evaluate::headline_metrics;
use super::models::{encoder_dir, load_encoder};
use super::worker::{JobContext, JobEvent, Outcome};
use super::zero_shot_engine::EngineKind;
pub use super::zero_shot_scoring::{Scoring, ZeroShotRunRequest};
use crate::core::{Run, RunStatus, ScoreKind, TextId, Words};
use crate::model::catalog::Catalog;
use crate::model::zero_shot::endpoint::Usage;
use crate::model::zero_shot::{Descent, Engine, Pile, Progress, Similarity, ZeroShotError};
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
            _ => self.in_portions(job)?,
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
        let engine = Similarity::new(encoder)
            .with_pile(pile)
            .with_truth(self.truth())
            .with_tree(self.scoring.in_tree.clone());
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
    fn in_portions(&mut self, job: &mut JobContext) -> anyhow::Result<bool> {
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
        let scoring = self.scoring;
        let mut engine = scoring.engine.open(self.catalog, self.compute, scoring.beside())?;
        let used_before = self.run.findings.get("usage").cloned();
        let used_before = used_before.and_then(|usage| serde_json::from_value(usage).ok());
        // An engine that learns at every node of a tree would do so for every portion.
        let top_down =
            scoring.in_tree.as_ref().map(|of| of.descent) != Some(Descent::Flat) && scoring.in_tree.is_some();
        let whole = top_down && matches!(scoring.engine.kind, EngineKind::TemplatedSetFit { .. });
        let (mut n_done, mut size, began) = (0, if whole { usize::MAX } else { FIRST_PORTION }, Instant::now());
        for ((kind, texts), known) in scoring.texts.iter().zip(&mut known) {
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
                let answer = engine.score(&asked, &scoring.question, &mut tell);
                self.note(engine.as_ref(), used_before);
                let answer = match answer {
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
                if !whole {
                    size = ((rate * PORTION_SECS) as usize).clamp(FIRST_PORTION, MOST_IN_PORTION);
                }
            }
        }
        Ok(true)
    }

    /// What the engine has to say besides its scores, and what asking took in all.
    fn note(&mut self, engine: &dyn Engine, before: Option<Usage>) {
        let findings = &mut self.run.findings;
        let mut remarks = engine.remarks();
        if let Some(usage) = engine.usage() {
            let usage = usage.and(before.unwrap_or_default());
            findings.insert("usage".into(), json!(usage));
            remarks = usage.remarks();
        }
        findings.remove("remarks");
        if !remarks.is_empty() {
            findings.insert("remarks".into(), json!(remarks));
        }
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
