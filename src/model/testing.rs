//! The tiny encoder for tests, here and in rooms that train it: as [`super::tiny`] makes it, or it fails.

use super::encoder::Encoder;
use super::tiny::{self, Size};
use candle_core::{Device, Tensor};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

pub use tiny::{WORDS, random};

/// The configuration of the tiny model.
pub fn config() -> Value {
    Size::TINY.config()
}

/// The weights of the tiny model.
pub fn weights(seed: u64) -> BTreeMap<String, Tensor> {
    Size::TINY.weights(seed).unwrap()
}

/// Writes a sentence-transformers folder with the tiny model: mean pooling, normalised.
pub fn write_folder(dir: &Path, seed: u64) {
    Size::TINY.write_folder(dir, seed).unwrap();
}

/// Writes a plain folder: `config.json`, `model.safetensors`, `vocab.txt`.
pub fn write_parts(dir: &Path, config: &Value, weights: &BTreeMap<String, Tensor>) {
    tiny::write_parts(dir, config, weights).unwrap();
}

/// [`write_parts`] with room for `vocab_size` tokens, for tokenizers of other models.
pub fn write_parts_with_vocab(dir: &Path, vocab_size: usize) {
    let (mut config, mut weights) = (config(), weights(1));
    config["vocab_size"] = vocab_size.into();
    let words = random(&mut ChaCha8Rng::seed_from_u64(2), vocab_size * 32, 0.3);
    let words = Tensor::from_vec(words, (vocab_size, 32), &Device::Cpu).unwrap();
    weights.insert("embeddings.word_embeddings.weight".into(), words);
    write_parts(dir, &config, &weights);
}

/// Writes `value` as a JSON file.
pub fn write_json(path: &Path, value: &Value) {
    tiny::write_json(path, value).unwrap();
}

/// A tiny encoder on the CPU; its folder is gone again.
pub fn tiny_encoder(seed: u64) -> Encoder {
    Size::TINY.encoder(seed, &Device::Cpu).unwrap()
}
