//! A whole classifier as a folder: what a run keeps and what is exported.
//!
//! The encoder's files lie as sentence-transformers expects them, with `handful.json` (task, labels, decision rule) and `head.json` (the
//! fitted head) beside them. Everything is read as data from strangers: sizes are bounded and parts must fit together.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::error::{ModelError, Result};
use super::{Compute, Encoder, Head, Input};
use crate::core::label::MAX_DEPTH;
use crate::core::metrics::{DecisionRule, TreeRule};
use crate::core::{ColumnTree, TaskKind, Walk};

/// Version of the folder's layout; other versions are refused.
const FORMAT: u32 = 1;

/// The most bytes of a JSON file in the folder: 10,000 labels on 1,024 numbers fit.
const MAX_JSON_BYTES: u64 = 512 << 20;

const SETTINGS: &str = "handful.json";
const HEAD: &str = "head.json";

/// An encoder with a head and what its outputs mean.
pub struct Classifier {
    /// Text to embedding.
    pub encoder: Encoder,
    /// Embedding to probabilities, one per label.
    pub head: Head,
    /// Whether it reads pairs of texts; else it reads single ones.
    pub pairs: bool,
    /// Whether labels exclude each other.
    pub task: TaskKind,
    /// Names from the root, in the order of probabilities.
    pub label_paths: Vec<Vec<String>>,
    /// The tree that these paths form; see [`ColumnTree::from_paths`].
    pub tree: Option<ColumnTree>,
    /// How a path is found in the tree.
    pub walk: Walk,
    /// One per label, in 0..=1.
    pub thresholds: Vec<f64>,
    /// Multi-label: a text with no label at its threshold gets its best one.
    pub at_least_one: bool,
    /// The encoder it was made from.
    pub encoder_name: String,
}

#[derive(Serialize, Deserialize)]
struct Settings {
    format: u32,
    made_with: String,
    #[serde(default)]
    pairs: bool,
    task: TaskKind,
    label_paths: Vec<Vec<String>>,
    #[serde(default)]
    walk: Walk,
    thresholds: Vec<f64>,
    #[serde(default)]
    at_least_one: bool,
    encoder_name: String,
}

impl Classifier {
    /// How its probabilities become decisions.
    pub fn rule(&self) -> DecisionRule<'_> {
        let walk = self.walk;
        DecisionRule {
            task: self.task,
            thresholds: &self.thresholds,
            at_least_one: self.at_least_one,
            tree: self.tree.as_ref().map(|tree| TreeRule { tree, walk }),
        }
    }

    /// Writes the folder, which is created if it is missing. For all or nothing write into a temporary folder and rename it.
    ///
    /// # Errors
    /// [`ModelError::Io`] where a file cannot be written.
    pub fn save(&self, dir: &Path) -> Result<()> {
        self.encoder.save(dir)?;
        let settings = Settings {
            format: FORMAT,
            made_with: format!("Handful {}", env!("CARGO_PKG_VERSION")),
            pairs: self.pairs,
            task: self.task,
            label_paths: self.label_paths.clone(),
            walk: self.walk,
            thresholds: self.thresholds.clone(),
            at_least_one: self.at_least_one,
            encoder_name: self.encoder_name.clone(),
        };
        write(&dir.join(SETTINGS), &settings)?;
        write(&dir.join(HEAD), &self.head)
    }

    /// Opens a folder that [`Classifier::save`] has written.
    ///
    /// # Errors
    /// A file that is missing, too large, damaged, of another version, or does not fit the others; the message names it.
    pub fn load(dir: &Path, compute: Compute) -> Result<Classifier> {
        if !Classifier::is_at(dir) {
            return Err(ModelError::Config {
                reason: format!("there is no model here: {SETTINGS} is missing; `handful export` makes such a folder"),
                path: dir.to_path_buf(),
            });
        }
        let settings: Settings = read(&dir.join(SETTINGS))?;
        let head: Head = read(&dir.join(HEAD))?;
        let encoder = compute.load(dir)?;
        check(&settings, &head, &encoder).map_err(|reason| ModelError::Config {
            reason,
            path: dir.join(SETTINGS),
        })?;
        let tree = ColumnTree::from_paths(&settings.label_paths);
        let head = head.on(tree.as_ref()).map_err(|error| ModelError::Config {
            reason: error.to_string(),
            path: dir.join(HEAD),
        })?;
        Ok(Classifier {
            encoder,
            head,
            pairs: settings.pairs,
            task: settings.task,
            tree,
            label_paths: settings.label_paths,
            walk: settings.walk,
            thresholds: settings.thresholds,
            at_least_one: settings.at_least_one,
            encoder_name: settings.encoder_name,
        })
    }

    /// Whether a folder was written by [`Classifier::save`].
    pub fn is_at(dir: &Path) -> bool {
        dir.join(SETTINGS).is_file()
    }

    /// One probability per text (or pair) and label; on a tree of the label or anything below it. Shape, `(n_texts, n_labels)`, in the order of `texts`.
    ///
    /// # Errors
    /// Single texts where the model reads pairs, and the reverse; [`ModelError::Stopped`] when `on_progress` (texts done so far) says `Break`, and whatever the encoder reports.
    pub fn predict_proba<'a, T: Into<Input<'a>> + Copy + Sync>(
        &self,
        texts: &[T],
        on_progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Result<Vec<Vec<f32>>> {
        if texts.iter().any(|text| (*text).into().is_pair() != self.pairs) {
            let reason = match self.pairs {
                true => {
                    "the model was trained on pairs of texts (a premise and a hypothesis) and cannot read a text that stands alone"
                }
                false => "the model was trained on single texts and cannot read pairs",
            };
            return Err(ModelError::Input(reason.into()));
        }
        let embeddings = self.encoder.embed(texts, on_progress)?;
        self.head
            .predict_proba(&embeddings)
            .map_err(|error| ModelError::Input(error.to_string()))
    }
}

