//! Zero-shot by entailment: with a classifier in a folder, with one that was trained here on pairs, and what is refused.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::{handful, json, refusal};

/// A tiny BART that was trained on nothing, with the vocabulary it reads with.
fn bart(home: &Path) -> String {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let folder = home.join("tiny-bart");
    fs::create_dir(&folder).unwrap();
    for from in ["tokenizers/roberta", "zero_shot/bart"].map(|from| data.join(from)) {
        for file in fs::read_dir(from).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), folder.join(file.file_name())).unwrap();
        }
    }
    folder.display().to_string()
}

fn encoder() -> String {
    format!("{}/tests/data/encoders/bert", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn a_classifier_in_a_folder_scores_labels() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let bart = bart(home);
    let long = "The ferry leaves the harbour. ".repeat(20);
    let entailment = [
        "zero-shot",
        "--engine",
        "entailment",
        "--model",
        &bart,
        "--labels",
        "ferry,cars,cars",
        "--text",
    ];
    let ask = |more: &[&str]| json(home, &[&entailment[..], more].concat());
    let scores = |answer: &Value, at: usize| -> Vec<f64> {
        ["ferry", "cars"]
            .map(|label| answer["texts"][at]["scores"][label].as_f64().unwrap())
            .to_vec()
    };

    let single = ask(&["late", "--text", &long]);
    assert_eq!(
        (&single["engine"], &single["model"]),
        (&"entailment".into(), &Value::from(bart.as_str()))
    );
    assert_eq!(single["templates"], serde_json::json!(["This example is {}."]));
    assert!(single["texts_per_sec"].as_f64().unwrap() > 0.0 && single["secs"].as_f64().unwrap() > 0.0);
    for at in [0, 1] {
        let sum: f64 = scores(&single, at).iter().sum();
        assert!((sum - 1.0).abs() < 1e-5, "{single}");
    }
    let both = ask(&["late", "--multi", "--template", "On {}.", "--template", "{}"]);
    let of_template = |at: usize| both["texts"][0]["by_template"][at]["cars"].as_f64().unwrap();
    assert!(
        (scores(&both, 0)[1] - (of_template(0) + of_template(1)) / 2.0).abs() < 1e-6,
        "{both}"
    );

    let max = ask(&[&long, "--split-sentences", "max"]);
    let mean = ask(&[&long, "--split-sentences", "mean"]);
    assert_ne!(scores(&max, 0), scores(&single, 1));
    assert_ne!(scores(&mean, 0), scores(&single, 1));
}

#[test]
fn what_cannot_be_asked_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let bart = bart(home);
    let ask = |more: &[&str]| {
        refusal(
            home,
            &[
                &[
                    "zero-shot",
                    "--engine",
                    "entailment",
                    "--text",
                    "late",
                    "--labels",
                    "a,b",
                ][..],
                more,
            ]
            .concat(),
        )
    };
    let said = ask(&[]);
    assert!(said.contains("--model") && said.contains("bart-large-mnli"), "{said}");
    let said = ask(&["--model", "no-such-model"]);
    assert!(
        said.contains("no-such-model") && said.contains("nli-deberta-v3-small"),
        "{said}"
    );
    let said = ask(&["--model", &bart, "--template", "about"]);
    assert!(said.contains("{}"), "{said}");
    let said = ask(&["--model", "all-MiniLM-L6-v2"]);
    assert!(
        said.contains("no classification head") && said.contains("natural language inference"),
        "{said}"
    );
    let said = ask(&["--model", &encoder()]);
    assert!(said.contains("id2label"), "{said}");
    let similarity = ["zero-shot", "--text", "late", "--labels", "a,b"];
    let said = refusal(home, &[&similarity[..], &["--split-sentences", "max"]].concat());
    assert!(said.contains("--engine entailment"), "{said}");
    let said = refusal(home, &[&similarity[..], &["--model", &bart]].concat());
    assert!(said.contains("BART as an encoder"), "{said}");

    let pairs = home.join("pairs.jsonl");
    fs::write(
        &pairs,
        "{\"premise\": \"a\", \"hypothesis\": \"b\", \"label\": \"x\"}\n",
    )
    .unwrap();
    json(home, &["new", "p.handful", "--task", "single-label"]);
    json(home, &["import", "p.handful", "pairs.jsonl"]);
    let said = refusal(
        home,
        &["zero-shot", "p.handful", "--engine", "entailment", "--model", &bart],
    );
    assert!(said.contains("these are pairs"), "{said}");
}

