use serde::Deserialize;

use super::ConfigError;

/// The store.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreConfig {
    /// MiB of sled's page cache; 0: a quarter of the memory.
    pub cache_mib: u64,
    /// MiB that stay free on the disk.
    pub reserve_mib: u64,
    /// Records that one request may look at where no index helps.
    pub max_scanned: u64,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self { cache_mib: 0, reserve_mib: 256, max_scanned: 200_000 }
    }
}

impl StoreConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if self.cache_mib > 65_536 {
            return Err(ConfigError::key("store.cache_mib", "must not be above 65536"));
        }
        // Below that, a start could fail for want of room.
        if !(16..=1_048_576).contains(&self.reserve_mib) {
            return Err(ConfigError::key("store.reserve_mib", "must be between 16 and 1048576"));
        }
        if !(1..=10_000_000).contains(&self.max_scanned) {
            return Err(ConfigError::key("store.max_scanned", "must be between 1 and 10000000"));
        }
        Ok(())
    }
}
