//! How long every differentiable operation takes, as the fused operation of the tape and as the composition of candle's, at the sizes of a
//! BERT with 6 layers and 384 columns on 1,000 tokens; then the optimiser and the whole encoder.
//!
//! `forward` is the pass that is recorded for training, `forward+backward` that and the way back. Everything is timed on warm memory with all cores.
//! Not here: training steps from end to end, which `handful bench` times.
#![allow(clippy::unwrap_used)] // what cannot be set up cannot be timed

use std::sync::Arc;
use std::time::Duration;

use candle_core::{Device, Tensor, Var};
use criterion::{BatchSize, Bencher, BenchmarkId, Criterion};
use handful::model::gradients::{Gradient, Gradients};
use handful::model::ops::plain::Plain;
use handful::model::ops::tape::Tape;
use handful::model::ops::{Activation, Attention, LayerNorm, Linear, Ops, Pool, Position, Reach, Rotation};
use handful::model::parameters::{Param, Parameters};
use handful::model::tiny::{Size, random};
use handful::model::{Dropout, Encoder, ModelError, Precision, Tokens};
use handful::train::adamw::{AdamW, AdamWSettings};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

const N_TOKENS: usize = 1000;
const SIZE: Size = Size::MINI_LM;
const WIDTH: usize = SIZE.hidden;
const N_HEADS: usize = SIZE.n_heads;

/// Dropout of BERT in training.
const PROB: f64 = 0.1;

/// As in ModernBERT.
const WINDOW: usize = 64;

/// Texts that start at these rows: 20 of 31 to 69 tokens.
fn short_texts() -> Vec<usize> {
    (0..=20).map(|i| i * (30 + i)).collect()
}

/// Two of 500 tokens.
fn long_texts() -> Vec<usize> {
    vec![0, N_TOKENS / 2, N_TOKENS]
}

/// The longest of the texts that start at these rows.
fn longest(starts: &[usize]) -> usize {
    starts.windows(2).map(|rows| rows[1] - rows[0]).max().unwrap()
}

/// One call of an operation.
#[derive(Clone, Copy)]
enum Operation {
    Gather,
    Linear,
    SideBySide,
    Attention,
    AttentionWithDropout,
    AttentionWithBias,
    Disentangled,
    LongTexts,
    InWindow,
    Rotary,
    Activation,
    Gated,
    AddNorm,
    AddNormWithDropout,
    Add,
    Dropout,
    Pool,
    Normalize,
}

const OPERATIONS: [(&str, Operation); 18] = [
    ("gather rows of 30522", Operation::Gather),
    ("linear 384 to 1536", Operation::Linear),
    ("linear 384 to 3 x 384", Operation::SideBySide),
    ("attention", Operation::Attention),
    ("attention, dropout", Operation::AttentionWithDropout),
    ("attention, bias", Operation::AttentionWithBias),
    ("attention, disentangled", Operation::Disentangled),
    ("attention, 2 long texts", Operation::LongTexts),
    ("attention, 2 long texts, window", Operation::InWindow),
    ("rotary", Operation::Rotary),
    ("gelu of 1536", Operation::Activation),
    ("gated gelu of 2 x 1536", Operation::Gated),
    ("add_norm", Operation::AddNorm),
    ("add_norm, dropout", Operation::AddNormWithDropout),
    ("add", Operation::Add),
    ("dropout", Operation::Dropout),
    ("pool", Operation::Pool),
    ("normalize", Operation::Normalize),
];

impl Operation {
    fn starts(self) -> Vec<usize> {
        match self {
            Operation::LongTexts | Operation::InWindow => long_texts(),
            _ => short_texts(),
        }
    }

    /// Rows and columns of the values it takes.
    fn inputs(self) -> Vec<(usize, usize)> {
        let qkv = (N_TOKENS, 3 * WIDTH);
        let distances = 2 * longest(&self.starts()) - 1;
        match self {
            Operation::Gather => vec![],
            Operation::AttentionWithBias => vec![qkv, (distances, N_HEADS)],
            Operation::Disentangled => vec![qkv, (distances, WIDTH), (distances, WIDTH)],
            Operation::Attention
            | Operation::AttentionWithDropout
            | Operation::LongTexts
            | Operation::InWindow
            | Operation::Rotary => vec![qkv],
            Operation::Activation => vec![(N_TOKENS, SIZE.inner)],
            Operation::Gated => vec![(N_TOKENS, 2 * SIZE.inner)],
            Operation::AddNorm | Operation::AddNormWithDropout | Operation::Add => vec![(N_TOKENS, WIDTH); 2],
            Operation::Linear | Operation::SideBySide | Operation::Dropout | Operation::Pool => {
                vec![(N_TOKENS, WIDTH)]
            }
            Operation::Normalize => vec![(self.starts().len() - 1, WIDTH)],
        }
    }

