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
//! | `a` | type, `active`, id | nothing: one row for each record that says whether it is active |
//! | `A` | type, `active` | how many of them there are |
//! | `s` | type, state of the account, id | nothing: one row for each record |
//! | `S` | type, state of the account | how many of them there are |
//! | `d` | type, time of the last change, id | nothing: one row for each record |
//! | `u` | type, attribute | how many records know that the attribute is unique ([`muster_store::COVERED`]) |
//! | `R` | type | how many records there are |
//! | `m` | group, member | the member's type |
//! | `g` | member, group | nothing: the same row read the other way |
//! | `M` | group | how many members it has; absent: none |
//! | `h` | | the last `seq` of the log, and of the outbox |
//! | `l` | seq | the change ([`crate::entry`]) |
//! | `H` | id, seq counted down | nothing: one row for each entry of the log that tells of a resource, the newest first |
//! | `L` | seq | the seal over the entries up to this one |
//! | `b` | | from where the log is kept, and how far it is sealed ([`crate::log`]) |
//! | `t` | seq | the task |
//! | `p` | seq | what has become of it; absent: nothing yet |
//! | `q` | resource, queue, seq | nothing: one row for each task that later ones of its lane wait for |
//! | `w` | queue, due, seq | nothing: one row for each lane whose head waits |
//! | `y` | standing, seq | nothing: one row for each task |
//! | `e` | entry of the log, seq | nothing: one row for each task that follows from it |
//! | `n` | queue, standing | how many tasks there are |
//! | `j` | queue | up to which entry of the log it has its tasks |
//! | `v` | plugin | the latest version of what the plugin remembers |
//! | `z` | sha-256 of the plugin, key | an entry of that: its version, and the bytes |
//! | `G` | plugin | how many bytes its keys and values have |
//! | `o` | id | a rollout |
//! | `c` | the key of a large value without its owner, number | one part of it |
//! | `f` | | deployment: format, and number of the latest batch ([`crate::open`]) |
//! | `x` | | deployment: what leads to the records is being made again ([`crate::rebuild`]) |
//! | `C` | | deployment: what its clock has said ([`muster_store::ClockSeen`]) |
//! | `T` | name | deployment: a tenant |
//! | `K` | id | deployment: a token |
//! | `P` | digest | deployment: a plugin's row |
//! | `B` | digest | deployment: a plugin's bytes |
//! | `V` | | deployment: whose plugins are taken, and whose names are whose ([`muster_model::Trust`]) |
//! | `Q` | tenant, queue | deployment: nothing: one row for each queue that holds tasks which wait |
//! | `I` | import | deployment: an import that is not finished, as it was announced ([`crate::moving`]) |
//! | `J` | import | deployment: how far it has come |
//! | `N` | name | deployment: the import that brings the tenant of this name |
//! | `F` | import | deployment: what came of an import that is finished |
//! | `W` | import, then `T`, `K`, `P`, `V` as above, or `B`, digest, place | deployment: what it has brought and nobody sees yet |
//!
//! Names (of kinds, attributes, tenants) have their length before them, ids and numbers have one length, and a value has an end
//! ([`Key::value`]): no key is the beginning of another of its kind, and a range holds nothing but what was asked for.
//! Values stand in the order of their bytes, so those that begin with a text are a range.

mod imports;
mod index;
mod key;
mod range;
mod tasks;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use muster_model::{PluginDigest, ResourceId, ResourceType, RolloutId, TenantId, TokenId};

use self::key::Key;
pub(crate) use self::range::Range;
pub(crate) use self::tasks::{
    blocked_lane, counted, due_and_seq, fed_queue, remembered, remembering, tenant_and_queue,
};

/// Longer names stand in keys as their sha-256, and longer values as how they begin and that. An inner page of the tree holds 256 keys, and must stay below the size
/// at which sled writes it to a file that it never syncs (see [`crate::codec::MAX_PART_BYTES`]): so no key is longer
/// than [`MAX_KEY_BYTES`], whatever a tenant, a kind and an attribute are called.
const MAX_TEXT_BYTES: usize = 256;

/// How much of a value that is too long stands in keys before its sha-256.
const KEPT_BYTES: usize = 223;

/// Behind the part of a value that is kept, before its sha-256. No UTF-8 has this byte, so no value that stands whole looks like it.
const CUT: u8 = 0xff;

