use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Deserialize;

/// What operators meet.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdminConfig {
    /// Where to listen.
    pub listen: SocketAddr,
    /// The file that holds the admin key; empty: `keys/admin.key` in the data folder.
    pub key_file: PathBuf,
    /// Serve `/admin/v1` on the SCIM listener as well.
    pub on_scim_listener: bool,
}

impl Default for AdminConfig {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 7601)), key_file: PathBuf::new(), on_scim_listener: false }
    }
}
