//! Classifying new texts with an exported model.

use std::ops::ControlFlow;

use serde::Serialize;

use crate::core::label::PATH_SEPARATOR;
use crate::core::metrics::DecisionRule;
use crate::model::{Classifier, Input};

/// What the model says about one text.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Prediction {
    /// What the model's decision rule says: the labels at their threshold (multi-label), or the best one if it reaches its.
    pub labels: Vec<String>,
    /// Probability per label, in the model's label order.
    pub scores: Vec<f32>,
}

/// Label names as written in predictions: the path joined by ` > `.
pub fn label_names(classifier: &Classifier) -> Vec<String> {
    classifier
        .label_paths
        .iter()
        .map(|path| path.join(PATH_SEPARATOR))
        .collect()
}

/// Predictions for texts or pairs, in order.
pub fn predict<'a, T: Into<Input<'a>> + Copy + Sync>(
    classifier: &Classifier,
    texts: &[T],
    on_progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
) -> anyhow::Result<Vec<Prediction>> {
    let names = label_names(classifier);
    let scores = classifier.predict_proba(texts, on_progress)?;
    Ok(scores
        .into_iter()
        .map(|row| prediction(classifier.rule(), &names, row))
        .collect())
}

fn prediction(rule: DecisionRule<'_>, names: &[String], scores: Vec<f32>) -> Prediction {
    let labels = rule
        .decide(&scores)
        .into_iter()
        .filter_map(|at| names.get(at).cloned())
        .collect();
    Prediction { labels, scores }
}
