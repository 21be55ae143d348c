//! Columns of two values side by side, and apart again.

use rayon::prelude::*;

/// Writes the columns of `left`, `widths.0` of them, and those of `right`, `widths.1`, into the rows of `out`.
pub(crate) fn forward(left: &[f32], right: &[f32], widths: (usize, usize), out: &mut [f32]) {
    let rows = left.par_chunks_exact(widths.0).zip(right.par_chunks_exact(widths.1));
    out.par_chunks_exact_mut(widths.0 + widths.1)
        .zip(rows)
        .for_each(|(out, (left, right))| {
            out[..widths.0].copy_from_slice(left);
            out[widths.0..].copy_from_slice(right);
        });
}

/// The reverse: writes every column of `dy` where it came from.
pub(crate) fn backward(dy: &[f32], widths: (usize, usize), d_left: &mut [f32], d_right: &mut [f32]) {
    let rows = d_left
        .par_chunks_exact_mut(widths.0)
        .zip(d_right.par_chunks_exact_mut(widths.1));
    dy.par_chunks_exact(widths.0 + widths.1)
        .zip(rows)
        .for_each(|(dy, (left, right))| {
            left.copy_from_slice(&dy[..widths.0]);
            right.copy_from_slice(&dy[widths.0..]);
        });
}
