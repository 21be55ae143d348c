//! Verbs that need no project: predict, embed.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use candle_core::{Device, Tensor};
use clap::Args;
use serde_json::json;

use super::doctor::peak_memory_mb;
use super::project::second_column;
use super::{Output, progress};
use crate::app::App;
use crate::core::{NewText, TaskKind};
use crate::io::import::{self, Pick, ReadOptions};
use crate::jobs::export::persist;
use crate::jobs::models::{DEFAULT_ENCODER, load_encoder};
use crate::jobs::predict::{PredictedPath, Prediction, label_names, predict};
use crate::model::{Classifier, Input};

/// The most bytes read from standard input.
const MAX_STDIN: u64 = 1 << 30;

/// The start of a text on one line.
pub fn shortened(text: &str, n_chars: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= n_chars {
        line
    } else {
        line.chars().take(n_chars - 1).chain(['…']).collect()
    }
}

#[derive(Debug, Args)]
pub struct Predict {
    /// An exported model
    model: PathBuf,
    /// CSV, TSV, JSONL, JSON or TXT; `-` or nothing reads one text a line from standard input
    #[arg(default_value = "-")]
    file: PathBuf,
    /// Write JSON lines to this file instead of standard output
    #[arg(long)]
    out: Option<PathBuf>,
    /// Where labels form a tree: give the score of every label too, not only of those along the path
    #[arg(long)]
    all_scores: bool,
    #[command(flatten)]
    columns: TextColumns,
}

impl Predict {
    pub fn run(self, app: &App, output: &Output) -> anyhow::Result<()> {
        let classifier = Classifier::load(&self.model, app.compute())?;
        let columns = self.columns.for_model(&classifier, &self.file)?;
        let rows = read_texts(&self.file, columns, output)?;
        let inputs: Vec<Input<'_>> = rows.iter().map(Input::from).collect();
        let bar = progress::bar(output, inputs.len(), "classifying");
        let predictions = predict(&classifier, &inputs, &mut |done| {
            bar.set_position(done as u64);
            ControlFlow::Continue(())
        })?;
        bar.finish_and_clear();
        let names = label_names(&classifier);
        let lines = rows
            .iter()
            .zip(&predictions)
            .enumerate()
            .map(|(at, (row, prediction))| {
                let id = row.external_id.clone().unwrap_or_else(|| (at + 1).to_string());
                line(&classifier, &names, self.all_scores, id, prediction)
            });
        match &self.out {
            Some(file) => {
                write_lines(file, lines)?;
                output.result(
                    &json!({ "n_texts": rows.len(), "out": file }),
                    &format!("{} texts classified: {}", rows.len(), file.display()),
                )
            }
            None if output.is_json() => output.result(&lines.collect::<Vec<_>>(), ""),
            None => {
                let text: String = lines.map(|line| format!("{line}\n")).collect();
                output.result(&(), &text)
            }
        }
    }
}

/// What is written about one text: its labels with the score of each; in a tree its path, or its paths where a text may have several.
fn line(
    classifier: &Classifier,
    names: &[String],
    all_scores: bool,
    id: String,
    prediction: &Prediction,
) -> serde_json::Value {
    let scores = || -> BTreeMap<&str, f32> {
        let names = names.iter().map(String::as_str);
        names.zip(prediction.scores.iter().copied()).collect()
    };
    let Some(paths) = &prediction.paths else {
        return json!({ "id": id, "labels": prediction.labels, "scores": scores() });
    };
    let mut line = match classifier.task {
        TaskKind::MultiLabel => json!({ "id": id, "paths": paths }),
        TaskKind::SingleLabel => {
            let PredictedPath {
                path,
                scores,
                full_path,
            } = paths.first().cloned().unwrap_or_default();
            json!({ "id": id, "path": path, "scores": scores, "full_path": full_path })
        }
    };
    if all_scores {
        line["all_scores"] = json!(scores());
    }
    line
}

/// The columns of a file that verbs without a project read.
#[derive(Debug, Clone, Default, Args)]
pub struct TextColumns {
    /// Column with the text, or with the first text of a pair
    #[arg(long)]
    text_column: Option<String>,
    /// Column with the second text of a pair, such as a hypothesis; `none` where the texts stand alone. Usual names are found by themselves
    #[arg(long = "second", value_name = "COLUMN", value_parser = second_column)]
    second_column: Option<Pick>,
}

