//! From examples to a head: which labels get a logit, what each is fitted on, and where the search starts.
//!
//! Not here: the loss (`objective`), the minimiser (`lbfgs`), what may be fitted on (`examples`).

use rayon::prelude::*;

use super::objective::Objective;
use super::stored::Stored;
use super::tree::{NestedLoss, OnTree};
use super::{ClassWeight, Examples, FitSettings, HeadError, Link, LogisticHead, Targets, lbfgs};

/// Bounds of the gradient of the mean loss at which the search ends: the least whatever the precision, and the largest by precision, which is
/// for intercepts, which no penalty makes convex. The least is four digits below where scikit-learn stops: with thousands of texts the weights
/// are within a thousandth of the optimum then, far less than another draw of the texts would move them.
const GRADIENT: (f64, f64) = (1e-8, 1e-2);
const MAX_ITERATIONS: usize = 1000;

/// The loss of whole paths is not convex, so that there is no optimum to be found to the last digit: it ends sooner.
const NESTED_PRECISION: f64 = 1e-2;
const NESTED_ITERATIONS: usize = 200;

impl LogisticHead {
    /// Fits on examples with an L2 penalty; intercepts are not penalised.
    ///
    /// The objective is scikit-learn's: the mean of the losses by weight, + ‖W‖² / (2 · C · sum of weights). The optimum is unique and found to
    /// working precision, so the result does not depend on a seed or on threads. Cost: some tens of passes over the embeddings, times
    /// labels.
    ///
    /// # Errors
    /// No texts, fewer than two labels with examples, embeddings that are all the same or not finite, weights that are not above 0, shapes
    /// that do not match, a strategy for the other kind of targets.
    pub fn fit(examples: Examples<'_>, settings: &FitSettings) -> Result<Self, HeadError> {
        Self::refit(examples, settings, None)
    }

    /// Like [`LogisticHead::fit`], starting at `previous` where that has the same shape: the same optimum, sooner.
    ///
    /// # Errors
    /// Those of [`LogisticHead::fit`].
    pub fn refit(
        examples: Examples<'_>,
        settings: &FitSettings,
        previous: Option<&LogisticHead>,
    ) -> Result<Self, HeadError> {
        Self::fit_columns(examples, settings, None, previous)
    }

    /// With the loss of whole paths for one label a text; for several, each sigmoid's examples count what its level does.
    ///
    /// # Errors
    /// Those of [`LogisticHead::fit`]; one-vs-rest with one label a text.
    pub(super) fn refit_nested(
        examples: Examples<'_>,
        settings: &FitSettings,
        on: OnTree<'_>,
        previous: Option<&LogisticHead>,
    ) -> Result<Self, HeadError> {
        Self::fit_columns(examples, settings, Some(on), previous)
    }

    fn fit_columns(
        examples: Examples<'_>,
        settings: &FitSettings,
        nested: Option<OnTree<'_>>,
        previous: Option<&LogisticHead>,
    ) -> Result<Self, HeadError> {
        let counts = examples.check(settings)?;
        examples.check_learnable(&counts)?;
        let problem = Problem {
            x: examples.x.data.iter().map(|v| f64::from(*v)).collect(),
            dim: examples.x.dim,
            weights: examples.row_weights(),
            settings: *settings,
            nested,
            previous: previous.filter(|previous| previous.dim == examples.x.dim),
        };
        let link = settings.strategy.link(examples.targets)?;
        if nested.is_some() && link == Link::NormalizedOneVsRest {
            return Err(HeadError::SharedOneVsRest);
        }
        Ok(match examples.targets {
            Targets::Single(labels) => problem.single(labels, &counts, link),
            Targets::Multi(labels) => problem.multi(labels, &counts, link),
        })
    }

