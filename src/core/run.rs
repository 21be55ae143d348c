//! A training run as it is stored and shown.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::metrics::{DecisionRule, TreeRule};
use super::thresholds::Objective;
use super::{ColumnTree, LabelId, RunId, TaskKind, Walk};

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunStatus {
    /// A job is working on it, or was when the program ended.
    Training,
    /// Finished.
    Done,
    /// Stopped by a person; the model at that point is usable.
    Stopped,
    /// Ended by an error, which `message` holds.
    Failed,
    /// Cut off when the program ended without saying so; it may go on where a state of it was saved.
    Interrupted,
}

impl RunStatus {
    /// Whether it came to an end that left scores, and a model unless it was a trial.
    pub fn is_finished(self) -> bool {
        matches!(self, RunStatus::Done | RunStatus::Stopped)
    }
}

/// Which texts a set of stored scores belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScoreKind {
    /// Training texts, each scored by a head that did not see it.
    OutOfFold,
    /// The validation split.
    Validation,
    /// The test split.
    Test,
}

impl ScoreKind {
    /// All kinds, in the order a threshold should prefer them.
    pub const ALL: [ScoreKind; 3] = [ScoreKind::Validation, ScoreKind::OutOfFold, ScoreKind::Test];

    /// The stable name: in files, on the command line and on screen.
    pub fn name(self) -> &'static str {
        match self {
            ScoreKind::OutOfFold => "out-of-fold",
            ScoreKind::Validation => "validation",
            ScoreKind::Test => "test",
        }
    }

    /// The inverse of [`ScoreKind::name`]; `train` means out-of-fold.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "train" => Some(ScoreKind::OutOfFold),
            _ => ScoreKind::ALL.into_iter().find(|kind| kind.name() == name),
        }
    }
}

/// One point of a loss curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LossPoint {
    /// Optimiser step, from 1.
    pub step: usize,
    /// Mean loss since the last point.
    pub loss: f64,
}

/// The weights at one step, measured on held-out texts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct WatchedPoint {
    /// Optimiser steps taken.
    pub step: usize,
    /// The training loss on held-out texts; `None` where the method has none that compares.
    pub loss: Option<f64>,
    /// The watched metric, in 0..=1.
    pub metric: f64,
    /// Whether these are the best weights so far.
    pub best: bool,
}

/// What decides beside the thresholds of a run, and where those come from.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Deciding {
    /// Multi-label: a text with no label at its threshold gets its best one.
    #[serde(default)]
    pub at_least_one: bool,
    /// What the thresholds were tuned for; `None` where nobody has tuned them, or a person has moved one since.
    #[serde(default)]
    pub tuned_for: Option<Objective>,
}

/// A run: what was asked, on what, and what came out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Stable within the project.
    pub id: RunId,
    /// `setfit-7`: the method and the run's number; of a trial, its series and what it tries.
    pub name: String,
    /// Id in the table of methods.
    pub method: String,
    /// Name or folder of the encoder it started from.
    pub encoder: String,
    /// Seed of every random choice.
    pub seed: u64,
    /// The task it was trained for.
    pub task: TaskKind,
    /// Every option with its value, defaults included.
    pub options: BTreeMap<String, serde_json::Value>,
    /// Labels in the order of score columns.
    pub labels: Vec<LabelId>,
    /// Their paths when the run was made, in the same order.
    pub label_paths: Vec<Vec<String>>,
    /// Texts the weights were fitted on.
    pub n_train: usize,
    /// Validation texts scored.
    pub n_validation: usize,
    /// Test texts scored.
    pub n_test: usize,
    /// Milliseconds since the Unix epoch.
    pub started_at_millis: i64,
    /// Seconds spent training, without loading the encoder and without scoring; of a zero-shot run, all it took.
    pub train_secs: f64,
    /// Where it stands.
    pub status: RunStatus,
    /// What went wrong, or a remark; empty when there is nothing to say.
    pub message: String,
    /// Headline metrics by name (`accuracy`, `macro_f1`, …) on the test split, else on validation, else out of fold.
    pub metrics: BTreeMap<String, f64>,
    /// What `metrics` was measured on; `None` when nothing could be scored.
    pub scored_on: Option<ScoreKind>,
    /// One decision threshold per label, in 0..=1. Single-label runs decide by the highest score.
    pub thresholds: Vec<f64>,
    /// What else decides, and what the thresholds were chosen for.
    #[serde(default)]
    pub deciding: Deciding,
    /// The loss curve.
    pub history: Vec<LossPoint>,
    /// What was measured on held-out texts on the way, in order of steps.
    pub watched: Vec<WatchedPoint>,
    /// What the method found out, by name: the strength it chose, how many unlabelled texts it used.
    pub findings: BTreeMap<String, serde_json::Value>,
    /// Id of the device it was trained on; empty where that is not known.
    pub device: String,
    /// Precision of its products (`f32`, `bf16`); empty where that is not known.
    pub precision: String,
    /// The name it shares with the other trials of a search or a comparison; empty for a run of its own.
    pub series: String,
}

