//! Starting searches and comparisons: what was written becomes a request, what is wrong with it is said before anything runs, and what it will
//! cost can be asked beforehand.

use anyhow::{Context, ensure};
use serde::Serialize;

use super::{App, now_millis};
use crate::core::metrics::{METRICS, Metric};
use crate::core::number::thousands;
use crate::core::run::next_series;
use crate::core::{ColumnTree, ScoreKind, TaskKind};
use crate::jobs::snapshot::Snapshot;
use crate::jobs::{self, CompareRequest, DEFAULT_FOLDS, JobId, JobKind, SearchRequest};
use crate::train::{self, Grid, Method, Options, Variant};

/// Variants at most.
const MAX_VARIANTS: usize = 50;

/// A training as it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainSpec {
    /// The method's id.
    pub method: String,
    /// A model's name or a folder; `None`: the usual one.
    pub encoder: Option<String>,
    /// Seed of every random choice.
    pub seed: u64,
    /// Ids and values of options that are not as usual.
    pub options: Vec<(String, String)>,
}

/// Settings to try, of which the best are trained in full.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchSpec {
    /// Everything that is not tried.
    pub base: TrainSpec,
    /// Ids and values to try, the values separated by commas.
    pub tries: Vec<(String, String)>,
    /// Values that the method comes with, beside `tries`.
    pub preset: Option<String>,
    /// So many combinations at most, drawn from the seed; `None`: all.
    pub n_trials: Option<usize>,
    /// Id of the figure that decides.
    pub metric: String,
    /// Each rung keeps the best `1/eta`.
    pub eta: usize,
}

/// Settings to put side by side.
#[derive(Debug, Clone, PartialEq)]
pub struct CompareSpec {
    /// Everything that is the same; its seed is the first.
    pub base: TrainSpec,
    /// As `name: option=value, option=value`.
    pub variants: Vec<String>,
    /// Also every treatment of imbalance that the method has, and none.
    pub imbalance: bool,
    /// Also every way of learning labels that form a tree.
    pub tree: bool,
    /// Each variant is trained with so many seeds.
    pub n_seeds: usize,
    /// What to score on; `None`: validation where there is any, else out of fold.
    pub on: Option<ScoreKind>,
}

/// What a search or a comparison is going to train.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// How many trials are looked at, and for which share of a full training, from first to last.
    pub rungs: Vec<PlannedRung>,
    /// Times that each trial is trained: once, or without each fold in turn.
    pub n_folds: usize,
    /// Whether the best settings are trained on all texts in the end.
    pub winner: bool,
    /// What trials are scored on.
    pub scored_on: ScoreKind,
    /// Texts they are scored on.
    pub n_scored: usize,
    /// Trainings in all.
    pub n_trainings: usize,
    /// What they amount to, in trainings of full length on all texts.
    pub n_full: f64,
}

/// Trials that are trained for equally long.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PlannedRung {
    /// How many.
    pub n_trials: usize,
    /// Share of a full training, above 0 and up to 1.
    pub share: f64,
}

impl Plan {
    fn new(rungs: Vec<PlannedRung>, winner: bool, base: &Options, (scored_on, n_scored): (ScoreKind, usize)) -> Plan {
        let n_folds = match scored_on {
            ScoreKind::OutOfFold if base.whole("folds") < 2 => DEFAULT_FOLDS,
            ScoreKind::OutOfFold => base.whole("folds"),
            _ => 1,
        };
        let n_trials: usize = rungs.iter().map(|rung| rung.n_trials).sum();
        let full: f64 = rungs.iter().map(|rung| rung.n_trials as f64 * rung.share).sum();
        // A training without one fold of k has (k − 1)/k of the texts.
        let per_trial = if n_folds > 1 { n_folds as f64 - 1.0 } else { 1.0 };
        Plan {
            n_trainings: n_trials * n_folds + usize::from(winner),
            n_full: full * per_trial + f64::from(u8::from(winner)),
            rungs,
            n_folds,
            winner,
            scored_on,
            n_scored,
        }
    }

