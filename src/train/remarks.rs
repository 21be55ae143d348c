//! What a person should know about the examples a model learnt from, in sentences.
//!
//! Not here: what makes learning impossible, which is an error.

use super::{Findings, TrainingSet};
use crate::model::{HeadError, Targets};

/// Where sentences lie in the findings.
const KEY: &str = "remarks";

/// Adds a sentence to what was found out.
pub(super) fn add(findings: &mut Findings, remark: String) {
    let remarks = findings.entry(KEY.to_owned()).or_insert_with(|| serde_json::json!([]));
    if let Some(remarks) = remarks.as_array_mut() {
        remarks.push(remark.into());
    }
}

/// Remarks on labels with a single example, and on labels that every text has.
///
/// # Errors
/// A target outside the label columns.
pub(super) fn on_examples(set: &TrainingSet) -> Result<Vec<String>, HeadError> {
    let counts = set.targets.counts(set.n_labels)?;
    let with = |count: usize| {
        let labels = counts.iter().enumerate().filter(|(_, n)| **n == count);
        labels.map(|(label, _)| set.name_of(label)).collect::<Vec<_>>()
    };
    let mut remarks = Vec::new();
    let single = with(1);
    if !single.is_empty() {
        remarks.push(format!(
            "Only one example of {}: too little to learn from, and nothing left to check on. Label more.",
            listed(&single)
        ));
    }
    let everywhere = with(set.texts.len());
    if matches!(set.targets, Targets::Multi(_)) && !everywhere.is_empty() {
        remarks.push(format!(
            "Every text carries {}, so the model gives that to every text. Label texts without it.",
            listed(&everywhere)
        ));
    }
    Ok(remarks)
}

/// `a, b`, or `a, b and 7 more labels`.
pub(super) fn listed(names: &[String]) -> String {
    match names {
        [first, second, _, _, ..] => format!("{first}, {second} and {} more labels", names.len() - 2),
        few => few.join(", "),
    }
}
