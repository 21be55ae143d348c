//! Attention over packed texts: softmax(s · QKᵀ + positions)·V for each text and head, with dropout on the probabilities.
//!
//! `qkv` is `(rows, 3 · width)`: queries, keys and values side by side, each of `n_heads` heads of `width / n_heads`. The probabilities
//! are not kept: the backward pass computes them again from the scores and each row's log of the sum of exponentials.

use super::Reach;
use super::dropout::Mask;
use super::linear::add;
use super::matmul::{Threads, View, product};
use super::position::{Position, add_by_key, add_by_query, rows_of, spread_by_key, spread_by_query};
use super::simd::{LANES, exp, simd_fn, sum_by};
use rayon::prelude::*;

/// The sizes of one attention, and what is the same for every text.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    /// Columns of queries, and as many of keys and of values.
    pub(crate) width: usize,
    /// Heads that share them.
    pub(crate) n_heads: usize,
    /// What scores are multiplied by.
    pub(crate) scale: f32,
    /// What a token sees.
    pub(crate) reach: Reach,
    /// Tokens of the longest text: position tables have `2 · longest − 1` rows.
    pub(crate) longest: usize,
}

impl Shape {
    fn each(&self) -> usize {
        self.width / self.n_heads
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

    /// The rows of a position table, `(2 · longest − 1, width)`, that a text of `n` tokens uses, one head's columns of them.
    fn by_distance<'a>(&self, table: &'a [f32], head: usize, n: usize) -> View<'a> {
        let first = rows_of(n, self.longest).start * self.width + head * self.each();
        View::new(&table[first..], 2 * n - 1, self.each(), self.width)
    }
}

/// Gradients of the tables of a [`Position`], laid out as they are; empty where there is none.
#[derive(Default)]
pub(crate) struct TableGrads {
    /// Of [`Position::Bias`].
    pub(crate) bias: Vec<f32>,
    /// Of the keys of [`Position::Disentangled`].
    pub(crate) keys: Vec<f32>,
    /// Of its queries.
    pub(crate) queries: Vec<f32>,
}

/// The numbers of a [`Position`].
pub(crate) type Tables<'a> = Position<'a, [f32]>;

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

/// Scores of one head that a token does not see get no probability.
fn hide_beyond(reach: Reach, scores: &mut [f32], n: usize) {
    for (i, row) in scores.chunks_exact_mut(n).enumerate() {
        match reach {
            Reach::Text => {}
            Reach::Window(window) => {
                row[..i.saturating_sub(window)].fill(f32::NEG_INFINITY);
                row[(i + window + 1).min(n)..].fill(f32::NEG_INFINITY);
            }
            Reach::Past => row[i + 1..].fill(f32::NEG_INFINITY),
        }
    }
}

/// Writes the scores of one head, `(n, n)`, before softmax. `extra` is scratch.
fn scores(rows: &[f32], shape: Shape, tables: Tables, head: usize, n: usize, out: &mut [f32], extra: &mut Vec<f32>) {
    let (queries, keys) = (shape.part(rows, head, 0, n), shape.part(rows, head, 1, n));
    product(out, n, queries, keys.t(), shape.scale, false, Threads::One);
    match tables {
        Position::None => {}
        Position::Bias(table) => {
            let first = rows_of(n, shape.longest).start;
            for (i, row) in out.chunks_exact_mut(n).enumerate() {
                for (j, score) in row.iter_mut().enumerate() {
                    *score += table[(first + n - 1 + j - i) * shape.n_heads + head];
                }
            }
        }
        Position::Disentangled {
            keys: to_position,
            queries: from_position,
        } => {
            extra.resize(n * (2 * n - 1), 0.0);
            let stride = 2 * n - 1;
            if let Some(table) = to_position {
                let table = shape.by_distance(table, head, n);
                product(extra, stride, queries, table.t(), 1.0, false, Threads::One);
                add_by_query(extra, shape.scale, out, n);
            }
            if let Some(table) = from_position {
                let table = shape.by_distance(table, head, n);
                product(extra, stride, keys, table.t(), 1.0, false, Threads::One);
                add_by_key(extra, shape.scale, out, n);
            }
        }
    }
    hide_beyond(shape.reach, out, n);
}

