//! How the rows of a product are divided: into blocks, one to a task, and these into register tiles.

use super::ROWS;
use crate::model::ops::matmul::Threads;
use rayon::prelude::*;
use std::ops::Range;

/// Tiles of a block when there is work enough for all threads: their lines stay in the second-level cache.
const TILES: usize = 8;

/// Rows of a block at least: fewer would not keep the multipliers busy.
const MIN_ROWS: usize = 4;

/// Below this many multiplications a product stays on the calling thread; waking others would take longer.
const SPREAD: usize = 4_000_000;

/// The threads worth using for a product of `m × n × k`.
pub(super) fn n_threads(threads: Threads, m: usize, n: usize, k: usize) -> usize {
    match threads {
        Threads::Pool if m.saturating_mul(n).saturating_mul(k) >= SPREAD => rayon::current_num_threads(),
        _ => 1,
    }
}

/// Rows of a block, such that all threads have about the same to do.
fn rows_per_block(m: usize, threads: usize) -> usize {
    let n_tiles = m.div_ceil(ROWS);
    let n_blocks = n_tiles.div_ceil(TILES).next_multiple_of(threads);
    m.div_ceil(n_blocks).max(MIN_ROWS)
}

/// Calls `work(first row, rows)` for each block of `out`, whose rows are `stride` apart, on one thread or several.
pub(super) fn for_each_block(
    out: &mut [f32],
    stride: usize,
    m: usize,
    threads: usize,
    work: impl Fn(usize, &mut [f32]) + Sync,
) {
    let rows = rows_per_block(m.max(1), threads);
    let n_blocks = m.div_ceil(rows);
    if threads > 1 {
        let chunks = out.par_chunks_mut(rows * stride).take(n_blocks);
        chunks.enumerate().for_each(|(i, out)| work(i * rows, out));
    } else {
        let chunks = out.chunks_mut(rows * stride).take(n_blocks);
        chunks.enumerate().for_each(|(i, out)| work(i * rows, out));
    }
}

/// The tiles of a block of `rows` rows, as equal in height as can be.
pub(super) fn tiles(rows: usize) -> impl Iterator<Item = Range<usize>> + Clone {
    let n = rows.div_ceil(ROWS);
    (0..n).map(move |i| i * rows / n..(i + 1) * rows / n)
}
