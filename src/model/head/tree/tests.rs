//! Heads on trees: whatever is fitted, scores fit the tree; the loss of paths; files.

use proptest::prelude::*;
use rand::RngExt;

use super::*;
use crate::core::rng;
use crate::model::head::Targets;
use crate::model::head::objective::Objective;

/// Home > Kitchen > Knives, Home > Kitchen > Pans, Home > Garden, Music > Piano; Music has one child.
fn home() -> ColumnTree {
    ColumnTree::from_parents(vec![None, Some(0), Some(1), Some(1), Some(0), None, Some(5)]).unwrap()
}

fn on(tree: &ColumnTree, method: TreeMethod, decay: f64) -> OnTree<'_> {
    OnTree { tree, method, decay }
}

/// `n` embeddings in `dim` dimensions, each near a corner of its own label.
fn embeddings(labels: &[usize], dim: usize, seed: u64) -> Embeddings {
    let mut rng = rng::stream(seed, "embeddings");
    let mut data = Vec::new();
    for label in labels {
        data.extend((0..dim).map(|at| ((label * 7 + at * 3) % 5) as f32 / 2.0 + rng.random_range(-0.5..0.5f32)));
    }
    Embeddings { dim, data }
}

fn is_consistent(tree: &ColumnTree, row: &[f32], single: bool) -> Result<(), String> {
    for column in 0..tree.len() {
        let below: f32 = tree.children(Some(column)).iter().map(|child| row[*child]).sum();
        if !(0.0..=1.0).contains(&row[column]) {
            return Err(format!("{column} has {}", row[column]));
        }
        if tree
            .children(Some(column))
            .iter()
            .any(|child| row[*child] > row[column])
        {
            return Err(format!("a child of {column} is above {}", row[column]));
        }
        if single && below > row[column] + 1e-5 {
            return Err(format!("{below} lies below {column}, which has {}", row[column]));
        }
    }
    let roots: f32 = tree.children(None).iter().map(|root| row[*root]).sum();
    match single && (roots - 1.0).abs() > 1e-5 {
        true => Err(format!("the top has {roots}")),
        false => Ok(()),
    }
}

