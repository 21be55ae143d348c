//! Asking a finished run about texts that another run is to learn from.

use std::sync::Arc;

use anyhow::{Context, ensure};
use rand::seq::index;

use super::snapshot::Snapshot;
use super::training::{ensure_model, run_dir};
use super::worker::JobContext;
use crate::core::{LabelId, Run, TaskKind, rng};
use crate::model::{Classifier, Compute};
use crate::store::Store;
use crate::train::TrainingSet;
use crate::train::distill::Teacher;

/// Leaves at most `max_unlabelled` texts in the pile of `set`, and adds what `run` says of its texts.
///
/// # Errors
/// A run whose model cannot be opened, or that shares no label with the project as it is now.
pub fn ask(
    job: &mut JobContext,
    store: &Store,
    run: &Run,
    snapshot: &Snapshot,
    (max_unlabelled, seed): (usize, u64),
    compute: Compute,
    set: &mut TrainingSet,
) -> anyhow::Result<()> {
    ensure!(
        run.labels.iter().any(|label| snapshot.labels.contains(label)),
        "{} knows none of the labels there are now; choose a newer run as the teacher",
        run.name
    );
    ensure_model(run)?;
    shorten(set, max_unlabelled, seed);
    let classifier = Classifier::load(&run_dir(store, run.id), compute).with_context(|| {
        format!(
            "the model of {} cannot be opened to learn from; train it again",
            run.name
        )
    })?;
    let texts: Vec<&str> = set.texts.iter().chain(&set.pile).map(|text| &**text).collect();
    let note = format!("asking {}", run.name);
    let embeddings = classifier.encoder.embed(&texts, &mut |done| {
        job.progress(done as u64, texts.len() as u64, &note);
        job.flow()
    })?;
    let columns = columns(&run.labels, &snapshot.labels);
    let exclusive = set.task == TaskKind::SingleLabel && set.tree.is_none();
    let of_known = |row: Vec<f32>| in_order(&row, &columns, exclusive);
    let probs = classifier.head.predict_proba(&embeddings)?;
    let threshold = |at: &Option<usize>| at.and_then(|at| run.thresholds.get(at)).copied().unwrap_or(1.0);
    set.teacher = Some(Arc::new(Teacher {
        name: run.name.clone(),
        embeddings,
        probs: probs.into_iter().map(of_known).collect(),
        thresholds: columns.iter().map(threshold).collect(),
        at_least_one: run.deciding.at_least_one,
    }));
    Ok(())
}

fn shorten(set: &mut TrainingSet, most: usize, seed: u64) {
    if set.pile.len() > most {
        let mut kept = index::sample(&mut rng::stream(seed, "pile"), set.pile.len(), most).into_vec();
        kept.sort_unstable();
        set.pile = kept.into_iter().map(|at| set.pile[at].clone()).collect();
    }
}

/// Where each label of `wanted` stands in `known`.
fn columns(known: &[LabelId], wanted: &[LabelId]) -> Vec<Option<usize>> {
    wanted
        .iter()
        .map(|id| known.iter().position(|other| other == id))
        .collect()
}

/// A row of probabilities in another order of labels; those that exclude each other add up to 1 again where labels were left out.
fn in_order(row: &[f32], columns: &[Option<usize>], exclusive: bool) -> Vec<f32> {
    let prob = |at: &Option<usize>| at.and_then(|at| row.get(at)).copied().unwrap_or(0.0);
    let mut probs: Vec<f32> = columns.iter().map(prob).collect();
    let sum: f32 = probs.iter().sum();
    if exclusive && sum > 0.0 {
        probs.iter_mut().for_each(|prob| *prob /= sum);
    }
    probs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_follow_the_labels() {
        let ids = |ids: &[i64]| ids.iter().map(|id| LabelId(*id)).collect::<Vec<_>>();
        let columns = columns(&ids(&[3, 1, 7]), &ids(&[1, 9, 3]));
        assert_eq!(columns, [Some(1), None, Some(0)]);
        assert_eq!(
            in_order(&[0.5, 0.25, 0.25], &columns, false),
            [0.25, 0.0, 0.5]
        );
        let single = in_order(&[0.5, 0.25, 0.25], &columns, true);
        assert!(
            (single[0] - 1.0 / 3.0).abs() < 1e-6 && (single[2] - 2.0 / 3.0).abs() < 1e-6,
            "{single:?}"
        );
    }

    #[test]
    fn a_pile_is_shortened_by_seed() {
        let pile: Vec<Arc<str>> = (0..100).map(|i| Arc::from(format!("text {i}"))).collect();
        let shortened = |most, seed| {
            let mut set = TrainingSet::new(vec![], crate::model::Targets::Single(vec![]), 2, TaskKind::SingleLabel);
            set.pile = pile.clone();
            shorten(&mut set, most, seed);
            set.pile
        };
        assert_eq!(shortened(100, 0), pile);
        assert_eq!(shortened(10, 0).len(), 10);
        assert_eq!(shortened(10, 0), shortened(10, 0));
        assert_ne!(shortened(10, 0), shortened(10, 1));
    }
}
