//! Fine-tuning's options one by one, on a tiny encoder.

use std::ops::ControlFlow;
use std::sync::Arc;

use candle_core::{Device, Tensor, Var};

use super::*;
use crate::core::TaskKind;
use crate::core::run::WatchedPoint;
use crate::model::{Dropout, testing};
use crate::train::tuner::Tuner;
use crate::train::{Held, method, train};

const TEXTS: [&str; 12] = [
    "the team runs a good match",
    "a goal and a match",
    "the red team and a goal",
    "goal goal goal",
    "the match of the blue team",
    "a good goal today",
    "rain sleeps and the team runs",
    "the dog and the match",
    "the market price rose",
    "chip price bad",
    "the price of code",
    "code and the market",
];

/// Eight texts of one topic, four of another.
fn topics() -> TrainingSet {
    TrainingSet::new(
        TEXTS.iter().map(|text| Arc::from(*text)).collect(),
        Targets::Single((0..12).map(|i| i / 8).collect()),
        2,
        TaskKind::SingleLabel,
    )
}

fn watched_topics() -> TrainingSet {
    let held = Held {
        texts: ["a goal today", "the red match", "chip market", "bad code price"]
            .map(Arc::from)
            .to_vec(),
        seconds: Vec::new(),
        targets: Targets::Single(vec![0, 0, 1, 1]),
    };
    TrainingSet {
        validation: Some(held),
        ..topics()
    }
}

fn options(settings: &[(&str, &str)]) -> Options {
    let quick = [("num_epochs", "2"), ("batch_size", "4"), ("learning_rate", "1e-3")];
    method("finetune")
        .unwrap()
        .parse(&[&quick[..], settings].concat())
        .unwrap()
}

fn run(set: &TrainingSet, settings: &[(&str, &str)]) -> (Trained, Vec<TrainEvent>) {
    let mut events = Vec::new();
    let mut listen = |event| {
        events.push(event);
        ControlFlow::Continue(())
    };
    let options = options(settings);
    let trained = train(
        options.method(),
        set,
        &options,
        0,
        testing::tiny_encoder(3),
        &mut listen,
    )
    .unwrap();
    (trained, events)
}

fn numbers(trained: &Trained) -> Vec<f32> {
    let of = |(_, var): (String, Var)| var.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    trained.encoder.vars().into_iter().flat_map(of).collect()
}

fn probabilities(trained: &Trained, texts: &[Arc<str>]) -> Vec<Vec<f32>> {
    let texts: Vec<&str> = texts.iter().map(|text| &**text).collect();
    let embeddings = trained
        .encoder
        .embed(&texts, &mut |_| ControlFlow::Continue(()))
        .unwrap();
    trained.head.predict_proba(&embeddings).unwrap()
}

fn looks(events: &[TrainEvent]) -> Vec<WatchedPoint> {
    let point = |event: &TrainEvent| match event {
        TrainEvent::Watched(point) => Some(*point),
        _ => None,
    };
    events.iter().filter_map(point).collect()
}

fn losses(events: &[TrainEvent]) -> Vec<f64> {
    let loss = |event: &TrainEvent| match event {
        TrainEvent::Step { loss, .. } => Some(*loss),
        _ => None,
    };
    events.iter().filter_map(loss).collect()
}

fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

fn columns_of(set: &TrainingSet, options: &Options) -> Columns {
    columns(set, &set.targets.counts(set.n_labels).unwrap(), options)
}

/// The loss of `logits`, one row for each text of `set`.
fn loss_of(set: &TrainingSet, settings: &[(&str, &str)], logits: &[f32]) -> f64 {
    let options = options(settings);
    let columns = columns_of(set, &options);
    let n = set.targets.len();
    let logits = Tensor::from_slice(logits, (n, columns.n_logits()), &Device::Cpu).unwrap();
    let objective = Objective::new(columns, set, &options).unwrap();
    let texts: Vec<usize> = (0..n).collect();
    let weight = objective.weight_of(&set.targets, &texts);
    let loss = objective.loss(&logits, &set.targets, &texts, weight).unwrap();
    f64::from(loss.to_scalar::<f32>().unwrap())
}

