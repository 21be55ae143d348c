//! BART (Lewis et al., 2019) as a classifier: an encoder and a decoder that both read the text, and a head on the decoder's last state.
//!
//! The decoder reads the text moved one place to the right, so that it is as long as what the encoder reads and lies in the same rows.

use super::bart_decoder::{Decoder, Sizes as DecoderSizes};
use super::check::{self, Check};
use super::head::{Dense, Head, HeadNames};
use super::layers::{Distance, Names, Shape, Stack, layer_norm, no_projections};
use super::{Encode, Loaded, Role, Sizes, Source};
use crate::model::batch::Packed;
use crate::model::error::{ModelError, Result};
use crate::model::ops::{Activation, LayerNorm, Ops};
use crate::model::parameters::{Loader, Param};
use crate::model::pooling::Pooling;
use serde::Deserialize;
use std::ops::Range;

const NAMES: Names = Names {
    layer: "encoder.layers",
    qkv: ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"],
    attention_out: "self_attn.out_proj",
    attention_norm: "self_attn_layer_norm",
    inner: "fc1",
    output: "fc2",
    output_norm: "final_layer_norm",
};

/// Names of the table of words, which encoder and decoder share: files hold it once or several times.
const WORDS: [&str; 3] = [
    "shared.weight",
    "encoder.embed_tokens.weight",
    "decoder.embed_tokens.weight",
];

/// Rows of the table of positions before that of the first place.
pub(super) const OFFSET: usize = 2;

/// Of every LayerNorm; the configuration has no word about it.
pub(super) const EPS: f64 = 1e-5;

/// The part of `config.json` that shapes the model; missing keys have the values `transformers` gives them.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
struct Config {
    vocab_size: usize,
    d_model: usize,
    max_position_embeddings: usize,
    encoder_layers: usize,
    encoder_ffn_dim: usize,
    encoder_attention_heads: usize,
    decoder_layers: usize,
    decoder_ffn_dim: usize,
    decoder_attention_heads: usize,
    activation_function: String,
    dropout: f64,
    attention_dropout: f64,
    activation_dropout: f64,
    classifier_dropout: f64,
    scale_embedding: bool,
    eos_token_id: u32,
    decoder_start_token_id: u32,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            vocab_size: 50_265,
            d_model: 1024,
            max_position_embeddings: 1024,
            encoder_layers: 12,
            encoder_ffn_dim: 4096,
            encoder_attention_heads: 16,
            decoder_layers: 12,
            decoder_ffn_dim: 4096,
            decoder_attention_heads: 16,
            activation_function: "gelu".into(),
            dropout: 0.1,
            attention_dropout: 0.0,
            activation_dropout: 0.0,
            classifier_dropout: 0.0,
            scale_embedding: false,
            eos_token_id: 2,
            decoder_start_token_id: 2,
        }
    }
}

impl Config {
    fn check(&self, check: Check<'_>) -> Result<Activation> {
        check.sizes(&[
            ("vocab_size", self.vocab_size, check::VOCAB),
            ("d_model", self.d_model, check::HIDDEN),
            (
                "max_position_embeddings",
                self.max_position_embeddings,
                check::POSITIONS,
            ),
            ("encoder_layers", self.encoder_layers, check::LAYERS),
            ("encoder_ffn_dim", self.encoder_ffn_dim, check::INNER),
            ("encoder_attention_heads", self.encoder_attention_heads, check::HEADS),
            ("decoder_layers", self.decoder_layers, check::LAYERS),
            ("decoder_ffn_dim", self.decoder_ffn_dim, check::INNER),
            ("decoder_attention_heads", self.decoder_attention_heads, check::HEADS),
            (
                "decoder_start_token_id",
                self.decoder_start_token_id as usize,
                0..=self.vocab_size.saturating_sub(1),
            ),
        ])?;
        for (key, heads) in [
            ("encoder_attention_heads", self.encoder_attention_heads),
            ("decoder_attention_heads", self.decoder_attention_heads),
        ] {
            check.heads(("d_model", self.d_model), (key, heads))?;
        }
        check.probs(&[
            ("dropout", self.dropout),
            ("attention_dropout", self.attention_dropout),
            ("activation_dropout", self.activation_dropout),
            ("classifier_dropout", self.classifier_dropout),
        ])?;
        check.activation("activation_function", &self.activation_function)
    }

    fn shape(&self, activation: Activation) -> Shape {
        Shape {
            hidden: self.d_model,
            inner: self.encoder_ffn_dim,
            n_heads: self.encoder_attention_heads,
            n_layers: self.encoder_layers,
            eps: EPS,
            activation,
            attention_prob: self.attention_dropout,
            attention_out_prob: self.dropout,
            inner_prob: self.activation_dropout,
            output_prob: self.dropout,
            scale: 1.0 / ((self.d_model / self.encoder_attention_heads) as f64).sqrt(),
        }
    }

    fn decoder_shape(&self, activation: Activation) -> Shape {
        Shape {
            inner: self.decoder_ffn_dim,
            n_heads: self.decoder_attention_heads,
            n_layers: self.decoder_layers,
            scale: 1.0 / ((self.d_model / self.decoder_attention_heads) as f64).sqrt(),
            ..self.shape(activation)
        }
    }
}

/// How tokens become the states that layers begin with; the decoder has such a one too.
pub(super) struct Beginning {
    word: Param,
    position: Param,
    norm: LayerNorm,
    /// What rows of the table of words are multiplied by, where the configuration says so.
    factor: Option<f32>,
    prob: f64,
}

