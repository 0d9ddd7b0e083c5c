//! What a tenant's receivers are told: each entry of its log by one name, and now and then something that is no change.
//!
//! An entry becomes a task in the queue of each receiver that takes it; the feeder (`host/delivery`) follows the log and asks here for
//! them, so a commit knows nothing of receivers. `telling.rs` says who is told of what, and announces; `gone.rs` tidies up behind a receiver
//! that was removed.

mod gone;
mod telling;

pub use telling::MAX_ANNOUNCED_WAITING;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use muster_model::{Change, Event, Field, LogEntry, Queue, Receiver, ReceiverName, ResourceType, TenantId};
use sha2::{Digest as _, Sha256};
use tokio::sync::Notify;

/// Announcements that whoever takes everything is told of.
pub const ANNOUNCEMENTS: [&str; 5] = [BRAKE_ENGAGED, BRAKE_RELEASED, DEPROVISION_OVERDUE, LOG_GAP, ASYNC_RESPONSE];

/// The brake holds what would end accesses.
pub const BRAKE_ENGAGED: &str = "brake.engaged";
/// It does not any more.
pub const BRAKE_RELEASED: &str = "brake.released";
/// An access that should have ended has not.
pub const DEPROVISION_OVERDUE: &str = "deprovision.overdue";
/// Entries of the log were removed before the receiver was told of them.
pub const LOG_GAP: &str = "log.gap";
/// What came of a request that was carried out later.
pub const ASYNC_RESPONSE: &str = "async.response";
/// Somebody tries a webhook.
pub const TEST_PING: &str = "test.ping";
/// Somebody tries a stream.
pub const STREAM_VERIFICATION: &str = "stream.verification";

/// Of which kind the resource of an announcement is. Each has an id of its own: so it waits for nothing, and nothing for it.
pub(crate) const ANNOUNCEMENT: &str = "Announcement";

/// How much of the hash of an entry stands in its key, in bytes.
const EVENT_HASH_BYTES: usize = 4;

/// Something that receivers are told and that is no change.
#[derive(Debug, Clone, PartialEq)]
pub struct Announcement {
    /// What: one of the names above.
    pub name: &'static str,
    /// Its idempotency key: the same whenever the same is announced again.
    pub key: String,
    /// What is said of it; nothing of a user.
    pub data: Vec<Field>,
    /// To whom; `None`: to all that are on and take the name.
    pub to: Option<Receiver>,
}

/// The name of what happened to a resource: `user.deactivated`, `group.member-added`.
pub fn event_name(change: &Change) -> String {
    named(&change.resource_type, change.event)
}

/// By what an entry of the log is known to whoever is told of it, in each attempt and after each restart: its number, and the beginning of a
/// hash of what makes it this one. A store that is restored from an older copy gives its numbers again, to other entries.
pub(crate) fn event_key(entry: &LogEntry) -> String {
    format!("event-{}-{}", entry.seq, event_hash(entry))
}

/// The second half of it.
pub(crate) fn event_hash(entry: &LogEntry) -> String {
    let change = &entry.change;
    let (at, request, event) = (change.at.as_millis(), &change.request.0, word(change.event));
    // None of them has a space in it, but a request's name that a client gave may: so it is the last.
    let what = format!("muster event 1 {at} {event} {} {} {request}", change.resource_type, change.id);
    let hash = Sha256::digest(what);
    hex::encode(hash.get(..EVENT_HASH_BYTES).unwrap_or_default())
}

/// The names of all that can happen to resources of a kind.
pub fn event_names(kind: &ResourceType) -> Vec<String> {
    let of_users =
        [Event::Created, Event::Updated, Event::Deactivated, Event::Reactivated, Event::Deleted, Event::Signalled];
    let of_groups = [Event::Created, Event::Updated, Event::Deleted, Event::MemberAdded, Event::MemberRemoved];
    let events = if *kind == ResourceType::GROUP { &of_groups[..] } else { &of_users[..] };
    events.iter().map(|event| named(kind, *event)).collect()
}

fn named(kind: &ResourceType, event: Event) -> String {
    format!("{}.{}", kind.as_str().to_ascii_lowercase(), word(event))
}

const fn word(event: Event) -> &'static str {
    match event {
        Event::Created => "created",
        Event::Updated => "updated",
        Event::Deactivated => "deactivated",
        Event::Reactivated => "reactivated",
        Event::Deleted => "deleted",
        Event::MemberAdded => "member-added",
        Event::MemberRemoved => "member-removed",
        Event::Signalled => "signalled",
    }
}

/// Whether something takes an access away: the brake can hold it. So does a group that loses members, or is gone: a receiver may give licences
/// by groups.
pub(crate) fn is_destructive(change: &Change) -> bool {
    let is_of_group = change.resource_type == ResourceType::GROUP;
    ends_access(change) || is_of_group && (change.event == Event::Deleted || !change.members_removed.is_empty())
}

