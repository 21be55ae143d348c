//! The command line: verbs over `app`, progress bars over the same events the window draws.
//!
//! Not here: logic of its own. A verb reads arguments, issues a command, waits, prints.

mod advice;
mod bench;
mod branch_table;
mod check_device;
mod classify;
mod compare;
mod confusion_table;
mod demo;
mod doctor;
mod endpoint;
mod evaluate;
mod explain;
mod interrupt;
mod labels;
mod models;
mod output;
mod progress;
mod project;
mod queue;
mod run_list;
mod runs;
mod search;
mod table;
mod thresholds;
mod zero_shot;
mod zero_shot_asked;
mod zero_shot_language_model;
mod zero_shot_table;
mod zero_shot_wordings;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use output::Output;

use crate::app::{App, Settings};
use crate::model::{DeviceChoice, Precision};

const ABOUT: &str = "Label a handful of texts, train a classifier, tune it, export it. All on this machine.";

const EXAMPLES: &str = "\
Examples:
  handful                                          open the window
  handful new mail.handful --task single-label --labels spam,ham
  handful import mail.handful messages.csv         columns and encoding are found; --text-column and others override
  handful train mail.handful --method setfit
  handful search mail.handful --preset quick       several settings, the best in full
  handful evaluate mail.handful --split test
  handful export mail.handful --out mail-model
  handful predict mail-model new.csv --out predicted.jsonl

Exit codes: 0 done, 1 failed (the message says what was kept), 2 wrong usage.";

/// The arguments.
#[derive(Debug, Parser)]
#[command(name = "handful", version, about = ABOUT, after_help = EXAMPLES, max_term_width = 110)]
pub struct Arguments {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// One JSON object on standard output, for machines; no progress bars
    #[arg(long, global = true)]
    json: bool,
    /// Where to compute: auto (CUDA, else Metal, else the CPU), cpu, cuda, cuda:N or metal; otherwise as chosen in the window, auto at
    /// first. `handful doctor` lists the devices
    #[arg(long, global = true)]
    device: Option<DeviceChoice>,
    /// Products on the CPU: f32, exact, or bf16, rounded, where the processor has them (AVX512-BF16): about twice as fast on AMD's Zen 5,
    /// slower on some others, `handful bench --precision bf16` tells; otherwise as chosen in the window, f32 at first
    #[arg(long, global = true)]
    precision: Option<Precision>,
    /// A project to open in the window
    #[arg(value_parser = project_file)]
    project: Option<PathBuf>,
}

/// A mistyped verb is wrong usage, not a project that is missing.
fn project_file(written: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(written);
    if path.exists() || path.extension().is_some_and(|extension| extension == "handful") {
        Ok(path)
    } else {
        Err("neither a verb nor a project file; `handful --help` lists the verbs".to_owned())
    }
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make an empty project file
    New(project::New),
    /// Import texts from CSV, TSV, JSONL, JSON or TXT
    ///
    /// Columns, delimiter, header and encoding are found; options override. Rows with problems are listed by line and the rest is
    /// imported. The file is never changed, and importing it again adds nothing.
    Import(project::Import),
    /// Label one text
    Label(project::LabelText),
    /// Print the label tree, or add labels to it from a file
    ///
    /// A file holds indented lines, paths as `Home > Kitchen`, a table with the columns id, name and parent, nested JSON, or a labelling
    /// configuration of Label Studio. What is printed can be read back.
    Labels(labels::Labels),
    /// Which texts to label next, by the quick model's suggestions
    Queue(queue::Queue),
    /// Which method and options fit the labels there are, and why
    Advise(advice::Advise),
    /// Train a model on the labelled texts
    Train(runs::Train),
    /// Try settings by successive halving, and train the best in full
    ///
    /// Every trial is a run of the series; trials are scored on the validation split, else out of fold on the training texts, never on the
    /// test split, and keep no model. Stopping keeps the trials that are finished, and a trial that fails does not end the search.
    Search(search::Search),
    /// Train one method with different settings and put the figures side by side
    Compare(compare::Compare),
    /// The runs of a project, with the options that differ from the defaults
    Runs(run_list::Runs),
    /// Metrics of a run, and its score for every text
    Evaluate(evaluate::Evaluate),
    /// The words that moved the score of a text: an estimate, by leaving out one word at a time
    Explain(explain::Explain),
    /// Choose the decision threshold of each label, never on the test split
    ///
    /// Chosen on the validation split, else on out-of-fold scores. One undoable edit.
    Tune(thresholds::Tune),
    /// Show and set the decision thresholds of a run, each change one undoable edit
    Thresholds(thresholds::Thresholds),
    /// Score texts against label names, without any training
    ///
    /// By similarity with any encoder, by entailment with a classifier trained on natural language inference, by a language model in a GGUF
    /// file on this machine, or by a model behind an OpenAI-compatible endpoint (Ollama, llama.cpp, vLLM). Nothing leaves this machine without
    /// --allow-remote.
    ZeroShot(zero_shot::ZeroShot),
    /// Write a run's model to a folder, open it again and compare
    Export(runs::Export),
    /// Classify texts with an exported model
    Predict(classify::Predict),
    /// Embed texts and write the vectors as .npy
    Embed(classify::Embed),
    /// The encoders on this machine
    #[command(subcommand)]
    Models(models::Models),
    /// The whole journey on a sample project: import, train, tune, report, export, pictures
    Demo(demo::Demo),
    /// Versions, devices, caches, and what is missing
    Doctor(doctor::Doctor),
    /// How fast this machine trains and encodes
    Bench(bench::Bench),
}

