//! Starting searches and comparisons: what was written becomes a request, and what is wrong with it is said before anything runs.

use anyhow::{Context, bail, ensure};

use super::{App, Command, now_millis};
use crate::core::TaskKind;
use crate::core::metrics::{METRICS, Metric};
use crate::core::run::next_series;
use crate::jobs::{self, CompareRequest, JobId, JobKind, SearchRequest};
use crate::train::{self, Grid, Method, Options, Variant};

/// Variants at most.
const MAX_VARIANTS: usize = 50;

impl App {
    pub(super) fn search(&mut self, command: Command) -> anyhow::Result<JobId> {
        let Command::Search {
            method,
            encoder,
            seed,
            options,
            tries,
            preset,
            n_trials,
            metric,
            eta,
        } = command
        else {
            bail!("not a search");
        };
        let (base, snapshot) = self.training(&method, encoder, seed, &options, None)?;
        ensure!(n_trials.is_none_or(|n| n >= 2), "a search needs at least two trials");
        ensure!(
            eta >= 1,
            "a rung keeps at least one trial of each: eta must be 1 or more"
        );
        let grid = grid(base.method, preset.as_deref(), &tries)?;
        let project = self.project()?;
        let request = SearchRequest {
            settings: grid.settings(&base.options, n_trials, seed)?,
            tried: grid.options().collect(),
            metric: find_metric(project.state.task, &metric)?,
            series: next_series(&project.state.runs, "search"),
            eta,
            base,
        };
        let (store, catalog) = (project.store.clone(), self.catalog.clone());
        Ok(self.jobs.start(JobKind::Train, move |job| {
            jobs::search::run(job, &store, &catalog, snapshot, request, now_millis)
        }))
    }

    pub(super) fn compare(&mut self, command: Command) -> anyhow::Result<JobId> {
        let Command::Compare {
            method,
            encoder,
            options,
            variants,
            imbalance,
            seed,
            n_seeds,
            on,
        } = command
        else {
            bail!("not a comparison");
        };
        let (base, snapshot) = self.training(&method, encoder, seed, &options, None)?;
        ensure!(n_seeds >= 1, "a comparison needs at least one seed");
        let scored_on = on.unwrap_or_else(|| jobs::search::scored_on(&snapshot));
        ensure!(
            !snapshot.scored(scored_on).is_empty(),
            "no labelled text is in the {} split",
            scored_on.name()
        );
        let project = self.project()?;
        let request = CompareRequest {
            variants: all_variants(&base.options, imbalance, &variants)?,
            seeds: (0..n_seeds as u64).map(|n| seed.wrapping_add(n)).collect(),
            series: next_series(&project.state.runs, "comparison"),
            scored_on,
            base,
        };
        let (store, catalog) = (project.store.clone(), self.catalog.clone());
        Ok(self.jobs.start(JobKind::Train, move |job| {
            jobs::compare::run(job, &store, &catalog, snapshot, request, now_millis)
        }))
    }
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
    // The constant guess is the same whatever is trained.
    // How sure a model is says nothing about how good it is.
    let judges = |metric: &&Metric| metric.of_model && metric.id != "average_confidence";
    let of_task = |metric: &&Metric| metric.task.is_none_or(|of| of == task) && judges(metric);
    METRICS
        .iter()
        .filter(of_task)
        .find(|metric| metric.id == id)
        .with_context(|| {
            let known: Vec<&str> = METRICS.iter().filter(of_task).map(|metric| metric.id).collect();
            format!(
                "there is no metric {id:?} for a {} project; there are {}",
                task.name(),
                known.join(", ")
            )
        })
}

fn all_variants(base: &Options, imbalance: bool, written: &[String]) -> anyhow::Result<Vec<Variant>> {
    let mut variants = match imbalance {
        true => train::imbalance_variants(base)?,
        false => Vec::new(),
    };
    for written in written {
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
