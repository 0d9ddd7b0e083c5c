//! Cursors (RFC 9865): where a client stands in a list, as a text that only this server can make and read.
//!
//! Nothing is kept of a cursor. It holds the place itself, encrypted and authenticated (XChaCha20-Poly1305) with a key that is derived for
//! nothing else: a place can be somebody's name, and may stand in the access log of a proxy. The query is not in it, but sealed with it: a
//! cursor opens for the same query of the same tenant, and for no other.

#[cfg(test)]
mod tests;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use muster_model::{TenantId, Timestamp, TokenKey};
use muster_protocol::{Invalid, ScimType};
use muster_store::Position;
use serde::{Deserialize, Serialize};

use crate::ScimError;

/// How long a cursor may be, in bytes; ours are shorter (a place is at most [`muster_protocol::sort::MAX_SORT_KEY_BYTES`] of text and two
/// names).
pub const MAX_CURSOR_BYTES: usize = 2048;

/// Two versions of what is sealed must not open one another's.
const LABEL: &str = "muster cursor 1";

const NONCE_BYTES: usize = 24;

/// What a cursor is given for. `count` is not part of it, nor are the attributes that are shown: neither moves the place.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Scope<'a> {
    pub(crate) tenant: &'a TenantId,
    /// The kinds of resource, in the order of the list.
    pub(crate) kinds: &'a [&'a str],
    /// The filter as it is printed, with its names in lower case.
    pub(crate) filter: Option<&'a str>,
    /// `sortBy` in lower case.
    pub(crate) sort_by: Option<&'a str>,
    pub(crate) descending: bool,
}

/// What a cursor says.
#[derive(Debug, Serialize, Deserialize)]
struct Content {
    #[serde(rename = "g")]
    given: Timestamp,
    #[serde(rename = "a")]
    after: Position,
}

/// Makes the cursors of one query, and reads them.
pub(crate) struct Cursors {
    cipher: XChaCha20Poly1305,
    timeout_ms: i64,
    scope: Vec<u8>,
}

impl Cursors {
    pub(crate) fn new(key: &TokenKey, lifetime_s: u64, scope: Scope<'_>) -> Result<Self, ScimError> {
        let cipher = XChaCha20Poly1305::new(&key.derive(LABEL).into());
        let timeout_ms = i64::try_from(lifetime_s.saturating_mul(1000)).unwrap_or(i64::MAX);
        Ok(Self { cipher, timeout_ms, scope: serde_json::to_vec(&scope).map_err(internal)? })
    }

    /// The cursor for what comes after this place.
    pub(crate) fn seal(&self, after: Position, now: Timestamp) -> Result<String, ScimError> {
        let content = serde_json::to_vec(&Content { given: now, after }).map_err(internal)?;
        // With 192 bits, random nonces can be taken for as many cursors as will ever be made.
        let mut sealed = vec![0; NONCE_BYTES];
        getrandom::fill(&mut sealed).map_err(|error| internal(error.to_string()))?;
        let nonce = XNonce::try_from(sealed.as_slice()).map_err(internal)?;
        let payload = Payload { msg: &content, aad: &self.scope };
        sealed.extend(self.cipher.encrypt(&nonce, payload).map_err(|error| internal(error.to_string()))?);
        Ok(URL_SAFE_NO_PAD.encode(sealed))
    }

    /// The place that a cursor stands for. Whatever else was sent is told in one sentence (RFC 9865 §5.2): not whether it is another
    /// tenant's, another query's, or nobody's.
    pub(crate) fn open(&self, cursor: &str, now: Timestamp) -> Result<Position, Invalid> {
        let content = self.content(cursor).ok_or_else(|| {
            let told = "the cursor was not given by this server for this query; an empty one asks for the first page";
            Invalid::new(ScimType::InvalidCursor, told)
        })?;
        if now.as_millis().saturating_sub(content.given.as_millis()) > self.timeout_ms {
            let told = "the cursor has expired; an empty one asks for the first page";
            return Err(Invalid::new(ScimType::ExpiredCursor, told));
        }
        Ok(content.after)
    }

    fn content(&self, cursor: &str) -> Option<Content> {
        if cursor.len() > MAX_CURSOR_BYTES {
            return None;
        }
        let sealed = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (nonce, sealed) = sealed.split_at_checked(NONCE_BYTES)?;
        let nonce = XNonce::try_from(nonce).ok()?;
        // The tag is compared in constant time, before anything is decrypted.
        let content = self.cipher.decrypt(&nonce, Payload { msg: sealed, aad: &self.scope }).ok()?;
        serde_json::from_slice(&content).ok()
    }
}

/// The printed form of a filter with everything but its texts in lower case: names compare without case, and the example in RFC 9865 §2
/// asks for its second page in another case than for its first.
pub(crate) fn canonical(filter: &str) -> String {
    let (mut quoted, mut escaped) = (false, false);
    let lower = |c: char| {
        match c {
            '"' if !escaped => quoted = !quoted,
            _ => {}
        }
        escaped = quoted && c == '\\' && !escaped;
        if quoted { c } else { c.to_ascii_lowercase() }
    };
    filter.chars().map(lower).collect()
}

fn internal(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ScimError {
    ScimError::Internal(error.into())
}
