//! Folders that are not what they claim to be: every one is refused with a message that names the file and what is wrong with it.

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use serde_json::{Value, json};

use super::Encoder;
use super::testing::{config, weights, write_folder, write_json, write_parts};

type Weights = BTreeMap<String, Tensor>;

fn message(dir: &Path) -> String {
    match Encoder::load(dir, &Device::Cpu) {
        Ok(_) => panic!("the folder was accepted"),
        Err(error) => error.to_string(),
    }
}

/// What is said about a folder after `change`.
fn after(change: impl FnOnce(&Path)) -> String {
    let dir = tempfile::tempdir().unwrap();
    write_folder(dir.path(), 1);
    change(dir.path());
    message(dir.path())
}

fn after_weights(change: impl FnOnce(&mut Weights)) -> String {
    after(|dir| {
        let mut weights = weights(1);
        change(&mut weights);
        write_parts(dir, &config(), &weights);
    })
}

fn after_config(key: &str, value: Value) -> String {
    after(|dir| {
        let mut config = config();
        config[key] = value;
        write_json(&dir.join("config.json"), &config);
    })
}

#[track_caller]
fn says(message: &str, expected: &[&str]) {
    for part in expected {
        assert!(message.contains(part), "{message:?} does not say {part:?}");
    }
}

#[test]
fn tensors_that_are_missing_or_do_not_fit() {
    let name = "encoder.layer.1.output.dense.weight";
    let missing = after_weights(|weights| drop(weights.remove(name)));
    says(&missing, &[name, "is missing", "model.safetensors"]);
    let shape = after_weights(|weights| {
        drop(weights.insert(name.into(), Tensor::zeros((32, 47), DType::F32, &Device::Cpu).unwrap()))
    });
    says(&shape, &[name, "[32, 47]", "[32, 48]", "model.safetensors"]);
    let kind = after_weights(|weights| {
        drop(weights.insert(name.into(), Tensor::zeros((32, 48), DType::U8, &Device::Cpu).unwrap()))
    });
    says(&kind, &[name, "U8", "model.safetensors"]);
}

#[test]
fn weights_that_are_cut_off_empty_or_something_else() {
    for keep in [0, 5, 100, 5000] {
        let cut = after(|dir| {
            let file = dir.join("model.safetensors");
            let bytes = std::fs::read(&file).unwrap();
            std::fs::write(&file, &bytes[..keep]).unwrap();
        });
        says(&cut, &["incomplete", "model.safetensors"]);
    }
    let header = after(|dir| std::fs::write(dir.join("model.safetensors"), [0xFFu8; 64]).unwrap());
    says(&header, &["model.safetensors"]);
    let page = after(|dir| std::fs::write(dir.join("model.safetensors"), "<html>not found</html>").unwrap());
    says(&page, &["model.safetensors"]);
}

#[test]
fn folders_without_usable_weights() {
    let none = after(|dir| std::fs::remove_file(dir.join("model.safetensors")).unwrap());
    says(&none, &["model.safetensors", "pytorch_model.bin", "is missing"]);
    for file in ["model.pt", "last.ckpt", "flax_model.msgpack", "tf_model.h5"] {
        let other = after(|dir| std::fs::rename(dir.join("model.safetensors"), dir.join(file)).unwrap());
        says(&other, &[file, "not read", "model.safetensors or pytorch_model.bin"]);
    }
    let empty = tempfile::tempdir().unwrap();
    says(&message(empty.path()), &["config.json is missing"]);
    says(
        &message(&empty.path().join("nowhere")),
        &["config.json is missing", "nowhere"],
    );
}

#[test]
fn configurations_with_impossible_numbers() {
    let huge = json!(1u64 << 62);
    for key in [
        "vocab_size",
        "hidden_size",
        "num_hidden_layers",
        "num_attention_heads",
        "intermediate_size",
        "max_position_embeddings",
        "type_vocab_size",
    ] {
        says(&after_config(key, huge.clone()), &[key, "config.json"]);
        says(&after_config(key, json!(0)), &[key, "config.json"]);
        says(&after_config(key, json!(-3)), &["config.json"]);
        says(&after_config(key, json!("many")), &["config.json"]);
    }
    says(
        &after_config("num_attention_heads", json!(5)),
        &["does not divide", "config.json"],
    );
    says(
        &after_config("hidden_dropout_prob", json!(1.0)),
        &["hidden_dropout_prob", "config.json"],
    );
    says(
        &after_config("layer_norm_eps", json!(0)),
        &["layer_norm_eps", "config.json"],
    );
    says(
        &after_config("num_hidden_layers", json!(200)),
        &["encoder.layer.2.", "is missing"],
    );
    says(
        &after_config("vocab_size", json!(4_000_000)),
        &["word_embeddings", "4000000"],
    );
}

