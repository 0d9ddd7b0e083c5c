//! Where each row is. One tree holds everything, because many trees bloat a sled store.
//!
//! A key begins with whose row it is, so that a tenant's rows are together and no read of one tenant can reach
//! another's: the length of the tenant's name in one byte, then the name; the deployment's own rows have the length 0.
//! Then:
//!
//! | kind | rest of the key | value |
//! |---|---|---|
//! | `r` | type, id | the record ([`crate::codec`]) |
//! | `k` | type, attribute, folded value | the id of the one that holds the key |
//! | `i` | type, attribute, value, id | nothing: one row for each record that has the value |
//! | `u` | type, attribute | how many records know that the attribute is unique ([`muster_store::COVERED`]) |
//! | `R` | type | how many records there are |
//! | `m` | group, member | the member's type |
//! | `g` | member, group | nothing: the same row read the other way |
//! | `M` | group | how many members it has; absent: none |
//! | `h` | | the last `seq` of the log, and of the outbox |
//! | `l` | seq | the change |
//! | `t` | seq | the task |
//! | `c` | the key of a large value without its owner, number | one part of it |
//! | `f` | | deployment: format, and number of the latest batch ([`crate::open`]) |
//! | `T` | name | deployment: a tenant |
//! | `K` | id | deployment: a token |
//! | `P` | digest | deployment: a plugin's row |
//! | `B` | digest | deployment: a plugin's bytes |
//!
//! Texts have their length before them, ids and numbers have one length: no key is the beginning of another of its
//! kind, and a range holds nothing but what was asked for.

use std::sync::Arc;

use muster_model::{PluginDigest, ResourceId, ResourceType, TenantId, TokenId};
use sha2::{Digest, Sha256};

/// Longer texts stand in keys as their sha-256. An inner page of the tree holds 256 keys, and must stay below the size
/// at which sled writes it to a file that it never syncs (see [`crate::codec::MAX_PART_BYTES`]): so no key is longer
/// than [`MAX_KEY_BYTES`], whatever a tenant, a kind and an attribute are called.
const MAX_TEXT_BYTES: usize = 256;

/// As [`MAX_TEXT_BYTES`], for the names of kinds. `User` and `Group` are far below it.
const MAX_KIND_BYTES: usize = 32;

/// As [`MAX_TEXT_BYTES`], for the paths of attributes. All of RFC 7643 are below it.
const MAX_ATTRIBUTE_BYTES: usize = 80;

/// The longest key: an index entry's. 256 of them are 114 KiB.
#[cfg(test)]
const MAX_KEY_BYTES: usize = 64 + 1 + (2 + MAX_KIND_BYTES) + (2 + MAX_ATTRIBUTE_BYTES) + (2 + MAX_TEXT_BYTES) + 16;

/// Whose rows: one tenant's, or the deployment's.
#[derive(Debug, Clone)]
pub(crate) struct Space(Arc<[u8]>);

/// Keys from `start` up to, but not including, `end`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) start: Vec<u8>,
    pub(crate) end: Vec<u8>,
}

impl Space {
    pub(crate) fn of(tenant: &TenantId) -> Self {
        let name = tenant.as_str().as_bytes();
        // A tenant's name has at most 63 bytes.
        let length = u8::try_from(name.len()).unwrap_or(u8::MAX);
        Self(std::iter::once(length).chain(name.iter().copied()).collect())
    }

    pub(crate) fn deployment() -> Self {
        Self(Arc::new([0]))
    }

    fn key(&self, kind: u8) -> Key {
        let mut bytes = Vec::with_capacity(self.0.len() + 64);
        bytes.extend_from_slice(&self.0);
        bytes.push(kind);
        Key(bytes)
    }

    pub(crate) fn record(&self, kind: &ResourceType, id: ResourceId) -> Vec<u8> {
        self.key(b'r').name(kind.as_str(), MAX_KIND_BYTES).id(id).0
    }

    pub(crate) fn records(&self, kind: &ResourceType) -> Range {
        Range::below(self.key(b'r').name(kind.as_str(), MAX_KIND_BYTES).0)
    }

    pub(crate) fn unique(&self, kind: &ResourceType, attribute: &str, folded: &str) -> Vec<u8> {
        self.key(b'k').name(kind.as_str(), MAX_KIND_BYTES).name(attribute, MAX_ATTRIBUTE_BYTES).text(folded).0
    }

    pub(crate) fn index(&self, kind: &ResourceType, attribute: &str, value: &str, id: ResourceId) -> Vec<u8> {
        self.key(b'i').name(kind.as_str(), MAX_KIND_BYTES).name(attribute, MAX_ATTRIBUTE_BYTES).text(value).id(id).0
    }

