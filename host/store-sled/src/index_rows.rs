//! The rows that lead to a record, and the counters that count it. They follow from the record alone, so that they can be made
//! again from it, and held against it.

use std::collections::{BTreeMap, BTreeSet};

use muster_model::{Record, ResourceId, ResourceType, Timestamp};
use muster_store::COVERED;
use sled::IVec;

use crate::codec::Names;
use crate::keys::Space;

/// What one record needs besides its own row. Memberships are no part of it: they are facts of their own.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct IndexRows {
    /// Each row, and what stands in it.
    pub(crate) rows: BTreeMap<Vec<u8>, IVec>,
    /// The keys of the counters that are one higher for it.
    pub(crate) counters: BTreeSet<Vec<u8>>,
}

/// Of a record as it was written.
pub(crate) fn index_rows(space: &Space, record: &Record) -> IndexRows {
    of_names(space, &record.resource_type, record.id, record.modified, &Names::of(record))
}

/// Of what stands before the document of a record: all that the committer reads.
pub(crate) fn of_names(
    space: &Space,
    kind: &ResourceType,
    id: ResourceId,
    modified: Timestamp,
    names: &Names,
) -> IndexRows {
    let mut found = IndexRows::default();
    for key in &names.keys {
        found.rows.insert(space.unique(kind, &key.attribute, &key.folded), IVec::from(id.as_bytes()));
    }
    for entry in &names.index {
        if entry.attribute == COVERED {
            found.counters.insert(space.covered(kind, &entry.value));
        } else {
            found.lead(space.index(kind, &entry.attribute, &entry.value, id));
        }
    }
    if let Some(active) = names.active {
        found.lead(space.active(kind, active, id));
        found.counters.insert(space.active_count(kind, active));
    }
    found.lead(space.state(kind, &names.state, id));
    found.counters.insert(space.state_count(kind, &names.state));
    found.lead(space.modified(kind, modified, id));
    found.counters.insert(space.record_count(kind));
    found
}

impl IndexRows {
    /// A row whose key says all.
    fn lead(&mut self, key: Vec<u8>) {
        self.rows.insert(key, IVec::default());
    }
}
