use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{HexDigest, Timestamp};

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

/// A plugin that was pushed; immutable.
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
}
