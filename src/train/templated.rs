//! SetFit before the first label: sentences that say what each label is about stand in for texts, the encoder is tuned on them and a head
//! fitted. A zero-shot engine in the room that may train.
//!
//! As setfit's templated data sets: so many sentences a label (8, as its authors advise), here dealt over several wordings, so that
//! the sentences of a label are not all the same one.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use super::{Options, TrainError, TrainingSet, method, train};
use crate::core::TaskKind;
use crate::model::label_names::as_words;
use crate::model::zero_shot::{
    Answer, Engine, OnProgress, Progress, Question, ZeroShotError, embed_counted, refuse_pairs,
};
use crate::model::{Encoder, Head, Input, Targets};

/// Sentences a label where nothing else is said.
pub const DEFAULT_COPIES: usize = 8;

/// The seed of every random choice: the same question gives the same scores.
const SEED: u64 = 42;

/// No more steps than this, however many labels there are: seconds, not minutes.
const MOST_STEPS: f64 = 200.0;

/// Templated SetFit as an engine. It learns when it is first asked, and again when it is asked something else. Reads single texts.
pub struct TemplatedSetFit {
    encoder: Encoder,
    copies: usize,
    pile: Vec<Arc<str>>,
    learnt: Option<Learnt>,
}

/// What was made of a question.
struct Learnt {
    question: Question,
    encoder: Encoder,
    head: Head,
}

impl TemplatedSetFit {
    /// Starts from this encoder, which stays as it is, with so many sentences a label (at least 1).
    pub fn new(encoder: Encoder, copies: usize) -> TemplatedSetFit {
        TemplatedSetFit {
            encoder,
            copies: copies.max(1),
            pile: Vec::new(),
            learnt: None,
        }
    }

    /// The same, which also learns from texts that nobody has labelled; none of them by default.
    pub fn with_pile(self, pile: Vec<Arc<str>>) -> TemplatedSetFit {
        TemplatedSetFit {
            pile,
            learnt: None,
            ..self
        }
    }

    fn learn(
        &mut self,
        question: &Question,
        on_progress: &mut dyn FnMut() -> ControlFlow<()>,
    ) -> Result<(), ZeroShotError> {
        if question.asked().len() < 2 {
            return Err(ZeroShotError::Training(
                "this engine learns to tell labels apart, and there is only one; add another label, or choose another engine".into(),
            ));
        }
        let options = self.options().map_err(not_learnt)?;
        let set = self.sentences(question);
        let mut stop = false;
        let trained = train(
            options.method(),
            &set,
            &options,
            SEED,
            self.encoder.duplicate()?,
            &mut |_| {
                let flow = on_progress();
                stop |= flow.is_break();
                flow
            },
        );
        let trained = trained.map_err(not_learnt)?;
        if stop {
            return Err(ZeroShotError::Stopped);
        }
        self.learnt = Some(Learnt {
            question: question.clone(),
            encoder: trained.encoder,
            head: trained.head,
        });
        Ok(())
    }

    fn options(&self) -> Result<Options, TrainError> {
        let mut options = Options::defaults(method("setfit")?);
        options.set("folds", 0.0)?;
        options.set("checkpoint_every", 0.0)?;
        options.set("max_steps", MOST_STEPS)?;
        // Copies of a sentence hold no text out, so nothing can be chosen by what is held out.
        options.set_written("choose_c", "off")?;
        options.set_written("pile", if self.pile.is_empty() { "off" } else { "on" })?;
        Ok(options)
    }

    /// `copies` sentences a label, dealt over the templates.
    fn sentences(&self, question: &Question) -> TrainingSet {
        let (mut texts, mut labels) = (Vec::new(), Vec::new());
        for (at, label) in question.asked().enumerate() {
            for template in question
                .templates()
                .iter()
                .cycle()
                .take(self.copies.max(question.templates().len()))
            {
                texts.push(Arc::from(label.in_words(template, as_words)));
                labels.push(at);
            }
            for example in &label.examples {
                texts.push(Arc::from(example.as_str()));
                labels.push(at);
            }
        }
        let (targets, task) = match question.multi() {
            true => (
                Targets::Multi(labels.into_iter().map(|at| vec![at]).collect()),
                TaskKind::MultiLabel,
            ),
            false => (Targets::Single(labels), TaskKind::SingleLabel),
        };
        let mut set = TrainingSet::new(texts, targets, question.asked().len(), task);
        set.pile.clone_from(&self.pile);
        if !self.pile.is_empty() {
            set.label_names = question.asked().map(|label| label.words().to_owned()).collect();
        }
        set
    }
}

