//! Labels that form a tree: the card on Overview, going down in the Confusion tab, lines that hold for what is below them, stale runs.

use egui::{Key, Theme};
use egui_kittest::kittest::Queryable;
use handful::app::Command;
use handful::core::{How, LabelId, TaskKind, TextId, label_edits, text_edits};
use handful::ui::screens::{self, evaluate::Tab};

use crate::evaluate::{show, with_run};
use crate::support::{Desk, project};

const LABELS: [&str; 4] = ["Home > Kitchen", "Home > Garden", "Music > Rock", "Music > Jazz"];
/// Columns of the leaves: Home, Kitchen, Garden, Music, Rock, Jazz.
const LEAVES: [usize; 4] = [1, 2, 4, 5];
/// The leaf that each text truly has, and the one the run gives it.
const TEXTS: [(usize, usize); 8] = [(0, 0), (1, 1), (2, 2), (3, 3), (0, 1), (0, 1), (2, 3), (1, 2)];

fn label(desk: &mut Desk, path: &str) -> LabelId {
    desk.app().project().unwrap().state.labels.find(path).unwrap()
}

/// Eight texts, of which four are right, three have the wrong leaf and one the wrong branch.
fn tree(task: TaskKind, tab: Tab, theme: Theme) -> Desk {
    // Thresholds are never chosen on test texts.
    let split = if tab == Tab::Thresholds { "validation" } else { "test" };
    let csv: String = (0..TEXTS.len()).map(|at| format!("text {at},,{split}\n")).collect();
    let mut desk = project(task, &LABELS, &csv, [1280.0, 800.0], theme);
    let ids: Vec<TextId> = desk
        .app()
        .project()
        .unwrap()
        .state
        .texts()
        .map(|text| text.id)
        .collect();
    for (id, (truth, _)) in ids.into_iter().zip(TEXTS) {
        let label = label(&mut desk, LABELS[truth]);
        let state = &desk.app().project().unwrap().state;
        let edit = text_edits::annotate(state, &[id], Some(&[label]), "ada", 1, How::Hand).unwrap();
        desk.app().execute(Command::Edit(edit)).unwrap();
    }
    desk.app().wait_saved().unwrap();
    with_run(&mut desk, |row| {
        let mut scores = vec![0.02; 6];
        let leaf = LEAVES[TEXTS[row].1];
        scores[leaf] = 0.7;
        scores[if leaf < 3 { 0 } else { 3 }] = 0.9;
        scores
    });
    show(&mut desk, tab);
    desk
}

fn has(desk: &Desk, part: &str) -> bool {
    desk.harness.query_all_by_label_contains(part).next().is_some()
}

fn press(desk: &mut Desk, key: Key) {
    desk.key(key, "");
    desk.harness.run_steps(3);
}

#[test]
fn the_card_tells_where_paths_go_wrong() {
    for task in [TaskKind::SingleLabel, TaskKind::MultiLabel] {
        let desk = tree(task, Tab::Overview, Theme::Light);
        for said in [
            "right: 4 texts, 50.0 %",
            "right branch, wrong leaf: 3 texts, 37.5 %",
            "wrong branch: 1 text, 12.5 %",
            "Level 1, top: 2 labels, 8 texts, accuracy .875",
            "Level 2: 4 labels, 8 texts, accuracy .500",
        ] {
            assert!(has(&desk, said), "{said} ({task:?})");
        }
        desk.harness.check_accessibility();
    }
}

#[test]
fn the_confusion_of_a_tree_is_gone_down_and_up() {
    let mut desk = tree(TaskKind::SingleLabel, Tab::Confusion, Theme::Dark);
    assert!(has(&desk, "Table of 2 by 2 cells. Home taken for Music: 1 text"));
    press(&mut desk, Key::Enter);
    assert!(
        has(&desk, "Table of 3 by 3 cells. Kitchen taken for Garden: 2 texts"),
        "with those that are elsewhere"
    );
    assert!(has(&desk, "Garden taken elsewhere"));
    desk.harness.check_accessibility();
    press(&mut desk, Key::Enter);
    assert!(
        has(&desk, "Table of 3 by 3 cells. Kitchen"),
        "nothing stands below Kitchen"
    );
    press(&mut desk, Key::Backspace);
    assert!(has(&desk, "Table of 2 by 2 cells. Home rightly found"));
    desk.harness
        .get_all_by_label("Go down into Music")
        .next()
        .unwrap()
        .click();
    desk.harness.run_steps(3);
    assert!(has(&desk, "Rock taken for Jazz: 1 text"));
    desk.harness.get_by_label("Top").click();
    desk.harness.run_steps(3);
    assert!(has(&desk, "Table of 2 by 2 cells"));
    desk.harness.get_by_label("By label").click();
    desk.harness.run_steps(3);
    assert!(has(&desk, "Kitchen missed: 2"));
    desk.harness.check_accessibility();
}

#[test]
fn a_line_holds_for_what_is_below_it() {
    let mut desk = tree(TaskKind::MultiLabel, Tab::Thresholds, Theme::Dark);
    assert!(has(&desk, "Home > Kitchen, 3 positives"));
    assert!(has(&desk, "Kitchen: precision 1.00, recall 0.33"));
    // Home's line, selected first, goes above its scores.
    for _ in 0..9 {
        desk.shortcut(egui::Modifiers::SHIFT, Key::ArrowRight);
        desk.harness.run_steps(2);
    }
    desk.settle();
    assert!(has(&desk, "Home > Kitchen, 3 positives, .95 from above"));
    assert!(has(&desk, "Kitchen: precision –, recall 0.00"));
    desk.harness.check_accessibility();
}

#[test]
fn a_run_whose_labels_changed_says_so_and_stays_readable() {
    let mut desk = tree(TaskKind::SingleLabel, Tab::Overview, Theme::Dark);
    let (garden, kitchen, jazz) = (
        label(&mut desk, "Home > Garden"),
        label(&mut desk, "Home > Kitchen"),
        label(&mut desk, "Music > Jazz"),
    );
    let edits: [&dyn Fn(&handful::core::ProjectState) -> _; 3] = [
        &|state| label_edits::merge_labels(state, garden, kitchen),
        &|state| label_edits::rename_label(state, kitchen, "Cooking"),
        &|state| label_edits::delete_label(state, jazz),
    ];
    for edit in edits {
        let edit = edit(&desk.app().project().unwrap().state).unwrap();
        desk.app().execute(Command::Edit(edit)).unwrap();
        desk.settle();
    }
    desk.app().wait_saved().unwrap();
    assert!(has(&desk, "1 label was renamed, 1 merged into others, 1 deleted since"));
    // What was taken for Garden is right now; nothing is taken for Jazz any more.
    assert!(has(&desk, "right: 5 texts"));
    desk.go(screens::train::ID);
    desk.settle();
    let path = desk.app().project().unwrap().store.path().to_path_buf();
    desk.app().execute(Command::Close).unwrap();
    let job = desk.app().execute(Command::Open(path)).unwrap().unwrap();
    desk.app().wait(job, &mut |_| {}).unwrap();
    let project = desk.app().project().unwrap();
    let stale = handful::core::stale::staleness(&project.state.runs[0], &project.state.labels).unwrap();
    assert_eq!(
        (stale.merged, stale.deleted, stale.renamed),
        (1, 1, 1),
        "known from the journal"
    );
}
