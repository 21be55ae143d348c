//! The product: packing, blocks and what happens to the sums.
//!
//! Rounding a factor to `bf16` (8 significant bits) costs a relative error of at most 2⁻⁹ a term; the range is that of `f32`.

use super::blocks::{for_each_block, n_threads, tiles};
use super::tile::{define_sums, tile_table};
use super::transpose::transpose;
use super::vectors::{grow, load, prefetch, store, zero};
use super::{COLS, LANES, Line, ROWS, Step};
use crate::model::ops::matmul::{Threads, View};
use rayon::prelude::*;
use std::arch::x86_64::*;
use std::cell::Cell;
use std::mem::transmute;

/// The inner dimension is taken in blocks of this many values: with them a block of rows and a panel fit the second-level cache.
const DEPTH: usize = 1024;

/// Cells hold this many values along the inner dimension.
const PER_CELL: usize = 2;

/// Packing a factor of at least this many steps is spread over threads.
const SPREAD_STEPS: usize = 1024;

thread_local! {
    // Taken while in use: a task that rayon runs in between finds an empty one.
    static LINES: Cell<Vec<Line>> = const { Cell::new(Vec::new()) };
    static STEPS: Cell<Vec<Step>> = const { Cell::new(Vec::new()) };
}

/// Whether this processor has what the functions here need.
pub(crate) fn available() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512bf16")
}

/// `out = scale · lhs · rhs`, or `out += …` with `accumulate`, both factors rounded to `bf16`. `out` is row-major with rows `stride` apart.
///
/// The same bits with any number of threads. Needs no alignment; keeps its buffers, up to 2 KiB a column of `rhs`, for the next call.
///
/// # Panics
/// When the processor lacks `bf16` instructions, the inner sizes differ, or a matrix does not lie within its slice.
pub(crate) fn product(
    out: &mut [f32],
    stride: usize,
    lhs: View,
    rhs: View,
    scale: f32,
    accumulate: bool,
    threads: Threads,
) {
    let (m, n, k) = (lhs.rows, rhs.cols, lhs.cols);
    assert!(available(), "this processor has no bf16 products");
    assert_eq!(k, rhs.rows, "inner sizes of a product");
    let n_needed = View::new(out, m, n, stride).n_needed();
    assert!(n <= stride && n_needed <= out.len(), "the product does not fit");
    assert!(
        lhs.n_needed() <= lhs.data.len() && rhs.n_needed() <= rhs.data.len(),
        "a factor is out of bounds"
    );
    if m == 0 || n == 0 {
        return;
    }
    let threads = n_threads(threads, m, n, k);
    let mut steps = STEPS.take();
    grow(
        &mut steps,
        n.div_ceil(COLS) * DEPTH.min(k).div_ceil(PER_CELL),
        [zero(); 2],
    );
    // One round even when `k` is 0: the product is then all zeros.
    for p in (0..k.max(1)).step_by(DEPTH) {
        let depth = (k - p).min(DEPTH);
        let panels = pack_panels(&mut steps, rhs, p, depth, threads);
        let target = Target {
            stride,
            n,
            scale,
            accumulate: accumulate || p > 0,
        };
        for_each_block(out, stride, m, threads, |row, out| {
            block(out, &target, lhs, row, p, depth, panels);
        });
    }
    STEPS.set(steps);
}

/// Where the product of a block goes.
struct Target {
    stride: usize,
    n: usize,
    scale: f32,
    accumulate: bool,
}

