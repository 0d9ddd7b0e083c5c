//! One tenant's tasks, for whoever carries them out and for whoever decides over them.

use std::sync::Arc;

use async_trait::async_trait;
use muster_model::{NewTask, Progress, Queue, ResourceId, Standing, Task, TenantId, Timestamp};
use muster_store::{Feed, Lease, Leases, MAX_TASKS_A_PAGE, Outbox, Seized, Settled, StoreError};

use crate::codec::{self, damaged};
use crate::committer::Committer;
use crate::core::Core;
use crate::feeds::{Fed, decode_fed};
use crate::keys::{self, Range, Space, due_and_seq, last_number};
use crate::leases::{Due, Held, lock};
use crate::prepared::Work;
use crate::reader::Reader;
use crate::tasks::{TaskWork, is_to_be_forgotten};

/// How many tasks one commit of a pruning removes: it shares the committer with the tenants' writes.
const MAX_TASKS_A_PRUNING: usize = 500;

/// The standings of which nothing becomes any more.
const OVER: [Standing; 3] = [Standing::Done, Standing::Skipped, Standing::Cancelled];

#[derive(Debug)]
pub(crate) struct SledOutbox {
    pub(crate) core: Arc<Core>,
    pub(crate) committer: Arc<Committer>,
    pub(crate) tenant: TenantId,
    pub(crate) space: Space,
}

#[async_trait]
impl Outbox for SledOutbox {
    async fn lease(&self, queue: &Queue, now: Timestamp, until: Timestamp, limit: usize) -> Result<Leases, StoreError> {
        let held = self.core.leased.queue(&self.space, queue);
        let mut giving = Giving::new(&held);
        let read = |reader: &Reader<'_>| {
            let mut held = lock(&held);
            let mut taking = Taking { reader, space: &self.space, queue, held: &mut held, now, until };
            taking.take(limit, &mut giving.leases)
        };
        let next = self.core.read(read).await?;
        Ok(Leases { tasks: giving.given(), next })
    }

    async fn seize(&self, seq: u64, now: Timestamp, until: Timestamp) -> Result<Seized, StoreError> {
        // In which queue it is never changes.
        let (known, _) = self.task(seq).await?.ok_or(StoreError::Stale)?;
        let held = self.core.leased.queue(&self.space, &known.task.queue);
        let mut giving = Giving::new(&held);
        let read = |reader: &Reader<'_>| {
            let mut held = lock(&held);
            held.expire(now);
            let (task, progress) = task(reader, &self.space, seq)?.ok_or(StoreError::Stale)?;
            match held.seize(task.task.id, (progress.due, seq), progress.revision, until) {
                Ok(number) => giving.leases.push(Lease { task, progress, until, number }),
                Err(by) => return Ok(Some(by)),
            }
            Ok(None)
        };
        let by = self.core.read(read).await?;
        match (giving.given().pop(), by) {
            (Some(lease), _) => Ok(Seized::Lease(Box::new(lease))),
            (None, Some(by)) => Ok(Seized::By(by)),
            (None, None) => Err(StoreError::Stale),
        }
    }

    async fn settle(&self, lease: &Lease, outcome: Settled) -> Result<(), StoreError> {
        let (seq, number) = (lease.task.seq, lease.number);
        let held = self.core.leased.queue(&self.space, &lease.task.task.queue);
        if !lock(&held).settling(seq, number) {
            return Err(StoreError::Stale);
        }
        // Whatever becomes of the one who waits: the committer ends the lease, or this does.
        let settling = Settling { held: &held, seq, number };
        let settled = self.work(TaskWork::Settle { seq, revision: lease.progress.revision, outcome }).await;
        drop(settling);
        settled.map(drop)
    }

    async fn let_go(&self, lease: &Lease) {
        let queue = &lease.task.task.queue;
        let held = self.core.leased.queue(&self.space, queue);
        let was_held = lock(&held).let_go(lease.task.seq, lease.number);
        if was_held {
            self.core.leased.wake(&self.tenant, queue);
        }
    }

    async fn decide(&self, seq: u64, expected: u64, progress: Progress) -> Result<(), StoreError> {
        if Some(progress.revision) != expected.checked_add(1) {
            return Err(StoreError::Unavailable("a decision does not follow the one before it".into()));
        }
        self.work(TaskWork::Decide { seq, revision: expected, progress }).await.map(drop)
    }

    async fn task(&self, seq: u64) -> Result<Option<(Task, Progress)>, StoreError> {
        self.core.read(|reader| task(reader, &self.space, seq)).await
    }

    async fn tasks(
        &self,
        standing: Option<Standing>,
        after: u64,
        limit: usize,
    ) -> Result<Vec<(Task, Progress)>, StoreError> {
        let (limit, mut after, mut found) = (limit.min(MAX_TASKS_A_PAGE), after, Vec::new());
        loop {
            let range = match standing {
                Some(standing) => self.space.standings(standing, after),
                None => self.space.tasks(after),
            };
            let Page { tasks, ends_at } = self.page(range, limit - found.len()).await?;
            // Of those that go on while they are read, one may stand otherwise by now: a page that is not full says that there is no more.
            let stands =
                |(_, progress): &(Task, Progress)| standing.is_none_or(|standing| progress.standing == standing);
            found.extend(tasks.into_iter().filter(stands));
            match ends_at {
                Some(seq) if found.len() < limit => after = seq,
                Some(_) | None => return Ok(found),
            }
        }
    }

    async fn tasks_of(&self, change: u64, after: u64, limit: usize) -> Result<Vec<(Task, Progress)>, StoreError> {
        Ok(self.page(self.space.following(change, after), limit).await?.tasks)
    }

    async fn lanes_of(&self, id: ResourceId, limit: usize) -> Result<Vec<(Task, Progress)>, StoreError> {
        let Page { mut tasks, .. } = self.page(self.space.lanes(id), limit).await?;
        tasks.retain(|(_, progress)| progress.standing.blocks());
        tasks.sort_by(|(one, _), (other, _)| (&one.task.queue, one.seq).cmp(&(&other.task.queue, other.seq)));
        Ok(tasks)
    }

    async fn counts(&self) -> Result<Vec<(Queue, Standing, u64)>, StoreError> {
        let read = |reader: &Reader<'_>| {
            let mut counts = Vec::new();
            for (key, row) in reader.page(self.space.rows(b'n'), usize::MAX)? {
                let (queue, standing) = keys::counted(&key).ok_or_else(|| damaged("a counter"))?;
                counts.push((queue, standing, codec::number(Some(row))?));
            }
            Ok(counts)
        };
        self.core.read(read).await
    }

    async fn fed(&self, queue: &Queue) -> Result<Option<u64>, StoreError> {
        let row = self.core.read(|reader| reader.value(self.space.fed(queue))).await?;
        row.map(|row| decode_fed(&row)).transpose()
    }

    async fn feed(&self, queue: &Queue, feed: Feed) -> Result<(), StoreError> {
        self.work(TaskWork::Feed(Fed::new(queue, &feed)?)).await.map(drop)
    }

    async fn announce(&self, at: Timestamp, tasks: Vec<NewTask>) -> Result<(), StoreError> {
        self.work(TaskWork::Feed(Fed::announced(at, &tasks)?)).await.map(drop)
    }

    async fn unfed(&self, queue: &Queue) -> Result<(), StoreError> {
        self.work(TaskWork::Unfed(queue.clone())).await.map(drop)
    }

    async fn prune(&self, before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        let mut pruned = 0;
        while pruned < limit {
            let most = (limit - pruned).min(MAX_TASKS_A_PRUNING);
            let space = self.space.clone();
            let seqs = self.core.read_long(move |reader| to_be_forgotten(reader, &space, before, most)).await?;
            let is_last = seqs.len() < most;
            let removed = if seqs.is_empty() { 0 } else { self.work(TaskWork::Prune { seqs, before }).await? };
            pruned += usize::try_from(removed).unwrap_or(usize::MAX);
            if is_last || removed == 0 {
                break;
            }
        }
        Ok(pruned)
    }
}