fn small(targets: Targets, n_labels: usize) -> TrainingSet {
    let task = match targets {
        Targets::Single(_) => TaskKind::SingleLabel,
        Targets::Multi(_) => TaskKind::MultiLabel,
    };
    TrainingSet::new(vec![Arc::from("a"); targets.len()], targets, n_labels, task)
}

#[test]
fn weights_smoothing_and_focus_come_out_as_torch_computes_them() {
    let close = |found: f64, expected: f64| assert!((found - expected).abs() < 2e-5, "{found} {expected}");
    // z = torch.tensor([[1., 2., .5], [-1., 0., 3.], [3., -2., 4.], [0., 0., 1.]]); y = torch.tensor([1, 0, 2, 2]); w = 4 / (3 * torch.tensor([1., 1., 2.]))
    let three = small(Targets::Single(vec![1, 0, 2, 2]), 3);
    let logits = [1.0, 2.0, 0.5, -1.0, 0.0, 3.0, 3.0, -2.0, 4.0, 0.0, 0.0, 1.0];
    close(loss_of(&three, &[], &logits), PLAIN);
    close(loss_of(&three, &[("class_weight", "balanced")], &logits), WEIGHTED);
    let settings = [("class_weight", "balanced"), ("label_smoothing", "0.1")];
    close(loss_of(&three, &settings, &logits), WEIGHTED_SMOOTHED);
    close(loss_of(&three, &[("loss", "focal")], &logits), FOCAL);
    // z = torch.tensor([2., -1., .3]); t = torch.tensor([1., 1., 0.])
    let two = small(Targets::Single(vec![1, 1, 0]), 2);
    let (one, both) = ([2.0f32, -1.0, 0.3], [-1.0f32, 1.0, 0.5, -0.5, -0.15, 0.15]);
    for settings in [
        &[][..],
        &[("class_weight", "balanced")],
        &[("loss", "focal"), ("focal_alpha", "0.75")],
    ] {
        let sigmoid = loss_of(&two, &[settings, &[("two_labels", "sigmoid")]].concat(), &one);
        close(loss_of(&two, settings, &both), sigmoid);
    }
    close(loss_of(&two, &[("two_labels", "sigmoid")], &one), ONE_SIGMOID);
    // The rarer label, 0, weighs α: sigmoid_focal_loss(-z, 1 - t, .75, 2., "mean")
    let settings = [("two_labels", "sigmoid"), ("loss", "focal"), ("focal_alpha", "0.75")];
    close(loss_of(&two, &settings, &one), ONE_SIGMOID_FOCAL);
    // F.binary_cross_entropy_with_logits(z, t, pos_weight=(3 - t.sum(0)) / t.sum(0)) with the label of no text left out
    let several = small(Targets::Multi(vec![vec![0], vec![0, 1], vec![]]), 3);
    let logits = [2.0, -1.0, -3.0, 0.0, 0.5, 1.0];
    close(
        loss_of(&several, &[("class_weight", "balanced")], &logits),
        SEVERAL_WEIGHTED,
    );
    close(
        loss_of(&several, &[("loss", "focal"), ("focal_alpha", "0.25")], &logits),
        SEVERAL_FOCAL,
    );
}

#[test]
fn an_alpha_for_three_labels_is_refused() {
    let three = small(Targets::Single(vec![1, 0, 2, 2]), 3);
    let options = options(&[("loss", "focal"), ("focal_alpha", "0.25")]);
    let error = Objective::new(columns_of(&three, &options), &three, &options)
        .unwrap_err()
        .to_string();
    assert!(error.contains("class_weight=balanced"), "{error}");
}

