//! The tree that the columns of a run form: labels with every label above them, one column each.
//!
//! A score is the probability that a text belongs to a node or below it, so that no score is above its parent's. A text that carries
//! a node carries all nodes above it: as a set of columns its labels are closed upwards.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

/// How one path is found where a text has one answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Walk {
    /// The node with the highest probability of being the whole answer, and the path to it. Whatever a beam would find, this finds.
    #[default]
    BestPath,
    /// From the top, always the best child, until stopping is likelier than any.
    Greedy,
}

impl Walk {
    /// All of them, the default first.
    pub const ALL: [Walk; 2] = [Walk::BestPath, Walk::Greedy];

    /// The stable name: in files, on the command line and on screen.
    pub fn name(self) -> &'static str {
        match self {
            Walk::BestPath => "best-path",
            Walk::Greedy => "greedy",
        }
    }
}

/// Parents and children of columns. Every parent is a column too.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ColumnTree {
    parents: Vec<Option<usize>>,
    /// 0 for columns at the top.
    levels: Vec<usize>,
    children: Vec<Vec<usize>>,
    roots: Vec<usize>,
    /// Parents before children.
    order: Vec<usize>,
}

impl ColumnTree {
    /// From names from the top down, one path a column; `None` where no column stands below another, where a label above a column has no
    /// column, or where two columns are the same.
    pub fn from_paths<S: AsRef<str>>(paths: &[Vec<S>]) -> Option<ColumnTree> {
        let names = |path: &[S]| -> Vec<String> { path.iter().map(|name| name.as_ref().to_owned()).collect() };
        let columns: HashMap<Vec<String>, usize> = paths.iter().map(|path| names(path)).zip(0..).collect();
        if columns.len() != paths.len() || paths.iter().all(|path| path.len() < 2) {
            return None;
        }
        let parent = |path: &Vec<S>| match path.as_slice() {
            [] => None,
            [_] => Some(None),
            [above @ .., _] => columns.get(&names(above)).map(|column| Some(*column)),
        };
        ColumnTree::from_parents(paths.iter().map(parent).collect::<Option<_>>()?)
    }

    /// From the parent of each column; `None` where one is no column, or is its own ancestor.
    pub fn from_parents(parents: Vec<Option<usize>>) -> Option<ColumnTree> {
        let n = parents.len();
        let (mut children, mut roots) = (vec![Vec::new(); n], Vec::new());
        for (column, parent) in parents.iter().enumerate() {
            match parent {
                Some(parent) => children.get_mut(*parent)?.push(column),
                None => roots.push(column),
            }
        }
        let (mut order, mut levels) = (roots.clone(), vec![0; n]);
        let mut at = 0;
        while let Some(&column) = order.get(at) {
            for child in &children[column] {
                levels[*child] = levels[column] + 1;
                order.push(*child);
            }
            at += 1;
        }
        (order.len() == n).then_some(ColumnTree {
            parents,
            levels,
            children,
            roots,
            order,
        })
    }

    /// Without columns.
    pub fn empty() -> ColumnTree {
        ColumnTree {
            parents: Vec::new(),
            levels: Vec::new(),
            children: Vec::new(),
            roots: Vec::new(),
            order: Vec::new(),
        }
    }

    /// How many columns.
    pub fn len(&self) -> usize {
        self.parents.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.parents.is_empty()
    }

    /// The column above; `None` at the top, and for unknown columns.
    pub fn parent(&self, column: usize) -> Option<usize> {
        self.parents.get(column).copied().flatten()
    }

    /// 0 at the top; 0 for unknown columns.
    pub fn level(&self, column: usize) -> usize {
        self.levels.get(column).copied().unwrap_or(0)
    }

    /// How many levels there are.
    pub fn n_levels(&self) -> usize {
        self.levels.iter().max().map_or(0, |level| level + 1)
    }

    /// Columns directly below; those at the top for `None`. Ascending.
    pub fn children(&self, column: Option<usize>) -> &[usize] {
        match column {
            Some(column) => self.children.get(column).map(Vec::as_slice).unwrap_or_default(),
            None => &self.roots,
        }
    }

    /// Whether nothing stands below.
    pub fn is_leaf(&self, column: usize) -> bool {
        self.children(Some(column)).is_empty()
    }

    /// All columns, parents before children.
    pub fn order(&self) -> &[usize] {
        &self.order
    }

    /// From the top down to the column itself.
    pub fn path(&self, column: usize) -> Vec<usize> {
        let mut path: Vec<usize> = self.ancestry(column).collect();
        path.reverse();
        path
    }

