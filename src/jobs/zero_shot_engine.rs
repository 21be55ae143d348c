//! Which zero-shot engine, with which model and options: a plain value, and the one place where it becomes an engine.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use super::models::{DEFAULT_ENCODER, encoder_dir, load_encoder};
use crate::model::Compute;
use crate::model::catalog::{Catalog, HubModel};
use crate::model::zero_shot::endpoint::{Address, KEY_VARIABLE, Key, Prices, Reading, Settings};
use crate::model::zero_shot::{
    Descent, Endpoint, Engine, Entailment, InTree, Language, LocalLanguageModel, LongTexts, Pile, Similarity,
    TreeEngine, language_model,
};
use crate::train::templated::{DEFAULT_COPIES, TemplatedSetFit};

/// An engine as a person asks for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EngineSpec {
    /// A name in the catalog, a folder or a file; of an endpoint what its server calls it; `None` for the engine's own, where it has one.
    pub model: Option<String>,
    /// Which engine, with its options.
    #[serde(flatten)]
    pub kind: EngineKind,
}

/// The engines with their options.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "engine", rename_all = "kebab-case")]
pub enum EngineKind {
    /// How close a text and each label's sentence lie.
    Similarity {
        /// Whether the texts say what labels mean.
        pile: Pile,
    },
    /// An encoder tuned on sentences about the labels.
    #[serde(rename = "templated-setfit")]
    TemplatedSetFit {
        /// Sentences a label, from 1.
        copies: usize,
        /// Whether unlabelled texts take part in the tuning.
        pile: Pile,
    },
    /// How far each label's sentence follows from a text.
    Entailment {
        /// What becomes of texts that are too long.
        long_texts: LongTexts,
    },
    /// What a language model on this machine says.
    LanguageModel(language_model::Settings),
    /// What a model answers behind an OpenAI-compatible interface.
    Endpoint(EndpointSpec),
}

/// An endpoint as it is asked. The key is not part of it: it comes from the environment or a command and is written nowhere.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EndpointSpec {
    /// Where it is, such as `http://localhost:11434/v1`.
    pub address: String,
    /// How answers become scores.
    pub reading: Reading,
    /// Tokens an answer may have where the server gives no probabilities, from 1.
    pub answer_tokens: u32,
    /// How it is sent. Changes no score and is not kept with a run, so that permission is given anew each time.
    #[serde(skip)]
    pub sending: Sending,
}

/// What an endpoint is sent, and how fast; each `None` for what [`Settings::new`] says.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Sending {
    /// Whether texts may be sent to another machine.
    pub allow_remote: bool,
    /// Requests at once, 1..=8.
    pub at_once: Option<usize>,
    /// Requests a minute at most, from 1.
    pub per_minute: Option<u32>,
    /// Within this a request must be answered.
    pub timeout: Option<Duration>,
    /// What tokens cost.
    pub prices: Option<Prices>,
}

impl EndpointSpec {
    /// At this address, as endpoints are asked where nothing else is said.
    pub fn at(address: impl Into<String>) -> EndpointSpec {
        EndpointSpec {
            address: address.into(),
            reading: Reading::default(),
            answer_tokens: Settings::ANSWER_TOKENS,
            sending: Sending::default(),
        }
    }

    fn settings(&self, model: String, key: Option<Key>) -> anyhow::Result<Settings> {
        let mut settings = Settings::new(Address::new(&self.address)?, model);
        settings.key = key;
        settings.reading = self.reading;
        settings.answer_tokens = self.answer_tokens;
        settings.allow_remote = self.sending.allow_remote;
        settings.at_once = self.sending.at_once.unwrap_or(settings.at_once);
        settings.per_minute = self.sending.per_minute;
        settings.timeout = self.sending.timeout.unwrap_or(settings.timeout);
        settings.prices = self.sending.prices;
        Ok(settings)
    }
}

impl EngineKind {
    /// How labels that form a tree are asked about where nobody says: engines that compare a text with names tell many labels apart better
    /// than the names of branches; a prompt cannot list them all.
    pub fn usual_descent(&self) -> Descent {
        match self {
            EngineKind::Similarity { .. } | EngineKind::TemplatedSetFit { .. } => Descent::Flat,
            EngineKind::Entailment { .. } | EngineKind::LanguageModel { .. } | EngineKind::Endpoint { .. } => {
                Descent::default()
            }
        }
    }

