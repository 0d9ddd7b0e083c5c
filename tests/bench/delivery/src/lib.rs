//! What the delivery is held against: outboxes that are nothing but a line in memory for each tenant. They keep nothing, order nothing and
//! check nothing, so what the dispatcher costs on them is what it costs by itself.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use async_trait::async_trait;
use muster_delivery::{Outboxes, Wake};
use muster_model::{NewTask, Progress, Queue, ResourceId, Standing, Task, TenantId, Timestamp};
use muster_store::{Feed, Lease, Leases, Outbox, Seized, Settled, StoreError};

/// Outboxes of many tenants, each with one queue.
#[derive(Default)]
pub struct Memory {
    tenants: Mutex<BTreeMap<TenantId, Arc<Line>>>,
    wake: OnceLock<Wake>,
}

/// The tasks of one tenant that wait, and the number of the last one.
#[derive(Default)]
struct Line(Mutex<(VecDeque<Task>, u64)>);

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Memory")
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Memory {
    fn of(&self, tenant: &TenantId) -> Arc<Line> {
        lock(&self.tenants).entry(tenant.clone()).or_default().clone()
    }

    /// Tasks that come at once.
    pub fn plan(&self, tenant: &TenantId, at: Timestamp, tasks: impl Iterator<Item = NewTask>) {
        let line = self.of(tenant);
        let mut own = lock(&line.0);
        let (waiting, last) = &mut *own;
        for task in tasks {
            *last += 1;
            waiting.push_back(Task { seq: *last, change: 0, at, task });
        }
        drop(own);
        if let Some(wake) = self.wake.get() {
            wake(tenant, &Queue::plugin());
        }
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
        let tenants = lock(&self.tenants);
        let behind = |tenant: &TenantId| after.as_ref().is_none_or(|(after, _)| tenant > after);
        let found = tenants.iter().filter(|(tenant, line)| behind(tenant) && !lock(&line.0).0.is_empty());
        Ok(found.take(limit).map(|(tenant, _)| (tenant.clone(), Queue::plugin())).collect())
    }

    fn on_tasks(&self, wake: Wake) {
        // There is one dispatcher.
        let _ = self.wake.set(wake);
    }

    async fn tenants(&self) -> Result<Vec<TenantId>, StoreError> {
        Ok(lock(&self.tenants).keys().cloned().collect())
    }
}

/// What nobody asks for while it is measured.
fn not_here<T>() -> Result<T, StoreError> {
    Err(StoreError::Unavailable("a line in memory has no such thing".into()))
}

#[async_trait]
impl Outbox for Line {
    async fn lease(&self, _: &Queue, now: Timestamp, until: Timestamp, limit: usize) -> Result<Leases, StoreError> {
        let waiting = &mut lock(&self.0).0;
        let given = waiting.drain(..limit.min(waiting.len()));
        let lease = |task: Task| Lease { progress: Progress::new(task.at), task, until, number: 0 };
        let tasks = given.map(lease).collect();
        Ok(Leases { tasks, next: (!waiting.is_empty()).then_some(now) })
    }

    async fn seize(&self, _: u64, _: Timestamp, _: Timestamp) -> Result<Seized, StoreError> {
        not_here()
    }

    async fn settle(&self, lease: &Lease, outcome: Settled) -> Result<(), StoreError> {
        match outcome {
            Settled::Done(_) | Settled::Parked(_) | Settled::Held => {}
            Settled::Again { .. } => lock(&self.0).0.push_back(lease.task.clone()),
        }
        Ok(())
    }

    async fn let_go(&self, lease: &Lease) {
        lock(&self.0).0.push_front(lease.task.clone());
    }

    async fn decide(&self, _: u64, _: u64, _: Progress) -> Result<(), StoreError> {
        not_here()
    }

    async fn task(&self, _: u64) -> Result<Option<(Task, Progress)>, StoreError> {
        not_here()
    }

    async fn tasks(&self, _: Option<Standing>, _: u64, _: usize) -> Result<Vec<(Task, Progress)>, StoreError> {
        not_here()
    }

    async fn tasks_of(&self, _: u64, _: u64, _: usize) -> Result<Vec<(Task, Progress)>, StoreError> {
        not_here()
    }

    async fn lanes_of(&self, _: ResourceId, _: usize) -> Result<Vec<(Task, Progress)>, StoreError> {
        not_here()
    }

    async fn counts(&self) -> Result<Vec<(Queue, Standing, u64)>, StoreError> {
        Ok(Vec::new())
    }

    async fn fed(&self, _: &Queue) -> Result<Option<u64>, StoreError> {
        not_here()
    }

    async fn feed(&self, _: &Queue, _: Feed) -> Result<(), StoreError> {
        not_here()
    }

    async fn announce(&self, _: Timestamp, _: Vec<NewTask>) -> Result<(), StoreError> {
        not_here()
    }

    async fn unfed(&self, _: &Queue) -> Result<(), StoreError> {
        not_here()
    }

    async fn prune(&self, _: Timestamp, _: usize) -> Result<usize, StoreError> {
        not_here()
    }
}
