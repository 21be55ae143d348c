//! DeBERTa-v2 and v3 (He et al., 2021): BERT whose attention scores have terms for content to position and position to content.

use super::check::{self, Check, Common};
use super::head::{Dense, Head, HeadNames};
use super::layers::{Distance, Names, Stack, biased_linear, layer_norm, linear};
use super::{Encode, Loaded, Role, Sizes, Source};
use crate::model::batch::Packed;
use crate::model::error::Result;
use crate::model::ops::position::distances;
use crate::model::ops::{Activation, LayerNorm, Linear, Ops};
use crate::model::parameters::{Loader, Param};
use serde::Deserialize;
use serde_json::json;
use std::ops::Range;

const NAMES: Names = Names {
    layer: "encoder.layer",
    qkv: [
        "attention.self.query_proj",
        "attention.self.key_proj",
        "attention.self.value_proj",
    ],
    attention_out: "attention.output.dense",
    attention_norm: "attention.output.LayerNorm",
    inner: "intermediate.dense",
    output: "output.dense",
    output_norm: "output.LayerNorm",
};

#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
struct Config {
    #[serde(flatten)]
    common: Common,
    embedding_size: Option<usize>,
    attention_head_size: Option<usize>,
    type_vocab_size: usize,
    cls_dropout: Option<f64>,
    pooler_dropout: f64,
    pooler_hidden_act: String,
    pooler_hidden_size: Option<usize>,
    relative_attention: bool,
    max_relative_positions: i64,
    position_buckets: i64,
    position_biased_input: bool,
    share_att_key: bool,
    norm_rel_ebd: String,
    pos_att_type: Option<Kinds>,
    conv_kernel_size: usize,
}

/// `["p2c", "c2p"]`, or `"p2c|c2p"` in older files.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Kinds {
    List(Vec<String>),
    Joined(String),
}

impl Default for Config {
    fn default() -> Config {
        Config {
            common: Common::default(),
            embedding_size: None,
            attention_head_size: None,
            type_vocab_size: 0,
            cls_dropout: None,
            pooler_dropout: 0.0,
            pooler_hidden_act: "gelu".into(),
            pooler_hidden_size: None,
            relative_attention: false,
            max_relative_positions: -1,
            position_buckets: -1,
            position_biased_input: true,
            share_att_key: false,
            norm_rel_ebd: "none".into(),
            pos_att_type: None,
            conv_kernel_size: 0,
        }
    }
}

impl Config {
    fn check(&self, check: Check<'_>) -> Result<Activation> {
        let activation = self.common.check(check)?;
        check.sizes(&[
            ("embedding_size", self.embedding_size(), check::HIDDEN),
            ("type_vocab_size", self.type_vocab_size, 0..=1024),
            ("position_buckets", self.position_buckets.max(0) as usize, 0..=131_072),
            (
                "max_relative_positions",
                self.max_relative_positions.max(0) as usize,
                0..=131_072,
            ),
        ])?;
        check.probs(&[
            ("pooler_dropout", self.pooler_dropout),
            ("cls_dropout", self.cls_dropout.unwrap_or(0.0)),
        ])?;
        if self.conv_kernel_size > 0 {
            return Err(check.unsupported(
                "DeBERTa with a convolution (conv_kernel_size)",
                "DeBERTa without one is",
            ));
        }
        let head = self.common.hidden_size / self.common.num_attention_heads;
        if self.attention_head_size.is_some_and(|size| size != head)
            || self
                .pooler_hidden_size
                .is_some_and(|size| size != self.common.hidden_size)
        {
            return Err(check.unsupported(
                "DeBERTa with heads or a pooler narrower than its hidden states",
                "DeBERTa with equal widths is",
            ));
        }
        Ok(activation)
    }

    fn embedding_size(&self) -> usize {
        self.embedding_size.unwrap_or(self.common.hidden_size)
    }

    fn has(&self, kind: &str) -> bool {
        self.relative_attention
            && match &self.pos_att_type {
                None => false,
                Some(Kinds::List(kinds)) => kinds.iter().any(|known| known == kind),
                Some(Kinds::Joined(kinds)) => kinds.split('|').any(|known| known.trim() == kind),
            }
    }

