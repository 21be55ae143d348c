//! Encoders with a prompt before every text: what sentence-transformers makes of the same (`scripts/parity/prompts.py`), in use and in
//! training, and in the folder that is saved.

use super::testing::write_json;
use super::{Encoder, Tokens};
use candle_core::Device;
use serde_json::{Value, json};
use std::ops::ControlFlow;
use std::path::Path;

/// The vectors are not normalised: their numbers go up to 7.
const TOLERANCE: f32 = 1e-5;

/// A folder with the tiny model, a prompt and a pooling.
fn folder(prompts: &Value, pooling: &Value) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/weights/model");
    for file in ["config.json", "model.safetensors", "vocab.txt"] {
        std::fs::copy(model.join(file), dir.path().join(file)).unwrap();
    }
    let module =
        |path: &str, kind: &str| json!({ "path": path, "type": format!("sentence_transformers.models.{kind}") });
    let modules = json!([module("", "Transformer"), module("1_Pooling", "Pooling")]);
    write_json(&dir.path().join("modules.json"), &modules);
    std::fs::create_dir(dir.path().join("1_Pooling")).unwrap();
    write_json(&dir.path().join("1_Pooling/config.json"), pooling);
    write_json(
        &dir.path().join("sentence_bert_config.json"),
        &json!({ "max_seq_length": 16 }),
    );
    write_json(&dir.path().join("config_sentence_transformers.json"), prompts);
    dir
}

fn prompted(text: &str) -> Value {
    json!({ "prompts": { "query": "q: ", "sorting": text }, "default_prompt_name": "sorting" })
}

fn load(dir: &Path) -> Encoder {
    Encoder::load(dir, &Device::Cpu).unwrap()
}

fn embed(encoder: &Encoder, texts: &[&str]) -> Vec<f32> {
    encoder.embed(texts, &mut |_| ControlFlow::Continue(())).unwrap().data
}

fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn vectors_with_a_prompt_equal_those_of_sentence_transformers() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/prompts/vectors.json");
    let fixture: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let texts: Vec<&str> = fixture["texts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|text| text.as_str().unwrap())
        .collect();
    let cases = fixture["cases"].as_array().unwrap();
    assert_eq!((texts.len(), cases.len()), (7, 10));
    let prompts = prompted(fixture["prompt"].as_str().unwrap());
    let mut seen: Vec<Vec<f32>> = Vec::new();
    for case in cases {
        let shown = format!("{} include_prompt {}", case["pooling_mode"], case["include_prompt"]);
        let expected: Vec<Vec<f32>> = serde_json::from_value(case["vectors"].clone()).unwrap();
        let pooling = json!({ "pooling_mode": case["pooling_mode"], "include_prompt": case["include_prompt"] });
        let dir = folder(&prompts, &pooling);
        let encoder = load(dir.path());
        let vectors = embed(&encoder, &texts);
        let difference = largest_difference(&vectors, &expected.concat());
        assert!(difference < TOLERANCE, "{shown}: {difference}");

        let tokens = encoder.tokenize(&texts).unwrap();
        let batch: Vec<&Tokens> = tokens.iter().collect();
        let trained = encoder.forward(&batch, None).unwrap();
        let trained: Vec<f32> = trained.flatten_all().unwrap().to_vec1().unwrap();
        assert!(largest_difference(&trained, &vectors) < TOLERANCE, "{shown}");

        let saved = dir.path().join("saved");
        encoder.save(&saved).unwrap();
        let again = load(&saved);
        assert_eq!(
            (again.prompt(), embed(&again, &texts)),
            (encoder.prompt(), vectors.clone()),
            "{shown}"
        );
        seen.push(vectors);
    }
    // Leaving the prompt out changes every pooling but that of the last token.
    for (pair, mode) in seen.chunks(2).zip(["mean", "cls", "sqrt", "weighted", "last"]) {
        assert_eq!(pair[0] == pair[1], mode == "last", "{mode}");
    }
}

#[test]
fn a_prompt_is_read_as_if_it_stood_in_the_text() {
    let pooling = json!({ "pooling_mode": "mean" });
    let (plain, with) = (
        folder(&json!({}), &pooling),
        folder(&prompted("query topic: "), &pooling),
    );
    let (plain, with) = (load(plain.path()), load(with.path()));
    assert_eq!((plain.prompt(), with.prompt()), ("", "query topic: "));
    let written = ["query topic: the cat", "query topic:", "query topic: "];
    let bare = ["the cat", "", " \n"];
    assert_eq!(with.tokenize(&bare).unwrap(), plain.tokenize(&written).unwrap());
    let long = "cat ".repeat(100_000);
    assert_eq!(with.tokenize(&[&long]).unwrap()[0].len(), 16);
}

#[test]
fn a_saved_folder_names_its_prompt_for_sentence_transformers() {
    let saved = |prompts: &Value, config: Option<&str>| -> Value {
        let dir = folder(prompts, &json!({ "pooling_mode": "mean", "include_prompt": false }));
        if let Some(original) = config {
            let path = dir.path().join("config.json");
            let mut config: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            config["_name_or_path"] = json!(original);
            write_json(&path, &config);
        }
        let out = dir.path().join("saved");
        load(dir.path()).save(&out).unwrap();
        let read = |file: &str| -> Value { serde_json::from_slice(&std::fs::read(out.join(file)).unwrap()).unwrap() };
        assert_eq!(read("1_Pooling/config.json")["include_prompt"], json!(false));
        let written = read("config_sentence_transformers.json");
        json!([written["default_prompt_name"], written["prompts"]])
    };
    assert_eq!(saved(&json!({}), None), json!([null, {}]));
    assert_eq!(
        saved(&prompted("a: "), None),
        json!(["sorting", { "query": "q: ", "sorting": "a: " }])
    );
    let classification = json!({ "prompts": { "Classification": "c: ", "query": null } });
    assert_eq!(
        saved(&classification, None),
        json!(["Classification", { "Classification": "c: ", "query": "" }])
    );
    assert_eq!(
        saved(&json!({}), Some("intfloat/e5-small-v2")),
        json!(["query", { "query": "query: " }])
    );
}

#[test]
fn a_prompt_that_leaves_no_room_is_refused() {
    let pooling = json!({ "pooling_mode": "mean" });
    // 16 tokens: two special ones, the prompt, and one for the text.
    load(folder(&prompted(&"cat ".repeat(13)), &pooling).path());
    let dir = folder(&prompted(&"cat ".repeat(14)), &pooling);
    let message = match Encoder::load(dir.path(), &Device::Cpu) {
        Ok(_) => panic!("the prompt was accepted"),
        Err(error) => error.to_string(),
    };
    assert!(
        message.contains("fills the 16 tokens") && message.contains("config_sentence_transformers.json"),
        "{message}"
    );
}
