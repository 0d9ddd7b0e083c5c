use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::{ResourceId, TenantId, Timestamp};

/// A bearer token, as the IdP's administrator pastes it. `Debug` hides it; it is shown once, when it is issued.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// So that leaked tokens are recognised by secret scanners.
    pub const PREFIX: &'static str = "mst_";

    /// From 256 random bits.
    pub fn from_entropy(bytes: &[u8; 32]) -> Self {
        Self(format!("{}{}", Self::PREFIX, hex::encode(bytes)))
    }

    /// What somebody presented as a token.
    pub fn presented(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The secret itself: to show it once, or to send it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(hidden)")
    }
}

/// The key that token hashes are made with. It is kept apart from them, so that a stolen store alone verifies no guess.
#[derive(Clone)]
pub struct TokenKey([u8; 32]);

impl TokenKey {
    /// From 256 random bits.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// HMAC-SHA-256. A fast hash is right here: the token has 256 bits of entropy, so there is nothing to stretch.
    pub fn hash(&self, token: &Token) -> TokenHash {
        TokenHash(self.mac(&[token.0.as_bytes()]))
    }

    /// Another key, for the one purpose that `label` names: whoever learns it learns neither this one nor that of another label.
    pub fn derive(&self, label: &str) -> [u8; 32] {
        // No token begins with this byte (no header can hold it): a derived key is never the hash of something presented.
        self.mac(&[&[0], label.as_bytes()])
    }

    fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        // HMAC pads a short key with zeros to the hash's block (RFC 2104 §2); done here, so that there is no error to handle.
        let mut block = [0; 64];
        block[..self.0.len()].copy_from_slice(&self.0);
        let mut mac = Hmac::<Sha256>::new(&block.into());
        for part in parts {
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenKey(hidden)")
    }
}

/// What is stored of a token.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// Compares in constant time.
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }

    /// Where to look it up. Who does not have the key cannot choose it, so a look-up by it tells nothing by its timing.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(hidden)")
    }
}

impl From<TokenHash> for String {
    fn from(hash: TokenHash) -> Self {
        hex::encode(hash.0)
    }
}

impl TryFrom<String> for TokenHash {
    type Error = hex::FromHexError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes)?;
        Ok(Self(bytes))
    }
}

/// Names a token without giving it away.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TokenId(pub String);

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A token as the store keeps it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TokenRow {
    /// Its name.
    pub id: TokenId,
    /// Whose it is.
    pub tenant: TenantId,
    /// How it is recognised.
    pub hash: TokenHash,
    /// What the operator calls it.
    pub label: String,
    /// When it was issued.
    pub created: Timestamp,
    /// When it stops working by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// When it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Timestamp>,
    /// The one user that it speaks for: then it opens `/Me` and discovery, and nothing else. `None`: the tenant's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<ResourceId>,
    /// Whether that user may also change or delete what `/Me` shows. Without a user it says nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub write: bool,
    /// The fingerprint of the key that its hash was made with; `None`: this deployment's. One that an import has brought from another may
    /// be of another, and is not recognised here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

impl TokenRow {
    /// Whether it opens anything at this time.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked.is_none() && self.expires.is_none_or(|expires| now < expires)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_purpose_has_a_key_of_its_own_which_is_the_hash_of_no_token() {
        let key = TokenKey::new([7; 32]);
        let derived = key.derive("muster cursor 1");
        assert_eq!(derived, key.derive("muster cursor 1"), "it is the same after a restart");
        for other in [key.derive("muster cursor 2"), key.derive(""), TokenKey::new([8; 32]).derive("muster cursor 1")] {
            assert_ne!(derived, other);
        }
        assert_ne!(derived, *key.hash(&Token::presented("muster cursor 1")).as_bytes());
    }
}
