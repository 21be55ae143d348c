//! A square table of counts as it is drawn: which cells it has, what they are shares of, and in which order its labels stand.

use std::rc::Rc;
use std::sync::Arc;

use super::{cell::Cell, figures::Figures};
use crate::core::TaskKind;
use crate::core::metrics::{Confusion, Cooccurrence, LabelOrder};
use crate::jobs::Evaluation;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum View {
    /// Multi-label: the four outcomes of each label, which is no square table.
    #[default]
    Outcomes,
    /// Single-label: true by predicted. Multi-label: labels a text was given and does not have, by labels it has.
    Taken,
    /// Multi-label: labels that texts truly carry together.
    Together,
}

impl View {
    /// The views of a multi-label run.
    pub const OF_MULTI: [View; 3] = [View::Outcomes, View::Taken, View::Together];

    /// The view itself, or the only one there is of a single-label run.
    pub fn of(self, task: TaskKind) -> View {
        match task {
            TaskKind::SingleLabel => View::Taken,
            TaskKind::MultiLabel => self,
        }
    }

    /// As the switch calls it, and a sentence about it.
    pub fn title(self) -> (&'static str, &'static str) {
        match self {
            View::Outcomes => (
                "By label",
                "Of each label: found, false alarms, missed, rightly not given",
            ),
            View::Taken => (
                "Wrongly given",
                "By row a label that texts truly have, by column one they were given and do not have; on the diagonal those rightly found",
            ),
            View::Together => (
                "True together",
                "How many texts truly have both labels, whatever the model says; on the diagonal all texts with the label",
            ),
        }
    }
}

/// Counts by label and column, with the labels in an order.
pub(super) struct HeatTable {
    /// What is counted.
    pub view: View,
    task: TaskKind,
    n_labels: usize,
    n_columns: usize,
    cells: Vec<usize>,
    of_row: Vec<usize>,
    of_column: Vec<usize>,
    /// The label at each place, top to bottom and left to right.
    pub order: Vec<usize>,
}

/// The table on show, until something it rests on changes.
#[derive(Default)]
pub(super) struct Cached {
    made: Option<(Arc<Evaluation>, View, LabelOrder, Rc<HeatTable>)>,
}

impl Cached {
    /// The table, worked out where it is not known yet.
    pub fn get(&mut self, figures: &Figures, view: View, order: LabelOrder) -> Rc<HeatTable> {
        if let Some((of, known_view, known_order, table)) = &self.made
            && Arc::ptr_eq(of, &figures.evaluation)
            && (*known_view, *known_order) == (view, order)
        {
            return table.clone();
        }
        let table = Rc::new(HeatTable::new(figures, view, order));
        self.made = Some((figures.evaluation.clone(), view, order, table.clone()));
        table
    }
}

impl HeatTable {
    fn new(figures: &Figures, view: View, order: LabelOrder) -> Self {
        let mut table = match (&figures.evaluation.report.confusion, view) {
            (Some(confusion), _) => HeatTable::confusion(confusion),
            (None, View::Together) => HeatTable::together(figures.cooccurrence()),
            (None, _) => HeatTable::given(figures.cooccurrence(), &figures.evaluation),
        };
        table.view = view;
        let names = &figures.evaluation.label_names;
        table.order = order.arrange(names, |label| table.of_row(label), |a, b| table.count(a, Some(b)));
        table
    }

    fn confusion(confusion: &Confusion) -> Self {
        let n = confusion.n_labels();
        let rows = confusion.rows().zip(confusion.undecided());
        HeatTable::with_rows(
            TaskKind::SingleLabel,
            n,
            rows.map(|(row, undecided)| (row.to_vec(), *undecided)),
            (0..n).map(|label| confusion.n_true(label)).collect(),
            None,
        )
    }

    fn given(counts: &Cooccurrence, evaluation: &Evaluation) -> Self {
        let n = counts.n_labels();
        let row = |a: usize| ((0..n).map(|b| counts.given(a, b)).collect(), counts.nothing(a));
        let labels = evaluation.report.labels.iter();
        HeatTable::with_rows(
            TaskKind::MultiLabel,
            n,
            (0..n).map(row),
            (0..n).map(|label| counts.support(label)).collect(),
            Some(labels.map(|label| label.counts.tp + label.counts.fp).collect()),
        )
    }

