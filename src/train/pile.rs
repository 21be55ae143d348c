//! Learning from the pile, as methods with a logistic head do it: which unlabelled texts, whether they help, and what is told of it.
//!
//! Not here: how a head learns from them (`model::head::pile`).

use std::ops::ControlFlow;

use super::probe::{Fitted, fit_settings};
use super::{Findings, Options, TrainError, TrainingSet};
use crate::model::head::pile::{self, Beside, PileFit, PileSettings};
use crate::model::head::{Examples, Targets, TreeMethod};
use crate::model::{Embeddings, Encoder, ModelError, label_names};

/// The values of the option `pile`, in this order.
pub(super) const MODES: [&str; 3] = ["auto", "on", "off"];

/// More unlabelled texts than this add time and little else: an even sample of them is taken.
const MAX_TEXTS: usize = 2_000;

/// With more labelled texts a label than this, `auto` does not ask: what the pile could add they say themselves.
const PLENTY: usize = 200;

/// The unlabelled texts to learn from, in order.
pub(super) fn texts(set: &TrainingSet) -> Vec<&str> {
    let sample = pile::even_sample(set.pile.len(), MAX_TEXTS);
    sample.filter_map(|at| set.pile.get(at).map(|text| &**text)).collect()
}

/// Whether the options and the texts ask for it. Pairs of texts are not told apart by what a label is called.
pub(super) fn is_wanted(set: &TrainingSet, options: &Options) -> bool {
    let something = !set.pile.is_empty() || !set.label_names.is_empty();
    something
        && set.seconds.is_empty()
        && !each_label_alone(set, options)
        && match options.word("pile") {
            "on" => true,
            "auto" => set.texts.len() <= PLENTY * set.n_labels,
            _ => false,
        }
}

/// On a tree, only the flat head of several labels a text can take a guess about one label that says nothing of the others.
fn each_label_alone(set: &TrainingSet, options: &Options) -> bool {
    let other = set.on_tree(options).is_some_and(|on| on.method != TreeMethod::Flat);
    other && matches!(set.targets, Targets::Multi(_))
}

/// What to say where unlabelled texts could teach, but not the way the tree is learnt.
pub(super) fn left_out(set: &TrainingSet, options: &Options) -> Option<String> {
    let wanted = matches!(options.word("pile"), "on" | "auto") && !set.pile.is_empty() && set.seconds.is_empty();
    (wanted && each_label_alone(set, options)).then(|| {
        "Unlabelled texts taught nothing: with several labels a text only tree=flat learns from them.".to_owned()
    })
}

/// What each label is called: its name, with the one above it where several labels of a tree have the same.
fn names(set: &TrainingSet) -> Vec<String> {
    let mut n_called = std::collections::HashMap::new();
    set.label_names
        .iter()
        .for_each(|name| *n_called.entry(name).or_insert(0) += 1);
    let name = |(label, name): (usize, &String)| {
        let above = set.tree.as_ref().and_then(|tree| tree.parent(label));
        match above.and_then(|above| set.label_names.get(above)) {
            Some(above) if n_called[name] > 1 => format!("{above} {name}"),
            _ => name.clone(),
        }
    };
    set.label_names.iter().enumerate().map(name).collect()
}

/// What lies beside the labelled texts, embedded.
pub(super) struct Gathered {
    names: Option<Embeddings>,
    pile: Embeddings,
}

impl Gathered {
    /// Embeds names and unlabelled texts; `on_progress` hears how many texts are done.
    ///
    /// # Errors
    /// [`ModelError::Stopped`] where `on_progress` says so, and whatever the encoder reports.
    pub(super) fn embed(
        set: &TrainingSet,
        encoder: &Encoder,
        on_progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Result<Gathered, ModelError> {
        let names = match set.label_names.len() == set.n_labels {
            true => Some(label_names::embed(encoder, &names(set))?),
            false => None,
        };
        Ok(Gathered {
            names,
            pile: encoder.embed(&texts(set), on_progress)?,
        })
    }

    pub(super) fn beside(&self) -> Beside<'_> {
        Beside {
            names: self.names.as_ref(),
            pile: &self.pile,
        }
    }
}

/// As by default, with the class weights that the options say.
fn settings(options: &Options) -> PileSettings {
    PileSettings {
        class_weight: fit_settings(options).class_weight,
        ..PileSettings::default()
    }
}

/// A head that learns from the pile where that helps: always with `on`, as the labelled texts say with `auto`. `None` where it does not; the
/// findings say why in both cases.
///
/// # Errors
/// Those of [`pile::fit`].
pub(super) fn fit_head(
    examples: Examples<'_>,
    gathered: &Gathered,
    options: &Options,
    seed: u64,
) -> Result<(Option<Fitted>, Findings), TrainError> {
    let (beside, settings) = (gathered.beside(), settings(options));
    let mut findings = Findings::new();
    if !asked(examples, gathered, options, seed, &mut findings)? {
        findings.insert("pile_texts".into(), 0.into());
        return Ok((None, findings));
    }
    let fitted = pile::fit(examples, beside, &settings)?;
    findings.extend(told(&fitted));
    let folds = options.whole("folds");
    let fitted = Fitted {
        out_of_fold: pile::out_of_fold(examples, beside, &settings, folds, seed)?,
        head: fitted.head,
        findings: findings.clone(),
    };
    Ok((Some(fitted), findings))
}

/// Whether to learn from the pile: always with `on`, as the labelled texts say with `auto`; what they say goes into the findings.
///
/// # Errors
/// Those of [`pile::verdict`].
pub(super) fn asked(
    examples: Examples<'_>,
    gathered: &Gathered,
    options: &Options,
    seed: u64,
    findings: &mut Findings,
) -> Result<bool, TrainError> {
    if options.word("pile") != "auto" {
        return Ok(true);
    }
    let settings = settings(options);
    let verdict = pile::verdict(examples, gathered.beside(), &settings, &fit_settings(options), seed)?;
    if let (Some(with), Some(without)) = (verdict.with, verdict.without) {
        findings.insert("held_out_with_pile".into(), rounded(with));
        findings.insert("held_out_without_pile".into(), rounded(without));
    }
    Ok(verdict.helps)
}

/// How many unlabelled texts counted, and how sure of them the head was.
pub(super) fn told(fitted: &PileFit) -> Findings {
    let mut findings = Findings::new();
    findings.insert("pile_texts".into(), fitted.guesses.len().into());
    if !fitted.guesses.is_empty() {
        findings.insert("pile_confidence".into(), rounded(fitted.confidence()));
    }
    findings
}

fn rounded(value: f64) -> serde_json::Value {
    ((value * 1e4).round() / 1e4).into()
}
