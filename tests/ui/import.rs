//! A file dropped on the window: looked at first, then imported.

use crate::support::{project, window};
use egui::Theme;
use egui_kittest::kittest::Queryable;
use handful::core::{Split, TaskKind};
use handful::ui::screens::data;
use handful::ui::sheets::SheetState;

const SIZE: [f32; 2] = [1280.0, 800.0];

#[test]
fn nothing_is_written_before_import_is_pressed_and_choices_are_kept() {
    let mut desk = project(TaskKind::SingleLabel, &["sport"], "", SIZE, Theme::Dark);
    desk.go(data::ID);
    let file = desk.folder.path().join("news.csv");
    std::fs::write(&file, "headline;topic\nCup won;sport\nShares fall;business\n;empty\n").unwrap();
    desk.harness.state_mut().view.sheet = Some(SheetState::import(file));
    desk.settle();
    desk.harness.get_by_label("Delimiter: semicolon");
    desk.harness.get_by_label("Text: headline");
    desk.harness.get_by_label("2 labels, 1 of them new");
    assert_eq!(desk.app().project().unwrap().state.n_texts(), 0);

    desk.harness.get_by_label("Put into: as written").click();
    desk.harness.run_steps(3);
    desk.harness.get_by_label("test").click();
    desk.settle();
    desk.harness.get_by_label("Put into: test");
    desk.harness.get_by_label_contains("Import 3 rows").click();
    desk.settle();
    assert_eq!(desk.labels_of("Shares fall"), Some(vec!["business".to_owned()]));
    let state = &desk.app().project().unwrap().state;
    assert_eq!(state.n_texts(), 2);
    assert!(state.texts().all(|text| text.split == Some(Split::Test)));
}

#[derive(Debug)]
struct Dropped(std::path::PathBuf);

impl egui::DroppedFile for Dropped {
    fn path(&self) -> &std::path::Path {
        &self.0
    }

    fn bytes(&self) -> Result<Vec<u8>, String> {
        std::fs::read(&self.0).map_err(|error| error.to_string())
    }
}

#[test]
fn a_dropped_file_is_looked_at_and_what_is_no_text_is_refused() {
    let mut desk = project(TaskKind::SingleLabel, &[], "", SIZE, Theme::Dark);
    for (name, bytes, expected) in [
        ("a.csv", &b"text\nfirst\n"[..], "Import 1 row"),
        ("b.csv", &b""[..], "Try with guesses only"),
    ] {
        let file = desk.folder.path().join(name);
        std::fs::write(&file, bytes).unwrap();
        desk.harness
            .input_mut()
            .dropped_files
            .push(std::sync::Arc::new(Dropped(file)));
        desk.settle();
        desk.harness.run_steps(4);
        desk.harness.get_by_label_contains(expected);
        desk.harness.state_mut().view.sheet = None;
    }
    assert_eq!(desk.app().project().unwrap().state.n_texts(), 0);
}

#[test]
fn a_file_without_a_project_starts_one() {
    let mut desk = window(SIZE, Theme::Light);
    let file = desk.folder.path().join("texts.txt");
    std::fs::write(&file, "first\nsecond\n").unwrap();
    desk.harness.state_mut().view.sheet = Some(SheetState::new_project(Some(file.clone())));
    desk.harness.run_steps(3);
    desk.harness.get_by_label("any number").click();
    desk.harness.run_steps(2);
    desk.harness.get_by_label("Create").click();
    desk.settle();
    desk.settle();
    assert_eq!(
        desk.app().project().unwrap().store.path(),
        file.with_extension("handful")
    );
    assert_eq!(desk.app().project().unwrap().state.task, TaskKind::MultiLabel);
    desk.harness.get_by_label_contains("Import 2 rows").click();
    desk.settle();
    assert_eq!(desk.app().project().unwrap().state.n_texts(), 2);
}
