use muster_protocol::Document;
use muster_protocol::dialect::Rewrite;
use serde::{Deserialize, Serialize};

use crate::{Account, PluginDigest, RequestId, ResourceId, ResourceType, Timestamp, TokenId, Version};

/// What happened to a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// It is new.
    Created,
    /// It changed, and `active` did not.
    Updated,
    /// `active` became false.
    Deactivated,
    /// `active` became true again.
    Reactivated,
    /// It is gone.
    Deleted,
    /// A group has more members.
    MemberAdded,
    /// A group has fewer members.
    MemberRemoved,
    /// The vendor's product reported something.
    Signalled,
}

/// Who made a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Actor {
    /// An identity provider with this token.
    Token(TokenId),
    /// An operator with the admin key.
    Operator,
    /// Muster itself: a job with this name.
    Job(String),
    /// A tenant admin, through the portal.
    Portal(String),
    /// The vendor's product, by the signal of this name.
    Signal(String),
    /// The vendor's product, which looks after an account that it made by hand.
    Product,
}

/// One side of a change: the resource and the account as they were or are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// What the IdP sees.
    pub document: Document,
    /// What the product sees.
    pub account: Account,
    /// When the resource was created: what was deleted can come back as what it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
}

/// One committed change of one resource: before, after, who, by which plugin. The log is the list of these.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
    /// The request that brought it.
    pub request: RequestId,
    /// The plugin that mapped it.
    pub plugin: PluginDigest,
    /// What happened.
    pub event: Event,
    /// `User`, `Group`, ...
    pub resource_type: ResourceType,
    /// Which one.
    pub id: ResourceId,
    /// How it was; `None`: it did not exist, or only memberships changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Snapshot>,
    /// How it is; `None`: it does not exist any more, or only memberships changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Snapshot>,
    /// Members that a group gained.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members_added: Vec<ResourceId>,
    /// Members that a group lost.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members_removed: Vec<ResourceId>,
    /// What the server forgave: why what arrived is not what was stored.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rewrites: Vec<Rewrite>,
    /// The entries of the log (by their `seq`) that it takes back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undoes: Vec<u64>,
}

impl Change {
    /// Whether it tells that SCIM took over an account made by hand: nothing else of an identity provider's ends one. The entry of the user
    /// whom it became is the next one.
    pub fn is_adoption(&self) -> bool {
        let is_of_scim = matches!(self.actor, Actor::Token(_));
        is_of_scim && self.resource_type == ResourceType::MANUAL_USER && self.event == Event::Deleted
    }
}

/// A [`Change`] in its place in the tenant's log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogEntry {
    /// 1, 2, 3, ... without gaps, per tenant.
    pub seq: u64,
    /// The resource's version after it; of one that was deleted the last that it had.
    pub version: Version,
    /// What happened.
    #[serde(flatten)]
    pub change: Change,
}
