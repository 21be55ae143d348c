//! Texts that have something in common (length, file, annotator), and whether a model does worse on them.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::metrics::{DecisionRule, Interval, Report, Resampling};
use super::{How, TaskKind, Text};

/// Of more sources or annotators than this, the smallest are taken together.
const MOST_NAMES: usize = 40;

/// The name of those taken together.
const OTHERS: &str = "(others)";

/// What texts are told apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SliceBy {
    /// Characters: the shortest third, the middle and the longest.
    Length,
    /// The file a text came from.
    Source,
    /// Who annotated it.
    Annotator,
    /// How it was annotated: by hand, imported, accepted, in bulk.
    Labelled,
    /// The score of its best label.
    Confidence,
}

impl SliceBy {
    /// All, in the order they are shown.
    pub const ALL: [SliceBy; 5] = [
        SliceBy::Length,
        SliceBy::Source,
        SliceBy::Annotator,
        SliceBy::Labelled,
        SliceBy::Confidence,
    ];

    /// The stable name: on the command line and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            SliceBy::Length => "length",
            SliceBy::Source => "source",
            SliceBy::Annotator => "annotator",
            SliceBy::Labelled => "labelled",
            SliceBy::Confidence => "confidence",
        }
    }

    /// As on screen.
    pub fn title(self) -> &'static str {
        match self {
            SliceBy::Length => "Length",
            SliceBy::Source => "Source",
            SliceBy::Annotator => "Annotator",
            SliceBy::Labelled => "How it was labelled",
            SliceBy::Confidence => "Confidence",
        }
    }

    /// The inverse of [`SliceBy::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        SliceBy::ALL.into_iter().find(|by| by.name() == name)
    }
}

/// What slices rest on, of one text.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    n_chars: usize,
    source: Arc<str>,
    who: Arc<str>,
    how: Option<How>,
    confidence: f32,
}

impl Facts {
    /// `scores`: those of its labels, in 0..=1.
    pub fn new(text: &Text, scores: &[f32]) -> Self {
        let annotation = text.annotation.as_ref();
        Facts {
            n_chars: text.parts().map(|part| part.chars().count()).sum(),
            source: text.source.clone(),
            who: annotation
                .map(|annotation| annotation.who.as_str())
                .unwrap_or_default()
                .into(),
            how: annotation.map(|annotation| annotation.how),
            confidence: scores.iter().copied().fold(0.0, f32::max),
        }
    }
}

/// Which slice, as people write it: `length=short`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SliceName {
    /// What texts are told apart by.
    pub by: SliceBy,
    /// Its name among those.
    pub name: String,
}

impl std::fmt::Display for SliceName {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "{}={}", self.by.name(), self.name)
    }
}

impl std::str::FromStr for SliceName {
    type Err = String;

    fn from_str(written: &str) -> Result<Self, String> {
        let kinds = || SliceBy::ALL.map(SliceBy::name).join(", ");
        let (by, name) = written
            .split_once('=')
            .ok_or_else(|| format!("write it as length=short; what stands before = is one of: {}", kinds()))?;
        let by = SliceBy::from_name(by.trim()).ok_or_else(|| format!("texts can be told apart by: {}", kinds()))?;
        Ok(SliceName {
            by,
            name: name.trim().to_owned(),
        })
    }
}

/// Some of the texts.
#[derive(Debug, Clone, PartialEq)]
pub struct Slice {
    /// Which.
    pub name: SliceName,
    /// What its name means, where it does not say so itself; else empty.
    pub about: String,
    /// Rows of its texts, ascending.
    pub rows: Vec<usize>,
}

/// Every text is in exactly one slice; empty slices are left out. Sources and annotators come with the largest first, the smallest
/// of very many taken together.
pub fn slices(by: SliceBy, facts: &[Facts]) -> Vec<Slice> {
    match by {
        SliceBy::Length => by_length(facts),
        SliceBy::Source => by_name(by, facts, |fact| &fact.source),
        SliceBy::Annotator => by_name(by, facts, |fact| &fact.who),
        SliceBy::Labelled => by_name(by, facts, |fact| fact.how.map_or("", How::name)),
        SliceBy::Confidence => by_confidence(facts),
    }
}

