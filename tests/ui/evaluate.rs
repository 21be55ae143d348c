//! The Evaluate screen over a run with made scores: its tabs draw, a line moves by key and is one undoable edit, a wrong label is corrected.

use std::collections::BTreeMap;

use egui::{Key, Theme};
use egui_kittest::kittest::Queryable;
use handful::app::Command;
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
