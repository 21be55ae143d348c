//! A decoder-only transformer: tokens in, the logits of the token that comes next out. Not here: texts.

use candle_core::quantized::QMatMul;
use candle_core::{Device, Module, Tensor};

use super::cache::Cache;
use super::gguf::Gguf;
use super::layer::{Layer, Norm, Reading};
use super::rotary::Rotary;
use super::shape::Shape;
use super::tensors::Tensors;
use crate::model::error::{ModelError, Result};

/// Tokens that are read at a time: their products with all keys are in memory at once.
const CHUNK: usize = 512;

/// A transformer with its weights.
pub struct Decoder {
    shape: Shape,
    device: Device,
    embeddings: QMatMul,
    n_tokens: usize,
    layers: Vec<Layer>,
    norm: Norm,
    output: QMatMul,
    rotary: Rotary,
    local_rotary: Rotary,
}

impl Decoder {
    /// The decoder of a file.
    ///
    /// # Errors
    /// An architecture that is not known, metadata or tensors that are missing or do not fit together.
    pub fn load(gguf: &Gguf, device: &Device) -> Result<Decoder> {
        let shape = Shape::read(gguf.metadata())?;
        let tensors = Tensors::new(gguf, device);
        let n_tokens = tensors.n_rows("token_embd.weight").unwrap_or_default();
        let embeddings = tensors.matrix("token_embd.weight", n_tokens, shape.width)?;
        let output = if tensors.has("output.weight") {
            tensors.matrix("output.weight", n_tokens, shape.width)?
        } else {
            embeddings.clone()
        };
        let layers = (0..shape.n_layers).map(|at| Layer::load(&tensors, &shape, at));
        let layers = layers.collect::<Result<_>>()?;
        let norm = Norm::load(&tensors, "output_norm", shape.width, &shape)?;
        let factors = factors(&tensors, &shape)?;
        let rotary = |rotation: &super::shape::Rotation| {
            let own = factors.as_deref().filter(|_| rotation.own_factors);
            Rotary::new(rotation, shape.rotary_dim, shape.pairing, own)
        };
        let (rotary, local_rotary) = (rotary(&shape.rotation), rotary(&shape.local_rotation));
        tensors.check_all_used()?;
        Ok(Decoder {
            device: device.clone(),
            embeddings,
            n_tokens,
            layers,
            norm,
            output,
            rotary,
            local_rotary,
            shape,
        })
    }

    /// The most tokens it reads.
    pub fn context(&self) -> usize {
        self.shape.context
    }

    /// How many tokens it knows.
    pub fn n_tokens(&self) -> usize {
        self.n_tokens
    }

    /// The logits of the token that follows `tokens`, one for each token there is. What `cache` has of the beginning is not computed again;
    /// afterwards it has all of them.
    ///
    /// # Errors
    /// No tokens, more than [`Decoder::context`], or one that does not exist; what candle reports.
    pub fn next_logits(&self, tokens: &[u32], cache: &mut Cache) -> Result<Vec<f32>> {
        let Some(last) = tokens.len().checked_sub(1) else {
            return Err(ModelError::Input("a language model needs at least one token".into()));
        };
        if tokens.len() > self.shape.context {
            return Err(ModelError::Input(format!(
                "{} tokens are more than the {} this model reads",
                tokens.len(),
                self.shape.context
            )));
        }
        if let Some(token) = tokens.iter().find(|token| **token as usize >= self.n_tokens) {
            return Err(ModelError::Input(format!(
                "token {token} does not exist in this model, which has {}; its tokenizer belongs to another one",
                self.n_tokens
            )));
        }
        let known = cache.go_back_to(tokens, last);
        let mut row = None;
        for chunk in tokens.get(known..).unwrap_or_default().chunks(CHUNK) {
            row = Some(self.read(chunk, cache)?);
            cache.extend(chunk);
        }
        let Some(row) = row else {
            return Err(ModelError::Input("a language model needs at least one token".into()));
        };
        let logits = self.output.forward(&self.norm.apply(&row)?)?;
        let mut logits = logits.flatten_all()?.to_vec1::<f32>()?;
        if let Some(cap) = self.shape.soft_cap {
            let cap = cap as f32;
            logits.iter_mut().for_each(|logit| *logit = cap * (*logit / cap).tanh());
        }
        Ok(logits)
    }

    /// Reads tokens after those of the cache, and gives the last row, `(1, width)`.
    fn read(&self, tokens: &[u32], cache: &mut Cache) -> candle_core::Result<Tensor> {
        let (first, n) = (cache.tokens().len(), tokens.len());
        let ids = Tensor::new(tokens, &self.device)?;
        let mut rows = (self.embeddings.embedding(&ids)? * self.shape.embedding_scale)?;
        let turns = self.rotary.turns(first, n, &self.device)?;
        let mask = mask(first, n, None, &self.device)?;
        let local_turns = self.local_rotary.turns(first, n, &self.device)?;
        let local_mask = mask_or(self.shape.window, first, n, &self.device)?;
        for (at, layer) in self.layers.iter().enumerate() {
            let is_local = self.shape.is_local.get(at).copied().unwrap_or_default();
            let reading = Reading {
                turns: if is_local { &local_turns } else { &turns },
                mask: if is_local { local_mask.as_ref() } else { mask.as_ref() },
            };
            rows = layer.forward(&rows, &self.shape, &reading, cache, at)?;
        }
        rows.narrow(0, n - 1, 1)?.contiguous()
    }
}

fn mask_or(window: Option<usize>, first: usize, n: usize, device: &Device) -> candle_core::Result<Option<Tensor>> {
    match window {
        Some(window) => mask(first, n, Some(window), device),
        None => Ok(None),
    }
}

/// What `n` tokens from position `first` see of all up to them, `(n, first + n)`; `None` where that is everything.
fn mask(first: usize, n: usize, window: Option<usize>, device: &Device) -> candle_core::Result<Option<Tensor>> {
    let n_keys = first + n;
    if n == 1 && window.is_none_or(|window| n_keys <= window) {
        return Ok(None);
    }
    let mut mask = vec![0.0_f32; n * n_keys];
    for (row, at) in mask.chunks_exact_mut(n_keys).zip(first..) {
        let begin = window.map_or(0, |window| (at + 1).saturating_sub(window));
        for (key, cell) in row.iter_mut().enumerate() {
            if key < begin || key > at {
                *cell = f32::NEG_INFINITY;
            }
        }
    }
    Tensor::from_vec(mask, (n, n_keys), device).map(Some)
}

/// The file's own factors of the frequencies: llama 3's, or of phi3's two kinds those for the context it was trained with.
fn factors(tensors: &Tensors<'_>, shape: &Shape) -> Result<Option<Vec<f32>>> {
    tensors.pass_over("rope_factors_long.weight");
    for name in ["rope_freqs.weight", "rope_factors_short.weight"] {
        if let Some(found) = tensors.find_vector(name, shape.rotary_dim / 2)? {
            let factors = found.to_vec1::<f32>()?;
            if factors.iter().any(|factor| !factor.is_finite() || *factor <= 0.0) {
                return Err(ModelError::Input(format!("{name} holds a factor that is not above 0")));
            }
            return Ok(Some(factors));
        }
    }
    Ok(None)
}
