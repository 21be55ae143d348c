//! SetFit on the default encoder.
#![allow(clippy::unwrap_used)] // a test that cannot be set up has failed

use std::ops::ControlFlow;
use std::sync::Arc;

use candle_core::Device;
use handful::core::TaskKind;
use handful::model::catalog::Catalog;
use handful::model::{Encoder, Targets};
use handful::train::{self, TrainEvent, TrainingSet};

/// Complaints and praise share their subjects, so that the frozen encoder finds them hard to tell apart.
const TRAIN: [[&str; 4]; 2] = [
    [
        "The parcel came two weeks late and nobody answered my calls.",
        "The soup was cold and the waiter rude.",
        "The battery died after one day, a waste of money.",
        "Our room smelled of smoke and the bed was broken.",
    ],
    [
        "The parcel came a day early and the driver called ahead.",
        "The soup was wonderful and the waiter charming.",
        "The battery lasts for days, worth every penny.",
        "Our room smelled of flowers and the bed was heavenly.",
    ],
];
const TEST: [[&str; 4]; 2] = [
    [
        "The shoes fell apart in a week.",
        "The train was filthy and an hour late.",
        "The phone never works, I am disappointed.",
        "Dull book, I gave up halfway.",
    ],
    [
        "The shoes still look new after a year.",
        "The train was spotless and on time.",
        "The phone always works, I am delighted.",
        "Gripping book, I read it in one night.",
    ],
];

/// The default encoder. `scripts/test.sh` fetches it.
fn encoder() -> Encoder {
    let dir = std::env::var_os("HANDFUL_ENCODER_DIR").map(Into::into);
    let dir = dir.or_else(|| Catalog::open(None).ok()?.path("all-MiniLM-L6-v2").ok());
    Encoder::load(
        &dir.expect("scripts/test.sh fetches the default encoder first"),
        &Device::Cpu,
    )
    .unwrap()
}

#[test]
fn setfit_learns_a_distinction_the_encoder_was_not_made_for() {
    let set = TrainingSet::new(
        TRAIN.iter().flatten().map(|text| Arc::from(*text)).collect(),
        Targets::Single(vec![0, 0, 0, 0, 1, 1, 1, 1]),
        2,
        TaskKind::SingleLabel,
    );
    let setfit = train::method("setfit").unwrap();
    let options = setfit
        .parse(&[("num_iterations", "8"), ("learning_rate", "1e-4")])
        .unwrap();
    let mut losses = Vec::new();
    let mut listen = |event| {
        if let TrainEvent::Step { loss, .. } = event {
            losses.push(loss);
        }
        ControlFlow::Continue(())
    };
    let trained = train::train(setfit, &set, &options, 0, encoder(), &mut listen).unwrap();
    assert_eq!(losses.len(), 8);
    assert!(losses[7] < 0.5 * losses[0], "{losses:?}");

    let texts: Vec<&str> = TEST.iter().flatten().copied().collect();
    let embedded = trained
        .encoder
        .embed(&texts, &mut |_| ControlFlow::Continue(()))
        .unwrap();
    let rows = trained.head.predict_proba(&embedded).unwrap();
    let n_right = rows.iter().enumerate().filter(|(i, row)| row[i / 4] > 0.5).count();
    assert!(n_right >= 7, "{n_right} of 8: {rows:?}");
}
