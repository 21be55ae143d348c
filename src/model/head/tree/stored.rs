//! A head of either kind as it lies in a file, and the check that its parts fit together.

use serde::{Deserialize, Serialize, Serializer};

use super::super::stored::Stored;
use super::super::{HeadError, Link, LogisticHead};
use super::{Head, Outputs, TreeHead, branching};
use crate::core::ColumnTree;
use crate::core::label::MAX_DEPTH;

/// A head as read from a file: the fields of a plain one, or `tree`.
#[derive(Deserialize)]
pub(super) struct StoredHead {
    tree: Option<StoredTree>,
    dim: Option<usize>,
    link: Option<Link>,
    #[serde(default)]
    fitted: Vec<usize>,
    #[serde(default)]
    weights: Vec<f64>,
    #[serde(default)]
    intercepts: Vec<f64>,
    #[serde(default)]
    constants: Vec<f64>,
    #[serde(default)]
    chain: Vec<f64>,
}

#[derive(Deserialize)]
struct StoredTree {
    parents: Vec<Option<usize>>,
    answers: Option<LogisticHead>,
    below: Option<Vec<LogisticHead>>,
}

#[derive(Serialize)]
struct Written<'a> {
    tree: WrittenTree<'a>,
}

#[derive(Serialize)]
struct WrittenTree<'a> {
    /// The column above each; null at the top.
    parents: Vec<Option<usize>>,
    /// One classifier over all columns.
    #[serde(skip_serializing_if = "Option::is_none")]
    answers: Option<&'a LogisticHead>,
    /// A classifier for the top and for each column with others below it, parents before children, siblings ascending.
    #[serde(skip_serializing_if = "Option::is_none")]
    below: Option<&'a [LogisticHead]>,
}

pub(super) fn serialize<S: Serializer>(head: &TreeHead, serializer: S) -> Result<S::Ok, S::Error> {
    let (answers, below) = match &head.outputs {
        Outputs::Answers(head) => (Some(head), None),
        Outputs::Below(heads) => (None, Some(heads.as_slice())),
    };
    let parents = (0..head.tree.len()).map(|column| head.tree.parent(column)).collect();
    let tree = WrittenTree { parents, answers, below };
    Written { tree }.serialize(serializer)
}

impl TryFrom<StoredHead> for Head {
    type Error = HeadError;

    fn try_from(stored: StoredHead) -> Result<Self, HeadError> {
        if let Some(tree) = stored.tree {
            return TreeHead::try_from(tree).map(Head::Tree);
        }
        let (Some(dim), Some(link)) = (stored.dim, stored.link) else {
            return Err(HeadError::Damaged("it has no size or no link"));
        };
        let plain = Stored {
            dim,
            link,
            fitted: stored.fitted,
            weights: stored.weights,
            intercepts: stored.intercepts,
            constants: stored.constants,
            chain: stored.chain,
        };
        LogisticHead::try_from(plain).map(Head::Plain)
    }
}

impl TryFrom<StoredTree> for TreeHead {
    type Error = HeadError;

    fn try_from(stored: StoredTree) -> Result<Self, HeadError> {
        let tree = ColumnTree::from_parents(stored.parents).filter(|tree| tree.n_levels() <= MAX_DEPTH);
        let Some(tree) = tree else {
            return Err(HeadError::Damaged("its labels form no tree, or one that is too deep"));
        };
        let outputs = match (stored.answers, stored.below) {
            (Some(head), None) if head.n_labels() == tree.len() => Outputs::Answers(head),
            (None, Some(heads)) => {
                let fits = |(node, head): (Option<usize>, &LogisticHead)| {
                    let n_children = tree.children(node).len();
                    (n_children..=n_children + 1).contains(&head.n_labels()) && head.dim() == heads[0].dim()
                };
                if heads.len() != branching(&tree).count() || !branching(&tree).zip(&heads).all(fits) {
                    return Err(HeadError::Damaged("its classifiers are not those of its tree"));
                }
                Outputs::Below(heads)
            }
            _ => return Err(HeadError::Damaged("it is not one classifier over its tree, nor one for each node")),
        };
        Ok(TreeHead { tree, outputs })
    }
}
