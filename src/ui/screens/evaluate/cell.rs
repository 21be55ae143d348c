//! A cell of the tables of the Confusion tab: what it is called, which texts are in it, and what correcting them means.

use super::{figures::Figures, heat_table::View};
use crate::core::metrics::{Outcome, Place, rows_decided, rows_given, rows_placed, rows_together, rows_with_outcome};
use crate::core::{LabelId, TaskKind, Text};
use crate::jobs::Evaluation;
use crate::model::Target;
use crate::ui::desk::Desk;

/// A cell of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cell {
    /// Single-label: true label and decided one; `None`: no label reached its threshold.
    Pair { truth: usize, decided: Option<usize> },
    /// Multi-label: one of the four outcomes of a label.
    Outcome { label: usize, outcome: Outcome },
    /// Multi-label: a label the texts have, and one they were given and do not have; `None`: they were given none at all.
    Given { truth: usize, decided: Option<usize> },
    /// Multi-label: two labels the texts truly have.
    Together { label: usize, other: usize },
    /// Of a tree: where texts truly stand among the children of a label (`None`: at the top), and where they were put.
    Placed {
        under: Option<usize>,
        truth: Place,
        decided: Place,
    },
}

impl Cell {
    /// Whether it is a cell of this view of these figures.
    pub fn fits(self, figures: &Figures, view: View) -> bool {
        let known = |label: usize| label < figures.n_labels();
        match self {
            Cell::Pair { truth, decided } => {
                figures.evaluation.report.task == TaskKind::SingleLabel && known(truth) && decided.is_none_or(known)
            }
            Cell::Outcome { label, .. } => view == View::Outcomes && multi(figures) && known(label),
            Cell::Given { truth, decided } => {
                view == View::Taken && multi(figures) && known(truth) && decided.is_none_or(known)
            }
            Cell::Together { label, other } => view == View::Together && multi(figures) && known(label) && known(other),
            Cell::Placed { under, truth, decided } => {
                let places = figures.branch(under);
                view == View::Branch(under) && places.places.contains(&truth) && places.places.contains(&decided)
            }
        }
    }

    /// As it is called above its texts.
    pub fn title(self, desk: &Desk, figures: &Figures) -> String {
        let name = |label| figures.look(desk, label).name;
        match self {
            Cell::Pair { truth, decided: None } => format!("{} without a label", name(truth)),
            Cell::Pair {
                truth,
                decided: Some(decided),
            } if truth == decided => format!("{} rightly found", name(truth)),
            Cell::Pair {
                truth,
                decided: Some(decided),
            } => format!("{} taken for {}", name(truth), name(decided)),
            Cell::Outcome { label, outcome } => match outcome {
                Outcome::TruePositive => format!("{} rightly found", name(label)),
                Outcome::FalsePositive => format!("taken for {}", name(label)),
                Outcome::FalseNegative => format!("{} missed", name(label)),
                Outcome::TrueNegative => format!("rightly not {}", name(label)),
            },
            Cell::Given { truth, decided: None } => format!("{} given no label", name(truth)),
            Cell::Given {
                truth,
                decided: Some(decided),
            } if truth == decided => format!("{} rightly found", name(truth)),
            Cell::Given {
                truth,
                decided: Some(decided),
            } => format!("{} wrongly given {}", name(truth), name(decided)),
            Cell::Together { label, other } if label == other => format!("truly {}", name(label)),
            Cell::Together { label, other } => format!("truly {} and {}", name(label), name(other)),
            Cell::Placed { under, truth, decided } => {
                let here = |what: &str| match under {
                    Some(label) => format!("{what} {}", name(label)),
                    None => "no label".to_owned(),
                };
                let truly = match truth {
                    Place::Child(label) => name(label).to_owned(),
                    Place::Here => here("truly only"),
                    Place::Elsewhere => "elsewhere".to_owned(),
                };
                match decided {
                    _ if truth == decided => format!("{truly} rightly found"),
                    Place::Child(label) => format!("{truly} taken for {}", name(label)),
                    Place::Here => format!("{truly} left at {}", here("").trim()),
                    Place::Elsewhere => format!("{truly} taken elsewhere"),
                }
            }
        }
    }

    /// Rows of the evaluation that are in it.
    pub fn rows(self, figures: &Figures) -> Vec<usize> {
        let (truth, decided) = (&figures.evaluation.truth, &figures.decided);
        match self {
            Cell::Pair {
                truth: row,
                decided: Some(column),
            } => rows_decided(truth, decided, row, column),
            Cell::Pair {
                truth: row,
                decided: None,
            } => (0..truth.len())
                .filter(|at| {
                    truth.get(*at).is_some_and(|labels| *labels == [row]) && decided.get(*at).is_some_and(Vec::is_empty)
                })
                .collect(),
            Cell::Outcome { label, outcome } => rows_with_outcome(truth, decided, label, outcome),
            Cell::Given {
                truth: row,
                decided: column,
            } => rows_given(truth, decided, row, column),
            Cell::Together { label, other } => rows_together(truth, label, other),
            Cell::Placed {
                under,
                truth: place,
                decided: given,
            } => match &figures.evaluation.tree {
                Some(tree) => rows_placed(tree, under, truth, decided, place, given),
                None => Vec::new(),
            },
        }
    }

