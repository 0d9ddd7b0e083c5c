//! A tenant's log as its product follows it: what became of which account, and no more of it than the product is shown of an account.

use std::fmt;
use std::time::Duration;

use muster_model::{LogEntry, ResourceType, TenantId};
use muster_store::LogStatus;
use serde::Deserialize;
use serde_json::{Value, json};

use super::accounts::shown;
use super::{DirectoryError, Waiting};
use crate::events::event_hash;
use crate::history::not_none;
use crate::{AdminError, Service};

/// How many changes are told at once.
pub const MAX_CHANGES_A_PAGE: usize = 1_000;

/// How long a reader may wait for the next change, in seconds.
pub const MAX_CHANGES_WAIT_S: u64 = 30;

/// How many readers may wait at a time, over all tenants.
pub const MAX_CHANGES_WAITING: usize = 256;

/// How long the second half of a place is at most.
const MAX_HASH_CHARS: usize = 16;

/// How many there are in a page where nobody says.
const DEFAULT_PAGE: usize = 100;

/// Which changes are asked for.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangesAsked {
    /// Behind this one: `next` of a page before; nothing said, or `0`: from the first.
    after: Option<String>,
    /// How many at most.
    limit: Option<usize>,
    /// How many seconds to wait where there is nothing yet.
    #[serde(default)]
    wait: u64,
}

/// A place in the log: a number, and by what the entry with that number is told from another one that comes to have it (a store that is
/// restored from an older copy gives its numbers again).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    seq: u64,
    /// `None`: whoever asks by a bare number takes any entry; and of an entry that is not kept any more nobody knows.
    hash: Option<String>,
}

impl Place {
    fn of(entry: &LogEntry) -> Self {
        Self { seq: entry.seq, hash: Some(event_hash(entry)) }
    }

    fn parse(text: &str) -> Option<Self> {
        let (seq, hash) = text.split_once('-').map_or((text, None), |(seq, hash)| (seq, Some(hash)));
        let is_number = !seq.is_empty() && seq.bytes().all(|it| it.is_ascii_digit());
        let is_hash = |hash: &str| {
            (1..=MAX_HASH_CHARS).contains(&hash.len()) && hash.bytes().all(|it| it.is_ascii_alphanumeric())
        };
        if !is_number || !hash.is_none_or(is_hash) {
            return None;
        }
        Some(Self { seq: seq.parse().ok()?, hash: hash.map(str::to_owned) })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.hash {
            Some(hash) => write!(f, "{}-{hash}", self.seq),
            None => write!(f, "{}", self.seq),
        }
    }
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
        let after = Place::parse(asked.after.as_deref().unwrap_or("0")).ok_or_else(no_place)?;
        let page = self.changes_page(&id, &after, limit).await?;
        if asked.wait == 0 || page.is_some() {
            return Ok(page.unwrap_or_else(|| nothing(&after)));
        }
        let Some(_place) = Waiting::begin(&self.waiting_products) else { return Err(DirectoryError::Crowded) };
        let waiting = async {
            let known = self.tenants.view().tenant(&id).cloned();
            let known = known.ok_or_else(|| AdminError::NotFound(format!("tenant {id}")))?;
            loop {
                // Listening begins before the log is read: what is committed in between wakes as well.
                let mut news = std::pin::pin!(known.news.notified());
                news.as_mut().enable();
                if let Some(page) = self.changes_page(&id, &after, limit).await? {
                    return Ok(page);
                }
                tokio::select! {
                    () = news => {}
                    () = self.told_to_stop() => return Ok(nothing(&after)),
                }
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(asked.wait), waiting).await;
        waited.unwrap_or_else(|_| Ok(nothing(&after)))
    }

    /// `None`: there is nothing behind it yet.
    async fn changes_page(
        &self,
        tenant: &TenantId,
        after: &Place,
        limit: usize,
    ) -> Result<Option<Value>, DirectoryError> {
        let keeper = self.parts.store.log_keeper(tenant);
        let directory = self.parts.store.directory(tenant);
        let LogStatus { first, last, .. } = keeper.status().await?;
        if after.seq > last {
            return Err(match after.hash {
                Some(_) => DirectoryError::OtherLog { first, last },
                None => AdminError::Wrong(format!("the changes end at {last}, before {}", after.seq)).into(),
            });
        }
        let entries = directory.log(after.seq, limit).await?;
        if after.hash.is_some() && self.place_at(tenant, after.seq).await?.is_some_and(|place| place != *after) {
            return Err(DirectoryError::OtherLog { first, last });
        }
        // Asked after the entries were read: whatever retention took away meanwhile is not passed over in silence.
        let LogStatus { first, last, .. } = keeper.status().await?;
        if after.seq + 1 < first && entries.first().is_none_or(|entry| entry.seq != after.seq + 1) {
            return Err(DirectoryError::Cut { first, last });
        }
        let Some(last) = entries.last() else { return Ok(None) };
        let changes: Vec<Value> = entries.iter().map(change_shown).collect();
        Ok(Some(json!({ "changes": changes, "next": Place::of(last).to_string() })))
    }

    /// Where the log ends, as a reader goes on after it.
    pub(super) async fn last_place(&self, tenant: &TenantId) -> Result<String, DirectoryError> {
        let seq = self.parts.store.log_keeper(tenant).status().await?.last;
        let kept = self.place_at(tenant, seq).await?;
        Ok(kept.unwrap_or(Place { seq, hash: None }).to_string())
    }

    /// The place of the entry with this number; `None`: there is none, or it is not kept any more.
    async fn place_at(&self, tenant: &TenantId, seq: u64) -> Result<Option<Place>, DirectoryError> {
        let Some(before) = seq.checked_sub(1) else { return Ok(None) };
        let entries = self.parts.store.directory(tenant).log(before, 1).await?;
        Ok(entries.first().filter(|entry| entry.seq == seq).map(Place::of))
    }
}

fn nothing(after: &Place) -> Value {
    json!({ "changes": [], "next": after.to_string() })
}

fn no_place() -> DirectoryError {
    AdminError::Wrong("after must be what an earlier page had as next".to_owned()).into()
}

/// An entry of the log without what the identity provider has written: the product follows accounts.
fn change_shown(entry: &LogEntry) -> Value {
    let change = &entry.change;
    let is_manual = change.resource_type == ResourceType::MANUAL_USER;
    let state = |side: &Option<muster_model::Snapshot>| side.as_ref().map(|side| side.account.state.clone());
    let mut told = json!({
        "seq": entry.seq,
        "at": change.at.to_string(),
        "event": if change.is_adoption() { json!("adopted") } else { json!(change.event) },
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_number_and_what_tells_its_entry_from_another() {
        for text in ["0", "17", "17-1a2b3c4d"] {
            assert_eq!(Place::parse(text).unwrap().to_string(), text);
        }
        for text in
            ["", "-1", "+1", "x", "17-", "17-1a-2b", "17-\u{e9}", "17-0123456789abcdef0", "99999999999999999999"]
        {
            assert_eq!(Place::parse(text), None, "{text}");
        }
    }
}
