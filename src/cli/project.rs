//! Verbs that make and fill a project.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use clap::Args;
use serde_json::json;

use super::classify::shortened;
use super::{Output, progress};
use crate::app::{self, App, Command};
use crate::core::label::PATH_SEPARATOR;
use crate::core::{How, Split, TaskKind, Text};
use crate::io::import::{Pick, Preview, ReadOptions};

/// Problems printed in full; the rest is counted.
const N_SHOWN: usize = 20;

/// Opens a project for a verb.
pub fn open(app: &mut App, output: &Output, path: &Path) -> anyhow::Result<()> {
    progress::execute(app, output, Command::Open(path.to_path_buf()))
}

fn task(name: &str) -> Result<TaskKind, String> {
    TaskKind::from_name(name).ok_or_else(|| "one of: single-label, multi-label".to_owned())
}

/// Reads a split's name.
pub fn split(name: &str) -> Result<Split, String> {
    Split::from_name(name).ok_or_else(|| "one of: train, validation, test".to_owned())
}

/// Reads the column of the second of a pair.
pub fn second_column(name: &str) -> Result<Pick, String> {
    match name.trim() {
        "" => Err("the name of a column, or `none`".to_owned()),
        "none" => Ok(Pick::Nothing),
        name => Ok(Pick::Column(name.to_owned())),
    }
}

#[derive(Debug, Args)]
pub struct New {
    /// The file to make; it must not exist
    project: PathBuf,
    /// single-label or multi-label
    #[arg(long, value_parser = task)]
    task: TaskKind,
    /// Label names, separated by commas; a path as `Home > Kitchen`. Labels in imported files are added by themselves
    #[arg(long, value_delimiter = ',')]
    labels: Vec<String>,
}

impl New {
    pub fn run(self, app: &mut App, output: &Output) -> anyhow::Result<()> {
        let labels: Vec<Vec<String>> = self
            .labels
            .iter()
            .map(|label| label.split('>').map(|name| name.trim().to_owned()).collect::<Vec<_>>())
            .filter(|path| path.iter().any(|name| !name.is_empty()))
            .collect();
        progress::execute(
            app,
            output,
            Command::NewProject {
                path: self.project.clone(),
                task: self.task,
                labels,
            },
        )?;
        let n_labels = app.project()?.state.labels.len();
        output.result(
            &json!({ "project": self.project, "task": self.task, "n_labels": n_labels }),
            &format!(
                "{} made: {}, {n_labels} labels.",
                self.project.display(),
                self.task.name()
            ),
        )
    }
}

#[derive(Debug, Args)]
pub struct Import {
    /// The project
    project: PathBuf,
    /// The file to read; it is never changed
    file: PathBuf,
    /// Put every row in this split, whatever the file says
    #[arg(long, value_parser = split)]
    split: Option<Split>,
    /// Column with the text, or with the first text of a pair
    #[arg(long)]
    text_column: Option<String>,
    /// Column with the second text of a pair, such as a hypothesis; `none` where the texts stand alone. Usual names are found by themselves
    #[arg(long = "second", value_name = "COLUMN", value_parser = second_column)]
    second_column: Option<Pick>,
    /// Column with the label or labels; may be given several times
    #[arg(long)]
    label_column: Vec<String>,
    /// Column with a label path, such as `Home > Kitchen > Knives`
    #[arg(long)]
    path_column: Option<String>,
    /// Column with one level of a label path; several times, from the top down. Columns called level1, level2, … are found by themselves
    #[arg(long, value_name = "COLUMN")]
    level_column: Vec<String>,
    /// Column with the split
    #[arg(long)]
    split_column: Option<String>,
    /// Column with the row's id
    #[arg(long)]
    id_column: Option<String>,
    /// Character between several labels in one cell
    #[arg(long)]
    label_separator: Option<String>,
    /// Such as utf-8, utf-16le, windows-1252
    #[arg(long)]
    encoding: Option<String>,
    /// Character between two cells; `tab` for a tabulator
    #[arg(long)]
    delimiter: Option<String>,
    /// The first row holds data, not column names
    #[arg(long)]
    no_header: bool,
    /// Show how the file would be read, and write nothing
    #[arg(long)]
    preview: bool,
}

impl Import {
    pub fn run(self, app: &mut App, output: &Output) -> anyhow::Result<()> {
        let options = self.options()?;
        open(app, output, &self.project)?;
        if self.preview {
            progress::execute(
                app,
                output,
                Command::PreviewImport {
                    file: self.file,
                    options,
                },
            )?;
            let preview = app.preview.take().context("the file could not be read")?;
            return output.result(&preview, &preview_text(&preview));
        }
        progress::execute(
            app,
            output,
            Command::Import {
                file: self.file,
                options,
            },
        )?;
        let report = app
            .last_import
            .take()
            .context("the import has ended without a report")?;
        let mut text = format!(
            "{} texts added, {} already there, {} known texts labelled, {} new labels, {} problems.",
            report.n_added,
            report.n_duplicates,
            report.n_annotated,
            report.new_labels.len(),
            report.n_problems
        );
        for problem in report.problems.iter().take(N_SHOWN) {
            let line = problem.line.map_or("file".to_owned(), |line| format!("line {line}"));
            let _ = write!(text, "\n  {line}: {}", problem.message);
        }
        if report.n_problems > N_SHOWN as u64 {
            let _ = write!(
                text,
                "\n  and {} more; --json lists the first 1,000",
                report.n_problems - N_SHOWN as u64
            );
        }
        output.result(&report, &text)
    }

