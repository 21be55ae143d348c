//! The similarity between a text and each label's name in a sentence. The scores rank labels well and are rough as probabilities.

use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

use super::fitted::fitted_similarity;
use super::prototypes::{self, unit};
use super::{
    Answer, Compared, Engine, InTree, OnProgress, Question, Rows, TreeAsked, Wording, ZeroShotError, embed_counted,
    scores_in_tree,
};
use crate::core::ColumnTree;
use crate::model::{Embeddings, Encoder, Input};

/// The sentence a label's name is put into when nothing else is said.
pub const DEFAULT_TEMPLATE: &str = "This text is about {}.";

/// Differences of cosines are divided by this before they become probabilities. Chosen for the spread of cosines that
/// `all-MiniLM-L6-v2` gives; it changes how sure scores look, not which label is first.
pub const TEMPERATURE: f64 = 0.05;

/// Whether the texts themselves say what labels mean ([`prototypes::Prototypes`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pile {
    /// Where there are [`prototypes::LEAST_TEXTS`] of them.
    #[default]
    Auto,
    /// However few there are.
    On,
    /// Only the labels' sentences count.
    Off,
}

impl Pile {
    /// Whether `n_texts` texts are read.
    pub fn reads(self, n_texts: usize) -> bool {
        match self {
            Pile::Auto => n_texts >= prototypes::LEAST_TEXTS,
            Pile::On => true,
            Pile::Off => false,
        }
    }
}

/// What similarity says in the words of one template.
#[derive(Debug, Clone, PartialEq)]
pub struct Similar {
    /// One score in 0..=1 per text and label.
    pub scores: Rows,
    /// For each label the rows of the texts that are most like it, most typical first; empty where the texts were not read.
    pub typical: Vec<Vec<usize>>,
    /// `(n_texts, n_labels)` cosines, row-major: what the scores were made of.
    pub cosines: Vec<f32>,
}

/// Scores of texts that are embedded already, `(n_texts, n_labels)` over [`Question::asked`], in the words of `template`.
///
/// With one answer per text the scores are a softmax over the cosines divided by `temperature` ([`TEMPERATURE`] where nobody has labelled
/// anything), and rows sum to 1. With several, each label is scored by itself. Where the texts are read, see
/// [`prototypes::Prototypes::each_by_itself`].
/// Else it is the same softmax over two sentences, the label's and a neutral one ("This text is about something."), so 0.5 means "no closer
/// to this label than to nothing in particular"; comparing with the encoder's own idea of "nothing" makes the scores mean the same on
/// encoders whose cosines all lie between 0.7 and 1.
///
/// # Errors
/// Embeddings of another width; whatever the encoder reports.
pub fn similarity(
    encoder: &Encoder,
    texts: &Embeddings,
    (question, template): (&Question, &str),
    pile: Pile,
    temperature: f64,
) -> Result<Similar, ZeroShotError> {
    if texts.dim != encoder.dim() {
        return Err(ZeroShotError::Dim {
            expected: encoder.dim(),
            found: texts.dim,
        });
    }
    let wording = Wording::new(question, template, &mut |sentences| embed(encoder, sentences))?;
    let compared = Compared::new(&wording, &unit(texts), question.each_by_itself(), pile);
    Ok(Similar {
        scores: compared.scores(temperature),
        cosines: compared.cosines().to_vec(),
        typical: compared.typical().to_vec(),
    })
}

fn embed(encoder: &Encoder, texts: &[String]) -> Result<Embeddings, ZeroShotError> {
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    Ok(encoder.embed(&texts, &mut |_| ControlFlow::Continue(()))?)
}

/// Similarity as an engine: embeds the texts it is given. Reads pairs of texts too.
pub struct Similarity {
    encoder: Encoder,
    pile: Pile,
    truth: Vec<(usize, usize)>,
    in_tree: Option<InTree>,
    temperatures: Vec<f64>,
}

impl Similarity {
    /// With this encoder.
    pub fn new(encoder: Encoder) -> Similarity {
        Similarity {
            encoder,
            pile: Pile::default(),
            truth: Vec::new(),
            in_tree: None,
            temperatures: Vec::new(),
        }
    }

    /// The same, which reads the texts it is given or does not.
    pub fn with_pile(self, pile: Pile) -> Similarity {
        Similarity { pile, ..self }
    }

    /// The same, whose temperature is fitted to what is known of some texts: their row among the texts it will be given, and the column of
    /// their label. Only the sureness of scores follows from it, and only where labels exclude each other ([`fitted_similarity`]).
    pub fn with_truth(self, truth: Vec<(usize, usize)>) -> Similarity {
        Similarity { truth, ..self }
    }

    /// The same for labels that form a tree: each text is embedded once, whatever is asked.
    pub fn with_tree(self, in_tree: Option<InTree>) -> Similarity {
        Similarity { in_tree, ..self }
    }

    /// The temperatures that were fitted for the last answer, one for each template, in a tree those of the question at its top; empty where
    /// there was nothing to fit.
    pub fn temperatures(&self) -> &[f64] {
        &self.temperatures
    }

    /// The encoder that embeds.
    pub fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// Answers for texts that are embedded already.
    ///
    /// # Errors
    /// Those of [`similarity`].
    pub fn answer(&mut self, embedded: &Embeddings, question: &Question) -> Result<Answer, ZeroShotError> {
        let in_tree = self
            .in_tree
            .as_ref()
            .filter(|of| of.tree.len() == question.labels().len());
        let Some(in_tree) = in_tree else {
            let (answer, fitted) = self.compare(embedded, question, &self.truth)?;
            self.temperatures = fitted;
            return Ok(answer);
        };
        let n_texts = embedded.len();
        let mut at_the_top = None;
        let answer = scores_in_tree(in_tree, question, n_texts, &mut |asked| {
            let truth = self.truth_of(asked, &in_tree.tree);
            let (answer, fitted) = self.compare(&embedded.rows(asked.rows), asked.question, &truth)?;
            at_the_top.get_or_insert(fitted);
            Ok(answer)
        })?;
        self.temperatures = at_the_top.unwrap_or_default();
        Ok(answer)
    }

