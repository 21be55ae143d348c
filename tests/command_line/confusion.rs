//! `evaluate --confusion` and `explain` on a tiny encoder, with one label a text and with several.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use super::{json, refusal, run};

/// 30 training and 20 test texts; the words w1 to w9 make `low`, w20 to w29 `high`, and `b,high` texts of a multi-label project both.
fn trained(home: &Path, task: &str) {
    let mut rows = String::new();
    for i in 0..50 {
        let (label, word) = match i % 3 {
            0 => ("low", 1 + i % 9),
            1 => ("high", 20 + i % 10),
            _ if task == "multi-label" => ("low;high", 1 + i % 9),
            _ => ("middle", 33 + i % 5),
        };
        let split = if i < 30 { "train" } else { "test" };
        writeln!(rows, "t{i},w0 w{word} w{},{label},{split}", 40 + i % 3).unwrap();
    }
    fs::write(home.join("t.csv"), format!("id,text,label,split\n{rows}")).unwrap();
    json(home, &["new", "p.handful", "--task", task]);
    json(home, &["import", "p.handful", "t.csv", "--label-separator", ";"]);
    let encoder = format!("{}/tests/data/encoders/bert", env!("CARGO_MANIFEST_DIR"));
    json(
        home,
        &["train", "p.handful", "--method", "probe", "--encoder", &encoder],
    );
}

fn printed(home: &Path, arguments: &[&str]) -> String {
    let output = run(home, arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_matrix_and_its_order_are_printed_and_all_of_it_is_in_json() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    trained(home, "single-label");
    let plain = printed(home, &["evaluate", "p.handful"]);
    assert!(!plain.contains("True label by row"), "{plain}");
    let text = printed(
        home,
        &["evaluate", "p.handful", "--confusion", "--confusion-order", "name"],
    );
    let matrix: Vec<&str> = text
        .split("True label by row, predicted by column\n")
        .nth(1)
        .unwrap()
        .lines()
        .collect();
    for (line, name) in matrix[1..4].iter().zip(["high", "low", "middle"]) {
        assert_eq!(line.split_whitespace().nth(1), Some(name), "{text}");
    }
    let report = json(
        home,
        &["evaluate", "p.handful", "--confusion", "--confusion-order", "name"],
    );
    assert_eq!(report["label_order"], serde_json::json!(["high", "low", "middle"]));
    let names: Vec<&str> = report["labels"]
        .as_array()
        .unwrap()
        .iter()
        .map(|label| label["label"].as_str().unwrap())
        .collect();
    let rows = report["confusion"].as_array().unwrap();
    for line in &matrix[1..4] {
        let printed: Vec<&str> = line.split_whitespace().collect();
        let at = names.iter().position(|name| *name == printed[1]).unwrap();
        let column = |name: &str| names.iter().position(|known| *known == name).unwrap();
        for (cell, name) in printed[2..].iter().zip(["high", "low", "middle"]) {
            let n = rows[at][column(name)].as_u64().unwrap();
            assert_eq!(*cell, if n == 0 { "·".to_owned() } else { n.to_string() }, "{text}");
        }
    }
    let wrong = run(
        home,
        &["evaluate", "p.handful", "--confusion", "--confusion-order", "size"],
    );
    assert_eq!(wrong.status.code(), Some(2));
}

#[test]
fn labels_that_come_together_are_printed_and_in_json() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    trained(home, "multi-label");
    let text = printed(home, &["evaluate", "p.handful", "--confusion"]);
    assert!(
        text.contains("wrongly given that of the column") && text.contains("True together"),
        "{text}"
    );
    let report = json(home, &["evaluate", "p.handful"]);
    let together = &report["cooccurrence"]["together"];
    let support = |at: usize| report["labels"][at]["support"].clone();
    assert_eq!((&together[0][0], &together[1][1]), (&support(0), &support(1)));
    assert_eq!(together[0][1], together[1][0]);
    // Of the texts 30 to 49 every third has both.
    assert_eq!(together[0][1], 6);
    assert_eq!(
        report["cooccurrence"]["given"][0][0],
        report["labels"][0]["counts"]["tp"]
    );
}

#[test]
fn words_are_explained_for_texts_of_the_project_and_for_others() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    trained(home, "single-label");
    let found = json(
        home,
        &["explain", "p.handful", "t31", "#1", "w0 w3 w25", "--label", "low"],
    );
    let texts = found["texts"].as_array().unwrap();
    assert_eq!(texts.len(), 3);
    assert_eq!((&texts[0]["id"], &texts[1]["id"]), (&"t31".into(), &"#1".into()));
    assert!(texts[2]["id"].is_null() && texts[2]["label"] == "low");
    let effect = |word: &str| {
        let words = texts[2]["words"].as_array().unwrap();
        words.iter().find(|one| one["word"] == word).unwrap()["effect"]
            .as_f64()
            .unwrap()
    };
    assert!(effect("w3") > effect("w25"), "{}", texts[2]);
    // The same text, scored by predict.
    fs::write(home.join("one.txt"), "w0 w3 w25\n").unwrap();
    json(home, &["export", "p.handful", "--out", "model"]);
    let predicted = json(home, &["predict", "model", "one.txt"]);
    let (a, b) = (
        predicted[0]["scores"]["low"].as_f64().unwrap(),
        texts[2]["score"].as_f64().unwrap(),
    );
    assert!((a - b).abs() < 1e-6);
    let against = json(
        home,
        &[
            "explain",
            "p.handful",
            "w0 w3 w25",
            "--label",
            "low",
            "--against",
            "high",
        ],
    );
    assert_eq!(against["texts"][0]["against"], "high");
    let text = printed(home, &["explain", "p.handful", "t31", "w7"]);
    assert!(
        text.contains("leaving out one word at a time") && text.contains("t31  w0"),
        "{text}"
    );

    for (arguments, said) in [
        (["explain", "p.handful", "#999"].as_slice(), "no text #999"),
        (
            &["explain", "p.handful", "t31", "--label", "purple"],
            "no label \"purple\"",
        ),
        (&["explain", "p.handful", "t31", "--run", "9"], "no run 9"),
        (
            &["explain", "p.handful", "t31", "--label", "low", "--against", "low"],
            "against itself",
        ),
    ] {
        let refused = refusal(home, arguments);
        assert!(refused.contains(said), "{refused}");
    }
}
