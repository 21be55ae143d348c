//! Work with the keyboard alone, through the real state and the real file.

use crate::support::{Desk, project};
use egui::{Key, Modifiers, Theme};
use egui_kittest::kittest::{NodeT, Queryable};
use handful::app::Command;
use handful::core::TaskKind;
use handful::ui::screens::{annotate, data, labels};
use handful::ui::window::go;

const SIZE: [f32; 2] = [1280.0, 800.0];

fn single() -> Desk {
    project(
        TaskKind::SingleLabel,
        &["sport", "business"],
        "Match drawn,,\nShares fall,,\nCup won,,\nBank opens,,\n",
        SIZE,
        Theme::Dark,
    )
}

fn current(desk: &mut Desk) -> String {
    let project = desk.app().project().unwrap();
    let id = project.annotating.current.unwrap();
    project.state.text(id).unwrap().body.to_string()
}

#[test]
fn one_key_labels_and_the_next_text_is_in_the_same_frame() {
    let mut desk = single();
    desk.go(annotate::ID);
    assert_eq!(current(&mut desk), "Match drawn");
    desk.digit(1);
    // Exactly one frame was drawn: the next text is in it, as the paragraph and as the chosen row of the queue.
    assert!(
        desk.harness
            .query_all_by_label("Shares fall")
            .any(|node| NodeT::accesskit_node(&node).role() == egui::accesskit::Role::Paragraph)
    );
    assert_eq!(desk.labels_of("Match drawn"), Some(vec!["sport".to_owned()]));
    desk.digit(2);
    desk.key(Key::Space, " ");
    assert_eq!(current(&mut desk), "Bank opens");
    desk.key(Key::B, "b");
    assert_eq!(current(&mut desk), "Cup won");
    desk.key(Key::F, "f");
    desk.settle();
    assert!(
        desk.app()
            .project()
            .unwrap()
            .state
            .texts()
            .any(|text| text.flagged && &*text.body == "Cup won")
    );
}

#[test]
fn labels_survive_closing_and_undo_goes_back_over_them() {
    let mut desk = single();
    desk.go(annotate::ID);
    desk.digit(1);
    desk.digit(2);
    desk.settle();
    let path = desk.app().project().unwrap().store.path().to_path_buf();
    desk.app().execute(Command::Close).unwrap();
    desk.app().execute(Command::Open(path)).unwrap();
    desk.settle();
    assert_eq!(desk.labels_of("Shares fall"), Some(vec!["business".to_owned()]));
    desk.shortcut(Modifiers::COMMAND, Key::Z);
    desk.settle();
    assert_eq!(desk.labels_of("Shares fall"), None);
    assert_eq!(desk.labels_of("Match drawn"), Some(vec!["sport".to_owned()]));
    desk.shortcut(Modifiers::COMMAND | Modifiers::SHIFT, Key::Z);
    desk.settle();
    assert_eq!(desk.labels_of("Shares fall"), Some(vec!["business".to_owned()]));
}

#[test]
fn several_labels_are_toggled_and_saved_with_enter() {
    let mut desk = project(
        TaskKind::MultiLabel,
        &["billing", "shipping", "bug"],
        "One,,\nTwo,,\n",
        SIZE,
        Theme::Light,
    );
    desk.go(annotate::ID);
    for digit in [1, 2, 3, 2] {
        desk.digit(digit);
    }
    assert_eq!(desk.labels_of("One"), None);
    desk.key(Key::Enter, "");
    assert_eq!(
        desk.labels_of("One"),
        Some(vec!["billing".to_owned(), "bug".to_owned()])
    );
    desk.key(Key::Enter, "");
    assert_eq!(desk.labels_of("Two"), Some(vec![]), "nothing chosen means none of them");
    desk.harness.run_steps(2);
    desk.harness.get_by_label("Nothing left to label");
}

#[test]
fn what_is_typed_into_a_field_labels_nothing() {
    let mut desk = single();
    desk.go(annotate::ID);
    desk.key(Key::N, "n");
    desk.harness.run_steps(2);
    desk.digit(1);
    desk.key(Key::Enter, "");
    desk.settle();
    assert_eq!(desk.labels_of("Match drawn"), None);
    assert_eq!(desk.app().project().unwrap().state.texts().next().unwrap().note, "1");
}

#[test]
fn the_palette_finds_a_command_and_runs_it() {
    let mut desk = single();
    go(desk.harness.state_mut(), data::ID);
    desk.shortcut(Modifiers::COMMAND, Key::K);
    desk.type_text("go to lab");
    desk.key(Key::Enter, "");
    desk.harness.run_steps(2);
    assert_eq!(desk.harness.state().screen().id, labels::ID);
    assert!(
        desk.harness.query_by_label("Command").is_none(),
        "the palette is closed again"
    );
    desk.shortcut(Modifiers::COMMAND, Key::Num3);
    assert_eq!(desk.harness.state().screen().id, annotate::ID);
    desk.key(Key::Questionmark, "?");
    desk.harness.run_steps(2);
    desk.harness.get_by_label("Everywhere");
}

#[test]
fn found_texts_are_selected_labelled_and_deleted_at_once() {
    let mut desk = single();
    desk.go(data::ID);
    desk.key(Key::Slash, "/");
    desk.harness.run_steps(2);
    desk.type_text("a");
    desk.key(Key::Tab, "");
    desk.shortcut(Modifiers::COMMAND, Key::A);
    desk.digit(2);
    desk.settle();
    let of = |desk: &mut Desk, body| desk.labels_of(body);
    assert_eq!(of(&mut desk, "Shares fall"), Some(vec!["business".to_owned()]));
    assert_eq!(of(&mut desk, "Bank opens"), Some(vec!["business".to_owned()]));
    assert_eq!(of(&mut desk, "Cup won"), None, "it has no a");
    desk.key(Key::Delete, "");
    desk.settle();
    assert_eq!(desk.app().project().unwrap().state.n_texts(), 1);
    desk.shortcut(Modifiers::COMMAND, Key::Z);
    desk.settle();
    assert_eq!(desk.app().project().unwrap().state.n_texts(), 4);
}

#[test]
fn labels_are_made_renamed_and_deleted_after_a_warning() {
    let mut desk = single();
    desk.go(labels::ID);
    desk.key(Key::N, "n");
    desk.harness.run_steps(2);
    desk.type_text("world > europe");
    desk.key(Key::Enter, "");
    desk.settle();
    let tree = |desk: &mut Desk| desk.app().project().unwrap().state.labels.clone();
    assert!(tree(&mut desk).find("world > europe").is_some());
    desk.key(Key::Escape, "");
    desk.harness.run_steps(2);
    desk.key(Key::ArrowDown, "");
    desk.key(Key::Delete, "");
    desk.harness.run_steps(2);
    assert!(
        tree(&mut desk).find("sport").is_some(),
        "nothing happens before it is confirmed"
    );
    desk.harness.get_by_label("Delete now").click();
    desk.settle();
    assert!(tree(&mut desk).find("sport").is_none());
}
