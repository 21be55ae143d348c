//! Which kind of tokenizer a folder without `tokenizer.json` has: one row per kind, by the model's type and the tokenizer class it asks for.

use super::super::error::{ModelError, Result};
use super::settings::Settings;
use super::{byte_level, shown, unigram, word_piece};
use std::path::{Path, PathBuf};
use tokenizers::Tokenizer;

/// A tokenizer and the file its vocabulary came from, for messages.
pub(super) type Built = (Tokenizer, PathBuf);

/// A way to build a tokenizer from the vocabulary files of a folder; `None` where they are not there.
type Build = fn(&Path, &Settings) -> Result<Option<Built>>;

struct Kind {
    /// Values of `model_type` in `config.json`.
    model_types: &'static [&'static str],
    /// Values of `tokenizer_class` in `tokenizer_config.json`, without the ending `Fast`.
    classes: &'static [&'static str],
    /// The files of its vocabulary, all of which are needed.
    files: &'static [&'static str],
    /// What is said to be missing.
    wanted: &'static str,
    build: Build,
}

static KINDS: [Kind; 6] = [
    Kind {
        model_types: &["bert", "distilbert"],
        classes: &["BertTokenizer", "DistilBertTokenizer"],
        files: &["vocab.txt"],
        wanted: "tokenizer.json (or vocab.txt)",
        build: word_piece::bert,
    },
    Kind {
        model_types: &["mpnet"],
        classes: &["MPNetTokenizer"],
        files: &["vocab.txt"],
        wanted: "tokenizer.json (or vocab.txt)",
        build: word_piece::mpnet,
    },
    Kind {
        model_types: &["roberta", "bart"],
        classes: &["RobertaTokenizer", "BartTokenizer"],
        files: &["vocab.json", "merges.txt"],
        wanted: "tokenizer.json (or vocab.json and merges.txt)",
        build: byte_level::roberta,
    },
    Kind {
        model_types: &["xlm-roberta"],
        classes: &["XLMRobertaTokenizer"],
        files: &["sentencepiece.bpe.model"],
        wanted: "tokenizer.json (or sentencepiece.bpe.model)",
        build: unigram::xlm_roberta,
    },
    Kind {
        model_types: &["camembert"],
        classes: &["CamembertTokenizer"],
        files: &["sentencepiece.bpe.model"],
        wanted: "tokenizer.json (or sentencepiece.bpe.model)",
        build: unigram::camembert,
    },
    Kind {
        model_types: &["deberta-v2"],
        classes: &["DebertaV2Tokenizer"],
        files: &["spm.model"],
        wanted: "tokenizer.json (or spm.model)",
        build: unigram::deberta_v2,
    },
];

/// Classes that say nothing about how to build a tokenizer.
const ANY_CLASS: [&str; 3] = ["PreTrainedTokenizer", "TokenizersBackend", "PythonBackend"];

/// Builds the tokenizer of a folder without `tokenizer.json`. The tokenizer class goes before the model's type: a BERT may well have an
/// XLM-RoBERTa vocabulary. Models of other types, ModernBERT among them, come with a `tokenizer.json`, and without it are an error.
pub(super) fn build(dir: &Path, model_type: &str) -> Result<Built> {
    let settings = Settings::read(dir)?;
    let kind = Kind::of(&settings, model_type, dir)?;
    (kind.build)(dir, &settings)?.ok_or_else(|| missing(kind.wanted, dir))
}

/// Whether the files that [`build`] reads are there. Cheap: no vocabulary is opened.
pub(super) fn check_files(dir: &Path, model_type: &str) -> Result<()> {
    let kind = Kind::of(&Settings::read(dir)?, model_type, dir)?;
    if kind.files.iter().all(|file| dir.join(file).is_file()) {
        Ok(())
    } else {
        Err(missing(kind.wanted, dir))
    }
}

impl Kind {
    fn of(settings: &Settings, model_type: &str, dir: &Path) -> Result<&'static Kind> {
        let class = settings.class().filter(|class| !ANY_CLASS.contains(class));
        let kind = match class {
            Some(class) => KINDS.iter().find(|kind| kind.classes.contains(&class)),
            None => KINDS.iter().find(|kind| kind.model_types.contains(&model_type)),
        };
        kind.ok_or_else(|| match class {
            Some(class) => ModelError::Unsupported {
                what: format!("tokenizer_class {} without a tokenizer.json", shown(class)),
                supported: format!(
                    "{} are",
                    KINDS.each_ref().map(|kind| kind.classes.join(", ")).join(", ")
                ),
                path: settings.path().to_path_buf(),
            },
            None => missing("tokenizer.json", dir),
        })
    }
}

fn missing(file: &'static str, dir: &Path) -> ModelError {
    ModelError::Missing {
        file,
        path: dir.to_path_buf(),
    }
}
