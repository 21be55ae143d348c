//! LoRA on the tiny encoder of every architecture.

use super::lora::{Lora, LoraTargets};
use super::{Dropout, Encoder, Tokens};
use crate::core::rng;
use crate::model::architecture;
use candle_core::{Device, Tensor, Var};
use rand::RngExt;
use std::collections::BTreeSet;
use std::path::Path;

type Open = Box<dyn Fn() -> Encoder>;

/// The tiny folders that parity is tested on: what they are called, how they are opened, and the tokens of a few texts.
fn cases() -> Vec<(String, Open, Vec<Tokens>)> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/encoders");
    let mut kinds = BTreeSet::new();
    let mut cases: Vec<(String, Open, Vec<Tokens>)> = Vec::new();
    for entry in std::fs::read_dir(data).unwrap() {
        let dir = entry.unwrap().path();
        let json = |name: &str| -> serde_json::Value {
            serde_json::from_slice(&std::fs::read(dir.join(name)).unwrap()).unwrap()
        };
        let ids: Vec<Vec<u32>> = serde_json::from_value(json("case.json")["ids"].clone()).unwrap();
        kinds.insert(json("config.json")["model_type"].as_str().unwrap().to_owned());
        let name = dir.file_name().unwrap().to_string_lossy().into_owned();
        let open = move || Encoder::load(&dir, &Device::Cpu).unwrap();
        let open: Open = Box::new(open);
        cases.push((name, open, ids.into_iter().map(Tokens::single).collect()));
    }
    for kind in architecture::encoders() {
        assert!(kinds.contains(kind), "{kind} has no folder");
    }
    cases.sort_by(|a, b| a.0.cmp(&b.0));
    cases
}

fn lora(targets: LoraTargets) -> Lora {
    Lora {
        rank: 2,
        alpha: 4.0,
        targets,
    }
}

fn adapted(encoder: Encoder, targets: LoraTargets) -> Encoder {
    encoder.with_lora(lora(targets), &mut rng::stream(1, "lora")).unwrap()
}

fn numbers(var: &Tensor) -> Vec<f32> {
    var.flatten_all().unwrap().to_vec1().unwrap()
}

fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

fn embed(encoder: &Encoder, tokens: &[Tokens]) -> Vec<f32> {
    encoder.infer(&tokens.iter().collect::<Vec<_>>()).unwrap()
}

/// A loss that depends on every output.
fn loss(rows: &Tensor) -> Tensor {
    let n = rows.elem_count();
    let weights: Vec<f32> = (0..n).map(|i| ((i * 7 % 11) as f32 - 5.0) * 0.3).collect();
    let weights = Tensor::from_vec(weights, rows.shape(), rows.device()).unwrap();
    (rows * weights).unwrap().sum_all().unwrap()
}

fn forward(encoder: &Encoder, tokens: &[Tokens]) -> Tensor {
    let mut dropout = Dropout::new(4);
    let tokens: Vec<&Tokens> = tokens.iter().collect();
    loss(&encoder.forward(&tokens, Some(&mut dropout)).unwrap())
}

/// Moves every factor at random by up to `reach`, so that none is zero, and brings the weights up to date.
fn stir(encoder: &Encoder, reach: f32) {
    let mut rng = rng::stream(2, "stir");
    for (_, var) in encoder.trained_vars() {
        let moved: Vec<f32> = numbers(&var)
            .iter()
            .map(|x| x + rng.random_range(-reach..reach))
            .collect();
        var.set(&Tensor::from_vec(moved, var.shape(), var.device()).unwrap())
            .unwrap();
    }
    encoder.apply_factors().unwrap();
}

fn gradients(encoder: &Encoder, tokens: &[Tokens]) -> Vec<(String, Var, Option<Vec<f32>>)> {
    let found = encoder.backward(&forward(encoder, tokens)).unwrap();
    let of = |(name, var): (String, Var)| {
        let gradient = found.dense(&var).unwrap().map(|gradient| numbers(&gradient));
        (name, var, gradient)
    };
    let all = encoder.vars().into_iter().chain(encoder.trained_vars());
    all.map(of).collect()
}

#[test]
fn factors_change_nothing_at_first_and_are_all_that_is_trained() {
    for (name, open, tokens) in cases() {
        let whole = open();
        let before = embed(&whole, &tokens);
        let n_vars = whole.vars().len();
        let mut n_factors = Vec::new();
        for targets in LoraTargets::ALL {
            let encoder = adapted(open(), targets);
            assert_eq!(embed(&encoder, &tokens), before, "{name}");
            assert_eq!(encoder.vars().len(), n_vars, "{name}");
            n_factors.push(encoder.trained_vars().len());
            assert!(encoder.trained_vars().iter().all(|(name, _)| name.contains(".lora_")));
        }
        let n_layers = whole.n_layers();
        // Queries and values, or the one matrix that makes them.
        let of_layer = if name == "modernbert" { [1, 2, 4] } else { [2, 4, 6] };
        if !name.starts_with("deberta") {
            assert_eq!(n_factors, of_layer.map(|n| 2 * n * n_layers), "{name}");
        }
        assert!(
            n_factors[0] < n_factors[1] && n_factors[1] < n_factors[2],
            "{name}: {n_factors:?}"
        );
    }
}

