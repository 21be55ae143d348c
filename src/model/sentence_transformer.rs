//! The layout of an encoder's folder: a sentence-transformers folder says in `modules.json` what follows the transformer; a plain
//! Hugging Face folder has no such file and gets mean pooling.

use super::error::{ModelError, Result};
use super::pooling::Pooling;
use super::prompts::Prompts;
use serde::Deserialize;
use serde_json::Value;
use std::fs;
use std::path::{Component, Path, PathBuf};

/// No configuration file of an encoder is larger than this.
const MAX_CONFIG_BYTES: u64 = 4 << 20;

/// The names that `sentence_bert_config.json` has had.
const LENGTH_FILES: [&str; 7] = [
    "sentence_bert_config.json",
    "sentence_roberta_config.json",
    "sentence_distilbert_config.json",
    "sentence_camembert_config.json",
    "sentence_albert_config.json",
    "sentence_xlm-roberta_config.json",
    "sentence_xlnet_config.json",
];

/// What the folder says, apart from the transformer itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// Where the transformer's files are.
    pub transformer: PathBuf,
    /// The longest text in tokens, if the folder says so.
    pub max_seq_length: Option<usize>,
    /// Whether texts are lower-cased before they reach the tokenizer.
    pub lower_case: bool,
    /// How tokens become one vector.
    pub pooling: Pooling,
    /// Whether the tokens of a prompt count in pooling.
    pub include_prompt: bool,
    /// Whether that vector is scaled to length one.
    pub normalize: bool,
    /// What is put before every text.
    pub prompts: Prompts,
}

#[derive(Deserialize)]
struct Module {
    #[serde(default)]
    path: String,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Length {
    max_seq_length: Option<usize>,
    do_lower_case: bool,
}

impl Layout {
    /// Reads `modules.json` and what it points to. Modules other than a transformer, pooling and normalisation are an error.
    pub fn read(dir: &Path) -> Result<Layout> {
        let mut layout = Layout {
            transformer: dir.to_path_buf(),
            max_seq_length: None,
            lower_case: false,
            pooling: Pooling::Mean,
            include_prompt: true,
            normalize: false,
            prompts: Prompts::default(),
        };
        let path = dir.join("modules.json");
        if let Some(modules) = read_json(&path)? {
            let modules: Vec<Module> =
                serde_json::from_value(modules).map_err(|error| ModelError::config(&path, error.to_string()))?;
            for module in &modules {
                layout.add(module, dir, &path)?;
            }
        }
        let length = LENGTH_FILES
            .iter()
            .find_map(|name| read_json(&layout.transformer.join(name)).transpose());
        if let Some(length) = length.transpose()? {
            let length: Length = serde_json::from_value(length)
                .map_err(|error| ModelError::config(&layout.transformer.join(LENGTH_FILES[0]), error.to_string()))?;
            layout.max_seq_length = length.max_seq_length;
            layout.lower_case = length.do_lower_case;
        }
        layout.prompts = Prompts::read(dir, &layout.transformer)?;
        Ok(layout)
    }

    fn add(&mut self, module: &Module, dir: &Path, modules_path: &Path) -> Result<()> {
        let folder = inside(dir, &module.path, modules_path)?;
        match module.kind.rsplit('.').next().unwrap_or_default() {
            "Transformer" => self.transformer = folder,
            "Pooling" => {
                let path = folder.join("config.json");
                let config = read_json(&path)?.ok_or(ModelError::Missing {
                    file: "config.json",
                    path: folder,
                })?;
                self.pooling = Pooling::from_config(&config, &path)?;
                self.include_prompt = config.get("include_prompt").and_then(Value::as_bool).unwrap_or(true);
            }
            "Normalize" => self.normalize = true,
            other => {
                let what = format!("module \"{}\"", other.chars().take(60).collect::<String>());
                return Err(ModelError::Unsupported {
                    what,
                    supported: "Transformer, Pooling and Normalize are".into(),
                    path: modules_path.to_path_buf(),
                });
            }
        }
        Ok(())
    }
}

/// `dir/relative`, refusing paths that leave the folder.
fn inside(dir: &Path, relative: &str, named_in: &Path) -> Result<PathBuf> {
    let relative = Path::new(relative);
    if relative
        .components()
        .all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
    {
        return Ok(dir.join(relative));
    }
    Err(ModelError::config(
        named_in,
        format!("the module path \"{}\" leaves the folder", relative.display()),
    ))
}

/// Parses a JSON file of bounded size; `None` where there is none.
pub(crate) fn read_json(path: &Path) -> Result<Option<Value>> {
    let Some(bytes) = read_bounded(path, MAX_CONFIG_BYTES)? else {
        return Ok(None);
    };
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|error| ModelError::config(path, format!("this is not valid JSON ({error})")))
}

/// The bytes of a file, `None` where there is none; a larger file than `max_bytes` is an error.
pub(crate) fn read_bounded(path: &Path, max_bytes: u64) -> Result<Option<Vec<u8>>> {
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(ModelError::io("read the file", path)(error)),
    };
    if metadata.len() > max_bytes {
        return Err(ModelError::config(
            path,
            format!(
                "the file has {} bytes, more than the {max_bytes} that make sense",
                metadata.len()
            ),
        ));
    }
    fs::read(path).map(Some).map_err(ModelError::io("read the file", path))
}
