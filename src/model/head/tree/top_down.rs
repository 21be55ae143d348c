//! A classifier for each node with labels below it, fitted on the texts that reach the node.
//!
//! One label a text: which child a text goes on to, or that it stops there, where texts do. Several: which of the children it carries.

use rayon::prelude::*;

use super::super::folds::select;
use super::super::{Examples, FitSettings, HeadError, LogisticHead, Targets};
use super::branching;
use crate::core::ColumnTree;

/// The classifiers, in the order of [`branching`].
pub(super) fn fit(
    examples: Examples<'_>,
    settings: &FitSettings,
    tree: &ColumnTree,
) -> Result<Vec<LogisticHead>, HeadError> {
    let counts = examples.check(settings)?;
    examples.check_learnable(&counts)?;
    let weights = examples.row_weights();
    reaching(examples.targets, tree)
        .par_iter()
        .map(|at| at.fit(examples, &weights, settings))
        .collect()
}

/// The texts that reach a node, and what each does there.
struct Reaching {
    rows: Vec<usize>,
    targets: Targets,
    n_outputs: usize,
}

/// Of each node of [`branching`]. O(texts · levels).
fn reaching(targets: &Targets, tree: &ColumnTree) -> Vec<Reaching> {
    let nodes: Vec<Option<usize>> = branching(tree).collect();
    let (mut place, mut of_node) = (vec![0; tree.len()], vec![0; tree.len()]);
    for (at, node) in nodes.iter().enumerate() {
        let children = tree.children(*node);
        children.iter().enumerate().for_each(|(n, child)| place[*child] = n);
        if let Some(node) = node {
            of_node[*node] = at;
        }
    }
    let empty = |node: &Option<usize>| Reaching {
        rows: Vec::new(),
        targets: match targets {
            Targets::Single(_) => Targets::Single(Vec::new()),
            Targets::Multi(_) => Targets::Multi(Vec::new()),
        },
        n_outputs: tree.children(*node).len(),
    };
    let mut all: Vec<Reaching> = nodes.iter().map(empty).collect();
    for row in 0..targets.len() {
        match targets {
            Targets::Single(_) => {
                let path = targets.of(row).iter().flat_map(|column| tree.path(*column)).collect::<Vec<_>>();
                let mut at = 0;
                for column in path {
                    all[at].add(row, &[place[column]]);
                    at = of_node[column];
                    if tree.is_leaf(column) {
                        break;
                    }
                }
                if targets.of(row).iter().any(|column| !tree.is_leaf(*column)) {
                    let stops = tree.children(nodes[at]).len();
                    all[at].add(row, &[stops]);
                    all[at].n_outputs = stops + 1;
                }
            }
            Targets::Multi(_) => {
                all[0].add(row, &[]);
                let set = targets.of(row);
                set.iter().filter(|column| !tree.is_leaf(**column)).for_each(|column| all[of_node[*column]].add(row, &[]));
                for column in set {
                    let at = tree.parent(*column).map_or(0, |parent| of_node[parent]);
                    if let Targets::Multi(targets) = &mut all[at].targets
                        && let Some(last) = targets.last_mut()
                    {
                        last.push(place[*column]);
                    }
                }
            }
        }
    }
    all
}

impl Reaching {
    fn add(&mut self, row: usize, outputs: &[usize]) {
        self.rows.push(row);
        match &mut self.targets {
            Targets::Single(targets) => targets.extend(outputs),
            Targets::Multi(targets) => targets.push(outputs.to_vec()),
        }
    }

    /// A constant where there is nothing to tell apart: the share of the texts.
    fn fit(
        &self,
        examples: Examples<'_>,
        weights: &[f64],
        settings: &FitSettings,
    ) -> Result<LogisticHead, HeadError> {
        let x = select(examples.x, &self.rows);
        let weights: Vec<f64> = self.rows.iter().map(|row| weights[*row]).collect();
        let here = Examples::new(&x, &self.targets, self.n_outputs).weighted(&weights);
        match LogisticHead::fit(here, settings) {
            Err(HeadError::OneLabel | HeadError::EveryLabelConstant | HeadError::AllAlike | HeadError::NoTexts) => {
                let total: f64 = weights.iter().sum::<f64>().max(f64::MIN_POSITIVE);
                let mut shares = vec![0.0; self.n_outputs];
                for (text, weight) in weights.iter().enumerate() {
                    self.targets.of(text).iter().for_each(|output| shares[*output] += weight / total);
                }
                let link = settings.strategy.link(&self.targets)?;
                Ok(LogisticHead::constant(link, examples.x.dim, shares))
            }
            fitted => fitted,
        }
    }
}