#[test]
fn factors_get_gradients_and_frozen_weights_none() {
    for (name, open, tokens) in cases() {
        for plain in [false, true] {
            let encoder = adapted(open(), LoraTargets::AllLinear);
            let encoder = if plain {
                encoder.with_plain_operations()
            } else {
                encoder
            };
            stir(&encoder, 0.3);
            let mut n_factors = 0;
            for (parameter, _, gradient) in gradients(&encoder, &tokens) {
                if !parameter.contains(".lora_") {
                    assert!(gradient.is_none(), "{name}: {parameter} is frozen");
                    continue;
                }
                let gradient = gradient.unwrap_or_else(|| panic!("{name}: {parameter} has no gradient"));
                assert!(gradient.iter().all(|g| g.is_finite()), "{name}: {parameter}");
                assert!(
                    gradient.iter().any(|g| *g != 0.0),
                    "{name}: {parameter} gets only zeros"
                );
                n_factors += 1;
            }
            assert_eq!(n_factors, encoder.trained_vars().len(), "{name}");
        }
    }
}

#[test]
fn fused_and_composed_gradients_agree() {
    for (name, open, tokens) in cases() {
        let fused = adapted(open(), LoraTargets::AllLinear);
        let composed = adapted(open(), LoraTargets::AllLinear).with_plain_operations();
        stir(&fused, 0.3);
        stir(&composed, 0.3);
        for ((parameter, _, a), (_, _, b)) in gradients(&fused, &tokens)
            .into_iter()
            .zip(gradients(&composed, &tokens))
        {
            let (Some(a), Some(b)) = (a, b) else { continue };
            let scale = b.iter().fold(1f32, |largest, g| largest.max(g.abs()));
            assert!(largest_difference(&a, &b) < 1e-4 * scale, "{name}: {parameter}");
        }
    }
}

#[test]
fn gradients_of_factors_equal_finite_differences() {
    for (name, open, tokens) in cases() {
        let encoder = adapted(open(), LoraTargets::AllLinear);
        stir(&encoder, 0.05);
        let mut rng = rng::stream(0, "finite-differences");
        for (parameter, var, gradient) in gradients(&encoder, &tokens) {
            let Some(gradient) = gradient else { continue };
            // Along a random direction, the slope is the gradient's product with it.
            let data = numbers(&var);
            let direction: Vec<f32> = data.iter().map(|_| rng.random_range(-1.0..1.0)).collect();
            let value = |h: f32| {
                let moved: Vec<f32> = data.iter().zip(&direction).map(|(w, d)| w + h * d).collect();
                var.set(&Tensor::from_vec(moved, var.shape(), var.device()).unwrap())
                    .unwrap();
                encoder.apply_factors().unwrap();
                f64::from(forward(&encoder, &tokens).to_scalar::<f32>().unwrap())
            };
            let slope_over = |h: f32| (value(h) - value(-h)) / (2.0 * f64::from(h));
            let slopes: Vec<f64> = (0..8).map(|n| slope_over(2.5e-4 * 2f32.powi(n))).collect();
            value(0.0);
            let expected: f64 = gradient
                .iter()
                .zip(&direction)
                .map(|(g, d)| f64::from(*g) * f64::from(*d))
                .sum();
            // Short steps drown in rounding, long ones in curvature: the best of a ladder, by Richardson's extrapolation.
            let errors = slopes
                .windows(2)
                .map(|pair| ((4.0 * pair[0] - pair[1]) / 3.0 - expected).abs());
            let error = errors.fold(f64::INFINITY, f64::min);
            assert!(
                error < 1e-2 * (1.0 + expected.abs()),
                "{name}: {parameter}: {slopes:?} {expected}"
            );
        }
    }
}

#[test]
fn merged_weights_compute_the_same_and_nothing_else_has_moved() {
    for (name, open, tokens) in cases() {
        let whole = open();
        let encoder = adapted(open(), LoraTargets::Attention);
        stir(&encoder, 0.3);
        // The weight plus its factors as candle computes them, without the merged weight.
        let unmerged = {
            let composed = adapted(open(), LoraTargets::Attention).with_plain_operations();
            stir(&composed, 0.3);
            let tokens: Vec<&Tokens> = tokens.iter().collect();
            numbers(&composed.forward(&tokens, None).unwrap())
        };
        let with_factors = embed(&encoder, &tokens);
        let merged = encoder.without_lora().unwrap();
        assert_eq!(embed(&merged, &tokens), with_factors, "{name}");
        assert!(largest_difference(&with_factors, &unmerged) < 1e-5, "{name}");
        assert!(
            largest_difference(&with_factors, &embed(&whole, &tokens)) > 1e-3,
            "{name}"
        );
        assert_eq!(merged.trained_vars().len(), merged.vars().len());
        let mut n_moved = 0;
        for ((parameter, before), (_, after)) in whole.vars().into_iter().zip(merged.vars()) {
            let moved = numbers(&before) != numbers(&after);
            n_moved += usize::from(moved);
            assert!(
                !moved || before.rank() == 2 && parameter.contains("att"),
                "{name}: {parameter}"
            );
        }
        assert!(n_moved >= 2 * merged.n_layers(), "{name}");

        let dir = tempfile::tempdir().unwrap();
        merged.save(dir.path()).unwrap();
        let reopened = Encoder::load(dir.path(), &Device::Cpu).unwrap();
        assert_eq!(reopened.vars().len(), whole.vars().len());
    }
}

#[test]
fn a_rank_must_fit_and_factors_come_once() {
    let (_, open, _) = cases().remove(0);
    let with_rank = |rank| {
        let lora = Lora {
            rank,
            ..lora(LoraTargets::QueryValue)
        };
        open()
            .with_lora(lora, &mut rng::stream(1, "lora"))
            .err()
            .unwrap()
            .to_string()
    };
    for rank in [0, 100_000] {
        let error = with_rank(rank);
        assert!(error.contains("rank must be from 1 to"), "{error}");
    }
    let twice =
        adapted(open(), LoraTargets::QueryValue).with_lora(lora(LoraTargets::QueryValue), &mut rng::stream(1, "lora"));
    assert!(twice.err().unwrap().to_string().contains("already"));
}