impl SledOutbox {
    async fn work(&self, work: TaskWork) -> Result<u64, StoreError> {
        let made = self.committer.commit(Work::Task { space: self.space.clone(), work }).await?;
        Ok(made.seq)
    }

    /// The tasks whose numbers the keys of a range end with.
    async fn page(&self, range: Range, limit: usize) -> Result<Page, StoreError> {
        let (space, limit) = (self.space.clone(), limit.min(MAX_TASKS_A_PAGE));
        let read = move |reader: &Reader<'_>| {
            let (mut tasks, mut read, mut last) = (Vec::new(), 0, None);
            for (key, _) in reader.page(range, limit)? {
                let seq = last_number(&key).ok_or_else(|| damaged("a task"))?;
                (read, last) = (read + 1, Some(seq));
                tasks.extend(task(reader, &space, seq)?);
            }
            Ok(Page { tasks, ends_at: last.filter(|_| read >= limit) })
        };
        if limit <= MAX_TASKS_AT_ONCE { self.core.read(read).await } else { self.core.read_long(read).await }
    }
}

/// Some of a range of tasks.
struct Page {
    tasks: Vec<(Task, Progress)>,
    /// The last one that was read, if there may be more.
    ends_at: Option<u64>,
}

/// How many tasks are read on the thread that asks for them: about a millisecond.
const MAX_TASKS_AT_ONCE: usize = 100;

fn task(reader: &Reader<'_>, space: &Space, seq: u64) -> Result<Option<(Task, Progress)>, StoreError> {
    let Some(row) = reader.value(space.task(seq))? else { return Ok(None) };
    let task = codec::decode_task(seq, &row)?;
    let progress = codec::decode_progress(reader.value(space.progress(seq))?.as_deref(), task.at)?;
    Ok(Some((task, progress)))
}

