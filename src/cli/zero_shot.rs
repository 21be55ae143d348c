//! `handful zero-shot`: scores against label names, without any training.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, ensure};
use clap::{Args, ValueEnum};
use serde_json::json;

use super::classify::shortened;
use super::endpoint::EndpointOptions;
use super::zero_shot_language_model::LanguageModelOptions;
use super::{Output, progress};
use crate::app::App;
use crate::core::Words;
use crate::core::text::in_line;
use crate::jobs::models::{DEFAULT_ENCODER, encoder_dir, load_encoder};
use crate::model::Input;
use crate::model::zero_shot::entailment::Pooling;
use crate::model::zero_shot::{
    self, Answer, Engine, Entailment, LongTexts, Pile, Progress, Question, Similarity, endpoint, entailment,
    language_model,
};

#[derive(Debug, Args)]
pub struct ZeroShot {
    /// A project, whose texts and labels are used
    #[arg(required_unless_present = "text")]
    project: Option<PathBuf>,
    /// One text instead of a project; may be given several times
    #[arg(long, conflicts_with = "project")]
    text: Vec<String>,
    /// Label names, separated by commas
    #[arg(long, value_delimiter = ',', required_unless_present = "project")]
    labels: Vec<String>,
    /// What scores the labels
    #[arg(long, value_enum, default_value_t = EngineName::Similarity)]
    engine: EngineName,
    /// A model's name or a folder: for similarity any encoder, all-MiniLM-L6-v2 where none is named; for entailment a classifier trained on
    /// natural language inference; for a language model a GGUF file; for an endpoint the name its server knows the model by
    #[arg(long, alias = "encoder")]
    model: Option<String>,
    /// The sentence a label name is put into, with {} in its place; may be given several times, and the scores are averaged. Where none is
    /// given, "This text is about {}." for similarity, "This example is {}." for entailment, the label as it is for an endpoint
    #[arg(long)]
    template: Vec<String>,
    /// A text may have several labels: scores do not add up to 1
    #[arg(long)]
    multi: bool,
    /// Entailment: read texts that are too long for the model in runs of whole sentences and take the best or the mean of their scores;
    /// otherwise such texts lose their end
    #[arg(long, value_enum, value_name = "POOLING")]
    split_sentences: Option<PoolingName>,
    /// Similarity: let what labels mean move towards the texts that lie nearest to them
    #[arg(long, value_enum, value_name = "WHEN")]
    pile: Option<PileName>,
    #[command(flatten)]
    language_model: LanguageModelOptions,
    endpoint: EndpointOptions,
}

/// Whether similarity reads the texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum PileName {
    /// Where there are 200 texts or more
    Auto,
    /// However few there are
    On,
    /// Only names and sentences count
    Off,
}

impl From<PileName> for Pile {
    fn from(name: PileName) -> Pile {
        match name {
            PileName::Auto => Pile::Auto,
            PileName::On => Pile::On,
            PileName::Off => Pile::Off,
        }
    }
}

/// The engines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum EngineName {
    /// How close a text and each label's sentence lie: any encoder, fast
    Similarity,
    /// How far each label's sentence follows from a text: one pass of a large model for every text and label
    Entailment,
    /// What a language model on this machine says: a GGUF file, one pass for every text
    LanguageModel,
    /// What a model answers behind an OpenAI-compatible interface (Ollama, llama.cpp, vLLM): one request for every text, with --multi one
    /// for every text and label
    Endpoint,
}

/// How the scores of the parts of a text become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum PoolingName {
    /// The best of each label
    Max,
    /// The mean
    Mean,
}

/// A text with the id it is shown by.
type Named = (String, Words);

