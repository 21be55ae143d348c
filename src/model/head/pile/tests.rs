//! What a head learns from texts that nobody has labelled, and that it says when that does not help.

use rand::RngExt;

use super::*;
use crate::core::rng::{self, Stream};

const DIM: usize = 12;

/// Unit rows around one axis a label, wide enough that a few labelled texts are a poor guide.
fn cloud(rng: &mut Stream, label: usize, n: usize, spread: f64) -> Vec<f32> {
    let mut data = Vec::new();
    for _ in 0..n {
        let mut row: Vec<f64> = (0..DIM).map(|_| rng::normal(rng) * spread).collect();
        row[label] += 1.0;
        let length = row.iter().map(|x| x * x).sum::<f64>().sqrt();
        data.extend(row.iter().map(|x| (x / length) as f32));
    }
    data
}

fn of_labels(rng: &mut Stream, counts: &[usize], spread: f64) -> (Embeddings, Vec<usize>) {
    let mut data = Vec::new();
    let mut labels = Vec::new();
    for (label, n) in counts.iter().enumerate() {
        data.extend(cloud(rng, label, *n, spread));
        labels.resize(labels.len() + n, label);
    }
    (Embeddings { dim: DIM, data }, labels)
}

fn accuracy(head: &Head, x: &Embeddings, labels: &[usize]) -> f64 {
    let rows = head.predict_proba(x).unwrap();
    let right = rows.iter().zip(labels).filter(|(row, label)| {
        let best = row.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).unwrap().0;
        best == **label
    });
    right.count() as f64 / labels.len() as f64
}

struct Scene {
    labelled: Embeddings,
    targets: Targets,
    pile: Embeddings,
    test: (Embeddings, Vec<usize>),
}

fn scene(seed: u64) -> Scene {
    let mut rng = rng::stream(seed, "pile");
    let (labelled, labels) = of_labels(&mut rng, &[3, 3, 3], 0.45);
    let (pile, _) = of_labels(&mut rng, &[150, 150, 150], 0.45);
    Scene {
        labelled,
        targets: Targets::Single(labels),
        pile,
        test: of_labels(&mut rng, &[200, 200, 200], 0.45),
    }
}

fn names(rng: &mut Stream) -> Embeddings {
    of_labels(rng, &[1, 1, 1], 0.3).0
}

fn with_pile(scene: &Scene, names: Option<&Embeddings>) -> PileFit {
    let examples = Examples::new(&scene.labelled, &scene.targets, 3);
    let beside = Beside {
        names,
        pile: &scene.pile,
    };
    fit(examples, beside, &PileSettings::default()).unwrap()
}

#[test]
fn the_pile_and_the_names_teach_what_a_handful_cannot() {
    let (mut plain, mut pile, mut both) = (0.0, 0.0, 0.0);
    for seed in 0..5 {
        let scene = scene(seed);
        let (x, labels) = (&scene.test.0, &scene.test.1);
        let examples = Examples::new(&scene.labelled, &scene.targets, 3);
        plain += accuracy(&Head::fit(examples, &FitSettings::default()).unwrap(), x, labels) / 5.0;
        pile += accuracy(&with_pile(&scene, None).head, x, labels) / 5.0;
        let names = names(&mut rng::stream(seed, "names"));
        both += accuracy(&with_pile(&scene, Some(&names)).head, x, labels) / 5.0;
    }
    assert!(pile > plain + 0.03, "{plain} {pile}");
    assert!(both > pile, "{pile} {both}");
}

#[test]
fn guesses_are_near_texts_of_the_pile_and_of_each_label() {
    let fitted = with_pile(&scene(1), None);
    assert!(fitted.guesses.is_sorted_by(|a, b| a.row < b.row));
    assert!((100..=300).contains(&fitted.guesses.len()), "{}", fitted.guesses.len());
    for label in 0..3 {
        assert!(fitted.guesses.iter().any(|guess| guess.set == [label]));
    }
    assert!(fitted.confidence() > 0.5 && fitted.confidence() <= 1.0);
}

