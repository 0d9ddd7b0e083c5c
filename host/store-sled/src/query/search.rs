//! A filter at work, or an order that no index knows.

use std::collections::BTreeSet;

use muster_model::{Record, ResourceId, ResourceType};
use muster_store::{Among, Listing, Lookup, Query, RecordSubject, StoreError};

use super::candidates::{Candidates, MAX_TURNS};
use super::kinds;
use super::window::{Place, Window};
use crate::codec;
use crate::flight::Flights;
use crate::keys::{Space, last_id};
use crate::reader::{Memberships, Reader};

/// How many index rows of each kind may be read on the thread that asks for them.
const MAX_SHORT_ROWS: usize = 32;

/// A record that is looked up costs about this much more than one that is come upon in order, in quarters of the latter (measured: `tests/timing.rs`): when an index
/// leads to more records than that makes up for, all are looked at in order.
const LOOKED_UP_COST: u64 = 5;

pub(super) struct Search {
    space: Space,
    query: Query,
    /// The kinds of the query, each with the way to its records; `None`: every one is looked at.
    kinds: Vec<(ResourceType, Option<Lookup>)>,
    /// How many records it may look at.
    limit: u64,
}

/// Which records of a kind are looked at.
enum Way {
    These(BTreeSet<ResourceId>),
    All,
}

impl Search {
    pub(super) fn new(space: &Space, query: &Query, limit: u64) -> Self {
        let lookups = query.kinds.iter().map(|def| query.lookup(def));
        let kinds = kinds(query).into_iter().zip(lookups).collect();
        Self { space: space.clone(), query: query.clone(), kinds, limit }
    }

    /// Answers if indexes lead to no more than a few records: not worth another thread.
    pub(super) fn run_short(&self, reader: &Reader<'_>, flights: &Flights) -> Result<Option<Listing>, StoreError> {
        let mut ways = Vec::with_capacity(self.kinds.len());
        for (kind, lookup) in &self.kinds {
            let Some(lookup) = self.usable(reader, kind, lookup.as_ref())? else { return Ok(None) };
            let found = Candidates::of(reader, flights, &self.space, kind, &lookup, MAX_SHORT_ROWS)?;
            let Some(found) = found else { return Ok(None) };
            ways.push(Way::These(found));
        }
        self.judge(reader, ways).map(Some)
    }

    pub(super) fn run(&self, reader: &Reader<'_>, flights: &Flights) -> Result<Listing, StoreError> {
        let ways = self.ways(reader, flights)?;
        self.judge(reader, ways)
    }

    /// The way to the records of each kind. How many records there are is known beforehand: there is no point in looking at a part of
    /// too many.
    fn ways(&self, reader: &Reader<'_>, flights: &Flights) -> Result<Vec<Way>, StoreError> {
        let count = |(kind, _): &(ResourceType, _)| codec::number(reader.get(self.space.record_count(kind))?);
        let counts = self.kinds.iter().map(count).collect::<Result<Vec<_>, _>>()?;
        let are_too_many = counts.iter().sum::<u64>() > self.limit;
        let mut in_order = 0;
        let mut ways = Vec::with_capacity(counts.len());
        for ((kind, lookup), count) in self.kinds.iter().zip(counts) {
            let worth = if are_too_many { self.limit } else { (count * 4 / LOOKED_UP_COST).max(MAX_SHORT_ROWS as u64) };
            let budget = usize::try_from(worth).unwrap_or(usize::MAX);
            let found = match self.usable(reader, kind, lookup.as_ref())? {
                Some(lookup) => Candidates::of(reader, flights, &self.space, kind, &lookup, budget)?,
                None => None,
            };
            ways.push(found.map_or(Way::All, Way::These));
            if let Some(Way::All) = ways.last() {
                in_order += count;
            }
        }
        if in_order > self.limit { Err(self.too_many()) } else { Ok(ways) }
    }

    /// The look-up without the ways that do not lead to every record.
    fn usable(
        &self,
        reader: &Reader<'_>,
        kind: &ResourceType,
        lookup: Option<&Lookup>,
    ) -> Result<Option<Lookup>, StoreError> {
        match lookup {
            None => Ok(None),
            Some(Lookup::Unique { attribute, .. } | Lookup::Prefix { among: Among::Covered, attribute, .. }) => {
                let is_covered = self.is_covered(reader, kind, attribute)?;
                Ok(lookup.filter(|_| is_covered).cloned())
            }
            Some(Lookup::Any(any)) => {
                let any = any.iter().map(|one| self.usable(reader, kind, Some(one)));
                Ok(any.collect::<Result<Option<Vec<_>>, _>>()?.map(Lookup::Any))
            }
            Some(Lookup::OneOf(ways)) => {
                let mut usable = Vec::with_capacity(ways.len());
                for way in ways {
                    usable.extend(self.usable(reader, kind, Some(way))?);
                }
                Ok((!usable.is_empty()).then_some(Lookup::OneOf(usable)))
            }
            Some(
                Lookup::Id(_)
                | Lookup::Value { .. }
                | Lookup::Prefix { among: Among::Keys | Among::Entries, .. }
                | Lookup::Active(_)
                | Lookup::Modified { .. }
                | Lookup::GroupsOf(_)
                | Lookup::MembersOf(_),
            ) => Ok(lookup.cloned()),
        }
    }

