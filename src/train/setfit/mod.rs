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
mod sampler;
pub mod templates;
mod tuning;

use super::inputs::Inputs;
use super::probe::{self, Tuned};
use super::tuner::Pace;
use super::{Events, Findings, Options, Phase, TrainError, TrainEvent, Trained, TrainingSet};
use crate::model::Encoder;
use differentiable::Wanted;

pub use differentiable::HEADS;
pub use sampler::SAMPLERS;

pub(super) fn run(
    set: &TrainingSet,
    options: &Options,
    seed: u64,
    encoder: Encoder,
    events: Events<'_>,
) -> Result<Trained, TrainError> {
    checks::refuse_equal_texts(set)?;
    let loss = loss::Loss::from_options(options)?;
    let mut findings = checks::lonely_labels(set)?;
    let material = templates::material(set, options, &encoder, seed, &mut findings)?;
    let sampler = sampler::Sampler::new(&material, options, seed)?;
    let n_steps = sampler.n_steps(options);
    let head = Wanted::from_options(options);
    let n_all = n_steps + head.n_steps_with_encoder(material.repeats.iter().sum(), options);

    let mut stop = events(TrainEvent::Started { n_steps: n_all }).is_break();
    stop |= events(TrainEvent::Phase(Phase::Tokenizing)).is_break();
    let inputs = Inputs::new(&encoder, &material.set, options)?;
    stop |= events(TrainEvent::Phase(Phase::Tuning)).is_break();
    let mut pace = Pace::start(n_all);
    let mut tuning = tuning::Tuning::new(&encoder, &inputs, sampler, loss, n_steps, (options, seed));
    let mut diverged = None;
    while tuning.step < n_steps && !stop {
        match tuning.next() {
            Ok(done) => {
                let event = pace.event(tuning.step, done.n_texts, done.stepped, done.learning_rate);
                stop |= events(event).is_break();
            }
            Err(error @ TrainError::Diverged { .. }) => {
                diverged = Some(error);
                break;
            }
            Err(error) => return Err(error),
        }
    }
    let mut n_taken = tuning.step;
    match diverged {
        None => tuning.finish()?,
        Some(error) => {
            let Some(good) = tuning.go_back()? else {
                return Err(error);
            };
            findings.insert("diverged".into(), checks::went_back(n_taken, good, options).into());
            n_taken = good;
        }
    }
    let rows = material.repeated();
    let mut trained = match head {
        Wanted::Logistic => {
            let tuned = Tuned {
                n_steps: n_taken,
                stopped: stop && n_taken < n_all,
                keep_going: true,
            };
            probe::finish(&rows, options, seed, encoder, events, tuned)?
        }
        Wanted::Layer | Wanted::EndToEnd => {
            let fitted = match head {
                // Whoever has asked to stop does not want the encoder moved once more.
                Wanted::EndToEnd if !stop => {
                    let fitted =
                        differentiable::with_encoder(&encoder, &rows, (options, seed), (&mut pace, n_taken), events)?;
                    n_taken += fitted.n_steps;
                    fitted.head
                }
                _ => differentiable::on_embeddings(&encoder, &rows, (options, seed), events)?,
            };
            Trained {
                encoder,
                head: fitted,
                out_of_fold: None,
                stopped: n_taken < n_all && !findings.contains_key("diverged"),
                n_steps: n_taken,
                findings: Findings::new(),
            }
        }
    };
    // Sentences about labels are no texts of the project.
    if let Some(scores) = &mut trained.out_of_fold {
        scores.truncate(set.texts.len());
    }
    trained.findings.extend(findings);
    Ok(trained)
}

#[cfg(test)]
mod tests;
