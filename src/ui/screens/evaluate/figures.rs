//! What is worked out once for an evaluation and then only looked at: decisions, histograms, curves, bands.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use egui::Color32;

use crate::core::ColumnTree;
use crate::core::label::PATH_SEPARATOR;
use crate::core::metrics::{BranchConfusion, Cooccurrence, default_threshold};
use crate::core::thresholds::{Band, Goal, Histogram, ThresholdCurve, band};
use crate::jobs::Evaluation;
use crate::ui::{desk::Desk, theme};

/// Bars of a label's histogram.
const N_BINS: usize = 30;
/// Points of a precision–recall curve: more than its width in points shows nothing new.
const N_POINTS: usize = 300;
/// Resamples behind a band, where there are few texts.
const MOST_RESAMPLES: usize = 100;
/// Texts drawn for one band, so that a frame that works one out stays within a few milliseconds.
const MOST_DRAWS: usize = 200_000;
/// With fewer resamples the ends of a band say nothing.
const FEWEST_RESAMPLES: usize = 20;

/// An evaluation and what is drawn of it.
pub(super) struct Figures {
    /// What the job has gathered.
    pub evaluation: Arc<Evaluation>,
    /// Decided columns of each row, at the thresholds of the report.
    pub decided: Arc<Vec<Vec<usize>>>,
    by_label: Rc<Vec<LabelFigures>>,
    /// Of the answers of a single-label task.
    answers: Rc<LabelFigures>,
    cooccurrence: OnceCell<Cooccurrence>,
    /// By the label whose children are counted.
    branches: RefCell<HashMap<Option<usize>, Rc<BranchConfusion>>>,
}

#[derive(Default)]
struct LabelFigures {
    histogram: OnceCell<Histogram>,
    precision_recall: OnceCell<Vec<[f64; 2]>>,
    roc: OnceCell<Vec<[f64; 2]>>,
    /// By the goal as it is written.
    bands: RefCell<HashMap<String, Option<Band>>>,
}

impl Figures {
    /// `before`: the figures on show until now; what rests on the same scores and labels is kept.
    pub fn new(evaluation: Arc<Evaluation>, before: Option<&Figures>) -> Self {
        let same = before.filter(|before| Arc::ptr_eq(&before.evaluation.curves, &evaluation.curves));
        let (by_label, answers) = match same {
            Some(before) => (before.by_label.clone(), before.answers.clone()),
            None => {
                let by_label = evaluation.labels.iter().map(|_| LabelFigures::default()).collect();
                (Rc::new(by_label), Rc::default())
            }
        };
        Figures {
            decided: evaluation.decided.clone(),
            evaluation,
            by_label,
            answers,
            cooccurrence: OnceCell::new(),
            branches: RefCell::default(),
        }
    }

    /// How many labels.
    pub fn n_labels(&self) -> usize {
        self.evaluation.labels.len()
    }

    /// Which labels come together.
    pub fn cooccurrence(&self) -> &Cooccurrence {
        let counted = || Cooccurrence::new(&self.evaluation.truth, &self.decided, self.n_labels());
        self.cooccurrence.get_or_init(counted)
    }

    /// What was taken for what among the children of a label of a tree; nothing where labels form none.
    pub fn branch(&self, under: Option<usize>) -> Rc<BranchConfusion> {
        let count = || {
            let tree = self.evaluation.tree.as_deref();
            let empty = ColumnTree::default();
            let (tree, truth) = (tree.unwrap_or(&empty), &self.evaluation.truth);
            Rc::new(BranchConfusion::new(tree, under, truth, &self.decided))
        };
        self.branches.borrow_mut().entry(under).or_insert_with(count).clone()
    }

    /// The curve of a label; of the answers without one.
    pub fn curve(&self, label: Option<usize>) -> Option<&ThresholdCurve> {
        match label {
            Some(label) => self.evaluation.curves.get(label),
            None => self.evaluation.answers.as_deref(),
        }
    }

    fn known(&self, label: Option<usize>) -> Option<&LabelFigures> {
        match label {
            Some(label) => self.by_label.get(label),
            None => Some(&self.answers),
        }
    }

    /// The histogram of a label's scores, or of the highest score of each text: right ones and wrong ones.
    pub fn histogram(&self, label: Option<usize>) -> Option<&Histogram> {
        let curve = self.curve(label)?;
        Some(self.known(label)?.histogram.get_or_init(|| curve.histogram(N_BINS)))
    }

    /// (recall, precision) of a label.
    pub fn precision_recall(&self, label: usize) -> &[[f64; 2]] {
        let (Some(known), Some(curve)) = (self.by_label.get(label), self.evaluation.curves.get(label)) else {
            return &[];
        };
        known.precision_recall.get_or_init(|| {
            let points = curve.precision_recall_thinned(N_POINTS);
            points.iter().map(|point| [point.recall, point.precision]).collect()
        })
    }

    /// (false positive rate, recall) of a label.
    pub fn roc(&self, label: usize) -> &[[f64; 2]] {
        let (Some(known), Some(curve)) = (self.by_label.get(label), self.evaluation.curves.get(label)) else {
            return &[];
        };
        known.roc.get_or_init(|| {
            let points = curve.roc_thinned(N_POINTS);
            points
                .iter()
                .map(|point| [point.false_positive_rate, point.recall])
                .collect()
        })
    }

    /// (coverage, accuracy) of the answers.
    pub fn coverage(&self) -> &[[f64; 2]] {
        let Some(curve) = self.evaluation.answers.as_deref() else {
            return &[];
        };
        self.answers.precision_recall.get_or_init(|| {
            let points = curve.accuracy_coverage(N_POINTS);
            points.iter().map(|point| [point.coverage, point.accuracy]).collect()
        })
    }

    /// The band of a label's best threshold, or of the best one on the answers, if it is known already.
    pub fn known_band(&self, label: Option<usize>, goal: Goal) -> Option<Option<Band>> {
        self.known(label)?.bands.borrow().get(&goal.to_string()).copied()
    }

    /// Works the band of a label's best threshold out. `None` inside where it cannot be said or would take too long.
    pub fn work_out_band(&self, label: Option<usize>, goal: Goal) {
        let (Some(known), Some(curve)) = (self.known(label), self.curve(label)) else {
            return;
        };
        let untuned = default_threshold(self.evaluation.task);
        let n_resamples = (MOST_DRAWS / curve.n().max(1)).min(MOST_RESAMPLES);
        let seed = label.unwrap_or(0) as u64;
        let found = (n_resamples >= FEWEST_RESAMPLES)
            .then(|| band(curve, goal, untuned, n_resamples, seed))
            .flatten();
        known.bands.borrow_mut().insert(goal.to_string(), found);
    }

    /// A label's name as it is shown, its full path and its colour. A label that was deleted since keeps the name it had.
    pub fn look<'a>(&'a self, desk: &'a Desk, label: usize) -> Look<'a> {
        let path = self.evaluation.label_names.get(label).map_or("", String::as_str);
        match self.evaluation.labels.get(label).and_then(|id| desk.looks.get(*id)) {
            Some(look) => Look {
                name: &look.name,
                path: &look.path,
                color: look.color,
            },
            None => Look {
                name: path.rsplit(PATH_SEPARATOR).next().unwrap_or(path),
                path,
                color: theme::DARK.text3,
            },
        }
    }
}

/// How a label of the run looks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its names from the root.
    pub path: &'a str,
    /// Its colour.
    pub color: Color32,
}

impl Look<'_> {
    /// A copy that outlives the desk it was read from.
    pub fn owned(self) -> (String, Color32) {
        (self.name.to_owned(), self.color)
    }
}
