//! Edits: applied or refused as a whole, undone and redone across restarts.

use handful::core::{
    Annotation, Change, Edit, EditError, How, Label, LabelId, ProjectState, Split, TaskKind, TextId, label_edits,
    text_edits,
};
use handful::store::StoreError;

use crate::support::{Project, a_run, paths};

const NOW: i64 = 1_700_000_000_000;

#[test]
fn what_an_edit_does_in_memory_it_does_in_the_file() {
    let project = Project::with_texts(TaskKind::MultiLabel, 4);
    let mut state = project.state();
    let label = |state: &ProjectState, name: &str| state.labels.find(name).unwrap();
    let (a, b, c) = (label(&state, "a"), label(&state, "b"), label(&state, "c"));
    let all: Vec<TextId> = (1..=4).map(TextId).collect();
    type Build = Box<dyn Fn(&ProjectState) -> Result<Edit, EditError>>;
    let builds: Vec<Build> = vec![
        Box::new({
            let all = all.clone();
            move |s| text_edits::annotate(s, &all, Some(&[b, a]), "ada", NOW, How::Bulk)
        }),
        Box::new(move |s| text_edits::add_label(s, &[TextId(2)], c, "bob", NOW + 1, How::Hand)),
        Box::new(move |s| text_edits::remove_label(s, &[TextId(3)], a, "bob", NOW + 2, How::Hand)),
        Box::new(move |s| text_edits::annotate(s, &[TextId(4)], Some(&[]), "bob", NOW, How::Accepted)),
        Box::new(move |s| text_edits::annotate(s, &[TextId(4)], None, "bob", NOW, How::Hand)),
        Box::new(|s| text_edits::set_split(s, &[TextId(1), TextId(2)], Some(Split::Test))),
        Box::new(|s| text_edits::set_flag(s, &[TextId(1)], true)),
        Box::new(|s| text_edits::set_note(s, TextId(1), "línea\n\u{1F980} \0 end")),
        Box::new(move |s| label_edits::rename_label(s, a, "  alpha ")),
        Box::new(move |s| label_edits::set_label_color(s, a, Some([255, 1, 0]))),
        Box::new(move |s| label_edits::set_label_key(s, a, Some('é'))),
        Box::new(move |s| label_edits::set_label_key(s, b, Some('é'))),
        Box::new(move |s| label_edits::set_label_description(s, a, "not b")),
        Box::new(|s| label_edits::create_labels(s, &paths(&["b/x/y", "alpha/x/z"]))),
        Box::new(move |s| label_edits::move_label(s, c, None, 0)),
        Box::new(move |s| label_edits::move_label(s, c, Some(b), 0)),
        Box::new(move |s| label_edits::merge_labels(s, a, b)),
        Box::new(|s| text_edits::delete_texts(s, &[TextId(2)])),
        Box::new(move |s| label_edits::delete_label(s, b)),
    ];
    let mut before = vec![state.clone()];
    for build in &builds {
        let edit = build(&state).unwrap();
        project.store().apply(&edit).unwrap();
        state.apply(&edit);
        assert_eq!(project.state(), state, "{}", edit.title);
        before.push(state.clone());
    }
    for expected in before.iter().rev().skip(1) {
        let undone = project.store().undo().unwrap().unwrap();
        state.apply(&undone);
        assert_eq!(&state, expected, "undo {}", undone.title);
        assert_eq!(&project.state(), expected, "undo {}", undone.title);
    }
}

