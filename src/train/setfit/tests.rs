//! SetFit's options end to end, on a tiny BERT: every loss, sampler and head learns, and what cannot work is said.

use std::ops::ControlFlow;
use std::sync::Arc;

use candle_core::Var;

use super::loss::{LOSSES, Loss};
use super::templates::{self, Material};
use super::*;
use crate::core::rng;
use crate::model::Targets;
use crate::train::method;
use crate::train::tests::{embedded, run, setfit, tiny_encoder, topics, weights};

/// Settings with which the tiny encoder learns in a few steps.
const QUICK: [(&str, &str); 3] = [("num_iterations", "12"), ("learning_rate", "3e-3"), ("batch_size", "8")];

fn with(settings: &[(&'static str, &'static str)]) -> Options {
    setfit(&[&QUICK[..], settings].concat())
}

fn refusal(set: &TrainingSet, options: &Options) -> String {
    let mut listen = |_| ControlFlow::Continue(());
    let refused = crate::train::train(options.method(), set, options, 0, tiny_encoder(), &mut listen);
    refused.err().unwrap().to_string()
}

fn steps(events: &[TrainEvent]) -> Vec<f64> {
    let loss = |event: &TrainEvent| match event {
        TrainEvent::Step { loss, .. } => Some(*loss),
        _ => None,
    };
    events.iter().filter_map(loss).collect()
}

/// How many of [`topics`] the classifier gets right.
fn n_right(trained: &Trained) -> usize {
    let rows = trained.head.predict_proba(&embedded(trained)).unwrap();
    rows.iter().enumerate().filter(|(i, row)| row[i / 8] > 0.5).count()
}

#[test]
fn every_loss_learns_with_the_fast_sampler_and_repeats_by_seed() {
    for loss in LOSSES {
        let options = with(&[("loss", loss)]);
        let (trained, events) = run(&topics(), &options, 0);
        let losses = steps(&events);
        let mean = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len() as f64;
        assert!(
            mean(&losses[losses.len() - 4..]) < mean(&losses[..4]),
            "{loss}: {losses:?}"
        );
        assert!(n_right(&trained) >= 15, "{loss}");
        assert_eq!(weights(&trained), weights(&run(&topics(), &options, 0).0), "{loss}");
    }
}

#[test]
fn every_sampler_learns_in_as_many_steps_as_it_has_pairs() {
    // 2 · C(8, 2) similar and 8 · 8 dissimilar pairs in batches of 8, four times over
    let expected = [
        ("unique", 60),
        ("oversampling", 64),
        ("undersampling", 56),
        ("iterations", 192),
        ("fast", 48),
    ];
    for (sampler, n_steps) in expected {
        let (trained, events) = run(&topics(), &with(&[("sampler", sampler), ("num_epochs", "4")]), 0);
        assert_eq!(events[0], TrainEvent::Started { n_steps }, "{sampler}");
        assert_eq!((trained.n_steps, trained.stopped), (n_steps, false));
        assert!(n_right(&trained) >= 14, "{sampler}: {}", n_right(&trained));
        let bounded = run(&topics(), &with(&[("sampler", sampler), ("max_steps", "3")]), 0).0;
        assert_eq!((bounded.n_steps, bounded.stopped), (3, false));
    }
}

#[test]
fn every_parameter_gets_a_gradient_through_every_loss() {
    let (encoder, set) = (tiny_encoder(), topics());
    let tokens = encoder.tokenize(&set.texts()).unwrap();
    let mut groups = groups::Groups::new(&set.targets, 2, 16, rng::stream(0, "groups")).unwrap();
    let batch = groups.next_batch();
    let texts: Vec<_> = batch.texts.iter().map(|text| &tokens[*text]).collect();
    let losses = [
        Loss::Cosine,
        Loss::Contrastive { margin: 1.5 },
        Loss::SupervisedContrastive { temperature: 0.07 },
        Loss::Triplet { margin: 0.5 },
    ];
    for loss in losses {
        let embeddings = encoder.forward(&texts, None).unwrap();
        let gradients = encoder.backward(&loss.of_groups(&embeddings, &batch).unwrap()).unwrap();
        for (name, var) in encoder.vars() {
            let gradient = gradients
                .dense(&var)
                .unwrap()
                .unwrap_or_else(|| panic!("{loss:?} {name}"));
            let gradient = gradient.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            assert!(gradient.iter().all(|g| g.is_finite()), "{loss:?} {name}");
            assert!(gradient.iter().any(|g| *g != 0.0), "{loss:?} {name}");
        }
    }
}

