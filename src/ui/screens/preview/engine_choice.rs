//! The engines as they are listed, and what a person has said about each: its model, how it answers, where it is.

use crate::jobs::{EndpointSpec, EngineKind, EngineSpec, Sending};
use crate::model::zero_shot::endpoint::Reading;
use crate::model::zero_shot::language_model::{Mode, Settings};
use crate::model::zero_shot::{LongTexts, Pile};

/// The engines, as they are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Listed {
    Reading,
    Names,
    SetFit,
    Entailment,
    LanguageModel,
    Endpoint,
}

impl Listed {
    pub(super) const ALL: [Listed; 6] = [
        Listed::Reading,
        Listed::Names,
        Listed::SetFit,
        Listed::Entailment,
        Listed::LanguageModel,
        Listed::Endpoint,
    ];

    pub(super) fn title(self) -> &'static str {
        match self {
            Listed::Reading => "Similarity reading texts",
            Listed::Names => "Similarity by names only",
            Listed::SetFit => "Templated SetFit",
            Listed::Entailment => "Entailment",
            Listed::LanguageModel => "Language model",
            Listed::Endpoint => "Endpoint",
        }
    }

    pub(super) fn about(self) -> &'static str {
        match self {
            Listed::Reading => {
                "What stands for a label starts at its sentence and moves towards the texts nearest to it. The default from 200 texts on."
            }
            Listed::Names => "How close each text lies to the sentence about the label, whatever the other texts are.",
            Listed::SetFit => {
                "The encoder is tuned for some seconds on sentences about the labels, all templates together, before it reads the texts."
            }
            Listed::Entailment => {
                "How far the sentence about the label follows from the text, as a model trained on natural language inference says. One pass \
                 for every text and label: slow."
            }
            Listed::LanguageModel => {
                "What a language model on this machine says, read from a GGUF file. One long pass for every text: slow."
            }
            Listed::Endpoint => {
                "What a model says behind an OpenAI-compatible interface: Ollama, llama.cpp, vLLM or a service. Nothing is sent before you \
                 press Ask."
            }
        }
    }

    /// The one below in the list; the first after the last.
    pub(super) fn next(self) -> Listed {
        let at = Listed::ALL.iter().position(|of| *of == self).map_or(0, |at| at + 1);
        Listed::ALL.get(at).copied().unwrap_or(Listed::Reading)
    }
}

/// A model's name, folder or file: the one in use, and the one being typed.
#[derive(Debug, Clone, Default)]
pub(super) struct Model {
    pub chosen: String,
    pub typed: String,
}

impl Model {
    pub(super) fn choose(&mut self, model: &str) {
        model.clone_into(&mut self.typed);
        model.clone_into(&mut self.chosen);
    }
}

/// An endpoint being described. Nothing is sent before it is asked, and every change has to be asked anew.
#[derive(Debug, Clone, Default)]
pub(super) struct EndpointForm {
    pub address: String,
    pub model: String,
    pub answers_only: bool,
    pub allow_remote: bool,
    /// What was agreed to.
    pub asked: Option<EngineSpec>,
}

impl EndpointForm {
    /// As it is described now; `None` while something is missing.
    pub(super) fn spec(&self) -> Option<EngineSpec> {
        let (address, model) = (self.address.trim(), self.model.trim());
        if address.is_empty() || model.is_empty() {
            return None;
        }
        let endpoint = EndpointSpec {
            reading: match self.answers_only {
                true => Reading::Answers,
                false => Reading::Probabilities,
            },
            sending: Sending {
                allow_remote: self.allow_remote,
                ..Sending::default()
            },
            ..EndpointSpec::at(address)
        };
        Some(EngineSpec {
            model: Some(model.to_owned()),
            kind: EngineKind::Endpoint(endpoint),
        })
    }
}

/// What is said about the engines; stays from project to project.
#[derive(Debug, Clone, Default)]
pub(super) struct Engines {
    /// `None`: similarity, which reads the texts where there are enough.
    pub listed: Option<Listed>,
    pub entailment: Model,
    pub language_model: Model,
    /// Whether the language model writes names, rather than choosing letters.
    pub writes: bool,
    pub endpoint: EndpointForm,
}

impl Engines {
    /// The engine that is chosen, or that is the default for so many texts.
    pub(super) fn listed(&self, n_texts: usize) -> Listed {
        self.listed.unwrap_or(match Pile::Auto.reads(n_texts) {
            true => Listed::Reading,
            false => Listed::Names,
        })
    }

    /// What its options are, for wordings that suit it.
    pub(super) fn kind(&self) -> EngineKind {
        match self.listed {
            None => EngineKind::Similarity { pile: Pile::Auto },
            Some(Listed::Reading) => EngineKind::Similarity { pile: Pile::On },
            Some(Listed::Names) => EngineKind::Similarity { pile: Pile::Off },
            Some(Listed::SetFit) => EngineKind::templated_setfit(),
            Some(Listed::Entailment) => EngineKind::Entailment {
                long_texts: LongTexts::Cut,
            },
            Some(Listed::LanguageModel) => EngineKind::LanguageModel(Settings {
                mode: if self.writes { Mode::Generate } else { Mode::Letters },
                ..Settings::default()
            }),
            Some(Listed::Endpoint) => match self.endpoint.asked.clone().or_else(|| self.endpoint.spec()) {
                Some(spec) => spec.kind,
                None => EngineKind::Endpoint(EndpointSpec::at("")),
            },
        }
    }

    /// The engine with its model; `None` while none is chosen, and for an endpoint that was not asked as it is described now. `encoder`: that
    /// of the settings.
    pub(super) fn spec(&self, encoder: &str) -> Option<EngineSpec> {
        let model = match self.listed {
            None | Some(Listed::Reading | Listed::Names | Listed::SetFit) => encoder,
            Some(Listed::Entailment) => &self.entailment.chosen,
            Some(Listed::LanguageModel) => &self.language_model.chosen,
            Some(Listed::Endpoint) => {
                let now = self.endpoint.spec();
                return self.endpoint.asked.clone().filter(|asked| Some(asked) == now.as_ref());
            }
        };
        (!model.is_empty()).then(|| EngineSpec {
            model: Some(model.to_owned()),
            kind: self.kind(),
        })
    }
}
