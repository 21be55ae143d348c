//! How long similarity takes after the wording of one label has changed: 20,000 embedded texts, ten labels, as wide as the default encoder
//! makes them; random. One template is compared anew, the scores and their figures are made.
//!
//! Not here: embedding the one sentence that is new, a few milliseconds.
#![allow(clippy::unwrap_used)] // what cannot be set up cannot be timed

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion};
use handful::core::{TextId, rng};
use handful::jobs::zero_shot_scores::{Known, Source, ZeroShotRequest, ZeroShotScores};
use handful::jobs::{EngineKind, EngineSpec};
use handful::model::Embeddings;
use handful::model::zero_shot::prototypes::unit;
use handful::model::zero_shot::{Answer, Compared, Pile, Question, TEMPERATURE, Wording};

const DIM: usize = 384;
const N_TEXTS: usize = 20_000;

fn random(n: usize, name: &str) -> Embeddings {
    let mut stream = rng::stream(1, name);
    let data = (0..n * DIM).map(|_| rng::normal(&mut stream) as f32).collect();
    Embeddings { dim: DIM, data }
}

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3))
        .configure_from_args();
    let texts = unit(&random(N_TEXTS, "texts"));
    let ids: Arc<Vec<TextId>> = Arc::new((0..N_TEXTS as i64).map(TextId).collect());
    let places: Arc<HashMap<TextId, usize>> = Arc::new(ids.iter().enumerate().map(|(at, id)| (*id, at)).collect());
    let mut group = criterion.benchmark_group("a wording changed");
    for (n_labels, pile) in [(10, Pile::Auto), (10, Pile::Off), (77, Pile::Auto)] {
        let names: Vec<String> = (0..n_labels).map(|label| format!("label {label}")).collect();
        let question = Question::about(&names, ["{}"], false).unwrap();
        let mut embed = |sentences: &[String]| Ok(random(sentences.len(), &sentences.concat()));
        let known = |text: i64| Known {
            text: TextId(text),
            columns: vec![text as usize % n_labels],
            trains: true,
        };
        let request = ZeroShotRequest {
            engine: EngineSpec::new(EngineKind::Similarity { pile }),
            question: question.clone(),
            in_tree: None,
            ids: vec![None; n_labels],
            known: Arc::new((0..300).map(known).collect()),
            generation: 1,
        };
        let source = Source {
            engine: "similarity",
            model: "random".into(),
            reads_texts: true,
            texts_per_sec: None,
            remarks: Vec::new(),
        };
        group.bench_function(BenchmarkId::new(format!("{pile:?}"), n_labels), |bencher| {
            bencher.iter(|| {
                let wording = Wording::new(&question, "{}", &mut embed).unwrap();
                let compared = Compared::new(&wording, &texts, false, pile);
                let answer = Answer::new(&question, vec![compared.scores(TEMPERATURE)]);
                let rows = (ids.clone(), places.clone());
                ZeroShotScores::new(request.clone(), source.clone(), rows, answer, Vec::new())
            });
        });
    }
    group.finish();
    criterion.final_summary();
}
