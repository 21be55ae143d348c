//! Folds end to end, on a tiny encoder: what is held out, what is told, what a stop keeps.

use rand::RngExt;

use super::*;
use crate::core::{TaskKind, rng};
use crate::model::{Targets, testing};
use crate::train::{METHODS, method, train};
use std::sync::Arc;

const N_TEXTS: usize = 40;

/// Texts of random words with labels that have nothing to do with them: a model can only learn them by heart.
fn noise() -> TrainingSet {
    let mut rng = rng::stream(11, "noise");
    let mut text = |_| {
        let words: Vec<&str> = (0..6)
            .map(|_| testing::WORDS[rng.random_range(0..testing::WORDS.len())])
            .collect();
        Arc::from(words.join(" "))
    };
    let texts = (0..N_TEXTS).map(&mut text).collect();
    let labels = (0..N_TEXTS).map(|i| i % 2).collect();
    TrainingSet::new(texts, Targets::Single(labels), 2, TaskKind::SingleLabel)
}

/// Settings that learn [`noise`] by heart, in a few seconds.
fn by_heart(id: &str, folds: &[(&str, &str)]) -> Options {
    let settings: &[(&str, &str)] = match id {
        "setfit" => &[
            ("num_iterations", "40"),
            ("learning_rate", "3e-3"),
            ("batch_size", "16"),
            ("c", "100"),
        ],
        "finetune" => &[("num_epochs", "40"), ("learning_rate", "3e-3"), ("batch_size", "8")],
        _ => &[],
    };
    method(id).unwrap().parse(&[settings, folds].concat()).unwrap()
}

fn whole(id: &str, k: &str) -> Options {
    match id {
        "finetune" => by_heart(id, &[("folds", k)]),
        _ => by_heart(id, &[("folds", k), ("fold_by", "whole")]),
    }
}

fn run(set: &TrainingSet, options: &Options, seed: u64) -> (Trained, Vec<TrainEvent>) {
    let mut events = Vec::new();
    let mut listen = |event| {
        events.push(event);
        ControlFlow::Continue(())
    };
    let encoder = testing::tiny_encoder(3);
    let trained = train(options.method(), set, options, seed, encoder, &mut listen).unwrap();
    (trained, events)
}

fn accuracy(set: &TrainingSet, rows: &[Vec<f32>]) -> f64 {
    let right = |(text, row): (usize, &Vec<f32>)| row[set.targets.of(text)[0]] > 0.5;
    rows.iter().enumerate().filter(|pair| right(*pair)).count() as f64 / rows.len() as f64
}

fn predicted(trained: &Trained, set: &TrainingSet) -> Vec<Vec<f32>> {
    let embedded = trained.encoder.embed(&set.texts(), &mut |_| ControlFlow::Continue(()));
    trained.head.predict_proba(&embedded.unwrap()).unwrap()
}

#[test]
fn what_was_learnt_by_heart_does_not_reach_the_scores() {
    let set = noise();
    for id in ["setfit", "finetune"] {
        let (trained, _) = run(&set, &whole(id, "5"), 0);
        let seen = accuracy(&set, &predicted(&trained, &set));
        assert!(seen > 0.9, "{id} has not learnt its texts: {seen}");
        let unseen = accuracy(&set, trained.out_of_fold.as_ref().unwrap());
        // 40 tosses of a coin are above 28 heads once in two hundred times
        assert!(unseen < 0.7, "{id} has seen what it scores: {unseen}");
    }
    // Holding out the head alone is what flatters.
    let (trained, _) = run(&set, &by_heart("setfit", &[("folds", "5")]), 0);
    let by_head = accuracy(&set, &trained.out_of_fold.unwrap());
    assert!(by_head > 0.8, "{by_head}");
}

#[test]
fn each_text_has_the_score_of_a_training_without_its_fold() {
    let set = noise();
    let folds = Folds::deal(&set, 4, 9).unwrap();
    for method in METHODS.iter().filter(|method| !method.needs_teacher) {
        let options = quick(method.id, "4");
        let (trained, _) = run(&set, &options, 9);
        let scores = trained.out_of_fold.unwrap();
        let (kept, held_out) = folds.split(2);
        assert_eq!(held_out.len(), 10);
        let (without, _) = run(&set.select(&kept), &without_folds(&options), 9);
        let rows = predicted(&without, &set.select(&held_out));
        for (text, row) in held_out.iter().zip(rows) {
            assert_eq!(scores[*text], row, "{}: text {text}", method.id);
        }
        // The model itself is that of a training without any folds.
        let (alone, _) = run(&set, &without_folds(&options), 9);
        assert_eq!(alone.head, trained.head, "{}", method.id);
    }
}

/// Few steps.
fn quick(id: &str, k: &str) -> Options {
    let mut options = whole(id, k);
    for (option, value) in [("num_iterations", 2.0), ("num_epochs", 1.0)] {
        let _ = options.set(option, value);
    }
    options
}

#[test]
fn a_seed_gives_the_same_scores_with_any_number_of_threads() {
    let set = noise();
    let on = |n_threads, seed| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        pool.install(|| run(&set, &quick("finetune", "3"), seed).0.out_of_fold.unwrap())
    };
    assert_eq!(on(1, 5), on(2, 5));
    assert_ne!(on(1, 5), on(1, 6));
}

