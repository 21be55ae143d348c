//! What may be answered, and what an answer means: the probability of each code, or the one label it names.

use super::super::named::{named_among, plain};

/// What may be answered to a prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answers {
    /// One short code for each option, "A" or "yes"; none where options are asked for by name.
    codes: Vec<String>,
    /// For each option everything it may be called.
    names: Vec<Vec<String>>,
}

impl Answers {
    pub fn new(codes: Vec<String>, names: Vec<Vec<String>>) -> Answers {
        Answers { codes, names }
    }

    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether a single token can be an answer.
    pub fn have_codes(&self) -> bool {
        !self.codes.is_empty()
    }

    /// The probability of each option, in 0..=1 and summing to 1, from the likeliest first tokens and the logarithms of their probabilities.
    /// Tokens that say the same ("A", " A", "a") count together; an option that is not among them gets 0. `None` where none of them is.
    pub fn shares(&self, tokens: &[(String, f64)]) -> Option<Vec<f64>> {
        let mut shares = vec![0.0; self.codes.len()];
        for (token, log_probability) in tokens {
            let token = bare(token);
            let option = self.codes.iter().position(|code| code.eq_ignore_ascii_case(token));
            if let Some(share) = option.and_then(|at| shares.get_mut(at)) {
                *share += log_probability.min(0.0).exp();
            }
        }
        let sum: f64 = shares.iter().sum();
        if sum <= 0.0 {
            return None;
        }
        shares.iter_mut().for_each(|share| *share /= sum);
        Some(shares)
    }

    /// The option an answer names: by its code, by code and name ("B. art"), or by a name as [`named_among`] reads it. `None` for anything
    /// else, and where two options are called so.
    pub fn named(&self, answer: &str) -> Option<usize> {
        let answer = after_thoughts(answer).trim();
        let (code, words) = (bare(answer), plain(answer));
        let is_code = |at: usize| self.code(at).is_some_and(|of| of.eq_ignore_ascii_case(code));
        if let Some(at) = self.only(|at, _| is_code(at)) {
            return Some(at);
        }
        let with_code = |at: usize, name: &str| {
            self.code(at)
                .is_some_and(|code| plain(&format!("{code} {name}")) == words)
        };
        self.only(with_code).or_else(|| named_among(answer, &self.names))
    }

    fn code(&self, option: usize) -> Option<&str> {
        self.codes.get(option).map(String::as_str)
    }

    /// The only option of which `is` is true under any of its names.
    fn only(&self, is: impl Fn(usize, &str) -> bool) -> Option<usize> {
        let mut matching = (0..self.names.len()).filter(|&at| self.names[at].iter().any(|name| is(at, name)));
        let first = matching.next();
        if matching.next().is_some() { None } else { first }
    }
}

/// Without white space and the signs models put around an answer.
fn bare(token: &str) -> &str {
    token.trim_matches(|sign: char| sign.is_whitespace() || ".,:;()[]*\"'`".contains(sign))
}

/// What follows the thoughts that some models write down first.
fn after_thoughts(answer: &str) -> &str {
    answer.rsplit_once("</think>").map_or(answer, |(_, after)| after)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn answers(names: &[&str]) -> Answers {
        let codes = ('A'..='Z').take(names.len()).map(String::from).collect();
        Answers::new(codes, names.iter().map(|name| vec![(*name).to_owned()]).collect())
    }

    fn tokens(of: &[(&str, f64)]) -> Vec<(String, f64)> {
        of.iter().map(|(token, p)| ((*token).to_owned(), p.ln())).collect()
    }

    #[test]
    fn variants_of_a_letter_count_together() {
        let shares = answers(&["x", "y", "z"]).shares(&tokens(&[("A", 0.3), (" A", 0.1), ("b", 0.1), ("The", 0.4)]));
        for (share, expected) in shares.unwrap().iter().zip([0.8, 0.2, 0.0]) {
            assert!((share - expected).abs() < 1e-12);
        }
        assert_eq!(answers(&["x", "y"]).shares(&tokens(&[("The", 0.9), ("C", 0.1)])), None);
        assert_eq!(answers(&["x"]).shares(&[]), None);
        // What cannot be computed with is no answer.
        assert_eq!(answers(&["x"]).shares(&[("A".into(), f64::NEG_INFINITY)]), None);
    }

    #[test]
    fn answers_name_options() {
        let answers = answers(&["Sport", "Home & Garden", "C++", "C#", "B"]);
        for (answer, option) in [
            ("a", Some(0)),
            (" (B).\n", Some(1)),
            ("**C**", Some(2)),
            ("sport", Some(0)),
            ("home-garden", Some(1)),
            ("B. Home & Garden", Some(1)),
            ("c++", Some(2)),
            ("C#", Some(3)),
            ("<think>It is A, or rather\n</think>\n\nD", Some(3)),
            ("E: B", Some(4)),
            ("F", None),
            ("sports", None),
            ("A or B", None),
            ("", None),
            ("...", None),
            ("I cannot say", None),
        ] {
            assert_eq!(answers.named(answer), option, "{answer:?}");
        }
    }

    #[test]
    fn two_options_of_one_name_are_told_apart_by_letter_only() {
        let answers = answers(&["a b", "A-B"]);
        assert_eq!((answers.named("ab"), answers.named("B")), (None, Some(1)));
        assert_eq!(answers.named("A-b"), Some(1));
    }

    proptest! {
        #[test]
        fn shares_are_probabilities(of in prop::collection::vec(("[ A-Fa-f.]{0,2}", -50.0..1.0_f64), 0..20)) {
            if let Some(shares) = answers(&["u", "v", "w", "x"]).shares(&of) {
                prop_assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9);
                prop_assert!(shares.iter().all(|share| (0.0..=1.0).contains(share)));
            }
        }

        #[test]
        fn any_answer_is_an_option_or_none(answer in ".{0,30}") {
            prop_assert!(answers(&["u", "v"]).named(&answer).is_none_or(|at| at < 2));
        }
    }
}
