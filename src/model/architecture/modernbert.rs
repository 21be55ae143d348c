//! ModernBERT (Warner et al., 2024): norms before each block, rotary positions, gated feed-forward blocks, and attention that sees
//! the whole text in some layers and the neighbourhood in the others.

use super::check::{self, Check};
use super::head::{Dense, Head, HeadNames};
use super::layers::{biased_linear, layer_norm};
use super::{Encode, Loaded, Role, Sizes, Source};
use crate::model::batch::Packed;
use crate::model::error::{ModelError, Result};
use crate::model::ops::{Activation, Attention, LayerNorm, Linear, Ops, Position, Reach, Rotation};
use crate::model::parameters::{Loader, Param};
use crate::model::pooling::Pooling;
use serde::Deserialize;
use std::ops::Range;

#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
struct Config {
    vocab_size: usize,
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    hidden_activation: String,
    max_position_embeddings: usize,
    norm_eps: f64,
    norm_bias: bool,
    attention_bias: bool,
    mlp_bias: bool,
    attention_dropout: f64,
    embedding_dropout: f64,
    mlp_dropout: f64,
    local_attention: usize,
    global_attn_every_n_layers: usize,
    layer_types: Option<Vec<String>>,
    global_rope_theta: f64,
    local_rope_theta: Option<f64>,
    rope_parameters: Option<Ropes>,
    classifier_pooling: String,
    classifier_dropout: f64,
    classifier_bias: bool,
    classifier_activation: String,
}

/// The newer form of the two thetas.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Ropes {
    full_attention: Option<Rope>,
    sliding_attention: Option<Rope>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Rope {
    rope_theta: Option<f64>,
    rope_type: Option<String>,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            vocab_size: 50_368,
            hidden_size: 768,
            intermediate_size: 1152,
            num_hidden_layers: 22,
            num_attention_heads: 12,
            hidden_activation: "gelu".into(),
            max_position_embeddings: 8192,
            norm_eps: 1e-5,
            norm_bias: false,
            attention_bias: false,
            mlp_bias: false,
            attention_dropout: 0.0,
            embedding_dropout: 0.0,
            mlp_dropout: 0.0,
            local_attention: 128,
            global_attn_every_n_layers: 3,
            layer_types: None,
            global_rope_theta: 160_000.0,
            local_rope_theta: Some(10_000.0),
            rope_parameters: None,
            classifier_pooling: "cls".into(),
            classifier_dropout: 0.0,
            classifier_bias: false,
            classifier_activation: "gelu".into(),
        }
    }
}

impl Config {
    fn check(&self, check: Check<'_>) -> Result<()> {
        check.sizes(&[
            ("vocab_size", self.vocab_size, check::VOCAB),
            ("hidden_size", self.hidden_size, check::HIDDEN),
            ("intermediate_size", self.intermediate_size, check::INNER),
            ("num_hidden_layers", self.num_hidden_layers, check::LAYERS),
            ("num_attention_heads", self.num_attention_heads, check::HEADS),
            (
                "max_position_embeddings",
                self.max_position_embeddings,
                check::POSITIONS,
            ),
            ("local_attention", self.local_attention, check::POSITIONS),
            (
                "global_attn_every_n_layers",
                self.global_attn_every_n_layers,
                check::LAYERS,
            ),
        ])?;
        // Columns of a head turn in pairs.
        check.heads(
            ("hidden_size", self.hidden_size),
            ("2 · num_attention_heads", 2 * self.num_attention_heads),
        )?;
        check.probs(&[
            ("attention_dropout", self.attention_dropout),
            ("embedding_dropout", self.embedding_dropout),
            ("mlp_dropout", self.mlp_dropout),
            ("classifier_dropout", self.classifier_dropout),
        ])?;
        check.eps("norm_eps", self.norm_eps)
    }

    /// For every layer whether it sees the whole text.
    fn is_global(&self, check: Check<'_>) -> Result<Vec<bool>> {
        let Some(types) = &self.layer_types else {
            let every = self.global_attn_every_n_layers;
            return Ok((0..self.num_hidden_layers).map(|i| i.is_multiple_of(every)).collect());
        };
        if types.len() != self.num_hidden_layers {
            return Err(ModelError::config(
                check.path,
                format!(
                    "layer_types has {} entries for {} layers",
                    types.len(),
                    self.num_hidden_layers
                ),
            ));
        }
        types
            .iter()
            .map(|kind| match kind.as_str() {
                "full_attention" => Ok(true),
                "sliding_attention" => Ok(false),
                other => Err(check.unsupported(
                    format!("layer type \"{}\"", other.chars().take(60).collect::<String>()),
                    "full_attention and sliding_attention are",
                )),
            })
            .collect()
    }

