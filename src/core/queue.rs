//! The order in which texts come up to be labelled.
//!
//! Not here: where suggestions come from, and which text is on screen.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::metrics::DEFAULT_THRESHOLD;
use super::{LabelId, ProjectState, ScoreTree, TaskKind, Text, TextId};

/// Which unlabelled text comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum QueueOrder {
    /// As imported.
    #[default]
    InOrder,
    /// Shuffled; the seed decides, and labelling does not reshuffle the rest.
    Random(u64),
    /// Where the suggestion is least sure first.
    MostUncertain,
    /// Where the suggestion is least sure at one step down the tree first ([`ScoreTree::doubt`]); without a tree as [`QueueOrder::MostUncertain`].
    LeastSureInTree,
    /// Where the suggestion thinks of this label most first.
    Likely(LabelId),
}

impl QueueOrder {
    /// The stable name: on the command line. A shuffle and a label come beside it.
    pub fn name(self) -> &'static str {
        match self {
            QueueOrder::InOrder => "in-order",
            QueueOrder::Random(_) => "random",
            QueueOrder::MostUncertain => "most-uncertain",
            QueueOrder::LeastSureInTree => "least-sure-in-tree",
            QueueOrder::Likely(_) => "likely",
        }
    }

    /// Whether it needs scores.
    pub fn needs_scores(self) -> bool {
        !matches!(self, QueueOrder::InOrder | QueueOrder::Random(_))
    }
}

/// What the current quick model thinks of each text.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Suggestions {
    /// Labels in the order of the scores.
    pub labels: Vec<LabelId>,
    /// Scores in 0..=1, one a label; texts that have not been scored are missing.
    pub scores: HashMap<TextId, Vec<f32>>,
}

impl Suggestions {
    /// The labels of one text with their scores, highest first; empty where it has none.
    pub fn ranked(&self, id: TextId) -> Vec<(LabelId, f32)> {
        let scores = self.scores.get(&id).into_iter().flatten().copied();
        let mut ranked: Vec<_> = self.labels.iter().copied().zip(scores).collect();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        ranked
    }
}

/// Texts that are neither annotated nor deleted, the next one first.
///
/// `within`: only texts whose suggested path leads through this label, and after them those annotated there, to be read again or said more
/// exactly. Orders that need scores put texts without them last, as imported. Ties go to the smaller id. O(n (log n + labels)).
pub fn queue(
    state: &ProjectState,
    suggestions: &Suggestions,
    order: QueueOrder,
    within: Option<LabelId>,
) -> Vec<TextId> {
    let tree = (within.is_some() || order == QueueOrder::LeastSureInTree)
        .then(|| ScoreTree::new(state.task, &state.labels, &suggestions.labels));
    let leads_there = |text: &Text| match (within, &tree) {
        (Some(branch), Some(tree)) => {
            let scores = suggestions.scores.get(&text.id);
            scores.is_some_and(|scores| tree.leads_through(scores, branch))
        }
        _ => true,
    };
    let mut waiting: Vec<TextId> = state
        .texts()
        .filter(|text| text.annotation.is_none() && leads_there(text))
        .map(|text| text.id)
        .collect();
    match order {
        QueueOrder::InOrder => {}
        QueueOrder::Random(seed) => waiting.sort_by_key(|id| (shuffle_key(seed, *id), *id)),
        QueueOrder::MostUncertain => {
            by_score(&mut waiting, |id| uncertainty(state.task, suggestions.scores.get(&id)?));
        }
        QueueOrder::LeastSureInTree => {
            let unsure = |id| Some(tree.as_ref()?.doubt(suggestions.scores.get(&id)?)?.unsure);
            by_score(&mut waiting, unsure);
        }
        QueueOrder::Likely(label) => {
            let column = suggestions.labels.iter().position(|known| *known == label);
            by_score(&mut waiting, |id| suggestions.scores.get(&id)?.get(column?).copied());
        }
    }
    if let Some(branch) = within {
        waiting.extend(
            state
                .texts()
                .filter(|text| is_annotated_within(state, text, branch))
                .map(|text| text.id),
        );
    }
    waiting
}

/// Whether a text carries a label or one below it.
pub fn is_annotated_within(state: &ProjectState, text: &Text, branch: LabelId) -> bool {
    let labels = text.annotation.iter().flat_map(|annotation| &annotation.labels);
    labels.into_iter().any(|label| state.labels.is_within(*label, branch))
}

