//! SetFit: tune the encoder on pairs of texts, then fit a head on its embeddings.
//!
//! Tunstall et al., *Efficient Few-Shot Learning Without Prompts* (2022). Each batch encodes its distinct texts once and compares
//! rows, where the reference encodes both sides of every pair: the gradient has the same expectation (a text's dropout mask is
//! shared by its pairs instead of drawn for each), for less work.

mod checks;
mod differentiable;
pub mod every_pair;
pub mod groups;
pub mod loss;
pub mod pairs;
mod permutation;
mod pile;
mod sampler;
pub mod templates;
mod tuning;

use super::inputs::Inputs;
use super::probe;
use super::tuner::Pace;
use super::{
    Checkpoints, Events, Findings, Options, Phase, TrainError, TrainEvent, Trained, TrainingSet, lora, remarks, trees,
};
use crate::model::Encoder;
use crate::model::head::TreeMethod;
use differentiable::Wanted;
use pile::Guesser;
use tuning::Tuning;

pub use differentiable::HEADS;
pub use sampler::SAMPLERS;

pub(super) fn run(
    set: &TrainingSet,
    options: &Options,
    seed: u64,
    encoder: Encoder,
    events: Events<'_>,
    checkpoints: &mut Checkpoints<'_>,
) -> Result<Trained, TrainError> {
    checks::refuse_equal_texts(set)?;
    trees::refuse_contradictions(set, options)?;
    let loss = loss::Loss::for_set(set, options)?;
    let mut findings = Findings::new();
    if options.word("loss") == "auto" {
        findings.insert("loss".into(), loss.name().into());
    }
    let labelled = templates::material(set, options, &encoder, seed, &mut findings)?;
    let guesser = Guesser::new(&labelled, (options, seed), &encoder, events, &mut findings)?;
    let material = guesser.as_ref().map_or(&labelled, Guesser::material);
    let encoder = lora::adapted(encoder, options, seed)?;
    let sampler = sampler::Sampler::new(material, options, seed)?;
    let n_steps = sampler.n_steps(options);
    let wanted = Wanted::from_options(options);
    let head = wanted;
    let n_all = n_steps + head.n_steps_with_encoder(labelled.repeats.iter().sum(), options);

    let mut stop = events(TrainEvent::Started { n_steps: n_all }).is_break();
    stop |= events(TrainEvent::Phase(Phase::Tokenizing)).is_break();
    let inputs = Inputs::new(&encoder, &material.set, options)?;
    stop |= events(TrainEvent::Phase(Phase::Tuning)).is_break();
    let mut tuning = Tuning::new(&encoder, &inputs, sampler, loss, n_steps, (options, seed)).guessing(guesser.as_ref());
    if let Some(start) = checkpoints.take_start(n_steps)? {
        tuning.load(start)?;
    }
    let mut pace = Pace::start(n_all, tuning.step);
    let goes_on = head == Wanted::EndToEnd;
    let mut tuned = tune(tuning, (stop, goes_on), &mut pace, events, checkpoints)?;
    if let Some(diverged_after) = tuned.diverged_after {
        let told = checks::went_back(diverged_after, tuned.n_steps, options);
        findings.insert("diverged".into(), told.into());
    }

    let mut rows = labelled.repeated();
    if guesser.is_none() {
        // Decided already.
        rows.pile.clear();
        rows.label_names.clear();
    }
    let head = match head {
        Wanted::Logistic => None,
        // Whoever has asked to stop does not want the encoder moved once more.
        Wanted::EndToEnd if !tuned.stop => {
            let before = (&mut pace, tuned.n_steps);
            let joined = differentiable::with_encoder(&encoder, &rows, (options, seed), before, events, checkpoints)?;
            tuned.n_steps += joined.n_steps;
            tuned.stop = joined.stopped;
            Some(joined.head)
        }
        _ => Some(differentiable::on_embeddings(&encoder, &rows, (options, seed), events)?),
    };
    let stopped = tuned.stop && tuned.n_steps < n_all;
    let encoder = encoder.without_lora()?;
    let mut trained = match head {
        Some(head) => Trained {
            encoder,
            head,
            out_of_fold: None,
            stopped,
            n_steps: tuned.n_steps,
            findings: Findings::new(),
        },
        None => {
            let tuned = probe::Tuned {
                n_steps: tuned.n_steps,
                stopped,
                keep_going: true,
            };
            probe::finish(&rows, options, seed, encoder, events, tuned)?
        }
    };
    // Sentences about labels are no texts of the project.
    if let Some(scores) = &mut trained.out_of_fold {
        scores.truncate(set.texts.len());
    }
    trained.findings.extend(findings);
    let top_down = set.on_tree(options).is_some_and(|on| on.method == TreeMethod::TopDown);
    if top_down && wanted != Wanted::Logistic {
        let remark = "The differentiable head is one layer over all labels of the tree. Set head=logistic for a classifier below each.";
        remarks::add(&mut trained.findings, remark.into());
    }
    Ok(trained)
}

/// How tuning ended.
struct Tuned {
    /// Steps that the weights have taken.
    n_steps: usize,
    /// Whether somebody has asked to stop.
    stop: bool,
    /// Steps taken when a loss was no number, and earlier weights were put back.
    diverged_after: Option<usize>,
}

/// Takes all steps, or those until somebody asks to stop. Where the encoder `goes_on` moving, with its head, states are kept up to the
/// last step here: from there on a training that was cut off is done again.
fn tune(
    mut tuning: Tuning<'_>,
    (mut stop, goes_on): (bool, bool),
    pace: &mut Pace,
    events: Events<'_>,
    checkpoints: &mut Checkpoints<'_>,
) -> Result<Tuned, TrainError> {
    while !tuning.is_done() && !stop {
        match tuning.next() {
            Ok(done) => {
                let event = pace.event(tuning.step, done.n_texts, done.stepped, done.learning_rate);
                stop |= events(event).is_break();
                stop |= pace
                    .aside(|| checkpoints.after_step(tuning.step, || tuning.save()))?
                    .is_break();
            }
            Err(error @ TrainError::Diverged { .. }) => {
                let diverged_after = Some(tuning.step);
                let n_steps = tuning.go_back()?.ok_or(error)?;
                return Ok(Tuned {
                    n_steps,
                    stop,
                    diverged_after,
                });
            }
            Err(error) => return Err(error),
        }
    }
    let n_steps = tuning.step;
    if goes_on || !tuning.is_done() {
        checkpoints.at_stop(n_steps, || tuning.save())?;
    }
    tuning.finish()?;
    Ok(Tuned {
        n_steps,
        stop,
        diverged_after: None,
    })
}

#[cfg(test)]
mod pile_tests;
#[cfg(test)]
mod tests;