/// As [`MAX_TEXT_BYTES`], for the names of kinds. None that can be declared is longer: so the kind of a record can be read from its key.
pub(crate) const MAX_KIND_BYTES: usize = 64;

/// As [`MAX_TEXT_BYTES`], for the paths of attributes. All of RFC 7643 are below it.
const MAX_ATTRIBUTE_BYTES: usize = 80;

/// The longest key: an index entry's. 256 of them are 122 KiB.
#[cfg(test)]
const MAX_KEY_BYTES: usize = 64 + 1 + (2 + MAX_KIND_BYTES) + (2 + MAX_ATTRIBUTE_BYTES) + (MAX_TEXT_BYTES + 1) + 16;

/// Whose rows: one tenant's, or the deployment's.
#[derive(Debug, Clone)]
pub(crate) struct Space(Arc<[u8]>);

impl Space {
    pub(crate) fn of(tenant: &TenantId) -> Self {
        let name = tenant.as_str().as_bytes();
        // A tenant's name has at most 63 bytes.
        let length = u8::try_from(name.len()).unwrap_or(u8::MAX);
        Self(std::iter::once(length).chain(name.iter().copied()).collect())
    }

    pub(crate) fn deployment() -> Self {
        Self(Arc::new(*Self::DEPLOYMENT))
    }

    /// What the keys of the deployment's own rows begin with.
    pub(crate) const DEPLOYMENT: &[u8; 1] = &[0];

    /// Whose row a key is of; `None`: no key of ours looks like it.
    pub(crate) fn of_key(key: &[u8]) -> Option<Self> {
        let owner = owner_bytes(key);
        let is_whole = key.first().is_some_and(|length| owner == 1 + usize::from(*length));
        (is_whole && std::str::from_utf8(&key[1..owner]).is_ok()).then(|| Self(key[..owner].into()))
    }

    /// What its keys begin with.
    pub(crate) fn owner(&self) -> Arc<[u8]> {
        Arc::clone(&self.0)
    }

    /// The tenant's name; empty: the deployment.
    pub(crate) fn name(&self) -> &str {
        self.0.get(1..).and_then(|name| std::str::from_utf8(name).ok()).unwrap_or_default()
    }

    /// All its rows.
    pub(crate) fn everything(&self) -> Range {
        Range::below(self.0.to_vec())
    }

    /// All its rows of one kind, by the table above.
    pub(crate) fn rows(&self, kind: u8) -> Range {
        Range::below(self.key(kind).0)
    }

    /// Only while what follows from the records is being made again: see [`crate::rebuild`].
    pub(crate) fn rebuilding(&self) -> Vec<u8> {
        self.key(b'x').0
    }

    fn key(&self, kind: u8) -> Key {
        let mut bytes = Vec::with_capacity(self.0.len() + 64);
        bytes.extend_from_slice(&self.0);
        bytes.push(kind);
        Key(bytes)
    }

    fn of_kind(&self, row: u8, kind: &ResourceType) -> Key {
        self.key(row).name(kind.as_str(), MAX_KIND_BYTES)
    }

    fn of_attribute(&self, row: u8, kind: &ResourceType, attribute: &str) -> Key {
        self.of_kind(row, kind).name(attribute, MAX_ATTRIBUTE_BYTES)
    }

    pub(crate) fn record(&self, kind: &ResourceType, id: ResourceId) -> Vec<u8> {
        self.of_kind(b'r', kind).id(id).0
    }

