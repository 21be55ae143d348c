//! Pairs of texts as what is learnt from: a rule that neither text tells alone, sets that mix pairs and single texts, and the classifier that
//! comes of pairs, saved and opened again.

use super::*;
use crate::model::{Classifier, Compute, testing};

/// Subjects of two kinds, and words that say nothing, for the first text and for the second.
const SUBJECTS: [&str; 6] = ["cat", "dog", "bird", "price", "market", "chip"];
const FIRST: [&str; 3] = ["runs", "sleeps", "eats"];
const SECOND: [&str; 3] = ["red", "blue", "green"];

/// Every two subjects, three times; label 1 where they are of one kind, which half of them are. `turn` changes which words that say nothing
/// come together.
fn kinds(turn: usize) -> TrainingSet {
    let (mut firsts, mut seconds, mut labels) = (Vec::new(), Vec::new(), Vec::new());
    for at in 0..108 {
        let (first, second, word) = (at % 6, at / 6 % 6, at / 36);
        firsts.push(Arc::from(format!("{} {}", SUBJECTS[first], FIRST[word])));
        seconds.push(Arc::from(format!("{} {}", SUBJECTS[second], SECOND[(word + turn) % 3])));
        labels.push(usize::from(first / 3 == second / 3));
    }
    TrainingSet {
        seconds,
        ..TrainingSet::new(firsts, Targets::Single(labels), 2, TaskKind::SingleLabel)
    }
}

fn trained(method_id: &str, set: &TrainingSet, settings: &[(&str, &str)]) -> Result<Trained, TrainError> {
    let method = method(method_id).unwrap();
    let options = method.parse(settings).unwrap();
    let mut listen = |_| ControlFlow::Continue(());
    train(method, set, &options, 0, testing::tiny_encoder(3), &mut listen)
}

fn classifier(trained: Trained) -> Classifier {
    Classifier {
        encoder: trained.encoder,
        head: trained.head,
        pairs: true,
        task: TaskKind::SingleLabel,
        label_paths: vec![vec!["different".into()], vec!["same".into()]],
        thresholds: vec![0.5; 2],
        at_least_one: false,
        tree: None,
        walk: crate::core::Walk::default(),
        encoder_name: "tiny".into(),
    }
}

fn probs(classifier: &Classifier, inputs: &[Input<'_>]) -> Result<Vec<Vec<f32>>, ModelError> {
    classifier.predict_proba(inputs, &mut |_| ControlFlow::Continue(()))
}

fn n_right(classifier: &Classifier, set: &TrainingSet) -> usize {
    let rows = probs(classifier, &set.texts()).unwrap();
    let right = |(i, row): &(usize, &Vec<f32>)| row[set.targets.of(*i)[0]] > 0.5;
    rows.iter().enumerate().filter(right).count()
}

const FINETUNE: [(&str, &str); 3] = [("num_epochs", "40"), ("learning_rate", "3e-3"), ("batch_size", "12")];

#[test]
fn fine_tuning_learns_a_rule_that_needs_both_texts() {
    let set = kinds(0);
    let classifier = classifier(trained("finetune", &set, &FINETUNE).unwrap());
    assert_eq!(n_right(&classifier, &set), 108);
    assert!(n_right(&classifier, &kinds(1)) >= 100);

    // The first texts alone say nothing: every one is as often with its kind as with the other.
    let alone = TrainingSet {
        seconds: Vec::new(),
        ..set.clone()
    };
    let single = Classifier {
        pairs: false,
        ..self::classifier(trained("finetune", &alone, &FINETUNE).unwrap())
    };
    assert!(n_right(&single, &alone) <= 72);

    // As a folder, and of another kind of text.
    let dir = tempfile::tempdir().unwrap();
    classifier.save(dir.path()).unwrap();
    let again = Classifier::load(dir.path(), Compute::EXACT).unwrap();
    assert_eq!(
        probs(&again, &set.texts()).unwrap(),
        probs(&classifier, &set.texts()).unwrap()
    );
    for (model, texts, said) in [
        (&again, alone.texts(), "trained on pairs"),
        (&single, set.texts(), "cannot read pairs"),
    ] {
        let error = probs(model, &texts).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn every_method_reads_both_texts_as_one_input() {
    let set = kinds(0);
    let settings = [("probe", vec![]), ("setfit", vec![("num_iterations", "1")])];
    for (id, settings) in settings {
        let of = |set: &TrainingSet| {
            let classifier = classifier(trained(id, set, &settings).unwrap());
            probs(&classifier, &kinds(0).texts()).unwrap()
        };
        let mut other = set.clone();
        other.seconds.rotate_left(7);
        assert!(of(&set) == of(&set) && of(&set) != of(&other), "{id}");
    }
}

#[test]
fn pairs_and_single_texts_are_not_mixed() {
    let mut some = kinds(0);
    some.seconds.truncate(90);
    let held = |seconds: Vec<Arc<str>>| {
        let Held { texts, targets, .. } = Held {
            texts: kinds(1).texts,
            seconds: Vec::new(),
            targets: kinds(1).targets,
        };
        TrainingSet {
            validation: Some(Held {
                texts,
                seconds,
                targets,
            }),
            ..kinds(0)
        }
    };
    assert!(trained("finetune", &held(kinds(1).seconds), &[("num_epochs", "1")]).is_ok());
    for (set, said) in [
        (some, "90 of 108 texts are pairs"),
        (held(Vec::new()), "validation texts are not pairs"),
    ] {
        let error = trained("finetune", &set, &[]).err().unwrap().to_string();
        assert!(error.contains(said), "{error}");
    }
}
