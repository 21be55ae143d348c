//! One weight file, mapped: where its tensors lie, and their numbers.

use super::super::error::{ModelError, Result};
use super::record::{Fault, Kind, Record, in_order};
use super::{safetensors, torch};
use candle_core::{DType, Device, Tensor};
use memmap2::Mmap;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

/// What stands in a folder cloned without Git LFS instead of each large file.
const LFS_POINTER: &[u8] = b"version https://git-lfs.github.com/";

pub(super) struct WeightFile {
    path: PathBuf,
    map: Mmap,
    tensors: BTreeMap<String, Record>,
}

impl WeightFile {
    /// Maps a file and reads where its tensors lie.
    pub(super) fn open(path: &Path) -> Result<WeightFile> {
        let file = File::open(path).map_err(ModelError::io("read the weights", path))?;
        // SAFETY: the map is read-only and short-lived; a program that cut the file short meanwhile would end ours, and corrupt no memory.
        let map = unsafe { Mmap::map(&file) }.map_err(ModelError::io("read the weights", path))?;
        let tensors = records(&map, path).map_err(|fault| match fault {
            Fault::Incomplete(reason) => ModelError::Weights {
                reason,
                path: path.to_path_buf(),
            },
            Fault::Refused(reason) => ModelError::WeightsRefused {
                reason,
                path: path.to_path_buf(),
            },
        })?;
        Ok(WeightFile {
            path: path.to_path_buf(),
            map,
            tensors,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    pub(super) fn get(&self, name: &str) -> Option<&Record> {
        self.tensors.get(name)
    }

    /// The numbers of a tensor as f32.
    pub(super) fn read(&self, name: &str, device: &Device) -> Result<Tensor> {
        let complaint = |reason: String| ModelError::Tensor {
            tensor: name.to_owned(),
            reason,
            path: self.path.clone(),
        };
        let record = self.get(name).ok_or_else(|| complaint("is missing".into()))?;
        let dtype = match &record.kind {
            Kind::Float(dtype) => *dtype,
            Kind::Other(kind, _) => {
                return Err(complaint(format!(
                    "holds {kind}; floating point of 16, 32 or 64 bits is expected"
                )));
            }
        };
        let bytes = self
            .map
            .get(record.bytes.clone())
            .ok_or_else(|| complaint("lies outside the file".into()))?;
        let bytes = match &record.strides {
            None => Cow::Borrowed(bytes),
            Some(strides) => Cow::Owned(in_order(bytes, record, strides)),
        };
        let tensor = Tensor::from_raw_buffer(&bytes, dtype, &record.shape, device)?;
        Ok(tensor.to_dtype(DType::F32)?)
    }
}

fn records(map: &[u8], path: &Path) -> std::result::Result<BTreeMap<String, Record>, Fault> {
    if map.starts_with(LFS_POINTER) {
        let reason = "it is a Git LFS pointer, not the file itself: run `git lfs pull` in its folder";
        return Err(Fault::Incomplete(reason.to_owned()));
    }
    if path.extension().is_some_and(|ending| ending == "safetensors") {
        safetensors::records(map)
    } else {
        torch::records(map)
    }
}
