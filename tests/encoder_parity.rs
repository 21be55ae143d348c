//! Every architecture computes what transformers computes: hidden states, logits, losses and the gradients of every parameter.
//! The fixtures are written by `scripts/parity/encoders.py`.
#![allow(clippy::unwrap_used)] // a test that cannot be set up has failed

use candle_core::{DType, Device, Tensor, Var};
use handful::model::architecture;
use handful::model::gradients::GradientMap;
use handful::model::{Dropout, Encoder, SequenceClassifier, Tokens};
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

/// Largest difference of states and logits.
const TOLERANCE: f32 = 1e-5;
/// Largest difference of a gradient, relative to the parameter's largest.
const GRADIENT_TOLERANCE: f32 = 1e-4;

struct Case {
    name: String,
    dir: PathBuf,
    tokens: Vec<Tokens>,
    expected: HashMap<String, Tensor>,
}

fn cases() -> Vec<Case> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/encoders");
    let mut dirs: Vec<PathBuf> = std::fs::read_dir(data)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    dirs.sort();
    dirs.into_iter()
        .map(|dir| {
            let case: serde_json::Value =
                serde_json::from_slice(&std::fs::read(dir.join("case.json")).unwrap()).unwrap();
            let ids: Vec<Vec<u32>> = serde_json::from_value(case["ids"].clone()).unwrap();
            Case {
                name: dir.file_name().unwrap().to_string_lossy().into_owned(),
                tokens: ids.into_iter().map(Tokens::single).collect(),
                expected: candle_core::safetensors::load(dir.join("expected.safetensors"), &Device::Cpu).unwrap(),
                dir,
            }
        })
        .collect()
}

impl Case {
    fn batch(&self) -> Vec<&Tokens> {
        self.tokens.iter().collect()
    }
}

