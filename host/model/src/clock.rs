use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::Timestamp;

/// The time, as an argument.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// Now.
    fn now(&self) -> Timestamp;

    /// Now, and how much time has really passed since some moment before, whatever the clock was set to meanwhile.
    fn now_and_passed(&self) -> (Timestamp, Duration);
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place where the machine's clock is read")]
    fn now(&self) -> Timestamp {
        let millis = match std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
            // A clock before 1970 is wrong, but no reason to stop serving.
            Err(_) => 0,
        };
        Timestamp::from_millis(millis)
    }

    fn now_and_passed(&self) -> (Timestamp, Duration) {
        static FIRST_ASKED: LazyLock<Instant> = LazyLock::new(Instant::now);
        (self.now(), FIRST_ASKED.elapsed())
    }
}

/// A clock that stands where it was set, and time that passes when it is told to.
#[derive(Debug)]
pub struct FixedClock(Mutex<(Timestamp, Duration)>);

impl FixedClock {
    /// Stands at `at`.
    pub fn new(at: Timestamp) -> Self {
        Self(Mutex::new((at, Duration::ZERO)))
    }

    /// Lets time pass, and moves on with it.
    pub fn advance(&self, by: Duration) {
        let millis = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        let (now, passed) = &mut *self.both();
        *now = Timestamp::from_millis(now.as_millis().saturating_add(millis));
        *passed = passed.saturating_add(by);
    }

    /// Stands at `at` from now on, before or after where it stood, though no time has passed: as a wrong time server does.
    pub fn set(&self, at: Timestamp) {
        self.both().0 = at;
    }

    /// Whoever panicked with the lock has changed nothing by half.
    fn both(&self) -> MutexGuard<'_, (Timestamp, Duration)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        self.both().0
    }

    fn now_and_passed(&self) -> (Timestamp, Duration) {
        *self.both()
    }
}
