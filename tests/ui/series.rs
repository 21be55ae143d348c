//! Searches and comparisons in the window: set up by keys, watched, and gone on from.

use egui::{Key, Modifiers, Theme};
use egui_kittest::kittest::{NodeT, Queryable};
use handful::core::{Run, RunStatus, TaskKind};
use handful::ui::screens::train;
use serde_json::json;

use crate::support::{Desk, project};

const SIZE: [f32; 2] = [1280.0, 800.0];

/// Ten texts to train on and four to compare on.
fn weather() -> Desk {
    let texts: String = (0..14)
        .map(|i| {
            let split = if i < 10 { "train" } else { "validation" };
            match i % 2 {
                0 => format!("rain number {i},weather,{split}\n"),
                _ => format!("soup number {i},food,{split}\n"),
            }
        })
        .collect();
    let mut desk = project(TaskKind::SingleLabel, &["weather", "food"], &texts, SIZE, Theme::Dark);
    desk.go(train::ID);
    desk.harness.get_by_label_contains("Quick probe").click();
    desk.harness.run_steps(2);
    desk
}

fn is_disabled(desk: &Desk, label: &str) -> bool {
    NodeT::accesskit_node(&desk.harness.get_by_label(label)).is_disabled()
}

#[test]
fn a_search_is_set_up_by_keys_and_its_winner_is_a_model() {
    let mut desk = weather();
    desk.key(Key::O, "o");
    desk.harness.run_steps(3);
    desk.harness.check_accessibility();
    desk.harness
        .get_by_label_contains("Tries 4 in full, then trains the best");
    // The first field has the keyboard.
    desk.type_text(", many");
    desk.harness.get_by_label_contains("C must be a number");
    assert!(is_disabled(&desk, "Start the search"));
    for _ in 0..", many".len() {
        desk.shortcut(Modifiers::NONE, Key::Backspace);
    }
    assert!(!is_disabled(&desk, "Start the search"));
    desk.harness.get_by_label("Start the search").click();
    desk.settle();
    let runs = desk.app().project().unwrap().state.runs.clone();
    assert_eq!(runs.len(), 5);
    assert!(
        runs.iter()
            .all(|run| run.status == RunStatus::Done && run.series == "search-1")
    );
    // Its trials can be seen without a click; the winner stands for it.
    desk.harness.get_by_label_contains("search-1 · winner, 10 labels");
    desk.harness
        .get_by_label_contains("search-1 · trial 1, rung 1, 10 labels");
    desk.key(Key::V, "v");
    desk.harness.run_steps(3);
    desk.harness.check_accessibility();
    desk.harness.get_by_label_contains("The winner is a model");
    desk.harness.get_by_label_contains("trial 2, rung 1: 1,").click();
    desk.harness.run_steps(2);
    desk.harness.get_by_label("Use the options of trial 2, rung 1").click();
    desk.harness.run_steps(3);
    desk.key(Key::T, "t");
    desk.settle();
    let run = desk.app().project().unwrap().state.runs.last().unwrap().clone();
    assert_eq!((run.series.as_str(), run.options["c"].as_f64()), ("", Some(1.0)));
}

#[test]
fn treatments_of_imbalance_are_compared_side_by_side() {
    let mut desk = weather();
    desk.key(Key::I, "i");
    desk.harness.run_steps(3);
    desk.harness.check_accessibility();
    desk.harness
        .get_by_label_contains("Trains 2 in full: 2 trainings. Compared on the 4 validation texts.");
    desk.harness.get_by_label("class_weight=balanced").click();
    desk.harness.run_steps(2);
    desk.harness.get_by_label_contains("give at least two variants");
    desk.harness.get_by_label("class_weight=balanced").click();
    desk.harness.run_steps(2);
    desk.harness.get_by_label("Start the comparison").click();
    desk.settle();
    let runs = desk.app().project().unwrap().state.runs.clone();
    assert_eq!(runs.len(), 2);
    assert_eq!(
        (runs[0].findings["variant"].as_str(), &runs[1].options["class_weight"]),
        (Some("plain"), &"balanced".into())
    );
    desk.key(Key::V, "v");
    desk.harness.run_steps(3);
    desk.harness.get_by_label_contains("Models of trials are not kept");
    desk.shortcut(Modifiers::NONE, Key::Escape);
    assert!(desk.harness.query_by_label_contains("Models of trials").is_none());
}

#[test]
fn rare_labels_that_count_twice_are_pointed_out_in_the_form() {
    let mut desk = weather();
    desk.harness.get_by_label_contains("Fine-tuning").click();
    desk.harness.run_steps(2);
    assert!(desk.harness.query_by_label_contains("count twice").is_none());
    let run = weighed_twice();
    desk.app().project_mut().unwrap().state.put_run(run);
    desk.harness.run_steps(2);
    desk.key(Key::U, "u");
    desk.harness.run_steps(3);
    desk.harness.get_by_label_contains("together they count twice");
}

/// A run of fine-tuning that ended before it had a figure.
fn weighed_twice() -> Run {
    let made = json!({
        "id": 1, "name": "finetune-1", "method": "finetune", "encoder": "e", "seed": 1, "task": TaskKind::SingleLabel,
        "options": {"class_weight": "balanced", "sampling": "balanced"}, "labels": [], "label_paths": [], "n_train": 10,
        "n_validation": 0, "n_test": 0, "started_at_millis": 0, "train_secs": 1.0, "status": "failed", "message": "no",
        "metrics": {}, "scored_on": null, "thresholds": [], "history": [], "watched": [], "findings": {}, "device": "cpu",
        "precision": "f32", "series": "",
    });
    serde_json::from_value(made).unwrap()
}