impl Beginning {
    fn load(loader: &mut Loader<'_>, part: &str, word: Param, config: &Config) -> Result<Beginning> {
        let rows = config.max_position_embeddings + OFFSET;
        Ok(Beginning {
            word,
            position: loader.take(&format!("{part}.embed_positions.weight"), &[rows, config.d_model])?,
            norm: layer_norm(
                loader,
                &format!("{part}.layernorm_embedding"),
                config.d_model,
                EPS,
                true,
            )?,
            factor: config.scale_embedding.then(|| (config.d_model as f32).sqrt()),
            prob: config.dropout,
        })
    }

    /// The states of tokens `ids` at `positions` before the first layer.
    pub(super) fn run<O: Ops>(&self, ops: &mut O, ids: &[u32], positions: &[u32]) -> Result<O::Value> {
        let places: Vec<u32> = positions.iter().map(|place| place + OFFSET as u32).collect();
        let embedded = match self.factor {
            None => ops.gather(&[(self.word, ids), (self.position, &places)])?,
            Some(factor) => {
                let words = ops.gather(&[(self.word, ids)])?;
                let words = ops.scale(&words, factor)?;
                let places = ops.gather(&[(self.position, &places)])?;
                ops.add(&words, &places, 0.0)?
            }
        };
        let normed = ops.add_norm(&embedded, None, 0.0, self.norm)?;
        ops.dropout(&normed, self.prob)
    }
}

/// Encoder and decoder.
pub struct Bart {
    config: Config,
    beginning: Beginning,
    encoder: Stack,
    decoder: Decoder,
}

impl Bart {
    /// Reads a BART with its classification head; names may start with `model.`. Asked for without one it is an error: transformers takes the
    /// decoder's states for a text's, and nobody trains those to be compared.
    pub(super) fn load(source: Source<'_>) -> Result<Loaded<Bart>> {
        let check = Check {
            path: source.config_path,
        };
        let config: Config = check.parse(source.config)?;
        let activation = config.check(check)?;
        if !source.head {
            return Err(check.unsupported(
                "BART as an encoder of texts",
                "it is read with its classification head, for zero-shot by entailment; to embed or train, choose an encoder such as all-MiniLM-L6-v2",
            ));
        }
        let mut loader = source.loader.with_optional_prefix("model.");
        let hidden = config.d_model;
        let word = loader.take_any(&WORDS, &[config.vocab_size, hidden])?;
        let beginning = Beginning::load(&mut loader, "encoder", word, &config)?;
        let encoder = Stack::load(&mut loader, &NAMES, config.shape(activation), no_projections)?;
        let of_decoder = Beginning::load(&mut loader, "decoder", word, &config)?;
        let sizes = DecoderSizes {
            shape: config.decoder_shape(activation),
            start: config.decoder_start_token_id,
        };
        let decoder = Decoder::load(&mut loader, of_decoder, sizes)?;
        let prob = config.classifier_dropout;
        let names = HeadNames {
            pooling: Pooling::Last,
            prob_before: prob,
            dense: Dense::Top("classification_head.dense"),
            out: "classification_head.out_proj",
            ..HeadNames::new(Activation::Tanh, prob)
        };
        let head = Head::load(&mut loader, &names, hidden)?;
        let model = Bart {
            config,
            beginning,
            encoder,
            decoder,
        };
        Ok(Loaded {
            model,
            head: Some(head),
            parameters: loader.finish(&[])?,
        })
    }

    /// The head reads the state of the last end-of-text token, which must be the last token of all.
    fn check_ends(&self, batch: &Packed) -> Result<()> {
        let ends = |rows: &[usize]| batch.ids.get(rows[1] - 1) == Some(&self.config.eos_token_id);
        if batch.starts.windows(2).all(ends) {
            return Ok(());
        }
        Err(ModelError::Input(format!(
            "a text does not end with the end-of-text token {}; the tokenizer belongs to another model",
            self.config.eos_token_id
        )))
    }
}

impl Encode for Bart {
    fn sizes(&self) -> Sizes {
        Sizes {
            dim: self.config.d_model,
            vocab_size: self.config.vocab_size,
            n_layers: self.config.encoder_layers + self.config.decoder_layers,
            max_tokens: self.config.max_position_embeddings,
        }
    }

    fn linear_weights(&self) -> Vec<(Role, Param)> {
        let mut weights = self.encoder.linear_weights();
        weights.extend(self.decoder.linear_weights());
        weights
    }

    fn embed<O: Ops>(&self, ops: &mut O, batch: &Packed) -> Result<O::Value> {
        self.check_ends(batch)?;
        self.beginning.run(ops, &batch.ids, &batch.positions)
    }

    /// The encoder's layers come first. A pass cannot begin among the decoder's: each of them also reads what the encoder ends with.
    fn layers<O: Ops>(&self, ops: &mut O, batch: &Packed, x: O::Value, layers: Range<usize>) -> Result<O::Value> {
        let n_encoder = self.config.encoder_layers;
        if layers.start > n_encoder {
            return Err(ModelError::Input(
                "a pass through BART cannot begin among the layers of its decoder".into(),
            ));
        }
        let of_encoder = layers.start..layers.end.min(n_encoder);
        let encoded = self.encoder.run(ops, x, of_encoder, &Distance::None)?;
        match layers.end.saturating_sub(n_encoder) {
            0 => Ok(encoded),
            n_layers => self.decoder.run(ops, batch, &encoded, n_layers),
        }
    }
}
