//! The engines of the preview that have models of their own: a language model from a file, an endpoint that is asked only when somebody says so.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use egui::{Key, Theme};
use egui_kittest::kittest::Queryable;
use handful::app::Previewing;
use handful::core::{RunStatus, TaskKind};
use handful::ui::screens::preview;

use crate::support::{Desk, project};

const SIZE: [f32; 2] = [1280.0, 1400.0];
const TEXTS: &str = "rain and wind,weather,\nsoup and bread,,\n";

/// Answers every request with a letter, A being three times as likely as B.
fn server() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/v1", listener.local_addr().unwrap());
    let n_asked = Arc::new(AtomicUsize::new(0));
    let counted = n_asked.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut line, mut length) = (String::new(), 0);
            while reader.read_line(&mut line).unwrap() > 0 && !line.trim().is_empty() {
                if let Some(n) = line.to_lowercase().strip_prefix("content-length:") {
                    length = n.trim().parse().unwrap();
                }
                line.clear();
            }
            reader.read_exact(&mut vec![0; length]).unwrap();
            counted.fetch_add(1, Ordering::Relaxed);
            let body = r#"{"choices":[{"message":{"content":"A"},"logprobs":{"content":[{"token":"A","logprob":-0.2877,"top_logprobs":
                [{"token":"A","logprob":-0.2877},{"token":"B","logprob":-1.3863}]}]}}],"usage":{"prompt_tokens":40,"completion_tokens":1}}"#;
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            let _ = stream.write_all([head.as_bytes(), body.as_bytes()].concat().as_slice());
        }
    });
    (address, n_asked)
}

fn type_into(desk: &mut Desk, field: &str, text: &str) {
    desk.harness.get_by_label(field).focus();
    desk.harness.run_steps(1);
    desk.type_text(text);
    desk.key(Key::Enter, "");
    desk.harness.run_steps(3);
}

fn until(desk: &mut Desk, what: &str, wanted: impl Fn(&Previewing) -> bool) {
    let started = Instant::now();
    while !wanted(&desk.app().project().unwrap().previewing) {
        desk.harness.step();
        let failure = desk.app().project().unwrap().previewing.failure.clone();
        assert!(started.elapsed() < Duration::from_secs(60), "{what}: {failure:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
    desk.harness.run_steps(3);
}

fn all_scored(engine: &'static str) -> impl Fn(&Previewing) -> bool {
    move |previewing| {
        let scores = previewing.scores.as_ref();
        scores.is_some_and(|scores| scores.source.engine == engine && scores.n_scored() == 2)
    }
}

/// Keeps the scores on screen as a run.
fn score_all(desk: &mut Desk, engine: &str) {
    let n_before = desk.app().project().unwrap().state.runs.len();
    desk.harness
        .get_by_label("Score all labelled texts and keep a run")
        .click();
    desk.harness.run_steps(3);
    desk.settle();
    let runs = desk.app().project().unwrap().state.runs.clone();
    assert_eq!(runs.len(), n_before + 1);
    let run = runs.last().unwrap();
    assert_eq!(
        (run.status, &run.options["engine"]),
        (RunStatus::Done, &engine.into()),
        "{}",
        run.message
    );
}

#[test]
fn a_language_model_from_a_file_suggests_and_leaves_a_run() {
    let mut desk = project(TaskKind::SingleLabel, &["weather", "food"], TEXTS, SIZE, Theme::Dark);
    desk.go(preview::ID);
    desk.harness
        .get_by_label_contains("Language model, no model chosen")
        .click();
    desk.harness.run_steps(2);
    desk.harness.get_by_label_contains("handful models get");
    let file = format!(
        "{}/tests/data/language_models/qwen2/model.gguf",
        env!("CARGO_MANIFEST_DIR")
    );
    type_into(&mut desk, "Name, folder or GGUF file of a language model", &file);
    until(&mut desk, "both texts are scored", all_scored("language-model"));
    score_all(&mut desk, "language-model");
    desk.harness.get_by_label("Use as suggestions").click();
    desk.harness.run_steps(4);
    desk.harness.get_by_label_contains("Zero-shot: language-model");
}

#[test]
fn an_endpoint_is_asked_only_when_somebody_says_so_and_counts_what_it_took() {
    let (address, n_asked) = server();
    let mut desk = project(TaskKind::SingleLabel, &["weather", "food"], TEXTS, SIZE, Theme::Light);
    desk.go(preview::ID);
    desk.harness.get_by_label_contains("Endpoint, off").click();
    desk.harness.run_steps(2);
    type_into(&mut desk, "Address of the endpoint", "https://models.example/v1");
    type_into(&mut desk, "Name of the endpoint's model", "some-model");
    desk.harness
        .get_by_label_contains("Texts leave this machine: https://models.example/v1");
    desk.harness.get_by_label("Address of the endpoint").focus();
    desk.harness.run_steps(1);
    desk.harness.key_press_modifiers(egui::Modifiers::COMMAND, Key::A);
    desk.harness.run_steps(1);
    desk.type_text(&address);
    desk.harness.run_steps(3);
    assert!(
        desk.harness
            .query_by_label_contains("Texts leave this machine:")
            .is_none()
    );
    assert_eq!(n_asked.load(Ordering::Relaxed), 0, "nothing is sent before it is asked");
    desk.harness.get_by_label("Ask this endpoint").click();
    until(&mut desk, "both texts are scored", all_scored("endpoint"));
    desk.harness.get_by_label_contains("2 requests, 80 tokens of prompts");
    score_all(&mut desk, "endpoint");
    assert_eq!(n_asked.load(Ordering::Relaxed), 3);
    desk.harness.get_by_label("Send nothing more to this endpoint").click();
    desk.harness.run_steps(2);
    desk.harness.get_by_label("Ask this endpoint");
}
