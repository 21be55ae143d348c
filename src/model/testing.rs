//! Tiny encoders for tests, here and in rooms that train them: two layers of 32 columns with random weights, written as a real folder.

use super::encoder::Encoder;
use candle_core::{Device, Tensor};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// Words the tiny tokenizer knows, besides its special tokens.
pub const WORDS: [&str; 24] = [
    "the", "a", "cat", "dog", "bird", "runs", "sleeps", "eats", "red", "blue", "green", "good", "bad", "price",
    "market", "goal", "match", "team", "code", "chip", "rain", "sun", "##s", "##ing",
];
const SPECIAL: [&str; 5] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];

/// `n` numbers between −`scale` and `scale`.
pub fn random(rng: &mut ChaCha8Rng, n: usize, scale: f32) -> Vec<f32> {
    (0..n)
        .map(|_| ((rng.next_u32() >> 8) as f32 / (1 << 23) as f32 - 1.0) * scale)
        .collect()
}

/// The configuration of the tiny model.
pub fn config() -> Value {
    json!({
        "model_type": "bert", "vocab_size": SPECIAL.len() + WORDS.len(), "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48,
        "max_position_embeddings": 40, "type_vocab_size": 2, "layer_norm_eps": 1e-12, "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.2, "hidden_act": "gelu"
    })
}

/// The weights of the tiny model.
pub fn weights(seed: u64) -> BTreeMap<String, Tensor> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (hidden, inner, vocab) = (32, 48, SPECIAL.len() + WORDS.len());
    let mut shapes: Vec<(String, Vec<usize>)> = vec![
        ("embeddings.word_embeddings.weight".into(), vec![vocab, hidden]),
        ("embeddings.position_embeddings.weight".into(), vec![40, hidden]),
        ("embeddings.token_type_embeddings.weight".into(), vec![2, hidden]),
        ("embeddings.LayerNorm.weight".into(), vec![hidden]),
        ("embeddings.LayerNorm.bias".into(), vec![hidden]),
        ("pooler.dense.weight".into(), vec![hidden, hidden]),
    ];
    for layer in 0..2 {
        for (part, n_in, n_out) in [
            ("attention.self.query", hidden, hidden),
            ("attention.self.key", hidden, hidden),
            ("attention.self.value", hidden, hidden),
            ("attention.output.dense", hidden, hidden),
            ("intermediate.dense", hidden, inner),
            ("output.dense", inner, hidden),
        ] {
            shapes.push((format!("encoder.layer.{layer}.{part}.weight"), vec![n_out, n_in]));
            shapes.push((format!("encoder.layer.{layer}.{part}.bias"), vec![n_out]));
        }
        for norm in ["attention.output.LayerNorm", "output.LayerNorm"] {
            shapes.push((format!("encoder.layer.{layer}.{norm}.weight"), vec![hidden]));
            shapes.push((format!("encoder.layer.{layer}.{norm}.bias"), vec![hidden]));
        }
    }
    shapes
        .into_iter()
        .map(|(name, shape)| {
            let mut data = random(
                &mut rng,
                shape.iter().product(),
                if shape.len() == 2 { 0.3 } else { 0.1 },
            );
            if name.ends_with("LayerNorm.weight") {
                data.iter_mut().for_each(|x| *x += 1.0);
            }
            (name, Tensor::from_vec(data, shape, &Device::Cpu).unwrap())
        })
        .collect()
}

/// Writes a sentence-transformers folder with the tiny model: mean pooling, normalised.
pub fn write_folder(dir: &Path, seed: u64) {
    write_parts(dir, &config(), &weights(seed));
    let module = |i: usize, path: &str, kind: &str| json!({ "idx": i, "name": i.to_string(), "path": path, "type": format!("sentence_transformers.models.{kind}") });
    write_json(
        &dir.join("modules.json"),
        &json!([
            module(0, "", "Transformer"),
            module(1, "1_Pooling", "Pooling"),
            module(2, "2_Normalize", "Normalize")
        ]),
    );
    std::fs::create_dir_all(dir.join("1_Pooling")).unwrap();
    write_json(
        &dir.join("1_Pooling/config.json"),
        &json!({ "word_embedding_dimension": 32, "pooling_mode_mean_tokens": true }),
    );
    write_json(
        &dir.join("sentence_bert_config.json"),
        &json!({ "max_seq_length": 32, "do_lower_case": false }),
    );
}

/// Writes a plain folder: `config.json`, `model.safetensors`, `vocab.txt`.
pub fn write_parts(dir: &Path, config: &Value, weights: &BTreeMap<String, Tensor>) {
    std::fs::create_dir_all(dir).unwrap();
    write_json(&dir.join("config.json"), config);
    safetensors::serialize_to_file(weights, None, &dir.join("model.safetensors")).unwrap();
    let vocab: Vec<&str> = SPECIAL.iter().chain(&WORDS).copied().collect();
    std::fs::write(dir.join("vocab.txt"), vocab.join("\n")).unwrap();
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
    std::fs::write(path, value.to_string()).unwrap();
}

/// A tiny encoder on the CPU; its folder is gone again.
pub fn tiny_encoder(seed: u64) -> Encoder {
    let dir = tempfile::tempdir().unwrap();
    write_folder(dir.path(), seed);
    Encoder::load(dir.path(), &Device::Cpu).unwrap().with_name("tiny")
}
