//! Adding a folder: what is kept of it, and under which name.

use super::*;
use crate::model::tokenize::TextTokenizer;

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
    assert_eq!(
        kept(&entry),
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
        let (dir, catalog) = empty();
        let given = dir.path().join("given");
        write_model(&given, &contents()[1..]);
        write_model(&given, &[("training_args.bin", vec![1]), ("optimizer.pt", vec![1])]);
        for entry in std::fs::read_dir(fixtures.join(layout)).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), given.join(entry.file_name())).unwrap();
        }
        let entry = catalog.add(&given, Some(layout), None, &mut quiet).unwrap();
        assert!(entry.verified, "{layout}");
        let others = ["1_Pooling/config.json", "config.json", "tokenizer.json"];
        assert_eq!(kept(&entry), sorted(&[expected, &others]));
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
        let (dir, catalog) = empty();
        let given = dir.path().join("given");
        write_model(&given, &contents()[..1]);
        for file in expected.iter().chain(&["config.json"]) {
            std::fs::copy(fixtures.join(layout).join(file), given.join(file)).unwrap();
        }
        let entry = catalog.add(&given, Some(layout), None, &mut quiet).unwrap();
        assert_eq!(kept(&entry), sorted(&[expected, &["config.json", "model.safetensors"]]));
        assert!(entry.verified, "{layout}");
        let config: serde_json::Value =
            serde_json::from_slice(&std::fs::read(entry.path.join("config.json")).unwrap()).unwrap();
        TextTokenizer::load(&entry.path, config["model_type"].as_str().unwrap(), 40, false).unwrap();
    }
}

#[test]
fn a_folder_whose_transformer_lies_in_a_folder_of_its_own_is_added() {
    let (dir, catalog) = empty();
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
    assert_eq!(
        kept(&entry),
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

/// Names of the files that were kept of a model.
fn kept(entry: &ModelEntry) -> Vec<String> {
    let files = Manifest::read(&entry.path).unwrap().files.into_iter();
    files.map(|file| file.path).collect()
}

fn sorted(lists: &[&[&str]]) -> Vec<String> {
    let mut names: Vec<String> = lists.concat().into_iter().map(str::to_owned).collect();
    names.sort_unstable();
    names
}
