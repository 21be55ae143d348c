//! The tensors of a GGUF file by the names llama.cpp gives them, with their shapes checked; what is left over is an error, since a part of
//! the model that is not computed makes every answer wrong without a sign.

use std::cell::RefCell;
use std::collections::BTreeSet;

use candle_core::quantized::QMatMul;
use candle_core::{Device, Module, Tensor};

use super::gguf::Gguf;
use crate::model::error::{ModelError, Result};

/// Tables that older converters wrote and nothing reads.
const UNUSED_ENDINGS: [&str; 2] = ["attn_rot_embd", "attention.rotary_emb.inv_freq"];

/// A file's tensors, and which of them were asked for.
pub struct Tensors<'a> {
    gguf: &'a Gguf,
    device: &'a Device,
    used: RefCell<BTreeSet<String>>,
}

/// A matrix, and what is added to its product.
pub struct Linear {
    weight: QMatMul,
    bias: Option<Tensor>,
}

impl Linear {
    /// `(n, columns)` to `(n, rows)`.
    pub fn forward(&self, rows: &Tensor) -> candle_core::Result<Tensor> {
        let product = self.weight.forward(rows)?;
        match &self.bias {
            Some(bias) => product.broadcast_add(bias),
            None => Ok(product),
        }
    }
}

impl<'a> Tensors<'a> {
    /// Of a file, for a device.
    pub fn new(gguf: &'a Gguf, device: &'a Device) -> Tensors<'a> {
        Tensors {
            gguf,
            device,
            used: RefCell::default(),
        }
    }

    /// Whether the file has a tensor.
    pub fn has(&self, name: &str) -> bool {
        self.gguf.shape(name).is_some()
    }

    /// How many rows a matrix has.
    pub fn n_rows(&self, name: &str) -> Option<usize> {
        self.gguf.shape(name)?.first().copied()
    }

    /// A matrix of this many rows and columns.
    pub fn matrix(&self, name: &str, rows: usize, columns: usize) -> Result<QMatMul> {
        self.check(name, &[rows, columns])?;
        Ok(QMatMul::from_arc(self.gguf.tensor(name, self.device)?)?)
    }

    /// The matrix `name.weight`, with `name.bias` where there is one.
    pub fn linear(&self, name: &str, rows: usize, columns: usize) -> Result<Linear> {
        Ok(Linear {
            weight: self.matrix(&format!("{name}.weight"), rows, columns)?,
            bias: self.find_vector(&format!("{name}.bias"), rows)?,
        })
    }

    /// `n` numbers, as f32.
    pub fn vector(&self, name: &str, n: usize) -> Result<Tensor> {
        self.check(name, &[n])?;
        Ok(self.gguf.tensor(name, self.device)?.dequantize(self.device)?)
    }

    /// `n` numbers where there are any.
    pub fn find_vector(&self, name: &str, n: usize) -> Result<Option<Tensor>> {
        self.has(name).then(|| self.vector(name, n)).transpose()
    }

    /// Marks a tensor that this program has no use for.
    pub fn pass_over(&self, name: &str) {
        self.used.borrow_mut().insert(name.to_owned());
    }

    /// An error where the file holds a tensor that nobody asked for.
    pub fn check_all_used(&self) -> Result<()> {
        let used = self.used.borrow();
        let is_left = |name: &&str| !used.contains(*name) && !UNUSED_ENDINGS.iter().any(|end| name.contains(end));
        match self.gguf.names().filter(is_left).min() {
            None => Ok(()),
            Some(name) => Err(ModelError::Tensor {
                tensor: name.chars().take(100).collect(),
                reason: "has no place in this architecture; the file is of a variant that is not supported".into(),
                path: self.gguf.path().to_path_buf(),
            }),
        }
    }

    fn check(&self, name: &str, expected: &[usize]) -> Result<()> {
        self.used.borrow_mut().insert(name.to_owned());
        let reason = match self.gguf.shape(name) {
            None => "is missing".into(),
            Some(shape) if shape == expected => return Ok(()),
            Some(shape) => format!("has the shape {shape:?}, but the metadata says {expected:?}"),
        };
        Err(ModelError::Tensor {
            tensor: name.to_owned(),
            reason,
            path: self.gguf.path().to_path_buf(),
        })
    }
}
