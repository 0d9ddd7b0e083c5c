use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use muster_model::{Clock, TenantId, Timestamp};
use muster_store::request_log::RequestBounds;

use crate::segment::Segment;

/// What a tenant has until it is told otherwise: that is the case before the service has started only.
const DEFAULT_BOUNDS: RequestBounds = RequestBounds { days: 7, bytes: 16 << 20 };

/// Milliseconds of a day.
const A_DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// What the request path, readers and the writer have in common. No lock here is held while a file is touched.
#[derive(Debug)]
pub(crate) struct Shared {
    folder: PathBuf,
    clock: Arc<dyn Clock>,
    /// The latest time that ages are counted from, in milliseconds; before one is told nothing is old.
    believed_ms: AtomicI64,
    /// Bytes that wait in the queue.
    held: AtomicUsize,
    /// Requests that were put into the queue.
    taken: AtomicU64,
    stopping: AtomicBool,
    progress: Mutex<Progress>,
    progressed: Condvar,
    lost: Mutex<HashMap<TenantId, u64>>,
    bounds: Mutex<Bounds>,
    segments: Mutex<Segments>,
}

/// What is in the folder. Only the writer changes it.
#[derive(Debug, Default)]
struct Segments {
    /// Each tenant's, oldest first.
    of: HashMap<TenantId, Vec<Segment>>,
    /// Bytes of all of them.
    bytes: u64,
}

/// How far the writer is.
#[derive(Debug, Default)]
struct Progress {
    /// Whether it knows what is in the folder.
    is_ready: bool,
    /// Requests that it has taken out of the queue, and written or lost.
    done: u64,
    has_ended: bool,
}

#[derive(Debug, Default)]
struct Bounds {
    of: HashMap<TenantId, RequestBounds>,
    /// Counts the changes.
    generation: u64,
}

/// Why requests are lost.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Reason {
    /// More came than could be written.
    Queue,
    /// They could not be written.
    Disk,
    /// They could not be made into an entry.
    Entry,
}

impl Reason {
    const fn label(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::Disk => "disk",
            Self::Entry => "entry",
        }
    }
}

impl Shared {
    pub(crate) fn new(folder: PathBuf, clock: Arc<dyn Clock>) -> Self {
        Self {
            folder,
            clock,
            believed_ms: AtomicI64::new(i64::MIN),
            held: AtomicUsize::default(),
            taken: AtomicU64::default(),
            stopping: AtomicBool::default(),
            progress: Mutex::default(),
            progressed: Condvar::default(),
            lost: Mutex::default(),
            bounds: Mutex::default(),
            segments: Mutex::default(),
        }
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.folder.clone()
    }

    pub(crate) fn of_tenant(&self, tenant: &TenantId) -> PathBuf {
        self.folder.join(tenant.as_str())
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn believe(&self, now: Timestamp) {
        self.believed_ms.store(now.as_millis(), Ordering::Relaxed);
    }

    /// What ages are counted from.
    pub(crate) fn believed(&self) -> Timestamp {
        Timestamp::from_millis(self.believed_ms.load(Ordering::Relaxed))
    }

    /// Counts bytes that are put into the queue; how many are in it now.
    pub(crate) fn hold(&self, bytes: usize) -> usize {
        self.held.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes)
    }

    pub(crate) fn let_go(&self, bytes: usize) {
        self.held.fetch_sub(bytes, Ordering::Relaxed);
    }

    pub(crate) fn count_taken(&self) {
        self.taken.fetch_add(1, Ordering::Release);
    }

    /// Counts requests that will not be in the log; the log will say so.
    pub(crate) fn lose(&self, tenant: &TenantId, count: u64, reason: Reason) {
        metrics::counter!("muster_request_log_lost_total", "reason" => reason.label()).increment(count);
        self.lose_again(tenant, count);
    }

    /// Counts what was counted before, and could not be told.
    pub(crate) fn lose_again(&self, tenant: &TenantId, count: u64) {
        let mut lost = lock(&self.lost);
        match lost.get_mut(tenant) {
            Some(before) => *before = before.saturating_add(count),
            None => {
                lost.insert(tenant.clone(), count);
            }
        }
    }

