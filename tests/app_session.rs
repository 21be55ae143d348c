//! The app as the window drives it, without a window: importing, labelling with keys, undo over restarts, refusals.
#![allow(clippy::unwrap_used)] // a test that cannot be set up has failed

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use handful::app::{App, Command, Project, Settings};
use handful::core::queue::QueueOrder;
use handful::core::{How, LabelId, RunId, RunStatus, ScoreKind, TaskKind, TextId, label_edits, text_edits};
use handful::io::import::ReadOptions;

const WHO: &str = "ana";

fn app(home: &Path) -> App {
    let mut settings = Settings::load_from(&home.join("settings.json"));
    settings.who = WHO.to_owned();
    App::new(settings).unwrap()
}

fn execute(app: &mut App, command: Command) {
    if let Some(job) = app.execute(command).unwrap() {
        app.wait(job, &mut |_| {}).unwrap();
    }
}

/// A project with ten unlabelled texts and two labels.
fn with_project(home: &Path, task: TaskKind) -> App {
    let mut app = app(home);
    let labels = vec![vec!["warm".to_owned()], vec!["cold".to_owned()]];
    execute(
        &mut app,
        Command::NewProject {
            path: home.join("p.handful"),
            task,
            labels,
        },
    );
    let rows: String = (0..10).map(|n| format!("{n},text number {n}\n")).collect();
    fs::write(home.join("t.csv"), format!("id,text\n{rows}")).unwrap();
    execute(
        &mut app,
        Command::Import {
            file: home.join("t.csv"),
            options: ReadOptions::default(),
        },
    );
    app
}

fn labels(app: &App) -> (LabelId, LabelId) {
    let tree = &app.project().unwrap().state.labels;
    (tree.find("warm").unwrap(), tree.find("cold").unwrap())
}

#[test]
fn one_key_labels_and_the_next_text_is_there_at_once() {
    let home = tempfile::tempdir().unwrap();
    let mut app = with_project(home.path(), TaskKind::SingleLabel);
    let (warm, cold) = labels(&app);
    let project = app.project_mut().unwrap();
    let first = project.annotating.current.unwrap();
    project.press_label(warm, WHO).unwrap();
    let second = project.annotating.current.unwrap();
    assert_ne!(first, second);
    assert_eq!(
        project.state.text(first).unwrap().annotation.as_ref().unwrap().labels,
        [warm]
    );

    // Back shows the text with its label; another key replaces it.
    project.annotating.back(&project.state);
    assert_eq!(project.annotating.current, Some(first));
    project.press_label(cold, WHO).unwrap();
    assert_eq!(
        project.state.text(first).unwrap().annotation.as_ref().unwrap().labels,
        [cold]
    );
    assert_eq!(project.annotating.current, Some(second));

    // A skipped text is out of the way until the order is chosen again.
    project.annotating.skip(&project.state);
    assert_ne!(project.annotating.current, Some(second));
    project.annotating.set_order(QueueOrder::InOrder, &project.state, None);
    assert_eq!(project.annotating.current, Some(second));

    app.wait_saved().unwrap();
    assert!(app.project().unwrap().is_saved());
    let stored = app.project().unwrap().store.load().unwrap();
    assert!(stored.all_texts() == app.project().unwrap().state.all_texts());
}

#[test]
fn several_labels_wait_for_enter_and_none_is_an_answer() {
    let home = tempfile::tempdir().unwrap();
    let mut app = with_project(home.path(), TaskKind::MultiLabel);
    let (warm, cold) = labels(&app);
    let project = app.project_mut().unwrap();
    let first = project.annotating.current.unwrap();
    project.press_label(warm, WHO).unwrap();
    project.press_label(cold, WHO).unwrap();
    project.press_label(warm, WHO).unwrap();
    assert_eq!(project.annotating.current, Some(first));
    assert!(project.state.text(first).unwrap().annotation.is_none());
    let chosen: Vec<LabelId> = project.annotating.chosen.iter().copied().collect();
    project.submit(&chosen, WHO).unwrap();
    assert_eq!(
        project.state.text(first).unwrap().annotation.as_ref().unwrap().labels,
        [cold]
    );
    let second = project.annotating.current.unwrap();
    project.submit(&[], WHO).unwrap();
    assert!(
        project
            .state
            .text(second)
            .unwrap()
            .annotation
            .as_ref()
            .unwrap()
            .labels
            .is_empty()
    );
}