    fn options(&self) -> anyhow::Result<ReadOptions> {
        Ok(ReadOptions {
            split: self.split,
            text_column: self.text_column.clone(),
            second_column: self.second_column.clone().unwrap_or_default(),
            label_columns: (!self.label_column.is_empty()).then(|| self.label_column.clone()),
            path_column: self.path_column.clone().into(),
            level_columns: (!self.level_column.is_empty()).then(|| self.level_column.clone()),
            split_column: self.split_column.clone().into(),
            id_column: self.id_column.clone().into(),
            label_separator: self.label_separator.clone(),
            encoding: self.encoding.clone(),
            delimiter: self.delimiter.as_deref().map(delimiter).transpose()?,
            has_header: self.no_header.then_some(false),
            ..ReadOptions::default()
        })
    }
}

fn preview_text(preview: &Preview) -> String {
    let mapping = &preview.mapping;
    let column = |column: &Option<String>| column.clone().unwrap_or_else(|| "–".to_owned());
    let mut text = format!(
        "{}, {}, about {} rows, {} labelled among the first {}\n\
         text: {}{}   labels: {}   path: {}   split: {}   id: {}\n",
        preview.format,
        preview.encoding,
        preview.n_rows_estimated,
        preview.n_labelled,
        preview.n_sampled,
        mapping.text_column,
        mapping
            .second_column
            .as_ref()
            .map_or(String::new(), |second| format!(" with {second}")),
        mapping.label_columns.join(", "),
        match mapping.level_columns.is_empty() {
            true => column(&mapping.path_column),
            false => mapping.level_columns.join(PATH_SEPARATOR),
        },
        column(&mapping.split_column),
        column(&mapping.id_column),
    );
    for row in preview.rows.iter().filter_map(|row| row.text.as_ref()) {
        let labels: Vec<String> = row
            .labels
            .iter()
            .flatten()
            .map(|path| path.join(PATH_SEPARATOR))
            .collect();
        let _ = writeln!(text, "  {:<60} {}", shortened(&row.line(), 58), labels.join(", "));
    }
    for problem in preview.problems.iter().take(N_SHOWN) {
        let line = problem.line.map_or("file".to_owned(), |line| format!("line {line}"));
        let _ = writeln!(text, "  {line}: {}", problem.message);
    }
    text
}

fn delimiter(written: &str) -> anyhow::Result<char> {
    match written {
        "tab" | "\\t" => Ok('\t'),
        _ => match written.chars().collect::<Vec<_>>()[..] {
            [character] if character.is_ascii() => Ok(character),
            _ => bail!("a delimiter is one ASCII character (or `tab`), not {written:?}"),
        },
    }
}

#[derive(Debug, Args)]
pub struct LabelText {
    /// The project
    project: PathBuf,
    /// The text's id in its file, or its number in the project as `#12`
    #[arg(long)]
    id: String,
    /// A label's name or path; several for a multi-label project, none with --none
    #[arg(long, required_unless_present = "none")]
    label: Vec<String>,
    /// The text carries none of the labels (multi-label projects)
    #[arg(long, conflicts_with = "label")]
    none: bool,
}

impl LabelText {
    pub fn run(self, app: &mut App, output: &Output) -> anyhow::Result<()> {
        open(app, output, &self.project)?;
        let who = app.settings.who.clone();
        let project = app.project_mut()?;
        let text = find_text(project, &self.id)?.id;
        let labels = self
            .label
            .iter()
            .map(|label| Ok(app::command::find_label(project, label)?.id))
            .collect::<anyhow::Result<Vec<_>>>()?;
        ensure!(
            project.is_multi() || labels.len() == 1,
            "nothing was changed: a text of this project has exactly one label"
        );
        project.annotate(&[text], &labels, &who, How::Hand)?;
        app.wait_saved()?;
        let project = app.project()?;
        let n_annotated = project.state.n_annotated();
        output.result(
            &json!({ "id": self.id, "labels": self.label, "n_labelled": n_annotated, "n_texts": project.state.n_texts() }),
            &format!("Saved. {n_annotated} of {} texts are labelled.", project.state.n_texts()),
        )
    }
}

fn find_text<'a>(project: &'a app::Project, id: &str) -> anyhow::Result<&'a Text> {
    if let Some(number) = id.strip_prefix('#').and_then(|number| number.parse().ok()) {
        return project
            .state
            .text(crate::core::TextId(number))
            .with_context(|| format!("there is no text {id}"));
    }
    let mut found = project
        .state
        .texts()
        .filter(|text| text.external_id.as_deref() == Some(id));
    match (found.next(), found.next()) {
        (Some(text), None) => Ok(text),
        (Some(text), Some(_)) => bail!(
            "several texts have the id {id:?}; give the number in the project instead, such as #{}",
            text.id
        ),
        (None, _) => bail!("no text has the id {id:?}; `handful evaluate --scores` lists ids, and #N is the N-th text"),
    }
}
