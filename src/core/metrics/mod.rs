//! Figures that say how well decisions and scores agree with what people annotated, equal to scikit-learn's.
//!
//! Undefined (0/0) is `None`, never NaN and never a silent zero. Not here: choosing thresholds ([`super::thresholds`]), text
//! output ([`super::report`]), and where scores come from.
//!
//! A label is known by its column: the index in a run's label order. The truth of a text is its sorted set of columns,
//! `&[Vec<usize>]` for all texts; decisions have the same form.

mod agreement;
mod averages;
pub(crate) mod bootstrap;
mod branch;
mod calibration;
mod confusion;
mod cooccurrence;
mod counts;
mod decide;
mod evaluate;
mod guess;
mod hierarchy;
mod label_order;
mod lanes;
mod matrix;
#[cfg(test)]
mod parity;
mod ranking;
mod samples;
mod scored;
mod table;
mod tally;

pub use agreement::{accuracy, balanced_accuracy, kappa, matthews};
pub use averages::{Averages, FBeta, macro_average, micro_average, weighted_average};
use bootstrap::intervals;
pub use bootstrap::{Interval, Intervals, Resampling};
pub use branch::{BranchConfusion, Place, rows_placed};
pub use calibration::{N_BINS, average_confidence, brier_score, calibration_error};
pub use confusion::{ConfusedPair, Confusion, Outcome, rows_decided, rows_with_outcome};
pub use cooccurrence::{Cooccurrence, rows_given, rows_together};
pub use counts::{Counts, count_per_label};
pub use decide::{DEFAULT_THRESHOLD, DecisionRule, TreeRule, default_threshold, highest};
pub use evaluate::{Evaluation, LabelReport, Report};
pub use guess::{ConstantGuess, Imbalance, constant_guess, imbalance};
pub use hierarchy::{Hierarchy, Level, PathErrors, PathOutcome, hierarchy, tree_distance};
pub use label_order::LabelOrder;
pub use matrix::ScoreMatrix;
pub use ranking::{average_precision, binary_log_loss, log_loss, roc_auc};
pub use samples::{hamming_loss, samples_average};
pub use table::{METRICS, Metric, headline};
pub use tally::BETAS;

/// Why figures could not be computed: the input contradicts itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MetricsError {
    /// Rows of scores of different lengths, or a flat table that does not divide into rows.
    #[error(
        "the scores do not form a table: row {row} has {found} scores and {expected} were expected; nothing was measured, score the texts again"
    )]
    Ragged {
        /// Row, from 0.
        row: usize,
        /// Scores in it.
        found: usize,
        /// Scores in the others.
        expected: usize,
    },
    /// Truth, scores, labels or thresholds of different sizes.
    #[error("{what}: {found} given, {expected} expected; nothing was measured; score the texts again")]
    Size {
        /// What was counted.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many there should be.
        expected: usize,
    },
    /// A text is annotated with a column that does not exist.
    #[error(
        "a text is annotated with label column {column} and there are {n_labels}; nothing was measured, score the texts again"
    )]
    UnknownColumn {
        /// The column.
        column: usize,
        /// How many there are.
        n_labels: usize,
    },
}
