//! Searches and comparisons as the app runs them, with a tiny encoder: what is kept, what wins, what a stop leaves, what is refused.
#![allow(clippy::unwrap_used)] // a test that cannot be set up has failed

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use handful::app::{App, Command, CompareSpec, SearchSpec, Settings, TrainSpec};
use handful::core::run::next_series;
use handful::core::{Run, RunStatus, ScoreKind, TaskKind};
use handful::io::import::ReadOptions;
use handful::jobs::{Comparison, JobEvent, SearchReport};

const N_TRAIN: usize = 24;

fn execute(app: &mut App, command: Command) {
    if let Some(job) = app.execute(command).unwrap() {
        app.wait(job, &mut |_| {}).unwrap();
    }
}

/// A project whose label is in the words of a text; `splits`: texts of train, validation and test.
fn project(home: &Path, splits: [usize; 3]) -> App {
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
    let mut csv = "id,text,label,split\n".to_owned();
    let split = |i| match i {
        i if i < splits[0] => "train",
        i if i < splits[0] + splits[1] => "validation",
        _ => "test",
    };
    for i in 0..splits.iter().sum() {
        let (label, first) = if i % 3 > 0 { ("a", 1) } else { ("b", 20) };
        let words: Vec<String> = (0..4 + i % 3)
            .map(|j| format!("w{}", first + (i / 2 * (j + 1) + j * j) % 10))
            .collect();
        writeln!(
            csv,
            "{i},w0 w{} {} w{i},{label},{}",
            30 + i % 14,
            words.join(" "),
            split(i)
        )
        .unwrap();
    }
    fs::write(home.join("t.csv"), csv).unwrap();
    let (file, options) = (home.join("t.csv"), ReadOptions::default());
    execute(&mut app, Command::Import { file, options });
    app
}

fn bert() -> Option<String> {
    Some(format!("{}/tests/data/encoders/bert", env!("CARGO_MANIFEST_DIR")))
}

fn pairs(written: &[(&str, &str)]) -> Vec<(String, String)> {
    written
        .iter()
        .map(|(id, value)| ((*id).to_owned(), (*value).to_owned()))
        .collect()
}

fn base(method: &str, seed: u64, settings: &[(&str, &str)]) -> TrainSpec {
    TrainSpec {
        method: method.to_owned(),
        encoder: bert(),
        seed,
        options: pairs(settings),
    }
}

fn search_spec(method: &str, settings: &[(&str, &str)], tries: &[(&str, &str)]) -> SearchSpec {
    SearchSpec {
        base: base(method, 1, settings),
        tries: pairs(tries),
        preset: None,
        n_trials: None,
        metric: "log_loss".to_owned(),
        eta: 2,
    }
}

fn search(method: &str, settings: &[(&str, &str)], tries: &[(&str, &str)]) -> Command {
    Command::Search(search_spec(method, settings, tries))
}

fn compare(method: &str, variants: &[&str], n_seeds: usize, on: Option<ScoreKind>) -> Command {
    Command::Compare(CompareSpec {
        base: base(method, 7, &[("folds", "3")]),
        variants: variants.iter().map(|variant| (*variant).to_owned()).collect(),
        imbalance: false,
        tree: false,
        n_seeds,
        on,
    })
}

fn report(app: &App) -> &SearchReport {
    app.project().unwrap().search.as_ref().unwrap()
}

fn runs(app: &App) -> &[Run] {
    &app.project().unwrap().state.runs
}

fn has_folder(app: &App, run: &Run) -> bool {
    let files = app.project().unwrap().store.files_dir();
    files.join("runs").join(run.id.to_string()).is_dir()
}

fn has_scores(app: &App, run: &Run, kind: ScoreKind) -> bool {
    !app.project().unwrap().store.scores(run.id, kind).unwrap().is_empty()
}

