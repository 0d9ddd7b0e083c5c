//! Makes again what follows from the facts: indexes, unique keys, counters, the other direction of memberships, histories.
//!
//! Facts are only read. It goes through a tenant in bounded batches, and everything it does can be done twice: when it is
//! stopped half-way, it is simply begun again. While it is under way a mark stands in the store, and a store with the mark is not
//! served: what is half made would answer wrongly.

use std::collections::BTreeMap;

use muster_model::{Queue, Standing, TenantId};
use muster_store::StoreError;
use sled::{Batch, IVec, Tree};

use crate::check::{
    COUNTERS, LEADING, OF_TASKS, Tell, is_led_to, is_membership, is_part_of_a_value, is_told, last_ids,
};
use crate::codec;
use crate::entry;
use crate::index_rows::of_names;
use crate::keys::{self, Range, Space, blocked_lane, kind_of_resource, last_id, last_number};
use crate::log::Bounds;
use crate::plugin_state::{decode_entry, entry_bytes};
use crate::reader::failed;
use crate::room::{ROW_BYTES, Room};
use crate::tasks::{belongs, following_rows, head_row, stored};

/// How many rows are read before what they ask for is written.
const ROWS_A_BATCH: usize = 1024;

/// Makes everything again; gives how many rows were written or removed.
pub(crate) fn rebuild(tree: &Tree, room: &Room, tell: Tell<'_>) -> Result<u64, StoreError> {
    let mut rebuild = Rebuild { tree, room, batch: Batch::default(), waiting: 0, changed: 0, looked_at: 0, tell };
    let mut rest = Range::everything();
    while let Some(row) = tree.range(&rest.start[..]..&rest.end[..]).next() {
        let (key, _) = row.map_err(failed)?;
        let Some(space) = Space::of_key(&key) else {
            // It is no row of ours: a check tells of it.
            rest = rest.after(&key);
            continue;
        };
        if !space.name().is_empty() {
            rebuild.directory(&space)?;
            rebuild.memberships(&space)?;
            rebuild.histories(&space)?;
            rebuild.tasks(&space)?;
            rebuild.states(&space)?;
        }
        rebuild.keep(&space.rows(b'c'), |key, _| is_part_of_a_value(tree, key))?;
        rest.start = space.everything().end;
    }
    rebuild.queues()?;
    rebuild.write()?;
    Ok(rebuild.changed)
}

/// A rebuild under way.
struct Rebuild<'a> {
    tree: &'a Tree,
    room: &'a Room,
    batch: Batch,
    waiting: usize,
    changed: u64,
    looked_at: u64,
    tell: Tell<'a>,
}

