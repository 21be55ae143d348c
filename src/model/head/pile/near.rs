//! Which unlabelled texts are of the labelled ones' kind.

use crate::model::Embeddings;
use crate::model::ops::matmul::{Threads, View, product};

/// Cosines with this many nearest labelled texts are averaged.
const NEIGHBOURS: usize = 3;

/// So many of the labelled texts may lie further from the others than what is left out.
const OUTLYING: f64 = 0.1;

/// Rows of the pile compared at a time.
const BLOCK: usize = 1024;

/// Rows of `pile`, ascending, that are as near to the labelled texts as these are to each other, the outermost tenth of these aside.
pub(super) fn belonging(labelled: &Embeddings, pile: &Embeddings) -> Vec<usize> {
    if labelled.len() < 2 || pile.is_empty() {
        return (0..pile.len()).collect();
    }
    let unit = normalized(labelled);
    let mut among: Vec<f32> = cosines(&unit, &unit)
        .chunks_exact_mut(labelled.len())
        .enumerate()
        .map(|(row, cosines)| {
            cosines[row] = f32::NEG_INFINITY;
            nearness(cosines, NEIGHBOURS.min(labelled.len() - 1))
        })
        .collect();
    among.sort_by(f32::total_cmp);
    let least = among[((among.len() - 1) as f64 * OUTLYING).round() as usize];
    let pile = normalized(pile);
    let mut near = Vec::new();
    for (block, texts) in pile.data.chunks(BLOCK * pile.dim).enumerate() {
        let texts = Embeddings {
            dim: pile.dim,
            data: texts.to_vec(),
        };
        let cosines = &mut cosines(&texts, &unit);
        let rows = cosines.chunks_exact_mut(labelled.len()).enumerate();
        let belongs = rows.filter_map(|(row, cosines)| {
            (nearness(cosines, NEIGHBOURS.min(labelled.len())) >= least).then_some(block * BLOCK + row)
        });
        near.extend(belongs);
    }
    near
}

/// `names`, each as long as texts are on average: encoders that do not normalise have a length of their own.
pub(super) fn of_length(names: &Embeddings, texts: &Embeddings) -> Embeddings {
    let lengths = texts.data.chunks_exact(texts.dim.max(1)).map(length);
    let mean = lengths.sum::<f32>() / texts.len().max(1) as f32;
    let mut names = normalized(names);
    names.data.iter_mut().for_each(|x| *x *= mean);
    names
}

fn normalized(x: &Embeddings) -> Embeddings {
    let mut x = x.clone();
    for row in x.data.chunks_exact_mut(x.dim.max(1)) {
        let length = length(row).max(1e-9);
        row.iter_mut().for_each(|x| *x /= length);
    }
    x
}

fn length(row: &[f32]) -> f32 {
    row.iter().map(|x| x * x).sum::<f32>().sqrt()
}

/// `(rows of a, rows of b)`.
fn cosines(a: &Embeddings, b: &Embeddings) -> Vec<f32> {
    let mut out = vec![0.0; a.len() * b.len()];
    let (left, right) = (
        View::new(&a.data, a.len(), a.dim, a.dim),
        View::new(&b.data, b.len(), b.dim, b.dim),
    );
    product(&mut out, b.len(), left, right.t(), 1.0, false, Threads::Pool);
    out
}

/// The mean of the `k` largest.
fn nearness(cosines: &mut [f32], k: usize) -> f32 {
    let k = k.max(1);
    if k < cosines.len() {
        cosines.select_nth_unstable_by(k - 1, |a, b| b.total_cmp(a));
    }
    cosines.iter().take(k).sum::<f32>() / k as f32
}
