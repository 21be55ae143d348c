//! Whether the pile helps: the labelled texts, scored with and without it by heads that did not see them.

use rayon::prelude::*;

use super::{Beside, PileSettings, fit, guesses, near};
use crate::core::metrics::average_precision;
use crate::model::head::folds::{Kept, deal, select};
use crate::model::head::strength::own;
use crate::model::head::{Examples, FitSettings, Head, HeadError, Targets};

/// Folds: enough that each head sees most of a handful.
const FOLDS: usize = 4;

/// Standard deviations: one in twenty would lie further out by chance. Dropping a pile that helps costs more than keeping one that does not.
const BEYOND_CHANCE: f64 = 1.64;

/// Where a smaller share of the pile is of the labelled texts' kind, the pile is off their topic. Of texts drawn like them nine tenths are.
const OFF_TOPIC: f64 = 0.35;

/// Probabilities of a text with the pile, and without.
type Both = [Vec<f32>; 2];

/// What the labelled texts say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Verdict {
    /// Whether to learn from the pile.
    pub helps: bool,
    /// Accuracy (one label a text) or mean average precision over labels with it; `None` where there are too few texts to tell, and the pile
    /// has the benefit of the doubt.
    pub with: Option<f64>,
    /// The same without it.
    pub without: Option<f64>,
}

impl Verdict {
    const UNKNOWN: Verdict = Verdict {
        helps: true,
        with: None,
        without: None,
    };
}

/// Scores the labelled texts in four folds with the pile and, as `plain` says, without.
///
/// One label a text: the pile is dropped where the texts that only the plain head gets right outnumber those that only the other gets right
/// by more than chance would (1.64 standard deviations). Any number: where its mean average precision is lower. A pile that is off the topic
/// has no benefit of the doubt: it stays only where it does better.
///
/// # Errors
/// Those of [`fit`] that another choice of folds would not change.
pub fn verdict(
    examples: Examples<'_>,
    beside: Beside<'_>,
    settings: &PileSettings,
    plain: &FitSettings,
    seed: u64,
) -> Result<Verdict, HeadError> {
    let heads = |kept: Examples<'_>| Ok([fit(kept, beside, settings)?.head, Head::fit(kept, plain)?]);
    let verdict = match (held_out(examples, FOLDS, seed, heads)?, examples.targets) {
        (None, _) => Verdict::UNKNOWN,
        (Some(scored), Targets::Single(labels)) => by_accuracy(examples, labels, &scored),
        (Some(scored), Targets::Multi(_)) => by_average_precision(examples, &scored),
    };
    let on_topic = near::belonging(examples.x, beside.pile).len() as f64;
    Ok(match on_topic < OFF_TOPIC * beside.pile.len() as f64 {
        true => Verdict {
            helps: verdict.with > verdict.without,
            ..verdict
        },
        false => verdict,
    })
}

/// Scores every labelled text by a head fitted with the pile and without its fold; see [`crate::model::head::out_of_fold`].
///
/// # Errors
/// Those of [`fit`] that another choice of folds would not change.
pub fn out_of_fold(
    examples: Examples<'_>,
    beside: Beside<'_>,
    settings: &PileSettings,
    k: usize,
    seed: u64,
) -> Result<Option<Vec<Vec<f32>>>, HeadError> {
    let scored = held_out(examples, k, seed, |kept| Ok([fit(kept, beside, settings)?.head]))?;
    Ok(scored.map(|scored| scored.into_iter().map(|[row]| row).collect()))
}

/// Of every text, the probabilities by each of `N` heads fitted without its fold; `None` where a fold leaves too few examples.
fn held_out<const N: usize>(
    examples: Examples<'_>,
    k: usize,
    seed: u64,
    heads: impl Fn(Examples<'_>) -> Result<[Head; N], HeadError> + Sync,
) -> Result<Option<Vec<[Vec<f32>; N]>>, HeadError> {
    let counts = examples.targets.counts(examples.n_labels)?;
    let n = examples.targets.len();
    let k = k.min(n);
    if k < 2 {
        return Ok(None);
    }
    let fold_of = deal(examples.targets, &counts, k, seed);
    let of_fold = |fold| {
        let (held_out, kept): (Vec<usize>, Vec<usize>) = (0..n).partition(|i| fold_of[*i] == fold);
        let kept = Kept::new(examples, &kept);
        let heads = match heads(kept.examples(examples)) {
            Err(HeadError::OneLabel | HeadError::EveryLabelConstant | HeadError::AllAlike | HeadError::NoTexts) => {
                return Ok(None);
            }
            other => other?,
        };
        let x = select(examples.x, &held_out);
        let mut scored: Vec<(usize, [Vec<f32>; N])> = held_out
            .iter()
            .map(|text| (*text, std::array::from_fn(|_| Vec::new())))
            .collect();
        for (at, head) in heads.iter().enumerate() {
            for ((_, rows), row) in scored.iter_mut().zip(head.predict_proba(&x)?) {
                rows[at] = row;
            }
        }
        Ok(Some(scored))
    };
    let by_fold: Vec<Option<Vec<_>>> = (0..k).into_par_iter().map(of_fold).collect::<Result<_, HeadError>>()?;
    let Some(by_fold) = by_fold.into_iter().collect::<Option<Vec<_>>>() else {
        return Ok(None);
    };
    let mut scored: Vec<_> = by_fold.into_iter().flatten().collect();
    scored.sort_unstable_by_key(|(text, _)| *text);
    Ok(Some(scored.into_iter().map(|(_, rows)| rows).collect()))
}

fn by_accuracy(examples: Examples<'_>, labels: &[usize], scored: &[Both]) -> Verdict {
    let is_right = |text: usize, row: &[f32]| {
        let answers = examples.tree.map(|on| own(on, examples.targets, row));
        guesses::best(answers.as_deref().unwrap_or(row)) == Some(labels[text])
    };
    let (mut right_with, mut right_without, mut only_with, mut only_without) = (0, 0, 0.0, 0.0);
    for (text, [with, without]) in scored.iter().enumerate() {
        let (with, without) = (is_right(text, with), is_right(text, without));
        right_with += usize::from(with);
        right_without += usize::from(without);
        only_with += f64::from(u8::from(with && !without));
        only_without += f64::from(u8::from(without && !with));
    }
    let share = |n: usize| Some(n as f64 / scored.len() as f64);
    Verdict {
        helps: only_without - only_with <= BEYOND_CHANCE * f64::sqrt(only_without + only_with),
        with: share(right_with),
        without: share(right_without),
    }
}

fn by_average_precision(examples: Examples<'_>, scored: &[Both]) -> Verdict {
    let mean = |which: usize| {
        let of_label = |label: usize| {
            let is_set = |text: usize| examples.targets.of(text).contains(&label);
            let truth: Vec<bool> = (0..scored.len()).map(is_set).collect();
            let scores: Vec<f32> = scored.iter().map(|both| both[which][label]).collect();
            average_precision(&scores, &truth)
        };
        let known: Vec<f64> = (0..examples.n_labels).filter_map(of_label).collect();
        (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
    };
    let (with, without) = (mean(0), mean(1));
    Verdict {
        helps: with >= without,
        with,
        without,
    }
}