    fn compare(
        &self,
        embedded: &Embeddings,
        question: &Question,
        truth: &[(usize, usize)],
    ) -> Result<(Answer, Vec<f64>), ZeroShotError> {
        let (mut of_templates, mut temperatures) = (Vec::new(), Vec::new());
        for template in question.templates() {
            let asked = (question, template.as_str());
            let (similar, fitted) = fitted_similarity(&self.encoder, embedded, asked, self.pile, truth)?;
            temperatures.extend(fitted);
            of_templates.push(similar.scores);
        }
        Ok((Answer::new(question, of_templates), temperatures))
    }

    /// What is known of the texts of one question on the way: which of its labels stands above the text's own.
    fn truth_of(&self, asked: &TreeAsked<'_>, tree: &ColumnTree) -> Vec<(usize, usize)> {
        let known = self.truth.iter().filter_map(|(row, column)| {
            let row = asked.rows.binary_search(row).ok()?;
            let label = tree
                .ancestry(*column)
                .find_map(|above| asked.columns.iter().position(|of| *of == above))?;
            Some((row, label))
        });
        known.collect()
    }
}

impl Engine for Similarity {
    fn name(&self) -> &'static str {
        "similarity"
    }

    fn model(&self) -> &str {
        self.encoder.name()
    }

    fn score(
        &mut self,
        texts: &[Input<'_>],
        question: &Question,
        on_progress: OnProgress<'_>,
    ) -> Result<Answer, ZeroShotError> {
        let embedded = embed_counted(&self.encoder, texts, on_progress)?;
        self.answer(&embedded, question)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::tiny_encoder;
    use crate::model::zero_shot::LabelText;

    #[test]
    fn a_text_equal_to_a_labels_sentence_gets_that_label() {
        let encoder = tiny_encoder(1);
        let labels = ["cat", "market", "team"];
        let texts = labels.map(|label| format!("the {label} runs"));
        let embedded = embed(&encoder, &texts).unwrap();
        for multi in [false, true] {
            let question = Question::about(&labels, ["the {} runs"], multi).unwrap();
            let asked = (&question, "the {} runs");
            let rows = similarity(&encoder, &embedded, asked, Pile::Off, TEMPERATURE)
                .unwrap()
                .scores;
            for (i, row) in rows.iter().enumerate() {
                let best = (0..3).max_by(|a, b| row[*a].total_cmp(&row[*b])).unwrap();
                assert!(best == i && row.iter().all(|p| (0.0..=1.0).contains(p)), "{i}: {row:?}");
            }
        }
        let narrow = Embeddings {
            dim: 2,
            data: vec![0.0; 4],
        };
        let question = Question::about(&labels, ["{}"], false).unwrap();
        assert!(matches!(
            similarity(&encoder, &narrow, (&question, "{}"), Pile::Off, TEMPERATURE),
            Err(ZeroShotError::Dim { .. })
        ));
    }

    #[test]
    fn examples_move_a_label_and_few_texts_are_not_read() {
        let encoder = tiny_encoder(1);
        let texts = ["the cat sleeps", "a red market", "team"].map(str::to_owned);
        let embedded = embed(&encoder, &texts).unwrap();
        let mut labels: Vec<LabelText> = ["x", "y"].map(LabelText::named).into();
        let of = |labels: &[LabelText], pile| {
            let question = Question::new(labels.to_vec(), ["{}"], false).unwrap();
            similarity(&encoder, &embedded, (&question, "{}"), pile, TEMPERATURE).unwrap()
        };
        let before = of(&labels, Pile::Auto);
        assert!(before.typical.is_empty() && before.cosines.len() == 6);
        labels[1].examples.push("a red market".to_owned());
        let after = of(&labels, Pile::Auto);
        assert!(after.scores[1][1] > before.scores[1][1]);
        let read = of(&labels, Pile::On);
        assert_eq!(read.typical.len(), 2);
        assert!(Pile::Auto.reads(prototypes::LEAST_TEXTS) && !Pile::Off.reads(1_000_000));
    }

    #[test]
    fn as_an_engine_it_gives_the_same_scores() {
        let mut engine = Similarity::new(tiny_encoder(1));
        let texts = ["the cat sleeps", "a red market", "team"];
        let inputs = texts.map(Input::from);
        let question = Question::about(&["cat", "market", "cat"], ["the {} runs", "a {}"], false).unwrap();
        let mut last = None;
        let answer = engine
            .score(&inputs, &question, &mut |progress| {
                last = Some((progress.done, progress.total));
                ControlFlow::Continue(())
            })
            .unwrap();
        assert_eq!(last, Some((3, 3)));
        let encoder = tiny_encoder(1);
        let embedded = encoder.embed(&texts, &mut |_| ControlFlow::Continue(())).unwrap();
        let alone = Question::about(&["cat", "market"], ["a {}"], false).unwrap();
        let rows = similarity(&encoder, &embedded, (&alone, "a {}"), Pile::Auto, TEMPERATURE)
            .unwrap()
            .scores;
        for (ours, row) in answer.by_template[1].iter().zip(&rows) {
            assert_eq!(*ours, [row[0], row[1], row[0]]);
        }
        let stopped = engine.score(&inputs, &question, &mut |_| ControlFlow::Break(()));
        assert!(matches!(stopped, Err(ZeroShotError::Stopped)));
    }
}
