//! What `handful zero-shot --engine language-model` takes besides: how labels are asked for, and which examples are shown.

use anyhow::ensure;
use clap::{Args, ValueEnum};

use crate::model::zero_shot::LabelText;
use crate::model::zero_shot::language_model::{DEFAULT_CONTEXT, Mode, Settings};

/// Options of this engine; none of them is given for another.
#[derive(Debug, Args)]
pub struct LanguageModelOptions {
    /// Language model: how it answers; letters where nothing is said
    #[arg(long, value_enum)]
    mode: Option<ModeName>,
    /// Language model: show the options in so many orders and average the scores, since models prefer some places
    #[arg(long, value_name = "R")]
    rotations: Option<usize>,
    /// Language model: show so many labelled texts of each label before every text
    #[arg(long, value_name = "K")]
    shots: Option<usize>,
    /// Language model: show the K labelled texts that are nearest to each text, found with all-MiniLM-L6-v2
    #[arg(long, value_name = "K")]
    nearest: Option<usize>,
    /// Language model: the most tokens of a prompt, 4096 where nothing is said; never more than the model reads
    #[arg(long, value_name = "TOKENS")]
    context: Option<usize>,
}

/// How a language model answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ModeName {
    /// The probability of each option's letter, or of yes against no: nothing is written
    Letters,
    /// It writes the name of a label; what is none of them counts for nothing
    Generate,
}

impl LanguageModelOptions {
    /// Whether any is given.
    pub fn is_any_given(&self) -> bool {
        self.mode.is_some()
            || [self.rotations, self.shots, self.nearest, self.context]
                .iter()
                .any(Option::is_some)
    }

    /// As the engine is opened with.
    pub fn settings(&self) -> Settings {
        Settings {
            mode: match self.mode {
                None | Some(ModeName::Letters) => Mode::Letters,
                Some(ModeName::Generate) => Mode::Generate,
            },
            rotations: self.rotations.unwrap_or(1),
            shots: self.shots.unwrap_or_default(),
            nearest: self.nearest.unwrap_or_default(),
            context: self.context.unwrap_or(DEFAULT_CONTEXT),
        }
    }

    /// Refuses examples that are not there.
    pub fn check(&self, labels: &[LabelText], has_project: bool) -> anyhow::Result<()> {
        let settings = self.settings();
        if settings.shots == 0 && settings.nearest == 0 {
            return Ok(());
        }
        ensure!(
            has_project,
            "--shots and --nearest need a project, whose labelled texts they show"
        );
        ensure!(
            labels.iter().any(|label| !label.examples.is_empty()),
            "--shots and --nearest show labelled texts, and no text of these labels is labelled yet; label some, or leave them out"
        );
        Ok(())
    }
}
