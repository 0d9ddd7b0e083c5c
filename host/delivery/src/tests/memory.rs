use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use muster_model::{
    Attempt, NewTask, PluginDigest, Progress, Queue, ResourceId, ResourceType, Standing, Task, TenantId, Timestamp,
};
use muster_store::{Feed, Lease, Leases, Outbox, Seized, Settled, StoreError};

use crate::{Outboxes, Wake};

type Rows = BTreeMap<u64, (Task, Progress)>;

/// Outboxes of many tenants.
#[derive(Default)]
pub(super) struct Memory {
    tenants: Mutex<BTreeMap<TenantId, Arc<MemoryOutbox>>>,
    wake: Mutex<Option<Wake>>,
    /// It answers nothing.
    pub(super) is_down: Arc<AtomicBool>,
    /// Nobody is woken.
    pub(super) is_silent: AtomicBool,
}

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Memory")
    }
}

#[derive(Default)]
pub(super) struct MemoryOutbox {
    rows: Mutex<Rows>,
    leased: Mutex<HashMap<u64, (Timestamp, u64)>>,
    number: AtomicU64,
    fed: Mutex<HashMap<Queue, u64>>,
    is_down: Arc<AtomicBool>,
}

pub(super) fn tenant(name: &str) -> TenantId {
    TenantId::parse(name).unwrap()
}

impl Memory {
    pub(super) fn of(&self, tenant: &TenantId) -> Arc<MemoryOutbox> {
        let made = || Arc::new(MemoryOutbox { is_down: self.is_down.clone(), ..MemoryOutbox::default() });
        self.tenants.lock().unwrap().entry(tenant.clone()).or_insert_with(made).clone()
    }

    /// A task for a resource of a tenant.
    pub(super) fn plan(&self, name: &str, resource: u128, at: Timestamp) -> u64 {
        let tenant = tenant(name);
        let outbox = self.of(&tenant);
        let seq = {
            let mut rows = outbox.rows.lock().unwrap();
            let seq = rows.len() as u64 + 1;
            let task = NewTask {
                resource_type: ResourceType::USER,
                id: ResourceId::parse(&format!("00000000-0000-7000-8000-{resource:012x}")).unwrap(),
                idempotency_key: format!("{name}-{seq}"),
                action: "disable".to_owned(),
                arguments: Vec::new(),
                destructive: false,
                plugin: PluginDigest::of(b""),
                queue: Queue::plugin(),
            };
            rows.insert(seq, (Task { seq, change: seq, at, task }, Progress::new(at)));
            seq
        };
        self.ring(&tenant);
        seq
    }

    fn ring(&self, tenant: &TenantId) {
        if self.is_silent.load(Ordering::SeqCst) {
            return;
        }
        if let Some(wake) = self.wake.lock().unwrap().as_ref() {
            wake(tenant, &Queue::plugin());
        }
    }

    /// Where a task stands.
    pub(super) fn progress(&self, name: &str, seq: u64) -> Progress {
        self.of(&tenant(name)).rows.lock().unwrap()[&seq].1.clone()
    }

    /// How many tasks of a tenant stand so.
    pub(super) fn standing(&self, name: &str, standing: Standing) -> usize {
        self.of(&tenant(name)).rows.lock().unwrap().values().filter(|(_, it)| it.standing == standing).count()
    }

    /// How many tasks of a tenant somebody has.
    pub(super) fn leased(&self, name: &str) -> usize {
        self.of(&tenant(name)).leased.lock().unwrap().len()
    }
}

#[async_trait]
impl Outboxes for Memory {
    fn outbox(&self, tenant: &TenantId) -> Arc<dyn Outbox> {
        self.of(tenant)
    }

    async fn queues(
        &self,
        after: Option<(TenantId, Queue)>,
        limit: usize,
    ) -> Result<Vec<(TenantId, Queue)>, StoreError> {
        let tenants = self.tenants.lock().unwrap();
        let waits = |outbox: &MemoryOutbox| {
            outbox.rows.lock().unwrap().values().any(|(_, it)| it.standing == Standing::Waiting)
        };
        let behind = |tenant: &TenantId| after.as_ref().is_none_or(|(after, _)| tenant > after);
        let found = tenants.iter().filter(|(tenant, outbox)| behind(tenant) && waits(outbox));
        Ok(found.take(limit).map(|(tenant, _)| (tenant.clone(), Queue::plugin())).collect())
    }

    fn on_tasks(&self, wake: Wake) {
        *self.wake.lock().unwrap() = Some(wake);
    }

    /// Somebody comes for what is in queues that are named so.
    fn is_carried(&self, _: &TenantId, queue: &Queue) -> bool {
        !queue.as_str().starts_with("poll:")
    }

    async fn tenants(&self) -> Result<Vec<TenantId>, StoreError> {
        Ok(self.tenants.lock().unwrap().keys().cloned().collect())
    }
}

impl MemoryOutbox {
    fn up(&self) -> Result<(), StoreError> {
        if self.is_down.load(Ordering::SeqCst) { Err(StoreError::Unavailable("it is down".into())) } else { Ok(()) }
    }

    fn add(&self, at: Timestamp, tasks: Vec<(u64, NewTask)>) {
        let mut rows = self.rows.lock().unwrap();
        for (change, task) in tasks {
            let seq = rows.len() as u64 + 1;
            rows.insert(seq, (Task { seq, change, at, task }, Progress::new(at)));
        }
    }

