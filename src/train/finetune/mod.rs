//! Fine-tuning: the encoder and a linear layer on its embeddings learn the labels directly, as transformers' Trainer does it.
//!
//! One label a text: softmax and cross-entropy, or for two labels one sigmoid. Any number: one sigmoid a label and binary
//! cross-entropy. The layer becomes the classifier's logistic head, so that a fine-tuned classifier is saved, exported and used like
//! any other.

mod batches;
mod layer;
mod objective;
#[cfg(test)]
mod tests;
mod tuning;
mod watch;

use std::ops::ControlFlow;

use serde_json::json;

use super::inputs::Inputs;
use super::tuner::Pace;
use super::{
    Checkpoints, Events, Findings, Options, Phase, TrainError, TrainEvent, Trained, TrainingSet, lora, remarks, trees,
};
use crate::core::rng;
use crate::model::head::{ClassWeight, Examples, FitSettings, Head, Link, OnTree, TreeMethod};
use crate::model::{Encoder, Targets};
use tuning::{Plan, Tuning};
use watch::Watch;

pub(super) use batches::{Batches, SAMPLINGS};
pub(super) use layer::{Columns, Layer};
pub(super) use objective::{LOSSES, Objective};
pub(super) use watch::WATCHED;

/// The values of the option `two_labels`.
pub(super) const TWO_LABELS: [&str; 2] = ["softmax", "sigmoid"];

pub(super) fn run(
    set: &TrainingSet,
    options: &Options,
    seed: u64,
    encoder: Encoder,
    events: Events<'_>,
    checkpoints: &mut Checkpoints<'_>,
) -> Result<Trained, TrainError> {
    trees::refuse_contradictions(set, options)?;
    let set = &*set.closed();
    let counts = set.targets.counts(set.n_labels)?;
    let columns = columns(set, &counts, options);
    let objective = Objective::new(columns.clone(), set, options)?;
    let watch = Watch::new(set, options)?;
    let batches = Batches::new(
        options.word("sampling"),
        &set.targets,
        &counts,
        rng::stream(seed, "batches"),
    );
    let steps = Steps::new(&batches, options);
    let mut stop = events(TrainEvent::Started { n_steps: steps.n_steps }).is_break();
    stop |= events(TrainEvent::Phase(Phase::Tokenizing)).is_break();
    // The layer's own weights give its rows their lengths.
    let encoder = encoder
        .without_normalization()
        .with_max_tokens(options.whole("max_length"))?;
    let encoder = lora::adapted(encoder, options, seed)?;
    let inputs = Inputs::new(&encoder, set, options)?;
    stop |= events(TrainEvent::Phase(Phase::Tuning)).is_break();

    let dropout = options.get("head_dropout");
    let layer = Layer::new(&encoder, columns, dropout, &mut rng::stream(seed, "head"))?;
    let plan = Plan {
        set,
        encoder: &encoder,
        inputs: &inputs,
        layer: &layer,
        objective: &objective,
        n_steps: steps.n_steps,
        batch_size: options.whole("batch_size"),
        n_passes: options.whole("accumulation"),
        learning_rate: options.get("learning_rate"),
        schedule: options.word("schedule"),
        warmup: options.get("warmup"),
    };
    let mut tuning = Tuning::new(plan, batches, watch, options, seed);
    if let Some(start) = checkpoints.take_start(steps.n_steps)? {
        tuning.load(start)?;
    }
    let ended = go(&mut tuning, steps.between_looks, stop, events, checkpoints)?;
    let kept = tuning.finish()?;
    let mut findings = findings(&tuning, &ended, kept, options);
    if let Some(remark) = objective.remark(set) {
        remarks::add(&mut findings, remark);
    }
    let (n_steps, stopped) = (tuning.step, ended.is_stop());
    if let Ended::Diverged(error) = ended
        && !tuning.is_finite()?
    {
        return Err(error);
    }
    drop(tuning);
    let encoder = encoder.without_lora()?;
    let head = match set.on_tree(options) {
        Some(on) if on.method == TreeMethod::TopDown => top_down(set, on, options, &encoder, events)?,
        _ => layer.to_head(set)?,
    };
    Ok(Trained {
        encoder,
        head,
        out_of_fold: None,
        stopped,
        n_steps,
        findings,
    })
}

/// A classifier for each node with labels below it, fitted on the embeddings of the encoder that was tuned under one flat layer.
fn top_down(
    set: &TrainingSet,
    on: OnTree<'_>,
    options: &Options,
    encoder: &Encoder,
    events: Events<'_>,
) -> Result<Head, TrainError> {
    let n_texts = set.texts.len();
    let embeddings = encoder.embed(&set.texts(), &mut |n_done| {
        // There is a tuned encoder to keep: whoever asks to stop gets the head too.
        let _ = events(TrainEvent::Phase(Phase::Embedding { n_done, n_texts }));
        ControlFlow::Continue(())
    })?;
    let _ = events(TrainEvent::Phase(Phase::Head));
    let settings = FitSettings {
        class_weight: ClassWeight::ALL[options.whole("class_weight")],
        ..FitSettings::default()
    };
    let examples = Examples::new(&embeddings, &set.targets, set.n_labels).on(Some(on));
    Ok(Head::fit(examples, &settings)?)
}

