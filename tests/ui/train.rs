//! The Train screen: nothing trains without labels, a key trains with them, and runs can be read, chosen and compared.

use egui::{Key, Modifiers, Theme};
use egui_kittest::kittest::{NodeT, Queryable};
use handful::app::Command;
use handful::core::{RunId, RunStatus, TaskKind};
use handful::ui::screens::{evaluate, preview, train};

use crate::support::{Desk, project};

const SIZE: [f32; 2] = [1280.0, 800.0];

const FOUR: &str = "rain and wind,weather,\nsoup and bread,food,\nsnow on Friday,weather,\na warm meal,food,\n";

fn four_texts() -> Desk {
    let mut desk = project(TaskKind::SingleLabel, &["weather", "food"], FOUR, SIZE, Theme::Light);
    desk.go(train::ID);
    desk
}

/// Trains the recommended quick probe, and another with another seed.
fn two_runs() -> Desk {
    let mut desk = four_texts();
    for seed in [1, 2] {
        let options = vec![("c".to_owned(), if seed == 1 { "1" } else { "7.5" }.to_owned())];
        let command = Command::Train {
            method: "probe".to_owned(),
            encoder: None,
            seed,
            options,
            teacher: None,
        };
        desk.app().execute(command).unwrap();
        desk.settle();
    }
    desk.harness.run_steps(2);
    desk
}

#[test]
fn without_labels_no_key_trains_and_the_preview_is_offered() {
    let mut desk = project(
        TaskKind::SingleLabel,
        &["warm", "cold"],
        "a text,,\nanother text,,\n",
        SIZE,
        Theme::Dark,
    );
    desk.go(train::ID);
    desk.key(Key::T, "t");
    desk.settle();
    assert!(desk.app().project().unwrap().state.runs.is_empty());
    assert!(!desk.app().is_busy());
    desk.harness.get_by_label("Preview without labels").click();
    desk.harness.run_steps(2);
    assert_eq!(desk.harness.state().screen().id, preview::ID);
}

#[test]
fn a_key_trains_and_another_evaluates() {
    let mut desk = four_texts();
    desk.harness.get_by_label("Quick probe, recommended").click();
    desk.harness.run_steps(2);
    desk.key(Key::T, "t");
    desk.settle();
    let state = &desk.app().project().unwrap().state;
    assert_eq!(state.runs.len(), 1);
    assert_eq!(
        (state.runs[0].method.as_str(), state.runs[0].status),
        ("probe", RunStatus::Done)
    );
    desk.harness.get_by_label_contains("probe-1, 4 labels");
    desk.harness.get_by_label("Precision: f32");
    desk.key(Key::E, "e");
    desk.settle();
    assert_eq!(desk.harness.state().screen().id, evaluate::ID);
    desk.app().execute(Command::Close).unwrap();
}

#[test]
fn what_is_recommended_is_set_at_a_press() {
    let texts: String = (0..48)
        .map(|i| match i % 6 {
            0 => format!("soup number {i},food,\n"),
            _ => format!("rain number {i},weather,\n"),
        })
        .collect();
    let mut desk = project(TaskKind::SingleLabel, &["weather", "food"], &texts, SIZE, Theme::Dark);
    desk.go(train::ID);
    desk.harness.get_by_label("For this data: SetFit");
    desk.harness.get_by_label("Apply: Class weights balanced").click();
    desk.harness.run_steps(2);
    assert!(desk.harness.query_by_label("Apply: Class weights balanced").is_none());
    desk.harness.get_by_label("Set: Class weights balanced.");
    desk.harness.get_by_label_contains(", 1 changed");
    desk.harness.get_by_label("Reset 1").click();
    desk.harness.run_steps(2);
    desk.harness.get_by_label("Apply: Class weights balanced");
}

#[test]
fn options_fold_into_groups_and_a_folded_one_says_what_was_changed() {
    let mut desk = four_texts();
    assert!(
        desk.harness.query_by_label("Head strength C").is_none(),
        "folded at first"
    );
    desk.harness.get_by_label_contains("Head, ").click();
    desk.harness.run_steps(2);
    desk.harness.get_by_label("Head strength C").focus();
    desk.harness.run_steps(2);
    desk.harness.key_press(Key::ArrowUp);
    desk.harness.run_steps(2);
    desk.harness.get_by_label_contains(", 1 changed");
    desk.harness.get_by_label("Reset 1");
}

#[test]
fn arrows_choose_a_run_and_enter_evaluates_it() {
    let mut desk = two_runs();
    let is_chosen = |desk: &Desk, name: &str| {
        let label = format!("{name}, 4 labels");
        let row = desk.harness.get_by_label_contains(&label);
        NodeT::accesskit_node(&row).toggled() == Some(egui::accesskit::Toggled::True)
    };
    assert!(is_chosen(&desk, "probe-2"), "the newest first");
    desk.key(Key::ArrowDown, "");
    desk.harness.run_steps(2);
    assert!(is_chosen(&desk, "probe-1") && !is_chosen(&desk, "probe-2"));
    desk.key(Key::ArrowDown, "");
    assert!(is_chosen(&desk, "probe-1"), "the last stays");
    desk.key(Key::Enter, "");
    desk.settle();
    assert_eq!(desk.harness.state().screen().id, evaluate::ID);
    desk.app().execute(Command::Close).unwrap();
}