#[test]
fn merging_joins_namesakes_and_keeps_annotations() {
    let project = Project::with_texts(TaskKind::SingleLabel, 3);
    let store = project.store();
    store
        .apply(&label_edits::create_labels(&project.state(), &paths(&["a/x/deep", "b/x", "b/y"])).unwrap())
        .unwrap();
    project.annotate(&[1], &["a > x > deep"]);
    project.annotate(&[2], &["a > x"]);
    project.annotate(&[3], &["a"]);
    let state = project.state();
    let find = |name| state.labels.find(name).unwrap();
    store
        .apply(&label_edits::merge_labels(&state, find("a"), find("b")).unwrap())
        .unwrap();
    assert_eq!(project.labels_of(1).unwrap(), ["b > x > deep"]);
    assert_eq!(project.labels_of(2).unwrap(), ["b > x"]);
    assert_eq!(project.labels_of(3).unwrap(), ["b"]);
    let state = project.state();
    assert_eq!(state.labels.find("a"), None);
    assert_eq!(state.labels.len(), 5); // b, c, b > x, b > y, b > x > deep
}

#[test]
fn merging_a_label_into_its_parent_makes_room_for_its_namesakes() {
    let project = Project::with_texts(TaskKind::SingleLabel, 1);
    let store = project.store();
    store
        .apply(&label_edits::create_labels(&project.state(), &paths(&["a/n/n", "a/n/a"])).unwrap())
        .unwrap();
    let before = project.state();
    let (outer, inner) = (before.labels.find("a").unwrap(), before.labels.find("a > n").unwrap());
    store
        .apply(&label_edits::merge_labels(&before, inner, outer).unwrap())
        .unwrap();
    let names = |state: &ProjectState| -> Vec<String> {
        state
            .labels
            .in_order()
            .iter()
            .map(|(_, label)| state.labels.path_string(label.id))
            .collect()
    };
    assert_eq!(names(&project.state()), ["a", "a > n", "a > a", "b", "c"]);
    store.undo().unwrap();
    assert_eq!(project.state(), before);
}

#[test]
fn deleting_a_label_takes_it_off_its_texts() {
    for (task, expected) in [(TaskKind::SingleLabel, None), (TaskKind::MultiLabel, Some(vec![]))] {
        let project = Project::with_texts(task, 1);
        project.annotate(&[1], &["a"]);
        let state = project.state();
        let edit = label_edits::delete_label(&state, state.labels.find("a").unwrap()).unwrap();
        project.store().apply(&edit).unwrap();
        assert_eq!(project.labels_of(1), expected, "{task:?}");
        project.store().undo().unwrap();
        assert_eq!(project.labels_of(1).unwrap(), ["a"]);
    }
}

#[test]
fn ids_of_deleted_labels_never_come_back_as_another_label() {
    let mut project = Project::with_texts(TaskKind::SingleLabel, 1);
    let state = project.state();
    let last = state.labels.find("c").unwrap();
    project
        .store()
        .apply(&label_edits::delete_label(&state, last).unwrap())
        .unwrap();
    project.reopen();
    let edit = label_edits::create_labels(&project.state(), &paths(&["d"])).unwrap();
    project.store().apply(&edit).unwrap();
    assert!(project.state().labels.find("d").unwrap() > last);

    let stale = Label {
        name: "e".to_owned(),
        ..state.labels.get(last).unwrap().clone()
    };
    let edit = Edit {
        title: "reuse".to_owned(),
        changes: vec![Change::Label {
            id: last,
            before: None,
            after: Some(stale),
        }],
    };
    assert!(matches!(project.store().apply(&edit), Err(StoreError::Conflict(_))));
}

#[test]
fn a_stale_edit_is_a_conflict_that_changes_nothing() {
    let project = Project::with_texts(TaskKind::SingleLabel, 2);
    let stale = project.state();
    let a = stale.labels.find("a").unwrap();
    project.annotate(&[2], &["b"]);
    let before = project.state();
    let edit = text_edits::annotate(&stale, &[TextId(1), TextId(2)], Some(&[a]), "bob", NOW, How::Hand).unwrap();
    let error = project.store().apply(&edit).unwrap_err();
    assert!(matches!(error, StoreError::Conflict(_)));
    assert!(error.to_string().contains("labels of text 2"), "{error}");
    assert_eq!(project.state(), before);
    assert_eq!(project.store().history().unwrap().undo.unwrap(), "Label 1 text b");
}

