//! The trials of a series as a table: what was tried, what came of it, which is the best. Made from the runs alone, so that it is there while
//! they run and after the project was opened again.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde_json::Value;

use super::facts;
use super::runs::{interval, own_name};
use crate::core::metrics::{METRICS, Metric};
use crate::core::run::{GOES_BY, TRIED, WINNER_OF};
use crate::core::{Run, RunId, RunStatus};
use crate::jobs::compare::Spread;

/// A series.
#[derive(Debug, Clone)]
pub(super) struct SeriesTable {
    /// What decides.
    pub metric: &'static Metric,
    /// Options that differ between trials, by id.
    pub options: Vec<String>,
    /// The best first, those without a figure last.
    pub rows: Vec<Trial>,
    /// Whether trials are looked at for different times.
    pub has_rungs: bool,
    /// Whether some settings were trained with several seeds.
    pub has_seeds: bool,
}

/// A trial, or the trials of one variant with several seeds.
#[derive(Debug, Clone)]
pub(super) struct Trial {
    /// Its run, or the first of them.
    pub run: RunId,
    /// Without the name of the series.
    pub name: String,
    /// Values of the options that differ, as they are written; of a short trial those of a full one.
    pub values: Vec<String>,
    /// Its rung, and its share of the steps; of searches alone.
    pub rung: Option<(u64, f64)>,
    /// The figure that decides: a mean where there are several seeds.
    pub figure: Option<Spread>,
    /// Macro-F1 likewise.
    pub macro_f1: Option<Spread>,
    /// What 95 % of bootstrap resamples of its texts span, of macro-F1 with one seed.
    pub interval: Option<(f64, f64)>,
    /// Seeds with a figure.
    pub n_seeds: usize,
    /// Seconds, of all seeds.
    pub secs: f64,
    pub status: RunStatus,
    pub message: String,
    /// Trained on all the texts because its settings won.
    pub is_winner: bool,
}

/// The run that stands for a series: the one trained with the winning settings, else the best trial of the last rung that anything was
/// measured on, else the newest.
pub(super) fn best<'a>(trials: impl Iterator<Item = &'a Run>) -> Option<&'a Run> {
    trials.min_by_key(|run| (rank(run), Reverse(run.id)))
}

/// Smaller is better: the winner, then trials with a figure, those of later rungs first. Figures count in millionths: nobody tells finer
/// ones apart.
fn rank(run: &Run) -> (bool, bool, Reverse<u64>, Option<i64>) {
    let metric = goes_by(run);
    let measured = run.metrics.get(metric.id).filter(|figure| figure.is_finite());
    let sign = if metric.higher_is_better { -1e6 } else { 1e6 };
    (
        !run.findings.contains_key(WINNER_OF),
        measured.is_none(),
        Reverse(rung(run).map_or(0, |(rung, _)| rung)),
        measured.map(|figure| (sign * figure).round() as i64),
    )
}

fn goes_by(run: &Run) -> &'static Metric {
    let id = run.findings.get(GOES_BY).and_then(Value::as_str).unwrap_or("macro_f1");
    METRICS.iter().find(|metric| metric.id == id).unwrap_or(&METRICS[0])
}

fn rung(run: &Run) -> Option<(u64, f64)> {
    let rung = run.findings.get("rung")?.as_u64()?;
    let share = run.findings.get("share_of_steps").and_then(Value::as_f64);
    Some((rung, share.unwrap_or(1.0)))
}

/// The options of a run, of a short trial with the values it would have in full.
fn full_options(run: &Run) -> BTreeMap<String, Value> {
    let mut options = run.options.clone();
    if let Some(tried) = run.findings.get(TRIED).and_then(Value::as_object) {
        options.extend(tried.iter().map(|(id, value)| (id.clone(), value.clone())));
    }
    options
}

/// Ids of the options that tell trials apart.
fn differing(runs: &[&Run]) -> Vec<String> {
    let tried = runs.iter().filter_map(|run| run.findings.get(TRIED)?.as_object());
    let mut ids: Vec<String> = tried.flat_map(|tried| tried.keys().cloned()).collect();
    if ids.is_empty() {
        let all: Vec<_> = runs.iter().map(|run| full_options(run)).collect();
        let differs = |id: &&String| all.windows(2).any(|two| two[0].get(*id) != two[1].get(*id));
        ids = all.iter().flat_map(BTreeMap::keys).filter(differs).cloned().collect();
    }
    ids.sort();
    ids.dedup();
    ids
}