    fn change(&self, lease: &Lease, change: impl FnOnce(&mut Progress)) -> Result<(), StoreError> {
        self.up()?;
        let mut leased = self.leased.lock().unwrap();
        if leased.get(&lease.task.seq).is_none_or(|(_, number)| *number != lease.number) {
            return Err(StoreError::Stale);
        }
        leased.remove(&lease.task.seq);
        let mut rows = self.rows.lock().unwrap();
        let (_, progress) = rows.get_mut(&lease.task.seq).unwrap();
        progress.revision += 1;
        change(progress);
        Ok(())
    }
}

fn noted(progress: &mut Progress, attempt: Attempt, standing: Standing) {
    progress.note(attempt);
    progress.standing = standing;
}

#[async_trait]
impl Outbox for MemoryOutbox {
    async fn lease(&self, _: &Queue, now: Timestamp, until: Timestamp, limit: usize) -> Result<Leases, StoreError> {
        self.up()?;
        let (rows, mut leased) = (self.rows.lock().unwrap(), self.leased.lock().unwrap());
        leased.retain(|_, (until, _)| *until > now);
        let mut lanes = HashSet::new();
        let mut heads: Vec<&(Task, Progress)> = Vec::new();
        for row in rows.values().filter(|(_, progress)| progress.standing.blocks()) {
            if lanes.insert(row.0.task.id) && row.1.standing == Standing::Waiting && !leased.contains_key(&row.0.seq) {
                heads.push(row);
            }
        }
        heads.sort_by_key(|(task, progress)| (progress.due, task.seq));
        let (due, later): (Vec<_>, Vec<_>) = heads.into_iter().partition(|(_, progress)| progress.due <= now);
        let next = due.get(limit).or(later.first()).map(|(_, progress)| progress.due);
        let given = due.into_iter().take(limit).map(|(task, progress)| {
            let number = self.number.fetch_add(1, Ordering::SeqCst);
            leased.insert(task.seq, (until, number));
            Lease { task: task.clone(), progress: progress.clone(), until, number }
        });
        Ok(Leases { tasks: given.collect(), next })
    }

    /// Nothing here asks for it.
    async fn seize(&self, _: u64, _: Timestamp, _: Timestamp) -> Result<Seized, StoreError> {
        Err(StoreError::Stale)
    }

    async fn settle(&self, lease: &Lease, outcome: Settled) -> Result<(), StoreError> {
        self.change(lease, |progress| match outcome {
            Settled::Done(attempt) => noted(progress, attempt, Standing::Done),
            Settled::Parked(attempt) => noted(progress, attempt, Standing::Parked),
            Settled::Again { attempt, due } => {
                noted(progress, attempt, Standing::Waiting);
                progress.due = due;
            }
            Settled::Held => progress.standing = Standing::Held,
        })
    }

    async fn let_go(&self, lease: &Lease) {
        self.leased.lock().unwrap().remove(&lease.task.seq);
    }

    async fn decide(&self, seq: u64, expected: u64, progress: Progress) -> Result<(), StoreError> {
        self.leased.lock().unwrap().remove(&seq);
        let mut rows = self.rows.lock().unwrap();
        let (_, now) = rows.get_mut(&seq).unwrap();
        if now.revision != expected {
            return Err(StoreError::Stale);
        }
        *now = progress;
        Ok(())
    }

    async fn task(&self, seq: u64) -> Result<Option<(Task, Progress)>, StoreError> {
        Ok(self.rows.lock().unwrap().get(&seq).cloned())
    }

    async fn tasks(
        &self,
        standing: Option<Standing>,
        after: u64,
        limit: usize,
    ) -> Result<Vec<(Task, Progress)>, StoreError> {
        let rows = self.rows.lock().unwrap();
        let found = rows.range(after + 1..).map(|(_, row)| row);
        Ok(found.filter(|(_, it)| standing.is_none_or(|asked| it.standing == asked)).take(limit).cloned().collect())
    }

    async fn tasks_of(&self, _: u64, _: u64, _: usize) -> Result<Vec<(Task, Progress)>, StoreError> {
        Ok(Vec::new())
    }

    async fn lanes_of(&self, _: ResourceId, _: usize) -> Result<Vec<(Task, Progress)>, StoreError> {
        Ok(Vec::new())
    }

    async fn counts(&self) -> Result<Vec<(Queue, Standing, u64)>, StoreError> {
        let rows = self.rows.lock().unwrap();
        let count = |standing| rows.values().filter(|(_, it)| it.standing == standing).count() as u64;
        Ok(Standing::ALL.into_iter().map(|standing| (Queue::plugin(), standing, count(standing))).collect())
    }

    async fn fed(&self, queue: &Queue) -> Result<Option<u64>, StoreError> {
        self.up()?;
        Ok(self.fed.lock().unwrap().get(queue).copied())
    }

    async fn feed(&self, queue: &Queue, feed: Feed) -> Result<(), StoreError> {
        self.up()?;
        let mut cursors = self.fed.lock().unwrap();
        if cursors.get(queue).copied() != feed.expected {
            return Err(StoreError::Stale);
        }
        cursors.insert(queue.clone(), feed.through);
        self.add(feed.at, feed.tasks);
        Ok(())
    }

    async fn announce(&self, at: Timestamp, tasks: Vec<NewTask>) -> Result<(), StoreError> {
        self.up()?;
        self.add(at, tasks.into_iter().map(|task| (0, task)).collect());
        Ok(())
    }

    async fn unfed(&self, queue: &Queue) -> Result<(), StoreError> {
        self.fed.lock().unwrap().remove(queue);
        Ok(())
    }

    async fn prune(&self, _: Timestamp, _: usize) -> Result<usize, StoreError> {
        Ok(0)
    }
}