/// The oldest numbers of what is over long enough. Of each standing the first that is not ends the search.
fn to_be_forgotten(
    reader: &Reader<'_>,
    space: &Space,
    before: Timestamp,
    limit: usize,
) -> Result<Vec<u64>, StoreError> {
    let mut seqs = Vec::new();
    for standing in OVER {
        for row in reader.rows(&space.standings(standing, 0)).take(limit) {
            reader.check_wanted()?;
            let seq = last_number(&row?.0).ok_or_else(|| damaged("a task"))?;
            match task(reader, space, seq)? {
                Some((task, progress)) if is_to_be_forgotten(&task, &progress, before) => seqs.push(seq),
                Some(_) => break,
                None => {}
            }
        }
    }
    seqs.sort_unstable();
    seqs.truncate(limit);
    Ok(seqs)
}

/// What came of an attempt is on its way to the committer.
struct Settling<'a> {
    held: &'a std::sync::Mutex<Held>,
    seq: u64,
    number: u64,
}

impl Drop for Settling<'_> {
    /// Does nothing if the committer has ended the lease.
    fn drop(&mut self) {
        lock(self.held).unsettled(self.seq, self.number);
    }
}

/// Leases that nobody has got yet. If whoever asked for them is gone, or what was read cannot be told, they go back.
struct Giving<'a> {
    held: &'a std::sync::Mutex<Held>,
    leases: Vec<Lease>,
}

impl<'a> Giving<'a> {
    fn new(held: &'a std::sync::Mutex<Held>) -> Self {
        Self { held, leases: Vec::new() }
    }

    fn given(mut self) -> Vec<Lease> {
        std::mem::take(&mut self.leases)
    }
}

impl Drop for Giving<'_> {
    fn drop(&mut self) {
        for lease in &self.leases {
            lock(self.held).let_go(lease.task.seq, lease.number);
        }
    }
}

/// Leases being given.
struct Taking<'a, 'r> {
    reader: &'a Reader<'r>,
    space: &'a Space,
    queue: &'a Queue,
    held: &'a mut Held,
    now: Timestamp,
    until: Timestamp,
}

impl Taking<'_, '_> {
    /// Leases at most `limit` heads, and says when the next one is due.
    fn take(&mut self, limit: usize, given: &mut Vec<Lease>) -> Result<Option<Timestamp>, StoreError> {
        self.held.expire(self.now);
        let all = self.space.dues(self.queue);
        let ahead = match self.held.frontier() {
            Some((due, seq)) => all.clone().after(&self.space.due(self.queue, due, seq)),
            None => all.clone(),
        };
        let mut ahead = self.reader.rows(&ahead);
        let mut next_ahead = next_due(&mut ahead)?;
        while given.len() < limit {
            let back = self.held.first_back(self.now);
            let due = next_ahead.filter(|(due, _)| *due <= self.now);
            match (back, due) {
                (Some(back), due) if due.is_none_or(|due| back < due) => {
                    self.held.take_back(back);
                    self.look_at(back, given)?;
                }
                (_, Some(due)) => {
                    self.held.advance(due);
                    self.look_at(due, given)?;
                    next_ahead = next_due(&mut ahead)?;
                }
                (Some(_) | None, None) => break,
            }
        }
        let next = next_ahead.map(|(due, _)| due);
        let next = [next, self.held.next_back()].into_iter().flatten().min();
        self.reader.saw(self.seen(all, next));
        Ok(next)
    }

    /// What was read of the queue, so that nothing is told that a crash can take back.
    fn seen(&self, all: Range, next: Option<Timestamp>) -> Range {
        match next {
            Some(due) => all.through(&self.space.due(self.queue, due, u64::MAX)),
            None => all,
        }
    }

    fn look_at(&mut self, due: Due, given: &mut Vec<Lease>) -> Result<(), StoreError> {
        let (at, seq) = due;
        if self.held.is_leased(seq) || self.reader.peek(&self.space.due(self.queue, at, seq))?.is_none() {
            return Ok(());
        }
        let Some((task, progress)) = task(self.reader, self.space, seq)? else { return Ok(()) };
        // What has changed since comes in again by itself.
        if progress.standing != Standing::Waiting || progress.due != at {
            return Ok(());
        }
        if let Some(number) = self.held.lease(task.task.id, due, progress.revision, self.until) {
            given.push(Lease { task, progress, until: self.until, number });
        }
        Ok(())
    }
}

fn next_due(
    rows: &mut impl Iterator<Item = Result<(sled::IVec, sled::IVec), StoreError>>,
) -> Result<Option<Due>, StoreError> {
    let Some(row) = rows.next().transpose()? else { return Ok(None) };
    due_and_seq(&row.0).map(Some).ok_or_else(|| damaged("when a task is due"))
}
