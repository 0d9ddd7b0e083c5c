use serde::{Deserialize, Serialize};

use crate::{ReceiverName, SealedKey, Timestamp};

/// How many webhooks a tenant can have.
pub const MAX_WEBHOOKS_A_TENANT: usize = 16;

/// A place that signed webhooks go to (Standard Webhooks), as the store keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WebhookRow {
    /// Its name.
    pub name: ReceiverName,
    /// Where they go: https.
    pub url: String,
    /// The names of the events that go there; empty: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<String>,
    /// How much an event says.
    #[serde(default)]
    pub payload: Payload,
    /// How many events one request has at most; 1: each has its own.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub batch: u32,
    /// Whether the brake holds what tells of an access that ended.
    #[serde(default = "yes")]
    pub is_braked: bool,
    /// Whether anything goes there.
    pub is_on: bool,
    /// Why it is not, if it was not somebody's decision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub off_because: Option<String>,
    /// The log's last entry when it was added: what comes after it goes there.
    pub since: u64,
    /// When it was added.
    pub created: Timestamp,
    /// What is signed with: the latest first. More than one while receivers learn a new one.
    pub keys: Vec<SealedKey>,
}

/// How much an event says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Payload {
    /// What happened to which resource, and where to read it.
    #[default]
    Thin,
    /// The resource and the account as they are after it, too.
    Full,
}

fn one() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_one(number: &u32) -> bool {
    *number == 1
}

fn yes() -> bool {
    true
}