/// Edits that no builder makes: the file refuses them all the same, in words, and stays as it was.
#[test]
fn inconsistent_edits_are_refused() {
    let project = Project::with_texts(TaskKind::SingleLabel, 2);
    project.annotate(&[1], &["a"]);
    let store = project.store();
    let state = project.state();
    let get = |name: &str| state.labels.get(state.labels.find(name).unwrap()).unwrap().clone();
    let (a, b) = (get("a"), get("b"));
    let run = store.create_run(a_run(&state)).unwrap();
    let state = project.state();
    let label = |before: Option<&Label>, after: Option<Label>| Change::Label {
        id: before.or(after.as_ref()).unwrap().id,
        before: before.cloned(),
        after,
    };
    let annotate = |labels: &[i64]| Change::Annotation {
        text: TextId(2),
        before: None,
        after: Some(Annotation {
            labels: labels.iter().map(|&id| LabelId(id)).collect(),
            who: String::new(),
            at_millis: 0,
            how: How::Hand,
        }),
    };
    let under = |parent: &Label, child: &Label| Label {
        parent: Some(parent.id),
        ..child.clone()
    };
    let cases: Vec<(&str, Vec<Change>, &str)> = vec![
        ("no change", vec![], "no change"),
        ("unknown label", vec![annotate(&[99])], "no label 99"),
        ("two labels", vec![annotate(&[1, 2])], "exactly one label a text, not 2"),
        ("no label", vec![annotate(&[])], "exactly one label a text, not 0"),
        ("label twice", vec![annotate(&[1, 1])], "ascending order"),
        (
            "unknown text",
            vec![Change::Flag {
                text: TextId(99),
                before: false,
                after: true,
            }],
            "no text 99",
        ),
        ("label in use", vec![label(Some(&a), None)], "while 1 texts have it"),
        (
            "deleted, then used",
            vec![label(Some(&b), None), annotate(&[2])],
            "while 1 texts have it",
        ),
        (
            "duplicate name",
            vec![label(
                Some(&b),
                Some(Label {
                    name: "a".into(),
                    ..b.clone()
                }),
            )],
            "already is a label",
        ),
        (
            "blank name",
            vec![label(
                Some(&b),
                Some(Label {
                    name: " ".into(),
                    ..b.clone()
                }),
            )],
            "needs a name",
        ),
        (
            "cycle of one",
            vec![label(Some(&b), Some(under(&b, &b)))],
            "inside itself",
        ),
        (
            "cycle",
            vec![
                label(Some(&a), Some(under(&b, &a))),
                label(Some(&b), Some(under(&a, &b))),
            ],
            "inside itself",
        ),
        (
            "unknown parent",
            vec![label(
                Some(&b),
                Some(Label {
                    parent: Some(LabelId(99)),
                    ..b.clone()
                }),
            )],
            "no label 99 to put",
        ),
        (
            "orphan",
            vec![
                label(Some(&b), Some(under(&get("c"), &b))),
                label(Some(&get("c")), None),
            ],
            "inside a label that is deleted",
        ),
        (
            "another label's id",
            vec![Change::Label {
                id: a.id,
                before: None,
                after: Some(b.clone()),
            }],
            "another label",
        ),
        (
            "threshold count",
            vec![Change::Thresholds {
                run: run.id,
                before: vec![0.5; 3],
                after: vec![0.5],
            }],
            "cannot take 1 thresholds",
        ),
        (
            "threshold range",
            vec![Change::Thresholds {
                run: run.id,
                before: vec![0.5; 3],
                after: vec![0.5, 1.5, 0.5],
            }],
            "between 0 and 1",
        ),
    ];
    for (title, changes, expected) in cases {
        let error = store
            .apply(&Edit {
                title: title.to_owned(),
                changes,
            })
            .expect_err(title);
        assert!(error.to_string().contains(expected), "{title}: {error}");
        assert_eq!(project.state(), state, "{title}");
    }
}

