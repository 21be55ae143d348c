//! Labels that form a tree, asked about with any engine: from the top down, or all at once. Either way a score is the probability that a text
//! belongs to a label or below it, and no score is above its parent's.
//!
//! From the top down, the question at each node is about its children. One path a text: a child's score is its parent's times the child's
//! share among its siblings; an only child has its parent's. Several paths: each child is asked about by itself, and its score is never
//! above its parent's. At each level only the children of a text's best few nodes are asked about; below other nodes each child gets an even
//! share of its parent's score, which is never more than the parent has to give.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::{Answer, Engine, OnProgress, Progress, Question, Rows, ZeroShotError, endpoint};
use crate::core::ColumnTree;
use crate::model::Input;

/// Nodes of a level whose children are asked about where nothing else is said.
pub const DEFAULT_BEAM: usize = 3;

/// With several paths a text, the children of every node from this score on are asked about.
const LIKELY: f32 = 0.5;

/// How labels that form a tree are asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "tree", rename_all = "kebab-case")]
pub enum Descent {
    /// A question at every node, about its children.
    TopDown {
        /// Nodes of a level, from 1, whose children are asked about for each text.
        beam: usize,
    },
    /// One question about every label that can be a whole answer; what stands above has what stands below it.
    Flat,
}

impl Default for Descent {
    fn default() -> Self {
        Descent::TopDown { beam: DEFAULT_BEAM }
    }
}

/// A tree of labels, and how it is asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InTree {
    /// One column for each label of the question.
    pub tree: ColumnTree,
    /// Whether each column can be a whole answer: leaves, and labels that texts carry.
    pub answers: Vec<bool>,
    /// How it is asked about.
    pub descent: Descent,
}

/// One question on the way: about some labels, for some texts.
#[derive(Debug)]
pub struct TreeAsked<'a> {
    /// Places of the texts, ascending.
    pub rows: &'a [usize],
    /// The columns that are asked about, in the order of the question's labels.
    pub columns: &'a [usize],
    /// The question.
    pub question: &'a Question,
}

/// Answers one question on the way, a row for each of its texts.
pub type Ask<'a> = &'a mut dyn FnMut(&TreeAsked<'_>) -> Result<Answer, ZeroShotError>;

/// The scores of `n_texts` texts for every column of a tree, by questions that `ask` answers. `question`: about all columns.
///
/// # Errors
/// Those of `ask`.
pub fn scores_in_tree(
    in_tree: &InTree,
    question: &Question,
    n_texts: usize,
    ask: Ask<'_>,
) -> Result<Answer, ZeroShotError> {
    let mut asking = Asking {
        in_tree,
        question,
        sets: vec![vec![vec![0.0; in_tree.tree.len()]; n_texts]; question.templates().len().max(1)],
        differ: false,
        ask,
    };
    match in_tree.descent {
        Descent::Flat => asking.flat(n_texts)?,
        Descent::TopDown { beam } => asking.top_down(n_texts, beam.max(1))?,
    }
    let Asking { mut sets, differ, .. } = asking;
    Ok(match differ {
        true => Answer::of_templates(sets),
        false => Answer {
            scores: sets.swap_remove(0),
            by_template: Vec::new(),
        },
    })
}

struct Asking<'a> {
    in_tree: &'a InTree,
    question: &'a Question,
    /// The scores in the words of each template.
    sets: Vec<Rows>,
    /// Whether the engine answers in the words of each template.
    differ: bool,
    ask: Ask<'a>,
}

