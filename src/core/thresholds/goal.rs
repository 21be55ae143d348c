//! What a threshold is to reach, and which of two outcomes comes nearer to it.

use std::cmp::Ordering;
use std::fmt;

use crate::core::metrics::Counts;

/// What a threshold is to reach.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Goal {
    /// The highest F1.
    #[default]
    F1,
    /// The highest Fβ: recall weighs β times as much as precision.
    FBeta(f64),
    /// The highest recall among thresholds with at least this precision, in 0..=1.
    PrecisionAtLeast(f64),
    /// The highest precision among thresholds with at least this recall, in 0..=1.
    RecallAtLeast(f64),
    /// The least cost of all errors; at least one of the two is above 0.
    Cost {
        /// What a label too many costs.
        false_positive: f64,
        /// What a missing label costs.
        false_negative: f64,
    },
    /// As many decisions as texts that carry the label.
    Prior,
    /// Single-label: the most texts answered among thresholds with at least this accuracy of the answers, in 0..=1.
    AccuracyAtLeast(f64),
}

/// A goal that is met from a share on.
type WithShare = fn(f64) -> Goal;

/// Figures of a goal, the greater the better: of one label, or the mean over labels. The second decides between equals.
pub(super) type GoalFigures = [f64; 2];

impl Goal {
    /// The figures of these counts. Undefined ones are worse than any other.
    pub(super) fn figures(self, counts: Counts) -> GoalFigures {
        let or_worst = |figure: Option<f64>| figure.unwrap_or(-1.0);
        let (precision, recall) = (or_worst(counts.precision()), or_worst(counts.recall()));
        match self {
            Goal::F1 => [or_worst(counts.f1()), 0.0],
            Goal::FBeta(beta) => [or_worst(counts.f_beta(beta)), 0.0],
            Goal::PrecisionAtLeast(_) => [precision, recall],
            Goal::RecallAtLeast(_) => [recall, precision],
            Goal::Cost {
                false_positive,
                false_negative,
            } => [
                -(false_positive * counts.fp as f64 + false_negative * counts.fn_ as f64),
                0.0,
            ],
            Goal::Prior => [-(counts.n_decided().abs_diff(counts.support()) as f64), 0.0],
            Goal::AccuracyAtLeast(_) => [precision, counts.n_decided() as f64],
        }
    }

    /// [`Goal::figures`] as they enter a mean over labels: an undefined share counts as 0, as in macro averages everywhere.
    pub(super) fn averaged_figures(self, counts: Counts) -> GoalFigures {
        let figures = self.figures(counts);
        match self {
            Goal::Cost { .. } | Goal::Prior => figures,
            _ => figures.map(|figure| figure.max(0.0)),
        }
    }

    /// Whether these figures satisfy the goal's condition; goals without one are always met.
    pub(super) fn is_met_by(self, [first, _]: GoalFigures) -> bool {
        match self {
            Goal::F1 | Goal::FBeta(_) | Goal::Cost { .. } | Goal::Prior => true,
            Goal::PrecisionAtLeast(least) | Goal::RecallAtLeast(least) | Goal::AccuracyAtLeast(least) => first >= least,
        }
    }

    /// Whether these counts satisfy the goal's condition; goals without one are always met.
    pub fn is_met(self, counts: Counts) -> bool {
        self.is_met_by(self.figures(counts))
    }

    /// Which figures are better: the greater ones. Those that miss the condition rank below those that meet it, by how far they get.
    pub(super) fn compare_figures(self, a: GoalFigures, b: GoalFigures) -> Ordering {
        let rank = |[first, second]: GoalFigures| match self {
            Goal::PrecisionAtLeast(_) | Goal::RecallAtLeast(_) | Goal::AccuracyAtLeast(_) => {
                match self.is_met_by([first, second]) {
                    true => [1.0, second, first],
                    false => [0.0, first, second],
                }
            }
            _ => [1.0, first, second],
        };
        let pairs = rank(a).into_iter().zip(rank(b));
        pairs
            .map(|(a, b)| a.total_cmp(&b))
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    }

