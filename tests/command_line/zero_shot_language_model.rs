//! Zero-shot by a language model: with a file, with a project's labels, descriptions and labelled texts, and what is refused.

use std::fs;

use serde_json::Value;

use super::{handful, json, refusal};

fn model(case: &str) -> String {
    format!(
        "{}/tests/data/language_models/{case}/model.gguf",
        env!("CARGO_MANIFEST_DIR")
    )
}

#[test]
fn a_file_scores_labels_by_letter_by_yes_and_no_and_by_name() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let file = model("qwen2");
    let ask = |more: &[&str]| {
        let begin = [
            "zero-shot",
            "--engine",
            "language-model",
            "--labels",
            "ferry,cars,food",
            "--text",
            "late",
            "--model",
        ];
        json(home, &[&begin[..], more].concat())
    };
    let sum = |answer: &Value| -> f64 {
        let scores = answer["texts"][0]["scores"].as_object().unwrap();
        scores.values().map(|score| score.as_f64().unwrap()).sum()
    };
    let letters = ask(&[&file]);
    assert_eq!(letters["engine"], "language-model");
    assert!(
        (sum(&letters) - 1.0).abs() < 1e-5 && letters["remarks"] == serde_json::json!([]),
        "{letters}"
    );
    let rotated = ask(&[&file, "--rotations", "3"]);
    assert!((sum(&rotated) - 1.0).abs() < 1e-5);
    assert_ne!(rotated["texts"][0]["scores"], letters["texts"][0]["scores"]);
    assert!((sum(&ask(&[&file, "--multi"])) - 1.0).abs() > 1e-4);
    let written = ask(&[&file, "--mode", "generate"]);
    assert_eq!(sum(&written), 0.0);
    assert!(
        written["remarks"][0].as_str().unwrap().contains("named none"),
        "{written}"
    );

    // The same model by its name, once it was added.
    let own_cache = |arguments: &[&str]| {
        let mut command = handful(home);
        let output = command
            .env("HANDFUL_CACHE", home.join("cache"))
            .args(arguments)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    };
    let added = own_cache(&["models", "add", &file, "--name", "tiny"]);
    assert!(added.contains("tiny"), "{added}");
    let begin = [
        "zero-shot",
        "--engine",
        "language-model",
        "--labels",
        "ferry,cars,food",
        "--text",
        "late",
    ];
    let by_name = own_cache(&[&begin[..], &["--model", "tiny", "--json"]].concat());
    let by_name: Value = serde_json::from_str(&by_name).unwrap();
    assert_eq!(by_name["texts"][0]["scores"], letters["texts"][0]["scores"]);
    own_cache(&["models", "verify"]);
}

#[test]
fn a_projects_labelled_texts_are_shown() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let project = home.join("p.handful").display().to_string();
    let csv = home.join("texts.csv");
    fs::write(
        &csv,
        "text,label\nThe ferry leaves,ferry\nA quiet engine,cars\nGreat food,food\nlate,\n",
    )
    .unwrap();
    json(
        home,
        &["new", &project, "--task", "single-label", "--labels", "ferry,cars,food"],
    );
    json(home, &["import", &project, &csv.display().to_string()]);
    let file = model("qwen3");
    let ask = |more: &[&str]| {
        json(
            home,
            &[
                &["zero-shot", &project, "--engine", "language-model", "--model", &file][..],
                more,
            ]
            .concat(),
        )
    };
    let plain = ask(&[]);
    let shown = ask(&["--shots", "1"]);
    assert_eq!(plain["texts"].as_array().unwrap().len(), 4);
    assert_ne!(plain["texts"][3]["scores"], shown["texts"][3]["scores"]);
}

#[test]
fn what_cannot_be_asked_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let file = model("qwen2");
    let ask = |more: &[&str]| {
        refusal(
            home,
            &[&["zero-shot", "--labels", "a,b", "--text", "x"][..], more].concat(),
        )
    };
    let encoder = format!("{}/tests/data/encoders/bert", env!("CARGO_MANIFEST_DIR"));
    for (more, said) in [
        (&["--rotations", "2"][..], "belong to --engine language-model"),
        (&["--engine", "language-model"], "Qwen3-0.6B-GGUF"),
        (
            &["--engine", "language-model", "--model", "Qwen3-0.6B-GGUF"],
            "handful models get Qwen3-0.6B-GGUF",
        ),
        (
            &["--engine", "language-model", "--model", &file, "--shots", "1"],
            "need a project",
        ),
        (
            &["--engine", "language-model", "--model", &file, "--context", "20"],
            "the model reads 20",
        ),
        (
            &["--engine", "language-model", "--model", &encoder],
            "no GGUF file in this folder",
        ),
        (&["--engine", "entailment", "--model", &file], "--engine language-model"),
    ] {
        let message = ask(more);
        assert!(message.contains(said), "{more:?}: {message}");
    }
}
