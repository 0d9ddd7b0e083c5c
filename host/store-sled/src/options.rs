use std::fmt;
use std::io;
use std::sync::Arc;

use crate::room::FreeSpace;

/// How a store is opened.
#[derive(Debug, Clone)]
pub struct Options {
    /// How much memory sled may use for pages, in bytes. See [`Options::cache_bytes_here`].
    pub cache_bytes: u64,
    /// How many records a filter may look at when no index helps; beyond that, `StoreError::TooMany`.
    pub max_scanned: u64,
    /// How much room must stay free on the disk, in bytes; beyond that, writes are refused with `StoreError::Full`.
    pub reserve_bytes: u64,
    /// For tests.
    #[doc(hidden)]
    pub free_space: Option<FreeSpace>,
    /// For tests.
    #[doc(hidden)]
    pub before_sync: Option<SyncHook>,
}

impl Options {
    /// 128 MiB: enough for some thousand users.
    pub const CACHE_BYTES: u64 = 128 * 1024 * 1024;
    /// 200,000 records.
    pub const MAX_SCANNED: u64 = 200_000;
    /// 256 MiB.
    pub const RESERVE_BYTES: u64 = 256 * 1024 * 1024;
}

impl Default for Options {
    fn default() -> Self {
        Self {
            cache_bytes: Self::CACHE_BYTES,
            max_scanned: Self::MAX_SCANNED,
            reserve_bytes: Self::RESERVE_BYTES,
            free_space: None,
            before_sync: None,
        }
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
