//! How fast this machine works: real steps of training and real encoding, timed one by one.
//!
//! Not here: whether what comes out is any good, and other programs.

use std::ops::ControlFlow;
use std::time::Instant;

use serde::Serialize;

use super::{Method, TrainError, TrainEvent, TrainingSet, method, train};
use crate::core::TaskKind;
use crate::model::{Encoder, ModelError, Targets};

/// Laps that are not counted: caches, clocks and device code are cold.
const WARM_UP: usize = 2;

/// The fewest laps a median is taken of.
const MIN_LAPS: usize = 3;

/// Labels of the training sets.
const N_LABELS: usize = 4;

/// Texts per label of the SetFit step, as in the method's own paper.
const TEXTS_PER_LABEL: usize = 8;

/// Pairs of a SetFit step.
const PAIRS: usize = 16;

/// Texts of a fine-tuning step.
const BATCH_SIZE: usize = 32;

/// Longer texts are cut to this for fine-tuning.
const MAX_TOKENS: usize = 128;

/// Texts encoded between two looks at the clock.
const TEXTS_PER_LAP: usize = 256;

/// What can be timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// A step of SetFit on 16 pairs of 32 texts, 8 of each of 4 labels.
    SetfitStep,
    /// Forward, backward and AdamW over the encoder and a softmax head, 32 texts of at most 128 tokens.
    FineTuningStep,
    /// Texts to embeddings.
    Encoding,
}

impl Work {
    /// All, in the order in which one encoder should go through them: the first leaves it as it is.
    pub const ALL: [Work; 3] = [Work::Encoding, Work::SetfitStep, Work::FineTuningStep];

    /// As it reads.
    pub fn title(self) -> &'static str {
        match self {
            Work::SetfitStep => "SetFit step",
            Work::FineTuningStep => "fine-tuning step",
            Work::Encoding => "encoding",
        }
    }
}

/// How fast one kind of work went.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Speed {
    /// What was timed.
    pub work: Work,
    /// Steps, or batches encoded, that were timed; those to warm up left out.
    pub n_laps: usize,
    /// Seconds of the middle one.
    pub median_secs: f64,
    /// One over that.
    pub steps_per_sec: f64,
    /// Texts of a lap over that. A pair counts two texts, as in training.
    pub texts_per_sec: f64,
}

/// Does the work for about `secs` seconds, at least a few times, and returns the encoder, whose weights training has moved.
///
/// # Errors
/// Where there is no text, and whatever training reports.
pub fn measure(work: Work, encoder: Encoder, texts: &[String], secs: f64) -> Result<(Speed, Encoder), TrainError> {
    if texts.is_empty() {
        return Err(TrainError::BadSet("there is no text to measure with".to_owned()));
    }
    let mut laps = Laps::new(secs);
    let (n_texts, encoder) = match work {
        Work::SetfitStep => (2 * PAIRS, setfit(encoder, texts, &mut laps)?),
        Work::FineTuningStep => (BATCH_SIZE, fine_tune(encoder, texts, &mut laps)?),
        Work::Encoding => (encode(&encoder, texts, &mut laps)?, encoder),
    };
    let median_secs = laps.median();
    let speed = Speed {
        work,
        n_laps: laps.secs.len(),
        median_secs,
        steps_per_sec: 1.0 / median_secs,
        texts_per_sec: n_texts as f64 / median_secs,
    };
    Ok((speed, encoder))
}

/// The times of laps, until there are enough.
struct Laps {
    wanted_secs: f64,
    to_warm_up: usize,
    last: Instant,
    secs: Vec<f64>,
}

impl Laps {
    fn new(wanted_secs: f64) -> Laps {
        Laps {
            wanted_secs,
            to_warm_up: WARM_UP,
            last: Instant::now(),
            secs: Vec::new(),
        }
    }

    /// A lap has ended; `Break` when it was the last one.
    fn lap(&mut self) -> ControlFlow<()> {
        let secs = self.last.elapsed().as_secs_f64();
        self.last = Instant::now();
        self.record(secs)
    }