    /// The column and those above it, nearest first; nothing for unknown columns.
    pub fn ancestry(&self, column: usize) -> impl Iterator<Item = usize> + '_ {
        let first = (column < self.len()).then_some(column);
        std::iter::successors(first, |column| self.parent(*column))
    }

    /// The columns and all above them, ascending.
    pub fn closed(&self, columns: &[usize]) -> Vec<usize> {
        let mut all: Vec<usize> = columns.iter().flat_map(|column| self.ancestry(*column)).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Of a set closed upwards, the columns with none of the set below them, ascending: the ends of its paths.
    pub fn ends(&self, closed: &[usize]) -> Vec<usize> {
        let has_below = |column: &usize| closed.iter().any(|other| self.parent(*other) == Some(*column));
        closed.iter().copied().filter(|column| !has_below(column)).collect()
    }

    /// Edges between two columns; columns at the top hang on one root that is no column. `None` for unknown columns.
    pub fn distance(&self, a: usize, b: usize) -> Option<usize> {
        if a.max(b) >= self.len() {
            return None;
        }
        let (left, right) = (self.path(a), self.path(b));
        let n_shared = left.iter().zip(&right).take_while(|(a, b)| a == b).count();
        Some(left.len() + right.len() - 2 * n_shared)
    }

    /// Turns the probability of each column being the whole answer into that of the answer being it or below: sums from the bottom up, at
    /// most 1. `row`: one number ≥ 0 a column.
    pub fn sum_up(&self, row: &mut [f32]) {
        for column in self.order.iter().rev() {
            let score = row.get(*column).copied().unwrap_or(0.0);
            if let Some(above) = self.parent(*column).and_then(|parent| row.get_mut(parent)) {
                *above = (*above + score).min(1.0);
            }
        }
    }

    /// Lowers every score to its parent's where it is above.
    pub fn bound(&self, row: &mut [f32]) {
        for column in &self.order {
            let above = self.parent(*column).and_then(|parent| row.get(parent)).copied();
            if let (Some(above), Some(score)) = (above, row.get_mut(*column)) {
                *score = score.min(above);
            }
        }
    }

    /// The inverse of [`ColumnTree::sum_up`]: what of each score is left for the column itself, at least 0.
    pub fn own(&self, row: &[f32]) -> Vec<f32> {
        let mut own = row.to_vec();
        for column in &self.order {
            let below: f32 = self.children[*column].iter().filter_map(|child| row.get(*child)).sum();
            if let Some(own) = own.get_mut(*column) {
                let left = *own - below;
                *own = if left < 0.0 { 0.0 } else { left };
            }
        }
        own
    }

    /// One path from the top down, by scores of nodes. Ties go to the first column; empty for a row without numbers.
    pub fn walk(&self, row: &[f32], how: Walk) -> Vec<usize> {
        let own = self.own(row);
        match how {
            Walk::BestPath => first_best(0..self.len(), &own)
                .map(|column| self.path(column))
                .unwrap_or_default(),
            Walk::Greedy => {
                let mut path: Vec<usize> = first_best(self.roots.iter().copied(), row).into_iter().collect();
                while let Some(&last) = path.last() {
                    let next = first_best(self.children[last].iter().copied(), row);
                    match next.filter(|next| row[*next] >= own[last]) {
                        Some(next) => path.push(next),
                        None => break,
                    }
                }
                path
            }
        }
    }

    /// What each column's score has to reach for the column to be decided, where all columns above it must be too: the highest threshold of
    /// the path to it. `threshold`: of a column alone.
    pub fn thresholds_of_paths(&self, threshold: impl Fn(usize) -> f64) -> Vec<f64> {
        let mut all: Vec<f64> = (0..self.len()).map(threshold).collect();
        for column in &self.order {
            if let Some(parent) = self.parent(*column) {
                all[*column] = all[*column].max(all[parent]);
            }
        }
        all
    }
}

