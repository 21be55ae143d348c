//! A zero-shot run as a project sees it: kept, gone on with, judged like any other.

use std::fs;
use std::path::{Path, PathBuf};

use super::*;
use crate::app::{Command, Settings};
use crate::core::{Run, RunId, RunStatus, ScoreKind, TaskKind, TextId};
use crate::io::import::ReadOptions;
use crate::jobs::{EngineSpec, Outcome};
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
