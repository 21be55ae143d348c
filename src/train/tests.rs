//! Methods end to end: on a tiny BERT made here, and on the default encoder where it is found.

use candle_core::Tensor;
use rand::RngExt;

use super::*;
use crate::core::rng;
use crate::model::{Embeddings, testing};

pub(super) fn tiny_encoder() -> Encoder {
    testing::tiny_encoder(3)
}

/// Two topics, eight texts each.
pub(super) fn topics() -> TrainingSet {
    let sport = [
        "the team runs a good match",
        "a goal and a match",
        "the red team and a goal",
        "goal goal goal",
        "the match of the blue team",
        "a good goal today",
        "rain sleeps and the team runs",
        "the dog and the match",
    ];
    let money = [
        "the market price rose",
        "chip price bad",
        "the price of code",
        "code and the market",
        "a green chip market",
        "a bad price today",
        "rain and chip code",
        "the cat and the price",
    ];
    TrainingSet::new(
        sport.iter().chain(&money).map(|text| Arc::from(*text)).collect(),
        Targets::Single((0..16).map(|i| i / 8).collect()),
        2,
        TaskKind::SingleLabel,
    )
}

/// The training texts as the trained encoder embeds them.
fn embedded(trained: &Trained) -> Embeddings {
    let set = topics();
    trained
        .encoder
        .embed(&set.texts(), &mut |_| ControlFlow::Continue(()))
        .unwrap()
}

fn setfit(settings: &[(&str, &str)]) -> Options {
    method("setfit").unwrap().parse(settings).unwrap()
}

pub(super) fn run(set: &TrainingSet, options: &Options, seed: u64) -> (Trained, Vec<TrainEvent>) {
    let mut events = Vec::new();
    let mut listen = |event| {
        events.push(event);
        ControlFlow::Continue(())
    };
    let trained = train(options.method(), set, options, seed, tiny_encoder(), &mut listen).unwrap();
    (trained, events)
}

pub(super) fn weights(trained: &Trained) -> Vec<Vec<u32>> {
    let bits = |var: &candle_core::Var| {
        var.flatten_all()
            .unwrap()
            .to_vec1::<f32>()
            .unwrap()
            .into_iter()
            .map(f32::to_bits)
            .collect()
    };
    trained.encoder.vars().iter().map(|(_, var)| bits(var)).collect()
}

#[test]
fn every_parameter_gets_a_gradient_through_the_loss() {
    let encoder = tiny_encoder();
    let set = topics();
    let tokens = encoder.tokenize(&set.texts()).unwrap();
    let embeddings = encoder.forward(&tokens.iter().collect::<Vec<_>>(), None).unwrap();
    let left: Vec<u32> = (0..15).collect();
    let right: Vec<u32> = (1..16).collect();
    let similarity: Vec<f32> = (0..15).map(|i| if i == 7 { 0.0 } else { 1.0 }).collect();
    let loss = losses::cosine_similarity(&embeddings, &left, &right, &similarity).unwrap();
    let gradients = encoder.backward(&loss).unwrap();
    for (name, var) in encoder.vars() {
        let gradient = gradients
            .dense(&var)
            .unwrap()
            .unwrap_or_else(|| panic!("{name} has no gradient"));
        let gradient = gradient.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert!(gradient.iter().all(|g| g.is_finite()), "{name}");
        assert!(gradient.iter().any(|g| *g != 0.0), "{name} gets only zeros");
    }
}

#[test]
fn the_gradient_of_the_loss_agrees_with_finite_differences() {
    let encoder = tiny_encoder();
    let set = topics();
    let tokens = encoder.tokenize(&set.texts()).unwrap();
    let batch: Vec<_> = tokens.iter().collect();
    let loss = || {
        let embeddings = encoder.forward(&batch, None).unwrap();
        losses::cosine_similarity(&embeddings, &[0, 1, 9, 3], &[8, 2, 10, 12], &[0.0, 1.0, 1.0, 0.0]).unwrap()
    };
    let gradients = encoder.backward(&loss()).unwrap();
    let mut rng = rng::stream(0, "finite-differences");
    for (name, var) in encoder.vars() {
        // Along a random direction, the slope is the gradient's product with it.
        let data: Vec<f32> = var.flatten_all().unwrap().to_vec1().unwrap();
        let direction: Vec<f32> = data.iter().map(|_| rng.random_range(-1.0..1.0)).collect();
        let value = |h: f32| {
            let moved: Vec<f32> = data.iter().zip(&direction).map(|(w, d)| w + h * d).collect();
            var.set(&Tensor::from_vec(moved, var.shape(), var.device()).unwrap())
                .unwrap();
            f64::from(loss().to_scalar::<f32>().unwrap())
        };
        let h = 3e-3f32;
        let slope = (value(h) - value(-h)) / (2.0 * f64::from(h));
        value(0.0);
        let gradient = gradients
            .dense(&var)
            .unwrap()
            .unwrap()
            .flatten_all()
            .unwrap()
            .to_vec1::<f32>()
            .unwrap();
        let expected: f64 = gradient
            .iter()
            .zip(&direction)
            .map(|(g, d)| f64::from(*g) * f64::from(*d))
            .sum();
        assert!(
            (slope - expected).abs() < 2e-3 * (1.0 + expected.abs()),
            "{name}: {slope} {expected}"
        );
    }
}

