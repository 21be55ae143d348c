//! Every fused operation against the plain one and against finite differences.

use super::dropout::Dropout;
use super::plain::Plain;
use super::tape::Tape;
use super::{Activation, Attention, LayerNorm, Linear, Ops, Position, Reach, Rotation};
use crate::model::error::Result;
use crate::model::gradients::Gradients;
use crate::model::parameters::{Param, Parameters};
use crate::model::testing::random;
use candle_core::{Device, Tensor};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use std::sync::Arc;

const STARTS: [usize; 4] = [0, 1, 20, 25];
const N_ROWS: usize = 25;
const WIDTH: usize = 24;
const LONGEST: usize = 19;

/// One operation on `x = p[0]`, with the weights it needs in `p[1..]`.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Case {
    Gather,
    Linear,
    LinearSideBySide,
    LinearWithoutBias,
    Attention,
    AttentionInWindow,
    AttentionToPast,
    CrossAttention,
    Scale,
    AttentionWithBias,
    ContentToPosition,
    PositionToContent,
    Disentangled,
    Rotary,
    Activation(Activation),
    Gated(Activation),
    Norm,
    NormWithoutBias,
    AddNorm,
    Add,
    Dropout,
    Pool,
    Normalize,
    Reused,
}

const FUNCTIONS: [Activation; 5] = [
    Activation::Gelu,
    Activation::GeluTanh,
    Activation::Relu,
    Activation::Silu,
    Activation::Tanh,
];

fn cases() -> Vec<Case> {
    let mut cases = vec![
        Case::Gather,
        Case::Linear,
        Case::LinearSideBySide,
        Case::LinearWithoutBias,
        Case::Attention,
        Case::AttentionInWindow,
        Case::AttentionToPast,
        Case::CrossAttention,
        Case::Scale,
        Case::AttentionWithBias,
        Case::ContentToPosition,
        Case::PositionToContent,
        Case::Disentangled,
        Case::Rotary,
        Case::Norm,
        Case::NormWithoutBias,
        Case::AddNorm,
        Case::Add,
        Case::Dropout,
        Case::Pool,
        Case::Normalize,
        Case::Reused,
    ];
    cases.extend(FUNCTIONS.map(Case::Activation));
    cases.extend(FUNCTIONS.map(Case::Gated));
    cases
}

impl Case {
    fn run<O: Ops>(self, ops: &mut O, p: &[Param]) -> Result<O::Value> {
        let rows: Vec<u32> = (0..N_ROWS as u32).collect();
        let x = ops.gather(&[(p[0], &rows)])?;
        let first = Linear {
            weight: p[1],
            bias: Some(p[2]),
        };
        let second = Linear {
            weight: p[3],
            bias: Some(p[4]),
        };
        let norm = LayerNorm {
            weight: p[4],
            bias: Some(p[2]),
            eps: 1e-12,
        };
        let weights: Vec<f32> = (0..N_ROWS).map(|i| 0.1 * i as f32).collect();
        match self {
            Case::Gather => {
                let repeated: Vec<u32> = rows.iter().map(|i| i / 3).collect();
                ops.gather(&[(p[0], &rows), (p[0], &repeated)])
            }
            Case::Linear => ops.linear(&x, &[first]),
            Case::LinearSideBySide => ops.linear(&x, &[first, second]),
            Case::LinearWithoutBias => {
                ops.linear(&x, &[Linear { bias: None, ..first }, Linear { bias: None, ..second }])
            }
            Case::Attention
            | Case::AttentionInWindow
            | Case::AttentionToPast
            | Case::AttentionWithBias
            | Case::ContentToPosition
            | Case::PositionToContent
            | Case::Disentangled => self.attend(ops, &x, p),
            Case::CrossAttention => {
                let queries = ops.linear(&x, &[first])?;
                let keys_and_values = ops.linear(&queries, &[second, first])?;
                let qkv = ops.beside(&queries, &keys_and_values)?;
                ops.attention(&qkv, &attention(Position::None))
            }
            Case::Scale => {
                let y = ops.scale(&x, 1.5)?;
                ops.add(&y, &x, 0.25)
            }
            Case::Rotary => {
                let turned = ops.rotary(&x, 2, &Rotation::new(100.0, WIDTH / 6, LONGEST))?;
                ops.attention(&turned, &attention(Position::None))
            }
            Case::Activation(function) => ops.activation(&x, function),
            Case::Gated(function) => ops.gated(&x, function),
            Case::Norm => ops.add_norm(&x, None, 0.0, norm),
            Case::NormWithoutBias => ops.add_norm(&x, None, 0.0, LayerNorm { bias: None, ..norm }),
            Case::Add => {
                let y = ops.linear(&x, &[second])?;
                let z = ops.add(&y, &x, 0.25)?;
                ops.add(&z, &y, 0.0)
            }
            Case::AddNorm => {
                let y = ops.linear(&x, &[second])?;
                ops.add_norm(&y, Some(&x), 0.25, norm)
            }
            Case::Dropout => ops.dropout(&x, 0.25),
            Case::Pool => ops.pool(&x, &weights),
            Case::Normalize => ops.normalize(&x),
            Case::Reused => {
                let y = ops.activation(&x, Activation::Gelu)?;
                let z = ops.linear(&y, &[second])?;
                let z = ops.add_norm(&z, Some(&y), 0.0, norm)?;
                ops.add_norm(&z, Some(&y), 0.0, norm)
            }
        }
    }
}

