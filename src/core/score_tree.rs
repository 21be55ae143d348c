//! Scores of a text read along the label tree: which paths they suggest, through which branch they lead, where they are least sure.
//!
//! Columns are labels in any order; labels above them may be missing. Where one label excludes the others a row is either the probability of
//! each label being the whole answer (its scores sum to 1) or of the answer being it or below (they sum to more); both are understood.

use std::collections::HashMap;

use super::metrics::DEFAULT_THRESHOLD;
use super::{ColumnTree, LabelId, LabelTree, TaskKind};

/// Scores that exclude each other sum to at most this where each is of a whole answer; rounding included.
const MOST_OF_WHOLE_ANSWERS: f32 = 1.01;

/// How unsure scores are at one step down the tree.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Doubt {
    /// The label below which the choice is made; `None`: among the roots.
    pub below: Option<LabelId>,
    /// In 0..=1, 1 where two choices are equally likely.
    pub unsure: f32,
}

/// The tree that the labels of score columns form.
#[derive(Debug, Clone)]
pub struct ScoreTree {
    task: TaskKind,
    labels: Vec<LabelId>,
    columns: HashMap<LabelId, usize>,
    /// Of every label above a column that has none: the topmost columns below it.
    below_missing: HashMap<LabelId, Vec<usize>>,
    tree: ColumnTree,
}

impl ScoreTree {
    /// `labels`: in the order of the columns. A column stands below the nearest label above it that has a column.
    pub fn new(task: TaskKind, tree: &LabelTree, labels: &[LabelId]) -> ScoreTree {
        let columns: HashMap<LabelId, usize> = labels.iter().copied().zip(0..).collect();
        let mut below_missing: HashMap<LabelId, Vec<usize>> = HashMap::new();
        let mut parents = Vec::with_capacity(labels.len());
        for (column, id) in labels.iter().enumerate() {
            let mut parent = None;
            for above in tree.ancestry(*id).into_iter().skip(1) {
                parent = columns.get(&above.id).copied();
                if parent.is_some() {
                    break;
                }
                below_missing.entry(above.id).or_default().push(column);
            }
            parents.push(parent);
        }
        // Parents among columns come from a tree, so that they form one; columns that are there twice are taken one by one.
        let flat = || ColumnTree::from_parents(vec![None; labels.len()]);
        let tree = ColumnTree::from_parents(parents)
            .or_else(flat)
            .unwrap_or_else(ColumnTree::empty);
        ScoreTree {
            task,
            labels: labels.to_vec(),
            columns,
            below_missing,
            tree,
        }
    }

    /// Whether any column stands below another.
    pub fn is_deep(&self) -> bool {
        self.tree.n_levels() > 1
    }

    /// Probability of the answer being each column or below it: single-label scores are summed up from below, multi-label scores are at
    /// least those below. `None` for rows of another length or with a score that is no number.
    pub fn masses(&self, scores: &[f32]) -> Option<Vec<f32>> {
        if scores.len() != self.labels.len() || scores.is_empty() || scores.iter().any(|score| score.is_nan()) {
            return None;
        }
        let mut masses = scores.to_vec();
        match self.task {
            TaskKind::SingleLabel if is_cumulative(scores) => self.tree.bound(&mut masses),
            TaskKind::SingleLabel => self.tree.sum_up(&mut masses),
            TaskKind::MultiLabel => {
                for column in self.tree.order().iter().rev() {
                    let score = masses.get(*column).copied().unwrap_or(0.0);
                    if let Some(above) = self.tree.parent(*column).and_then(|parent| masses.get_mut(parent)) {
                        *above = above.max(score);
                    }
                }
            }
        }
        Some(masses)
    }

    /// Whole answers, the likeliest first: where labels exclude each other each with its probability of being all there is to say, else those
    /// with no likely label below them with their own. Ties go to the first column.
    pub fn answers(&self, scores: &[f32]) -> Vec<(LabelId, f32)> {
        let mut answers = self.unsorted(scores);
        answers.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let label = |(column, score): (usize, f32)| Some((*self.labels.get(column)?, score));
        answers.into_iter().filter_map(label).collect()
    }

