//! Every kind of encoder, from a folder to predictions: tiny checkpoints with random weights, whose tokenizers know the words w0 to w43.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use handful::model::architecture;
use serde_json::Value;

use super::models::json_of;

/// Texts of the file that [`write_texts`] writes, and how many of them are for testing.
const N_TEXTS: usize = 160;
const N_TEST: usize = 40;

fn folders() -> Vec<PathBuf> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/encoders");
    let mut folders: Vec<PathBuf> = fs::read_dir(data).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    folders
}

/// A file of distinct texts: label a in the words w1 to w10, label b in w20 to w29.
fn write_texts(path: &Path) {
    let mut csv = "id,text,label,split\n".to_owned();
    for i in 0..N_TEXTS {
        let (label, first) = if i % 2 == 0 { ("a", 1) } else { ("b", 20) };
        let split = if i < N_TEST { "test" } else { "train" };
        let words: Vec<String> = (0..4 + i % 3)
            .map(|j| format!("w{}", first + (i / 2 * (j + 1) + j * j) % 10))
            .collect();
        writeln!(csv, "{i},w0 w{} {},{label},{split}", 30 + i % 14, words.join(" ")).unwrap();
    }
    fs::write(path, csv).unwrap();
}

/// The rows of a file of scores.
fn rows(path: &Path) -> Vec<Value> {
    let lines = fs::read_to_string(path).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Trains, evaluates, exports and predicts in `home`; returns the log loss of the test texts.
fn journey(home: &Path, encoder: &str, method: &str, settings: &[&str]) -> f64 {
    let settings = settings.iter().flat_map(|setting| ["--set", setting]);
    let train = ["train", "words.handful", "--encoder", encoder, "--method", method];
    let run = json_of(home, &train.into_iter().chain(settings).collect::<Vec<_>>());
    let shown = format!("{encoder}, {method}: {run}");
    assert_eq!(
        (&run["n_train"], &run["n_test"]),
        (&(N_TEXTS - N_TEST).into(), &N_TEST.into()),
        "{shown}"
    );
    assert!(run["metrics"]["accuracy"].as_f64().unwrap() > 0.8, "{shown}");

    let report = json_of(home, &["evaluate", "words.handful", "--scores", "scores.jsonl"]);
    assert_eq!(report["accuracy"], run["metrics"]["accuracy"], "{shown}");
    let out = format!("model-{method}");
    let export = json_of(home, &["export", "words.handful", "--out", &out]);
    assert!(
        export["n_checked"].as_u64() > Some(0) && export["n_same"] == export["n_checked"],
        "{shown} {export}"
    );
    json_of(home, &["predict", &out, "texts.csv", "--out", "predicted.jsonl"]);
    let (scores, predicted) = (rows(&home.join("scores.jsonl")), rows(&home.join("predicted.jsonl")));
    assert_eq!((scores.len(), predicted.len()), (N_TEST, N_TEXTS), "{shown}");
    for row in &scores {
        let same = predicted.iter().find(|other| other["id"] == row["id"]).unwrap();
        for label in ["a", "b"] {
            let score = |row: &Value| row["scores"][label].as_f64().unwrap();
            assert!((score(row) - score(same)).abs() < 1e-5, "{shown}\n{row}\n{same}");
        }
    }
    run["metrics"]["log_loss"].as_f64().unwrap()
}

#[test]
fn every_architecture_is_trained_exported_and_predicts() {
    let mut seen = BTreeSet::new();
    for folder in folders() {
        let home = tempfile::tempdir().unwrap();
        let home = home.path();
        write_texts(&home.join("texts.csv"));
        json_of(home, &["new", "words.handful", "--task", "single-label"]);
        let imported = json_of(home, &["import", "words.handful", "texts.csv"]);
        assert_eq!(imported["n_added"], N_TEXTS, "{imported}");

        let encoder = folder.to_str().unwrap();
        let probe = journey(home, encoder, "probe", &[]);
        let weights = |method: &str| fs::read(home.join(format!("model-{method}/model.safetensors"))).unwrap();
        for (method, settings) in [
            ("setfit", ["num_iterations=16", "learning_rate=0.001"]),
            ("finetune", ["num_epochs=20", "learning_rate=0.005"]),
        ] {
            // Random weights are no good encoder: whoever moves them does better.
            let tuned = journey(home, encoder, method, &settings);
            assert!(
                tuned < 0.9 * probe,
                "{encoder}, {method}: log loss {tuned}, with a frozen encoder {probe}"
            );
            assert!(weights(method) != weights("probe"), "{encoder}, {method}");
        }
        let config: Value = serde_json::from_slice(&fs::read(home.join("model-probe/config.json")).unwrap()).unwrap();
        seen.insert(config["model_type"].as_str().unwrap().to_owned());
    }
    let known: BTreeSet<String> = architecture::encoders().map(str::to_owned).collect();
    assert_eq!(seen, known);
}

#[test]
fn an_added_encoder_is_trained_by_its_name() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let folder = folders()
        .into_iter()
        .find(|folder| folder.ends_with("deberta-v3"))
        .unwrap();
    let added = json_of(home, &["models", "add", folder.to_str().unwrap(), "--name", "words"]);
    assert!(
        Path::new(added["path"].as_str().unwrap()).starts_with(home.join("cache")),
        "{added}"
    );
    write_texts(&home.join("texts.csv"));
    json_of(home, &["new", "words.handful", "--task", "single-label"]);
    json_of(home, &["import", "words.handful", "texts.csv"]);
    journey(home, "words", "probe", &[]);
}