fn by_length(facts: &[Facts]) -> Vec<Slice> {
    let mut lengths: Vec<usize> = facts.iter().map(|fact| fact.n_chars).collect();
    lengths.sort_unstable();
    let third = |n: usize| {
        lengths
            .len()
            .checked_sub(1)
            .and_then(|last| lengths.get(n * last / 3))
            .copied()
    };
    let (Some(a), Some(b)) = (third(1), third(2)) else {
        return Vec::new();
    };
    let bounds = [
        ("short", 0..=a, format!("up to {a} characters")),
        ("medium", a + 1..=b, format!("{} to {b} characters", a + 1)),
        ("long", b + 1..=usize::MAX, format!("{} characters and more", b + 1)),
    ];
    let of = |(name, lengths, about): (&str, std::ops::RangeInclusive<usize>, String)| {
        slice(SliceBy::Length, name, about, facts, |fact| {
            lengths.contains(&fact.n_chars)
        })
    };
    bounds.into_iter().filter_map(of).collect()
}

fn by_confidence(facts: &[Facts]) -> Vec<Slice> {
    let bounds = [
        ("0-0.5", 0.0..0.5, "best label below 0.5"),
        ("0.5-0.7", 0.5..0.7, "best label 0.5 to 0.7"),
        ("0.7-0.9", 0.7..0.9, "best label 0.7 to 0.9"),
        ("0.9-1", 0.9..f32::INFINITY, "best label 0.9 or more"),
    ];
    let of = |(name, range, about): (&str, std::ops::Range<f32>, &str)| {
        let within = |fact: &Facts| range.contains(&fact.confidence);
        slice(SliceBy::Confidence, name, about.to_owned(), facts, within)
    };
    bounds.into_iter().filter_map(of).collect()
}

fn slice(by: SliceBy, name: &str, about: String, facts: &[Facts], within: impl Fn(&Facts) -> bool) -> Option<Slice> {
    let rows: Vec<usize> = (0..facts.len()).filter(|row| within(&facts[*row])).collect();
    let name = SliceName {
        by,
        name: name.to_owned(),
    };
    (!rows.is_empty()).then_some(Slice { name, about, rows })
}

fn by_name<'a>(by: SliceBy, facts: &'a [Facts], name: impl Fn(&'a Facts) -> &'a str) -> Vec<Slice> {
    let mut rows: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (row, fact) in facts.iter().enumerate() {
        rows.entry(name(fact)).or_default().push(row);
    }
    let mut slices: Vec<Slice> = rows
        .into_iter()
        .map(|(name, rows)| Slice {
            name: SliceName {
                by,
                name: if name.is_empty() { "unknown" } else { name }.to_owned(),
            },
            about: String::new(),
            rows,
        })
        .collect();
    slices.sort_by_key(|slice| std::cmp::Reverse(slice.rows.len()));
    if slices.len() > MOST_NAMES {
        let rest = slices.split_off(MOST_NAMES - 1);
        let about = format!("{} small ones", rest.len());
        let mut rows: Vec<usize> = rest.into_iter().flat_map(|slice| slice.rows).collect();
        rows.sort_unstable();
        let name = SliceName {
            by,
            name: OTHERS.to_owned(),
        };
        slices.push(Slice { name, about, rows });
    }
    slices
}

/// How a model does on one slice.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SliceReport {
    /// What texts are told apart by.
    pub by: SliceBy,
    /// Its name among those.
    pub name: String,
    /// What the name means, where it does not say so itself.
    pub about: String,
    /// Its texts.
    pub n_texts: usize,
    /// Share of texts decided exactly right.
    pub accuracy: Option<f64>,
    /// Its interval; `None` for fewer than two texts.
    pub accuracy_interval: Option<Interval>,
    /// Macro F1, as a report of these texts alone has it.
    pub macro_f1: Option<f64>,
    /// Its interval.
    pub macro_f1_interval: Option<Interval>,
    /// What macro F1 would be if each label did as well here as in the whole: labels that do not occur here add nothing.
    pub macro_f1_expected: Option<f64>,
    /// The interval of accuracy does not reach the accuracy of the whole.
    pub accuracy_is_below: bool,
    /// The interval of macro F1 does not reach what would be expected.
    pub macro_f1_is_below: bool,
}

