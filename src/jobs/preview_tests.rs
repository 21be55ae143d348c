//! The thread of slow engines: order, newest request, stop, what is kept, refusals.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::jobs::models::entailment_models;
use crate::jobs::zero_shot_engine::EngineKind;
use crate::model::testing::write_folder;
use crate::model::zero_shot::{Answer, LongTexts, Rows};
use crate::model::zero_shot::{Meter, OnProgress, Question};

const PATIENCE: Duration = Duration::from_secs(60);

/// An engine whose answer is the length of the text; one text is one step of `pause`.
struct Slow {
    pause: Duration,
    n_steps: Arc<AtomicUsize>,
}

impl Engine for Slow {
    fn name(&self) -> &'static str {
        "slow"
    }

    fn model(&self) -> &str {
        "none"
    }

    fn score(
        &mut self,
        texts: &[Input<'_>],
        question: &Question,
        on_progress: OnProgress<'_>,
    ) -> Result<Answer, ZeroShotError> {
        let mut meter = Meter::new(texts.len(), texts.len(), on_progress);
        let mut rows = Rows::new();
        for text in texts {
            std::thread::sleep(self.pause);
            self.n_steps.fetch_add(1, Ordering::Relaxed);
            let share = 1.0 / (1.0 + text.text.len() as f32);
            rows.push(vec![share, 1.0 - share]);
            meter.advance(1)?;
        }
        Ok(Answer::new(question, vec![rows; question.templates().len()]))
    }
}

struct Bench {
    previewer: Previewer,
    n_opened: Arc<AtomicUsize>,
    n_steps: Arc<AtomicUsize>,
}

fn bench(pause: Duration) -> Bench {
    let (n_opened, n_steps) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (opened, steps) = (n_opened.clone(), n_steps.clone());
    let open: Opener = Box::new(move |engine, _| {
        anyhow::ensure!(engine.model.as_deref() != Some("gone"), "no model is called gone");
        opened.fetch_add(1, Ordering::Relaxed);
        Ok(Box::new(Slow {
            pause,
            n_steps: steps.clone(),
        }))
    });
    Bench {
        previewer: Previewer::with(open, 1, Arc::new(|| {})),
        n_opened,
        n_steps,
    }
}

fn request(model: &str, labels: [&str; 2], n_texts: i64) -> PreviewRequest {
    let engine = EngineSpec {
        model: Some(model.into()),
        kind: EngineKind::Entailment {
            long_texts: LongTexts::Cut,
        },
    };
    let words = |at: i64| Words {
        body: "x".repeat(at as usize).into(),
        second: None,
    };
    PreviewRequest {
        request: ZeroShotRequest {
            engine,
            in_tree: None,
            question: Question::about(&labels, ["{}"], false).unwrap(),
            ids: vec![None, None],
            known: Arc::default(),
            generation: 1,
        },
        texts: Arc::new((1..=n_texts).map(|at| (TextId(at), words(at))).collect()),
    }
}

impl Bench {
    /// The last scores before the thread rests, and how often some were shown.
    fn until_rest(&self) -> (Option<Arc<ZeroShotScores>>, usize) {
        let (mut last, mut n_shown) = (None, 0);
        loop {
            match self.previewer.next(PATIENCE).expect("the thread says something") {
                PreviewEvent::Scored(scores) => (last, n_shown) = (Some(scores), n_shown + 1),
                PreviewEvent::Rests => return (last, n_shown),
                PreviewEvent::Progress(_) => {}
                PreviewEvent::Failed(reason) => panic!("{reason}"),
            }
        }
    }
}

#[test]
fn scores_grow_and_what_is_in_view_comes_first() {
    let bench = bench(Duration::from_millis(10));
    assert!(bench.previewer.score(request("m", ["a", "b"], 200)));
    bench.previewer.look(vec![TextId(150), TextId(151)]);
    let first = loop {
        match bench.previewer.next(PATIENCE).unwrap() {
            PreviewEvent::Scored(scores) => break scores,
            PreviewEvent::Progress(_) => {}
            other => panic!("{other:?}"),
        }
    };
    let (last, _) = bench.until_rest();
    // The first portion may have begun before the look arrived.
    assert!(first.n_scored() <= 8, "{}", first.n_scored());
    let last = last.unwrap();
    assert_eq!(last.n_scored(), 200);
    assert!(last.ids()[..8].contains(&TextId(150)), "{:?}", &last.ids()[..8]);
    assert_eq!(last.scores(None, TextId(3)), Some([0.25, 0.75].as_slice()));
    assert!(
        last.source
            .texts_per_sec
            .is_some_and(|rate| (10.0..110.0).contains(&rate))
    );
}

#[test]
fn the_newest_request_stops_the_one_before_within_a_step() {
    let bench = bench(Duration::from_millis(20));
    assert!(bench.previewer.score(request("m", ["a", "b"], 3_000)));
    std::thread::sleep(Duration::from_millis(300));
    assert!(bench.previewer.score(request("m", ["a", "c"], 5)));
    let (last, _) = bench.until_rest();
    let last = last.unwrap();
    assert!(last.name(1) == "c" && last.n_scored() == 5);
    assert!(bench.n_steps.load(Ordering::Relaxed) < 60);
    assert_eq!(bench.n_opened.load(Ordering::Relaxed), 1, "the engine stays");
}

#[test]
fn a_stop_keeps_what_is_scored_and_asking_again_goes_on() {
    let bench = bench(Duration::from_millis(5));
    let asked = request("m", ["a", "b"], 100);
    assert!(bench.previewer.score(asked.clone()));
    while !matches!(bench.previewer.next(PATIENCE).unwrap(), PreviewEvent::Scored(_)) {}
    bench.previewer.stop();
    bench.until_rest();
    let n_before = bench.n_steps.load(Ordering::Relaxed);
    assert!(n_before < 100, "{n_before}");
    assert!(bench.previewer.score(asked));
    let (last, _) = bench.until_rest();
    assert_eq!(last.unwrap().n_scored(), 100);
    // At most the portion that was cut off is scored twice.
    assert!(bench.n_steps.load(Ordering::Relaxed) < 100 + n_before);
}

#[test]
fn refusals_are_said_and_the_thread_goes_on() {
    let bench = bench(Duration::ZERO);
    assert!(bench.previewer.score(request("gone", ["a", "b"], 3)));
    let reason = loop {
        match bench.previewer.next(PATIENCE).unwrap() {
            PreviewEvent::Failed(reason) => break reason,
            PreviewEvent::Progress(progress) => assert_eq!(progress.texts_per_sec, None),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(reason, "no model is called gone");
    assert!(bench.previewer.score(request("m", ["a", "b"], 3)));
    assert_eq!(bench.until_rest().0.unwrap().n_scored(), 3);
}

#[test]
fn an_encoder_is_no_entailment_model_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    write_folder(folder.path(), 1);
    let catalog = Arc::new(Catalog::with(folder.path(), Vec::new(), Vec::new()));
    assert!(entailment_models(&catalog).is_empty());
    let previewer = Previewer::start(catalog, Compute::EXACT, 1, Arc::new(|| {}));
    assert!(previewer.score(request(&folder.path().display().to_string(), ["a", "b"], 3)));
    let reason = loop {
        match previewer.next(PATIENCE).unwrap() {
            PreviewEvent::Failed(reason) => break reason,
            PreviewEvent::Progress(_) => {}
            other => panic!("{other:?}"),
        }
    };
    assert!(reason.contains("encoder") || reason.contains("head"), "{reason}");
}
