//! Distillation: a small encoder learns from a finished classifier over texts that nobody has labelled.
//!
//! As setfit's `DistillationTrainer`: the student's cosines of texts become the teacher's, then a head is fitted on what the teacher
//! says of each text. Labelled texts keep their true labels.

use std::sync::Arc;

use rand::RngExt;

use super::adamw::AdamWSettings;
use super::finetune::Batches;
use super::inputs::Inputs;
use super::tuner::{Pace, Tuner};
use super::{
    Checkpoints, Events, Options, Phase, TrainError, TrainEvent, Trained, TrainingSet, losses, probe, schedule,
};
use crate::core::metrics::{DecisionRule, TreeRule};
use crate::core::{ColumnTree, TaskKind, Walk, rng};
use crate::model::{Dropout, Embeddings, Encoder, Targets};

/// What a finished classifier makes of the labelled texts of a set and of those of its pile behind them.
#[derive(Debug, Clone, PartialEq)]
pub struct Teacher {
    /// What it is called.
    pub name: String,
    /// One row per text; only their cosines matter, so that they may have another width than the student's.
    pub embeddings: Embeddings,
    /// `(texts, n_labels)` in the order of the set's labels; 0 for labels it does not know.
    pub probs: Vec<Vec<f32>>,
    /// From which probability it sets a label of a multi-label task; one per label.
    pub thresholds: Vec<f64>,
    /// Multi-label: whether a text that reaches none gets its best label.
    pub at_least_one: bool,
}

impl Teacher {
    /// What it says of these of the `n_labelled` labelled texts, and of all unlabelled ones.
    pub(super) fn select(&self, labelled: &[usize], n_labelled: usize) -> Teacher {
        let rows = labelled.iter().copied().filter(|text| *text < n_labelled);
        let rows: Vec<usize> = rows.chain(n_labelled..self.probs.len()).collect();
        Teacher {
            name: self.name.clone(),
            embeddings: self.embeddings.rows(&rows),
            probs: rows.iter().map(|row| self.probs[*row].clone()).collect(),
            thresholds: self.thresholds.clone(),
            at_least_one: self.at_least_one,
        }
    }
}

pub(super) fn run(
    set: &TrainingSet,
    options: &Options,
    seed: u64,
    encoder: Encoder,
    events: Events<'_>,
    checkpoints: &mut Checkpoints<'_>,
) -> Result<Trained, TrainError> {
    let teacher = teacher(set)?;
    let taught = taught(set, teacher);
    let batch_size = options.whole("batch_size");
    let n_steps = taught.texts.len().div_ceil(batch_size) * options.whole("num_epochs");
    let mut stop = events(TrainEvent::Started { n_steps }).is_break();
    stop |= events(TrainEvent::Phase(Phase::Tokenizing)).is_break();
    let inputs = Inputs::new(&encoder, &taught, options)?;
    stop |= events(TrainEvent::Phase(Phase::Tuning)).is_break();

    let settings = AdamWSettings {
        weight_decay: options.get("weight_decay"),
        ..AdamWSettings::default()
    };
    let mut tuner = Tuner::new(&encoder, &[], settings, options.get("max_grad_norm"));
    let mut dropout = Dropout::new(rng::stream(seed, "dropout").random());
    let mut batches = Batches::shuffled(&taught.targets, rng::stream(seed, "batches"));
    let mut pace = Pace::start(n_steps, 0);
    let mut step = 0;
    while step < n_steps && !stop {
        step += 1;
        let batch = batches.next(batch_size);
        let peak = options.get("learning_rate");
        let learning_rate = schedule::linear(peak, step, n_steps, options.get("warmup"));
        let (cosines, weights) = to_copy(&teacher.embeddings, &batch);
        let embeddings = inputs.forward(&batch, &mut dropout)?;
        let loss = losses::all_pairs(&embeddings, &cosines, &weights)?;
        let stepped = tuner.step(&loss, learning_rate)?.check(step, peak)?;
        stop |= events(pace.event(step, batch.len(), stepped, learning_rate)).is_break();
        stop |= pace.aside(|| checkpoints.rest()).is_break();
    }
    tuner.finish()?;
    let tuned = probe::Tuned {
        n_steps: step,
        stopped: step < n_steps,
        keep_going: true,
    };
    let mut trained = probe::finish(&taught, options, seed, encoder, events, tuned)?;
    if let Some(scores) = &mut trained.out_of_fold {
        scores.truncate(set.texts.len());
    }
    trained.findings.insert("teacher".into(), teacher.name.clone().into());
    trained.findings.insert("n_unlabelled".into(), set.pile.len().into());
    Ok(trained)
}

