//! What a threshold is chosen for.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::core::metrics::Counts;

/// What a threshold is chosen for.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Objective {
    /// The highest F1.
    #[default]
    F1,
    /// The highest Fβ: recall weighs β times as much as precision.
    FBeta(f64),
    /// The highest recall among thresholds with at least this precision, in 0..=1.
    PrecisionAtLeast(f64),
    /// The highest precision among thresholds with at least this recall, in 0..=1.
    RecallAtLeast(f64),
}

/// Text that names no objective.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an objective; no threshold was changed; write f1, f2, f0.5, precision>=0.9 or recall>=0.8")]
pub struct UnknownObjective(String);

impl Objective {
    /// Whether these counts satisfy the objective's condition; objectives without one are always met.
    pub fn is_met(self, counts: Counts) -> bool {
        match self {
            Objective::F1 | Objective::FBeta(_) => true,
            Objective::PrecisionAtLeast(least) => counts.precision().is_some_and(|precision| precision >= least),
            Objective::RecallAtLeast(least) => counts.recall().is_some_and(|recall| recall >= least),
        }
    }

    /// Which counts are better: the greater ones. Undefined figures are worst; counts that miss the condition rank below those
    /// that meet it, by how far they get.
    pub fn compare(self, a: Counts, b: Counts) -> Ordering {
        self.rank(a)
            .into_iter()
            .zip(self.rank(b))
            .map(|(a, b)| a.total_cmp(&b))
            .find(|o| o.is_ne())
            .unwrap_or(Ordering::Equal)
    }

    /// Compared from left to right.
    fn rank(self, counts: Counts) -> [f64; 3] {
        let or_worst = |figure: Option<f64>| figure.unwrap_or(-1.0);
        let (precision, recall) = (or_worst(counts.precision()), or_worst(counts.recall()));
        match (self, self.is_met(counts)) {
            (Objective::F1, _) => [or_worst(counts.f1()), 0.0, 0.0],
            (Objective::FBeta(beta), _) => [or_worst(counts.f_beta(beta)), 0.0, 0.0],
            (Objective::PrecisionAtLeast(_), true) => [1.0, recall, precision],
            (Objective::PrecisionAtLeast(_), false) => [0.0, precision, recall],
            (Objective::RecallAtLeast(_), true) => [1.0, precision, recall],
            (Objective::RecallAtLeast(_), false) => [0.0, recall, precision],
        }
    }
}

impl FromStr for Objective {
    type Err = UnknownObjective;

    /// `f1`, `f2`, `f0.5`, `precision>=0.9`, `recall>=0.8`; case and spaces do not matter.
    fn from_str(written: &str) -> Result<Self, UnknownObjective> {
        let plain: String = written.to_lowercase().chars().filter(|c| !c.is_whitespace()).collect();
        parse(&plain).ok_or_else(|| UnknownObjective(written.trim().to_string()))
    }
}

fn parse(plain: &str) -> Option<Objective> {
    let share = |digits: &str| digits.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    if let Some(digits) = plain.strip_prefix("precision>=") {
        return share(digits).map(Objective::PrecisionAtLeast);
    }
    if let Some(digits) = plain.strip_prefix("recall>=") {
        return share(digits).map(Objective::RecallAtLeast);
    }
    let digits = plain
        .strip_prefix('f')
        .filter(|digits| digits.starts_with(|c: char| c.is_ascii_digit() || c == '.'))?;
    match digits
        .parse::<f64>()
        .ok()
        .filter(|beta| *beta > 0.0 && beta.is_finite())?
    {
        1.0 => Some(Objective::F1),
        beta => Some(Objective::FBeta(beta)),
    }
}

impl fmt::Display for Objective {
    /// As [`FromStr`] reads it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Objective::F1 => f.write_str("f1"),
            Objective::FBeta(beta) => write!(f, "f{beta}"),
            Objective::PrecisionAtLeast(least) => write!(f, "precision>={least}"),
            Objective::RecallAtLeast(least) => write!(f, "recall>={least}"),
        }
    }
}

impl From<Objective> for String {
    fn from(objective: Objective) -> String {
        objective.to_string()
    }
}

impl TryFrom<String> for Objective {
    type Error = UnknownObjective;

    fn try_from(written: String) -> Result<Self, UnknownObjective> {
        written.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_and_read_again() {
        for (written, objective) in [
            ("f1", Objective::F1),
            ("f2", Objective::FBeta(2.0)),
            ("f0.5", Objective::FBeta(0.5)),
            ("precision>=0.9", Objective::PrecisionAtLeast(0.9)),
            ("recall>=1", Objective::RecallAtLeast(1.0)),
        ] {
            assert_eq!(written.parse(), Ok(objective));
            assert_eq!(objective.to_string(), written);
        }
        assert_eq!(" Precision >= .5 ".parse(), Ok(Objective::PrecisionAtLeast(0.5)));
    }

    #[test]
    fn nonsense_is_refused() {
        for written in [
            "",
            "f",
            "f0",
            "f-1",
            "finf",
            "fnan",
            "precision>=1.1",
            "precision>=nan",
            "recall",
            "accuracy",
        ] {
            assert!(written.parse::<Objective>().is_err(), "{written}");
        }
    }

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
        assert_eq!(
            Objective::PrecisionAtLeast(0.9).compare(careful, eager),
            Ordering::Greater
        );
        assert_eq!(Objective::PrecisionAtLeast(0.6).compare(careful, eager), Ordering::Less);
        assert_eq!(Objective::RecallAtLeast(0.5).compare(careful, eager), Ordering::Less);
        assert_eq!(Objective::F1.compare(careful, eager), Ordering::Less);
    }
}