fn check(settings: &Settings, head: &Head, encoder: &Encoder) -> std::result::Result<(), String> {
    let n_labels = settings.label_paths.len();
    if settings.format != FORMAT {
        return Err(format!(
            "the model has format {}, this version reads {FORMAT}; update Handful",
            settings.format
        ));
    }
    if head.n_labels() != n_labels || settings.thresholds.len() != n_labels {
        let (n_thresholds, n_outputs) = (settings.thresholds.len(), head.n_labels());
        return Err(format!(
            "{n_labels} labels do not fit {n_thresholds} thresholds and a head for {n_outputs}"
        ));
    }
    if head.dim() != encoder.dim() {
        return Err(format!(
            "the head takes {} numbers, the encoder gives {}",
            head.dim(),
            encoder.dim()
        ));
    }
    if settings
        .thresholds
        .iter()
        .any(|threshold| !(0.0..=1.0).contains(threshold))
    {
        return Err("a threshold is outside 0 to 1".to_owned());
    }
    if settings
        .label_paths
        .iter()
        .any(|path| path.is_empty() || path.len() > MAX_DEPTH)
    {
        return Err(format!("a label's path is empty or deeper than {MAX_DEPTH}"));
    }
    Ok(())
}

fn write(file: &Path, value: &impl Serialize) -> Result<()> {
    let json = serde_json::to_vec_pretty(value).map_err(|error| ModelError::Config {
        reason: format!("cannot be written as JSON: {error}"),
        path: file.to_path_buf(),
    })?;
    fs::write(file, json).map_err(ModelError::io("write", file))
}

fn read<T: DeserializeOwned>(file: &Path) -> Result<T> {
    let size = fs::metadata(file).map_err(ModelError::io("open", file))?.len();
    let config = |reason: String| ModelError::Config {
        reason,
        path: file.to_path_buf(),
    };
    if size > MAX_JSON_BYTES {
        return Err(config(format!(
            "{size} bytes are more than a model's settings may have"
        )));
    }
    let bytes = fs::read(file).map_err(ModelError::io("read", file))?;
    serde_json::from_slice(&bytes).map_err(|error| config(format!("the file is damaged: {error}")))
}
