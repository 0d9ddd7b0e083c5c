//! Lists: by a look-up where the filter allows it, otherwise by a bounded search.

use std::collections::BTreeSet;
use std::sync::Arc;

use muster_model::{Record, ResourceId};
use muster_protocol::filter::Filter;
use muster_store::{Listing, Lookup, Query, RecordSubject, StoreError};

use crate::codec;
use crate::core::Core;
use crate::keys::{Space, last_id};
use crate::reader::{Memberships, Reader};

pub(crate) async fn list(core: &Arc<Core>, space: &Space, query: &Query) -> Result<Listing, StoreError> {
    let Some(filter) = &query.filter else { return list_all(core, space, query).await };
    let lookup = Lookup::of(&query.def, filter);
    let search = Search { space: space.clone(), query: query.clone(), filter: filter.clone(), limit: core.max_scanned };
    match lookup {
        // A name leads to one record or a few: not worth another thread.
        Some(lookup @ (Lookup::Id(_) | Lookup::Value { .. })) => {
            core.read(|reader| search.judge(reader, &lookup)).await
        }
        Some(lookup) => core.read_long(move |reader| search.judge(reader, &lookup)).await,
        None => core.read_long(move |reader| search.scan(reader)).await,
    }
}

async fn list_all(core: &Arc<Core>, space: &Space, query: &Query) -> Result<Listing, StoreError> {
    if query.limit == 0 {
        let key = space.record_count(&query.resource_type);
        let total = core.read(|reader| codec::number(reader.get(key)?)).await?;
        return Ok(Listing { total, records: Vec::new() });
    }
    let (total, ids) = page(core, space, query).await?;
    let records = core.read(|reader| {
        let mut records = Vec::with_capacity(ids.len());
        for id in ids {
            // One that is being removed right now is left out.
            records.extend(reader.record(space, &query.resource_type, id)?);
        }
        Ok(records)
    });
    Ok(Listing { total, records: records.await? })
}

async fn page(core: &Arc<Core>, space: &Space, query: &Query) -> Result<(u64, Vec<ResourceId>), StoreError> {
    let records = space.records(&query.resource_type);
    let list = core.lists.get(&records);
    loop {
        if let Some(page) = list.page(query.offset, query.limit) {
            return Ok(page);
        }
        let _alone = list.reading.lock().await;
        if list.page(0, 0).is_none() {
            let reading = list.begin();
            let records = records.clone();
            let ids = core.read_long(move |reader| {
                let ids = reader.rows(&records).map(|row| last_id(&row?.0).ok_or_else(|| codec::damaged("an id")));
                let ids = ids.collect::<Result<Vec<_>, _>>()?;
                reader.saw(records);
                Ok(ids)
            });
            reading.done(ids.await?);
        }
    }
}

/// A filter at work.
struct Search {
    space: Space,
    query: Query,
    filter: Filter,
    /// How many records it may look at.
    limit: u64,
}

impl Search {
    /// Looks at the records that the look-up finds.
    fn judge(&self, reader: &Reader<'_>, lookup: &Lookup) -> Result<Listing, StoreError> {
        let mut candidates = BTreeSet::new();
        self.candidates(reader, lookup, &mut candidates)?;
        let records = candidates.into_iter().map(|id| reader.record(&self.space, &self.query.resource_type, id));
        self.select(reader, records)
    }

    /// Looks at all records.
    fn scan(&self, reader: &Reader<'_>) -> Result<Listing, StoreError> {
        let kind = &self.query.resource_type;
        // Known beforehand: there is no point in looking at a part.
        if codec::number(reader.get(self.space.record_count(kind))?)? > self.limit {
            return Err(StoreError::TooMany { limit: self.limit });
        }
        let range = self.space.records(kind);
        let records = reader.rows(&range).map(|row| {
            let (key, row) = row?;
            let id = last_id(&key).ok_or_else(|| codec::damaged("an id"))?;
            let record = reader.loaded(&key, row)?;
            record.map(|record| codec::decode_record(kind, id, &record)).transpose()
        });
        let listing = self.select(reader, records)?;
        reader.saw(range);
        Ok(listing)
    }

    /// Counts what matches and keeps the page. What an index says may be older or newer than the record: the record
    /// decides.
    fn select(
        &self,
        reader: &Reader<'_>,
        candidates: impl Iterator<Item = Result<Option<Record>, StoreError>>,
    ) -> Result<Listing, StoreError> {
        let Query { def, offset, limit, .. } = &self.query;
        let memberships = Memberships::new(reader, &self.space);
        let mut listing = Listing { total: 0, records: Vec::new() };
        for (looked_at, record) in (1..).zip(candidates) {
            reader.check_wanted()?;
            if looked_at > self.limit {
                return Err(StoreError::TooMany { limit: self.limit });
            }
            let Some(record) = record? else { continue };
            if self.filter.matches(def, &RecordSubject { record: &record, rows: &memberships }) {
                listing.total += 1;
                if listing.total > *offset && (listing.records.len() as u64) < *limit {
                    listing.records.push(record);
                }
            }
        }
        memberships.finish()?;
        Ok(listing)
    }

    fn candidates(
        &self,
        reader: &Reader<'_>,
        lookup: &Lookup,
        found: &mut BTreeSet<ResourceId>,
    ) -> Result<(), StoreError> {
        let kind = &self.query.resource_type;
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
            Lookup::GroupsOf(member) => found.extend(reader.ids(self.space.groups(*member), limit)?),
            Lookup::MembersOf(group) => found.extend(reader.ids(self.space.members(*group), limit)?),
            Lookup::Any(any) => {
                for one in any {
                    self.candidates(reader, one, found)?;
                }
            }
        }
        if found.len() >= limit { Err(StoreError::TooMany { limit: self.limit }) } else { Ok(()) }
    }
}
