//! Which words of a text moved a score: an estimate, by leaving out one word at a time (occlusion; Zeiler & Fergus 2014).
//!
//! Not here: what to do with it. An explanation is never stored and nothing is learnt from it.

use std::ops::{ControlFlow, Range};

use serde::Serialize;
use unicode_segmentation::UnicodeSegmentation;

use super::error::{ModelError, Result};
use super::{Classifier, Input};

/// Words left out one by one at most; of a longer text those of the passages that moved the score most.
pub const MAX_WORDS: usize = 96;

/// Passages a longer text is cut into first.
const MAX_PASSAGES: usize = 32;

/// Bytes of a text that are looked at: more than any encoder reads.
const MAX_BYTES: usize = 64 << 10;

/// What is explained: the score of a label, or how far it is above another's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Target {
    /// Column of the label.
    pub label: usize,
    /// Column of the label it is compared with; `None`: its score alone.
    pub against: Option<usize>,
}

/// A word and what leaving it out did.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct WordEffect {
    /// 0: the text, or the first of a pair; 1: the second.
    pub part: usize,
    /// First byte in that part.
    pub start: usize,
    /// The byte after its last.
    pub end: usize,
    /// The score with the word less the score without it, in −1..=1 (−2..=2 against another label): above 0 the word speaks for the
    /// label.
    pub effect: f32,
}

/// The words of a text with their effects.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// The label's score for the whole text, in 0..=1.
    pub score: f32,
    /// The words that were left out one by one, in the order of the text.
    pub words: Vec<WordEffect>,
    /// Words of the whole text: more than `words` where it is long.
    pub n_words: usize,
}

impl Explanation {
    /// The effect of the word that moved the score most, without its sign; 0 where there are no words.
    pub fn strongest(&self) -> f32 {
        self.words.iter().map(|word| word.effect.abs()).fold(0.0, f32::max)
    }

    /// Words by the size of their effect, largest first, ties in the order of the text.
    pub fn ranked(&self) -> Vec<WordEffect> {
        let mut words = self.words.clone();
        words.sort_by(|a, b| b.effect.abs().total_cmp(&a.effect.abs()));
        words
    }
}

/// Where the words of a text are, in bytes: by the rules of Unicode (UAX #29), which know scripts without spaces, and symbols such as
/// emoji; white space and punctuation are no words. A text of nothing but punctuation has its marks as words.
pub fn words(text: &str) -> Vec<Range<usize>> {
    let text = beginning(text);
    let pieces = |wanted: fn(char) -> bool| {
        let pieces = text.split_word_bound_indices();
        let kept = pieces.filter(move |(_, piece)| piece.chars().any(wanted));
        kept.map(|(start, piece)| start..start + piece.len())
            .collect::<Vec<_>>()
    };
    let found = pieces(|c| c.is_alphanumeric() || !(c.is_ascii() || c.is_whitespace() || is_punctuation(c)));
    match found.is_empty() {
        true => pieces(|c| !c.is_whitespace() && !c.is_control()),
        false => found,
    }
}

/// Marks outside ASCII that say nothing alone: those of Latin-1, the general ones, and those of Chinese and Japanese.
fn is_punctuation(c: char) -> bool {
    matches!(c, '\u{80}'..='\u{bf}' | '\u{2000}'..='\u{206f}' | '\u{3000}'..='\u{303f}' | '\u{fe00}'..='\u{fe0f}' | '\u{ff00}'..='\u{ff0f}')
}

fn beginning(text: &str) -> &str {
    match text.char_indices().find(|(at, _)| *at >= MAX_BYTES) {
        Some((end, _)) => text.get(..end).unwrap_or(text),
        None => text,
    }
}

