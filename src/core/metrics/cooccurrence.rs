//! Which labels come together: where several labels a text are allowed, this stands where the confusion matrix does otherwise.

use serde::Serialize;

use super::ConfusedPair;

/// Labels × labels, for any number of labels a text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cooccurrence {
    n_labels: usize,
    together: Vec<usize>,
    given: Vec<usize>,
    nothing: Vec<usize>,
}

impl Cooccurrence {
    /// Counts texts; `truth` and `decided` hold the columns of each. Unknown columns are left out.
    pub fn new(truth: &[Vec<usize>], decided: &[Vec<usize>], n_labels: usize) -> Self {
        let mut counts = Cooccurrence {
            n_labels,
            together: vec![0; n_labels * n_labels],
            given: vec![0; n_labels * n_labels],
            nothing: vec![0; n_labels],
        };
        for (truth, decided) in truth.iter().zip(decided) {
            for &a in truth.iter().filter(|label| **label < n_labels) {
                for &b in truth.iter().filter(|label| **label < n_labels) {
                    counts.together[a * n_labels + b] += 1;
                }
                for &b in decided.iter().filter(|label| **label < n_labels) {
                    if a == b || !truth.contains(&b) {
                        counts.given[a * n_labels + b] += 1;
                    }
                }
                counts.nothing[a] += usize::from(decided.is_empty());
            }
        }
        counts
    }

    /// Rows and columns.
    pub fn n_labels(&self) -> usize {
        self.n_labels
    }

    /// Texts that truly carry both labels; of a label with itself: its support. 0 for unknown columns.
    pub fn together(&self, a: usize, b: usize) -> usize {
        self.at(&self.together, a, b)
    }

    /// Texts that carry `truth`, do not carry `decided` and were given it; of a label with itself: texts that carry it and were given
    /// it. 0 for unknown columns.
    pub fn given(&self, truth: usize, decided: usize) -> usize {
        self.at(&self.given, truth, decided)
    }

    /// Texts that carry the label and were given none at all.
    pub fn nothing(&self, truth: usize) -> usize {
        self.nothing.get(truth).copied().unwrap_or(0)
    }

    /// Texts that carry the label.
    pub fn support(&self, label: usize) -> usize {
        self.together(label, label)
    }

    /// Labels that were wrongly given to texts of another, most frequent first, ties by column; at most `limit`.
    pub fn most_given(&self, limit: usize) -> Vec<ConfusedPair> {
        let pair = |at: usize| ConfusedPair {
            truth: at / self.n_labels.max(1),
            decided: at % self.n_labels.max(1),
            n_texts: self.given[at],
        };
        let mut pairs: Vec<ConfusedPair> = (0..self.given.len())
            .map(pair)
            .filter(|pair| pair.truth != pair.decided && pair.n_texts > 0)
            .collect();
        pairs.sort_by_key(|pair| std::cmp::Reverse(pair.n_texts));
        pairs.truncate(limit);
        pairs
    }

    fn at(&self, cells: &[usize], row: usize, column: usize) -> usize {
        match row < self.n_labels && column < self.n_labels {
            true => cells.get(row * self.n_labels + column).copied().unwrap_or(0),
            false => 0,
        }
    }
}

impl Serialize for Cooccurrence {
    /// `together` and `given` as lists of rows, `nothing` as a list.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Written<'a> {
            together: Vec<&'a [usize]>,
            given: Vec<&'a [usize]>,
            nothing: &'a [usize],
        }
        let width = self.n_labels.max(1);
        Written {
            together: self.together.chunks(width).collect(),
            given: self.given.chunks(width).collect(),
            nothing: &self.nothing,
        }
        .serialize(serializer)
    }
}

/// Row numbers of the texts that truly carry both labels (one, where they are the same).
pub fn rows_together(truth: &[Vec<usize>], a: usize, b: usize) -> Vec<usize> {
    let both = |labels: &&Vec<usize>| labels.contains(&a) && labels.contains(&b);
    let rows = truth.iter().enumerate();
    rows.filter(|(_, labels)| both(labels)).map(|(row, _)| row).collect()
}

/// Row numbers of the texts that carry `true_label`, do not carry `label` and were given it; where both are the same, of those that
/// carry it and were given it. `None`: of those given no label at all.
pub fn rows_given(truth: &[Vec<usize>], decided: &[Vec<usize>], true_label: usize, label: Option<usize>) -> Vec<usize> {
    let wanted = |truth: &[usize], decided: &[usize]| {
        truth.contains(&true_label)
            && match label {
                Some(label) => decided.contains(&label) && (label == true_label || !truth.contains(&label)),
                None => decided.is_empty(),
            }
    };
    let rows = truth.iter().zip(decided).enumerate();
    rows.filter(|(_, (truth, decided))| wanted(truth, decided))
        .map(|(row, _)| row)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::metrics::count_per_label;
    use proptest::prelude::*;

    #[test]
    fn wrongly_given_labels_are_counted_by_what_the_text_carries() {
        let truth = vec![vec![0], vec![0, 1], vec![2], vec![0, 2]];
        let decided = vec![vec![1], vec![0, 1], vec![], vec![0, 1]];
        let counts = Cooccurrence::new(&truth, &decided, 3);
        assert_eq!((counts.given(0, 1), counts.given(2, 1), counts.given(1, 0)), (2, 1, 0));
        assert_eq!((counts.given(0, 0), counts.nothing(2), counts.support(0)), (2, 1, 3));
        assert_eq!((counts.together(0, 1), counts.together(1, 2)), (1, 0));
        let most = counts.most_given(1);
        assert_eq!((most[0].truth, most[0].decided, most[0].n_texts), (0, 1, 2));
        assert_eq!(
            serde_json::to_string(&counts).unwrap(),
            r#"{"together":[[3,1,1],[1,1,0],[1,0,2]],"given":[[2,2,0],[0,1,0],[0,1,0]],"nothing":[0,0,1]}"#
        );
        let none = Cooccurrence::new(&[], &[], 0);
        assert_eq!(
            serde_json::to_string(&none).unwrap(),
            r#"{"together":[],"given":[],"nothing":[]}"#
        );
    }

    fn sets() -> impl Strategy<Value = Vec<(Vec<usize>, Vec<usize>)>> {
        let set = || prop::collection::btree_set(0..5_usize, 0..4).prop_map(|set| set.into_iter().collect::<Vec<_>>());
        prop::collection::vec((set(), set()), 0..30)
    }

    proptest! {
        #[test]
        fn cells_and_their_texts_agree(texts in sets()) {
            let (truth, decided): (Vec<Vec<usize>>, Vec<Vec<usize>>) = texts.into_iter().unzip();
            let counts = Cooccurrence::new(&truth, &decided, 5);
            let by_label = count_per_label(&truth, &decided, 5);
            for (a, of_a) in by_label.iter().enumerate() {
                prop_assert_eq!(counts.support(a), of_a.support());
                prop_assert_eq!(counts.given(a, a), of_a.tp);
                prop_assert_eq!(counts.nothing(a), rows_given(&truth, &decided, a, None).len());
                for (b, of_b) in by_label.iter().enumerate() {
                    prop_assert_eq!(counts.together(a, b), counts.together(b, a));
                    prop_assert_eq!(counts.together(a, b), rows_together(&truth, a, b).len());
                    prop_assert_eq!(counts.given(a, b), rows_given(&truth, &decided, a, Some(b)).len());
                    let most = if a == b { of_b.tp } else { of_b.fp };
                    prop_assert!(counts.given(a, b) <= most);
                }
            }
        }
    }
}
