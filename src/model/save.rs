//! Writing an encoder as a folder that sentence-transformers, transformers and Handful open.

use super::encoder::Encoder;
use super::error::{ModelError, Result};
use super::prompts::PROMPTS_FILE;
use serde_json::{Map, Value, json};
use std::fs;
use std::path::Path;

impl Encoder {
    /// Writes the encoder into `dir`, which is created if it is missing. Files of the same names are overwritten; for an all-or-nothing
    /// result write into a temporary folder and rename it.
    pub fn save(&self, dir: &Path) -> Result<()> {
        create(dir)?;
        write_json(&dir.join("config.json"), &self.config)?;
        let weights = dir.join("model.safetensors");
        let metadata = Some([("format".to_string(), "pt".to_string())].into());
        safetensors::serialize_to_file(self.parameters().tensors(), metadata, &weights).map_err(|error| {
            ModelError::Io {
                action: "write the weights",
                path: weights,
                source: std::io::Error::other(error.to_string()),
            }
        })?;
        for (name, bytes) in self.kept_files.iter() {
            write(&dir.join(name), bytes)?;
        }
        if !self.kept_files.contains_key("tokenizer.json") {
            write(&dir.join("tokenizer.json"), self.tokenizer.to_json()?.as_bytes())?;
        }
        write_json(
            &dir.join("sentence_bert_config.json"),
            &json!({ "max_seq_length": self.max_tokens(), "do_lower_case": self.lower_case }),
        )?;
        let mut prompts = Map::from_iter([("similarity_fn_name".to_owned(), json!("cosine"))]);
        self.prompts.write_into(&mut prompts);
        write_json(&dir.join(PROMPTS_FILE), &Value::Object(prompts))?;
        create(&dir.join("1_Pooling"))?;
        write_json(
            &dir.join("1_Pooling").join("config.json"),
            &self.pooling.to_config(self.dim(), self.include_prompt),
        )?;
        if self.normalize {
            create(&dir.join("2_Normalize"))?;
        }
        write_json(&dir.join("modules.json"), &self.modules())
    }

    fn modules(&self) -> Value {
        let mut modules = vec![("", "Transformer"), ("1_Pooling", "Pooling")];
        if self.normalize {
            modules.push(("2_Normalize", "Normalize"));
        }
        let modules = modules.iter().enumerate().map(|(i, (path, kind))| json!({ "idx": i, "name": i.to_string(), "path": path, "type": format!("sentence_transformers.models.{kind}") }));
        Value::Array(modules.collect())
    }
}

fn create(dir: &Path) -> Result<()> {
    fs::create_dir_all(dir).map_err(ModelError::io("create the folder", dir))
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).map_err(ModelError::io("write the file", path))
}

fn write_json(path: &Path, value: &Value) -> Result<()> {
    write(path, format!("{value:#}\n").as_bytes())
}
