//! The Confusion tab: tables of every size, their order and zoom, cells by key, the words of a text, and labels corrected in place.

use std::fmt::Write;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use egui::{Key, Modifiers, Theme};
use egui_kittest::kittest::Queryable;
use handful::app::Command;
use handful::core::{ScoreKind, TaskKind};
use handful::jobs::training::run_dir;
use handful::model::head::{Examples, FitSettings};
use handful::model::tiny::Size;
use handful::model::{Classifier, LogisticHead, Targets};
use handful::ui::screens::{self, evaluate::Tab};

use crate::evaluate::{show, with_run};
use crate::support::{Desk, project};

const SIZE: [f32; 2] = [1280.0, 800.0];

/// A project of `n` labels with two test texts each, of which the model takes the second for the next label.
fn of_size(task: TaskKind, n: usize, size: [f32; 2], theme: Theme) -> Desk {
    let names: Vec<String> = (0..n).map(|label| format!("label {label:03}")).collect();
    let labels: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut csv = String::new();
    for (at, name) in names.iter().enumerate() {
        writeln!(csv, "right {at},{name},test\nwrong {at},{name},test").unwrap();
    }
    let mut desk = project(task, &labels, &csv, size, theme);
    with_run(&mut desk, move |row| {
        let (label, wrong) = (row / 2, row % 2);
        let mut scores = vec![0.1 / n as f32; n];
        scores[(label + wrong) % n] = 0.9;
        scores
    });
    show(&mut desk, Tab::Confusion);
    desk
}

fn click(desk: &mut Desk, label: &str) {
    // A cell among the most confused has a bar of the same name below the table.
    desk.harness.get_all_by_label(label).next().unwrap().click();
    desk.harness.run_steps(3);
}

fn has(desk: &Desk, part: &str) -> bool {
    desk.harness.query_all_by_label_contains(part).next().is_some()
}

fn is_named(desk: &Desk, name: &str) -> bool {
    desk.harness.query_all_by_label(name).next().is_some()
}

#[test]
fn tables_of_2_28_and_150_labels_are_drawn_and_named() {
    for task in [TaskKind::SingleLabel, TaskKind::MultiLabel] {
        for (n, theme, size) in [
            (2, Theme::Dark, SIZE),
            (28, Theme::Light, [640.0, 480.0]),
            (150, Theme::Dark, SIZE),
        ] {
            let mut desk = of_size(task, n, size, theme);
            desk.harness.check_accessibility();
            if task == TaskKind::MultiLabel {
                click(&mut desk, "Wrongly given");
            }
            let table = format!("Table of {n} by {n} cells. label 000");
            assert!(has(&desk, &table), "{table}");
            desk.harness.check_accessibility();
            for key in [(Key::Plus, "+"), (Key::Plus, "+"), (Key::Minus, "-"), (Key::Num0, "0")] {
                desk.key(key.0, key.1);
                desk.harness.run_steps(2);
            }
            desk.harness.check_accessibility();
        }
    }
}

#[test]
fn small_cells_have_figures_when_they_are_zoomed() {
    let mut desk = of_size(TaskKind::SingleLabel, 60, SIZE, Theme::Dark);
    let cell = "label 000 rightly found: 1";
    assert!(!is_named(&desk, cell));
    for _ in 0..8 {
        desk.key(Key::Plus, "+");
        desk.harness.run_steps(2);
    }
    assert!(is_named(&desk, cell), "{}", cell);
    desk.key(Key::Num0, "0");
    desk.harness.run_steps(2);
    assert!(!is_named(&desk, cell));
}

#[test]
fn keys_move_the_chosen_cell_and_its_texts_are_shown() {
    let mut desk = of_size(TaskKind::SingleLabel, 4, SIZE, Theme::Dark);
    assert!(has(&desk, "label 000 taken for label 001: 1 text"));
    for (key, title) in [
        (Key::ArrowDown, "label 001 rightly found: 1 text"),
        (Key::ArrowRight, "label 001 taken for label 002: 1 text"),
        (Key::ArrowUp, "label 000 taken for label 002: 0 texts"),
        (Key::ArrowLeft, "label 000 taken for label 001: 1 text"),
    ] {
        desk.shortcut(Modifiers::SHIFT, key);
        assert!(has(&desk, title), "{title}");
    }
    assert!(is_named(&desk, "wrong 0"), "{}", "wrong 0");
    // The table itself can have the keyboard; then arrows alone do.
    desk.harness.get_by_label_contains("Table of 4 by 4 cells").focus();
    desk.harness.run_steps(2);
    desk.key(Key::ArrowDown, "");
    desk.harness.run_steps(2);
    assert!(has(&desk, "label 001 rightly found: 1 text"));
}

