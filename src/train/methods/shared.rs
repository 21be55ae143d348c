//! Options that several methods have.

use crate::core::run::WALK as WALK_ID;
use crate::model::LoraTargets;
use crate::model::head::{ClassWeight, DEFAULT_C, Strategy, TreeMethod};
use crate::train::{OptionSpec, Range, folds, pile};

pub(super) const TREE: OptionSpec = OptionSpec {
    id: "tree",
    title: "Tree",
    unit: "",
    range: Range::Choice(&TreeMethod::NAMES),
    default: 0.0,
    help: "How labels that form a tree are learnt. flat: side by side, and what lies below a label is summed up. top-down: a classifier below each label, first coarse, then fine. shared: side by side, by a loss of the whole path. No effect where labels form no tree.",
    advanced: false,
};

pub(super) const WALK: OptionSpec = OptionSpec {
    id: WALK_ID,
    title: "Path",
    unit: "",
    range: Range::Choice(&WALKS),
    default: 0.0,
    help: "How one path is found in a tree. best-path: the likeliest whole path. greedy: from the top, always the likeliest label below. Only where a text has one label and labels form a tree.",
    advanced: true,
};

/// In the order of [`crate::core::Walk::ALL`].
const WALKS: [&str; 2] = ["best-path", "greedy"];

pub(super) const LEVEL_WEIGHT: OptionSpec = OptionSpec {
    id: "level_weight",
    title: "Decay by level",
    unit: "",
    range: Range::Real { min: 0.0, max: 5.0 },
    default: 0.5,
    help: "With tree=shared, level l counts e to the power of minus this times l in the loss: the higher, the more the coarse labels matter. 0 weighs all levels the same, which is what flat does.",
    advanced: true,
};

pub(super) const NUM_EPOCHS: OptionSpec = OptionSpec {
    id: "num_epochs",
    title: "Epochs",
    unit: "",
    range: Range::Whole { min: 1, max: 100 },
    default: 3.0,
    help: "How often every text is gone through. Fewer are enough when there are many texts.",
    advanced: false,
};

pub(super) const LEARNING_RATE: OptionSpec = OptionSpec {
    id: "learning_rate",
    title: "Learning rate",
    unit: "",
    range: Range::Real { min: 1e-7, max: 1e-2 },
    default: 5e-5,
    help: "How far each step moves the encoder. Lower it when the loss jumps about.",
    advanced: false,
};

pub(super) const FREEZE_LAYERS: OptionSpec = OptionSpec {
    id: "freeze_layers",
    title: "Frozen layers",
    unit: "layers from below",
    range: Range::Whole { min: 0, max: 255 },
    default: 0.0,
    help: "The lowest layers and the word embeddings stay as they are, and what they make of each text is computed once: faster, and less to learn with.",
    advanced: true,
};

pub(super) const WARMUP: OptionSpec = OptionSpec {
    id: "warmup",
    title: "Warm-up",
    unit: "share of the steps",
    range: Range::Real { min: 0.0, max: 1.0 },
    default: 0.1,
    help: "The learning rate rises to its full value over this share of the steps, then falls to zero.",
    advanced: true,
};

pub(super) const WEIGHT_DECAY: OptionSpec = OptionSpec {
    id: "weight_decay",
    title: "Weight decay",
    unit: "",
    range: Range::Real { min: 0.0, max: 1.0 },
    default: 0.01,
    help: "Pulls weights towards zero at every step; biases and normalisation weights are left out.",
    advanced: true,
};

pub(super) const MAX_GRAD_NORM: OptionSpec = OptionSpec {
    id: "max_grad_norm",
    title: "Gradient clipping",
    unit: "",
    range: Range::Real { min: 1e-3, max: 1e6 },
    default: 1.0,
    help: "Gradients longer than this are shortened to it, so that one odd batch cannot do harm.",
    advanced: true,
};

pub(super) const HEAD_C: OptionSpec = OptionSpec {
    id: "c",
    title: "Head strength C",
    unit: "",
    range: Range::Real { min: 1e-6, max: 1e6 },
    default: DEFAULT_C,
    help: "Inverse regularisation of the logistic head. Raise it to fit the examples more closely, lower it when labels are noisy.",
    advanced: true,
};

