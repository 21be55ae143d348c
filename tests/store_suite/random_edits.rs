//! Whatever people do in whatever order: memory and file agree after every step, and undoing everything gives the start.

use handful::core::{
    Edit, EditError, How, LabelId, NewText, ProjectState, RunStatus, Split, TaskKind, TextId, label_edits, text_edits,
};
use proptest::prelude::*;

use crate::support::{Project, a_run, paths, row};

#[derive(Debug, Clone)]
enum Step {
    Annotate(Vec<usize>, Option<Vec<usize>>),
    AddLabel(Vec<usize>, usize),
    RemoveLabel(Vec<usize>, usize),
    Split(Vec<usize>, Option<Split>),
    Flag(usize, bool),
    Note(usize, String),
    DeleteTexts(Vec<usize>),
    Create(Vec<String>),
    Rename(usize, String),
    Move(usize, Option<usize>, usize),
    Merge(usize, usize),
    DeleteLabel(usize),
    Key(usize, Option<char>),
    Thresholds([f64; 2]),
    Import(Vec<(String, Option<String>)>),
    Undo,
    Redo,
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let texts = || prop::collection::vec(0_usize..6, 1..4);
    let label = || 0_usize..8;
    let name = || prop::sample::select(vec!["a", "b", "n", "ñ"]).prop_map(str::to_owned);
    prop_oneof![
        4 => (texts(), prop::option::of(prop::collection::vec(label(), 0..3))).prop_map(|(t, l)| Step::Annotate(t, l)),
        2 => (texts(), label()).prop_map(|(t, l)| Step::AddLabel(t, l)),
        1 => (texts(), label()).prop_map(|(t, l)| Step::RemoveLabel(t, l)),
        1 => (texts(), prop::option::of(prop::sample::select(Split::ALL.to_vec()))).prop_map(|(t, s)| Step::Split(t, s)),
        1 => (0_usize..6, any::<bool>()).prop_map(|(t, f)| Step::Flag(t, f)),
        1 => (0_usize..6, ".{0,8}").prop_map(|(t, n)| Step::Note(t, n)),
        1 => texts().prop_map(Step::DeleteTexts),
        3 => prop::collection::vec(name(), 1..4).prop_map(Step::Create),
        1 => (label(), name()).prop_map(|(l, n)| Step::Rename(l, n)),
        2 => (label(), prop::option::of(label()), 0_usize..4).prop_map(|(l, p, i)| Step::Move(l, p, i)),
        2 => (label(), label()).prop_map(|(f, i)| Step::Merge(f, i)),
        1 => label().prop_map(Step::DeleteLabel),
        1 => (label(), prop::option::of(prop::sample::select(vec!['x', 'y']))).prop_map(|(l, k)| Step::Key(l, k)),
        1 => [0.0..=1.0_f64, 0.0..=1.0_f64].prop_map(Step::Thresholds),
        1 => prop::collection::vec(("text [0-9]", prop::option::of(name())), 1..4).prop_map(Step::Import),
        5 => Just(Step::Undo),
        3 => Just(Step::Redo),
        1 => Just(Step::Reopen),
    ]
}

