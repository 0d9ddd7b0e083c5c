use std::path::PathBuf;

use muster_service::SignaturePolicy;
use serde::Deserialize;

use super::ConfigError;

/// The plugins.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PluginsConfig {
    /// A folder of components that are pushed when the server starts; empty: none.
    pub preload: PathBuf,
    /// What is demanded of the plugins that are pushed and bound.
    pub signatures: SignaturePolicy,
    /// Seconds of the processor that the compilation of one plugin may take.
    pub compile_processor_s: u64,
    /// Seconds on the wall that it may take.
    pub compile_wall_s: u64,
    /// MiB of memory that it may take.
    pub compile_memory_mib: u64,
    /// MiB over the memories of all instances that are kept between calls.
    pub kept_mib: usize,
}

impl Default for PluginsConfig {
    fn default() -> Self {
        Self {
            preload: PathBuf::new(),
            signatures: SignaturePolicy::Off,
            compile_processor_s: 60,
            compile_wall_s: 100,
            compile_memory_mib: 2048,
            kept_mib: 256,
        }
    }
}

impl PluginsConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if !(1..=600).contains(&self.compile_processor_s) {
            return Err(ConfigError::key("plugins.compile_processor_s", "must be between 1 and 600"));
        }
        // Whoever pushes a plugin waits two minutes for the answer.
        if !(1..=110).contains(&self.compile_wall_s) {
            return Err(ConfigError::key("plugins.compile_wall_s", "must be between 1 and 110"));
        }
        if !(64..=1_048_576).contains(&self.compile_memory_mib) {
            return Err(ConfigError::key("plugins.compile_memory_mib", "must be between 64 and 1048576"));
        }
        if self.kept_mib > 1_048_576 {
            return Err(ConfigError::key("plugins.kept_mib", "must be at most 1048576"));
        }
        Ok(())
    }
}
