//! What engines answer.

use super::Question;

/// `(n_texts, n_labels)` scores in 0..=1.
pub type Rows = Vec<Vec<f32>>;

/// The scores of every text.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// One row per text, one column per label of the question. Where labels exclude each other rows sum to 1 over the labels asked about.
    pub scores: Rows,
    /// The same in the words of each template; empty where there is only one.
    pub by_template: Vec<Rows>,
}

impl Answer {
    /// An answer from the rows of each template over [`Question::asked`].
    ///
    /// Several templates are combined by the mean of their scores. The mean of probabilities is again one (rows that sum to 1 keep doing
    /// so), a wording that goes astray moves it by no more than its share, where among logits one extreme value would decide, and it means
    /// the same whatever the scale of an engine's logits; the templates' own rows, shown beside it, are what was averaged.
    pub fn new(question: &Question, of_templates: Vec<Rows>) -> Answer {
        let spread = |rows: Rows| -> Rows { rows.iter().map(|row| question.spread(row)).collect() };
        Answer::of_templates(of_templates.into_iter().map(spread).collect())
    }

    /// The same from rows over all labels.
    pub(super) fn of_templates(mut by_template: Vec<Rows>) -> Answer {
        if by_template.len() == 1 {
            return Answer {
                scores: by_template.remove(0),
                by_template,
            };
        }
        Answer {
            scores: mean(&by_template),
            by_template,
        }
    }
}

fn mean(of_templates: &[Rows]) -> Rows {
    let Some(first) = of_templates.first() else {
        return Rows::new();
    };
    let cell = |text: usize, label: usize| {
        let of = |rows: &Rows| rows.get(text)?.get(label).copied().map(f64::from);
        let sum: f64 = of_templates.iter().filter_map(of).sum();
        (sum / of_templates.len() as f64) as f32
    };
    first
        .iter()
        .enumerate()
        .map(|(text, row)| (0..row.len()).map(|label| cell(text, label)).collect())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_averaged_and_duplicates_share() {
        let question = Question::about(&["a", "b", "a"], ["{}", "on {}"], false).unwrap();
        let answer = Answer::new(&question, vec![vec![vec![0.25, 0.75]], vec![vec![0.75, 0.25]]]);
        assert_eq!(answer.scores, [[0.5, 0.5, 0.5]]);
        assert_eq!(answer.by_template[1], [[0.75, 0.25, 0.75]]);
        let question = Question::about(&["a", "b"], ["{}"], false).unwrap();
        let answer = Answer::new(&question, vec![vec![vec![0.25, 0.75]]]);
        assert_eq!((answer.scores, answer.by_template), (vec![vec![0.25, 0.75]], vec![]));
    }
}
