//! The weights of a model: variables by their name in the checkpoint, and how they are read.

use super::error::{ModelError, Result};
use super::lora::{Adapted, Factors};
use super::weights::WeightFiles;
use candle_core::{CpuStorage, Device, Storage, StorageRef, Tensor, Var};
use std::collections::BTreeMap;
use std::ops::Deref;

/// One parameter of a model; only meaningful with the [`Parameters`] it came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Param(pub(super) usize);

impl Param {
    /// Its place in [`Parameters::in_order`].
    pub(crate) fn index(self) -> usize {
        self.0
    }
}

pub(super) struct Entry {
    pub(super) name: String,
    pub(super) var: Var,
    pub(super) part: Part,
}

impl Entry {
    pub(super) fn new(name: &str, var: Var) -> Entry {
        Entry {
            name: name.to_string(),
            var,
            part: Part::Trained,
        }
    }
}

/// What training does with a parameter.
pub(super) enum Part {
    /// Moves it.
    Trained,
    /// Leaves it alone.
    Frozen,
    /// Moves two factors, and the parameter with them.
    Adapted(Adapted),
    /// Moves it; it is a factor of another and belongs in no file.
    Factor,
}

/// The parameters of a model, trainable, and the tensors of its file that are carried along untrained (a pooler nobody uses).
pub struct Parameters {
    pub(super) entries: Vec<Entry>,
    carried: BTreeMap<String, Tensor>,
}

impl Parameters {
    /// Trainable copies of tensors, for operations that belong to no model that was loaded; the second part has them in the order given.
    ///
    /// # Errors
    /// Where memory is out.
    pub fn of(tensors: &[(&str, Tensor)]) -> Result<(Parameters, Vec<Param>)> {
        let entries = tensors
            .iter()
            .map(|(name, tensor)| Ok(Entry::new(name, Var::from_tensor(tensor)?)))
            .collect::<Result<_>>()?;
        let parameters = Parameters {
            entries,
            carried: BTreeMap::new(),
        };
        Ok((parameters, (0..tensors.len()).map(Param).collect()))
    }

    /// The same numbers in variables of their own, to be trained in full: where there are factors, the weights hold what they learnt. What is
    /// carried along untrained is shared.
    pub(crate) fn duplicate(&self) -> Result<Parameters> {
        // Detached first: of a variable candle would make another handle, not a copy.
        let copy = |entry: &Entry| {
            Ok(Entry::new(
                &entry.name,
                Var::from_tensor(&entry.var.as_detached_tensor())?,
            ))
        };
        let of_model = self.entries.iter().filter(|entry| !matches!(entry.part, Part::Factor));
        Ok(Parameters {
            entries: of_model.map(copy).collect::<Result<_>>()?,
            carried: self.carried.clone(),
        })
    }

    /// All parameters of the model by name, sorted.
    pub fn vars(&self) -> Vec<(String, Var)> {
        self.sorted(|part| !matches!(part, Part::Factor))
    }

    /// The parameters that training moves, by name, sorted: all of them, or the factors where there are any.
    pub fn trained(&self) -> Vec<(String, Var)> {
        self.sorted(|part| matches!(part, Part::Trained | Part::Factor))
    }

    fn sorted(&self, wanted: impl Fn(&Part) -> bool) -> Vec<(String, Var)> {
        let sorted: BTreeMap<&str, &Var> = self
            .entries
            .iter()
            .filter(|entry| wanted(&entry.part))
            .map(|entry| (entry.name.as_str(), &entry.var))
            .collect();
        sorted
            .into_iter()
            .map(|(name, var)| (name.to_string(), var.clone()))
            .collect()
    }

    /// Whether a parameter wants a gradient of its own.
    pub(crate) fn is_trained(&self, parameter: Param) -> bool {
        matches!(self.entries[parameter.0].part, Part::Trained | Part::Factor)
    }

    /// The factors through which a weight is trained, if it is.
    pub(crate) fn factors(&self, parameter: Param) -> Option<Factors> {
        self.adapted(parameter).map(|adapted| adapted.factors)
    }

    pub(super) fn adapted(&self, parameter: Param) -> Option<&Adapted> {
        match &self.entries[parameter.0].part {
            Part::Adapted(adapted) => Some(adapted),
            _ => None,
        }
    }

    /// All parameters, factors included, in the order in which they came.
    pub(crate) fn in_order(&self) -> impl Iterator<Item = &Var> {
        self.entries.iter().map(|entry| &entry.var)
    }

    /// Everything that belongs in the weights file.
    pub(crate) fn tensors(&self) -> BTreeMap<String, Tensor> {
        let mut tensors = self.carried.clone();
        let of_model = self.vars();
        tensors.extend(of_model.into_iter().map(|(name, var)| (name, var.as_detached_tensor())));
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
        Reading::of(self.var(parameter), self.name(parameter))
    }
}

