//! What became of one resource, as the log tells it: entry by entry, and as it was at a time.

mod request;
mod then;
mod view;

use muster_model::ResourceId;
use serde_json::{Value, json};

pub use then::{MAX_ENTRIES_WALKED, MAX_MEMBERS_THEN, MAX_MEMBERSHIPS_WALKED};
pub(crate) use view::brief;
pub use view::{MAX_MEMBERS_SHOWN, MAX_VALUE_SHOWN_BYTES};

use crate::{AdminError, Service};

/// How many entries of a resource's history are told at once.
pub const MAX_HISTORY_A_PAGE: usize = 1000;

impl Service {
    /// What the log tells of one resource before the entry `before` (`None`: up to now), newest first: its own changes, and those of groups
    /// that it came into or went out of.
    pub async fn read_history(
        &self,
        tenant: &str,
        id: &str,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Value, AdminError> {
        let row = self.row(tenant)?;
        let id = resource_id(tenant, id)?;
        not_none(limit)?;
        let directory = self.parts.store.directory(&row.id);
        let first = self.parts.store.log_keeper(&row.id).status().await?.first;
        let entries = directory.history(id, before, limit.min(MAX_HISTORY_A_PAGE)).await?;
        if entries.is_empty() && before.is_none() && self.find_record(&row.id, id).await?.is_none() {
            return Err(unknown(tenant, id));
        }
        let next = match entries.last() {
            Some(oldest) => directory.history(id, Some(oldest.seq), 1).await?.first().map(|_| oldest.seq),
            None => None,
        };
        let named = self.named(&row.id, &entries, id).await?;
        let shown: Vec<Value> = entries.iter().map(|entry| named.entry(entry, Some(id))).collect();
        Ok(json!({ "tenant": row.id, "id": id, "first": first, "entries": shown, "next": next }))
    }
}

/// Whoever asks for nothing has mistyped, and would take an empty answer for an empty log.
pub(crate) fn not_none(limit: usize) -> Result<(), AdminError> {
    if limit == 0 { Err(AdminError::Wrong("limit is at least 1".to_owned())) } else { Ok(()) }
}

fn resource_id(tenant: &str, id: &str) -> Result<ResourceId, AdminError> {
    let shown: String = id.chars().filter(|c| !c.is_control()).take(64).collect();
    ResourceId::parse(id).ok_or_else(|| AdminError::NotFound(format!("resource {shown} in the log of tenant {tenant}")))
}

fn unknown(tenant: &str, id: ResourceId) -> AdminError {
    AdminError::NotFound(format!("resource {id} in the log of tenant {tenant}"))
}