impl SliceReport {
    /// Which slice.
    pub fn slice(&self) -> SliceName {
        SliceName {
            by: self.by,
            name: self.name.clone(),
        }
    }

    /// Its name with what it means.
    pub fn title(&self) -> String {
        match self.about.as_str() {
            "" => self.name.clone(),
            about => format!("{} ({about})", self.name),
        }
    }
}

/// Figures of slices of the texts that `whole` is the report of, decided by `rule`. O(resamples · texts).
pub fn report(
    whole: &Report,
    rule: DecisionRule<'_>,
    truth: &[Vec<usize>],
    decided: &[Vec<usize>],
    slices: &[Slice],
) -> Vec<SliceReport> {
    let some = |all: &[Vec<usize>], rows: &[usize]| -> Vec<Vec<usize>> {
        rows.iter().filter_map(|row| all.get(*row).cloned()).collect()
    };
    let of = |slice: &Slice| {
        let (truth, decided) = (some(truth, &slice.rows), some(decided, &slice.rows));
        let report = Report::of_decisions(rule, whole.labels.len(), &truth, &decided, &Resampling::of_decisions());
        let intervals = report.intervals.as_ref();
        let accuracy_interval = intervals.and_then(|intervals| intervals.accuracy());
        let macro_f1_interval = intervals.and_then(|intervals| intervals.macro_f1());
        let expected = expected(whole, &truth, &decided);
        let below = |interval: Option<Interval>, whole: Option<f64>| {
            interval
                .zip(whole)
                .is_some_and(|(interval, whole)| interval.high < whole)
        };
        SliceReport {
            by: slice.name.by,
            name: slice.name.name.clone(),
            about: slice.about.clone(),
            n_texts: report.n_texts,
            accuracy: report.accuracy,
            macro_f1: report.macro_.f1,
            macro_f1_expected: expected,
            accuracy_is_below: below(accuracy_interval, whole.accuracy),
            macro_f1_is_below: below(macro_f1_interval, expected),
            accuracy_interval,
            macro_f1_interval,
        }
    };
    slices.iter().map(of).collect()
}

