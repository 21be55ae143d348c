//! What the options say of labels that form a tree.

use crate::core::ColumnTree;
use crate::model::head::{OnTree, TreeMethod};
use crate::train::{Options, TrainError, TrainingSet};

/// The values of the option `pair_target`, in this order.
pub(super) const PAIR_TARGETS: [&str; 2] = ["same", "tree"];

/// Methods without the options learn flat.
pub(super) fn on<'a>(tree: &'a ColumnTree, options: &Options) -> OnTree<'a> {
    let named = options.word("tree");
    let method = TreeMethod::NAMES.iter().position(|name| *name == named);
    OnTree {
        tree,
        method: method.map_or(TreeMethod::Flat, |at| TreeMethod::ALL[at]),
        decay: options.get("level_weight"),
    }
}

/// Whether cosines of texts are to follow the tree.
pub(super) fn grades_pairs(set: &TrainingSet, options: &Options) -> bool {
    set.tree.is_some() && options.word("pair_target") == PAIR_TARGETS[1]
}

/// An error where settings ask for what does not go together on a tree.
///
/// # Errors
/// Cosines by distance with a loss that knows only alike and not alike; a loss of whole paths with focal factors or smoothing.
pub(super) fn refuse_contradictions(set: &TrainingSet, options: &Options) -> Result<(), TrainError> {
    let Some(on) = set.on_tree(options) else { return Ok(()) };
    let loss = options.word("loss");
    if grades_pairs(set, options) && !matches!(loss, "auto" | "cosine") {
        return Err(TrainError::BadSet(format!(
            "pair_target=tree gives every two texts a cosine to aim at, and the loss {loss} knows none; use loss=cosine, or pair_target=same"
        )));
    }
    let single = set.task == crate::core::TaskKind::SingleLabel;
    if on.method == TreeMethod::Shared && single && (loss == "focal" || options.get("label_smoothing") > 0.0) {
        return Err(TrainError::BadSet(
            "tree=shared has a loss of its own, without focal factors and label smoothing; use loss=cross_entropy and label_smoothing=0, or tree=flat or top-down".into(),
        ));
    }
    Ok(())
}

/// The cosine that two texts should have, by how near their labels are: 1 where they share one, else half of the share of the way between the
/// nearest two that does not lead over the top. Siblings come closer than strangers, whose cosine is 0.
pub(super) fn cosine(tree: &ColumnTree, one: &[usize], other: &[usize]) -> f32 {
    let of_two = |a: usize, b: usize| {
        let apart = (tree.level(a) + tree.level(b) + 2) as f32;
        match tree.distance(a, b) {
            Some(0) => 1.0,
            Some(distance) => 0.5 * (1.0 - distance as f32 / apart),
            None => 0.0,
        }
    };
    let pairs = one.iter().flat_map(|a| other.iter().map(move |b| (*a, *b)));
    pairs.map(|(a, b)| of_two(a, b)).fold(0.0, f32::max)
}
