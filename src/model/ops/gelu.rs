//! GELU with the exact error function, `y = x Φ(x)`, as BERT uses it (Hendrycks and Gimpel, 2016).

use super::simd::{normal, simd_fn};
use rayon::prelude::*;

const RUN: usize = 16 * 1024;

simd_fn! {
    fn forward_run(x: &[f32], out: &mut [f32]) {
        for (out, &x) in out.iter_mut().zip(x) {
            *out = x * normal(x).0;
        }
    }
}

simd_fn! {
    fn backward_run(x: &[f32], grad: &mut [f32]) {
        for (grad, &x) in grad.iter_mut().zip(x) {
            let (cumulative, density) = normal(x);
            *grad *= cumulative + x * density;
        }
    }
}

/// `out = x Φ(x)`.
pub(crate) fn forward(x: &[f32], out: &mut [f32]) {
    out.par_chunks_mut(RUN)
        .zip(x.par_chunks(RUN))
        .for_each(|(out, x)| forward_run(x, out));
}

/// Turns the gradient of the output into the gradient of the input, in place: `grad *= Φ(x) + x φ(x)`.
pub(crate) fn backward(x: &[f32], grad: &mut [f32]) {
    grad.par_chunks_mut(RUN)
        .zip(x.par_chunks(RUN))
        .for_each(|(grad, x)| backward_run(x, grad));
}
