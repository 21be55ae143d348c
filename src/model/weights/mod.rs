//! The weights of a model folder: which files hold them, and every tensor in them by name.
//!
//! Read are one `model.safetensors`, its shards, `pytorch_model.bin` and its shards, the first of these that is there. A torch file is a
//! pickle with data beside it: `pickle` takes from it where the tensors lie and runs nothing. Not here: what a model does with its
//! tensors (`parameters`), and writing them (`save`).

mod choice;
mod file;
#[cfg(test)]
mod malformed_tests;
mod pickle;
#[cfg(test)]
mod pickle_tests;
mod record;
mod safetensors;
#[cfg(test)]
mod tests;
mod torch;

pub use choice::{choose_names, file_names};

use super::error::{ModelError, Result};
use candle_core::{Device, Tensor};
use choice::Choice;
use file::WeightFile;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The weight files of one folder, mapped; keep it only for the time of loading.
pub struct WeightFiles {
    files: Vec<WeightFile>,
    /// Each tensor's file.
    tensors: BTreeMap<String, usize>,
    /// The file that lists the tensors: the only one, or the index of several.
    listing: PathBuf,
}

impl WeightFiles {
    /// Opens the weights of a folder and reads where every tensor lies; no number is read yet.
    ///
    /// # Errors
    /// No weights, or in a format that is not read; a file that is cut off, longer than its tensors, or asks for more than tensors; an
    /// index that points out of the folder, to a file that is missing, or to a tensor its shard does not hold.
    pub fn open(folder: &Path) -> Result<WeightFiles> {
        let choice = Choice::of(folder)?;
        let files = choice
            .files
            .iter()
            .map(|name| WeightFile::open(&folder.join(name)))
            .collect::<Result<Vec<_>>>()?;
        let tensors = match &choice.index {
            None => files
                .iter()
                .enumerate()
                .flat_map(|(i, file)| file.names().map(move |name| (name.to_owned(), i)))
                .collect(),
            Some(index) => index.places.clone(),
        };
        let listing = folder.join(choice.listing());
        for (name, &i) in &tensors {
            if files[i].get(name).is_none() {
                return Err(ModelError::Tensor {
                    tensor: name.clone(),
                    reason: format!("is not in {}, where the index says it is", choice.files[i]),
                    path: listing,
                });
            }
        }
        Ok(WeightFiles {
            files,
            tensors,
            listing,
        })
    }

    /// The tensors' names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// Whether there is a tensor of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// The shape of a tensor.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        let file = self.files.get(*self.tensors.get(name)?)?;
        file.get(name).map(|record| record.shape.as_slice())
    }

    /// The file that holds a tensor; for one that is not there, the file that would have listed it.
    pub fn path_of(&self, name: &str) -> &Path {
        let file = self.tensors.get(name).and_then(|&i| self.files.get(i));
        file.map_or(&self.listing, WeightFile::path)
    }

    /// The numbers of a tensor in its shape, f32, row-major. f32, f16, bf16 and f64 are read.
    ///
    /// # Errors
    /// [`ModelError::Tensor`] for a tensor that is not there or holds something else.
    pub fn read(&self, name: &str, device: &Device) -> Result<Tensor> {
        let file = self.tensors.get(name).and_then(|&i| self.files.get(i));
        match file {
            Some(file) => file.read(name, device),
            None => Err(ModelError::Tensor {
                tensor: name.to_owned(),
                reason: "is missing".into(),
                path: self.listing.clone(),
            }),
        }
    }
}

/// Checks one weight file by itself: that it is whole, and that it holds nothing but tensors.
///
/// # Errors
/// As [`WeightFiles::open`].
pub fn check_file(path: &Path) -> Result<()> {
    WeightFile::open(path).map(drop)
}
