//! What unlabelled texts are worth: a head that also learns from the names of the labels and from the texts it is surest of itself.
//!
//! Self-training (Scudder, *Probability of error of some adaptive pattern-recognition machines*, 1965) with three safeguards: texts that lie
//! further from the labelled ones than these lie from each other are left out, of each label only the surest share counts, and labelled texts
//! weigh more. Whether it helps is asked of the labelled texts ([`verdict`]). Not here: encoders. What a head guesses about unlabelled texts
//! is never a label: it ends with the fit.

mod guesses;
mod near;
mod verdict;

use rayon::prelude::*;

use super::{ClassWeight, Examples, FitSettings, Head, HeadError, Link, LogisticHead, Targets, TreeMethod, shape};
use crate::model::Embeddings;

pub use guesses::Guess;
pub use verdict::{Verdict, out_of_fold, verdict};

/// What a head can learn from beside labelled texts.
#[derive(Debug, Clone, Copy)]
pub struct Beside<'a> {
    /// One row per label, of its name; `None` where names are not to count.
    pub names: Option<&'a Embeddings>,
    /// The unlabelled texts.
    pub pile: &'a Embeddings,
}

/// How to learn from them. The defaults were chosen on five data sets with 8 and 64 texts a label; `docs/accuracy.md` has the figures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PileSettings {
    /// Inverse strength of the penalty; `None`: 10 with 8 texts a label or fewer, and the less the more there are.
    pub c: Option<f64>,
    /// The most often the guesses are made anew; fewer where they no longer change.
    pub rounds: usize,
    /// Share of the texts guessed to have a label that count as having it, the surest first; in 0..=1.
    pub share: f64,
    /// What a labelled text counts, where a guessed one counts 1.
    pub labelled_weight: f64,
    /// What a label's name counts, where a guessed text counts 1.
    pub name_weight: f64,
    /// How labels weigh against each other, by the labelled texts and all that counts beside them.
    pub class_weight: ClassWeight,
}

impl Default for PileSettings {
    fn default() -> Self {
        PileSettings {
            c: None,
            rounds: 4,
            share: 0.5,
            labelled_weight: 3.0,
            name_weight: 6.0,
            class_weight: ClassWeight::default(),
        }
    }
}

/// A head and what it took from the pile.
#[derive(Debug, Clone, PartialEq)]
pub struct PileFit {
    /// Fitted on labelled texts, names and guessed texts.
    pub head: Head,
    /// The unlabelled texts that counted in its last fit, ascending by row.
    pub guesses: Vec<Guess>,
}

impl PileFit {
    /// Mean probability of the guesses; 0 where there are none.
    pub fn confidence(&self) -> f64 {
        let sum: f64 = self.guesses.iter().map(|guess| f64::from(guess.confidence)).sum();
        sum / self.guesses.len().max(1) as f64
    }
}

/// Places of an even sample of `n` things, at most so many, ascending: all where there are no more.
pub fn even_sample(n: usize, at_most: usize) -> impl Iterator<Item = usize> {
    let n_taken = n.min(at_most);
    (0..n_taken).map(move |at| at * n / n_taken)
}

/// Strength where a label has [`FEW`] texts.
const STRONG_C: f64 = 10.0;
const FEW: f64 = 8.0;

/// Guesses are rougher than the last digits of weights.
const PRECISION: f64 = 0.1;

/// Guesses that stay the same for this share of texts have settled.
const SETTLED: f64 = 0.99;

