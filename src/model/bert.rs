//! BERT (Devlin et al., 2018): a stack of self-attention and feed-forward layers, each with LayerNorm after its residual sum.

use super::architecture::{Encode, Sizes, Source};
use super::batch::Packed;
use super::error::{ModelError, Result};
use super::ops::{LayerNorm, Linear, Ops};
use super::parameters::{Loader, Param, Parameters};
use serde::Deserialize;
use std::ops::RangeInclusive;
use std::path::Path;

/// The part of `config.json` that shapes the model; missing keys have the values `transformers` gives them.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
struct Config {
    vocab_size: usize,
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    intermediate_size: usize,
    max_position_embeddings: usize,
    type_vocab_size: usize,
    layer_norm_eps: f64,
    hidden_dropout_prob: f64,
    attention_probs_dropout_prob: f64,
    hidden_act: String,
    position_embedding_type: Option<String>,
    is_decoder: bool,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            vocab_size: 30_522,
            hidden_size: 768,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            intermediate_size: 3072,
            max_position_embeddings: 512,
            type_vocab_size: 2,
            layer_norm_eps: 1e-12,
            hidden_dropout_prob: 0.1,
            attention_probs_dropout_prob: 0.1,
            hidden_act: "gelu".into(),
            position_embedding_type: None,
            is_decoder: false,
        }
    }
}

impl Config {
    fn check(&self, path: &Path) -> Result<()> {
        let sizes: [(&str, usize, RangeInclusive<usize>); 7] = [
            ("vocab_size", self.vocab_size, 1..=4_000_000),
            ("hidden_size", self.hidden_size, 1..=16_384),
            ("num_hidden_layers", self.num_hidden_layers, 1..=256),
            ("num_attention_heads", self.num_attention_heads, 1..=512),
            ("intermediate_size", self.intermediate_size, 1..=131_072),
            ("max_position_embeddings", self.max_position_embeddings, 2..=131_072),
            ("type_vocab_size", self.type_vocab_size, 1..=1024),
        ];
        for (key, value, range) in sizes {
            if !range.contains(&value) {
                return Err(ModelError::config(
                    path,
                    format!("{key} is {value}, but {} to {} is possible", range.start(), range.end()),
                ));
            }
        }
        if !self.hidden_size.is_multiple_of(self.num_attention_heads) {
            return Err(ModelError::config(
                path,
                format!(
                    "hidden_size {} does not divide into num_attention_heads {}",
                    self.hidden_size, self.num_attention_heads
                ),
            ));
        }
        for (key, value) in [
            ("hidden_dropout_prob", self.hidden_dropout_prob),
            ("attention_probs_dropout_prob", self.attention_probs_dropout_prob),
        ] {
            if !(0.0..1.0).contains(&value) {
                return Err(ModelError::config(
                    path,
                    format!("{key} is {value}, but a probability below 1 is possible"),
                ));
            }
        }
        if !(self.layer_norm_eps > 0.0 && self.layer_norm_eps < 1.0) {
            return Err(ModelError::config(
                path,
                format!(
                    "layer_norm_eps is {}, but a small positive number is possible",
                    self.layer_norm_eps
                ),
            ));
        }
        self.check_kind(path)
    }

    fn check_kind(&self, path: &Path) -> Result<()> {
        let unsupported = |what: String, supported: &str| {
            Err(ModelError::Unsupported {
                what,
                supported: supported.into(),
                path: path.to_path_buf(),
            })
        };
        let shown = |text: &str| text.chars().take(60).collect::<String>();
        if self.hidden_act != "gelu" {
            return unsupported(
                format!("hidden_act \"{}\"", shown(&self.hidden_act)),
                "BERT with \"gelu\" is",
            );
        }
        match self.position_embedding_type.as_deref() {
            None | Some("absolute") => {}
            Some(other) => {
                return unsupported(
                    format!("position_embedding_type \"{}\"", shown(other)),
                    "BERT with \"absolute\" is",
                );
            }
        }
        if self.is_decoder {
            return unsupported("a BERT decoder".into(), "BERT encoders are");
        }
        Ok(())
    }
}

struct Layer {
    qkv: [Linear; 3],
    attention_out: Linear,
    attention_norm: LayerNorm,
    intermediate: Linear,
    output: Linear,
    output_norm: LayerNorm,
}

/// A BERT encoder without its pooler.
pub struct Bert {
    config: Config,
    word: Param,
    position: Param,
    token_type: Param,
    norm: LayerNorm,
    layers: Vec<Layer>,
}

