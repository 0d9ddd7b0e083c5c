use serde::Deserialize;

use super::ConfigError;

/// The request log.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RequestsConfig {
    /// MiB of all tenants' requests.
    pub total_mib: u64,
    /// Requests that may wait to be written.
    pub queue_entries: usize,
}

impl Default for RequestsConfig {
    fn default() -> Self {
        Self { total_mib: 1024, queue_entries: 4096 }
    }
}

impl RequestsConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if !(1..=1_048_576).contains(&self.total_mib) {
            return Err(ConfigError::key("requests.total_mib", "must be between 1 and 1048576"));
        }
        if !(1..=1_000_000).contains(&self.queue_entries) {
            return Err(ConfigError::key("requests.queue_entries", "must be between 1 and 1000000"));
        }
        Ok(())
    }
}
