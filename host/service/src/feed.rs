//! The log as a feed of changes: whoever follows it meets each change exactly once, in order.

use std::time::Duration;

use muster_model::{LogEntry, TenantId};
use serde_json::{Value, json};

use crate::history::not_none;
use crate::trail::told;
use crate::{AdminError, Service};

/// How many entries are read at once.
pub const MAX_ENTRIES_A_PAGE: usize = 1000;

/// How long a reader may wait for the next entry, in seconds: well below what an operator's request may take.
pub const MAX_WAIT_S: u64 = 60;

impl Service {
    /// A tenant's log after the entry `after` (`None`: from the oldest that is kept), oldest first. Where there is nothing yet it waits up
    /// to `wait_s` seconds.
    ///
    /// Entries are numbered in the order in which they are committed, without gaps, and none is read before it is durable: to go on after
    /// `next` is to miss nothing and to see nothing twice. It has user data, so only operators read it.
    pub async fn read_log(
        &self,
        tenant: &str,
        after: Option<u64>,
        limit: usize,
        wait_s: u64,
    ) -> Result<Value, AdminError> {
        let id = self.row(tenant)?.id;
        if wait_s > MAX_WAIT_S {
            return Err(AdminError::Wrong(format!("wait_s is at most {MAX_WAIT_S}")));
        }
        not_none(limit)?;
        let limit = limit.min(MAX_ENTRIES_A_PAGE);
        let waiting = async {
            let known = self.tenants.view().tenant(&id).cloned();
            let known = known.ok_or_else(|| AdminError::NotFound(format!("tenant {id}")))?;
            loop {
                // Listening begins before the log is read: what is committed in between wakes as well.
                let mut news = std::pin::pin!(known.news.notified());
                news.as_mut().enable();
                let page = self.log_page(&id, after, limit).await?;
                if !page.entries.is_empty() {
                    return Ok(page.shown());
                }
                tokio::select! {
                    () = news => {}
                    () = self.told_to_stop() => return Ok(page.shown()),
                }
            }
        };
        if wait_s > 0
            && let Ok(page) = tokio::time::timeout(Duration::from_secs(wait_s), waiting).await
        {
            return page;
        }
        Ok(self.log_page(&id, after, limit).await?.shown())
    }

    async fn log_page(&self, tenant: &TenantId, after: Option<u64>, limit: usize) -> Result<Page, AdminError> {
        let keeper = self.parts.store.log_keeper(tenant);
        let before = keeper.status().await?;
        let after = after.unwrap_or(before.first.saturating_sub(1));
        if after > before.last {
            let says =
                format!("the log ends at {}, before {after}: it is not the log that was read before", before.last);
            return Err(AdminError::Wrong(says));
        }
        let entries = self.parts.store.directory(tenant).log(after, limit).await?;
        // Asked after the entries were read: whatever retention took away meanwhile is not passed over in silence.
        let status = keeper.status().await?;
        if after + 1 < status.first && entries.first().is_none_or(|entry| entry.seq != after + 1) {
            return Err(not_kept(status.first));
        }
        let next = entries.last().map_or(after, |entry| entry.seq);
        Ok(Page { next, first: status.first, last: status.last, entries })
    }
}

/// What is asked for lies before the oldest entry that is kept.
pub(crate) fn not_kept(first: u64) -> AdminError {
    AdminError::Gone(format!("entries up to {} are not kept any more; the oldest is {first}", first.saturating_sub(1)))
}

/// A part of the log.
#[derive(Debug)]
struct Page {
    entries: Vec<LogEntry>,
    /// Where to go on.
    next: u64,
    /// The oldest entry that is kept.
    first: u64,
    /// The latest entry.
    last: u64,
}

impl Page {
    fn shown(&self) -> Value {
        let entries: Vec<Value> = self.entries.iter().map(entry_shown).collect();
        json!({ "entries": entries, "next": self.next, "first": self.first, "last": self.last })
    }
}

/// An entry as it is in the log, with times and leniencies in words.
pub(crate) fn entry_shown(entry: &LogEntry) -> Value {
    let mut shown = json!(entry);
    let change = &entry.change;
    shown["at"] = json!(change.at.to_string());
    for (name, side) in [("before", &change.before), ("after", &change.after)] {
        if let Some(created) = side.as_ref().and_then(|side| side.created) {
            shown[name]["created"] = json!(created.to_string());
        }
    }
    if !change.rewrites.is_empty() {
        shown["rewrites"] = told(&change.rewrites);
    }
    shown
}
