//! AdamW on a table of which each step looks up few rows, such as word embeddings: the same numbers as on the whole table, for the work
//! of the rows that have ever had a gradient. The others have no moments, so all that happens to them is weight decay, which is put
//! off until it amounts to something.

use super::adamw::{Moments, Update};
use crate::model::gradients::RowGradient;
use rayon::prelude::*;

/// Rows that were never looked up lag behind in decay by at most this share of themselves.
const MAX_LAG: f64 = 1e-6;

const NOWHERE: u32 = u32::MAX;

/// The moments of the rows that have had a gradient.
pub(super) struct TouchedRows {
    width: usize,
    /// Where a row of the table stands in `rows`.
    place: Vec<u32>,
    rows: Vec<u32>,
    mean: Vec<f32>,
    square: Vec<f32>,
    /// What the other rows have yet to be multiplied by.
    pending: f64,
}

impl TouchedRows {
    /// None yet, of a table of `n_elements` numbers in rows of `width`.
    pub(super) fn none(n_elements: usize, width: usize) -> TouchedRows {
        TouchedRows {
            width,
            place: vec![NOWHERE; n_elements / width.max(1)],
            rows: Vec::new(),
            mean: Vec::new(),
            square: Vec::new(),
            pending: 1.0,
        }
    }

    /// Goes on from saved moments.
    pub(super) fn load(n_elements: usize, moments: Moments) -> TouchedRows {
        let width = moments.mean.len() / moments.rows.len().max(1);
        let mut touched = TouchedRows::none(n_elements, width);
        for (at, row) in moments.rows.iter().enumerate() {
            touched.place[*row as usize] = at as u32;
        }
        TouchedRows {
            rows: moments.rows,
            mean: moments.mean,
            square: moments.square,
            pending: moments.pending,
            ..touched
        }
    }

    /// Plain data.
    pub(super) fn save(&self) -> Moments {
        Moments {
            rows: self.rows.clone(),
            mean: self.mean.clone(),
            square: self.square.clone(),
            pending: self.pending,
        }
    }

    /// The moments of the whole table.
    pub(super) fn into_dense(self) -> Moments {
        let spread = |data: &[f32]| {
            let rows = RowGradient {
                width: self.width,
                rows: self.rows.clone(),
                data: data.to_vec(),
            };
            rows.to_dense(self.place.len() * self.width)
        };
        Moments {
            mean: spread(&self.mean),
            square: spread(&self.square),
            ..Moments::default()
        }
    }

    /// One step of the whole table, whose numbers are `weights`.
    pub(super) fn step(&mut self, weights: &mut [f32], gradient: &RowGradient, update: Update) {
        self.touch(weights, gradient);
        // Where each touched row stands in the gradient, if it is there.
        let mut found = vec![NOWHERE; self.rows.len()];
        for (at, row) in gradient.rows.iter().enumerate() {
            found[self.place[*row as usize] as usize] = at as u32;
        }
        let width = self.width;
        let zeros = vec![0f32; width];
        slices_of(&self.rows, width, weights)
            .into_par_iter()
            .zip(found)
            .zip(self.mean.par_chunks_mut(width).zip(self.square.par_chunks_mut(width)))
            .with_min_len(32)
            .for_each(|((weights, found), (mean, square))| {
                let gradient = match found {
                    NOWHERE => zeros.as_slice(),
                    at => &gradient.data[at as usize * width..][..width],
                };
                update.apply(weights, gradient, mean, square);
            });
        self.pending *= update.keep();
        if 1.0 - self.pending > MAX_LAG {
            self.settle(weights);
        }
    }

    /// Makes room for rows that have their first gradient, and catches up with their decay.
    fn touch(&mut self, weights: &mut [f32], gradient: &RowGradient) {
        for &row in &gradient.rows {
            let place = &mut self.place[row as usize];
            if *place == NOWHERE {
                *place = self.rows.len() as u32;
                self.rows.push(row);
                scale(&mut weights[row as usize * self.width..][..self.width], self.pending);
            }
        }
        self.mean.resize(self.rows.len() * self.width, 0.0);
        self.square.resize(self.rows.len() * self.width, 0.0);
    }

    /// Applies the decay that was put off.
    pub(super) fn settle(&mut self, weights: &mut [f32]) {
        let pending = std::mem::replace(&mut self.pending, 1.0);
        if pending < 1.0 {
            weights
                .par_chunks_mut(self.width)
                .zip(self.place.par_iter())
                .with_min_len(256)
                .filter(|(_, place)| **place == NOWHERE)
                .for_each(|(row, _)| scale(row, pending));
        }
    }
}

fn scale(row: &mut [f32], factor: f64) {
    row.iter_mut().for_each(|x| *x = (f64::from(*x) * factor) as f32);
}

/// The rows of a table as slices, in the order of `rows`, which are all different.
fn slices_of<'a>(rows: &[u32], width: usize, mut table: &'a mut [f32]) -> Vec<&'a mut [f32]> {
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_unstable_by_key(|&at| rows[at]);
    let mut slices: Vec<&mut [f32]> = Vec::new();
    slices.resize_with(rows.len(), Default::default);
    let mut first = 0;
    for at in order {
        let row = rows[at] as usize;
        let (slice, rest) = table[(row - first) * width..].split_at_mut(width);
        slices[at] = slice;
        (table, first) = (rest, row + 1);
    }
    slices
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_come_in_the_order_asked_for() {
        let mut table: Vec<f32> = (0..12).map(|i| i as f32).collect();
        let slices = slices_of(&[4, 0, 3], 2, &mut table);
        let found: Vec<Vec<f32>> = slices.into_iter().map(|slice| slice.to_vec()).collect();
        assert_eq!(found, [[8., 9.], [0., 1.], [6., 7.]]);
    }
}
