//! What a preview asks and what comes back, whatever the engine: scores by text, and how good the wordings look.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use super::zero_shot_engine::EngineSpec;
use crate::core::metrics::{
    DecisionRule, Interval, Report, Resampling, ScoreMatrix, TreeRule, count_per_label, highest, macro_average,
};
use crate::core::{ColumnTree, LabelId, TaskKind, TextId, Walk, queue};
use crate::model::zero_shot::{Answer, InTree, Question, Rows};

/// Typical texts of a label that are named.
const N_TYPICAL: usize = 10;

/// A text whose labels are known. Never a test text: wordings are chosen by these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The text.
    pub text: TextId,
    /// Its labels, as columns of the question, ascending; in a tree with those above them.
    pub columns: Vec<usize>,
    /// Whether something may be fitted on it: it is not held out for validation.
    pub trains: bool,
}

/// Labels and templates to try on the project's texts.
#[derive(Debug, Clone, PartialEq)]
pub struct ZeroShotRequest {
    /// What answers.
    pub engine: EngineSpec,
    /// What is asked.
    pub question: Question,
    /// The tree that its labels form, and how it is asked about.
    pub in_tree: Option<Arc<InTree>>,
    /// The project's label for each of the question's; `None` for one that is only tried.
    pub ids: Vec<Option<LabelId>>,
    /// The labelled texts outside test.
    pub known: Arc<Vec<Known>>,
    /// Counts up with every request.
    pub generation: u64,
}

impl ZeroShotRequest {
    /// Whether scores made for this also answer `other`.
    pub fn asks_the_same(&self, other: &ZeroShotRequest) -> bool {
        self.engine == other.engine && self.question == other.question && self.in_tree == other.in_tree
    }
}

/// How good scores look.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct WordingFigures {
    /// Labelled texts with scores, those of test aside.
    pub n_labelled: usize,
    /// Macro-F1 on them, untuned; `None` where there are none.
    pub macro_f1: Option<f64>,
    /// Mean over all texts of how sure the scores are, in 0..=1: the best score, or with several labels a text the mean distance from
    /// the other answer.
    pub confidence: Option<f64>,
}

impl WordingFigures {
    /// What wordings are ranked by: F1 where there is one, else confidence.
    pub fn rank(&self) -> f64 {
        self.macro_f1.or(self.confidence).unwrap_or(0.0)
    }
}

/// Where an answer comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// The engine: "similarity", "entailment".
    pub engine: &'static str,
    /// What its model is called.
    pub model: String,
    /// Whether the texts moved what labels mean.
    pub reads_texts: bool,
    /// Texts a second, as measured while these scores were made.
    pub texts_per_sec: Option<f64>,
    /// What the engine has to say besides: what asking took, answers that were refused.
    pub remarks: Vec<String>,
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} · {}", self.engine, self.model)
    }
}

/// Zero-shot scores of the texts that have some. Suggestions: nothing of them is stored.
#[derive(Debug)]
pub struct ZeroShotScores {
    /// What was asked.
    pub request: ZeroShotRequest,
    /// What answered.
    pub source: Source,
    /// Figures of the scores.
    pub overall: WordingFigures,
    /// Figures in the words of each template.
    pub by_template: Vec<WordingFigures>,
    ids: Arc<Vec<TextId>>,
    places: Arc<HashMap<TextId, usize>>,
    answer: Answer,
    typical: Vec<Vec<Vec<usize>>>,
    interval: OnceLock<Option<Interval>>,
}

impl ZeroShotScores {
    /// Around an answer about `ids`, whose places among the answer's rows are `places`. `typical`: for each template and label the rows most
    /// like it, where the engine knows; else the highest scores tell.
    pub fn new(
        request: ZeroShotRequest,
        source: Source,
        (ids, places): (Arc<Vec<TextId>>, Arc<HashMap<TextId, usize>>),
        answer: Answer,
        typical: Vec<Vec<Vec<usize>>>,
    ) -> ZeroShotScores {
        let mut scores = ZeroShotScores {
            request,
            source,
            overall: WordingFigures::default(),
            by_template: Vec::new(),
            ids,
            places,
            answer,
            typical,
            interval: OnceLock::new(),
        };
        scores.overall = scores.figures(&scores.answer.scores);
        scores.by_template = match scores.answer.by_template.is_empty() {
            true => vec![scores.overall],
            false => scores
                .answer
                .by_template
                .iter()
                .map(|rows| scores.figures(rows))
                .collect(),
        };
        scores
    }

    /// How many texts have scores.
    pub fn n_scored(&self) -> usize {
        self.answer.scores.len()
    }

