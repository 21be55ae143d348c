//! Models whose files are not pinned, against a hub on this machine.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::*;

const COMMIT: &str = "89abcdef0123456789abcdef0123456789abcdef";

fn quiet(_: Progress<'_>) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn names(files: &[&str]) -> Vec<String> {
    files.iter().map(|file| (*file).to_owned()).collect()
}

#[test]
fn every_unpinned_model_is_named_like_its_repository() {
    let mut seen = std::collections::BTreeSet::new();
    for model in ENTAILMENT_MODELS {
        assert_eq!(model.repo.split_once('/').map(|(_, name)| name), Some(model.name));
        assert!(is_name(model.name) && seen.insert(model.name), "{}", model.name);
        assert!(["MIT", "Apache-2.0"].contains(&model.licence) && !model.about.is_empty());
    }
    assert!(KNOWN_MODELS.iter().all(|known| !seen.contains(known.name)));
}

#[test]
fn the_files_that_are_needed_are_chosen() {
    // What repositories of each form hold.
    let both = names(&[
        ".gitattributes",
        "README.md",
        "config.json",
        "flax_model.msgpack",
        "merges.txt",
        "model.safetensors",
        "onnx/model.onnx",
        "pytorch_model.bin",
        "rust_model.ot",
        "tokenizer.json",
        "tokenizer_config.json",
        "vocab.json",
    ]);
    let expected = [
        "model.safetensors",
        "config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "README.md",
    ];
    assert_eq!(choose(&both).unwrap(), expected);

    let older = names(&[
        "added_tokens.json",
        "config.json",
        "pytorch_model.bin",
        "special_tokens_map.json",
        "spm.model",
    ]);
    let expected = [
        "pytorch_model.bin",
        "config.json",
        "special_tokens_map.json",
        "added_tokens.json",
        "spm.model",
    ];
    assert_eq!(choose(&older).unwrap(), expected);

    let shards = names(&[
        "config.json",
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
        "model.safetensors.index.json",
        "training_args.bin",
        "tokenizer.json",
    ]);
    let expected = [
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
        "model.safetensors.index.json",
        "config.json",
        "tokenizer.json",
    ];
    assert_eq!(choose(&shards).unwrap(), expected);

    for (files, reason) in [
        (vec!["config.json", "tokenizer.json", "model.onnx"], "weights"),
        (vec!["model.safetensors", "tokenizer.json"], "config.json"),
        (vec!["model.safetensors", "config.json"], "tokenizer.json"),
    ] {
        let message = choose(&names(&files)).unwrap_err();
        assert!(message.contains(reason), "{message}");
    }
}

/// The files of a folder that a repository could hold, by path.
fn contents(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .map(|path| {
            (
                path.file_name().unwrap().to_string_lossy().into_owned(),
                std::fs::read(&path).unwrap(),
            )
        })
        .collect();
    files.push(("model.onnx".into(), vec![0; 10]));
    files
}

/// Answers like the hub for every repository, and logs the paths it was asked for.
fn serve(files: Vec<(String, Vec<u8>)>, lie_about_weights: bool) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap())
                .lines()
                .map_while(Result::ok)
                .take_while(|line| !line.is_empty());
            let Some(request) = lines.next() else { continue };
            let range = lines
                .find_map(|line| line.to_lowercase().strip_prefix("range: bytes=").map(str::to_owned))
                .unwrap_or_default();
            let path = request.split_whitespace().nth(1).unwrap_or_default().to_owned();
            log.lock().unwrap().push(path.clone());
            if path.starts_with("/api/models/") {
                let siblings: Vec<_> = files
                    .iter()
                    .map(|(name, _)| serde_json::json!({ "rfilename": name }))
                    .collect();
                let body = serde_json::json!({ "sha": COMMIT, "siblings": siblings }).to_string();
                let head = format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                    body.len()
                );
                let _ = stream
                    .write_all(head.as_bytes())
                    .and_then(|()| stream.write_all(body.as_bytes()));
                continue;
            }
            let found = files
                .iter()
                .find(|(name, _)| path.ends_with(&format!("/resolve/{COMMIT}/{name}")));
            let Some((name, bytes)) = found else {
                let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                continue;
            };
            let (from, to) = range.split_once('-').unwrap_or(("0", ""));
            let from: usize = from.parse().unwrap_or(0);
            let to = to.parse::<usize>().map_or(bytes.len(), |to| to + 1);
            // Large files go by their hash, others by what git calls them.
            let etag = match name.ends_with(".safetensors") {
                true if lie_about_weights => "0".repeat(64),
                true => sha256(bytes),
                false => format!("{:040x}", name.len() * 7919 + bytes.len()),
            };
            let head = format!(
                "HTTP/1.1 206 Partial Content\r\nx-repo-commit: {COMMIT}\r\netag: \"{etag}\"\r\ncontent-range: bytes {from}-{}/{}\r\ncontent-length: {}\r\nConnection: close\r\n\r\n",
                to - 1,
                bytes.len(),
                to - from
            );
            let _ = stream
                .write_all(head.as_bytes())
                .and_then(|()| stream.write_all(&bytes[from..to]));
        }
    });
    (endpoint, asked)
}

