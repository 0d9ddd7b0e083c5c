//! The log as whoever keeps and reads it sees it: history, search, seals, pruning.

use async_trait::async_trait;
use muster_model::{LogEntry, RequestId, Seal, Timestamp};

use crate::StoreError;

/// How many entries [`crate::Directory::find_in_log`] looks at in one call.
pub const MAX_LOG_SCANNED: u64 = 10_000;

/// How large the entries of one answer are together at most, in bytes as they are stored: then the page ends before its limit. One entry is
/// always returned, however large.
pub const MAX_LOG_PAGE_BYTES: usize = 8 * 1024 * 1024;

/// Which entries of a log; what is `None` selects nothing away.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogQuery {
    /// Of this request.
    pub request: Option<RequestId>,
    /// Not before this time.
    pub from: Option<Timestamp>,
    /// Before this time.
    pub to: Option<Timestamp>,
}

impl LogQuery {
    /// Whether it selects an entry of this time and request. Clocks go backwards: a later entry may be of an earlier time.
    pub fn selects(&self, at: Timestamp, request: &str) -> bool {
        self.request.as_ref().is_none_or(|wanted| *wanted.0 == *request)
            && self.from.is_none_or(|from| from <= at)
            && self.to.is_none_or(|to| at < to)
    }
}

/// What one call of [`crate::Directory::find_in_log`] found.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The entries, oldest first.
    pub entries: Vec<LogEntry>,
    /// Up to here nothing was passed over: where to go on.
    pub scanned_through: u64,
    /// Whether that is the end of the log.
    pub end: bool,
}

/// How far a log reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogStatus {
    /// The oldest entry that is kept; `last` + 1 if none is.
    pub first: u64,
    /// The latest entry; 0: there was none yet.
    pub last: u64,
    /// The seal before `first`: what the chain of the kept entries begins with.
    pub anchor: Seal,
    /// The latest seal; the anchor if there is none after it.
    pub sealed: Seal,
}

/// One tenant's log, for whoever seals it and cuts it off; the request path has no such handle.
#[async_trait]
pub trait LogKeeper: Send + Sync {
    /// How far the log reaches.
    async fn status(&self) -> Result<LogStatus, StoreError>;

    /// Keeps a seal over the entries behind `after` up to its own. [`StoreError::Stale`] if the latest seal is not the one at `after`, or if
    /// there are no such entries; the hash is the caller's to compute.
    async fn seal(&self, seal: &Seal, after: u64) -> Result<(), StoreError>;

    /// The seals behind `after`, oldest first, at most `limit`. That of the anchor is not among them.
    async fn seals(&self, after: u64, limit: usize) -> Result<Vec<Seal>, StoreError>;

    /// Forgets the entries up to `through`, which is where a seal is; otherwise [`StoreError::Stale`]. That seal becomes the anchor.
    ///
    /// To readers all of them are gone at once; the store removes them in bounded steps, at most `limit` entries in this call, and says
    /// how many it was. Whatever is left over (by the limit, or by a crash) goes with the next call, for the same `through` or a later one:
    /// done is what answers fewer than `limit`.
    async fn prune(&self, through: u64, limit: usize) -> Result<u64, StoreError>;
}
