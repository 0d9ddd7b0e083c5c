//! What one request did, as the log tells it.

use muster_model::RequestId;
use muster_store::LogQuery;
use serde_json::{Value, json};

use super::{MAX_HISTORY_A_PAGE, not_none};
use crate::feed::entry_shown;
use crate::{AdminError, Service};

impl Service {
    /// The entries of a tenant's log that a request made, an undo included, after the entry `after`, oldest first. `next` is where to go on,
    /// until `end`: one call looks only so far, so it may find none and not be at the end.
    pub async fn read_log_of_request(
        &self,
        tenant: &str,
        request: &str,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Value, AdminError> {
        let id = self.row(tenant)?.id;
        not_none(limit)?;
        let status = self.parts.store.log_keeper(&id).status().await?;
        let query = LogQuery { request: Some(RequestId(request.into())), ..LogQuery::default() };
        let after = after.unwrap_or(status.first.saturating_sub(1));
        let found = self.parts.store.directory(&id).find_in_log(&query, after, limit.min(MAX_HISTORY_A_PAGE)).await?;
        let entries: Vec<Value> = found.entries.iter().map(entry_shown).collect();
        Ok(json!({
            "entries": entries,
            "next": found.scanned_through,
            "end": found.end,
            "first": status.first,
            "last": status.last,
        }))
    }
}
