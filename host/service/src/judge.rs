//! Whether the clock is believed by whatever removes things because of their age: clocks are set wrong, and what is removed is gone.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use muster_model::{Clock, TenantRow, Timestamp};
use muster_store::{ClockSeen, Store, StoreError};

use crate::Service;

/// How far the clock may get ahead of the time that has really passed since it was last looked at.
pub const CLOCK_LEAP: Duration = Duration::from_hours(1);

/// How far the clock of a start may be ahead of the last time that was believed: so long can a server have been off. It is never longer than
/// the shortest time that a log is kept, so that no wrong clock empties one at once.
pub const CLOCK_LEAP_AT_START: Duration = Duration::from_hours(7 * 24);

/// How long nothing is removed because of its age after the clock has leapt ahead: long enough for somebody to set it right.
pub const LEAP_PAUSE: Duration = Duration::from_hours(24);

/// How often the store is told the time, for the next start.
pub const CLOCK_KEPT_EVERY: Duration = Duration::from_hours(1);

/// The one judge of the clock.
#[derive(Debug)]
pub(crate) struct Judge {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// What the clock said last, and how much time had passed then.
    latest: (Timestamp, Duration),
    /// The latest time that was believed.
    believed: Timestamp,
    doubt: Option<Doubt>,
    /// What the store has.
    stored: Option<ClockSeen>,
    /// When this process has told it.
    stored_at: Option<Duration>,
}

/// The clock has leapt.
#[derive(Debug, Clone, Copy)]
struct Doubt {
    /// To where.
    to: Timestamp,
    /// How much time will have passed when it is believed all the same.
    until: Duration,
}

/// Nothing is removed because of its age for so long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Paused(Duration);

impl fmt::Display for Paused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let minutes = self.0.as_secs().div_ceil(60);
        write!(
            f,
            "the clock has leapt ahead: nothing is removed because of its age for another {} h {:02} min, or until the clock was set right and \
             the server started again",
            minutes / 60,
            minutes % 60
        )
    }
}

impl Judge {
    /// Begins with what the store has from earlier, for logs of which the one that is kept shortest is kept for so many days.
    pub(crate) fn new(clock: Arc<dyn Clock>, stored: Option<ClockSeen>, shortest_days: Option<u32>) -> Self {
        let (now, passed) = clock.now_and_passed();
        let shortest = shortest_days.map_or(CLOCK_LEAP_AT_START, |days| Duration::from_hours(u64::from(days) * 24));
        Self { clock, state: Mutex::new(State::new(now, passed, stored, shortest.min(CLOCK_LEAP_AT_START))) }
    }

    /// What time it is, if the clock can be believed.
    pub(crate) fn time(&self) -> Result<Timestamp, Paused> {
        let mut state = self.state();
        let (now, passed) = self.clock.now_and_passed();
        state.step(now, passed)
    }

    /// What the store is to be told now.
    fn due(&self) -> Option<ClockSeen> {
        self.state().due()
    }

    fn stored(&self, seen: ClockSeen) {
        let mut state = self.state();
        state.stored_at = Some(state.latest.1);
        state.stored = Some(seen);
    }

