//! A tenant's log as its product follows it: what became of which account, and no more of it than the product is shown of an account.

use std::time::Duration;

use muster_model::{LogEntry, ResourceType, TenantId};
use serde::Deserialize;
use serde_json::{Value, json};

use super::accounts::shown;
use super::adoption::is_adoption;
use super::{DirectoryError, Waiting};
use crate::history::not_none;
use crate::{AdminError, Service};

/// How many changes are told at once.
pub const MAX_CHANGES_A_PAGE: usize = 1_000;

/// How long a reader may wait for the next change, in seconds.
pub const MAX_CHANGES_WAIT_S: u64 = 30;

/// How many readers may wait at a time, over all tenants.
pub const MAX_CHANGES_WAITING: usize = 256;

/// How many there are in a page where nobody says.
const DEFAULT_PAGE: usize = 100;

/// Which changes are asked for.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangesAsked {
    /// Behind this one; 0, or nothing said: from the first.
    #[serde(default)]
    after: u64,
    /// How many at most.
    limit: Option<usize>,
    /// How many seconds to wait where there is nothing yet.
    #[serde(default)]
    wait: u64,
}

impl Service {
    /// A tenant's changes after one of them, oldest first: each exactly once for who goes on after `next`. [`DirectoryError::Cut`] where they
    /// are not kept any more.
    pub async fn product_changes(&self, tenant: &str, asked: ChangesAsked) -> Result<Value, DirectoryError> {
        let id = self.row(tenant)?.id;
        let limit = asked.limit.unwrap_or(DEFAULT_PAGE);
        not_none(limit)?;
        if asked.wait > MAX_CHANGES_WAIT_S {
            return Err(AdminError::Wrong(format!("wait is at most {MAX_CHANGES_WAIT_S} seconds")).into());
        }
        let limit = limit.min(MAX_CHANGES_A_PAGE);
        let page = self.changes_page(&id, asked.after, limit).await?;
        if asked.wait == 0 || page.is_some() {
            return Ok(page.unwrap_or_else(|| nothing(asked.after)));
        }
        let Some(_place) = Waiting::begin(&self.waiting_products) else { return Err(DirectoryError::Crowded) };
        let waiting = async {
            let known = self.tenants.view().tenant(&id).cloned();
            let known = known.ok_or_else(|| AdminError::NotFound(format!("tenant {id}")))?;
            loop {
                // Listening begins before the log is read: what is committed in between wakes as well.
                let mut news = std::pin::pin!(known.news.notified());
                news.as_mut().enable();
                if let Some(page) = self.changes_page(&id, asked.after, limit).await? {
                    return Ok(page);
                }
                tokio::select! {
                    () = news => {}
                    () = self.told_to_stop() => return Ok(nothing(asked.after)),
                }
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(asked.wait), waiting).await;
        waited.unwrap_or_else(|_| Ok(nothing(asked.after)))
    }

    /// `None`: there is nothing behind it yet.
    async fn changes_page(&self, tenant: &TenantId, after: u64, limit: usize) -> Result<Option<Value>, DirectoryError> {
        let keeper = self.parts.store.log_keeper(tenant);
        let before = keeper.status().await?;
        if after > before.last {
            let says =
                format!("the changes end at {}, before {after}: it is not what was followed before", before.last);
            return Err(AdminError::Wrong(says).into());
        }
        let entries = self.parts.store.directory(tenant).log(after, limit).await?;
        // Asked after the entries were read: whatever retention took away meanwhile is not passed over in silence.
        let status = keeper.status().await?;
        if after + 1 < status.first && entries.first().is_none_or(|entry| entry.seq != after + 1) {
            return Err(DirectoryError::Cut { first: status.first, last: status.last });
        }
        let Some(last) = entries.last() else { return Ok(None) };
        let changes: Vec<Value> = entries.iter().map(change_shown).collect();
        Ok(Some(json!({ "changes": changes, "next": last.seq })))
    }
}

fn nothing(after: u64) -> Value {
    json!({ "changes": [], "next": after })
}

/// An entry of the log without what the identity provider has written: the product follows accounts.
fn change_shown(entry: &LogEntry) -> Value {
    let change = &entry.change;
    let is_manual = change.resource_type == ResourceType::MANUAL_USER;
    let state = |side: &Option<muster_model::Snapshot>| side.as_ref().map(|side| side.account.state.clone());
    let mut told = json!({
        "seq": entry.seq,
        "at": change.at.to_string(),
        "event": if is_adoption(change) { json!("adopted") } else { json!(change.event) },
        "type": if is_manual { ResourceType::USER.as_str() } else { change.resource_type.as_str() },
        "managed_by": if is_manual { "manual" } else { "scim" },
        "id": change.id,
        "version": entry.version.etag(),
        "request": change.request,
    });
    if change.before.is_some() || change.after.is_some() {
        told["state"] = json!({ "before": state(&change.before), "after": state(&change.after) });
    }
    if let Some(after) = &change.after {
        told["account"] = shown(&change.resource_type, &after.document, &after.account);
    }
    for (name, members) in [("members_added", &change.members_added), ("members_removed", &change.members_removed)] {
        if !members.is_empty() {
            told[name] = json!(members);
        }
    }
    told
}
