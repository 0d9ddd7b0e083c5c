//! Whose turn it is. A queue that has something to do stands in line once, and goes to the end of it after each turn: who has much waits
//! no shorter than who has little. A queue begins with one attempt at a time, and has twice as many after each answer and half as many
//! after each failure: an endpoint that hangs holds one. A tenant that holds what it may waits for itself (`crowd.rs`). It remembers queues, never tasks: a backlog
//! stays in the store.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use muster_model::{Queue, TenantId, Timestamp};

use self::crowd::Share;
use crate::DeliveryLimits;
use crate::limits::later;

mod crowd;

/// One in so many of all attempts is kept for queues whose last attempt did not fail, of tenants that hold little: however many endpoints hang
/// or are slow, those that are not find room.
pub const RESERVED: usize = 8;

/// How long to leave a queue alone whose tasks are said to be due, and were not leased: somebody else has them.
const NOT_YET: Duration = Duration::from_millis(100);

/// A queue of a tenant.
pub(crate) type Name = Arc<(TenantId, Queue)>;

/// How an attempt has ended, for its queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// There was an answer, if only that this task can never be done.
    Answered,
    /// It failed, and may not fail the next time. This task it was, and then: who hears of it may hear of it later. `until`: how long the
    /// receiver asks to be left alone, whatever there is for it.
    Failed { seq: u64, at: Timestamp, until: Option<Timestamp> },
    /// The brake has it: the other side was not asked, and there may be more of these.
    Held,
    /// Nothing was learned.
    Unknown,
}

/// A turn: this queue may lease so many tasks.
#[derive(Debug)]
pub(crate) struct Turn {
    pub(crate) name: Name,
    pub(crate) want: usize,
    /// When it came.
    pub(crate) at: Timestamp,
    /// It fails, and not for one task alone.
    pub(crate) is_outage: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Stands {
    /// Until one of its attempts ends, or it is woken.
    #[default]
    Aside,
    InLine,
    /// Its tenant holds what it may: until one of the tenant's attempts ends, or there is room again for those that hold so much.
    Crowded,
    Until(Timestamp),
    /// It is asked for tasks.
    Asked(usize),
    /// The store did not answer for it.
    Resting,
}

#[derive(Debug, Default)]
struct State {
    stands: Stands,
    in_flight: usize,
    /// It stands in line again because its tenant has room: the others of its tenant wait for it.
    is_called: bool,
    /// Something came while it was asked.
    is_woken: bool,
    /// How many attempts it may have at once; 0: as 1.
    window: usize,
    /// Failures since the last answer.
    failures: u32,
    /// Of which task the last of them was, and whether others were of another.
    failed: Option<u64>,
    is_several: bool,
    /// No attempt before then: it fails.
    not_before: Option<Timestamp>,
    /// Nor before then: its receiver has asked for a pause. What it answers meanwhile was sent before it asked, and takes nothing back.
    asked_until: Option<Timestamp>,
}

impl State {
    /// Whether it fails, and not for one task alone: that one has pauses of its own, and delays no other.
    fn is_failing(&self, limits: &DeliveryLimits) -> bool {
        self.failures >= limits.failing_after && self.is_several
    }

    /// Until when it is left alone, if it is. The first attempt after a pause that was asked for is alone.
    fn paused(&mut self, now: Timestamp) -> Option<Timestamp> {
        if self.asked_until.is_some_and(|until| until <= now) {
            (self.asked_until, self.window) = (None, 0);
        }
        self.not_before.max(self.asked_until).filter(|until| *until > now)
    }

