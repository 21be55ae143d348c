//! A zero-shot run as a project sees it: kept, gone on with, judged like any other.

use std::fs;
use std::path::{Path, PathBuf};

use super::*;
use crate::app::{Command, Settings};
use crate::core::{Run, RunId, RunStatus, ScoreKind, TaskKind, TextId};
use crate::io::import::ReadOptions;
use crate::jobs::{EndpointSpec, EngineSpec, Outcome};
use crate::model::zero_shot::endpoint::Key;
use crate::model::zero_shot::endpoint::test_server::{Says, Server};
use crate::model::zero_shot::{Descent, Pile};

/// Every kind of text, in words that the tiny encoder knows.
fn rows(split: &str, n: usize) -> String {
    let row = |at: usize| {
        format!(
            "{split}-{at},w{} w{},{},{split}\n",
            at % 4 * 7 + 1,
            at + 3,
            ["w1", "w8"][at % 2]
        )
    };
    (0..n).map(row).collect()
}

fn encoder() -> String {
    format!("{}/tests/data/encoders/bert", env!("CARGO_MANIFEST_DIR"))
}

fn execute(app: &mut App, command: Command) {
    if let Some(job) = app.execute(command).unwrap() {
        app.wait(job, &mut |_| {}).unwrap();
    }
}

fn project(home: &Path) -> App {
    let mut app = App::new(Settings::load_from(&home.join("settings.json"))).unwrap();
    let (path, task) = (home.join("p.handful"), TaskKind::SingleLabel);
    execute(
        &mut app,
        Command::NewProject {
            path,
            task,
            labels: Vec::new(),
        },
    );
    let all = [rows("train", 40), rows("validation", 10), rows("test", 12)].concat();
    fs::write(home.join("t.csv"), format!("id,text,label,split\n{all}")).unwrap();
    let (file, options) = (home.join("t.csv"), ReadOptions::default());
    execute(&mut app, Command::Import { file, options });
    app
}

fn request(kind: EngineKind) -> ZeroShotRunRequest {
    let templates = kind.default_templates(Language::English);
    let model = Some(encoder());
    ZeroShotRunRequest {
        engine: EngineSpec { model, kind },
        templates,
        descriptions: false,
        descent: Descent::default(),
        key: None,
    }
}

fn only_run(app: &App) -> Run {
    let runs = &app.project().unwrap().state.runs;
    assert_eq!(runs.len(), 1);
    runs[0].clone()
}

type Scores = Vec<(TextId, Vec<f32>)>;

fn scores(app: &App, run: RunId) -> [Scores; 3] {
    let store = &app.project().unwrap().store;
    [ScoreKind::OutOfFold, ScoreKind::Validation, ScoreKind::Test].map(|kind| store.scores(run, kind).unwrap())
}

#[test]
fn what_was_cut_off_goes_on_to_the_same_scores() {
    let home = tempfile::tempdir().unwrap();
    let mut app = project(home.path());
    let request = request(EngineKind::templated_setfit());
    execute(&mut app, Command::ZeroShotRun(request.clone()));
    let run = only_run(&app);
    let whole = scores(&app, run.id);
    assert_eq!(whole.each_ref().map(Vec::len), [40, 10, 12]);
    assert_eq!(
        (run.status, run.scored_on, run.has_model()),
        (RunStatus::Done, Some(ScoreKind::Test), false)
    );
    assert!(run.metrics.contains_key("macro_f1") && run.findings["n_scored"] == 62);

    // As a crash leaves it: some portions, one score of which tells that it is not made again.
    let store = app.project().unwrap().store.clone();
    let mut first: Scores = whole[0][..16].to_vec();
    first[0].1 = vec![0.25, 0.75];
    store.save_scores(run.id, ScoreKind::OutOfFold, &first).unwrap();
    store.save_scores(run.id, ScoreKind::Validation, &[]).unwrap();
    store.save_scores(run.id, ScoreKind::Test, &[]).unwrap();
    let status = RunStatus::Training;
    store.save_run(&Run { status, ..run.clone() }).unwrap();
    drop(store);
    execute(&mut app, Command::Close);
    execute(&mut app, Command::Open(home.path().join("p.handful")));
    let cut_off = only_run(&app);
    assert_eq!(cut_off.status, RunStatus::Interrupted);
    assert!(cut_off.message.contains("goes on from there"), "{}", cut_off.message);
    let refused = app.execute(Command::ResumeRun(run.id)).unwrap_err().to_string();
    assert!(refused.contains("has no model"), "{refused}");
    execute(&mut app, Command::ZeroShotRun(request));
    let after = scores(&app, run.id);
    assert_eq!(after[0][0].1, [0.25, 0.75]);
    assert_eq!((&after[0][1..], &after[1..]), (&whole[0][1..], &whole[1..]));
    let again = only_run(&app);
    assert_eq!(
        (again.id, again.status, again.message.as_str()),
        (run.id, RunStatus::Done, "")
    );
}

