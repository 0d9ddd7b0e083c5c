//! One deprovision, with its steps, as it is read from the log and the outbox.

use muster_model::{Following, LogEntry, Progress, Queue, ResourceId, Standing, Task, TenantRow, Timestamp};
use muster_store::{MAX_TASKS_A_PAGE, StoreError};
use serde_json::{Value, json};

use super::gives_access;
use super::steps::{Judged, Known, State, judge};
use crate::Service;
use crate::standard::STANDARD;

/// How many entries of a user's history behind a deprovision are looked at for one that gave access again.
pub const MAX_LATER_LOOKED_AT: usize = 1_000;

/// How many of them are read at once.
const ENTRIES_A_READ: usize = 50;

/// How many unfinished steps are told in a list, what is said of the others included.
const MAX_UNFINISHED_TOLD: usize = 20;

/// Which one: what is known of it even if the log's entry is not kept any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Which {
    /// The log's entry.
    pub(crate) seq: u64,
    /// When it was written.
    pub(crate) at: Timestamp,
    /// Whose access ends.
    pub(crate) id: ResourceId,
}

impl Which {
    pub(crate) fn of(entry: &LogEntry) -> Self {
        Self { seq: entry.seq, at: entry.change.at, id: entry.change.id }
    }
}

/// A deprovision as it stands.
#[derive(Debug)]
pub(crate) struct Deprovision {
    which: Which,
    tasks: Vec<(Task, Progress)>,
    unfed: Vec<Queue>,
    /// Those who would be told and are not, because somebody has turned them off.
    silenced: Vec<Queue>,
    resumed: Option<u64>,
    target_s: u32,
    tasks_days: u32,
    pub(crate) judged: Judged,
}

impl Service {
    /// Reads what follows from a deprovision, and derives where it stands.
    pub(crate) async fn deprovision(
        &self,
        row: &TenantRow,
        which: Which,
        entry: Option<&LogEntry>,
    ) -> Result<Deprovision, StoreError> {
        // A change has at most 32 tasks of its plugin, and one of each receiver: all are on one page.
        let tasks = self.parts.store.outbox(&row.id).tasks_of(which.seq, 0, MAX_TASKS_A_PAGE).await?;
        let (unfed, silenced) = match entry {
            Some(entry) => (
                self.not_given(row, row.delivery.expected(), entry).await?,
                self.not_given(row, row.delivery.silenced(), entry).await?,
            ),
            // What retention has taken before it was given to somebody is a gap, of which the receiver is told.
            None => (Vec::new(), Vec::new()),
        };
        let is_done = |(_, progress): &(Task, Progress)| progress.standing == Standing::Done;
        let resumed =
            if unfed.is_empty() && tasks.iter().all(is_done) { None } else { self.resumed_since(row, which).await? };
        let (target_s, tasks_days) = (row.delivery.deprovision.target_s, row.retention.tasks_days);
        let known = Known { at: which.at, tasks: &tasks, unfed: &unfed, resumed, target_s, tasks_days };
        let judged = judge(&known, self.parts.clock.now());
        Ok(Deprovision { which, tasks, unfed, silenced, resumed, target_s, tasks_days, judged })
    }

    /// Which of these receivers take an entry and have not been given it yet.
    async fn not_given(
        &self,
        row: &TenantRow,
        following: impl Iterator<Item = Following> + Send,
        entry: &LogEntry,
    ) -> Result<Vec<Queue>, StoreError> {
        let outbox = self.parts.store.outbox(&row.id);
        let mut queues = Vec::new();
        for Following { receiver, since } in following {
            let is_taken = || !self.events_for(&row.id, &receiver, std::slice::from_ref(entry)).is_empty();
            let queue = receiver.queue();
            if since < entry.seq && outbox.fed(&queue).await?.unwrap_or(since) < entry.seq && is_taken() {
                queues.push(queue);
            }
        }
        Ok(queues)
    }

    /// The first later entry by which the user has access again, as far back as is looked.
    async fn resumed_since(&self, row: &TenantRow, which: Which) -> Result<Option<u64>, StoreError> {
        let directory = self.parts.store.directory(&row.id);
        let (mut before, mut looked_at, mut resumed) = (None, 0, None);
        while looked_at < MAX_LATER_LOOKED_AT {
            let entries = directory.history(which.id, before, ENTRIES_A_READ).await?;
            let Some(oldest) = entries.last().map(|entry| entry.seq) else { break };
            let later = entries.iter().take_while(|entry| entry.seq > which.seq);
            for entry in later.filter(|entry| entry.change.id == which.id && gives_access(&entry.change)) {
                resumed = Some(entry.seq);
            }
            if oldest <= which.seq {
                break;
            }
            (before, looked_at) = (Some(oldest), looked_at + entries.len());
        }
        Ok(resumed)
    }
}

