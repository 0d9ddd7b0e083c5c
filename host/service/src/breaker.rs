//! Stops asking a plugin that keeps failing: whoever waits for it is told so at once, and no time is spent on it.
//!
//! Each binding has a breaker of its own, so one tenant's trouble is no other's, and a new binding is asked from the start. It opens when
//! too large a share of a tenant's requests has met a failure lately; after a pause one request at a time tries whether the plugin is well
//! again, and the first that succeeds closes it. A considered "no" is an answer, and that the host is full is not the plugin's fault.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use muster_model::Clock;
use muster_plugin::PluginError;

/// How far back calls count.
pub const BREAKER_WINDOW: Duration = Duration::from_secs(10);

/// How many of the calls in the window must have failed before it opens, in percent.
pub const BREAKER_SHARE_PERCENT: u64 = 50;

/// How many failures in the window it takes at least.
pub const BREAKER_MIN_FAILURES: u64 = 20;

/// How long the plugin is left alone before it is tried again.
pub const BREAKER_PAUSE: Duration = Duration::from_secs(10);

/// The window in parts: what is older than all of them is forgotten part by part.
const PARTS: usize = 10;

/// The breaker of one binding.
#[derive(Debug)]
pub(crate) struct Breaker {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    parts: [Part; PARTS],
    open: Option<Open>,
}

/// What happened in one part of the window.
#[derive(Debug, Default, Clone, Copy)]
struct Part {
    /// Which one, counted from when the clock began.
    number: u128,
    calls: u64,
    failures: u64,
}

#[derive(Debug, Clone, Copy)]
struct Open {
    /// When it may be tried.
    until: Duration,
    /// Somebody is trying.
    is_tried: bool,
}

/// What a call did to the breaker, for whoever logs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Nothing.
    Stays,
    /// The plugin is not asked any more.
    Opens,
    /// It is asked again.
    Closes,
}

/// The permission to call the plugin once. If it is dropped without a word, nothing is known of the plugin.
#[derive(Debug)]
pub(crate) struct Permit<'b> {
    breaker: &'b Breaker,
    is_trial: bool,
}

impl Breaker {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, state: Mutex::default() }
    }

    /// Whether the plugin may be called. `Err`: in how many seconds to ask again.
    pub(crate) fn admit(&self) -> Result<Permit<'_>, u64> {
        let now = self.now();
        let mut state = self.state();
        let is_trial = match &mut state.open {
            None => false,
            Some(open) if now < open.until => return Err(seconds(open.until.saturating_sub(now))),
            Some(Open { is_tried: true, .. }) => return Err(1),
            Some(open) => {
                open.is_tried = true;
                true
            }
        };
        Ok(Permit { breaker: self, is_trial })
    }

    /// Whether the plugin is left alone, or tried one call at a time.
    pub(crate) fn is_open(&self) -> bool {
        self.state().open.is_some()
    }

    fn now(&self) -> Duration {
        self.clock.now_and_passed().1
    }

    /// Nothing panics while it holds the lock.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit<'_> {
    /// Tells what came of the call.
    pub(crate) fn done<T>(self, answer: &Result<T, PluginError>) -> Turn {
        let failed = match answer {
            Ok(_) | Err(PluginError::Rejected(_)) => false,
            Err(
                PluginError::Trapped { .. }
                | PluginError::Deadline { .. }
                | PluginError::Limit { .. }
                | PluginError::Invalid { .. },
            ) => true,
            Err(PluginError::Busy) => return Turn::Stays,
        };
        let now = self.breaker.now();
        let mut state = self.breaker.state();
        match (state.open, self.is_trial) {
            (None, _) => state.count(now, failed),
            (Some(_), true) if failed => {
                state.open = Some(Open { until: now + BREAKER_PAUSE, is_tried: false });
                Turn::Stays
            }
            (Some(_), true) => {
                *state = State::default();
                Turn::Closes
            }
            // It was called before the breaker opened.
            (Some(_), false) => Turn::Stays,
        }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if self.is_trial
            && let Some(open) = &mut self.breaker.state().open
        {
            open.is_tried = false;
        }
    }
}

impl State {
    fn count(&mut self, now: Duration, failed: bool) -> Turn {
        let width = BREAKER_WINDOW.as_millis() / PARTS as u128;
        let number = now.as_millis() / width;
        let oldest = number.saturating_sub(PARTS as u128 - 1);
        let place = usize::try_from(number % PARTS as u128).unwrap_or_default();
        let Some(part) = self.parts.get_mut(place) else { return Turn::Stays };
        if part.number != number {
            *part = Part { number, ..Part::default() };
        }
        part.calls += 1;
        part.failures += u64::from(failed);
        let recent = self.parts.iter().filter(|part| part.number >= oldest);
        let (calls, failures) =
            recent.fold((0, 0), |(calls, failures), part| (calls + part.calls, failures + part.failures));
        if failed && failures >= BREAKER_MIN_FAILURES && failures * 100 >= calls * BREAKER_SHARE_PERCENT {
            self.open = Some(Open { until: now + BREAKER_PAUSE, is_tried: false });
            return Turn::Opens;
        }
        Turn::Stays
    }
}