    fn max_relative(&self) -> i64 {
        if self.max_relative_positions < 1 {
            self.common.max_position_embeddings as i64
        } else {
            self.max_relative_positions
        }
    }

    /// Half the rows of the table of distances.
    fn span(&self) -> i64 {
        if self.position_buckets > 0 {
            self.position_buckets
        } else {
            self.max_relative()
        }
    }

    /// The row of the table for a distance `key − query`.
    fn row(&self, distance: i64) -> u32 {
        let bucket = if self.position_buckets > 0 {
            bucket(-distance, self.position_buckets, self.max_relative())
        } else {
            -distance
        };
        (bucket + self.span()).clamp(0, 2 * self.span() - 1) as u32
    }
}

/// The bucket of a distance `query − key`: exact up to half the buckets, then growing with the logarithm. In f32, as the reference
/// computes it, because rounding up decides at the edges.
fn bucket(distance: i64, n_buckets: i64, max_relative: i64) -> i64 {
    let mid = n_buckets / 2;
    let far = distance.abs();
    if far <= mid {
        return distance;
    }
    let share = (far as f32 / mid as f32).ln() / ((max_relative - 1) as f32 / mid as f32).ln();
    ((share * (mid - 1) as f32).ceil() as i64 + mid) * distance.signum()
}

/// The encoder.
pub struct Deberta {
    config: Config,
    word: Param,
    position: Option<Param>,
    token_type: Option<Param>,
    projection: Option<Linear>,
    norm: LayerNorm,
    relative: Option<Param>,
    relative_norm: Option<LayerNorm>,
    stack: Stack,
}

impl Deberta {
    /// Reads the model; names may start with `deberta.`.
    pub(super) fn load(source: Source<'_>) -> Result<Loaded<Deberta>> {
        let check = Check {
            path: source.config_path,
        };
        let usual = json!({
            "vocab_size": 128_100,
            "hidden_size": 1536,
            "num_hidden_layers": 24,
            "num_attention_heads": 24,
            "intermediate_size": 6144,
            "layer_norm_eps": 1e-7,
        });
        let config: Config = check.parse_over(usual, source.config)?;
        let activation = config.check(check)?;
        let pooler_activation = check.activation("pooler_hidden_act", &config.pooler_hidden_act)?;
        let mut loader = source.loader.with_optional_prefix("deberta.");
        let (hidden, eps, width) = (
            config.common.hidden_size,
            config.common.layer_norm_eps,
            config.embedding_size(),
        );
        let mut table =
            |part: &str, n: usize| loader.take(&format!("embeddings.{part}_embeddings.weight"), &[n, width]);
        let word = table("word", config.common.vocab_size)?;
        let position = config
            .position_biased_input
            .then(|| table("position", config.common.max_position_embeddings))
            .transpose()?;
        let token_type = (config.type_vocab_size > 0)
            .then(|| table("token_type", config.type_vocab_size))
            .transpose()?;
        let projection = (width != hidden)
            .then(|| biased_linear(&mut loader, "embeddings.embed_proj", width, hidden, false))
            .transpose()?;
        let norm = layer_norm(&mut loader, "embeddings.LayerNorm", hidden, eps, true)?;
        let relative = config
            .relative_attention
            .then(|| loader.take("encoder.rel_embeddings.weight", &[2 * config.span() as usize, hidden]))
            .transpose()?;
        let relative_norm = (config.relative_attention && normed(&config.norm_rel_ebd))
            .then(|| layer_norm(&mut loader, "encoder.LayerNorm", hidden, eps, true))
            .transpose()?;
        let n_terms = 1 + usize::from(config.has("c2p")) + usize::from(config.has("p2c"));
        let shape = config.common.shape(activation, n_terms);
        let stack = Stack::load(&mut loader, &NAMES, shape, |loader, layer, qkv| {
            projections(loader, layer, qkv, &config)
        })?;
        let names = HeadNames {
            dense: Dense::Top("pooler.dense"),
            prob_before: config.pooler_dropout,
            ..HeadNames::new(
                pooler_activation,
                config.cls_dropout.unwrap_or(config.common.hidden_dropout_prob),
            )
        };
        let head = source
            .head
            .then(|| Head::load(&mut loader, &names, hidden))
            .transpose()?;
        let model = Deberta {
            config,
            word,
            position,
            token_type,
            projection,
            norm,
            relative,
            relative_norm,
            stack,
        };
        Ok(Loaded {
            model,
            head,
            parameters: loader.finish(&[])?,
        })
    }