#[test]
fn undo_and_redo_walk_over_everything_and_survive_a_restart() {
    let home = tempfile::tempdir().unwrap();
    let mut app = with_project(home.path(), TaskKind::SingleLabel);
    let (warm, cold) = labels(&app);
    let start = app.project().unwrap().state.clone();
    let ids: Vec<TextId> = start.texts().map(|text| text.id).collect();
    app.project_mut()
        .unwrap()
        .annotate(&ids, &[warm], WHO, How::Bulk)
        .unwrap();
    let state = app.project().unwrap().state.clone();
    execute(
        &mut app,
        Command::Edit(label_edits::merge_labels(&state, warm, cold).unwrap()),
    );
    let state = app.project().unwrap().state.clone();
    execute(
        &mut app,
        Command::Edit(text_edits::set_flag(&state, &ids[..3], true).unwrap()),
    );
    app.wait_saved().unwrap();
    let end = app.project().unwrap().state.clone();
    assert_eq!(end.labels.len(), 1);
    execute(&mut app, Command::Close);

    let mut app = self::app(home.path());
    execute(&mut app, Command::Open(home.path().join("p.handful")));
    assert!(app.project().unwrap().state == end);
    for _ in 0..3 {
        execute(&mut app, Command::Undo);
    }
    assert!(app.project().unwrap().state == start);
    for _ in 0..3 {
        execute(&mut app, Command::Redo);
    }
    assert!(app.project().unwrap().state == end);
    assert!(app.project().unwrap().history.redo.is_none());

    // All the way back takes the import with it; forward brings the texts and their ids again.
    for _ in 0..4 {
        execute(&mut app, Command::Undo);
    }
    assert_eq!(app.project().unwrap().state.n_texts(), 0);
    execute(&mut app, Command::Redo);
    assert!(app.project().unwrap().state.texts().eq(start.texts()));
}

#[test]
fn an_edit_the_disk_refuses_is_taken_back_and_said() {
    let home = tempfile::tempdir().unwrap();
    let mut app = with_project(home.path(), TaskKind::SingleLabel);
    let (warm, _) = labels(&app);
    app.wait_saved().unwrap();
    let project = app.project_mut().unwrap();
    let text = project.annotating.current.unwrap();
    // The label goes behind the app's back: what is in memory no longer fits what is on disk.
    let edit = label_edits::delete_label(&project.state, warm).unwrap();
    project.store.apply(&edit).unwrap();
    project.press_label(warm, WHO).unwrap();
    assert!(app.wait_saved().is_err());
    let notice = app.notices.last().unwrap();
    assert!(notice.text.contains("not saved"), "{}", notice.text);
    assert!(app.project().unwrap().state.text(text).unwrap().annotation.is_none());
}

#[test]
fn what_cannot_be_done_says_why_before_a_job_starts() {
    let home = tempfile::tempdir().unwrap();
    let mut app = with_project(home.path(), TaskKind::SingleLabel);
    let train = Command::Train {
        method: "probe".to_owned(),
        encoder: None,
        seed: 1,
        options: vec![],
        teacher: None,
    };
    let refused = app.execute(train).unwrap_err().to_string();
    assert!(refused.contains("label"), "{refused}");
    assert!(
        app.execute(Command::Evaluate {
            run: RunId(9),
            kind: ScoreKind::Test
        })
        .is_err()
    );
    assert!(!app.is_busy());
    execute(&mut app, Command::Close);
    assert!(app.execute(Command::Undo).is_err());
}

