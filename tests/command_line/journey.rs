//! From a file to predictions, for each kind of sample data.

use std::fs;
use std::io::Write;
use std::process::Stdio;

use serde_json::Value;

use super::{handful, json, refusal, run, sample};

#[test]
fn news_from_file_to_predictions() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    json(home, &["new", "news.handful", "--task", "single-label"]);
    let preview = json(home, &["import", "news.handful", &sample("news.csv"), "--preview"]);
    assert_eq!(preview["mapping"]["text_column"], "text");
    let imported = json(home, &["import", "news.handful", &sample("news.csv")]);
    assert_eq!(
        (&imported["n_added"], &imported["n_problems"]),
        (&400.into(), &0.into())
    );
    let again = json(home, &["import", "news.handful", &sample("news.csv")]);
    assert_eq!((&again["n_added"], &again["n_duplicates"]), (&0.into(), &400.into()));

    // A text of the pile gets a label, and a wrong label says which there are.
    let pile = fs::read_to_string(sample("news.csv")).unwrap();
    let unlabelled = pile
        .lines()
        .find(|line| line.ends_with(",,"))
        .unwrap()
        .split(',')
        .next()
        .unwrap();
    let labelled = json(home, &["label", "news.handful", "--id", unlabelled, "--label", "sport"]);
    assert_eq!(labelled["n_labelled"], 245);

    let run = json(
        home,
        &[
            "train",
            "news.handful",
            "--method",
            "setfit",
            "--set",
            "num_iterations=2",
            "--seed",
            "7",
        ],
    );
    assert_eq!(
        (&run["run"], &run["n_train"], &run["n_test"]),
        (&1.into(), &65.into(), &120.into())
    );
    let accuracy = run["metrics"]["accuracy"].as_f64().unwrap();
    assert!(accuracy > 0.7, "accuracy {accuracy}");

    let report = json(
        home,
        &[
            "evaluate",
            "news.handful",
            "--split",
            "test",
            "--scores",
            "scores.jsonl",
        ],
    );
    assert_eq!(report["accuracy"].as_f64(), Some(accuracy));
    let scores = fs::read_to_string(home.join("scores.jsonl")).unwrap();
    assert_eq!(scores.lines().count(), 120);
    let first: Value = serde_json::from_str(scores.lines().next().unwrap()).unwrap();
    let sum: f64 = first["scores"]
        .as_object()
        .unwrap()
        .values()
        .filter_map(Value::as_f64)
        .sum();
    assert!((sum - 1.0).abs() < 1e-5, "{first}");

    let export = json(home, &["export", "news.handful", "--out", "model"]);
    assert_eq!(export["n_same"], export["n_checked"]);
    for file in [
        "model.safetensors",
        "config.json",
        "tokenizer.json",
        "modules.json",
        "head.json",
        "handful.json",
        "README.md",
    ] {
        assert!(home.join("model").join(file).is_file(), "{file}");
    }
    let predicted = json(
        home,
        &["predict", "model", &sample("news.csv"), "--out", "predicted.jsonl"],
    );
    assert_eq!(predicted["n_texts"], 400);
    // The exported model and the run give the same scores.
    let predicted: Vec<Value> = fs::read_to_string(home.join("predicted.jsonl"))
        .unwrap()
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    let same = predicted.iter().find(|row| row["id"] == first["id"]).unwrap();
    for (label, score) in first["scores"].as_object().unwrap() {
        let difference = (score.as_f64().unwrap() - same["scores"][label].as_f64().unwrap()).abs();
        assert!(difference < 1e-5, "{label}: {difference}");
    }
}