#[test]
fn models_that_are_not_here_are_named_and_without_a_network_said_to_be_out_of_reach() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let run = |arguments: &[&str]| {
        let mut command = handful(home);
        command
            .env("HANDFUL_CACHE", home.join("cache"))
            .env("HF_HUB_OFFLINE", "1");
        command.args(arguments).arg("--json").output().unwrap()
    };
    let listed: Value = serde_json::from_slice(&run(&["models", "list"]).stdout).unwrap();
    let names: Vec<&str> = listed
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|model| model["name"].as_str())
        .collect();
    assert!(
        names.contains(&"bart-large-mnli") && names.contains(&"ModernBERT-base-nli"),
        "{names:?}"
    );
    for name in ["bart-large-mnli", "joeddav/xlm-roberta-large-xnli"] {
        let output = run(&["models", "get", name]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1));
        for part in ["HF_HUB_OFFLINE", "nothing was kept", "handful models add", "the hub ("] {
            assert!(said.contains(part), "{part}: {said}");
        }
    }
    let output = run(&[
        "zero-shot",
        "--text",
        "late",
        "--labels",
        "a,b",
        "--engine",
        "entailment",
        "--model",
        "bart-large-mnli",
    ]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("handful models get bart-large-mnli"), "{said}");
}

/// Every two of six words, with a word that says nothing: one follows from the other where they are of one kind.
fn inference(first_word: &str, second_word: &str) -> String {
    let words = ["w1", "w2", "w3", "w21", "w22", "w23"];
    let mut rows = String::new();
    for (first, second) in (0..6).flat_map(|first| (0..6).map(move |second| (first, second))) {
        let label = if first / 3 == second / 3 {
            "entailment"
        } else {
            "contradiction"
        };
        let (premise, hypothesis) = (
            format!("{} {first_word}", words[first]),
            format!("{} {second_word}", words[second]),
        );
        let row = serde_json::json!({ "premise": premise, "hypothesis": hypothesis, "label": label });
        writeln!(rows, "{row}").unwrap();
    }
    rows
}

#[test]
fn a_run_and_an_export_of_a_project_of_pairs_score_labels() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let rows = [("w35", "w38"), ("w36", "w39"), ("w37", "w40")].map(|(first, second)| inference(first, second));
    fs::write(home.join("train.jsonl"), rows.concat()).unwrap();
    json(home, &["new", "p.handful", "--task", "single-label"]);
    json(home, &["import", "p.handful", "train.jsonl"]);
    let encoder = encoder();
    let mut train = vec!["train", "p.handful", "--method", "finetune", "--encoder", &encoder];
    for setting in ["num_epochs=40", "learning_rate=0.003", "batch_size=12"] {
        train.extend(["--set", setting]);
    }
    json(home, &train);
    json(home, &["export", "p.handful", "--out", "model"]);
    let run = fs::read_dir(home.join("p.handful-files/runs"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let run = run.display().to_string();
    for model in ["model", run.as_str()] {
        let answer = json(
            home,
            &[
                "zero-shot",
                "--engine",
                "entailment",
                "--model",
                model,
                "--labels",
                "w3,w23",
                "--template",
                "{} w39",
                "--text",
                "w1 w35",
                "--text",
                "w22 w36",
            ],
        );
        let score = |text: usize, label: &str| answer["texts"][text]["scores"][label].as_f64().unwrap();
        assert!(score(0, "w3") > 0.8 && score(1, "w23") > 0.8, "{model}: {answer}");
    }
}
