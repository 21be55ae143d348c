//! `handful zero-shot`: scores against label names, without any training.

use std::fmt::Write;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, ensure};
use clap::{Args, ValueEnum};
use serde_json::json;

use super::endpoint::EndpointOptions;
use super::runs::{run_figures, run_text};
use super::zero_shot_asked::{Asked, AskedFrom, Named};
use super::zero_shot_language_model::LanguageModelOptions;
use super::zero_shot_table::{by_template, named, table};
use super::zero_shot_wordings::compare;
use super::{Output, interrupt, progress};
use crate::app::zero_shot::Because;
use crate::app::{App, Command};
use crate::jobs::zero_shot_engine::Beside;
use crate::jobs::zero_shot_run::Scoring;
use crate::jobs::{EngineKind, EngineSpec, ZeroShotRunRequest};
use crate::model::Input;
use crate::model::zero_shot::endpoint::Key;
use crate::model::zero_shot::entailment::Pooling;
use crate::model::zero_shot::{DEFAULT_BEAM, Descent, Language, LongTexts, Pile, Progress, Question};
use crate::train::templated::DEFAULT_COPIES;

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
    /// A model's name or a folder: for similarity and templated-setfit any encoder, all-MiniLM-L6-v2 where none is named; for entailment a
    /// classifier trained on natural language inference; for a language model a GGUF file; for an endpoint the name its server knows it by
    #[arg(long, alias = "encoder")]
    model: Option<String>,
    /// The sentence a label name is put into, with {} in its place, or {path} for the name with those above it in a tree ("Home, Kitchen, Knives"); may be given several times, and the scores are averaged. Where none is
    /// given, those kept for the project, else as "This text is about {}." for similarity and "This example is {}." for entailment, in the
    /// language of the texts
    #[arg(long)]
    template: Vec<String>,
    /// Keep the templates given for this project; without any, forget those kept
    #[arg(long, requires = "project")]
    keep_templates: bool,
    /// Score the texts in the words of each template and rank the templates: by macro-F1 over labelled texts (test texts aside), or by
    /// confidence where none is labelled. Without --template, sentences in the language of the texts
    #[arg(long, conflicts_with = "save")]
    compare_templates: bool,
    /// Ask with each label's description, where the project has one, in place of its name
    #[arg(long, requires = "project")]
    descriptions: bool,
    /// Score every labelled text of the project and keep that as a run, for `handful evaluate`, `handful thresholds` and the rest; the same
    /// engine with the same options goes on with the same run
    #[arg(long, requires = "project", conflicts_with = "labels")]
    save: bool,
    /// A text may have several labels: scores do not add up to 1
    #[arg(long)]
    multi: bool,
    /// Entailment: read texts that are too long for the model in runs of whole sentences and take the best or the mean of their scores;
    /// otherwise such texts lose their end
    #[arg(long, value_enum, value_name = "POOLING")]
    split_sentences: Option<PoolingName>,
    /// Similarity: let what labels mean move towards the texts that lie nearest to them; auto where nothing is said. Templated SetFit:
    /// also learn from unlabelled texts; off where nothing is said
    #[arg(long, value_enum, value_name = "WHEN")]
    pile: Option<PileName>,
    /// Templated SetFit: sentences about each label to learn from, 8 where nothing is said
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    copies: Option<u16>,
    /// Labels that form a tree: ask at each of its nodes about what stands below, or about all whole answers at once. Where nothing is said,
    /// flat for similarity and templated-setfit, top-down for the others
    #[arg(long, value_enum, value_name = "WAY")]
    tree: Option<TreeName>,
    /// Top-down: nodes of a level whose children are asked about for each text, 3 where nothing is said; what stands below others gets an
    /// even share of their scores
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    beam: Option<u16>,
    #[command(flatten)]
    language_model: LanguageModelOptions,
    #[command(flatten)]
    endpoint: EndpointOptions,
}

/// Whether the texts are read beside the labels.
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

/// How labels that form a tree are asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum TreeName {
    /// A question at every node, about its children
    TopDown,
    /// One question about every label that can be a whole answer
    Flat,
}

/// The engines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum EngineName {
    /// How close a text and each label's sentence lie: any encoder, fast
    Similarity,
    /// An encoder tuned for seconds on sentences about the labels
    #[value(name = "templated-setfit")]
    TemplatedSetFit,
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

