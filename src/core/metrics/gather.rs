//! Stored scores of a run, lined up with what people have annotated since.

use std::collections::HashMap;

use super::{MetricsError, ScoreMatrix};
use crate::core::{LabelId, ProjectState, Run, TaskKind, TextId};

/// Texts with their scores and truth, row by row.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Scored {
    /// The text of each row.
    pub texts: Vec<TextId>,
    /// Its true labels, as ascending columns.
    pub truth: Vec<Vec<usize>>,
    /// Its scores.
    pub scores: ScoreMatrix,
    /// Texts that have scores and cannot be judged: deleted or unannotated since, or annotated with a label the run does not know.
    pub n_left_out: usize,
}

impl Scored {
    /// Lines up `scores` of `run` with the annotations of `state` as they are now.
    ///
    /// Rows keep their order. A text whose annotation names a label the run was not trained on is left out: no score could
    /// be right for it. So is a text of a single-label run that does not have exactly one label.
    pub fn gather(state: &ProjectState, run: &Run, scores: &[(TextId, Vec<f32>)]) -> Result<Self, MetricsError> {
        let columns: HashMap<LabelId, usize> = run.labels.iter().enumerate().map(|(at, id)| (*id, at)).collect();
        let mut scored = Scored::default();
        let mut rows = Vec::with_capacity(scores.len());
        for (id, row) in scores {
            match truth_of(state, run.task, &columns, *id) {
                Some(truth) => {
                    scored.texts.push(*id);
                    scored.truth.push(truth);
                    rows.push(row);
                }
                None => scored.n_left_out += 1,
            }
        }
        scored.scores = ScoreMatrix::from_rows(run.labels.len(), rows)?;
        Ok(scored)
    }
}

fn truth_of(state: &ProjectState, task: TaskKind, columns: &HashMap<LabelId, usize>, id: TextId) -> Option<Vec<usize>> {
    let text = state.text(id).filter(|text| !text.deleted)?;
    let labels = &text.annotation.as_ref()?.labels;
    let mut truth = labels
        .iter()
        .map(|label| columns.get(label).copied())
        .collect::<Option<Vec<usize>>>()?;
    truth.sort_unstable();
    (task == TaskKind::MultiLabel || truth.len() == 1).then_some(truth)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::core::{Annotation, How, LabelTree, RunId, RunStatus, Text};

    fn text(id: i64, labels: Option<&[i64]>, deleted: bool) -> Text {
        let annotation =
            |labels: &[i64]| Annotation::new(labels.iter().map(|id| LabelId(*id)).collect(), "me", 0, How::Hand);
        Text {
            id: TextId(id),
            external_id: None,
            body: Arc::from("text"),
            split: None,
            source: Arc::from("test"),
            import: None,
            note: String::new(),
            flagged: false,
            deleted,
            annotation: labels.map(annotation),
        }
    }

    fn run(task: TaskKind) -> Run {
        Run {
            id: RunId(1),
            name: "probe-1".into(),
            method: "probe".into(),
            encoder: "encoder".into(),
            seed: 0,
            task,
            options: Default::default(),
            labels: vec![LabelId(7), LabelId(3)],
            label_paths: vec![vec!["seven".into()], vec!["three".into()]],
            n_train: 0,
            n_validation: 0,
            n_test: 0,
            started_at_millis: 0,
            train_secs: 0.0,
            status: RunStatus::Done,
            message: String::new(),
            metrics: Default::default(),
            scored_on: None,
            thresholds: vec![0.5, 0.5],
            history: Vec::new(),
        }
    }

    fn gather(task: TaskKind) -> Scored {
        let texts = vec![
            text(1, Some(&[3]), false),
            text(2, Some(&[3, 7]), false),
            text(3, Some(&[]), false),
            text(4, None, false),
            text(5, Some(&[7]), true),
            text(6, Some(&[7, 99]), false),
            text(7, Some(&[7]), false),
        ];
        let state = ProjectState::new(task, LabelTree::default(), texts, Vec::new());
        let scores: Vec<(TextId, Vec<f32>)> = (1..=8)
            .rev()
            .map(|id| (TextId(id), vec![id as f32 / 10.0, 0.0]))
            .collect();
        Scored::gather(&state, &run(task), &scores).unwrap()
    }

    #[test]
    fn rows_keep_their_order_and_labels_become_columns() {
        let scored = gather(TaskKind::MultiLabel);
        assert_eq!(scored.texts, [7, 3, 2, 1].map(TextId));
        assert_eq!(scored.truth, [vec![0], vec![], vec![0, 1], vec![1]]);
        assert_eq!(scored.scores.column(0), [0.7, 0.3, 0.2, 0.1]);
        assert_eq!(scored.n_left_out, 4);
    }

    #[test]
    fn single_label_texts_have_exactly_one() {
        let scored = gather(TaskKind::SingleLabel);
        assert_eq!(scored.texts, [7, 1].map(TextId));
        assert_eq!(scored.truth, [vec![0], vec![1]]);
        assert_eq!(scored.n_left_out, 6);
    }

    #[test]
    fn scores_of_another_width_are_refused() {
        let state = ProjectState::new(
            TaskKind::MultiLabel,
            LabelTree::default(),
            vec![text(1, Some(&[]), false)],
            Vec::new(),
        );
        assert!(Scored::gather(&state, &run(TaskKind::MultiLabel), &[(TextId(1), vec![0.5])]).is_err());
    }
}