/// One block of rows, from row `row` of `lhs`, over the values `p..p + depth` along the inner dimension.
fn block(out: &mut [f32], target: &Target, lhs: View, row: usize, p: usize, depth: usize, panels: &[Step]) {
    let (stride, n_steps) = (target.stride, depth.div_ceil(PER_CELL));
    // The last row may end before the next one would start.
    let rows = (out.len() / stride + usize::from(!out.len().is_multiple_of(stride))).min(lhs.rows - row);
    let by_line = lhs.col_stride == 1 || lhs.row_stride != 1;
    let per_tile = n_steps.div_ceil(LANES) * if by_line { ROWS } else { LANES };
    let mut lines = LINES.take();
    grow(&mut lines, tiles(rows).count() * per_tile, Line([0; LANES]));
    for (tile, lines) in tiles(rows).zip(lines.chunks_mut(per_tile.max(1))) {
        // SAFETY: `available` was asserted by `product`.
        unsafe {
            if by_line {
                pack_by_line(lines, lhs, row + tile.start, tile.len(), p, depth);
            } else {
                pack_by_step(lines, lhs, row + tile.start, tile.len(), p, depth);
            }
        }
    }
    for panel in 0..target.n.div_ceil(COLS) {
        let column = panel * COLS;
        let steps = &panels[panel * n_steps..(panel + 1) * n_steps];
        let width = (target.n - column).min(COLS);
        for (i, tile) in tiles(rows).enumerate() {
            let lines = &lines[i * per_tile..(i + 1) * per_tile];
            let out = &mut out[tile.start * stride + column..];
            let place = Place {
                stride,
                width,
                scale: target.scale,
                accumulate: target.accumulate,
            };
            let run = if by_line { BY_LINE } else { BY_STEP }[tile.len() - 1][width.div_ceil(LANES) - 1];
            // SAFETY: `available` was asserted by `product`.
            unsafe { run(lines, steps, out, &place) };
        }
    }
    LINES.set(lines);
}

/// Where the product of a tile goes: `width` columns of rows `stride` apart.
struct Place {
    stride: usize,
    width: usize,
    scale: f32,
    accumulate: bool,
}

type Tile = unsafe fn(&[Line], &[Step], &mut [f32], &Place);
static BY_LINE: [[Tile; 2]; ROWS] = tile_table!(tile as Tile, true);
static BY_STEP: [[Tile; 2]; ROWS] = tile_table!(tile as Tile, false);

define_sums!(
    "avx512f,avx512bw,avx512bf16",
    __m512,
    _mm512_setzero_ps(),
    |sum, cell, step| _mm512_dpbf16_ps(sum, bf16(cell), bf16(step))
);

#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
fn tile<const R: usize, const V: usize, const BY_LINE: bool>(
    lines: &[Line],
    steps: &[Step],
    out: &mut [f32],
    place: &Place,
) {
    prefetch(out, R, place.stride, place.width);
    let sums = sums::<R, V, BY_LINE>(lines, steps);
    let scale = _mm512_set1_ps(place.scale);
    for r in 0..R {
        let row = &mut out[r * place.stride..][..place.width];
        for v in 0..V {
            let part = &mut row[LANES * v..];
            let start = if place.accumulate {
                load(part)
            } else {
                _mm512_setzero_ps()
            };
            store(part, _mm512_fmadd_ps(sums[r][v], scale, start));
        }
    }
}

/// Packs all panels of the values `p..p + depth` along the inner dimension of `rhs`.
fn pack_panels<'a>(steps: &'a mut [Step], rhs: View<'_>, p: usize, depth: usize, threads: usize) -> &'a [Step] {
    let n_steps = depth.div_ceil(PER_CELL);
    let steps = &mut steps[..rhs.cols.div_ceil(COLS) * n_steps];
    let pack = |(panel, steps): (usize, &mut [Step])| {
        // SAFETY: `available` was asserted by `product`.
        unsafe { pack_panel(steps, rhs, p, depth, panel * COLS) }
    };
    if threads > 1 && steps.len() >= SPREAD_STEPS {
        steps.par_chunks_mut(n_steps).enumerate().for_each(pack);
    } else {
        steps.chunks_mut(n_steps.max(1)).enumerate().for_each(pack);
    }
    steps
}

/// Packs up to 32 columns of `rhs` from `column`; cells beyond the last column are 0.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
fn pack_panel(steps: &mut [Step], rhs: View, p: usize, depth: usize, column: usize) {
    let width = (rhs.cols - column).min(COLS);
    if rhs.row_stride == 1 && rhs.col_stride != 1 {
        for v in 0..width.div_ceil(LANES) {
            let columns = column + LANES * v..column + width.min(LANES * (v + 1));
            for (chunk, steps) in steps.chunks_mut(LANES).enumerate() {
                let done = chunk * LANES * PER_CELL;
                let n = (depth - done).min(LANES * PER_CELL);
                let mut cells = [zero(); LANES];
                for (cells, column) in cells.iter_mut().zip(columns.clone()) {
                    *cells = neighbours(&rhs.data[column * rhs.col_stride + p + done..][..n]);
                }
                for (step, cells) in steps.iter_mut().zip(transpose(cells)) {
                    step[v] = cells;
                }
            }
        }
        return;
    }
    for (i, step) in steps.iter_mut().enumerate() {
        let (first, second) = (p + PER_CELL * i, p + PER_CELL * i + 1);
        *step = [zero(); 2];
        for (v, cells) in step.iter_mut().enumerate().take(width.div_ceil(LANES)) {
            let at = column + LANES * v;
            let n = (width - LANES * v).min(LANES);
            let a = across(rhs, first, at, n);
            let b = if second < p + depth {
                across(rhs, second, at, n)
            } else {
                _mm512_setzero_ps()
            };
            *cells = interleave(a, b);
        }
    }
}

