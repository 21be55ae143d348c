//! An encoder: tokenizer, transformer, pooling and normalisation, as one folder describes them.

use super::architecture::{self, Architecture, Loaded, Sizes, Source};
use super::batch::{Packed, Tokens};
use super::depth;
use super::error::{ModelError, Result};
use super::gradients::GradientMap;
use super::input::Input;
use super::network::{Finish, Lower, Network};
use super::ops::dropout::Dropout;
use super::parameters::{Loader, Parameters};
use super::pooling::Pooling;
use super::precision::Precision;
use super::prompts::{PROMPTS_FILE, Prompts};
use super::sentence_transformer::{Layout, read_bounded, read_json};
use super::tokenize::{PairCut, TextTokenizer};
use super::weights::WeightFiles;
use candle_core::{Device, Tensor, Var};
use rayon::prelude::*;
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Files of the source folder that are written again as they were.
const KEPT_FILES: [&str; 9] = [
    "tokenizer.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "sentencepiece.bpe.model",
    "spm.model",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
];
const MAX_KEPT_BYTES: u64 = 256 << 20;

/// Without a word from the folder a text has at most this many tokens, if the model allows it.
const DEFAULT_MAX_TOKENS: usize = 512;

/// A text encoder whose every weight can be trained.
///
/// All computing on the CPU uses the current rayon pool (`ThreadPool::install`), and gives the same bits with any number of threads.
pub struct Encoder {
    name: String,
    pub(super) network: Network,
    pub(super) pooling: Pooling,
    pub(super) prompts: Prompts,
    pub(super) include_prompt: bool,
    /// Tokens at the beginning of each text that pooling leaves out.
    n_prompt: usize,
    pub(super) normalize: bool,
    pub(super) lower_case: bool,
    pub(super) tokenizer: TextTokenizer,
    pub(super) config: Value,
    pub(super) kept_files: Arc<BTreeMap<String, Vec<u8>>>,
}

impl Encoder {
    /// Reads a sentence-transformers or Hugging Face folder; [`WeightFiles`] says which weight files. Missing, cut-off or unfitting files are errors that name the file and the tensor.
    pub fn load(dir: &Path, device: &Device) -> Result<Encoder> {
        let Opened {
            layout,
            config,
            loaded,
            tokenizer,
            ..
        } = Opened::read(dir, device, false)?;
        let folder = layout.transformer.as_path();
        let n_prompt = n_prompt_tokens(&layout, &tokenizer, dir)?;
        let mut kept_files = BTreeMap::new();
        for name in KEPT_FILES {
            if let Some(bytes) = read_bounded(&folder.join(name), MAX_KEPT_BYTES)? {
                kept_files.insert(name.to_string(), bytes);
            }
        }
        Ok(Encoder {
            name: dir
                .file_name()
                .map_or_else(|| "encoder".into(), |name| name.to_string_lossy().into_owned()),
            network: Network::new(loaded, device)?,
            pooling: layout.pooling,
            prompts: layout.prompts,
            include_prompt: layout.include_prompt,
            n_prompt,
            normalize: layout.normalize,
            lower_case: layout.lower_case,
            tokenizer,
            config,
            kept_files: Arc::new(kept_files),
        })
    }

    /// A copy with weights of its own on the same device, for a training that must not move these: as much memory again for the weights,
    /// and everything else cheap.
    ///
    /// # Errors
    /// Where memory is out.
    pub fn duplicate(&self) -> Result<Encoder> {
        Ok(Encoder {
            name: self.name.clone(),
            network: self.network.duplicate()?,
            pooling: self.pooling,
            prompts: self.prompts.clone(),
            include_prompt: self.include_prompt,
            n_prompt: self.n_prompt,
            normalize: self.normalize,
            lower_case: self.lower_case,
            tokenizer: self.tokenizer.clone(),
            config: self.config.clone(),
            kept_files: self.kept_files.clone(),
        })
    }

    /// The same encoder under another name, for models that do not live in a folder named after them.
    pub fn with_name(mut self, name: impl Into<String>) -> Encoder {
        self.name = name.into();
        self
    }

    /// The same encoder, computing with candle's operations even on the CPU, as it does on every other device: slower, for comparing.
    pub fn with_plain_operations(mut self) -> Encoder {
        self.network.use_plain_operations();
        self
    }

    /// The same encoder, rounding the factors of its products on the CPU.
    ///
    /// # Errors
    /// Where this processor has no such products.
    pub fn with_precision(mut self, precision: Precision) -> Result<Encoder> {
        self.network.use_precision(precision)?;
        Ok(self)
    }

    /// The same encoder for a classifier that learns the lengths of embeddings too: they are no longer scaled to one.
    pub fn without_normalization(mut self) -> Encoder {
        self.normalize = false;
        self
    }

