//! Parity with scikit-learn (fixtures by `scripts/parity/head.py`), errors, constants, storage.

use rand::RngExt;
use serde::Deserialize;

use super::*;
use crate::core::rng;

#[derive(Deserialize)]
struct Case {
    dim: usize,
    n_labels: usize,
    c: f64,
    strategy: String,
    class_weight: String,
    weights: Option<Vec<f64>>,
    x: Vec<f32>,
    targets: serde_json::Value,
    probabilities: Vec<Vec<f32>>,
}

impl Case {
    fn settings(&self) -> FitSettings {
        let strategy = Strategy::NAMES.iter().position(|name| *name == self.strategy).unwrap();
        let class_weight = ClassWeight::NAMES.iter().position(|name| *name == self.class_weight);
        FitSettings {
            c: self.c,
            class_weight: ClassWeight::ALL[class_weight.unwrap()],
            strategy: Strategy::ALL[strategy],
            ..FitSettings::default()
        }
    }
}

fn case(name: &str) -> (Case, Embeddings, Targets) {
    let path = format!("{}/tests/data/head/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let mut case: Case = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let targets = serde_json::from_value(case.targets.clone())
        .map(Targets::Single)
        .or_else(|_| serde_json::from_value(case.targets.clone()).map(Targets::Multi))
        .unwrap();
    let data = std::mem::take(&mut case.x);
    let x = Embeddings { dim: case.dim, data };
    (case, x, targets)
}

fn fit(x: &Embeddings, targets: &Targets, n_labels: usize, c: f64) -> Result<LogisticHead, HeadError> {
    LogisticHead::fit(Examples::new(x, targets, n_labels), &FitSettings::with_c(c))
}

fn largest_difference(a: &[Vec<f32>], b: &[Vec<f32>]) -> f32 {
    assert_eq!(a.len(), b.len());
    let pairs = a.iter().zip(b).flat_map(|(a, b)| {
        assert_eq!(a.len(), b.len());
        a.iter().zip(b)
    });
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn probabilities_equal_scikit_learns() {
    let cases = [
        ("binary", Link::Sigmoid),
        ("four_classes", Link::Softmax),
        ("twenty_classes", Link::Softmax),
        ("imbalanced", Link::Softmax),
        ("multi_label", Link::OneVsRest),
        ("weighted", Link::Softmax),
        ("weighted_binary", Link::Sigmoid),
        ("balanced", Link::Softmax),
        ("balanced_weighted", Link::Softmax),
        ("one_vs_rest", Link::NormalizedOneVsRest),
        ("one_vs_rest_weighted", Link::NormalizedOneVsRest),
        ("weak", Link::Softmax),
        ("multi_label_weighted", Link::OneVsRest),
        ("chain", Link::Chain),
        ("chain_weighted", Link::Chain),
    ];
    for (name, link) in cases {
        let (case, x, targets) = case(name);
        let examples = Examples {
            weights: case.weights.as_deref(),
            ..Examples::new(&x, &targets, case.n_labels)
        };
        let head = LogisticHead::fit(examples, &case.settings()).unwrap();
        assert_eq!(head.link(), link, "{name}");
        let difference = largest_difference(&head.predict_proba(&x).unwrap(), &case.probabilities);
        println!("{name}: {difference:.1e}");
        assert!(difference < 2e-6, "{name}: {difference}");
    }
}

#[test]
fn a_warm_start_reaches_the_same_optimum() {
    for name in ["four_classes", "multi_label", "one_vs_rest", "chain"] {
        let (case, x, targets) = case(name);
        let examples = Examples::new(&x, &targets, case.n_labels);
        let settings = |c| FitSettings { c, ..case.settings() };
        let cold = LogisticHead::fit(examples, &settings(1.0)).unwrap();
        let far = LogisticHead::fit(examples, &settings(50.0)).unwrap();
        let warm = LogisticHead::refit(examples, &settings(1.0), Some(&far)).unwrap();
        let difference = largest_difference(&cold.predict_proba(&x).unwrap(), &warm.predict_proba(&x).unwrap());
        assert!(difference < 2e-6, "{name}: {difference}");
        let from_there = LogisticHead::refit(examples, &settings(1.0), Some(&cold)).unwrap();
        assert_eq!(from_there, cold, "{name}: a start at the optimum stays there");
    }
}

#[test]
fn a_weight_of_two_is_the_text_given_twice() {
    for name in ["four_classes", "chain"] {
        let (case, x, targets) = case(name);
        let n = targets.len();
        let rows: Vec<usize> = (0..n).chain((0..n).step_by(3)).collect();
        let data = rows.iter().flat_map(|row| &x.data[row * x.dim..(row + 1) * x.dim]);
        let twice = Embeddings {
            dim: x.dim,
            data: data.copied().collect(),
        };
        let weights: Vec<f64> = (0..n).map(|i| if i % 3 == 0 { 2.0 } else { 1.0 }).collect();
        let examples = Examples::new(&x, &targets, case.n_labels);
        let weighted = LogisticHead::fit(examples.weighted(&weights), &case.settings()).unwrap();
        let targets = targets.select(&rows);
        let repeated = LogisticHead::fit(Examples::new(&twice, &targets, case.n_labels), &case.settings()).unwrap();
        let rows = [&weighted, &repeated].map(|head| head.predict_proba(&x).unwrap());
        assert!(largest_difference(&rows[0], &rows[1]) < 2e-6, "{name}");
        let plain = LogisticHead::fit(examples, &case.settings())
            .unwrap()
            .predict_proba(&x)
            .unwrap();
        assert!(largest_difference(&rows[0], &plain) > 1e-3, "{name}");
    }
}

#[test]
fn a_chain_passes_on_what_it_predicts() {
    // Label 1 is set where label 0 is; the embedding tells label 0 only.
    let n = 40;
    let x = Embeddings {
        dim: 2,
        data: (0..n)
            .flat_map(|i| [if i % 2 == 0 { 1.0 } else { -1.0 }, (i as f32).sin()])
            .collect(),
    };
    let targets = Targets::Multi((0..n).map(|i| if i % 2 == 0 { vec![0, 1] } else { vec![] }).collect());
    let settings = FitSettings {
        strategy: Strategy::Chain,
        ..FitSettings::with_c(10.0)
    };
    let head = LogisticHead::fit(Examples::new(&x, &targets, 4), &settings).unwrap();
    assert_eq!((&head.fitted[..], head.chain.len()), (&[0, 1][..], 1));
    assert!(head.chain[0] > 0.5, "{:?}", head.chain);
    // The same embedding just on either side of label 0's boundary: label 1 jumps by what the chain adds.
    let at_zero = |z: f64| Embeddings {
        dim: 2,
        data: vec![((z - head.intercepts[0]) / head.weights[0]) as f32, 0.0],
    };
    let logit = |x: &Embeddings| {
        let p = f64::from(head.predict_proba(x).unwrap()[0][1]);
        (p / (1.0 - p)).ln()
    };
    let jump = logit(&at_zero(1e-4)) - logit(&at_zero(-1e-4));
    assert!((jump - head.chain[0]).abs() < 2e-3, "{jump} {:?}", head.chain);
}

#[test]
fn one_vs_rest_of_one_label_sums_to_one_even_far_outside() {
    let (case, mut x, targets) = case("one_vs_rest");
    let examples = Examples::new(&x, &targets, case.n_labels);
    let head = LogisticHead::fit(examples, &case.settings()).unwrap();
    x.data.iter_mut().for_each(|v| *v *= 1e5);
    for row in head.predict_proba(&x).unwrap() {
        assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-5, "{row:?}");
    }
}

#[test]
fn labels_without_examples_have_probability_zero() {
    let x = Embeddings {
        dim: 1,
        data: vec![-1.0, -0.9, 0.9, 1.0],
    };
    let head = fit(&x, &Targets::Single(vec![3, 3, 1, 1]), 5, 1.0).unwrap();
    assert_eq!(head.link(), Link::Sigmoid);
    for (i, row) in head.predict_proba(&x).unwrap().iter().enumerate() {
        assert_eq!((row.len(), row[0], row[2], row[4]), (5, 0.0, 0.0, 0.0));
        assert!((row[1] + row[3] - 1.0).abs() < 1e-6);
        assert_eq!(row[3] > 0.5, i < 2);
    }
}

#[test]
fn separable_labels_and_a_huge_c_stay_finite() {
    let x = Embeddings {
        dim: 1,
        data: vec![-1.0, -1.0, 1.0, 1.0],
    };
    let head = fit(&x, &Targets::Single(vec![0, 0, 1, 1]), 2, 1e6).unwrap();
    let rows = head.predict_proba(&x).unwrap();
    assert!(
        rows.iter().flatten().all(|p| p.is_finite()) && rows[0][0] > 0.999,
        "{rows:?}"
    );
}

#[test]
fn bad_input_is_refused_with_a_reason() {
    let x = Embeddings {
        dim: 2,
        data: vec![0.0, 1.0, 1.0, 0.0],
    };
    let single = |labels: Vec<usize>| Targets::Single(labels);
    let cases = [
        (
            fit(&Embeddings { dim: 2, data: vec![] }, &single(vec![]), 2, 1.0),
            HeadError::NoTexts,
        ),
        (fit(&x, &single(vec![1, 1]), 2, 1.0), HeadError::OneLabel),
        (
            fit(&x, &Targets::Multi(vec![vec![0], vec![0]]), 2, 1.0),
            HeadError::EveryLabelConstant,
        ),
        (
            fit(&x, &single(vec![0, 2]), 2, 1.0),
            HeadError::UnknownLabel { label: 2, n_labels: 2 },
        ),
        (
            fit(&x, &single(vec![0, 1, 0]), 2, 1.0),
            HeadError::Shape {
                what: "values in the embeddings",
                expected: 6,
                found: 4,
            },
        ),
        (
            fit(
                &Embeddings {
                    dim: 2,
                    data: vec![0.0, 1.0, f32::NAN, 0.0],
                },
                &single(vec![0, 1]),
                2,
                1.0,
            ),
            HeadError::NotFinite { row: 1 },
        ),
        (fit(&x, &single(vec![0, 1]), 2, 0.0), HeadError::BadC(0.0)),
    ];
    for (result, expected) in cases {
        assert_eq!(result, Err(expected));
    }
    let alike = Embeddings {
        dim: 2,
        data: [0.3, 0.7].repeat(4),
    };
    assert_eq!(fit(&alike, &single(vec![0, 1, 0, 1]), 2, 1.0), Err(HeadError::AllAlike));
    let targets = single(vec![0, 1]);
    let weighted = |weights: &[f64]| {
        LogisticHead::fit(
            Examples::new(&x, &targets, 2).weighted(weights),
            &FitSettings::default(),
        )
    };
    assert!(weighted(&[1.0, 0.5]).is_ok());
    for (weights, row) in [([1.0, 0.0], 1), ([-1.0, 1.0], 0), ([1.0, f64::INFINITY], 1)] {
        let weight = weights[row];
        assert_eq!(weighted(&weights), Err(HeadError::BadWeight { row, weight }));
    }
    assert!(matches!(weighted(&[1.0]), Err(HeadError::Shape { .. })));
    let chain = FitSettings {
        strategy: Strategy::Chain,
        ..FitSettings::default()
    };
    assert_eq!(
        LogisticHead::fit(Examples::new(&x, &targets, 2), &chain),
        Err(HeadError::ChainOfOne)
    );
    let head = fit(&x, &single(vec![0, 1]), 2, 1.0).unwrap();
    assert!(
        head.predict_proba(&Embeddings {
            dim: 1,
            data: vec![0.0]
        })
        .is_err()
    );
}

#[test]
fn a_stored_head_comes_back_equal_and_a_damaged_one_is_refused() {
    type Damage = fn(&mut serde_json::Value);
    let damage: [Damage; 5] = [
        |v| v["dim"] = 3.into(),
        |v| v["fitted"][0] = 99.into(),
        |v| v["link"] = "sigmoid".into(),
        |v| v["intercepts"] = serde_json::json!([]),
        |v| v["chain"] = serde_json::json!([1.0, 2.0]),
    ];
    let of_chains: [Damage; 2] = [
        |v| v["chain"] = serde_json::json!([]),
        |v| v["link"] = "one-vs-rest".into(),
    ];
    for name in ["multi_label", "one_vs_rest", "chain"] {
        let (case, x, targets) = case(name);
        let head = LogisticHead::fit(Examples::new(&x, &targets, case.n_labels), &case.settings()).unwrap();
        let json = serde_json::to_string(&head).unwrap();
        assert_eq!(serde_json::from_str::<LogisticHead>(&json).unwrap(), head);
        assert_eq!(
            json.contains("chain"),
            name == "chain",
            "others are stored as they always were"
        );

        let json = serde_json::to_value(&head).unwrap();
        let more: &[Damage] = if name == "chain" { &of_chains } else { &[] };
        for change in damage.iter().chain(more) {
            let mut damaged = json.clone();
            change(&mut damaged);
            let read = serde_json::from_value::<LogisticHead>(damaged.clone());
            assert!(read.is_err(), "{damaged}");
        }
    }
}

#[test]
fn heads_stored_before_there_were_chains_are_read() {
    let stored = r#"{"dim": 1, "link": "one-vs-rest", "fitted": [0, 2], "weights": [1.0, -1.0], "intercepts": [0.0, 0.5],
        "constants": [0.0, 1.0, 0.0]}"#;
    let head: LogisticHead = serde_json::from_str(stored).unwrap();
    let x = Embeddings {
        dim: 1,
        data: vec![0.0],
    };
    assert_eq!(head.predict_proba(&x).unwrap()[0][..2], [0.5, 1.0]);
}

#[test]
fn threads_do_not_change_a_bit() {
    let mut rng = rng::stream(0, "head-threads");
    let x = Embeddings {
        dim: 24,
        data: (0..300 * 24).map(|_| rng.random_range(-0.3..0.3)).collect(),
    };
    let targets = Targets::Single((0..300).map(|i| i % 20).collect());
    let on = |n_threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        pool.install(|| fit(&x, &targets, 20, 1.0).unwrap())
    };
    assert_eq!(on(1), on(3));
}