/// The effect of each word of a text or pair on `target`. Words are counted over both parts of a pair.
///
/// One pass over the text for each word; with more than [`MAX_WORDS`] the text is cut into passages first, and the words of those whose
/// absence moves the score most are looked at one by one.
///
/// # Errors
/// A label the classifier does not have; [`ModelError::Stopped`] when `flow` says `Break`; whatever [`Classifier::predict_proba`] reports.
pub fn explain(
    classifier: &Classifier,
    input: Input<'_>,
    target: Target,
    flow: &mut dyn FnMut() -> ControlFlow<()>,
) -> Result<Explanation> {
    let n_labels = classifier.label_paths.len();
    if target.label >= n_labels || target.against.is_some_and(|label| label >= n_labels) {
        return Err(ModelError::Input(format!(
            "the model has {n_labels} labels, numbered from 0: there is no column {}",
            target.label.max(target.against.unwrap_or(0))
        )));
    }
    let all: Vec<Place> = parts(input)
        .flat_map(|(part, text)| words(text).into_iter().map(move |range| Place { part, range }))
        .collect();
    let mut asked = Asked {
        classifier,
        input,
        target,
        flow,
    };
    let (score, whole) = asked.whole()?;
    let chosen = match all.len() > MAX_WORDS {
        true => asked.most_moving(&all, whole)?,
        false => all.clone(),
    };
    let effects = asked.effects(&chosen, whole)?;
    let words = chosen.into_iter().zip(effects);
    Ok(Explanation {
        score,
        words: words.map(|(place, effect)| place.with(effect)).collect(),
        n_words: all.len(),
    })
}

/// A stretch of one part.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    part: usize,
    range: Range<usize>,
}

impl Place {
    fn with(self, effect: f32) -> WordEffect {
        WordEffect {
            part: self.part,
            start: self.range.start,
            end: self.range.end,
            effect,
        }
    }
}

fn parts(input: Input<'_>) -> impl Iterator<Item = (usize, &str)> {
    [Some(input.text), input.second].into_iter().flatten().enumerate()
}

struct Asked<'a> {
    classifier: &'a Classifier,
    input: Input<'a>,
    target: Target,
    flow: &'a mut dyn FnMut() -> ControlFlow<()>,
}

impl Asked<'_> {
    /// The label's score of the whole text, and what is explained.
    fn whole(&mut self) -> Result<(f32, f32)> {
        let input = self.input;
        let scores = self
            .classifier
            .predict_proba(&[input], &mut |_| ControlFlow::Continue(()))?;
        let row = scores.first().map_or(&[][..], Vec::as_slice);
        Ok((of(row, self.target.label), self.value(row)))
    }

    fn value(&self, row: &[f32]) -> f32 {
        of(row, self.target.label) - self.target.against.map_or(0.0, |label| of(row, label))
    }

    /// What is explained with the whole text, less that without each of the places.
    fn effects(&mut self, places: &[Place], whole: f32) -> Result<Vec<f32>> {
        let texts: Vec<(String, Option<String>)> = places.iter().map(|place| self.without(place)).collect();
        let inputs: Vec<Input<'_>> = texts
            .iter()
            .map(|(text, second)| Input {
                text,
                second: second.as_deref(),
            })
            .collect();
        let flow = &mut *self.flow;
        let rows = self.classifier.predict_proba(&inputs, &mut |_| flow())?;
        Ok(rows.iter().map(|row| whole - self.value(row)).collect())
    }

    /// The text without a place, and without the space that would be left double.
    fn without(&self, place: &Place) -> (String, Option<String>) {
        let cut = |part: usize, text: &str| match part == place.part {
            true => left_out(text, &place.range),
            false => text.to_owned(),
        };
        (cut(0, self.input.text), self.input.second.map(|text| cut(1, text)))
    }

    /// At most [`MAX_WORDS`] words: those of the passages that move the score most, in the order of the text.
    fn most_moving(&mut self, all: &[Place], whole: f32) -> Result<Vec<Place>> {
        let passages = passages(self.input, all);
        let places: Vec<Place> = passages.iter().filter_map(|words| around(words)).collect();
        let effects = self.effects(&places, whole)?;
        let mut order: Vec<usize> = (0..passages.len()).collect();
        let size = |at: &usize| effects.get(*at).map_or(0.0, |effect| effect.abs());
        order.sort_by(|a, b| size(b).total_cmp(&size(a)));
        let (mut kept, mut room) = (vec![0; passages.len()], MAX_WORDS);
        for at in order {
            let n = passages.get(at).map_or(0, |words| words.len()).min(room);
            room -= n;
            if let Some(kept) = kept.get_mut(at) {
                *kept = n;
            }
        }
        let of_passage = passages.iter().zip(kept).map(|(words, n)| words.iter().take(n));
        Ok(of_passage.flatten().cloned().collect())
    }
}

fn of(row: &[f32], label: usize) -> f32 {
    row.get(label).copied().unwrap_or(f32::NAN)
}

