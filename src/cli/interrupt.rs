//! Ctrl+C while a job runs: the first asks it to stop and keep what it has, the second ends the program.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Context;

use crate::app::App;

/// From now on Ctrl+C is counted for [`App::wait`] and ends nothing by itself: the first stops the job at hand, at the second the verb
/// fails while the job still runs, and what was being trained is interrupted. Once in a program.
///
/// `kept`: what a person who stops it keeps, such as "what was learnt so far is kept".
pub fn stop_on_first(app: &mut App, kept: &'static str) -> anyhow::Result<()> {
    let n_interrupts: Arc<AtomicUsize> = Arc::default();
    app.n_interrupts = n_interrupts.clone();
    let handler = move || {
        if n_interrupts.fetch_add(1, Ordering::Relaxed) == 0 {
            eprintln!("Stopping; {kept}. Ctrl+C again ends at once.");
        }
    };
    ctrlc::set_handler(handler).context("Ctrl+C cannot be listened to")
}