fn sha256(bytes: &[u8]) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    manifest::hash(file.path(), &mut 0, 0, &mut quiet).unwrap().0
}

fn catalog(dir: &Path, endpoint: &str) -> Catalog {
    let hub = Hub {
        downloads: dir.join("downloads"),
        endpoint: Some(endpoint.to_owned()),
        offline: false,
        answer_limit: Duration::from_secs(2),
    };
    Catalog::with(dir, KNOWN_MODELS.to_vec(), vec![Box::new(hub), Box::new(Pip)])
}

fn tiny_folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    crate::model::testing::write_folder(folder.path(), 1);
    std::fs::remove_file(folder.path().join("modules.json")).unwrap();
    std::fs::write(folder.path().join("README.md"), "A model.").unwrap();
    folder
}

fn fetched_files(path: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(path)
        .unwrap()
        .map(|entry| PathBuf::from(entry.unwrap().file_name()))
        .collect();
    files.sort();
    files
}

#[test]
fn every_entailment_model_is_fetched_by_name_and_by_repository() {
    let (endpoint, asked) = serve(contents(tiny_folder().path()), false);
    let dir = tempfile::tempdir().unwrap();
    let catalog = catalog(dir.path(), &endpoint);
    for (at, model) in ENTAILMENT_MODELS.iter().enumerate() {
        let message = catalog.path(model.name).unwrap_err().to_string();
        assert!(
            message.contains(&format!("handful models get {}", model.name)),
            "{message}"
        );
        let name = if at % 2 == 0 { model.name } else { model.repo };
        let mut last = (0, 0);
        let path = catalog
            .get(name, &mut |progress| {
                if let Progress::Bytes { done, total } = progress {
                    assert!(done <= total);
                    last = (done, total);
                }
                ControlFlow::Continue(())
            })
            .unwrap();
        assert!(last.1 > 70_000 && last.0 == last.1, "{last:?}");
        assert_eq!(path, catalog.folder().join(model.name));
        assert_eq!(
            fetched_files(&path),
            [
                "README.md",
                "config.json",
                "manifest.json",
                "model.safetensors",
                "vocab.txt"
            ]
            .map(PathBuf::from)
        );
        assert_eq!(catalog.path(model.repo).unwrap(), path);
        let first = format!("/api/models/{}/revision/main", model.repo);
        assert!(asked.lock().unwrap().contains(&first));
    }
    let n_asked = asked.lock().unwrap().len();
    catalog.get("bart-large-mnli", &mut quiet).unwrap();
    assert_eq!(
        asked.lock().unwrap().len(),
        n_asked,
        "what is here is not fetched again"
    );
    let entry = &catalog.list().unwrap()[0];
    assert!(entry.verified && entry.source.contains("89abcde"), "{entry:?}");
    assert!(
        catalog
            .verify(&mut quiet)
            .unwrap()
            .iter()
            .all(|model| model.faults.is_empty())
    );
    // A damaged one is fetched again.
    std::fs::write(catalog.folder().join("bart-large-mnli/model.safetensors"), "short").unwrap();
    catalog.get("bart-large-mnli", &mut quiet).unwrap();
    assert!(asked.lock().unwrap().len() > n_asked);
}

#[test]
fn without_a_network_or_with_damage_the_error_is_clear_and_nothing_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    for (endpoint, reason) in [
        ("http://127.0.0.1:9".to_owned(), "facebook/bart-large-mnli"),
        (serve(contents(tiny_folder().path()), true).0, "came damaged"),
        (
            serve(vec![("README.md".into(), b"empty".to_vec())], false).0,
            "no weights",
        ),
        (
            serve(
                ["model.safetensors", "config.json", "vocab.txt"]
                    .map(|name| (name.into(), b"{}".to_vec()))
                    .to_vec(),
                false,
            )
            .0,
            "no usable model",
        ),
    ] {
        let catalog = catalog(dir.path(), &endpoint);
        let message = catalog.get("bart-large-mnli", &mut quiet).unwrap_err().to_string();
        for part in [reason, "could not be fetched", "nothing was kept", "handful models add"] {
            assert!(message.contains(part), "{part}: {message}");
        }
        assert!(catalog.list().unwrap().is_empty());
    }
}