#[test]
fn the_differentiable_head_learns_on_a_still_encoder_and_on_a_moving_one() {
    let head = [("head", "differentiable"), ("head_epochs", "20")];
    let (still, events) = run(&topics(), &with(&head), 0);
    assert_eq!(events[0], TrainEvent::Started { n_steps: 12 });
    assert_eq!((n_right(&still), still.n_steps, still.stopped), (16, 12, false));
    let logistic = run(&topics(), &with(&[]), 0).0;
    assert_eq!(weights(&still), weights(&logistic), "the encoder stays as it was tuned");
    assert!(still.out_of_fold.is_none() && logistic.out_of_fold.is_some());

    let rate = [("end_to_end", "on"), ("body_learning_rate", "1e-3")];
    let options = with(&[&head[..], &rate].concat());
    let (moving, events) = run(&topics(), &options, 0);
    // and 16 / 2 · 20 more, told like the others
    assert_eq!(events[0], TrainEvent::Started { n_steps: 172 });
    assert_eq!(steps(&events).len(), 172);
    assert_eq!((n_right(&moving), moving.n_steps, moving.stopped), (16, 172, false));
    assert_ne!(weights(&moving), weights(&still));
    let again = run(&topics(), &options, 0).0;
    assert_eq!((weights(&moving), &moving.head), (weights(&again), &again.head));
}

#[test]
fn the_differentiable_head_takes_several_labels() {
    let set = TrainingSet {
        targets: Targets::Multi((0..16).map(|i| if i < 8 { vec![0, 2] } else { vec![1] }).collect()),
        n_labels: 4,
        task: crate::core::TaskKind::MultiLabel,
        ..topics()
    };
    let options = with(&[("head", "differentiable"), ("head_epochs", "40")]);
    let trained = run(&set, &options, 0).0;
    for (i, row) in trained
        .head
        .predict_proba(&embedded(&trained))
        .unwrap()
        .iter()
        .enumerate()
    {
        for (label, prob) in row.iter().enumerate() {
            assert_eq!(*prob > 0.5, set.targets.of(i).contains(&label), "{i} {label}: {row:?}");
        }
    }
}

fn named(names: [&str; 2]) -> TrainingSet {
    TrainingSet {
        label_names: names.map(String::from).to_vec(),
        ..topics()
    }
}

#[test]
fn sentences_about_labels_join_the_texts() {
    let set = named(["team_match", "market price"]);
    let mut findings = Findings::new();
    let options = with(&[("templates", "on"), ("template_copies", "3")]);
    let material = templates::material(&set, &options, &tiny_encoder(), 0, &mut findings).unwrap();
    assert_eq!(&*material.set.texts[16], "This sentence is about team match");
    assert_eq!(&*material.set.texts[17], "This sentence is about market price");
    assert_eq!(
        (material.set.targets.of(16), material.set.targets.of(17)),
        (&[0][..], &[1][..])
    );
    assert_eq!(material.repeats[15..], [1, 3, 3]);
    let rows = material.repeated();
    assert_eq!(rows.texts.len(), 16 + 2 * 3);
    assert_eq!(rows.targets.counts(2).unwrap(), [11, 11]);
    assert_eq!(findings["templates"], "on");

    let (trained, events) = run(&set, &options, 0);
    assert_eq!(trained.findings["templates"], "on");
    assert_eq!(
        trained.out_of_fold.as_ref().unwrap().len(),
        16,
        "of texts, not of sentences"
    );
    // 22 in batches of 16
    assert_eq!(events[0], TrainEvent::Started { n_steps: 24 });
    assert_ne!(weights(&trained), weights(&run(&set, &with(&[]), 0).0));
    assert!(refusal(&topics(), &options).contains("need the labels' names"));
}

#[test]
fn a_label_with_a_name_and_no_text_is_learnt() {
    let set = TrainingSet {
        label_names: ["team match", "market price", "cat dog birds"]
            .map(String::from)
            .to_vec(),
        n_labels: 3,
        ..topics()
    };
    let trained = run(&set, &with(&[("templates", "on"), ("template_copies", "8")]), 0).0;
    let go_on = &mut |_| ControlFlow::Continue(());
    let x = trained
        .encoder
        .embed(&["This sentence is about cat dog birds"], go_on)
        .unwrap();
    let row = &trained.head.predict_proba(&x).unwrap()[0];
    assert!(row[2] > row[0] && row[2] > row[1], "{row:?}");
    let without = run(&set, &with(&[]), 0).0;
    assert_eq!(without.head.predict_proba(&x).unwrap()[0][2], 0.0);
}

