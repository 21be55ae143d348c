//! The words a model wants before every text: `prompts` and `default_prompt_name` in sentence-transformers'
//! `config_sentence_transformers.json`, and what is used where that file leaves it open. Not here: putting them before a text (`encoder`).

use super::error::{ModelError, Result};
use super::sentence_transformer::read_json;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// Where sentence-transformers keeps prompts, in the folder of the whole model.
pub const PROMPTS_FILE: &str = "config_sentence_transformers.json";

/// Longer prompts leave no room for a text in most models.
pub const MAX_PROMPT_CHARS: usize = 2000;

/// What E5 models were trained with before each text that is no passage to be found (Wang et al., 2022, and the models' cards).
const E5_PROMPT: (&str, &str) = ("query", "query: ");

/// Names for prompts that a person sets.
const OWN_NAME: &str = "custom";
const NO_PROMPT_NAME: &str = "none";

/// The prompts of a model by name, and which of them is put before every text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prompts {
    named: BTreeMap<String, String>,
    /// A key of `named`.
    chosen: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Written {
    prompts: Option<BTreeMap<String, Option<String>>>,
    default_prompt_name: Option<String>,
}

impl Prompts {
    /// The prompts of the model in `dir`, whose `config.json` lies in `transformer`. Chosen is the default prompt where one is named;
    /// else one called `classification`, in any case; else `"query: "` for E5 models that were not tuned on instructions; else none.
    ///
    /// # Errors
    /// A file that cannot be parsed, a default that is not among the prompts, a prompt of more than [`MAX_PROMPT_CHARS`].
    pub fn read(dir: &Path, transformer: &Path) -> Result<Prompts> {
        let path = dir.join(PROMPTS_FILE);
        let written: Written = match read_json(&path)? {
            Some(value) => serde_json::from_value(value)
                .map_err(|error| ModelError::config(&path, format!("the prompts cannot be read ({error})")))?,
            None => Written::default(),
        };
        let named = written.prompts.unwrap_or_default().into_iter();
        let mut prompts = Prompts {
            named: named.map(|(name, text)| (name, text.unwrap_or_default())).collect(),
            chosen: written.default_prompt_name,
        };
        prompts.check().map_err(|reason| ModelError::config(&path, reason))?;
        if prompts.chosen.is_none() {
            let for_classifying = |name: &&String| name.to_lowercase() == "classification";
            prompts.chosen = prompts.named.keys().find(for_classifying).cloned();
        }
        if prompts.chosen.is_none() && is_e5(dir, transformer)? {
            let (name, text) = E5_PROMPT;
            let known = prompts.named.entry(name.to_owned()).or_default();
            if known.is_empty() {
                text.clone_into(known);
            }
            prompts.chosen = Some(name.to_owned());
        }
        Ok(prompts)
    }

    fn check(&self) -> std::result::Result<(), String> {
        if let Some(name) = self.chosen.as_ref().filter(|name| !self.named.contains_key(*name)) {
            let shown: String = name.chars().take(60).collect();
            return Err(format!(
                "default_prompt_name is {shown:?}, which is none of the prompts"
            ));
        }
        match self
            .named
            .iter()
            .find(|(_, text)| text.chars().count() > MAX_PROMPT_CHARS)
        {
            Some((name, _)) => Err(format!(
                "the prompt {name:?} has more than {MAX_PROMPT_CHARS} characters"
            )),
            None => Ok(()),
        }
    }

    /// What is put before every text; empty for nothing.
    pub fn text(&self) -> &str {
        let chosen = self.chosen.as_ref().and_then(|name| self.named.get(name));
        chosen.map_or("", String::as_str)
    }

    /// Chooses another text, which is kept under a name: that of a prompt with the same text, else one of its own.
    pub fn choose(&mut self, text: &str) {
        let same = self.named.iter().find(|(_, known)| *known == text && !text.is_empty());
        let name = match same {
            Some((name, _)) => name.as_str(),
            None if text.is_empty() => NO_PROMPT_NAME,
            None => OWN_NAME,
        };
        let name = name.to_owned();
        self.named.insert(name.clone(), text.to_owned());
        self.chosen = Some(name);
    }

    /// Puts the prompts into the contents of a [`PROMPTS_FILE`], so that sentence-transformers puts the same before every text. What else
    /// it holds stays.
    pub fn write_into(&self, config: &mut Map<String, Value>) {
        config.insert("prompts".into(), json!(self.named));
        config.insert("default_prompt_name".into(), json!(self.chosen));
    }
}

/// Whether a model is one of `intfloat/e5-*` or `intfloat/multilingual-e5-*`, by its folder's name or by what its configuration says it was.
fn is_e5(dir: &Path, transformer: &Path) -> Result<bool> {
    let dir = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    let folder = dir.file_name().map(|name| name.to_string_lossy().into_owned());
    let config = read_json(&transformer.join("config.json"))?;
    let original = config.as_ref().and_then(|config| config.get("_name_or_path")?.as_str());
    Ok([folder.as_deref(), original].into_iter().flatten().any(is_e5_name))
}

