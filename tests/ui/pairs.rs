//! Pairs of texts on screen: looked at, imported, searched and annotated.

use crate::support::project;
use egui::{Key, Theme};
use egui_kittest::kittest::Queryable;
use handful::core::TaskKind;
use handful::ui::screens::{annotate, data};
use handful::ui::sheets::SheetState;

#[test]
fn both_parts_are_shown_and_searched() {
    let labels = ["entailment", "contradiction"];
    let mut desk = project(TaskKind::SingleLabel, &labels, "", [1280.0, 800.0], Theme::Dark);
    desk.go(data::ID);
    let file = desk.folder.path().join("pairs.csv");
    let rows = "it rains,the street is wet\nit rains,the sun shines\n";
    std::fs::write(&file, format!("premise,hypothesis\n{rows}")).unwrap();
    desk.harness.state_mut().view.sheet = Some(SheetState::import(file));
    desk.settle();
    desk.harness.get_by_label("Text: premise");
    desk.harness.get_by_label("Second text: hypothesis");
    desk.harness.get_by_label_contains("Import 2 rows").click();
    desk.settle();
    desk.harness.get_by_label("it rains ‖ the street is wet");
    desk.harness.get_by_label("it rains ‖ the sun shines");

    desk.key(Key::Slash, "/");
    desk.harness.step();
    desk.type_text("street");
    desk.harness.run_steps(3);
    desk.harness.get_by_label("it rains ‖ the street is wet");
    assert!(desk.harness.query_by_label("it rains ‖ the sun shines").is_none());

    desk.go(annotate::ID);
    for part in ["First text", "it rains", "Second text", "the street is wet"] {
        desk.harness.get_by_label(part);
    }
    desk.digit(1);
    desk.settle();
    assert_eq!(desk.labels_of("it rains"), Some(vec!["entailment".to_owned()]));
    desk.harness.get_by_label("the sun shines");
}
