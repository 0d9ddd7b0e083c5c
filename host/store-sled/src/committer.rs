//! The one thread that writes.
//!
//! It takes everything that waits, checks each commit against the store and the commits before it in the batch, applies
//! what holds as one batch, flushes once, syncs once, and answers all. There is no timer: while one batch is being
//! synced the next one gathers.
//!
//! sled's `flush` starts the writing (`sync_file_range`) and does not wait for the disk: what makes a batch durable is
//! the `fdatasync` on sled's file that follows it. After any error on the way nobody knows what a restart will find; so
//! nothing is written any more, all commits are refused, and `/readyz` fails, until a restart has recovered.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use muster_model::TenantId;
use muster_store::StoreError;
use sled::IVec;
use tokio::sync::oneshot;

use crate::core::{Core, Opened, closed};
use crate::fault::point;
use crate::flight::{Outcome, Writes};
use crate::keys::{Range, Space};
use crate::open::Mark;
use crate::options::SyncHook;
use crate::prepared::Work;
use crate::reader::failed;
use crate::room::{Allowance, Held, Room, cost};
use crate::snapshot::Snapshot;
use crate::staging::{Known, Made, Staging};
use crate::tasks::{TaskWork, without_rows};
use crate::total::Total;

/// How many commits can wait for the committer. Beyond that they are refused: an answer at once is better than one
/// after the client has given up.
pub const MAX_WAITING_COMMITS: usize = 1024;

/// How many tasks from an earlier version one batch has.
const MAX_TASKS_LED: usize = 1000;

enum Job {
    Write {
        work: Work,
        answer: oneshot::Sender<Result<Made, StoreError>>,
    },
    /// Begins a snapshot of these ranges, between two batches.
    Snapshot {
        ranges: Vec<Range>,
        answer: oneshot::Sender<Result<(), StoreError>>,
    },
}

/// The way to the committer. Dropping it lets the committer finish what waits, and waits for that.
#[derive(Debug)]
pub(crate) struct Committer {
    jobs: Mutex<Option<SyncSender<Job>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Committer {
    /// `latest` is the latest batch in the store.
    pub(crate) fn start(
        core: Arc<Core>,
        opened: Arc<Opened>,
        latest: Mark,
        room: Arc<Room>,
        before_sync: Option<SyncHook>,
    ) -> io::Result<Self> {
        let (sender, jobs) = sync_channel(MAX_WAITING_COMMITS);
        let mut writer =
            Writer { core, opened, batch: latest.batch, total: latest.total, room, held: Held::default(), before_sync };
        let thread = std::thread::Builder::new().name("muster-commit".to_owned()).spawn(move || writer.run(&jobs))?;
        Ok(Self { jobs: Mutex::new(Some(sender)), thread: Mutex::new(Some(thread)) })
    }

    /// Waits until the work is durable, or refused. It is done even if nobody waits any more.
    pub(crate) async fn commit(&self, work: Work) -> Result<Made, StoreError> {
        let (answer, made) = oneshot::channel();
        self.send(Job::Write { work, answer })?;
        // The committer drops an answer only when it panics.
        made.await.unwrap_or_else(|_| Err(StoreError::Unavailable("the write was interrupted".into())))
    }

    /// These ranges as they are now, with everything that was acknowledged and nothing that is not on disk. Waits until no other
    /// snapshot is being read.
    pub(crate) async fn snapshot(&self, core: &Arc<Core>, ranges: Vec<Range>) -> Result<Snapshot, StoreError> {
        let turn = core.snapshots.turn().await?;
        let (answer, begun) = oneshot::channel();
        self.send(Job::Snapshot { ranges, answer })?;
        // It ends what the committer begins, also if nobody waits for it any more.
        let snapshot = Snapshot::new(Arc::clone(core), turn);
        begun.await.unwrap_or_else(|_| Err(closed()))?;
        Ok(snapshot)
    }

    fn send(&self, job: Job) -> Result<(), StoreError> {
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner).clone().ok_or_else(closed)?;
        jobs.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => StoreError::Unavailable("too many commits are waiting".into()),
            TrySendError::Disconnected(_) => closed(),
        })
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    /// Accepts nothing more, and blocks until what was accepted is done.
    pub(crate) fn finish(&self) {
        drop(self.jobs.lock().unwrap_or_else(PoisonError::into_inner).take());
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // Its panics are caught where they happen.
            let _ = thread.join();
        }
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        self.finish();
    }
}

struct Writer {
    core: Arc<Core>,
    opened: Arc<Opened>,
    /// The number of the latest batch.
    batch: u64,
    /// What all rows add up to after it.
    total: Total,
    room: Arc<Room>,
    held: Held,
    before_sync: Option<SyncHook>,
}

impl Writer {
    fn run(&mut self, jobs: &Receiver<Job>) {
        match catch_unwind(AssertUnwindSafe(|| self.lead_to_tasks())) {
            Ok(Ok(())) => {}
            // Nothing is lost: it is tried again at the next start.
            Ok(Err(error)) => tracing::error!(%error, "tasks from an earlier version cannot be carried out yet"),
            Err(_) => self.core.break_down("the write path panicked".to_owned()),
        }
        while let Ok(first) = jobs.recv() {
            let batch = std::iter::once(first).chain(jobs.try_iter().take(MAX_WAITING_COMMITS)).collect();
            // sled has assertions on its write path. A panic must not leave commits waiting for ever.
            if catch_unwind(AssertUnwindSafe(|| self.write(batch))).is_err() {
                self.core.break_down("the write path panicked".to_owned());
                self.core.flights.end(Outcome::Failed);
            }
        }
    }

