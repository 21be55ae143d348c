//! What is worked out once for an evaluation and then only looked at: decisions, histograms, curves, bands.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use egui::Color32;

use crate::core::metrics::{Cooccurrence, DEFAULT_THRESHOLD, decide_all};
use crate::core::thresholds::{Band, Histogram, Objective, band};
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
    pub decided: Vec<Vec<usize>>,
    by_label: Rc<Vec<LabelFigures>>,
    cooccurrence: OnceCell<Cooccurrence>,
}

#[derive(Default)]
struct LabelFigures {
    histogram: OnceCell<Histogram>,
    curve: OnceCell<Vec<[f64; 2]>>,
    /// By the objective as it is written.
    bands: RefCell<HashMap<String, Option<Band>>>,
}

impl Figures {
    /// `before`: the figures on show until now; what rests on the same scores and labels is kept.
    pub fn new(evaluation: Arc<Evaluation>, before: Option<&Figures>) -> Self {
        let same = |before: &&Figures| {
            let old = &before.evaluation;
            old.run == evaluation.run
                && old.ids == evaluation.ids
                && old.truth == evaluation.truth
                && old.matrix == evaluation.matrix
        };
        let by_label = match before.filter(same) {
            Some(before) => before.by_label.clone(),
            None => Rc::new(evaluation.labels.iter().map(|_| LabelFigures::default()).collect()),
        };
        Figures {
            decided: decide_all(evaluation.task, &evaluation.matrix, &evaluation.thresholds),
            evaluation,
            by_label,
            cooccurrence: OnceCell::new(),
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

    /// The histogram of a label's scores.
    pub fn histogram(&self, label: usize) -> Option<&Histogram> {
        let curve = self.evaluation.curves.get(label)?;
        Some(
            self.by_label
                .get(label)?
                .histogram
                .get_or_init(|| curve.histogram(N_BINS)),
        )
    }

    /// (recall, precision) of a label.
    pub fn precision_recall(&self, label: usize) -> &[[f64; 2]] {
        let (Some(known), Some(curve)) = (self.by_label.get(label), self.evaluation.curves.get(label)) else {
            return &[];
        };
        known.curve.get_or_init(|| {
            let points = curve.precision_recall_thinned(N_POINTS);
            points.iter().map(|point| [point.recall, point.precision]).collect()
        })
    }

    /// The band of a label's best threshold if it is known already.
    pub fn known_band(&self, label: usize, objective: Objective) -> Option<Option<Band>> {
        self.by_label
            .get(label)?
            .bands
            .borrow()
            .get(&objective.to_string())
            .copied()
    }

    /// Works the band of a label's best threshold out. `None` inside where it cannot be said or would take too long.
    pub fn work_out_band(&self, label: usize, objective: Objective) {
        let (Some(known), Some(curve)) = (self.by_label.get(label), self.evaluation.curves.get(label)) else {
            return;
        };
        let n_resamples = (MOST_DRAWS / curve.n().max(1)).min(MOST_RESAMPLES);
        let found = (n_resamples >= FEWEST_RESAMPLES)
            .then(|| band(curve, objective, DEFAULT_THRESHOLD, n_resamples, label as u64))
            .flatten();
        known.bands.borrow_mut().insert(objective.to_string(), found);
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
                name: path,
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
