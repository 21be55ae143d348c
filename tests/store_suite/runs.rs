//! Runs, scores and thresholds.

use handful::core::run::{Deciding, LossPoint, WatchedPoint};
use handful::core::{RunId, RunStatus, ScoreKind, TaskKind, TextId, text_edits};
use handful::store::StoreError;

use crate::support::{Project, a_run};

#[test]
fn a_run_comes_back_as_it_was_saved() {
    let mut project = Project::with_texts(TaskKind::MultiLabel, 3);
    let mut run = project.store().create_run(a_run(&project.state())).unwrap();
    assert_eq!((run.id, run.name.as_str()), (RunId(1), "setfit-1"));
    assert_eq!(project.state().runs, [run.clone()]);
    run.status = RunStatus::Done;
    run.metrics.insert("macro_f1".to_owned(), 1.0 / 7.0);
    run.metrics.remove("accuracy");
    run.scored_on = Some(ScoreKind::Test);
    run.history = (1..=500)
        .map(|step| LossPoint {
            step,
            loss: 1.0 / step as f64,
        })
        .collect();
    run.history.push(LossPoint {
        step: 501,
        loss: f64::INFINITY,
    });
    run.thresholds = vec![1.0 / 3.0, 0.0, 1.0];
    run.message = "done".to_owned();
    run.watched = vec![WatchedPoint {
        step: 500,
        loss: None,
        metric: 1.0 / 3.0,
        best: true,
    }];
    run.findings.insert("c".to_owned(), 0.3.into());
    run.series = "search-1".to_owned();
    run.deciding = Deciding {
        at_least_one: true,
        tuned_for: Some("common-macro:cost:1:2.5".parse().unwrap()),
    };
    project.store().save_run(&run).unwrap();
    project.reopen();
    assert_eq!(project.state().runs, [run]);
    let second = project.store().create_run(a_run(&project.state())).unwrap();
    assert_eq!(second.name, "setfit-2");
}

#[test]
fn a_run_that_a_crash_cut_off_was_interrupted() {
    let mut project = Project::with_texts(TaskKind::MultiLabel, 1);
    project.store().create_run(a_run(&project.state())).unwrap();
    project.reopen();
    let run = &project.state().runs[0];
    assert_eq!(run.status, RunStatus::Interrupted);
    assert!(run.message.contains("train again"), "{}", run.message);
    // It stays so, until it goes on.
    project.reopen();
    let mut run = project.state().runs[0].clone();
    assert_eq!(run.status, RunStatus::Interrupted);
    for status in [RunStatus::Training, RunStatus::Failed, RunStatus::Done] {
        run.status = status;
        project.store().save_run(&run).unwrap();
        assert_eq!(project.state().runs[0].status, status);
    }
}

#[test]
fn scores_come_back_bit_for_bit_and_are_replaced_by_kind() {
    let mut project = Project::with_texts(TaskKind::SingleLabel, 3);
    let run = project.store().create_run(a_run(&project.state())).unwrap().id;
    let scores = vec![
        (TextId(3), vec![0.1_f32, f32::MIN_POSITIVE, 1.0]),
        (TextId(1), vec![-0.0, 0.3, 1e-30]),
    ];
    project.store().save_scores(run, ScoreKind::Test, &scores).unwrap();
    project
        .store()
        .save_scores(run, ScoreKind::OutOfFold, &scores[..1])
        .unwrap();
    project.reopen();
    let read = project.store().scores(run, ScoreKind::Test).unwrap();
    assert_eq!(read, [scores[1].clone(), scores[0].clone()]);
    assert!(read[0].1[0].is_sign_negative());
    project.store().save_scores(run, ScoreKind::Test, &scores[1..]).unwrap();
    assert_eq!(project.store().scores(run, ScoreKind::Test).unwrap(), scores[1..]);
    assert_eq!(project.store().scores(run, ScoreKind::OutOfFold).unwrap(), scores[..1]);
    assert_eq!(project.store().scores(run, ScoreKind::Validation).unwrap(), []);
}

