//! Every figure against scikit-learn's, on 1,000 made cases; `scripts/parity/metrics.py` wrote the expectations.
//!
//! Texts without truth, single texts, labels nobody uses, ties, all scores equal, certain mistakes and trees of labels are
//! among them. Cases are made from their number by the same steps here and there.

use serde::Deserialize;
use serde_json::Value;

use super::matrix::truth_column;
use super::{Evaluation, Hierarchy, Report, ScoreMatrix, hierarchy};
use crate::core::label::PATH_SEPARATOR;
use crate::core::thresholds::ThresholdCurve;
use crate::core::{ColumnTree, TaskKind};

/// β of the Fβ that no report has.
const OTHER_BETA: f64 = 1.5;

#[derive(Deserialize)]
struct Fixture {
    /// JSON pointers into a report.
    figures: Vec<String>,
    /// JSON pointers into the report of a label.
    label_figures: Vec<String>,
    cases: Vec<Expected>,
}

/// (figures, figures by label, confusion, figures of the tree, curves by label)
#[derive(Deserialize)]
struct Expected(
    Vec<Option<f64>>,
    Vec<Vec<Option<f64>>>,
    Option<Vec<Vec<usize>>>,
    Option<Vec<Option<f64>>>,
    Option<Vec<Vec<(f64, f64, f64)>>>,
);

fn fixture() -> Fixture {
    serde_json::from_str(include_str!("../../../tests/data/metrics/parity.json")).unwrap()
}

/// SplitMix64 (Steele, Lea & Flood, 2014).
struct Stream(u64);

impl Stream {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % n as u64) as usize
    }
}

/// A made case.
struct Made {
    number: usize,
    task: TaskKind,
    labels: Vec<String>,
    truth: Vec<Vec<usize>>,
    scores: ScoreMatrix,
    thresholds: Vec<f64>,
}

impl Made {
    fn new(number: usize) -> Self {
        let mut s = Stream(number as u64);
        let multi = number % 2 == 1;
        let n_labels = if multi { 1 + s.below(5) } else { 2 + s.below(5) };
        let n_rows = match s.below(6) {
            0 => 1,
            1 => 2,
            2 => 3 + s.below(6),
            _ => 10 + s.below(40),
        };
        let truth: Vec<Vec<usize>> = if multi {
            let tenths: Vec<usize> = (0..n_labels).map(|_| [0, 1, 3, 5, 10][s.below(5)]).collect();
            let mut row = || (0..n_labels).filter(|label| s.below(10) < tenths[*label]).collect();
            (0..n_rows).map(|_| row()).collect()
        } else {
            let n_used = 1 + s.below(n_labels);
            (0..n_rows).map(|_| vec![s.below(n_used)]).collect()
        };
        let kind = s.below(5);
        let rows: Vec<Vec<f32>> = (truth.iter())
            .map(|truth| {
                if multi {
                    independent(&mut s, kind, truth, n_labels)
                } else {
                    shares(&mut s, kind, truth, n_labels)
                }
            })
            .collect();
        let tuned = s.below(3) == 0;
        let untuned = if multi { 0.5 } else { 0.0 };
        let mut threshold = || if tuned { s.below(11) as f64 / 10.0 } else { untuned };
        let thresholds = (0..n_labels).map(|_| threshold()).collect();
        let (nested, mut labels) = (s.below(3) == 0, Vec::<String>::new());
        for label in 0..n_labels {
            let parent = s.below(label + 1);
            labels.push(match labels.get(parent).filter(|_| nested) {
                Some(above) => format!("{above}{PATH_SEPARATOR}{label}"),
                None => label.to_string(),
            });
        }
        Made {
            number,
            task: if multi {
                TaskKind::MultiLabel
            } else {
                TaskKind::SingleLabel
            },
            labels,
            truth,
            scores: ScoreMatrix::from_rows(n_labels, &rows).unwrap(),
            thresholds,
        }
    }

    fn evaluation(&self) -> Evaluation<'_> {
        Evaluation {
            task: self.task,
            labels: &self.labels,
            truth: &self.truth,
            scores: &self.scores,
            thresholds: &self.thresholds,
            at_least_one: false,
            tree: None,
            resampling: None,
        }
    }

    fn report(&self) -> Report {
        self.evaluation().report().unwrap()
    }

    /// The figures of the tree that its labels form.
    fn hierarchy(&self) -> Option<Hierarchy> {
        let paths: Vec<Vec<&str>> = self
            .labels
            .iter()
            .map(|path| path.split(PATH_SEPARATOR).collect())
            .collect();
        let tree = ColumnTree::from_paths(&paths)?;
        let closed = |sets: &[Vec<usize>]| -> Vec<Vec<usize>> { sets.iter().map(|set| tree.closed(set)).collect() };
        let (truth, decided) = (closed(&self.truth), closed(&self.evaluation().decisions()));
        Some(hierarchy(self.task, &tree, &truth, &decided))
    }

    /// The report with Fβ for one more β, as JSON.
    fn json(&self) -> Value {
        let mut json = serde_json::to_value(self.report()).unwrap();
        let (averages, by_label) = self.evaluation().f_beta(OTHER_BETA).unwrap();
        json["f_other"] = serde_json::json!([averages]);
        for (label, f_beta) in json["labels"].as_array_mut().unwrap().iter_mut().zip(by_label) {
            label["f_other"] = serde_json::json!(f_beta);
        }
        json
    }
}

