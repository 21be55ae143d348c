//! The engine with tiny models of noise: what its scores keep to, whatever the weights.

use std::ops::ControlFlow;

use super::answers::Answers;
use super::prompt::{Beginning, Ending, Shot};
use super::scoring::{decisions, listed};
use super::shots::Example;
use super::wording::Task;
use super::*;
use crate::model::Embeddings;
use crate::model::language_model::testing::tiny;
use crate::model::zero_shot::{LabelText, Progress};

const TEXTS: [&str; 4] = [
    "The ferry leaves the harbour at seven.",
    "late",
    "",
    "A quiet engine,\ngood brakes <|im_end|> and a fair price: we would buy it again!",
];
const LABELS: [&str; 4] = ["the harbour", "cars", "weather in the town", "food"];

fn engine_with(case: &str, settings: Settings) -> LocalLanguageModel {
    LocalLanguageModel::load(&tiny(case), case, Compute::EXACT, settings).unwrap()
}

fn engine(case: &str) -> LocalLanguageModel {
    engine_with(case, Settings::default())
}

fn about(labels: &[&str], multi: bool) -> Question {
    Question::about(labels, [DEFAULT_TEMPLATE], multi).unwrap()
}

fn ask(engine: &mut LocalLanguageModel, texts: &[&str], question: &Question) -> Answer {
    let inputs: Vec<Input<'_>> = texts.iter().copied().map(Input::from).collect();
    engine
        .score(&inputs, question, &mut |_| ControlFlow::Continue(()))
        .unwrap()
}

fn failure(engine: &mut LocalLanguageModel, texts: &[&str], question: &Question) -> ZeroShotError {
    let inputs: Vec<Input<'_>> = texts.iter().copied().map(Input::from).collect();
    engine
        .score(&inputs, question, &mut |_| ControlFlow::Continue(()))
        .unwrap_err()
}

fn apart(a: &[Vec<f32>], b: &[Vec<f32>]) -> f32 {
    assert_eq!(a.len(), b.len());
    let cells = a.iter().flatten().zip(b.iter().flatten());
    cells.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn rows_sum_to_one_with_every_architecture() {
    for case in [
        "llama", "llama3", "mistral", "smollm", "qwen2", "qwen3", "phi3", "phi4", "gemma3", "qwen3-q8",
    ] {
        let answer = ask(&mut engine(case), &TEXTS[..2], &about(&LABELS, false));
        for row in &answer.scores {
            assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-5, "{case}: {row:?}");
            assert!(row.iter().all(|score| (0.0..=1.0).contains(score)), "{case}: {row:?}");
        }
        assert_ne!(answer.scores[0], answer.scores[1], "{case}: what the text says counts");
    }
}

