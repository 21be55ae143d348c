//! Behaviour of a whole encoder, on a tiny one with random weights.

use super::Dropout;
use super::testing::tiny_encoder;
use super::{Encoder, ModelError, Tokens};
use candle_core::Tensor;
use std::ops::ControlFlow;

const TEXTS: [&str; 5] = [
    "the cat sleeps",
    "a dog runs and eats the red birds",
    "",
    "price",
    "good match good team good goal the sun runs market rain code chip blue green",
];

fn flat(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// A loss that depends on every output.
fn loss(rows: &Tensor) -> Tensor {
    let n = rows.elem_count();
    let weights: Vec<f32> = (0..n).map(|i| ((i * 7 % 11) as f32 - 5.0) * 0.3).collect();
    (rows.flatten_all().unwrap() * Tensor::new(weights, rows.device()).unwrap())
        .unwrap()
        .sum_all()
        .unwrap()
}

fn tokens(encoder: &Encoder, texts: &[&str]) -> Vec<Tokens> {
    encoder.tokenize(texts).unwrap()
}

fn forward(encoder: &Encoder, tokens: &[Tokens], dropout: Option<&mut Dropout>) -> Tensor {
    encoder.forward(&tokens.iter().collect::<Vec<_>>(), dropout).unwrap()
}

fn embed(encoder: &Encoder, texts: &[&str]) -> Vec<f32> {
    encoder.embed(texts, &mut |_| ControlFlow::Continue(())).unwrap().data
}

#[test]
fn every_parameter_gets_a_finite_gradient_that_is_not_zero() {
    let encoder = tiny_encoder(1);
    for dropout in [false, true] {
        let mut stream = Dropout::new(1);
        let rows = forward(&encoder, &tokens(&encoder, &TEXTS), dropout.then_some(&mut stream));
        let grads = encoder.backward(&loss(&rows)).unwrap();
        let vars = encoder.vars();
        assert_eq!(vars.len(), 5 + 2 * 16);
        for (name, var) in vars {
            let grad = flat(
                grads
                    .dense(&var)
                    .unwrap()
                    .as_ref()
                    .unwrap_or_else(|| panic!("{name} has no gradient")),
            );
            assert!(grad.iter().all(|g| g.is_finite()), "{name}");
            let largest = grad.iter().fold(0f32, |largest, g| largest.max(g.abs()));
            // A key's bias shifts all scores of a query alike, which softmax does not see: its true gradient is zero.
            assert!(
                largest > 1e-6 || name.ends_with("key.bias") && largest > 0.0,
                "{name}: {largest}"
            );
        }
    }
}

#[test]
fn fused_and_plain_passes_agree_in_outputs_and_gradients() {
    let encoder = tiny_encoder(2);
    let tokens = tokens(&encoder, &TEXTS);
    for dropout in [false, true] {
        let (mut one, mut other) = (Dropout::new(9), Dropout::new(9));
        let fused = forward(&encoder, &tokens, dropout.then_some(&mut one));
        let plain = encoder
            .forward_plain(&tokens.iter().collect::<Vec<_>>(), dropout.then_some(&mut other))
            .unwrap();
        assert!(largest_difference(&flat(&fused), &flat(&plain)) < 2e-6);
        let (fused, plain) = (
            encoder.backward(&loss(&fused)).unwrap(),
            loss(&plain).backward().unwrap(),
        );
        for (name, var) in encoder.vars() {
            let (a, b) = (
                flat(&fused.dense(&var).unwrap().unwrap()),
                flat(plain.get(var.as_tensor()).unwrap()),
            );
            let scale = b.iter().fold(1f32, |largest, g| largest.max(g.abs()));
            assert!(
                largest_difference(&a, &b) < 1e-5 * scale,
                "{name} with dropout {dropout}"
            );
        }
    }
}

#[test]
fn gradients_of_a_loss_equal_finite_differences() {
    let encoder = tiny_encoder(3);
    let tokens = tokens(&encoder, &TEXTS);
    let value = || {
        let mut stream = Dropout::new(4);
        let rows = forward(&encoder, &tokens, Some(&mut stream));
        let weighted = flat(&rows)
            .iter()
            .enumerate()
            .map(|(i, &x)| x as f64 * (((i * 7 % 11) as f32 - 5.0) * 0.3) as f64)
            .sum::<f64>();
        (weighted, rows)
    };
    let grads = encoder.backward(&loss(&value().1)).unwrap();
    for (name, var) in encoder.vars() {
        let grad = flat(&grads.dense(&var).unwrap().unwrap());
        let values = flat(&var);
        // the entry with the largest gradient, and a fixed one
        let steepest = (0..grad.len())
            .max_by(|&a, &b| grad[a].abs().total_cmp(&grad[b].abs()))
            .unwrap();
        for at in [steepest, grad.len() / 2] {
            let shifted = |by: f32| {
                let mut values = values.clone();
                values[at] += by;
                var.set(&Tensor::from_vec(values, var.shape(), var.device()).unwrap())
                    .unwrap();
                value().0
            };
            let step = 4e-3;
            let numeric = (shifted(step) - shifted(-step)) / (2.0 * step as f64);
            shifted(0.0);
            assert!(
                (numeric - grad[at] as f64).abs() < 5e-3 * (1.0 + grad[at].abs() as f64),
                "{name}[{at}]: {} but {numeric} by differences",
                grad[at]
            );
        }
    }
}

#[test]
fn gradients_of_several_passes_add_up_and_a_pass_goes_back_once() {
    let encoder = tiny_encoder(4);
    let tokens = tokens(&encoder, &TEXTS);
    let whole = encoder.backward(&loss(&forward(&encoder, &tokens, None))).unwrap();
    let halves = Tensor::cat(
        &[
            forward(&encoder, &tokens[..2], None),
            forward(&encoder, &tokens[2..], None),
        ],
        0,
    )
    .unwrap();
    let loss = loss(&halves);
    let halves = encoder.backward(&loss).unwrap();
    for (name, var) in encoder.vars() {
        let (a, b) = (
            flat(&whole.dense(&var).unwrap().unwrap()),
            flat(&halves.dense(&var).unwrap().unwrap()),
        );
        assert!(largest_difference(&a, &b) < 1e-4, "{name}");
    }
    assert!(
        encoder
            .backward(&loss)
            .err()
            .unwrap()
            .to_string()
            .contains("run it again")
    );
}

#[test]
fn a_text_has_the_same_embedding_in_any_batch() {
    let encoder = tiny_encoder(5);
    let all = embed(&encoder, &TEXTS);
    let reversed: Vec<&str> = TEXTS.iter().rev().copied().collect();
    let backwards: Vec<f32> = embed(&encoder, &reversed).chunks(32).rev().flatten().copied().collect();
    let alone: Vec<f32> = TEXTS.iter().flat_map(|text| embed(&encoder, &[text])).collect();
    assert!(largest_difference(&all, &backwards) < 1e-6);
    assert!(largest_difference(&all, &alone) < 1e-6);
    assert!(largest_difference(&all, &flat(&forward(&encoder, &tokens(&encoder, &TEXTS), None))) < 1e-6);
    for row in all.chunks(32) {
        assert!((row.iter().map(|x| x * x).sum::<f32>() - 1.0).abs() < 1e-5);
    }
}

#[test]
fn dropout_is_seeded_and_does_not_depend_on_the_number_of_threads() {
    let encoder = tiny_encoder(6);
    let tokens = tokens(&encoder, &TEXTS);
    let run = |seed: u64, n_threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        pool.install(|| {
            let mut stream = Dropout::new(seed);
            let (first, second) = (
                forward(&encoder, &tokens, Some(&mut stream)),
                forward(&encoder, &tokens, Some(&mut stream)),
            );
            let grads = encoder.backward(&loss(&second)).unwrap();
            let grads: Vec<f32> = encoder
                .vars()
                .iter()
                .flat_map(|(_, var)| flat(&grads.dense(var).unwrap().unwrap()))
                .collect();
            (flat(&first), flat(&second), grads)
        })
    };
    let base = run(1, 1);
    assert!(base == run(1, 2) && base == run(1, 3));
    assert!(base.0 != base.1 && base.0 != run(2, 1).0);
}