#[test]
fn auto_says_what_it_chose_and_leaves_names_that_mislead_out() {
    // names of the wrong topics
    let set = named(["market price code", "team match goal"]);
    let trained = run(&set, &with(&[("templates", "auto")]), 0).0;
    assert_eq!(trained.findings["templates"], "off", "{:?}", trained.findings);
    let loss = |name: &str| trained.findings[name].as_f64().unwrap();
    assert!(loss("templates_loss_with") > loss("templates_loss_without"));
    assert_eq!(weights(&trained), weights(&run(&set, &with(&[]), 0).0));
    let nameless = run(&topics(), &with(&[("templates", "auto")]), 0).0;
    assert_eq!(nameless.findings["templates"], "off");
}

#[test]
fn one_example_a_label_is_enough_where_names_speak() {
    let one_each = |set: TrainingSet| TrainingSet {
        texts: vec![set.texts[0].clone(), set.texts[8].clone()],
        targets: Targets::Single(vec![0, 1]),
        ..set
    };
    let refused = refusal(&one_each(topics()), &with(&[]));
    assert!(
        refused.contains("no two texts share a label") && refused.contains("templates=on"),
        "{refused}"
    );
    let set = one_each(named(["team match", "market price"]));
    let trained = run(&set, &with(&[("templates", "on")]), 0).0;
    assert!(n_right(&trained) >= 8);
}

#[test]
fn what_cannot_be_told_apart_is_said() {
    let equal = TrainingSet {
        texts: vec![Arc::from("the same"); 16],
        ..topics()
    };
    let refused = refusal(&equal, &with(&[]));
    assert!(refused.contains("all 16 labelled texts are the same text"), "{refused}");

    let mut labels = vec![0; 16];
    (labels[7], labels[8]) = (1, 2);
    labels[9] = 2;
    let lonely = TrainingSet {
        targets: Targets::Single(labels),
        n_labels: 3,
        label_names: vec!["sport".into(), "money".into(), String::new()],
        ..topics()
    };
    let findings = run(&lonely, &with(&[("max_steps", "2")]), 0).0.findings;
    let remarks = findings["remarks"].to_string();
    assert!(remarks.contains("Only one example of money"), "{remarks}");

    let everywhere = TrainingSet {
        targets: Targets::Multi((0..16).map(|i| if i < 8 { vec![0] } else { vec![0, 1] }).collect()),
        task: crate::core::TaskKind::MultiLabel,
        ..topics()
    };
    assert!(refusal(&everywhere, &with(&[])).contains("nothing to tell apart"));
}

/// Trains while somebody ruins a weight after `ruined_after` steps.
fn ruined(ruined_after: usize) -> (Result<Trained, TrainError>, Vec<(String, Var)>) {
    let encoder = tiny_encoder();
    let vars = encoder.vars();
    let options = with(&[]);
    let mut listen = |event: TrainEvent| {
        if matches!(event, TrainEvent::Step { step, .. } if step == ruined_after) {
            let (_, var) = &vars[3];
            let not_a_number = (var.as_tensor() * f64::NAN).unwrap();
            var.set(&not_a_number).unwrap();
        }
        ControlFlow::Continue(())
    };
    let trained = crate::train::train(method("setfit").unwrap(), &topics(), &options, 0, encoder, &mut listen);
    (trained, vars)
}

#[test]
fn a_training_that_diverges_keeps_the_last_good_weights() {
    let trained = ruined(6).0.unwrap();
    assert_eq!(trained.n_steps, 5);
    let said = trained.findings["diverged"].as_str().unwrap().to_owned();
    assert!(
        said.contains("after step 6") && said.contains("step 5 were kept"),
        "{said}"
    );
    assert!(said.contains("lower learning_rate (now 0.003)"), "{said}");
    let finite = |var: &Var| {
        let numbers: Vec<f32> = var.flatten_all().unwrap().to_vec1().unwrap();
        numbers.iter().all(|x| x.is_finite())
    };
    assert!(trained.encoder.vars().iter().all(|(_, var)| finite(var)));
    assert!(n_right(&trained) >= 12);

    let error = ruined(1).0.err().unwrap();
    assert!(matches!(error, TrainError::Diverged { step: 2, .. }), "{error}");
}

#[test]
fn material_of_a_set_is_the_set() {
    let material = Material::of(&topics());
    assert_eq!(material.repeated().texts, topics().texts);
    assert_eq!(material.repeated().targets, topics().targets);
}
