//! One commit on its way into a batch: it sees the store, the commits before it in the batch, and what it has written
//! itself.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

use muster_model::{ResourceId, ResourceType};
use muster_store::StoreError;
use sled::{IVec, Tree};

use crate::codec::{self, Value};
use crate::flight::Writes;
use crate::keys::{self, Range, last_id, last_number};
use crate::leases::TaskTurn;
use crate::lists::Turn;
use crate::reader::{count_row, failed};

/// What a commit writes, and what comes of it.
pub(crate) struct Staging<'a> {
    tree: &'a Tree,
    before: &'a Writes,
    known: Option<&'a Known>,
    own: Writes,
    turns: Vec<Turn>,
    task_turns: Vec<TaskTurn>,
    is_quiet: bool,
}

/// Rows that were read for a batch, as they are until it is applied: none is looked for twice.
#[derive(Debug, Default)]
pub(crate) struct Known(RefCell<HashMap<Vec<u8>, Option<IVec>>>);

impl Known {
    fn read(&self, tree: &Tree, key: &[u8]) -> Result<Option<IVec>, sled::Error> {
        if let Some(row) = self.0.borrow().get(key) {
            return Ok(row.clone());
        }
        count_row();
        let row = tree.get(key)?;
        self.0.borrow_mut().insert(key.to_vec(), row.clone());
        Ok(row)
    }

    /// The row, for one who looks for each once.
    pub(crate) fn last_read(&self, tree: &Tree, key: &[u8]) -> Result<Option<IVec>, sled::Error> {
        self.0.borrow_mut().remove(key).map_or_else(|| tree.get(key), Ok)
    }
}

/// What a commit made of itself: [`muster_store::Committed`], still encoded.
#[derive(Debug, Default)]
pub(crate) struct Made {
    pub(crate) seq: u64,
    pub(crate) touched: Vec<(ResourceType, ResourceId, Value)>,
}

impl<'a> Staging<'a> {
    pub(crate) fn new(tree: &'a Tree, before: &'a Writes) -> Self {
        Self {
            tree,
            before,
            known: None,
            own: Writes::new(),
            turns: Vec::new(),
            task_turns: Vec::new(),
            is_quiet: false,
        }
    }

    /// With what commits before it in the batch have read.
    pub(crate) fn knowing(self, known: &'a Known) -> Self {
        Self { known: Some(known), ..self }
    }

    /// Tasks that it brings are not for anybody to carry out yet.
    pub(crate) fn be_quiet(&mut self) {
        self.is_quiet = true;
    }

    pub(crate) fn is_quiet(&self) -> bool {
        self.is_quiet
    }

    /// What happened to tasks.
    pub(crate) fn take_task_turns(&mut self) -> Vec<TaskTurn> {
        std::mem::take(&mut self.task_turns)
    }

    pub(crate) fn into_parts(self) -> (Writes, Vec<Turn>) {
        (self.own, self.turns)
    }

    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<IVec>, StoreError> {
        if let Some(row) = self.own.get(key).or_else(|| self.before.get(key)) {
            return Ok(row.clone());
        }
        if let Some(known) = self.known {
            return known.read(self.tree, key).map_err(failed);
        }
        count_row();
        self.tree.get(key).map_err(failed)
    }

    pub(crate) fn has(&self, key: &[u8]) -> Result<bool, StoreError> {
        Ok(self.get(key)?.is_some())
    }

    pub(crate) fn put(&mut self, key: Vec<u8>, row: impl Into<IVec>) {
        self.own.insert(key, Some(row.into()));
    }

    pub(crate) fn delete(&mut self, key: Vec<u8>) {
        self.own.insert(key, None);
    }

    pub(crate) fn value(&self, key: &[u8]) -> Result<Option<Value>, StoreError> {
        codec::load(key, |key| self.get(key))
    }

    /// Writes a value, in parts if it is large, over what was there.
    pub(crate) fn put_value(&mut self, key: Vec<u8>, value: &[u8]) -> Result<(), StoreError> {
        self.delete_parts(&key)?;
        let (own, parts) = codec::rows(&key, value);
        for (number, part) in (0..).zip(parts) {
            self.put(keys::part(&key, number), part);
        }
        self.put(key, own);
        Ok(())
    }

    pub(crate) fn delete_value(&mut self, key: Vec<u8>) -> Result<(), StoreError> {
        self.delete_parts(&key)?;
        self.delete(key);
        Ok(())
    }

    fn delete_parts(&mut self, key: &[u8]) -> Result<(), StoreError> {
        if let Some(codec::Row::Parts { count, .. }) = self.get(key)?.map(|row| codec::row(key, row)).transpose()? {
            for number in 0..count {
                self.delete(keys::part(key, number));
            }
        }
        Ok(())
    }