    /// Tasks from before there were the rows that follow from them get those: before anything else is written, and once.
    fn lead_to_tasks(&mut self) -> Result<(), StoreError> {
        let mut rest = Range::everything();
        loop {
            let Some(row) = self.opened.db.range(&rest.start[..]..&rest.end[..]).next() else { return Ok(()) };
            let (key, _) = row.map_err(failed)?;
            let Some(space) = Space::of_key(&key) else {
                rest = rest.after(&key);
                continue;
            };
            rest.start = space.everything().end;
            let Ok(tenant) = TenantId::parse(space.name()) else { continue };
            if self.opened.db.contains_key(Space::deployment().reserved(&tenant)).map_err(failed)? {
                continue;
            }
            let mut before = u64::MAX;
            loop {
                let seqs = without_rows(&self.opened.db, &space, before, MAX_TASKS_LED)?;
                let Some(least) = seqs.last().copied() else { break };
                before = least;
                let (answer, mut made) = oneshot::channel();
                let work = Work::Task { space: space.clone(), work: TaskWork::Lead { seqs } };
                self.write(vec![Job::Write { work, answer }]);
                made.try_recv().map_err(|error| StoreError::Unavailable(Box::new(error)))??;
            }
        }
    }

    fn write(&mut self, batch: Vec<Job>) {
        let mut writes = Writes::new();
        let known = Known::default();
        let (mut turns, mut task_turns) = (Vec::new(), Vec::new());
        let (mut answers, mut snapshots) = (Vec::new(), Vec::new());
        let mut allowance = None;
        for job in batch {
            let (work, answer) = match job {
                Job::Write { work, answer } => (work, answer),
                Job::Snapshot { ranges, answer } => {
                    snapshots.push((ranges, answer));
                    continue;
                }
            };
            let mut staging = Staging::new(&self.opened.db, &writes).knowing(&known);
            let made = self.core.sound().and_then(|()| work.apply(&mut staging));
            let tasks = staging.take_task_turns();
            let (own, came_and_went) = staging.into_parts();
            let made = made.and_then(|made| take_room(&self.room, &mut allowance, &own).map(|()| made));
            if made.is_ok() {
                writes.extend(own);
                turns.extend(came_and_went);
                task_turns.extend(tasks);
            }
            answers.push((answer, made));
        }
        // Refusals wait as well: a key may be taken by a commit of this very batch.
        let durable = if writes.is_empty() {
            Ok(())
        } else {
            let held = self.held.hold(&self.opened.data, cost(&writes));
            held.and_then(|()| self.make_durable(writes, &known).map_err(|why| StoreError::Unavailable(why.into())))
        };
        if durable.is_ok() {
            self.core.lists.apply(turns);
            self.core.leased.apply(&task_turns);
        }
        for (answer, made) in answers {
            let made = match &durable {
                Ok(()) => made,
                Err(StoreError::Full) => Err(StoreError::Full),
                Err(why) => Err(StoreError::Unavailable(in_words(why).into())),
            };
            // Whoever asked may be gone.
            let _ = answer.send(made);
        }
        for (ranges, answer) in snapshots {
            let begun = self.core.sound().map(|()| self.core.snapshots.begin(ranges));
            if answer.send(begun).is_err() {
                self.core.snapshots.end();
            }
        }
    }

    fn make_durable(&mut self, mut writes: Writes, known: &Known) -> Result<(), String> {
        self.batch += 1;
        self.total = self.total.after(&self.opened.db, &writes, known).map_err(|error| {
            self.core.break_down(error.to_string());
            error.to_string()
        })?;
        writes.insert(Space::deployment().format(), Some(IVec::from(&Mark::row(self.batch, self.total)[..])));
        let mut batch = sled::Batch::default();
        for (key, row) in &writes {
            match row {
                Some(row) => batch.insert(&key[..], row),
                None => batch.remove(&key[..]),
            }
        }
        let writes = Arc::new(writes);
        self.core.flights.begin(&writes);
        match self.persist(batch, &writes) {
            Ok(()) => {
                self.core.synced();
                self.core.flights.end(Outcome::Durable);
                Ok(())
            }
            Err(why) => {
                self.core.break_down(why.clone());
                self.core.flights.end(Outcome::Failed);
                Err(why)
            }
        }
    }

    fn persist(&self, batch: sled::Batch, writes: &Writes) -> Result<(), String> {
        let fault = |place| point(&self.opened.folder, place).map_err(|error| error.to_string());
        let kept = self.core.snapshots.keep(&self.opened.db, writes);
        fault("apply")?;
        self.opened.db.apply_batch(batch).map_err(|error| error.to_string())?;
        drop(kept);
        if let Some(SyncHook(before_sync)) = &self.before_sync {
            before_sync().map_err(|error| error.to_string())?;
        }
        fault("flush")?;
        self.opened.db.flush().map_err(|error| error.to_string())?;
        fault("sync")?;
        self.opened.data.sync_data().map_err(|error| error.to_string())?;
        fault("marker")?;
        let length = self.opened.data.metadata().map_err(|error| error.to_string())?.len();
        self.opened.marker.set(self.batch, length).map_err(|error| error.to_string())
    }
}

/// The error, for each of those who share it.
fn in_words(error: &StoreError) -> String {
    match std::error::Error::source(error) {
        Some(cause) => cause.to_string(),
        None => error.to_string(),
    }
}

/// The file system is asked once a batch.
fn take_room<'a>(room: &'a Room, allowance: &mut Option<Allowance<'a>>, writes: &Writes) -> Result<(), StoreError> {
    let allowance = match allowance {
        Some(allowance) => allowance,
        None => allowance.insert(room.allowance()?),
    };
    allowance.take(writes)
}