#[test]
fn tickets_get_thresholds_that_predictions_follow() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    json(
        home,
        &[
            "new",
            "tickets.handful",
            "--task",
            "multi-label",
            "--labels",
            "billing,shipping",
        ],
    );
    json(home, &["import", "tickets.handful", &sample("tickets.jsonl")]);
    json(home, &["train", "tickets.handful", "--method", "probe"]);
    let before = json(home, &["evaluate", "tickets.handful", "--split", "test"]);
    let tuned = json(home, &["tune", "tickets.handful", "--objective", "f1"]);
    assert_eq!(tuned["kind"], "validation");
    assert!(
        tuned["macro_f1_after"].as_f64() >= tuned["macro_f1_before"].as_f64(),
        "{tuned}"
    );
    let after = json(home, &["evaluate", "tickets.handful", "--split", "test"]);
    assert_ne!(before["labels"], after["labels"]);
    slices_and_one_of_them(home, &after);

    json(home, &["export", "tickets.handful", "--out", "model"]);
    let mut child = handful(home)
        .args(["predict", "model", "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(b"Where is my parcel? It was due on Monday.\n\nI was charged twice.\n")
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let rows: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(rows.len(), 3, "an empty line is a text too");
    for row in &rows {
        let labels: Vec<&str> = row["labels"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(Value::as_str)
            .collect();
        for (at, label) in tuned["labels"].as_array().unwrap().iter().enumerate() {
            let name = label["label"].as_str().unwrap();
            let above = row["scores"][name].as_f64().unwrap() >= tuned["thresholds"][at].as_f64().unwrap();
            assert_eq!(above, labels.contains(&name), "{name} in {row}");
        }
    }
}

/// What `handful predict` says of these texts with a model: labels and scores.
fn predicted(home: &std::path::Path, model: &str, texts: &str) -> Vec<Value> {
    let mut child = handful(home)
        .args(["predict", model, "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(texts.as_bytes()).unwrap();
    serde_json::from_slice(&child.wait_with_output().unwrap().stdout).unwrap()
}

#[test]
fn thresholds_and_fallback_go_from_the_command_line_into_the_exported_model() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let labels = "billing,shipping";
    json(home, &["new", "t.handful", "--task", "multi-label", "--labels", labels]);
    json(home, &["import", "t.handful", &sample("tickets.jsonl")]);
    json(home, &["train", "t.handful", "--method", "probe"]);
    let tuned = json(
        home,
        &[
            "tune",
            "t.handful",
            "--objective",
            "common-micro:cost:1:3",
            "--at-least-one",
        ],
    );
    assert_eq!(
        (&tuned["objective"], &tuned["at_least_one"]),
        (&"common-micro:cost:1:3".into(), &true.into())
    );
    let set = json(home, &["thresholds", "t.handful"]);
    assert_eq!(set["tuned_for"], "common-micro:cost:1:3");
    assert_eq!(set["thresholds"], tuned["thresholds"]);
    assert_eq!(set["figures"], tuned["after"]);
    // Unreachable thresholds: without the fallback no text has a label, with it every text has its best one.
    let mut changes = vec!["thresholds", "t.handful", "--all", "1", "--set", "billing=0.999"];
    let set = json(home, &changes);
    assert_eq!((&set["tuned_for"], &set["at_least_one"]), (&Value::Null, &true.into()));
    assert_eq!(
        set["labels"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|l| l["threshold"] == 0.999)
            .count(),
        1
    );
    json(home, &["export", "t.handful", "--out", "filled"]);
    changes.extend(["--at-least-one", "off"]);
    let set = json(home, &changes);
    assert_eq!(
        set["figures"]["n_without"],
        json(home, &["evaluate", "t.handful", "--split", "validation"])["n_texts"]
    );
    json(home, &["export", "t.handful", "--out", "bare"]);
    let texts = "Where is my parcel?\nI was charged twice.\n";
    for row in predicted(home, "filled", texts) {
        let scores = row["scores"].as_object().unwrap();
        let best = scores
            .iter()
            .max_by(|a, b| a.1.as_f64().partial_cmp(&b.1.as_f64()).unwrap())
            .unwrap();
        assert_eq!(row["labels"], serde_json::json!([best.0]), "{row}");
    }
    for row in predicted(home, "bare", texts) {
        assert_eq!(row["labels"], serde_json::json!([]), "{row}");
    }
    let card = fs::read_to_string(home.join("filled/README.md")).unwrap();
    assert!(
        card.contains("where there is none, the one with the highest score"),
        "{card}"
    );
    // A model from before the fallback existed has none.
    let settings = home.join("filled/handful.json");
    let mut old: Value = serde_json::from_str(&fs::read_to_string(&settings).unwrap()).unwrap();
    old.as_object_mut().unwrap().remove("at_least_one").unwrap();
    fs::write(&settings, old.to_string()).unwrap();
    for row in predicted(home, "filled", texts) {
        assert_eq!(row["labels"], serde_json::json!([]), "{row}");
    }
    let refused = |arguments: &[&str], expected: &str| {
        let said = refusal(home, arguments);
        assert!(said.contains(expected), "{said}");
    };
    refused(&["tune", "t.handful", "--objective", "accuracy>=0.9"], "several labels");
    refused(
        &["tune", "t.handful", "--objective", "common:f1", "--label", "billing"],
        "for all labels",
    );
    refused(&["tune", "t.handful", "--label", "bill"], "billing");
    refused(&["thresholds", "t.handful", "--set", "bill=0.4"], "billing");
    assert_eq!(
        run(home, &["thresholds", "t.handful", "--set", "billing=1.4"])
            .status
            .code(),
        Some(2)
    );
    assert_eq!(
        run(home, &["tune", "t.handful", "--objective", "best"]).status.code(),
        Some(2)
    );
    let one = json(home, &["tune", "t.handful", "--label", "billing", "--objective", "f1"]);
    assert_eq!(one["labels"].as_array().unwrap().len(), 1);
    assert_eq!(
        one["thresholds"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|t| **t == 1.0)
            .count(),
        one["thresholds"].as_array().unwrap().len() - 1
    );
    let reset = json(home, &["thresholds", "t.handful", "--reset"]);
    assert_eq!(reset["labels"][0]["threshold"], 0.5);
}

#[test]
fn products_keep_their_tree() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    json(home, &["new", "products.handful", "--task", "single-label"]);
    json(home, &["import", "products.handful", &sample("products.jsonl")]);
    let written = json(
        home,
        &[
            "export",
            "products.handful",
            "--annotations",
            "jsonl",
            "--out",
            "out.jsonl",
        ],
    );
    assert_eq!(written["n_texts"], 400);
    let out = fs::read_to_string(home.join("out.jsonl")).unwrap();
    assert!(
        out.contains(r#"["Garden","Tools","Pruning"]"#),
        "{}",
        out.lines().next().unwrap()
    );
    let score = json(
        home,
        &[
            "zero-shot",
            "--text",
            "A saw for wet branches",
            "--labels",
            "Pruning,Headphones",
        ],
    );
    let scores = &score["texts"][0]["scores"];
    assert!(scores["Pruning"].as_f64() > scores["Headphones"].as_f64(), "{score}");
}

#[test]
fn embeddings_stand_in_the_order_of_rows() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    fs::write(
        home.join("texts.jsonl"),
        "{\"text\": \"one\"}\n{\"text\": \"\"}\n{\"text\": \"three\"}\n",
    )
    .unwrap();
    let embedded = json(home, &["embed", "texts.jsonl", "--out", "vectors.npy"]);
    assert_eq!((&embedded["n_texts"], &embedded["dim"]), (&3.into(), &384.into()));
    let bytes = fs::metadata(home.join("vectors.npy")).unwrap().len();
    assert!((3 * 384 * 4..3 * 384 * 4 + 256).contains(&bytes), "{bytes}");
    assert!(run(home, &["doctor"]).status.success());
    assert!(run(home, &["models", "list"]).status.success());
}

/// The report of the test texts is also there by length and for the short texts alone.
fn slices_and_one_of_them(home: &std::path::Path, whole: &Value) {
    let of_length = |report: &Value| -> Vec<Value> {
        let slices = report["slices"].as_array().unwrap().iter();
        slices.filter(|slice| slice["by"] == "length").cloned().collect()
    };
    let slices = of_length(whole);
    let n_texts: u64 = slices.iter().filter_map(|slice| slice["n_texts"].as_u64()).sum();
    assert_eq!((Some(n_texts), slices.len()), (whole["n_texts"].as_u64(), 3));
    for id in [
        "subset_accuracy",
        "macro_f1",
        "samples_jaccard",
        "macro_average_precision",
        "brier_score",
    ] {
        assert!(whole["intervals"]["figures"][id]["low"].is_number(), "{id}");
    }
    fn command<'a>(more: &[&'a str]) -> Vec<&'a str> {
        [&["evaluate", "tickets.handful", "--split", "test"], more].concat()
    }
    let short = json(home, &command(&["--only", "length=short", "--beta", "1.5"]));
    for figure in ["n_texts", "accuracy"] {
        assert_eq!(short[figure], slices[0][figure], "{figure}");
    }
    assert_eq!(short["macro"]["f1"], slices[0]["macro_f1"]);
    assert!(short["f_beta_asked"]["averages"]["macro"].is_number() && short["only"] == "length=short");

    let text = String::from_utf8(run(home, &command(&["--by", "length", "--by", "source"])).stdout).unwrap();
    for part in [
        "Hamming loss",
        "samples avg",
        "% interval",
        "By length",
        "short (up to",
        "By source",
        "tickets.jsonl",
    ] {
        assert!(text.contains(part), "{part} is missing from\n{text}");
    }
    let refused = refusal(home, &command(&["--only", "length=tiny"]));
    assert!(refused.contains("short, medium, long"), "{refused}");
    assert_eq!(run(home, &command(&["--by", "colour"])).status.code(), Some(2));
}