    /// How many of a tenant's requests were lost and not told of; they count as told from here on.
    pub(crate) fn take_lost(&self, tenant: &TenantId) -> u64 {
        lock(&self.lost).remove(tenant).unwrap_or_default()
    }

    /// The tenants of which something was lost.
    pub(crate) fn losers(&self) -> Vec<TenantId> {
        lock(&self.lost).keys().cloned().collect()
    }

    pub(crate) fn set_bounds(&self, tenant: &TenantId, bounds: RequestBounds) {
        let mut all = lock(&self.bounds);
        if all.of.insert(tenant.clone(), bounds) != Some(bounds) {
            all.generation += 1;
        }
    }

    pub(crate) fn bounds(&self, tenant: &TenantId) -> RequestBounds {
        lock(&self.bounds).of.get(tenant).copied().unwrap_or(DEFAULT_BOUNDS)
    }

    pub(crate) fn bounds_generation(&self) -> u64 {
        lock(&self.bounds).generation
    }

    /// Entries from before this time are too old for a tenant.
    pub(crate) fn too_old(&self, tenant: &TenantId) -> Timestamp {
        let kept_ms = i64::from(self.bounds(tenant).days) * A_DAY_MS;
        Timestamp::from_millis(self.believed().as_millis().saturating_sub(kept_ms))
    }

    /// A tenant's segments, oldest first.
    pub(crate) fn segments(&self, tenant: &TenantId) -> Vec<Segment> {
        lock(&self.segments).of.get(tenant).cloned().unwrap_or_default()
    }

    /// Changes a tenant's segments; for the writer only.
    pub(crate) fn change_segments(&self, tenant: &TenantId, change: impl FnOnce(&mut Vec<Segment>)) {
        let mut all = lock(&self.segments);
        let mut segments = all.of.remove(tenant).unwrap_or_default();
        let before = size(&segments);
        change(&mut segments);
        all.bytes = all.bytes.saturating_sub(before).saturating_add(size(&segments));
        if !segments.is_empty() {
            all.of.insert(tenant.clone(), segments);
        }
    }

    /// All tenants that have entries.
    pub(crate) fn tenants(&self) -> Vec<TenantId> {
        lock(&self.segments).of.keys().cloned().collect()
    }

    /// Bytes of all tenants' entries.
    pub(crate) fn bytes(&self) -> u64 {
        lock(&self.segments).bytes
    }

    /// The oldest segment of all, and whose it is.
    pub(crate) fn oldest(&self) -> Option<(TenantId, Segment)> {
        let all = lock(&self.segments);
        let oldest = all.of.iter().filter_map(|(tenant, segments)| Some((tenant, segments.first()?)));
        oldest.min_by_key(|(_, segment)| segment.began).map(|(tenant, segment)| (tenant.clone(), segment.clone()))
    }

    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// The writer knows the folder.
    pub(crate) fn ready(&self) {
        lock(&self.progress).is_ready = true;
        self.progressed.notify_all();
    }

    /// The writer has done with so many more requests.
    pub(crate) fn done(&self, more: u64) {
        lock(&self.progress).done += more;
        self.progressed.notify_all();
    }

    pub(crate) fn ended(&self) {
        lock(&self.progress).has_ended = true;
        self.progressed.notify_all();
    }

    /// Waits until all that was offered before is written, at most so long.
    pub(crate) fn wait_until_written(&self, at_most: Duration) {
        let taken = self.taken.load(Ordering::Acquire);
        self.wait(at_most, |progress| progress.has_ended || progress.is_ready && progress.done >= taken);
    }

    /// Waits for the writer's end; whether it came in time.
    pub(crate) fn wait_until_ended(&self, at_most: Duration) -> bool {
        self.wait(at_most, |progress| progress.has_ended)
    }

    fn wait(&self, at_most: Duration, until: impl Fn(&Progress) -> bool) -> bool {
        let waited = self.progressed.wait_timeout_while(lock(&self.progress), at_most, |progress| !until(progress));
        let (progress, _) = waited.unwrap_or_else(PoisonError::into_inner);
        until(&progress)
    }
}

fn size(segments: &[Segment]) -> u64 {
    segments.iter().map(|segment| segment.bytes).sum()
}

/// Nothing that is locked here is ever half done: whoever panicked with the lock left it usable.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
