//! The store as it was at one moment, read while writes go on.
//!
//! A range of sled's tree is not a snapshot: it shows what is written while it is read. So the committer, before it
//! overwrites a row that the snapshot has still to read, keeps what the row was; the snapshot takes its rows in small
//! pieces, and prefers what was kept. Both hold one lock: the committer while it applies a batch, the reader for a
//! piece; never while anything is flushed or synced. What was read need not be kept any more, so memory is needed only
//! for what changes ahead of the reader, and it is bounded: when it is used up, the snapshot fails, not the writes.
//!
//! A snapshot begins between two batches, when the first of them is on disk.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use muster_store::StoreError;
use sled::{IVec, Tree};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::codec::{self, Value};
use crate::core::Core;
use crate::fault::point;
use crate::flight::Writes;
use crate::keys::{self, Range};
use crate::reader::failed;

/// How much a snapshot may keep of what is overwritten before it was read, in bytes.
pub(crate) const MAX_KEPT_BYTES: usize = 256 * 1024 * 1024;
/// How many rows are looked at under the lock at a time: the committer waits for them.
const MAX_ROWS_LOCKED: usize = 256;
/// How many bytes are read under the lock at a time; the last value may go beyond it.
const MAX_BYTES_LOCKED: usize = 256 * 1024;
/// What a kept row takes beside its bytes, roughly.
const KEPT_ROW_BYTES: usize = 128;

/// What the committer and the snapshot share. There is one snapshot at a time; another waits.
#[derive(Debug)]
pub(crate) struct Snapshots {
    turn: Arc<Semaphore>,
    current: Mutex<Option<Current>>,
    max_kept_bytes: usize,
}

/// The snapshot that is being read.
#[derive(Debug)]
pub(crate) struct Current {
    /// What has still to be read: in order, without overlaps, none empty.
    unread: Vec<Range>,
    /// What rows of it were, by [`keys::place`]; `None`: they were not there.
    kept: BTreeMap<Place, Option<IVec>>,
    kept_bytes: usize,
    /// Why it cannot be read any more.
    failed: Option<Failure>,
}

type Place = (Vec<u8>, u64);

#[derive(Debug, Clone, Copy)]
enum Failure {
    TooMuchChanged,
    Unreadable,
}

/// A row as it was. One that is a value comes with its parts; those are no rows of their own here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) key: IVec,
    pub(crate) own: IVec,
    pub(crate) parts: Vec<IVec>,
}

/// The way to read it, each row once. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Snapshot {
    core: Arc<Core>,
    _turn: OwnedSemaphorePermit,
}

impl Row {
    /// The value, if this is the row of one.
    pub(crate) fn value(&self) -> Result<Value, StoreError> {
        let value = codec::load(&self.key, |key| {
            Ok(match usize::try_from(keys::place(key).1) {
                Ok(0) => Some(self.own.clone()),
                Ok(number) => self.parts.get(number - 1).cloned(),
                Err(_) => None,
            })
        });
        value?.ok_or_else(|| codec::damaged("a value"))
    }
}

impl Snapshots {
    pub(crate) fn new(max_kept_bytes: usize) -> Self {
        Self { turn: Arc::new(Semaphore::new(1)), current: Mutex::new(None), max_kept_bytes }
    }

    /// Waits until no other snapshot is being read.
    pub(crate) async fn turn(&self) -> Result<OwnedSemaphorePermit, StoreError> {
        let turn = Arc::clone(&self.turn).acquire_owned().await;
        turn.map_err(|error| StoreError::Unavailable(Box::new(error)))
    }

    /// From now on what is overwritten in these ranges is kept. To be called between two batches.
    pub(crate) fn begin(&self, ranges: Vec<Range>) {
        let mut unread: Vec<Range> = ranges.into_iter().filter(|range| range.start < range.end).collect();
        unread.sort_by(|one, other| one.start.cmp(&other.start));
        *self.lock() = Some(Current { unread, kept: BTreeMap::new(), kept_bytes: 0, failed: None });
    }

