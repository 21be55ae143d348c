//! Which classes of a classifier mean that a hypothesis follows from a premise, and that it is contradicted: found by their names.

use super::ZeroShotError;

/// How names of the other answer of two begin: "not_entailment", "non-entailment", "no entailment".
const NEGATIONS: [&str; 2] = ["not", "no"];

/// The classes that count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct InferenceClasses {
    /// The premise says so.
    pub(super) entailment: usize,
    /// The premise says otherwise, or with two classes does not say so. `None` where no name tells.
    pub(super) contradiction: Option<usize>,
}

impl InferenceClasses {
    /// Finds them among the names of a model's classes, in any order and whatever their case. Entailment begins with "entail"; contradiction
    /// with "contra", else with "not entail" in any spelling, else it is the one that is left besides "neutral".
    ///
    /// # Errors
    /// [`ZeroShotError::NotInference`] with the names where there is no entailment, [`ZeroShotError::NoClassNames`] where the names are
    /// only numbers.
    pub(super) fn find(names: &[String], model: &str) -> Result<InferenceClasses, ZeroShotError> {
        let lower: Vec<String> = names.iter().map(|name| name.trim().to_lowercase()).collect();
        if !lower.is_empty() && lower.iter().all(|name| is_number(name)) {
            return Err(ZeroShotError::NoClassNames { model: model.into() });
        }
        let starting = |start: &str| lower.iter().position(|name| name.starts_with(start));
        let Some(entailment) = starting("entail") else {
            return Err(ZeroShotError::NotInference {
                model: model.into(),
                names: names.join(", "),
            });
        };
        let denied = || lower.iter().position(|name| is_denied(name));
        let left = || {
            let mut others =
                (0..lower.len()).filter(|&class| class != entailment && !lower[class].starts_with("neutral"));
            others.next().filter(|_| others.next().is_none())
        };
        Ok(InferenceClasses {
            entailment,
            contradiction: starting("contra").or_else(denied).or_else(left),
        })
    }
}

/// "LABEL_2", "2": what transformers calls classes that nobody has named.
fn is_number(name: &str) -> bool {
    let number = name.strip_prefix("label_").unwrap_or(name);
    !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_denied(name: &str) -> bool {
    let letters: String = name.chars().filter(|letter| letter.is_alphabetic()).collect();
    let denies = |negation: &str| {
        let rest = letters.strip_prefix(negation);
        rest.is_some_and(|rest| rest.trim_start_matches('n').starts_with("entail"))
    };
    NEGATIONS.iter().any(|negation| denies(negation))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(names: &[&str]) -> (usize, Option<usize>) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let found = InferenceClasses::find(&names, "m").unwrap();
        (found.entailment, found.contradiction)
    }

    #[test]
    fn classes_are_found_by_name_in_any_order() {
        assert_eq!(found(&["contradiction", "neutral", "entailment"]), (2, Some(0)));
        assert_eq!(found(&["contradiction", "entailment", "neutral"]), (1, Some(0)));
        assert_eq!(found(&["entailment", "neutral", "contradiction"]), (0, Some(2)));
        assert_eq!(found(&["ENTAILMENT", "Contradiction", "neutral"]), (0, Some(1)));
        assert_eq!(found(&["neutral", "Entails", "contradicts"]), (1, Some(2)));
        assert_eq!(found(&["entailment", "not_entailment"]), (0, Some(1)));
        assert_eq!(found(&["Not entailment", "entailment"]), (1, Some(0)));
        assert_eq!(found(&["non-entailment", "entailment"]), (1, Some(0)));
        assert_eq!(found(&["no", "entailed"]), (1, Some(0)));
        assert_eq!(found(&["neutral", "entailment", "refutes"]), (1, Some(2)));
        // Nothing tells which of two is the contradiction.
        assert_eq!(found(&["other", "entailment", "unknown"]), (1, None));
        assert_eq!(found(&["neutral", "entailment"]), (1, None));
    }

    #[test]
    fn other_classifiers_are_refused_by_their_classes() {
        let find = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            InferenceClasses::find(&names, "mood").unwrap_err().to_string()
        };
        let other = find(&["negative", "positive"]);
        assert!(
            other.contains("negative, positive") && other.contains("mood"),
            "{other}"
        );
        let unnamed = find(&["LABEL_0", "LABEL_1", "LABEL_2"]);
        assert!(unnamed.contains("id2label"), "{unnamed}");
    }
}
