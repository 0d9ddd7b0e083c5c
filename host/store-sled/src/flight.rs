//! The batch that is visible, but not yet on disk.
//!
//! sled shows a batch to readers as soon as it is applied, and a crash can still take it back. So the committer tells
//! which rows it is about to write *before* it applies them, and a reader looks *after* it has read: what it saw was
//! written by the batch that is told here, or by one that is on disk. Does what it read touch the batch, it waits until
//! that is on disk as well.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock};

use muster_store::StoreError;
use sled::IVec;
use tokio::sync::watch;

use crate::arrivals::{Arrivals, Watch};
use crate::keys::Range;

/// Rows to write; `None`: to remove.
pub(crate) type Writes = BTreeMap<Vec<u8>, Option<IVec>>;

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Durable,
    Failed,
}

/// Holds the one batch that is under way; there is one committer.
#[derive(Debug, Default)]
pub(crate) struct Flights {
    under_way: RwLock<Option<Arc<Flight>>>,
    arrivals: Arrivals,
}

#[derive(Debug)]
struct Flight {
    writes: Arc<Writes>,
    outcome: watch::Sender<Option<Outcome>>,
}

/// What a reader has read.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) points: Vec<Vec<u8>>,
    pub(crate) ranges: Vec<Range>,
}

impl Flights {
    pub(crate) fn begin(&self, writes: &Arc<Writes>) {
        self.set(Some(Arc::new(Flight { writes: Arc::clone(writes), outcome: watch::Sender::new(None) })));
        self.arrivals.note(writes);
    }

    /// A batch that failed stays: its rows may be seen, and nobody can say whether a restart will find them.
    pub(crate) fn end(&self, outcome: Outcome) {
        if let Some(flight) = self.current() {
            if outcome == Outcome::Durable {
                self.set(None);
            }
            flight.outcome.send_replace(Some(outcome));
        }
    }

    /// For whoever is about to read ranges of an index.
    pub(crate) fn watch(&self) -> Watch<'_> {
        self.arrivals.watch(|| self.current().map(|flight| Arc::clone(&flight.writes)))
    }

    /// Waits until what was seen is on disk.
    pub(crate) async fn settle(&self, seen: &Seen) -> Result<(), StoreError> {
        let Some(flight) = self.current().filter(|flight| flight.touches(seen)) else { return Ok(()) };
        let mut outcome = flight.outcome.subscribe();
        match outcome.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(Outcome::Durable)) => Ok(()),
            Ok(Some(Outcome::Failed) | None) | Err(_) => {
                Err(StoreError::Unavailable("what was read may not have reached the disk".into()))
            }
        }
    }

    fn current(&self) -> Option<Arc<Flight>> {
        self.under_way.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, flight: Option<Arc<Flight>>) {
        *self.under_way.write().unwrap_or_else(PoisonError::into_inner) = flight;
    }
}

impl Flight {
    fn touches(&self, seen: &Seen) -> bool {
        let within = |range: &Range| {
            let bounds = (Bound::Included(range.start.as_slice()), Bound::Excluded(range.end.as_slice()));
            range.start < range.end && self.writes.range::<[u8], _>(bounds).next().is_some()
        };
        seen.points.iter().any(|key| self.writes.contains_key(key)) || seen.ranges.iter().any(within)
    }
}
