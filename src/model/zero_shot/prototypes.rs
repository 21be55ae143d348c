//! Similarity that reads the pile: what stands for a label starts at the label's sentence and moves towards the texts that are nearest to
//! it, held by the sentence. No text needs a label.
//!
//! Soft spherical k-means whose centres begin at the label names and never leave them altogether; why these settings is in
//! `docs/decisions/similarity-that-reads.md`.

use std::borrow::Cow;

use rayon::prelude::*;

use super::{Rows, softmax};
use crate::model::Embeddings;
use crate::model::ops::matmul::{Threads, View, product};

/// With fewer texts than this the names know better than the texts.
pub const LEAST_TEXTS: usize = 200;

/// What the sentence of a label weighs in its prototype, the nearest texts having the rest: where labels exclude each other, and where
/// they do not.
const ANCHORS: (f64, f64) = (0.5, 0.6);

/// Cosines are divided by this before a text is shared out among the labels.
const SHARING: f32 = 0.02;

/// How often prototypes move; they have settled by then.
const ROUNDS: usize = 10;

/// More texts than this move no prototype: an even sample of them does.
const MOST_TEXTS: usize = 4_000;

/// How many typical texts of a label are named.
pub const TYPICAL: usize = 10;

/// Labels that a text has on average, where it may have several and nobody has said how many.
const LABELS_PER_TEXT: f64 = 1.5;

/// Rows of texts compared at a time.
const BLOCK: usize = 1024;

/// What the texts make of the labels.
#[derive(Debug, Clone, PartialEq)]
pub struct Prototypes {
    /// `(n_labels, dim)`, rows of length 1.
    pub vectors: Embeddings,
    /// For each label the texts nearest to its prototype among those that are nearest to no other, by row, nearest first; at most
    /// [`TYPICAL`].
    pub typical: Vec<Vec<usize>>,
    /// `(n_texts, n_labels)` cosines, row-major.
    cosines: Vec<f32>,
}

impl Prototypes {
    /// Moves prototypes from `names`, one row a label, towards `texts`. `multi`: a text may have several labels. Widths must agree.
    pub fn from_texts(names: &Embeddings, texts: &Embeddings, multi: bool) -> Prototypes {
        Prototypes::from_unit_texts(names, &unit(texts), multi)
    }

    /// [`Prototypes::from_texts`] of texts whose rows have length 1.
    pub(super) fn from_unit_texts(names: &Embeddings, all: &Embeddings, multi: bool) -> Prototypes {
        let names = unit(names);
        let sample = match all.len() > MOST_TEXTS {
            true => Cow::Owned(all.rows(&even_sample(all.len()))),
            false => Cow::Borrowed(all),
        };
        let anchor = if multi { ANCHORS.1 } else { ANCHORS.0 };
        let mut vectors = names.clone();
        for _ in 0..if names.is_empty() || sample.is_empty() {
            0
        } else {
            ROUNDS
        } {
            vectors = moved(&names, &vectors, &sample, anchor);
        }
        let cosines = cosines(all, &vectors);
        Prototypes {
            typical: typical(&cosines, vectors.len()),
            vectors,
            cosines,
        }
    }

    /// The cosine between each text and each prototype, `(n_texts, n_labels)`, row-major.
    pub fn cosines(&self) -> &[f32] {
        &self.cosines
    }

    /// One score in 0..=1 per text and label, `(n_texts, n_labels)`: a softmax over the cosines divided by `temperature`.
    pub fn shares(&self, temperature: f64) -> Rows {
        let row = |cosines: &[f32]| {
            let logits: Vec<f64> = cosines.iter().map(|cosine| f64::from(*cosine) / temperature).collect();
            softmax(&logits).into_iter().map(|share| share as f32).collect()
        };
        self.rows().map(row).collect()
    }

