//! Embeddings of the project's texts under one encoder, kept beside the project: losing them costs time, never labels.

use std::collections::HashMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use anyhow::{Context, ensure};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use sha2::{Digest, Sha256};

use crate::core::TextId;
use crate::model::Precision;
use crate::model::sentence_transformer::Layout;
use crate::model::weights;

/// Rows of `dim` numbers by text.
#[derive(Debug)]
pub struct EmbeddingCache {
    file: Option<PathBuf>,
    dim: usize,
    ids: Vec<TextId>,
    rows: HashMap<TextId, usize>,
    data: Vec<f32>,
    n_saved: usize,
}

impl EmbeddingCache {
    /// Opens the cache of one encoder, computing in `precision`, below `files_dir`; a missing or damaged file is an empty cache.
    pub fn open(files_dir: &Path, encoder_dir: &Path, dim: usize, precision: Precision) -> Self {
        let suffix = match precision {
            Precision::F32 => "",
            Precision::Bf16 => "-bf16",
        };
        let file = fingerprint(encoder_dir)
            .map(|name| files_dir.join("embeddings").join(format!("{name}{suffix}.safetensors")));
        let mut cache = EmbeddingCache {
            file,
            dim,
            ids: vec![],
            rows: HashMap::new(),
            data: vec![],
            n_saved: 0,
        };
        if let Some((ids, data)) = cache.file.as_deref().and_then(|file| read(file, dim).ok()) {
            cache.rows = ids.iter().enumerate().map(|(row, id)| (*id, row)).collect();
            cache.n_saved = ids.len();
            cache.ids = ids;
            cache.data = data;
        }
        cache
    }

    /// Numbers in a row.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Texts with an embedding, in the order of [`EmbeddingCache::data`].
    pub fn ids(&self) -> &[TextId] {
        &self.ids
    }

    /// All rows, `ids().len() × dim`, row-major.
    pub fn data(&self) -> &[f32] {
        &self.data
    }

    /// The row of one text.
    pub fn row(&self, id: TextId) -> Option<&[f32]> {
        let row = *self.rows.get(&id)?;
        self.data.get(row * self.dim..(row + 1) * self.dim)
    }

    /// Adds rows; `data` holds `ids.len() × dim` numbers.
    pub fn extend(&mut self, ids: &[TextId], data: &[f32]) {
        debug_assert_eq!(data.len(), ids.len() * self.dim);
        for (id, row) in ids.iter().zip(data.chunks_exact(self.dim)) {
            if self.rows.insert(*id, self.ids.len()).is_none() {
                self.ids.push(*id);
                self.data.extend_from_slice(row);
            }
        }
    }

    /// Writes the cache if it has grown, to a temporary file that is renamed.
    pub fn save(&mut self) -> anyhow::Result<()> {
        let Some(file) = self.file.clone().filter(|_| self.n_saved < self.ids.len()) else {
            return Ok(());
        };
        let folder = file.parent().context("an embeddings file has a folder")?;
        fs::create_dir_all(folder)?;
        let ids: Vec<u8> = self.ids.iter().flat_map(|id| id.0.to_le_bytes()).collect();
        let rows: Vec<u8> = self.data.iter().flat_map(|x| x.to_le_bytes()).collect();
        let tensors = [
            ("ids", TensorView::new(Dtype::I64, vec![self.ids.len()], &ids)?),
            (
                "embeddings",
                TensorView::new(Dtype::F32, vec![self.ids.len(), self.dim], &rows)?,
            ),
        ];
        let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
        std::io::Write::write_all(&mut temporary, &safetensors::serialize(tensors, None)?)?;
        temporary.persist(file)?;
        self.n_saved = self.ids.len();
        Ok(())
    }
}

