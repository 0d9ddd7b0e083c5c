use muster_model::{Progress, Task, TenantId};
use muster_store::MAX_TASKS_A_PAGE;
use serde_json::{Value, json};

use super::{brief, number};
use crate::asynchronous::is_answer;
use crate::{AdminError, Service};

impl Service {
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
        let made = progress.decisions.iter().filter(|decision| !is_answer(decision));
        let decisions = made.map(|it| json!({ "at": it.at.to_string(), "by": it.by, "what": it.what }));
        shown["decisions"] = decisions.collect();
        if let Some(answer) = progress.decisions.iter().find(|decision| is_answer(decision)) {
            let what = serde_json::from_str(&answer.what).unwrap_or(Value::Null);
            shown["answer"] = json!({ "at": answer.at.to_string(), "operations": what["operations"] });
        }
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
        if task.change == 0 {
            return Ok(Value::Null);
        }
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
}