    pub(crate) fn indexed(&self, kind: &ResourceType, attribute: &str, value: &str) -> Range {
        Range::below(
            self.key(b'i').name(kind.as_str(), MAX_KIND_BYTES).name(attribute, MAX_ATTRIBUTE_BYTES).text(value).0,
        )
    }

    pub(crate) fn covered(&self, kind: &ResourceType, attribute: &str) -> Vec<u8> {
        self.key(b'u').name(kind.as_str(), MAX_KIND_BYTES).name(attribute, MAX_ATTRIBUTE_BYTES).0
    }

    pub(crate) fn record_count(&self, kind: &ResourceType) -> Vec<u8> {
        self.key(b'R').name(kind.as_str(), MAX_KIND_BYTES).0
    }

    pub(crate) fn member(&self, group: ResourceId, member: ResourceId) -> Vec<u8> {
        self.key(b'm').id(group).id(member).0
    }

    pub(crate) fn members(&self, group: ResourceId) -> Range {
        Range::below(self.key(b'm').id(group).0)
    }

    pub(crate) fn memberships(&self) -> Range {
        Range::below(self.key(b'm').0)
    }

    pub(crate) fn group(&self, member: ResourceId, group: ResourceId) -> Vec<u8> {
        self.key(b'g').id(member).id(group).0
    }

    pub(crate) fn groups(&self, member: ResourceId) -> Range {
        Range::below(self.key(b'g').id(member).0)
    }

    pub(crate) fn member_count(&self, group: ResourceId) -> Vec<u8> {
        self.key(b'M').id(group).0
    }

    pub(crate) fn heads(&self) -> Vec<u8> {
        self.key(b'h').0
    }

    pub(crate) fn change(&self, seq: u64) -> Vec<u8> {
        self.key(b'l').number(seq).0
    }

    /// The log after `seq`.
    pub(crate) fn changes(&self, after: u64) -> Range {
        Range::below(self.key(b'l').0).after(&self.change(after))
    }

    pub(crate) fn task(&self, seq: u64) -> Vec<u8> {
        self.key(b't').number(seq).0
    }

    /// The outbox after `seq`.
    pub(crate) fn tasks(&self, after: u64) -> Range {
        Range::below(self.key(b't').0).after(&self.task(after))
    }

    pub(crate) fn format(&self) -> Vec<u8> {
        self.key(b'f').0
    }

    pub(crate) fn tenant(&self, id: &TenantId) -> Vec<u8> {
        self.key(b'T').text(id.as_str()).0
    }

    pub(crate) fn tenants(&self) -> Range {
        Range::below(self.key(b'T').0)
    }

    pub(crate) fn token(&self, id: &TokenId) -> Vec<u8> {
        self.key(b'K').text(&id.0).0
    }

    pub(crate) fn tokens(&self) -> Range {
        Range::below(self.key(b'K').0)
    }

    pub(crate) fn plugin(&self, digest: &PluginDigest) -> Vec<u8> {
        self.key(b'P').bytes(digest.as_bytes()).0
    }

    pub(crate) fn plugins(&self) -> Range {
        Range::below(self.key(b'P').0)
    }

    pub(crate) fn plugin_bytes(&self, digest: &PluginDigest) -> Vec<u8> {
        self.key(b'B').bytes(digest.as_bytes()).0
    }
}

/// A part of the value at `key`, which is too large for one row.
pub(crate) fn part(key: &[u8], number: u32) -> Vec<u8> {
    let owner = key.first().map_or(0, |length| 1 + usize::from(*length)).min(key.len());
    let (owner, rest) = key.split_at(owner);
    [owner, b"c", rest, &number.to_be_bytes()].concat()
}

/// The id that a key ends with.
pub(crate) fn last_id(key: &[u8]) -> Option<ResourceId> {
    Some(ResourceId::from_bytes(*key.last_chunk()?))
}

/// The number that a key ends with.
pub(crate) fn last_number(key: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(*key.last_chunk()?))
}

/// A key being made.
struct Key(Vec<u8>);

impl Key {
    fn text(self, text: &str) -> Self {
        self.name(text, MAX_TEXT_BYTES)
    }

    /// A text, or its sha-256 if it is longer than `limit` bytes.
    fn name(mut self, text: &str, limit: usize) -> Self {
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

    fn id(self, id: ResourceId) -> Self {
        self.bytes(id.as_bytes())
    }

    fn number(self, number: u64) -> Self {
        self.bytes(&number.to_be_bytes())
    }

    fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }
}

impl Range {
    /// All keys that begin with `prefix`.
    pub(crate) fn below(prefix: Vec<u8>) -> Self {
        let mut end = prefix.clone();
        while let Some(last) = end.pop() {
            if last < u8::MAX {
                end.push(last + 1);
                break;
            }
        }
        Self { start: prefix, end }
    }