/// Runs the program; the window where no verb is given.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let output = Output::new(arguments.json);
    let asked = Asked {
        device: arguments.device,
        precision: arguments.precision,
    };
    let result = match arguments.verb {
        Some(verb) => run(verb, asked, &output),
        None => open_window(arguments.project, asked),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output.error(&error);
            ExitCode::FAILURE
        }
    }
}

/// Where and how to compute, as far as this start says so.
#[derive(Clone, Copy)]
struct Asked {
    device: Option<DeviceChoice>,
    precision: Option<Precision>,
}

/// The app with its settings, computing as asked.
fn app(asked: Asked) -> anyhow::Result<App> {
    let mut app = App::new(Settings::load())?;
    app.device = asked.device.unwrap_or(app.device);
    app.precision = asked.precision.unwrap_or(app.precision);
    Ok(app)
}

fn run(verb: Verb, asked: Asked, output: &Output) -> anyhow::Result<()> {
    let mut app = app(asked)?;
    match verb {
        Verb::New(verb) => verb.run(&mut app, output),
        Verb::Import(verb) => verb.run(&mut app, output),
        Verb::Label(verb) => verb.run(&mut app, output),
        Verb::Labels(verb) => verb.run(&mut app, output),
        Verb::Queue(verb) => verb.run(&mut app, output),
        Verb::Advise(verb) => verb.run(&mut app, output),
        Verb::Train(verb) => verb.run(&mut app, output),
        Verb::Search(verb) => verb.run(&mut app, output),
        Verb::Compare(verb) => verb.run(&mut app, output),
        Verb::Runs(verb) => verb.run(&mut app, output),
        Verb::Evaluate(verb) => verb.run(&mut app, output),
        Verb::Explain(verb) => verb.run(&mut app, output),
        Verb::Tune(verb) => verb.run(&mut app, output),
        Verb::Thresholds(verb) => verb.run(&mut app, output),
        Verb::ZeroShot(verb) => verb.run(&mut app, output),
        Verb::Export(verb) => verb.run(&mut app, output),
        Verb::Predict(verb) => verb.run(&app, output),
        Verb::Embed(verb) => verb.run(&app, output),
        Verb::Models(verb) => verb.run(&mut app, output),
        Verb::Demo(verb) => verb.run(&mut app, output),
        Verb::Doctor(verb) => verb.run(&app, output),
        Verb::Bench(verb) => verb.run(&app, output),
    }
}

#[cfg(feature = "gui")]
fn open_window(project: Option<PathBuf>, asked: Asked) -> anyhow::Result<()> {
    let mut app = app(asked)?;
    if let Some(path) = project {
        app.execute(crate::app::Command::Open(path))?;
    }
    crate::ui::run(app)
}

#[cfg(not(feature = "gui"))]
fn open_window(_: Option<PathBuf>, _: Asked) -> anyhow::Result<()> {
    anyhow::bail!("this build has no window; `handful --help` lists what it can do in a terminal")
}