impl TextColumns {
    /// The columns a model can read: a file may have a second one that a model for single texts does not look at.
    fn for_model(&self, classifier: &Classifier, file: &Path) -> anyhow::Result<Self> {
        let mut columns = self.clone();
        if !classifier.pairs {
            ensure!(
                !matches!(columns.second_column, Some(Pick::Column(_))),
                "the model was trained on single texts and reads no second one; leave out --second"
            );
            columns.second_column = Some(Pick::Nothing);
            return Ok(columns);
        }
        ensure!(
            file != Path::new("-") && columns.second_column != Some(Pick::Nothing),
            "the model was trained on pairs of texts and cannot read a text that stands alone: give it a file with a column for each, such as premise and hypothesis"
        );
        if columns.second_column.is_none() {
            let mapping = import::preview(file, &columns.options())?.mapping;
            let second = mapping.second_column.with_context(|| {
                format!(
                    "the model was trained on pairs of texts, and no column looks like the second of them: name it with --second (the first is {}): {}",
                    mapping.text_column,
                    file.display()
                )
            })?;
            columns.second_column = Some(Pick::Column(second));
        }
        Ok(columns)
    }

    fn options(&self) -> ReadOptions {
        ReadOptions {
            text_column: self.text_column.clone(),
            second_column: self.second_column.clone().unwrap_or_default(),
            keep_empty: true,
            ..ReadOptions::default()
        }
    }
}

#[derive(Debug, Args)]
pub struct Embed {
    /// CSV, TSV, JSONL, JSON or TXT; `-` reads one text a line from standard input
    file: PathBuf,
    /// The file to write: f32, one row a text, in NumPy's format
    #[arg(long)]
    out: PathBuf,
    /// A model's name or a folder
    #[arg(long, default_value = DEFAULT_ENCODER)]
    encoder: String,
    #[command(flatten)]
    columns: TextColumns,
}

impl Embed {
    pub fn run(self, app: &App, output: &Output) -> anyhow::Result<()> {
        let encoder = load_encoder(&app.catalog, &self.encoder, app.compute())?;
        let rows = read_texts(&self.file, self.columns.clone(), output)?;
        let inputs: Vec<Input<'_>> = rows.iter().map(Input::from).collect();
        let bar = progress::bar(output, inputs.len(), "embedding");
        let started = std::time::Instant::now();
        let embeddings = encoder.embed(&inputs, &mut |done| {
            bar.set_position(done as u64);
            ControlFlow::Continue(())
        })?;
        bar.finish_and_clear();
        let secs = started.elapsed().as_secs_f64();
        let dim = embeddings.dim;
        let folder = self
            .out
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        let temporary = tempfile::NamedTempFile::new_in(folder)?;
        Tensor::from_vec(embeddings.data, (inputs.len(), dim), &Device::Cpu)?.write_npy(temporary.path())?;
        persist(temporary, &self.out)?;
        output.result(
            &json!({ "n_texts": inputs.len(), "dim": dim, "secs": secs, "peak_mb": peak_memory_mb(), "out": self.out }),
            &format!("{} × {dim} in {secs:.1} s: {}", inputs.len(), self.out.display()),
        )
    }
}

/// Reads texts for a verb, empty ones included, so that results stand in the order of rows. Rows that cannot be read are skipped
/// and said; no texts at all is an error.
pub fn read_texts(file: &Path, columns: TextColumns, output: &Output) -> anyhow::Result<Vec<NewText>> {
    let (rows, n_problems) = if file == Path::new("-") {
        let mut input = String::new();
        std::io::stdin()
            .lock()
            .take(MAX_STDIN)
            .read_to_string(&mut input)
            .context("standard input is not UTF-8 text")?;
        (input.lines().map(NewText::new).collect(), 0)
    } else {
        let mut rows = Vec::new();
        let report = import::read(file, &columns.options(), &mut |batch| {
            rows.extend(batch.rows);
            Ok(())
        })?;
        (rows, report.n_problems)
    };
    if n_problems > 0 {
        output.remark(&format!(
            "{n_problems} problems in {}; `handful import --preview` lists them",
            file.display()
        ));
    }
    if rows.is_empty() {
        bail!("there are no texts in {}", file.display());
    }
    Ok(rows)
}

/// Writes JSON lines to a temporary file that takes its name once it is complete.
pub fn write_lines(file: &Path, lines: impl Iterator<Item = serde_json::Value>) -> anyhow::Result<()> {
    let folder = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let mut temporary =
        tempfile::NamedTempFile::new_in(folder).with_context(|| format!("cannot write into {}", folder.display()))?;
    {
        let mut writer = std::io::BufWriter::new(&mut temporary);
        for line in lines {
            writeln!(writer, "{line}")?;
        }
        writer.flush()?;
    }
    temporary.as_file().sync_all()?;
    persist(temporary, file)
}
