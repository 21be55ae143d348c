//! Parity with scikit-learn (fixtures by `scripts/parity/head.py`), errors, constants, storage.

use rand::RngExt;

use super::*;
use crate::core::rng;

#[derive(Deserialize)]
struct Case {
    dim: usize,
    n_labels: usize,
    c: f64,
    x: Vec<f32>,
    targets: serde_json::Value,
    probabilities: Vec<Vec<f32>>,
}

fn case(name: &str) -> (Case, Targets) {
    let path = format!("{}/tests/data/head/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let case: Case = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let targets = serde_json::from_value(case.targets.clone())
        .map(Targets::Single)
        .or_else(|_| serde_json::from_value(case.targets.clone()).map(Targets::Multi))
        .unwrap();
    (case, targets)
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
    for name in ["binary", "four_classes", "twenty_classes", "imbalanced", "multi_label"] {
        let (case, targets) = case(name);
        let x = Embeddings {
            dim: case.dim,
            data: case.x,
        };
        let head = LogisticHead::fit(&x, &targets, case.n_labels, case.c).unwrap();
        let difference = largest_difference(&head.predict_proba(&x).unwrap(), &case.probabilities);
        assert!(difference < 2e-6, "{name}: {difference}");
    }
}

#[test]
fn a_warm_start_reaches_the_same_optimum() {
    for name in ["four_classes", "multi_label"] {
        let (case, targets) = case(name);
        let x = Embeddings {
            dim: case.dim,
            data: case.x,
        };
        let cold = LogisticHead::fit(&x, &targets, case.n_labels, 1.0).unwrap();
        let far = LogisticHead::fit(&x, &targets, case.n_labels, 50.0).unwrap();
        let warm = LogisticHead::refit(&x, &targets, case.n_labels, 1.0, Some(&far)).unwrap();
        let difference = largest_difference(&cold.predict_proba(&x).unwrap(), &warm.predict_proba(&x).unwrap());
        assert!(difference < 2e-6, "{name}: {difference}");
    }
}

#[test]
fn labels_without_examples_have_probability_zero() {
    let x = Embeddings {
        dim: 1,
        data: vec![-1.0, -0.9, 0.9, 1.0],
    };
    let head = LogisticHead::fit(&x, &Targets::Single(vec![3, 3, 1, 1]), 5, 1.0).unwrap();
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
    let head = LogisticHead::fit(&x, &Targets::Single(vec![0, 0, 1, 1]), 2, 1e6).unwrap();
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
            LogisticHead::fit(&Embeddings { dim: 2, data: vec![] }, &single(vec![]), 2, 1.0),
            HeadError::NoTexts,
        ),
        (LogisticHead::fit(&x, &single(vec![1, 1]), 2, 1.0), HeadError::OneLabel),
        (
            LogisticHead::fit(&x, &Targets::Multi(vec![vec![0], vec![0]]), 2, 1.0),
            HeadError::EveryLabelConstant,
        ),
        (
            LogisticHead::fit(&x, &single(vec![0, 2]), 2, 1.0),
            HeadError::UnknownLabel { label: 2, n_labels: 2 },
        ),
        (
            LogisticHead::fit(&x, &single(vec![0, 1, 0]), 2, 1.0),
            HeadError::Shape {
                what: "values in the embeddings",
                expected: 6,
                found: 4,
            },
        ),
        (
            LogisticHead::fit(
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
        (LogisticHead::fit(&x, &single(vec![0, 1]), 2, 0.0), HeadError::BadC(0.0)),
    ];
    for (result, expected) in cases {
        assert_eq!(result, Err(expected));
    }
    let head = LogisticHead::fit(&x, &single(vec![0, 1]), 2, 1.0).unwrap();
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
    let (case, targets) = case("multi_label");
    let x = Embeddings {
        dim: case.dim,
        data: case.x,
    };
    let head = LogisticHead::fit(&x, &targets, case.n_labels, 1.0).unwrap();
    let json = serde_json::to_string(&head).unwrap();
    assert_eq!(serde_json::from_str::<LogisticHead>(&json).unwrap(), head);

    let json = serde_json::to_value(&head).unwrap();
    let damage: [fn(&mut serde_json::Value); 4] = [
        |v| v["dim"] = 3.into(),
        |v| v["fitted"][0] = 99.into(),
        |v| v["link"] = "sigmoid".into(),
        |v| v["intercepts"] = serde_json::json!([]),
    ];
    for change in damage {
        let mut damaged = json.clone();
        change(&mut damaged);
        assert!(
            serde_json::from_value::<LogisticHead>(damaged.clone()).is_err(),
            "{damaged}"
        );
    }
}

#[test]
fn threads_do_not_change_a_bit() {
    let mut rng = rng::stream(0, "head-threads");
    let x = Embeddings {
        dim: 24,
        data: (0..300 * 24).map(|_| rng.random_range(-0.3..0.3)).collect(),
    };
    let targets = Targets::Single((0..300).map(|i| i % 20).collect());
    let fit = |n_threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        pool.install(|| LogisticHead::fit(&x, &targets, 20, 1.0).unwrap())
    };
    assert_eq!(fit(1), fit(3));
}