#[test]
fn a_stop_keeps_the_run_and_says_how_to_go_on() {
    let home = tempfile::tempdir().unwrap();
    let mut app = project(home.path());
    for kind in [
        EngineKind::templated_setfit(),
        EngineKind::Similarity { pile: Pile::On },
    ] {
        let request = request(kind);
        let scoring = Scoring::new(&app.project().unwrap().state, &app.catalog, &request).unwrap();
        let (store, catalog, compute) = (app.project().unwrap().store.clone(), app.catalog.clone(), app.compute());
        let (go, wait) = crossbeam_channel::bounded::<()>(0);
        let job = app.jobs.start(JobKind::Train, move |job| {
            wait.recv()?;
            let outcome: anyhow::Result<Outcome> = zero_shot_run::run(job, &store, &catalog, &scoring, compute, 1, 7);
            outcome
        });
        app.jobs.cancel(job);
        go.send(()).unwrap();
        app.wait(job, &mut |_| {}).unwrap();
        let stopped = app.project().unwrap().state.runs.last().unwrap().clone();
        assert_eq!(stopped.status, RunStatus::Stopped);
        assert!(stopped.message.contains("0 of 62"), "{}", stopped.message);
        execute(&mut app, Command::ZeroShotRun(request));
        let done = app.project().unwrap().state.runs.last().unwrap().clone();
        assert_eq!((done.id, done.status), (stopped.id, RunStatus::Done));
        assert_eq!(scores(&app, done.id).each_ref().map(Vec::len), [40, 10, 12]);
    }
    assert_eq!(app.project().unwrap().state.runs.len(), 2);
    let similarity = app.project().unwrap().state.runs[1].clone();
    assert!(similarity.findings["temperature"][0].as_f64().unwrap() > 0.0);
}

#[test]
fn templates_are_those_of_the_project_else_of_its_language() {
    let home = tempfile::tempdir().unwrap();
    let mut app = project(home.path());
    let kind = EngineKind::Similarity { pile: Pile::Auto };
    let unsure = app.zero_shot_templates(&kind);
    assert_eq!((unsure.because, unsure.sentences.len()), (Because::Unsure, 1));
    let file: PathBuf = home.path().join("german.csv");
    let german = "Das Paket ist nicht angekommen und ich bin mit der Antwort nicht zufrieden.";
    let rows: String = (0..40).map(|at| format!("{german} {at}\n")).collect();
    fs::write(&file, format!("text\n{rows}")).unwrap();
    let options = ReadOptions::default();
    execute(&mut app, Command::Import { file, options });
    let german = app.zero_shot_templates(&kind);
    assert_eq!(german.because, Because::Language(Language::German));
    assert_eq!(german.sentences, kind.default_templates(Language::German));
    app.remember_templates(&["Es geht um {}.".to_owned()]).unwrap();
    let chosen = app.zero_shot_templates(&kind);
    assert_eq!(
        (chosen.because, chosen.sentences),
        (Because::Chosen, vec!["Es geht um {}.".to_owned()])
    );
}

fn language_model(shots: usize, nearest: usize) -> ZeroShotRunRequest {
    let settings = crate::model::zero_shot::language_model::Settings {
        shots,
        nearest,
        ..Default::default()
    };
    let file = format!(
        "{}/tests/data/language_models/qwen2/model.gguf",
        env!("CARGO_MANIFEST_DIR")
    );
    let mut request = request(EngineKind::LanguageModel(settings));
    request.engine.model = Some(file);
    request
}

#[test]
fn a_language_model_leaves_a_run_and_shows_examples() {
    let home = tempfile::tempdir().unwrap();
    let mut app = project(home.path());
    let plain = language_model(0, 0);
    execute(&mut app, Command::ZeroShotRun(plain.clone()));
    let run = only_run(&app);
    assert_eq!((run.status, &run.options["mode"]), (RunStatus::Done, &"letters".into()));
    assert_eq!(run.options["templates"], serde_json::json!(["{}"]));
    let scored = scores(&app, run.id);
    assert_eq!(scored.each_ref().map(Vec::len), [40, 10, 12]);
    execute(&mut app, Command::ZeroShotRun(plain));
    assert_eq!(only_run(&app).id, run.id);
    execute(&mut app, Command::ZeroShotRun(language_model(2, 0)));
    let runs = app.project().unwrap().state.runs.clone();
    assert_eq!(runs.len(), 2);
    assert_ne!(scores(&app, runs[1].id)[2], scored[2]);
}

