use serde::Deserialize;

use super::ConfigError;

/// The store.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreConfig {
    /// MiB of sled's page cache.
    pub cache_mib: u64,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self { cache_mib: 128 }
    }
}

impl StoreConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        match self.cache_mib {
            1..=65_536 => Ok(()),
            _ => Err(ConfigError::key("store.cache_mib", "must be between 1 and 65536")),
        }
    }
}