    fn run<O: Ops>(self, ops: &mut O, x: &[O::Value], weights: &Weights) -> Result<O::Value, ModelError> {
        match self {
            Operation::Gather => ops.gather(&[(weights.table, &ids())]),
            Operation::Linear => ops.linear(&x[0], &[weights.widening]),
            Operation::SideBySide => ops.linear(&x[0], &weights.qkv),
            Operation::Attention | Operation::LongTexts => ops.attention(&x[0], &attention(Position::None)),
            Operation::AttentionWithDropout => {
                let how = attention(Position::None);
                ops.attention(&x[0], &Attention { prob: PROB, ..how })
            }
            Operation::InWindow => {
                let (how, reach) = (attention(Position::None), Reach::Window(WINDOW));
                ops.attention(&x[0], &Attention { reach, ..how })
            }
            Operation::AttentionWithBias => ops.attention(&x[0], &attention(Position::Bias(&x[1]))),
            Operation::Disentangled => {
                let (keys, queries) = (Some(&x[1]), Some(&x[2]));
                ops.attention(&x[0], &attention(Position::Disentangled { keys, queries }))
            }
            Operation::Rotary => ops.rotary(&x[0], N_HEADS, &weights.rotation),
            Operation::Activation => ops.activation(&x[0], Activation::Gelu),
            Operation::Gated => ops.gated(&x[0], Activation::Gelu),
            Operation::AddNorm => ops.add_norm(&x[0], Some(&x[1]), 0.0, weights.norm),
            Operation::AddNormWithDropout => ops.add_norm(&x[0], Some(&x[1]), PROB, weights.norm),
            Operation::Add => ops.add(&x[0], &x[1], 0.0),
            Operation::Dropout => ops.dropout(&x[0], PROB),
            Operation::Pool => ops.pool(&x[0], &[0.02; N_TOKENS]),
            Operation::Normalize => ops.normalize(&x[0]),
        }
    }
}

