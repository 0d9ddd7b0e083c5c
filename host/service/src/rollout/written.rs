//! What a plugin has written while it decided: who goes back wants to know what is to be mapped again.

use std::collections::BTreeSet;

use muster_model::{Binding, LogEntry, RequestId, Rollout, StepName, TenantId, Timestamp};
use muster_store::{Directory, StoreError};
use serde::Serialize;
use serde_json::{Value, json};

use super::activate::is_of;
use super::request_of;
use crate::standard::STANDARD;
use crate::{AdminError, Service};

/// How many entries of the log are looked at to count what a plugin has written; of more it is told that it is more.
pub const MAX_WRITTEN_WALKED: u64 = 20_000;

/// How many entries are read at once.
const ENTRIES_A_READ: usize = 500;

/// What was written while a binding decided.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Written {
    /// Entries of the log.
    pub(super) entries: u64,
    /// How many resources they are about.
    pub(super) resources: usize,
    /// There may be more: the log was not looked at to its end.
    pub(super) more: bool,
}

impl Service {
    /// What a binding that was left has written, by the log: in bounded time, however long it decided.
    pub(super) async fn written(&self, tenant: &TenantId, left: &Binding) -> Result<Written, StoreError> {
        // What it gave no answer for, and was written all the same, was written in its place.
        let is_of_it = |entry: &LogEntry| entry.change.plugin == left.plugin || entry.change.plugin == STANDARD;
        self.written_since(tenant, left.at, is_of_it).await
    }

    /// What was written since then and is of this kind.
    pub(super) async fn written_since(
        &self,
        tenant: &TenantId,
        since: Timestamp,
        is_of_it: impl Fn(&LogEntry) -> bool + Send,
    ) -> Result<Written, StoreError> {
        let directory = self.parts.store.directory(tenant);
        let status = self.parts.store.log_keeper(tenant).status().await?;
        let mut after = before(directory.as_ref(), since, status.first.saturating_sub(1), status.last).await?;
        let (end, more) = reach(after, status.last);
        let (mut written, mut resources) = (Written { more, ..Written::default() }, BTreeSet::new());
        while after < end {
            let left_to_read = usize::try_from(end - after).unwrap_or(usize::MAX);
            let entries = directory.log(after, left_to_read.min(ENTRIES_A_READ)).await?;
            let Some(last) = entries.last() else { break };
            after = last.seq;
            for entry in entries.iter().filter(|entry| entry.change.at >= since && is_of_it(entry)) {
                written.entries += 1;
                resources.insert(entry.change.id);
            }
        }
        written.resources = resources.len();
        Ok(written)
    }

    /// A binding that was left, as whoever left it wants to know it.
    pub(crate) async fn left(&self, tenant: &TenantId, left: &Binding) -> Result<Value, AdminError> {
        let plugins = self.parts.store.plugins().await?;
        let plugin = plugins.iter().find(|plugin| plugin.digest == left.plugin);
        Ok(json!({
            "plugin": {
                "digest": left.plugin,
                "name": plugin.map(|plugin| &plugin.name),
                "version": plugin.map(|plugin| &plugin.version),
            },
            "revision": left.revision,
            "bound": left.at.to_string(),
            "written": self.written(tenant, left).await?,
            "remapped_by": self.remapped_by(tenant, left).await?,
        }))
    }
}

impl Service {
    /// By which request the log knows what a binding has mapped again: going back does not undo that, and an undo of this request does.
    async fn remapped_by(&self, tenant: &TenantId, left: &Binding) -> Result<Option<RequestId>, StoreError> {
        let has_mapped = |rollout: &&Rollout| {
            let step = rollout.step(StepName::Remap).filter(|step| step.began >= Some(left.at));
            is_of(left, rollout) && step.is_some_and(|step| step.findings["changed"].as_u64() > Some(0))
        };
        let rollouts = self.parts.store.rollouts(tenant).await?;
        Ok(rollouts.iter().rev().find(has_mapped).map(|rollout| request_of(rollout.id)))
    }
}

/// The last entry that was written before this time: the log is halved until it is found. Clocks go backwards now and then; whoever reads on
/// from here looks at the times again.
async fn before(directory: &dyn Directory, at: Timestamp, first: u64, last: u64) -> Result<u64, StoreError> {
    let (mut earlier, mut later) = (first, last);
    while earlier < later {
        let middle = earlier + (later - earlier) / 2;
        match directory.log(middle, 1).await?.first() {
            Some(entry) if entry.change.at < at => earlier = entry.seq,
            Some(_) | None => later = middle,
        }
    }
    Ok(earlier)
}

/// Up to which entry behind this one the log is looked at, and whether there are more.
fn reach(after: u64, last: u64) -> (u64, bool) {
    let end = last.min(after.saturating_add(MAX_WRITTEN_WALKED));
    (end, end < last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_long_log_so_much_is_looked_at_and_it_is_said_that_there_is_more() {
        assert_eq!(reach(7, 7), (7, false));
        assert_eq!(reach(7, 7 + MAX_WRITTEN_WALKED), (7 + MAX_WRITTEN_WALKED, false));
        assert_eq!(reach(7, 8 + MAX_WRITTEN_WALKED), (7 + MAX_WRITTEN_WALKED, true));
    }
}