/// Whole seconds, and at least one.
fn seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use muster_model::{FixedClock, Timestamp};
    use muster_plugin::Rejection;

    use super::*;

    fn breaker() -> (Arc<FixedClock>, Breaker) {
        let clock = Arc::new(FixedClock::new(Timestamp::from_millis(0)));
        (clock.clone(), Breaker::new(clock))
    }

    fn failure() -> Result<(), PluginError> {
        Err(PluginError::Trapped { function: "mapping.to-account", cause: "unreachable".to_owned() })
    }

    /// Calls so many times; how often it opened or closed.
    fn call(breaker: &Breaker, times: u64, answer: &Result<(), PluginError>) -> usize {
        (0..times).filter(|_| breaker.admit().unwrap().done(answer) != Turn::Stays).count()
    }

    #[test]
    fn it_opens_at_the_share_and_not_before_there_are_enough() {
        let (_, breaker) = breaker();
        assert_eq!(call(&breaker, BREAKER_MIN_FAILURES - 1, &failure()), 0);
        assert!(!breaker.is_open());
        assert_eq!(call(&breaker, 1, &failure()), 1);
        assert_eq!(breaker.admit().map(|_| ()).unwrap_err(), BREAKER_PAUSE.as_secs());
    }

    #[test]
    fn a_plugin_that_answers_more_often_than_not_is_asked_on() {
        let (_, breaker) = breaker();
        assert_eq!(call(&breaker, 1_001, &Ok(())), 0);
        assert_eq!(call(&breaker, 1_000, &failure()), 0);
        assert_eq!(call(&breaker, 1, &failure()), 1);
    }

    #[test]
    fn failures_that_lie_further_back_do_not_count() {
        let (clock, breaker) = breaker();
        for _ in 0..10 {
            assert_eq!(call(&breaker, BREAKER_MIN_FAILURES - 1, &failure()), 0);
            clock.advance(BREAKER_WINDOW);
        }
    }

    #[test]
    fn a_considered_no_and_a_full_host_are_no_failures() {
        let (_, breaker) = breaker();
        let no = Rejection { status: 409, scim_type: None, detail: "no".to_owned() };
        assert_eq!(call(&breaker, 1_000, &Err(PluginError::Rejected(no))), 0);
        assert_eq!(call(&breaker, 1_000, &Err(PluginError::Busy)), 0);
    }

    #[test]
    fn after_the_pause_one_at_a_time_tries_and_a_success_closes() {
        let (clock, breaker) = breaker();
        call(&breaker, BREAKER_MIN_FAILURES, &failure());
        clock.advance(BREAKER_PAUSE.saturating_sub(Duration::from_millis(1)));
        assert_eq!(breaker.admit().map(|_| ()), Err(1));
        clock.advance(Duration::from_millis(1));

        let trial = breaker.admit().unwrap();
        assert_eq!(breaker.admit().map(|_| ()), Err(1), "one at a time");
        assert_eq!(trial.done(&failure()), Turn::Stays);
        assert_eq!(breaker.admit().map(|_| ()), Err(BREAKER_PAUSE.as_secs()), "it is left alone again");
        clock.advance(BREAKER_PAUSE);
        drop(breaker.admit().unwrap());
        assert_eq!(breaker.admit().unwrap().done::<()>(&Err(PluginError::Busy)), Turn::Stays);
        assert_eq!(breaker.admit().unwrap().done(&Ok(())), Turn::Closes, "whoever found out nothing gave way");

        assert_eq!(call(&breaker, BREAKER_MIN_FAILURES - 1, &failure()), 0, "what was is forgotten");
    }

    #[test]
    fn a_call_from_before_it_opened_says_nothing() {
        let (clock, breaker) = breaker();
        let early = breaker.admit().unwrap();
        call(&breaker, BREAKER_MIN_FAILURES, &failure());
        clock.advance(BREAKER_PAUSE);
        let trial = breaker.admit().unwrap();
        assert_eq!(early.done(&Ok(())), Turn::Stays);
        assert!(breaker.is_open() && breaker.admit().is_err());
        assert_eq!(trial.done(&Ok(())), Turn::Closes);
    }
}
