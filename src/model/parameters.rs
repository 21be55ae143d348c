//! The weights of a model: variables by their name in the checkpoint, and how they are read.

use super::error::{ModelError, Result};
use candle_core::{CpuStorage, DType, Device, Storage, StorageRef, Tensor, Var};
use safetensors::{Dtype, SafeTensors};
use std::collections::BTreeMap;
use std::ops::Deref;
use std::path::{Path, PathBuf};

/// One parameter of a model; only meaningful with the [`Parameters`] it came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Param(usize);

impl Param {
    /// Its place in [`Parameters::in_order`].
    pub(crate) fn index(self) -> usize {
        self.0
    }
}

struct Entry {
    name: String,
    var: Var,
}

/// The parameters of a model, trainable, and the tensors of its file that are carried along untrained (a pooler nobody uses).
pub struct Parameters {
    entries: Vec<Entry>,
    carried: BTreeMap<String, Tensor>,
}

impl Parameters {
    /// Parameters made of numbers, for tests of single operations.
    #[cfg(test)]
    pub(crate) fn of(tensors: &[(&str, Tensor)]) -> (Parameters, Vec<Param>) {
        let entries = tensors
            .iter()
            .map(|(name, tensor)| Entry {
                name: name.to_string(),
                var: Var::from_tensor(tensor).unwrap(),
            })
            .collect();
        (
            Parameters {
                entries,
                carried: BTreeMap::new(),
            },
            (0..tensors.len()).map(Param).collect(),
        )
    }

    /// All parameters by name, sorted.
    pub fn vars(&self) -> Vec<(String, Var)> {
        let sorted: BTreeMap<&str, &Var> = self
            .entries
            .iter()
            .map(|entry| (entry.name.as_str(), &entry.var))
            .collect();
        sorted
            .into_iter()
            .map(|(name, var)| (name.to_string(), var.clone()))
            .collect()
    }

    /// All parameters in the order in which they were read.
    pub(crate) fn in_order(&self) -> impl Iterator<Item = &Var> {
        self.entries.iter().map(|entry| &entry.var)
    }

    /// Everything that belongs in the weights file.
    pub(crate) fn tensors(&self) -> BTreeMap<String, Tensor> {
        let mut tensors = self.carried.clone();
        tensors.extend(
            self.entries
                .iter()
                .map(|entry| (entry.name.clone(), entry.var.as_detached_tensor())),
        );
        tensors
    }

    /// The number of parameters.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True for a model without parameters.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn var(&self, parameter: Param) -> &Var {
        &self.entries[parameter.0].var
    }

    pub(crate) fn name(&self, parameter: Param) -> &str {
        &self.entries[parameter.0].name
    }

    /// The size of the last dimension.
    pub(crate) fn width(&self, parameter: Param) -> usize {
        self.var(parameter).dims().last().copied().unwrap_or(1)
    }

    pub(crate) fn n_elements(&self, parameter: Param) -> usize {
        self.var(parameter).elem_count()
    }

    /// The numbers of a parameter on the CPU, row-major. Holds a read lock: whoever sets the variable meanwhile waits.
    pub(crate) fn read(&self, parameter: Param) -> Result<Reading<'_>> {
        let var = self.var(parameter);
        let (storage, layout) = var.storage_and_layout();
        let range = layout
            .contiguous_offsets()
            .ok_or_else(|| ModelError::Input(format!("parameter {} is not contiguous", self.name(parameter))))?;
        match &*storage {
            Storage::Cpu(CpuStorage::F32(_)) => Ok(Reading { storage, range }),
            _ => Err(ModelError::Input(format!(
                "parameter {} is not 32-bit floating point on the CPU",
                self.name(parameter)
            ))),
        }
    }
}

/// The numbers of one parameter while they are read.
pub(crate) struct Reading<'a> {
    storage: StorageRef<'a>,
    range: (usize, usize),
}

impl Deref for Reading<'_> {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match &*self.storage {
            Storage::Cpu(CpuStorage::F32(data)) => data.get(self.range.0..self.range.1).unwrap_or(&[]),
            _ => &[],
        }
    }
}

/// Reads a model's parameters out of one `model.safetensors`.
pub struct Loader<'a> {
    tensors: SafeTensors<'a>,
    path: PathBuf,
    device: Device,
    prefix: String,
    entries: Vec<Entry>,
    used: Vec<String>,
}