    /// Nothing in it is ever half done: whoever panicked with the lock left it usable.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn new(now: Timestamp, passed: Duration, stored: Option<ClockSeen>, forgiven: Duration) -> Self {
        let mut state = Self { latest: (now, passed), believed: now, doubt: None, stored, stored_at: None };
        let Some(seen) = stored else { return state };
        let since = |then: Timestamp| Duration::from_millis(u64::try_from(ahead_ms(now, then)).unwrap_or_default());
        // The doubt of an earlier process goes on, unless the clock was set right meanwhile.
        let doubted = seen.doubted.filter(|to| *to <= now && since(*to) <= CLOCK_LEAP_AT_START + LEAP_PAUSE);
        let to = match doubted {
            Some(to) => to,
            None if since(seen.at) > forgiven => now,
            None => return state,
        };
        let left = LEAP_PAUSE.saturating_sub(since(to));
        if !left.is_zero() {
            state.believed = seen.at;
            state.doubt(Doubt { to, until: passed + left }, ahead_ms(now, seen.at));
        }
        state
    }

    fn step(&mut self, now: Timestamp, passed: Duration) -> Result<Timestamp, Paused> {
        let (before, then) = std::mem::replace(&mut self.latest, (now, passed));
        let leap_ms = ahead_ms(now, before);
        let forgiven = i64::try_from((passed.saturating_sub(then) + CLOCK_LEAP).as_millis()).unwrap_or(i64::MAX);
        if leap_ms > forgiven {
            self.doubt(Doubt { to: now, until: passed + LEAP_PAUSE }, leap_ms);
        }
        match self.doubt {
            Some(Doubt { until, .. }) if passed < until => Err(Paused(until.saturating_sub(passed))),
            Some(_) | None => {
                self.doubt = None;
                self.believed = now;
                Ok(now)
            }
        }
    }

    fn doubt(&mut self, doubt: Doubt, leap_ms: i64) {
        let pause_s = doubt.until.saturating_sub(self.latest.1).as_secs();
        tracing::warn!(
            leap_ms,
            pause_s,
            "the clock has leapt ahead; nothing is removed because of its age for a while"
        );
        self.doubt = Some(doubt);
    }

    fn due(&self) -> Option<ClockSeen> {
        let seen = ClockSeen { at: self.believed, doubted: self.doubt.map(|doubt| doubt.to) };
        let is_news = self.stored.is_none_or(|stored| stored.doubted != seen.doubted);
        let is_old = self.stored_at.is_none_or(|at| self.latest.1.saturating_sub(at) >= CLOCK_KEPT_EVERY);
        (is_news || is_old && self.doubt.is_none()).then_some(seen)
    }
}

fn ahead_ms(now: Timestamp, then: Timestamp) -> i64 {
    now.as_millis().saturating_sub(then.as_millis())
}

/// What the clock is held against at a start: what the store was told, or, where it never was, the latest time in its logs.
pub(crate) async fn last_seen(store: &dyn Store, rows: &[TenantRow]) -> Result<Option<ClockSeen>, StoreError> {
    if let Some(seen) = store.clock_seen().await? {
        return Ok(Some(seen));
    }
    let mut latest: Option<Timestamp> = None;
    for row in rows {
        let status = store.log_keeper(&row.id).status().await?;
        let last = store.directory(&row.id).log(status.last.saturating_sub(1), 1).await?;
        let times = last.first().map(|entry| entry.change.at).into_iter().chain([row.created, row.binding.at]);
        latest = latest.into_iter().chain(times).max();
    }
    Ok(latest.map(|at| ClockSeen { at, doubted: None }))
}

impl Service {
    /// What time it is for whatever removes things because of their age; the request log is told as well.
    pub(crate) fn removal_time(&self) -> Result<Timestamp, Paused> {
        let time = self.judge.time();
        if let Ok(now) = time {
            self.parts.requests.believe(now);
        }
        time
    }

