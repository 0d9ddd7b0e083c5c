//! The page of a search: which of its matches are kept while it goes on.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use muster_model::{Record, ResourceId, ResourceType};
use muster_protocol::sort::{Sort, SortKey};
use muster_store::{From, Position, Query};

/// Where a match stands in the order of its query.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// `None`: the query has no sorting.
    key: Option<Key>,
    /// Counts in the query's kinds.
    kind: usize,
    id: ResourceId,
}

/// A sort key, turned around if the greatest comes first. All keys of a query are of one direction.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Ascending(SortKey),
    Descending(Reverse<SortKey>),
}

impl Place {
    pub(super) fn new(sort: Option<&Sort>, key: Option<SortKey>, kind: usize, id: ResourceId) -> Self {
        let turned = |sort: &Sort, key| {
            if sort.is_descending() { Key::Descending(Reverse(key)) } else { Key::Ascending(key) }
        };
        Self { key: sort.zip(key).map(|(sort, key)| turned(sort, key)), kind, id }
    }

    pub(super) const fn kind(&self) -> usize {
        self.kind
    }

    pub(super) const fn id(&self) -> ResourceId {
        self.id
    }

    pub(super) fn position(&self, kind: &ResourceType) -> Position {
        let sort = self.key.clone().map(|key| match key {
            Key::Ascending(key) | Key::Descending(Reverse(key)) => key,
        });
        Position { sort, resource_type: kind.clone(), id: self.id }
    }
}

/// Takes the matches of a search one by one, and keeps no more of them than the page needs.
///
/// Without a sorting they come in the order of the page: then that is the page's records. With one, it is the places of
/// everything from the beginning of the order, or from the position, to the end of the page: never more than the search
/// may look at, and each of at most [`muster_protocol::sort::MAX_SORT_KEY_BYTES`] and some fixed size.
#[derive(Debug)]
pub(super) struct Window {
    after: Option<Place>,
    /// How many of what comes after that are left out.
    skip: u64,
    /// How many are then returned.
    limit: u64,
    /// How many match.
    total: u64,
    /// How many of them come after `after`.
    behind: u64,
    kept: Kept,
}

#[derive(Debug)]
enum Kept {
    /// The page so far.
    InOrder(Vec<(Place, Record)>),
    /// The least places so far, the greatest on top.
    Sorted(BinaryHeap<Place>),
}

/// What a [`Window`] showed.
pub(super) struct Page {
    /// In order. Of a sorted list without the records.
    pub(super) kept: Vec<(Place, Option<Record>)>,
    /// Whether there are matches behind it.
    pub(super) follow: bool,
}

impl Window {
    /// `kinds` are those of the query, by name.
    pub(super) fn new(query: &Query, kinds: &[&ResourceType]) -> Self {
        let (skip, after) = match &query.from {
            From::Offset(offset) => (*offset, None),
            From::After(Position { sort, resource_type, id }) => {
                let kind = kinds.iter().position(|kind| *kind == resource_type).unwrap_or(kinds.len());
                (0, Some(Place::new(query.sort.as_ref(), sort.clone(), kind, *id)))
            }
        };
        let kept = match query.sort {
            None => Kept::InOrder(Vec::new()),
            Some(_) => Kept::Sorted(BinaryHeap::new()),
        };
        Self { after, skip, limit: query.limit, total: 0, behind: 0, kept }
    }

    pub(super) const fn total(&self) -> u64 {
        self.total
    }

    pub(super) fn offer(&mut self, place: Place, record: Record) {
        self.total += 1;
        if self.after.as_ref().is_some_and(|after| place <= *after) {
            return;
        }
        self.behind += 1;
        if self.limit == 0 {
            return;
        }
        let needed = self.skip.saturating_add(self.limit);
        match &mut self.kept {
            Kept::InOrder(page) => {
                if self.behind > self.skip && self.behind <= needed {
                    page.push((place, record));
                }
            }
            Kept::Sorted(least) => {
                if (least.len() as u64) < needed {
                    least.push(place);
                } else if let Some(mut greatest) = least.peek_mut()
                    && place < *greatest
                {
                    *greatest = place;
                }
            }
        }
    }

    /// What was kept of what is on the page.
    pub(super) fn page(&mut self) -> Page {
        let follow = self.behind > self.skip.saturating_add(self.limit);
        let kept = match std::mem::replace(&mut self.kept, Kept::InOrder(Vec::new())) {
            Kept::InOrder(page) => page.into_iter().map(|(place, record)| (place, Some(record))).collect(),
            Kept::Sorted(least) => {
                let page = least.into_sorted_vec().into_iter().skip(usize::try_from(self.skip).unwrap_or(usize::MAX));
                page.map(|place| (place, None)).collect()
            }
        };
        Page { kept, follow }
    }
}