impl Rebuild<'_> {
    fn directory(&mut self, space: &Space) -> Result<(), StoreError> {
        let tree = self.tree;
        // First what should not be there: a unique key may stand in the way of the record that rightly holds it.
        for kind in LEADING {
            self.keep(&space.rows(*kind), |key, row| is_led_to(tree, space, key, row))?;
        }
        let mut counted = BTreeMap::new();
        self.each(&space.rows(b'r'), |rebuild, key, _| {
            let Some((kind, id)) = kind_of_resource(key).zip(last_id(key)) else { return Ok(()) };
            let Some(record) = rebuild.value(key)? else { return Ok(()) };
            let (Ok(modified), Ok(names)) = (codec::record_modified(&record), codec::record_names(&record)) else {
                return Ok(());
            };
            let led = of_names(space, &kind, id, modified, &names);
            for (key, row) in led.rows {
                // Of two records that hold one name the first keeps it: a check tells of them.
                if tree.get(&key).map_err(failed)?.is_none() {
                    rebuild.put(&key, row)?;
                }
            }
            for counter in led.counters {
                *counted.entry(counter).or_insert(0) += 1;
            }
            Ok(())
        })?;
        self.counters(space, COUNTERS, &counted)
    }

    fn memberships(&mut self, space: &Space) -> Result<(), StoreError> {
        let tree = self.tree;
        self.keep(&space.rows(b'g'), |key, _| is_membership(tree, space, key))?;
        let mut counted = BTreeMap::new();
        self.each(&space.rows(b'm'), |rebuild, key, _| {
            let Some((group, member)) = last_ids(key) else { return Ok(()) };
            *counted.entry(space.member_count(group)).or_insert(0) += 1;
            let other = space.group(member, group);
            if tree.get(&other).map_err(failed)?.is_none() {
                rebuild.put(&other, IVec::default())?;
            }
            Ok(())
        })?;
        self.counters(space, b"M", &counted)
    }

    fn histories(&mut self, space: &Space) -> Result<(), StoreError> {
        let tree = self.tree;
        let bounds = self.value(&space.log_bounds())?;
        let Ok(Bounds { anchor, .. }) = Bounds::decode(bounds.as_ref()) else { return Ok(()) };
        self.keep(&space.rows(b'H'), |key, _| is_told(tree, space, anchor.seq, key))?;
        self.each(&space.changes(anchor.seq), |rebuild, key, _| {
            let Some((seq, row)) = last_number(key).zip(rebuild.value(key)?) else { return Ok(()) };
            for key in entry::history_keys(space, seq, &entry::row_tells_of(&row).unwrap_or_default()) {
                if tree.get(&key).map_err(failed)?.is_none() {
                    rebuild.put(&key, IVec::default())?;
                }
            }
            Ok(())
        })
    }

    fn tasks(&mut self, space: &Space) -> Result<(), StoreError> {
        let tree = self.tree;
        for kind in OF_TASKS {
            self.keep(&space.rows(*kind), |key, _| belongs(tree, space, key))?;
        }
        let mut counted = BTreeMap::new();
        self.each(&space.tasks(0), |rebuild, key, _| {
            let stands = last_number(key).map_or(Ok(None), |seq| stored(tree, space, seq))?;
            let Some((task, progress)) = stands else { return Ok(()) };
            for key in following_rows(space, &task, &progress) {
                rebuild.put_missing(&key)?;
            }
            *counted.entry(space.task_count(&task.task.queue, progress.standing)).or_insert(0) += 1;
            Ok(())
        })?;
        self.counters(space, b"n", &counted)?;
        self.write()?;
        // Of heads it is known now which they are.
        self.keep(&space.rows(b'w'), |key, _| belongs(tree, space, key))?;
        let mut lane = None;
        self.each(&space.rows(b'q'), |rebuild, key, _| {
            let Some((id, queue, seq)) = blocked_lane(key) else { return Ok(()) };
            if lane.replace((id, queue.clone())) != Some((id, queue)) {
                let head = stored(tree, space, seq)?;
                let head = head.and_then(|(task, progress)| head_row(space, &task, &progress));
                head.map_or(Ok(()), |head| rebuild.put_missing(&head))?;
            }
            Ok(())
        })
    }

    fn states(&mut self, space: &Space) -> Result<(), StoreError> {
        let mut counted = BTreeMap::new();
        self.each(&space.rows(b'v'), |rebuild, key, _| {
            let Some(plugin) = keys::remembering(key) else { return Ok(()) };
            let entries = space.state_entries(plugin);
            for row in rebuild.tree.range(&entries.start[..]..&entries.end[..]) {
                let (key, _) = row.map_err(failed)?;
                let Some((name, row)) = keys::remembered(&key).zip(rebuild.value(&key)?) else { continue };
                let bytes = decode_entry(&row).map_or(0, |entry| entry_bytes(name, &entry.value));
                *counted.entry(space.state_bytes(plugin)).or_insert(0) += bytes;
            }
            Ok(())
        })?;
        counted.retain(|_, bytes| *bytes > 0);
        self.counters(space, b"G", &counted)
    }

    /// The queues that hold tasks which wait, of all tenants but those that are being imported.
    fn queues(&mut self) -> Result<(), StoreError> {
        self.write()?;
        let (tree, deployment) = (self.tree, Space::deployment());
        let holds = |tenant: &TenantId, queue: &Queue| {
            let counter = Space::of(tenant).task_count(queue, Standing::Waiting);
            let is_brought = tree.contains_key(deployment.reserved(tenant)).map_err(failed)?;
            Ok::<_, StoreError>(!is_brought && tree.contains_key(counter).map_err(failed)?)
        };
        self.keep(&deployment.rows(b'Q'), |key, _| {
            keys::tenant_and_queue(key).map_or(Ok(false), |(tenant, queue)| holds(&tenant, &queue))
        })?;
        let mut rest = Range::everything();
        while let Some(row) = tree.range(&rest.start[..]..&rest.end[..]).next() {
            let (key, _) = row.map_err(failed)?;
            let Some(space) = Space::of_key(&key) else {
                rest = rest.after(&key);
                continue;
            };
            rest.start = space.everything().end;
            let Ok(tenant) = TenantId::parse(space.name()) else { continue };
            self.each(&space.rows(b'n'), |rebuild, key, _| {
                let Some((queue, Standing::Waiting)) = keys::counted(key) else { return Ok(()) };
                if holds(&tenant, &queue)? { rebuild.put_missing(&deployment.queue(&tenant, &queue)) } else { Ok(()) }
            })?;
        }
        Ok(())
    }

    /// A row whose key says all.
    fn put_missing(&mut self, key: &[u8]) -> Result<(), StoreError> {
        if self.tree.contains_key(key).map_err(failed)? { Ok(()) } else { self.put(key, IVec::default()) }
    }

    /// What was counted, and no other counters of these kinds.
    fn counters(&mut self, space: &Space, kinds: &[u8], counted: &BTreeMap<Vec<u8>, u64>) -> Result<(), StoreError> {
        for kind in kinds {
            self.keep(&space.rows(*kind), |key, _| Ok(counted.contains_key(key)))?;
        }
        for (key, count) in counted {
            let count = count.to_be_bytes();
            if self.tree.get(key).map_err(failed)?.is_none_or(|row| *row != count) {
                self.put(key, IVec::from(&count[..]))?;
            }
        }
        Ok(())
    }

    /// Removes the rows of a range that do not belong there.
    fn keep(
        &mut self,
        range: &Range,
        mut belongs: impl FnMut(&[u8], &IVec) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        self.each(range, |rebuild, key, row| {
            if !belongs(key, row)? {
                rebuild.remove(key)?;
            }
            Ok(())
        })
    }

    /// Goes through a range; what is written on the way is written between two pieces of it, so that nothing is changed while it is read.
    fn each(
        &mut self,
        range: &Range,
        mut each: impl FnMut(&mut Self, &IVec, &IVec) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut rest = range.clone();
        loop {
            let rows = self.tree.range(&rest.start[..]..&rest.end[..]).take(ROWS_A_BATCH);
            let rows = rows.collect::<Result<Vec<_>, _>>().map_err(failed)?;
            let Some((last, _)) = rows.last() else { return Ok(()) };
            rest = rest.after(last);
            for (key, row) in &rows {
                each(self, key, row)?;
            }
            self.looked_at += rows.len() as u64;
            (self.tell)(self.looked_at);
            self.write()?;
        }
    }

    /// A value that can be read. One that cannot is not a thing to be mended here: a check tells of it.
    fn value(&self, key: &[u8]) -> Result<Option<codec::Value>, StoreError> {
        match codec::load(key, |key| self.tree.get(key).map_err(failed)) {
            Err(StoreError::Damaged(_)) => Ok(None),
            other => other,
        }
    }

    fn put(&mut self, key: &[u8], row: IVec) -> Result<(), StoreError> {
        self.batch.insert(key, row);
        self.changed()
    }

    fn remove(&mut self, key: &[u8]) -> Result<(), StoreError> {
        self.batch.remove(key);
        self.changed()
    }

    fn changed(&mut self) -> Result<(), StoreError> {
        (self.waiting, self.changed) = (self.waiting + 1, self.changed + 1);
        if self.waiting >= ROWS_A_BATCH { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> Result<(), StoreError> {
        if self.waiting > 0 {
            self.room.require(self.waiting as u64 * ROW_BYTES)?;
            self.waiting = 0;
            self.tree.apply_batch(std::mem::take(&mut self.batch)).map_err(failed)?;
        }
        Ok(())
    }
}
