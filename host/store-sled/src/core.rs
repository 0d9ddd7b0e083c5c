//! What readers and the committer share.

use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use muster_store::StoreError;
use tokio::sync::Semaphore;

use crate::flight::{Flights, Seen};
use crate::leases::Leased;
use crate::lists::Lists;
use crate::open::Marker;
use crate::reader::Reader;
use crate::snapshot::{MAX_KEPT_BYTES, Snapshots};

/// An open folder. The order of the fields is the order in which they are let go: the lock last.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) folder: PathBuf,
    pub(crate) db: sled::Db,
    /// The file that sled writes to, for `fdatasync`.
    pub(crate) data: File,
    pub(crate) marker: Marker,
    /// Keeps other processes out for as long as it is open.
    #[expect(dead_code, reason = "it is held, not used")]
    pub(crate) lock: File,
}

#[derive(Debug)]
pub(crate) struct Core {
    /// `None`: closed.
    opened: RwLock<Option<Arc<Opened>>>,
    pub(crate) flights: Flights,
    pub(crate) lists: Lists,
    pub(crate) leased: Leased,
    pub(crate) snapshots: Snapshots,
    pub(crate) max_scanned: u64,
    /// Why nothing is written any more.
    broken: OnceLock<String>,
    syncs: AtomicU64,
    long_reads: Arc<Semaphore>,
}

/// Long reads at a time; one more waits. They share their threads with whatever else the process does aside.
pub(crate) const MAX_LONG_READS: usize = 16;

/// Whoever waits for a long read holds it.
#[derive(Debug)]
struct Wanted(Arc<AtomicBool>);

impl Default for Wanted {
    fn default() -> Self {
        Self(Arc::new(AtomicBool::new(true)))
    }
}

impl Drop for Wanted {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

impl Core {
    pub(crate) fn new(opened: Arc<Opened>, max_scanned: u64) -> Self {
        Self {
            opened: RwLock::new(Some(opened)),
            flights: Flights::default(),
            lists: Lists::default(),
            leased: Leased::default(),
            snapshots: Snapshots::new(MAX_KEPT_BYTES),
            max_scanned,
            broken: OnceLock::new(),
            syncs: AtomicU64::new(0),
            long_reads: Arc::new(Semaphore::new(MAX_LONG_READS)),
        }
    }

    /// Reads, on this thread, and waits until what was read is on disk.
    pub(crate) async fn read<T>(
        &self,
        reads: impl FnOnce(&Reader<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let (answer, seen) = self.read_visible(reads)?;
        self.flights.settle(&seen).await?;
        Ok(answer)
    }

    /// As [`Core::read`], for reads that take longer than a thread that serves others should be kept. When nobody waits for it any more, it
    /// ends by itself.
    pub(crate) async fn read_long<T: Send + 'static>(
        self: &Arc<Self>,
        reads: impl FnOnce(&Reader<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let place = self.long_reads.clone().acquire_owned().await;
        let place = place.map_err(|error| StoreError::Unavailable(Box::new(error)))?;
        let wanted = Wanted::default();
        let (core, still_wanted) = (Arc::clone(self), wanted.0.clone());
        let reading = tokio::task::spawn_blocking(move || {
            let read = core.read_visible_while(reads, Some(still_wanted));
            drop(place);
            read
        });
        let (answer, seen) = reading.await.map_err(|error| StoreError::Unavailable(Box::new(error)))??;
        drop(wanted);
        self.flights.settle(&seen).await?;
        Ok(answer)
    }

    fn read_visible<T>(
        &self,
        reads: impl FnOnce(&Reader<'_>) -> Result<T, StoreError>,
    ) -> Result<(T, Seen), StoreError> {
        self.read_visible_while(reads, None)
    }

    fn read_visible_while<T>(
        &self,
        reads: impl FnOnce(&Reader<'_>) -> Result<T, StoreError>,
        still_wanted: Option<Arc<AtomicBool>>,
    ) -> Result<(T, Seen), StoreError> {
        let opened = self.opened()?;
        let reader = Reader::new(&opened.db, still_wanted);
        let answer = reads(&reader)?;
        Ok((answer, reader.into_seen()))
    }

    pub(crate) fn opened(&self) -> Result<Arc<Opened>, StoreError> {
        self.opened.read().unwrap_or_else(PoisonError::into_inner).clone().ok_or_else(closed)
    }

    pub(crate) fn let_go(&self) {
        let opened = self.opened.write().unwrap_or_else(PoisonError::into_inner).take();
        drop(opened);
    }

    pub(crate) fn break_down(&self, why: String) {
        tracing::error!(error = %why, "a write failed: nothing is written any more until a restart");
        // A second reason adds nothing.
        let _ = self.broken.set(why);
    }

    /// Whether writes can be expected to work.
    pub(crate) fn sound(&self) -> Result<(), StoreError> {
        match self.broken.get() {
            None => Ok(()),
            Some(why) => Err(StoreError::Unavailable(format!("an earlier write failed: {why}").into())),
        }
    }

    pub(crate) fn synced(&self) {
        self.syncs.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn syncs(&self) -> u64 {
        self.syncs.load(Ordering::Relaxed)
    }
}

pub(crate) fn closed() -> StoreError {
    StoreError::Unavailable("the store is closed".into())
}