/// Trials of one variant together, in the order in which they began.
fn grouped<'a>(runs: &[&'a Run]) -> Vec<Vec<&'a Run>> {
    let variant = |run: &Run| run.findings.get("variant").cloned();
    let mut groups: Vec<(Option<Value>, Vec<&Run>)> = Vec::new();
    for run in runs {
        let of = variant(run);
        match groups.iter_mut().find(|(known, _)| of.is_some() && *known == of) {
            Some((_, group)) => group.push(run),
            None => groups.push((of, vec![run])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

impl SeriesTable {
    /// Whether the best two have the same figure, as it is written.
    pub(super) fn is_level(&self) -> bool {
        let figure = |row: &Trial| row.figure.map(|figure| figure.mean);
        let best = self.rows.iter().take(2).filter_map(figure).collect::<Vec<_>>();
        matches!(*best, [a, b] if (a - b).abs() < 0.0005)
    }

    /// Of the runs of one series, in the order they were made; `None` for none.
    pub(super) fn of(runs: &[&Run]) -> Option<SeriesTable> {
        let metric = goes_by(runs.first()?);
        let options = differing(runs);
        let mut groups = grouped(runs);
        groups.sort_by_key(|group| group.iter().map(|run| rank(run)).min());
        let row = |group: &Vec<&Run>| Trial::of(group, metric, &options);
        let mut rows: Vec<Trial> = groups.iter().filter_map(row).collect();
        let has_seeds = rows.iter().any(|row| row.n_seeds > 1);
        if has_seeds {
            let sign = if metric.higher_is_better { -1.0 } else { 1.0 };
            let key = |row: &Trial| row.figure.map_or(f64::INFINITY, |figure| sign * figure.mean);
            rows.sort_by(|a, b| key(a).total_cmp(&key(b)));
        }
        Some(SeriesTable {
            has_rungs: rows.iter().any(|row| row.rung.is_some()),
            has_seeds,
            metric,
            options,
            rows,
        })
    }
}

impl Trial {
    fn of(group: &[&Run], metric: &Metric, ids: &[String]) -> Option<Trial> {
        let run = group.first()?;
        let options = full_options(run);
        let value = |id: &String| options.get(id).map_or_else(|| "–".to_owned(), facts::text);
        let figures = |id| -> Vec<f64> { group.iter().filter_map(|run| run.metrics.get(id).copied()).collect() };
        let is_training = |run: &&&Run| run.status == RunStatus::Training;
        let failed = |run: &&&Run| run.status == RunStatus::Failed;
        let told = group.iter().find(is_training).or(group.iter().find(failed));
        let told = told.unwrap_or(run);
        let variant = run.findings.get("variant").and_then(Value::as_str);
        Some(Trial {
            run: run.id,
            name: variant.unwrap_or(own_name(run)).to_owned(),
            values: ids.iter().map(value).collect(),
            rung: rung(run),
            figure: Spread::of(&figures(metric.id)),
            macro_f1: Spread::of(&figures("macro_f1")),
            interval: interval(run).filter(|_| group.len() == 1),
            n_seeds: figures(metric.id).len(),
            secs: group.iter().map(|run| run.train_secs).sum(),
            status: told.status,
            message: told.message.clone(),
            is_winner: run.findings.contains_key(WINNER_OF),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::core::TaskKind;

    fn run(id: i64, figure: Option<f64>, findings: Value) -> Run {
        let metrics: BTreeMap<&str, f64> = figure.into_iter().map(|figure| ("macro_f1", figure)).collect();
        let made = json!({
            "id": id, "name": format!("search-1 · trial {id}"), "method": "setfit", "encoder": "e", "seed": 1,
            "task": TaskKind::SingleLabel, "options": {"num_epochs": id, "c": 1.0}, "labels": [], "label_paths": [],
            "n_train": 8, "n_validation": 0, "n_test": 0, "started_at_millis": 0, "train_secs": 2.0, "status": "done",
            "message": "", "metrics": metrics, "scored_on": null, "thresholds": [], "history": [], "watched": [],
            "findings": findings, "device": "cpu", "precision": "f32", "series": "search-1",
        });
        serde_json::from_value(made).unwrap()
    }

    #[test]
    fn the_last_rung_counts_before_the_figure_and_the_winner_before_all() {
        let trial = |id, rung: u64, figure| {
            let share = if rung == 1 { 0.5 } else { 1.0 };
            let tried = json!({"num_epochs": 10 * id});
            run(
                id,
                figure,
                json!({"rung": rung, "share_of_steps": share, "tried": tried, "trial": id}),
            )
        };
        let mut runs = vec![
            trial(1, 1, Some(0.9)),
            trial(2, 1, Some(0.5)),
            trial(3, 2, Some(0.7)),
            trial(4, 2, None),
        ];
        assert_eq!(best(runs.iter()).unwrap().id, RunId(3));
        runs.push(run(5, Some(0.6), json!({"winner_of": "search-1"})));
        assert_eq!(best(runs.iter()).unwrap().id, RunId(5));
        let table = SeriesTable::of(&runs.iter().collect::<Vec<_>>()).unwrap();
        let order: Vec<i64> = table.rows.iter().map(|row| row.run.0).collect();
        assert_eq!(order, [5, 3, 1, 2, 4]);
        assert_eq!(table.options, ["num_epochs"]);
        let second = &table.rows[1];
        assert_eq!((second.values[0].as_str(), second.rung), ("30", Some((2, 1.0))));
        assert_eq!((second.name.as_str(), table.rows[0].is_winner), ("trial 3", true));
        assert!(table.has_rungs && !table.has_seeds);
    }

    #[test]
    fn seeds_of_a_variant_are_one_row() {
        let trial = |id, name: &str, figure| run(id, Some(figure), json!({"variant": name}));
        let runs = [
            trial(1, "plain", 0.5),
            trial(2, "weighted", 0.7),
            trial(3, "plain", 0.9),
            trial(4, "weighted", 0.75),
        ];
        let table = SeriesTable::of(&runs.iter().collect::<Vec<_>>()).unwrap();
        let rows: Vec<(&str, usize)> = table.rows.iter().map(|row| (row.name.as_str(), row.n_seeds)).collect();
        assert_eq!(rows, [("weighted", 2), ("plain", 2)], "means decide");
        let figure = table.rows[0].figure.unwrap();
        assert!((figure.mean - 0.725).abs() < 1e-9 && figure.deviation.is_some());
        assert_eq!(table.rows[0].secs, 4.0);
    }
}
