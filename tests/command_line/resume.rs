//! A training that `kill -9` cut off, or Ctrl+C stopped, goes on to the very weights of one that was left alone.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use handful::core::RunStatus;
use handful::store::Store;

use super::kill::{kill, wait_until};
use super::{handful, json, refusal};

/// Methods with options that make for a few hundred quick steps.
const TRAININGS: [(&str, &[&str]); 3] = [
    ("finetune", &["num_epochs=60", "batch_size=16"]),
    (
        "finetune",
        &["num_epochs=60", "batch_size=16", "lora_rank=2", "learning_rate=1e-3"],
    ),
    ("setfit", &["num_iterations=60", "batch_size=8"]),
];

/// Minutes shorter than any step.
const EVERY_STEP: &str = "1e-9";

fn encoder() -> String {
    format!("{}/tests/data/encoders/bert", env!("CARGO_MANIFEST_DIR"))
}

/// A project with 96 labelled texts in the words of the tiny encoder.
fn project(home: &Path, name: &str) {
    let row = |i: usize| {
        let (label, first) = if i.is_multiple_of(2) { ("a", 1) } else { ("b", 20) };
        format!(
            "{i},w0 w{} w{} w{},{label},train\n",
            30 + i % 14,
            first + i / 2 % 10,
            first + i / 20
        )
    };
    let rows: String = (0..96).map(row).collect();
    fs::write(home.join("t.csv"), format!("id,text,label,split\n{rows}")).unwrap();
    json(home, &["new", name, "--task", "single-label"]);
    json(home, &["import", name, "t.csv"]);
}

/// A training that saves its state every `minutes`.
fn training(home: &Path, project: &str, (method, settings): (&str, &[&str]), minutes: &str) -> Command {
    let mut command = handful(home);
    command.args(["train", project, "--json", "--encoder", &encoder(), "--method", method]);
    let every = format!("checkpoint_every={minutes}");
    for setting in settings.iter().copied().chain([every.as_str()]) {
        command.args(["--set", setting]);
    }
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn run_dir(home: &Path, project: &str) -> PathBuf {
    home.join(format!("{project}-files/runs/1"))
}

fn state(home: &Path, project: &str) -> PathBuf {
    run_dir(home, project).join("checkpoint/state.safetensors")
}

/// Every file of the run's model.
fn model(home: &Path, project: &str) -> Vec<(PathBuf, Vec<u8>)> {
    fn collect(dir: &Path, root: &Path, files: &mut Vec<(PathBuf, Vec<u8>)>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => collect(&path, root, files),
                false => files.push((path.strip_prefix(root).unwrap().to_owned(), fs::read(&path).unwrap())),
            }
        }
    }
    let mut files = Vec::new();
    let root = run_dir(home, project);
    collect(&root, &root, &mut files);
    files.sort();
    files
}

fn assert_same_model(home: &Path, one: &str, other: &str) {
    let (one, other) = (model(home, one), model(home, other));
    let names = |files: &[(PathBuf, Vec<u8>)]| files.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&one), names(&other));
    for ((name, one), (_, other)) in one.iter().zip(&other) {
        assert!(one == other, "{} differs", name.display());
    }
}

fn begun(command: &mut Command, state: &Path) -> Child {
    let child = command.spawn().unwrap();
    wait_until("a saved state", || state.exists());
    child
}

fn run_of(home: &Path, project: &str) -> handful::core::Run {
    let store = Store::open(&home.join(project)).unwrap();
    store.load().unwrap().runs[0].clone()
}

