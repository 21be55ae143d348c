//! Tokenizer files that are not what they claim to be: every one is refused with a message that names the file and what is wrong with it.

use super::sentence_piece::{ModelProto, NormalizerProto, PieceProto, TrainerProto};
use super::*;
use prost::Message;
use serde_json::json;

const BERT: &str = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\ncat\ndog\n";
const VOCAB: &str = r#"{"<s>":0,"<pad>":1,"</s>":2,"<unk>":3,"c":4,"a":5,"t":6,"ca":7,"cat":8,"<mask>":9}"#;
const MERGES: &str = "#version: 0.2\nc a\nca t\n";

/// What is said about a folder with these files.
fn refusal(model_type: &str, files: &[(&str, &[u8])]) -> String {
    match load(model_type, files) {
        Ok(_) => panic!("the folder was accepted"),
        Err(error) => error.to_string(),
    }
}

fn load(model_type: &str, files: &[(&str, &[u8])]) -> Result<TextTokenizer> {
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        std::fs::write(dir.path().join(name), bytes).unwrap();
    }
    TextTokenizer::load(dir.path(), model_type, 40, false)
}

#[track_caller]
fn says(message: &str, expected: &[&str]) {
    for part in expected {
        assert!(message.contains(part), "{message:?} does not say {part:?}");
    }
}

fn piece(text: &str, kind: i32) -> PieceProto {
    let score = if kind == 1 { -1.5 } else { 0.0 };
    PieceProto {
        piece: Some(text.into()),
        score: Some(score),
        kind: Some(kind),
    }
}

/// A sound model of the layout that XLM-RoBERTa and CamemBERT need.
fn model() -> ModelProto {
    let mut pieces = vec![piece("<unk>", 2), piece("<s>", 3), piece("</s>", 3)];
    pieces.extend(["▁", "▁cat", "c", "a", "t"].map(|text| piece(text, 1)));
    ModelProto {
        pieces,
        trainer: Some(TrainerProto { model_type: Some(1) }),
        normalizer: Some(NormalizerProto::default()),
    }
}

/// A sound model of the layout that DeBERTa needs.
fn deberta() -> ModelProto {
    let mut model = model();
    let special = [("[PAD]", 3), ("[CLS]", 3), ("[SEP]", 3), ("[UNK]", 2)];
    model.pieces.splice(..3, special.map(|(text, kind)| piece(text, kind)));
    model
}

fn model_refusal(model_type: &str, change: impl FnOnce(&mut ModelProto)) -> String {
    let (mut model, file) = match model_type {
        "deberta-v2" => (deberta(), "spm.model"),
        _ => (model(), "sentencepiece.bpe.model"),
    };
    change(&mut model);
    let message = refusal(model_type, &[(file, &model.encode_to_vec())]);
    says(&message, &[file]);
    message
}

#[test]
fn folders_without_a_vocabulary() {
    for (model_type, missing) in [
        ("bert", "tokenizer.json (or vocab.txt)"),
        ("distilbert", "tokenizer.json (or vocab.txt)"),
        ("mpnet", "tokenizer.json (or vocab.txt)"),
        ("roberta", "tokenizer.json (or vocab.json and merges.txt)"),
        ("xlm-roberta", "tokenizer.json (or sentencepiece.bpe.model)"),
        ("camembert", "tokenizer.json (or sentencepiece.bpe.model)"),
        ("deberta-v2", "tokenizer.json (or spm.model)"),
        ("modernbert", "tokenizer.json is missing"),
        ("something else", "tokenizer.json is missing"),
    ] {
        says(&refusal(model_type, &[]), &[missing]);
    }
    // Files of one family do not make a tokenizer of another.
    let both: [(&str, &[u8]); 2] = [("vocab.txt", BERT.as_bytes()), ("merges.txt", MERGES.as_bytes())];
    says(&refusal("modernbert", &both), &["tokenizer.json is missing"]);
    says(&refusal("xlm-roberta", &both), &["sentencepiece.bpe.model"]);
    says(&refusal("roberta", &both), &["vocab.json, which belongs to merges.txt"]);
}