/// `None`: the step does not apply here.
fn build(state: &ProjectState, step: &Step) -> Option<Result<Edit, EditError>> {
    let text = |at: &usize| TextId(*at as i64 + 1);
    let texts = |at: &[usize]| -> Vec<TextId> { at.iter().map(text).collect() };
    let known: Vec<LabelId> = state.labels.iter().map(|label| label.id).collect();
    let label = |at: usize| known.get(at % known.len().max(1)).copied();
    Some(match step {
        Step::Annotate(at, None) => text_edits::annotate(state, &texts(at), None, "ada", 1, How::Hand),
        Step::Annotate(at, Some(labels)) => {
            let labels: Vec<LabelId> = labels.iter().filter_map(|&at| label(at)).collect();
            text_edits::annotate(state, &texts(at), Some(&labels), "bob", 2, How::Bulk)
        }
        Step::AddLabel(at, l) => text_edits::add_label(state, &texts(at), label(*l)?, "ada", 3, How::Accepted),
        Step::RemoveLabel(at, l) => text_edits::remove_label(state, &texts(at), label(*l)?, "ada", 4, How::Hand),
        Step::Split(at, split) => text_edits::set_split(state, &texts(at), *split),
        Step::Flag(at, flagged) => text_edits::set_flag(state, &[text(at)], *flagged),
        Step::Note(at, note) => text_edits::set_note(state, text(at), note),
        Step::DeleteTexts(at) => text_edits::delete_texts(state, &texts(at)),
        Step::Create(path) => label_edits::create_labels(state, std::slice::from_ref(path)),
        Step::Rename(l, name) => label_edits::rename_label(state, label(*l)?, name),
        Step::Move(l, parent, index) => label_edits::move_label(state, label(*l)?, parent.and_then(label), *index),
        Step::Merge(from, into) => label_edits::merge_labels(state, label(*from)?, label(*into)?),
        Step::DeleteLabel(l) => label_edits::delete_label(state, label(*l)?),
        Step::Key(l, key) => label_edits::set_label_key(state, label(*l)?, *key),
        Step::Thresholds(values) => text_edits::set_thresholds(state, state.runs.first()?.id, values),
        Step::Import(_) | Step::Undo | Step::Redo | Step::Reopen => return None,
    })
}

fn import(project: &Project, state: &mut ProjectState, rows: &[(String, Option<String>)]) {
    let rows = rows.iter().map(|(body, label)| NewText {
        labels: label.as_ref().map(|label| vec![vec![label.clone()]]),
        ..row(body)
    });
    let mut session = project.store().begin_import("more.csv", "ada", 9).unwrap();
    let pushed = session.push(rows.collect()).unwrap();
    state.extend(pushed.texts);
    if let Some(edit) = session.finish().unwrap().edit {
        state.apply(&edit);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20, max_shrink_iters: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn memory_and_file_agree_and_undoing_everything_gives_the_start(
        is_single in any::<bool>(),
        steps in prop::collection::vec(step(), 1..40),
    ) {
        let task = if is_single { TaskKind::SingleLabel } else { TaskKind::MultiLabel };
        let mut project = Project::new(task);
        let empty = project.state();
        project.import((0..6).map(|i| row(&format!("text {i}"))).collect());
        let edit = label_edits::create_labels(&empty, &paths(&["a/n", "b"])).unwrap();
        project.store().apply(&edit).unwrap();
        let mut run = a_run(&project.state());
        run.labels.truncate(2);
        run.thresholds.truncate(2);
        run.status = RunStatus::Done;
        project.store().create_run(run).unwrap();
        let mut state = project.state();
        for step in &steps {
            match (step, build(&state, step)) {
                (_, Some(Ok(edit))) => {
                    let mut there_and_back = state.clone();
                    there_and_back.apply(&edit);
                    there_and_back.apply(&edit.inverse());
                    prop_assert_eq!(&there_and_back, &state, "{}", edit.title);
                    project.store().apply(&edit).map_err(|error| TestCaseError::fail(format!("{step:?}: {error}")))?;
                    state.apply(&edit);
                }
                (Step::Import(rows), _) => import(&project, &mut state, rows),
                (Step::Undo, _) => state.apply(&project.store().undo().unwrap().unwrap_or(nothing())),
                (Step::Redo, _) => state.apply(&project.store().redo().unwrap().unwrap_or(nothing())),
                (Step::Reopen, _) => project.reopen(),
                (_, Some(Err(_)) | None) => {}
            }
            prop_assert_eq!(&project.state(), &state, "{:?}", step);
        }
        while let Some(edit) = project.store().undo().unwrap() {
            state.apply(&edit);
        }
        prop_assert_eq!(&project.state(), &state);
        prop_assert!(state.labels.is_empty());
        prop_assert_eq!(state.n_texts(), 0);
        while let Some(edit) = project.store().redo().unwrap() {
            state.apply(&edit);
        }
        prop_assert_eq!(&project.state(), &state);
    }
}

fn nothing() -> Edit {
    Edit {
        title: String::new(),
        changes: Vec::new(),
    }
}