#[test]
fn setfit_learns_and_tells_in_order() {
    let options = [("num_iterations", "12"), ("learning_rate", "3e-3"), ("batch_size", "8")];
    let options = setfit(&[&options[..], &[("sampler", "iterations")]].concat());
    let (trained, events) = run(&topics(), &options, 0);
    // 2 · 12 · 16 pairs in batches of 8
    assert_eq!(events[0], TrainEvent::Started { n_steps: 48 });
    let phases: Vec<Phase> = events
        .iter()
        .filter_map(|e| if let TrainEvent::Phase(p) = e { Some(*p) } else { None })
        .collect();
    assert_eq!(
        phases,
        [
            Phase::Tokenizing,
            Phase::Tuning,
            Phase::Embedding { n_done: 0, n_texts: 16 },
            Phase::Embedding {
                n_done: 16,
                n_texts: 16
            },
            Phase::Head
        ]
    );
    let steps: Vec<(usize, f64)> = events
        .iter()
        .filter_map(|e| {
            if let TrainEvent::Step { step, loss, .. } = e {
                Some((*step, *loss))
            } else {
                None
            }
        })
        .collect();
    assert_eq!(
        steps.iter().map(|(step, _)| *step).collect::<Vec<_>>(),
        (1..=48).collect::<Vec<_>>()
    );
    let mean = |steps: &[(usize, f64)]| steps.iter().map(|(_, loss)| loss).sum::<f64>() / steps.len() as f64;
    assert!(mean(&steps[36..]) < 0.5 * mean(&steps[..4]), "{steps:?}");
    assert_eq!((trained.n_steps, trained.stopped), (48, false));

    let rows = trained.head.predict_proba(&embedded(&trained)).unwrap();
    assert!(rows.iter().enumerate().all(|(i, row)| row[i / 8] > 0.5), "{rows:?}");
    assert_eq!(trained.out_of_fold.unwrap().len(), 16);
}

#[test]
fn a_seed_gives_the_same_weights_with_any_number_of_threads() {
    let options = setfit(&[("num_iterations", "2")]);
    let on = |n_threads, seed| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        pool.install(|| run(&topics(), &options, seed).0)
    };
    let one = on(1, 5);
    for other in [on(1, 5), on(2, 5), on(3, 5)] {
        assert_eq!(weights(&one), weights(&other));
        assert_eq!(one.head, other.head);
        assert_eq!(one.out_of_fold, other.out_of_fold);
    }
    assert_ne!(weights(&one), weights(&on(1, 6)));
}