/// The numbers of one parameter while they are read.
pub(crate) struct Reading<'a> {
    storage: StorageRef<'a>,
    range: (usize, usize),
}

impl Reading<'_> {
    /// The numbers of a tensor that messages call `name`.
    pub(super) fn of<'a>(tensor: &'a Tensor, name: &str) -> Result<Reading<'a>> {
        let (storage, layout) = tensor.storage_and_layout();
        let range = layout
            .contiguous_offsets()
            .ok_or_else(|| ModelError::Input(format!("parameter {name} is not contiguous")))?;
        match &*storage {
            Storage::Cpu(CpuStorage::F32(_)) => Ok(Reading { storage, range }),
            _ => Err(ModelError::Input(format!(
                "parameter {name} is not 32-bit floating point on the CPU"
            ))),
        }
    }
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

/// Reads a model's parameters out of its weight files.
pub struct Loader<'a> {
    weights: &'a WeightFiles,
    device: Device,
    prefix: String,
    entries: Vec<Entry>,
    used: Vec<String>,
}

impl<'a> Loader<'a> {
    /// A loader that has taken nothing yet.
    pub fn new(weights: &'a WeightFiles, device: &Device) -> Loader<'a> {
        Loader {
            weights,
            device: device.clone(),
            prefix: String::new(),
            entries: Vec::new(),
            used: Vec::new(),
        }
    }

    /// Names may carry `prefix` in the file, as where a whole classifier was saved: it is accepted and left out of the parameters' names.
    pub fn with_optional_prefix(mut self, prefix: &str) -> Loader<'a> {
        if self.weights.names().any(|name| name.starts_with(prefix)) {
            self.prefix = prefix.to_string();
        }
        self
    }

    /// The tensor `name`, as a trainable parameter of `shape`.
    pub fn take(&mut self, name: &str, shape: &[usize]) -> Result<Param> {
        self.take_as(name, self.name_in_file(name), shape)
    }

    /// The first of several tensors that is there, for one that goes by several names.
    pub fn take_any(&mut self, names: &[&str], shape: &[usize]) -> Result<Param> {
        let there = |name: &&&str| self.weights.contains(&self.name_in_file(name));
        let name = names.iter().find(there).or(names.first()).copied().unwrap_or_default();
        self.take(name, shape)
    }

    /// The tensor `name` of the file whatever the prefix is: for the heads that stand beside an encoder.
    pub fn take_top(&mut self, name: &str, shape: &[usize]) -> Result<Param> {
        self.take_as(name, name.to_string(), shape)
    }

    /// The shape of the tensor `name` of a head, whatever the prefix is.
    pub fn top_shape(&self, name: &str) -> Result<Vec<usize>> {
        match self.weights.shape(name) {
            Some(shape) => Ok(shape.to_vec()),
            None => Err(ModelError::NoHead {
                tensor: name.to_string(),
                path: self.weights.path_of(name).to_path_buf(),
            }),
        }
    }

    fn take_as(&mut self, name: &str, in_file: String, shape: &[usize]) -> Result<Param> {
        let found = self
            .weights
            .shape(&in_file)
            .ok_or_else(|| self.complaint(name, "is missing; the file belongs to another kind of model".into()))?;
        if found != shape {
            return Err(self.complaint(name, format!("has shape {found:?}, but config.json asks for {shape:?}")));
        }
        let tensor = self.weights.read(&in_file, &self.device)?;
        self.entries.push(Entry::new(name, Var::from_tensor(&tensor)?));
        self.used.push(in_file);
        Ok(Param(self.entries.len() - 1))
    }

    /// Ends loading. Of the tensors that were not taken those starting with one of `carried` are kept as they are.
    pub fn finish(self, carried: &[&str]) -> Result<Parameters> {
        let mut kept = BTreeMap::new();
        for in_file in self.weights.names() {
            let name = in_file.strip_prefix(self.prefix.as_str()).unwrap_or(in_file);
            if !self.used.iter().any(|used| used == in_file) && carried.iter().any(|prefix| name.starts_with(prefix)) {
                kept.insert(name.to_string(), self.weights.read(in_file, &self.device)?);
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
        if self.weights.contains(&full) {
            return full;
        }
        let old = full
            .replace("LayerNorm.weight", "LayerNorm.gamma")
            .replace("LayerNorm.bias", "LayerNorm.beta");
        if self.weights.contains(&old) { old } else { full }
    }

    fn complaint(&self, name: &str, reason: String) -> ModelError {
        ModelError::Tensor {
            tensor: name.to_string(),
            reason,
            path: self.weights.path_of(&self.name_in_file(name)).to_path_buf(),
        }
    }
}