    /// The same encoder, cutting texts to `max_tokens` if that is fewer than it takes.
    pub fn with_max_tokens(mut self, max_tokens: usize) -> Result<Encoder> {
        self.tokenizer.cut_to(max_tokens)?;
        Ok(self)
    }

    /// What the encoder is called: its folder's name, unless told otherwise.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The number of columns of an embedding.
    pub fn dim(&self) -> usize {
        self.network.sizes().dim
    }

    /// The longest text in tokens, special tokens included; longer ones are cut.
    pub fn max_tokens(&self) -> usize {
        self.tokenizer.max_tokens()
    }

    /// Where the weights are.
    pub fn device(&self) -> &Device {
        self.network.device()
    }

    /// Every trainable parameter by its name in the checkpoint, sorted by name.
    pub fn vars(&self) -> Vec<(String, Var)> {
        self.network.parameters().vars()
    }

    pub(super) fn parameters(&self) -> &Arc<Parameters> {
        self.network.parameters()
    }

    /// What the model wants before every text; empty for nothing. [`Encoder::tokenize`] puts it there.
    pub fn prompt(&self) -> &str {
        self.prompts.text()
    }

    /// The tokens of every text or pair of texts, the prompt before it, in order; runs on the current rayon pool. Empty texts are fine: they
    /// have the prompt and special tokens only. A pair is one input, with the separators and token types of the model's family; of one that
    /// is too long the longer text loses its end.
    pub fn tokenize<'a, T: Into<Input<'a>> + Copy + Sync>(&self, texts: &[T]) -> Result<Vec<Tokens>> {
        texts.par_iter().map(|text| self.tokens_of((*text).into())).collect()
    }

    fn tokens_of(&self, input: Input<'_>) -> Result<Tokens> {
        let text = match self.prompt() {
            "" => Cow::Borrowed(input.text),
            prompt => Cow::Owned([prompt, input.text].concat()),
        };
        match input.second {
            None => self.tokenizer.of_text(&text),
            Some(second) => self.tokenizer.of_pair(&text, second, PairCut::LongestFirst),
        }
    }

    /// One row per text, `(n_texts, dim)` f32: pooled, and normalised if the folder says so. Differentiable: see [`Encoder::backward`].
    ///
    /// With `dropout` the probabilities of the model's configuration apply, and the stream moves on by one step. Memory grows with the
    /// number of tokens in the batch: about 60 kB per token for a model of 6 layers and 384 columns.
    pub fn forward(&self, batch: &[&Tokens], dropout: Option<&mut Dropout>) -> Result<Tensor> {
        self.network.forward(&self.pack(batch)?, self.finish(), dropout, None)
    }

    /// The last layer's state of every token, `(tokens of all texts, dim)` f32, text after text. Differentiable like [`Encoder::forward`].
    pub fn states(&self, batch: &[&Tokens], dropout: Option<&mut Dropout>) -> Result<Tensor> {
        self.network.forward(&self.pack(batch)?, Finish::States, dropout, None)
    }

    /// Layers above the embeddings.
    pub fn n_layers(&self) -> usize {
        self.network.sizes().n_layers
    }

    /// The layer that a parameter belongs to, by its name in [`Encoder::vars`]: 0 for the embeddings and what all layers share, 1 for the
    /// lowest layer, and the highest also for what follows it.
    pub fn layer_of(&self, parameter: &str) -> usize {
        depth::layer_of(parameter, self.n_layers())
    }

    /// The state of every token after the lowest `n_layers` layers, of each text, `(tokens, dim)` row-major, without dropout: for
    /// [`Encoder::forward_from`] where these layers stay as they are.
    pub fn lower_states(&self, texts: &[Tokens], n_layers: usize) -> Result<Vec<Vec<f32>>> {
        let of_text = |tokens: &Tokens| {
            self.network
                .lower_states(&self.pack(&[tokens])?, n_layers.min(self.n_layers()))
        };
        texts.iter().map(of_text).collect()
    }

    /// [`Encoder::forward`] from what [`Encoder::lower_states`] gave for the texts of the batch: only the layers above `n_layers` run, and
    /// only they get gradients.
    pub fn forward_from(
        &self,
        batch: &[&Tokens],
        states: &[&[f32]],
        n_layers: usize,
        dropout: Option<&mut Dropout>,
    ) -> Result<Tensor> {
        let packed = self.pack(batch)?;
        let fits = |(tokens, states): (&&Tokens, &&[f32])| states.len() == tokens.len() * self.dim();
        if states.len() != batch.len() || n_layers > self.n_layers() || !batch.iter().zip(states).all(fits) {
            return Err(ModelError::Input(
                "the states of lower layers do not fit their texts".into(),
            ));
        }
        let lower = Lower {
            n_layers,
            of_texts: states,
        };
        self.network.forward(&packed, self.finish(), dropout, Some(lower))
    }