    /// One score in 0..=1 per text and label, each by itself: how much nearer the text is than others of the project are, and than it is
    /// to other labels. Set so that half is passed by one and a half labels a text on average.
    pub fn each_by_itself(&self) -> Rows {
        let n_labels = self.vectors.len();
        let mut standing = standardised(&self.cosines, n_labels);
        for row in standing.chunks_exact_mut(n_labels.max(1)) {
            let mean = row.iter().sum::<f32>() / n_labels as f32;
            row.iter_mut().for_each(|x| *x -= mean / 2.0);
        }
        let line = upper(&standing, (LABELS_PER_TEXT / n_labels.max(1) as f64).min(0.5));
        let score = |x: &f32| (1.0 / (1.0 + ((f64::from(line) - f64::from(*x)) / 0.4).exp())) as f32;
        standing
            .chunks_exact(n_labels.max(1))
            .map(|row| row.iter().map(score).collect())
            .collect()
    }

    fn rows(&self) -> impl Iterator<Item = &[f32]> {
        self.cosines.chunks_exact(self.vectors.len().max(1))
    }
}

/// The temperature at which a softmax over the cosines of labelled rows is least surprised by their labels (least log loss), between
/// 0.005 and 0.5; `None` with fewer than eight rows. `truth`: row and column of each; `cosines`: `(n, n_labels)`, row-major.
pub fn fitted_temperature(cosines: &[f32], n_labels: usize, truth: &[(usize, usize)]) -> Option<f64> {
    const LEAST_ROWS: usize = 8;
    let rows: Vec<(&[f32], usize)> = truth
        .iter()
        .filter_map(|(row, label)| {
            let cosines = cosines.get(row * n_labels..(row + 1) * n_labels)?;
            (*label < n_labels).then_some((cosines, *label))
        })
        .collect();
    if rows.len() < LEAST_ROWS {
        return None;
    }
    let loss = |temperature: f64| {
        let of_row = |(cosines, label): &(&[f32], usize)| {
            let most = cosines.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let sum: f64 = cosines
                .iter()
                .map(|cosine| (f64::from(cosine - most) / temperature).exp())
                .sum();
            sum.ln() - f64::from(cosines[*label] - most) / temperature
        };
        rows.iter().map(of_row).sum::<f64>()
    };
    // The loss has one valley over the temperature; steps of a twentieth are finer than eight texts can tell.
    let steps = (0..=95).map(|step| 0.005 * 1.05_f64.powi(step));
    steps
        .map(|temperature| (loss(temperature), temperature))
        .min_by(|a, b| a.0.total_cmp(&b.0))
        .map(|best| best.1)
}

/// One round: texts are shared out among prototypes, and each prototype moves to the middle of its share. A share is divided by its label's sum,
/// so that a label that attracts many texts moves no further than others.
fn moved(names: &Embeddings, vectors: &Embeddings, texts: &Embeddings, anchor: f64) -> Embeddings {
    let (n_labels, dim) = (names.len(), names.dim);
    let mut shares = cosines(texts, vectors);
    shares.par_chunks_mut(n_labels).for_each(share_out);
    let mut sums = vec![0.0; n_labels * dim];
    let (left, right) = (
        View::new(&shares, texts.len(), n_labels, n_labels),
        View::new(&texts.data, texts.len(), dim, dim),
    );
    product(&mut sums, dim, left.t(), right, 1.0, false, Threads::Pool);
    let centres = unit(&Embeddings { dim, data: sums });
    let mixed = names.data.iter().zip(&centres.data);
    let mixed = mixed.map(|(name, centre)| (anchor * f64::from(*name) + (1.0 - anchor) * f64::from(*centre)) as f32);
    unit(&Embeddings {
        dim,
        data: mixed.collect(),
    })
}

/// Cosines to a softmax over them, in place.
fn share_out(row: &mut [f32]) {
    let most = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    row.iter_mut().for_each(|x| *x = ((*x - most) / SHARING).exp());
    let sum: f32 = row.iter().sum();
    row.iter_mut().for_each(|x| *x /= sum);
}