#[test]
fn every_loss_learns_every_kind_of_task() {
    let several = TrainingSet {
        targets: Targets::Multi((0..12).map(|i| if i < 8 { vec![0, 2] } else { vec![1] }).collect()),
        n_labels: 3,
        task: TaskKind::MultiLabel,
        ..topics()
    };
    let kinds: [&[(&str, &str)]; 4] = [
        &[("loss", "focal"), ("focal_alpha", "0.6"), ("focal_gamma", "1")],
        &[("class_weight", "balanced"), ("label_smoothing", "0.05")],
        &[("sampling", "oversampling"), ("schedule", "cosine")],
        &[
            ("sampling", "balanced"),
            ("two_labels", "sigmoid"),
            ("schedule", "constant"),
        ],
    ];
    for set in [topics(), several] {
        for settings in kinds {
            let long = [("num_epochs", "20"), ("learning_rate", "3e-3")];
            let (trained, _) = run(&set, &[&long, settings].concat());
            for (i, row) in probabilities(&trained, &set.texts).iter().enumerate() {
                for (label, prob) in row.iter().enumerate() {
                    let is_set = set.targets.of(i).contains(&label);
                    assert_eq!(*prob > 0.5, is_set, "{settings:?}: text {i} label {label}: {row:?}");
                }
            }
        }
    }
}