#[test]
fn labels_can_be_sixteen_levels_deep_and_no_deeper() {
    let project = Project::new(TaskKind::MultiLabel);
    let deepest = vec![vec!["x".to_owned(); 16]];
    project
        .store()
        .apply(&label_edits::create_labels(&project.state(), &deepest).unwrap())
        .unwrap();
    project
        .store()
        .apply(&label_edits::create_labels(&project.state(), &paths(&["y"])).unwrap())
        .unwrap();
    let state = project.state();
    let (root, y) = (state.labels.children(None)[0].clone(), state.labels.find("y").unwrap());
    assert!(matches!(
        label_edits::move_label(&state, root.id, Some(y), 0),
        Err(EditError::TooDeep { depth: 17, max: 16 })
    ));
    let after = Some(Label {
        parent: Some(y),
        ..root.clone()
    });
    let edit = Edit {
        title: String::new(),
        changes: vec![Change::Label {
            id: root.id,
            before: Some(root.clone()),
            after,
        }],
    };
    assert!(
        project
            .store()
            .apply(&edit)
            .unwrap_err()
            .to_string()
            .contains("16 levels")
    );
}

#[test]
fn undo_and_redo_survive_a_restart_and_a_new_edit_ends_redo() {
    let mut project = Project::with_texts(TaskKind::SingleLabel, 2);
    project.annotate(&[1], &["a"]);
    project.annotate(&[2], &["b"]);
    project.store().undo().unwrap();
    project.reopen();
    let history = project.store().history().unwrap();
    assert_eq!(
        (history.undo.as_deref(), history.redo.as_deref()),
        (Some("Label 1 text a"), Some("Label 1 text b"))
    );
    project.store().redo().unwrap().unwrap();
    assert_eq!(project.labels_of(2).unwrap(), ["b"]);
    assert_eq!(project.store().redo().unwrap(), None);
    project.store().undo().unwrap();
    project.annotate(&[2], &["c"]);
    assert_eq!(project.store().history().unwrap().redo, None);
    assert_eq!(project.store().redo().unwrap(), None);
    while project.store().undo().unwrap().is_some() {}
    let state = project.state();
    assert_eq!((state.n_texts(), state.labels.len()), (0, 0));
    assert_eq!(project.store().history().unwrap().undo, None);
}

#[test]
fn edits_submitted_without_waiting_arrive_in_order() {
    let project = Project::with_texts(TaskKind::SingleLabel, 1);
    let mut state = project.state();
    let answers: Vec<_> = (0..50)
        .map(|i| {
            let edit = text_edits::set_note(&state, TextId(1), &format!("note {i}")).unwrap();
            state.apply(&edit);
            project.store().submit(edit)
        })
        .collect();
    let ids: Vec<_> = answers
        .into_iter()
        .map(|answer| answer.recv().unwrap().unwrap())
        .collect();
    assert!(ids.is_sorted());
    assert_eq!(project.state(), state);
}

#[test]
fn thresholds_come_back_bit_for_bit() {
    let project = Project::with_texts(TaskKind::MultiLabel, 1);
    let run = project.store().create_run(a_run(&project.state())).unwrap();
    let odd = [f64::from(0.1_f32), 1.0 / 3.0, 0.1 + 0.7];
    let edit = text_edits::set_thresholds(&project.state(), run.id, &odd).unwrap();
    project.store().apply(&edit).unwrap();
    let edit = text_edits::set_thresholds(&project.state(), run.id, &[0.0, 1.0, 0.123_456_789_012_345_67]).unwrap();
    project.store().apply(&edit).unwrap();
    project.store().undo().unwrap().unwrap();
    assert_eq!(project.state().runs[0].thresholds, odd);
}
