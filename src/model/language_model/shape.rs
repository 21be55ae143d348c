//! What a GGUF file says about the decoder in it, checked: sizes, rotation, windows, per architecture.

use super::metadata::Metadata;
use crate::model::error::{ModelError, Result};

/// The architectures a decoder is built for, as `general.architecture` names them.
pub const ARCHITECTURES: [&str; 5] = ["llama", "qwen2", "qwen3", "phi3", "gemma3"];

const MAX_LAYERS: usize = 512;
const MAX_WIDTH: usize = 1 << 17;
const MAX_HEADS: usize = 1024;
const MAX_HEAD_DIM: usize = 1024;
const MAX_CONTEXT: usize = 1 << 24;

/// Of Gemma 3: the base of the rotation in layers with a window, and which layers have none.
const GEMMA_LOCAL_BASE: f64 = 10_000.0;
const GEMMA_PATTERN: usize = 6;
/// Gemma 3 with 27 billion parameters, known by its layers, scales attention by its width and not by that of its heads.
const GEMMA_27B_LAYERS: usize = 62;

/// Which numbers of a head turn together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pairing {
    /// Neighbours: llama's rows come in this order in GGUF files.
    Neighbours,
    /// One of the first half and one of the second.
    Halves,
}

/// How a layer turns queries and keys by their position.
#[derive(Debug, Clone, PartialEq)]
pub struct Rotation {
    /// Of the wave lengths.
    pub base: f64,
    /// What positions are divided by.
    pub factor: f64,
    /// What turned numbers are multiplied with.
    pub scale: f64,
    /// Whether the file's own factors of each frequency count.
    pub own_factors: bool,
}

/// The non-linearity between gate and product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// x · sigmoid(x).
    Silu,
    /// The Gaussian error unit by its approximation with tanh.
    Gelu,
}

/// A decoder's sizes and kinds.
#[derive(Debug, Clone, PartialEq)]
pub struct Shape {
    /// One of [`ARCHITECTURES`].
    pub architecture: &'static str,
    /// Layers.
    pub n_layers: usize,
    /// Width of a token between layers.
    pub width: usize,
    /// Width within a layer's feed-forward part.
    pub inner: usize,
    /// Heads of queries.
    pub n_heads: usize,
    /// Heads of keys and values; divides `n_heads`.
    pub n_kv_heads: usize,
    /// Width of a head.
    pub head_dim: usize,
    /// How many numbers of a head turn; even.
    pub rotary_dim: usize,
    /// The most tokens that are read at a time.
    pub context: usize,
    /// Added to the mean of squares.
    pub epsilon: f64,
    /// Products of queries and keys are multiplied with this.
    pub attention_scale: f64,
    /// Embeddings are multiplied with this.
    pub embedding_scale: f64,
    /// Logits are squeezed to this by tanh.
    pub soft_cap: Option<f64>,
    /// Which numbers turn together.
    pub pairing: Pairing,
    /// How gates open.
    pub gate: Gate,
    /// Of layers that see everything.
    pub rotation: Rotation,
    /// Of layers with a window.
    pub local_rotation: Rotation,
    /// Keys a query sees at most, itself counted, in layers with a window.
    pub window: Option<usize>,
    /// For each layer, whether it has the window.
    pub is_local: Vec<bool>,
}