/// Attends within each text. `out` is `(rows, width)`. Returns the log of each row's sum of exponentials, `n_heads` to a row.
pub(crate) fn forward(
    qkv: &[f32],
    starts: &[usize],
    shape: Shape,
    tables: Tables,
    mask: Option<&Mask>,
    out: &mut [f32],
) -> Vec<f32> {
    let mut log_sums = vec![0f32; out.len() / shape.width * shape.n_heads];
    let outs = by_text(out, starts, shape.width);
    let sums = by_text(&mut log_sums, starts, shape.n_heads);
    outs.into_par_iter()
        .zip(sums)
        .enumerate()
        .for_each_init(Scratch::default, |scratch, (text, (out, sums))| {
            let rows = &qkv[starts[text] * 3 * shape.width..starts[text + 1] * 3 * shape.width];
            for head in 0..shape.n_heads {
                let mask = mask.map(|mask| mask.block(text * shape.n_heads + head));
                forward_head(rows, shape, tables, head, mask.as_ref(), scratch, out, sums);
            }
        });
    log_sums
}

#[allow(clippy::too_many_arguments)]
fn forward_head(
    rows: &[f32],
    shape: Shape,
    tables: Tables,
    head: usize,
    mask: Option<&Mask>,
    scratch: &mut Scratch,
    out: &mut [f32],
    log_sums: &mut [f32],
) {
    let n = out.len() / shape.width;
    let probs = &mut scratch.probs;
    probs.resize(n * n, 0.0);
    scores(rows, shape, tables, head, n, probs, &mut scratch.by_distance);
    for (i, row) in probs.chunks_exact_mut(n).enumerate() {
        log_sums[i * shape.n_heads + head] = softmax_row(row);
    }
    if let Some(mask) = mask {
        drop_run(mask, probs);
    }
    product(
        &mut out[head * shape.each()..],
        shape.width,
        View::new(probs, n, n, n),
        shape.part(rows, head, 2, n),
        1.0,
        false,
        Threads::One,
    );
}

/// What one thread needs to go through one head.
#[derive(Default)]
struct Scratch {
    probs: Vec<f32>,
    dropped: Vec<f32>,
    grads: Vec<f32>,
    by_distance: Vec<f32>,
}

/// What a backward pass knows of its forward pass.
#[derive(Clone, Copy)]
pub(crate) struct Known<'a> {
    /// Queries, keys and values.
    pub(crate) qkv: &'a [f32],
    /// Where each text starts.
    pub(crate) starts: &'a [usize],
    /// The sizes.
    pub(crate) shape: Shape,
    /// The positions.
    pub(crate) tables: Tables<'a>,
    /// The dropout.
    pub(crate) mask: Option<&'a Mask>,
    /// What the forward pass returned.
    pub(crate) log_sums: &'a [f32],
}

/// Writes the gradient of `qkv` into `d_qkv`, given that of the output, and returns those of the position tables. Texts add to the
/// tables in their order: the same bits with any number of threads.
pub(crate) fn backward(known: Known, dy: &[f32], d_qkv: &mut [f32]) -> TableGrads {
    let Known { starts, shape, .. } = known;
    let of_texts: Vec<TableGrads> = by_text(d_qkv, starts, 3 * shape.width)
        .into_par_iter()
        .enumerate()
        .map_init(Scratch::default, |scratch, (text, d_rows)| {
            let dy = &dy[starts[text] * shape.width..starts[text + 1] * shape.width];
            backward_text(known, text, dy, scratch, d_rows)
        })
        .collect();
    let mut total = TableGrads::default();
    for (text, grads) in of_texts.iter().enumerate() {
        let first = rows_of(starts[text + 1] - starts[text], shape.longest).start;
        add_rows(&grads.bias, first, shape, shape.n_heads, &mut total.bias);
        add_rows(&grads.keys, first, shape, shape.width, &mut total.keys);
        add_rows(&grads.queries, first, shape, shape.width, &mut total.queries);
    }
    total
}

/// Adds the rows of one text to those of a whole table, from row `first` on.
fn add_rows(rows: &[f32], first: usize, shape: Shape, width: usize, total: &mut Vec<f32>) {
    if !rows.is_empty() {
        total.resize((2 * shape.longest - 1) * width, 0.0);
        add(rows, &mut total[first * width..first * width + rows.len()]);
    }
}

