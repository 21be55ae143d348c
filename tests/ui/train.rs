//! The Train screen: nothing trains without labels, a key trains with them, and the run appears with its figures.

use egui::{Key, Theme};
use egui_kittest::kittest::Queryable;
use handful::app::Command;
use handful::core::{RunStatus, TaskKind};
use handful::ui::screens::{evaluate, train};

use crate::support::project;

const SIZE: [f32; 2] = [1280.0, 800.0];

#[test]
fn without_labels_no_key_trains() {
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
}

#[test]
fn a_key_trains_and_another_evaluates() {
    let texts = "rain and wind,weather,\nsoup and bread,food,\nsnow on Friday,weather,\na warm meal,food,\n";
    let mut desk = project(TaskKind::SingleLabel, &["weather", "food"], texts, SIZE, Theme::Light);
    desk.go(train::ID);
    desk.harness.get_by_label_contains("Quick probe").click();
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
    desk.key(Key::E, "e");
    desk.settle();
    assert_eq!(desk.harness.state().screen().id, evaluate::ID);
    desk.app().execute(Command::Close).unwrap();
}