impl Shape {
    /// Reads and checks it.
    ///
    /// # Errors
    /// An architecture that is not known, which names those that are; metadata that is missing or impossible.
    pub fn read(metadata: &Metadata) -> Result<Shape> {
        let named = metadata.text("general.architecture")?;
        let known = ARCHITECTURES.iter().find(|known| **known == named);
        let Some(&architecture) = known else {
            return Err(ModelError::Unsupported {
                what: format!("a GGUF file of the architecture {}", named.escape_debug()),
                supported: format!("language models of the architectures {} are", ARCHITECTURES.join(", ")),
                path: metadata.path().to_path_buf(),
            });
        };
        let keys = Keys { metadata, architecture };
        keys.refuse_experts()?;
        keys.refuse_encoders()?;
        let sizes = keys.sizes()?;
        let rotation = keys.rotation()?;
        let window = keys.find_size("attention.sliding_window", MAX_CONTEXT)?;
        let local_rotation = match architecture {
            "gemma3" => Rotation {
                base: keys.positive_or("rope.freq_base_swa", GEMMA_LOCAL_BASE)?,
                factor: 1.0,
                scale: 1.0,
                own_factors: false,
            },
            _ => rotation.clone(),
        };
        Ok(Shape {
            architecture,
            context: keys.context()?,
            epsilon: keys.positive_or("attention.layer_norm_rms_epsilon", 1e-6)?,
            attention_scale: keys.attention_scale(&sizes)?,
            embedding_scale: if architecture == "gemma3" {
                (sizes.width as f64).sqrt()
            } else {
                1.0
            },
            soft_cap: keys.soft_cap()?,
            pairing: if architecture == "llama" {
                Pairing::Neighbours
            } else {
                Pairing::Halves
            },
            gate: if architecture == "gemma3" {
                Gate::Gelu
            } else {
                Gate::Silu
            },
            rotation,
            local_rotation,
            is_local: keys.local_layers(sizes.n_layers, window.is_some())?,
            window,
            n_layers: sizes.n_layers,
            width: sizes.width,
            inner: sizes.inner,
            n_heads: sizes.n_heads,
            n_kv_heads: sizes.n_kv_heads,
            head_dim: sizes.head_dim,
            rotary_dim: sizes.rotary_dim,
        })
    }
}

struct Sizes {
    n_layers: usize,
    width: usize,
    inner: usize,
    n_heads: usize,
    n_kv_heads: usize,
    head_dim: usize,
    rotary_dim: usize,
}

/// Metadata under the architecture's name.
struct Keys<'a> {
    metadata: &'a Metadata,
    architecture: &'static str,
}

