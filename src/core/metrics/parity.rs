//! Every figure against scikit-learn's, on random and degenerate cases; `scripts/parity/metrics.py` wrote the expectations.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::matrix::truth_column;
use super::{Averages, Counts, Evaluation, LabelReport, Report, ScoreMatrix};
use crate::core::TaskKind;
use crate::core::thresholds::ThresholdCurve;

#[derive(Deserialize)]
struct Case {
    name: String,
    task: TaskKind,
    truth: Vec<Vec<usize>>,
    scores: Vec<Vec<f32>>,
    thresholds: Vec<f64>,
    expected: Expected,
}

#[derive(Deserialize)]
struct Expected {
    micro: Figures,
    #[serde(rename = "macro")]
    macro_: Figures,
    weighted: Figures,
    labels: Vec<ExpectedLabel>,
    #[serde(default)]
    confusion: Vec<Vec<usize>>,
    #[serde(flatten)]
    figures: BTreeMap<String, Option<f64>>,
}

#[derive(Deserialize)]
struct Figures {
    precision: Option<f64>,
    recall: Option<f64>,
    f1: Option<f64>,
}

#[derive(Deserialize)]
struct ExpectedLabel {
    #[serde(flatten)]
    figures: Figures,
    f2: Option<f64>,
    support: usize,
    counts: ExpectedCounts,
    average_precision: Option<f64>,
    roc_auc: Option<f64>,
    /// (threshold, precision, recall), lowest threshold first.
    curve: Vec<(f64, f64, f64)>,
}

#[derive(Deserialize)]
struct ExpectedCounts {
    tp: usize,
    fp: usize,
    #[serde(rename = "fn")]
    fn_: usize,
    tn: usize,
}

fn cases() -> Vec<Case> {
    serde_json::from_str(include_str!("../../../tests/data/metrics/parity.json")).unwrap()
}

fn report(case: &Case, scores: &ScoreMatrix) -> Report {
    let labels: Vec<String> = (0..scores.n_labels()).map(|label| format!("label {label}")).collect();
    let (truth, thresholds) = (&case.truth, &case.thresholds);
    Evaluation {
        task: case.task,
        labels: &labels,
        truth,
        scores,
        thresholds,
        at_least_one: false,
        resampling: None,
    }
    .report()
    .unwrap()
}

#[track_caller]
fn check(case: &str, what: &str, found: Option<f64>, expected: Option<f64>) {
    let same = match (found, expected) {
        (Some(found), Some(expected)) => (found - expected).abs() <= 1e-9,
        (found, expected) => found.is_none() && expected.is_none(),
    };
    assert!(same, "{case}: {what} is {found:?}, scikit-learn says {expected:?}");
}

fn check_averages(case: &str, kind: &str, found: Averages, expected: &Figures) {
    check(case, &format!("{kind} precision"), found.precision, expected.precision);
    check(case, &format!("{kind} recall"), found.recall, expected.recall);
    check(case, &format!("{kind} F1"), found.f1, expected.f1);
}

fn check_label(case: &str, found: &LabelReport, expected: &ExpectedLabel) {
    let averages = Averages {
        precision: found.precision,
        recall: found.recall,
        f1: found.f1,
    };
    check_averages(case, &found.label, averages, &expected.figures);
    check(case, "F2", found.counts.f_beta(2.0), expected.f2);
    check(
        case,
        "average precision",
        found.average_precision,
        expected.average_precision,
    );
    check(case, "ROC-AUC", found.roc_auc, expected.roc_auc);
    assert_eq!(found.support, expected.support, "{case}: {}", found.label);
    let ExpectedCounts { tp, fp, fn_, tn } = expected.counts;
    assert_eq!(found.counts, Counts { tp, fp, fn_, tn }, "{case}: {}", found.label);
}

#[test]
fn every_figure_equals_scikit_learns() {
    let cases = cases();
    assert!(cases.len() >= 20);
    for case in &cases {
        let n_labels = case.expected.labels.len();
        let scores = ScoreMatrix::from_rows(n_labels, &case.scores).unwrap();
        let report = report(case, &scores);
        check_averages(&case.name, "micro", report.micro, &case.expected.micro);
        check_averages(&case.name, "macro", report.macro_, &case.expected.macro_);
        check_averages(&case.name, "weighted", report.weighted, &case.expected.weighted);
        for (found, expected) in report.labels.iter().zip(&case.expected.labels) {
            check_label(&case.name, found, expected);
        }
        let json = serde_json::to_value(&report).unwrap();
        for (id, expected) in &case.expected.figures {
            let found = json.get(id).unwrap_or_else(|| panic!("{id} is not in the report"));
            check(&case.name, id, found.as_f64(), *expected);
        }
        let confusion: Vec<&[usize]> = report.confusion.iter().flat_map(|confusion| confusion.rows()).collect();
        assert_eq!(confusion, case.expected.confusion, "{}", case.name);
    }
}

#[test]
fn curves_have_scikit_learns_points() {
    for case in &cases() {
        let scores = ScoreMatrix::from_rows(case.expected.labels.len(), &case.scores).unwrap();
        for (label, expected) in case.expected.labels.iter().enumerate() {
            let curve = ThresholdCurve::new(&scores.column(label), &truth_column(&case.truth, label));
            let found = curve.precision_recall();
            assert_eq!(found.len(), expected.curve.len(), "{}: label {label}", case.name);
            for (point, (threshold, precision, recall)) in found.iter().rev().zip(&expected.curve) {
                assert_eq!(point.threshold as f32, *threshold as f32);
                check(&case.name, "precision", Some(point.precision), Some(*precision));
                check(&case.name, "recall", Some(point.recall), Some(*recall));
            }
        }
    }
}

#[test]
fn the_report_is_plain_json_without_nan() {
    for case in &cases() {
        let scores = ScoreMatrix::from_rows(case.expected.labels.len(), &case.scores).unwrap();
        let json: Value = serde_json::from_str(&serde_json::to_string(&report(case, &scores)).unwrap()).unwrap();
        assert_eq!(json["task"], case.task.name());
        assert_eq!(json["n_texts"], case.truth.len());
        assert_eq!(json["labels"].as_array().unwrap().len(), case.expected.labels.len());
    }
}
