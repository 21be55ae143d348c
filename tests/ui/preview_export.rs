//! Preview and Export: what is typed reaches the quick model, a wrong sentence says so, annotations are written where the sheet says.

use egui::{Key, Theme};
use egui_kittest::kittest::Queryable;
use handful::app::Command;
use handful::core::TaskKind;
use handful::ui::screens::{export, preview};

use crate::support::project;

const SIZE: [f32; 2] = [1280.0, 800.0];
const TEXTS: &str = "rain and wind,weather,\nsoup and bread,,\n";

#[test]
fn a_sentence_without_a_place_for_the_label_is_refused_in_words() {
    let mut desk = project(TaskKind::SingleLabel, &["weather", "food"], TEXTS, SIZE, Theme::Dark);
    desk.go(preview::ID);
    desk.harness.get_by_label("Sentence around the label").click();
    desk.harness.run_steps(2);
    desk.type_text(" again {}");
    desk.harness.get_by_label_contains("exactly once");
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
