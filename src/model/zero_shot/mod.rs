//! Scores for labels nobody has trained: one [`Question`], several engines that answer it, one shape of [`Answer`].
//!
//! An engine gets texts and a question and gives one score in 0..=1 per text and label. Not here: trained heads, thresholds, and what
//! becomes of scores; they are suggestions and no labels.

mod answer;
mod compared;
pub mod endpoint;
pub mod entailment;
mod error;
mod fitted;
mod inference_classes;
pub mod language_model;
mod named;
mod premise_reader;
pub mod prototypes;
mod question;
pub mod similarity;
pub mod templates;
mod text_parts;
mod tree;
pub mod wordings;

use std::ops::ControlFlow;
use std::time::Instant;

pub use answer::{Answer, Rows};
pub use compared::{Compared, Embed, Wording};
pub use endpoint::{Endpoint, EndpointError};
pub use entailment::{Entailment, LongTexts};
pub use error::ZeroShotError;
pub use fitted::fitted_similarity;
pub use language_model::LocalLanguageModel;
pub use prototypes::Prototypes;
pub use question::{LabelText, NAME, PATH, Question};
pub use similarity::{DEFAULT_TEMPLATE, Pile, Similar, Similarity, TEMPERATURE, similarity};
pub use templates::{Language, guess_language};
pub use tree::{DEFAULT_BEAM, Descent, InTree, TreeAsked, TreeEngine, scores_in_tree};
pub use wordings::{RankedTemplate, rank_templates};

use super::{Embeddings, Encoder, Input};

/// Refuses pairs for an engine that reads single texts.
pub(crate) fn refuse_pairs(engine: &'static str, texts: &[Input<'_>]) -> Result<(), ZeroShotError> {
    match texts.iter().any(Input::is_pair) {
        true => Err(ZeroShotError::Pairs { engine }),
        false => Ok(()),
    }
}

/// What an engine calls while it works, at least once a batch; `Break` stops it and nothing is kept.
pub type OnProgress<'a> = &'a mut dyn FnMut(Progress) -> ControlFlow<()>;

/// A way to score labels without training.
pub trait Engine {
    /// Which engine it is, as it is named on the command line: "similarity", "entailment", "language-model".
    fn name(&self) -> &'static str;

    /// What its model is called.
    fn model(&self) -> &str;

    /// Answers the question for every text, in the order of `texts`.
    ///
    /// # Errors
    /// [`ZeroShotError::Pairs`] for pairs of texts where the engine reads single ones, [`ZeroShotError::Stopped`], and whatever the model
    /// reports.
    fn score(
        &mut self,
        texts: &[Input<'_>],
        question: &Question,
        on_progress: OnProgress<'_>,
    ) -> Result<Answer, ZeroShotError>;

    /// What whoever reads the last answer should know besides, in sentences without an end: answers that were refused, texts that were cut.
    fn remarks(&self) -> Vec<String> {
        Vec::new()
    }

    /// Requests, tokens and cost, for an engine that asks a server; `None` for others.
    fn usage(&self) -> Option<endpoint::Usage> {
        None
    }
}

/// How far an engine is. Its steps are of one kind: texts embedded, pairs read, prompts answered.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// Steps done.
    pub done: usize,
    /// Steps in all.
    pub total: usize,
    /// How many texts are scored in all.
    pub n_texts: usize,
    /// Seconds since the first step began.
    pub secs: f64,
}

impl Progress {
    /// How much is done, in 0..=1; all of nothing is 1.
    pub fn fraction(self) -> f64 {
        if self.total == 0 {
            return 1.0;
        }
        self.done as f64 / self.total as f64
    }

    /// Texts a second so far, counting parts of texts; `None` before there is anything to tell.
    pub fn texts_per_sec(self) -> Option<f64> {
        (self.done > 0 && self.secs > 0.0).then(|| self.fraction() * self.n_texts as f64 / self.secs)
    }

    /// Seconds that the rest takes at the rate so far; `None` before there is anything to tell.
    pub fn secs_left(self) -> Option<f64> {
        (self.done > 0).then(|| self.secs * (1.0 / self.fraction() - 1.0))
    }
}

/// Counts an engine's steps and tells them.
pub struct Meter<'a> {
    total: usize,
    n_texts: usize,
    done: usize,
    began: Instant,
    on_progress: OnProgress<'a>,
}

impl<'a> Meter<'a> {
    /// A meter for `total` steps over `n_texts` texts; the time runs from here on.
    pub fn new(total: usize, n_texts: usize, on_progress: OnProgress<'a>) -> Meter<'a> {
        Meter {
            total,
            n_texts,
            done: 0,
            began: Instant::now(),
            on_progress,
        }
    }

    /// `n` more steps are done.
    ///
    /// # Errors
    /// [`ZeroShotError::Stopped`] where whoever listens says so.
    pub fn advance(&mut self, n: usize) -> Result<(), ZeroShotError> {
        self.done += n;
        let progress = Progress {
            done: self.done,
            total: self.total,
            n_texts: self.n_texts,
            secs: self.began.elapsed().as_secs_f64(),
        };
        match (self.on_progress)(progress) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(ZeroShotError::Stopped),
        }
    }
}

/// Embeds texts and tells how many are done; stops where whoever listens says so.
///
/// # Errors
/// [`ZeroShotError::Stopped`], and whatever the encoder reports.
pub(crate) fn embed_counted(
    encoder: &Encoder,
    texts: &[Input<'_>],
    on_progress: OnProgress<'_>,
) -> Result<Embeddings, ZeroShotError> {
    let mut meter = Meter::new(texts.len(), texts.len(), on_progress);
    let mut n_done = 0;
    Ok(encoder.embed(texts, &mut |done| {
        let more = done - n_done;
        n_done = done;
        match meter.advance(more) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    })?)
}

/// Softmax of logits in 0..=1; the largest is taken away first, so that none overflows. The logits must be finite.
pub(crate) fn softmax(logits: &[f64]) -> Vec<f64> {
    let most = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> = logits.iter().map(|logit| (logit - most).exp()).collect();
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|weight| weight / sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_tells_rate_and_time_left() {
        let progress = Progress {
            done: 30,
            total: 120,
            n_texts: 40,
            secs: 5.0,
        };
        assert_eq!(progress.texts_per_sec(), Some(2.0));
        assert_eq!(progress.secs_left(), Some(15.0));
        let none = Progress { done: 0, ..progress };
        assert_eq!((none.texts_per_sec(), none.secs_left()), (None, None));
        let empty = Progress {
            total: 0,
            done: 0,
            n_texts: 0,
            secs: 0.0,
        };
        assert_eq!(empty.fraction(), 1.0);
    }

    #[test]
    fn a_meter_counts_and_stops() {
        let mut told = Vec::new();
        let mut listen = |progress: Progress| {
            told.push(progress.done);
            if progress.done >= 5 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        let mut meter = Meter::new(9, 3, &mut listen);
        assert!(meter.advance(2).is_ok());
        assert!(matches!(meter.advance(3), Err(ZeroShotError::Stopped)));
        assert_eq!(told, [2, 5]);
    }

    #[test]
    fn softmax_does_not_overflow() {
        assert_eq!(softmax(&[1e4, 1e4]), [0.5, 0.5]);
        let far = softmax(&[-1e5, 1e5]);
        assert_eq!(far, [0.0, 1.0]);
    }
}
