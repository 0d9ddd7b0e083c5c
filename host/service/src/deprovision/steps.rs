//! Where a deprovision stands, by its steps.

use muster_model::{Progress, Queue, Standing, Task, Timestamp};
use serde::Serialize;

/// Where a deprovision stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Every step is confirmed.
    Done,
    /// Something waits, and there is still time.
    Open,
    /// Something waits, and there is no time any more.
    Overdue,
    /// The brake holds something, and nothing has failed.
    Held,
    /// A task is parked: nobody tries it again unless somebody says so.
    Failed,
    /// Somebody has decided that a step is not to be made, and nothing else is left to do.
    GivenUp,
    /// Not all was done when the user was given access again, which takes the place of it.
    Superseded,
    /// Nothing waits, and it is so long ago that what was done is not known any more.
    Forgotten,
}

/// What the unfinished part of a deprovision waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Waits {
    /// For an attempt to succeed, or for a receiver to be given the event.
    Waiting,
    /// For somebody to release it.
    Held,
    /// For somebody to replay it.
    Failed,
}

impl Waits {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Waiting, Self::Held, Self::Failed];

    /// Its name in the metrics.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Held => "held",
            Self::Failed => "failed",
        }
    }
}

/// What is known of a deprovision.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known<'a> {
    /// When it was written.
    pub(crate) at: Timestamp,
    /// What follows from it and is not forgotten.
    pub(crate) tasks: &'a [(Task, Progress)],
    /// The queues of receivers that take it and have not been given it yet.
    pub(crate) unfed: &'a [Queue],
    /// The later entry by which the user has access again.
    pub(crate) resumed: Option<u64>,
    /// How many seconds there are for all of it.
    pub(crate) target_s: u32,
    /// For how many days tasks are kept that are over.
    pub(crate) tasks_days: u32,
}

/// What follows from that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Judged {
    pub(crate) state: State,
    /// By when all of it should be done.
    pub(crate) due: Timestamp,
    /// When the last step came to its end; `None`: something is left to do, or it is not known.
    pub(crate) ended: Option<Timestamp>,
    /// How many milliseconds after its target it was done, or it is now without being done.
    pub(crate) late_ms: Option<i64>,
    /// What it waits for; `None`: for nothing.
    pub(crate) waits: Option<Waits>,
    /// From when on the target counts for whoever is to be told: what somebody has released or replayed has the time anew.
    pub(crate) tell_from: Timestamp,
    /// It is so old that some of what followed may be forgotten.
    pub(crate) may_be_forgotten: bool,
}

const MILLIS_A_DAY: i64 = 24 * 60 * 60 * 1000;

/// Derives it.
pub(crate) fn judge(known: &Known<'_>, now: Timestamp) -> Judged {
    let Known { at, tasks, unfed, resumed, target_s, tasks_days } = *known;
    let stands = |standing: Standing| tasks.iter().any(|(_, progress)| progress.standing == standing);
    let waits = if stands(Standing::Parked) {
        Some(Waits::Failed)
    } else if stands(Standing::Held) {
        Some(Waits::Held)
    } else if stands(Standing::Waiting) || !unfed.is_empty() {
        Some(Waits::Waiting)
    } else {
        None
    };
    let is_given_up = stands(Standing::Skipped) || stands(Standing::Cancelled);
    let due = later(at, i64::from(target_s) * 1000);
    let may_be_forgotten = now >= later(at, i64::from(tasks_days) * MILLIS_A_DAY);
    let is_late = now > due;
    let state = match waits {
        Some(_) if resumed.is_some() => State::Superseded,
        Some(Waits::Failed) => State::Failed,
        Some(Waits::Held) => State::Held,
        Some(Waits::Waiting) if is_late => State::Overdue,
        Some(Waits::Waiting) => State::Open,
        None if is_given_up && resumed.is_some() => State::Superseded,
        None if is_given_up => State::GivenUp,
        // What is left of what followed was carried out; of what is not, nobody knows.
        None if may_be_forgotten => State::Forgotten,
        None => State::Done,
    };
    let ends = tasks.iter().map(|(task, progress)| progress.changed(task.at));
    let last = ends.fold(at, Timestamp::max);
    let ended = (waits.is_none() && state != State::Forgotten).then_some(last);
    let after_due = |then: Timestamp| Some(millis(due, then)).filter(|late| *late > 0);
    let late_ms = match state {
        State::Done => after_due(last),
        State::Overdue | State::Held | State::Failed => after_due(now),
        State::Open | State::GivenUp | State::Superseded | State::Forgotten => None,
    };
    let said = |(_, progress): &(Task, Progress)| {
        let frees = |what: &str| matches!(what, "release" | "replay");
        let decision = progress.decisions.iter().rev().find(|decision| frees(&decision.what));
        decision.filter(|_| progress.standing == Standing::Waiting).map(|decision| decision.at)
    };
    let tell_from = tasks.iter().filter_map(said).fold(at, Timestamp::max);
    let waits = waits.filter(|_| state != State::Superseded);
    Judged { state, due, ended, late_ms, waits, tell_from, may_be_forgotten }
}

/// From one time to another; negative, if a clock was set back between them.
pub(crate) fn millis(from: Timestamp, to: Timestamp) -> i64 {
    to.as_millis().saturating_sub(from.as_millis())
}

pub(crate) fn later(at: Timestamp, millis: i64) -> Timestamp {
    Timestamp::from_millis(at.as_millis().saturating_add(millis))
}

#[cfg(test)]
mod tests {
    use muster_model::{Actor, Attempt, Decision, NewTask, PluginDigest, ResourceId, ResourceType};