    pub(crate) fn records(&self, kind: &ResourceType) -> Range {
        Range::below(self.of_kind(b'r', kind).0)
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

    pub(crate) fn told(&self, id: ResourceId, seq: u64) -> Vec<u8> {
        self.key(b'H').id(id).number(!seq).0
    }

    /// The entries that tell of a resource, newest first; with `before` only those before it.
    pub(crate) fn history(&self, id: ResourceId, before: Option<u64>) -> Range {
        let all = Range::below(self.key(b'H').id(id).0);
        match before {
            Some(before) => all.after(&self.told(id, before)),
            None => all,
        }
    }

    pub(crate) fn seal(&self, seq: u64) -> Vec<u8> {
        self.key(b'L').number(seq).0
    }

    /// The seals after `seq`.
    pub(crate) fn seals(&self, after: u64) -> Range {
        Range::below(self.key(b'L').0).after(&self.seal(after))
    }

    pub(crate) fn log_bounds(&self) -> Vec<u8> {
        self.key(b'b').0
    }

    pub(crate) fn task(&self, seq: u64) -> Vec<u8> {
        self.key(b't').number(seq).0
    }

    /// The outbox after `seq`.
    pub(crate) fn tasks(&self, after: u64) -> Range {
        Range::below(self.key(b't').0).after(&self.task(after))
    }

    pub(crate) fn rollout(&self, id: RolloutId) -> Vec<u8> {
        self.key(b'o').id(id.0).0
    }

    pub(crate) fn format(&self) -> Vec<u8> {
        self.key(b'f').0
    }

    pub(crate) fn clock_seen(&self) -> Vec<u8> {
        self.key(b'C').0
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

    pub(crate) fn trust(&self) -> Vec<u8> {
        self.key(b'V').0
    }

    /// What can be made again from the rest: indexes, counts, the histories of resources, the order of tasks.
    pub(crate) fn derived(&self) -> [Range; 16] {
        let kinds = *b"AGHSadegiknqsuwy";
        kinds.map(|kind| self.rows(kind))
    }

    /// The group of the membership that has this key.
    pub(crate) fn member_group(&self, key: &[u8]) -> Option<ResourceId> {
        let group = key.strip_prefix(&*self.0)?.strip_prefix(b"m")?.first_chunk()?;
        Some(ResourceId::from_bytes(*group))
    }
}

/// A part of the value at `key`, which is too large for one row.
pub(crate) fn part(key: &[u8], number: u32) -> Vec<u8> {
    let (owner, rest) = key.split_at(owner_bytes(key));
    [owner, b"c", rest, &number.to_be_bytes()].concat()
}

/// Whether a key is that of a part of a value.
pub(crate) fn is_part(key: &[u8]) -> bool {
    key.get(owner_bytes(key)) == Some(&b'c')
}

/// Where a row belongs: the key of its value, and 0 for the value's own row, or 1, 2, 3, ... for its parts. It is its own key's, if it is no part.
pub(crate) fn place(key: &[u8]) -> (Vec<u8>, u64) {
    let (owner, rest) = key.split_at(owner_bytes(key));
    match rest.split_first().and_then(|(kind, rest)| Some((kind, rest.split_last_chunk()?))) {
        Some((b'c', (rest, number))) => ([owner, rest].concat(), u64::from(u32::from_be_bytes(*number)) + 1),
        Some(_) | None => (key.to_vec(), 0),
    }
}

/// The kind of a row, by the table above.
pub(crate) fn kind_of_row(key: &[u8]) -> Option<u8> {
    key.get(owner_bytes(key)).copied()
}

/// The kind of resource that a row is about, where that is what its key goes on with.
pub(crate) fn kind_of_resource(key: &[u8]) -> Option<ResourceType> {
    let rest = key.get(owner_bytes(key) + 1..)?;
    let (length, rest) = rest.split_first_chunk()?;
    let name = rest.get(..usize::from(u16::from_be_bytes(*length)))?;
    Some(ResourceType::new(std::str::from_utf8(name).ok()?))
}

/// How much of a key says whose row it is.
fn owner_bytes(key: &[u8]) -> usize {
    key.first().map_or(0, |length| 1 + usize::from(*length)).min(key.len())
}

/// The id that a key ends with.
pub(crate) fn last_id(key: &[u8]) -> Option<ResourceId> {
    Some(ResourceId::from_bytes(*key.last_chunk()?))
}

/// The record that a row of an index, or of a membership, leads to.
pub(crate) fn leads_to(key: &[u8], row: &[u8]) -> Option<ResourceId> {
    match key.get(owner_bytes(key))? {
        b'k' => last_id(row),
        b'i' | b'a' | b's' | b'd' | b'm' | b'g' => last_id(key),
        _ => None,
    }
}

/// The value that a key ends with, if it stands there whole.
pub(crate) fn last_value<'k>(key: &'k [u8], range: &Range) -> Option<&'k str> {
    let value = key.strip_prefix(&range.start[..])?.strip_suffix(&[0])?;
    std::str::from_utf8(value).ok()
}

/// The number that a key ends with.
pub(crate) fn last_number(key: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(*key.last_chunk()?))
}

/// The `seq` of an entry that tells of a resource.
pub(crate) fn told_seq(key: &[u8]) -> Option<u64> {
    last_number(key).map(|number| !number)
}