#[test]
fn every_weight_gets_a_gradient_through_the_layer_of_fine_tuning() {
    let encoder = testing::tiny_encoder(3).without_normalization();
    let set = topics();
    let tokens = encoder.tokenize(&set.texts()).unwrap();
    let options = options(&[]);
    let columns = columns_of(&set, &options);
    let objective = Objective::new(columns.clone(), &set, &options).unwrap();
    let layer = Layer::new(&encoder, columns, 0.0, &mut rng::stream(0, "head")).unwrap();
    let batch: Vec<usize> = (0..12).collect();
    let embeddings = encoder.forward(&tokens.iter().collect::<Vec<_>>(), None).unwrap();
    let logits = layer.logits(&embeddings, None).unwrap();
    let loss = objective.loss(&logits, &set.targets, &batch, 12.0).unwrap();
    let gradients = encoder.backward(&loss).unwrap();
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
fn two_labels_with_one_sigmoid_give_a_sigmoid_head() {
    let head = run(&topics(), &[("two_labels", "sigmoid")]).0.head;
    assert_eq!((head.link(), head.n_labels()), (Some(Link::Sigmoid), 2));
    assert_eq!(run(&topics(), &[]).0.head.link(), Some(Link::Softmax));
}

#[test]
fn accumulated_batches_are_one_large_batch() {
    let without_dropout = |batch_size: &str, n: &str| {
        let set = TrainingSet {
            targets: Targets::Single((0..12).map(|i| usize::from(i % 5 == 0)).collect()),
            ..topics()
        };
        let settings = [
            ("batch_size", batch_size),
            ("accumulation", n),
            ("class_weight", "balanced"),
            ("num_epochs", "1"),
        ];
        let options = options(&settings);
        let encoder = testing::tiny_encoder(3).without_normalization();
        let columns = columns_of(&set, &options);
        let objective = Objective::new(columns.clone(), &set, &options).unwrap();
        let layer = Layer::new(&encoder, columns, 0.0, &mut rng::stream(0, "head")).unwrap();
        let mut tuner = Tuner::new(&encoder, &layer.vars(), Default::default(), 1.0);
        let tokens = encoder.tokenize(&set.texts()).unwrap();
        let texts: Vec<usize> = (0..12).collect();
        let weight = objective.weight_of(&set.targets, &texts);
        let mut stepped = Vec::new();
        for _ in 0..2 {
            for part in texts.chunks(options.whole("batch_size")) {
                let batch: Vec<_> = part.iter().map(|text| &tokens[*text]).collect();
                let logits = layer.logits(&encoder.forward(&batch, None).unwrap(), None).unwrap();
                tuner
                    .accumulate(&objective.loss(&logits, &set.targets, part, weight).unwrap())
                    .unwrap();
            }
            stepped.push(tuner.apply(1e-3).unwrap());
        }
        tuner.settle().unwrap();
        let weights: Vec<f32> = tuner
            .vars()
            .iter()
            .flat_map(|var| var.flatten_all().unwrap().to_vec1::<f32>().unwrap())
            .collect();
        (stepped, weights)
    };
    let (whole, parts) = (without_dropout("12", "1"), without_dropout("5", "3"));
    for (whole, parts) in whole.0.iter().zip(&parts.0) {
        assert!((whole.loss - parts.loss).abs() < 1e-5 && (whole.grad_norm - parts.grad_norm).abs() < 1e-4);
    }
    assert!(
        largest_difference(&whole.1, &parts.1) < 2e-5,
        "{}",
        largest_difference(&whole.1, &parts.1)
    );
    // Three batches of four texts are one step.
    assert_eq!(run(&topics(), &[("accumulation", "3")]).0.n_steps, 2);
}

#[test]
fn lower_layers_move_less_and_the_new_layer_at_its_own_rate() {
    let moved = |settings: &[(&str, &str)]| {
        let one_step = [
            ("batch_size", "12"),
            ("num_epochs", "1"),
            ("weight_decay", "0"),
            ("warmup", "0"),
        ];
        let (trained, _) = run(&topics(), &[&one_step, settings].concat());
        let before = testing::tiny_encoder(3).vars();
        let mut by_layer = vec![0f32; trained.encoder.n_layers() + 1];
        for ((name, old), (_, new)) in before.iter().zip(trained.encoder.vars()) {
            let change = (old.as_tensor() - new.as_tensor())
                .unwrap()
                .abs()
                .unwrap()
                .flatten_all()
                .unwrap();
            let most = &mut by_layer[trained.encoder.layer_of(name)];
            *most = most.max(change.max(0).unwrap().to_scalar::<f32>().unwrap());
        }
        by_layer
    };
    // The first step of AdamW moves a weight by the learning rate.
    for (layer, most) in moved(&[("layer_decay", "0.5")]).into_iter().enumerate() {
        let expected = 1e-3 * 0.5f32.powi(2 - layer as i32);
        assert!((most - expected).abs() < 1e-2 * expected, "{layer}: {most}");
    }
    assert!(moved(&[]).into_iter().all(|most| (most - 1e-3).abs() < 1e-5));
    // Of factors only the second moves in the first step, since it starts at zero: the weight moves as much less as it does.
    let lora = ("lora_rank", "2");
    let (slowed, plain) = (moved(&[lora, ("layer_decay", "0.5")]), moved(&[lora]));
    assert_eq!((slowed[0], plain[0]), (0.0, 0.0), "frozen");
    for layer in 1..plain.len() {
        let share = slowed[layer] / plain[layer];
        assert!((share - 0.5f32.powi(2 - layer as i32)).abs() < 1e-2, "{layer}: {share}");
    }
    let head = |settings: &[(&str, &str)]| run(&topics(), settings).0.head;
    assert_ne!(
        head(&[("head_learning_rate", "1e-2")]),
        head(&[("head_learning_rate", "0")])
    );
    // 0 is the encoder's rate.
    assert_eq!(
        head(&[("head_learning_rate", "1e-3")]),
        head(&[("head_learning_rate", "0")])
    );
}

#[test]
fn dropout_before_the_layer_leaves_out_its_share_and_only_in_training() {
    let encoder = testing::tiny_encoder(3);
    let columns = Columns::new(Link::Softmax, vec![0, 1], 2);
    let layer = Layer::new(&encoder, columns, 0.25, &mut rng::stream(0, "head")).unwrap();
    let ones = Tensor::ones((200, encoder.dim()), candle_core::DType::F32, &Device::Cpu).unwrap();
    layer
        .weight
        .set(&(layer.weight.ones_like().unwrap() / encoder.dim() as f64).unwrap())
        .unwrap();
    let mean = |masks: Option<&mut Dropout>| {
        let logits = layer.logits(&ones, masks).unwrap();
        (
            logits.mean_all().unwrap().to_scalar::<f32>().unwrap(),
            logits.to_vec2::<f32>().unwrap(),
        )
    };
    let mut masks = Dropout::new(1);
    let (first, second) = (mean(Some(&mut masks)), mean(Some(&mut masks)));
    assert!((first.0 - 1.0).abs() < 0.03 && first.1 != second.1, "{}", first.0);
    assert!(first.1.iter().any(|row| (row[0] - 1.0).abs() > 0.05));
    assert!(mean(None).1.iter().all(|row| (row[0] - 1.0).abs() < 1e-5));
}

#[test]
fn a_seed_gives_the_same_weights_with_one_thread_or_two() {
    let settings = [
        ("accumulation", "2"),
        ("head_dropout", "0.2"),
        ("sampling", "balanced"),
        ("loss", "focal"),
        ("layer_decay", "0.8"),
    ];
    let on = |n_threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        pool.install(|| run(&watched_topics(), &settings))
    };
    let ((one, first), (two, second)) = (on(1), on(2));
    assert_eq!(numbers(&one), numbers(&two));
    assert_eq!((one.head, looks(&first)), (two.head, looks(&second)));
}

