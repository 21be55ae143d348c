//! How long every figure of 100,000 texts and 50 labels takes, several labels a text: without intervals, with those of decisions, and with all.
//!
//! Not here: reading scores, drawing.
#![allow(clippy::unwrap_used)] // what cannot be set up cannot be timed

use std::time::Duration;

use criterion::{BenchmarkId, Criterion};
use handful::core::TaskKind;
use handful::core::metrics::{Evaluation, Resampling, ScoreMatrix};
use handful::core::rng;
use rand::Rng;

const N_TEXTS: usize = 100_000;
const N_LABELS: usize = 50;
/// Share of texts that carry a label.
const CARRY: f64 = 0.04;

fn texts() -> (ScoreMatrix, Vec<Vec<usize>>) {
    let mut stream = rng::stream(1, "intervals");
    let mut uniform = || f64::from(stream.next_u32()) / 4_294_967_296.0;
    let truth: Vec<Vec<usize>> = (0..N_TEXTS)
        .map(|_| (0..N_LABELS).filter(|_| uniform() < CARRY).collect())
        .collect();
    let score =
        |truth: &[usize], label: usize, drawn: f64| 0.6 * drawn + if truth.contains(&label) { 0.4 } else { 0.0 };
    let mut data = Vec::with_capacity(N_TEXTS * N_LABELS);
    for truth in &truth {
        data.extend((0..N_LABELS).map(|label| score(truth, label, uniform()) as f32));
    }
    (ScoreMatrix::new(N_TEXTS, N_LABELS, data).unwrap(), truth)
}

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3))
        .configure_from_args();
    let (scores, truth) = texts();
    let labels: Vec<String> = (0..N_LABELS).map(|label| label.to_string()).collect();
    let mut group = criterion.benchmark_group("every figure");
    for (name, resampling) in [
        ("no intervals", None),
        ("of decisions", Some(Resampling::of_decisions())),
        ("all intervals", Some(Resampling::default())),
    ] {
        let evaluation = Evaluation {
            task: TaskKind::MultiLabel,
            labels: &labels,
            truth: &truth,
            scores: &scores,
            thresholds: &[0.5; N_LABELS],
            at_least_one: false,
            tree: None,
            resampling,
        };
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            bencher.iter(|| evaluation.report().unwrap())
        });
    }
    group.finish();
    criterion.final_summary();
}