#[test]
fn what_makes_no_sense_is_refused_and_changes_nothing() {
    let project = Project::with_texts(TaskKind::SingleLabel, 2);
    let store = project.store();
    let run = store.create_run(a_run(&project.state())).unwrap();
    let good = vec![(TextId(1), vec![0.1, 0.2, 0.7])];
    store.save_scores(run.id, ScoreKind::Test, &good).unwrap();
    let before = project.state();
    for bad in [
        (TextId(2), vec![0.5]),
        (TextId(2), vec![f32::NAN, 0.0, 1.0]),
        (TextId(99), vec![0.1, 0.2, 0.7]),
    ] {
        store
            .save_scores(run.id, ScoreKind::Test, &[good[0].clone(), bad])
            .unwrap_err();
        assert_eq!(store.scores(run.id, ScoreKind::Test).unwrap(), good);
    }
    let mut wrong = run.clone();
    wrong.id = RunId(9);
    assert!(matches!(store.save_run(&wrong), Err(StoreError::Conflict(_))));
    for change in [
        |run: &mut handful::core::Run| run.thresholds = vec![0.5],
        |run: &mut handful::core::Run| run.thresholds[0] = f64::NAN,
        |run: &mut handful::core::Run| run.train_secs = f64::NAN,
        |run: &mut handful::core::Run| run.metrics = [("f1".to_owned(), f64::NAN)].into(),
    ] {
        let mut wrong = run.clone();
        change(&mut wrong);
        assert!(matches!(store.save_run(&wrong), Err(StoreError::Invalid(_))));
    }
    assert_eq!(project.state(), before);
}

/// Otherwise undo would find other thresholds than it left.
#[test]
fn thresholds_set_by_hand_are_not_overwritten() {
    let project = Project::with_texts(TaskKind::MultiLabel, 1);
    let store = project.store();
    let mut run = store.create_run(a_run(&project.state())).unwrap();
    store
        .apply(&text_edits::set_thresholds(&project.state(), run.id, &[0.1, 0.2, 0.3]).unwrap())
        .unwrap();
    assert!(matches!(store.save_run(&run), Err(StoreError::Conflict(_))));
    run.thresholds = vec![0.1, 0.2, 0.3];
    run.status = RunStatus::Done;
    store.save_run(&run).unwrap();
    store.undo().unwrap().unwrap();
    assert_eq!(project.state().runs[0].thresholds, [0.5; 3]);
    assert_eq!(project.state().runs[0].status, RunStatus::Done);
}

/// Tuning is one edit: undo brings back the thresholds, the fallback and what they had been tuned for, also after a restart.
#[test]
fn a_decision_rule_is_set_undone_and_redone_as_a_whole() {
    let mut project = Project::with_texts(TaskKind::MultiLabel, 1);
    let run = project.store().create_run(a_run(&project.state())).unwrap();
    let tuned = Deciding {
        at_least_one: true,
        tuned_for: Some("f2".parse().unwrap()),
    };
    let edit = text_edits::set_rule(&project.state(), run.id, &[0.1, 0.2, 0.3], tuned).unwrap();
    project.store().apply(&edit).unwrap();
    // A training that ends late does not overwrite it.
    let mut late = run.clone();
    late.thresholds = vec![0.1, 0.2, 0.3];
    assert!(matches!(project.store().save_run(&late), Err(StoreError::Conflict(_))));
    // Only the fallback: what the thresholds were tuned for still holds.
    let off = Deciding {
        at_least_one: false,
        tuned_for: None,
    };
    let edit = text_edits::set_rule(&project.state(), run.id, &[0.1, 0.2, 0.3], off).unwrap();
    assert_eq!(edit.changes.len(), 1);
    project.store().apply(&edit).unwrap();
    assert_eq!(project.state().runs[0].deciding.tuned_for, tuned.tuned_for);
    project.store().undo().unwrap();
    project.reopen();
    assert_eq!(
        (
            &project.state().runs[0].thresholds[..],
            project.state().runs[0].deciding
        ),
        (&[0.1, 0.2, 0.3][..], tuned)
    );
    project.store().undo().unwrap();
    let before = project.state().runs[0].clone();
    assert_eq!(
        (before.thresholds, before.deciding),
        (vec![0.5; 3], Deciding::default())
    );
    project.store().redo().unwrap();
    assert_eq!(project.state().runs[0].deciding, tuned);
    // By hand: nothing was tuned any more.
    let edit = text_edits::set_thresholds(&project.state(), run.id, &[0.1, 0.2, 0.4]).unwrap();
    project.store().apply(&edit).unwrap();
    assert_eq!(project.state().runs[0].deciding.tuned_for, None);
    assert!(project.state().runs[0].deciding.at_least_one);
}

#[test]
fn labels_that_exclude_each_other_need_no_fallback() {
    let project = Project::with_texts(TaskKind::SingleLabel, 1);
    let run = project.store().create_run(a_run(&project.state())).unwrap();
    let deciding = Deciding {
        at_least_one: true,
        tuned_for: None,
    };
    let refused = text_edits::set_rule(&project.state(), run.id, &run.thresholds, deciding).unwrap_err();
    assert!(refused.to_string().contains("exclude each other"), "{refused}");
}