/// How unsure a row of scores is, in 0..=1; `None` when the row says nothing (no scores, or a score that is not a number).
///
/// Single-label: 1 minus the margin between the two highest scores (Scheffer et al., *Active hidden Markov models*, 2001).
/// Multi-label: how near the closest score is to 0.5, where 1 is on it and 0 is half a unit away.
pub fn uncertainty(task: TaskKind, scores: &[f32]) -> Option<f32> {
    if scores.is_empty() || scores.iter().any(|score| score.is_nan()) {
        return None;
    }
    let unsure = match task {
        TaskKind::SingleLabel => {
            let (first, second) = scores.iter().fold((0.0_f32, 0.0_f32), |(first, second), &score| {
                if score > first {
                    (score, first)
                } else {
                    (first, second.max(score))
                }
            });
            1.0 - (first - second)
        }
        TaskKind::MultiLabel => {
            let off_line = |score: &f32| (f64::from(*score) - DEFAULT_THRESHOLD).abs() as f32;
            1.0 - 2.0 * scores.iter().map(off_line).fold(0.5, f32::min)
        }
    };
    Some(unsure.clamp(0.0, 1.0))
}

/// Highest score first, ties by id; texts without a score keep their order, after the others.
fn by_score(texts: &mut Vec<TextId>, score: impl Fn(TextId) -> Option<f32>) {
    let mut scored: Vec<(f32, TextId)> = Vec::with_capacity(texts.len());
    let mut unscored = Vec::new();
    for id in texts.drain(..) {
        match score(id).filter(|score| !score.is_nan()) {
            Some(score) => scored.push((score, id)),
            None => unscored.push(id),
        }
    }
    scored.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    texts.extend(scored.into_iter().map(|(_, id)| id).chain(unscored));
}

