//! Which unlabelled texts a head is sure enough of to learn from them.

use std::cmp::Ordering;

/// An unlabelled text with what is taken for true about it while a head is fitted.
#[derive(Debug, Clone, PartialEq)]
pub struct Guess {
    /// Its row.
    pub row: usize,
    /// Labels it is taken to have, ascending; exactly one where texts have one.
    pub set: Vec<usize>,
    /// Labels it is taken not to have. Empty where texts have one: all others.
    pub unset: Vec<usize>,
    /// Least probability of the labels it is taken to have; 1 where there are none.
    pub confidence: f32,
}

/// Of the texts whose best label is the same, the surest `share`, rounded up; ascending by row.
pub(super) fn of_one_label(probabilities: &[Vec<f32>], share: f64) -> Vec<Guess> {
    let n_labels = probabilities.first().map_or(0, Vec::len);
    let mut by_label: Vec<Vec<(usize, f32)>> = vec![Vec::new(); n_labels];
    for (row, probabilities) in probabilities.iter().enumerate() {
        if let Some(label) = best(probabilities) {
            by_label[label].push((row, probabilities[label]));
        }
    }
    let mut guesses = Vec::new();
    for (label, mut texts) in by_label.into_iter().enumerate() {
        texts.sort_by(surest);
        texts.truncate((texts.len() as f64 * share).ceil() as usize);
        guesses.extend(texts.into_iter().map(|(row, confidence)| Guess {
            row,
            set: vec![label],
            unset: Vec::new(),
            confidence,
        }));
    }
    guesses.sort_by_key(|guess| guess.row);
    guesses
}

/// For each label, as large a share of texts is taken to have it as of the labelled ones (`rates`), and the surest `share` of these and of the
/// others counts. Ascending by row; texts about which nothing is sure are left out.
pub(super) fn of_any_number(probabilities: &[Vec<f32>], rates: &[f64], share: f64) -> Vec<Guess> {
    let n = probabilities.len();
    let mut guesses: Vec<Guess> = (0..n)
        .map(|row| Guess {
            row,
            set: Vec::new(),
            unset: Vec::new(),
            confidence: 1.0,
        })
        .collect();
    for (label, rate) in rates.iter().enumerate() {
        let mut texts: Vec<(usize, f32)> = probabilities.iter().map(|row| row[label]).enumerate().collect();
        texts.sort_by(surest);
        let n_set = (n as f64 * rate * share).ceil() as usize;
        let n_unset = (n as f64 * (1.0 - rate) * share).ceil() as usize;
        for (row, probability) in texts.iter().take(n_set) {
            guesses[*row].set.push(label);
            guesses[*row].confidence = guesses[*row].confidence.min(*probability);
        }
        for (row, _) in texts.iter().skip(n_set).rev().take(n_unset) {
            guesses[*row].unset.push(label);
        }
    }
    guesses.retain(|guess| !guess.set.is_empty() || !guess.unset.is_empty());
    guesses
}

/// The most probable label, the first of several; `None` where there are none.
pub(super) fn best(probabilities: &[f32]) -> Option<usize> {
    let most = probabilities
        .iter()
        .enumerate()
        .max_by(|a, b| a.1.total_cmp(b.1).then(b.0.cmp(&a.0)));
    most.map(|(label, _)| label)
}

fn surest(a: &(usize, f32), b: &(usize, f32)) -> Ordering {
    b.1.total_cmp(&a.1).then(a.0.cmp(&b.0))
}

/// Of all texts guessed in one or both, the share guessed the same in both.
pub(super) fn share_in_common(a: &[Guess], b: &[Guess]) -> f64 {
    let (mut i, mut j, mut n_same, mut n_all) = (0, 0, 0, 0);
    while i < a.len() || j < b.len() {
        n_all += 1;
        let order = match (a.get(i), b.get(j)) {
            (Some(a), Some(b)) => a.row.cmp(&b.row),
            (Some(_), None) => Ordering::Less,
            _ => Ordering::Greater,
        };
        if order == Ordering::Equal && a[i].set == b[j].set && a[i].unset == b[j].unset {
            n_same += 1;
        }
        i += usize::from(order != Ordering::Greater);
        j += usize::from(order != Ordering::Less);
    }
    if n_all == 0 { 0.0 } else { n_same as f64 / n_all as f64 }
}