fn attention<V>(position: Position<'_, V>) -> Attention<'_, V> {
    Attention {
        n_heads: N_HEADS,
        scale: 1.0 / ((WIDTH / N_HEADS) as f64).sqrt(),
        prob: 0.0,
        reach: Reach::Text,
        position,
    }
}

/// Token ids all over the vocabulary, some of them more than once.
fn ids() -> Vec<u32> {
    (0..N_TOKENS).map(|i| (i * i * 7919 % SIZE.vocab_size) as u32).collect()
}

/// Everything with weights that an operation may need.
struct Weights {
    parameters: Arc<Parameters>,
    table: Param,
    widening: Linear,
    qkv: [Linear; 3],
    norm: LayerNorm,
    rotation: Rotation,
}

impl Weights {
    fn new() -> Weights {
        let square = [WIDTH, WIDTH];
        let (parameters, p) = Parameters::of(&[
            ("table", tensor(&[SIZE.vocab_size, WIDTH])),
            ("widening", tensor(&[SIZE.inner, WIDTH])),
            ("widening bias", tensor(&[SIZE.inner])),
            ("query", tensor(&square)),
            ("key", tensor(&square)),
            ("value", tensor(&square)),
            ("bias", tensor(&[WIDTH])),
            ("norm", tensor(&[WIDTH])),
        ])
        .unwrap();
        let linear = |weight: usize, bias: usize| Linear {
            weight: p[weight],
            bias: Some(p[bias]),
        };
        Weights {
            parameters: Arc::new(parameters),
            table: p[0],
            widening: linear(1, 2),
            qkv: [linear(3, 6), linear(4, 6), linear(5, 6)],
            norm: LayerNorm {
                weight: p[7],
                bias: Some(p[6]),
                eps: 1e-12,
            },
            rotation: Rotation::new(10_000.0, WIDTH / N_HEADS, longest(&short_texts())),
        }
    }
}

/// Numbers between −0.1 and 0.1, always the same.
fn tensor(shape: &[usize]) -> Tensor {
    let data = random(&mut ChaCha8Rng::seed_from_u64(1), shape.iter().product(), 0.1);
    Tensor::from_vec(data, shape, &Device::Cpu).unwrap()
}

/// Times an operation on the tape.
fn fused(bencher: &mut Bencher<'_>, operation: Operation, weights: &Weights, precision: Precision, back: bool) {
    let pool = Arc::new(Pool::default());
    let starts = operation.starts();
    let inputs: Vec<(usize, Vec<f32>)> = operation
        .inputs()
        .into_iter()
        .map(|(rows, width)| (width, tensor(&[rows * width]).to_vec1().unwrap()))
        .collect();
    let set_up = || {
        let mut tape = Tape::recorded(weights.parameters.clone(), &starts, Some(&mut Dropout::new(1)))
            .in_precision(precision)
            .in_memory_of(&pool);
        let x: Vec<_> = inputs
            .iter()
            .map(|(width, data)| tape.input(*width, data.iter().copied()))
            .collect();
        (tape, x, Gradients::none(&weights.parameters, &pool))
    };
    let run = |(mut tape, x, mut gradients): (Tape, Vec<_>, Gradients)| {
        let out = operation.run(&mut tape, &x, weights).unwrap();
        if !back {
            return (Some(tape), x, out, gradients);
        }
        // Any gradient will do; this one is there already.
        tape.backward(out.data(), &mut gradients).unwrap();
        (None, x, out, gradients)
    };
    bencher.iter_batched(set_up, run, BatchSize::PerIteration);
}

/// Times an operation in candle's graph.
fn plain(bencher: &mut Bencher<'_>, operation: Operation, weights: &Weights, back: bool) {
    let starts = operation.starts();
    let shapes = operation.inputs().into_iter();
    let x: Vec<Tensor> = shapes
        .map(|(rows, width)| {
            let input = Var::from_tensor(&tensor(&[rows, width])).unwrap();
            input.as_tensor().clone()
        })
        .collect();
    let set_up = || {
        let dropout = &mut Dropout::new(1);
        Plain::new(weights.parameters.clone(), &starts, Some(dropout), false, &Device::Cpu)
    };
    let run = |mut ops: Plain| {
        let out = operation.run(&mut ops, &x, weights).unwrap();
        let store = back.then(|| out.backward().unwrap());
        (out, store)
    };
    bencher.iter_batched(set_up, run, BatchSize::PerIteration);
}

fn operations(criterion: &mut Criterion) {
    let weights = Weights::new();
    for (name, operation) in OPERATIONS {
        let mut group = criterion.benchmark_group(name);
        for (way, back) in [("forward", false), ("forward+backward", true)] {
            for precision in Precision::ALL {
                let is_product = matches!(operation, Operation::Linear | Operation::SideBySide);
                let counts = precision == Precision::F32 || is_product && precision.is_available();
                let id = BenchmarkId::new(format!("fused {precision}"), way);
                if counts {
                    group.bench_function(id, |bencher| fused(bencher, operation, &weights, precision, back));
                }
            }
            let id = BenchmarkId::new("plain", way);
            group.bench_function(id, |bencher| plain(bencher, operation, &weights, back));
        }
    }
}

/// The texts of a batch as random tokens.
fn batch() -> Vec<Tokens> {
    let ids = ids();
    let starts = short_texts();
    let texts = starts.windows(2).map(|rows| ids[rows[0]..rows[1]].to_vec());
    texts.map(Tokens::single).collect()
}

fn whole_encoder(criterion: &mut Criterion) {
    let tokens = batch();
    let batch: Vec<&Tokens> = tokens.iter().collect();
    let encoder = || SIZE.encoder(1, &Device::Cpu).unwrap();
    let mut encoders = vec![("fused f32", encoder()), ("plain", encoder().with_plain_operations())];
    if Precision::Bf16.is_available() {
        let rounding = encoder().with_precision(Precision::Bf16).unwrap();
        encoders.insert(1, ("fused bf16", rounding));
    }
    let mut group = criterion.benchmark_group("encoder of 6 layers");
    for (name, encoder) in &encoders {
        group.bench_function(BenchmarkId::new(*name, "forward"), |bencher| {
            bencher.iter_with_large_drop(|| encoder.forward(&batch, None).unwrap());
        });
        group.bench_function(BenchmarkId::new(*name, "forward+backward"), |bencher| {
            bencher.iter_with_large_drop(|| {
                let embeddings = encoder.forward(&batch, None).unwrap();
                encoder.backward(&embeddings).unwrap()
            });
        });
    }
    let (name, encoder) = &encoders[0];
    group.bench_function(
        BenchmarkId::new(format!("{name}, dropout"), "forward+backward"),
        |bencher| {
            let mut dropout = Dropout::new(1);
            bencher.iter_with_large_drop(|| {
                let embeddings = encoder.forward(&batch, Some(&mut dropout)).unwrap();
                encoder.backward(&embeddings).unwrap()
            });
        },
    );
}

/// Steps of AdamW on the table, whose gradient comes in rows, and on everything else.
fn optimiser(criterion: &mut Criterion) {
    let tokens = batch();
    let encoder: Encoder = SIZE.encoder(1, &Device::Cpu).unwrap();
    let embeddings = encoder.forward(&tokens.iter().collect::<Vec<_>>(), None).unwrap();
    let found = encoder.backward(&embeddings).unwrap();
    let with_gradients = encoder.vars().into_iter().filter_map(|(_, var)| {
        let gradient = found.get(&var)?;
        Some((var, Some(gradient)))
    });
    let (by_rows, dense): (Vec<_>, Vec<_>) = with_gradients
        .partition(|(var, gradient)| matches!(gradient, Some(Gradient::Rows(_))) && var.dims()[0] == SIZE.vocab_size);
    let mut group = criterion.benchmark_group("AdamW");
    for (what, variables) in [("rows of 30522", by_rows), ("layers", dense)] {
        let (vars, gradients): (Vec<Var>, Vec<Option<Gradient>>) = variables.into_iter().unzip();
        let optimiser = || AdamW::new(vars.clone(), AdamWSettings::default());
        for (name, mut optimiser) in [
            ("fused f32", optimiser()),
            ("plain", optimiser().with_plain_operations()),
        ] {
            group.bench_function(BenchmarkId::new(name, what), |bencher| {
                bencher.iter(|| optimiser.step(&gradients, 1e-5, 1.0).unwrap());
            });
        }
    }
}

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    operations(&mut criterion);
    optimiser(&mut criterion);
    whole_encoder(&mut criterion);
    criterion.final_summary();
}
