use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::{Actor, SecretName, Timestamp};

/// How many secrets a tenant can have.
pub const MAX_SECRETS_A_TENANT: usize = 64;

/// How long a sealed secret can be, in bytes.
pub const MAX_SEALED_BYTES: usize = 16 * 1024;

/// A secret of a tenant's, as the store keeps it: nobody reads it who has the store alone.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretRow {
    /// By which plugins ask for it.
    pub name: SecretName,
    /// The value, sealed.
    #[serde(serialize_with = "in_base64", deserialize_with = "from_base64")]
    pub sealed: Vec<u8>,
    /// When it was set.
    pub at: Timestamp,
    /// By whom.
    pub by: Actor,
}

/// A key that something is signed with, as the store keeps it: nobody signs with it who has the store alone.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedKey {
    /// Which one, for those who verify.
    pub id: String,
    /// The key, sealed.
    #[serde(serialize_with = "in_base64", deserialize_with = "from_base64")]
    pub sealed: Vec<u8>,
    /// When it was made.
    pub at: Timestamp,
    /// Until when it is of use beside the one that has taken its place; `None`: none has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

impl fmt::Debug for SealedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedKey").field("id", &self.id).field("at", &self.at).finish_non_exhaustive()
    }
}

impl fmt::Debug for SecretRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretRow").field("name", &self.name).field("at", &self.at).finish_non_exhaustive()
    }
}

fn in_base64<S: serde::Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(bytes))
}

fn from_base64<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
    STANDARD.decode(text.as_bytes()).map_err(|_| serde::de::Error::custom("what should be base64 is not"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_read_back_from_json_and_does_not_show_what_is_sealed() {
        let name = SecretName::parse("api-key").unwrap();
        let row =
            SecretRow { name, sealed: b"sealed\0\xff".to_vec(), at: Timestamp::from_millis(1), by: Actor::Operator };
        let text = serde_json::to_string(&row).unwrap();
        assert_eq!(text, r#"{"name":"api-key","sealed":"c2VhbGVkAP8=","at":1,"by":"operator"}"#);
        assert_eq!(serde_json::from_str::<SecretRow>(&text).unwrap(), row);
        assert!(!format!("{row:?}").contains("115"), "neither as text nor as numbers");
        assert!(serde_json::from_str::<SecretRow>(&text.replace("AP8=", "*")).is_err());
    }
}
