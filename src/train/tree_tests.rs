//! Every method on labels that form a tree.

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::core::{ColumnTree, TaskKind};
use crate::model::{Targets, testing};
use crate::train::{Held, TrainError, Trained, TrainingSet, method, train};

const WORDS: [&str; 8] = ["team", "goal", "match", "rain", "price", "market", "chip", "code"];

/// Sport (team, goal), Sport itself (match), Money (price, market, which is two levels below), Code: 24 texts.
fn set(task: TaskKind) -> TrainingSet {
    // 0 Sport, 1 Sport > Team, 2 Sport > Goal, 3 Money, 4 Money > Prices, 5 Money > Prices > Market
    let tree = ColumnTree::from_parents(vec![None, Some(0), Some(0), None, Some(3), Some(4)]).unwrap();
    let answers = [1, 2, 0, 4, 5];
    let words = [0, 1, 2, 4, 5];
    let text = |i: usize| -> Arc<str> {
        let word = WORDS[words[i % 5]];
        format!("the {word} and the {word} {}", WORDS[(i / 5) % 8]).into()
    };
    let n = 25;
    let targets = match task {
        TaskKind::SingleLabel => Targets::Single((0..n).map(|i| answers[i % 5]).collect()),
        TaskKind::MultiLabel => {
            let labels = |i: usize| if i % 7 == 6 { vec![] } else { vec![answers[i % 5]] };
            Targets::Multi((0..n).map(labels).collect())
        }
    };
    let names = ["Sport", "Team", "Goal", "Money", "Prices", "Market"];
    TrainingSet {
        tree: Some(tree),
        label_names: names.map(String::from).to_vec(),
        ..TrainingSet::new((0..n).map(text).collect(), targets, 6, task)
    }
}

fn run(set: &TrainingSet, id: &str, settings: &[(&str, &str)]) -> Result<Trained, TrainError> {
    let method = method(id).unwrap();
    let options = method.parse(settings).unwrap();
    train(method, set, &options, 3, testing::tiny_encoder(3), &mut |_| {
        ControlFlow::Continue(())
    })
}

fn remarks(trained: &Trained) -> String {
    trained
        .findings
        .get("remarks")
        .map(ToString::to_string)
        .unwrap_or_default()
}

#[test]
fn every_method_gives_scores_that_fit_the_tree_and_the_same_twice() {
    for task in [TaskKind::SingleLabel, TaskKind::MultiLabel] {
        let mut set = set(task);
        set.validation = Some(Held {
            texts: set.texts[..6].to_vec(),
            seconds: Vec::new(),
            targets: set.targets.select(&[0, 1, 2, 3, 4, 5]),
        });
        set.pile = (0..12)
            .map(|i| format!("the {} and a {}", WORDS[i % 8], WORDS[i / 2]).into())
            .collect();
        let tree = set.tree.clone().unwrap();
        for way in ["flat", "top-down", "shared"] {
            for (id, more) in [
                ("probe", vec![("pile", "off"), ("folds", "3")]),
                ("probe", vec![("pile", "on"), ("folds", "3"), ("choose_c", "on")]),
                ("setfit", vec![("max_steps", "2"), ("folds", "0"), ("pile", "on")]),
                (
                    "setfit",
                    vec![("max_steps", "2"), ("head", "differentiable"), ("head_epochs", "1")],
                ),
                ("finetune", vec![("num_epochs", "1")]),
            ] {
                let settings: Vec<_> = [("tree", way)].into_iter().chain(more.clone()).collect();
                let what = format!("{task:?} {id} {settings:?}");
                let [one, two] = [(), ()].map(|()| run(&set, id, &settings).unwrap_or_else(|e| panic!("{what}: {e}")));
                assert_eq!((&one.head, &one.out_of_fold), (&two.head, &two.out_of_fold), "{what}");
                let embedded = one
                    .encoder
                    .embed(&set.texts(), &mut |_| ControlFlow::Continue(()))
                    .unwrap();
                let rows = one.head.predict_proba(&embedded).unwrap();
                for row in rows.iter().chain(one.out_of_fold.iter().flatten()) {
                    let fits = (0..6).all(|at| tree.parent(at).is_none_or(|above| row[above] >= row[at]));
                    assert!(fits && row.iter().all(|p| (0.0..=1.0).contains(p)), "{what}: {row:?}");
                }
                let differentiable = more.contains(&("head", "differentiable"));
                let several = one.head.n_classifiers() > 1;
                assert_eq!(several, way == "top-down" && !differentiable, "{what}");
                assert_eq!(
                    remarks(&one).contains("one layer over all labels"),
                    way == "top-down" && differentiable
                );
                let unheard =
                    task == TaskKind::MultiLabel && way != "flat" && (more.contains(&("pile", "on")) || differentiable);
                assert_eq!(
                    remarks(&one).contains("Unlabelled texts taught nothing"),
                    unheard,
                    "{what}"
                );
            }
        }
    }
}

