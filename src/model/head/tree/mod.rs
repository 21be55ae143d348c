//! Heads of labels that form a tree: every score is the probability that a text belongs to a node or below it.
//!
//! Three ways to fit one ([`TreeMethod`]), two ways to hold it: one layer over all answers, or a classifier below each node.

mod nested;
mod stored;
mod top_down;

use rayon::prelude::*;
use serde::{Deserialize, Serialize, Serializer};

use super::{Examples, FitSettings, HeadError, Link, LogisticHead, shape};
use crate::core::ColumnTree;
use crate::model::Embeddings;
use stored::StoredHead;

pub use nested::NestedLoss;

/// Texts whose products are made at a time.
const TEXTS_AT_ONCE: usize = 256;

/// How labels that form a tree are learnt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TreeMethod {
    /// One classifier over all answers, as if they stood side by side; its probabilities are summed up the tree.
    #[default]
    Flat,
    /// A classifier for each node with labels below it, which says where to go on from there or that a text stops there.
    TopDown,
    /// One classifier over all answers, learnt by the loss of whole paths ([`NestedLoss`]).
    Shared,
}

impl TreeMethod {
    /// In the order of [`TreeMethod::NAMES`].
    pub const ALL: [TreeMethod; 3] = [TreeMethod::Flat, TreeMethod::TopDown, TreeMethod::Shared];
    /// The stable names: on the command line and in stored runs.
    pub const NAMES: [&str; 3] = ["flat", "top-down", "shared"];
}

/// The tree that labels form, and how a head is fitted on it.
#[derive(Debug, Clone, Copy)]
pub struct OnTree<'a> {
    /// One column a label.
    pub tree: &'a ColumnTree,
    /// How.
    pub method: TreeMethod,
    /// Level `l` counts e^(−decay · l) in the loss of [`TreeMethod::Shared`]; at least 0.
    pub decay: f64,
}

impl OnTree<'_> {
    /// What a level counts in the loss.
    pub fn level_weight(&self, level: usize) -> f64 {
        level_weight(self.decay, level)
    }

    /// What the strength of the penalty's inverse is multiplied by for the loss of whole paths: with it the deepest level counts against the
    /// penalty what it counts in a flat head, and those above it more. At most [`MOST_STRENGTH`].
    // Means over three draws of clinc150 with 8 texts a label, MiniLM, 2,000 test texts, without unlabelled texts: decay 0.5 at C = 1 without it has
    // coarse accuracy .939 and leaf macro F1 .819, with it .953 and .864, where flat has .952 and .873; at C = 10 .961 and .894 against .960 and .894.
    pub(super) fn strength(&self) -> f64 {
        let deepest = self.tree.n_levels().saturating_sub(1);
        (1.0 / self.level_weight(deepest)).min(MOST_STRENGTH)
    }
}

/// Beyond this a penalty is as good as none.
const MOST_STRENGTH: f64 = 1e3;

fn level_weight(decay: f64, level: usize) -> f64 {
    (-decay * level as f64).exp()
}

/// What turns embeddings into probabilities: a logistic regression, or for labels that form a tree a head on that.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "StoredHead")]
pub enum Head {
    /// Of labels that stand side by side.
    Plain(LogisticHead),
    /// Of labels that form a tree.
    Tree(TreeHead),
}

/// A head whose scores never rise from a node to one below it.
#[derive(Debug, Clone, PartialEq)]
pub struct TreeHead {
    tree: ColumnTree,
    outputs: Outputs,
}

/// What is fitted.
#[derive(Debug, Clone, PartialEq)]
enum Outputs {
    /// One column a node. With a softmax, the probability of each node being the whole answer; with sigmoids, of it being on the text.
    Answers(LogisticHead),
    /// For the top and for each node that is no leaf, parents before children: one output a child, in their order, and perhaps one more for
    /// stopping there.
    Below(Vec<LogisticHead>),
}