    /// The names of the labels, in the order of the scores.
    pub fn name(&self, label: usize) -> &str {
        self.request
            .question
            .labels()
            .get(label)
            .map_or("", |label| &label.name)
    }

    /// Score per label of one text; `None` while it has none. `template`: in the words of one; `None`: the mean of all.
    pub fn scores(&self, template: Option<usize>, id: TextId) -> Option<&[f32]> {
        self.rows(template).get(*self.places.get(&id)?).map(Vec::as_slice)
    }

    /// The texts with scores, in the order of the project.
    pub fn ids(&self) -> &[TextId] {
        &self.ids
    }

    /// The labels that scores stand for, ascending; in a tree with those above them.
    pub fn decided(&self, scores: &[f32]) -> Vec<usize> {
        let tree = self.tree().map(|tree| TreeRule {
            tree,
            walk: Walk::default(),
        });
        let rule = DecisionRule {
            tree,
            ..DecisionRule::new(self.task(), &[])
        };
        rule.decide(scores)
    }

    /// The tree that the labels form.
    pub fn tree(&self) -> Option<&ColumnTree> {
        self.request.in_tree.as_ref().map(|in_tree| &in_tree.tree)
    }

    /// The ends of the paths that scores stand for: [`ZeroShotScores::decided`] without what stands above others.
    pub fn decided_ends(&self, scores: &[f32]) -> Vec<usize> {
        let decided = self.decided(scores);
        match self.tree() {
            Some(tree) => tree.ends(&decided),
            None => decided,
        }
    }

    /// The texts that say most about what `label` is taken to mean, most typical first; at most ten.
    pub fn typical(&self, template: Option<usize>, label: usize) -> Vec<TextId> {
        let known = self
            .typical
            .get(template.unwrap_or(0))
            .and_then(|labels| labels.get(label));
        if let Some(rows) = known {
            return rows.iter().filter_map(|row| self.ids.get(*row).copied()).collect();
        }
        let own = self.rows(template).iter().zip(self.ids.iter());
        let own = own.filter(|(row, _)| match self.tree() {
            Some(_) => self.decided(row).contains(&label),
            None => highest(row).is_some_and(|(best, _)| best == label),
        });
        let mut own: Vec<(f32, TextId)> = own
            .filter_map(|(row, id)| Some((row.get(label).copied()?, *id)))
            .collect();
        own.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        own.into_iter().take(N_TYPICAL).map(|(_, id)| id).collect()
    }

    /// The bootstrap interval of the macro-F1 of [`ZeroShotScores::overall`], once it is known.
    pub fn interval(&self) -> Option<Interval> {
        self.interval.get().copied().flatten()
    }

    /// Works the interval out: up to a tenth of a second.
    pub fn find_interval(&self) {
        self.interval.get_or_init(|| {
            let (truth, decided) = self.known(&self.answer.scores);
            let n_labels = self.request.question.labels().len();
            let rule = DecisionRule::new(self.task(), &[]);
            let how = Resampling {
                work: 40_000_000,
                ..Resampling::of_decisions()
            };
            let report = Report::of_decisions(rule, n_labels, &truth, &decided, &how);
            report.intervals.and_then(|intervals| intervals.macro_f1())
        });
    }

    /// The scores of the project's own labels, as the queue orders by them.
    pub fn suggestions(&self) -> queue::Suggestions {
        let columns: Vec<(usize, LabelId)> = (self.request.ids.iter().enumerate())
            .filter_map(|(column, id)| Some((column, (*id)?)))
            .collect();
        let of_row = |row: &Vec<f32>| {
            columns
                .iter()
                .filter_map(|(column, _)| row.get(*column).copied())
                .collect()
        };
        queue::Suggestions {
            labels: columns.iter().map(|(_, id)| *id).collect(),
            scores: self
                .ids
                .iter()
                .copied()
                .zip(self.answer.scores.iter().map(of_row))
                .collect(),
        }
    }

    fn task(&self) -> TaskKind {
        match self.request.question.multi() {
            true => TaskKind::MultiLabel,
            false => TaskKind::SingleLabel,
        }
    }

    fn rows(&self, template: Option<usize>) -> &Rows {
        template
            .and_then(|at| self.answer.by_template.get(at))
            .unwrap_or(&self.answer.scores)
    }

