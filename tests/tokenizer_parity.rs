//! Tokenizers built from the vocabulary files of every family give the ids that transformers gives. The fixture is written by
//! `scripts/parity/tokenizer_ids.py`.
#![allow(clippy::unwrap_used)] // a test that cannot be set up has failed

use handful::model::tokenize::{PairCut, TextTokenizer};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::fs;
use std::path::{Path, PathBuf};

const FAMILIES: [&str; 11] = [
    "bert",
    "bert_cased",
    "distilbert",
    "mpnet",
    "roberta",
    "roberta_prefix",
    "xlm_roberta",
    "multilingual",
    "camembert",
    "deberta_v2",
    "deberta_v2_lower",
];

#[derive(Deserialize)]
struct Texts {
    max_tokens: usize,
    texts: Vec<String>,
}

#[derive(Deserialize)]
struct Pairs {
    max_tokens: usize,
    pairs: Vec<(String, String)>,
}

#[derive(Deserialize)]
struct Expected {
    texts: Vec<Vec<u32>>,
    pairs: Vec<ExpectedPair>,
    long_pairs: Vec<ExpectedPair>,
}

#[derive(Deserialize)]
struct ExpectedPair {
    ids: Vec<u32>,
    type_ids: Vec<u32>,
}

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/tokenizers")
        .join(name)
}

fn read<T: DeserializeOwned>(path: &Path) -> T {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn load(dir: &Path, max_tokens: usize) -> TextTokenizer {
    let config: serde_json::Value = read(&dir.join("config.json"));
    TextTokenizer::load(dir, config["model_type"].as_str().unwrap(), max_tokens, false).unwrap()
}

#[track_caller]
fn same_texts(name: &str, tokenizer: &TextTokenizer, texts: &[String], expected: &[Vec<u32>]) {
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    assert_eq!(texts.len(), expected.len());
    for ((text, expected), tokens) in texts.iter().zip(expected).zip(tokenizer.tokenize(&texts).unwrap()) {
        assert_eq!(&tokens.ids, expected, "{name}: {text:?}");
        assert_eq!(tokens.type_ids, vec![0; expected.len()], "{name}: {text:?}");
    }
}

#[track_caller]
fn same_pairs(
    name: &str,
    tokenizer: &TextTokenizer,
    pairs: &[(String, String)],
    cut: PairCut,
    expected: &[ExpectedPair],
) {
    let pairs: Vec<(&str, &str)> = pairs.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    assert_eq!(pairs.len(), expected.len());
    for ((pair, expected), tokens) in pairs
        .iter()
        .zip(expected)
        .zip(tokenizer.tokenize_pairs(&pairs, cut).unwrap())
    {
        assert_eq!(tokens.ids, expected.ids, "{name}: {pair:?}");
        assert_eq!(tokens.type_ids, expected.type_ids, "{name}: {pair:?}");
    }
}

#[test]
fn every_family_gives_the_ids_of_transformers() {
    let texts: Texts = read(&data("texts.json"));
    let pairs: Pairs = read(&data("pairs.json"));
    let long: Pairs = read(&data("long_pairs.json"));
    assert!(texts.texts.len() > 60 && pairs.pairs.len() > 10 && long.pairs.len() > pairs.pairs.len() + 15);
    for name in FAMILIES {
        let dir = data(name);
        let expected: Expected = read(&dir.join("expected.json"));
        same_texts(name, &load(&dir, texts.max_tokens), &texts.texts, &expected.texts);
        let tokenizer = load(&dir, pairs.max_tokens);
        same_pairs(name, &tokenizer, &pairs.pairs, PairCut::OnlyFirst, &expected.pairs);
        same_pairs(
            name,
            &tokenizer,
            &long.pairs,
            PairCut::LongestFirst,
            &expected.long_pairs,
        );
    }
}

#[test]
fn a_tokenizer_written_as_tokenizer_json_gives_the_same_ids() {
    let texts: Texts = read(&data("texts.json"));
    let pairs: Pairs = read(&data("pairs.json"));
    for name in FAMILIES {
        let dir = data(name);
        let expected: Expected = read(&dir.join("expected.json"));
        let out = tempfile::tempdir().unwrap();
        fs::write(
            out.path().join("tokenizer.json"),
            load(&dir, texts.max_tokens).to_json().unwrap(),
        )
        .unwrap();
        let again = |max_tokens| TextTokenizer::load(out.path(), "", max_tokens, false).unwrap();
        same_texts(name, &again(texts.max_tokens), &texts.texts, &expected.texts);
        let again = again(pairs.max_tokens);
        same_pairs(name, &again, &pairs.pairs, PairCut::OnlyFirst, &expected.pairs);
    }
}

/// Every folder of the fixture is a family of the list above.
#[test]
fn no_family_is_left_out() {
    let folders = fs::read_dir(data("")).unwrap().map(|entry| entry.unwrap());
    let folders = folders.filter(|entry| entry.path().is_dir());
    let mut folders: Vec<String> = folders.map(|entry| entry.file_name().into_string().unwrap()).collect();
    folders.sort();
    let mut families = FAMILIES.to_vec();
    families.sort();
    assert_eq!(folders, families);
}
