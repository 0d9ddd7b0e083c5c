//! What people do with tasks: look at them, and decide over those that nobody carries out by themselves.

use muster_model::{Actor, Decision, Progress, Queue, Standing, Task, TenantId, Timestamp};
use muster_store::{MAX_TASKS_A_PAGE, Outbox, StoreError};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{AdminError, Service};

/// How many tasks one call decides over at most.
pub const MAX_DECIDED_AT_ONCE: usize = 1_000;

/// How many decisions over a task are told: the first and the latest.
pub const MAX_DECISIONS_TOLD: usize = 20;

/// How many later changes of a resource are looked at for tasks that were carried out since.
pub const MAX_CHANGES_LOOKED_AT: usize = 1_000;

/// How many refusals are told one by one.
const MAX_REFUSALS_TOLD: usize = 20;

/// How often a decision is made again because the task went on meanwhile.
const ATTEMPTS: u32 = 8;

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
}

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
    /// How many are looked at at most.
    #[serde(default)]
    pub limit: Option<usize>,
    /// As for one.
    #[serde(default)]
    pub force: bool,
}

/// What is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is tried, now.
    Replay,
    /// It was tried and is not to be tried again.
    Skip,
    /// It was never tried and is not to be.
    Cancel,
    /// The brake is not to hold it.
    Release,
}

impl Verdict {
    /// The word for it, if it is one.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Replay, Self::Skip, Self::Cancel, Self::Release].into_iter().find(|verdict| verdict.word() == word)
    }

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Replay => "replay",
            Self::Skip => "skip",
            Self::Cancel => "cancel",
            Self::Release => "release",
        }
    }

    /// How the task stands afterwards; or why not, in words that follow `task 7 `.
    pub(super) fn over(self, progress: &Progress, now: Timestamp) -> Result<Standing, &'static str> {
        let was_tried = !progress.told.is_empty();
        match (self, progress.standing) {
            (_, Standing::Done) => Err("is done"),
            (_, Standing::Skipped) => Err("was skipped, and nothing becomes of it any more"),
            (_, Standing::Cancelled) => Err("was cancelled, and nothing becomes of it any more"),
            (Self::Replay, Standing::Parked) | (Self::Release, Standing::Held) => Ok(Standing::Waiting),
            (Self::Replay, Standing::Waiting) if progress.due > now => Ok(Standing::Waiting),
            (Self::Replay, Standing::Waiting) => Err("is due already"),
            (Self::Replay, Standing::Held) => Err("is held: release it"),
            (Self::Skip, Standing::Waiting | Standing::Held | Standing::Parked) if was_tried => Ok(Standing::Skipped),
            (Self::Skip, Standing::Waiting | Standing::Held | Standing::Parked) => Err("was never tried: cancel it"),
            (Self::Cancel, Standing::Waiting | Standing::Held | Standing::Parked) if was_tried => {
                Err("was tried, and may have had its effect: skip it")
            }
            (Self::Cancel, Standing::Waiting | Standing::Held | Standing::Parked) => Ok(Standing::Cancelled),
            (Self::Release, Standing::Waiting) => Err("is not held: it waits for its turn"),
            (Self::Release, Standing::Parked) => Err("is not held, it is parked: replay it"),
        }
    }
}

impl Service {
    /// A tenant's tasks by number, and where to go on.
    pub async fn read_tasks(&self, tenant: &str, asked: TasksAsked) -> Result<Value, AdminError> {
        let TasksAsked { standing, after, limit, change } = asked;
        let limit = within(limit, 100, MAX_TASKS_A_PAGE)?;
        let outbox = self.outbox(tenant)?;
        let mut tasks = match change {
            Some(change) => outbox.tasks_of(change, after, limit).await?,
            None => outbox.tasks(standing, after, limit).await?,
        };
        let next = tasks.last().filter(|_| tasks.len() == limit).map(|(task, _)| task.seq);
        if change.is_some() {
            tasks.retain(|(_, progress)| standing.is_none_or(|asked| progress.standing == asked));
        }
        let tasks: Vec<Value> = tasks.iter().map(|(task, progress)| brief(task, progress)).collect();
        Ok(json!({ "tasks": tasks, "next": next }))
    }

