//! Files that are cut off, changed, or of another kind: every one is refused in words, and none ends the program.

use std::fs;
use std::path::Path;

use proptest::prelude::*;

use super::testing::{changed, put, tiny, value_of};
use super::*;

fn refusal(path: &Path) -> String {
    LanguageModel::load(path, Compute::EXACT).err().unwrap().to_string()
}

fn refusal_of(case: &str, change: impl FnOnce(&mut Vec<u8>)) -> String {
    let (_folder, path) = changed(case, change);
    refusal(&path)
}

#[test]
fn other_architectures_name_those_that_are_known() {
    let message = refusal_of("llama", |bytes| {
        let at = value_of(bytes, "general.architecture") + 8;
        put(bytes, at, b"mamba");
    });
    assert!(
        message.contains("architecture mamba") && ARCHITECTURES.iter().all(|known| message.contains(known)),
        "{message}"
    );
    // An encoder whose architecture is that of a decoder.
    let message = refusal_of("qwen3", |bytes| {
        // A key of the same length becomes the one that pooling models have: type 4 is u32.
        let old: &[u8] = b"qwen3.vocab_size";
        let at = bytes.windows(old.len()).position(|window| window == old).unwrap();
        let new: &[u8] = b"qwen3.pooling_type";
        bytes.splice(
            at - 8..at + old.len(),
            [&(new.len() as u64).to_le_bytes(), new].concat(),
        );
        // Whatever that moves, the tensors do not end the file.
        bytes.extend([0; 64]);
    });
    assert!(
        message.contains("embedding model") && message.contains("qwen3"),
        "{message}"
    );
}

#[test]
fn files_that_end_early_say_so() {
    let bytes = fs::read(tiny("llama")).unwrap();
    for n in (0..bytes.len() - 32).step_by(997).chain(0..40) {
        let message = refusal_of("llama", |bytes| bytes.truncate(n));
        assert!(
            message.contains("incomplete or damaged") || message.contains("read the model"),
            "{n}: {message}"
        );
    }
}

#[test]
fn claims_that_cannot_be_are_refused() {
    let claim = |key: &str, value: u32| {
        refusal_of("llama", |bytes| {
            let at = value_of(bytes, key);
            put(bytes, at, &value.to_le_bytes());
        })
    };
    for (key, value, said) in [
        ("llama.block_count", u32::MAX, "between 1 and"),
        ("llama.block_count", 3, "blk.2."),
        ("llama.block_count", 1, "has no place"),
        ("llama.embedding_length", 0, "between 1 and"),
        ("llama.embedding_length", 32, "metadata says"),
        ("llama.attention.head_count", 3, "heads"),
        ("llama.attention.head_count_kv", 3, "heads"),
        ("llama.rope.dimension_count", 3, "in pairs"),
        ("llama.feed_forward_length", 23, "metadata says"),
        ("tokenizer.ggml.bos_token_id", 9999, "bos_token_id is 9999"),
    ] {
        let message = claim(key, value);
        assert!(message.contains(said), "{key} = {value}: {message}");
    }
    // Counts of tensors and entries, a string and a list longer than the file.
    for at in [8, 16, 24] {
        let message = refusal_of("llama", |bytes| put(bytes, at, &u64::MAX.to_le_bytes()));
        assert!(message.contains("claims"), "{at}: {message}");
    }
    let message = refusal_of("llama", |bytes| {
        let at = value_of(bytes, "tokenizer.ggml.tokens") + 4;
        put(bytes, at, &(1_u64 << 40).to_le_bytes());
    });
    assert!(message.contains("claims a list"), "{message}");
    // Weights that are not those of the architecture's name.
    let message = refusal_of("llama", |bytes| {
        let at = bytes
            .windows(14)
            .position(|window| window == b"blk.0.ffn_gate")
            .unwrap();
        put(bytes, at, b"blk.0.ffn_geta");
    });
    assert!(message.contains("ffn_up") || message.contains("ffn_gate"), "{message}");
}

#[test]
fn an_alignment_of_nothing_is_refused() {
    // "general.name" becomes "general.alignment", a number.
    let message = refusal_of("llama", |bytes| {
        let old: &[u8] = b"general.name";
        let at = bytes.windows(old.len()).position(|window| window == old).unwrap();
        let n_value = u64::from_le_bytes(bytes[at + 16..at + 24].try_into().unwrap()) as usize;
        let new = [
            &17_u64.to_le_bytes(),
            b"general.alignment".as_slice(),
            &4_u32.to_le_bytes(),
            &0_u32.to_le_bytes(),
        ]
        .concat();
        bytes.splice(at - 8..at + 24 + n_value, new);
    });
    assert!(message.contains("general.alignment is 0"), "{message}");
}

#[test]
fn folders_hold_one_file() {
    let folder = tempfile::tempdir().unwrap();
    assert!(refusal(folder.path()).contains("no GGUF file in this folder"));
    fs::copy(tiny("llama"), folder.path().join("a.GGUF")).unwrap();
    assert!(LanguageModel::load(folder.path(), Compute::EXACT).is_ok());
    fs::copy(tiny("llama"), folder.path().join("b.gguf")).unwrap();
    assert!(refusal(folder.path()).contains("2 GGUF files"));
    assert!(refusal(&folder.path().join("c.gguf")).contains("no GGUF file"));
}

#[test]
fn a_tokenizer_beside_the_file_counts() {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(tiny("llama3"), folder.path().join("model.gguf")).unwrap();
    let mut own = LanguageModel::load(folder.path(), Compute::EXACT).unwrap();
    let beside = tokenizers::Tokenizer::new(
        tokenizers::models::bpe::BPE::builder()
            .vocab_and_merges(
                [("a".to_owned(), 7_u32)]
                    .into_iter()
                    .collect::<tokenizers::models::bpe::Vocab>(),
                vec![],
            )
            .build()
            .unwrap(),
    );
    beside.save(folder.path().join(TOKENIZER_FILE), false).unwrap();
    let mut other = LanguageModel::load(folder.path(), Compute::EXACT).unwrap();
    assert_eq!(other.tokens().text("aa").unwrap(), [7, 7]);
    assert_ne!(own.tokens().text("aa").unwrap(), [7, 7]);
    fs::write(folder.path().join(TOKENIZER_FILE), "{").unwrap();
    assert!(refusal(folder.path()).contains("the tokenizer failed"));
}

#[test]
fn marks_in_texts_mean_nothing() {
    let mut model = LanguageModel::load(&tiny("qwen2"), Compute::EXACT).unwrap();
    let end = model.tokens().part("<|im_end|>").unwrap();
    assert!(end.len() == 1 && model.is_end(end[0]));
    let as_text = model.tokens().text("<|im_end|>").unwrap();
    assert!(as_text.len() > 1 && !as_text.contains(&end[0]));
    assert_eq!(model.tokens().decode(&as_text).unwrap(), "<|im_end|>");
    assert!(model.tokens().has_mark("a <|im_end|> b") && !model.tokens().has_mark("a b"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn changed_bytes_never_end_the_program(changes in proptest::collection::vec((0_usize..12_000, any::<u8>()), 1..6), case in 0_usize..4) {
        let case = ["llama", "qwen2", "gemma3", "qwen3-q8"][case];
        let (_folder, path) = changed(case, |bytes| {
            for (at, byte) in changes {
                bytes[at] = byte;
            }
        });
        if let Ok(mut model) = LanguageModel::load(&path, Compute::EXACT) {
            let tokens = model.tokens().beginning("a text");
            if let Ok(tokens) = tokens {
                let _ = model.next_logits(&tokens, &mut Cache::default());
            }
        }
    }
}
