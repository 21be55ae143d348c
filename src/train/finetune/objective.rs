//! What fine-tuning makes small: cross-entropy or focal loss over the labels of texts, with what weighs rare labels up.

use candle_core::{DType, Tensor};

use super::layer::Columns;
use crate::model::Targets;
use crate::model::head::tree::NestedLoss;
use crate::model::head::{Link, TreeMethod};
use crate::train::{Options, TrainError, TrainingSet, class_losses, remarks};

/// The values of the option `loss`.
pub(crate) const LOSSES: [&str; 2] = ["cross_entropy", "focal"];

/// The most that a text with a label weighs against one without, with several labels a text. Of a label on one text in ten thousand that
/// one would weigh 9,999: whichever batch holds it would be about it alone, and what it learns would be that text. Of 32 texts with one
/// such among them, 100 gives it three quarters of the batch.
pub(crate) const MAX_POSITIVE_WEIGHT: f64 = 100.0;

/// A loss on logits.
#[derive(Debug, Clone)]
pub(crate) struct Objective {
    columns: Columns,
    /// Labels that would weigh more than [`MAX_POSITIVE_WEIGHT`].
    capped: Vec<usize>,
    /// One for each fitted label: what a text of it weighs, or for several labels a text what the label weighs where it is set.
    weights: Vec<f64>,
    /// The focal loss' α and 1 − α by whether the label is set; with one label a text by place: of the rarer label and the other.
    alpha: Option<Alpha>,
    /// The focal loss' γ; 0 for plain cross-entropy.
    gamma: f64,
    /// The share of each answer that is spread over all answers.
    smoothing: f64,
    /// In place of cross-entropy with one label a text: the loss of whole paths.
    nested: Option<NestedLoss>,
    /// One for each fitted label: what its level of the tree counts, with several labels a text.
    levels: Vec<f64>,
}

#[derive(Debug, Clone, Copy)]
struct Alpha {
    alpha: f64,
    /// With two labels of which a text has one: the place of the rarer.
    rarer: usize,
}

impl Objective {
    /// The loss that the options ask for; weights are of the texts of `set`.
    ///
    /// # Errors
    /// An α with three or more labels of which a text has one.
    pub(crate) fn new(columns: Columns, set: &TrainingSet, options: &Options) -> Result<Self, TrainError> {
        let counts = set.targets.counts(set.n_labels)?;
        let counts: Vec<usize> = columns.fitted.iter().map(|label| counts[*label]).collect();
        let focal = options.word("loss") == "focal";
        let mut objective = Objective {
            weights: vec![1.0; counts.len()],
            capped: Vec::new(),
            alpha: None,
            gamma: if focal { options.get("focal_gamma") } else { 0.0 },
            smoothing: options.get("label_smoothing"),
            nested: None,
            levels: vec![1.0; counts.len()],
            columns,
        };
        if let Some(on) = set.on_tree(options).filter(|on| on.method == TreeMethod::Shared) {
            let fitted = &objective.columns.fitted;
            match objective.columns.link {
                Link::OneVsRest => {
                    let levels = fitted.iter().map(|label| on.level_weight(on.tree.level(*label)));
                    objective.levels = levels.collect();
                }
                _ => objective.nested = Some(NestedLoss::new(on.tree, fitted, on.decay)),
            }
        }
        if options.word("class_weight") == "balanced" {
            let link = objective.columns.link;
            objective.weights = balanced(&counts, set.texts.len(), link);
            if link == Link::OneVsRest {
                objective.capped = cap(&mut objective.weights, &objective.columns.fitted);
            }
        }
        if focal && options.get("focal_alpha") > 0.0 {
            objective.alpha = Some(objective.alpha(&counts, options.get("focal_alpha"))?);
        }
        Ok(objective)
    }

    /// Which labels are so rare that their weight was capped.
    pub(crate) fn remark(&self, set: &TrainingSet) -> Option<String> {
        let names: Vec<String> = self.capped.iter().map(|label| set.name_of(*label)).collect();
        (!names.is_empty()).then(|| {
            format!(
                "So few texts carry {} that the weight of each was held at {MAX_POSITIVE_WEIGHT}. Label more of them.",
                remarks::listed(&names)
            )
        })
    }

