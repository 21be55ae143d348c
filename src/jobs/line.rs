//! A line to a thread that answers the newest request: what previews and explanations have in common.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TryRecvError, unbounded};

use super::worker::panic_text;

/// What a thread calls to say something.
pub(super) type Report<E> = Box<dyn Fn(E) + Send>;

/// The end of the line that asks; the thread ends when it is dropped.
pub(super) struct Line<A, E> {
    asks: Sender<A>,
    events: Receiver<E>,
}

impl<A, E: Send + 'static> Line<A, E> {
    /// A line, and the thread's end of it. `wake` is called when there is something to read.
    pub fn new(wake: Arc<dyn Fn() + Send + Sync>) -> (Line<A, E>, Receiver<A>, Report<E>) {
        let (asks, inbox) = unbounded();
        let (outbox, events) = unbounded();
        let report = move |event| {
            let _ = outbox.send(event);
            wake();
        };
        (Line { asks, events }, inbox, Box::new(report))
    }

    /// Whether the thread still listens.
    pub fn ask(&self, ask: A) -> bool {
        self.asks.send(ask).is_ok()
    }

    /// The next event, waiting at most `patience`.
    pub fn next(&self, patience: Duration) -> Option<E> {
        match patience.is_zero() {
            true => self.events.try_recv().ok(),
            false => self.events.recv_timeout(patience).ok(),
        }
    }
}

/// What was asked since the last look, the newest last; waits for something where the thread is `idle`. `None` when nobody asks any more.
pub(super) fn take<A>(inbox: &Receiver<A>, idle: bool) -> Option<Vec<A>> {
    let mut asks = Vec::new();
    if idle {
        asks.push(inbox.recv().ok()?);
    }
    loop {
        match inbox.try_recv() {
            Ok(ask) => asks.push(ask),
            Err(TryRecvError::Empty) => return Some(asks),
            Err(TryRecvError::Disconnected) => return None,
        }
    }
}

/// Works in a pool of `n_threads`.
///
/// # Errors
/// What a defect said that ended the work.
pub(super) fn work(n_threads: usize, serve: impl FnOnce() + Send) -> Result<(), String> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads.max(1)).build();
    catch_unwind(AssertUnwindSafe(|| match pool {
        Ok(pool) => pool.install(serve),
        Err(_) => serve(),
    }))
    .map_err(|panic| panic_text(&*panic))
}