#[test]
fn folds_are_told_in_order_and_steps_counted_over_all() {
    // 5 folds of 8 texts: 4 batches of 8 without one, 5 with all
    let (_, events) = run(&noise(), &quick("finetune", "5"), 0);
    assert_eq!(events[0], TrainEvent::Started { n_steps: 25 });
    assert_eq!(events[1], TrainEvent::Fold(Some(Fold { number: 1, n_folds: 5 })));
    let folds: Vec<Option<usize>> = events
        .iter()
        .filter_map(|event| match event {
            TrainEvent::Fold(fold) => Some(fold.map(|fold| fold.number)),
            _ => None,
        })
        .collect();
    assert_eq!(folds, [Some(1), Some(2), Some(3), Some(4), Some(5), None]);
    let steps: Vec<(usize, usize)> = events
        .iter()
        .filter_map(|event| match event {
            TrainEvent::Step { step, n_steps, .. } => Some((*step, *n_steps)),
            _ => None,
        })
        .collect();
    assert_eq!(steps, (1..=25).map(|step| (step, 25)).collect::<Vec<_>>());
    assert_eq!(Fold { number: 2, n_folds: 5 }.to_string(), "fold 2 of 5");
}

/// Trains until `stop_at` steps are taken; from then on it hears nothing but stop.
fn stopped(options: &Options, stop_at: usize) -> Result<Trained, TrainError> {
    let mut n_steps = 0;
    let mut listen = |event| {
        n_steps += usize::from(matches!(event, TrainEvent::Step { .. }));
        if n_steps >= stop_at {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let encoder = testing::tiny_encoder(3);
    train(options.method(), &noise(), options, 0, encoder, &mut listen)
}

#[test]
fn a_stop_during_the_folds_keeps_what_has_come_furthest() {
    let set = noise();
    let options = quick("finetune", "5");
    let folds = Folds::deal(&set, 5, 0).unwrap();
    let without = |fold| run(&set.select(&folds.split(fold).0), &without_folds(&options), 0).0;

    // In the third fold of four steps each: the second is finished.
    let trained = stopped(&options, 10).unwrap();
    assert!(trained.stopped && trained.out_of_fold.is_none());
    assert_eq!(trained.head, without(1).head);
    assert_eq!(trained.findings["left_out"], "fold 2 of 5");
    assert_eq!(trained.findings["n_texts_learnt"], 32);

    // With the last step of a fold, that fold is finished.
    assert_eq!(stopped(&options, 8).unwrap().head, without(1).head);

    // In the first fold there is only the model at hand, and before it nothing.
    let trained = stopped(&options, 2).unwrap();
    assert_eq!((trained.stopped, trained.n_steps), (true, 2));
    assert_eq!(trained.findings["left_out"], "fold 1 of 5");
    assert!(matches!(stopped(&options, 0), Err(TrainError::Stopped)));

    // After the folds it is a stop like any other.
    let trained = stopped(&options, 22).unwrap();
    assert_eq!((trained.stopped, trained.n_steps), (true, 2));
    assert_eq!(trained.out_of_fold.unwrap().len(), N_TEXTS);
    assert!(!trained.findings.contains_key("left_out"));
}

#[test]
fn folds_that_leave_too_little_are_left_out_and_said() {
    let mut set = noise();
    set.targets = Targets::Single((0..N_TEXTS).map(|i| usize::from(i == 0)).collect());
    let (trained, events) = run(&set, &quick("finetune", "5"), 0);
    assert!(trained.out_of_fold.is_none() && !trained.stopped);
    let reason = trained.findings["no_out_of_fold_scores"].as_str().unwrap();
    assert!(reason.contains("at least two labels"), "{reason}");
    assert_eq!(events[0], TrainEvent::Started { n_steps: 5 });

    let encoder = testing::tiny_encoder(3);
    let options = quick("finetune", "0");
    for k in [0, 1] {
        let mut listen = |_| ControlFlow::Continue(());
        let error = cross_validate(&noise(), &options, k, 0, &encoder, &mut listen)
            .err()
            .unwrap();
        assert!(error.to_string().contains("at least 2 folds"), "{error}");
    }
}

#[test]
fn cross_validation_leaves_the_encoder_as_it_was() {
    let encoder = testing::tiny_encoder(3);
    let weights = |encoder: &Encoder| -> Vec<Vec<f32>> {
        let numbers = |var: candle_core::Var| var.flatten_all().unwrap().to_vec1().unwrap();
        encoder.vars().into_iter().map(|(_, var)| numbers(var)).collect()
    };
    let before = weights(&encoder);
    let options = quick("setfit", "3");
    let mut listen = |_| ControlFlow::Continue(());
    let folded = cross_validate(&noise(), &options, 3, 0, &encoder, &mut listen).unwrap();
    let Folded::Scored(scores) = folded else {
        panic!("not scored")
    };
    assert_eq!(weights(&encoder), before);
    assert_eq!(scores, run(&noise(), &options, 0).0.out_of_fold.unwrap());
}
