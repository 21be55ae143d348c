//! A square table of counts as it is drawn: which cells it has, what they are shares of, and in which order its labels stand.

use std::rc::Rc;
use std::sync::Arc;

use super::{cell::Cell, figures::Figures};
use crate::core::TaskKind;
use crate::core::metrics::{BranchConfusion, Confusion, Cooccurrence, LabelOrder, Place};
use crate::jobs::Evaluation;
use crate::ui::desk::Desk;

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
    /// Of a tree: the children of a label, true by decided; those at the top for `None`.
    Branch(Option<usize>),
}

impl View {
    /// The views of a multi-label run.
    pub const OF_MULTI: [View; 3] = [View::Outcomes, View::Taken, View::Together];
    /// The views of a run whose labels form a tree.
    pub const OF_TREE: [View; 2] = [View::Branch(None), View::Outcomes];

    /// The view that was chosen, where there is one of this run; `under`: the label of a tree whose children are looked at.
    pub fn of(chosen: Option<View>, under: Option<usize>, evaluation: &Evaluation) -> View {
        match (&evaluation.tree, evaluation.task) {
            (Some(_), _) if chosen == Some(View::Outcomes) => View::Outcomes,
            (Some(tree), _) => View::Branch(under.filter(|label| *label < tree.len() && !tree.is_leaf(*label))),
            (None, TaskKind::SingleLabel) => View::Taken,
            (None, TaskKind::MultiLabel) => chosen
                .filter(|view| View::OF_MULTI.contains(view))
                .unwrap_or(View::Outcomes),
        }
    }

    /// Whether the switch has it on where this view is on show.
    pub fn is_like(self, shown: View) -> bool {
        std::mem::discriminant(&self) == std::mem::discriminant(&shown)
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
            View::Branch(_) => (
                "By level",
                "What was taken for what among the labels directly below one; Enter goes down, Backspace up",
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
    /// Of a tree: what each row and column stands for.
    places: Vec<Place>,
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
        if let View::Branch(under) = view {
            return HeatTable::branch(&figures.branch(under), figures, order);
        }
        if view == View::Outcomes {
            return HeatTable::of_labels(&figures.evaluation, order);
        }
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

    /// The children of a label in the order, then those who stop at it and those who are elsewhere.
    fn branch(counts: &BranchConfusion, figures: &Figures, order: LabelOrder) -> Self {
        let places = counts.places.clone();
        let row = |a: &Place| (places.iter().map(|b| counts.count(*a, *b)).collect(), 0);
        let of = |n: fn(&BranchConfusion, Place) -> usize| places.iter().map(|place| n(counts, *place)).collect();
        let mut table = HeatTable::with_rows(
            TaskKind::MultiLabel,
            places.len(),
            places.iter().map(row),
            of(BranchConfusion::n_true),
            Some(of(BranchConfusion::n_decided)),
        );
        table.view = View::Branch(counts.under);
        let name = |place: &Place| match place {
            Place::Child(label) => figures.evaluation.label_names.get(*label).cloned(),
            Place::Here | Place::Elsewhere => None,
        };
        let names: Vec<String> = places.iter().filter_map(name).collect();
        let children = order.arrange(&names, |at| table.of_row(at), |a, b| table.count(a, Some(b)));
        table.order = children.into_iter().chain(names.len()..places.len()).collect();
        table.places = places;
        table
    }

    /// No cells, only the order of labels.
    fn of_labels(evaluation: &Evaluation, order: LabelOrder) -> Self {
        let labels = &evaluation.report.labels;
        let support: Vec<usize> = labels.iter().map(|label| label.support).collect();
        let found = |a: usize, b: usize| labels.get(a).filter(|_| a == b).map_or(0, |label| label.counts.tp);
        let mut table = HeatTable::with_rows(TaskKind::MultiLabel, 0, std::iter::empty(), support, None);
        table.view = View::Outcomes;
        table.order = match (order, &evaluation.tree, &evaluation.report.confusion) {
            // Nothing is counted between labels here, and between thousands it would not fit.
            (LabelOrder::Confused, Some(_), _) => (0..labels.len()).collect(),
            _ => order.arrange(&evaluation.label_names, |label| table.of_row(label), found),
        };
        table
    }

    /// What a row or a column stands for, where the labels form a tree.
    pub fn place_of(&self, index: usize) -> Option<Place> {
        self.places.get(index).copied()
    }

    /// The label a row or a column stands for, by its index.
    pub fn label_of(&self, index: usize) -> Option<usize> {
        match self.places.get(index) {
            Some(Place::Child(label)) => Some(*label),
            Some(Place::Here | Place::Elsewhere) => None,
            None => Some(index),
        }
    }

    /// As a row or a column is called, by its index.
    pub fn name<'a>(&self, desk: &'a Desk, figures: &'a Figures, index: usize) -> &'a str {
        match self.place_of(index) {
            Some(Place::Child(label)) => figures.look(desk, label).name,
            Some(Place::Here) if self.view == View::Branch(None) => "no label",
            Some(Place::Here) => "stops here",
            Some(Place::Elsewhere) => "elsewhere",
            None => figures.look(desk, index).name,
        }
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
            places: Vec::new(),
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
        if let View::Branch(under) = self.view {
            let (truth, decided) = (self.place_of(truth)?, self.place_of(decided?)?);
            return Some(Cell::Placed { under, truth, decided });
        }
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
            Cell::Placed { under, truth, decided } => {
                let index = |place: Place| self.places.iter().position(|known| *known == place);
                let at = |place: Place| self.order.iter().position(|known| Some(*known) == index(place));
                return Some((at(truth)?, at(decided)?)).filter(|_| self.view == View::Branch(under));
            }
        };
        let at = |label: usize| self.order.iter().position(|known| *known == label);
        Some((at(truth)?, decided.map_or(Some(self.n_labels), at)?))
    }
}