pub(super) const CHOOSE_C: OptionSpec = OptionSpec {
    id: "choose_c",
    title: "Choose C",
    unit: "",
    range: Range::Choice(&["off", "on"]),
    default: 0.0,
    help: "Takes the C, from 0.1 to 100, whose heads do best on training texts they did not see, instead of the one given: some tens of fits more, worth it where there are many labels or wrong ones.",
    advanced: true,
};

pub(super) const CLASS_WEIGHT: OptionSpec = OptionSpec {
    id: "class_weight",
    title: "Class weights",
    unit: "",
    range: Range::Choice(&ClassWeight::NAMES),
    default: 0.0,
    help: "What an example counts in the head. none: every one the same. balanced: rare labels' examples more, so that all labels count the same in sum; finds more of the rare ones, and is wrong about them more often.",
    advanced: true,
};

pub(super) const STRATEGY: OptionSpec = OptionSpec {
    id: "strategy",
    title: "Head strategy",
    unit: "",
    range: Range::Choice(&Strategy::NAMES),
    default: 0.0,
    help: "How labels share the head. auto: multinomial where a text has one label, one-vs-rest where it has any number. one-vs-rest: each label against the rest. chain: any number only, each label also sees those before it, for labels that depend on each other.",
    advanced: true,
};

pub(super) const PILE: OptionSpec = OptionSpec {
    id: "pile",
    title: "Unlabelled texts",
    unit: "",
    range: Range::Choice(&pile::MODES),
    default: 0.0,
    help: "The names of the labels and the unlabelled texts the model is surest of teach too. auto: where the labelled texts, held out in turn, say that it helps. What is guessed about unlabelled texts is used for training only, and never kept.",
    advanced: false,
};

pub(super) const FOLDS: OptionSpec = OptionSpec {
    id: "folds",
    title: "Folds",
    unit: "",
    range: Range::Whole { min: 0, max: 50 },
    default: 5.0,
    help: "The training texts are scored in this many parts, each by a model that was made without it. 0 or 1 leaves that out.",
    advanced: true,
};

pub(super) const FOLD_BY: OptionSpec = OptionSpec {
    id: "fold_by",
    title: "Held out",
    unit: "",
    range: Range::Choice(&folds::FOLD_BY),
    default: 0.0,
    help: "What is made anew without each fold. head: the head alone, at once; a tuned encoder has seen the texts, so the scores flatter. whole: everything, honest scores for as many trainings more as there are folds.",
    advanced: true,
};

pub(super) const LORA_RANK: OptionSpec = OptionSpec {
    id: "lora_rank",
    title: "LoRA rank",
    unit: "",
    range: Range::Whole { min: 0, max: 512 },
    default: 0.0,
    help: "Instead of whole weight matrices, two factors of this rank are trained for each (LoRA): less memory and a little less time, and usually a learning rate about ten times as high. 0 trains all weights.",
    advanced: true,
};

pub(super) const LORA_ALPHA: OptionSpec = OptionSpec {
    id: "lora_alpha",
    title: "LoRA alpha",
    unit: "",
    range: Range::Real { min: 1e-3, max: 1024.0 },
    default: 16.0,
    help: "What the factors make is multiplied by alpha divided by the rank. Counts only where LoRA has a rank.",
    advanced: true,
};

pub(super) const LORA_TARGETS: OptionSpec = OptionSpec {
    id: "lora_targets",
    title: "LoRA layers",
    unit: "",
    range: Range::Choice(&LoraTargets::NAMES),
    default: 2.0,
    help: "Which linear layers get factors: those that make queries and values, all of the attention, or all. More learn more; a matrix that makes queries, keys and values in one counts as all three.",
    advanced: true,
};

pub(super) const CHECKPOINT_EVERY: OptionSpec = OptionSpec {
    id: "checkpoint_every",
    title: "Save the state every",
    unit: "minutes",
    range: Range::Real { min: 0.0, max: 1440.0 },
    default: 5.0,
    help: "A training that was cut off can go on from the state saved last, and one that was stopped from where it stopped. A state takes three or four times the encoder's size on disk until the training is done. Trainings that leave a fold out save none. 0 saves none.",
    advanced: true,
};
