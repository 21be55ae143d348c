//! The loss of a whole path, on logits of answers.
//!
//! Bertinetto et al., *Making Better Mistakes: Leveraging Class Hierarchies with Deep Networks* (2020): hierarchical cross-entropy.

use super::level_weight;
use crate::core::ColumnTree;

/// `Σ λ(level) · −ln p(node | parent)` over the path to a text's answer, with λ(level) = e^(−decay · level).
///
/// Probabilities of answers are a softmax over their logits, those of nodes the sums of what lies below them. An answer that is an inner node
/// adds a last step: stopping there. Without decay this is cross-entropy over the answers. In f64; O(levels · answers) a text.
#[derive(Debug, Clone)]
pub struct NestedLoss {
    /// Answers in an order in which those below a node stand side by side.
    order: Vec<usize>,
    /// Of each answer, from the top to itself: the stretches of `order` its path leads through.
    paths: Vec<Vec<(usize, usize)>>,
    decay: f64,
}

impl NestedLoss {
    /// For the answers `columns`, ascending: logit `i` is of `columns[i]`.
    pub fn new(tree: &ColumnTree, columns: &[usize], decay: f64) -> Self {
        let mut answer = vec![None; tree.len()];
        for (at, column) in columns.iter().enumerate() {
            if let Some(answer) = answer.get_mut(*column) {
                *answer = Some(at);
            }
        }
        let mut order = Vec::with_capacity(columns.len());
        let mut stretch = vec![(0, 0); tree.len()];
        let mut own = vec![(0, 0); columns.len()];
        // A node is left when it comes up the second time.
        let mut ahead: Vec<(usize, bool)> = tree.children(None).iter().rev().map(|root| (*root, false)).collect();
        while let Some((column, left)) = ahead.pop() {
            if left {
                stretch[column].1 = order.len();
                continue;
            }
            stretch[column].0 = order.len();
            if let Some(at) = answer[column] {
                own[at] = (order.len(), order.len() + 1);
                order.push(at);
            }
            ahead.push((column, true));
            ahead.extend(tree.children(Some(column)).iter().rev().map(|child| (*child, false)));
        }
        let path = |(at, column): (usize, &usize)| {
            let above = tree.path(*column).into_iter().map(|column| stretch[column]);
            above.chain([own[at]]).collect()
        };
        NestedLoss {
            paths: columns.iter().enumerate().map(path).collect(),
            order,
            decay,
        }
    }

    /// The loss of a text whose answer is the one at `answer`; its logits, one an answer, become the gradient.
    pub fn evaluate(&self, logits: &mut [f64], answer: usize) -> f64 {
        let z: Vec<f64> = self.order.iter().map(|at| logits[*at]).collect();
        let mut gradient = vec![0.0; z.len()];
        let path = self.paths.get(answer).map(Vec::as_slice).unwrap_or_default();
        let (mut loss, mut before) = (0.0, 0.0);
        let stretches = std::iter::once((0, z.len())).chain(path.iter().copied());
        for (level, (from, to)) in stretches.enumerate() {
            // What ends here counts λ of the level before, what begins here λ of the next.
            let next = if level < path.len() { level_weight(self.decay, level) } else { 0.0 };
            let factor = next - before;
            before = next;
            if factor == 0.0 {
                continue;
            }
            let (z, gradient) = (&z[from..to], &mut gradient[from..to]);
            let most = z.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let exps: Vec<f64> = z.iter().map(|z| (z - most).exp()).collect();
            let sum: f64 = exps.iter().sum();
            loss += factor * (most + sum.ln());
            gradient.iter_mut().zip(&exps).for_each(|(slope, exp)| *slope += factor * exp / sum);
        }
        for (at, slope) in self.order.iter().zip(gradient) {
            logits[*at] = slope;
        }
        loss
    }
}