fn read(file: &Path, dim: usize) -> anyhow::Result<(Vec<TextId>, Vec<f32>)> {
    let bytes = fs::read(file)?;
    let tensors = SafeTensors::deserialize(&bytes)?;
    let (ids, rows) = (tensors.tensor("ids")?, tensors.tensor("embeddings")?);
    ensure!(
        ids.dtype() == Dtype::I64 && rows.dtype() == Dtype::F32,
        "unexpected number format"
    );
    ensure!(
        rows.shape() == [ids.shape().first().copied().unwrap_or(0), dim],
        "unexpected shape"
    );
    let ids = ids
        .data()
        .as_chunks::<8>()
        .0
        .iter()
        .map(|bytes| TextId(i64::from_le_bytes(*bytes)))
        .collect();
    let rows = rows
        .data()
        .as_chunks::<4>()
        .0
        .iter()
        .map(|bytes| f32::from_le_bytes(*bytes))
        .collect();
    Ok((ids, rows))
}

/// Tells encoders apart without reading their weights: place, size and time of every weight file, and the prompt.
fn fingerprint(encoder_dir: &Path) -> Option<String> {
    let layout = Layout::read(encoder_dir).ok()?;
    let mut facts = encoder_dir.canonicalize().ok()?.display().to_string();
    for name in weights::file_names(&layout.transformer).ok()? {
        let file = fs::metadata(layout.transformer.join(name)).ok()?;
        let modified = file.modified().ok()?.duration_since(UNIX_EPOCH).ok()?.as_nanos();
        write!(facts, "\n{}\n{modified}", file.len()).ok()?;
    }
    if !layout.prompts.text().is_empty() {
        write!(facts, "\n{} {}", layout.include_prompt, layout.prompts.text()).ok()?;
    }
    let digest = Sha256::digest(facts);
    Some(digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_saved_is_read_again_and_damage_is_an_empty_cache() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        fs::write(folder.path().join("model.safetensors"), "weights")?;
        let mut cache = EmbeddingCache::open(folder.path(), folder.path(), 2, Precision::F32);
        cache.extend(&[TextId(7), TextId(9)], &[1.0, 2.0, 3.0, 4.0]);
        cache.extend(&[TextId(7)], &[5.0, 5.0]);
        cache.save()?;

        let again = EmbeddingCache::open(folder.path(), folder.path(), 2, Precision::F32);
        assert_eq!(again.row(TextId(7)), Some(&[1.0, 2.0][..]));
        assert_eq!(again.row(TextId(9)), Some(&[3.0, 4.0][..]));
        assert_eq!(again.row(TextId(8)), None);
        assert!(
            EmbeddingCache::open(folder.path(), folder.path(), 3, Precision::F32)
                .ids()
                .is_empty()
        );

        let file = again.file.clone().context("a file")?;
        let bytes = fs::read(&file)?;
        fs::write(&file, &bytes[..bytes.len() / 2])?;
        assert!(
            EmbeddingCache::open(folder.path(), folder.path(), 2, Precision::F32)
                .ids()
                .is_empty()
        );
        Ok(())
    }

    #[test]
    fn every_weight_file_tells_encoders_apart() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let write = |name: &str, contents: &str| fs::write(folder.path().join(name), contents);
        assert_eq!(fingerprint(folder.path()), None);
        write(
            "model.safetensors.index.json",
            r#"{"weight_map": {"a": "1.safetensors", "b": "2.safetensors"}}"#,
        )?;
        write("1.safetensors", "one")?;
        write("2.safetensors", "two")?;
        let first = fingerprint(folder.path());
        assert!(first.is_some());
        assert_eq!(fingerprint(folder.path()), first);
        write("2.safetensors", "three")?;
        let changed = fingerprint(folder.path());
        assert!(changed.is_some() && changed != first);
        fs::remove_file(folder.path().join("model.safetensors.index.json"))?;
        write("pytorch_model.bin", "weights")?;
        let other = fingerprint(folder.path());
        assert!(other.is_some() && other != first && other != changed);
        let prompts = r#"{"prompts": {"a": "query: ", "b": ""}, "default_prompt_name": "a"}"#;
        write("config_sentence_transformers.json", prompts)?;
        let prompted = fingerprint(folder.path());
        assert!(prompted.is_some() && prompted != other);
        write(
            "config_sentence_transformers.json",
            &prompts.replace(r#""a"}"#, r#""b"}"#),
        )?;
        assert_eq!(fingerprint(folder.path()), other);
        Ok(())
    }
}
