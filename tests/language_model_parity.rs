//! Decoders give the logits of transformers, and their tokenizers its ids, with models of every architecture. The fixtures are written by
//! `scripts/parity/language_models.py`.
#![allow(clippy::unwrap_used)] // a test that cannot be set up has failed

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use candle_core::Device;
use handful::model::Compute;
use handful::model::language_model::{ARCHITECTURES, Cache, LanguageModel};
use serde::Deserialize;

/// Largest difference of a logit, relative to the largest.
const TOLERANCE: f32 = 1e-4;
/// The same where weights are quantised: candle then rounds what they are multiplied with to 8 bits too.
const QUANTISED_TOLERANCE: f32 = 0.05;

#[derive(Deserialize)]
struct Case {
    weights: String,
    sequences: Vec<Vec<u32>>,
    texts: Vec<String>,
    ids: Vec<Vec<u32>>,
}

fn folders() -> Vec<PathBuf> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/language_models");
    let mut folders: Vec<PathBuf> = fs::read_dir(data).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    folders
}

fn load(folder: &Path) -> (Case, LanguageModel) {
    let case = serde_json::from_slice(&fs::read(folder.join("case.json")).unwrap()).unwrap();
    (case, LanguageModel::load(folder, Compute::EXACT).unwrap())
}

#[test]
fn logits_are_those_of_transformers() {
    let mut seen = BTreeSet::new();
    for folder in folders() {
        let (case, model) = load(&folder);
        let expected = candle_core::safetensors::load(folder.join("expected.safetensors"), &Device::Cpu).unwrap();
        let expected: Vec<Vec<f32>> = expected["logits"].to_vec2().unwrap();
        let scale = expected
            .iter()
            .flatten()
            .fold(0.0_f32, |most, logit| most.max(logit.abs()));
        // One cache for all sequences, some of which begin alike: what it keeps must not change anything.
        let mut cache = Cache::default();
        let mut largest = 0.0_f32;
        for (sequence, expected) in case.sequences.iter().zip(&expected) {
            let ours = model.next_logits(sequence, &mut cache).unwrap();
            assert_eq!(ours.len(), expected.len());
            let differences = ours
                .iter()
                .zip(expected)
                .map(|(ours, expected)| (ours - expected).abs() / scale);
            largest = differences.fold(largest, f32::max);
            let fresh = model.next_logits(sequence, &mut Cache::default()).unwrap();
            let apart = ours
                .iter()
                .zip(&fresh)
                .map(|(a, b)| (a - b).abs() / scale)
                .fold(0.0, f32::max);
            assert!(apart < 1e-5, "{}: with what was kept {apart}", folder.display());
        }
        let tolerance = match case.weights.as_str() {
            "F32" | "F16" => TOLERANCE,
            _ => QUANTISED_TOLERANCE,
        };
        println!(
            "{:40} {:5} largest difference {largest:.1e}",
            folder.file_name().unwrap().display(),
            case.weights
        );
        assert!(largest < tolerance, "{}: {largest}", folder.display());
        seen.insert(folder.file_name().unwrap().to_string_lossy().into_owned());
    }
    for architecture in ARCHITECTURES {
        assert!(seen.contains(architecture), "no case for {architecture}");
    }
}

#[test]
fn token_ids_are_those_of_transformers() {
    for folder in folders() {
        let (case, mut model) = load(&folder);
        assert!(case.texts.len() >= 30);
        for (text, ids) in case.texts.iter().zip(&case.ids) {
            // transformers was asked for the text alone; the mark at the beginning is for prompts.
            let mut ours = model.tokens().beginning(text).unwrap();
            let bos = model.tokens().beginning("").unwrap();
            assert!(ours.starts_with(&bos) && bos.len() <= 1);
            ours.drain(..bos.len());
            assert_eq!(&ours, ids, "{}: {text:?}", folder.display());
            let plain = model.tokens().text(text).unwrap();
            let back = model.tokens().decode(&plain).unwrap();
            let is_whole = !back.contains('\u{fffd}');
            assert!(
                !is_whole || back == *text,
                "{}: {text:?} came back as {back:?}",
                folder.display()
            );
        }
    }
}