impl ZeroShot {
    pub fn run(self, app: &mut App, output: &Output) -> anyhow::Result<()> {
        let (texts, labels, multi) = self.inputs(app, output)?;
        ensure!(!labels.is_empty(), "there are no labels: name some with --labels a,b");
        ensure!(
            self.split_sentences.is_none() || self.engine == EngineName::Entailment,
            "--split-sentences belongs to --engine entailment"
        );
        ensure!(
            self.pile.is_none() || self.engine == EngineName::Similarity,
            "--pile belongs to --engine similarity"
        );
        ensure!(
            !self.language_model.is_any_given() || self.engine == EngineName::LanguageModel,
            "--mode, --rotations, --shots, --nearest and --context belong to --engine language-model"
        );
        ensure!(
            !self.endpoint.is_any_given() || self.engine == EngineName::Endpoint,
            "--address, --allow-remote, --key-env, --key-command, --at-once, --per-minute, --timeout, --answer-tokens and --prices belong to --engine endpoint"
        );
        // Before a model is loaded, which may take long.
        let question = match self.engine {
            EngineName::LanguageModel => {
                let described = self.language_model.labels(app, &labels, self.project.is_some())?;
                Question::new(described, self.templates(), multi)?
            }
            _ => Question::about(&labels, self.templates(), multi)?,
        };
        let mut engine = self.open(app, output, &labels, &texts)?;
        let inputs: Vec<Input<'_>> = texts.iter().map(|(_, words)| words.into()).collect();
        let bar = progress::bar(output, inputs.len(), "scoring");
        let began = Instant::now();
        let answer = engine.score(&inputs, &question, &mut |progress| {
            bar.set_position((progress.fraction() * progress.n_texts as f64) as u64);
            bar.set_message(rate(progress));
            ControlFlow::Continue(())
        })?;
        bar.finish_and_clear();
        let secs = began.elapsed().as_secs_f64();
        let texts_per_sec = texts.len() as f64 / secs.max(1e-9);
        let of_text = |(at, (id, _)): (usize, &Named)| json!({ "id": id, "scores": named(&labels, answer.scores.get(at)), "by_template": by_template(&labels, &answer, at) });
        let rows: Vec<_> = texts.iter().enumerate().map(of_text).collect();
        let mut text = table(&texts, &labels, &answer);
        let _ = writeln!(
            text,
            "{} texts, {} with {}, {secs:.1} s, {texts_per_sec:.1} texts/s",
            texts.len(),
            engine.name(),
            engine.model()
        );
        for remark in engine.remarks() {
            let _ = writeln!(text, "Note: {remark}");
        }
        output.result(
            &json!({
                "engine": engine.name(), "model": engine.model(), "templates": question.templates(), "multi": multi, "secs": secs,
                "remarks": engine.remarks(), "usage": engine.usage(), "texts_per_sec": texts_per_sec, "texts": rows,
            }),
            &text,
        )
    }

    /// The templates given, else the engine's own.
    fn templates(&self) -> Vec<String> {
        if !self.template.is_empty() {
            return self.template.clone();
        }
        let own = match self.engine {
            EngineName::Similarity => zero_shot::DEFAULT_TEMPLATE,
            EngineName::Entailment => entailment::DEFAULT_TEMPLATE,
            EngineName::LanguageModel => language_model::DEFAULT_TEMPLATE,
            EngineName::Endpoint => endpoint::DEFAULT_TEMPLATE,
        };
        vec![own.to_owned()]
    }

