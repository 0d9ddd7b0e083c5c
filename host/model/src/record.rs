use muster_protocol::Document;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

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

    /// The same of a representation that depends on other records, which this counts no writes of (decision record 3): of a user who is
    /// shown with these groups, or of a group that is shown without these members; in order of their ids. Without any it is
    /// [`Version::etag`].
    pub fn etag_with(self, others: &[ResourceId]) -> String {
        if others.is_empty() {
            return self.etag();
        }
        let mut hash = Sha256::new();
        for other in others {
            hash.update(other.as_bytes());
        }
        let digest: [u8; 32] = hash.finalize().into();
        format!("W/\"{}.{}\"", self.0, hex::encode(&digest[..OTHERS_HASH_BYTES]))
    }

    /// The version in an entity tag's inner text (`3`, `3.9f86d081884c7d65`), whatever it was made with; `None` if no such tag was ever made.
    pub fn of_tag(tag: &str) -> Option<Self> {
        let (version, others) = tag.split_once('.').map_or((tag, None), |(version, others)| (version, Some(others)));
        let number: u64 = version.parse().ok()?;
        let is_hash = |hash: &str| hash.len() == 2 * OTHERS_HASH_BYTES && hash.bytes().all(is_lower_hex);
        // `+3` and `03` parse as well.
        (number.to_string() == version && others.is_none_or(is_hash)).then_some(Self(number))
    }
}

/// How much of the hash of those others stands in a tag, in bytes: they are told apart, not protected.
const OTHERS_HASH_BYTES: usize = 8;

const fn is_lower_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

/// A name under which a record is found and which no other record of the same kind in the tenant may have.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Key {
    /// The canonical SCIM path, in lower case: `username`, `emails.value`. A key that only keeps a value unique has a mark behind it.
    pub attribute: String,
    /// The value: folded (`muster_protocol::text::fold`), as it is where a schema says that its case counts.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_tells_the_version_with_and_without_groups() {
        let groups = [[1; 16], [2; 16]].map(ResourceId::from_bytes);
        let one = Version(7).etag_with(&groups[..1]);
        let both = Version(7).etag_with(&groups);
        let inner = |tag: &str| tag.trim_start_matches("W/").trim_matches('"').to_owned();

        assert_eq!(Version(7).etag_with(&[]), "W/\"7\"");
        assert_ne!(one, both);
        for tag in [one, both, Version(7).etag()] {
            assert_eq!(Version::of_tag(&inner(&tag)), Some(Version(7)), "{tag}");
        }
    }

    #[test]
    fn what_was_never_a_tag_has_no_version() {
        for tag in ["", "+7", "07", "-7", "7.", ".7", "7.abc", "7.9F86D081884C7D65", "7 ", "18446744073709551616", "x"]
        {
            assert_eq!(Version::of_tag(tag), None, "{tag:?}");
        }
    }
}