#[test]
fn suggestions_follow_the_labels_in_the_background() {
    let home = tempfile::tempdir().unwrap();
    let mut app = app(home.path()).in_window(std::sync::Arc::new(|| {}));
    let labels = vec![vec!["weather".to_owned()], vec!["food".to_owned()]];
    execute(
        &mut app,
        Command::NewProject {
            path: home.path().join("p.handful"),
            task: TaskKind::SingleLabel,
            labels,
        },
    );
    let texts = [
        "Rain and wind all week",
        "The soup was cold",
        "Snow is expected on Friday",
        "A slice of warm bread",
    ];
    fs::write(home.path().join("t.txt"), texts.join("\n")).unwrap();
    execute(
        &mut app,
        Command::Import {
            file: home.path().join("t.txt"),
            options: ReadOptions::default(),
        },
    );
    let project = app.project_mut().unwrap();
    let tree = &project.state.labels;
    let (weather, food) = (tree.find("weather").unwrap(), tree.find("food").unwrap());
    project.press_label(weather, WHO).unwrap();
    project.press_label(food, WHO).unwrap();
    let started = Instant::now();
    while app
        .project()
        .unwrap()
        .suggestions
        .as_ref()
        .is_none_or(|s| s.n_train < 2 || s.rows.scores.len() < 4)
    {
        app.poll(Duration::from_millis(4));
        assert!(started.elapsed() < Duration::from_secs(120), "{:?}", app.notices);
        std::thread::sleep(Duration::from_millis(5));
    }
    let project = app.project_mut().unwrap();
    let ids: Vec<TextId> = project.state.texts().map(|text| text.id).collect();
    assert_eq!(project.best_suggestion(ids[2]).unwrap().0, weather);
    assert_eq!(project.best_suggestion(ids[3]).unwrap().0, food);
    project.accept_suggestion(WHO).unwrap();
    let annotation = project.state.text(ids[2]).unwrap().annotation.clone().unwrap();
    assert_eq!((annotation.labels, annotation.how), (vec![weather], How::Accepted));
}

/// Reads what jobs say until the project looks as wanted.
fn poll_until(app: &mut App, what: &str, wanted: impl Fn(&Project) -> bool) {
    let started = Instant::now();
    while !wanted(app.project().unwrap()) {
        app.poll(Duration::from_millis(4));
        assert!(
            started.elapsed() < Duration::from_secs(120),
            "{what}: {:?}",
            app.notices
        );
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_training_pauses_with_its_state_on_disk_and_goes_on_in_place() {
    let home = tempfile::tempdir().unwrap();
    let mut app = with_project(home.path(), TaskKind::SingleLabel);
    let (warm, cold) = labels(&app);
    let project = app.project_mut().unwrap();
    let ids: Vec<TextId> = project.state.texts().map(|text| text.id).collect();
    for (texts, label) in ids.chunks(5).zip([warm, cold]) {
        project.annotate(texts, &[label], WHO, How::Bulk).unwrap();
    }
    let option = |id: &str, value: &str| (id.to_owned(), value.to_owned());
    let train = Command::Train {
        method: "finetune".to_owned(),
        encoder: Some(format!("{}/tests/data/encoders/bert", env!("CARGO_MANIFEST_DIR"))),
        seed: 1,
        options: vec![option("num_epochs", "100"), option("batch_size", "1")],
        teacher: None,
    };
    let job = app.execute(train.clone()).unwrap().unwrap();
    let training = |project: &Project| project.training.clone();
    poll_until(&mut app, "a step", |p| training(p).is_some_and(|t| t.step > 0));
    app.execute(Command::Pause(job)).unwrap();
    poll_until(&mut app, "the pause", |p| training(p).is_some_and(|t| t.paused));
    let state = home.path().join("p.handful-files/runs/1/checkpoint/state.safetensors");
    assert!(state.exists(), "a paused training is on disk");
    let at = training(app.project().unwrap()).unwrap().step;
    app.poll(Duration::from_millis(20));
    assert_eq!(training(app.project().unwrap()).unwrap().step, at);

    app.execute(Command::Resume(job)).unwrap();
    poll_until(&mut app, "going on", |p| training(p).is_none_or(|t| !t.paused));
    app.execute(Command::Pause(job)).unwrap();
    poll_until(&mut app, "another pause", |p| training(p).is_some_and(|t| t.paused));
    // Stopping does not wait for the pause to end, and the run can go on from there.
    app.execute(Command::Stop(job)).unwrap();
    app.wait(job, &mut |_| {}).unwrap();
    let run = app.project().unwrap().state.runs[0].clone();
    assert_eq!(run.status, RunStatus::Stopped);
    assert!(state.exists());
    execute(&mut app, Command::ResumeRun(run.id));
    let resumed = app.project().unwrap().state.runs[0].clone();
    assert_eq!((resumed.status, resumed.history.len()), (RunStatus::Done, 1000));
    assert!(!state.exists(), "a finished run needs no state");
    assert!(app.execute(Command::ResumeRun(run.id)).is_err());

    execute(&mut app, train);
    let alone = app.project().unwrap().state.runs[1].clone();
    assert_eq!(alone.history, resumed.history);
}