fn backward_text(known: Known, text: usize, dy: &[f32], scratch: &mut Scratch, d_rows: &mut [f32]) -> TableGrads {
    let shape = known.shape;
    let (from, to) = (known.starts[text], known.starts[text + 1]);
    let n_distances = 2 * (to - from) - 1;
    let mut grads = TableGrads::default();
    match known.tables {
        Position::None => {}
        Position::Bias(_) => grads.bias.resize(n_distances * shape.n_heads, 0.0),
        Position::Disentangled { keys, queries } => {
            grads.keys.resize(keys.map_or(0, |_| n_distances * shape.width), 0.0);
            grads
                .queries
                .resize(queries.map_or(0, |_| n_distances * shape.width), 0.0);
        }
    }
    let known = Known {
        qkv: &known.qkv[from * 3 * shape.width..to * 3 * shape.width],
        log_sums: &known.log_sums[from * shape.n_heads..to * shape.n_heads],
        ..known
    };
    for head in 0..shape.n_heads {
        let mask = known.mask.map(|mask| mask.block(text * shape.n_heads + head));
        let known = Known {
            mask: mask.as_ref(),
            ..known
        };
        backward_head(known, head, dy, scratch, d_rows);
        backward_position(known, head, to - from, scratch, d_rows, &mut grads);
    }
    grads
}

/// Leaves the gradients of the scores in `scratch.grads`. `known` is of one text and head.
fn backward_head(known: Known, head: usize, dy: &[f32], scratch: &mut Scratch, d_rows: &mut [f32]) {
    let Known {
        qkv: rows, shape, mask, ..
    } = known;
    let n = dy.len() / shape.width;
    let (each, stride) = (shape.each(), 3 * shape.width);
    let Scratch {
        probs,
        dropped,
        grads,
        by_distance,
    } = scratch;
    probs.resize(n * n, 0.0);
    grads.resize(n * n, 0.0);
    let (queries, keys, values) = (
        shape.part(rows, head, 0, n),
        shape.part(rows, head, 1, n),
        shape.part(rows, head, 2, n),
    );
    let dy = View::new(&dy[head * each..], n, each, shape.width);
    let at = |part: usize| part * shape.width + head * each;
    let one = Threads::One;

    scores(rows, shape, known.tables, head, n, probs, by_distance);
    for (i, row) in probs.chunks_exact_mut(n).enumerate() {
        probabilities_row(row, known.log_sums[i * shape.n_heads + head]);
    }
    let used: &[f32] = match mask {
        Some(mask) => {
            dropped.resize(n * n, 0.0);
            dropped_run(mask, probs, dropped);
            dropped
        }
        None => probs,
    };
    let used = View::new(used, n, n, n).t();
    product(&mut d_rows[at(2)..], stride, used, dy, 1.0, false, one);
    product(grads, n, dy, values.t(), 1.0, false, one);
    if let Some(mask) = mask {
        drop_run(mask, grads);
    }
    for (probs, grads) in probs.chunks_exact(n).zip(grads.chunks_exact_mut(n)) {
        scores_row(probs, grads);
    }
    let d_scores = View::new(grads, n, n, n);
    product(&mut d_rows[at(0)..], stride, d_scores, keys, shape.scale, false, one);
    product(
        &mut d_rows[at(1)..],
        stride,
        d_scores.t(),
        queries,
        shape.scale,
        false,
        one,
    );
}

/// Carries the gradients of the scores on to the position tables, and through them to queries and keys.
fn backward_position(
    known: Known,
    head: usize,
    n: usize,
    scratch: &mut Scratch,
    d_rows: &mut [f32],
    tables: &mut TableGrads,
) {
    let shape = known.shape;
    let Scratch { grads, by_distance, .. } = scratch;
    match known.tables {
        Position::None => {}
        Position::Bias(_) => {
            for (i, row) in grads.chunks_exact(n).enumerate() {
                for (j, grad) in row.iter().enumerate() {
                    tables.bias[(n - 1 + j - i) * shape.n_heads + head] += grad;
                }
            }
        }
        Position::Disentangled { keys, queries } => {
            let sides = [
                (
                    keys,
                    0,
                    spread_by_query as fn(&[f32], &mut Vec<f32>, usize),
                    &mut tables.keys,
                ),
                (queries, 1, spread_by_key, &mut tables.queries),
            ];
            for (table, part, spread, d_table) in sides {
                let Some(table) = table else { continue };
                spread(grads, by_distance, n);
                let d_by_distance = View::new(by_distance, n, 2 * n - 1, 2 * n - 1);
                let at = part * shape.width + head * shape.each();
                product(
                    &mut d_rows[at..],
                    3 * shape.width,
                    d_by_distance,
                    shape.by_distance(table, head, n),
                    shape.scale,
                    true,
                    Threads::One,
                );
                product(
                    &mut d_table[head * shape.each()..],
                    shape.width,
                    d_by_distance.t(),
                    shape.part(known.qkv, head, part, n),
                    shape.scale,
                    false,
                    Threads::One,
                );
            }
        }
    }
}
