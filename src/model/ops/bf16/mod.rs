//! Matrix products of factors rounded to `bf16`, with sums in `f32`, on AVX-512 (`vdpbf16ps`): about twice as fast as in `f32` on
//! AMD's Zen 5, slower on Intel processors that issue the instruction at half the rate. Not here: when to use them.
//!
//! Factors are packed as 32-bit cells of two neighbours along the inner dimension, what one lane of the instruction takes. The right
//! factor becomes panels of [`COLS`] columns, the left one tiles of up to [`ROWS`] rows; a tile times a panel is summed in registers. Each
//! element is summed along the inner dimension in one fixed order, so the result depends neither on the number of threads nor on the
//! other rows of the left factor.
//!
//! Rounding to `bf16` (8 significant bits) costs a relative error of at most 2⁻⁹ a term; the range is that of `f32`.

mod blocks;
mod product;
#[cfg(test)]
mod tests;
mod tile;
mod transpose;
mod vectors;

pub(crate) use product::{available, product};

/// Rows of a register tile: with [`COLS`] columns its sums take 28 of the 32 vector registers.
const ROWS: usize = 14;

/// Columns of a panel, two vectors.
const COLS: usize = 32;

/// 32-bit lanes of a vector.
const LANES: usize = 16;

/// The cells of one row of the left factor for 16 steps along the inner dimension, or of 16 rows for one step.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([i32; LANES]);

/// One step along the inner dimension of a panel: the cells of its 32 columns.
type Step = [std::arch::x86_64::__m512i; 2];

/// The lowest `n` of 16 lanes (all of them from 16 on).
#[inline(always)]
const fn low(n: usize) -> u16 {
    if n >= LANES { !0 } else { (1 << n) - 1 }
}
