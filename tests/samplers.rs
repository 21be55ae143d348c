//! Half a million texts: every sampler gives its first batch at once and holds no more than a few numbers a text.
#![allow(clippy::unwrap_used)] // a test that cannot be set up has failed

use std::time::Instant;

use handful::core::rng;
use handful::model::Targets;
use handful::train::setfit::every_pair::{EveryPair, Strategy};
use handful::train::setfit::groups::Groups;
use handful::train::setfit::pairs::{Pair, Pairs};

const N_TEXTS: usize = 500_000;
const N_LABELS: usize = 20;

/// Seconds until a first batch, on a machine that does other things too; it is a tenth of one alone. A list of pairs takes minutes.
const AT_ONCE: f64 = 5.0;

/// Single-label targets, and multi-label ones with thousands of distinct sets.
fn targets() -> [Targets; 2] {
    let several = |i: usize| {
        let mut labels: Vec<usize> = [i % 20, i / 20 % 19, i / 380 % 17].to_vec();
        labels.sort_unstable();
        labels.dedup();
        labels
    };
    [
        Targets::Single((0..N_TEXTS).map(|i| i * 7 % N_LABELS).collect()),
        Targets::Multi((0..N_TEXTS).map(several).collect()),
    ]
}

/// The most memory this process has had, in MB; `None` where the system does not say.
fn peak_mb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace()
        .nth(1)?
        .parse::<f64>()
        .ok()
        .map(|kb| kb / 1024.0)
}

#[test]
fn half_a_million_texts_start_at_once() {
    let all = targets();
    let before = peak_mb();
    for targets in &all {
        let rng = || rng::stream(0, "pairs");
        let check = |name: &str, started: Instant, pairs: &[Pair]| {
            let secs = started.elapsed().as_secs_f64();
            assert!(secs < AT_ONCE, "{name}: {secs} s to the first batch");
            for pair in pairs {
                let shared = targets
                    .of(pair.left)
                    .iter()
                    .any(|label| targets.of(pair.right).contains(label));
                assert!(pair.left != pair.right && pair.similar == shared, "{name}: {pair:?}");
            }
            assert!(
                pairs.iter().any(|pair| pair.similar) && pairs.iter().any(|pair| !pair.similar),
                "{name}"
            );
        };
        for strategy in [Strategy::Unique, Strategy::Oversampling, Strategy::Undersampling] {
            let started = Instant::now();
            let mut sampler = EveryPair::new(targets, N_LABELS, strategy, rng()).unwrap();
            assert!(sampler.per_epoch() > 10_000_000_000, "{strategy:?}");
            let pairs: Vec<Pair> = sampler.by_ref().take(128).collect();
            check(&format!("{strategy:?}"), started, &pairs);
        }
        let started = Instant::now();
        let pairs: Vec<Pair> = Pairs::new(targets, N_LABELS, rng()).unwrap().take(128).collect();
        check("iterations", started, &pairs);
        let started = Instant::now();
        let batch = Groups::new(targets, N_LABELS, 32, rng()).unwrap().next_batch();
        assert_eq!(batch.texts.len(), 32);
        let secs = started.elapsed().as_secs_f64();
        assert!(secs < AT_ONCE, "fast: {secs} s to the first batch");
    }
    if let (Some(before), Some(after)) = (before, peak_mb()) {
        assert!(after - before < 150.0, "{} MB", after - before);
    }
}
