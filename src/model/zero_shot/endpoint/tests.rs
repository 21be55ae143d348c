//! The engine against a small server that speaks HTTP on this machine.

use std::net::TcpListener;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use super::test_server::{Asked, Says, Server};
use super::*;
use crate::model::zero_shot::Progress;

const KEY: &str = "sk-s3cret-0123456789";

fn settings(address: &str) -> Settings {
    let mut settings = Settings::new(Address::new(address).unwrap(), "tiny");
    settings.key = Some(Key::new(KEY, "a test").unwrap());
    settings.at_once = 1;
    settings.first_wait = Duration::from_millis(5);
    settings.longest_wait = Duration::from_millis(40);
    settings.connect_timeout = Duration::from_secs(5);
    settings.timeout = Duration::from_secs(10);
    settings
}

fn engine(server: &Server, change: impl FnOnce(&mut Settings)) -> Endpoint {
    let mut settings = settings(&server.address);
    change(&mut settings);
    Endpoint::new(settings).unwrap()
}

fn ask(engine: &mut Endpoint, texts: &[&str], question: &Question) -> Result<Answer, ZeroShotError> {
    let inputs: Vec<Input<'_>> = texts.iter().copied().map(Input::from).collect();
    engine.score(&inputs, question, &mut |_| ControlFlow::Continue(()))
}

fn question() -> Question {
    Question::about(&["sport", "art"], ["{}"], false).unwrap()
}

/// What a single question comes to, and what was asked for it.
fn outcome(
    change: impl FnOnce(&mut Settings),
    says: impl Fn(&Asked) -> Says + Send + Sync + 'static,
) -> (Result<Vec<f32>, EndpointError>, Vec<Asked>, Usage) {
    let server = Server::new(says);
    let mut engine = engine(&server, change);
    let result = match ask(&mut engine, &["Goal!"], &question()) {
        Ok(answer) => Ok(answer.scores[0].clone()),
        Err(ZeroShotError::Endpoint(error)) => {
            assert!(!format!("{error} {error:?}").contains(KEY), "{error}");
            Err(error)
        }
        Err(other) => panic!("{other}"),
    };
    (result, server.asked(), engine.spent())
}

fn close(row: &[f32], expected: &[f32]) -> bool {
    row.len() == expected.len() && row.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6)
}

#[test]
fn probabilities_of_letters_are_the_scores() {
    let (row, asked, usage) = outcome(
        |settings| {
            settings.prices = Some(Prices {
                prompt: 2.0,
                completion: 50.0,
            });
        },
        |_| Says::tokens(&[("B", 0.5), (" A", 0.2), ("a", 0.1), ("The", 0.2)]),
    );
    assert!(close(&row.unwrap(), &[0.375, 0.625]));
    let request = &asked[0];
    assert!(request.head.starts_with("POST /v1/chat/completions HTTP/1.1"));
    assert!(request.head.contains(&format!("Bearer {KEY}")));
    assert!(request.prompt().contains("A. sport\nB. art\n\nText:\nGoal!"));
    let body = &request.body;
    assert_eq!((&body["model"], &body["max_tokens"]), (&"tiny".into(), &1.into()));
    assert_eq!((&body["top_logprobs"], &body["temperature"]), (&20.into(), &0.into()));
    assert!(request.wants_probabilities());
    assert_eq!((usage.requests, usage.by_probability, usage.refused), (1, 1, 0));
    assert_eq!((usage.prompt_tokens, usage.completion_tokens), (50, 2));
    assert!((usage.cost.unwrap() - 200e-6).abs() < 1e-12);
}

