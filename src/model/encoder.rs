//! An encoder: tokenizer, transformer, pooling and normalisation, as one folder describes them.

use super::architecture::{self, Architecture, Sizes};
use super::batch::{Packed, Tokens};
use super::error::{ModelError, Result};
use super::ops::Ops;
use super::ops::dropout::Dropout;
use super::ops::plain::Plain;
use super::ops::tape::Tape;
use super::parameters::{Gradients, Parameters};
use super::pooling::Pooling;
use super::sentence_transformer::{Layout, read_bounded, read_json};
use super::tokenize::TextTokenizer;
use candle_core::backprop::GradStore;
use candle_core::{CpuStorage, CustomOp1, DType, Device, Shape, Tensor, Var};
use memmap2::Mmap;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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
    device: Device,
    architecture: Box<dyn Architecture>,
    parameters: Arc<Parameters>,
    pub(super) pooling: Pooling,
    pub(super) normalize: bool,
    pub(super) lower_case: bool,
    pub(super) tokenizer: TextTokenizer,
    pub(super) config: Value,
    pub(super) kept_files: BTreeMap<String, Vec<u8>>,
    anchor: Var,
    gradients: Arc<Mutex<Gradients>>,
}

impl Encoder {
    /// Reads a sentence-transformers or Hugging Face folder. Weights come from `model.safetensors` only; a pickle is never opened.
    /// Missing, cut-off or unfitting files are errors that name the file and the tensor.
    pub fn load(dir: &Path, device: &Device) -> Result<Encoder> {
        let layout = Layout::read(dir)?;
        let folder = layout.transformer.as_path();
        let config_path = folder.join("config.json");
        let config = read_json(&config_path)?.ok_or(ModelError::Missing {
            file: "config.json",
            path: folder.to_path_buf(),
        })?;
        let weights_path = folder.join("model.safetensors");
        let weights = map_weights(folder, &weights_path)?;
        let (architecture, parameters) = architecture::load(&config, &config_path, &weights, &weights_path, device)?;

        let max_tokens = max_tokens(&layout, architecture.sizes())?;
        let model_type = config.get("model_type").and_then(Value::as_str).unwrap_or_default();
        let tokenizer = TextTokenizer::load(folder, model_type, max_tokens, layout.lower_case)?;
        let mut kept_files = BTreeMap::new();
        for name in KEPT_FILES {
            if let Some(bytes) = read_bounded(&folder.join(name), MAX_KEPT_BYTES)? {
                kept_files.insert(name.to_string(), bytes);
            }
        }
        let gradients = Arc::new(Mutex::new(Gradients::none(&parameters)));
        Ok(Encoder {
            name: dir
                .file_name()
                .map_or_else(|| "encoder".into(), |name| name.to_string_lossy().into_owned()),
            device: device.clone(),
            architecture,
            parameters: Arc::new(parameters),
            pooling: layout.pooling,
            normalize: layout.normalize,
            lower_case: layout.lower_case,
            tokenizer,
            config,
            kept_files,
            anchor: Var::zeros(1, DType::F32, device)?,
            gradients,
        })
    }

    /// The same encoder under another name, for models that do not live in a folder named after them.
    pub fn with_name(mut self, name: impl Into<String>) -> Encoder {
        self.name = name.into();
        self
    }

    /// What the encoder is called: its folder's name, unless told otherwise.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The number of columns of an embedding.
    pub fn dim(&self) -> usize {
        self.architecture.sizes().dim
    }

    /// The longest text in tokens, special tokens included; longer ones are cut.
    pub fn max_tokens(&self) -> usize {
        self.tokenizer.max_tokens()
    }

    /// Where the weights are.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Every trainable parameter by its name in the checkpoint, sorted by name.
    pub fn vars(&self) -> Vec<(String, Var)> {
        self.parameters.vars()
    }

    pub(super) fn parameters(&self) -> &Arc<Parameters> {
        &self.parameters
    }

    /// The tokens of every text, in order; runs on the current rayon pool. Empty texts are fine: they have special tokens only.
    pub fn tokenize(&self, texts: &[&str]) -> Result<Vec<Tokens>> {
        self.tokenizer.tokenize(texts)
    }

    /// One row per text, `(n_texts, dim)` f32: pooled, and normalised if the folder says so. Differentiable: see [`Encoder::backward`].
    ///
    /// With `dropout` the probabilities of the model's configuration apply, and the stream moves on by one step. Memory grows with the
    /// number of tokens in the batch: about 60 kB per token for a model of 6 layers and 384 columns.
    pub fn forward(&self, batch: &[&Tokens], dropout: Option<&mut Dropout>) -> Result<Tensor> {
        let packed = self.pack(batch)?;
        if !self.device.is_cpu() {
            return self.forward_plain(&packed, dropout, false);
        }
        let mut tape = Tape::recorded(self.parameters.clone(), &packed.starts, dropout);
        let states = self.architecture.encode_fused(&mut tape, &packed)?;
        let rows = self.finish(&mut tape, &packed, &states)?;
        let shape = (packed.n_texts(), self.dim());
        let pass = Pass {
            rows: Mutex::new(Some(rows.data().to_vec())),
            shape: shape.into(),
            tape: Mutex::new(Some(tape)),
            gradients: self.gradients.clone(),
        };
        Ok(self.anchor.as_tensor().apply_op1(pass)?)
    }

