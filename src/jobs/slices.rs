//! Figures of some of the texts: slices of an evaluation, and an evaluation narrowed to one of them.

use std::sync::Arc;
use std::thread::JoinHandle;

use anyhow::{Context, ensure};

use super::Evaluation;
use super::evaluate::{Judged, Scored};
use crate::core::ProjectState;
use crate::core::slices::{self, Facts, Slice, SliceBy, SliceName};

impl Evaluation {
    /// With the figures of every slice.
    pub(super) fn with_slices(mut self, state: &ProjectState) -> Self {
        let of_row = |row: usize| {
            let text = self.ids.get(row).and_then(|id| state.text(*id))?;
            Some(Facts::new(text, self.matrix.row(row)))
        };
        // Without every text slices would not add up to the whole.
        self.facts = (0..self.ids.len())
            .map(of_row)
            .collect::<Option<_>>()
            .unwrap_or_default();
        self.slices = self.slice_reports();
        self
    }

    fn slice_reports(&self) -> Vec<slices::SliceReport> {
        let all: Vec<Slice> = SliceBy::ALL
            .into_iter()
            .flat_map(|by| slices::slices(by, &self.facts))
            .collect();
        slices::report(&self.report, self.rule(), &self.truth, &self.decided, &all)
    }

    /// The same run and labels on some of the texts: every figure, curve and slice is of these rows alone.
    ///
    /// # Errors
    /// Where none of the rows exists.
    pub fn narrowed(&self, rows: &[usize]) -> anyhow::Result<Evaluation> {
        let rows: Vec<usize> = rows.iter().copied().filter(|row| *row < self.ids.len()).collect();
        ensure!(
            !rows.is_empty(),
            "none of the {} texts is among those asked for; all were kept",
            self.ids.len()
        );
        let judged = Judged {
            run: self.run,
            run_name: self.run_name.clone(),
            kind: self.kind,
            task: self.task,
            tree: self.tree.clone(),
            walk: self.walk,
            labels: self.labels.clone(),
            thresholds: self.thresholds.clone(),
            at_least_one: self.at_least_one,
        };
        let scored = Scored {
            label_names: self.label_names.clone(),
            ids: rows.iter().map(|row| self.ids[*row]).collect(),
            truth: rows.iter().map(|row| self.truth[*row].clone()).collect(),
            matrix: self.matrix.select(&rows),
        };
        let mut out = Evaluation::new(judged, scored, None, &mut |_, _| ())?;
        out.facts = rows.iter().filter_map(|row| self.facts.get(*row).cloned()).collect();
        out.slices = out.slice_reports();
        Ok(out)
    }

    /// [`Evaluation::narrowed`] to the texts of one slice.
    ///
    /// # Errors
    /// Where there is no such slice; the message names those there are.
    pub fn only(&self, name: &SliceName) -> anyhow::Result<Evaluation> {
        let known = slices::slices(name.by, &self.facts);
        let slice = known.iter().find(|slice| slice.name == *name).with_context(|| {
            let names: Vec<&str> = known.iter().map(|slice| slice.name.name.as_str()).collect();
            format!(
                "no {} text has {name}; nothing was left out. Known here: {}",
                self.kind.name(),
                names.join(", ")
            )
        })?;
        self.narrowed(&slice.rows)
    }
}

/// An evaluation being narrowed on a thread of its own, so that no frame waits.
#[derive(Debug)]
pub struct Narrowing(JoinHandle<anyhow::Result<Evaluation>>);

impl Narrowing {
    /// Begins.
    pub fn start(evaluation: Arc<Evaluation>, name: SliceName) -> Self {
        Narrowing(std::thread::spawn(move || evaluation.only(&name)))
    }

    /// Whether [`Narrowing::take`] would not wait.
    pub fn is_done(&self) -> bool {
        self.0.is_finished()
    }

    /// Waits for the outcome.
    ///
    /// # Errors
    /// As [`Evaluation::only`].
    pub fn take(self) -> anyhow::Result<Evaluation> {
        match self.0.join() {
            Ok(outcome) => outcome,
            Err(_) => anyhow::bail!("the figures of these texts could not be worked out; all texts are shown again"),
        }
    }
}
