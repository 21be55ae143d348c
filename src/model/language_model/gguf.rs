//! A GGUF file, mapped: its metadata and where its tensors lie, read within bounds. Of the format (ggml's `docs/gguf.md`) versions 2 and 3,
//! little-endian. Not here: what metadata and tensors mean.
//!
//! The header is read here and not by candle, which divides by the alignment a file claims and takes the product of its dimensions unchecked.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::Device;
use candle_core::quantized::ggml_file::qtensor_from_ggml;
use candle_core::quantized::{GgmlDType, QTensor};
use memmap2::Mmap;

use super::metadata::{Metadata, Value};
use super::reader::Reader;
use crate::model::error::{ModelError, Result};

/// What a GGUF file begins with.
pub const MAGIC: &[u8; 4] = b"GGUF";

const MAX_ENTRIES: u64 = 1 << 16;
const MAX_DIMENSIONS: u32 = 4;
const MAX_ALIGNMENT: u64 = 1 << 16;
const USUAL_ALIGNMENT: u64 = 32;

/// Types of tensors by their number in the file, those candle multiplies with.
const TYPES: [(u32, GgmlDType); 13] = [
    (0, GgmlDType::F32),
    (1, GgmlDType::F16),
    (2, GgmlDType::Q4_0),
    (3, GgmlDType::Q4_1),
    (6, GgmlDType::Q5_0),
    (7, GgmlDType::Q5_1),
    (8, GgmlDType::Q8_0),
    (10, GgmlDType::Q2K),
    (11, GgmlDType::Q3K),
    (12, GgmlDType::Q4K),
    (13, GgmlDType::Q5K),
    (14, GgmlDType::Q6K),
    (30, GgmlDType::BF16),
];

/// Where a tensor lies, and what it is.
#[derive(Debug, Clone)]
struct Record {
    /// As the file numbers it.
    kind: u32,
    /// The outermost first.
    shape: Vec<usize>,
    /// From the beginning of the tensors.
    offset: u64,
}

/// An opened file.
pub struct Gguf {
    path: PathBuf,
    map: Mmap,
    metadata: Metadata,
    tensors: HashMap<String, Record>,
    /// Where the tensors begin.
    data: u64,
}

impl Gguf {
    /// Maps a file and reads its header.
    ///
    /// # Errors
    /// A file that is none, of another version, cut off, or one of several parts.
    pub fn open(path: &Path) -> Result<Gguf> {
        let file = File::open(path).map_err(ModelError::io("read the model", path))?;
        // SAFETY: the map is read-only and short-lived; a program that cut the file short meanwhile would end ours, and corrupt no memory.
        let map = unsafe { Mmap::map(&file) }.map_err(ModelError::io("read the model", path))?;
        let broken = |reason: String| ModelError::Weights {
            reason,
            path: path.to_path_buf(),
        };
        let (metadata, tensors, header) = header(&map).map_err(broken)?;
        let metadata = Metadata::new(metadata, path);
        let n_parts = metadata.number_or("split.count", 1)?;
        if n_parts > 1 {
            return Err(ModelError::Unsupported {
                what: format!("a model in {n_parts} files"),
                supported: "one file is; join them with llama.cpp's gguf-split --merge".into(),
                path: path.to_path_buf(),
            });
        }
        let alignment = metadata.number_or("general.alignment", USUAL_ALIGNMENT)?;
        if alignment == 0 || !alignment.is_multiple_of(8) || alignment > MAX_ALIGNMENT {
            return Err(ModelError::config(
                path,
                format!("general.alignment is {alignment}, no multiple of 8 up to {MAX_ALIGNMENT}"),
            ));
        }
        let data = header.next_multiple_of(alignment);
        let gguf = Gguf {
            path: path.to_path_buf(),
            map,
            metadata,
            tensors,
            data,
        };
        gguf.check_places(alignment)?;
        Ok(gguf)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it says about itself.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The names of its tensors, in no order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// The shape of a tensor, the outermost dimension first.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.tensors.get(name).map(|record| record.shape.as_slice())
    }

    /// A tensor as it is stored, copied to the device.
    ///
    /// # Errors
    /// One that is missing, or of a type that is not read.
    pub fn tensor(&self, name: &str, device: &Device) -> Result<Arc<QTensor>> {
        let record = self
            .tensors
            .get(name)
            .ok_or_else(|| self.complaint(name, "is missing".into()))?;
        let kind = self.kind(record)?;
        let (begin, end) = self.place(name, record)?;
        let bytes = self.map.get(begin..end).unwrap_or_default();
        let tensor = qtensor_from_ggml(kind, bytes, record.shape.clone(), device)
            .map_err(|error| self.complaint(name, error.to_string()))?;
        Ok(Arc::new(tensor))
    }

