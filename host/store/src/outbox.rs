use std::sync::Arc;

use async_trait::async_trait;
use muster_model::{Attempt, NewTask, Progress, Queue, ResourceId, Standing, Task, TenantId, Timestamp};

use crate::StoreError;

/// What is called when a queue may have something to lease.
pub type Wake = Arc<dyn Fn(&TenantId, &Queue) + Send + Sync>;

/// How many tasks one call returns at most.
pub const MAX_TASKS_A_PAGE: usize = 1_000;

/// How long what one decision says can be, in bytes. Those of people are words; the answer to a request that was carried out later is one, too.
pub const MAX_DECISION_BYTES: usize = 256 << 10;

/// One tenant's tasks, for whoever carries them out and for whoever decides over them: the request path has no such handle, it adds tasks
/// by its commits.
///
/// Tasks of one resource and one queue make a *lane*, in the order of their numbers. The first one of a lane that waits or is held
/// ([`Standing::blocks`]) is its *head*: only heads are leased, so what follows it cannot overtake it.
#[async_trait]
pub trait Outbox: Send + Sync {
    /// Leases heads of a queue that wait and are due at `now`, the earliest due first, at most `limit`: nobody else gets them before `until`,
    /// or before they are settled or let go. A lease does not outlive the process that holds it where no other process can have the store.
    async fn lease(&self, queue: &Queue, now: Timestamp, until: Timestamp, limit: usize) -> Result<Leases, StoreError>;

    /// Leases one task wherever it stands, so that no later one of its lane is leased before it is decided over or let go, or `until`. Its lane
    /// may have a lease on an earlier one. [`StoreError::Stale`] if there is no such task.
    async fn seize(&self, seq: u64, now: Timestamp, until: Timestamp) -> Result<Seized, StoreError>;

    /// What came of an attempt. [`StoreError::Stale`], and nothing is changed, if the lease is not valid any more: it ran out and another
    /// one was given, or somebody has decided over the task. Durable when acknowledged, and then the next of its lane is due.
    async fn settle(&self, lease: &Lease, outcome: Settled) -> Result<(), StoreError>;

    /// Gives a lease back: nothing was tried. Does nothing if it is not valid any more.
    async fn let_go(&self, lease: &Lease);

    /// Replaces the progress of a task that is still at revision `expected`, otherwise [`StoreError::Stale`]. Its lane, its queue and the
    /// counts follow from the new standing; a lease on it is not valid any more. `progress.revision` must be `expected + 1`.
    async fn decide(&self, seq: u64, expected: u64, progress: Progress) -> Result<(), StoreError>;

    /// One task and what has become of it; `None` if there is none (any more).
    async fn task(&self, seq: u64) -> Result<Option<(Task, Progress)>, StoreError>;

    /// Tasks after `after` (0: from the beginning), by number, at most `limit`, and no more than [`MAX_TASKS_A_PAGE`]; of one standing, if one is asked for.
    async fn tasks(
        &self,
        standing: Option<Standing>,
        after: u64,
        limit: usize,
    ) -> Result<Vec<(Task, Progress)>, StoreError>;

    /// The tasks that follow from one entry of the log, by number, at most `limit`, beginning after `after`.
    async fn tasks_of(&self, change: u64, after: u64, limit: usize) -> Result<Vec<(Task, Progress)>, StoreError>;

    /// The tasks of a resource that wait or are held, by queue, then by number, at most `limit`.
    async fn lanes_of(&self, id: ResourceId, limit: usize) -> Result<Vec<(Task, Progress)>, StoreError>;

    /// How many tasks there are of each standing, in each queue: without reading them. What is 0 may be left out.
    async fn counts(&self) -> Result<Vec<(Queue, Standing, u64)>, StoreError>;

    /// How far a queue that is fed from the log has come: the entry up to which it has its tasks. `None`: it was never fed.
    async fn fed(&self, queue: &Queue) -> Result<Option<u64>, StoreError>;

    /// Adds tasks of one queue, in their order, and moves what [`Outbox::fed`] says: all or nothing, and durable when acknowledged.
    /// [`StoreError::Stale`], and nothing is added, if that does not stand at `feed.expected` any more. So whoever feeds a queue, however often
    /// it is killed, adds the tasks of an entry once.
    async fn feed(&self, queue: &Queue, feed: Feed) -> Result<(), StoreError>;

    /// Adds tasks that follow from no entry of the log ([`Task::change`] is 0), of any queues, all or nothing, and durable when acknowledged.
    async fn announce(&self, at: Timestamp, tasks: Vec<NewTask>) -> Result<(), StoreError>;

    /// Forgets how far a queue has come: its receiver is gone. Its tasks stay.
    async fn unfed(&self, queue: &Queue) -> Result<(), StoreError>;

    /// Forgets tasks that are over ([`Standing::is_over`]) and whose last change was before `before`, the oldest numbers first, at most
    /// `limit`, and says how many. It may stop early at one that is not to be forgotten yet: numbers go up with time.
    async fn prune(&self, before: Timestamp, limit: usize) -> Result<usize, StoreError>;
}

/// What follows from a part of the log for one queue.
#[derive(Debug, Clone, PartialEq)]
pub struct Feed {
    /// When.
    pub at: Timestamp,
    /// What [`Outbox::fed`] said.
    pub expected: Option<u64>,
    /// What it is to say: an entry that is there (or was, before it was pruned), and none before `expected`.
    pub through: u64,
    /// The tasks, each with the entry that it follows from, which is after `expected` and not after `through`; or with 0, if it tells of no entry.
    pub tasks: Vec<(u64, NewTask)>,
}

/// What a call of [`Outbox::lease`] found.
#[derive(Debug, Clone, Default)]
pub struct Leases {
    /// The tasks.
    pub tasks: Vec<Lease>,
    /// When the next one is due that was not leased; `None`: none waits, or all that do have been leased.
    pub next: Option<Timestamp>,
}

/// A task that nobody else carries out for a while.
#[derive(Debug, Clone)]
pub struct Lease {
    /// The task.
    pub task: Task,
    /// How it stood when it was leased.
    pub progress: Progress,
    /// Until when.
    pub until: Timestamp,
    /// Which lease of this task it is: an earlier one is not valid any more.
    pub number: u64,
}

/// What a call of [`Outbox::seize`] came to.
#[derive(Debug, Clone)]
pub enum Seized {
    /// It is leased.
    Lease(Box<Lease>),
    /// This one of its lane is leased already: the task itself, or a later one.
    By(u64),
}

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// It is done.
    Done(Attempt),
    /// It is to be tried again.
    Again {
        /// What happened.
        attempt: Attempt,
        /// Not before then.
        due: Timestamp,
    },
    /// It is not to be tried again unless somebody says so.
    Parked(Attempt),
    /// It was not tried: the brake has it.
    Held,
}