    /// In a few sentences.
    pub fn text(&self) -> String {
        let rung = |rung: &PlannedRung| match rung.share {
            1.0 => format!("{} in full", rung.n_trials),
            share => format!("{} for {:.0} % of the steps", rung.n_trials, share * 100.0),
        };
        let rungs: Vec<String> = self.rungs.iter().map(rung).collect();
        let trials = match self.winner {
            true => format!("Tries {}, then trains the best on all the texts", rungs.join(", then ")),
            false => format!("Trains {}", rungs.join(", then ")),
        };
        let (n, full) = (thousands(self.n_trainings), self.n_full);
        let cost = match (full - self.n_trainings as f64).abs() < 0.05 {
            true => format!("{n} trainings"),
            false => format!("{n} trainings, which take about as long as {full:.0} full ones"),
        };
        let n_scored = thousands(self.n_scored);
        let scored = match self.scored_on {
            ScoreKind::OutOfFold => format!(
                "No other texts are used for comparing: each trial is trained {} times, each time without a part of the {n_scored} training texts, which it then scores",
                self.n_folds
            ),
            kind => format!("Compared on the {n_scored} {} texts", kind.name()),
        };
        format!("{trials}: {cost}. {scored}.")
    }
}

impl App {
    /// What [`super::Command::Search`] would train.
    ///
    /// # Errors
    /// What it would be refused for.
    pub fn plan_search(&self, spec: &SearchSpec) -> anyhow::Result<Plan> {
        let (request, snapshot) = self.search_request(spec)?;
        let rungs = jobs::search::rungs(&request.base.options, request.settings.len(), request.eta);
        let rungs = rungs.iter().map(|rung| PlannedRung {
            n_trials: rung.n_candidates,
            share: rung.share,
        });
        let scored_on = jobs::search::scored_on(&snapshot);
        let scored = (scored_on, snapshot.scored(scored_on).len());
        Ok(Plan::new(rungs.collect(), true, &request.base.options, scored))
    }

    /// What [`super::Command::Compare`] would train.
    ///
    /// # Errors
    /// What it would be refused for.
    pub fn plan_comparison(&self, spec: &CompareSpec) -> anyhow::Result<Plan> {
        let (request, snapshot) = self.compare_request(spec)?;
        let rung = PlannedRung {
            n_trials: request.variants.len() * request.seeds.len(),
            share: 1.0,
        };
        let scored = (request.scored_on, snapshot.scored(request.scored_on).len());
        Ok(Plan::new(vec![rung], false, &request.base.options, scored))
    }

    pub(super) fn search(&mut self, spec: &SearchSpec) -> anyhow::Result<JobId> {
        let (request, snapshot) = self.search_request(spec)?;
        let (store, catalog) = (self.project()?.store.clone(), self.catalog.clone());
        Ok(self.jobs.start(JobKind::Train, move |job| {
            jobs::search::run(job, &store, &catalog, snapshot, request, now_millis)
        }))
    }

    pub(super) fn compare(&mut self, spec: &CompareSpec) -> anyhow::Result<JobId> {
        let (request, snapshot) = self.compare_request(spec)?;
        let (store, catalog) = (self.project()?.store.clone(), self.catalog.clone());
        Ok(self.jobs.start(JobKind::Train, move |job| {
            jobs::compare::run(job, &store, &catalog, snapshot, request, now_millis)
        }))
    }

    fn search_request(&self, spec: &SearchSpec) -> anyhow::Result<(SearchRequest, Snapshot)> {
        let TrainSpec {
            method,
            encoder,
            seed,
            options,
        } = &spec.base;
        let (base, snapshot) = self.training(method, encoder.clone(), *seed, options, None)?;
        ensure!(
            spec.n_trials.is_none_or(|n| n >= 2),
            "a search needs at least two trials"
        );
        ensure!(
            spec.eta >= 1,
            "a rung keeps at least one trial of each: eta must be 1 or more"
        );
        let grid = grid(base.method, spec.preset.as_deref(), &spec.tries)?;
        let state = &self.project()?.state;
        let request = SearchRequest {
            settings: grid.settings(&base.options, spec.n_trials, *seed)?,
            tried: grid.options().collect(),
            metric: find_metric(state.task, &spec.metric)?,
            series: next_series(&state.runs, "search"),
            eta: spec.eta,
            base,
        };
        Ok((request, snapshot))
    }

    fn compare_request(&self, spec: &CompareSpec) -> anyhow::Result<(CompareRequest, Snapshot)> {
        let TrainSpec {
            method,
            encoder,
            seed,
            options,
        } = &spec.base;
        let (base, snapshot) = self.training(method, encoder.clone(), *seed, options, None)?;
        ensure!(spec.n_seeds >= 1, "a comparison needs at least one seed");
        let scored_on = spec.on.unwrap_or_else(|| jobs::search::scored_on(&snapshot));
        ensure!(
            !snapshot.scored(scored_on).is_empty(),
            "no labelled text is in the {} split",
            scored_on.name()
        );
        let request = CompareRequest {
            variants: all_variants(&base.options, spec, &snapshot)?,
            seeds: (0..spec.n_seeds as u64).map(|n| seed.wrapping_add(n)).collect(),
            series: next_series(&self.project()?.state.runs, "comparison"),
            scored_on,
            base,
        };
        Ok((request, snapshot))
    }
}

