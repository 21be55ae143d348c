//! How a head is fitted: the strength of its penalty, the weight of each class, and how several labels share the work.
//!
//! Not here: fitting, and choosing the strength.

use super::{HeadError, Link, Targets};

/// scikit-learn's default inverse strength of the penalty.
pub const DEFAULT_C: f64 = 1.0;

/// The optimum, for all that shows.
const PRECISION: f64 = 1e-6;

/// How to fit; the default is scikit-learn's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FitSettings {
    /// Inverse strength of the L2 penalty, above 0.
    pub c: f64,
    /// What an example counts by its label.
    pub class_weight: ClassWeight,
    /// How several labels share the work.
    pub strategy: Strategy,
    /// About how far the weights may be from the optimum: the penalised sum of losses is 1-strongly convex in them.
    pub precision: f64,
}

/// What an example counts by its label, times its own weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClassWeight {
    /// Every example the same.
    #[default]
    None,
    /// n / (K · count): the K labels count the same in sum, however many examples each has. Counts are sums of weights, as in
    /// scikit-learn; where each label has a sigmoid of its own, its two classes are the label and the rest.
    Balanced,
}

/// How several labels share the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strategy {
    /// Multinomial for one label a text, one-vs-rest for any number.
    #[default]
    Auto,
    /// One label a text: one softmax over all labels. Two labels with examples make it a sigmoid.
    Multinomial,
    /// A sigmoid for each label against all others. For one label a text, probabilities are divided by their sum, as scikit-learn's
    /// `OneVsRestClassifier` does.
    OneVsRest,
    /// Any number of labels a text: a sigmoid for each, in the order of columns, which also sees which labels before it are set. Fitted on
    /// the true ones and given the predicted ones, as scikit-learn's `ClassifierChain` (Read et al., *Classifier chains for multi-label
    /// classification*, 2011).
    Chain,
}

impl Default for FitSettings {
    fn default() -> Self {
        FitSettings::with_c(DEFAULT_C)
    }
}

impl FitSettings {
    /// The defaults with another inverse strength.
    pub fn with_c(c: f64) -> Self {
        FitSettings {
            c,
            class_weight: ClassWeight::default(),
            strategy: Strategy::default(),
            precision: PRECISION,
        }
    }
}

impl ClassWeight {
    /// In the order of [`ClassWeight::NAMES`].
    pub const ALL: [ClassWeight; 2] = [ClassWeight::None, ClassWeight::Balanced];
    /// The stable names: on the command line and in stored runs.
    pub const NAMES: [&str; 2] = ["none", "balanced"];
}

impl Strategy {
    /// In the order of [`Strategy::NAMES`].
    pub const ALL: [Strategy; 4] = [
        Strategy::Auto,
        Strategy::Multinomial,
        Strategy::OneVsRest,
        Strategy::Chain,
    ];
    /// The stable names: on the command line and in stored runs.
    pub const NAMES: [&str; 4] = ["auto", "multinomial", "one-vs-rest", "chain"];

    /// The link of three or more labels with such targets.
    ///
    /// # Errors
    /// A chain of labels that exclude each other, a softmax over labels that do not.
    pub fn link(self, targets: &Targets) -> Result<Link, HeadError> {
        match (self, targets) {
            (Strategy::Auto | Strategy::Multinomial, Targets::Single(_)) => Ok(Link::Softmax),
            (Strategy::OneVsRest, Targets::Single(_)) => Ok(Link::NormalizedOneVsRest),
            (Strategy::Auto | Strategy::OneVsRest, Targets::Multi(_)) => Ok(Link::OneVsRest),
            (Strategy::Chain, Targets::Multi(_)) => Ok(Link::Chain),
            (Strategy::Chain, Targets::Single(_)) => Err(HeadError::ChainOfOne),
            (Strategy::Multinomial, Targets::Multi(_)) => Err(HeadError::MultinomialOfMany),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strategy_that_does_not_fit_the_task_is_refused_with_what_does() {
        let (single, multi) = (Targets::Single(vec![]), Targets::Multi(vec![]));
        let chain = Strategy::Chain.link(&single).unwrap_err().to_string();
        assert!(chain.contains("multinomial or one-vs-rest"), "{chain}");
        let multinomial = Strategy::Multinomial.link(&multi).unwrap_err().to_string();
        assert!(multinomial.contains("one-vs-rest or chain"), "{multinomial}");
        for targets in [single, multi] {
            assert!(Strategy::Auto.link(&targets).is_ok() && Strategy::OneVsRest.link(&targets).is_ok());
        }
    }
}