    /// After an answer it may have twice as many attempts at once; not while it is to be left alone.
    fn widen(&mut self, limits: &DeliveryLimits) {
        if self.asked_until.is_none() {
            self.window = self.window.max(1).saturating_mul(2).min(limits.concurrency_per_queue);
        }
    }
}

/// All queues that have tasks that wait, as far as it is known.
#[derive(Debug)]
pub(crate) struct Turns {
    limits: DeliveryLimits,
    queues: HashMap<Name, State>,
    line: VecDeque<Name>,
    /// Those whose last attempt failed have a line of their own.
    failed_line: VecDeque<Name>,
    is_turn_of_failed: bool,
    timers: BTreeSet<(Timestamp, Name)>,
    /// Attempts that run or are kept for a queue that is asked.
    taken: usize,
    /// What of that each tenant holds.
    shares: HashMap<TenantId, Share>,
    /// Those of which queues are [`Stands::Crowded`].
    crowded: VecDeque<TenantId>,
    /// Since they were last looked at, something has become free.
    is_roomy: bool,
}

impl Turns {
    pub(crate) fn new(limits: DeliveryLimits) -> Self {
        Self {
            limits,
            queues: HashMap::new(),
            line: VecDeque::new(),
            failed_line: VecDeque::new(),
            is_turn_of_failed: false,
            timers: BTreeSet::new(),
            taken: 0,
            shares: HashMap::new(),
            crowded: VecDeque::new(),
            is_roomy: false,
        }
    }

    /// There may be something to do for it.
    pub(crate) fn wake(&mut self, name: &Name) {
        let state = self.queues.entry(name.clone()).or_default();
        match state.stands {
            Stands::Asked(_) => state.is_woken = true,
            // It stands in line already, or the store that did not answer for it is left alone for as long as was said.
            Stands::InLine | Stands::Crowded | Stands::Resting => {}
            Stands::Aside | Stands::Until(_) => self.put(name, Stands::InLine),
        }
    }

    /// It is not left alone any longer, whatever was asked for: somebody has said so.
    pub(crate) fn lift(&mut self, name: &Name) {
        if let Some(state) = self.queues.get_mut(name) {
            (state.not_before, state.asked_until, state.window) = (None, None, 0);
        }
        self.wake(name);
    }

    /// As [`Turns::wake`], if nothing is known of it yet: what is known is more.
    pub(crate) fn find(&mut self, name: &Name) {
        if !self.queues.contains_key(name) {
            self.wake(name);
        }
    }

    /// Those whose time has come stand in line.
    pub(crate) fn due(&mut self, now: Timestamp) {
        while let Some((at, name)) = self.timers.first().cloned() {
            if at > now {
                return;
            }
            self.put(&name, Stands::InLine);
        }
    }

    /// When the next one's time comes.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// The next turn. Its queue is [`Turns::asked`] or [`Turns::rest`]s afterwards.
    pub(crate) fn next(&mut self, now: Timestamp) -> Option<Turn> {
        loop {
            self.call();
            let (name, is_failed, free) = self.pop()?;
            let Some(state) = self.queues.get_mut(&name) else { continue };
            state.stands = Stands::Aside;
            let is_called = std::mem::take(&mut state.is_called);
            if is_called {
                self.uncall(&name, is_failed);
            }
            let Some(state) = self.queues.get_mut(&name) else { continue };
            let later = state.paused(now);
            let is_failing = state.is_failing(&self.limits);
            let window = if is_failing { 1 } else { state.window.max(1) };
            let want = window.saturating_sub(state.in_flight);
            if want == 0 || later.is_some() {
                // Another one of its tenant can have the room that it was called for.
                self.is_roomy |= is_called;
                if let Some(at) = later.filter(|_| want > 0) {
                    self.put(&name, Stands::Until(at));
                }
                continue;
            }
            let Some(room) = self.room_for(&name, is_called) else { continue };
            let want = want.min(free).min(room);
            self.put(&name, Stands::Asked(want));
            self.take(&name, want);
            return Some(Turn { name, want, at: now, is_outage: is_failing });
        }
    }