impl ZeroShot {
    pub fn run(mut self, app: &mut App, output: &Output) -> anyhow::Result<()> {
        let spec = self.spec()?;
        let asked = Asked::read(
            app,
            output,
            &AskedFrom {
                project: self.project.as_deref(),
                text: &self.text,
                labels: &self.labels,
                multi: self.multi,
                descriptions: self.descriptions,
                engine: &spec.kind,
                descent: self.descent(&spec.kind),
            },
        )?;
        ensure!(
            !asked.labels.is_empty(),
            "there are no labels: name some with --labels a,b"
        );
        ensure!(
            asked.in_tree.is_some() || self.tree.is_none() && self.beam.is_none(),
            "--tree and --beam are for labels of a project that form a tree, and these stand side by side; leave them out"
        );
        self.language_model.check(&asked.labels, self.project.is_some())?;
        if self.keep_templates {
            // Before they are kept.
            self.question(
                &asked,
                if self.template.is_empty() {
                    vec!["{}".into()]
                } else {
                    self.template.clone()
                },
            )?;
            app.remember_templates(&self.template)?;
        }
        let remark = self.choose_templates(app, &spec);
        let key = match self.engine {
            EngineName::Endpoint => self.endpoint.key()?,
            _ => None,
        };
        if self.save {
            return self.save(app, output, (spec, key), &asked);
        }
        // Before a model is loaded, which may take long.
        let question = self.question(&asked, self.template.clone())?;
        let beside = Beside {
            pile: &asked.pile,
            truth: &asked.truth,
            in_tree: asked.in_tree.as_ref(),
            key: key.as_ref(),
        };
        let mut engine = spec.open(&app.catalog, app.compute(), beside)?;
        warn(output, &spec);
        if self.compare_templates {
            return compare(output, engine.as_mut(), &spec, &question, &asked);
        }
        let inputs: Vec<Input<'_>> = asked.texts.iter().map(|(_, words)| words.into()).collect();
        let bar = progress::bar(output, inputs.len(), "scoring");
        let began = Instant::now();
        let answer = engine.score(&inputs, &question, &mut |progress| {
            bar.set_position((progress.fraction() * progress.n_texts as f64) as u64);
            bar.set_message(rate(progress));
            ControlFlow::Continue(())
        })?;
        bar.finish_and_clear();
        let secs = began.elapsed().as_secs_f64();
        let texts_per_sec = inputs.len() as f64 / secs.max(1e-9);
        let labels = asked.label_names();
        let of_text = |(at, (id, _)): (usize, &Named)| json!({ "id": id, "scores": named(&labels, answer.scores.get(at)), "by_template": by_template(&labels, &answer, at) });
        let rows: Vec<_> = asked.texts.iter().enumerate().map(of_text).collect();
        let mut text = table(&asked, &labels, &answer);
        let (name, model) = (engine.name(), engine.model());
        let _ = writeln!(
            text,
            "{} texts, {name} with {model}, {secs:.1} s, {texts_per_sec:.1} texts/s",
            inputs.len()
        );
        let words = remark.map(Because::words);
        if let Some(words) = &words {
            let _ = writeln!(text, "Wording: {} ({words})", question.templates().join(" · "));
        }
        for remark in engine.remarks() {
            let _ = writeln!(text, "Note: {remark}");
        }
        output.result(
            &json!({
                "engine": name, "model": model, "templates": question.templates(), "templates_because": words,
                "multi": asked.multi, "tree": asked.in_tree.as_ref().map(|in_tree| in_tree.descent), "secs": secs, "remarks": engine.remarks(), "usage": engine.usage(), "texts_per_sec": texts_per_sec, "texts": rows,
            }),
            &text,
        )
    }

    /// Fills in the templates where none are given, and says why these.
    fn choose_templates(&mut self, app: &App, spec: &EngineSpec) -> Option<Because> {
        if !self.template.is_empty() {
            return None;
        }
        if self.compare_templates {
            let language = app.zero_shot_language().unwrap_or(Language::English);
            self.template = spec.kind.every_template(language);
            return None;
        }
        let chosen = app.zero_shot_templates(&spec.kind);
        self.template = chosen.sentences;
        Some(chosen.because).filter(|_| self.project.is_some())
    }

