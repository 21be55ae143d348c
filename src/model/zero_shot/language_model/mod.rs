//! A language model on this machine as an engine: labels as lettered options, whose letters' probabilities are read off at the place where the
//! answer would begin, so that nothing is generated and there is nothing to parse; or the usual way, a generated answer that has to be one
//! of the labels.

mod answers;
mod codes;
mod prompt;
mod scoring;
mod shots;
#[cfg(test)]
mod tests;
mod wording;

use std::path::Path;

pub use codes::MAX_OPTIONS;
pub use shots::EmbedTexts;

use serde::{Deserialize, Serialize};

use self::prompt::Beginning;
use self::shots::{Nearest, Ranker};
use self::wording::Task;
use super::{Answer, Engine, Meter, OnProgress, Question, ZeroShotError, refuse_pairs};
use crate::model::language_model::{Cache, Frame, LanguageModel};
use crate::model::{Compute, Input};

/// What an option says of its label where nothing else is said: its name.
pub const DEFAULT_TEMPLATE: &str = "{}";

/// Tokens a prompt has at most unless more are asked for: longer ones take minutes on a processor.
pub const DEFAULT_CONTEXT: usize = 4096;

/// How a label is asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// By the letter of its option; several labels at once, or one alone, each by yes against no. Gives probabilities.
    #[default]
    Letters,
    /// By its name, which the model writes. Gives 1 for what it named, and 0 for everything where it named no label.
    Generate,
}

/// How prompts are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// How a label is asked for.
    pub mode: Mode,
    /// Options are shown in so many orders, each a rotation of the first, and the scores averaged; models prefer some places. Counts for
    /// letters only; from 1, and no more than there are options.
    pub rotations: usize,
    /// Examples of each label that are shown before a text, from [`super::LabelText::examples`].
    pub shots: usize,
    /// Of all examples, so many that are nearest to each text are shown before it ([`LocalLanguageModel::with_nearest`]).
    pub nearest: usize,
    /// The most tokens of a prompt; no more than the model reads count.
    pub context: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            mode: Mode::Letters,
            rotations: 1,
            shots: 0,
            nearest: 0,
            context: DEFAULT_CONTEXT,
        }
    }
}

/// What texts met with since the engine was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Refusals {
    /// Answers that named no label.
    pub n_refused: usize,
    /// Prompts whose text lost its end.
    pub n_cut: usize,
    /// Prompts that had no room for all examples.
    pub n_with_fewer_shots: usize,
}

/// A language model as an engine. Reads single texts.
pub struct LocalLanguageModel {
    model: LanguageModel,
    name: String,
    frame: Frame,
    plain_because: Option<String>,
    settings: Settings,
    ranker: Option<Ranker>,
    /// For the texts that are being scored.
    nearest: Nearest,
    cache: Cache,
    counts: Refusals,
}

impl LocalLanguageModel {
    /// Loads a GGUF file or the one in a folder; `name` is what it is called. Call it on the thread that will compute.
    ///
    /// # Errors
    /// Those of [`LanguageModel::load`].
    pub fn load(
        path: &Path,
        name: &str,
        compute: Compute,
        settings: Settings,
    ) -> Result<LocalLanguageModel, ZeroShotError> {
        let model = LanguageModel::load(path, compute)?;
        let (frame, plain_because) = match model.frame() {
            Ok(frame) => (frame.clone(), None),
            Err(reason) => {
                let plain = Frame {
                    before: String::new(),
                    after: String::new(),
                };
                (plain, Some(reason.to_owned()))
            }
        };
        Ok(LocalLanguageModel {
            model,
            name: name.into(),
            frame,
            plain_because,
            settings,
            ranker: None,
            nearest: Nearest::default(),
            cache: Cache::default(),
            counts: Refusals::default(),
        })
    }

    /// The same engine, showing before each text those examples of the labels that are nearest to it ([`Settings::nearest`]) by what
    /// `embed` says.
    pub fn with_nearest(self, embed: EmbedTexts) -> LocalLanguageModel {
        LocalLanguageModel {
            ranker: Some(Ranker::new(self.settings.nearest, embed)),
            ..self
        }
    }

    /// What texts met with since the engine was made.
    pub fn counts(&self) -> Refusals {
        self.counts
    }

    fn context(&self) -> usize {
        self.model.context().min(self.settings.context)
    }

    fn beginning(&mut self, head: &str, n_after: usize) -> Result<Beginning, ZeroShotError> {
        let context = self.context();
        Beginning::new(&mut self.model, &self.frame, head, context, n_after)
    }

    fn rotations(&self, n_options: usize) -> usize {
        self.settings.rotations.clamp(1, n_options.max(1))
    }
}

impl Engine for LocalLanguageModel {
    fn name(&self) -> &'static str {
        "language-model"
    }

    fn model(&self) -> &str {
        &self.name
    }

    fn score(
        &mut self,
        texts: &[Input<'_>],
        question: &Question,
        on_progress: OnProgress<'_>,
    ) -> Result<Answer, ZeroShotError> {
        refuse_pairs(self.name(), texts)?;
        self.nearest = match &mut self.ranker {
            Some(ranker) => ranker.rank(question, texts)?,
            None => Nearest::default(),
        };
        let task = Task::of(self.settings.mode, question);
        let n_asked = question.asked().len();
        let per_text = match task {
            Task::Choose => self.rotations(n_asked),
            Task::Decide => n_asked,
            Task::Name | Task::List => 1,
        };
        let n_steps = texts.len() * per_text * question.templates().len();
        let mut meter = Meter::new(n_steps, texts.len(), on_progress);
        let mut of_templates = Vec::with_capacity(question.templates().len());
        for template in question.templates() {
            let options = wording::options(question, template);
            of_templates.push(match task {
                Task::Choose => self.choose(texts, question, &options, &mut meter)?,
                Task::Decide => self.decide(texts, question, &options, &mut meter)?,
                Task::Name | Task::List => self.generate(texts, question, task, &options, &mut meter)?,
            });
        }
        Ok(Answer::new(question, of_templates))
    }

    fn remarks(&self) -> Vec<String> {
        let plain = self.plain_because.as_ref();
        let plain = plain.map(|reason| {
            format!("prompts are plain text, not turns of a conversation: the model's template was not used ({reason})")
        });
        let counted = |n: usize, what: &str| (n > 0).then(|| format!("{n} {what}"));
        let counts = [
            counted(
                self.counts.n_refused,
                "answers named none of the labels; all scores of those texts are 0",
            ),
            counted(
                self.counts.n_cut,
                "prompts had no room for the whole text, which lost its end",
            ),
            counted(self.counts.n_with_fewer_shots, "prompts had no room for all examples"),
        ];
        plain.into_iter().chain(counts.into_iter().flatten()).collect()
    }
}
