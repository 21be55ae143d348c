//! `handful evaluate --confusion`: what was taken for what, or which labels come together, for people and machines.

use std::fmt::Write as _;

use clap::Args;
use serde_json::{Value, json};

use super::branch_table::Branch;
use super::classify::shortened;
use super::table::table;
use crate::core::TaskKind;
use crate::core::label::PATH_SEPARATOR;
use crate::core::metrics::{ConfusedPair, Confusion, Cooccurrence, LabelOrder};
use crate::jobs::Evaluation;

/// With more labels a matrix is wider than a terminal, and each label has a line with what it is most often taken for.
pub(super) const MOST_COLUMNS: usize = 20;
/// Mix-ups of a label named in its line.
const N_NAMED: usize = 4;
/// Pairs listed.
const N_PAIRS: usize = 20;
/// Characters of a label's name.
const NAME: usize = 28;

/// What `handful evaluate` takes about confusion.
#[derive(Debug, Clone, Args)]
pub struct ConfusionArgs {
    /// Print what was taken for what: the matrix, or a line a label where there are many, and the most confused pairs; with several labels
    /// a text, which labels were wrongly given to texts of which, and which come together
    #[arg(long)]
    confusion: bool,
    /// Where labels form a tree: the children of this label, written as its path, `Home > Kitchen`; those at the top otherwise
    #[arg(long, value_name = "LABEL", requires = "confusion")]
    under: Option<String>,
    /// Order of the labels: project, name, support (most texts first), recall (least found first) or confused (mixed-up labels side by side)
    #[arg(long, value_name = "ORDER", value_parser = order, default_value = "project", requires = "confusion", hide_default_value = true)]
    confusion_order: LabelOrder,
}

fn order(name: &str) -> Result<LabelOrder, String> {
    let names = LabelOrder::ALL.map(LabelOrder::name);
    LabelOrder::from_name(name).ok_or_else(|| format!("one of: {}", names.join(", ")))
}

impl ConfusionArgs {
    /// The table as text; nothing where it was not asked for.
    pub fn text(&self, evaluation: &Evaluation) -> anyhow::Result<String> {
        if !self.confusion {
            return Ok(String::new());
        }
        let text = match Branch::new(evaluation, self.under.as_deref())? {
            Some(branch) => branch.text(),
            None => Counts::new(evaluation).text(self.confusion_order),
        };
        Ok(format!("\n{text}"))
    }

    /// Adds to a report what came together in it, and the order of labels where it was asked for.
    pub fn add_to(&self, value: &mut Value, evaluation: &Evaluation) -> anyhow::Result<()> {
        if let Some(branch) = Branch::new(evaluation, self.under.as_deref())? {
            value["branch_confusion"] = branch.json();
            return Ok(());
        }
        let counts = Counts::new(evaluation);
        if let Some(together) = &counts.together {
            value["cooccurrence"] = json!(together);
        }
        value["undecided"] = json!(counts.undecided());
        let name = |label: usize| counts.name(label);
        let of = |pair: ConfusedPair| json!({ "truth": name(pair.truth), "decided": name(pair.decided), "n_texts": pair.n_texts });
        value["most_confused"] = counts.pairs(usize::MAX).into_iter().map(of).collect();
        if self.confusion {
            let order: Vec<&str> = counts.arrange(self.confusion_order).into_iter().map(name).collect();
            value["label_order"] = json!(order);
        }
        Ok(())
    }
}

/// Counts of an evaluation: one of both, by the task.
struct Counts<'a> {
    evaluation: &'a Evaluation,
    confusion: Option<&'a Confusion>,
    together: Option<Cooccurrence>,
}

impl<'a> Counts<'a> {
    fn new(evaluation: &'a Evaluation) -> Self {
        let together = (evaluation.task == TaskKind::MultiLabel)
            .then(|| Cooccurrence::new(&evaluation.truth, &evaluation.decided, evaluation.labels.len()));
        Counts {
            evaluation,
            confusion: evaluation.report.confusion.as_ref(),
            together,
        }
    }

