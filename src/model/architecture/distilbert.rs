//! DistilBERT (Sanh et al., 2019): BERT with half the layers, without token types, under other names.

use super::check::{self, Check};
use super::head::{Dense, Head, HeadNames};
use super::layers::{Distance, Names, Shape, Stack, layer_norm, no_projections};
use super::{Encode, Loaded, Role, Sizes, Source};
use crate::model::batch::Packed;
use crate::model::error::Result;
use crate::model::ops::{Activation, LayerNorm, Ops};
use crate::model::parameters::Param;
use serde::Deserialize;
use std::ops::Range;

const NAMES: Names = Names {
    layer: "transformer.layer",
    qkv: ["attention.q_lin", "attention.k_lin", "attention.v_lin"],
    attention_out: "attention.out_lin",
    attention_norm: "sa_layer_norm",
    inner: "ffn.lin1",
    output: "ffn.lin2",
    output_norm: "output_layer_norm",
};

/// Of every LayerNorm; the configuration has no word about it.
const EPS: f64 = 1e-12;

#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
struct Config {
    vocab_size: usize,
    dim: usize,
    n_layers: usize,
    n_heads: usize,
    hidden_dim: usize,
    max_position_embeddings: usize,
    dropout: f64,
    attention_dropout: f64,
    seq_classif_dropout: f64,
    activation: String,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            vocab_size: 30_522,
            dim: 768,
            n_layers: 6,
            n_heads: 12,
            hidden_dim: 3072,
            max_position_embeddings: 512,
            dropout: 0.1,
            attention_dropout: 0.1,
            seq_classif_dropout: 0.2,
            activation: "gelu".into(),
        }
    }
}

impl Config {
    fn check(&self, check: Check<'_>) -> Result<Activation> {
        check.sizes(&[
            ("vocab_size", self.vocab_size, check::VOCAB),
            ("dim", self.dim, check::HIDDEN),
            ("n_layers", self.n_layers, check::LAYERS),
            ("n_heads", self.n_heads, check::HEADS),
            ("hidden_dim", self.hidden_dim, check::INNER),
            (
                "max_position_embeddings",
                self.max_position_embeddings,
                check::POSITIONS,
            ),
        ])?;
        check.heads(("dim", self.dim), ("n_heads", self.n_heads))?;
        check.probs(&[
            ("dropout", self.dropout),
            ("attention_dropout", self.attention_dropout),
            ("seq_classif_dropout", self.seq_classif_dropout),
        ])?;
        check.activation("activation", &self.activation)
    }
}

/// The encoder.
pub struct DistilBert {
    config: Config,
    word: Param,
    position: Param,
    norm: LayerNorm,
    stack: Stack,
}

impl DistilBert {
    /// Reads the model; names may start with `distilbert.`.
    pub(super) fn load(source: Source<'_>) -> Result<Loaded<DistilBert>> {
        let check = Check {
            path: source.config_path,
        };
        let config: Config = check.parse(source.config)?;
        let activation = config.check(check)?;
        let mut loader = source.loader.with_optional_prefix("distilbert.");
        let word = loader.take("embeddings.word_embeddings.weight", &[config.vocab_size, config.dim])?;
        let position = loader.take(
            "embeddings.position_embeddings.weight",
            &[config.max_position_embeddings, config.dim],
        )?;
        let norm = layer_norm(&mut loader, "embeddings.LayerNorm", config.dim, EPS, true)?;
        let shape = Shape {
            hidden: config.dim,
            inner: config.hidden_dim,
            n_heads: config.n_heads,
            n_layers: config.n_layers,
            eps: EPS,
            activation,
            attention_prob: config.attention_dropout,
            attention_out_prob: 0.0,
            inner_prob: 0.0,
            output_prob: config.dropout,
            scale: 1.0 / ((config.dim / config.n_heads) as f64).sqrt(),
        };
        let stack = Stack::load(&mut loader, &NAMES, shape, no_projections)?;
        let names = HeadNames {
            dense: Dense::Top("pre_classifier"),
            ..HeadNames::new(Activation::Relu, config.seq_classif_dropout)
        };
        let head = source
            .head
            .then(|| Head::load(&mut loader, &names, config.dim))
            .transpose()?;
        let model = DistilBert {
            config,
            word,
            position,
            norm,
            stack,
        };
        Ok(Loaded {
            model,
            head,
            parameters: loader.finish(&[])?,
        })
    }
}

impl Encode for DistilBert {
    fn sizes(&self) -> Sizes {
        Sizes {
            dim: self.config.dim,
            vocab_size: self.config.vocab_size,
            n_layers: self.config.n_layers,
            max_tokens: self.config.max_position_embeddings,
        }
    }

    fn linear_weights(&self) -> Vec<(Role, Param)> {
        self.stack.linear_weights()
    }

    fn embed<O: Ops>(&self, ops: &mut O, batch: &Packed) -> Result<O::Value> {
        let embedded = ops.gather(&[(self.word, &batch.ids), (self.position, &batch.positions)])?;
        let normed = ops.add_norm(&embedded, None, 0.0, self.norm)?;
        ops.dropout(&normed, self.config.dropout)
    }

    fn layers<O: Ops>(&self, ops: &mut O, _: &Packed, x: O::Value, layers: Range<usize>) -> Result<O::Value> {
        self.stack.run(ops, x, layers, &Distance::None)
    }
}