    /// A head whose logits were learnt elsewhere: one for each label of `fitted`, ascending, with `weights` `(logits, dim)` row-major. The
    /// other labels of `n_labels` are never predicted.
    ///
    /// # Errors
    /// Parts that do not fit together, or numbers that are not finite.
    pub fn from_logits(
        link: Link,
        dim: usize,
        fitted: Vec<usize>,
        (weights, intercepts): (Vec<f64>, Vec<f64>),
        n_labels: usize,
    ) -> Result<Self, HeadError> {
        LogisticHead::try_from(Stored {
            dim,
            link,
            fitted,
            weights,
            intercepts,
            constants: vec![0.0; n_labels],
            chain: Vec::new(),
        })
    }

    /// A head that says the same of every text: `probabilities`, one a label.
    pub(super) fn constant(link: Link, dim: usize, probabilities: Vec<f64>) -> Self {
        LogisticHead {
            dim,
            link,
            fitted: Vec::new(),
            weights: Vec::new(),
            intercepts: Vec::new(),
            constants: probabilities,
            chain: Vec::new(),
        }
    }

    /// The parameters of a label that has its own logit, as its problem has them: weights, those of the labels before it in a chain, intercept.
    fn row(&self, label: usize) -> Option<Vec<f64>> {
        let at = self.fitted.binary_search(&label).ok()?;
        let mut row = self.weights.get(at * self.dim..(at + 1) * self.dim)?.to_vec();
        if self.link == Link::Chain {
            row.extend(self.chained(at));
        }
        row.push(*self.intercepts.get(at)?);
        Some(row)
    }
}

/// Examples ready to be fitted on.
struct Problem<'a> {
    /// `(n, dim)`, row-major.
    x: Vec<f64>,
    dim: usize,
    weights: Vec<f64>,
    settings: FitSettings,
    /// The tree of [`LogisticHead::refit_nested`].
    nested: Option<OnTree<'a>>,
    /// Of the same `dim`.
    previous: Option<&'a LogisticHead>,
}

