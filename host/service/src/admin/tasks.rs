//! What people do with tasks: look at them, and decide over those that nobody carries out by themselves.

mod decide;
mod show;
mod verdict;

use muster_model::{InvalidQueue, Progress, Queue, Standing, Task, TenantId};
use muster_store::{MAX_TASKS_A_PAGE, Outbox};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{AdminError, Service};

pub use decide::{MAX_CHANGES_LOOKED_AT, MAX_DECIDED_AT_ONCE, NewDecision, NewDecisions};
pub(super) use verdict::decided;
pub use verdict::{MAX_DECISIONS_TOLD, Verdict};

/// How many tasks one call looks at for those of one queue.
pub const MAX_TASKS_LOOKED_AT: usize = 1_000;

/// How many of them it reads together.
const LOOKED_AT_TOGETHER: usize = 100;

/// Which tasks.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TasksAsked {
    /// Those that stand so; all, if it is not given.
    #[serde(default)]
    pub standing: Option<Standing>,
    /// Those after this one.
    #[serde(default)]
    pub after: u64,
    /// How many at most.
    #[serde(default)]
    pub limit: Option<usize>,
    /// Those that follow from this entry of the log.
    #[serde(default)]
    pub change: Option<u64>,
    /// Those of this queue; of all, if it is not given.
    #[serde(default)]
    pub queue: Option<Queue>,
}

impl Service {
    /// A tenant's tasks by number, and where to go on.
    pub async fn read_tasks(&self, tenant: &str, asked: TasksAsked) -> Result<Value, AdminError> {
        let TasksAsked { standing, mut after, limit, change, queue } = asked;
        let queue = existing(queue)?;
        let limit = within(limit, 100, MAX_TASKS_A_PAGE)?;
        let outbox = self.outbox(tenant)?;
        // Of one queue there may be few among many.
        let page = if queue.is_some() { limit.max(LOOKED_AT_TOGETHER) } else { limit };
        let (mut shown, mut looked_at) = (Vec::new(), 0);
        loop {
            let tasks = match change {
                Some(change) => outbox.tasks_of(change, after, page).await?,
                None => outbox.tasks(standing, after, page).await?,
            };
            looked_at += tasks.len();
            let mut asked = tasks.iter().filter(|(task, progress)| {
                standing.is_none_or(|asked| progress.standing == asked)
                    && queue.as_ref().is_none_or(|asked| task.task.queue == *asked)
            });
            let mut next = tasks.last().filter(|_| tasks.len() == page).map(|(task, _)| task.seq);
            for (task, progress) in asked.by_ref().take(limit - shown.len()) {
                shown.push(brief(task, progress));
                after = task.seq;
            }
            if asked.next().is_some() {
                next = Some(after);
            }
            match next {
                Some(next) if shown.len() < limit && looked_at < MAX_TASKS_LOOKED_AT && queue.is_some() => after = next,
                next => return Ok(json!({ "tasks": shown, "next": next })),
            }
        }
    }

    /// How many tasks stand where, by queue, and since when the oldest waits of those that are carried out from here.
    pub async fn count_tasks(&self, tenant: &str) -> Result<Value, AdminError> {
        let id = self.row(tenant)?.id;
        let counts = self.parts.store.outbox(&id).counts().await?;
        let mut queues = serde_json::Map::new();
        let mut is_for_us = false;
        for (queue, standing, count) in counts.into_iter().filter(|(_, _, count)| *count > 0) {
            queues.entry(queue.as_str()).or_insert_with(|| json!({}))[standing.name()] = json!(count);
            is_for_us |= standing == Standing::Waiting && self.is_carried(&id, &queue);
        }
        let oldest = if is_for_us { self.oldest_carried(&id).await? } else { None };
        let oldest = oldest.map(|task| json!({ "seq": task.seq, "at": task.at.to_string() }));
        Ok(json!({ "queues": queues, "oldest_waiting": oldest }))
    }

    /// The oldest task that waits to be carried out. What somebody comes for, or what is for a receiver that is off, waits for them; of
    /// those there are never many, because their queues are fed no further.
    async fn oldest_carried(&self, tenant: &TenantId) -> Result<Option<Task>, AdminError> {
        let (outbox, mut after) = (self.parts.store.outbox(tenant), 0);
        // The first is it, nearly always.
        let mut limit = 1;
        loop {
            let page = outbox.tasks(Some(Standing::Waiting), after, limit).await?;
            let Some((last, _)) = page.last() else { return Ok(None) };
            after = last.seq;
            if let Some((task, _)) = page.into_iter().find(|(task, _)| self.is_carried(tenant, &task.task.queue)) {
                return Ok(Some(task));
            }
            limit = MAX_TASKS_A_PAGE;
        }
    }

    async fn task(&self, tenant: &str, seq: u64) -> Result<(Task, Progress), AdminError> {
        let found = self.outbox(tenant)?.task(seq).await?;
        found.ok_or_else(|| AdminError::NotFound(format!("task {seq} of tenant {tenant}")))
    }

    fn outbox(&self, tenant: &str) -> Result<std::sync::Arc<dyn Outbox>, AdminError> {
        Ok(self.parts.store.outbox(&self.row(tenant)?.id))
    }
}

/// A task as it stands in a list.
pub(super) fn brief(task: &Task, progress: &Progress) -> Value {
    let mut shown = json!(task);
    shown["at"] = json!(task.at.to_string());
    shown["queue"] = json!(task.task.queue);
    shown["standing"] = json!(progress.standing);
    shown["due"] = json!(progress.due.to_string());
    shown["attempts"] = json!(progress.attempts);
    shown["failure"] = json!(progress.told.last().and_then(|attempt| attempt.failure.as_ref()));
    shown
}

fn number(tenant: &str, seq: &str) -> Result<u64, AdminError> {
    seq.parse().map_err(|_| AdminError::NotFound(format!("task {seq} of tenant {tenant}")))
}

/// A queue that nothing can be in is a slip of the pen, and not an empty one.
fn existing(queue: Option<Queue>) -> Result<Option<Queue>, AdminError> {
    queue.map(Queue::existing).transpose().map_err(|error: InvalidQueue| AdminError::Wrong(error.to_string()))
}

pub(super) fn within(limit: Option<usize>, default: usize, most: usize) -> Result<usize, AdminError> {
    match limit.unwrap_or(default) {
        0 => Err(AdminError::Wrong("limit is at least 1".to_owned())),
        limit => Ok(limit.min(most)),
    }
}
