//! Entailment: pairs from pieces, batches, long texts, progress, models trained here, refusals. That scores are those of transformers is tested in
//! `tests/zero_shot_parity.rs`.

use std::fs;
use std::path::PathBuf;

use super::*;
use crate::core::TaskKind;
use crate::model::head::{Examples, FitSettings};
use crate::model::testing::{tiny_encoder, write_folder};
use crate::model::tokenize::PairCut;
use crate::model::zero_shot::{LabelText, Progress};
use crate::model::{Classifier, LogisticHead, Targets};
use std::ops::ControlFlow;

const TEXTS: [&str; 6] = [
    "The ferry leaves the harbour at seven, and the last bus waits for nobody.",
    "late",
    "A quiet engine, good brakes and a fair price: we would buy it again!",
    "",
    "Is the delivery late again?",
    "She returned the printer because the paper tray broke. Is the delivery late again? In 1967 the bridge cost 43,200 crowns. \
     The committee postponed the vote until the figures have been checked. He's certain they'll win!\nGreat food, great weather.",
];
const LABELS: [&str; 3] = ["the harbour", "cars", "weather in the town"];

fn data(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(folder)
}

/// The folder of a case with the vocabulary it reads with.
fn folder(case: &str, tokenizer: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for from in [data("tokenizers").join(tokenizer), data("zero_shot").join(case)] {
        for file in fs::read_dir(from).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), folder.path().join(file.file_name())).unwrap();
        }
    }
    folder
}

fn engine(case: &str, tokenizer: &str) -> Entailment {
    Entailment::load(folder(case, tokenizer).path(), case, Compute::EXACT).unwrap()
}

fn ask(engine: &mut Entailment, texts: &[&str], question: &Question) -> Answer {
    let inputs: Vec<Input<'_>> = texts.iter().copied().map(Input::from).collect();
    engine
        .score(&inputs, question, &mut |_| ControlFlow::Continue(()))
        .unwrap()
}

fn question(templates: &[&str], multi: bool) -> Question {
    Question::about(&LABELS, templates.iter().copied(), multi).unwrap()
}

fn largest_difference(a: &Rows, b: &Rows) -> f32 {
    assert_eq!(a.len(), b.len());
    let cells = a.iter().flatten().zip(b.iter().flatten());
    cells.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn pairs_from_pieces_are_the_pairs_of_the_texts() {
    for (case, tokenizer) in [
        ("bart", "roberta"),
        ("bert", "bert"),
        ("deberta-v3", "deberta_v2"),
        ("xlm-roberta", "xlm_roberta"),
    ] {
        let engine = engine(case, tokenizer);
        let tokenizer = engine.reader.tokenizer();
        let long = "weather ".repeat(60);
        for first in TEXTS {
            for second in ["This example is the harbour.", "", &long] {
                let whole = tokenizer.of_pair(first, second, PairCut::OnlyFirst).unwrap();
                let pair = tokenizer.pair(&tokenizer.piece(first).unwrap(), &tokenizer.piece(second).unwrap());
                assert_eq!(pair.unwrap(), whole, "{case}: {first} + {second}");
            }
        }
    }
}

#[test]
fn batches_change_neither_scores_nor_their_order() {
    let question = question(&["This example is {}.", "On {}"], true);
    let mut engine = engine("bart", "roberta");
    let whole = ask(&mut engine, &TEXTS, &question);
    engine.tokens_per_batch = 1;
    let one_by_one = ask(&mut engine, &TEXTS, &question);
    assert!(largest_difference(&whole.scores, &one_by_one.scores) < 1e-6);
    for (at, text) in TEXTS.iter().enumerate() {
        let alone = ask(&mut engine, &[text], &question);
        assert!(
            largest_difference(&vec![whole.scores[at].clone()], &alone.scores) < 1e-6,
            "{text}"
        );
    }
    let mut reversed = TEXTS;
    reversed.reverse();
    let mut backwards = ask(&mut engine, &reversed, &question).scores;
    backwards.reverse();
    assert!(largest_difference(&whole.scores, &backwards) < 1e-6);
    assert!(ask(&mut engine, &[], &question).scores.is_empty());
}

#[test]
fn rows_sum_to_one_unless_each_label_is_by_itself() {
    let mut engine = engine("modernbert", "roberta");
    let single = ask(&mut engine, &TEXTS, &question(&["{}", "{}?"], false));
    for row in single.scores.iter().chain(single.by_template.iter().flatten()) {
        assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-5 && row.iter().all(|score| (0.0..=1.0).contains(score)));
    }
    // One label asked about twice is one label: against its contradiction, not against itself.
    let twice = Question::about(&["cars", "cars "], ["{}"], false).unwrap();
    let alone = Question::about(&["cars"], ["{}"], true).unwrap();
    let (twice, alone) = (ask(&mut engine, &TEXTS, &twice), ask(&mut engine, &TEXTS, &alone));
    for (twice, alone) in twice.scores.iter().zip(&alone.scores) {
        assert_eq!(*twice, [alone[0], alone[0]]);
    }
    // Several duplicates do not take from the others.
    let labels = ["cars", "the harbour", "cars"].map(LabelText::named).to_vec();
    let with = ask(&mut engine, &TEXTS, &Question::new(labels, ["{}"], false).unwrap());
    let without = ask(
        &mut engine,
        &TEXTS,
        &Question::about(&["cars", "the harbour"], ["{}"], false).unwrap(),
    );
    for (with, without) in with.scores.iter().zip(&without.scores) {
        assert_eq!(*with, [without[0], without[1], without[0]]);
    }
}

