//! Pairs of texts, from a file with two columns to predictions: a tiny encoder learns whether two sentences are about the same thing.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::{json, refusal, run};

/// Subjects of two kinds, as the tiny encoder's tokenizer knows words.
const SUBJECTS: [&str; 6] = ["w1", "w2", "w3", "w21", "w22", "w23"];

/// Every two subjects, each with a word that says nothing: label `same` where they are of one kind.
fn pairs(first_word: &str, second_word: &str) -> Vec<(String, String, &'static str)> {
    let both = (0..6).flat_map(|first| (0..6).map(move |second| (first, second)));
    let pair = |(first, second): (usize, usize)| {
        let label = if first / 3 == second / 3 { "same" } else { "different" };
        let (first, second) = (SUBJECTS[first], SUBJECTS[second]);
        (
            format!("{first} {first_word}"),
            format!("{second} {second_word}"),
            label,
        )
    };
    both.map(pair).collect()
}

/// Words that come together in no pair of the training file.
fn test_pairs() -> Vec<(String, String, &'static str)> {
    pairs("w35", "w39")
}

fn write_files(home: &Path) {
    let (mut train, mut test) = (String::new(), "id,sentence1,sentence2,label\n".to_owned());
    for (first_word, second_word) in [("w35", "w38"), ("w36", "w39"), ("w37", "w40")] {
        for (first, second, label) in pairs(first_word, second_word) {
            let row = serde_json::json!({ "premise": first, "hypothesis": second, "label": label });
            writeln!(train, "{row}").unwrap();
        }
    }
    for (at, (first, second, label)) in test_pairs().iter().enumerate() {
        writeln!(test, "{at},{first},{second},{label}").unwrap();
    }
    fs::write(home.join("train.jsonl"), train).unwrap();
    fs::write(home.join("test.csv"), test).unwrap();
    fs::write(home.join("single.csv"), "text\nw0 w1 w35\n").unwrap();
}

#[test]
fn pairs_from_file_to_predictions() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    write_files(home);
    json(home, &["new", "p.handful", "--task", "single-label"]);
    let preview = json(home, &["import", "p.handful", "train.jsonl", "--preview"]);
    assert_eq!(preview["mapping"]["second_column"], "hypothesis");
    for (file, split, n) in [("train.jsonl", "train", 108), ("test.csv", "test", 36)] {
        let imported = json(home, &["import", "p.handful", file, "--split", split]);
        assert_eq!(
            (&imported["n_added"], &imported["n_problems"]),
            (&n.into(), &0.into()),
            "{imported}"
        );
        let again = json(home, &["import", "p.handful", file, "--split", split]);
        assert_eq!((&again["n_added"], &again["n_duplicates"]), (&0.into(), &n.into()));
    }
    let single = json(home, &["import", "p.handful", "single.csv"]);
    assert_eq!((&single["n_added"], &single["n_problems"]), (&0.into(), &1.into()));
    assert!(
        single["problems"][0]["message"]
            .as_str()
            .unwrap()
            .contains("holds pairs"),
        "{single}"
    );

    let encoder = format!("{}/tests/data/encoders/bert", env!("CARGO_MANIFEST_DIR"));
    let mut train = vec!["train", "p.handful", "--method", "finetune", "--encoder", &encoder];
    for setting in ["num_epochs=40", "learning_rate=0.003", "batch_size=12"] {
        train.extend(["--set", setting]);
    }
    let trained = json(home, &train);
    assert_eq!((&trained["n_train"], &trained["n_test"]), (&108.into(), &36.into()));
    assert!(trained["metrics"]["accuracy"].as_f64().unwrap() > 0.9, "{trained}");
    let report = json(home, &["evaluate", "p.handful"]);
    assert_eq!(report["accuracy"], trained["metrics"]["accuracy"]);

    let exported = json(home, &["export", "p.handful", "--out", "model"]);
    assert!(exported["n_checked"] == 144 && exported["n_same"] == 144, "{exported}");
    let settings: Value = serde_json::from_slice(&fs::read(home.join("model/handful.json")).unwrap()).unwrap();
    assert_eq!(settings["pairs"], true);
    let predicted = json(home, &["predict", "model", "test.csv"]);
    let right = test_pairs()
        .into_iter()
        .zip(predicted.as_array().unwrap())
        .filter(|((_, _, label), row)| row["labels"][0] == *label);
    assert_eq!(
        right.count() as f64 / 36.0,
        trained["metrics"]["accuracy"].as_f64().unwrap()
    );
    fs::write(home.join("own.csv"), "text,asked\nw1 w35,w2 w39\n").unwrap();
    let own = ["predict", "model", "own.csv", "--second", "asked"];
    assert_eq!(json(home, &own)[0]["labels"][0], "same");
}

#[test]
fn what_is_no_pair_is_refused_and_what_is_exported_is_imported_again() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    write_files(home);
    json(home, &["new", "p.handful", "--task", "single-label"]);
    json(home, &["import", "p.handful", "train.jsonl"]);
    let encoder = format!("{}/tests/data/encoders/bert", env!("CARGO_MANIFEST_DIR"));
    json(
        home,
        &["train", "p.handful", "--method", "probe", "--encoder", &encoder],
    );
    json(home, &["export", "p.handful", "--out", "model"]);
    for arguments in [
        &["predict", "model", "single.csv"][..],
        &["predict", "model", "-"],
        &["predict", "model", "train.jsonl", "--second", "none"],
    ] {
        let said = refusal(home, arguments);
        assert!(said.contains("trained on pairs"), "{arguments:?}: {said}");
    }

    for format in ["csv", "jsonl"] {
        let (file, project) = (format!("out.{format}"), format!("again-{format}.handful"));
        json(home, &["export", "p.handful", "--annotations", format, "--out", &file]);
        json(home, &["new", &project, "--task", "single-label"]);
        let again = json(home, &["import", &project, &file]);
        assert_eq!(
            (&again["n_added"], &again["n_problems"]),
            (&108.into(), &0.into()),
            "{again}"
        );
        let back = json(home, &["import", "p.handful", &file]);
        assert_eq!(
            (&back["n_added"], &back["n_duplicates"]),
            (&0.into(), &108.into()),
            "{back}"
        );
    }

    // Read as single texts where a person says so: a model of those does not look at the second column.
    json(home, &["new", "single.handful", "--task", "single-label"]);
    let import = [
        "import",
        "single.handful",
        "train.jsonl",
        "--second",
        "none",
        "--text-column",
        "hypothesis",
    ];
    assert_eq!(json(home, &import)["n_added"], 18);
    let pairs = json(home, &["import", "single.handful", "train.jsonl"]);
    assert_eq!(pairs["n_added"], 0, "{pairs}");
    assert!(
        run(
            home,
            &[
                "import",
                "single.handful",
                "train.jsonl",
                "--second",
                "premise",
                "--text-column",
                "premise"
            ]
        )
        .status
        .code()
            == Some(1)
    );
}
