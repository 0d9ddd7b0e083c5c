use std::collections::HashSet;
use std::sync::Arc;

use muster_model::{Progress, Queue, Standing, Task, Timestamp};
use muster_store::{MAX_TASKS_A_PAGE, Outbox, Seized, StoreError};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{LOOKED_AT_TOGETHER, MAX_TASKS_LOOKED_AT, Verdict, decided, existing, number, within};
use crate::given_back::GivenBack;
use crate::{AdminError, Service};

/// How many tasks one call decides over at most.
pub const MAX_DECIDED_AT_ONCE: usize = 1_000;

/// How many later changes of a resource are looked at for tasks that were tried since.
pub const MAX_CHANGES_LOOKED_AT: usize = 1_000;

/// How many refusals are told one by one.
const MAX_REFUSALS_TOLD: usize = 20;

/// For how long a task's lane is kept still at most while it is looked for later ones, in milliseconds.
const KEPT_STILL_MS: i64 = 60_000;

/// How often a decision is made again because the task went on meanwhile.
const ATTEMPTS: u32 = 8;

/// A decision over one task.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewDecision {
    /// Also if later tasks of its resource were tried since, or are being carried out. One of them that was tried is not put right by being
    /// carried out again after it: its receiver may know it by its key.
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
    /// As for one. Later tasks that are parked as well are no reason to refuse an earlier one: they are replayed after it.
    #[serde(default)]
    pub force: bool,
}

/// Which later tasks of its lane do not speak against the replay of a parked one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spared {
    /// Those that were never tried.
    Untried,
    /// Those as well that are parked: they are replayed after it.
    Parked,
    /// All of them: it is forced.
    All,
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
        let spared = if new.force { Spared::All } else { Spared::Untried };
        let queue = self.decide_over(tenant, seq, verdict, spared).await?;
        self.tried_now(tenant, verdict, [queue])?;
        self.show_task(tenant, &seq.to_string()).await
    }

    /// Decides over all tasks that stand so, up to a limit, and tells which were refused, and where to go on: `next` is there also where
    /// none of the queue was found so far.
    pub async fn decide_tasks(&self, tenant: &str, verdict: Verdict, new: NewDecisions) -> Result<Value, AdminError> {
        let NewDecisions { standing, queue, mut after, limit, force } = new;
        let queue = existing(queue)?;
        let spared = if force { Spared::All } else { Spared::Parked };
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
                match self.decide_over(tenant, seq, verdict, spared).await {
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
    async fn decide_over(&self, tenant: &str, seq: u64, verdict: Verdict, spared: Spared) -> Result<Queue, AdminError> {
        let outbox = self.outbox(tenant)?;
        for _ in 0..ATTEMPTS {
            let (task, progress) = self.task(tenant, seq).await?;
            let now = self.parts.clock.now();
            let standing =
                verdict.over(&progress, now).map_err(|why| AdminError::InUse(format!("task {seq} {why}")))?;
            let is_parked = verdict == Verdict::Replay && progress.standing == Standing::Parked;
            let lane = if is_parked && spared != Spared::All {
                self.not_overtaken(tenant, &outbox, &task, spared, now).await?
            } else {
                None
            };
            let expected = progress.revision;
            let made = outbox.decide(seq, expected, decided(progress, verdict, standing, now)).await;
            if let Some(lane) = lane {
                lane.now().await;
            }
            match made {
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

    /// Refuses to carry out a task after later ones of its resource: what they did might be undone by it. Their lane stands still as long as
    /// what is returned is kept, so none is begun before it is decided.
    async fn not_overtaken(
        &self,
        tenant: &str,
        outbox: &Arc<dyn Outbox>,
        task: &Task,
        spared: Spared,
        now: Timestamp,
    ) -> Result<Option<GivenBack>, AdminError> {
        // It tells of no change, so no later one says the contrary.
        if task.change == 0 {
            return Ok(None);
        }
        let until = Timestamp::from_millis(now.as_millis().saturating_add(KEPT_STILL_MS));
        let lane = match outbox.seize(task.seq, now, until).await {
            Ok(Seized::Lease(lease)) => GivenBack::new(Arc::clone(outbox), vec![*lease]),
            Ok(Seized::By(seq)) if seq == task.seq => {
                return Err(AdminError::InUse(format!("task {seq} is being decided over right now; try again")));
            }
            Ok(Seized::By(seq)) => {
                let (later, progress) = self.task(tenant, seq).await?;
                // Its lease is given back a moment after its end is written.
                let is_done = progress.standing == Standing::Done;
                let how = if is_done { "was carried out since" } else { "is being carried out" };
                let action = later.task.action;
                return Err(overtaken(task, &format!("task {seq} of the same resource ({action}) {how}")));
            }
            // It is gone, which is told where it is read.
            Err(StoreError::Stale) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        match self.tried_later(tenant, outbox.as_ref(), task, spared).await {
            Ok(None) => Ok(Some(lane)),
            Ok(Some(by)) => {
                lane.now().await;
                Err(overtaken(task, &by))
            }
            Err(error) => {
                lane.now().await;
                Err(error)
            }
        }
    }

    /// Which later task of the same lane may have had its effect, as a part of a sentence.
    async fn tried_later(
        &self,
        tenant: &str,
        outbox: &dyn Outbox,
        task: &Task,
        spared: Spared,
    ) -> Result<Option<String>, AdminError> {
        let directory = self.parts.store.directory(&self.row(tenant)?.id);
        let (mut before, mut looked_at) = (None, 0);
        loop {
            let entries = directory.history(task.task.id, before, MAX_TASKS_A_PAGE).await?;
            let Some(oldest) = entries.last().map(|entry| entry.seq) else { return Ok(None) };
            for entry in entries.iter().filter(|entry| entry.seq >= task.change) {
                looked_at += 1;
                if looked_at > MAX_CHANGES_LOOKED_AT {
                    let limit = MAX_CHANGES_LOOKED_AT;
                    return Ok(Some(format!("its resource has changed more than {limit} times since")));
                }
                let later = outbox.tasks_of(entry.seq, task.seq, MAX_TASKS_A_PAGE).await?;
                let in_lane = |(other, _): &&(Task, Progress)| {
                    (other.task.id, &other.task.queue) == (task.task.id, &task.task.queue)
                };
                for (other, progress) in later.iter().filter(in_lane) {
                    if let Some(what) = may_have_had_its_effect(progress, spared) {
                        let (action, seq) = (&other.task.action, other.seq);
                        return Ok(Some(format!("task {seq} of the same resource ({action}) {what}")));
                    }
                }
            }
            if oldest <= task.change {
                return Ok(None);
            }
            before = Some(oldest);
        }
    }
}

fn overtaken(task: &Task, by: &str) -> AdminError {
    AdminError::InUse(format!(
        "task {} was parked, and {by}; to carry it out all the same, force it (--force)",
        task.seq
    ))
}

/// An attempt that failed may have had its effect all the same: its answer was lost.
fn may_have_had_its_effect(progress: &Progress, spared: Spared) -> Option<&'static str> {
    match progress.standing {
        Standing::Done => Some("was carried out since"),
        Standing::Parked if spared == Spared::Parked => None,
        Standing::Waiting | Standing::Held | Standing::Parked | Standing::Skipped | Standing::Cancelled => {
            (!progress.told.is_empty()).then_some("was tried since, and may have had its effect")
        }
    }
}
