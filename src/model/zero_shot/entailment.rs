//! Entailment (Yin et al., 2019): the text is a premise, a sentence about each label a hypothesis, and a model trained on natural language
//! inference says how far the second follows from the first. Scores as of transformers' zero-shot pipeline, except that the class that
//! means contradiction is found by its name.

use std::path::Path;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::premise_reader::{Evidence, PremiseReader};
use super::text_parts::sentences;
use super::{Answer, Engine, Meter, OnProgress, Question, Rows, ZeroShotError, refuse_pairs, softmax};
use crate::model::embed::batches;
use crate::model::tokenize::Piece;
use crate::model::{Compute, Input, ModelError, Tokens};

/// The sentence a label's name is put into when nothing else is said: that of transformers' pipeline.
pub const DEFAULT_TEMPLATE: &str = "This example is {}.";

/// Pairs that are tokenised and sorted by length at a time: enough for even batches, few enough for memory.
const PAIRS_PER_ROUND: usize = 2048;

/// A text is taken apart up to this many characters, whatever it holds.
const MAX_CHARS: usize = 1 << 20;

/// What becomes of texts that are longer than the model takes beside a hypothesis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LongTexts {
    /// They lose their end.
    #[default]
    Cut,
    /// They are read in runs of whole sentences, and the scores of the runs become one.
    Split(Pooling),
}

/// How the scores of several parts of a text become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pooling {
    /// The best of each label: it is enough that one part says so. Where labels exclude each other the row is divided by its sum again.
    Max,
    /// The mean.
    Mean,
}

/// Entailment as an engine. Reads single texts; hypotheses are never cut, unless one alone fills the model.
pub struct Entailment {
    reader: PremiseReader,
    model: String,
    long_texts: LongTexts,
    tokens_per_batch: usize,
}

impl Entailment {
    /// Opens the folder of a classifier that was trained on natural language inference: one that transformers saved, or a model that was
    /// trained here on pairs with labels such as entailment, neutral and contradiction. `model` is what it is called. The device is opened
    /// for it: call it on the thread that will compute.
    ///
    /// # Errors
    /// An encoder without a classification head, classes that are not those of natural language inference or have no names, a model that
    /// was trained on single texts, and whatever loading reports.
    pub fn load(dir: &Path, model: &str, compute: Compute) -> Result<Entailment, ZeroShotError> {
        let reader = PremiseReader::load(dir, model, compute)?;
        Ok(Entailment {
            tokens_per_batch: reader.tokens_per_batch(),
            reader,
            model: model.into(),
            long_texts: LongTexts::Cut,
        })
    }

    /// The same engine, reading long texts otherwise.
    pub fn with_long_texts(self, long_texts: LongTexts) -> Entailment {
        Entailment { long_texts, ..self }
    }

    /// The premise as one piece, or as several where it is too long and is to be split.
    fn premise(&self, text: &str, room: usize) -> Result<Vec<Piece>, ModelError> {
        let tokenizer = self.reader.tokenizer();
        let text = [self.reader.prompt(), text].concat();
        let piece = tokenizer.piece(&text)?;
        if self.long_texts == LongTexts::Cut || piece.len() <= room {
            return Ok(vec![piece]);
        }
        let end = text.char_indices().nth(MAX_CHARS).map_or(text.len(), |(at, _)| at);
        tokenizer.pieces(&sentences(&text[..end]), room)
    }

