//! Weight files that torch and transformers wrote (`scripts/parity/weights.py`).

use super::WeightFiles;
use crate::model::Encoder;
use candle_core::{DType, Device, Tensor};
use serde_json::Value;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

const LAYOUTS: [&str; 4] = ["shards", "torch", "torch-old", "torch-shards"];

pub(super) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/weights")
        .join(name)
}

fn copy_files(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// A folder with the tiny model, its weights in one of the layouts.
pub(super) fn folder(layout: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    copy_files(&fixture("model"), dir.path());
    std::fs::remove_file(dir.path().join("model.safetensors")).unwrap();
    copy_files(&fixture(layout), dir.path());
    dir
}

#[track_caller]
pub(super) fn says(message: &str, expected: &[&str]) {
    for part in expected {
        assert!(message.contains(part), "{message:?} does not say {part:?}");
    }
}

fn numbers(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

#[test]
fn every_layout_gives_the_same_embeddings() {
    let embed = |dir: &Path| {
        let texts = ["the cat sleeps", "query: a goal, a match", "", "dogs eating birds"];
        let encoder = Encoder::load(dir, &Device::Cpu).unwrap();
        encoder.embed(&texts, &mut |_| ControlFlow::Continue(())).unwrap()
    };
    let expected = embed(&fixture("model"));
    assert_eq!((expected.len(), expected.dim), (4, 32));
    for layout in LAYOUTS {
        assert_eq!(embed(folder(layout).path()), expected, "{layout}");
    }
}

#[test]
fn views_types_and_shared_numbers_are_read_as_torch_reads_them() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::copy(fixture("odd/odd.bin"), dir.path().join("pytorch_model.bin")).unwrap();
    let weights = WeightFiles::open(dir.path()).unwrap();
    let expected: BTreeMap<String, Value> =
        serde_json::from_slice(&std::fs::read(fixture("odd/odd.json")).unwrap()).unwrap();
    assert_eq!(expected.len(), 12);
    for (name, expected) in &expected {
        let shape: Vec<usize> = serde_json::from_value(expected["shape"].clone()).unwrap();
        let data: Vec<f32> = serde_json::from_value(expected["data"].clone()).unwrap();
        let tensor = weights.read(name, &Device::Cpu).unwrap();
        assert_eq!(weights.shape(name), Some(shape.as_slice()), "{name}");
        assert_eq!((tensor.dims(), numbers(&tensor)), (shape.as_slice(), data), "{name}");
    }
    let mut names: Vec<&str> = expected.keys().map(String::as_str).chain(["ids", "flags"]).collect();
    names.sort_unstable();
    assert_eq!(weights.names().collect::<Vec<_>>(), names);
    let message = |name: &str| weights.read(name, &Device::Cpu).unwrap_err().to_string();
    says(&message("ids"), &["tensor ids", "LongStorage", "pytorch_model.bin"]);
    says(&message("flags"), &["tensor flags", "BoolStorage"]);
    says(&message("epoch"), &["tensor epoch", "is missing", "pytorch_model.bin"]);
}

#[test]
fn sixteen_bit_weights_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let wanted = [0.5f32, -1.25, 3.0];
    let tensors = [DType::F16, DType::BF16, DType::F64].map(|dtype| {
        let tensor = Tensor::new(&wanted, &Device::Cpu).unwrap().to_dtype(dtype).unwrap();
        (dtype.as_str(), tensor)
    });
    safetensors::serialize_to_file(tensors, None, &dir.path().join("model.safetensors")).unwrap();
    let weights = WeightFiles::open(dir.path()).unwrap();
    for name in ["f16", "bf16", "f64"] {
        assert_eq!(numbers(&weights.read(name, &Device::Cpu).unwrap()), wanted, "{name}");
    }
}

#[test]
fn files_are_looked_for_in_order() {
    let dir = folder("torch");
    std::fs::write(dir.path().join("pytorch_model.bin.index.json"), "broken").unwrap();
    Encoder::load(dir.path(), &Device::Cpu).unwrap();
    copy_files(&fixture("shards"), dir.path());
    std::fs::write(dir.path().join("pytorch_model.bin"), "broken").unwrap();
    Encoder::load(dir.path(), &Device::Cpu).unwrap();
    let mut names = super::file_names(dir.path()).unwrap();
    assert_eq!(names.pop().as_deref(), Some("model.safetensors.index.json"));
    assert!(
        names.len() > 1 && names.iter().all(|name| name.starts_with("model-0000")),
        "{names:?}"
    );
    std::fs::copy(fixture("model/model.safetensors"), dir.path().join("model.safetensors")).unwrap();
    assert_eq!(super::file_names(dir.path()).unwrap(), ["model.safetensors"]);
}