#[test]
fn two_runs_are_compared_by_what_differs() {
    let mut desk = two_runs();
    desk.key(Key::C, "c");
    desk.harness.run_steps(3);
    desk.harness.get_by_label("What was done differently");
    desk.harness.get_by_label("Head strength C: 1 and 7.5");
    desk.harness.get_by_label("Seed: 1 and 2");
    assert!(
        desk.harness.query_by_label_contains("Folds: ").is_none(),
        "the same in both"
    );
    desk.harness.check_accessibility();
    desk.shortcut(Modifiers::NONE, Key::Escape);
    assert!(desk.harness.query_by_label("What was done differently").is_none());
    desk.harness.get_by_label("Mark probe-1").click();
    desk.harness.run_steps(2);
    desk.harness.get_by_label("Compare with the marked run");
    desk.key(Key::M, "m");
    desk.harness.run_steps(2);
    desk.harness.get_by_label("Compare the two").click();
    desk.harness.run_steps(3);
    desk.harness.get_by_label("Seed: 1 and 2");
    desk.app().execute(Command::Close).unwrap();
}

#[test]
fn the_trials_of_a_series_fold_into_the_best() {
    let mut desk = two_runs();
    let state = &mut desk.app().project_mut().unwrap().state;
    let made = state.runs[0].clone();
    for (id, f1) in [(3, 0.4), (4, 0.9), (5, 0.6)] {
        let mut trial = made.clone();
        (trial.id, trial.name, trial.series) = (RunId(id), format!("probe-{id}"), "search-1".to_owned());
        trial.metrics.insert("macro_f1".to_owned(), f1);
        state.put_run(trial);
    }
    desk.harness.run_steps(3);
    desk.harness.get_by_label_contains("probe-4, 4 labels, macro F1 0.900");
    desk.harness.get_by_label_contains("best of 3 in search-1");
    assert!(
        desk.harness.query_by_label_contains("probe-5, 4 labels").is_none(),
        "folded"
    );
    desk.key(Key::ArrowRight, "");
    desk.harness.run_steps(3);
    for trial in ["probe-5, 4 labels", "probe-3, 4 labels"] {
        desk.harness.get_by_label_contains(trial);
    }
    desk.key(Key::ArrowLeft, "");
    desk.harness.run_steps(3);
    assert!(desk.harness.query_by_label_contains("probe-5, 4 labels").is_none());
    desk.app().execute(Command::Close).unwrap();
}

/// Draws frames until `done` says so.
fn until(desk: &mut Desk, what: &str, done: impl Fn(&handful::app::Project) -> bool) {
    let started = std::time::Instant::now();
    while !done(desk.app().project().unwrap()) {
        assert!(
            started.elapsed() < std::time::Duration::from_secs(60),
            "{what} does not happen"
        );
        desk.harness.step();
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    desk.harness.run_steps(2);
}

#[test]
fn a_training_pauses_goes_on_stops_and_is_resumed_by_keys() {
    let mut desk = four_texts();
    let options = [("num_iterations", "200"), ("num_epochs", "20")];
    let command = Command::Train {
        method: "setfit".to_owned(),
        encoder: None,
        seed: 42,
        options: options.map(|(id, value)| (id.to_owned(), value.to_owned())).to_vec(),
        teacher: None,
    };
    desk.app().execute(command).unwrap();
    until(&mut desk, "a step", |project| {
        project.training.as_ref().is_some_and(|training| training.step > 0)
    });
    desk.harness.get_by_label("Pause");
    desk.key(Key::P, "p");
    until(&mut desk, "a pause", |project| {
        project.training.as_ref().is_some_and(|training| training.paused)
    });
    desk.harness.get_by_label("Go on");
    desk.harness.get_by_label_contains("paused at step ");
    desk.key(Key::P, "p");
    until(&mut desk, "going on", |project| {
        project.training.as_ref().is_some_and(|training| !training.paused)
    });
    desk.key(Key::S, "s");
    desk.settle();
    let stopped = desk.app().project().unwrap().state.runs[0].clone();
    assert_eq!(stopped.status, RunStatus::Stopped);
    desk.harness.get_by_label("Resume");
    desk.key(Key::R, "r");
    let n_before = stopped.history.len();
    until(&mut desk, "resuming", |project| {
        project
            .training
            .as_ref()
            .is_some_and(|training| training.history.len() > n_before)
    });
    assert!(desk.harness.query_by_label("Resume").is_none());
    desk.key(Key::S, "s");
    desk.settle();
    let state = &desk.app().project().unwrap().state;
    assert_eq!(state.runs.len(), 1, "the same run went on");
    desk.app().execute(Command::Close).unwrap();
}