    /// The stable name: on the command line, in files, and as [`Engine::name`] says it.
    pub fn name(&self) -> &'static str {
        match self {
            EngineKind::Similarity { .. } => "similarity",
            EngineKind::TemplatedSetFit { .. } => "templated-setfit",
            EngineKind::Entailment { .. } => "entailment",
            EngineKind::LanguageModel(_) => "language-model",
            EngineKind::Endpoint(_) => "endpoint",
        }
    }

    /// Templated SetFit as it is where nothing else is said: without the pile.
    pub fn templated_setfit() -> EngineKind {
        EngineKind::TemplatedSetFit {
            copies: DEFAULT_COPIES,
            pile: Pile::Off,
        }
    }

    /// Whether it is asked in prompts, where labels are options by their names, whatever the language of the texts.
    pub fn is_prompted(&self) -> bool {
        matches!(self, EngineKind::LanguageModel(_) | EngineKind::Endpoint(_))
    }

    /// Every sentence of a language that suits the engine, to choose among.
    pub fn every_template(&self, language: Language) -> Vec<String> {
        let sentences = match self {
            EngineKind::Similarity { .. } | EngineKind::TemplatedSetFit { .. } => language.topics().to_vec(),
            EngineKind::Entailment { .. } => language.hypotheses().to_vec(),
            EngineKind::LanguageModel(_) | EngineKind::Endpoint(_) => {
                let sentences = language.topics().iter().copied();
                std::iter::once(language_model::DEFAULT_TEMPLATE)
                    .chain(sentences)
                    .collect()
            }
        };
        sentences.into_iter().map(str::to_owned).collect()
    }

    /// What is asked where nobody has given a template: one sentence, but several for the engine that learns from them.
    pub fn default_templates(&self, language: Language) -> Vec<String> {
        let mut sentences = self.every_template(language);
        if !matches!(self, EngineKind::TemplatedSetFit { .. }) {
            sentences.truncate(1);
        }
        sentences
    }
}

/// What engines may make use of, beside the texts they score.
#[derive(Debug, Clone, Copy, Default)]
pub struct Beside<'a> {
    /// Single texts of the project that nobody has labelled, but for those kept for validation and test.
    pub pile: &'a [Arc<str>],
    /// Of the texts that will be scored in one go, rows of those that train, with the column of their label; empty where texts may have
    /// several, or are scored in portions.
    pub truth: &'a [(usize, usize)],
    /// The tree that the labels form, and how it is asked about.
    pub in_tree: Option<&'a InTree>,
    /// The key of an endpoint; that in [`KEY_VARIABLE`] where none is given.
    pub key: Option<&'a Key>,
}

impl EngineSpec {
    /// An engine with the model it has by itself.
    pub fn new(kind: EngineKind) -> EngineSpec {
        EngineSpec { model: None, kind }
    }

    /// Whether the quick model's thread answers for it in a preview, from embeddings that are there.
    pub fn is_instant(&self) -> bool {
        matches!(self.kind, EngineKind::Similarity { .. })
    }

    /// The name or folder of the model.
    ///
    /// # Errors
    /// An engine without a model of its own, and none named.
    pub fn model_name(&self, catalog: &Catalog) -> anyhow::Result<String> {
        let named = self.model.clone().filter(|model| !model.trim().is_empty());
        if let Some(model) = named {
            return Ok(model);
        }
        let names = |models: &[HubModel]| models.iter().map(|model| model.name).collect::<Vec<_>>().join(", ");
        match self.kind {
            EngineKind::Similarity { .. } | EngineKind::TemplatedSetFit { .. } => Ok(DEFAULT_ENCODER.to_owned()),
            EngineKind::Entailment { .. } => anyhow::bail!(
                "entailment needs --model: the folder of a classifier trained on natural language inference, or one of {}, which `handful models get` fetches",
                names(catalog.unpinned())
            ),
            EngineKind::LanguageModel(_) => anyhow::bail!(
                "a language model needs --model: a GGUF file, a folder with one, or one of {}, which `handful models get` fetches",
                names(catalog.language_models())
            ),
            EngineKind::Endpoint(_) => {
                anyhow::bail!("the endpoint needs --model, the name its server knows the model by")
            }
        }
    }

    /// What people are told before anything is sent to another machine; `None` where texts stay on this one.
    pub fn leaves_machine(&self) -> Option<String> {
        match &self.kind {
            EngineKind::Endpoint(spec) => Address::new(&spec.address).ok()?.remark(),
            _ => None,
        }
    }

    /// Whether it can be opened, as far as that is known without loading or sending anything.
    ///
    /// # Errors
    /// Those of [`EngineSpec::model_name`], a model that is not here, an address that is none or on another machine without permission.
    pub fn check(&self, catalog: &Catalog) -> anyhow::Result<()> {
        let model = self.model_name(catalog)?;
        match &self.kind {
            EngineKind::Endpoint(spec) => Ok(Endpoint::new(spec.settings(model, None)?).map(drop)?),
            _ => Ok(catalog.path(&model).map(drop)?),
        }
    }

    /// The options as they are stored with a run, the model by name.
    ///
    /// # Errors
    /// Those of [`EngineSpec::model_name`]; an address that is none, which is then not stored.
    pub fn to_json(&self, catalog: &Catalog) -> anyhow::Result<BTreeMap<String, serde_json::Value>> {
        let mut spec = EngineSpec {
            model: Some(self.model_name(catalog)?),
            ..self.clone()
        };
        if let EngineKind::Endpoint(endpoint) = &mut spec.kind {
            endpoint.address = Address::new(&endpoint.address)?.to_string();
        }
        let value = serde_json::to_value(&spec)?;
        Ok(value
            .as_object()
            .into_iter()
            .flatten()
            .map(|(id, value)| (id.clone(), value.clone()))
            .collect())
    }