    fn alpha(&self, counts: &[usize], alpha: f64) -> Result<Alpha, TrainError> {
        if self.columns.link == Link::Softmax && counts.len() > 2 {
            return Err(TrainError::BadOption {
                option: "focal_alpha".into(),
                value: alpha.to_string(),
                range: format!(
                    "0 where a text has one of {} labels: it tells two answers apart; class_weight=balanced weighs more of them",
                    counts.len()
                ),
            });
        }
        let rarer = usize::from(counts.len() == 2 && counts[1] <= counts[0]);
        Ok(Alpha { alpha, rarer })
    }

    /// Whether a text's labels can be compared with the logits: all texts of which some label has a logit, and with several labels a
    /// text every text.
    pub(crate) fn knows(&self, labels: &[usize]) -> bool {
        match self.columns.link {
            Link::OneVsRest => true,
            _ => labels.iter().any(|label| self.columns.place(*label).is_some()),
        }
    }

    /// What the losses of these texts are divided by for their mean: their number, or with class weights what they weigh together, as in
    /// torch.
    pub(crate) fn weight_of(&self, targets: &Targets, texts: &[usize]) -> f64 {
        let of_text = |text: &usize| match self.columns.link {
            Link::OneVsRest => self.columns.fitted.len() as f64,
            _ => self.class(targets, *text).map_or(0.0, |at| self.weights[at]),
        };
        texts.iter().map(of_text).sum()
    }

    /// The loss of `logits`, one row for each of `texts` of `targets`, divided by `weight`: for the mean that of
    /// [`Objective::weight_of`], for a part of it that of all parts. Returns a scalar.
    pub(crate) fn loss(
        &self,
        logits: &Tensor,
        targets: &Targets,
        texts: &[usize],
        weight: f64,
    ) -> candle_core::Result<Tensor> {
        match (self.columns.link, &self.nested) {
            (_, Some(nested)) => self.nested(nested, logits, targets, texts, weight),
            (Link::Softmax, _) => self.softmax(logits, targets, texts, weight),
            _ => self.sigmoids(logits, targets, texts, weight),
        }
    }

    /// Value and gradient are computed in f64, beside the tensors.
    fn nested(
        &self,
        nested: &NestedLoss,
        logits: &Tensor,
        targets: &Targets,
        texts: &[usize],
        weight: f64,
    ) -> candle_core::Result<Tensor> {
        let mut rows: Vec<Vec<f64>> = logits.to_dtype(DType::F64)?.to_vec2()?;
        let mut value = 0.0;
        for (row, text) in rows.iter_mut().zip(texts) {
            let Some(class) = self.class(targets, *text) else {
                row.fill(0.0);
                continue;
            };
            let share = self.weights[class] / weight;
            value += share * nested.evaluate(row, class);
            row.iter_mut().for_each(|slope| *slope *= share);
        }
        let gradient: Vec<f32> = rows.into_iter().flatten().map(|slope| slope as f32).collect();
        let gradient = Tensor::from_vec(gradient, logits.shape(), logits.device())?;
        // A line with the slopes of the loss that goes through its value.
        let line = (logits * gradient)?.sum_all()?;
        (&line - line.detach())? + value
    }

    fn softmax(&self, logits: &Tensor, targets: &Targets, texts: &[usize], weight: f64) -> candle_core::Result<Tensor> {
        let n_classes = self.columns.fitted.len();
        let classes: Vec<usize> = texts.iter().filter_map(|text| self.class(targets, *text)).collect();
        let mut weights = Vec::with_capacity(classes.len() * n_classes);
        for class in &classes {
            let alpha = self.alpha.map_or(1.0, |alpha| alpha.of(*class == alpha.rarer));
            weights.extend((0..n_classes).map(|at| {
                let own = if at == *class { 1.0 - self.smoothing } else { 0.0 };
                let share = own + self.smoothing / n_classes as f64;
                (alpha * self.weights[at] * share / weight) as f32
            }));
        }
        let weights = Tensor::from_vec(weights, (classes.len(), n_classes), logits.device())?;
        class_losses::softmax(logits, &classes, &weights, self.gamma)
    }

