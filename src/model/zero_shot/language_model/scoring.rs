//! The scores of texts for one wording: by letters, by yes and no, by names that are written.

use super::super::named::named;
use super::super::{Meter, Question, Rows, ZeroShotError};
use super::prompt::{Beginning, Ending, Shot};
use super::shots::{self, Example};
use super::wording::{self, NO, NONE, Task, YES};
use super::{LocalLanguageModel, MAX_OPTIONS};
use crate::model::Input;

/// Tokens an answer may have beyond its longest label, and in all.
const SPARE_TOKENS: usize = 8;
const MAX_ANSWER: usize = 128;

/// Takes the place of a text and its prompt up to the text's end.
type WithPrompt<'a> = &'a mut dyn FnMut(&mut LocalLanguageModel, usize, Vec<u32>) -> Result<(), ZeroShotError>;

impl LocalLanguageModel {
    /// Examples that are shown before the text at `at` because they are nearest to it.
    fn examples(&self, at: usize) -> Vec<Example> {
        let ranks = self.nearest.ranks.get(at).into_iter().flatten();
        ranks.filter_map(|rank| self.nearest.pool.get(*rank)).cloned().collect()
    }

    /// Runs over all texts with one beginning: what is fixed is made once, and the model's cache keeps it.
    fn over_texts(
        &mut self,
        texts: &[Input<'_>],
        question: &Question,
        beginning: &Beginning,
        tell: &dyn Fn(&Example) -> Vec<String>,
        each: WithPrompt<'_>,
    ) -> Result<(), ZeroShotError> {
        let mut shots = Vec::new();
        for example in shots::per_label(question, self.settings.shots) {
            shots.push(beginning.shot(&mut self.model, &example.text, &tell(&example))?);
        }
        for (at, text) in texts.iter().enumerate() {
            let mut near = Vec::new();
            for example in self.examples(at) {
                let answers = tell(&example);
                let is_shown = shots.iter().any(|shot: &Shot| shot.text == example.text);
                if !answers.is_empty() && !is_shown {
                    near.push(beginning.shot(&mut self.model, &example.text, &answers)?);
                }
            }
            let shown: Vec<&Shot> = shots.iter().chain(&near).collect();
            let prompt = beginning.with_text(&mut self.model, &shown, text.text, &mut self.counts)?;
            each(self, at, prompt)?;
        }
        Ok(())
    }

    pub(super) fn choose(
        &mut self,
        texts: &[Input<'_>],
        question: &Question,
        options: &[String],
        meter: &mut Meter<'_>,
    ) -> Result<Rows, ZeroShotError> {
        let n = options.len();
        let codes = wording::codes_of(Task::Choose, n).ok_or(ZeroShotError::TooManyOptions { most: MAX_OPTIONS })?;
        let tail = [&Task::Choose.tail(""), self.frame.after.as_str()].concat();
        let words: Vec<Vec<String>> = codes.iter().map(|code| vec![code.clone()]).collect();
        let ending = Ending::new(&mut self.model, &tail, &words)?;
        let rotations = self.rotations(n);
        let mut sums = vec![vec![0.0_f64; n]; texts.len()];
        for rotation in 0..rotations {
            let shift = rotation * n / rotations;
            let shown: Vec<String> = (0..n).map(|at| options[(at + shift) % n].clone()).collect();
            let head = Task::Choose.head(&shown, &codes);
            let beginning = self.beginning(&head, ending.len())?;
            // The option of a label stands `shift` places before the label's own.
            let code_of = |label: usize| codes.get((label + n - shift) % n).cloned().unwrap_or_default();
            let tell = |example: &Example| -> Vec<String> {
                let first = example.labels.first();
                first
                    .map(|label| format!("\nAnswer: {}", code_of(*label)))
                    .into_iter()
                    .collect()
            };
            self.over_texts(texts, question, &beginning, &tell, &mut |engine, at, mut prompt| {
                prompt.extend(&ending.tokens);
                let shares = ending
                    .answers
                    .probabilities(n, &prompt, &engine.model, &mut engine.cache)?;
                for (place, share) in shares.iter().enumerate() {
                    sums[at][(place + shift) % n] += share / rotations as f64;
                }
                meter.advance(1)
            })?;
        }
        Ok(sums
            .into_iter()
            .map(|row| row.into_iter().map(|share| share as f32).collect())
            .collect())
    }

    pub(super) fn decide(
        &mut self,
        texts: &[Input<'_>],
        question: &Question,
        options: &[String],
        meter: &mut Meter<'_>,
    ) -> Result<Rows, ZeroShotError> {
        let words = [spellings(YES), spellings(NO)];
        let mut endings = Vec::with_capacity(options.len());
        for option in options {
            let tail = [&Task::Decide.tail(option), self.frame.after.as_str()].concat();
            endings.push(Ending::new(&mut self.model, &tail, &words)?);
        }
        let longest = endings.iter().map(Ending::len).max().unwrap_or_default();
        let head = Task::Decide.head(&[], &[]);
        let beginning = self.beginning(&head, longest)?;
        let mut rows = vec![Vec::with_capacity(options.len()); texts.len()];
        let tell = |example: &Example| decisions(example, options);
        self.over_texts(texts, question, &beginning, &tell, &mut |engine, at, prompt| {
            for ending in &endings {
                let prompt = [prompt.as_slice(), &ending.tokens].concat();
                let shares = ending
                    .answers
                    .probabilities(2, &prompt, &engine.model, &mut engine.cache)?;
                rows[at].push(shares.first().copied().unwrap_or_default() as f32);
                meter.advance(1)?;
            }
            Ok(())
        })?;
        Ok(rows)
    }

    pub(super) fn generate(
        &mut self,
        texts: &[Input<'_>],
        question: &Question,
        task: Task,
        options: &[String],
        meter: &mut Meter<'_>,
    ) -> Result<Rows, ZeroShotError> {
        let names: Vec<String> = question.asked().map(|label| wording::in_line(&label.name)).collect();
        let mut n_tokens = 0;
        for name in &names {
            let n = self.model.tokens().text(name)?.len();
            n_tokens = if task == Task::List {
                n_tokens + n + 1
            } else {
                n_tokens.max(n)
            };
        }
        let most = (n_tokens + SPARE_TOKENS).min(MAX_ANSWER);
        let tail = [&task.tail(""), self.frame.after.as_str()].concat();
        let tail = self.model.tokens().part(&tail)?;
        let head = task.head(options, &[]);
        let n_after = tail.len() + most;
        let beginning = self.beginning(&head, n_after)?;
        let name_of = |label: &usize| names.get(*label).cloned().unwrap_or_default();
        let tell = |example: &Example| -> Vec<String> {
            let named: Vec<String> = example.labels.iter().map(name_of).collect();
            match (task, named.first()) {
                (Task::List, None) => vec![format!("{} {NONE}", task.tail(""))],
                (Task::List, _) => vec![format!("{} {}", task.tail(""), named.join(", "))],
                (_, first) => first
                    .map(|name| format!("{} {name}", task.tail("")))
                    .into_iter()
                    .collect(),
            }
        };
        let mut rows = vec![vec![0.0; names.len()]; texts.len()];
        self.over_texts(texts, question, &beginning, &tell, &mut |engine, at, mut prompt| {
            prompt.extend(&tail);
            let said = engine.go_on(prompt, most)?;
            let found = match task {
                Task::List => listed(&said, &names),
                _ => named(&said, &names).map(|label| vec![label]),
            };
            engine.counts.n_refused += usize::from(found.is_none());
            for label in found.into_iter().flatten() {
                rows[at][label] = 1.0;
            }
            meter.advance(1)
        })?;
        Ok(rows)
    }

    /// What the model most likely writes after a prompt: up to the end of its turn, or of a line, or `most` tokens.
    pub(super) fn go_on(&mut self, mut prompt: Vec<u32>, most: usize) -> Result<String, ZeroShotError> {
        let (begin, mut said) = (prompt.len(), String::new());
        for _ in 0..most {
            let logits = self.model.next_logits(&prompt, &mut self.cache)?;
            if logits.iter().any(|logit| logit.is_nan()) {
                return Err(ZeroShotError::NotFinite);
            }
            let best = (0..logits.len()).reduce(|best, at| if logits[at] > logits[best] { at } else { best });
            let token = best.unwrap_or_default() as u32;
            if self.model.is_end(token) {
                break;
            }
            prompt.push(token);
            said = self.model.tokens().decode(prompt.get(begin..).unwrap_or_default())?;
            if said.trim_start().contains('\n') {
                break;
            }
        }
        Ok(said.trim().lines().next().unwrap_or_default().to_owned())
    }
}

/// A word as models write it.
fn spellings(word: &str) -> Vec<String> {
    let (first, rest) = word.split_at(word.chars().next().map_or(0, char::len_utf8));
    vec![word.to_owned(), [first.to_uppercase().as_str(), rest].concat()]
}

/// How an example is told where labels are asked about one by one: once with a label it has and once with one it has not, so that neither
/// answer is shown more often.
pub(super) fn decisions(example: &Example, options: &[String]) -> Vec<String> {
    let n = options.len();
    let has = example.labels.first().copied();
    let from = has.map_or(0, |label| label + 1);
    let has_not = (from..from + n)
        .map(|label| label % n.max(1))
        .find(|label| !example.labels.contains(label));
    let tell = |label: usize, answer: &str| {
        let option = options.get(label).map_or("", String::as_str);
        format!("{} {answer}", Task::Decide.tail(option))
    };
    let yes = has.map(|label| tell(label, YES));
    yes.into_iter().chain(has_not.map(|label| tell(label, NO))).collect()
}

/// The labels of a reply with several, separated by commas; empty for "none", `None` where nothing in it is a label.
pub(super) fn listed(said: &str, names: &[String]) -> Option<Vec<usize>> {
    let parts: Vec<&str> = said.split([',', ';']).collect();
    let mut found: Vec<usize> = parts.iter().filter_map(|part| named(part, names)).collect();
    if found.is_empty() {
        // A name with a comma in it.
        found.extend(named(said, names));
    }
    found.sort_unstable();
    found.dedup();
    let is_none = named(said, &[NONE.to_owned()]).is_some();
    (is_none || !found.is_empty()).then_some(found)
}