#[test]
fn a_search_keeps_every_trial_and_trains_the_best_in_full() {
    let home = tempfile::tempdir().unwrap();
    let mut app = project(home.path(), [N_TRAIN, 12, 12]);
    // The tiniest rate learns nothing, so the figure of its trials is that of a coin.
    let tries = [("learning_rate", "1e-7,1e-2"), ("num_epochs", "4,8")];
    execute(
        &mut app,
        search("finetune", &[("batch_size", "4"), ("max_length", "16")], &tries),
    );

    let report = report(&app).clone();
    let trials: Vec<(usize, usize, f64)> = report
        .trials
        .iter()
        .map(|row| (row.trial, row.rung, row.share))
        .collect();
    assert_eq!(
        trials,
        [
            (1, 1, 0.5),
            (2, 1, 0.5),
            (3, 1, 0.5),
            (4, 1, 0.5),
            (3, 2, 1.0),
            (4, 2, 1.0)
        ]
    );
    assert_eq!((report.scored_on, report.stopped), (ScoreKind::Validation, false));
    let best = report.trials[4..]
        .iter()
        .min_by(|a, b| a.figure.partial_cmp(&b.figure).unwrap())
        .unwrap();
    assert_eq!(report.best, Some(best.trial));
    assert_eq!(best.options["learning_rate"], 1e-2);
    assert_eq!(best.options.len(), 2);

    let runs = runs(&app);
    assert_eq!(runs.len(), 7);
    assert!(
        runs.iter()
            .all(|run| run.series == "search-1" && run.status == RunStatus::Done)
    );
    for (run, row) in runs.iter().zip(&report.trials) {
        let measured = run.metrics.get("log_loss").copied();
        assert_eq!((run.id, measured), (row.ended.run, row.figure));
        assert_eq!(run.findings["tried"]["num_epochs"], row.options["num_epochs"]);
        assert_eq!(run.findings["goes_by"], "log_loss");
        assert_eq!(run.name, format!("search-1 · trial {}, rung {}", row.trial, row.rung));
        assert!(has_scores(&app, run, ScoreKind::Validation) && !has_scores(&app, run, ScoreKind::Test));
        assert!(!run.has_model() && !has_folder(&app, run));
        assert_eq!((run.n_train, run.n_validation, run.n_test), (N_TRAIN, 12, 0));
    }
    // half the epochs of trial 4 on the first rung, all of them on the second
    assert_eq!(
        (&runs[3].options["num_epochs"], &runs[5].options["num_epochs"]),
        (&4.into(), &8.into())
    );
    let winner = &runs[6];
    assert_eq!(
        (report.winner, winner.name.as_str()),
        (Some(winner.id), "search-1 · winner")
    );
    assert_eq!((winner.scored_on, winner.n_test), (Some(ScoreKind::Test), 12));
    assert_eq!(winner.options["num_epochs"], best.options["num_epochs"]);
    assert_eq!(winner.findings["winner_of"], "search-1");
    assert!(winner.has_model() && has_folder(&app, winner));

    // What is in memory is what is in the file.
    let stored = app.project().unwrap().store.load().unwrap().runs;
    assert_eq!(stored, runs);
    assert_eq!(next_series(&stored, "search"), "search-2");
    assert_eq!(next_series(&stored, "comparison"), "comparison-1");
}

#[test]
fn without_validation_trials_are_scored_by_models_that_did_not_see_the_text() {
    let home = tempfile::tempdir().unwrap();
    let mut app = project(home.path(), [N_TRAIN, 0, 12]);
    execute(&mut app, search("probe", &[("folds", "3")], &[("c", "0.001,10")]));
    let report = report(&app);
    assert_eq!((report.scored_on, report.trials.len()), (ScoreKind::OutOfFold, 2));
    for run in &runs(&app)[..2] {
        let scores = app
            .project()
            .unwrap()
            .store
            .scores(run.id, ScoreKind::OutOfFold)
            .unwrap();
        assert_eq!((scores.len(), run.scored_on), (N_TRAIN, Some(ScoreKind::OutOfFold)));
    }
    // The encoder stays as it is, so the winner's heads left out and its trial's trainings left out give the same.
    let winner = app.project().unwrap().state.run(report.winner.unwrap()).unwrap();
    let trial = &runs(&app)[report.best.unwrap() - 1];
    let store = &app.project().unwrap().store;
    let scores = |run: &Run| store.scores(run.id, ScoreKind::OutOfFold).unwrap();
    assert_eq!(scores(winner), scores(trial));
}

