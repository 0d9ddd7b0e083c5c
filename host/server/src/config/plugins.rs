use std::path::PathBuf;

use serde::Deserialize;

/// The plugins.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PluginsConfig {
    /// A folder of components that are pushed when the server starts; empty: none.
    pub preload: PathBuf,
}
