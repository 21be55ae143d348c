//! The quick probe: a logistic head on the embeddings of an encoder that stays as it is.

use std::ops::ControlFlow;

use super::pile::{self, Gathered};
use super::{Checkpoints, Events, Findings, Options, Phase, TrainError, TrainEvent, Trained, TrainingSet, remarks};
use crate::model::head::{self, ClassWeight, Examples, FitSettings, Head, Strategy};
use crate::model::{Encoder, ModelError};

/// A head with what it says about its own training texts.
#[derive(Debug, Clone, PartialEq)]
pub struct Fitted {
    /// Fitted on all the texts.
    pub head: Head,
    /// See [`head::out_of_fold`].
    pub out_of_fold: Option<Vec<Vec<f32>>>,
    /// The strength, where it was chosen.
    pub findings: Findings,
}

/// How the options of a method with a logistic head say it is fitted; what a method lacks is as by default.
pub fn fit_settings(options: &Options) -> FitSettings {
    FitSettings {
        c: options.get("c"),
        class_weight: ClassWeight::ALL[options.whole("class_weight")],
        strategy: strategy(options),
        ..FitSettings::default()
    }
}

pub(super) fn strategy(options: &Options) -> Strategy {
    Strategy::ALL[options.whole("strategy")]
}

/// Fits a head, and as many more as `folds` asks for to score the training texts, on embeddings that are there already.
///
/// `previous` is where to start from: for refitting after every annotation. Options are `c`, `choose_c`, `class_weight`, `strategy` and `folds`.
/// The heads that score the training texts take the C that was chosen on all of them, which flatters them a little.
///
/// # Errors
/// Those of [`Head::fit`].
pub fn fit_head(
    examples: Examples<'_>,
    options: &Options,
    seed: u64,
    previous: Option<&Head>,
) -> Result<Fitted, TrainError> {
    let (mut settings, mut findings) = (fit_settings(options), Findings::new());
    if options.whole("choose_c") == 1 {
        match head::choose_c(examples, &settings, seed)? {
            Some(c) => {
                settings.c = c;
                findings.insert("c".into(), c.into());
            }
            None => remarks::add(
                &mut findings,
                format!(
                    "Too few examples to choose C by cross-validation; it stayed at {}.",
                    settings.c
                ),
            ),
        }
    }
    Ok(Fitted {
        head: Head::refit(examples, &settings, previous)?,
        out_of_fold: head::out_of_fold(examples, &settings, options.whole("folds"), seed)?,
        findings,
    })
}

/// A head with the pile where that helps, else one of the labelled texts alone.
fn fit_best(
    examples: Examples<'_>,
    gathered: Option<&Gathered>,
    options: &Options,
    seed: u64,
) -> Result<Fitted, TrainError> {
    let Some(gathered) = gathered else {
        return fit_head(examples, options, seed, None);
    };
    let (with_pile, told) = pile::fit_head(examples, gathered, options, seed)?;
    if let Some(fitted) = with_pile {
        return Ok(fitted);
    }
    let mut plain = fit_head(examples, options, seed, None)?;
    plain.findings.extend(told);
    Ok(plain)
}

pub(super) fn run(
    set: &TrainingSet,
    options: &Options,
    seed: u64,
    encoder: Encoder,
    events: Events<'_>,
    _: &mut Checkpoints<'_>,
) -> Result<Trained, TrainError> {
    if events(TrainEvent::Started { n_steps: 0 }).is_break() {
        return Err(TrainError::Stopped);
    }
    finish(
        set,
        options,
        seed,
        encoder,
        events,
        Tuned {
            n_steps: 0,
            stopped: false,
            keep_going: false,
        },
    )
}

/// What happened to the encoder before the head's turn.
pub(super) struct Tuned {
    pub n_steps: usize,
    pub stopped: bool,
    /// Whether to finish although the callback asks to stop: where there is a tuned encoder to keep.
    pub keep_going: bool,
}