impl Bert {
    /// Reads the model. The names in the file may start with `bert.`; a pooler is carried along untrained, other heads are left out.
    pub fn load(source: Source<'_>) -> Result<(Bert, Parameters)> {
        let config: Config = serde_json::from_value(source.config.clone())
            .map_err(|error| ModelError::config(source.config_path, error.to_string()))?;
        config.check(source.config_path)?;
        let mut loader = source.loader.with_optional_prefix("bert.");
        let hidden = config.hidden_size;
        let word = loader.take("embeddings.word_embeddings.weight", &[config.vocab_size, hidden])?;
        let position = loader.take(
            "embeddings.position_embeddings.weight",
            &[config.max_position_embeddings, hidden],
        )?;
        let token_type = loader.take(
            "embeddings.token_type_embeddings.weight",
            &[config.type_vocab_size, hidden],
        )?;
        let norm = layer_norm(&mut loader, "embeddings.LayerNorm", &config)?;
        let layers = (0..config.num_hidden_layers)
            .map(|i| layer(&mut loader, &format!("encoder.layer.{i}"), &config))
            .collect::<Result<Vec<_>>>()?;
        let parameters = loader.finish(&["pooler."])?;
        Ok((
            Bert {
                config,
                word,
                position,
                token_type,
                norm,
                layers,
            },
            parameters,
        ))
    }
}

fn linear(loader: &mut Loader<'_>, name: &str, n_in: usize, n_out: usize) -> Result<Linear> {
    Ok(Linear {
        weight: loader.take(&format!("{name}.weight"), &[n_out, n_in])?,
        bias: loader.take(&format!("{name}.bias"), &[n_out])?,
    })
}

fn layer_norm(loader: &mut Loader<'_>, name: &str, config: &Config) -> Result<LayerNorm> {
    let shape = [config.hidden_size];
    Ok(LayerNorm {
        weight: loader.take(&format!("{name}.weight"), &shape)?,
        bias: loader.take(&format!("{name}.bias"), &shape)?,
        eps: config.layer_norm_eps,
    })
}

fn layer(loader: &mut Loader<'_>, name: &str, config: &Config) -> Result<Layer> {
    let (hidden, inner) = (config.hidden_size, config.intermediate_size);
    let mut part = |part: &str| linear(loader, &format!("{name}.attention.self.{part}"), hidden, hidden);
    let qkv = [part("query")?, part("key")?, part("value")?];
    Ok(Layer {
        qkv,
        attention_out: linear(loader, &format!("{name}.attention.output.dense"), hidden, hidden)?,
        attention_norm: layer_norm(loader, &format!("{name}.attention.output.LayerNorm"), config)?,
        intermediate: linear(loader, &format!("{name}.intermediate.dense"), hidden, inner)?,
        output: linear(loader, &format!("{name}.output.dense"), inner, hidden)?,
        output_norm: layer_norm(loader, &format!("{name}.output.LayerNorm"), config)?,
    })
}

impl Encode for Bert {
    fn sizes(&self) -> Sizes {
        Sizes {
            dim: self.config.hidden_size,
            vocab_size: self.config.vocab_size,
            max_tokens: self.config.max_position_embeddings,
        }
    }

    fn encode<O: Ops>(&self, ops: &mut O, batch: &Packed) -> Result<O::Value> {
        let prob = self.config.hidden_dropout_prob;
        batch.check_types(self.config.type_vocab_size)?;
        let embedded = ops.gather(&[
            (self.word, &batch.ids),
            (self.position, &batch.positions),
            (self.token_type, &batch.type_ids),
        ])?;
        let normed = ops.add_norm(&embedded, None, 0.0, self.norm)?;
        let mut x = ops.dropout(&normed, prob)?;
        for layer in &self.layers {
            let qkv = ops.linear(&x, &layer.qkv)?;
            let context = ops.attention(
                &qkv,
                self.config.num_attention_heads,
                self.config.attention_probs_dropout_prob,
            )?;
            let attended = ops.linear(&context, &[layer.attention_out])?;
            x = ops.add_norm(&attended, Some(&x), prob, layer.attention_norm)?;
            let inner = ops.linear(&x, &[layer.intermediate])?;
            let inner = ops.gelu(&inner)?;
            let outer = ops.linear(&inner, &[layer.output])?;
            x = ops.add_norm(&outer, Some(&x), prob, layer.output_norm)?;
        }
        Ok(x)
    }
}
