//! How long the quick model takes after a label: a head with the pile, refitted from nothing, by the number of labels. Eight labelled texts a
//! label, their names, and a pile of 1,500 texts, as wide as the default encoder makes them; random, in clouds that overlap.
//!
//! Not here: embedding the texts, which is done once.
#![allow(clippy::unwrap_used)] // what cannot be set up cannot be timed

use std::time::Duration;

use criterion::{BenchmarkId, Criterion};
use handful::core::rng;
use handful::model::head::Examples;
use handful::model::head::pile::{Beside, PileSettings, fit};
use handful::model::{Embeddings, Targets};

const DIM: usize = 384;
const PER_LABEL: usize = 8;
const PILE: usize = 1_500;

/// Unit rows around one centre a label, as far apart as sentences of a topic.
fn clouds(n_labels: usize, n: usize, spread: f64, name: &str) -> Embeddings {
    let mut centres = rng::stream(1, "centres");
    let centres: Vec<f64> = (0..n_labels * DIM).map(|_| rng::normal(&mut centres)).collect();
    let mut stream = rng::stream(1, name);
    let mut data = Vec::with_capacity(n * DIM);
    for text in 0..n {
        let label = text % n_labels;
        let centre = &centres[label * DIM..(label + 1) * DIM];
        let row: Vec<f64> = centre.iter().map(|x| x + spread * rng::normal(&mut stream)).collect();
        let length = row.iter().map(|x| x * x).sum::<f64>().sqrt();
        data.extend(row.iter().map(|x| (x / length) as f32));
    }
    Embeddings { dim: DIM, data }
}

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3))
        .configure_from_args();
    let mut group = criterion.benchmark_group("refit with the pile");
    for n_labels in [2, 4, 28, 77, 150] {
        let labelled = clouds(n_labels, n_labels * PER_LABEL, 1.5, "labelled");
        let names = clouds(n_labels, n_labels, 1.0, "names");
        let pile = clouds(n_labels, PILE, 1.5, "pile");
        let targets = Targets::Single((0..n_labels * PER_LABEL).map(|text| text % n_labels).collect());
        let beside = Beside {
            names: Some(&names),
            pile: &pile,
        };
        group.bench_function(BenchmarkId::from_parameter(n_labels), |bencher| {
            let examples = Examples::new(&labelled, &targets, n_labels);
            bencher.iter(|| fit(examples, beside, &PileSettings::default()).unwrap());
        });
    }
    group.finish();
    criterion.final_summary();
}
