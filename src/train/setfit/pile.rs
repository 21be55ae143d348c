//! SetFit with the pile: sentences about the labels and the unlabelled texts that the encoder is surest of join the batches; half-way the
//! guesses are made anew.
//!
//! Guesses come from the head that learns from the pile (`model::head::pile`), on the encoder as it is at the time. They are targets of
//! batches and nothing else: the head at the end makes its own.

use std::ops::ControlFlow;

use sha2::{Digest, Sha256};

use super::templates::{self, Material};
use crate::model::head::{Examples, OnTree, TreeMethod};
use crate::model::head::pile::{self, PileSettings};
use crate::model::{Encoder, ModelError, Targets};
use crate::train::pile::{Gathered, asked, is_wanted, texts};
use crate::train::{Events, Findings, Options, Phase, TrainError, TrainEvent, TrainingSet};

/// Makes guesses about the unlabelled texts.
pub(super) struct Guesser {
    /// Labelled texts, a sentence about each label, and all unlabelled texts.
    material: Material,
    /// The labelled texts with their names and the pile.
    set: TrainingSet,
}

impl Guesser {
    /// The guesser of a training over `labelled`, where the options and the texts ask for one and the labelled texts do not speak against it.
    /// Its first guesses are made by the encoder as it is.
    ///
    /// # Errors
    /// [`TrainError::Stopped`] where `events` say so; whatever the encoder and the head report.
    pub(super) fn new(
        labelled: &Material,
        (options, seed): (&Options, u64),
        encoder: &Encoder,
        events: Events<'_>,
        findings: &mut Findings,
    ) -> Result<Option<Guesser>, TrainError> {
        let set = &labelled.set;
        if set.pile.is_empty() || !is_wanted(set, options) || super::sampler::name(options) != "fast" {
            return Ok(None);
        }
        let n_texts = set.texts.len() + texts(set).len();
        let mut told = |n_done| events(TrainEvent::Phase(Phase::Embedding { n_done, n_texts }));
        let set = &*set.closed();
        let embedded = embed(set, encoder, &mut told).map_err(|error| match error {
            ModelError::Stopped => TrainError::Stopped,
            other => other.into(),
        })?;
        if !asked(embedded.examples(set), &embedded.gathered, options, seed, findings)? {
            findings.insert("pile_texts".into(), 0.into());
            return Ok(None);
        }
        let mut guesser = Guesser {
            material: with_pile(labelled),
            set: set.closed().into_owned(),
        };
        let (targets, repeats) = guesser.from(&embedded)?;
        let n_before = guesser.material.guessed.start;
        findings.insert(
            "pile_texts_in_batches".into(),
            repeats.iter().filter(|n| **n > 0).count().into(),
        );
        guesser.material.set.targets = targets;
        guesser
            .material
            .repeats
            .splice(n_before.., repeats[n_before..].iter().copied());
        Ok(Some(guesser))
    }

    /// Of the unlabelled texts: another pile has another.
    pub(super) fn fingerprint(&self) -> String {
        let mut digest = Sha256::new();
        for text in &self.material.set.texts[self.material.guessed.clone()] {
            digest.update((text.len() as u64).to_le_bytes());
            digest.update(text.as_bytes());
        }
        digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// What batches are drawn from.
    pub(super) fn material(&self) -> &Material {
        &self.material
    }

    /// The targets of all texts of the material, and how often each unlabelled one comes up in a pass.
    ///
    /// # Errors
    /// Whatever the encoder and the head report.
    pub(super) fn guess(&self, encoder: &Encoder) -> Result<(Targets, Vec<usize>), TrainError> {
        self.from(&embed(&self.set, encoder, &mut |_| ControlFlow::Continue(()))?)
    }

    fn from(&self, embedded: &Embedded) -> Result<(Targets, Vec<usize>), TrainError> {
        let settings = PileSettings::default();
        let fitted = pile::fit(embedded.examples(&self.set), embedded.gathered.beside(), &settings)?;
        let mut targets = self.material.set.targets.clone();
        let mut repeats = vec![0; targets.len()];
        for guess in fitted.guesses.iter().filter(|guess| !guess.set.is_empty()) {
            let at = self.material.guessed.start + guess.row;
            repeats[at] = 1;
            match &mut targets {
                Targets::Single(targets) => targets[at] = guess.set[0],
                Targets::Multi(targets) => {
                    targets[at] = match &self.set.tree {
                        Some(tree) => tree.ends(&tree.closed(&guess.set)),
                        None => guess.set.clone(),
                    }
                }
            }
        }
        Ok((targets, repeats))
    }
}

/// The labelled texts, a sentence about each label, and the unlabelled texts, none of which comes up yet.
fn with_pile(labelled: &Material) -> Material {
    let set = &labelled.set;
    let unlabelled = texts(set);
    // Where templates are on, the sentences are there.
    let sentences = match labelled.repeats.len() == set.texts.len() && labelled.repeats.iter().all(|n| *n == 1) {
        true => templates::sentences(set),
        false => Vec::new(),
    };
    let mut material = Material::with_sentences(set, &sentences, 1);
    material.repeats[..labelled.repeats.len()].copy_from_slice(&labelled.repeats);
    let n_before = material.set.texts.len();
    material.set.texts.extend(unlabelled.iter().map(|text| (*text).into()));
    material.guessed = n_before..n_before + unlabelled.len();
    material.repeats.resize(material.guessed.end, 0);
    match &mut material.set.targets {
        Targets::Single(targets) => targets.resize(material.guessed.end, 0),
        Targets::Multi(targets) => targets.resize(material.guessed.end, Vec::new()),
    }
    material
}

/// Labelled texts and what lies beside them, as the encoder embeds them.
struct Embedded {
    x: crate::model::Embeddings,
    gathered: Gathered,
}

impl Embedded {
    fn examples<'a>(&'a self, set: &'a TrainingSet) -> Examples<'a> {
        // Guesses are made flat, however the head at the end is fitted.
        let on = set.tree.as_ref().map(|tree| OnTree {
            tree,
            method: TreeMethod::Flat,
            decay: 0.0,
        });
        Examples::new(&self.x, &set.targets, set.n_labels).on(on)
    }
}

fn embed(
    set: &TrainingSet,
    encoder: &Encoder,
    on_progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
) -> Result<Embedded, ModelError> {
    let x = encoder.embed(&set.texts(), on_progress)?;
    let n_labelled = x.len();
    Ok(Embedded {
        gathered: Gathered::embed(set, encoder, &mut |n| on_progress(n_labelled + n))?,
        x,
    })
}
