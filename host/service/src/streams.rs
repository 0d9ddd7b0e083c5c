//! Security event tokens (RFC 8417): what happened to a tenant's users and groups, in the words of RFC 9967, signed so that whoever takes them
//! can believe them.
//!
//! Start with `token.rs`: one token of one task. `told.rs` is which events there are and which entries of the log they tell, `scope.rs` of which
//! resources, `announced.rs` what is told beside the log, `keys.rs` what is signed with, `push.rs` one attempt to send a token (RFC 8935),
//! `poll.rs` one answer to who comes for them (RFC 8936). Who has which streams is in `admin/streams.rs`.

mod announced;
mod keys;
mod poll;
mod push;
mod scope;
mod token;
mod told;

pub(crate) use keys::{SigningKey, is_published, jwk};
pub use poll::{
    LONG_POLL, MAX_ACKNOWLEDGED_AT_ONCE, MAX_POLL_BYTES, MAX_POLLED_BYTES, MAX_POLLS_WAITING,
    MAX_POLLS_WAITING_A_STREAM, MAX_SETS_A_POLL, POLL_LEASE, PollError,
};
pub(crate) use poll::{Polls, is_open};
pub use push::{MAX_PUSH_ANSWER_BYTES, PUSH_TIMEOUT};
pub(crate) use scope::{Passage, Scope, Unsaid, select};
pub use token::MAX_CLAIMS_BYTES;
pub(crate) use told::{SetKind, Told, sets_of, told_by};

use muster_model::{ReceiverName, StreamRow, Task, TenantId, TenantRow};
use serde_json::{Value, json};

use crate::Service;
use crate::asynchronous::takes_async;

/// A tenant's stream of this name.
pub(crate) fn stream<'a>(row: &'a TenantRow, name: &ReceiverName) -> Option<&'a StreamRow> {
    row.delivery.events.streams.iter().find(|stream| stream.name == *name)
}

/// Whether a task was planned for an earlier stream of the same name.
fn is_of_another(stream: &StreamRow, task: &Task) -> bool {
    match task.change {
        0 => task.at < stream.created,
        change => change <= stream.since,
    }
}

/// What `/ServiceProviderConfig` says of a tenant's streams (RFC 9967 §4), and of whether requests are accepted for later, which a webhook
/// can be told of as well; `None`: there is neither.
pub(crate) fn security_events(row: &TenantRow) -> Option<Value> {
    let streams = &row.delivery.events.streams;
    if streams.is_empty() && !takes_async(row) {
        return None;
    }
    let is_told = |told: &Told| streams.iter().any(|stream| told_by(stream).contains(told));
    let uris: Vec<&str> = Told::ALL.into_iter().filter(is_told).map(Told::uri).collect();
    let asynchronous = if takes_async(row) { "request" } else { "none" };
    Some(json!({ "asyncRequest": asynchronous, "eventUris": uris }))
}

impl Service {
    /// Tells the service by which origin it is reached: `https://scim.example.com`. What it says to others about itself begins with that.
    pub fn reached_at(&self, origin: &str) {
        // Told once, before anything is served.
        let _ = self.origin.set(origin.to_owned());
    }

    /// Who signs a tenant's tokens: `iss`.
    pub(crate) fn issuer(&self, tenant: &TenantId) -> String {
        let origin = self.origin.get().map_or("http://localhost", String::as_str);
        format!("{origin}/t/{tenant}")
    }

    /// What verifies a tenant's tokens (RFC 7517 §5); `None`: there is no such tenant. Tenants without streams have no key.
    pub fn jwks(&self, tenant: &str) -> Option<Value> {
        let row = self.row(tenant).ok()?;
        let now = self.parts.clock.now();
        let live = row.delivery.events.keys.iter().filter(|key| is_published(key, now));
        let keys: Vec<Value> = live.filter_map(|key| jwk(&self.parts.secrets_key, &row.id, key)).collect();
        Some(json!({ "keys": keys }))
    }
}
