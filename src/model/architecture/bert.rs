//! BERT (Devlin et al., 2018), and RoBERTa (Liu et al., 2019) with its relatives XLM-RoBERTa and CamemBERT, which differ in where
//! positions start and in the classification head.

use super::check::{Check, Common};
use super::head::{Dense, Head, HeadNames};
use super::layers::{Distance, Names, Stack, layer_norm, no_projections};
use super::{Encode, Loaded, Role, Sizes, Source};
use crate::model::batch::Packed;
use crate::model::error::Result;
use crate::model::ops::{Activation, LayerNorm, Ops};
use crate::model::parameters::Param;
use serde::Deserialize;
use std::ops::Range;

const NAMES: Names = Names {
    layer: "encoder.layer",
    qkv: ["attention.self.query", "attention.self.key", "attention.self.value"],
    attention_out: "attention.output.dense",
    attention_norm: "attention.output.LayerNorm",
    inner: "intermediate.dense",
    output: "output.dense",
    output_norm: "output.LayerNorm",
};

/// The part of `config.json` that shapes the model; missing keys have the values `transformers` gives them.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
struct Config {
    #[serde(flatten)]
    common: Common,
    type_vocab_size: usize,
    classifier_dropout: Option<f64>,
    position_embedding_type: Option<String>,
    is_decoder: bool,
    pad_token_id: Option<u32>,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            common: Common::default(),
            type_vocab_size: 2,
            classifier_dropout: None,
            position_embedding_type: None,
            is_decoder: false,
            pad_token_id: None,
        }
    }
}

impl Config {
    fn check(&self, check: Check<'_>) -> Result<Activation> {
        let activation = self.common.check(check)?;
        check.sizes(&[("type_vocab_size", self.type_vocab_size, 1..=1024)])?;
        check.probs(&[("classifier_dropout", self.classifier_dropout.unwrap_or(0.0))])?;
        check.absolute_positions(self.position_embedding_type.as_deref())?;
        if self.is_decoder {
            return Err(check.unsupported("a decoder", "encoders are"));
        }
        Ok(activation)
    }
}

/// The encoder, without its pooler.
pub struct Bert {
    config: Config,
    /// RoBERTa's padding id: places count from the one after it.
    padding: Option<u32>,
    word: Param,
    position: Param,
    token_type: Param,
    norm: LayerNorm,
    stack: Stack,
}

impl Bert {
    /// Reads a BERT. The names in the file may start with `bert.`; a pooler is carried along untrained where no head is asked for.
    pub(super) fn load(source: Source<'_>) -> Result<Loaded<Bert>> {
        Self::read(source, "bert.", false)
    }

    /// Reads a RoBERTa, XLM-RoBERTa or CamemBERT; names may start with `roberta.`.
    pub(super) fn load_roberta(source: Source<'_>) -> Result<Loaded<Bert>> {
        Self::read(source, "roberta.", true)
    }

    fn read(source: Source<'_>, prefix: &str, roberta: bool) -> Result<Loaded<Bert>> {
        let check = Check {
            path: source.config_path,
        };
        let config: Config = check.parse(source.config)?;
        let activation = config.check(check)?;
        let mut loader = source.loader.with_optional_prefix(prefix);
        let hidden = config.common.hidden_size;
        let mut table =
            |part: &str, n: usize| loader.take(&format!("embeddings.{part}_embeddings.weight"), &[n, hidden]);
        let word = table("word", config.common.vocab_size)?;
        let position = table("position", config.common.max_position_embeddings)?;
        let token_type = table("token_type", config.type_vocab_size)?;
        let norm = layer_norm(
            &mut loader,
            "embeddings.LayerNorm",
            hidden,
            config.common.layer_norm_eps,
            true,
        )?;
        let shape = config.common.shape(activation, 1);
        let stack = Stack::load(&mut loader, &NAMES, shape, no_projections)?;
        let prob = config.classifier_dropout.unwrap_or(config.common.hidden_dropout_prob);
        let names = if roberta {
            HeadNames {
                dense: Dense::Top("classifier.dense"),
                out: "classifier.out_proj",
                prob_before: prob,
                ..HeadNames::new(Activation::Tanh, prob)
            }
        } else {
            HeadNames {
                dense: Dense::Body("pooler.dense"),
                ..HeadNames::new(Activation::Tanh, prob)
            }
        };
        let head = source
            .head
            .then(|| Head::load(&mut loader, &names, hidden))
            .transpose()?;
        let padding = roberta.then_some(config.pad_token_id.unwrap_or(1));
        let model = Bert {
            config,
            padding,
            word,
            position,
            token_type,
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

/// Places as `transformers` counts them for RoBERTa and MPNet: from `padding + 1`, padding tokens themselves staying at `padding`.
pub(super) fn places_after_padding(batch: &Packed, padding: u32) -> Vec<u32> {
    let mut places = Vec::with_capacity(batch.n_rows());
    for text in batch.starts.windows(2) {
        let mut place = padding;
        for &id in &batch.ids[text[0]..text[1]] {
            if id == padding {
                places.push(padding);
            } else {
                place += 1;
                places.push(place);
            }
        }
    }
    places
}

impl Encode for Bert {
    fn sizes(&self) -> Sizes {
        let reserved = self.padding.map_or(0, |padding| padding as usize + 1);
        Sizes {
            dim: self.config.common.hidden_size,
            vocab_size: self.config.common.vocab_size,
            n_layers: self.config.common.num_hidden_layers,
            max_tokens: self.config.common.max_position_embeddings.saturating_sub(reserved),
        }
    }

    fn linear_weights(&self) -> Vec<(Role, Param)> {
        self.stack.linear_weights()
    }

    fn embed<O: Ops>(&self, ops: &mut O, batch: &Packed) -> Result<O::Value> {
        batch.check_types(self.config.type_vocab_size)?;
        let places = self.padding.map(|padding| places_after_padding(batch, padding));
        let embedded = ops.gather(&[
            (self.word, &batch.ids),
            (self.position, places.as_deref().unwrap_or(&batch.positions)),
            (self.token_type, &batch.type_ids),
        ])?;
        let normed = ops.add_norm(&embedded, None, 0.0, self.norm)?;
        ops.dropout(&normed, self.config.common.hidden_dropout_prob)
    }

    fn layers<O: Ops>(&self, ops: &mut O, _: &Packed, x: O::Value, layers: Range<usize>) -> Result<O::Value> {
        self.stack.run(ops, x, layers, &Distance::None)
    }
}