#[test]
fn a_trial_that_fails_does_not_end_the_search() {
    let home = tempfile::tempdir().unwrap();
    let mut app = project(home.path(), [N_TRAIN, 12, 0]);
    let settings = [("num_epochs", "1")];
    execute(&mut app, search("finetune", &settings, &[("freeze_layers", "9,0,1")]));
    let rows = &report(&app).trials;
    let failed = &rows[0].ended;
    assert_eq!((failed.status, rows[0].figure), (RunStatus::Failed, None));
    assert!(failed.message.contains("freeze_layers"), "{}", failed.message);
    assert!(
        rows[1..]
            .iter()
            .all(|row| row.ended.status == RunStatus::Done && row.trial != 1)
    );
    assert!(report(&app).winner.is_some());
    assert_eq!(runs(&app)[0].status, RunStatus::Failed);

    let job = app
        .execute(search("finetune", &settings, &[("freeze_layers", "8,9")]))
        .unwrap()
        .unwrap();
    let error = app.wait(job, &mut |_| {}).unwrap_err().to_string();
    assert!(error.contains("search-2") && error.contains("freeze_layers"), "{error}");
    assert_eq!(runs(&app).last().unwrap().series, "search-2");
    assert!(app.project().unwrap().training.is_none());
}

#[test]
fn a_stop_keeps_the_trials_that_are_finished() {
    let home = tempfile::tempdir().unwrap();
    let mut app = project(home.path(), [N_TRAIN, 12, 0]);
    let tries = [("num_epochs", "1,2,99,100"), ("learning_rate", "1e-4,1e-3")];
    let job = app
        .execute(search("finetune", &[("batch_size", "1")], &tries))
        .unwrap()
        .unwrap();
    while !runs(&app).iter().any(|run| run.status == RunStatus::Done) {
        app.poll(Duration::from_millis(5));
    }
    app.execute(Command::Stop(job)).unwrap();
    app.wait(job, &mut |_| {}).unwrap();
    let report = report(&app);
    assert!(report.stopped && report.winner.is_none() && report.trials.len() < 8);
    let first = &runs(&app)[0];
    assert_eq!((first.status, first.series.as_str()), (RunStatus::Done, "search-1"));
    assert!(has_scores(&app, first, ScoreKind::Validation) && report.best.is_some());
    assert!(runs(&app).iter().all(|run| run.status != RunStatus::Training));
    assert_eq!(app.project().unwrap().store.load().unwrap().runs, runs(&app));
}

#[test]
fn a_stop_amid_the_scoring_keeps_the_model_and_leaves_the_scores_for_later() {
    let home = tempfile::tempdir().unwrap();
    let mut app = project(home.path(), [N_TRAIN, 0, 4_000]);
    let command = Command::Train {
        method: "probe".to_owned(),
        encoder: bert(),
        seed: 1,
        options: pairs(&[("pile", "off"), ("folds", "0")]),
        teacher: None,
    };
    let job = app.execute(command).unwrap().unwrap();
    let interrupts = app.n_interrupts.clone();
    app.wait(job, &mut |event| {
        let scoring = matches!(event, JobEvent::Progress(progress) if progress.note == "scoring test texts");
        if scoring {
            interrupts.store(1, Ordering::SeqCst);
        }
    })
    .unwrap();
    app.n_interrupts.store(0, Ordering::SeqCst);
    let run = runs(&app)[0].clone();
    assert_eq!((run.status, run.scored_on), (RunStatus::Done, None));
    assert!(run.message.contains("stopped before all test texts"), "{}", run.message);
    assert!(run.has_model() && has_folder(&app, &run) && !has_scores(&app, &run, ScoreKind::Test));
    let kind = ScoreKind::Test;
    execute(&mut app, Command::Evaluate { run: run.id, kind });
    assert!(has_scores(&app, &run, kind));
}

