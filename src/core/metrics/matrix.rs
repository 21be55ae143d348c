//! Scores of texts by label, as one flat table.

use super::MetricsError;

/// Scores in 0..=1, one row a text and one column a label, row-major.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ScoreMatrix {
    n_rows: usize,
    n_labels: usize,
    data: Vec<f32>,
}

impl ScoreMatrix {
    /// From flat row-major scores; refuses a length that is not `n_rows * n_labels`.
    pub fn new(n_rows: usize, n_labels: usize, data: Vec<f32>) -> Result<Self, MetricsError> {
        if Some(data.len()) != n_rows.checked_mul(n_labels) {
            let expected = n_rows.saturating_mul(n_labels);
            return Err(MetricsError::Size {
                what: "scores",
                found: data.len(),
                expected,
            });
        }
        Ok(ScoreMatrix { n_rows, n_labels, data })
    }

    /// From one slice a text; every row must have `n_labels` scores.
    pub fn from_rows<R: AsRef<[f32]>>(
        n_labels: usize,
        rows: impl IntoIterator<Item = R>,
    ) -> Result<Self, MetricsError> {
        let (mut n_rows, mut data) = (0, Vec::new());
        for row in rows {
            let row = row.as_ref();
            if row.len() != n_labels {
                return Err(MetricsError::Ragged {
                    row: n_rows,
                    found: row.len(),
                    expected: n_labels,
                });
            }
            data.extend_from_slice(row);
            n_rows += 1;
        }
        Ok(ScoreMatrix { n_rows, n_labels, data })
    }

    /// How many texts.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// How many labels.
    pub fn n_labels(&self) -> usize {
        self.n_labels
    }

    /// All scores, row-major.
    pub fn data(&self) -> &[f32] {
        &self.data
    }

    /// The scores of one text; empty when there is no such row.
    pub fn row(&self, row: usize) -> &[f32] {
        let start = row.saturating_mul(self.n_labels);
        self.data
            .get(start..start.saturating_add(self.n_labels))
            .unwrap_or_default()
    }

    /// Every row in order; rows of an empty label list are empty slices.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        (0..self.n_rows).map(|row| self.row(row))
    }

    /// The same table with −1 everywhere but in the columns that `kept` names for each row.
    pub(super) fn keep<K: IntoIterator<Item = usize>>(&self, kept: impl Fn(&[f32]) -> K) -> ScoreMatrix {
        let mut data = vec![-1.0; self.data.len()];
        for (from, to) in self.rows().zip(data.chunks_exact_mut(self.n_labels.max(1))) {
            for label in kept(from) {
                to[label] = from[label];
            }
        }
        ScoreMatrix { data, ..*self }
    }

    /// These rows alone, in this order; unknown ones are left out.
    pub fn select(&self, rows: &[usize]) -> Self {
        let known: Vec<&[f32]> = rows
            .iter()
            .filter(|row| **row < self.n_rows)
            .map(|row| self.row(*row))
            .collect();
        ScoreMatrix {
            n_rows: known.len(),
            n_labels: self.n_labels,
            data: known.concat(),
        }
    }

    /// The scores of one label, in row order; empty when there is no such column.
    pub fn column(&self, label: usize) -> Vec<f32> {
        if label >= self.n_labels {
            return Vec::new();
        }
        self.data.iter().skip(label).step_by(self.n_labels).copied().collect()
    }
}

/// For one label: whether each text truly carries it, in row order.
pub(super) fn truth_column(truth: &[Vec<usize>], label: usize) -> Vec<bool> {
    truth.iter().map(|labels| labels.contains(&label)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_columns_hold_the_same_scores() {
        let matrix = ScoreMatrix::from_rows(2, [[0.1, 0.9], [0.8, 0.2], [0.5, 0.5]]).unwrap();
        assert_eq!((matrix.n_rows(), matrix.n_labels()), (3, 2));
        assert_eq!(matrix.row(1), [0.8, 0.2]);
        assert_eq!(matrix.column(1), [0.9, 0.2, 0.5]);
        assert_eq!(matrix, ScoreMatrix::new(3, 2, matrix.data().to_vec()).unwrap());
        assert_eq!(matrix.select(&[2, 0, 9]).data(), [0.5, 0.5, 0.1, 0.9]);
        assert!(matrix.row(3).is_empty() && matrix.column(2).is_empty());
    }

    #[test]
    fn a_short_row_is_refused_and_named() {
        let rows: [&[f32]; 2] = [&[0.1, 0.9], &[0.8]];
        assert_eq!(
            ScoreMatrix::from_rows(2, rows),
            Err(MetricsError::Ragged {
                row: 1,
                found: 1,
                expected: 2
            })
        );
        assert!(ScoreMatrix::new(2, 2, vec![0.0; 3]).is_err());
    }

    #[test]
    fn texts_without_labels_still_count() {
        let empty: [[f32; 0]; 3] = [[]; 3];
        let matrix = ScoreMatrix::from_rows(0, empty).unwrap();
        assert_eq!(matrix.rows().len(), 3);
        assert!(matrix.column(0).is_empty());
    }
}