    /// The first of [`ScoreTree::answers`]. O(columns).
    pub fn best(&self, scores: &[f32]) -> Option<(LabelId, f32)> {
        let answers = self.unsorted(scores).into_iter();
        let (column, score) = answers.max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)))?;
        Some((*self.labels.get(column)?, score))
    }

    fn unsorted(&self, scores: &[f32]) -> Vec<(usize, f32)> {
        let Some(masses) = self.masses(scores) else {
            return Vec::new();
        };
        match self.task {
            TaskKind::SingleLabel => self.tree.own(&masses).into_iter().enumerate().collect(),
            TaskKind::MultiLabel => {
                let is_likely = |column: &usize| f64::from(masses[*column]) >= DEFAULT_THRESHOLD;
                let goes_on = |column: usize| self.tree.children(Some(column)).iter().any(is_likely);
                let ends = masses
                    .iter()
                    .copied()
                    .enumerate()
                    .filter(|(column, _)| !goes_on(*column));
                ends.collect()
            }
        }
    }

    /// Whether the suggested path leads through a label: the likeliest way from the top down (single-label), or where the label is as likely as
    /// not, or the likeliest of all (multi-label).
    pub fn leads_through(&self, scores: &[f32], branch: LabelId) -> bool {
        let Some(masses) = self.masses(scores) else {
            return false;
        };
        let own;
        let columns = match self.columns.get(&branch) {
            Some(column) => {
                own = [*column];
                &own[..]
            }
            None => self.below_missing.get(&branch).map(Vec::as_slice).unwrap_or_default(),
        };
        match self.task {
            TaskKind::SingleLabel => {
                let way = self.tree.walk(&masses, super::Walk::Greedy);
                way.iter().any(|column| columns.contains(column))
            }
            TaskKind::MultiLabel => {
                let most = masses.iter().copied().fold(0.0, f32::max);
                let of_branch = columns
                    .iter()
                    .filter_map(|column| masses.get(*column))
                    .copied()
                    .fold(0.0, f32::max);
                of_branch > 0.0 && (f64::from(of_branch) >= DEFAULT_THRESHOLD || of_branch >= most)
            }
        }
    }

    /// Where a text's scores are least sure on the way down, and how much; `None` when they say nothing.
    ///
    /// Single-label: from the top along the likeliest child; at each step 1 minus the margin between the two likeliest ways to go on, a child or
    /// ending here, given that one has come so far. The margin is that of Scheffer et al. (*Active hidden Markov models*, 2001), taken at
    /// every node as top-down classifiers decide (Koller & Sahami, *Hierarchically classifying documents using very few words*, 1997), so that a text
    /// that is surely kitchenware but could be a knife or a pan counts as much as one between two roots. Multi-label: how near the closest score
    /// is to 0.5 among roots and children of labels that are decided.
    pub fn doubt(&self, scores: &[f32]) -> Option<Doubt> {
        let masses = self.masses(scores)?;
        let mass = |column: usize| masses.get(column).copied().unwrap_or(0.0);
        let mut most: Option<(Option<usize>, f32)> = None;
        let mut note = |below: Option<usize>, unsure: f32| {
            if most.is_none_or(|(_, known)| unsure > known) {
                most = Some((below, unsure.clamp(0.0, 1.0)));
            }
        };
        match self.task {
            TaskKind::SingleLabel => {
                let own = self.tree.own(&masses);
                let mut at = None;
                loop {
                    let children = self.tree.children(at);
                    let (mut best, mut first, mut second) = (None, 0.0, 0.0_f32);
                    for child in children {
                        let mass = mass(*child);
                        if best.is_none() || mass > first {
                            (best, second, first) = (Some(*child), first, mass);
                        } else {
                            second = second.max(mass);
                        }
                    }
                    let (Some(best), false) = (best, children.is_empty()) else {
                        break;
                    };
                    let here: f32 = at.map_or_else(|| children.iter().map(|child| mass(*child)).sum(), mass);
                    if here <= f32::EPSILON {
                        note(at, 1.0);
                        break;
                    }
                    let ending = at.and_then(|at| own.get(at)).copied().unwrap_or(0.0);
                    note(at, 1.0 - (first - second.max(ending)).abs() / here);
                    if ending > first {
                        break;
                    }
                    at = Some(best);
                }
            }
            TaskKind::MultiLabel => {
                for column in 0..self.labels.len() {
                    let parent = self.tree.parent(column);
                    if parent.is_none_or(|parent| f64::from(mass(parent)) >= DEFAULT_THRESHOLD) {
                        let off_line = (f64::from(mass(column)) - DEFAULT_THRESHOLD).abs() as f32;
                        note(parent, 1.0 - 2.0 * off_line);
                    }
                }
            }
        }
        most.map(|(below, unsure)| Doubt {
            below: below.and_then(|column| self.labels.get(column)).copied(),
            unsure,
        })
    }
}