    fn complaint(&self, tensor: &str, reason: String) -> ModelError {
        ModelError::Tensor {
            tensor: tensor.chars().take(100).collect(),
            reason,
            path: self.path.clone(),
        }
    }

    fn kind(&self, record: &Record) -> Result<GgmlDType> {
        let found = TYPES.iter().find(|(number, _)| *number == record.kind);
        found
            .map(|(_, kind)| *kind)
            .ok_or_else(|| ModelError::Unsupported {
                what: format!("a tensor of ggml type {}", record.kind),
                supported: "F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0 and Q2_K to Q6_K are; take the file of the same model with Q8_0 or Q4_K_M in its name".into(),
                path: self.path.clone(),
            })
    }

    /// The bytes of a tensor; they lie in the file and begin where numbers may.
    fn place(&self, name: &str, record: &Record) -> Result<(usize, usize)> {
        let kind = self.kind(record)?;
        let n_values = record
            .shape
            .iter()
            .try_fold(1_usize, |product, n| product.checked_mul(*n));
        let last = record.shape.last().copied().unwrap_or_default();
        let n_values = n_values.filter(|n| *n > 0 && last.is_multiple_of(kind.block_size()));
        let n_bytes = n_values.and_then(|n| (n / kind.block_size()).checked_mul(kind.type_size()));
        let Some(n_bytes) = n_bytes else {
            return Err(self.complaint(name, format!("cannot have the shape {:?} as {kind:?}", record.shape)));
        };
        let begin = self
            .data
            .checked_add(record.offset)
            .and_then(|at| usize::try_from(at).ok());
        let end = begin.and_then(|at| at.checked_add(n_bytes));
        match (begin, end) {
            (Some(begin), Some(end)) if end <= self.map.len() => Ok((begin, end)),
            _ => Err(ModelError::Weights {
                reason: format!("it ends before tensor {name} does"),
                path: self.path.clone(),
            }),
        }
    }

    fn check_places(&self, alignment: u64) -> Result<()> {
        for (name, record) in &self.tensors {
            if !record.offset.is_multiple_of(alignment) {
                return Err(self.complaint(name, format!("begins at {}, no multiple of {alignment}", record.offset)));
            }
            self.place(name, record)?;
        }
        Ok(())
    }
}

type Header = (HashMap<String, Value>, HashMap<String, Record>, u64);

/// Metadata, tensors and where the header ends; an error says what is wrong.
fn header(bytes: &[u8]) -> std::result::Result<Header, String> {
    let mut reader = Reader::new(bytes);
    if reader.take(4)? != MAGIC {
        return Err("it does not begin as a GGUF file does".into());
    }
    let version = reader.u32()?;
    if !matches!(version, 2 | 3) {
        return Err(format!("it is of version {version}; 2 and 3 are read"));
    }
    let (n_tensors, n_entries) = (reader.u64()?, reader.u64()?);
    if n_tensors > MAX_ENTRIES || n_entries > MAX_ENTRIES {
        return Err(format!("it claims {n_tensors} tensors and {n_entries} entries"));
    }
    let mut metadata = HashMap::new();
    for _ in 0..n_entries {
        let key = reader.string()?;
        let value = Value::read(&mut reader)?;
        if metadata.insert(key.clone(), value).is_some() {
            return Err(format!("{} is there twice", key.escape_debug()));
        }
    }
    let mut tensors = HashMap::new();
    for _ in 0..n_tensors {
        let name = reader.string()?;
        let record = record(&mut reader)?;
        if tensors.insert(name.clone(), record).is_some() {
            return Err(format!("tensor {} is there twice", name.escape_debug()));
        }
    }
    Ok((metadata, tensors, reader.position()))
}

fn record(reader: &mut Reader<'_>) -> std::result::Result<Record, String> {
    let n_dimensions = reader.u32()?;
    if n_dimensions == 0 || n_dimensions > MAX_DIMENSIONS {
        return Err(format!("a tensor has {n_dimensions} dimensions"));
    }
    let mut shape = Vec::new();
    for _ in 0..n_dimensions {
        shape.push(usize::try_from(reader.u64()?).map_err(|error| error.to_string())?);
    }
    shape.reverse();
    Ok(Record {
        kind: reader.u32()?,
        shape,
        offset: reader.u64()?,
    })
}
