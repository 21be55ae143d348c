//! The functions between two linear layers, and their gradients.

use super::simd::{exp, normal, simd_fn};
use candle_core::{Result, Tensor};
use rayon::prelude::*;

const RUN: usize = 16 * 1024;

/// A function of one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// `x Φ(x)` with the exact error function (Hendrycks and Gimpel, 2016), as BERT uses it.
    Gelu,
    /// The same with `Φ` approximated by a hyperbolic tangent, as GPT-2 uses it.
    GeluTanh,
    /// `max(x, 0)`.
    Relu,
    /// `x / (1 + e⁻ˣ)`.
    Silu,
    /// The hyperbolic tangent.
    Tanh,
}

/// The names in `config.json`.
const NAMES: [(&str, Activation); 8] = [
    ("gelu", Activation::Gelu),
    ("gelu_new", Activation::GeluTanh),
    ("gelu_pytorch_tanh", Activation::GeluTanh),
    ("gelu_fast", Activation::GeluTanh),
    ("relu", Activation::Relu),
    ("silu", Activation::Silu),
    ("swish", Activation::Silu),
    ("tanh", Activation::Tanh),
];

const SQRT_2_OVER_PI: f32 = 0.797_884_6;
const CUBIC: f32 = 0.044_715;

/// The hyperbolic tangent, to about 1e-7.
#[inline(always)]
fn tanh(x: f32) -> f32 {
    let clamped = x.clamp(-20.0, 20.0);
    let e = exp(2.0 * clamped);
    1.0 - 2.0 / (e + 1.0)
}

#[inline(always)]
fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x.max(-80.0)))
}

/// The tanh form of GELU and its derivative.
#[inline(always)]
fn gelu_tanh(x: f32) -> (f32, f32) {
    let t = tanh(SQRT_2_OVER_PI * (x + CUBIC * x * x * x));
    let slope = SQRT_2_OVER_PI * (1.0 + 3.0 * CUBIC * x * x);
    (0.5 * x * (1.0 + t), 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * slope)
}

impl Activation {
    /// The function called `name` in `config.json`.
    pub fn named(name: &str) -> Option<Activation> {
        NAMES
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, function)| *function)
    }

    /// Every name that [`Activation::named`] knows, joined.
    pub fn names() -> String {
        NAMES.map(|(name, _)| name).join(", ")
    }

    /// The function as candle operations, differentiable.
    pub(crate) fn composed(self, x: &Tensor) -> Result<Tensor> {
        match self {
            Activation::Gelu => x.gelu_erf(),
            Activation::GeluTanh => x.gelu(),
            Activation::Relu => x.relu(),
            Activation::Silu => x.silu(),
            Activation::Tanh => x.tanh(),
        }
    }
}

/// Calls a function that is generic over a closure with the value, or value and slope, of the activation: one loop per function.
macro_rules! by_function {
    ($function:expr, $run:ident, $($arg:expr),*) => {
        match $function {
            Activation::Gelu => $run($($arg),*, |x| { let (cumulative, density) = normal(x); (x * cumulative, cumulative + x * density) }),
            Activation::GeluTanh => $run($($arg),*, gelu_tanh),
            Activation::Relu => $run($($arg),*, |x| (x.max(0.0), if x > 0.0 { 1.0 } else { 0.0 })),
            Activation::Silu => $run($($arg),*, |x| { let s = sigmoid(x); (x * s, s * (1.0 + x * (1.0 - s))) }),
            Activation::Tanh => $run($($arg),*, |x| { let t = tanh(x); (t, 1.0 - t * t) }),
        }
    };
}

#[inline(always)]
fn map(x: &[f32], out: &mut [f32], function: impl Fn(f32) -> (f32, f32)) {
    for (out, &x) in out.iter_mut().zip(x) {
        *out = function(x).0;
    }
}

#[inline(always)]
fn map_slope(x: &[f32], grad: &mut [f32], function: impl Fn(f32) -> (f32, f32)) {
    for (grad, &x) in grad.iter_mut().zip(x) {
        *grad *= function(x).1;
    }
}

#[inline(always)]
fn map_gated(x: &[f32], out: &mut [f32], width: usize, function: impl Fn(f32) -> (f32, f32)) {
    for (row, out) in x.chunks_exact(2 * width).zip(out.chunks_exact_mut(width)) {
        let (inner, gate) = row.split_at(width);
        for ((out, &x), &gate) in out.iter_mut().zip(inner).zip(gate) {
            *out = function(x).0 * gate;
        }
    }
}

