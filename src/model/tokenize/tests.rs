//! What is the same for the tokenizers of all families: how texts and pairs are cut, that a huge text costs no more than its beginning, that
//! saving keeps what a tokenizer is made of. That each gives the right ids is tested in `tests/tokenizer_parity.rs`.

use super::super::{Encoder, Input, testing};
use super::*;
use candle_core::Device;
use serde_json::{Value, json};

const FAMILIES: [&str; 5] = ["bert", "mpnet", "roberta", "xlm_roberta", "deberta_v2"];

/// The tiny tokenizer of a family.
fn load(family: &str, max_tokens: usize) -> TextTokenizer {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/tokenizers")
        .join(family);
    let config: Value = serde_json::from_slice(&std::fs::read(dir.join("config.json")).unwrap()).unwrap();
    TextTokenizer::load(&dir, config["model_type"].as_str().unwrap(), max_tokens, false).unwrap()
}

fn pair(tokenizer: &TextTokenizer, first: &str, second: &str) -> Tokens {
    tokenizer
        .tokenize_pairs(&[(first, second)], PairCut::OnlyFirst)
        .unwrap()
        .remove(0)
}

/// Tokens without those around them.
fn inner(tokenizer: &TextTokenizer, text: &str) -> Vec<u32> {
    let tokens = tokenizer.tokenize(&[text]).unwrap().remove(0);
    tokens.ids[1..tokens.len() - 1].to_vec()
}

#[test]
fn beginnings_end_at_white_space_and_character_boundaries() {
    assert_eq!(super::beginning("short", 10), ("short", false));
    assert_eq!(super::beginning("ééééé", 5), ("ééééé", false));
    assert_eq!(super::beginning("one two three", 9), ("one two", true));
    assert_eq!(super::beginning(&"é".repeat(9000), 3), ("ééé", true));
}

#[test]
fn a_long_text_has_the_tokens_of_its_beginning() {
    for family in FAMILIES {
        let tokenizer = load(family, 40);
        for part in [
            "great food, great weather! ",
            "東京の天気は今日も晴れです。",
            "wordswithoutspaces",
            "été",
        ] {
            let (short, long) = (part.repeat(120), part.repeat(10_000));
            let tokens = tokenizer.tokenize(&[&short, &long]).unwrap();
            assert_eq!(tokens[0], tokens[1], "{family}: {part}");
        }
    }
}

/// Beyond the first million characters nothing is read: what comes there changes nothing.
#[test]
fn a_huge_text_costs_no_more_than_its_beginning() {
    for family in FAMILIES {
        let tokenizer = load(family, 40);
        // Unknown letters are one token, however many there are; one family shows it.
        let unknown = (family == "xlm_roberta").then_some("ꙮ");
        for part in ["great food ", "<mask> [MASK]"].into_iter().chain(unknown) {
            let long = part.repeat(MAX_CHARS + 1);
            let other = format!("{long} other {long}");
            let tokens = tokenizer.tokenize(&[&long, &other]).unwrap();
            assert!(tokens[0] == tokens[1] && tokens[0].len() <= 40, "{family}: {part}");
        }
        let pairs = [("great food ".repeat(MAX_CHARS), "x"), ("great food ".repeat(100), "x")];
        let pairs = pairs.each_ref().map(|(first, second)| (first.as_str(), *second));
        let tokens = tokenizer.tokenize_pairs(&pairs, PairCut::OnlyFirst).unwrap();
        assert!(tokens[0] == tokens[1] && tokens[0].len() == 40, "{family}");
    }
}

#[test]
fn only_the_first_text_of_a_pair_is_cut() {
    for family in FAMILIES {
        let tokenizer = load(family, 30);
        let (long, short) = ("great music ".repeat(50), "about food");
        let of_short = inner(&tokenizer, short);
        let tokens = pair(&tokenizer, &long, short);
        let end = tokens.len() - 1;
        assert_eq!(tokens.len(), 30, "{family}");
        assert_eq!(tokens.ids[end - of_short.len()..end], of_short, "{family}");
        assert_eq!(tokens.ids[1..5], inner(&tokenizer, &long)[..4], "{family}");

        let whole = pair(&tokenizer, short, short);
        assert_eq!(whole.ids[1..=of_short.len()], of_short, "{family}");
        assert!(whole.len() < 30, "{family}");
    }
}

#[test]
fn a_second_text_that_leaves_no_room_gets_half() {
    let tokenizer = load("bert", 23);
    let (first, second) = ("great music ".repeat(50), "about food ".repeat(50));
    let tokens = pair(&tokenizer, &first, &second);
    let (of_first, of_second) = (inner(&tokenizer, &first), inner(&tokenizer, &second));
    // [CLS] + 10 + [SEP] + 10 + [SEP]
    assert_eq!(tokens.ids[1..11], of_first[..10]);
    assert_eq!(tokens.ids[12..22], of_second[..10]);
    assert_eq!(tokens.type_ids, [vec![0; 12], vec![1; 11]].concat());
    // A first text that is shorter than its half leaves the rest unused.
    assert_eq!(pair(&tokenizer, "a", &second).len(), 14);
    assert_eq!(pair(&tokenizer, "", &second).len(), 13);
}

/// By taking one token after the other from the longer text.
#[test]
fn the_longer_text_of_a_pair_loses_its_end() {
    for room in [0, 1, 7, 8] {
        for (first, second) in (0..20).flat_map(|first| (0..20).map(move |second| (first, second))) {
            let (mut a, mut b) = (first, second);
            while a + b > room {
                // Where the room is odd, the text that was longer has the odd token.
                let cuts_first = a > b || (a == b && first <= second);
                if cuts_first { a -= 1 } else { b -= 1 }
            }
            assert_eq!(longest_first(first, second, room), (a, b), "{first} {second} {room}");
        }
    }
}

