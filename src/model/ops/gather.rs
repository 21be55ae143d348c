//! Embedding look-up: each output row is the sum of one row of every table.

use super::linear::{BLOCK, add};
use rayon::prelude::*;

/// `out[r] = Σ tables[t].0[tables[t].1[r]]`; every table is `(n, width)`, and every index has been checked against its table.
pub(crate) fn forward(tables: &[(&[f32], &[u32])], width: usize, out: &mut [f32]) {
    out.par_chunks_mut(width * BLOCK).enumerate().for_each(|(block, rows)| {
        for (i, row) in rows.chunks_exact_mut(width).enumerate() {
            row.fill(0.0);
            for (table, index) in tables {
                let at = index[block * BLOCK + i] as usize * width;
                add(&table[at..at + width], row);
            }
        }
    });
}

/// Adds each row of `dy` to the row of the table it came from, in the order of the rows.
pub(crate) fn backward(dy: &[f32], index: &[u32], width: usize, d_table: &mut [f32]) {
    for (dy, &at) in dy.chunks_exact(width).zip(index) {
        let at = at as usize * width;
        add(dy, &mut d_table[at..at + width]);
    }
}