    /// Nothing is kept any more.
    pub(crate) fn end(&self) {
        *self.lock() = None;
    }

    /// Keeps what these writes are about to overwrite. What it returns is to be held until they are applied.
    pub(crate) fn keep(&self, tree: &Tree, writes: &Writes) -> MutexGuard<'_, Option<Current>> {
        let mut current = self.lock();
        if let Some(current) = current.as_mut().filter(|current| current.failed.is_none())
            && let Err(failure) = current.keep(tree, writes, self.max_kept_bytes)
        {
            *current = Current { failed: Some(failure), unread: Vec::new(), kept: BTreeMap::new(), kept_bytes: 0 };
        }
        current
    }

    fn lock(&self) -> MutexGuard<'_, Option<Current>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Snapshot {
    /// `turn` is that of [`Snapshots::turn`], and it has begun.
    pub(crate) fn new(core: Arc<Core>, turn: OwnedSemaphorePermit) -> Self {
        Self { core, _turn: turn }
    }

    /// The next rows in the order of their keys, at most `max_rows`; none: that was all. It blocks, for milliseconds.
    pub(crate) fn next(&mut self, max_rows: usize) -> Result<Vec<Row>, StoreError> {
        self.next_in(&Range::everything(), max_rows)
    }

    /// As [`Snapshot::next`], of one range: ranges can be read in any order, and what was read is read once.
    pub(crate) fn next_in(&mut self, range: &Range, max_rows: usize) -> Result<Vec<Row>, StoreError> {
        let opened = self.core.opened()?;
        point(&opened.folder, "snapshot").map_err(|error| StoreError::Unavailable(Box::new(error)))?;
        let mut rows = Vec::new();
        while rows.len() < max_rows {
            let limit = MAX_ROWS_LOCKED.min(max_rows - rows.len());
            let more = self.current(|current| current.read(&opened.db, range, limit, &mut rows))?;
            if !more {
                break;
            }
        }
        Ok(rows)
    }

    /// Nobody will ask for this range any more: what changes in it need not be kept.
    pub(crate) fn forget(&mut self, range: &Range) -> Result<(), StoreError> {
        self.current(|current| {
            current.took(range);
            Ok(())
        })
    }

    fn current<T>(&self, with: impl FnOnce(&mut Current) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut current = self.core.snapshots.lock();
        let current = current.as_mut().ok_or_else(|| StoreError::Unavailable("the snapshot has ended".into()))?;
        match current.failed {
            None => with(current),
            Some(Failure::TooMuchChanged) => Err(StoreError::Unavailable(
                "more was changed while the store was being copied than can be kept; try again when there is less to write"
                    .into(),
            )),
            Some(Failure::Unreadable) => Err(codec::damaged("a row that was about to be overwritten")),
        }
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        self.core.snapshots.end();
    }
}

impl Current {
    fn keep(&mut self, tree: &Tree, writes: &Writes, max_kept_bytes: usize) -> Result<(), Failure> {
        for key in writes.keys() {
            let place = keys::place(key);
            if !self.is_unread(&place.0) || self.kept.contains_key(&place) {
                continue;
            }
            let row = tree.get(key).map_err(|_| Failure::Unreadable)?;
            self.kept_bytes += kept_bytes(&place, row.as_ref());
            if self.kept_bytes > max_kept_bytes {
                return Err(Failure::TooMuchChanged);
            }
            self.kept.insert(place, row);
        }
        Ok(())
    }

    fn is_unread(&self, key: &[u8]) -> bool {
        let after = self.unread.partition_point(|range| *range.start <= *key);
        after.checked_sub(1).and_then(|last| self.unread.get(last)).is_some_and(|range| *key < *range.end)
    }