    /// How many tasks stand where, by queue, and since when the oldest waits.
    pub async fn count_tasks(&self, tenant: &str) -> Result<Value, AdminError> {
        let outbox = self.outbox(tenant)?;
        let mut queues = serde_json::Map::new();
        for (queue, standing, count) in outbox.counts().await?.into_iter().filter(|(_, _, count)| *count > 0) {
            queues.entry(queue.as_str()).or_insert_with(|| json!({}))[standing.name()] = json!(count);
        }
        let oldest = outbox.tasks(Some(Standing::Waiting), 0, 1).await?;
        let oldest = oldest.first().map(|(task, _)| json!({ "seq": task.seq, "at": task.at.to_string() }));
        Ok(json!({ "queues": queues, "oldest_waiting": oldest }))
    }

    /// The whole story of a task: what planned it, each attempt, each decision.
    pub async fn show_task(&self, tenant: &str, seq: &str) -> Result<Value, AdminError> {
        let id = self.row(tenant)?.id;
        let (task, progress) = self.task(tenant, number(tenant, seq)?).await?;
        let mut shown = brief(&task, &progress);
        shown["planned_by"] = self.planned_by(&id, &task).await?;
        let attempts = progress.told.iter().map(
            |attempt| json!({ "at": attempt.at.to_string(), "took_ms": attempt.took_ms, "failure": attempt.failure }),
        );
        shown["told"] = attempts.collect();
        let decisions =
            progress.decisions.iter().map(|it| json!({ "at": it.at.to_string(), "by": it.by, "what": it.what }));
        shown["decisions"] = decisions.collect();
        shown["released"] = json!(progress.is_released);
        // What it waits for, if it is not the first of its lane.
        let before = self.outbox(tenant)?.lanes_of(task.task.id, MAX_TASKS_A_PAGE).await?;
        let in_lane = |(other, _): &&(Task, Progress)| other.task.queue == task.task.queue && other.seq < task.seq;
        let waits_for = before.iter().find(in_lane).filter(|_| progress.standing.blocks());
        shown["waits_for"] = json!(waits_for.map(|(other, _)| other.seq));
        Ok(shown)
    }

    /// The entry of the log that a task follows from; `null`, if that is not kept any more.
    async fn planned_by(&self, tenant: &TenantId, task: &Task) -> Result<Value, AdminError> {
        let entries = self.parts.store.directory(tenant).log(task.change.saturating_sub(1), 1).await?;
        let Some(entry) = entries.first().filter(|entry| entry.seq == task.change) else { return Ok(Value::Null) };
        let change = &entry.change;
        Ok(json!({
            "change": entry.seq,
            "at": change.at.to_string(),
            "event": change.event,
            "actor": change.actor,
            "request": change.request,
        }))
    }

    /// Decides over one task. What is not so any more is refused, with the reason.
    pub async fn decide_task(
        &self,
        tenant: &str,
        seq: &str,
        verdict: Verdict,
        new: NewDecision,
    ) -> Result<Value, AdminError> {
        let seq = number(tenant, seq)?;
        self.decide_over(tenant, seq, verdict, new.force).await?;
        self.show_task(tenant, &seq.to_string()).await
    }