    /// Truth and decisions of the labelled texts with scores. Where labels exclude each other, only those that have one of them.
    fn known(&self, rows: &Rows) -> (Vec<Vec<usize>>, Vec<Vec<usize>>) {
        let of = |known: &Known| {
            let row = rows.get(*self.places.get(&known.text)?)?;
            let n_ends = match self.tree() {
                Some(tree) => tree.ends(&known.columns).len(),
                None => known.columns.len(),
            };
            let counts = self.request.question.multi() || n_ends == 1;
            counts.then(|| (known.columns.clone(), self.decided(row)))
        };
        self.request.known.iter().filter_map(of).unzip()
    }

    fn figures(&self, rows: &Rows) -> WordingFigures {
        let (truth, decided) = self.known(rows);
        let n_labels = self.request.question.labels().len();
        let f1 = || macro_average(self.task(), &count_per_label(&truth, &decided, n_labels)).f1;
        WordingFigures {
            n_labelled: truth.len(),
            macro_f1: (!truth.is_empty()).then(f1).flatten(),
            confidence: confidence(rows, self.request.question.multi()),
        }
    }
}

fn confidence(rows: &Rows, multi: bool) -> Option<f64> {
    let matrix = ScoreMatrix::from_rows(rows.first()?.len(), rows).ok()?;
    let of = |row: &[f32]| match multi {
        true => row.iter().map(|score| f64::from(score.max(1.0 - score))).sum::<f64>() / row.len().max(1) as f64,
        false => highest(row).map_or(0.0, |(_, score)| f64::from(score)),
    };
    Some(matrix.rows().map(of).sum::<f64>() / matrix.n_rows().max(1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::EngineKind;
    use crate::model::zero_shot::{Pile, Question};

    fn scored(multi: bool, rows: Rows, known: Vec<Known>) -> ZeroShotScores {
        let question = Question::about(&["a", "b"], ["{}"], multi).unwrap();
        let ids: Vec<TextId> = (1..=rows.len() as i64).map(TextId).collect();
        let places = ids.iter().enumerate().map(|(at, id)| (*id, at)).collect();
        let request = ZeroShotRequest {
            engine: EngineSpec::new(EngineKind::Similarity { pile: Pile::Auto }),
            in_tree: None,
            ids: vec![Some(LabelId(7)), None],
            known: Arc::new(known),
            generation: 1,
            question,
        };
        let source = Source {
            engine: "similarity",
            model: "tiny".into(),
            reads_texts: false,
            texts_per_sec: None,
            remarks: Vec::new(),
        };
        let answer = Answer {
            scores: rows,
            by_template: Vec::new(),
        };
        ZeroShotScores::new(request, source, (Arc::new(ids), Arc::new(places)), answer, Vec::new())
    }

    fn known(text: i64, columns: &[usize]) -> Known {
        Known {
            text: TextId(text),
            columns: columns.to_vec(),
            trains: true,
        }
    }

    #[test]
    fn figures_come_from_labelled_texts_and_confidence_from_all() {
        let rows = vec![vec![0.9, 0.1], vec![0.3, 0.7], vec![0.6, 0.4]];
        let scores = scored(
            false,
            rows,
            vec![known(1, &[0]), known(2, &[0]), known(3, &[]), known(99, &[0])],
        );
        assert_eq!(scores.overall.n_labelled, 2);
        // a: one of two found, none wrong, F1 2/3; b is nobody's label: it takes part because it was given.
        assert!(
            scores.overall.macro_f1.is_some_and(|f1| (f1 - 1.0 / 3.0).abs() < 1e-9),
            "{:?}",
            scores.overall
        );
        assert!(
            scores
                .overall
                .confidence
                .is_some_and(|mean| (mean - 2.2 / 3.0).abs() < 1e-6)
        );
        assert_eq!(scores.interval(), None);
        scores.find_interval();
        assert!(scores.interval().is_some());
        assert_eq!(scores.typical(None, 0), [TextId(1), TextId(3)]);
        let suggestions = scores.suggestions();
        assert_eq!(suggestions.labels, [LabelId(7)]);
        assert_eq!(suggestions.scores[&TextId(2)], [0.3]);
        assert_eq!(scores.source.to_string(), "similarity · tiny");
    }

    #[test]
    fn without_labels_only_confidence_is_known() {
        let scores = scored(true, vec![vec![0.9, 0.2]], Vec::new());
        assert_eq!((scores.overall.macro_f1, scores.overall.n_labelled), (None, 0));
        assert!((scores.overall.rank() - 0.85).abs() < 1e-6);
        assert_eq!(scores.decided(&[0.9, 0.2]), [0]);
        let nothing = scored(false, Vec::new(), vec![known(1, &[0])]);
        assert_eq!(nothing.overall, WordingFigures::default());
    }
}