/// A well-mixed number from seed and id alone, the finaliser of SplitMix64 (Steele, Lea & Flood, 2014), so that the place of
/// a text does not depend on which others are left.
fn shuffle_key(seed: u64, id: TextId) -> u64 {
    let mix = |mut x: u64| {
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^ (x >> 31)
    };
    const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
    mix(mix(seed.wrapping_add(GOLDEN)) ^ (id.0 as u64).wrapping_mul(GOLDEN))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::core::{Annotation, Change, Edit, How, LabelTree, Text};

    fn project(task: TaskKind, n_texts: i64) -> ProjectState {
        let text = |id| Text {
            id: TextId(id),
            external_id: None,
            body: Arc::from(format!("text {id}")),
            second: None,
            split: None,
            source: Arc::from("test"),
            import: None,
            note: String::new(),
            flagged: false,
            deleted: false,
            annotation: None,
        };
        ProjectState::new(
            task,
            LabelTree::default(),
            (1..=n_texts).map(text).collect(),
            Vec::new(),
        )
    }

    fn annotate(state: &mut ProjectState, id: i64) {
        let after = Some(Annotation::new(vec![LabelId(1)], "me", 0, How::Hand));
        let changes = vec![Change::Annotation {
            text: TextId(id),
            before: None,
            after,
        }];
        state.apply(&Edit {
            title: String::new(),
            changes,
        });
    }

    fn suggestions(rows: &[(i64, &[f32])]) -> Suggestions {
        let scores = rows.iter().map(|(id, row)| (TextId(*id), row.to_vec())).collect();
        Suggestions {
            labels: vec![LabelId(1), LabelId(2), LabelId(3)],
            scores,
        }
    }

    fn ids(state: &ProjectState, suggestions: &Suggestions, order: QueueOrder) -> Vec<i64> {
        queue(state, suggestions, order, None)
            .into_iter()
            .map(|id| id.0)
            .collect()
    }

    #[test]
    fn annotated_and_deleted_texts_do_not_wait() {
        let mut state = project(TaskKind::SingleLabel, 5);
        annotate(&mut state, 2);
        let changes = vec![Change::Deleted {
            text: TextId(4),
            before: false,
            after: true,
        }];
        state.apply(&Edit {
            title: String::new(),
            changes,
        });
        for order in [
            QueueOrder::Random(1),
            QueueOrder::MostUncertain,
            QueueOrder::Likely(LabelId(1)),
        ] {
            let mut waiting = ids(&state, &Suggestions::default(), order);
            waiting.sort_unstable();
            assert_eq!(waiting, [1, 3, 5]);
        }
        assert_eq!(ids(&state, &Suggestions::default(), QueueOrder::InOrder), [1, 3, 5]);
    }

    #[test]
    fn labelling_does_not_reshuffle() {
        let mut state = project(TaskKind::SingleLabel, 200);
        let before = ids(&state, &Suggestions::default(), QueueOrder::Random(9));
        assert_ne!(before, (1..=200).collect::<Vec<_>>());
        assert_ne!(before, ids(&state, &Suggestions::default(), QueueOrder::Random(10)));
        for id in &before[..50] {
            annotate(&mut state, *id);
        }
        assert_eq!(
            ids(&state, &Suggestions::default(), QueueOrder::Random(9)),
            before[50..]
        );
    }

    #[test]
    fn a_shuffle_favours_no_part_of_the_file() {
        let state = project(TaskKind::SingleLabel, 2000);
        let first_half = (0..20).map(|seed| {
            ids(&state, &Suggestions::default(), QueueOrder::Random(seed))[..100]
                .iter()
                .filter(|id| **id <= 1000)
                .count()
        });
        // 2,000 draws of a fair coin: 1000 ± 5 standard deviations of 22.
        let total: usize = first_half.sum();
        assert!((890..=1110).contains(&total), "{total}");
    }

    #[test]
    fn the_smallest_margin_comes_first_and_unscored_texts_last() {
        let state = project(TaskKind::SingleLabel, 6);
        let suggestions = suggestions(&[
            (1, &[0.9, 0.05, 0.05]),
            (2, &[0.4, 0.35, 0.25]),
            (4, &[0.5, 0.45, 0.05]),
            (5, &[0.05, 0.05, 0.9]),
            (6, &[f32::NAN, 0.5, 0.5]),
        ]);
        assert_eq!(ids(&state, &suggestions, QueueOrder::MostUncertain)[..2], [2, 4]);
        assert_eq!(ids(&state, &suggestions, QueueOrder::MostUncertain)[4..], [3, 6]);
        // Texts 1 and 5 have the same margin up to rounding.
        assert!((uncertainty(TaskKind::SingleLabel, &[0.9, 0.05, 0.05]).unwrap() - 0.15).abs() < 1e-6);
    }

    #[test]
    fn the_score_nearest_the_line_comes_first() {
        let state = project(TaskKind::MultiLabel, 4);
        let suggestions = suggestions(&[
            (1, &[0.9, 0.1, 0.0]),
            (2, &[0.9, 0.45, 0.0]),
            (3, &[0.7, 0.1, 0.0]),
            (4, &[0.9, 0.1, 0.0]),
        ]);
        assert_eq!(ids(&state, &suggestions, QueueOrder::MostUncertain), [2, 3, 1, 4]);
        assert_eq!(uncertainty(TaskKind::MultiLabel, &[0.5, 1.0]), Some(1.0));
        assert_eq!(uncertainty(TaskKind::MultiLabel, &[0.0, 1.0]), Some(0.0));
        assert_eq!(uncertainty(TaskKind::MultiLabel, &[]), None);
    }

    #[test]
    fn likely_texts_of_a_label_come_first() {
        let state = project(TaskKind::MultiLabel, 4);
        let suggestions = suggestions(&[(4, &[0.1, 0.8, 0.0]), (2, &[0.1, 0.3, 0.0]), (1, &[0.9, 0.3, 0.0])]);
        assert_eq!(ids(&state, &suggestions, QueueOrder::Likely(LabelId(2))), [4, 1, 2, 3]);
        assert_eq!(ids(&state, &suggestions, QueueOrder::Likely(LabelId(77))), [1, 2, 3, 4]);
    }
    /// 1 > 2, 1 > 3: text 1 is suggested in the branch, 2 outside, 3 has no scores, 4 is annotated in it, 5 outside.
    #[test]
    fn a_branch_holds_what_is_suggested_and_what_is_annotated_there() {
        let mut state = project(TaskKind::SingleLabel, 5);
        let label = |id: i64, parent: Option<i64>| crate::core::Label {
            id: LabelId(id),
            name: format!("n{id}"),
            parent: parent.map(LabelId),
            position: id,
            color: None,
            key: None,
            description: String::new(),
        };
        state.labels = LabelTree::new([label(1, None), label(2, Some(1)), label(3, None)]);
        annotate(&mut state, 4);
        let suggestions = suggestions(&[(1, &[0.1, 0.6, 0.3]), (2, &[0.1, 0.3, 0.6]), (5, &[0.31, 0.29, 0.4])]);
        let within = |branch| -> Vec<i64> {
            let ids = queue(&state, &suggestions, QueueOrder::InOrder, Some(LabelId(branch)));
            ids.into_iter().map(|id| id.0).collect()
        };
        assert_eq!(
            within(1),
            [1, 5, 4],
            "the masses of 1 and 2 together lead, and the annotated one is last"
        );
        assert_eq!(within(2), [1], "5 is likelier to end above");
        assert_eq!(within(3), [2]);
        assert_eq!(ids(&state, &suggestions, QueueOrder::LeastSureInTree)[0], 5);
    }
}