    /// The ids that the keys of a range end with.
    pub(crate) fn ids(&self, range: &Range) -> Result<Vec<ResourceId>, StoreError> {
        let mut rows = BTreeMap::new();
        for row in self.tree.range(&range.start[..]..&range.end[..]) {
            count_row();
            let (key, _) = row.map_err(failed)?;
            rows.insert(key.to_vec(), true);
        }
        let bounds = (Bound::Included(range.start.as_slice()), Bound::Excluded(range.end.as_slice()));
        for (key, row) in self.before.range::<[u8], _>(bounds).chain(self.own.range::<[u8], _>(bounds)) {
            rows.insert(key.clone(), row.is_some());
        }
        let kept = rows.iter().filter(|(_, kept)| **kept);
        kept.map(|(key, _)| last_id(key).ok_or_else(|| codec::damaged("an id"))).collect()
    }

    /// The number that the first key of a range ends with.
    pub(crate) fn first_number(&self, range: &Range) -> Result<Option<u64>, StoreError> {
        let first = self.first(range)?;
        first.map(|key| last_number(&key).ok_or_else(|| codec::damaged("a number"))).transpose()
    }

    fn first(&self, range: &Range) -> Result<Option<Vec<u8>>, StoreError> {
        let bounds = (Bound::Included(range.start.as_slice()), Bound::Excluded(range.end.as_slice()));
        let is_written = |key: &[u8]| self.own.contains_key(key) || self.before.contains_key(key);
        let mut stored = None;
        for row in self.tree.range(&range.start[..]..&range.end[..]) {
            count_row();
            let (key, _) = row.map_err(failed)?;
            if !is_written(&key) {
                stored = Some(key.to_vec());
                break;
            }
        }
        let own = self.own.range::<[u8], _>(bounds).find(|(_, row)| row.is_some()).map(|(key, _)| key);
        let is_own = |key: &[u8]| self.own.contains_key(key);
        let mut before = self.before.range::<[u8], _>(bounds);
        let before = before.find(|(key, row)| row.is_some() && !is_own(key)).map(|(key, _)| key);
        Ok([own, before].into_iter().flatten().cloned().chain(stored).min())
    }

    /// The keys of a range, of which there are few.
    pub(crate) fn keys(&self, range: &Range) -> Result<Vec<Vec<u8>>, StoreError> {
        let (mut keys, mut rest) = (Vec::new(), range.clone());
        while let Some(key) = self.first(&rest)? {
            rest = rest.after(&key);
            keys.push(key);
        }
        Ok(keys)
    }

    /// Adds to a counter. One that would fall below nothing was wrong before: better to say so than to go on.
    pub(crate) fn count(&mut self, key: Vec<u8>, by: i64) -> Result<(), StoreError> {
        let number = codec::number(self.get(&key)?)?.checked_add_signed(by);
        match number.ok_or_else(|| codec::damaged("a counter"))? {
            0 => self.delete(key),
            number => self.put(key, &number.to_be_bytes()),
        }
        Ok(())
    }

    pub(crate) fn turn_task(&mut self, turn: TaskTurn) {
        if !self.is_quiet {
            self.task_turns.push(turn);
        }
    }

    pub(crate) fn turn(&mut self, list: Range, id: ResourceId, came: bool) {
        self.turns.push(Turn { list, id, came });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reader::rows_read;

    #[test]
    fn what_one_commit_of_a_batch_has_read_is_known_to_the_next_and_to_the_sum() {
        let folder = tempfile::tempdir().unwrap();
        let tree = sled::open(folder.path()).unwrap();
        tree.insert(b"there", b"row").unwrap();
        let (nothing, known) = (Writes::new(), Known::default());
        let before = rows_read();
        for _ in 0..2 {
            let staging = Staging::new(&tree, &nothing).knowing(&known);
            assert_eq!(staging.get(b"there").unwrap().unwrap(), b"row");
            assert!(staging.get(b"not there").unwrap().is_none());
        }
        assert_eq!(rows_read() - before, 2, "each row once");

        assert_eq!(known.last_read(&tree, b"there").unwrap().unwrap(), b"row");
        assert!(known.last_read(&tree, b"not there").unwrap().is_none());
        assert!(known.0.borrow().is_empty());
    }

    #[test]
    fn what_a_commit_before_it_wrote_hides_what_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let tree = sled::open(folder.path()).unwrap();
        tree.insert(b"key", b"old").unwrap();
        let (nothing, known) = (Writes::new(), Known::default());
        let mut first = Staging::new(&tree, &nothing).knowing(&known);
        assert_eq!(first.get(b"key").unwrap().unwrap(), b"old");
        first.put(b"key".to_vec(), b"new");
        let (written, _) = first.into_parts();

        let second = Staging::new(&tree, &written).knowing(&known);
        assert_eq!(second.get(b"key").unwrap().unwrap(), b"new");
        assert_eq!(known.last_read(&tree, b"key").unwrap().unwrap(), b"old");
    }
}
