//! Zero-shot by entailment gives the scores of transformers' pipeline, with models of every architecture that has a classification head.
//! The fixtures are written by `scripts/parity/zero_shot.py`.
#![allow(clippy::unwrap_used)] // a test that cannot be set up has failed

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use handful::model::architecture::ARCHITECTURES;
use handful::model::catalog::ENTAILMENT_MODELS;
use handful::model::zero_shot::{Engine, Entailment, Question};
use handful::model::{Compute, Dropout, Input, SequenceClassifier, Tokens};
use serde::Deserialize;
use serde_json::{Value, json};

/// Largest difference of scores, logits and the loss.
const TOLERANCE: f32 = 1e-5;
/// Largest difference of a gradient, relative to the parameter's largest.
const GRADIENT_TOLERANCE: f32 = 1e-4;

/// The case in which contradiction is not where transformers looks for it.
const OTHER_ORDER: &str = "other-order";

#[derive(Deserialize)]
struct Case {
    tokenizer: String,
    max_tokens: usize,
    texts: Vec<String>,
    questions: Vec<Asked>,
    #[serde(default)]
    ids: Vec<Vec<u32>>,
}

#[derive(Deserialize)]
struct Asked {
    labels: Vec<String>,
    template: String,
    multi: bool,
    /// Of the pipeline.
    scores: Vec<Vec<f32>>,
    /// The labels in the pipeline's order, the best first.
    ranked: Vec<Vec<String>>,
    /// With contradiction found by its name.
    by_name: Vec<Vec<f32>>,
}

fn data(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(folder)
}