#[test]
fn kinds_of_model_that_are_not_supported() {
    says(
        &after_config("model_type", json!("bloom")),
        &["bloom", "known are bert", "config.json"],
    );
    says(&after_config("model_type", Value::Null), &["model_type is missing"]);
    says(&after_config("hidden_act", json!("mish")), &["mish", "not supported"]);
    says(
        &after_config("position_embedding_type", json!("relative_key")),
        &["relative_key", "not supported"],
    );
    let dense = json!([{ "path": "", "type": "sentence_transformers.models.Transformer" }, { "path": "2_Dense", "type": "sentence_transformers.models.Dense" }]);
    says(
        &after(|dir| write_json(&dir.join("modules.json"), &dense)),
        &["Dense", "modules.json"],
    );
}

#[test]
fn files_that_are_broken_or_point_elsewhere() {
    says(
        &after(|dir| std::fs::write(dir.join("config.json"), "{").unwrap()),
        &["valid JSON", "config.json"],
    );
    says(
        &after(|dir| std::fs::write(dir.join("config.json"), vec![b' '; 5 << 20]).unwrap()),
        &["bytes", "config.json"],
    );
    says(
        &after(|dir| write_json(&dir.join("modules.json"), &json!({ "a": 1 }))),
        &["modules.json"],
    );
    for path in ["../elsewhere", "/etc"] {
        let modules = json!([{ "path": path, "type": "sentence_transformers.models.Transformer" }]);
        says(
            &after(|dir| write_json(&dir.join("modules.json"), &modules)),
            &["leaves the folder", "modules.json"],
        );
    }
    says(
        &after(|dir| std::fs::remove_dir_all(dir.join("1_Pooling")).unwrap()),
        &["config.json", "1_Pooling"],
    );
    says(
        &after(|dir| std::fs::write(dir.join("tokenizer.json"), "{}").unwrap()),
        &["tokenizer", "tokenizer.json"],
    );
    says(
        &after(|dir| std::fs::write(dir.join("vocab.txt"), "[PAD]\n[UNK]\n").unwrap()),
        &["[CLS]", "vocab.txt"],
    );
    says(
        &after(|dir| std::fs::remove_file(dir.join("vocab.txt")).unwrap()),
        &["tokenizer.json (or vocab.txt)"],
    );
    says(
        &after(|dir| write_json(&dir.join("sentence_bert_config.json"), &json!({ "max_seq_length": 2 }))),
        &["2 tokens"],
    );
}

#[test]
fn a_tokenizer_of_another_model_is_noticed_when_it_is_used() {
    let dir = tempfile::tempdir().unwrap();
    write_folder(dir.path(), 1);
    let vocab = std::fs::read_to_string(dir.path().join("vocab.txt")).unwrap();
    std::fs::write(dir.path().join("vocab.txt"), format!("{vocab}\nsurplus")).unwrap();
    let encoder = Encoder::load(dir.path(), &Device::Cpu).unwrap();
    let error = encoder
        .embed(&["surplus"], &mut |_| std::ops::ControlFlow::Continue(()))
        .unwrap_err()
        .to_string();
    says(&error, &["token id 29", "another model"]);
}

#[test]
fn folders_that_look_different_but_are_fine() {
    let plain = tempfile::tempdir().unwrap();
    write_parts(plain.path(), &config(), &weights(2));
    let encoder = Encoder::load(plain.path(), &Device::Cpu).unwrap();
    assert_eq!((encoder.max_tokens(), encoder.normalize), (40, false));
    let vectors = |encoder: &Encoder| {
        encoder
            .embed(&["the cat"], &mut |_| std::ops::ControlFlow::Continue(()))
            .unwrap()
    };
    let expected = vectors(&encoder);

    let renamed = tempfile::tempdir().unwrap();
    let old = |name: String| {
        format!(
            "bert.{}",
            name.replace("LayerNorm.weight", "LayerNorm.gamma")
                .replace("LayerNorm.bias", "LayerNorm.beta")
        )
    };
    let mut old: Weights = weights(2)
        .into_iter()
        .map(|(name, tensor)| (old(name), tensor))
        .collect();
    old.insert(
        "cls.predictions.bias".into(),
        Tensor::zeros(3, DType::F32, &Device::Cpu).unwrap(),
    );
    old.insert(
        "bert.embeddings.position_ids".into(),
        Tensor::zeros((1, 40), DType::I64, &Device::Cpu).unwrap(),
    );
    write_parts(renamed.path(), &config(), &old);
    assert_eq!(vectors(&Encoder::load(renamed.path(), &Device::Cpu).unwrap()), expected);

    let nested = tempfile::tempdir().unwrap();
    write_parts(&nested.path().join("0_Transformer"), &config(), &weights(2));
    write_json(
        &nested.path().join("modules.json"),
        &json!([{ "path": "0_Transformer", "type": "sentence_transformers.models.Transformer" }]),
    );
    write_json(
        &nested.path().join("0_Transformer/sentence_roberta_config.json"),
        &json!({ "max_seq_length": 12 }),
    );
    let encoder = Encoder::load(nested.path(), &Device::Cpu).unwrap();
    assert_eq!((encoder.max_tokens(), vectors(&encoder)), (12, expected));
}
