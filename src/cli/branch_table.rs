//! `handful evaluate --confusion` where labels form a tree: what was taken for what among the children of one label.

use std::fmt::Write as _;

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use super::confusion_table::{MOST_COLUMNS, dotted, right_aligned, short};
use super::table::table;
use crate::core::label::PATH_SEPARATOR;
use crate::core::metrics::{BranchConfusion, Place};
use crate::jobs::Evaluation;

/// Pairs listed.
const N_PAIRS: usize = 20;

/// The counts below one label.
pub struct Branch<'a> {
    evaluation: &'a Evaluation,
    counts: BranchConfusion,
}

impl<'a> Branch<'a> {
    /// Below the label with this path, or name where only one has it; at the top without one. `None` where labels form no tree.
    pub fn new(evaluation: &'a Evaluation, under: Option<&str>) -> anyhow::Result<Option<Self>> {
        let Some(tree) = &evaluation.tree else {
            ensure!(
                under.is_none(),
                "the labels of {} form no tree, so nothing stands under another; leave --under out",
                evaluation.run_name
            );
            return Ok(None);
        };
        let under = under.map(|written| find(evaluation, written)).transpose()?;
        if let Some(under) = under {
            ensure!(
                !tree.is_leaf(under),
                "nothing stands below {}; choose a label that has others below it",
                name(evaluation, under)
            );
        }
        let counts = BranchConfusion::new(tree, under, &evaluation.truth, &evaluation.decided);
        Ok(Some(Branch { evaluation, counts }))
    }

    /// One place in the words of the table.
    fn place(&self, place: Place) -> String {
        match place {
            Place::Child(label) => own_name(name(self.evaluation, label)).to_owned(),
            Place::Here if self.counts.under.is_none() => "(no label)".to_owned(),
            Place::Here => "(stops here)".to_owned(),
            Place::Elsewhere => "(elsewhere)".to_owned(),
        }
    }

    fn under(&self) -> Option<&'a str> {
        self.counts.under.map(|label| name(self.evaluation, label))
    }

    /// The table: all cells, or a line a label where there are many.
    pub fn text(&self) -> String {
        let mut out = match self.under() {
            None => "At the top: true label by row, decided by column\n".to_owned(),
            Some(under) => format!(
                "Under {under}: true label by row, decided by column; {} texts\n",
                self.counts.n_texts()
            ),
        };
        let places = &self.counts.places;
        if places.len() <= MOST_COLUMNS {
            let numbers: Vec<String> = (1..=places.len()).map(|number| number.to_string()).collect();
            let header: Vec<&str> = ["", ""].into_iter().chain(numbers.iter().map(String::as_str)).collect();
            let row = |(truth, number): (&Place, &String)| {
                let cells = places.iter().map(|decided| dotted(self.counts.count(*truth, *decided)));
                [number.clone(), short(&self.place(*truth))]
                    .into_iter()
                    .chain(cells)
                    .collect()
            };
            let _ = writeln!(
                out,
                "{}",
                right_aligned(&header, places.iter().zip(&numbers).map(row).collect())
            );
        } else {
            let row = |truth: &Place| {
                let found = self.counts.count(*truth, *truth);
                let n = self.counts.n_true(*truth);
                vec![short(&self.place(*truth)), n.to_string(), found.to_string()]
            };
            let rows: Vec<Vec<String>> = places.iter().map(row).collect();
            let _ = writeln!(out, "{}", table(&["", "texts", "found"], &rows));
        }
        for (at, (truth, decided, n)) in self.counts.most_confused(N_PAIRS).into_iter().enumerate() {
            if at == 0 {
                out += "\nMost confused\n";
            }
            let _ = writeln!(out, "{n:>7}  {} taken for {}", self.place(truth), self.place(decided));
        }
        out
    }

    /// The same for machines.
    pub fn json(&self) -> Value {
        let places = &self.counts.places;
        let row = |truth: &Place| -> Vec<usize> {
            let cell = |decided: &Place| self.counts.count(*truth, *decided);
            places.iter().map(cell).collect()
        };
        let named = |place: &Place| match place {
            Place::Child(label) => name(self.evaluation, *label).to_owned(),
            other => self.place(*other),
        };
        let pair = |(truth, decided, n): (Place, Place, usize)| json!({ "truth": named(&truth), "decided": named(&decided), "n_texts": n });
        json!({
            "under": self.under(),
            "n_texts": self.counts.n_texts(),
            "places": places.iter().map(named).collect::<Vec<_>>(),
            "counts": places.iter().map(row).collect::<Vec<_>>(),
            "most_confused": self.counts.most_confused(usize::MAX).into_iter().map(pair).collect::<Vec<_>>(),
        })
    }
}

fn name(evaluation: &Evaluation, label: usize) -> &str {
    evaluation.label_names.get(label).map_or("", String::as_str)
}

fn own_name(path: &str) -> &str {
    path.rsplit(PATH_SEPARATOR).next().unwrap_or(path)
}

/// A label by its path, or by its name where only one has it.
fn find(evaluation: &Evaluation, written: &str) -> anyhow::Result<usize> {
    let written: Vec<&str> = written.split('>').map(str::trim).collect();
    let written = written.join(PATH_SEPARATOR);
    let names = &evaluation.label_names;
    if let Some(at) = names.iter().position(|path| *path == written) {
        return Ok(at);
    }
    let mut named = (0..names.len()).filter(|at| names.get(*at).is_some_and(|path| own_name(path) == written));
    match (named.next(), named.next()) {
        (Some(at), None) => Some(at),
        _ => None,
    }
    .with_context(|| {
        let inner = (0..names.len()).filter(|at| evaluation.tree.as_ref().is_some_and(|tree| !tree.is_leaf(*at)));
        let inner: Vec<&str> = inner
            .take(20)
            .filter_map(|at| names.get(at))
            .map(String::as_str)
            .collect();
        format!(
            "{} has no one label {written:?}; write the whole path. With labels below them: {}",
            evaluation.run_name,
            inner.join(", ")
        )
    })
}