    fn open(&self, app: &App, output: &Output, labels: &[String], texts: &[Named]) -> anyhow::Result<Box<dyn Engine>> {
        match self.engine {
            EngineName::LanguageModel => {
                let words: Vec<&Words> = texts.iter().map(|(_, words)| words).collect();
                self.language_model.open(app, self.model.as_deref(), labels, &words)
            }
            EngineName::Endpoint => Ok(Box::new(self.endpoint.open(self.model.as_deref(), output)?)),
            EngineName::Similarity => {
                let model = self.model.as_deref().unwrap_or(DEFAULT_ENCODER);
                let encoder = load_encoder(&app.catalog, model, app.compute())?;
                let pile = self.pile.map_or(Pile::Auto, Pile::from);
                Ok(Box::new(Similarity::new(encoder).with_pile(pile)))
            }
            EngineName::Entailment => {
                let model = self.model.as_deref().with_context(|| {
                    let names: Vec<&str> = app.catalog.unpinned().iter().map(|model| model.name).collect();
                    format!(
                        "entailment needs --model: the folder of a classifier trained on natural language inference, or one of {}, which `handful models get` fetches",
                        names.join(", ")
                    )
                })?;
                let long_texts = match self.split_sentences {
                    None => LongTexts::Cut,
                    Some(PoolingName::Max) => LongTexts::Split(Pooling::Max),
                    Some(PoolingName::Mean) => LongTexts::Split(Pooling::Mean),
                };
                let dir = encoder_dir(&app.catalog, model)?;
                let engine = Entailment::load(&dir, model, app.compute())?;
                Ok(Box::new(engine.with_long_texts(long_texts)))
            }
        }
    }

    /// Texts with an id, label names, and whether a text may have several.
    fn inputs(&self, app: &mut App, output: &Output) -> anyhow::Result<(Vec<Named>, Vec<String>, bool)> {
        let Some(path) = &self.project else {
            let texts = self
                .text
                .iter()
                .enumerate()
                .map(|(at, text)| {
                    let (body, second) = (text.as_str().into(), None);
                    ((at + 1).to_string(), Words { body, second })
                })
                .collect();
            return Ok((texts, self.labels.clone(), self.multi));
        };
        super::project::open(app, output, path)?;
        let project = app.project()?;
        let labels = if self.labels.is_empty() {
            project
                .state
                .labels
                .in_order()
                .into_iter()
                .map(|(_, label)| label.name.clone())
                .collect()
        } else {
            self.labels.clone()
        };
        let texts = project
            .state
            .texts()
            .map(|text| {
                (
                    text.external_id.clone().unwrap_or_else(|| format!("#{}", text.id)),
                    text.words(),
                )
            })
            .collect();
        Ok((texts, labels, self.multi || project.is_multi()))
    }
}

fn rate(progress: Progress) -> String {
    match (progress.texts_per_sec(), progress.secs_left()) {
        (Some(rate), Some(left)) => format!("scoring · {rate:.1} texts/s · {left:.0} s left"),
        _ => "scoring".to_owned(),
    }
}

fn named<'a>(labels: &'a [String], row: Option<&Vec<f32>>) -> BTreeMap<&'a str, f32> {
    let names = labels.iter().map(String::as_str);
    names.zip(row.into_iter().flatten().copied()).collect()
}

/// The scores of one text in the words of each template; empty where there is only one.
fn by_template<'a>(labels: &'a [String], answer: &Answer, text: usize) -> Vec<BTreeMap<&'a str, f32>> {
    let of_template = |rows: &Vec<Vec<f32>>| named(labels, rows.get(text));
    answer.by_template.iter().map(of_template).collect()
}

/// A line a text with its three best labels.
fn table(texts: &[Named], labels: &[String], answer: &Answer) -> String {
    let mut table = String::new();
    for ((id, words), row) in texts.iter().zip(&answer.scores) {
        // Equal scores stay in the order of the labels, and a label that is there twice is shown once.
        let first = |at: &usize| labels.iter().position(|label| *label == labels[*at]) == Some(*at);
        let mut ranked: Vec<(&str, f32)> = (0..labels.len().min(row.len()))
            .filter(first)
            .map(|at| (labels[at].as_str(), row[at]))
            .collect();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
        let best: Vec<String> = ranked
            .iter()
            .take(3)
            .map(|(name, score)| format!("{name} {score:.2}"))
            .collect();
        let text = shortened(&in_line(&words.body, words.second.as_deref()), 58);
        let _ = writeln!(table, "{id:<14} {text:<60} {}", best.join("  "));
    }
    table
}
