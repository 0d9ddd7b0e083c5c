use std::sync::Arc;

use async_trait::async_trait;
use muster_model::{Progress, Queue, Task, TenantId};
use muster_plugin::Outcome;
use muster_store::{Outbox, StoreError};

/// Who carries tasks out.
#[async_trait]
pub trait Carrier: Send + Sync + std::fmt::Debug {
    /// One attempt, the first one is 1. It may be given up at any point, and the same task may come again: what it does is to be told by
    /// its idempotency key.
    async fn carry(&self, tenant: &TenantId, task: &Task, attempt: u32) -> Outcome;
}

/// Who says that a task which destroys is not to be carried out now.
#[async_trait]
pub trait Brake: Send + Sync + std::fmt::Debug {
    /// Asked before each attempt at such a task; `true`: it is held until somebody decides over it.
    async fn holds(&self, tenant: &TenantId, task: &Task, progress: &Progress) -> Result<bool, StoreError>;
}

/// What is called when there are tasks to look for.
pub type Wake = Arc<dyn Fn(&TenantId, &Queue) + Send + Sync>;

/// As much of a store as the dispatcher knows.
#[async_trait]
pub trait Outboxes: Send + Sync + std::fmt::Debug {
    /// One tenant's tasks.
    fn outbox(&self, tenant: &TenantId) -> Arc<dyn Outbox>;

    /// Queues that hold tasks that wait, of all tenants, after `after`, at most `limit`.
    async fn queues(
        &self,
        after: Option<(TenantId, Queue)>,
        limit: usize,
    ) -> Result<Vec<(TenantId, Queue)>, StoreError>;

    /// Calls `wake` after each commit that added tasks, and after what made one due.
    fn on_tasks(&self, wake: Wake);

    /// Calls `lift` with a queue whose receiver is not to be left alone any longer: somebody has said so.
    fn on_lifted(&self, _lift: Wake) {}

    /// Whether what is in a queue is carried out: not where somebody comes for it, or where nobody is to be told. Whoever changes that calls what
    /// [`Outboxes::on_tasks`] was given.
    fn is_carried(&self, _tenant: &TenantId, _queue: &Queue) -> bool {
        true
    }

    /// All tenants, by name.
    async fn tenants(&self) -> Result<Vec<TenantId>, StoreError>;
}

/// Where chance comes from.
pub trait Dice: Send + Sync + std::fmt::Debug {
    /// A number below `bound`, which is not 0.
    fn below(&self, bound: u64) -> u64;
}
