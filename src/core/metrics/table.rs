//! The figures that have a name: columns of the runs table, keys of JSON, rows of a report. One line each.

use std::collections::BTreeMap;

use super::{Interval, PathOutcome, Report};
use crate::core::TaskKind;

/// A figure with a name.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// Key in JSON and in a run's stored metrics.
    pub id: &'static str,
    /// As shown on screen.
    pub title: &'static str,
    /// What it says, in one sentence.
    pub help: &'static str,
    /// `false`: the smaller the better.
    pub higher_is_better: bool,
    /// The task it is for; `None`: both.
    pub task: Option<TaskKind>,
    /// Only where labels form a tree.
    pub of_tree: bool,
    /// `false`: says something about the texts alone.
    pub of_model: bool,
    /// Reads it from a report; `None` is undefined.
    pub value: fn(&Report) -> Option<f64>,
}

const BOTH: Option<TaskKind> = None;
const SINGLE: Option<TaskKind> = Some(TaskKind::SingleLabel);
const MULTI: Option<TaskKind> = Some(TaskKind::MultiLabel);

const fn metric(
    id: &'static str,
    title: &'static str,
    task: Option<TaskKind>,
    value: fn(&Report) -> Option<f64>,
    help: &'static str,
) -> Metric {
    Metric {
        id,
        title,
        help,
        higher_is_better: true,
        task,
        of_tree: false,
        of_model: true,
        value,
    }
}

impl Metric {
    const fn loss(mut self) -> Self {
        self.higher_is_better = false;
        self
    }

    const fn tree(mut self) -> Self {
        self.of_tree = true;
        self
    }

    const fn of_texts(mut self) -> Self {
        self.of_model = false;
        self
    }

    /// Whether the report has this figure, defined or not. Where labels form a tree and a text has one path, the share of exactly right
    /// texts is its accuracy, as without a tree.
    pub fn is_in(&self, report: &Report) -> bool {
        let one_path = report.hierarchy.as_ref().is_some_and(|tree| tree.one_path);
        let of_task = |task| match (one_path, self.id) {
            (true, "accuracy") => true,
            (true, "subset_accuracy") => false,
            _ => task == report.task,
        };
        self.task.is_none_or(of_task) && (!self.of_tree || report.hierarchy.is_some())
    }

    /// Whether another figure of the report says the same and says it better: in a tree path accuracy is what else is called accuracy.
    pub fn is_repeated_in(&self, report: &Report) -> bool {
        report.hierarchy.is_some() && matches!(self.id, "accuracy" | "subset_accuracy")
    }
}

