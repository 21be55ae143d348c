//! Self-attention over packed texts: softmax(QKᵀ/√d)·V for each text and head, with dropout on the probabilities.
//!
//! `qkv` is `(rows, 3 · width)`: queries, keys and values side by side, each of `n_heads` heads of `width / n_heads`. The probabilities
//! are not kept: the backward pass computes them again from the scores and each row's log of the sum of exponentials.

use super::dropout::Mask;
use super::matmul::{Threads, View, product};
use super::simd::{LANES, exp, simd_fn, sum_by};
use rayon::prelude::*;

/// The sizes of one attention.
#[derive(Clone, Copy)]
pub(crate) struct Heads {
    /// Columns of queries, and as many of keys and of values.
    pub(crate) width: usize,
    /// Heads that share them.
    pub(crate) n_heads: usize,
}

impl Heads {
    fn each(&self) -> usize {
        self.width / self.n_heads
    }

    fn scale(&self) -> f32 {
        1.0 / (self.each() as f32).sqrt()
    }

    /// Part 0 (queries), 1 (keys) or 2 (values) of one head of the rows of one text.
    fn part<'a>(&self, rows: &'a [f32], head: usize, part: usize, n: usize) -> View<'a> {
        View::new(
            &rows[part * self.width + head * self.each()..],
            n,
            self.each(),
            3 * self.width,
        )
    }
}

simd_fn! {
    /// Turns one row of scores into probabilities; returns the log of the sum of exponentials.
    fn softmax_row(row: &mut [f32]) -> f32 {
        let mut lanes = [f32::NEG_INFINITY; LANES];
        let chunks = row.chunks_exact(LANES);
        let tail = chunks.remainder().iter().copied().fold(f32::NEG_INFINITY, f32::max);
        for chunk in chunks {
            for lane in 0..LANES {
                lanes[lane] = if chunk[lane] > lanes[lane] { chunk[lane] } else { lanes[lane] };
            }
        }
        let largest = lanes.iter().copied().fold(tail, f32::max);
        for score in row.iter_mut() {
            *score = exp(*score - largest);
        }
        let sum = sum_by(row, row, |x, _| x);
        let inverse = 1.0 / sum;
        for score in row.iter_mut() {
            *score *= inverse;
        }
        largest + sum.ln()
    }
}

simd_fn! {
    fn probabilities_row(row: &mut [f32], log_sum: f32) {
        for score in row.iter_mut() {
            *score = exp(*score - log_sum);
        }
    }
}

simd_fn! {
    fn drop_run(mask: &Mask, row: &mut [f32]) {
        for (i, x) in row.iter_mut().enumerate() {
            *x *= mask.factor(i as u32);
        }
    }
}

simd_fn! {
    fn dropped_run(mask: &Mask, row: &[f32], out: &mut [f32]) {
        for (i, (out, &x)) in out.iter_mut().zip(row).enumerate() {
            *out = x * mask.factor(i as u32);
        }
    }
}

simd_fn! {
    /// Gradient of the scores from that of the probabilities, in place: `p · (dp − Σ p · dp)`.
    fn scores_row(p: &[f32], dp: &mut [f32]) {
        let along = sum_by(p, dp, |p, dp| p * dp);
        for (dp, &p) in dp.iter_mut().zip(p) {
            *dp = p * (*dp - along);
        }
    }
}

/// The chunks of `data` that belong to each text, at `per_row` elements a row.
fn by_text<'a>(mut data: &'a mut [f32], starts: &[usize], per_row: usize) -> Vec<&'a mut [f32]> {
    let mut chunks = Vec::with_capacity(starts.len());
    for rows in starts.windows(2) {
        let (chunk, rest) = data.split_at_mut((rows[1] - rows[0]) * per_row);
        chunks.push(chunk);
        data = rest;
    }
    chunks
}

/// Attends within each text. `out` is `(rows, width)`. Returns the log of each row's sum of exponentials, `n_heads` to a row.
pub(crate) fn forward(qkv: &[f32], starts: &[usize], heads: Heads, mask: Option<&Mask>, out: &mut [f32]) -> Vec<f32> {
    let mut log_sums = vec![0f32; out.len() / heads.width * heads.n_heads];
    let outs = by_text(out, starts, heads.width);
    let sums = by_text(&mut log_sums, starts, heads.n_heads);
    outs.into_par_iter()
        .zip(sums)
        .enumerate()
        .for_each_init(Vec::new, |scores, (text, (out, sums))| {
            let rows = &qkv[starts[text] * 3 * heads.width..starts[text + 1] * 3 * heads.width];
            for head in 0..heads.n_heads {
                let mask = mask.map(|mask| mask.block(text * heads.n_heads + head));
                forward_head(rows, heads, head, mask.as_ref(), scores, out, sums);
            }
        });
    log_sums
}