#[test]
fn without_probabilities_answers_are_checked() {
    for refuses in [false, true] {
        let server = Server::new(move |asked| match (asked.wants_probabilities(), refuses) {
            (true, true) => Says::error(400, "logprobs are not supported"),
            // One token of an answer may be the beginning of a word, so it counts for nothing.
            (true, false) => Says::text("A"),
            _ => Says::text("Art."),
        });
        let mut engine = engine(&server, |_| {});
        let answer = ask(&mut engine, &["one", "two", "three"], &question()).unwrap();
        assert_eq!(answer.scores, [[0.0, 1.0]; 3]);
        assert_eq!(server.asked().len(), 4, "probabilities are asked for once");
        assert_eq!(server.asked()[1].body["max_tokens"], 64);
        assert_eq!(engine.spent().by_probability, 0);
    }
}

#[test]
fn an_answer_that_is_none_is_asked_for_once_more() {
    let (row, asked, usage) = outcome(
        |_| {},
        |asked| match asked.at {
            0 => Says::tokens(&[("I", 0.9), ("Well", 0.1)]),
            1 => Says::text("I think it is about football."),
            _ => Says::text("a"),
        },
    );
    assert_eq!(row.unwrap(), [1.0, 0.0]);
    assert_eq!((asked.len(), usage.refused), (3, 0));
    assert!(!asked[1].prompt().contains("exactly one letter") && asked[2].prompt().contains("exactly one letter"));

    let (row, asked, usage) = outcome(|_| {}, |_| Says::text("neither"));
    assert_eq!(row.unwrap(), [0.0, 0.0]);
    assert_eq!((asked.len(), usage.refused), (3, 1));
}

#[test]
fn labels_by_themselves_are_asked_about_one_by_one() {
    let server = Server::new(|asked| {
        let is_sport = asked.prompt().contains("Category: on sport");
        if is_sport {
            Says::tokens(&[("Yes", 0.6), ("no", 0.2), (" yes", 0.2)])
        } else {
            Says::tokens(&[("No", 0.7), ("yes", 0.1)])
        }
    });
    let mut engine = engine(&server, |_| {});
    let question = Question::about(&["sport", "art", "sport"], ["on {}", "of {}"], true).unwrap();
    let answer = ask(&mut engine, &["one", "two"], &question).unwrap();
    assert_eq!(server.asked().len(), 8);
    assert!(close(&answer.by_template[0][1], &[0.8, 0.125, 0.8]));
    assert!(close(&answer.by_template[1][0], &[0.125, 0.125, 0.125]));
    assert!(close(&answer.scores[0], &[0.4625, 0.125, 0.4625]));
}

#[test]
fn a_busy_server_is_asked_again_when_it_says() {
    let began = Instant::now();
    let (row, asked, usage) = outcome(
        |_| {},
        |asked| match asked.at {
            // An hour is more than anybody waits: the longest wait counts.
            0 => Says::Whole(429, "Retry-After: 3600\r\n", String::new()),
            _ => Says::tokens(&[("A", 1.0)]),
        },
    );
    assert_eq!(row.unwrap(), [1.0, 0.0]);
    assert_eq!((asked.len(), usage.requests, usage.repeated), (2, 2, 1));
    let waited = began.elapsed();
    assert!(
        waited >= Duration::from_millis(40) && waited < Duration::from_secs(20),
        "{waited:?}"
    );
}

#[test]
fn a_server_that_keeps_failing_is_given_up() {
    let (row, asked, _) = outcome(|settings| settings.retries = 2, |_| Says::error(503, "loading model"));
    let error = row.unwrap_err();
    assert!(
        matches!(&error, EndpointError::Status { status: 503, asked: 3, message, .. } if message == "loading model")
    );
    assert_eq!(asked.len(), 3);
    // What would fail again is not asked for again; without probabilities it is tried once.
    let (row, asked, _) = outcome(|_| {}, |_| Says::error(400, "context too long"));
    assert!(row.unwrap_err().to_string().contains("context too long"));
    assert_eq!(asked.len(), 2);
}