#[test]
fn tokenizer_classes_go_before_the_model_type() {
    let config = |class: &str| json!({ "tokenizer_class": class }).to_string();
    let with = |class: &str| {
        refusal(
            "bert",
            &[
                ("vocab.txt", BERT.as_bytes()),
                ("tokenizer_config.json", config(class).as_bytes()),
            ],
        )
    };
    says(
        &with("BertJapaneseTokenizer"),
        &[
            "BertJapaneseTokenizer",
            "not supported",
            "XLMRobertaTokenizer",
            "tokenizer_config.json",
        ],
    );
    says(&with("XLMRobertaTokenizerFast"), &["sentencepiece.bpe.model"]);
    let plain = config("PreTrainedTokenizerFast");
    assert!(
        load(
            "bert",
            &[
                ("vocab.txt", BERT.as_bytes()),
                ("tokenizer_config.json", plain.as_bytes())
            ]
        )
        .is_ok()
    );
}

#[test]
fn word_piece_vocabularies_without_what_they_need() {
    assert!(load("bert", &[("vocab.txt", BERT.as_bytes())]).is_ok());
    for token in ["[UNK]", "[CLS]", "[SEP]"] {
        let vocab = BERT.replace(token, "[other]");
        says(
            &refusal("bert", &[("vocab.txt", vocab.as_bytes())]),
            &[token, "not in the vocabulary", "vocab.txt"],
        );
    }
    says(&refusal("bert", &[("vocab.txt", b"")]), &["[UNK]", "vocab.txt"]);
    says(&refusal("bert", &[("vocab.txt", b"[UNK]\n\xFF\xFE\n")]), &["vocab.txt"]);
    says(
        &refusal("mpnet", &[("vocab.txt", BERT.as_bytes())]),
        &["<s>", "vocab.txt"],
    );
    let mpnet = "<s>\n<pad>\n</s>\n<unk>\ncat\n";
    let tokens = load("mpnet", &[("vocab.txt", mpnet.as_bytes())])
        .unwrap()
        .tokenize(&["cat dog"])
        .unwrap();
    assert_eq!(tokens[0].ids, [0, 4, 3, 2]);
}

#[test]
fn a_mask_the_vocabulary_lacks_is_an_ordinary_word() {
    let vocab = BERT.replace("[MASK]", "other");
    let tokens = load("bert", &[("vocab.txt", vocab.as_bytes())])
        .unwrap()
        .tokenize(&["cat [MASK]"])
        .unwrap();
    assert_eq!(tokens[0].ids, [2, 5, 1, 1, 1, 3]);
}

#[test]
fn pair_encodings_whose_files_do_not_fit_together() {
    let with = |vocab: &str, merges: &str| {
        refusal(
            "roberta",
            &[("vocab.json", vocab.as_bytes()), ("merges.txt", merges.as_bytes())],
        )
    };
    assert!(
        load(
            "roberta",
            &[("vocab.json", VOCAB.as_bytes()), ("merges.txt", MERGES.as_bytes())]
        )
        .is_ok()
    );
    says(
        &refusal("roberta", &[("vocab.json", VOCAB.as_bytes())]),
        &["merges.txt, which belongs to vocab.json"],
    );
    says(
        &refusal("roberta", &[("merges.txt", MERGES.as_bytes())]),
        &["vocab.json, which belongs to merges.txt"],
    );
    for vocab in [
        "",
        "[]",
        "{",
        r#"{"a":-1}"#,
        r#"{"a":"b"}"#,
        r#"{"a":1.5}"#,
        r#"{"a":4294967296}"#,
    ] {
        says(&with(vocab, MERGES), &["JSON object of token ids", "vocab.json"]);
    }
    says(
        &with(&VOCAB.replace(":9", ":8"), MERGES),
        &["the id of another token, 8", "vocab.json"],
    );
    says(
        &with(&VOCAB.replace(":9", ":10"), MERGES),
        &["<mask> has id 10", "ids below 10", "vocab.json"],
    );
    says(
        &with(&VOCAB.replace("\"<pad>\"", "\"<s>\""), MERGES),
        &["ids below 9", "vocab.json"],
    );
    for token in ["<s>", "</s>", "<unk>"] {
        says(
            &with(&VOCAB.replace(token, "<other>"), MERGES),
            &[token, "not in the vocabulary", "vocab.json"],
        );
    }
    says(&with(VOCAB, "c a\nca  t\n"), &["line 2", "merges.txt"]);
    says(&with(VOCAB, "ca\n"), &["line 1", "merges.txt"]);
    says(&with(VOCAB, "c d\n"), &["line 1 needs d", "merges.txt"]);
    says(&with(VOCAB, "cat cat\n"), &["line 1 needs catcat", "merges.txt"]);
    let bytes: [(&str, &[u8]); 2] = [("vocab.json", VOCAB.as_bytes()), ("merges.txt", b"c \xFF\n")];
    says(&refusal("roberta", &bytes), &["merges.txt"]);
}

