//! Distillation end to end, on tiny encoders.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::distill::Teacher;
use super::tests::{embedded, run, setfit, topics, weights};
use super::{Method, Options, Trained, TrainingSet, method};
use crate::core::TaskKind;
use crate::model::{Targets, testing};

fn distill() -> &'static Method {
    method("distill").unwrap()
}

fn options() -> Options {
    let settings = [
        ("num_epochs", "20"),
        ("learning_rate", "3e-3"),
        ("batch_size", "8"),
        ("c", "10"),
    ];
    distill().parse(&settings).unwrap()
}

/// Two labelled texts, the others in the pile, and a classifier that was trained on all of them as the teacher.
fn taught_set() -> TrainingSet {
    let all = topics();
    let settings = [
        ("num_iterations", "24"),
        ("learning_rate", "3e-3"),
        ("batch_size", "8"),
        ("c", "10"),
    ];
    let trained = run(&all, &setfit(&settings), 0).0;
    let (labelled, pile): (Vec<usize>, Vec<usize>) = (0..16).partition(|i| i % 8 == 0);
    let mut set = TrainingSet {
        texts: labelled.iter().map(|i| all.texts[*i].clone()).collect(),
        targets: all.targets.select(&labelled),
        pile: pile.iter().map(|i| all.texts[*i].clone()).collect(),
        ..all
    };
    let texts: Vec<&str> = set.texts.iter().chain(&set.pile).map(|text| &**text).collect();
    let embeddings = trained
        .encoder
        .embed(&texts, &mut |_| ControlFlow::Continue(()))
        .unwrap();
    set.teacher = Some(Arc::new(Teacher {
        name: "setfit-1".into(),
        probs: trained.head.predict_proba(&embeddings).unwrap(),
        embeddings,
        thresholds: vec![0.5; 2],
        at_least_one: false,
    }));
    set
}

fn n_right(trained: &Trained) -> usize {
    let rows = trained.head.predict_proba(&embedded(trained)).unwrap();
    rows.iter().enumerate().filter(|(i, row)| row[i / 8] > 0.5).count()
}

#[test]
fn a_student_becomes_as_good_as_its_teacher() {
    let set = taught_set();
    let (trained, events) = run(&set, &options(), 0);
    // 16 texts in batches of 8
    assert_eq!(events[0], super::TrainEvent::Started { n_steps: 40 });
    assert_eq!((trained.n_steps, trained.stopped), (40, false));
    assert_eq!(n_right(&trained), 16);
    assert_eq!(trained.findings["teacher"], "setfit-1");
    assert_eq!(trained.findings["n_unlabelled"], 14);
    assert_eq!(trained.out_of_fold.as_ref().unwrap().len(), 2, "of labelled texts only");
    let losses: Vec<f64> = events
        .iter()
        .filter_map(|event| match event {
            super::TrainEvent::Step { loss, .. } => Some(*loss),
            _ => None,
        })
        .collect();
    assert!(
        losses[36..].iter().sum::<f64>() < 0.5 * losses[..4].iter().sum::<f64>(),
        "{losses:?}"
    );
    let again = run(&set, &options(), 0).0;
    assert_eq!((weights(&trained), &trained.head), (weights(&again), &again.head));
}

#[test]
fn labelled_texts_keep_their_labels_whatever_the_teacher_says() {
    let mut set = taught_set();
    let teacher = Arc::make_mut(set.teacher.as_mut().unwrap());
    // A teacher that takes everything for label 1.
    teacher.probs = vec![vec![0.1, 0.9]; 16];
    let trained = run(&set, &distill().parse(&[("num_epochs", "1"), ("c", "1e6")]).unwrap(), 0).0;
    let rows = trained.head.predict_proba(&embedded(&trained)).unwrap();
    assert!(rows[0][0] > 0.5, "{:?}", rows[0]);
    assert!(rows[1..8].iter().all(|row| row[1] > 0.5), "{rows:?}");
}

#[test]
fn several_labels_follow_the_teachers_thresholds() {
    let mut set = taught_set();
    set.targets = Targets::Multi(vec![vec![0], vec![0, 1]]);
    set.task = TaskKind::MultiLabel;
    let teacher = Arc::make_mut(set.teacher.as_mut().unwrap());
    teacher.thresholds = vec![0.0, 0.5];
    let trained = run(&set, &options(), 0).0;
    let rows = trained.head.predict_proba(&embedded(&trained)).unwrap();
    assert!(
        rows.iter().all(|row| row[0] == 1.0),
        "every text reaches a threshold of 0"
    );
    assert!(
        rows.iter().enumerate().all(|(i, row)| (row[1] > 0.5) == (i >= 8)),
        "{rows:?}"
    );
}

#[test]
fn what_is_missing_is_said() {
    type Damage = fn(&mut TrainingSet);
    let cases: [(Damage, &str); 3] = [
        (|set| set.teacher = None, "none was named; name one with --teacher"),
        (
            |set| set.pile.clear(),
            "texts that nobody has labelled, and there are none",
        ),
        (
            |set| Arc::make_mut(set.teacher.as_mut().unwrap()).probs.truncate(3),
            "does not fit the texts",
        ),
    ];
    for (change, message) in cases {
        let mut set = taught_set();
        change(&mut set);
        let encoder = testing::tiny_encoder(4);
        let mut listen = |_| ControlFlow::Continue(());
        let error = super::train(distill(), &set, &options(), 0, encoder, &mut listen)
            .err()
            .unwrap()
            .to_string();
        assert!(error.contains(message), "{error}");
    }
}