/// `(rows of texts, rows of vectors)`; both of length 1.
pub(super) fn cosines(texts: &Embeddings, vectors: &Embeddings) -> Vec<f32> {
    let (n_labels, dim) = (vectors.len(), texts.dim);
    let mut out = vec![0.0; texts.len() * n_labels];
    if out.is_empty() {
        return out;
    }
    let right = View::new(&vectors.data, n_labels, dim, dim).t();
    let blocks = out.chunks_mut(BLOCK * n_labels).zip(texts.data.chunks(BLOCK * dim));
    for (out, texts) in blocks {
        let left = View::new(texts, texts.len() / dim, dim, dim);
        product(out, n_labels, left, right, 1.0, false, Threads::Pool);
    }
    out
}

/// For each label the rows nearest to it among those nearest to no other.
fn typical(cosines: &[f32], n_labels: usize) -> Vec<Vec<usize>> {
    let mut own: Vec<Vec<(f32, usize)>> = vec![Vec::new(); n_labels];
    for (row, cosines) in cosines.chunks_exact(n_labels.max(1)).enumerate() {
        let best = (0..n_labels).max_by(|a, b| cosines[*a].total_cmp(&cosines[*b]).then(b.cmp(a)));
        if let Some(best) = best {
            own[best].push((cosines[best], row));
        }
    }
    let nearest = |mut texts: Vec<(f32, usize)>| {
        texts.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        texts.into_iter().take(TYPICAL).map(|(_, row)| row).collect()
    };
    own.into_iter().map(nearest).collect()
}

/// Each column with its mean taken away, divided by its deviation.
fn standardised(cosines: &[f32], n_labels: usize) -> Vec<f32> {
    let n_rows = (cosines.len() / n_labels.max(1)).max(1) as f64;
    let (mut sums, mut squares) = (vec![0.0f64; n_labels], vec![0.0f64; n_labels]);
    for row in cosines.chunks_exact(n_labels.max(1)) {
        for ((sum, square), x) in sums.iter_mut().zip(&mut squares).zip(row) {
            *sum += f64::from(*x);
            *square += f64::from(*x) * f64::from(*x);
        }
    }
    let moments: Vec<(f64, f64)> = (sums.iter().zip(&squares))
        .map(|(sum, square)| {
            (
                sum / n_rows,
                (square / n_rows - (sum / n_rows).powi(2)).max(1e-12).sqrt(),
            )
        })
        .collect();
    let row = |row: &[f32]| -> Vec<f32> {
        let of = |(x, (mean, deviation)): (&f32, &(f64, f64))| ((f64::from(*x) - mean) / deviation) as f32;
        row.iter().zip(&moments).map(of).collect()
    };
    cosines.chunks_exact(n_labels.max(1)).flat_map(row).collect()
}

/// The value that a `share` of `values` reaches; infinite where there are none.
fn upper(values: &[f32], share: f64) -> f32 {
    let mut values = values.to_vec();
    let at = (values.len() as f64 * (1.0 - share)) as usize;
    match values.len().checked_sub(1) {
        None => f32::INFINITY,
        Some(last) => *values.select_nth_unstable_by(at.min(last), f32::total_cmp).1,
    }
}

fn even_sample(n: usize) -> Vec<usize> {
    (0..MOST_TEXTS).map(|at| at * n / MOST_TEXTS).collect()
}

