//! The options of fine-tuning.

use super::Method;
use super::shared::{
    CHECKPOINT_EVERY, FREEZE_LAYERS, LORA_ALPHA, LORA_RANK, LORA_TARGETS, MAX_GRAD_NORM, WARMUP, WEIGHT_DECAY,
};
use crate::train::{OptionSpec, Range, finetune};

pub(super) const FINETUNE: Method = Method {
    id: "finetune",
    title: "Fine-tuning",
    summary: "The encoder and a linear layer learn the labels directly: minutes to hours, for hundreds per label.",
    options: &[
        OptionSpec {
            id: "num_epochs",
            title: "Epochs",
            unit: "",
            range: Range::Whole { min: 1, max: 100 },
            default: 3.0,
            help: "How often every text is gone through. Fewer are enough when there are many texts.",
            advanced: false,
        },
        OptionSpec {
            id: "learning_rate",
            title: "Learning rate",
            unit: "",
            range: Range::Real { min: 1e-7, max: 1e-2 },
            default: 5e-5,
            help: "How far each step moves the weights. Lower it when the loss jumps about.",
            advanced: false,
        },
        OptionSpec {
            id: "batch_size",
            title: "Batch size",
            unit: "texts",
            range: Range::Whole { min: 1, max: 1024 },
            default: 32.0,
            help: "Texts per step. Larger batches take more memory and make fewer, steadier steps.",
            advanced: false,
        },
        OptionSpec {
            id: "max_length",
            title: "Longest text",
            unit: "tokens",
            range: Range::Whole { min: 8, max: 8192 },
            default: 128.0,
            help: "Longer texts lose their end, in training and in use. Time and memory grow with it; never more than the encoder takes.",
            advanced: false,
        },
        FREEZE_LAYERS,
        LORA_RANK,
        LORA_ALPHA,
        LORA_TARGETS,
        WARMUP,
        WEIGHT_DECAY,
        MAX_GRAD_NORM,
        CHECKPOINT_EVERY,
    ],
    run: finetune::run,
};
