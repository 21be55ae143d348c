//! A model that says whether a hypothesis follows from a premise: one that transformers saved, or one that was trained here on pairs.

use std::path::Path;

use super::ZeroShotError;
use super::inference_classes::InferenceClasses;
use crate::core::TaskKind;
use crate::model::embed::TOKENS_PER_BATCH;
use crate::model::tokenize::TextTokenizer;
use crate::model::{Classifier, Compute, Embeddings, ModelError, SequenceClassifier, Tokens};

/// Tokens of one batch on a device that needs more to be busy.
const TOKENS_PER_DEVICE_BATCH: usize = 16 * 1024;

/// What a pair of texts gives: the logits of entailment and of contradiction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Evidence {
    pub(super) entailment: f64,
    /// `NaN` where no class is known to be it.
    pub(super) contradiction: f64,
}

/// A model for pairs, and which of its classes count.
pub(super) struct PremiseReader {
    network: Network,
    pub(super) classes: InferenceClasses,
}

enum Network {
    /// A transformer with the head it was saved with.
    WithHead(Box<SequenceClassifier>),
    /// What `handful export` writes, and what runs keep.
    Bundle(Box<Classifier>),
}

impl PremiseReader {
    /// Opens a folder of either kind; `model` names it in messages.
    ///
    /// # Errors
    /// An encoder without a head, classes that are not those of natural language inference or have no names, a model that was trained on
    /// single texts, and whatever loading reports.
    pub(super) fn load(dir: &Path, model: &str, compute: Compute) -> Result<PremiseReader, ZeroShotError> {
        if Classifier::is_at(dir) {
            return PremiseReader::of_bundle(Classifier::load(dir, compute)?, model);
        }
        PremiseReader::of_classifier(compute.load_classifier(dir)?, model)
    }

    pub(super) fn of_classifier(classifier: SequenceClassifier, model: &str) -> Result<PremiseReader, ZeroShotError> {
        Ok(PremiseReader {
            classes: InferenceClasses::find(classifier.class_names(), model)?,
            network: Network::WithHead(Box::new(classifier)),
        })
    }

    fn of_bundle(classifier: Classifier, model: &str) -> Result<PremiseReader, ZeroShotError> {
        let names: Vec<String> = classifier.label_paths.iter().map(|path| path.join("/")).collect();
        let classes = InferenceClasses::find(&names, model)?;
        if !classifier.pairs || classifier.task != TaskKind::SingleLabel {
            return Err(ZeroShotError::NotPairs { model: model.into() });
        }
        Ok(PremiseReader {
            classes,
            network: Network::Bundle(Box::new(classifier)),
        })
    }

    pub(super) fn tokenizer(&self) -> &TextTokenizer {
        match &self.network {
            Network::WithHead(classifier) => classifier.tokenizer(),
            Network::Bundle(classifier) => &classifier.encoder.tokenizer,
        }
    }

    /// What the model wants before every premise; empty for nothing.
    pub(super) fn prompt(&self) -> &str {
        match &self.network {
            Network::WithHead(_) => "",
            Network::Bundle(classifier) => classifier.encoder.prompt(),
        }
    }

    pub(super) fn tokens_per_batch(&self) -> usize {
        let device = match &self.network {
            Network::WithHead(classifier) => classifier.device(),
            Network::Bundle(classifier) => classifier.encoder.device(),
        };
        if device.is_cpu() {
            TOKENS_PER_BATCH
        } else {
            TOKENS_PER_DEVICE_BATCH
        }
    }

    /// The evidence of every pair of a batch.
    pub(super) fn read(&self, batch: &[&Tokens]) -> Result<Vec<Evidence>, ZeroShotError> {
        let rows: Vec<Vec<f64>> = match &self.network {
            Network::WithHead(classifier) => {
                let logits = classifier.infer(batch)?;
                let rows = logits.chunks_exact(classifier.class_names().len().max(1));
                rows.map(|row| row.iter().copied().map(f64::from).collect()).collect()
            }
            Network::Bundle(classifier) => {
                let (dim, data) = (classifier.encoder.dim(), classifier.encoder.infer(batch)?);
                let logits = classifier.head.logits(&Embeddings { dim, data });
                let logits = logits.map_err(|error| ModelError::Input(error.to_string()))?;
                logits.ok_or_else(|| ModelError::Input("the head scores several labels a text".into()))?
            }
        };
        if rows.len() != batch.len() {
            return Err(ZeroShotError::NotFinite);
        }
        rows.iter().map(|row| self.evidence(row)).collect()
    }

    fn evidence(&self, logits: &[f64]) -> Result<Evidence, ZeroShotError> {
        let of = |class: usize| logits.get(class).copied().unwrap_or(f64::NAN);
        let evidence = Evidence {
            entailment: of(self.classes.entailment),
            contradiction: self.classes.contradiction.map_or(f64::NAN, of),
        };
        let is_contradiction_fine = self.classes.contradiction.is_none() || evidence.contradiction.is_finite();
        if !evidence.entailment.is_finite() || !is_contradiction_fine {
            return Err(ZeroShotError::NotFinite);
        }
        Ok(evidence)
    }
}
