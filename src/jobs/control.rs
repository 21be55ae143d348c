//! What others want of a running job: go on, wait, stop.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What is wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Going on.
    #[default]
    Run,
    /// Waiting until something else is wanted.
    Pause,
    /// Ending; nothing else can be wanted after that.
    Stop,
}

/// Shared by a job and those who steer it.
#[derive(Default)]
pub(super) struct Control {
    wanted: Mutex<Wanted>,
    changed: Condvar,
    n_stops: AtomicU32,
}

impl Control {
    /// How often a stop was asked for.
    pub(super) fn n_stops(&self) -> u32 {
        self.n_stops.load(Ordering::SeqCst)
    }

    pub(super) fn wanted(&self) -> Wanted {
        *self.lock()
    }

    pub(super) fn stop(&self) {
        self.n_stops.fetch_add(1, Ordering::SeqCst);
        self.change(|_| Wanted::Stop);
    }

    pub(super) fn pause(&self) {
        self.change(|wanted| if wanted == Wanted::Run { Wanted::Pause } else { wanted });
    }

    pub(super) fn resume(&self) {
        self.change(|wanted| if wanted == Wanted::Pause { Wanted::Run } else { wanted });
    }

    /// Waits while a pause is wanted; how long that was.
    pub(super) fn wait(&self) -> Duration {
        let began = Instant::now();
        let paused = |wanted: &mut Wanted| *wanted == Wanted::Pause;
        let wanted = self.changed.wait_while(self.lock(), paused);
        drop(wanted.unwrap_or_else(PoisonError::into_inner));
        began.elapsed()
    }

    fn change(&self, change: impl FnOnce(Wanted) -> Wanted) {
        let mut wanted = self.lock();
        *wanted = change(*wanted);
        self.changed.notify_all();
    }

    /// What the lock protects is replaced as a whole, so a panic leaves it valid.
    fn lock(&self) -> MutexGuard<'_, Wanted> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;
    use std::sync::Arc;
    use std::sync::atomic::AtomicU64;

    use super::*;
    use crate::jobs::{JobContext, JobEvent, JobId, JobKind, Jobs, Outcome};

    const PATIENCE: Duration = Duration::from_secs(60);

    /// A job that counts until it is stopped, and then says for how long it was paused.
    fn counting(jobs: &mut Jobs) -> (JobId, Arc<AtomicU64>) {
        let count = Arc::new(AtomicU64::new(0));
        let counted = count.clone();
        let id = jobs.start(JobKind::Train, move |job| {
            while job.flow() == ControlFlow::Continue(()) {
                counted.fetch_add(1, Ordering::SeqCst);
            }
            Ok(Outcome::AnnotationsExported(job.paused().as_nanos() as usize))
        });
        (id, count)
    }

    fn next(jobs: &mut Jobs) -> JobEvent {
        jobs.next(PATIENCE).unwrap().event
    }

    #[test]
    fn a_paused_job_stands_still_until_it_is_resumed() {
        let mut jobs = Jobs::default();
        let (id, count) = counting(&mut jobs);
        for _ in 0..3 {
            jobs.pause(id);
            jobs.pause(id);
            assert!(matches!(next(&mut jobs), JobEvent::Paused));
            let before = count.load(Ordering::SeqCst);
            std::thread::yield_now();
            assert_eq!(count.load(Ordering::SeqCst), before);
            jobs.resume(id);
            assert!(matches!(next(&mut jobs), JobEvent::Resumed));
        }
        jobs.cancel(id);
        // Too late for anything else.
        jobs.pause(id);
        let JobEvent::Done(Ok(Outcome::AnnotationsExported(paused))) = next(&mut jobs) else {
            panic!("the job has not ended")
        };
        assert!(paused > 0);
    }

    #[test]
    fn what_follows_a_stop_is_ended_by_the_next_stop_and_by_one_that_was_not_heard_yet() {
        let mut jobs = Jobs::default();
        let (said, hear) = crossbeam_channel::bounded(0);
        let (answer, answered) = crossbeam_channel::bounded(0);
        let id = jobs.start(JobKind::Train, move |job| {
            for flow in [
                JobContext::flow_aside,
                JobContext::flow_aside, // one stop, not heard yet
                JobContext::flow_aside,
                JobContext::flow, // two stops
                JobContext::flow_aside,
                JobContext::flow_aside, // three
            ] {
                let () = hear.recv()?;
                answer.send(flow(job).is_break())?;
            }
            Ok(Outcome::Cancelled)
        });
        for stops in [false, true, false, true, false, true] {
            if stops {
                jobs.cancel(id);
            }
            said.send(()).unwrap();
            assert_eq!(answered.recv(), Ok(stops));
        }
        assert!(matches!(next(&mut jobs), JobEvent::Done(Ok(_))));
    }

    #[test]
    fn stopping_wakes_a_paused_job() {
        let stops: [fn(&Jobs, JobId); 2] = [Jobs::cancel, |jobs, _| jobs.cancel_all()];
        for stop in stops {
            let mut jobs = Jobs::default();
            let (id, _) = counting(&mut jobs);
            jobs.pause(id);
            assert!(matches!(next(&mut jobs), JobEvent::Paused));
            stop(&jobs, id);
            assert!(matches!(next(&mut jobs), JobEvent::Resumed));
            assert!(matches!(next(&mut jobs), JobEvent::Done(Ok(_))));
            assert!(!jobs.any_running());
        }
    }
}