    /// The engine. Its device is opened for it: call this on the thread that will compute. An endpoint is sent nothing yet.
    ///
    /// # Errors
    /// No model named where one must be; whatever the catalog and loading report.
    pub fn open(
        &self,
        catalog: &Catalog,
        compute: Compute,
        beside: Beside<'_>,
    ) -> anyhow::Result<Box<dyn Engine + Send>> {
        let model = self.model_name(catalog)?;
        let engine: Box<dyn Engine + Send> = match &self.kind {
            EngineKind::Similarity { pile } => {
                let engine = Similarity::new(load_encoder(catalog, &model, compute)?);
                return Ok(Box::new(
                    engine
                        .with_pile(*pile)
                        .with_truth(beside.truth.to_vec())
                        .with_tree(beside.in_tree.cloned()),
                ));
            }
            EngineKind::TemplatedSetFit { copies, pile } => {
                let read = pile.reads(beside.pile.len()).then(|| beside.pile.to_vec());
                let encoder = load_encoder(catalog, &model, compute)?;
                Box::new(TemplatedSetFit::new(encoder, *copies).with_pile(read.unwrap_or_default()))
            }
            EngineKind::Entailment { long_texts } => {
                let engine = Entailment::load(&encoder_dir(catalog, &model)?, &model, compute)?;
                Box::new(engine.with_long_texts(*long_texts))
            }
            EngineKind::LanguageModel(settings) => Box::new(language_model(catalog, &model, compute, *settings)?),
            EngineKind::Endpoint(spec) => {
                let key = match beside.key {
                    Some(key) => Some(key.clone()),
                    None => Key::from_env(KEY_VARIABLE)?,
                };
                Box::new(Endpoint::new(spec.settings(model, key)?)?)
            }
        };
        Ok(match beside.in_tree {
            None => engine,
            Some(in_tree) => Box::new(TreeEngine::new(engine, in_tree.clone())),
        })
    }
}

fn language_model(
    catalog: &Catalog,
    model: &str,
    compute: Compute,
    settings: language_model::Settings,
) -> anyhow::Result<LocalLanguageModel> {
    let engine = LocalLanguageModel::load(&catalog.path(model)?, model, compute, settings)?;
    if settings.nearest == 0 {
        return Ok(engine);
    }
    let encoder = load_encoder(catalog, DEFAULT_ENCODER, compute)
        .context("the nearest examples are found with an encoder, which could not be opened")?;
    Ok(engine.with_nearest(Box::new(move |texts| {
        Ok(encoder.embed(texts, &mut |_| ControlFlow::Continue(()))?)
    })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spec_is_stored_as_it_reads() {
        let spec = EngineSpec {
            model: Some("m".into()),
            kind: EngineKind::templated_setfit(),
        };
        let value = serde_json::to_value(&spec).unwrap();
        let expected = serde_json::json!({"model": "m", "engine": "templated-setfit", "copies": 8, "pile": "off"});
        assert_eq!(value, expected);
        for kind in [
            EngineKind::Similarity { pile: Pile::Auto },
            EngineKind::templated_setfit(),
            EngineKind::Entailment {
                long_texts: LongTexts::Cut,
            },
            EngineKind::LanguageModel(language_model::Settings::default()),
            EngineKind::Endpoint(EndpointSpec::at("http://localhost:1/v1")),
        ] {
            let spec = EngineSpec {
                model: Some("m".into()),
                kind: kind.clone(),
            };
            let value = serde_json::to_value(&spec).unwrap();
            assert_eq!(value["engine"], kind.name());
            assert_eq!(serde_json::from_value::<EngineSpec>(value).unwrap(), spec);
            for language in Language::ALL {
                assert!(!kind.default_templates(language).is_empty());
            }
        }
    }

    #[test]
    fn what_is_kept_of_an_endpoint_gives_no_permission_and_no_password() {
        let catalog = Catalog::with(std::path::Path::new("nowhere"), Vec::new(), Vec::new());
        let spec = |address: &str, allow_remote: bool| EngineSpec {
            model: Some("m".into()),
            kind: EngineKind::Endpoint(EndpointSpec {
                sending: Sending {
                    allow_remote,
                    ..Sending::default()
                },
                ..EndpointSpec::at(address)
            }),
        };
        let kept = spec("https://models.example/v1/", true).to_json(&catalog).unwrap();
        assert_eq!(kept["address"], "https://models.example/v1");
        let again: EngineSpec = serde_json::from_value(serde_json::to_value(&kept).unwrap()).unwrap();
        assert!(
            again
                .check(&catalog)
                .unwrap_err()
                .to_string()
                .contains("models.example")
        );
        assert!(spec("https://models.example/v1", true).check(&catalog).is_ok());
        assert!(
            spec("https://me:secret@models.example/v1", true)
                .to_json(&catalog)
                .is_err()
        );
    }
}