    /// The theta of layers that see the whole text, and of the others.
    fn thetas(&self, check: Check<'_>) -> Result<(f64, f64)> {
        let ropes = self.rope_parameters.clone().unwrap_or_default();
        let theta = |rope: Option<Rope>, default: f64| -> Result<f64> {
            let rope = rope.unwrap_or_default();
            if let Some(other) = rope.rope_type.filter(|kind| kind != "default") {
                let shown: String = other.chars().take(60).collect();
                return Err(check.unsupported(format!("rope_type \"{shown}\""), "\"default\" is"));
            }
            let theta = rope.rope_theta.unwrap_or(default);
            if theta.is_finite() && theta > 1.0 {
                return Ok(theta);
            }
            Err(ModelError::config(
                check.path,
                format!("rope_theta is {theta}, but a number above 1 is possible"),
            ))
        };
        let global = theta(ropes.full_attention, self.global_rope_theta)?;
        let local = theta(ropes.sliding_attention, self.local_rope_theta.unwrap_or(global))?;
        Ok((global, local))
    }
}

struct Layer {
    is_global: bool,
    attention_norm: Option<LayerNorm>,
    qkv: Linear,
    attention_out: Linear,
    inner_norm: LayerNorm,
    inner: Linear,
    output: Linear,
}

/// The encoder.
pub struct ModernBert {
    config: Config,
    activation: Activation,
    thetas: (f64, f64),
    tokens: Param,
    norm: LayerNorm,
    layers: Vec<Layer>,
    final_norm: LayerNorm,
}

impl ModernBert {
    /// Reads the model; names may start with `model.`.
    pub(super) fn load(source: Source<'_>) -> Result<Loaded<ModernBert>> {
        let check = Check {
            path: source.config_path,
        };
        let config: Config = check.parse(source.config)?;
        config.check(check)?;
        let activation = check.activation("hidden_activation", &config.hidden_activation)?;
        let head_names = head_names(&config, check)?;
        let thetas = config.thetas(check)?;
        let is_global = config.is_global(check)?;
        let mut loader = source.loader.with_optional_prefix("model.");
        let hidden = config.hidden_size;
        let tokens = loader.take("embeddings.tok_embeddings.weight", &[config.vocab_size, hidden])?;
        let norm = load_norm(&mut loader, "embeddings.norm", &config)?;
        let layers = is_global
            .into_iter()
            .enumerate()
            .map(|(i, is_global)| load_layer(&mut loader, i, is_global, &config))
            .collect::<Result<Vec<_>>>()?;
        let final_norm = load_norm(&mut loader, "final_norm", &config)?;
        let head = source
            .head
            .then(|| Head::load(&mut loader, &head_names, hidden))
            .transpose()?;
        let model = ModernBert {
            config,
            activation,
            thetas,
            tokens,
            norm,
            layers,
            final_norm,
        };
        Ok(Loaded {
            model,
            head,
            parameters: loader.finish(&[])?,
        })
    }
}

fn head_names(config: &Config, check: Check<'_>) -> Result<HeadNames> {
    let activation = check.activation("classifier_activation", &config.classifier_activation)?;
    let pooling = match config.classifier_pooling.as_str() {
        "cls" => Pooling::Cls,
        "mean" => Pooling::Mean,
        other => {
            let shown: String = other.chars().take(60).collect();
            return Err(check.unsupported(format!("classifier_pooling \"{shown}\""), "\"cls\" and \"mean\" are"));
        }
    };
    Ok(HeadNames {
        pooling,
        dense: Dense::Top("head.dense"),
        dense_bias: config.classifier_bias,
        norm: Some(("head.norm", config.norm_eps, config.norm_bias)),
        ..HeadNames::new(activation, config.classifier_dropout)
    })
}

