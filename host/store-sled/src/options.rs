use std::fmt;
use std::io;
use std::sync::Arc;

/// How a store is opened.
#[derive(Debug, Clone)]
pub struct Options {
    /// How much memory sled may use for pages, in bytes. Its own default of 1 GiB is far more than helps.
    pub cache_bytes: u64,
    /// How many records a filter may look at when no index helps; beyond that, `StoreError::TooMany`.
    pub max_scanned: u64,
    /// For tests.
    #[doc(hidden)]
    pub before_sync: Option<SyncHook>,
}

impl Options {
    /// 128 MiB.
    pub const CACHE_BYTES: u64 = 128 * 1024 * 1024;
    /// 200,000 records.
    pub const MAX_SCANNED: u64 = 200_000;
}

impl Default for Options {
    fn default() -> Self {
        Self { cache_bytes: Self::CACHE_BYTES, max_scanned: Self::MAX_SCANNED, before_sync: None }
    }
}

/// Is called between a batch's becoming visible and its becoming durable. It may wait; an error is taken for the
/// disk's.
#[derive(Clone)]
pub struct SyncHook(pub Arc<dyn Fn() -> io::Result<()> + Send + Sync>);

impl fmt::Debug for SyncHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SyncHook")
    }
}
