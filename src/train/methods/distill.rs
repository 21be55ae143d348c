//! The options of distillation.

use super::Method;
use super::shared::{
    FOLD_BY, FOLDS, FREEZE_LAYERS, HEAD_C, LEARNING_RATE, MAX_GRAD_NORM, NUM_EPOCHS, WARMUP, WEIGHT_DECAY,
};
use crate::train::{OptionSpec, Range, distill};

pub(super) const DISTILL: Method = Method {
    id: "distill",
    title: "Distillation",
    summary: "A smaller encoder learns from a finished run over the project's unlabelled texts: nearly as good, and quicker in use.",
    needs_teacher: true,
    options: &[
        OptionSpec {
            id: "max_unlabelled",
            title: "Unlabelled texts",
            unit: "texts",
            range: Range::Whole { min: 1, max: 1_000_000 },
            default: 5000.0,
            help: "The teacher is asked about at most this many texts that nobody has labelled, drawn at random. More help, and take longer.",
            advanced: false,
        },
        NUM_EPOCHS,
        LEARNING_RATE,
        OptionSpec {
            id: "batch_size",
            title: "Batch size",
            unit: "texts",
            range: Range::Whole { min: 2, max: 512 },
            default: 32.0,
            help: "Texts per step, all of whose pairs are compared. Larger batches take more memory and make fewer, steadier steps.",
            advanced: false,
        },
        FREEZE_LAYERS,
        WARMUP,
        WEIGHT_DECAY,
        MAX_GRAD_NORM,
        HEAD_C,
        FOLDS,
        FOLD_BY,
    ],
    run: distill::run,
};
