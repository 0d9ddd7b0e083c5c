//! Who has which task, in memory: the store is one process's, and a lease ends with it.
//!
//! A lease writes nothing. So that a queue is not looked through from its beginning each time, past all that is leased, it is remembered how
//! far it was: every head up to the *frontier* is leased, or is in `back`, or waits for the lease on an earlier task of its lane. What the
//! committer brings in front of the frontier, and what comes back, goes into `back`. If that becomes too large it is forgotten, and the queue
//! is looked through once more.
//!
//! Rows of a batch are seen before the committer says here what the batch has ended: a lease may be given meanwhile on a task as the batch
//! leaves it. So a lease knows the revision that it was given at, and what ended an earlier one does not end it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use muster_model::{Queue, ResourceId, TenantId, Timestamp};
use muster_store::Wake;

use crate::keys::Space;

/// How many heads in front of the frontier are remembered in one queue: some megabytes.
pub(crate) const MAX_BACK: usize = 65_536;

/// How many leases of one queue that have ended without anything being decided are remembered, so that what is said of them does not count.
const MAX_LAPSED: usize = 65_536;

/// When a head is due, and which task it is.
pub(crate) type Due = (Timestamp, u64);

/// Something happened to a task.
#[derive(Debug, Clone)]
pub(crate) struct TaskTurn {
    pub(crate) space: Space,
    pub(crate) queue: Queue,
    /// A head that waits now.
    pub(crate) arrived: Option<Due>,
    /// A task of which something else has become, and the revision up to which no lease on it is valid any more.
    pub(crate) ended: Option<(u64, u64)>,
    /// Whether to wake whoever carries tasks out, though no head arrived.
    pub(crate) wakes: bool,
}

/// A queue: what the keys of its tenant begin with, and what it is called.
type Name = (Arc<[u8]>, Queue);

/// The leases of all queues.
#[derive(Default)]
pub(crate) struct Leased {
    queues: Mutex<HashMap<Name, Arc<Mutex<Held>>>>,
    wake: RwLock<Option<Wake>>,
}

/// The leases of one queue.
#[derive(Debug, Default)]
pub(crate) struct Held {
    /// The number of the latest lease.
    latest: u64,
    tasks: HashMap<u64, Hold>,
    /// What ends when.
    ends: BTreeSet<(Timestamp, u64)>,
    /// The lanes of leased tasks, with their heads that wait for them.
    lanes: HashMap<ResourceId, Lane>,
    frontier: Option<Due>,
    back: BTreeSet<Due>,
    /// Leases that have ended, by task: they count until another one is given.
    lapsed: BTreeMap<u64, Lapsed>,
}

#[derive(Debug)]
struct Hold {
    number: u64,
    /// That of the task's progress when it was leased.
    revision: u64,
    until: Timestamp,
    due: Due,
    lane: ResourceId,
    /// What came of it is on its way: it does not end before that is decided.
    is_settling: bool,
}

#[derive(Debug)]
struct Lapsed {
    number: u64,
    revision: u64,
}

#[derive(Debug, Default)]
struct Lane {
    leased: BTreeSet<u64>,
    waiting: BTreeSet<Due>,
}

impl Leased {
    pub(crate) fn set_wake(&self, wake: Wake) {
        *self.wake.write().unwrap_or_else(PoisonError::into_inner) = Some(wake);
    }

    pub(crate) fn queue(&self, space: &Space, queue: &Queue) -> Arc<Mutex<Held>> {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(queues.entry((space.owner(), queue.clone())).or_default())
    }

    fn known(&self, space: &Space, queue: &Queue) -> Option<Arc<Mutex<Held>>> {
        let queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        queues.get(&(space.owner(), queue.clone())).cloned()
    }

    /// What the committer has just made durable, in order.
    pub(crate) fn apply(&self, turns: &[TaskTurn]) {
        let mut woken = BTreeSet::new();
        for TaskTurn { space, queue, arrived, ended, wakes } in turns {
            if let Some(held) = self.known(space, queue) {
                let mut held = lock(&held);
                if let Some((seq, revision)) = ended {
                    held.decided(*seq, *revision);
                }
                if let Some(due) = arrived {
                    held.arrived(*due);
                }
            }
            if *wakes || arrived.is_some() {
                woken.extend(TenantId::parse(space.name()).ok().map(|tenant| (tenant, queue.clone())));
            }
        }
        for (tenant, queue) in &woken {
            self.wake(tenant, queue);
        }
    }

    pub(crate) fn wake(&self, tenant: &TenantId, queue: &Queue) {
        let wake = self.wake.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(wake) = wake {
            wake(tenant, queue);
        }
    }
}

impl fmt::Debug for Leased {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leased").field("queues", &self.queues).finish_non_exhaustive()
    }
}

