//! Distillation on the command line: one kind of encoder learns from a run of another over unlabelled texts.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use super::models::json_of;
use super::{refusal, run};

/// Texts in the words of the tiny checkpoints: label a in w1 to w10, label b in w20 to w29. A few are labelled, most are not.
fn write_texts(path: &Path) {
    let mut csv = "id,text,label,split\n".to_owned();
    for i in 0..200 {
        let (label, first) = if i % 2 == 0 { ("a", 1) } else { ("b", 20) };
        let (label, split) = match i {
            0..40 => (label, "test"),
            40..60 => (label, "train"),
            _ => ("", ""),
        };
        let words: Vec<String> = (0..4 + i % 3)
            .map(|j| format!("w{}", first + (i / 2 * (j + 1) + j * j) % 10))
            .collect();
        writeln!(csv, "{i},w0 w{} {},{label},{split}", 30 + i % 14, words.join(" ")).unwrap();
    }
    fs::write(path, csv).unwrap();
}

fn encoder(name: &str) -> String {
    format!("{}/tests/data/encoders/{name}", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn a_student_of_another_architecture_learns_from_a_run() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    write_texts(&home.join("texts.csv"));
    json_of(home, &["new", "words.handful", "--task", "single-label"]);
    json_of(home, &["import", "words.handful", "texts.csv"]);
    let (teacher, student) = (encoder("bert"), encoder("distilbert"));
    let distill = ["train", "words.handful", "--method", "distill", "--encoder", &student];

    let refused = refusal(home, &distill);
    assert!(refused.contains("name its number with --teacher"), "{refused}");
    let refused = refusal(home, &[&distill[..], &["--teacher", "7"]].concat());
    assert!(refused.contains("there is no run 7"), "{refused}");

    let train = ["train", "words.handful", "--encoder", &teacher, "--method", "setfit"];
    let taught = json_of(home, &[&train[..], &["--set", "learning_rate=0.003"]].concat());
    assert!(taught["metrics"]["accuracy"].as_f64().unwrap() > 0.9, "{taught}");
    let refused = refusal(home, &[&train[..], &["--teacher", "1"]].concat());
    assert!(refused.contains("setfit has no teacher"), "{refused}");

    let settings = [
        "--teacher",
        "1",
        "--set",
        "learning_rate=0.003",
        "--set",
        "num_epochs=10",
        "--set",
        "max_unlabelled=100",
    ];
    let learnt = json_of(home, &[&distill[..], &settings].concat());
    assert_eq!(
        (&learnt["findings"]["teacher"], &learnt["n_train"]),
        (&taught["name"], &20.into())
    );
    assert_eq!(learnt["findings"]["n_unlabelled"], 100);
    assert!(learnt["metrics"]["accuracy"].as_f64().unwrap() > 0.9, "{learnt}");
    let config = fs::read_to_string(home.join("words.handful-files/runs/2/config.json")).unwrap();
    assert!(config.contains("distilbert"), "the student keeps its own architecture");

    // Without unlabelled texts there is nothing to learn over.
    let csv = fs::read_to_string(home.join("texts.csv")).unwrap();
    let labelled: Vec<&str> = csv.lines().take(61).collect();
    fs::write(home.join("labelled.csv"), labelled.join("\n")).unwrap();
    json_of(home, &["new", "labelled.handful", "--task", "single-label"]);
    json_of(home, &["import", "labelled.handful", "labelled.csv"]);
    let probe = ["train", "labelled.handful", "--encoder", &teacher, "--method", "probe"];
    assert!(run(home, &probe).status.success());
    let refused = refusal(
        home,
        &[
            "train",
            "labelled.handful",
            "--encoder",
            &student,
            "--method",
            "distill",
            "--teacher",
            "1",
        ],
    );
    assert!(refused.contains("every text has a label"), "{refused}");
}
