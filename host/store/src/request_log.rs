//! The request log port: what each request of a tenant's identity provider was, and what became of it.
//!
//! It is kept apart from the directory (decision record 14). The request path only ever calls [`RequestLog::offer`], which neither waits nor
//! fails; whatever goes wrong behind it is counted, and told in the log itself as [`Item::Lost`]. What is offered is a [`Draft`]: the entry
//! is made of it, and values are redacted, where the log is written.

use async_trait::async_trait;
use muster_model::{Actor, PluginDigest, RequestId, ResourceId, TenantId, Timestamp};
use muster_protocol::dialect::Rewrite;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::StoreError;

/// A log of requests, each tenant with its own bounds.
#[async_trait]
pub trait RequestLog: Send + Sync + std::fmt::Debug {
    /// Takes a request into the log. Never waits and never fails: where there is no room, it is counted as lost.
    fn offer(&self, tenant: &TenantId, draft: Draft);

    /// How much of a tenant's requests is kept from now on. What is over that goes soon after, also if no request comes.
    fn keep(&self, tenant: &TenantId, bounds: RequestBounds);

    /// What time it is, as far as age is concerned: whoever judges the clock says so, now and then. Entries are too old by the latest time
    /// that was told, and by no other clock; until one is told, none of them is.
    fn believe(&self, now: Timestamp);

    /// The newest entries that match, in a bounded part of the log. What was offered before is among them, unless the log is behind by more
    /// than a moment. Not for the request path.
    async fn read(&self, tenant: &TenantId, query: &RequestQuery) -> Result<RequestPage, StoreError>;

    /// Writes what was offered, as far as that takes no more than a moment, and lets go of everything.
    async fn close(&self);
}

/// What an entry is made of, later.
pub struct Draft {
    /// Roughly how many bytes it holds on to until then.
    pub bytes: usize,
    /// Makes the entry.
    pub entry: Box<dyn FnOnce() -> RequestEntry + Send>,
}

impl std::fmt::Debug for Draft {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Draft").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

/// How much of a tenant's requests is kept; 0 of either keeps nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestBounds {
    /// Days that an entry is kept.
    pub days: u32,
    /// Bytes of all entries.
    pub bytes: u64,
}

/// Which entries are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestQuery {
    /// Entries before this one; `None`: from the newest.
    pub before: Option<u64>,
    /// How many at most.
    pub limit: usize,
    /// Statuses, the first and the last of them.
    pub status: Option<(u16, u16)>,
    /// The verb.
    pub method: Option<String>,
    /// Requests that are about this resource.
    pub resource: Option<ResourceId>,
    /// This one request.
    pub request: Option<RequestId>,
    /// Not before this time.
    pub from: Option<Timestamp>,
    /// Before this time.
    pub to: Option<Timestamp>,
}

/// A part of a tenant's log, newest first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RequestPage {
    /// What was found.
    pub found: Vec<Kept>,
    /// There may be more before this one; `None`: there is not.
    pub next: Option<u64>,
    /// Lines that could not be read: cut off by a crash, or damaged.
    pub unreadable: u64,
}

/// One line of the log, in its place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// Counts up, per tenant.
    pub seq: u64,
    /// What the line tells.
    pub item: Item,
}

/// What a line of the log tells.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Item {
    /// A request.
    Request(Box<RequestEntry>),
    /// Requests that came before this line and are not in the log: there was no room for them, or they could not be written.
    Lost {
        /// When it was noticed.
        at: Timestamp,
        /// How many.
        count: u64,
    },
}

/// One request, redacted: nothing in it that the directory may not keep, and no secret.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RequestEntry {
    /// Its id, as in `x-request-id` and in the directory's log.
    pub request: RequestId,
    /// When it came.
    pub at: Timestamp,
    /// The verb.
    pub method: String,
    /// What is behind the tenant's base path.
    pub path: String,
    /// How it was answered.
    pub status: u16,
    /// `scimType` of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scim_type: Option<String>,
    /// The sentence that it was refused with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The resources that it is about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub about: Vec<ResourceId>,
    /// Who sent it.
    pub actor: Actor,
    /// What came.
    pub sent: Sent,
    /// What went back.
    pub answer: Answer,
    /// How long it took.
    pub took: Took,
    /// What was forgiven.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rewrites: Vec<Rewrite>,
    /// What the plugin decided; `None`: it was not asked, or each of `operations` has its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
    /// The operations of a bulk request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operations: Option<Operations>,
    /// Entries of the directory's log that it made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<u64>,
}

