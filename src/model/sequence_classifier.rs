//! A transformer with the classification head it was saved with, as transformers' `…ForSequenceClassification`: texts, or pairs of
//! texts, to one logit per class.
//!
//! Not here: what the classes mean for a person's labels.

use super::batch::{Packed, Tokens};
use super::encoder::Opened;
use super::error::{ModelError, Result};
use super::gradients::GradientMap;
use super::network::{Finish, Network};
use super::ops::dropout::Dropout;
use super::precision::Precision;
use super::tokenize::{PairCut, TextTokenizer};
use candle_core::{Device, Tensor, Var};
use serde_json::Value;
use std::path::Path;

/// An encoder with its classification head; every weight can be trained.
pub struct SequenceClassifier {
    network: Network,
    tokenizer: TextTokenizer,
    class_names: Vec<String>,
}

impl SequenceClassifier {
    /// Reads a Hugging Face folder. A folder without a head (an encoder) is an error that says so.
    pub fn load(dir: &Path, device: &Device) -> Result<SequenceClassifier> {
        let Opened {
            config,
            config_path,
            loaded,
            tokenizer,
            ..
        } = Opened::read(dir, device, true)?;
        let network = Network::new(loaded, device)?;
        let n_classes = network.n_classes();
        Ok(SequenceClassifier {
            class_names: class_names(&config, &config_path, n_classes)?,
            network,
            tokenizer,
        })
    }

    /// The same model, rounding the factors of its products on the CPU.
    ///
    /// # Errors
    /// Where this processor has no such products.
    pub fn with_precision(mut self, precision: Precision) -> Result<SequenceClassifier> {
        self.network.use_precision(precision)?;
        Ok(self)
    }

    /// The same model, computing with candle's operations even on the CPU, as it does on every other device: slower, for comparing.
    pub fn with_plain_operations(mut self) -> SequenceClassifier {
        self.network.use_plain_operations();
        self
    }

    /// What `id2label`, or `label2id` in its absence, calls the classes, in the order of the logits; `LABEL_0` and so on where there is no word
    /// about them.
    pub fn class_names(&self) -> &[String] {
        &self.class_names
    }

    pub(super) fn tokenizer(&self) -> &TextTokenizer {
        &self.tokenizer
    }

    /// The longest input in tokens.
    pub fn max_tokens(&self) -> usize {
        self.tokenizer.max_tokens()
    }

    /// Where the weights are.
    pub fn device(&self) -> &Device {
        self.network.device()
    }

    /// Every trainable parameter by its name, sorted; names of the head stand beside those of the encoder.
    pub fn vars(&self) -> Vec<(String, Var)> {
        self.network.parameters().vars()
    }

    /// The tokens of every text, in order.
    pub fn tokenize(&self, texts: &[&str]) -> Result<Vec<Tokens>> {
        self.tokenizer.tokenize(texts)
    }

    /// The tokens of every pair (premise, hypothesis), in order; only the first text is cut where both are too long.
    pub fn tokenize_pairs(&self, pairs: &[(&str, &str)]) -> Result<Vec<Tokens>> {
        self.tokenizer.tokenize_pairs(pairs, PairCut::OnlyFirst)
    }

    /// Logits, `(n_texts, n_classes)` f32. Differentiable: see [`SequenceClassifier::backward`].
    pub fn logits(&self, batch: &[&Tokens], dropout: Option<&mut Dropout>) -> Result<Tensor> {
        self.network.forward(&self.pack(batch)?, Finish::Logits, dropout, None)
    }

    /// [`SequenceClassifier::logits`] without a graph, row-major.
    pub fn infer(&self, batch: &[&Tokens]) -> Result<Vec<f32>> {
        self.network.infer(&self.pack(batch)?, Finish::Logits)
    }

    /// The gradients of a loss made from [`SequenceClassifier::logits`]; see [`super::Encoder::backward`].
    pub fn backward(&self, loss: &Tensor) -> Result<GradientMap> {
        self.network.backward(loss)
    }

    fn pack(&self, batch: &[&Tokens]) -> Result<Packed> {
        Packed::new(batch, self.network.sizes().vocab_size, self.max_tokens())
    }
}

fn class_names(config: &Value, path: &Path, n_classes: usize) -> Result<Vec<String>> {
    let Some(names) = config.get("id2label").and_then(Value::as_object) else {
        return Ok(by_number(config, n_classes));
    };
    (0..n_classes)
        .map(|class| {
            let name = names.get(&class.to_string()).and_then(Value::as_str);
            name.map(str::to_string).ok_or_else(|| {
                ModelError::config(
                    path,
                    format!("id2label has no name for class {class}, but the head has {n_classes} classes"),
                )
            })
        })
        .collect()
}

/// The names by the numbers `label2id` gives them.
fn by_number(config: &Value, n_classes: usize) -> Vec<String> {
    let numbers = config.get("label2id").and_then(Value::as_object);
    let name = |class: usize| {
        let mut pairs = numbers.into_iter().flatten();
        pairs.find_map(|(name, number)| (number.as_u64() == Some(class as u64)).then(|| name.clone()))
    };
    (0..n_classes)
        .map(|class| name(class).unwrap_or_else(|| format!("LABEL_{class}")))
        .collect()
}
