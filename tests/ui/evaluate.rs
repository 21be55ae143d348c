//! The Evaluate screen over a run with made scores: its tabs draw, a line moves by key and is one undoable edit, a wrong label is corrected.

use std::collections::BTreeMap;

use egui::{Key, Theme};
use egui_kittest::kittest::Queryable;
use handful::app::Command;
use handful::core::metrics::METRICS;
use handful::core::{Run, RunId, RunStatus, ScoreKind, TaskKind, TextId};
use handful::ui::screens::{self, evaluate::Tab};

use crate::support::{Desk, project};

/// A finished run over the labels of the project, with one row of scores for each validation and test text.
pub fn with_run(desk: &mut Desk, scores: impl Fn(usize) -> Vec<f32>) {
    let app = desk.app();
    let path = {
        let project = app.project().unwrap();
        let labels: Vec<_> = project
            .state
            .labels
            .in_order()
            .into_iter()
            .map(|(_, label)| label.id)
            .collect();
        let task = project.state.task;
        let threshold = handful::core::metrics::default_threshold(task);
        let run = Run {
            id: RunId(0),
            name: String::new(),
            method: "probe".to_owned(),
            encoder: "made".to_owned(),
            seed: 1,
            task,
            options: BTreeMap::new(),
            label_paths: labels.iter().map(|id| project.state.labels.path(*id)).collect(),
            thresholds: vec![threshold; labels.len()],
            deciding: Default::default(),
            labels,
            n_train: 2,
            n_validation: 4,
            n_test: 4,
            started_at_millis: 0,
            train_secs: 0.1,
            status: RunStatus::Done,
            message: String::new(),
            metrics: BTreeMap::new(),
            scored_on: Some(ScoreKind::Test),
            history: Vec::new(),
            watched: Vec::new(),
            findings: Default::default(),
            device: "cpu".to_owned(),
            precision: "f32".to_owned(),
            series: String::new(),
        };
        let run = project.store.create_run(run).unwrap();
        let ids: Vec<TextId> = project.state.texts().map(|text| text.id).collect();
        let rows: Vec<_> = ids.iter().enumerate().map(|(at, id)| (*id, scores(at))).collect();
        project.store.save_scores(run.id, ScoreKind::Validation, &rows).unwrap();
        project.store.save_scores(run.id, ScoreKind::Test, &rows).unwrap();
        project.store.path().to_path_buf()
    };
    app.execute(Command::Close).unwrap();
    let job = app.execute(Command::Open(path)).unwrap().unwrap();
    app.wait(job, &mut |_| {}).unwrap();
    desk.go(screens::evaluate::ID);
    desk.settle();
}

pub fn show(desk: &mut Desk, tab: Tab) {
    desk.harness.state_mut().view.memory.evaluate.show_tab(tab);
    desk.harness.run_steps(2);
    desk.settle();
}

const MULTI: &str = "a1,warm,validation\na2,warm,validation\na3,,validation\na4,cold,validation\n\
                     b1,warm,test\nb2,cold,test\nb3,warm;cold,test\nb4,cold,test\n";

const SINGLE: &str = "a1,warm,validation\na2,cold,validation\na3,warm,validation\na4,cold,validation\n\
                      b1,warm,test\nb2,warm,test\nb3,cold,test\nb4,cold,test\n";

#[test]
fn every_tab_draws_in_both_themes() {
    for theme in [Theme::Dark, Theme::Light] {
        for (task, texts) in [(TaskKind::MultiLabel, MULTI), (TaskKind::SingleLabel, SINGLE)] {
            for size in [[1280.0, 800.0], [640.0, 480.0]] {
                let mut desk = project(task, &["warm", "cold"], texts, size, theme);
                with_run(&mut desk, |at| vec![0.2 + 0.1 * at as f32, 0.8 - 0.1 * at as f32]);
                for tab in Tab::ALL {
                    show(&mut desk, tab);
                    desk.harness.check_accessibility();
                }
            }
        }
    }
}

#[test]
fn a_line_moves_by_key_and_undo_takes_it_back() {
    let mut desk = project(
        TaskKind::MultiLabel,
        &["warm", "cold"],
        MULTI,
        [1280.0, 800.0],
        Theme::Dark,
    );
    with_run(&mut desk, |at| vec![if at % 4 < 2 { 0.45 } else { 0.1 }, 0.3]);
    show(&mut desk, Tab::Thresholds);
    let thresholds = |desk: &mut Desk| desk.app().project().unwrap().state.runs[0].thresholds.clone();
    for expected in [0.49, 0.48] {
        desk.key(Key::ArrowLeft, "");
        desk.settle();
        assert_eq!(thresholds(&mut desk), [expected, 0.5]);
    }
    assert!(desk.app().project().unwrap().history.undo.is_some());
    desk.app().execute(Command::Undo).unwrap();
    desk.settle();
    assert_eq!(thresholds(&mut desk), [0.49, 0.5]);
}

#[test]
fn a_text_without_a_label_gets_its_best_one_at_a_switch() {
    let mut desk = project(
        TaskKind::MultiLabel,
        &["warm", "cold"],
        MULTI,
        [1280.0, 800.0],
        Theme::Light,
    );
    // Nothing reaches one half.
    with_run(&mut desk, |at| vec![0.4, 0.1 + 0.05 * at as f32]);
    show(&mut desk, Tab::Thresholds);
    let run = |desk: &mut Desk| desk.app().project().unwrap().state.runs[0].clone();
    desk.harness
        .get_by_label_contains("reach no threshold and get no label");
    desk.harness.get_by_label("At least one label").click();
    desk.harness.run_steps(2);
    desk.settle();
    assert!(run(&mut desk).deciding.at_least_one);
    assert_eq!(run(&mut desk).thresholds, [0.5; 2]);
    desk.harness.get_by_label_contains("get their best label");
    desk.app().execute(Command::Undo).unwrap();
    desk.settle();
    assert!(!run(&mut desk).deciding.at_least_one);
}

