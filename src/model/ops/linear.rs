//! `y = x Wᵀ + b` over rows, and its gradients.

use super::matmul::{Threads, View, product};
use super::simd::simd_fn;
use rayon::prelude::*;

/// Rows are summed in blocks of this many, and the blocks in order: the same result with any number of threads.
pub(crate) const BLOCK: usize = 64;

/// Writes `x Wᵀ + b` into columns `first..first + n_out` of `out`, whose rows are `stride` wide.
///
/// `x` is `(rows, n_in)`, `weight` `(n_out, n_in)`, `bias` `(n_out)` where there is one.
pub(crate) fn forward(
    x: &[f32],
    weight: &[f32],
    n_in: usize,
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
        &mut out[first..],
        stride,
        View::new(x, rows, n_in, n_in),
        View::new(weight, n_out, n_in, n_in).t(),
        1.0,
        bias.is_some(),
        Threads::Pool,
    );
}

/// Adds `dy W` to `dx` (or overwrites it). `dy` holds the gradient in columns `first..first + n_out` of rows `stride` wide.
pub(crate) fn backward_input(
    dy: &[f32],
    stride: usize,
    first: usize,
    weight: &[f32],
    n_in: usize,
    dx: &mut [f32],
    accumulate: bool,
) {
    let n_out = weight.len() / n_in;
    let rows = dy.len() / stride;
    product(
        dx,
        n_in,
        View::new(&dy[first..], rows, n_out, stride),
        View::new(weight, n_out, n_in, n_in),
        1.0,
        accumulate,
        Threads::Pool,
    );
}

/// Adds `dyᵀ x` to `dw` (or overwrites it).
pub(crate) fn backward_weight(
    dy: &[f32],
    stride: usize,
    first: usize,
    x: &[f32],
    n_in: usize,
    dw: &mut [f32],
    accumulate: bool,
) {
    let n_out = dw.len() / n_in;
    let rows = dy.len() / stride;
    product(
        dw,
        n_in,
        View::new(&dy[first..], rows, n_out, stride).t(),
        View::new(x, rows, n_in, n_in),
        1.0,
        accumulate,
        Threads::Pool,
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