impl Keys<'_> {
    fn key(&self, key: &str) -> String {
        format!("{}.{key}", self.architecture)
    }

    fn find_size(&self, key: &str, most: usize) -> Result<Option<usize>> {
        self.metadata.find_size(&self.key(key), most)
    }

    fn size(&self, key: &str, most: usize) -> Result<usize> {
        self.metadata.size(&self.key(key), most)
    }

    fn positive_or(&self, key: &str, otherwise: f64) -> Result<f64> {
        self.metadata.positive_or(&self.key(key), otherwise)
    }

    fn wrong(&self, reason: impl Into<String>) -> ModelError {
        ModelError::config(self.metadata.path(), reason)
    }

    fn refuse_experts(&self) -> Result<()> {
        match self.metadata.number_or(&self.key("expert_count"), 0)? {
            0 => Ok(()),
            n => Err(ModelError::Unsupported {
                what: format!("a mixture of {n} experts"),
                supported: "dense language models are".into(),
                path: self.metadata.path().to_path_buf(),
            }),
        }
    }

    /// Encoders share the names of decoders' architectures: Qwen3-Embedding is a qwen3.
    fn refuse_encoders(&self) -> Result<()> {
        let is_pooled = self.metadata.number_or(&self.key("pooling_type"), 0)? != 0;
        let is_causal = self.metadata.find_flag(&self.key("attention.causal"))?.unwrap_or(true);
        if !is_pooled && is_causal {
            return Ok(());
        }
        Err(ModelError::Unsupported {
            what: "an embedding model in a GGUF file".into(),
            supported: format!(
                "language models, which go on with a text, are, of the architectures {}",
                ARCHITECTURES.join(", ")
            ),
            path: self.metadata.path().to_path_buf(),
        })
    }

    fn sizes(&self) -> Result<Sizes> {
        let width = self.size("embedding_length", MAX_WIDTH)?;
        let n_heads = self.size("attention.head_count", MAX_HEADS)?;
        let n_kv_heads = self.find_size("attention.head_count_kv", MAX_HEADS)?.unwrap_or(n_heads);
        let head_dim = match self.find_size("attention.key_length", MAX_HEAD_DIM)? {
            Some(head_dim) => head_dim,
            None if width.is_multiple_of(n_heads) && width / n_heads <= MAX_HEAD_DIM => width / n_heads,
            None => return Err(self.wrong(format!("{n_heads} heads do not divide a width of {width}"))),
        };
        if !n_heads.is_multiple_of(n_kv_heads) {
            return Err(self.wrong(format!("{n_heads} heads of queries cannot share {n_kv_heads} of keys")));
        }
        let value_dim = self
            .find_size("attention.value_length", MAX_HEAD_DIM)?
            .unwrap_or(head_dim);
        if value_dim != head_dim {
            return Err(self.wrong(format!("values have {value_dim} numbers a head, keys {head_dim}")));
        }
        let rotary_dim = self
            .find_size("rope.dimension_count", MAX_HEAD_DIM)?
            .unwrap_or(head_dim);
        if rotary_dim > head_dim || !rotary_dim.is_multiple_of(2) {
            return Err(self.wrong(format!(
                "{rotary_dim} of {head_dim} numbers a head cannot be turned in pairs"
            )));
        }
        Ok(Sizes {
            n_layers: self.size("block_count", MAX_LAYERS)?,
            width,
            inner: self.size("feed_forward_length", MAX_WIDTH * 4)?,
            n_heads,
            n_kv_heads,
            head_dim,
            rotary_dim,
        })
    }

    /// The scaling of the rotation, if any. Phi's files do not name its kind, but have a factor and two kinds of factors of frequencies.
    fn rotation(&self) -> Result<Rotation> {
        let factor = match self.metadata.find_text(&self.key("rope.scaling.type"))? {
            None | Some("none" | "longrope") => 1.0,
            Some("linear") => self.positive_or("rope.scaling.factor", 1.0)?,
            Some(other) => {
                return Err(ModelError::Unsupported {
                    what: format!("a scaling of positions of the kind {}", other.escape_debug()),
                    supported: "none, linear, longrope and factors in rope_freqs.weight are".into(),
                    path: self.metadata.path().to_path_buf(),
                });
            }
        };
        Ok(Rotation {
            base: self.positive_or("rope.freq_base", 10_000.0)?,
            factor,
            scale: self.positive_or("rope.scaling.attn_factor", 1.0)?,
            own_factors: true,
        })
    }

    /// Of phi3 no more than it was trained with at first: beyond, it would turn by its other factors.
    fn context(&self) -> Result<usize> {
        let whole = self.size("context_length", MAX_CONTEXT)?;
        let original = self.find_size("rope.scaling.original_context_length", MAX_CONTEXT)?;
        let is_phi = self.architecture == "phi3";
        Ok(original
            .filter(|_| is_phi)
            .map_or(whole, |original| original.min(whole)))
    }

    fn attention_scale(&self, sizes: &Sizes) -> Result<f64> {
        let of = if self.architecture == "gemma3" && sizes.n_layers == GEMMA_27B_LAYERS {
            sizes.width as f64 / sizes.n_heads as f64
        } else {
            sizes.head_dim as f64
        };
        self.positive_or("attention.scale", 1.0 / of.sqrt())
    }

    fn soft_cap(&self) -> Result<Option<f64>> {
        let cap = self.metadata.find_float(&self.key("final_logit_softcapping"))?;
        Ok(cap.filter(|cap| *cap > 0.0))
    }

    /// Which layers have the window: all of them, or of Gemma all but every sixth, unless the file says otherwise.
    fn local_layers(&self, n_layers: usize, has_window: bool) -> Result<Vec<bool>> {
        if !has_window {
            return Ok(vec![false; n_layers]);
        }
        let key = self.key("attention.sliding_window_pattern");
        if self.metadata.is_list(&key) {
            let flags = self.metadata.find_numbers(&key)?.unwrap_or_default();
            if flags.len() != n_layers {
                return Err(self.wrong(format!("{key} has {} entries for {n_layers} layers", flags.len())));
            }
            return Ok(flags.iter().map(|flag| *flag != 0.0).collect());
        }
        let usual = if self.architecture == "gemma3" {
            GEMMA_PATTERN
        } else {
            0
        };
        let pattern = self.metadata.find_size(&key, MAX_LAYERS)?.unwrap_or(usual);
        // A pattern of 6: five layers with the window, one without.
        let is_local = |layer: usize| pattern == 0 || !(layer + 1).is_multiple_of(pattern);
        Ok((0..n_layers).map(is_local).collect())
    }
}
