//! Imports: what is added, what is recognised, what is reported, and that the whole can be undone.

use handful::core::{Edit, How, NewText, ProjectState, Split, TaskKind, TextId, label_edits, text_edits};
use handful::store::{ImportSummary, Pushed, StoreError};

use crate::support::{Project, labelled, pair, paths, row, with_id};

fn import(project: &Project, rows: Vec<NewText>) -> (Pushed, ImportSummary) {
    let mut session = project.store().begin_import("rows.csv", "ada", 7).unwrap();
    let pushed = session.push(rows).unwrap();
    (pushed, session.finish().unwrap())
}

/// One row a case after an import of `known`: what comes of it.
#[test]
fn each_row_is_added_recognised_or_reported() {
    let id = |id: &str, labels: &[&str], body: &str| NewText {
        external_id: Some(id.to_owned()),
        ..labelled(body, labels)
    };
    let known = || {
        vec![
            row("plain"),
            with_id("7", "with id"),
            labelled("labelled", &["a"]),
            id("8", &["a"], "both"),
        ]
    };
    struct Case(&'static str, TaskKind, NewText, [usize; 3], Option<&'static str>);
    let (one, many) = (TaskKind::SingleLabel, TaskKind::MultiLabel);
    let cases = [
        Case("new", one, row("new"), [1, 0, 0], None),
        Case("same text", one, row("plain"), [0, 1, 0], None),
        Case("differs by case", one, row("Plain"), [1, 0, 0], None),
        Case("text of one with an id", one, row("with id"), [0, 1, 0], None),
        Case("same id and text", one, with_id("7", "with id"), [0, 1, 0], None),
        Case("same text, its own id", one, with_id("9", "plain"), [1, 0, 0], None),
        Case(
            "same id, other text",
            one,
            with_id("7", "changed"),
            [1, 0, 0],
            Some("has the id of another text"),
        ),
        Case(
            "labels for one that has none",
            one,
            labelled("plain", &["a"]),
            [0, 1, 1],
            None,
        ),
        Case(
            "its own labels again",
            one,
            labelled("labelled", &["a"]),
            [0, 1, 0],
            None,
        ),
        Case(
            "other labels",
            one,
            labelled("labelled", &["b"]),
            [0, 1, 0],
            Some("other labels, which were kept"),
        ),
        Case(
            "two labels, single",
            one,
            labelled("new", &["a", "b"]),
            [1, 0, 0],
            Some("2 labels in a single-label"),
        ),
        Case(
            "one label twice, single",
            one,
            labelled("new", &["a", " a "]),
            [1, 0, 0],
            None,
        ),
        Case(
            "no labels, single",
            one,
            labelled("new", &[]),
            [1, 0, 0],
            Some("0 labels in a single-label"),
        ),
        Case("two labels, multi", many, labelled("new", &["a", "b"]), [1, 0, 0], None),
        Case("none of them, multi", many, labelled("new", &[]), [1, 0, 0], None),
        Case(
            "none of them for one that has none",
            many,
            labelled("plain", &[]),
            [0, 1, 1],
            None,
        ),
        Case("blank", many, row(" \n\t"), [0, 0, 0], Some("has no text")),
        Case(
            "blank label",
            many,
            labelled("new", &["a", "b/ "]),
            [1, 0, 0],
            Some("needs a name"),
        ),
        Case(
            "path of nothing",
            many,
            NewText {
                labels: Some(vec![vec![]]),
                ..row("new")
            },
            [1, 0, 0],
            Some("needs a name"),
        ),
        Case(
            "too deep",
            many,
            NewText {
                labels: Some(vec![vec!["x".into(); 17]]),
                ..row("new")
            },
            [1, 0, 0],
            Some("16 levels"),
        ),
        Case(
            "essay as label",
            many,
            labelled("new", &[&"x".repeat(201)]),
            [1, 0, 0],
            Some("too long"),
        ),
    ];
    for Case(case, task, row, expected, problem) in cases {
        let project = Project::new(task);
        import(&project, known());
        let before = project.state();
        let (pushed, summary) = import(&project, vec![row]);
        assert_eq!(
            [pushed.texts.len(), pushed.n_duplicates, pushed.n_annotated],
            expected,
            "{case}"
        );
        assert_eq!(
            [summary.n_added, summary.n_duplicates, summary.n_annotated],
            expected,
            "{case}"
        );
        match problem {
            Some(words) => assert!(
                pushed.problems[0].message.contains(words),
                "{case}: {:?}",
                pushed.problems
            ),
            None => assert!(pushed.problems.is_empty(), "{case}: {:?}", pushed.problems),
        }
        let mut state = before.clone();
        state.extend(pushed.texts);
        state.apply(&Edit {
            title: String::new(),
            changes: pushed.changes,
        });
        assert_eq!(project.state(), state, "{case}");
        if problem.is_some_and(|words| words.contains("label") || words.contains("needs")) && expected[0] == 1 {
            assert_eq!(
                state.texts().last().unwrap().annotation,
                None,
                "{case}: left unlabelled"
            );
        }
        if summary.edit.is_some() {
            let undone = project.store().undo().unwrap().unwrap();
            state.apply(&undone);
            assert_eq!(project.state(), state, "{case}");
            assert_eq!(visible(&state), visible(&before), "{case}");
        }
    }
}

