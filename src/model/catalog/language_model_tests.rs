//! Language models in the catalog: files and folders that are added, repositories of which one file is fetched, and what is refused.

use std::time::Duration;

use super::*;
use crate::model::language_model::testing::{changed, tiny};

fn quiet(_: Progress<'_>) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn empty(dir: &Path) -> Catalog {
    Catalog::with(dir, KNOWN_MODELS.to_vec(), Vec::new())
}

#[test]
fn every_language_model_is_named_like_its_repository() {
    for model in LANGUAGE_MODELS {
        assert_eq!(model.repo.split_once('/').map(|(_, name)| name), Some(model.name));
        assert!(is_name(model.name) && !model.licence.is_empty() && !model.about.is_empty());
        assert!(ENTAILMENT_MODELS.iter().all(|other| other.name != model.name));
    }
}

#[test]
fn one_file_of_a_repository_is_chosen() {
    let chosen = |files: &[&str]| {
        let files: Vec<String> = files.iter().map(|file| (*file).to_owned()).collect();
        choose(&files)
    };
    let many = [
        ".gitattributes",
        "README.md",
        "model-fp16.gguf",
        "model-q2_k.gguf",
        "model-q4_k_m.gguf",
        "model-q8_0.gguf",
        "BF16/model-Q8_0.gguf",
        "mmproj-model-Q8_0.gguf",
        "model-Q8_0-00001-of-00002.gguf",
    ];
    assert_eq!(chosen(&many).unwrap(), ["model-q8_0.gguf", "README.md"]);
    assert_eq!(
        chosen(&["a.Q4_K_M.gguf", "a.Q2_K.gguf", "config.json"]).unwrap(),
        ["a.Q4_K_M.gguf"]
    );
    assert_eq!(chosen(&["only-IQ2_M.gguf"]).unwrap(), ["only-IQ2_M.gguf"]);
    let message = chosen(&["a-IQ2_M.gguf", "a-IQ3_M.gguf"]).unwrap_err();
    assert!(message.contains("GGUF"), "{message}");
}

#[test]
fn a_file_or_a_folder_is_added_listed_and_found() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = empty(dir.path());
    let file = tiny("qwen3");
    assert_eq!(catalog.path(file.to_str().unwrap()).unwrap(), file);
    let entry = catalog.add(&file, None, None, &mut quiet).unwrap();
    assert_eq!((entry.name.as_str(), entry.verified, entry.dim), ("model", true, None));
    assert_eq!(entry.bytes, std::fs::metadata(&file).unwrap().len());
    let path = catalog.path("model").unwrap();
    assert!(path.join("model.gguf").is_file() && path.join("manifest.json").is_file());
    assert!(is_language_model(&path));
    // A folder brings the tokenizer that lies beside the file.
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(&file, folder.path().join("weights.gguf")).unwrap();
    std::fs::write(folder.path().join("tokenizer.json"), "{}").unwrap();
    catalog.add(folder.path(), Some("beside"), None, &mut quiet).unwrap();
    assert!(catalog.path("beside").unwrap().join("tokenizer.json").is_file());
    assert!(catalog.list().unwrap().iter().all(|model| model.verified));
    assert!(
        catalog
            .verify(&mut quiet)
            .unwrap()
            .iter()
            .all(|model| model.faults.is_empty())
    );
    assert!(matches!(
        catalog.add(&file, None, None, &mut quiet),
        Err(CatalogError::NameTaken { .. })
    ));
    assert!(matches!(
        catalog.add(&file, Some("other"), Some("query: "), &mut quiet),
        Err(CatalogError::Prompt { .. })
    ));
}

#[test]
fn what_is_no_language_model_is_refused_and_nothing_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = empty(dir.path());
    let (_cut, cut) = changed("qwen3", |bytes| bytes.truncate(20_000));
    let (_other, other) = changed("llama", |bytes| {
        let at = crate::model::language_model::testing::value_of(bytes, "general.architecture") + 8;
        bytes[at..at + 5].copy_from_slice(b"nomic");
    });
    let missing = dir.path().join("missing.gguf");
    for (path, said) in [
        (&cut, "incomplete"),
        (&other, "qwen2, qwen3"),
        (&missing, "no such folder"),
    ] {
        let message = catalog.add(path, Some("x"), None, &mut quiet).unwrap_err().to_string();
        assert!(message.contains(said), "{message}");
        assert!(catalog.path(path.to_str().unwrap()).is_err());
    }
    assert!(catalog.list().unwrap().is_empty());
}

#[test]
fn without_a_network_the_error_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let hub = Hub {
        downloads: dir.path().join("downloads"),
        endpoint: Some("http://127.0.0.1:9".to_owned()),
        offline: false,
        answer_limit: Duration::from_secs(5),
    };
    let catalog = Catalog::with(dir.path(), KNOWN_MODELS.to_vec(), vec![Box::new(hub), Box::new(Pip)]);
    for model in LANGUAGE_MODELS {
        let message = catalog.path(model.repo).unwrap_err().to_string();
        assert!(
            message.contains(&format!("handful models get {}", model.name)),
            "{message}"
        );
    }
    let message = catalog.get("Qwen/Qwen3-0.6B-GGUF", &mut quiet).unwrap_err().to_string();
    for part in [
        "Qwen/Qwen3-0.6B-GGUF",
        "could not be fetched",
        "nothing was kept",
        "handful models add",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
    assert!(
        catalog
            .path("no-such-model")
            .unwrap_err()
            .to_string()
            .contains("SmolLM2-360M-Instruct-GGUF")
    );
}