/// Packs `rows` rows of `lhs`, each line 16 steps of one row.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
fn pack_by_line(lines: &mut [Line], lhs: View, row: usize, rows: usize, p: usize, depth: usize) {
    for r in 0..rows {
        let from = (row + r) * lhs.row_stride;
        for (chunk, lines) in lines.chunks_exact_mut(ROWS).enumerate() {
            let done = chunk * LANES * PER_CELL;
            let n = (depth - done).min(LANES * PER_CELL);
            let cells = if lhs.col_stride == 1 {
                neighbours(&lhs.data[from + p + done..][..n])
            } else {
                let a = across(lhs, row + r, p + done, n.min(LANES));
                let b = across(lhs, row + r, p + done + LANES, n.saturating_sub(LANES));
                pack(a, b)
            };
            // SAFETY: a line has the size of a vector.
            lines[r] = unsafe { transmute::<__m512i, Line>(cells) };
        }
    }
}

/// Packs `rows` rows of `lhs`, whose columns are contiguous, each line one step of all rows.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
fn pack_by_step(lines: &mut [Line], lhs: View, row: usize, rows: usize, p: usize, depth: usize) {
    for (i, line) in lines.iter_mut().enumerate().take(depth.div_ceil(PER_CELL)) {
        let first = PER_CELL * i;
        let column = |q: usize| load(&lhs.data[(p + q) * lhs.col_stride + row..][..rows]);
        let second = if first + 1 < depth {
            column(first + 1)
        } else {
            _mm512_setzero_ps()
        };
        // SAFETY: a line has the size of a vector.
        *line = unsafe { transmute::<__m512i, Line>(interleave(column(first), second)) };
    }
}

/// `n ≤ 16` elements of a row of `view` from column `column`, then zeros.
#[target_feature(enable = "avx512f")]
#[inline]
fn across(view: View, row: usize, column: usize, n: usize) -> __m512 {
    let at = row * view.row_stride + column * view.col_stride;
    if n == 0 {
        return _mm512_setzero_ps();
    }
    if view.col_stride == 1 {
        return load(&view.data[at..][..n]);
    }
    let mut values = [0f32; LANES];
    for (i, value) in values.iter_mut().enumerate().take(n) {
        *value = view.data[at + i * view.col_stride];
    }
    load(&values)
}

/// Up to 32 values, two to a cell, then zeros.
#[target_feature(enable = "avx512f,avx512bf16")]
#[inline]
fn neighbours(values: &[f32]) -> __m512i {
    let second = values.get(LANES..).unwrap_or(&[]);
    pack(load(values), load(second))
}

/// The 32 values of two vectors in `bf16`, in order.
#[target_feature(enable = "avx512f,avx512bf16")]
#[inline]
fn pack(first: __m512, second: __m512) -> __m512i {
    let packed = _mm512_cvtne2ps_pbh(second, first);
    // SAFETY: both are 512 bits without a further meaning.
    unsafe { transmute::<__m512bh, __m512i>(packed) }
}

/// Cells of one value of `first` and one of `second`.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
#[inline]
fn interleave(first: __m512, second: __m512) -> __m512i {
    // SAFETY: 32 16-bit indices have the size of a vector.
    let order = unsafe { transmute::<[u16; 32], __m512i>(INTERLEAVED) };
    _mm512_permutexvar_epi16(order, pack(first, second))
}

const INTERLEAVED: [u16; 32] = {
    let mut order = [0; 32];
    let mut i = 0;
    while i < 16 {
        order[2 * i] = i as u16;
        order[2 * i + 1] = i as u16 + 16;
        i += 1;
    }
    order
};

#[inline(always)]
fn bf16(cells: __m512i) -> __m512bh {
    // SAFETY: both are 512 bits without a further meaning.
    unsafe { transmute::<__m512i, __m512bh>(cells) }
}
