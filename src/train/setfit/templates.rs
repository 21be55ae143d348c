//! Label names as extra examples: a sentence about each label joins the texts that carry it, in tuning and under the head.
//!
//! Where names say what the texts are about this tells the encoder more than a few texts can; where they do not it misleads, so `auto`
//! tries both on held-out texts.

use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use rayon::prelude::*;

use crate::model::head::{self, Examples, FitSettings, HeadError, LogisticHead, Targets};
use crate::model::label_names::as_words;
use crate::model::{Embeddings, Encoder};
use crate::train::{Findings, Options, TrainError, TrainingSet};

/// The values of the option `templates`, in this order.
pub const TEMPLATES: [&str; 3] = ["off", "on", "auto"];

/// Texts that `auto` tries on at most.
const MAX_TRIED: usize = 1000;

/// Times that the texts are dealt into folds, and folds, for `auto`.
const ROUNDS: u64 = 4;
const FOLDS: usize = 4;

/// No text counts more than this, in nats, when `auto` compares: one wrong guess must not decide.
const MAX_LOSS: f64 = 5.0;

/// What the encoder is tuned on and the head fitted on: labelled texts first, sentences about labels behind them.
pub struct Material {
    /// All of it as one set.
    pub set: TrainingSet,
    /// How often each text comes up in a pass: sentences may count more than texts.
    pub repeats: Vec<usize>,
    /// Which of the texts are unlabelled ones with guesses for targets; none but in the batches of the sampler fast.
    pub guessed: Range<usize>,
}

impl Material {
    /// The labelled texts alone.
    pub fn of(set: &TrainingSet) -> Self {
        Material {
            repeats: vec![1; set.texts.len()],
            guessed: 0..0,
            set: set.clone(),
        }
    }

    /// The labelled texts and a sentence about each label, which counts as much as `copies` texts.
    pub(super) fn with_sentences(set: &TrainingSet, sentences: &[(usize, Arc<str>)], copies: usize) -> Self {
        let mut material = Material::of(set);
        material.repeats.extend(vec![copies; sentences.len()]);
        material
            .set
            .texts
            .extend(sentences.iter().map(|(_, sentence)| sentence.clone()));
        let labels = sentences.iter().map(|(label, _)| *label);
        match &mut material.set.targets {
            Targets::Single(targets) => targets.extend(labels),
            Targets::Multi(targets) => targets.extend(labels.map(|label| vec![label])),
        }
        material
    }

    /// The set for fitting heads: each text as often as it counts.
    pub fn repeated(&self) -> TrainingSet {
        let rows: Vec<usize> = (0..self.repeats.len()).collect();
        let n_more = |at: &usize| self.repeats[*at].saturating_sub(1);
        let more: Vec<usize> = rows.iter().flat_map(|at| vec![*at; n_more(at)]).collect();
        let rows = [rows, more].concat();
        self.set.select(&rows)
    }
}

/// What the options make of the label names; the choice and what it rests on go into `findings`.
///
/// # Errors
/// Templates asked for where no label has a name; whatever the encoder reports.
pub fn material(
    set: &TrainingSet,
    options: &Options,
    encoder: &Encoder,
    seed: u64,
    findings: &mut Findings,
) -> Result<Material, TrainError> {
    let sentences = sentences(set);
    let copies = options.whole("template_copies");
    let wanted = match TEMPLATES[options.whole("templates")] {
        "off" => return Ok(Material::of(set)),
        "on" if !set.seconds.is_empty() => {
            return Err(TrainError::BadSet(
                "templates are sentences about single texts, and these are pairs; train with templates=off".into(),
            ));
        }
        "auto" if !set.seconds.is_empty() => return Ok(Material::of(set)),
        "on" if sentences.is_empty() => {
            return Err(TrainError::BadSet(
                "templates need the labels' names, and no label has one; name the labels, or train with templates=off"
                    .into(),
            ));
        }
        "on" => true,
        _ if sentences.is_empty() => false,
        _ => {
            let trial = Trial::run(set, &sentences, copies, encoder, options, seed)?;
            findings.insert("templates_loss_with".into(), trial.with.into());
            findings.insert("templates_loss_without".into(), trial.without.into());
            trial.helps()
        }
    };
    findings.insert("templates".into(), if wanted { "on" } else { "off" }.into());
    Ok(match wanted {
        true => Material::with_sentences(set, &sentences, copies),
        false => Material::of(set),
    })
}

/// A sentence for each label that has a name. Not for labels above others that no text stops at: with one label a text, the sentence would be
/// a text that does.
pub(super) fn sentences(set: &TrainingSet) -> Vec<(usize, Arc<str>)> {
    let counts = set.targets.counts(set.n_labels).unwrap_or_default();
    let single = matches!(set.targets, Targets::Single(_));
    let above = |label: &usize| single && set.tree.as_ref().is_some_and(|tree| !tree.is_leaf(*label));
    let named = set.label_names.iter().map(|name| as_words(name)).enumerate();
    named
        .take(set.n_labels)
        .filter(|(label, _)| !above(label) || counts.get(*label).is_some_and(|n| *n > 0))
        .filter(|(_, name)| !name.is_empty())
        .map(|(label, name)| (label, Arc::from(format!("This sentence is about {name}"))))
        .collect()
}