    /// Reads on in the first part of the range that is unread; tells whether there may be more.
    fn read(&mut self, tree: &Tree, range: &Range, limit: usize, rows: &mut Vec<Row>) -> Result<bool, StoreError> {
        let Some(unread) = self.unread.iter().find_map(|unread| overlap(unread, range)) else { return Ok(false) };
        let mut now = tree.range(&unread.start[..]..&unread.end[..]).map(|row| row.map_err(failed));
        let own_rows = self.kept.range(places(&unread)).filter(|((_, part), _)| *part == 0);
        let mut before = own_rows.map(|((key, _), own)| (IVec::from(&key[..]), own.clone()));
        let (mut is, mut was) = (now.next().transpose()?, before.next());
        let (mut bytes, mut through) = (0, None);
        for looked_at in 0.. {
            let key = match (&is, &was) {
                (Some((key, _)), Some((kept, _))) => key.min(kept).clone(),
                (Some((key, _)), None) | (None, Some((key, _))) => key.clone(),
                (None, None) => {
                    through = None;
                    break;
                }
            };
            if looked_at == limit || bytes >= MAX_BYTES_LOCKED {
                break;
            }
            let (own, kept) = (is.take_if(|(own, _)| *own == key), was.take_if(|(kept, _)| *kept == key));
            if own.is_some() {
                is = now.next().transpose()?;
            }
            if kept.is_some() {
                was = before.next();
            }
            let own = kept.map_or_else(|| own.map(|(_, own)| own), |(_, kept)| kept);
            if let Some(own) = own.filter(|_| !keys::is_part(&key)) {
                let parts = self.parts(tree, &key, &own)?;
                bytes += own.len() + parts.iter().map(|part| part.len()).sum::<usize>();
                rows.push(Row { key: key.clone(), own, parts });
            }
            through = Some(key);
        }
        match through {
            Some(key) => self.took(&unread.through(&key)),
            None => self.took(&unread),
        }
        Ok(true)
    }

    fn parts(&self, tree: &Tree, key: &[u8], own: &IVec) -> Result<Vec<IVec>, StoreError> {
        let mut parts = Vec::new();
        for number in 0..codec::count_of_parts(own) {
            let part = match self.kept.get(&(key.to_vec(), u64::from(number) + 1)) {
                Some(kept) => kept.clone(),
                None => tree.get(keys::part(key, number)).map_err(failed)?,
            };
            match part {
                Some(part) => parts.push(part),
                // Whoever reads the value will see that it is damaged.
                None => break,
            }
        }
        Ok(parts)
    }

    /// Nothing of this range has to be read any more.
    fn took(&mut self, range: &Range) {
        let taken: Vec<Place> = self.kept.range(places(range)).map(|(place, _)| place.clone()).collect();
        for place in taken {
            if let Some(row) = self.kept.remove(&place) {
                self.kept_bytes -= kept_bytes(&place, row.as_ref());
            }
        }
        let unread = std::mem::take(&mut self.unread);
        self.unread = unread.into_iter().flat_map(|unread| without(unread, range)).collect();
    }
}

fn kept_bytes((key, _): &Place, row: Option<&IVec>) -> usize {
    KEPT_ROW_BYTES + key.len() + row.map_or(0, |row| row.len())
}

/// The places of the rows whose keys are in a range, with their parts.
fn places(range: &Range) -> (Bound<Place>, Bound<Place>) {
    (Bound::Included((range.start.clone(), 0)), Bound::Excluded((range.end.clone(), 0)))
}

fn overlap(one: &Range, other: &Range) -> Option<Range> {
    let (start, end) = (one.start.clone().max(other.start.clone()), one.end.clone().min(other.end.clone()));
    (start < end).then_some(Range { start, end })
}

/// What is left of a range when another is taken out of it.
fn without(range: Range, taken: &Range) -> impl Iterator<Item = Range> + use<> {
    let before = Range { start: range.start.clone(), end: range.end.clone().min(taken.start.clone()) };
    let after = Range { start: range.start.max(taken.end.clone()), end: range.end };
    [before, after].into_iter().filter(|left| left.start < left.end)
}