#[test]
fn held_out_texts_are_scored_and_the_best_weights_kept() {
    let set = watched_topics();
    let held = set.validation.as_ref().unwrap();
    // Every step of 3 an epoch, at a rate that spoils what the first steps learn.
    let settings = [
        ("watch_every", "0.4"),
        ("num_epochs", "6"),
        ("learning_rate", "9e-3"),
        ("watch_metric", "loss"),
        ("schedule", "constant"),
    ];
    let (trained, events) = run(&set, &settings);
    let points = looks(&events);
    assert_eq!(
        points.iter().map(|point| point.step).collect::<Vec<_>>(),
        (1..=18).collect::<Vec<_>>()
    );
    let loss = |point: &WatchedPoint| point.loss.unwrap();
    let best = points.iter().min_by(|a, b| loss(a).total_cmp(&loss(b))).unwrap();
    assert_eq!(trained.findings["best_step"], json!(best.step));
    assert_eq!(points.iter().rfind(|point| point.best).unwrap().step, best.step);
    assert_eq!((trained.n_steps, trained.stopped), (18, false));
    // The kept weights are those of the best look: they give its loss.
    let found = probabilities(&trained, &held.texts);
    let mean = found
        .iter()
        .enumerate()
        .map(|(i, row)| -f64::from(row[held.targets.of(i)[0]]).ln())
        .sum::<f64>()
        / 4.0;
    assert!((mean - loss(best)).abs() < 1e-5, "{mean} {}", loss(best));
    let (last, _) = run(&set, &[&settings[..], &[("keep_best", "off")]].concat());
    assert_eq!(last.findings["kept_step"], json!(18));
    assert_eq!(best.step == 18, numbers(&last) == numbers(&trained));
}

#[test]
fn watched_figures_are_those_of_the_metrics() {
    let set = watched_topics();
    let held = set.validation.as_ref().unwrap();
    for by in WATCHED {
        let (trained, events) = run(&set, &[("watch_metric", by), ("keep_best", "off")]);
        let points = looks(&events);
        assert_eq!(points.iter().map(|point| point.step).collect::<Vec<_>>(), [3, 6]);
        if by == "accuracy" {
            let rows = probabilities(&trained, &held.texts);
            let right = rows.iter().enumerate().filter(|(i, row)| row[i / 2] > 0.5).count();
            assert_eq!(points[1].metric, right as f64 / 4.0);
        }
        assert!(
            points.iter().all(|point| (0.0..=1.0).contains(&point.metric)),
            "{by}: {points:?}"
        );
    }
}

#[test]
fn patience_ends_training_early() {
    let mut set = watched_topics();
    // The held-out labels are wrong, so that learning makes their loss worse.
    if let Some(held) = &mut set.validation {
        held.targets = Targets::Single(vec![1, 1, 0, 0]);
    }
    let settings = [
        ("num_epochs", "30"),
        ("patience", "2"),
        ("watch_metric", "loss"),
        ("learning_rate", "3e-3"),
    ];
    let (trained, events) = run(&set, &settings);
    assert_eq!(trained.findings["stopped_early"], json!(true));
    let (points, best) = (looks(&events), trained.findings["best_step"].as_u64().unwrap() as usize);
    // Looks come every 3 steps.
    assert_eq!((trained.n_steps, trained.stopped), (best + 6, false));
    assert!(trained.n_steps < 90 && points.len() * 3 == trained.n_steps);
    let message = run(&topics(), &[("patience", "2")]).0.findings["remarks"].to_string();
    assert!(message.contains("no validation texts"), "{message}");
}