#[test]
fn texts_of_another_kind_are_left_out() {
    let mut scene = scene(2);
    let n_own = scene.pile.len();
    let mut rng = rng::stream(9, "others");
    // a topic of its own, and one closer to label 0 than to the rest
    scene.pile.data.extend(cloud(&mut rng, 7, 300, 0.3));
    let fitted = with_pile(&scene, None);
    let n_strange = fitted.guesses.iter().filter(|guess| guess.row >= n_own).count();
    assert!(n_strange < 30, "{n_strange}");
    let alone = with_pile(&scene_without_others(&scene, n_own), None);
    let (x, labels) = (&scene.test.0, &scene.test.1);
    let (mixed, pure) = (accuracy(&fitted.head, x, labels), accuracy(&alone.head, x, labels));
    assert!(mixed > pure - 0.03, "{mixed} {pure}");
}

fn scene_without_others(scene: &Scene, n_own: usize) -> Scene {
    Scene {
        labelled: scene.labelled.clone(),
        targets: scene.targets.clone(),
        pile: scene.pile.rows(&(0..n_own).collect::<Vec<_>>()),
        test: scene.test.clone(),
    }
}

#[test]
fn rare_labels_keep_their_share() {
    let mut rng = rng::stream(4, "rare");
    let (labelled, labels) = of_labels(&mut rng, &[8, 8], 0.4);
    let (pile, _) = of_labels(&mut rng, &[400, 40], 0.4);
    let (test, truth) = of_labels(&mut rng, &[400, 40], 0.4);
    let targets = Targets::Single(labels);
    let examples = Examples::new(&labelled, &targets, 2);
    let beside = Beside {
        names: None,
        pile: &pile,
    };
    let fitted = fit(examples, beside, &PileSettings::default()).unwrap();
    let plain = Head::fit(examples, &FitSettings::default()).unwrap();
    let n_rare = fitted.guesses.iter().filter(|guess| guess.set == [1]).count();
    assert!((5..60).contains(&n_rare), "{n_rare}");
    assert!(accuracy(&fitted.head, &test, &truth) >= accuracy(&plain, &test, &truth));
}

#[test]
fn several_labels_are_learnt_label_by_label() {
    let mut rng = rng::stream(5, "several");
    let mut several = |n: usize| {
        let mut data = Vec::new();
        let mut labels = Vec::new();
        for _ in 0..n {
            let of_text: Vec<usize> = (0..3).filter(|_| rng.random_range(0.0..1.0) < 0.35).collect();
            let mut row: Vec<f64> = (0..DIM).map(|_| rng::normal(&mut rng) * 0.3).collect();
            of_text.iter().for_each(|label| row[*label] += 1.0);
            data.extend(row.iter().map(|x| *x as f32));
            labels.push(of_text);
        }
        (Embeddings { dim: DIM, data }, labels)
    };
    let (labelled, mut labels) = several(14);
    let (pile, _) = several(600);
    let (test, truth) = several(400);
    labels.iter_mut().for_each(|labels| labels.push(4)); // on every text; label 3 is on none
    let targets = Targets::Multi(labels);
    let examples = Examples::new(&labelled, &targets, 5);
    let beside = Beside {
        names: None,
        pile: &pile,
    };
    let fitted = fit(examples, beside, &PileSettings::default()).unwrap();
    let plain = Head::fit(examples, &FitSettings::default()).unwrap();
    let precision = |head: &Head| {
        let rows = head.predict_proba(&test).unwrap();
        assert!(rows.iter().all(|row| row[3] == 0.0 && row[4] == 1.0));
        let of_label = |label: usize| {
            let scores: Vec<f32> = rows.iter().map(|row| row[label]).collect();
            let truth: Vec<bool> = truth.iter().map(|labels| labels.contains(&label)).collect();
            crate::core::metrics::average_precision(&scores, &truth).unwrap()
        };
        (0..3).map(of_label).sum::<f64>() / 3.0
    };
    assert!(
        precision(&fitted.head) > precision(&plain),
        "{} {}",
        precision(&fitted.head),
        precision(&plain)
    );
}