/// The mean of the whole's F1 over labels that are true or decided in a slice; with several labels a text the others count
/// as 0, as they do in macro F1.
fn expected(whole: &Report, truth: &[Vec<usize>], decided: &[Vec<usize>]) -> Option<f64> {
    let mut occurs = vec![false; whole.labels.len()];
    for label in truth.iter().chain(decided).flatten() {
        if let Some(known) = occurs.get_mut(*label) {
            *known = true;
        }
    }
    let here = whole.labels.iter().zip(&occurs).filter(|(_, occurs)| **occurs);
    let (mut n, mut sum) = (0, 0.0);
    for (label, _) in here {
        sum += label.f1.unwrap_or(0.0);
        n += 1;
    }
    let n = match whole.task {
        TaskKind::SingleLabel => n,
        TaskKind::MultiLabel => whole.labels.len(),
    };
    (n > 0).then(|| sum / n as f64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::core::metrics::{Evaluation, ScoreMatrix};

    fn fact(n_chars: usize, source: &str, confidence: f32) -> Facts {
        Facts {
            n_chars,
            source: source.into(),
            who: "".into(),
            how: Some(How::Hand),
            confidence,
        }
    }

    #[test]
    fn slices_are_named_the_way_they_are_written() {
        let facts: Vec<Facts> = (1..=9)
            .map(|n| fact(n * 10, if n < 4 { "a.csv" } else { "b.csv" }, 0.1 * n as f32))
            .collect();
        let names = |by| -> Vec<(String, usize)> {
            let slices = slices(by, &facts);
            slices
                .iter()
                .map(|slice| (slice.name.to_string(), slice.rows.len()))
                .collect()
        };
        let named = |names: &[(&str, usize)]| -> Vec<(String, usize)> {
            names.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect()
        };
        assert_eq!(
            names(SliceBy::Length),
            named(&[("length=short", 3), ("length=medium", 3), ("length=long", 3)])
        );
        assert_eq!(
            names(SliceBy::Source),
            named(&[("source=b.csv", 6), ("source=a.csv", 3)])
        );
        assert_eq!(names(SliceBy::Annotator), named(&[("annotator=unknown", 9)]));
        assert_eq!(names(SliceBy::Labelled), named(&[("labelled=hand", 9)]));
        assert_eq!(slices(SliceBy::Length, &facts)[1].about, "31 to 60 characters");
        let written: SliceName = " source = a.csv".parse().unwrap();
        assert_eq!(written, slices(SliceBy::Source, &facts)[1].name);
        assert!(
            "colour=red"
                .parse::<SliceName>()
                .unwrap_err()
                .contains("length, source")
        );
        assert!("short".parse::<SliceName>().is_err());
    }

    #[test]
    fn very_many_sources_are_not_all_told_apart() {
        let facts: Vec<Facts> = (0..100).map(|n| fact(1, &format!("{}.txt", n / 2), 0.5)).collect();
        let found = slices(SliceBy::Source, &facts);
        assert_eq!(found.len(), MOST_NAMES);
        let last = found.last().unwrap();
        assert_eq!(
            (last.name.name.as_str(), last.rows.len()),
            (OTHERS, 100 - 2 * (MOST_NAMES - 1))
        );
    }

    proptest! {
        #[test]
        fn every_text_is_in_exactly_one_slice(lengths in prop::collection::vec((0usize..40, 0.0f32..=1.0), 0..60)) {
            let facts: Vec<Facts> = lengths.iter().map(|(n, confidence)| fact(*n, "a", *confidence)).collect();
            for by in SliceBy::ALL {
                let mut rows: Vec<usize> = slices(by, &facts).into_iter().flat_map(|slice| slice.rows).collect();
                rows.sort_unstable();
                prop_assert_eq!(rows, (0..facts.len()).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn a_slice_that_is_worse_is_marked_and_a_part_of_the_labels_is_not() {
        // Texts of a.csv are right but for label 2, which only b.csv has and which is always missed.
        let n = 60;
        let facts: Vec<Facts> = (0..n)
            .map(|row| fact(5, if row < 40 { "a.csv" } else { "b.csv" }, 0.9))
            .collect();
        let truth: Vec<Vec<usize>> = (0..n).map(|row| vec![if row < 40 { row % 2 } else { 2 }]).collect();
        let rows: Vec<[f32; 3]> = (0..n)
            .map(|row| if row % 2 == 0 { [0.8, 0.1, 0.1] } else { [0.1, 0.8, 0.1] })
            .collect();
        let labels = ["a", "b", "c"].map(String::from);
        let scores = ScoreMatrix::from_rows(3, &rows).unwrap();
        let evaluation = Evaluation {
            task: TaskKind::SingleLabel,
            labels: &labels,
            truth: &truth,
            scores: &scores,
            thresholds: &[0.0; 3],
            at_least_one: false,
            tree: None,
            resampling: None,
        };
        let whole = evaluation.report().unwrap();
        let decided = evaluation.decisions();
        let found = report(
            &whole,
            evaluation.rule(),
            &truth,
            &decided,
            &slices(SliceBy::Source, &facts),
        );
        let [a, b] = found.as_slice() else { panic!("two files") };
        assert_eq!(
            (a.accuracy, a.accuracy_is_below, a.macro_f1_is_below),
            (Some(1.0), false, false)
        );
        assert_eq!(
            (b.accuracy, b.accuracy_is_below, b.macro_f1_is_below),
            (Some(0.0), true, true)
        );
        // All of a.csv's texts at once: the whole does as well on its labels as it does.
        let all = report(
            &whole,
            evaluation.rule(),
            &truth,
            &decided,
            &slices(SliceBy::Length, &facts),
        );
        assert_eq!((all[0].macro_f1, all[0].macro_f1_is_below), (whole.macro_.f1, false));
        assert_eq!(all[0].macro_f1_expected, whole.macro_.f1);
    }
}