    /// Which counts serve the goal better.
    pub fn compare(self, a: Counts, b: Counts) -> Ordering {
        self.compare_figures(self.figures(a), self.figures(b))
    }

    /// Reads a goal in small letters, without spaces.
    pub(super) fn parse(plain: &str) -> Option<Goal> {
        let share = |digits: &str| digits.parse().ok().filter(|share| (0.0..=1.0).contains(share));
        let conditions: [(&str, WithShare); 3] = [
            ("precision>=", Goal::PrecisionAtLeast),
            ("recall>=", Goal::RecallAtLeast),
            ("accuracy>=", Goal::AccuracyAtLeast),
        ];
        for (prefix, goal) in conditions {
            if let Some(digits) = plain.strip_prefix(prefix) {
                return share(digits).map(goal);
            }
        }
        match (plain, plain.strip_prefix("cost:")) {
            ("prior", _) => Some(Goal::Prior),
            (_, Some(costs)) => parse_costs(costs),
            _ => parse_f(plain),
        }
    }
}

fn parse_costs(costs: &str) -> Option<Goal> {
    let (fp, fn_) = costs.split_once(':')?;
    let cost = |digits: &str| {
        digits
            .parse::<f64>()
            .ok()
            .filter(|cost| *cost >= 0.0 && cost.is_finite())
    };
    let (false_positive, false_negative) = (cost(fp)?, cost(fn_)?);
    (false_positive + false_negative > 0.0).then_some(Goal::Cost {
        false_positive,
        false_negative,
    })
}

fn parse_f(plain: &str) -> Option<Goal> {
    let starts_as_number = |digits: &&str| digits.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    let digits = plain.strip_prefix('f').filter(starts_as_number)?;
    match digits
        .parse::<f64>()
        .ok()
        .filter(|beta| *beta > 0.0 && beta.is_finite())?
    {
        1.0 => Some(Goal::F1),
        beta => Some(Goal::FBeta(beta)),
    }
}

impl fmt::Display for Goal {
    /// As objectives are written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Goal::F1 => f.write_str("f1"),
            Goal::FBeta(beta) => write!(f, "f{beta}"),
            Goal::PrecisionAtLeast(least) => write!(f, "precision>={least}"),
            Goal::RecallAtLeast(least) => write!(f, "recall>={least}"),
            Goal::Cost {
                false_positive,
                false_negative,
            } => write!(f, "cost:{false_positive}:{false_negative}"),
            Goal::Prior => f.write_str("prior"),
            Goal::AccuracyAtLeast(least) => write!(f, "accuracy>={least}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_met_condition_beats_any_other_figure() {
        let careful = Counts {
            tp: 1,
            fp: 0,
            fn_: 9,
            tn: 10,
        };
        let eager = Counts {
            tp: 10,
            fp: 5,
            fn_: 0,
            tn: 5,
        };
        assert_eq!(Goal::PrecisionAtLeast(0.9).compare(careful, eager), Ordering::Greater);
        assert_eq!(Goal::PrecisionAtLeast(0.6).compare(careful, eager), Ordering::Less);
        assert_eq!(Goal::RecallAtLeast(0.5).compare(careful, eager), Ordering::Less);
        assert_eq!(Goal::F1.compare(careful, eager), Ordering::Less);
        assert_eq!(Goal::AccuracyAtLeast(0.9).compare(careful, eager), Ordering::Greater);
        assert_eq!(Goal::AccuracyAtLeast(0.6).compare(careful, eager), Ordering::Less);
        assert_eq!(Goal::Prior.compare(careful, eager), Ordering::Less);
        let cost = |false_positive, false_negative| Goal::Cost {
            false_positive,
            false_negative,
        };
        assert_eq!(cost(1.0, 1.0).compare(careful, eager), Ordering::Less);
        assert_eq!(cost(2.0, 1.0).compare(careful, eager), Ordering::Greater);
    }
}
