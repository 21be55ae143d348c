//! Models of one's own: added as shards or torch files, with a prompt that what is made from them carries.

use std::fs;
use std::path::Path;
use std::process::Output;

use candle_core::Device;
use handful::model::Encoder;
use handful::model::tiny::Size;
use serde_json::{Value, json};

use super::handful;

fn fixture(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/weights")
        .join(name)
}

/// Runs a verb with a model cache of the test's own.
fn run(home: &Path, arguments: &[&str]) -> Output {
    let mut command = handful(home);
    command.env("HANDFUL_CACHE", home.join("cache"));
    command.args(arguments).arg("--json").output().unwrap()
}

/// Runs a verb that must succeed, with a model cache of the test's own, and returns its JSON.
pub fn json_of(home: &Path, arguments: &[&str]) -> Value {
    let output = run(home, arguments);
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?} failed: {err}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn refusal(home: &Path, arguments: &[&str]) -> String {
    let output = run(home, arguments);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// A folder with the tiny model and its weights as `layout`.
fn write_folder(dir: &Path, layout: &str) {
    Encoder::load(&fixture("model"), &Device::Cpu)
        .unwrap()
        .save(dir)
        .unwrap();
    fs::remove_file(dir.join("model.safetensors")).unwrap();
    for entry in fs::read_dir(fixture(layout)).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), dir.join(entry.file_name())).unwrap();
    }
}

/// The vectors of some texts, as the file that `handful embed` writes.
fn embed(home: &Path, encoder: &str, texts: &[&str]) -> Vec<u8> {
    fs::write(home.join("texts.txt"), texts.join("\n")).unwrap();
    json_of(home, &["embed", "texts.txt", "--encoder", encoder, "--out", "out.npy"]);
    fs::read(home.join("out.npy")).unwrap()
}

#[test]
fn shards_and_torch_files_are_added_and_give_the_same_vectors() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let texts = ["the cat sleeps", "a goal, a match"];
    write_folder(&home.join("single"), "model");
    let expected = embed(home, "single", &texts);
    for layout in ["shards", "torch", "torch-old", "torch-shards"] {
        write_folder(&home.join(layout), layout);
        json_of(home, &["models", "add", layout]);
        assert!(embed(home, layout, &texts) == expected, "{layout}");
    }
    let listed = json_of(home, &["models", "list"]);
    let here: Vec<&Value> = listed
        .as_array()
        .unwrap()
        .iter()
        .filter(|model| model["verified"] == true)
        .collect();
    assert_eq!(here.len(), 4);
    assert!(here.iter().all(|model| model["prompt"].is_null()), "{listed}");
    assert!(
        json_of(home, &["models", "verify"])
            .as_array()
            .unwrap()
            .iter()
            .all(|model| model["faults"] == json!([]))
    );

    fs::write(home.join("torch/pytorch_model.bin"), "<html>").unwrap();
    let refused = refusal(home, &["models", "add", "torch", "--name", "other"]);
    assert!(
        refused.contains("pytorch_model.bin") && refused.contains("nothing was changed"),
        "{refused}"
    );
}

#[test]
fn a_folder_with_a_vocabulary_only_is_added_and_used() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let texts = ["the cat sleeps", "a goal, a match"];
    Size::TINY.write_folder(&home.join("tiny"), 1).unwrap();
    assert!(!home.join("tiny/tokenizer.json").exists());
    json_of(home, &["models", "add", "tiny", "--name", "added"]);
    assert!(embed(home, "added", &texts) == embed(home, "tiny", &texts));

    fs::remove_file(home.join("tiny/vocab.txt")).unwrap();
    let refused = refusal(home, &["models", "add", "tiny", "--name", "other"]);
    assert!(
        refused.contains("tokenizer.json (or vocab.txt) is missing; nothing was changed"),
        "{refused}"
    );
}

#[test]
fn a_prompt_is_set_shown_and_read_before_every_text() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    write_folder(&home.join("tiny"), "torch");
    json_of(home, &["models", "add", "tiny"]);
    json_of(
        home,
        &["models", "add", "tiny", "--name", "asking", "--prompt", "query: "],
    );
    let prompt = |arguments: &[&str]| json_of(home, &[&["models", "prompt"], arguments].concat())["prompt"].clone();
    assert_eq!((prompt(&["tiny"]), prompt(&["asking"])), (json!(""), json!("query: ")));
    assert_eq!(prompt(&["tiny", "topic: "]), json!("topic: "));
    let listed = json_of(home, &["models", "list"]);
    assert_eq!(
        (&listed[0]["prompt"], &listed[1]["prompt"]),
        (&json!("query: "), &json!("topic: "))
    );
    assert!(
        json_of(home, &["models", "verify"])
            .as_array()
            .unwrap()
            .iter()
            .all(|model| model["faults"] == json!([]))
    );

    let with = embed(home, "asking", &["the cat", "a dog"]);
    assert_eq!(prompt(&["asking", ""]), json!(""));
    assert!(embed(home, "asking", &["query: the cat", "query: a dog"]) == with);
    assert!(embed(home, "asking", &["the cat", "a dog"]) != with);

    let pinned = refusal(home, &["models", "prompt", "all-MiniLM-L6-v2", "query: "]);
    assert!(pinned.contains("pinned") && pinned.contains("models add"), "{pinned}");
    assert!(refusal(home, &["models", "prompt", "nothing", "query: "]).contains("nothing"));
}
