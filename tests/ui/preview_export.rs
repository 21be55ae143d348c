//! Preview and Export: what is typed reaches the quick model, a wrong sentence says so, annotations are written where the sheet says.

use std::path::Path;
use std::time::{Duration, Instant};

use egui::{Key, Theme};
use egui_kittest::kittest::Queryable;
use handful::app::{Command, Previewing};
use handful::core::{How, TaskKind};
use handful::ui::screens::{export, preview};

use crate::support::{Desk, project};

const SIZE: [f32; 2] = [1280.0, 800.0];
const TEXTS: &str = "rain and wind,weather,\nsoup and bread,,\n";

#[test]
fn a_sentence_without_a_place_for_the_label_is_refused_in_words() {
    let mut desk = project(TaskKind::SingleLabel, &["weather", "food"], TEXTS, SIZE, Theme::Dark);
    desk.go(preview::ID);
    desk.harness.get_by_label("Template 1").click();
    desk.harness.run_steps(2);
    desk.type_text(" again {}");
    desk.harness.get_by_label_contains("exactly once");
}

#[test]
fn templates_stand_side_by_side_and_are_compared() {
    let mut desk = project(TaskKind::SingleLabel, &["weather", "food"], TEXTS, SIZE, Theme::Dark);
    desk.go(preview::ID);
    assert!(desk.harness.query_by_label("Show the mean of all templates").is_none());
    desk.key(Key::T, "t");
    desk.harness.run_steps(2);
    desk.harness.get_by_label("Template 2");
    desk.harness.get_by_label("Show the scores of template 2").click();
    desk.harness.run_steps(2);
    desk.harness.get_by_label("Remove template 2").click();
    desk.harness.run_steps(2);
    assert!(desk.harness.query_by_label("Template 2").is_none());
    desk.harness.get_by_label("Compare wordings").click();
    desk.harness.run_steps(2);
    for name in [
        "Template 2",
        "Template 3",
        "Template 4",
        "Ranked as soon as all are scored.",
    ] {
        desk.harness.get_by_label(name);
    }
}

#[test]
fn every_key_of_the_preview_does_what_its_hint_says() {
    let mut desk = project(TaskKind::SingleLabel, &["weather", "food"], TEXTS, SIZE, Theme::Light);
    desk.go(preview::ID);
    desk.key(Key::CloseBracket, "]");
    desk.harness.run_steps(2);
    desk.harness.get_by_label("Words in place of the name");
    desk.key(Key::OpenBracket, "[");
    desk.harness.run_steps(2);
    assert!(desk.harness.query_by_label("Words in place of the name").is_none());
    // With two texts similarity goes by names; templated SetFit and entailment come after it.
    desk.key(Key::E, "e");
    desk.harness.run_steps(2);
    desk.key(Key::E, "e");
    desk.harness.run_steps(2);
    desk.harness.get_by_label("Name or folder of an entailment model");
    desk.harness.get_by_label_contains("Choose the model");
    desk.key(Key::L, "l");
    desk.harness.run_steps(2);
    desk.type_text("sport");
    desk.key(Key::Enter, "");
    desk.harness.run_steps(2);
    desk.harness.get_by_label("Labels: only here");
}

#[test]
fn other_words_for_a_label_and_a_label_left_out_stay_on_this_screen() {
    let mut desk = project(TaskKind::MultiLabel, &["weather", "food"], TEXTS, SIZE, Theme::Light);
    desk.go(preview::ID);
    desk.harness.get_by_label("food").click();
    desk.harness.run_steps(2);
    desk.harness.get_by_label("Words in place of the name").click();
    desk.harness.run_steps(2);
    desk.type_text("things to eat");
    desk.harness.get_by_label("Labels: only here");
    desk.harness.get_by_label("Leave the label out of this try").click();
    desk.harness.run_steps(2);
    assert!(desk.harness.query_by_label("food").is_none());
    let labels = &desk.app().project().unwrap().state.labels;
    assert!(labels.len() == 2 && labels.iter().all(|label| label.description.is_empty()));
}

/// A tiny model that was trained on nothing, with the vocabulary it reads with.
fn tiny_bart(home: &Path) -> String {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let folder = home.join("tiny-bart");
    std::fs::create_dir(&folder).unwrap();
    for from in ["tokenizers/roberta", "zero_shot/bart"].map(|from| data.join(from)) {
        for file in std::fs::read_dir(from).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), folder.join(file.file_name())).unwrap();
        }
    }
    folder.display().to_string()
}

