//! What SetFit cannot learn from, and what it can learn only half of, in words.

use crate::model::Targets;
use crate::train::{Findings, Options, TrainError, TrainingSet};

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

/// Labels that pairs say little about, by name where names are known.
pub(super) fn lonely_labels(set: &TrainingSet) -> Result<Findings, TrainError> {
    let counts = set.targets.counts(set.n_labels)?;
    let name = |label: usize| match set.label_names.get(label) {
        Some(name) if !name.is_empty() => name.clone(),
        _ => format!("label {}", label + 1),
    };
    let of = |wanted: &dyn Fn(usize) -> bool| -> Vec<String> {
        (0..set.n_labels)
            .filter(|label| wanted(counts[*label]))
            .map(name)
            .collect()
    };
    let mut findings = Findings::new();
    let single = of(&|n| n == 1);
    if !single.is_empty() {
        findings.insert("labels_with_one_example".into(), single.into());
    }
    let n_labelled = (0..set.targets.len())
        .filter(|text| !set.targets.of(*text).is_empty())
        .count();
    let everywhere = of(&|n| n == n_labelled && n > 0);
    if matches!(set.targets, Targets::Multi(_)) && !everywhere.is_empty() {
        findings.insert("labels_on_every_labelled_text".into(), everywhere.into());
    }
    Ok(findings)
}

/// What is told of a training that went on with earlier weights.
pub(super) fn went_back(step: usize, good: usize, options: &Options) -> String {
    format!(
        "training diverged after step {step}, and the weights of step {good} were kept; try a lower learning_rate (now {}) or another encoder",
        options.get("learning_rate")
    )
}
