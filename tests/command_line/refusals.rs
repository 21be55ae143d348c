//! What the program says when it cannot do what was asked, and that nothing is lost by asking.

use std::fs;

use super::{json, refusal, run};

#[test]
fn wrong_usage_ends_with_two_and_failures_with_one() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    assert_eq!(
        run(home, &["new", "a.handful", "--task", "many"]).status.code(),
        Some(2)
    );
    assert_eq!(run(home, &["fly"]).status.code(), Some(2));
    assert!(refusal(home, &["import", "missing.handful", "x.csv"]).contains("missing.handful"));

    json(home, &["new", "a.handful", "--task", "single-label", "--labels", "x,y"]);
    assert!(refusal(home, &["new", "a.handful", "--task", "single-label"]).contains("a.handful"));
    assert!(refusal(home, &["train", "a.handful"]).contains("no text"));
    assert!(refusal(home, &["evaluate", "a.handful"]).contains("no run"));
    assert!(refusal(home, &["import", "a.handful", "nothing.csv"]).contains("nothing.csv"));
    assert!(refusal(home, &["predict", "a.handful", "-"]).contains("no model"));
}

#[test]
fn options_out_of_range_and_unknown_labels_name_what_is_possible() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    json(
        home,
        &["new", "a.handful", "--task", "single-label", "--labels", "warm,cold"],
    );
    fs::write(
        home.join("t.csv"),
        "id,text,label\n1,the sun,warm\n2,the ice,cold\n3,the wind,\n",
    )
    .unwrap();
    json(home, &["import", "a.handful", "t.csv"]);
    let label = refusal(home, &["label", "a.handful", "--id", "3", "--label", "windy"]);
    assert!(label.contains("warm") && label.contains("cold"), "{label}");
    let text = refusal(home, &["label", "a.handful", "--id", "9", "--label", "warm"]);
    assert!(text.contains("\"9\""), "{text}");
    let range = refusal(home, &["train", "a.handful", "--set", "batch_size=0"]);
    assert!(range.contains("batch_size"), "{range}");
    let option = refusal(home, &["train", "a.handful", "--set", "speed=9"]);
    assert!(option.contains("num_iterations"), "{option}");
    let encoder = refusal(home, &["train", "a.handful", "--encoder", "no-such-encoder"]);
    assert!(encoder.contains("no-such-encoder"), "{encoder}");
    let template = refusal(home, &["zero-shot", "a.handful", "--template", "about"]);
    assert!(template.contains("{}"), "{template}");

    json(home, &["label", "a.handful", "--id", "3", "--label", "cold"]);
    fs::create_dir(home.join("taken")).unwrap();
    fs::write(home.join("taken/letter.txt"), "mine").unwrap();
    json(home, &["train", "a.handful", "--method", "probe"]);
    assert!(refusal(home, &["export", "a.handful", "--out", "taken"]).contains("taken"));
    assert_eq!(fs::read_to_string(home.join("taken/letter.txt")).unwrap(), "mine");
}

#[test]
fn bad_rows_are_listed_by_line_and_the_rest_is_imported() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    json(home, &["new", "a.handful", "--task", "single-label"]);
    let file =
        "{\"text\": \"first\", \"label\": \"x\"}\n{broken\n{\"text\": \"\"}\n{\"text\": \"last\", \"label\": \"y\"}\n";
    fs::write(home.join("t.jsonl"), file).unwrap();
    let imported = json(home, &["import", "a.handful", "t.jsonl"]);
    assert_eq!(imported["n_added"], 2);
    let lines: Vec<_> = imported["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|problem| problem["line"].as_u64())
        .collect();
    assert_eq!(lines, [Some(2), Some(3)]);
    assert_eq!(fs::read_to_string(home.join("t.jsonl")).unwrap(), file);
}
