//! `handful demo`: the whole journey on a sample, without a window.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use serde_json::json;

use super::{Output, evaluate, progress, runs, thresholds};
use crate::app::{App, Command, sample::Sample};
use crate::core::{ScoreKind, TaskKind};
use crate::jobs::TuneRequest;

fn sample_name(name: &str) -> Result<Sample, String> {
    Sample::from_name(name).ok_or_else(|| "one of: tickets, products".to_owned())
}

#[derive(Debug, Args)]
pub struct Demo {
    /// Folder for project, model and pictures; a new one in the user's data folder otherwise
    #[arg(long)]
    out: Option<PathBuf>,
    /// Open the window on the sample project instead
    #[arg(long)]
    open: bool,
    /// Which sample: tickets (several labels a text) or products (a path in a tree of three levels)
    #[arg(long, value_parser = sample_name, default_value = "tickets")]
    sample: Sample,
    /// Seed of every random choice
    #[arg(long, default_value_t = 42)]
    seed: u64,
}

impl Demo {
    pub fn run(self, app: &mut App, output: &Output) -> anyhow::Result<()> {
        if self.open {
            progress::execute(
                app,
                output,
                Command::OpenSample {
                    folder: data_folder()?.join("sample"),
                    sample: self.sample,
                },
            )?;
            let path = app.project()?.store.path().to_path_buf();
            app.execute(Command::Close)?;
            let asked = super::Asked {
                device: Some(app.device),
                precision: Some(app.precision),
            };
            return super::open_window(Some(path), asked);
        }
        let folder = match &self.out {
            Some(folder) => folder.clone(),
            None => data_folder()?.join(format!("demo-{}", jiff::Zoned::now().strftime("%Y-%m-%d-%H%M%S"))),
        };
        let summary = journey(app, output, &folder, self.sample, self.seed)?;
        output.result(&summary, "")
    }
}

fn journey(
    app: &mut App,
    output: &Output,
    folder: &std::path::Path,
    sample: Sample,
    seed: u64,
) -> anyhow::Result<serde_json::Value> {
    app.suggests = true;
    progress::execute(
        app,
        output,
        Command::OpenSample {
            folder: folder.to_path_buf(),
            sample,
        },
    )?;
    let state = &app.project()?.state;
    output.remark(&format!(
        "Imported {}: {} texts, {} labelled.",
        sample.source(),
        state.n_texts(),
        state.n_annotated()
    ));

    let run = match app.project()?.state.runs.last() {
        Some(run) if run.metrics.contains_key("macro_f1") => run.clone(),
        _ => runs::train(app, output, "setfit".to_owned(), None, seed, Vec::new(), None)?,
    };
    output.remark(&format!(
        "Trained {} on {} texts in {:.1} s.",
        run.name, run.n_train, run.train_secs
    ));

    // With one label a text, thresholds only decide when to answer nothing.
    let tuned = match run.task {
        TaskKind::MultiLabel => Some(thresholds::tune(app, output, run.id, TuneRequest::default())?),
        TaskKind::SingleLabel => None,
    };
    if let Some(tuned) = &tuned {
        output.remark(&format!("\n{}", tuned.text));
    }
    let evaluation = evaluate::evaluate(app, output, run.id, ScoreKind::Test)?;
    output.remark(&format!("\n{}", evaluation.text()));

    let model = folder.join(format!("model-{}", jiff::Zoned::now().strftime("%H%M%S")));
    let (exported, text) = runs::export(app, output, run.id, model)?;
    output.remark(&format!("Exported {text}"));
    let pictures = pictures(app, output, folder)?;
    Ok(json!({
        "project": app.project()?.store.path(),
        "run": run.name,
        "train_secs": run.train_secs,
        "tuned": tuned.map(|tuned| tuned.json),
        "report": evaluation.report,
        "export": exported,
        "pictures": pictures,
    }))
}

#[cfg(feature = "gui")]
fn pictures(app: &mut App, output: &Output, folder: &std::path::Path) -> anyhow::Result<Option<PathBuf>> {
    let folder = folder.join("pictures");
    let drawn = crate::ui::pictures(app, &folder, [1280, 800])?;
    output.remark(&format!(
        "Drew {} pictures of the app's screens: {}",
        drawn.len(),
        folder.display()
    ));
    Ok(Some(folder))
}

#[cfg(not(feature = "gui"))]
fn pictures(_: &mut App, output: &Output, _: &std::path::Path) -> anyhow::Result<Option<PathBuf>> {
    output.remark("This build has no window, so there are no pictures of it.");
    Ok(None)
}

fn data_folder() -> anyhow::Result<PathBuf> {
    let folder = std::env::var_os("HANDFUL_DATA").map(PathBuf::from);
    folder
        .or_else(|| directories::ProjectDirs::from("", "", "handful").map(|dirs| dirs.data_local_dir().to_path_buf()))
        .context("the system names no folder for a program's data; give one with --out")
}