fn not_learnt(error: TrainError) -> ZeroShotError {
    match error {
        TrainError::Stopped => ZeroShotError::Stopped,
        TrainError::Model(error) => error.into(),
        error => ZeroShotError::Training(error.to_string()),
    }
}

impl Engine for TemplatedSetFit {
    fn name(&self) -> &'static str {
        "templated-setfit"
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
        refuse_pairs(self.name(), texts)?;
        if self.learnt.as_ref().is_none_or(|learnt| learnt.question != *question) {
            let (began, n_texts) = (Instant::now(), texts.len());
            self.learn(question, &mut || {
                // Nothing is scored yet; whoever listens may stop it all the same.
                on_progress(Progress {
                    done: 0,
                    total: n_texts,
                    n_texts,
                    secs: began.elapsed().as_secs_f64(),
                })
            })?;
        }
        let Some(learnt) = &self.learnt else {
            return Err(ZeroShotError::Training("the training has left no model".into()));
        };
        let embedded = embed_counted(&learnt.encoder, texts, on_progress)?;
        let rows = learnt
            .head
            .predict_proba(&embedded)
            .map_err(|error| not_learnt(error.into()))?;
        // The wordings were learnt from together: there is one answer.
        let scores = rows.iter().map(|row| question.spread(row)).collect();
        Ok(Answer {
            scores,
            by_template: Vec::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::tiny_encoder;

    fn scored(engine: &mut TemplatedSetFit, question: &Question, texts: &[&str]) -> Vec<Vec<f32>> {
        let inputs: Vec<Input<'_>> = texts.iter().map(|text| Input::from(*text)).collect();
        let mut go_on = |_: Progress| ControlFlow::Continue(());
        engine.score(&inputs, question, &mut go_on).unwrap().scores
    }

    #[test]
    fn a_sentence_about_a_label_gets_it_and_the_encoder_stays_as_it_is() {
        let mut engine = TemplatedSetFit::new(tiny_encoder(1), 4);
        let templates = ["the {} runs", "a red {}"];
        for multi in [false, true] {
            let question = Question::about(&["cat", "market", "team", "cat"], templates, multi).unwrap();
            let texts = ["the cat runs", "a red market", "the team runs"];
            let rows = scored(&mut engine, &question, &texts);
            assert!(rows.iter().all(|row| row[0] == row[3] && row.len() == 4), "{rows:?}");
            // An encoder of noise tells little apart, but what it has learnt points the right way.
            let own: f32 = (0..3).map(|at| rows[at][at]).sum();
            let others: f32 = rows.iter().map(|row| row[..3].iter().sum::<f32>()).sum::<f32>() - own;
            assert!(own > others / 2.0, "{rows:?}");
            assert_eq!(rows, scored(&mut engine, &question, &texts));
            // Alone a text is in a batch of another shape, whose sums round otherwise.
            let alone = scored(&mut engine, &question, &texts[1..2]);
            assert!(rows[1].iter().zip(&alone[0]).all(|(a, b)| (a - b).abs() < 1e-5));
            let mut fresh = TemplatedSetFit::new(tiny_encoder(1), 4);
            assert_eq!(rows, scored(&mut fresh, &question, &texts));
        }
    }

    #[test]
    fn one_label_pairs_and_a_stop_are_told() {
        let mut engine = TemplatedSetFit::new(tiny_encoder(1), 2);
        let mut go_on = |_: Progress| ControlFlow::Continue(());
        let one = Question::about(&["cat", "cat"], ["{}"], false).unwrap();
        let refused = engine.score(&[Input::from("cat")], &one, &mut go_on);
        assert!(refused.unwrap_err().to_string().contains("only one"));
        let two = Question::about(&["cat", "team"], ["{}"], false).unwrap();
        let stopped = engine.score(&[Input::from("cat")], &two, &mut |_| ControlFlow::Break(()));
        assert!(matches!(stopped, Err(ZeroShotError::Stopped)));
        let pair = Input {
            text: "a",
            second: Some("b"),
        };
        let pairs = engine.score(&[pair], &two, &mut go_on);
        assert!(matches!(pairs, Err(ZeroShotError::Pairs { .. })));
    }
}