    /// Whether every record says that it has an entry of this attribute, if it has a value. The two counters are read one after the
    /// other: while records come, they are compared again.
    fn is_covered(&self, reader: &Reader<'_>, kind: &ResourceType, attribute: &str) -> Result<bool, StoreError> {
        let records = || codec::number(reader.get(self.space.record_count(kind))?);
        let mut before = records()?;
        for _ in 0..MAX_TURNS {
            let covered = codec::number(reader.get(self.space.covered(kind, attribute))?)?;
            let after = records()?;
            if before == after {
                return Ok(covered == after);
            }
            before = after;
        }
        Ok(false)
    }

    fn judge(&self, reader: &Reader<'_>, ways: Vec<Way>) -> Result<Listing, StoreError> {
        let mut judge = Judge {
            search: self,
            memberships: Memberships::new(reader, &self.space, self.limit),
            window: Window::new(&self.query, &self.kinds.iter().map(|(kind, _)| kind).collect::<Vec<_>>()),
            looked_at: 0,
        };
        for (number, ((kind, _), way)) in self.kinds.iter().zip(ways).enumerate() {
            match way {
                Way::These(ids) => {
                    for id in ids {
                        judge.look_at(reader, number, reader.record(&self.space, kind, id)?)?;
                    }
                }
                Way::All => {
                    let range = self.space.records(kind);
                    for row in reader.rows(&range) {
                        let (key, row) = row?;
                        let id = last_id(&key).ok_or_else(|| codec::damaged("an id"))?;
                        let record = reader.loaded(&key, row)?;
                        let record = record.map(|record| codec::decode_record(kind, id, &record)).transpose()?;
                        judge.look_at(reader, number, record)?;
                    }
                    reader.saw(range);
                }
            }
        }
        judge.finish(reader)
    }

    const fn too_many(&self) -> StoreError {
        StoreError::TooMany { limit: self.limit }
    }
}

/// Looks at one record after the other. What an index says may be older or newer than the record: the record decides.
struct Judge<'a> {
    search: &'a Search,
    memberships: Memberships<'a>,
    window: Window,
    looked_at: u64,
}

impl Judge<'_> {
    fn look_at(&mut self, reader: &Reader<'_>, kind: usize, record: Option<Record>) -> Result<(), StoreError> {
        reader.check_wanted()?;
        self.looked_at += 1;
        if self.looked_at > self.search.limit {
            return Err(self.search.too_many());
        }
        let Some(record) = record else { return Ok(()) };
        let place = self.place(kind, &record);
        self.memberships.check()?;
        if let Some(place) = place {
            self.window.offer(place, record);
        }
        Ok(())
    }

    /// Where a record stands; `None` if the filter leaves it out.
    fn place(&self, kind: usize, record: &Record) -> Option<Place> {
        let Query { kinds, filter, sort, locations, members_shown, .. } = &self.search.query;
        let def = kinds.get(kind)?;
        let record = self.search.query.as_shown(record);
        let record = record.as_ref();
        let members_shown = *members_shown;
        let subject = RecordSubject { record, rows: &self.memberships, locations, members_shown };
        if filter.as_ref().is_some_and(|filter| !filter.matches(def, &subject)) {
            return None;
        }
        let key = sort.as_ref().map(|sort| sort.key(def, &subject));
        Some(Place::new(sort.as_ref(), key, kind, record.id))
    }

    fn finish(mut self, reader: &Reader<'_>) -> Result<Listing, StoreError> {
        let mut listing = Listing { total: self.window.total(), records: Vec::new(), next: None };
        let kind = |number: usize| self.search.kinds.get(number).map(|(kind, _)| kind);
        let page = self.window.page();
        if let Some((last, _)) = page.kept.last().filter(|_| page.follow) {
            listing.next = kind(last.kind()).map(|kind| last.position(kind));
        }
        for (place, record) in page.kept {
            // Of a sorted list only the places were kept. What has changed since it was looked at keeps the place that it
            // had then, if it still belongs to the list.
            let record = match (record, kind(place.kind())) {
                (Some(record), _) => Some(record),
                (None, Some(kind)) => reader.record(&self.search.space, kind, place.id())?,
                (None, None) => None,
            };
            listing.records.extend(record.filter(|record| self.place(place.kind(), record).is_some()));
        }
        self.memberships.finish()?;
        Ok(listing)
    }
}