/// Fits a head on `examples` and what lies beside them. The `strategy` of the examples' own fit is not used: one label a
/// text gives a softmax, any number a sigmoid each.
///
/// On a tree the guesses are those of the flat head, and with one label a text the head is then fitted on them as the tree says; with several,
/// where each label has other guesses, it is flat.
///
/// Deterministic. Cost: up to 1 + `rounds` fits on labelled texts, names and about `share` of the pile.
///
/// # Errors
/// Those of [`LogisticHead::fit`]; names or unlabelled texts of another width, names that are not one per label.
pub fn fit(examples: Examples<'_>, beside: Beside<'_>, settings: &PileSettings) -> Result<PileFit, HeadError> {
    let learner = Learner::new(examples, beside, settings)?;
    let (mut head, mut guesses) = (learner.head(&[], None)?, Vec::new());
    for _ in 0..settings.rounds {
        let probabilities = head.predict_proba(&learner.pile)?;
        let anew = learner.guess(&probabilities);
        let settled = guesses::share_in_common(&anew, &guesses) >= SETTLED;
        if anew.is_empty() || settled {
            break;
        }
        head = learner.head(&anew, Some(&head))?;
        guesses = anew;
    }
    let head = learner.on_tree(head, &guesses)?;
    for guess in &mut guesses {
        guess.row = learner.near[guess.row];
    }
    Ok(PileFit { head, guesses })
}

/// Everything that stays the same from round to round.
struct Learner<'a> {
    examples: Examples<'a>,
    names: Option<Embeddings>,
    /// Rows of the pile that lie near the labelled texts, ascending, and their embeddings.
    near: Vec<usize>,
    pile: Embeddings,
    /// Share of the labelled texts that carry each label.
    rates: Vec<f64>,
    /// Labels whose names count.
    named: Vec<usize>,
    fit: FitSettings,
    settings: &'a PileSettings,
}

impl<'a> Learner<'a> {
    fn new(examples: Examples<'a>, beside: Beside<'_>, settings: &'a PileSettings) -> Result<Self, HeadError> {
        let dim = examples.x.dim;
        shape(
            "values per unlabelled text",
            dim,
            if beside.pile.is_empty() { dim } else { beside.pile.dim },
        )?;
        if let Some(names) = beside.names {
            shape("values per label name", dim, names.dim)?;
            shape("label names", examples.n_labels, names.len())?;
        }
        let counts = examples.targets.counts(examples.n_labels)?;
        let n = examples.targets.len().max(1) as f64;
        let near = near::belonging(examples.x, beside.pile);
        Ok(Learner {
            examples,
            names: beside.names.map(|names| near::of_length(names, examples.x)),
            pile: Embeddings {
                dim,
                ..beside.pile.rows(&near)
            },
            near,
            rates: counts.iter().map(|count| *count as f64 / n).collect(),
            named: (0..examples.n_labels)
                .filter(|label| examples.may_be_answer(*label, &counts))
                .collect(),
            fit: FitSettings {
                precision: PRECISION,
                class_weight: settings.class_weight,
                ..FitSettings::with_c(settings.c.unwrap_or_else(|| strength(&counts)))
            },
            settings,
        })
    }

    fn guess(&self, probabilities: &[Vec<f32>]) -> Vec<Guess> {
        match self.examples.targets {
            Targets::Single(_) => guesses::of_one_label(probabilities, self.settings.share),
            Targets::Multi(_) => guesses::of_any_number(probabilities, &self.rates, self.settings.share),
        }
    }

    fn head(&self, guesses: &[Guess], previous: Option<&LogisticHead>) -> Result<LogisticHead, HeadError> {
        match self.examples.targets {
            Targets::Single(labels) => self.softmax(labels, guesses, previous),
            Targets::Multi(labels) => self.sigmoids(labels, guesses),
        }
    }

    fn softmax(
        &self,
        labels: &[usize],
        guesses: &[Guess],
        previous: Option<&LogisticHead>,
    ) -> Result<LogisticHead, HeadError> {
        let (rows, targets) = self.with_guesses(labels, guesses);
        LogisticHead::refit(rows.examples(&targets, self.examples.n_labels), &self.fit, previous)
    }

    /// Labelled texts, names and guessed texts, with one label each.
    fn with_guesses(&self, labels: &[usize], guesses: &[Guess]) -> (Rows, Targets) {
        let mut rows = Rows::labelled(self);
        let mut labels = labels.to_vec();
        if let Some(names) = &self.names {
            rows.add(names, self.named.iter().copied(), self.settings.name_weight);
            labels.extend(&self.named);
        }
        rows.add(&self.pile, guesses.iter().map(|guess| guess.row), 1.0);
        labels.extend(guesses.iter().filter_map(|guess| guess.set.first()));
        (rows, Targets::Single(labels))
    }

