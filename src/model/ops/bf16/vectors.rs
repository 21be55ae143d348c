//! Loads, stores and reductions of vectors over slices of any length.

use super::{LANES, low};
use std::arch::x86_64::*;

/// The first 16 values of `from`, then zeros if it has fewer.
#[target_feature(enable = "avx512f")]
#[inline]
pub(super) fn load(from: &[f32]) -> __m512 {
    load_or(_mm512_setzero_ps(), from)
}

/// The first 16 values of `from`, then those of `rest` if it has fewer.
#[target_feature(enable = "avx512f")]
#[inline]
pub(super) fn load_or(rest: __m512, from: &[f32]) -> __m512 {
    // A load that is masked out but points nowhere is correct, and a hundred times slower.
    if from.is_empty() {
        return rest;
    }
    // SAFETY: the mask leaves out what lies behind the slice.
    unsafe { _mm512_mask_loadu_ps(rest, low(from.len()), from.as_ptr()) }
}

/// Writes the first 16 values of `to`, or all if it has fewer.
#[target_feature(enable = "avx512f")]
#[inline]
pub(super) fn store(to: &mut [f32], values: __m512) {
    // SAFETY: the mask leaves out what lies behind the slice.
    unsafe { _mm512_mask_storeu_ps(to.as_mut_ptr(), low(to.len()), values) }
}

/// Fetches `width` columns of `rows` rows that will soon be written.
#[target_feature(enable = "avx512f")]
#[inline]
pub(super) fn prefetch(out: &[f32], rows: usize, stride: usize, width: usize) {
    for r in 0..rows {
        let row = out.as_ptr().wrapping_add(r * stride);
        _mm_prefetch::<_MM_HINT_T0>(row.cast());
        _mm_prefetch::<_MM_HINT_T0>(row.wrapping_add(width - 1).cast());
    }
}

/// A vector of zeros, on any processor.
#[inline(always)]
pub(super) fn zero() -> __m512i {
    const { assert!(size_of::<__m512i>() == 4 * LANES) };
    // SAFETY: zeros are a valid vector.
    unsafe { std::mem::zeroed() }
}

/// Makes `buffer` hold at least `n` elements.
pub(super) fn grow<T: Copy>(buffer: &mut Vec<T>, n: usize, fill: T) {
    if buffer.len() < n {
        buffer.resize(n, fill);
    }
}