fn flat(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

fn largest(x: &[f32]) -> f32 {
    x.iter().fold(0.0, |largest, x| largest.max(x.abs()))
}

fn difference(ours: &Tensor, expected: &Tensor) -> f32 {
    assert_eq!(ours.dims(), expected.dims());
    largest(&flat(&(ours - expected).unwrap()))
}

/// The loss that `scripts/parity/encoders.py` takes of hidden states.
fn directed(states: &Tensor) -> Tensor {
    let n = states.elem_count();
    let direction: Vec<f32> = (0..n).map(|i| ((i * 7 % 11) as f32 - 5.0) / 10.0).collect();
    let direction = Tensor::from_vec(direction, states.shape(), &Device::Cpu).unwrap();
    (states * direction).unwrap().sum_all().unwrap()
}

fn cross_entropy(logits: &Tensor) -> Tensor {
    let (n, n_classes) = logits.dims2().unwrap();
    let classes: Vec<u32> = (0..n).map(|i| (i % n_classes) as u32).collect();
    let classes = Tensor::from_vec(classes, (n, 1), &Device::Cpu).unwrap();
    let sums = logits.exp().unwrap().sum_keepdim(1).unwrap().log().unwrap();
    (sums - logits.gather(&classes, 1).unwrap())
        .unwrap()
        .mean_all()
        .unwrap()
}

/// A key's bias shifts all scores of a query alike, which softmax does not see: its true gradient is zero, and what is computed is
/// the rounding of larger numbers.
fn is_key_bias(name: &str) -> bool {
    ["key.bias", "k_lin.bias", "attn.k.bias", "key_proj.bias"]
        .iter()
        .any(|key| name.ends_with(key))
}

/// Compares the gradient of every parameter that has one in the fixture; returns the largest relative difference.
fn compare_gradients(case: &Case, loss: &str, vars: &[(String, Var)], grads: &GradientMap) -> f32 {
    let mut worst = 0f32;
    let of_all = case
        .expected
        .iter()
        .filter(|(key, _)| key.starts_with(loss) && key.contains('/'));
    let steepest = of_all.map(|(_, grad)| largest(&flat(grad))).fold(0.0, f32::max);
    let mut compared = BTreeSet::new();
    for (name, var) in vars {
        let found = case.expected.keys().find(|key| {
            key.strip_prefix(loss)
                .and_then(|key| key.strip_prefix('/'))
                .is_some_and(|key| key == name || key.split_once('.').is_some_and(|(_, rest)| rest == name))
        });
        let Some(key) = found else {
            continue;
        };
        compared.insert(key.clone());
        let (ours, expected) = (grads.dense(var).unwrap(), &case.expected[key]);
        let ours = ours.unwrap_or_else(|| panic!("{}: {name} has no gradient", case.name));
        let scale = if is_key_bias(name) {
            steepest
        } else {
            largest(&flat(expected))
        };
        worst = worst.max(difference(&ours, expected) / scale);
    }
    let with_gradient =
        |key: &&String| key.starts_with(&format!("{loss}/")) && largest(&flat(&case.expected[*key])) > 0.0;
    let left_out: Vec<&String> = case
        .expected
        .keys()
        .filter(with_gradient)
        .filter(|key| !compared.contains(*key))
        .collect();
    assert!(left_out.is_empty(), "{}: not compared: {left_out:?}", case.name);
    worst
}

#[test]
fn hidden_states_and_their_gradients_equal_those_of_transformers() {
    for case in cases() {
        let encoder = Encoder::load(&case.dir, &Device::Cpu).unwrap();
        let states = encoder.states(&case.batch(), None).unwrap();
        let outputs = difference(&states, &case.expected["states"]);
        let grads = encoder.backward(&directed(&states)).unwrap();
        let gradients = compare_gradients(&case, "states", &encoder.vars(), &grads);
        println!("{:12} states {outputs:.1e}, gradients {gradients:.1e}", case.name);
        assert!(outputs <= TOLERANCE && gradients <= GRADIENT_TOLERANCE, "{}", case.name);
    }
}

#[test]
fn logits_losses_and_their_gradients_equal_those_of_transformers() {
    for case in cases() {
        let model = SequenceClassifier::load(&case.dir, &Device::Cpu).unwrap();
        let logits = model.logits(&case.batch(), None).unwrap();
        let outputs = difference(&logits, &case.expected["logits"]);
        let inferred = model.infer(&case.batch()).unwrap();
        assert_eq!(inferred, flat(&logits), "{}", case.name);
        let loss = cross_entropy(&logits);
        let of_loss = difference(&loss.reshape(1).unwrap(), &case.expected["loss"]);
        let grads = model.backward(&loss).unwrap();
        let gradients = compare_gradients(&case, "logits", &model.vars(), &grads);
        println!(
            "{:12} logits {outputs:.1e}, loss {of_loss:.1e}, gradients {gradients:.1e}",
            case.name
        );
        assert!(
            outputs <= TOLERANCE && of_loss <= TOLERANCE && gradients <= GRADIENT_TOLERANCE,
            "{}",
            case.name
        );
    }
}

#[test]
fn every_parameter_of_every_architecture_gets_a_finite_gradient_that_is_not_zero() {
    let mut seen = BTreeSet::new();
    for case in cases() {
        let config: serde_json::Value =
            serde_json::from_slice(&std::fs::read(case.dir.join("config.json")).unwrap()).unwrap();
        seen.insert(config["model_type"].as_str().unwrap().to_string());
        for dropout in [false, true] {
            let model = SequenceClassifier::load(&case.dir, &Device::Cpu).unwrap();
            let mut stream = Dropout::new(1);
            let logits = model.logits(&case.batch(), dropout.then_some(&mut stream)).unwrap();
            let grads = model.backward(&cross_entropy(&logits)).unwrap();
            for (name, var) in model.vars() {
                let grad = grads.dense(&var).unwrap();
                let grad = flat(&grad.unwrap_or_else(|| panic!("{}: {name} has no gradient", case.name)));
                assert!(grad.iter().all(|g| g.is_finite()), "{}: {name}", case.name);
                assert!(
                    largest(&grad) > if is_key_bias(&name) { 0.0 } else { 1e-7 },
                    "{}: {name}: {}",
                    case.name,
                    largest(&grad)
                );
            }
        }
    }
    // BART is no encoder: `tests/zero_shot_parity.rs` compares it.
    let known: BTreeSet<String> = architecture::encoders().map(str::to_owned).collect();
    assert_eq!(seen, known, "every architecture of the table has a fixture");
}

#[test]
fn a_long_text_is_cut_to_the_longest_the_model_takes() {
    for case in cases() {
        let encoder = Encoder::load(&case.dir, &Device::Cpu).unwrap();
        let longest = case.tokens.iter().map(Tokens::len).max().unwrap();
        let text: Vec<String> = (0..200).map(|i| format!("w{}", i % 40)).collect();
        let tokens = encoder.tokenize(&[text.join(" ").as_str(), "w1"]).unwrap();
        assert_eq!((tokens[0].len(), tokens[1].len()), (longest, 3), "{}", case.name);
        let rows = encoder.forward(&tokens.iter().collect::<Vec<_>>(), None).unwrap();
        assert_eq!((rows.dims(), rows.dtype()), ([2, encoder.dim()].as_slice(), DType::F32));
    }
}

#[test]
fn an_encoder_is_no_classifier_and_says_so() {
    let case = &cases()[0];
    let dir = tempfile::tempdir().unwrap();
    Encoder::load(&case.dir, &Device::Cpu)
        .unwrap()
        .save(dir.path())
        .unwrap();
    let message = SequenceClassifier::load(dir.path(), &Device::Cpu)
        .err()
        .unwrap()
        .to_string();
    assert!(
        message.contains("no classification head") && message.contains("classifier.weight"),
        "{message}"
    );
}