#[test]
fn a_stop_keeps_the_best_weights_seen() {
    let set = watched_topics();
    let options = options(&[("num_epochs", "30"), ("watch_metric", "loss")]);
    let mut points = Vec::new();
    let mut listen = |event| match event {
        TrainEvent::Watched(point) => {
            points.push(point);
            ControlFlow::Continue(())
        }
        TrainEvent::Step { step: 8.., .. } => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    };
    let trained = train(
        options.method(),
        &set,
        &options,
        0,
        testing::tiny_encoder(3),
        &mut listen,
    )
    .unwrap();
    assert_eq!((trained.n_steps, trained.stopped), (8, true));
    assert_eq!(points.iter().map(|point| point.step).collect::<Vec<_>>(), [3, 6, 8]);
    assert_eq!(trained.findings["kept_step"], trained.findings["best_step"]);
}

#[test]
fn a_stop_amid_a_look_at_held_out_texts_ends_it_and_keeps_the_best_weights_seen() {
    let set = watched_topics();
    let options = options(&[("num_epochs", "30"), ("watch_metric", "loss")]);
    let (mut points, mut n_begun) = (Vec::new(), 0);
    let mut listen = |event| {
        match event {
            TrainEvent::Watched(point) => points.push(point),
            TrainEvent::Phase(Phase::Watching { n_done: 0, n_texts: 4 }) => n_begun += 1,
            // The first texts of the second look are scored.
            TrainEvent::Phase(Phase::Watching { .. }) if n_begun == 2 => return ControlFlow::Break(()),
            _ => {}
        }
        ControlFlow::Continue(())
    };
    let encoder = testing::tiny_encoder(3);
    let trained = train(options.method(), &set, &options, 0, encoder, &mut listen).unwrap();
    assert_eq!((trained.n_steps, trained.stopped), (6, true));
    assert_eq!((points.len(), n_begun), (1, 2));
    assert_eq!(trained.findings["kept_step"], json!(3));
}

#[test]
fn a_label_on_very_few_texts_weighs_no_more_than_it_may_and_that_is_told() {
    let rare: Vec<Vec<usize>> = (0..300).map(|i| vec![usize::from(i == 7)]).collect();
    let mut set = small(Targets::Multi(rare), 2);
    set.label_names = vec!["common".into(), "rare".into()];
    let options = options(&[("class_weight", "balanced")]);
    let objective = Objective::new(columns_of(&set, &options), &set, &options).unwrap();
    let remark = objective.remark(&set).unwrap();
    assert!(remark.contains("carry rare") && remark.contains("100"), "{remark}");
    // 299 texts without the label for the one with it, held at 100.
    let losses = [0, 7].map(|text| {
        let logits = Tensor::from_slice(&[0f32; 2], (1, 2), &Device::Cpu).unwrap();
        let loss = objective.loss(&logits, &set.targets, &[text], 1.0).unwrap();
        f64::from(loss.to_scalar::<f32>().unwrap())
    });
    let (ln_2, common) = (std::f64::consts::LN_2, 1.0 / 299.0);
    assert!((losses[0] - (common + 1.0) * ln_2).abs() < 1e-5, "{losses:?}");
    assert!((losses[1] - (1.0 + 100.0) * ln_2).abs() < 1e-4, "{losses:?}");
    let even = small(Targets::Multi(vec![vec![0], vec![1], vec![0, 1]]), 2);
    let objective = Objective::new(columns_of(&even, &options), &even, &options).unwrap();
    assert_eq!(objective.remark(&even), None);
}

