use std::path::PathBuf;

use serde::Deserialize;

/// What the vendor's product meets.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DirectoryConfig {
    /// The file that holds the directory keys, one a line; empty: `keys/directory.key` in the data folder.
    pub key_file: PathBuf,
    /// Serve `/directory/v1` on the SCIM listener as well.
    pub on_scim_listener: bool,
}