    fn sigmoids(
        &self,
        logits: &Tensor,
        targets: &Targets,
        texts: &[usize],
        weight: f64,
    ) -> candle_core::Result<Tensor> {
        let n_logits = self.columns.n_logits();
        let n = texts.len() * n_logits;
        let (mut signs, mut yes, mut no) = (vec![-1f32; n], vec![0f32; n], vec![0f32; n]);
        for (row, text) in texts.iter().enumerate() {
            let cells = row * n_logits..(row + 1) * n_logits;
            for at in self.logits_set(targets, *text) {
                signs[cells.start + at] = 1.0;
            }
            for (at, cell) in cells.enumerate() {
                let is_set = signs[cell] > 0.0;
                let (for_yes, for_no) = self.answers(targets, *text, at, is_set);
                (yes[cell], no[cell]) = ((for_yes / weight) as f32, (for_no / weight) as f32);
            }
        }
        let table = |numbers: Vec<f32>| Tensor::from_vec(numbers, (texts.len(), n_logits), logits.device());
        class_losses::sigmoids(logits, &table(signs)?, &table(yes)?, &table(no)?, self.gamma)
    }

    /// What the two answers of a logit weigh for a text.
    fn answers(&self, targets: &Targets, text: usize, logit: usize, is_set: bool) -> (f64, f64) {
        let yes = if is_set {
            1.0 - self.smoothing / 2.0
        } else {
            self.smoothing / 2.0
        };
        let (yes, no) = (yes, 1.0 - yes);
        match self.columns.link {
            Link::OneVsRest => {
                let [set, unset] = self.alpha.map_or([1.0; 2], |alpha| [alpha.of(true), alpha.of(false)]);
                let level = self.levels[logit];
                (self.weights[logit] * set * yes * level, unset * no * level)
            }
            _ => {
                let class = usize::from(is_set);
                let alpha = self.alpha.map_or(1.0, |alpha| alpha.of(class == alpha.rarer));
                let weight = self.class(targets, text).map_or(0.0, |at| self.weights[at]) * alpha;
                (weight * yes, weight * no)
            }
        }
    }

    /// The logits that should be high for a text.
    fn logits_set<'a>(&'a self, targets: &'a Targets, text: usize) -> impl Iterator<Item = usize> + 'a {
        let places = targets.of(text).iter().filter_map(|label| self.columns.place(*label));
        let one = self.columns.link == Link::Sigmoid;
        places.filter_map(move |at| if one { at.checked_sub(1) } else { Some(at) })
    }

    /// The place of a text's only label.
    fn class(&self, targets: &Targets, text: usize) -> Option<usize> {
        self.columns.place(*targets.of(text).first()?)
    }
}

impl Alpha {
    fn of(self, favoured: bool) -> f64 {
        if favoured { self.alpha } else { 1.0 - self.alpha }
    }
}

/// Weights by which every label counts the same. One label a text: `n / (labels · n of the label)`, scikit-learn's `balanced`. Several:
/// texts without the label for each one with it, as torch's `pos_weight` is meant.
fn balanced(counts: &[usize], n_texts: usize, link: Link) -> Vec<f64> {
    let weight = |count: &usize| {
        let count = *count as f64;
        match link {
            Link::OneVsRest => ((n_texts as f64 - count) / count).max(1.0 / n_texts as f64),
            _ => n_texts as f64 / (counts.len() as f64 * count),
        }
    };
    counts.iter().map(weight).collect()
}

/// Holds weights at [`MAX_POSITIVE_WEIGHT`]; the labels, in the weights' order, whose weight was higher.
fn cap(weights: &mut [f64], labels: &[usize]) -> Vec<usize> {
    let mut capped = Vec::new();
    for (weight, label) in weights.iter_mut().zip(labels) {
        if *weight > MAX_POSITIVE_WEIGHT {
            *weight = MAX_POSITIVE_WEIGHT;
            capped.push(*label);
        }
    }
    capped
}