/// All named figures, in the order they are shown.
#[rustfmt::skip]
pub static METRICS: &[Metric] = &[
    metric("accuracy", "Accuracy", SINGLE, |r| r.accuracy, "Share of texts given the right label."),
    metric("hamming_loss", "Hamming loss", BOTH, |r| r.hamming_loss, "Share of wrong yes/no answers, one for each text and label.").loss(),
    metric("subset_accuracy", "Subset accuracy", MULTI, |r| r.accuracy, "Share of texts whose whole set of labels is right."),
    metric("balanced_accuracy", "Balanced accuracy", BOTH, |r| r.balanced_accuracy, "Mean recall, rare answers counting as much as frequent ones."),
    metric("macro_f1", "Macro F1", BOTH, |r| r.macro_.f1, "Mean F1 over the labels, rare ones counting as much as frequent ones."),
    metric("micro_f1", "Micro F1", BOTH, |r| r.micro.f1, "F1 of all decisions together; frequent labels dominate."),
    metric("weighted_f1", "Weighted F1", BOTH, |r| r.weighted.f1, "Mean F1 over the labels, each by how many texts carry it."),
    metric("samples_f1", "Samples F1", MULTI, |r| r.samples.f1, "Mean F1 over the texts, each text's labels against those it was given."),
    metric("macro_precision", "Macro precision", BOTH, |r| r.macro_.precision, "Mean precision over the labels."),
    metric("macro_recall", "Macro recall", BOTH, |r| r.macro_.recall, "Mean recall over the labels."),
    metric("micro_precision", "Micro precision", BOTH, |r| r.micro.precision, "Share of all decisions that are true."),
    metric("micro_recall", "Micro recall", BOTH, |r| r.micro.recall, "Share of all true labels that were decided."),
    metric("weighted_precision", "Weighted precision", BOTH, |r| r.weighted.precision, "Mean precision, each label by how many texts carry it."),
    metric("weighted_recall", "Weighted recall", BOTH, |r| r.weighted.recall, "Mean recall, each label by how many texts carry it."),
    metric("samples_precision", "Samples precision", MULTI, |r| r.samples.precision, "Mean over the texts of the share of given labels that are true."),
    metric("samples_recall", "Samples recall", MULTI, |r| r.samples.recall, "Mean over the texts of the share of true labels that were given."),
    metric("macro_f0_5", "Macro F0.5", BOTH, |r| r.f_beta[0].macro_, "Mean F0.5 over the labels: precision weighs twice as much as recall."),
    metric("macro_f2", "Macro F2", BOTH, |r| r.f_beta[1].macro_, "Mean F2 over the labels: recall weighs twice as much as precision."),
    metric("macro_jaccard", "Macro Jaccard", BOTH, |r| r.macro_.jaccard, "Mean over the labels of what is shared among all that is true or decided."),
    metric("micro_jaccard", "Micro Jaccard", BOTH, |r| r.micro.jaccard, "Shared among all that is true or decided, all labels together."),
    metric("weighted_jaccard", "Weighted Jaccard", BOTH, |r| r.weighted.jaccard, "Mean Jaccard, each label by how many texts carry it."),
    metric("samples_jaccard", "Samples Jaccard", MULTI, |r| r.samples.jaccard, "Mean over the texts of the labels shared among all that are true or given."),
    metric("macro_average_precision", "Macro average precision", BOTH, |r| r.macro_average_precision, "How well the scores put the right texts first, without any threshold."),
    metric("micro_average_precision", "Micro average precision", BOTH, |r| r.micro_average_precision, "Average precision of all texts and labels in one ranking."),
    metric("weighted_average_precision", "Weighted average precision", BOTH, |r| r.weighted_average_precision, "Mean average precision, each label by how many texts carry it."),
    metric("macro_roc_auc", "Macro ROC-AUC", BOTH, |r| r.macro_roc_auc, "The chance that a text with the label scores above one without."),
    metric("micro_roc_auc", "Micro ROC-AUC", BOTH, |r| r.micro_roc_auc, "The chance that a true label of a text scores above an untrue one of any text."),
    metric("weighted_roc_auc", "Weighted ROC-AUC", BOTH, |r| r.weighted_roc_auc, "Mean ROC-AUC, each label by how many texts carry it."),
    metric("mcc", "Matthews correlation", BOTH, |r| r.mcc, "Correlation of truth and decision; 0 is chance. With several labels a text, the mean over labels."),
    metric("kappa", "Cohen's κ", BOTH, |r| r.kappa, "Agreement beyond chance. With several labels a text, the mean over labels."),
    metric("leaf_macro_f1", "Leaf macro F1", BOTH, |r| r.hierarchy.as_ref()?.leaf_macro_f1, "Mean F1 over the labels that have none below them.").tree(),
    metric("path_accuracy", "Path accuracy", BOTH, |r| r.hierarchy.as_ref()?.path_accuracy, "Share of texts whose whole path is right, from the top to its end; of several paths, all.").tree(),
    metric("coarse_accuracy", "Coarse accuracy", BOTH, |r| r.hierarchy.as_ref()?.coarse_accuracy, "Share of texts that are right at the top level.").tree(),
    metric("mean_tree_distance", "Mean tree distance", BOTH, |r| r.hierarchy.as_ref()?.mean_distance, "Steps in the tree from where decided paths end to where true ones do; 0 is exactly right, 2 a sibling. Of several paths, to the nearest end of the other side.").tree().loss(),
    metric("wrong_leaf_share", "Wrong leaf", BOTH, |r| r.hierarchy.as_ref()?.errors.share(PathOutcome::WrongLeaf), "Share of texts that are right at the top and leave the true path further down.").tree().loss(),
    metric("wrong_branch_share", "Wrong branch", BOTH, |r| r.hierarchy.as_ref()?.errors.share(PathOutcome::WrongBranch), "Share of texts that are wrong at the top already.").tree().loss(),
    metric("hierarchical_f1", "Hierarchical F1", BOTH, |r| r.hierarchy.as_ref()?.f1, "F1 over labels and all labels above them: part of a path is part of the credit.").tree(),
    metric("hierarchical_precision", "Hierarchical precision", BOTH, |r| r.hierarchy.as_ref()?.precision, "Share of decided labels, and labels above them, that are true.").tree(),
    metric("hierarchical_recall", "Hierarchical recall", BOTH, |r| r.hierarchy.as_ref()?.recall, "Share of true labels, and labels above them, that were decided.").tree(),
    metric("log_loss", "Log loss", BOTH, |r| r.log_loss, "How surprised the scores are by the truth; sure mistakes cost most.").loss(),
    metric("brier_score", "Brier score", BOTH, |r| r.brier, "Mean squared distance of the scores from the truth.").loss(),
    metric("calibration_error", "Calibration error", BOTH, |r| r.calibration_error, "Expected calibration error: how far scores are from how often they turn out right, over 15 bins.").loss(),
    metric("average_confidence", "Average confidence", BOTH, |r| r.average_confidence, "How sure the scores are; close to accuracy where they can be read as probabilities."),
    metric("constant_guess_accuracy", "Constant guess", BOTH, |r| r.constant_guess_accuracy, "What always giving the most frequent answer would score.").of_texts(),
    metric("constant_guess_macro_f1", "Constant guess F1", BOTH, |r| r.constant_guess.macro_f1, "The macro F1 of always giving the most frequent answer.").of_texts(),
];

/// Every defined figure of the report's task, by id, with the ends of macro-F1's interval: what a run stores.
pub fn headline(report: &Report) -> BTreeMap<String, f64> {
    let figures = METRICS
        .iter()
        .filter(|metric| metric.is_in(report))
        .filter_map(|metric| Some((metric.id.to_string(), (metric.value)(report)?)));
    let macro_f1 = report.intervals.as_ref().and_then(|intervals| intervals.macro_f1());
    let ends = macro_f1.into_iter().flat_map(|Interval { low, high }| {
        [("macro_f1_low", low), ("macro_f1_high", high)].map(|(id, end)| (id.to_owned(), end))
    });
    figures.chain(ends).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_snake_case() {
        let ids: std::collections::BTreeSet<&str> = METRICS.iter().map(|metric| metric.id).collect();
        assert_eq!(ids.len(), METRICS.len());
        assert!(ids.iter().all(|id| {
            id.chars()
                .all(|c| c.is_ascii_lowercase() || c == '_' || c.is_ascii_digit())
        }));
    }
}
