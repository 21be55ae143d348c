//! In which order labels stand in a square table of counts: as in the project, by name, by size, or mixed-up labels side by side.

/// How the labels of a table are ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum LabelOrder {
    /// As in the project.
    #[default]
    Project,
    /// By name, whatever the case.
    Name,
    /// Most texts first.
    Support,
    /// The label of whose texts the smallest share was found first; those without texts last.
    Recall,
    /// Those that are mixed up with each other side by side.
    Confused,
}

impl LabelOrder {
    /// All orders, as they are offered.
    pub const ALL: [LabelOrder; 5] = [
        LabelOrder::Project,
        LabelOrder::Confused,
        LabelOrder::Support,
        LabelOrder::Recall,
        LabelOrder::Name,
    ];

    /// The stable name, as it is written on the command line.
    pub fn name(self) -> &'static str {
        match self {
            LabelOrder::Project => "project",
            LabelOrder::Name => "name",
            LabelOrder::Support => "support",
            LabelOrder::Recall => "recall",
            LabelOrder::Confused => "confused",
        }
    }

    /// The inverse of [`LabelOrder::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        LabelOrder::ALL.into_iter().find(|order| order.name() == name)
    }

    /// The labels of a square table in this order: a permutation of its columns. `count(row, column)` is the table, with what was
    /// right on its diagonal; `support(label)` is how many texts the label has. Labels without a name count as nameless.
    ///
    /// O(labels² · log) at most; ties stay in the order of the project.
    pub fn arrange(
        self,
        names: &[String],
        support: impl Fn(usize) -> usize,
        count: impl Fn(usize, usize) -> usize,
    ) -> Vec<usize> {
        let mut order: Vec<usize> = (0..names.len()).collect();
        match self {
            LabelOrder::Project => {}
            LabelOrder::Name => order.sort_by_cached_key(|label| names.get(*label).map(|name| name.to_lowercase())),
            LabelOrder::Support => order.sort_by_key(|label| std::cmp::Reverse(support(*label))),
            LabelOrder::Recall => order.sort_by(|a, b| {
                let recall = |label: usize| match support(label) {
                    0 => f64::INFINITY,
                    of => count(label, label) as f64 / of as f64,
                };
                recall(*a).total_cmp(&recall(*b))
            }),
            LabelOrder::Confused => return Clusters::new(names.len(), support, count).leaves(),
        }
        order
    }
}

/// Agglomerative clustering with average linkage (UPGMA) over how often two labels are mixed up, by chains of nearest neighbours
/// (Murtagh 1983), which need O(n²) for this linkage. What was never mixed up is never joined.
struct Clusters {
    n: usize,
    /// Mean similarity of two clusters, at their first labels.
    similarity: Vec<f64>,
    /// Similarity of labels, which the ends of clusters are turned by.
    labels: Vec<f64>,
    /// The labels of each cluster from left to right, at its first label; empty where it was joined to another.
    members: Vec<Vec<usize>>,
    /// Texts of each label that went wrong.
    n_wrong: Vec<usize>,
}

impl Clusters {
    fn new(n: usize, support: impl Fn(usize) -> usize, count: impl Fn(usize, usize) -> usize) -> Self {
        let mut similarity = vec![0.0; n * n];
        let mut n_wrong = vec![0; n];
        let rate = |a: usize, b: usize| count(a, b) as f64 / support(a).max(1) as f64;
        for a in 0..n {
            for b in a + 1..n {
                let both = rate(a, b) + rate(b, a);
                similarity[a * n + b] = both;
                similarity[b * n + a] = both;
                let texts = count(a, b) + count(b, a);
                n_wrong[a] += texts;
                n_wrong[b] += texts;
            }
        }
        Clusters {
            n,
            labels: similarity.clone(),
            similarity,
            members: (0..n).map(|label| vec![label]).collect(),
            n_wrong,
        }
    }

    fn leaves(mut self) -> Vec<usize> {
        let mut chain: Vec<usize> = Vec::new();
        let mut open: Vec<usize> = (0..self.n).collect();
        while let Some(&start) = chain.last().or(open.last()) {
            if chain.is_empty() {
                chain.push(start);
            }
            let before = chain.len().checked_sub(2).map(|at| chain[at]);
            match self.nearest(start, before, &open) {
                None => {
                    // Nothing is mixed up with it any more: it stays as it is.
                    chain.pop();
                    open.retain(|cluster| *cluster != start);
                }
                Some(other) if Some(other) == before => {
                    chain.truncate(chain.len() - 2);
                    self.join(start, other, &open);
                    let gone = start.max(other);
                    open.retain(|cluster| *cluster != gone);
                }
                Some(other) => chain.push(other),
            }
        }
        let mut groups: Vec<Vec<usize>> = self.members.into_iter().filter(|group| !group.is_empty()).collect();
        let wrong = |group: &Vec<usize>| group.iter().map(|label| self.n_wrong[*label]).sum::<usize>();
        groups.sort_by_key(|group| std::cmp::Reverse(wrong(group)));
        groups.concat()
    }

    /// The cluster most often mixed up with this one; in a tie the one it came from, else the first.
    fn nearest(&self, cluster: usize, before: Option<usize>, open: &[usize]) -> Option<usize> {
        let mut best = before.map(|before| (before, self.similarity[cluster * self.n + before]));
        for &other in open.iter().filter(|other| **other != cluster) {
            let similarity = self.similarity[cluster * self.n + other];
            if similarity > best.map_or(0.0, |(_, most)| most) {
                best = Some((other, similarity));
            }
        }
        best.map(|(other, _)| other)
    }

