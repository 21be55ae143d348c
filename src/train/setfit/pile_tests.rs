//! SetFit and the probe with a pile, on a tiny encoder.

use std::sync::Arc;

use crate::model::Targets;
use crate::train::tests::{run, topics, weights};
use crate::train::{Options, TrainingSet, method};

/// Two labelled texts a topic; the other texts of the topics are the pile.
fn with_pile() -> (TrainingSet, Vec<usize>) {
    let all = topics();
    let labelled = [0, 2, 8, 10];
    let rest: Vec<usize> = (0..16).filter(|text| !labelled.contains(text)).collect();
    let texts = |of: &[usize]| {
        of.iter()
            .map(|text| all.texts[*text].clone())
            .collect::<Vec<Arc<str>>>()
    };
    let mut set = TrainingSet::new(texts(&labelled), all.targets.select(&labelled), 2, all.task);
    set.pile = texts(&rest);
    set.label_names = vec!["goal_match".into(), "market price".into()];
    let truth = rest.iter().map(|text| text / 8).collect();
    (set, truth)
}

fn options(id: &str, settings: &[(&str, &str)]) -> Options {
    method(id).unwrap().parse(settings).unwrap()
}

#[test]
fn setfit_takes_guessed_texts_into_its_batches() {
    let (set, truth) = with_pile();
    let settings = [("num_iterations", "20"), ("learning_rate", "1e-2"), ("batch_size", "4")];
    let with = |pile: &'static str| {
        let settings = [&settings[..], &[("pile", pile)]].concat();
        run(&set, &options("setfit", &settings), 0).0
    };
    let (on, off) = (with("on"), with("off"));
    let n_used = on.findings["pile_texts_in_batches"].as_u64().unwrap();
    assert!((1..=12).contains(&n_used), "{n_used}");
    assert!(on.findings["pile_texts"].as_u64().unwrap() > 0);
    assert!(!off.findings.contains_key("pile_texts") && weights(&on) != weights(&off));
    let again = with("on");
    assert_eq!((weights(&on), &on.head), (weights(&again), &again.head));
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    assert_eq!(weights(&pool.install(|| with("on"))), weights(&on));

    let pile: Vec<&str> = set.pile.iter().map(|text| &**text).collect();
    let x = on
        .encoder
        .embed(&pile, &mut |_| std::ops::ControlFlow::Continue(()))
        .unwrap();
    let rows = on.head.predict_proba(&x).unwrap();
    let n_right = rows
        .iter()
        .zip(&truth)
        .filter(|(row, label)| row[**label] > 0.5)
        .count();
    assert!(n_right >= 9, "{n_right} of 12");
}

#[test]
fn without_a_pile_setfit_is_what_it_was() {
    let (mut set, _) = with_pile();
    set.pile.clear();
    let with = |pile: &'static str| run(&set, &options("setfit", &[("num_iterations", "2"), ("pile", pile)]), 0).0;
    let (auto, off) = (with("auto"), with("off"));
    assert_eq!((weights(&auto), &auto.head), (weights(&off), &off.head));
}

#[test]
fn several_labels_a_text_and_other_samplers() {
    let (single, _) = with_pile();
    let set = TrainingSet {
        targets: Targets::Multi(vec![vec![0], vec![0, 1], vec![1], vec![1]]),
        task: crate::core::TaskKind::MultiLabel,
        ..single.clone()
    };
    let trained = run(&set, &options("setfit", &[("pile", "on"), ("num_iterations", "4")]), 0).0;
    assert!(trained.findings.contains_key("pile_texts_in_batches"));
    let drawn = options(
        "setfit",
        &[("pile", "on"), ("num_iterations", "2"), ("sampler", "iterations")],
    );
    let trained = run(&single, &drawn, 0).0;
    assert!(!trained.findings.contains_key("pile_texts_in_batches"));
}

#[test]
fn the_probe_says_how_it_used_the_pile_and_scores_only_labelled_texts() {
    let (set, _) = with_pile();
    let on = run(&set, &options("probe", &[("pile", "on"), ("folds", "2")]), 0).0;
    assert!(on.findings["pile_texts"].as_u64().unwrap() > 0);
    let confidence = on.findings["pile_confidence"].as_f64().unwrap();
    assert!((0.0..=1.0).contains(&confidence));
    assert_eq!(on.out_of_fold.unwrap().len(), set.texts.len());
    let off = run(&set, &options("probe", &[("pile", "off"), ("folds", "2")]), 0).0;
    assert!(!off.findings.contains_key("pile_texts") && off.head != on.head);
    let auto = run(&set, &options("probe", &[("pile", "auto"), ("folds", "0")]), 0).0;
    assert!(auto.head == on.head || auto.head == off.head);
}