#[test]
fn an_endpoint_leaves_a_run_without_its_key_and_says_what_it_took() {
    let home = tempfile::tempdir().unwrap();
    let mut app = project(home.path());
    let server = Server::new(|_| Says::tokens(&[("A", 0.75), ("B", 0.25)]));
    let mut asked = request(EngineKind::Endpoint(EndpointSpec::at(&server.address)));
    asked.engine.model = Some("some-model".into());
    asked.key = Some(Key::new("sk-s3cret", "a test").unwrap());
    execute(&mut app, Command::ZeroShotRun(asked.clone()));
    let run = only_run(&app);
    assert_eq!((run.status, run.encoder.as_str()), (RunStatus::Done, "some-model"));
    assert_eq!(run.findings["usage"]["requests"], 62);
    assert_eq!(scores(&app, run.id)[0][0].1, [0.75, 0.25]);
    assert!(server.asked().iter().all(|of| of.head.contains("sk-s3cret")));
    let kept = serde_json::to_string(&run).unwrap();
    assert!(!kept.contains("s3cret") && kept.contains(&server.address), "{kept}");

    // The rest of a run that was cut off is asked for, and what asking took is added up.
    let store = app.project().unwrap().store.clone();
    store.save_scores(run.id, ScoreKind::Test, &[]).unwrap();
    drop(store);
    execute(&mut app, Command::ZeroShotRun(asked.clone()));
    let again = only_run(&app);
    assert_eq!((again.id, &again.findings["usage"]["requests"]), (run.id, &74.into()));

    asked.engine.kind = EngineKind::Endpoint(EndpointSpec::at("https://models.example/v1"));
    let refused = app.execute(Command::ZeroShotRun(asked)).unwrap_err().to_string();
    assert!(refused.contains("models.example"), "{refused}");
}

#[test]
fn labels_that_form_a_tree_are_scored_as_one() {
    let home = tempfile::tempdir().unwrap();
    let mut app = App::new(Settings::load_from(&home.path().join("settings.json"))).unwrap();
    let labels = ["w1", "w1 > w3", "w1 > w4", "w8", "w8 > w3", "w8 > w5"];
    let labels = labels
        .map(|path| path.split(" > ").map(str::to_owned).collect())
        .to_vec();
    let (path, task) = (home.path().join("p.handful"), TaskKind::SingleLabel);
    execute(&mut app, Command::NewProject { path, task, labels });
    let row = |at: usize| {
        format!(
            "w{} w{},{}\n",
            at + 3,
            at * 7 + 1,
            ["w1 > w3", "w8 > w3", "w8 > w5"][at % 3]
        )
    };
    let rows: String = (0..30).map(row).collect();
    fs::write(home.path().join("t.csv"), format!("text,path\n{rows}")).unwrap();
    let (file, options) = (home.path().join("t.csv"), ReadOptions::default());
    execute(&mut app, Command::Import { file, options });
    assert_eq!(app.project().unwrap().state.labels.len(), 6);
    let mut requests = vec![
        request(EngineKind::Similarity { pile: Pile::Off }),
        request(EngineKind::templated_setfit()),
        language_model(1, 0),
    ];
    let mut flat = requests[0].clone();
    flat.descent = Descent::Flat;
    requests.push(flat);
    let n_requests = requests.len();
    for mut request in requests {
        request.templates = vec!["w2 {path}".into()];
        execute(&mut app, Command::ZeroShotRun(request));
    }
    let runs = app.project().unwrap().state.runs.clone();
    assert_eq!(runs.len(), n_requests);
    for run in &runs {
        let tree = run.tree().expect("the columns form a tree");
        let scored = &scores(&app, run.id)[0];
        assert_eq!((run.status, scored.len(), tree.len()), (RunStatus::Done, 30, 6));
        for (_, row) in scored {
            let below = |parent| tree.children(parent).iter().map(|child| row[*child]).sum::<f32>();
            assert!((below(None) - 1.0).abs() < 1e-4, "{row:?}");
            assert!((0..6).all(|column| row[column] <= tree.parent(column).map_or(1.0, |above| row[above]) + 1e-6));
        }
    }
    assert_eq!(
        (&runs[0].options["tree"], &runs[0].options["beam"]),
        (&"top-down".into(), &3.into())
    );
    assert_eq!(runs[3].options["tree"], "flat");
}
