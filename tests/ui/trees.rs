//! Labels in a tree: descending by keys, partial paths, the search, branches of the queue, the labels screen, large trees.

use std::fmt::Write;
use std::time::{Duration, Instant};

use egui::{Key, Modifiers, Theme};
use egui_kittest::kittest::{NodeT, Queryable};
use handful::app::Command;
use handful::core::TaskKind;
use handful::core::queue::QueueOrder;
use handful::ui::screens::{annotate, labels};
use handful::ui::sheets::SheetState;

use crate::support::{Desk, project};

const SIZE: [f32; 2] = [1280.0, 800.0];

const LABELS: [&str; 4] = [
    "Home > Kitchen > Knives",
    "Home > Kitchen > Cookware",
    "Home > Bedding",
    "Garden > Tools",
];

fn desk(task: TaskKind) -> Desk {
    let mut desk = project(
        task,
        &LABELS,
        "Bread knife,,\nCast iron pan,,\nRake,,\n",
        SIZE,
        Theme::Dark,
    );
    desk.go(annotate::ID);
    desk
}

fn path(names: &str) -> Option<Vec<String>> {
    Some(vec![names.to_owned()])
}

#[test]
fn keys_lead_down_the_tree_and_a_leaf_is_saved_at_once() {
    let mut desk = desk(TaskKind::SingleLabel);
    desk.harness.get_by_label("Home, opens");
    desk.digit(1);
    desk.harness.get_by_label("Kitchen, opens");
    desk.harness.get_by_label("Up to Home");
    assert_eq!(desk.labels_of("Bread knife"), None, "nothing is saved on the way");
    desk.digit(1);
    desk.harness.get_by_label("Choose Home › Kitchen");
    desk.harness.check_accessibility();
    desk.digit(1);
    assert_eq!(desk.labels_of("Bread knife"), path("Home > Kitchen > Knives"));
    // The next text begins at the top.
    desk.harness.get_by_label("Garden, opens");
    desk.digit(2);
    desk.key(Key::Backspace, "");
    desk.harness.get_by_label("Garden, opens");
    desk.digit(1);
    desk.digit(1);
    desk.key(Key::ArrowLeft, "");
    desk.harness.get_by_label("Choose Home");
    desk.digit(1);
    desk.key(Key::Enter, "");
    assert_eq!(
        desk.labels_of("Cast iron pan"),
        path("Home > Kitchen"),
        "as far as it goes"
    );
    desk.settle();
    desk.shortcut(Modifiers::COMMAND, Key::Z);
    desk.settle();
    assert_eq!(desk.labels_of("Cast iron pan"), None);
}

#[test]
fn several_paths_are_gathered_and_one_on_the_same_line_is_replaced() {
    let mut desk = desk(TaskKind::MultiLabel);
    desk.digit(1);
    desk.key(Key::Enter, "");
    desk.harness.get_by_label("Remove Home");
    for _ in 0..3 {
        desk.digit(1);
    }
    desk.harness.get_by_label("Remove Home › Kitchen › Knives");
    assert!(
        desk.harness.query_by_label("Remove Home").is_none(),
        "the path got longer"
    );
    desk.digit(2);
    desk.digit(1);
    assert_eq!(desk.labels_of("Bread knife"), None, "Enter saves");
    desk.key(Key::Enter, "");
    let expected = Some(vec!["Home > Kitchen > Knives".to_owned(), "Garden > Tools".to_owned()]);
    assert_eq!(desk.labels_of("Bread knife"), expected);
    // A path is made shorter by choosing where it should end.
    desk.key(Key::B, "b");
    desk.digit(1);
    desk.key(Key::Enter, "");
    desk.key(Key::Enter, "");
    let expected = Some(vec!["Home".to_owned(), "Garden > Tools".to_owned()]);
    assert_eq!(desk.labels_of("Bread knife"), expected);
}