fn forward_head(
    rows: &[f32],
    heads: Heads,
    head: usize,
    mask: Option<&Mask>,
    scores: &mut Vec<f32>,
    out: &mut [f32],
    log_sums: &mut [f32],
) {
    let n = out.len() / heads.width;
    scores.resize(n * n, 0.0);
    product(
        scores,
        n,
        heads.part(rows, head, 0, n),
        heads.part(rows, head, 1, n).t(),
        heads.scale(),
        false,
        Threads::One,
    );
    for (i, row) in scores.chunks_exact_mut(n).enumerate() {
        log_sums[i * heads.n_heads + head] = softmax_row(row);
    }
    if let Some(mask) = mask {
        drop_run(mask, scores);
    }
    product(
        &mut out[head * heads.each()..],
        heads.width,
        View::new(scores, n, n, n),
        heads.part(rows, head, 2, n),
        1.0,
        false,
        Threads::One,
    );
}

/// What one thread needs to go back through one head.
#[derive(Default)]
struct Scratch {
    probs: Vec<f32>,
    dropped: Vec<f32>,
    grads: Vec<f32>,
}

/// Writes the gradient of `qkv` into `d_qkv`, given that of the output.
pub(crate) fn backward(
    qkv: &[f32],
    starts: &[usize],
    heads: Heads,
    mask: Option<&Mask>,
    log_sums: &[f32],
    dy: &[f32],
    d_qkv: &mut [f32],
) {
    by_text(d_qkv, starts, 3 * heads.width)
        .into_par_iter()
        .enumerate()
        .for_each_init(Scratch::default, |scratch, (text, d_rows)| {
            let (from, to) = (starts[text], starts[text + 1]);
            let rows = &qkv[from * 3 * heads.width..to * 3 * heads.width];
            let dy = &dy[from * heads.width..to * heads.width];
            let log_sums = &log_sums[from * heads.n_heads..to * heads.n_heads];
            for head in 0..heads.n_heads {
                let mask = mask.map(|mask| mask.block(text * heads.n_heads + head));
                backward_head(rows, heads, head, mask.as_ref(), log_sums, dy, scratch, d_rows);
            }
        });
}

#[allow(clippy::too_many_arguments)]
fn backward_head(
    rows: &[f32],
    heads: Heads,
    head: usize,
    mask: Option<&Mask>,
    log_sums: &[f32],
    dy: &[f32],
    scratch: &mut Scratch,
    d_rows: &mut [f32],
) {
    let n = dy.len() / heads.width;
    let (each, stride) = (heads.each(), 3 * heads.width);
    let Scratch { probs, dropped, grads } = scratch;
    probs.resize(n * n, 0.0);
    grads.resize(n * n, 0.0);
    let (queries, keys, values) = (
        heads.part(rows, head, 0, n),
        heads.part(rows, head, 1, n),
        heads.part(rows, head, 2, n),
    );
    let dy = View::new(&dy[head * each..], n, each, heads.width);
    let at = |part: usize| part * heads.width + head * each;

    product(probs, n, queries, keys.t(), heads.scale(), false, Threads::One);
    for (i, row) in probs.chunks_exact_mut(n).enumerate() {
        probabilities_row(row, log_sums[i * heads.n_heads + head]);
    }
    let used: &[f32] = match mask {
        Some(mask) => {
            dropped.resize(n * n, 0.0);
            dropped_run(mask, probs, dropped);
            dropped
        }
        None => probs,
    };
    product(
        &mut d_rows[at(2)..],
        stride,
        View::new(used, n, n, n).t(),
        dy,
        1.0,
        false,
        Threads::One,
    );
    product(grads, n, dy, values.t(), 1.0, false, Threads::One);
    if let Some(mask) = mask {
        drop_run(mask, grads);
    }
    for (probs, grads) in probs.chunks_exact(n).zip(grads.chunks_exact_mut(n)) {
        scores_row(probs, grads);
    }
    product(
        &mut d_rows[at(0)..],
        stride,
        View::new(grads, n, n, n),
        keys,
        heads.scale(),
        false,
        Threads::One,
    );
    product(
        &mut d_rows[at(1)..],
        stride,
        View::new(grads, n, n, n).t(),
        queries,
        heads.scale(),
        false,
        Threads::One,
    );
}
