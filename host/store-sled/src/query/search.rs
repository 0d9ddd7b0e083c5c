//! A filter at work, or an order that no index knows.

use std::collections::BTreeSet;

use muster_model::{Record, ResourceId, ResourceType};
use muster_store::{Listing, Lookup, Query, RecordSubject, StoreError};

use super::kinds;
use super::window::{Place, Window};
use crate::codec;
use crate::keys::{Space, last_id};
use crate::reader::{Memberships, Reader};

/// How many names may be looked up on the thread that asks for them.
const MAX_SHORT: usize = 4;

pub(super) struct Search {
    space: Space,
    query: Query,
    /// The kinds of the query, each with the way to its records; `None`: every one is looked at.
    kinds: Vec<(ResourceType, Option<Lookup>)>,
    /// How many records it may look at.
    limit: u64,
}

impl Search {
    pub(super) fn new(space: &Space, query: &Query, limit: u64) -> Self {
        let lookup = |def| Lookup::of(def, query.filter.as_ref()?);
        let lookups = query.kinds.iter().map(|def| lookup(def));
        let kinds = kinds(query).into_iter().zip(lookups).collect();
        Self { space: space.clone(), query: query.clone(), kinds, limit }
    }

    /// Forgets the ways that do not lead to every record.
    pub(super) fn check_ways(&mut self, reader: &Reader<'_>) -> Result<(), StoreError> {
        for (kind, lookup) in &mut self.kinds {
            if let Some(way) = lookup
                && !leads_everywhere(reader, &self.space, kind, way)?
            {
                *lookup = None;
            }
        }
        Ok(())
    }

    /// A name leads to one record or a few: not worth another thread.
    pub(super) fn is_short(&self) -> bool {
        self.kinds.iter().all(|(_, lookup)| lookup.as_ref().is_some_and(is_short))
    }

    pub(super) fn run(&self, reader: &Reader<'_>) -> Result<Listing, StoreError> {
        self.check_counts(reader)?;
        let mut judge = Judge {
            search: self,
            memberships: Memberships::new(reader, &self.space, self.limit),
            window: Window::new(&self.query, &self.kinds.iter().map(|(kind, _)| kind).collect::<Vec<_>>()),
            looked_at: 0,
        };
        for (number, (kind, lookup)) in self.kinds.iter().enumerate() {
            if let Some(lookup) = lookup {
                let mut candidates = BTreeSet::new();
                self.candidates(reader, kind, lookup, &mut candidates)?;
                for id in candidates {
                    judge.look_at(reader, number, reader.record(&self.space, kind, id)?)?;
                }
            } else {
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
        judge.finish(reader)
    }

    /// How many records there are is known beforehand: there is no point in looking at a part of them.
    fn check_counts(&self, reader: &Reader<'_>) -> Result<(), StoreError> {
        let mut count = 0_u64;
        for (kind, lookup) in &self.kinds {
            if lookup.is_none() {
                count += codec::number(reader.get(self.space.record_count(kind))?)?;
            }
        }
        if count > self.limit { Err(StoreError::TooMany { limit: self.limit }) } else { Ok(()) }
    }

    fn candidates(
        &self,
        reader: &Reader<'_>,
        kind: &ResourceType,
        lookup: &Lookup,
        found: &mut BTreeSet<ResourceId>,
    ) -> Result<(), StoreError> {
        // One more than may be looked at is enough to refuse.
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX).saturating_add(1);
        match lookup {
            Lookup::Id(id) => found.extend([*id]),
            Lookup::Value { attribute, folded, value } => {
                let holder = reader.get(self.space.unique(kind, attribute, folded))?;
                found.extend(holder.as_deref().and_then(last_id));
                if let Some(value) = value {
                    found.extend(reader.ids(self.space.indexed(kind, attribute, value), limit)?);
                }
            }
            Lookup::Unique { attribute, value } => {
                found.extend(reader.ids(self.space.indexed(kind, attribute, value), limit)?);
            }
            Lookup::GroupsOf(member) => found.extend(reader.ids(self.space.groups(*member), limit)?),
            Lookup::MembersOf(group) => found.extend(reader.ids(self.space.members(*group), limit)?),
            Lookup::Any(any) => {
                for one in any {
                    self.candidates(reader, kind, one, found)?;
                }
            }
        }
        if found.len() >= limit { Err(StoreError::TooMany { limit: self.limit }) } else { Ok(()) }
    }
}

fn is_short(lookup: &Lookup) -> bool {
    match lookup {
        Lookup::Id(_) | Lookup::Value { .. } | Lookup::Unique { .. } => true,
        Lookup::Any(any) => any.len() <= MAX_SHORT && any.iter().all(is_short),
        Lookup::GroupsOf(_) | Lookup::MembersOf(_) => false,
    }
}

/// Whether a look-up finds every record that it should.
fn leads_everywhere(
    reader: &Reader<'_>,
    space: &Space,
    kind: &ResourceType,
    lookup: &Lookup,
) -> Result<bool, StoreError> {
    match lookup {
        Lookup::Unique { attribute, .. } => {
            let covered = codec::number(reader.get(space.covered(kind, attribute))?)?;
            Ok(covered == codec::number(reader.get(space.record_count(kind))?)?)
        }
        Lookup::Any(any) => {
            for one in any {
                if !leads_everywhere(reader, space, kind, one)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        Lookup::Id(_) | Lookup::Value { .. } | Lookup::GroupsOf(_) | Lookup::MembersOf(_) => Ok(true),
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
            return Err(StoreError::TooMany { limit: self.search.limit });
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
        let Query { kinds, filter, sort, locations, .. } = &self.search.query;
        let def = kinds.get(kind)?;
        let subject = RecordSubject { record, rows: &self.memberships, locations };
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