impl Run {
    /// The tree that its columns form; `None` where its labels stand side by side.
    pub fn tree(&self) -> Option<ColumnTree> {
        ColumnTree::from_paths(&self.label_paths)
    }

    /// How a path is found in the tree.
    pub fn walk(&self) -> Walk {
        let named = self.options.get(WALK).and_then(serde_json::Value::as_str);
        let walk = Walk::ALL.into_iter().find(|walk| Some(walk.name()) == named);
        walk.unwrap_or_default()
    }

    /// How its scores become decisions; `tree` is [`Run::tree`].
    pub fn rule<'a>(&'a self, tree: Option<&'a ColumnTree>) -> DecisionRule<'a> {
        let walk = self.walk();
        DecisionRule {
            task: self.task,
            thresholds: &self.thresholds,
            at_least_one: self.deciding.at_least_one,
            tree: tree.map(|tree| TreeRule { tree, walk }),
        }
    }

    /// Whether its model is kept: trials of searches and comparisons and zero-shot runs leave scores and figures only.
    pub fn has_model(&self) -> bool {
        self.status.is_finished() && !self.is_trial() && !self.is_zero_shot()
    }

    /// Whether nothing was trained: an engine scored the labels' names.
    pub fn is_zero_shot(&self) -> bool {
        self.method == ZERO_SHOT
    }

    /// What to say where its model is needed and it can have none; `None` where it may have one.
    pub fn why_no_model(&self) -> Option<String> {
        if self.is_zero_shot() {
            return Some(format!(
                "{} has no model: it is scores that {} gave to label names, and nothing was trained; train a model, or choose a run that has one",
                self.name, self.encoder
            ));
        }
        self.is_trial().then(|| {
            format!(
                "{} has no model: trials leave scores and figures only; train with its options, or choose another run",
                self.name
            )
        })
    }

    /// Whether it is a trial of a search or a comparison, rather than a training of its own.
    pub fn is_trial(&self) -> bool {
        TRIAL_MARKS.iter().any(|mark| self.findings.contains_key(*mark))
    }
}

/// The option of methods that says how a path is found in a tree.
pub const WALK: &str = "walk";

/// The method of runs that are zero-shot scores of a project.
pub const ZERO_SHOT: &str = "zero-shot";

/// What a run's findings say where it is one of several to choose from: its number in a search, its name in a comparison.
pub const TRIAL_MARKS: [&str; 2] = ["trial", "variant"];

/// Where a trial of a search keeps the options that are tried, with the values of a full training.
pub const TRIED: &str = "tried";

/// Where a trial of a search keeps the id of the metric that decides.
pub const GOES_BY: &str = "goes_by";

/// Where the run that a search was for keeps the name of the series.
pub const WINNER_OF: &str = "winner_of";

/// The name of the next series of a kind: `search-3` after `search-1` and `search-2`.
pub fn next_series(runs: &[Run], kind: &str) -> String {
    let number = |run: &Run| run.series.strip_prefix(kind)?.strip_prefix('-')?.parse::<u64>().ok();
    let newest = runs.iter().filter_map(number).max().unwrap_or_default();
    format!("{kind}-{}", newest.saturating_add(1))
}