/// What came with a request.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Sent {
    /// `HTTP/1.1`
    pub http: String,
    /// The base path that it came in under.
    pub base: String,
    /// The parameters of its query string.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub query: Vec<(String, String)>,
    /// Headers of which the value is kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    /// The names of all others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_headers: Vec<String>,
    /// The body, if it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Body>,
}

/// The body of a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Body {
    /// How long it was.
    pub bytes: u64,
    /// What it said, redacted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json: Option<Value>,
    /// Why it cannot be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// What went back, without the body: what was stored is in the directory's log.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// `ETag`, `Location`, `Retry-After` and their like.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    /// Bytes of the body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
}

/// Where a request's time went, in microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Took {
    /// All of it, from its head to its answer.
    pub all_us: u64,
    /// Waiting for the client to send the body.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub body_us: u64,
    /// Reading it as JSON.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub parse_us: u64,
    /// In the plugin.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub plugin_us: u64,
    /// Waiting for the commit to be on disk.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub commit_us: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// What a tenant's plugin made of a write.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// Which plugin.
    pub plugin: PluginDigest,
    /// What its manifest calls it.
    pub name: String,
    /// Its manifest's version.
    pub version: String,
    /// What it said.
    pub outcome: Outcome,
    /// How many tasks it planned.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub tasks: u64,
    /// What for: the first few kinds of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<String>,
}

/// What a plugin said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It made an account.
    Mapped {
        /// Where the account stands.
        state: String,
        /// Whether the product lists it.
        listed: bool,
        /// The attributes under which the plugin wants it found; not their values.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        keys: Vec<String>,
        /// The account and the resource were so before.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        unchanged: bool,
    },
    /// It was asked for tasks only: the mapping had nothing to do with it.
    Planned,
    /// It said no, in these words.
    Rejected {
        /// The status that it wanted.
        status: u16,
        /// Its sentence.
        detail: String,
    },
    /// It said no where it was asked what is to follow.
    Vetoed {
        /// The status that it wanted.
        status: u16,
        /// Its sentence.
        detail: String,
    },
    /// It gave no usable answer: `trapped`, `deadline`, `limit`, `invalid`, `busy`.
    Failed {
        /// Which of them.
        class: String,
    },
}

/// The operations of a bulk request.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Operations {
    /// How many were attempted.
    pub attempted: u64,
    /// How many of them failed.
    pub failed: u64,
    /// The first of them, and the first that failed.
    pub shown: Vec<OperationLine>,
}

/// What became of one operation of a bulk request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OperationLine {
    /// Its place in the request, from 0.
    pub index: u64,
    /// Its verb.
    pub method: String,
    /// What it was about.
    pub path: String,
    /// How it was answered.
    pub status: u16,
    /// `scimType` of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scim_type: Option<String>,
    /// The sentence that it was refused with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// What the plugin decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
}

impl RequestQuery {
    /// Whether an entry is asked for; `before` and `limit` are not looked at.
    pub fn matches(&self, head: &RequestHead) -> bool {
        self.from.is_none_or(|from| head.at >= from)
            && self.to.is_none_or(|to| head.at < to)
            && self.status.is_none_or(|(first, last)| (first..=last).contains(&head.status))
            && self.method.as_ref().is_none_or(|method| head.method.eq_ignore_ascii_case(method))
            && self.resource.is_none_or(|resource| head.about.contains(&resource))
            && self.request.as_ref().is_none_or(|request| *request == head.request)
    }

    /// Whether every request of a time is asked for, so that those that are lost are worth telling.
    pub fn wants_lost(&self, lost_at: Timestamp) -> bool {
        let all = Self { before: self.before, limit: self.limit, from: self.from, to: self.to, ..Self::default() };
        *self == all && self.from.is_none_or(|from| lost_at >= from) && self.to.is_none_or(|to| lost_at < to)
    }
}

/// What is searched in an entry: the rest need not be read for it.
#[derive(Debug, Clone, Deserialize)]
#[expect(missing_docs, reason = "they are told at `RequestEntry`")]
pub struct RequestHead {
    pub request: RequestId,
    pub at: Timestamp,
    pub method: String,
    pub status: u16,
    #[serde(default)]
    pub about: Vec<ResourceId>,
}