#[test]
fn the_order_of_labels_is_chosen_from_a_list() {
    let mut desk = of_size(TaskKind::SingleLabel, 3, SIZE, Theme::Light);
    for choice in [
        "mixed-up labels together",
        "most texts first",
        "least found first",
        "by name",
    ] {
        desk.harness.get_by_label_contains("Order of labels: ").click();
        desk.harness.run_steps(2);
        click(&mut desk, choice);
        assert!(has(&desk, &format!("Order of labels: {choice}")), "{choice}");
        assert!(
            is_named(&desk, "label 002 taken for label 000: 1"),
            "{}",
            "label 002 taken for label 000: 1"
        );
    }
}

const MULTI: &str = "a1,warm,test\na2,warm;cold,test\na3,cold,test\na4,warm,test\n";

#[test]
fn wrongly_given_labels_and_labels_together_lead_to_their_texts() {
    let mut desk = project(TaskKind::MultiLabel, &["warm", "cold"], MULTI, SIZE, Theme::Dark);
    // a1 and a4 are given cold too, a1 more certainly.
    with_run(&mut desk, |at| vec![0.9, [0.8, 0.7, 0.9, 0.6][at]]);
    show(&mut desk, Tab::Confusion);
    click(&mut desk, "Wrongly given");
    click(&mut desk, "warm wrongly given cold: 2");
    for text in ["a1", "a4"] {
        assert!(is_named(&desk, text), "{}", text);
    }
    assert!(!is_named(&desk, "a2"));
    desk.key(Key::X, "x");
    desk.settle();
    assert_eq!(desk.labels_of("a1").unwrap(), ["warm", "cold"]);
    // Its figures have followed, and it is no longer in the cell.
    assert!(
        is_named(&desk, "warm wrongly given cold: 1"),
        "{}",
        "warm wrongly given cold: 1"
    );
    assert!(!is_named(&desk, "a1"));
    desk.app().execute(Command::Undo).unwrap();
    desk.settle();
    assert_eq!(desk.labels_of("a1").unwrap(), ["warm"]);
    assert!(is_named(&desk, "a1"), "{}", "a1");
    click(&mut desk, "True together");
    click(&mut desk, "truly warm and cold: 1");
    assert!(is_named(&desk, "a2"), "{}", "a2");
}

#[test]
fn what_was_missed_or_a_false_alarm_is_corrected_and_survives_a_restart() {
    let mut desk = project(TaskKind::MultiLabel, &["warm", "cold"], MULTI, SIZE, Theme::Light);
    with_run(&mut desk, |at| vec![[0.9, 0.9, 0.8, 0.1][at], 0.1]);
    show(&mut desk, Tab::Confusion);
    click(&mut desk, "warm false alarm: 1");
    desk.key(Key::F, "f");
    desk.settle();
    desk.key(Key::X, "x");
    desk.settle();
    assert_eq!(desk.labels_of("a3").unwrap(), ["warm", "cold"]);
    click(&mut desk, "warm missed: 1");
    desk.key(Key::X, "x");
    desk.settle();
    assert_eq!(desk.labels_of("a4").unwrap(), Vec::<String>::new());
    let path = desk.app().project().unwrap().store.path().to_path_buf();
    let app = desk.app();
    app.execute(Command::Close).unwrap();
    let job = app.execute(Command::Open(path)).unwrap().unwrap();
    app.wait(job, &mut |_| {}).unwrap();
    desk.go(screens::evaluate::ID);
    show(&mut desk, Tab::Confusion);
    assert_eq!(desk.labels_of("a3").unwrap(), ["warm", "cold"]);
    assert_eq!(desk.labels_of("a4").unwrap(), Vec::<String>::new());
    assert!(is_named(&desk, "warm false alarm: 0"), "{}", "warm false alarm: 0");
    assert!(is_named(&desk, "warm missed: 0"), "{}", "warm missed: 0");
    // The journal takes all three back: both corrections and the flag.
    let is_flagged = |desk: &mut Desk| {
        let state = &desk.app().project().unwrap().state;
        state.texts().any(|text| text.flagged)
    };
    assert!(is_flagged(&mut desk));
    for _ in 0..3 {
        desk.app().execute(Command::Undo).unwrap();
        desk.settle();
    }
    assert_eq!(desk.labels_of("a3").unwrap(), ["cold"]);
    assert_eq!(desk.labels_of("a4").unwrap(), ["warm"]);
    assert!(!is_flagged(&mut desk));
}

