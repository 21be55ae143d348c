//! A project in a temporary folder, and short ways to say what goes in.

use std::path::PathBuf;

use handful::core::{
    Edit, How, LabelId, NewText, ProjectState, Run, RunId, RunStatus, TaskKind, TextId, label_edits, text_edits,
};
use handful::store::Store;

/// The folder goes when this is dropped.
pub struct Project {
    pub folder: tempfile::TempDir,
    pub path: PathBuf,
    pub store: Option<Store>,
}

impl Project {
    pub fn new(task: TaskKind) -> Project {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.handful");
        let store = Some(Store::create(&path, task).unwrap());
        Project { folder, path, store }
    }

    /// With labels `a`, `b`, `c` and `n` unlabelled texts.
    pub fn with_texts(task: TaskKind, n: usize) -> Project {
        let project = Project::new(task);
        project.import((0..n).map(|i| row(&format!("text number {i}"))).collect());
        let edit = label_edits::create_labels(&project.state(), &paths(&["a", "b", "c"])).unwrap();
        project.store().apply(&edit).unwrap();
        project
    }

    pub fn store(&self) -> &Store {
        self.store.as_ref().unwrap()
    }

    pub fn state(&self) -> ProjectState {
        self.store().load().unwrap()
    }

    pub fn reopen(&mut self) {
        self.store = None;
        self.store = Some(Store::open(&self.path).unwrap());
    }

    pub fn import(&self, rows: Vec<NewText>) {
        let mut session = self.store().begin_import("rows.csv", "ada", 7).unwrap();
        session.push(rows).unwrap();
        session.finish().unwrap();
    }

    pub fn annotate(&self, texts: &[i64], labels: &[&str]) -> Edit {
        let state = self.state();
        let texts: Vec<TextId> = texts.iter().map(|&id| TextId(id)).collect();
        let labels: Vec<LabelId> = labels.iter().map(|name| state.labels.find(name).unwrap()).collect();
        let edit = text_edits::annotate(&state, &texts, Some(&labels), "ada", 5, How::Hand).unwrap();
        self.store().apply(&edit).unwrap();
        edit
    }

    /// The names of a text's labels; `None` when it has no annotation.
    pub fn labels_of(&self, text: i64) -> Option<Vec<String>> {
        let state = self.state();
        let annotation = state.text(TextId(text))?.annotation.as_ref()?;
        Some(
            annotation
                .labels
                .iter()
                .map(|&label| state.labels.path_string(label))
                .collect(),
        )
    }
}

pub fn row(body: &str) -> NewText {
    NewText::new(body)
}

pub fn labelled(body: &str, labels: &[&str]) -> NewText {
    NewText {
        labels: Some(paths(labels)),
        ..row(body)
    }
}

pub fn with_id(id: &str, body: &str) -> NewText {
    NewText {
        external_id: Some(id.to_owned()),
        ..row(body)
    }
}

pub fn pair(body: &str, second: &str, label: Option<&str>) -> NewText {
    NewText {
        second: Some(second.to_owned()),
        labels: label.map(|label| paths(&[label])),
        ..row(body)
    }
}

/// `"home/kitchen"` is a path of two names.
pub fn paths(written: &[&str]) -> Vec<Vec<String>> {
    written
        .iter()
        .map(|path| path.split('/').map(str::to_owned).collect())
        .collect()
}

pub fn a_run(state: &ProjectState) -> Run {
    let labels: Vec<LabelId> = state.labels.iter().map(|label| label.id).collect();
    Run {
        id: RunId(0),
        name: String::new(),
        method: "setfit".to_owned(),
        encoder: "all-MiniLM-L6-v2".to_owned(),
        seed: u64::MAX - 3,
        task: state.task,
        options: [
            ("lr".to_owned(), serde_json::json!(2e-5)),
            ("batch".to_owned(), serde_json::json!(16)),
        ]
        .into(),
        label_paths: labels.iter().map(|&id| state.labels.path(id)).collect(),
        thresholds: vec![0.5; labels.len()],
        deciding: Default::default(),
        labels,
        n_train: 24,
        n_validation: 0,
        n_test: 100,
        started_at_millis: 1_700_000_000_000,
        train_secs: 1.0 / 3.0,
        status: RunStatus::Training,
        message: String::new(),
        metrics: [("accuracy".to_owned(), 0.1 + 0.2)].into(),
        scored_on: None,
        history: Vec::new(),
        watched: Vec::new(),
        findings: Default::default(),
        device: "cpu".to_owned(),
        precision: "f32".to_owned(),
        series: String::new(),
    }
}
