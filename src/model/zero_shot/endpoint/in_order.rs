//! Many requests at once, their results in order.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{RecvTimeoutError, unbounded};

use super::super::ZeroShotError;
use super::EndpointError;
use super::client::Failure;
use super::pace::Stop;

/// How often whoever listens is asked whether to go on while nothing is answered.
const GLANCE: Duration = Duration::from_millis(100);

/// Does `task` for every number below `n` on up to `n_threads` threads. `heard` is called on this thread with 1 for everything done, and
/// with 0 while nothing is; its error, like the first of a task, stops what has not begun. What has begun is waited for.
pub(super) fn in_order<T: Send>(
    (n, n_threads): (usize, usize),
    stop: &Stop,
    task: &(dyn Fn(usize) -> Result<T, Failure> + Sync),
    heard: &mut dyn FnMut(usize) -> Result<(), ZeroShotError>,
) -> Result<Vec<T>, ZeroShotError> {
    let next = AtomicUsize::new(0);
    let mut results: Vec<Option<T>> = (0..n).map(|_| None).collect();
    // Of several failures the one that would have been met first, one after the other.
    let mut failed: Option<(usize, ZeroShotError)> = None;
    thread::scope(|scope| {
        let (done, answers) = unbounded();
        for _ in 0..n_threads.min(n) {
            let (done, next) = (done.clone(), &next);
            let work = move || {
                while !stop.is_set() {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= n || done.send((at, task(at))).is_err() {
                        return;
                    }
                }
            };
            let started = thread::Builder::new()
                .name("endpoint".to_owned())
                .spawn_scoped(scope, work);
            if let Err(error) = started {
                let why = error.to_string();
                failed = Some((n, EndpointError::Thread { why }.into()));
                stop.set();
                break;
            }
        }
        drop(done);
        loop {
            let told = match answers.recv_timeout(GLANCE) {
                Ok((at, Ok(result))) => {
                    results[at] = Some(result);
                    (at, heard_unless(&failed, heard, 1))
                }
                Ok((at, Err(Failure::Endpoint(error)))) => (at, Err(error.into())),
                Ok((_, Err(Failure::Stopped))) => continue,
                Err(RecvTimeoutError::Timeout) => (n, heard_unless(&failed, heard, 0)),
                Err(RecvTimeoutError::Disconnected) => break,
            };
            if let (at, Err(error)) = told {
                stop.set();
                if failed.as_ref().is_none_or(|(before, _)| at < *before) {
                    failed = Some((at, error));
                }
            }
        }
    });
    if let Some((_, error)) = failed {
        return Err(error);
    }
    let results: Vec<T> = results.into_iter().flatten().collect();
    if results.len() == n {
        Ok(results)
    } else {
        Err(ZeroShotError::Stopped)
    }
}

fn heard_unless(
    failed: &Option<(usize, ZeroShotError)>,
    heard: &mut dyn FnMut(usize) -> Result<(), ZeroShotError>,
    n: usize,
) -> Result<(), ZeroShotError> {
    if failed.is_some() { Ok(()) } else { heard(n) }
}