    /// Reads every pair of some texts and hypotheses: for each text, part and hypothesis the evidence.
    fn round(
        &self,
        texts: &[Input<'_>],
        hypotheses: &[Piece],
        meter: &mut Meter<'_>,
    ) -> Result<Vec<Vec<Vec<Evidence>>>, ZeroShotError> {
        let tokenizer = self.reader.tokenizer();
        let room = tokenizer.room_beside(hypotheses)?;
        let premises: Vec<Vec<Piece>> = texts
            .par_iter()
            .map(|input| self.premise(input.text, room))
            .collect::<Result<_, _>>()?;
        let parts: Vec<&Piece> = premises.iter().flatten().collect();
        let n = hypotheses.len();
        let pairs: Vec<Tokens> = (0..parts.len() * n)
            .into_par_iter()
            .map(|pair| tokenizer.pair(parts[pair / n], &hypotheses[pair % n]))
            .collect::<Result<_, _>>()?;

        // A text and a hypothesis are done when the last part of the text is.
        let text_of: Vec<usize> = premises
            .iter()
            .enumerate()
            .flat_map(|(text, parts)| std::iter::repeat_n(text, parts.len()))
            .collect();
        let mut left: Vec<usize> = premises.iter().flat_map(|parts| vec![parts.len(); n]).collect();
        let mut evidence = vec![None; pairs.len()];
        for batch in batches(&pairs, self.tokens_per_batch) {
            let members: Vec<&Tokens> = batch.iter().map(|&pair| &pairs[pair]).collect();
            let mut n_done = 0;
            for (&pair, of_pair) in batch.iter().zip(self.reader.read(&members)?) {
                evidence[pair] = Some(of_pair);
                let left = &mut left[text_of[pair / n] * n + pair % n];
                *left -= 1;
                n_done += usize::from(*left == 0);
            }
            meter.advance(n_done)?;
        }
        let mut evidence = evidence.into_iter().flatten();
        let mut of_part = || evidence.by_ref().take(n).collect();
        Ok(premises
            .iter()
            .map(|parts| parts.iter().map(|_| of_part()).collect())
            .collect())
    }

    /// The scores of one text from the evidence of its parts, for the hypotheses of one template.
    fn row(&self, parts: &[&[Evidence]], each_by_itself: bool) -> Vec<f32> {
        let rows: Vec<Vec<f64>> = parts.iter().map(|part| scores(part, each_by_itself)).collect();
        let n_labels = rows.first().map_or(0, Vec::len);
        let column = |label: usize| rows.iter().map(move |row| row[label]);
        let mut row: Vec<f64> = match self.long_texts {
            LongTexts::Split(Pooling::Max) => (0..n_labels).map(|label| column(label).fold(0.0, f64::max)).collect(),
            _ => (0..n_labels)
                .map(|label| column(label).sum::<f64>() / rows.len() as f64)
                .collect(),
        };
        if !each_by_itself {
            let sum: f64 = row.iter().sum();
            row.iter_mut().for_each(|score| *score /= sum);
        }
        row.into_iter().map(|score| score as f32).collect()
    }
}

/// Softmax of entailment over the labels, or of each label's entailment against its contradiction.
fn scores(evidence: &[Evidence], each_by_itself: bool) -> Vec<f64> {
    if each_by_itself {
        let against = |of: &Evidence| softmax(&[of.contradiction, of.entailment])[1];
        return evidence.iter().map(against).collect();
    }
    let entailment: Vec<f64> = evidence.iter().map(|of| of.entailment).collect();
    softmax(&entailment)
}

impl Engine for Entailment {
    fn name(&self) -> &'static str {
        "entailment"
    }

    fn model(&self) -> &str {
        &self.model
    }

    fn score(
        &mut self,
        texts: &[Input<'_>],
        question: &Question,
        on_progress: OnProgress<'_>,
    ) -> Result<Answer, ZeroShotError> {
        refuse_pairs(self.name(), texts)?;
        if question.each_by_itself() && self.reader.classes.contradiction.is_none() {
            return Err(ZeroShotError::NoContradiction {
                model: self.model.clone(),
            });
        }
        // Template after template, so that those of one are neighbours.
        let sentences = question
            .templates()
            .iter()
            .flat_map(|template| question.sentences(template));
        let hypotheses: Vec<Piece> = sentences
            .map(|sentence| self.reader.tokenizer().piece(&sentence))
            .collect::<Result<_, _>>()?;
        let n_asked = question.asked().len();
        let mut meter = Meter::new(texts.len() * hypotheses.len(), texts.len(), on_progress);
        let mut of_templates: Vec<Rows> = vec![Vec::with_capacity(texts.len()); question.templates().len()];
        for round in texts.chunks((PAIRS_PER_ROUND / hypotheses.len().max(1)).max(1)) {
            for parts in self.round(round, &hypotheses, &mut meter)? {
                for (at, rows) in of_templates.iter_mut().enumerate() {
                    let of_template: Vec<&[Evidence]> = parts
                        .iter()
                        .map(|part| &part[at * n_asked..(at + 1) * n_asked])
                        .collect();
                    rows.push(self.row(&of_template, question.each_by_itself()));
                }
            }
        }
        Ok(Answer::new(question, of_templates))
    }
}

#[cfg(test)]
#[path = "entailment_tests.rs"]
mod tests;