fn load_norm(loader: &mut Loader<'_>, name: &str, config: &Config) -> Result<LayerNorm> {
    layer_norm(loader, name, config.hidden_size, config.norm_eps, config.norm_bias)
}

fn load_layer(loader: &mut Loader<'_>, i: usize, is_global: bool, config: &Config) -> Result<Layer> {
    let (hidden, inner) = (config.hidden_size, config.intermediate_size);
    // The first layer's input has just been normalised with the embeddings.
    let attention_norm = (i > 0)
        .then(|| load_norm(loader, &format!("layers.{i}.attn_norm"), config))
        .transpose()?;
    let inner_norm = load_norm(loader, &format!("layers.{i}.mlp_norm"), config)?;
    let mut part = |part: &str, n_in: usize, n_out: usize, bias: bool| {
        biased_linear(loader, &format!("layers.{i}.{part}"), n_in, n_out, bias)
    };
    Ok(Layer {
        is_global,
        attention_norm,
        qkv: part("attn.Wqkv", hidden, 3 * hidden, config.attention_bias)?,
        attention_out: part("attn.Wo", hidden, hidden, config.attention_bias)?,
        inner_norm,
        inner: part("mlp.Wi", hidden, 2 * inner, config.mlp_bias)?,
        output: part("mlp.Wo", inner, hidden, config.mlp_bias)?,
    })
}

impl Encode for ModernBert {
    fn sizes(&self) -> Sizes {
        Sizes {
            dim: self.config.hidden_size,
            vocab_size: self.config.vocab_size,
            n_layers: self.config.num_hidden_layers,
            max_tokens: self.config.max_position_embeddings,
        }
    }

    fn linear_weights(&self) -> Vec<(Role, Param)> {
        let of_layer = |layer: &Layer| {
            [
                (Role::QueryKeyValue, layer.qkv.weight),
                (Role::Attention, layer.attention_out.weight),
                (Role::FeedForward, layer.inner.weight),
                (Role::FeedForward, layer.output.weight),
            ]
        };
        self.layers.iter().flat_map(of_layer).collect()
    }

    fn embed<O: Ops>(&self, ops: &mut O, batch: &Packed) -> Result<O::Value> {
        let embedded = ops.gather(&[(self.tokens, &batch.ids)])?;
        let normed = ops.add_norm(&embedded, None, 0.0, self.norm)?;
        ops.dropout(&normed, self.config.embedding_dropout)
    }

    fn layers<O: Ops>(&self, ops: &mut O, batch: &Packed, x: O::Value, layers: Range<usize>) -> Result<O::Value> {
        let config = &self.config;
        let (n_heads, each) = (
            config.num_attention_heads,
            config.hidden_size / config.num_attention_heads,
        );
        let rotation = |theta: f64| Rotation::new(theta, each, batch.longest());
        let (global, local) = (rotation(self.thetas.0), rotation(self.thetas.1));
        let is_last = layers.end == self.layers.len();
        let mut x = x;
        for layer in &self.layers[layers] {
            let normed = match layer.attention_norm {
                Some(norm) => ops.add_norm(&x, None, 0.0, norm)?,
                None => x.clone(),
            };
            let qkv = ops.linear(&normed, &[layer.qkv])?;
            let qkv = ops.rotary(&qkv, n_heads, if layer.is_global { &global } else { &local })?;
            let how = Attention {
                n_heads,
                scale: 1.0 / (each as f64).sqrt(),
                prob: config.attention_dropout,
                reach: match layer.is_global {
                    true => Reach::Text,
                    false => Reach::Window(config.local_attention / 2),
                },
                position: Position::None,
            };
            let context = ops.attention(&qkv, &how)?;
            let attended = ops.linear(&context, &[layer.attention_out])?;
            x = ops.add(&attended, &x, config.attention_dropout)?;
            let normed = ops.add_norm(&x, None, 0.0, layer.inner_norm)?;
            let inner = ops.linear(&normed, &[layer.inner])?;
            let inner = ops.gated(&inner, self.activation)?;
            let inner = ops.dropout(&inner, config.mlp_dropout)?;
            let outer = ops.linear(&inner, &[layer.output])?;
            x = ops.add(&outer, &x, 0.0)?;
        }
        if is_last {
            x = ops.add_norm(&x, None, 0.0, self.final_norm)?;
        }
        Ok(x)
    }
}
