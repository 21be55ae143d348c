//! A tiny BERT with random weights and two dozen words, made in code: for checking a device, and for tests. It knows nothing.

use super::encoder::Encoder;
use super::error::{ModelError, Result};
use candle_core::{Device, Tensor};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Words its tokenizer knows, besides its special tokens.
pub const WORDS: [&str; 24] = [
    "the", "a", "cat", "dog", "bird", "runs", "sleeps", "eats", "red", "blue", "green", "good", "bad", "price",
    "market", "goal", "match", "team", "code", "chip", "rain", "sun", "##s", "##ing",
];
const SPECIAL: [&str; 5] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];

const HIDDEN: usize = 32;
const INNER: usize = 48;
const N_LAYERS: usize = 2;
const MAX_TOKENS: usize = 40;

/// The encoder on `device`; its weights follow from `seed`.
///
/// # Errors
/// Where no temporary folder can be written, and whatever loading reports.
pub fn encoder(seed: u64, device: &Device) -> Result<Encoder> {
    let temporary = std::env::temp_dir();
    let folder = tempfile::tempdir().map_err(ModelError::io("make a folder", &temporary))?;
    write_folder(folder.path(), seed)?;
    Ok(Encoder::load(folder.path(), device)?.with_name("tiny"))
}

/// Writes it as a sentence-transformers folder: mean pooling, normalised, texts of at most 32 tokens.
///
/// # Errors
/// Where a file cannot be written.
pub fn write_folder(dir: &Path, seed: u64) -> Result<()> {
    write_parts(dir, &config(), &weights(seed)?)?;
    let module = |i: usize, path: &str, kind: &str| json!({ "idx": i, "name": i.to_string(), "path": path, "type": format!("sentence_transformers.models.{kind}") });
    write_json(
        &dir.join("modules.json"),
        &json!([
            module(0, "", "Transformer"),
            module(1, "1_Pooling", "Pooling"),
            module(2, "2_Normalize", "Normalize")
        ]),
    )?;
    let pooling = dir.join("1_Pooling");
    fs::create_dir_all(&pooling).map_err(ModelError::io("create the folder", &pooling))?;
    write_json(
        &pooling.join("config.json"),
        &json!({ "word_embedding_dimension": HIDDEN, "pooling_mode_mean_tokens": true }),
    )?;
    write_json(
        &dir.join("sentence_bert_config.json"),
        &json!({ "max_seq_length": 32, "do_lower_case": false }),
    )
}

/// Writes a plain folder: `config.json`, `model.safetensors`, `vocab.txt`.
///
/// # Errors
/// Where a file cannot be written.
pub fn write_parts(dir: &Path, config: &Value, weights: &BTreeMap<String, Tensor>) -> Result<()> {
    fs::create_dir_all(dir).map_err(ModelError::io("create the folder", dir))?;
    write_json(&dir.join("config.json"), config)?;
    let path = dir.join("model.safetensors");
    safetensors::serialize_to_file(weights, None, &path)
        .map_err(|error| ModelError::io("write the weights", &path)(std::io::Error::other(error.to_string())))?;
    let words: Vec<&str> = SPECIAL.iter().chain(&WORDS).copied().collect();
    write(&dir.join("vocab.txt"), &words.join("\n"))
}

/// Writes `value` as a JSON file.
///
/// # Errors
/// Where it cannot be written.
pub fn write_json(path: &Path, value: &Value) -> Result<()> {
    write(path, &value.to_string())
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).map_err(ModelError::io("write the file", path))
}

/// Its configuration.
pub fn config() -> Value {
    json!({
        "model_type": "bert", "vocab_size": SPECIAL.len() + WORDS.len(), "hidden_size": HIDDEN, "num_hidden_layers": N_LAYERS,
        "num_attention_heads": 4, "intermediate_size": INNER, "max_position_embeddings": MAX_TOKENS, "type_vocab_size": 2,
        "layer_norm_eps": 1e-12, "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.2, "hidden_act": "gelu"
    })
}

/// Its weights by their name in the checkpoint, and a pooler's that the encoder only carries along.
///
/// # Errors
/// Where memory is out.
pub fn weights(seed: u64) -> Result<BTreeMap<String, Tensor>> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut weights = BTreeMap::new();
    for (name, shape) in shapes() {
        let scale = if shape.len() == 2 { 0.3 } else { 0.1 };
        let mut data = random(&mut rng, shape.iter().product(), scale);
        if name.ends_with("LayerNorm.weight") {
            data.iter_mut().for_each(|x| *x += 1.0);
        }
        weights.insert(name, Tensor::from_vec(data, shape, &Device::Cpu)?);
    }
    Ok(weights)
}

fn shapes() -> Vec<(String, Vec<usize>)> {
    let vocab = SPECIAL.len() + WORDS.len();
    let mut shapes: Vec<(String, Vec<usize>)> = vec![
        ("embeddings.word_embeddings.weight".into(), vec![vocab, HIDDEN]),
        ("embeddings.position_embeddings.weight".into(), vec![MAX_TOKENS, HIDDEN]),
        ("embeddings.token_type_embeddings.weight".into(), vec![2, HIDDEN]),
        ("embeddings.LayerNorm.weight".into(), vec![HIDDEN]),
        ("embeddings.LayerNorm.bias".into(), vec![HIDDEN]),
        ("pooler.dense.weight".into(), vec![HIDDEN, HIDDEN]),
    ];
    for layer in 0..N_LAYERS {
        for (part, n_in, n_out) in [
            ("attention.self.query", HIDDEN, HIDDEN),
            ("attention.self.key", HIDDEN, HIDDEN),
            ("attention.self.value", HIDDEN, HIDDEN),
            ("attention.output.dense", HIDDEN, HIDDEN),
            ("intermediate.dense", HIDDEN, INNER),
            ("output.dense", INNER, HIDDEN),
        ] {
            shapes.push((format!("encoder.layer.{layer}.{part}.weight"), vec![n_out, n_in]));
            shapes.push((format!("encoder.layer.{layer}.{part}.bias"), vec![n_out]));
        }
        for norm in ["attention.output.LayerNorm", "output.LayerNorm"] {
            shapes.push((format!("encoder.layer.{layer}.{norm}.weight"), vec![HIDDEN]));
            shapes.push((format!("encoder.layer.{layer}.{norm}.bias"), vec![HIDDEN]));
        }
    }
    shapes
}

/// `n` numbers between −`scale` and `scale`.
pub fn random(rng: &mut ChaCha8Rng, n: usize, scale: f32) -> Vec<f32> {
    (0..n)
        .map(|_| ((rng.next_u32() >> 8) as f32 / (1 << 23) as f32 - 1.0) * scale)
        .collect()
}