/// Heads with and without sentences, on embeddings of the encoder as it is, scored on texts that neither saw.
struct Trial {
    /// Mean loss in nats.
    with: f64,
    without: f64,
    /// Of the difference, over texts.
    standard_error: f64,
}

impl Trial {
    fn run(
        set: &TrainingSet,
        sentences: &[(usize, Arc<str>)],
        copies: usize,
        encoder: &Encoder,
        options: &Options,
        seed: u64,
    ) -> Result<Trial, TrainError> {
        // Spread over the whole set, whose texts may lie sorted by label.
        let n = set.texts.len().min(MAX_TRIED);
        let tried: Vec<usize> = (0..n).map(|at| at * set.texts.len() / n).collect();
        let targets = set.targets.select(&tried);
        let about = Material::with_sentences(set, sentences, copies);
        let texts = tried.iter().map(|at| &*set.texts[*at]);
        let texts: Vec<&str> = texts.chain(sentences.iter().map(|(_, sentence)| &**sentence)).collect();
        let x = encoder.embed(&texts, &mut |_| ControlFlow::Continue(()))?;
        let behind: Vec<usize> = (n..n + sentences.len()).flat_map(|at| vec![at; copies]).collect();
        let of_sentences = about
            .set
            .targets
            .select(&(set.texts.len()..about.set.texts.len()).collect::<Vec<_>>());
        let all = joined(&targets, &of_sentences);
        let counts = targets.counts(set.n_labels)?;
        let c = options.get("c");
        let mut differences = vec![0.0; n];
        let (mut with, mut without) = (0.0, 0.0);
        for round in 0..ROUNDS {
            let fold_of = head::deal(&targets, &counts, FOLDS.min(n), seed.wrapping_add(round));
            let scored = (0..FOLDS.min(n)).into_par_iter().map(|fold| {
                let (held_out, kept): (Vec<usize>, Vec<usize>) = (0..n).partition(|at| fold_of[*at] == fold);
                let losses = |fitted_on: &[usize]| losses(&x, &all, set.n_labels, c, fitted_on, &held_out);
                let without = losses(&kept)?;
                let with = losses(&[kept, behind.clone()].concat())?;
                Ok((held_out, with, without))
            });
            for (held_out, w, wo) in scored.collect::<Result<Vec<_>, HeadError>>()? {
                for ((at, w), wo) in held_out.into_iter().zip(w).zip(wo) {
                    differences[at] += (wo - w) / ROUNDS as f64;
                    with += w / (ROUNDS as usize * n) as f64;
                    without += wo / (ROUNDS as usize * n) as f64;
                }
            }
        }
        Ok(Trial {
            with,
            without,
            standard_error: standard_error(&differences),
        })
    }

    /// Whether the sentences make held-out texts likelier, by more than chance would.
    fn helps(&self) -> bool {
        self.without - self.with > self.standard_error
    }
}

/// The loss of each held-out text by a head fitted on the rows `fitted_on`; [`MAX_LOSS`] where there is nothing to fit.
fn losses(
    x: &Embeddings,
    targets: &Targets,
    n_labels: usize,
    c: f64,
    fitted_on: &[usize],
    held_out: &[usize],
) -> Result<Vec<f64>, HeadError> {
    let (kept, targets_kept) = (rows(x, fitted_on), targets.select(fitted_on));
    let examples = Examples::new(&kept, &targets_kept, n_labels);
    let head = match LogisticHead::fit(examples, &FitSettings::with_c(c)) {
        Ok(head) => head,
        Err(HeadError::OneLabel | HeadError::EveryLabelConstant | HeadError::AllAlike | HeadError::NoTexts) => {
            return Ok(vec![MAX_LOSS; held_out.len()]);
        }
        Err(error) => return Err(error),
    };
    let scores = head.predict_proba(&rows(x, held_out))?;
    let loss = |(scores, text): (&Vec<f32>, &usize)| {
        let truth = targets.of(*text);
        let of_label = |(label, prob): (usize, &f32)| match (truth.contains(&label), targets) {
            (true, _) => -f64::from(*prob).ln(),
            (false, Targets::Single(_)) => 0.0,
            (false, Targets::Multi(_)) => -f64::from(1.0 - prob).ln(),
        };
        let sum: f64 = scores.iter().enumerate().map(of_label).sum();
        sum.min(MAX_LOSS)
    };
    Ok(scores.iter().zip(held_out).map(loss).collect())
}

fn rows(x: &Embeddings, rows: &[usize]) -> Embeddings {
    let row = |at: &usize| &x.data[at * x.dim..(at + 1) * x.dim];
    Embeddings {
        dim: x.dim,
        data: rows.iter().flat_map(row).copied().collect(),
    }
}

fn joined(one: &Targets, other: &Targets) -> Targets {
    match (one, other) {
        (Targets::Single(one), Targets::Single(other)) => Targets::Single([one.as_slice(), other].concat()),
        _ => Targets::Multi(
            (0..one.len())
                .map(|at| one.of(at).to_vec())
                .chain((0..other.len()).map(|at| other.of(at).to_vec()))
                .collect(),
        ),
    }
}

fn standard_error(numbers: &[f64]) -> f64 {
    let n = numbers.len() as f64;
    let mean = numbers.iter().sum::<f64>() / n;
    let variance = numbers.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
    (variance / n).sqrt()
}