#[test]
fn a_label_above_others_that_no_text_stops_at_is_never_an_answer_by_its_name() {
    let mut set = set(TaskKind::SingleLabel);
    set.pile = (0..12)
        .map(|i| format!("the {} and a {}", WORDS[i % 8], WORDS[i / 2]).into())
        .collect();
    for settings in [&[("pile", "on")][..], &[("pile", "off"), ("folds", "0")]] {
        let trained = run(&set, "probe", settings).unwrap();
        let embedded = trained
            .encoder
            .embed(&["money"], &mut |_| ControlFlow::Continue(()))
            .unwrap();
        let row = &trained.head.predict_proba(&embedded).unwrap()[0];
        // Money has no texts of its own; Sport has.
        assert!((row[3] - row[4]).abs() < 1e-6, "{row:?}");
        assert!(row[0] - row[1] - row[2] > 1e-4, "{row:?}");
    }
}

#[test]
fn ways_that_contradict_each_other_are_refused_with_what_to_do() {
    let set = set(TaskKind::SingleLabel);
    for (id, settings, says) in [
        (
            "setfit",
            &[("pair_target", "tree"), ("loss", "triplet")][..],
            "loss=cosine, or pair_target=same",
        ),
        (
            "finetune",
            &[("tree", "shared"), ("loss", "focal")],
            "loss=cross_entropy",
        ),
        (
            "finetune",
            &[("tree", "shared"), ("label_smoothing", "0.1")],
            "label_smoothing=0",
        ),
        (
            "probe",
            &[("tree", "shared"), ("strategy", "one-vs-rest"), ("pile", "off")],
            "auto or multinomial",
        ),
    ] {
        let error = run(&set, id, settings).err().unwrap().to_string();
        assert!(error.contains(says), "{id}: {error}");
    }
    // Nothing of it matters where labels stand side by side.
    let mut flat = set;
    flat.tree = None;
    assert!(
        run(
            &flat,
            "setfit",
            &[("pair_target", "tree"), ("loss", "triplet"), ("max_steps", "1")]
        )
        .is_ok()
    );
    let ways = ["flat", "top-down", "shared"].map(|way| run(&flat, "probe", &[("tree", way)]).unwrap().head);
    assert!(ways[0] == ways[1] && ways[1] == ways[2]);
}

#[test]
fn cosines_fall_with_the_distance_in_the_tree() {
    let tree = set(TaskKind::SingleLabel).tree.unwrap();
    let cosine = |a: usize, b: usize| super::trees::cosine(&tree, &[a], &[b]);
    assert_eq!(cosine(1, 1), 1.0);
    assert_eq!(cosine(1, 2), 0.25);
    assert_eq!(cosine(1, 5), 0.0);
    assert!(cosine(4, 5) > cosine(3, 5) && cosine(3, 5) > 0.0);
    assert_eq!(super::trees::cosine(&tree, &[], &[1]), 0.0);
    assert_eq!(super::trees::cosine(&tree, &[5, 1], &[2]), 0.25);
    let set = set(TaskKind::SingleLabel);
    for sampler in ["fast", "iterations"] {
        let graded = |target| {
            let settings = [
                ("pair_target", target),
                ("sampler", sampler),
                ("max_steps", "3"),
                ("pile", "off"),
            ];
            run(&set, "setfit", &settings).unwrap().head
        };
        assert_ne!(graded("tree"), graded("same"), "{sampler}");
    }
}
