//! What `handful zero-shot --engine language-model` takes besides: how labels are asked for, and which examples are shown.

use std::ops::ControlFlow;

use anyhow::{Context, ensure};
use clap::{Args, ValueEnum};

use crate::app::App;
use crate::core::Words;
use crate::jobs::models::{DEFAULT_ENCODER, load_encoder};
use crate::model::Input;
use crate::model::zero_shot::language_model::{DEFAULT_CONTEXT, Example, Mode, Nearest, Settings, nearest};
use crate::model::zero_shot::{Engine, LabelText, LocalLanguageModel};

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

    /// The labels, with what the project says about them and, where examples are wanted, its labelled texts.
    pub fn labels(&self, app: &App, names: &[String], has_project: bool) -> anyhow::Result<Vec<LabelText>> {
        let mut labels: Vec<LabelText> = names.iter().map(LabelText::named).collect();
        let wants_examples = self.shots.is_some_and(|k| k > 0) || self.nearest.is_some_and(|k| k > 0);
        ensure!(
            has_project || !wants_examples,
            "--shots and --nearest need a project, whose labelled texts they show"
        );
        if !has_project {
            return Ok(labels);
        }
        for (_, label) in app.project()?.state.labels.in_order() {
            let described = Some(label.description.trim()).filter(|words| !words.is_empty());
            for text in labels.iter_mut().filter(|text| text.name == label.name) {
                text.description = described.map(str::to_owned);
            }
        }
        if self.shots.is_some_and(|k| k > 0) {
            for example in examples(app, names)? {
                for at in example.labels {
                    labels[at].examples.push(example.text.clone());
                }
            }
            ensure!(
                labels.iter().any(|label| !label.examples.is_empty()),
                "--shots shows labelled texts, and no text of these labels is labelled yet; label some, or leave --shots out"
            );
        }
        Ok(labels)
    }

    /// The engine, ready for these texts.
    pub fn open(
        &self,
        app: &App,
        model: Option<&str>,
        names: &[String],
        texts: &[&Words],
    ) -> anyhow::Result<Box<dyn Engine>> {
        let model = model.with_context(|| {
            let names: Vec<&str> = app.catalog.language_models().iter().map(|model| model.name).collect();
            format!(
                "a language model needs --model: a GGUF file, a folder with one, or one of {}, which `handful models get` fetches",
                names.join(", ")
            )
        })?;
        let settings = Settings {
            mode: match self.mode {
                None | Some(ModeName::Letters) => Mode::Letters,
                Some(ModeName::Generate) => Mode::Generate,
            },
            rotations: self.rotations.unwrap_or(1),
            shots: self.shots.unwrap_or_default(),
            context: self.context.unwrap_or(DEFAULT_CONTEXT),
        };
        let path = app.catalog.path(model)?;
        let engine = LocalLanguageModel::load(&path, model, app.compute(), settings)?;
        Ok(match self.nearest.filter(|k| *k > 0) {
            None => Box::new(engine),
            Some(k) => Box::new(engine.with_nearest(ranked(app, names, texts, k)?)),
        })
    }
}

/// The project's labelled texts that may be shown, with the places of their labels among `names`.
fn examples(app: &App, names: &[String]) -> anyhow::Result<Vec<Example>> {
    let state = &app.project()?.state;
    let labels = state.labels.in_order();
    let place = |id| {
        let (_, label) = labels.iter().find(|(_, label)| label.id == id)?;
        names.iter().position(|name| *name == label.name)
    };
    let texts = state.texts().filter(|text| text.trains());
    let examples = texts.filter_map(|text| {
        let annotation = text.annotation.as_ref()?;
        Some(Example {
            text: text.body.to_string(),
            labels: annotation.labels.iter().filter_map(|id| place(*id)).collect(),
        })
    });
    Ok(examples.collect())
}

/// The nearest examples of each text; one more than asked for, since a text's own copy is never shown.
fn ranked(app: &App, names: &[String], texts: &[&Words], k: usize) -> anyhow::Result<Nearest> {
    let pool = examples(app, names)?;
    ensure!(
        !pool.is_empty(),
        "--nearest shows labelled texts, and none is labelled yet; label some, or leave --nearest out"
    );
    let encoder = load_encoder(&app.catalog, DEFAULT_ENCODER, app.compute())?;
    let embed = |texts: &[Input<'_>]| encoder.embed(texts, &mut |_| ControlFlow::Continue(()));
    let shown: Vec<Input<'_>> = pool.iter().map(|example| Input::from(&example.text)).collect();
    let asked: Vec<Input<'_>> = texts.iter().map(|words| Input::from(*words)).collect();
    let mut ranks = nearest(&embed(&asked)?, &embed(&shown)?, k + 1)?;
    for (ranks, words) in ranks.iter_mut().zip(texts) {
        ranks.retain(|at| {
            pool.get(*at)
                .is_some_and(|example| example.text.trim() != words.body.trim())
        });
        ranks.truncate(k);
    }
    Ok(Nearest { pool, ranks })
}