    /// The first of one of the lines, by turns; whether it is that of those that failed, and how many attempts are free for it.
    fn pop(&mut self) -> Option<(Name, bool, usize)> {
        let (free, free_for_failed) = (self.free(), self.free().saturating_sub(self.reserved()));
        self.is_turn_of_failed = !self.is_turn_of_failed;
        // It may have failed since it stands here.
        while let Some(name) = self.line.pop_front_if(|name| self.queues.get(name).is_some_and(|it| it.failures > 0)) {
            if self.queues.get(&name).is_some_and(|it| it.is_called) {
                self.move_call(&name);
            }
            self.failed_line.push_back(name);
        }
        for is_failed in [self.is_turn_of_failed, !self.is_turn_of_failed] {
            let (line, free) =
                if is_failed { (&mut self.failed_line, free_for_failed) } else { (&mut self.line, free) };
            if let Some(name) = if free > 0 { line.pop_front() } else { None } {
                return Some((name, is_failed, free));
            }
        }
        None
    }

    /// It was asked at `at`, and so many tasks were leased; the next one is due then.
    pub(crate) fn asked(&mut self, name: &Name, leased: usize, next: Option<Timestamp>, at: Timestamp) {
        let Some(state) = self.queues.get_mut(name) else { return };
        let Stands::Asked(want) = state.stands else { return };
        state.in_flight += leased;
        let is_woken = std::mem::take(&mut state.is_woken);
        let (stands, is_idle) = if is_woken || leased >= want {
            (Stands::InLine, false)
        } else {
            match next {
                Some(next) if next <= at => (Stands::Until(later(at, NOT_YET)), false),
                Some(next) => (Stands::Until(next), false),
                None => (Stands::Aside, state.in_flight == 0),
            }
        };
        self.put(name, stands);
        self.give_back(name, want.saturating_sub(leased));
        if is_idle {
            self.queues.remove(name);
        }
    }

    /// The store did not answer for it: until [`Turns::rested`].
    pub(crate) fn rest(&mut self, name: &Name) {
        let Some(state) = self.queues.get_mut(name) else { return };
        let Stands::Asked(want) = state.stands else { return };
        self.give_back(name, want);
        self.put(name, Stands::Resting);
    }

    pub(crate) fn rested(&mut self, name: &Name) {
        self.put(name, Stands::InLine);
    }

    /// One of its attempts has ended. `pause` says how long to leave it alone after so many failures too many.
    pub(crate) fn ended(&mut self, name: &Name, end: End, pause: impl FnOnce(u32) -> Duration) {
        let Some(state) = self.queues.get_mut(name) else { return };
        state.in_flight = state.in_flight.saturating_sub(1);
        match end {
            End::Answered => {
                (state.failures, state.failed, state.is_several, state.not_before) = (0, None, false, None);
                state.widen(&self.limits);
            }
            End::Failed { seq, at, until } => {
                state.failures = state.failures.saturating_add(1);
                state.window /= 2;
                state.is_several |= state.failed.replace(seq).is_some_and(|other| other != seq);
                if state.is_failing(&self.limits) {
                    let too_many = state.failures - self.limits.failing_after;
                    state.not_before = state.not_before.max(Some(later(at, pause(too_many.saturating_add(1)))));
                }
                state.asked_until = state.asked_until.max(until);
            }
            End::Held => state.widen(&self.limits),
            End::Unknown => {}
        }
        // Its lane goes on, and there is room for another one.
        self.give_back(name, 1);
        self.wake(name);
    }

    /// Whether attempts run, or a queue is asked for tasks.
    pub(crate) fn is_busy(&self) -> bool {
        self.taken > 0
    }

    /// How many queues are known, and how many of them fail.
    pub(crate) fn known(&self) -> (usize, usize) {
        let failing = self.queues.values().filter(|state| state.is_failing(&self.limits)).count();
        (self.queues.len(), failing)
    }

    fn put(&mut self, name: &Name, stands: Stands) {
        let Some(state) = self.queues.get_mut(name) else { return };
        if let Stands::Until(at) = state.stands {
            self.timers.remove(&(at, name.clone()));
        }
        match stands {
            Stands::InLine if state.failures > 0 => self.failed_line.push_back(name.clone()),
            Stands::InLine => self.line.push_back(name.clone()),
            Stands::Until(at) => {
                self.timers.insert((at, name.clone()));
            }
            Stands::Aside | Stands::Crowded | Stands::Asked(_) | Stands::Resting => {}
        }
        state.stands = stands;
    }
}

#[cfg(test)]
mod tests;
