//! Which label was taken for which.

use serde::Serialize;

/// Texts by true label (rows) and decided label (columns), for one label a text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Confusion {
    n_labels: usize,
    cells: Vec<usize>,
    undecided: Vec<usize>,
}

/// Two labels that were mixed up, and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ConfusedPair {
    /// Column of the true label.
    pub truth: usize,
    /// Column of the decided label.
    pub decided: usize,
    /// How many texts.
    pub n_texts: usize,
}

/// One of the four cells of a label's 2×2 table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Decided and true.
    TruePositive,
    /// Decided and not true.
    FalsePositive,
    /// True and not decided.
    FalseNegative,
    /// Neither.
    TrueNegative,
}

impl Confusion {
    /// Counts texts with exactly one true label and at most one decided one; others, and unknown columns, are left out.
    pub fn new(truth: &[Vec<usize>], decided: &[Vec<usize>], n_labels: usize) -> Self {
        let mut confusion = Confusion {
            n_labels,
            cells: vec![0; n_labels * n_labels],
            undecided: vec![0; n_labels],
        };
        for pair in truth.iter().zip(decided) {
            match (pair.0.as_slice(), pair.1.as_slice()) {
                ([truth], []) if *truth < n_labels => confusion.undecided[*truth] += 1,
                ([truth], [decided]) if *truth < n_labels && *decided < n_labels => {
                    confusion.cells[truth * n_labels + decided] += 1;
                }
                _ => {}
            }
        }
        confusion
    }

    /// Rows and columns.
    pub fn n_labels(&self) -> usize {
        self.n_labels
    }

    /// Texts of a true label that were given a label; 0 for unknown columns.
    pub fn count(&self, truth: usize, decided: usize) -> usize {
        self.row(truth).get(decided).copied().unwrap_or(0)
    }

    /// One row: the texts of a true label by what was decided; empty for an unknown column.
    pub fn row(&self, truth: usize) -> &[usize] {
        let start = truth.saturating_mul(self.n_labels);
        self.cells
            .get(start..start.saturating_add(self.n_labels))
            .unwrap_or_default()
    }

    /// All rows.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[usize]> {
        (0..self.n_labels).map(|truth| self.row(truth))
    }

    /// Texts that truly carry the label, those without a decision among them.
    pub fn n_true(&self, label: usize) -> usize {
        self.row(label).iter().sum::<usize>() + self.undecided.get(label).copied().unwrap_or(0)
    }

    /// Texts, by true label, whose best score stayed below its threshold, so that nothing was decided.
    pub fn undecided(&self) -> &[usize] {
        &self.undecided
    }

    /// Texts that were given the label.
    pub fn n_decided(&self, label: usize) -> usize {
        self.rows().filter_map(|row| row.get(label)).sum()
    }

    /// All texts counted, undecided ones among them.
    pub fn n(&self) -> usize {
        self.cells.iter().chain(&self.undecided).sum()
    }

    /// The mix-ups that happened, most frequent first, ties by column; at most `limit`.
    pub fn most_confused(&self, limit: usize) -> Vec<ConfusedPair> {
        let mut pairs: Vec<ConfusedPair> = (self.rows().enumerate())
            .flat_map(|(truth, row)| {
                row.iter().enumerate().map(move |(decided, &n_texts)| ConfusedPair {
                    truth,
                    decided,
                    n_texts,
                })
            })
            .filter(|pair| pair.truth != pair.decided && pair.n_texts > 0)
            .collect();
        pairs.sort_by_key(|pair| std::cmp::Reverse(pair.n_texts));
        pairs.truncate(limit);
        pairs
    }
}

impl Serialize for Confusion {
    /// A list of rows; what was left undecided is each label's support less its row.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.rows())
    }
}

/// Row numbers of the texts in one cell of the confusion matrix: true label × decided label.
pub fn rows_decided(truth: &[Vec<usize>], decided: &[Vec<usize>], true_label: usize, label: usize) -> Vec<usize> {
    let in_cell = |pair: (&Vec<usize>, &Vec<usize>)| *pair.0 == [true_label] && *pair.1 == [label];
    truth
        .iter()
        .zip(decided)
        .enumerate()
        .filter(|(_, pair)| in_cell(*pair))
        .map(|(row, _)| row)
        .collect()
}

/// Row numbers of the texts in one cell of a label's 2×2 table.
pub fn rows_with_outcome(truth: &[Vec<usize>], decided: &[Vec<usize>], label: usize, outcome: Outcome) -> Vec<usize> {
    let of = |truth: &[usize], decided: &[usize]| match (decided.contains(&label), truth.contains(&label)) {
        (true, true) => Outcome::TruePositive,
        (true, false) => Outcome::FalsePositive,
        (false, true) => Outcome::FalseNegative,
        (false, false) => Outcome::TrueNegative,
    };
    let rows = truth.iter().zip(decided).enumerate();
    rows.filter(|(_, (truth, decided))| of(truth, decided) == outcome)
        .map(|(row, _)| row)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::metrics::count_per_label;

    fn example() -> (Vec<Vec<usize>>, Vec<Vec<usize>>) {
        let one = |labels: &[usize]| labels.iter().map(|label| vec![*label]).collect();
        (one(&[0, 0, 0, 1, 1, 2]), one(&[0, 1, 1, 1, 0, 2]))
    }

    #[test]
    fn cells_and_their_texts_agree() {
        // confusion_matrix([0, 0, 0, 1, 1, 2], [0, 1, 1, 1, 0, 2])
        let (truth, decided) = example();
        let confusion = Confusion::new(&truth, &decided, 3);
        assert_eq!(confusion.rows().collect::<Vec<_>>(), [[1, 2, 0], [1, 1, 0], [0, 0, 1]]);
        for (true_label, label) in (0..3).flat_map(|a| (0..3).map(move |b| (a, b))) {
            assert_eq!(
                rows_decided(&truth, &decided, true_label, label).len(),
                confusion.count(true_label, label)
            );
        }
        assert_eq!(
            confusion.most_confused(5),
            [
                ConfusedPair {
                    truth: 0,
                    decided: 1,
                    n_texts: 2
                },
                ConfusedPair {
                    truth: 1,
                    decided: 0,
                    n_texts: 1
                }
            ]
        );
        assert_eq!(serde_json::to_string(&confusion).unwrap(), "[[1,2,0],[1,1,0],[0,0,1]]");
    }

    #[test]
    fn outcomes_agree_with_counts() {
        let (truth, decided) = (
            vec![vec![0], vec![0, 1], vec![], vec![1]],
            vec![vec![0, 1], vec![0], vec![0], vec![1]],
        );
        for (label, counts) in count_per_label(&truth, &decided, 2).into_iter().enumerate() {
            let n = |outcome| rows_with_outcome(&truth, &decided, label, outcome).len();
            assert_eq!(n(Outcome::TruePositive), counts.tp);
            assert_eq!(n(Outcome::FalsePositive), counts.fp);
            assert_eq!(n(Outcome::FalseNegative), counts.fn_);
            assert_eq!(n(Outcome::TrueNegative), counts.tn);
        }
    }
}