/// Embeds the training texts and fits the head on them: how every method with a logistic head ends.
pub(super) fn finish(
    set: &TrainingSet,
    options: &Options,
    seed: u64,
    encoder: Encoder,
    events: Events<'_>,
    tuned: Tuned,
) -> Result<Trained, TrainError> {
    let set = &*set.closed();
    let n_texts = set.texts.len();
    let go_on = |flow: ControlFlow<()>| {
        if tuned.keep_going {
            ControlFlow::Continue(())
        } else {
            flow
        }
    };
    if go_on(events(TrainEvent::Phase(Phase::Embedding { n_done: 0, n_texts }))).is_break() {
        return Err(TrainError::Stopped);
    }
    let wants_pile = pile::is_wanted(set, options);
    let n_labelled = n_texts;
    let n_texts = n_labelled + if wants_pile { pile::texts(set).len() } else { 0 };
    let mut embedded = |n_done| go_on(events(TrainEvent::Phase(Phase::Embedding { n_done, n_texts })));
    let stopped = |error| match error {
        ModelError::Stopped => TrainError::Stopped,
        other => other.into(),
    };
    let embeddings = encoder.embed(&set.texts(), &mut embedded).map_err(stopped)?;
    let gathered = match wants_pile {
        true => Some(Gathered::embed(set, &encoder, &mut |n| embedded(n_labelled + n)).map_err(stopped)?),
        false => None,
    };
    if go_on(events(TrainEvent::Phase(Phase::Head))).is_break() {
        return Err(TrainError::Stopped);
    }
    let examples = Examples::new(&embeddings, &set.targets, set.n_labels).on(set.on_tree(options));
    let Fitted {
        head,
        out_of_fold,
        findings,
    } = fit_best(examples, gathered.as_ref(), options, seed)?;
    Ok(Trained {
        encoder,
        head,
        out_of_fold,
        stopped: tuned.stopped,
        n_steps: tuned.n_steps,
        findings,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::TaskKind;
    use crate::model::head::Link;
    use crate::model::{Targets, testing};
    use crate::train::{METHODS, method, train};

    const WORDS: [&str; 8] = ["team", "goal", "match", "rain", "price", "market", "chip", "code"];

    /// Texts of two words; the first half of the words is one topic, the second another.
    fn texts(n: usize) -> Vec<std::sync::Arc<str>> {
        let word = |i: usize, by: usize| WORDS[(i % 2) * 4 + (i / 2 + by) % 4];
        (0..n)
            .map(|i| format!("the {} and the {}", word(i, 0), word(i, 1 + i / 8)).into())
            .collect()
    }

    fn single(labels: Vec<usize>) -> TrainingSet {
        let n_labels = labels.iter().max().unwrap() + 1;
        TrainingSet::new(
            texts(labels.len()),
            Targets::Single(labels),
            n_labels,
            TaskKind::SingleLabel,
        )
    }

    fn multi(labels: Vec<Vec<usize>>, n_labels: usize) -> TrainingSet {
        TrainingSet::new(
            texts(labels.len()),
            Targets::Multi(labels),
            n_labels,
            TaskKind::MultiLabel,
        )
    }

    fn run(set: &TrainingSet, id: &str, settings: &[(&str, &str)]) -> Result<Trained, TrainError> {
        let method = method(id).unwrap();
        let options = method.parse(settings).unwrap();
        train(method, set, &options, 0, testing::tiny_encoder(3), &mut |_| {
            ControlFlow::Continue(())
        })
    }

    fn probs(trained: &Trained, set: &TrainingSet) -> Vec<Vec<f32>> {
        let embedded = trained.encoder.embed(&set.texts(), &mut |_| ControlFlow::Continue(()));
        trained.head.predict_proba(&embedded.unwrap()).unwrap()
    }

    fn remarks_of(trained: &Trained) -> Vec<&str> {
        let remarks = trained.findings.get("remarks").and_then(|remarks| remarks.as_array());
        remarks
            .into_iter()
            .flatten()
            .filter_map(|remark| remark.as_str())
            .collect()
    }

    #[test]
    fn a_chosen_c_is_told_and_used() {
        let set = single((0..24).map(|i| i % 2).collect());
        let fixed = run(&set, "probe", &[]).unwrap();
        assert!(!fixed.findings.contains_key("c"));
        let chosen = run(&set, "probe", &[("choose_c", "on"), ("c", "7")]).unwrap();
        let c = chosen.findings["c"].as_f64().unwrap();
        assert!(c != 7.0 && (0.1..=100.0).contains(&c), "{c}");
        let same = run(&set, "probe", &[("c", &c.to_string())]).unwrap();
        assert_eq!((&same.head, &same.out_of_fold), (&chosen.head, &chosen.out_of_fold));
    }

    #[test]
    fn where_nothing_can_be_chosen_c_stays_and_that_is_said() {
        let set = single(vec![0, 1, 1, 1]);
        let chosen = run(&set, "probe", &[("choose_c", "on"), ("c", "7")]).unwrap();
        assert_eq!(chosen.head, run(&set, "probe", &[("c", "7")]).unwrap().head);
        assert!(!chosen.findings.contains_key("c"));
        assert!(remarks_of(&chosen)[0].contains("stayed at 7"), "{:?}", chosen.findings);
    }

    #[test]
    fn balanced_weights_raise_the_rare_label_here_and_out_of_fold() {
        let set = single((0..24).map(|i| usize::from(i % 6 == 5)).collect());
        let [plain, balanced] =
            ["none", "balanced"].map(|weight| run(&set, "probe", &[("class_weight", weight)]).unwrap());
        let sum = |rows: &[Vec<f32>]| rows.iter().map(|row| row[1]).sum::<f32>();
        // With an intercept, the mean probability is the label's share: 4 of 24, or half once balanced.
        assert!((sum(&probs(&plain, &set)) - 4.0).abs() < 1e-3);
        assert!(sum(&probs(&balanced, &set)) > 8.0);
        assert!(sum(balanced.out_of_fold.as_ref().unwrap()) > 2.0 * sum(plain.out_of_fold.as_ref().unwrap()));
    }

    #[test]
    fn balanced_weights_raise_the_rare_label_where_the_pile_teaches_too() {
        let mut set = single((0..24).map(|i| usize::from(i % 6 == 5)).collect());
        set.pile = texts(36).split_off(24);
        let with = |weight| run(&set, "probe", &[("class_weight", weight), ("pile", "on")]).unwrap();
        let rare = |trained: &Trained| probs(trained, &set).iter().map(|row| row[1]).sum::<f32>();
        let (plain, balanced) = (with("none"), with("balanced"));
        assert!(
            balanced.findings["pile_texts"].as_u64().unwrap() > 0,
            "{:?}",
            balanced.findings
        );
        assert!(
            rare(&balanced) > rare(&plain) + 1.0,
            "{} {}",
            rare(&balanced),
            rare(&plain)
        );
    }

    #[test]
    fn each_strategy_gives_its_head_with_every_method_that_has_it() {
        let three = single((0..18).map(|i| i % 3).collect());
        let several = multi(
            (0..18).map(|i| [vec![0], vec![0, 1], vec![]][i % 3].clone()).collect(),
            2,
        );
        for (id, more) in [("probe", None), ("setfit", Some(("num_iterations", "1")))] {
            for (set, strategy, link) in [
                (&three, "auto", Link::Softmax),
                (&three, "multinomial", Link::Softmax),
                (&three, "one-vs-rest", Link::NormalizedOneVsRest),
                (&several, "auto", Link::OneVsRest),
                (&several, "one-vs-rest", Link::OneVsRest),
                (&several, "chain", Link::Chain),
            ] {
                let settings: Vec<_> = [("strategy", strategy)].into_iter().chain(more).collect();
                let trained = run(set, id, &settings).unwrap();
                assert_eq!(trained.head.link(), Some(link), "{id}: {strategy}");
                assert_eq!(trained.out_of_fold.map(|rows| rows.len()), Some(18), "{id}: {strategy}");
            }
        }
    }

    #[test]
    fn a_strategy_for_the_other_task_is_refused_before_any_work() {
        let cases = [
            (
                single((0..8).map(|i| i % 2).collect()),
                "chain",
                "multinomial or one-vs-rest",
            ),
            (
                multi((0..8).map(|i| vec![i % 2]).collect(), 2),
                "multinomial",
                "one-vs-rest or chain",
            ),
        ];
        for (set, strategy, message) in &cases {
            let with_it = METHODS.iter().filter(|method| method.option("strategy").is_ok());
            assert_eq!(with_it.clone().count(), 2);
            for method in with_it {
                let options = method.parse(&[("strategy", strategy)]).unwrap();
                let mut listen = |event| panic!("{event:?}");
                let error = train(method, set, &options, 0, testing::tiny_encoder(3), &mut listen);
                let error = error.err().unwrap().to_string();
                assert!(error.contains(message), "{}: {error}", method.id);
            }
        }
    }

    #[test]
    fn labels_that_cannot_be_learnt_well_are_remarked_on_by_name() {
        let mut set = multi(
            (0..12)
                .map(|i| if i == 5 { vec![0, 1, 2] } else { vec![0, 3 + i % 2] })
                .collect(),
            6,
        );
        set.label_names = ["spam", "red", "blue", "even", "odd", "never"]
            .map(String::from)
            .to_vec();
        let trained = run(&set, "probe", &[]).unwrap();
        let [single, everywhere] = &remarks_of(&trained)[..] else {
            panic!("{:?}", trained.findings)
        };
        assert!(single.starts_with("Only one example of red, blue:"), "{single}");
        assert!(everywhere.starts_with("Every text carries spam,"), "{everywhere}");
        assert!(probs(&trained, &set).iter().all(|row| row[0] == 1.0 && row[5] == 0.0));
        let plain = run(&single_of_each(), "probe", &[]).unwrap();
        assert!(plain.findings.is_empty(), "{:?}", plain.findings);
    }

    fn single_of_each() -> TrainingSet {
        single((0..8).map(|i| i % 2).collect())
    }

    #[test]
    fn texts_that_are_all_the_same_are_refused() {
        let mut set = single_of_each();
        set.texts = vec!["the same text".into(); 8];
        let error = run(&set, "probe", &[]).err().unwrap().to_string();
        assert!(
            error.contains("the same embedding") && error.contains("label texts that differ"),
            "{error}"
        );
    }
}