/// The teacher of a set.
///
/// # Errors
/// Where there is none, or nothing to learn from it, or where it speaks of other texts.
fn teacher(set: &TrainingSet) -> Result<&Arc<Teacher>, TrainError> {
    let Some(teacher) = &set.teacher else {
        return Err(TrainError::BadSet(
            "distillation learns from a finished run, and none was named; name one with --teacher".into(),
        ));
    };
    if set.pile.is_empty() {
        return Err(TrainError::BadSet(
            "distillation learns from texts that nobody has labelled, and there are none; import some, or train with setfit".into(),
        ));
    }
    let n_texts = set.texts.len() + set.pile.len();
    let fits = teacher.embeddings.len() == n_texts
        && teacher.probs.len() == n_texts
        && teacher.probs.iter().all(|row| row.len() == set.n_labels)
        && teacher.thresholds.len() == set.n_labels;
    if !fits {
        return Err(TrainError::BadSet(format!(
            "what {} says does not fit the texts and labels to learn from; ask it again",
            teacher.name
        )));
    }
    Ok(teacher)
}

/// The labelled texts, and those of the pile with what the teacher says of them.
fn taught(set: &TrainingSet, teacher: &Teacher) -> TrainingSet {
    let said = teacher.probs[set.texts.len()..].iter();
    let rule = DecisionRule {
        task: set.task,
        thresholds: match set.task {
            // A class for every text, the doubtful ones too.
            TaskKind::SingleLabel => &[],
            TaskKind::MultiLabel => &teacher.thresholds,
        },
        at_least_one: teacher.at_least_one,
        tree: set.tree.as_ref().map(|tree| TreeRule {
            tree,
            walk: Walk::default(),
        }),
    };
    let end = |said: &[usize]| end_of(set.tree.as_ref(), said);
    let said = said.map(|probs| rule.decide(probs));
    let mut taught = set.clone();
    taught.texts.extend(set.pile.iter().cloned());
    match &mut taught.targets {
        // The best one, or the end of the best path, of which there is one unless there are no labels.
        Targets::Single(labels) => labels.extend(said.map(|said| end(&said).unwrap_or(0))),
        Targets::Multi(labels) => labels.extend(said),
    }
    taught
}

/// The deepest of a path's labels, ascending by column.
fn end_of(tree: Option<&ColumnTree>, said: &[usize]) -> Option<usize> {
    match tree {
        Some(tree) => said.iter().copied().max_by_key(|label| tree.level(*label)),
        None => said.first().copied(),
    }
}

/// The teacher's cosines of a batch's texts, and what each counts: all the same, but for texts with themselves.
fn to_copy(embeddings: &Embeddings, batch: &[usize]) -> (Vec<f32>, Vec<f32>) {
    let unit = |text: &usize| {
        let row = &embeddings.data[text * embeddings.dim..(text + 1) * embeddings.dim];
        let length = row.iter().map(|x| x * x).sum::<f32>().sqrt().max(1e-8);
        row.iter().map(|x| x / length).collect::<Vec<f32>>()
    };
    let rows: Vec<Vec<f32>> = batch.iter().map(unit).collect();
    let n = batch.len();
    let mut cosines = vec![0.0; n * n];
    let mut weights = vec![0.0; n * n];
    for i in 0..n {
        for j in (0..n).filter(|j| *j != i) {
            cosines[i * n + j] = rows[i].iter().zip(&rows[j]).map(|(a, b)| a * b).sum();
            weights[i * n + j] = 1.0 / (n * (n - 1)) as f32;
        }
    }
    (cosines, weights)
}
