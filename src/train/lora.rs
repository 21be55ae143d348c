//! The options of low-rank adaptation, made into an encoder that is trained so.

use super::{Options, TrainError};
use crate::core::rng;
use crate::model::{Encoder, Lora, LoraTargets};

/// The encoder as the options `lora_rank`, `lora_alpha` and `lora_targets` want it trained: as it is where the rank is 0. When training
/// is over, [`Encoder::without_lora`] leaves a plain one.
///
/// # Errors
/// A rank that is too large for the encoder.
pub(super) fn adapted(encoder: Encoder, options: &Options, seed: u64) -> Result<Encoder, TrainError> {
    let rank = options.whole("lora_rank");
    if rank == 0 {
        return Ok(encoder);
    }
    let lora = Lora {
        rank,
        alpha: options.get("lora_alpha"),
        targets: LoraTargets::ALL[options.whole("lora_targets")],
    };
    Ok(encoder.with_lora(lora, &mut rng::stream(seed, "lora"))?)
}
