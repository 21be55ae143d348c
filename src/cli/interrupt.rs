//! Ctrl+C while a job runs: the first asks it to stop and keep what it has, the second ends the program.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;

use crate::app::App;

/// What a shell says of a program that Ctrl+C ended.
const ENDED_BY_CTRL_C: i32 = 130;

/// From now on the first Ctrl+C stops the job that [`App::wait`] waits for; the second ends the program, and what was being trained is
/// interrupted. Once in a program.
pub fn stop_on_first(app: &mut App) -> anyhow::Result<()> {
    let stop = Arc::new(AtomicBool::new(false));
    app.stop = stop.clone();
    let handler = move || {
        if stop.swap(true, Ordering::Relaxed) {
            std::process::exit(ENDED_BY_CTRL_C);
        }
        eprintln!("Stopping; what was learnt so far is kept. Ctrl+C again ends at once.");
    };
    ctrlc::set_handler(handler).context("Ctrl+C cannot be listened to")
}
