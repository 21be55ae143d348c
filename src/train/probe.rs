//! The quick probe: a logistic head on the embeddings of an encoder that stays as it is.

use std::ops::ControlFlow;

use super::{Checkpoints, Events, Findings, Options, Phase, TrainError, TrainEvent, Trained, TrainingSet};
use crate::model::head::{self, LogisticHead, Targets};
use crate::model::{Embeddings, Encoder, ModelError};

/// A head with what it says about its own training texts.
#[derive(Debug, Clone, PartialEq)]
pub struct Fitted {
    /// Fitted on all the texts.
    pub head: LogisticHead,
    /// See [`head::out_of_fold`].
    pub out_of_fold: Option<Vec<Vec<f32>>>,
}

/// Fits a head, and as many more as `folds` asks for to score the training texts, on embeddings that are there already.
///
/// `previous` is where to start from: for refitting after every annotation. Options are `c` and `folds`.
///
/// # Errors
/// Those of [`LogisticHead::fit`].
pub fn fit_head(
    x: &Embeddings,
    targets: &Targets,
    n_labels: usize,
    options: &Options,
    seed: u64,
    previous: Option<&LogisticHead>,
) -> Result<Fitted, TrainError> {
    let (c, folds) = (options.get("c"), options.whole("folds"));
    Ok(Fitted {
        head: LogisticHead::refit(x, targets, n_labels, c, previous)?,
        out_of_fold: head::out_of_fold(x, targets, n_labels, folds, seed, c)?,
    })
}

pub(super) fn run(
    set: &TrainingSet,
    options: &Options,
    seed: u64,
    encoder: Encoder,
    events: Events<'_>,
    _: &mut Checkpoints<'_>,
) -> Result<Trained, TrainError> {
    if events(TrainEvent::Started { n_steps: 0 }).is_break() {
        return Err(TrainError::Stopped);
    }
    finish(
        set,
        options,
        seed,
        encoder,
        events,
        Tuned {
            n_steps: 0,
            stopped: false,
            keep_going: false,
        },
    )
}

/// What happened to the encoder before the head's turn.
pub(super) struct Tuned {
    pub n_steps: usize,
    pub stopped: bool,
    /// Whether to finish although the callback asks to stop: where there is a tuned encoder to keep.
    pub keep_going: bool,
}

/// Embeds the training texts and fits the head on them: how every method with a logistic head ends.
pub(super) fn finish(
    set: &TrainingSet,
    options: &Options,
    seed: u64,
    encoder: Encoder,
    events: Events<'_>,
    tuned: Tuned,
) -> Result<Trained, TrainError> {
    let n_texts = set.texts.len();
    let go_on = |flow: ControlFlow<()>| {
        if tuned.keep_going {
            ControlFlow::Continue(())
        } else {
            flow
        }
    };
    if go_on(events(TrainEvent::Phase(Phase::Embedding { n_done: 0, n_texts }))).is_break() {
        return Err(TrainError::Stopped);
    }
    let embedded = encoder.embed(&set.texts(), &mut |n_done| {
        go_on(events(TrainEvent::Phase(Phase::Embedding { n_done, n_texts })))
    });
    let embeddings = match embedded {
        Err(ModelError::Stopped) => return Err(TrainError::Stopped),
        other => other?,
    };
    if go_on(events(TrainEvent::Phase(Phase::Head))).is_break() {
        return Err(TrainError::Stopped);
    }
    let Fitted { head, out_of_fold } = fit_head(&embeddings, &set.targets, set.n_labels, options, seed, None)?;
    Ok(Trained {
        encoder,
        head,
        out_of_fold,
        stopped: tuned.stopped,
        n_steps: tuned.n_steps,
        findings: Findings::new(),
    })
}
