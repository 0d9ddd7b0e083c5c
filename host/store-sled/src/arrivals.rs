//! Index rows that come while an index is read.
//!
//! A range of sled is no snapshot: a record that moves from one place of a range to another while that is read is met twice, or not at
//! all, though it belonged there all along. Twice does no harm, for the record decides. So that none is missed, the committer tells
//! whoever watches which index rows it brings, before it brings them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use muster_model::ResourceId;
use sled::IVec;

use crate::flight::Writes;
use crate::keys::{self, Range};

/// How many rows are kept for those who watch: some megabytes.
pub(crate) const MAX_KEPT_ROWS: usize = 65_536;

/// Shared by the committer and the readers.
#[derive(Debug, Default)]
pub(crate) struct Arrivals(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    watchers: usize,
    /// How many rows came before the first that is kept.
    before: u64,
    rows: VecDeque<(Vec<u8>, ResourceId)>,
}

/// Sees what comes from its making on. While there is one, rows are kept.
#[derive(Debug)]
pub(crate) struct Watch<'a> {
    arrivals: &'a Arrivals,
    from: u64,
    /// What was under way when it was made: that may come half before, half after.
    under_way: Option<Arc<Writes>>,
}

impl Arrivals {
    /// To be called after a batch is told to be under way and before it is applied.
    pub(crate) fn note(&self, writes: &Writes) {
        let mut kept = self.kept();
        if kept.watchers == 0 {
            return;
        }
        kept.rows.extend(writes.iter().filter_map(|(key, row)| arrival(key, row.as_ref())));
        let surplus = kept.rows.len().saturating_sub(MAX_KEPT_ROWS);
        kept.rows.drain(..surplus);
        kept.before += surplus as u64;
    }

    /// `under_way` is asked for when what comes is kept already.
    pub(crate) fn watch(&self, under_way: impl FnOnce() -> Option<Arc<Writes>>) -> Watch<'_> {
        let mut kept = self.kept();
        kept.watchers += 1;
        let from = kept.before + kept.rows.len() as u64;
        drop(kept);
        Watch { arrivals: self, from, under_way: under_way() }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watch<'_> {
    /// To which records the rows lead that came into these ranges; `None`: more came than is kept.
    pub(crate) fn came_into(&self, ranges: &[Range]) -> Option<Vec<ResourceId>> {
        let came = |key: &[u8]| ranges.iter().any(|range| range.holds(key));
        let kept = self.arrivals.kept();
        let skip = self.from.checked_sub(kept.before)?;
        let since = kept.rows.iter().skip(usize::try_from(skip).unwrap_or(usize::MAX));
        let mut ids: Vec<ResourceId> = since.filter(|(key, _)| came(key)).map(|(_, id)| *id).collect();
        drop(kept);
        let under_way = self.under_way.iter().flat_map(|writes| writes.iter());
        ids.extend(under_way.filter(|(key, _)| came(key)).filter_map(|(key, row)| Some(arrival(key, row.as_ref())?.1)));
        Some(ids)
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        let mut kept = self.arrivals.kept();
        kept.watchers -= 1;
        if kept.watchers == 0 {
            kept.before += kept.rows.len() as u64;
            kept.rows = VecDeque::new();
        }
    }
}

/// An index row that comes, and the record that it leads to.
fn arrival(key: &[u8], row: Option<&IVec>) -> Option<(Vec<u8>, ResourceId)> {
    let id = keys::leads_to(key, row?)?;
    Some((key.to_vec(), id))
}