fn independent(s: &mut Stream, kind: usize, truth: &[usize], n_labels: usize) -> Vec<f32> {
    let mut score = |label| match kind {
        0 => s.below(5) as f64 / 4.0,
        1 => 0.5,
        2 => s.below(2) as f64,
        _ => (s.below(1000) + if truth.contains(&label) { 600 } else { 0 }) as f64 / 1600.0,
    };
    (0..n_labels).map(|label| score(label) as f32).collect()
}

fn shares(s: &mut Stream, kind: usize, truth: &[usize], n_labels: usize) -> Vec<f32> {
    let sure = if kind == 2 { s.below(n_labels) } else { 0 };
    let mut weight = |label| match kind {
        0 => 1 + s.below(3),
        1 => 1,
        2 => usize::from(label == sure),
        _ => 1 + s.below(1000) + if truth.contains(&label) { 600 } else { 0 },
    };
    let weights: Vec<usize> = (0..n_labels).map(&mut weight).collect();
    let sum: usize = weights.iter().sum();
    weights
        .iter()
        .map(|weight| (*weight as f64 / sum as f64) as f32)
        .collect()
}

/// The largest difference so far, and how many figures were compared and how many were undefined.
#[derive(Default)]
struct Checked {
    largest: f64,
    n: usize,
    n_undefined: usize,
}

impl Checked {
    #[track_caller]
    fn check(&mut self, case: usize, what: &str, found: Option<f64>, expected: Option<f64>) {
        self.n += 1;
        match (found, expected) {
            (Some(found), Some(expected)) => {
                let difference = (found - expected).abs();
                assert!(
                    difference <= 1e-9,
                    "case {case}: {what} is {found}, scikit-learn says {expected}"
                );
                self.largest = self.largest.max(difference);
            }
            (None, None) => self.n_undefined += 1,
            _ => panic!("case {case}: {what} is {found:?}, scikit-learn says {expected:?}"),
        }
    }
}

/// The order of `tree` in the script.
fn of_tree(tree: &Hierarchy) -> Vec<Option<f64>> {
    let levels = tree.levels.iter().flat_map(|level| {
        let counts = [level.n_labels, level.n_texts].map(|n| Some(n as f64));
        let averages = [level.macro_, level.micro].map(|of| [of.precision, of.recall, of.f1]);
        counts.into_iter().chain([level.accuracy]).chain(averages.concat())
    });
    [tree.precision, tree.recall, tree.f1]
        .into_iter()
        .chain(levels)
        .collect()
}

#[test]
fn every_figure_equals_scikit_learns() {
    let Fixture {
        figures,
        label_figures,
        cases,
    } = fixture();
    assert_eq!(cases.len(), 1000);
    let mut checked = Checked::default();
    let mut n_trees = 0;
    for (number, expected) in cases.iter().enumerate() {
        let made = Made::new(number);
        let (json, report) = (made.json(), made.report());
        for (pointer, expected) in figures.iter().zip(&expected.0) {
            let found = json
                .pointer(pointer)
                .unwrap_or_else(|| panic!("{pointer} is not in the report"));
            checked.check(number, pointer, found.as_f64(), *expected);
        }
        let labels = json["labels"].as_array().unwrap();
        assert_eq!(labels.len(), expected.1.len(), "case {number}");
        for (label, expected) in labels.iter().zip(&expected.1) {
            for (pointer, expected) in label_figures.iter().zip(expected) {
                let found = label
                    .pointer(pointer)
                    .unwrap_or_else(|| panic!("{pointer} is not in a label"));
                checked.check(number, pointer, found.as_f64(), *expected);
            }
        }
        let confusion = report
            .confusion
            .as_ref()
            .map(|confusion| confusion.rows().map(<[usize]>::to_vec).collect());
        assert_eq!(confusion, expected.2, "case {number}");
        let tree = made.hierarchy().as_ref().map(of_tree);
        assert_eq!(
            tree.as_ref().map(Vec::len),
            expected.3.as_ref().map(Vec::len),
            "case {number}"
        );
        n_trees += usize::from(tree.is_some());
        for (found, expected) in tree.iter().flatten().zip(expected.3.iter().flatten()) {
            checked.check(number, "a figure of the tree", *found, *expected);
        }
    }
    let Checked {
        largest,
        n,
        n_undefined,
    } = checked;
    println!("{n} figures, {n_undefined} of them undefined, {n_trees} trees; largest difference {largest:.1e}");
    assert!(n_undefined > 1000 && n_trees > 100);
}

#[test]
fn curves_have_scikit_learns_points() {
    let mut checked = Checked::default();
    for (number, expected) in fixture().cases.iter().enumerate() {
        let made = Made::new(number);
        for (label, expected) in expected.4.iter().flatten().enumerate() {
            let curve = ThresholdCurve::new(&made.scores.column(label), &truth_column(&made.truth, label));
            let found = curve.precision_recall();
            assert_eq!(found.len(), expected.len(), "case {number}: label {label}");
            for (point, (threshold, precision, recall)) in found.iter().rev().zip(expected) {
                assert_eq!(point.threshold as f32, *threshold as f32);
                checked.check(number, "precision", Some(point.precision), Some(*precision));
                checked.check(number, "recall", Some(point.recall), Some(*recall));
            }
        }
    }
    assert!(checked.n > 500);
}

#[test]
fn the_report_is_plain_json_without_nan() {
    for number in 0..100 {
        let made = Made::new(number);
        let json: Value = serde_json::from_str(&serde_json::to_string(&made.report()).unwrap()).unwrap();
        assert_eq!(json["task"], made.task.name());
        assert_eq!(json["n_texts"], made.truth.len());
        assert_eq!(
            json["labels"].as_array().unwrap().len(),
            made.labels.len(),
            "{}",
            made.number
        );
    }
}