fn first_best(columns: impl Iterator<Item = usize>, row: &[f32]) -> Option<usize> {
    let mut best: Option<(usize, f32)> = None;
    for column in columns {
        let score = row.get(column).copied().unwrap_or(f32::NAN);
        if !score.is_nan() && best.is_none_or(|(_, highest)| score > highest) {
            best = Some((column, score));
        }
    }
    best.map(|(column, _)| column)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn home() -> ColumnTree {
        let paths = [
            "Home",
            "Home > Kitchen",
            "Home > Kitchen > Knives",
            "Home > Garden",
            "Music",
        ];
        let paths: Vec<Vec<&str>> = paths.iter().map(|path| path.split(" > ").collect()).collect();
        ColumnTree::from_paths(&paths).unwrap()
    }

    #[test]
    fn paths_give_parents_levels_and_distances() {
        let tree = home();
        assert_eq!(
            (tree.parent(2), tree.parent(4), tree.level(2), tree.n_levels()),
            (Some(1), None, 2, 3)
        );
        assert_eq!(
            (tree.children(None), tree.children(Some(0))),
            (&[0, 4][..], &[1, 3][..])
        );
        assert_eq!((tree.path(2), tree.closed(&[3, 2])), (vec![0, 1, 2], vec![0, 1, 2, 3]));
        assert_eq!(tree.ends(&[0, 1, 2, 3]), [2, 3]);
        assert_eq!(
            (tree.distance(2, 3), tree.distance(2, 4), tree.distance(2, 2)),
            (Some(3), Some(4), Some(0))
        );
        assert_eq!(tree.distance(2, 9), None);
    }

    #[test]
    fn what_is_no_tree_of_columns_is_none() {
        assert_eq!(ColumnTree::from_paths(&[vec!["Home"], vec!["Music"]]), None);
        assert_eq!(
            ColumnTree::from_paths(&[vec!["Home", "Kitchen"]]),
            None,
            "Home has no column"
        );
        assert_eq!(
            ColumnTree::from_paths(&[vec!["Home"], vec!["Home"], vec!["Home", "Garden"]]),
            None
        );
        assert_eq!(ColumnTree::from_parents(vec![Some(1), Some(0)]), None);
        assert_eq!(ColumnTree::from_parents(vec![Some(7)]), None);
    }

    #[test]
    fn the_best_path_and_the_greedy_one_may_differ() {
        let tree = home();
        // Home is likelier than Music, but no way through it is.
        let mut row = [0.0, 0.0, 0.28, 0.3, 0.42];
        tree.sum_up(&mut row);
        assert!((row[0] - 0.58).abs() < 1e-6 && (row[1] - 0.28).abs() < 1e-6);
        assert_eq!(tree.walk(&row, Walk::BestPath), [4]);
        assert_eq!(tree.walk(&row, Walk::Greedy), [0, 3]);
        let stops = [0.9, 0.3, 0.1, 0.1, 0.1];
        assert_eq!(
            tree.walk(&stops, Walk::Greedy),
            [0],
            "stopping at Home is likelier than any child"
        );
        assert!(tree.walk(&[f32::NAN; 5], Walk::BestPath).is_empty() && tree.walk(&[], Walk::Greedy).is_empty());
    }

    fn trees() -> impl Strategy<Value = (ColumnTree, Vec<f32>)> {
        let parents = prop::collection::vec(any::<prop::sample::Index>(), 1..30).prop_map(|picks| {
            let parent = |(at, pick): (usize, &prop::sample::Index)| match pick.index(at + 1) {
                0 => None,
                above => Some(above - 1),
            };
            picks.iter().enumerate().map(parent).collect::<Vec<_>>()
        });
        parents.prop_flat_map(|parents| {
            let scores = prop::collection::vec(0.0f32..1.0, parents.len());
            (Just(ColumnTree::from_parents(parents).unwrap()), scores)
        })
    }

    proptest! {
        #[test]
        fn no_score_is_above_its_parents((tree, scores) in trees()) {
            let total: f32 = scores.iter().sum::<f32>().max(1e-6);
            let shares: Vec<f32> = scores.iter().map(|score| score / total).collect();
            let (mut summed, mut bounded) = (shares.clone(), scores.clone());
            tree.sum_up(&mut summed);
            tree.bound(&mut bounded);
            for row in [&summed, &bounded] {
                for column in 0..tree.len() {
                    prop_assert!(tree.parent(column).is_none_or(|parent| row[parent] >= row[column]));
                }
            }
            for (own, share) in tree.own(&summed).iter().zip(&shares) {
                prop_assert!((own - share).abs() < 1e-5);
            }
        }

        #[test]
        fn a_walk_is_a_path((tree, mut scores) in trees()) {
            tree.bound(&mut scores);
            for how in Walk::ALL {
                let walk = tree.walk(&scores, how);
                prop_assert_eq!(&walk, &tree.path(*walk.last().unwrap()));
            }
        }
    }
}
