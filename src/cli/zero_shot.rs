//! `handful zero-shot`: scores against label names, without any training.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, ensure};
use clap::{Args, ValueEnum};
use serde_json::json;

use super::classify::shortened;
use super::runs::{run_figures, run_text};
use super::zero_shot_wordings::compare;
use super::{Output, interrupt, progress};
use crate::app::zero_shot::Because;
use crate::app::{App, Command};
use crate::core::text::in_line;
use crate::core::{LabelId, Split, Text, Words};
use crate::jobs::snapshot::Snapshot;
use crate::jobs::zero_shot_engine::Beside;
use crate::jobs::zero_shot_run::{Scoring, labels_asked};
use crate::jobs::{EngineKind, EngineSpec, ZeroShotRunRequest};
use crate::model::Input;
use crate::model::zero_shot::entailment::Pooling;
use crate::model::zero_shot::{Answer, LabelText, Language, LongTexts, Pile, Progress, Question};
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
    /// classifier trained on natural language inference
    #[arg(long, alias = "encoder")]
    model: Option<String>,
    /// The sentence a label name is put into, with {} in its place; may be given several times, and the scores are averaged. Where none is
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

/// What is asked about, and what is known of it.
#[derive(Default)]
pub struct Asked {
    pub texts: Vec<Named>,
    pub labels: Vec<LabelText>,
    pub multi: bool,
    /// Rows of texts that train or validate, with the columns of their labels.
    pub known: Vec<(usize, Vec<usize>)>,
    /// Of these, the texts that train and have one label.
    pub truth: Vec<(usize, usize)>,
    /// Unlabelled texts.
    pub pile: Vec<Arc<str>>,
}

impl ZeroShot {
    pub fn run(mut self, app: &mut App, output: &Output) -> anyhow::Result<()> {
        let asked = self.asked(app, output)?;
        ensure!(
            !asked.labels.is_empty(),
            "there are no labels: name some with --labels a,b"
        );
        let spec = self.spec()?;
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
        if self.save {
            return self.save(app, output, spec, &asked);
        }
        // Before a model is loaded, which may take long.
        let question = self.question(&asked, self.template.clone())?;
        let beside = Beside {
            pile: &asked.pile,
            truth: &asked.truth,
        };
        let mut engine = spec.open(&app.catalog, app.compute(), beside)?;
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
        let labels: Vec<String> = asked.labels.iter().map(|label| label.name.clone()).collect();
        let of_text = |(at, (id, _)): (usize, &Named)| json!({ "id": id, "scores": named(&labels, answer.scores.get(at)), "by_template": by_template(&labels, &answer, at) });
        let rows: Vec<_> = asked.texts.iter().enumerate().map(of_text).collect();
        let mut text = table(&asked.texts, &labels, &answer);
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
        output.result(
            &json!({
                "engine": name, "model": model, "templates": question.templates(), "templates_because": words,
                "multi": asked.multi, "secs": secs, "texts_per_sec": texts_per_sec, "texts": rows,
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

    fn save(self, app: &mut App, output: &Output, engine: EngineSpec, asked: &Asked) -> anyhow::Result<()> {
        ensure!(
            asked.multi == app.project()?.is_multi(),
            "the project says that a text has one label, so its run cannot have several: leave --multi out"
        );
        let request = ZeroShotRunRequest {
            engine,
            templates: self.template,
            descriptions: self.descriptions,
        };
        interrupt::stop_on_first(app)?;
        progress::execute(app, output, Command::ZeroShotRun(request.clone()))?;
        let scoring = Scoring::new(&app.project()?.state, &app.catalog, &request)?;
        let run = scoring.known().context("the scoring has ended without a run")?;
        let mut value = run_figures(run);
        value["message"] = json!(run.message);
        output.result(&value, &run_text(run))
    }

    /// The engine with its options.
    fn spec(&self) -> anyhow::Result<EngineSpec> {
        ensure!(
            self.split_sentences.is_none() || self.engine == EngineName::Entailment,
            "--split-sentences belongs to --engine entailment"
        );
        ensure!(
            self.pile.is_none() || self.engine != EngineName::Entailment,
            "--pile belongs to --engine similarity and --engine templated-setfit"
        );
        ensure!(
            self.copies.is_none() || self.engine == EngineName::TemplatedSetFit,
            "--copies belongs to --engine templated-setfit"
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
        };
        let model = self.model.clone();
        Ok(EngineSpec { model, kind })
    }

    /// Texts with an id and labels, and what the project knows of them.
    fn asked(&self, app: &mut App, output: &Output) -> anyhow::Result<Asked> {
        let Some(path) = &self.project else {
            let text = |(at, text): (usize, &String)| {
                let (body, second) = (text.as_str().into(), None);
                ((at + 1).to_string(), Words { body, second })
            };
            return Ok(Asked {
                texts: self.text.iter().enumerate().map(text).collect(),
                labels: self.labels.iter().map(LabelText::named).collect(),
                multi: self.multi,
                ..Asked::default()
            });
        };
        super::project::open(app, output, path)?;
        let project = app.project()?;
        let of_project = labels_asked(&project.state, self.descriptions);
        let (ids, labels): (Vec<Option<LabelId>>, Vec<LabelText>) = match self.labels.is_empty() {
            true => of_project.into_iter().map(|(id, label)| (Some(id), label)).unzip(),
            false => self.labels.iter().map(|name| given(name, &of_project)).unzip(),
        };
        let columns = |text: &Text| -> Option<Vec<usize>> {
            let annotation = text.annotation.as_ref()?;
            let column = |id: &LabelId| ids.iter().position(|known| *known == Some(*id));
            Some(annotation.labels.iter().filter_map(column).collect())
        };
        let (mut known, mut truth) = (Vec::new(), Vec::new());
        for (row, text) in project.state.texts().enumerate() {
            let Some(columns) = columns(text).filter(|_| text.split != Some(Split::Test)) else {
                continue;
            };
            if let (true, [label]) = (text.trains(), columns.as_slice()) {
                truth.push((row, *label));
            }
            if project.is_multi() || !columns.is_empty() {
                known.push((row, columns));
            }
        }
        let named = |text: &Text| {
            (
                text.external_id.clone().unwrap_or_else(|| format!("#{}", text.id)),
                text.words(),
            )
        };
        Ok(Asked {
            texts: project.state.texts().map(named).collect(),
            labels,
            multi: self.multi || project.is_multi(),
            known,
            truth,
            pile: Snapshot::take(&project.state).pile,
        })
    }
}

/// A label named on the command line, as the project's where it has one of that name.
fn given(name: &str, of_project: &[(LabelId, LabelText)]) -> (Option<LabelId>, LabelText) {
    match of_project.iter().find(|(_, label)| label.name.trim() == name.trim()) {
        Some((id, label)) => (Some(*id), label.clone()),
        None => (None, LabelText::named(name)),
    }
}

pub fn rate(progress: Progress) -> String {
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