fn names() -> Vec<String> {
    let entries = fs::read_dir(data("zero_shot")).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> T {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn write(path: &Path, value: &Value) {
    fs::write(path, value.to_string()).unwrap();
}

/// The folder of a case with its tokenizer, as a model that was fetched lies there.
fn folder(name: &str) -> (tempfile::TempDir, Case) {
    let folder = tempfile::tempdir().unwrap();
    let case: Case = read(&data("zero_shot").join(name).join("case.json"));
    let mut from = vec![data("zero_shot").join(name)];
    if !from[0].join("tokenizer.json").exists() {
        from.insert(0, data("tokenizers").join(&case.tokenizer));
    }
    for file in from.iter().flat_map(|from| fs::read_dir(from).unwrap()) {
        let file = file.unwrap();
        fs::copy(file.path(), folder.path().join(file.file_name())).unwrap();
    }
    let settings = folder.path().join("tokenizer_config.json");
    let mut tokenizer: Value = if settings.exists() { read(&settings) } else { json!({}) };
    tokenizer["model_max_length"] = case.max_tokens.into();
    write(&settings, &tokenizer);
    (folder, case)
}

fn open(dir: &Path, name: &str) -> Entailment {
    Entailment::load(dir, name, Compute::EXACT).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn ask(engine: &mut Entailment, texts: &[String], asked: &Asked) -> Vec<Vec<f32>> {
    let question = Question::about(&asked.labels, [&asked.template], asked.multi).unwrap();
    let inputs: Vec<Input<'_>> = texts.iter().map(Input::from).collect();
    engine
        .score(&inputs, &question, &mut |_| ControlFlow::Continue(()))
        .unwrap()
        .scores
}

fn difference(ours: &[Vec<f32>], expected: &[Vec<f32>]) -> f32 {
    assert_eq!(ours.len(), expected.len());
    let cells = ours.iter().flatten().zip(expected.iter().flatten());
    cells.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// The labels of a row, the best first. Of equals the first asked about comes first; the pipeline turns such around, and no row of the fixtures
/// has any.
fn ranked(labels: &[String], row: &[f32]) -> Vec<String> {
    let mut order: Vec<usize> = (0..row.len()).collect();
    order.sort_by(|a, b| row[*b].total_cmp(&row[*a]));
    order.into_iter().map(|at| labels[at].clone()).collect()
}

#[test]
fn scores_and_their_order_equal_those_of_the_pipeline() {
    let mut worst = 0f32;
    let mut kinds = BTreeSet::new();
    for name in names() {
        let (folder, case) = folder(&name);
        let config: Value = read(&folder.path().join("config.json"));
        kinds.insert(config["model_type"].as_str().unwrap().to_owned());
        let mut engine = open(folder.path(), &name);
        let mut of_case = 0f32;
        for asked in &case.questions {
            let ours = ask(&mut engine, &case.texts, asked);
            let by_name = difference(&ours, &asked.by_name);
            of_case = of_case.max(by_name);
            assert!(by_name <= TOLERANCE, "{name}, {:?}: {by_name:e}", asked.template);
            if name == OTHER_ORDER {
                continue;
            }
            of_case = of_case.max(difference(&ours, &asked.scores));
            for (row, expected) in ours.iter().zip(&asked.ranked) {
                assert_eq!(
                    ranked(&asked.labels, row),
                    *expected,
                    "{name}, {:?}: {row:?}",
                    asked.template
                );
            }
        }
        println!("{name:16} {of_case:.1e}");
        assert!(of_case <= TOLERANCE, "{name}");
        worst = worst.max(of_case);
    }
    println!("largest difference {worst:.1e}");
    for kind in [
        "bert",
        "roberta",
        "xlm-roberta",
        "distilbert",
        "deberta-v2",
        "modernbert",
        "bart",
    ] {
        assert!(
            kinds.contains(kind) && ARCHITECTURES.iter().any(|(known, _)| *known == kind),
            "{kind}"
        );
    }
}

/// transformers takes the first class for contradiction, or the last where entailment is first. Where names say otherwise the name counts.
#[test]
fn contradiction_is_found_by_its_name_where_the_pipeline_takes_its_place() {
    let (folder, case) = folder(OTHER_ORDER);
    let mut engine = open(folder.path(), OTHER_ORDER);
    let mut apart = 0;
    for asked in &case.questions {
        let ours = ask(&mut engine, &case.texts, asked);
        assert!(difference(&ours, &asked.by_name) <= TOLERANCE);
        let by_place = difference(&ours, &asked.scores);
        if asked.multi || asked.labels.len() == 1 {
            assert!(by_place > 0.05, "{by_place}");
            apart += 1;
        } else {
            assert!(by_place <= TOLERANCE, "{by_place}");
        }
    }
    assert_eq!(apart, 2);
}

#[test]
fn candles_operations_give_the_same_logits() {
    for name in ["bart", "bart-scaled"] {
        let (folder, case) = folder(name);
        let load = || SequenceClassifier::load(folder.path(), &Device::Cpu).unwrap();
        let (fused, plain) = (load(), load().with_plain_operations());
        let pairs: Vec<(&str, &str)> = case
            .texts
            .iter()
            .map(|text| (text.as_str(), "This example is {}."))
            .collect();
        let tokens = fused.tokenize_pairs(&pairs).unwrap();
        let batch: Vec<&Tokens> = tokens.iter().collect();
        let (fused, plain) = (fused.infer(&batch).unwrap(), plain.infer(&batch).unwrap());
        let worst = fused.iter().zip(&plain).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < TOLERANCE, "{name}: {worst:e}");
    }
}

fn flat(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

fn largest(x: &[f32]) -> f32 {
    x.iter().fold(0.0, |largest, x| largest.max(x.abs()))
}

fn cross_entropy(logits: &Tensor) -> Tensor {
    let (n, n_classes) = logits.dims2().unwrap();
    let classes: Vec<u32> = (0..n).map(|i| (i % n_classes) as u32).collect();
    let classes = Tensor::from_vec(classes, (n, 1), &Device::Cpu).unwrap();
    let sums = logits.exp().unwrap().sum_keepdim(1).unwrap().log().unwrap();
    (sums - logits.gather(&classes, 1).unwrap())
        .unwrap()
        .mean_all()
        .unwrap()
}

/// As `tests/encoder_parity.rs` does it for encoders.
#[test]
fn logits_loss_and_gradients_of_bart_equal_those_of_transformers() {
    let (folder, case) = folder("bart");
    let expected: HashMap<String, Tensor> =
        candle_core::safetensors::load(folder.path().join("expected.safetensors"), &Device::Cpu).unwrap();
    let tokens: Vec<Tokens> = case.ids.into_iter().map(Tokens::single).collect();
    let batch: Vec<&Tokens> = tokens.iter().collect();
    let model = SequenceClassifier::load(folder.path(), &Device::Cpu).unwrap();
    let logits = model.logits(&batch, None).unwrap();
    let of_logits = largest(&flat(&(&logits - &expected["logits"]).unwrap()));
    let loss = cross_entropy(&logits);
    let of_loss = largest(&flat(&(loss.reshape(1).unwrap() - &expected["loss"]).unwrap()));
    let grads = model.backward(&loss).unwrap();
    let of_all = expected.iter().filter(|(key, _)| key.starts_with("logits/"));
    let steepest = of_all.map(|(_, grad)| largest(&flat(grad))).fold(0.0, f32::max);
    let (mut worst, mut n_compared) = (0f32, 0);
    for (name, var) in model.vars() {
        let of_body = format!("logits/model.{name}");
        let key = if expected.contains_key(&of_body) {
            of_body
        } else {
            format!("logits/{name}")
        };
        let theirs = &expected[&key];
        let ours = grads
            .dense(&var)
            .unwrap()
            .unwrap_or_else(|| panic!("{name} has no gradient"));
        // What is far smaller than the steepest gradient is a difference of larger numbers, and of a key's bias nothing but their rounding.
        let scale = match name.ends_with("k_proj.bias") {
            true => steepest,
            false => largest(&flat(theirs)).max(1e-3 * steepest),
        };
        worst = worst.max(largest(&flat(&(ours - theirs).unwrap())) / scale);
        n_compared += 1;
    }
    println!("bart: logits {of_logits:.1e}, loss {of_loss:.1e}, gradients {worst:.1e}");
    assert!(of_logits <= TOLERANCE && of_loss <= TOLERANCE && worst <= GRADIENT_TOLERANCE);
    assert_eq!(n_compared, expected.len() - 2);

    let dropped = model.logits(&batch, Some(&mut Dropout::new(1))).unwrap();
    assert!(largest(&flat(&(&dropped - &logits).unwrap())) > 1e-3);
    let without_end = [Tokens::single(vec![0, 5, 6])];
    let message = model
        .infer(&without_end.iter().collect::<Vec<_>>())
        .unwrap_err()
        .to_string();
    assert!(message.contains("end-of-text token 2"), "{message}");
}

/// Files hold the table of words that encoder and decoder share once, under any of three names, or several times.
#[test]
fn the_words_of_bart_are_found_by_any_of_their_names() {
    let (folder, case) = folder("bart");
    let expected = ask(&mut open(folder.path(), "bart"), &case.texts, &case.questions[0]);
    let path = folder.path().join("model.safetensors");
    let tensors = candle_core::safetensors::load(&path, &Device::Cpu).unwrap();
    for names in [
        &["model.decoder.embed_tokens.weight"][..],
        &["model.encoder.embed_tokens.weight"],
        &[
            "model.shared.weight",
            "model.encoder.embed_tokens.weight",
            "model.decoder.embed_tokens.weight",
        ],
    ] {
        let mut renamed = tensors.clone();
        let words = renamed.remove("model.shared.weight").unwrap();
        renamed.extend(names.iter().map(|name| ((*name).to_owned(), words.copy().unwrap())));
        candle_core::safetensors::save(&renamed, &path).unwrap();
        assert_eq!(
            ask(&mut open(folder.path(), "bart"), &case.texts, &case.questions[0]),
            expected
        );
    }
}

#[test]
fn a_bart_whose_parts_do_not_fit_is_an_error() {
    let (folder, _) = folder("bart");
    let path = folder.path().join("config.json");
    let config: Value = read(&path);
    let load = || {
        SequenceClassifier::load(folder.path(), &Device::Cpu)
            .err()
            .map(|error| error.to_string())
    };
    for (key, value) in [
        ("d_model", json!(0)),
        ("d_model", json!(12)),
        ("vocab_size", json!(420)),
        ("encoder_attention_heads", json!(3)),
        ("decoder_attention_heads", json!(0)),
        ("decoder_layers", json!(4)),
        ("encoder_layers", json!(-1)),
        ("encoder_ffn_dim", json!(1_000_000_000)),
        ("max_position_embeddings", json!(1)),
        ("decoder_start_token_id", json!(421)),
        ("dropout", json!(1.0)),
        ("activation_function", json!("swiglu")),
        ("eos_token_id", json!("</s>")),
    ] {
        let mut damaged = config.clone();
        damaged[key] = value.clone();
        write(&path, &damaged);
        let message = load().unwrap_or_else(|| panic!("{key} {value} was taken"));
        assert!(
            message.contains(&*folder.path().to_string_lossy()),
            "{key} {value}: {message}"
        );
    }
    write(&path, &config);
    assert_eq!(load(), None);
}

/// For every model that can be fetched by name a case of its shape, the order of its classes, and what its config.json and its folder have
/// besides.
fn stand_ins() -> Vec<(&'static str, &'static str, Value, Value)> {
    let cne = json!({"0": "contradiction", "1": "neutral", "2": "entailment"});
    let cen = json!({"0": "contradiction", "1": "entailment", "2": "neutral"});
    let enc = json!({"0": "entailment", "1": "neutral", "2": "contradiction"});
    let two = json!({"0": "entailment", "1": "not_entailment"});
    let old_deberta = json!({"pos_att_type": "p2c|c2p", "architectures": ["DebertaV2ForSequenceClassification"], "torch_dtype": "float32"});
    let bart = json!({
        "_num_labels": 3, "add_bias_logits": false, "add_final_layer_norm": false, "classif_dropout": 0.0, "force_bos_token_to_be_generated": true,
        "extra_pos_embeddings": 2, "gradient_checkpointing": false, "normalize_before": false, "num_hidden_layers": 2, "output_past": false,
        "static_position_embeddings": false,
    });
    let xlm = json!({"output_past": true, "position_embedding_type": "absolute", "use_cache": true, "gradient_checkpointing": false});
    let modern = json!({"classifier_dropout": 0.0, "reference_compile": false, "torch_dtype": "bfloat16"});
    vec![
        ("bart-large-mnli", "bart", cne.clone(), bart),
        ("nli-deberta-v3-small", "deberta-v3", cen.clone(), old_deberta.clone()),
        ("nli-deberta-v3-base", "deberta-v3", cen.clone(), old_deberta.clone()),
        ("nli-deberta-v3-large", "deberta-v3", cen.clone(), old_deberta.clone()),
        (
            "nli-MiniLM2-L6-H768",
            "roberta",
            cen,
            json!({"gradient_checkpointing": false}),
        ),
        (
            "mDeBERTa-v3-base-mnli-xnli",
            "mdeberta",
            enc.clone(),
            old_deberta.clone(),
        ),
        (
            "deberta-v3-base-zeroshot-v2.0",
            "deberta-v3-two",
            two.clone(),
            json!({"torch_dtype": "float16"}),
        ),
        (
            "deberta-v3-large-zeroshot-v2.0",
            "deberta-v3-two",
            two.clone(),
            json!({"torch_dtype": "float16"}),
        ),
        (
            "deberta-v3-base-zeroshot-v1.1-all-33",
            "deberta-v3-two",
            two.clone(),
            old_deberta.clone(),
        ),
        (
            "deberta-v3-large-zeroshot-v1.1-all-33",
            "deberta-v3-two",
            two,
            old_deberta,
        ),
        ("xlm-roberta-large-xnli", "xlm-roberta", cne, xlm),
        ("ModernBERT-base-nli", "modernbert", enc, modern.clone()),
        (
            "ModernBERT-large-zeroshot-v2.0",
            "modernbert",
            json!({"0": "entailment", "1": "not_entailment", "2": "unused"}),
            modern,
        ),
    ]
}

#[test]
fn every_model_that_can_be_fetched_loads_from_a_folder_of_its_shape() {
    let stand_ins = stand_ins();
    let named: BTreeSet<&str> = stand_ins.iter().map(|(name, ..)| *name).collect();
    assert_eq!(named, ENTAILMENT_MODELS.iter().map(|model| model.name).collect());
    for (name, case, classes, besides) in stand_ins {
        let (folder, case) = folder(case);
        let path = folder.path().join("config.json");
        let mut config: Value = read(&path);
        config["id2label"] = classes;
        for (key, value) in besides.as_object().unwrap() {
            config[key] = value.clone();
        }
        write(&path, &config);
        let mut engine = open(folder.path(), name);
        for asked in &case.questions {
            let rows = ask(&mut engine, &case.texts, asked);
            assert!(rows.iter().flatten().all(|score| (0.0..=1.0).contains(score)), "{name}");
        }
    }
}
