//! Prompts as tokens, within what a model reads: what all texts have in common first, so that it is computed once, then examples, then the
//! text, then what its answer follows.

use super::super::ZeroShotError;
use super::Refusals;
use super::answers::Answers;
use super::wording::LEAD;
use crate::model::ModelError;
use crate::model::language_model::{Frame, LanguageModel};

/// An example in tokens.
#[derive(Debug, Clone)]
pub struct Shot {
    /// Its text, so that no text is shown with its own answer.
    pub text: String,
    /// All of it.
    pub tokens: Vec<u32>,
}

/// What the prompts of a question have in common.
pub struct Beginning {
    head: Vec<u32>,
    lead: Vec<u32>,
    /// Tokens a prompt may have up to the end of its text.
    room: usize,
    context: usize,
}

impl Beginning {
    /// With `head` before all texts; of the `context` tokens that are read, `n_after` are for what follows a text.
    pub fn new(
        model: &mut LanguageModel,
        frame: &Frame,
        head: &str,
        context: usize,
        n_after: usize,
    ) -> Result<Beginning, ZeroShotError> {
        let tokens = model.tokens();
        let head = if tokens.has_mark(head) {
            // A label that is called like a mark of the model's is no mark.
            [tokens.beginning(&frame.before)?, tokens.text(head)?].concat()
        } else {
            tokens.beginning(&[frame.before.as_str(), head].concat())?
        };
        let lead = tokens.part(LEAD)?;
        let needed = head.len() + lead.len() + 1 + n_after;
        if needed > context {
            return Err(ZeroShotError::PromptTooLong { needed, context });
        }
        Ok(Beginning {
            head,
            lead,
            room: context - n_after,
            context,
        })
    }

    /// An example with its answer, which is written after the text.
    pub fn shot(&self, model: &mut LanguageModel, text: &str, answers: &[String]) -> Result<Shot, ZeroShotError> {
        let words = words(model, text)?;
        let mut tokens = Vec::new();
        for answer in answers {
            tokens.extend(&self.lead);
            tokens.extend(&words);
            tokens.extend(model.tokens().text(answer)?);
        }
        Ok(Shot {
            text: text.to_owned(),
            tokens,
        })
    }

    /// The prompt of a text up to its end. Where it is too long, examples are left out from the last one on, then the text loses its end.
    pub fn with_text(
        &self,
        model: &mut LanguageModel,
        shots: &[&Shot],
        text: &str,
        counts: &mut Refusals,
    ) -> Result<Vec<u32>, ZeroShotError> {
        let mut words = words(model, text)?;
        let own = self.head.len() + self.lead.len();
        let mut left = self.room.saturating_sub(own + words.len());
        let shots: Vec<&&Shot> = shots.iter().filter(|shot| shot.text.trim() != text.trim()).collect();
        let mut n_shown = 0;
        for shot in &shots {
            if shot.tokens.len() > left {
                break;
            }
            left -= shot.tokens.len();
            n_shown += 1;
        }
        counts.n_with_fewer_shots += usize::from(n_shown < shots.len());
        let most = self.room.saturating_sub(own);
        counts.n_cut += usize::from(words.len() > most);
        words.truncate(most.max(1));
        let mut tokens = self.head.clone();
        for shot in shots.iter().take(n_shown) {
            tokens.extend(&shot.tokens);
        }
        tokens.extend(&self.lead);
        tokens.extend(words);
        debug_assert!(tokens.len() <= self.context);
        Ok(tokens)
    }
}

/// A text as it stands after its lead: a space before it, as between all words.
fn words(model: &mut LanguageModel, text: &str) -> Result<Vec<u32>, ModelError> {
    model.tokens().text(&[" ", text.trim()].concat())
}

/// What follows a text, and how answers are spelled after it.
pub struct Ending {
    /// After the text.
    pub tokens: Vec<u32>,
    /// The answers.
    pub answers: Answers,
}

impl Ending {
    /// For several answers, each with the words that mean it. A word is looked for as the tail makes it come next: with and without a space
    /// before it, wherever that leaves the tail's own tokens what they are.
    pub fn new(model: &mut LanguageModel, tail: &str, answers: &[Vec<String>]) -> Result<Ending, ZeroShotError> {
        let tokens = model.tokens().part(tail)?;
        let mut spelled = Answers::default();
        for (answer, words) in answers.iter().enumerate() {
            for word in words {
                let mut is_found = false;
                for space in ["", " "] {
                    let whole = model.tokens().part(&[tail, space, word].concat())?;
                    if let Some(rest) = whole.strip_prefix(tokens.as_slice()).filter(|rest| !rest.is_empty()) {
                        spelled.add(answer, rest);
                        is_found = true;
                    }
                }
                if !is_found {
                    spelled.add(answer, &model.tokens().text(word)?);
                }
            }
        }
        Ok(Ending {
            tokens,
            answers: spelled,
        })
    }

    /// Tokens it takes at most.
    pub fn len(&self) -> usize {
        self.tokens.len() + self.answers.depth()
    }
}