#[test]
fn all_thresholds_are_tuned_and_undone_at_once() {
    let mut desk = project(
        TaskKind::SingleLabel,
        &["warm", "cold"],
        SINGLE,
        [1280.0, 800.0],
        Theme::Dark,
    );
    with_run(
        &mut desk,
        |at| if at % 4 == 2 { vec![0.45, 0.55] } else { vec![0.9, 0.1] },
    );
    show(&mut desk, Tab::Thresholds);
    let run = |desk: &mut Desk| desk.app().project().unwrap().state.runs[0].clone();
    // The first line is that of all labels.
    desk.key(Key::ArrowRight, "");
    desk.settle();
    assert_eq!(run(&mut desk).thresholds, [0.01; 2]);
    desk.key(Key::T, "t");
    desk.settle();
    let tuned = run(&mut desk);
    assert_eq!(
        tuned.deciding.tuned_for.map(|objective| objective.to_string()),
        Some("f1".to_owned())
    );
    desk.app().execute(Command::Undo).unwrap();
    desk.settle();
    let undone = run(&mut desk);
    assert_eq!((undone.thresholds, undone.deciding.tuned_for), (vec![0.01; 2], None));
}

#[test]
fn a_wrong_label_found_in_the_confusion_matrix_is_corrected_in_place() {
    let mut desk = project(
        TaskKind::SingleLabel,
        &["warm", "cold"],
        SINGLE,
        [1280.0, 800.0],
        Theme::Light,
    );
    // Every test text is taken for warm; b3 most certainly.
    with_run(&mut desk, |at| if at == 6 { vec![0.95, 0.05] } else { vec![0.7, 0.3] });
    show(&mut desk, Tab::Confusion);
    desk.harness.get_by_label("b3");
    desk.key(Key::X, "x");
    desk.settle();
    assert_eq!(desk.labels_of("b3"), Some(vec!["warm".to_owned()]));
    desk.app().execute(Command::Undo).unwrap();
    desk.settle();
    assert_eq!(desk.labels_of("b3"), Some(vec!["cold".to_owned()]));
}

/// Short test texts are decided right, long ones wrong.
const LENGTHS: &str = "a1,warm,validation\na2,cold,validation\nb1,warm,test\nb2,cold,test\n\
                       b3 in many more words,warm,test\nb4 in many more words,cold,test\n";

fn with_lengths(size: [f32; 2]) -> Desk {
    let mut desk = project(TaskKind::SingleLabel, &["warm", "cold"], LENGTHS, size, Theme::Dark);
    with_run(&mut desk, |at| {
        if [0, 2, 5].contains(&at) {
            vec![0.9, 0.1]
        } else {
            vec![0.2, 0.8]
        }
    });
    desk
}

/// Draws frames until something whose name contains `part` is on screen.
fn wait_for(desk: &mut Desk, part: &str) {
    let started = std::time::Instant::now();
    while desk.harness.query_by_label_contains(part).is_none() {
        assert!(started.elapsed().as_secs() < 20, "{part} does not appear");
        std::thread::sleep(std::time::Duration::from_millis(5));
        desk.harness.step();
    }
}

#[test]
fn a_slice_narrows_overview_and_confusion_but_not_thresholds() {
    let mut desk = with_lengths([1280.0, 800.0]);
    show(&mut desk, Tab::Overview);
    wait_for(&mut desk, "Measured on 4 texts");
    // Two labels leave room for the slices below them.
    desk.harness
        .get_by_label_contains("medium (3 to 21 characters), 2 texts: accuracy .000");
    desk.harness
        .get_by_label_contains("short (up to 2 characters), 2 texts: accuracy 1.00")
        .click();
    wait_for(&mut desk, "Only texts with length: short. Measured on 2 texts");
    desk.harness.get_by_label("Texts: length: short");

    show(&mut desk, Tab::Confusion);
    wait_for(&mut desk, "Accuracy: 1.00");
    show(&mut desk, Tab::Thresholds);
    assert!(desk.harness.query_by_label("Texts: length: short").is_none());
    show(&mut desk, Tab::Overview);
    wait_for(&mut desk, "Only texts with length: short");
}

#[test]
fn every_figure_has_a_name_and_its_interval_on_screen() {
    for (task, texts) in [(TaskKind::MultiLabel, MULTI), (TaskKind::SingleLabel, SINGLE)] {
        let mut desk = project(task, &["warm", "cold"], texts, [1280.0, 1700.0], Theme::Light);
        with_run(&mut desk, |at| vec![0.2 + 0.1 * at as f32, 0.8 - 0.1 * at as f32]);
        show(&mut desk, Tab::Overview);
        let project = desk.app().project().unwrap();
        let evaluation = project.evaluations.values().next().unwrap().clone();
        for metric in METRICS.iter().filter(|metric| metric.is_in(&evaluation.report)) {
            let said = format!("{}: ", metric.title);
            let found = desk.harness.query_all_by_label_contains(&said).count();
            assert!(found > 0, "{} is not on screen", metric.title);
        }
        let intervals = evaluation.report.intervals.as_ref().unwrap();
        assert!(intervals.figures["log_loss"].low < intervals.figures["log_loss"].high);
        desk.harness.get_by_label_contains("Macro average: precision");
        desk.harness.check_accessibility();
    }
}
