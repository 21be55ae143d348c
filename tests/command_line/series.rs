//! `search`, `compare` and `runs` on a tiny encoder.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use super::{json, refusal, run};

fn encoder() -> String {
    format!("{}/tests/data/encoders/bert", env!("CARGO_MANIFEST_DIR"))
}

/// A project of 24 training and 10 test texts.
fn project(home: &Path) {
    let mut csv = "id,text,label,split\n".to_owned();
    for i in 0..34 {
        let (label, word) = if i % 3 > 0 {
            ("a", 1 + i % 10)
        } else {
            ("b", 20 + i % 10)
        };
        let split = if i < 24 { "train" } else { "test" };
        writeln!(csv, "{i},w0 w{word} w{} w{i},{label},{split}", 30 + i % 14).unwrap();
    }
    fs::write(home.join("t.csv"), csv).unwrap();
    json(home, &["new", "p.handful", "--task", "single-label"]);
    json(home, &["import", "p.handful", "t.csv"]);
}

#[test]
fn a_search_from_values_to_the_table_of_runs() {
    let home = tempfile::tempdir().unwrap();
    let (home, encoder) = (home.path(), encoder());
    project(home);
    let fixed = [
        "search",
        "p.handful",
        "--method",
        "probe",
        "--encoder",
        &encoder,
        "--set",
        "folds=3",
    ];
    let found = json(
        home,
        &[&fixed[..], &["--try", "c=0.01,1,100", "--trials", "2"]].concat(),
    );
    assert_eq!(found["search"]["series"], "search-1");
    assert_eq!(found["search"]["scored_on"], "out-of-fold");
    assert_eq!(found["search"]["trials"].as_array().unwrap().len(), 2);
    assert_eq!(found["winner"]["scored_on"], "test");

    let runs = json(home, &["runs", "p.handful", "--series", "search-1"]);
    let runs = runs.as_array().unwrap();
    assert_eq!(runs.len(), 3);
    assert_eq!(runs.iter().filter(|run| run["has_model"] == true).count(), 1);
    assert_eq!(runs[2]["changed_options"]["folds"], 3);
    assert!(runs[2]["changed_options"].get("fold_by").is_none());
    assert_eq!(
        json(home, &["runs", "p.handful", "--series", "search-9"]),
        serde_json::json!([])
    );

    // Verbs that take the newest run take the winner; a trial has scores and no model.
    json(home, &["export", "p.handful", "--out", "model"]);
    assert!(refusal(home, &["export", "p.handful", "--out", "other", "--run", "1"]).contains("trials leave scores"));
    json(home, &["evaluate", "p.handful", "--run", "1", "--split", "out-of-fold"]);

    let preset = run(
        home,
        &[&fixed[..], &["--preset", "quick", "--metric", "accuracy"]].concat(),
    );
    let shown = String::from_utf8(preset.stdout).unwrap();
    assert!(preset.status.success(), "{}", String::from_utf8_lossy(&preset.stderr));
    for expected in [
        "search-2: 4 trainings",
        "accuracy",
        "0.1",
        "100",
        "best",
        "Trained in full",
    ] {
        assert!(shown.contains(expected), "{expected}: {shown}");
    }
    let shown = String::from_utf8(run(home, &["runs", "p.handful"]).stdout).unwrap();
    assert!(
        shown.contains("search-1 · winner") && shown.contains("folds=3"),
        "{shown}"
    );
}

#[test]
fn a_comparison_in_a_table_and_as_json() {
    let home = tempfile::tempdir().unwrap();
    let (home, encoder) = (home.path(), encoder());
    project(home);
    let fixed = ["compare", "p.handful", "--method", "probe", "--encoder", &encoder];
    let variants = ["--variant", "weak: c=0.01", "--variant", "strong: c=100"];
    let table = run(home, &[&fixed[..], &variants[..], &["--on", "test"]].concat());
    let table = String::from_utf8(table.stdout).unwrap();
    for expected in [
        "comparison-1",
        "10 test texts",
        "weak",
        "strong",
        "F1 of b (8 texts)",
        "[",
    ] {
        assert!(table.contains(expected), "{expected}: {table}");
    }
    let compared = json(home, &[&fixed[..], &variants[..], &["--seeds", "2"]].concat());
    assert_eq!(compared["scored_on"], "out-of-fold");
    assert_eq!(compared["variants"][1]["runs"].as_array().unwrap().len(), 2);
    assert!(
        compared["variants"][1]["macro_f1"]["deviation"].is_number(),
        "{compared}"
    );
}

#[test]
fn usage_and_values_that_are_wrong_leave_no_runs() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    project(home);
    for verb in ["search", "compare"] {
        assert_eq!(run(home, &[verb, "p.handful"]).status.code(), Some(2), "{verb}");
    }
    assert_eq!(run(home, &["search", "p.handful", "--try", "c"]).status.code(), Some(2));
    let search = |more: &[&str]| refusal(home, &[&["search", "p.handful", "--method", "probe"], more].concat());
    assert!(search(&["--try", "c=1,x"]).contains("c must be"));
    assert!(search(&["--try", "k=1,2"]).contains("no option \"k\"; it has"));
    assert!(search(&["--preset", "endless"]).contains("it has quick"));
    assert!(search(&["--try", "c=1,2", "--metric", "beauty"]).contains("macro_f1"));
    assert_eq!(json(home, &["runs", "p.handful"]), serde_json::json!([]));
}