#[test]
fn long_texts_are_read_to_their_end_where_they_are_split() {
    let engine = engine("bert", "bert");
    let tokenizer = engine.reader.tokenizer();
    let hypothesis = tokenizer.piece("This example is the harbour.").unwrap();
    let room = tokenizer.room_beside(&[hypothesis]).unwrap();
    let cut = engine.premise(TEXTS[5], room).unwrap();
    assert!(cut.len() == 1 && cut[0].len() > room);
    let mut engine = engine.with_long_texts(LongTexts::Split(Pooling::Mean));
    let parts = engine.premise(TEXTS[5], room).unwrap();
    let n_tokens: usize = parts.iter().map(Piece::len).sum();
    assert!(parts.len() > 2 && parts.iter().all(|part| part.len() <= room));
    assert_eq!(
        n_tokens,
        engine.reader.tokenizer().pieces(&[TEXTS[5]], 10_000).unwrap()[0].len()
    );
    assert_eq!(engine.premise(TEXTS[1], room).unwrap().len(), 1);

    // Short texts are what they were; a long one is the mean, or the best, of its parts.
    let question = question(&["This example is {}."], true);
    let mean = ask(&mut engine, &TEXTS, &question);
    let mut engine = engine.with_long_texts(LongTexts::Split(Pooling::Max));
    let max = ask(&mut engine, &TEXTS, &question);
    let mut engine = engine.with_long_texts(LongTexts::Cut);
    let cut = ask(&mut engine, &TEXTS, &question);
    for short in [1, 3] {
        let of = |answer: &Answer| vec![answer.scores[short].clone()];
        assert!(largest_difference(&of(&mean), &of(&cut)) < 1e-6 && largest_difference(&of(&max), &of(&cut)) < 1e-6);
    }
    for label in 0..3 {
        assert!(max.scores[5][label] > mean.scores[5][label]);
    }
    assert_ne!(mean.scores[5], cut.scores[5]);
    let single = Question::about(&LABELS, ["{}"], false).unwrap();
    let mut engine = engine.with_long_texts(LongTexts::Split(Pooling::Max));
    let row = ask(&mut engine, &TEXTS, &single).scores[5].clone();
    assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-5);
}

