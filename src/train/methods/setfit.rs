//! The options of SetFit.

use super::Method;
use super::shared::{
    CHECKPOINT_EVERY, FOLDS, FREEZE_LAYERS, HEAD_C, LORA_ALPHA, LORA_RANK, LORA_TARGETS, MAX_GRAD_NORM, WARMUP,
    WEIGHT_DECAY,
};
use crate::train::{OptionSpec, Range, setfit};

pub(super) const SETFIT: Method = Method {
    id: "setfit",
    title: "SetFit",
    summary: "Tunes the encoder on pairs of texts that do or do not share a label, then fits the head: minutes, best with few examples.",
    options: &[
        OptionSpec {
            id: "num_iterations",
            title: "Iterations",
            unit: "times a text",
            range: Range::Whole { min: 1, max: 200 },
            default: 20.0,
            help: "How often each text comes up: in a batch with the sampler fast, in a pair with a text of its label and one of another with the sampler iterations. Time grows with it; fewer are enough when there are many texts.",
            advanced: false,
        },
        OptionSpec {
            id: "sampler",
            title: "Sampler",
            unit: "",
            range: Range::Choice(&setfit::SAMPLERS),
            default: 0.0,
            help: "Where pairs come from. fast: batches of distinct texts, all of whose pairs are compared. iterations: pairs drawn one by one, as setfit's num_iterations does; its usual learning rate is 2e-5, and it takes longer.",
            advanced: true,
        },
        OptionSpec {
            id: "learning_rate",
            title: "Learning rate",
            unit: "",
            range: Range::Real { min: 1e-7, max: 1e-2 },
            default: 5e-5,
            help: "How far each step moves the encoder. Lower it when the loss jumps about; 2e-5 is usual with the sampler iterations.",
            advanced: false,
        },
        OptionSpec {
            id: "batch_size",
            title: "Batch size",
            unit: "pairs",
            range: Range::Whole { min: 2, max: 256 },
            default: 16.0,
            help: "Pairs per step; with the sampler fast, half the texts. Larger batches take more memory and make fewer, steadier steps.",
            advanced: false,
        },
        OptionSpec {
            id: "num_epochs",
            title: "Epochs",
            unit: "",
            range: Range::Whole { min: 1, max: 20 },
            default: 1.0,
            help: "How often the iterations are gone through, each time with new pairs.",
            advanced: true,
        },
        FREEZE_LAYERS,
        LORA_RANK,
        LORA_ALPHA,
        LORA_TARGETS,
        WARMUP,
        WEIGHT_DECAY,
        MAX_GRAD_NORM,
        HEAD_C,
        FOLDS,
        CHECKPOINT_EVERY,
    ],
    run: setfit::run,
};