#[test]
fn typing_finds_a_nested_label_by_its_name() {
    let mut desk = desk(TaskKind::SingleLabel);
    desk.key(Key::Slash, "/");
    desk.harness.run_steps(2);
    desk.type_text("kitch");
    desk.harness.get_by_label("Go to Home › Kitchen");
    desk.harness.get_by_label("Go to Home › Kitchen › Knives");
    desk.harness.check_accessibility();
    desk.key(Key::ArrowDown, "");
    desk.key(Key::ArrowDown, "");
    desk.key(Key::Enter, "");
    desk.settle();
    assert_eq!(desk.labels_of("Bread knife"), path("Home > Kitchen > Cookware"));
    // A branch is gone to; what is typed there descends.
    desk.key(Key::Slash, "/");
    desk.harness.run_steps(2);
    desk.type_text("gard");
    desk.key(Key::Enter, "");
    desk.harness.run_steps(2);
    desk.harness.get_by_label("Choose Garden");
    desk.digit(1);
    desk.settle();
    assert_eq!(desk.labels_of("Cast iron pan"), path("Garden > Tools"));
}

#[test]
fn from_a_file_to_a_path_by_the_keyboard_alone() {
    let mut desk = project(TaskKind::SingleLabel, &[], "", SIZE, Theme::Light);
    let file = desk.folder.path().join("products.csv");
    std::fs::write(
        &file,
        "text,level1,level2,level3\nPan,Home,Kitchen,Cookware\nKnife,Home,Kitchen,Knives\nRake,Garden,Tools,\nCleaver,,,\n",
    )
    .unwrap();
    desk.harness.state_mut().view.sheet = Some(SheetState::import(file));
    desk.settle();
    desk.harness.get_by_label("Path: level1 › level2 › level3");
    desk.harness.get_by_label_contains("Import 4 rows").focus();
    desk.harness.run_steps(2);
    desk.key(Key::Enter, "");
    desk.settle();
    assert_eq!(desk.labels_of("Rake"), path("Garden > Tools"), "a path that ends early");
    desk.shortcut(Modifiers::COMMAND, Key::Num3);
    desk.digit(1);
    desk.digit(1);
    desk.digit(2);
    desk.settle();
    assert_eq!(desk.labels_of("Cleaver"), path("Home > Kitchen > Knives"));
}

#[test]
fn the_queue_is_restricted_to_a_branch_from_the_palette() {
    let texts = "Bread knife,,\nPan,Home > Kitchen > Cookware,\nRake,Garden > Tools,\n";
    let mut desk = project(TaskKind::SingleLabel, &LABELS, "", SIZE, Theme::Dark);
    let file = desk.folder.path().join("paths.csv");
    std::fs::write(&file, format!("text,path,split\n{texts}")).unwrap();
    let job = desk
        .app()
        .execute(Command::Import {
            file,
            options: Default::default(),
        })
        .unwrap()
        .unwrap();
    desk.app().wait(job, &mut |_| {}).unwrap();
    desk.go(annotate::ID);
    desk.shortcut(Modifiers::COMMAND, Key::K);
    desk.type_text("within Home › Kitchen");
    desk.key(Key::Enter, "");
    desk.harness.run_steps(2);
    let bodies = |desk: &mut Desk| -> Vec<String> {
        let project = desk.app().project().unwrap();
        let texts = project.annotating.queue.iter().filter_map(|id| project.state.text(*id));
        texts.map(|text| text.body.to_string()).collect()
    };
    assert_eq!(
        bodies(&mut desk),
        ["Pan"],
        "nothing is suggested yet, one is labelled there"
    );
    desk.harness.get_by_label("Queue order: In order in Kitchen").click();
    desk.harness.run_steps(3);
    desk.harness.get_by_label("The whole tree").click();
    desk.harness.run_steps(3);
    assert_eq!(bodies(&mut desk), ["Bread knife"]);
    desk.harness.get_by_label("Queue order: In order").click();
    desk.harness.run_steps(3);
    desk.harness.get_by_label("Least sure in the tree").click();
    desk.harness.run_steps(3);
    assert_eq!(
        desk.app().project().unwrap().annotating.order,
        QueueOrder::LeastSureInTree
    );
}