impl Problem<'_> {
    fn single(&self, labels: &[usize], counts: &[usize], link: Link) -> LogisticHead {
        let fitted: Vec<usize> = (0..counts.len()).filter(|label| counts[*label] > 0).collect();
        let constants = vec![0.0; counts.len()];
        if fitted.len() > 2 && link == Link::NormalizedOneVsRest {
            return self.one_vs_rest(link, fitted, constants, |text, label| labels[text] == label);
        }
        let mut place = vec![0; counts.len()];
        fitted.iter().enumerate().for_each(|(at, label)| place[*label] = at);
        let y: Vec<usize> = labels.iter().map(|label| place[*label]).collect();
        let loss = self.nested.map(|on| NestedLoss::new(on.tree, &fitted, on.decay));
        let (link, n_outputs) = match fitted.len() {
            2 if loss.is_none() => (Link::Sigmoid, 1),
            more => (Link::Softmax, more),
        };
        let start = self.previous.filter(|p| p.link == link && p.fitted == fitted);
        let start = start.map(|p| [p.weights.as_slice(), &p.intercepts].concat());
        let how = How {
            nested: loss.as_ref(),
            c: self.settings.c * self.nested.map_or(1.0, |on| on.strength()),
        };
        let mut weights = self.optimum((&self.x, self.dim), &y, n_outputs, start, how);
        let intercepts = weights.split_off(n_outputs * self.dim);
        LogisticHead {
            dim: self.dim,
            link,
            fitted,
            weights,
            intercepts,
            constants,
            chain: Vec::new(),
        }
    }

    fn multi(&self, labels: &[Vec<usize>], counts: &[usize], link: Link) -> LogisticHead {
        let n = labels.len();
        let varies = |label: &usize| (1..n).contains(&counts[*label]);
        let fitted: Vec<usize> = (0..counts.len()).filter(varies).collect();
        let constants = counts.iter().map(|count| if *count == n { 1.0 } else { 0.0 }).collect();
        self.one_vs_rest(link, fitted, constants, |text, label| labels[text].contains(&label))
    }

    /// A sigmoid for each label of `fitted`; in a chain, the labels before it are columns too.
    fn one_vs_rest(
        &self,
        link: Link,
        fitted: Vec<usize>,
        constants: Vec<f64>,
        is_set: impl Fn(usize, usize) -> bool + Sync,
    ) -> LogisticHead {
        let previous = self.previous.filter(|p| p.link == link);
        let previous = previous.filter(|p| link != Link::Chain || p.fitted == fitted);
        let parameters: Vec<Vec<f64>> = fitted
            .par_iter()
            .enumerate()
            .map(|(at, label)| {
                let y: Vec<usize> = (0..self.weights.len())
                    .map(|text| usize::from(is_set(text, *label)))
                    .collect();
                let start = previous.and_then(|p| p.row(*label));
                let of_level = |on: OnTree<'_>| on.strength() * on.level_weight(on.tree.level(*label));
                // Examples that count so much in a loss of their own are a penalty so much weaker.
                let how = How {
                    nested: None,
                    c: self.settings.c * self.nested.map_or(1.0, of_level),
                };
                match link {
                    Link::Chain if at > 0 => {
                        let before = &fitted[..at];
                        let x = self.with_columns(at, |text, column| is_set(text, before[column]));
                        self.optimum((&x, self.dim + at), &y, 1, start, how)
                    }
                    _ => self.optimum((&self.x, self.dim), &y, 1, start, how),
                }
            })
            .collect();
        let mut head = LogisticHead {
            dim: self.dim,
            link,
            fitted,
            weights: Vec::new(),
            intercepts: Vec::new(),
            constants,
            chain: Vec::new(),
        };
        for mut row in parameters {
            head.intercepts.extend(row.pop());
            head.chain.extend(row.split_off(self.dim));
            head.weights.extend(row);
        }
        head
    }

    /// The embeddings, each followed by `n` columns of 0 or 1.
    fn with_columns(&self, n: usize, is_set: impl Fn(usize, usize) -> bool) -> Vec<f64> {
        let mut wide = Vec::with_capacity(self.weights.len() * (self.dim + n));
        for (text, row) in self.x.chunks_exact(self.dim).enumerate() {
            wide.extend_from_slice(row);
            wide.extend((0..n).map(|column| f64::from(u8::from(is_set(text, column)))));
        }
        wide
    }

    /// Minimises from `start`, or from zero.
    fn optimum(
        &self,
        (x, dim): (&[f64], usize),
        y: &[usize],
        n_outputs: usize,
        start: Option<Vec<f64>>,
        how: How<'_>,
    ) -> Vec<f64> {
        let weights = match self.settings.class_weight {
            ClassWeight::None => self.weights.clone(),
            ClassWeight::Balanced => balanced(&self.weights, y, n_outputs.max(2)),
        };
        let objective = Objective {
            x,
            dim,
            y,
            weights: &weights,
            n_outputs,
            c: how.c,
            nested: how.nested,
        };
        let mut parameters = start.unwrap_or_else(|| vec![0.0; objective.n_parameters()]);
        // The objective is the mean loss, so the bound on the gradient of the sum shrinks by the sum of weights times C.
        let (precision, iterations) = match how.nested {
            Some(_) => (self.settings.precision.max(NESTED_PRECISION), NESTED_ITERATIONS),
            None => (self.settings.precision, MAX_ITERATIONS),
        };
        let bound = precision / (how.c * objective.total_weight());
        let stop = lbfgs::Stop {
            gradient: bound.clamp(GRADIENT.0, GRADIENT.1 * precision),
            iterations,
        };
        lbfgs::minimise(&mut parameters, stop, |at, gradient| objective.evaluate(at, gradient));
        parameters
    }
}

/// What one search makes small.
#[derive(Clone, Copy)]
struct How<'a> {
    nested: Option<&'a NestedLoss>,
    c: f64,
}

/// The weights, each times total / (K · total of its class).
fn balanced(weights: &[f64], y: &[usize], n_classes: usize) -> Vec<f64> {
    let mut of_class = vec![0.0; n_classes];
    weights.iter().zip(y).for_each(|(w, class)| of_class[*class] += w);
    let total: f64 = of_class.iter().sum();
    let weighted = weights.iter().zip(y);
    weighted
        .map(|(w, class)| w * total / (n_classes as f64 * of_class[*class]))
        .collect()
}
