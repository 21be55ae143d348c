//! What was taken for what below one label of a tree: its children, true by decided.

use std::collections::BTreeMap;

use crate::core::ColumnTree;

/// Where a text stands among the children of a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// At this child, or below it.
    Child(usize),
    /// At the label itself, and at none of its children; at the top: without any label.
    Here,
    /// Not at the label.
    Elsewhere,
}

impl Place {
    /// Where the labels of one text, closed upwards, stand among the children of `under` (`None`: at the top): all children they have,
    /// else one of the other two.
    pub fn all(tree: &ColumnTree, under: Option<usize>, labels: &[usize]) -> Vec<Place> {
        if under.is_some_and(|label| !labels.contains(&label)) {
            return vec![Place::Elsewhere];
        }
        let is_child = |label: &&usize| tree.parent(**label) == under;
        let children: Vec<Place> = labels
            .iter()
            .filter(is_child)
            .map(|label| Place::Child(*label))
            .collect();
        match children.is_empty() {
            true => vec![Place::Here],
            false => children,
        }
    }
}

/// Texts by where they truly stand among the children of a label (rows) and where they were put (columns).
///
/// Texts that neither have the label nor were given it are left out. Where a text has one path it is in one cell. Several: for each of its
/// true places it is on the diagonal where that was found, and in the row of each true place under every place that was wrongly given to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BranchConfusion {
    /// The label; `None`: the top.
    pub under: Option<usize>,
    /// Its children in column order, then here and elsewhere where some text stands there.
    pub places: Vec<Place>,
    cells: BTreeMap<(Place, Place), usize>,
    n_true: BTreeMap<Place, usize>,
    n_decided: BTreeMap<Place, usize>,
    n_texts: usize,
}

impl BranchConfusion {
    /// Counts texts; both sides closed upwards. O(texts · labels a text).
    pub fn new(tree: &ColumnTree, under: Option<usize>, truth: &[Vec<usize>], decided: &[Vec<usize>]) -> Self {
        let (mut cells, mut n_true, mut n_decided) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let mut n_texts = 0;
        for (truth, decided) in truth.iter().zip(decided) {
            let (truth, decided) = (Place::all(tree, under, truth), Place::all(tree, under, decided));
            if truth == [Place::Elsewhere] && decided == [Place::Elsewhere] {
                continue;
            }
            n_texts += 1;
            truth.iter().for_each(|place| *n_true.entry(*place).or_default() += 1);
            decided
                .iter()
                .for_each(|place| *n_decided.entry(*place).or_default() += 1);
            for place in &truth {
                let found = decided.contains(place).then_some(place);
                let wrong = decided.iter().filter(|given| !truth.contains(given));
                for given in found.into_iter().chain(wrong) {
                    *cells.entry((*place, *given)).or_default() += 1;
                }
            }
        }
        let children = tree.children(under).iter().map(|child| Place::Child(*child));
        let others = [Place::Here, Place::Elsewhere].into_iter();
        let seen = others.filter(|place| n_true.contains_key(place) || n_decided.contains_key(place));
        BranchConfusion {
            under,
            places: children.chain(seen).collect(),
            cells,
            n_true,
            n_decided,
            n_texts,
        }
    }

    /// Texts of a true place that were put at another, or rightly at the same.
    pub fn count(&self, truth: Place, decided: Place) -> usize {
        self.cells.get(&(truth, decided)).copied().unwrap_or(0)
    }

    /// Texts that truly stand there.
    pub fn n_true(&self, place: Place) -> usize {
        self.n_true.get(&place).copied().unwrap_or(0)
    }

    /// Texts that were put there.
    pub fn n_decided(&self, place: Place) -> usize {
        self.n_decided.get(&place).copied().unwrap_or(0)
    }

    /// Texts counted.
    pub fn n_texts(&self) -> usize {
        self.n_texts
    }

    /// What was mixed up, most frequent first: true place, place given, texts; at most `limit`.
    pub fn most_confused(&self, limit: usize) -> Vec<(Place, Place, usize)> {
        let wrong = self.cells.iter().filter(|((truth, given), _)| truth != given);
        let mut pairs: Vec<_> = wrong.map(|((truth, given), n)| (*truth, *given, *n)).collect();
        pairs.sort_by_key(|(.., n)| std::cmp::Reverse(*n));
        pairs.truncate(limit);
        pairs
    }
}

