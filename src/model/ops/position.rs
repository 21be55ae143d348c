//! What the distance between two tokens adds to their attention score, as rows that can be looked up by distance.
//!
//! A batch whose longest text has `n` tokens knows the distances `1 − n ..= n − 1`. Row `r` of a table belongs to the distance
//! `key − query = r − (n − 1)`, so that what one query needs is a run of neighbouring rows.
//!
//! Not here: how distances fall into buckets; that is each architecture's own.

/// The part of a score that comes from positions.
#[derive(Debug)]
pub enum Position<'a, V: ?Sized> {
    /// Nothing: positions are in the embeddings, or in turned queries and keys.
    None,
    /// A number for each distance and head, `(2n − 1, n_heads)`, added after scaling.
    Bias(&'a V),
    /// Disentangled attention (He et al., 2021): `query · keys[distance] + key · queries[distance]`, scaled like the score; both
    /// `(2n − 1, width)`, each may be missing.
    Disentangled {
        /// Content to position.
        keys: Option<&'a V>,
        /// Position to content.
        queries: Option<&'a V>,
    },
}

impl<V: ?Sized> Clone for Position<'_, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<V: ?Sized> Copy for Position<'_, V> {}

impl<'a, V> Position<'a, V> {
    /// The same position over something else made of each table.
    pub(crate) fn map<W: ?Sized>(self, of: impl Fn(&'a V) -> &'a W) -> Position<'a, W> {
        match self {
            Position::None => Position::None,
            Position::Bias(table) => Position::Bias(of(table)),
            Position::Disentangled { keys, queries } => Position::Disentangled {
                keys: keys.map(&of),
                queries: queries.map(&of),
            },
        }
    }
}

impl Position<'_, [f32]> {
    /// Whether every table has the rows that texts of up to `longest` tokens need.
    pub(crate) fn fits(&self, longest: usize, width: usize, n_heads: usize) -> bool {
        let n_rows = 2 * longest.max(1) - 1;
        let has = |table: &Option<&[f32]>, width: usize| table.is_none_or(|table| table.len() == n_rows * width);
        match self {
            Position::None => true,
            Position::Bias(table) => table.len() == n_rows * n_heads,
            Position::Disentangled { keys, queries } => has(keys, width) && has(queries, width),
        }
    }
}

/// The rows of a table for `longest` that a text of `n` tokens uses.
pub(crate) fn rows_of(n: usize, longest: usize) -> std::ops::Range<usize> {
    longest - n..longest + n - 1
}

/// `distance = key − query` of every row of a table for texts of up to `longest` tokens.
pub fn distances(longest: usize) -> impl Iterator<Item = i64> {
    let last = longest as i64 - 1;
    -last..=last
}

/// Adds to each score `(i, j)` what row `i` of `by_distance`, `(n, 2n − 1)`, holds for the distance `j − i`.
pub(crate) fn add_by_query(by_distance: &[f32], scale: f32, scores: &mut [f32], n: usize) {
    for (i, (row, scores)) in by_distance
        .chunks_exact(2 * n - 1)
        .zip(scores.chunks_exact_mut(n))
        .enumerate()
    {
        for (score, x) in scores.iter_mut().zip(&row[n - 1 - i..]) {
            *score += x * scale;
        }
    }
}

/// Adds to each score `(i, j)` what row `j` of `by_distance` holds for the distance `j − i`.
pub(crate) fn add_by_key(by_distance: &[f32], scale: f32, scores: &mut [f32], n: usize) {
    for (i, scores) in scores.chunks_exact_mut(n).enumerate() {
        for (j, score) in scores.iter_mut().enumerate() {
            *score += by_distance[j * (2 * n - 1) + n - 1 + j - i] * scale;
        }
    }
}

/// The reverse of [`add_by_query`]: lays the gradients of the scores out by query and distance, zero elsewhere.
pub(crate) fn spread_by_query(grads: &[f32], out: &mut Vec<f32>, n: usize) {
    out.clear();
    out.resize(n * (2 * n - 1), 0.0);
    for (i, (row, grads)) in out.chunks_exact_mut(2 * n - 1).zip(grads.chunks_exact(n)).enumerate() {
        row[n - 1 - i..2 * n - 1 - i].copy_from_slice(grads);
    }
}

/// The reverse of [`add_by_key`]: lays the gradients of the scores out by key and distance, zero elsewhere.
pub(crate) fn spread_by_key(grads: &[f32], out: &mut Vec<f32>, n: usize) {
    out.clear();
    out.resize(n * (2 * n - 1), 0.0);
    for (i, grads) in grads.chunks_exact(n).enumerate() {
        for (j, grad) in grads.iter().enumerate() {
            out[j * (2 * n - 1) + n - 1 + j - i] = *grad;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_found_by_distance() {
        assert_eq!(distances(3).collect::<Vec<_>>(), [-2, -1, 0, 1, 2]);
        assert_eq!(rows_of(3, 3), 0..5);
        assert_eq!(rows_of(1, 3), 2..3);
        // two tokens; distances −1, 0, 1
        let by_distance = [1., 2., 3., 10., 20., 30.];
        let mut scores = [0.0; 4];
        add_by_query(&by_distance, 1.0, &mut scores, 2);
        assert_eq!(scores, [2., 3., 10., 20.]);
        let mut scores = [0.0; 4];
        add_by_key(&by_distance, 1.0, &mut scores, 2);
        assert_eq!(scores, [2., 30., 1., 20.]);
        let mut out = Vec::new();
        spread_by_query(&[5., 6., 7., 8.], &mut out, 2);
        assert_eq!(out, [0., 5., 6., 7., 8., 0.]);
        spread_by_key(&[5., 6., 7., 8.], &mut out, 2);
        assert_eq!(out, [7., 5., 0., 0., 8., 6.]);
    }
}
