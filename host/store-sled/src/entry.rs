//! What a row of the log holds: the change as JSON behind a head, so that looking for entries by time or by request reads no more than
//! that.
//!
//! ```text
//! version u64 | at i64 | length of the request's id u16 | request's id | the change
//! ```
//!
//! The committer writes the version, which nobody knows before; the rest is encoded by the thread that brings the change.

use muster_model::{Change, LogEntry, ResourceId, Timestamp, Version};
use muster_store::StoreError;
use serde::Deserialize;

use crate::codec::{self, damaged, decode};
use crate::keys::Space;

const WHAT: &str = "an entry of the log";

/// A change as it is written, but for the version.
#[derive(Debug)]
pub(crate) struct Encoded(Vec<u8>);

/// The head of a row.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Head<'a> {
    pub(crate) version: Version,
    pub(crate) at: Timestamp,
    pub(crate) request: &'a str,
}

pub(crate) fn encode(change: &Change) -> Result<Encoded, StoreError> {
    let request = change.request.0.as_bytes();
    let length = u16::try_from(request.len()).map_err(codec::unencodable)?;
    let at = change.at.as_millis().to_be_bytes();
    Ok(Encoded([&at[..], &length.to_be_bytes(), request, &codec::encode(change)?].concat()))
}

pub(crate) fn row(version: Version, change: &Encoded) -> Vec<u8> {
    [&version.0.to_be_bytes()[..], &change.0].concat()
}

pub(crate) fn decode_entry(seq: u64, row: &[u8]) -> Result<LogEntry, StoreError> {
    let (head, change) = split(row)?;
    Ok(LogEntry { seq, version: head.version, change: decode(change, WHAT)? })
}

pub(crate) fn head(row: &[u8]) -> Result<Head<'_>, StoreError> {
    split(row).map(|(head, _)| head)
}

fn split(row: &[u8]) -> Result<(Head<'_>, &[u8]), StoreError> {
    let parts = || {
        let (version, rest) = row.split_first_chunk()?;
        let (at, rest) = rest.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let (request, change) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        let version = Version(u64::from_be_bytes(*version));
        let at = Timestamp::from_millis(i64::from_be_bytes(*at));
        Some((Head { version, at, request: std::str::from_utf8(request).ok()? }, change))
    };
    parts().ok_or_else(|| damaged(WHAT))
}

/// The resources that a change tells of, each once: its own, and the members that came or went.
pub(crate) fn tells_of(change: &Change) -> Vec<ResourceId> {
    once_each(change.id, &change.members_added, &change.members_removed)
}

/// The keys by which an entry is found in the history of the resources that it tells of.
pub(crate) fn history_keys(space: &Space, seq: u64, tells_of: &[ResourceId]) -> impl Iterator<Item = Vec<u8>> {
    tells_of.iter().map(move |id| space.told(*id, seq))
}

/// As [`tells_of`], of a row.
pub(crate) fn row_tells_of(row: &[u8]) -> Result<Vec<ResourceId>, StoreError> {
    #[derive(Deserialize)]
    struct Told {
        id: ResourceId,
        #[serde(default)]
        members_added: Vec<ResourceId>,
        #[serde(default)]
        members_removed: Vec<ResourceId>,
    }
    let (_, change) = split(row)?;
    let Told { id, members_added, members_removed } = decode(change, WHAT)?;
    Ok(once_each(id, &members_added, &members_removed))
}

fn once_each(id: ResourceId, came: &[ResourceId], went: &[ResourceId]) -> Vec<ResourceId> {
    let mut ids: Vec<ResourceId> = std::iter::once(&id).chain(came).chain(went).copied().collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

#[cfg(test)]
mod tests {
    use muster_model::RequestId;
    use muster_store::contract::help::{at, change, id, user};

    use super::*;

    #[test]
    fn an_entry_is_read_back_and_its_head_without_the_rest() {
        for request in ["", "request-1", &"x".repeat(70)] {
            let mut told = change(&user(1, "ada"));
            (told.at, told.request) = (at(7), RequestId(request.into()));
            let row = row(Version(3), &encode(&told).unwrap());

            assert_eq!(head(&row).unwrap(), Head { version: Version(3), at: at(7), request });
            let entry = decode_entry(9, &row).unwrap();
            assert_eq!(entry, LogEntry { seq: 9, version: Version(3), change: told });
        }
    }

    #[test]
    fn a_row_that_ends_too_early_is_damage() {
        let row = row(Version(3), &encode(&change(&user(1, "ada"))).unwrap());
        for length in 0..row.len() {
            assert!(matches!(decode_entry(1, &row[..length]), Err(StoreError::Damaged(_))), "{length}");
        }
    }

    #[test]
    fn a_change_tells_of_its_resource_and_of_each_member_that_came_or_went_once() {
        let mut told = change(&user(5, "staff"));
        told.members_added = vec![id(9), id(1)];
        told.members_removed = vec![id(1), id(7)];
        assert_eq!(tells_of(&told), [id(1), id(5), id(7), id(9)]);
        assert_eq!(row_tells_of(&row(Version(3), &encode(&told).unwrap())).unwrap(), tells_of(&told));
    }
}
