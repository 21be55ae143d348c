//! The search field of the Data screen: words, and `label:` `split:` `has:` `how:` `score<` filters, each of which can be negated with `-`.
//!
//! Not here: drawing. A query is read once and then asked about every text.

use crate::app::Project;
use crate::core::{How, LabelId, Split, Text};

/// One condition.
#[derive(Debug, Clone, PartialEq)]
pub struct Term {
    /// As it stands in the field, to show as a chip and to take away again.
    pub written: String,
    /// Whether it must not hold.
    pub negated: bool,
    /// The condition.
    pub test: Test,
}

/// What a term asks.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// The text (either part of a pair), the note or the row's own id contains this, whatever the case.
    Word(String),
    /// The text has this label or one below it; `None`: no label is called that.
    Label(Option<LabelId>),
    /// The text is in this split; `None`: in none.
    Split(Option<Split>),
    /// The text has something.
    Has(Has),
    /// The annotation came about like this.
    How(How),
    /// The best suggestion is below this.
    ScoreBelow(f32),
    /// The best suggestion is above this.
    ScoreAbove(f32),
}

/// What a text can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Has {
    Label,
    Note,
    Flag,
}

/// The terms of a query; all must hold.
pub fn parse(query: &str, project: &Project) -> Vec<Term> {
    words(query).into_iter().map(|word| term(&word, project)).collect()
}

/// The query without one of its terms.
pub fn without(query: &str, written: &str) -> String {
    let mut words = words(query);
    if let Some(at) = words.iter().position(|word| word == written) {
        words.remove(at);
    }
    words.join(" ")
}

/// A filter on a label, quoted where its name has spaces.
pub fn label_filter(path: &str) -> String {
    if path.contains(char::is_whitespace) {
        format!("label:\"{path}\"")
    } else {
        format!("label:{path}")
    }
}

/// Words at spaces; quotes keep spaces together.
fn words(query: &str) -> Vec<String> {
    let (mut out, mut word, mut quoted) = (Vec::new(), String::new(), false);
    for c in query.chars() {
        if c == '"' {
            quoted = !quoted;
        }
        if c.is_whitespace() && !quoted {
            out.extend((!word.is_empty()).then(|| std::mem::take(&mut word)));
        } else {
            word.push(c);
        }
    }
    out.extend((!word.is_empty()).then_some(word));
    out
}

fn term(written: &str, project: &Project) -> Term {
    let (negated, rest) = match written.strip_prefix('-').filter(|rest| rest.contains(':')) {
        Some(rest) => (true, rest),
        None => (false, written),
    };
    let plain = rest.replace('"', "");
    let test = match plain.split_once(':') {
        Some(("label", name)) => Some(Test::Label(project.state.labels.find(name))),
        Some(("split", "none")) => Some(Test::Split(None)),
        Some(("split", name)) => Split::from_name(name).map(|split| Test::Split(Some(split))),
        Some(("has", "label")) => Some(Test::Has(Has::Label)),
        Some(("has", "note")) => Some(Test::Has(Has::Note)),
        Some(("has", "flag")) => Some(Test::Has(Has::Flag)),
        Some(("how", name)) => How::from_name(name).map(Test::How),
        _ => score(&plain),
    };
    Term {
        written: written.to_owned(),
        negated,
        test: test.unwrap_or_else(|| Test::Word(plain.to_lowercase())),
    }
}

fn score(plain: &str) -> Option<Test> {
    let rest = plain.strip_prefix("score")?;
    let below = rest
        .strip_prefix('<')
        .and_then(|n| n.parse().ok())
        .map(Test::ScoreBelow);
    below.or_else(|| {
        rest.strip_prefix('>')
            .and_then(|n| n.parse().ok())
            .map(Test::ScoreAbove)
    })
}

/// Whether a text meets every term.
pub fn matches(terms: &[Term], project: &Project, text: &Text) -> bool {
    terms
        .iter()
        .all(|term| holds(&term.test, project, text) != term.negated)
}

fn holds(test: &Test, project: &Project, text: &Text) -> bool {
    let score = || project.best_suggestion(text.id).map(|(_, prob)| prob);
    match test {
        Test::Word(word) => {
            contains(&text.body, word)
                || text.second.as_ref().is_some_and(|second| contains(second, word))
                || contains(&text.note, word)
                || text.external_id.as_ref().is_some_and(|id| contains(id, word))
        }
        Test::Label(None) => false,
        Test::Label(Some(wanted)) => text.annotation.as_ref().is_some_and(|annotation| {
            let tree = &project.state.labels;
            annotation
                .labels
                .iter()
                .any(|label| tree.ancestry(*label).iter().any(|above| above.id == *wanted))
        }),
        Test::Split(split) => text.split == *split,
        Test::Has(Has::Label) => text.annotation.is_some(),
        Test::Has(Has::Note) => !text.note.is_empty(),
        Test::Has(Has::Flag) => text.flagged,
        Test::How(how) => text
            .annotation
            .as_ref()
            .is_some_and(|annotation| annotation.how == *how),
        Test::ScoreBelow(limit) => score().is_some_and(|score| score < *limit),
        Test::ScoreAbove(limit) => score().is_some_and(|score| score > *limit),
    }
}

/// Whether `text` contains `lower`, which is lower case already.
fn contains(text: &str, lower: &str) -> bool {
    if lower.is_ascii() && text.is_ascii() {
        let (text, lower) = (text.as_bytes(), lower.as_bytes());
        return lower.is_empty()
            || text
                .windows(lower.len())
                .any(|window| window.eq_ignore_ascii_case(lower));
    }
    text.to_lowercase().contains(lower)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_keep_words_together_and_terms_can_be_taken_away() {
        let query = "refund -label:\"feature request\"  score<0.7";
        assert_eq!(words(query), ["refund", "-label:\"feature request\"", "score<0.7"]);
        assert_eq!(without(query, "-label:\"feature request\""), "refund score<0.7");
        assert_eq!(label_filter("feature request"), "label:\"feature request\"");
    }

    #[test]
    fn case_does_not_matter_in_any_script() {
        assert!(contains("My REFUND never", "refund"));
        assert!(contains("ÜBER uns", "über"));
        assert!(!contains("abc", "abcd"));
        assert!(contains("abc", ""));
    }

    #[test]
    fn scores_are_numbers_or_words() {
        assert_eq!(score("score<0.7"), Some(Test::ScoreBelow(0.7)));
        assert_eq!(score("score>.5"), Some(Test::ScoreAbove(0.5)));
        assert_eq!(score("score<high"), None);
        assert_eq!(score("scores"), None);
    }
}