#[test]
fn thirty_labels_have_codes_and_share_one() {
    let names: Vec<String> = (0..30).map(|at| format!("label {at}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let answer = ask(&mut engine("qwen2"), &TEXTS[..2], &about(&names, false));
    for row in &answer.scores {
        assert_eq!(row.len(), 30);
        assert!(
            (row.iter().sum::<f32>() - 1.0).abs() < 1e-5 && row.iter().all(|score| *score > 0.0),
            "{row:?}"
        );
    }
    // The same words twice are one option.
    let twice = ask(
        &mut engine("qwen2"),
        &TEXTS[..1],
        &about(&["cars", "food", "cars"], false),
    );
    assert!((twice.scores[0][0] + twice.scores[0][1] - 1.0).abs() < 1e-5 && twice.scores[0][0] == twice.scores[0][2]);
}

#[test]
fn rotations_are_averaged() {
    let mut rotating = engine_with(
        "llama3",
        Settings {
            rotations: 4,
            ..Settings::default()
        },
    );
    let averaged = ask(&mut rotating, &TEXTS, &about(&LABELS, false));
    let mut sums = vec![vec![0.0; 4]; TEXTS.len()];
    for shift in 0..4 {
        let rotated: Vec<&str> = (0..4).map(|at| LABELS[(at + shift) % 4]).collect();
        let answer = ask(&mut engine("llama3"), &TEXTS, &about(&rotated, false));
        for (row, scores) in sums.iter_mut().zip(&answer.scores) {
            for (at, score) in scores.iter().enumerate() {
                row[(at + shift) % 4] += score / 4.0;
            }
        }
    }
    assert!(apart(&averaged.scores, &sums) < 1e-5);
    // More rotations than options are as many as options.
    let mut many = engine_with(
        "llama3",
        Settings {
            rotations: 99,
            ..Settings::default()
        },
    );
    assert!(apart(&ask(&mut many, &TEXTS, &about(&LABELS, false)).scores, &averaged.scores) < 1e-6);
}

#[test]
fn what_is_kept_of_a_prompt_changes_nothing() {
    for (multi, mode) in [(false, Mode::Letters), (true, Mode::Letters), (false, Mode::Generate)] {
        let settings = Settings {
            mode,
            ..Settings::default()
        };
        let together = ask(&mut engine_with("gemma3", settings), &TEXTS, &about(&LABELS, multi));
        for (at, text) in TEXTS.iter().enumerate() {
            let alone = ask(&mut engine_with("gemma3", settings), &[text], &about(&LABELS, multi));
            assert!(apart(&together.scores[at..=at], &alone.scores) < 1e-5, "{text}");
        }
    }
}

#[test]
fn each_label_by_itself_is_yes_against_no() {
    let mut engine = engine("qwen3");
    let all = ask(&mut engine, &TEXTS, &about(&LABELS, true));
    let one = ask(&mut engine, &TEXTS, &about(&LABELS[1..2], false));
    for (all, one) in all.scores.iter().zip(&one.scores) {
        assert!(all.iter().all(|score| (0.0..=1.0).contains(score)));
        assert!((all[1] - one[0]).abs() < 1e-5);
    }
    assert!(
        all.scores
            .iter()
            .any(|row| (row.iter().sum::<f32>() - 1.0).abs() > 1e-3)
    );
}

#[test]
fn answers_share_what_their_tokens_have() {
    let model = LanguageModel::load(&tiny("mistral"), Compute::EXACT).unwrap();
    let prompt = [40, 50, 60];
    let mut answers = Answers::default();
    for (answer, spelling) in [(0, &[5_u32][..]), (1, &[7, 9]), (2, &[7, 11]), (0, &[8])] {
        answers.add(answer, spelling);
    }
    assert_eq!(answers.depth(), 2);
    let shares = answers
        .probabilities(3, &prompt, &model, &mut Cache::default())
        .unwrap();
    let among = |prompt: &[u32], tokens: &[usize]| {
        let logits = model.next_logits(prompt, &mut Cache::default()).unwrap();
        let weights: Vec<f64> = tokens.iter().map(|token| f64::from(logits[*token]).exp()).collect();
        let sum: f64 = weights.iter().sum();
        weights.iter().map(|weight| weight / sum).collect::<Vec<_>>()
    };
    let first = among(&prompt, &[5, 7, 8]);
    let second = among(&[40, 50, 60, 7], &[9, 11]);
    let expected = [first[0] + first[2], first[1] * second[0], first[1] * second[1]];
    for (share, expected) in shares.iter().zip(expected) {
        assert!((share - expected).abs() < 1e-6, "{shares:?} {expected:?}");
    }
}

#[test]
fn the_letters_are_looked_for_where_the_template_puts_them() {
    // After a turn's line end a letter comes without a space, after "Answer:" with one; both are counted.
    let mut engine = engine("qwen2");
    let tail = [&Task::Choose.tail(""), engine.frame.after.as_str()].concat();
    assert!(tail.ends_with("</think>\n\n"));
    let ending = Ending::new(&mut engine.model, &tail, &[vec!["A".to_owned()], vec!["B".to_owned()]]).unwrap();
    let letter = engine.model.tokens().text("A").unwrap();
    let prompt = engine.model.tokens().beginning("x").unwrap();
    let shares = ending
        .answers
        .probabilities(2, &prompt, &engine.model, &mut Cache::default())
        .unwrap();
    assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9);
    assert_eq!(letter.len(), 1);
    let after = [ending.tokens.as_slice(), &letter].concat();
    assert_eq!(
        engine.model.tokens().part(&[tail.as_str(), "A"].concat()).unwrap(),
        after
    );
}

#[test]
fn labels_beyond_the_context_are_refused() {
    let long = "weather ".repeat(900);
    let error = failure(&mut engine("llama3"), &TEXTS, &about(&[&long, "cars"], false));
    let ZeroShotError::PromptTooLong { needed, context } = error else {
        panic!("{error}");
    };
    assert!(needed > context && context == 2048);
    assert!(
        failure(&mut engine("llama3"), &TEXTS, &about(&[&long, "cars"], true))
            .to_string()
            .contains("fewer")
    );
    let names: Vec<String> = (0..MAX_OPTIONS + 1).map(|at| format!("{at}")).collect();
    let question = Question::about(&names, ["{}"], false).unwrap();
    assert!(matches!(
        failure(&mut engine("llama3"), &TEXTS, &question),
        ZeroShotError::TooManyOptions { .. }
    ));
}

#[test]
fn examples_are_left_out_before_the_text_is_cut() {
    let mut engine = engine("qwen2");
    let frame = engine.frame.clone();
    let model = &mut engine.model;
    let whole = Beginning::new(model, &frame, "Head.", 2048, 10).unwrap();
    let shots: Vec<Shot> = ["one ferry", "two ferries", "three ferries"]
        .iter()
        .map(|text| whole.shot(model, text, &["\nAnswer: A".to_owned()]).unwrap())
        .collect();
    let shown: Vec<&Shot> = shots.iter().collect();
    let mut counts = Refusals::default();
    let all = whole.with_text(model, &shown, "late again", &mut counts).unwrap();
    let none = whole.with_text(model, &[], "late again", &mut counts).unwrap();
    assert_eq!(counts, Refusals::default());
    let [first, second, third] = [0, 1, 2].map(|at| shots[at].tokens.len());
    assert_eq!(all.len(), none.len() + first + second + third);

    let narrow = Beginning::new(model, &frame, "Head.", all.len() - third + 10, 10).unwrap();
    let fewer = narrow.with_text(model, &shown, "late again", &mut counts).unwrap();
    assert_eq!(
        (fewer.len(), counts.n_with_fewer_shots, counts.n_cut),
        (all.len() - third, 1, 0)
    );
    assert!(fewer.windows(second).any(|window| window == shots[1].tokens));

    let tight = Beginning::new(model, &frame, "Head.", none.len() - 1 + 10, 10).unwrap();
    let cut = tight.with_text(model, &shown, "late again", &mut counts).unwrap();
    assert_eq!((cut.as_slice(), counts.n_cut), (&none[..none.len() - 1], 1));

    // A text is never shown with its own answer.
    let own = whole.with_text(model, &shown, " two ferries ", &mut counts).unwrap();
    assert!(!own.windows(second).any(|window| window == shots[1].tokens));
    assert!(own.windows(first).any(|window| window == shots[0].tokens));
}

#[test]
fn examples_change_scores_and_nearest_ones_are_ranked_for_the_texts() {
    let labels: Vec<LabelText> = LABELS
        .iter()
        .map(|name| LabelText {
            examples: vec![format!("{name} once"), format!("{name} twice")],
            ..LabelText::named(*name)
        })
        .collect();
    for multi in [false, true] {
        let question = Question::new(labels.clone(), ["{}"], multi).unwrap();
        let plain = ask(&mut engine("qwen2"), &TEXTS, &question);
        let settings = Settings {
            shots: 1,
            ..Settings::default()
        };
        let shown = ask(&mut engine_with("qwen2", settings), &TEXTS, &question);
        assert!(apart(&plain.scores, &shown.scores) > 1e-4);

        // By how many letters they share with "late" and with "ferry".
        let near = |n: usize| {
            let settings = Settings {
                nearest: n,
                ..Settings::default()
            };
            let embed: EmbedTexts = Box::new(|texts| {
                let share = |text: &str, of: &str| of.chars().filter(|letter| text.contains(*letter)).count() as f32;
                let row = |input: &Input<'_>| [share(input.text, "late"), share(input.text, "ferry"), 0.1];
                Ok(Embeddings {
                    dim: 3,
                    data: texts.iter().flat_map(row).collect(),
                })
            });
            engine_with("qwen2", settings).with_nearest(embed)
        };
        let ranked = ask(&mut near(1), &TEXTS, &question);
        assert!(apart(&ranked.scores[..1], &plain.scores[..1]) > 1e-4);
        // One at a time it is the same, and so is a text alone with no example.
        let alone = ask(&mut near(1), &TEXTS[..1], &question);
        assert!(apart(&ranked.scores[..1], &alone.scores) < 1e-5);
        let none = about(&LABELS, multi);
        assert!(apart(&ask(&mut near(1), &TEXTS, &none).scores, &plain.scores) < 1e-5);
        let own = Question::new(
            vec![LabelText {
                examples: vec![TEXTS[0].to_owned()],
                ..LabelText::named("ferry")
            }],
            ["{}"],
            multi,
        )
        .unwrap();
        let bare = about(&["ferry"], multi);
        let (own, bare) = (
            ask(&mut near(1), &TEXTS[..1], &own),
            ask(&mut near(1), &TEXTS[..1], &bare),
        );
        assert!(apart(&own.scores, &bare.scores) < 1e-5, "a text is not shown to itself");
    }
}

#[test]
fn examples_of_decisions_are_even() {
    let options = LABELS.map(str::to_owned);
    let example = |labels: &[usize]| Example {
        text: String::new(),
        labels: labels.to_vec(),
    };
    assert_eq!(
        decisions(&example(&[1, 2]), &options),
        ["\nCategory: cars\nAnswer: yes", "\nCategory: food\nAnswer: no"]
    );
    assert_eq!(
        decisions(&example(&[]), &options),
        ["\nCategory: the harbour\nAnswer: no"]
    );
    assert_eq!(
        decisions(&example(&[0]), &options[..1]),
        ["\nCategory: the harbour\nAnswer: yes"]
    );
}

#[test]
fn generated_answers_that_name_no_label_are_refused_and_counted() {
    let settings = Settings {
        mode: Mode::Generate,
        ..Settings::default()
    };
    let mut engine = engine_with("smollm", settings);
    for (n_before, multi) in [(0, false), (TEXTS.len(), true)] {
        let answer = ask(&mut engine, &TEXTS, &about(&LABELS, multi));
        // Weights of noise name nothing.
        let n_refused = n_before + TEXTS.len();
        assert_eq!(engine.counts().n_refused, n_refused);
        assert!(answer.scores.iter().flatten().all(|score| *score == 0.0));
        assert!(
            engine
                .remarks()
                .iter()
                .any(|remark| remark.starts_with(&format!("{n_refused} answers named none")))
        );
    }
    // What it writes is the likeliest token after token.
    let prompt = engine.model.tokens().beginning("a text").unwrap();
    let mut by_hand = prompt.clone();
    for _ in 0..3 {
        let logits = engine.model.next_logits(&by_hand, &mut Cache::default()).unwrap();
        by_hand.push(
            (0..logits.len())
                .max_by(|a, b| logits[*a].total_cmp(&logits[*b]))
                .unwrap() as u32,
        );
    }
    let by_hand = engine.model.tokens().decode(&by_hand[prompt.len()..]).unwrap();
    let said = engine.go_on(prompt, 3).unwrap();
    assert!(by_hand.trim().starts_with(&said), "{said:?} {by_hand:?}");
}

#[test]
fn several_names_are_read_from_a_list() {
    let names = LABELS.map(str::to_owned);
    assert_eq!(listed("Food, cars and more; CARS", &names), Some(vec![1, 3]));
    assert_eq!(listed("None.", &names), Some(vec![]));
    assert_eq!(listed("politics, sport", &names), None);
}

#[test]
fn it_stops_between_texts() {
    let mut engine = engine("phi3");
    let whole = ask(&mut engine, &TEXTS, &about(&LABELS, false));
    let mut told: Vec<Progress> = Vec::new();
    let stopped = engine.score(&TEXTS.map(Input::from), &about(&LABELS, false), &mut |progress| {
        told.push(progress);
        if told.len() == 2 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    assert!(matches!(stopped, Err(ZeroShotError::Stopped)));
    assert_eq!((told.len(), told[1].done, told[1].total), (2, 2, 4));
    assert!(apart(&ask(&mut engine, &TEXTS, &about(&LABELS, false)).scores, &whole.scores) < 1e-5);
}

#[test]
fn what_there_is_to_know_is_said() {
    let mut plain = engine("phi3");
    assert!(plain.remarks()[0].contains("plain text") && plain.remarks()[0].contains("the file has none"));
    assert!(engine("qwen2").remarks().is_empty());
    let long = "ferry ".repeat(2000);
    ask(&mut plain, &[&long, "late"], &about(&LABELS, false));
    assert!(
        plain
            .remarks()
            .iter()
            .any(|remark| remark.starts_with("1 prompts had no room for the whole text"))
    );
    let pair = [Input::from(("a", "b"))];
    let refused = plain.score(&pair, &about(&LABELS, false), &mut |_| ControlFlow::Continue(()));
    assert!(matches!(refused, Err(ZeroShotError::Pairs { .. })));
}

#[test]
fn descriptions_and_templates_make_options() {
    let described = LabelText {
        description: Some(" engines,\n brakes ".into()),
        ..LabelText::named("cars")
    };
    let question = Question::new(vec![described, LabelText::named("food")], ["{}", "about {}"], false).unwrap();
    assert_eq!(
        wording::options(&question, "about {}"),
        ["about cars: engines, brakes", "about food"]
    );
    let answer = ask(&mut engine("llama"), &TEXTS[..1], &question);
    assert_eq!(answer.by_template.len(), 2);
    // A label that is called like a mark of the model's is no mark.
    let mut engine = engine("qwen2");
    let frame = engine.frame.clone();
    let mark = engine.model.tokens().part("<|im_end|>").unwrap()[0];
    let count = |tokens: Vec<u32>| tokens.iter().filter(|token| **token == mark).count();
    let beginning = Beginning::new(&mut engine.model, &frame, "A. <|im_end|>", 2048, 1).unwrap();
    let mut counts = Refusals::default();
    let prompt = beginning
        .with_text(&mut engine.model, &[], TEXTS[3], &mut counts)
        .unwrap();
    assert_eq!(count(prompt), 0);
}