#[test]
fn long_texts_are_cut_and_empty_ones_have_special_tokens_only() {
    let encoder = tiny_encoder(7);
    let long = "cat ".repeat(100);
    let tokens = tokens(&encoder, &["", "   ", "cat", &long, "unheard of"]);
    assert_eq!(tokens[0].ids, [2, 3]);
    assert_eq!(tokens[1].ids, [2, 3]);
    assert_eq!(tokens[2].ids, [2, 7, 3]);
    assert_eq!((tokens[3].len(), tokens[3].ids[0], tokens[3].ids[31]), (32, 2, 3));
    assert_eq!(tokens[4].ids, [2, 1, 1, 3]);
}

#[test]
fn a_huge_text_costs_no_more_than_its_beginning() {
    let encoder = tiny_encoder(8);
    let huge = "cat dog ".repeat(1_250_000);
    let blank = format!("{}cat", " \n".repeat(3_000_000));
    let zeros = format!("x{}cat", "\u{0}".repeat(3_000_000));
    let tokens = tokens(&encoder, &[&huge, &blank, &zeros, &"x".repeat(5_000_000)]);
    assert_eq!(tokens[0].len(), 32);
    assert_eq!(tokens[1].ids, [2, 7, 3]);
    assert_eq!(tokens[2].ids, [2, 1, 3]);
    assert_eq!(tokens[3].ids, [2, 1, 3]);
}

