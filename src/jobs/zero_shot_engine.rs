//! Which zero-shot engine, with which model and options: a plain value, and the one place where it becomes an engine.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use super::models::{DEFAULT_ENCODER, load_encoder};
use crate::model::Compute;
use crate::model::catalog::Catalog;
use crate::model::zero_shot::{Engine, Entailment, Language, LongTexts, Pile, Similarity};
use crate::train::templated::{DEFAULT_COPIES, TemplatedSetFit};

/// An engine as a person asks for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineSpec {
    /// A name in the catalog or a folder; `None` for the engine's own, where it has one.
    pub model: Option<String>,
    /// Which engine, with its options.
    #[serde(flatten)]
    pub kind: EngineKind,
}

/// The engines with their options.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
}

impl EngineKind {
    /// The stable name: on the command line, in files, and as [`Engine::name`] says it.
    pub fn name(&self) -> &'static str {
        match self {
            EngineKind::Similarity { .. } => "similarity",
            EngineKind::TemplatedSetFit { .. } => "templated-setfit",
            EngineKind::Entailment { .. } => "entailment",
        }
    }

    /// Templated SetFit as it is where nothing else is said: without the pile.
    pub fn templated_setfit() -> EngineKind {
        EngineKind::TemplatedSetFit {
            copies: DEFAULT_COPIES,
            pile: Pile::Off,
        }
    }

    /// Every sentence of a language that suits the engine, to choose among.
    pub fn every_template(&self, language: Language) -> Vec<String> {
        let sentences = match self {
            EngineKind::Similarity { .. } | EngineKind::TemplatedSetFit { .. } => language.topics(),
            EngineKind::Entailment { .. } => language.hypotheses(),
        };
        sentences.iter().map(|sentence| (*sentence).to_owned()).collect()
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
}

impl EngineSpec {
    /// An engine with the model it has by itself.
    pub fn new(kind: EngineKind) -> EngineSpec {
        EngineSpec { model: None, kind }
    }

    /// The name or folder of the model.
    ///
    /// # Errors
    /// Entailment has no model of its own.
    pub fn model_name(&self, catalog: &Catalog) -> anyhow::Result<String> {
        let own = match self.kind {
            EngineKind::Similarity { .. } | EngineKind::TemplatedSetFit { .. } => Some(DEFAULT_ENCODER.to_owned()),
            EngineKind::Entailment { .. } => None,
        };
        self.model.clone().or(own).with_context(|| {
            let names: Vec<&str> = catalog.unpinned().iter().map(|model| model.name).collect();
            format!(
                "entailment needs --model: the folder of a classifier trained on natural language inference, or one of {}, which `handful models get` fetches",
                names.join(", ")
            )
        })
    }

    /// The options as they are stored with a run, the model by name.
    ///
    /// # Errors
    /// Those of [`EngineSpec::model_name`].
    pub fn to_json(&self, catalog: &Catalog) -> anyhow::Result<BTreeMap<String, serde_json::Value>> {
        let spec = EngineSpec {
            model: Some(self.model_name(catalog)?),
            ..self.clone()
        };
        let value = serde_json::to_value(&spec)?;
        Ok(value
            .as_object()
            .into_iter()
            .flatten()
            .map(|(id, value)| (id.clone(), value.clone()))
            .collect())
    }

    /// The engine. Its device is opened for it: call this on the thread that will compute.
    ///
    /// # Errors
    /// No model named where one must be; whatever the catalog and loading report.
    pub fn open(&self, catalog: &Catalog, compute: Compute, beside: Beside<'_>) -> anyhow::Result<Box<dyn Engine>> {
        let model = self.model_name(catalog)?;
        Ok(match &self.kind {
            EngineKind::Similarity { pile } => {
                let encoder = load_encoder(catalog, &model, compute)?;
                Box::new(
                    Similarity::new(encoder)
                        .with_pile(*pile)
                        .with_truth(beside.truth.to_vec()),
                )
            }
            EngineKind::TemplatedSetFit { copies, pile } => {
                let read = pile.reads(beside.pile.len()).then(|| beside.pile.to_vec());
                let encoder = load_encoder(catalog, &model, compute)?;
                Box::new(TemplatedSetFit::new(encoder, *copies).with_pile(read.unwrap_or_default()))
            }
            EngineKind::Entailment { long_texts } => {
                let engine = Entailment::load(&catalog.path(&model)?, &model, compute)?;
                Box::new(engine.with_long_texts(*long_texts))
            }
        })
    }
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
        assert_eq!(serde_json::from_value::<EngineSpec>(value).unwrap(), spec);
        for kind in [
            EngineKind::Similarity { pile: Pile::Auto },
            EngineKind::templated_setfit(),
            EngineKind::Entailment {
                long_texts: LongTexts::Cut,
            },
        ] {
            assert_eq!(serde_json::to_value(&kind).unwrap()["engine"], kind.name());
            for language in Language::ALL {
                assert!(!kind.default_templates(language).is_empty());
            }
        }
    }
}