/// Trains, and makes a weight NaN before step `at`.
fn spoiled(set: &TrainingSet, at: usize) -> Result<(Trained, Vec<TrainEvent>), TrainError> {
    let encoder = testing::tiny_encoder(3);
    let vars = encoder.vars();
    let (_, var) = vars.iter().find(|(name, _)| name.contains("word_embeddings")).unwrap();
    let var = var.clone();
    let options = options(&[("num_epochs", "4")]);
    let mut events = Vec::new();
    let mut n_steps = 0;
    let mut listen = |event| {
        if let TrainEvent::Phase(Phase::Tuning) | TrainEvent::Step { .. } = event {
            n_steps += 1;
            if n_steps == at {
                var.set(&(var.as_tensor() * f64::NAN).unwrap()).unwrap();
            }
        }
        events.push(event);
        ControlFlow::Continue(())
    };
    let trained = train(options.method(), set, &options, 0, encoder, &mut listen)?;
    Ok((trained, events))
}

#[test]
fn a_loss_that_is_no_number_ends_training_with_the_last_good_weights() {
    // Nothing good exists: the first step fails, or nobody has looked.
    for (set, at) in [(watched_topics(), 1), (topics(), 6)] {
        let error = spoiled(&set, at).err().unwrap();
        assert!(
            matches!(error, TrainError::Diverged { step, .. } if step == at),
            "{error}"
        );
    }
    // Looked at after 3 steps; the sixth fails.
    let (trained, events) = spoiled(&watched_topics(), 6).unwrap();
    assert_eq!((trained.n_steps, trained.stopped), (5, true));
    let message = trained.findings["remarks"].to_string();
    assert!(
        message.contains("step 6") && message.contains("step 3") && message.contains("learning_rate"),
        "{message}"
    );
    assert_eq!(losses(&events).len(), 5);
    assert!(numbers(&trained).iter().all(|number| number.is_finite()));
}

#[test]
fn an_overflowing_loss_keeps_the_weights_before_it() {
    let encoder = testing::tiny_encoder(3);
    let vars = encoder.vars();
    let (_, var) = vars
        .iter()
        .find(|(name, _)| name.ends_with("output.LayerNorm.bias"))
        .unwrap();
    let options = options(&[("num_epochs", "3")]);
    let mut listen = |event| {
        if let TrainEvent::Step { step: 4, .. } = event {
            // A number still, but what comes of it is none.
            var.set(&(var.ones_like().unwrap() * 3e38).unwrap()).unwrap();
        }
        ControlFlow::Continue(())
    };
    let trained = train(options.method(), &topics(), &options, 0, encoder, &mut listen).unwrap();
    assert_eq!((trained.n_steps, trained.stopped), (4, true));
    let message = trained.findings["remarks"].to_string();
    assert!(message.contains("the weights of step 4 were kept"), "{message}");
    assert!(numbers(&trained).iter().all(|number| number.is_finite()));
}

#[test]
fn held_out_labels_nobody_trained_on_are_left_out_of_the_loss() {
    let mut set = watched_topics();
    set.n_labels = 3;
    if let Some(held) = &mut set.validation {
        held.targets = Targets::Single(vec![0, 2, 1, 2]);
    }
    let points = looks(&run(&set, &[]).1);
    assert!(points.iter().all(|point| point.loss.unwrap() < 5.0), "{points:?}");
    if let Some(held) = &mut set.validation {
        held.targets = Targets::Single(vec![2; 4]);
    }
    assert!(
        looks(&run(&set, &[]).1)
            .iter()
            .all(|point| point.loss.is_none() && point.metric == 0.0)
    );
    if let Some(held) = &mut set.validation {
        held.targets = Targets::Single(vec![0; 3]);
    }
    let options = options(&[]);
    let error = train(
        options.method(),
        &set,
        &options,
        0,
        testing::tiny_encoder(3),
        &mut |_| ControlFlow::Continue(()),
    );
    assert!(error.err().unwrap().to_string().contains("4 validation texts"));
}

const PLAIN: f64 = 1.3491924;
const WEIGHTED: f64 = 1.6545038;
const WEIGHTED_SMOOTHED: f64 = 1.7250748;
const FOCAL: f64 = 1.0284526;
const ONE_SIGMOID: f64 = 0.7648483;
const ONE_SIGMOID_FOCAL: f64 = 0.1291202;
const SEVERAL_WEIGHTED: f64 = 0.9291088;
const SEVERAL_FOCAL: f64 = 0.2602994;
