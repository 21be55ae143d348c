//! The options of the quick probe.

use super::Method;
use super::shared::{
    CHOOSE_C, CLASS_WEIGHT, FOLD_BY, FOLDS, HEAD_C, LEVEL_WEIGHT, PILE, STRATEGY, TREE, WALK,
};
use crate::train::probe;

pub(super) const PROBE: Method = Method {
    id: "probe",
    title: "Quick probe",
    summary: "Logistic regression on the encoder's embeddings as they are: seconds, good for a first look.",
    needs_teacher: false,
    options: &[
        PILE,
        TREE,
        WALK,
        LEVEL_WEIGHT,
        HEAD_C,
        CHOOSE_C,
        CLASS_WEIGHT,
        STRATEGY,
        FOLDS,
        FOLD_BY,
    ],
    run: probe::run,
};