    /// The part that is greater than `key`.
    pub(crate) fn after(self, key: &[u8]) -> Self {
        let start = successor(key);
        // sled and the standard library both refuse a range that ends before it starts.
        if start > self.end { Self { start: self.end.clone(), end: self.end } } else { Self { start, ..self } }
    }

    /// The part that is not greater than `key`.
    pub(crate) fn through(self, key: &[u8]) -> Self {
        Self { end: successor(key).min(self.end), ..self }
    }
}

/// The least key that is greater.
fn successor(key: &[u8]) -> Vec<u8> {
    [key, &[0]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space(name: &str) -> Space {
        Space::of(&TenantId::parse(name).unwrap())
    }

    #[test]
    fn a_range_holds_what_was_asked_for_and_nothing_else() {
        let acme = space("acme");
        let id = ResourceId::from_bytes([0xff; 16]);
        let user = ResourceType::USER;
        let holds = |range: &Range, key: &[u8]| key >= &range.start[..] && key < &range.end[..];

        assert!(holds(&acme.records(&user), &acme.record(&user, id)));
        assert!(!holds(&acme.records(&user), &acme.record(&ResourceType::new("Users"), id)));
        assert!(!holds(&acme.records(&user), &space("acme2").record(&user, id)));
        assert!(!holds(&acme.indexed(&user, "externalid", "a"), &acme.index(&user, "externalid", "ab", id)));
        assert!(!holds(&acme.indexed(&user, "externalid", ""), &acme.index(&user, "externalid", "a", id)));
        assert!(holds(&acme.members(id), &acme.member(id, id)));
        assert!(holds(&acme.changes(3), &acme.change(4)));
        assert!(!holds(&acme.changes(3), &acme.change(3)));
        assert!(!holds(&acme.changes(u64::MAX), &acme.change(u64::MAX)));
        assert!(holds(&acme.changes(0).through(&acme.change(7)), &acme.change(7)));
        assert!(!holds(&acme.changes(0).through(&acme.change(7)), &acme.change(8)));
    }

    #[test]
    fn no_name_makes_a_key_too_long_and_none_is_taken_for_another() {
        let id = ResourceId::from_bytes([7; 16]);
        let long = space(&"t".repeat(63));
        let urn = |length: usize| format!("urn:example:{}:2.0:device:serial.number", "x".repeat(length));
        let kind = |length: usize| ResourceType::new(&"K".repeat(length));
        for length in [1, 31, 32, 33, 79, 80, 81, 255, 256, 257, 5000] {
            let key = long.index(&kind(length), &urn(length), &"v".repeat(length), id);
            assert!(key.len() <= MAX_KEY_BYTES, "{length}: {}", key.len());
            let other = long.index(&kind(length), &urn(length + 1), &"v".repeat(length), id);
            assert_ne!(key, other);
            assert_ne!(key, long.index(&kind(length + 1), &urn(length), &"v".repeat(length), id));
        }
        const { assert!(256 * MAX_KEY_BYTES < 128 * 1024) };
        // A point or a colon in a path separates nothing here.
        let unique = |attribute: &str, value: &str| long.unique(&kind(4), attribute, value);
        assert_ne!(unique("urn:a:b.c", "d"), unique("urn:a:b", "c.d"));
    }

    #[test]
    fn the_paths_of_the_standard_stand_in_keys_as_they_are() {
        for def in &muster_protocol::schema::Registry::core().types {
            assert!(def.name.len() <= MAX_KIND_BYTES);
            let own = def.core_attributes().map(|attribute| (String::new(), attribute));
            let extensions = def
                .extensions
                .iter()
                .flat_map(|schema| schema.attributes.iter().map(|attribute| (format!("{}:", schema.id), attribute)));
            for (prefix, attribute) in own.chain(extensions) {
                let sub = attribute.sub_attributes.iter().map(|sub| sub.name.len() + 1).max().unwrap_or(0);
                assert!(prefix.len() + attribute.name.len() + sub <= MAX_ATTRIBUTE_BYTES, "{prefix}{}", attribute.name);
            }
        }
    }

    #[test]
    fn long_texts_make_short_keys_that_differ() {
        let key = |text: String| space("acme").unique(&ResourceType::USER, "username", &text);
        let (one, other) = (key("x".repeat(5000)), key("x".repeat(5001)));
        assert!(one.len() < 2 * MAX_TEXT_BYTES);
        assert_ne!(one, other);
        assert_ne!(key("x".repeat(MAX_TEXT_BYTES)), key("x".repeat(MAX_TEXT_BYTES + 1)));
    }
}
