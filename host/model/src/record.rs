use muster_protocol::Document;
use serde::{Deserialize, Serialize};

use crate::{Account, PluginDigest, ResourceId, ResourceType, Timestamp};

/// Counts the writes of one record, from 1. The `ETag` is made of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(pub u64);

impl Version {
    /// Of a record that was just created.
    pub const FIRST: Self = Self(1);

    /// The one after this.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// As HTTP and `meta.version` show it.
    pub fn etag(self) -> String {
        format!("W/\"{}\"", self.0)
    }
}

/// A name under which a record is found and which no other record of the same kind in the tenant may have.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Key {
    /// The canonical SCIM path, in lower case: `username`, `emails.value`.
    pub attribute: String,
    /// The value, folded (`muster_protocol::text::fold`).
    pub folded: String,
}

/// A value under which records are found, and which several may share.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct IndexEntry {
    /// The canonical SCIM path, in lower case: `externalid`, `emails.value`.
    pub attribute: String,
    /// The value: folded where case does not count, as it is where it does.
    pub value: String,
}

/// One resource of one tenant: what the IdP sees, what the product sees, and how both are found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Its `id`.
    pub id: ResourceId,
    /// Its kind.
    pub resource_type: ResourceType,
    /// When it was created.
    pub created: Timestamp,
    /// When it was last changed.
    pub modified: Timestamp,
    /// How often it was written.
    pub version: Version,
    /// The SCIM attributes that the plugin retains.
    pub document: Document,
    /// The vendor's view.
    pub account: Account,
    /// The plugin that made the account.
    pub plugin: PluginDigest,
    /// The names that it holds: derived from document and account by the service.
    pub keys: Vec<Key>,
    /// The values that it is found by: derived from the document by the service.
    pub index: Vec<IndexEntry>,
}