impl Head {
    /// Fits on examples as their tree says, a plain logistic regression where they have none; of several labels a text, all labels above
    /// must be among the targets. See [`LogisticHead::fit`] for the objective of each classifier.
    ///
    /// # Errors
    /// Those of [`LogisticHead::fit`]; one-vs-rest with one label a text for [`TreeMethod::Shared`].
    pub fn fit(examples: Examples<'_>, settings: &FitSettings) -> Result<Self, HeadError> {
        Self::refit(examples, settings, None)
    }

    /// Like [`Head::fit`], starting at `previous` where that has the same shape.
    ///
    /// # Errors
    /// Those of [`Head::fit`].
    pub fn refit(
        examples: Examples<'_>,
        settings: &FitSettings,
        previous: Option<&Head>,
    ) -> Result<Self, HeadError> {
        let previous = previous.and_then(Head::answers);
        let Some(on) = examples.tree else {
            return LogisticHead::refit(examples, settings, previous).map(Head::Plain);
        };
        shape("columns of the tree", examples.n_labels, on.tree.len())?;
        let outputs = match on.method {
            TreeMethod::Flat => Outputs::Answers(LogisticHead::refit(examples, settings, previous)?),
            TreeMethod::TopDown => Outputs::Below(top_down::fit(examples, settings, on.tree)?),
            TreeMethod::Shared => Outputs::Answers(LogisticHead::refit_nested(examples, settings, on, previous)?),
        };
        let tree = on.tree.clone();
        Ok(Head::Tree(TreeHead { tree, outputs }))
    }

    /// A head on a tree from one layer over its columns; a plain one where there is no tree.
    ///
    /// # Errors
    /// A layer for another number of columns.
    pub fn of_answers(answers: LogisticHead, tree: Option<&ColumnTree>) -> Result<Self, HeadError> {
        let Some(tree) = tree else {
            return Ok(Head::Plain(answers));
        };
        shape("columns of the tree", answers.n_labels(), tree.len())?;
        Ok(Head::Tree(TreeHead {
            tree: tree.clone(),
            outputs: Outputs::Answers(answers),
        }))
    }

    /// The same on a tree: a plain head becomes one whose probabilities are summed up.
    ///
    /// # Errors
    /// A head of another tree or another number of columns.
    pub fn on(self, tree: Option<&ColumnTree>) -> Result<Self, HeadError> {
        match self {
            Head::Plain(head) => Head::of_answers(head, tree),
            Head::Tree(head) if Some(&head.tree) == tree => Ok(Head::Tree(head)),
            Head::Tree(_) => Err(HeadError::Damaged("its tree is not that of the labels")),
        }
    }

    /// One score per text and label, `(n_texts, n_labels)`. On a tree, the probability of the node or anything below it; else rows sum to 1
    /// where a text has one label.
    ///
    /// # Errors
    /// When the embeddings have another width than those the head was fitted on.
    pub fn predict_proba(&self, x: &Embeddings) -> Result<Vec<Vec<f32>>, HeadError> {
        match self {
            Head::Plain(head) => head.predict_proba(x),
            Head::Tree(head) => head.predict_proba(x),
        }
    }

    /// See [`LogisticHead::logits`]; `None` on a tree.
    ///
    /// # Errors
    /// When the embeddings have another width than those the head was fitted on.
    pub fn logits(&self, x: &Embeddings) -> Result<Option<Vec<Vec<f64>>>, HeadError> {
        match self {
            Head::Plain(head) => head.logits(x),
            Head::Tree(_) => Ok(None),
        }
    }

    /// The one layer over all columns, where there is one.
    fn answers(&self) -> Option<&LogisticHead> {
        match self {
            Head::Plain(head) => Some(head),
            Head::Tree(TreeHead { outputs: Outputs::Answers(head), .. }) => Some(head),
            Head::Tree(_) => None,
        }
    }