/// The figures that can decide in a project of this task. The constant guess is not among them: it is the same whatever is trained.
pub fn deciding_metrics(task: TaskKind) -> impl Iterator<Item = &'static Metric> {
    let of_task = move |metric: &&Metric| metric.task.is_none_or(|of| of == task);
    // The constant guess is the same whatever is trained, and how sure a model is says nothing about how good it is.
    let judges = |metric: &&Metric| metric.of_model && metric.id != "average_confidence";
    METRICS.iter().filter(of_task).filter(judges)
}

/// The values of a preset, and those written; where an option is in both, the written ones.
fn grid(method: &'static Method, preset: Option<&str>, tries: &[(String, String)]) -> anyhow::Result<Grid> {
    let mut all: Vec<(String, String)> = Vec::new();
    if let Some(preset) = preset {
        let tries_of_preset = train::preset(method, preset)?.tries.iter();
        all.extend(tries_of_preset.map(|(id, values)| ((*id).to_owned(), (*values).to_owned())));
        all.retain(|(id, _)| !tries.iter().any(|(written, _)| written == id));
    }
    all.extend_from_slice(tries);
    Ok(Grid::parse(method, &all)?)
}

fn find_metric(task: TaskKind, id: &str) -> anyhow::Result<&'static Metric> {
    deciding_metrics(task).find(|metric| metric.id == id).with_context(|| {
        let known: Vec<&str> = deciding_metrics(task).map(|metric| metric.id).collect();
        format!(
            "there is no metric {id:?} for a {} project; there are {}",
            task.name(),
            known.join(", ")
        )
    })
}

fn all_variants(base: &Options, spec: &CompareSpec, snapshot: &Snapshot) -> anyhow::Result<Vec<Variant>> {
    let mut variants = match spec.imbalance {
        true => train::imbalance_variants(base)?,
        false => Vec::new(),
    };
    if spec.tree {
        ensure!(
            ColumnTree::from_paths(&snapshot.label_paths).is_some(),
            "the labels of the training texts form no tree, so there is nothing to learn in another way; put labels below others, or leave out --tree"
        );
        variants.extend(train::tree_variants(base)?);
    }
    for written in &spec.variants {
        variants.push(train::parse_variant(base, written)?);
    }
    ensure!(
        variants.len() >= 2,
        "there is nothing to compare: give at least two variants"
    );
    ensure!(
        variants.len() <= MAX_VARIANTS,
        "{} variants are too many; {MAX_VARIANTS} are the most",
        variants.len()
    );
    for (at, variant) in variants.iter().enumerate() {
        ensure!(
            !variants[..at].iter().any(|other| other.name == variant.name),
            "two variants are called {:?}",
            variant.name
        );
    }
    Ok(variants)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plans_count_every_training() {
        let options = |folds: &str| train::method("setfit").and_then(|setfit| setfit.parse(&[("folds", folds)]));
        let rungs = [(4, 0.5), (2, 1.0)].map(|(n_trials, share)| PlannedRung { n_trials, share });
        let plan = Plan::new(
            rungs.to_vec(),
            true,
            &options("5").unwrap(),
            (ScoreKind::Validation, 1200),
        );
        assert_eq!((plan.n_folds, plan.n_trainings, plan.n_full), (1, 7, 5.0));
        assert_eq!(
            plan.text(),
            "Tries 4 for 50 % of the steps, then 2 in full, then trains the best on all the texts: 7 trainings, which take about as long as 5 full ones. Compared on the 1,200 validation texts."
        );
        let plan = Plan::new(rungs.to_vec(), true, &options("0").unwrap(), (ScoreKind::OutOfFold, 64));
        assert_eq!((plan.n_folds, plan.n_trainings, plan.n_full), (5, 31, 17.0));
        assert!(plan.text().contains("each trial is trained 5 times"), "{}", plan.text());
        let plan = Plan::new(rungs[1..].to_vec(), false, &options("3").unwrap(), (ScoreKind::Test, 9));
        assert_eq!(
            plan.text(),
            "Trains 2 in full: 2 trainings. Compared on the 9 test texts."
        );
    }
}