#[test]
fn embedding_reports_progress_and_stops() {
    let encoder = tiny_encoder(9);
    let texts = vec!["the cat runs good match"; 700];
    let mut seen = Vec::new();
    encoder
        .embed(&texts, &mut |n| {
            seen.push(n);
            ControlFlow::Continue(())
        })
        .unwrap();
    assert!(
        seen.len() > 1 && seen.is_sorted() && seen.last() == Some(&700),
        "{seen:?}"
    );
    let stopped = encoder.embed(&texts, &mut |_| ControlFlow::Break(()));
    assert!(matches!(stopped, Err(ModelError::Stopped)));
    assert_eq!(
        encoder
            .embed(&[""; 0], &mut |_| ControlFlow::Continue(()))
            .unwrap()
            .len(),
        0
    );
}

#[test]
fn input_that_does_not_fit_is_refused() {
    let encoder = tiny_encoder(10);
    for (ids, expected) in [
        (vec![], "a text of 0 tokens"),
        (vec![1; 33], "a text of 33 tokens"),
        (vec![29], "token id 29"),
    ] {
        let message = encoder.forward(&[&Tokens::single(ids)], None).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }
    assert!(encoder.forward(&[], None).is_err());
    for (type_ids, expected) in [(vec![0, 2, 0], "token type 2"), (vec![0, 1], "2 token types")] {
        let ids = vec![2, 7, 3];
        let message = encoder
            .forward(&[&Tokens { ids, type_ids }], None)
            .unwrap_err()
            .to_string();
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn token_types_reach_the_encoder() {
    let encoder = tiny_encoder(12);
    let pair = encoder.tokenize(&[("the cat", "a dog")]).unwrap().remove(0);
    assert_eq!(pair.type_ids, [0, 0, 0, 0, 1, 1, 1]);
    let one = Tokens::single(pair.ids.clone());
    let rows = |batch: &[&Tokens]| flat(&encoder.forward(batch, None).unwrap());
    let (of_pair, of_one) = (rows(&[&pair]), rows(&[&one]));
    assert!(largest_difference(&of_pair, &of_one) > 1e-3);
    assert!(
        largest_difference(
            &rows(&[&one, &pair, &one]),
            &[of_one.clone(), of_pair.clone(), of_one].concat()
        ) < 1e-6
    );
    let plain = encoder.forward_plain(&[&pair], None).unwrap();
    assert!(largest_difference(&flat(&plain), &of_pair) < 2e-6);
}

#[test]
fn a_saved_encoder_is_the_same_encoder() {
    let encoder = tiny_encoder(11);
    let dir = tempfile::tempdir().unwrap();
    encoder.save(&dir.path().join("out")).unwrap();
    let again = Encoder::load(&dir.path().join("out"), encoder.device()).unwrap();
    assert_eq!(embed(&encoder, &TEXTS), embed(&again, &TEXTS));
    assert_eq!((again.name(), again.dim(), again.max_tokens()), ("out", 32, 32));
    let file = std::fs::read(dir.path().join("out/model.safetensors")).unwrap();
    let names: Vec<String> = safetensors::SafeTensors::deserialize(&file)
        .unwrap()
        .names()
        .iter()
        .map(|name| name.to_string())
        .collect();
    assert!(
        names.contains(&"pooler.dense.weight".to_string()) && names.len() == 38,
        "{names:?}"
    );
}

#[test]
fn a_pass_from_the_states_of_lower_layers_gives_the_same_rows() {
    let encoder = tiny_encoder(12);
    let tokens = tokens(&encoder, &TEXTS);
    let batch: Vec<&Tokens> = tokens.iter().collect();
    let whole = forward(&encoder, &tokens, None);
    for n_layers in 0..=encoder.n_layers() {
        let states = encoder.lower_states(&tokens, n_layers).unwrap();
        let states: Vec<&[f32]> = states.iter().map(Vec::as_slice).collect();
        let rows = encoder.forward_from(&batch, &states, n_layers, None).unwrap();
        assert!(largest_difference(&flat(&rows), &flat(&whole)) < 1e-6, "{n_layers}");
        let grads = encoder.backward(&loss(&rows)).unwrap();
        for (name, var) in encoder.vars() {
            let above = (n_layers..2).any(|layer| name.starts_with(&format!("encoder.layer.{layer}.")));
            assert_eq!(grads.get(&var).is_some(), above, "{n_layers} {name}");
        }
        assert!(encoder.forward_from(&batch[1..], &states, n_layers, None).is_err());
    }
}