    /// Decides over all tasks that stand so, up to a limit, and tells which were refused.
    pub async fn decide_tasks(&self, tenant: &str, verdict: Verdict, new: NewDecisions) -> Result<Value, AdminError> {
        let NewDecisions { standing, queue, after, limit, force } = new;
        let limit = within(limit, 100, MAX_DECIDED_AT_ONCE)?;
        let tasks = self.outbox(tenant)?.tasks(Some(standing), after, limit).await?;
        let next = tasks.last().filter(|_| tasks.len() == limit).map(|(task, _)| task.seq);
        let (mut decided, mut refused, mut refusals) = (0_u64, 0_u64, Vec::new());
        for (task, _) in tasks {
            if queue.as_ref().is_some_and(|queue| task.task.queue != *queue) {
                continue;
            }
            match self.decide_over(tenant, task.seq, verdict, force).await {
                Ok(()) => decided += 1,
                Err(error @ (AdminError::InUse(_) | AdminError::NotFound(_))) => {
                    refused += 1;
                    if refusals.len() < MAX_REFUSALS_TOLD {
                        refusals.push(json!({ "seq": task.seq, "detail": error.to_string() }));
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(json!({ "decided": decided, "refused": refused, "refusals": refusals, "next": next }))
    }

    async fn decide_over(&self, tenant: &str, seq: u64, verdict: Verdict, force: bool) -> Result<(), AdminError> {
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
                    return Ok(());
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

    async fn task(&self, tenant: &str, seq: u64) -> Result<(Task, Progress), AdminError> {
        let found = self.outbox(tenant)?.task(seq).await?;
        found.ok_or_else(|| AdminError::NotFound(format!("task {seq} of tenant {tenant}")))
    }

    fn outbox(&self, tenant: &str) -> Result<std::sync::Arc<dyn Outbox>, AdminError> {
        Ok(self.parts.store.outbox(&self.row(tenant)?.id))
    }
}

fn decided(mut progress: Progress, verdict: Verdict, standing: Standing, now: Timestamp) -> Progress {
    progress.revision += 1;
    progress.standing = standing;
    match verdict {
        Verdict::Replay => {
            // It has all its attempts anew; the story keeps those that it had.
            (progress.due, progress.attempts) = (now, 0);
        }
        Verdict::Release => {
            (progress.due, progress.is_released) = (now, true);
        }
        Verdict::Skip | Verdict::Cancel => {}
    }
    if progress.decisions.len() >= MAX_DECISIONS_TOLD {
        progress.decisions.remove(MAX_DECISIONS_TOLD / 2);
    }
    progress.decisions.push(Decision { at: now, by: Actor::Operator, what: verdict.word().to_owned() });
    progress
}

/// A task as it stands in a list.
fn brief(task: &Task, progress: &Progress) -> Value {
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

fn within(limit: Option<usize>, default: usize, most: usize) -> Result<usize, AdminError> {
    match limit.unwrap_or(default) {
        0 => Err(AdminError::Wrong("limit is at least 1".to_owned())),
        limit => Ok(limit.min(most)),
    }
}

#[cfg(test)]
mod tests {
    use muster_model::Attempt;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000);

    fn progress(standing: Standing, was_tried: bool) -> Progress {
        let mut progress = Progress::new(NOW);
        if was_tried {
            progress.note(Attempt { at: NOW, took_ms: 1, failure: Some("no".to_owned()) });
        }
        Progress { standing, ..progress }
    }

    #[test]
    fn what_is_over_stays_over_whatever_is_said() {
        for standing in Standing::ALL.into_iter().filter(|standing| standing.is_over()) {
            for verdict in [Verdict::Replay, Verdict::Skip, Verdict::Cancel, Verdict::Release] {
                assert!(verdict.over(&progress(standing, true), NOW).is_err(), "{verdict:?} {standing:?}");
            }
        }
    }

    #[test]
    fn what_was_tried_is_skipped_and_what_was_not_is_cancelled() {
        for standing in [Standing::Waiting, Standing::Held] {
            assert_eq!(Verdict::Skip.over(&progress(standing, true), NOW), Ok(Standing::Skipped));
            assert_eq!(Verdict::Skip.over(&progress(standing, false), NOW), Err("was never tried: cancel it"));
            assert_eq!(Verdict::Cancel.over(&progress(standing, false), NOW), Ok(Standing::Cancelled));
            assert!(Verdict::Cancel.over(&progress(standing, true), NOW).is_err());
        }
    }

    #[test]
    fn a_replay_gives_all_attempts_anew_and_keeps_the_story() {
        let parked = progress(Standing::Parked, true);
        let standing = Verdict::Replay.over(&parked, NOW).unwrap();
        let replayed = decided(parked.clone(), Verdict::Replay, standing, NOW);
        assert_eq!((replayed.standing, replayed.attempts, replayed.revision), (Standing::Waiting, 0, 1));
        assert_eq!((replayed.told.len(), replayed.decisions.len()), (1, 1));
        let later = Progress { due: Timestamp::from_millis(2_000), ..progress(Standing::Waiting, true) };
        assert_eq!(Verdict::Replay.over(&later, NOW), Ok(Standing::Waiting), "it need not wait for its pause");
        assert_eq!(Verdict::Replay.over(&progress(Standing::Waiting, true), NOW), Err("is due already"));
    }

    #[test]
    fn the_first_decisions_and_the_latest_are_told() {
        let mut progress = progress(Standing::Parked, true);
        for number in 0..50 {
            progress = decided(progress, Verdict::Replay, Standing::Parked, Timestamp::from_millis(number));
        }
        let told: Vec<i64> = progress.decisions.iter().map(|decision| decision.at.as_millis()).collect();
        assert_eq!((told.len(), told[0], told[19]), (MAX_DECISIONS_TOLD, 0, 49));
    }

    #[test]
    fn each_verdict_has_a_word() {
        for verdict in [Verdict::Replay, Verdict::Skip, Verdict::Cancel, Verdict::Release] {
            assert_eq!(Verdict::parse(verdict.word()), Some(verdict));
        }
        assert_eq!(Verdict::parse("delete"), None);
    }
}
