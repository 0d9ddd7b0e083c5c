use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::{ContextV7, Uuid};

use crate::{Clock, Timestamp};

/// The `id` of a resource: a UUID of version 7, so that ids in order are resources in order of creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ResourceId(Uuid);

impl ResourceId {
    /// `None` if this is not how the server writes ids: then there is no such resource (ids are case-exact, RFC 7643 §3.1).
    pub fn parse(text: &str) -> Option<Self> {
        let uuid = Uuid::try_parse(text).ok()?;
        let id = Self(uuid);
        (id.to_string() == text).then_some(id)
    }

    /// Sixteen bytes that sort as the ids do.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// The reverse of [`ResourceId::as_bytes`].
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// The name of a kind of resource: `User`, `Group`. Data rather than an enum, because tenants may come to have kinds of their own.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ResourceType(Cow<'static, str>);

impl ResourceType {
    /// `User`
    pub const USER: Self = Self(Cow::Borrowed("User"));
    /// `Group`
    pub const GROUP: Self = Self(Cow::Borrowed("Group"));
    /// `ManualUser`: a user whom the vendor's product made by hand. A kind of its own, so that nothing that reads or counts users meets
    /// one by accident; `muster_protocol` lets nobody declare a kind of this name.
    pub const MANUAL_USER: Self = Self(Cow::Borrowed("ManualUser"));

    /// The kind with this name.
    pub fn new(name: &str) -> Self {
        match name {
            "User" => Self::USER,
            "Group" => Self::GROUP,
            "ManualUser" => Self::MANUAL_USER,
            other => Self(Cow::Owned(other.to_owned())),
        }
    }

    /// `User`
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ResourceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Names one request in answers, logs and changes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RequestId(pub Arc<str>);

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// New ids, as an argument.
pub trait IdSource: Send + Sync + fmt::Debug {
    /// An id that was never given out, and greater than those given out before at the same or an earlier time.
    fn next(&self) -> ResourceId;
}

/// UUIDs of version 7 that count within a millisecond.
#[derive(Debug)]
pub struct OrderedIds {
    clock: Arc<dyn Clock>,
    context: std::sync::Mutex<ContextV7>,
}

impl OrderedIds {
    /// Takes the time from `clock`.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, context: std::sync::Mutex::new(ContextV7::new()) }
    }
}

impl IdSource for OrderedIds {
    fn next(&self) -> ResourceId {
        let millis = u64::try_from(Timestamp::as_millis(self.clock.now())).unwrap_or(0);
        let nanos = u32::try_from(millis % 1000).unwrap_or(0) * 1_000_000;
        // A thread that panicked while it counted has left a usable counter behind.
        let context = self.context.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        ResourceId(Uuid::new_v7(uuid::Timestamp::from_unix(&*context, millis / 1000, nanos)))
    }
}