    /// The gradients of a loss made from [`Encoder::forward`]: a [`GradStore`] with an entry for every parameter of the encoder that
    /// the loss depends on, and for every other variable in the loss.
    ///
    /// Use this and not `loss.backward()`: the forward pass is one node of candle's graph, and `loss.backward()` alone does not know the
    /// encoder's parameters. Gradients of several forward passes in one loss add up. A pass can be gone back through once.
    pub fn backward(&self, loss: &Tensor) -> Result<GradStore> {
        *lock(&self.gradients) = Gradients::none(&self.parameters);
        let mut store = loss.backward()?;
        for (var, grad) in lock(&self.gradients).take(&self.parameters)? {
            store.insert(var.as_tensor(), grad);
        }
        Ok(store)
    }

    /// [`Encoder::forward`] without a graph: row-major numbers.
    pub(super) fn infer(&self, batch: &[&Tokens]) -> Result<Vec<f32>> {
        let packed = self.pack(batch)?;
        if !self.device.is_cpu() {
            return Ok(self.forward_plain(&packed, None, true)?.flatten_all()?.to_vec1()?);
        }
        let mut tape = Tape::forgetful(self.parameters.clone(), &packed.starts);
        let states = self.architecture.encode_fused(&mut tape, &packed)?;
        Ok(self.finish(&mut tape, &packed, &states)?.data().to_vec())
    }

    /// The forward pass in candle's own operations, on any device.
    pub(super) fn forward_plain(
        &self,
        packed: &Packed,
        dropout: Option<&mut Dropout>,
        detached: bool,
    ) -> Result<Tensor> {
        let mut ops = Plain::new(self.parameters.clone(), &packed.starts, dropout, detached, &self.device);
        let states = self.architecture.encode_plain(&mut ops, packed)?;
        self.finish(&mut ops, packed, &states)
    }

    pub(super) fn pack(&self, batch: &[&Tokens]) -> Result<Packed> {
        if batch.is_empty() {
            return Err(ModelError::Input("there is no text to encode".into()));
        }
        Packed::new(batch, self.architecture.sizes().vocab_size, self.max_tokens())
    }

    fn finish<O: Ops>(&self, ops: &mut O, packed: &Packed, states: &O::Value) -> Result<O::Value> {
        let pooled = ops.pool(states, &self.pooling.weights(&packed.starts))?;
        if self.normalize {
            ops.normalize(&pooled)
        } else {
            Ok(pooled)
        }
    }
}

/// The weights file, mapped. Only for the time of loading, which copies every tensor out.
fn map_weights(folder: &Path, path: &Path) -> Result<Mmap> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(no_weights(folder)),
        Err(error) => return Err(ModelError::io("read the weights", path)(error)),
    };
    // SAFETY: the map is read-only and short-lived; a program that cut the file short meanwhile would end ours, and corrupt no memory.
    unsafe { Mmap::map(&file) }.map_err(ModelError::io("read the weights", path))
}

fn no_weights(folder: &Path) -> ModelError {
    for pickle in ["pytorch_model.bin", "model.pt", "model.pth", "model.ckpt"] {
        if folder.join(pickle).exists() {
            return ModelError::PickleOnly {
                file: pickle.into(),
                path: folder.to_path_buf(),
            };
        }
    }
    if folder.join("model.safetensors.index.json").exists() {
        return ModelError::Unsupported {
            what: "a model in several weight files".into(),
            supported: "one model.safetensors is".into(),
            path: folder.to_path_buf(),
        };
    }
    ModelError::Missing {
        file: "model.safetensors",
        path: folder.to_path_buf(),
    }
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

/// One forward pass as a node of candle's graph. Its input is a variable that stands for all parameters.
struct Pass {
    rows: Mutex<Option<Vec<f32>>>,
    shape: Shape,
    tape: Mutex<Option<Tape>>,
    gradients: Arc<Mutex<Gradients>>,
}

impl CustomOp1 for Pass {
    fn name(&self) -> &'static str {
        "encoder"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &candle_core::Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        let rows = lock(&self.rows)
            .take()
            .ok_or_else(|| candle_core::Error::Msg("an encoder pass is applied once".into()))?;
        Ok((CpuStorage::F32(rows), self.shape.clone()))
    }

    fn bwd(&self, _: &Tensor, _: &Tensor, grad: &Tensor) -> candle_core::Result<Option<Tensor>> {
        let tape = lock(&self.tape).take().ok_or_else(|| {
            candle_core::Error::Msg("this forward pass was gone back through before; run it again".into())
        })?;
        let grad = grad.flatten_all()?.to_vec1()?;
        tape.backward(grad, &mut lock(&self.gradients))
            .map_err(candle_core::Error::wrap)?;
        Ok(None)
    }
}

/// What a lock protects here stays valid when a thread panics: it is replaced as a whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
