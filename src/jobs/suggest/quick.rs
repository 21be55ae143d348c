//! The quick model: a logistic head on frozen embeddings that learns from the pile where the labelled texts say that this helps.

use std::collections::HashSet;

use super::{FromPile, Labelled};
use crate::core::{TaskKind, TextId};
use crate::jobs::embeddings::EmbeddingCache;
use crate::model::head::pile::{self, Beside, PileSettings, Verdict};
use crate::model::head::{Examples, FitSettings, Head, HeadError, LogisticHead, Targets};
use crate::model::{Embeddings, Encoder, ModelError, label_names};

/// More unlabelled texts than this would make a refit felt; an even sample of them is taken.
const MAX_PILE: usize = 1_500;

/// Whether the pile helps is asked again when the labelled texts have grown by this factor.
const GROWN: f64 = 1.25;

/// Settings that last from refit to refit.
#[derive(Default)]
pub(super) struct Quick {
    /// Label names with their embeddings.
    names: Option<(Vec<String>, Embeddings)>,
    verdict: Option<Asked>,
}

/// An answer, and what was asked about.
struct Asked {
    verdict: Verdict,
    n_texts: usize,
    n_labels: usize,
}

/// What a refit learns from: labelled texts with an embedding, and what lies beside them.
pub(super) struct Material {
    x: Embeddings,
    targets: Targets,
    n_labels: usize,
    names: Embeddings,
    pile: Embeddings,
}

/// A head and what it took from the pile.
pub(super) struct Refitted {
    pub head: Head,
    pub from_pile: Option<FromPile>,
}

impl Material {
    /// How many labelled texts.
    pub(super) fn n_texts(&self) -> usize {
        self.targets.len()
    }

    fn examples(&self) -> Examples<'_> {
        Examples::new(&self.x, &self.targets, self.n_labels)
    }

    fn beside(&self) -> Beside<'_> {
        Beside {
            names: (self.names.len() == self.n_labels).then_some(&self.names),
            pile: &self.pile,
        }
    }
}

impl Quick {
    /// Gathers what there is an embedding of.
    ///
    /// # Errors
    /// Whatever the encoder reports on label names.
    pub(super) fn gather(
        &mut self,
        labelled: &Labelled,
        encoder: &Encoder,
        cache: &EmbeddingCache,
    ) -> Result<Material, ModelError> {
        if self.names.as_ref().is_none_or(|(names, _)| *names != labelled.names) {
            let embedded = label_names::embed(encoder, &labelled.names)?;
            self.names = Some((labelled.names.clone(), embedded));
            self.verdict = None;
        }
        let known: Vec<&(TextId, Vec<usize>)> = labelled
            .texts
            .iter()
            .filter(|(id, _)| cache.row(*id).is_some())
            .collect();
        let targets = match labelled.task {
            TaskKind::SingleLabel => {
                Targets::Single(known.iter().filter_map(|(_, labels)| labels.first().copied()).collect())
            }
            TaskKind::MultiLabel => Targets::Multi(known.iter().map(|(_, labels)| labels.clone()).collect()),
        };
        let taken: HashSet<TextId> = labelled.texts.iter().map(|(id, _)| *id).collect();
        let free = |id: &&TextId| !taken.contains(id) && !labelled.held_out.contains(id);
        let unlabelled: Vec<TextId> = cache.ids().iter().filter(free).copied().collect();
        let sample = pile::even_sample(unlabelled.len(), MAX_PILE);
        let sample = sample.filter_map(|at| unlabelled.get(at).copied());
        Ok(Material {
            x: rows(cache, known.iter().map(|(id, _)| *id)),
            targets,
            n_labels: labelled.labels.len(),
            names: self.names.as_ref().map(|(_, rows)| rows.clone()).unwrap_or_default(),
            pile: rows(cache, sample),
        })
    }

    /// Fits the head, with the pile unless the labelled texts were heard to speak against it.
    ///
    /// # Errors
    /// Those of [`LogisticHead::fit`]: there is not enough to fit on.
    pub(super) fn refit(&self, material: &Material) -> Result<Refitted, HeadError> {
        if self.verdict.as_ref().is_some_and(|asked| !asked.verdict.helps) {
            return Ok(Refitted {
                head: Head::fit(material.examples(), &FitSettings::default())?,
                from_pile: None,
            });
        }
        // With one label of all, or labels that never differ, names must not hide that there is nothing to learn yet.
        LogisticHead::check(material.examples())?;
        let fitted = pile::fit(material.examples(), material.beside(), &PileSettings::default())?;
        Ok(Refitted {
            from_pile: Some(FromPile {
                n_texts: fitted.guesses.len(),
                confidence: fitted.confidence(),
            }),
            head: fitted.head,
        })
    }

    /// Whether it is time to ask the labelled texts about the pile.
    pub(super) fn verdict_is_due(&self, labelled: &Labelled) -> bool {
        self.verdict.as_ref().is_none_or(|asked| {
            asked.n_labels != labelled.labels.len() || labelled.texts.len() as f64 >= asked.n_texts as f64 * GROWN
        })
    }

    /// Asks them; whether the answer has changed.
    ///
    /// # Errors
    /// Those of [`pile::verdict`].
    pub(super) fn ask(&mut self, material: &Material) -> Result<bool, HeadError> {
        let settings = PileSettings::default();
        let plain = FitSettings::default();
        let verdict = pile::verdict(material.examples(), material.beside(), &settings, &plain, 0)?;
        let helped = self.verdict.as_ref().is_none_or(|asked| asked.verdict.helps);
        self.verdict = Some(Asked {
            verdict,
            n_texts: material.n_texts(),
            n_labels: material.n_labels,
        });
        Ok(helped != verdict.helps)
    }

    /// Forgets the answer: the pile is another one.
    pub(super) fn ask_again(&mut self) {
        self.verdict = None;
    }
}

fn rows(cache: &EmbeddingCache, ids: impl Iterator<Item = TextId>) -> Embeddings {
    Embeddings {
        dim: cache.dim(),
        data: ids.filter_map(|id| cache.row(id)).flatten().copied().collect(),
    }
}
