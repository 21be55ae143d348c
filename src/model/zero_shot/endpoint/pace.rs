//! Waiting: between requests, before asking again, and never longer than nobody has said stop.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;

/// How often someone who waits looks whether it should stop.
const GLANCE: Duration = Duration::from_millis(20);

/// Says that nothing more is wanted.
#[derive(Debug, Default)]
pub(super) struct Stop(AtomicBool);

impl Stop {
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Waits; `false` as soon as it should stop.
    pub fn wait_until(&self, at: Instant) -> bool {
        loop {
            if self.is_set() {
                return false;
            }
            match at.checked_duration_since(Instant::now()) {
                Some(left) if !left.is_zero() => thread::sleep(left.min(GLANCE)),
                _ => return true,
            }
        }
    }
}

/// Spreads the requests of all threads over time.
#[derive(Debug)]
pub(super) struct Pace {
    gap: Duration,
    next: Mutex<Instant>,
}

impl Pace {
    /// At most so many requests a minute; `None` for as many as go.
    pub fn new(per_minute: Option<u32>) -> Pace {
        Pace {
            gap: per_minute.map_or(Duration::ZERO, |n| Duration::from_secs(60) / n.max(1)),
            next: Mutex::new(Instant::now()),
        }
    }

    /// When the next request may go; that time is taken.
    pub fn reserve(&self) -> Instant {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let at = (*next).max(Instant::now());
        *next = at + self.gap;
        at
    }

    /// No request on any thread before `at`.
    pub fn hold_until(&self, at: Instant) {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        *next = (*next).max(at);
    }
}

/// How long to wait before asking for the `n`th time again, counted from 0: what the server says, else `first` doubled every time; `longest`
/// at most. There is no chance in it: the threads of one engine are few, and a server that is busy says when to come back.
pub(super) fn pause(n: u32, retry_after: Option<Duration>, (first, longest): (Duration, Duration)) -> Duration {
    let doubled = || first.saturating_mul(2_u32.saturating_pow(n));
    retry_after.unwrap_or_else(doubled).min(longest)
}

/// `Retry-After`: seconds, or a date.
pub(super) fn retry_after(header: &str, now: Timestamp) -> Option<Duration> {
    let header = header.trim();
    if let Ok(secs) = header.parse::<f64>() {
        return Duration::try_from_secs_f64(secs).ok();
    }
    let date = jiff::fmt::rfc2822::parse(header).ok()?.timestamp();
    Some(Duration::try_from(date.duration_since(now)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_and_are_bounded() {
        let limits = (Duration::from_millis(500), Duration::from_secs(30));
        let of = |n, after: Option<u64>| pause(n, after.map(Duration::from_secs), limits).as_secs_f64();
        assert_eq!(
            [of(0, None), of(1, None), of(3, None), of(40, None)],
            [0.5, 1.0, 4.0, 30.0]
        );
        assert_eq!([of(5, Some(2)), of(0, Some(0)), of(0, Some(3600))], [2.0, 0.0, 30.0]);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now: Timestamp = "2015-10-21T07:27:30Z".parse().unwrap();
        let of = |header| retry_after(header, now).map(|wait| wait.as_secs_f64());
        assert_eq!(of("2"), Some(2.0));
        assert_eq!(of(" 0.5 "), Some(0.5));
        assert_eq!(of("Wed, 21 Oct 2015 07:28:00 GMT"), Some(30.0));
        assert_eq!(of("Wed, 21 Oct 2015 07:27:00 GMT"), Some(0.0));
        assert_eq!([of("soon"), of("-3"), of("NaN"), of("")], [None; 4]);
    }

    #[test]
    fn requests_are_spread_and_held() {
        let pace = Pace::new(Some(600));
        let first = pace.reserve();
        assert_eq!(pace.reserve() - first, Duration::from_millis(100));
        let later = first + Duration::from_secs(9);
        pace.hold_until(later);
        assert_eq!(pace.reserve(), later);
        let unlimited = Pace::new(None);
        assert!(unlimited.reserve() <= Instant::now() && unlimited.reserve() <= Instant::now());
    }

    #[test]
    fn a_wait_ends_at_a_stop() {
        let stop = Stop::default();
        assert!(stop.wait_until(Instant::now()));
        thread::scope(|scope| {
            let waiting = scope.spawn(|| stop.wait_until(Instant::now() + Duration::from_secs(60)));
            stop.set();
            assert!(!waiting.join().unwrap());
        });
    }
}
