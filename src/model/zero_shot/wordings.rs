//! Which wording to use: templates ranked by how right they are where labels are known, and by how sure they are where none is.

use serde::Serialize;

use super::{Answer, Question, Rows};
use crate::core::TaskKind;
use crate::core::metrics::{DecisionRule, count_per_label, default_threshold, macro_average};

/// A template and how well it does.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RankedTemplate {
    /// The sentence, with `{}`.
    pub template: String,
    /// Mean F1 over the labels that are given or known, in 0..=1; `None` where no text has a known label.
    pub macro_f1: Option<f64>,
    /// Texts with known labels.
    pub n_labelled: usize,
    /// Mean of each text's highest score, in 0..=1.
    pub confidence: f64,
    /// Mean difference between each text's highest score and its next, in 0..=1.
    pub margin: f64,
}

/// The templates of an answer, best first: by macro-F1 where some texts have known labels, else by confidence. Equal ones stay in order.
///
/// `truth`: rows of the answer and the columns of their labels; leave test texts out, or the choice of the wording has seen them.
/// Confidence says how clearly a wording parts the labels, which is weaker evidence than a few labels are.
pub fn rank_templates(question: &Question, answer: &Answer, truth: &[(usize, Vec<usize>)]) -> Vec<RankedTemplate> {
    let alone = std::slice::from_ref(&answer.scores);
    let of_templates = if answer.by_template.is_empty() {
        alone
    } else {
        &answer.by_template
    };
    let wordings = question.templates().iter().zip(of_templates);
    let mut ranked: Vec<RankedTemplate> = wordings
        .map(|(template, rows)| RankedTemplate {
            template: template.clone(),
            macro_f1: macro_f1(question, rows, truth),
            n_labelled: truth.len(),
            confidence: mean(rows, |best, _| best),
            margin: mean(rows, |best, next| best - next),
        })
        .collect();
    let key = |template: &RankedTemplate| template.macro_f1.unwrap_or(template.confidence);
    ranked.sort_by(|a, b| key(b).total_cmp(&key(a)));
    ranked
}

fn macro_f1(question: &Question, rows: &Rows, truth: &[(usize, Vec<usize>)]) -> Option<f64> {
    let n_labels = question.labels().len();
    let task = match question.multi() {
        true => TaskKind::MultiLabel,
        false => TaskKind::SingleLabel,
    };
    let thresholds = vec![default_threshold(task); n_labels];
    let rule = DecisionRule::new(task, &thresholds);
    let known = truth.iter().filter_map(|(row, labels)| Some((rows.get(*row)?, labels)));
    let (decided, truth): (Vec<_>, Vec<_>) = known
        .map(|(scores, labels)| (rule.decide(scores), labels.clone()))
        .unzip();
    if truth.is_empty() {
        return None;
    }
    macro_average(task, &count_per_label(&truth, &decided, n_labels)).f1
}

/// The mean over the texts of what is made of the highest and the next score; 0 without texts.
fn mean(rows: &Rows, of: impl Fn(f64, f64) -> f64) -> f64 {
    let of_row = |row: &Vec<f32>| {
        let (mut best, mut next) = (0.0f32, 0.0f32);
        for score in row {
            if *score > best {
                (best, next) = (*score, best);
            } else if *score > next {
                next = *score;
            }
        }
        of(f64::from(best), f64::from(next))
    };
    rows.iter().map(of_row).sum::<f64>() / rows.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_rank_wordings_and_sureness_does_where_there_are_none() {
        let question = Question::about(&["a", "b"], ["loud {}", "right {}"], false).unwrap();
        let loud = vec![vec![0.9, 0.1], vec![0.9, 0.1], vec![0.9, 0.1]];
        let right = vec![vec![0.6, 0.4], vec![0.4, 0.6], vec![0.6, 0.4]];
        let answer = Answer::new(&question, vec![loud, right]);
        let ranked = rank_templates(&question, &answer, &[(0, vec![0]), (1, vec![1])]);
        assert_eq!(
            (ranked[0].template.as_str(), ranked[0].macro_f1),
            ("right {}", Some(1.0))
        );
        assert_eq!(ranked[0].n_labelled, 2);
        // Everything is a: F1 of a is 2/3, of b 0.
        assert!((ranked[1].macro_f1.unwrap() - 1.0 / 3.0).abs() < 1e-9);
        let ranked = rank_templates(&question, &answer, &[]);
        assert_eq!((ranked[0].template.as_str(), ranked[0].macro_f1), ("loud {}", None));
        assert!((ranked[0].confidence - 0.9).abs() < 1e-6 && (ranked[1].margin - 0.2).abs() < 1e-6);
        let one = Question::about(&["a", "b"], ["{}"], true).unwrap();
        let answer = Answer::new(&one, vec![vec![vec![0.7, 0.8]]]);
        let ranked = rank_templates(&one, &answer, &[(0, vec![0, 1]), (7, vec![0])]);
        assert_eq!((ranked.len(), ranked[0].macro_f1), (1, Some(1.0)));
    }
}
