//! From token rows to one row per text: weighted sums, and scaling to length one.

use super::simd::{simd_fn, sum_by};
use rayon::prelude::*;

/// Below this length a vector is divided by it instead: torch's `normalize` does the same.
pub(crate) const SHORTEST: f32 = 1e-12;

simd_fn! {
    /// `out += scale · x`.
    fn add_scaled(x: &[f32], scale: f32, out: &mut [f32]) {
        for (out, &x) in out.iter_mut().zip(x) {
            *out += x * scale;
        }
    }
}

/// `out[t] = Σ weights[r] · x[r]` over the rows `r` of text `t`.
pub(crate) fn forward(x: &[f32], starts: &[usize], weights: &[f32], width: usize, out: &mut [f32]) {
    out.par_chunks_mut(width)
        .zip(starts.par_windows(2))
        .for_each(|(out, rows)| {
            out.fill(0.0);
            for row in rows[0]..rows[1] {
                if weights[row] != 0.0 {
                    add_scaled(&x[row * width..(row + 1) * width], weights[row], out);
                }
            }
        });
}

/// Adds `weights[r] · dy[t]` to every row `r` of `dx`.
pub(crate) fn backward(dy: &[f32], starts: &[usize], weights: &[f32], width: usize, dx: &mut [f32]) {
    for (dy, rows) in dy.chunks_exact(width).zip(starts.windows(2)) {
        for row in rows[0]..rows[1] {
            add_scaled(dy, weights[row], &mut dx[row * width..(row + 1) * width]);
        }
    }
}

simd_fn! {
    fn length(x: &[f32]) -> f32 {
        sum_by(x, x, |a, b| a * b).sqrt()
    }
}

simd_fn! {
    fn dot(a: &[f32], b: &[f32]) -> f32 {
        sum_by(a, b, |a, b| a * b)
    }
}

/// Each row divided by its length; rows are `width` wide.
pub(crate) fn normalize(x: &[f32], width: usize, out: &mut [f32]) {
    for (x, out) in x.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
        let inverse = 1.0 / length(x).max(SHORTEST);
        for (out, &x) in out.iter_mut().zip(x) {
            *out = x * inverse;
        }
    }
}

/// Turns the gradient of the normalised rows into that of the rows `x`, in place: `(dy − ŷ (ŷ · dy)) / |x|`.
pub(crate) fn normalize_backward(x: &[f32], width: usize, dy: &mut [f32]) {
    for (x, dy) in x.chunks_exact(width).zip(dy.chunks_exact_mut(width)) {
        let length = length(x);
        let inverse = 1.0 / length.max(SHORTEST);
        let along = if length > SHORTEST {
            dot(x, dy) * inverse * inverse
        } else {
            0.0
        };
        for (dy, &x) in dy.iter_mut().zip(x) {
            *dy = (*dy - x * along) * inverse;
        }
    }
}