    /// The head on the tree of the labels, where they have one.
    fn on_tree(&self, flat: LogisticHead, guesses: &[Guess]) -> Result<Head, HeadError> {
        let on = self.examples.tree;
        match (on, self.examples.targets) {
            (Some(on), Targets::Single(labels)) if on.method != TreeMethod::Flat => {
                let (rows, targets) = self.with_guesses(labels, guesses);
                Head::fit(rows.examples(&targets, self.examples.n_labels).on(Some(on)), &self.fit)
            }
            _ => Head::of_answers(flat, on.map(|on| on.tree)),
        }
    }

    /// A sigmoid for each label, each fitted on the texts whose answer to it is guessed.
    fn sigmoids(&self, labels: &[Vec<usize>], guesses: &[Guess]) -> Result<LogisticHead, HeadError> {
        let n = labels.len();
        let counts = self.examples.targets.counts(self.examples.n_labels)?;
        let fitted: Vec<usize> = (0..counts.len())
            .filter(|label| (1..n).contains(&counts[*label]))
            .collect();
        if fitted.is_empty() {
            return Err(HeadError::EveryLabelConstant);
        }
        let one = |label: &usize| self.sigmoid(*label, labels, guesses);
        let heads: Vec<LogisticHead> = fitted.par_iter().map(one).collect::<Result<_, _>>()?;
        Ok(LogisticHead {
            dim: self.examples.x.dim,
            link: Link::OneVsRest,
            fitted,
            weights: heads.iter().flat_map(|head| &head.weights).copied().collect(),
            intercepts: heads.iter().flat_map(|head| &head.intercepts).copied().collect(),
            constants: counts.iter().map(|count| if *count == n { 1.0 } else { 0.0 }).collect(),
            chain: Vec::new(),
        })
    }

    fn sigmoid(&self, label: usize, labels: &[Vec<usize>], guesses: &[Guess]) -> Result<LogisticHead, HeadError> {
        let mut rows = Rows::labelled(self);
        let mut is_set: Vec<usize> = labels
            .iter()
            .map(|of_text| usize::from(of_text.contains(&label)))
            .collect();
        if let Some(names) = &self.names {
            rows.add(names, [label], self.settings.name_weight);
            is_set.push(1);
        }
        let set = guesses.iter().filter(|guess| guess.set.contains(&label));
        let unset = guesses.iter().filter(|guess| guess.unset.contains(&label));
        for (answer, answered) in [(1, set.collect::<Vec<_>>()), (0, unset.collect())] {
            rows.add(&self.pile, answered.iter().map(|guess| guess.row), 1.0);
            is_set.resize(is_set.len() + answered.len(), answer);
        }
        LogisticHead::fit(rows.examples(&Targets::Single(is_set), 2), &self.fit)
    }
}

fn strength(counts: &[usize]) -> f64 {
    let n_seen = counts.iter().filter(|n| **n > 0).count().max(1);
    let per_label = counts.iter().sum::<usize>() as f64 / n_seen as f64;
    (STRONG_C * FEW / per_label.max(1.0)).clamp(super::DEFAULT_C, STRONG_C)
}

/// Embeddings with weights, as they are put together for a fit.
struct Rows {
    x: Embeddings,
    weights: Vec<f64>,
}

impl Rows {
    fn labelled(learner: &Learner<'_>) -> Rows {
        let mut weights = learner.examples.row_weights();
        weights
            .iter_mut()
            .for_each(|weight| *weight *= learner.settings.labelled_weight);
        Rows {
            x: learner.examples.x.clone(),
            weights,
        }
    }

    fn add(&mut self, of: &Embeddings, rows: impl IntoIterator<Item = usize>, weight: f64) {
        for row in rows {
            self.x.data.extend(of.row(row).unwrap_or_default());
            self.weights.push(weight);
        }
    }

    fn examples<'a>(&'a self, targets: &'a Targets, n_labels: usize) -> Examples<'a> {
        Examples::new(&self.x, targets, n_labels).weighted(&self.weights)
    }
}

#[cfg(test)]
mod tests;
