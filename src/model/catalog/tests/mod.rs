//! The catalog through its public face, against a server on this machine and wheels made here.

mod add;
mod fetch;
mod hub;
mod package;
mod prompts;
mod refused;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

const CONFIG: &[u8] = br#"{"model_type": "bert", "hidden_size": 4}"#;

fn safetensors() -> Vec<u8> {
    let header = br#"{"w":{"dtype":"U8","shape":[300000],"data_offsets":[0,300000]}}"#;
    let data = (0..300_000_u32).map(|n| (n % 251) as u8);
    (header.len() as u64)
        .to_le_bytes()
        .into_iter()
        .chain(header.iter().copied())
        .chain(data)
        .collect()
}

fn contents() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("model.safetensors", safetensors()),
        ("config.json", CONFIG.to_vec()),
        ("tokenizer.json", b"{}".to_vec()),
        (
            "1_Pooling/config.json",
            b"{\"pooling_mode_mean_tokens\": true}".to_vec(),
        ),
    ]
}

fn sha256(bytes: &[u8]) -> &'static str {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bytes");
    std::fs::write(&path, bytes).unwrap();
    manifest::hash(&path, &mut 0, 0, &mut |_| ControlFlow::Continue(()))
        .unwrap()
        .0
        .leak()
}

fn tiny() -> KnownModel {
    let file = |(path, bytes): (&'static str, Vec<u8>)| KnownFile {
        path,
        bytes: bytes.len() as u64,
        sha256: sha256(&bytes),
    };
    KnownModel {
        name: "tiny",
        repo: "someone/tiny",
        revision: "0123456789abcdef0123456789abcdef01234567",
        licence: "MIT",
        dim: 4,
        wheel: None,
        files: contents().into_iter().map(file).collect::<Vec<_>>().leak(),
    }
}

fn write_model(folder: &Path, contents: &[(&str, Vec<u8>)]) {
    for (path, bytes) in contents {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

fn quiet(_: Progress<'_>) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// Delivers what it is given, and counts how often it is asked.
struct Given {
    contents: Vec<(&'static str, Vec<u8>)>,
    then: Result<(), &'static str>,
    n_asked: Arc<AtomicUsize>,
}

impl Given {
    fn whole() -> Given {
        Given {
            contents: contents(),
            then: Ok(()),
            n_asked: Arc::default(),
        }
    }

    fn changed(change: impl FnOnce(&mut Vec<(&'static str, Vec<u8>)>)) -> Given {
        let mut given = Given::whole();
        change(&mut given.contents);
        given
    }
}

impl Source for Given {
    fn title(&self, _: &KnownModel) -> String {
        "a given folder".to_owned()
    }

    fn fetch(&self, _: &KnownModel, into: &Path, on_progress: OnProgress<'_>) -> Result<(), SourceError> {
        self.n_asked.fetch_add(1, Ordering::SeqCst);
        for (path, bytes) in &self.contents {
            write_model(into, &[(path, bytes.clone())]);
            if on_progress(Progress::Bytes { done: 1, total: 2 }).is_break() {
                return Err(SourceError::Cancelled);
            }
        }
        self.then.map_err(|reason| SourceError::Failed(reason.to_owned()))
    }
}

fn catalog(dir: &tempfile::TempDir, sources: Vec<Box<dyn Source>>) -> Catalog {
    Catalog::with(dir.path(), vec![tiny()], sources)
}

/// Names in the models' folder that are not locks.
fn left(catalog: &Catalog) -> Vec<String> {
    let names = std::fs::read_dir(catalog.folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| !name.ends_with(".lock")).collect()
}

/// A catalog without sources in a folder of its own.
fn empty() -> (tempfile::TempDir, Catalog) {
    let dir = tempfile::tempdir().unwrap();
    let catalog = catalog(&dir, Vec::new());
    (dir, catalog)
}
