//! What a product still has of whom the directory has taken it from: the loss was cancelled, so the product was never told. Whatever would take
//! it away after all is a loss like any other.

use std::collections::HashSet;
use std::sync::Arc;

use muster_model::{Brake, Event, LogEntry, ResourceId, ResourceType, Standing, TenantId};
use muster_store::{Directory, MAX_TASKS_A_PAGE, StoreError};

use super::tally::{Kept, MAX_BRAKE_COUNTED, had_none, net};
use crate::Service;

/// How many entries about one user or group are looked through, from the latest on, for those by which something was lost. Of a user of whom
/// there are more the loss is taken to have been cancelled; of a group the earlier ones are not looked at.
pub const MAX_ENTRIES_OF_A_LOSS: usize = 1_000;

/// How many of them are read at once.
const READ_AT_ONCE: usize = 100;

impl Service {
    /// What goes with a deletion, of what the directory had not any more.
    pub(super) async fn kept(
        &self,
        tenant: &TenantId,
        directory: &Arc<dyn Directory>,
        entry: &LogEntry,
    ) -> Result<Kept, StoreError> {
        let (change, kind) = (&entry.change, &entry.change.resource_type);
        let is_of_user = *kind == ResourceType::USER && had_none(change);
        if change.event != Event::Deleted || !is_of_user && *kind != ResourceType::GROUP {
            return Ok(Kept::Nothing);
        }
        let brake = self.brake_of(tenant).unwrap_or_default();
        if brake.cancelled.is_empty() && !self.has_given_up(tenant).await? {
            return Ok(Kept::Nothing);
        }
        if !is_of_user {
            return Ok(Kept::Members(self.kept_members(tenant, directory, &brake, entry).await?));
        }
        let is_kept = self.is_access_kept(tenant, directory, &brake, entry).await?;
        Ok(if is_kept { Kept::Access } else { Kept::Nothing })
    }

    /// By the latest entry with which they lost it.
    async fn is_access_kept(
        &self,
        tenant: &TenantId,
        directory: &Arc<dyn Directory>,
        brake: &Brake,
        deletion: &LogEntry,
    ) -> Result<bool, StoreError> {
        let (id, mut before, mut looked_at) = (deletion.change.id, deletion.seq, 0);
        while looked_at < MAX_ENTRIES_OF_A_LOSS {
            let entries = directory.history(id, Some(before), READ_AT_ONCE).await?;
            let Some(oldest) = entries.last() else {
                // They never had it, or lost it so long ago that the log does not have it any more; then it may be one that was cancelled.
                let first = self.parts.store.log_keeper(tenant).status().await?.first;
                return Ok(brake.cancelled.iter().any(|range| range.first < first));
            };
            (before, looked_at) = (oldest.seq, looked_at + entries.len());
            let turn = entries.iter().find(|entry| entry.change.id == id && net(&entry.change) != 0);
            if let Some(LogEntry { seq, change, .. }) = turn {
                return Ok(net(change) < 0 && self.is_given_up(tenant, brake, *seq).await?);
            }
        }
        Ok(true)
    }

    /// Whom the group has lost, and not got again, by entries of which that was cancelled.
    async fn kept_members(
        &self,
        tenant: &TenantId,
        directory: &Arc<dyn Directory>,
        brake: &Brake,
        deletion: &LogEntry,
    ) -> Result<Vec<ResourceId>, StoreError> {
        let (group, mut before, mut looked_at) = (deletion.change.id, deletion.seq, 0);
        // What became of each of them last.
        let (mut met, mut kept) = (HashSet::new(), Vec::new());
        while looked_at < MAX_ENTRIES_OF_A_LOSS && (met.len() as u64) < MAX_BRAKE_COUNTED {
            let entries = directory.history(group, Some(before), READ_AT_ONCE).await?;
            let Some(oldest) = entries.last() else { break };
            (before, looked_at) = (oldest.seq, looked_at + entries.len());
            for LogEntry { seq, change, .. } in entries.iter().filter(|entry| entry.change.id == group) {
                met.extend(change.members_added.iter().copied());
                let lost = change.members_removed.iter().copied().filter(|member| met.insert(*member));
                let lost: Vec<ResourceId> = lost.collect();
                if !lost.is_empty() && self.is_given_up(tenant, brake, *seq).await? {
                    kept.extend(lost);
                }
            }
            tokio::task::yield_now().await;
        }
        Ok(kept)
    }

    /// Whether somebody has said that what follows from an entry is not to be carried out, or something of it. Also where another part of it
    /// was, before or afterwards: one receiver may have been told, and another one not.
    async fn is_given_up(&self, tenant: &TenantId, brake: &Brake, seq: u64) -> Result<bool, StoreError> {
        if brake.is_cancelled(seq) {
            return Ok(true);
        }
        let tasks = self.parts.store.outbox(tenant).tasks_of(seq, 0, MAX_TASKS_A_PAGE).await?;
        Ok(tasks.iter().any(|(task, progress)| task.task.destructive && GIVEN_UP.contains(&progress.standing)))
    }

    /// Whether the tenant has any task of which somebody has said so.
    async fn has_given_up(&self, tenant: &TenantId) -> Result<bool, StoreError> {
        let counts = self.parts.store.outbox(tenant).counts().await?;
        Ok(counts.iter().any(|(_, standing, count)| GIVEN_UP.contains(standing) && *count > 0))
    }
}

/// How a task stands that is not to be carried out. One that was tried before it was cancelled is skipped.
const GIVEN_UP: [Standing; 2] = [Standing::Cancelled, Standing::Skipped];