#[test]
fn sentence_piece_models_that_are_cut_off_or_something_else() {
    for (family, model_type, file) in [
        ("xlm_roberta", "xlm-roberta", "sentencepiece.bpe.model"),
        ("camembert", "camembert", "sentencepiece.bpe.model"),
        ("deberta_v2", "deberta-v2", "spm.model"),
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tokenizers");
        let bytes = std::fs::read(path.join(family).join(file)).unwrap();
        for keep in (0..bytes.len() - 1).step_by(7).chain(bytes.len() - 40..bytes.len() - 1) {
            says(
                &refusal(model_type, &[(file, &bytes[..keep])]),
                &["fetch it again", file],
            );
        }
        says(
            &refusal(model_type, &[(file, b"<html>not found</html>")]),
            &["fetch it again", file],
        );
        says(&refusal(model_type, &[(file, &[0xFF; 64])]), &["fetch it again", file]);
    }
}

#[test]
fn sentence_piece_models_of_other_kinds() {
    for model_type in ["xlm-roberta", "camembert", "deberta-v2"] {
        for (kind, name) in [(2, "BPE"), (3, "word"), (4, "character"), (17, "unknown")] {
            let message = model_refusal(model_type, |model| {
                model.trainer = Some(TrainerProto { model_type: Some(kind) })
            });
            says(&message, &[name, "not supported", "unigram"]);
        }
    }
}

#[test]
fn sentence_piece_models_with_impossible_pieces() {
    for model_type in ["xlm-roberta", "camembert", "deberta-v2"] {
        says(
            &model_refusal(model_type, |model| model.pieces[5].piece = Some("".into())),
            &["piece 5 is empty"],
        );
        says(
            &model_refusal(model_type, |model| model.pieces[6].piece = None),
            &["piece 6 is empty"],
        );
        let long = "é".repeat(600);
        says(
            &model_refusal(model_type, |model| model.pieces[6].piece = Some(long)),
            &["1200 bytes", "1024"],
        );
        for score in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            says(
                &model_refusal(model_type, |model| model.pieces[6].score = Some(score)),
                &["score of piece 6"],
            );
        }
        let table = |model: &mut ModelProto| {
            model.normalizer = Some(NormalizerProto {
                precompiled_charsmap: Some(vec![1; 50]),
            })
        };
        says(&model_refusal(model_type, table), &["character replacements is broken"]);
    }
}

#[test]
fn sentence_piece_models_whose_pieces_do_not_fit_the_family() {
    says(
        &model_refusal("xlm-roberta", |model| model.pieces.truncate(2)),
        &["only 2 pieces"],
    );
    says(
        &model_refusal("camembert", |model| model.pieces.clear()),
        &["only 0 pieces"],
    );
    says(
        &model_refusal("xlm-roberta", |model| model.pieces[2].kind = Some(1)),
        &["</s> is one of the first 3"],
    );
    says(
        &model_refusal("camembert", |model| model.pieces[0].kind = None),
        &["<unk> is one of the first 1"],
    );
    says(
        &model_refusal("camembert", |model| drop(model.pieces.remove(1))),
        &["<s> is not in the vocabulary"],
    );
    says(
        &model_refusal("deberta-v2", |model| drop(model.pieces.remove(1))),
        &["[CLS] is not in the vocabulary"],
    );
    says(
        &model_refusal("deberta-v2", |model| drop(model.pieces.remove(2))),
        &["[SEP] is not in the vocabulary"],
    );
    says(
        &model_refusal("deberta-v2", |model| drop(model.pieces.remove(3))),
        &["[UNK] is not among the pieces"],
    );
    says(
        &model_refusal("deberta-v2", |model| model.pieces.clear()),
        &["[UNK] is not among the pieces"],
    );
}

