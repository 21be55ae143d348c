//! MPNet (Song et al., 2020): BERT without token types, with a bias for the distance between two tokens in every layer's attention.

use super::bert::places_after_padding;
use super::check::{Check, Common};
use super::head::{Dense, Head, HeadNames};
use super::layers::{Distance, Names, Stack, layer_norm, no_projections};
use super::{Encode, Loaded, Role, Sizes, Source};
use crate::model::batch::Packed;
use crate::model::error::Result;
use crate::model::ops::position::distances;
use crate::model::ops::{Activation, LayerNorm, Ops};
use crate::model::parameters::Param;
use serde::Deserialize;
use serde_json::json;
use std::ops::Range;

const NAMES: Names = Names {
    layer: "encoder.layer",
    qkv: ["attention.attn.q", "attention.attn.k", "attention.attn.v"],
    attention_out: "attention.attn.o",
    attention_norm: "attention.LayerNorm",
    inner: "intermediate.dense",
    output: "output.dense",
    output_norm: "output.LayerNorm",
};

/// The padding id; the configuration's is not read.
const PADDING: u32 = 1;

/// Distances from here on share a bucket.
const FARTHEST: f32 = 128.0;

#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
struct Config {
    #[serde(flatten)]
    common: Common,
    relative_attention_num_buckets: usize,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            common: Common::default(),
            relative_attention_num_buckets: 32,
        }
    }
}

impl Config {
    fn check(&self, check: Check<'_>) -> Result<Activation> {
        let activation = self.common.check(check)?;
        check.sizes(&[
            // transformers counts in 32 buckets whatever the configuration says
            (
                "relative_attention_num_buckets",
                self.relative_attention_num_buckets,
                32..=32,
            ),
        ])?;
        Ok(activation)
    }
}

/// The encoder, without its pooler.
pub struct MpNet {
    config: Config,
    word: Param,
    position: Param,
    bias: Param,
    norm: LayerNorm,
    stack: Stack,
}

impl MpNet {
    /// Reads the model; names may start with `mpnet.`, and a pooler is carried along untrained.
    pub(super) fn load(source: Source<'_>) -> Result<Loaded<MpNet>> {
        let check = Check {
            path: source.config_path,
        };
        let config: Config = check.parse_over(json!({ "vocab_size": 30_527 }), source.config)?;
        let activation = config.check(check)?;
        let mut loader = source.loader.with_optional_prefix("mpnet.");
        let (hidden, n_heads) = (config.common.hidden_size, config.common.num_attention_heads);
        let word = loader.take("embeddings.word_embeddings.weight", &[config.common.vocab_size, hidden])?;
        let position = loader.take(
            "embeddings.position_embeddings.weight",
            &[config.common.max_position_embeddings, hidden],
        )?;
        let norm = layer_norm(
            &mut loader,
            "embeddings.LayerNorm",
            hidden,
            config.common.layer_norm_eps,
            true,
        )?;
        let bias = loader.take(
            "encoder.relative_attention_bias.weight",
            &[config.relative_attention_num_buckets, n_heads],
        )?;
        let shape = config.common.shape(activation, 1);
        let stack = Stack::load(&mut loader, &NAMES, shape, no_projections)?;
        let names = HeadNames {
            dense: Dense::Top("classifier.dense"),
            out: "classifier.out_proj",
            prob_before: config.common.hidden_dropout_prob,
            ..HeadNames::new(Activation::Tanh, config.common.hidden_dropout_prob)
        };
        let head = source
            .head
            .then(|| Head::load(&mut loader, &names, hidden))
            .transpose()?;
        let model = MpNet {
            config,
            word,
            position,
            bias,
            norm,
            stack,
        };
        Ok(Loaded {
            model,
            head,
            parameters: loader.finish(&["pooler."])?,
        })
    }
}

/// The bucket of a distance `key − query`: near ones have one each, far ones share, more the farther they are (Raffel et al., 2020).
fn bucket(distance: i64, n_buckets: u32) -> u32 {
    let per_side = n_buckets / 2;
    let n_exact = per_side / 2;
    let far = distance.unsigned_abs() as u32;
    let within = if far < n_exact {
        far
    } else {
        let share = (far as f32 / n_exact as f32).ln() / (FARTHEST / n_exact as f32).ln();
        (n_exact + (share * (per_side - n_exact) as f32) as u32).min(per_side - 1)
    };
    within + if distance > 0 { per_side } else { 0 }
}

impl Encode for MpNet {
    fn sizes(&self) -> Sizes {
        Sizes {
            dim: self.config.common.hidden_size,
            vocab_size: self.config.common.vocab_size,
            n_layers: self.config.common.num_hidden_layers,
            max_tokens: self
                .config
                .common
                .max_position_embeddings
                .saturating_sub(PADDING as usize + 1),
        }
    }

    fn linear_weights(&self) -> Vec<(Role, Param)> {
        self.stack.linear_weights()
    }

    fn embed<O: Ops>(&self, ops: &mut O, batch: &Packed) -> Result<O::Value> {
        let places = places_after_padding(batch, PADDING);
        let embedded = ops.gather(&[(self.word, &batch.ids), (self.position, &places)])?;
        let normed = ops.add_norm(&embedded, None, 0.0, self.norm)?;
        ops.dropout(&normed, self.config.common.hidden_dropout_prob)
    }

    fn layers<O: Ops>(&self, ops: &mut O, batch: &Packed, x: O::Value, layers: Range<usize>) -> Result<O::Value> {
        let n_buckets = self.config.relative_attention_num_buckets as u32;
        let buckets: Vec<u32> = distances(batch.longest())
            .map(|distance| bucket(distance, n_buckets))
            .collect();
        let bias = ops.gather(&[(self.bias, &buckets)])?;
        self.stack.run(ops, x, layers, &Distance::Bias(bias))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_exact_when_near_and_shared_when_far() {
        // transformers 5.23: MPNetEncoder.relative_position_bucket(torch.tensor([...]))
        let table = [
            (0, 0),
            (-1, 1),
            (-7, 7),
            (-8, 8),
            (-11, 8),
            (-12, 9),
            (-127, 15),
            (-500, 15),
            (1, 17),
            (7, 23),
            (16, 26),
            (300, 31),
        ];
        for (distance, expected) in table {
            assert_eq!(bucket(distance, 32), expected, "{distance}");
        }
    }
}