    fn name(&self, label: usize) -> &'a str {
        self.evaluation.label_names.get(label).map_or("", String::as_str)
    }

    /// Texts of a true label that were given another; on the diagonal those rightly found.
    fn count(&self, truth: usize, decided: usize) -> usize {
        match (self.confusion, &self.together) {
            (Some(confusion), _) => confusion.count(truth, decided),
            (None, Some(together)) => together.given(truth, decided),
            (None, None) => 0,
        }
    }

    fn support(&self, label: usize) -> usize {
        self.evaluation
            .report
            .labels
            .get(label)
            .map_or(0, |label| label.support)
    }

    /// Texts of each true label that were given none.
    fn undecided(&self) -> Vec<usize> {
        match (self.confusion, &self.together) {
            (Some(confusion), _) => confusion.undecided().to_vec(),
            (None, Some(together)) => (0..together.n_labels()).map(|label| together.nothing(label)).collect(),
            (None, None) => Vec::new(),
        }
    }

    fn pairs(&self, limit: usize) -> Vec<ConfusedPair> {
        match (self.confusion, &self.together) {
            (Some(confusion), _) => confusion.most_confused(limit),
            (None, Some(together)) => together.most_given(limit),
            (None, None) => Vec::new(),
        }
    }

    fn arrange(&self, order: LabelOrder) -> Vec<usize> {
        let names = &self.evaluation.label_names;
        order.arrange(names, |label| self.support(label), |a, b| self.count(a, b))
    }

    fn text(&self, order: LabelOrder) -> String {
        let order = self.arrange(order);
        let mut out = match self.together {
            None => "True label by row, predicted by column\n".to_owned(),
            Some(_) => "Texts with the label of the row that were wrongly given that of the column; on the diagonal those rightly found\n"
                .to_owned(),
        };
        match order.len() <= MOST_COLUMNS {
            true => self.matrix(&order, |a, b| self.count(a, b), true, &mut out),
            false => self.lines(&order, &mut out),
        }
        let pairs = self.pairs(N_PAIRS);
        if !pairs.is_empty() {
            let verb = if self.together.is_some() {
                "wrongly given"
            } else {
                "taken for"
            };
            let _ = writeln!(out, "\nMost confused");
            for pair in pairs {
                let (truth, decided) = (self.name(pair.truth), self.name(pair.decided));
                let _ = writeln!(out, "{:>7}  {truth} {verb} {decided}", pair.n_texts);
            }
        }
        if let Some(together) = &self.together {
            out += "\nTrue together\n";
            match order.len() <= MOST_COLUMNS {
                true => self.matrix(&order, |a, b| together.together(a, b), false, &mut out),
                false => self.lines_together(&order, together, &mut out),
            }
        }
        out
    }

    /// All cells; columns have the numbers of rows as their heads.
    fn matrix(&self, order: &[usize], count: impl Fn(usize, usize) -> usize, with_undecided: bool, out: &mut String) {
        let undecided = self.undecided();
        let with_undecided = with_undecided && undecided.iter().any(|n| *n > 0);
        let numbers: Vec<String> = (1..=order.len()).map(|number| number.to_string()).collect();
        let mut header = vec!["", ""];
        header.extend(numbers.iter().map(String::as_str));
        header.extend(with_undecided.then_some("no label"));
        let rows: Vec<Vec<String>> = order
            .iter()
            .zip(&numbers)
            .map(|(truth, number)| {
                let mut row = vec![number.clone(), short(self.name(*truth))];
                row.extend(order.iter().map(|decided| dotted(count(*truth, *decided))));
                row.extend(with_undecided.then(|| dotted(undecided.get(*truth).copied().unwrap_or(0))));
                row
            })
            .collect();
        let _ = writeln!(out, "{}", right_aligned(&header, rows));
    }

    /// A line a label: how many were found, and what the others were given.
    fn lines(&self, order: &[usize], out: &mut String) {
        let undecided = self.undecided();
        let row = |truth: &usize| {
            let none = undecided.get(*truth).copied().unwrap_or(0);
            let mut others = self.others(order, *truth, |decided| self.count(*truth, decided));
            if none > 0 {
                others += &format!("{}no label {none}", if others.is_empty() { "" } else { ", " });
            }
            vec![
                short(self.name(*truth)),
                self.support(*truth).to_string(),
                self.count(*truth, *truth).to_string(),
                others,
            ]
        };
        let rows: Vec<Vec<String>> = order.iter().map(row).collect();
        let _ = writeln!(out, "{}", table(&["", "texts", "found", "given instead"], &rows));
    }

    fn lines_together(&self, order: &[usize], together: &Cooccurrence, out: &mut String) {
        let row = |label: &usize| {
            vec![
                short(self.name(*label)),
                self.support(*label).to_string(),
                self.others(order, *label, |other| together.together(*label, other)),
            ]
        };
        let rows: Vec<Vec<String>> = order.iter().map(row).collect();
        let _ = writeln!(out, "{}", table(&["", "texts", "together with"], &rows));
    }

    /// The most frequent other labels with their counts.
    fn others(&self, order: &[usize], truth: usize, count: impl Fn(usize) -> usize) -> String {
        let all = order.iter().copied().filter(|label| *label != truth);
        let mut others: Vec<(usize, usize)> = all.map(|label| (label, count(label))).filter(|(_, n)| *n > 0).collect();
        others.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
        let n_more = others.len().saturating_sub(N_NAMED);
        let named = others.iter().take(N_NAMED);
        let mut named: Vec<String> = named
            .map(|(label, n)| format!("{} {n}", short(self.name(*label))))
            .collect();
        named.extend((n_more > 0).then(|| format!("{n_more} more")));
        named.join(", ")
    }
}

/// A label's name; of a long path its end, which tells labels apart.
pub(super) fn short(name: &str) -> String {
    match name.rsplit_once(PATH_SEPARATOR) {
        Some((_, own)) if name.chars().count() > NAME => shortened(&format!("… > {own}"), NAME),
        _ => shortened(name, NAME),
    }
}

/// A count, and a point where there is none, so that the others stand out.
pub(super) fn dotted(n: usize) -> String {
    match n {
        0 => "·".to_owned(),
        n => n.to_string(),
    }
}

/// A table whose columns after the second have their figures at the right.
pub(super) fn right_aligned(header: &[&str], mut rows: Vec<Vec<String>>) -> String {
    let mut header: Vec<String> = header.iter().map(|head| (*head).to_owned()).collect();
    for column in 2..header.len() {
        let cells = rows.iter().filter_map(|row| row.get(column)).chain(header.get(column));
        let width = cells.map(|cell| cell.chars().count()).max().unwrap_or(0);
        let pad = |cell: &mut String| *cell = format!("{cell:>width$}");
        rows.iter_mut().filter_map(|row| row.get_mut(column)).for_each(pad);
        header.get_mut(column).into_iter().for_each(pad);
    }
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    table(&header, &rows)
}