pub(crate) fn lock(held: &Mutex<Held>) -> MutexGuard<'_, Held> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Held {
    pub(crate) fn frontier(&self) -> Option<Due> {
        self.frontier
    }

    /// Leases that have run out end.
    pub(crate) fn expire(&mut self, now: Timestamp) {
        while let Some((until, seq)) = self.ends.first().copied().filter(|(until, _)| *until <= now) {
            self.ends.remove(&(until, seq));
            if let Some(hold) = self.take(seq) {
                self.lapse(seq, hold.number, hold.revision);
                self.put_back(hold.due);
            }
        }
    }

    /// The first of the heads in front of the frontier that is due.
    pub(crate) fn first_back(&self, now: Timestamp) -> Option<Due> {
        self.back.first().copied().filter(|(due, _)| *due <= now)
    }

    /// When the first of the heads in front of the frontier is due.
    pub(crate) fn next_back(&self) -> Option<Timestamp> {
        self.back.first().map(|(due, _)| *due)
    }

    /// The head is looked at: it is leased, or set aside, or not there.
    pub(crate) fn take_back(&mut self, due: Due) {
        self.back.remove(&due);
    }

    /// How many heads are in front of the frontier.
    #[cfg(test)]
    pub(crate) fn backs(&self) -> usize {
        self.back.len()
    }

    /// Everything up to there was looked at.
    pub(crate) fn advance(&mut self, due: Due) {
        self.frontier = Some(due);
    }

    pub(crate) fn is_leased(&self, seq: u64) -> bool {
        self.tasks.contains_key(&seq)
    }

    /// Leases a task that is at this revision; `None`: its lane has another lease, and it comes back when that has ended.
    pub(crate) fn lease(&mut self, lane: ResourceId, due: Due, revision: u64, until: Timestamp) -> Option<u64> {
        let place = self.lanes.entry(lane).or_default();
        if !place.leased.is_empty() {
            place.waiting.insert(due);
            return None;
        }
        Some(self.hold(lane, due, revision, until))
    }

    /// Leases a task wherever it stands. Its lane may have a lease on an earlier one; otherwise the error is the task that is leased.
    pub(crate) fn seize(&mut self, lane: ResourceId, due: Due, revision: u64, until: Timestamp) -> Result<u64, u64> {
        let (_, seq) = due;
        match self.lanes.get(&lane).and_then(|place| place.leased.last()) {
            Some(last) if *last >= seq => Err(*last),
            Some(_) | None => Ok(self.hold(lane, due, revision, until)),
        }
    }

    fn hold(&mut self, lane: ResourceId, due: Due, revision: u64, until: Timestamp) -> u64 {
        let (_, seq) = due;
        self.lanes.entry(lane).or_default().leased.insert(seq);
        self.latest += 1;
        self.lapsed.remove(&seq);
        self.ends.insert((until, seq));
        self.tasks.insert(seq, Hold { number: self.latest, revision, until, due, lane, is_settling: false });
        self.latest
    }

    /// Whether what is said of this lease counts; if so, it does not end meanwhile.
    pub(crate) fn settling(&mut self, seq: u64, number: u64) -> bool {
        if let Some(hold) = self.tasks.get_mut(&seq) {
            if hold.number != number || hold.is_settling {
                return false;
            }
            hold.is_settling = true;
            let until = hold.until;
            self.ends.remove(&(until, seq));
            return true;
        }
        // It ran out, and nobody has been given another one.
        self.lapsed.get(&seq).is_some_and(|lapsed| lapsed.number == number)
    }

    /// It could not be said what came of it.
    pub(crate) fn unsettled(&mut self, seq: u64, number: u64) {
        if let Some(hold) = self.tasks.get_mut(&seq).filter(|hold| hold.number == number) {
            hold.is_settling = false;
            let until = hold.until;
            self.ends.insert((until, seq));
        }
    }

    /// Gives a lease back; whether it was one.
    pub(crate) fn let_go(&mut self, seq: u64, number: u64) -> bool {
        if self.tasks.get(&seq).is_none_or(|hold| hold.number != number || hold.is_settling) {
            return false;
        }
        if let Some(hold) = self.take(seq) {
            // What is said of it later does not count.
            self.latest += 1;
            self.lapse(seq, self.latest, hold.revision);
            self.put_back(hold.due);
        }
        true
    }

    /// Something else has become of the task as it was up to this revision.
    fn decided(&mut self, seq: u64, revision: u64) {
        if self.tasks.get(&seq).is_some_and(|hold| hold.revision <= revision) {
            self.take(seq);
        }
        if self.lapsed.get(&seq).is_some_and(|lapsed| lapsed.revision <= revision) {
            self.lapsed.remove(&seq);
        }
    }

    /// A head waits that did not before.
    pub(crate) fn arrived(&mut self, due: Due) {
        if !self.is_leased(due.1) {
            self.put_back(due);
        }
    }

    fn put_back(&mut self, due: Due) {
        if self.frontier.is_some_and(|frontier| due <= frontier) {
            self.back.insert(due);
        }
        if self.back.len() > MAX_BACK {
            self.back.clear();
            self.frontier = None;
        }
    }

    fn take(&mut self, seq: u64) -> Option<Hold> {
        let hold = self.tasks.remove(&seq)?;
        self.ends.remove(&(hold.until, seq));
        if let Some(lane) = self.lanes.get_mut(&hold.lane) {
            lane.leased.remove(&seq);
            if lane.leased.is_empty() {
                let waiting = self.lanes.remove(&hold.lane).unwrap_or_default().waiting;
                for due in waiting {
                    self.put_back(due);
                }
            }
        }
        Some(hold)
    }

    fn lapse(&mut self, seq: u64, number: u64, revision: u64) {
        self.lapsed.insert(seq, Lapsed { number, revision });
        if self.lapsed.len() > MAX_LAPSED {
            self.lapsed.pop_first();
        }
    }
}
