//! The default encoder gives the vectors that sentence-transformers gives. The fixture is written by `scripts/parity/embeddings.py`.
#![allow(clippy::unwrap_used)] // a test that cannot be set up has failed

use candle_core::Device;
use handful::model::catalog::Catalog;
use handful::model::{Encoder, Precision};
use safetensors::SafeTensors;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

const TOLERANCE: f32 = 1e-5;

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/embeddings")
}

/// The default encoder's folder. `scripts/test.sh` fetches it.
fn encoder() -> Encoder {
    let catalog = Catalog::open(None).unwrap();
    let dir = catalog
        .path("all-MiniLM-L6-v2")
        .expect("scripts/test.sh fetches the default encoder first");
    Encoder::load(&dir, &Device::Cpu).unwrap()
}

fn texts() -> Vec<String> {
    let lines = std::fs::read_to_string(data().join("texts.jsonl")).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn vectors() -> Vec<f32> {
    let bytes = std::fs::read(data().join("vectors.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let numbers = file.tensor("vectors").unwrap().data();
    numbers
        .chunks_exact(4)
        .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
        .collect()
}

#[test]
fn embeddings_equal_those_of_sentence_transformers() {
    let (texts, expected) = (texts(), vectors());
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    assert_eq!((texts.len(), expected.len()), (200, 200 * 384));
    let vectors = encoder().embed(&texts, &mut |_| ControlFlow::Continue(())).unwrap();
    let mut largest = (0.0, 0);
    for i in 0..texts.len() {
        let row = vectors.row(i).unwrap();
        for (a, b) in row.iter().zip(&expected[i * 384..(i + 1) * 384]) {
            if (a - b).abs() > largest.0 {
                largest = ((a - b).abs(), i);
            }
        }
    }
    let beginning: String = texts[largest.1].chars().take(60).collect();
    println!(
        "largest difference over 200 texts: {:.2e}, in text {} {beginning:?}",
        largest.0, largest.1
    );
    assert!(largest.0 <= TOLERANCE, "{largest:?} {beginning:?}");
}

#[test]
fn embeddings_in_bf16_point_where_the_exact_ones_do() {
    if !Precision::Bf16.is_available() {
        return;
    }
    let texts = texts();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let exact = vectors();
    let encoder = encoder().with_precision(Precision::Bf16).unwrap();
    let vectors = encoder.embed(&texts, &mut |_| ControlFlow::Continue(())).unwrap();
    // All rows have length one.
    let cosines = (0..texts.len()).map(|i| {
        let row = vectors.row(i).unwrap().iter().zip(&exact[i * 384..(i + 1) * 384]);
        row.map(|(a, b)| a * b).sum::<f32>()
    });
    let least = cosines.fold(f32::INFINITY, f32::min);
    println!("least cosine over 200 texts: {least:.6}");
    assert!(least >= 0.999, "{least}");
}
