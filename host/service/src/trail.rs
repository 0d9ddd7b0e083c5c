//! The last requests of each tenant, in memory: what arrived, what was forgiven, what was refused and why. It is gone with the process;
//! what changed something is in the tenant's log as well.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use muster_model::{RequestId, Timestamp};
use muster_protocol::ScimType;
use muster_protocol::dialect::{Rewrite, Rule};
use serde_json::{Value, json};

use crate::tenants::Tenant;
use crate::{AdminError, Caller, Service};

/// How many requests of one tenant are kept.
pub const MAX_REQUESTS_KEPT: usize = 200;

/// How many leniencies are kept of one request.
pub const MAX_REWRITES_KEPT: usize = 20;

/// How many bytes are kept of the sentence that a client was refused with.
pub const MAX_DETAIL_KEPT_BYTES: usize = 512;

/// What is noted of one request while it is answered. Copies share what they note.
#[derive(Debug, Clone, Default)]
pub struct Notes(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// Whose request it is, and since when that is known; without a tenant nothing is kept.
    tenant: OnceLock<(Arc<Tenant>, Timestamp)>,
    /// What it is about.
    path: OnceLock<String>,
    rewrites: Mutex<Vec<Rewrite>>,
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
}

impl Notes {
    /// Notes what the request needed to be understood.
    pub fn add(&self, rewrites: &[Rewrite]) {
        if rewrites.is_empty() {
            return;
        }
        let mut noted = lock(&self.0.rewrites);
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

    /// What the request is about: the path behind the tenant's base, without what the client chose (no query, no name that is none of ours).
    pub fn at(&self, path: String) {
        // Set once: a request has one path.
        let _ = self.0.path.set(path);
    }

    /// The tenant is known.
    pub(crate) fn enter(&self, tenant: &Arc<Tenant>, now: Timestamp) {
        // Set once: a request has one tenant.
        let _ = self.0.tenant.set((tenant.clone(), now));
    }

    /// The request is answered, and kept with its tenant if it has one.
    pub fn answered(&self, answered: impl FnOnce() -> Answered) {
        let Some((tenant, at)) = self.0.tenant.get() else { return };
        let mut answered = answered();
        if let Some((_, detail)) = &mut answered.refused {
            detail.truncate(detail.floor_char_boundary(MAX_DETAIL_KEPT_BYTES));
        }
        let rewrites = std::mem::take(&mut *lock(&self.0.rewrites));
        let path = self.0.path.get().cloned().unwrap_or_default();
        tenant.trail.keep(Kept { at: *at, path, answered, rewrites });
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

/// The last requests of a tenant, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Trail(Mutex<VecDeque<Kept>>);

#[derive(Debug, Clone)]
struct Kept {
    at: Timestamp,
    path: String,
    answered: Answered,
    rewrites: Vec<Rewrite>,
}

impl Trail {
    fn keep(&self, kept: Kept) {
        let mut requests = lock(&self.0);
        // What falls out is dropped after the lock is let go.
        let _oldest = if requests.len() == MAX_REQUESTS_KEPT { requests.pop_front() } else { None };
        requests.push_back(kept);
        drop(requests);
    }

    fn shown(&self) -> Vec<Value> {
        let requests: Vec<Kept> = lock(&self.0).iter().cloned().collect();
        requests.iter().map(Kept::shown).collect()
    }
}

impl Kept {
    fn shown(&self) -> Value {
        let Answered { request, method, status, refused } = &self.answered;
        let mut shown = json!({
            "request": request,
            "at": self.at.to_string(),
            "method": method,
            "path": self.path,
            "status": status,
        });
        if let Some((scim_type, detail)) = refused {
            if let Some(scim_type) = scim_type {
                shown["scimType"] = json!(scim_type.as_str());
            }
            shown["detail"] = json!(detail);
        }
        shown["rewrites"] = told(&self.rewrites);
        shown
    }
}

/// Leniencies as an administrator reads them.
pub(crate) fn told(rewrites: &[Rewrite]) -> Value {
    let one = |rewrite: &Rewrite| json!({ "rule": rewrite.rule, "path": rewrite.path, "says": rewrite.says() });
    rewrites.iter().map(one).collect()
}

/// Notes are whole at every moment: whoever panicked with the lock left nothing half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Service {
    /// A tenant's last requests since the server started, oldest first.
    pub fn read_requests(&self, tenant: &str) -> Result<Value, AdminError> {
        let id = self.row(tenant)?.id;
        let requests = self.tenants.view().tenant(&id).map(|tenant| tenant.trail.shown()).unwrap_or_default();
        Ok(json!({ "requests": requests }))
    }
}
