//! sled itself, which the store is held against.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;

/// As the adapter opens it.
pub fn open(folder: &Path, cache_bytes: u64) -> anyhow::Result<sled::Db> {
    let config = sled::Config::new().path(folder).cache_capacity(cache_bytes).use_compression(false);
    let mut tries = 0;
    loop {
        // sled's threads keep the lock for a moment after the store was closed in this process.
        match config.clone().flush_every_ms(None).open() {
            Err(sled::Error::Io(_)) if tries < 500 => {
                tries += 1;
                std::thread::sleep(Duration::from_millis(10));
            }
            opened => return opened.context("sled does not open it"),
        }
    }
}