/// Rows of a cell: texts that truly stand at `place` and were put at `given`, which is the same or none of their true places.
pub fn rows_placed(
    tree: &ColumnTree,
    under: Option<usize>,
    truth: &[Vec<usize>],
    decided: &[Vec<usize>],
    place: Place,
    given: Place,
) -> Vec<usize> {
    let is_in = |(truth, decided): (&Vec<usize>, &Vec<usize>)| {
        let truth = Place::all(tree, under, truth);
        let fits = truth.contains(&place) && (place == given || !truth.contains(&given));
        fits && Place::all(tree, under, decided).contains(&given)
    };
    let rows = truth.iter().zip(decided).enumerate();
    rows.filter(|(_, pair)| is_in(*pair)).map(|(row, _)| row).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// 0 Home, 1 Home > Kitchen, 2 Home > Kitchen > Knives, 3 Home > Garden, 4 Music
    fn home() -> ColumnTree {
        ColumnTree::from_parents(vec![None, Some(0), Some(1), Some(0), None]).unwrap()
    }

    #[test]
    fn texts_stop_here_go_on_or_are_elsewhere() {
        let tree = home();
        let closed = |ends: &[&[usize]]| -> Vec<Vec<usize>> { ends.iter().map(|ends| tree.closed(ends)).collect() };
        let truth = closed(&[&[2], &[2], &[3], &[0], &[4], &[4], &[1]]);
        let decided = closed(&[&[1], &[3], &[3], &[1], &[3], &[4], &[]]);
        let top = BranchConfusion::new(&tree, None, &truth, &decided);
        use Place::{Child, Elsewhere, Here};
        assert_eq!(top.places, [Child(0), Child(4), Here]);
        assert_eq!(
            (top.n_texts(), top.n_true(Child(0)), top.n_decided(Child(4))),
            (7, 5, 1)
        );
        assert_eq!(
            (
                top.count(Child(0), Child(0)),
                top.count(Child(4), Child(0)),
                top.count(Child(0), Here)
            ),
            (4, 1, 1)
        );
        let home = BranchConfusion::new(&tree, Some(0), &truth, &decided);
        assert_eq!(home.places, [Child(1), Child(3), Here, Elsewhere]);
        assert_eq!(home.n_texts(), 6, "Music taken for Music is no concern of Home's");
        assert_eq!((home.count(Child(1), Child(1)), home.count(Child(1), Child(3))), (1, 1));
        assert_eq!(
            (
                home.count(Here, Child(1)),
                home.count(Elsewhere, Child(3)),
                home.count(Child(1), Elsewhere)
            ),
            (1, 1, 1)
        );
        assert_eq!(home.most_confused(1).len(), 1);
        let kitchen = BranchConfusion::new(&tree, Some(1), &truth, &decided);
        assert_eq!(
            (kitchen.count(Child(2), Here), kitchen.count(Child(2), Elsewhere)),
            (1, 1)
        );
        assert_eq!(
            BranchConfusion::new(&tree, Some(4), &truth, &decided).places,
            [Here, Elsewhere]
        );
    }

    proptest! {
        #[test]
        fn cells_hold_the_rows_they_count(
            parents in prop::collection::vec(any::<prop::sample::Index>(), 1..9),
            texts in prop::collection::vec(prop::array::uniform4(any::<prop::sample::Index>()), 0..25),
            several in any::<bool>(),
        ) {
            let parent = |(at, pick): (usize, &prop::sample::Index)| pick.index(at + 1).checked_sub(1);
            let tree = ColumnTree::from_parents(parents.iter().enumerate().map(parent).collect()).unwrap();
            let side = |a: &prop::sample::Index, b: &prop::sample::Index| {
                let (a, b) = (a.index(tree.len()), b.index(tree.len() + 1));
                match b {
                    0 => Vec::new(),
                    b if several => tree.closed(&[a, b - 1]),
                    _ => tree.closed(&[a]),
                }
            };
            let truth: Vec<Vec<usize>> = texts.iter().map(|[a, b, ..]| side(a, b)).collect();
            let decided: Vec<Vec<usize>> = texts.iter().map(|[.., a, b]| side(a, b)).collect();
            for under in std::iter::once(None).chain((0..tree.len()).map(Some)) {
                let counted = BranchConfusion::new(&tree, under, &truth, &decided);
                let mut n = 0;
                for (place, given) in counted.places.iter().flat_map(|a| counted.places.iter().map(move |b| (*a, *b))) {
                    if (place, given) == (Place::Elsewhere, Place::Elsewhere) {
                        continue;
                    }
                    let rows = rows_placed(&tree, under, &truth, &decided, place, given);
                    prop_assert_eq!(rows.len(), counted.count(place, given));
                    n += rows.len();
                }
                // Where a text has one path it is in exactly one cell.
                prop_assert!(several || n == counted.n_texts());
            }
        }
    }
}
