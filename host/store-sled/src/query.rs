//! Lists: pages of all records by the ids in memory, filtered ones by the shortest look-up that the
//! filter allows, otherwise by a bounded search.

mod candidates;
mod search;
mod window;

use std::sync::Arc;

use muster_model::{ResourceId, ResourceType};
use muster_store::{From, Listing, Position, Query, StoreError};

use crate::codec;
use crate::core::Core;
use crate::keys::{Space, last_id};
use crate::lists::{Part, Start};
use crate::query::search::Search;

pub(crate) async fn list(core: &Arc<Core>, space: &Space, query: &Query) -> Result<Listing, StoreError> {
    if query.filter.is_none() && query.sort.is_none() {
        return list_all(core, space, query).await;
    }
    let search = Search::new(space, query, core.max_scanned);
    if let Some(listing) = core.read(|reader| search.run_short(reader, &core.flights)).await? {
        return Ok(listing);
    }
    let watched = Arc::clone(core);
    core.read_long(move |reader| search.run(reader, &watched.flights)).await
}

/// The names of a query's kinds, in their order.
fn kinds(query: &Query) -> Vec<ResourceType> {
    query.kinds.iter().map(|def| ResourceType::new(&def.name)).collect()
}

async fn list_all(core: &Arc<Core>, space: &Space, query: &Query) -> Result<Listing, StoreError> {
    let kinds = kinds(query);
    if query.limit == 0 {
        let count = |kind: &ResourceType| space.record_count(kind);
        let total = core.read(|reader| kinds.iter().map(|kind| codec::number(reader.get(count(kind))?)).sum());
        return Ok(Listing { total: total.await?, records: Vec::new(), next: None });
    }
    let (mut total, mut left) = (0, query.limit);
    let mut page: Vec<(&ResourceType, ResourceId)> = Vec::new();
    let mut follow = false;
    let mut passed = 0;
    for (place, kind) in kinds.iter().enumerate() {
        let start = match &query.from {
            From::Offset(offset) => Start::Skip(offset.saturating_sub(passed)),
            From::After(position) => match kinds.iter().position(|kind| *kind == position.resource_type) {
                Some(reached) if reached < place => Start::Skip(0),
                Some(reached) if reached == place => Start::After(position.id),
                Some(_) | None => Start::Skip(u64::MAX),
            },
        };
        let part = part(core, space, kind, start, left).await?;
        follow |= part.follow;
        total += part.total;
        passed += part.total;
        left -= part.ids.len() as u64;
        page.extend(part.ids.into_iter().map(|id| (kind, id)));
    }
    let last = page.last().filter(|_| follow);
    let next = last.map(|(kind, id)| Position { sort: None, resource_type: (*kind).clone(), id: *id });
    let records = core.read(|reader| {
        let mut records = Vec::with_capacity(page.len());
        for (kind, id) in page {
            // One that is being removed right now is left out.
            records.extend(reader.record(space, kind, id)?);
        }
        Ok(records)
    });
    Ok(Listing { total, records: records.await?, next })
}

/// A part of the ids of one kind.
async fn part(
    core: &Arc<Core>,
    space: &Space,
    kind: &ResourceType,
    start: Start,
    limit: u64,
) -> Result<Part, StoreError> {
    let records = space.records(kind);
    let list = core.lists.get(&records);
    loop {
        if let Some(part) = list.part(start, limit) {
            return Ok(part);
        }
        let _alone = list.reading.lock().await;
        if !list.is_read() {
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
