//! Whether a device computes as the CPU does: the same tiny training on both, loss by loss.
//!
//! The CPU runs the fused operations, the device candle's own; where the device is the CPU itself, that compares the two kinds of
//! operations. Dropout is off, since every device draws masks of its own.

use candle_core::Device;
use serde::Serialize;

use super::adamw::AdamWSettings;
use super::setfit::pairs::{Pair, PairBatch, Pairs};
use super::tuner::Tuner;
use super::{TrainError, losses};
use crate::core::rng;
use crate::model::tiny::Size;
use crate::model::{Encoder, Targets, Tokens};

/// Optimiser steps of the training.
const N_STEPS: usize = 20;

/// Pairs of a step.
const BATCH_SIZE: usize = 8;

/// Ten times faster than on real encoders, so that the loss moves within a few steps.
const LEARNING_RATE: f64 = 5e-4;

/// The largest difference of a loss that rounding explains. Single precision keeps seven digits, and twenty steps of AdamW, which scales
/// small gradients up, cost three of them.
pub const TOLERANCE: f64 = 1e-4;

/// Two kinds of sentences in the tiny encoder's words, alternating.
const TEXTS: [&str; 8] = [
    "the cat sleeps",
    "a bad price",
    "the red dog runs and eats",
    "the market runs good prices",
    "birds",
    "chip market code price price",
    "a dog eats the green bird in the rain",
    "code",
];

/// The losses of one step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CheckedStep {
    /// From 1.
    pub step: usize,
    /// On the CPU's fused operations.
    pub cpu_loss: f64,
    /// On the device, with candle's operations.
    pub device_loss: f64,
}

/// What the comparison found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DeviceCheck {
    /// Every step.
    pub steps: Vec<CheckedStep>,
    /// The largest difference of a step's losses; `None` where one is not a number.
    pub largest_difference: Option<f64>,
    /// The most it may be.
    pub tolerance: f64,
    /// Whether it is no more than that.
    pub ok: bool,
}

/// Trains on the CPU and on `device` and compares.
///
/// # Errors
/// Whatever the device reports.
pub fn check(device: &Device) -> Result<DeviceCheck, TrainError> {
    let tuner = |encoder| Tuner::new(encoder, &[], AdamWSettings::default(), 1.0);
    let fused = Size::TINY.encoder(1, &Device::Cpu)?;
    let on_cpu = losses_of(&fused, tuner(&fused))?;
    let plain = Size::TINY.encoder(1, device)?.with_plain_operations();
    let on_device = losses_of(&plain, tuner(&plain).with_plain_optimiser())?;
    Ok(DeviceCheck::of(&on_cpu, &on_device))
}

impl DeviceCheck {
    fn of(on_cpu: &[f64], on_device: &[f64]) -> DeviceCheck {
        let steps: Vec<CheckedStep> = on_cpu
            .iter()
            .zip(on_device)
            .enumerate()
            .map(|(at, (cpu_loss, device_loss))| CheckedStep {
                step: at + 1,
                cpu_loss: *cpu_loss,
                device_loss: *device_loss,
            })
            .collect();
        let differences: Vec<f64> = steps
            .iter()
            .map(|step| (step.cpu_loss - step.device_loss).abs())
            .collect();
        let all_finite = differences.iter().all(|difference| difference.is_finite());
        let largest_difference = all_finite.then(|| differences.iter().copied().fold(0.0, f64::max));
        DeviceCheck {
            ok: largest_difference.is_some_and(|difference| difference <= TOLERANCE),
            largest_difference,
            tolerance: TOLERANCE,
            steps,
        }
    }
}

/// The loss of every step of a short training.
fn losses_of(encoder: &Encoder, mut tuner: Tuner<'_>) -> Result<Vec<f64>, TrainError> {
    let tokens = encoder.tokenize(&TEXTS)?;
    let targets = Targets::Single((0..TEXTS.len()).map(|i| i % 2).collect());
    let pairs = Pairs::new(&targets, 2, rng::stream(1, "pairs"))?;
    let pairs: Vec<Pair> = pairs.take(N_STEPS * BATCH_SIZE).collect();
    let mut step = |pairs: &[Pair]| -> Result<f64, TrainError> {
        let batch = PairBatch::new(pairs);
        let texts: Vec<&Tokens> = batch.texts.iter().map(|text| &tokens[*text]).collect();
        let embeddings = encoder.forward(&texts, None)?;
        let loss = losses::cosine_similarity(&embeddings, &batch.left, &batch.right, &batch.similarity)?;
        Ok(tuner.step(&loss, LEARNING_RATE)?.loss)
    };
    let losses = pairs.chunks(BATCH_SIZE).map(&mut step).collect();
    tuner.finish()?;
    losses
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_operations_learn_the_same() {
        let check = check(&Device::Cpu).unwrap();
        assert!(check.ok, "{check:?}");
        assert_eq!(check.steps.len(), N_STEPS);
        // A training that does not move would agree whatever the optimiser does.
        let mean = |steps: &[CheckedStep]| steps.iter().map(|step| step.device_loss).sum::<f64>() / steps.len() as f64;
        assert!(mean(&check.steps[15..]) < 0.9 * mean(&check.steps[..5]), "{check:?}");
    }

    #[test]
    fn a_difference_beyond_rounding_is_told() {
        let wrong = DeviceCheck::of(&[0.5, 0.4], &[0.5, 0.401]);
        assert!(
            !wrong.ok && (wrong.largest_difference.unwrap() - 1e-3).abs() < 1e-12,
            "{wrong:?}"
        );
        assert!(DeviceCheck::of(&[0.5, 0.4], &[0.5, 0.400_01]).ok);
        for losses in [[f64::NAN, 0.4], [0.5, f64::INFINITY]] {
            let broken = DeviceCheck::of(&[0.5, 0.4], &losses);
            assert!(!broken.ok && broken.largest_difference.is_none(), "{broken:?}");
        }
    }
}
