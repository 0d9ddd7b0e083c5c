//! Seals of a tenant's log, and its pruning.

use async_trait::async_trait;
use muster_model::{ResourceId, Seal};
use muster_store::{LogKeeper, LogStatus, StoreError};

use crate::codec::{self, damaged};
use crate::directory::SledDirectory;
use crate::entry;
use crate::keys::{Space, last_number};
use crate::log::Bounds;
use crate::prepared::Work;
use crate::reader::Reader;
use crate::staging::Staging;

/// How many rows one commit of a pruning removes, but for those of its last entry: it shares the committer with the tenants' writes.
const MAX_ROWS_A_PRUNING: usize = 4096;

#[async_trait]
impl LogKeeper for SledDirectory {
    async fn status(&self) -> Result<LogStatus, StoreError> {
        let read = |reader: &Reader<'_>| {
            // In this order: a log that grows meanwhile reaches further than its seals, never less far.
            let bounds = Bounds::read(reader, &self.space)?;
            let (last, _) = codec::heads(reader.get(self.space.heads())?)?;
            Ok((bounds, last))
        };
        let (Bounds { anchor, sealed }, last) = self.core.read(read).await?;
        Ok(LogStatus { first: anchor.seq + 1, last, anchor, sealed })
    }

    async fn seal(&self, seal: &Seal, after: u64) -> Result<(), StoreError> {
        let sealing = Sealing { space: self.space.clone(), seal: *seal, after };
        self.committer.commit(Work::Seal(sealing)).await.map(drop)
    }

    async fn seals(&self, after: u64, limit: usize) -> Result<Vec<Seal>, StoreError> {
        let read = |reader: &Reader<'_>| {
            let after = after.max(Bounds::read(reader, &self.space)?.anchor.seq);
            let rows = reader.values(self.space.seals(after), limit)?;
            rows.iter().map(|(_, seal)| codec::decode(seal, "a seal")).collect()
        };
        self.core.read(read).await
    }

    async fn prune(&self, through: u64, limit: usize) -> Result<u64, StoreError> {
        let mut left = limit;
        while left > 0 {
            let (space, most) = (self.space.clone(), left);
            let pruning = self.core.read_long(move |reader| Pruning::next(reader, space, through, most)).await?;
            let removed = pruning.entries.len();
            let was_last = pruning.is_last;
            self.committer.commit(Work::Prune(pruning)).await?;
            left -= removed;
            if was_last {
                break;
            }
        }
        Ok((limit - left) as u64)
    }
}

/// One more seal.
#[derive(Debug)]
pub(crate) struct Sealing {
    space: Space,
    seal: Seal,
    after: u64,
}

impl Sealing {
    pub(crate) fn apply(&self, staging: &mut Staging<'_>) -> Result<(), StoreError> {
        let Self { space, seal, after } = self;
        let bounds = Bounds::decode(staging.value(&space.log_bounds())?.as_ref())?;
        let (last, _) = codec::heads(staging.get(&space.heads())?)?;
        if bounds.sealed.seq != *after || seal.seq <= *after || seal.seq > last {
            return Err(StoreError::Stale);
        }
        staging.put_value(space.seal(seal.seq), &codec::encode(seal)?)?;
        staging.put_value(space.log_bounds(), &codec::encode(&Bounds { sealed: *seal, ..bounds })?)
    }
}

/// One step of a pruning. An entry never changes, so what there is to remove is read before the committer is asked.
#[derive(Debug)]
pub(crate) struct Pruning {
    space: Space,
    through: u64,
    /// The entries to remove, each with the resources that it tells of.
    entries: Vec<(u64, Vec<ResourceId>)>,
    seals: Vec<u64>,
    /// Whether nothing is left after it.
    is_last: bool,
}

impl Pruning {
    /// The oldest rows up to `through`; at most `limit` entries.
    fn next(reader: &Reader<'_>, space: Space, through: u64, limit: usize) -> Result<Self, StoreError> {
        let mut entries = Vec::new();
        let mut rows_left = MAX_ROWS_A_PRUNING;
        let mut is_last = true;
        for row in reader.rows(&space.changes(0).through(&space.change(through))) {
            if entries.len() == limit || rows_left == 0 {
                is_last = false;
                break;
            }
            reader.check_wanted()?;
            let (key, row) = row?;
            let seq = last_number(&key).ok_or_else(|| damaged("an entry of the log"))?;
            let Some(row) = reader.loaded(&key, row)? else { continue };
            let tells_of = entry::row_tells_of(&row)?;
            rows_left = rows_left.saturating_sub(1 + tells_of.len());
            entries.push((seq, tells_of));
        }
        // There is at least one entry for each seal.
        let with_seals = entries.last().map_or(through, |(seq, _)| if is_last { through } else { *seq });
        let mut seals = Vec::new();
        for row in reader.rows(&space.seals(0).through(&space.seal(with_seals))) {
            seals.push(last_number(&row?.0).ok_or_else(|| damaged("a seal"))?);
        }
        Ok(Self { space, through, entries, seals, is_last })
    }

    pub(crate) fn apply(&self, staging: &mut Staging<'_>) -> Result<(), StoreError> {
        let Self { space, through, entries, seals, .. } = self;
        let mut bounds = Bounds::decode(staging.value(&space.log_bounds())?.as_ref())?;
        if *through < bounds.anchor.seq {
            return Err(StoreError::Stale);
        }
        if *through > bounds.anchor.seq {
            let seal = staging.value(&space.seal(*through))?.ok_or(StoreError::Stale)?;
            bounds.anchor = codec::decode(&seal, "a seal")?;
            staging.put_value(space.log_bounds(), &codec::encode(&bounds)?)?;
        }
        for (seq, tells_of) in entries {
            staging.delete_value(space.change(*seq))?;
            for key in entry::history_keys(space, *seq, tells_of) {
                staging.delete(key);
            }
        }
        for seq in seals {
            staging.delete_value(space.seal(*seq))?;
        }
        Ok(())
    }
}