/// The labels with examples, and one logit each; for two labels of which a text has one, one logit where that is asked for.
pub(super) fn columns(set: &TrainingSet, counts: &[usize], options: &Options) -> Columns {
    let fitted: Vec<usize> = (0..set.n_labels).filter(|label| counts[*label] > 0).collect();
    let link = match set.targets {
        Targets::Multi(_) => Link::OneVsRest,
        Targets::Single(_) if fitted.len() == 2 && set.tree.is_none() && options.word("two_labels") == "sigmoid" => Link::Sigmoid,
        Targets::Single(_) => Link::Softmax,
    };
    Columns::new(link, fitted, set.n_labels)
}

/// How many steps there are.
struct Steps {
    n_steps: usize,
    /// Steps from one look at held-out texts to the next.
    between_looks: usize,
}

impl Steps {
    fn new(batches: &Batches, options: &Options) -> Self {
        let texts_per_step = options.whole("batch_size") * options.whole("accumulation");
        let per_epoch = batches.per_epoch().div_ceil(texts_per_step);
        let between_looks = (per_epoch as f64 * options.get("watch_every")).round() as usize;
        Steps {
            n_steps: per_epoch * options.whole("num_epochs"),
            between_looks: between_looks.max(1),
        }
    }
}

/// How the steps came to an end.
enum Ended {
    /// All were taken.
    Through,
    /// Held-out texts had not been scored better for long enough.
    Early,
    /// The callback asked for it.
    Stopped,
    /// The next step left the numbers.
    Diverged(TrainError),
}

impl Ended {
    fn is_stop(&self) -> bool {
        matches!(self, Ended::Stopped | Ended::Diverged(_))
    }
}

/// Takes the steps that are left, and looks at the held-out texts in between and at the end. A state is handed over when everything about
/// its step is done; the look at a step where somebody stops is none that the training would have taken, and belongs to no state.
fn go(
    tuning: &mut Tuning<'_>,
    between_looks: usize,
    mut stop: bool,
    events: Events<'_>,
    checkpoints: &mut Checkpoints<'_>,
) -> Result<Ended, TrainError> {
    let n_steps = tuning.plan.n_steps;
    let mut pace = Pace::start(n_steps, tuning.step);
    while tuning.step < n_steps && !stop {
        if tuning.watch.as_ref().is_some_and(Watch::is_over) {
            return Ok(Ended::Early);
        }
        let advance = match tuning.advance() {
            Err(error @ TrainError::Diverged { .. }) if tuning.step > 0 => return Ok(Ended::Diverged(error)),
            other => other?,
        };
        let step = tuning.step;
        stop |= events(pace.event(step, advance.n_texts, advance.stepped, advance.learning_rate)).is_break();
        if is_look(tuning, between_looks) {
            stop |= pace.aside(|| tuning.look(&mut *events))?.is_break();
        }
        stop |= pace
            .aside(|| checkpoints.after_step(step, || tuning.save()))?
            .is_break();
    }
    match tuning.step {
        0 => Err(TrainError::Stopped),
        step if step < n_steps => {
            checkpoints.at_stop(step, || tuning.save())?;
            if !is_look(tuning, between_looks) {
                // Who stops has asked for what there is.
                let _ = tuning.look(events)?;
            }
            Ok(Ended::Stopped)
        }
        _ => Ok(Ended::Through),
    }
}

/// Whether the held-out texts are looked at after the step at hand.
fn is_look(tuning: &Tuning<'_>, between_looks: usize) -> bool {
    tuning.step == tuning.plan.n_steps || tuning.step.is_multiple_of(between_looks)
}

/// What a person may want to know: how it ended, and which weights these are.
fn findings(tuning: &Tuning<'_>, ended: &Ended, kept: usize, options: &Options) -> Findings {
    let mut findings = Findings::new();
    if let Some(watch) = &tuning.watch {
        findings.insert("watch_metric".into(), json!(options.word("watch_metric")));
        findings.insert("stopped_early".into(), json!(matches!(ended, Ended::Early)));
        findings.insert("kept_step".into(), json!(kept));
        if let Some(best) = watch.best_step() {
            findings.insert("best_step".into(), json!(best));
        }
    } else if options.whole("patience") > 0 {
        let remark =
            "There were no validation texts, so training could not end early. Give some texts the split validation.";
        remarks::add(&mut findings, remark.into());
    }
    if let Ended::Diverged(TrainError::Diverged {
        step,
        what,
        learning_rate,
    }) = ended
    {
        let remark = format!(
            "Training diverged at step {step}: the {what} was not a finite number; the weights of step {kept} were kept. \
             Try a lower learning_rate (now {learning_rate}), a longer warmup, or a lower max_grad_norm."
        );
        findings.insert("diverged_at".into(), json!(step));
        remarks::add(&mut findings, remark);
    }
    findings
}
