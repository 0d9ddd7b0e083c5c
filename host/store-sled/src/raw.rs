//! For tests: edits of a log below every check, as somebody with the files and this program's source could make them.

use std::sync::Arc;

use muster_model::{LogEntry, Seal, TenantId};
use muster_store::StoreError;

use crate::codec;
use crate::core::Core;
use crate::entry;
use crate::flight::Writes;
use crate::keys::Space;
use crate::log::Bounds;
use crate::open::Mark;
use crate::reader::failed;
use crate::staging::Staging;

/// One tenant's log as rows. An edit is seen at once, has the sums that the store reads by, and is on disk some time later.
#[derive(Debug)]
pub struct RawLog {
    core: Arc<Core>,
    space: Space,
}

impl RawLog {
    pub(crate) fn new(core: Arc<Core>, tenant: &TenantId) -> Self {
        Self { core, space: Space::of(tenant) }
    }

    /// Puts an entry where its `seq` says.
    pub fn put_entry(&self, entry: &LogEntry) -> Result<(), StoreError> {
        let row = entry::row(entry.version, &entry::encode(&entry.change)?);
        self.edit(|staging| staging.put_value(self.space.change(entry.seq), &row))
    }

    /// Removes an entry.
    pub fn remove_entry(&self, seq: u64) -> Result<(), StoreError> {
        self.edit(|staging| staging.delete_value(self.space.change(seq)))
    }

    /// Puts a seal where its `seq` says.
    pub fn put_seal(&self, seal: &Seal) -> Result<(), StoreError> {
        self.edit(|staging| staging.put_value(self.space.seal(seal.seq), &codec::encode(seal)?))
    }

    /// Removes a seal.
    pub fn remove_seal(&self, seq: u64) -> Result<(), StoreError> {
        self.edit(|staging| staging.delete_value(self.space.seal(seq)))
    }

    /// Says that the log ends there.
    pub fn set_last(&self, last: u64) -> Result<(), StoreError> {
        self.edit(|staging| {
            let (_, tasks) = codec::heads(staging.get(&self.space.heads())?)?;
            staging.put(self.space.heads(), &[last, tasks].map(u64::to_be_bytes).concat()[..]);
            Ok(())
        })
    }

    /// Says that the kept part of the log begins behind this seal.
    pub fn set_anchor(&self, anchor: &Seal) -> Result<(), StoreError> {
        self.set_bounds(|bounds| bounds.anchor = *anchor)
    }

    /// Says that this is the latest seal.
    pub fn set_sealed(&self, sealed: &Seal) -> Result<(), StoreError> {
        self.set_bounds(|bounds| bounds.sealed = *sealed)
    }

    fn set_bounds(&self, set: impl FnOnce(&mut Bounds)) -> Result<(), StoreError> {
        self.edit(|staging| {
            let mut bounds = Bounds::decode(staging.value(&self.space.log_bounds())?.as_ref())?;
            set(&mut bounds);
            staging.put_value(self.space.log_bounds(), &codec::encode(&bounds)?)
        })
    }

    fn edit(&self, edit: impl FnOnce(&mut Staging<'_>) -> Result<(), StoreError>) -> Result<(), StoreError> {
        let opened = self.core.opened()?;
        let nothing = Writes::new();
        let mut staging = Staging::new(&opened.db, &nothing);
        edit(&mut staging)?;
        let (writes, _) = staging.into_parts();
        // The rows are to add up when the store is opened again.
        let format = Space::deployment().format();
        let mark = opened.db.get(&format).map_err(failed)?.and_then(|row| Mark::from_row(&row));
        let mut total = mark.map(|mark| mark.total).unwrap_or_default();
        for (key, row) in writes {
            let old = match &row {
                Some(row) => opened.db.insert(&key, row),
                None => opened.db.remove(&key),
            }
            .map_err(failed)?;
            if let Some(old) = old {
                total.take(&key, &old);
            }
            if let Some(row) = row {
                total.add(&key, &row);
            }
        }
        if let Some(mark) = mark {
            opened.db.insert(format, &Mark::row(mark.batch, total)[..]).map_err(failed)?;
        }
        Ok(())
    }
}
