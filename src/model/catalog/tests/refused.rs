//! Folders that hold no usable model.

use super::*;

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
        let (dir, catalog) = empty();
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
