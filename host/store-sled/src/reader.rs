//! Reads that know what they have read.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use muster_model::{Record, ResourceId, ResourceType};
use muster_store::{Called, Member, Rows, StoreError};
use sled::{IVec, Tree};

use crate::codec::{self, Value};
use crate::flight::Seen;
use crate::keys::{Range, Space, last_id};

/// Reads of one answer. They see the tree as it is, written to disk or not: [`crate::core::Core::read`] waits for that
/// afterwards.
pub(crate) struct Reader<'a> {
    tree: &'a Tree,
    seen: RefCell<Seen>,
    still_wanted: Option<Arc<AtomicBool>>,
}

impl<'a> Reader<'a> {
    /// `still_wanted` becomes false when nobody waits for the answer any more.
    pub(crate) fn new(tree: &'a Tree, still_wanted: Option<Arc<AtomicBool>>) -> Self {
        Self { tree, seen: RefCell::default(), still_wanted }
    }

    /// To be asked by whatever looks at many records.
    pub(crate) fn check_wanted(&self) -> Result<(), StoreError> {
        match &self.still_wanted {
            Some(wanted) if !wanted.load(Ordering::Relaxed) => {
                Err(StoreError::Unavailable("nobody waits for the answer any more".into()))
            }
            Some(_) | None => Ok(()),
        }
    }

    pub(crate) fn into_seen(self) -> Seen {
        self.seen.into_inner()
    }

    pub(crate) fn get(&self, key: Vec<u8>) -> Result<Option<IVec>, StoreError> {
        let row = self.peek(&key)?;
        self.seen.borrow_mut().points.push(key);
        Ok(row)
    }

    pub(crate) fn value(&self, key: Vec<u8>) -> Result<Option<Value>, StoreError> {
        // The parts need no mention: whoever writes them writes the value's own row.
        let value = codec::load(&key, |key| self.peek(key))?;
        self.seen.borrow_mut().points.push(key);
        Ok(value)
    }

    /// The rows of a range, at most `limit`.
    pub(crate) fn page(&self, range: Range, limit: usize) -> Result<Vec<(IVec, IVec)>, StoreError> {
        let rows = self.rows(&range).take(limit).collect::<Result<Vec<_>, _>>()?;
        let read = match rows.last() {
            Some((last, _)) if rows.len() == limit => range.through(last),
            Some(_) | None => range,
        };
        self.saw(read);
        Ok(rows)
    }

    /// The values of a range, at most `limit`.
    pub(crate) fn values(&self, range: Range, limit: usize) -> Result<Vec<(IVec, Value)>, StoreError> {
        let mut values = Vec::new();
        for (key, row) in self.page(range, limit)? {
            values.extend(self.loaded(&key, row)?.map(|value| (key, value)));
        }
        Ok(values)
    }

    /// The rows of a range, one by one; for [`Reader::saw`] the caller has to care.
    pub(crate) fn rows(&self, range: &Range) -> impl Iterator<Item = Result<(IVec, IVec), StoreError>> + use<> {
        self.tree.range(&range.start[..]..&range.end[..]).inspect(|_| count_row()).map(|row| row.map_err(failed))
    }

    /// The value whose row came with a range; `None` if it was removed since.
    pub(crate) fn loaded(&self, key: &[u8], row: IVec) -> Result<Option<Value>, StoreError> {
        match codec::row(key, row)? {
            codec::Row::Whole(value) => Ok(Some(value)),
            codec::Row::Parts { .. } => codec::load(key, |key| self.peek(key)),
        }
    }

    pub(crate) fn saw(&self, range: Range) {
        self.seen.borrow_mut().ranges.push(range);
    }

    /// A read that the caller reports with [`Reader::saw`].
    pub(crate) fn peek(&self, key: &[u8]) -> Result<Option<IVec>, StoreError> {
        count_row();
        self.tree.get(key).map_err(failed)
    }

    pub(crate) fn record(
        &self,
        space: &Space,
        kind: &ResourceType,
        id: ResourceId,
    ) -> Result<Option<Record>, StoreError> {
        let value = self.value(space.record(kind, id))?;
        value.map(|value| codec::decode_record(kind, id, &value)).transpose()
    }

    /// What people call each of these.
    pub(crate) fn names(
        &self,
        space: &Space,
        of: &[(ResourceType, ResourceId)],
    ) -> Result<Vec<Option<Called>>, StoreError> {
        let name = |(kind, id): &(ResourceType, ResourceId)| {
            self.check_wanted()?;
            let record = self.value(space.record(kind, *id))?;
            record.map(|record| codec::record_called(&record)).transpose()
        };
        of.iter().map(name).collect()
    }

    /// For each of these: does the product list it?
    pub(crate) fn are_listed(&self, space: &Space, of: &[(ResourceType, ResourceId)]) -> Result<Vec<bool>, StoreError> {
        let is_listed = |(kind, id): &(ResourceType, ResourceId)| {
            self.check_wanted()?;
            let record = self.value(space.record(kind, *id))?;
            record.map_or(Ok(false), |record| codec::record_listed(&record))
        };
        of.iter().map(is_listed).collect()
    }

    /// The ids that the keys of a range end with, at most `limit`.
    pub(crate) fn ids(&self, range: Range, limit: usize) -> Result<Vec<ResourceId>, StoreError> {
        let rows = self.page(range, limit)?;
        rows.iter().map(|(key, _)| last_id(key).ok_or_else(|| codec::damaged("an id"))).collect()
    }
}