impl Case {
    fn attend<O: Ops>(self, ops: &mut O, x: &O::Value, p: &[Param]) -> Result<O::Value> {
        let distances: Vec<u32> = (0..2 * LONGEST as u32 - 1).collect();
        // several distances share a row of the table, as far ones do
        let shared: Vec<u32> = distances.iter().map(|distance| distance / 2).collect();
        let tables = [ops.gather(&[(p[5], &distances)])?, ops.gather(&[(p[5], &shared)])?];
        let bias = ops.gather(&[(p[6], &shared)])?;
        let position = match self {
            Case::AttentionWithBias => Position::Bias(&bias),
            Case::ContentToPosition => disentangled(Some(&tables[0]), None),
            Case::PositionToContent => disentangled(None, Some(&tables[0])),
            Case::Disentangled => disentangled(Some(&tables[0]), Some(&tables[1])),
            _ => Position::None,
        };
        let reach = match self {
            Case::AttentionInWindow => Reach::Window(2),
            Case::AttentionToPast => Reach::Past,
            _ => Reach::Text,
        };
        ops.attention(
            x,
            &Attention {
                reach,
                ..attention(position)
            },
        )
    }
}

fn disentangled<'a, V>(keys: Option<&'a V>, queries: Option<&'a V>) -> Position<'a, V> {
    Position::Disentangled { keys, queries }
}

fn attention<V>(position: Position<'_, V>) -> Attention<'_, V> {
    Attention {
        n_heads: 2,
        scale: 0.5,
        prob: 0.25,
        reach: Reach::Text,
        position,
    }
}

fn parameters(seed: u64) -> (Parameters, Vec<Param>) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut tensor = |shape: &[usize], scale: f32| {
        Tensor::from_vec(random(&mut rng, shape.iter().product(), scale), shape, &Device::Cpu).unwrap()
    };
    Parameters::of(&[
        ("x", tensor(&[N_ROWS, WIDTH], 1.5)),
        ("w", tensor(&[WIDTH, WIDTH], 0.4)),
        ("b", tensor(&[WIDTH], 0.5)),
        ("v", tensor(&[WIDTH, WIDTH], 0.4)),
        ("c", tensor(&[WIDTH], 0.5)),
        ("positions", tensor(&[2 * LONGEST - 1, WIDTH / 3], 0.8)),
        ("bias", tensor(&[LONGEST, 2], 0.8)),
    ])
    .unwrap()
}

/// Runs a case on the tape: its output, and the gradients of `Σ direction · output`.
fn fused(
    case: Case,
    parameters: &Arc<Parameters>,
    p: &[Param],
    dropout: bool,
    direction: &[f32],
) -> (Vec<f32>, Gradients) {
    let mut stream = Dropout::new(5);
    let mut tape = Tape::recorded(parameters.clone(), &STARTS, dropout.then_some(&mut stream));
    let out = case.run(&mut tape, p).unwrap();
    let mut gradients = Gradients::none(parameters, &Arc::default());
    tape.backward(&direction[..out.data().len()], &mut gradients).unwrap();
    (out.data().to_vec(), gradients)
}

