//! Rotary position embeddings (Su et al., 2021): columns `j` and `j + d/2` of each query and key are turned together by the angle
//! `place · theta^(−2j/d)`.

use super::linear::BLOCK;
use rayon::prelude::*;

/// The angles of every place up to the longest text, as cosines and sines.
#[derive(Debug, Clone, PartialEq)]
pub struct Rotation {
    pub(crate) cos: Vec<f32>,
    pub(crate) sin: Vec<f32>,
    /// Angles per place: half the columns of a head.
    pub(crate) half: usize,
}

impl Rotation {
    /// Angles for heads of `head_dim` columns (even) and texts of up to `longest` tokens.
    pub fn new(theta: f64, head_dim: usize, longest: usize) -> Rotation {
        let half = head_dim / 2;
        let frequency = |j: usize| 1.0 / theta.powf(2.0 * j as f64 / head_dim as f64) as f32;
        let angles = (0..longest).flat_map(|place| (0..half).map(move |j| place as f32 * frequency(j)));
        let (cos, sin) = angles.map(|angle| (angle.cos(), angle.sin())).unzip();
        Rotation { cos, sin, half }
    }
}

/// Turns queries and keys of `(rows, 3 · width)` in place; `places` has each row's place in its text. `direction` is 1, or −1 for the
/// gradient, which is turned back.
pub(crate) fn turn(qkv: &mut [f32], places: &[u32], n_heads: usize, rotation: &Rotation, direction: f32) {
    let half = rotation.half;
    let width = n_heads * 2 * half;
    qkv.par_chunks_mut(3 * width * BLOCK)
        .zip(places.par_chunks(BLOCK))
        .for_each(|(rows, places)| {
            for (row, &place) in rows.chunks_exact_mut(3 * width).zip(places) {
                let at = place as usize * half..(place as usize + 1) * half;
                let (cos, sin) = (&rotation.cos[at.clone()], &rotation.sin[at]);
                for head in row[..2 * width].chunks_exact_mut(2 * half) {
                    let (low, high) = head.split_at_mut(half);
                    for (((low, high), &cos), &sin) in low.iter_mut().zip(high).zip(cos).zip(sin) {
                        let (x, y) = (*low, *high);
                        *low = x * cos - y * sin * direction;
                        *high = y * cos + x * sin * direction;
                    }
                }
            }
        });
}

/// Each row's place within its text, from 0.
pub(crate) fn places(starts: &[usize]) -> Vec<u32> {
    starts
        .windows(2)
        .flat_map(|rows| 0..(rows[1] - rows[0]) as u32)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turning_back_gives_what_was_there() {
        let rotation = Rotation::new(10_000.0, 4, 3);
        let before: Vec<f32> = (0..3 * 24).map(|i| (i as f32 * 0.37).sin()).collect();
        let mut rows = before.clone();
        turn(&mut rows, &[0, 1, 2], 2, &rotation, 1.0);
        assert_eq!(rows[..24], before[..24], "place 0 is not turned");
        assert_eq!(rows[24 + 16..48], before[24 + 16..48], "values are not turned");
        // place 1, first pair: an angle of 1
        let (x, y) = (before[24], before[26]);
        assert!((rows[24] - (x * 1f32.cos() - y * 1f32.sin())).abs() < 1e-6);
        assert!((rows[26] - (y * 1f32.cos() + x * 1f32.sin())).abs() < 1e-6);
        turn(&mut rows, &[0, 1, 2], 2, &rotation, -1.0);
        assert!(rows.iter().zip(&before).all(|(a, b)| (a - b).abs() < 1e-6));
    }
}
