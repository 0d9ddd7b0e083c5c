use std::collections::{BTreeMap, BTreeSet};

use muster_model::{Event, LogEntry, Progress, ResourceId, ResourceType, Standing, Task, TenantId, TenantRow};
use muster_store::Called;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::admin::tasks::within;
use crate::brake::{may_hold, would_hold};
use crate::{AdminError, Service};

/// How many tasks one page tells of.
pub const MAX_HELD_A_PAGE: usize = 200;

/// How many tasks that wait are looked at for one page: a page may have none, and say where to go on.
const WAITING_A_PAGE: usize = 1_000;

/// How many entries of somebody who was deleted are looked at for the deletion: memberships that went with it may be behind it.
const ENTRIES_OF_A_DELETION: usize = 50;

/// Which held tasks.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BrakeHeld {
    /// Those after this one.
    #[serde(default)]
    pub after: u64,
    /// How many at most.
    #[serde(default)]
    pub limit: Option<usize>,
}

impl Service {
    /// Who is affected: each task that is held, or waits and is held when its turn comes, by number, with whom it is about and what it follows
    /// from. It has names, so only operators read it.
    pub async fn held_by_brake(&self, tenant: &str, asked: BrakeHeld) -> Result<Value, AdminError> {
        let row = self.row(tenant)?;
        let id = row.id.clone();
        let limit = within(asked.limit, MAX_HELD_A_PAGE, MAX_HELD_A_PAGE)?;
        let (tasks, next) = self.affected_tasks(&row, asked.after, limit).await?;
        let of: Vec<_> = tasks.iter().map(|(task, _)| (task.task.resource_type.clone(), task.task.id)).collect();
        let names = self.parts.store.directory(&id).names(&of).await?;
        let entries = self.entries_of(&id, &tasks).await?;
        let user_names = self.user_names_of(&id, &of).await?;
        let held = tasks.iter().zip(names).map(|((task, progress), name)| {
            let entry = entries.get(&task.change);
            let user_name = user_names.get(&task.task.id);
            let name = match name {
                Some(Called(name)) => name.or_else(|| user_name.cloned()),
                // Who does not exist any more has the name by which people knew them.
                None => user_name.cloned().or_else(|| entry.and_then(name_then)),
            };
            json!({
                "seq": task.seq,
                "standing": progress.standing,
                "action": task.task.action,
                "queue": task.task.queue,
                "resource_type": task.task.resource_type,
                "id": task.task.id,
                "name": name,
                // By which a decision can name a user.
                "user_name": user_name,
                "planned": task.at.to_string(),
                "attempts": progress.attempts,
                "change": task.change,
                // `null`, where the log is not kept so long.
                "event": entry.map(|entry| entry.change.event),
                "at": entry.map(|entry| entry.change.at.to_string()),
                "actor": entry.map(|entry| &entry.change.actor),
                "request": entry.map(|entry| &entry.change.request),
            })
        });
        Ok(json!({ "held": held.collect::<Vec<_>>(), "next": next }))
    }

    /// Those behind one, at most so many; and where to go on.
    async fn affected_tasks(
        &self,
        row: &TenantRow,
        after: u64,
        limit: usize,
    ) -> Result<(Vec<(Task, Progress)>, Option<u64>), AdminError> {
        let outbox = self.parts.store.outbox(&row.id);
        let last =
            |tasks: &[(Task, Progress)], asked| tasks.last().filter(|_| tasks.len() == asked).map(|(task, _)| task.seq);
        // First those that wait: what is held meanwhile is met again, and none is missed.
        let waiting = if may_hold(row) {
            outbox.tasks(Some(Standing::Waiting), after, WAITING_A_PAGE).await?
        } else {
            Vec::new()
        };
        let mut tasks = outbox.tasks(Some(Standing::Held), after, limit).await?;
        // Behind it there may be others of either kind.
        let known = last(&waiting, WAITING_A_PAGE).into_iter().chain(last(&tasks, limit)).min();
        tasks.extend(waiting.into_iter().filter(|(task, progress)| would_hold(row, task, progress)));
        tasks.retain(|(task, _)| known.is_none_or(|known| task.seq <= known));
        // Of one that was met twice the first stays, which is the held one.
        tasks.sort_by_key(|(task, _)| task.seq);
        tasks.dedup_by_key(|(task, _)| task.seq);
        let is_more = tasks.len() > limit;
        tasks.truncate(limit);
        let next = if is_more { tasks.last().map(|(task, _)| task.seq) } else { known };
        Ok((tasks, next))
    }

    /// What users are called now, or were when they were deleted: as names are understood that a decision is made by.
    async fn user_names_of(
        &self,
        tenant: &TenantId,
        of: &[(ResourceType, ResourceId)],
    ) -> Result<BTreeMap<ResourceId, String>, AdminError> {
        let directory = self.parts.store.directory(tenant);
        let (mut names, mut looked_at) = (BTreeMap::new(), BTreeSet::new());
        for (_, id) in of.iter().filter(|(kind, _)| *kind == ResourceType::USER) {
            if !looked_at.insert(*id) {
                continue;
            }
            let name = if let Some(record) = directory.get(&ResourceType::USER, *id).await? {
                record.document.text("userName").map(str::to_owned)
            } else {
                let latest = directory.history(*id, None, ENTRIES_OF_A_DELETION).await?;
                let gone = latest.iter().find(|entry| entry.change.id == *id && entry.change.event == Event::Deleted);
                let before = gone.and_then(|entry| entry.change.before.as_ref());
                before.and_then(|before| before.document.text("userName")).map(str::to_owned)
            };
            names.extend(name.map(|name| (*id, name)));
        }
        Ok(names)
    }

    async fn entries_of(
        &self,
        tenant: &TenantId,
        tasks: &[(Task, Progress)],
    ) -> Result<BTreeMap<u64, LogEntry>, AdminError> {
        let directory = self.parts.store.directory(tenant);
        let mut entries = BTreeMap::new();
        for change in tasks.iter().map(|(task, _)| task.change) {
            if change == 0 || entries.contains_key(&change) {
                continue;
            }
            let read = directory.log(change - 1, 1).await?;
            entries.extend(read.into_iter().filter(|entry| entry.seq == change).map(|entry| (change, entry)));
        }
        Ok(entries)
    }
}

/// What somebody was called who does not exist any more.
pub(super) fn name_then(entry: &LogEntry) -> Option<String> {
    let side = entry.change.after.as_ref().or(entry.change.before.as_ref())?;
    let name = ["displayName", "userName"].into_iter().find_map(|name| side.document.text(name))?;
    Some(name.to_owned())
}