/// The memberships of one tenant, for filters.
pub(crate) struct Memberships<'a> {
    reader: &'a Reader<'a>,
    space: &'a Space,
    /// How many rows may be looked at, one after the other.
    limit: u64,
    asked: RefCell<Asked>,
}

/// What a filter has asked for so far.
#[derive(Default)]
struct Asked {
    /// Whether anything was read.
    rows: bool,
    /// How many rows were looked at.
    looked_at: u64,
    /// The kinds of which records were read.
    kinds: Vec<ResourceType>,
    /// What went wrong: a filter can only answer yes or no.
    failed: Option<StoreError>,
}

impl<'a> Memberships<'a> {
    pub(crate) fn new(reader: &'a Reader<'a>, space: &'a Space, limit: u64) -> Self {
        Self { reader, space, limit, asked: RefCell::default() }
    }

    /// To be called after each record: fails if anything that was asked for it failed.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        self.asked.borrow_mut().failed.take().map_or(Ok(()), Err)
    }

    /// To be called when all was asked: reports what was read.
    pub(crate) fn finish(self) -> Result<(), StoreError> {
        self.check()?;
        let Asked { rows, kinds, .. } = self.asked.into_inner();
        // Both directions of a row are written in one batch: one of them is enough.
        if rows {
            self.reader.saw(self.space.memberships());
        }
        for kind in kinds {
            self.reader.saw(self.space.records(&kind));
        }
        Ok(())
    }

    fn answer<T: Default>(&self, answer: Result<T, StoreError>) -> T {
        let mut asked = self.asked.borrow_mut();
        asked.rows = true;
        answer.unwrap_or_else(|error| {
            asked.failed.get_or_insert(error);
            T::default()
        })
    }

    fn any(&self, range: &Range) -> bool {
        self.answer(self.reader.rows(range).next().transpose().map(|row| row.is_some()))
    }

    /// Whether `holds` for one of the rows of a range.
    fn any_row(&self, range: &Range, holds: impl FnMut(&[u8], &[u8]) -> Result<bool, StoreError>) -> bool {
        let any = self.search(range, holds);
        self.answer(any)
    }

    fn search(
        &self,
        range: &Range,
        mut holds: impl FnMut(&[u8], &[u8]) -> Result<bool, StoreError>,
    ) -> Result<bool, StoreError> {
        for row in self.reader.rows(range) {
            let (key, row) = row?;
            self.reader.check_wanted()?;
            self.count()?;
            if holds(&key, &row)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What is read of another record; `None`: there is none.
    fn of_record<T>(
        &self,
        kind: &ResourceType,
        id: ResourceId,
        read: fn(&[u8]) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        let mut asked = self.asked.borrow_mut();
        if !asked.kinds.contains(kind) {
            asked.kinds.push(kind.clone());
        }
        drop(asked);
        let record = codec::load(&self.space.record(kind, id), |key| self.reader.peek(key))?;
        record.map(|record| read(&record)).transpose()
    }

    fn count(&self) -> Result<(), StoreError> {
        let mut asked = self.asked.borrow_mut();
        asked.looked_at += 1;
        if asked.looked_at > self.limit { Err(StoreError::TooMany { limit: self.limit }) } else { Ok(()) }
    }
}

impl Rows for Memberships<'_> {
    fn is_member(&self, group: ResourceId, member: ResourceId) -> bool {
        self.member(group, member).is_some()
    }

    fn has_members(&self, group: ResourceId) -> bool {
        self.any(&self.space.members(group))
    }

    fn has_groups(&self, member: ResourceId) -> bool {
        self.any(&self.space.groups(member))
    }

    fn member(&self, group: ResourceId, member: ResourceId) -> Option<Member> {
        let key = self.space.member(group, member);
        let row = self.reader.peek(&key).and_then(|row| row.map(|row| codec::member(&key, &row)).transpose());
        self.answer(row)
    }

    fn any_member(&self, group: ResourceId, holds: &mut dyn FnMut(&Member) -> bool) -> bool {
        self.any_row(&self.space.members(group), |key, row| Ok(holds(&codec::member(key, row)?)))
    }

    fn any_group(&self, member: ResourceId, holds: &mut dyn FnMut(ResourceId) -> bool) -> bool {
        let group = |key: &[u8]| last_id(key).ok_or_else(|| codec::damaged("an id"));
        self.any_row(&self.space.groups(member), |key, _| Ok(holds(group(key)?)))
    }

    fn name(&self, resource_type: &ResourceType, id: ResourceId) -> Option<Called> {
        self.answer(self.of_record(resource_type, id, codec::record_called))
    }

    fn is_listed(&self, resource_type: &ResourceType, id: ResourceId) -> bool {
        self.answer(self.of_record(resource_type, id, codec::record_listed)).unwrap_or(false)
    }
}

/// For the tests that hold what operations cost: a row was looked at, or looked for.
#[cfg_attr(not(test), expect(clippy::missing_const_for_fn, reason = "in tests it counts"))]
pub(crate) fn count_row() {
    #[cfg(test)]
    ROWS_READ.with(|rows| rows.set(rows.get() + 1));
}

#[cfg(test)]
thread_local! {
    static ROWS_READ: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// How many rows this thread has read so far.
#[cfg(test)]
pub(crate) fn rows_read() -> u64 {
    ROWS_READ.with(std::cell::Cell::get)
}

/// What a failure of sled means to whoever reads.
pub(crate) fn failed(error: sled::Error) -> StoreError {
    match error {
        sled::Error::Corruption { .. } => StoreError::Damaged("the database cannot be read".to_owned()),
        other => StoreError::Unavailable(Box::new(other)),
    }
}
