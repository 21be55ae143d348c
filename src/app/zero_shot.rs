//! Zero-shot scores of a project as a run, and the templates that a project asks with.

use super::{App, now_millis};
use crate::jobs::zero_shot_run::{self, Scoring};
use crate::jobs::{EngineKind, JobId, JobKind, ZeroShotRunRequest};
use crate::model::zero_shot::{Language, guess_language};

/// The templates of a project, and where they come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Templates {
    /// The sentences, each with `{}` once.
    pub sentences: Vec<String>,
    /// Why these.
    pub because: Because,
}

/// Where templates come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Because {
    /// Somebody has chosen them for this project.
    Chosen,
    /// Somebody has asked for this language.
    Asked(Language),
    /// The texts are in this language.
    Language(Language),
    /// The engine asks in prompts, where labels are options by their names.
    Prompted,
    /// It is not clear in which language the texts are, or there is no project: English.
    Unsure,
}

impl Because {
    /// In words, for beside the templates.
    pub fn words(self) -> String {
        match self {
            Because::Chosen => "chosen for this project".to_owned(),
            Because::Asked(language) => format!("in {}", language.name()),
            Because::Language(language) => format!("the texts seem to be in {}", language.name()),
            Because::Prompted => "the labels' own names".to_owned(),
            Because::Unsure => "the language of the texts is not clear, so the wording is English".to_owned(),
        }
    }
}

impl App {
    /// The templates that an engine asks with where none are given: those chosen for the open project, else its language's.
    pub fn zero_shot_templates(&self, engine: &EngineKind) -> Templates {
        self.zero_shot_templates_in(engine, None)
    }

    /// The same where somebody has said which language the wording is to be in, rather than to follow the texts or what was chosen for the
    /// project.
    pub fn zero_shot_templates_in(&self, engine: &EngineKind, language: Option<Language>) -> Templates {
        if let Some(language) = language {
            return Templates {
                sentences: engine.default_templates(language),
                because: Because::Asked(language),
            };
        }
        let prompted = Templates {
            sentences: engine.default_templates(Language::English),
            because: Because::Prompted,
        };
        let Some(project) = &self.project else {
            if engine.is_prompted() {
                return prompted;
            }
            return Templates {
                sentences: engine.default_templates(Language::English),
                because: Because::Unsure,
            };
        };
        if let Some(chosen) = self.settings.templates_of(project.store.path()) {
            return Templates {
                sentences: chosen.to_vec(),
                because: Because::Chosen,
            };
        }
        if engine.is_prompted() {
            return prompted;
        }
        let guessed = self.zero_shot_language();
        Templates {
            sentences: engine.default_templates(guessed.unwrap_or(Language::English)),
            because: guessed.map_or(Because::Unsure, Because::Language),
        }
    }

    /// The language that the texts of the open project seem to be in; `None` where that is not clear, or none is open.
    pub fn zero_shot_language(&self) -> Option<Language> {
        let project = self.project.as_ref()?;
        guess_language(project.state.texts().map(|text| &*text.body))
    }

    /// Remembers the templates of the open project; none means those of its language again.
    ///
    /// # Errors
    /// No open project.
    pub fn remember_templates(&mut self, templates: &[String]) -> anyhow::Result<()> {
        let path = self.project()?.store.path().to_path_buf();
        self.settings.remember_templates(&path, templates);
        Ok(())
    }

    pub(super) fn zero_shot_run(&mut self, request: &ZeroShotRunRequest) -> anyhow::Result<JobId> {
        self.ensure_idle()?;
        let compute = self.compute();
        compute.check()?;
        request.engine.check(&self.catalog)?;
        let project = self.project()?;
        let scoring = Scoring::new(&project.state, &self.catalog, request)?;
        let (store, catalog, n_threads) = (project.store.clone(), self.catalog.clone(), self.n_threads);
        Ok(self.jobs.start(JobKind::Train, move |job| {
            zero_shot_run::run(job, &store, &catalog, &scoring, compute, n_threads, now_millis())
        }))
    }
}

#[cfg(test)]
#[path = "zero_shot_tests.rs"]
mod tests;
