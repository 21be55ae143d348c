//! What a move of a threshold costs with 1,000,000 texts and 50 labels, all figures included: by one step of the keys, and across the whole
//! range. `HANDFUL_BENCH_TEXTS` takes another number of texts.
//!
//! Not here: drawing.
#![allow(clippy::unwrap_used)] // what cannot be set up cannot be timed

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::Criterion;
use handful::core::TaskKind;
use handful::core::metrics::{DecisionRule, ScoreMatrix};
use handful::core::rng;
use handful::core::thresholds::{Live, ThresholdCurve, curve};
use rand::Rng;
use rayon::prelude::*;

const N_LABELS: usize = 50;

/// Scores of a fair classifier: each text has 1 to 3 labels, which score high, and the others low.
fn texts(n: usize) -> (ScoreMatrix, Vec<Vec<usize>>) {
    let mut stream = rng::stream(1, "drag");
    let mut uniform = || f64::from(stream.next_u32()) / 4_294_967_296.0;
    let mut data = Vec::with_capacity(n * N_LABELS);
    let mut truth = Vec::with_capacity(n);
    for _ in 0..n {
        let mut labels: Vec<usize> = (0..1 + (uniform() * 3.0) as usize)
            .map(|_| (uniform() * uniform() * N_LABELS as f64) as usize)
            .collect();
        labels.sort_unstable();
        labels.dedup();
        for label in 0..N_LABELS {
            let centre = if labels.binary_search(&label).is_ok() {
                1.0
            } else {
                -2.5
            };
            let logit = centre + 2.0 * (uniform() + uniform() + uniform() - 1.5);
            data.push((1.0 / (1.0 + (-logit).exp())) as f32);
        }
        truth.push(labels);
    }
    (ScoreMatrix::new(n, N_LABELS, data).unwrap(), truth)
}

fn resident_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok())
        .unwrap_or(f64::NAN)
        / 1024.0
}

fn main() {
    let n: usize = std::env::var("HANDFUL_BENCH_TEXTS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(1_000_000);
    let (scores, truth) = texts(n);
    let before = resident_mb();
    let start = Instant::now();
    let curves: Vec<ThresholdCurve> = (0..N_LABELS)
        .into_par_iter()
        .map(|label| curve(&scores, &truth, label))
        .collect();
    let curves = Arc::new(curves);
    println!(
        "{n} texts x {N_LABELS} labels: sorted in {:.2} s, {:.0} MB",
        start.elapsed().as_secs_f64(),
        resident_mb() - before
    );
    let before = resident_mb();
    let start = Instant::now();
    let thresholds = vec![0.5; N_LABELS];
    let live = Live::new(
        curves.clone(),
        &scores,
        &truth,
        DecisionRule::new(TaskKind::MultiLabel, &thresholds),
    );
    println!(
        "figures begun in {:.2} s, {:.0} MB",
        start.elapsed().as_secs_f64(),
        resident_mb() - before
    );

    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(4))
        .configure_from_args();
    let mut group = criterion.benchmark_group("drag");
    for (name, label, from, to) in [
        ("one step, rare label", N_LABELS - 1, 0.50, 0.51),
        ("one step, frequent label", 0, 0.50, 0.51),
        ("one step where most texts are", 0, 0.05, 0.06),
        ("a tenth of the range", 0, 0.45, 0.55),
        ("across the whole range", 0, 0.0, 1.0),
    ] {
        for at_least_one in [false, true] {
            let name = format!("{name}{}", if at_least_one { ", at least one label" } else { "" });
            group.bench_function(name, |bencher| {
                let mut live = live.clone();
                live.set_at_least_one(at_least_one);
                live.set(label, from);
                let mut there = false;
                bencher.iter(|| {
                    there = !there;
                    live.set(label, if there { to } else { from });
                    black_box(live.headline())
                });
            });
        }
    }
    group.finish();
    criterion.final_summary();
}