fn choose_model(desk: &mut Desk, model: &str) {
    desk.harness.get_by_label_contains("Entailment").click();
    desk.harness.run_steps(2);
    let field = desk.harness.get_by_label("Name or folder of an entailment model");
    field.focus();
    desk.harness.run_steps(1);
    desk.harness.key_press_modifiers(egui::Modifiers::COMMAND, Key::A);
    desk.harness.run_steps(1);
    desk.type_text(model);
    desk.key(Key::Enter, "");
}

/// Draws frames until the thread has said something of this kind.
fn until(desk: &mut Desk, what: &str, wanted: impl Fn(&Previewing) -> bool) {
    let started = Instant::now();
    while !wanted(&desk.app().project().unwrap().previewing) {
        desk.harness.step();
        assert!(started.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
    desk.harness.run_steps(3);
}

#[test]
fn a_slow_engine_scores_and_its_scores_become_labels_only_where_accepted() {
    let mut desk = project(TaskKind::SingleLabel, &["weather", "food"], TEXTS, SIZE, Theme::Dark);
    let bart = tiny_bart(desk.folder.path());
    desk.go(preview::ID);
    // An encoder has no head that tells entailment.
    let encoder = format!("{}/tests/data/encoders/bert", env!("CARGO_MANIFEST_DIR"));
    choose_model(&mut desk, &encoder);
    until(&mut desk, "an encoder is refused", |previewing| {
        previewing.failure.is_some()
    });
    desk.harness.get_by_label("Get a model");

    choose_model(&mut desk, &bart);
    let all = |previewing: &Previewing| previewing.scores.as_ref().is_some_and(|scores| scores.n_scored() == 2);
    until(&mut desk, "both texts are scored", all);
    desk.harness
        .get_by_label_contains("2 of 2 scored · macro-F1 on 1 labelled");
    let n_annotated = desk.app().project().unwrap().state.n_annotated();
    desk.harness.get_by_label("Use as suggestions").click();
    desk.harness.run_steps(4);
    desk.harness.get_by_label("Zero-shot: entailment · tiny-bart");
    assert_eq!(desk.app().project().unwrap().state.n_annotated(), n_annotated);
    desk.key(Key::A, "a");
    desk.settle();
    let state = &desk.app().project().unwrap().state;
    let text = state.texts().find(|text| &*text.body == "soup and bread").unwrap();
    assert_eq!(
        text.annotation.as_ref().map(|annotation| annotation.how),
        Some(How::Accepted)
    );
    desk.harness.get_by_label("Use no longer").click();
    desk.harness.run_steps(3);
    assert!(
        desk.harness
            .query_by_label("Zero-shot: entailment · tiny-bart")
            .is_none()
    );
}

#[test]
fn a_label_is_tried_without_becoming_one_of_the_project() {
    let mut desk = project(TaskKind::SingleLabel, &["weather", "food"], TEXTS, SIZE, Theme::Light);
    desk.go(preview::ID);
    desk.harness.get_by_label("Try another label").click();
    desk.harness.run_steps(2);
    desk.type_text("sport");
    desk.key(Key::Enter, "");
    desk.harness.run_steps(2);
    desk.harness.get_by_label_contains("sport");
    desk.harness.get_by_label("Labels: only here");
    assert_eq!(desk.app().project().unwrap().state.labels.len(), 2);
    desk.harness.get_by_label("Back to the project's labels").click();
    desk.harness.run_steps(2);
    desk.harness.get_by_label("Labels: from the project");
}

#[test]
fn annotations_are_written_where_the_sheet_says() {
    let mut desk = project(TaskKind::SingleLabel, &["weather", "food"], TEXTS, SIZE, Theme::Dark);
    desk.go(export::ID);
    desk.harness.get_by_label("Export annotations").click();
    desk.harness.run_steps(3);
    let file = desk.folder.path().join("out.csv");
    let field = desk.harness.get_by_label("Path");
    field.focus();
    desk.harness.run_steps(1);
    desk.harness.key_press_modifiers(egui::Modifiers::COMMAND, Key::A);
    desk.harness.run_steps(1);
    desk.type_text(&file.display().to_string());
    desk.key(Key::Enter, "");
    desk.settle();
    let written = std::fs::read_to_string(&file).unwrap();
    assert!(
        written.contains("rain and wind") && written.contains("soup and bread"),
        "{written}"
    );
    desk.app().execute(Command::Close).unwrap();
}