    /// The gradients of a loss made from [`Encoder::forward`]: a [`GradientMap`] with an entry for every parameter of the encoder that
    /// the loss depends on, and for every other variable in the loss.
    ///
    /// Use this and not `loss.backward()`: the forward pass is one node of candle's graph, and `loss.backward()` alone does not know the
    /// encoder's parameters. Gradients of several forward passes in one loss add up. A pass can be gone back through once.
    pub fn backward(&self, loss: &Tensor) -> Result<GradientMap> {
        self.network.backward(loss)
    }

    /// [`Encoder::forward`] without a graph: row-major numbers.
    pub(super) fn infer(&self, batch: &[&Tokens]) -> Result<Vec<f32>> {
        self.network.infer(&self.pack(batch)?, self.finish())
    }

    /// [`Encoder::forward`] in candle's own operations, whatever the device.
    #[cfg(test)]
    pub(super) fn forward_plain(&self, batch: &[&Tokens], dropout: Option<&mut Dropout>) -> Result<Tensor> {
        self.network
            .forward_plain(&self.pack(batch)?, self.finish(), dropout, false, None)
    }

    fn finish(&self) -> Finish {
        Finish::Pooled {
            pooling: self.pooling,
            n_prompt: self.n_prompt,
            normalize: self.normalize,
        }
    }

    fn pack(&self, batch: &[&Tokens]) -> Result<Packed> {
        Packed::new(batch, self.network.sizes().vocab_size, self.max_tokens())
    }
}

/// A folder's transformer and tokenizer, before anything is made of them.
pub(super) struct Opened {
    pub(super) layout: Layout,
    pub(super) config: Value,
    pub(super) config_path: PathBuf,
    pub(super) loaded: Loaded<Box<dyn Architecture>>,
    pub(super) tokenizer: TextTokenizer,
}

impl Opened {
    /// Reads what every model needs; with `head` also the classification head it was saved with.
    pub(super) fn read(dir: &Path, device: &Device, head: bool) -> Result<Opened> {
        let layout = Layout::read(dir)?;
        let folder = layout.transformer.as_path();
        let config_path = folder.join("config.json");
        let config = read_json(&config_path)?.ok_or(ModelError::Missing {
            file: "config.json",
            path: folder.to_path_buf(),
        })?;
        let weights = WeightFiles::open(folder)?;
        let loaded = architecture::load(Source {
            config: &config,
            config_path: &config_path,
            loader: Loader::new(&weights, device),
            head,
        })?;
        let max_tokens = max_tokens(&layout, loaded.model.sizes())?;
        let tokenizer = TextTokenizer::load(folder, model_type(&config), max_tokens, layout.lower_case)?;
        Ok(Opened {
            layout,
            config,
            config_path,
            loaded,
            tokenizer,
        })
    }
}

/// `model_type` of a configuration; nothing where it has none, which `architecture::load` refuses.
pub(super) fn model_type(config: &Value) -> &str {
    config.get("model_type").and_then(Value::as_str).unwrap_or_default()
}

fn max_tokens(layout: &Layout, sizes: Sizes) -> Result<usize> {
    let path = layout.transformer.join("tokenizer_config.json");
    let by_tokenizer = read_json(&path)?.and_then(|config| config.get("model_max_length").and_then(Value::as_f64));
    let wanted = layout.max_seq_length.unwrap_or(match by_tokenizer {
        Some(length) if (1.0..1e6).contains(&length) => length as usize,
        _ => DEFAULT_MAX_TOKENS,
    });
    let max_tokens = wanted.min(sizes.max_tokens);
    if max_tokens < 3 {
        return Err(ModelError::config(
            &layout.transformer,
            format!("texts could have only {max_tokens} tokens; 3 are the least"),
        ));
    }
    Ok(max_tokens)
}

/// How many tokens at the beginning of each text pooling leaves out. A prompt that leaves no room for a text is an error.
fn n_prompt_tokens(layout: &Layout, tokenizer: &TextTokenizer, dir: &Path) -> Result<usize> {
    let prompt = layout.prompts.text();
    if prompt.is_empty() {
        return Ok(0);
    }
    let n = tokenizer.prompt_length(prompt)?;
    if n + 2 > tokenizer.max_tokens() {
        let reason = format!(
            "the prompt before every text fills the {} tokens a text can have; a shorter one is needed",
            tokenizer.max_tokens()
        );
        return Err(ModelError::config(&dir.join(PROMPTS_FILE), reason));
    }
    Ok(if layout.include_prompt { 0 } else { n })
}