fn direction() -> Vec<f32> {
    random(&mut ChaCha8Rng::seed_from_u64(99), N_ROWS * WIDTH * 2, 1.0)
}

fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn fused_operations_equal_the_plain_ones() {
    let direction = direction();
    for (case, dropout) in cases().into_iter().flat_map(|case| [(case, false), (case, true)]) {
        let (parameters, p) = parameters(3);
        let parameters = Arc::new(parameters);
        let (out, mut gradients) = fused(case, &parameters, &p, dropout, &direction);

        let mut stream = Dropout::new(5);
        let mut plain = Plain::new(
            parameters.clone(),
            &STARTS,
            dropout.then_some(&mut stream),
            false,
            &Device::Cpu,
        );
        let expected = case.run(&mut plain, &p).unwrap();
        let weights = Tensor::new(&direction[..expected.elem_count()], &Device::Cpu).unwrap();
        let store = (expected.flatten_all().unwrap() * weights)
            .unwrap()
            .sum_all()
            .unwrap()
            .backward()
            .unwrap();

        let expected: Vec<f32> = expected.flatten_all().unwrap().to_vec1().unwrap();
        let difference = largest_difference(&out, &expected);
        assert!(
            difference < 1e-5,
            "{case:?}, dropout {dropout}: outputs differ by {difference}"
        );
        for (param, name) in p.iter().zip(["x", "w", "b", "v", "c", "positions", "bias"]) {
            let Some(expected) = store.get(parameters.var(*param).as_tensor()) else {
                continue;
            };
            let expected: Vec<f32> = expected.flatten_all().unwrap().to_vec1().unwrap();
            let difference = largest_difference(gradients.slot(*param), &expected);
            assert!(
                difference < 5e-5,
                "{case:?}, dropout {dropout}: gradients of {name} differ by {difference}"
            );
        }
    }
}

#[test]
fn gradients_equal_finite_differences() {
    let direction = direction();
    let objective = |out: &[f32]| -> f64 { out.iter().zip(&direction).map(|(&o, &d)| o as f64 * d as f64).sum() };
    for case in cases() {
        let (parameters, p) = parameters(4);
        let parameters = Arc::new(parameters);
        let (_, mut gradients) = fused(case, &parameters, &p, true, &direction);
        for param in &p {
            let var = parameters.var(*param);
            let values: Vec<f32> = var.flatten_all().unwrap().to_vec1().unwrap();
            for at in (0..values.len()).step_by(values.len() / 5 + 1) {
                let shifted = |by: f32| {
                    let mut values = values.clone();
                    values[at] += by;
                    var.set(&Tensor::from_vec(values, var.shape(), &Device::Cpu).unwrap())
                        .unwrap();
                    objective(&fused(case, &parameters, &p, true, &direction).0)
                };
                let step = 4e-3;
                let numeric = (shifted(step) - shifted(-step)) / (2.0 * step as f64);
                let exact = gradients.slot(*param)[at] as f64;
                assert!(
                    (numeric - exact).abs() < 4e-3 * (1.0 + exact.abs()),
                    "{case:?} {} [{at}]: {exact} but {numeric} by differences",
                    parameters.name(*param)
                );
                shifted(0.0);
            }
        }
    }
}

#[test]
fn one_thread_and_many_give_the_same_bits() {
    let direction = direction();
    let run = |n_threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        pool.install(|| {
            let mut all = Vec::new();
            for case in cases() {
                let (parameters, p) = parameters(6);
                let parameters = Arc::new(parameters);
                let (out, mut gradients) = fused(case, &parameters, &p, true, &direction);
                all.push(out);
                all.extend(p.iter().map(|param| gradients.slot(*param).to_vec()));
            }
            all
        })
    };
    let one = run(1);
    assert!(one == run(2) && one == run(3));
}

#[test]
fn an_index_beyond_its_table_is_an_error() {
    let (parameters, p) = parameters(1);
    let mut tape = Tape::recorded(Arc::new(parameters), &[0, 2], None);
    let message = tape.gather(&[(p[0], &[0, 25])]).err().unwrap().to_string();
    assert!(message.contains("does not fit table x of 25 rows"), "{message}");
}