    /// The tree of its labels; `None` where they stand side by side.
    pub fn tree(&self) -> Option<&ColumnTree> {
        match self {
            Head::Plain(_) => None,
            Head::Tree(head) => Some(&head.tree),
        }
    }

    /// How logits become probabilities; `None` where each node has a classifier of its own.
    pub fn link(&self) -> Option<Link> {
        self.answers().map(LogisticHead::link)
    }

    /// Classifiers it is made of: 1, or one for each node with labels below it, the top included.
    pub fn n_classifiers(&self) -> usize {
        match self {
            Head::Tree(TreeHead { outputs: Outputs::Below(heads), .. }) => heads.len(),
            _ => 1,
        }
    }

    /// Values per embedding.
    pub fn dim(&self) -> usize {
        match self {
            Head::Tree(TreeHead { outputs: Outputs::Below(heads), .. }) => heads.first().map_or(0, LogisticHead::dim),
            _ => self.answers().map_or(0, LogisticHead::dim),
        }
    }

    /// Labels scored, including those without examples.
    pub fn n_labels(&self) -> usize {
        match self {
            Head::Plain(head) => head.n_labels(),
            Head::Tree(head) => head.tree.len(),
        }
    }
}

impl From<LogisticHead> for Head {
    fn from(head: LogisticHead) -> Head {
        Head::Plain(head)
    }
}

impl Serialize for Head {
    /// A plain head as it has always been; a head on a tree as `{"tree": …}`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Head::Plain(head) => head.serialize(serializer),
            Head::Tree(head) => stored::serialize(head, serializer),
        }
    }
}

impl TreeHead {
    fn predict_proba(&self, x: &Embeddings) -> Result<Vec<Vec<f32>>, HeadError> {
        match &self.outputs {
            Outputs::Answers(head) => {
                let mut rows = head.predict_proba(x)?;
                let several = matches!(head.link(), Link::OneVsRest | Link::Chain);
                rows.par_iter_mut().for_each(|row| match several {
                    true => self.tree.bound(row),
                    false => {
                        self.tree.sum_up(row);
                        // Sums of rounded numbers may end above 1, and are cut off there: no child may be left above.
                        self.tree.bound(row);
                    }
                });
                Ok(rows)
            }
            Outputs::Below(heads) => self.products(heads, x),
        }
    }

    /// The products of the probabilities along each path.
    fn products(&self, heads: &[LogisticHead], x: &Embeddings) -> Result<Vec<Vec<f32>>, HeadError> {
        let dim = heads.first().map_or(0, LogisticHead::dim);
        shape("values per embedding", dim, x.dim)?;
        shape("values in the embeddings", 0, x.data.len() % dim.max(1))?;
        let nodes: Vec<Option<usize>> = branching(&self.tree).collect();
        let of_some = |data: &[f32]| {
            let x: Vec<f64> = data.iter().map(|v| f64::from(*v)).collect();
            let mut rows = vec![vec![0f32; self.tree.len()]; data.len() / dim.max(1)];
            for (node, head) in nodes.iter().zip(heads) {
                for (row, below) in rows.iter_mut().zip(head.probabilities(&x)) {
                    let above = node.map_or(1.0, |node| row[node]);
                    for (child, p) in self.tree.children(*node).iter().zip(below) {
                        row[*child] = above * p.clamp(0.0, 1.0);
                    }
                }
            }
            rows
        };
        Ok(x.data.par_chunks(TEXTS_AT_ONCE * dim.max(1)).flat_map(of_some).collect())
    }
}

/// The top and all nodes with others below them, parents before children: the order of their classifiers.
fn branching(tree: &ColumnTree) -> impl Iterator<Item = Option<usize>> + '_ {
    let nodes = tree.order().iter().copied().filter(|column| !tree.is_leaf(*column));
    std::iter::once(None).chain(nodes.map(Some))
}

#[cfg(test)]
mod tests;
