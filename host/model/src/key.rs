use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{HexDigest, Timestamp};

/// How the text of a public key begins: which kind of key it is.
const KEY_KIND: &str = "ed25519:";

/// The public half of a key that plugins are signed with (Ed25519, RFC 8032), written as `ed25519:` and 64 hexadecimal digits.
///
/// It is no more than 32 bytes here: whether they are a key at all shows when something is verified with it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// From its 32 bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Of `ed25519:` and 64 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text.strip_prefix(KEY_KIND)?, &mut bytes).ok()?;
        Some(Self(bytes))
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{KEY_KIND}{}", hex::encode(self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        let wrong = || serde::de::Error::custom("a public key is `ed25519:` and 64 hexadecimal digits");
        Self::parse(&text).ok_or_else(wrong)
    }
}

/// The 64 bytes of an Ed25519 signature, written as 128 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SignatureBytes(pub [u8; 64]);

impl fmt::Debug for SignatureBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl Serialize for SignatureBytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(self.0))
    }
}

impl<'de> Deserialize<'de> for SignatureBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        let mut bytes = [0; 64];
        let wrong = |_| serde::de::Error::custom("a signature is 128 hexadecimal digits");
        hex::decode_to_slice(&*text, &mut bytes).map_err(wrong)?;
        Ok(Self(bytes))
    }
}

/// What somebody has signed of a plugin. What else the signature covers, digest, name and version, stands in the plugin's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PluginSignature {
    /// The key that it is verified with.
    pub key: PublicKey,
    /// The digest of the manifest as it was signed.
    pub manifest: HexDigest,
    /// The signature itself.
    pub signature: SignatureBytes,
}

/// Whose plugins are taken, and whose names are whose: one small row of a deployment, read and replaced as a whole.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trust {
    /// Counts the writes of this row; 0: there is none yet.
    pub version: u64,
    /// The keys whose signatures count, by name.
    pub keys: Vec<TrustedKey>,
    /// The names of plugins that belong to somebody, in their order.
    pub names: Vec<OwnedName>,
}

/// How many keys a deployment can trust.
pub const MAX_TRUSTED_KEYS: usize = 100;

/// How many names of plugins can have an owner.
pub const MAX_OWNED_NAMES: usize = 1_000;

/// A key whose signatures count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustedKey {
    /// What operators call it.
    pub name: String,
    /// The key.
    pub key: PublicKey,
    /// Since when.
    pub added: Timestamp,
}

/// A name of plugins that belongs to whoever has a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnedName {
    /// The name.
    pub name: String,
    /// The key of its owner.
    pub key: PublicKey,
    /// Since when.
    pub since: Timestamp,
}

impl Trust {
    /// The trusted key that this one is, if it is trusted.
    pub fn trusted(&self, key: &PublicKey) -> Option<&TrustedKey> {
        self.keys.iter().find(|trusted| trusted.key == *key)
    }

    /// Whose a name is; `None`: nobody's yet.
    pub fn owner(&self, name: &str) -> Option<&OwnedName> {
        self.names.iter().find(|owned| owned.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_it_is_written_and_nothing_else_is_one() {
        let key = PublicKey::from_bytes([0xab; 32]);
        assert_eq!(key.to_string(), format!("ed25519:{}", "ab".repeat(32)));
        assert_eq!(PublicKey::parse(&key.to_string()), Some(key));
        let json = serde_json::to_string(&key).unwrap();
        assert_eq!(serde_json::from_str::<PublicKey>(&json).unwrap(), key);
        for other in ["", "ed25519:", "ed25519:ab", &"ab".repeat(32), &format!("rsa:{}", "ab".repeat(32))] {
            assert_eq!(PublicKey::parse(other), None, "{other}");
        }
    }

    #[test]
    fn a_signature_is_read_as_it_is_written_and_nothing_else_is_one() {
        let signature = SignatureBytes([0x5a; 64]);
        let json = serde_json::to_string(&signature).unwrap();
        assert_eq!(json, format!("\"{}\"", "5a".repeat(64)));
        assert_eq!(serde_json::from_str::<SignatureBytes>(&json).unwrap(), signature);
        for other in ["\"\"", "\"5a\"", "7"] {
            assert!(serde_json::from_str::<SignatureBytes>(other).is_err(), "{other}");
        }
    }
}