#[test]
fn labels_move_in_and_out_by_keys_and_branches_close() {
    let mut desk = desk(TaskKind::SingleLabel);
    desk.go(labels::ID);
    let tree = |desk: &mut Desk| desk.app().project().unwrap().state.labels.clone();
    // Home, Kitchen, Knives, Cookware, Bedding.
    for _ in 0..5 {
        desk.key(Key::ArrowDown, "");
    }
    desk.shortcut(Modifiers::ALT, Key::ArrowRight);
    desk.settle();
    assert!(tree(&mut desk).find("Home > Kitchen > Bedding").is_some());
    desk.shortcut(Modifiers::ALT, Key::ArrowLeft);
    desk.shortcut(Modifiers::ALT, Key::ArrowLeft);
    desk.settle();
    assert!(
        tree(&mut desk)
            .find("Bedding")
            .is_some_and(|id| tree(&mut desk).path(id).len() == 1)
    );
    desk.key(Key::ArrowUp, "");
    desk.key(Key::ArrowLeft, "");
    desk.key(Key::ArrowLeft, "");
    desk.harness.run_steps(2);
    assert!(
        desk.harness.query_by_label_contains("Cookware, 0 texts").is_none(),
        "closed"
    );
    desk.key(Key::ArrowRight, "");
    desk.harness.run_steps(2);
    assert!(desk.harness.query_by_label_contains("Cookware, 0 texts").is_some());
}

#[test]
fn a_tree_is_pasted_and_one_that_contradicts_itself_is_refused_by_name() {
    let mut desk = project(TaskKind::SingleLabel, &[], "Rake,,\n", SIZE, Theme::Dark);
    desk.go(labels::ID);
    desk.harness.get_by_label("Paste a list…").click();
    desk.harness.run_steps(3);
    let is_field =
        |node: &egui_kittest::Node<'_>| NodeT::accesskit_node(node).role() == egui::accesskit::Role::MultilineTextInput;
    desk.harness.get_all_by_label("Labels").find(is_field).unwrap().focus();
    desk.harness.run_steps(2);
    desk.type_text("name,parent\nHome,\nGarden,\nTools,Home\nTools,Garden\n");
    desk.harness.get_by_label_contains("\"Tools\" has two parents");
    desk.shortcut(Modifiers::COMMAND, Key::A);
    desk.type_text("Home\n  Tools\nGarden\n  Tools\n");
    desk.harness.get_by_label("Make 4 labels").click();
    desk.settle();
    let state = &desk.app().project().unwrap().state;
    assert!(state.labels.find("Home > Tools").is_some() && state.labels.find("Garden > Tools").is_some());
}

/// 10 > 10 > 50, 5,000 leaves and all above them.
fn large() -> Vec<String> {
    (0..5_000)
        .map(|n| format!("b{} > k{} > leaf {n}", n / 500, n / 50))
        .collect()
}

#[test]
fn five_thousand_labels_are_drawn_and_found() {
    let paths = large();
    let labels: Vec<&str> = paths.iter().map(String::as_str).collect();
    let mut csv = String::new();
    for n in 0..50 {
        writeln!(csv, "text {n},,").unwrap();
    }
    let mut desk = project(TaskKind::SingleLabel, &labels, &csv, SIZE, Theme::Dark);
    for screen in [annotate::ID, labels::ID] {
        desk.go(screen);
        // Whatever the machine is doing meanwhile, the best of ten frames says what a frame costs; the build is not optimised.
        let best = (0..10).map(|_| {
            let started = Instant::now();
            desk.harness.step();
            started.elapsed()
        });
        let best = best.min().unwrap();
        println!("{}: {best:?}", screen.0);
        assert!(best < Duration::from_millis(16), "{}: {best:?}", screen.0);
    }
    desk.go(annotate::ID);
    desk.key(Key::Slash, "/");
    desk.harness.run_steps(2);
    desk.type_text("leaf 4321");
    desk.key(Key::Enter, "");
    desk.settle();
    assert_eq!(desk.labels_of("text 0"), path("b8 > k86 > leaf 4321"));
}