fn visible(state: &ProjectState) -> (Vec<handful::core::Text>, handful::core::LabelTree) {
    (state.texts().cloned().collect(), state.labels.clone())
}

#[test]
fn rows_arrive_as_they_were_written() {
    let project = Project::new(TaskKind::MultiLabel);
    let new = NewText {
        external_id: Some("é-1".to_owned()),
        split: Some(Split::Validation),
        ..labelled("ligne\r\n\u{1F980}\0 fin ", &["home/kitchen", "home/ bath ", "sale"])
    };
    let (_, summary) = import(&project, vec![new.clone()]);
    let state = project.state();
    let text = state.text(TextId(1)).unwrap();
    assert_eq!(
        (&*text.body, &text.external_id, text.split),
        (&*new.body, &new.external_id, Some(Split::Validation))
    );
    assert_eq!((&*text.source, text.import), ("rows.csv", Some(summary.import)));
    let annotation = text.annotation.as_ref().unwrap();
    assert_eq!(
        (annotation.who.as_str(), annotation.at_millis, annotation.how),
        ("ada", 7, How::Imported)
    );
    assert_eq!(project.labels_of(1).unwrap(), ["home > kitchen", "home > bath", "sale"]);
    let created: Vec<&str> = summary.new_labels.iter().map(|label| label.name.as_str()).collect();
    assert_eq!(created, ["home", "kitchen", "bath", "sale"]);
}

#[test]
fn importing_a_file_again_adds_nothing_and_leaves_no_undo() {
    let project = Project::new(TaskKind::SingleLabel);
    let rows = || -> Vec<NewText> {
        let twice = vec![
            labelled("same", &["a"]),
            row("same"),
            with_id("1", "x"),
            with_id("1", "y"),
        ];
        (0..50)
            .map(|i| labelled(&format!("t{i}"), &["a"]))
            .chain(twice)
            .collect()
    };
    let (_, first) = import(&project, rows());
    assert_eq!((first.n_added, first.n_duplicates), (53, 1));
    let before = (project.state(), project.store().history().unwrap());
    let (pushed, again) = import(&project, rows());
    assert_eq!((again.n_added, again.n_duplicates, again.edit), (0, 54, None));
    assert!(pushed.problems.is_empty(), "{:?}", pushed.problems);
    assert_eq!((project.state(), project.store().history().unwrap()), before);
}

#[test]
fn a_later_row_labels_an_earlier_one() {
    let project = Project::new(TaskKind::SingleLabel);
    let mut session = project.store().begin_import("rows.csv", "ada", 7).unwrap();
    let first = session.push(vec![row("x"), row("y"), labelled("x", &["a"])]).unwrap();
    assert_eq!(first.texts[0].annotation.as_ref().unwrap().labels.len(), 1);
    let second = session.push(vec![labelled("y", &["b"])]).unwrap();
    assert_eq!((first.n_annotated, second.n_annotated, second.texts.len()), (1, 1, 0));
    session.finish().unwrap();
    assert_eq!(project.labels_of(1).unwrap(), ["a"]);
    assert_eq!(project.labels_of(2).unwrap(), ["b"]);
    assert_eq!(project.state().n_texts(), 2);
}

#[test]
fn an_import_is_undone_and_redone_as_one() {
    let mut project = Project::with_texts(TaskKind::SingleLabel, 2);
    let before = visible(&project.state());
    import(
        &project,
        vec![
            labelled("new", &["z/y"]),
            labelled("text number 1", &["z/x"]),
            row("other"),
        ],
    );
    let after = project.state();
    project.annotate(&[4], &["z > y"]);
    project.store().undo().unwrap();
    assert_eq!(
        project.store().history().unwrap().undo.unwrap(),
        "Import 2 texts from rows.csv"
    );
    project.store().undo().unwrap();
    project.reopen();
    assert_eq!(visible(&project.state()), before);
    project.store().redo().unwrap();
    assert_eq!(project.state(), after);
    project.store().undo().unwrap();
    let (_, again) = import(&project, vec![row("new")]);
    assert_eq!(again.n_added, 1, "a hidden text is no duplicate");
}

