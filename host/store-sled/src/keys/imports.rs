//! The rows of imports: how far they have come, and what they have brought that nobody sees yet.

use muster_model::{PluginDigest, TenantId, TokenId};
use muster_store::moving::ImportId;

use super::{Key, Range, Space};

impl Space {
    pub(crate) fn import(&self, id: &ImportId) -> Vec<u8> {
        self.key(b'I').text(&id.0).0
    }

    pub(crate) fn import_stand(&self, id: &ImportId) -> Vec<u8> {
        self.key(b'J').text(&id.0).0
    }

    pub(crate) fn finished(&self, id: &ImportId) -> Vec<u8> {
        self.key(b'F').text(&id.0).0
    }

    pub(crate) fn reserved(&self, tenant: &TenantId) -> Vec<u8> {
        self.key(b'N').text(tenant.as_str()).0
    }

    /// What an import has brought that is not shown yet.
    pub(crate) fn room(&self, import: &ImportId) -> Range {
        Range::below(self.key(b'W').text(&import.0).0)
    }

    /// The parts of large values in it.
    pub(crate) fn room_parts(&self, import: &ImportId) -> Range {
        Range::below(self.key(b'c').bytes(b"W").text(&import.0).0)
    }

    fn waits(&self, import: &ImportId, kind: u8) -> Key {
        self.key(b'W').text(&import.0).bytes(&[kind])
    }

    /// As what they will be, `T`, `K`, `P` or `V`.
    pub(crate) fn waiting(&self, import: &ImportId, kind: u8) -> Range {
        Range::below(self.waits(import, kind).0)
    }

    pub(crate) fn waiting_tenant(&self, import: &ImportId, id: &TenantId) -> Vec<u8> {
        self.waits(import, b'T').text(id.as_str()).0
    }

    pub(crate) fn waiting_token(&self, import: &ImportId, id: &TokenId) -> Vec<u8> {
        self.waits(import, b'K').text(&id.0).0
    }

    pub(crate) fn waiting_plugin(&self, import: &ImportId, digest: &PluginDigest) -> Vec<u8> {
        self.waits(import, b'P').bytes(digest.as_bytes()).0
    }

    pub(crate) fn waiting_trust(&self, import: &ImportId) -> Vec<u8> {
        self.waits(import, b'V').0
    }

    pub(crate) fn waiting_part(&self, import: &ImportId, digest: &PluginDigest, at: u64) -> Vec<u8> {
        self.waits(import, b'B').bytes(digest.as_bytes()).number(at).0
    }

    pub(crate) fn waiting_parts(&self, import: &ImportId, digest: &PluginDigest) -> Range {
        Range::below(self.waits(import, b'B').bytes(digest.as_bytes()).0)
    }
}