fn is_cumulative(scores: &[f32]) -> bool {
    scores.iter().sum::<f32>() > MOST_OF_WHOLE_ANSWERS
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::core::Label;

    /// 1 > 2, 1 > 3, 4 > 5.
    fn labels() -> LabelTree {
        let label = |id: i64, parent: Option<i64>| Label {
            id: LabelId(id),
            name: format!("n{id}"),
            parent: parent.map(LabelId),
            position: id,
            color: None,
            key: None,
            description: String::new(),
        };
        LabelTree::new([
            label(1, None),
            label(2, Some(1)),
            label(3, Some(1)),
            label(4, None),
            label(5, Some(4)),
        ])
    }

    fn tree(task: TaskKind, columns: &[i64]) -> ScoreTree {
        let columns: Vec<LabelId> = columns.iter().copied().map(LabelId).collect();
        ScoreTree::new(task, &labels(), &columns)
    }

    #[test]
    fn doubt_is_found_at_the_step_where_it_is() {
        let tree = tree(TaskKind::SingleLabel, &[1, 2, 3, 4, 5]);
        let sure_of_root = tree.doubt(&[0.0, 0.48, 0.47, 0.0, 0.05]).unwrap();
        assert_eq!(sure_of_root.below, Some(LabelId(1)));
        assert!((sure_of_root.unsure - (1.0 - 0.01 / 0.95)).abs() < 1e-4);
        let between_roots = tree.doubt(&[0.0, 0.5, 0.0, 0.0, 0.5]).unwrap();
        assert_eq!((between_roots.below, between_roots.unsure), (None, 1.0));
        let sure = tree.doubt(&[0.0, 0.98, 0.01, 0.0, 0.01]).unwrap();
        assert!(sure.unsure < 0.05, "{sure:?}");
        let ends_above = tree.doubt(&[0.5, 0.45, 0.0, 0.0, 0.05]).unwrap();
        assert_eq!(ends_above.below, Some(LabelId(1)), "ending here is a choice too");
        assert_eq!(tree.doubt(&[0.5, f32::NAN, 0.0, 0.0, 0.0]), None);
        assert_eq!(tree.doubt(&[0.5]), None);
    }

    #[test]
    fn both_kinds_of_rows_suggest_the_same() {
        let tree = tree(TaskKind::SingleLabel, &[1, 2, 3, 4, 5]);
        let own = [0.1, 0.5, 0.1, 0.1, 0.2];
        let cumulative = [0.7, 0.5, 0.1, 0.3, 0.2];
        assert_eq!(tree.answers(&own)[0].0, LabelId(2));
        let order = |row: &[f32]| -> Vec<i64> { tree.answers(row).iter().take(2).map(|(id, _)| id.0).collect() };
        assert_eq!(order(&own), order(&cumulative));
        assert!(tree.leads_through(&own, LabelId(1)) && tree.leads_through(&cumulative, LabelId(2)));
        assert!(!tree.leads_through(&own, LabelId(4)));
    }

    #[test]
    fn several_answers_end_where_nothing_below_is_likely() {
        let tree = tree(TaskKind::MultiLabel, &[1, 2, 3, 4, 5]);
        let answers = tree.answers(&[0.8, 0.7, 0.1, 0.6, 0.3]);
        let ids: Vec<i64> = answers.iter().map(|(id, _)| id.0).collect();
        assert_eq!(ids, [2, 4, 5, 3]);
        let doubt = tree.doubt(&[0.9, 0.95, 0.45, 0.1, 0.5]).unwrap();
        assert_eq!(doubt.below, None, "5 lifts 4 to the line");
        let doubt = tree.doubt(&[0.9, 0.95, 0.45, 0.1, 0.2]).unwrap();
        assert_eq!(doubt.below, Some(LabelId(1)));
    }

    #[test]
    fn labels_above_that_have_no_column_still_are_branches() {
        let tree = tree(TaskKind::SingleLabel, &[2, 3, 5]);
        assert!(!tree.is_deep());
        assert!(tree.leads_through(&[0.6, 0.2, 0.2], LabelId(1)));
        assert!(!tree.leads_through(&[0.6, 0.2, 0.2], LabelId(4)));
    }

    proptest! {
        #[test]
        fn answers_and_doubt_hold_whatever_the_scores(row in prop::collection::vec(0.0_f32..1.0, 5), multi: bool) {
            let task = if multi { TaskKind::MultiLabel } else { TaskKind::SingleLabel };
            let tree = tree(task, &[1, 2, 3, 4, 5]);
            let masses = tree.masses(&row).unwrap();
            prop_assert!(masses[1] <= masses[0] && masses[2] <= masses[0] && masses[4] <= masses[3]);
            let unsure = tree.doubt(&row).unwrap().unsure;
            prop_assert!((0.0..=1.0).contains(&unsure));
            let answers = tree.answers(&row);
            prop_assert_eq!(answers.first().copied(), tree.best(&row));
            prop_assert!(answers.windows(2).all(|pair| pair[0].1 >= pair[1].1));
        }
    }
}