    fn together(counts: &Cooccurrence) -> Self {
        let n = counts.n_labels();
        let support: Vec<usize> = (0..n).map(|label| counts.support(label)).collect();
        let row = |a: usize| ((0..n).map(|b| counts.together(a, b)).collect(), 0);
        HeatTable::with_rows(TaskKind::MultiLabel, n, (0..n).map(row), support.clone(), Some(support))
    }

    /// Rows with what was left without a label, which is a column of its own where there is any.
    fn with_rows(
        task: TaskKind,
        n_labels: usize,
        rows: impl Iterator<Item = (Vec<usize>, usize)>,
        of_row: Vec<usize>,
        of_column: Option<Vec<usize>>,
    ) -> Self {
        let (rows, undecided): (Vec<Vec<usize>>, Vec<usize>) = rows.unzip();
        let n_undecided = undecided.iter().sum::<usize>();
        let n_columns = n_labels + usize::from(n_undecided > 0);
        let mut sums = vec![0; n_labels];
        for row in &rows {
            sums.iter_mut().zip(row).for_each(|(sum, n)| *sum += n);
        }
        let mut of_column = of_column.unwrap_or(sums);
        of_column.push(n_undecided);
        let rows = rows.into_iter().zip(undecided);
        let cells = rows.flat_map(|(mut row, undecided)| {
            row.push(undecided);
            row.truncate(n_columns);
            row
        });
        HeatTable {
            view: View::Taken,
            task,
            n_labels,
            n_columns,
            cells: cells.collect(),
            of_row,
            of_column,
            order: (0..n_labels).collect(),
        }
    }

    /// Rows.
    pub fn n_labels(&self) -> usize {
        self.n_labels
    }

    /// Columns: one a label, and one for texts without a label where there are any.
    pub fn n_columns(&self) -> usize {
        self.n_columns
    }

    /// Texts; `None`: those without a label.
    pub fn count(&self, truth: usize, decided: Option<usize>) -> usize {
        let column = decided.unwrap_or(self.n_labels);
        match truth < self.n_labels && column < self.n_columns {
            true => self.cells.get(truth * self.n_columns + column).copied().unwrap_or(0),
            false => 0,
        }
    }

    /// Texts that truly have the label.
    pub fn of_row(&self, truth: usize) -> usize {
        self.of_row.get(truth).copied().unwrap_or(0)
    }

    /// Texts that were given the label, or have it where labels come together.
    pub fn of_column(&self, decided: Option<usize>) -> usize {
        let column = decided.unwrap_or(self.n_labels);
        self.of_column.get(column).copied().unwrap_or(0)
    }

    /// The label of a row as it is drawn.
    pub fn row_label(&self, row: usize) -> Option<usize> {
        self.order.get(row).copied()
    }

    /// The label of a column as it is drawn; `Some(None)`: the column of texts without a label.
    pub fn column_label(&self, column: usize) -> Option<Option<usize>> {
        match self.order.get(column) {
            Some(label) => Some(Some(*label)),
            None => (column < self.n_columns).then_some(None),
        }
    }

    /// The cell at a row and a column as they are drawn.
    pub fn cell(&self, row: usize, column: usize) -> Option<Cell> {
        let (truth, decided) = (self.row_label(row)?, self.column_label(column)?);
        Some(match (self.task, self.view) {
            (TaskKind::SingleLabel, _) => Cell::Pair { truth, decided },
            (TaskKind::MultiLabel, View::Together) => Cell::Together {
                label: truth,
                other: decided?,
            },
            (TaskKind::MultiLabel, _) => Cell::Given { truth, decided },
        })
    }

    /// Where a cell is drawn: row and column.
    pub fn place(&self, cell: Cell) -> Option<(usize, usize)> {
        let (truth, decided) = match cell {
            Cell::Pair { truth, decided } | Cell::Given { truth, decided } => (truth, decided),
            Cell::Together { label, other } => (label, Some(other)),
            Cell::Outcome { .. } => return None,
        };
        let at = |label: usize| self.order.iter().position(|known| *known == label);
        Some((at(truth)?, decided.map_or(Some(self.n_labels), at)?))
    }
}