/// A tree of `picks.len()` columns and, from the same picks, a label a text.
fn tree_of(picks: &[prop::sample::Index]) -> ColumnTree {
    let parent = |(at, pick): (usize, &prop::sample::Index)| pick.index(at + 1).checked_sub(1);
    ColumnTree::from_parents(picks.iter().enumerate().map(parent).collect()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn scores_are_consistent_with_the_tree_whatever_is_fitted(
        picks in prop::collection::vec(any::<prop::sample::Index>(), 2..12),
        labels in prop::collection::vec(any::<prop::sample::Index>(), 6..24),
        how in 0usize..3,
        single in any::<bool>(),
        decay in 0.0f64..2.0,
        seed in 0u64..1000,
    ) {
        let tree = tree_of(&picks);
        let labels: Vec<usize> = labels.iter().map(|label| label.index(tree.len())).collect();
        let x = embeddings(&labels, 3, seed);
        let targets = match single {
            true => Targets::Single(labels.clone()),
            false => {
                let two = labels.iter().enumerate().map(|(at, label)| if at % 3 == 0 { vec![] } else { vec![*label, labels[at / 2]] });
                Targets::Multi(two.collect()).closed(&tree)
            }
        };
        let examples = Examples::new(&x, &targets, tree.len()).on(Some(on(&tree, TreeMethod::ALL[how], decay)));
        let Ok(head) = Head::fit(examples, &FitSettings::with_c(10.0)) else { return Ok(()) };
        // Texts unlike any that was learnt from, too.
        let mut others = embeddings(&labels, 3, seed + 1);
        others.data.iter_mut().for_each(|x| *x = *x * 40.0 - 20.0);
        for x in [&x, &others] {
            for row in head.predict_proba(x).unwrap() {
                prop_assert_eq!(is_consistent(&tree, &row, single), Ok(()));
            }
        }
        prop_assert_eq!(&head, &Head::fit(examples, &FitSettings::with_c(10.0)).unwrap(), "the same weights twice");
        let written = serde_json::to_string(&head).unwrap();
        prop_assert_eq!(&serde_json::from_str::<Head>(&written).unwrap(), &head);
    }

    #[test]
    fn the_loss_of_paths_has_the_gradient_it_says(
        picks in prop::collection::vec(any::<prop::sample::Index>(), 2..14),
        logits in prop::collection::vec(-3.0f64..3.0, 14),
        answer in any::<prop::sample::Index>(),
        decay in 0.0f64..2.0,
        left_out in any::<prop::sample::Index>(),
    ) {
        let tree = tree_of(&picks);
        let left_out = left_out.index(tree.len() + 1);
        let columns: Vec<usize> = (0..tree.len()).filter(|column| *column != left_out).collect();
        let loss = NestedLoss::new(&tree, &columns, decay);
        let answer = answer.index(columns.len());
        let logits = &logits[..columns.len()];
        let mut gradient = logits.to_vec();
        let value = loss.evaluate(&mut gradient, answer);
        prop_assert!(value >= -1e-12);
        for at in 0..logits.len() {
            let moved = |by: f64| {
                let mut logits = logits.to_vec();
                logits[at] += by;
                loss.evaluate(&mut logits, answer)
            };
            let slope = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            prop_assert!((slope - gradient[at]).abs() < 1e-7, "{at}: {slope} {}", gradient[at]);
        }
        // All levels alike: cross-entropy over the answers.
        let sum: f64 = logits.iter().map(|z| z.exp()).sum();
        let plain = NestedLoss::new(&tree, &columns, 0.0).evaluate(&mut logits.to_vec(), answer);
        prop_assert!((plain - (sum.ln() - logits[answer])).abs() < 1e-9);
    }
}

#[test]
fn the_loss_of_a_path_is_right_on_a_hand_computed_case() {
    let tree = home();
    // Answers: Home itself, Knives, Pans, Garden, Piano; probabilities .1 .2 .3 .1 .3.
    let columns = [0, 2, 3, 4, 6];
    let logits: Vec<f64> = [0.1f64, 0.2, 0.3, 0.1, 0.3].iter().map(|p| p.ln()).collect();
    let loss = NestedLoss::new(&tree, &columns, 0.5);
    let value = |answer: usize| loss.evaluate(&mut logits.clone(), answer);
    let weight = |level: f64| (-0.5 * level).exp();
    let knives = -(0.7f64.ln() + weight(1.0) * (0.5f64 / 0.7).ln() + weight(2.0) * 0.4f64.ln());
    assert!((value(1) - knives).abs() < 1e-12);
    let stops = -(0.7f64.ln() + weight(1.0) * (0.1f64 / 0.7).ln());
    assert!((value(0) - stops).abs() < 1e-12);
    let only_child = -(0.3f64.ln());
    assert!((value(4) - only_child).abs() < 1e-12);
    assert!(loss.evaluate(&mut [800.0, -800.0, 0.0, 0.0, 0.0], 1).is_finite());
}

#[test]
fn every_parameter_of_the_shared_head_moves() {
    let tree = home();
    let answers = [0, 2, 3, 4, 6];
    let labels: Vec<usize> = (0..30).map(|i| i % answers.len()).collect();
    let (x, loss) = (embeddings(&labels, 4, 1), NestedLoss::new(&tree, &answers, 0.7));
    let x: Vec<f64> = x.data.iter().map(|v| f64::from(*v)).collect();
    let objective = Objective {
        x: &x,
        dim: 4,
        y: &labels,
        weights: &[1.0; 30],
        n_outputs: answers.len(),
        c: 1.0,
        nested: Some(&loss),
    };
    let at: Vec<f64> = (0..objective.n_parameters()).map(|i| (i as f64).sin() * 0.3).collect();
    let mut gradient = vec![0.0; at.len()];
    objective.evaluate(&at, &mut gradient);
    assert!(
        gradient.iter().all(|slope| slope.is_finite() && *slope != 0.0),
        "{gradient:?}"
    );
}

fn fitted(method: TreeMethod, labels: &[usize], x: &Embeddings) -> Head {
    let (tree, targets) = (home(), Targets::Single(labels.to_vec()));
    let examples = Examples::new(x, &targets, tree.len()).on(Some(on(&tree, method, 0.5)));
    Head::fit(examples, &FitSettings::with_c(100.0)).unwrap()
}

#[test]
fn each_method_learns_paths_and_where_they_stop() {
    let answers = [0, 2, 3, 4, 6];
    let labels: Vec<usize> = (0..40).map(|i| answers[i % answers.len()]).collect();
    let mut x = embeddings(&labels, 8, 2);
    // A corner of its own for each answer.
    for (text, label) in labels.iter().enumerate() {
        x.data[text * 8 + label] += 4.0;
    }
    for method in TreeMethod::ALL {
        let head = fitted(method, &labels, &x);
        let right =
            |(row, label): (&Vec<f32>, &usize)| home().walk(row, crate::core::Walk::BestPath).last() == Some(label);
        let rows = head.predict_proba(&x).unwrap();
        assert!(rows.iter().zip(&labels).all(right), "{method:?}");
        let classifiers = if method == TreeMethod::TopDown { 4 } else { 1 };
        assert_eq!(head.n_classifiers(), classifiers);
    }
    // Nobody stops at Music: its one child is certain there.
    let rows = fitted(TreeMethod::TopDown, &labels, &x).predict_proba(&x).unwrap();
    assert!(rows.iter().all(|row| row[5] == row[6]));
}

#[test]
fn nodes_that_no_text_reaches_and_texts_that_are_all_alike_are_constants() {
    // Kitchen has two texts with the same embedding; Garden none.
    let labels = [2, 3, 6, 6];
    let x = Embeddings {
        dim: 1,
        data: vec![1.0, 1.0, -1.0, -1.1],
    };
    let row = &fitted(TreeMethod::TopDown, &labels, &x).predict_proba(&x).unwrap()[0];
    assert_eq!(row[4], 0.0);
    assert!((row[2] - row[1] / 2.0).abs() < 1e-6 && (row[3] - row[2]).abs() < 1e-6 && row[0] > 0.6);
}

#[test]
fn shared_without_decay_is_flat_and_with_decay_is_not() {
    let answers = [0, 2, 3, 4, 6];
    let labels: Vec<usize> = (0..40).map(|i| answers[i * i % answers.len()]).collect();
    let x = embeddings(&labels, 3, 5);
    let (tree, targets) = (home(), Targets::Single(labels));
    let rows = |method, decay| {
        let examples = Examples::new(&x, &targets, tree.len()).on(Some(on(&tree, method, decay)));
        Head::fit(examples, &FitSettings::with_c(1.0))
            .unwrap()
            .predict_proba(&x)
            .unwrap()
            .concat()
    };
    let flat = rows(TreeMethod::Flat, 0.0);
    let differs = |other: &[f32]| flat.iter().zip(other).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(differs(&rows(TreeMethod::Shared, 0.0)) < 1e-2);
    assert!(differs(&rows(TreeMethod::Shared, 1.0)) > 2e-2);
}

#[test]
fn files_of_plain_heads_open_as_ever_and_trees_that_do_not_fit_are_refused() {
    let labels = [0usize, 1, 0, 1];
    let x = embeddings(&labels, 2, 3);
    let targets = Targets::Single(labels.to_vec());
    let plain = LogisticHead::fit(Examples::new(&x, &targets, 2), &FitSettings::default()).unwrap();
    let written = serde_json::to_string(&plain).unwrap();
    assert_eq!(
        serde_json::from_str::<Head>(&written).unwrap(),
        Head::Plain(plain.clone())
    );
    assert_eq!(serde_json::to_string(&Head::Plain(plain.clone())).unwrap(), written);

    let labels = [0, 2, 3, 4, 6, 6];
    let x = embeddings(&labels, 2, 4);
    let head = serde_json::to_value(fitted(TreeMethod::TopDown, &labels, &x)).unwrap();
    type Change = fn(&mut serde_json::Value);
    let changes: [Change; 6] = [
        |head| head["tree"]["parents"][0] = 2.into(),
        |head| head["tree"]["parents"][1] = 99.into(),
        |head| drop(head["tree"]["below"].as_array_mut().unwrap().pop()),
        |head| head["tree"]["below"][0]["constants"] = serde_json::json!([0.0]),
        |head| head["tree"]["answers"] = head["tree"]["below"][0].clone(),
        |head| head["tree"] = serde_json::json!({ "parents": [null, 0] }),
    ];
    for change in changes {
        let mut damaged = head.clone();
        change(&mut damaged);
        assert!(serde_json::from_value::<Head>(damaged.clone()).is_err(), "{damaged}");
    }
    assert!(serde_json::from_str::<Head>("{}").is_err());
    assert!(serde_json::from_value::<Head>(head).unwrap().on(Some(&home())).is_ok());
    let other = ColumnTree::from_parents(vec![None, Some(0)]).unwrap();
    assert!(Head::Plain(plain.clone()).on(Some(&other)).is_ok());
    assert!(Head::Plain(plain).on(Some(&home())).is_err());
}

#[test]
fn five_thousand_nodes_are_no_burden() {
    // 50 branches of 10 nodes of 9 leaves.
    let mut parents = Vec::new();
    for _ in 0..50 {
        let branch = parents.len();
        parents.push(None);
        for _ in 0..10 {
            let node = parents.len();
            parents.push(Some(branch));
            parents.extend([Some(node); 9]);
        }
    }
    let tree = ColumnTree::from_parents(parents).unwrap();
    let leaves: Vec<usize> = (0..tree.len()).filter(|column| tree.is_leaf(*column)).collect();
    let labels: Vec<usize> = leaves.iter().step_by(9).copied().collect();
    let (x, targets) = (embeddings(&labels, 3, 7), Targets::Single(labels));
    let examples = Examples::new(&x, &targets, tree.len()).on(Some(on(&tree, TreeMethod::TopDown, 0.5)));
    let rough = FitSettings {
        precision: 1.0,
        ..FitSettings::with_c(0.1)
    };
    let head = Head::fit(examples, &rough).unwrap();
    let rows = head.predict_proba(&x.rows(&[0, 1, 2, 300])).unwrap();
    assert!(rows.iter().all(|row| is_consistent(&tree, row, true).is_ok()));
    let loss = NestedLoss::new(&tree, &leaves, 0.5);
    let mut logits: Vec<f64> = (0..leaves.len()).map(|at| (at as f64).sin()).collect();
    assert!(loss.evaluate(&mut logits, 1234) > 0.0);
}
