//! The real binary, as people and scripts use it: the journey from file to predictions, its refusals, and what a kill leaves.
//!
//! Needs the default encoder in the cache (`handful models get`).
#![allow(clippy::unwrap_used)] // a test that cannot be set up has failed

mod architectures;
mod confusion;
mod devices;
mod distill;
mod journey;
mod kill;
mod models;
mod pairs;
mod refusals;
mod resume;
mod series;
mod zero_shot;
mod zero_shot_language_model;
mod zero_shot_run;

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// `handful` with settings and data of its own, and the machine's model cache.
fn handful(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_handful"));
    command
        .current_dir(home)
        .env("HANDFUL_CONFIG", home.join("config"))
        .env("HANDFUL_DATA", home.join("data"));
    command
}

fn run(home: &Path, arguments: &[&str]) -> Output {
    handful(home).args(arguments).output().unwrap()
}

/// Runs a verb that must succeed and returns its JSON.
fn json(home: &Path, arguments: &[&str]) -> Value {
    let output = handful(home).args(arguments).arg("--json").output().unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{arguments:?} failed: {err}");
    serde_json::from_str(&out).unwrap_or_else(|error| panic!("{arguments:?} printed {out:?}: {error}"))
}

/// Runs a verb that must fail with exit code 1 and returns what it said.
fn refusal(home: &Path, arguments: &[&str]) -> String {
    let output = run(home, arguments);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// A file of the sample data.
fn sample(name: &str) -> String {
    format!("{}/sample_data/{name}", env!("CARGO_MANIFEST_DIR"))
}