    fn record(&mut self, secs: f64) -> ControlFlow<()> {
        if self.to_warm_up > 0 {
            self.to_warm_up -= 1;
            return ControlFlow::Continue(());
        }
        self.secs.push(secs);
        if self.secs.len() >= MIN_LAPS && self.secs.iter().sum::<f64>() >= self.wanted_secs {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    /// The middle lap; of an even number the later one.
    fn median(&self) -> f64 {
        let mut sorted = self.secs.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
    }
}

/// A method as `train` runs it on texts of four labels; every step is a lap. `settings` ask for more steps than any machine takes in the
/// time.
fn steps(
    method: &'static Method,
    settings: &[(&str, &str)],
    n_texts: usize,
    encoder: Encoder,
    texts: &[String],
    laps: &mut Laps,
) -> Result<Encoder, TrainError> {
    let texts = texts.iter().cycle().take(n_texts);
    let set = TrainingSet::new(
        texts.map(|text| text.as_str().into()).collect(),
        Targets::Single((0..n_texts).map(|i| i % N_LABELS).collect()),
        N_LABELS,
        TaskKind::SingleLabel,
    );
    let mut listen = |event| match event {
        TrainEvent::Step { .. } => laps.lap(),
        _ => ControlFlow::Continue(()),
    };
    Ok(train(method, &set, &method.parse(settings)?, 1, encoder, &mut listen)?.encoder)
}

fn setfit(encoder: Encoder, texts: &[String], laps: &mut Laps) -> Result<Encoder, TrainError> {
    let pairs = PAIRS.to_string();
    let settings = [
        ("sampler", "iterations"),
        ("batch_size", pairs.as_str()),
        ("num_iterations", "200"),
        ("num_epochs", "20"),
        ("folds", "0"),
    ];
    steps(
        method("setfit")?,
        &settings,
        N_LABELS * TEXTS_PER_LABEL,
        encoder,
        texts,
        laps,
    )
}

fn fine_tune(encoder: Encoder, texts: &[String], laps: &mut Laps) -> Result<Encoder, TrainError> {
    let (batch_size, max_length) = (BATCH_SIZE.to_string(), MAX_TOKENS.to_string());
    let settings = [
        ("batch_size", batch_size.as_str()),
        ("max_length", max_length.as_str()),
        ("num_epochs", "100"),
    ];
    // Whole batches only, so that every lap is the same.
    let n_texts = texts.len().max(1).next_multiple_of(BATCH_SIZE);
    steps(method("finetune")?, &settings, n_texts, encoder, texts, laps)
}

/// Encodes the texts again and again, as [`Encoder::embed`] does; returns how many texts a lap has.
fn encode(encoder: &Encoder, texts: &[String], laps: &mut Laps) -> Result<usize, ModelError> {
    let texts: Vec<&str> = texts.iter().take(TEXTS_PER_LAP).map(String::as_str).collect();
    loop {
        encoder.embed(&texts, &mut |_| ControlFlow::Continue(()))?;
        if laps.lap().is_break() {
            return Ok(texts.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::model::tiny::Size;

    #[test]
    fn every_kind_of_work_is_timed_and_training_moves_the_weights() {
        let texts: Vec<String> = ["the cat sleeps", "a dog runs", "good price"]
            .map(String::from)
            .to_vec();
        let mut encoder = Size::TINY.encoder(1, &Device::Cpu).unwrap();
        for work in Work::ALL {
            let before = sum(&encoder);
            let (speed, after) = measure(work, encoder, &texts, 0.01).unwrap();
            assert_eq!(sum(&after) == before, work == Work::Encoding, "{work:?}");
            encoder = after;
            assert!(speed.n_laps >= MIN_LAPS && speed.median_secs > 0.0, "{speed:?}");
            let n_texts = speed.texts_per_sec * speed.median_secs;
            let expected = if work == Work::Encoding { 3.0 } else { 32.0 };
            assert!((n_texts - expected).abs() < 1e-6, "{speed:?}");
        }
        assert!(measure(Work::Encoding, encoder, &[], 0.01).is_err());
    }

    fn sum(encoder: &Encoder) -> f64 {
        let sum = |(_, var): (String, candle_core::Var)| {
            f64::from(var.abs().unwrap().sum_all().unwrap().to_scalar::<f32>().unwrap())
        };
        encoder.vars().into_iter().map(sum).sum()
    }

    #[test]
    fn the_median_leaves_the_warm_up_out() {
        let mut laps = Laps::new(1.0);
        for secs in [9.0, 9.0, 0.2, 0.4] {
            assert!(laps.record(secs).is_continue());
        }
        assert!(laps.record(0.3).is_continue(), "enough laps, too little time");
        assert!(laps.record(0.3).is_break());
        assert_eq!(laps.median(), 0.3);
    }
}
