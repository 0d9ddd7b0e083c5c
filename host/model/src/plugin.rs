use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{HexDigest, PluginSignature, Timestamp};

/// The sha-256 of a plugin's bytes: its only true name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PluginDigest(HexDigest);

impl PluginDigest {
    /// No plugin's: it stands where the host itself has mapped a resource, because its tenant would rather do without a plugin that fails
    /// than without the write.
    pub const STANDARD_MAPPING: Self = Self(HexDigest::from_bytes([0xff; 32]));

    /// Of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(HexDigest::of(bytes))
    }

    /// Of 64 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        HexDigest::parse(text).map(Self)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }
}

impl fmt::Display for PluginDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for PluginDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A plugin that was pushed; immutable, but for a signature that may come later.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PluginRow {
    /// Its true name.
    pub digest: PluginDigest,
    /// What its manifest calls it.
    pub name: String,
    /// Its manifest's version.
    pub version: String,
    /// How many bytes it has.
    pub size: u64,
    /// When it was pushed.
    pub pushed: Timestamp,
    /// Who says to have pushed it. All operators have one key, so it is a claim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Where it was found; `None`: it came from a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<PluginOrigin>,
    /// Who has signed it; `None`: nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<PluginSignature>,
}

/// Where a plugin was found: an artifact of an OCI registry. The host has not looked: whoever pushed it has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PluginOrigin {
    /// `oci://HOST/REPOSITORY:TAG`, as it was asked for.
    pub reference: String,
    /// The sha-256 of the artifact's manifest, which a tag may not name any more.
    pub manifest: HexDigest,
}

impl PluginRow {
    /// One that somebody has pushed from a file, and nobody has signed.
    pub const fn new(digest: PluginDigest, name: String, version: String, size: u64, pushed: Timestamp) -> Self {
        Self { digest, name, version, size, pushed, by: None, origin: None, signature: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_from_before_there_were_signatures_is_read_and_written_as_it_was() {
        let zeros = "0".repeat(64);
        let line = format!(r#"{{"digest":"{zeros}","name":"p","version":"1","size":3,"pushed":1767225600000}}"#);
        let row: PluginRow = serde_json::from_str(&line).unwrap();
        assert_eq!((&row.by, &row.origin, &row.signature), (&None, &None, &None));
        assert_eq!(serde_json::to_string(&row).unwrap(), line);
    }
}
