//! What each request of a tenant was, and what became of it: noted while it is answered, made into an entry of the request log afterwards.
//!
//! [`Notes`] is all that the request path touches: it holds on to what is there anyway (the head, the body's bytes, the plugin that
//! decided), and redacts nothing. The entry is made of it where the log is written (`entry.rs`), by the rules of `rules.rs`.

mod body;
mod decision;
mod entry;
mod filters;
mod headers;
mod question;
mod read;
mod redact;
mod rules;
#[cfg(test)]
mod tests;
mod unsaid;

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use muster_model::{Actor, Change, RequestId, ResourceId, Timestamp};
use muster_protocol::ScimType;
use muster_protocol::dialect::{Rewrite, Rule};
use muster_store::StoreError;
use muster_store::request_log::{Draft, Operations, Took};
use serde_json::{Value, json};

use crate::Caller;
use crate::binding::Bound;
use crate::tenants::Tenant;

use decision::Decided;
pub(crate) use decision::Operation;
pub use read::RequestsAsked;
pub(crate) use redact::is_whole;

/// How many leniencies are kept of one request.
pub const MAX_REWRITES_KEPT: usize = 20;

/// How many bytes are kept of the sentence that a client was refused with.
pub const MAX_DETAIL_KEPT_BYTES: usize = 512;

/// How many resources a request is found under.
pub const MAX_ABOUT_KEPT: usize = 100;

/// What a request takes while it waits to be written, beside its body: roughly, in bytes.
const DRAFT_BYTES: usize = 2 << 10;

/// What is noted of one request while it is answered. Copies share what they note.
#[derive(Debug, Clone, Default)]
pub struct Notes(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// Whose request it is; without a tenant nothing is kept.
    who: OnceLock<Who>,
    /// The plugin that decides it.
    bound: OnceLock<Arc<Bound>>,
    head: OnceLock<Head>,
    /// What it is about, as it was sent.
    path: OnceLock<String>,
    body: OnceLock<Bytes>,
    noted: Mutex<Noted>,
}

#[derive(Debug, Clone)]
struct Who {
    tenant: Arc<Tenant>,
    actor: Actor,
    at: Timestamp,
}

/// How a request came.
#[derive(Debug, Clone)]
pub struct Head {
    /// The version of HTTP.
    pub http: http::Version,
    /// The base path that it came in under.
    pub base: String,
    /// What is behind the base path.
    pub uri: Uri,
    /// Its headers. Most of them are only counted by name.
    pub headers: HeaderMap,
}

/// How a request was answered.
#[derive(Debug, Clone)]
pub struct Answered {
    /// Its id.
    pub request: RequestId,
    /// The verb.
    pub method: &'static str,
    /// The status.
    pub status: u16,
    /// What it was refused with, if it was.
    pub refused: Option<(Option<ScimType>, String)>,
    /// The headers of the answer that matter.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Bytes of its body.
    pub bytes: Option<u64>,
    /// From its head to its answer.
    pub took: Duration,
}

/// What comes to be known bit by bit.
#[derive(Debug, Default)]
struct Noted {
    rewrites: Vec<Rewrite>,
    took: Took,
    decided: Decided,
    operations: Operations,
    changes: Vec<u64>,
    about: Vec<ResourceId>,
}

impl Notes {
    /// Notes what the request needed to be understood.
    pub fn add(&self, rewrites: &[Rewrite]) {
        if rewrites.is_empty() {
            return;
        }
        let noted = &mut self.noted().rewrites;
        for rewrite in rewrites {
            if noted.len() < MAX_REWRITES_KEPT && !noted.contains(rewrite) {
                noted.push(rewrite.clone());
            }
        }
    }

    /// Notes one rule, and where it was needed.
    pub fn add_one(&self, rule: Rule, path: &str) {
        self.add(&[Rewrite::new(rule, path)]);
    }

    /// What the request is about: the path behind the tenant's base.
    pub fn at(&self, path: &str) {
        // Set once: a request has one path, and below one tenant, one plugin, one head and one body.
        let _ = self.0.path.set(path.to_owned());
    }

    /// The tenant is known.
    pub(crate) fn enter(&self, tenant: &Arc<Tenant>, actor: Actor, at: Timestamp) {
        if tenant.keeps_requests() {
            let _ = self.0.who.set(Who { tenant: tenant.clone(), actor, at });
        }
    }

    /// So is the plugin that decides.
    pub(crate) fn bind(&self, bound: &Arc<Bound>) {
        let _ = self.0.bound.set(bound.clone());
    }

    /// How the request came, if it has a tenant.
    pub fn head(&self, head: impl FnOnce() -> Head) {
        if self.0.who.get().is_some() {
            let _ = self.0.head.set(head());
        }
    }

    /// The body has come, after the client was waited for so long.
    pub fn body(&self, bytes: &Bytes, waited: Duration) {
        let _ = self.0.body.set(bytes.clone());
        self.noted().took.body_us = micros(waited);
    }

    /// It was read as JSON in so long.
    pub fn parsed(&self, took: Duration) {
        self.noted().took.parse_us = micros(took);
    }

    /// A commit is to be made: what it is about.
    pub(crate) fn touches(&self, change: &Change) {
        let about = &mut self.noted().about;
        for id in std::iter::once(&change.id).chain(&change.members_added).chain(&change.members_removed) {
            if about.len() == MAX_ABOUT_KEPT {
                break;
            }
            if !about.contains(id) {
                about.push(*id);
            }
        }
    }

    /// It was made, with this place in the log, or not: then everything is decided again, if at all.
    pub(crate) fn committed(&self, took: Duration, seq: Result<u64, &StoreError>) {
        let mut noted = self.noted();
        noted.took.commit_us += micros(took);
        if let Ok(seq) = seq {
            noted.decided.has_changed = true;
            if noted.changes.len() < MAX_ABOUT_KEPT {
                noted.changes.push(seq);
            }
        } else if matches!(seq, Err(StoreError::Stale)) {
            noted.decided = Decided::default();
        }
    }

    /// The request is answered, and goes into the tenant's log if it has one.
    pub fn answered(&self, answered: impl FnOnce() -> Answered) {
        let Some(who) = self.0.who.get() else { return };
        let answered = answered();
        let (inner, sender) = (self.0.clone(), who.clone());
        let bytes = DRAFT_BYTES + self.0.body.get().map_or(0, Bytes::len);
        let draft = Draft { bytes, entry: Box::new(move || inner.entry(&sender, answered)) };
        who.tenant.requests.offer(&who.tenant.id, draft);
    }

    fn noted(&self) -> MutexGuard<'_, Noted> {
        lock(&self.0.noted)
    }
}

impl Caller {
    /// Notes what the request needed, also if it changes nothing or is refused later.
    pub(crate) fn note(&self, rewrites: &[Rewrite]) {
        self.notes.add(rewrites);
    }

    /// What is noted of the request.
    pub fn notes(&self) -> &Notes {
        &self.notes
    }
}

/// Leniencies as an administrator reads them.
pub(crate) fn told(rewrites: &[Rewrite]) -> Value {
    let one = |rewrite: &Rewrite| json!({ "rule": rewrite.rule, "path": rewrite.path, "says": rewrite.says() });
    rewrites.iter().map(one).collect()
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Notes are whole at every moment: whoever panicked with the lock left nothing half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
