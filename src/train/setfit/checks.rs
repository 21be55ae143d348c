//! What SetFit cannot learn from, and what became of a training that diverged, in words.

use crate::train::{Options, TrainError, TrainingSet};

/// An error where every text reads the same: no two embeddings would ever differ.
pub(super) fn refuse_equal_texts(set: &TrainingSet) -> Result<(), TrainError> {
    match set.texts.split_first() {
        Some((first, rest)) if rest.iter().all(|text| text == first) => Err(TrainError::BadSet(format!(
            "all {} labelled texts are the same text, so there is nothing to tell apart; label texts that differ",
            set.texts.len()
        ))),
        _ => Ok(()),
    }
}

/// What is told of a training that went on with earlier weights.
pub(super) fn went_back(step: usize, good: usize, options: &Options) -> String {
    format!(
        "training diverged after step {step}, and the weights of step {good} were kept; try a lower learning_rate (now {}) or another encoder",
        options.get("learning_rate")
    )
}
