//! What thresholds are chosen for: a goal, for each label alone or with one threshold for all.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Goal;

/// Over what a common threshold reaches its goal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Average {
    /// The mean of the labels' figures: every label counts the same.
    Macro,
    /// The figures of all decisions together: frequent labels dominate.
    Micro,
}

/// How many thresholds are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scope {
    /// A threshold for each label, on its own.
    #[default]
    EachLabel,
    /// One threshold that all labels share.
    Common(Average),
}

/// What thresholds are chosen for. The app, the command line and the record of a run write and read it the same way.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Objective {
    goal: Goal,
    scope: Scope,
}

/// Text that names no objective.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not an objective; no threshold was changed; write f1, f2, f0.5, precision>=0.9, recall>=0.8, cost:1:5 (of a false positive \
     and of a false negative), prior (as many as carry the label) or accuracy>=0.95 (abstaining from the rest), and common-macro: or \
     common-micro: before it for one threshold that all labels share"
)]
pub struct UnknownObjective(String);

impl Objective {
    /// A goal and its scope. Abstaining ([`Goal::AccuracyAtLeast`]) always is one threshold over all texts.
    pub fn new(goal: Goal, scope: Scope) -> Self {
        let scope = match goal {
            Goal::AccuracyAtLeast(_) => Scope::Common(Average::Micro),
            _ => scope,
        };
        Objective { goal, scope }
    }

    /// What is to be reached.
    pub fn goal(self) -> Goal {
        self.goal
    }

    /// By how many thresholds.
    pub fn scope(self) -> Scope {
        self.scope
    }
}

impl From<Goal> for Objective {
    /// For each label.
    fn from(goal: Goal) -> Self {
        Objective::new(goal, Scope::EachLabel)
    }
}

const SCOPES: [(&str, Scope); 3] = [
    ("common-macro:", Scope::Common(Average::Macro)),
    ("common-micro:", Scope::Common(Average::Micro)),
    ("common:", Scope::Common(Average::Macro)),
];

impl FromStr for Objective {
    type Err = UnknownObjective;

    /// `f1`, `f2`, `precision>=0.9`, `recall>=0.8`, `cost:1:5`, `prior`, `accuracy>=0.95`, `common-macro:f1`; case and spaces do not
    /// matter. `common:` is `common-macro:`.
    fn from_str(written: &str) -> Result<Self, UnknownObjective> {
        let plain: String = written.to_lowercase().chars().filter(|c| !c.is_whitespace()).collect();
        let found = SCOPES
            .iter()
            .find_map(|(prefix, scope)| Some((plain.strip_prefix(prefix)?, *scope)));
        let (goal, scope) = found.unwrap_or((&plain, Scope::EachLabel));
        let goal = Goal::parse(goal).ok_or_else(|| UnknownObjective(written.trim().to_string()))?;
        Ok(Objective::new(goal, scope))
    }
}

impl fmt::Display for Objective {
    /// As [`FromStr`] reads it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = match (self.goal, self.scope) {
            (Goal::AccuracyAtLeast(_), _) => None,
            _ => SCOPES.iter().find(|(_, scope)| *scope == self.scope),
        };
        write!(f, "{}{}", prefix.map_or("", |(prefix, _)| prefix), self.goal)
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
        for (written, goal) in [
            ("f1", Goal::F1),
            ("f2", Goal::FBeta(2.0)),
            ("f0.5", Goal::FBeta(0.5)),
            ("precision>=0.9", Goal::PrecisionAtLeast(0.9)),
            ("recall>=1", Goal::RecallAtLeast(1.0)),
            (
                "cost:1:2.5",
                Goal::Cost {
                    false_positive: 1.0,
                    false_negative: 2.5,
                },
            ),
            ("prior", Goal::Prior),
        ] {
            assert_eq!(written.parse(), Ok(Objective::from(goal)));
            for (prefix, scope) in &SCOPES[..2] {
                let common = format!("{prefix}{written}");
                assert_eq!(common.parse(), Ok(Objective::new(goal, *scope)));
                assert_eq!(Objective::new(goal, *scope).to_string(), common);
            }
            assert_eq!(Objective::from(goal).to_string(), written);
        }
        assert_eq!(
            " Precision >= .5 ".parse(),
            Ok(Objective::from(Goal::PrecisionAtLeast(0.5)))
        );
        assert_eq!("common:f1".parse(), "common-macro:f1".parse::<Objective>());
        let abstain: Objective = "accuracy>=0.95".parse().unwrap();
        assert_eq!(abstain.scope(), Scope::Common(Average::Micro));
        assert_eq!(abstain.to_string(), "accuracy>=0.95");
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
            "common:",
            "common-max:f1",
            "cost",
            "cost:1",
            "cost:-1:1",
            "cost:0:0",
            "cost:1:inf",
            "cost:1:2:3",
            "priors",
        ] {
            assert!(written.parse::<Objective>().is_err(), "{written}");
        }
    }
}