impl<'a> Loader<'a> {
    /// A loader over the bytes of the file at `path`. A file that is cut short or is no safetensors file is an error.
    pub fn new(bytes: &'a [u8], path: &Path, device: &Device) -> Result<Loader<'a>> {
        let tensors = SafeTensors::deserialize(bytes).map_err(|error| ModelError::Weights {
            reason: error.to_string(),
            path: path.to_path_buf(),
        })?;
        Ok(Loader {
            tensors,
            path: path.to_path_buf(),
            device: device.clone(),
            prefix: String::new(),
            entries: Vec::new(),
            used: Vec::new(),
        })
    }

    /// Names may carry `prefix` in the file, as where a whole classifier was saved: it is accepted and left out of the parameters' names.
    pub fn with_optional_prefix(mut self, prefix: &str) -> Loader<'a> {
        if self.tensors.names().iter().any(|name| name.starts_with(prefix)) {
            self.prefix = prefix.to_string();
        }
        self
    }

    /// The tensor `name`, as a trainable parameter of `shape`.
    pub fn take(&mut self, name: &str, shape: &[usize]) -> Result<Param> {
        self.take_as(name, self.name_in_file(name), shape)
    }

    /// The tensor `name` of the file whatever the prefix is: for the heads that stand beside an encoder.
    pub fn take_top(&mut self, name: &str, shape: &[usize]) -> Result<Param> {
        self.take_as(name, name.to_string(), shape)
    }

    /// The shape of the tensor `name` whatever the prefix is.
    pub fn top_shape(&self, name: &str) -> Result<Vec<usize>> {
        match self.tensors.tensor(name) {
            Ok(view) => Ok(view.shape().to_vec()),
            Err(_) => Err(self.complaint(
                name,
                "is missing: this model has no classification head; choose one that was trained to classify".into(),
            )),
        }
    }

    fn take_as(&mut self, name: &str, in_file: String, shape: &[usize]) -> Result<Param> {
        let view = self
            .tensors
            .tensor(&in_file)
            .map_err(|_| self.complaint(name, "is missing; the file belongs to another kind of model".into()))?;
        if view.shape() != shape {
            return Err(self.complaint(
                name,
                format!("has shape {:?}, but config.json asks for {shape:?}", view.shape()),
            ));
        }
        let tensor = self.floats(name, &view)?;
        self.entries.push(Entry {
            name: name.to_string(),
            var: Var::from_tensor(&tensor)?,
        });
        self.used.push(in_file);
        Ok(Param(self.entries.len() - 1))
    }

    /// Ends loading. Of the tensors that were not taken those starting with one of `carried` are kept as they are.
    pub fn finish(self, carried: &[&str]) -> Result<Parameters> {
        let mut kept = BTreeMap::new();
        for in_file in self.tensors.names() {
            let name = in_file.strip_prefix(self.prefix.as_str()).unwrap_or(in_file);
            if !self.used.iter().any(|used| used == in_file) && carried.iter().any(|prefix| name.starts_with(prefix)) {
                let view = self
                    .tensors
                    .tensor(in_file)
                    .map_err(|error| self.complaint(name, error.to_string()))?;
                kept.insert(name.to_string(), self.floats(name, &view)?);
            }
        }
        Ok(Parameters {
            entries: self.entries,
            carried: kept,
        })
    }

    /// The name used in the file: with the prefix, and in old checkpoints with `gamma` and `beta` for a LayerNorm's weight and bias.
    fn name_in_file(&self, name: &str) -> String {
        let full = format!("{}{name}", self.prefix);
        if self.tensors.tensor(&full).is_ok() {
            return full;
        }
        let old = full
            .replace("LayerNorm.weight", "LayerNorm.gamma")
            .replace("LayerNorm.bias", "LayerNorm.beta");
        if self.tensors.tensor(&old).is_ok() { old } else { full }
    }

    fn floats(&self, name: &str, view: &safetensors::tensor::TensorView<'_>) -> Result<Tensor> {
        let dtype = match view.dtype() {
            Dtype::F32 => DType::F32,
            Dtype::F16 => DType::F16,
            Dtype::BF16 => DType::BF16,
            other => {
                return Err(self.complaint(
                    name,
                    format!("holds {other:?}; 32-bit or 16-bit floating point is expected"),
                ));
            }
        };
        let tensor = Tensor::from_raw_buffer(view.data(), dtype, view.shape(), &self.device)?;
        Ok(tensor.to_dtype(DType::F32)?)
    }

    fn complaint(&self, name: &str, reason: String) -> ModelError {
        ModelError::Tensor {
            tensor: name.to_string(),
            reason,
            path: self.path.clone(),
        }
    }
}
