//! Classifying new texts with an exported model.

use std::ops::ControlFlow;

use serde::Serialize;

use crate::core::label::PATH_SEPARATOR;
use crate::model::{Classifier, Input};

/// One path through the tree that a model's labels form.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct PredictedPath {
    /// Names from the top down, as far as scores reach their thresholds; empty where none does.
    pub path: Vec<String>,
    /// Of each, the probability that the text belongs there or below.
    pub scores: Vec<f32>,
    /// The names joined by ` > `.
    pub full_path: String,
}

/// What the model says about one text.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Prediction {
    /// What the model's decision rule says: the labels at their threshold (multi-label), or the best one if it reaches its. In a tree the ends
    /// of the paths.
    pub labels: Vec<String>,
    /// Probability per label, in the model's label order; in a tree, of the label or anything below it.
    pub scores: Vec<f32>,
    /// The paths in a tree, one for each of `labels`; `None` where labels stand side by side.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paths: Option<Vec<PredictedPath>>,
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
        .map(|row| prediction(classifier, &names, row))
        .collect())
}

fn prediction(classifier: &Classifier, names: &[String], scores: Vec<f32>) -> Prediction {
    let mut decided = classifier.rule().decide(&scores);
    let paths = classifier.tree.as_ref().map(|tree| {
        decided = tree.ends(&decided);
        let path = |end: &usize| predicted_path(classifier, &tree.path(*end), &scores);
        decided.iter().map(path).collect()
    });
    let labels = decided.into_iter().filter_map(|at| names.get(at).cloned()).collect();
    Prediction { labels, scores, paths }
}

fn predicted_path(classifier: &Classifier, columns: &[usize], scores: &[f32]) -> PredictedPath {
    let end = columns.last().and_then(|end| classifier.label_paths.get(*end));
    let path = end.cloned().unwrap_or_default();
    PredictedPath {
        full_path: path.join(PATH_SEPARATOR),
        scores: columns.iter().filter_map(|column| scores.get(*column).copied()).collect(),
        path,
    }
}