#[test]
fn variants_stand_side_by_side_over_seeds() {
    let home = tempfile::tempdir().unwrap();
    let mut app = project(home.path(), [N_TRAIN, 0, 12]);
    execute(
        &mut app,
        compare(
            "finetune",
            &["short: num_epochs=1", "long: num_epochs=3", "bad: freeze_layers=9"],
            2,
            None,
        ),
    );
    let comparison: &Comparison = app.project().unwrap().comparison.as_ref().unwrap();
    assert_eq!(
        (comparison.scored_on, comparison.n_texts),
        (ScoreKind::OutOfFold, N_TRAIN)
    );
    assert_eq!((comparison.rarest.len(), comparison.rarest[0].label.as_str()), (1, "b"));
    assert_eq!(comparison.rarest[0].n_train, 8);
    let names: Vec<&str> = comparison.variants.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names, ["short", "long", "bad"]);
    for row in &comparison.variants[..2] {
        let seeds: Vec<u64> = row.runs.iter().map(|run| run.seed).collect();
        assert_eq!(seeds, [7, 8]);
        let accuracies: Vec<f64> = row.runs.iter().filter_map(|run| run.accuracy).collect();
        let accuracy = row.accuracy.unwrap();
        assert!((accuracy.mean - (accuracies[0] + accuracies[1]) / 2.0).abs() < 1e-12);
        assert!(accuracy.deviation.is_some() && row.rarest_f1[0].is_some());
        assert!(
            row.runs
                .iter()
                .all(|run| run.intervals.is_some() && run.label_f1.len() == 2)
        );
    }
    let bad = &comparison.variants[2];
    assert!(bad.accuracy.is_none() && bad.runs.iter().all(|run| run.ended.status == RunStatus::Failed));
    assert_eq!(runs(&app).len(), 6);
    assert!(
        runs(&app)
            .iter()
            .all(|run| run.series == "comparison-1" && !run.has_model())
    );
    assert_eq!(runs(&app)[0].name, "comparison-1 · short, seed 7");
}

#[test]
fn what_makes_no_sense_is_refused_before_anything_runs() {
    let home = tempfile::tempdir().unwrap();
    let mut app = project(home.path(), [N_TRAIN, 0, 0]);
    let unknown_metric = Command::Search(SearchSpec {
        metric: "subset_accuracy".to_owned(),
        ..search_spec("probe", &[], &[("c", "1,2")])
    });
    let refused: [(Command, &str); 9] = [
        (search("probe", &[], &[]), "at least two values"),
        (search("probe", &[], &[("c", "1")]), "at least two values"),
        (search("probe", &[], &[("c", "1,-1")]), "c must be"),
        (
            search("probe", &[("speed", "1")], &[("c", "1,2")]),
            "no option \"speed\"",
        ),
        (
            unknown_metric,
            "no metric \"subset_accuracy\" for a single-label project; there are accuracy",
        ),
        (compare("probe", &["c=1"], 1, None), "at least two variants"),
        (
            compare("probe", &["x: c=1", "x: c=2"], 1, None),
            "two variants are called \"x\"",
        ),
        (compare("probe", &["c=1", "c=0"], 1, None), "c must be"),
        (
            compare("probe", &["c=1", "c=2"], 1, Some(ScoreKind::Test)),
            "test split",
        ),
    ];
    for (command, message) in refused {
        let shown = format!("{command:?}");
        let error = app.execute(command).unwrap_err().to_string();
        assert!(error.contains(message), "{shown}: {error}");
    }
    assert!(runs(&app).is_empty());
}