/// Whether something ends all that a user may do.
pub(crate) fn ends_access(change: &Change) -> bool {
    let ends = match change.event {
        Event::Deactivated | Event::Deleted => true,
        Event::Created
        | Event::Updated
        | Event::Reactivated
        | Event::MemberAdded
        | Event::MemberRemoved
        | Event::Signalled => false,
    };
    ends && change.resource_type == ResourceType::USER
}

/// Is called with a tenant whose log has grown, or whose receivers have changed.
pub type Ring = Arc<dyn Fn(&TenantId) + Send + Sync>;

/// Is called with a queue of somebody who is on again.
pub type Wake = Arc<dyn Fn(&TenantId, &Queue) + Send + Sync>;

/// Whom to call when there is news, in this process.
#[derive(Default)]
pub(crate) struct Bells {
    ring: OnceLock<Ring>,
    wake: OnceLock<Wake>,
    lift: OnceLock<Wake>,
    /// Of streams that somebody comes for.
    polled: Mutex<HashMap<(TenantId, ReceiverName), Arc<Notify>>>,
}

impl std::fmt::Debug for Bells {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bells").finish_non_exhaustive()
    }
}

impl Bells {
    pub(crate) fn ring(&self, tenant: &TenantId) {
        if let Some(ring) = self.ring.get() {
            ring(tenant);
        }
    }

    fn wake(&self, tenant: &TenantId, queue: &Queue) {
        if let Some(wake) = self.wake.get() {
            wake(tenant, queue);
        }
    }

    fn lift(&self, tenant: &TenantId, queue: &Queue) {
        if let Some(lift) = self.lift.get() {
            lift(tenant, queue);
        }
    }

    fn polled(&self, tenant: &TenantId, name: &ReceiverName) -> Arc<Notify> {
        let mut polled = self.polled.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(polled.entry((tenant.clone(), name.clone())).or_default())
    }

    /// Only of what somebody has asked for: who comes later finds what is there.
    fn tell_polled(&self, tenant: &TenantId, name: &ReceiverName) {
        let polled = self.polled.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(news) = polled.get(&(tenant.clone(), name.clone())) {
            news.notify_waiters();
        }
    }

    fn forget_polled(&self, tenant: &TenantId, name: &ReceiverName) {
        self.polled.lock().unwrap_or_else(PoisonError::into_inner).remove(&(tenant.clone(), name.clone()));
    }
}

#[cfg(test)]
mod tests {
    use muster_model::{Actor, PluginDigest, RequestId, ResourceId, Timestamp, Version};

    use super::*;

    fn entry(seq: u64, at: i64, request: &str) -> LogEntry {
        let change = Change {
            at: Timestamp::from_millis(at),
            actor: Actor::Operator,
            request: RequestId(request.into()),
            plugin: PluginDigest::of(b"plugin"),
            event: Event::Updated,
            resource_type: ResourceType::USER,
            id: ResourceId::from_bytes([7; 16]),
            before: None,
            after: None,
            members_added: Vec::new(),
            members_removed: Vec::new(),
            rewrites: Vec::new(),
            undoes: Vec::new(),
        };
        LogEntry { seq, version: Version::FIRST, change }
    }

    #[test]
    fn an_entry_is_told_by_the_same_key_and_another_one_under_its_number_by_another() {
        let key = event_key(&entry(17, 1, "req-1"));
        assert_eq!(key, event_key(&entry(17, 1, "req-1")));
        assert!(key.starts_with("event-17-") && key.len() == "event-17-".len() + 2 * EVENT_HASH_BYTES, "{key}");
        let mut other = entry(17, 1, "req-1");
        other.change.id = ResourceId::from_bytes([8; 16]);
        let mut deleted = entry(17, 1, "req-1");
        deleted.change.event = Event::Deleted;
        for other in [entry(17, 2, "req-1"), entry(17, 1, "req-2"), other, deleted] {
            assert_ne!(key, event_key(&other));
        }
    }

    #[test]
    fn everything_that_happens_has_a_name_of_its_own() {
        let mut names = event_names(&ResourceType::USER);
        names.extend(event_names(&ResourceType::GROUP));
        names.extend(event_names(&ResourceType::new("Device")));
        names.extend(
            [ANNOUNCEMENTS.map(str::to_owned).to_vec(), vec![TEST_PING.into(), STREAM_VERIFICATION.into()]].concat(),
        );
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
        assert_eq!(count, 6 + 5 + 6 + 7);
        for name in ["user.deactivated", "group.member-removed", "device.created", "log.gap"] {
            assert!(names.iter().any(|it| it == name), "{name}");
        }
    }
}