    fn question(&self, asked: &Asked, templates: Vec<String>) -> anyhow::Result<Question> {
        Ok(Question::new(asked.labels.clone(), templates, asked.multi)?)
    }

    fn save(
        self,
        app: &mut App,
        output: &Output,
        (engine, key): (EngineSpec, Option<Key>),
        asked: &Asked,
    ) -> anyhow::Result<()> {
        ensure!(
            asked.multi == app.project()?.is_multi(),
            "the project says that a text has one label, so its run cannot have several: leave --multi out"
        );
        warn(output, &engine);
        let descent = self.descent(&engine.kind);
        let request = ZeroShotRunRequest {
            engine,
            descent,
            key,
            templates: self.template,
            descriptions: self.descriptions,
        };
        interrupt::stop_on_first(
            app,
            "the scores so far are kept, and the same command goes on from there",
        )?;
        progress::execute(app, output, Command::ZeroShotRun(request.clone()))?;
        let scoring = Scoring::new(&app.project()?.state, &app.catalog, &request)?;
        let run = scoring.known().context("the scoring has ended without a run")?;
        let mut value = run_figures(run);
        value["message"] = json!(run.message);
        output.result(&value, &run_text(run))
    }

    /// How labels that form a tree are asked about.
    fn descent(&self, engine: &EngineKind) -> Descent {
        let beam = self.beam.map_or(DEFAULT_BEAM, usize::from);
        match self.tree {
            Some(TreeName::Flat) => Descent::Flat,
            None if self.beam.is_none() => engine.usual_descent(),
            _ => Descent::TopDown { beam },
        }
    }

    /// The engine with its options, the key of an endpoint aside.
    fn spec(&self) -> anyhow::Result<EngineSpec> {
        ensure!(
            self.beam.is_none() || self.tree != Some(TreeName::Flat),
            "--beam belongs to --tree top-down"
        );
        ensure!(
            self.split_sentences.is_none() || self.engine == EngineName::Entailment,
            "--split-sentences belongs to --engine entailment"
        );
        ensure!(
            self.pile.is_none() || matches!(self.engine, EngineName::Similarity | EngineName::TemplatedSetFit),
            "--pile belongs to --engine similarity and --engine templated-setfit"
        );
        ensure!(
            self.copies.is_none() || self.engine == EngineName::TemplatedSetFit,
            "--copies belongs to --engine templated-setfit"
        );
        ensure!(
            !self.language_model.is_any_given() || self.engine == EngineName::LanguageModel,
            "--mode, --rotations, --shots, --nearest and --context belong to --engine language-model"
        );
        ensure!(
            !self.endpoint.is_any_given() || self.engine == EngineName::Endpoint,
            "--address, --allow-remote, --key-env, --key-command, --at-once, --per-minute, --timeout, --answer-tokens, --reading and --prices belong to --engine endpoint"
        );
        let pile = |unsaid: Pile| self.pile.map_or(unsaid, Pile::from);
        let kind = match self.engine {
            EngineName::Similarity => EngineKind::Similarity { pile: pile(Pile::Auto) },
            EngineName::TemplatedSetFit => EngineKind::TemplatedSetFit {
                copies: self.copies.map_or(DEFAULT_COPIES, usize::from),
                pile: pile(Pile::Off),
            },
            EngineName::Entailment => EngineKind::Entailment {
                long_texts: match self.split_sentences {
                    None => LongTexts::Cut,
                    Some(PoolingName::Max) => LongTexts::Split(Pooling::Max),
                    Some(PoolingName::Mean) => LongTexts::Split(Pooling::Mean),
                },
            },
            EngineName::LanguageModel => EngineKind::LanguageModel(self.language_model.settings()),
            EngineName::Endpoint => EngineKind::Endpoint(self.endpoint.spec()?),
        };
        let model = self.model.clone();
        Ok(EngineSpec { model, kind })
    }
}

/// Says where texts go if that is another machine.
fn warn(output: &Output, spec: &EngineSpec) {
    if let Some(remark) = spec.leaves_machine() {
        output.warning(&remark);
    }
}

pub fn rate(progress: Progress) -> String {
    match (progress.texts_per_sec(), progress.secs_left()) {
        (Some(rate), Some(left)) => format!("scoring · {rate:.1} texts/s · {left:.0} s left"),
        _ => "scoring".to_owned(),
    }
}