impl Deprovision {
    /// As it stands in a list.
    pub(crate) fn brief(&self, entry: Option<&LogEntry>) -> Value {
        let Self { which, judged, .. } = self;
        let document = entry.and_then(|entry| entry.change.before.as_ref().or(entry.change.after.as_ref()));
        json!({
            "entry": which.seq,
            "user": which.id,
            "name": document.and_then(|side| side.document.text("userName")),
            "event": entry.map(|entry| entry.change.event),
            "at": which.at.to_string(),
            "by": entry.map(|entry| &entry.change.actor),
            "request": entry.map(|entry| &entry.change.request),
            "state": judged.state,
            "due": judged.due.to_string(),
            "ended": judged.ended.map(|ended| ended.to_string()),
            "took_ms": judged.ended.map(|ended| super::millis(which.at, ended)),
            "late_ms": judged.late_ms,
            "steps": self.tasks.len() + self.unfed.len() + 1,
            "unfinished": self.unfinished(),
        })
    }

    /// With every step and what there is to say beside them.
    pub(crate) fn story(&self, entry: &LogEntry) -> Value {
        let mut told = self.brief(Some(entry));
        told["target_s"] = json!(self.target_s);
        let at = entry.change.at.to_string();
        let mut steps = vec![json!({
            "step": "write",
            "standing": Standing::Done,
            "event": entry.change.event,
            "by": entry.change.actor,
            "request": entry.change.request,
            "at": at,
            "ended": at,
        })];
        steps.extend(self.tasks.iter().map(|(task, progress)| step(task, progress)));
        steps.extend(self.unfed.iter().map(|queue| {
            json!({ "step": "receiver", "standing": Standing::Waiting, "queue": queue, "at": at, "ended": null })
        }));
        told["steps"] = json!(steps);
        told["resumed_by"] = json!(self.resumed);
        told["notes"] = json!(self.notes(entry));
        told
    }

    /// What is left to do, in words.
    pub(crate) fn unfinished(&self) -> Vec<String> {
        let tasks = self.tasks.iter().filter(|(_, progress)| !progress.standing.is_over()).map(|(task, progress)| {
            let (action, queue) = (&task.task.action, &task.task.queue);
            format!("task {} ({action}, {queue}) is {}", task.seq, in_words(progress.standing))
        });
        let unfed = self.unfed.iter().map(|queue| format!("{queue} has not been given it yet"));
        let mut told: Vec<String> = tasks.chain(unfed).collect();
        if told.len() > MAX_UNFINISHED_TOLD {
            let others = told.split_off(MAX_UNFINISHED_TOLD - 1).len();
            told.push(format!("and {others} more steps"));
        }
        told
    }

    fn notes(&self, entry: &LogEntry) -> Vec<String> {
        let mut notes = Vec::new();
        if entry.change.plugin == STANDARD {
            notes.push("the plugin gave no answer when it was written, so nothing was planned for it".to_owned());
        }
        let off = |queue: &Queue| format!("{queue} was not told: somebody has turned it off, and nobody waits for it");
        notes.extend(self.silenced.iter().map(off));
        let days = self.tasks_days;
        if let Some(resumed) = self.resumed.filter(|_| self.judged.state == State::Superseded) {
            notes.push(format!("not all was done when the user was given access again, by entry {resumed}"));
        }
        if self.judged.state == State::Forgotten {
            notes.push(format!("nothing of it waits; what was done, or given up, is forgotten after {days} days: there may have been more"));
        } else if self.judged.may_be_forgotten {
            notes.push(format!("tasks that are over are forgotten after {days} days: there may have been others"));
        }
        notes
    }
}

/// A task as a step.
fn step(task: &Task, progress: &Progress) -> Value {
    let told = |at: Timestamp| at.to_string();
    let attempts = progress
        .told
        .iter()
        .map(|attempt| json!({ "at": told(attempt.at), "took_ms": attempt.took_ms, "failure": attempt.failure }));
    let decisions = progress.decisions.iter().map(|it| json!({ "at": told(it.at), "by": it.by, "what": it.what }));
    json!({
        "step": "task",
        "standing": progress.standing,
        "task": task.seq,
        "queue": task.task.queue,
        "action": task.task.action,
        "destructive": task.task.destructive,
        "idempotency_key": task.task.idempotency_key,
        "at": told(task.at),
        "attempts": progress.attempts,
        "told": attempts.collect::<Vec<_>>(),
        "decisions": decisions.collect::<Vec<_>>(),
        "ended": progress.standing.is_over().then(|| told(progress.changed(task.at))),
    })
}

fn in_words(standing: Standing) -> &'static str {
    match standing {
        Standing::Waiting => "still to be done",
        Standing::Held => "held by the brake",
        Standing::Parked => "parked",
        Standing::Done => "done",
        Standing::Skipped => "skipped",
        Standing::Cancelled => "cancelled",
    }
}