/// The same rows, each of length 1.
pub fn unit(x: &Embeddings) -> Embeddings {
    let mut x = x.clone();
    x.data.par_chunks_mut(x.dim.max(1)).for_each(|row| {
        let length = row.iter().map(|x| x * x).sum::<f32>().sqrt().max(1e-9);
        row.iter_mut().for_each(|x| *x /= length);
    });
    x
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;
    use crate::core::rng::stream;

    /// Texts around the three axes; names lie between the axes and a direction that means nothing.
    fn clouds(n: usize) -> (Embeddings, Embeddings, Vec<usize>) {
        let (dim, mut rng) = (8, stream(3, "clouds"));
        let mut texts = Vec::new();
        let truth: Vec<usize> = (0..n).map(|row| row % 3).collect();
        for label in &truth {
            texts.extend((0..dim).map(|at| f32::from(at == *label) + rng.random_range(-0.45..0.45f32)));
        }
        let name =
            |label: usize| (0..dim).map(move |at| 0.5 * f32::from(at == label) + 0.8 * f32::from(at == 3 + label % 2));
        let names = (0..3).flat_map(name).collect();
        (Embeddings { dim, data: names }, Embeddings { dim, data: texts }, truth)
    }

    fn n_right(rows: &Rows, truth: &[usize]) -> usize {
        let best = |row: &Vec<f32>| (0..row.len()).max_by(|a, b| row[*a].total_cmp(&row[*b]));
        rows.iter()
            .zip(truth)
            .filter(|(row, label)| best(row) == Some(**label))
            .count()
    }

    #[test]
    fn texts_move_names_that_are_beside_the_point() {
        let (names, texts, truth) = clouds(300);
        let read = Prototypes::from_texts(&names, &texts, false);
        let plain = cosines(&unit(&texts), &unit(&names));
        let plain: Rows = plain.chunks_exact(3).map(<[f32]>::to_vec).collect();
        let (before, after) = (n_right(&plain, &truth), n_right(&read.shares(0.05), &truth));
        assert!(after > before + 15 && after > 280, "{before} {after}");
        for (label, typical) in read.typical.iter().enumerate() {
            assert_eq!(typical.len(), TYPICAL);
            assert!(typical.iter().all(|row| truth[*row] == label), "{label}: {typical:?}");
        }
        for row in read.shares(0.05) {
            assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-5);
        }
    }

    #[test]
    fn scores_by_themselves_pass_half_for_so_many_labels_a_text() {
        let (names, texts, truth) = clouds(300);
        let rows = Prototypes::from_texts(&names, &texts, true).each_by_itself();
        let n_given = rows.iter().flatten().filter(|score| **score >= 0.5).count();
        assert!((440..=460).contains(&n_given), "{n_given}");
        assert!(n_right(&rows, &truth) > 270);
    }

    #[test]
    fn nothing_to_read_and_nothing_to_ask() {
        let (names, texts, _) = clouds(30);
        let empty = Embeddings {
            dim: 8,
            data: Vec::new(),
        };
        let unread = Prototypes::from_texts(&names, &empty, false);
        assert_eq!(unread.vectors, unit(&names));
        assert!(unread.shares(0.05).is_empty() && unread.each_by_itself().is_empty());
        assert!(unread.typical.iter().all(Vec::is_empty));
        assert!(Prototypes::from_texts(&empty, &texts, true).cosines().is_empty());
        let one = names.rows(&[0]);
        let rows = Prototypes::from_texts(&one, &texts, true).each_by_itself();
        assert!(rows.iter().all(|row| row.len() == 1 && (0.0..=1.0).contains(&row[0])));
        assert!(rows.iter().any(|row| row[0] > 0.5) && rows.iter().any(|row| row[0] < 0.5));
    }

    #[test]
    fn the_temperature_follows_how_sure_one_can_be() {
        // Cosines that differ by .1 are right nine times of ten: ln 9 = .1 / t.
        let cosines: Vec<f32> = (0..100).flat_map(|_| [0.5, 0.4]).collect();
        let truth: Vec<(usize, usize)> = (0..100).map(|row| (row, usize::from(row % 10 == 0))).collect();
        let found = fitted_temperature(&cosines, 2, &truth).unwrap();
        assert!((found - 0.1 / 9f64.ln()).abs() < 0.003, "{found}");
        assert_eq!(fitted_temperature(&cosines, 2, &truth[..5]), None);
    }
}
