//! The rows that lead to records, and those that count them.

use muster_model::{ResourceId, ResourceType, Timestamp};

use super::{Range, Space};

impl Space {
    pub(crate) fn unique(&self, kind: &ResourceType, attribute: &str, folded: &str) -> Vec<u8> {
        self.of_attribute(b'k', kind, attribute).value(folded).0
    }

    /// The keys that begin with `prefix`, and some others if that is longer than what stands in keys.
    pub(crate) fn unique_from(&self, kind: &ResourceType, attribute: &str, prefix: &str) -> Range {
        Range::below(self.of_attribute(b'k', kind, attribute).kept(prefix).0)
    }

    pub(crate) fn index(&self, kind: &ResourceType, attribute: &str, value: &str, id: ResourceId) -> Vec<u8> {
        self.of_attribute(b'i', kind, attribute).value(value).id(id).0
    }

    pub(crate) fn indexed(&self, kind: &ResourceType, attribute: &str, value: &str) -> Range {
        Range::below(self.of_attribute(b'i', kind, attribute).value(value).0)
    }

    /// As [`Space::unique_from`], of index entries.
    pub(crate) fn indexed_from(&self, kind: &ResourceType, attribute: &str, prefix: &str) -> Range {
        Range::below(self.of_attribute(b'i', kind, attribute).kept(prefix).0)
    }

    pub(crate) fn active(&self, kind: &ResourceType, active: bool, id: ResourceId) -> Vec<u8> {
        self.of_kind(b'a', kind).bytes(&[u8::from(active)]).id(id).0
    }

    pub(crate) fn actives(&self, kind: &ResourceType, active: bool) -> Range {
        Range::below(self.of_kind(b'a', kind).bytes(&[u8::from(active)]).0)
    }

    pub(crate) fn active_count(&self, kind: &ResourceType, active: bool) -> Vec<u8> {
        self.of_kind(b'A', kind).bytes(&[u8::from(active)]).0
    }

    pub(crate) fn state(&self, kind: &ResourceType, state: &str, id: ResourceId) -> Vec<u8> {
        self.of_kind(b's', kind).value(state).id(id).0
    }

    pub(crate) fn in_state(&self, kind: &ResourceType, state: &str) -> Range {
        Range::below(self.of_kind(b's', kind).value(state).0)
    }

    pub(crate) fn state_count(&self, kind: &ResourceType, state: &str) -> Vec<u8> {
        self.of_kind(b'S', kind).value(state).0
    }

    pub(crate) fn state_counts(&self, kind: &ResourceType) -> Range {
        Range::below(self.of_kind(b'S', kind).0)
    }

    /// The records that one of [`Space::state_counts`] counts.
    pub(crate) fn counted_by(&self, kind: &ResourceType, counter: &[u8]) -> Range {
        let state = counter.get(self.of_kind(b'S', kind).0.len()..).unwrap_or_default();
        Range::below(self.of_kind(b's', kind).bytes(state).0)
    }

    pub(crate) fn modified(&self, kind: &ResourceType, at: Timestamp, id: ResourceId) -> Vec<u8> {
        self.of_kind(b'd', kind).time(at).id(id).0
    }

    /// Both ends belong to it; `None`: there is none.
    pub(crate) fn modified_between(
        &self,
        kind: &ResourceType,
        from: Option<Timestamp>,
        through: Option<Timestamp>,
    ) -> Range {
        let mut range = Range::below(self.of_kind(b'd', kind).0);
        if let Some(from) = from {
            range.start = self.of_kind(b'd', kind).time(from).0;
        }
        if let Some(through) = through {
            range.end = Range::below(self.of_kind(b'd', kind).time(through).0).end;
        }
        range.end = range.end.max(range.start.clone());
        range
    }

    pub(crate) fn covered(&self, kind: &ResourceType, attribute: &str) -> Vec<u8> {
        self.of_attribute(b'u', kind, attribute).0
    }

    pub(crate) fn record_count(&self, kind: &ResourceType) -> Vec<u8> {
        self.of_kind(b'R', kind).0
    }
}
