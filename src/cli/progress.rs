//! Waiting for a job with a progress bar.

use indicatif::{ProgressBar, ProgressStyle};

use super::Output;
use crate::app::{App, Command};
use crate::jobs::JobEvent;
use crate::train::{Fold, TrainEvent};

/// Issues a command and waits until it is done and on disk, drawing its progress.
pub fn execute(app: &mut App, output: &Output, command: Command) -> anyhow::Result<()> {
    execute_drawing(app, output, command, draw)
}

/// [`execute`] for a command of many trainings: the bar counts these, and each training has the line beside it.
pub fn execute_series(app: &mut App, output: &Output, command: Command) -> anyhow::Result<()> {
    execute_drawing(app, output, command, draw_series)
}

fn execute_drawing(
    app: &mut App,
    output: &Output,
    command: Command,
    draw: fn(&ProgressBar, &JobEvent),
) -> anyhow::Result<()> {
    let Some(job) = app.execute(command)? else {
        return app.wait_saved();
    };
    let bar = if output.shows_progress() {
        ProgressBar::no_length()
    } else {
        ProgressBar::hidden()
    };
    bar.set_style(style("{spinner} {msg}"));
    let result = app.wait(job, &mut |event| draw(&bar, event));
    bar.finish_and_clear();
    result
}

fn draw(bar: &ProgressBar, event: &JobEvent) {
    match event {
        JobEvent::Progress(progress) if progress.total > 0 => {
            bar.set_style(style("{bar:24} {percent:>3} %  {msg}"));
            bar.set_length(progress.total);
            bar.set_position(progress.done);
            bar.set_message(progress.note.clone());
        }
        JobEvent::Progress(progress) => {
            bar.set_message(progress.note.clone());
            bar.tick();
        }
        JobEvent::Train(TrainEvent::Step {
            step,
            n_steps,
            loss,
            texts_per_sec,
            secs_left,
            ..
        }) => {
            bar.set_style(style("{bar:24} {pos}/{len}  {msg}"));
            bar.set_length(*n_steps as u64);
            bar.set_position(*step as u64);
            bar.set_message(format!(
                "{}loss {loss:.3} · {texts_per_sec:.0} texts/s · {secs_left:.0} s left",
                bar.prefix()
            ));
        }
        JobEvent::Train(TrainEvent::Fold(fold)) => bar.set_prefix(fold.map(in_front).unwrap_or_default()),
        JobEvent::Train(TrainEvent::Phase(phase)) => bar.set_message(format!("{}{phase}", bar.prefix())),
        _ => bar.tick(),
    }
}

fn in_front(fold: Fold) -> String {
    format!("{fold} · ")
}

fn draw_series(bar: &ProgressBar, event: &JobEvent) {
    match event {
        JobEvent::Progress(progress) if progress.note.starts_with("scoring") => bar.tick(),
        JobEvent::Progress(progress) => {
            bar.set_style(style("{bar:24} {pos}/{len}  {prefix}{msg}"));
            bar.set_length(progress.total);
            bar.set_position(progress.done);
            bar.set_prefix(format!("{} · ", progress.note));
            bar.set_message("");
        }
        JobEvent::Train(TrainEvent::Step {
            step, n_steps, loss, ..
        }) => bar.set_message(format!("step {step} of {n_steps} · loss {loss:.3}")),
        JobEvent::Train(TrainEvent::Phase(phase)) => bar.set_message(phase.to_string()),
        _ => bar.tick(),
    }
}

/// A plain bar for work that is not a job.
pub fn bar(output: &Output, total: usize, note: &str) -> ProgressBar {
    let bar = if output.shows_progress() {
        ProgressBar::new(total as u64)
    } else {
        ProgressBar::hidden()
    };
    bar.set_style(style("{bar:24} {pos}/{len}  {msg}"));
    bar.set_message(note.to_owned());
    bar
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("━━─")
}