#[test]
fn settings_that_are_no_settings() {
    let with = |name: &str, text: &str| {
        let message = refusal("bert", &[("vocab.txt", BERT.as_bytes()), (name, text.as_bytes())]);
        says(&message, &[name]);
        message
    };
    let config = |text: &str| with("tokenizer_config.json", text);
    says(&config("{"), &["valid JSON"]);
    says(&config("[1]"), &["not a JSON object"]);
    says(
        &config(r#"{"do_lower_case":"yes"}"#),
        &["do_lower_case is neither true nor false"],
    );
    says(&config(r#"{"strip_accents":3}"#), &["strip_accents"]);
    says(&config(r#"{"cls_token":7}"#), &["cls_token is not a token"]);
    says(
        &config(r#"{"mask_token":{"lstrip":true}}"#),
        &["mask_token is not a token"],
    );
    says(
        &config(r#"{"additional_special_tokens":"x"}"#),
        &["additional_special_tokens is not a list"],
    );
    says(
        &config(r#"{"extra_special_tokens":[1]}"#),
        &["extra_special_tokens is not a list"],
    );
    says(&config(r#"{"added_tokens_decoder":[]}"#), &["added_tokens_decoder"]);
    says(
        &config(r#"{"added_tokens_decoder":{"x":"y"}}"#),
        &["added_tokens_decoder"],
    );
    says(
        &with("special_tokens_map.json", r#"{"sep_token":[]}"#),
        &["sep_token is not a token"],
    );
    says(&with("added_tokens.json", r#"{"new":-1}"#), &["new has no token id"]);
    says(
        &with("added_tokens.json", r#"{"new":7,"newer":7}"#),
        &["the id of another token, 7"],
    );

    let ids = |name: &str, text: &str| refusal("bert", &[("vocab.txt", BERT.as_bytes()), (name, text.as_bytes())]);
    says(
        &ids("added_tokens.json", r#"{"new":9}"#),
        &["new should have id 9", "gives it 7", "vocab.txt"],
    );
    let moved = r#"{"added_tokens_decoder":{"5":{"content":"[CLS]"}}}"#;
    says(
        &ids("tokenizer_config.json", moved),
        &["[CLS] should have id 5", "gives it 2", "vocab.txt"],
    );
    says(
        &ids("tokenizer_config.json", r#"{"cls_token":"<cls>"}"#),
        &["<cls> is not in the vocabulary", "vocab.txt"],
    );
    says(
        &ids("tokenizer_config.json", r#"{"unk_token":"<unk>"}"#),
        &["<unk> is not in the vocabulary", "vocab.txt"],
    );
}

#[test]
fn files_that_are_too_large() {
    for (model_type, file) in [
        ("bert", "vocab.txt"),
        ("roberta", "vocab.json"),
        ("roberta", "merges.txt"),
        ("camembert", "sentencepiece.bpe.model"),
        ("deberta-v2", "spm.model"),
        ("bert", "tokenizer_config.json"),
        ("bert", "tokenizer.json"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("vocab.json"), VOCAB).unwrap();
        let large = std::fs::File::create(dir.path().join(file)).unwrap();
        large.set_len(1 << 40).unwrap();
        let message = TextTokenizer::load(dir.path(), model_type, 40, false)
            .err()
            .unwrap()
            .to_string();
        says(&message, &["1099511627776 bytes", file]);
    }
}