#[test]
fn the_labelled_texts_say_whether_it_helps() {
    let mut helped = 0;
    for seed in 0..5 {
        let scene = scene(seed);
        let examples = Examples::new(&scene.labelled, &scene.targets, 3);
        let beside = Beside {
            names: None,
            pile: &scene.pile,
        };
        let verdict = verdict(examples, beside, &PileSettings::default(), &FitSettings::default(), 0).unwrap();
        assert!(verdict.with.is_some() && verdict.without.is_some());
        helped += usize::from(verdict.helps);
    }
    assert!(helped >= 4, "{helped}");

    // names of the wrong labels, and so many labels that they are not needed
    let mut rng = rng::stream(6, "wrong");
    let (labelled, labels) = of_labels(&mut rng, &[60, 60, 60], 0.45);
    let (pile, _) = of_labels(&mut rng, &[5, 5, 5], 0.45);
    let wrong = names(&mut rng).rows(&[1, 2, 0]);
    let settings = PileSettings {
        name_weight: 500.0,
        ..PileSettings::default()
    };
    let targets = Targets::Single(labels);
    let beside = Beside {
        names: Some(&wrong),
        pile: &pile,
    };
    let examples = Examples::new(&labelled, &targets, 3);
    let verdict = verdict(examples, beside, &settings, &FitSettings::default(), 0).unwrap();
    assert!(!verdict.helps && verdict.with < verdict.without, "{verdict:?}");
}

#[test]
fn a_pile_off_the_topic_stays_only_where_it_does_better() {
    let mut n_ties = 0;
    for seed in 0..5 {
        let scene = scene(seed);
        let (strange, _) = of_labels(&mut rng::stream(seed, "strange"), &[0, 0, 0, 0, 0, 150, 150, 150], 0.3);
        let beside = Beside {
            names: None,
            pile: &strange,
        };
        let examples = Examples::new(&scene.labelled, &scene.targets, 3);
        let verdict = verdict(examples, beside, &PileSettings::default(), &FitSettings::default(), 0).unwrap();
        assert_eq!(verdict.helps, verdict.with > verdict.without, "{verdict:?}");
        n_ties += usize::from(verdict.with == verdict.without);
    }
    assert!(n_ties > 0, "the rule for ties was never asked");
}

#[test]
fn the_same_with_one_thread_and_with_many_and_without_a_pile() {
    let scene = scene(3);
    let many = with_pile(&scene, None);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    assert_eq!(pool.install(|| with_pile(&scene, None)), many);

    let empty = Scene {
        pile: Embeddings::default(),
        ..scene
    };
    let fitted = with_pile(&empty, None);
    assert!(fitted.guesses.is_empty() && fitted.confidence() == 0.0);
}

#[test]
fn parts_that_do_not_fit_are_refused() {
    let scene = scene(0);
    let examples = Examples::new(&scene.labelled, &scene.targets, 3);
    let narrow = Embeddings {
        dim: 2,
        data: vec![0.5; 6],
    };
    for beside in [
        Beside {
            names: Some(&narrow),
            pile: &scene.pile,
        },
        Beside {
            names: None,
            pile: &narrow,
        },
    ] {
        let error = fit(examples, beside, &PileSettings::default()).unwrap_err();
        assert!(matches!(error, HeadError::Shape { .. }), "{error}");
    }
}

#[test]
fn an_even_sample_spreads_over_all_there_are() {
    let sample = |n, at_most| even_sample(n, at_most).collect::<Vec<_>>();
    assert_eq!(sample(10, 4), [0, 2, 5, 7]);
    assert_eq!(
        (sample(3, 4), sample(0, 4), sample(4, 0)),
        (vec![0, 1, 2], vec![], vec![])
    );
}