/// As an encoder reads it: the prompt is before the first text, and single texts may stand beside pairs.
#[test]
fn an_encoder_reads_pairs_as_one_input() {
    let encoder = testing::tiny_encoder(1);
    let inputs = [Input::from(("the cat", "a dog runs")), Input::from("the cat")];
    let tokens = encoder.tokenize(&inputs).unwrap();
    let single = encoder.tokenize(&["the cat", "a dog runs"]).unwrap();
    let second = &single[1].ids[1..];
    assert_eq!(tokens[0].ids, [&single[0].ids[..], second].concat());
    assert_eq!(
        tokens[0].type_ids,
        [vec![0; single[0].len()], vec![1; second.len()]].concat()
    );
    assert_eq!(tokens[1], single[0]);

    let long = "cat ".repeat(500);
    let tokens = encoder.tokenize(&[(long.as_str(), long.as_str())]).unwrap();
    let n_second = tokens[0].type_ids.iter().filter(|kind| **kind == 1).count();
    assert_eq!(
        (tokens[0].len(), n_second),
        (encoder.max_tokens(), (encoder.max_tokens() - 3).div_ceil(2) + 1)
    );
}

#[test]
fn pairs_need_room_for_their_separators() {
    for (family, n_special) in [("bert", 3), ("roberta", 4), ("xlm_roberta", 4), ("deberta_v2", 3)] {
        let tokenizer = load(family, n_special);
        assert_eq!(pair(&tokenizer, "great", "music").len(), n_special, "{family}");
    }
    let error = load("roberta", 3)
        .tokenize_pairs(&[("a", "b")], PairCut::LongestFirst)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("needs 4 special tokens") && error.contains("3 tokens at most"),
        "{error}"
    );
    let error = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tokenizers/bert");
    let error = TextTokenizer::load(&error, "bert", 2, false).err().unwrap().to_string();
    assert!(error.contains("2 special tokens"), "{error}");
}

#[test]
fn lower_casing_by_the_folder_goes_before_the_tokenizer() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tokenizers/roberta");
    let lower = TextTokenizer::load(&dir, "roberta", 40, true).unwrap();
    let texts = ["Great MUSIC", "great music"];
    assert_eq!(
        lower.tokenize(&texts[..1]).unwrap(),
        lower.tokenize(&texts[1..]).unwrap()
    );
    assert_eq!(pair(&lower, texts[0], texts[1]), pair(&lower, texts[1], texts[0]));
    let plain = load("roberta", 40);
    assert_ne!(
        plain.tokenize(&texts[..1]).unwrap(),
        plain.tokenize(&texts[1..]).unwrap()
    );
}

/// A tiny BERT with the tokenizer of any family, saved and loaded again: with the `tokenizer.json` that saving adds, and without it.
#[test]
fn a_saved_encoder_keeps_its_tokenizer() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tokenizers");
    let read = |path: &Path| -> Value { serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap() };
    let texts: Vec<String> = serde_json::from_value(read(&data.join("texts.json"))["texts"].take()).unwrap();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    for (family, class, files) in [
        ("bert_cased", "BertTokenizer", vec!["vocab.txt"]),
        ("mpnet", "MPNetTokenizer", vec!["vocab.txt", "special_tokens_map.json"]),
        (
            "roberta_prefix",
            "RobertaTokenizerFast",
            vec!["vocab.json", "merges.txt"],
        ),
        ("xlm_roberta", "XLMRobertaTokenizer", vec!["sentencepiece.bpe.model"]),
        ("multilingual", "XLMRobertaTokenizer", vec!["sentencepiece.bpe.model"]),
        ("camembert", "CamembertTokenizer", vec!["sentencepiece.bpe.model"]),
        (
            "deberta_v2_lower",
            "DebertaV2Tokenizer",
            vec!["spm.model", "added_tokens.json"],
        ),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let (source, saved) = (dir.path().join("source"), dir.path().join("saved"));
        testing::write_parts_with_vocab(&source, 500);
        std::fs::remove_file(source.join("vocab.txt")).unwrap();
        for file in &files {
            std::fs::copy(data.join(family).join(file), source.join(file)).unwrap();
        }
        let settings = data.join(family).join("tokenizer_config.json");
        let mut settings = if settings.exists() { read(&settings) } else { json!({}) };
        settings["tokenizer_class"] = class.into();
        testing::write_json(&source.join("tokenizer_config.json"), &settings);

        let tokens_of = |dir: &Path| {
            let encoder = Encoder::load(dir, &Device::Cpu).unwrap();
            let tokens = encoder.tokenize(&texts).unwrap();
            (encoder, tokens)
        };
        let (encoder, tokens) = tokens_of(&source);
        let expected: Vec<Vec<u32>> =
            serde_json::from_value(read(&data.join(family).join("expected.json"))["texts"].take()).unwrap();
        assert!(tokens.iter().map(|tokens| &tokens.ids).eq(&expected), "{family}");
        encoder.save(&saved).unwrap();
        assert_eq!(tokens_of(&saved).1, tokens, "{family}");
        for file in &files {
            assert_eq!(
                std::fs::read(saved.join(file)).unwrap(),
                std::fs::read(source.join(file)).unwrap()
            );
        }
        std::fs::remove_file(saved.join("tokenizer.json")).unwrap();
        assert_eq!(tokens_of(&saved).1, tokens, "{family}");
    }
}
