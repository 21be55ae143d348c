//! `y = x Wᵀ + b` over rows, and its gradients.

use super::matmul::{self, Threads, View};
use super::simd::simd_fn;
use crate::model::precision::Precision;
use rayon::prelude::*;

/// Rows are summed in blocks of this many, and the blocks in order: the same result with any number of threads.
pub(crate) const BLOCK: usize = 64;

/// [`matmul::product`] over the pool, in the precision asked for; [`Precision::check`] has been passed.
fn product(precision: Precision, out: &mut [f32], stride: usize, lhs: View<'_>, rhs: View<'_>, accumulate: bool) {
    match precision {
        #[cfg(target_arch = "x86_64")]
        Precision::Bf16 => super::bf16::product(out, stride, lhs, rhs, 1.0, accumulate, Threads::Pool),
        _ => matmul::product(out, stride, lhs, rhs, 1.0, accumulate, Threads::Pool),
    }
}

/// Writes `x Wᵀ + b` into columns `first..first + n_out` of `out`, whose rows are `stride` wide.
///
/// `x` is `(rows, n_in)`, `weight` `(n_out, n_in)`, `bias` `(n_out)` where there is one.
pub(crate) fn forward(
    precision: Precision,
    x: &[f32],
    (weight, n_in): (&[f32], usize),
    bias: Option<&[f32]>,
    out: &mut [f32],
    stride: usize,
    first: usize,
) {
    let n_out = weight.len() / n_in;
    let rows = out.len() / stride;
    if let Some(bias) = bias {
        out.par_chunks_mut(stride * BLOCK).for_each(|rows| {
            for row in rows.chunks_exact_mut(stride) {
                row[first..first + n_out].copy_from_slice(bias);
            }
        });
    }
    product(
        precision,
        &mut out[first..],
        stride,
        View::new(x, rows, n_in, n_in),
        View::new(weight, n_out, n_in, n_in).t(),
        bias.is_some(),
    );
}

/// Adds `dy W` to `dx` (or overwrites it). `dy` holds the gradient in columns `first..first + n_out` of rows `stride` wide.
pub(crate) fn backward_input(
    precision: Precision,
    dy: &[f32],
    stride: usize,
    first: usize,
    (weight, n_in): (&[f32], usize),
    dx: &mut [f32],
    accumulate: bool,
) {
    let n_out = weight.len() / n_in;
    let rows = dy.len() / stride;
    product(
        precision,
        dx,
        n_in,
        View::new(&dy[first..], rows, n_out, stride),
        View::new(weight, n_out, n_in, n_in),
        accumulate,
    );
}

/// Adds `dyᵀ x` to `dw` (or overwrites it).
pub(crate) fn backward_weight(
    precision: Precision,
    dy: &[f32],
    stride: usize,
    first: usize,
    (x, n_in): (&[f32], usize),
    dw: &mut [f32],
    accumulate: bool,
) {
    let n_out = dw.len() / n_in;
    let rows = dy.len() / stride;
    product(
        precision,
        dw,
        n_in,
        View::new(&dy[first..], rows, n_out, stride).t(),
        View::new(x, rows, n_in, n_in),
        accumulate,
    );
}

/// Adds the column sums of columns `first..first + db.len()` of `dy` to `db`.
pub(crate) fn backward_bias(dy: &[f32], stride: usize, first: usize, db: &mut [f32]) {
    let blocks: Vec<Vec<f32>> = dy
        .par_chunks(stride * BLOCK)
        .map(|rows| column_sums(rows, stride, first, db.len()))
        .collect();
    add_blocks(&blocks, db);
}

/// Adds each block to `total`, in order.
pub(crate) fn add_blocks(blocks: &[Vec<f32>], total: &mut [f32]) {
    for block in blocks {
        add(block, total);
    }
}

fn column_sums(rows: &[f32], stride: usize, first: usize, n: usize) -> Vec<f32> {
    let mut sums = vec![0f32; n];
    for row in rows.chunks_exact(stride) {
        add(&row[first..first + n], &mut sums);
    }
    sums
}

simd_fn! {
    /// `total += x`, element by element.
    pub(crate) fn add(x: &[f32], total: &mut [f32]) {
        for (total, &x) in total.iter_mut().zip(x) {
            *total += x;
        }
    }
}

/// `total += x` over the rayon pool, for large slices.
pub(crate) fn add_all(x: &[f32], total: &mut [f32]) {
    const RUN: usize = 16 * 1024;
    total
        .par_chunks_mut(RUN)
        .zip(x.par_chunks(RUN))
        .for_each(|(total, x)| add(x, total));
}