fn left_out(text: &str, range: &Range<usize>) -> String {
    let before = text.get(..range.start).unwrap_or_default();
    let after = text.get(range.end..).unwrap_or_default();
    let after = match before.is_empty() || before.ends_with(char::is_whitespace) {
        true => after.strip_prefix(char::is_whitespace).unwrap_or(after),
        false => after,
    };
    [before, after].concat()
}

/// From the first word to the last.
fn around(words: &[Place]) -> Option<Place> {
    let (first, last) = (words.first()?, words.last()?);
    Some(Place {
        part: first.part,
        range: first.range.start..last.range.end,
    })
}

/// Words together by sentence: a short sentence joins the one before it, a long one is cut, so that there are at most [`MAX_PASSAGES`] for
/// each part.
fn passages<'a>(input: Input<'_>, all: &'a [Place]) -> Vec<&'a [Place]> {
    let mut passages = Vec::new();
    for (part, text) in parts(input) {
        let first = all.iter().position(|place| place.part == part).unwrap_or(all.len());
        let words = all.get(first..).unwrap_or_default();
        let words = words
            .get(..words.iter().take_while(|place| place.part == part).count())
            .unwrap_or_default();
        let least = words.len().div_ceil(MAX_PASSAGES).max(4);
        let mut starts = text.split_sentence_bound_indices().map(|(start, _)| start).peekable();
        let mut from = 0;
        for (at, word) in words.iter().enumerate() {
            let mut new_sentence = false;
            while starts.next_if(|start| *start <= word.range.start).is_some() {
                new_sentence = true;
            }
            let n = at - from;
            if n >= 2 * least || (new_sentence && n >= least) {
                passages.extend(words.get(from..at));
                from = at;
            }
        }
        passages.extend(words.get(from..).filter(|rest| !rest.is_empty()));
    }
    passages
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::TaskKind;
    use crate::model::head::{Examples, FitSettings};
    use crate::model::testing::tiny_encoder;
    use crate::model::{LogisticHead, Targets};

    fn go_on() -> impl FnMut() -> ControlFlow<()> {
        || ControlFlow::Continue(())
    }

    /// A head over the tiny encoder that was fitted on `texts`, the first half of which has label 0.
    fn classifier<'a, T: Into<Input<'a>> + Copy + Sync>(texts: &[T], pairs: bool) -> Classifier {
        let encoder = tiny_encoder(3);
        let embeddings = encoder.embed(texts, &mut |_| ControlFlow::Continue(())).unwrap();
        let targets = Targets::Single((0..texts.len()).map(|at| usize::from(at >= texts.len() / 2)).collect());
        let examples = Examples::new(&embeddings, &targets, 2);
        let head = LogisticHead::fit(examples, &FitSettings::with_c(100.0)).unwrap();
        Classifier {
            encoder,
            head: head.into(),
            pairs,
            task: TaskKind::SingleLabel,
            label_paths: vec![vec!["animals".into()], vec!["money".into()]],
            thresholds: vec![0.0; 2],
            at_least_one: false,
            tree: None,
            walk: crate::core::Walk::default(),
            encoder_name: "tiny".into(),
        }
    }

    /// It has seen each word in the same surroundings, so that only the word tells the label.
    fn animals_and_money() -> Classifier {
        let around = |word: &str| {
            [
                format!("the {word}"),
                format!("a {word} runs"),
                format!("red {word}"),
                word.to_owned(),
            ]
        };
        let texts: Vec<String> = ["cat", "dog", "bird", "price", "market", "goal"]
            .iter()
            .flat_map(|word| around(word))
            .collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        classifier(&texts, false)
    }

    const FIRST: Target = Target {
        label: 0,
        against: None,
    };

    fn effect_of(classifier: &Classifier, text: &str, word: &str, target: Target) -> f32 {
        let found = explain(classifier, text.into(), target, &mut go_on()).unwrap();
        let at = found.words.iter().find(|at| &text[at.start..at.end] == word).unwrap();
        at.effect
    }

    #[test]
    fn leaving_out_a_word_the_head_was_trained_on_lowers_its_label() {
        let classifier = animals_and_money();
        let text = "bird price";
        let (bird, price) = (
            effect_of(&classifier, text, "bird", FIRST),
            effect_of(&classifier, text, "price", FIRST),
        );
        assert!(bird > 0.2 && price < -0.2, "bird {bird}, price {price}");
        // With two labels what speaks for one speaks as much against the other.
        let second = Target {
            label: 1,
            against: None,
        };
        assert!((effect_of(&classifier, text, "bird", second) + bird).abs() < 1e-4);
        let margin = Target {
            label: 0,
            against: Some(1),
        };
        assert!((effect_of(&classifier, text, "bird", margin) - 2.0 * bird).abs() < 1e-4);
    }

    #[test]
    fn effects_are_the_differences_of_the_scores_themselves() {
        let classifier = animals_and_money();
        let score = |text: &str| {
            classifier
                .predict_proba(&[text], &mut |_| ControlFlow::Continue(()))
                .unwrap()[0][0]
        };
        let found = explain(&classifier, "the  cat\truns".into(), FIRST, &mut go_on()).unwrap();
        assert_eq!(found.score, score("the  cat\truns"));
        let effects: Vec<f32> = found.words.iter().map(|word| word.effect).collect();
        for (effect, without) in effects.iter().zip(["cat runs", "the runs", "the cat"]) {
            assert!((effect - (found.score - score(without))).abs() < 1e-6, "{without}");
        }
        assert_eq!(found.ranked()[0].effect.abs(), found.strongest());
    }

    #[test]
    fn texts_without_words_and_with_one() {
        let classifier = animals_and_money();
        for text in ["", " \n\t "] {
            let found = explain(&classifier, text.into(), FIRST, &mut go_on()).unwrap();
            assert!(found.words.is_empty() && found.score.is_finite() && found.strongest() == 0.0);
        }
        let found = explain(&classifier, "cat".into(), FIRST, &mut go_on()).unwrap();
        assert_eq!((found.words.len(), found.n_words), (1, 1));
        assert!(found.words[0].effect.is_finite());
        let marks = explain(&classifier, "?!".into(), FIRST, &mut go_on()).unwrap();
        assert_eq!(marks.n_words, 2);
    }

    #[test]
    fn both_parts_of_a_pair_are_looked_at() {
        let pairs = [
            ("cat", "cat runs"),
            ("dog", "a dog"),
            ("price", "the price"),
            ("market", "a market"),
        ];
        let classifier = classifier(&pairs, true);
        let found = explain(&classifier, ("the cat", "a market").into(), FIRST, &mut go_on()).unwrap();
        let places: Vec<(usize, usize)> = found.words.iter().map(|word| (word.part, word.start)).collect();
        assert_eq!(places, [(0, 0), (0, 4), (1, 0), (1, 2)]);
        assert!(found.words[3].effect < found.words[1].effect);
        assert!(explain(&classifier, "alone".into(), FIRST, &mut go_on()).is_err());
    }

    #[test]
    fn of_a_very_long_text_the_passage_that_matters_is_looked_at() {
        let classifier = animals_and_money();
        // The encoder reads 32 tokens, so the cat must stand at the beginning to matter.
        let text = format!("the cat. {}", "rain red sun. ".repeat(20_000));
        let found = explain(&classifier, text.as_str().into(), FIRST, &mut go_on()).unwrap();
        assert_eq!(found.words.len(), MAX_WORDS);
        assert!(found.n_words > 10_000 && found.n_words < 20_000, "{}", found.n_words);
        assert!(found.words.iter().any(|word| &text[word.start..word.end] == "cat"));
        assert!(found.words.windows(2).all(|pair| pair[0].end <= pair[1].start));
    }

    #[test]
    fn it_stops_when_told_and_refuses_unknown_labels() {
        let classifier = animals_and_money();
        let stopped = explain(&classifier, "the cat".into(), FIRST, &mut || ControlFlow::Break(()));
        assert!(matches!(stopped, Err(ModelError::Stopped)));
        let unknown = Target {
            label: 2,
            against: None,
        };
        let refused = explain(&classifier, "the cat".into(), unknown, &mut go_on()).unwrap_err();
        assert!(refused.to_string().contains("no column 2"), "{refused}");
    }

    #[test]
    fn words_of_every_script() {
        let of = |text: &'static str| words(text).into_iter().map(|range| &text[range]).collect::<Vec<_>>();
        assert_eq!(of("Don't panic, it's 3.5 %!"), ["Don't", "panic", "it's", "3.5"]);
        assert_eq!(of("così 😂 “naïve”…"), ["così", "😂", "naïve"]);
        assert_eq!(of("売上が増加。"), ["売", "上", "が", "増", "加"]);
        assert_eq!(of("?! …"), ["?", "!", "…"]);
        assert!(of(" \u{a0}\n").is_empty());
    }
}