#[test]
fn progress_counts_every_pair_and_stops_between_batches() {
    let mut engine = engine("bart", "roberta").with_long_texts(LongTexts::Split(Pooling::Max));
    engine.tokens_per_batch = 60;
    let inputs = TEXTS.map(Input::from);
    let question = question(&["{}", "{}?"], false);
    let mut told: Vec<Progress> = Vec::new();
    engine
        .score(&inputs, &question, &mut |progress| {
            told.push(progress);
            ControlFlow::Continue(())
        })
        .unwrap();
    let last = told.last().unwrap();
    assert_eq!((last.done, last.total, last.n_texts), (36, 36, 6));
    assert!(told.len() > 5 && told.windows(2).all(|two| two[0].done <= two[1].done));
    let mut calls = 0;
    let stopped = engine.score(&inputs, &question, &mut |_| {
        calls += 1;
        if calls == 3 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    assert!(matches!(stopped, Err(ZeroShotError::Stopped)) && calls == 3);
}

fn refusal(dir: &Path) -> String {
    Entailment::load(dir, "this-model", Compute::EXACT)
        .err()
        .unwrap()
        .to_string()
}

fn with_config(case: &str, change: impl FnOnce(&mut serde_json::Value)) -> tempfile::TempDir {
    let folder = folder(case, "bert");
    let path = folder.path().join("config.json");
    let mut config = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    change(&mut config);
    fs::write(path, config.to_string()).unwrap();
    folder
}

#[test]
fn what_is_no_entailment_model_is_refused_with_the_reason() {
    let encoder = tempfile::tempdir().unwrap();
    write_folder(encoder.path(), 1);
    let message = refusal(encoder.path());
    assert!(
        message.contains("no classification head") && message.contains("it is an encoder"),
        "{message}"
    );

    let moods = with_config("bert", |config| {
        config["id2label"] = serde_json::json!({"0": "anger", "1": "joy", "2": "fear"})
    });
    let message = refusal(moods.path());
    assert!(
        message.contains("anger, joy, fear") && message.contains("this-model"),
        "{message}"
    );

    let unnamed = with_config("bert", |config| {
        config.as_object_mut().unwrap().remove("id2label");
        config.as_object_mut().unwrap().remove("label2id");
    });
    let message = refusal(unnamed.path());
    assert!(message.contains("has no id2label"), "{message}");

    // label2id alone says it too.
    let turned = with_config("bert", |config| {
        config.as_object_mut().unwrap().remove("id2label");
    });
    let engine = Entailment::load(turned.path(), "m", Compute::EXACT).unwrap();
    assert_eq!(engine.reader.classes.entailment, 2);

    let mut engine = self::engine("bert", "bert");
    let pair = [Input::from(("a premise", "a hypothesis"))];
    let message = engine
        .score(&pair, &question(&["{}"], false), &mut |_| ControlFlow::Continue(()))
        .unwrap_err();
    assert!(message.to_string().contains("these are pairs"), "{message}");

    let unclear = with_config("bert", |config| {
        config["id2label"] = serde_json::json!({"0": "yes", "1": "maybe", "2": "entailment"});
    });
    let mut engine = Entailment::load(unclear.path(), "m", Compute::EXACT).unwrap();
    let texts = [Input::from("late")];
    let mut go_on = |_: Progress| ControlFlow::Continue(());
    assert!(engine.score(&texts, &question(&["{}"], false), &mut go_on).is_ok());
    let message = engine
        .score(&texts, &question(&["{}"], true), &mut go_on)
        .unwrap_err()
        .to_string();
    assert!(message.contains("means contradiction is not known"), "{message}");
}

#[test]
fn a_bart_that_is_to_embed_says_what_it_is_for() {
    let folder = folder("bart", "roberta");
    let message = crate::model::Encoder::load(folder.path(), &candle_core::Device::Cpu)
        .err()
        .unwrap()
        .to_string();
    assert!(
        message.contains("BART as an encoder") && message.contains("entailment"),
        "{message}"
    );
}

/// A model that was trained here on pairs.
fn trained_on_pairs(labels: [&str; 3], pairs: bool) -> tempfile::TempDir {
    let encoder = tiny_encoder(5).without_normalization();
    let inputs = [
        ("the cat sleeps", "a cat"),
        ("the cat runs", "a dog"),
        ("a red market", "a price"),
        ("the sun", "rain"),
        ("a good goal", "a match"),
        ("the team eats", "code"),
    ];
    let x = encoder.embed(&inputs, &mut |_| ControlFlow::Continue(())).unwrap();
    let targets = Targets::Single(vec![0, 1, 2, 1, 0, 2]);
    let head = LogisticHead::fit(Examples::new(&x, &targets, 3), &FitSettings::default()).unwrap();
    let classifier = Classifier {
        encoder,
        head: head.into(),
        pairs,
        task: TaskKind::SingleLabel,
        label_paths: labels.map(|label| vec![label.to_owned()]).to_vec(),
        thresholds: vec![0.5; 3],
        at_least_one: false,
        tree: None,
        walk: crate::core::Walk::default(),
        encoder_name: "tiny".into(),
    };
    let folder = tempfile::tempdir().unwrap();
    classifier.save(folder.path()).unwrap();
    folder
}

#[test]
fn a_model_trained_here_on_pairs_answers_too() {
    let folder = trained_on_pairs(["Contradiction", "entailment", "neutral"], true);
    let mut engine = Entailment::load(folder.path(), "mine", Compute::EXACT).unwrap();
    let (texts, labels) = (["the cat sleeps", "rain"], ["cat", "market"]);
    let inputs = texts.map(Input::from);
    let mut ask = |multi: bool| {
        let question = Question::about(&labels, ["a {}"], multi).unwrap();
        engine
            .score(&inputs, &question, &mut |_| ControlFlow::Continue(()))
            .unwrap()
            .scores
    };
    let (single, multi) = (ask(false), ask(true));
    let classifier = Classifier::load(folder.path(), Compute::EXACT).unwrap();
    for (at, text) in texts.iter().enumerate() {
        let of_label = |label: &str| {
            let hypothesis = format!("a {label}");
            let pair = [(*text, hypothesis.as_str())];
            classifier
                .predict_proba(&pair, &mut |_| ControlFlow::Continue(()))
                .unwrap()
                .remove(0)
        };
        let rows = labels.map(of_label);
        for (label, row) in rows.iter().enumerate() {
            // Class 0 is contradiction, class 1 entailment.
            assert!((multi[at][label] - row[1] / (row[0] + row[1])).abs() < 1e-5, "{row:?}");
        }
        assert!((single[at][0] + single[at][1] - 1.0).abs() < 1e-6);
    }

    let message = refusal(trained_on_pairs(["Contradiction", "entailment", "neutral"], false).path());
    assert!(message.contains("was not trained on pairs"), "{message}");
    let message = refusal(trained_on_pairs(["sport", "business", "weather"], true).path());
    assert!(message.contains("sport, business, weather"), "{message}");
}