/// Labelling goes on during an import; what would tangle the two is refused until it has ended.
#[test]
fn edits_during_an_import_stay_undoable_in_order() {
    let project = Project::with_texts(TaskKind::SingleLabel, 3);
    let start = visible(&project.state());
    let mut session = project.store().begin_import("rows.csv", "ada", 7).unwrap();
    assert!(matches!(
        project.store().begin_import("b.csv", "ada", 7),
        Err(StoreError::ImportUnderWay(_))
    ));
    session
        .push(vec![labelled("new", &["z"]), labelled("text number 0", &["z"])])
        .unwrap();
    let state = project.state();
    let find = |name: &str| state.labels.find(name).unwrap();
    let (a, z) = (find("a"), find("z"));
    let annotate = |text, label| text_edits::annotate(&state, &[TextId(text)], Some(&[label]), "bob", 9, How::Hand);
    let tangled = [
        annotate(1, a),
        annotate(2, z),
        label_edits::rename_label(&state, z, "q"),
        label_edits::create_labels(&state, &paths(&["z/q"])),
        text_edits::delete_texts(&state, &[TextId(4)]),
    ];
    for edit in tangled {
        let edit = edit.unwrap();
        let refused = project.store().apply(&edit);
        assert!(
            matches!(refused, Err(StoreError::ImportUnderWay(_))),
            "{}: {refused:?}",
            edit.title
        );
    }
    for edit in [
        annotate(2, a),
        annotate(4, a),
        label_edits::rename_label(&state, a, "alpha"),
    ] {
        project.store().apply(&edit.unwrap()).unwrap();
    }
    session.push(vec![labelled("newer", &["alpha"])]).unwrap();
    session.finish().unwrap();
    let end = project.state();
    for _ in 0..4 {
        project.store().undo().unwrap().unwrap();
    }
    assert_eq!(visible(&project.state()), start);
    for _ in 0..4 {
        project.store().redo().unwrap().unwrap();
    }
    assert_eq!(project.state(), end);
}

#[test]
fn a_dropped_session_ends_the_import_where_it_stands() {
    let project = Project::new(TaskKind::SingleLabel);
    let mut session = project.store().begin_import("rows.csv", "ada", 7).unwrap();
    session.push(vec![labelled("x", &["a"])]).unwrap();
    drop(session);
    import(&project, vec![row("y")]);
    assert_eq!(project.state().n_texts(), 2);
    project.store().undo().unwrap();
    assert_eq!(
        project.store().history().unwrap().undo.unwrap(),
        "Import 1 texts from rows.csv"
    );
}

#[test]
fn pairs_are_recognised_by_both_parts_and_undone_with_the_import() {
    let mut project = Project::new(TaskKind::SingleLabel);
    let rows = || {
        vec![
            pair("it rains", "the street is wet", Some("entailment")),
            pair("it rains", "the sun shines", Some("contradiction")),
            pair("the street is wet", "it rains", None),
        ]
    };
    let (pushed, summary) = import(&project, rows());
    assert_eq!(
        (summary.n_added, pushed.problems.len()),
        (3, 0),
        "{:?}",
        pushed.problems
    );
    project.reopen();
    let state = project.state();
    assert!(state.has_pairs());
    let parts = |state: &ProjectState| -> Vec<(String, Option<String>)> {
        let part = |text: &handful::core::Text| (text.body.to_string(), text.second.as_deref().map(str::to_owned));
        state.texts().map(part).collect()
    };
    let imported = parts(&state);
    let written: Vec<_> = rows().into_iter().map(|row| (row.body, row.second)).collect();
    assert_eq!(imported, written);
    assert_eq!(pushed.texts, state.all_texts());

    // Again, with a label for the one that had none.
    let (pushed, summary) = import(&project, vec![pair("the street is wet", "it rains", Some("neutral"))]);
    assert_eq!((summary.n_added, summary.n_duplicates, summary.n_annotated), (0, 1, 1));
    assert!(pushed.problems.is_empty());
    let (_, summary) = import(&project, rows());
    assert_eq!((summary.n_added, summary.n_duplicates, summary.n_annotated), (0, 3, 0));

    project.store().undo().unwrap();
    project.store().undo().unwrap();
    assert_eq!(project.state().n_texts(), 0);
    project.store().redo().unwrap();
    assert_eq!(parts(&project.state()), imported);
}

#[test]
fn a_project_holds_pairs_or_single_texts() {
    for (first, other, said) in [
        (pair("a", "b", None), row("a"), "stands alone"),
        (row("a"), pair("a", "b", None), "is one of a pair"),
    ] {
        let project = Project::new(TaskKind::SingleLabel);
        let (pushed, summary) = import(&project, vec![first, other.clone()]);
        assert_eq!(summary.n_added, 1);
        assert!(pushed.problems[0].message.contains(said), "{:?}", pushed.problems);
        let (_, summary) = import(&project, vec![other.clone()]);
        assert_eq!((summary.n_added, summary.n_duplicates), (0, 0));
        // With its texts gone, the project takes the other kind.
        project.store().undo().unwrap();
        assert_eq!(import(&project, vec![other]).1.n_added, 1);
    }
    let project = Project::new(TaskKind::SingleLabel);
    let (pushed, summary) = import(&project, vec![pair("a", " ", None)]);
    assert_eq!(summary.n_added, 0);
    assert!(
        pushed.problems[0].message.contains("no second text"),
        "{:?}",
        pushed.problems
    );
}
