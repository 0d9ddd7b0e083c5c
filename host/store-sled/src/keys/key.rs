use muster_model::{ResourceId, Timestamp};
use sha2::{Digest, Sha256};

use super::{CUT, KEPT_BYTES, MAX_TEXT_BYTES};

/// A key being made.
pub(super) struct Key(pub(super) Vec<u8>);

impl Key {
    pub(super) fn text(self, text: &str) -> Self {
        self.name(text, MAX_TEXT_BYTES)
    }

    /// A text, or its sha-256 if it is longer than `limit` bytes.
    pub(super) fn name(mut self, text: &str, limit: usize) -> Self {
        match u16::try_from(text.len()) {
            Ok(length) if text.len() <= limit => {
                self.0.extend_from_slice(&length.to_be_bytes());
                self.bytes(text.as_bytes())
            }
            Ok(_) | Err(_) => {
                self.0.extend_from_slice(&u16::MAX.to_be_bytes());
                self.bytes(&Sha256::digest(text.as_bytes()))
            }
        }
    }

    /// A value, so that those which begin with one text are neighbours: its bytes and a NUL, which no stored text has. Of one that is too
    /// long (or has a NUL after all) how it begins, [`CUT`], and the sha-256 of all of it.
    pub(super) fn value(mut self, value: &str) -> Self {
        if value.len() <= MAX_TEXT_BYTES && !value.as_bytes().contains(&0) {
            self.0.extend_from_slice(value.as_bytes());
            self.0.push(0);
            return self;
        }
        let mut cut = self.kept(value);
        cut.0.push(CUT);
        cut.bytes(&Sha256::digest(value.as_bytes()))
    }

    /// As much of how a value begins as stands in all keys of values that begin so.
    pub(super) fn kept(self, value: &str) -> Self {
        let bytes = value.as_bytes();
        let bytes = bytes.split(|byte| *byte == 0).next().unwrap_or(bytes);
        self.bytes(bytes.get(..KEPT_BYTES).unwrap_or(bytes))
    }

    /// An instant, in eight bytes that sort as instants do.
    pub(super) fn time(self, at: Timestamp) -> Self {
        self.number(at.as_millis().cast_unsigned() ^ (1 << 63))
    }

    pub(super) fn id(self, id: ResourceId) -> Self {
        self.bytes(id.as_bytes())
    }

    pub(super) fn number(self, number: u64) -> Self {
        self.bytes(&number.to_be_bytes())
    }

    pub(super) fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }
}
