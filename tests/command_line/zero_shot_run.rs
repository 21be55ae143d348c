//! Zero-shot scores kept as a run: judged and tuned like any other, without a model; wordings ranked.

use std::fs;
use std::path::Path;

use super::{json, refusal, run};

fn encoder() -> String {
    format!("{}/tests/data/encoders/bert", env!("CARGO_MANIFEST_DIR"))
}

/// Thirty texts to train on, twelve to test on, in words that the tiny encoder knows; labels w1 and w8.
fn project(home: &Path) {
    let row = |split: &str, at: usize| {
        format!(
            "{split}{at},w{} w{},{},{split}\n",
            at % 4 * 7 + 1,
            at + 3,
            ["w1", "w8"][at % 2]
        )
    };
    let train: String = (0..30).map(|at| row("train", at)).collect();
    let test: String = (0..12).map(|at| row("test", at)).collect();
    fs::write(home.join("t.csv"), format!("id,text,label,split\n{train}{test}")).unwrap();
    json(home, &["new", "p.handful", "--task", "single-label"]);
    json(home, &["import", "p.handful", "t.csv"]);
}

#[test]
fn zero_shot_scores_are_a_run_that_is_judged_like_any_other() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    project(home);
    let encoder = encoder();
    let save = ["zero-shot", "p.handful", "--save", "--model", &encoder];
    let kept = json(home, &save);
    assert_eq!(
        (&kept["method"], &kept["status"]),
        (&"zero-shot".into(), &"done".into())
    );
    assert_eq!(
        (&kept["options"]["engine"], &kept["options"]["pile"]),
        (&"similarity".into(), &"auto".into())
    );
    assert_eq!(
        kept["options"]["templates"],
        serde_json::json!(["This text is about {}."])
    );
    assert_eq!(
        (&kept["scored_on"], &kept["n_train"], &kept["n_test"]),
        (&"test".into(), &0.into(), &12.into())
    );
    let id = kept["run"].to_string();

    let judged = json(home, &["evaluate", "p.handful"]);
    assert_eq!(
        (&judged["run"], &judged["remark"]),
        (&kept["run"], &serde_json::Value::Null)
    );
    assert_eq!(judged["accuracy"], kept["metrics"]["accuracy"]);
    let train = json(home, &["evaluate", "p.handful", "--split", "train"]);
    assert_eq!(train["n_texts"], 30);
    json(home, &["thresholds", "p.handful", "--run", &id]);
    let listed = json(home, &["runs", "p.handful"]);
    assert_eq!(
        (&listed[0]["run"], &listed[0]["has_model"]),
        (&kept["run"], &false.into())
    );

    // The same request is the same run; another engine is another.
    assert_eq!(json(home, &save)["run"], kept["run"]);
    let setfit = [&save[..], &["--engine", "templated-setfit", "--copies", "4"]].concat();
    let other = json(home, &setfit);
    assert_ne!(other["run"], kept["run"]);
    assert_eq!(other["options"]["copies"], 4);

    for verb in [
        &["export", "p.handful", "--out", "model", "--run", &id][..],
        &["explain", "p.handful", "--run", &id, "w1 w2"],
    ] {
        let said = refusal(home, verb);
        assert!(
            said.contains("has no model") && said.contains("nothing was trained"),
            "{said}"
        );
    }
    assert!(!home.join("model").exists());

    // Texts labelled later: said, and scored by the same request.
    fs::write(home.join("more.csv"), "id,text,label,split\nnew,w1 w30,w1,test\n").unwrap();
    json(home, &["import", "p.handful", "more.csv"]);
    let judged = json(home, &["evaluate", "p.handful", "--run", &id]);
    assert_eq!(judged["n_texts"], 12);
    assert!(
        judged["remark"]
            .as_str()
            .unwrap()
            .starts_with("1 of 13 texts have no scores"),
        "{judged}"
    );
    let shown = run(home, &["evaluate", "p.handful", "--run", &id]);
    assert!(String::from_utf8_lossy(&shown.stdout).contains("1 of 13 texts have no scores"));
    assert_eq!(json(home, &save)["run"], kept["run"]);
    assert_eq!(json(home, &["evaluate", "p.handful", "--run", &id])["n_texts"], 13);
}

#[test]
fn wordings_are_ranked_and_kept() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    project(home);
    let encoder = encoder();
    let ask = ["zero-shot", "p.handful", "--model", &encoder];
    let wordings = [
        "--compare-templates",
        "--template",
        "w2 {}",
        "--template",
        "{} w5 w6 w7 w9",
    ];
    for engine in ["similarity", "templated-setfit"] {
        let compared = json(home, &[&ask[..], &wordings, &["--engine", engine]].concat());
        assert_eq!(
            (&compared["ranked_by"], &compared["n_labelled"]),
            (&"macro_f1".into(), &30.into()),
            "{compared}"
        );
        let f1 = |at: usize| compared["templates"][at]["macro_f1"].as_f64().unwrap();
        assert!(f1(0) >= f1(1), "{compared}");
    }
    let unknown = json(home, &[&ask[..], &wordings, &["--labels", "w20,w21"]].concat());
    assert_eq!(unknown["ranked_by"], "confidence");
    let confidence = |at: usize| unknown["templates"][at]["confidence"].as_f64().unwrap();
    assert!(confidence(0) >= confidence(1), "{unknown}");
    let shown = run(home, &[&ask[..], &["--compare-templates"]].concat());
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(
        shown.contains("The topic is {}.") && shown.contains("30 labelled texts"),
        "{shown}"
    );

    json(home, &[&ask[..], &["--template", "on {}", "--keep-templates"]].concat());
    assert_eq!(json(home, &ask)["templates"], serde_json::json!(["on {}"]));
    json(home, &[&ask[..], &["--keep-templates"]].concat());
    assert_eq!(
        json(home, &ask)["templates"],
        serde_json::json!(["This text is about {}."])
    );
}

#[test]
fn what_cannot_be_kept_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    project(home);
    let encoder = encoder();
    let said = refusal(
        home,
        &["zero-shot", "p.handful", "--model", &encoder, "--save", "--multi"],
    );
    assert!(said.contains("leave --multi out"), "{said}");
    let said = refusal(home, &["zero-shot", "p.handful", "--save", "--engine", "entailment"]);
    assert!(said.contains("--model"), "{said}");
    let said = refusal(home, &["zero-shot", "p.handful", "--copies", "3"]);
    assert!(said.contains("templated-setfit"), "{said}");
    fs::write(home.join("bare.csv"), "text\nw1 w2\n").unwrap();
    json(home, &["new", "bare.handful", "--task", "single-label"]);
    json(home, &["import", "bare.handful", "bare.csv"]);
    let said = refusal(home, &["zero-shot", "bare.handful", "--save"]);
    assert!(said.contains("no labels"), "{said}");
}
