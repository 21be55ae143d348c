//! A BERT with random weights and two dozen words, made in code: a tiny one for checking a device and for tests, and one of a usual size
//! for timing. It knows nothing.

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

/// The sizes of such a BERT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Columns of a token's state.
    pub hidden: usize,
    /// Columns between the two linear layers after attention.
    pub inner: usize,
    /// Layers.
    pub n_layers: usize,
    /// Heads, which share the columns.
    pub n_heads: usize,
    /// Token ids are below this; those beyond the tokenizer's words come up only where somebody writes them.
    pub vocab_size: usize,
    /// Rows of the position table.
    pub n_positions: usize,
    /// The longest text, in tokens.
    pub max_tokens: usize,
}

impl Size {
    /// Loads and trains in no time.
    pub const TINY: Size = Size {
        hidden: 32,
        inner: 48,
        n_layers: 2,
        n_heads: 4,
        vocab_size: SPECIAL.len() + WORDS.len(),
        n_positions: 40,
        max_tokens: 32,
    };

    /// As large as all-MiniLM-L6-v2.
    pub const MINI_LM: Size = Size {
        hidden: 384,
        inner: 1536,
        n_layers: 6,
        n_heads: 12,
        vocab_size: 30_522,
        n_positions: 512,
        max_tokens: 256,
    };

    /// The encoder on `device`; its weights follow from `seed`.
    ///
    /// # Errors
    /// Where no temporary folder can be written, and whatever loading reports.
    pub fn encoder(self, seed: u64, device: &Device) -> Result<Encoder> {
        let temporary = std::env::temp_dir();
        let folder = tempfile::tempdir().map_err(ModelError::io("make a folder", &temporary))?;
        self.write_folder(folder.path(), seed)?;
        Ok(Encoder::load(folder.path(), device)?.with_name("random"))
    }

    /// Writes it as a sentence-transformers folder: mean pooling, normalised.
    ///
    /// # Errors
    /// Where a file cannot be written.
    pub fn write_folder(self, dir: &Path, seed: u64) -> Result<()> {
        write_parts(dir, &self.config(), &self.weights(seed)?)?;
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
            &json!({ "word_embedding_dimension": self.hidden, "pooling_mode_mean_tokens": true }),
        )?;
        write_json(
            &dir.join("sentence_bert_config.json"),
            &json!({ "max_seq_length": self.max_tokens, "do_lower_case": false }),
        )
    }

    /// Its configuration.
    pub fn config(self) -> Value {
        json!({
            "model_type": "bert", "vocab_size": self.vocab_size, "hidden_size": self.hidden, "num_hidden_layers": self.n_layers,
            "num_attention_heads": self.n_heads, "intermediate_size": self.inner, "max_position_embeddings": self.n_positions, "type_vocab_size": 2,
            "layer_norm_eps": 1e-12, "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.2, "hidden_act": "gelu"
        })
    }

    /// Its weights by their name in the checkpoint, and a pooler's that the encoder only carries along.
    ///
    /// # Errors
    /// Where memory is out.
    pub fn weights(self, seed: u64) -> Result<BTreeMap<String, Tensor>> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut weights = BTreeMap::new();
        // So that sums over wider rows come out no larger.
        let scale_of_matrices = 0.3 * (32.0 / self.hidden as f32).sqrt();
        for (name, shape) in self.shapes() {
            let scale = if shape.len() == 2 { scale_of_matrices } else { 0.1 };
            let mut data = random(&mut rng, shape.iter().product(), scale);
            if name.ends_with("LayerNorm.weight") {
                data.iter_mut().for_each(|x| *x += 1.0);
            }
            weights.insert(name, Tensor::from_vec(data, shape, &Device::Cpu)?);
        }
        Ok(weights)
    }

    fn shapes(self) -> Vec<(String, Vec<usize>)> {
        let Size { hidden, inner, .. } = self;
        let mut shapes: Vec<(String, Vec<usize>)> = vec![
            (
                "embeddings.word_embeddings.weight".into(),
                vec![self.vocab_size, hidden],
            ),
            (
                "embeddings.position_embeddings.weight".into(),
                vec![self.n_positions, hidden],
            ),
            ("embeddings.token_type_embeddings.weight".into(), vec![2, hidden]),
            ("embeddings.LayerNorm.weight".into(), vec![hidden]),
            ("embeddings.LayerNorm.bias".into(), vec![hidden]),
            ("pooler.dense.weight".into(), vec![hidden, hidden]),
        ];
        for layer in 0..self.n_layers {
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
    }
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

/// `n` numbers between −`scale` and `scale`.
pub fn random(rng: &mut ChaCha8Rng, n: usize, scale: f32) -> Vec<f32> {
    (0..n)
        .map(|_| ((rng.next_u32() >> 8) as f32 / (1 << 23) as f32 - 1.0) * scale)
        .collect()
}