    /// The score the decision rests on.
    pub fn score(self, evaluation: &Evaluation, row: usize) -> f32 {
        let scores = evaluation.scores(row);
        let of = |label: usize| scores.get(label).copied().unwrap_or(f32::NAN);
        match self {
            Cell::Pair {
                decided: Some(decided), ..
            }
            | Cell::Given {
                decided: Some(decided), ..
            } => of(decided),
            Cell::Pair { decided: None, .. } | Cell::Given { decided: None, .. } => {
                scores.iter().copied().fold(f32::NAN, f32::max)
            }
            Cell::Outcome { label, .. } => of(label),
            Cell::Together { label, other } => of(label).min(of(other)),
            Cell::Placed { under, truth, decided } => match (decided, truth, under) {
                (Place::Child(label), ..) | (Place::Elsewhere, Place::Child(label), _) => of(label),
                (_, _, Some(under)) => of(under),
                (_, _, None) => scores.iter().copied().fold(f32::NAN, f32::max),
            },
        }
    }

    /// Whether a low score is a sure one: the model said no.
    pub fn says_no(self) -> bool {
        matches!(
            self,
            Cell::Outcome {
                outcome: Outcome::FalseNegative | Outcome::TrueNegative,
                ..
            } | Cell::Pair { decided: None, .. }
                | Cell::Given { decided: None, .. }
                | Cell::Placed {
                    decided: Place::Elsewhere,
                    ..
                }
        )
    }

    /// The score whose words are marked: of what was decided, against what is true where these are two labels of one choice.
    pub fn target(self) -> Target {
        let (label, against) = match self {
            Cell::Pair {
                truth,
                decided: Some(decided),
            } => (decided, (truth != decided).then_some(truth)),
            Cell::Pair { truth, decided: None } => (truth, None),
            Cell::Given { truth, decided } => (decided.unwrap_or(truth), None),
            Cell::Outcome { label, .. } => (label, None),
            Cell::Together { other, .. } => (other, None),
            Cell::Placed { under, truth, decided } => match (decided, truth) {
                (Place::Child(given), Place::Child(label)) => (given, (given != label).then_some(label)),
                (Place::Child(label), _) | (_, Place::Child(label)) => (label, None),
                _ => (under.unwrap_or(0), None),
            },
        };
        Target { label, against }
    }

    /// The label the model has given to the texts or would have had to take away, which correcting adds or removes; `None` where
    /// the model is right, or gives no label to take over.
    fn correction(self) -> Option<Correction> {
        match self {
            Cell::Pair {
                truth,
                decided: Some(decided),
            } if truth != decided => Some(Correction::Set(decided)),
            Cell::Outcome {
                label,
                outcome: Outcome::FalsePositive,
            } => Some(Correction::Add(label)),
            Cell::Outcome {
                label,
                outcome: Outcome::FalseNegative,
            } => Some(Correction::Remove(label)),
            Cell::Given {
                truth,
                decided: Some(decided),
            } if truth != decided => Some(Correction::Add(decided)),
            _ => None,
        }
    }

    /// The labels a text would have if the model were right; `None` where it is right, or gives no label to take over.
    pub fn corrected(self, evaluation: &Evaluation, text: &Text) -> Option<Vec<LabelId>> {
        let id = |label: usize| evaluation.labels.get(label).copied();
        if let Some(tree) = &evaluation.tree {
            let row = evaluation
                .ids
                .iter()
                .position(|id| *id == text.id)
                .filter(|_| self.is_wrong())?;
            let ends = tree.ends(evaluation.decided.get(row)?);
            let mut labels = ends.into_iter().map(id).collect::<Option<Vec<LabelId>>>()?;
            labels.sort_unstable();
            return (!labels.is_empty()).then_some(labels);
        }
        let now = text.annotation.as_ref().map(|annotation| annotation.labels.clone());
        let mut labels = now.unwrap_or_default();
        match self.correction()? {
            Correction::Set(label) => labels = vec![id(label)?],
            Correction::Add(label) => {
                labels.push(id(label)?);
                labels.sort_unstable();
                labels.dedup();
            }
            Correction::Remove(label) => {
                let label = id(label)?;
                labels.retain(|known| *known != label);
            }
        }
        Some(labels)
    }

    /// Of a tree: whether something was decided wrongly.
    fn is_wrong(self) -> bool {
        match self {
            Cell::Placed { truth, decided, .. } => truth != decided,
            Cell::Outcome { outcome, .. } => matches!(outcome, Outcome::FalsePositive | Outcome::FalseNegative),
            _ => false,
        }
    }

    /// What keeping and changing would do, as the buttons say it; no change where there is none to take over.
    pub fn verbs(self, desk: &Desk, figures: &Figures) -> (String, Option<String>) {
        let name = |label| figures.look(desk, label).name;
        if figures.evaluation.tree.is_some() {
            let change = self.is_wrong().then(|| "take the model's path".to_owned());
            return ("keep".to_owned(), change);
        }
        let keep = match self {
            Cell::Pair { truth, .. } => format!("keep {}", name(truth)),
            Cell::Outcome { .. } | Cell::Given { .. } => match self.correction() {
                Some(Correction::Add(label)) => format!("keep without {}", name(label)),
                Some(Correction::Remove(label)) => format!("keep {}", name(label)),
                _ => "keep".to_owned(),
            },
            Cell::Together { .. } | Cell::Placed { .. } => "keep".to_owned(),
        };
        let change = self.correction().map(|correction| match correction {
            Correction::Set(label) => format!("change to {}", name(label)),
            Correction::Add(label) => format!("add {}", name(label)),
            Correction::Remove(label) => format!("remove {}", name(label)),
        });
        (keep, change)
    }
}

fn multi(figures: &Figures) -> bool {
    figures.evaluation.report.task == TaskKind::MultiLabel
}

#[derive(Debug, Clone, Copy)]
enum Correction {
    Set(usize),
    Add(usize),
    Remove(usize),
}