#[test]
fn a_killed_training_goes_on_to_the_same_weights() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    for (at, wanted) in TRAININGS.into_iter().enumerate() {
        let (alone, killed) = (format!("alone{at}.handful"), format!("killed{at}.handful"));
        project(home, &alone);
        project(home, &killed);
        assert!(training(home, &alone, wanted, "5").status().unwrap().success());
        assert!(!state(home, &alone).exists(), "a finished run needs no state");

        kill(begun(
            &mut training(home, &killed, wanted, EVERY_STEP),
            &state(home, &killed),
        ));
        let run = run_of(home, &killed);
        assert_eq!(run.status, RunStatus::Interrupted, "{wanted:?}: {}", run.message);
        assert!(!run_dir(home, &killed).join("model.safetensors").exists());
        // Cut off a second time, further on.
        let mut resume = handful(home);
        resume
            .args(["train", &killed, "--resume", "1"])
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let before = fs::metadata(state(home, &killed)).unwrap().modified().unwrap();
        let child = resume.spawn().unwrap();
        wait_until("another state", || {
            fs::metadata(state(home, &killed)).is_ok_and(|file| file.modified().unwrap() > before)
        });
        kill(child);
        assert_eq!(run_of(home, &killed).status, RunStatus::Interrupted);

        let resumed = json(home, &["train", &killed, "--resume", "1"]);
        assert_eq!(resumed["status"], "done", "{wanted:?}");
        assert_same_model(home, &killed, &alone);
        let (one, other) = (run_of(home, &alone), run_of(home, &killed));
        assert_eq!((one.history, one.metrics), (other.history, other.metrics), "{wanted:?}");
        let again = refusal(home, &["train", &killed, "--resume", "1"]);
        assert!(again.contains("nothing to resume"), "{again}");
    }
}

#[cfg(unix)]
#[test]
fn ctrl_c_stops_and_keeps_the_model_and_the_run_can_go_on() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    project(home, "alone.handful");
    project(home, "p.handful");
    assert!(
        training(home, "alone.handful", TRAININGS[0], "5")
            .status()
            .unwrap()
            .success()
    );
    let mut child = begun(
        &mut training(home, "p.handful", TRAININGS[0], EVERY_STEP),
        &state(home, "p.handful"),
    );
    let interrupted = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(interrupted.unwrap().success());
    assert!(child.wait().unwrap().success());
    assert_eq!(run_of(home, "p.handful").status, RunStatus::Stopped);
    json(home, &["export", "p.handful", "--out", "stopped"]);
    json(home, &["train", "p.handful", "--resume", "1"]);
    assert_same_model(home, "p.handful", "alone.handful");
    assert_eq!(run_of(home, "p.handful").status, RunStatus::Done);
}

#[test]
fn what_cannot_go_on_says_why() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    project(home, "p.handful");
    let missing = refusal(home, &["train", "p.handful", "--resume", "1"]);
    assert!(missing.contains("there is no run 1"), "{missing}");

    let child = begun(
        &mut training(home, "p.handful", TRAININGS[0], EVERY_STEP),
        &state(home, "p.handful"),
    );
    kill(child);
    json(home, &["label", "p.handful", "--id", "3", "--label", "a"]);
    let changed = refusal(home, &["train", "p.handful", "--resume", "1"]);
    assert!(changed.contains("labels have changed"), "{changed}");
    assert_eq!(run_of(home, "p.handful").status, RunStatus::Interrupted);
    json(home, &["label", "p.handful", "--id", "3", "--label", "b"]);

    let state = state(home, "p.handful");
    let whole = fs::read(&state).unwrap();
    let mut upside_down = whole.clone();
    upside_down.reverse();
    for damaged in [&whole[..whole.len() / 2], &[], &upside_down[..]] {
        fs::write(&state, damaged).unwrap();
        let refused = refusal(home, &["train", "p.handful", "--resume", "1"]);
        assert!(
            refused.contains("saved state of the training cannot be used"),
            "{refused}"
        );
        assert_eq!(run_of(home, "p.handful").status, RunStatus::Interrupted);
    }
    fs::remove_file(&state).unwrap();
    let none = refusal(home, &["train", "p.handful", "--resume", "1"]);
    assert!(none.contains("no state of finetune-1 was saved"), "{none}");

    let usage = handful(home)
        .args(["train", "p.handful", "--resume", "1", "--seed", "3"])
        .output();
    assert_eq!(usage.unwrap().status.code(), Some(2));
}
