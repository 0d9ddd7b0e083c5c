//! Which records a look-up leads to.

use std::collections::BTreeSet;

use muster_model::{ResourceId, ResourceType};
use muster_store::{Among, Lookup, StoreError};

use crate::codec;
use crate::flight::Flights;
use crate::keys::{Range, Space, leads_to};
use crate::reader::Reader;

/// How many rows are read of each of several ways before the next is tried.
const FIRST_ROWS: usize = 16;

/// By how much more of each way is read when none came to its end.
const GROWTH: usize = 4;

/// How often something is read again because the directory changed while it was read.
pub(super) const MAX_TURNS: usize = 4;

/// Collects ids, and spends a row of its budget on each row and each key that it looks at.
pub(super) struct Candidates<'a> {
    reader: &'a Reader<'a>,
    space: &'a Space,
    kind: &'a ResourceType,
    left: usize,
    ids: BTreeSet<ResourceId>,
    /// What was read.
    ranges: Vec<Range>,
}

impl<'a> Candidates<'a> {
    /// Every record that the look-up leads to, and some that came to it meanwhile. `None`: it would take more than `budget` rows.
    pub(super) fn of(
        reader: &'a Reader<'a>,
        flights: &Flights,
        space: &'a Space,
        kind: &'a ResourceType,
        lookup: &Lookup,
        budget: usize,
    ) -> Result<Option<BTreeSet<ResourceId>>, StoreError> {
        for _ in 0..MAX_TURNS {
            let watch = flights.watch();
            let mut found = Candidates { reader, space, kind, left: budget, ids: BTreeSet::new(), ranges: Vec::new() };
            if !found.follow(lookup)? {
                return Ok(None);
            }
            if let Some(came) = watch.came_into(&found.ranges) {
                found.ids.extend(came);
                return Ok(Some(found.ids));
            }
        }
        Err(StoreError::Unavailable("the directory changes faster than it can be searched".into()))
    }

    /// Whether the budget was enough.
    fn follow(&mut self, lookup: &Lookup) -> Result<bool, StoreError> {
        let Self { space, kind, .. } = *self;
        match lookup {
            Lookup::Id(id) => {
                self.ids.insert(*id);
                Ok(self.spend(1))
            }
            Lookup::Value { attribute, folded, value } => {
                let holder = space.unique(kind, attribute, folded);
                let indexed = value.as_ref().map(|value| space.indexed(kind, attribute, value));
                Ok(self.spend(1) && self.read_row(holder)? && indexed.map_or(Ok(true), |range| self.read(range))?)
            }
            Lookup::Unique { attribute, value } => self.read(space.indexed(kind, attribute, value)),
            Lookup::Prefix { among: Among::Keys, attribute, prefix } => {
                self.read(space.unique_from(kind, attribute, prefix))
            }
            Lookup::Prefix { among: Among::Entries | Among::Covered, attribute, prefix } => {
                self.read(space.indexed_from(kind, attribute, prefix))
            }
            Lookup::Active(active) => {
                let range = space.actives(kind, *active);
                self.read_counted(range, &space.active_count(kind, *active))
            }
            Lookup::Modified { from, through } => self.read(space.modified_between(kind, *from, *through)),
            Lookup::GroupsOf(member) => self.read(space.groups(*member)),
            Lookup::MembersOf(group) => self.read_counted(space.members(*group), &space.member_count(*group)),
            Lookup::Any(any) => {
                for one in any {
                    if !(self.spend(1) && self.follow(one)?) {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Lookup::OneOf(ways) => self.shortest(ways),
        }
    }

    /// Reads a little of each way, then more, until one comes to its end: what that costs depends on the shortest way, whatever the
    /// others are.
    fn shortest(&mut self, ways: &[Lookup]) -> Result<bool, StoreError> {
        let mut rows = FIRST_ROWS.min(self.left);
        loop {
            for way in ways {
                let Self { reader, space, kind, .. } = *self;
                let mut tried = Self { reader, space, kind, left: rows, ids: BTreeSet::new(), ranges: Vec::new() };
                if tried.follow(way)? {
                    self.left -= rows - tried.left;
                    self.ids.append(&mut tried.ids);
                    self.ranges.append(&mut tried.ranges);
                    return Ok(true);
                }
            }
            if rows == self.left {
                return Ok(false);
            }
            rows = rows.saturating_mul(GROWTH).min(self.left);
        }
    }

    /// Of how many rows there are a counter tells: no need to find out by reading. It decides nothing but the way, and may be older or
    /// newer than the rows.
    fn read_counted(&mut self, range: Range, counter: &[u8]) -> Result<bool, StoreError> {
        let count = codec::number(self.reader.peek(counter)?)?;
        Ok(usize::try_from(count).is_ok_and(|count| count <= self.left) && self.read(range)?)
    }

    fn read(&mut self, range: Range) -> Result<bool, StoreError> {
        if range.start >= range.end {
            return Ok(true);
        }
        self.reader.check_wanted()?;
        // One more than may be read tells that there is more.
        let rows = self.reader.page(range.clone(), self.left.saturating_add(1))?;
        for (key, row) in &rows {
            self.ids.insert(leads_to(key, row).ok_or_else(|| codec::damaged("an id"))?);
        }
        self.ranges.push(range);
        Ok(self.spend(rows.len()))
    }

    /// One row, if it is there: a row that is asked for costs less than a range that holds no other.
    fn read_row(&mut self, key: Vec<u8>) -> Result<bool, StoreError> {
        self.reader.check_wanted()?;
        let row = self.reader.get(key.clone())?;
        let id = row.as_ref().map(|row| leads_to(&key, row).ok_or_else(|| codec::damaged("an id"))).transpose()?;
        self.ids.extend(id);
        self.ranges.push(Range::only(key));
        Ok(self.spend(usize::from(id.is_some())))
    }

    fn spend(&mut self, rows: usize) -> bool {
        let is_enough = rows <= self.left;
        self.left = self.left.saturating_sub(rows);
        is_enough
    }
}