    use super::*;

    const AT: Timestamp = Timestamp::from_millis(1_000_000);

    fn s(seconds: i64) -> Timestamp {
        later(AT, seconds * 1000)
    }

    /// A task that came to this at so many seconds after the change.
    fn task(standing: Standing, tried_s: Option<i64>) -> (Task, Progress) {
        let task = NewTask {
            resource_type: ResourceType::USER,
            id: ResourceId::from_bytes([7; 16]),
            idempotency_key: "key".to_owned(),
            action: "disable".to_owned(),
            arguments: Vec::new(),
            destructive: true,
            plugin: PluginDigest::of(b""),
            queue: Queue::plugin(),
        };
        let mut progress = Progress { standing, ..Progress::new(AT) };
        if let Some(second) = tried_s {
            let failure = (standing != Standing::Done).then(|| "no".to_owned());
            progress.note(Attempt { at: s(second), took_ms: 250, failure });
        }
        (Task { seq: 1, change: 3, at: AT, task }, progress)
    }

    fn judged(tasks: &[(Task, Progress)], resumed: Option<u64>, now: i64) -> Judged {
        judge(&Known { at: AT, tasks, unfed: &[], resumed, target_s: 300, tasks_days: 30 }, s(now))
    }

    #[test]
    fn where_it_stands_is_what_is_worst_of_what_is_left_to_do() {
        use Standing::{Cancelled, Done, Held, Parked, Skipped, Waiting};
        for (standings, resumed, now, state) in [
            (vec![], None, 10, State::Done),
            (vec![Done], None, 10, State::Done),
            (vec![Done], Some(9), 10, State::Done),
            (vec![Done, Waiting], None, 300, State::Open),
            (vec![Done, Waiting], None, 301, State::Overdue),
            (vec![Done, Waiting], Some(9), 301, State::Superseded),
            (vec![Waiting, Held], None, 301, State::Held),
            (vec![Waiting, Held, Parked], None, 10, State::Failed),
            (vec![Parked], Some(9), 10, State::Superseded),
            (vec![Parked, Skipped], None, 10, State::Failed),
            (vec![Done, Skipped], None, 10, State::GivenUp),
            (vec![Cancelled], None, 10, State::GivenUp),
            (vec![Cancelled], Some(9), 10, State::Superseded),
        ] {
            let tasks: Vec<_> = standings.iter().map(|standing| task(*standing, None)).collect();
            assert_eq!(judged(&tasks, resumed, now).state, state, "{standings:?} {resumed:?} {now}");
        }
    }

    #[test]
    fn it_says_by_how_much_it_is_or_was_late() {
        let done = judged(&[task(Standing::Done, Some(20)), task(Standing::Done, Some(310))], None, 5_000);
        assert_eq!((done.ended, done.late_ms), (Some(later(s(310), 250)), Some(10_250)));
        let in_time = judged(&[task(Standing::Done, Some(299))], None, 5_000);
        assert_eq!((in_time.ended, in_time.late_ms), (Some(later(s(299), 250)), None));
        for standing in [Standing::Waiting, Standing::Held, Standing::Parked] {
            let late = judged(&[task(standing, Some(20))], None, 307);
            assert_eq!((late.ended, late.late_ms), (None, Some(7_000)), "{standing:?}");
        }
        assert_eq!(judged(&[task(Standing::Skipped, Some(900))], None, 907).late_ms, None);
    }

    #[test]
    fn a_receiver_that_was_not_given_it_is_a_step_that_waits() {
        let unfed = [Queue::parse("webhook:crm").unwrap()];
        let known = Known { at: AT, tasks: &[], unfed: &unfed, resumed: None, target_s: 300, tasks_days: 30 };
        assert_eq!(judge(&known, s(10)).state, State::Open);
        assert_eq!(judge(&known, s(400)).state, State::Overdue);
    }

    #[test]
    fn what_is_forgotten_is_not_called_done() {
        let month = 30 * 24 * 60 * 60;
        assert_eq!(judged(&[], None, month - 1).state, State::Done);
        let old = judged(&[], None, month);
        assert_eq!((old.state, old.ended), (State::Forgotten, None));
        let kept = judged(&[task(Standing::Done, Some(20))], None, month);
        assert_eq!((kept.state, kept.ended), (State::Forgotten, None), "one that was skipped earlier may be gone");
        let given_up = judged(&[task(Standing::Skipped, Some(20))], None, month);
        assert_eq!((given_up.state, given_up.may_be_forgotten), (State::GivenUp, true));
        assert_eq!(judged(&[task(Standing::Parked, Some(20))], None, month).state, State::Failed, "never forgotten");
    }

    #[test]
    fn what_somebody_has_released_has_its_time_anew_before_anybody_is_told() {
        let (task, mut progress) = task(Standing::Waiting, None);
        progress.decisions = vec![Decision { at: s(4_000), by: Actor::Operator, what: "release".to_owned() }];
        let released = judged(&[(task, progress)], None, 4_001);
        assert_eq!((released.state, released.tell_from), (State::Overdue, s(4_000)));
        assert_eq!(judged(&[], None, 1).tell_from, AT);
    }

    #[test]
    fn a_clock_that_was_set_back_is_no_overflow() {
        let first = Timestamp::from_millis(i64::MIN);
        let known = Known {
            at: Timestamp::from_millis(i64::MAX),
            tasks: &[],
            unfed: &[],
            resumed: None,
            target_s: u32::MAX,
            tasks_days: u32::MAX,
        };
        assert_eq!(judge(&known, first).state, State::Done);
    }
}
