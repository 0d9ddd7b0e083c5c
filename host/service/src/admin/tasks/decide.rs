use std::collections::HashSet;

use muster_model::{Progress, Queue, Standing, Task};
use muster_store::{MAX_TASKS_A_PAGE, Outbox, StoreError};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{LOOKED_AT_TOGETHER, MAX_TASKS_LOOKED_AT, Verdict, decided, existing, number, within};
use crate::{AdminError, Service};

/// How many tasks one call decides over at most.
pub const MAX_DECIDED_AT_ONCE: usize = 1_000;

/// How many later changes of a resource are looked at for tasks that were carried out since.
pub const MAX_CHANGES_LOOKED_AT: usize = 1_000;

/// How many refusals are told one by one.
const MAX_REFUSALS_TOLD: usize = 20;

/// How often a decision is made again because the task went on meanwhile.
const ATTEMPTS: u32 = 8;

/// A decision over one task.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewDecision {
    /// Also if later tasks of its resource were carried out since.
    #[serde(default)]
    pub force: bool,
}

/// A decision over many.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewDecisions {
    /// Over those that stand so.
    pub standing: Standing,
    /// Over those of this queue; of all, if it is not given.
    #[serde(default)]
    pub queue: Option<Queue>,
    /// Over those after this one.
    #[serde(default)]
    pub after: u64,
    /// How many are decided over at most, those that are refused counted.
    #[serde(default)]
    pub limit: Option<usize>,
    /// As for one.
    #[serde(default)]
    pub force: bool,
}

impl Service {
    /// Decides over one task. What is not so any more is refused, with the reason.
    pub async fn decide_task(
        &self,
        tenant: &str,
        seq: &str,
        verdict: Verdict,
        new: NewDecision,
    ) -> Result<Value, AdminError> {
        let seq = number(tenant, seq)?;
        let queue = self.decide_over(tenant, seq, verdict, new.force).await?;
        self.tried_now(tenant, verdict, [queue])?;
        self.show_task(tenant, &seq.to_string()).await
    }

    /// Decides over all tasks that stand so, up to a limit, and tells which were refused, and where to go on: `next` is there also where
    /// none of the queue was found so far.
    pub async fn decide_tasks(&self, tenant: &str, verdict: Verdict, new: NewDecisions) -> Result<Value, AdminError> {
        let NewDecisions { standing, queue, mut after, limit, force } = new;
        let queue = existing(queue)?;
        let limit = within(limit, 100, MAX_DECIDED_AT_ONCE)?;
        let outbox = self.outbox(tenant)?;
        // Of one queue there may be few among many.
        let page = if queue.is_some() { limit.max(LOOKED_AT_TOGETHER) } else { limit };
        let (mut decided, mut refused, mut refusals, mut looked_at) = (0, 0, Vec::new(), 0);
        let mut queues = HashSet::new();
        let next = loop {
            let tasks = outbox.tasks(Some(standing), after, page).await?;
            looked_at += tasks.len();
            let is_asked = |task: &Task| queue.as_ref().is_none_or(|queue| task.task.queue == *queue);
            let asked: Vec<u64> = tasks.iter().filter(|(task, _)| is_asked(task)).map(|(task, _)| task.seq).collect();
            let room = limit - (decided + refused);
            for seq in asked.iter().copied().take(room) {
                after = seq;
                match self.decide_over(tenant, seq, verdict, force).await {
                    Ok(queue) => {
                        decided += 1;
                        queues.insert(queue);
                    }
                    Err(error @ (AdminError::InUse(_) | AdminError::NotFound(_))) => {
                        refused += 1;
                        if refusals.len() < MAX_REFUSALS_TOLD {
                            refusals.push(json!({ "seq": seq, "detail": error.to_string() }));
                        }
                    }
                    Err(error) => return Err(error),
                }
            }
            if asked.len() > room {
                break Some(after);
            }
            match tasks.last().filter(|_| tasks.len() == page).map(|(task, _)| task.seq) {
                Some(last) if asked.len() < room && looked_at < MAX_TASKS_LOOKED_AT && queue.is_some() => after = last,
                last => break last,
            }
        };
        self.tried_now(tenant, verdict, queues)?;
        Ok(json!({ "decided": decided, "refused": refused, "refusals": refusals, "next": next }))
    }

    /// Whoever has something tried now means that its receiver is not to be left alone, though it has asked for that.
    fn tried_now(
        &self,
        tenant: &str,
        verdict: Verdict,
        queues: impl IntoIterator<Item = Queue>,
    ) -> Result<(), AdminError> {
        if verdict == Verdict::Replay {
            let id = self.row(tenant)?.id;
            queues.into_iter().for_each(|queue| self.lift_pause(&id, &queue));
        }
        Ok(())
    }

    /// In which queue it is.
    async fn decide_over(&self, tenant: &str, seq: u64, verdict: Verdict, force: bool) -> Result<Queue, AdminError> {
        let outbox = self.outbox(tenant)?;
        for _ in 0..ATTEMPTS {
            let (task, progress) = self.task(tenant, seq).await?;
            let now = self.parts.clock.now();
            let standing =
                verdict.over(&progress, now).map_err(|why| AdminError::InUse(format!("task {seq} {why}")))?;
            if verdict == Verdict::Replay && progress.standing == Standing::Parked && !force {
                self.not_overtaken(tenant, outbox.as_ref(), &task).await?;
            }
            let expected = progress.revision;
            match outbox.decide(seq, expected, decided(progress, verdict, standing, now)).await {
                Ok(()) => {
                    tracing::info!(tenant.id = %tenant, task.seq = seq, decision = verdict.word(), "decided over a task");
                    return Ok(task.task.queue);
                }
                // It went on meanwhile: what is said of it now may be another thing.
                Err(StoreError::Stale) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(AdminError::InUse(format!("task {seq} is going on right now; try again")))
    }

    /// Refuses to carry out a task after later ones of its resource: what they did might be undone by it.
    async fn not_overtaken(&self, tenant: &str, outbox: &dyn Outbox, task: &Task) -> Result<(), AdminError> {
        // It tells of no change, so no later one says the contrary.
        if task.change == 0 {
            return Ok(());
        }
        let directory = self.parts.store.directory(&self.row(tenant)?.id);
        let overtaken = |by: String| {
            Err(AdminError::InUse(format!(
                "task {} was parked, and {by}; to carry it out all the same, force it (--force)",
                task.seq
            )))
        };
        let (mut before, mut looked_at) = (None, 0);
        loop {
            let entries = directory.history(task.task.id, before, MAX_TASKS_A_PAGE).await?;
            let Some(oldest) = entries.last().map(|entry| entry.seq) else { return Ok(()) };
            for entry in entries.iter().filter(|entry| entry.seq >= task.change) {
                looked_at += 1;
                if looked_at > MAX_CHANGES_LOOKED_AT {
                    return overtaken(format!(
                        "its resource has changed more than {MAX_CHANGES_LOOKED_AT} times since"
                    ));
                }
                let later = outbox.tasks_of(entry.seq, task.seq, MAX_TASKS_A_PAGE).await?;
                let is_later = |(other, progress): &&(Task, Progress)| {
                    (other.task.id, &other.task.queue) == (task.task.id, &task.task.queue)
                        && progress.standing == Standing::Done
                };
                if let Some((other, _)) = later.iter().find(is_later) {
                    let (action, seq) = (&other.task.action, other.seq);
                    return overtaken(format!("task {seq} of the same resource ({action}) was carried out since"));
                }
            }
            if oldest <= task.change {
                return Ok(());
            }
            before = Some(oldest);
        }
    }
}