#[test]
fn a_slow_server_is_given_up() {
    let (row, asked, _) = outcome(
        |settings| (settings.retries, settings.timeout) = (1, Duration::from_millis(150)),
        |_| Says::Late(Duration::from_millis(700), Box::new(Says::text("A"))),
    );
    let error = row.unwrap_err();
    assert!(
        matches!(
            error,
            EndpointError::TimedOut {
                asked: 2,
                secs: 0.15,
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(asked.len(), 2);
}

#[test]
fn half_too_long_and_other_answers_are_errors() {
    let (row, asked, _) = outcome(|settings| settings.retries = 1, |_| Says::Half);
    let error = row.unwrap_err();
    assert!(matches!(error, EndpointError::CutOff { asked: 2, .. }), "{error:?}");
    assert_eq!(asked.len(), 2);

    let (row, asked, _) = outcome(|_| {}, |_| Says::Whole(200, "", " ".repeat((1 << 20) + 1)));
    assert!(matches!(
        row.unwrap_err(),
        EndpointError::TooLong { limit: 1_048_576, .. }
    ));
    assert_eq!(asked.len(), 1);

    for (body, why) in [
        ("<html>Welcome to a router</html>", "Welcome to a router"),
        ("{\"choices\": []}", "no choices"),
        ("{\"error\": \"boom\"}", "boom"),
        ("", "not JSON"),
    ] {
        let (row, asked, _) = outcome(|_| {}, move |_| Says::Whole(200, "", body.to_owned()));
        let error = row.unwrap_err();
        assert!(
            matches!(error, EndpointError::Form { .. }) && error.to_string().contains(why),
            "{error}"
        );
        assert_eq!(asked.len(), 1);
    }
}

#[test]
fn refusals_say_what_the_server_says_but_no_key() {
    let (row, asked, _) = outcome(
        |_| {},
        |_| Says::error(404, &format!("model 'tiny' not found {}", "x".repeat(9000))),
    );
    let error = row.unwrap_err();
    assert!(matches!(error, EndpointError::NotFound { .. }));
    assert!(error.to_string().contains("model 'tiny' not found") && error.to_string().len() < 600);
    assert_eq!(asked.len(), 1);

    let (row, _, _) = outcome(
        |_| {},
        |_| Says::error(401, &format!("Incorrect API key provided: {KEY}")),
    );
    let error = row.unwrap_err();
    assert!(matches!(error, EndpointError::Unauthorised { status: 401, .. }));
    assert!(error.to_string().contains("Incorrect API key provided: …") && error.to_string().contains(KEY_VARIABLE));
}

#[test]
fn nobody_is_followed_elsewhere() {
    for status in [301, 307] {
        let (row, asked, _) = outcome(
            |_| {},
            move |_| Says::Whole(status, "Location: https://elsewhere.example/v1\r\n", String::new()),
        );
        let error = row.unwrap_err();
        assert!(
            matches!(&error, EndpointError::Redirect { to, .. } if to == "https://elsewhere.example/v1"),
            "{error}"
        );
        assert_eq!(asked.len(), 1);
    }
}

#[test]
fn nobody_there_is_said() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut engine = Endpoint::new(settings(&format!("http://{port}/v1"))).unwrap();
    let error = ask(&mut engine, &["x"], &question()).unwrap_err();
    assert!(
        matches!(error, ZeroShotError::Endpoint(EndpointError::Unreachable { .. })),
        "{error}"
    );
    assert_eq!(engine.spent().requests, 1);
}

#[test]
fn many_at_once_keep_their_order() {
    let server = Server::new(|asked| {
        let n: usize = asked.prompt().split("number ").nth(1).unwrap()[..2].parse().unwrap();
        let wait = Duration::from_millis(if n.is_multiple_of(8) { 40 } else { 1 });
        let p = (n as f64 + 1.0) / 100.0;
        Says::Late(wait, Box::new(Says::tokens(&[("A", p), ("B", 1.0 - p)])))
    });
    let mut engine = engine(&server, |settings| settings.at_once = 8);
    let texts: Vec<String> = (0..40).map(|n| format!("number {n:02}")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let answer = ask(&mut engine, &texts, &question()).unwrap();
    for (n, row) in answer.scores.iter().enumerate() {
        assert!((row[0] - (n as f32 + 1.0) / 100.0).abs() < 1e-5, "{n}: {row:?}");
    }
    assert_eq!(engine.spent().requests, 40);
}

#[test]
fn a_stop_ends_it_between_requests_and_amid_a_wait() {
    let server = Server::new(|_| Says::tokens(&[("A", 1.0)]));
    let mut stopped = engine(&server, |settings| settings.at_once = 2);
    let inputs = vec![Input::from("x"); 500];
    let mut listen = |progress: Progress| match progress.done {
        3.. => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    };
    let result = stopped.score(&inputs, &question(), &mut listen);
    assert!(matches!(result, Err(ZeroShotError::Stopped)));
    assert!(stopped.spent().requests < 200, "{:?}", stopped.spent());

    let server = Server::new(|_| Says::Whole(429, "Retry-After: 60\r\n", String::new()));
    let mut waiting = engine(&server, |settings| settings.longest_wait = Duration::from_secs(60));
    let began = Instant::now();
    let result = waiting.score(&inputs[..1], &question(), &mut |_| ControlFlow::Break(()));
    assert!(matches!(result, Err(ZeroShotError::Stopped)));
    assert!(began.elapsed() < Duration::from_secs(20));
}

#[test]
fn requests_a_minute_are_limited() {
    let server = Server::new(|_| Says::tokens(&[("A", 1.0)]));
    let mut engine = engine(&server, |settings| {
        (settings.per_minute, settings.at_once) = (Some(1200), 4)
    });
    let began = Instant::now();
    ask(&mut engine, &["a", "b", "c", "d"], &question()).unwrap();
    assert!(began.elapsed() >= Duration::from_millis(150));
}

#[test]
fn long_texts_are_cut_and_pairs_refused() {
    let server = Server::new(|_| Says::tokens(&[("A", 1.0)]));
    let mut engine = engine(&server, |settings| settings.most_chars = 3);
    ask(&mut engine, &["äöüß", "abc"], &question()).unwrap();
    assert!(server.asked()[0].prompt().contains("Text:\näöü\n"));
    assert_eq!(engine.spent().cut, 1);
    assert!(
        engine
            .remarks()
            .iter()
            .any(|remark| remark.contains("lost their end: 1"))
    );
    let result = engine.score(&[Input::from(("a", "b"))], &question(), &mut |_| {
        ControlFlow::Continue(())
    });
    assert!(matches!(result, Err(ZeroShotError::Pairs { .. })));
    assert_eq!(ask(&mut engine, &[], &question()).unwrap().scores.len(), 0);
}

#[test]
fn settings_are_checked_and_show_no_key() {
    let remote = settings("https://api.example.com/v1");
    assert!(matches!(
        Endpoint::new(remote.clone()),
        Err(EndpointError::NotAllowed { .. })
    ));
    let mut allowed = remote;
    allowed.allow_remote = true;
    let engine = Endpoint::new(allowed.clone()).unwrap();
    assert_eq!((engine.name(), engine.model()), ("endpoint", "tiny at api.example.com"));
    let shown = format!("{engine:?} {:#?}", allowed);
    assert!(shown.contains("Key(…)") && !shown.contains("s3cret"), "{shown}");
    let changes: [fn(&mut Settings); 6] = [
        |settings| settings.at_once = 0,
        |settings| settings.at_once = 9,
        |settings| settings.per_minute = Some(0),
        |settings| settings.retries = 11,
        |settings| settings.model = " ".to_owned(),
        |settings| {
            settings.prices = Some(Prices {
                prompt: f64::NAN,
                completion: 1.0,
            });
        },
    ];
    for change in changes {
        let mut wrong = allowed.clone();
        change(&mut wrong);
        assert!(matches!(Endpoint::new(wrong), Err(EndpointError::Setting { .. })));
    }
}