#[test]
fn any_label_is_given_by_typing_a_part_of_its_name() {
    let single = "b1,warm,test\nb2,warm,test\nb3,cold,test\n";
    let labels = ["warm", "cold", "lukewarm"];
    let mut desk = project(TaskKind::SingleLabel, &labels, single, SIZE, Theme::Dark);
    with_run(&mut desk, |_| vec![0.1, 0.8, 0.1]);
    show(&mut desk, Tab::Confusion);
    assert!(is_named(&desk, "b1"), "{}", "b1");
    desk.key(Key::L, "l");
    desk.harness.run_steps(2);
    desk.type_text("luke");
    desk.key(Key::Enter, "");
    desk.settle();
    assert_eq!(desk.labels_of("b1").unwrap(), ["lukewarm"]);
    assert!(!is_named(&desk, "Label"), "the list is still open");
    desk.app().execute(Command::Undo).unwrap();
    desk.settle();
    assert_eq!(desk.labels_of("b1").unwrap(), ["warm"]);

    let mut desk = project(TaskKind::MultiLabel, &["warm", "cold"], MULTI, SIZE, Theme::Dark);
    with_run(&mut desk, |at| vec![0.9, [0.8, 0.7, 0.9, 0.6][at]]);
    show(&mut desk, Tab::Confusion);
    click(&mut desk, "cold false alarm: 2");
    desk.key(Key::L, "l");
    desk.harness.run_steps(2);
    for expected in [vec!["warm", "cold"], vec!["warm"]] {
        desk.type_text("cold");
        desk.key(Key::Enter, "");
        desk.settle();
        assert_eq!(desk.labels_of("a1").unwrap(), expected);
        desk.shortcut(Modifiers::COMMAND, Key::A);
    }
    desk.key(Key::Escape, "");
    desk.harness.run_steps(3);
    assert!(!is_named(&desk, "Label"));
}

/// Gives the run of the open project a model that knows animals from money.
fn with_model(desk: &mut Desk) {
    let encoder = Size::TINY.encoder(3, &candle_core::Device::Cpu).unwrap();
    let around = |word: &str| {
        [
            format!("the {word}"),
            format!("a {word} runs"),
            format!("red {word}"),
            word.to_owned(),
        ]
    };
    let words = ["cat", "dog", "bird", "price", "market", "goal"];
    let texts: Vec<String> = words.iter().flat_map(|word| around(word)).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let embeddings = encoder.embed(&texts, &mut |_| ControlFlow::Continue(())).unwrap();
    let targets = Targets::Single((0..24).map(|at| usize::from(at >= 12)).collect());
    let head = LogisticHead::fit(Examples::new(&embeddings, &targets, 2), &FitSettings::with_c(100.0)).unwrap();
    let classifier = Classifier {
        encoder,
        head: head.into(),
        pairs: false,
        task: TaskKind::SingleLabel,
        label_paths: vec![vec!["animals".into()], vec!["money".into()]],
        thresholds: vec![0.0; 2],
        at_least_one: false,
        encoder_name: "tiny".into(),
        tree: None,
        walk: Default::default(),
    };
    let project = desk.app().project().unwrap();
    classifier
        .save(&run_dir(&project.store, project.state.runs[0].id))
        .unwrap();
}

#[test]
fn the_words_that_moved_a_score_are_marked_and_said() {
    let texts = "bird price,money,test\nred cat sleeps,money,test\nthe price,money,test\n";
    let mut desk = project(TaskKind::SingleLabel, &["animals", "money"], texts, SIZE, Theme::Dark);
    with_run(&mut desk, |at| {
        if at < 2 {
            vec![0.9 - 0.1 * at as f32, 0.1]
        } else {
            vec![0.1, 0.9]
        }
    });
    with_model(&mut desk);
    show(&mut desk, Tab::Confusion);
    let started = Instant::now();
    while !has(&desk, "bird price, words for it: bird +") || !has(&desk, "red cat sleeps, words for it: ") {
        assert!(started.elapsed() < Duration::from_secs(60), "no words are marked");
        std::thread::sleep(Duration::from_millis(5));
        desk.harness.step();
    }
    assert!(has(&desk, "against it: price −"));
    assert!(has(&desk, "an estimate, by leaving out one word at a time"));
    let run = desk.app().project().unwrap().state.runs[0].id;
    assert!(desk.app().project().unwrap().explaining.failure(run).is_none());
    desk.key(Key::W, "w");
    desk.harness.run_steps(2);
    assert!(is_named(&desk, "bird price"), "{}", "bird price");
    assert!(has(&desk, "No words are marked."));
}

#[test]
fn a_model_that_is_gone_is_said_and_everything_else_works() {
    let mut desk = of_size(TaskKind::SingleLabel, 2, SIZE, Theme::Dark);
    let started = Instant::now();
    while !has(&desk, "No words are marked: there is no model here") {
        assert!(started.elapsed() < Duration::from_secs(60), "nothing is said");
        std::thread::sleep(Duration::from_millis(5));
        desk.harness.step();
    }
    assert!(desk.app().notices.is_empty());
    assert!(
        desk.app()
            .project()
            .unwrap()
            .evaluations
            .keys()
            .all(|(_, kind)| *kind == ScoreKind::Test)
    );
}