fn is_e5_name(name: &str) -> bool {
    let name = name.to_lowercase();
    let name = name
        .rsplit(['/', '\\'])
        .find(|part| !part.is_empty())
        .unwrap_or_default();
    let name = name
        .strip_prefix("intfloat")
        .map_or(name, |name| name.trim_start_matches(['-', '_']));
    let name = name.strip_prefix("multilingual-").unwrap_or(name);
    name.starts_with("e5-") && !name.contains("instruct")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The prompt of a folder called `name` with these files.
    fn read(name: &str, prompts: Option<Value>, config: Value) -> Result<Prompts> {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join(name);
        std::fs::create_dir(&folder).unwrap();
        if let Some(prompts) = prompts {
            std::fs::write(folder.join(PROMPTS_FILE), prompts.to_string()).unwrap();
        }
        std::fs::write(folder.join("config.json"), config.to_string()).unwrap();
        Prompts::read(&folder, &folder)
    }

    #[test]
    fn the_prompt_is_the_default_else_for_classification_else_that_of_e5() {
        let none = json!({});
        let both = json!({"query": "q: ", "Classification": "c: ", "empty": null});
        let plain = |prompts: Value| Some(json!({"prompts": prompts}));
        let with = |prompts: &Value, name: Value| Some(json!({"prompts": prompts, "default_prompt_name": name}));
        let from = |path: &str| json!({"_name_or_path": path});
        let table = [
            ("m", None, none.clone(), ""),
            ("m", Some(json!({"__version__": {}})), none.clone(), ""),
            ("m", plain(json!({"query": "q: "})), none.clone(), ""),
            ("m", plain(both.clone()), none.clone(), "c: "),
            ("m", with(&both, json!("query")), none.clone(), "q: "),
            ("m", with(&both, json!("empty")), none.clone(), ""),
            ("m", with(&both, Value::Null), none.clone(), "c: "),
            ("e5-base-v2", with(&both, json!("empty")), none.clone(), ""),
            ("e5-base-v2", None, none.clone(), "query: "),
            ("multilingual-e5-small", None, none.clone(), "query: "),
            ("intfloat_multilingual-e5-small", None, none.clone(), "query: "),
            (
                "Multilingual-E5-base",
                plain(json!({"query": "", "document": ""})),
                none.clone(),
                "query: ",
            ),
            ("e5-tuned", plain(json!({"query": "q: "})), none.clone(), "q: "),
            ("m", None, from("intfloat/e5-small"), "query: "),
            ("m", None, from("/home/me/multilingual-e5-large/"), "query: "),
            ("m", None, from("intfloat/multilingual-e5-large-instruct"), ""),
            ("e5-mistral-7b-instruct", None, none.clone(), ""),
            ("we5-x", None, none.clone(), ""),
            ("e5", None, none.clone(), ""),
        ];
        for (name, prompts, config, expected) in table {
            let shown = format!("{name} {prompts:?} {config}");
            assert_eq!(read(name, prompts, config).unwrap().text(), expected, "{shown}");
        }
    }

    #[test]
    fn a_chosen_prompt_is_written_and_read_again_and_the_rest_of_the_file_stays() {
        for text in ["query: ", "c: ", "", "Instruct: sort\nQuery: "] {
            let given = json!({"similarity_fn_name": "dot", "prompts": {"Classification": "c: ", "query": ""}});
            let mut prompts = read("e5-base", Some(given.clone()), json!({})).unwrap();
            prompts.choose(text);
            let mut config = given.as_object().unwrap().clone();
            prompts.write_into(&mut config);
            assert_eq!((config["similarity_fn_name"].as_str(), config.len()), (Some("dot"), 3));
            let name = config["default_prompt_name"].as_str().unwrap();
            assert_eq!(config["prompts"][name], json!(text));
            assert_eq!(config["prompts"]["Classification"], json!("c: "));
            let again = read("e5-base", Some(Value::Object(config)), json!({})).unwrap();
            assert_eq!((again.text(), &again), (text, &prompts));
        }
    }

    #[test]
    fn files_with_unusable_prompts_are_errors() {
        for (prompts, expected) in [
            (json!({"prompts": {"a": 1}}), "cannot be read"),
            (json!({"prompts": [1]}), "cannot be read"),
            (json!([1]), "cannot be read"),
            (json!({"default_prompt_name": "a"}), "none of the prompts"),
            (json!({"prompts": {"a": "x".repeat(2001)}}), "more than 2000 characters"),
        ] {
            let message = read("m", Some(prompts), json!({})).unwrap_err().to_string();
            assert!(
                message.contains(expected) && message.ends_with(PROMPTS_FILE),
                "{message}"
            );
        }
    }
}
