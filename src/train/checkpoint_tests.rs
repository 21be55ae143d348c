//! A training that goes on from a saved state gives the same bits as one that was never interrupted.

use std::ops::ControlFlow;

use super::tests::{self, tiny_encoder, topics, weights};
use super::*;

/// Keeps the states after the steps in `due`, and stops after step `stop_after`.
#[derive(Default)]
struct Shelf {
    due: Vec<usize>,
    stop_after: Option<usize>,
    kept: Vec<Checkpoint>,
    at: usize,
}

impl Keeper for Shelf {
    fn is_due(&mut self, step: usize) -> bool {
        self.at = step;
        self.due.contains(&step)
    }

    fn keep(&mut self, state: Checkpoint) {
        self.kept.push(state);
    }

    fn rest(&mut self) -> ControlFlow<()> {
        match self.stop_after {
            Some(last) if self.at >= last => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    }
}

/// Two topics, and some texts of each to watch the training on. Where training may end early these have wrong labels, so that it does.
fn watched_topics(options: &Options) -> TrainingSet {
    let mut set = topics();
    let held = [0, 3, 9, 12];
    let labelled_as = if options.whole("patience") > 0 {
        [9, 12, 0, 3]
    } else {
        held
    };
    let texts = held
        .map(|text| Arc::from(format!("{} again", set.texts[text])))
        .to_vec();
    set.validation = Some(Held {
        texts,
        seconds: Vec::new(),
        targets: set.targets.select(&labelled_as),
    });
    if options.word("pile") == "on" {
        set.pile = set.texts.iter().map(|text| Arc::from(format!("{text} too"))).collect();
        set.label_names = vec!["goal match".into(), "market price".into()];
    }
    set
}

fn run(options: &Options) -> (Trained, Vec<TrainEvent>) {
    tests::run(&watched_topics(options), options, 7)
}

fn train_with(options: &Options, from: Option<Checkpoint>, shelf: &mut Shelf) -> (Trained, Vec<TrainEvent>) {
    let mut events = Vec::new();
    let mut listen = |event| {
        events.push(event);
        ControlFlow::Continue(())
    };
    let mut checkpoints = Checkpoints::new(from, Some(shelf));
    let trained = train_resumably(
        options.method(),
        &watched_topics(options),
        options,
        7,
        tiny_encoder(),
        &mut listen,
        &mut checkpoints,
    );
    (trained.unwrap(), events)
}

/// Methods and options with a state of their own.
fn cases() -> Vec<Options> {
    let of = |id: &str, settings: &[&[(&str, &str)]]| method(id).unwrap().parse(&settings.concat()).unwrap();
    let finetune: &[(&str, &str)] = &[("num_epochs", "4"), ("batch_size", "6")];
    let finetune = |settings: &[(&str, &str)]| of("finetune", &[finetune, settings]);
    let setfit: &[(&str, &str)] = &[("num_iterations", "3"), ("batch_size", "2")];
    let setfit = |settings: &[(&str, &str)]| of("setfit", &[setfit, settings]);
    let all_at_once = [
        ("lora_rank", "2"),
        ("layer_decay", "0.7"),
        ("accumulation", "2"),
        ("batch_size", "3"),
        ("head_learning_rate", "3e-3"),
        ("freeze_layers", "1"),
    ];
    let early = [
        ("patience", "2"),
        ("num_epochs", "30"),
        ("watch_metric", "loss"),
        ("learning_rate", "3e-3"),
    ];
    vec![
        finetune(&[]),
        finetune(&[("lora_rank", "2")]),
        finetune(&[("freeze_layers", "1"), ("head_dropout", "0.3")]),
        finetune(&all_at_once),
        finetune(&[("layer_decay", "0.7"), ("accumulation", "3"), ("batch_size", "2")]),
        finetune(&[("sampling", "balanced"), ("watch_every", "0.4"), ("loss", "focal")]),
        finetune(&[
            ("sampling", "oversampling"),
            ("keep_best", "off"),
            ("schedule", "cosine"),
        ]),
        finetune(&early),
        setfit(&[]),
        setfit(&[("lora_rank", "2")]),
        setfit(&[("pile", "on"), ("learning_rate", "1e-3")]),
        setfit(&[("batch_size", "8"), ("sampler", "iterations")]),
        setfit(&[("batch_size", "24"), ("sampler", "unique"), ("num_epochs", "2")]),
        setfit(&[
            ("batch_size", "20"),
            ("sampler", "oversampling"),
            ("loss", "contrastive"),
        ]),
        setfit(&[("batch_size", "20"), ("sampler", "undersampling"), ("lora_rank", "2")]),
        setfit(&[("head", "differentiable"), ("lora_rank", "2")]),
        setfit(&[("head", "differentiable"), ("end_to_end", "on"), ("head_epochs", "2")]),
    ]
}

fn steps(events: &[TrainEvent]) -> Vec<(usize, f64)> {
    let step = |event: &TrainEvent| match event {
        TrainEvent::Step { step, loss, .. } => Some((*step, *loss)),
        _ => None,
    };
    events.iter().filter_map(step).collect()
}

#[test]
fn keeping_states_changes_nothing_and_going_on_from_any_gives_the_same_bits() {
    for options in cases() {
        let what = format!("{}: {:?}", options.method().id, options.to_json());
        let (alone, events) = run(&options);
        let n_steps = alone.n_steps;
        let moves_with_head = options.word("end_to_end") == "on";
        let n_kept = if moves_with_head { n_steps - 16 } else { n_steps };
        assert!(n_kept >= 6, "{what}: {n_kept}");
        let mut shelf = Shelf {
            due: (1..=n_steps).collect(),
            ..Shelf::default()
        };
        let (watched, _) = train_with(&options, None, &mut shelf);
        assert_eq!(weights(&watched), weights(&alone), "{what}: with states kept");
        assert_eq!(shelf.kept.len(), n_kept, "{what}");
        for at in [1, n_kept / 2, n_kept - 1, n_kept] {
            let state = shelf.kept[at - 1].clone();
            assert_eq!(state.step, at);
            let (resumed, heard) = train_with(&options, Some(state), &mut Shelf::default());
            assert_eq!(weights(&resumed), weights(&alone), "{what}: from step {at}");
            assert_eq!(resumed.head, alone.head, "{what}: from step {at}");
            assert_eq!((resumed.n_steps, resumed.stopped), (n_steps, false));
            assert_eq!(resumed.findings, alone.findings, "{what}: from step {at}");
            assert_eq!(steps(&heard), steps(&events)[at..], "{what}: from step {at}");
        }
    }
}

#[test]
fn a_stopped_training_leaves_a_state_to_go_on_from() {
    for options in cases() {
        let alone = run(&options).0;
        let mut shelf = Shelf {
            stop_after: Some(4),
            ..Shelf::default()
        };
        let (stopped, _) = train_with(&options, None, &mut shelf);
        assert_eq!((stopped.n_steps, stopped.stopped), (4, true));
        let what = format!("{}: {:?}", options.method().id, options.to_json());
        // The best weights may be older than both ends.
        let same = options.whole("patience") > 0;
        assert!(same || weights(&stopped) != weights(&alone), "{what}");
        let state = shelf.kept.pop().unwrap();
        assert_eq!((state.step, shelf.kept.len()), (4, 0));
        let resumed = train_with(&options, Some(state), &mut Shelf::default()).0;
        assert_eq!(weights(&resumed), weights(&alone), "{what}");
        assert_eq!(resumed.head, alone.head, "{what}");
        assert_eq!(resumed.findings, alone.findings, "{what}");
    }
}

#[test]
fn early_stopping_counts_on_from_a_state() {
    let early = cases().into_iter().find(|options| options.whole("patience") > 0);
    let (alone, _) = run(&early.unwrap());
    assert_eq!(alone.findings["stopped_early"], true);
}

#[test]
fn folds_are_not_trained_again() {
    let short = [("num_epochs", "2"), ("batch_size", "6"), ("folds", "2")];
    let finetune = method("finetune").unwrap().parse(&short).unwrap();
    let short = [
        ("num_iterations", "2"),
        ("folds", "2"),
        ("fold_by", "whole"),
        ("batch_size", "4"),
    ];
    let setfit = method("setfit").unwrap().parse(&short).unwrap();
    for options in [finetune, setfit] {
        let (alone, events) = run(&options);
        let folds = events.iter().filter(|event| matches!(event, TrainEvent::Fold(_)));
        assert_eq!(folds.count(), 3);
        let mut shelf = Shelf {
            due: (1..=100).collect(),
            ..Shelf::default()
        };
        let (watched, _) = train_with(&options, None, &mut shelf);
        assert_eq!(shelf.kept.len(), alone.n_steps, "only of the training on all the texts");
        assert_eq!(weights(&watched), weights(&alone));
        for state in shelf.kept {
            let at = state.step;
            let mut again = Shelf {
                due: vec![at + 1],
                ..Shelf::default()
            };
            let (resumed, heard) = train_with(&options, Some(state), &mut again);
            assert_eq!(weights(&resumed), weights(&alone));
            assert_eq!(
                (resumed.head, resumed.out_of_fold),
                (alone.head.clone(), alone.out_of_fold.clone())
            );
            assert_eq!(steps(&heard).len(), alone.n_steps - at);
            // What is saved after going on can be gone on from as well.
            for state in again.kept {
                let twice = train_with(&options, Some(state), &mut Shelf::default()).0;
                assert_eq!(twice.out_of_fold, alone.out_of_fold);
            }
        }
        let mut shelf = Shelf {
            stop_after: Some(0),
            ..Shelf::default()
        };
        let (stopped, _) = train_with(&options, None, &mut shelf);
        assert!(stopped.stopped && stopped.findings.contains_key("left_out"));
        assert!(shelf.kept.is_empty(), "what was cut off among the folds begins again");
    }
}

#[test]
fn another_pile_is_refused_and_one_that_is_not_used_may_grow() {
    let options = |pile| {
        method("setfit")
            .unwrap()
            .parse(&[("num_iterations", "3"), ("batch_size", "2"), ("pile", pile)])
            .unwrap()
    };
    for (pile, may_grow) in [("on", false), ("off", true)] {
        let options = options(pile);
        let mut shelf = Shelf {
            due: vec![3],
            ..Shelf::default()
        };
        train_with(&options, None, &mut shelf);
        let mut grown = watched_topics(&options);
        grown.pile.push(Arc::from("one more goal"));
        let mut listen = |_| ControlFlow::Continue(());
        let mut checkpoints = Checkpoints::new(shelf.kept.pop(), None);
        let (method, encoder) = (options.method(), tiny_encoder());
        let resumed = train_resumably(method, &grown, &options, 7, encoder, &mut listen, &mut checkpoints);
        assert_eq!(resumed.is_ok(), may_grow, "{pile}: {:?}", resumed.err());
    }
}

#[test]
fn states_of_other_trainings_are_refused() {
    use super::checkpoint::{Array, Numbers};
    type Damage = fn(&mut Checkpoint);
    let damage: [(&str, Damage); 8] = [
        ("too many steps", |state| state.step = 10_000),
        ("no weights", |state| drop(state.arrays.remove("weights.0"))),
        ("weights of another shape", |state| {
            state.arrays.get_mut("weights.3").unwrap().shape.reverse();
            state.arrays.get_mut("weights.3").unwrap().shape.push(1);
        }),
        ("fewer numbers than the shape says", |state| {
            state.arrays.get_mut("weights.1").unwrap().numbers = Numbers::F32(vec![0.0; 3]);
        }),
        ("moments of other rows", |state| {
            let numbers = Numbers::U32(vec![u32::MAX]);
            let array = Array {
                shape: vec![1],
                numbers,
            };
            for at in 0..40 {
                state.arrays.insert(format!("optimiser.{at}.rows"), array.clone());
            }
        }),
        ("an optimiser of other variables", |state| {
            state.values.insert("optimiser".into(), serde_json::json!([3, [1.0]]));
        }),
        ("texts that are not there", |state| {
            let sampler = state.values.get_mut("sampler").unwrap();
            sampler[1] = serde_json::json!([[900]]);
        }),
        ("no dropout", |state| drop(state.values.remove("dropout"))),
    ];
    for options in [&cases()[0], &cases()[3]] {
        let mut shelf = Shelf {
            due: vec![3],
            ..Shelf::default()
        };
        train_with(options, None, &mut shelf);
        for (what, change) in &damage {
            let mut state = shelf.kept[0].clone();
            change(&mut state);
            let mut listen = |_| ControlFlow::Continue(());
            let error = train_resumably(
                options.method(),
                &topics(),
                options,
                7,
                tiny_encoder(),
                &mut listen,
                &mut Checkpoints::new(Some(state), None),
            );
            let error = error.err().unwrap_or_else(|| panic!("{what} went through")).to_string();
            assert!(
                error.contains("train") && error.contains("again") || error.contains("afresh"),
                "{what}: {error}"
            );
        }
    }
}

#[test]
fn lora_trains_little_and_keeps_a_small_state() {
    for id in ["setfit", "finetune"] {
        let rate = ("learning_rate", "3e-3");
        let whole = method(id).unwrap().parse(&[rate]).unwrap();
        let low_rank = method(id)
            .unwrap()
            .parse(&[rate, ("lora_rank", "1"), ("lora_targets", "query+value")])
            .unwrap();
        let n_numbers = |options: &Options| {
            let mut shelf = Shelf {
                due: vec![2],
                ..Shelf::default()
            };
            let (trained, _) = train_with(options, None, &mut shelf);
            let n: usize = shelf.kept[0]
                .arrays
                .values()
                .map(|array| array.shape.iter().product::<usize>())
                .sum();
            (n, trained)
        };
        let ((n_whole, _), (n_low, trained)) = (n_numbers(&whole), n_numbers(&low_rank));
        assert!(n_low * 10 < n_whole, "{id}: {n_low} {n_whole}");
        for ((name, before), (_, after)) in tiny_encoder().vars().into_iter().zip(trained.encoder.vars()) {
            let numbers = |var: candle_core::Var| var.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            let moves = numbers(before) != numbers(after);
            let target = name.ends_with("query.weight") || name.ends_with("value.weight");
            assert_eq!(moves, target, "{id}: {name}");
        }
        let error = method(id).unwrap().parse(&[("lora_rank", "500")]).unwrap();
        let mut listen = |_| ControlFlow::Continue(());
        let error = train(error.method(), &topics(), &error, 0, tiny_encoder(), &mut listen)
            .err()
            .unwrap();
        assert!(error.to_string().contains("rank must be from 1 to"), "{error}");
    }
}