impl Asking<'_> {
    fn flat(&mut self, n_texts: usize) -> Result<(), ZeroShotError> {
        let columns: Vec<usize> = (0..self.in_tree.tree.len())
            .filter(|column| self.in_tree.answers.get(*column).copied().unwrap_or(true))
            .collect();
        let rows: Vec<usize> = (0..n_texts).collect();
        self.put(&rows, &columns, |_| 1.0)?;
        let tree = &self.in_tree.tree;
        for row in self.sets.iter_mut().flatten() {
            if !self.question.multi() {
                tree.sum_up(row);
                continue;
            }
            for column in tree.order().iter().rev() {
                let score = row[*column];
                if let Some(parent) = tree.parent(*column) {
                    row[parent] = row[parent].max(score);
                }
            }
        }
        Ok(())
    }

    fn top_down(&mut self, n_texts: usize, beam: usize) -> Result<(), ZeroShotError> {
        let tree = &self.in_tree.tree;
        let everyone: Vec<usize> = (0..n_texts).collect();
        self.below(None, &everyone)?;
        // What was asked about of each text, a level at a time.
        let mut reached: Vec<Vec<usize>> = vec![tree.children(None).to_vec(); n_texts];
        while reached.iter().any(|columns| !columns.is_empty()) {
            let mut texts_of: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
            for (row, columns) in reached.iter_mut().enumerate() {
                columns.retain(|column| !tree.is_leaf(*column));
                let mut ranked: Vec<(f32, usize)> = columns
                    .iter()
                    .map(|column| (self.mean(row, *column), *column))
                    .collect();
                ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
                let is_asked = |(at, (score, _)): (usize, &(f32, usize))| {
                    *score > 0.0 && (at < beam || self.question.multi() && *score >= LIKELY)
                };
                let n_asked = ranked.iter().enumerate().filter(|(at, of)| is_asked((*at, of))).count();
                let asked: Vec<usize> = ranked.iter().take(n_asked).map(|(_, column)| *column).collect();
                for (_, column) in ranked.iter().skip(n_asked) {
                    for set in &mut self.sets {
                        share_evenly(tree, *column, &mut set[row]);
                    }
                }
                columns.clear();
                for column in asked {
                    texts_of.entry(column).or_default().push(row);
                    columns.extend(tree.children(Some(column)));
                }
            }
            for (column, rows) in texts_of {
                self.below(Some(column), &rows)?;
            }
        }
        Ok(())
    }

    /// The mean of all wordings.
    fn mean(&self, row: usize, column: usize) -> f32 {
        self.sets.iter().map(|set| set[row][column]).sum::<f32>() / self.sets.len() as f32
    }

    /// Scores what stands below a column.
    fn below(&mut self, parent: Option<usize>, rows: &[usize]) -> Result<(), ZeroShotError> {
        let children = self.in_tree.tree.children(parent).to_vec();
        let above = |row: &Vec<f32>| parent.map_or(1.0, |parent| row[parent]);
        match children.as_slice() {
            [] => Ok(()),
            [only] if !self.question.multi() => {
                for set in &mut self.sets {
                    rows.iter().for_each(|row| set[*row][*only] = above(&set[*row]));
                }
                Ok(())
            }
            children => self.put(rows, children, above),
        }
    }

    /// Asks about some columns and writes what follows: a part of what is above them, or no more than that.
    fn put(
        &mut self,
        rows: &[usize],
        columns: &[usize],
        above: impl Fn(&Vec<f32>) -> f32,
    ) -> Result<(), ZeroShotError> {
        if rows.is_empty() || columns.is_empty() {
            return Ok(());
        }
        let labels = columns
            .iter()
            .filter_map(|column| self.question.labels().get(*column))
            .cloned();
        let multi = self.question.multi();
        let question = Question::new(labels.collect(), self.question.templates().to_vec(), multi)?;
        let asked = TreeAsked {
            rows,
            columns,
            question: &question,
        };
        let answer = (self.ask)(&asked)?;
        self.differ |= !answer.by_template.is_empty();
        for (at, set) in self.sets.iter_mut().enumerate() {
            let of_template = answer.by_template.get(at).unwrap_or(&answer.scores);
            for (row, shares) in rows.iter().zip(of_template) {
                let above = above(&set[*row]);
                // Labels in the same words have the whole answer each.
                let sum: f32 = shares.iter().sum();
                let divisor = if multi { 1.0 } else { sum.max(1.0) };
                for (column, share) in columns.iter().zip(shares) {
                    let share = share.clamp(0.0, 1.0);
                    set[*row][*column] = match multi {
                        true => share.min(above),
                        false => above * (share / divisor),
                    };
                }
            }
        }
        Ok(())
    }
}

/// Everything below a column that is not asked about: an even share of what is above.
fn share_evenly(tree: &ColumnTree, column: usize, row: &mut [f32]) {
    let mut left = vec![column];
    while let Some(column) = left.pop() {
        let children = tree.children(Some(column));
        for child in children {
            row[*child] = row[column] / children.len() as f32;
            left.push(*child);
        }
    }
}

/// An engine that is asked about a tree. Questions about other labels than the tree's it passes on as they are.
pub struct TreeEngine {
    engine: Box<dyn Engine + Send>,
    in_tree: InTree,
}

impl TreeEngine {
    /// Around an engine.
    pub fn new(engine: Box<dyn Engine + Send>, in_tree: InTree) -> TreeEngine {
        TreeEngine { engine, in_tree }
    }

    /// Questions a text meets at most: one at the top, and one for each node of the beam at every level below.
    fn most_asked(&self) -> usize {
        let levels = self.in_tree.tree.n_levels().saturating_sub(1);
        match self.in_tree.descent {
            Descent::Flat => 1,
            Descent::TopDown { beam } => 1 + levels * beam.max(1),
        }
    }
}

impl Engine for TreeEngine {
    fn name(&self) -> &'static str {
        self.engine.name()
    }

    fn model(&self) -> &str {
        self.engine.model()
    }

    fn score(
        &mut self,
        texts: &[Input<'_>],
        question: &Question,
        on_progress: OnProgress<'_>,
    ) -> Result<Answer, ZeroShotError> {
        if question.labels().len() != self.in_tree.tree.len() {
            return self.engine.score(texts, question, on_progress);
        }
        let (began, total) = (Instant::now(), (texts.len() * self.most_asked()).max(1));
        let mut n_before = 0;
        let tell = |done: f64| Progress {
            done: (done as usize).min(total),
            total,
            n_texts: texts.len(),
            secs: began.elapsed().as_secs_f64(),
        };
        let engine = &mut self.engine;
        let answer = scores_in_tree(&self.in_tree, question, texts.len(), &mut |asked| {
            let some: Vec<Input<'_>> = asked.rows.iter().filter_map(|row| texts.get(*row)).copied().collect();
            let answer = engine.score(&some, asked.question, &mut |progress| {
                on_progress(tell(n_before as f64 + progress.fraction() * some.len() as f64))
            })?;
            n_before += some.len();
            Ok(answer)
        })?;
        match on_progress(tell(total as f64)) {
            ControlFlow::Continue(()) => Ok(answer),
            ControlFlow::Break(()) => Err(ZeroShotError::Stopped),
        }
    }

    fn remarks(&self) -> Vec<String> {
        self.engine.remarks()
    }

    fn usage(&self) -> Option<endpoint::Usage> {
        self.engine.usage()
    }
}

#[cfg(test)]
#[path = "tree_tests.rs"]
mod tests;