    /// Keeps the time for the next start, now and then.
    pub(crate) async fn keep_clock(&self) -> Result<(), StoreError> {
        if let Some(seen) = self.judge.due() {
            self.parts.store.put_clock_seen(seen).await?;
            self.judge.stored(seen);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_S: i64 = 24 * 60 * 60;
    const BEGAN_S: i64 = 1_793_714_580;

    fn clock(s: i64) -> Timestamp {
        Timestamp::from_millis((BEGAN_S + s) * 1000)
    }

    fn started(at_s: i64, seen: Option<ClockSeen>) -> State {
        State::new(clock(at_s), Duration::ZERO, seen, CLOCK_LEAP_AT_START)
    }

    fn at(state: &mut State, clock_s: i64, passed_s: u64) -> bool {
        state.step(clock(clock_s), Duration::from_secs(passed_s)).is_ok()
    }

    #[test]
    fn a_clock_that_leaps_ahead_is_not_believed_for_a_day() {
        let mut state = started(0, None);
        assert!(at(&mut state, 5, 5));
        assert!(at(&mut state, 10 + 3_600, 10), "an hour is forgiven");
        assert!(at(&mut state, -1_000, 15), "a clock that is set back removes nothing");
        assert!(!at(&mut state, 3_650, 20));
        assert!(!at(&mut state, 3_655, 25));
        assert!(!at(&mut state, 3_655 + 86_000, 25 + 86_000));
        assert!(at(&mut state, 3_655 + 86_400, 25 + 86_400));
        assert!(at(&mut state, 30 * DAY_S, 40 * 86_400), "time that has passed is no leap, however long it was");
    }

    #[test]
    fn a_start_is_believed_if_it_is_the_first_or_not_long_after_the_last_time_that_was_seen() {
        let seen = Some(ClockSeen { at: clock(0), doubted: None });
        for (at_s, stored, believed) in [
            (0, None, true),
            (DAY_S, seen, true),
            (7 * DAY_S, seen, true),
            (7 * DAY_S + 1, seen, false),
            (3650 * DAY_S, seen, false),
            (-3650 * DAY_S, seen, true),
        ] {
            assert_eq!(at(&mut started(at_s, stored), at_s, 0), believed, "{at_s}");
        }
        let mut far = started(3650 * DAY_S, seen);
        assert!(!at(&mut far, 3651 * DAY_S - 1, 86_399));
        assert!(at(&mut far, 3651 * DAY_S, 86_400), "nobody has set it right for a day");
    }

    #[test]
    fn a_start_is_not_forgiven_more_than_the_shortest_log_is_long() {
        let seen = Some(ClockSeen { at: clock(0), doubted: None });
        let forgiven = |at_s: i64, days: Option<u32>| {
            let judge = Judge::new(Arc::new(muster_model::FixedClock::new(clock(at_s))), seen, days);
            judge.time().is_ok()
        };
        assert!(forgiven(DAY_S, Some(1)) && !forgiven(DAY_S + 1, Some(1)));
        assert!(forgiven(7 * DAY_S, Some(30)) && !forgiven(7 * DAY_S + 1, Some(30)) && !forgiven(8 * DAY_S, None));
    }

    #[test]
    fn a_doubt_outlives_a_restart_and_ends_when_its_day_is_over_or_the_clock_was_set_right() {
        let doubted = Some(ClockSeen { at: clock(0), doubted: Some(clock(3 * DAY_S)) });
        assert!(
            !at(&mut started(3 * DAY_S + 60, doubted), 3 * DAY_S + 60, 0),
            "though three days are no leap of a start"
        );
        let mut later = started(4 * DAY_S - 60, doubted);
        assert!(!at(&mut later, 4 * DAY_S - 1, 59));
        assert!(at(&mut later, 4 * DAY_S, 60), "only what was left of the day");
        assert!(at(&mut started(5 * DAY_S, doubted), 5 * DAY_S, 0));
        assert!(at(&mut started(60, doubted), 60, 0), "it was set right");
        assert!(!at(&mut started(300 * DAY_S, doubted), 300 * DAY_S, 0), "it has leapt again");
    }

    #[test]
    fn the_store_is_told_at_most_once_an_hour_and_at_once_of_a_leap_but_no_time_that_is_doubted() {
        let mut state = started(0, None);
        let told = |state: &mut State, clock_s: i64, passed_s: u64| {
            let _ = at(state, clock_s, passed_s);
            let due = state.due();
            if due.is_some() {
                (state.stored, state.stored_at) = (due, Some(Duration::from_secs(passed_s)));
            }
            due
        };
        let believed = |s: i64| Some(ClockSeen { at: clock(s), doubted: None });
        assert_eq!(told(&mut state, 5, 5), believed(5));
        assert_eq!(told(&mut state, 3_604, 3_604), None);
        assert_eq!(told(&mut state, 3_605, 3_605), believed(3_605));
        let leapt = Some(ClockSeen { at: clock(3_605), doubted: Some(clock(DAY_S)) });
        assert_eq!(told(&mut state, DAY_S, 3_610), leapt);
        assert_eq!(told(&mut state, DAY_S + 10_000, 13_610), None);
        assert_eq!(told(&mut state, 2 * DAY_S, 3_610 + 86_400), believed(2 * DAY_S));
    }
}