#[test]
fn a_stop_keeps_a_usable_model() {
    let options = setfit(&[("num_iterations", "4")]);
    for stop_at in [0, 3] {
        let mut n_steps = 0;
        let mut listen = |event| {
            n_steps += usize::from(matches!(event, TrainEvent::Step { .. }));
            // As a cancel flag does, this goes on saying stop.
            if n_steps >= stop_at {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        let trained = train(options.method(), &topics(), &options, 0, tiny_encoder(), &mut listen).unwrap();
        assert_eq!((trained.stopped, trained.n_steps), (true, stop_at));
        let rows = trained.head.predict_proba(&embedded(&trained)).unwrap();
        assert!(rows.iter().all(|row| (row.iter().sum::<f32>() - 1.0).abs() < 1e-5));
    }
}

#[test]
fn a_diverging_run_says_what_to_try() {
    let encoder = tiny_encoder();
    let (_, var) = &encoder.vars()[0];
    var.set(&(var.as_tensor() * f64::NAN).unwrap()).unwrap();
    let options = setfit(&[]);
    let mut listen = |_| ControlFlow::Continue(());
    let error = train(options.method(), &topics(), &options, 0, encoder, &mut listen)
        .err()
        .unwrap();
    assert!(matches!(error, TrainError::Diverged { step: 1, .. }), "{error}");
    assert!(error.to_string().contains("learning_rate"), "{error}");
}

#[test]
fn the_probe_leaves_the_encoder_alone_and_can_be_stopped() {
    let options = Options::defaults(method("probe").unwrap());
    let before: Vec<_> = tiny_encoder()
        .vars()
        .iter()
        .map(|(_, var)| var.flatten_all().unwrap().to_vec1::<f32>().unwrap())
        .collect();
    let (trained, events) = run(&topics(), &options, 0);
    let after: Vec<_> = trained
        .encoder
        .vars()
        .iter()
        .map(|(_, var)| var.flatten_all().unwrap().to_vec1::<f32>().unwrap())
        .collect();
    assert_eq!(before, after);
    assert_eq!(events[0], TrainEvent::Started { n_steps: 0 });
    assert_eq!(events.last(), Some(&TrainEvent::Phase(Phase::Head)));
    let again = probe::fit_head(
        &embedded(&trained),
        &topics().targets,
        2,
        &options,
        0,
        Some(&trained.head),
    )
    .unwrap();
    assert_eq!(again.out_of_fold, trained.out_of_fold);

    let mut stop = |event| {
        if event == TrainEvent::Phase(Phase::Head) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let stopped = train(options.method(), &topics(), &options, 0, tiny_encoder(), &mut stop);
    assert!(matches!(stopped, Err(TrainError::Stopped)));
}

#[test]
fn several_labels_at_once_train_too() {
    let mut set = topics();
    set.targets = Targets::Multi(
        (0..16)
            .map(|i| {
                if i % 5 == 4 {
                    vec![]
                } else if i % 3 == 0 {
                    vec![i / 8, 2]
                } else {
                    vec![i / 8]
                }
            })
            .collect(),
    );
    (set.n_labels, set.task) = (4, TaskKind::MultiLabel);
    for id in ["probe", "setfit"] {
        let options = Options::defaults(method(id).unwrap());
        let (trained, _) = run(&set, &options, 0);
        let rows = trained.head.predict_proba(&embedded(&trained)).unwrap();
        assert!(rows.iter().all(|row| row.len() == 4 && row[3] == 0.0), "{id}");
        assert_eq!(trained.out_of_fold.unwrap().len(), 16);
    }
}

#[test]
fn sets_that_cannot_be_learnt_from_are_refused_by_every_method() {
    type Damage = fn(&mut TrainingSet);
    let damage: [(Damage, &str); 6] = [
        (|set| set.texts.clear(), "0 texts come with the labels of 16"),
        (
            |set| (set.texts, set.targets) = (vec![], Targets::Single(vec![])),
            "no labelled texts",
        ),
        (|set| set.targets = Targets::Single(vec![1; 16]), "at least two labels"),
        (|set| set.task = TaskKind::MultiLabel, "do not fit a multi-label task"),
        (|set| set.n_labels = 1, "label 1 is out of range"),
        (
            |set| (set.targets, set.task) = (Targets::Multi(vec![vec![0]; 16]), TaskKind::MultiLabel),
            "nothing to learn",
        ),
    ];
    for method in METHODS {
        for (change, message) in &damage {
            let mut set = topics();
            change(&mut set);
            let mut listen = |_| ControlFlow::Continue(());
            let error = train(method, &set, &Options::defaults(method), 0, tiny_encoder(), &mut listen)
                .err()
                .unwrap()
                .to_string();
            assert!(error.contains(message), "{}: {error}", method.id);
        }
        let other = METHODS.iter().find(|other| other.id != method.id).unwrap();
        let mut listen = |_| ControlFlow::Continue(());
        assert!(
            train(
                method,
                &topics(),
                &Options::defaults(other),
                0,
                tiny_encoder(),
                &mut listen
            )
            .is_err()
        );
    }
}

#[test]
fn fine_tuning_learns_one_label_and_several_and_repeats_by_seed() {
    let settings = [("num_epochs", "30"), ("learning_rate", "3e-3"), ("batch_size", "6")];
    let options = method("finetune").unwrap().parse(&settings).unwrap();
    let (trained, events) = run(&topics(), &options, 0);
    // ⌈16 / 6⌉ steps an epoch
    assert_eq!(events[0], TrainEvent::Started { n_steps: 90 });
    assert_eq!((trained.n_steps, trained.stopped), (90, false));
    let rows = trained.head.predict_proba(&embedded(&trained)).unwrap();
    assert!(rows.iter().enumerate().all(|(i, row)| row[i / 8] > 0.8), "{rows:?}");
    assert!(rows.iter().all(|row| (row.iter().sum::<f32>() - 1.0).abs() < 1e-5));
    let again = run(&topics(), &options, 0).0;
    assert_eq!((weights(&trained), &trained.head), (weights(&again), &again.head));

    let several = TrainingSet {
        // the first topic also carries label 2, and nothing carries label 3
        targets: Targets::Multi((0..16).map(|i| if i < 8 { vec![0, 2] } else { vec![1] }).collect()),
        n_labels: 4,
        task: TaskKind::MultiLabel,
        ..topics()
    };
    let trained = run(&several, &options, 0).0;
    let rows = trained.head.predict_proba(&embedded(&trained)).unwrap();
    for (i, row) in rows.iter().enumerate() {
        for (label, prob) in row.iter().enumerate() {
            let set = several.targets.of(i).contains(&label);
            assert_eq!(*prob > 0.5, set, "text {i} label {label}: {row:?}");
        }
        assert_eq!(row[3], 0.0);
    }
}

#[test]
fn every_weight_gets_a_gradient_through_the_layer_of_fine_tuning() {
    let encoder = tiny_encoder().without_normalization();
    let set = topics();
    let tokens = encoder.tokenize(&set.texts()).unwrap();
    let layer = finetune::Layer::new(&encoder, &set, &mut rng::stream(0, "head")).unwrap();
    let batch: Vec<usize> = (0..16).collect();
    let embeddings = encoder.forward(&tokens.iter().collect::<Vec<_>>(), None).unwrap();
    let gradients = encoder
        .backward(&layer.loss(&embeddings, &set.targets, &batch).unwrap())
        .unwrap();
    let of_layer = [("weight", layer.weight.clone()), ("bias", layer.bias.clone())];
    let of_layer = of_layer.map(|(name, var)| (name.to_owned(), var));
    for (name, var) in encoder.vars().into_iter().chain(of_layer) {
        let gradient = gradients
            .dense(&var)
            .unwrap()
            .unwrap_or_else(|| panic!("{name} has no gradient"));
        let gradient = gradient.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert!(gradient.iter().all(|g| g.is_finite()), "{name}");
        assert!(gradient.iter().any(|g| *g != 0.0), "{name} gets only zeros");
    }
}

#[test]
fn the_fast_sampler_learns_with_fewer_steps() {
    let settings = [
        ("num_iterations", "24"),
        ("learning_rate", "3e-3"),
        ("batch_size", "4"),
        ("sampler", "fast"),
    ];
    let (trained, events) = run(&topics(), &setfit(&settings), 0);
    // 16 texts in batches of 8
    assert_eq!(events[0], TrainEvent::Started { n_steps: 48 });
    let rows = trained.head.predict_proba(&embedded(&trained)).unwrap();
    assert!(rows.iter().enumerate().all(|(i, row)| row[i / 8] > 0.5), "{rows:?}");
}

#[test]
fn frozen_layers_stay_and_the_others_move() {
    for id in ["setfit", "finetune"] {
        let method = method(id).unwrap();
        let options = method.parse(&[("freeze_layers", "1"), ("num_epochs", "1")]).unwrap();
        let (before, trained) = (tiny_encoder(), run(&topics(), &options, 0).0);
        for ((name, before), (_, after)) in before.vars().into_iter().zip(trained.encoder.vars()) {
            let numbers = |var: candle_core::Var| var.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            let stays = numbers(before) == numbers(after);
            let frozen = name.starts_with("embeddings.") || name.starts_with("encoder.layer.0.");
            assert_eq!(stays, frozen, "{id}: {name}");
        }
        let all = method.parse(&[("freeze_layers", "2")]).unwrap();
        let mut listen = |_| ControlFlow::Continue(());
        let error = train(method, &topics(), &all, 0, tiny_encoder(), &mut listen)
            .err()
            .unwrap();
        assert!(error.to_string().contains("below the 2 layers"), "{error}");
    }
}