#[inline(always)]
fn map_gated_slope(x: &[f32], dy: &[f32], dx: &mut [f32], width: usize, function: impl Fn(f32) -> (f32, f32)) {
    let rows = x.chunks_exact(2 * width).zip(dy.chunks_exact(width));
    for ((row, dy), dx) in rows.zip(dx.chunks_exact_mut(2 * width)) {
        let ((inner, gate), (d_inner, d_gate)) = (row.split_at(width), dx.split_at_mut(width));
        for ((((&x, &gate), &dy), d_inner), d_gate) in inner.iter().zip(gate).zip(dy).zip(d_inner).zip(d_gate) {
            let (value, slope) = function(x);
            *d_inner = dy * gate * slope;
            *d_gate = dy * value;
        }
    }
}

simd_fn! {
    fn forward_run(function: Activation, x: &[f32], out: &mut [f32]) {
        by_function!(function, map, x, out)
    }
}

simd_fn! {
    fn backward_run(function: Activation, x: &[f32], grad: &mut [f32]) {
        by_function!(function, map_slope, x, grad)
    }
}

simd_fn! {
    fn gated_run(function: Activation, x: &[f32], out: &mut [f32], width: usize) {
        by_function!(function, map_gated, x, out, width)
    }
}

simd_fn! {
    fn gated_backward_run(function: Activation, x: &[f32], dy: &[f32], dx: &mut [f32], width: usize) {
        by_function!(function, map_gated_slope, x, dy, dx, width)
    }
}

/// `out = f(x)`.
pub(crate) fn forward(function: Activation, x: &[f32], out: &mut [f32]) {
    out.par_chunks_mut(RUN)
        .zip(x.par_chunks(RUN))
        .for_each(|(out, x)| forward_run(function, x, out));
}

/// Turns the gradient of the output into the gradient of the input, in place: `grad *= f′(x)`.
pub(crate) fn backward(function: Activation, x: &[f32], grad: &mut [f32]) {
    grad.par_chunks_mut(RUN)
        .zip(x.par_chunks(RUN))
        .for_each(|(grad, x)| backward_run(function, x, grad));
}

/// Rows of a run whose width is `width`.
fn run_of(width: usize) -> usize {
    (RUN / width.max(1)).max(1)
}

/// `out = f(first half) · second half`; `x` is `(rows, 2 · width)`.
pub(crate) fn gated(function: Activation, x: &[f32], out: &mut [f32], width: usize) {
    let run = run_of(width);
    out.par_chunks_mut(run * width)
        .zip(x.par_chunks(run * 2 * width))
        .for_each(|(out, x)| gated_run(function, x, out, width));
}

/// The gradient of `x`, `(rows, 2 · width)`, from that of the output.
pub(crate) fn gated_backward(function: Activation, x: &[f32], dy: &[f32], dx: &mut [f32], width: usize) {
    let run = run_of(width);
    dx.par_chunks_mut(run * 2 * width)
        .zip(x.par_chunks(run * 2 * width))
        .zip(dy.par_chunks(run * width))
        .for_each(|((dx, x), dy)| gated_backward_run(function, x, dy, dx, width));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_those_of_torch() {
        // torch.nn.functional: gelu(x), gelu(x, approximate="tanh"), relu, silu, tanh at -2.5, -0.3, 0.0, 0.7, 4.0
        let x = [-2.5f32, -0.3, 0.0, 0.7, 4.0];
        let table = [
            (
                Activation::Gelu,
                [-0.015_524_163, -0.114_626_57, 0.0, 0.530_625_46, 3.999_873_4],
            ),
            (
                Activation::GeluTanh,
                [-0.015_084_266, -0.114_629_08, 0.0, 0.530_570_15, 3.999_929_7],
            ),
            (Activation::Relu, [0.0, 0.0, 0.0, 0.7, 4.0]),
            (
                Activation::Silu,
                [-0.189_645_45, -0.127_667_24, 0.0, 0.467_731_45, 3.928_055],
            ),
            (
                Activation::Tanh,
                [-0.986_614_3, -0.291_312_6, 0.0, 0.604_367_8, 0.999_329_3],
            ),
        ];
        for (function, expected) in table {
            let mut out = [0f32; 5];
            forward(function, &x, &mut out);
            for (out, expected) in out.iter().zip(expected) {
                assert!((out - expected).abs() < 5e-7, "{function:?}: {out} {expected}");
            }
        }
    }

    #[test]
    fn extreme_values_stay_finite() {
        for function in NAMES.map(|(_, function)| function) {
            let x = [-1e30f32, -200.0, 200.0, 1e10];
            let (mut out, mut grad) = ([0f32; 4], [1f32; 4]);
            forward(function, &x, &mut out);
            backward(function, &x, &mut grad);
            assert!(out[1..].iter().all(|y| y.is_finite()), "{function:?} {out:?}");
            assert!(grad[1..3].iter().all(|y| y.is_finite()), "{function:?} {grad:?}");
        }
    }
}