    /// A row for each distance within the longest text, and the norm over them.
    fn distance_rows<O: Ops>(&self, ops: &mut O, longest: usize) -> Result<Distance<O::Value>> {
        let Some(table) = self.relative else {
            return Ok(Distance::None);
        };
        let index: Vec<u32> = distances(longest).map(|distance| self.config.row(distance)).collect();
        let rows = ops.gather(&[(table, &index)])?;
        let rows = match self.relative_norm {
            Some(norm) => ops.add_norm(&rows, None, 0.0, norm)?,
            None => rows,
        };
        Ok(Distance::Rows {
            rows,
            prob: self.config.common.hidden_dropout_prob,
        })
    }
}

fn normed(kinds: &str) -> bool {
    kinds
        .split('|')
        .any(|kind| kind.trim().eq_ignore_ascii_case("layer_norm"))
}

/// What projects the distance rows of a layer: its own keys and queries where the configuration shares them.
fn projections(
    loader: &mut Loader<'_>,
    layer: &str,
    [query, key, _]: [Linear; 3],
    config: &Config,
) -> Result<(Option<Linear>, Option<Linear>)> {
    let mut projection = |kind: &str, shared: Linear, name: &str| -> Result<Option<Linear>> {
        if !config.has(kind) {
            return Ok(None);
        }
        if config.share_att_key {
            return Ok(Some(shared));
        }
        let name = format!("{layer}.attention.self.{name}");
        linear(loader, &name, config.common.hidden_size, config.common.hidden_size).map(Some)
    };
    Ok((
        projection("c2p", key, "pos_key_proj")?,
        projection("p2c", query, "pos_query_proj")?,
    ))
}

impl Encode for Deberta {
    fn sizes(&self) -> Sizes {
        Sizes {
            dim: self.config.common.hidden_size,
            vocab_size: self.config.common.vocab_size,
            n_layers: self.config.common.num_hidden_layers,
            max_tokens: self.config.common.max_position_embeddings,
        }
    }

    fn linear_weights(&self) -> Vec<(Role, Param)> {
        self.stack.linear_weights()
    }

    fn embed<O: Ops>(&self, ops: &mut O, batch: &Packed) -> Result<O::Value> {
        if self.token_type.is_some() {
            batch.check_types(self.config.type_vocab_size)?;
        }
        let mut tables: Vec<(Param, &[u32])> = vec![(self.word, &batch.ids)];
        tables.extend(self.position.map(|table| (table, batch.positions.as_slice())));
        tables.extend(self.token_type.map(|table| (table, batch.type_ids.as_slice())));
        let mut embedded = ops.gather(&tables)?;
        if let Some(projection) = self.projection {
            embedded = ops.linear(&embedded, &[projection])?;
        }
        let normed = ops.add_norm(&embedded, None, 0.0, self.norm)?;
        ops.dropout(&normed, self.config.common.hidden_dropout_prob)
    }

    fn layers<O: Ops>(&self, ops: &mut O, batch: &Packed, x: O::Value, layers: Range<usize>) -> Result<O::Value> {
        let distance = self.distance_rows(ops, batch.longest())?;
        self.stack.run(ops, x, layers, &distance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_those_of_the_reference() {
        // transformers 5.23: make_log_bucket_position(torch.tensor([...]), 256, 512)
        let table = [
            (0, 0),
            (1, 1),
            (127, 127),
            (128, 128),
            (129, 129),
            (200, 169),
            (300, 207),
            (511, 255),
            (600, 270),
        ];
        for (distance, expected) in table {
            assert_eq!(bucket(distance, 256, 512), expected, "{distance}");
            assert_eq!(bucket(-distance, 256, 512), -expected, "-{distance}");
        }
    }
}
