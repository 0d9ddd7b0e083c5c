//! A directory, from its beginning to its end.

use std::sync::Arc;

use muster_model::{Cursor, Record, ResourceId};
use muster_protocol::schema::ResourceTypeDef;
use muster_store::{Directory, From, Locations, MembersShown, Position, Query, StoreError};
use sha2::{Digest, Sha256};

use crate::binding::Bound;

/// How many records are read at once.
const RECORDS_A_READ: u64 = 100;

/// A way through a directory.
#[derive(Debug)]
pub(super) struct Walk {
    kinds: Vec<Arc<ResourceTypeDef>>,
    from: From,
}

impl Walk {
    /// Through what a binding serves, from behind the cursor on.
    pub(super) fn of(bound: &Bound, after: Option<&Cursor>) -> Self {
        let behind = |cursor: &Cursor| {
            From::After(Position { sort: None, resource_type: cursor.resource_type.clone(), id: cursor.id })
        };
        Self { kinds: bound.accepted.types.clone(), from: after.map_or(From::Offset(0), behind) }
    }

    /// Also through what this one serves.
    #[must_use]
    pub(super) fn and(mut self, bound: &Bound) -> Self {
        for def in &bound.accepted.types {
            if !self.kinds.iter().any(|known| known.name == def.name) {
                self.kinds.push(def.clone());
            }
        }
        self
    }

    /// How many records there are, wherever the walk begins.
    pub(super) async fn total(&self, directory: &dyn Directory) -> Result<u64, StoreError> {
        Ok(directory.list(&self.query(From::Offset(0), 0)).await?.total)
    }

    /// The next ones; none: that was all.
    pub(super) async fn next(&mut self, directory: &dyn Directory) -> Result<Vec<Record>, StoreError> {
        let records = directory.list(&self.query(self.from.clone(), RECORDS_A_READ)).await?.records;
        if let Some(last) = records.last() {
            self.from = From::After(Position { sort: None, resource_type: last.resource_type.clone(), id: last.id });
        }
        Ok(records)
    }

    fn query(&self, from: From, limit: u64) -> Query {
        let (kinds, locations) = (self.kinds.clone(), Locations::default());
        let (inactive_states, members_shown) = (Vec::new(), MembersShown::All);
        Query { kinds, filter: None, sort: None, from, limit, locations, inactive_states, members_shown }
    }
}

/// Whether a resource is in a sample of so many in a hundred: the same ones each time, and those of a smaller sample are in a larger one.
pub(crate) fn is_in_sample(id: ResourceId, percent: u8) -> bool {
    let hash: [u8; 32] = Sha256::digest(id.as_bytes()).into();
    let number = hash.first_chunk().copied().map_or(0, u64::from_be_bytes);
    number % 100 < u64::from(percent)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u64) -> ResourceId {
        let mut bytes = [0; 16];
        bytes[8..].copy_from_slice(&n.to_be_bytes());
        ResourceId::from_bytes(bytes)
    }

    #[test]
    fn a_sample_is_of_about_its_size_and_a_part_of_any_larger_one() {
        let of = |percent| (0..10_000).filter(|n| is_in_sample(id(*n), percent)).collect::<Vec<_>>();
        assert_eq!((of(0).len(), of(100).len()), (0, 10_000));
        let (ten, thirty) = (of(10), of(30));
        assert!((900..1_100).contains(&ten.len()), "{}", ten.len());
        assert!((2_800..3_200).contains(&thirty.len()), "{}", thirty.len());
        assert!(ten.iter().all(|n| thirty.contains(n)));
    }
}
