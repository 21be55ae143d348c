//! Exporting annotations: every format, and reading back exactly what was written.
#![allow(missing_docs, clippy::unwrap_used)]

use std::sync::Arc;

use handful::core::{Annotation, How, Label, LabelId, LabelTree, NewText, ProjectState, Split, TaskKind, Text, TextId};
use handful::io::export::{EXPORTERS, annotations};
use handful::io::import::{self, ReadOptions};

fn label(id: i64, name: &str, parent: Option<i64>) -> Label {
    let (color, key, description) = (None, None, String::new());
    Label {
        id: LabelId(id),
        name: name.to_owned(),
        parent: parent.map(LabelId),
        position: id,
        color,
        key,
        description,
    }
}

fn text(id: i64, body: &str, labels: Option<&[i64]>) -> Text {
    let annotation = labels.map(|labels| {
        Annotation::new(
            labels.iter().copied().map(LabelId).collect(),
            "ada",
            1_700_000_000_123,
            How::Hand,
        )
    });
    Text {
        id: TextId(id),
        external_id: (id % 2 == 0).then(|| format!("row-{id}")),
        body: Arc::from(body),
        second: None,
        split: [None, Some(Split::Train), Some(Split::Validation), Some(Split::Test)][id as usize % 4],
        source: Arc::from("a.csv"),
        import: None,
        note: if id == 2 {
            "a \"note\",\nwith more".to_owned()
        } else {
            String::new()
        },
        flagged: false,
        deleted: id == 99,
        annotation,
    }
}

fn project(task: TaskKind, labels: Vec<Label>, annotated: &[Option<&[i64]>]) -> ProjectState {
    let bodies = [
        "plain",
        "comma, \"quote\"\nnew line\r\nand return\r",
        "  spaces kept  ",
        "=1+1",
        "[\"looks\", \"like a list\"]",
        "emoji 🦀 and ünï",
        "-",
    ];
    let texts = annotated
        .iter()
        .enumerate()
        .map(|(at, labels)| text(at as i64 + 1, bodies[at % bodies.len()], *labels));
    let deleted = text(99, "deleted", Some(&[1]));
    ProjectState::new(
        task,
        LabelTree::new(labels),
        texts.chain([deleted]).collect(),
        Vec::new(),
    )
}

fn projects() -> Vec<(&'static str, ProjectState)> {
    let flat = || {
        vec![
            label(1, "billing", None),
            label(2, "a|b; c, d # e / f > g", None),
            label(3, "Ünï", None),
        ]
    };
    let tree = vec![
        label(1, "Home", None),
        label(2, "TV / Audio", Some(1)),
        label(3, "Home", Some(2)),
        label(4, "Garden", None),
    ];
    let single: &[Option<&[i64]>] = &[Some(&[1]), None, Some(&[2]), Some(&[3]), Some(&[1]), None, Some(&[2])];
    let multi: &[Option<&[i64]>] = &[
        Some(&[1, 2]),
        None,
        Some(&[]),
        Some(&[3]),
        Some(&[1, 2, 3]),
        None,
        Some(&[2]),
    ];
    vec![
        ("label", project(TaskKind::SingleLabel, flat(), single)),
        ("labels", project(TaskKind::MultiLabel, flat(), multi)),
        (
            "labels",
            project(
                TaskKind::SingleLabel,
                vec![label(1, "[\"x\"]", None), label(2, "y", None), label(3, "z", None)],
                single,
            ),
        ),
        ("path", project(TaskKind::SingleLabel, tree.clone(), single)),
        ("path", project(TaskKind::MultiLabel, tree, multi)),
    ]
}

fn expected(state: &ProjectState) -> Vec<NewText> {
    let row = |text: &Text| NewText {
        body: text.body.to_string(),
        second: text.second.as_deref().map(str::to_owned),
        external_id: text.external_id.clone(),
        split: text.split,
        labels: text
            .annotation
            .as_ref()
            .map(|annotation| annotation.labels.iter().map(|id| state.labels.path(*id)).collect()),
    };
    state.texts().map(row).collect()
}

#[test]
fn what_is_exported_is_read_back_the_same() {
    let dir = tempfile::tempdir().unwrap();
    for exporter in EXPORTERS {
        for (column, state) in projects() {
            let mut bytes = Vec::new();
            let n = annotations(exporter.id, &state, &mut bytes).unwrap();
            let path = dir.path().join(format!("out.{}", exporter.extension));
            std::fs::write(&path, &bytes).unwrap();
            let mut rows = Vec::new();
            let options = ReadOptions {
                task: Some(state.task),
                ..ReadOptions::default()
            };
            let report = import::read(&path, &options, &mut |batch| {
                rows.extend(batch.rows);
                Ok(())
            })
            .unwrap();
            assert_eq!(rows, expected(&state), "{} {column}", exporter.id);
            assert_eq!((n, report.n_problems), (7, 0), "{:?}", report.problems);
            assert!(
                String::from_utf8_lossy(&bytes).contains(&format!("{column}\""))
                    || bytes.starts_with(format!("id,text,{column},").as_bytes())
            );
        }
    }
}

#[test]
fn who_when_how_and_note_are_written() {
    let (_, state) = projects().swap_remove(1);
    let mut csv = Vec::new();
    annotations("csv", &state, &mut csv).unwrap();
    let csv = String::from_utf8(csv).unwrap();
    assert_eq!(csv.lines().next(), Some("id,text,labels,split,who,when,how,note"));
    assert_eq!(
        csv.lines().nth(1),
        Some(r#",plain,"[""billing"",""a|b; c, d # e / f > g""]",train,ada,2023-11-14T22:13:20.123Z,hand,"#)
    );
    let mut jsonl = Vec::new();
    annotations("jsonl", &state, &mut jsonl).unwrap();
    let lines: Vec<serde_json::Value> = String::from_utf8(jsonl)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines[2]["labels"], serde_json::json!([]));
    assert_eq!(
        lines[1],
        serde_json::json!({"id": "row-2", "text": "comma, \"quote\"\nnew line\r\nand return\r", "labels": null, "split": "validation",
        "who": null, "when": null, "how": null, "note": "a \"note\",\nwith more"})
    );
}

#[test]
fn an_unknown_format_names_those_there_are() {
    let (_, state) = projects().swap_remove(0);
    let error = annotations("parquet", &state, &mut Vec::new()).unwrap_err().to_string();
    assert!(error.contains("parquet") && error.contains("csv, jsonl"), "{error}");
}

#[test]
fn pairs_are_written_with_both_parts() {
    let mut state = project(
        TaskKind::SingleLabel,
        vec![label(1, "yes", None)],
        &[Some(&[1]), None, Some(&[1])],
    );
    let pairs = state.all_texts().iter().cloned().map(|text| Text {
        second: Some(format!("asks, \"{}\"?", text.id).into()),
        ..text
    });
    state = ProjectState::new(state.task, state.labels.clone(), pairs.collect(), Vec::new());
    let dir = tempfile::tempdir().unwrap();
    for exporter in EXPORTERS {
        let mut bytes = Vec::new();
        annotations(exporter.id, &state, &mut bytes).unwrap();
        let path = dir.path().join(format!("pairs.{}", exporter.extension));
        std::fs::write(&path, &bytes).unwrap();
        let mut rows = Vec::new();
        let report = import::read(&path, &ReadOptions::default(), &mut |batch| {
            rows.extend(batch.rows);
            Ok(())
        });
        assert_eq!(report.unwrap().mapping.second_column.as_deref(), Some("text_pair"));
        assert_eq!(rows, expected(&state), "{}", exporter.id);
    }
}