    /// Joins two clusters into the one with the smaller number, turned so that what is mixed up most stands at the seam.
    fn join(&mut self, a: usize, b: usize, open: &[usize]) {
        let (keep, gone) = (a.min(b), a.max(b));
        let mut left = std::mem::take(&mut self.members[keep]);
        let mut right = std::mem::take(&mut self.members[gone]);
        let (n_left, n_right) = (left.len() as f64, right.len() as f64);
        let near = |a: Option<&usize>, b: Option<&usize>| match (a, b) {
            (Some(a), Some(b)) => self.labels[a * self.n + b],
            _ => 0.0,
        };
        let turns = [
            (false, false, near(left.last(), right.first())),
            (false, true, near(left.last(), right.last())),
            (true, false, near(left.first(), right.first())),
            (true, true, near(left.first(), right.last())),
        ];
        let mut best = turns[0];
        for turn in turns {
            if turn.2 > best.2 {
                best = turn;
            }
        }
        if best.0 {
            left.reverse();
        }
        if best.1 {
            right.reverse();
        }
        left.extend(right);
        self.members[keep] = left;
        for &other in open.iter().filter(|other| **other != keep && **other != gone) {
            let mean = (n_left * self.similarity[keep * self.n + other]
                + n_right * self.similarity[gone * self.n + other])
                / (n_left + n_right);
            self.similarity[keep * self.n + other] = mean;
            self.similarity[other * self.n + keep] = mean;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names(n: usize) -> Vec<String> {
        (0..n).map(|at| format!("label {at}")).collect()
    }

    fn arranged(order: LabelOrder, cells: &[Vec<usize>]) -> Vec<usize> {
        let support = |label: usize| cells[label].iter().sum();
        order.arrange(&names(cells.len()), support, |a, b| cells[a][b])
    }

    #[test]
    fn labels_stand_by_name_size_and_share_found() {
        let names = ["b", "C", "a"].map(String::from);
        let cells = [[5, 5, 0], [0, 20, 0], [0, 0, 0]];
        let by = |order: LabelOrder| order.arrange(&names, |at| cells[at].iter().sum(), |a, b| cells[a][b]);
        assert_eq!(by(LabelOrder::Project), [0, 1, 2]);
        assert_eq!(by(LabelOrder::Name), [2, 0, 1]);
        assert_eq!(by(LabelOrder::Support), [1, 0, 2]);
        assert_eq!(by(LabelOrder::Recall), [0, 1, 2]);
        for order in LabelOrder::ALL {
            assert_eq!(LabelOrder::from_name(order.name()), Some(order));
        }
    }

    #[test]
    fn a_chain_of_mix_ups_is_laid_out_as_a_chain() {
        // 3–0–4–1–2: each mixed up with the next one only, the ends of what is joined first are turned towards each other.
        let mut cells = vec![vec![0; 5]; 5];
        for (label, row) in cells.iter_mut().enumerate() {
            row[label] = 100;
        }
        for (a, b, n) in [(3, 0, 9), (0, 4, 3), (4, 1, 8), (1, 2, 2)] {
            cells[a][b] = n;
        }
        let mut found = arranged(LabelOrder::Confused, &cells);
        if found[0] != 3 {
            found.reverse();
        }
        assert_eq!(found, [3, 0, 4, 1, 2]);
    }

    #[test]
    fn labels_nobody_mixed_up_follow_in_their_order() {
        let mut cells = vec![vec![0; 4]; 4];
        cells[1][3] = 2;
        assert_eq!(arranged(LabelOrder::Confused, &cells)[2..], [0, 2]);
        assert!(arranged(LabelOrder::Confused, &[]).is_empty());
        assert_eq!(arranged(LabelOrder::Confused, &[vec![0]]), [0]);
    }

    proptest! {
        #[test]
        fn every_order_is_a_permutation(n in 0..14_usize, seed in prop::collection::vec(0..6_usize, 14 * 14)) {
            let cells: Vec<Vec<usize>> = (0..n).map(|a| (0..n).map(|b| seed[a * 14 + b]).collect()).collect();
            for order in LabelOrder::ALL {
                let mut found = arranged(order, &cells);
                found.sort_unstable();
                prop_assert_eq!(found, (0..n).collect::<Vec<_>>());
            }
        }

        #[test]
        fn blocks_stand_together_whatever_the_noise_between_them(
            block_of in prop::collection::vec(0..4_usize, 2..24),
            within in prop::collection::vec(20..40_usize, 24 * 24),
            noise in prop::collection::vec(0..3_usize, 24 * 24),
        ) {
            let n = block_of.len();
            let mut cells = vec![vec![0; n]; n];
            for (a, row) in cells.iter_mut().enumerate() {
                for (b, cell) in row.iter_mut().enumerate().filter(|(b, _)| *b != a) {
                    *cell = if block_of[a] == block_of[b] { within[a * 24 + b] } else { noise[a * 24 + b] };
                }
                row[a] = 10_000 - row.iter().sum::<usize>();
            }
            let blocks: Vec<usize> = arranged(LabelOrder::Confused, &cells).iter().map(|label| block_of[*label]).collect();
            let n_runs = 1 + blocks.windows(2).filter(|pair| pair[0] != pair[1]).count();
            let mut distinct = blocks.clone();
            distinct.sort_unstable();
            distinct.dedup();
            prop_assert_eq!(n_runs, distinct.len(), "{:?}", blocks);
        }
    }
}
