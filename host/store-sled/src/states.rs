//! Accounts by their state.

use muster_model::{Record, ResourceId, ResourceType};
use muster_store::StoreError;

use crate::codec;
use crate::keys::{Space, last_value};
use crate::reader::Reader;

pub(crate) fn page(
    reader: &Reader<'_>,
    space: &Space,
    kind: &ResourceType,
    state: &str,
    after: Option<ResourceId>,
    limit: usize,
) -> Result<Vec<Record>, StoreError> {
    let all = space.in_state(kind, state);
    let mut rest = match after {
        Some(after) => all.after(&space.state(kind, state, after)),
        None => all,
    };
    let mut records = Vec::new();
    // One that goes into another state just now makes room for the next.
    while records.len() < limit {
        let ids = reader.ids(rest.clone(), limit - records.len())?;
        let Some(last) = ids.last() else { break };
        rest = rest.after(&space.state(kind, state, *last));
        for id in ids {
            records.extend(reader.record(space, kind, id)?.filter(|record| record.account.state == state));
        }
    }
    Ok(records)
}

pub(crate) fn counts(
    reader: &Reader<'_>,
    space: &Space,
    kind: &ResourceType,
) -> Result<Vec<(String, u64)>, StoreError> {
    let counters = space.state_counts(kind);
    let mut counts = Vec::new();
    for (key, row) in reader.page(counters.clone(), usize::MAX)? {
        let state = if let Some(state) = last_value(&key, &counters) {
            Some(state.to_owned())
        } else {
            // It is too long for a key. Whoever is in it says what it is called.
            let one = reader.ids(space.counted_by(kind, &key), 1)?.pop();
            let record = one.map_or(Ok(None), |id| reader.record(space, kind, id))?;
            record.map(|record| record.account.state)
        };
        counts.extend(state.zip(Some(codec::number(Some(row))?)));
    }
    Ok(counts)
}
